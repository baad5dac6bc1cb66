//! The budget: what decal may cost a program before it has paid.
//!
//! Compiling takes time, and a trace that is left at once costs more than it gains until the traces that continue it are
//! there. Both are spent in advance, and both are taken from one account: a small part of the time that the program has
//! run, and a part of what traces have saved since, by the estimates of [`crate::worth`]. What is over the
//! account waits (see [`crate::waiting`]): a short program is not spent on compiling, and one that gains nothing by it loses
//! no more than that small part.

use crate::state::Engine;

/// Nanoseconds that any program is worth.
const FREE: u64 = 3_000_000;
/// Nanoseconds that are spent at the full share of the time. If nothing was saved by then, little will be: what comes after is
/// spent at a hundredth of the time.
const TRUST: u128 = 15_000_000;
/// Part of what traces have saved, by estimate, that may be spent on more of them.
const REINVESTED: u64 = 4;

impl Engine {
    /// Whether something may be spent now. One look at the clock.
    pub(crate) fn has_budget(&mut self) -> bool {
        if self.options.stress.waits && !self.roll().is_multiple_of(4) {
            return false;
        }
        if self.options.stress.hot {
            return true;
        }
        let spent = self.counters.nanoseconds.iter().sum::<u64>().saturating_add(self.counters.lost);
        let hundredth = self.born.elapsed().as_nanos() / 100;
        let share = u128::from(self.options.compile_share) * hundredth;
        let share = share.min(TRUST + hundredth);
        let free = FREE.saturating_add(self.counters.saved / REINVESTED);
        u128::from(spent.saturating_sub(free)) <= share
    }
}
