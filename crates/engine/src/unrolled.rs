//! Loops in calls that were short when a trace was recorded, and are parts of its turn: whether they still are short.
//!
//! A trace that has followed the few turns of such a loop one by one (see [`crate::observe`]) is left within the loop where it
//! runs longer this time. CPython goes on there, and the loop's own trace does the rest. Where that trace makes several turns for each one
//! of the outer trace, it is the loop that should have the label: the outer trace is recorded anew, and its pass takes
//! the loop as the one to close. What a loop was once found to be it stays, so that this comes to an end.

use crate::executor::{Executor, KNOWN, SHORT};
use crate::location::State;
use crate::state::Engine;
use crate::worth;
use std::cell::Cell;

/// A loop that a root trace has followed turn by turn.
#[derive(Debug)]
pub struct Unrolled {
    /// Its code object and offset.
    place: (usize, u32),
    /// When it was last asked: the number of the loop's own executor, entries and turns of that, passes through the outer trace,
    /// and how often that was left within the loop.
    seen: Cell<Seen>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    id: usize,
    entries: u64,
    turns: u64,
    passes: u64,
    left: u64,
}

impl Unrolled {
    /// The loops with these places, for a new root trace.
    pub fn list(engine: &Engine, places: impl IntoIterator<Item = (usize, u32)>) -> Vec<Unrolled> {
        let loops = places.into_iter().filter(|place| engine.locations.contains_key(place));
        loops
            .map(|place| Unrolled { place, seen: Cell::new(Seen::now(engine, place, 0).unwrap_or_default()) })
            .collect()
    }
}

impl Seen {
    fn now(engine: &Engine, place: (usize, u32), passes: u64) -> Option<Seen> {
        let State::Compiled(id) = engine.locations.get(&place)?.state else { return None };
        let executor = engine.executors.get(id).and_then(Option::as_ref)?;
        Some(Seen { id, entries: executor.entries.get(), turns: executor.turns.get(), passes, left: 0 })
    }
}

/// Passes through the outer trace from one look to the next, at least.
const PASSES: u64 = 500;
/// The part of them that must have been left within the loop.
const LEFT: u64 = 16;

/// Whether a loop that a root trace has followed has become long. That trace is gone then, and will be recorded anew.
pub fn outgrown(engine: &mut Engine, root: &Executor) -> bool {
    let Some(place) = root.unrolled.iter().find(|its| its.is_long(engine, root)).map(|its| its.place) else {
        return false;
    };
    engine.log(1, || format!("trace {} is made anew: a loop in a call that it follows has become long", root.id));
    if let Some(location) = engine.locations.get_mut(&place) {
        location.long = true;
    }
    engine.invalidate(root.id);
    if let Some(location) = engine.locations.get_mut(&(root.code as usize, root.offset)) {
        location.outgrown();
    }
    true
}

impl Unrolled {
    fn is_long(&self, engine: &Engine, root: &Executor) -> bool {
        let passes = root.times_entered() + root.turns.get();
        let before = self.seen.get();
        if passes.saturating_sub(before.passes) < PASSES {
            return false;
        }
        let Some(now) = Seen::now(engine, self.place, passes) else { return false };
        let same = before.id == now.id && before.entries <= now.entries;
        if same && now.entries - before.entries < KNOWN {
            return false;
        }
        let now = Seen { left: self.left(engine, root), ..now };
        self.seen.set(now);
        let (entries, turns) = (now.entries.saturating_sub(before.entries), now.turns.saturating_sub(before.turns));
        let passes = now.passes - before.passes;
        // Other callers enter its trace too, and how long it runs for them is no matter.
        same && now.left.saturating_sub(before.left) * LEFT >= passes
            && turns >= SHORT * entries
            && turns >= SHORT * passes
    }

    /// How often the outer trace and its side traces were left within the loop.
    fn left(&self, engine: &Engine, root: &Executor) -> u64 {
        let (code, head) = self.place;
        let Some(state) = engine.codes.get(&code) else { return 0 };
        let Some(end) = state.decoded.loop_end(head) else { return 0 };
        worth::sum(engine, root, |executor, exit| {
            let trace = &executor.recorded.trace;
            let within = trace.snaps.get(exit.snap).and_then(|snap| snap.frames.last()).is_some_and(|frame| {
                let its = trace.codes.get(frame.code.0 as usize).map(|code| code.object as usize);
                its == Some(code) && (head..=end).contains(&frame.offset)
            });
            if within { exit.taken.get() as i64 } else { 0 }
        }) as u64
    }
}
