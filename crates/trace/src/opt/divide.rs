//! Divisions by constants: no division is done, and nothing leaves the trace.
//!
//! Python rounds quotients down, and a remainder has the sign of the divisor. For a divisor that is a power of two that is what shifts
//! and masks do. For others a division is a multiplication by what is nearly the inverse. With `2**bits` not below the divisor,
//! `2**(63 + bits) / divisor` rounded up is a number of 64 bits, and the product with any number of 63 bits is too large by less
//! than what the quotient would be rounded up for.

use crate::bytecode::BinaryOp;
use crate::ir::Val;
use crate::opt::emit::Emitter;
use crate::opt::range::Interval;
use crate::opt::rewrites::Rule;
use crate::snapshot::SnapId;
use decal_uops::Uop;

/// What a division gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quotient {
    /// A number.
    Int(Val),
    /// A double.
    Float(Val),
}

/// `a op b` where `b` is a constant for which there is a way without dividing. `snap` is where it leaves if `a` is too large for
/// a double, which only `/` asks.
pub fn by_constant(e: &mut Emitter, op: BinaryOp, a: Val, b: Val, snap: Option<SnapId>) -> Option<Quotient> {
    let divisor = e.constant_of(b).map(|bits| bits as i64)?;
    if divisor > 0 && divisor.count_ones() == 1 {
        return by_power_of_two(e, op, a, divisor, snap);
    }
    let divisor = i32::try_from(divisor).ok()?;
    if op == BinaryOp::RShift {
        return shift(e, a, divisor);
    }
    if divisor <= 2 || e.constant_of(a).is_some() {
        return None;
    }
    let rule = match op {
        BinaryOp::Mod => Rule::RemainderByProduct,
        BinaryOp::FloorDiv => Rule::QuotientByProduct,
        _ => return None,
    };
    if !e.allows(rule) {
        return None;
    }
    let bits = 32 - (divisor as u32 - 1).leading_zeros();
    let factor = ((1u128 << (63 + bits)).div_ceil(divisor as u128)) as u64;
    let quotient = e.pure(Uop::floordiv_by, &[a], bits as i32 - 1, factor, None);
    Some(Quotient::Int(match op {
        BinaryOp::Mod => {
            let remainder = e.pure(Uop::remainder_of, &[a, quotient], divisor, 0, None);
            e.bound(remainder, Interval::new(0, i64::from(divisor) - 1));
            remainder
        }
        _ => quotient,
    }))
}

fn by_power_of_two(e: &mut Emitter, op: BinaryOp, a: Val, divisor: i64, snap: Option<SnapId>) -> Option<Quotient> {
    match op {
        BinaryOp::Mod if e.allows(Rule::RemainderByMask) => {
            let mask = e.int(divisor - 1);
            Some(Quotient::Int(e.pure(Uop::and_int, &[a, mask], 0, 0, None)))
        }
        BinaryOp::FloorDiv if e.allows(Rule::QuotientByShift) => {
            let count = divisor.trailing_zeros() as i32;
            Some(Quotient::Int(e.pure(Uop::shift_right, &[a], count, 0, None)))
        }
        // The product with what is a power of two as well is exact.
        BinaryOp::TrueDiv if e.constant_of(a).is_none() && e.allows(Rule::ProductForQuotient) => {
            let a = e.pure(Uop::int_to_float_exact, &[a], 0, 0, snap);
            let factor = e.float((1.0 / divisor as f64).to_bits());
            Some(Quotient::Float(e.pure(Uop::mul_float, &[a, factor], 0, 0, None)))
        }
        BinaryOp::RShift => shift(e, a, i32::try_from(divisor).ok()?),
        _ => None,
    }
}

fn shift(e: &mut Emitter, a: Val, count: i32) -> Option<Quotient> {
    let fits = (0..64).contains(&count) && e.allows(Rule::ShiftByConstant);
    fits.then(|| Quotient::Int(e.pure(Uop::shift_right, &[a], count, 0, None)))
}
