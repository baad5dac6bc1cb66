//! Whether this interpreter is one that decal can attach to. Each reason not to is one sentence.

use crate::allocator;
use crate::capi as ffi;
use crate::floats;
use crate::objects;
use crate::thread;
use crate::version::symbols::symbols;
use crate::version::{VERSION, checks};
use std::ffi::CStr;
use std::fmt;

/// Why decal cannot attach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// Not CPython: the implementation's name.
    Implementation(String),
    /// Another version of Python: this one.
    Version(String),
    /// Another kind of processor or operating system than decal knows.
    Platform,
    /// A build without the GIL.
    FreeThreaded,
    /// A build for debugging Python itself.
    DebugBuild,
    /// Not in the main interpreter of the process.
    Subinterpreter,
    /// Something else runs frames in place of the interpreter (PEP 523).
    FrameEvaluation,
    /// This kind of object is laid out in another way.
    Layout(&'static str),
    /// The interpreter does not export this function.
    Symbol(&'static str),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = VERSION;
        match self {
            Unsupported::Implementation(name) => write!(f, "decal needs CPython, and this is {name}"),
            Unsupported::Version(found) => write!(f, "decal supports CPython {major}.{minor}, and this is {found}"),
            Unsupported::Platform => write!(f, "decal supports 64-bit systems only, and this is another one"),
            Unsupported::FreeThreaded => write!(f, "decal does not support free-threaded builds of CPython yet"),
            Unsupported::DebugBuild => write!(f, "decal does not support debug builds of CPython"),
            Unsupported::Subinterpreter => write!(f, "decal works in the main interpreter of a process only"),
            Unsupported::FrameEvaluation => {
                write!(f, "another tool has replaced the function with which CPython runs frames (PEP 523)")
            }
            Unsupported::Layout(what) => {
                write!(f, "this build of CPython {major}.{minor} lays out memory in another way ({what})")
            }
            Unsupported::Symbol(name) => write!(f, "this build of CPython does not export {name}"),
        }
    }
}

impl std::error::Error for Unsupported {}

/// Checks everything that decal relies on. Runs a few lines of Python code of its own.
///
/// # Safety
/// The GIL is held, and no exception is set.
///
/// # Errors
/// The first reason that was found.
pub unsafe fn check() -> Result<(), Unsupported> {
    // SAFETY: the caller's; version and kind of build are checked before layouts are relied on.
    unsafe {
        implementation()?;
        version()?;
        if cfg!(not(target_pointer_width = "64")) {
            return Err(Unsupported::Platform);
        }
        if has_sys(c"gettotalrefcount") {
            return Err(Unsupported::DebugBuild);
        }
        let symbols = symbols().map_err(Unsupported::Symbol)?;
        if checks::is_free_threaded(symbols) {
            return Err(Unsupported::FreeThreaded);
        }
        let interpreter = ffi::PyInterpreterState_Get();
        if interpreter != ffi::PyInterpreterState_Main() {
            return Err(Unsupported::Subinterpreter);
        }
        if (symbols.eval_frame_function)(interpreter.cast()) as usize != symbols.eval_frame as usize {
            return Err(Unsupported::FrameEvaluation);
        }
        checks::check(symbols).map_err(Unsupported::Layout)?;
        allocator::find(symbols);
        floats::find(symbols);
        thread::find_hook(symbols);
        Ok(())
    }
}

unsafe fn has_sys(name: &CStr) -> bool {
    // SAFETY: gives a borrowed reference or null, without an exception.
    unsafe { !ffi::PySys_GetObject(name.as_ptr()).is_null() }
}

unsafe fn implementation() -> Result<(), Unsupported> {
    // SAFETY: plain use of the C API.
    unsafe {
        let implementation = ffi::PySys_GetObject(c"implementation".as_ptr());
        if implementation.is_null() {
            return Ok(());
        }
        let name = ffi::PyObject_GetAttrString(implementation, c"name".as_ptr());
        let text = objects::text(name);
        if name.is_null() {
            ffi::PyErr_Clear();
        }
        objects::decref(name);
        if text == "cpython" { Ok(()) } else { Err(Unsupported::Implementation(text)) }
    }
}

unsafe fn version() -> Result<(), Unsupported> {
    // SAFETY: a static text.
    let text = unsafe { CStr::from_ptr(ffi::Py_GetVersion()) }.to_string_lossy();
    let found = text.split_whitespace().next().unwrap_or("of unknown version");
    let mut parts = found.split('.').map_while(|part| part.parse::<u8>().ok());
    if (parts.next(), parts.next()) == (Some(VERSION.0), Some(VERSION.1)) {
        Ok(())
    } else {
        Err(Unsupported::Version(format!("Python {found}")))
    }
}
