//! The events are translated one by one, with what is asked and counted between instructions.

use super::instruction::Covered;
use super::{AbortReason, Recorder, Step};
use crate::bytecode::Op;
use crate::event::Event;
use crate::ir::{Region, Val};
use crate::snapshot::Then;
use decal_uops::Uop;

/// Where the first instruction is that a function without cells shows to the observer: behind `RESUME`.
const RESUME_UNITS: u32 = 1;

/// Instructions of CPython's that a loop's body may have in all, where it holds several turns. Between 40 and 80 with these turns at
/// most, matmul's inner loop (13 instructions) gained a tenth.
const UNROLLED_EVENTS: usize = 64;
/// Turns that a loop's body may hold.
const MAX_UNROLLED: usize = 4;
/// Instructions that are counted together, where instructions are counted.
const COUNTED_AT_ONCE: u32 = 16;

impl Recorder<'_> {
    /// A function's start asks whether somebody wants the interpreter's attention. In a trace the next turn would ask early
    /// enough, but for the collector, which runs at the next such place behind the object that was one too many: there may be
    /// code that relies on its coming before the function's body.
    pub(super) fn ask_at_start(&mut self, event: &Event, index: usize) {
        let before = index.checked_sub(1).and_then(|before| self.rec.events.get(before));
        let starts = before.is_some_and(|before| before.depth < event.depth) && event.offset == RESUME_UNITS;
        // A generator's frame begins elsewhere.
        let starts = starts && self.frames.last().is_some_and(|frame| frame.generator.is_none());
        if starts && event.depth as usize + 1 == self.frames.len() && self.may_be_wanted() {
            let snap = self.build_snapshot(event.offset, Then::Resume);
            self.e.effect(Uop::guard_quiet, &[], 0, 0, Region::Counts, Some(snap));
            self.quiet_at = Some(self.e.len());
        }
    }

    /// An instruction calls what looks after signals and the collector by itself: it makes text, or works on large numbers.
    pub(super) fn attends(&mut self) -> Step<()> {
        if self.options.handlers {
            return Err(AbortReason::Instruction("what may run handlers of signals"));
        }
        self.attends = true;
        Ok(())
    }

    /// Comes right before such a call. Where the collector is due, the interpreter does the instruction, in a frame that shows where
    /// it stands.
    pub(super) fn ask_if_idle(&mut self) {
        if self.may_be_wanted() {
            let snap = self.snap();
            self.e.effect(Uop::guard_idle, &[], 0, 0, Region::Counts, Some(snap));
            self.quiet_at = Some(self.e.len());
        }
    }

    /// Whether somebody may want attention by now who did not when that was asked last, but for a signal or another thread.
    fn may_be_wanted(&self) -> bool {
        self.quiet_at.is_none_or(|at| self.e.allocates_since(at))
    }

    /// The body of a loop: its turn, or several turns in a row where it is short, as loop unrolling has it elsewhere. What each pass of
    /// the body does once, whatever the turn is, weighs most there: the question whether somebody wants the interpreter's attention,
    /// the count, which is a load and a store that each pass waits for, and the moves that bring what is carried back to
    /// its registers. Each turn has exits of its own, and so where a turn decides between two ways there would be twice as many
    /// side traces: such a loop stays as it is.
    pub(super) fn run_body(&mut self, from: usize) -> Step<()> {
        self.turns = self.turns_of_body(from);
        for _ in 0..self.turns {
            self.run(from, usize::MAX)?;
        }
        Ok(())
    }

    fn turns_of_body(&self, from: usize) -> u32 {
        let events = self.rec.events.get(from..).unwrap_or_default();
        let decisions = events.iter().filter(|event| matches!(event.op, Op::PopJump(..) | Op::ForIter(_))).count();
        if !self.options.unroll || events.is_empty() || decisions > 1 || !self.rec.raised.is_empty() {
            return 1;
        }
        (UNROLLED_EVENTS / events.len()).clamp(1, MAX_UNROLLED) as u32
    }

    /// Adds to what was saved. How much that is nobody knows yet.
    pub(super) fn credit(&mut self) {
        if self.options.saved == 0 {
            return;
        }
        let mut emit = |uop, args: &[Val], imm64| self.e.effect(uop, args, 0, imm64, Region::Counts, None);
        let base = emit(Uop::const_raw, &[], self.options.saved);
        let before = emit(Uop::load_int, &[base], 0);
        let more = emit(Uop::const_int64, &[], 0);
        let after = emit(Uop::wrap_add_int, &[before, more], 0);
        emit(Uop::store_int, &[base, after], 0);
        self.credit = Some(more);
    }

    /// Translates these events.
    pub(super) fn run(&mut self, from: usize, to: usize) -> Step<()> {
        let rec = self.rec;
        let (mut index, mut unfinished, mut uncounted) = (from, false, 0);
        while let Some(event) = rec.events.get(index)
            && index < to
        {
            (self.at, self.event) = ((event.code, event.offset), index);
            if self.e.len() > self.options.max_insts {
                return Err(AbortReason::TooLong);
            }
            let next = rec.events.get(index + 1);
            self.ask_at_start(event, index);
            if matches!(event.op, Op::Return | Op::ReturnConst(_)) && event.depth == 0 {
                // This one, too: the trace's end does it.
                self.count_instructions(uncounted + 1);
                return if next.is_none() { Ok(()) } else { Err(AbortReason::Inconsistent("events after the return")) };
            }
            // There it is left most often; a comparison and its jump are one.
            let decides = |event: &Event| matches!(event.op, Op::PopJump(..) | Op::ForIter(_));
            if decides(event) || next.is_some_and(decides) {
                self.count_instructions(std::mem::take(&mut uncounted));
            }
            self.raised = rec.raised.get(&(index as u32)).copied();
            // Several instructions are taken together only where none of them was seen to raise.
            let moved = if rec.raised.is_empty() { self.moved_slice(index)? } else { None };
            let covered = match moved {
                Some(count) => Covered::Many(count),
                None => {
                    let raises = rec.raised.contains_key(&(index as u32 + 1));
                    let fuses = matches!(event.op, Op::BuildSlice(_) | Op::Binary(_) | Op::Augmented(_));
                    self.instruction(event, next.filter(|_| !(raises && fuses)))?
                }
            };
            if self.unsettled {
                return Err(AbortReason::Call("a generator that ends with what holds it"));
            }
            self.note_rewrites(event);
            let (done, hidden) = match covered {
                Covered::One => (1, 0),
                Covered::Two => (2, 0),
                Covered::Many(count) => (count, 0),
                // What the interpreter was seen to do in the call is not the trace's.
                Covered::Call => (1, self.seen_inside(event, index)),
            };
            index += done as usize + hidden;
            // Where what it did in the call is the last that was seen, the call's end was not.
            unfinished = hidden > 0 && index == rec.events.len();
            uncounted += done;
            if uncounted >= COUNTED_AT_ONCE {
                self.count_instructions(std::mem::take(&mut uncounted));
            }
            self.general = false;
            self.events = self.events.max(index);
        }
        self.count_instructions(uncounted);
        // A loop to close, or the end of what was seen, lies in a call that was not followed.
        if index > to.min(rec.events.len()) || unfinished {
            Err(AbortReason::Call("its loop is in a call that is not inlined"))
        } else {
            Ok(())
        }
    }

    /// Where a search for a wrong rewrite has come to: the line of the last one that was allowed.
    fn note_rewrites(&mut self, event: &Event) {
        if self.options.rewrites != u32::MAX && self.e.rewrites().done() != self.rewritten {
            self.rewritten = self.e.rewrites().done();
            self.last_line = self.rec.codes.get(event.code.0 as usize).map_or(0, |code| code.line(event.offset));
        }
    }

    /// How many events were seen in the call that this event is.
    pub(super) fn seen_inside(&self, event: &Event, index: usize) -> usize {
        self.rec.events.iter().skip(index + 1).take_while(|inner| inner.depth > event.depth).count()
    }

    /// Counts instructions that are done, if that is wanted: all their exits lie behind. Several at once, since counting each would
    /// take longer than the instruction, so that traces would seem not to pay; where the trace is left in between, the last few are
    /// missing. A `float`, since its addition never leaves; past the emitter's memory, so that nothing else of the trace changes.
    fn count_instructions(&mut self, done: u32) {
        let Some(address) = self.options.count.filter(|_| done > 0) else { return };
        let mut emit = |uop, args: &[Val], imm64| self.e.effect(uop, args, 0, imm64, Region::Counts, None);
        let base = emit(Uop::const_raw, &[], address);
        let before = emit(Uop::load_float, &[base], 0);
        let done = emit(Uop::const_float, &[], f64::from(done).to_bits());
        let after = emit(Uop::add_float, &[before, done], 0);
        emit(Uop::store_float, &[base, after], 0);
    }
}
