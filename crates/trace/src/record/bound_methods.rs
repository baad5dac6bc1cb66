//! Bound methods: made by an attribute that is not called at once, or by `with`, which keeps the manager's `__exit__` for the end of its
//! block.
//!
//! Most are only called, once. One of a Python function is described and not made: an instance of the class of bound methods
//! ([`Sym::Instance`]) whose words behind its class are the function, a constant, and the object. A call takes it apart again.

use super::keywords::is_value;
use super::state::Own;
use super::virtual_instances::{FIRST_VALUE, class_of, describe};
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Callee, Entering, Event, Kind, Operand};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::Returns;
use decal_uops::Uop;

impl Recorder<'_> {
    /// Whether this is a method that was not made.
    pub(super) fn is_method(&self, sym: &Sym) -> bool {
        let Sym::Instance(parts, _) = sym else { return false };
        class_of(parts).is_some_and(|class| class.object == self.host.objects.method)
    }

    /// A method of a class, bound to an object that was taken off the stack.
    pub(super) fn bind_method(&mut self, function: Operand, owner: Sym) -> Step<()> {
        let is_builtin = function.kind == Kind::Builtin;
        if !is_builtin && self.describes_builtins() && is_value(&owner) {
            self.describe_method(function, owner);
            return Ok(());
        }
        let bound = self.object(&owner)?;
        let drops = self.guard_discard(&[owner]);
        let function = self.e.object(function.object, function.ty);
        if is_builtin {
            let (maker, raise) = (self.host.functions.new_builtin_method, self.raise_snap());
            let method = self.e.effect(Uop::call_obj_2, &[function, bound], 0, maker, Region::Fixed, Some(raise));
            self.e.set_type(method, self.host.objects.builtin);
            let place = Place { base: method, index: None, disp: self.host.layout.builtin_self };
            self.e.heap().learn(Region::Fixed, place, bound);
            self.push(Sym::Obj(method, Own::Owned));
        } else {
            let method = self.new_method(function, bound);
            self.push(Sym::Obj(method, Own::Owned));
        }
        self.drop_all(&drops);
        Ok(())
    }

    /// Makes a bound method, which takes references of its own.
    pub(super) fn new_method(&mut self, function: Val, bound: Val) -> Val {
        let (maker, raise) = (self.host.functions.new_method, self.raise_snap());
        let method = self.e.effect(Uop::call_obj_2, &[function, bound], 0, maker, Region::Fixed, Some(raise));
        self.e.set_type(method, self.host.objects.method);
        let layout = self.host.layout.clone();
        for (disp, val) in [(layout.method_function, function), (layout.method_self, bound)] {
            self.e.heap().learn(Region::Fixed, Place { base: method, index: None, disp }, val);
        }
        method
    }

    fn describe_method(&mut self, function: Operand, owner: Sym) {
        let (owner, id) = (self.lasting(owner), self.new_box());
        self.push(describe(self.host.objects.method, vec![Sym::Const(function), owner], id));
    }

    /// Calls a method that was not made, and that was taken off the stack.
    pub(super) fn call_described(
        &mut self,
        callee: Callee,
        method: Sym,
        mut args: Vec<Sym>,
        event: &Event,
    ) -> Step<()> {
        let Sym::Instance(parts, id) = &method else { return Err(AbortReason::Inconsistent("method")) };
        let [Sym::Const(function), bound] = &parts[FIRST_VALUE..] else {
            return Err(AbortReason::Inconsistent("method"));
        };
        if function.object != callee.function {
            return Err(AbortReason::Unstable("a constant that was another one"));
        }
        let bound = if self.uses(*id) == 0 {
            bound.clone()
        } else {
            // Another slot has the method, too, and the object with it.
            let bound = Self::duplicate(bound);
            self.discard(std::slice::from_ref(&method))?;
            bound
        };
        args.insert(0, bound);
        self.enter(callee, &[], args, event, Returns::Value)
    }

    /// The end of a `with` block: a method is called with an argument in the receiver's place.
    pub(super) fn call_method_by_c(&mut self, callee: Callee, count: u32, event: &Event) -> Step<()> {
        let callable = self.peek(count + 2)?;
        let bound = self.bound_to(callee, &callable, event)?;
        let mut args = vec![bound];
        args.extend(self.peek_arguments(count + 1)?);
        self.enter_by_c(callee, count + 2, args, event)
    }

    /// A copy of what a method on the stack is bound to. Its function is guarded.
    pub(super) fn bound_to(&mut self, callee: Callee, method: &Sym, event: &Event) -> Step<Sym> {
        if let Sym::Instance(parts, _) = method
            && self.is_method(method)
        {
            return match &parts[FIRST_VALUE..] {
                [Sym::Const(function), bound] if function.object == callee.function => Ok(Self::duplicate(bound)),
                _ => Err(AbortReason::Unstable("a constant that was another one")),
            };
        }
        let seen = *event.operands.first().ok_or(AbortReason::Inconsistent("call"))?;
        self.unbind(callee, method, seen)
    }

    /// The object that a method is bound to, with a reference that outlives the method. The function is guarded.
    pub(super) fn unbind(&mut self, callee: Callee, method: &Sym, seen: Operand) -> Step<Sym> {
        let Sym::Obj(val, _) = method else { return Err(AbortReason::Call("a method that is a constant")) };
        let (val, snap, layout) = (*val, self.snap(), self.host.layout.clone());
        self.e.guard_type(val, seen.ty, snap);
        let function = self.e.load(Uop::load_obj, val, None, layout.method_function, Region::Fixed, Some(snap));
        if self.e.constant_of(function) != Some(callee.function) {
            self.e.pure(Uop::guard_is, &[function], 0, callee.function, Some(snap));
        }
        let object = self.e.load(Uop::load_obj, val, None, layout.method_self, Region::Fixed, Some(snap));
        Ok(Sym::Obj(object, Own::Container))
    }

    /// `with`: the manager's `__exit__` takes its place on the stack, and `__enter__` is called.
    pub(super) fn enter_block(&mut self, entering: Entering, event: &Event) -> Step<()> {
        let manager = self.peek(1)?;
        if !self.describes_builtins() || !is_value(&manager) {
            return Err(AbortReason::Instruction("BEFORE_WITH (of an object that is made for it)"));
        }
        self.guard_seen_type(&manager, entering.ty)?;
        let manager = self.pop()?;
        self.describe_method(entering.exit, manager);
        let Sym::Instance(parts, _) = self.peek(1)? else { return Err(AbortReason::Inconsistent("method")) };
        let manager = parts.last().map(Self::duplicate).ok_or(AbortReason::Inconsistent("method"))?;
        // The other method that is made for it is there until the call returns, in the result's place.
        self.describe_method(entering.enter, manager.clone());
        self.enter_by_c(entering.callee, 1, vec![manager], event)
    }
}
