//! Trying machine code out: it runs in a copy of the process, which ends behind it.
//!
//! Nothing can happen to the program. Memory is copied as it is written to. The copy does not know the parent's open files
//! any more, gets no signals, leaves no core file, runs nothing that was meant for the end of a process, and ends with its parent.
//! It is no child that the program could see: no signal says that it has ended, and waiting for any child does not find it (`__WALL` does).
//! What it has found out it puts into memory that both have.
//!
//! A function can be named at which it ends: the first call of it. The function's first instructions are written over in the copy, so that
//! they lead here. Where the system does not allow that there is no trial.
//!
//! Of several threads only the one that asks is there in the copy. Others may hold locks, of the C library's allocator for one; so
//! whoever waits for such a lock is stopped after a while ([`Trial::Hung`]), which says nothing about the code.
//!
//! Hooks of `pthread_atfork` do not run, since they may end threads of the parent. Cost: a fork, some hundred microseconds in a
//! small process.

use decal_uops::Context;

/// How it went.
#[derive(Clone, Debug)]
pub enum Trial {
    /// The code has left, or has come to the call. What it has put into its context, and the words that were looked at.
    Done(Box<Seen>, Vec<u64>),
    /// The code was killed by this signal, for what it did.
    Died(i32),
    /// It was not done in time, or somebody else has ended it.
    Hung,
    /// There was no copy, for this reason.
    Denied(String),
}

/// What is known where the code has left.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Seen {
    /// Its context. At the call that was named the first three integer registers are in it; no others last through calls.
    pub context: Context,
    /// Whether it was that call.
    pub called: bool,
    /// Its first arguments then. Where there are fewer the others say nothing.
    pub arguments: [u64; 4],
}

/// Milliseconds that a trial may take.
pub const PATIENCE: u64 = 1000;

/// Without machine code there is nothing to try.
///
/// # Safety
/// None needed.
#[cfg(not(all(feature = "native", target_arch = "x86_64", target_os = "linux")))]
pub unsafe fn try_out(_: &mut Context, _: u64, _: Option<u64>, _: usize, _: impl FnMut(&Seen, &mut [u64])) -> Trial {
    Trial::Denied("no machine code".into())
}

#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
pub use os::try_out;

#[cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]
mod os {
    use super::*;
    use crate::enter::enter;
    use decal_uops::offset;
    use libc::{c_int, c_long, c_void};
    use std::mem::MaybeUninit;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::ptr::{null_mut, slice_from_raw_parts_mut};
    use std::sync::atomic::{AtomicPtr, Ordering};
    use std::time::{Duration, Instant};

    /// Pause between two looks at whether it has ended.
    const PAUSE: Duration = Duration::from_micros(50);

    /// Signals that code gets for what it does. Where memory is short, for one, there are others.
    const MISTAKES: [c_int; 6] =
        [libc::SIGILL, libc::SIGTRAP, libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGSEGV];

    /// How the copy ends where the function could not be written over.
    const NOT_DIVERTED: c_int = 2;

    /// Memory that both processes have: what is known, and words behind it.
    struct Shared {
        start: *mut u8,
        words: usize,
    }

    const HEAD: usize = size_of::<Seen>();

    impl Shared {
        fn new(words: usize) -> Option<Shared> {
            let (rights, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
            // SAFETY: new memory at an address that the system chooses.
            let start = unsafe { libc::mmap(null_mut(), HEAD + 8 * words, rights, kind, -1, 0) };
            (start != libc::MAP_FAILED).then_some(Shared { start: start.cast(), words })
        }

        fn seen(&mut self) -> *mut Seen {
            self.start.cast()
        }

        fn words(&mut self) -> &mut [u64] {
            // SAFETY: so many are mapped, and any bits are words.
            unsafe { &mut *slice_from_raw_parts_mut(self.start.add(HEAD).cast(), self.words) }
        }
    }

    impl Drop for Shared {
        fn drop(&mut self) {
            // SAFETY: mapped above; references to it have ended.
            unsafe { libc::munmap(self.start.cast(), HEAD + 8 * self.words) };
        }
    }

    /// Runs the code at `entry` in a copy of the process until it leaves, or calls the function at `stop`; then `look` may look at memory
    /// as it is in there and fill in so many words. It must not allocate memory.
    ///
    /// # Safety
    /// As for [`enter`](crate::enter::enter()). And what the code does up to there reaches no further than memory that is private to
    /// this process: it calls nothing that works on what processes share. `stop` is a function's address.
    pub unsafe fn try_out(
        context: &mut Context,
        entry: u64,
        stop: Option<u64>,
        words: usize,
        look: impl FnMut(&Seen, &mut [u64]),
    ) -> Trial {
        let Some(mut shared) = Shared::new(words) else { return Trial::Denied(last_error()) };
        let mut old = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sets of signals of our own. `clone` without flags is `fork` without a signal at its end; the copy never comes back
        // from here.
        let child = unsafe {
            let mut all = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigfillset(all.as_mut_ptr());
            // A handler that ran in the copy might tell the parent of a signal, through a file.
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
            let child = libc::syscall(libc::SYS_clone, 0 as c_long, 0 as c_long, 0 as c_long, 0 as c_long, 0 as c_long);
            if child == 0 {
                run(context, entry, stop, &mut shared, look);
            }
            child
        };
        let denied = last_error();
        // SAFETY: the set was filled in above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), null_mut()) };
        match libc::pid_t::try_from(child) {
            Ok(child) if child > 0 => wait(child, &mut shared),
            _ => Trial::Denied(denied),
        }
    }

    fn last_error() -> String {
        std::io::Error::last_os_error().to_string()
    }

    /// What is left to do in the copy, with the arguments of the call at which it ends.
    type Finish<'a> = &'a mut dyn FnMut(Option<[u64; 4]>);

    /// Where a `Finish` is. Only ever set in a copy.
    static FINISH: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

    /// What the copy does.
    unsafe fn run(
        context: *mut Context,
        entry: u64,
        stop: Option<u64>,
        shared: &mut Shared,
        mut look: impl FnMut(&Seen, &mut [u64]),
    ) -> ! {
        // SAFETY: plain system calls, about this process alone: files are closed in its own table, and stay open in the other.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_long);
            libc::prctl(libc::PR_SET_DUMPABLE, 0 as c_long);
            libc::syscall(libc::SYS_close_range, 0 as c_long, c_long::from(u32::MAX), 0 as c_long);
        }
        let mut finish = move |arguments: Option<[u64; 4]>| {
            let done = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: there is room for one, and nobody else uses it now; the code has left the context, or waits.
                let seen = unsafe {
                    let context = (*context).clone();
                    let arguments = (arguments.is_some(), arguments.unwrap_or_default());
                    shared.seen().write(Seen { context, called: arguments.0, arguments: arguments.1 });
                    &*shared.seen()
                };
                look(seen, shared.words());
            }));
            // SAFETY: ends this process, without running anything before.
            unsafe { libc::_exit(c_int::from(done.is_err())) }
        };
        let mut finish: Finish<'_> = &mut finish;
        FINISH.store((&raw mut finish).cast(), Ordering::Relaxed);
        // SAFETY: the caller's; nothing that runs before the code has left needs that function.
        unsafe {
            if stop.is_some_and(|function| !divert(function)) {
                libc::_exit(NOT_DIVERTED);
            }
            enter(&mut *context, entry);
        }
        finish(None);
        // SAFETY: as above.
        unsafe { libc::_exit(1) }
    }

    /// Makes a function lead to [`stopped`]. Whether that could be done.
    unsafe fn divert(function: u64) -> bool {
        // movabs rax, target; jmp rax
        let mut jump = [0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0];
        jump[2..10].copy_from_slice(&(stopped as *const () as u64).to_le_bytes());
        // SAFETY: code that is mapped; the pages become this process's own.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE).max(1) as u64;
            let (first, end) = (function / page * page, function + jump.len() as u64);
            let rights = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
            if libc::mprotect(first as *mut c_void, (end - first) as usize, rights) != 0 {
                return false;
            }
            (function as *mut [u8; 12]).write_volatile(jump);
        }
        true
    }

    /// Called instead of the function: its arguments are where a C function has them, the context and the registers that
    /// last through calls where traces have them.
    #[unsafe(naked)]
    unsafe extern "C" fn stopped() {
        core::arch::naked_asm!(
            "mov [r12 + {i}], r13",
            "mov [r12 + {i} + 8], r14",
            "mov [r12 + {i} + 16], r15",
            "jmp {called}",
            i = const offset::INT_REGS,
            called = sym called,
        )
    }

    extern "C" fn called(a: u64, b: u64, c: u64, d: u64) {
        let finish = FINISH.load(Ordering::Relaxed).cast::<Finish<'_>>();
        // SAFETY: set in this process, by whoever waits for the code that has called this.
        unsafe {
            (*finish)(Some([a, b, c, d]));
            libc::_exit(1);
        }
    }

    fn wait(child: libc::pid_t, shared: &mut Shared) -> Trial {
        let end = Instant::now() + Duration::from_millis(PATIENCE);
        let mut status = 0;
        loop {
            // SAFETY: our own child, which nobody else waits for.
            match unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG | libc::__WALL) } {
                0 if Instant::now() < end => std::thread::sleep(PAUSE),
                0 => {
                    // SAFETY: as above; it is there until it was waited for.
                    unsafe {
                        libc::kill(child, libc::SIGKILL);
                        libc::waitpid(child, &raw mut status, libc::__WALL);
                    }
                    return Trial::Hung;
                }
                ended if ended == child => break,
                _ => return Trial::Denied(last_error()),
            }
        }
        let signal = libc::WTERMSIG(status);
        if libc::WIFSIGNALED(status) && MISTAKES.contains(&signal) {
            return Trial::Died(signal);
        }
        if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == NOT_DIVERTED {
            return Trial::Denied("functions cannot be written over".into());
        }
        if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0 {
            return Trial::Hung;
        }
        // SAFETY: the copy has written one there before it ended well.
        let seen = Box::new(unsafe { shared.seen().read() });
        Trial::Done(seen, shared.words().to_vec())
    }
}
