//! General operations: calls into CPython that may run any Python code.
//!
//! An instruction that no fast form fits is carried out by the same C functions that the interpreter uses. What they run
//! may look at the frames, change any object, raise, or make this very trace invalid. So
//!
//! ```text
//! before   iterators and locals of the entry frame and of generators go to memory, numbers as objects;
//!          each slot gets a reference of its own, as the interpreter has it;
//!          frames of inlined calls are made, their locals moved there, generators put between, the instruction pointers set
//! then     the call, and the drop of what the instruction takes off the stack
//! after    nothing that memory held is known any more, nor the types of objects that may change theirs;
//!          null or a negative number: exit with the exception set;
//!          the trace became invalid, a tool watches these frames, somebody holds one of them: exit behind the instruction;
//!          the locals of inlined calls come back, and their frames are taken away
//! ```
//!
//! Why not leave the trace instead: a loop that is covered as a whole, in part slowly, beats one that is left in every turn.
//! Why not keep the frames in memory all the time: most inlined calls see no general operation.
//!
//! Holds after: as after any instruction, but the snapshot to exit to is the one behind it. Cost: one C call more than the
//! interpreter has, and a frame for each inlined call around it.

use super::state::{Local, Own, Sym};
use super::{AbortReason, Recorder, Step};
use crate::bytecode::{GeneralOp, Op};
use crate::event::{Event, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::Then;
use decal_uops::{Uop, offset};

/// A word that a general function is given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// The object in the stack's nth slot from the top, which is 1.
    Stack(u32),
    /// A number or an address.
    Fixed(u64),
    /// The address of the arguments in the context.
    Arguments,
}

/// What a general function gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gives {
    /// An object, which goes onto the stack.
    Object,
    /// An object that is about to be called: it goes onto the stack, and a null as its receiver.
    Callable,
    /// A truth value, which goes onto the stack, inverted where asked.
    Truth(bool),
    /// Nothing.
    Nothing,
    /// That many objects, in the arguments of the context, which go onto the stack in this order.
    Objects(u32),
    /// One object in the arguments of the context that is about to be called: it goes onto the stack, and a null.
    Global,
    /// An iterator's next item, or the mark for its end: whether there was one, and where the loop ends.
    Next(bool, u32),
}

/// A general operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct General<'a> {
    /// The C function.
    pub(super) function: u64,
    /// What it is given.
    pub(super) words: &'a [Word],
    /// How many slots of the stack go into the arguments of the context: the nth from the top is the first.
    pub(super) arguments: Option<(u32, u32)>,
    /// The slot of the stack that goes there before them: an object that is called. The C function takes over the references
    /// to it and to the arguments.
    pub(super) callable: Option<u32>,
    /// How many slots of the stack the instruction takes.
    pub(super) takes: u32,
    /// What comes of it.
    pub(super) gives: Gives,
}

impl General<'_> {
    /// Whether the stack's nth slot from the top is among what goes into the context.
    fn passes(&self, nth: u32) -> bool {
        self.callable == Some(nth) || self.arguments.is_some_and(|(first, count)| nth <= first && nth > first - count)
    }
}

/// What stands for an operand of which nothing was seen.
pub(super) const UNSEEN: Operand = Operand { bits: i64::MAX as u64, ..Operand::NULL };

impl Recorder<'_> {
    /// Carries out a general operation in place of this instruction.
    pub(super) fn perform(&mut self, event: &Event, operation: General<'_>) -> Step<()> {
        if let Some(raised) = self.raised.take() {
            return self.perform_and_raise(event, operation, raised);
        }
        let result = self.carry_out(event, &operation)?;
        // The operands are gone, as they are where the interpreter raises.
        self.snap = self.build_snapshot(event.offset, Then::Raise);
        let raise = self.snap;
        match operation.gives {
            _ if operation.function == 0 => {}
            Gives::Truth(_) | Gives::Nothing | Gives::Objects(_) | Gives::Global => {
                let zero = self.e.int(0);
                self.e.pure(Uop::guard_ge_int, &[result, zero], 0, 0, Some(raise));
            }
            _ => {
                self.e.pure(Uop::guard_is_not, &[result], 0, 0, Some(raise));
            }
        }
        if let Gives::Next(more, end) = operation.gives {
            self.guard_next(event, result, more, end)?;
        }
        self.give(result, operation.gives)?;
        let offset = match operation.gives {
            // The interpreter's END_FOR takes a value away, and the instruction behind it the iterator.
            Gives::Next(false, end) => end.saturating_sub(2),
            _ => event.next,
        };
        self.go_on_at(offset);
        if let Gives::Next(false, _) = operation.gives {
            self.pop()?;
            let iterator = self.pop()?;
            self.discard(&[iterator])?;
        }
        Ok(())
    }

    /// Behind a general operation: asks whether the trace may go on, and takes the frames away that were made for it.
    pub(super) fn go_on_at(&mut self, offset: u32) {
        self.snap = self.build_snapshot(offset, Then::Resume);
        self.check_undisturbed();
        self.load_back();
        self.pop_frames();
        self.share_again();
        self.snap = self.build_snapshot(offset, Then::Resume);
        self.raise_snap = None;
    }

    /// Makes all exact, calls, and drops the operands.
    pub(super) fn carry_out(&mut self, event: &Event, operation: &General<'_>) -> Step<Val> {
        let from_stack = operation.words.iter().filter_map(|word| match word {
            Word::Stack(nth) => Some(*nth),
            _ => None,
        });
        let used = operation.arguments.iter().flat_map(|(first, count)| (0..*count).map(move |at| first - at));
        let operands: Vec<u32> = from_stack.chain(operation.callable).chain(used).collect();
        if operation.function != 0 {
            self.find_chain()?;
        }
        self.make_visible(event, &operands)?;
        self.make_callers(event);
        self.push_frames(event)?;
        let used = operation.arguments.iter().flat_map(|(first, count)| (0..*count).map(move |at| first - at));
        let passed: Vec<u32> = operation.callable.into_iter().chain(used).collect();
        if passed.len() > decal_uops::ARGUMENTS {
            return Err(AbortReason::Call("more arguments than traces pass on"));
        }
        // The checker of references reads off the region whether the trace keeps them.
        let region = if operation.callable.is_some() { Region::Any } else { Region::Counts };
        for (at, nth) in passed.into_iter().enumerate() {
            let val = self.word(Word::Stack(nth))?;
            let place = offset::ARGUMENTS + 8 * at as i32;
            self.e.effect(Uop::set_context, &[val], place, 0, region, None);
        }
        let mut words = Vec::new();
        for word in operation.words {
            words.push(self.word(*word)?);
        }
        let result = self.call_any(&words, operation)?;
        self.forget_all();
        self.take_operands(operation)?;
        Ok(result)
    }

    fn call_any(&mut self, words: &[Val], operation: &General<'_>) -> Step<Val> {
        if operation.function == 0 {
            return Ok(self.e.int(0));
        }
        let number = matches!(operation.gives, Gives::Truth(_) | Gives::Nothing | Gives::Objects(_) | Gives::Global);
        let uop = match (number, words.len()) {
            (false, 1) => Uop::call_any_1,
            (false, 2) => Uop::call_any_2,
            (false, 3) => Uop::call_any_3,
            (false, 4) => Uop::call_any_4,
            (true, 1) => Uop::call_any_int_1,
            (true, 2) => Uop::call_any_int_2,
            (true, 3) => Uop::call_any_int_3,
            _ => return Err(AbortReason::Inconsistent("words of a general operation")),
        };
        Ok(self.e.effect(uop, words, 0, operation.function, Region::Any, None))
    }

    /// Takes the top of the stack away where its end may run Python code.
    pub(super) fn drop_top(&mut self, event: &Event) -> Step<()> {
        self.drop_many(event, 1)
    }

    /// The same of several, the lowest first.
    pub(super) fn drop_many(&mut self, event: &Event, takes: u32) -> Step<()> {
        self.find_chain()?;
        self.drop_behind(event, takes)
    }

    /// The same where a part of the instruction is done, so that the chain was asked for before: that may leave.
    pub(super) fn drop_behind(&mut self, event: &Event, takes: u32) -> Step<()> {
        for nth in 1..=takes {
            // One that was not made ends as an object, so that what it runs is run.
            if let Sym::Gen(_) = self.peek(nth)? {
                self.realize(nth, Operand::NULL)?;
                self.renew_snap(event);
            }
        }
        self.perform(
            event,
            General { function: 0, words: &[], arguments: None, callable: None, takes, gives: Gives::Nothing },
        )
    }

    /// Stores the top of the stack into a local whose object may end with that, and run Python code.
    pub(super) fn store_over(&mut self, slot: u32, seen: Operand, event: &Event) -> Step<()> {
        self.find_chain()?;
        let sym = self.pop()?;
        if let Some(place) = self.place(slot)
            && let Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..) = self.home(place).sym
        {
            // The trace alone has what it held; memory has something plain.
            let old = std::mem::replace(&mut self.home(place).sym, Sym::Null);
            self.write_local(place, &sym, seen, Operand::NULL)?;
            self.push(old);
            return self.drop_behind(event, 1);
        }
        let before = self.place(slot).map(|place| (place, self.bound_memory_of(place)));
        let new = self.owned_object(&sym, seen)?;
        let old = if let Some((place, old)) = before {
            let (base, disp, region) = self.address(place);
            self.e.store(Uop::store_obj, base, None, new, disp, region, None);
            self.written.insert(place);
            *self.home(place) = Local { sym: Sym::Obj(new, Own::Slot(place)), memory: Some(new), plain: false };
            if self.hand_over(old, Own::Slot(place)) { Sym::Null } else { Sym::Obj(old, Own::Owned) }
        } else {
            let local = self.top().locals.get_mut(slot as usize).ok_or(AbortReason::Inconsistent("no such local"))?;
            std::mem::replace(&mut local.sym, Sym::Obj(new, Own::Owned))
        };
        // What it held is the stack's now, for a moment: there was room for the new object.
        self.push(old);
        self.drop_behind(event, 1)
    }

    fn word(&mut self, word: Word) -> Step<Val> {
        match word {
            Word::Stack(nth) => match self.peek(nth)? {
                Sym::Null => Ok(self.e.raw(0)),
                sym => self.object(&sym),
            },
            Word::Fixed(bits) => Ok(self.e.raw(bits)),
            Word::Arguments => Ok(self.e.effect(Uop::context, &[], offset::ARGUMENTS, 0, Region::Fixed, None)),
        }
    }

    /// The state has changed in form, not in content: exits of what follows need it as it is now.
    pub(super) fn renew_snap(&mut self, event: &Event) {
        self.snap = self.build_snapshot(event.offset, Then::Resume);
        self.raise_snap = None;
    }

    /// Takes what the instruction takes off the stack, and drops it. Any of it may die now.
    fn take_operands(&mut self, operation: &General<'_>) -> Step<()> {
        let mut taken = Vec::new();
        for nth in 1..=operation.takes {
            let sym = self.pop()?;
            if let Sym::Gen(_) = sym {
                return Err(AbortReason::Call("a generator that ends with what holds it"));
            }
            if operation.callable.is_none() || !operation.passes(nth) {
                taken.push(sym);
            } else if let Sym::Obj(val, Own::Owned) = sym
                && self.hand_over(val, Own::Virtual)
            {
                return Err(AbortReason::Inconsistent("an argument that others borrow"));
            }
        }
        let mut owned = Vec::new();
        super::state::collect_owned(&taken, &mut owned);
        let dealloc = self.host.functions.dealloc;
        for val in owned.into_iter().rev() {
            if !self.hand_over(val, Own::Virtual) {
                self.e.effect(Uop::decref_plain, &[val], 0, dealloc, Region::Any, None);
            }
        }
        Ok(())
    }

    /// Exits where the iterator has not done what was seen.
    pub(super) fn guard_next(&mut self, event: &Event, result: Val, more: bool, end: u32) -> Step<()> {
        let mark = self.host.objects.exhausted;
        self.push(if more { self.none() } else { Sym::Obj(result, Own::Owned) });
        let offset = if more { end.saturating_sub(2) } else { event.next };
        let snap = self.build_snapshot(offset, Then::Resume);
        let guard = if more { Uop::guard_is_not } else { Uop::guard_is };
        self.e.pure(guard, &[result], 0, mark, Some(snap));
        self.pop().map(|_| ())
    }

    /// Puts the result onto the stack.
    pub(super) fn give(&mut self, result: Val, gives: Gives) -> Step<()> {
        match gives {
            Gives::Nothing => {}
            Gives::Object | Gives::Next(true, _) => self.push(Sym::Obj(result, Own::Owned)),
            Gives::Callable => {
                self.push(Sym::Obj(result, Own::Owned));
                self.push(Sym::Null);
            }
            Gives::Truth(inverted) => {
                let mut truth = result;
                if inverted {
                    let one = self.e.int(1);
                    truth = self.e.pure(Uop::xor_int, &[truth, one], 0, 0, None);
                }
                self.push(Sym::Bool(truth));
            }
            Gives::Global => {
                self.give(result, Gives::Objects(1))?;
                self.push(Sym::Null);
            }
            Gives::Objects(count) => {
                let base = self.e.effect(Uop::context, &[], offset::ARGUMENTS, 0, Region::Fixed, None);
                for at in 0..count as i32 {
                    let val = self.e.effect(Uop::load_obj_unchecked, &[base], 8 * at, 0, Region::Any, None);
                    self.push(Sym::Obj(val, Own::Owned));
                }
            }
            Gives::Next(false, _) => self.push(self.none()),
        }
        Ok(())
    }
}

/// Whether an instruction has a general form.
pub(super) fn has_general_form(op: Op) -> bool {
    matches!(
        op,
        Op::Binary(_)
            | Op::Augmented(_)
            | Op::Negative
            | Op::Positive
            | Op::Invert
            | Op::ToBool
            | Op::Compare(..)
            | Op::Contains(_)
            | Op::Subscript
            | Op::StoreSubscript
            | Op::Slice
            | Op::StoreSlice
            | Op::LoadAttr { .. }
            | Op::StoreAttr { .. }
            | Op::GetIter
            | Op::ForIter(_)
            | Op::UnpackSequence(_)
            | Op::DeleteSubscript
            | Op::FormatSimple
            | Op::FormatWithSpec
            | Op::ConvertValue(_)
            | Op::Call(_)
            | Op::General(..)
            | Op::LoadGlobal { .. }
            | Op::CallKw(_)
            | Op::UnpackEx(..)
            | Op::SetAdd(_)
            | Op::MapAdd(_)
            | Op::ListExtend(_)
            | Op::SetUpdate(_)
            | Op::DictUpdate(_)
            | Op::BuildSet(_)
            | Op::BuildMap(_)
            | Op::BuildConstKeyMap(_)
            | Op::BuildSlice(_)
    )
}

impl Recorder<'_> {
    /// Translates one event as a general operation, which no fast form fits for this reason.
    pub(super) fn general_form(&mut self, event: &Event, next: Option<&Event>, reason: AbortReason) -> Step<()> {
        use Word::{Arguments, Fixed, Stack};
        let f = self.host.functions.general.clone();
        let simple =
            |function, words, takes, gives| General { function, words, arguments: None, callable: None, takes, gives };
        let operation = match event.op {
            Op::Binary(op) => simple(f.binary[op as usize], &[Stack(2), Stack(1)][..], 2, Gives::Object),
            Op::Augmented(op) => simple(f.augmented[op as usize], &[Stack(2), Stack(1)], 2, Gives::Object),
            Op::Negative => simple(f.unary[0], &[Stack(1)], 1, Gives::Object),
            Op::Positive => simple(f.unary[1], &[Stack(1)], 1, Gives::Object),
            Op::Invert => simple(f.unary[2], &[Stack(1)], 1, Gives::Object),
            Op::ToBool => simple(f.truth, &[Stack(1)], 1, Gives::Truth(false)),
            Op::Contains(inverted) => simple(f.contains, &[Stack(1), Stack(2)], 2, Gives::Truth(inverted)),
            Op::Subscript => simple(f.get_item, &[Stack(2), Stack(1)], 2, Gives::Object),
            Op::StoreSubscript => simple(f.set_item, &[Stack(2), Stack(1), Stack(3)], 3, Gives::Nothing),
            Op::BuildSlice(_) => return self.new_slice(event),
            Op::Slice => simple(f.get_slice, &[Stack(3), Stack(2), Stack(1)], 3, Gives::Object),
            Op::StoreSlice => General {
                arguments: Some((2, 2)),
                ..simple(f.set_slice, &[Stack(3), Stack(4), Arguments], 4, Gives::Nothing)
            },
            Op::DeleteSubscript => simple(f.delete_item, &[Stack(2), Stack(1)], 2, Gives::Nothing),
            Op::FormatSimple => simple(f.format, &[Stack(1), Fixed(0)], 1, Gives::Object),
            Op::FormatWithSpec => simple(f.format, &[Stack(2), Stack(1)], 2, Gives::Object),
            Op::ConvertValue(conversion) => simple(f.convert[conversion as usize], &[Stack(1)], 1, Gives::Object),
            Op::GetIter => simple(f.iterator, &[Stack(1)], 1, Gives::Object),
            Op::Compare(op, truth) => {
                let words = [Stack(2), Stack(1), Fixed(op as u64)];
                let (function, gives) =
                    if truth { (f.compare_truth, Gives::Truth(false)) } else { (f.compare, Gives::Object) };
                return self.perform(event, simple(function, &words, 2, gives));
            }
            Op::ForIter(end) if self.raised.is_some() => {
                return self.perform(event, simple(f.next, &[Stack(1)], 0, Gives::Next(false, end)));
            }
            Op::ForIter(end) => {
                // What it did is seen by where it went on.
                let next = next.filter(|next| next.depth == event.depth).ok_or(AbortReason::LeftLoop)?;
                let gives = Gives::Next(next.offset == event.next, end);
                return self.perform(event, simple(f.next, &[Stack(1)], 0, gives));
            }
            Op::UnpackSequence(count) if count as usize <= decal_uops::ARGUMENTS => {
                let words = [Stack(1), Fixed(u64::from(count)), Arguments];
                return self.perform(event, simple(f.unpack, &words, 1, Gives::Objects(count)));
            }
            Op::LoadAttr { name, method } => {
                let words = [Stack(1), Fixed(self.name(event, name)?)];
                let (function, gives) =
                    if method { (f.get_method, Gives::Callable) } else { (f.get_attribute, Gives::Object) };
                return self.perform(event, simple(function, &words, 1, gives));
            }
            Op::StoreAttr { name } => {
                let words = [Stack(1), Fixed(self.name(event, name)?), Stack(2)];
                return self.perform(event, simple(f.set_attribute, &words, 2, Gives::Nothing));
            }
            Op::Call(count) => {
                self.settle_null(count + 1, event.operands.get(1).copied().unwrap_or(Operand::NULL))?;
                let receiver = self.peek(count + 1)? != Sym::Null;
                let passed = count + u32::from(receiver);
                let words = [Arguments, Fixed(u64::from(passed)), Fixed(0)];
                let (arguments, callable) = (Some((passed, passed)), Some(count + 2));
                let operation = simple(f.call, &words, count + 2, Gives::Object);
                return self.perform(event, General { arguments, callable, ..operation });
            }
            Op::CallKw(count) => {
                let Sym::Const(names) = self.peek(1)? else { return Err(reason) };
                let named = self.rec.tuples.get(&names.object).ok_or(reason)?.len() as u32;
                self.settle_null(count + 2, event.operands.get(1).copied().unwrap_or(Operand::NULL))?;
                let receiver = u32::from(self.peek(count + 2)? != Sym::Null);
                let positional = (count + receiver).checked_sub(named).ok_or(reason)?;
                let words = [Arguments, Fixed(u64::from(positional)), Stack(1)];
                let (arguments, callable) = (Some((count + receiver + 1, count + receiver)), Some(count + 3));
                let operation = simple(f.call, &words, count + 3, Gives::Object);
                return self.perform(event, General { arguments, callable, ..operation });
            }
            Op::SetAdd(nth) => {
                return self.perform(event, simple(f.set_add, &[Stack(nth + 1), Stack(1)], 1, Gives::Nothing));
            }
            Op::MapAdd(nth) => {
                let words = [Stack(nth + 2), Stack(2), Stack(1)];
                return self.perform(event, simple(f.dict_set, &words, 2, Gives::Nothing));
            }
            Op::ListExtend(nth) | Op::SetUpdate(nth) | Op::DictUpdate(nth) => {
                let function = match event.op {
                    Op::ListExtend(_) => f.list_extend,
                    Op::SetUpdate(_) => f.set_update,
                    _ => f.dict_update,
                };
                return self.perform(event, simple(function, &[Stack(nth + 1), Stack(1)], 1, Gives::Nothing));
            }
            Op::UnpackEx(before, after) => {
                return self.instruction_call(event, GeneralOp::UnpackStar, before | after << 8, reason);
            }
            Op::BuildSet(count) => return self.instruction_call(event, GeneralOp::BuildSet, count, reason),
            Op::BuildMap(count) => return self.instruction_call(event, GeneralOp::BuildMap, count, reason),
            Op::BuildConstKeyMap(count) => {
                return self.instruction_call(event, GeneralOp::BuildConstKeyMap, count, reason);
            }
            Op::General(general, argument) => return self.instruction_call(event, general, argument, reason),
            Op::LoadGlobal { name, push_null } => {
                let words = [Arguments, Fixed(self.name(event, name)?)];
                let gives = if push_null { Gives::Global } else { Gives::Objects(1) };
                return self.perform(event, simple(f.instructions[GeneralOp::LoadGlobal as usize], &words, 0, gives));
            }
            _ => return Err(reason),
        };
        self.perform(event, operation)
    }

    /// An instruction as one call of a C function over the slots that it looks at.
    fn instruction_call(&mut self, event: &Event, general: GeneralOp, argument: u32, reason: AbortReason) -> Step<()> {
        let (looks, takes, gives) = general.shape(argument);
        if looks.max(gives) as usize > decal_uops::ARGUMENTS {
            return Err(reason);
        }
        if general == GeneralOp::CallEx {
            // Below the arguments there is always a null.
            self.settle_null(2 + (argument & 1), Operand::NULL)?;
        }
        let number = if general.is_name() { self.name(event, argument)? } else { u64::from(argument) };
        let words = [Word::Arguments, Word::Fixed(number)];
        // A call takes over what it is given.
        let callable = (general == GeneralOp::CallEx).then_some(looks);
        let passed = looks - u32::from(callable.is_some());
        let arguments = (passed > 0).then_some((passed, passed));
        let function = self.host.functions.general.instructions[general as usize];
        self.perform(
            event,
            General { function, words: &words, arguments, callable, takes, gives: Gives::Objects(gives) },
        )
    }

    /// The address of a name that an instruction means.
    fn name(&self, event: &Event, index: u32) -> Step<u64> {
        let code = self.rec.codes.get(event.code.0 as usize);
        let name = code.and_then(|code| code.names.get(index as usize)).copied();
        name.ok_or(AbortReason::Attribute("its name is not known"))
    }
}
