//! Interpreter frames.
use crate::code::DecodedCode;
use crate::thread::Thread;
use crate::{PyObject, Raised};

/// An interpreter frame. A handle must not be used once its frame was popped; the GIL is held all the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame(*mut crate::v313::layout::Frame);

/// Result of [`Frame::unwind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unwound {
    /// The frame stands at the instruction that handles it, the exception is no longer set:
    /// the callback returns a normal result.
    Resume,
    /// Nobody in this frame handles it: the callback returns null with the exception still set.
    Null,
}

impl Frame {
    /// The thread's current frame.
    /// # Safety
    /// The GIL is held, `thread` is current and runs Python code (true in any monitoring callback).
    pub unsafe fn current(thread: Thread) -> Frame {
        let _ = thread;
        Frame(std::ptr::null_mut())
    }
    /// # Safety
    /// A live frame's address.
    pub unsafe fn from_address(address: u64) -> Frame {
        Frame(address as *mut _)
    }
    /// For `Context::frame`.
    pub fn address(self) -> u64 {
        self.0 as u64
    }
    /// Code object (borrowed).
    pub fn code(self) -> *mut PyObject {
        std::ptr::null_mut()
    }
    /// Function object (borrowed).
    pub fn function(self) -> *mut PyObject {
        std::ptr::null_mut()
    }
    /// Globals and builtins (borrowed).
    pub fn globals(self) -> *mut PyObject {
        std::ptr::null_mut()
    }
    /// See `globals`.
    pub fn builtins(self) -> *mut PyObject {
        std::ptr::null_mut()
    }
    /// `f_locals` of class bodies and modules; null in functions. Frames with it are not for traces.
    pub fn has_locals_dict(self) -> bool {
        false
    }
    /// The frame below (may be an entry frame of C code).
    pub fn previous(self) -> Option<Frame> {
        None
    }
    /// Whether it belongs to a generator or coroutine.
    pub fn is_generator(self) -> bool {
        false
    }
    /// Offset of the current instruction, in code units.
    pub fn offset(self) -> u32 {
        0
    }
    /// # Safety
    /// `offset` starts an instruction of this code whose stack depth fits.
    pub unsafe fn set_offset(self, offset: u32) {
        let _ = offset;
    }
    /// Local slot (locals, cells, free variables); borrowed, may be null.
    pub fn local(self, index: u32) -> *mut PyObject {
        let _ = index;
        std::ptr::null_mut()
    }
    /// Writes a slot without touching the old content: the new reference is handed over, the old one handed back.
    /// # Safety
    /// index is in range.
    pub unsafe fn replace_local(self, index: u32, value: *mut PyObject) -> *mut PyObject {
        let _ = (index, value);
        std::ptr::null_mut()
    }
    /// Stack slot, 0 is the bottom; borrowed, may be null.
    pub fn stack(self, index: u32) -> *mut PyObject {
        let _ = index;
        std::ptr::null_mut()
    }
    /// As `replace_local`. A slot at or above the current depth holds garbage: ignore what is handed back.
    /// # Safety
    /// index < co_stacksize.
    pub unsafe fn replace_stack(self, index: u32, value: *mut PyObject) -> *mut PyObject {
        let _ = (index, value);
        std::ptr::null_mut()
    }
    /// The saved stack depth. Valid inside JUMP and PY_START callbacks, not in INSTRUCTION callbacks.
    pub fn stack_depth(self) -> u32 {
        0
    }
    /// # Safety
    /// The first `depth` slots are valid.
    pub unsafe fn set_stack_depth(self, depth: u32) {
        let _ = depth;
    }
    /// Sets what happens to make the frame return `value` (reference handed over) at once from a PY_START callback:
    /// pushes it and points at a `RETURN_VALUE`. False (and nothing is done) where the code has none.
    /// # Safety
    /// Called in a PY_START callback of this frame, stack depth 0.
    pub unsafe fn return_value(self, decoded: &DecodedCode, value: *mut PyObject) -> bool {
        let _ = (decoded, value);
        false
    }
    /// An exception is set, raised by the instruction at `offset` of this frame, in whose JUMP (with
    /// `destination`) or PY_START (without) callback we are; the stack holds `depth` valid slots. Does what CPython would do.
    /// # Safety
    /// As said.
    pub unsafe fn unwind(
        self,
        thread: Thread,
        decoded: &DecodedCode,
        offset: u32,
        destination: Option<u32>,
    ) -> Unwound {
        let _ = (thread, decoded, offset, destination);
        Unwound::Null
    }
}

/// Pushes a frame for a call of `function`, on top of `below`, which becomes its `previous`. All locals are null, the
/// stack is empty, the offset 0. It is not the thread's current frame until run. The function's reference is taken anew.
/// # Safety
/// `function` is a Python function with the code that the snapshot names; frames are pushed and run or popped in stack order.
/// # Errors
/// [`Raised`]: MemoryError.
pub unsafe fn push(thread: Thread, function: *mut PyObject, below: Frame) -> Result<Frame, Raised> {
    let _ = (thread, function, below);
    Err(Raised)
}

/// Runs a pushed frame from its offset to its return and pops it: the result (a new reference) or `Raised`.
/// With `throw`, the exception that is set is raised at its instruction first (unwound by CPython, traceback included).
/// Runs Python code: do it under [`Thread::unsilence`].
/// # Safety
/// `frame` was pushed with [`push`], is the innermost, and all slots are valid.
/// # Errors
/// [`Raised`].
pub unsafe fn run(thread: Thread, frame: Frame, throw: bool) -> Result<*mut PyObject, Raised> {
    let _ = (thread, frame, throw);
    Err(Raised)
}

/// Pops a pushed frame that was never run, dropping what it holds.
/// # Safety
/// As [`run`].
pub unsafe fn pop(thread: Thread, frame: Frame) {
    let _ = (thread, frame);
}
