//! `sys.monitoring`: events in, nothing else out.
use crate::{PyObject, Raised};
use pyo3_ffi::Py_ssize_t;

/// A callback for events, a METH_FASTCALL function. Arguments: code, offset in bytes, for JUMP also destination in bytes.
/// Returns a new reference ([`nothing`], [`disable`]) or null with an exception set.
pub type Callback = unsafe extern "C" fn(
    this: *mut PyObject,
    args: *const *mut PyObject,
    count: Py_ssize_t,
) -> *mut PyObject;

/// Callbacks by event.
#[derive(Clone, Copy)]
pub struct Callbacks {
    pub jump: Callback,
    pub start: Callback,
    pub instruction: Callback,
}

/// Events that are switched on for one code object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LocalEvents {
    pub start: bool,
    pub jump: bool,
    pub instruction: bool,
}

/// Why the tool id was not claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimError {
    /// Another tool, of this name, has it.
    Taken(String),
    /// An exception is set.
    Raised,
}

/// decal's place among the monitoring tools. Dropping it does not release it; call [`Monitoring::release`].
#[derive(Debug)]
pub struct Monitoring {
    set_local_events: *mut PyObject,
}

impl Monitoring {
    /// Claims the optimizer's tool id and registers the callbacks. No events are switched on yet.
    /// # Safety
    /// GIL.
    /// # Errors
    /// [`ClaimError`].
    pub unsafe fn claim(callbacks: Callbacks) -> Result<Monitoring, ClaimError> {
        let _ = callbacks;
        Err(ClaimError::Raised)
    }
    /// Switches JUMP on or off for all code.
    /// # Safety
    /// GIL; may stop the world for a while and instruments lazily.
    /// # Errors
    /// [`Raised`]
    pub unsafe fn set_jumps(&self, on: bool) -> Result<(), Raised> {
        let _ = on;
        Ok(())
    }
    /// Sets the local events of a code object (replacing those that decal had there).
    /// # Safety
    /// GIL; a live code object.
    /// # Errors
    /// [`Raised`]
    pub unsafe fn set_local(&self, code: *mut PyObject, events: LocalEvents) -> Result<(), Raised> {
        let _ = (code, events);
        Ok(())
    }
    /// Switches all disabled locations on again (of all tools: that is what CPython offers).
    /// # Safety
    /// GIL.
    /// # Errors
    /// [`Raised`]
    pub unsafe fn restart_events(&self) -> Result<(), Raised> {
        Ok(())
    }
    /// Gives the tool id back, callbacks and global events removed. Local events are removed by CPython with it.
    /// # Safety
    /// GIL.
    /// # Errors
    /// [`Raised`]
    pub unsafe fn release(self) -> Result<(), Raised> {
        Ok(())
    }
}

/// A new reference to `sys.monitoring.DISABLE`.
/// # Safety
/// GIL, after a successful claim.
pub unsafe fn disable() -> *mut PyObject {
    std::ptr::null_mut()
}
/// A new reference to `None`.
/// # Safety
/// GIL
pub unsafe fn nothing() -> *mut PyObject {
    std::ptr::null_mut()
}
/// The offset in code units in an event's argument.
/// # Safety
/// An `int` from an event.
pub unsafe fn offset(argument: *mut PyObject) -> u32 {
    let _ = argument;
    0
}
/// Whether no tool but decal has events on this code object (nor a global one).
/// # Safety
/// A live code object.
pub unsafe fn only_decal(code: *mut PyObject) -> bool {
    let _ = code;
    false
}
