//! Making objects and counting references, for exits.
use crate::PyObject;

/// A new reference to an `int`; null with MemoryError.
/// # Safety
/// GIL (all of this module).
pub unsafe fn new_int(value: i64) -> *mut PyObject {
    unsafe { pyo3_ffi::PyLong_FromLongLong(value) }
}
/// A new `float`.
/// # Safety
/// GIL
pub unsafe fn new_float(value: f64) -> *mut PyObject {
    unsafe { pyo3_ffi::PyFloat_FromDouble(value) }
}
/// A new reference to `True` or `False`.
/// # Safety
/// GIL
pub unsafe fn new_bool(value: bool) -> *mut PyObject {
    unsafe { pyo3_ffi::PyBool_FromLong(value as _) }
}
/// A new `tuple`; the items' references are handed over (dropped where it fails).
/// # Safety
/// GIL
pub unsafe fn new_tuple(items: &[*mut PyObject]) -> *mut PyObject {
    let _ = items;
    std::ptr::null_mut()
}
/// A new iterator of a `range`: next value, step, values left.
/// # Safety
/// GIL
pub unsafe fn new_range_iter(next: i64, step: i64, left: i64) -> *mut PyObject {
    let _ = (next, step, left);
    std::ptr::null_mut()
}
/// Takes a reference; null is fine.
/// # Safety
/// GIL, a live object or null
pub unsafe fn incref(object: *mut PyObject) {
    unsafe { pyo3_ffi::Py_XINCREF(object) }
}
/// Drops a reference; null is fine. May run Python code where it was the last.
/// # Safety
/// GIL, a live object or null
pub unsafe fn decref(object: *mut PyObject) {
    unsafe { pyo3_ffi::Py_XDECREF(object) }
}
/// The address of its type.
/// # Safety
/// a live object
pub unsafe fn type_of(object: *mut PyObject) -> u64 {
    unsafe { pyo3_ffi::Py_TYPE(object) as u64 }
}
/// `f(*args)` … the name of a function for messages: `__qualname__`.
/// # Safety
/// a live function
pub unsafe fn function_code(function: *mut PyObject) -> *mut PyObject {
    let _ = function;
    std::ptr::null_mut()
}
