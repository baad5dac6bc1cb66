//! New lists, dicts and sets, and what comprehensions and literals put into them.
//!
//! What goes in becomes an object while the stack still holds it, so that every exit finds it there. The new container comes
//! last: nothing can leave the trace once it is made.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::{ARGUMENTS, Uop};

/// Items of a new list that are stored one by one.
const LISTED: u32 = 64;

impl Recorder<'_> {
    /// Makes the topmost slots, as many as `seen` has, hold objects that exist.
    pub(super) fn realize_top(&mut self, seen: &[Operand], offset: u32) -> Step<()> {
        for (n, seen) in (1..).zip(seen.iter().rev()) {
            if !matches!(self.peek(n)?, Sym::Obj(..) | Sym::Const(_)) {
                self.realize(n, *seen)?;
                self.restart(offset);
            }
        }
        Ok(())
    }

    /// Gives what is borrowed from containers references of its own, before a call that may take the containers' away.
    pub(super) fn own_before(&mut self, offset: u32) {
        self.own_borrowed();
        self.restart(offset);
    }

    /// Takes so many symbols off the stack, as they were pushed.
    pub(super) fn pop_many(&mut self, count: usize) -> Step<Vec<Sym>> {
        let mut syms = Vec::new();
        for _ in 0..count {
            syms.push(self.pop()?);
        }
        syms.reverse();
        Ok(syms)
    }

    /// The objects behind symbols.
    pub(super) fn objects(&mut self, syms: &[Sym]) -> Step<Vec<Val>> {
        syms.iter().map(|sym| self.object(sym)).collect()
    }

    /// Drops what a symbol owns of an object that somebody else holds by now.
    pub(super) fn drop_held(&mut self, sym: &Sym) {
        if let Sym::Obj(val, Own::Owned) = sym
            && !self.hand_over(*val, Own::Virtual)
        {
            self.decref_plain(*val);
        }
    }

    pub(super) fn build_list(&mut self, count: u32, event: &Event) -> Step<()> {
        if self.describe_list(count)? {
            return Ok(());
        }
        if count > LISTED {
            return Err(AbortReason::Instruction("BUILD_LIST (of so many items)"));
        }
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        let items = self.pop_many(seen.len())?;
        let length = self.e.int(count.into());
        let (snap, function) = (self.raise_snap(), self.host.functions.new_list);
        let list = self.e.effect(Uop::new_sequence, &[length], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(list, self.host.objects.list);
        if count > 0 {
            let disp = self.host.layout.list_items;
            let data = self.e.load(Uop::load_raw, list, None, disp, Region::ListHead, None);
            for (index, (item, seen)) in items.iter().zip(seen).enumerate() {
                let val = self.owned_object(item, *seen)?;
                let index = self.e.int(index as i64);
                // Nobody has looked at this memory: what is known of other lists still holds.
                self.e.effect(Uop::store_item, &[data, index, val], 0, 0, Region::ListItems, None);
            }
        }
        self.push(Sym::Obj(list, Own::Owned));
        Ok(())
    }

    /// A slice that is an object: what it is for takes no part of it by itself. Runs no Python code.
    pub(super) fn new_slice(&mut self, event: &Event) -> Step<()> {
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        let bounds = self.pop_many(seen.len())?;
        let mut vals = self.objects(&bounds)?;
        vals.resize(3, self.e.object(self.host.objects.none, self.host.objects.none_type));
        let (snap, function) = (self.raise_snap(), self.host.functions.new_slice);
        let slice = self.e.effect(Uop::call_obj_3, &vals, 0, function, Region::Fixed, Some(snap));
        for bound in &bounds {
            self.drop_held(bound);
        }
        self.push(Sym::Obj(slice, Own::Owned));
        Ok(())
    }

    /// Hands objects to a C function, which gives a new container of them that nobody else holds.
    fn build(&mut self, items: Vec<Sym>, function: u64, ty: u64) -> Step<()> {
        if items.len() > ARGUMENTS {
            return Err(AbortReason::Instruction("a new dict or set of so many items"));
        }
        let vals = self.objects(&items)?;
        // The container takes references of its own, but to one of two equal keys only.
        let drops = self.guard_discard(&items);
        let none = self.e.object(self.host.objects.none, self.host.objects.none_type);
        let result = self.call_fast(none, &vals, function);
        self.e.set_type(result, ty);
        self.push(Sym::Obj(result, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// Calls a C function of an object and arguments in memory. Gives a new reference.
    pub(super) fn call_fast(&mut self, first: Val, args: &[Val], function: u64) -> Val {
        for (index, val) in args.iter().enumerate() {
            let slot = decal_uops::offset::ARGUMENTS + 8 * index as i32;
            self.e.effect(Uop::set_context, &[*val], slot, 0, Region::Fixed, None);
        }
        let (count, snap) = (self.e.int(args.len() as i64), self.raise_snap());
        self.e.effect(Uop::call_fast, &[first, count], 0, function, Region::Fixed, Some(snap))
    }

    pub(super) fn build_set(&mut self, event: &Event) -> Step<()> {
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        let items = self.pop_many(seen.len())?;
        self.build(items, self.host.leaf.build_set, self.host.leaf.set)
    }

    pub(super) fn build_map(&mut self, event: &Event) -> Step<()> {
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        let items = self.pop_many(seen.len())?;
        self.build(items, self.host.leaf.build_dict, self.host.leaf.dict)
    }

    pub(super) fn build_const_key_map(&mut self, event: &Event) -> Step<()> {
        // A side trace may begin here, with the keys on the stack.
        let other = AbortReason::Instruction("BUILD_CONST_KEY_MAP (of keys on the stack)");
        let Sym::Const(keys) = self.pop()? else { return Err(other) };
        let rec = self.rec;
        let keys = rec.tuples.get(&keys.object).ok_or(other)?;
        let seen = taken(event)?.split_last().map_or(&[][..], |(_, values)| values);
        if keys.len() != seen.len() {
            return Err(AbortReason::Inconsistent("keys"));
        }
        // The keys stay on the stack for the exits of what follows.
        let keys_sym = event.operands.last().map(|keys| Sym::Const(*keys)).ok_or(AbortReason::Inconsistent("keys"))?;
        for (n, seen) in (2..).zip(seen.iter().rev()) {
            self.push(keys_sym.clone());
            if !matches!(self.peek(n)?, Sym::Obj(..) | Sym::Const(_)) {
                self.realize(n, *seen)?;
                self.restart(event.offset);
            }
            self.pop()?;
        }
        let values = self.pop_many(seen.len())?;
        let items = keys.iter().zip(values).flat_map(|(key, value)| [Sym::Const(*key), value]).collect();
        self.build(items, self.host.leaf.build_dict, self.host.leaf.dict)
    }

    /// The container that an instruction adds to, the nth from the top once its operands are taken.
    fn container(&mut self, nth: u32, event: &Event, kind: Kind) -> Step<Val> {
        let seen = *event.operands.last().ok_or(AbortReason::Inconsistent("missing operands"))?;
        if seen.kind != kind {
            return Err(AbortReason::Inconsistent("container"));
        }
        let sym = self.peek(nth)?;
        self.guard_exact(&sym, seen)?;
        self.object(&sym)
    }

    pub(super) fn list_append(&mut self, nth: u32, event: &Event) -> Step<()> {
        if self.append_to_list(nth, event)? {
            return Ok(());
        }
        self.realize_top(taken(event)?, event.offset)?;
        let item = self.pop()?;
        let list = self.container(nth, event, Kind::List)?;
        let (snap, val) = (self.raise_snap(), self.object(&item)?);
        let function = self.host.functions.list_append;
        self.e.effect(Uop::call_truth_2, &[list, val], 0, function, Region::ListItems, Some(snap));
        self.lists_changed();
        self.drop_held(&item);
        Ok(())
    }

    pub(super) fn list_extend(&mut self, nth: u32, event: &Event) -> Step<()> {
        if self.extend_list(nth, event)? {
            return Ok(());
        }
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        let [seen] = *seen else { return Err(AbortReason::Inconsistent("missing operands")) };
        if !is_iterable(seen.kind) {
            return Err(AbortReason::Iterate);
        }
        let iterable = self.pop()?;
        self.guard_exact(&iterable, seen)?;
        let list = self.container(nth, event, Kind::List)?;
        let from = self.object(&iterable)?;
        let drops = self.guard_discard(&[iterable]);
        let (snap, function) = (self.raise_snap(), self.host.leaf.list_extend);
        self.e.effect(Uop::call_truth_2, &[list, from], 0, function, Region::ListItems, Some(snap));
        self.lists_changed();
        self.drop_all(&drops);
        Ok(())
    }

    /// `list -- tuple`, where the list is not used any more.
    pub(super) fn list_to_tuple(&mut self, event: &Event) -> Step<()> {
        let seen = super::numbers::one(event)?;
        if seen.kind != Kind::List {
            return Err(AbortReason::Iterate);
        }
        if self.list_as_tuple()? {
            return Ok(());
        }
        let list = self.pop()?;
        self.guard_exact(&list, seen)?;
        let val = self.object(&list)?;
        let (snap, function) = (self.raise_snap(), self.host.leaf.list_to_tuple);
        // The list dies; what it holds is in the tuple by then.
        let tuple = self.e.effect(Uop::call_obj_1, &[val], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(tuple, self.host.objects.tuple);
        self.push(Sym::Obj(tuple, Own::Owned));
        self.own_borrowed();
        self.drop_held(&list);
        Ok(())
    }

    pub(super) fn set_add(&mut self, nth: u32, event: &Event) -> Step<()> {
        if event.detail == Detail::Asks {
            return Err(AbortReason::Instruction("a key that may run Python code"));
        }
        self.realize_top(taken(event)?, event.offset)?;
        let item = self.pop()?;
        let set = self.container(nth, event, Kind::Set)?;
        let val = self.object(&item)?;
        let drops = self.guard_discard(&[item]);
        let (snap, function) = (self.raise_snap(), self.host.leaf.set_add);
        self.e.effect(Uop::call_truth_2, &[set, val], 0, function, Region::Fixed, Some(snap));
        self.drop_all(&drops);
        Ok(())
    }

    /// `SET_UPDATE` and `DICT_UPDATE`: all of another container goes in.
    pub(super) fn update(&mut self, nth: u32, event: &Event, kind: Kind) -> Step<()> {
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        self.own_before(event.offset);
        let [seen] = *seen else { return Err(AbortReason::Inconsistent("missing operands")) };
        let (fits, function) = match kind {
            Kind::Set => (is_iterable(seen.kind), self.host.leaf.set_update),
            _ => (seen.kind == Kind::Dict, self.host.leaf.dict_update),
        };
        if !fits {
            return Err(AbortReason::Iterate);
        }
        let other = self.pop()?;
        self.guard_exact(&other, seen)?;
        let container = self.container(nth, event, kind)?;
        let from = self.object(&other)?;
        let drops = self.guard_discard(&[other]);
        let snap = self.raise_snap();
        self.e.effect(Uop::call_truth_2, &[container, from], 0, function, Region::Fixed, Some(snap));
        self.drop_all(&drops);
        Ok(())
    }

    pub(super) fn map_add(&mut self, nth: u32, event: &Event) -> Step<()> {
        if event.detail == Detail::Asks {
            return Err(AbortReason::Instruction("a key that may run Python code"));
        }
        let seen = taken(event)?;
        self.realize_top(seen, event.offset)?;
        self.own_before(event.offset);
        let syms = self.pop_many(2)?;
        let dict = self.container(nth, event, Kind::Dict)?;
        let [key, value] = &syms[..] else { return Err(AbortReason::Inconsistent("pair")) };
        let (key_val, value_val) = (self.object(key)?, self.object(value)?);
        let drops = self.guard_discard(std::slice::from_ref(key));
        let (snap, function) = (self.raise_snap(), self.host.leaf.dict_set);
        self.e.effect(Uop::call_truth_3, &[dict, key_val, value_val], 0, function, Region::Fixed, Some(snap));
        self.drop_held(value);
        self.drop_all(&drops);
        Ok(())
    }
}

/// What was seen of all that an instruction takes.
pub(super) fn taken(event: &Event) -> Step<&[Operand]> {
    event.operands.get(..event.op.taken() as usize).ok_or(AbortReason::Inconsistent("missing operands"))
}

/// Whether objects of this kind are iterated over without running Python code.
pub(super) fn is_iterable(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::List
            | Kind::Tuple
            | Kind::Dict
            | Kind::Set
            | Kind::FrozenSet
            | Kind::View
            | Kind::Str
            | Kind::Bytes
            | Kind::ByteArray
            | Kind::Range
    )
}
