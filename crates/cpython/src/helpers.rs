//! C functions that uops call and CPython does not offer.
//!
//! But for those of [`general`], none of them runs Python code. A float function says with a result that is not a number that
//! CPython shall do it. The others fail only where memory ran out (with MemoryError set), and
//! [`new_range_iter`] also, without an exception, where CPython would do something else.

#![allow(clippy::missing_safety_doc, reason = "called from traces with operands that guards checked; the GIL is held")]

pub mod builtins;
pub mod calls;
pub mod death;
pub mod delegation;
pub mod deques;
pub mod dicts;
pub mod general;
pub mod generators;
pub mod heaps;
pub mod instances;
pub mod instructions;
pub mod iterators;
pub(crate) mod keys;
mod order;
pub mod raising;
pub mod sequences;
pub mod sets;
pub mod strings;
pub mod texts;

use crate::version::layout;
use crate::{PyObject, floats, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

/// 1 where an object has one reference, or lives forever; else -1.
pub unsafe extern "C" fn is_sole(object: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: a live object. The count of one that lives forever is negative.
    if unsafe { objects::count(object) as i32 } <= 1 { 1 } else { -1 }
}

/// Python's `%` of two floats; not a number where the divisor is 0.
pub extern "C" fn float_mod(left: f64, right: f64) -> f64 {
    if right == 0.0 {
        return f64::NAN;
    }
    let remainder = left % right;
    if remainder == 0.0 {
        // A zero takes the divisor's sign.
        return 0f64.copysign(right);
    }
    if (right < 0.0) != (remainder < 0.0) { remainder + right } else { remainder }
}

/// Python's `//` of two floats; not a number where the divisor is 0.
pub extern "C" fn float_floordiv(left: f64, right: f64) -> f64 {
    if right == 0.0 {
        return f64::NAN;
    }
    let remainder = left % right;
    // Without the remainder the division is (nearly) exact, so that rounding cannot carry it over a whole number.
    let mut quotient = (left - remainder) / right;
    if remainder != 0.0 && (right < 0.0) != (remainder < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0f64.copysign(left / right);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// Python's `**` of two floats where the result is a float; not a number where CPython raises or
/// gives a complex number (and where the result is none).
pub extern "C" fn float_pow(base: f64, exponent: f64) -> f64 {
    if exponent == 0.0 || base == 1.0 {
        return 1.0;
    }
    let finite = base.is_finite() && exponent.is_finite();
    if finite && base > 0.0 {
        let result = pow(base, exponent);
        // OverflowError
        return if result.is_finite() { result } else { f64::NAN };
    }
    if finite && base == 0.0 && exponent < 0.0 {
        return f64::NAN; // ZeroDivisionError
    }
    if finite && base < 0.0 && exponent != exponent.floor() {
        return f64::NAN; // a complex number
    }
    let result = pow(base, exponent);
    if finite && !result.is_finite() {
        return f64::NAN; // OverflowError
    }
    result
}

unsafe extern "C" {
    // CPython's own choice: the same bits need the same library.
    safe fn pow(base: f64, exponent: f64) -> f64;
}

/// A new `float`, and the reference to `old` (an exact float) dropped: written over where that was
/// the last one. Null where memory ran out; `old` is kept then.
pub unsafe extern "C" fn renew_float(value: f64, old: *mut PyObject) -> *mut PyObject {
    // SAFETY: `old` is an exact float that the caller holds a reference to; with a count of 1 nobody else does.
    unsafe {
        if objects::is_last(old) {
            (*old.cast::<layout::Float>()).value = value;
            return old;
        }
        let new = floats::new(value);
        if !new.is_null() {
            objects::decref(old);
        }
        new
    }
}

/// The same for an `int`: its value and `old` (an exact int) are in memory. Numbers of one digit the trace has written over `old`
/// itself, where it may.
pub unsafe extern "C" fn renew_int(both: *const u64) -> *mut PyObject {
    // SAFETY: two words, the second of which is an exact int that the caller holds a reference to.
    unsafe {
        let (value, old) = (*both as i64, *both.add(1) as *mut PyObject);
        if write_int(old, value) {
            return old;
        }
        let new = objects::new_int(value);
        if !new.is_null() {
            objects::decref(old);
        }
        new
    }
}

/// Whether this value was written into an exact int. It is where the caller's reference is the only one, where the digits have
/// room, and where the interpreter has no object for the value; negative numbers, which are rare, are left out.
unsafe fn write_int(int: *mut PyObject, value: i64) -> bool {
    const DIGIT: u32 = 30;
    const OWN: i64 = 257;
    // SAFETY: an exact int has the digits that its tag says.
    unsafe {
        let raw = int.cast::<layout::Long>();
        let tag = if value >> DIGIT == 0 { 1 << 3 } else { 2 << 3 };
        if !objects::is_last(int) || !(OWN..1 << (2 * DIGIT)).contains(&value) || (*raw).tag < tag {
            return false;
        }
        let digits = (&raw mut (*raw).digits).cast::<u32>();
        *digits = value as u32 & ((1 << DIGIT) - 1);
        if tag == 2 << 3 {
            *digits.add(1) = (value >> DIGIT) as u32;
        }
        (*raw).tag = tag;
        true
    }
}

fn is_small(long: &layout::Long) -> bool {
    long.tag >> 3 <= 1
}

fn small_value(long: &layout::Long) -> i64 {
    let digit = if long.tag >> 3 == 0 { 0 } else { i64::from(long.digits[0]) };
    if long.tag & 3 == 2 { -digit } else { digit }
}

/// The value of an exact int of at most 60 bits.
///
/// # Safety
/// A live exact int.
pub(crate) unsafe fn small_int(object: *mut PyObject) -> Option<i64> {
    // SAFETY: an exact int; digits are as many as the tag says.
    unsafe {
        let long = object.cast::<layout::Long>();
        let digits = (&raw const (*long).digits).cast::<u32>();
        let magnitude = match (*long).tag >> 3 {
            0 => 0,
            1 => i64::from(*digits),
            2 => i64::from(*digits) | i64::from(*digits.add(1)) << 30,
            _ => return None,
        };
        Some(if (*long).tag & 3 == 2 { -magnitude } else { magnitude })
    }
}

/// -1, 0 or 1: how two exact ints of any size compare.
unsafe fn int_order(left: *mut PyObject, right: *mut PyObject) -> i32 {
    // SAFETY: exact ints have this layout; digits are as many as the tag says.
    unsafe {
        let (left, right) = (left.cast::<layout::Long>(), right.cast::<layout::Long>());
        if is_small(&*left) && is_small(&*right) {
            return small_value(&*left).cmp(&small_value(&*right)) as i32;
        }
        let sign = |long: *mut layout::Long| 1 - ((*long).tag & 3) as i32;
        let count = |long: *mut layout::Long| (*long).tag >> 3;
        if sign(left) != sign(right) {
            return sign(left).cmp(&sign(right)) as i32;
        }
        let digits = |long: *mut layout::Long| {
            std::slice::from_raw_parts((&raw const (*long).digits).cast::<u32>(), count(long))
        };
        let order =
            count(left).cmp(&count(right)).then_with(|| digits(left).iter().rev().cmp(digits(right).iter().rev()));
        order as i32 * sign(left)
    }
}

macro_rules! comparisons {
    ($($(#[doc = $doc:literal])+ $name:ident $operator:tt;)*) => {
        $(
            $(#[doc = $doc])+
            pub unsafe extern "C" fn $name(left: *mut PyObject, right: *mut PyObject) -> c_int {
                // SAFETY: two exact ints, as the callers guard.
                unsafe { (int_order(left, right) $operator 0).into() }
            }
        )*
    };
}

comparisons! {
    /// `left < right` of two exact ints.
    int_lt <;
    /// `left <= right` of two exact ints.
    int_le <=;
    /// `left == right` of two exact ints.
    int_eq ==;
    /// `left != right` of two exact ints.
    int_ne !=;
    /// `left > right` of two exact ints.
    int_gt >;
    /// `left >= right` of two exact ints.
    int_ge >=;
}

/// A new iterator over `range(start, stop, step)`; null where CPython would raise or use an
/// iterator of another kind.
pub unsafe extern "C" fn new_range_iter(start: i64, stop: i64, step: i64) -> *mut PyObject {
    let left = match step {
        0 => return null_mut(),
        1.. if start < stop => {
            // CPython counts beyond the last value once; that must fit.
            if stop > i64::MAX - (step - 1) {
                return null_mut();
            }
            1 + (stop.wrapping_sub(start).wrapping_sub(1) as u64) / step as u64
        }
        ..0 if start > stop => {
            if stop < i64::MIN + (-1 - step) {
                return null_mut();
            }
            1 + (start.wrapping_sub(stop).wrapping_sub(1) as u64) / step.unsigned_abs()
        }
        _ => 0,
    };
    let Ok(left) = i64::try_from(left) else { return null_mut() };
    // SAFETY: the GIL is held.
    unsafe { objects::new_range_iter(start, step, left) }
}

/// `left ** right` of two exact ints: an `int` or a `float`; null with an exception.
pub unsafe extern "C" fn number_power(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
    // SAFETY: two exact ints; their power runs C only.
    unsafe { pyo3_ffi::PyNumber_Power(left, right, pyo3_ffi::Py_None()) }
}

/// An empty cell.
pub unsafe extern "C" fn new_empty_cell(_: *mut PyObject) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe { pyo3_ffi::PyCell_New(null_mut()) }
}

/// 1 where two exact `str` are equal, else 0.
pub unsafe extern "C" fn str_equal(left: *mut PyObject, right: *mut PyObject) -> c_int {
    // SAFETY: two exact str; comparing them runs C only and cannot fail.
    unsafe { (left == right || pyo3_ffi::PyUnicode_Compare(left, right) == 0).into() }
}
