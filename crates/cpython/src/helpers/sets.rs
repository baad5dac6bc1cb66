//! What traces do with exact sets. As in [`dicts`](super::dicts), all functions refuse what they do not handle.

use super::death::droppable;
use super::keys::{Lookup, in_set, is_simple};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::{Dict, Set, Str};
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

const REFUSED: c_int = -1;

/// `key in set`.
pub unsafe extern "C" fn contains(set: *mut PyObject, key: *mut PyObject) -> c_int {
    // SAFETY: an exact set or frozenset, as the callers guard.
    unsafe {
        // Scanners ask for each character of a text: mostly the first place decides.
        if objects::type_of(key) == type_address!(PyUnicode_Type) {
            let (raw, hash) = (&*set.cast::<Set>(), (*key.cast::<Str>()).hash);
            let entry = &*raw.table.add(hash as usize & raw.mask as usize);
            if entry.key == key {
                return 1;
            }
            if hash != -1 && entry.key.is_null() && entry.hash == 0 {
                return 0;
            }
        }
        match in_set(set, key) {
            Lookup::Found(_) => 1,
            Lookup::Missing => 0,
            Lookup::Unknown => REFUSED,
        }
    }
}

/// `set.add(key)`.
pub unsafe extern "C" fn add(set: *mut PyObject, key: *mut PyObject) -> c_int {
    // SAFETY: an exact set; keys in the way were found to be simple.
    unsafe {
        match in_set(set, key) {
            Lookup::Found(_) => 1,
            Lookup::Missing if ffi::PySet_Add(set, key) == 0 => 1,
            _ => REFUSED,
        }
    }
}

/// `set.discard(key)`.
pub unsafe extern "C" fn discard(set: *mut PyObject, key: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        match in_set(set, key) {
            Lookup::Missing => 1,
            Lookup::Found(entry) if droppable((*entry).key) && ffi::PySet_Discard(set, key) >= 0 => 1,
            _ => REFUSED,
        }
    }
}

/// `set.remove(key)` of a key that is there.
pub unsafe extern "C" fn remove(set: *mut PyObject, key: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        match in_set(set, key) {
            Lookup::Found(entry) if droppable((*entry).key) && ffi::PySet_Discard(set, key) >= 0 => 1,
            _ => REFUSED,
        }
    }
}

/// A new set of so many objects. The first operand is not used.
pub unsafe extern "C" fn build(
    _: *mut PyObject,
    objects: *const *mut PyObject,
    count: isize,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: so many live objects. The set that is filled belongs to nobody else.
    unsafe {
        let items = std::slice::from_raw_parts(objects, count as usize);
        if !items.iter().all(|item| is_simple(*item)) {
            return null_mut();
        }
        let set = ffi::PySet_New(null_mut());
        for item in items {
            if set.is_null() || ffi::PySet_Add(set, *item) < 0 {
                objects::decref(set);
                return null_mut();
            }
        }
        set
    }
}

/// Whether putting all items of a container into a set runs no Python code, as far as they are concerned.
pub(super) unsafe fn all_simple(iterable: *mut PyObject) -> bool {
    // SAFETY: a live object; layouts are those of the exact types that are checked first.
    unsafe {
        let ty = objects::type_of(iterable);
        if ty == type_address!(PyList_Type) {
            return super::sequences::items(iterable).iter().all(|item| is_simple(*item));
        }
        if ty == type_address!(PyTuple_Type) {
            return objects::tuple_items(iterable).iter().all(|item| is_simple(*item));
        }
        if ty == type_address!(PySet_Type) || ty == type_address!(PyFrozenSet_Type) {
            let raw = &*iterable.cast::<Set>();
            let entries = std::slice::from_raw_parts(raw.table, raw.mask as usize + 1);
            return entries.iter().all(|entry| entry.key.is_null() || entry.hash == -1 || is_simple(entry.key));
        }
        ty == type_address!(PyUnicode_Type)
            || ty == type_address!(PyBytes_Type)
            || ty == type_address!(PyRange_Type)
            || ty == type_address!(PyDict_Type) && (*(*iterable.cast::<Dict>()).keys).kind != 0
    }
}

/// `set.update(iterable)`.
pub unsafe extern "C" fn update(set: *mut PyObject, iterable: *mut PyObject) -> c_int {
    // SAFETY: an exact set and a container of a known type, as the callers guard. Until all items are known to be simple,
    // nothing is changed.
    unsafe {
        if set == iterable || !all_simple(iterable) {
            return REFUSED;
        }
        for adding in [false, true] {
            let iterator = ffi::PyObject_GetIter(iterable);
            if iterator.is_null() {
                return REFUSED;
            }
            loop {
                let item = ffi::PyIter_Next(iterator);
                if item.is_null() {
                    break;
                }
                let fine = if adding { ffi::PySet_Add(set, item) == 0 } else { in_set(set, item) != Lookup::Unknown };
                objects::decref(item);
                if !fine {
                    objects::decref(iterator);
                    return REFUSED;
                }
            }
            objects::decref(iterator);
            if !ffi::PyErr_Occurred().is_null() {
                return REFUSED;
            }
        }
        1
    }
}

/// `set(iterable)`.
pub unsafe extern "C" fn new(iterable: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { if all_simple(iterable) { ffi::PySet_New(iterable) } else { null_mut() } }
}

/// `len(set)`.
pub unsafe extern "C" fn length(set: *mut PyObject, _: *mut PyObject) -> i64 {
    // SAFETY: an exact set or frozenset.
    unsafe { (*set.cast::<Set>()).used as i64 }
}

macro_rules! operators {
    ($($(#[doc = $doc:literal])+ $name:ident $function:ident;)*) => {
        $(
            $(#[doc = $doc])+
            pub unsafe extern "C" fn $name(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
                // SAFETY: exact sets, as the callers guard; simple keys are compared without Python code.
                unsafe {
                    if all_simple(left) && all_simple(right) { ffi::$function(left, right) } else { null_mut() }
                }
            }
        )*
    };
}

operators! {
    /// `left | right`.
    union PyNumber_Or;
    /// `left & right`.
    intersection PyNumber_And;
    /// `left - right`.
    difference PyNumber_Subtract;
    /// `left ^ right`.
    symmetric_difference PyNumber_Xor;
}
