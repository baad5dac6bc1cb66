//! Where traces meet: a loop's label and its way back, exits and the side traces that continue them.
//!
//! What code that jumps to a label must provide is the label's state: the phis, and for every slot
//! that the loop takes for granted the very same value. A side trace whose final state fits jumps
//! there directly, in registers; one that does not fit puts everything into the frame and
//! enters the root trace at its start.

use super::state::{IterState, Local, Own, Sym};
use super::{AbortReason, Failure, Recorded, Recorder, Step};
use crate::event::Kind;
use crate::ir::{Inst, Region, Val};
use crate::snapshot::{BoxId, Source, Then};
use decal_uops::{Class, Uop};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a phi carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Carries {
    /// The number in this local (and in the others that hold the same object).
    Local(u32),
    /// The next value or index of this iterator.
    IterNext(Val),
    /// The values left of this iterator.
    IterLeft(Val),
}

/// What a label expects, in terms of the root trace's values.
#[derive(Clone, PartialEq, Debug)]
pub struct LabelState {
    /// The loop's head.
    pub head: u32,
    locals: Vec<Local>,
    stack: Vec<Sym>,
    iters: Vec<IterState>,
    phis: Vec<Carries>,
    /// The phis themselves, in the same order.
    phi_vals: Vec<Val>,
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
    /// The instruction that exits.
    pub exit: Val,
    /// The exit's snapshot.
    pub snap: crate::snapshot::SnapId,
    /// The label of the root trace, where it loops, and the values of its interface (phis first).
    pub label: Option<(&'a LabelState, &'a [Val])>,
    /// Whether `recorded` is that root trace.
    pub is_root: bool,
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

    /// For each value of the root's label interface behind the phis: the parent's value that holds it.
    fn carried(&self) -> Vec<(Val, Val)> {
        let Some((label, interface)) = self.label else {
            return Vec::new();
        };
        let trace = &self.recorded.trace;
        if self.is_root {
            if trace.label.is_none_or(|first| self.exit.0 < first) {
                return Vec::new();
            }
            return interface.iter().skip(label.phis.len()).map(|val| (*val, *val)).collect();
        }
        self.recorded.carried.clone()
    }
}

impl LabelState {
    /// The same with other numbers for the values. Phis that are gone are not asked for any more, and a value
    /// that is gone is one that the loop does not use.
    pub(super) fn renumbered(&self, number: &impl Fn(Val) -> Option<Val>) -> LabelState {
        let mut label = self.clone();
        let renumber = |val: &mut Val| *val = number(*val).unwrap_or(GONE);
        let sym = |sym: &mut Sym| {
            if let Sym::Int(val, _) | Sym::Float(val, _) | Sym::Bool(val) | Sym::Obj(val, _) = sym {
                renumber(val);
            }
        };
        for local in &mut label.locals {
            sym(&mut local.sym);
            if let Some(val) = &mut local.memory {
                renumber(val);
            }
        }
        label.stack.iter_mut().for_each(sym);
        for iter in &mut label.iters {
            renumber(&mut iter.iterator);
            renumber(&mut iter.next);
            if let Some(left) = &mut iter.left {
                renumber(left);
            }
        }
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
        if self.frames.len() != 1 {
            return Err(AbortReason::Stack.into());
        }
        for (slot, sym) in self.frames[0].stack.iter().enumerate() {
            if !matches!(sym, Sym::Unchanged)
                && !matches!(sym, Sym::Obj(_, Own::StackSlot(home)) if *home as usize == slot)
            {
                return Err(AbortReason::Stack.into());
            }
        }
        self.end_turn(head)?;
        let stack_vals: Vec<Val> = self.frames[0]
            .stack
            .iter()
            .filter_map(|sym| if let Sym::Obj(val, _) = sym { Some(*val) } else { None })
            .collect();
        self.iters.retain(|iter| stack_vals.contains(&iter.iterator));

        // One phi for each object that locals hold as a number, and for the fields of iterators.
        let mut entries: Vec<(Class, Val)> = Vec::new();
        let mut phis = Vec::new();
        let mut boxes: BTreeMap<BoxId, usize> = BTreeMap::new();
        let mut local_phi: Vec<Option<usize>> = vec![None; self.frames[0].locals.len()];
        for slot in 0..self.frames[0].locals.len() {
            let (class, val, id) = match self.frames[0].locals[slot].sym.clone() {
                Sym::Int(val, id) => (Class::Int, val, Some(id)),
                Sym::Float(val, id) => (Class::Float, val, Some(id)),
                Sym::Bool(val) => (Class::Int, val, None),
                Sym::Const(operand) if operand.kind == Kind::Bool => {
                    let val = self.e.int(operand.bits as i64);
                    self.frames[0].locals[slot].sym = Sym::Bool(val);
                    (Class::Int, val, None)
                }
                _ => continue,
            };
            let known = id.and_then(|id| boxes.get(&id).copied());
            let phi = known.unwrap_or_else(|| {
                entries.push((class, val));
                phis.push(Carries::Local(slot as u32));
                entries.len() - 1
            });
            if let Some(id) = id {
                boxes.insert(id, phi);
            }
            local_phi[slot] = Some(phi);
        }
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
        for (slot, phi) in local_phi.iter().enumerate() {
            let local = &mut self.frames[0].locals[slot];
            if self.written.contains(&(slot as u32)) {
                local.memory = None;
                if matches!(local.sym, Sym::Obj(..)) {
                    *local = Local::of(Sym::Unchanged);
                }
            }
            if let Some(phi) = *phi {
                local.sym = match local.sym {
                    Sym::Float(..) => Sym::Float(vals[phi], fresh[phi]),
                    Sym::Bool(_) => Sym::Bool(vals[phi]),
                    _ => Sym::Int(vals[phi], fresh[phi]),
                };
            }
        }
        let mut next = local_phi.iter().flatten().max().map_or(0, |last| last + 1);
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
        Ok(LabelState {
            head,
            locals: self.frames[0].locals.clone(),
            stack: self.frames[0].stack.clone(),
            iters: self.iters.clone(),
            phis,
            phi_vals: vals,
            relied,
            written: self.written.clone(),
            regions,
        })
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
        if self.frames.len() != 1 {
            return Err(AbortReason::Stack.into());
        }
        self.end_turn(label.head)?;
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
    /// The error names the locals that differ, or none where something else does.
    fn fit(
        &mut self,
        label: &LabelState,
        mine: &dyn Fn(Val) -> Option<Val>,
    ) -> Result<Vec<Val>, Option<BTreeSet<u32>>> {
        let mut bad = BTreeSet::new();
        let mut pairs: HashMap<BoxId, BoxId> = HashMap::new();
        let mut back: HashMap<BoxId, BoxId> = HashMap::new();
        let mut values: BTreeMap<u32, Val> = BTreeMap::new();
        if self.frames[0].locals.len() != label.locals.len() || self.frames[0].stack.len() != label.stack.len() {
            return Err(None);
        }
        for slot in 0..label.locals.len() {
            let want = &label.locals[slot];
            let have = self.frames[0].locals[slot].clone();
            let mut same_box =
                |a: BoxId, b: BoxId| *pairs.entry(a).or_insert(b) == b && *back.entry(b).or_insert(a) == a;
            let value = match (&want.sym, &have.sym) {
                (Sym::Int(_, a), Sym::Int(val, b)) | (Sym::Float(_, a), Sym::Float(val, b)) => {
                    same_box(*a, *b).then_some(Some(*val))
                }
                (Sym::Int(..), Sym::Const(c)) if c.kind == Kind::Int && (-5..=256).contains(&(c.bits as i64)) => {
                    // Small ints are one object each, so that a new one is the same.
                    Some(Some(self.e.int(c.bits as i64)))
                }
                (Sym::Bool(_), Sym::Bool(val)) => Some(Some(*val)),
                (Sym::Bool(_), Sym::Const(c)) if c.kind == Kind::Bool => Some(Some(self.e.int(c.bits as i64))),
                (Sym::Const(a), Sym::Const(b)) => (a.object == b.object).then_some(None),
                (Sym::Unchanged, Sym::Unchanged) => Some(None),
                (Sym::Unchanged, Sym::Obj(_, Own::Slot(home))) => (*home as usize == slot).then_some(None),
                (Sym::Obj(a, Own::Slot(_)), Sym::Obj(b, Own::Slot(home))) => (*home as usize == slot
                    && (*a == GONE && !self.written.contains(&(slot as u32))
                        || mine(*a) == Some(*b)
                        || !self.written.contains(&(slot as u32))))
                .then_some(None),
                (Sym::Obj(_, Own::Slot(_)), Sym::Unchanged) => (!self.written.contains(&(slot as u32))).then_some(None),
                (Sym::Null, Sym::Null) => Some(None),
                _ => None,
            };
            let memory_ok = want.memory.is_none()
                || !self.written.contains(&(slot as u32))
                || label.written.contains(&(slot as u32));
            let plain_ok = !want.plain
                || have.plain
                || matches!(have.sym, Sym::Unchanged)
                || !self.written.contains(&(slot as u32));
            match value {
                Some(value) if memory_ok && plain_ok => {
                    if let Some(value) = value {
                        values.insert(slot as u32, value);
                    }
                }
                _ => {
                    bad.insert(slot as u32);
                }
            }
        }
        if !bad.is_empty() {
            return Err(Some(bad));
        }
        for (slot, (want, have)) in label.stack.iter().zip(&self.frames[0].stack).enumerate() {
            let fits = match (want, have) {
                (_, Sym::Unchanged) => true,
                (Sym::Unchanged, Sym::Obj(_, Own::StackSlot(home))) => *home as usize == slot,
                (Sym::Obj(a, _), Sym::Obj(b, Own::StackSlot(home))) => {
                    *home as usize == slot && (*a == GONE || mine(*a).is_none_or(|a| a == *b))
                }
                _ => false,
            };
            if !fits {
                return Err(None);
            }
        }
        let mut args = Vec::new();
        for carries in &label.phis {
            let arg = match carries {
                Carries::Local(slot) => values.get(slot).copied(),
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
        if snapshot.then != Then::Resume {
            return Err(AbortReason::Exit);
        }
        self.consts = parent.recorded.consts.clone();
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
        let mut borrowed = Vec::new();
        let depth = snapshot.frames.len();
        for (index, frame) in snapshot.frames.iter().enumerate() {
            // The child recording numbers code objects in its own way.
            let object = trace.codes.get(frame.code.0 as usize).map(|code| code.object);
            let code = self.rec.codes.iter().position(|code| Some(code.object) == object).ok_or(AbortReason::Exit)?;
            let mut locals = Vec::new();
            for source in &frame.locals {
                let sym = self.resume(source, &map, &mut borrowed)?;
                let plain = index == 0 && !matches!(sym, Sym::Unchanged);
                locals.push(Local { sym, memory: None, plain });
            }
            let mut stack = Vec::new();
            for source in &frame.stack {
                stack.push(self.resume(source, &map, &mut borrowed)?);
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
                });
            }
        }
        // Iterators that the state knows by object are the ones on the stack.
        self.name_iterators();
        for val in borrowed {
            self.incref(val);
        }
        Ok(carried.into_iter().filter_map(|(root, parent)| Some((root, *map.get(&parent)?))).collect())
    }

    /// A stack slot that says "unchanged" may hold an iterator whose fields are in registers. Loading the slot must
    /// give the same value, so the slots are matched with the iterators, innermost last.
    fn name_iterators(&mut self) {
        if self.iters.len() > 1 {
            // Which slot holds which cannot be told; the memory is brought up to date instead.
            let layout = self.host.layout.clone();
            for iter in std::mem::take(&mut self.iters) {
                let disp = if iter.left.is_some() { layout.range_iter_start } else { iter.index_disp(&layout) };
                self.e.store(Uop::store_int, iter.iterator, None, iter.next, disp, Region::Iterators, None);
                if let Some(left) = iter.left {
                    self.e.store(
                        Uop::store_int,
                        iter.iterator,
                        None,
                        left,
                        layout.range_iter_len,
                        Region::Iterators,
                        None,
                    );
                }
            }
            self.e.heap().clobber(Region::Iterators);
        }
    }

    fn resume(&mut self, source: &Source, map: &HashMap<Val, Val>, borrowed: &mut Vec<Val>) -> Step<Sym> {
        let get = |val: &Val| map.get(val).copied().ok_or(AbortReason::Exit);
        Ok(match source {
            Source::Unchanged => Sym::Unchanged,
            Source::Null => Sym::Null,
            Source::Int(val, id) => Sym::Int(get(val)?, self.old_box(*id)),
            Source::Float(val, id) => Sym::Float(get(val)?, self.old_box(*id)),
            Source::Bool(val) => Sym::Bool(get(val)?),
            Source::Owned(val) => Sym::Obj(get(val)?, Own::Owned),
            Source::Borrowed(val) => {
                // Whoever keeps it alive is not known here.
                let val = get(val)?;
                borrowed.push(val);
                Sym::Obj(val, Own::Owned)
            }
            Source::Const(address) => Sym::Const(*self.consts.get(address).ok_or(AbortReason::Exit)?),
            Source::Tuple(items, id) => {
                let items = items.iter().map(|item| self.resume(item, map, borrowed)).collect::<Step<Vec<_>>>()?;
                Sym::Tuple(std::rc::Rc::new(items), self.old_box(*id))
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
        if label.head != head || self.frames.len() != 1 {
            return Ok(None);
        }
        let written = self.e.heap().written();
        if label.relied.iter().any(|region| written.contains(region)) {
            return Ok(None);
        }
        let mine: HashMap<Val, Val> = carried.iter().copied().collect();
        let missing = interface.iter().skip(label.phis.len()).any(|val| !mine.contains_key(val));
        if missing {
            return Ok(None);
        }
        self.snap = self.build_snapshot(head, Then::Resume);
        let Ok(mut args) = self.fit(label, &|val| mine.get(&val).copied()) else {
            return Ok(None);
        };
        self.turn_checks(head);
        args.extend(interface.iter().skip(label.phis.len()).filter_map(|val| mine.get(val).copied()));
        Ok(Some(args))
    }
}
