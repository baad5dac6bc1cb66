//! Side traces: from the state at an exit to a label or out again.
//!
//! An exit's snapshot says what each slot held and where the values are. A side trace starts from just that: the values become its
//! parameters, in the registers where the exit leaves them, and slots that memory of the entry frame holds stay there. A side
//! trace whose final state fits its trunk's label jumps there directly, where need be after it has computed anew what the label
//! takes for granted ([`renew`](super::renew)); one that does not fit puts everything into the frame and enters the root trace at its
//! start, or loops by itself.

use super::label::{Carries, GONE, LabelState, Slot};
use super::snapshots::first_place;
use super::state::{IterState, Local, Own, Sym};
use super::virtual_instances::CLASS;
use super::written::Wrote;
use super::{AbortReason, Failure, Recorded, Recorder, Step};
use crate::event::{Kind, Operand};
use crate::ir::{Inst, Region, Trace, Val};
use crate::opt::heap::Place;
use crate::opt::range::Interval;
use crate::snapshot::{BoxId, Generator, SnapId, Source, Then};
use decal_uops::{Uop, offset};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The trace whose exit a side trace continues.
pub struct Parent<'a> {
    /// It.
    pub recorded: &'a Recorded,
    /// The instruction that exits, or the number behind the last one for the trace's end.
    pub exit: Val,
    /// The exit's snapshot.
    pub snap: crate::snapshot::SnapId,
    /// The label of its trunk, where that loops, and the values of the label's interface (phis first).
    pub label: Option<(&'a LabelState, &'a [Val])>,
    /// The trunk.
    pub trunk: &'a Trace,
    /// Whether `recorded` is that trunk.
    pub is_trunk: bool,
    /// Whether the side trace may loop by itself.
    pub may_loop: bool,
    /// Whether the exit is taken in a good part of the loop's turns.
    pub often: bool,
}

/// Whether this calls a C function that may refuse, so that its exit may also mean that no exception is set.
pub fn may_refuse(uop: Uop) -> bool {
    matches!(
        uop,
        Uop::call_obj_1
            | Uop::call_obj_2
            | Uop::call_obj_3
            | Uop::call_truth_2
            | Uop::call_truth_3
            | Uop::call_int_2
            | Uop::call_index
            | Uop::call_slice
            | Uop::call_store
            | Uop::call_fast
            | Uop::call_renew
    )
}

impl Parent<'_> {
    /// Whether a C function has refused to do the instruction, or something may die with it that may not die in a trace: the
    /// fast form would come to the same end.
    pub(super) fn was_refused(&self) -> bool {
        match self.recorded.trace.insts.get(self.exit.index()) {
            Some(Inst::Uop(inst)) => {
                let dies = matches!(inst.uop, Uop::guard_not_last | Uop::guard_droppable | Uop::guard_droppable_all);
                dies || may_refuse(inst.uop)
            }
            _ => false,
        }
    }

    /// Whether the uop that exited has a slower form that does not exit.
    pub(super) fn failed_fast_form(&self) -> bool {
        let Some(Inst::Uop(inst)) = self.recorded.trace.insts.get(self.exit.index()) else {
            return false;
        };
        matches!(
            inst.uop,
            Uop::add_int
                | Uop::sub_int
                | Uop::mul_int
                | Uop::neg_int
                | Uop::shl_int
                | Uop::pow_int
                | Uop::floordiv_int
                | Uop::small_int
                | Uop::ascii_char
                | Uop::guard_last
                | Uop::guard_not_last
                | Uop::guard_droppable
                | Uop::guard_droppable_all
        )
    }

    /// For each value of the trunk's label interface behind the phis: the parent's value that holds it.
    fn carried(&self) -> Vec<(Val, Val)> {
        let Some((label, interface)) = self.label else {
            return Vec::new();
        };
        let trace = &self.recorded.trace;
        if self.is_trunk {
            if trace.label.is_none_or(|first| self.exit.0 < first) {
                return Vec::new();
            }
            return interface.iter().skip(label.phis.len()).map(|val| (*val, *val)).collect();
        }
        self.recorded.carried.clone()
    }
}

impl Parent<'_> {
    /// What was written between the trunk and the exit: the label knows only what the trunk itself writes.
    fn wrote(&self) -> Wrote {
        let before = self.recorded.wrote.iter().rev().find(|(from, _)| *from <= self.exit);
        before.filter(|_| !self.is_trunk).map(|(_, wrote)| wrote.clone()).unwrap_or_default()
    }
}

impl Recorder<'_> {
    /// Rebuilds the state of an exit: its values become parameters. Gives where the trace has the values
    /// of the root's label interface.
    pub(super) fn enter_side(&mut self, parent: &Parent<'_>) -> Step<Vec<(Val, Val)>> {
        let trace = &parent.recorded.trace;
        let snapshot = trace.snaps.get(parent.snap).ok_or(AbortReason::Exit)?;
        let refused = snapshot.then == Then::Raise && self.rec.begins.is_none();
        if refused && self.refused.is_none() {
            return Err(AbortReason::Exit);
        }
        self.consts = parent.recorded.consts.clone();
        self.quiet_at = None;
        self.inherit(parent.wrote());
        let carried = parent.carried();
        let mut wanted: Vec<Val> = Vec::new();
        snapshot.each_value(&mut |val| wanted.push(val));
        wanted.extend(carried.iter().map(|(_, mine)| *mine));
        wanted.sort();
        wanted.dedup();
        let mut map: FxHashMap<Val, Val> = FxHashMap::default();
        map.reserve(wanted.len());
        let constant = |val: Val| match trace.insts.get(val.index()) {
            Some(Inst::Uop(inst)) if inst.args.is_empty() && inst.uop.info().effects.is_pure() => Some(inst.clone()),
            _ => None,
        };
        for val in wanted.iter().filter(|val| constant(**val).is_none()) {
            let class = trace.class(*val).ok_or(AbortReason::Exit)?;
            map.insert(*val, self.e.param(class, *val));
        }
        for val in &wanted {
            if let Some(inst) = constant(*val) {
                let mine = match inst.uop {
                    Uop::const_int => self.e.int(inst.imm32 as i64),
                    Uop::const_int64 => self.e.int(inst.imm64 as i64),
                    Uop::const_float => self.e.float(inst.imm64),
                    Uop::const_obj => self.e.object(inst.imm64, 0),
                    Uop::const_raw => self.e.raw(inst.imm64),
                    Uop::frame => self.e.frame(),
                    Uop::context => self.e.pure(Uop::context, &[], inst.imm32, 0, None),
                    _ => return Err(AbortReason::Exit),
                };
                map.insert(*val, mine);
            }
        }
        let (mut borrowed, mut tuples) = (Vec::new(), FxHashMap::default());
        let holders = holders(&snapshot);
        let depth = snapshot.frames.len();
        // What the parent knows of types at its exit still holds. Only Python code can change the type of an object, and not
        // of one of a builtin type.
        let general = |inst: &Inst| matches!(inst, Inst::Uop(inst) if inst.region == Region::Any);
        let before = &trace.insts[..parent.exit.index().min(trace.insts.len())];
        let last_general = before.iter().rposition(general);
        for (index, inst) in before.iter().enumerate() {
            if let Inst::Uop(inst) = inst
                && inst.uop == Uop::guard_type
                && (last_general < Some(index) || self.host.objects.is_builtin(inst.imm64))
                && let Some(val) = inst.args.first().and_then(|val| map.get(val))
            {
                self.e.set_type(*val, inst.imm64);
            }
        }
        if let (true, Some((label, _))) = (parent.is_trunk, parent.label) {
            for (phi, carries) in label.phi_vals.iter().zip(&label.phis) {
                if let Carries::Borrowed(slot) = carries
                    && let (Some(val), Some(ty)) = (map.get(phi), label.borrowed.get(slot))
                {
                    self.e.set_type(*val, *ty);
                }
            }
        }
        for (index, frame) in snapshot.all_frames().enumerate() {
            let mut generator = frame.generator;
            for val in generator.iter_mut().flat_map(Generator::values_mut) {
                *val = *map.get(val).ok_or(AbortReason::Exit)?;
            }
            let first = first_place(index, generator);
            // The child recording numbers code objects in its own way.
            let object = trace.codes.get(frame.code.0 as usize).map(|code| code.object);
            let code = self.rec.codes.iter().position(|code| Some(code.object) == object).ok_or(AbortReason::Exit)?;
            let mut locals = Vec::with_capacity(frame.locals.len());
            for (slot, source) in frame.locals.iter().enumerate() {
                let known = index == 0 && slot < 64 && snapshot.plain >> slot & 1 == 1;
                locals.push(match source {
                    Source::Home(val) => {
                        let val = *map.get(val).ok_or(AbortReason::Exit)?;
                        let place = first.ok_or(AbortReason::Inconsistent("home"))? + slot as u32;
                        Local { memory: Some(val), plain: known, sym: Sym::Obj(val, Own::Slot(place)) }
                    }
                    // The container still holds it, whoever else does: what memory of another local holds would be taken for
                    // what memory of this one does.
                    Source::Borrowed(val) if index == 0 => {
                        let val = *map.get(val).ok_or(AbortReason::Exit)?;
                        Local { plain: true, ..Local::of(Sym::Obj(val, Own::Container)) }
                    }
                    _ => {
                        let sym = self.resume(source, &map, &holders, &mut borrowed, &mut tuples)?;
                        // What the trace left in memory below a value of its own may be dropped.
                        let plain = known || first.is_some() && !matches!(sym, Sym::Unchanged);
                        Local { plain, ..Local::of(sym) }
                    }
                });
            }
            let mut stack = Vec::with_capacity(frame.stack.len() + 4);
            for (slot, source) in frame.stack.iter().enumerate() {
                stack.push(match source {
                    Source::Home(val) => {
                        let place = first.ok_or(AbortReason::Inconsistent("home"))? + slot as u32;
                        Sym::Obj(*map.get(val).ok_or(AbortReason::Exit)?, Own::StackSlot(place))
                    }
                    _ => self.resume(source, &map, &holders, &mut borrowed, &mut tuples)?,
                });
            }
            let real = frame.real.map(|real| map.get(&real).copied().ok_or(AbortReason::Exit)).transpose()?;
            // In the midst of a general operation they would be in memory.
            let in_trace = |source: &Source| !matches!(source, Source::Unchanged | Source::Null);
            let held = real.is_some() && generator.is_none() && frame.locals.iter().any(in_trace);
            let call = if index + 1 == depth { (0, 0) } else { (frame.offset, frame.after) };
            let frames = if index < depth { &mut self.frames } else { &mut self.suspended };
            let frame = super::FrameState {
                code: crate::event::CodeId(code as u32),
                function: frame.function,
                real,
                held,
                filled: false,
                generator,
                locals,
                stack,
                call,
                returns: frame.returns,
            };
            frames.push(frame.into());
        }
        if let Some(last) = self.frames.iter().rposition(|frame| frame.held) {
            self.hold_frames(last, false);
        }
        self.max_depth = depth as u32 - 1;
        let layout = self.host.layout.clone();
        for store in snapshot.stores {
            let base = *map.get(&store.base).ok_or(AbortReason::Exit)?;
            let value = *map.get(&store.value).ok_or(AbortReason::Exit)?;
            if store.disp == layout.range_iter_len {
                // Comes before the next value of the same iterator.
                self.iters.push(IterState {
                    iterator: base,
                    kind: Kind::RangeIter,
                    next: value,
                    left: Some(value),
                    dirty: true,
                    // As a rule; who relies on it asks.
                    sole: true,
                    within: None,
                });
            } else if let Some(iter) = self.iters.iter_mut().find(|iter| iter.iterator == base) {
                iter.next = value;
            } else {
                self.iters.push(IterState {
                    iterator: base,
                    kind: Kind::ListIter,
                    next: value,
                    left: None,
                    dirty: true,
                    sole: false,
                    within: None,
                });
            }
        }
        self.name_enumerates(parent, &carried, &map);
        // One that no slot names may be the same as one that memory holds.
        self.flush_iterators(|state, iter| state.on_stack(iter.within.unwrap_or(iter.iterator)));
        for val in borrowed {
            self.incref(val);
        }
        let offset = snapshot.frames.last().map_or(0, |frame| frame.offset);
        if refused {
            self.guard_no_exception(offset);
        }
        match self.rec.begins {
            Some(raised) => self.begin_raised(offset, raised)?,
            None => self.take_frames_back(offset),
        }
        Ok(carried.into_iter().filter_map(|(root, parent)| Some((root, *map.get(&parent)?))).collect())
    }

    /// Takes numbers out of objects in memory where the label carries numbers: behind an exception nothing else is known of
    /// locals. Leaves where somebody else holds the object, who could tell it from another one of the same number.
    fn take_numbers(&mut self, label: &LabelState, head: u32) {
        if self.rec.raised.is_empty() && self.rec.begins.is_none() {
            // What other general operations leave may be a number that is too large, and has a loop of its own.
            return;
        }
        let objects = &self.host.objects;
        let (int, float) = (objects.int, objects.float);
        for (place, _) in self.homes() {
            let ty = match label.home(place).map(|want| &want.sym) {
                Some(Sym::Int(..)) => int,
                Some(Sym::Float(..)) => float,
                _ => continue,
            };
            if !matches!(self.home(place).sym, Sym::Unchanged | Sym::Obj(_, Own::Slot(_))) {
                continue;
            }
            self.snap = self.build_snapshot(head, Then::Resume);
            self.raise_snap = None;
            let (val, snap, sole) = (self.bound_memory_of(place), self.snap, self.host.functions.is_sole);
            let mut named = 0;
            self.visit_syms(&mut |sym| named += u32::from(sym.object() == Some(val)));
            if named > u32::from(self.home(place).sym.object() == Some(val)) {
                continue;
            }
            self.e.guard_type(val, ty, snap);
            self.e.effect(Uop::call_truth_2, &[val, val], 0, sole, Region::Fixed, Some(snap));
            let sym = if ty == int {
                let number = self.e.pure(Uop::unbox_int, &[val], 0, 0, Some(snap));
                self.int_sym(number)
            } else {
                let disp = self.host.layout.float_value;
                let number = self.e.load(Uop::load_float, val, None, disp, Region::Fixed, None);
                self.float_sym(number)
            };
            *self.home(place) = Local { sym, memory: Some(val), plain: true };
        }
    }

    /// Which `enumerate` asks which iterator is what the root's label knows.
    fn name_enumerates(&mut self, parent: &Parent<'_>, carried: &[(Val, Val)], map: &FxHashMap<Val, Val>) {
        let mine = |root: Val| carried.iter().find(|(val, _)| *val == root).and_then(|(_, val)| map.get(val)).copied();
        let iters = parent.label.iter().flat_map(|(label, _)| &label.iters);
        for (inner, outer) in iters.filter_map(|iter| Some((mine(iter.iterator)?, mine(iter.within?)?))) {
            let both = [inner, outer].iter().all(|val| self.iters.iter().any(|iter| iter.iterator == *val));
            for iter in self.iters.iter_mut().filter(|_| both) {
                if iter.iterator == inner {
                    iter.within = Some(outer);
                } else if iter.iterator == outer {
                    iter.kind = Kind::Enumerate;
                }
            }
            if both {
                let place = Place { base: outer, index: None, disp: self.host.layout.enumerate_iterator };
                self.e.heap().learn(Region::Fixed, place, inner);
            }
        }
    }

    /// What a slot holds at the parent's exit. `tuples` are those that came before: one that comes again is the same object.
    fn resume(
        &mut self,
        source: &Source,
        map: &FxHashMap<Val, Val>,
        holders: &FxHashMap<Val, Own>,
        borrowed: &mut Vec<Val>,
        tuples: &mut FxHashMap<BoxId, Sym>,
    ) -> Step<Sym> {
        let get = |val: &Val| map.get(val).copied().ok_or(AbortReason::Exit);
        Ok(match source {
            Source::Unchanged => Sym::Unchanged,
            Source::Home(_) => return Err(AbortReason::Inconsistent("home")),
            Source::Null => Sym::Null,
            Source::Int(val, id) => Sym::Int(get(val)?, self.old_box(*id)),
            Source::Float(val, id) => Sym::Float(get(val)?, self.old_box(*id)),
            Source::Bool(val) => Sym::Bool(get(val)?),
            Source::Owned(val) => Sym::Obj(get(val)?, Own::Owned),
            Source::Borrowed(val) => {
                let mine = get(val)?;
                match holders.get(val) {
                    Some(holder) => Sym::Obj(mine, *holder),
                    None => {
                        // Whoever keeps it alive is not known here.
                        borrowed.push(mine);
                        Sym::Obj(mine, Own::Owned)
                    }
                }
            }
            Source::Generator(number) => Sym::Gen(*number),
            Source::Const(address) => Sym::Const(self.constant(*address).ok_or(AbortReason::Exit)?),
            Source::Tuple(items, id) | Source::Function(items, id) | Source::Instance(items, id) => {
                let id = self.old_box(*id);
                if let Some(known) = tuples.get(&id) {
                    return Ok(Self::duplicate(known));
                }
                let is_instance = matches!(source, Source::Instance(..));
                let class = items.get(CLASS).filter(|_| is_instance).cloned();
                let part = |(at, item): (usize, &Source)| {
                    // It need not be a constant of the program's.
                    if let (Some(Source::Const(class)), Source::Const(address)) = (&class, item)
                        && let Some(part) = self.fixed_part(*class, at, *address)
                    {
                        return Ok(part);
                    }
                    self.resume(item, map, holders, borrowed, tuples)
                };
                let items = items.iter().enumerate().map(part).collect::<Step<Vec<_>>>()?;
                let items = std::rc::Rc::new(items);
                let tuple = match source {
                    Source::Function(..) => Sym::Function(items, id),
                    Source::Instance(..) => Sym::Instance(items, id),
                    _ => Sym::Tuple(items, id),
                };
                tuples.insert(id, tuple.clone());
                tuple
            }
            Source::RangeIter(fields, id) => {
                let [next, step, left] = &**fields;
                Sym::RangeIter(get(next)?, get(step)?, get(left)?, self.old_box(*id))
            }
        })
    }

    /// An identity of the parent trace; new ones are numbered after it.
    fn old_box(&mut self, id: BoxId) -> BoxId {
        self.next_box = self.next_box.max(id.0);
        id
    }

    /// Leaves where an exception is set, as the exit that led here does.
    fn guard_no_exception(&mut self, offset: u32) {
        let snap = self.build_snapshot(offset, Then::Raise);
        let place = self.e.effect(Uop::context, &[], offset::THREAD, 0, Region::Fixed, None);
        let thread = self.e.effect(Uop::load_raw, &[place], 0, 0, Region::Any, None);
        let disp = self.host.leaf.thread_exception;
        let exception = self.e.effect(Uop::load_int, &[thread], disp, 0, Region::Any, None);
        let zero = self.e.int(0);
        self.e.pure(Uop::guard_eq_int, &[exception, zero], 0, 0, Some(snap));
    }

    /// Puts into the memory of the entry frame's stack what the label expects there. False where that cannot be.
    fn place_stack(&mut self, label: &LabelState, head: u32) -> Step<bool> {
        let want = label.frames.first().map_or(&[][..], |frame| &frame.stack);
        if self.frames.first().is_none_or(|frame| frame.stack.len() != want.len()) {
            return Ok(false);
        }
        for (slot, want) in want.iter().enumerate() {
            let home = Own::StackSlot(slot as u32);
            let have = &self.frames[0].stack[slot];
            let in_place = *have == Sym::Unchanged || matches!(have, Sym::Obj(_, own) if *own == home);
            if *want != Sym::Unchanged || in_place {
                continue;
            }
            if matches!(have, Sym::Obj(_, Own::StackSlot(_))) {
                return Ok(false);
            }
            // What was done last must not be done again where there is no memory for this.
            self.snap = self.build_snapshot(head, Then::Resume);
            self.raise_snap = None;
            self.flush_stack(slot as u32)?;
            self.snap = self.build_snapshot(head, Then::Resume);
        }
        Ok(true)
    }

    /// What the entry frame's stack has in memory is what the label knows by another name: this trace has looked for itself.
    fn know_stack(&mut self, label: &LabelState, mine: &FxHashMap<Val, Val>) {
        let want = label.frames.first().map_or(&[][..], |frame| &frame.stack);
        for (slot, want) in want.iter().enumerate() {
            let (Sym::Obj(known, _), home) = (want, Own::StackSlot(slot as u32)) else { continue };
            if let (Some(known), Sym::Obj(val, own)) = (mine.get(known).copied(), self.frames[0].stack[slot].clone())
                && own == home
                && val != known
                && !self.iters.iter().any(|iter| iter.iterator == val)
            {
                self.e.pure(Uop::guard_same, &[known, val], 0, 0, Some(self.snap));
                self.frames[0].stack[slot] = Sym::Obj(known, home);
            }
        }
    }

    /// The iterators in slots where the label carries iterators whose fields are in registers: their fields are, too.
    fn carried_iterators(&mut self, label: &LabelState) -> Vec<Val> {
        let mut kept = Vec::new();
        for (phi, carries) in label.phi_vals.iter().zip(&label.phis) {
            let Carries::Object(slot) = carries else { continue };
            let Some(iter) = label.iters.iter().find(|iter| iter.iterator == *phi) else { continue };
            if let Sym::Obj(val, _) = *self.slot_mut(*slot) {
                let seen = Operand { kind: iter.kind, ..Operand::NULL };
                self.iter_state(val, seen);
                kept.push(val);
            }
        }
        kept
    }

    /// Notes why the label cannot be joined.
    fn unjoined(&mut self, why: String) -> Option<Vec<Val>> {
        self.unjoined.push(why);
        None
    }

    /// In which way slots are not what the label expects.
    fn differences(&mut self, label: &LabelState, slots: &BTreeSet<Slot>) -> String {
        if slots.is_empty() {
            return "frames, the stack or iterators".to_string();
        }
        let mut list = Vec::new();
        for slot in slots {
            let want = label.frames.get(slot.0 as usize).and_then(|frame| frame.slot(slot.1, slot.2));
            let have = self.frames.get(slot.0 as usize).and_then(|frame| frame.slot(slot.1, slot.2));
            list.push(format!("{slot:?}: {want:?} expected, not {have:?}"));
        }
        list.join("; ")
    }

    /// The values to jump to the root's label with, if the state fits; none where it does not. `may_renew` says that what the label
    /// takes for granted may be computed anew.
    pub(super) fn join(
        &mut self,
        parent: &Parent<'_>,
        carried: &[(Val, Val)],
        head: u32,
        may_renew: bool,
    ) -> Result<Option<Vec<Val>>, Failure> {
        let Some((label, interface)) = parent.label else {
            return Ok(None);
        };
        if label.head != head || self.frames.len() != label.frames.len() {
            return Ok(self.unjoined("another loop".to_string()));
        }
        let mine: FxHashMap<Val, Val> = carried.iter().copied().collect();
        let missing: Vec<Val> =
            interface.iter().skip(label.phis.len()).copied().filter(|val| !mine.contains_key(val)).collect();
        // Who has none of the label's values may have left before the first pass had looked at them.
        let unseen = mine.is_empty() && label.granted.ranges.keys().any(|val| !label.phi_vals.contains(val));
        let kept = self.instances_of(label);
        self.settle_instances_at(head, &kept)?;
        self.own_parts(&kept, head)?;
        if self.settle_objects(head, &label.varying, &label.types).is_err() || !self.place_stack(label, head)? {
            return Ok(self.unjoined("the stack".to_string()));
        }
        if let Some(slot) = self.settle_borrowed(label, head)? {
            return Ok(self.unjoined(format!("{slot:?}: a number in a container expected")));
        }
        self.take_numbers(label, head);
        self.note_plain();
        self.snap = self.build_snapshot(head, Then::Resume);
        self.raise_snap = None;
        let args = if missing.is_empty() && !unseen {
            self.join_with(label, &mine, head)?.filter(|args| self.keep_promises(label, args, head))
        } else {
            self.unjoined(format!("values from before the loop: {missing:?}"))
        };
        if let Some(args) = args {
            return Ok(Some(self.jump(args, interface, label, &mine, head)));
        }
        if !may_renew {
            return Ok(None);
        }
        let mine = match self.renew(parent, &mine, head) {
            Ok(mine) => mine,
            Err(why) => return Ok(self.unjoined(format!("nor with new values: {why}"))),
        };
        self.carried_iterators(label);
        let fitted = self.fit(label, &|val| mine.get(&val).copied(), true);
        let whole = interface.iter().skip(label.phis.len()).all(|val| mine.contains_key(val));
        match fitted {
            Ok(args) if whole && self.keep_promises(label, &args, head) => {
                Ok(Some(self.jump(args, interface, label, &mine, head)))
            }
            fitted => {
                let differ = self.differences(label, &fitted.err().flatten().unwrap_or_default());
                Ok(self.unjoined(format!("nor with new values: {differ}")))
            }
        }
    }

    /// Sees to it that the phis get numbers that lie where the label promises. False where they do not.
    fn keep_promises(&mut self, label: &LabelState, args: &[Val], head: u32) -> bool {
        if label.granted.ranges.contains_key(&GONE) {
            // What was carried for that alone is not carried any more.
            self.unjoined.push("what is gone lies elsewhere, perhaps".to_string());
            return false;
        }
        let mut snap = None;
        for (phi, arg) in label.phi_vals.iter().zip(args) {
            let Some(range) = label.granted.ranges.get(phi) else { continue };
            let snap = *snap.get_or_insert_with(|| self.build_snapshot(head, Then::Resume));
            if !self.keep_within(*arg, *range, snap) {
                self.unjoined.push(format!("{phi:?} lies elsewhere"));
                return false;
            }
        }
        true
    }

    /// Leaves where a number does not lie within these bounds. False where it never does.
    pub(super) fn keep_within(&mut self, val: Val, range: Interval, snap: SnapId) -> bool {
        let known = self.e.range_of(val);
        if !known.meets(range) {
            return false;
        }
        for (uop, bound, holds) in
            [(Uop::guard_ge_int, range.lo, known.lo >= range.lo), (Uop::guard_le_int, range.hi, known.hi <= range.hi)]
        {
            if !holds {
                let bound = self.e.int(bound);
                self.e.pure(uop, &[val, bound], 0, 0, Some(snap));
            }
        }
        true
    }

    /// The checks of a turn, and all values to jump with.
    fn jump(
        &mut self,
        mut args: Vec<Val>,
        interface: &[Val],
        label: &LabelState,
        mine: &FxHashMap<Val, Val>,
        head: u32,
    ) -> Vec<Val> {
        self.turn_checks(head);
        self.credit();
        args.extend(interface.iter().skip(label.phis.len()).filter_map(|val| mine.get(val).copied()));
        args
    }

    /// The phis' values, where the values of the label that this trace has are what the label expects.
    fn join_with(
        &mut self,
        label: &LabelState,
        mine: &FxHashMap<Val, Val>,
        head: u32,
    ) -> Result<Option<Vec<Val>>, Failure> {
        self.know_stack(label, mine);
        let mut kept: Vec<Val> = label.iters.iter().filter_map(|iter| mine.get(&iter.iterator).copied()).collect();
        kept.extend(self.carried_iterators(label));
        self.flush_iterators(|_, iter| kept.contains(&iter.iterator));
        let inherited = self.inherited.clone();
        let misfit = label.relied.and(self.e.heap().written().or(inherited.regions));
        if !misfit.is_empty() {
            let unjoined = format!("written: {misfit:?}");
            self.misfit.regions = misfit;
            return Ok(self.unjoined(unjoined));
        }
        self.written.extend(inherited.locals.iter());
        let mine = |val: Val| mine.get(&val).copied();
        let mut fitted = self.fit(label, &mine, false);
        if let Err(Some(slots)) = &fitted {
            // Numbers that the loop does not carry go into memory, where the loop leaves them alone.
            let fixed = |slot: &Slot| {
                let local = label.frames.get(slot.0 as usize).and_then(|frame| frame.locals.get(slot.2 as usize));
                // Memory that was plain at the end of the trunk's turn is not, here.
                let plain = |local: &Local| local.plain && local.sym == Sym::Unchanged;
                let fixed = |local: &Local| matches!(local.sym, Sym::Obj(..) | Sym::Const(_)) || plain(local);
                !slot.1 && local.is_some_and(fixed)
            };
            self.misfit.slots = slots.iter().filter(|slot| fixed(slot)).copied().collect();
            let differ = self.differences(label, slots);
            if slots.iter().any(|slot| slot.1 || !self.has_place(*slot)) {
                return Ok(self.unjoined(differ));
            }
            let homes = self.homes();
            for (slot, _) in homes.iter().filter(|(_, slot)| slots.contains(slot)) {
                let sym = self.home(*slot).sym.clone();
                let number = matches!(sym, Sym::Int(..) | Sym::Float(..) | Sym::Const(_) | Sym::Null);
                let in_memory = label.home(*slot).is_some_and(|local| local.sym == Sym::Unchanged);
                if !number || !in_memory {
                    return Ok(self.unjoined(differ));
                }
                if self.keeps_numbers && matches!(sym, Sym::Int(..) | Sym::Float(..)) {
                    self.refused_numbers = true;
                    return Ok(self.unjoined(differ));
                }
                if self.home(*slot).sym == Sym::Null {
                    self.unbind_local(*slot);
                    self.home(*slot).plain = true;
                } else {
                    self.flush_local(*slot)?;
                    self.note_plain();
                }
                self.snap = self.build_snapshot(head, Then::Resume);
                self.raise_snap = None;
            }
            fitted = self.fit(label, &mine, false);
        }
        let Ok(args) = fitted else {
            let differ = self.differences(label, &fitted.err().flatten().unwrap_or_default());
            return Ok(self.unjoined(differ));
        };
        Ok(Some(args))
    }
}

/// The slots of a snapshot that keep an object alive which others borrow.
fn holders(snapshot: &crate::snapshot::Snapshot<'_>) -> FxHashMap<Val, Own> {
    fn owned(source: &Source, holders: &mut FxHashMap<Val, Own>) {
        match source {
            Source::Owned(val) => {
                holders.entry(*val).or_insert(Own::Virtual);
            }
            Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _) => {
                items.iter().for_each(|item| owned(item, holders));
            }
            _ => {}
        }
    }
    let mut holders = FxHashMap::default();
    for frame in snapshot.all_frames() {
        for source in frame.locals.iter().chain(frame.stack) {
            owned(source, &mut holders);
        }
    }
    for (index, frame) in snapshot.all_frames().enumerate() {
        let Some(first) = first_place(index, frame.generator) else { continue };
        for (slot, source) in frame.locals.iter().enumerate() {
            if let Source::Home(val) = source {
                holders.insert(*val, Own::Slot(first + slot as u32));
            }
        }
        for (slot, source) in frame.stack.iter().enumerate() {
            if let Source::Home(val) = source {
                holders.insert(*val, Own::StackSlot(first + slot as u32));
            }
        }
    }
    holders
}
