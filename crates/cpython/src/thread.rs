//! The current thread: eval breaker, recursion, exceptions, silence of monitoring tools.
//!
//! The eval breaker is one word per thread: its lower 8 bits are events that want the interpreter's attention
//! (a signal, a pending call, a request for the GIL, a garbage collection), its upper bits the version of
//! instrumentation. Code whose instrumentation has the same version is up to date. So one comparison of
//! the word with its quiet value finds both that somebody wants something, and that a tool was switched on.

use crate::Raised;
use crate::version::layout::{BREAKER_EVENTS, ThreadState};
use crate::version::symbols::{Symbols, symbols};
use std::ffi::c_int;
use std::mem::offset_of;
use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// The breaker's value now.
    #[inline(always)]
    pub fn breaker_word(self) -> u64 {
        self.breaker() as u64
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
    #[inline]
    pub fn runs_frames(self) -> bool {
        let at = HOOK_AT.load(Ordering::Relaxed);
        if at != 0 {
            // SAFETY: the interpreter lives as long as its threads; see `find_hook`.
            return unsafe { (*self.0).interpreter.byte_add(at).cast::<usize>().read_volatile() } == 0;
        }
        // SAFETY: as above.
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

/// Where an interpreter has the function of whoever wants to run frames in its place, in bytes; 0 where that is not known, and it has to be
/// asked each time.
static HOOK_AT: AtomicUsize = AtomicUsize::new(0);

/// Finds that place in the code of the function that tells it, which begins with loading it.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn find_hook(symbols: &Symbols) {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    // SAFETY: a function of CPython's is that long. The word is looked at once, and is what the function gives, or null for its default.
    unsafe {
        let code = symbols.eval_frame_function as *const u8;
        let code = if std::slice::from_raw_parts(code, 4) == BRANCH_TARGET { code.add(4) } else { code };
        if std::slice::from_raw_parts(code, 3) != LOAD {
            return;
        }
        let at = code.add(3).cast::<i32>().read_unaligned();
        let size = crate::version::checks::interpreter_size(symbols.runtime);
        let interpreter = (*Thread::current().0).interpreter;
        if at > 0 && at as usize + size_of::<usize>() <= size && (at as usize).is_multiple_of(size_of::<usize>()) {
            let set = interpreter.byte_add(at as usize).cast::<usize>().read_volatile();
            let told = (symbols.eval_frame_function)(interpreter) as usize;
            if set == 0 && told == symbols.eval_frame as usize {
                HOOK_AT.store(at as usize, Ordering::Relaxed);
            }
        }
    }
}

/// `endbr64`, and `mov rax, [rdi + …]` with a displacement of 32 bits.
const BRANCH_TARGET: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
const LOAD: [u8; 3] = [0x48, 0x8b, 0x87];

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
