//! Code that is tried out does what it does, and nothing of that happens here.
#![cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]

use decal_native::CodeMemory;
use decal_native::trial::{Seen, Trial, try_out};
use decal_uops::{Context, offset};
use std::ptr::{null, null_mut};

/// Puts instructions into memory that can be executed.
fn code(memory: &mut CodeMemory, bytes: &[u8]) -> u64 {
    let address = memory.allocate(bytes.len()).expect("room");
    memory.write_all(&[(address, bytes)]).expect("rights");
    address
}

/// `jmp [r12 + LEAVE]`
fn leave() -> Vec<u8> {
    [&[0x41, 0xff, 0xa4, 0x24], &offset::LEAVE.to_le_bytes()[..]].concat()
}

/// `mov rax, [r12 + FRAME]; mov qword ptr [rax], 7; mov r13, 42`, and leaves.
fn writes() -> Vec<u8> {
    let load = [&[0x49, 0x8b, 0x84, 0x24], &offset::FRAME.to_le_bytes()[..]].concat();
    [load, vec![0x48, 0xc7, 0x00, 7, 0, 0, 0], vec![0x49, 0xc7, 0xc5, 42, 0, 0, 0], leave()].concat()
}

/// Tries these instructions; the word at `context.frame` is looked at.
fn trial(bytes: &[u8], word: &u64) -> Trial {
    let mut memory = CodeMemory::new().expect("memory for machine code");
    let entry = code(&mut memory, bytes);
    let mut context = Box::new(Context::new());
    context.frame = std::ptr::from_ref(word) as u64;
    let look = |seen: &Seen, words: &mut [u64]| {
        // SAFETY: the word above.
        words[0] = unsafe { (seen.context.frame as *const u64).read() };
        words[1] = seen.context.int_regs[0];
    };
    // SAFETY: the instructions above, which call nothing.
    unsafe { try_out(&mut context, entry, None, 2, look) }
}

#[test]
fn what_it_does_happens_in_the_copy() {
    let word = Box::new(5);
    let Trial::Done(seen, words) = trial(&writes(), &word) else { panic!("it did not leave") };
    assert_eq!((words, seen.context.int_regs[0], seen.called), (vec![7, 42], 42, false));
    // SAFETY: the word above, read as the compiler cannot know it.
    assert_eq!(unsafe { std::ptr::from_ref(&*word).read_volatile() }, 5);
}

/// What would be called in vain: it must not run, and is as it was here.
#[inline(never)]
extern "C" fn outside(a: u64, b: u64) -> u64 {
    std::hint::black_box(a * 1000 + b)
}

#[test]
fn it_ends_at_a_call() {
    // sub rsp, 8; mov edi, 5; mov esi, 6; mov r14, 77; movabs rax, outside; call rax; ud2
    let start = [0x48, 0x83, 0xec, 8, 0xbf, 5, 0, 0, 0, 0xbe, 6, 0, 0, 0, 0x49, 0xc7, 0xc6, 77, 0, 0, 0, 0x48, 0xb8];
    let function = outside as *const () as u64;
    let bytes = [&start[..], &function.to_le_bytes(), &[0xff, 0xd0, 0x0f, 0x0b]].concat();
    let mut memory = CodeMemory::new().expect("memory for machine code");
    let entry = code(&mut memory, &bytes);
    // SAFETY: the instructions above, which call this function and nothing else.
    let trial = unsafe { try_out(&mut Context::new(), entry, Some(function), 0, |_, _| ()) };
    let Trial::Done(seen, _) = trial else { panic!("it did not come to the call: {trial:?}") };
    assert_eq!((seen.called, &seen.arguments[..2], seen.context.int_regs[1]), (true, &[5, 6][..], 77));
    assert_eq!(outside(5, 6), 5006);
}

#[test]
fn it_may_die() {
    assert!(matches!(trial(&[0x0f, 0x0b], &0), Trial::Died(libc::SIGILL)));
    // xor eax, eax; mov rax, [rax]
    assert!(matches!(trial(&[0x31, 0xc0, 0x48, 0x8b, 0x00], &0), Trial::Died(libc::SIGSEGV)));
}

#[test]
fn it_may_hang() {
    assert!(matches!(trial(&[0xeb, 0xfe], &0), Trial::Hung));
}

/// Nobody hears of it: no signal, no child to wait for, and the mask of signals is as before.
#[test]
fn the_program_cannot_tell() {
    extern "C" fn ended(_: i32) {
        // SAFETY: ends the process at once, from a signal's handler.
        unsafe { libc::_exit(3) };
    }
    // SAFETY: plain questions about this thread and process. The tests before have waited for their own copies, and this is no parent of others.
    unsafe {
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        libc::pthread_sigmask(libc::SIG_SETMASK, null(), &raw mut before);
        let old = libc::signal(libc::SIGCHLD, ended as extern "C" fn(i32) as libc::sighandler_t);
        assert!(matches!(trial(&writes(), &Box::new(5)), Trial::Done(..)));
        assert_eq!(libc::waitpid(-1, null_mut(), libc::WNOHANG), -1);
        libc::signal(libc::SIGCHLD, old);
        let mut after = std::mem::zeroed::<libc::sigset_t>();
        libc::pthread_sigmask(libc::SIG_SETMASK, null(), &raw mut after);
        for signal in 1..=31 {
            assert_eq!(libc::sigismember(&raw const before, signal), libc::sigismember(&raw const after, signal));
        }
    }
}

/// It cannot write where the program does: all files are closed in there, and none is here.
#[test]
fn its_files_are_closed() {
    let mut pipe = [0; 2];
    // SAFETY: a pipe of our own; what looks only asks.
    unsafe {
        assert_eq!(libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC), 0);
        let mut memory = CodeMemory::new().expect("memory for machine code");
        let entry = code(&mut memory, &leave());
        let file = pipe[1];
        let look = |_: &Seen, words: &mut [u64]| words[0] = libc::fcntl(file, libc::F_GETFD) as u64;
        let trial = try_out(&mut Context::new(), entry, None, 1, look);
        let Trial::Done(_, words) = trial else { panic!("it did not leave") };
        assert_eq!(words, [u64::MAX]);
        assert_ne!(libc::fcntl(file, libc::F_GETFD), -1);
        for file in pipe {
            libc::close(file);
        }
    }
}
