//! Folding: algebraic rules applied when a uop is emitted.
//!
//! Laws that every rule obeys: the result has the same class and the same bits for all operands; a
//! rule never makes more code; the rewritten form is not folded again, so folding ends.
//! Floats are left alone but for constants: `x + 0.0` is not `x` for −0.0, and not-a-number keeps its bits.
//! Canonical form: the constant operand of a commuting uop stands on the right.

use crate::opt::rewrites::Rule;
use decal_uops::{Machine, Uop, execute};

/// What a uop becomes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Folded {
    /// The same as its operand with this index.
    Operand(usize),
    /// An integer constant.
    Int(i64),
    /// A float constant, as its bits.
    Float(u64),
    /// Its guard always holds.
    Holds,
}

/// A machine that refuses memory and calls: only arithmetic is folded.
struct NoMachine;

impl Machine for NoMachine {
    fn load64(&mut self, _: u64) -> u64 {
        0
    }
    fn load32(&mut self, _: u64) -> u32 {
        0
    }
    fn load8(&mut self, _: u64) -> u8 {
        0
    }
    fn store64(&mut self, _: u64, _: u64) {}
    fn store32(&mut self, _: u64, _: u32) {}
    fn store8(&mut self, _: u64, _: u8) {}
    fn context(&mut self) -> u64 {
        0
    }
    fn call(&mut self, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        0
    }
    fn release(&mut self, _: u64, _: u64) -> u64 {
        0
    }
    fn call_float(&mut self, _: u64, _: f64, _: f64) -> f64 {
        0.0
    }
    fn call_new_float(&mut self, _: u64, _: f64) -> u64 {
        0
    }
    fn call_renew_float(&mut self, _: u64, _: f64, _: u64) -> u64 {
        0
    }
    fn sqrt(&mut self, a: f64) -> f64 {
        a.sqrt()
    }
}

/// Uops that compute from their operands alone, so that constants can be folded by running them.
fn is_arithmetic(uop: Uop) -> bool {
    let from = Uop::add_int as u8;
    let to = Uop::ceil_float as u8;
    (from..=to).contains(&(uop as u8))
}

/// The number of [`Rule::Wrong`].
const WRONG: i64 = 1_234_567;

/// Folds a uop with these immediates whose operands are constants (their bits) where `Some`: what it becomes, and by which rule.
pub fn fold(uop: Uop, operands: &[Option<u64>], (imm32, imm64): (i32, u64)) -> Option<(Rule, Folded)> {
    if is_arithmetic(uop) && operands.iter().all(Option::is_some) {
        let mut args = [0; 4];
        for (slot, bits) in args.iter_mut().zip(operands) {
            *slot = bits.unwrap_or(0);
        }
        let folded = match (execute(uop, &mut NoMachine, &args, imm32, imm64), uop.info().result) {
            (Ok(bits), Some(decal_uops::Class::Int)) => Folded::Int(bits as i64),
            (Ok(bits), Some(decal_uops::Class::Float)) => Folded::Float(bits),
            (Ok(_), None) => Folded::Holds,
            _ => return None,
        };
        return Some((Rule::Constants, folded));
    }
    let first = operands.first().copied().flatten();
    let right = operands.get(1).copied().flatten().map(|bits| bits as i64);
    Some(match (uop, right) {
        (
            Uop::add_int
            | Uop::sub_int
            | Uop::wrap_add_int
            | Uop::wrap_sub_int
            | Uop::or_int
            | Uop::xor_int
            | Uop::shl_int
            | Uop::shr_int,
            Some(0),
        ) => (Rule::NeutralZero, Folded::Operand(0)),
        (Uop::mul_int | Uop::floordiv_int | Uop::pow_int, Some(1)) => (Rule::NeutralOne, Folded::Operand(0)),
        (Uop::mul_int | Uop::and_int, Some(0)) => (Rule::AbsorbingZero, Folded::Int(0)),
        (Uop::and_int, Some(-1)) => (Rule::AllOnes, Folded::Operand(0)),
        (Uop::xor_int, Some(WRONG)) => (Rule::Wrong, Folded::Operand(0)),
        (Uop::guard_is, None) if first == Some(imm64) => (Rule::SameObject, Folded::Holds),
        (Uop::guard_is_not, None) if first.is_some_and(|object| object != imm64) => (Rule::OtherObject, Folded::Holds),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(uop: Uop, operands: &[Option<u64>], imms: (i32, u64)) -> Option<Folded> {
        super::fold(uop, operands, imms).map(|(_, folded)| folded)
    }

    const NONE: (i32, u64) = (0, 0);

    #[test]
    fn immediates_count() {
        assert_eq!(fold(Uop::shift_right, &[Some(-7i64 as u64)], (1, 0)), Some(Folded::Int(-4)));
        assert_eq!(fold(Uop::floordiv_by, &[Some(-7i64 as u64)], (1, 0xaaaa_aaaa_aaaa_aaab)), Some(Folded::Int(-3)));
        assert_eq!(fold(Uop::remainder_of, &[Some(-7i64 as u64), Some(-3i64 as u64)], (3, 0)), Some(Folded::Int(2)));
    }

    #[test]
    fn constants_are_computed() {
        assert_eq!(fold(Uop::add_int, &[Some(2), Some(3)], NONE), Some(Folded::Int(5)));
        assert_eq!(fold(Uop::mod_int, &[Some(-7i64 as u64), Some(3)], NONE), Some(Folded::Int(2)));
        assert_eq!(fold(Uop::guard_lt_int, &[Some(1), Some(2)], NONE), Some(Folded::Holds));
        let half = 0.5f64.to_bits();
        assert_eq!(fold(Uop::add_float, &[Some(half), Some(half)], NONE), Some(Folded::Float(1.0f64.to_bits())));
    }

    #[test]
    fn what_would_exit_is_kept() {
        assert_eq!(fold(Uop::add_int, &[Some(i64::MAX as u64), Some(1)], NONE), None);
        assert_eq!(fold(Uop::guard_lt_int, &[Some(2), Some(2)], NONE), None);
        assert_eq!(fold(Uop::mod_int, &[Some(1), Some(0)], NONE), None);
    }

    #[test]
    fn neutral_elements_disappear() {
        assert_eq!(fold(Uop::add_int, &[None, Some(0)], NONE), Some(Folded::Operand(0)));
        assert_eq!(fold(Uop::mul_int, &[None, Some(1)], NONE), Some(Folded::Operand(0)));
        assert_eq!(fold(Uop::mul_int, &[None, Some(0)], NONE), Some(Folded::Int(0)));
        assert_eq!(fold(Uop::add_float, &[None, Some(0)], NONE), None);
    }
}
