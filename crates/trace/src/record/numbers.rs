//! Arithmetic, comparisons and truth.
//!
//! Operands that were seen to be machine-sized ints or floats become unboxed uops; ints of any other
//! size go through the C functions of exact ints, which run no Python code. A comparison that is followed by
//! a jump becomes one guard for both: its exit runs the comparison again, which costs CPython nothing
//! that could be noticed.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{BinaryOp, CompareOp, JumpIf, Op};
use crate::event::{Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use crate::opt::compare;
use crate::opt::divide::{self, Quotient};
use decal_uops::Uop;

/// How an operand takes part in arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Number {
    Int,
    Bool,
    Float,
    Big,
    Other,
}

/// A comparison that has not been decided: what to guard or to compute.
enum Test {
    Int(CompareOp, Val, Val),
    Float(CompareOp, Val, Val),
}

fn op_name(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::MatMul => "@",
        BinaryOp::TrueDiv => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "**",
        BinaryOp::LShift => "<<",
        BinaryOp::RShift => ">>",
        BinaryOp::And => "&",
        BinaryOp::Or => "|",
        BinaryOp::Xor => "^",
    }
}

impl Recorder<'_> {
    pub(super) fn number(&self, sym: &Sym, seen: Operand) -> Number {
        match sym {
            Sym::Int(..) => Number::Int,
            Sym::Bool(_) => Number::Bool,
            Sym::Float(..) => Number::Float,
            Sym::Const(operand) if operand.object != seen.object => self.number(sym, *operand),
            Sym::Obj(..) | Sym::Const(_) => match seen.kind {
                Kind::Int => Number::Int,
                Kind::Bool => Number::Bool,
                Kind::Float => Number::Float,
                Kind::BigInt => Number::Big,
                _ => Number::Other,
            },
            _ => Number::Other,
        }
    }

    /// The unboxed number of an `int` or `bool`.
    pub(super) fn as_int(&mut self, sym: &Sym, seen: Operand) -> Step<Val> {
        match sym {
            Sym::Int(val, _) | Sym::Bool(val) => Ok(*val),
            Sym::Const(operand) => Ok(self.e.int(operand.bits as i64)),
            Sym::Obj(val, _) => {
                let snap = self.snap();
                self.e.guard_type(*val, seen.ty, snap);
                Ok(self.e.pure(Uop::unbox_int, &[*val], 0, 0, Some(snap)))
            }
            _ => Err(AbortReason::Inconsistent("not an int")),
        }
    }

    /// The unboxed number of a `float`.
    pub(super) fn as_float(&mut self, sym: &Sym, seen: Operand) -> Step<Val> {
        match sym {
            Sym::Float(val, _) => Ok(*val),
            Sym::Const(operand) => Ok(self.e.float(operand.bits)),
            Sym::Obj(val, _) => {
                let snap = self.snap();
                self.e.guard_type(*val, seen.ty, snap);
                let disp = self.host.layout.float_value;
                Ok(self.e.load(Uop::load_float, *val, None, disp, Region::Fixed, None))
            }
            _ => Err(AbortReason::Inconsistent("not a float")),
        }
    }

    /// A number as a double, converted where it is an int.
    pub(super) fn number_as_float(&mut self, sym: &Sym, seen: Operand, exact: bool) -> Step<Val> {
        match self.number(sym, seen) {
            Number::Float => self.as_float(sym, seen),
            Number::Int | Number::Bool => {
                let val = self.as_int(sym, seen)?;
                if let Some(bits) = self.e.constant_of(val)
                    && (bits as i64).unsigned_abs() <= 1 << 53
                {
                    return Ok(self.e.float((bits as i64 as f64).to_bits()));
                }
                let snap = self.snap();
                let uop = if exact { Uop::int_to_float_exact } else { Uop::int_to_float };
                Ok(self.e.pure(uop, &[val], 0, 0, Some(snap)))
            }
            _ => Err(AbortReason::OperandTypes("float()")),
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, event: &Event) -> Step<()> {
        let (right, left) = (self.pop()?, self.pop()?);
        let [seen_left, seen_right] = two(event)?;
        use Number::*;
        let result = match (self.number(&left, seen_left), self.number(&right, seen_right)) {
            (Bool, Bool) if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) => {
                let (a, b) = (self.as_int(&left, seen_left)?, self.as_int(&right, seen_right)?);
                let uop = match op {
                    BinaryOp::And => Uop::and_int,
                    BinaryOp::Or => Uop::or_int,
                    _ => Uop::xor_int,
                };
                Sym::Bool(self.e.pure(uop, &[a, b], 0, 0, None))
            }
            (Int | Bool, Int | Bool) if !self.general => {
                let (a, b) = (self.as_int(&left, seen_left)?, self.as_int(&right, seen_right)?);
                self.int_binary(op, a, b, seen_right)?
            }
            (Int | Bool | Big, Int | Bool | Big) => return self.big_binary(op, &left, &right, event),
            (Float, Float | Int | Bool) | (Int | Bool, Float) => {
                let a = self.number_as_float(&left, seen_left, false)?;
                let b = self.number_as_float(&right, seen_right, false)?;
                self.float_binary(op, a, b)?
            }
            _ => return Err(AbortReason::OperandTypes(op_name(op))),
        };
        self.discard(&[left, right])?;
        self.push(result);
        Ok(())
    }

    fn int_binary(&mut self, op: BinaryOp, a: Val, b: Val, seen_right: Operand) -> Step<Sym> {
        let snap = matches!(op, BinaryOp::TrueDiv).then(|| self.snap());
        match divide::by_constant(&mut self.e, op, a, b, snap) {
            Some(Quotient::Int(val)) => return Ok(self.int_sym(val)),
            Some(Quotient::Float(val)) => return Ok(self.float_sym(val)),
            None => {}
        }
        let uop = match op {
            BinaryOp::Add => Uop::add_int,
            BinaryOp::Sub => Uop::sub_int,
            BinaryOp::Mul => Uop::mul_int,
            BinaryOp::FloorDiv => Uop::floordiv_int,
            BinaryOp::Mod => Uop::mod_int,
            BinaryOp::Pow if (seen_right.bits as i64) >= 0 => Uop::pow_int,
            BinaryOp::LShift => Uop::shl_int,
            BinaryOp::RShift => Uop::shr_int,
            BinaryOp::And => Uop::and_int,
            BinaryOp::Or => Uop::or_int,
            BinaryOp::Xor => Uop::xor_int,
            BinaryOp::TrueDiv => {
                let snap = self.snap();
                let val = self.e.pure(Uop::truediv_int, &[a, b], 0, 0, Some(snap));
                return Ok(self.float_sym(val));
            }
            BinaryOp::MatMul | BinaryOp::Pow => return Err(AbortReason::OperandTypes(op_name(op))),
        };
        let snap = self.snap();
        let val = self.e.pure(uop, &[a, b], 0, 0, Some(snap));
        Ok(self.int_sym(val))
    }

    fn float_binary(&mut self, op: BinaryOp, a: Val, b: Val) -> Step<Sym> {
        let snap = self.snap();
        let functions = &self.host.functions;
        let call = match op {
            BinaryOp::FloorDiv => Some(functions.float_floordiv),
            BinaryOp::Mod => Some(functions.float_mod),
            BinaryOp::Pow => Some(functions.float_pow),
            _ => None,
        };
        let val = match (op, call) {
            (_, Some(function)) => self.e.pure(Uop::call_float_2, &[a, b], 0, function, Some(snap)),
            (BinaryOp::Add, _) => self.e.pure(Uop::add_float, &[a, b], 0, 0, None),
            (BinaryOp::Sub, _) => self.e.pure(Uop::sub_float, &[a, b], 0, 0, None),
            (BinaryOp::Mul, _) => self.e.pure(Uop::mul_float, &[a, b], 0, 0, None),
            (BinaryOp::TrueDiv, _) => self.e.pure(Uop::div_float, &[a, b], 0, 0, Some(snap)),
            _ => return Err(AbortReason::OperandTypes(op_name(op))),
        };
        Ok(self.float_sym(val))
    }

    /// An object for an int operand that only has to last for a call, and whether the trace owns it.
    fn int_object(&mut self, sym: &Sym, seen: Operand) -> Step<Val> {
        match sym {
            Sym::Obj(val, _) => {
                let snap = self.snap();
                self.e.guard_type(*val, seen.ty, snap);
                Ok(*val)
            }
            Sym::Const(operand) => Ok(self.e.object(operand.object, operand.ty)),
            Sym::Int(val, _) => {
                let (snap, function) = (self.raise_snap(), self.host.functions.new_int);
                let object = self.e.effect(Uop::new_int, &[*val], 0, function, Region::Fixed, Some(snap));
                self.e.set_type(object, self.host.objects.int);
                Ok(object)
            }
            _ => Err(AbortReason::OperandTypes("int of this size")),
        }
    }

    /// Ints of any size. Operands that were numbers get objects that last for this call.
    fn big_binary(&mut self, op: BinaryOp, left: &Sym, right: &Sym, event: &Event) -> Step<()> {
        let [seen_left, seen_right] = two(event)?;
        let function = self.host.functions.number[op as usize];
        let result_type = match op {
            BinaryOp::TrueDiv => self.host.objects.float,
            BinaryOp::Pow if (seen_right.bits as i64) < 0 || seen_right.kind == Kind::BigInt => {
                return Err(AbortReason::OperandTypes(op_name(op)));
            }
            BinaryOp::MatMul => return Err(AbortReason::OperandTypes(op_name(op))),
            _ => self.host.objects.int,
        };
        if function == 0 || matches!(left, Sym::Bool(_)) || matches!(right, Sym::Bool(_)) {
            return Err(AbortReason::OperandTypes(op_name(op)));
        }
        // A temporary object leaks where a later uop of this instruction leaves the trace, so temporaries are
        // made last, and only for operators that cannot raise for these operands.
        let (left_made, right_made) = (matches!(left, Sym::Int(..)), matches!(right, Sym::Int(..)));
        let raises = matches!(op, BinaryOp::Pow | BinaryOp::LShift | BinaryOp::RShift | BinaryOp::TrueDiv);
        let divides = matches!(op, BinaryOp::FloorDiv | BinaryOp::Mod);
        if (left_made || right_made) && raises || left_made && divides {
            return Err(AbortReason::OperandTypes(op_name(op)));
        }
        if op == BinaryOp::Pow {
            // A negative exponent would give a float.
            let (exponent, zero, snap) = (self.as_int(right, seen_right)?, self.e.int(0), self.snap());
            self.e.pure(Uop::guard_ge_int, &[exponent, zero], 0, 0, Some(snap));
        }
        if divides || matches!(op, BinaryOp::Mul | BinaryOp::Pow | BinaryOp::TrueDiv) {
            self.attends()?;
            self.ask_if_idle();
        }
        let drops = self.guard_discard(&[left.clone(), right.clone()]);
        let mut temporaries = Vec::new();
        let (a, b) = if left_made {
            let b = self.int_object(right, seen_right)?;
            let a = self.int_object(left, seen_left)?;
            temporaries.push(a);
            (a, b)
        } else {
            let a = self.int_object(left, seen_left)?;
            let b = self.int_object(right, seen_right)?;
            (a, b)
        };
        if right_made {
            temporaries.push(b);
        }
        self.finish_big(a, b, &temporaries, &drops, function, result_type)
    }

    fn finish_big(
        &mut self,
        a: Val,
        b: Val,
        temporaries: &[Val],
        drops: &[Val],
        function: u64,
        result_type: u64,
    ) -> Step<()> {
        let snap = self.raise_snap();
        let result = self.e.effect(Uop::call_obj_2, &[a, b], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(result, result_type);
        self.drop_all(temporaries);
        self.drop_all(drops);
        self.push(Sym::Obj(result, Own::Owned));
        Ok(())
    }

    pub(super) fn negative(&mut self, event: &Event) -> Step<()> {
        self.unary(event, Uop::neg_int, Some(Uop::neg_float), 0, "-")
    }

    pub(super) fn invert(&mut self, event: &Event) -> Step<()> {
        let value = self.peek(1)?;
        if self.number(&value, one(event)?) == Number::Bool {
            // CPython warns.
            return Err(AbortReason::OperandTypes("~ of a bool"));
        }
        self.unary(event, Uop::not_int, None, 2, "~")
    }

    fn unary(&mut self, event: &Event, int: Uop, float: Option<Uop>, general: usize, name: &'static str) -> Step<()> {
        let value = self.pop()?;
        let seen = one(event)?;
        let result = match (self.number(&value, seen), float) {
            (Number::Int | Number::Bool, _) if !self.general => {
                let a = self.as_int(&value, seen)?;
                let snap = self.snap();
                let val = self.e.pure(int, &[a], 0, 0, Some(snap));
                self.int_sym(val)
            }
            (Number::Float, Some(uop)) => {
                let a = self.as_float(&value, seen)?;
                let val = self.e.pure(uop, &[a], 0, 0, None);
                self.float_sym(val)
            }
            (Number::Big, _) if matches!(value, Sym::Obj(..) | Sym::Const(_)) => {
                let a = self.int_object(&value, seen)?;
                let drops = self.guard_discard(&[value]);
                let (snap, function) = (self.raise_snap(), self.host.functions.int_unary[general]);
                let val = self.e.effect(Uop::call_obj_1, &[a], 0, function, Region::Fixed, Some(snap));
                self.e.set_type(val, self.host.objects.int);
                self.drop_all(&drops);
                self.push(Sym::Obj(val, Own::Owned));
                return Ok(());
            }
            _ => return Err(AbortReason::OperandTypes(name)),
        };
        self.discard(&[value])?;
        self.push(result);
        Ok(())
    }

    /// `+x` is the same object for exact ints and floats.
    pub(super) fn positive(&mut self, event: &Event) -> Step<()> {
        let value = self.peek(1)?;
        let seen = one(event)?;
        match self.number(&value, seen) {
            Number::Int | Number::Float => self.guard_exact(&value, seen),
            _ => Err(AbortReason::OperandTypes("+")),
        }
    }

    /// Makes sure that an object is of the exact type that was seen.
    pub(super) fn guard_exact(&mut self, sym: &Sym, seen: Operand) -> Step<()> {
        if let Sym::Obj(val, _) = sym {
            let snap = self.snap();
            self.e.guard_type(*val, seen.ty, snap);
        }
        Ok(())
    }

    // ---- comparisons ----------------------------------------------------------------------------

    pub(super) fn compare(&mut self, op: CompareOp, event: &Event, next: Option<&Event>) -> Step<bool> {
        if let Detail::Identity(left, right) = event.detail {
            for (nth, ty) in [(2, left), (1, right)] {
                let sym = self.peek(nth)?;
                self.guard_seen_type(&sym, ty)?;
            }
            return self.is_op(op == CompareOp::Ne, event, next);
        }
        let (right, left) = (self.pop()?, self.pop()?);
        let [seen_left, seen_right] = two(event)?;
        use Number::*;
        let test = match (self.number(&left, seen_left), self.number(&right, seen_right)) {
            (Other, Other) if let Some((a, b)) = self.compared_characters(op, &left, &right) => Test::Int(op, a, b),
            (Int | Bool, Int | Bool) => {
                let (a, b) = (self.as_int(&left, seen_left)?, self.as_int(&right, seen_right)?);
                Test::Int(op, a, b)
            }
            (Float, Float | Int | Bool) | (Int | Bool, Float) => {
                let a = self.number_as_float(&left, seen_left, true)?;
                let b = self.number_as_float(&right, seen_right, true)?;
                Test::Float(op, a, b)
            }
            (Int | Big, Int | Big) => {
                let drops = self.guard_discard(&[left.clone(), right.clone()]);
                let (left_made, right_made) = (matches!(left, Sym::Int(..)), matches!(right, Sym::Int(..)));
                let mut temporaries = Vec::new();
                let (a, b) = if left_made {
                    let b = self.int_object(&right, seen_right)?;
                    let a = self.int_object(&left, seen_left)?;
                    temporaries.push(a);
                    (a, b)
                } else {
                    let a = self.int_object(&left, seen_left)?;
                    let b = self.int_object(&right, seen_right)?;
                    if right_made {
                        temporaries.push(b);
                    }
                    (a, b)
                };
                let (snap, function) = (self.raise_snap(), self.host.functions.int_compare[op as usize]);
                let truth = self.e.effect(Uop::call_truth_2, &[a, b], 0, function, Region::Fixed, Some(snap));
                self.drop_all(&temporaries);
                self.drop_all(&drops);
                self.push(Sym::Bool(truth));
                return Ok(false);
            }
            _ => {
                self.push(left);
                self.push(right);
                let Some((truth, drops)) = self.compare_values(op, event)? else {
                    return Err(AbortReason::OperandTypes("comparison"));
                };
                // Whatever comes next is decided by the truth alone.
                self.drop_all(&drops);
                self.push(Sym::Bool(truth));
                return Ok(false);
            }
        };
        if let Some(taken) = self.fused_jump(next) {
            let drops = self.guard_discard(&[left, right]);
            self.guard_test(&test, taken);
            self.drop_all(&drops);
            return Ok(true);
        }
        self.discard(&[left, right])?;
        let val = self.test_value(&test);
        self.push(Sym::Bool(val));
        Ok(false)
    }

    /// If the next event is a jump on the truth just computed: which truth it saw.
    pub(super) fn fused_jump(&self, next: Option<&Event>) -> Option<bool> {
        let next = next?;
        if next.depth as usize + 1 != self.frames.len() {
            return None;
        }
        match (next.op, next.detail) {
            (Op::PopJump(JumpIf::True, _), Detail::Taken(taken)) => Some(taken),
            (Op::PopJump(JumpIf::False, _), Detail::Taken(taken)) => Some(!taken),
            _ => None,
        }
    }

    /// Guards that a comparison has this outcome.
    fn guard_test(&mut self, test: &Test, holds: bool) {
        let snap = self.snap();
        let (uop, a, b) = match *test {
            Test::Int(op, a, b) => compare::guard_int(&self.e, op, a, b, holds),
            Test::Float(op, a, b) => compare::guard_float(op, a, b, holds),
        };
        self.e.pure(uop, &[a, b], 0, 0, Some(snap));
    }

    /// A comparison's outcome as 0 or 1.
    fn test_value(&mut self, test: &Test) -> Val {
        let (uop, a, b) = match *test {
            Test::Int(op, a, b) => compare::value_int(op, a, b),
            Test::Float(op, a, b) => compare::value_float(op, a, b),
        };
        self.e.pure(uop, &[a, b], 0, 0, None)
    }

    /// `a is b`, and the jump on it if one follows.
    pub(super) fn is_op(&mut self, inverted: bool, event: &Event, next: Option<&Event>) -> Step<bool> {
        let (right, left) = (self.pop()?, self.pop()?);
        let [seen_left, seen_right] = two(event)?;
        // Singletons and the value of a Bool or of a constant against numbers that were not made.
        let same = match (&left, &right) {
            (Sym::Const(a), Sym::Const(b)) => Some(a.object == b.object),
            (Sym::Int(_, a), Sym::Int(_, b)) | (Sym::Float(_, a), Sym::Float(_, b)) if a == b => Some(true),
            (Sym::Instance(_, a), Sym::Instance(_, b)) => Some(a == b),
            // Nobody else has it.
            (Sym::Instance(..), _) | (_, Sym::Instance(..)) => Some(false),
            (Sym::Int(..) | Sym::Float(..) | Sym::Tuple(..) | Sym::Bool(_), Sym::Const(c))
            | (Sym::Const(c), Sym::Int(..) | Sym::Float(..) | Sym::Tuple(..) | Sym::Bool(_))
                if c.kind == Kind::None =>
            {
                Some(false)
            }
            _ => None,
        };
        if let Some(same) = same {
            self.discard(&[left, right])?;
            let sym = self.bool_const(same != inverted);
            self.push(sym);
            return Ok(false);
        }
        let object = |recorder: &mut Self, sym: &Sym, _seen: Operand| match sym {
            Sym::Obj(val, _) => Ok(*val),
            Sym::Const(operand) => Ok(recorder.e.object(operand.object, operand.ty)),
            _ => Err(AbortReason::OperandTypes("is")),
        };
        let a = object(self, &left, seen_left)?;
        let b = object(self, &right, seen_right)?;
        if let Some(truth) = self.fused_jump(next) {
            let drops = self.guard_discard(&[left, right]);
            let snap = self.snap();
            let same = truth != inverted;
            let (constant, other) = match (self.e.constant_of(a), self.e.constant_of(b)) {
                (_, Some(bits)) => (Some(bits), a),
                (Some(bits), _) => (Some(bits), b),
                _ => (None, a),
            };
            match (constant, same) {
                (Some(bits), true) => self.e.pure(Uop::guard_is, &[other], 0, bits, Some(snap)),
                (Some(bits), false) => self.e.pure(Uop::guard_is_not, &[other], 0, bits, Some(snap)),
                (None, true) => self.e.pure(Uop::guard_same, &[a, b], 0, 0, Some(snap)),
                (None, false) => self.e.pure(Uop::guard_not_same, &[a, b], 0, 0, Some(snap)),
            };
            self.drop_all(&drops);
            return Ok(true);
        }
        self.discard(&[left, right])?;
        let mut val = self.e.pure(Uop::is_same, &[a, b], 0, 0, None);
        if inverted {
            let one = self.e.int(1);
            val = self.e.pure(Uop::xor_int, &[val, one], 0, 0, None);
        }
        self.push(Sym::Bool(val));
        Ok(false)
    }

    // ---- truth ----------------------------------------------------------------------------------

    /// `bool(x)`, and the jump on it if one follows.
    pub(super) fn test_truth(&mut self, event: &Event, next: Option<&Event>) -> Step<bool> {
        if let Detail::Truthy(ty) = event.detail {
            let sym = self.peek(1)?;
            self.guard_seen_type(&sym, ty)?;
            let value = self.pop()?;
            let truth = self.bool_const(true);
            self.discard(&[value])?;
            self.push(truth);
            return Ok(false);
        }
        let value = self.pop()?;
        let seen = one(event)?;
        let test = match (&value, self.number(&value, seen)) {
            (Sym::Const(operand), _) if operand.kind == Kind::Bool => {
                self.push(value);
                return Ok(false);
            }
            (Sym::Const(operand), _) if operand.kind == Kind::None => {
                let sym = self.bool_const(false);
                self.push(sym);
                return Ok(false);
            }
            (Sym::Bool(_), _) => {
                self.push(value);
                return Ok(false);
            }
            (Sym::Instance(..), _) if let Some(items) = self.items_of(&value) => {
                let sym = self.bool_const(!items.is_empty());
                self.discard(&[value])?;
                self.push(sym);
                return Ok(false);
            }
            (Sym::Tuple(items, _), _) => {
                let sym = self.bool_const(!items.is_empty());
                self.discard(&[value])?;
                self.push(sym);
                return Ok(false);
            }
            (_, Number::Int | Number::Bool) => {
                let (a, zero) = (self.as_int(&value, seen)?, self.e.int(0));
                Test::Int(CompareOp::Ne, a, zero)
            }
            (_, Number::Float) => {
                let (a, zero) = (self.as_float(&value, seen)?, self.e.float(0));
                Test::Float(CompareOp::Ne, a, zero)
            }
            (Sym::Obj(val, _), Number::Big) => {
                let (val, zero) = (*val, self.e.int(0));
                self.guard_exact(&value, seen)?;
                let truth = self.e.pure(Uop::int_truth, &[val], 0, 0, None);
                Test::Int(CompareOp::Ne, truth, zero)
            }
            (Sym::Obj(val, _), _) => {
                let val = *val;
                let zero = self.e.int(0);
                match seen.kind {
                    Kind::None => {
                        let snap = self.snap();
                        self.e.pure(Uop::guard_is, &[val], 0, self.host.objects.none, Some(snap));
                        let sym = self.bool_const(false);
                        self.discard(&[value])?;
                        self.push(sym);
                        return Ok(false);
                    }
                    Kind::List
                    | Kind::Tuple
                    | Kind::Str
                    | Kind::Bytes
                    | Kind::ByteArray
                    | Kind::Deque
                    | Kind::Dict
                    | Kind::Set
                    | Kind::FrozenSet => {
                        let length = self.length(&value, seen)?;
                        Test::Int(CompareOp::Ne, length, zero)
                    }
                    _ => return Err(AbortReason::Truth),
                }
            }
            _ => return Err(AbortReason::Truth),
        };
        if let Some(truth) = self.fused_jump(next) {
            let drops = self.guard_discard(&[value]);
            self.guard_test(&test, truth);
            self.drop_all(&drops);
            return Ok(true);
        }
        self.discard(&[value])?;
        let val = self.test_value(&test);
        self.push(Sym::Bool(val));
        Ok(false)
    }

    /// `not x` of a bool.
    pub(super) fn not(&mut self, event: &Event) -> Step<()> {
        let value = self.pop()?;
        let sym = match &value {
            Sym::Const(operand) => self.bool_const(operand.bits == 0),
            _ => {
                let (val, one) = (self.as_int(&value, one(event)?)?, self.e.int(1));
                Sym::Bool(self.e.pure(Uop::xor_int, &[val, one], 0, 0, None))
            }
        };
        self.discard(&[value])?;
        self.push(sym);
        Ok(())
    }

    /// A jump that was not fused with what computed its condition.
    pub(super) fn pop_jump(&mut self, on: JumpIf, event: &Event) -> Step<()> {
        let value = self.pop()?;
        let Detail::Taken(taken) = event.detail else {
            return Err(AbortReason::Inconsistent("jump without outcome"));
        };
        let snap = self.snap();
        match on {
            JumpIf::True | JumpIf::False => {
                let truth = taken == (on == JumpIf::True);
                match &value {
                    Sym::Const(operand) if (operand.bits != 0) == truth => {}
                    Sym::Const(_) => return Err(AbortReason::Unstable("a jump that was decided otherwise")),
                    Sym::Bool(val) => {
                        let bits = self.e.int(truth as i64);
                        self.e.pure(Uop::guard_eq_int, &[*val, bits], 0, 0, Some(snap));
                    }
                    Sym::Obj(val, _) => {
                        let objects = &self.host.objects;
                        let object = if truth { objects.true_ } else { objects.false_ };
                        self.e.pure(Uop::guard_is, &[*val], 0, object, Some(snap));
                    }
                    _ => return Err(AbortReason::Truth),
                }
            }
            JumpIf::None | JumpIf::NotNone => {
                let none = taken == (on == JumpIf::None);
                match &value {
                    Sym::Obj(val, _) => {
                        let uop = if none { Uop::guard_is } else { Uop::guard_is_not };
                        self.e.pure(uop, &[*val], 0, self.host.objects.none, Some(snap));
                    }
                    Sym::Const(operand) if (operand.kind == Kind::None) == none => {}
                    Sym::Int(..) | Sym::Float(..) | Sym::Bool(_) | Sym::Tuple(..) | Sym::Instance(..) if !none => {}
                    _ => return Err(AbortReason::Unstable("a jump on another kind of value")),
                }
            }
        }
        self.discard(&[value])
    }
}

/// The observed operand of an instruction with one.
pub(super) fn one(event: &Event) -> Step<Operand> {
    event.operands.first().copied().ok_or(AbortReason::Inconsistent("missing operand"))
}

/// The observed operands of an instruction with two.
pub(super) fn two(event: &Event) -> Step<[Operand; 2]> {
    match event.operands.as_slice() {
        [a, b, ..] => Ok([*a, *b]),
        _ => Err(AbortReason::Inconsistent("missing operands")),
    }
}
