//! Checks that a trace neither loses a reference nor drops one too many.
//!
//! Walks the trace and counts, for each object, the references that the trace holds at that point: those that came with
//! new objects, that it took, and that stores pushed out of memory, less those that it dropped or stored. At each exit
//! these must be as many as the exit's snapshot hands over; what is borrowed hands over nothing. At the end of
//! a loop they must be as many as at its label.
//!
//! An object is what one value, under all its names, stands for. Two loads of the same object are two objects here, which
//! is right, as the recorder thinks so too. Slots of the entry frame's operand stack own what they hold until a
//! snapshot says that they hold something else: then the trace does.
//!
//! Not checked: truth values and small ints from the table, which nobody counts, and new objects where memory ran out:
//! the exit may leave some of them behind. Cost: instructions times objects that are held.

use crate::host::Host;
use crate::ir::{End, Inst, Region, Trace, UopInst, Val};
use crate::snapshot::{Frame, SnapId, Snapshot, Source};
use crate::verify::{At, Fault, VerifyError};
use decal_uops::{Class, Uop};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What memory a load or store is about: region, base, index with a constant's value, displacement.
type Place = (Region, Val, Option<(Val, Option<i32>)>, i32);

/// Checks the whole trace, which the verifier has passed. `entry` is the parent trace of a side trace with those that it
/// continues, and the snapshot of the exit.
///
/// # Errors
/// The first exit, or the end, at which references do not add up.
pub fn balance(trace: &Trace, host: &Host, entry: Option<(&[&Trace], Snapshot<'_>)>) -> Result<(), VerifyError> {
    let mut counts = Counts {
        trace,
        host,
        held: BTreeMap::new(),
        names: HashMap::new(),
        uncounted: BTreeSet::new(),
        asked: BTreeSet::new(),
        memory: HashMap::new(),
        stack: BTreeMap::new(),
        frames: Vec::new(),
        stacks: BTreeMap::new(),
    };
    if let Some((parents, snapshot)) = entry {
        counts.enter(parents, snapshot);
    }
    let mut at_label = BTreeMap::new();
    for (index, inst) in trace.insts.iter().enumerate() {
        let val = Val(index as u32);
        if trace.label == Some(index as u32) {
            counts.carry(|phi| match trace.insts.get(phi.index()) {
                Some(Inst::Phi { entry, .. }) => Some(*entry),
                _ => None,
            });
            at_label = counts.held.clone();
        }
        if let Inst::Uop(inst) = inst {
            // What a general operation gave is no object where it is null or a mark.
            let gone = counts.no_object(inst, true);
            if let Some(snap) = inst.snap.and_then(|snap| trace.snaps.get(snap)) {
                let may_leak =
                    makes(inst, host) || matches!(inst.uop, Uop::call_obj_1 | Uop::call_obj_2 | Uop::call_truth_2);
                counts.compare(snap, may_leak).map_err(|fault| VerifyError { at: At::Inst(val), fault })?;
            }
            if let Some(gone) = gone {
                counts.add(gone, 1);
            }
            let _ = counts.no_object(inst, false);
            counts.step(val, inst);
        }
    }
    let outcome = match &trace.end {
        End::Loop(args) => {
            let phis: Vec<Val> = trace.phis().collect();
            counts.carry(|phi| args.get(phis.iter().position(|known| *known == phi)?).copied());
            counts.differ(&counts.held, &at_label, false)
        }
        End::Exit(snap) => trace.snaps.get(*snap).map_or(Ok(()), |snap| counts.compare(snap, false)),
        // The exit that asks whether all is quiet comes right before, and hands over what the label expects.
        End::Join(_) => Ok(()),
    };
    outcome.map_err(|fault| VerifyError { at: At::End, fault })
}

struct Counts<'a> {
    trace: &'a Trace,
    host: &'a Host,
    /// References, by the object's first name.
    held: BTreeMap<Val, i64>,
    /// First names of those that have several.
    names: HashMap<Val, Val>,
    uncounted: BTreeSet<Val>,
    /// Results that were asked whether they are no object, and which one that would be.
    asked: BTreeSet<(Val, u64)>,
    /// What memory holds where this trace has looked or stored.
    memory: HashMap<Place, Val>,
    /// What slots of the entry frame's stack held when the trace was entered.
    stack: BTreeMap<usize, Val>,
    /// What frames have that were made for a general operation.
    frames: Vec<(Val, Val)>,
    /// The same for generators' frames, by generator.
    stacks: BTreeMap<(Val, usize), Val>,
}

impl Counts<'_> {
    /// Phis take over the references of what they carry.
    fn carry(&mut self, carried: impl Fn(Val) -> Option<Val>) {
        let trace = self.trace;
        let owned = |phi: &Val| {
            matches!(trace.insts.get(phi.index()), Some(Inst::Phi { class: Class::Obj, borrowed: false, .. }))
        };
        let phis = trace.phis().filter(owned);
        let pairs: Vec<(Val, Val)> = phis.filter_map(|phi| Some((phi, carried(phi)?))).collect();
        for (phi, val) in pairs {
            self.add(val, -1);
            self.add(phi, 1);
        }
    }

    fn name(&self, val: Val) -> Val {
        self.names.get(&val).copied().unwrap_or(val)
    }

    fn add(&mut self, val: Val, count: i64) {
        let name = self.name(val);
        *self.held.entry(name).or_default() += count;
    }

    /// Whether this trace has made the object.
    fn is_new(&self, val: Val) -> bool {
        matches!(self.trace.insts.get(val.index()), Some(Inst::Uop(inst)) if makes(inst, self.host))
    }

    /// Parameters hold what the parent's exit hands over.
    fn enter(&mut self, parents: &[&Trace], snapshot: Snapshot<'_>) {
        let (trace, [parent, ..]) = (self.trace, parents) else { return };
        let constant = |trace: &Trace, val: Val| match trace.insts.get(val.index()) {
            Some(Inst::Uop(inst)) if inst.uop == Uop::const_obj => Some(inst.imm64),
            _ => None,
        };
        let param = |val: Val| match trace.origins.iter().position(|origin| *origin == val) {
            Some(index) => Some(Val(index as u32)),
            // Constants are made anew, if they are used at all.
            None => {
                let object = constant(parent, val)?;
                (0..trace.insts.len() as u32).map(Val).find(|mine| constant(trace, *mine) == Some(object))
            }
        };
        // Two names of one object in the parent, or in one that it continues, are so here.
        let original = |mut val: Val| {
            let mut level = 0;
            while let Some(trace) = parents.get(level) {
                match trace.insts.get(val.index()) {
                    Some(Inst::Uop(UopInst { uop: Uop::renamed, args, .. })) if args.len() == 1 => val = args[0],
                    Some(Inst::Param(_)) if level + 1 < parents.len() => {
                        let Some(origin) = trace.origins.get(val.index()) else { break };
                        (val, level) = (*origin, level + 1);
                    }
                    _ => break,
                }
            }
            (level, val)
        };
        for (index, origin) in trace.origins.iter().enumerate() {
            let first = trace.origins.iter().position(|other| original(*other) == original(*origin));
            if let Some(first) = first.filter(|first| *first < index) {
                self.names.insert(Val(index as u32), Val(first as u32));
            }
        }
        for (val, count) in handed(snapshot) {
            if let Some(mine) = param(val) {
                self.add(mine, count);
            }
        }
        for frame in snapshot.all_frames() {
            let Some(generator) = frame.generator.and_then(|its| its.object()).and_then(param) else { continue };
            for (slot, source) in frame.stack.iter().enumerate() {
                if let Source::Home(val) = source
                    && let Some(mine) = param(*val)
                {
                    self.stacks.insert((generator, slot), mine);
                }
            }
            for (slot, source) in frame.locals.iter().enumerate() {
                if let Source::Home(val) = source
                    && let Some(mine) = param(*val)
                {
                    let disp = self.host.layout.generator_locals + 8 * slot as i32;
                    self.memory.insert((Region::Generators, generator, None, disp), mine);
                }
            }
        }
        let Some(frame) = snapshot.frames.first() else { return };
        for (slot, source) in frame.stack.iter().enumerate() {
            if let Source::Home(val) = source
                && let Some(mine) = param(*val)
            {
                self.stack.insert(slot, mine);
            }
        }
        for (slot, source) in frame.locals.iter().enumerate() {
            if let Source::Home(val) = source
                && let Some(mine) = param(*val)
            {
                // Whoever stores there names the frame, which is one value in a trace.
                self.memory.insert((Region::Frame, FRAME, None, self.host.layout.frame_locals + 8 * slot as i32), mine);
            }
        }
    }

    /// The number of locals of a generator's frame.
    fn locals_of(&self, generator: Val) -> Option<i32> {
        let is_its = |frame: &Frame<'_>| {
            frame.generator.and_then(|its| its.object()).is_some_and(|val| self.name(val) == generator)
        };
        let frame = self.trace.snaps.iter().flat_map(|snap| snap.all_frames()).find(is_its)?;
        self.trace.codes.get(frame.code.0 as usize).map(|code| code.locals as i32)
    }

    /// The number of the entry frame's locals.
    fn locals(&self) -> i32 {
        let frame = self.trace.snaps.get(SnapId(0)).and_then(|snap| snap.frames.first());
        frame.and_then(|frame| self.trace.codes.get(frame.code.0 as usize)).map_or(0, |code| code.locals as i32)
    }

    fn place(&self, inst: &UopInst, base: Val, index: Option<Val>) -> Place {
        let constant = |val: Val| match self.trace.insts.get(val.index()) {
            Some(Inst::Uop(inst)) if inst.uop == Uop::const_int => Some(inst.imm32),
            _ => None,
        };
        let base = match self.trace.insts.get(base.index()) {
            Some(Inst::Uop(inst)) if inst.uop == Uop::frame => FRAME,
            _ => self.name(base),
        };
        (inst.region, base, index.map(|val| (val, constant(val))), inst.imm32)
    }

    /// The result of a general operation that is known to be no object where this guard fails (or holds): its count is
    /// taken away.
    fn no_object(&mut self, inst: &UopInst, fails: bool) -> Option<Val> {
        let wanted = if fails { Uop::guard_is_not } else { Uop::guard_is };
        let marks = [0, self.host.objects.exhausted];
        let val = *inst.args.first().filter(|_| inst.uop == wanted && marks.contains(&inst.imm64))?;
        match self.trace.insts.get(val.index()) {
            Some(Inst::Uop(made))
                if (gives_any(made.uop) || self.steps(made) && inst.imm64 != 0)
                // Asked once more, when memory may have it by then: it is not.
                && (!fails || self.asked.insert((val, inst.imm64))) =>
            {
                self.add(val, -1);
                Some(val)
            }
            _ => None,
        }
    }

    /// Whether nobody counts the references to the object at this address, or there is none.
    fn is_immortal(&self, object: u64) -> bool {
        let objects = &self.host.objects;
        let small = objects.small_ints..objects.small_ints + 262 * 32;
        [0, objects.none, objects.true_, objects.false_].contains(&object) || small.contains(&object)
    }

    /// A new iterator has a reference to what it iterates over.
    fn iterates(&mut self, val: Val, inst: &UopInst) {
        let (functions, layout) = (&self.host.functions, &self.host.layout);
        let disp = match inst.imm64 {
            function if function == functions.new_list_iter => layout.list_iter_list,
            function if function == functions.new_tuple_iter => layout.tuple_iter_tuple,
            _ => return,
        };
        if let (Uop::call_obj_1, [sequence]) = (inst.uop, &inst.args[..]) {
            self.memory.insert((Region::Iterators, self.name(val), None, disp), *sequence);
        }
    }

    /// Whether it steps an iterator, whose end is no object.
    fn steps(&self, inst: &UopInst) -> bool {
        inst.uop == Uop::call_obj_1 && inst.imm64 == self.host.leaf.next && inst.imm64 != 0
    }

    fn step(&mut self, val: Val, inst: &UopInst) {
        if inst.region == Region::Any {
            self.step_any(val, inst);
            return;
        }
        match (inst.uop, &inst.args[..]) {
            // It gives itself back, or a new one.
            (Uop::call_obj_3, [shell, ..]) if inst.imm64 == self.host.functions.new_generator_in => {
                self.add(*shell, -1);
                self.add(val, 1);
            }
            (Uop::incref, [object]) => self.add(*object, 1),
            (Uop::decref_plain | Uop::decref_plain_or_null | Uop::decref_or_exit, [object]) => self.add(*object, -1),
            (Uop::renamed, [object]) => {
                let name = self.name(*object);
                self.names.insert(val, name);
            }
            (Uop::guard_same, [a, b]) => self.unite(*a, *b),
            (Uop::new_int, _) if inst.imm64 == self.host.functions.new_bool => {
                self.uncounted.insert(val);
            }
            (Uop::small_int | Uop::ascii_char, _) => {
                self.uncounted.insert(val);
            }
            // Known to be null.
            (Uop::guard_is, [object]) if inst.imm64 == 0 => {
                self.uncounted.insert(self.name(*object));
            }
            (Uop::const_obj | Uop::const_raw, _) if self.is_immortal(inst.imm64) => {
                self.uncounted.insert(val);
            }
            (
                Uop::new_int
                | Uop::new_float
                | Uop::new_sequence
                | Uop::call_obj_1
                | Uop::call_obj_2
                | Uop::call_obj_3
                | Uop::call_fast
                | Uop::call_index
                | Uop::call_slice,
                _,
            ) => {
                self.add(val, 1);
                self.iterates(val, inst);
            }
            (Uop::call_renew, [old, _]) => {
                self.add(*old, -1);
                self.add(val, 1);
            }
            (Uop::renew_float | Uop::renew_int, [_, old]) => {
                self.add(*old, -1);
                self.add(val, 1);
            }
            (Uop::load_obj | Uop::load_obj_unchecked, [base]) => {
                let place = self.place(inst, *base, None);
                self.memory.insert(place, val);
                let locals = self.locals();
                let slot = (inst.imm32 - self.host.layout.frame_locals) / 8 - locals;
                if place.0 == Region::Frame && place.1 == FRAME && slot >= 0 {
                    self.stack.insert(slot as usize, val);
                }
                self.note_stack(place, val);
            }
            (Uop::load_item, [base, index]) => {
                let place = self.place(inst, *base, Some(*index));
                self.memory.insert(place, val);
            }
            (Uop::store_obj, [base, value]) => {
                let place = self.place(inst, *base, None);
                self.store(place, Some(*value));
                self.note_stack(place, *value);
            }
            (Uop::store_item, [base, index, value]) => self.store(self.place(inst, *base, Some(*index)), Some(*value)),
            (Uop::call_any_int_2, [object, _])
                if [self.host.functions.generator_end, self.host.functions.end_delegation].contains(&inst.imm64) =>
            {
                // Its operand stack is empty by then: the trace holds what was there.
                let generator = self.name(*object);
                self.take_stack(generator);
                if inst.imm64 == self.host.functions.end_delegation {
                    // Whom it returns to has not got it any more.
                    let names = &self.names;
                    let is_it = |val: &Val| names.get(val).copied().unwrap_or(*val) == generator;
                    self.memory.retain(|_, val| !is_it(val));
                    self.stacks.retain(|_, val| !is_it(val));
                }
            }
            // A generator that stays suspended as it is now: what it had above belongs to the trace.
            (Uop::store_int, [object, depth]) if self.is_depth(inst) => {
                let generator = self.name(*object);
                // The lower half of that word.
                let slots = self.constant_of(*depth).map_or(0, |word| i64::from(word as i32));
                let kept = slots - self.locals_of(generator).map_or(0, i64::from);
                let stacks = std::mem::take(&mut self.stacks).into_iter();
                let is_kept = |(known, slot): &(Val, usize)| *known != generator || (*slot as i64) < kept;
                let (kept, above) = stacks.partition(|(key, _)| is_kept(key));
                self.stacks = kept;
                let above: BTreeMap<(Val, usize), Val> = above;
                above.into_values().for_each(|val| self.add(val, 1));
                // What it keeps is its own, until the trace goes on in it and takes it from there.
                let first = self.host.layout.generator_locals + 8 * self.locals_of(generator).unwrap_or(0);
                let on_its_stack =
                    |place: &Place| (place.0, place.1) == (Region::Generators, generator) && place.3 >= first;
                self.memory.retain(|place, _| !on_its_stack(place));
            }
            // A generator whose content the trace takes over.
            (Uop::store_byte, [object, _, state]) if self.is_spent(inst, *state) => {
                let generator = self.name(*object);
                self.take_stack(generator);
            }
            (Uop::store_null, [base]) => self.store(self.place(inst, *base, None), None),
            _ => {}
        }
    }

    /// A part of a general operation. What memory held is not known after it.
    fn step_any(&mut self, val: Val, inst: &UopInst) {
        match (inst.uop, &inst.args[..]) {
            // Frames that are made have the references as long as they are there.
            (Uop::store_obj, [frame, value]) => {
                self.add(*value, -1);
                self.frames.push((*frame, *value));
            }
            (Uop::pop_frame, [frame]) => {
                let (back, kept) = self.frames.drain(..).partition(|(known, _)| known == frame);
                self.frames = kept;
                let back: Vec<(Val, Val)> = back;
                back.into_iter().for_each(|(_, value)| self.add(value, 1));
            }
            // What a call takes over.
            (Uop::decref_plain | Uop::decref_plain_or_null | Uop::set_context, [object]) => self.add(*object, -1),
            (Uop::load_obj_unchecked, _) => self.add(val, 1),
            (uop, _) if gives_any(uop) => {
                self.memory.clear();
                self.forget_stacks(val);
                self.add(val, 1);
            }
            // The frame of the trace is its own.
            (Uop::call_native, _) => {
                self.memory.retain(|place, _| matches!(place.0, Region::Frame | Region::Fixed));
                self.forget_stacks(val);
                self.add(val, 1);
            }
            (Uop::call_any_int_1 | Uop::call_any_int_2 | Uop::call_any_int_3, _) => {
                self.memory.clear();
                self.forget_stacks(val);
                if let (true, [_, slots, _]) = (inst.imm64 == self.host.functions.raising.keep_results, &inst.args[..])
                {
                    self.keep_results(*slots);
                }
            }
            _ => {}
        }
    }

    /// What a generator that is suspended here has on its operand stack may be anything after a general operation, which may have
    /// run it. One that the trace is in stays as it is: the exit behind has its frame.
    fn forget_stacks(&mut self, operation: Val) {
        let trace = self.trace;
        let behind = trace.insts.iter().skip(operation.index());
        let snap = behind.filter_map(|inst| if let Inst::Uop(inst) = inst { inst.snap } else { None }).next();
        let Some(snapshot) = snap.and_then(|snap| trace.snaps.get(snap)) else { return };
        let of = |frame: Frame<'_>| frame.generator.and_then(|its| its.object()).map(|val| self.name(val));
        let entered: Vec<Val> = snapshot.all_frames().filter_map(of).collect();
        self.stacks.retain(|(generator, _), _| entered.contains(generator));
    }

    /// Slots of the entry frame's stack that the trace has taken before get something else, which is theirs.
    fn keep_results(&mut self, slots: Val) {
        let Some(Inst::Uop(inst)) = self.trace.insts.get(slots.index()) else { return };
        let (first, count) = (inst.imm64 as u32 as usize, (inst.imm64 >> 32) as usize);
        let taken: Vec<Val> = (first..first + count).filter_map(|slot| self.stack.remove(&slot)).collect();
        taken.into_iter().for_each(|val| self.add(val, 1));
    }

    /// What a generator's operand stack held is the trace's.
    fn take_stack(&mut self, generator: Val) {
        let (its, others) = std::mem::take(&mut self.stacks).into_iter().partition(|(key, _)| key.0 == generator);
        self.stacks = others;
        let its: BTreeMap<(Val, usize), Val> = its;
        its.into_values().for_each(|val| self.add(val, 1));
    }

    /// Two objects have turned out to be one.
    fn unite(&mut self, a: Val, b: Val) {
        let (a, b) = (self.name(a), self.name(b));
        let (first, other) = (a.min(b), a.max(b));
        if first == other {
            return;
        }
        let rename = |val: Val| if val == other { first } else { val };
        self.names.values_mut().for_each(|name| *name = rename(*name));
        self.names.insert(other, first);
        let count = self.held.remove(&other).unwrap_or(0);
        self.add(first, count);
        self.stacks = std::mem::take(&mut self.stacks)
            .into_iter()
            .map(|((generator, slot), val)| ((rename(generator), slot), val))
            .collect();
        self.memory = std::mem::take(&mut self.memory)
            .into_iter()
            .map(|((region, base, index, disp), val)| ((region, rename(base), index, disp), val))
            .collect();
    }

    /// Whether this store says how deep a generator's operand stack is.
    fn is_depth(&self, inst: &UopInst) -> bool {
        inst.region == Region::GeneratorState && inst.imm32 == self.host.layout.generator_stack
    }

    fn constant_of(&self, val: Val) -> Option<i64> {
        match self.trace.insts.get(val.index()) {
            Some(Inst::Uop(inst)) if inst.uop == Uop::const_int => Some(inst.imm32.into()),
            Some(Inst::Uop(inst)) if inst.uop == Uop::const_int64 => Some(inst.imm64 as i64),
            _ => None,
        }
    }

    /// Whether this store says of a generator that it is over.
    fn is_spent(&self, inst: &UopInst, state: Val) -> bool {
        let layout = &self.host.layout;
        let constant = match self.trace.insts.get(state.index()) {
            Some(Inst::Uop(inst)) if inst.uop == Uop::const_int => Some(inst.imm32),
            _ => None,
        };
        inst.region == Region::GeneratorState && constant == Some(i32::from(layout.generator_over))
    }

    /// Notes what a slot of a generator's operand stack has.
    fn note_stack(&mut self, place: Place, val: Val) {
        if let Some(slot) = self.stack_slot(place) {
            self.stacks.insert(slot, val);
        }
    }

    /// Which slot of which generator's operand stack a place is.
    fn stack_slot(&self, place: Place) -> Option<(Val, usize)> {
        let locals = self.locals_of(place.1).filter(|_| place.0 == Region::Generators)?;
        let slot = (place.3 - self.host.layout.generator_locals) / 8 - locals;
        usize::try_from(slot).ok().map(|slot| (place.1, slot))
    }

    /// Memory takes the reference to the new object over, and the trace that to the old one.
    fn store(&mut self, place: Place, value: Option<Val>) {
        let slot = (place.3 - self.host.layout.frame_locals) / 8 - self.locals();
        let on_stack = place.0 == Region::Frame && place.1 == FRAME && slot >= 0;
        let mut old = match value {
            Some(value) => {
                self.add(value, -1);
                self.memory.insert(place, value)
            }
            None => self.memory.remove(&place),
        };
        if on_stack {
            let before = match value {
                Some(value) => self.stack.insert(slot as usize, value),
                None => self.stack.remove(&(slot as usize)),
            };
            old = before.or(old);
        } else if let Some(slot) = self.stack_slot(place) {
            // What it held is known here even where memory was forgotten in between.
            old = old.or(self.stacks.remove(&slot));
        }
        if let Some(old) = old {
            self.add(old, 1);
        }
    }

    /// What the trace holds at an exit against what the snapshot hands over.
    fn compare(&self, snapshot: Snapshot<'_>, may_leak: bool) -> Result<(), Fault> {
        let mut held = self.held.clone();
        let stack = snapshot.frames.first().map_or(&[][..], |frame| frame.stack);
        for (slot, val) in &self.stack {
            if !stack.get(*slot).is_some_and(Source::is_in_place) {
                *held.entry(self.name(*val)).or_default() += 1;
            }
        }
        for ((generator, slot), val) in &self.stacks {
            let is_its = |frame: &Frame<'_>| {
                frame.generator.and_then(|its| its.object()).is_some_and(|val| self.name(val) == *generator)
            };
            let frame = snapshot.all_frames().find(is_its);
            if frame.is_some_and(|frame| !frame.stack.get(*slot).is_some_and(Source::is_in_place)) {
                *held.entry(self.name(*val)).or_default() += 1;
            }
        }
        let mut wanted = BTreeMap::new();
        for (val, count) in handed(snapshot) {
            *wanted.entry(self.name(val)).or_default() += count;
        }
        self.differ(&held, &wanted, may_leak)
    }

    fn differ(&self, held: &BTreeMap<Val, i64>, wanted: &BTreeMap<Val, i64>, may_leak: bool) -> Result<(), Fault> {
        for val in held.keys().chain(wanted.keys()).filter(|val| !self.uncounted.contains(val)) {
            let count = |counts: &BTreeMap<Val, i64>| counts.get(val).copied().unwrap_or(0);
            let (held, wanted) = (count(held), count(wanted));
            let leaks = held > wanted && may_leak && self.is_new(*val);
            if held != wanted && !leaks {
                return Err(Fault::References { val: *val, held, wanted });
            }
        }
        Ok(())
    }
}

/// Whether it is a general operation that gives an object.
fn gives_any(uop: Uop) -> bool {
    matches!(uop, Uop::call_any_1 | Uop::call_any_2 | Uop::call_any_3 | Uop::call_any_4)
}

/// Whether it makes a new object, and exits only where memory runs out.
fn makes(inst: &UopInst, host: &Host) -> bool {
    let f = &host.functions;
    let makers = [f.new_instance, f.new_list_iter, f.new_tuple_iter];
    matches!(inst.uop, Uop::new_int | Uop::new_float | Uop::new_sequence)
        || inst.uop == Uop::call_obj_1 && makers.contains(&inst.imm64)
        || inst.uop == Uop::call_fast && inst.imm64 == f.new_keywords
        || inst.uop == Uop::call_obj_2 && inst.imm64 == f.new_method
        || inst.uop == Uop::call_slice && [host.leaf.range_iterator, f.new_instance_with].contains(&inst.imm64)
}

/// Stands for the frame as a base.
const FRAME: Val = Val(u32::MAX);

/// The references that a snapshot hands over. An object that several slots hold is made once, so that what is in it is
/// handed over once: as its first mention says.
fn handed(snapshot: Snapshot<'_>) -> BTreeMap<Val, i64> {
    fn visit(source: &Source, seen: &mut BTreeSet<u32>, counts: &mut BTreeMap<Val, i64>) {
        match source {
            Source::Owned(val) => *counts.entry(*val).or_default() += 1,
            Source::Tuple(items, id) | Source::Function(items, id) | Source::Instance(items, id)
                if seen.insert(id.0) =>
            {
                items.iter().for_each(|item| visit(item, seen, counts));
            }
            _ => {}
        }
    }
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::new());
    for frame in snapshot.all_frames() {
        if let Some(shell) = frame.generator.and_then(|generator| generator.shell()) {
            *counts.entry(shell).or_default() += 1;
        }
        frame.locals.iter().chain(frame.stack).for_each(|source| visit(source, &mut seen, &mut counts));
    }
    counts
}
