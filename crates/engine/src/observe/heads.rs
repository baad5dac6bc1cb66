//! Heads of loops that a pass comes to: which one the trace is to close, and where the pass ends.
//!
//! A root trace closes the loop that it starts at, or one in a call, where most of the time is spent then; a side trace comes back to its
//! trunk's. A loop in a call that is left after a few turns is followed as it goes, as a part of the turn around it: so
//! one is only chosen once it has come round [`FEW`] times, and what was seen since its second turn is cut off.

use super::{Observation, Progress, Purpose};
use crate::executor::Executor;
use crate::location::State;
use crate::state::{Engine, FUNCTION_START};
use decal_cpython::code::DecodedCode;
use decal_trace::bytecode::Op;
use decal_trace::event::{Ending, Event};

/// Passes that may find a loop in a call left at once before that is taken as the rule.
const PATIENCE: u32 = 3;
/// Turns of a hot loop in a call that are followed one by one; each comes to the head twice, by the jump and by the instruction.
const MAX_UNROLLED: u32 = 16;
/// Turns of a loop in a call that make it the loop to close.
const FEW: u32 = 5;
/// The first time at a loop's head.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) depth: usize,
    pub(super) frame: u64,
    pub(super) offset: u32,
    /// The last time, and the second one: events.
    pub(super) last: u32,
    pub(super) second: Option<u32>,
    /// How often it came back.
    pub(super) turns: u32,
    /// How often it has to come back.
    few: u32,
    /// Whether it is known to turn often.
    hot: bool,
}

impl Arrival {
    /// Whether it is a part of the turn around it, once it was left: one that has come round was seen to be short, and one that is not
    /// hot yet, though the loop around it is, turns about as often as that or less.
    pub(super) fn is_short(&self) -> bool {
        self.second.is_some() || !self.hot
    }
}

/// Whether the loop with this head lies within another one.
pub(super) fn is_nested(decoded: &DecodedCode, head: u32) -> bool {
    let end = decoded.loop_end(head);
    decoded.heads.iter().any(|outer| *outer < head && decoded.loop_end(*outer) > end)
}

/// Whether a function calls itself, by its name, and has loops, of which none is in another one: an inner loop is where the time is
/// spent, and is compiled by itself.
pub fn is_looping_recursion(decoded: &DecodedCode) -> bool {
    decoded.names_itself && !decoded.heads.is_empty() && decoded.heads.iter().all(|head| !is_nested(decoded, *head))
}

impl Observation {
    /// The topmost frame comes to a loop's head: whether the pass ends.
    pub(super) fn at_head(&mut self, engine: &Engine, offset: u32) -> Option<Progress> {
        let top = self.frames.last()?;
        if !top.decoded.is_head(offset) {
            return None;
        }
        let (depth, frame, id) = (self.frames.len(), top.frame, top.code);
        let recurses = is_looping_recursion(&top.decoded);
        let root = matches!(self.purpose, Purpose::Root { .. });
        if let Some(arrival) = &mut self.arrival
            && (arrival.depth, arrival.frame, arrival.offset) == (depth, frame, offset)
        {
            let now = self.recording.events.len() as u32;
            if arrival.last == now {
                return None;
            }
            let turns = |event: &Event| event.op == Op::JumpBackward(offset) && event.depth as usize + 1 == depth;
            if !root || depth == 1 {
                self.recording.ending = Ending::Turn;
                return Some(Progress::Finished);
            }
            if self.recording.events.last().is_some_and(turns) {
                arrival.last = now;
                arrival.turns += 1;
                arrival.second.get_or_insert(now);
                return if arrival.turns < arrival.few { None } else { self.turns_on() };
            }
            // It was left after a few turns, and begins anew.
            self.pass_over();
        }
        let code = *self.codes.get(id.0 as usize)?;
        let event = self.recording.events.len() as u32;
        let arrival = Arrival { depth, frame, offset, last: event, second: None, turns: 0, few: FEW, hot: true };
        match &self.purpose {
            Purpose::Root { offset: head, .. } if depth == 1 && *head == offset => {
                if event == 0 {
                    return None;
                }
                // A loop inside of a call was left at once: some other pass may stay in it, unless that is the rule.
                let location = engine.locations.get(&(self.code as usize, offset));
                let patient = location.is_none_or(|location| location.left < PATIENCE);
                let wait = patient && self.arrival.as_ref().is_some_and(|arrival| !arrival.is_short());
                self.recording.ending = if wait { Ending::Left } else { Ending::Head(offset) };
                if !wait {
                    self.recording.arrival = None;
                }
                return Some(Progress::Finished);
            }
            Purpose::Side { parent, .. } if event > 0 => {
                let root = engine.executors.get(parent.root).and_then(Option::as_ref)?;
                let trunk = engine.executors.get(parent.trunk).and_then(Option::as_ref)?;
                let label = trunk.recorded.label.as_ref();
                if label.is_some_and(|label| (label.depth(), label.code(), label.head) == (depth, code as u64, offset))
                {
                    self.recording.arrival = Some(event);
                    self.arrival = Some(arrival);
                    return None;
                }
                if depth == 1 && root.offset == offset {
                    // Where the root trace loops elsewhere, in a call, one pass around it leads there.
                    let around = label.is_some_and(|label| (label.depth(), label.head) != (1, offset));
                    if around && self.arrival.is_none() && *self.recording.around.get_or_insert(event) == event {
                        return None;
                    }
                    self.recording.ending = Ending::Head(offset);
                    return Some(Progress::Finished);
                }
            }
            _ => {}
        }
        if event == 0 {
            return None;
        }
        if depth == 1
            && self.is_of_function(engine)
            && recurses
            && self.arrival.as_ref().is_none_or(|before| before.depth == 1 && self.is_behind(before.offset, offset))
        {
            // The loop of a function that calls itself turns a few times in each call: it is the function's trace that loops.
            self.recording.arrival = Some(event);
            self.arrival = Some(arrival);
            return None;
        }
        let hot = engine.is_hot_loop(code, offset);
        // One in a call that is not hot yet may turn for long, too: to follow it turn by turn would make a very long trace.
        let known_short = || self.short.contains(&(code as usize, offset)) || engine.is_short_loop(code, offset);
        // A loop that is hot is the one to close, and not the one around it.
        if !hot && (depth == 1 || !root || self.arrival.is_some() || known_short()) {
            return None;
        }
        if depth > 1 {
            let short = self.arrival.is_none()
                && (self.short.contains(&(code as usize, offset)) || engine.is_short_loop(code, offset));
            let side = matches!(self.purpose, Purpose::Side { .. });
            let within = |it: &Arrival| (it.hot, it.frame) == (false, frame) && it.offset < offset;
            let inner = !side && hot && self.arrival.as_ref().is_some_and(within);
            if side || short || self.arrival.is_some() && !inner {
                if short {
                    self.short.insert((code as usize, offset));
                }
                // A loop of a few turns is followed as it goes.
                let turns = self.turns.entry((frame, offset)).or_default();
                *turns += 1;
                self.loops_in_call = *turns > MAX_UNROLLED;
                return self.loops_in_call.then_some(Progress::Finished);
            }
            let long = engine.locations.get(&(code as usize, offset)).is_some_and(|location| location.long);
            let few = match (long, hot) {
                (true, _) => 1,
                (_, true) => FEW,
                _ => MAX_UNROLLED,
            };
            self.recording.arrival = Some(event);
            self.arrival = Some(Arrival { few, hot, ..arrival });
            return None;
        }
        // A trace that does not loop only leads to one that does, as this pass may do by itself.
        if engine.executor_at(code, offset).is_none_or(|executor| executor.recorded.label.is_none()) {
            let waits = engine.locations.get(&(code as usize, offset));
            if !waits.is_some_and(|location| location.state == State::Waiting(None)) {
                return None;
            }
            // To see it turn till it ends would cost more than to wait, too.
            let turns = self.turns.entry((frame, offset)).or_default();
            *turns += 1;
            return (*turns > MAX_UNROLLED).then_some(Progress::Finished);
        }
        if let Purpose::Side { parent, .. } = &self.purpose
            && self.encloses_trunk(engine, parent, code as u64, offset)
            && *self.recording.around.get_or_insert(event) == event
        {
            // The way around the outer loop leads back to the trunk's label, where numbers stay in registers.
            return None;
        }
        let within = match &self.purpose {
            Purpose::Root { offset: head, function: false } => {
                offset > *head && self.frames.last()?.decoded.loop_end(*head).is_some_and(|end| offset < end)
            }
            _ => true,
        };
        self.recording.ending = if within { Ending::Head(offset) } else { Ending::Left };
        Some(Progress::Finished)
    }

    /// Whether the loop with this head, in the entry frame, has the trunk's loop in it.
    fn encloses_trunk(&self, engine: &Engine, parent: &Executor, code: u64, offset: u32) -> bool {
        let trunk = engine.executors.get(parent.trunk).and_then(Option::as_ref);
        let Some(label) = trunk.and_then(|trunk| trunk.recorded.label.as_ref()) else { return false };
        let end = self.frames.first().and_then(|frame| frame.decoded.loop_end(offset));
        (label.depth(), label.code()) == (1, code)
            && offset < label.head
            && end.is_some_and(|end| label.head < end)
            && self.recording.arrival.is_none()
    }

    /// Whether this is a way through a trace from a function's start.
    fn is_of_function(&self, engine: &Engine) -> bool {
        match &self.purpose {
            Purpose::Root { function, .. } => *function,
            Purpose::Side { parent, .. } => {
                let root = engine.executors.get(parent.root).and_then(Option::as_ref);
                root.is_some_and(|root| root.offset == FUNCTION_START)
            }
        }
    }

    /// Whether a place in the entry frame is behind the loop with this head.
    fn is_behind(&self, head: u32, offset: u32) -> bool {
        self.frames.first().and_then(|frame| frame.decoded.loop_end(head)).is_some_and(|end| offset > end)
    }

    /// The loop in a call that may be the one to close goes on: it is, and its first turn is all that counts.
    pub(super) fn turns_on(&mut self) -> Option<Progress> {
        let second = self.arrival.as_ref().and_then(|arrival| arrival.second)?;
        self.recording.events.truncate(second as usize);
        self.recording.ending = Ending::Turn;
        Some(Progress::Finished)
    }

    /// The loop in a call that might have been the one to close was left after a few turns, which follow one another in the trace.
    pub(super) fn pass_over(&mut self) {
        if let Some(arrival) = self.arrival.take()
            && let Some(watched) = self.frames.get(arrival.depth - 1)
            && let Some(code) = self.codes.get(watched.code.0 as usize)
        {
            self.short.insert((*code as usize, arrival.offset));
        }
        self.recording.arrival = None;
    }

    /// Whether the loop that is being observed was left.
    pub(super) fn left_loop(&mut self, start: u32) -> bool {
        let (Purpose::Root { offset: head, function: false }, [top]) = (&self.purpose, self.frames.as_slice()) else {
            return false;
        };
        let left = start < *head || top.decoded.loop_end(*head).is_some_and(|end| start > end);
        self.handling &= left;
        left && !self.handling
    }
}
