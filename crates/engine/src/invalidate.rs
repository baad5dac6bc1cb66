//! Invalidation: what a trace took for granted has changed, or is about to.
//!
//! Watchers call [`changed`]. A root trace goes with its side traces, and its location counts again, from a higher number each
//! time. A trace that is under way, in Python code that it called itself, asks for this when that returns, and leaves;
//! its memory and the references that it has are freed when the last one has left. Should the engine be busy further up
//! the stack (an object that dies while the engine drops it), everything is invalidated at the next occasion.

use crate::entrance;
use crate::executor::Executor;
use crate::links;
use crate::location::{Location, State};
use crate::pace::Resting;
use crate::state::{self, Engine, FUNCTION_START};
use crate::waiting::Waiting;
use decal_cpython::watch::Changed;
use decal_native::{CodeMemory, MemoryError};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The key of a code object that stands for the functions that have it: no name is at this address.
pub const FUNCTIONS: u64 = 2;

/// A change came while the engine was busy.
static MISSED: AtomicBool = AtomicBool::new(false);

/// What watchers call.
pub fn changed(what: Changed) {
    if state::with(|engine| engine.change(what)).is_none() && state::is_busy() {
        MISSED.store(true, Ordering::Relaxed);
    }
}

/// Whether there is something to [catch up](Engine::catch_up) with.
#[inline(always)]
pub fn is_behind() -> bool {
    MISSED.load(Ordering::Relaxed)
}

impl Engine {
    /// Invalidates everything where a change was missed, and starts anew in a process that was forked from the one
    /// whose memory the machine code is in. To be called before any executor is looked up.
    pub fn catch_up(&mut self) {
        if self.memory.as_ref().is_ok_and(CodeMemory::is_foreign) {
            self.leave_parents_code();
        }
        if MISSED.load(Ordering::Relaxed) {
            MISSED.store(false, Ordering::Relaxed);
            for id in 0..self.executors.len() {
                self.invalidate(id);
            }
            // Some of their code objects may be gone.
            self.waiting = Waiting::default();
            self.resting = Resting::default();
            if let Some(observation) = &mut self.observation {
                observation.spoil();
            }
        }
    }

    /// Forgets all machine code without touching it: the parent process runs it. What was compiled will be again,
    /// at once.
    fn leave_parents_code(&mut self) {
        let parents = std::mem::replace(&mut self.memory, Err(MemoryError::Foreign));
        let mut under_way = false;
        let executors: Vec<Rc<Executor>> = self.executors.iter_mut().filter_map(Option::take).collect();
        self.doors.values().for_each(|door| door.close());
        self.in_use = 0;
        for executor in &executors {
            executor.bytes.set(0);
            executor.valid.set(false);
            executor.alive.valid.set(0);
        }
        for root in executors.iter().filter(|executor| executor.is_root()) {
            if links::is_under_way(root) {
                under_way = true;
                // It comes back to what it called, and knows it by its address.
                std::mem::forget(Rc::clone(root));
            } else {
                root.let_go();
            }
        }
        self.relying.clear();
        for location in self.locations.values_mut() {
            if matches!(location.state, State::Compiled(_) | State::Waiting(Some(_))) {
                location.state = State::Counting(1);
            }
        }
        if let Some(observation) = &mut self.observation {
            observation.spoil();
        }
        self.memory = parents.and_then(|parents| {
            let anew = parents.anew();
            if under_way {
                // A trace called what forked, and returns into that memory.
                std::mem::forget(parents);
            }
            anew
        });
    }

    /// From now on an executor ends with a change of this.
    pub fn relies(&mut self, id: usize, address: u64, key: u64) {
        self.relying.entry(address).or_default().entry(key).or_default().push(id);
    }

    fn change(&mut self, what: Changed) {
        let (address, key) = match what {
            Changed::Handlers => return self.leave_to_handlers(),
            Changed::Dict { dict, key } => (dict, key),
            Changed::Functions(code) => (code, FUNCTIONS),
            Changed::Type(address) | Changed::Function(address) | Changed::CodeDies(address) => (address, 0),
        };
        let mut counts = false;
        if let Some(observation) = &mut self.observation {
            counts |= observation.change(what);
        }
        if let Some(by_key) = self.relying.get(&address) {
            let hit: Vec<usize> = match key {
                0 => by_key.values().flatten().copied().collect(),
                key => by_key.get(&key).cloned().unwrap_or_default(),
            };
            counts |= !hit.is_empty();
            for id in hit {
                self.invalidate(id);
            }
        }
        if counts {
            *self.changes.entry((address, key)).or_default() += 1;
        }
        if let Changed::CodeDies(code) = what {
            self.starts.remove(&(code as usize));
            self.doors.remove(&(code as usize));
            entrance::forget(self, code as usize);
            if self.located.remove(&(code as usize)) {
                self.waiting.forget(code as usize);
                self.resting.forget(code as usize);
                self.locations.retain(|(owner, _), _| *owner != code as usize);
            }
            if self.codes.remove(&(code as usize)).is_some() {
                self.relying.remove(&code);
            }
        }
    }

    /// Invalidates what calls functions that look after signals, without a frame that a handler could see.
    fn leave_to_handlers(&mut self) {
        for id in 0..self.executors.len() {
            let executor = self.executors.get(id).and_then(Option::as_ref);
            if executor.is_some_and(|executor| executor.recorded.attends) {
                self.invalidate(id);
            }
        }
    }

    /// Frees what an invalid root trace and its side traces have. None of them is under way. They may be those of an engine
    /// that was switched off since, whose numbers mean others here.
    pub fn bury(&mut self, root: &Rc<Executor>) {
        let family = root.family.borrow();
        for executor in family.iter().map(|(_, side)| side).chain([root]) {
            let Some(slot) = self.executors.get_mut(executor.id) else { continue };
            if slot.as_ref().is_none_or(|known| !Rc::ptr_eq(known, executor)) {
                continue;
            }
            *slot = None;
            self.in_use = self.in_use.saturating_sub(executor.bytes.replace(0));
            if let (Some(code), Ok(memory)) = (&executor.native, &mut self.memory) {
                memory.release(code.address, code.size);
            }
        }
        drop(family);
        root.let_go();
    }

    /// Takes the root trace of an executor out of use, with all its side traces.
    pub fn invalidate(&mut self, id: usize) {
        let Some(root) = self.executors.get(id).and_then(|executor| executor.as_ref()).map(|executor| executor.root)
        else {
            return;
        };
        let Some(executor) = self.executors.get(root).cloned().flatten() else { return };
        let place = (executor.code as usize, executor.offset);
        if !executor.valid.get() {
            return;
        }
        let mut gone = executor.sides.borrow().clone();
        gone.push(root);
        executor.alive.valid.set(0);
        for id in &gone {
            if let Some(executor) = self.executors.get(*id).and_then(Option::as_ref) {
                executor.valid.set(false);
                self.counters.invalidated += 1;
            }
        }
        if executor.offset == FUNCTION_START
            && let Some(door) = self.doors.get(&place.0)
        {
            door.close();
        }
        links::cut(self, &executor);
        if !links::is_under_way(&executor) {
            self.bury(&executor);
        }
        self.relying.retain(|_, by_key| {
            by_key.retain(|_, list| {
                list.retain(|id| !gone.contains(id));
                !list.is_empty()
            });
            !by_key.is_empty()
        });
        let threshold = self.threshold(executor.offset);
        let location = self.locate(place, || Location::new(threshold));
        if location.state == State::Compiled(root) || location.state == State::Waiting(Some(root)) {
            location.invalidated(threshold);
        }
    }
}
