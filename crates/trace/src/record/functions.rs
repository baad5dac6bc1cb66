//! New functions: `MAKE_FUNCTION`, and the closure that `SET_FUNCTION_ATTRIBUTE` gives them.
//!
//! A generator expression makes a function, calls it and drops it: with its closure that is three objects, and more than a short
//! expression itself takes. So a function is not made where the bytecode says so, but described ([`Sym::Function`]): its call takes
//! code and cells from there, and an exit in between makes it. What else takes it finds an object, which is made before
//! that instruction.
//!
//! What holds: a function that was not made is on an operand stack, and no Python code runs that the trace does not know
//! while it is there: a function takes its `__module__` from the globals when it is made.

use super::state::{Own, Owners};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{GeneralOp, Op};
use crate::event::{Detail, Event, Operand};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::BoxId;
use decal_uops::Uop;
use std::rc::Rc;

/// The argument of `SET_FUNCTION_ATTRIBUTE` for a closure.
const CLOSURE: u32 = 8;

/// Where the closure is among the parts of a function that was not made.
const CLOSURE_PART: usize = 2;

/// Whether a function that was not made is of this code.
pub(super) fn is_code(parts: &[Sym], code: u64) -> bool {
    matches!(parts, [Sym::Const(known), ..] if known.object == code)
}

impl Recorder<'_> {
    /// A new function, as a generator expression has one.
    pub(super) fn make_function(&mut self, event: &Event) -> Step<()> {
        let Detail::Function(globals, _) = event.detail else {
            return Err(AbortReason::Instruction("MAKE_FUNCTION"));
        };
        let code = self.pop()?;
        if !matches!(code, Sym::Const(_)) {
            return Err(AbortReason::Instruction("MAKE_FUNCTION"));
        }
        let id = self.new_box();
        self.push(Sym::Function(Rc::new(vec![code, Sym::Const(globals), Sym::Null]), id));
        Ok(())
    }

    /// `SET_FUNCTION_ATTRIBUTE`: the closure of a new function.
    pub(super) fn set_closure(&mut self, argument: u32) -> Step<()> {
        let function = self.peek(1)?;
        let (Sym::Function(parts, id), CLOSURE) = (function, argument) else {
            return Err(AbortReason::Instruction("SET_FUNCTION_ATTRIBUTE"));
        };
        let [code, globals, Sym::Null] = &parts[..] else {
            return Err(AbortReason::Instruction("SET_FUNCTION_ATTRIBUTE"));
        };
        self.pop()?;
        let closure = self.pop()?;
        self.push(Sym::Function(Rc::new(vec![code.clone(), globals.clone(), closure]), id));
        Ok(())
    }

    /// Before an instruction: functions that it could not take as they are become objects.
    pub(super) fn settle_functions(&mut self, event: &Event) -> Step<()> {
        if !self.here().stack.iter().any(|sym| matches!(sym, Sym::Function(..))) {
            return Ok(());
        }
        let taken = match event.op {
            Op::General(GeneralOp::SetFunctionAttribute, CLOSURE) => 0,
            // The function is what is called; its arguments may be functions.
            Op::Call(count) if matches!(event.detail, Detail::Generate(_)) => count + 1,
            Op::BuildTuple(count) => count,
            Op::General(GeneralOp::MakeFunction, _) => 0,
            Op::General(..) | Op::Copy(_) | Op::Swap(_) => u32::MAX,
            op => op.taken(),
        };
        for nth in 1..=taken.min(self.here().stack.len() as u32) {
            if matches!(self.peek(nth)?, Sym::Function(..)) {
                self.realize(nth, Operand::NULL)?;
                self.renew_snap(event);
            }
        }
        Ok(())
    }

    /// All of them become objects.
    pub(super) fn settle_all_functions(&mut self, event: &Event) -> Step<()> {
        loop {
            let mut found = None;
            self.visit_syms(&mut |sym| {
                if matches!(sym, Sym::Function(..)) {
                    found = Some(sym.clone());
                }
            });
            let Some(sym @ Sym::Function(_, id)) = found else { return Ok(()) };
            self.new_function(&sym, id)?;
            self.renew_snap(event);
        }
    }

    /// A cell of the closure of a function that is called: one that was not made, or this object.
    pub(super) fn closure_cell(&mut self, callable: &Sym, known: Option<Val>, index: u32) -> Step<Sym> {
        let missing = AbortReason::Inconsistent("arguments");
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let closure = match (callable, known) {
            (Sym::Function(parts, _), _) => match parts.get(CLOSURE_PART).ok_or(missing)? {
                Sym::Tuple(cells, _) => {
                    return Ok(match cells.get(index as usize).ok_or(missing)? {
                        // The function lets go of it after the call.
                        Sym::Obj(cell, Own::Owned) => Sym::Obj(*cell, Own::Container),
                        cell => cell.clone(),
                    });
                }
                closure => self.object(closure)?,
            },
            (_, Some(function)) => {
                self.e.load(Uop::load_obj, function, None, layout.function_closure, Region::Fixed, Some(snap))
            }
            _ => return Err(missing),
        };
        let disp = layout.tuple_items + 8 * index as i32;
        let cell = self.e.load(Uop::load_obj, closure, None, disp, Region::Fixed, Some(snap));
        Ok(Sym::Obj(cell, Own::Container))
    }

    /// Makes a function that was taken off the state: the object, with a reference for the caller.
    pub(super) fn make_new_function(&mut self, sym: &Sym, id: BoxId) -> Step<Val> {
        self.push(sym.clone());
        let val = self.new_function(sym, id);
        self.top_stack().pop();
        val
    }

    /// Makes it: the trace owns one reference for each slot that holds it, under a name of its own.
    fn new_function(&mut self, sym: &Sym, id: BoxId) -> Step<Val> {
        let missing = AbortReason::Inconsistent("function");
        let Sym::Function(parts, _) = sym else { return Err(missing) };
        let [code, globals, closure] = &parts[..] else { return Err(missing) };
        let mut made = Vec::new();
        if let Sym::Tuple(_, closure) = closure {
            self.make_parts(*closure, &mut made)?;
        }
        let (code, globals) = (self.object(code)?, self.object(globals)?);
        let (snap, function) = (self.raise_snap(), self.host.functions.new_function);
        let val = self.e.effect(Uop::call_obj_2, &[code, globals], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(val, self.host.objects.function);
        for (id, tuple) in made {
            self.fill(id, tuple)?;
        }
        let layout = self.host.layout.clone();
        let place = |disp| Place { base: val, index: None, disp };
        self.e.heap().learn(Region::Fixed, place(layout.function_code), code);
        let mut names = vec![val];
        for _ in 1..self.uses(id) {
            names.push(self.another(val));
        }
        let (mut closures, mut owners) = (Vec::new(), Owners::default());
        let is_it = |sym: &Sym| matches!(sym, Sym::Function(_, known) if *known == id);
        self.each_place(is_it, &mut |sym, place| {
            if let Sym::Function(parts, _) = sym
                && let Some(object) = owners.object(place, || names.pop())
            {
                closures.extend(parts.get(CLOSURE_PART).cloned());
                *sym = object;
            }
        });
        // It takes over what the last slot owned; the others let go of theirs.
        for (nth, closure) in closures.iter().rev().enumerate() {
            let Sym::Obj(tuple, own) = closure else { continue };
            let owned = *own == Own::Owned && !self.hand_over(*tuple, Own::Virtual);
            match (nth, owned) {
                (0, _) => {
                    if !owned {
                        self.incref(*tuple);
                    }
                    self.e.effect(Uop::store_obj, &[val, *tuple], layout.function_closure, 0, Region::Fixed, None);
                    self.e.heap().learn(Region::Fixed, place(layout.function_closure), *tuple);
                }
                (_, true) => self.decref_plain(*tuple),
                _ => {}
            }
        }
        Ok(val)
    }
}
