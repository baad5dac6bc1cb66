//! Where traces meet: a loop's label and its way back, exits and the side traces that continue them.
//!
//! What code that jumps to a label must provide is the label's state: the phis, and for every slot
//! that the loop takes for granted the very same value. A side trace whose final state fits jumps
//! there directly, in registers; one that does not fit puts everything into the frame and
//! enters the root trace at its start.

use super::state::{FrameState, IterState, Local, Own, Sym};
use super::{AbortReason, Failure, Recorded, Recorder, Step, Wrote};
use crate::event::Kind;
use crate::ir::{Inst, Region, Val};
use crate::opt::emit::Emitter;
use crate::opt::heap::Place;
use crate::snapshot::{BoxId, Source, Then};
use decal_uops::{Class, Uop};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A slot of the state: frame, whether on the operand stack, index.
type Slot = (u32, bool, u32);

/// What a phi carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Carries {
    /// The number in this slot (and in the others that hold the same object).
    Number(Slot),
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
}

/// What a label expects, in terms of the root trace's values.
#[derive(Clone, PartialEq, Debug)]
pub struct LabelState {
    /// The loop's head, in the innermost frame.
    pub head: u32,
    frames: Vec<FrameState>,
    /// Addresses of the frames' code objects.
    codes: Vec<u64>,
    iters: Vec<IterState>,
    phis: Vec<Carries>,
    /// The phis themselves, in the same order.
    phi_vals: Vec<Val>,
    /// Values that are constants: recordings of other traces number them in their own way.
    constants: BTreeMap<Val, u64>,
    /// Regions of which the loop's body takes the content for granted.
    relied: Vec<Region>,
    /// Locals of the entry frame that the loop writes in memory.
    written: BTreeSet<u32>,
    /// Regions that the loop writes.
    regions: Vec<Region>,
}

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
    /// Whether `recorded` is that trunk.
    pub is_trunk: bool,
    /// Whether the side trace may loop by itself.
    pub may_loop: bool,
}

impl Parent<'_> {
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
                | Uop::guard_last
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

impl LabelState {
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
        let sym = |sym: &mut Sym| match sym {
            Sym::Int(val, _) | Sym::Float(val, _) | Sym::Bool(val) | Sym::Obj(val, _) => renumber(val),
            Sym::RangeIter(next, step, left, _) => [next, step, left].into_iter().for_each(renumber),
            Sym::Unchanged | Sym::Null | Sym::Const(_) | Sym::Tuple(..) => {}
        };
        for frame in &mut label.frames {
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
        LabelState { phis, phi_vals, ..label }
    }
}

/// Stands for a value that dead code removal took away.
const GONE: Val = Val(u32::MAX);

impl Recorder<'_> {
    /// Ends the first pass and starts the loop's body.
    pub(super) fn begin_loop(&mut self, head: u32) -> Result<LabelState, Failure> {
        self.end_turn(head)?;
        self.adopt_ranges();
        self.flush_iterators(|state, iter| state.on_stack(iter.within.unwrap_or(iter.iterator)));
        self.settle_bools();
        self.check_stack()?;

        // One phi for each object that slots hold as a number, and for the fields of iterators.
        let mut entries: Vec<(Class, Val)> = Vec::new();
        let mut phis = Vec::new();
        let mut boxes: BTreeMap<BoxId, usize> = BTreeMap::new();
        let mut carried: Vec<(Slot, usize)> = Vec::new();
        let mut add = |class: Class, val: Val, carries: Carries| {
            entries.push((class, val));
            phis.push(carries);
            entries.len() - 1
        };
        for (slot, sym) in self.slots() {
            let (class, val, id) = match sym {
                Sym::Int(val, id) => (Class::Int, val, Some(id)),
                Sym::Float(val, id) => (Class::Float, val, Some(id)),
                Sym::Bool(val) => (Class::Int, val, None),
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
            entries.push((Class::Int, iter.next));
            phis.push(Carries::IterNext(iter.iterator));
            if let Some(left) = iter.left {
                entries.push((Class::Int, left));
                phis.push(Carries::IterLeft(iter.iterator));
            }
        }
        let regions = self.e.heap().written();
        let vals = self.e.label(&entries);

        let fresh: Vec<BoxId> = entries.iter().map(|_| self.new_box()).collect();
        for slot in 0..self.frames[0].locals.len() {
            let local = &mut self.frames[0].locals[slot];
            if self.written.contains(&(slot as u32)) {
                local.memory = None;
                if matches!(local.sym, Sym::Obj(_, Own::Slot(_))) {
                    *local = Local::of(Sym::Unchanged);
                }
            }
        }
        for (slot, phi) in carried {
            let sym = self.slot_mut(slot);
            *sym = match *sym {
                Sym::Float(..) => Sym::Float(vals[phi], fresh[phi]),
                Sym::Bool(_) => Sym::Bool(vals[phi]),
                Sym::RangeIter(_, step, ..) => {
                    let step = if phis.get(phi + 2) == Some(&Carries::RangeStep(slot)) { vals[phi + 2] } else { step };
                    Sym::RangeIter(vals[phi], step, vals[phi + 1], fresh[phi])
                }
                _ => Sym::Int(vals[phi], fresh[phi]),
            };
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
        }
        let relied = self.e.heap().relied_on().into_iter().filter(|region| *region != Region::Frame).collect();
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
            codes: self.code_objects(),
            iters: self.iters.clone(),
            phis,
            phi_vals: vals,
            constants,
            relied,
            written: self.written.clone(),
            regions,
        })
    }

    /// All slots and what they hold.
    fn slots(&self) -> Vec<(Slot, Sym)> {
        let mut list = Vec::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            let depth = depth as u32;
            list.extend(
                frame.locals.iter().enumerate().map(|(i, local)| ((depth, false, i as u32), local.sym.clone())),
            );
            list.extend(frame.stack.iter().enumerate().map(|(i, sym)| ((depth, true, i as u32), sym.clone())));
        }
        list
    }

    fn slot_mut(&mut self, (depth, stack, index): Slot) -> &mut Sym {
        let frame = &mut self.frames[depth as usize];
        if stack { &mut frame.stack[index as usize] } else { &mut frame.locals[index as usize].sym }
    }

    fn code_objects(&self) -> Vec<u64> {
        let object = |frame: &FrameState| self.rec.codes.get(frame.code.0 as usize).map_or(0, |code| code.object);
        self.frames.iter().map(object).collect()
    }

    fn on_stack(&self, iterator: Val) -> bool {
        let holds = |sym: &Sym| matches!(sym, Sym::Obj(val, _) if *val == iterator);
        self.frames.iter().any(|frame| frame.stack.iter().any(holds))
    }

    /// The iterator of a `range` that only the entry frame's stack holds becomes virtual, so that a turn of an outer loop
    /// can come back to the label with another one.
    fn adopt_ranges(&mut self) {
        if !self.options.optimize {
            return;
        }
        for slot in 0..self.frames[0].stack.len() {
            let Sym::Obj(iterator, Own::StackSlot(home)) = self.frames[0].stack[slot] else { continue };
            let Some(position) = self.iters.iter().position(|iter| iter.iterator == iterator) else { continue };
            let IterState { next, left: Some(left), sole: true, .. } = self.iters[position] else { continue };
            if home as usize != slot {
                continue;
            }
            let snap = self.snap();
            self.e.effect(Uop::guard_last, &[iterator], 0, 0, Region::Counts, Some(snap));
            let disp = self.host.layout.range_iter_step;
            let step = self.e.load(Uop::load_int, iterator, None, disp, Region::Fixed, None);
            let id = self.new_box();
            self.frames[0].stack[slot] = Sym::RangeIter(next, step, left, id);
            self.iters.remove(position);
            self.drop_all(&[iterator]);
            self.e.heap().forget(iterator);
        }
    }

    /// Brings iterators up to date in memory and forgets them, but those that `keep` says.
    fn flush_iterators(&mut self, keep: impl Fn(&Self, &IterState) -> bool) {
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
        for (slot, sym) in self.frames[0].stack.iter().enumerate() {
            match sym {
                Sym::Obj(_, Own::StackSlot(home)) if *home as usize != slot => return Err(AbortReason::Stack),
                Sym::Tuple(..) => return Err(AbortReason::Stack),
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts into memory what cannot stay in registers from turn to turn.
    fn end_turn(&mut self, head: u32) -> Step<()> {
        self.snap = self.build_snapshot(head, Then::Resume);
        self.raise_snap = None;
        for slot in 0..self.frames[0].locals.len() as u32 {
            let forced = self.flush.contains(&slot);
            let owned = matches!(
                self.frames[0].locals[slot as usize].sym,
                Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::RangeIter(..)
            );
            if forced || owned {
                self.flush_local(slot)?;
                self.snap = self.build_snapshot(head, Then::Resume);
                self.raise_snap = None;
            }
        }
        Ok(())
    }

    /// The checks of every turn.
    fn turn_checks(&mut self, head: u32) {
        let snap = self.build_snapshot(head, Then::Resume);
        self.e.effect(Uop::guard_quiet, &[], 0, 0, Region::Counts, Some(snap));
        self.e.effect(Uop::count_iteration, &[], 0, 0, Region::Counts, None);
    }

    /// Ends the loop's body: one value for each phi.
    pub(super) fn close_loop(&mut self, label: &LabelState) -> Result<Vec<Val>, Failure> {
        if self.frames.len() != label.frames.len() {
            return Err(AbortReason::Stack.into());
        }
        self.end_turn(label.head)?;
        // Those that the label does not carry are loaded anew in the next turn.
        self.flush_iterators(|_, iter| label.iters.iter().any(|kept| kept.iterator == iter.iterator));
        self.turn_checks(label.head);
        // What the body writes beyond the first pass was not expected at the label.
        if self.written != label.written {
            return Err(Failure::Flush(self.written.difference(&label.written).copied().collect()));
        }
        if self.e.heap().written() != label.regions {
            return Err(AbortReason::Unstable.into());
        }
        self.fit(label, &|val| Some(val)).map_err(|slots| match slots {
            Some(slots) => Failure::Flush(slots),
            None => Failure::Abort(AbortReason::Unstable),
        })
    }

    /// The phis' values, if the state is what a label expects. `mine` gives the value that holds one of the root's.
    /// The error names the locals of the entry frame that differ, or none where something else does.
    fn fit(
        &mut self,
        label: &LabelState,
        mine: &dyn Fn(Val) -> Option<Val>,
    ) -> Result<Vec<Val>, Option<BTreeSet<u32>>> {
        let mut fitting = Fitting {
            label,
            mine,
            pairs: HashMap::new(),
            back: HashMap::new(),
            smalls: HashMap::new(),
            values: HashMap::new(),
        };
        let mut bad = BTreeSet::new();
        if self.frames.len() != label.frames.len() || self.code_objects() != label.codes {
            return Err(None);
        }
        for (depth, want) in label.frames.iter().enumerate() {
            let have = self.frames[depth].clone();
            let same_call = depth + 1 == label.frames.len() || have.call == want.call;
            let same_size = have.locals.len() == want.locals.len() && have.stack.len() == want.stack.len();
            if !same_call || !same_size || have.function != want.function {
                return Err(None);
            }
            for (index, (want, have)) in want.locals.iter().zip(&have.locals).enumerate() {
                let index = index as u32;
                let rewritten = depth == 0 && self.written.contains(&index);
                let memory_ok = want.memory.is_none() || !rewritten || label.written.contains(&index);
                let plain_ok = !want.plain || have.plain || !rewritten;
                let slot = (depth as u32, false, index);
                if !(memory_ok && plain_ok && fitting.fits(&mut self.e, slot, &want.sym, &have.sym, rewritten)) {
                    if depth > 0 {
                        return Err(None);
                    }
                    bad.insert(index);
                }
            }
            for (index, (want, have)) in want.stack.iter().zip(&have.stack).enumerate() {
                if !fitting.fits(&mut self.e, (depth as u32, true, index as u32), want, have, false) {
                    return Err(None);
                }
            }
        }
        if !bad.is_empty() {
            return Err(Some(bad));
        }
        let mut args = Vec::new();
        for carries in &label.phis {
            let arg = match carries {
                Carries::Number(slot) => fitting.values.get(&(*slot, 0)).copied(),
                Carries::RangeNext(slot) => fitting.values.get(&(*slot, 1)).copied(),
                Carries::RangeLeft(slot) => fitting.values.get(&(*slot, 2)).copied(),
                Carries::RangeStep(slot) => fitting.values.get(&(*slot, 3)).copied(),
                Carries::IterNext(iterator) => self.iter_of(mine(*iterator)).map(|iter| iter.next),
                Carries::IterLeft(iterator) => self.iter_of(mine(*iterator)).and_then(|iter| iter.left),
            };
            args.push(arg.ok_or(None)?);
        }
        Ok(args)
    }

    fn iter_of(&self, iterator: Option<Val>) -> Option<IterState> {
        let iterator = iterator?;
        self.iters.iter().find(|iter| iter.iterator == iterator).cloned()
    }

    // ---- side traces ------------------------------------------------------------------------------

    /// Rebuilds the state of an exit: its values become parameters. Gives where the trace has the values
    /// of the root's label interface.
    pub(super) fn enter_side(&mut self, parent: &Parent<'_>) -> Step<Vec<(Val, Val)>> {
        let trace = &parent.recorded.trace;
        let snapshot = trace.snaps.get(parent.snap.0 as usize).ok_or(AbortReason::Exit)?;
        if snapshot.then == Then::Raise {
            return Err(AbortReason::Exit);
        }
        self.consts = parent.recorded.consts.clone();
        self.inherited = parent.wrote();
        let carried = parent.carried();
        let mut wanted: Vec<Val> = Vec::new();
        snapshot.each_value(&mut |val| wanted.push(val));
        wanted.extend(carried.iter().map(|(_, mine)| *mine));
        wanted.sort();
        wanted.dedup();
        let mut map: HashMap<Val, Val> = HashMap::new();
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
                    _ => return Err(AbortReason::Exit),
                };
                map.insert(*val, mine);
            }
        }
        let (mut borrowed, mut tuples) = (Vec::new(), HashMap::new());
        let holders = holders(snapshot);
        let depth = snapshot.frames.len();
        // What the parent knows of types at its exit still holds: nothing changes an object's type in a trace.
        for inst in trace.insts.iter().take(parent.exit.index()) {
            if let Inst::Uop(inst) = inst
                && inst.uop == Uop::guard_type
                && let Some(val) = inst.args.first().and_then(|val| map.get(val))
            {
                self.e.set_type(*val, inst.imm64);
            }
        }
        for (index, frame) in snapshot.frames.iter().enumerate() {
            // The child recording numbers code objects in its own way.
            let object = trace.codes.get(frame.code.0 as usize).map(|code| code.object);
            let code = self.rec.codes.iter().position(|code| Some(code.object) == object).ok_or(AbortReason::Exit)?;
            let mut locals = Vec::new();
            for (slot, source) in frame.locals.iter().enumerate() {
                locals.push(match source {
                    Source::Home(val) => {
                        let val = *map.get(val).ok_or(AbortReason::Exit)?;
                        Local { memory: Some(val), ..Local::of(Sym::Obj(val, Own::Slot(slot as u32))) }
                    }
                    _ => {
                        let sym = self.resume(source, &map, &holders, &mut borrowed, &mut tuples)?;
                        // What the trace left in memory below a value of its own may be dropped.
                        let plain = index == 0 && !matches!(sym, Sym::Unchanged);
                        Local { plain, ..Local::of(sym) }
                    }
                });
            }
            let mut stack = Vec::new();
            for (slot, source) in frame.stack.iter().enumerate() {
                stack.push(match source {
                    Source::Home(val) => Sym::Obj(*map.get(val).ok_or(AbortReason::Exit)?, Own::StackSlot(slot as u32)),
                    _ => self.resume(source, &map, &holders, &mut borrowed, &mut tuples)?,
                });
            }
            let call = if index + 1 == depth { (0, 0) } else { (frame.offset, frame.after) };
            self.frames.push(super::FrameState {
                code: crate::event::CodeId(code as u32),
                function: frame.function,
                locals,
                stack,
                call,
            });
        }
        self.max_depth = depth as u32 - 1;
        let layout = self.host.layout.clone();
        for store in &snapshot.stores {
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
                    sole: false,
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
        Ok(carried.into_iter().filter_map(|(root, parent)| Some((root, *map.get(&parent)?))).collect())
    }

    /// Which `enumerate` asks which iterator is what the root's label knows.
    fn name_enumerates(&mut self, parent: &Parent<'_>, carried: &[(Val, Val)], map: &HashMap<Val, Val>) {
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
        map: &HashMap<Val, Val>,
        holders: &HashMap<Val, Own>,
        borrowed: &mut Vec<Val>,
        tuples: &mut HashMap<BoxId, Sym>,
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
            Source::Const(address) => Sym::Const(*self.consts.get(address).ok_or(AbortReason::Exit)?),
            Source::Tuple(items, id) => {
                let id = self.old_box(*id);
                if let Some(known) = tuples.get(&id) {
                    return Ok(Self::duplicate(known));
                }
                let items = items
                    .iter()
                    .map(|item| self.resume(item, map, holders, borrowed, tuples))
                    .collect::<Step<Vec<_>>>()?;
                let tuple = Sym::Tuple(std::rc::Rc::new(items), id);
                tuples.insert(id, tuple.clone());
                tuple
            }
            Source::RangeIter(next, step, left, id) => {
                Sym::RangeIter(get(next)?, get(step)?, get(left)?, self.old_box(*id))
            }
        })
    }

    /// An identity of the parent trace; new ones are numbered after it.
    fn old_box(&mut self, id: BoxId) -> BoxId {
        self.next_box = self.next_box.max(id.0);
        id
    }

    /// The values to jump to the root's label with, if the state fits; none where it does not.
    pub(super) fn join(
        &mut self,
        parent: &Parent<'_>,
        carried: &[(Val, Val)],
        head: u32,
    ) -> Result<Option<Vec<Val>>, Failure> {
        let Some((label, interface)) = parent.label else {
            return Ok(None);
        };
        if label.head != head || self.frames.len() != label.frames.len() {
            return Ok(None);
        }
        let mine: HashMap<Val, Val> = carried.iter().copied().collect();
        let missing = interface.iter().skip(label.phis.len()).any(|val| !mine.contains_key(val));
        if missing {
            return Ok(None);
        }
        self.snap = self.build_snapshot(head, Then::Resume);
        self.raise_snap = None;
        let kept: Vec<Val> = label.iters.iter().filter_map(|iter| mine.get(&iter.iterator).copied()).collect();
        self.flush_iterators(|_, iter| kept.contains(&iter.iterator));
        let written = self.e.heap().written();
        let inherited = self.inherited.clone();
        if label.relied.iter().any(|region| written.contains(region) || inherited.regions.contains(region)) {
            return Ok(None);
        }
        self.written.extend(inherited.locals);
        let mine = |val: Val| mine.get(&val).copied();
        let mut fitted = self.fit(label, &mine);
        if let Err(Some(slots)) = &fitted {
            // Numbers that the loop does not carry go into memory, where the loop leaves them alone.
            for slot in slots {
                let sym = &self.frames[0].locals[*slot as usize].sym;
                let number = matches!(sym, Sym::Int(..) | Sym::Float(..) | Sym::Const(_));
                let in_memory =
                    label.frames[0].locals.get(*slot as usize).is_some_and(|local| local.sym == Sym::Unchanged);
                if !number || !in_memory {
                    return Ok(None);
                }
                self.flush_local(*slot)?;
                self.snap = self.build_snapshot(head, Then::Resume);
                self.raise_snap = None;
            }
            fitted = self.fit(label, &mine);
        }
        let Ok(mut args) = fitted else {
            return Ok(None);
        };
        self.turn_checks(head);
        args.extend(interface.iter().skip(label.phis.len()).filter_map(|val| mine(*val)));
        Ok(Some(args))
    }
}

/// The slots of a snapshot that keep an object alive which others borrow.
fn holders(snapshot: &crate::snapshot::Snapshot) -> HashMap<Val, Own> {
    fn owned(source: &Source, holders: &mut HashMap<Val, Own>) {
        match source {
            Source::Owned(val) => {
                holders.entry(*val).or_insert(Own::Virtual);
            }
            Source::Tuple(items, _) => items.iter().for_each(|item| owned(item, holders)),
            _ => {}
        }
    }
    let mut holders = HashMap::new();
    for frame in &snapshot.frames {
        for source in frame.locals.iter().chain(&frame.stack) {
            owned(source, &mut holders);
        }
    }
    for frame in snapshot.frames.iter().take(1) {
        for (slot, source) in frame.locals.iter().enumerate() {
            if let Source::Home(val) = source {
                holders.insert(*val, Own::Slot(slot as u32));
            }
        }
        for (slot, source) in frame.stack.iter().enumerate() {
            if let Source::Home(val) = source {
                holders.insert(*val, Own::StackSlot(slot as u32));
            }
        }
    }
    holders
}

/// The comparison of a state with what a label expects.
struct Fitting<'a> {
    label: &'a LabelState,
    mine: &'a dyn Fn(Val) -> Option<Val>,
    /// Identities of the label's objects and of ours must correspond one to one.
    pairs: HashMap<BoxId, BoxId>,
    back: HashMap<BoxId, BoxId>,
    /// Identities of the label's that are small ints here.
    smalls: HashMap<BoxId, u64>,
    /// Values for the phis: of numbers 0, of virtual iterators next 1, left 2, step 3.
    values: HashMap<(Slot, u8), Val>,
}

impl Fitting<'_> {
    fn same_box(&mut self, a: BoxId, b: BoxId) -> bool {
        !self.smalls.contains_key(&a) && *self.pairs.entry(a).or_insert(b) == b && *self.back.entry(b).or_insert(a) == a
    }

    /// All slots that hold this object of the label's must have the same number.
    fn same_small(&mut self, a: BoxId, bits: u64) -> bool {
        !self.pairs.contains_key(&a) && *self.smalls.entry(a).or_insert(bits) == bits
    }

    fn give(&mut self, slot: Slot, field: u8, val: Val) -> bool {
        self.values.insert((slot, field), val);
        true
    }

    fn same_value(&self, want: Val, have: Val) -> bool {
        want == GONE || (self.mine)(want) == Some(have)
    }

    /// Whether a slot holds what the label expects there. `rewritten` says that memory of it was written.
    fn fits(&mut self, e: &mut Emitter, slot: Slot, want: &Sym, have: &Sym, rewritten: bool) -> bool {
        // Only slots of the entry frame have a place in memory.
        let in_place = |home: u32| slot.0 == 0 && home == slot.2;
        match (want, have) {
            (Sym::Int(_, a), Sym::Int(val, b)) | (Sym::Float(_, a), Sym::Float(val, b)) => {
                self.give(slot, 0, *val) && self.same_box(*a, *b)
            }
            (Sym::Int(_, a), Sym::Const(c)) if c.kind == Kind::Int && (-5..=256).contains(&(c.bits as i64)) => {
                // Small ints are one object each, so that a new one is the same.
                self.give(slot, 0, e.int(c.bits as i64)) && self.same_small(*a, c.bits)
            }
            (Sym::Bool(_), Sym::Bool(val)) => self.give(slot, 0, *val),
            (Sym::Bool(_), Sym::Const(c)) if c.kind == Kind::Bool => self.give(slot, 0, e.int(c.bits as i64)),
            (Sym::RangeIter(_, step, _, a), Sym::RangeIter(next, my_step, left, b)) => {
                let same_step = match self.label.constants.get(step) {
                    Some(bits) => e.constant_of(*my_step) == Some(*bits),
                    None => self.give(slot, 3, *my_step),
                };
                same_step && self.give(slot, 1, *next) && self.give(slot, 2, *left) && self.same_box(*a, *b)
            }
            (Sym::Const(a), Sym::Const(b)) => a.object == b.object,
            (Sym::Unchanged, Sym::Unchanged) | (Sym::Null, Sym::Null) => true,
            (Sym::Unchanged, Sym::Obj(_, Own::Slot(home))) => !slot.1 && in_place(*home),
            (Sym::Unchanged, Sym::Obj(_, Own::StackSlot(home))) => slot.1 && in_place(*home),
            (Sym::Obj(a, Own::Slot(_)), Sym::Obj(b, Own::Slot(home))) if slot.0 == 0 => {
                in_place(*home) && (!rewritten || self.same_value(*a, *b))
            }
            (Sym::Obj(a, Own::StackSlot(_)), Sym::Obj(b, Own::StackSlot(home))) if slot.0 == 0 => {
                // What memory held when the trace was entered, and nobody writes it inside of a loop.
                slot.1 && in_place(*home) && (self.mine)(*a).is_none_or(|a| a == *b)
            }
            (Sym::Obj(_, Own::Slot(_) | Own::StackSlot(_)), Sym::Unchanged) => !rewritten,
            (Sym::Obj(a, own), Sym::Obj(b, my_own)) => own == my_own && *a != GONE && self.same_value(*a, *b),
            _ => false,
        }
    }
}
