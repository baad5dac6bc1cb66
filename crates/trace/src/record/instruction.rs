//! One instruction: from its event to uops, by its fast form or a general operation.
//!
//! [`Recorder::fast_form`] is the table of what each instruction becomes; the files beside this one have the pieces. Where it fails
//! for a reason that a general operation does not mind, nothing may be left of it: an instruction that hardly ever fails is trusted,
//! and a failure has the recording begun anew, with the general form at this place; for all others the state is kept and put back.

use super::general::has_general_form;
use super::locals::is_shared;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym, numbers};
use crate::bytecode::{GeneralOp, Op};
use crate::event::{CodeId, Detail, Event, Kind, KnownCall, Operand};
use crate::ir::Val;
use crate::snapshot::Then;
use decal_uops::Uop;

/// Recordings begun anew because a fast form failed.
const MAX_ANEW: usize = 2;

/// Whether an instruction only moves what is there, and leaves the trace in rare cases if at all.
fn moves_only(op: Op) -> bool {
    matches!(
        op,
        Op::Nop
            | Op::JumpForward(_)
            | Op::JumpBackward(_)
            | Op::LoadFast(_)
            | Op::LoadFastLoadFast(..)
            | Op::LoadConst(_)
            | Op::PushNull
    )
}

/// Whether the fast form of an instruction hardly ever fails where these operands were seen.
fn is_usually_fast(event: &Event) -> bool {
    let number = |operand: &Operand| matches!(operand.kind, Kind::Int | Kind::Float | Kind::Bool);
    match (event.op, event.detail) {
        (Op::Binary(_) | Op::Augmented(_) | Op::Compare(..), _) => event.operands.iter().all(number),
        (Op::LoadAttr { .. } | Op::StoreAttr { .. }, Detail::Attribute(attribute)) => {
            !matches!(attribute, crate::event::Attribute::Unsupported(_))
        }
        (Op::Call(_), detail) => detail.entered().is_some() || matches!(detail, Detail::Known(_)),
        (Op::LoadGlobal { .. }, Detail::Global(operand)) => operand.kind != Kind::Null,
        (Op::ToBool, _) => event.operands.iter().all(|operand| number(operand) || operand.kind == Kind::None),
        (Op::ForIter(_), Detail::Next(_)) => true,
        _ => false,
    }
}

/// Which events a translation has dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Covered {
    /// The one at hand.
    One,
    /// The next one too.
    Two,
    /// The one at hand, a call, and all that was seen inside of it.
    Call,
    /// So many, beginning with the one at hand.
    Many(u32),
}

impl Covered {
    fn fused(fused: bool) -> Covered {
        if fused { Covered::Two } else { Covered::One }
    }
}

/// Whether this is the function that a call was seen to enter: the recorder has a bound method in two parts.
fn called(event: &Event, operand: Operand) -> bool {
    match event.detail {
        Detail::Enter(callee) => callee.function == operand.object,
        Detail::Known(KnownCall::ObjectInit(init)) => init == operand.object,
        _ => false,
    }
}

impl Recorder<'_> {
    /// The event as it must be where the stack has a constant in place of what was observed. The second pass over the
    /// events runs a turn later than they were seen: a local that was assigned a constant has it by then. None where it is as it was.
    pub(super) fn as_of_now(&self, event: &Event) -> Step<Option<Box<Event>>> {
        let mut changed: Option<Box<Event>> = None;
        let stack = self.frames.last().map_or(&[][..], |frame| &frame.stack);
        let count = event.operands.len().min(event.op.taken() as usize);
        for (index, seen) in event.operands.iter().enumerate().take(count) {
            let nth = if matches!(event.op, Op::StoreFastStoreFast(..)) { index + 1 } else { count - index };
            let sym = stack.len().checked_sub(nth).and_then(|at| stack.get(at));
            let Some(Sym::Const(operand)) = sym else { continue };
            if operand.object == seen.object {
                continue;
            }
            let same_shape = operand.ty == seen.ty && !matches!(seen.kind, Kind::Type | Kind::Module | Kind::Function);
            let decides = match event.op {
                // What is called was followed, and where the attribute is was looked up.
                Op::Call(_) if matches!(event.detail, Detail::Known(KnownCall::Leaf(_))) && index > 0 => !same_shape,
                Op::Call(_) if matches!(event.detail, Detail::Asked(_)) => !same_shape || index == 3,
                Op::Call(_) | Op::CallKw(_) | Op::General(GeneralOp::CallEx, _) => {
                    index == 0 && !called(event, *operand)
                }
                Op::LoadAttr { .. } => !same_shape,
                Op::LoadSuperAttr { .. } => index < 2 || !same_shape,
                Op::StoreAttr { .. } => index == 1 && !same_shape,
                Op::ForIter(_) => true,
                _ if let Detail::Special(_) | Detail::With(_) = event.detail => !same_shape,
                _ => false,
            };
            if decides {
                return Err(AbortReason::Unstable("a constant that was another one"));
            }
            changed.get_or_insert_with(|| Box::new(event.clone())).operands[index] = *operand;
        }
        Ok(changed)
    }

    /// Translates one event.
    pub(super) fn instruction(&mut self, event: &Event, next: Option<&Event>) -> Step<Covered> {
        let changed = self.as_of_now(event)?;
        let event = changed.as_deref().unwrap_or(event);
        if event.depth as usize + 1 != self.frames.len() {
            return Err(AbortReason::Inconsistent("call depth"));
        }
        if event.depth == 0 {
            self.check_handler(event)?;
        }
        if moves_only(event.op) {
            // Hardly ever asked for; then nothing has changed yet.
            self.unsnapped = Some(event.offset);
        } else {
            self.snap = self.build_snapshot(event.offset, Then::Resume);
        }
        self.raise_snap = None;
        self.shells.clear();
        if !self.suspended.is_empty() {
            self.settle_generators(event)?;
        }
        self.settle_functions(event)?;
        self.settle_instances(event)?;
        if self.raised.is_some() {
            self.snap();
            let reason = AbortReason::Instruction("an exception that is raised and handled");
            if !self.performed.iter().any(|(code, offset, _)| (*code, *offset) == self.at) {
                self.performed.push((event.code, event.offset, reason));
            }
            return self.general_form(event, next, AbortReason::LeftLoop).map(|()| Covered::One);
        }
        if !has_general_form(event.op) {
            let refuses = event.op.taken() > 0
                && matches!(
                    event.op,
                    Op::BuildSet(_)
                        | Op::BuildMap(_)
                        | Op::BuildConstKeyMap(_)
                        | Op::SetAdd(_)
                        | Op::SetUpdate(_)
                        | Op::MapAdd(_)
                        | Op::DictUpdate(_)
                );
            if self.refused == Some(self.at) && refuses {
                return Err(AbortReason::Instruction("a key that may run Python code"));
            }
            return self.fast_form(event, next).map(Covered::fused);
        }
        let at = (event.code, event.offset);
        if is_usually_fast(event) && self.refused != Some(self.at) && self.is_sure(at) {
            // What the state was is not kept for it: should the fast form fail, everything is recorded anew.
            return match self.fast_form(event, next) {
                Err(reason) if reason.is_general() => {
                    self.unsure.borrow_mut().insert(at);
                    Err(AbortReason::Again)
                }
                result => result.map(Covered::fused),
            };
        }
        let before = (self.frames.clone(), self.iters.clone(), self.e.len(), self.suspended.clone());
        let refused = AbortReason::Instruction("what its operands may do is not known");
        match if self.refused == Some(self.at) { Err(refused) } else { self.fast_form(event, next) } {
            Err(reason) if reason.is_general() && self.e.changes_nothing_since(before.2) => {
                (self.frames, self.iters, self.suspended) = (before.0, before.1, before.3);
                self.snap = self.build_snapshot(event.offset, Then::Resume);
                self.raise_snap = None;
                if !self.performed.iter().any(|(code, offset, _)| (*code, *offset) == at) {
                    self.performed.push((event.code, event.offset, reason));
                }
                let hides = event.detail.entered().is_some() || matches!(event.detail, Detail::Consume(..));
                if hides {
                    self.raised = self.raised_inside(event);
                }
                self.general_form(event, next, reason)?;
                Ok(if hides { Covered::Call } else { Covered::One })
            }
            result => result.map(Covered::fused),
        }
    }

    /// Whether an instruction's fast form is trusted not to fail. Each failure costs a recording; after a few of them the state is
    /// kept for all instructions.
    pub(super) fn is_sure(&self, at: (CodeId, u32)) -> bool {
        let unsure = self.unsure.borrow();
        unsure.len() < MAX_ANEW && !unsure.contains(&at)
    }

    /// Translates one event into the uops that are made for it; true where the next one was taken along.
    pub(super) fn fast_form(&mut self, event: &Event, next: Option<&Event>) -> Step<bool> {
        if let Detail::Special(special) = event.detail {
            return self.call_special(special, event).map(|()| false);
        }
        match event.op {
            Op::Nop | Op::JumpForward(_) | Op::JumpBackward(_) => {}
            Op::LoadFast(slot) => {
                let sym = self.local(slot)?;
                self.push(sym);
            }
            Op::LoadFastCheck(slot) => {
                let seen = numbers::one(event)?;
                if seen.kind == Kind::Null {
                    return Err(AbortReason::Instruction("LOAD_FAST_CHECK of an unbound local"));
                }
                let sym = self.local(slot)?;
                if sym == Sym::Null {
                    return Err(AbortReason::Unstable("a variable that is unbound"));
                }
                if let Sym::Obj(val, Own::Slot(_)) = sym {
                    let snap = self.snap();
                    self.e.pure(Uop::guard_is_not, &[val], 0, 0, Some(snap));
                }
                self.push(sym);
            }
            Op::LoadFastLoadFast(a, b) => {
                let sym = self.local(a)?;
                self.push(sym);
                let sym = self.local(b)?;
                self.push(sym);
            }
            Op::StoreFast(slot) => {
                let [seen, old] = numbers::two(event)?;
                self.settle_null(1, seen)?;
                if self.peek(1)? == Sym::Null {
                    self.pop()?;
                    self.clear_local(slot, old, event)?;
                    return Ok(false);
                }
                if self.general && !old.kind.is_plain() {
                    self.store_over(slot, seen, event)?;
                    return Ok(false);
                }
                let sym = self.pop()?;
                self.store_local(slot, sym, seen, old)?;
            }
            Op::StoreFastLoadFast(to, from) => {
                let sym = self.pop()?;
                let [seen, old] = numbers::two(event)?;
                self.store_local(to, sym, seen, old)?;
                let sym = self.local(from)?;
                self.push(sym);
            }
            Op::StoreFastStoreFast(a, b) => self.store_two(a, b, event)?,
            Op::LoadConst(_) => match event.detail {
                Detail::Const(operand) => self.push(Sym::Const(operand)),
                _ => return Err(AbortReason::Inconsistent("constant")),
            },
            Op::LoadGlobal { push_null, .. } => self.load_global(push_null, event)?,
            Op::LoadDeref(slot) => self.load_deref(slot, event)?,
            Op::StoreDeref(slot) => self.store_deref(slot, event)?,
            Op::MakeCell(slot) => self.make_cell(slot, event)?,
            Op::CopyFreeVars(count) => self.copy_free_vars(count, event)?,
            Op::LoadAttr { method, .. } => self.load_attr(method, event)?,
            Op::LoadSuperAttr { method, .. } => self.load_super_attr(method, event)?,
            Op::StoreAttr { .. } => self.store_attr(event)?,
            Op::Binary(op) | Op::Augmented(op) => {
                if let Some(fused) = self.sequence_binary(op, event, next)? {
                    return Ok(fused);
                }
                self.binary(op, event)?;
            }
            Op::Negative => self.negative(event)?,
            Op::Positive => self.positive(event)?,
            Op::Invert => self.invert(event)?,
            Op::Not => self.not(event)?,
            Op::ToBool => return self.test_truth(event, next),
            Op::Compare(op, _) => return self.compare(op, event, next),
            Op::Is(inverted) => return self.is_op(inverted, event, next),
            Op::Contains(inverted) => self.contains(inverted, event)?,
            Op::PopJump(on, _) => self.pop_jump(on, event)?,
            Op::GetIter | Op::GetYieldFromIter => self.get_iter(event)?,
            Op::LoadFastAndClear(slot) => self.load_and_clear(slot, event)?,
            Op::DeleteFast(slot) => self.delete_local(slot, event)?,
            Op::BuildList(count) => self.build_list(count, event)?,
            Op::BuildSet(_) => self.build_set(event)?,
            Op::BuildMap(_) | Op::BuildConstKeyMap(_) if self.start_keywords(event)? => {}
            Op::BuildMap(_) => self.build_map(event)?,
            Op::BuildConstKeyMap(_) => self.build_const_key_map(event)?,
            Op::ListAppend(nth) => self.list_append(nth, event)?,
            Op::ListExtend(nth) => self.list_extend(nth, event)?,
            Op::ListToTuple => self.list_to_tuple(event)?,
            Op::SetAdd(nth) => self.set_add(nth, event)?,
            Op::SetUpdate(nth) => self.update(nth, event, Kind::Set)?,
            Op::MapAdd(nth) => self.map_add(nth, event)?,
            Op::DictUpdate(nth) => self.update(nth, event, Kind::Dict)?,
            Op::DeleteSubscript => self.delete_subscript(event)?,
            Op::UnpackEx(before, after) => self.unpack_with_rest(before, after, event)?,
            Op::BuildString(_) => self.build_string(event)?,
            Op::FormatSimple => self.format(false, event)?,
            Op::FormatWithSpec => self.format(true, event)?,
            Op::ConvertValue(conversion) => self.convert(conversion, event)?,
            Op::ForIter(_) => return self.for_iter(event, next),
            Op::PopTop if self.general => self.drop_top(event)?,
            Op::PopTop => {
                self.let_go_of_generator(event)?;
                let sym = self.pop()?;
                let seen = numbers::one(event)?;
                if seen.kind.is_plain() && matches!(sym, Sym::Obj(_, Own::Owned)) {
                    self.guard_exact(&sym, seen)?;
                }
                self.discard(&[sym])?;
            }
            Op::PushNull => self.push(Sym::Null),
            Op::Copy(n) => {
                let sym = self.peek(n)?;
                let copy = Self::duplicate(&sym);
                self.push(copy);
            }
            Op::Swap(n) => self.swap(n)?,
            Op::BuildTuple(count) => self.build_tuple(count)?,
            Op::UnpackSequence(count) => self.unpack(count, event)?,
            Op::Subscript => self.subscript(event)?,
            Op::StoreSubscript => self.store_subscript(event)?,
            Op::Call(count) => {
                self.settle_null(count + 1, event.operands.get(1).copied().unwrap_or(Operand::NULL))?;
                return self.call(count, event, next);
            }
            Op::CallKw(count) => {
                self.settle_null(count + 2, event.operands.get(1).copied().unwrap_or(Operand::NULL))?;
                self.call_keywords(count, event)?;
            }
            Op::Yield { quiet } => self.yield_value(quiet, event, next)?,
            Op::Send(_) => self.delegate(event)?,
            Op::EndSend => return Err(AbortReason::Instruction("END_SEND")),
            Op::Return if let Detail::Undelegate(resumed) = event.detail => {
                return self.end_delegation(event, next, resumed).map(|()| true);
            }
            Op::ReturnConst(_) if let Detail::Undelegate(resumed) = event.detail => {
                let constant = event.operands.first().copied().ok_or(AbortReason::Inconsistent("constant"))?;
                self.push(Sym::Const(constant));
                return self.end_delegation(event, next, resumed).map(|()| true);
            }
            Op::Return => self.leave(event)?,
            Op::ReturnConst(_) => match event.detail {
                Detail::Const(operand) => {
                    self.push(Sym::Const(operand));
                    self.leave(event)?;
                }
                _ => return Err(AbortReason::Inconsistent("constant")),
            },
            Op::Slice => self.slice(event)?,
            Op::StoreSlice => self.store_slice(event)?,
            Op::BuildSlice(count) => match next {
                Some(next) if next.op == Op::Subscript && next.depth == event.depth => {
                    self.built_slice(count, event, next)?;
                    return Ok(true);
                }
                _ => return Err(AbortReason::Instruction("BUILD_SLICE (a slice that is an object)")),
            },
            Op::General(GeneralOp::MakeFunction, _) => self.make_function(event)?,
            Op::General(GeneralOp::SetFunctionAttribute, argument) => self.set_closure(argument)?,
            Op::General(GeneralOp::StoreGlobal, _) => self.store_global(event)?,
            Op::General(GeneralOp::BeforeWith, _) if let Detail::With(entering) = event.detail => {
                self.enter_block(entering, event)?;
            }
            Op::General(GeneralOp::DictMerge, nth) => self.merge_keywords(nth, event)?,
            Op::General(GeneralOp::CallEx, flags) => self.call_unpacked(flags, event)?,
            Op::General(question @ (GeneralOp::MatchSequence | GeneralOp::MatchMapping | GeneralOp::GetLen), _) => {
                self.match_subject(question, event)?
            }
            Op::General(GeneralOp::PushExcInfo, _) => self.push_exception()?,
            Op::General(GeneralOp::CheckExcMatch, _) => self.match_exception(event)?,
            Op::General(GeneralOp::Raise | GeneralOp::Reraise, _) => return Err(AbortReason::LeftLoop),
            Op::General(..) => return Err(AbortReason::Instruction("an instruction without a fast form")),
            Op::Unsupported(name) => return Err(AbortReason::Instruction(name)),
        }
        Ok(false)
    }

    /// Two stores in one instruction.
    fn store_two(&mut self, a: u32, b: u32, event: &Event) -> Step<()> {
        let (top, below) = (self.pop()?, self.pop()?);
        let [seen_top, seen_below, old_a, old_b] = match event.operands.as_slice() {
            [a, b, c, d, ..] => [*a, *b, *c, *d],
            _ => return Err(AbortReason::Inconsistent("missing operands")),
        };
        if self.place(a).is_none() {
            return self.store_virtual(vec![(a, top), (b, below)]);
        }
        // CPython can resume only at an instruction's boundary, so no exit may come between the two stores.
        let kept: Vec<Val> = [(a, &top, [seen_top, old_a]), (b, &below, [seen_below, old_b])]
            .into_iter()
            .map(|(slot, sym, seen)| self.prepare_store(slot, sym, seen, [&top, &below]))
            .collect::<Step<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        if let [first, second] = kept[..] {
            let snap = self.snap();
            self.e.pure(Uop::guard_not_same, &[first, second], 0, 0, Some(snap));
        }
        // What the trace alone keeps for these locals goes too. The new values may borrow from there.
        self.push(below);
        self.push(top);
        let mut previous = Vec::new();
        for slot in [a, b] {
            let sym = &mut self.top().locals[slot as usize].sym;
            if matches!(sym, Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..)) {
                previous.push(std::mem::replace(sym, Sym::Null));
            }
        }
        let drops = self.guard_discard(&previous);
        let snap = self.snap();
        for (dropped, kept) in drops.iter().flat_map(|dropped| kept.iter().map(move |kept| (dropped, kept))) {
            if !self.is_plain(*dropped) {
                self.e.pure(Uop::guard_not_same, &[*dropped, *kept], 0, 0, Some(snap));
            }
        }
        // Each alone may go; what all of them held together may be the last of another object.
        if kept.len() + drops.len() > 1 && !(drops.is_empty() && is_shared(old_a) && is_shared(old_b)) {
            self.guard_drops(&[kept, drops.clone()].concat());
        }
        let top = self.pop()?;
        self.prepared = true;
        self.store_local(a, top, seen_top, old_a)?;
        let below = self.pop()?;
        self.store_local(b, below, seen_below, old_b)?;
        self.prepared = false;
        self.drop_all(&drops);
        Ok(())
    }

    fn swap(&mut self, n: u32) -> Step<()> {
        // Make both sides known; memory no longer matches them afterwards.
        let (a, b) = (self.peek(1)?, self.peek(n)?);
        let own = |sym: Sym| match sym {
            Sym::Obj(val, Own::StackSlot(_)) => Sym::Obj(val, Own::Owned),
            other => other,
        };
        let stack = self.top_stack();
        let (top, other) = (stack.len() - 1, stack.len() - n as usize);
        stack[top] = own(b);
        stack[other] = own(a);
        Ok(())
    }

    /// An exception raised in the entry frame must find its handler as CPython would look for it: from
    /// the raising instruction, or, where the frame has none there, not at all.
    pub(super) fn check_handler(&self, event: &Event) -> Step<()> {
        let (Some(code), Some(first)) = (self.rec.codes.get(event.code.0 as usize), self.rec.events.first()) else {
            return Err(AbortReason::Inconsistent("code"));
        };
        let handler = |offset: u32| code.handlers.get(offset as usize).copied().flatten();
        if handler(event.offset).is_none() && first.depth == 0 && handler(first.offset).is_some() {
            return Err(AbortReason::Handler);
        }
        Ok(())
    }
}
