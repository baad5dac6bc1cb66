//! From a frame to an event. Pure reads: runs no Python code, raises nothing.
use crate::PyObject;
use crate::code::DecodedCode;
use crate::frame::Frame;
use decal_trace::event::{CodeId, Event};

/// What the engine decides about calls.
pub trait Calls {
    /// A call of a Python function with this code comes, its positional arguments fit, its frame would be at `depth`.
    /// Gives the code's number if the call shall be observed, else why not (a few words for the user).
    fn enter(
        &mut self,
        function: *mut PyObject,
        code: *mut PyObject,
        depth: u32,
    ) -> Result<CodeId, &'static str>;
}

/// Something that the event took as not changing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Assumption {
    /// This key (an interned `str`) of this dict keeps its value, or its absence.
    Dict {
        /// The dict.
        dict: u64,
        /// The key.
        key: u64,
    },
    /// This class and its bases.
    Type(u64),
    /// This function's code (and defaults).
    Function(u64),
}

/// An event and what it assumes.
#[derive(Clone, PartialEq, Debug)]
pub struct Observed {
    /// The event.
    pub event: Event,
    /// Its assumptions: to be watched before a trace that relies on them is entered.
    pub assumptions: Vec<Assumption>,
}

/// Observes the instruction at `offset` (as the monitoring event named it) of `frame`, just before it runs. `None` at an `EXTENDED_ARG`
/// that is not the operation itself.
/// # Safety
/// In an INSTRUCTION or JUMP callback of this frame; `decoded` is of its code.
pub unsafe fn observe(
    frame: Frame,
    decoded: &DecodedCode,
    code: CodeId,
    depth: u32,
    offset: u32,
    calls: &mut dyn Calls,
) -> Option<Observed> {
    let _ = (frame, decoded, code, depth, offset, calls);
    None
}
