//! `yield from` a generator: whoever asks the outermost of a chain of generators gets the innermost one's items.
//!
//! A trace knows the innermost one's frame only. It goes on there directly ([`Recorder::resume_innermost`]), and what it yields is at
//! once the item of whoever asks the outermost ([`Recorder::yield_delegated`]). All others are in memory, suspended in their
//! `yield from`, as they are to everybody outside while nobody asks; exits link them below the innermost one's frame. So a chain may be of
//! any length, and change its length from item to item: `SEND` puts the frame at hand into memory and goes on in the new
//! generator's ([`Recorder::delegate`]), a return goes on in that of whoever asked ([`Recorder::end_delegation`]). C functions
//! know which one that is.
//!
//! Between items the innermost one is in memory as well, so that the next turn, with another one, fits the same label.
//! Not handled: other iterators than generators, and two chains at a time.

use super::pictured::Pictured;
use super::state::{FrameState, Own, PER_FRAME, Sym};
use super::{AbortReason, MAX_DEPTH, Recorder, Step};
use crate::bytecode::Op;
use crate::event::{Detail, Event, Operand, Resumed};
use crate::ir::{Region, Val};
use crate::snapshot::{Generator, Returns, Then};
use decal_uops::Uop;

/// Code units of a `SEND`.
const SEND_UNITS: u32 = 2;

impl Recorder<'_> {
    /// The outermost generator of the chain in which the topmost frame is.
    fn outermost(&mut self) -> Step<Val> {
        self.outermost_of(self.frames.len() - 1)
    }

    /// The same of the frame at this depth.
    fn outermost_of(&mut self, depth: usize) -> Step<Val> {
        let below = depth.checked_sub(1).ok_or(AbortReason::Yields)?;
        if self.frames[below].returns != Returns::Item {
            return Err(AbortReason::Call("a builtin that goes through a generator that delegates to another"));
        }
        let above = self.frames.split_off(depth);
        let sym = self.peek(1);
        self.frames.extend(above);
        match sym? {
            Sym::Obj(object, _) => Ok(object),
            _ => Err(AbortReason::Instruction("SEND (from a generator that was not made)")),
        }
    }

    /// Before a general operation: the chain that is to be linked for it.
    pub(super) fn find_chain(&mut self) -> Step<()> {
        let delegated = |frame: &Pictured| frame.generator.is_some_and(|generator| generator.delegated);
        if let Some(depth) = self.frames.iter().position(delegated) {
            let root = self.outermost_of(depth)?;
            self.ask(self.host.functions.find_innermost, [root, root]);
        }
        Ok(())
    }

    /// Asks a C function about a chain, and leaves where it says no.
    fn ask(&mut self, function: u64, operands: [Val; 2]) {
        let snap = self.snap();
        let answer = self.e.effect(Uop::call_truth_2, &operands, 0, function, Region::Fixed, Some(snap));
        let zero = self.e.int(0);
        self.e.pure(Uop::guard_ne_int, &[answer, zero], 0, 0, Some(snap));
    }

    /// The generator that it has found, which somebody else keeps alive.
    fn answer(&mut self) -> Val {
        let base = self.e.raw(self.host.functions.answer);
        let found = self.e.effect(Uop::load_obj_unchecked, &[base], 0, 0, Region::GeneratorState, None);
        self.e.set_type(found, self.host.objects.generator);
        found
    }

    fn push_frame_of(&mut self, mut frame: FrameState) -> Step<()> {
        let delegated = |frame: &Pictured| frame.generator.is_some_and(|generator| generator.delegated);
        if self.frames.len() >= MAX_DEPTH || self.frames.iter().any(delegated) {
            return Err(AbortReason::Unstable("calls within calls"));
        }
        frame.call = (0, 0);
        if let Some(generator) = &mut frame.generator {
            generator.delegated = true;
            self.met.retain(|met| met.0 != generator.number);
        }
        self.frames.push(frame.into());
        self.max_depth = self.max_depth.max(self.frames.len() as u32 - 1);
        Ok(())
    }

    /// `FOR_ITER` over a generator that delegates: the innermost one of the chain goes on.
    pub(super) fn resume_innermost(&mut self, seen: Operand, resumed: Resumed) -> Step<()> {
        let sym = self.peek(1)?;
        if self.frame_of(&sym).is_some() {
            return Err(AbortReason::Unstable("where a generator is"));
        }
        let Sym::Obj(root, _) = sym else { return Err(AbortReason::Iterate) };
        let snap = self.snap();
        self.e.guard_type(root, seen.ty, snap);
        self.ask(self.host.functions.find_innermost, [root, root]);
        let innermost = self.answer();
        let frame = self.meet_generator(innermost, seen, resumed)?;
        self.push_frame_of(frame)?;
        let none = self.none();
        self.push(none);
        Ok(())
    }

    /// The innermost generator of a chain hands an item to whoever asks the outermost.
    pub(super) fn yield_delegated(&mut self, event: &Event) -> Step<()> {
        let index = self.frames.len() - 1;
        let depth = self.top().stack.len().checked_sub(1).ok_or(AbortReason::Inconsistent("empty stack"))? as u32;
        self.write_its_iterators(event);
        self.settle_slots(index, depth, event)?;
        let object = self.top().generator.and_then(|generator| generator.object());
        self.settle_state(object.ok_or(AbortReason::Inconsistent("generator"))?, self.host.layout.generator_suspended);
        let value = self.pop()?;
        let value = self.lasting(value);
        let Some(frame) = self.frames.pop() else { return Err(AbortReason::Inconsistent("generator")) };
        self.top().returns = Returns::Value;
        self.push(value);
        self.settle_frame(&frame, event.next, depth, 0)
    }

    /// Iterators on the topmost frame's stack go to memory: they are known by their places there.
    fn write_its_iterators(&mut self, event: &Event) {
        let its: Vec<Val> = self.top().stack.iter().filter_map(|sym| sym.object()).collect();
        self.flush_iterators(|_, iter| !its.contains(&iter.within.unwrap_or(iter.iterator)));
        self.renew_snap(event);
    }

    /// `SEND` to a generator.
    pub(super) fn delegate(&mut self, event: &Event) -> Step<()> {
        let Detail::Delegate(resumed) = event.detail else {
            return Err(AbortReason::Instruction("SEND (to something else than a generator)"));
        };
        let Some(Generator { .. }) = self.top().generator else { return Err(AbortReason::Instruction("SEND")) };
        let root = self.outermost()?;
        let index = self.frames.len() - 1;
        let depth = self.top().stack.len().checked_sub(1).ok_or(AbortReason::Inconsistent("empty stack"))? as u32;
        self.write_its_iterators(event);
        // What asks exists, and so does what it asks.
        if let Some(Generator { number, .. }) = self.top().generator.filter(|its| its.object().is_none()) {
            self.realize_generator(number, false)?;
            self.renew_snap(event);
        }
        if let Sym::Gen(number) = self.peek(2)? {
            self.realize_generator(number, false)?;
            self.renew_snap(event);
        }
        let asks = self.top().generator.and_then(|generator| generator.object());
        let asks = asks.ok_or(AbortReason::Inconsistent("generator"))?;
        let sent = self.peek(1)?;
        if !matches!(sent, Sym::Const(operand) if operand.object == self.host.objects.none) {
            return Err(AbortReason::Instruction("SEND (of something else than None)"));
        }
        let sym = self.peek(2)?;
        let Sym::Obj(asked, _) = sym else { return Err(AbortReason::Instruction("SEND")) };
        let seen = *event.operands.first().ok_or(AbortReason::Inconsistent("missing operands"))?;
        self.ask(self.host.functions.may_delegate, [root, asks]);
        let met = match self.frame_of(&sym) {
            Some(index) if self.suspended[index].call.0 == resumed.at => None,
            Some(_) => return Err(AbortReason::Unstable("where a generator is")),
            None => Some(self.meet_generator(asked, seen, resumed)?),
        };
        self.settle_slots(index, depth, event)?;
        self.settle_state(asks, self.host.layout.generator_delegating);
        self.pop()?;
        let frame = self.frames.pop().ok_or(AbortReason::Inconsistent("generator"))?;
        let its = match met {
            Some(met) => met,
            None => {
                let index = self.frame_of(&Sym::Obj(asked, Own::Virtual));
                self.suspended.remove(index.ok_or(AbortReason::Inconsistent("generator"))?).into_state()
            }
        };
        // Its loop is a `SEND`, the `yield`, and the `RESUME` where it goes on.
        let at = event.next + 1;
        let Op::Send(end) = event.op else { return Err(AbortReason::Inconsistent("SEND")) };
        let behind = (end + SEND_UNITS).saturating_sub(event.next);
        self.push_frame_of(its)?;
        let none = self.none();
        self.push(none);
        self.settle_frame(&frame, at, depth, behind)?;
        let function = self.host.functions.delegate;
        self.e.effect(Uop::call_any_int_2, &[asks, asked], 0, function, Region::GeneratorState, None);
        Ok(())
    }

    /// The innermost generator of a chain returns to the one that asked it, which goes on behind its `yield from`.
    pub(super) fn end_delegation(&mut self, event: &Event, next: Option<&Event>, resumed: Resumed) -> Step<()> {
        let Some(generator) = self.top().generator.filter(|generator| generator.delegated) else {
            return Err(AbortReason::Instruction("a return to a generator that delegates"));
        };
        if !next.is_some_and(|next| next.op == Op::EndSend && next.depth == event.depth) {
            return Err(AbortReason::LeftLoop);
        }
        let object = generator.object().ok_or(AbortReason::Inconsistent("generator"))?;
        let root = self.outermost()?;
        let number = generator.number;
        for slot in 0..self.top().locals.len() as u32 {
            if matches!(
                self.top().locals[slot as usize].sym,
                Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..)
            ) {
                self.flush_local(number * PER_FRAME + slot)?;
                self.snap = self.build_snapshot(event.offset, Then::Resume);
                self.raise_snap = None;
            }
        }
        self.ask(self.host.functions.find_asker, [root, object]);
        let asker = self.answer();
        let seen = Operand { ty: self.host.objects.generator, ..Operand::NULL };
        let mut its = self.meet_generator(asker, seen, resumed)?;
        self.ask(self.host.functions.generator_may_end, [object, object]);
        let result = self.pop()?;
        let result = self.lasting(result);
        let rest = std::mem::take(&mut self.top().stack);
        let drops = self.guard_discard(&rest);
        self.frames.pop();
        // All exits are behind us.
        its.stack.pop();
        self.push_frame_of(its)?;
        self.push(result);
        self.own_of_generator(number);
        self.drop_all(&drops);
        self.forget_written(number);
        let function = self.host.functions.end_delegation;
        self.e.effect(Uop::call_any_int_2, &[object, asker], 0, function, Region::Generators, None);
        self.e.heap().clobber(Region::GeneratorState);
        self.e.heap().clobber(Region::Generators);
        Ok(())
    }

    /// Guards that the topmost frame's generator, which is to be over with the whole chain, is the outermost one. Gives that.
    pub(super) fn guard_outermost(&mut self, object: Val) -> Step<Val> {
        let (root, snap) = (self.outermost()?, self.snap());
        self.e.pure(Uop::guard_same, &[object, root], 0, 0, Some(snap));
        Ok(root)
    }
}
