//! Generators that are suspended, where somebody else may look at them, and where they end.
//!
//! What a trace knows of them is written to memory then: they are *settled*. One that was not made is made before that, unless it
//! ends where nobody could tell, with all that it holds.

use super::pictured::Pictured;
use super::state::{FrameState, Local, Own, PER_FRAME};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::Op;
use crate::event::{Detail, Event, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::{Generator, Made};
use decal_uops::Uop;

impl Recorder<'_> {
    /// The loop whose iterator is on top of the stack is left: a generator may die with that.
    pub(super) fn let_go_of_generator(&mut self, event: &Event) -> Step<()> {
        if self.suspended.is_empty() {
            return Ok(());
        }
        let sym = self.peek(1)?;
        let Some(frame) = self.frame_of(&sym).map(|index| &self.suspended[index]) else { return Ok(()) };
        let Some(generator) = frame.generator else { return Ok(()) };
        let alone = !self.holds_unsettled(frame);
        match (generator.object(), generator.quiet) {
            (None, true) if alone => return Ok(()),
            (None, _) => {
                self.realize_generator(generator.number, false)?;
                self.renew_snap(event);
            }
            _ => {}
        }
        self.settle_suspended(event)
    }

    /// Brings the generators that are suspended up to date in memory, and forgets them.
    pub(super) fn settle_suspended(&mut self, event: &Event) -> Step<()> {
        loop {
            let made = |frame: &Pictured| frame.generator.is_some_and(|generator| generator.object().is_some());
            let Some(last) = self.suspended.iter().position(made) else { return Ok(()) };
            let frame = &self.suspended[last];
            let (at, depth) = (frame.call.0, frame.stack.len() as u32);
            let begun = frame.generator.is_some_and(|generator| generator.begun);
            let layout = &self.host.layout;
            let state = if begun { layout.generator_suspended } else { layout.generator_created };
            self.settle_slots(self.frames.len() + last, depth, event)?;
            let object = self.suspended[last].generator.and_then(|generator| generator.object());
            // Its exit, which is one in name, still finds the frame and writes the rest.
            self.settle_state(object.ok_or(AbortReason::Inconsistent("generator"))?, state);
            let frame = self.suspended.remove(last);
            self.settle_frame(&frame, at, depth, 0)?;
            self.renew_snap(event);
        }
    }

    /// Brings the locals of a generator's frame, by its number among all frames, and so many slots of its stack up to date in memory.
    pub(super) fn settle_slots(&mut self, index: usize, depth: u32, event: &Event) -> Step<()> {
        let number = self.frame_at(index).generator.ok_or(AbortReason::Inconsistent("generator"))?.number;
        let locals = self.frame_at(index).locals.len() as u32;
        for slot in 0..locals {
            let sym = &self.frame_at(index).locals[slot as usize].sym;
            if !matches!(sym, Sym::Unchanged | Sym::Obj(_, Own::Slot(_))) {
                self.flush_local(number * PER_FRAME + slot)?;
                self.renew_snap(event);
            }
        }
        for slot in 0..depth {
            let place = number * PER_FRAME + slot;
            let sym = self.frame_at(index).stack[slot as usize].clone();
            if matches!(sym, Sym::Unchanged) || matches!(sym, Sym::Obj(_, Own::StackSlot(home)) if home == place) {
                continue;
            }
            self.frame_at(index).stack[slot as usize] = Sym::Null;
            let seen = if let Sym::Const(operand) = &sym { *operand } else { Operand::NULL };
            let val = self.owned_object(&sym, Operand { bits: i64::MAX as u64, ..seen })?;
            let (base, disp, region) = self.address(place + locals);
            self.e.store(Uop::store_obj, base, None, val, disp, region, None);
            self.frame_at(index).stack[slot as usize] = Sym::Obj(val, Own::StackSlot(place));
            self.renew_snap(event);
        }
        Ok(())
    }

    /// Says in memory how a generator stands whose slots are up to date, and whose frame was taken off the state: the trace does
    /// not know it any more. `behind` is how far behind a `SEND` it goes on when whom it asks is over. Its state is written apart: that has an exit in name.
    pub(super) fn settle_frame(&mut self, frame: &FrameState, at: u32, depth: u32, behind: u32) -> Step<()> {
        let Some(Generator { number, made: Made::Object(object), .. }) = frame.generator else {
            return Err(AbortReason::Inconsistent("generator"));
        };
        self.own_of_generator(number);
        self.forget_written(number);
        // From here on it may end, and an iterator that only it has with it.
        self.flush_unnamed_iterators();
        let rec = self.rec;
        let code = rec.codes.get(frame.code.0 as usize).ok_or(AbortReason::Inconsistent("code"))?;
        let layout = self.host.layout.clone();
        let region = Region::GeneratorState;
        let address = self.e.int(code.address_of(at) as i64);
        self.e.store(Uop::store_int, object, None, address, layout.generator_instruction, region, None);
        let slots = i64::from(frame.locals.len() as u32 + depth);
        let stack = self.e.int(layout.generator_stack_word | slots | i64::from(behind) << 32);
        self.e.store(Uop::store_int, object, None, stack, layout.generator_stack, region, None);
        Ok(())
    }

    /// Writes the state of a suspended generator.
    pub(super) fn settle_state(&mut self, object: Val, state: u8) {
        let (disp, region, snap) = (self.host.layout.generator_state, Region::GeneratorState, self.snap());
        let (zero, state) = (self.e.int(0), self.e.int(state.into()));
        self.e.effect(Uop::store_byte, &[object, zero, state], disp, 0, region, Some(snap));
        self.e.learn_store(object, None, state, disp, region);
    }

    /// Before an instruction: generators that it could not take as they are.
    pub(super) fn settle_generators(&mut self, event: &Event) -> Step<()> {
        // Those that would run code when they are closed are seen where they end only on the stack.
        let loud = |frame: &Pictured| {
            let generator = frame.generator.filter(|generator| generator.object().is_none() && !generator.quiet)?;
            Some(generator.number)
        };
        let numbers: Vec<u32> = self.suspended.iter().filter_map(loud).collect();
        let in_locals = |this: &Self, number: u32| {
            let held = |local: &Local| holds(&local.sym, number);
            this.all_frames().any(|frame| frame.locals.iter().any(held))
        };
        let mut numbers: Vec<u32> = numbers.into_iter().filter(|number| in_locals(self, *number)).collect();
        // What the instruction takes, but where it is at home with generators.
        let moves = matches!(
            event.op,
            Op::StoreFast(_)
                | Op::StoreFastLoadFast(..)
                | Op::StoreFastStoreFast(..)
                | Op::GetIter
                | Op::GetYieldFromIter
                | Op::Send(_)
                | Op::ForIter(_)
                | Op::PopTop
                | Op::Return
                | Op::Yield { .. }
        );
        let taken = match event.op {
            Op::BuildTuple(count) => count,
            _ if moves || matches!(event.detail, Detail::Enter(_) | Detail::Generate(_) | Detail::Consume(..)) => 0,
            op => op.taken(),
        };
        let stack = &self.here().stack;
        for sym in stack.iter().rev().take(taken as usize) {
            if let Sym::Gen(number) = sym
                && !numbers.contains(number)
            {
                numbers.push(*number);
            }
        }
        for number in numbers {
            self.realize_generator(number, false)?;
            self.renew_snap(event);
        }
        // One that no loop holds may end without a sign.
        let made = |frame: &Pictured| frame.generator.and_then(|generator| generator.object());
        let objects: Vec<Val> = self.suspended.iter().filter_map(made).collect();
        if objects.into_iter().any(|object| !self.on_stack(object)) {
            self.settle_suspended(event)?;
        }
        Ok(())
    }

    /// Whether a frame holds a generator that may not end with it as it is: one whose end runs code, or one that exists and of
    /// which memory does not say yet how it stands.
    pub(super) fn holds_unsettled(&self, frame: &FrameState) -> bool {
        let unsettled = |sym: &Sym| {
            let Some(index) = self.frame_of(sym) else { return false };
            let frame = &self.suspended[index];
            frame.generator.is_some_and(|its| its.object().is_some() || its.begun && !its.quiet)
                || self.holds_unsettled(frame)
        };
        frame.locals.iter().map(|local| &local.sym).chain(&frame.stack).any(unsettled)
    }

    /// What ends with these, which were taken off the state, and with generators among them that nobody else has.
    ///
    /// Whoever lets a generator end has seen to it that nothing ends which is not settled; if not, the recording is given up.
    pub(super) fn with_generators(&mut self, syms: &[Sym]) -> Vec<Sym> {
        fn find(syms: &[Sym], numbers: &mut Vec<u32>) {
            for sym in syms {
                match sym {
                    Sym::Gen(number) if !numbers.contains(number) => numbers.push(*number),
                    Sym::Tuple(items, _) => find(items, numbers),
                    _ => {}
                }
            }
        }
        let mut all = syms.to_vec();
        let mut numbers = Vec::new();
        find(syms, &mut numbers);
        while let Some(number) = numbers.pop() {
            if self.holders_of(number) > 0 {
                continue;
            }
            let Some(index) = self.frame_of(&Sym::Gen(number)) else { continue };
            let frame = self.suspended.remove(index);
            self.unsettled |= frame.generator.is_some_and(|generator| generator.begun && !generator.quiet);
            let shell = frame.generator.and_then(|generator| generator.shell());
            self.shells.extend(shell);
            self.nullable.extend(shell);
            let frame = frame.into_state();
            let its: Vec<Sym> = frame.locals.into_iter().map(|local| local.sym).chain(frame.stack).collect();
            find(&its, &mut numbers);
            all.extend(its);
        }
        let lost = |sym: &Sym| match sym {
            Sym::Obj(object, _) => self.frame_of(sym).is_some() && !self.on_stack(*object),
            _ => false,
        };
        self.unsettled |= !self.suspended.is_empty() && all.iter().any(lost);
        all
    }

    /// Gives what is borrowed from a generator's frame references of its own.
    pub(super) fn own_of_generator(&mut self, number: u32) {
        self.own_those(|sym| match sym {
            Sym::Obj(_, Own::Slot(home) | Own::StackSlot(home)) => home / PER_FRAME == number,
            _ => false,
        });
    }

    /// A generator's slots are of no interest any more.
    pub(super) fn forget_written(&mut self, number: u32) {
        self.written.retain(|place| place / PER_FRAME != number);
    }
}

/// Whether a slot holds this generator, which was not made.
fn holds(sym: &Sym, number: u32) -> bool {
    match sym {
        Sym::Gen(known) => *known == number,
        Sym::Tuple(items, _) => items.iter().any(|item| holds(item, number)),
        _ => false,
    }
}
