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
use super::state::{FrameState, Local, Own, Owners, PER_FRAME};
use super::{AbortReason, MAX_DEPTH, Recorder, Step, Sym};
use crate::event::{Bind, Consumer, Event, Generating, Kind, Operand, Resumed};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::{Generator, Made, Maker, Returns, Then};
use decal_uops::Uop;

/// Generators that a trace may know at one time.
const MAX_GENERATORS: usize = 8;

/// What a builtin gives that went through a generator, and what is to be dropped then.
pub(super) type Given = (Sym, Vec<Sym>);

impl Recorder<'_> {
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
                let by_code = callee.by_code.ok_or(AbortReason::Inconsistent("function"))?;
                self.guard_by_code(val, code.object, by_code);
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
    pub(super) fn holders_of(&mut self, number: u32) -> u32 {
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
            if matches!(
                self.here().locals[slot as usize].sym,
                Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..)
            ) {
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
}
