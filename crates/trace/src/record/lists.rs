//! Slices, and lists that change their length.
//!
//! The work is done by C functions that refuse, before they have done anything, what they cannot do as CPython does; the
//! exit then goes back to the instruction's start like that of a guard. Nothing may have been done before such a
//! call that the instruction's snapshot does not know of: references that borrowers need are taken first,
//! and a new snapshot of the same Python state then says so ([`Recorder::restart`]).

use super::numbers::Number;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Event, Kind, KnownCall, ListMethod, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::Then;
use decal_uops::Uop;

/// A slice that is to be taken.
pub(super) struct Taken {
    /// Of what.
    pub(super) container: Sym,
    /// What that was seen to be.
    pub(super) seen: Operand,
    /// Start, stop and step.
    pub(super) bounds: [Val; 3],
    /// What else was on the stack for it.
    operands: Vec<Sym>,
}

const METHOD: AbortReason = AbortReason::Call("a list's method with these arguments");

impl Recorder<'_> {
    /// Takes another snapshot of the instruction's start, after a change that Python cannot see.
    pub(super) fn restart(&mut self, offset: u32) {
        self.snap = self.build_snapshot(offset, Then::Resume);
        self.raise_snap = None;
    }

    /// Nothing is known any more of what lists hold.
    pub(super) fn lists_changed(&mut self) {
        self.e.heap().clobber(Region::ListHead);
        self.e.heap().clobber(Region::ListItems);
    }

    /// A slice's bound as a number; `absent` stands for `None`.
    pub(super) fn bound(&mut self, sym: &Sym, seen: Operand, absent: i64) -> Step<Val> {
        if seen.kind == Kind::None && matches!(sym, Sym::Obj(..) | Sym::Const(_)) {
            self.guard_exact(sym, seen)?;
            return Ok(self.e.int(absent));
        }
        match self.number(sym, seen) {
            Number::Int | Number::Bool => self.as_int(sym, seen),
            _ => Err(AbortReason::Subscript),
        }
    }

    /// `container[start:stop]`.
    pub(super) fn slice(&mut self, event: &Event) -> Step<()> {
        let taken = self.bounds(event)?;
        self.take_slice(taken)
    }

    /// Takes its operands off the stack.
    pub(super) fn bounds(&mut self, event: &Event) -> Step<Taken> {
        let (stop, start, container) = (self.pop()?, self.pop()?, self.pop()?);
        let [seen, seen_start, seen_stop] = event.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        let low = self.bound(&start, seen_start, 0)?;
        let high = self.bound(&stop, seen_stop, i64::MAX)?;
        let one = self.e.int(1);
        Ok(Taken { container, seen, bounds: [low, high, one], operands: vec![start, stop] })
    }

    /// `container[start:stop:step]`, which CPython does in two instructions: all exits go back to the first one.
    pub(super) fn built_slice(&mut self, count: u32, event: &Event, next: &Event) -> Step<()> {
        let taken = self.built_bounds(count, event, next)?;
        self.take_slice(taken)
    }

    /// Takes its operands off the stack.
    pub(super) fn built_bounds(&mut self, count: u32, event: &Event, next: &Event) -> Step<Taken> {
        let mut bounds = Vec::new();
        for _ in 0..count {
            bounds.push(self.pop()?);
        }
        bounds.reverse();
        let container = self.pop()?;
        let mut seen = *next.operands.first().ok_or(AbortReason::Inconsistent("missing operands"))?;
        if let Sym::Const(operand) = &container {
            // The next event was not brought up to date when this one was.
            seen = *operand;
        }
        if event.operands.len() != bounds.len() || bounds.len() < 2 {
            return Err(AbortReason::Inconsistent("missing operands"));
        }
        let step = match bounds.get(2) {
            Some(step) => self.bound(step, event.operands[2], 1)?,
            None => self.e.int(1),
        };
        // Where bounds are absent the step's sign says which end is meant, so it must be known.
        let negative = match self.e.constant_of(step) {
            Some(bits) => (bits as i64) < 0,
            None => {
                let (snap, zero) = (self.snap(), self.e.int(0));
                let negative = (event.operands[2].bits as i64) < 0;
                let uop = if negative { Uop::guard_lt_int } else { Uop::guard_gt_int };
                self.e.pure(uop, &[step, zero], 0, 0, Some(snap));
                negative
            }
        };
        let (first, last) = if negative { (i64::MAX, i64::MIN) } else { (0, i64::MAX) };
        let low = self.bound(&bounds[0], event.operands[0], first)?;
        let high = self.bound(&bounds[1], event.operands[1], last)?;
        Ok(Taken { container, seen, bounds: [low, high, step], operands: bounds })
    }

    fn take_slice(&mut self, taken: Taken) -> Step<()> {
        let Taken { container, seen, bounds, operands } = taken;
        if !matches!(seen.kind, Kind::List | Kind::Tuple | Kind::Str | Kind::Bytes | Kind::ByteArray)
            || !matches!(container, Sym::Obj(..) | Sym::Const(_))
        {
            return Err(AbortReason::Subscript);
        }
        self.guard_exact(&container, seen)?;
        let base = self.object(&container)?;
        let mut dropped = operands;
        dropped.push(container);
        let drops = self.guard_discard(&dropped);
        let (snap, function) = (self.raise_snap(), self.host.functions.get_slice);
        let [low, high, step] = bounds;
        let new = self.e.effect(Uop::call_slice, &[base, low, high, step], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(new, seen.ty);
        self.drop_all(&drops);
        self.push(Sym::Obj(new, Own::Owned));
        Ok(())
    }

    /// `container[start:stop] = value`.
    pub(super) fn store_slice(&mut self, event: &Event) -> Step<()> {
        let [seen_value, seen, seen_start, seen_stop] = event.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        if seen.kind != Kind::List || !matches!(seen_value.kind, Kind::List | Kind::Tuple) {
            return Err(AbortReason::StoreSubscript);
        }
        // What is borrowed from the list may leave it.
        self.own_borrowed();
        self.restart(event.offset);
        if matches!(self.peek(4)?, Sym::Tuple(..)) {
            self.realize(4, seen_value)?;
            self.restart(event.offset);
        }
        let (stop, start, container, value) = (self.pop()?, self.pop()?, self.pop()?, self.pop()?);
        if !matches!((&container, &value), (Sym::Obj(..), Sym::Obj(..) | Sym::Const(_))) {
            return Err(AbortReason::StoreSubscript);
        }
        self.guard_exact(&container, seen)?;
        self.guard_exact(&value, seen_value)?;
        let low = self.bound(&start, seen_start, 0)?;
        let high = self.bound(&stop, seen_stop, i64::MAX)?;
        let (base, from) = (self.object(&container)?, self.object(&value)?);
        let snap = self.snap();
        self.e.pure(Uop::guard_not_same, &[base, from], 0, 0, Some(snap));
        let drops = self.guard_discard(&[container, start, stop]);
        let snap = self.raise_snap();
        let last = matches!(value, Sym::Obj(_, Own::Owned)) && !self.hand_over(from, Own::Virtual);
        let functions = &self.host.functions;
        let function = if last { functions.set_slice_last } else { functions.set_slice };
        self.e.effect(Uop::call_store, &[base, low, high, from], 0, function, Region::ListItems, Some(snap));
        self.lists_changed();
        if last {
            // The list holds what the value held, or the other way round where that may die: nothing else dies with it.
            self.decref_plain(from);
        }
        self.drop_all(&drops);
        Ok(())
    }

    /// A call of a list's method: as an attribute that was just loaded, or bound earlier.
    pub(super) fn list_method(&mut self, known: KnownCall, count: u32, event: &Event) -> Step<()> {
        let [seen_callable, seen_receiver, seen @ ..] = &event.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        let (KnownCall::List(method) | KnownCall::BoundList(method, _)) = known else {
            return Err(AbortReason::Inconsistent("method"));
        };
        if seen.len() != count as usize {
            return Err(AbortReason::Inconsistent("arguments"));
        }
        if matches!((method, count), (ListMethod::Append, 1) | (ListMethod::Insert, 2)) {
            // The item becomes an object while the stack still holds it.
            self.realize(1, seen[seen.len() - 1])?;
            self.restart(event.offset);
        }
        let mut args = Vec::new();
        for _ in 0..count {
            args.push(self.pop()?);
        }
        args.reverse();
        let (receiver, callable) = (self.pop()?, self.pop()?);
        let list = match known {
            KnownCall::BoundList(_, definition) => {
                let ty = self.host.objects.list;
                self.bound_receiver(&callable, *seen_callable, definition, ty)?
            }
            _ => {
                self.guard_callable(&callable, *seen_callable)?;
                self.guard_exact(&receiver, *seen_receiver)?;
                self.object(&receiver)?
            }
        };
        let result = match (method, args.as_slice()) {
            (ListMethod::Append, [item]) => {
                let drops = self.guard_kept(&[callable, receiver]);
                let (snap, item_val) = (self.raise_snap(), self.object(item)?);
                let function = self.host.functions.list_append;
                self.e.effect(Uop::call_truth_2, &[list, item_val], 0, function, Region::ListItems, Some(snap));
                self.lists_changed();
                self.drop_held(item);
                self.drop_all(&drops);
                self.none()
            }
            (ListMethod::Insert, [index, item]) => {
                if !matches!(self.number(index, seen[0]), Number::Int | Number::Bool) {
                    return Err(METHOD);
                }
                let at = self.as_int(index, seen[0])?;
                let drops = self.guard_discard(&[callable, receiver, index.clone()]);
                let (snap, item_val) = (self.raise_snap(), self.object(item)?);
                let function = self.host.functions.list_insert;
                self.e.effect(Uop::call_store, &[list, at, at, item_val], 0, function, Region::ListItems, Some(snap));
                self.lists_changed();
                self.drop_held(item);
                self.drop_all(&drops);
                self.none()
            }
            (ListMethod::Pop, [] | [_]) => {
                let at = match args.first() {
                    None => self.e.int(-1),
                    Some(index) if matches!(self.number(index, seen[0]), Number::Int | Number::Bool) => {
                        self.as_int(index, seen[0])?
                    }
                    Some(_) => return Err(METHOD),
                };
                let mut dropped = args.clone();
                dropped.extend([callable, receiver]);
                let drops = self.guard_discard(&dropped);
                let (snap, function) = (self.raise_snap(), self.host.functions.list_pop);
                let item = self.e.effect(Uop::call_index, &[list, at], 0, function, Region::ListItems, Some(snap));
                self.lists_changed();
                // The list's reference is ours now: who borrowed the item from the list needs one.
                self.own_borrowed();
                self.drop_all(&drops);
                Sym::Obj(item, Own::Owned)
            }
            _ => return Err(METHOD),
        };
        self.push(result);
        Ok(())
    }

    pub(super) fn none(&self) -> Sym {
        let objects = &self.host.objects;
        Sym::Const(Operand { object: objects.none, ty: objects.none_type, kind: Kind::None, bits: 0 })
    }
}
