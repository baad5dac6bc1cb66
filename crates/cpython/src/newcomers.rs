//! Other monitoring tools, before they get their first event.
//!
//! Where a tool asks for what functions in C return, the interpreter takes whatever it calls by address for one, hooked functions
//! (see [`hook`]) included. It does not tell anybody of a new tool. But a tool must take an id first, by `sys.monitoring.use_tool_id`: as long
//! as decal has an id of its own, that function is [replaced](crate::replaced) by one that unhooks all functions first.

use crate::replaced::Replaced;
use crate::{PyObject, hook};
use pyo3_ffi::Py_ssize_t;

static USE_TOOL_ID: Replaced = Replaced::new();

unsafe extern "C" fn use_tool_id(
    module: *mut PyObject,
    arguments: *mut *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject {
    // SAFETY: CPython calls this in the place of that function.
    unsafe {
        hook::unhook_all();
        USE_TOOL_ID.call_usual(module, arguments, count)
    }
}

/// Whether new tools are known of.
pub fn are_known() -> bool {
    USE_TOOL_ID.is_replaced()
}

/// Begins to know of new tools, where that can be.
///
/// # Safety
/// The GIL is held; the module is `sys.monitoring`.
pub(crate) unsafe fn watch(module: *mut PyObject) {
    // SAFETY: the caller's.
    unsafe { USE_TOOL_ID.replace(module, c"use_tool_id", use_tool_id) };
}

/// Puts everything back.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn forget() {
    // SAFETY: the caller's.
    unsafe { USE_TOOL_ID.put_back() };
}
