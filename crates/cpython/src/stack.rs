//! The native stack: whether there is room for one more native call of ours.
//!
//! CPython runs Python calls within one native frame, so that a program may recurse as deeply as it asked for, on
//! a thread with a small stack too. A trace that calls into CPython, which calls a function that has a trace, takes
//! native stack for each of them. CPython counts native calls and assumes a large stack for them; so we look at the stack
//! itself, and leave half of it alone.

use std::cell::Cell;

/// Bytes that are assumed where the system does not tell, or says that there is no limit.
const ASSUMED: usize = 1 << 20;
/// More than this is not counted on: the main thread's stack grows only as far as it finds room.
const LARGEST: usize = 8 << 20;

thread_local! {
    /// The address below which the stack of this thread is half used; 0 until it was asked for.
    static MIDDLE: Cell<usize> = const { Cell::new(0) };
}

/// Whether less than half of this thread's native stack is used.
#[inline]
pub fn has_room() -> bool {
    let here = 0_u8;
    let here = &raw const here as usize;
    let middle = MIDDLE.with(Cell::get);
    here > if middle == 0 { measure(here) } else { middle }
}

/// The address down to which this thread's native stack may be used.
pub fn limit() -> usize {
    let here = 0_u8;
    let middle = MIDDLE.with(Cell::get);
    if middle == 0 { measure(&raw const here as usize) } else { middle }
}

/// Whether the native stack is used no further than down to this address.
#[inline(always)]
pub fn is_above(limit: usize) -> bool {
    let here = 0_u8;
    std::hint::black_box(&raw const here) as usize > limit
}

#[cold]
fn measure(here: usize) -> usize {
    let (low, high) = bounds().unwrap_or((here.saturating_sub(ASSUMED), here));
    let size = high.saturating_sub(low).min(LARGEST);
    let middle = (high - size / 2).max(1);
    MIDDLE.with(|known| known.set(middle));
    middle
}

/// Lowest and highest address of this thread's stack.
#[cfg(target_os = "linux")]
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: plain queries about the calling thread; the attributes are set by the first and freed by the last call.
    unsafe {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let mut attributes = attributes.assume_init();
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        let told = libc::pthread_attr_getstack(&raw const attributes, &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        (told == 0 && size > 0).then(|| (low as usize, low as usize + size))
    }
}

#[cfg(not(target_os = "linux"))]
fn bounds() -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Depth at which a recursion of half a kilobyte a call finds no more room.
    fn depth(level: usize) -> usize {
        let waste = std::hint::black_box([level as u8; 512]);
        if level < 100_000 && has_room() { depth(level + 1).max(usize::from(waste[0] == 77)) } else { level }
    }

    #[test]
    fn half_of_a_thread_is_used() {
        let run =
            |size: usize| std::thread::Builder::new().stack_size(size).spawn(|| depth(0)).unwrap().join().unwrap();
        let (small, large) = (run(256 << 10), run(2 << 20));
        assert!(small > 20 && small < 256, "{small}");
        assert!(large > 4 * small && large < 2048, "{large}");
    }
}
