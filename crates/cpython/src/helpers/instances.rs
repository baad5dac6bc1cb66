//! Making instances, and dicts for them.

use crate::PyObject;
use crate::capi as ffi;
use crate::version::layout;
use std::ffi::c_int;
use std::ptr::null_mut;

/// A new instance of a class, as `object.__new__` makes it; null where memory ran out.
pub unsafe extern "C" fn new_instance(class: *mut PyObject) -> *mut PyObject {
    // SAFETY: a heap type whose instances are allocated in the general way: that runs no Python code.
    unsafe { ffi::PyType_GenericAlloc(class.cast(), 0) }
}

/// The same with a bit for each word of the instance that the caller stores before anybody can look: where these are inline values, the
/// instance says that it has them, and that they came in the order of their places.
pub unsafe extern "C" fn new_instance_with(class: *mut PyObject, words: i64, _: i64, _: i64) -> *mut PyObject {
    // SAFETY: as above; what is written lies within the instance, as its head says how many values it has room for.
    unsafe {
        let instance = new_instance(class);
        let places = words as u64 >> (layout::INLINE_FIRST / 8);
        if instance.is_null() || places == 0 || (*ffi::Py_TYPE(instance)).tp_flags & layout::TYPE_INLINE_VALUES == 0 {
            return instance;
        }
        let values = instance.byte_offset(layout::INLINE_VALUES as isize).cast::<layout::DictValues>();
        let capacity = (*values).capacity;
        let order = (&raw mut (*values).values).cast::<*mut PyObject>().add(capacity.into()).cast::<u8>();
        let (mut size, mut rest) = (0, places);
        while rest != 0 && size < capacity {
            order.add(size.into()).write(rest.trailing_zeros() as u8);
            size += 1;
            rest &= rest - 1;
        }
        (*values).size = size;
        instance
    }
}

/// A new dict of names, which are `str`, and values in turn; null where memory ran out.
pub unsafe extern "C" fn new_keywords(
    _: *mut PyObject,
    items: *const *mut PyObject,
    count: isize,
    _: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: so many live objects; the dict belongs to nobody else.
    unsafe {
        let dict = ffi::PyDict_New();
        let items = std::slice::from_raw_parts(items, count as usize);
        let add = |pair: &[*mut PyObject]| ffi::PyDict_SetItem(dict, pair[0], pair[1]) == 0;
        if !dict.is_null() && !items.chunks_exact(2).all(add) {
            crate::objects::decref(dict);
            return null_mut();
        }
        dict
    }
}

/// Where instances of a class have the address of their dict.
pub(crate) unsafe fn dict_disp(ty: *mut ffi::PyTypeObject) -> Option<i32> {
    // SAFETY: a live class.
    let (flags, disp) = unsafe { ((*ty).tp_flags, (*ty).tp_dictoffset) };
    if flags & layout::TYPE_MANAGED_DICT != 0 {
        return Some(layout::MANAGED_DICT);
    }
    i32::try_from(disp).ok().filter(|disp| *disp > 0)
}

/// The dict of an instance, where it has one of its own whose keys are all `str`: looking a name up runs no Python code then.
/// The second result says whether that is known.
unsafe fn dict_of(instance: *mut PyObject) -> (*mut PyObject, bool) {
    // SAFETY: the type says where its instances have a dict.
    unsafe {
        let ty = ffi::Py_TYPE(instance);
        if (*ty).tp_flags & layout::TYPE_INLINE_VALUES != 0
            && *instance.byte_offset(layout::INLINE_VALID as isize).cast::<u8>() == 1
        {
            return (null_mut(), false);
        }
        let Some(disp) = dict_disp(ty) else { return (null_mut(), false) };
        let dict = *instance.byte_offset(disp as isize).cast::<*mut PyObject>();
        if dict.is_null() {
            return (dict, true);
        }
        (dict, crate::observe::is_plain_dict(dict))
    }
}

/// Whether an instance with a dict lacks an attribute of its own: 1 or 0; -1 without an exception where that is not known.
pub unsafe extern "C" fn lacks_attribute(instance: *mut PyObject, name: *mut PyObject) -> c_int {
    // SAFETY: a live instance and a str.
    unsafe {
        match dict_of(instance) {
            (_, false) => -1,
            (dict, true) if dict.is_null() => 1,
            (dict, true) => (ffi::PyDict_Contains(dict, name) == 0).into(),
        }
    }
}
