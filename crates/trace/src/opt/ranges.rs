//! What is known of integers while a trace is emitted: the interval of each, and what was made of that.
//!
//! A uop's result has an interval when it is emitted ([`range::result`](super::range::result)), and each guard that is passed
//! narrows its operands. In the loop's body that is not enough: whoever jumps to the label again, be it the loop's end or a
//! side trace, brings other numbers. So a phi gets an interval that is a *promise*, and each bound of it that the body makes use of has to
//! be kept by everybody who jumps there. Which bounds these are is found out at the end ([`Ranges::settle`]): from the operands of what
//! was left out or made simpler back to phis and to values from before the label. A bound that nobody asks for binds nobody.
//!
//! That the promises hold is induction over turns: at the loop's end it is proved of the next turn's numbers, on the strength of the
//! promises for this turn. What cannot be proved is not promised: the loop is recorded again.
//!
//! In front of the label nothing is left out: who comes to the label with other values does the first pass again, and can
//! rely on what it has checked.

use crate::ir::{Inst, Val};
use crate::opt::range::{HIGH, Interval, LOW, Sides};
use decal_uops::Uop;
use std::collections::BTreeMap;

/// A guard has narrowed a value.
#[derive(Clone, Copy, Debug)]
struct Narrowed {
    val: Val,
    sides: Sides,
    by: Val,
    /// Whether each side is known because of both sides of the other.
    by_both: bool,
}

/// See the module's text.
#[derive(Clone, Default, Debug)]
pub struct Ranges {
    known: Vec<Interval>,
    /// Whether there will be a label, and is none yet.
    peeling: bool,
    /// What guards have narrowed since the label.
    narrowed: Vec<Narrowed>,
    /// Where the label is, and what it promises of its phis.
    label: Option<u32>,
    promises: Vec<Interval>,
    /// What was known before it.
    before: Vec<Interval>,
    /// Of each value behind the label: on which bounds of its operands its lower bound rests, in the lower four bits, and the upper one.
    rests: Vec<u8>,
    /// The bounds of operands that something was made of, behind the label.
    relied: Vec<(Val, Sides)>,
    granted: BTreeMap<Val, Interval>,
}

impl Ranges {
    /// Whether a uop computes from integers, compares them, or gives one from which more can be told.
    pub fn concern(uop: Uop) -> bool {
        (Uop::add_int as u8..=Uop::ceil_float as u8).contains(&(uop as u8))
            || matches!(uop, Uop::unbox_int | Uop::is_same | Uop::int_truth)
    }

    /// Where an integer that is no constant lies.
    pub fn of(&self, val: Val) -> Interval {
        self.known.get(val.index()).copied().unwrap_or(Interval::FULL)
    }

    /// See [`Emitter::set_peeling`](super::emit::Emitter::set_peeling).
    pub fn set_peeling(&mut self, peeling: bool) {
        self.peeling = peeling;
    }

    /// Whether something may be left out here.
    pub fn may_simplify(&self) -> bool {
        !self.peeling
    }

    /// Says where a value lies, from its definition on.
    pub fn define(&mut self, val: Val, range: Interval) {
        if range == Interval::FULL && self.known.len() <= val.index() {
            return;
        }
        if self.known.len() <= val.index() {
            self.known.resize(val.index() + 1, Interval::FULL);
        }
        if let Some(known) = self.known.get_mut(val.index()) {
            *known = range;
        }
    }

    /// A guard was passed, which compares it with another one.
    pub fn narrow(&mut self, val: Val, range: Interval, by: Val, by_both: bool) {
        let before = self.of(val);
        let sides = (if range.lo != before.lo { LOW } else { 0 }) | (if range.hi != before.hi { HIGH } else { 0 });
        self.narrowed.push(Narrowed { val, sides, by, by_both });
        self.define(val, range);
    }

    /// Which bounds of a value guards have narrowed, in front of the label.
    pub fn narrowed(&self, val: Val) -> Sides {
        self.narrowed.iter().filter(|narrowed| narrowed.val == val).fold(0, |sides, narrowed| sides | narrowed.sides)
    }

    /// Something was made of where these operands lie. `still` says whether it could be if they lay elsewhere.
    pub fn rely(&mut self, operands: &[Val], (a, b): (Interval, Interval), still: impl Fn(Interval, Interval) -> bool) {
        if self.label.is_none() {
            return;
        }
        needed((a, b), still, |index, side| {
            if let Some(val) = operands.get(index) {
                self.relied.push((*val, side));
            }
        });
    }

    /// At a loop's label, with what it promises of its phis.
    pub fn enter_loop(&mut self, label: u32, promises: Vec<Interval>) {
        self.peeling = false;
        self.narrowed.clear();
        self.before.clone_from(&self.known);
        self.label = Some(label);
        for (phi, range) in (label..).map(Val).zip(&promises) {
            self.define(phi, *range);
        }
        self.promises = promises;
    }

    /// Says where the result of a uop lies because of where its operands do.
    pub fn define_by(
        &mut self,
        val: Val,
        (a, b): (Interval, Interval),
        result: impl Fn(Interval, Interval) -> Interval,
    ) {
        let whole = result(a, b);
        if whole == Interval::FULL {
            return;
        }
        self.define(val, whole);
        let Some(at) = self.label.and_then(|label| val.0.checked_sub(label)).map(|at| at as usize) else { return };
        if self.rests.len() <= at {
            self.rests.resize(at + 1, 0);
        }
        for (shift, side) in [(0, LOW), (4, HIGH)] {
            if whole.sides() & side != 0 {
                let bound = whole.without(!side);
                needed(
                    (a, b),
                    |a, b| result(a, b).is_within(bound),
                    |index, side| {
                        if let Some(rests) = self.rests.get_mut(at) {
                            *rests |= side << (2 * index) << shift;
                        }
                    },
                );
            }
        }
    }

    /// See [`Emitter::settle_ranges`](super::emit::Emitter::settle_ranges).
    pub fn settle(
        &mut self,
        args: &[Val],
        insts: &[Inst],
        constant: impl Fn(Val) -> Option<i64>,
    ) -> Result<(), Vec<usize>> {
        let Some(label) = self.label else { return Ok(()) };
        let mut work = std::mem::take(&mut self.relied);
        let mut seen: Vec<Sides> = vec![0; if work.is_empty() { 0 } else { insts.len() }];
        let mut failed = Vec::new();
        while let Some((val, side)) = work.pop() {
            let Some(done) = seen.get_mut(val.index()).filter(|done| **done & side == 0) else { continue };
            *done |= side;
            if constant(val).is_some() {
                continue;
            }
            for narrowed in self.narrowed.iter().filter(|narrowed| narrowed.val == val && narrowed.sides & side != 0) {
                let sides = if narrowed.by_both { LOW | HIGH } else { side };
                work.extend([LOW, HIGH].iter().filter(|side| sides & **side != 0).map(|side| (narrowed.by, *side)));
            }
            let Some(at) = val.0.checked_sub(label).map(|at| at as usize) else {
                let before = self.before.get(val.index()).copied().unwrap_or(Interval::FULL);
                self.grant(val, before, side);
                continue;
            };
            if let Some(promised) = self.promises.get(at).map(|promised| promised.without(!side)) {
                let Some(arg) = args.get(at).filter(|_| promised != Interval::FULL) else { continue };
                self.grant(val, promised, side);
                let range = constant(*arg).map_or_else(|| self.of(*arg), Interval::point);
                if range.is_within(promised) {
                    work.push((*arg, side));
                } else {
                    failed.push(at);
                }
            } else if let (Some(Inst::Uop(inst)), Some(rests)) = (insts.get(val.index()), self.rests.get(at)) {
                let rests = if side == LOW { rests & 15 } else { rests >> 4 };
                for (index, side) in [(0, LOW), (0, HIGH), (1, LOW), (1, HIGH)] {
                    if let Some(arg) = inst.args.get(index).filter(|_| rests >> (2 * index) & side != 0) {
                        work.push((*arg, side));
                    }
                }
            }
        }
        failed.sort_unstable();
        failed.dedup();
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    fn grant(&mut self, val: Val, range: Interval, side: Sides) {
        let range = range.without(!side);
        if range != Interval::FULL {
            let granted = self.granted.entry(val).or_insert(Interval::FULL);
            *granted = granted.and(range);
        }
    }

    /// What the body takes for granted: see [`Granted::ranges`](super::emit::Granted).
    pub fn granted(&mut self) -> BTreeMap<Val, Interval> {
        std::mem::take(&mut self.granted)
    }
}

/// Calls back with each bound, of the operand with this index, without which it could not be.
fn needed(
    (mut a, mut b): (Interval, Interval),
    still: impl Fn(Interval, Interval) -> bool,
    mut found: impl FnMut(usize, Sides),
) {
    for side in [LOW, HIGH] {
        if a.sides() & side != 0 {
            if still(a.without(side), b) {
                a = a.without(side);
            } else {
                found(0, side);
            }
        }
        if b.sides() & side != 0 {
            if still(a, b.without(side)) {
                b = b.without(side);
            } else {
                found(1, side);
            }
        }
    }
}
