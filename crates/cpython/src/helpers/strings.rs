//! What traces do with exact `str`. As elsewhere, null or -1 without an exception refuses, before anything has changed.

use super::builtins::is_plain_value;
use super::keys::same_text;
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::Str;
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

unsafe fn length(text: *mut PyObject) -> isize {
    // SAFETY: an exact str.
    unsafe { (*text.cast::<Str>()).length }
}

/// The highest character that a string of this form may have.
unsafe fn highest(text: *mut PyObject) -> u32 {
    // SAFETY: an exact str.
    unsafe {
        if ffi::PyUnicode_IS_ASCII(text) != 0 {
            return 0x7f;
        }
        match ffi::PyUnicode_KIND(text) {
            1 => 0xff,
            2 => 0xffff,
            _ => 0x10_ffff,
        }
    }
}

/// `text[index]`.
pub unsafe extern "C" fn item(text: *mut PyObject, index: i64) -> *mut PyObject {
    // SAFETY: an exact str, as the callers guard; the index is checked.
    unsafe {
        let length = length(text) as i64;
        let index = if index < 0 { index.saturating_add(length) } else { index };
        if index < 0 || index >= length {
            return null_mut();
        }
        ffi::PyUnicode_FromOrdinal(ffi::PyUnicode_ReadChar(text, index as isize) as c_int)
    }
}

/// 1 where two strings are equal, else 0.
pub unsafe extern "C" fn equal(left: *mut PyObject, right: *mut PyObject) -> c_int {
    // SAFETY: two exact str.
    unsafe { (left == right || same_text(left, right)).into() }
}

/// `part in text`.
pub unsafe extern "C" fn contains(text: *mut PyObject, part: *mut PyObject) -> c_int {
    // SAFETY: two exact str.
    unsafe { ffi::PyUnicode_Contains(text, part) }
}

/// `left + right`, in place where nobody else holds `left`, whose reference is used up; not where null is the result.
pub unsafe extern "C" fn append(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
    // SAFETY: two exact str. One that nobody else holds, that is in no table of strings and has no hash yet may be changed.
    unsafe {
        let (length, more) = (length(left), length(right));
        let alone = objects::is_last(left) && (*left.cast::<Str>()).hash == -1;
        if alone
            && length > 0
            && more > 0
            && (*left.cast::<Str>()).state & 3 == 0
            && highest(right) <= highest(left)
            && let Some(total) = length.checked_add(more)
        {
            let mut grown = left;
            if ffi::PyUnicode_Resize(&mut grown, total) < 0 {
                return null_mut();
            }
            ffi::PyUnicode_CopyCharacters(grown, length, right, 0, more);
            return grown;
        }
        let result = ffi::PyUnicode_Concat(left, right);
        if !result.is_null() {
            objects::decref(left);
        }
        result
    }
}

/// `text % values`, where these are plain values, or a tuple of such.
pub unsafe extern "C" fn format(text: *mut PyObject, values: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact str and a live object of an exact type.
    unsafe {
        // The text of a list or tuple among them takes a list of those that are under way, which may be made for it: an object that the
        // collector counts.
        let plain = |value: &*mut PyObject| is_plain_value(*value, 0);
        let is_tuple = objects::type_of(values) == type_address!(PyTuple_Type);
        if !(if is_tuple { objects::tuple_items(values).iter().all(plain) } else { plain(&values) }) {
            return null_mut();
        }
        ffi::PyUnicode_Format(text, values)
    }
}

/// So many strings, one behind the other. The first operand is not used.
pub unsafe extern "C" fn build(
    _: *mut PyObject,
    pieces: *const *mut PyObject,
    count: isize,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: so many exact str.
    unsafe {
        let pieces = std::slice::from_raw_parts(pieces, count as usize);
        let mut total = 0isize;
        let mut form = 0;
        for piece in pieces.iter().copied() {
            let length = length(piece);
            if length > 0 {
                form = form.max(highest(piece));
                total = total.saturating_add(length);
            }
        }
        let result = ffi::PyUnicode_New(total, form);
        if result.is_null() {
            return result;
        }
        let mut at = 0;
        for piece in pieces.iter().copied() {
            let length = length(piece);
            if length > 0 {
                ffi::PyUnicode_CopyCharacters(result, at, piece, 0, length);
                at += length;
            }
        }
        result
    }
}
