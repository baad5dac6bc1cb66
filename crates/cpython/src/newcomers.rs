//! Other monitoring tools, before they get their first event.
//!
//! Where a tool asks for what functions in C return, the interpreter takes whatever it calls by address for one, hooked functions
//! (see [`hook`]) included. It does not tell anybody of a new tool. But a tool must take an id first, by `sys.monitoring.use_tool_id`: as long
//! as decal has an id of its own, the C function behind that is [`use_tool_id`], which unhooks all functions and then
//! does what it always did. Only its definition changes, a static of CPython's; nobody sees that from Python.

use crate::{PyObject, hook, objects};
use pyo3_ffi::{METH_FASTCALL, Py_ssize_t, PyCFunctionFast, PyCFunctionObject, PyMethodDef, PyMethodDefPointer};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The definition of that function; null while it is as it was.
static DEFINITION: AtomicPtr<PyMethodDef> = AtomicPtr::new(null_mut());
/// What it calls otherwise.
static USUAL: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn use_tool_id(
    module: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    let usual = USUAL.load(Ordering::Relaxed);
    // SAFETY: CPython calls this in the place of the function whose address was put there, which has this type.
    unsafe {
        hook::unhook_all();
        std::mem::transmute::<usize, PyCFunctionFast>(usual)(module, arguments, count)
    }
}

/// Whether new tools are known of.
pub fn are_known() -> bool {
    !DEFINITION.load(Ordering::Relaxed).is_null()
}

/// Begins to know of new tools, where that can be.
///
/// # Safety
/// The GIL is held; the module is `sys.monitoring`.
pub(crate) unsafe fn watch(module: *mut PyObject) {
    // SAFETY: the caller's. The definition is looked at before it is changed, and lives as long as the interpreter.
    unsafe {
        let function = pyo3_ffi::PyObject_GetAttrString(module, c"use_tool_id".as_ptr());
        if function.is_null() {
            pyo3_ffi::PyErr_Clear();
            return;
        }
        if pyo3_ffi::PyCFunction_CheckExact(function) != 0 && !are_known() {
            let definition = (*function.cast::<PyCFunctionObject>()).m_ml;
            if !definition.is_null() && (*definition).ml_flags == METH_FASTCALL {
                USUAL.store((*definition).ml_meth.PyCFunctionFast as usize, Ordering::Relaxed);
                (*definition).ml_meth = PyMethodDefPointer { PyCFunctionFast: use_tool_id };
                DEFINITION.store(definition, Ordering::Relaxed);
            }
        }
        objects::decref(function);
    }
}

/// Puts everything back.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn forget() {
    let definition = DEFINITION.swap(null_mut(), Ordering::Relaxed);
    if !definition.is_null() {
        let usual = USUAL.load(Ordering::Relaxed);
        // SAFETY: the definition that was changed by `watch`, and what was there.
        unsafe {
            let usual = std::mem::transmute::<usize, PyCFunctionFast>(usual);
            (*definition).ml_meth = PyMethodDefPointer { PyCFunctionFast: usual };
        }
    }
}
