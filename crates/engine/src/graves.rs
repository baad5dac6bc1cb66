//! Code memory of an engine that was switched off while its traces were under way.
//!
//! What a trace calls can switch decal off, and so can another thread meanwhile. The trace returns into its memory, and
//! leaves; with the last one that memory goes.

use crate::executor::Executor;
use decal_native::CodeMemory;
use std::cell::RefCell;
use std::rc::Rc;

struct Grave {
    /// Dropped last.
    _memory: Option<CodeMemory>,
    under_way: Vec<Rc<Executor>>,
}

struct Graves(RefCell<Vec<Grave>>);

// SAFETY: only touched by threads that hold the GIL of the main interpreter, one at a time.
unsafe impl Sync for Graves {}

static GRAVES: Graves = Graves(RefCell::new(Vec::new()));

/// Keeps memory as long as one of these root traces is under way.
pub fn keep(memory: Option<CodeMemory>, under_way: Vec<Rc<Executor>>) {
    GRAVES.0.borrow_mut().push(Grave { _memory: memory, under_way });
}

/// A trace that is not valid any more was left: frees what it was the last one of.
pub fn sweep() {
    GRAVES.0.borrow_mut().retain(|grave| grave.under_way.iter().any(|executor| executor.running.get() > 0));
}
