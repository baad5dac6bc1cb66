//! Generators: making them, and looping over them; resuming and yielding are nothing within a trace.
//!
//! One that exists has its frame in the generator. The recorder treats that as it treats the entry frame: memory has the slots,
//! what changes to a number stays in the trace, and exits write it back. One that a trace makes does not exist
//! ([`Sym::Gen`]) until somebody could see it: its frame is like that of an inlined call, and exits make it.
//!
//! Between two resumptions the frame is among [`Recorder::suspended`], so that what the trace knows of it is still known at the
//! next one, and a loop may carry it. Memory has no part in that: to everybody outside, the generator is suspended where it was
//! before until an exit says otherwise.
//!
//! A generator that exists is known by its value. Another value may be the same object, so each new one is compared with all
//! that are known. One is known for as long as the loop's operand stack holds it, so that it lives. One that
//! runs already is not suspended in memory: either because it truly runs, or because it is known. One that does not exist
//! and would run code when it is closed is only on operand stacks, so that it is seen where it ends.

use super::functions::is_code;
use super::label::{SUSPENDED, Slot};
use super::pictured::Pictured;
use super::snapshots::first_place;
use super::state::{FrameState, Local, Own, Owners, PER_FRAME};
use super::{AbortReason, MAX_DEPTH, Recorder, Step, Sym};
use crate::bytecode::Op;
use crate::event::{Bind, Consumer, Detail, Event, Generating, Kind, Operand, Resumed};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::{Generator, Made, Maker, Returns, Then};
use decal_uops::Uop;

/// Generators that a trace may know at one time.
const MAX_GENERATORS: usize = 8;

/// What a builtin gives that went through a generator, and what is to be dropped then.
pub(super) type Given = (Sym, Vec<Sym>);

impl Recorder<'_> {
    /// All frames, those of suspended generators behind the others.
    pub(super) fn all_frames(&self) -> impl Iterator<Item = &FrameState> {
        self.frames.iter().chain(&self.suspended).map(|frame| &**frame)
    }

    /// The number of a slot of the topmost frame, where that frame exists.
    pub(super) fn place(&self, slot: u32) -> Option<u32> {
        let index = self.frames.len().checked_sub(1)?;
        Some(first_place(index, self.frames[index].generator)? + slot)
    }

    /// Which of all frames has this slot.
    fn home_index(&self, place: u32) -> usize {
        let number = place / PER_FRAME;
        let is_it = |frame: &FrameState| frame.generator.map_or(0, |generator| generator.number) == number;
        // Frame 0 comes first; other frames without a generator have no places.
        self.all_frames().position(is_it).unwrap_or(0)
    }

    pub(super) fn frame_at(&mut self, index: usize) -> &mut FrameState {
        let active = self.frames.len();
        if index < active { &mut self.frames[index] } else { &mut self.suspended[index - active] }
    }

    /// The frame that has this slot.
    pub(super) fn home_frame(&mut self, place: u32) -> &mut FrameState {
        let index = self.home_index(place);
        self.frame_at(index)
    }

    /// The local with this number.
    pub(super) fn home(&mut self, place: u32) -> &mut Local {
        &mut self.home_frame(place).locals[(place % PER_FRAME) as usize]
    }

    /// All locals of frames that exist.
    pub(super) fn homes(&self) -> Vec<(u32, Slot)> {
        let mut homes = Vec::new();
        for (index, frame) in self.all_frames().enumerate() {
            let Some(first) = first_place(index, frame.generator) else { continue };
            let depth = self.slot_depth(index);
            homes.extend((0..frame.locals.len() as u32).map(|local| (first + local, (depth, false, local))));
        }
        homes
    }

    /// The number that the frame with this index among all has in a [`Slot`].
    pub(super) fn slot_depth(&self, index: usize) -> u32 {
        let active = self.frames.len();
        (if index < active { index } else { index - active + SUSPENDED }) as u32
    }

    /// Whether a slot is in memory.
    pub(super) fn has_place(&self, slot: Slot) -> bool {
        let frame = self.frames.get(slot.0 as usize);
        let frame = frame.or_else(|| self.suspended.get((slot.0 as usize).checked_sub(SUSPENDED)?));
        slot.0 == 0 || frame.is_some_and(|frame| first_place(1, frame.generator).is_some())
    }

    /// Where a slot is: base, displacement, and part of memory. Slots of the operand stack are behind the locals.
    pub(super) fn address(&mut self, place: u32) -> (Val, i32, Region) {
        let generator = self.home_frame(place).generator;
        let disp = 8 * (place % PER_FRAME) as i32;
        match generator.and_then(|generator| generator.object()) {
            Some(object) => (object, self.host.layout.generator_locals + disp, Region::Generators),
            None => (self.e.frame(), self.host.layout.frame_locals + disp, Region::Frame),
        }
    }

    /// Puts suspended generators into the order of their numbers.
    pub(super) fn sort_suspended(&mut self) {
        self.suspended.sort_by_key(|frame| frame.generator.map(|generator| generator.number));
    }

    /// The suspended frame of the generator that a slot holds.
    pub(super) fn frame_of(&self, sym: &Sym) -> Option<usize> {
        let is_its = |generator: Generator| match sym {
            Sym::Obj(object, _) => {
                generator.object().is_some_and(|known| self.e.original(known) == self.e.original(*object))
            }
            Sym::Gen(number) => generator.number == *number,
            _ => false,
        };
        self.suspended.iter().position(|frame| frame.generator.is_some_and(is_its))
    }

    /// `FOR_ITER` over a generator: its frame goes on.
    pub(super) fn resume_generator(&mut self, event: &Event, seen: Operand, resumed: Resumed) -> Step<()> {
        self.snap();
        if resumed.is_delegated() {
            self.resume_innermost(seen, resumed)?;
        } else {
            self.go_on(1, seen, resumed, event.operands.get(1..).unwrap_or(&[]))?;
        }
        let below = self.frames.len() - 2;
        self.frames[below].call = (event.offset, event.next);
        self.frames[below].returns = Returns::Item;
        Ok(())
    }

    /// Whether the generator in the stack's nth slot from the top can go on as it was seen to.
    pub(super) fn check_resumable(&mut self, nth: u32, resumed: Resumed) -> Step<()> {
        let sym = self.peek(nth)?;
        let fits = match (self.frame_of(&sym), sym) {
            (Some(index), _) => self.suspended[index].call.0 == resumed.at,
            (None, sym) => matches!(sym, Sym::Obj(..)) && self.new_number().is_ok(),
        };
        if fits && self.frames.len() < MAX_DEPTH { Ok(()) } else { Err(AbortReason::TooDeep) }
    }

    /// The generator in the stack's nth slot from the top goes on. `locals` are what its locals were seen to hold.
    pub(super) fn go_on(&mut self, nth: u32, seen: Operand, resumed: Resumed, locals: &[Operand]) -> Step<()> {
        let sym = self.peek(nth)?;
        if self.frames.len() >= MAX_DEPTH {
            return Err(AbortReason::Unstable("calls within calls"));
        }
        let mut frame = match (self.frame_of(&sym), sym) {
            (Some(index), _) if self.suspended[index].call.0 == resumed.at => self.suspended.remove(index),
            (None, Sym::Obj(object, _)) => self.meet_generator(object, seen, resumed)?.into(),
            _ => return Err(AbortReason::Unstable("where a generator is")),
        };
        frame.call = (0, 0);
        if let Some(generator) = frame.generator {
            self.met.retain(|met| met.0 != generator.number);
            self.met.push((generator.number, resumed, locals.to_vec()));
        }
        self.frames.push(frame);
        self.max_depth = self.max_depth.max(self.frames.len() as u32 - 1);
        let none = self.none();
        self.push(none);
        Ok(())
    }

    /// A number that no known generator has.
    fn new_number(&self) -> Step<u32> {
        let known: Vec<u32> = self.all_frames().filter_map(|frame| Some(frame.generator?.number)).collect();
        let wide = self.all_frames().any(|frame| frame.locals.len() + frame.stack.len() >= PER_FRAME as usize / 2);
        if known.len() >= MAX_GENERATORS || wide {
            return Err(AbortReason::TooDeep);
        }
        Ok((1..).find(|number| !known.contains(number)).unwrap_or(1))
    }

    /// The frame of a generator that the trace knows nothing of yet: all is in memory.
    pub(super) fn meet_generator(&mut self, object: Val, seen: Operand, resumed: Resumed) -> Step<FrameState> {
        let rec = self.rec;
        let code = rec.codes.get(resumed.code.0 as usize).ok_or(AbortReason::Inconsistent("generator"))?;
        let number = self.new_number().map_err(|_| AbortReason::Unstable("too many generators"))?;
        let snap = self.snap();
        self.e.guard_type(object, seen.ty, snap);
        let known: Vec<Val> = self.all_frames().filter_map(|frame| frame.generator?.object()).collect();
        for other in known {
            self.e.pure(Uop::guard_not_same, &[object, other], 0, 0, Some(snap));
        }
        let layout = &self.host.layout;
        let (state, instruction) = (layout.generator_state, layout.generator_instruction);
        let region = Region::GeneratorState;
        let state = self.e.load(Uop::load_u8, object, None, state, region, None);
        let wanted = self.e.int(resumed.state.into());
        self.e.pure(Uop::guard_eq_int, &[state, wanted], 0, 0, Some(snap));
        // Nothing but this code has that address.
        let at = self.e.load(Uop::load_int, object, None, instruction, region, None);
        let wanted = self.e.int(resumed.address as i64);
        self.e.pure(Uop::guard_eq_int, &[at, wanted], 0, 0, Some(snap));
        Ok(FrameState {
            code: resumed.code,
            function: 0,
            real: None,
            held: false,
            filled: false,
            generator: Some(Generator {
                number,
                made: Made::Object(object),
                begun: true,
                quiet: false,
                delegated: resumed.is_delegated(),
            }),
            locals: vec![Local::of(Sym::Unchanged); code.locals as usize],
            stack: vec![Sym::Unchanged; resumed.stack as usize],
            call: (0, 0),
            returns: Returns::Value,
        })
    }

    /// At a loop's label: generators that only the entry frame's stack holds. The trace takes their content over, so that an outer
    /// loop can come back to the label with another one.
    pub(super) fn adopt_generators(&mut self, head: u32) -> Step<()> {
        for slot in 0..self.frames[0].stack.len() {
            let sym = self.frames[0].stack[slot].clone();
            let Sym::Obj(object, Own::StackSlot(home)) = sym else { continue };
            let Some(index) = self.frame_of(&sym) else { continue };
            let number = self.suspended[index].generator.map_or(0, |generator| generator.number);
            let Some((_, resumed, seen)) = self.met.iter().find(|met| met.0 == number).cloned() else { continue };
            if home as usize == slot && resumed.sole && self.options.optimize {
                self.adopt_generator(object, index, resumed, &seen)?;
                self.frames[0].stack[slot] = Sym::Gen(number);
                self.snap = self.build_snapshot(head, Then::Resume);
                self.raise_snap = None;
            }
        }
        Ok(())
    }

    fn adopt_generator(&mut self, object: Val, index: usize, resumed: Resumed, seen: &[Operand]) -> Step<()> {
        let (snap, layout, f) = (self.snap(), self.host.layout.clone(), self.host.functions.clone());
        let number = self.suspended[index].generator.map_or(0, |generator| generator.number);
        let first = number * PER_FRAME;
        let locals = self.suspended[index].locals.len();
        // The exits.
        let function = f.generator_may_be_taken;
        let may = self.e.effect(Uop::call_truth_2, &[object, object], 0, function, Region::Fixed, Some(snap));
        let zero = self.e.int(0);
        self.e.pure(Uop::guard_ne_int, &[may, zero], 0, 0, Some(snap));
        let globals = self.e.load(Uop::load_obj, object, None, layout.generator_globals, Region::Fixed, Some(snap));
        self.e.pure(Uop::guard_is, &[globals], 0, resumed.globals, Some(snap));
        let mut syms = Vec::new();
        for slot in 0..locals {
            let mut sym = self.suspended[index].locals[slot].sym.clone();
            let seen = seen.get(slot).copied().unwrap_or(Operand::NULL);
            if sym == Sym::Unchanged {
                let place = first + slot as u32;
                sym = if seen.kind == Kind::Null {
                    let val = self.memory_of(place);
                    self.e.pure(Uop::guard_is, &[val], 0, 0, Some(snap));
                    Sym::Null
                } else {
                    Sym::Obj(self.bound_memory_of(place), Own::Slot(place))
                };
            }
            if let Sym::Obj(val, Own::Slot(_)) = sym {
                let borrowed = |other: &Sym| matches!(other, Sym::Obj(known, Own::Slot(_)) if *known == val);
                let mut count = 0;
                self.visit_syms(&mut |other| count += u32::from(borrowed(other)));
                if matches!(seen.kind, Kind::Int | Kind::Float) && count < 2 {
                    self.e.guard_type(val, seen.ty, snap);
                    sym = match seen.kind {
                        Kind::Int => {
                            let number = self.e.pure(Uop::unbox_int, &[val], 0, 0, Some(snap));
                            self.int_sym(number)
                        }
                        _ => {
                            let disp = layout.float_value;
                            let number = self.e.load(Uop::load_float, val, None, disp, Region::Fixed, None);
                            self.float_sym(number)
                        }
                    };
                }
            }
            syms.push(sym);
        }
        // The effects. The first of them has an exit in name only.
        let state = self.e.int(layout.generator_over.into());
        let region = Region::GeneratorState;
        self.e.effect(Uop::store_byte, &[object, zero, state], layout.generator_state, 0, region, Some(snap));
        let stack: Vec<Sym> = std::mem::take(&mut self.suspended[index].stack);
        let mut taken = Vec::new();
        for (slot, sym) in stack.into_iter().enumerate() {
            let place = first + slot as u32;
            taken.push(match sym {
                Sym::Unchanged => {
                    let (base, disp, region) = self.address(place + locals as u32);
                    Sym::Obj(self.e.load(Uop::load_obj_unchecked, base, None, disp, region, None), Own::Owned)
                }
                Sym::Obj(val, Own::StackSlot(home)) if home == place => Sym::Obj(val, Own::Owned),
                other => other,
            });
        }
        self.suspended[index].stack = taken;
        for (slot, sym) in syms.into_iter().enumerate() {
            let place = first + slot as u32;
            let sym = match sym {
                Sym::Obj(val, Own::Slot(home)) if home == place => {
                    let (base, disp, region) = self.address(place);
                    self.e.effect(Uop::store_null, &[base], disp, 0, region, None);
                    let memory = Place { base, index: None, disp };
                    self.e.heap().store(region, memory, None);
                    Sym::Obj(val, Own::Owned)
                }
                other => other,
            };
            self.suspended[index].locals[slot] = Local::of(sym);
        }
        let its = |sym: &Sym| matches!(sym, Sym::Obj(_, Own::Slot(home)) if home / PER_FRAME == number);
        self.each_sym(its, &mut |sym| {
            if let Sym::Obj(_, own) = sym {
                *own = Own::Virtual;
            }
        });
        let stack = self.e.int(layout.generator_stack_word + locals as i64);
        self.e.store(Uop::store_int, object, None, stack, layout.generator_stack, region, None);
        self.e.heap().forget(object);
        self.forget_written(number);
        let code = self.rec.codes.get(resumed.code.0 as usize).ok_or(AbortReason::Inconsistent("generator"))?;
        let maker = Maker { function: 0, code: code.object, globals: resumed.globals, shell: Some(object) };
        if let Some(generator) = &mut self.suspended[index].generator {
            generator.made = Made::Never(maker);
        }
        Ok(())
    }

    /// A call of a generator function.
    pub(super) fn make_generator(
        &mut self,
        made: Generating,
        callable: Sym,
        receiver: Sym,
        mut args: Vec<Sym>,
        event: &Event,
    ) -> Step<()> {
        let Generating { callee, at, globals, names } = made;
        let number = self.new_number()?;
        let rec = self.rec;
        let code = rec.codes.get(callee.code.0 as usize).ok_or(AbortReason::Inconsistent("generator"))?;
        if receiver != Sym::Null {
            args.insert(0, receiver);
        } else if callee.bound_self != 0 {
            let seen = *event.operands.first().ok_or(AbortReason::Inconsistent("call"))?;
            let bound = self.unbind(callee, &callable, seen)?;
            args.insert(0, bound);
        }
        let known = match (&callable, callee.function) {
            _ if callee.bound_self != 0 => None,
            (Sym::Const(operand), function) if operand.object == function => None,
            (Sym::Function(parts, _), 0) if is_code(parts, code.object) => None,
            (Sym::Obj(val, _), 0) => {
                let (val, snap) = (*val, self.snap());
                self.e.guard_type(val, self.host.objects.function, snap);
                let disp = self.host.layout.function_code;
                let its = self.e.load(Uop::load_obj, val, None, disp, Region::Fixed, Some(snap));
                if self.e.constant_of(its) != Some(code.object) {
                    self.e.pure(Uop::guard_is, &[its], 0, code.object, Some(snap));
                }
                for (disp, name) in self.host.layout.function_names.into_iter().zip(names) {
                    let its = self.e.load(Uop::load_obj, val, None, disp, Region::Fixed, Some(snap));
                    if self.e.constant_of(its) != Some(name) {
                        self.e.pure(Uop::guard_is, &[its], 0, name, Some(snap));
                    }
                }
                Some(val)
            }
            (Sym::Obj(val, _), function) => {
                let (val, snap) = (*val, self.snap());
                self.e.pure(Uop::guard_is, &[val], 0, function, Some(snap));
                None
            }
            _ => return Err(AbortReason::Call("not a function")),
        };
        let mut locals = Vec::new();
        for bind in &event.binds {
            let missing = AbortReason::Inconsistent("arguments");
            let sym = match bind {
                Bind::Argument(index) => args.get(*index as usize).cloned().ok_or(missing)?,
                Bind::Default(operand) | Bind::Cell(operand) => Sym::Const(*operand),
                Bind::Closure(index) => self.closure_cell(&callable, known, *index)?,
                Bind::Unbound => Sym::Null,
                Bind::Rest(..) | Bind::Keywords(_) => return Err(AbortReason::Call("any number of arguments")),
            };
            locals.push(sym);
        }
        if locals.len() != code.locals as usize {
            return Err(AbortReason::Inconsistent("arguments"));
        }
        let drops = self.guard_discard(&[callable]);
        let locals = locals.into_iter().map(|sym| Local::of(self.lasting(sym))).collect();
        let maker = Maker { function: callee.function, code: code.object, globals, shell: None };
        let generator = Generator { number, made: Made::Never(maker), begun: false, quiet: true, delegated: false };
        let frame = FrameState {
            code: callee.code,
            function: 0,
            real: None,
            held: false,
            filled: false,
            generator: Some(generator),
            locals,
            stack: Vec::new(),
            call: (at, at),
            returns: Returns::Value,
        };
        self.suspended.push(frame.into());
        self.push(Sym::Gen(number));
        self.drop_all(&drops);
        Ok(())
    }

    /// How many slots hold this generator, which was not made.
    fn holders_of(&mut self, number: u32) -> u32 {
        let mut count = 0;
        self.visit_syms(&mut |sym| count += u32::from(*sym == Sym::Gen(number)));
        count
    }

    /// Makes a generator. Gives the object; the trace owns one reference for each slot that holds it, under a name of its own,
    /// and one more for the caller where that is wanted.
    pub(super) fn realize_generator(&mut self, number: u32, for_caller: bool) -> Step<Val> {
        let place = number * PER_FRAME;
        let index = self.home_index(place);
        let Some(Generator { made: Made::Never(maker), .. }) = self.frame_at(index).generator else {
            return Err(AbortReason::Inconsistent("generator"));
        };
        let (snap, f) = (self.raise_snap(), self.host.functions.clone());
        let object = if let Some(shell) = maker.shell {
            let (code, globals) = (self.e.object(maker.code, 0), self.e.object(maker.globals, 0));
            let function = f.new_generator_in;
            self.e.effect(Uop::call_obj_3, &[shell, code, globals], 0, function, Region::Fixed, Some(snap))
        } else if maker.function != 0 {
            let function = self.e.object(maker.function, self.host.objects.function);
            self.e.effect(Uop::call_obj_1, &[function], 0, f.new_generator, Region::Fixed, Some(snap))
        } else {
            let (code, globals) = (self.e.object(maker.code, 0), self.e.object(maker.globals, 0));
            self.e.effect(Uop::call_obj_2, &[code, globals], 0, f.new_generator_of, Region::Fixed, Some(snap))
        };
        self.e.set_type(object, self.host.objects.generator);
        let uses = self.holders_of(number) + u32::from(for_caller);
        let mut names = vec![];
        for _ in 1..uses {
            names.push(self.another(object));
        }
        if !for_caller && uses > 0 {
            names.push(object);
        }
        let mut owners = Owners::default();
        let is_it = |sym: &Sym| *sym == Sym::Gen(number);
        self.each_place(is_it, &mut |sym, place| {
            if let Some(object) = owners.object(place, || names.pop()) {
                *sym = object;
            }
        });
        // Its memory holds nothing of worth.
        let frame = self.frame_at(index);
        for local in &mut frame.locals {
            (local.memory, local.plain) = (None, true);
        }
        if let Some(generator) = &mut frame.generator {
            generator.made = Made::Object(object);
        }
        for slot in 0..self.frame_at(index).locals.len() {
            let sym = self.frame_at(index).locals[slot].sym.clone();
            if let Sym::Obj(val, own) = sym {
                if own != Own::Owned {
                    self.incref(val);
                }
                // Whoever borrowed it from here still finds it.
                self.frame_at(index).locals[slot].sym = Sym::Null;
                let place = place + slot as u32;
                let before = self.memory_of(place);
                let (base, disp, region) = self.address(place);
                self.e.store(Uop::store_obj, base, None, val, disp, region, None);
                let dealloc = self.host.functions.dealloc;
                self.e.effect(Uop::decref_plain_or_null, &[before], 0, dealloc, Region::Counts, None);
                self.written.insert(place);
                let plain = self.is_plain(val);
                *self.home(place) = Local { sym: Sym::Obj(val, Own::Slot(place)), memory: Some(val), plain };
            }
        }
        Ok(object)
    }

    /// A generator hands an item to the loop below, which goes on.
    pub(super) fn yield_value(&mut self, quiet: bool, event: &Event, next: Option<&Event>) -> Step<()> {
        if self.here().generator.is_none() || self.frames.len() < 2 {
            return Err(AbortReason::Yields);
        }
        self.snap();
        let below = self.frames.len() - 2;
        if let Returns::Consume(consumer) = self.frames[below].returns {
            let last = consumer == Consumer::Next || next.is_some_and(|next| next.depth < event.depth);
            return self.feed(consumer, quiet, last, event);
        }
        if self.top().generator.is_some_and(|generator| generator.delegated) {
            return self.yield_delegated(event);
        }
        let value = self.pop()?;
        let value = self.lasting(value);
        let Some(mut frame) = self.frames.pop() else { return Err(AbortReason::Inconsistent("generator")) };
        frame.call = (event.next, event.next);
        if let Some(generator) = &mut frame.generator {
            (generator.begun, generator.quiet) = (true, quiet);
        }
        self.suspended.push(frame);
        self.top().returns = Returns::Value;
        self.push(value);
        Ok(())
    }

    /// A generator comes to its end, with the result on top of its stack: the loop below is over.
    pub(super) fn end_generator(&mut self, event: &Event) -> Step<()> {
        let Some(generator) = self.here().generator else {
            return Err(AbortReason::Inconsistent("generator"));
        };
        self.snap();
        let number = generator.number;
        let object = match generator.object() {
            // It is the one that the loop has: those that it has asked are over.
            Some(object) if generator.delegated => self.guard_outermost(object)?,
            Some(object) => object,
            None if self.holders_of(number) < 2 => return self.end_unmade(),
            // Somebody has it who could see that it is over.
            None => {
                let object = self.realize_generator(number, false)?;
                self.renew_snap(event);
                object
            }
        };
        // What it holds goes where its frame is cleared.
        let first = number * PER_FRAME;
        for slot in 0..self.here().locals.len() as u32 {
            if matches!(self.here().locals[slot as usize].sym, Sym::Obj(_, Own::Owned) | Sym::Tuple(..)) {
                self.flush_local(first + slot)?;
                self.snap = self.build_snapshot(event.offset, Then::Resume);
                self.raise_snap = None;
            }
        }
        let snap = self.snap();
        let function = self.host.functions.generator_may_end;
        let may = self.e.effect(Uop::call_truth_2, &[object, object], 0, function, Region::Fixed, Some(snap));
        let zero = self.e.int(0);
        self.e.pure(Uop::guard_ne_int, &[may, zero], 0, 0, Some(snap));
        let result = self.pop()?;
        let rest = std::mem::take(self.top_stack());
        let drops = self.guard_discard(&[vec![result], rest].concat());
        let Some(frame) = self.frames.pop() else { return Err(AbortReason::Inconsistent("generator")) };
        let (iterator, given) = self.end_of_items()?;
        // All exits are behind us.
        self.own_of_generator(number);
        self.drop_all(&drops);
        drop(frame);
        self.forget_written(number);
        let function = self.host.functions.generator_end;
        self.e.effect(Uop::call_any_int_2, &[object, object], 0, function, Region::Generators, None);
        self.e.heap().clobber(Region::GeneratorState);
        self.e.heap().clobber(Region::Generators);
        if matches!(iterator, Sym::Obj(_, Own::Owned)) && !self.hand_over(object, Own::Virtual) {
            self.drop_all(&[object]);
        }
        self.give_result(given);
        Ok(())
    }

    /// A loop or builtin that goes through a generator comes to the end: the generator, and what the builtin gives, with what is to
    /// be dropped then. The generator's frame is gone, nothing else has happened.
    fn end_of_items(&mut self) -> Step<(Sym, Option<Given>)> {
        let returns = std::mem::take(&mut self.top().returns);
        let Returns::Consume(consumer) = returns else { return Ok((self.pop()?, None)) };
        let at = (self.top().code, self.top().call.0);
        let held = self.pop_many(consumer.holds() as usize)?;
        let iterator = self.pop()?;
        let below = if consumer == Consumer::Join { Some(self.pop()?) } else { None };
        match self.consumed(consumer, below, held) {
            Ok(given) => Ok((iterator, Some(given))),
            Err(_) => Err(self.call_instead(at)),
        }
    }

    fn give_result(&mut self, given: Option<Given>) {
        let Some((result, dropped)) = given else { return };
        self.push(result);
        if !dropped.is_empty() {
            self.own_borrowed();
        }
        dropped.iter().for_each(|sym| self.drop_held(sym));
    }

    /// The loop whose iterator is on top of the stack is left: a generator may die with that.
    pub(super) fn let_go_of_generator(&mut self, event: &Event) -> Step<()> {
        if self.suspended.is_empty() {
            return Ok(());
        }
        let sym = self.peek(1)?;
        let Some(generator) = self.frame_of(&sym).and_then(|index| self.suspended[index].generator) else {
            return Ok(());
        };
        let alone = !self.frame_of(&sym).is_some_and(|index| self.holds_unsettled(&self.suspended[index]));
        match (generator.object(), generator.quiet) {
            (None, true) if alone => return Ok(()),
            (None, _) => {
                self.realize_generator(generator.number, false)?;
                self.renew_snap(event);
            }
            _ => {}
        }
        self.settle_suspended(event)
    }

    /// Brings the generators that are suspended up to date in memory, and forgets them.
    pub(super) fn settle_suspended(&mut self, event: &Event) -> Step<()> {
        loop {
            let made = |frame: &Pictured| frame.generator.is_some_and(|generator| generator.object().is_some());
            let Some(last) = self.suspended.iter().position(made) else { return Ok(()) };
            let frame = &self.suspended[last];
            let (at, depth) = (frame.call.0, frame.stack.len() as u32);
            let begun = frame.generator.is_some_and(|generator| generator.begun);
            let layout = &self.host.layout;
            let state = if begun { layout.generator_suspended } else { layout.generator_created };
            self.settle_slots(self.frames.len() + last, depth, event)?;
            let frame = self.suspended.remove(last);
            let object = self.settle_frame(&frame, at, depth, 0)?;
            self.renew_snap(event);
            self.settle_state(object, state);
        }
    }

    /// Brings the locals of a generator's frame, by its number among all frames, and so many slots of its stack up to date in memory.
    pub(super) fn settle_slots(&mut self, index: usize, depth: u32, event: &Event) -> Step<()> {
        let number = self.frame_at(index).generator.ok_or(AbortReason::Inconsistent("generator"))?.number;
        let locals = self.frame_at(index).locals.len() as u32;
        for slot in 0..locals {
            let sym = &self.frame_at(index).locals[slot as usize].sym;
            if !matches!(sym, Sym::Unchanged | Sym::Obj(_, Own::Slot(_))) {
                self.flush_local(number * PER_FRAME + slot)?;
                self.renew_snap(event);
            }
        }
        for slot in 0..depth {
            let place = number * PER_FRAME + slot;
            let sym = self.frame_at(index).stack[slot as usize].clone();
            if matches!(sym, Sym::Unchanged) || matches!(sym, Sym::Obj(_, Own::StackSlot(home)) if home == place) {
                continue;
            }
            self.frame_at(index).stack[slot as usize] = Sym::Null;
            let seen = if let Sym::Const(operand) = &sym { *operand } else { Operand::NULL };
            let val = self.owned_object(&sym, Operand { bits: i64::MAX as u64, ..seen })?;
            let (base, disp, region) = self.address(place + locals);
            self.e.store(Uop::store_obj, base, None, val, disp, region, None);
            self.frame_at(index).stack[slot as usize] = Sym::Obj(val, Own::StackSlot(place));
            self.renew_snap(event);
        }
        Ok(())
    }

    /// Says in memory how a generator stands whose slots are up to date, and whose frame was taken off the state: the trace does
    /// not know it any more. `behind` is how far behind a `SEND` it goes on when whom it asks is over. Its state is written apart: that has an exit in name.
    pub(super) fn settle_frame(&mut self, frame: &FrameState, at: u32, depth: u32, behind: u32) -> Step<Val> {
        let Some(Generator { number, made: Made::Object(object), .. }) = frame.generator else {
            return Err(AbortReason::Inconsistent("generator"));
        };
        self.own_of_generator(number);
        self.forget_written(number);
        // From here on it may end, and an iterator that only it has with it.
        self.flush_unnamed_iterators();
        let rec = self.rec;
        let code = rec.codes.get(frame.code.0 as usize).ok_or(AbortReason::Inconsistent("code"))?;
        let layout = self.host.layout.clone();
        let region = Region::GeneratorState;
        let address = self.e.int(code.address_of(at) as i64);
        self.e.store(Uop::store_int, object, None, address, layout.generator_instruction, region, None);
        let slots = i64::from(frame.locals.len() as u32 + depth);
        let stack = self.e.int(layout.generator_stack_word | slots | i64::from(behind) << 32);
        self.e.store(Uop::store_int, object, None, stack, layout.generator_stack, region, None);
        Ok(object)
    }

    /// Writes the state of a suspended generator.
    pub(super) fn settle_state(&mut self, object: Val, state: u8) {
        let (disp, region, snap) = (self.host.layout.generator_state, Region::GeneratorState, self.snap());
        let (zero, state) = (self.e.int(0), self.e.int(state.into()));
        self.e.effect(Uop::store_byte, &[object, zero, state], disp, 0, region, Some(snap));
        self.e.learn_store(object, None, state, disp, region);
    }

    /// The same for one that was not made, and only the loop has.
    fn end_unmade(&mut self) -> Step<()> {
        let result = self.pop()?;
        let Some(frame) = self.frames.pop() else { return Err(AbortReason::Inconsistent("generator")) };
        let frame = frame.into_state();
        let mut syms: Vec<Sym> = frame.locals.into_iter().map(|local| local.sym).collect();
        syms.extend(frame.stack);
        syms.push(result);
        let drops = self.guard_discard(&syms);
        let (_, given) = self.end_of_items()?;
        self.give_result(given);
        self.drop_all(&drops);
        self.drop_shell(frame.generator);
        Ok(())
    }

    /// A generator that was not made is over: what exits would have filled goes, which is empty.
    fn drop_shell(&mut self, generator: Option<Generator>) {
        if let Some(shell) = generator.and_then(|generator| generator.shell()) {
            let dealloc = self.host.functions.dealloc;
            self.e.effect(Uop::decref_plain_or_null, &[shell], 0, dealloc, Region::Counts, None);
        }
    }

    /// Whether a frame holds a generator that may not end with it as it is: one whose end runs code, or one that exists and of
    /// which memory does not say yet how it stands.
    pub(super) fn holds_unsettled(&self, frame: &FrameState) -> bool {
        let unsettled = |sym: &Sym| {
            let Some(index) = self.frame_of(sym) else { return false };
            let frame = &self.suspended[index];
            frame.generator.is_some_and(|its| its.object().is_some() || its.begun && !its.quiet)
                || self.holds_unsettled(frame)
        };
        frame.locals.iter().map(|local| &local.sym).chain(&frame.stack).any(unsettled)
    }

    /// What ends with these, which were taken off the state, and with generators among them that nobody else has.
    ///
    /// Whoever lets a generator end has seen to it that nothing ends which is not settled; if not, the recording is given up.
    pub(super) fn with_generators(&mut self, syms: &[Sym]) -> Vec<Sym> {
        fn find(syms: &[Sym], numbers: &mut Vec<u32>) {
            for sym in syms {
                match sym {
                    Sym::Gen(number) if !numbers.contains(number) => numbers.push(*number),
                    Sym::Tuple(items, _) => find(items, numbers),
                    _ => {}
                }
            }
        }
        let mut all = syms.to_vec();
        let mut numbers = Vec::new();
        find(syms, &mut numbers);
        while let Some(number) = numbers.pop() {
            if self.holders_of(number) > 0 {
                continue;
            }
            let Some(index) = self.frame_of(&Sym::Gen(number)) else { continue };
            let frame = self.suspended.remove(index);
            self.unsettled |= frame.generator.is_some_and(|generator| generator.begun && !generator.quiet);
            let shell = frame.generator.and_then(|generator| generator.shell());
            self.shells.extend(shell);
            self.nullable.extend(shell);
            let frame = frame.into_state();
            let its: Vec<Sym> = frame.locals.into_iter().map(|local| local.sym).chain(frame.stack).collect();
            find(&its, &mut numbers);
            all.extend(its);
        }
        let lost = |sym: &Sym| match sym {
            Sym::Obj(object, _) => self.frame_of(sym).is_some() && !self.on_stack(*object),
            _ => false,
        };
        self.unsettled |= !self.suspended.is_empty() && all.iter().any(lost);
        all
    }

    /// Before an instruction: generators that it could not take as they are.
    pub(super) fn settle_generators(&mut self, event: &Event) -> Step<()> {
        // Those that would run code when they are closed are seen where they end only on the stack.
        let loud = |frame: &Pictured| {
            let generator = frame.generator.filter(|generator| generator.object().is_none() && !generator.quiet)?;
            Some(generator.number)
        };
        let numbers: Vec<u32> = self.suspended.iter().filter_map(loud).collect();
        let in_locals = |this: &Self, number: u32| {
            let held = |local: &Local| holds(&local.sym, number);
            this.all_frames().any(|frame| frame.locals.iter().any(held))
        };
        let mut numbers: Vec<u32> = numbers.into_iter().filter(|number| in_locals(self, *number)).collect();
        // What the instruction takes, but where it is at home with generators.
        let moves = matches!(
            event.op,
            Op::StoreFast(_)
                | Op::StoreFastLoadFast(..)
                | Op::StoreFastStoreFast(..)
                | Op::GetIter
                | Op::GetYieldFromIter
                | Op::Send(_)
                | Op::ForIter(_)
                | Op::PopTop
                | Op::Return
                | Op::Yield { .. }
        );
        let taken = match event.op {
            Op::BuildTuple(count) => count,
            _ if moves || matches!(event.detail, Detail::Enter(_) | Detail::Generate(_) | Detail::Consume(..)) => 0,
            op => op.taken(),
        };
        let stack = &self.here().stack;
        for sym in stack.iter().rev().take(taken as usize) {
            if let Sym::Gen(number) = sym
                && !numbers.contains(number)
            {
                numbers.push(*number);
            }
        }
        for number in numbers {
            self.realize_generator(number, false)?;
            self.renew_snap(event);
        }
        // One that no loop holds may end without a sign.
        let made = |frame: &Pictured| frame.generator.and_then(|generator| generator.object());
        let objects: Vec<Val> = self.suspended.iter().filter_map(made).collect();
        if objects.into_iter().any(|object| !self.on_stack(object)) {
            self.settle_suspended(event)?;
        }
        Ok(())
    }

    /// Gives what is borrowed from a generator's frame references of its own.
    pub(super) fn own_of_generator(&mut self, number: u32) {
        let its = |sym: &Sym| match sym {
            Sym::Obj(_, Own::Slot(home) | Own::StackSlot(home)) => home / PER_FRAME == number,
            _ => false,
        };
        let mut owned = super::state::owned_items(self.all_frames());
        let mut vals = Vec::new();
        self.each_place(its, &mut |sym, place| {
            if let Sym::Obj(val, own) = sym {
                if place.is_none_or(|place| owned.insert(place)) {
                    vals.push(*val);
                    *own = Own::Owned;
                } else {
                    *own = Own::Virtual;
                }
            }
        });
        for val in vals {
            self.incref(val);
        }
    }

    /// A generator's slots are of no interest any more.
    pub(super) fn forget_written(&mut self, number: u32) {
        self.written.retain(|place| place / PER_FRAME != number);
    }
}

/// Whether a slot holds this generator, which was not made.
fn holds(sym: &Sym, number: u32) -> bool {
    match sym {
        Sym::Gen(known) => *known == number,
        Sym::Tuple(items, _) => items.iter().any(|item| holds(item, number)),
        _ => false,
    }
}
