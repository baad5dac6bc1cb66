//! CPython's public C API: PyO3's declarations, and the few that it lacks.

pub use pyo3_ffi::*;

unsafe extern "C" {
    /// The type of generators.
    pub static mut PyGen_Type: PyTypeObject;
    /// The type of bound methods.
    pub static mut PyMethod_Type: PyTypeObject;
    /// A new bound method of function and object.
    pub fn PyMethod_New(function: *mut PyObject, object: *mut PyObject) -> *mut PyObject;
    /// Adds the items of an iterable to an exact list.
    pub fn PyList_Extend(list: *mut PyObject, items: *mut PyObject) -> std::ffi::c_int;
    /// A new function of code and globals.
    pub fn PyFunction_New(code: *mut PyObject, globals: *mut PyObject) -> *mut PyObject;
    /// The base bytecode of a code object: a new `bytes`.
    pub fn PyCode_GetCode(code: *mut PyCodeObject) -> *mut PyObject;
    /// Raises an audit event.
    pub fn PySys_Audit(event: *const std::ffi::c_char, format: *const std::ffi::c_char, ...) -> std::ffi::c_int;
    /// Frees an object whose reference count is 0.
    pub fn _Py_Dealloc(object: *mut PyObject);
}
