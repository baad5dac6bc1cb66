//! What others may see: the state becomes what the interpreter would have before code runs that can look at it, and is taken back
//! behind that.
//!
//! Before: iterators and locals of the entry frame and of generators are in memory, numbers are objects, each slot has a reference of its own,
//! and frames of inlined calls exist. After: nothing that memory held is known any more; the trace is left where it became invalid, where
//! a tool watches one of the frames, and where somebody holds one.

use super::general::UNSEEN;
use super::snapshots::first_place;
use super::state::{Local, Own, Sym};
use super::{AbortReason, Recorder, Step};
use crate::event::{Event, Kind, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::Then;
use decal_uops::Uop;

impl Recorder<'_> {
    /// Makes all that Python code could look at exact in memory, and gives the operands objects.
    pub(super) fn make_visible(&mut self, event: &Event, operands: &[u32]) -> Step<()> {
        self.flush_iterators(|_, _| false);
        self.renew_snap(event);
        for depth in 1..self.frames.len() {
            if let Some(generator) = self.frames[depth].generator
                && generator.object().is_none()
            {
                self.realize_generator(generator.number, false)?;
                self.renew_snap(event);
            }
        }
        for (place, _) in self.homes() {
            match self.home(place).sym {
                Sym::Unchanged | Sym::Obj(_, Own::Slot(_)) => continue,
                Sym::Null => self.unbind_local(place),
                _ => self.flush_local(place)?,
            }
            self.renew_snap(event);
        }
        for depth in 1..self.frames.len() {
            if self.frames[depth].generator.is_some() {
                continue;
            }
            for slot in 0..self.frames[depth].locals.len() {
                let sym = self.frames[depth].locals[slot].sym.clone();
                if matches!(sym, Sym::Obj(..) | Sym::Null | Sym::Const(_)) {
                    continue;
                }
                self.frames[depth].locals[slot].sym = Sym::Null;
                let val = self.owned_object(&sym, UNSEEN)?;
                self.frames[depth].locals[slot].sym = Sym::Obj(val, Own::Owned);
                self.renew_snap(event);
            }
        }
        for nth in operands {
            let seen = match self.peek(*nth)? {
                Sym::Null => continue,
                Sym::Const(operand) => operand,
                _ => UNSEEN,
            };
            self.realize(*nth, seen)?;
            self.renew_snap(event);
        }
        self.settle_suspended(event)?;
        self.settle_all_functions(event)?;
        self.settle_all_instances(&[], &mut |this| this.renew_snap(event))?;
        self.own_all();
        self.renew_snap(event);
        Ok(())
    }

    /// Puts a null into memory of a local that is unbound.
    pub(super) fn unbind_local(&mut self, place: u32) {
        let before = self.memory_of(place);
        let (base, disp, region) = self.address(place);
        let dealloc = self.host.functions.dealloc;
        // Somebody may still borrow what memory has kept.
        let handed = self.hand_over(before, Own::Slot(place));
        self.e.effect(Uop::store_null, &[base], disp, 0, region, None);
        if !handed {
            self.e.effect(Uop::decref_plain_or_null, &[before], 0, dealloc, Region::Counts, None);
        }
        self.e.heap().clobber(region);
        self.written.insert(place);
        *self.home(place) = Local::of(Sym::Unchanged);
    }

    /// Each slot and item gets a reference of its own: what it was borrowed from may change, and Python code can count
    /// references. Constants too, which may be replaced where they came from. Only the slots of frames that
    /// exist are memory themselves.
    fn own_all(&mut self) {
        let mut memory = Vec::new();
        for (depth, frame) in self.frames.iter_mut().enumerate() {
            let Some(first) = first_place(depth, frame.generator) else { continue };
            let locals = std::mem::take(&mut frame.locals);
            let mut homes: Vec<(usize, Sym)> = Vec::new();
            for (slot, sym) in frame.stack.iter_mut().enumerate() {
                if matches!(sym, Sym::Obj(_, Own::StackSlot(home)) if *home == first + slot as u32) {
                    homes.push((slot, std::mem::replace(sym, Sym::Null)));
                }
            }
            memory.push((depth, locals, homes));
        }
        let mut consts = Vec::new();
        self.visit_places(&mut |sym, place| match sym {
            Sym::Const(operand) if place.is_none() && is_mortal(operand) => consts.push(*operand),
            _ => {}
        });
        self.own_those(|sym| matches!(sym, Sym::Obj(_, own) if *own != Own::Owned));
        for operand in consts {
            let val = self.e.object(operand.object, operand.ty);
            self.incref(val);
        }
        let e = &mut self.e;
        let is_one = |sym: &Sym| matches!(sym, Sym::Const(operand) if is_mortal(operand));
        for frame in self.frames.iter_mut().chain(&mut self.suspended) {
            if !frame.locals.iter().map(|local| &local.sym).chain(&frame.stack).any(is_one) {
                continue;
            }
            let frame = &mut **frame;
            for sym in frame.locals.iter_mut().map(|local| &mut local.sym).chain(&mut frame.stack) {
                if let Sym::Const(operand) = sym
                    && is_mortal(operand)
                {
                    *sym = Sym::Obj(e.object(operand.object, operand.ty), Own::Owned);
                }
            }
        }
        for (depth, locals, homes) in memory {
            self.frames[depth].locals = locals;
            for (slot, sym) in homes {
                self.frames[depth].stack[slot] = sym;
            }
        }
    }

    /// Slots that hold one object share a reference again: dropping two at once could be the object's end, which is an exit.
    pub(super) fn share_again(&mut self) {
        let (mut seen, mut spare) = (Vec::new(), Vec::new());
        self.visit_places(&mut |sym, place| match sym {
            Sym::Obj(val, Own::Owned) if place.is_none() => {
                if seen.contains(val) {
                    spare.push(*val);
                } else {
                    seen.push(*val);
                }
            }
            _ => {}
        });
        if !spare.is_empty() {
            seen.clear();
            let shared = |sym: &Sym| matches!(sym, Sym::Obj(val, Own::Owned) if spare.contains(val));
            self.each_place(shared, &mut |sym, place| {
                if let Sym::Obj(val, own) = sym
                    && place.is_none()
                {
                    if seen.contains(val) {
                        *own = Own::Virtual;
                    } else {
                        seen.push(*val);
                    }
                }
            });
        }
        for val in spare {
            self.decref_plain(val);
        }
    }

    /// Makes the frames of inlined calls, and sets the instruction pointers.
    pub(super) fn push_frames(&mut self, event: &Event) -> Step<()> {
        let last = self.frames.len() - 1;
        let mut below = self.e.frame();
        for depth in 0..=last {
            if let Some(frame) = self.frames[depth].real.filter(|_| self.frames[depth].held) {
                self.fill_frame(depth, frame)?;
                self.frames[depth].filled = true;
                self.renew_snap(event);
                below = frame;
            } else if let Some(generator) = self.frames[depth].generator {
                let functions = &self.host.functions;
                let maker = if generator.delegated { functions.resume_chain } else { functions.resume_frame };
                let raise = self.raise_snap();
                let object = generator.object().ok_or(AbortReason::Inconsistent("generator"))?;
                let words = [below, object];
                let frame = self.e.effect(Uop::push_frame, &words, 0, maker, Region::Any, Some(raise));
                self.frames[depth].real = Some(frame);
                self.renew_snap(event);
                below = frame;
            } else if depth > 0 {
                let function = match self.frames[depth].function {
                    0 => self.frames[depth - 1].stack.last().and_then(Sym::object),
                    function => Some(self.e.object(function, self.host.objects.function)),
                };
                let function = function.ok_or(AbortReason::Inconsistent("function"))?;
                let (maker, raise) = (self.host.functions.push_frame, self.raise_snap());
                let frame = self.e.effect(Uop::push_frame, &[below, function], 0, maker, Region::Any, Some(raise));
                self.frames[depth].real = Some(frame);
                self.fill_frame(depth, frame)?;
                self.renew_snap(event);
                below = frame;
            }
            let frame = &self.frames[depth];
            let at = if depth == last { event.offset } else { frame.call.0 };
            let code = self.rec.codes.get(frame.code.0 as usize).ok_or(AbortReason::Inconsistent("code"))?;
            let address = self.e.int(code.address_of(at) as i64);
            let disp = self.host.layout.frame_instruction;
            self.e.effect(Uop::store_int, &[below, address], disp, 0, Region::Any, None);
        }
        self.hand_functions_over();
        self.renew_snap(event);
        Ok(())
    }

    /// Moves the locals of a frame there. It has the references as long as it is there.
    fn fill_frame(&mut self, depth: usize, frame: Val) -> Step<()> {
        for slot in 0..self.frames[depth].locals.len() {
            let sym = self.frames[depth].locals[slot].sym.clone();
            if sym == Sym::Null {
                continue;
            }
            let val = self.object(&sym)?;
            let disp = self.local_disp(slot as u32);
            self.e.effect(Uop::store_obj, &[frame, val], disp, 0, Region::Any, None);
        }
        Ok(())
    }

    /// A side trace that begins while frames are in memory: takes them away where nobody has got hold of them.
    pub(super) fn take_frames_back(&mut self, offset: u32) {
        if self.frames.iter().all(|frame| frame.real.is_none() || frame.held) {
            return;
        }
        self.snap = self.build_snapshot(offset, Then::Resume);
        self.raise_snap = None;
        self.check_undisturbed();
        self.load_back();
        self.pop_frames();
    }

    /// Names what frames of calls that exist have in their locals, where a side trace began with that.
    pub(super) fn load_back(&mut self) {
        for depth in 1..self.frames.len() {
            let Some(frame) = self.frames[depth].real.filter(|_| self.frames[depth].generator.is_none()) else {
                continue;
            };
            for slot in 0..self.frames[depth].locals.len() {
                if self.frames[depth].locals[slot].sym == Sym::Unchanged {
                    let disp = self.local_disp(slot as u32);
                    let val = self.e.effect(Uop::load_obj_unchecked, &[frame], disp, 0, Region::Any, None);
                    self.frames[depth].locals[slot].sym = Sym::Obj(val, Own::Owned);
                }
            }
        }
    }

    /// Takes the frames of inlined calls away again, and what they hold back.
    pub(super) fn pop_frames(&mut self) {
        for depth in (1..self.frames.len()).rev() {
            if let Some(frame) = self.frames[depth].real.filter(|_| self.frames[depth].held) {
                self.frames[depth].filled = false;
                let empty = self.host.functions.raising.empty_frame;
                self.e.effect(Uop::pop_frame, &[frame], 0, empty, Region::Any, None);
            } else if let Some(frame) = self.frames[depth].real.take() {
                self.take_function_back(depth);
                let functions = &self.host.functions;
                let remover = match self.frames[depth].generator {
                    Some(generator) if generator.delegated => functions.suspend_chain,
                    Some(_) => functions.suspend_frame,
                    None => functions.pop_frame,
                };
                self.e.effect(Uop::pop_frame, &[frame], 0, remover, Region::Any, None);
            }
        }
    }

    /// Python code ran: what memory held is not known any more.
    pub(super) fn forget_all(&mut self) {
        self.e.heap().clobber_all();
        let objects = self.host.objects.clone();
        self.e.forget_types(|ty| objects.is_builtin(ty));
        for (place, _) in self.homes() {
            *self.home(place) = Local::of(Sym::Unchanged);
            self.written.insert(place);
        }
    }

    /// Exits where the trace must not go on.
    pub(super) fn check_undisturbed(&mut self) {
        let snap = self.snap;
        if self.options.valid != 0 {
            self.e.effect(Uop::guard_word32, &[], 1, self.options.valid, Region::Any, Some(snap));
        }
        let (list, none) = (self.e.raw(self.options.covered), self.e.raw(0));
        let function = self.host.functions.undisturbed;
        self.e.effect(Uop::guard_undisturbed, &[list, none], 0, function, Region::Any, Some(snap));
        self.quiet_at = Some(self.e.len());
        self.guard_held(snap);
        let held = self.frames.iter().rev().find(|frame| frame.held).and_then(|frame| frame.real);
        if let Some(innermost) = self.frames.last().and_then(|frame| frame.real).filter(|frame| Some(*frame) != held) {
            let (entry, function) = (held.unwrap_or_else(|| self.e.frame()), self.host.functions.unseen);
            self.e.effect(Uop::guard_undisturbed, &[innermost, entry], 0, function, Region::Any, Some(snap));
        }
    }
}

/// Whether an object may go away while the trace has it on its stack.
fn is_mortal(operand: &Operand) -> bool {
    let small = operand.kind == Kind::Int && (-5..=256).contains(&(operand.bits as i64));
    !small && !matches!(operand.kind, Kind::None | Kind::Bool | Kind::Null)
}
