//! Looking keys up in dicts and sets without running Python code.
//!
//! A key is *simple* where hashing it and comparing it with another simple one runs C only: numbers, strings, `None`, tuples of
//! such, and objects whose class leaves both to `object`, which goes by identity. The tables are probed as CPython does; a
//! key in the way that has the same hash and is not simple makes the answer unknown, and CPython shall give it.

use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::{Dict, Entry, Set, SetEntry, Str, UnicodeEntry};
use crate::{PyObject, objects};
use decal_trace::event::DictEntry;
use std::ptr::null_mut;

/// How deep tuples within tuples may be.
const TUPLES: u32 = 3;

/// `LINEAR_PROBES` of `setobject.c`.
const LINEAR_PROBES: usize = 9;
/// `PERTURB_SHIFT` of both.
const PERTURB_SHIFT: u32 = 5;
/// What the table of a dict says of an entry that was never used.
const EMPTY: i64 = -1;

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lookup<T> {
    /// The key is there.
    Found(T),
    /// It is not.
    Missing,
    /// Asking might run Python code.
    Unknown,
}

/// The binary logarithm of the places of the smallest dict's table (`PyDict_LOG_MINSIZE`).
const SMALLEST: u8 = 3;

/// Where a dict keeps a key and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(super) key: *mut PyObject,
    pub(super) value: *mut *mut PyObject,
}

/// Whether an object is a simple key.
pub(crate) unsafe fn is_simple(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { simple(object, TUPLES) }
}

unsafe fn simple(object: *mut PyObject, depth: u32) -> bool {
    // SAFETY: a live object; types are alive as long as their objects.
    unsafe {
        let ty = objects::type_of(object);
        if ty == type_address!(PyUnicode_Type)
            || ty == type_address!(PyLong_Type)
            || ty == type_address!(PyFloat_Type)
            || ty == type_address!(PyBool_Type)
            || ty == type_address!(PyBytes_Type)
            || object == ffi::Py_None()
        {
            return true;
        }
        if ty == type_address!(PyTuple_Type) {
            return depth > 0 && objects::tuple_items(object).iter().all(|item| simple(*item, depth - 1));
        }
        let base: *const ffi::PyTypeObject = &raw const ffi::PyBaseObject_Type;
        let (ty, base) = (&*ffi::Py_TYPE(object), &*base);
        let hash = ty.tp_hash.map(|function| function as usize);
        let compare = ty.tp_richcompare.map(|function| function as usize);
        hash == base.tp_hash.map(|function| function as usize)
            && compare == base.tp_richcompare.map(|function| function as usize)
    }
}

/// The hash of a simple key.
pub(super) unsafe fn hash(key: *mut PyObject) -> isize {
    // SAFETY: a live object; hashing a simple one cannot fail.
    unsafe {
        if objects::type_of(key) == type_address!(PyUnicode_Type) {
            let known = (*key.cast::<Str>()).hash;
            if known != -1 {
                return known;
            }
        }
        ffi::PyObject_Hash(key)
    }
}

/// The hash of a small number.
pub(super) fn int_hash(value: i64) -> isize {
    const MODULUS: i64 = (1 << 61) - 1;
    match value % MODULUS {
        -1 => -2,
        hash => hash as isize,
    }
}

/// Whether two exact `str` are equal.
pub(super) unsafe fn same_text(a: *mut PyObject, b: *mut PyObject) -> bool {
    // SAFETY: two exact str.
    unsafe {
        let length = (*a.cast::<Str>()).length;
        let kind = ffi::PyUnicode_KIND(a);
        if length != (*b.cast::<Str>()).length || kind != ffi::PyUnicode_KIND(b) {
            return false;
        }
        let bytes = length as usize * kind as usize;
        let data = |string| std::slice::from_raw_parts(ffi::PyUnicode_DATA(string).cast::<u8>(), bytes);
        let (a, b) = (data(a), data(b));
        // Most that differ do so at once.
        a.first() == b.first() && a == b
    }
}

/// Whether a key in the way, which has the same hash, is equal to the one that is looked for. `None` where asking might run
/// Python code. The latter is simple.
unsafe fn equal(in_way: *mut PyObject, key: *mut PyObject) -> Option<bool> {
    // SAFETY: live objects.
    unsafe {
        if in_way == key {
            return Some(true);
        }
        let types = (objects::type_of(in_way), objects::type_of(key));
        let (text, bytes) = (type_address!(PyUnicode_Type), type_address!(PyBytes_Type));
        if types == (text, text) {
            return Some(same_text(in_way, key));
        }
        // CPython may be asked to warn where bytes are compared with something else.
        if !is_simple(in_way) || (types.0 == bytes) != (types.1 == bytes) || types.0 == type_address!(PyTuple_Type) {
            return if types.0 == type_address!(PyTuple_Type) && types.0 == types.1 {
                equal_tuples(in_way, key)
            } else {
                None
            };
        }
        compared(in_way, key)
    }
}

unsafe fn equal_tuples(a: *mut PyObject, b: *mut PyObject) -> Option<bool> {
    // SAFETY: two tuples; they do not change.
    unsafe {
        let (items, others) = (objects::tuple_items(a), objects::tuple_items(b));
        if items.len() != others.len() {
            return Some(false);
        }
        for (a, b) in items.iter().zip(others) {
            match equal(*a, *b) {
                Some(true) => {}
                other => return other,
            }
        }
        Some(true)
    }
}

unsafe fn compared(a: *mut PyObject, b: *mut PyObject) -> Option<bool> {
    // SAFETY: two simple keys, so that C alone compares them.
    match unsafe { ffi::PyObject_RichCompareBool(a, b, ffi::Py_EQ) } {
        0 => Some(false),
        1 => Some(true),
        _ => {
            // SAFETY: an exception is set, where memory ran out.
            unsafe { ffi::PyErr_Clear() };
            None
        }
    }
}

/// Looks for the key with this hash that `is_it` recognizes.
unsafe fn probe(
    dict: *mut PyObject,
    hash: isize,
    mut is_it: impl FnMut(*mut PyObject) -> Option<bool>,
) -> Lookup<Place> {
    // SAFETY: an exact dict with this layout; nothing changes it while it is probed.
    unsafe {
        let raw = &*dict.cast::<Dict>();
        let keys = raw.keys;
        let (log2_size, general) = ((*keys).log2_size, (*keys).kind == 0);
        let indices = (&raw const (*keys).indices).cast::<u8>();
        let entries = indices.add(1 << (*keys).log2_index_bytes);
        let mask = (1usize << log2_size) - 1;
        let (mut at, mut perturb) = (hash as usize & mask, hash as usize);
        loop {
            let index = match log2_size {
                ..8 => i64::from(*indices.cast::<i8>().add(at)),
                8..16 => i64::from(*indices.cast::<i16>().add(at)),
                16..32 => i64::from(*indices.cast::<i32>().add(at)),
                _ => *indices.cast::<i64>().add(at),
            };
            if index == EMPTY {
                return Lookup::Missing;
            }
            if index >= 0 {
                let index = index as usize;
                let (found, key, value) = if general {
                    let entry = entries.cast::<Entry>().add(index).cast_mut();
                    ((*entry).hash, (*entry).key, &raw mut (*entry).value)
                } else {
                    let entry = entries.cast::<UnicodeEntry>().add(index).cast_mut();
                    ((*(*entry).key.cast::<Str>()).hash, (*entry).key, &raw mut (*entry).value)
                };
                if found == hash && !key.is_null() {
                    match is_it(key) {
                        Some(true) => {
                            let value = match raw.values.is_null() {
                                true => value,
                                false => (&raw mut (*raw.values).values).cast::<*mut PyObject>().add(index),
                            };
                            return if (*value).is_null() {
                                Lookup::Missing
                            } else {
                                Lookup::Found(Place { key, value })
                            };
                        }
                        Some(false) => {}
                        None => return Lookup::Unknown,
                    }
                }
            }
            perturb >>= PERTURB_SHIFT;
            at = at.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1) & mask;
        }
    }
}

/// Whether this is true of all keys and values of an exact dict, which nobody changes meanwhile.
pub(super) unsafe fn all_items(dict: *mut PyObject, is_true: impl Fn(*mut PyObject, *mut PyObject) -> bool) -> bool {
    // SAFETY: an exact dict with this layout; entries without a value are not in use.
    unsafe {
        let raw = &*dict.cast::<Dict>();
        let keys = raw.keys;
        let count = (*keys).entries as usize;
        if count == 0 {
            // The table that all empty dicts share has no place for entries.
            return true;
        }
        let entries = (&raw const (*keys).indices).cast::<u8>().add(1 << (*keys).log2_index_bytes);
        if !raw.values.is_null() {
            let values = (&raw const (*raw.values).values).cast::<*mut PyObject>();
            let names = std::slice::from_raw_parts(entries.cast::<UnicodeEntry>(), count);
            let found = |(index, entry): (usize, &UnicodeEntry)| (entry.key, *values.add(index));
            return names.iter().enumerate().map(found).all(|(key, value)| value.is_null() || is_true(key, value));
        }
        if (*keys).kind == 0 {
            let entries = std::slice::from_raw_parts(entries.cast::<Entry>(), count);
            entries.iter().all(|entry| entry.value.is_null() || is_true(entry.key, entry.value))
        } else {
            let entries = std::slice::from_raw_parts(entries.cast::<UnicodeEntry>(), count);
            entries.iter().all(|entry| entry.value.is_null() || is_true(entry.key, entry.value))
        }
    }
}

/// Whether filling an empty dict with the items of this one copies its table whole, so that no keys are compared.
pub(super) unsafe fn is_cloned(dict: *mut PyObject) -> bool {
    // SAFETY: an exact dict with this layout.
    unsafe {
        let raw = &*dict.cast::<Dict>();
        let keys = &*raw.keys;
        let half = (1_isize << keys.log2_size) / 2;
        let full = keys.log2_size == SMALLEST || (half << 1) / 3 < raw.used;
        raw.values.is_null() && raw.used == keys.entries && full
    }
}

/// Looks a key up in an exact dict.
pub(crate) unsafe fn in_dict(dict: *mut PyObject, key: *mut PyObject) -> Lookup<Place> {
    // SAFETY: an exact dict and a live object.
    unsafe {
        if objects::type_of(key) == type_address!(PyUnicode_Type) {
            let unicode = (*(*dict.cast::<Dict>()).keys).kind != 0;
            return probe(dict, hash(key), |other| {
                if other == key {
                    return Some(true);
                }
                if unicode { Some(same_text(other, key)) } else { equal(other, key) }
            });
        }
        if objects::type_of(key) == type_address!(PyLong_Type)
            && let Some(value) = super::small_int(key)
        {
            // The very object is found more often than another one of the same value.
            return match int_in_dict(dict, value) {
                Lookup::Unknown => probe(dict, int_hash(value), |other| equal(other, key)),
                known => known,
            };
        }
        if !is_simple(key) {
            return Lookup::Unknown;
        }
        probe(dict, hash(key), |other| equal(other, key))
    }
}

/// See the uop of this name.
pub unsafe extern "C" fn dict_place(both: *const [*mut PyObject; 2]) -> *mut *mut PyObject {
    // SAFETY: a live dict, or what somebody took for one, and a `str`.
    unsafe {
        let [dict, name] = *both;
        match crate::observe::is_plain_dict(dict) {
            true => match in_dict(dict, name) {
                Lookup::Found(place) => place.value,
                _ => null_mut(),
            },
            false => null_mut(),
        }
    }
}

/// Where a dict with `str` keys only has a name: the place, and its entry as the uop takes it.
pub(crate) unsafe fn entry_of(dict: *mut PyObject, name: *mut PyObject) -> Option<(*mut *mut PyObject, i32)> {
    // SAFETY: as above; the entries follow the table.
    unsafe {
        let place = dict_place(&[dict, name]);
        if place.is_null() {
            return None;
        }
        let keys = (*dict.cast::<Dict>()).keys;
        let log2_index_bytes = (*keys).log2_index_bytes;
        let entries = (&raw const (*keys).indices).cast::<u8>().add(1 << log2_index_bytes).cast::<UnicodeEntry>();
        if (*keys).kind != 1 || !(*dict.cast::<Dict>()).values.is_null() {
            return Some((place, 0));
        }
        let index = (place as usize - entries as usize) / size_of::<UnicodeEntry>();
        // An equal name that is another object is looked for each time.
        let same = (*entries.add(index)).key == name;
        let entry = DictEntry { log2_index_bytes, index: index as u32 };
        Some((place, if same { entry.pack() } else { 0 }))
    }
}

/// Looks a number up in an exact dict.
pub(super) unsafe fn int_in_dict(dict: *mut PyObject, key: i64) -> Lookup<Place> {
    // SAFETY: an exact dict.
    unsafe {
        probe(dict, int_hash(key), |other| {
            if objects::type_of(other) == type_address!(PyLong_Type) {
                return super::small_int(other).map(|other| other == key);
            }
            let text = objects::type_of(other) == type_address!(PyUnicode_Type);
            // A number of another type may be equal.
            if text { Some(false) } else { None }
        })
    }
}

/// Looks a key up in an exact set or frozenset.
pub(super) unsafe fn in_set(set: *mut PyObject, key: *mut PyObject) -> Lookup<*mut SetEntry> {
    // SAFETY: an exact set with this layout, and a live object.
    unsafe {
        if !is_simple(key) {
            return Lookup::Unknown;
        }
        let raw = &*set.cast::<Set>();
        let hash = hash(key);
        let mask = raw.mask as usize;
        let (mut at, mut perturb) = (hash as usize & mask, hash as usize);
        loop {
            let probes = if at + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
            for offset in 0..=probes {
                let entry = raw.table.add(at + offset);
                if (*entry).key.is_null() && (*entry).hash == 0 {
                    return Lookup::Missing;
                }
                if (*entry).hash == hash {
                    match equal((*entry).key, key) {
                        Some(true) => return Lookup::Found(entry),
                        Some(false) => {}
                        None => return Lookup::Unknown,
                    }
                }
            }
            perturb >>= PERTURB_SHIFT;
            at = at.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb) & mask;
        }
    }
}

/// Whether looking this key up in this dict or set may run Python code.
pub(crate) unsafe fn asks(container: *mut PyObject, key: *mut PyObject) -> bool {
    // SAFETY: live objects or null.
    unsafe {
        let ty = objects::type_of(container);
        if key.is_null() {
            return false;
        }
        if ty == type_address!(PyDict_Type) {
            return in_dict(container, key) == Lookup::Unknown;
        }
        let set = ty == type_address!(PySet_Type) || ty == type_address!(PyFrozenSet_Type);
        set && in_set(container, key) == Lookup::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::int_hash;

    #[test]
    fn numbers_hash_as_in_python() {
        assert_eq!(int_hash(0), 0);
        assert_eq!(int_hash(-1), -2);
        assert_eq!(int_hash(-2), -2);
        assert_eq!(int_hash((1 << 61) - 1), 0);
        assert_eq!(int_hash(1 << 61), 1);
        assert_eq!(int_hash(-(1 << 61)), -2);
        assert_eq!(int_hash(i64::MIN), -4);
    }
}
