//! Making instances, and dicts for them.

use crate::PyObject;
use crate::capi as ffi;

/// A new instance of a class, as `object.__new__` makes it; null where memory ran out.
pub unsafe extern "C" fn new_instance(class: *mut PyObject) -> *mut PyObject {
    // SAFETY: a heap type whose instances are allocated in the general way: that runs no Python code.
    unsafe { ffi::PyType_GenericAlloc(class.cast(), 0) }
}

/// A new dict; null where memory ran out.
pub unsafe extern "C" fn new_keywords(_: *mut PyObject) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe { ffi::PyDict_New() }
}
