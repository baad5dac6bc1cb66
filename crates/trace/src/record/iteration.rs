//! Loops: making iterators and stepping them.
//!
//! The fields of an iterator that exists are kept in registers between turns and written back by
//! exits (`FieldStore`): only code that runs outside the trace could see them.

use super::build::is_iterable;
use super::numbers::one;
use super::state::{IterState, Own};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::Op;
use crate::event::{Detail, Event, Generating, Kind, Operand};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::opt::range::Interval;
use crate::snapshot::Then;
use decal_uops::Uop;

/// Where the index of an `enumerate` must lie when a trace first sees it. It grows by one where the iterator of a list does, which
/// cannot do that more often than a list has items.
const FIRST_INDEX: Interval = Interval { lo: -(1 << 61), hi: 1 << 61 };

/// So that it lies here for as long as a trace has it.
pub(super) const ANY_INDEX: Interval = Interval { lo: FIRST_INDEX.lo, hi: FIRST_INDEX.hi + Interval::LENGTH.hi };

impl Recorder<'_> {
    pub(super) fn get_iter(&mut self, event: &Event) -> Step<()> {
        let seen = one(event)?;
        if let Sym::Gen(_) = self.peek(1)? {
            return Ok(());
        }
        if seen.kind == Kind::Range {
            return self.iterate_range(seen);
        }
        if let Detail::Generate(made) = event.detail {
            return self.generate_iterator(made, event);
        }
        let (function, ty) = match seen.kind {
            kind if kind.is_iterator() || kind == Kind::Generator => {
                let sym = self.peek(1)?;
                return self.guard_exact(&sym, seen);
            }
            Kind::List => (self.host.functions.new_list_iter, Some(self.host.objects.list_iter)),
            Kind::Tuple => (self.host.functions.new_tuple_iter, Some(self.host.objects.tuple_iter)),
            kind if is_iterable(kind) => (self.host.leaf.iterate, None),
            _ => return Err(AbortReason::Iterate),
        };
        let sym = self.pop()?;
        if !matches!(sym, Sym::Obj(..) | Sym::Const(_)) {
            return Err(AbortReason::Iterate);
        }
        self.guard_exact(&sym, seen)?;
        let base = self.object(&sym)?;
        let drops = self.guard_discard(&[sym]);
        let snap = self.raise_snap();
        let val = self.e.effect(Uop::call_obj_1, &[base], 0, function, Region::Fixed, Some(snap));
        if let Some(ty) = ty {
            self.e.set_type(val, ty);
            // It stands at the first item.
            let layout = &self.host.layout;
            let list = ty == self.host.objects.list_iter;
            let (index, sequence) = match list {
                true => (layout.list_iter_index, layout.list_iter_list),
                false => (layout.tuple_iter_index, layout.tuple_iter_tuple),
            };
            let zero = self.e.int(0);
            self.e.heap().learn(Region::Iterators, Place { base: val, index: None, disp: index }, zero);
            self.e.heap().learn(Region::Iterators, Place { base: val, index: None, disp: sequence }, base);
        }
        self.drop_all(&drops);
        self.push(Sym::Obj(val, Own::Owned));
        Ok(())
    }

    /// The `__iter__` of the operand's class is a generator function.
    fn generate_iterator(&mut self, made: Generating, event: &Event) -> Step<()> {
        let (seen, sym) = (one(event)?, self.peek(1)?);
        self.guard_seen_type(&sym, seen.ty)?;
        self.pop()?;
        let function = Operand {
            object: made.callee.function,
            ty: self.host.objects.function,
            kind: Kind::Function,
            ..Operand::NULL
        };
        self.make_generator(made, Sym::Const(function), sym, Vec::new(), event)
    }

    /// The iterator of a `range` that exists: its fields as numbers.
    fn iterate_range(&mut self, seen: Operand) -> Step<()> {
        let sym = self.pop()?;
        self.guard_exact(&sym, seen)?;
        let (range, snap, layout) = (self.object(&sym)?, self.snap(), self.host.layout.clone());
        let mut numbers = Vec::new();
        for disp in [layout.range_start, layout.range_stop, layout.range_step, layout.range_length] {
            let number = self.e.load(Uop::load_obj, range, None, disp, Region::Fixed, Some(snap));
            // Larger ones have iterators of another kind.
            self.e.guard_type(number, self.host.objects.int, snap);
            numbers.push(self.e.pure(Uop::unbox_int, &[number], 0, 0, Some(snap)));
        }
        self.discard(&[sym])?;
        let id = self.new_box();
        self.push(Sym::RangeIter(numbers[0], numbers[2], numbers[3], id));
        Ok(())
    }

    /// The registers that hold an iterator's fields.
    pub(super) fn iter_state(&mut self, iterator: Val, seen: Operand) -> usize {
        let kind = seen.kind;
        if let Some(index) = self.iters.iter().position(|iter| iter.iterator == iterator) {
            return index;
        }
        let layout = self.host.layout.clone();
        let mut load = |disp| self.e.load(Uop::load_int, iterator, None, disp, Region::Iterators, None);
        let (next, left) = match kind {
            Kind::RangeIter => (load(layout.range_iter_start), Some(load(layout.range_iter_len))),
            Kind::ListIter => (load(layout.list_iter_index), None),
            Kind::Enumerate => (load(layout.enumerate_index), None),
            _ => (load(layout.tuple_iter_index), None),
        };
        let snap = self.snap();
        if kind == Kind::Enumerate {
            self.keep_within(next, FIRST_INDEX, snap);
        }
        // Two slots may hold one iterator, whose fields would then be in registers twice.
        let others: Vec<Val> = self
            .iters
            .iter()
            .filter(|iter| iter.left.is_some() == left.is_some())
            .map(|iter| iter.iterator)
            .filter(|other| self.may_be_same(*other, iterator))
            .collect();
        for other in others {
            self.e.pure(Uop::guard_not_same, &[iterator, other], 0, 0, Some(snap));
        }
        let sole = kind == Kind::RangeIter && seen.bits & 1 == 1;
        self.iters.push(IterState { iterator, kind, next, left, dirty: false, sole, within: None });
        self.iters.len() - 1
    }

    /// Whether these may be one iterator. One that the trace makes is none that it had before; what it gets later, such as
    /// what the loop carries, may be it.
    fn may_be_same(&self, a: Val, b: Val) -> bool {
        let functions = [self.host.functions.new_list_iter, self.host.functions.new_tuple_iter];
        let is_new = |val| self.e.made_by(val).is_some_and(|function| functions.contains(&function));
        !is_new(a.max(b))
    }

    /// Steps the loop's iterator; true where the next instruction was taken along.
    pub(super) fn for_iter(&mut self, event: &Event, next: Option<&Event>) -> Step<bool> {
        let unpacks = next.is_some_and(|next| next.op == Op::UnpackSequence(2));
        let seen = one(event)?;
        let more = match event.detail {
            // Other characters than those of the table are given by a function.
            Detail::Next(true) if seen.kind == Kind::TextIter && (seen.bits == 0 || self.general) => {
                return self.step_any(event, next).map(|()| false);
            }
            Detail::Next(more) if seen.kind != Kind::Iterator => more,
            Detail::Resume(resumed) => return self.resume_generator(event, seen, resumed).map(|()| false),
            _ => return self.step_any(event, next).map(|()| false),
        };
        let sym = self.peek(1)?;
        let snap = self.snap();
        if let Sym::RangeIter(next, step, left, id) = sym {
            let zero = self.e.int(0);
            if !more {
                self.e.pure(Uop::guard_le_int, &[left, zero], 0, 0, Some(snap));
                self.pop()?;
                return Ok(false);
            }
            self.e.pure(Uop::guard_gt_int, &[left, zero], 0, 0, Some(snap));
            let fewer = self.one_less(left);
            let after = self.e.pure(Uop::wrap_add_int, &[next, step], 0, 0, None);
            // A generator's frame has its iterator in two slots.
            let is_it = |sym: &Sym| matches!(sym, Sym::RangeIter(.., known) if *known == id);
            self.each_sym(is_it, &mut |sym| *sym = Sym::RangeIter(after, step, fewer, id));
            let value = self.int_sym(next);
            self.push(value);
            return Ok(false);
        }
        let Sym::Obj(iterator, _) = sym else {
            return Err(AbortReason::Iterate);
        };
        self.e.guard_type(iterator, seen.ty, snap);
        match seen.kind {
            Kind::RangeIter => self.step_range(iterator, seen, more),
            Kind::ListIter | Kind::TupleIter => self.step_sequence(iterator, seen, more),
            Kind::TextIter => self.step_text(iterator, seen, more),
            Kind::Enumerate if more && unpacks => return self.step_enumerate(iterator, seen).map(|()| true),
            _ => self.step_any(event, next),
        }
        .map(|()| false)
    }

    /// A constant that is added can stand in the instruction; one that is taken away needs a register.
    fn one_less(&mut self, left: Val) -> Val {
        let minus_one = self.e.int(-1);
        self.e.pure(Uop::wrap_add_int, &[left, minus_one], 0, 0, None)
    }

    fn step_range(&mut self, iterator: Val, seen: Operand, more: bool) -> Step<()> {
        let snap = self.snap();
        let at = self.iter_state(iterator, seen);
        let IterState { next, left, sole, .. } = self.iters[at].clone();
        let left = left.ok_or(AbortReason::Inconsistent("range iterator"))?;
        let zero = self.e.int(0);
        if !more {
            self.e.pure(Uop::guard_le_int, &[left, zero], 0, 0, Some(snap));
            return self.finish(iterator, None);
        }
        self.e.pure(Uop::guard_gt_int, &[left, zero], 0, 0, Some(snap));
        let disp = self.host.layout.range_iter_step;
        let mut step = self.e.load(Uop::load_int, iterator, None, disp, Region::Fixed, None);
        if seen.bits & 2 != 0 {
            let one = self.e.int(1);
            self.e.pure(Uop::guard_eq_int, &[step, one], 0, 0, Some(snap));
            step = one;
        }
        let fewer = self.one_less(left);
        let after = self.e.pure(Uop::wrap_add_int, &[next, step], 0, 0, None);
        self.iters[at] = IterState {
            iterator,
            kind: Kind::RangeIter,
            next: after,
            left: Some(fewer),
            dirty: true,
            sole,
            within: None,
        };
        let value = self.int_sym(next);
        self.push(value);
        Ok(())
    }

    fn step_sequence(&mut self, iterator: Val, seen: Operand, more: bool) -> Step<()> {
        let snap = self.snap();
        let layout = self.host.layout.clone();
        let list = seen.kind == Kind::ListIter;
        let at = self.iter_state(iterator, seen);
        let index = self.iters[at].next;
        let disp = if list { layout.list_iter_list } else { layout.tuple_iter_tuple };
        let sequence = self.e.load(Uop::load_obj, iterator, None, disp, Region::Iterators, Some(snap));
        let region = if list { Region::ListHead } else { Region::Fixed };
        let length = self.e.load_length(sequence, layout.size, region);
        if !more {
            self.e.pure(Uop::guard_ge_int, &[index, length], 0, 0, Some(snap));
            return self.finish(iterator, Some((sequence, disp, list)));
        }
        self.e.pure(Uop::guard_index, &[index, length], 0, 0, Some(snap));
        let item = if list {
            let items = self.e.load(Uop::load_raw, sequence, None, layout.list_items, Region::ListHead, None);
            self.e.load(Uop::load_item, items, Some(index), 0, Region::ListItems, Some(snap))
        } else {
            self.e.load(Uop::load_item, sequence, Some(index), layout.tuple_items, Region::Fixed, Some(snap))
        };
        self.step_index(at, iterator, seen.kind);
        self.push(Sym::Obj(item, Own::Container));
        Ok(())
    }

    /// The index of a sequence's iterator, one further.
    pub(super) fn step_index(&mut self, at: usize, iterator: Val, kind: Kind) {
        let IterState { next, within, .. } = self.iters[at].clone();
        let one = self.e.int(1);
        let after = self.e.pure(Uop::wrap_add_int, &[next, one], 0, 0, None);
        self.iters[at] = IterState { iterator, kind, next: after, left: None, dirty: true, sole: false, within };
    }

    /// A step of `enumerate` over a list, and the unpacking of its tuple in one. CPython's tuple is used again from
    /// turn to turn where nobody else holds it, and holds the item until the next turn; so it does here. It keeps
    /// its old index: nothing can see that.
    fn step_enumerate(&mut self, enumerate: Val, seen: Operand) -> Step<()> {
        let snap = self.snap();
        let layout = self.host.layout.clone();
        let inner = self.e.load(Uop::load_obj, enumerate, None, layout.enumerate_iterator, Region::Fixed, Some(snap));
        self.e.guard_type(inner, self.host.objects.list_iter, snap);
        let at = self.iter_state(enumerate, seen);
        let index = self.iters[at].next;
        let one = self.e.int(1);
        let after = self.e.pure(Uop::add_int, &[index, one], 0, 0, Some(snap));
        let result = self.e.load(Uop::load_obj, enumerate, None, layout.enumerate_result, Region::Fixed, Some(snap));
        if !self.iters[at].sole {
            // Once is enough: the trace shows it to nobody.
            self.e.effect(Uop::guard_last, &[result], 0, 0, Region::Counts, Some(snap));
        }
        let disp = layout.tuple_items + 8;
        let old = self.e.load(Uop::load_obj, result, None, disp, Region::Results, Some(snap));
        self.e.effect(Uop::guard_not_last, &[old], 0, 0, Region::Counts, Some(snap));
        let list_iter = Operand { object: 0, ty: self.host.objects.list_iter, kind: Kind::ListIter, bits: 0 };
        self.step_sequence(inner, list_iter, true)?;
        let Sym::Obj(item, _) = self.peek(1)? else { return Err(AbortReason::Inconsistent("enumerate")) };
        self.incref(item);
        self.e.store(Uop::store_obj, result, None, item, disp, Region::Results, None);
        self.drop_kept(old);
        for iter in &mut self.iters {
            if iter.iterator == enumerate {
                *iter = IterState { next: after, dirty: true, sole: true, ..iter.clone() };
            } else if iter.iterator == inner {
                iter.within = Some(enumerate);
            }
        }
        let value = self.int_sym(index);
        self.push(value);
        Ok(())
    }

    /// A step by a C function, which gives an object of its own at the end. The exit for the way that was not seen goes
    /// behind this instruction: the iterator was asked, and must not be asked again.
    fn step_any(&mut self, event: &Event, next: Option<&Event>) -> Step<()> {
        let Op::ForIter(behind) = event.op else { return Err(AbortReason::Inconsistent("loop")) };
        let seen = one(event)?;
        // Whether there was another item is seen by where it went on.
        let after = next.filter(|next| next.depth == event.depth).ok_or(AbortReason::LeftLoop)?.offset;
        let known = matches!(seen.kind, Kind::Iterator | Kind::Enumerate | Kind::TextIter);
        if !known || !matches!(self.peek(1)?, Sym::Obj(..)) {
            return Err(AbortReason::Iterate);
        }
        // The iterator may let go of what it goes through.
        self.own_before(event.offset);
        let Sym::Obj(iterator, _) = self.peek(1)? else { return Err(AbortReason::Iterate) };
        let snap = self.snap();
        self.e.guard_type(iterator, seen.ty, snap);
        // It may ask iterators whose fields are in registers.
        let asks = matches!(seen.kind, Kind::Enumerate | Kind::TextIter) || seen.ty == self.host.leaf.zip;
        if asks {
            self.write_iterators();
        }
        let (snap, function, end) = (self.raise_snap(), self.host.leaf.next, self.host.objects.exhausted);
        let item = self.e.effect(Uop::call_obj_1, &[iterator], 0, function, Region::Iterators, Some(snap));
        if asks {
            self.read_iterators();
        }
        // There the iterator is popped.
        let leaving = behind.checked_sub(1).ok_or(AbortReason::Inconsistent("loop"))?;
        if after == event.next {
            let snap = self.build_snapshot(leaving, Then::Resume);
            self.e.pure(Uop::guard_is_not, &[item], 0, end, Some(snap));
            self.push(Sym::Obj(item, Own::Owned));
            return Ok(());
        }
        if after != behind {
            return Err(AbortReason::Inconsistent("loop"));
        }
        self.push(Sym::Obj(item, Own::Owned));
        let snap = self.build_snapshot(event.next, Then::Resume);
        self.pop()?;
        self.e.pure(Uop::guard_is, &[item], 0, end, Some(snap));
        self.restart(leaving);
        let iterator = self.pop()?;
        self.discard(&[iterator])
    }

    /// Brings the iterators whose fields are in registers up to date in memory.
    pub(super) fn write_iterators(&mut self) {
        let layout = self.host.layout.clone();
        for iter in self.iters.clone().into_iter().filter(|iter| iter.dirty) {
            let disp = if iter.left.is_some() { layout.range_iter_start } else { iter.index_disp(&layout) };
            self.e.store(Uop::store_int, iter.iterator, None, iter.next, disp, Region::Iterators, None);
            if let Some(left) = iter.left {
                let disp = layout.range_iter_len;
                self.e.store(Uop::store_int, iter.iterator, None, left, disp, Region::Iterators, None);
            }
        }
    }

    /// The other way round, after a call that may have stepped them.
    pub(super) fn read_iterators(&mut self) {
        let layout = self.host.layout.clone();
        self.e.heap().clobber(Region::Iterators);
        self.e.heap().clobber(Region::Results);
        for at in 0..self.iters.len() {
            let iter = self.iters[at].clone();
            let disp = if iter.left.is_some() { layout.range_iter_start } else { iter.index_disp(&layout) };
            let next = self.e.load(Uop::load_int, iter.iterator, None, disp, Region::Iterators, None);
            let left = iter.left.map(|_| {
                self.e.load(Uop::load_int, iter.iterator, None, layout.range_iter_len, Region::Iterators, None)
            });
            self.iters[at] = IterState { next, left, dirty: false, sole: false, ..iter };
        }
    }

    /// An iterator is exhausted: it lets go of its sequence and leaves the stack.
    pub(super) fn finish(&mut self, iterator: Val, sequence: Option<(Val, i32, bool)>) -> Step<()> {
        let snap = self.snap();
        if let Some((sequence, ..)) = sequence
            && !self.is_plain(sequence)
        {
            self.e.effect(Uop::guard_not_last, &[sequence], 0, 0, Region::Counts, Some(snap));
        }
        let owned = self.pop()?;
        let keeps = matches!(owned, Sym::Obj(_, Own::Owned)) && self.hand_over(iterator, Own::Virtual);
        // Somebody else may hold the iterator: its fields must be right.
        if let Some(position) = self.iters.iter().position(|iter| iter.iterator == iterator) {
            let iter = self.iters.remove(position);
            let layout = self.host.layout.clone();
            let store = |r: &mut Self, disp: i32, val: Val| {
                r.e.store(Uop::store_int, iterator, None, val, disp, Region::Iterators, None);
            };
            match (iter.dirty, iter.left) {
                (true, Some(left)) => {
                    store(self, layout.range_iter_start, iter.next);
                    store(self, layout.range_iter_len, left);
                }
                (true, None) => store(self, iter.index_disp(&layout), iter.next),
                (false, _) => {}
            }
        }
        if let Some((sequence, disp, list)) = sequence {
            if list {
                // That is how a list's iterator knows that it is exhausted; it does not look whether it has a list.
                let (done, disp) = (self.e.int(-1), self.host.layout.list_iter_index);
                self.e.store(Uop::store_int, iterator, None, done, disp, Region::Iterators, None);
            }
            self.e.effect(Uop::store_null, &[iterator], disp, 0, Region::Iterators, None);
            self.e.heap().clobber(Region::Iterators);
            self.drop_all(&[sequence]);
        }
        if matches!(owned, Sym::Obj(_, Own::Owned)) && !keeps {
            // Exhausted, it holds nothing: its death frees only itself.
            self.drop_all(&[iterator]);
        }
        Ok(())
    }
}
