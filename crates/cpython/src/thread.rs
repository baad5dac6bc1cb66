//! The current thread: eval breaker, recursion, exceptions, silence of monitoring tools.
//!
//! The eval breaker is one word per thread: its lower 8 bits are events that want the interpreter's attention
//! (a signal, a pending call, a request for the GIL, a garbage collection), its upper bits the version of
//! instrumentation. Code whose instrumentation has the same version is up to date. So one comparison of
//! the word with its quiet value finds both that somebody wants something, and that a tool was switched on.

use crate::Raised;
use crate::version::layout::{BREAKER_EVENTS, ThreadState};
use crate::version::symbols::symbols;
use std::ffi::c_int;
use std::mem::offset_of;

/// A `PyThreadState`. Valid while its thread lives and holds the GIL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thread(*mut ThreadState);

impl Thread {
    /// The current thread.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn current() -> Thread {
        // SAFETY: the GIL is held, so there is a current thread state.
        Thread(unsafe { pyo3_ffi::PyThreadState_Get() }.cast())
    }

    /// The thread whose `PyThreadState` is at this address.
    ///
    /// # Safety
    /// It is the current one.
    pub unsafe fn from_address(address: u64) -> Thread {
        Thread(address as *mut ThreadState)
    }

    /// The `PyThreadState`.
    pub(crate) fn pointer(self) -> *mut ThreadState {
        self.0
    }

    /// Its address, for the context of a trace.
    pub fn address(self) -> u64 {
        self.0 as u64
    }

    /// Address of the eval breaker word, for the context of a trace.
    pub fn breaker_address(self) -> u64 {
        self.address() + offset_of!(ThreadState, eval_breaker) as u64
    }

    fn breaker(self) -> usize {
        // SAFETY: the thread state lives; other threads write this word, hence a volatile read.
        unsafe { (&raw const (*self.0).eval_breaker).read_volatile() }
    }

    /// The breaker's value when nothing is wanted: the version of instrumentation, no events.
    pub fn breaker_quiet(self) -> u64 {
        (self.breaker() & !BREAKER_EVENTS) as u64
    }

    /// Whether nothing is wanted now.
    pub fn is_quiet(self) -> bool {
        self.breaker() & BREAKER_EVENTS == 0
    }

    /// Python calls that are under way, as the recursion limit counts them.
    pub fn recursion_depth(self) -> i32 {
        // SAFETY: the thread state lives.
        unsafe { (*self.0).py_recursion_limit - (*self.0).py_recursion_remaining }
    }

    /// Python calls that may still be nested.
    pub fn recursion_remaining(self) -> i32 {
        // SAFETY: the thread state lives.
        unsafe { (*self.0).py_recursion_remaining }
    }

    /// Takes `count` from the calls that may still be nested, or gives them back where it is
    /// negative: for frames that exist without CPython having counted their calls (frames below the one that
    /// an exit runs).
    pub fn take_recursion(self, count: i32) {
        // SAFETY: the thread state lives and is ours while we hold the GIL.
        unsafe { (*self.0).py_recursion_remaining -= count }
    }

    /// Makes a frame the one that runs.
    ///
    /// # Safety
    /// It is linked to the frame that runs, or is one of those below.
    pub unsafe fn set_current_frame(self, frame: crate::frame::Frame) {
        // SAFETY: the thread state lives; the caller's.
        unsafe { (*self.0).current_frame = frame.pointer() }
    }

    /// The same for native calls.
    pub fn take_native_recursion(self, count: i32) {
        // SAFETY: as above.
        unsafe { (*self.0).c_recursion_remaining -= count }
    }

    /// Native calls that may still be nested.
    pub fn native_recursion_remaining(self) -> i32 {
        // SAFETY: the thread state lives.
        unsafe { (*self.0).c_recursion_remaining }
    }

    /// Whether a trace or profile function is set in this thread (`sys.settrace`, `sys.setprofile`).
    pub fn is_traced(self) -> bool {
        // SAFETY: the thread state lives.
        unsafe { !(*self.0).c_trace_function.is_null() || !(*self.0).c_profile_function.is_null() }
    }

    /// How many monitoring callbacks we are inside of; 1 in decal's own callbacks.
    pub fn tracing(self) -> i32 {
        // SAFETY: the thread state lives.
        unsafe { (*self.0).tracing }
    }

    /// Whether the interpreter runs frames by itself: another tool may have put a function of its own in front of that (PEP 523),
    /// which wants to see each of them.
    pub fn runs_frames(self) -> bool {
        // SAFETY: as above; the interpreter lives as long as its threads.
        symbols().is_ok_and(|symbols| unsafe {
            (symbols.eval_frame_function)((*self.pointer()).interpreter) as usize == symbols.eval_frame as usize
        })
    }

    /// Whether an exception is set.
    pub fn has_exception(self) -> bool {
        // SAFETY: the thread state lives.
        unsafe { !(*self.0).current_exception.is_null() }
    }

    /// Drops the exception that is set, if any: for an exit that lets CPython run the instruction again.
    pub fn clear_exception(self) {
        // SAFETY: the GIL is held by the crate's contract. An exception that was just made by a C
        // function is of a builtin class and dies without Python code.
        unsafe { pyo3_ffi::PyErr_Clear() }
    }

    /// Puts the exception that is set aside, until what this gives is dropped.
    pub fn put_aside(self) -> PutAside {
        // SAFETY: the GIL is held by the crate's contract.
        PutAside(unsafe { pyo3_ffi::PyErr_GetRaisedException() })
    }

    /// Serves whoever wants the interpreter's attention: signals, pending calls, other threads, the collector. Runs Python code.
    ///
    /// # Errors
    /// An exception is set.
    ///
    /// # Safety
    /// The current thread, and its frames are exact.
    pub unsafe fn attend(self) -> Result<(), Raised> {
        match symbols() {
            // SAFETY: the caller's.
            Ok(symbols) if !self.is_quiet() && unsafe { (symbols.handle_pending)(self.pointer()) } != 0 => Err(Raised),
            _ => Ok(()),
        }
    }

    /// Lets monitoring tools see the Python code that runs while the guard lives: CPython silences
    /// them all while a callback runs.
    pub fn unsilence(self) -> Unsilenced {
        // SAFETY: the thread state lives and is ours while we hold the GIL.
        unsafe {
            let state = &mut *self.0;
            let guard = Unsilenced { thread: self, tracing: state.tracing, event: state.what_event };
            state.tracing = 0;
            state.what_event = NO_EVENT;
            guard
        }
    }
}

/// `what_event` outside of callbacks.
const NO_EVENT: c_int = -1;

/// See [`Thread::put_aside`].
#[derive(Debug)]
pub struct PutAside(*mut pyo3_ffi::PyObject);

impl Drop for PutAside {
    fn drop(&mut self) {
        // SAFETY: the reference that was taken out; null sets nothing.
        unsafe { pyo3_ffi::PyErr_SetRaisedException(self.0) }
    }
}

/// See [`Thread::unsilence`]. Silences again when dropped, on the same thread.
#[derive(Debug)]
pub struct Unsilenced {
    thread: Thread,
    tracing: c_int,
    event: c_int,
}

impl Drop for Unsilenced {
    fn drop(&mut self) {
        // SAFETY: the thread is still inside of the callback in which the guard was made.
        unsafe {
            (*self.thread.0).tracing = self.tracing;
            (*self.thread.0).what_event = self.event;
        }
    }
}
