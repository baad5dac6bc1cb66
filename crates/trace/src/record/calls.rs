//! Calls: Python functions are inlined, builtins that traces know become uops.

use super::numbers::Number;
use super::virtual_instances::class_of;
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::Op;
use crate::event::{Callee, Detail, Event, Kind, KnownCall, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::Returns;
use decal_uops::Uop;

impl Recorder<'_> {
    /// Ends where the trace does not have function and receiver of a call where the interpreter has them, with so many arguments
    /// above.
    pub(super) fn same_shape(&mut self, count: u32, event: &Event) -> Step<()> {
        // A method object that the trace made none of is function and receiver here.
        let apart = matches!(event.detail, Detail::Known(KnownCall::ObjectInit(_)))
            || matches!(event.detail, Detail::Enter(callee) if callee.bound_self != 0)
            || matches!(event.detail, Detail::Generate(made) if made.callee.bound_self != 0);
        let bound = event.operands.get(1).is_some_and(|receiver| receiver.kind != Kind::Null);
        if !apart && bound != (self.peek(count + 1)? != Sym::Null) {
            // A general operation made a method of what the interpreter has as function and receiver.
            return Err(AbortReason::Call("a method that a general operation found"));
        }
        Ok(())
    }

    /// Gives whether the next event was handled too.
    pub(super) fn call(&mut self, count: u32, event: &Event, next: Option<&Event>) -> Step<bool> {
        if let Detail::Known(known @ (KnownCall::List(_) | KnownCall::BoundList(..))) = event.detail {
            self.list_method(known, count, event)?;
            return Ok(false);
        }
        let detail = match (event.detail, event.operands.first()) {
            // A range that is looped over at once need not be made.
            (Detail::Known(KnownCall::Leaf(_)), Some(callable))
                if callable.object == self.host.objects.range
                    && self.loops_at_once(next)
                    && event.operands.iter().skip(2).all(|operand| operand.kind == Kind::Int) =>
            {
                Detail::Known(KnownCall::Range)
            }
            (detail, _) => detail,
        };
        if let Detail::Known(KnownCall::Leaf(leaf)) = detail {
            self.leaf_call(leaf, count, event)?;
            return Ok(false);
        }
        if let Detail::Consume(consumer, resumed) = event.detail {
            if self.unsure.borrow().contains(&(event.code, event.offset)) {
                return Err(AbortReason::Call("a builtin with a generator"));
            }
            self.consume(consumer, resumed, count, event)?;
            return Ok(false);
        }
        if let Detail::Native(native) = event.detail {
            self.call_native(native, count, event)?;
            return Ok(false);
        }
        self.same_shape(count, event)?;
        match detail {
            Detail::Enter(callee) if callee.by_c => {
                self.call_method_by_c(callee, count, event)?;
                return Ok(false);
            }
            Detail::Partial(partial) => {
                self.call_partial(partial, count, event)?;
                return Ok(false);
            }
            _ => {}
        }
        let mut args = self.pop_arguments(count)?;
        let (receiver, callable) = (self.pop()?, self.pop()?);
        let seen_callable = *event.operands.first().ok_or(AbortReason::Inconsistent("call"))?;
        match detail {
            Detail::Enter(callee) => {
                self.call_python(callee, callable, receiver, args, event)?;
                Ok(false)
            }
            Detail::Generate(made) => {
                self.make_generator(made, callable, receiver, args, event)?;
                Ok(false)
            }
            Detail::New(making) => {
                if receiver != Sym::Null {
                    args.insert(0, receiver);
                }
                self.make_instance(making, callable, args, event)?;
                Ok(false)
            }
            Detail::Known(KnownCall::ObjectInit(init)) => {
                // What the observer saw as one bound object came of `super()`, and is two here.
                if !matches!(callable, Sym::Const(operand) if operand.object == init) || receiver == Sym::Null {
                    return Err(AbortReason::Call("object.__init__ of something else"));
                }
                self.discard(&[receiver])?;
                let none = self.none();
                self.push(none);
                Ok(false)
            }
            Detail::Asked(asked) if receiver == Sym::Null => {
                self.guard_callable(&callable, seen_callable)?;
                self.ask_attribute(asked, callable, args, event)?;
                Ok(false)
            }
            Detail::Known(known) => {
                if receiver != Sym::Null {
                    return Err(AbortReason::Call("builtin with a receiver"));
                }
                self.guard_callable(&callable, seen_callable)?;
                let seen = event.operands.get(2..).unwrap_or(&[]);
                self.known(known, callable, args, seen, next)
            }
            Detail::Opaque(what) => Err(AbortReason::Call(what)),
            _ => Err(AbortReason::Inconsistent("call without callee")),
        }
    }

    /// Enters a function that a function in C calls: what that is called with stays on the caller's stack while the call is under way,
    /// and holds its references. `args` are copies.
    pub(super) fn enter_by_c(&mut self, callee: Callee, operands: u32, args: Vec<Sym>, event: &Event) -> Step<()> {
        let operands = u8::try_from(operands).map_err(|_| AbortReason::Call("a call with so many arguments"))?;
        self.enter(callee, &[], args, event, Returns::Over(operands))
    }

    /// Copies of the arguments on top of the stack, in their order.
    pub(super) fn peek_arguments(&mut self, count: u32) -> Step<Vec<Sym>> {
        (1..=count).rev().map(|nth| Ok(Self::duplicate(&self.peek(nth)?))).collect()
    }

    pub(super) fn guard_callable(&mut self, callable: &Sym, seen: Operand) -> Step<()> {
        match callable {
            Sym::Const(_) => Ok(()),
            Sym::Obj(val, _) => {
                let snap = self.snap();
                self.e.pure(Uop::guard_is, &[*val], 0, seen.object, Some(snap));
                Ok(())
            }
            _ => Err(AbortReason::Call("not a function")),
        }
    }

    /// Calls of builtins. The callable is a constant or was guarded.
    fn known(
        &mut self,
        known: KnownCall,
        callable: Sym,
        args: Vec<Sym>,
        seen: &[Operand],
        next: Option<&Event>,
    ) -> Step<bool> {
        if let KnownCall::ByType(ty) = known {
            return self.by_type(ty, callable, args, seen);
        }
        if args.len() != seen.len() {
            return Err(AbortReason::Inconsistent("arguments"));
        }
        let result = match (known, args.as_slice()) {
            (KnownCall::Len, [x]) => {
                let length = self.length(x, seen[0])?;
                self.int_sym(length)
            }
            (KnownCall::Abs, [x]) => self.abs(x, seen[0])?,
            (KnownCall::Min, [a, b]) => return self.min_max(false, callable, a.clone(), b.clone(), seen),
            (KnownCall::Max, [a, b]) => return self.min_max(true, callable, a.clone(), b.clone(), seen),
            (KnownCall::Int, [x]) => match self.number(x, seen[0]) {
                Number::Int => {
                    // The same object.
                    self.guard_exact(x, seen[0])?;
                    self.discard(&[callable])?;
                    self.push(x.clone());
                    return Ok(false);
                }
                Number::Bool => {
                    let val = self.as_int(x, seen[0])?;
                    self.int_sym(val)
                }
                Number::Float => self.float_to_int(Uop::float_to_int, x, seen[0])?,
                _ => return Err(AbortReason::Call("int() of this type")),
            },
            (KnownCall::Float, [x]) => match self.number(x, seen[0]) {
                Number::Float => {
                    self.guard_exact(x, seen[0])?;
                    self.discard(&[callable])?;
                    self.push(x.clone());
                    return Ok(false);
                }
                Number::Int | Number::Bool => {
                    let val = self.number_as_float(x, seen[0], false)?;
                    self.float_sym(val)
                }
                _ => return Err(AbortReason::Call("float() of this type")),
            },
            (KnownCall::Bool, [x]) => match self.number(x, seen[0]) {
                Number::Bool => {
                    let val = self.as_int(x, seen[0])?;
                    Sym::Bool(val)
                }
                Number::Int => {
                    let (val, zero) = (self.as_int(x, seen[0])?, self.e.int(0));
                    Sym::Bool(self.e.pure(Uop::ne_int, &[val, zero], 0, 0, None))
                }
                Number::Float => {
                    let (val, zero) = (self.as_float(x, seen[0])?, self.e.float(0));
                    Sym::Bool(self.e.pure(Uop::ne_float, &[val, zero], 0, 0, None))
                }
                _ => return Err(AbortReason::Call("bool() of this type")),
            },
            (KnownCall::Round, [x]) => match self.number(x, seen[0]) {
                Number::Float => self.float_to_int(Uop::round_float, x, seen[0])?,
                _ => return Err(AbortReason::Call("round() of this type")),
            },
            (KnownCall::MathFloor, [x]) if self.number(x, seen[0]) == Number::Float => {
                self.float_to_int(Uop::floor_float, x, seen[0])?
            }
            (KnownCall::MathCeil, [x]) if self.number(x, seen[0]) == Number::Float => {
                self.float_to_int(Uop::ceil_float, x, seen[0])?
            }
            (KnownCall::MathSqrt, [x]) => {
                self.math(x, seen[0], |r, val, snap| r.e.pure(Uop::sqrt_float, &[val], 0, 0, Some(snap)))?
            }
            (KnownCall::MathFabs, [x]) => {
                self.math(x, seen[0], |r, val, _| r.e.pure(Uop::abs_float, &[val], 0, 0, None))?
            }
            (KnownCall::Math1(function), [x]) => {
                self.math(x, seen[0], |r, val, snap| r.e.pure(Uop::call_float_1, &[val], 0, function, Some(snap)))?
            }
            (KnownCall::Math2(function), [x, y]) => {
                let a = self.number_as_float(x, seen[0], false)?;
                let b = self.number_as_float(y, seen[1], false)?;
                let snap = self.snap();
                let val = self.e.pure(Uop::call_float_2, &[a, b], 0, function, Some(snap));
                self.float_sym(val)
            }
            (KnownCall::Range, _) => return self.range(callable, &args, seen, next),
            _ => return Err(AbortReason::Call("a builtin with these arguments")),
        };
        let mut operands = args;
        operands.push(callable);
        // `abs` may give its operand back, so the result must be known when that goes.
        self.push(result);
        self.discard(&operands)?;
        Ok(false)
    }

    /// Makes sure that something is of the exact type that was seen, whatever it is by now.
    pub(super) fn guard_seen_type(&mut self, sym: &Sym, ty: u64) -> Step<()> {
        let objects = &self.host.objects;
        match sym {
            Sym::Obj(val, _) => {
                let (val, snap) = (*val, self.snap());
                self.e.guard_type(val, ty, snap);
            }
            Sym::Const(operand) if operand.ty == ty => {}
            Sym::Int(..) if objects.int == ty => {}
            Sym::Float(..) if objects.float == ty => {}
            Sym::Bool(_) if objects.bool_ == ty => {}
            Sym::Tuple(..) if objects.tuple == ty => {}
            Sym::Instance(parts, _) if class_of(parts).is_some_and(|class| class.object == ty) => {}
            _ => return Err(AbortReason::Unstable("a constant that was another one")),
        }
        Ok(())
    }

    /// What types and identities decide.
    fn by_type(&mut self, ty: u64, callable: Sym, args: Vec<Sym>, seen: &[Operand]) -> Step<bool> {
        let (Some(first), Some((result, witnesses))) = (args.first(), seen.split_last()) else {
            return Err(AbortReason::Inconsistent("arguments"));
        };
        self.guard_seen_type(first, ty)?;
        let mut same = |sym: &Sym, seen: &Operand| match sym {
            Sym::Const(operand) if operand.object == seen.object => Ok(()),
            Sym::Obj(val, _) => {
                let snap = self.snap();
                self.e.pure(Uop::guard_is, &[*val], 0, seen.object, Some(snap));
                Ok(())
            }
            _ => Err(AbortReason::Unstable("a constant that was another one")),
        };
        match (args.get(1), witnesses.get(args.len()..).unwrap_or(&[])) {
            (None, _) => {}
            // The tuple that was seen is another one each time.
            (Some(Sym::Tuple(items, _)), [_, seen @ ..]) if items.len() == seen.len() => {
                items.iter().zip(seen).try_for_each(|(item, seen)| same(item, seen))?;
            }
            // Nobody keeps the tuple, and another one may come to be where it was: its items tell.
            (Some(Sym::Obj(tuple, _)), [first, seen @ ..]) if first.kind == Kind::Tuple => {
                let (tuple, snap, layout) = (*tuple, self.snap(), self.host.layout.clone());
                self.e.guard_type(tuple, self.host.objects.tuple, snap);
                let size = self.e.load(Uop::load_int, tuple, None, layout.size, Region::Fixed, None);
                let wanted = self.e.int(seen.len() as i64);
                self.e.pure(Uop::guard_eq_int, &[size, wanted], 0, 0, Some(snap));
                for (index, seen) in seen.iter().enumerate() {
                    let disp = layout.tuple_items + 8 * index as i32;
                    let item = self.e.load(Uop::load_obj, tuple, None, disp, Region::Fixed, Some(snap));
                    self.e.pure(Uop::guard_is, &[item], 0, seen.object, Some(snap));
                }
            }
            (Some(arg), [seen, ..]) => same(arg, seen)?,
            _ => return Err(AbortReason::Inconsistent("arguments")),
        }
        let result = *result;
        let mut operands = args;
        operands.push(callable);
        self.discard(&operands)?;
        self.push(Sym::Const(result));
        Ok(false)
    }

    fn math(
        &mut self,
        x: &Sym,
        seen: Operand,
        emit: impl FnOnce(&mut Self, Val, crate::snapshot::SnapId) -> Val,
    ) -> Step<Sym> {
        let val =
            self.number_as_float(x, seen, false).map_err(|_| AbortReason::Call("a math function of this type"))?;
        let snap = self.snap();
        let result = emit(self, val, snap);
        Ok(self.float_sym(result))
    }

    fn float_to_int(&mut self, uop: Uop, x: &Sym, seen: Operand) -> Step<Sym> {
        let val = self.as_float(x, seen)?;
        let snap = self.snap();
        let result = self.e.pure(uop, &[val], 0, 0, Some(snap));
        Ok(self.int_sym(result))
    }

    /// `abs` of a number that is not negative is the same object for ints; floats get a new one.
    fn abs(&mut self, x: &Sym, seen: Operand) -> Step<Sym> {
        match self.number(x, seen) {
            Number::Float => {
                let val = self.as_float(x, seen)?;
                let result = self.e.pure(Uop::abs_float, &[val], 0, 0, None);
                Ok(self.float_sym(result))
            }
            Number::Int => {
                let val = self.as_int(x, seen)?;
                let snap = self.snap();
                let fresh = match x {
                    Sym::Int(_, id) => {
                        let id = *id;
                        self.uses(id) == 0
                    }
                    _ => false,
                };
                if fresh {
                    // Nobody can compare the result's identity with the operand's.
                    let result = self.e.pure(Uop::abs_int, &[val], 0, 0, Some(snap));
                    return Ok(self.int_sym(result));
                }
                let zero = self.e.int(0);
                if (seen.bits as i64) < 0 {
                    self.e.pure(Uop::guard_lt_int, &[val, zero], 0, 0, Some(snap));
                    let result = self.e.pure(Uop::neg_int, &[val], 0, 0, Some(snap));
                    Ok(self.int_sym(result))
                } else {
                    self.e.pure(Uop::guard_ge_int, &[val, zero], 0, 0, Some(snap));
                    Ok(Self::duplicate(x))
                }
            }
            _ => Err(AbortReason::Call("abs() of this type")),
        }
    }

    /// `min` and `max` of two numbers give one of the two objects: which one is guarded.
    fn min_max(&mut self, max: bool, callable: Sym, a: Sym, b: Sym, seen: &[Operand]) -> Step<bool> {
        use Number::*;
        let kinds = (self.number(&a, seen[0]), self.number(&b, seen[1]));
        let snap = self.snap();
        // CPython keeps the first unless the other is truly smaller (larger).
        let second = match kinds {
            (Int, Int) => {
                let (x, y) = (self.as_int(&a, seen[0])?, self.as_int(&b, seen[1])?);
                let (seen_x, seen_y) = (seen[0].bits as i64, seen[1].bits as i64);
                let second = if max { seen_y > seen_x } else { seen_y < seen_x };
                let uop = match (max, second) {
                    (true, true) => Uop::guard_gt_int,
                    (true, false) => Uop::guard_le_int,
                    (false, true) => Uop::guard_lt_int,
                    (false, false) => Uop::guard_ge_int,
                };
                self.e.pure(uop, &[y, x], 0, 0, Some(snap));
                second
            }
            (Float, Float) => {
                let (x, y) = (self.as_float(&a, seen[0])?, self.as_float(&b, seen[1])?);
                let (seen_x, seen_y) = (f64::from_bits(seen[0].bits), f64::from_bits(seen[1].bits));
                let second = if max { seen_y > seen_x } else { seen_y < seen_x };
                let (less, more) = if max { (x, y) } else { (y, x) };
                let uop = if second { Uop::guard_lt_float } else { Uop::guard_nlt_float };
                self.e.pure(uop, &[less, more], 0, 0, Some(snap));
                second
            }
            _ => return Err(AbortReason::Call("min() or max() of these types")),
        };
        let (kept, dropped) = if second { (b, a) } else { (a, b) };
        self.guard_exact(&kept, if second { seen[1] } else { seen[0] })?;
        self.push(kept);
        self.discard(&[dropped, callable])?;
        Ok(false)
    }

    /// Whether the next instruction makes an iterator of what this one gives.
    fn loops_at_once(&self, next: Option<&Event>) -> bool {
        next.is_some_and(|next| next.op == Op::GetIter && next.depth as usize + 1 == self.frames.len())
    }

    /// `range(…)` directly before a loop: its iterator is three numbers.
    fn range(&mut self, callable: Sym, args: &[Sym], seen: &[Operand], next: Option<&Event>) -> Step<bool> {
        if !self.loops_at_once(next) {
            return Err(AbortReason::Call("range() that is not looped over at once"));
        }
        let mut numbers = Vec::new();
        for (arg, seen) in args.iter().zip(seen) {
            if self.number(arg, *seen) != Number::Int {
                return Err(AbortReason::Call("range() of this type"));
            }
            numbers.push(self.as_int(arg, *seen)?);
        }
        let (zero, one) = (self.e.int(0), self.e.int(1));
        let (start, stop, step) = match numbers.as_slice() {
            [stop] => (zero, *stop, one),
            [start, stop] => (*start, *stop, one),
            [start, stop, step] => (*start, *stop, *step),
            _ => return Err(AbortReason::Call("range() with these arguments")),
        };
        let snap = self.snap();
        let known = self.e.constant_of(step).map(|bits| bits as i64);
        let stride = known.or(seen.get(2).map(|seen| seen.bits as i64)).unwrap_or(1);
        if stride == 0 || stride == i64::MIN {
            return Err(AbortReason::Call("range() with such a step"));
        }
        if known.is_none() {
            let guard = if stride > 0 { Uop::guard_gt_int } else { Uop::guard_lt_int };
            self.e.pure(guard, &[step, zero], 0, 0, Some(snap));
        }
        let (from, to) = if stride > 0 { (start, stop) } else { (stop, start) };
        let span = self.e.pure(Uop::sub_int, &[to, from], 0, 0, Some(snap));
        let count = if known.is_some_and(|step| step.abs() == 1) {
            span
        } else {
            let width = if stride > 0 { step } else { self.e.pure(Uop::neg_int, &[step], 0, 0, Some(snap)) };
            let before = self.e.pure(Uop::sub_int, &[width, one], 0, 0, Some(snap));
            let rounded = self.e.pure(Uop::add_int, &[span, before], 0, 0, Some(snap));
            self.e.pure(Uop::floordiv_int, &[rounded, width], 0, 0, Some(snap))
        };
        let left = self.e.pure(Uop::max_int, &[count, zero], 0, 0, None);
        let mut operands = args.to_vec();
        operands.push(callable);
        self.discard(&operands)?;
        let id = self.new_box();
        self.push(Sym::RangeIter(start, step, left, id));
        Ok(true)
    }
}
