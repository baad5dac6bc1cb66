//! Text of values and values of text, and the division of large ints.
//!
//! CPython looks after signals and the collector in the midst of these: traces ask first (see [`crate::handlers`]). For large ints it
//! runs Python code of its own, a module named `_pylong`. Such ints are refused, by null without an exception.

use super::small_int;
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::{Long, Str};
use crate::{PyObject, objects};
use std::ptr::null_mut;

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

/// `str(value)` of a plain value.
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

/// `format(value)` of a plain value.
pub unsafe extern "C" fn format_plainly(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { format(value, null_mut()) }
}

/// `format(value, specification)` of a plain value and a `str`, or null.
pub unsafe extern "C" fn format(value: *mut PyObject, specification: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object, and an exact str or null.
    unsafe { if is_modest(value) { ffi::PyObject_Format(value, specification) } else { null_mut() } }
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
