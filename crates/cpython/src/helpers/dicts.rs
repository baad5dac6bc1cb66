//! What traces do with exact dicts.
//!
//! All functions refuse what they do not handle, by null, 0 or -1 without an exception and before they have changed anything:
//! the trace is left, and CPython runs the instruction itself. That is so for keys that are not simple, for missing keys
//! where that is an error, for what would run code when it dies, and, where a dict is changed, for dicts
//! that are watched or share their keys with instances.

use super::death::{dies_with, droppable};
use super::keys::{Lookup, Place, all_items, in_dict, int_in_dict, is_cloned, is_simple};
use super::write_int;
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::Dict;
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

/// Refused, or an exception is set.
const REFUSED: c_int = -1;

unsafe fn new_reference(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { objects::incref(object) };
    object
}

/// Whether a dict may be changed here.
unsafe fn may_change(dict: *mut PyObject) -> bool {
    // SAFETY: an exact dict.
    unsafe {
        let raw = &*dict.cast::<Dict>();
        raw.watchers & 0xff == 0 && raw.values.is_null()
    }
}

/// `dict[key]`.
pub unsafe extern "C" fn get(dict: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact dict, as the callers guard.
    unsafe {
        match in_dict(dict, key) {
            Lookup::Found(place) => new_reference(*place.value),
            _ => null_mut(),
        }
    }
}

/// `dict[key]` of a number.
pub unsafe extern "C" fn get_int(dict: *mut PyObject, key: i64) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        match int_in_dict(dict, key) {
            Lookup::Found(place) => new_reference(*place.value),
            _ => null_mut(),
        }
    }
}

/// `dict.get(key, default)`.
pub unsafe extern "C" fn get_or(dict: *mut PyObject, key: *mut PyObject, default: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        match in_dict(dict, key) {
            Lookup::Found(place) => new_reference(*place.value),
            Lookup::Missing => new_reference(default),
            Lookup::Unknown => null_mut(),
        }
    }
}

/// `dict.get(key)`.
pub unsafe extern "C" fn get_or_none(dict: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above; `None` lives forever.
    unsafe { get_or(dict, key, ffi::Py_None()) }
}

/// `key in dict`.
pub unsafe extern "C" fn contains(dict: *mut PyObject, key: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        match in_dict(dict, key) {
            Lookup::Found(_) => 1,
            Lookup::Missing => 0,
            Lookup::Unknown => REFUSED,
        }
    }
}

/// `dict[key] = value`.
pub unsafe extern "C" fn set(dict: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> c_int {
    // SAFETY: as above; what is replaced may be dropped, and a simple key is put in without running code.
    unsafe {
        if !may_change(dict) {
            return REFUSED;
        }
        match in_dict(dict, key) {
            Lookup::Found(place) => {
                let old = *place.value;
                if !droppable(old) {
                    return REFUSED;
                }
                if (*ffi::Py_TYPE(value)).tp_flags & ffi::Py_TPFLAGS_HAVE_GC == 0 {
                    *place.value = new_reference(value);
                    objects::decref(old);
                    return 1;
                }
            }
            Lookup::Missing => {}
            Lookup::Unknown => return REFUSED,
        }
        if ffi::PyDict_SetItem(dict, key, value) < 0 { REFUSED } else { 1 }
    }
}

/// `dict[key] = value` of a number. The second number is not used.
pub unsafe extern "C" fn set_int(dict: *mut PyObject, key: i64, _: i64, value: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        if !may_change(dict) {
            return REFUSED;
        }
        if let Lookup::Found(place) = int_in_dict(dict, key)
            && (*ffi::Py_TYPE(value)).tp_flags & ffi::Py_TPFLAGS_HAVE_GC == 0
            && droppable(*place.value)
        {
            objects::decref(std::mem::replace(&mut *place.value, new_reference(value)));
            return 1;
        }
        with_object(key, |key| set(dict, key, value))
    }
}

/// Writes a number into the value of a place, where it can be: an exact int that nobody else holds.
unsafe fn written(place: Lookup<Place>, value: i64) -> bool {
    // SAFETY: a place that was just found in a live dict.
    unsafe {
        match place {
            Lookup::Found(place) => {
                objects::type_of(*place.value) == type_address!(PyLong_Type) && write_int(*place.value, value)
            }
            _ => false,
        }
    }
}

/// `dict[key] = value` of a value that is a number. The second number is not used.
pub unsafe extern "C" fn set_number(dict: *mut PyObject, value: i64, _: i64, key: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        if may_change(dict) && written(in_dict(dict, key), value) {
            return 1;
        }
        with_object(value, |value| set(dict, key, value))
    }
}

/// The same where the key is a number, too. The object is not used.
pub unsafe extern "C" fn set_int_number(dict: *mut PyObject, key: i64, value: i64, _: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        if may_change(dict) && written(int_in_dict(dict, key), value) {
            return 1;
        }
        with_object(value, |value| set_int(dict, key, 0, value))
    }
}

/// Does something with an object for a number, which lives as long as that.
unsafe fn with_object(number: i64, act: impl FnOnce(*mut PyObject) -> c_int) -> c_int {
    // SAFETY: the GIL is held; the object is dropped once.
    unsafe {
        let object = objects::new_int(number);
        if object.is_null() {
            return REFUSED;
        }
        let done = act(object);
        objects::decref(object);
        done
    }
}

/// `del dict[key]`.
pub unsafe extern "C" fn delete(dict: *mut PyObject, key: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        match in_dict(dict, key) {
            Lookup::Found(place) if may_change(dict) && droppable(*place.value) && droppable(place.key) => {
                if ffi::PyDict_DelItem(dict, key) < 0 {
                    REFUSED
                } else {
                    1
                }
            }
            _ => REFUSED,
        }
    }
}

/// `dict.setdefault(key, default)`.
pub unsafe extern "C" fn set_default(dict: *mut PyObject, key: *mut PyObject, default: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        match in_dict(dict, key) {
            Lookup::Found(place) => new_reference(*place.value),
            Lookup::Missing if may_change(dict) && ffi::PyDict_SetItem(dict, key, default) == 0 => {
                new_reference(default)
            }
            _ => null_mut(),
        }
    }
}

/// `dict.setdefault(key)`.
pub unsafe extern "C" fn set_default_none(dict: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above.
    unsafe { set_default(dict, key, ffi::Py_None()) }
}

/// `dict.clear()`.
pub unsafe extern "C" fn clear(dict: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: as above. Where the whole dict might die, all that it holds may.
    unsafe {
        if !may_change(dict) || dies_with(dict) == 0 {
            return REFUSED;
        }
        ffi::PyDict_Clear(dict);
        1
    }
}

unsafe fn take_out(dict: *mut PyObject, key: *mut PyObject) -> Lookup<*mut PyObject> {
    // SAFETY: as above. The value is held by who gets it.
    unsafe {
        match in_dict(dict, key) {
            Lookup::Found(place) if may_change(dict) && droppable(place.key) => {
                let value = new_reference(*place.value);
                if ffi::PyDict_DelItem(dict, key) < 0 {
                    objects::decref(value);
                    return Lookup::Unknown;
                }
                Lookup::Found(value)
            }
            Lookup::Missing => Lookup::Missing,
            _ => Lookup::Unknown,
        }
    }
}

/// `dict.pop(key)`.
pub unsafe extern "C" fn pop(dict: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's.
    match unsafe { take_out(dict, key) } {
        Lookup::Found(value) => value,
        _ => null_mut(),
    }
}

/// `dict.pop(key, default)`.
pub unsafe extern "C" fn pop_or(dict: *mut PyObject, key: *mut PyObject, default: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        match take_out(dict, key) {
            Lookup::Found(value) => value,
            Lookup::Missing => new_reference(default),
            Lookup::Unknown => null_mut(),
        }
    }
}

/// A new dict of `count` objects, keys and values in turn. The first operand is not used.
pub unsafe extern "C" fn build(
    _: *mut PyObject,
    objects: *const *mut PyObject,
    count: isize,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: so many live objects. The dict that is filled belongs to nobody else.
    unsafe {
        let pairs = std::slice::from_raw_parts(objects, count as usize);
        if !pairs.chunks_exact(2).all(|pair| is_simple(pair[0])) {
            return null_mut();
        }
        let dict = ffi::PyDict_New();
        if dict.is_null() {
            return dict;
        }
        for pair in pairs.chunks_exact(2) {
            if ffi::PyDict_SetItem(dict, pair[0], pair[1]) < 0 {
                objects::decref(dict);
                return null_mut();
            }
        }
        dict
    }
}

/// Whether all keys of a dict are simple.
unsafe fn has_simple_keys(dict: *mut PyObject) -> bool {
    // SAFETY: an exact dict that nobody changes meanwhile.
    unsafe { (*(*dict.cast::<Dict>()).keys).kind != 0 || all_items(dict, |key, _| is_simple(key)) }
}

/// `dict.update(other)` of two exact dicts, where the first one is not read by anybody else yet or replaces nothing that
/// could run code when it dies.
pub unsafe extern "C" fn update(dict: *mut PyObject, other: *mut PyObject) -> c_int {
    // SAFETY: exact dicts, as the callers guard.
    unsafe {
        if dict == other {
            return 1;
        }
        let is_empty = (*dict.cast::<Dict>()).used == 0;
        if !may_change(dict) || !(is_empty && is_cloned(other) || has_simple_keys(other)) {
            return REFUSED;
        }
        if !is_empty {
            let (mut position, mut key) = (0, null_mut());
            while ffi::PyDict_Next(other, &mut position, &mut key, null_mut()) != 0 {
                match in_dict(dict, key) {
                    Lookup::Found(place) if !droppable(*place.value) => return REFUSED,
                    Lookup::Unknown => return REFUSED,
                    _ => {}
                }
            }
        }
        if ffi::PyDict_Update(dict, other) < 0 { REFUSED } else { 1 }
    }
}

/// `dict(other)` of an exact dict: null without an exception where keys may be compared that run Python code, as CPython does unless
/// it can copy the table whole.
pub unsafe extern "C" fn copy(other: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact dict; its keys run no Python code.
    unsafe {
        if !is_cloned(other) && !has_simple_keys(other) {
            return null_mut();
        }
        // Not `PyDict_Copy`: its table may have another size.
        let new = ffi::PyDict_New();
        if !new.is_null() && ffi::PyDict_Update(new, other) < 0 {
            objects::decref(new);
            return null_mut();
        }
        new
    }
}

/// `len(dict)`.
pub unsafe extern "C" fn length(dict: *mut PyObject, _: *mut PyObject) -> i64 {
    // SAFETY: an exact dict.
    unsafe { (*dict.cast::<Dict>()).used as i64 }
}
