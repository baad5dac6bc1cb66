//! The current thread.

/// A `PyThreadState`. Valid while its thread lives and holds the GIL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thread(*mut crate::v313::layout::ThreadState);

impl Thread {
    /// The current thread.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn current() -> Thread {
        Thread(unsafe { pyo3_ffi::PyThreadState_Get() }.cast())
    }
    /// Its address (for [`Context::thread`](https://docs.rs)).
    pub fn address(self) -> u64 {
        self.0 as u64
    }
    /// Address of the eval breaker word.
    pub fn breaker_address(self) -> u64 {
        0
    }
    /// The breaker's value when nothing is wanted: the global instrumentation version, no event bits.
    pub fn breaker_quiet(self) -> u64 {
        0
    }
    /// Whether nothing is wanted now.
    pub fn is_quiet(self) -> bool {
        false
    }
    /// Python calls that may still be nested.
    pub fn recursion_remaining(self) -> i32 {
        0
    }
    /// Takes `count` from the calls that may still be nested (gives them back where negative):
    /// for frames that exist but whose calls CPython has not counted.
    pub fn take_recursion(self, count: i32) {}
    /// Whether an exception is set.
    pub fn has_exception(self) -> bool {
        false
    }
    /// Lets monitoring tools see code that runs while the guard lives (CPython silences them in callbacks).
    pub fn unsilence(self) -> Unsilenced {
        Unsilenced {
            thread: self,
            tracing: 0,
        }
    }
}

/// See [`Thread::unsilence`]. Restores the count when dropped.
pub struct Unsilenced {
    thread: Thread,
    tracing: i32,
}
