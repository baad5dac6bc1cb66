//! Comparisons: which guard says that one came out so, and which uop gives its outcome.
//!
//! Numbers that are not ordered are why doubles have guards of their own for what does not hold: `not a < b` is not `a >= b`.
//! A constant goes to the right side, where stencils take it as a number.

use crate::bytecode::CompareOp;
use crate::ir::Val;
use crate::opt::emit::Emitter;
use decal_uops::Uop;

/// The comparison that holds of `b` and `a` where this one holds of `a` and `b`.
fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
        same => same,
    }
}

/// The comparison of integers that holds where this one does not.
fn negated(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Ge,
        CompareOp::Le => CompareOp::Gt,
        CompareOp::Gt => CompareOp::Le,
        CompareOp::Ge => CompareOp::Lt,
        CompareOp::Eq => CompareOp::Ne,
        CompareOp::Ne => CompareOp::Eq,
    }
}

/// The guard that passes where a comparison of integers has this outcome, with its operands.
pub fn guard_int(e: &Emitter, op: CompareOp, a: Val, b: Val, holds: bool) -> (Uop, Val, Val) {
    use CompareOp::*;
    let mirror = e.constant_of(a).is_some() && e.constant_of(b).is_none();
    let (op, a, b) = if mirror { (mirrored(op), b, a) } else { (op, a, b) };
    let uop = match if holds { op } else { negated(op) } {
        Lt => Uop::guard_lt_int,
        Le => Uop::guard_le_int,
        Eq => Uop::guard_eq_int,
        Ne => Uop::guard_ne_int,
        Gt => Uop::guard_gt_int,
        Ge => Uop::guard_ge_int,
    };
    (uop, a, b)
}

/// The guard that passes where a comparison of doubles has this outcome, with its operands.
pub fn guard_float(op: CompareOp, a: Val, b: Val, holds: bool) -> (Uop, Val, Val) {
    use CompareOp::*;
    match (op, holds) {
        (Lt, true) => (Uop::guard_lt_float, a, b),
        (Lt, false) => (Uop::guard_nlt_float, a, b),
        (Le, true) => (Uop::guard_le_float, a, b),
        (Le, false) => (Uop::guard_nle_float, a, b),
        (Gt, true) => (Uop::guard_lt_float, b, a),
        (Gt, false) => (Uop::guard_nlt_float, b, a),
        (Ge, true) => (Uop::guard_le_float, b, a),
        (Ge, false) => (Uop::guard_nle_float, b, a),
        (Eq, true) | (Ne, false) => (Uop::guard_eq_float, a, b),
        (Eq, false) | (Ne, true) => (Uop::guard_ne_float, a, b),
    }
}

/// The uop that gives the outcome of a comparison of integers, with its operands.
pub fn value_int(op: CompareOp, a: Val, b: Val) -> (Uop, Val, Val) {
    use CompareOp::*;
    let uop = match op {
        Lt => Uop::lt_int,
        Le => Uop::le_int,
        Eq => Uop::eq_int,
        Ne => Uop::ne_int,
        Gt => Uop::gt_int,
        Ge => Uop::ge_int,
    };
    (uop, a, b)
}

/// The same of doubles.
pub fn value_float(op: CompareOp, a: Val, b: Val) -> (Uop, Val, Val) {
    use CompareOp::*;
    match op {
        Lt => (Uop::lt_float, a, b),
        Le => (Uop::le_float, a, b),
        Gt => (Uop::lt_float, b, a),
        Ge => (Uop::le_float, b, a),
        Eq => (Uop::eq_float, a, b),
        Ne => (Uop::ne_float, a, b),
    }
}
