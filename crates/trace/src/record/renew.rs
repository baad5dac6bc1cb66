//! What a label takes for granted, computed again.
//!
//! The first pass in front of a label checks and loads what does not change, and the body behind it relies on that. A side trace of
//! an exit within the body has these values already. One of an exit in the first pass has not, and one after which a slot
//! or a part of memory is another than it was has others. Here such a side trace does, for the state that it
//! has, what the first pass did: the same loads, the same computations, and the checks that the body does without. Then all that
//! the body relies on holds as it does behind the first pass, and the label may be jumped to.
//!
//! What is done again are the instructions whose values the body uses or has left out, those that these need, and the checks
//! that stand guard over them: of the type of an object that something is loaded from, of the length of what is indexed. Values of
//! calls and allocations cannot be had again. Where the label has such a value in a slot, the object in that slot of this state takes
//! its place, with the same checks.
//!
//! Holds after: each value of the interface has one here, all of which stand to each other, and to memory, as the label's do. All checks leave
//! before anything else happens. Cost: linear in the first pass, times the number of checks that lead to each other.

use super::label::{GONE, LabelState, SUSPENDED};
use super::pictured::Pictured;
use super::state::{Own, Sym};
use super::{Parent, Recorder};
use crate::event::{Kind, Operand};
use crate::ir::{Inst, Region, Trace, UopInst, Val};
use crate::snapshot::Then;
use decal_uops::{Class, Form, Uop};
use rustc_hash::FxHashMap;

/// Why values cannot be had again.
pub(super) type Attempt<T> = Result<T, String>;

/// Whether an instruction only asks about values, and may be asked again.
fn is_check(inst: &UopInst) -> bool {
    let (info, effects) = (inst.uop.info(), inst.uop.info().effects);
    info.result.is_none() && effects.exits && effects.is_pure() && info.form != Form::Fixed && !inst.args.is_empty()
}

/// Whether an instruction only loads.
fn is_load(inst: &UopInst) -> bool {
    matches!(
        inst.uop,
        Uop::load_obj
            | Uop::load_obj_unchecked
            | Uop::load_raw
            | Uop::load_int
            | Uop::load_u32
            | Uop::load_u8
            | Uop::load_float
            | Uop::load_item
            | Uop::load_byte
            | Uop::load_float_item
            | Uop::load_int_item
            | Uop::load_i32_item
            | Uop::load_u16_item
    ) && !matches!(inst.region, Region::Any | Region::Counts)
}

fn is_computation(inst: &UopInst) -> bool {
    let info = inst.uop.info();
    info.result.is_some() && info.effects.is_pure() && !inst.args.is_empty()
}

fn is_constant(trace: &Trace, val: Val) -> bool {
    matches!(trace.insts.get(val.index()), Some(Inst::Uop(inst)) if inst.args.is_empty() && inst.uop.info().effects.is_pure())
}

/// Whether memory of this kind decides what may be loaded from an object.
fn is_shape(region: Region) -> bool {
    matches!(
        region,
        Region::Fixed | Region::ListHead | Region::BytesHead | Region::AttributeState | Region::AttributeOrder
    )
}

/// The instructions of the first pass that have to be done again, in order.
fn needed(trace: &Trace, label: &LabelState, interface: &[Val]) -> Attempt<Vec<Val>> {
    let limit = trace.label.ok_or("no loop")? as usize;
    let mut needed = vec![false; limit];
    let granted = &label.granted;
    let mut ask = |val: Val| match needed.get_mut(val.index()) {
        Some(slot) => {
            *slot = true;
            Ok(())
        }
        None => Err(format!("{val:?} is gone")),
    };
    interface.iter().skip(label.phis.len()).try_for_each(|val| ask(*val))?;
    granted.insts.iter().chain(granted.types.keys()).try_for_each(|val| ask(*val))?;
    let phis = &label.phi_vals;
    granted.ranges.keys().filter(|val| !phis.contains(val)).try_for_each(|val| ask(*val))?;
    for (_, place, val) in &granted.memory {
        ask(place.base)?;
        place.index.map_or(Ok(()), |(index, _)| ask(index))?;
        ask(*val)?;
    }
    for (_, place, ..) in &granted.constants {
        ask(place.base)?;
    }
    granted.numbers.iter().try_for_each(|(_, arg, _)| ask(*arg))?;
    for (_, arg, val) in &granted.known {
        ask(*arg)?;
        ask(*val)?;
    }
    label.iters.iter().filter(|iter| iter.iterator.index() < limit).try_for_each(|iter| ask(iter.iterator))?;
    loop {
        for index in (0..limit).rev().filter(|index| needed[*index]).collect::<Vec<_>>() {
            if let Inst::Uop(inst) = &trace.insts[index]
                && (is_check(inst) || is_load(inst) || is_computation(inst))
            {
                inst.args.iter().for_each(|arg| needed[arg.index()] = true);
            }
        }
        let known = |val: &Val| is_constant(trace, *val) || needed[val.index()];
        let near = |val: &Val| match &trace.insts[val.index()] {
            Inst::Uop(inst) => {
                let cheap = inst.uop.info().form != Form::Fixed;
                let shape = is_load(inst) && is_shape(inst.region) || is_computation(inst) && cheap;
                shape && inst.args.iter().all(known)
            }
            _ => false,
        };
        let indexes = |index: Val| {
            let by = |inst: &UopInst| is_load(inst) && inst.args.get(1) == Some(&index);
            trace.insts.iter().zip(&needed).any(|(inst, needed)| *needed && matches!(inst, Inst::Uop(inst) if by(inst)))
        };
        let guards = |inst: &UopInst| {
            let near = inst.args.iter().all(|arg| known(arg) || near(arg));
            let of_index = inst.uop == Uop::guard_index && inst.args.first().is_some_and(|index| indexes(*index));
            is_check(inst) && (near && !inst.args.iter().all(|arg| is_constant(trace, *arg)) || of_index)
        };
        let is_new = |index: &usize| !needed[*index] && matches!(&trace.insts[*index], Inst::Uop(inst) if guards(inst));
        let more: Vec<usize> = (0..limit).filter(is_new).collect();
        if more.is_empty() {
            return Ok((0..).zip(needed).filter(|(_, needed)| *needed).map(|(index, _)| Val(index)).collect());
        }
        more.into_iter().for_each(|index| needed[index] = true);
    }
}

impl Recorder<'_> {
    /// All frames, with their numbers in a slot.
    fn numbered_frames(&self) -> impl Iterator<Item = (usize, &Pictured)> {
        let suspended = self.suspended.iter().enumerate().map(|(index, frame)| (SUSPENDED + index, frame));
        self.frames.iter().enumerate().chain(suspended)
    }

    /// The objects in the slots where the label has these values.
    fn counterparts(&self, label: &LabelState) -> FxHashMap<Val, Val> {
        let mut found = FxHashMap::default();
        for ((_, want), (_, have)) in label.all_frames().zip(self.numbered_frames()) {
            let locals = want.locals.iter().map(|local| &local.sym).zip(have.locals.iter().map(|local| &local.sym));
            for pair in locals.chain(want.stack.iter().zip(&have.stack)) {
                if let (Sym::Obj(want, _), Sym::Obj(have, _)) = pair
                    && *want != GONE
                {
                    found.entry(*want).or_insert(*have);
                }
            }
        }
        found
    }

    /// Puts into memory what the label expects there.
    fn settle_homes(&mut self, label: &LabelState, head: u32) -> Attempt<()> {
        for (place, _) in self.homes() {
            let Some(want) = label.home(place) else { return Err("its frames".to_string()) };
            let in_memory = match want.sym {
                Sym::Unchanged => true,
                Sym::Obj(_, Own::Slot(home)) => home == place,
                _ => false,
            };
            let have = self.home(place).clone();
            match have.sym {
                Sym::Unchanged | Sym::Obj(_, Own::Slot(_)) => continue,
                _ if !in_memory => continue,
                Sym::Null if want.sym == Sym::Unchanged => {
                    self.unbind_local(place);
                    self.home(place).plain = true;
                }
                Sym::Null | Sym::Gen(_) | Sym::RangeIter(..) => return Err(format!("what is in local {place}")),
                Sym::Int(..) | Sym::Float(..) if self.keeps_numbers => {
                    self.refused_numbers = true;
                    return Err(format!("a number in local {place}"));
                }
                _ if !have.plain => return Err(format!("what is in local {place}")),
                _ => self.flush_local(place).map_err(|reason| reason.to_string())?,
            }
            self.look_at(head);
        }
        self.note_plain();
        self.look_at(head);
        Ok(())
    }

    /// Iterators of ranges that the label has as numbers are taken apart, where nobody else holds them.
    fn settle_ranges(&mut self, label: &LabelState, head: u32) -> Attempt<()> {
        let (mut wanted, mut steps) = (Vec::new(), Vec::new());
        for ((depth, want), (_, have)) in label.all_frames().zip(self.numbered_frames()) {
            for (slot, pair) in want.stack.iter().zip(&have.stack).enumerate() {
                if let (Sym::RangeIter(_, step, ..), Sym::Obj(..) | Sym::Unchanged) = pair {
                    wanted.push((depth as u32, true, slot as u32));
                    steps.push(label.constants.get(step).copied());
                }
            }
        }
        let ty = self.host.objects.range_iter;
        for (slot, step) in wanted.iter().zip(steps) {
            if *self.slot_mut(*slot) == Sym::Unchanged && slot.0 == 0 {
                let (frame, disp) = (self.e.frame(), self.stack_disp(slot.2));
                let iterator = self.e.load(Uop::load_obj_unchecked, frame, None, disp, Region::Frame, None);
                *self.slot_mut(*slot) = Sym::Obj(iterator, Own::StackSlot(slot.2));
            }
            let Sym::Obj(iterator, _) = *self.slot_mut(*slot) else { return Err("a range's iterator".to_string()) };
            if self.e.type_of(iterator).is_some_and(|known| known != ty) {
                return Err("an iterator of another kind".to_string());
            }
            let snap = self.snap();
            self.e.guard_type(iterator, ty, snap);
            self.iter_state(iterator, Operand { kind: Kind::RangeIter, ty, bits: 1, ..Operand::NULL });
            if let Some(bits) = step {
                let disp = self.host.layout.range_iter_step;
                let its = self.e.load(Uop::load_int, iterator, None, disp, Region::Fixed, None);
                let wanted = self.e.int(bits as i64);
                self.e.pure(Uop::guard_eq_int, &[its, wanted], 0, 0, Some(snap));
            }
        }
        if !wanted.is_empty() {
            self.look_at(head);
            self.adopt_ranges(head, |slot| wanted.contains(&slot));
        }
        Ok(())
    }

    fn look_at(&mut self, head: u32) {
        self.snap = self.build_snapshot(head, Then::Resume);
        self.raise_snap = None;
    }

    /// Computes again what the label takes for granted. `carried` are the values of the label that this trace has.
    pub(super) fn renew(
        &mut self,
        parent: &Parent<'_>,
        carried: &FxHashMap<Val, Val>,
        head: u32,
    ) -> Attempt<FxHashMap<Val, Val>> {
        let (label, interface) = parent.label.ok_or("no label")?;
        if !self.options.optimize || label.granted.origin {
            return Err("where its values come from".to_string());
        }
        if label.iters.iter().any(|iter| iter.kind == Kind::Enumerate || iter.within.is_some()) {
            return Err("an enumerate".to_string());
        }
        let needed =
            label.needed.get_or_init(|| needed(parent.trunk, label, interface)).as_ref().map_err(Clone::clone)?;
        if parent.is_trunk
            && needed.binary_search(&parent.exit).is_ok()
            && !self.is_of_iterator(parent.trunk, parent.exit)
        {
            return Err("it is there that the trunk was left".to_string());
        }
        self.sort_suspended();
        self.settle_homes(label, head)?;
        self.settle_ranges(label, head)?;
        let counterparts = self.counterparts(label);
        let kept: Vec<Val> = label.iters.iter().filter_map(|iter| counterparts.get(&iter.iterator).copied()).collect();
        self.flush_iterators(|_, iter| kept.contains(&iter.iterator));
        self.look_at(head);
        let mut map = FxHashMap::default();
        for &val in needed {
            let Some(inst) = parent.trunk.insts.get(val.index()) else { continue };
            let again = match inst {
                Inst::Uop(inst) => self.again(parent.trunk, val, inst, &map, &counterparts)?,
                _ => None,
            };
            let has_result = parent.trunk.class(val).is_some();
            // What was computed from other values has to fit them.
            let effects = |inst: &UopInst| inst.uop.info().effects;
            let made = match inst {
                Inst::Uop(inst) => effects(inst).writes || effects(inst).raises,
                _ => true,
            };
            let other = || counterparts.get(&val).or_else(|| carried.get(&val)).copied().filter(|_| made);
            if let Some(mine) = again.filter(|_| has_result).or_else(other) {
                map.insert(val, mine);
            } else if has_result {
                return Err(format!("{val:?} cannot be had again"));
            }
        }
        self.renew_facts(label, parent.trunk, &map)?;
        self.match_names(label, &map);
        for iter in label.iters.iter() {
            let Some(mine) = map.get(&iter.iterator) else { continue };
            let seen = Operand { kind: iter.kind, ..Operand::NULL };
            let at = self.iter_state(*mine, seen);
            if self.iters[at].left.is_some() != iter.left.is_some() {
                return Err("an iterator of another kind".to_string());
            }
        }
        Ok(map)
    }

    /// Where the label has one object in several slots, and this state has several names for what is there, they must be one object
    /// here, too. A comprehension has its iterator as a variable and on the stack.
    fn match_names(&mut self, label: &LabelState, map: &FxHashMap<Val, Val>) {
        let mut pairs = Vec::new();
        for ((_, want), (_, have)) in label.all_frames().zip(self.numbered_frames()) {
            for pair in want.stack.iter().zip(&have.stack) {
                if let (Sym::Obj(want, _), Sym::Obj(have, own)) = pair
                    && let Some(mine) = map.get(want).filter(|mine| *mine != have && *own == Own::Owned)
                {
                    pairs.push((*mine, *have));
                }
            }
        }
        let snap = self.snap();
        for (mine, have) in pairs {
            self.e.pure(Uop::guard_same, &[mine, have], 0, 0, Some(snap));
            self.same.push((mine, have));
        }
    }

    /// Whether a check is about how far an iterator has come.
    fn is_of_iterator(&self, trace: &Trace, val: Val) -> bool {
        let Some(Inst::Uop(inst)) = trace.insts.get(val.index()) else { return false };
        let of_iterator = |inst: &Inst| matches!(inst, Inst::Uop(inst) if inst.region == Region::Iterators);
        inst.region == Region::Iterators || inst.args.iter().any(|arg| of_iterator(&trace.insts[arg.index()]))
    }

    /// Does an instruction of the trunk again. None where that cannot be.
    fn again(
        &mut self,
        trace: &Trace,
        val: Val,
        inst: &UopInst,
        map: &FxHashMap<Val, Val>,
        counterparts: &FxHashMap<Val, Val>,
    ) -> Attempt<Option<Val>> {
        let snap = self.snap();
        match inst.uop {
            Uop::const_int => return Ok(Some(self.e.int(inst.imm32 as i64))),
            Uop::const_int64 => return Ok(Some(self.e.int(inst.imm64 as i64))),
            Uop::const_float => return Ok(Some(self.e.float(inst.imm64))),
            Uop::const_obj => return Ok(Some(self.e.object(inst.imm64, 0))),
            Uop::const_raw => return Ok(Some(self.e.raw(inst.imm64))),
            Uop::frame => return Ok(Some(self.e.frame())),
            Uop::context => return Ok(Some(self.e.pure(Uop::context, &[], inst.imm32, 0, None))),
            _ if inst.args.is_empty() => return Ok(None),
            _ => {}
        }
        if !is_check(inst) && !is_computation(inst) && !is_load(inst) {
            return Ok(None);
        }
        let args: Option<Vec<Val>> = inst.args.iter().map(|arg| map.get(arg).copied()).collect();
        let Some(args) = args else { return Err(format!("{val:?} needs what there is not")) };
        if is_check(inst) {
            if inst.uop == Uop::guard_type {
                match self.e.type_of(args[0]) {
                    Some(ty) if ty != inst.imm64 => return Err(format!("{val:?} would not hold")),
                    Some(_) => {}
                    None => self.e.guard_type(args[0], inst.imm64, snap),
                }
            } else if self.e.refutes(inst.uop, &args, inst.imm64) {
                return Err(format!("{val:?} would not hold"));
            } else {
                self.e.pure(inst.uop, &args, inst.imm32, inst.imm64, Some(snap));
            }
            return Ok(None);
        }
        if is_computation(inst) {
            return Ok(Some(self.e.pure(inst.uop, &args, inst.imm32, inst.imm64, Some(snap))));
        }
        if matches!(inst.region, Region::Frame | Region::Generators) {
            return self.slot_again(trace, val, inst, counterparts);
        }
        let loaded = match (inst.uop, inst.region) {
            (Uop::load_int, Region::ListHead | Region::BytesHead) => {
                self.e.load_length(args[0], inst.imm32, inst.region)
            }
            _ => self.e.load(inst.uop, args[0], args.get(1).copied(), inst.imm32, inst.region, Some(snap)),
        };
        if inst.uop.info().effects.exits && self.e.refutes(Uop::guard_is_not, &[loaded], 0) {
            return Err(format!("{val:?} is not there"));
        }
        // A slot has what was loaded there before.
        if let Some(other) = counterparts.get(&val).copied().filter(|other| *other != loaded) {
            self.e.pure(Uop::guard_same, &[loaded, other], 0, 0, Some(snap));
            return Ok(Some(other));
        }
        Ok(Some(loaded))
    }

    /// What a slot of a frame that exists holds.
    fn slot_again(
        &mut self,
        trace: &Trace,
        val: Val,
        inst: &UopInst,
        counterparts: &FxHashMap<Val, Val>,
    ) -> Attempt<Option<Val>> {
        let of_frame = inst.args.iter().all(|arg| is_constant(trace, *arg)) && inst.region == Region::Frame;
        let slot = u32::try_from((inst.imm32 - self.host.layout.frame_locals) / 8).map_err(|_| "no slot")?;
        if !of_frame || inst.args.len() != 1 {
            return Ok(counterparts.get(&val).copied());
        }
        let locals = self.frames[0].locals.len() as u32;
        if let Some(at) = slot.checked_sub(locals) {
            let home = Own::StackSlot(at);
            return match self.frames[0].stack.get(at as usize) {
                Some(Sym::Obj(mine, own)) if *own == home => Ok(Some(*mine)),
                Some(Sym::Unchanged) => {
                    let frame = self.e.frame();
                    let mine = self.e.load(Uop::load_obj_unchecked, frame, None, inst.imm32, Region::Frame, None);
                    self.frames[0].stack[at as usize] = Sym::Obj(mine, home);
                    Ok(Some(mine))
                }
                _ => Err(format!("stack slot {at}")),
            };
        }
        // Nobody says that a variable is bound here as well.
        let null = |check: &Inst| matches!(check, Inst::Uop(check) if check.uop == Uop::guard_is && check.args[..] == [val] && check.imm64 == 0);
        if trace.insts.iter().any(null) {
            let mine = self.memory_of(slot);
            return Ok(Some(mine));
        }
        if let Sym::Obj(mine, own) = self.frames[0].locals[slot as usize].sym
            && own == Own::Slot(slot)
        {
            self.guard_bound(mine)?;
            return Ok(Some(mine));
        }
        let mine = self.bound_memory_of(slot);
        self.guard_bound(mine)?;
        if self.frames[0].locals[slot as usize].sym == Sym::Unchanged {
            self.frames[0].locals[slot as usize].sym = Sym::Obj(mine, Own::Slot(slot));
        }
        Ok(Some(mine))
    }

    /// Guards that a slot holds something.
    fn guard_bound(&mut self, val: Val) -> Attempt<()> {
        if self.e.type_of(val).is_none() && self.e.is_from_memory(val) {
            if self.e.refutes(Uop::guard_is_not, &[val], 0) {
                return Err("a variable that is unbound".to_string());
            }
            let snap = self.snap();
            self.e.pure(Uop::guard_is_not, &[val], 0, 0, Some(snap));
        }
        Ok(())
    }

    /// What is known of values, and of what memory holds, without an instruction that asks.
    fn renew_facts(&mut self, label: &LabelState, trace: &Trace, map: &FxHashMap<Val, Val>) -> Attempt<()> {
        let snap = self.snap();
        for (val, ty) in &label.granted.types {
            let Some(mine) = map.get(val) else { return Err(format!("the type of {val:?}")) };
            match self.e.type_of(*mine) {
                Some(known) if known == *ty => {}
                Some(_) => return Err(format!("the type of {val:?}")),
                None if is_constant(trace, *val) => {}
                None => self.e.guard_type(*mine, *ty, snap),
            }
        }
        for (val, range) in &label.granted.ranges {
            if label.phi_vals.contains(val) {
                continue;
            }
            let Some(mine) = map.get(val) else { return Err(format!("where {val:?} lies")) };
            if !self.keep_within(*mine, *range, snap) {
                return Err(format!("{val:?} lies elsewhere"));
            }
        }
        for (region, place, val) in &label.granted.memory {
            let loads = |inst: &Inst| match inst {
                Inst::Uop(inst) => {
                    let index = place.index.map(|(index, _)| index);
                    is_load(inst)
                        && (inst.region, inst.imm32) == (*region, place.disp)
                        && (inst.args.first(), inst.args.get(1)) == (Some(&place.base), index.as_ref())
                }
                _ => false,
            };
            let loaded = trace.insts.get(val.index()).is_some_and(loads);
            if *region == Region::Generators {
                // The slot itself says so.
                let in_place = |(place, slot): (u32, super::label::Slot)| {
                    let want = label.home(place).map(|local| &local.sym);
                    let have = self.numbered_frames().find(|(depth, _)| *depth == slot.0 as usize);
                    let have = have.and_then(|(_, frame)| frame.slot(slot.1, slot.2));
                    let home = Own::Slot(place);
                    want == Some(&Sym::Obj(*val, home))
                        && matches!((have, map.get(val)), (Some((Sym::Obj(have, own), _)), Some(mine)) if *own == home && have == mine)
                };
                if !self.homes().into_iter().any(in_place) {
                    return Err(format!("what memory holds: {val:?}"));
                }
                continue;
            }
            if loaded {
                continue;
            }
            let (Some(base), Some(mine), None) = (map.get(&place.base), map.get(val), place.index) else {
                return Err(format!("what memory holds: {val:?}"));
            };
            match trace.class(*val) {
                Some(Class::Obj) => {
                    let held = self.e.load(Uop::load_obj_unchecked, *base, None, place.disp, *region, None);
                    if held != *mine {
                        self.e.pure(Uop::guard_same, &[held, *mine], 0, 0, Some(snap));
                    }
                }
                Some(Class::Int) => {
                    let held = self.e.load(Uop::load_int, *base, None, place.disp, *region, None);
                    if held != *mine {
                        self.e.pure(Uop::guard_eq_int, &[held, *mine], 0, 0, Some(snap));
                    }
                }
                _ => return Err(format!("what memory holds: {val:?}")),
            }
        }
        for (region, place, uop, bits) in &label.granted.constants {
            let fails = || format!("what memory holds: {bits:#x}");
            let (Some(base), None) = (map.get(&place.base), place.index) else { return Err(fails()) };
            match uop {
                Uop::const_obj => {
                    let held = self.e.load(Uop::load_obj_unchecked, *base, None, place.disp, *region, None);
                    self.renew_check(Uop::guard_is, &[held], *bits).map_err(|()| fails())?;
                }
                Uop::const_int | Uop::const_int64 => {
                    let held = self.e.load(Uop::load_int, *base, None, place.disp, *region, None);
                    let wanted = self.e.int(*bits as i64);
                    self.renew_check(Uop::guard_eq_int, &[held, wanted], 0).map_err(|()| fails())?;
                }
                _ => return Err(fails()),
            }
        }
        for (uop, arg, val) in &label.granted.known {
            let (Some(arg), Some(mine)) = (map.get(arg), map.get(val)) else {
                return Err(format!("what {val:?} is"));
            };
            self.renew_number(*uop, *arg, *mine).map_err(|()| format!("what {val:?} is"))?;
        }
        for (uop, arg, bits) in &label.granted.numbers {
            let fails = || format!("what {arg:?} is");
            let arg = *map.get(arg).ok_or_else(fails)?;
            let wanted = self.e.int(*bits as i64);
            self.renew_number(*uop, arg, wanted).map_err(|()| fails())?;
        }
        Ok(())
    }

    /// Guards that an object is this number.
    fn renew_number(&mut self, uop: Uop, object: Val, wanted: Val) -> Result<(), ()> {
        if uop != Uop::unbox_int || self.e.type_of(object) != Some(self.host.objects.int) {
            return Err(());
        }
        let snap = self.snap();
        let number = self.e.pure(uop, &[object], 0, 0, Some(snap));
        if number == wanted { Ok(()) } else { self.renew_check(Uop::guard_eq_int, &[number, wanted], 0) }
    }

    /// Guards what is not known to be otherwise.
    fn renew_check(&mut self, guard: Uop, args: &[Val], imm64: u64) -> Result<(), ()> {
        if self.e.refutes(guard, args, imm64) {
            return Err(());
        }
        let snap = self.snap();
        self.e.pure(guard, args, 0, imm64, Some(snap));
        Ok(())
    }
}
