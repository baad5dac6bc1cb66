//! Code objects: described for the recorder, decoded for the observer.
use crate::{PyObject, Raised};
use decal_trace::bytecode::Op;

/// An instruction in base form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// Where it starts: at its first `EXTENDED_ARG` where it has any. Jumps and resumption use this offset.
    pub start: u32,
    /// Offset of the code unit with the operation itself: monitoring events name this one (an
    /// `EXTENDED_ARG` has INSTRUCTION events of its own; [`DecodedCode::at`] gives `None` there).
    pub unit: u32,
    /// Offset of the instruction behind it (behind its inline caches).
    pub next: u32,
}

/// Where the exception table sends an exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handler {
    /// Offset of the handler.
    pub target: u32,
    /// Stack depth to cut back to.
    pub depth: u32,
    /// Whether the offset of the raising instruction is pushed below the exception.
    pub lasti: bool,
}

/// A code object, read once. Immutable; keeps no reference to the code object.
#[derive(Clone, PartialEq, Debug)]
pub struct DecodedCode {
    /// For the recorder.
    pub code: decal_trace::event::Code,
    /// By code unit: the instruction that starts or has its operation there...
    pub instructions: Vec<Option<Instruction>>,
    /// By code unit: the handler of the exception table.
    pub handlers: Vec<Option<Handler>>,
    /// By code unit: stack depth before the instruction, where it can be reached.
    pub depths: Vec<Option<u32>>,
    /// Offsets of loop heads (targets of backward jumps), ascending.
    pub heads: Vec<u32>,
    /// Whether a call of this code can be inlined, else why not (a few words).
    pub inlinable: Result<(), &'static str>,
    /// Offset of some `RETURN_VALUE` outside of exception handlers' reach, if there is one.
    pub return_value: Option<u32>,
    /// `co_stacksize`.
    pub stack_size: u32,
}

impl DecodedCode {
    /// The instruction whose operation is at this code unit (as monitoring events name it), or
    /// that starts there; `None` at an `EXTENDED_ARG` that is not the first, and in caches.
    pub fn at(&self, offset: u32) -> Option<&Instruction> {
        self.instructions.get(offset as usize)?.as_ref()
    }
    /// Stack depth before the instruction at this offset.
    pub fn depth(&self, offset: u32) -> Option<u32> {
        self.depths.get(offset as usize).copied().flatten()
    }
    /// The handler for an exception raised at this offset.
    pub fn handler(&self, offset: u32) -> Option<Handler> {
        self.handlers.get(offset as usize).copied().flatten()
    }
}

/// Reads a code object.
///
/// # Safety
/// `code` is a live code object, the GIL is held.
///
/// # Errors
/// [`Raised`] where memory ran out.
pub unsafe fn decode(code: *mut PyObject) -> Result<DecodedCode, Raised> {
    let _ = code;
    Err(Raised)
}
