//! The context: the block of memory that a running trace works in.
//!
//! One lives on the native stack for each entry into a trace. Its address stays in a register of
//! its own all the time; spill slots, the exit that was taken and the registers saved at that exit
//! are found at fixed offsets from it. The engine and the stencils share this layout and nothing
//! else.

use core::mem::offset_of;

/// Integer registers that the allocator hands out.
pub const INT_REGS: usize = 8;
/// Float registers that the allocator hands out.
pub const FLOAT_REGS: usize = 8;
/// Spill slots of 8 bytes; a trace that needs more is not compiled.
pub const SPILL_SLOTS: usize = 240;

/// Words for the arguments of a call with any number of them; a trace that needs more is not compiled.
pub const ARGUMENTS: usize = 24;

/// See the module's text. All fields are plain words, so that any bits are valid.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct Context {
    /// Integer registers at the exit that was taken.
    pub int_regs: [u64; INT_REGS],
    /// Float registers at the exit that was taken.
    pub float_regs: [f64; FLOAT_REGS],
    /// Number of the exit that was taken; the engine numbers exits of all executors in one row.
    pub exit: u64,
    /// The `_PyInterpreterFrame` that the trace was entered on.
    pub frame: u64,
    /// The current `PyThreadState`.
    pub thread: u64,
    /// Address of the word that says that the interpreter wants attention (the eval breaker).
    pub breaker: u64,
    /// Value of that word when nothing is wanted; anything else leaves the trace.
    pub breaker_quiet: u64,
    /// Times that the trace jumped back to its loop.
    pub iterations: u64,
    /// Address of the code that calls a C function and keeps all registers: function in rax, argument in r11
    /// on x86-64.
    pub release: u64,
    /// Address of the code that saves all registers into this context and returns from the trace.
    pub leave: u64,
    /// Arguments of the call that is about to be made.
    pub arguments: [u64; ARGUMENTS],
    /// Values without a register.
    pub spills: [u64; SPILL_SLOTS],
}

impl Context {
    /// A context with everything zero.
    pub const fn new() -> Context {
        Context {
            int_regs: [0; INT_REGS],
            float_regs: [0.0; FLOAT_REGS],
            exit: 0,
            frame: 0,
            thread: 0,
            breaker: 0,
            breaker_quiet: 0,
            iterations: 0,
            release: 0,
            leave: 0,
            arguments: [0; ARGUMENTS],
            spills: [0; SPILL_SLOTS],
        }
    }
}

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

/// Byte offsets of the context's fields.
pub mod offset {
    use super::*;
    /// Of [`Context::int_regs`].
    pub const INT_REGS: i32 = offset_of!(Context, int_regs) as i32;
    /// Of [`Context::float_regs`].
    pub const FLOAT_REGS: i32 = offset_of!(Context, float_regs) as i32;
    /// Of [`Context::exit`].
    pub const EXIT: i32 = offset_of!(Context, exit) as i32;
    /// Of [`Context::frame`].
    pub const FRAME: i32 = offset_of!(Context, frame) as i32;
    /// Of [`Context::thread`].
    pub const THREAD: i32 = offset_of!(Context, thread) as i32;
    /// Of [`Context::breaker`].
    pub const BREAKER: i32 = offset_of!(Context, breaker) as i32;
    /// Of [`Context::breaker_quiet`].
    pub const BREAKER_QUIET: i32 = offset_of!(Context, breaker_quiet) as i32;
    /// Of [`Context::iterations`].
    pub const ITERATIONS: i32 = offset_of!(Context, iterations) as i32;
    /// Of [`Context::release`].
    pub const RELEASE: i32 = offset_of!(Context, release) as i32;
    /// Of [`Context::leave`].
    pub const LEAVE: i32 = offset_of!(Context, leave) as i32;
    /// Of [`Context::arguments`].
    pub const ARGUMENTS: i32 = offset_of!(Context, arguments) as i32;
    /// Of [`Context::spills`].
    pub const SPILLS: i32 = offset_of!(Context, spills) as i32;
}
