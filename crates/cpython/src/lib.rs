//! All that decal knows about CPython's inside: layouts of objects and frames, bytecode tables,
//! monitoring, watchers. No policy lives here.
//!
//! Think of it as the adapter between a socket that changes its shape with every Python version and
//! an engine that must not notice. What differs between versions is in one module per version
//! (`v313` is the only one today); the modules around it are the interface that the engine uses.
//!
//! General contract of this crate: call it with the GIL held (attached to the main interpreter) and
//! only after [`support::check`] said yes. Objects are raw pointers and borrowed unless a function says
//! otherwise. Nothing here runs Python code but what says so.

pub mod allocator;
pub mod audit;
pub mod builtins;
mod capi;
pub mod clock;
pub mod code;
pub mod floats;
pub mod frame;
pub mod frame_stack;
pub mod handlers;
mod helpers;
pub mod hook;
pub use helpers::delegation;
pub mod monitoring;
pub mod newcomers;
pub mod objects;
pub mod observe;
mod references;
mod replaced;
pub mod results;
pub mod specialized;
pub mod stack;
pub mod support;
pub mod thread;
pub mod unmade;
mod v313;

/// The version that decal is built for: the one place to choose it.
use v313 as version;
pub mod watch;

mod host;

pub use helpers::calls::call as call_object;
pub use host::host;

/// A Python object, as C sees it.
pub use pyo3_ffi::PyObject;

/// A Python exception has been set; the caller passes it on or clears it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raised;
