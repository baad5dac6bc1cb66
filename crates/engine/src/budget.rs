//! The budget: what decal may cost a program before it has paid.
//!
//! Compiling takes time, and a trace that is left at once costs more than it gains until the traces that continue it are
//! there. Both are spent in advance, and both are taken from one account: two hundredths of the first
//! second that the program runs and a two-hundredth of the time after it, and what traces have saved since, by the
//! estimates of [`crate::worth`]. What is over the account waits (see [`crate::waiting`]): a short program is not spent on compiling, and one that gains nothing by it loses
//! no more than that small part. All of it is processor time: what else the machine does, and how long the program sleeps, is no
//! part of it.
//!
//! A trace with a long turn, which is left early in most of them, saves little until the way on is there, and the way on would wait for
//! what it saves. So where continuing an exit would have saved as much until now as that costs, more may be spent on it
//! ([`worth::is_owed`](crate::worth::is_owed)).
//!
//! All that was saved is spent again, because the beginning is slow otherwise: what is saved grows with what was spent, and the
//! first traces of a program are few. Measured (richards, deltablue, chaos, hexiom): a share of three hundredths and a quarter of the
//! savings took longer to the full speed than this, and cost programs that gain nothing twice as much.

use crate::state::Engine;
use decal_cpython::clock;
use std::time::Duration;

/// After so much of a program's time a quarter of the share must do: where what was spent until then has not paid, more of it hardly
/// will. What is not spent is kept, for another phase of a long program.
const EARLY: Duration = Duration::from_secs(1);

/// Nanoseconds that any program is worth.
const FREE: u64 = 10_000_000;

/// The share is so many times as large for what is owed.
const OWED: u32 = 5;

/// What the program has run.
#[derive(Debug)]
pub struct Ran {
    total: Duration,
    last: Duration,
    /// When it was asked last, on the coarse clock.
    asked: Duration,
}

impl Ran {
    /// Nothing yet.
    pub fn nothing() -> Ran {
        Ran { total: Duration::ZERO, last: clock::process(), asked: Duration::ZERO }
    }

    /// Takes the time that was run since the last look, unless that has just been done: the clock takes a microsecond on some
    /// machines. Whether there is more of it now.
    fn look(&mut self) -> bool {
        let asked = clock::coarse();
        if std::mem::replace(&mut self.asked, asked) == asked {
            return false;
        }
        let now = clock::process();
        // The clock of a child begins at nothing.
        self.total += now.checked_sub(self.last).unwrap_or(now);
        self.last = now;
        true
    }

    /// The part of it that may be spent, in nanoseconds, where that is so many percent at first.
    fn share(&self, percent: u32) -> u64 {
        let weighed = self.total.min(EARLY) + self.total.saturating_sub(EARLY) / 4;
        (weighed.as_nanos() * u128::from(percent) / 100) as u64
    }
}

impl Engine {
    /// Whether something may be spent now. A look at the clock, unless what was run up to the last look is enough.
    pub(crate) fn has_budget(&mut self) -> bool {
        self.has_share(self.options.compile_share)
    }

    /// The same for what would have paid by now, had it been there from the beginning: as a rule the future is as long as the past.
    /// That is an estimate, too, so that there is a limit to it.
    pub(crate) fn has_budget_for_owed(&mut self) -> bool {
        self.has_share(self.options.compile_share.saturating_mul(OWED))
    }

    /// Whether something may be spent where the share is so many percent.
    fn has_share(&mut self, percent: u32) -> bool {
        if self.options.stress.waits && !self.roll().is_multiple_of(4) {
            return false;
        }
        if self.options.stress.hot {
            return true;
        }
        let spent = self.counters.nanoseconds.iter().sum::<u64>().saturating_add(self.counters.lost);
        let more = spent.saturating_sub(FREE.saturating_add(self.counters.saved));
        more <= self.ran.share(percent) || self.ran.look() && more <= self.ran.share(percent)
    }
}
