//! Where a pass is: which frames it has, and whether an event is one that could come next.
//!
//! An event from elsewhere is none of ours; one that could not come next, from a frame of ours, means that an exception was raised
//! or that somebody interfered.

use super::heads::Arrival;
use super::{Entering, Observation, Progress, Purpose, Watched};
use decal_cpython::code::DecodedCode;
use decal_cpython::delegation;
use decal_cpython::frame::Frame;
use decal_cpython::thread::Thread;
use decal_trace::bytecode::Op;
use decal_trace::event::{Raised, Resumed};

impl Observation {
    /// Whether this frame is the call that was seen last, and nothing of it was seen yet.
    pub fn enters(&self, frame: Frame) -> bool {
        let (Some(entering), Some(caller)) = (self.entering, self.frames.last()) else { return false };
        let Entering { code, through_c, frame: expected, .. } = entering;
        if let Some(expected) = expected {
            return frame.address() == expected;
        }
        let mut below = frame.previous();
        if through_c && below.is_some_and(|below| below.address() != caller.frame) {
            // A frame that the interpreter puts between.
            below = below.and_then(Frame::previous);
        }
        let callee = self.codes.get(code.0 as usize);
        below.map(Frame::address) == Some(caller.frame) && callee == Some(&frame.code())
    }

    /// Whether the frame in which the pass began is no more below this one: an exception has ended it without a sign.
    /// A generator's frame may only be waiting, and so may another thread's.
    pub(super) fn is_over(&self, frame: Frame) -> bool {
        let Some(outer) = self.frames.first() else { return true };
        // SAFETY: the GIL is held whenever the engine works.
        if self.waits || unsafe { Thread::current() } != self.thread {
            return false;
        }
        let mut below = Some(frame);
        while let Some(frame) = below {
            if frame.address() == outer.frame {
                return false;
            }
            below = frame.previous();
        }
        true
    }

    /// Whether this frame is at its handler of an exception that the last instruction raised. Frames above it are gone then.
    pub(super) fn takes_exception(&mut self, frame: Frame, start: u32) -> bool {
        if !self.raising {
            return false;
        }
        let mut depth = self.frames.len();
        let handler = loop {
            let Some(top) = depth.checked_sub(1).and_then(|depth| self.frames.get(depth)) else { return false };
            depth -= 1;
            let handles = top.frame == frame.address();
            match top.decoded.handler(top.at) {
                Some(handler) if handles && handler.target == start && !top.consumes => break handler,
                None if !handles && top.plain && !top.consumes => {}
                _ => return false,
            }
        };
        let last = (self.recording.events.len() as u32).checked_sub(1);
        self.entering = None;
        while self.frames.len() > depth + 1 {
            self.leave_call();
        }
        let raised = Raised { depth: depth as u32, target: start, stack: handler.depth, lasti: handler.lasti };
        match last {
            Some(last) => drop(self.recording.raised.insert(last, raised)),
            None => self.recording.begins = Some(raised),
        }
        self.handling |= depth == 0;
        if let Some(top) = self.frames.last_mut() {
            top.expected = [start; 2];
        }
        true
    }

    /// The topmost frame is gone.
    pub(super) fn leave_call(&mut self) {
        let root = matches!(self.purpose, Purpose::Root { .. });
        // A generator's frame may only be waiting.
        let plain = self.frames.last().is_some_and(|top| top.plain);
        let left = |it: &Arrival| it.depth == self.frames.len() && (it.second.is_some() || plain && it.is_short());
        if root && self.arrival.as_ref().is_some_and(left) {
            self.pass_over();
        }
        if let Some(gone) = self.frames.pop() {
            self.turns.retain(|(frame, _), _| *frame != gone.frame);
        }
        if let Some(arrival) = &mut self.arrival
            && arrival.depth > self.frames.len()
        {
            // That loop is over; another call's would be another one.
            arrival.frame = 0;
        }
        if let Some(top) = self.frames.last_mut() {
            top.consumes = false;
        }
    }

    /// Whether the topmost frame, or the one that a call enters, is this one and may stand at this offset.
    pub(super) fn accept(&mut self, frame: Frame, start: u32) -> Option<bool> {
        if self.entering.is_some() {
            let caller = self.frames.last()?;
            if self.enters(frame) {
                return Some(true);
            }
            // The call did not get that far: an exception, or somebody between.
            return if frame.address() == caller.frame { None } else { Some(false) };
        }
        let top = self.frames.last()?;
        // A builtin that goes through a generator may have had enough.
        if let [.., below, _] = &self.frames[..]
            && below.consumes
            && below.frame == frame.address()
            && below.expected.iter().any(|from| reaches(&below.decoded, *from, start))
        {
            self.leave_call();
            return Some(true);
        }
        let top = self.frames.last().unwrap_or(top);
        if top.frame != frame.address() {
            return if self.frames.iter().any(|known| known.frame == frame.address()) { None } else { Some(false) };
        }
        top.expected.iter().any(|from| reaches(&top.decoded, *from, start)).then_some(true)
    }

    /// The topmost generator returns to one that delegates to it, whose frame takes its place.
    pub(super) fn undelegate(&mut self, resumed: &Resumed) -> Progress {
        let top = self.frames.pop();
        // SAFETY: it runs, and what is below it lives.
        let below = top.and_then(|top| unsafe { delegation::asker(Frame::from_address(top.frame)) });
        let below = below.map(|(generator, _)| generator as u64);
        let decoded = self.decoded.get(resumed.code.0 as usize).cloned();
        let (Some(below), Some(decoded)) = (below, decoded) else { return Progress::Cancelled };
        let send = resumed.at.checked_sub(delegation::SEND_BEFORE_RESUME as u32).and_then(|at| decoded.around(at));
        let Some(Op::Send(end)) = send.map(|send| send.op) else { return Progress::Cancelled };
        let expected = [end; 2];
        // SAFETY: a generator that runs.
        let frame = unsafe { delegation::frame_of(below) };
        self.frames.push(Watched {
            frame,
            code: resumed.code,
            decoded,
            expected,
            at: end,
            plain: false,
            consumes: false,
        });
        Progress::Continue
    }
}

/// Whether execution comes from one offset to another without an event between.
pub(super) fn reaches(decoded: &DecodedCode, mut from: u32, to: u32) -> bool {
    for _ in 0..4 {
        if from == to {
            return true;
        }
        match decoded.starting_at(from) {
            Some(instruction) if instruction.op == Op::Nop => from = instruction.next,
            _ => return false,
        }
    }
    false
}
