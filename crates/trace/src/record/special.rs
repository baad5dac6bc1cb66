//! Special methods and properties: instructions that call a function of Python, and what becomes of its result.
//!
//! The operands stay on the caller's stack while the call is under way, as the interpreter has them, and go when it returns
//! ([`Returns`]). The result is guarded to be such that the instruction is done with it: what else the interpreter would
//! have to do (ask the other operand, raise because of a wrong type) is done where the trace is left.

use super::state::Sym;
use super::{AbortReason, Recorder, Step};
use crate::event::{Event, Kind, Special};
use crate::ir::Val;
use crate::snapshot::Returns;
use decal_uops::Uop;

impl Recorder<'_> {
    /// Enters a special method.
    pub(super) fn call_special(&mut self, special: Special, event: &Event) -> Step<()> {
        let count = u32::from(special.operands);
        let mut args = Vec::new();
        for index in 0..count {
            let sym = self.peek(count - index)?;
            if let Some(ty) = special.types.get(index as usize).filter(|ty| **ty != 0) {
                self.guard_seen_type(&sym, *ty)?;
            }
            if index == 0
                && let Sym::Obj(val, _) = sym
            {
                self.guard_shadow(val, special.shadow, event)?;
            } else if index == 0
                && let Sym::Instance(parts, _) = &sym
            {
                self.guard_lacks(parts, special.shadow)?;
            }
            args.push(Self::duplicate(&sym));
        }
        let mut dropped = Vec::new();
        if special.returns == Returns::Length {
            let seen = *event.operands.first().ok_or(AbortReason::Inconsistent("call"))?;
            self.guard_callable(&args[0], seen)?;
        }
        if special.returns.operands() == 0 && !matches!(special.returns, Returns::Next(_)) {
            // A call's operands go to the callee.
            args = self.pop_arguments(count)?;
            if special.returns == Returns::Length {
                dropped.extend(args.first().cloned());
            }
        }
        self.enter(special.callee, &dropped, args, event, special.returns)
    }

    /// Leaves an inlined function with the result on top of its stack.
    pub(super) fn leave(&mut self, event: &Event) -> Step<()> {
        if self.here().generator.is_some() {
            return self.end_generator(event);
        }
        let below = self.frames.len() - 2;
        let returns = self.frames[below].returns;
        self.guard_left();
        let made = self.settle_result(returns, event)?;
        if self.event == 0 && self.refused == Some(self.at) {
            // Side trace after side trace would ask the same question again. Another call's return is another matter.
            return match returns {
                _ if self.has_held() => Err(AbortReason::Call("it handles an exception")),
                Returns::Value | Returns::Called | Returns::Instance => self.leave_and_drop(event, returns),
                _ => Err(AbortReason::Instruction("a return that ends an object whose end may run Python code")),
            };
        }
        // What the frame's locals own and the result, which is still on the stack, borrows goes to the result.
        let locals = std::mem::take(&mut self.frames[below + 1].locals);
        let mut dropped: Vec<Sym> = locals.into_iter().map(|local| local.sym).collect();
        for _ in 0..returns.operands() + usize::from(returns == Returns::Called) {
            dropped.push(self.pop_below()?);
        }
        let gone = made.is_some() || matches!(returns, Returns::Discard(_) | Returns::Instance);
        if gone {
            dropped.push(self.pop()?);
        }
        let drops = self.guard_discard(&dropped);
        let result = if gone { made } else { Some(self.pop()?) };
        // Where nothing goes that could be its container, a result that is borrowed stays so.
        let kept = drops.iter().all(|val| self.is_plain(*val));
        let result = result.map(|result| if kept { result } else { self.lasting(result) });
        self.push(result.unwrap_or(Sym::Null));
        self.drop_all(&drops);
        let result = self.pop()?;
        self.take_held();
        self.frames.pop();
        self.top().returns = Returns::Value;
        if result != Sym::Null {
            self.push(result);
        }
        Ok(())
    }

    /// Takes the top of the caller's stack.
    fn pop_below(&mut self) -> Step<Sym> {
        let callee = self.frames.pop().ok_or(AbortReason::Inconsistent("frame"))?;
        let sym = self.pop();
        self.frames.push(callee);
        sym
    }

    /// Guards that the result, on top of the stack, is one that the instruction is done with. Gives what takes its place, if
    /// something does.
    fn settle_result(&mut self, returns: Returns, event: &Event) -> Step<Option<Sym>> {
        let wrong = AbortReason::Call("a special method with such a result");
        let sym = self.peek(1)?;
        let objects = self.host.objects.clone();
        let snap = self.snap();
        match (returns, &sym) {
            (Returns::Value | Returns::Called, _) => {}
            (Returns::Over(_) | Returns::Discard(_) | Returns::Next(_), _) => {}
            (Returns::Item | Returns::Consume(_), _) => return Err(AbortReason::Inconsistent("generator")),
            (Returns::Iterator, Sym::Gen(_)) => {}
            (Returns::Instance, Sym::Const(operand)) if operand.object == objects.none => {}
            (Returns::Instance, Sym::Obj(val, _)) => {
                self.e.pure(Uop::guard_is, &[*val], 0, objects.none, Some(snap));
                self.e.set_type(*val, objects.none_type);
            }
            (Returns::Instance, _) => return Err(AbortReason::Call("an __init__ that gives something")),
            (Returns::Binary(..) | Returns::Compare(..), Sym::Const(operand))
                if operand.object == objects.not_implemented =>
            {
                return Err(AbortReason::Call("an operator that is not implemented"));
            }
            (Returns::Binary(..) | Returns::Compare(_, false), Sym::Obj(val, _)) => self.guard_implemented(*val),
            (Returns::Binary(..) | Returns::Compare(_, false), _) => {}
            (Returns::Compare(_, true) | Returns::Bool, _) => self.guard_bool(&sym, event)?,
            (Returns::Contains(inverted), _) => {
                self.guard_bool(&sym, event)?;
                if inverted {
                    let val = self.as_int(&sym, self.seen_result(event))?;
                    let one = self.e.int(1);
                    return Ok(Some(Sym::Bool(self.e.pure(Uop::xor_int, &[val, one], 0, 0, None))));
                }
            }
            (Returns::Length, _) => {
                let seen = self.seen_result(event);
                let ty = match &sym {
                    Sym::Int(..) => objects.int,
                    Sym::Const(operand) => operand.ty,
                    Sym::Obj(..) => seen.ty,
                    _ => return Err(wrong),
                };
                if ty != objects.int || seen.kind == Kind::BigInt {
                    return Err(wrong);
                }
                let (length, zero) = (self.as_int(&sym, seen)?, self.e.int(0));
                self.e.pure(Uop::guard_ge_int, &[length, zero], 0, 0, Some(snap));
                // `len` makes a number of its own.
                return Ok(Some(self.int_sym(length)));
            }
            (Returns::Iterator, Sym::Obj(val, _)) => {
                let seen = self.seen_result(event);
                if seen.bits == 0 || seen.ty == 0 {
                    return Err(wrong);
                }
                self.e.guard_type(*val, seen.ty, snap);
            }
            (Returns::Iterator, _) => return Err(wrong),
        }
        Ok(None)
    }

    fn seen_result(&self, event: &Event) -> crate::event::Operand {
        event.operands.first().copied().unwrap_or(crate::event::Operand::NULL)
    }

    fn guard_implemented(&mut self, val: Val) {
        let (snap, mark) = (self.snap(), self.host.objects.not_implemented);
        self.e.pure(Uop::guard_is_not, &[val], 0, mark, Some(snap));
    }

    fn guard_bool(&mut self, sym: &Sym, event: &Event) -> Step<()> {
        let bool_ = self.host.objects.bool_;
        match sym {
            Sym::Bool(_) => Ok(()),
            Sym::Const(operand) if operand.ty == bool_ => Ok(()),
            Sym::Obj(..) if self.seen_result(event).ty == bool_ => self.guard_seen_type(sym, bool_),
            _ => Err(AbortReason::Call("a special method with such a result")),
        }
    }
}
