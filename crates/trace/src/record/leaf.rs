//! Calls of C functions that run no Python code for such arguments: methods of strings, dicts and sets, and builtins.
//!
//! Which function is called is guarded, and so are the types of what it is given. It is called as CPython calls it, without
//! a tuple of arguments; what it refuses, CPython does.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Event, First, Kind, LeafCall, Operand, Passing};
use crate::ir::{Region, Val};
use decal_uops::{ARGUMENTS, Uop};

impl Recorder<'_> {
    pub(super) fn leaf_call(&mut self, leaf: LeafCall, count: u32, event: &Event) -> Step<()> {
        let [seen_callable, seen_receiver, seen @ ..] = &event.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        if seen.len() != count as usize || seen.len() > ARGUMENTS {
            return Err(AbortReason::Inconsistent("arguments"));
        }
        let receives = matches!(leaf.first, First::Receiver);
        if receives != (self.peek(count + 1)? != Sym::Null) {
            return Err(AbortReason::Call("a method that a general operation found"));
        }
        if !matches!(self.peek(count + 2)?, Sym::Obj(..) | Sym::Const(_)) {
            return Err(AbortReason::Call("not a function"));
        }
        if leaf.attends {
            self.attends()?;
        }
        if leaf.changes {
            self.own_before(event.offset);
        }
        if receives && !matches!(self.peek(count + 1)?, Sym::Obj(..) | Sym::Const(_)) {
            self.realize(count + 1, *seen_receiver)?;
            self.restart(event.offset);
        }
        self.realize_top(seen, event.offset)?;
        let args = self.pop_many(seen.len())?;
        let (receiver, callable) = (self.pop()?, self.pop()?);
        let mut vals = Vec::new();
        match leaf.first {
            First::Bound { definition, ty } => {
                vals.push(self.bound_receiver(&callable, *seen_callable, definition, ty)?);
            }
            first => {
                self.guard_callable(&callable, *seen_callable)?;
                match first {
                    First::Receiver => {
                        self.guard_exact(&receiver, *seen_receiver)?;
                        vals.push(self.object(&receiver)?);
                    }
                    First::Object(address) => vals.push(self.e.object(address, 0)),
                    _ => {}
                }
            }
        }
        for (position, (arg, seen)) in args.iter().zip(seen).enumerate() {
            if leaf.exact & (1 << position) != 0 {
                self.guard_exact(arg, *seen)?;
            }
            vals.push(self.object(arg)?);
        }
        let mut drops = if leaf.changes { self.guard_kept(std::slice::from_ref(&receiver)) } else { Vec::new() };
        let mut dropped = args;
        dropped.push(callable);
        if !leaf.changes {
            dropped.push(receiver);
        }
        let arguments = self.guard_discard(&dropped);
        if !drops.is_empty() && !arguments.is_empty() {
            self.guard_drops(&[&drops[..], &arguments].concat());
        }
        drops.extend(arguments);
        if leaf.check != 0 {
            let asked = *vals.get(leaf.asks as usize).ok_or(AbortReason::Inconsistent("arguments"))?;
            let snap = self.raise_snap();
            self.e.effect(Uop::call_truth_2, &[asked, asked], 0, leaf.check, Region::Fixed, Some(snap));
        }
        // An iterator that it is given may be one whose fields are in registers, or ask one.
        let steps = |seen: &Operand| seen.kind.is_iterator() || seen.kind == Kind::Other;
        let asks = !self.iters.is_empty() && (seen.iter().any(steps) || steps(seen_receiver));
        if asks {
            self.write_iterators();
        }
        if leaf.attends {
            self.ask_if_idle();
        }
        let result = self.emit_leaf(leaf, &vals)?;
        if asks {
            self.read_iterators();
        }
        if leaf.changes {
            self.lists_changed();
            self.e.heap().clobber(Region::BytesHead);
            self.e.heap().clobber(Region::BytesItems);
        }
        self.push(result);
        self.drop_all(&drops);
        Ok(())
    }

    fn emit_leaf(&mut self, leaf: LeafCall, vals: &[Val]) -> Step<Sym> {
        let (snap, function) = (self.raise_snap(), leaf.function);
        let uop = match (leaf.passing, vals.len()) {
            (Passing::Objects, 1) => Uop::call_obj_1,
            (Passing::Objects, 2) => Uop::call_obj_2,
            (Passing::Objects, 3) => Uop::call_obj_3,
            (Passing::Done | Passing::Truth, 2) => Uop::call_truth_2,
            (Passing::Done | Passing::Truth, 3) => Uop::call_truth_3,
            (Passing::Done, 1) => Uop::call_truth_2,
            (Passing::Number, 1 | 2) => Uop::call_int_2,
            (Passing::Fast, 1..) => {
                let val = self.call_fast(vals[0], &vals[1..], function);
                return Ok(self.given(val, leaf.gives));
            }
            _ => return Err(AbortReason::Inconsistent("arguments")),
        };
        let twice = [vals[0], vals[0]];
        let given =
            if matches!(uop, Uop::call_int_2 | Uop::call_truth_2) && vals.len() == 1 { &twice[..] } else { vals };
        let val = self.e.effect(uop, given, 0, function, Region::Fixed, Some(snap));
        Ok(match leaf.passing {
            Passing::Objects | Passing::Fast => self.given(val, leaf.gives),
            Passing::Done => self.none(),
            Passing::Truth => Sym::Bool(val),
            Passing::Number => self.int_sym(val),
        })
    }

    /// A new reference to an object of this type.
    fn given(&mut self, val: Val, ty: u64) -> Sym {
        if ty != 0 {
            self.e.set_type(val, ty);
        }
        Sym::Obj(val, Own::Owned)
    }

    /// The object that a bound method was made of; the method is guarded by its definition.
    pub(super) fn bound_receiver(&mut self, callable: &Sym, seen: Operand, definition: u64, ty: u64) -> Step<Val> {
        let function = self.object(callable)?;
        self.guard_exact(callable, seen)?;
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let found = self.e.load(Uop::load_int, function, None, layout.builtin_definition, Region::Fixed, None);
        let wanted = self.e.int(definition as i64);
        self.e.pure(Uop::guard_eq_int, &[found, wanted], 0, 0, Some(snap));
        let receiver = self.e.load(Uop::load_obj, function, None, layout.builtin_self, Region::Fixed, Some(snap));
        self.e.guard_type(receiver, ty, snap);
        Ok(receiver)
    }
}
