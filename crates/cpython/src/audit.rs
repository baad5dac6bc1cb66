//! Audit hooks (`sys.addaudithook`): they are asked before machine code is made executable.

use crate::capi as ffi;
use std::ffi::{CStr, CString};
use std::ptr::null_mut;

/// Raises the event `decal.make_executable` with the function's name and file. A hook that raises an exception denies it; its type
/// and words are given.
///
/// # Safety
/// The GIL is held, in a thread that runs Python code. Hooks may run any.
///
/// # Errors
/// A hook denies it.
pub unsafe fn allows_code(name: &str, file: &str) -> Result<(), String> {
    let words = |text: &str| CString::new(text).unwrap_or_default();
    let (name, file) = (words(name), words(file));
    // SAFETY: plain use of the C API, with C strings as the format says. An exception that is set stays so.
    unsafe {
        let before = ffi::PyErr_GetRaisedException();
        let denied = ffi::PySys_Audit(c"decal.make_executable".as_ptr(), c"ss".as_ptr(), name.as_ptr(), file.as_ptr());
        let error = if denied != 0 { ffi::PyErr_GetRaisedException() } else { null_mut() };
        let said = if denied != 0 { Err(describe(error)) } else { Ok(()) };
        ffi::Py_XDECREF(error);
        ffi::PyErr_Clear();
        if !before.is_null() {
            ffi::PyErr_SetRaisedException(before);
        }
        said
    }
}

/// Type and words of an exception.
unsafe fn describe(error: *mut ffi::PyObject) -> String {
    // SAFETY: an object or null; whatever fails leaves less to say.
    unsafe {
        if error.is_null() {
            return String::from("an exception");
        }
        let ty = CStr::from_ptr((*ffi::Py_TYPE(error)).tp_name).to_string_lossy().into_owned();
        let text = ffi::PyObject_Str(error);
        let mut size = 0;
        let bytes = if text.is_null() { std::ptr::null() } else { ffi::PyUnicode_AsUTF8AndSize(text, &raw mut size) };
        let words = if bytes.is_null() {
            String::new()
        } else {
            String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast(), size as usize)).into_owned()
        };
        ffi::Py_XDECREF(text);
        if words.is_empty() { ty } else { format!("{ty}: {words}") }
    }
}
