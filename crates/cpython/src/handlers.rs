//! Whether signals have handlers in Python.
//!
//! Some of CPython's own functions look after signals in their midst, so that Ctrl-C ends a long multiplication: those that
//! multiply or divide large numbers, and whatever makes text of an object. A handler in Python would run there, and see frames
//! that a trace has not written. Most programs have none: the handlers are the system's, or `default_int_handler`, which raises an exception
//! and looks at nothing. So traces call those functions in the short way as long as there is no handler in Python, and the first one
//! invalidates them. Handlers are set by `_signal.signal` alone: it is [replaced](crate::replaced).
//!
//! The same functions run the garbage collector where it is due. The trace asks for that before it calls them.

use crate::observe::module_function;
use crate::replaced::Replaced;
use crate::watch::{Changed, tell};
use crate::{PyObject, objects};
use pyo3_ffi::Py_ssize_t;
use std::sync::atomic::{AtomicBool, Ordering};

static SIGNAL: Replaced = Replaced::new();
/// Whether a handler in Python was seen.
static SEEN: AtomicBool = AtomicBool::new(false);
/// Signals that there may be: 1 to this one.
const SIGNALS: i32 = 64;

/// Whether there may be handlers in Python. Whoever relies on there being none is told [`Changed::Handlers`] of the first one.
pub fn may_be() -> bool {
    SEEN.load(Ordering::Relaxed) || !SIGNAL.is_replaced()
}

unsafe extern "C" fn signal(module: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
    // SAFETY: CPython calls this in the place of that function, with so many arguments.
    unsafe {
        if count == 2 && runs_python(*arguments.add(1)) && !SEEN.swap(true, Ordering::Relaxed) {
            tell(Changed::Handlers);
        }
        SIGNAL.call_usual(module, arguments, count)
    }
}

/// Whether a handler may run Python code: it is neither a number, which stands for one of the system's, nor `default_int_handler`.
unsafe fn runs_python(handler: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        pyo3_ffi::PyCallable_Check(handler) != 0
            && !matches!(module_function(handler), Some((_, b"default_int_handler")))
    }
}

/// Begins to know of handlers, where that can be.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn watch() {
    // SAFETY: the caller's. A builtin module; what it says of signals are new references.
    unsafe {
        let module = pyo3_ffi::PyImport_ImportModule(c"_signal".as_ptr());
        if !module.is_null() {
            SEEN.store((1..=SIGNALS).any(|number| has_handler(module, number)), Ordering::Relaxed);
            SIGNAL.replace(module, c"signal", signal);
            objects::decref(module);
        }
        pyo3_ffi::PyErr_Clear();
    }
}

unsafe fn has_handler(module: *mut PyObject, number: i32) -> bool {
    // SAFETY: that module.
    unsafe {
        let handler = pyo3_ffi::PyObject_CallMethod(module, c"getsignal".as_ptr(), c"i".as_ptr(), number);
        if handler.is_null() {
            pyo3_ffi::PyErr_Clear();
            return false;
        }
        let runs = runs_python(handler);
        objects::decref(handler);
        runs
    }
}

/// Puts everything back.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn forget() {
    // SAFETY: the caller's.
    unsafe { SIGNAL.put_back() };
}
