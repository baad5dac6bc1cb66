//! Invalidation: what a trace took for granted has changed, or is about to.
//!
//! Watchers call [`changed`]. No trace is running at that time, since traces run no Python code; so
//! everything that depends on the change can go at once: a root trace goes with its side traces, its memory is
//! free, and its location counts again, from a higher number each time. Should the engine be busy further up the
//! stack (an object that dies while the engine drops it), everything is invalidated at the next occasion.

use crate::location::{Location, State};
use crate::state::{self, Engine};
use decal_cpython::watch::Changed;
use decal_native::{CodeMemory, MemoryError};
use std::sync::atomic::{AtomicBool, Ordering};

/// A change came while the engine was busy.
static MISSED: AtomicBool = AtomicBool::new(false);

/// What watchers call.
pub fn changed(what: Changed) {
    if state::with(|engine| engine.change(what)).is_none() && state::is_busy() {
        MISSED.store(true, Ordering::Relaxed);
    }
}

impl Engine {
    /// Invalidates everything where a change was missed, and starts anew in a process that was forked from the one
    /// whose memory the machine code is in. To be called before any executor is looked up.
    pub fn catch_up(&mut self) {
        if self.memory.as_ref().is_ok_and(CodeMemory::is_foreign) {
            self.leave_parents_code();
        }
        if MISSED.swap(false, Ordering::Relaxed) {
            for id in 0..self.executors.len() {
                self.invalidate(id);
            }
            if let Some(observation) = &mut self.observation {
                observation.spoil();
            }
        }
    }

    /// Forgets all machine code without touching it: the parent process runs it. What was compiled will be again,
    /// at once.
    fn leave_parents_code(&mut self) {
        let parents = std::mem::replace(&mut self.memory, Err(MemoryError::Foreign));
        for executor in self.executors.iter_mut().filter_map(Option::take) {
            executor.valid.set(false);
            executor.release_keeps();
        }
        self.relying.clear();
        for location in self.locations.values_mut() {
            if matches!(location.state, State::Compiled(_)) {
                location.state = State::Counting(1);
            }
        }
        if let Some(observation) = &mut self.observation {
            observation.spoil();
        }
        self.memory = parents.and_then(|parents| parents.anew());
    }

    fn change(&mut self, what: Changed) {
        if let Some(observation) = &mut self.observation {
            observation.change(what);
        }
        let (address, key) = match what {
            Changed::Dict { dict, key } => (dict, key),
            Changed::Type(address) | Changed::Function(address) | Changed::CodeDies(address) => (address, 0),
        };
        if let Some(list) = self.relying.get(&address) {
            let hit: Vec<usize> =
                list.iter().filter(|(known, _)| key == 0 || *known == key).map(|(_, id)| *id).collect();
            for id in hit {
                self.invalidate(id);
            }
        }
        if let Changed::CodeDies(code) = what
            && self.codes.remove(&(code as usize)).is_some()
        {
            self.locations.retain(|(owner, _), _| *owner != code as usize);
            self.relying.remove(&code);
        }
    }

    /// Takes the root trace of an executor out of use, with all its side traces.
    pub fn invalidate(&mut self, id: usize) {
        let Some(root) = self.executors.get(id).and_then(|executor| executor.as_ref()).map(|executor| executor.root)
        else {
            return;
        };
        let Some(executor) = self.executors.get(root).cloned().flatten() else { return };
        let place = (executor.code as usize, executor.offset);
        let mut gone = executor.sides.borrow().clone();
        gone.push(root);
        for id in &gone {
            let Some(executor) = self.executors.get_mut(*id).and_then(Option::take) else { continue };
            executor.valid.set(false);
            if let (Some(code), Ok(memory)) = (&executor.native, &mut self.memory) {
                memory.release(code.address, code.size);
            }
            self.counters.invalidated += 1;
            executor.release_keeps();
        }
        self.relying.retain(|_, list| {
            list.retain(|(_, id)| !gone.contains(id));
            !list.is_empty()
        });
        let threshold = self.options.loop_threshold;
        let location = self.locations.entry(place).or_insert_with(|| Location::new(threshold));
        if location.state == State::Compiled(root) {
            location.invalidated(threshold);
        }
    }
}
