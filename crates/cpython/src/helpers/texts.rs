//! Text of values and values of text, and the division of large ints.
//!
//! CPython looks after signals and the collector in the midst of these: traces ask first (see [`crate::handlers`]), and nothing here makes an
//! object that the collector counts before that. For large ints CPython runs Python code of its own, a module named `_pylong`. Such ints
//! are refused, by null without an exception.

use super::small_int;
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::{Long, Str};
use crate::{PyObject, objects};
use std::ptr::null_mut;
use std::sync::OnceLock;

/// Digits of 30 bits up to which ints run C only, whatever is done with them: fewer than for any of CPython's ways to Python code, the
/// first of which is the division by an int of more than 300.
const DIGITS: usize = 300;
/// Characters of a number's text for the same: the way to Python code begins at 6000.
const CHARACTERS: isize = 2000;

/// Whether this is no int, or a modest one.
pub(super) unsafe fn is_modest(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { objects::type_of(object) != type_address!(PyLong_Type) || (*object.cast::<Long>()).tag >> 3 <= DIGITS }
}

/// `str(value)` of a plain value, and `format(value)`.
pub unsafe extern "C" fn text(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { if is_modest(value) { ffi::PyObject_Str(value) } else { null_mut() } }
}

/// `repr(value)` of a plain value.
pub unsafe extern "C" fn repr(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { if is_modest(value) { ffi::PyObject_Repr(value) } else { null_mut() } }
}

/// `ascii(value)` of a plain value.
pub unsafe extern "C" fn ascii(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { if is_modest(value) { ffi::PyObject_ASCII(value) } else { null_mut() } }
}

/// `format(value, specification)` of a number or a `str`, and a `str`. `PyObject_Format` would bind the method first, and the object for
/// that may be the one with which the collector is due.
pub unsafe extern "C" fn format(value: *mut PyObject, specification: *mut PyObject) -> *mut PyObject {
    static METHODS: OnceLock<[usize; 3]> = OnceLock::new();
    // SAFETY: live objects; the methods are functions in C that take an instance of their type and an object.
    unsafe {
        let methods = METHODS.get_or_init(|| {
            [&raw mut ffi::PyLong_Type, &raw mut ffi::PyFloat_Type, &raw mut ffi::PyUnicode_Type].map(|ty| {
                objects::builtin_method(ty, c"__format__").map_or(0, |found| {
                    let definition = &*(*found).d_method;
                    if definition.ml_flags == ffi::METH_O { definition.ml_meth.PyCFunction as usize } else { 0 }
                })
            })
        });
        let ty = objects::type_of(value);
        let address = if ty == type_address!(PyLong_Type) || ty == type_address!(PyBool_Type) {
            methods[0]
        } else if ty == type_address!(PyFloat_Type) {
            methods[1]
        } else if ty == type_address!(PyUnicode_Type) {
            methods[2]
        } else {
            0
        };
        if address == 0 || !is_modest(value) {
            return null_mut();
        }
        std::mem::transmute::<usize, ffi::PyCFunction>(address)(value, specification)
    }
}

unsafe fn is_short(text: *mut PyObject) -> bool {
    // SAFETY: an exact str.
    unsafe { (*text.cast::<Str>()).length <= CHARACTERS }
}

/// `int(text)`.
pub unsafe extern "C" fn number(text: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact str.
    unsafe { if is_short(text) { ffi::PyLong_FromUnicodeObject(text, 10) } else { null_mut() } }
}

/// `int(text, base)`.
pub unsafe extern "C" fn number_to_base(text: *mut PyObject, base: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact str and an int.
    unsafe {
        match small_int(base) {
            Some(base @ (0 | 2..=36)) if is_short(text) => ffi::PyLong_FromUnicodeObject(text, base as i32),
            _ => null_mut(),
        }
    }
}

/// `divmod(left, right)` of ints.
pub unsafe extern "C" fn divide_with_rest(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe { if is_modest(right) { ffi::PyNumber_Divmod(left, right) } else { null_mut() } }
}

/// `left // right` of ints.
pub unsafe extern "C" fn divide(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe { if is_modest(right) { ffi::PyNumber_FloorDivide(left, right) } else { null_mut() } }
}
