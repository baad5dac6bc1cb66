//! Comparisons of numbers, strings, and of lists and tuples of such, which run no Python code and do not raise.
//!
//! To ask first whether all items are of such types would look at each of them, though mostly the first one that differs decides. So
//! they are compared here, one by one, and what is met that is not known to be harmless ends the search without an answer: nothing
//! has been run by then.

use super::keys::same_text;
use super::sequences::items;
use super::small_int;
use crate::capi as ffi;
use crate::host::type_address;
use crate::{PyObject, objects};
use std::ffi::c_int;

/// How deep sequences within sequences may be.
const DEPTH: u32 = 3;

unsafe fn is_exact(object: *mut PyObject, ty: u64) -> bool {
    // SAFETY: a live object.
    unsafe { objects::type_of(object) == ty }
}

unsafe fn is_number(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    let ty = unsafe { objects::type_of(object) };
    ty == type_address!(PyLong_Type) || ty == type_address!(PyFloat_Type) || ty == type_address!(PyBool_Type)
}

unsafe fn exact_int(object: *mut PyObject) -> Option<i64> {
    // SAFETY: a live object.
    unsafe { if is_exact(object, type_address!(PyLong_Type)) { small_int(object) } else { None } }
}

/// What C says of two plain values; none where it would raise.
unsafe fn compared(a: *mut PyObject, b: *mut PyObject, operator: c_int) -> Option<bool> {
    // SAFETY: live objects of builtin types that are compared without Python code.
    match unsafe { ffi::PyObject_RichCompareBool(a, b, operator) } {
        0 => Some(false),
        1 => Some(true),
        _ => {
            // SAFETY: an exception is set.
            unsafe { ffi::PyErr_Clear() };
            None
        }
    }
}

/// The items of two lists, or of two tuples.
unsafe fn sequences<'a>(a: *mut PyObject, b: *mut PyObject) -> Option<(&'a [*mut PyObject], &'a [*mut PyObject])> {
    let (list, tuple) = (type_address!(PyList_Type), type_address!(PyTuple_Type));
    // SAFETY: live objects of these exact types; nothing runs that could change them.
    unsafe {
        let types = (objects::type_of(a), objects::type_of(b));
        if types == (tuple, tuple) {
            Some((objects::tuple_items(a), objects::tuple_items(b)))
        } else if types == (list, list) {
            Some((items(a), items(b)))
        } else {
            None
        }
    }
}

/// `a < b`, or another of these comparisons by its number in CPython, but for `==` and `!=`.
pub(super) unsafe fn ordered(a: *mut PyObject, b: *mut PyObject, operator: c_int) -> Option<bool> {
    // SAFETY: live objects.
    unsafe { ordered_within(a, b, operator, DEPTH) }
}

/// `a < b`.
pub(super) unsafe fn less(a: *mut PyObject, b: *mut PyObject) -> Option<bool> {
    // SAFETY: live objects.
    unsafe { ordered(a, b, ffi::Py_LT) }
}

/// `a == b` in the way of containers, for which an object is equal to itself.
pub(super) unsafe fn equal(a: *mut PyObject, b: *mut PyObject) -> Option<bool> {
    // SAFETY: live objects.
    unsafe { equal_within(a, b, DEPTH) }
}

fn by_order<T: PartialOrd>(a: T, b: T, operator: c_int) -> bool {
    match operator {
        ffi::Py_LT => a < b,
        ffi::Py_LE => a <= b,
        ffi::Py_GT => a > b,
        _ => a >= b,
    }
}

unsafe fn ordered_within(a: *mut PyObject, b: *mut PyObject, operator: c_int, depth: u32) -> Option<bool> {
    // SAFETY: live objects; sequences do not change.
    unsafe {
        if let (Some(a), Some(b)) = (exact_int(a), exact_int(b)) {
            return Some(by_order(a, b, operator));
        }
        let text = type_address!(PyUnicode_Type);
        if is_number(a) && is_number(b) || is_exact(a, text) && is_exact(b, text) {
            return compared(a, b, operator);
        }
        let (left, right) = sequences(a, b).filter(|_| depth > 0)?;
        for (a, b) in left.iter().zip(right) {
            if !equal_within(*a, *b, depth - 1)? {
                return ordered_within(*a, *b, operator, depth - 1);
            }
        }
        Some(by_order(left.len(), right.len(), operator))
    }
}

unsafe fn equal_within(a: *mut PyObject, b: *mut PyObject, depth: u32) -> Option<bool> {
    // SAFETY: as above.
    unsafe {
        if a == b {
            return Some(true);
        }
        if let (Some(a), Some(b)) = (exact_int(a), exact_int(b)) {
            return Some(a == b);
        }
        let is_text = |object| is_exact(object, type_address!(PyUnicode_Type));
        if is_text(a) && is_text(b) {
            return Some(same_text(a, b));
        }
        let plain = |object| is_number(object) || is_text(object) || object == ffi::Py_None();
        if plain(a) && plain(b) {
            return compared(a, b, ffi::Py_EQ);
        }
        let (left, right) = sequences(a, b).filter(|_| depth > 0)?;
        if left.len() != right.len() {
            return Some(false);
        }
        for (a, b) in left.iter().zip(right) {
            if !equal_within(*a, *b, depth - 1)? {
                return Some(false);
            }
        }
        Some(true)
    }
}
