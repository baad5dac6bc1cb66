//! Instances that are not made.
//!
//! A vector that is added to another one is an object that lives for an expression. What a trace needs of it are its attributes, which it
//! has in registers. So the call of a class describes the new instance ([`Sym::Instance`]): its class, and what is in each word of it, inline
//! values or slots. Loads and stores of attributes look there, methods are found by the class, and what takes it as an object makes one
//! ([`realize`](super::realize)), as an exit does. Slots that hold the same instance each have a description, like those of a tuple, and
//! a store changes all of them.
//!
//! What holds: inline values are set in the order of their places, which is the order in which a dict of the instance would have them; an
//! instance whose attributes come in another order is made. No part of an instance leads back to it. Its class has no `__del__`, so that
//! nobody sees when it ends, and nobody can have a weak reference to it.
//!
//! Cost: a store looks through all slots of the state.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{GeneralOp, JumpIf, Op};
use crate::event::{Attribute, Detail, Event, Kind, KnownCall, Making, Operand, Shadow};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::{BoxId, Then};
use decal_uops::Uop;
use std::rc::Rc;

/// Where the class is among the parts of an instance: as in memory.
pub(super) const CLASS: usize = 1;

/// Where its values begin. Inline values have a head of a word, which is null here.
pub(super) const FIRST_VALUE: usize = 2;

/// The most words of an instance that is not made: each is in all snapshots.
pub(super) const MOST: usize = 20;

impl Recorder<'_> {
    /// Whether a new instance need not be made. Its class must be kept by something else than the instance.
    pub(super) fn may_be_virtual(&self, making: Making, class: &Sym) -> bool {
        making.bare && matches!(class, Sym::Const(_)) && self.options.optimize && !self.general
    }

    /// Whether dicts of arguments and bound methods need not be made here.
    pub(super) fn describes_builtins(&self) -> bool {
        self.options.optimize && !self.general
    }

    /// Whether instances of this class, made, have references of their own to their parts.
    pub(super) fn is_builtin(&self, class: Operand) -> bool {
        [self.host.leaf.dict, self.host.objects.method].contains(&class.object)
    }

    /// A part of an instance that says what the instance is: the class, the names of arguments, a method's function, a list's room.
    pub(super) fn fixed_part(&self, class: u64, at: usize, object: u64) -> Option<Sym> {
        let objects = &self.host.objects;
        if at == 0 && class == objects.list {
            return Some(self.room_constant(object));
        }
        let (ty, kind) = match at.checked_sub(FIRST_VALUE) {
            None => return (at == CLASS).then(|| class_part(object)),
            Some(value) if class == self.host.leaf.dict && value % 2 == 0 => (objects.str_, Kind::Str),
            Some(0) if class == objects.method => (objects.function, Kind::Function),
            Some(_) => return None,
        };
        Some(Sym::Const(Operand { object, ty, kind, bits: 0 }))
    }

    /// An instance without attributes.
    pub(super) fn describe_instance(&mut self, class: u64) -> Sym {
        describe(class, Vec::new(), self.new_box())
    }

    /// Before an instruction: instances that it could not take as they are become objects, and so does what has many parts in each
    /// other and is about to become a part itself.
    pub(super) fn settle_instances(&mut self, event: &Event) -> Step<()> {
        if !self.here().stack.iter().any(|sym| matches!(sym, Sym::Instance(..) | Sym::Tuple(..))) {
            return Ok(());
        }
        let (taken, nests) = match event.op {
            Op::BuildTuple(count) | Op::BuildList(count) => (count, true),
            op => (
                op.taken(),
                matches!(op, Op::StoreAttr { .. } | Op::StoreSubscript | Op::ListAppend(_) | Op::ListExtend(_)),
            ),
        };
        for nth in 1..=taken.min(self.here().stack.len() as u32) {
            let operand = &self.here().stack[self.here().stack.len() - nth as usize];
            if matches!(operand, Sym::Instance(..)) && !self.takes_instance(event, nth) || nests && is_large(operand) {
                self.realize(nth, Operand::NULL)?;
                self.renew_snap(event);
            }
        }
        Ok(())
    }

    /// Whether an instruction knows what to do with an instance that is not made, as its nth operand from the top.
    fn takes_instance(&self, event: &Event, nth: u32) -> bool {
        if let Some(sym) = self.here().stack.iter().rev().nth(nth as usize - 1)
            && (self.is_keywords(sym) || self.is_method(sym))
        {
            return takes_builtin(event, nth);
        }
        if self.list_at(nth).is_some() {
            return self.takes_list(event, nth);
        }
        match (event.op, event.detail) {
            (_, Detail::Special(_) | Detail::Identity(..) | Detail::Truthy(_)) => true,
            (Op::StoreFast(_) | Op::StoreFastLoadFast(..) | Op::PopTop, _) => true,
            // In memory there may be no room between the two for what lets go of the objects before.
            (Op::StoreFastStoreFast(..), _) => self.place(0).is_none(),
            (Op::BuildTuple(_) | Op::BuildList(_) | Op::Is(_), _) => true,
            (Op::StoreSubscript | Op::ListExtend(_), _) => self.goes_into_list(event, nth),
            (Op::PopJump(on, _), _) => matches!(on, JumpIf::None | JumpIf::NotNone),
            // An entry frame's result goes to somebody who wants an object.
            (Op::Return, _) => self.frames.len() > 1 && self.here().generator.is_none(),
            (Op::LoadAttr { method, .. }, Detail::Attribute(attribute)) => match attribute {
                Attribute::Inline { .. } | Attribute::Slot { .. } | Attribute::Constant { .. } => true,
                Attribute::Method { .. } | Attribute::ClassMethod { .. } => method,
                _ => false,
            },
            (Op::StoreAttr { .. }, Detail::Attribute(attribute)) => match nth {
                1 => matches!(attribute, Attribute::Inline { .. } | Attribute::Slot { .. }),
                _ => true,
            },
            (Op::Call(count), Detail::Enter(_) | Detail::New(_)) => nth <= count + 1,
            (Op::CallKw(count), Detail::Enter(_) | Detail::New(_)) => nth <= count + 2,
            (Op::Call(count), Detail::Known(KnownCall::ByType(_))) => nth == count,
            _ => false,
        }
    }

    /// Where Python code may look, or a loop begins or ends: all of them become objects, but for these. `renew` takes a snapshot of the
    /// state.
    pub(super) fn settle_all_instances(&mut self, kept: &[BoxId], renew: &mut impl FnMut(&mut Self)) -> Step<()> {
        loop {
            let mut found = None;
            self.visit_syms(&mut |sym| {
                if matches!(sym, Sym::Instance(_, id) if !kept.contains(id)) {
                    found = Some(sym.clone());
                }
            });
            let Some(Sym::Instance(_, id)) = found else { return Ok(()) };
            renew(self);
            let mut made = Vec::new();
            self.make_parts(id, &mut made)?;
            for (id, whole) in made {
                self.fill(id, whole)?;
            }
            renew(self);
        }
    }

    /// The same at a loop's head, or where the trace ends.
    pub(super) fn settle_instances_at(&mut self, head: u32, kept: &[BoxId]) -> Step<()> {
        self.settle_all_instances(kept, &mut |this| {
            this.snap = this.build_snapshot(head, Then::Resume);
            this.raise_snap = None;
        })
    }

    /// The object of an instance, in which nothing is yet but that it has these parts.
    pub(super) fn allocate_instance(&mut self, class: Operand, parts: &[Sym]) -> Val {
        let has = |(at, part): (usize, &Sym)| i64::from(at >= FIRST_VALUE && *part != Sym::Null) << at;
        let words = parts.iter().enumerate().map(has).fold(0, |words, one| words | one);
        let (object, words, zero) = (self.e.object(class.object, 0), self.e.int(words), self.e.int(0));
        let (snap, function) = (self.raise_snap(), self.host.functions.new_instance_with);
        let args = [object, words, zero, zero];
        let new = self.e.effect(Uop::call_slice, &args, 0, function, Region::Fixed, Some(snap));
        self.e.set_type(new, class.object);
        new
    }

    /// Notes what is in an instance that was just made, by one of its names.
    pub(super) fn know_values(&mut self, instance: Val, words: &[Val]) {
        for (at, val) in words.iter().enumerate().skip(FIRST_VALUE) {
            let place = Place { base: instance, index: None, disp: 8 * at as i32 };
            self.e.heap().learn(Region::Attributes, place, *val);
        }
    }

    /// An attribute of an instance that is not made, which was taken off the stack.
    pub(super) fn load_from_parts(&mut self, owner: Sym, attribute: Attribute, method: bool) -> Step<()> {
        let unstable = AbortReason::Unstable("a constant that was another one");
        let Sym::Instance(parts, _) = &owner else { return Err(AbortReason::Inconsistent("instance")) };
        let result = match attribute {
            Attribute::Inline { disp, .. } | Attribute::Slot { disp } => match parts.get(part_at(disp)) {
                None | Some(Sym::Null) => return Err(unstable),
                Some(part) => Self::duplicate(part),
            },
            Attribute::Constant { value, shadow } => {
                self.guard_lacks(parts, shadow)?;
                Sym::Const(value)
            }
            Attribute::Method { function, shadow } if method => {
                self.guard_lacks(parts, shadow)?;
                self.push(Sym::Const(function));
                self.push(owner);
                return Ok(());
            }
            Attribute::ClassMethod { function, class, shadow } if method => {
                self.guard_lacks(parts, shadow)?;
                self.discard(&[owner])?;
                self.push(Sym::Const(function));
                self.push(Sym::Const(class));
                return Ok(());
            }
            _ => return Err(AbortReason::Inconsistent("attribute")),
        };
        // What its parts own goes to whoever borrows it, so the result must be on the state by then.
        self.push(result);
        if method {
            self.push(Sym::Null);
        }
        self.discard(&[owner])
    }

    /// Guards that an instance that is not made has nothing of its own in place of what its class has.
    pub(super) fn guard_lacks(&mut self, parts: &[Sym], shadow: Shadow) -> Step<()> {
        match shadow {
            Shadow::Nothing | Shadow::NoDict { .. } => Ok(()),
            Shadow::Names { address, names, .. } => {
                let snap = self.snap();
                self.e.pure(Uop::guard_word32, &[], names as i32, address, Some(snap));
                Ok(())
            }
            Shadow::Value { disp, .. } => match parts.get(part_at(disp)) {
                None | Some(Sym::Null) => Ok(()),
                Some(_) => Err(AbortReason::Unstable("a constant that was another one")),
            },
            Shadow::Module { .. } | Shadow::InDict => Err(AbortReason::Inconsistent("attribute")),
        }
    }

    /// Stores an attribute where the owner, on top of the stack, is not made. False where it is made now, so that the store is to be done
    /// as with any other.
    pub(super) fn store_into_parts(&mut self, attribute: Attribute, event: &Event) -> Step<bool> {
        let (owner, value) = (self.peek(1)?, self.peek(2)?);
        let Sym::Instance(parts, id) = &owner else { return Ok(false) };
        let (disp, ordered) = match attribute {
            Attribute::Inline { disp, .. } => (disp, true),
            Attribute::Slot { disp } => (disp, false),
            _ => return Err(AbortReason::Inconsistent("attribute")),
        };
        let at = part_at(disp);
        let old = parts.get(at).cloned().unwrap_or(Sym::Null);
        let in_order = !ordered || old != Sym::Null || at >= parts.len();
        if !in_order || !(FIRST_VALUE..MOST).contains(&at) || !is_part(&value, *id) {
            self.realize(1, Operand::NULL)?;
            self.renew_snap(event);
            return Ok(false);
        }
        let id = *id;
        drop((owner, value));
        let owner = self.pop()?;
        let value = self.pop()?;
        let value = self.lasting(value);
        // The owner goes last, and may be what holds the value's new place: it stays on the state until then.
        self.push(owner);
        let copy = Self::duplicate(&value);
        let (mut replaced, mut value) = (Vec::new(), Some(value));
        let is_it = |sym: &Sym| matches!(sym, Sym::Instance(_, known) if *known == id);
        self.each_sym(is_it, &mut |sym| {
            if let Sym::Instance(parts, _) = sym {
                let parts = Rc::make_mut(parts);
                if parts.len() <= at {
                    parts.resize(at + 1, Sym::Null);
                }
                // One of them owns what the value owned.
                let new = value.take().unwrap_or_else(|| copy.clone());
                replaced.push(std::mem::replace(&mut parts[at], new));
            }
        });
        let owner = self.pop()?;
        replaced.push(owner);
        self.discard(&replaced)?;
        Ok(true)
    }
}

/// Whether an instruction knows what to do with a dict or a bound method that is not made, as its nth operand from the top.
fn takes_builtin(event: &Event, nth: u32) -> bool {
    let enters = matches!(event.detail, Detail::Enter(_));
    let follows = enters || matches!(event.detail, Detail::Generate(_) | Detail::New(_));
    match event.op {
        Op::StoreFast(_) | Op::StoreFastLoadFast(..) | Op::PopTop | Op::General(GeneralOp::DictMerge, _) => true,
        // Named arguments; what is called.
        Op::General(GeneralOp::CallEx, flags) => {
            follows && nth == 1 && flags & 1 != 0 || enters && nth == 3 + (flags & 1)
        }
        Op::Call(count) => enters && nth == count + 2,
        Op::CallKw(count) => enters && nth == count + 3,
        _ => false,
    }
}

/// Parts in each other that what is not made may have to become a part. Whoever goes over the state looks at a part once for each place
/// that it is in: `pair = (pair, pair)` has twice as many in each turn.
const MOST_NESTED: usize = 64;

/// Whether a tuple or an instance that is not made has more parts than that.
fn is_large(sym: &Sym) -> bool {
    fn fits(sym: &Sym, left: &mut usize) -> bool {
        let (Sym::Tuple(parts, _) | Sym::Instance(parts, _)) = sym else { return true };
        let Some(rest) = left.checked_sub(parts.len()) else { return false };
        *left = rest;
        parts.iter().all(|part| fits(part, left))
    }
    !fits(sym, &mut { MOST_NESTED })
}

/// The description of an instance.
pub(super) fn describe(class: u64, values: Vec<Sym>, id: BoxId) -> Sym {
    let mut parts = vec![Sym::Null, class_part(class)];
    parts.extend(values);
    Sym::Instance(Rc::new(parts), id)
}

/// The class of an instance with these parts.
pub(super) fn class_of(parts: &[Sym]) -> Option<Operand> {
    if let Some(Sym::Const(class)) = parts.get(CLASS) { Some(*class) } else { None }
}

/// The class as a part.
fn class_part(class: u64) -> Sym {
    Sym::Const(Operand { object: class, ty: 0, kind: Kind::Type, bits: 0 })
}

/// Which part the word at this displacement is.
fn part_at(disp: i32) -> usize {
    (disp / 8) as usize
}

/// Whether this can be a part of the instance with this identity.
pub(super) fn is_part(sym: &Sym, id: BoxId) -> bool {
    match sym {
        Sym::Obj(_, own) => !matches!(own, Own::StackSlot(_)),
        Sym::Int(..) | Sym::Float(..) | Sym::Bool(_) | Sym::Const(_) => true,
        Sym::Tuple(parts, _) => parts.iter().all(|part| is_part(part, id)),
        Sym::Instance(parts, known) => *known != id && parts.iter().all(|part| *part == Sym::Null || is_part(part, id)),
        Sym::Unchanged | Sym::Null | Sym::Function(..) | Sym::RangeIter(..) | Sym::Gen(_) => false,
    }
}
