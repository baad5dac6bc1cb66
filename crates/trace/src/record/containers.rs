//! Tuples, lists, `bytes`, `bytearray` and arrays: packing, unpacking, indexing, storing, lengths, membership.

use super::numbers::{Number, one, two};
use super::state::{Own, is_small};
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::Uop;
use std::rc::Rc;

/// The longest constant tuple whose membership test becomes comparisons.
const CONTAINS_LIMIT: usize = 8;

impl Recorder<'_> {
    /// `len(x)` of a container, as an unboxed number.
    pub(super) fn length(&mut self, sym: &Sym, seen: Operand) -> Step<Val> {
        let val = match sym {
            Sym::Tuple(items, _) => return Ok(self.e.int(items.len() as i64)),
            Sym::Instance(..) if let Some(items) = self.items_of(sym) => return Ok(self.e.int(items.len() as i64)),
            Sym::Const(operand) => match operand.kind {
                Kind::Tuple | Kind::Str | Kind::Bytes => return Ok(self.e.int(operand.bits as i64)),
                _ => self.e.object(operand.object, operand.ty),
            },
            Sym::Obj(val, _) => *val,
            _ => return Err(AbortReason::Subscript),
        };
        self.guard_exact(sym, seen)?;
        let layout = &self.host.layout;
        let (disp, region) = match seen.kind {
            Kind::List => (layout.size, Region::ListHead),
            Kind::ByteArray | Kind::Array | Kind::Deque => (layout.size, Region::BytesHead),
            Kind::Tuple | Kind::Bytes => (layout.size, Region::Fixed),
            Kind::Str => (layout.str_length, Region::Fixed),
            Kind::Dict | Kind::Set | Kind::FrozenSet => return Ok(self.count_items(val, seen.kind)),
            _ => return Err(AbortReason::Call("len() of this type")),
        };
        Ok(self.e.load_length(val, disp, region))
    }

    /// The object behind a symbol that stands for one.
    pub(super) fn object(&mut self, sym: &Sym) -> Step<Val> {
        match sym {
            Sym::Obj(val, _) => Ok(*val),
            Sym::Const(operand) => Ok(self.e.object(operand.object, operand.ty)),
            _ => Err(AbortReason::Inconsistent("no object")),
        }
    }

    /// The index as it is used, guarded to lie within the container.
    pub(super) fn index(&mut self, index: &Sym, seen: Operand, length: Val) -> Step<Val> {
        if !matches!(self.number(index, seen), Number::Int | Number::Bool) {
            return Err(AbortReason::Subscript);
        }
        let val = self.as_int(index, seen)?;
        let snap = self.snap();
        let negative = self.e.constant_of(val).map_or((seen.bits as i64) < 0, |bits| (bits as i64) < 0);
        let val = if negative {
            let zero = self.e.int(0);
            self.e.pure(Uop::guard_lt_int, &[val, zero], 0, 0, Some(snap));
            self.e.pure(Uop::wrap_add_int, &[length, val], 0, 0, None)
        } else {
            val
        };
        self.e.pure(Uop::guard_index, &[val, length], 0, 0, Some(snap));
        Ok(val)
    }

    pub(super) fn subscript(&mut self, event: &Event) -> Step<()> {
        if two(event)?[0].kind == Kind::Dict {
            return self.dict_item(event);
        }
        if matches!(two(event)?[0].kind, Kind::Str | Kind::Deque) {
            return self.fetched_item(event);
        }
        if self.list_item()? {
            return Ok(());
        }
        let (index, container) = (self.pop()?, self.pop()?);
        let [seen, seen_index] = two(event)?;
        if let Sym::Tuple(items, _) = &container {
            let length = items.len() as i64;
            let at = match &index {
                Sym::Const(operand) if operand.kind == Kind::Int => operand.bits as i64,
                _ => return Err(AbortReason::Subscript),
            };
            let at = if at < 0 { at + length } else { at };
            let item = usize::try_from(at).ok().and_then(|at| items.get(at)).ok_or(AbortReason::Subscript)?;
            // The tuple lets go of its items; the one that is wanted stays.
            let mut rest: Vec<Sym> = items.to_vec();
            let wanted = item.clone();
            if let Some(slot) = rest.get_mut(at as usize) {
                *slot = Sym::Null;
            }
            // It may be borrowed from one of the others, so it must be known when they go.
            self.push(wanted);
            self.discard(&rest)?;
            return Ok(());
        }
        let length = self.length(&container, seen).map_err(|_| AbortReason::Subscript)?;
        let base = self.object(&container)?;
        let snap = self.snap();
        let layout = self.host.layout.clone();
        let result = match seen.kind {
            Kind::List => {
                let at = self.index(&index, seen_index, length)?;
                let items = self.e.load(Uop::load_raw, base, None, layout.list_items, Region::ListHead, None);
                Sym::Obj(self.e.load(Uop::load_item, items, Some(at), 0, Region::ListItems, Some(snap)), Own::Container)
            }
            Kind::Tuple => {
                let at = self.index(&index, seen_index, length)?;
                let item = self.e.load(Uop::load_item, base, Some(at), layout.tuple_items, Region::Fixed, Some(snap));
                Sym::Obj(item, Own::Container)
            }
            Kind::Bytes => {
                let at = self.index(&index, seen_index, length)?;
                let byte = self.e.load(Uop::load_byte, base, Some(at), layout.bytes_data, Region::Fixed, None);
                self.int_sym(byte)
            }
            Kind::ByteArray => {
                let at = self.index(&index, seen_index, length)?;
                let data = self.e.load(Uop::load_raw, base, None, layout.bytearray_start, Region::BytesHead, None);
                let byte = self.e.load(Uop::load_byte, data, Some(at), 0, Region::BytesItems, None);
                self.int_sym(byte)
            }
            Kind::Array => {
                self.guard_type_code(base, seen)?;
                let at = self.index(&index, seen_index, length)?;
                self.array_item(base, at, seen)?
            }
            _ => return Err(AbortReason::Subscript),
        };
        // The result may be borrowed from the container, so it must be known when that dies.
        self.push(result);
        self.discard(&[container, index])
    }

    /// `container[index]` of a text or a deque, by a function.
    fn fetched_item(&mut self, event: &Event) -> Step<()> {
        let [seen, seen_index] = two(event)?;
        let (index, container) = (self.pop()?, self.pop()?);
        if !matches!(self.number(&index, seen_index), Number::Int | Number::Bool) {
            return Err(AbortReason::Subscript);
        }
        if let Detail::Character(shape) = event.detail
            && !self.general
            && self.host.objects.ascii_chars != 0
            && matches!(container, Sym::Obj(..) | Sym::Const(_))
        {
            return self.character(container, index, seen, seen_index, shape);
        }
        self.guard_exact(&container, seen)?;
        let (base, at) = (self.object(&container)?, self.as_int(&index, seen_index)?);
        let drops = self.guard_discard(&[container, index]);
        let leaf = &self.host.leaf;
        let function = if seen.kind == Kind::Deque { leaf.deque_item } else { leaf.text_item };
        let snap = self.raise_snap();
        let val = self.e.effect(Uop::call_index, &[base, at], 0, function, Region::Fixed, Some(snap));
        if seen.kind == Kind::Str {
            self.e.set_type(val, seen.ty);
        }
        self.push(Sym::Obj(val, Own::Owned));
        self.drop_all(&drops);
        Ok(())
    }

    pub(super) fn store_subscript(&mut self, event: &Event) -> Step<()> {
        if event.operands.get(1).is_some_and(|seen| seen.kind == Kind::Dict) {
            return self.store_dict_item(event);
        }
        if self.store_list_item(event)? {
            return Ok(());
        }
        self.own_numbers(3, event)?;
        let (index, container, value) = (self.pop()?, self.pop()?, self.pop()?);
        let [seen_value, seen, seen_index, seen_old] = match event.operands.as_slice() {
            [a, b, c, d, ..] => [*a, *b, *c, *d],
            _ => return Err(AbortReason::Inconsistent("missing operands")),
        };
        let layout = self.host.layout.clone();
        match seen.kind {
            Kind::List => {
                let length = self.length(&container, seen)?;
                let base = self.object(&container)?;
                let at = self.index(&index, seen_index, length)?;
                let snap = self.snap();
                let items = self.e.load(Uop::load_raw, base, None, layout.list_items, Region::ListHead, None);
                let old = self.e.load(Uop::load_item, items, Some(at), 0, Region::ListItems, Some(snap));
                let drops = self.guard_kept_beside(&[container, index], old, seen_old, &value);
                self.replace(
                    items,
                    Some(at),
                    0,
                    Region::ListItems,
                    &value,
                    seen_value,
                    old,
                    seen_old,
                    seen_old.bits == 1,
                )?;
                self.drop_all(&drops);
            }
            Kind::ByteArray => {
                if !matches!(self.number(&value, seen_value), Number::Int | Number::Bool) {
                    return Err(AbortReason::StoreSubscript);
                }
                let length = self.length(&container, seen)?;
                let base = self.object(&container)?;
                let at = self.index(&index, seen_index, length)?;
                let byte = self.as_int(&value, seen_value)?;
                let snap = self.snap();
                let data = self.e.load(Uop::load_raw, base, None, layout.bytearray_start, Region::BytesHead, None);
                let drops = self.guard_discard(&[container, index, value]);
                self.e.store(Uop::store_byte, data, Some(at), byte, 0, Region::BytesItems, Some(snap));
                self.drop_all(&drops);
            }
            Kind::Array => {
                let length = self.length(&container, seen)?;
                let base = self.object(&container)?;
                self.guard_type_code(base, seen)?;
                let at = self.index(&index, seen_index, length)?;
                self.store_array_item(base, at, value, seen_value, seen, vec![container, index])?;
            }
            _ => return Err(AbortReason::StoreSubscript),
        }
        Ok(())
    }

    /// Replaces a reference in the heap: the exits, then the new object, the store, and the old one's drop.
    ///
    /// A number that replaces one of its type which nobody else holds is written into the old object: nobody can
    /// tell it from a new one at the same address. `sole` says whether that is what was seen.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn replace(
        &mut self,
        base: Val,
        index: Option<Val>,
        disp: i32,
        region: Region,
        value: &Sym,
        seen: Operand,
        old: Val,
        seen_old: Operand,
        sole: bool,
    ) -> Step<()> {
        let store = if index.is_some() { Uop::store_item } else { Uop::store_obj };
        let snap = self.snap();
        if let Sym::Float(val, id) = value
            && seen_old.kind == Kind::Float
            && self.uses(*id) == 0
            && !self.is_borrowed(self.host.objects.float)
        {
            self.e.guard_type(old, seen_old.ty, snap);
            let float_disp = self.host.layout.float_value;
            if sole && !self.general {
                self.e.effect(Uop::guard_last, &[old], 0, 0, Region::Counts, Some(snap));
                self.e.effect(Uop::store_float, &[old, *val], float_disp, 0, Region::Fixed, None);
                let renamed = self.e.effect(Uop::renamed, &[old], 0, 0, Region::Fixed, None);
                self.learn_float(renamed, *val);
                self.e.learn_store(base, index, renamed, disp, region);
            } else {
                let (raise, function) = (self.raise_snap(), self.host.functions.renew_float);
                let new = self.e.effect(Uop::renew_float, &[*val, old], 0, function, Region::Counts, Some(raise));
                self.learn_float(new, *val);
                self.e.store(store, base, index, new, disp, region, None);
            }
            return Ok(());
        }
        if let Sym::Int(val, id) = value
            && sole
            && seen_old.kind == Kind::Int
            && !is_small(seen)
            && self.uses(*id) == 0
            && !self.is_borrowed(self.host.objects.int)
        {
            self.e.guard_type(old, seen_old.ty, snap);
            let (raise, function) = (self.raise_snap(), self.host.functions.renew_int);
            let new = self.e.effect(Uop::renew_int, &[*val, old], 0, function, Region::Counts, Some(raise));
            self.e.set_type(new, seen_old.ty);
            self.know_number(new, value);
            self.e.store(store, base, index, new, disp, region, None);
            return Ok(());
        }
        self.guard_drop(old, seen_old);
        let new = self.owned_object(value, seen)?;
        // The heap's reference goes away: whoever borrowed a plain object from there needs one of its own.
        self.own_borrowed();
        self.e.store(store, base, index, new, disp, region, None);
        self.drop_all(&[old]);
        Ok(())
    }

    /// Whether a slot borrows an object of this type, or what may be one, from a container: it would see a change of that object,
    /// and it cannot get a reference of its own before the guard that nobody else holds it, which is an exit.
    fn is_borrowed(&mut self, ty: u64) -> bool {
        let mut borrowed = Vec::new();
        self.visit_syms(&mut |sym| {
            if let Sym::Obj(val, Own::Container) = sym {
                borrowed.push(*val);
            }
        });
        borrowed.into_iter().any(|val| self.e.type_of(val).is_none_or(|known| known == ty))
    }

    /// Before a store of the stack's nth value from the top: where that is a number that may go into an old one's place, whoever
    /// borrows such a number gets a reference, so that the old one is known to be held.
    pub(super) fn own_numbers(&mut self, nth: u32, event: &Event) -> Step<()> {
        let Some(old) = event.operands.last() else { return Ok(()) };
        let replaces = match self.peek(nth)? {
            Sym::Float(..) => old.kind == Kind::Float,
            Sym::Int(..) => old.kind == Kind::Int && old.bits == 1,
            _ => false,
        };
        if replaces && self.is_borrowed(old.ty) {
            self.own_before(event.offset);
        }
        Ok(())
    }

    fn learn_float(&mut self, object: Val, value: Val) {
        self.e.set_type(object, self.host.objects.float);
        let disp = self.host.layout.float_value;
        self.e.heap().learn(Region::Fixed, crate::opt::heap::Place { base: object, index: None, disp }, value);
    }

    pub(super) fn build_tuple(&mut self, count: u32) -> Step<()> {
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        if items.contains(&Sym::Null) {
            return Err(AbortReason::Inconsistent("null in a tuple"));
        }
        let id = self.new_box();
        self.push(Sym::Tuple(Rc::new(items), id));
        Ok(())
    }

    pub(super) fn unpack(&mut self, count: u32, event: &Event) -> Step<()> {
        let seen = one(event)?;
        let sequence = self.pop()?;
        if let Sym::Tuple(items, _) = &sequence {
            if items.len() != count as usize {
                return Err(AbortReason::Unpack);
            }
            for item in items.iter().rev() {
                self.push(item.clone());
            }
            return Ok(());
        }
        if let Some(items) = self.items_of(&sequence) {
            let items: Vec<Sym> = items.iter().map(Self::duplicate).collect();
            items.into_iter().rev().for_each(|item| self.push(item));
            return self.discard(&[sequence]);
        }
        let length = self.length(&sequence, seen).map_err(|_| AbortReason::Unpack)?;
        let base = self.object(&sequence)?;
        let snap = self.snap();
        let layout = self.host.layout.clone();
        let wanted = self.e.int(count as i64);
        self.e.pure(Uop::guard_eq_int, &[length, wanted], 0, 0, Some(snap));
        let mut items = Vec::new();
        for i in 0..count as i32 {
            let item = match seen.kind {
                Kind::Tuple => {
                    self.e.load(Uop::load_obj, base, None, layout.tuple_items + 8 * i, Region::Fixed, Some(snap))
                }
                Kind::List => {
                    let data = self.e.load(Uop::load_raw, base, None, layout.list_items, Region::ListHead, None);
                    let at = self.e.int(i as i64);
                    self.e.load(Uop::load_item, data, Some(at), 0, Region::ListItems, Some(snap))
                }
                _ => return Err(AbortReason::Unpack),
            };
            items.push(Sym::Obj(item, Own::Container));
        }
        for item in items.into_iter().rev() {
            self.push(item);
        }
        // Nobody need ask how it dies: all that it holds has got references of the stack by then.
        let mut drops = std::mem::take(&mut self.shells);
        if let Sym::Obj(val, Own::Owned) = sequence
            && !self.hand_over(val, Own::Virtual)
        {
            drops.push(val);
        }
        self.drop_all(&drops);
        Ok(())
    }

    /// Whether membership in a tuple may become comparisons of numbers.
    fn is_small_tuple_of_numbers(&self, container: &Sym) -> bool {
        match container {
            Sym::Tuple(items, _) => {
                let number = |item: &Sym| match item {
                    Sym::Int(..) => true,
                    Sym::Const(operand) => operand.kind == Kind::Int,
                    _ => false,
                };
                items.len() <= CONTAINS_LIMIT && items.iter().all(number)
            }
            Sym::Const(operand) => {
                self.rec.tuples.get(&operand.object).is_some_and(|items| {
                    items.len() <= CONTAINS_LIMIT && items.iter().all(|item| item.kind == Kind::Int)
                })
            }
            _ => false,
        }
    }

    /// `x in (1, 2, 3)` for numbers, guarding the outcome that was seen.
    pub(super) fn contains(&mut self, inverted: bool, event: &Event) -> Step<()> {
        if matches!(two(event)?[1].kind, Kind::Dict | Kind::Set | Kind::FrozenSet) {
            return self.key_in(inverted, event);
        }
        let [needle, container] = [self.peek(2)?, self.peek(1)?];
        let numbers =
            matches!(container, Sym::Tuple(..) | Sym::Const(_)) && matches!(needle, Sym::Int(..) | Sym::Obj(..));
        if !numbers || !self.is_small_tuple_of_numbers(&container) || two(event)?[0].kind != Kind::Int {
            return self.value_in(inverted, event);
        }
        let (container, needle) = (self.pop()?, self.pop()?);
        let [seen_needle, _] = two(event)?;
        let rec = self.rec;
        let items: Vec<Sym> = match &container {
            Sym::Tuple(items, _) => items.to_vec(),
            Sym::Const(operand) => rec
                .tuples
                .get(&operand.object)
                .ok_or(AbortReason::Contains)?
                .iter()
                .map(|item| Sym::Const(*item))
                .collect(),
            _ => return Err(AbortReason::Contains),
        };
        if items.len() > CONTAINS_LIMIT || self.number(&needle, seen_needle) != Number::Int {
            return Err(AbortReason::Contains);
        }
        let x = self.as_int(&needle, seen_needle)?;
        let mut any: Option<Val> = None;
        for item in &items {
            let item = match item {
                Sym::Int(val, _) => *val,
                Sym::Const(operand) if operand.kind == Kind::Int => self.e.int(operand.bits as i64),
                _ => return Err(AbortReason::Contains),
            };
            let equal = self.e.pure(Uop::eq_int, &[x, item], 0, 0, None);
            any = Some(match any {
                Some(before) => self.e.pure(Uop::or_int, &[before, equal], 0, 0, None),
                None => equal,
            });
        }
        let mut truth = match any {
            Some(val) => val,
            None => self.e.int(0),
        };
        if inverted {
            let one = self.e.int(1);
            truth = self.e.pure(Uop::xor_int, &[truth, one], 0, 0, None);
        }
        self.discard(&[container, needle])?;
        self.push(Sym::Bool(truth));
        Ok(())
    }
}
