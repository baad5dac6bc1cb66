//! Python functions: their arguments become the locals of a frame that exists only in the trace.
//!
//! Observing has worked out which local gets what ([`Bind`]): here it is only carried out. What a local takes over it owns;
//! what an argument borrows from a container gets a reference of its own.

use super::state::{FrameState, Local};
use super::{AbortReason, MAX_DEPTH, Recorder, Step, Sym};
use crate::event::{Bind, Callee, Detail, Event, Kind};
use crate::ir::Val;
use crate::snapshot::Returns;
use decal_uops::Uop;
use std::rc::Rc;

impl Recorder<'_> {
    /// Takes arguments off the stack, in their order.
    pub(super) fn pop_arguments(&mut self, count: u32) -> Step<Vec<Sym>> {
        let mut args = Vec::new();
        for _ in 0..count {
            args.push(self.pop()?);
        }
        args.reverse();
        Ok(args)
    }

    /// A call with names of arguments.
    pub(super) fn call_keywords(&mut self, count: u32, event: &Event) -> Step<()> {
        let names = self.pop()?;
        // Names are a constant of the code, which the observer has looked at.
        if !matches!(names, Sym::Const(_)) {
            return Err(AbortReason::Call("names of arguments that change"));
        }
        self.same_shape(count, event)?;
        if let Detail::Partial(partial) = event.detail {
            return self.call_partial(partial, count, event);
        }
        let mut args = self.pop_arguments(count)?;
        let (receiver, callable) = (self.pop()?, self.pop()?);
        match event.detail {
            Detail::Enter(callee) => self.call_python(callee, callable, receiver, args, event),
            Detail::Generate(made) => self.make_generator(made, callable, receiver, args, event),
            Detail::New(making) => {
                if receiver != Sym::Null {
                    args.insert(0, receiver);
                }
                self.make_instance(making, callable, args, event)
            }
            Detail::Opaque(what) => Err(AbortReason::Call(what)),
            _ => Err(AbortReason::Call("a builtin with names of arguments")),
        }
    }

    /// A call of a Python function, or of a method object that is made of one.
    pub(super) fn call_python(
        &mut self,
        callee: Callee,
        callable: Sym,
        receiver: Sym,
        mut args: Vec<Sym>,
        event: &Event,
    ) -> Step<()> {
        let seen = *event.operands.first().ok_or(AbortReason::Inconsistent("call"))?;
        // A method object that the trace made none of is function and receiver here, and may be so in the interpreter, which takes it
        // apart before a second try; where it has the method itself, it may have an argument in the receiver's place.
        let has_receiver = event.operands.get(1).is_some_and(|receiver| receiver.kind != Kind::Null);
        let is_apart = seen.object == callee.function;
        let is_method = callee.bound_self != 0 && (receiver == Sym::Null || has_receiver && !is_apart);
        if receiver != Sym::Null {
            args.insert(0, receiver);
        }
        if is_method && self.is_method(&callable) {
            return self.call_described(callee, callable, args, event);
        }
        if is_method {
            let bound = self.unbind(callee, &callable, seen)?;
            args.insert(0, bound);
            return self.enter(callee, &[callable], args, event, Returns::Value);
        }
        match &callable {
            Sym::Const(operand) if operand.object != callee.function => {
                return Err(AbortReason::Unstable("a constant that was another one"));
            }
            Sym::Const(_) => {}
            Sym::Obj(val, _) => {
                let val = *val;
                if let Some(by_code) = callee.by_code {
                    return self.enter_by_code(callee, by_code, callable, args, event);
                }
                let snap = self.snap();
                self.e.pure(Uop::guard_is, &[val], 0, callee.function, Some(snap));
            }
            _ => return Err(AbortReason::Call("not a function")),
        }
        self.enter(callee, &[callable], args, event, Returns::Value)
    }

    /// Enters a Python function: a frame that exists only in the trace. `dropped` is what the call takes besides the arguments.
    pub(super) fn enter(
        &mut self,
        callee: Callee,
        dropped: &[Sym],
        args: Vec<Sym>,
        event: &Event,
        returns: Returns,
    ) -> Step<()> {
        let drops = self.guard_discard(dropped);
        self.enter_with(callee, &drops, args, event, returns)
    }

    /// The same where guards know already what to drop.
    pub(super) fn enter_with(
        &mut self,
        callee: Callee,
        drops: &[Val],
        args: Vec<Sym>,
        event: &Event,
        returns: Returns,
    ) -> Step<()> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(AbortReason::TooDeep);
        }
        let rec = self.rec;
        let code = rec.codes.get(callee.code.0 as usize).ok_or(AbortReason::Inconsistent("callee"))?;
        if event.binds.is_empty() && args.len() != code.parameters as usize {
            return Err(AbortReason::Inconsistent("arguments"));
        }
        self.check_keywords(event, &args)?;
        let mut made = self.made_keywords(event)?;
        // An argument borrowed from a container needs a reference that lasts.
        let args: Vec<Sym> = args.into_iter().map(|arg| self.lasting(arg)).collect();
        let mut locals = Vec::new();
        if event.binds.is_empty() {
            locals.extend(args.into_iter().map(Local::of));
        } else {
            let missing = AbortReason::Inconsistent("arguments");
            for bind in &event.binds {
                let sym = match bind {
                    Bind::Argument(index) => args.get(*index as usize).cloned().ok_or(missing)?,
                    Bind::Default(operand) => Sym::Const(*operand),
                    Bind::Rest(from, to) => {
                        let rest = args.get(*from as usize..*to as usize).ok_or(missing)?;
                        Sym::Tuple(Rc::new(rest.to_vec()), self.new_box())
                    }
                    Bind::Keywords(names) => match made.take() {
                        Some(dict) => dict,
                        None => self.new_keywords(names, &args)?,
                    },
                    Bind::Cell(_) | Bind::Closure(_) | Bind::Unbound => return Err(missing),
                };
                locals.push(Local::of(sym));
            }
        }
        locals.resize(code.locals as usize, Local::of(Sym::Null));
        self.top().call = (event.offset, event.next);
        self.top().returns = returns;
        let frame = FrameState {
            code: callee.code,
            function: callee.function,
            real: None,
            held: false,
            filled: false,
            generator: None,
            locals,
            stack: Vec::new(),
            call: (0, 0),
            returns: Returns::Value,
        };
        self.frames.push(frame.into());
        self.max_depth = self.max_depth.max(self.frames.len() as u32 - 1);
        self.drop_all(drops);
        Ok(())
    }

    /// Leaves an inlined function where something that a local holds may run Python code when it dies: that sees the caller, as the interpreter
    /// has left the frame by then.
    pub(super) fn leave_and_drop(&mut self, event: &Event, returns: Returns) -> Step<()> {
        let result = self.pop()?;
        let Some(left) = self.frames.pop() else { return Err(AbortReason::Inconsistent("call depth")) };
        let (offset, next) = self.top().call;
        self.top().returns = Returns::Value;
        let mut takes = 0;
        let function = if returns == Returns::Called { self.pop()? } else { Sym::Null };
        self.push(result);
        if returns == Returns::Instance {
            takes += 1;
        }
        for local in left.into_state().locals.into_iter().filter(|local| local.sym != Sym::Null) {
            self.push(local.sym);
            takes += 1;
        }
        if function != Sym::Null {
            self.push(function);
            takes += 1;
        }
        let code = self.here().code;
        let caller = Event { depth: event.depth.saturating_sub(1), code, offset, next, ..event.clone() };
        self.drop_many(&caller, takes)
    }
}
