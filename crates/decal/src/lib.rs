//! The extension module `decal._decal`: turns Python calls into calls of the engine, and its errors into exceptions.
//!
//! No decisions here. The public API with its documentation is the package around it, `python/decal`.

use decal_cpython::PyObject;
use decal_engine::api::{self, NotEnabled};
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict, PyString};
use std::ffi::CString;
use std::ptr::null_mut;

create_exception!(decal, CompileError, PyRuntimeError, "A function with @jit(strict=True) cannot be compiled.");

/// Switches decal on; gives the reason, in one sentence, where it cannot be.
#[pyfunction]
fn enable(py: Python<'_>) -> PyResult<Option<String>> {
    let error = py.get_type::<CompileError>().as_ptr();
    // SAFETY: `py` proves that the GIL is held; the class lives as long as the module, which is never unloaded.
    match unsafe { api::enable(error) } {
        Ok(()) => Ok(None),
        Err(NotEnabled::Impossible(why)) => Ok(Some(why)),
        Err(NotEnabled::BadOption(error)) => Err(PyValueError::new_err(error.to_string())),
        Err(NotEnabled::Raised) => Err(PyErr::fetch(py)),
    }
}

/// Switches decal off.
#[pyfunction]
fn disable(_py: Python<'_>) {
    // SAFETY: the GIL is held.
    unsafe { api::disable() }
}

/// Whether decal is on.
#[pyfunction]
fn is_enabled() -> bool {
    api::is_enabled()
}

/// One line about decal's state.
#[pyfunction]
fn status() -> String {
    api::status()
}

/// Lets the recursion limit begin here, but for `keep` frames: those below are those of `python -m decal` itself.
#[pyfunction]
fn hide_frames(_py: Python<'_>, keep: u16) {
    // SAFETY: the GIL is held.
    unsafe { api::hide_frames(keep.into()) }
}

/// Compiles a script as `compile` does, but without the Python types of syntax trees, which that makes at its first
/// call: a millisecond.
#[pyfunction]
fn compile_script<'py>(py: Python<'py>, source: &[u8], name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let source = CString::new(source)?;
    // SAFETY: the GIL is held; a C string, a `str`, and no flags.
    unsafe {
        let (start, flags) = (pyo3::ffi::Py_file_input, null_mut());
        let code = pyo3::ffi::Py_CompileStringObject(source.as_ptr(), name.as_ptr(), start, flags, -1);
        Bound::from_owned_ptr_or_err(py, code)
    }
}

/// A code object's address.
fn address(code: &Bound<'_, PyAny>) -> PyResult<*mut PyObject> {
    code.cast::<PyCode>().map_err(|_| PyTypeError::new_err("decal needs a code object here"))?;
    Ok(code.as_ptr())
}

/// Asks for a code object to be compiled at its first call; gives the reason where it never can be.
#[pyfunction]
fn ask(code: &Bound<'_, PyAny>, strict: bool) -> PyResult<Option<String>> {
    // SAFETY: a live code object, and the GIL is held.
    Ok(unsafe { api::ask(address(code)?, strict) })
}

/// Forbids to compile a code object.
#[pyfunction]
fn forbid(code: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: as above.
    unsafe { api::forbid(address(code)?) };
    Ok(())
}

/// What was compiled and what was not, and why: of one code object, or of all.
#[pyfunction]
fn explain(code: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    Ok(api::explain(code.map(address).transpose()?))
}

/// The machine code of a code object's traces.
#[pyfunction]
fn disassemble(code: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(api::disassemble(address(code)?))
}

/// The traces of a code object.
#[pyfunction]
fn traces(code: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(api::traces(address(code)?))
}

/// All numbers, by name.
#[pyfunction]
fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in api::statistics() {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}

/// See the package `decal`.
#[pymodule]
fn _decal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CompileError", module.py().get_type::<CompileError>())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    // For tests: whether traces, references and registers are verified.
    module.add("CHECKED", cfg!(debug_assertions))?;
    module.add_function(wrap_pyfunction!(enable, module)?)?;
    module.add_function(wrap_pyfunction!(disable, module)?)?;
    module.add_function(wrap_pyfunction!(is_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(status, module)?)?;
    module.add_function(wrap_pyfunction!(hide_frames, module)?)?;
    module.add_function(wrap_pyfunction!(compile_script, module)?)?;
    module.add_function(wrap_pyfunction!(ask, module)?)?;
    module.add_function(wrap_pyfunction!(forbid, module)?)?;
    module.add_function(wrap_pyfunction!(explain, module)?)?;
    module.add_function(wrap_pyfunction!(disassemble, module)?)?;
    module.add_function(wrap_pyfunction!(traces, module)?)?;
    module.add_function(wrap_pyfunction!(stats, module)?)?;
    Ok(())
}
