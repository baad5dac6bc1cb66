//! The stack of frames: where the next frame of a thread has its place, and what follows when a piece of it is full.
//!
//! A thread's frames lie in pieces of memory, one behind the other (`_PyStackChunk`); a call that finds no room gets the interpreter to
//! allocate another piece, and its return frees that again. Frames that are not made ([`crate::unmade`]) take their
//! places behind the last one that is, and the thread knows nothing of them. So it knows nothing of the piece that they begin, either: that
//! becomes a part of the thread's stack when the frame at its start is made ([`Piece::attach`]), and is the interpreter's
//! from then on, which frees it when that frame is gone. A piece that never was is kept for the next time: a recursion that goes up
//! and down across the end of a piece costs the interpreter a system call and new pages each time, and here nothing.
//!
//! Holds: pieces come from the allocator that the interpreter frees them with (`PyObject_GetArenaAllocator`). The one at the bottom of a
//! thread's stack is never ours.

use crate::PyObject;
use crate::frame::Frame;
use crate::thread::Thread;
use crate::version::layout::StackChunk;
use pyo3_ffi::{PyObject_GetArenaAllocator, PyObjectArenaAllocator};
use std::cell::Cell;
use std::mem::{MaybeUninit, offset_of};
use std::ptr::null_mut;

/// The end of a stack of frames: its next place, and where the piece that this is in ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Top {
    next: *mut *mut PyObject,
    limit: *mut *mut PyObject,
}

impl Top {
    /// No place at all.
    pub const NONE: Top = Top { next: null_mut(), limit: null_mut() };

    /// Where it is now, as the thread knows it.
    pub fn of(thread: Thread) -> Top {
        // SAFETY: the thread state lives.
        unsafe { Top { next: (*thread.pointer()).stack_next, limit: (*thread.pointer()).stack_limit } }
    }

    /// Says that it is here, in the piece that is the thread's last one.
    ///
    /// # Safety
    /// All frames above are gone, or the frames below are there.
    pub unsafe fn set(self, thread: Thread) {
        // SAFETY: the caller's.
        unsafe { (*thread.pointer()).stack_next = self.next }
    }

    /// Whether there is room for so many words more.
    #[inline]
    pub fn has_room(self, words: usize) -> bool {
        // Both are in the same piece, or null.
        words < (self.limit as usize).wrapping_sub(self.next as usize) / size_of::<*mut PyObject>()
    }

    /// The frame that is so many words above.
    ///
    /// # Safety
    /// There is room for it.
    #[inline]
    pub unsafe fn frame(self, words: usize) -> Frame {
        // SAFETY: the caller's.
        unsafe { Frame::from_address(self.next.add(words) as u64) }
    }

    /// The place that is so many words above.
    ///
    /// # Safety
    /// As for [`Top::frame`].
    #[inline]
    pub unsafe fn above(self, words: usize) -> Top {
        // SAFETY: the caller's.
        Top { next: unsafe { self.next.add(words) }, ..self }
    }
}

/// A piece of memory for frames that no thread knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece(*mut StackChunk);

/// Bytes of a piece. The interpreter's have 16 KiB; theirs and ours may differ, each says its own size.
const SIZE: usize = 64 << 10;
/// Pieces that are kept.
const KEPT: usize = 16;

/// Those that are kept: the last one, which leads to the others, and their number.
struct Spares(Cell<(*mut StackChunk, usize)>);

// SAFETY: only touched with the GIL held.
unsafe impl Sync for Spares {}

static SPARES: Spares = Spares(Cell::new((null_mut(), 0)));

impl Piece {
    /// One with room for so many words; none where there is no memory.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn new(words: usize) -> Option<Piece> {
        // A frame, and a good part of another one.
        if words * size_of::<*mut PyObject>() > SIZE / 4 {
            return None;
        }
        let (spare, count) = SPARES.0.get();
        // SAFETY: spares are pieces of ours that nobody uses; the allocator gives as many bytes as it was asked for.
        unsafe {
            if !spare.is_null() {
                SPARES.0.set(((*spare).previous, count - 1));
                return Some(Piece(spare));
            }
            let arenas = arenas();
            let piece = (arenas.alloc?)(arenas.ctx, SIZE).cast::<StackChunk>();
            if piece.is_null() {
                return None;
            }
            (*piece).size = SIZE;
            Some(Piece(piece))
        }
    }

    /// Its first place.
    pub fn start(self) -> Top {
        let limit = self.0.cast::<u8>().wrapping_add(SIZE).cast();
        Top { next: self.0.cast::<u8>().wrapping_add(offset_of!(StackChunk, slots)).cast(), limit }
    }

    /// Makes it the last piece of the thread's stack of frames, which owns it from now on.
    ///
    /// # Safety
    /// A frame at its first place is about to be made; those below are.
    pub unsafe fn attach(self, thread: Thread) {
        // SAFETY: the caller's; this is what the interpreter does with a new piece. It frees it when that frame is gone, with this
        // allocator.
        unsafe {
            let state = thread.pointer();
            let below = (*state).stack_chunk;
            let first = (&raw mut (*below).slots).cast::<*mut PyObject>();
            (*below).top = (*state).stack_next.offset_from(first) as usize;
            (*self.0).previous = below;
            (*self.0).top = 0;
            (*state).stack_chunk = self.0;
            (*state).stack_limit = self.start().limit;
            (*state).stack_next = self.start().next;
        }
    }

    /// Keeps it for the next time, or frees it.
    ///
    /// # Safety
    /// It was never attached, and nobody uses it any more; the GIL is held.
    pub unsafe fn give_back(self) {
        let (spare, count) = SPARES.0.get();
        // SAFETY: the caller's.
        unsafe {
            if count < KEPT {
                (*self.0).previous = spare;
                SPARES.0.set((self.0, count + 1));
            } else {
                self.free();
            }
        }
    }

    /// It came from this allocator, and nobody uses it any more.
    fn free(self) {
        let arenas = arenas();
        if let Some(free) = arenas.free {
            free(arenas.ctx, self.0.cast(), SIZE);
        }
    }
}

/// Frees what is kept.
///
/// # Safety
/// The GIL is held.
pub unsafe fn free_spares() {
    let (mut spare, _) = SPARES.0.replace((null_mut(), 0));
    while !spare.is_null() {
        // SAFETY: pieces that nobody uses.
        unsafe {
            let next = (*spare).previous;
            Piece(spare).free();
            spare = next;
        }
    }
}

fn arenas() -> PyObjectArenaAllocator {
    let mut allocator = MaybeUninit::uninit();
    // SAFETY: fills all of it in.
    unsafe {
        PyObject_GetArenaAllocator(allocator.as_mut_ptr());
        allocator.assume_init()
    }
}
