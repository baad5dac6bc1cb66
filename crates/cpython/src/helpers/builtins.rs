//! What stands in the place of builtin functions, or is asked before they are called.
//!
//! All of it refuses, by -1 or null without an exception, where Python code might run.

use super::death::{droppable, is_plain};
use super::texts::is_modest;
use super::{iterators, order, sequences, sets};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::{Dict, Set};
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

const REFUSED: c_int = -1;

/// How deep containers within containers may be.
const DEPTH: u32 = 3;

/// Whether an object is a number, string or the like, or a list or tuple of such: comparing it, hashing it and asking for its
/// truth or text runs C only.
pub(super) unsafe fn is_plain_value(object: *mut PyObject, depth: u32) -> bool {
    // SAFETY: a live object.
    unsafe {
        if is_plain(object) {
            // CPython may be asked to warn where bytes are compared with something else.
            let ty = objects::type_of(object);
            return ty != type_address!(PyBytes_Type) && ty != type_address!(PyRangeIter_Type) && is_modest(object);
        }
        let ty = objects::type_of(object);
        if depth == 0 || ty != type_address!(PyTuple_Type) && ty != type_address!(PyList_Type) {
            return false;
        }
        holds_plain(object, depth)
    }
}

unsafe fn holds_plain(container: *mut PyObject, depth: u32) -> bool {
    // SAFETY: a live object; layouts are those of the exact types that are checked first.
    unsafe {
        let plain = |item: &*mut PyObject| is_plain_value(*item, depth - 1);
        let ty = objects::type_of(container);
        if ty == type_address!(PyList_Type) {
            return sequences::items(container).iter().all(plain);
        }
        if ty == type_address!(PyTuple_Type) {
            return objects::tuple_items(container).iter().all(plain);
        }
        if ty == type_address!(PySet_Type) || ty == type_address!(PyFrozenSet_Type) {
            let raw = &*container.cast::<Set>();
            let entries = std::slice::from_raw_parts(raw.table, raw.mask as usize + 1);
            return entries.iter().all(|entry| entry.key.is_null() || entry.hash == -1 || plain(&entry.key));
        }
        if ty == type_address!(PyDict_Type) {
            if (*(*container.cast::<Dict>()).keys).kind != 0 {
                return true;
            }
            let (mut position, mut key) = (0, null_mut());
            while ffi::PyDict_Next(container, &mut position, &mut key, null_mut()) != 0 {
                if !plain(&key) {
                    return false;
                }
            }
            return true;
        }
        false
    }
}

/// Whether all that a list, tuple or set holds, or all keys of a dict, are plain values: 1.
pub unsafe extern "C" fn all_plain(container: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: a live object.
    if unsafe { holds_plain(container, DEPTH) } { 1 } else { REFUSED }
}

/// Whether all that a container holds can be put into a set: 1.
pub unsafe extern "C" fn all_keys(container: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: a live object.
    if unsafe { sets::all_simple(container) } { 1 } else { REFUSED }
}

/// Whether an iterator, and those that it asks, run to their end without Python code: 1.
pub unsafe extern "C" fn known_iterator(_: *mut PyObject, iterator: *mut PyObject) -> c_int {
    // SAFETY: a live object.
    if unsafe { iterators::runs_to_its_end(iterator) } { 1 } else { REFUSED }
}

/// `list.clear()`.
pub unsafe extern "C" fn list_clear(list: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: an exact list. What it holds may die one after the other only where each may die by itself, and none is held by
    // the list twice or more and by nobody else.
    unsafe {
        let items = sequences::items(list);
        let kept = |item: &*mut PyObject| is_plain(*item) || objects::count(*item) as usize > items.len();
        if !items.iter().all(|item| kept(item) || objects::is_last(*item) && droppable(*item)) {
            return REFUSED;
        }
        if ffi::PyList_SetSlice(list, 0, items.len() as isize, null_mut()) < 0 { REFUSED } else { 1 }
    }
}

/// Calls a class of CPython's own with arguments for which it runs no Python code.
pub unsafe extern "C" fn construct(
    class: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: a live class and as many arguments.
    unsafe { ffi::PyObject_Vectorcall(class, arguments, count, null_mut()) }
}

/// `id(object)`, where nobody hears of it: it raises an audit event, and a hook in Python would run in its midst.
pub unsafe extern "C" fn id(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object. CPython looks for hooks first; a format that there is not makes it fail before it calls one.
    unsafe {
        if ffi::PySys_Audit(c"builtins.id".as_ptr(), c"!".as_ptr()) != 0 {
            ffi::PyErr_Clear();
            return null_mut();
        }
        ffi::PyLong_FromVoidPtr(object.cast())
    }
}

/// A comparison of two lists or two tuples, where what decides it is plain.
unsafe fn compared_items<const OPERATOR: c_int>(left: *mut PyObject, right: *mut PyObject) -> Option<bool> {
    let sequences = [type_address!(PyList_Type), type_address!(PyTuple_Type)];
    // SAFETY: live objects.
    unsafe {
        if !sequences.contains(&objects::type_of(left)) {
            return None;
        }
        match OPERATOR {
            ffi::Py_EQ => order::equal(left, right),
            ffi::Py_NE => order::equal(left, right).map(|equal| !equal),
            _ => order::ordered(left, right, OPERATOR),
        }
    }
}

/// A comparison of two plain values, by the operator's number in CPython: 1 or 0, or -1, which refuses or says that an
/// exception is set.
pub unsafe extern "C" fn compare<const OPERATOR: c_int>(left: *mut PyObject, right: *mut PyObject) -> c_int {
    // SAFETY: live objects; comparing plain ones runs C only.
    unsafe {
        if let Some(truth) = compared_items::<OPERATOR>(left, right) {
            return truth.into();
        }
        if !is_plain_value(left, DEPTH) || !is_plain_value(right, DEPTH) {
            return REFUSED;
        }
        let result = ffi::PyObject_RichCompare(left, right, OPERATOR);
        if result.is_null() {
            return REFUSED;
        }
        let truth = result == ffi::Py_True();
        objects::decref(result);
        truth.into()
    }
}

/// `value in sequence` of a list or tuple and a plain value.
pub unsafe extern "C" fn value_in_sequence(sequence: *mut PyObject, value: *mut PyObject) -> c_int {
    // SAFETY: an exact list or tuple and a live object.
    unsafe {
        if !is_plain_value(value, DEPTH) {
            return REFUSED;
        }
        let is_list = objects::type_of(sequence) == type_address!(PyList_Type);
        let items: &[*mut PyObject] = if is_list { sequences::items(sequence) } else { objects::tuple_items(sequence) };
        for item in items {
            if *item == value {
                return 1;
            }
            let types = (objects::type_of(*item), objects::type_of(value));
            if types == (type_address!(PyLong_Type), type_address!(PyLong_Type)) {
                if super::int_eq(*item, value) != 0 {
                    return 1;
                }
                continue;
            }
            if !is_plain_value(*item, DEPTH) {
                return REFUSED;
            }
            match ffi::PyObject_RichCompareBool(*item, value, ffi::Py_EQ) {
                0 => {}
                found => return found,
            }
        }
        0
    }
}
