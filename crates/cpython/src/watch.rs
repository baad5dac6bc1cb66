//! Watchers of dicts, types, functions and code objects.
use crate::Raised;
use crate::observe::Assumption;

/// What changed, or is about to (CPython calls before the change, with the GIL held).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// This key of a watched dict. A key of 0 stands for all keys (cleared, freed, replaced).
    Dict {
        /// dict
        dict: u64,
        /// key
        key: u64,
    },
    /// A watched type. The watch is used up: watch it again if it is still of interest.
    Type(u64),
    /// A watched function's code or defaults, or the function dies. The watch is used up.
    Function(u64),
    /// A code object dies.
    CodeDies(u64),
}

/// decal's watchers.
#[derive(Debug)]
pub struct Watchers {
    ids: [i32; 4],
}

impl Watchers {
    /// Registers the watchers. `changed` must not run Python code nor raise.
    /// # Safety
    /// GIL; at most one at a time in a process.
    /// # Errors
    /// [`Raised`]: no watcher id is free.
    pub unsafe fn register(changed: fn(Changed)) -> Result<Watchers, Raised> {
        let _ = changed;
        Err(Raised)
    }
    /// Watches what this assumption names; harmless if it is watched already.
    /// # Safety
    /// GIL; the object lives.
    /// # Errors
    /// [`Raised`]
    pub unsafe fn watch(&self, what: Assumption) -> Result<(), Raised> {
        let _ = what;
        Ok(())
    }
    /// Removes all watchers.
    /// # Safety
    /// GIL.
    pub unsafe fn unregister(self) {}
}
