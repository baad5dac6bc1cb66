//! Lists that are not made.
//!
//! `[f(x) for x in pair]`, `row = [a, b, c]`: a short list that a turn makes, looks into and drops. It is described like an instance of the class
//! `list` ([`Sym::Instance`]), an item in each word behind the class. Loads, stores and appends look there where the trace knows the index,
//! which it does where a loop of a few turns was followed to its end (see [`Sums`](crate::opt::sums::Sums) for indices that are computed).
//! What takes the list as an object makes one ([`realize`](super::realize)), as an exit does.
//!
//! What holds: a list made later looks like CPython's own, for whom `sys.getsizeof` is asked too: one that has grown by appends has room
//! behind its items. How much is known all the time ([`Room`]), and is the first word, which an instance has null.
//!
//! Limits: as many items as there are words ([`MOST`]), less where the list goes around a loop ([`carried_instances`](super::carried_instances)).
//! Iterating over it makes it.

use super::virtual_instances::{FIRST_VALUE, MOST, class_of, describe, is_part};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{JumpIf, Op};
use crate::event::{Attribute, Detail, Event, Kind, KnownCall, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::BoxId;
use decal_uops::Uop;
use std::rc::Rc;

/// The most items.
const MOST_ITEMS: usize = MOST - FIRST_VALUE;

/// Bytes of a small `int` in the interpreter's table.
const SMALL_INT: u64 = 32;

/// For how many items a list has memory: null where it has as much as it needs.
///
/// CPython's rules (`list_resize` and `list_preallocate_exact` in its `Objects/listobject.c`), which are those of 3.13.
#[derive(Clone, Copy)]
struct Room(usize);

impl Room {
    /// After an append to a list of so many items, or after more than one that come at once.
    fn grown(self, length: usize, more: usize) -> Room {
        let size = length + more;
        if more == 0 || self.0 >= size && size >= self.0 / 2 {
            return self;
        }
        if self.0 == 0 && more > 1 {
            return Room(size.next_multiple_of(2));
        }
        let room = (size + (size >> 3) + 6) & !3;
        Room(if more > room - size { size.next_multiple_of(4) } else { room })
    }
}

impl Recorder<'_> {
    /// Whether this is a list that was not made.
    pub(super) fn is_list(&self, sym: &Sym) -> bool {
        let Sym::Instance(parts, _) = sym else { return false };
        class_of(parts).is_some_and(|class| class.object == self.host.objects.list)
    }

    /// The list on the stack that was not made, the nth from the top.
    pub(super) fn list_at(&self, nth: u32) -> Option<(&Rc<Vec<Sym>>, BoxId)> {
        let stack = &self.here().stack;
        match stack.get(stack.len().checked_sub(nth as usize)?)? {
            sym @ Sym::Instance(parts, id) if self.is_list(sym) => Some((parts, *id)),
            _ => None,
        }
    }

    /// The items of such a list.
    pub(super) fn items_of<'s>(&self, sym: &'s Sym) -> Option<&'s [Sym]> {
        match sym {
            Sym::Instance(parts, _) if self.is_list(sym) => parts.get(FIRST_VALUE..),
            _ => None,
        }
    }

    /// Whether an instruction knows what to do with a list that is not made, as its nth operand from the top.
    pub(super) fn takes_list(&self, event: &Event, nth: u32) -> bool {
        match (event.op, event.detail) {
            (Op::StoreFast(_) | Op::StoreFastLoadFast(..) | Op::PopTop, _) => true,
            (Op::StoreFastStoreFast(..), _) => self.place(0).is_none(),
            (Op::BuildTuple(_) | Op::BuildList(_) | Op::Is(_) | Op::ListToTuple, _) => true,
            (Op::ToBool, _) => true,
            (Op::PopJump(on, _), _) => matches!(on, JumpIf::None | JumpIf::NotNone),
            (Op::Return, _) => self.frames.len() > 1 && self.here().generator.is_none(),
            (Op::StoreAttr { .. }, Detail::Attribute(attribute)) => {
                nth == 2 && matches!(attribute, Attribute::Inline { .. } | Attribute::Slot { .. })
            }
            (Op::Call(count), Detail::Enter(_) | Detail::New(_)) => nth <= count,
            (Op::CallKw(count), Detail::Enter(_) | Detail::New(_)) => (2..=count + 1).contains(&nth),
            (Op::Call(1), Detail::Known(KnownCall::Len)) => nth == 1,
            (Op::Call(count), Detail::Known(KnownCall::ByType(_))) => nth == count,
            (Op::Subscript | Op::StoreSubscript, _) if nth == 2 => self.knows_item(event),
            (Op::StoreSubscript | Op::ListExtend(_), _) => self.goes_into_list(event, nth),
            (Op::UnpackSequence(count), _) => {
                self.list_at(nth).is_some_and(|(parts, _)| parts.len() - FIRST_VALUE == count as usize)
            }
            _ => false,
        }
    }

    /// Whether an instruction puts its nth operand from the top into a list that is not made.
    pub(super) fn goes_into_list(&self, event: &Event, nth: u32) -> bool {
        match event.op {
            Op::StoreSubscript => nth == 3 && self.knows_item(event),
            Op::ListExtend(at) => nth == 1 && self.list_at(at + 1).is_some(),
            _ => false,
        }
    }

    /// Whether an item of such a list is asked for, or replaced, of which the trace knows which one it is. What was seen may have been something
    /// else, a turn before.
    fn knows_item(&self, event: &Event) -> bool {
        let seen = event.operands.get(if event.op == Op::Subscript { 0 } else { 1 });
        seen.is_some_and(|seen| seen.kind == Kind::List) && self.item_index(1, 2).is_some()
    }

    /// The index on the stack, where it is known and there is such an item: both are counted from the top.
    fn item_index(&self, index: u32, list: u32) -> Option<usize> {
        let (parts, _) = self.list_at(list)?;
        let length = parts.len() - FIRST_VALUE;
        let stack = &self.here().stack;
        let at = match stack.get(stack.len().checked_sub(index as usize)?)? {
            Sym::Const(operand) if operand.kind == Kind::Int => operand.bits as i64,
            Sym::Int(val, _) => self.e.constant_of(*val)? as i64,
            _ => return None,
        };
        let at = if at < 0 { at.checked_add(length as i64)? } else { at };
        usize::try_from(at).ok().filter(|at| *at < length)
    }

    /// Describes a new list of the topmost values. False where it is to be made.
    pub(super) fn describe_list(&mut self, count: u32) -> Step<bool> {
        let stack = &self.here().stack;
        let items = stack.len().checked_sub(count as usize).and_then(|first| stack.get(first..));
        let items = items.ok_or(AbortReason::Inconsistent("short stack"))?;
        let id = BoxId(0);
        if !self.describes_builtins() || items.len() > MOST_ITEMS || !items.iter().all(|item| is_part(item, id)) {
            return Ok(false);
        }
        let items = self.pop_many(count as usize)?;
        let list = describe(self.host.objects.list, items, self.new_box());
        self.push(list);
        Ok(true)
    }

    /// `list[index]`, both on the stack. False where the list exists.
    pub(super) fn list_item(&mut self) -> Step<bool> {
        let Some(at) = self.item_index(1, 2) else { return Ok(false) };
        let (index, list) = (self.pop()?, self.pop()?);
        let item = self.items_of(&list).and_then(|items| items.get(at)).map(Self::duplicate);
        // It may be the list that holds it, so it must be known when that goes.
        self.push(item.ok_or(AbortReason::Subscript)?);
        self.discard(&[list, index])?;
        Ok(true)
    }

    /// `list[index] = value`, all on the stack. False where the list exists, by now.
    pub(super) fn store_list_item(&mut self, event: &Event) -> Step<bool> {
        let Some((_, id)) = self.list_at(2) else { return Ok(false) };
        let value = self.peek(3)?;
        let Some(at) = self.item_index(1, 2).filter(|_| is_part(&value, id)) else {
            self.realize(2, Operand::NULL)?;
            self.renew_snap(event);
            return Ok(false);
        };
        drop(value);
        let (index, list, value) = (self.pop()?, self.pop()?, self.pop()?);
        // The list may be what holds the value: it stays on the state until the value has its place.
        self.push(list);
        let mut replaced = self.put_items(id, FIRST_VALUE + at, vec![value], None);
        let list = self.pop()?;
        replaced.extend([list, index]);
        self.discard(&replaced)?;
        Ok(true)
    }

    /// Appends the top of the stack to the list that is the nth behind it. False where that exists, by now.
    ///
    /// A list that gets tuples, or instances, is one to go over later, and all their parts would have to be kept until then: pyperformance's
    /// raytrace became slower by a fifth.
    pub(super) fn append_to_list(&mut self, nth: u32, event: &Event) -> Step<bool> {
        let value = self.peek(1)?;
        if matches!(value, Sym::Tuple(..)) && self.list_at(nth + 1).is_some() {
            return self.make_list(nth + 1, event).map(|()| false);
        }
        self.add_items(nth, vec![value], event)
    }

    /// Appends all that is in the tuple or list on top of the stack. False where that cannot be looked into, or the list exists by now.
    pub(super) fn extend_list(&mut self, nth: u32, event: &Event) -> Step<bool> {
        if self.list_at(nth + 1).is_none() {
            return Ok(false);
        }
        let items: Vec<Sym> = match &self.peek(1)? {
            Sym::Tuple(items, _) => items.iter().map(Self::duplicate).collect(),
            Sym::Const(tuple) => self
                .rec
                .tuples
                .get(&tuple.object)
                .map(|items| items.iter().map(|item| Sym::Const(*item)).collect())
                .unwrap_or_default(),
            other => self.items_of(other).unwrap_or_default().iter().map(Self::duplicate).collect(),
        };
        // That of an empty one is done in any way.
        if items.is_empty() {
            self.make_list(nth + 1, event).map(|()| false)
        } else {
            self.add_items(nth, items, event)
        }
    }

    /// Adds items, which stand for the top of the stack, to the list that is the nth behind that.
    fn add_items(&mut self, nth: u32, items: Vec<Sym>, event: &Event) -> Step<bool> {
        let Some((parts, id)) = self.list_at(nth + 1) else { return Ok(false) };
        let room = self.room_of(parts).grown(parts.len() - FIRST_VALUE, items.len());
        let (end, fits) = (parts.len(), parts.len() + items.len() <= MOST);
        let room = self.room_part(room).filter(|_| fits && items.iter().all(|item| is_part(item, id)));
        let Some(room) = room else { return self.make_list(nth + 1, event).map(|()| false) };
        let top = self.pop()?;
        let items = if items.len() == 1 && matches!(event.op, Op::ListAppend(_)) { vec![top.clone()] } else { items };
        let rest = if matches!(event.op, Op::ListAppend(_)) { Vec::new() } else { vec![top] };
        self.put_items(id, end, items, Some(room));
        self.discard(&rest)?;
        Ok(true)
    }

    fn make_list(&mut self, nth: u32, event: &Event) -> Step<()> {
        self.realize(nth, Operand::NULL)?;
        self.renew_snap(event);
        Ok(())
    }

    /// Puts items into all descriptions of a list, from the part with this number on, and says how much room there is. One of them owns
    /// what the items own. Gives what was there.
    fn put_items(&mut self, list: BoxId, from: usize, items: Vec<Sym>, room: Option<Sym>) -> Vec<Sym> {
        let copies: Vec<Sym> = items.iter().map(Self::duplicate).collect();
        let (mut replaced, mut items) = (Vec::new(), Some(items));
        let is_it = |sym: &Sym| matches!(sym, Sym::Instance(_, known) if *known == list);
        self.each_sym(is_it, &mut |sym| {
            let Sym::Instance(parts, _) = sym else { return };
            let parts = Rc::make_mut(parts);
            for (at, item) in (from..).zip(items.take().unwrap_or_else(|| copies.clone())) {
                match parts.get_mut(at) {
                    Some(part) => replaced.push(std::mem::replace(part, item)),
                    None => parts.push(item),
                }
            }
            if let (Some(room), Some(head)) = (&room, parts.first_mut()) {
                *head = room.clone();
            }
        });
        replaced
    }

    /// `list -- tuple`, where the list is not used any more.
    pub(super) fn list_as_tuple(&mut self) -> Step<bool> {
        let Some((parts, id)) = self.list_at(1) else { return Ok(false) };
        if self.uses(id) != 1 {
            return Ok(false);
        }
        let items = parts[FIRST_VALUE..].to_vec();
        let tuple = Sym::Tuple(Rc::new(items), self.new_box());
        self.top_stack().pop();
        self.push(tuple);
        Ok(true)
    }

    /// A list of these parts for as many items as it has room for, in which nothing is yet.
    pub(super) fn allocate_list(&mut self, parts: &[Sym]) -> Val {
        let (length, room) = (parts.len() - FIRST_VALUE, self.room_of(parts).0);
        // Never the function that makes a list at once: a trace that is verified comes to that earlier.
        let (function, packed) = (self.host.functions.new_grown_list, length | room << 32);
        let (snap, packed) = (self.raise_snap(), self.e.int(packed as i64));
        let list = self.e.effect(Uop::new_sequence, &[packed], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(list, self.host.objects.list);
        list
    }

    /// Where the items of a list that was just made are.
    pub(super) fn items_memory(&mut self, list: Val) -> Val {
        self.e.load(Uop::load_raw, list, None, self.host.layout.list_items, Region::ListHead, None)
    }

    fn room_of(&self, parts: &[Sym]) -> Room {
        match parts.first() {
            Some(Sym::Const(room)) => Room(room.bits as usize),
            _ => Room(parts.len() - FIRST_VALUE),
        }
    }

    /// How much room there is, as a part; none where the interpreter has no table of small numbers.
    fn room_part(&self, room: Room) -> Option<Sym> {
        let objects = &self.host.objects;
        let object = objects.small_ints + (room.0 as u64 + 5) * SMALL_INT;
        (objects.small_ints != 0 && room.0 <= 256).then(|| self.room_constant(object))
    }

    /// The first part of a list, by the address of the number.
    pub(super) fn room_constant(&self, object: u64) -> Sym {
        let objects = &self.host.objects;
        let bits = object.wrapping_sub(objects.small_ints) / SMALL_INT;
        Sym::Const(Operand { object, ty: objects.int, kind: Kind::Int, bits: bits.wrapping_sub(5) })
    }
}
