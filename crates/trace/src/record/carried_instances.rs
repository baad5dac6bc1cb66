//! Instances that are not made, and go around a loop.
//!
//! A local that gets a new instance in each turn has one when the turn ends, though the next turn asks for nothing of it. The label carries such
//! an instance by its attributes, a phi for each, where all of them are numbers, constants, objects that exist, or other such
//! instances. A part has a name like that of the slot that the instance is in ([`part_slot`]).
//!
//! What holds at the label and where code jumps there: the first description of the instance owns a reference to each object among its
//! parts, which nobody else borrows. Instances that cannot go around are made before the label.
//!
//! Cost: the slots of the state for each object among the parts.

use super::label::Slot;
use super::state::{Own, PER_FRAME};
use super::virtual_instances::{FIRST_VALUE, class_of};
use super::{LabelState, Recorder, Step, Sym};
use crate::ir::Val;
use crate::snapshot::{BoxId, Then};
use std::rc::Rc;

/// An instance within another one is the last that has names for its parts.
const LEVELS: usize = 2;

/// Bits of a slot's number for a part of each level. An instance has fewer words.
const LEVEL_BITS: u32 = 5;

/// The most items of a list that goes around: each takes a register, or a move to memory and back.
const MOST_CARRIED: usize = 8;

/// A part that a label carries.
pub(super) struct CarriedPart {
    /// Of this instance.
    instance: BoxId,
    /// Which one.
    at: usize,
    /// Its name.
    pub(super) slot: Slot,
    /// What it is.
    pub(super) sym: Sym,
}

impl CarriedPart {
    /// Whether it is of the same instance, met in another slot.
    pub(super) fn is_same(&self, other: &CarriedPart) -> bool {
        (self.instance, self.at) == (other.instance, other.at)
    }
}

/// The parts of an instance in a slot, and of those within it.
pub(super) fn carried_parts(slot: Slot, instance: BoxId, parts: &[Sym]) -> Vec<CarriedPart> {
    let mut all = Vec::new();
    for (at, sym) in parts.iter().enumerate().skip(FIRST_VALUE) {
        let slot = part_slot(slot, at);
        match sym {
            Sym::Instance(parts, inner) => all.extend(carried_parts(slot, *inner, parts)),
            sym => all.push(CarriedPart { instance, at, slot, sym: sym.clone() }),
        }
    }
    all
}

/// Names a part of the instance in a slot, or in such a part of another one.
pub(super) fn part_slot((frame, stack, index): Slot, at: usize) -> Slot {
    let unit = if index < PER_FRAME { PER_FRAME } else { PER_FRAME << LEVEL_BITS };
    (frame, stack, index + at as u32 * unit)
}

/// Whether a slot is such a name.
pub(super) fn is_part(slot: Slot) -> bool {
    slot.2 >= PER_FRAME
}

impl Recorder<'_> {
    /// Instances that a label can carry in slots that `may` be such: locals, and operand stacks of frames that do not exist.
    pub(super) fn carried_instances(&self, may: impl Fn(&Self, Slot) -> bool) -> Vec<BoxId> {
        let (mut kept, mut refused, mut within): (Vec<BoxId>, Vec<BoxId>, Vec<(BoxId, BoxId)>) = Default::default();
        self.visit_places(&mut |sym, place| {
            let Sym::Instance(_, id) = sym else { return };
            within.extend(place.map(|(holder, _)| (*id, holder)));
            if !kept.contains(id) {
                kept.push(*id);
            }
        });
        for (slot, sym) in self.slots() {
            let Sym::Instance(_, id) = sym else { continue };
            let of_generator = self.frames.get(slot.0 as usize).is_none_or(|frame| frame.generator.is_some());
            if of_generator || slot.0 == 0 && slot.1 || !self.can_go_around(&sym, LEVELS) || !may(self, slot) {
                refused.push(id);
            }
        }
        // One that is made has objects only, and is had by objects that are made.
        loop {
            let before = kept.len();
            kept.retain(|id| !refused.contains(id));
            let holds = |(inner, holder): &(BoxId, BoxId)| kept.contains(inner) != kept.contains(holder);
            refused.extend(within.iter().filter(|pair| holds(pair)).flat_map(|(inner, holder)| [*inner, *holder]));
            if kept.len() == before && kept.iter().all(|id| !refused.contains(id)) {
                return kept;
            }
        }
    }

    /// Whether an instance has parts that can go around a loop, with so many levels of instances.
    fn can_go_around(&self, sym: &Sym, levels: usize) -> bool {
        match sym {
            Sym::Int(..) | Sym::Float(..) | Sym::Bool(_) | Sym::Const(_) | Sym::Null => true,
            // What the trace knows of iterators and generators goes by their names.
            Sym::Obj(val, _) => self.iters.iter().all(|iter| iter.iterator != *val) && self.frame_of(sym).is_none(),
            Sym::Instance(parts, _) if class_of(parts).is_some_and(|class| self.is_builtin(class)) => false,
            Sym::Instance(parts, _) if self.is_list(sym) && parts.len() > FIRST_VALUE + MOST_CARRIED => false,
            Sym::Instance(parts, _) if levels > 0 => parts.iter().all(|part| self.can_go_around(part, levels - 1)),
            _ => false,
        }
    }

    /// Those that a label carries in the same slots.
    pub(super) fn instances_of(&self, label: &LabelState) -> Vec<BoxId> {
        self.carried_instances(|_, slot| label.has_instance(slot))
    }

    /// Gives the first description of each of these instances a reference of its own to each object that it has, which nobody borrows:
    /// what the next turn has there is another one.
    pub(super) fn own_parts(&mut self, kept: &[BoxId], head: u32) -> Step<()> {
        if kept.is_empty() {
            return Ok(());
        }
        for id in kept {
            let count = self.parts_of(*id)?.0.len();
            for at in FIRST_VALUE..count {
                let Some(Sym::Obj(val, _)) = self.parts_of(*id)?.0.get(at).cloned() else { continue };
                let (mut owned, mut shared) = (false, false);
                self.visit_places(&mut |sym, place| match sym {
                    Sym::Obj(_, own) if place == Some((*id, at)) => owned |= *own == Own::Owned,
                    Sym::Obj(known, _) => shared |= *known == val,
                    _ => {}
                });
                let name = if owned && !shared { val } else { self.another(val) };
                let mut replaced = false;
                self.set_part(*id, at, &mut |part, own| {
                    replaced |= matches!(part, Sym::Obj(_, Own::Owned));
                    Sym::Obj(name, own)
                });
                if name != val && replaced && !self.hand_over(val, Own::Virtual) {
                    self.decref_plain(val);
                }
            }
        }
        self.snap = self.build_snapshot(head, Then::Resume);
        self.raise_snap = None;
        Ok(())
    }

    /// Behind the label a part is this phi, with this identity where it is a number.
    pub(super) fn carry_part(&mut self, part: &CarriedPart, phi: Val, id: BoxId) {
        self.set_part(part.instance, part.at, &mut |part, own| match part {
            Sym::Float(..) => Sym::Float(phi, id),
            Sym::Bool(_) => Sym::Bool(phi),
            Sym::Obj(..) => Sym::Obj(phi, own),
            _ => Sym::Int(phi, id),
        });
    }

    /// Replaces a part in all descriptions of an instance. The first of them may own what is put there.
    fn set_part(&mut self, instance: BoxId, at: usize, new: &mut impl FnMut(&Sym, Own) -> Sym) {
        let mut own = Own::Owned;
        let is_it = |sym: &Sym| matches!(sym, Sym::Instance(_, id) if *id == instance);
        self.each_sym(is_it, &mut |sym| {
            if let Sym::Instance(parts, _) = sym
                && let Some(part) = Rc::make_mut(parts).get_mut(at)
            {
                *part = new(part, std::mem::replace(&mut own, Own::Virtual));
            }
        });
    }
}
