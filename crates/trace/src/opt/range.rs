//! Ranges: between which bounds an integer lies, and which checks cannot fail because of that.
//!
//! [`result`] says where the result of a uop lies if it has one, [`passed`] what a guard that was passed says of its
//! operands, [`simpler`] what a uop becomes whose operands lie so: an addition that cannot overflow needs no check, a guard that cannot
//! fail is left out. The [`Emitter`](super::emit::Emitter) keeps one [`Interval`] for each integer. These functions look at
//! numbers alone, so that tests can try them on all of them.
//!
//! Holds: an interval contains every number that the value can be at this point of the trace, whichever way led there. Never is
//! an interval empty: where two facts contradict each other, that point is not reached, and the older one stays.

use crate::opt::rewrites::Rule;
use decal_uops::Uop;

/// All integers from one to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// The smallest.
    pub lo: i64,
    /// The largest.
    pub hi: i64,
}

/// A side of an interval, or both of them, as bits.
pub type Sides = u8;

/// The lower bound.
pub const LOW: Sides = 1;
/// The upper bound.
pub const HIGH: Sides = 2;

impl Interval {
    /// Nothing is known.
    pub const FULL: Interval = Interval { lo: i64::MIN, hi: i64::MAX };
    /// 0 or 1.
    pub const TRUTH: Interval = Interval { lo: 0, hi: 1 };
    /// How much of something can be in memory: addresses have less than 60 bits.
    pub const LENGTH: Interval = Interval { lo: 0, hi: 1 << 60 };
    /// What is in two digits of Python's.
    pub const TWO_DIGITS: Interval = Interval { lo: 1 - (1 << 60), hi: (1 << 60) - 1 };

    /// From one to another.
    pub fn new(lo: i64, hi: i64) -> Interval {
        Interval { lo, hi }
    }

    /// A single number.
    pub fn point(n: i64) -> Interval {
        Interval { lo: n, hi: n }
    }

    /// What of a range of wider numbers fits.
    fn clamped(lo: i128, hi: i128) -> Interval {
        let clamp = |n: i128| n.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        Interval { lo: clamp(lo), hi: clamp(hi) }
    }

    /// Whether a number is in it.
    pub fn contains(self, n: i64) -> bool {
        self.lo <= n && n <= self.hi
    }

    /// Whether all of it is in the other.
    pub fn is_within(self, other: Interval) -> bool {
        other.lo <= self.lo && self.hi <= other.hi
    }

    /// Whether they have a number in common.
    pub fn meets(self, other: Interval) -> bool {
        self.lo <= other.hi && other.lo <= self.hi
    }

    /// What is in both; this one where nothing is.
    #[must_use]
    pub fn and(self, other: Interval) -> Interval {
        if self.meets(other) { Interval { lo: self.lo.max(other.lo), hi: self.hi.min(other.hi) } } else { self }
    }

    /// The same without these bounds.
    #[must_use]
    pub fn without(self, sides: Sides) -> Interval {
        Interval {
            lo: if sides & LOW == 0 { self.lo } else { i64::MIN },
            hi: if sides & HIGH == 0 { self.hi } else { i64::MAX },
        }
    }

    /// The same or more, with 0 in it: what begins the loop anew often begins there.
    #[must_use]
    pub fn rounded(self) -> Interval {
        Interval { lo: self.lo.min(0), hi: self.hi.max(0) }
    }

    /// On which sides it says something.
    pub fn sides(self) -> Sides {
        (if self.lo > i64::MIN { LOW } else { 0 }) | (if self.hi < i64::MAX { HIGH } else { 0 })
    }

    fn wide(self) -> (i128, i128) {
        (self.lo.into(), self.hi.into())
    }

    /// The smallest and the largest of what an operation gives at the corners.
    fn corners(self, other: Interval, f: impl Fn(i128, i128) -> i128) -> (i128, i128) {
        let ((a, b), (c, d)) = (self.wide(), other.wide());
        let all = [f(a, c), f(a, d), f(b, c), f(b, d)];
        let least = all.iter().copied().fold(i128::MAX, i128::min);
        (least, all.iter().copied().fold(i128::MIN, i128::max))
    }
}

/// All numbers that need no more bits than the larger of these, which are not negative.
fn same_bits(a: i64, b: i64) -> i64 {
    let bits = 64 - (a | b).leading_zeros();
    ((1i128 << bits) - 1) as i64
}

/// What a sum, a difference or a product is before anything is cut off.
fn exact(uop: Uop, a: Interval, b: Interval, same: bool) -> Option<(i128, i128)> {
    let ((a_lo, a_hi), (b_lo, b_hi)) = (a.wide(), b.wide());
    Some(match uop {
        Uop::add_int | Uop::wrap_add_int => (a_lo + b_lo, a_hi + b_hi),
        Uop::sub_int | Uop::wrap_sub_int => (a_lo - b_hi, a_hi - b_lo),
        Uop::mul_int => {
            let (lo, hi) = a.corners(b, |x, y| x * y);
            (if same { lo.max(0) } else { lo }, hi)
        }
        Uop::neg_int => (-a_hi, -a_lo),
        _ => return None,
    })
}

/// Where the result of a uop lies, if it has one. `same` says that both operands are one value.
pub fn result(uop: Uop, a: Interval, b: Interval, imm: i32, same: bool) -> Interval {
    if let Some((lo, hi)) = exact(uop, a, b, same) {
        let wraps = matches!(uop, Uop::wrap_add_int | Uop::wrap_sub_int);
        let range = Interval::clamped(lo, hi);
        return if wraps && range.wide() != (lo, hi) { Interval::FULL } else { range };
    }
    match uop {
        Uop::abs_int => {
            let (lo, hi) = a.wide();
            let least = if a.contains(0) { 0 } else { lo.abs().min(hi.abs()) };
            Interval::clamped(least, lo.abs().max(hi.abs()))
        }
        Uop::and_int => match (a.lo >= 0, b.lo >= 0) {
            (true, true) => Interval::new(0, a.hi.min(b.hi)),
            (true, false) => Interval::new(0, a.hi),
            (false, true) => Interval::new(0, b.hi),
            (false, false) => Interval::FULL,
        },
        Uop::or_int if a.lo >= 0 && b.lo >= 0 => Interval::new(a.lo.max(b.lo), same_bits(a.hi, b.hi)),
        Uop::xor_int if a.lo >= 0 && b.lo >= 0 => Interval::new(0, same_bits(a.hi, b.hi)),
        Uop::not_int => Interval::new(!a.hi, !a.lo),
        Uop::shl_int => {
            let count = Interval::new(b.lo.clamp(0, 62), b.hi.clamp(0, 62));
            let (lo, hi) = a.corners(count, |a, count| a << count);
            Interval::clamped(lo, hi)
        }
        Uop::shr_int => {
            // All bits are gone behind 63.
            let count = Interval::new(b.lo.clamp(0, 63), b.hi.clamp(0, 63));
            let (lo, hi) = a.corners(count, |a, count| a >> count);
            Interval::clamped(lo, hi)
        }
        Uop::shift_right => Interval::new(a.lo >> (imm as u32 & 63), a.hi >> (imm as u32 & 63)),
        Uop::floordiv_int if b.lo > 0 => {
            let (lo, hi) = a.corners(b, i128::div_euclid);
            Interval::clamped(lo, hi)
        }
        // On the same side of 0, and not further from it, whatever the constant is.
        Uop::floordiv_by => Interval::new(a.lo.min(0), a.hi.max(-1)),
        Uop::mod_int if b.lo > 0 => Interval::new(0, if a.lo >= 0 { a.hi.min(b.hi - 1) } else { b.hi - 1 }),
        Uop::mod_int if b.hi < 0 => Interval::new(b.lo + 1, 0),
        Uop::eq_int
        | Uop::ne_int
        | Uop::lt_int
        | Uop::le_int
        | Uop::gt_int
        | Uop::ge_int
        | Uop::eq_float
        | Uop::ne_float
        | Uop::lt_float
        | Uop::le_float
        | Uop::is_same
        | Uop::int_truth => Interval::TRUTH,
        Uop::min_int => Interval::new(a.lo.min(b.lo), a.hi.min(b.hi)),
        Uop::max_int => Interval::new(a.lo.max(b.lo), a.hi.max(b.hi)),
        Uop::float_to_int | Uop::round_float | Uop::floor_float | Uop::ceil_float => Interval::new(-(1 << 62), 1 << 62),
        Uop::unbox_int => Interval::TWO_DIGITS,
        _ => Interval::FULL,
    }
}

/// Where a number lies that was loaded.
pub fn loaded(uop: Uop) -> Interval {
    match uop {
        Uop::load_u8 | Uop::load_byte => Interval::new(0, 255),
        Uop::load_u16_item => Interval::new(0, u16::MAX.into()),
        Uop::load_u32 => Interval::new(0, u32::MAX.into()),
        Uop::load_i32_item => Interval::new(i32::MIN.into(), i32::MAX.into()),
        _ => Interval::FULL,
    }
}

/// Which bounds of a result another turn may be expected to keep, where the first operand is what the turn before gave.
pub fn steady(uop: Uop, step: Interval) -> Sides {
    let grows = match uop {
        Uop::add_int | Uop::wrap_add_int => (step.lo >= 0, step.hi <= 0),
        Uop::sub_int | Uop::wrap_sub_int => (step.hi <= 0, step.lo >= 0),
        Uop::mul_int | Uop::neg_int | Uop::shl_int | Uop::pow_int | Uop::const_int | Uop::const_int64 => (false, false),
        _ => (true, true),
    };
    (if grows.0 { LOW } else { 0 }) | (if grows.1 { HIGH } else { 0 })
}

/// Where the operands of a guard lie that was passed.
pub fn passed(uop: Uop, a: Interval, b: Interval) -> (Interval, Interval) {
    let below = |hi: i64| Interval::new(i64::MIN, hi);
    let above = |lo: i64| Interval::new(lo, i64::MAX);
    // The neighbours of an edge that has none are on no side of it.
    let (down, up) = (|n: i64| n.saturating_sub(1), |n: i64| n.saturating_add(1));
    match uop {
        Uop::guard_lt_int => (a.and(below(down(b.hi))), b.and(above(up(a.lo)))),
        Uop::guard_le_int => (a.and(below(b.hi)), b.and(above(a.lo))),
        Uop::guard_gt_int => (a.and(above(up(b.lo))), b.and(below(down(a.hi)))),
        Uop::guard_ge_int => (a.and(above(b.lo)), b.and(below(a.hi))),
        Uop::guard_eq_int => (a.and(b), b.and(a)),
        Uop::guard_ne_int => (except(a, b), except(b, a)),
        Uop::guard_index if b.lo >= 0 => {
            let index = a.and(Interval::new(0, down(b.hi).max(0)));
            (index, b.and(above(up(a.lo.max(0)))))
        }
        _ => (a, b),
    }
}

/// What is left of `a` where it is not `b`.
fn except(a: Interval, b: Interval) -> Interval {
    if b.lo != b.hi || a.lo == a.hi {
        return a;
    }
    Interval { lo: if a.lo == b.lo { a.lo + 1 } else { a.lo }, hi: if a.hi == b.lo { a.hi - 1 } else { a.hi } }
}

/// How a comparison comes out, where that is the same for all of both.
fn outcome(uop: Uop, a: Interval, b: Interval) -> Option<bool> {
    let (below, not_above) = (a.hi < b.lo, a.hi <= b.lo);
    let (above, not_below) = (a.lo > b.hi, a.lo >= b.hi);
    let decided = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
    let same = a.lo == a.hi && a == b;
    match uop {
        Uop::lt_int | Uop::guard_lt_int => decided(below, not_below),
        Uop::le_int | Uop::guard_le_int => decided(not_above, above),
        Uop::gt_int | Uop::guard_gt_int => decided(above, not_above),
        Uop::ge_int | Uop::guard_ge_int => decided(not_below, below),
        Uop::eq_int | Uop::guard_eq_int => decided(same, below || above),
        Uop::ne_int | Uop::guard_ne_int => decided(below || above, same),
        Uop::guard_index => decided(a.lo >= 0 && below, false),
        _ => None,
    }
}

/// What a uop becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Simpler {
    /// The same as its operand with this index.
    Operand(usize),
    /// A number.
    Int(i64),
    /// Its guard always holds.
    Holds,
    /// Another uop with the same operands, which does not ask.
    Uop(Uop),
}

/// What a uop becomes whose operands lie so, and by which rule.
pub fn simpler(uop: Uop, a: Interval, b: Interval, same: bool) -> Option<(Rule, Simpler)> {
    if a == Interval::FULL && b == Interval::FULL && !same {
        return None;
    }
    let fits = || exact(uop, a, b, same).is_some_and(|(lo, hi)| Interval::clamped(lo, hi).wide() == (lo, hi));
    Some(match uop {
        Uop::add_int if fits() => (Rule::NoOverflow, Simpler::Uop(Uop::wrap_add_int)),
        Uop::sub_int if fits() => (Rule::NoOverflow, Simpler::Uop(Uop::wrap_sub_int)),
        Uop::abs_int if a.lo >= 0 => (Rule::SignKnown, Simpler::Operand(0)),
        Uop::int_to_float_exact if a.is_within(Interval::new(-(1 << 53), 1 << 53)) => {
            (Rule::ExactDouble, Simpler::Uop(Uop::int_to_float))
        }
        Uop::and_int if b.lo == b.hi && b.lo & b.lo.wrapping_add(1) == 0 && a.is_within(Interval::new(0, b.lo)) => {
            (Rule::RemainderKnown, Simpler::Operand(0))
        }
        Uop::mod_int if a.lo >= 0 && a.hi < b.lo => (Rule::RemainderKnown, Simpler::Operand(0)),
        Uop::min_int if a.hi <= b.lo => (Rule::SmallerKnown, Simpler::Operand(0)),
        Uop::min_int if b.hi <= a.lo => (Rule::SmallerKnown, Simpler::Operand(1)),
        Uop::max_int if a.lo >= b.hi => (Rule::SmallerKnown, Simpler::Operand(0)),
        Uop::max_int if b.lo >= a.hi => (Rule::SmallerKnown, Simpler::Operand(1)),
        _ => {
            let comes_out = outcome(uop, a, b)?;
            match uop.info().result {
                Some(_) => (Rule::ComparisonKnown, Simpler::Int(comes_out.into())),
                None if comes_out => (Rule::GuardImplied, Simpler::Holds),
                None => return None,
            }
        }
    })
}
