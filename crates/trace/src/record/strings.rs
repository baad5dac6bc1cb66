//! Strings, and what they have in common with other sequences: joining, repeating, formatting, comparing.
//!
//! All of it is done by C functions that run no Python code for operands of these exact types, or refuse.

use super::build::taken;
use super::numbers::{one, two};
use super::state::{Local, Own};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{BinaryOp, CompareOp, Conversion, Op};
use crate::event::{Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::{ARGUMENTS, Uop};

/// Whether objects of this kind are compared, and made strings, without Python code.
fn is_simple_value(kind: Kind) -> bool {
    matches!(kind, Kind::Str | Kind::Bytes | Kind::Int | Kind::BigInt | Kind::Bool | Kind::Float | Kind::None)
}

/// Whether making text of objects of this kind runs no Python code: CPython may be asked to warn of bytes.
fn has_text(kind: Kind) -> bool {
    is_simple_value(kind) && kind != Kind::Bytes
}

/// Whether the same can be said where what they hold is such, which the host finds out.
fn may_be_simple(kind: Kind) -> bool {
    is_simple_value(kind) || matches!(kind, Kind::List | Kind::Tuple)
}

impl Recorder<'_> {
    /// Takes two operands, realizes them, guards their types and hands them to a C function, which gives an object.
    fn pair(&mut self, seen: [Operand; 2], event: &Event, function: u64, ty: u64) -> Step<()> {
        self.realize_top(&seen, event.offset)?;
        let (right, left) = (self.pop()?, self.pop()?);
        self.guard_exact(&left, seen[0])?;
        self.guard_exact(&right, seen[1])?;
        let (a, b) = (self.object(&left)?, self.object(&right)?);
        let drops = self.guard_discard(&[left, right]);
        if function == self.host.leaf.text_format {
            self.ask_if_idle();
        }
        let snap = self.raise_snap();
        let val = self.e.effect(Uop::call_obj_2, &[a, b], 0, function, Region::Fixed, Some(snap));
        if ty != 0 {
            self.e.set_type(val, ty);
        }
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// A binary operator on strings, lists, tuples or sets. None where the operands are others; else whether the next event was
    /// taken along.
    pub(super) fn sequence_binary(&mut self, op: BinaryOp, event: &Event, next: Option<&Event>) -> Step<Option<bool>> {
        let [left, right] = two(event)?;
        let augmented = matches!(event.op, Op::Augmented(_));
        let leaf = self.host.leaf.clone();
        let done = |step: Step<()>| step.map(|()| Some(false));
        match (left.kind, op, right.kind) {
            (Kind::Str, BinaryOp::Add, Kind::Str) => {
                if let Some(next) = next
                    && let Op::StoreFast(slot) = next.op
                    && next.depth == event.depth
                    && self.append_text(slot, event)?
                {
                    return Ok(Some(true));
                }
                done(self.pair([left, right], event, leaf.text_add, self.host.objects.str_))
            }
            (Kind::Bytes, BinaryOp::Add, Kind::Bytes) | (Kind::Tuple, BinaryOp::Add, Kind::Tuple) => {
                done(self.pair([left, right], event, leaf.concat, left.ty))
            }
            (Kind::List, BinaryOp::Add, Kind::List) if !augmented => {
                done(self.pair([left, right], event, leaf.concat, left.ty))
            }
            (Kind::List, BinaryOp::Add, kind) if augmented && super::build::is_iterable(kind) => {
                done(self.extend_in_place(left, right, event))
            }
            (Kind::Str | Kind::Bytes | Kind::Tuple | Kind::List, BinaryOp::Mul, Kind::Int | Kind::Bool)
                if !(augmented && left.kind == Kind::List) =>
            {
                done(self.repeat(left, right, false, event))
            }
            (Kind::Int | Kind::Bool, BinaryOp::Mul, Kind::Str | Kind::Bytes | Kind::Tuple | Kind::List) => {
                done(self.repeat(right, left, true, event))
            }
            (Kind::Str, BinaryOp::Mod, kind) if has_text(kind) || kind == Kind::Tuple => {
                self.attends()?;
                done(self.pair([left, right], event, leaf.text_format, self.host.objects.str_))
            }
            (Kind::Set | Kind::FrozenSet, op, Kind::Set | Kind::FrozenSet)
                if !(augmented && left.kind == Kind::Set)
                    && matches!(op, BinaryOp::Or | BinaryOp::And | BinaryOp::Sub | BinaryOp::Xor) =>
            {
                let function = match op {
                    BinaryOp::Or => leaf.set_binary[0],
                    BinaryOp::And => leaf.set_binary[1],
                    BinaryOp::Sub => leaf.set_binary[2],
                    _ => leaf.set_binary[3],
                };
                done(self.pair([left, right], event, function, left.ty))
            }
            _ => Ok(None),
        }
    }

    /// `sequence * number`.
    fn repeat(&mut self, seen: Operand, seen_count: Operand, swapped: bool, event: &Event) -> Step<()> {
        let nth = if swapped { 1 } else { 2 };
        if !matches!(self.peek(nth)?, Sym::Obj(..) | Sym::Const(_)) {
            self.realize(nth, seen)?;
            self.restart(event.offset);
        }
        let (top, below) = (self.pop()?, self.pop()?);
        let (sequence, count) = if swapped { (top, below) } else { (below, top) };
        self.guard_exact(&sequence, seen)?;
        let (base, times) = (self.object(&sequence)?, self.as_int(&count, seen_count)?);
        let drops = self.guard_discard(&[sequence, count]);
        let (snap, function) = (self.raise_snap(), self.host.leaf.repeat);
        let val = self.e.effect(Uop::call_index, &[base, times], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(val, seen.ty);
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// `list += iterable`: the list stays on the stack.
    fn extend_in_place(&mut self, seen: Operand, seen_other: Operand, event: &Event) -> Step<()> {
        self.realize_top(&[seen, seen_other], event.offset)?;
        let other = self.pop()?;
        self.guard_exact(&other, seen_other)?;
        let list = self.peek(1)?;
        self.guard_exact(&list, seen)?;
        let (base, from) = (self.object(&list)?, self.object(&other)?);
        let drops = self.guard_discard(&[other]);
        let (snap, function) = (self.raise_snap(), self.host.leaf.list_extend);
        self.e.effect(Uop::call_truth_2, &[base, from], 0, function, Region::ListItems, Some(snap));
        self.lists_changed();
        self.drop_all(&drops);
        Ok(())
    }

    /// `s = s + text`, where the string may grow in place as it does in the interpreter: nobody else holds it. Takes the store
    /// along. False where that is not so.
    fn append_text(&mut self, slot: u32, event: &Event) -> Step<bool> {
        let (right, left) = (self.peek(1)?, self.peek(2)?);
        let Sym::Obj(val, Own::Slot(_) | Own::Virtual) = left else { return Ok(false) };
        let depth = self.frames.len() - 1;
        let Some(local) = self.frames[depth].locals.get(slot as usize) else { return Ok(false) };
        let holder = match local.sym {
            Sym::Obj(held, own @ Own::Slot(home)) if held == val && self.place(slot) == Some(home) => own,
            Sym::Obj(held, Own::Owned) if held == val && self.place(slot).is_none() => Own::Virtual,
            _ => return Ok(false),
        };
        if !matches!(right, Sym::Obj(..) | Sym::Const(_)) {
            return Ok(false);
        }
        let [seen_left, seen_right] = two(event)?;
        // Others that borrow it from the local need references of their own.
        let (right, left) = (self.pop()?, self.pop()?);
        let mut borrowers = 0;
        self.visit_syms(&mut |sym| borrowers += usize::from(*sym == Sym::Obj(val, holder)));
        // The local itself is one of them where memory holds it.
        if borrowers > usize::from(self.place(slot).is_some()) || matches!(&right, Sym::Obj(other, _) if *other == val)
        {
            self.push(left);
            self.push(right);
            return Ok(false);
        }
        self.guard_exact(&left, seen_left)?;
        self.guard_exact(&right, seen_right)?;
        let text = self.object(&right)?;
        let drops = self.guard_discard(&[right]);
        let (snap, function) = (self.raise_snap(), self.host.leaf.text_append);
        let new = self.e.effect(Uop::call_renew, &[val, text], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(new, self.host.objects.str_);
        if let Some(place) = self.place(slot) {
            let (base, disp, region) = self.address(place);
            self.e.store(Uop::store_obj, base, None, new, disp, region, None);
            self.written.insert(place);
            *self.home(place) = Local { sym: Sym::Obj(new, Own::Slot(place)), memory: Some(new), plain: true };
        } else {
            self.frames[depth].locals[slot as usize].sym = Sym::Obj(new, Own::Owned);
        }
        self.drop_all(&drops);
        Ok(true)
    }

    /// A comparison of values that are no numbers, as 0 or 1, with what is to be dropped after it. None where Python code
    /// may take part.
    pub(super) fn compare_values(&mut self, op: CompareOp, event: &Event) -> Step<Option<(Val, Vec<Val>)>> {
        let seen = two(event)?;
        let kinds = seen.map(|seen| seen.kind);
        if !kinds.into_iter().all(may_be_simple) {
            return Ok(None);
        }
        let leaf = &self.host.leaf;
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let function = match kinds {
            [Kind::Str, Kind::Str] if equality => leaf.text_equal,
            _ => leaf.compare[op as usize],
        };
        self.realize_top(&seen, event.offset)?;
        let (right, left) = (self.pop()?, self.pop()?);
        self.guard_exact(&left, seen[0])?;
        self.guard_exact(&right, seen[1])?;
        let (a, b) = (self.object(&left)?, self.object(&right)?);
        let drops = self.guard_discard(&[left, right]);
        let snap = self.raise_snap();
        let mut truth = self.e.effect(Uop::call_truth_2, &[a, b], 0, function, Region::Fixed, Some(snap));
        if function == self.host.leaf.text_equal && op == CompareOp::Ne {
            let one = self.e.int(1);
            truth = self.e.pure(Uop::xor_int, &[truth, one], 0, 0, None);
        }
        Ok(Some((truth, drops)))
    }

    /// `needle in container` of a string, list or tuple.
    pub(super) fn value_in(&mut self, inverted: bool, event: &Event) -> Step<()> {
        let [seen_needle, seen] = two(event)?;
        let leaf = &self.host.leaf;
        let function = match (seen_needle.kind, seen.kind) {
            (Kind::Str, Kind::Str) => leaf.text_in_text,
            (kind, Kind::List | Kind::Tuple) if may_be_simple(kind) => leaf.value_in_sequence,
            _ => return Err(AbortReason::Contains),
        };
        self.realize_top(&[seen_needle, seen], event.offset)?;
        let (container, needle) = (self.pop()?, self.pop()?);
        self.guard_exact(&container, seen)?;
        self.guard_exact(&needle, seen_needle)?;
        let (base, val) = (self.object(&container)?, self.object(&needle)?);
        let drops = self.guard_discard(&[container, needle]);
        let snap = self.raise_snap();
        let mut truth = self.e.effect(Uop::call_truth_2, &[base, val], 0, function, Region::Fixed, Some(snap));
        self.drop_all(&drops);
        if inverted {
            let one = self.e.int(1);
            truth = self.e.pure(Uop::xor_int, &[truth, one], 0, 0, None);
        }
        self.push(Sym::Bool(truth));
        Ok(())
    }

    /// `format(value)` or `format(value, spec)` of a value that is no container.
    pub(super) fn format(&mut self, with_spec: bool, event: &Event) -> Step<()> {
        let seen = taken(event)?;
        let value = *seen.first().ok_or(AbortReason::Inconsistent("missing operand"))?;
        let simple = has_text(value.kind)
            && !(with_spec && value.kind == Kind::None)
            && seen.get(1).is_none_or(|spec| spec.kind == Kind::Str);
        if !simple {
            return Err(AbortReason::Instruction("an f-string with a value of this type"));
        }
        if !with_spec && value.kind == Kind::Str {
            let sym = self.peek(1)?;
            return self.guard_exact(&sym, value);
        }
        self.attends()?;
        self.realize_top(seen, event.offset)?;
        let syms = self.pop_many(seen.len())?;
        for (sym, seen) in syms.iter().zip(seen) {
            self.guard_exact(sym, *seen)?;
        }
        let vals = self.objects(&syms)?;
        let drops = self.guard_discard(&syms);
        self.ask_if_idle();
        let (snap, leaf) = (self.raise_snap(), &self.host.leaf);
        let (uop, function) =
            if with_spec { (Uop::call_obj_2, leaf.format) } else { (Uop::call_obj_1, leaf.convert[0]) };
        let val = self.e.effect(uop, &vals, 0, function, Region::Fixed, Some(snap));
        self.e.set_type(val, self.host.objects.str_);
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// `str(value)` and the like in an f-string.
    pub(super) fn convert(&mut self, conversion: Conversion, event: &Event) -> Step<()> {
        let seen = one(event)?;
        if !has_text(seen.kind) {
            return Err(AbortReason::Instruction("an f-string with a value of this type"));
        }
        if conversion == Conversion::Str && seen.kind == Kind::Str {
            let sym = self.peek(1)?;
            return self.guard_exact(&sym, seen);
        }
        self.attends()?;
        self.realize_top(&[seen], event.offset)?;
        let sym = self.pop()?;
        self.guard_exact(&sym, seen)?;
        let val = self.object(&sym)?;
        let drops = self.guard_discard(&[sym]);
        self.ask_if_idle();
        let (snap, function) = (self.raise_snap(), self.host.leaf.convert[conversion as usize]);
        let val = self.e.effect(Uop::call_obj_1, &[val], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(val, self.host.objects.str_);
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// The pieces of an f-string, all of them strings.
    pub(super) fn build_string(&mut self, event: &Event) -> Step<()> {
        let seen = taken(event)?;
        if seen.len() > ARGUMENTS || seen.iter().any(|piece| piece.kind != Kind::Str) {
            return Err(AbortReason::Instruction("an f-string of so many pieces"));
        }
        let syms = self.pop_many(seen.len())?;
        for (sym, seen) in syms.iter().zip(seen) {
            self.guard_exact(sym, *seen)?;
        }
        let vals = self.objects(&syms)?;
        let drops = self.guard_discard(&syms);
        let none = self.e.object(self.host.objects.none, self.host.objects.none_type);
        let val = self.call_fast(none, &vals, self.host.leaf.build_text);
        self.e.set_type(val, self.host.objects.str_);
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// `a, *b, c = sequence` of a list or tuple.
    pub(super) fn unpack_with_rest(&mut self, before: u32, after: u32, event: &Event) -> Step<()> {
        let seen = one(event)?;
        if !matches!(seen.kind, Kind::List | Kind::Tuple) {
            return Err(AbortReason::Unpack);
        }
        self.realize_top(&[seen], event.offset)?;
        let sym = self.pop()?;
        self.guard_exact(&sym, seen)?;
        let base = self.object(&sym)?;
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let list = seen.kind == Kind::List;
        let region = if list { Region::ListHead } else { Region::Fixed };
        let length = self.e.load_length(base, layout.size, region);
        let (least, low) = (self.e.int(i64::from(before + after)), self.e.int(before.into()));
        self.e.pure(Uop::guard_ge_int, &[length, least], 0, 0, Some(snap));
        let behind = self.e.int(after.into());
        let high = self.e.pure(Uop::wrap_sub_int, &[length, behind], 0, 0, None);
        let item = |recorder: &mut Self, at: Val| {
            if list {
                let data = recorder.e.load(Uop::load_raw, base, None, layout.list_items, Region::ListHead, None);
                recorder.e.load(Uop::load_item, data, Some(at), 0, Region::ListItems, Some(snap))
            } else {
                recorder.e.load(Uop::load_item, base, Some(at), layout.tuple_items, Region::Fixed, Some(snap))
            }
        };
        let mut items = Vec::new();
        for at in 0..before {
            let at = self.e.int(at.into());
            items.push(item(self, at));
        }
        let mut last = Vec::new();
        for at in 0..after {
            let at = self.e.int(at.into());
            let at = self.e.pure(Uop::wrap_add_int, &[high, at], 0, 0, None);
            last.push(item(self, at));
        }
        let drops = self.guard_discard(&[sym]);
        let (raise, one) = (self.raise_snap(), self.e.int(1));
        // Of a tuple, too, the rest is a list.
        let function = if list { self.host.functions.get_slice } else { self.host.leaf.tuple_rest };
        let rest = self.e.effect(Uop::call_slice, &[base, low, high, one], 0, function, Region::Fixed, Some(raise));
        self.e.set_type(rest, self.host.objects.list);
        for val in last.into_iter().rev() {
            self.push(Sym::Obj(val, Own::Container));
        }
        self.push(Sym::Obj(rest, Own::Owned));
        for val in items.into_iter().rev() {
            self.push(Sym::Obj(val, Own::Container));
        }
        self.drop_all(&drops);
        Ok(())
    }
}
