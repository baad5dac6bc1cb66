//! A loop's label: what code that jumps there must provide, and the loop's way back.
//!
//! That is the label's state: the phis, and for every slot that the loop takes for granted the very same value. The
//! first pass ends here with everything in a form that can go round: numbers become phis, iterators of ranges three of them,
//! and what cannot stay in registers from turn to turn is put into memory. Whether a later state is the same again is
//! asked in [`fit`](super::fit), at the end of the loop's body and at the end of side traces ([`side`](mod@super::side)).

use super::carried_instances::{CarriedPart, carried_parts};
use super::iteration::ANY_INDEX;
use super::pictured::Pictured;
use super::renew::Attempt;
use super::state::{FrameState, IterState, Local, Own, PER_FRAME, Sym};
use super::written::Places;
use super::{AbortReason, Failure, Recorder, Step};
use crate::event::{Kind, Operand};
use crate::ir::{Region, Regions, Val};
use crate::opt::emit::Granted;
use crate::opt::heap::Place;
use crate::snapshot::{BoxId, Generator, Then};
use decal_uops::{Class, Uop};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// Frames of suspended generators are numbered from this on in a [`Slot`].
pub(super) const SUSPENDED: usize = 1 << 16;

/// A slot of the state: frame, whether on the operand stack, index.
pub(super) type Slot = (u32, bool, u32);

/// What a phi carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Carries {
    /// The number in this slot (and in the others that hold the same object).
    Number(Slot),
    /// The object in this slot, with a reference.
    Object(Slot),
    /// The object in this part of an instance that is not made, with a reference.
    Part(Slot),
    /// The number in this local of the entry frame, as an object that a container or the local's memory keeps alive.
    Borrowed(Slot),
    /// The next value of the virtual iterator of a `range` in this slot.
    RangeNext(Slot),
    /// Its values left.
    RangeLeft(Slot),
    /// Its step, where that is no constant.
    RangeStep(Slot),
    /// The next value or index of this iterator.
    IterNext(Val),
    /// The values left of this iterator.
    IterLeft(Val),
    /// What is left of the generator with this number, which was not made; null where there is nothing.
    Shell(u32),
}

/// What a label expects, in terms of the root trace's values.
#[derive(Clone, PartialEq, Debug)]
pub struct LabelState {
    /// The loop's head, in the innermost frame.
    pub head: u32,
    pub(super) frames: Vec<Pictured>,
    /// Frames of suspended generators.
    pub(super) suspended: Vec<Pictured>,
    /// Addresses of the frames' code objects.
    pub(super) codes: Vec<u64>,
    pub(super) iters: Vec<IterState>,
    pub(super) phis: Vec<Carries>,
    /// Slots of calls, and of the entry frame's stack, that are carried as objects.
    pub(super) varying: BTreeSet<Slot>,
    /// The types of objects that are carried, where the loop's body takes them for granted.
    pub(super) types: BTreeMap<Slot, u64>,
    /// The types of objects that are carried without a reference.
    pub(super) borrowed: BTreeMap<Slot, u64>,
    /// The phis themselves, in the same order.
    pub(super) phi_vals: Vec<Val>,
    /// Values that are constants: recordings of other traces number them in their own way.
    pub(super) constants: BTreeMap<Val, u64>,
    /// Regions of which the loop's body takes the content for granted.
    pub(super) relied: Regions,
    /// Locals of the entry frame that the loop writes in memory.
    pub(super) written: Places,
    /// Regions that the loop writes.
    pub(super) regions: Regions,
    /// What the loop's body takes for granted of single values.
    pub(super) granted: Granted,
    /// What [`renew`](super::renew) does again, once somebody has asked.
    pub(super) needed: OnceCell<Attempt<Vec<Val>>>,
}

impl LabelState {
    /// The local with this number.
    pub(super) fn home(&self, place: u32) -> Option<&Local> {
        let has = |(index, frame): &(usize, &FrameState)| {
            super::snapshots::first_place(*index, frame.generator) == Some(place - place % PER_FRAME)
        };
        self.all_frames().find(has)?.1.locals.get((place % PER_FRAME) as usize)
    }

    /// All frames, with their numbers in a [`Slot`].
    pub(super) fn all_frames(&self) -> impl Iterator<Item = (usize, &FrameState)> {
        let suspended = self.suspended.iter().enumerate().map(|(index, frame)| (SUSPENDED + index, &**frame));
        self.frames.iter().map(|frame| &**frame).enumerate().chain(suspended)
    }

    /// Whether this slot holds an instance that is not made.
    pub(super) fn has_instance(&self, (depth, stack, index): Slot) -> bool {
        let frame = self.frames.get(depth as usize);
        let sym = frame.and_then(|frame| frame.slot(stack, index)).map(|(sym, _)| sym);
        matches!(sym, Some(Sym::Instance(..)))
    }

    /// Bytes in use, roughly.
    pub fn bytes(&self) -> usize {
        let slots = |frame: &FrameState| size_of_val(&frame.locals[..]) + size_of_val(&frame.stack[..]);
        self.all_frames().map(|(_, frame)| size_of::<FrameState>() + slots(frame)).sum()
    }

    /// Frames at the label, the entry frame included.
    pub fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The code object of the frame that the loop is in.
    pub fn code(&self) -> u64 {
        self.codes.last().copied().unwrap_or(0)
    }

    /// The same with other numbers for the values. Phis that are gone are not asked for any more, and a value
    /// that is gone is one that the loop does not use.
    pub(super) fn renumbered(&self, number: &impl Fn(Val) -> Option<Val>) -> LabelState {
        let mut label = self.clone();
        let renumber = |val: &mut Val| *val = number(*val).unwrap_or(GONE);
        let plain = |sym: &mut Sym| match sym {
            Sym::Int(val, _) | Sym::Float(val, _) | Sym::Bool(val) | Sym::Obj(val, _) => renumber(val),
            Sym::RangeIter(next, step, left, _) => [next, step, left].into_iter().for_each(renumber),
            Sym::Unchanged | Sym::Null | Sym::Const(_) | Sym::Gen(_) => {}
            Sym::Tuple(..) | Sym::Function(..) | Sym::Instance(..) => {}
        };
        let sym = |sym: &mut Sym| with_parts(sym, &plain);
        for frame in label.frames.iter_mut().chain(&mut label.suspended) {
            frame.generator.iter_mut().flat_map(Generator::values_mut).for_each(renumber);
            for local in &mut frame.locals {
                sym(&mut local.sym);
                if let Some(val) = &mut local.memory {
                    renumber(val);
                }
            }
            frame.stack.iter_mut().for_each(sym);
        }
        for iter in &mut label.iters {
            renumber(&mut iter.iterator);
            renumber(&mut iter.next);
            if let Some(left) = &mut iter.left {
                renumber(left);
            }
            if let Some(within) = &mut iter.within {
                renumber(within);
            }
        }
        label.constants = self.constants.iter().filter_map(|(val, bits)| Some((number(*val)?, *bits))).collect();
        let kept = label.phi_vals.iter().zip(label.phis).filter_map(|(val, carries)| Some((number(*val)?, carries)));
        let (phi_vals, mut phis): (Vec<Val>, Vec<Carries>) = kept.unzip();
        for carries in &mut phis {
            if let Carries::IterNext(val) | Carries::IterLeft(val) = carries {
                renumber(val);
            }
        }
        label.granted = renumbered_granted(&self.granted, number);
        LabelState { phis, phi_vals, needed: OnceCell::new(), ..label }
    }
}

/// Applies `change` to what a slot holds, and to the parts of an instance that was not made.
fn with_parts(sym: &mut Sym, change: &impl Fn(&mut Sym)) {
    if let Sym::Instance(parts, _) = sym {
        std::rc::Rc::make_mut(parts).iter_mut().for_each(|part| with_parts(part, change));
    }
    change(sym);
}

/// What is taken for granted of a value that is gone is asked by nobody, but for what memory holds, what is known of a number and
/// where it lies: those may be gone by which others that are there were known.
fn renumbered_granted(granted: &Granted, number: &impl Fn(Val) -> Option<Val>) -> Granted {
    let there = |val: Val| number(val).unwrap_or(GONE);
    let place = |place: &Place| Place {
        base: there(place.base),
        index: place.index.map(|(val, constant)| (there(val), constant)),
        disp: place.disp,
    };
    let memory = granted.memory.iter().filter_map(|(region, at, val)| Some((*region, place(at), number(*val)?)));
    Granted {
        insts: granted.insts.iter().filter_map(|val| number(*val)).collect(),
        types: granted.types.iter().filter_map(|(val, ty)| Some((number(*val)?, *ty))).collect(),
        memory: memory.collect(),
        constants: granted.constants.iter().map(|(region, at, uop, bits)| (*region, place(at), *uop, *bits)).collect(),
        numbers: granted.numbers.iter().map(|(uop, arg, bits)| (*uop, there(*arg), *bits)).collect(),
        known: granted.known.iter().filter_map(|(uop, arg, val)| Some((*uop, there(*arg), number(*val)?))).collect(),
        origin: granted.origin,
        ranges: granted.ranges.iter().map(|(val, range)| (there(*val), *range)).collect(),
    }
}

/// Stands for a value that dead code removal took away.
pub(super) const GONE: Val = Val(u32::MAX);

impl Recorder<'_> {
    /// Ends the first pass and starts the loop's body.
    pub(super) fn begin_loop(&mut self, head: u32) -> Result<LabelState, Failure> {
        if self.has_held() {
            return Err(AbortReason::Call("a loop in a function that handles an exception").into());
        }
        self.end_turn(head)?;
        let kept = self.carried_instances(|recorder, slot| !recorder.varying.contains(&slot));
        self.settle_instances_at(head, &kept)?;
        self.own_parts(&kept, head)?;
        if !self.leaves_generators {
            self.adopt_generators(head)?;
        }
        self.adopt_ranges(head, |_| true);
        self.flush_iterators(|state, iter| state.on_stack(iter.within.unwrap_or(iter.iterator)));
        self.settle_bools();
        self.check_stack()?;
        let mut varying = self.varying.clone();
        self.sort_suspended();
        // What the loop has not looked at stays in memory, and so does a generator whose frame the trace knows.
        varying.retain(|slot| {
            let of_entry = slot.0 == 0 && slot.1;
            // Another pass may have had more on its stack, or its loop in a call.
            self.has_slot(*slot)
                && (!of_entry || {
                    let sym = self.slot_mut(*slot).clone();
                    matches!(sym, Sym::Obj(_, Own::StackSlot(_) | Own::Owned)) && self.frame_of(&sym).is_none()
                })
        });
        self.settle_objects(head, &varying, &BTreeMap::new())?;
        self.expect_writes();
        let mut types = BTreeMap::new();
        for slot in &varying {
            if let Sym::Obj(val, _) = *self.slot_mut(*slot)
                && (slot.0 == 0 && slot.1 || self.iters.iter().any(|iter| iter.iterator == val))
                && let Some(ty) = self.e.type_of(val)
            {
                types.insert(*slot, ty);
            }
        }

        // One phi for each object that slots hold as a number, and for the fields of iterators.
        let mut entries: Vec<(Class, Val, bool)> = Vec::new();
        let mut phis = Vec::new();
        let mut boxes: BTreeMap<BoxId, usize> = BTreeMap::new();
        let mut carried: Vec<(Slot, usize)> = Vec::new();
        let mut parts_carried: Vec<(CarriedPart, usize)> = Vec::new();
        let mut add = |class: Class, val: Val, carries: Carries| {
            entries.push((class, val, matches!(carries, Carries::Borrowed(_))));
            phis.push(carries);
            entries.len() - 1
        };
        let mut borrowed = BTreeMap::new();
        for (slot, sym) in self.slots() {
            let (class, val, id) = match sym {
                Sym::Int(val, id) => (Class::Int, val, Some(id)),
                Sym::Float(val, id) => (Class::Float, val, Some(id)),
                Sym::Bool(val) => (Class::Int, val, None),
                Sym::Obj(val, Own::Owned) if varying.contains(&slot) => {
                    carried.push((slot, add(Class::Obj, val, Carries::Object(slot))));
                    continue;
                }
                Sym::Obj(val, Own::Container) if slot.0 == 0 && !slot.1 => {
                    // Whoever comes here may have it in memory.
                    self.forget_memory(slot.2);
                    borrowed.insert(slot, self.e.type_of(val).unwrap_or(0));
                    carried.push((slot, add(Class::Obj, val, Carries::Borrowed(slot))));
                    continue;
                }
                Sym::RangeIter(next, step, left, id) => {
                    let first = *boxes.entry(id).or_insert_with(|| {
                        let first = add(Class::Int, next, Carries::RangeNext(slot));
                        add(Class::Int, left, Carries::RangeLeft(slot));
                        if self.e.constant_of(step).is_none() {
                            add(Class::Int, step, Carries::RangeStep(slot));
                        }
                        first
                    });
                    carried.push((slot, first));
                    continue;
                }
                Sym::Instance(parts, instance) => {
                    for part in carried_parts(slot, instance, &parts) {
                        if parts_carried.iter().any(|(known, _)| part.is_same(known)) {
                            continue;
                        }
                        let (class, val, id) = match part.sym {
                            Sym::Int(val, id) => (Class::Int, val, Some(id)),
                            Sym::Float(val, id) => (Class::Float, val, Some(id)),
                            Sym::Bool(val) => (Class::Int, val, None),
                            Sym::Obj(val, _) => (Class::Obj, val, None),
                            _ => continue,
                        };
                        let carries = match class {
                            Class::Obj => Carries::Part(part.slot),
                            _ => Carries::Number(part.slot),
                        };
                        let known = id.and_then(|id| boxes.get(&id).copied());
                        let phi = known.unwrap_or_else(|| add(class, val, carries));
                        if let Some(id) = id {
                            boxes.insert(id, phi);
                        }
                        parts_carried.push((part, phi));
                    }
                    continue;
                }
                _ => continue,
            };
            let known = id.and_then(|id| boxes.get(&id).copied());
            let phi = known.unwrap_or_else(|| add(class, val, Carries::Number(slot)));
            if let Some(id) = id {
                boxes.insert(id, phi);
            }
            carried.push((slot, phi));
        }
        let first_iter = entries.len();
        for iter in &self.iters {
            entries.push((Class::Int, iter.next, false));
            phis.push(Carries::IterNext(iter.iterator));
            if let Some(left) = iter.left {
                entries.push((Class::Int, left, false));
                phis.push(Carries::IterLeft(iter.iterator));
            }
        }
        self.take_hint();
        let first_shell = entries.len();
        let shells: Vec<Generator> = self.all_frames().filter_map(|frame| frame.generator).collect();
        for (number, shell) in shells.iter().filter_map(|generator| Some((generator.number, generator.shell()?))) {
            entries.push((Class::Obj, shell, false));
            phis.push(Carries::Shell(number));
        }
        let regions = self.e.heap().written();
        let proved =
            |index: usize| !self.unproved.all && phis.get(index).is_some_and(|phi| !self.unproved.phis.contains(phi));
        let vals = self.e.label(&entries, proved);
        let mut shells = vals.iter().skip(first_shell);
        for frame in self.frames.iter_mut().chain(&mut self.suspended) {
            if let Some(generator) = frame.generator.as_mut().filter(|generator| generator.shell().is_some()) {
                generator.values_mut().zip(&mut shells).for_each(|(shell, phi)| *shell = *phi);
            }
        }

        let fresh: Vec<BoxId> = entries.iter().map(|_| self.new_box()).collect();
        for (place, slot) in self.homes() {
            if self.written.contains(place) {
                // Where that did not stay so around the loop, the next turn asks again.
                let stays = !self.varying.contains(&slot);
                let local = self.home(place);
                local.memory = None;
                if matches!(local.sym, Sym::Obj(_, Own::Slot(_))) {
                    *local = Local { plain: local.plain && stays, ..Local::of(Sym::Unchanged) };
                }
            }
        }
        // What a loop goes through is known by its place on an operand stack, where that is carried, too.
        carried.sort_by_key(|(slot, _)| !slot.1);
        for (slot, phi) in carried {
            if let Sym::Obj(entry, _) = *self.slot_mut(slot)
                && (slot.1 || !self.on_stack(entry))
            {
                for iter in self.iters.iter_mut().filter(|iter| iter.iterator == entry) {
                    iter.iterator = vals[phi];
                }
                for carries in &mut phis {
                    if let Carries::IterNext(iterator) | Carries::IterLeft(iterator) = carries
                        && *iterator == entry
                    {
                        *iterator = vals[phi];
                    }
                }
            }
            if let Some(ty) = types.get(&slot).or_else(|| borrowed.get(&slot)) {
                self.e.set_type(vals[phi], *ty);
            }
            let sym = self.slot_mut(slot);
            *sym = match *sym {
                Sym::Float(..) => Sym::Float(vals[phi], fresh[phi]),
                Sym::Bool(_) => Sym::Bool(vals[phi]),
                Sym::Obj(_, Own::Container) => Sym::Obj(vals[phi], Own::Container),
                Sym::Obj(..) => Sym::Obj(vals[phi], Own::Owned),
                Sym::RangeIter(_, step, ..) => {
                    // Of the first slot that holds it.
                    let carried = matches!(phis.get(phi + 2), Some(Carries::RangeStep(_)));
                    let step = if carried { vals[phi + 2] } else { step };
                    Sym::RangeIter(vals[phi], step, vals[phi + 1], fresh[phi])
                }
                _ => Sym::Int(vals[phi], fresh[phi]),
            };
        }
        for (part, phi) in &parts_carried {
            self.carry_part(part, vals[*phi], fresh[*phi]);
        }
        let mut next = first_iter;
        for iter in &mut self.iters {
            iter.next = vals[next];
            next += 1;
            if iter.left.is_some() {
                iter.left = Some(vals[next]);
                next += 1;
            }
            iter.dirty = true;
            if iter.kind == Kind::Enumerate {
                self.e.bound(iter.next, ANY_INDEX);
            }
        }
        let mut constants = BTreeMap::new();
        for (_, sym) in self.slots() {
            if let Sym::RangeIter(_, step, ..) = sym
                && let Some(bits) = self.e.constant_of(step)
            {
                constants.insert(step, bits);
            }
        }
        Ok(LabelState {
            head,
            frames: self.frames.clone(),
            suspended: self.suspended.clone(),
            codes: self.code_objects(),
            iters: self.iters.clone(),
            phis,
            varying,
            types,
            borrowed,
            phi_vals: vals,
            constants,
            relied: Regions::NONE,
            granted: Granted::default(),
            needed: OnceCell::new(),
            written: self.written.clone(),
            regions,
        })
    }

    /// Whether a generator is an object by now that was none at the label.
    fn has_made(&self, label: &LabelState) -> bool {
        let mut generators = self.all_frames().filter_map(|frame| frame.generator);
        generators.any(|generator| {
            let before = label.all_frames().filter_map(|(_, frame)| frame.generator);
            let mut same = before.filter(|before| before.number == generator.number);
            generator.object().is_some() && same.any(|before| before.object().is_none())
        })
    }

    /// What an earlier attempt saw written in the body, but not on the way there, counts as written: a generator that was only met
    /// on that way has not lived through the calls before it.
    fn expect_writes(&mut self) {
        for (place, slot) in self.homes() {
            if slot.0 != 0 && self.varying.contains(&slot) && !self.written.contains(place) {
                self.written.insert(place);
                let (_, _, region) = self.address(place);
                self.e.heap().clobber(region);
            }
        }
    }

    /// What side traces of an earlier recording of this loop would have changed counts as changed.
    fn take_hint(&mut self) {
        let hint = self.options.hint.clone();
        let entry: Vec<u32> = hint.slots.iter().filter(|slot| slot.0 == 0 && !slot.1).map(|slot| slot.2).collect();
        if !entry.is_empty() {
            self.e.heap().clobber(Region::Frame);
            self.written.extend(entry);
        }
        for region in hint.regions.iter() {
            self.e.heap().clobber(region);
        }
    }

    /// All slots and what they hold.
    pub(super) fn slots(&self) -> Vec<(Slot, Sym)> {
        let mut list = Vec::new();
        for (depth, frame) in self.all_frames().enumerate() {
            let depth = self.slot_depth(depth);
            list.extend(
                frame.locals.iter().enumerate().map(|(i, local)| ((depth, false, i as u32), local.sym.clone())),
            );
            list.extend(frame.stack.iter().enumerate().map(|(i, sym)| ((depth, true, i as u32), sym.clone())));
        }
        list
    }

    fn has_slot(&self, (depth, stack, index): Slot) -> bool {
        let depth = depth as usize;
        let suspended = || self.suspended.get(depth.checked_sub(SUSPENDED)?);
        let holds = |frame: &Pictured| index < (if stack { frame.stack.len() } else { frame.locals.len() }) as u32;
        self.frames.get(depth).or_else(suspended).is_some_and(holds)
    }

    pub(super) fn slot_mut(&mut self, (depth, stack, index): Slot) -> &mut Sym {
        let depth = depth as usize;
        let frame = if depth < SUSPENDED { &mut self.frames[depth] } else { &mut self.suspended[depth - SUSPENDED] };
        if stack { &mut frame.stack[index as usize] } else { &mut frame.locals[index as usize].sym }
    }

    pub(super) fn code_objects(&self) -> Vec<u64> {
        let object = |frame: &Pictured| self.rec.codes.get(frame.code.0 as usize).map_or(0, |code| code.object);
        self.frames.iter().map(object).collect()
    }

    pub(super) fn on_stack(&self, iterator: Val) -> bool {
        let iterator = self.e.original(iterator);
        let holds = |sym: &Sym| matches!(sym, Sym::Obj(val, _) if self.e.original(*val) == iterator);
        self.all_frames().any(|frame| frame.stack.iter().any(holds))
    }

    /// The iterator of a `range` that only the entry frame's stack holds becomes virtual, so that a turn of an outer loop
    /// can come back to the label with another one.
    pub(super) fn adopt_ranges(&mut self, head: u32, wanted: impl Fn(Slot) -> bool) {
        if !self.options.optimize {
            return;
        }
        let depth = self.frames.len();
        for index in 0..depth + self.suspended.len() {
            let virtual_generator =
                |frame: &FrameState| frame.generator.is_some_and(|generator| generator.object().is_none());
            for slot in 0..self.frame_at(index).stack.len() {
                let frame = self.frame_at(index);
                let Sym::Obj(iterator, own) = frame.stack[slot] else { continue };
                let alone = match own {
                    Own::StackSlot(home) => index == 0 && home as usize == slot,
                    own => own == Own::Owned && virtual_generator(frame),
                };
                let Some(position) = self.iters.iter().position(|iter| iter.iterator == iterator) else { continue };
                let IterState { next, left: Some(left), sole: true, .. } = self.iters[position] else { continue };
                if !alone || !wanted((self.slot_depth(index), true, slot as u32)) {
                    continue;
                }
                let snap = self.snap();
                self.e.effect(Uop::guard_last, &[iterator], 0, 0, Region::Counts, Some(snap));
                let disp = self.host.layout.range_iter_step;
                let mut step = self.e.load(Uop::load_int, iterator, None, disp, Region::Fixed, None);
                let known = self.e.range_of(step);
                if known.lo == known.hi {
                    // The loop has asked.
                    step = self.e.int(known.lo);
                }
                let id = self.new_box();
                self.frame_at(index).stack[slot] = Sym::RangeIter(next, step, left, id);
                self.iters.remove(position);
                self.drop_all(&[iterator]);
                self.e.heap().forget(iterator);
                // The next one's exit must not find this one.
                self.snap = self.build_snapshot(head, Then::Resume);
                self.raise_snap = None;
            }
        }
    }

    /// Brings iterators up to date in memory and forgets them, but those that `keep` says.
    pub(super) fn flush_iterators(&mut self, keep: impl Fn(&Self, &IterState) -> bool) {
        let layout = self.host.layout.clone();
        let (kept, others): (Vec<IterState>, Vec<IterState>) =
            std::mem::take(&mut self.iters).into_iter().partition(|iter| keep(self, iter));
        for iter in others.into_iter().filter(|iter| iter.dirty) {
            let disp = if iter.left.is_some() { layout.range_iter_start } else { iter.index_disp(&layout) };
            self.e.store(Uop::store_int, iter.iterator, None, iter.next, disp, Region::Iterators, None);
            if let Some(left) = iter.left {
                let disp = layout.range_iter_len;
                self.e.store(Uop::store_int, iter.iterator, None, left, disp, Region::Iterators, None);
            }
        }
        self.iters = kept;
    }

    /// The same with those that no slot of a frame has any more: whoever else has them may let them die.
    pub(super) fn flush_unnamed_iterators(&mut self) {
        if self.iters.is_empty() {
            return;
        }
        let mut named = Vec::new();
        self.visit_syms(&mut |sym| {
            if let Sym::Obj(val, _) = sym {
                named.push(*val);
            }
        });
        self.flush_iterators(|_, iter| named.contains(&iter.within.unwrap_or(iter.iterator)));
    }

    /// Constant truth values become numbers, so that the loop may change them.
    fn settle_bools(&mut self) {
        for (slot, sym) in self.slots() {
            if let Sym::Const(operand) = sym
                && operand.kind == Kind::Bool
                && !slot.1
            {
                let val = self.e.int(operand.bits as i64);
                *self.slot_mut(slot) = Sym::Bool(val);
            }
        }
    }

    /// What the entry frame's stack holds must be there when the loop is entered again.
    fn check_stack(&self) -> Step<()> {
        for (index, frame) in self.all_frames().enumerate() {
            let Some(first) = super::snapshots::first_place(index, frame.generator) else { continue };
            for (slot, sym) in frame.stack.iter().enumerate() {
                match sym {
                    Sym::Obj(_, Own::StackSlot(home)) if *home != first + slot as u32 => {
                        return Err(AbortReason::Stack);
                    }
                    Sym::Tuple(..) | Sym::Function(..) | Sym::Instance(..) => return Err(AbortReason::Stack),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Notes the locals of the entry frame whose memory is known by now to hold something plain.
    pub(super) fn note_plain(&mut self) {
        for slot in 0..self.frames[0].locals.len() {
            if let Sym::Obj(val, Own::Slot(home)) = self.frames[0].locals[slot].sym
                && home as usize == slot
                && self.is_plain(val)
            {
                self.frames[0].locals[slot].plain = true;
            }
        }
    }

    /// Puts into memory what cannot stay in registers from turn to turn.
    pub(super) fn end_turn(&mut self, head: u32) -> Step<()> {
        self.note_plain();
        self.snap = self.build_snapshot(head, Then::Resume);
        self.raise_snap = None;
        for (place, slot) in self.homes() {
            let forced = self.varying.contains(&slot);
            let owned = matches!(self.home(place).sym, Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::RangeIter(..));
            if forced || owned {
                self.flush_local(place)?;
                self.snap = self.build_snapshot(head, Then::Resume);
                self.raise_snap = None;
            }
        }
        Ok(())
    }

    /// Makes what these slots of calls hold objects, each with a reference for its slot alone: what the next turn has there is
    /// another one, and this one may be gone.
    pub(super) fn settle_objects(
        &mut self,
        head: u32,
        slots: &BTreeSet<Slot>,
        types: &BTreeMap<Slot, u64>,
    ) -> Step<()> {
        self.sort_suspended();
        for slot in slots {
            if self.has_place(*slot) && !(slot.0 == 0 && slot.1) {
                continue;
            }
            let renew = |this: &mut Self| {
                this.snap = this.build_snapshot(head, Then::Resume);
                this.raise_snap = None;
            };
            renew(self);
            let held = self.has_slot(*slot);
            let sym = if held { self.slot_mut(*slot).clone() } else { return Err(AbortReason::Stack) };
            let val = match sym {
                Sym::Null | Sym::Unchanged | Sym::RangeIter(..) => {
                    return Err(AbortReason::Unstable("what a call holds"));
                }
                Sym::Obj(val, _) => val,
                _ => {
                    *self.slot_mut(*slot) = Sym::Null;
                    let seen = Operand { bits: i64::MAX as u64, ..Operand::NULL };
                    let val = self.owned_object(&sym, seen)?;
                    *self.slot_mut(*slot) = Sym::Obj(val, Own::Owned);
                    renew(self);
                    val
                }
            };
            if let Some(ty) = types.get(slot) {
                let snap = self.snap();
                self.e.guard_type(val, *ty, snap);
            }
            if slot.0 == 0 && *self.slot_mut(*slot) == Sym::Obj(val, Own::StackSlot(slot.2)) {
                // The reference that memory has is the trace's from now on.
                let home = Own::StackSlot(slot.2);
                let is_it = |sym: &Sym| *sym == Sym::Obj(val, home);
                self.each_sym(is_it, &mut |sym| *sym = Sym::Obj(val, Own::Virtual));
                *self.slot_mut(*slot) = Sym::Obj(val, Own::Owned);
            } else if !matches!(self.slot_mut(*slot), Sym::Obj(_, Own::Owned)) {
                self.incref(val);
                *self.slot_mut(*slot) = Sym::Obj(val, Own::Owned);
            }
            // Whoever borrowed it from here must not be left behind.
            *self.slot_mut(*slot) = Sym::Null;
            let mut owned = super::state::owned_items(self.all_frames());
            let mut borrowers = 0;
            let borrows = |sym: &Sym| *sym == Sym::Obj(val, Own::Virtual);
            self.each_place(borrows, &mut |sym, place| {
                if place.is_none_or(|place| owned.insert(place)) {
                    *sym = Sym::Obj(val, Own::Owned);
                    borrowers += 1;
                }
            });
            for _ in 0..borrowers {
                self.incref(val);
            }
            *self.slot_mut(*slot) = Sym::Obj(val, Own::Owned);
            renew(self);
        }
        Ok(())
    }

    /// Puts what a slot of the entry frame's stack holds into its memory, which held something that is gone.
    pub(super) fn flush_stack(&mut self, slot: u32) -> Step<()> {
        let sym = std::mem::replace(&mut self.frames[0].stack[slot as usize], Sym::Null);
        let (frame, disp) = (self.e.frame(), self.stack_disp(slot));
        if sym == Sym::Null {
            self.e.effect(Uop::store_null, &[frame], disp, 0, Region::Frame, None);
            self.frames[0].stack[slot as usize] = Sym::Unchanged;
            return Ok(());
        }
        let seen = match &sym {
            Sym::Const(operand) => *operand,
            _ => Operand { bits: i64::MAX as u64, ..Operand::NULL },
        };
        let val = self.owned_object(&sym, seen)?;
        self.e.store(Uop::store_obj, frame, None, val, disp, Region::Frame, None);
        self.frames[0].stack[slot as usize] = Sym::Obj(val, Own::StackSlot(slot));
        Ok(())
    }

    /// The checks of every turn.
    pub(super) fn turn_checks(&mut self, head: u32) {
        let snap = self.build_snapshot(head, Then::Resume);
        self.e.effect(Uop::guard_quiet, &[], 0, 0, Region::Counts, Some(snap));
        self.quiet_at = Some(self.e.len());
        let (uop, turns) = match self.turns {
            1 => (Uop::count_iteration, 0),
            turns => (Uop::count_iterations, turns as i32),
        };
        self.e.effect(uop, &[], turns, 0, Region::Counts, None);
    }

    /// What the loop's body takes for granted of memory, once that is known.
    pub(super) fn settle_label(&mut self, label: &mut LabelState) {
        let relied = self.e.heap().relied_on().iter();
        label.relied = relied.filter(|region| !matches!(region, Region::Frame | Region::Generators)).collect();
        label.granted = self.e.granted();
    }

    /// Ends the loop's body: one value for each phi.
    pub(super) fn close_loop(&mut self, label: &LabelState) -> Result<Vec<Val>, Failure> {
        if self.frames.len() != label.frames.len() {
            return Err(AbortReason::Stack.into());
        }
        self.end_turn(label.head)?;
        let kept = self.instances_of(label);
        self.settle_instances_at(label.head, &kept)?;
        self.own_parts(&kept, label.head)?;
        self.settle_borrowed(label, label.head)?.map_or(Ok(()), |slot| Err(Failure::Varying([slot].into())))?;
        self.settle_objects(label.head, &label.varying, &label.types)?;
        // Those that the label does not carry are loaded anew in the next turn.
        self.flush_iterators(|_, iter| label.iters.iter().any(|kept| kept.iterator == iter.iterator));
        self.turn_checks(label.head);
        if self.has_made(label) {
            return Err(Failure::Made);
        }
        // What the body writes beyond the first pass was not expected at the label.
        if self.written != label.written {
            let homes = self.homes().into_iter();
            let unexpected =
                homes.filter(|(place, _)| self.written.contains(*place) && !label.written.contains(*place));
            return Err(Failure::Varying(unexpected.map(|(_, slot)| slot).collect()));
        }
        if self.e.heap().written() != label.regions {
            return Err(AbortReason::Unstable("what it writes").into());
        }
        let args = self.fit(label, &|val| Some(val), false).map_err(|slots| match slots {
            Some(slots) => Failure::Varying(slots),
            None => Failure::Abort(AbortReason::Unstable("what it carries")),
        })?;
        let unproved = |phis: Vec<usize>| phis.iter().filter_map(|phi| label.phis.get(*phi).cloned()).collect();
        self.e.settle_ranges(&args).map_err(|phis| Failure::Unproved(unproved(phis)))?;
        Ok(args)
    }
}
