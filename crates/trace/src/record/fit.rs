//! Whether a state is what a label expects, and the phis' values if so.
//!
//! Numbers may differ, that is what phis are for; everything else must be the very same value, or be in the same place
//! in memory. Slots that hold one object at the label must hold one object here, and no others: identities are compared as a whole,
//! one to one.

use super::Recorder;
use super::carried_instances::{is_part, part_slot};
use super::label::{Carries, GONE, LabelState, SUSPENDED, Slot};
use super::state::{IterState, Own, Sym};
use crate::event::Kind;
use crate::ir::Val;
use crate::opt::emit::Emitter;
use crate::snapshot::{BoxId, Generator, Made};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

impl Recorder<'_> {
    /// The phis' values, if the state is what a label expects. `mine` gives the value that holds one of the root's. `renewed` says that
    /// these are not the root's values, but take their places.
    /// The error names the slots that differ and could be carried in another way, or none where something else differs.
    pub(super) fn fit(
        &mut self,
        label: &LabelState,
        mine: &dyn Fn(Val) -> Option<Val>,
        renewed: bool,
    ) -> Result<Vec<Val>, Option<BTreeSet<Slot>>> {
        let mut fitting = Fitting {
            label,
            first: None,
            mine,
            renewed,
            same: self.same.clone(),
            pairs: FxHashMap::default(),
            back: FxHashMap::default(),
            smalls: FxHashMap::default(),
            values: FxHashMap::default(),
        };
        let mut bad = BTreeSet::new();
        if self.has_held() || self.frames.len() != label.frames.len() || self.code_objects() != label.codes {
            return Err(None);
        }
        // What is suspended may have come there in another order.
        self.sort_suspended();
        if self.suspended.len() != label.suspended.len() {
            return Err(None);
        }
        for (depth, want) in label.all_frames() {
            let have = if depth < SUSPENDED { &self.frames[depth] } else { &self.suspended[depth - SUSPENDED] }.clone();
            let same_generator = match (want.generator, have.generator) {
                (Some(want), Some(have)) => {
                    let same = match (want.made, have.made) {
                        (Made::Object(want), Made::Object(have)) => want != GONE && fitting.same_value(want, have),
                        (Made::Never(want), Made::Never(have)) => {
                            let room = want.shell.is_some() || have.shell.is_none();
                            room && (want.code, want.globals) == (have.code, have.globals)
                        }
                        _ => false,
                    };
                    // While it runs, nobody can see whether it does for the first time.
                    same && want.number == have.number && (depth < SUSPENDED || want.begun == have.begun)
                }
                (want, have) => want == have,
            };
            if !same_generator {
                return Err(None);
            }
            let first = super::snapshots::first_place(depth, have.generator);
            fitting.first = first;
            let same_call = depth + 1 == label.frames.len() || (have.call, have.returns) == (want.call, want.returns);
            let same_size = have.locals.len() == want.locals.len() && have.stack.len() == want.stack.len();
            if !same_call || !same_size || have.function != want.function {
                return Err(None);
            }
            for (index, (want, have)) in want.locals.iter().zip(&have.locals).enumerate() {
                let index = index as u32;
                let place = first.map(|first| first + index);
                let rewritten = place.is_some_and(|place| self.written.contains(place));
                // The loop itself may have written it before the exit that led here.
                let by_loop = place.is_some_and(|place| label.written.contains(place));
                let (memory_ok, plain_ok) = match (renewed, place) {
                    (true, Some(place)) => {
                        // One that the loop does not use is not asked for.
                        let wanted = want.memory.and_then(mine);
                        let plain = |val: Val| self.is_plain(val);
                        let in_place =
                            matches!(have.sym, Sym::Obj(val, Own::Slot(home)) if home == place && plain(val));
                        let same = wanted.is_none_or(|wanted| self.memory_of(place) == wanted);
                        (same, !want.plain || have.plain || in_place)
                    }
                    _ => (
                        want.memory.is_none() || !rewritten || by_loop,
                        !want.plain || have.plain || !(rewritten || by_loop),
                    ),
                };
                let slot = (depth as u32, false, index);
                if !(memory_ok && plain_ok && fitting.fits(&mut self.e, slot, &want.sym, &have.sym, rewritten)) {
                    if place.is_none() && !(may_vary(&want.sym) && may_vary(&have.sym)) {
                        return Err(None);
                    }
                    bad.insert(slot);
                }
            }
            for (index, (want, have)) in want.stack.iter().zip(&have.stack).enumerate() {
                let slot = (depth as u32, true, index as u32);
                if !fitting.fits(&mut self.e, slot, want, have, false) {
                    if first.is_some() || !(may_vary(want) && may_vary(have)) {
                        return Err(None);
                    }
                    bad.insert(slot);
                }
            }
        }
        if !bad.is_empty() {
            return Err(Some(bad));
        }
        // Iterators that are carried themselves.
        let mut objects = FxHashMap::default();
        for (phi, carries) in label.phi_vals.iter().zip(&label.phis) {
            if let Carries::Object(slot) = carries
                && let Some(val) = fitting.values.get(&(*slot, 0))
            {
                objects.insert(*phi, *val);
            }
        }
        let mine = |val: Val| objects.get(&val).copied().or_else(|| mine(val));
        let mut args = Vec::new();
        for carries in &label.phis {
            let arg = match carries {
                Carries::Number(slot) | Carries::Object(slot) | Carries::Part(slot) | Carries::Borrowed(slot) => {
                    fitting.values.get(&(*slot, 0)).copied()
                }
                Carries::RangeNext(slot) => fitting.values.get(&(*slot, 1)).copied(),
                Carries::RangeLeft(slot) => fitting.values.get(&(*slot, 2)).copied(),
                Carries::RangeStep(slot) => fitting.values.get(&(*slot, 3)).copied(),
                Carries::Shell(number) => {
                    let is_it = |generator: &Generator| generator.number == *number;
                    let generator = self.all_frames().filter_map(|frame| frame.generator).find(is_it);
                    let shell = generator.and_then(|generator| generator.shell());
                    Some(shell.unwrap_or_else(|| self.e.object(0, 0)))
                }
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
}

/// Whether a slot of a call with this can be carried as an object.
fn may_vary(sym: &Sym) -> bool {
    !matches!(sym, Sym::Null | Sym::Unchanged | Sym::RangeIter(..) | Sym::Gen(_))
}

/// The comparison of a state with what a label expects.
struct Fitting<'a> {
    label: &'a LabelState,
    /// The number of the frame's first slot, where the frame has a place in memory.
    first: Option<u32>,
    mine: &'a dyn Fn(Val) -> Option<Val>,
    /// Whether the values only take the places of the label's: each slot that has one is asked.
    renewed: bool,
    /// Names that were checked to be of one object.
    same: Vec<(Val, Val)>,
    /// Identities of the label's objects and of ours must correspond one to one.
    pairs: FxHashMap<BoxId, BoxId>,
    back: FxHashMap<BoxId, BoxId>,
    /// Identities of the label's that are small ints here.
    smalls: FxHashMap<BoxId, u64>,
    /// Values for the phis: of numbers 0, of virtual iterators next 1, left 2, step 3.
    values: FxHashMap<(Slot, u8), Val>,
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
        let same = |mine: Val| mine == have || self.same.contains(&(mine, have));
        want == GONE || (self.mine)(want).is_some_and(same)
    }

    /// Whether a slot holds what the label expects there. `rewritten` says that memory of it was written.
    fn fits(&mut self, e: &mut Emitter, slot: Slot, want: &Sym, have: &Sym, rewritten: bool) -> bool {
        let first = self.first;
        let in_place = |home: u32| first.is_some_and(|first| home == first + slot.2);
        match (want, have) {
            (Sym::Int(_, a), Sym::Int(val, b)) | (Sym::Float(_, a), Sym::Float(val, b)) => {
                self.give(slot, 0, *val) && self.same_box(*a, *b)
            }
            (Sym::Int(_, a), Sym::Const(c)) if c.kind == Kind::Int && (-5..=256).contains(&(c.bits as i64)) => {
                // Small ints are one object each, so that a new one is the same.
                self.give(slot, 0, e.int(c.bits as i64)) && self.same_small(*a, c.bits)
            }
            (Sym::Obj(_, Own::Owned), Sym::Obj(val, Own::Owned)) if self.label.varying.contains(&slot) => {
                self.give(slot, 0, *val)
            }
            (Sym::Obj(_, Own::Container), Sym::Obj(val, own)) if self.label.borrowed.contains_key(&slot) => {
                let held = *own == Own::Container || matches!(own, Own::Slot(home) if in_place(*home));
                held && self.give(slot, 0, *val)
            }
            (Sym::Obj(_, Own::Owned), Sym::Obj(val, Own::Owned)) if is_part(slot) => self.give(slot, 0, *val),
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
            (Sym::Instance(parts, a), Sym::Instance(mine, b)) => {
                if self.pairs.get(a) == Some(b) {
                    // Another slot has it, too, and was compared.
                    return true;
                }
                let fits = |(at, (part, mine))| self.fits(e, part_slot(slot, at), part, mine, false);
                parts.len() == mine.len() && parts.iter().zip(&**mine).enumerate().all(fits) && self.same_box(*a, *b)
            }
            (Sym::Gen(a), Sym::Gen(b)) => a == b,
            (Sym::Unchanged, Sym::Unchanged) | (Sym::Null, Sym::Null) => true,
            (Sym::Unchanged, Sym::Obj(_, Own::Slot(home))) => !slot.1 && in_place(*home),
            (Sym::Unchanged, Sym::Obj(_, Own::StackSlot(home))) => slot.1 && in_place(*home),
            (Sym::Obj(a, Own::Slot(place)), Sym::Obj(b, Own::Slot(home))) if in_place(*home) && self.renewed => {
                *place == *home && (self.mine)(*a).is_none_or(|a| a == *b)
            }
            (Sym::Obj(a, Own::Slot(_)), Sym::Obj(b, Own::Slot(home))) if in_place(*home) => {
                !rewritten || self.same_value(*a, *b)
            }
            (Sym::Obj(a, Own::StackSlot(_)), Sym::Obj(b, Own::StackSlot(home))) if in_place(*home) => {
                // What memory held when the trace was entered, and nobody writes it inside of a loop.
                slot.1 && (self.mine)(*a).is_none_or(|a| a == *b)
            }
            (Sym::Obj(a, Own::Slot(home) | Own::StackSlot(home)), Sym::Unchanged) if self.renewed => {
                in_place(*home) && (self.mine)(*a).is_none()
            }
            (Sym::Obj(_, Own::Slot(_) | Own::StackSlot(_)), Sym::Unchanged) => !rewritten,
            (Sym::Obj(a, own), Sym::Obj(b, my_own)) => own == my_own && *a != GONE && self.same_value(*a, *b),
            _ => false,
        }
    }
}
