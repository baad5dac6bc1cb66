//! Dicts and sets: looking up, storing, deleting, membership, lengths.
//!
//! All of it is done by C functions that refuse what could run Python code, such as keys that are not simple; the exit then
//! goes back to the instruction's start. What they give has a reference of its own.

use super::named::Named;
use super::numbers::{Number, two};
use super::state::{Own, is_small};
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
    /// The unboxed number of a key that is one.
    fn number_key(&mut self, key: &Sym, seen: Operand) -> Step<Option<Val>> {
        let number = matches!(key, Sym::Int(..)) || matches!(key, Sym::Obj(..)) && seen.kind == Kind::Int;
        if number && self.number(key, seen) == Number::Int { self.as_int(key, seen).map(Some) } else { Ok(None) }
    }

    /// `dict[key]`.
    pub(super) fn dict_item(&mut self, event: &Event) -> Step<()> {
        let [seen, seen_key] = two(event)?;
        if event.detail == Detail::Asks {
            return Err(AbortReason::Subscript);
        }
        let (key, dict) = (self.pop()?, self.pop()?);
        self.guard_exact(&dict, seen)?;
        let base = self.object(&dict)?;
        if let (Sym::Const(name), Detail::Entry(entry)) = (&key, event.detail) {
            let name = self.e.object(name.object, name.ty);
            let value = self.load_named(base, name, entry)?;
            self.push(value);
            return self.discard(&[dict]);
        }
        let leaf = self.host.leaf.clone();
        if let Some(number) = self.number_key(&key, seen_key)? {
            let drops = self.guard_discard(&[dict, key]);
            let snap = self.raise_snap();
            let function = leaf.dict_get_int;
            let val = self.e.effect(Uop::call_index, &[base, number], 0, function, Region::Fixed, Some(snap));
            self.push(Sym::Obj(val, Own::Owned));
            self.drop_all(&drops);
            return Ok(());
        }
        self.push(dict);
        self.push(key);
        self.realize_top(&[seen, seen_key], event.offset)?;
        let (key, dict) = (self.pop()?, self.pop()?);
        let key_val = self.key(&key, seen_key)?;
        let drops = self.guard_discard(&[dict, key]);
        let snap = self.raise_snap();
        let val = self.e.effect(Uop::call_obj_2, &[base, key_val], 0, leaf.dict_get, Region::Fixed, Some(snap));
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    /// The object of a key. Its type is guarded where that tells how it dies.
    pub(super) fn key(&mut self, key: &Sym, seen: Operand) -> Step<Val> {
        if seen.kind.is_plain() || seen.kind == Kind::Tuple {
            self.guard_exact(key, seen)?;
        }
        self.object(key)
    }

    /// `dict["name"] = value`, where the dict was seen to have that.
    fn replace_dict_item(&mut self, entry: i32, event: &Event) -> Step<()> {
        let [seen_value, seen, _, seen_old] = match event.operands.as_slice() {
            [a, b, c, d, ..] => [*a, *b, *c, *d],
            _ => return Err(AbortReason::Inconsistent("missing operands")),
        };
        self.own_numbers(3, event)?;
        let (key, dict, value) = (self.pop()?, self.pop()?, self.pop()?);
        let Sym::Const(name) = key else { return Err(AbortReason::Inconsistent("key")) };
        self.guard_exact(&dict, seen)?;
        let (base, name) = (self.object(&dict)?, self.e.object(name.object, name.ty));
        let named = Named { dict: base, name, entry, watchers: u8::MAX };
        self.store_named(named, &value, [seen_value, seen_old], &[dict])
    }

    /// `dict[key] = value`.
    pub(super) fn store_dict_item(&mut self, event: &Event) -> Step<()> {
        if let (Sym::Const(_), Detail::Entry(entry)) = (self.peek(1)?, event.detail) {
            return self.replace_dict_item(entry, event);
        }
        let [seen_value, seen, seen_key] = match event.operands.as_slice() {
            [a, b, c, ..] => [*a, *b, *c],
            _ => return Err(AbortReason::Inconsistent("missing operands")),
        };
        if event.detail == Detail::Asks {
            return Err(AbortReason::StoreSubscript);
        }
        // Something may die.
        self.own_before(event.offset);
        let replaces = match self.peek(3)? {
            Sym::Int(value, id) if !is_small(seen_value) && self.uses(id) == 1 => Some(value),
            _ => None,
        };
        if replaces.is_none() && !matches!(self.peek(3)?, Sym::Obj(..) | Sym::Const(_)) {
            self.realize(3, seen_value)?;
            self.restart(event.offset);
        }
        let number = {
            let key = self.peek(1)?;
            self.number_key(&key, seen_key)?
        };
        if number.is_none() {
            self.realize_top(&[seen, seen_key], event.offset)?;
        }
        let syms = self.pop_many(3)?;
        let [value, dict, key] = &syms[..] else { return Err(AbortReason::Inconsistent("stack")) };
        self.guard_exact(dict, seen)?;
        let base = self.object(dict)?;
        let leaf = self.host.leaf.clone();
        if let Some(value) = replaces {
            // Written into the old one where nobody else holds that.
            let (args, function) = match number {
                Some(number) => ([base, number, value, base], leaf.dict_set_int_number),
                None => ([base, value, value, self.key(key, seen_key)?], leaf.dict_set_number),
            };
            let drops = self.guard_discard(&syms[1..]);
            let snap = self.raise_snap();
            self.e.effect(Uop::call_store, &args, 0, function, Region::Fixed, Some(snap));
            self.drop_all(&drops);
            return Ok(());
        }
        let val = self.object(value)?;
        match number {
            Some(number) => {
                let drops = self.guard_discard(&syms[1..]);
                let (snap, args) = (self.raise_snap(), [base, number, number, val]);
                self.e.effect(Uop::call_store, &args, 0, leaf.dict_set_int, Region::Fixed, Some(snap));
                self.drop_held(value);
                self.drop_all(&drops);
            }
            None => {
                let key = self.key(key, seen_key)?;
                let drops = self.guard_discard(&syms[1..]);
                let snap = self.raise_snap();
                let function = leaf.dict_set;
                self.e.effect(Uop::call_truth_3, &[base, key, val], 0, function, Region::Fixed, Some(snap));
                self.drop_held(value);
                self.drop_all(&drops);
            }
        }
        Ok(())
    }

    /// `del dict[key]`.
    pub(super) fn delete_subscript(&mut self, event: &Event) -> Step<()> {
        let [seen, seen_key] = two(event)?;
        if seen.kind != Kind::Dict || event.detail == Detail::Asks {
            return Err(AbortReason::Instruction("DELETE_SUBSCR (of this type)"));
        }
        self.own_before(event.offset);
        self.realize_top(&[seen, seen_key], event.offset)?;
        let (key, dict) = (self.pop()?, self.pop()?);
        self.guard_exact(&dict, seen)?;
        let (base, key_val) = (self.object(&dict)?, self.key(&key, seen_key)?);
        let drops = self.guard_discard(&[dict, key]);
        let (snap, function) = (self.raise_snap(), self.host.leaf.dict_delete);
        self.e.effect(Uop::call_truth_2, &[base, key_val], 0, function, Region::Fixed, Some(snap));
        self.drop_all(&drops);
        Ok(())
    }

    /// `key in container` of a dict or set.
    pub(super) fn key_in(&mut self, inverted: bool, event: &Event) -> Step<()> {
        let [seen_key, seen] = two(event)?;
        if event.detail == Detail::Asks {
            return Err(AbortReason::Contains);
        }
        self.realize_top(&[seen_key, seen], event.offset)?;
        let (container, key) = (self.pop()?, self.pop()?);
        self.guard_exact(&container, seen)?;
        let (base, key_val) = (self.object(&container)?, self.key(&key, seen_key)?);
        let leaf = &self.host.leaf;
        let function = if seen.kind == Kind::Dict { leaf.dict_contains } else { leaf.set_contains };
        let drops = self.guard_discard(&[container, key]);
        let snap = self.raise_snap();
        let mut truth = self.e.effect(Uop::call_truth_2, &[base, key_val], 0, function, Region::Fixed, Some(snap));
        self.drop_all(&drops);
        if inverted {
            let one = self.e.int(1);
            truth = self.e.pure(Uop::xor_int, &[truth, one], 0, 0, None);
        }
        self.push(Sym::Bool(truth));
        Ok(())
    }

    /// The number of items of a dict or set. Nothing may die in between: it is asked anew each time.
    pub(super) fn count_items(&mut self, container: Val, kind: Kind) -> Val {
        let leaf = &self.host.leaf;
        let function = if kind == Kind::Dict { leaf.dict_length } else { leaf.set_length };
        let snap = self.raise_snap();
        self.e.effect(Uop::call_int_2, &[container, container], 0, function, Region::Fixed, Some(snap))
    }
}
