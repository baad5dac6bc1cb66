//! Sums: what is left of an integer that was counted from another one.
//!
//! `d[ii - i + degree - k - 1]`, where a turn that was followed began with `ii = i - degree + k + 1`: all of it goes, and the index is a
//! constant. For each integer that is a sum or a difference of others the trace keeps how often each of these is in it, and a number. Where
//! adding two of them makes something disappear, and nothing but a number or one integer (and a number) remains, that is the result.
//!
//! Only sums that are not checked are looked at, those that fit or that nobody looks at where they do not: they are sums modulo 2^64, for which
//! all of this holds whatever is in them.
//!
//! What holds: the terms of a sum stand in front of it, on the same side of the loop's label. What was known in front of the label is forgotten
//! there ([`Sums::clear`]), for others come to the label with other values, of which nobody knows by what they differ.
//!
//! Cost: constant time for each sum: one of more than [`MOST`] terms is a term of its own.

use crate::ir::Val;
use decal_uops::Uop;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The most terms of a sum.
const MOST: usize = 4;

/// A sum: how often each integer is in it, none of them zero times, and a number.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Sum {
    terms: SmallVec<[(Val, i64); MOST]>,
    number: i64,
}

impl Sum {
    /// Adds another one, so many times. Whether a term has gone.
    fn add(&mut self, other: &Sum, times: i64) -> bool {
        let mut gone = false;
        self.number = self.number.wrapping_add(other.number.wrapping_mul(times));
        for (val, count) in &other.terms {
            let count = count.wrapping_mul(times);
            match self.terms.iter().position(|(known, _)| known == val) {
                None => self.terms.push((*val, count)),
                Some(at) => {
                    let sum = self.terms[at].1.wrapping_add(count);
                    self.terms[at].1 = sum;
                    if sum == 0 {
                        self.terms.swap_remove(at);
                        gone = true;
                    }
                }
            }
        }
        gone
    }
}

/// What a sum comes down to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// A number.
    Number(i64),
    /// An integer, and a number that is to be added.
    Beside(Val, i64),
}

/// See the module's text.
#[derive(Default, Debug)]
pub struct Sums {
    known: FxHashMap<Val, Sum>,
}

impl Sums {
    /// Whether this is a sum or a difference that is not checked.
    pub fn concern(uop: Uop) -> bool {
        matches!(uop, Uop::wrap_add_int | Uop::wrap_sub_int)
    }

    /// What a sum or a difference of two integers comes down to, where something has gone out of it. `constant` says which of them are
    /// numbers.
    pub fn rest(&self, uop: Uop, operands: &[Val], constant: impl Fn(Val) -> Option<i64>) -> Option<Rest> {
        let (sum, gone) = self.sum(uop, operands, constant)?;
        match sum.terms[..] {
            _ if !gone => None,
            [] => Some(Rest::Number(sum.number)),
            [(val, 1)] => Some(Rest::Beside(val, sum.number)),
            _ => None,
        }
    }

    /// Notes what is in the result of such a uop.
    pub fn note(&mut self, val: Val, uop: Uop, operands: &[Val], constant: impl Fn(Val) -> Option<i64>) {
        if let Some((sum, _)) = self.sum(uop, operands, constant)
            && sum.terms.len() <= MOST
        {
            self.known.insert(val, sum);
        }
    }

    /// Forgets all: at the loop's label.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    fn sum(&self, uop: Uop, operands: &[Val], constant: impl Fn(Val) -> Option<i64>) -> Option<(Sum, bool)> {
        let [a, b] = *operands else { return None };
        let alone = |val: Val| match (constant(val), self.known.get(&val)) {
            (Some(number), _) => Sum { number, ..Sum::default() },
            (None, Some(sum)) => sum.clone(),
            (None, None) => Sum { terms: SmallVec::from_slice(&[(val, 1)]), number: 0 },
        };
        let mut sum = alone(a);
        let gone = sum.add(&alone(b), if uop == Uop::wrap_sub_int { -1 } else { 1 });
        Some((sum, gone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: Val = Val(1);
    const DEGREE: Val = Val(2);
    const TWO: Val = Val(3);

    fn constant(val: Val) -> Option<i64> {
        (val == TWO).then_some(2)
    }

    /// Emits as the emitter does: the result is a new value where the sum is not known by another name.
    fn emit(sums: &mut Sums, next: u32, uop: Uop, a: Val, b: Val) -> Result<Val, Rest> {
        match sums.rest(uop, &[a, b], constant) {
            Some(rest) => Err(rest),
            None => {
                sums.note(Val(next), uop, &[a, b], constant);
                Ok(Val(next))
            }
        }
    }

    #[test]
    fn what_is_added_and_taken_away_goes() {
        let mut sums = Sums::default();
        let start = emit(&mut sums, 10, Uop::wrap_sub_int, I, DEGREE).expect("two terms");
        let ii = emit(&mut sums, 11, Uop::wrap_add_int, start, TWO).expect("two terms");
        assert_eq!(emit(&mut sums, 12, Uop::wrap_add_int, ii, DEGREE), Err(Rest::Beside(I, 2)));
        let left = emit(&mut sums, 13, Uop::wrap_sub_int, ii, I).expect("once less the degree");
        assert_eq!(emit(&mut sums, 14, Uop::wrap_add_int, left, DEGREE), Err(Rest::Number(2)));
    }

    #[test]
    fn sums_that_only_grow_stay() {
        let mut sums = Sums::default();
        let next = emit(&mut sums, 10, Uop::wrap_add_int, I, TWO).expect("one term");
        assert!(emit(&mut sums, 11, Uop::wrap_add_int, next, TWO).is_ok());
    }

    #[test]
    fn they_are_sums_modulo_2_to_the_64() {
        let mut sums = Sums::default();
        let mut val = I;
        for next in 10..74 {
            val = emit(&mut sums, next, Uop::wrap_add_int, val, val).expect("twice as much, until it is nothing");
            if next == 72 {
                break;
            }
        }
        assert_eq!(emit(&mut sums, 80, Uop::wrap_add_int, val, val), Err(Rest::Number(0)));
    }

    #[test]
    fn the_label_forgets() {
        let mut sums = Sums::default();
        let sum = emit(&mut sums, 10, Uop::wrap_add_int, I, DEGREE).expect("two terms");
        sums.clear();
        assert!(emit(&mut sums, 11, Uop::wrap_sub_int, sum, DEGREE).is_ok());
    }
}
