//! Pace: what is seldom is not hot, however often it has happened.
//!
//! A number of passes says little about the time that is spent in a place: in a large program hundreds of places get
//! there some day, at one pass in a millisecond. Counting them costs an event each, and compiling them costs what
//! other places would have paid back. So after the first few passes of a location the clock is asked once. Where they
//! came slower than a trace could ever be long, the location's event is switched off, and it is looked at again after
//! a pause, which grows each time. Where they came fast, as many more are counted as take a certain time:
//! passes of a long loop are fewer until it is worth while to compile it than those of a short one. Loops that are entered
//! seldom and turn quickly are not seldom: their passes come one after the other.
//!
//! Looking again costs switching the event on ([`Monitoring::rearm`](decal_cpython::monitoring::Monitoring::rearm)) and
//! the events of one more probe, which is taken from the [budget](crate::budget).
//!
//! What holds: a location in the state [`State::Seldom`] is in the set of [`Resting`], or its time has come and its next
//! event begins a probe.

use crate::location::State;
use crate::starts::Start;
use crate::state::{Engine, FUNCTION_START};
use decal_cpython::clock;
use std::collections::BTreeSet;

/// Passes until the clock is asked.
pub const PROBE: u32 = 48;
/// Microseconds from one pass to the next, in the mean, beyond which they are seldom: the longest trace does not take much longer,
/// and what it could save of them is little.
const SELDOM: u32 = 100;
/// Microseconds from one pass to the next, all in all, after which a loop is hot, however few passes they are.
const HEAT: u32 = 1000;
/// Microseconds of the first pause. Each one is four times as long as the one before.
const PAUSE: u64 = 250_000;
/// The longest pause is this many times quadrupled.
const MOST_PAUSES: u8 = 4;
/// Nanoseconds that the events of one more probe cost.
pub const PROBE_COST: u64 = PROBE as u64 * 100;

/// A location's code object and offset.
type Place = (usize, u32);

/// A probe that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// When it began, in microseconds of the program's own processor time, without the upper bits.
    pub since: u32,
    /// Passes that are to be counted after it.
    pub rest: u32,
}

/// Locations whose events are off because they are seldom, by the time until which they are left alone.
#[derive(Debug, Default)]
pub struct Resting(BTreeSet<(u64, Place)>);

impl Resting {
    /// A code object dies.
    pub fn forget(&mut self, code: usize) {
        self.0.retain(|(_, place)| place.0 != code);
    }

    /// One is not left alone any more.
    pub fn forget_one(&mut self, until: u64, place: Place) {
        self.0.remove(&(until, place));
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one whose time has come.
    pub fn is_due(&self, now: u64) -> bool {
        self.0.first().is_some_and(|(until, _)| *until <= now)
    }

    /// One whose time has come.
    pub fn due(&mut self, now: u64) -> Option<Place> {
        if self.is_due(now) { self.0.pop_first().map(|(_, place)| place) } else { None }
    }
}

impl Engine {
    /// Microseconds since decal was enabled.
    pub(crate) fn micros(&self) -> u64 {
        self.born.elapsed().as_micros() as u64
    }

    /// Microseconds of processor time that the program has taken for itself: passes are not seldom because other places are being
    /// compiled meanwhile, because the process had to wait, or because other processes ran.
    fn own_micros(&self) -> u64 {
        let spent = self.counters.nanoseconds.iter().sum::<u64>();
        (clock::process().as_nanos() as u64).saturating_sub(spent) / 1000
    }

    /// Passes to count first of a location that is hot after `threshold`, and the probe that they are.
    pub(crate) fn probe(&self, threshold: u32) -> (u32, Option<Probe>) {
        if self.options.stress.waits {
            return (1, Some(Probe { since: 0, rest: threshold }));
        }
        match threshold.checked_sub(PROBE) {
            Some(rest) if rest > 0 => (PROBE, Some(Probe { since: self.own_micros() as u32, rest })),
            _ => (threshold, None),
        }
    }

    /// How many more passes are to be counted behind a probe that is over; none where its passes were seldom.
    pub(crate) fn judge(&mut self, probe: Probe) -> Option<u32> {
        if self.options.stress.waits {
            return (!self.roll().is_multiple_of(8)).then_some(probe.rest);
        }
        // Some of what was spent is an estimate, which may be more than has passed.
        let took = (self.own_micros() as u32).wrapping_sub(probe.since) as i32;
        let took = took.max(1) as u32;
        // A function that a loop calls gets hot behind the loop, by the clock as by the number of passes: the loop's trace has it in it.
        let heat = u64::from(HEAT) * u64::from(probe.rest + PROBE) / u64::from(self.options.loop_threshold.max(1));
        let passes = heat * u64::from(PROBE) / u64::from(took);
        (took <= PROBE * SELDOM).then(|| u64::from(probe.rest).min(passes).max(1) as u32)
    }

    /// Leaves a location alone for a while. Its event is to be switched off.
    pub(crate) fn rest(&mut self, place: Place) {
        let now = self.micros();
        let Some(location) = self.locations.get_mut(&place) else { return };
        let pause = if self.options.stress.waits { 0 } else { PAUSE << (2 * location.seldom) };
        let until = now + pause;
        location.seldom = (location.seldom + 1).min(MOST_PAUSES);
        location.state = State::Seldom(until);
        if place.1 == FUNCTION_START {
            self.starts.insert(place.0, Start::Counting(1));
        }
        self.resting.0.insert((until, place));
    }

    /// An event of a location that is left alone. Whether it may stay on: then a new probe has begun.
    pub(crate) fn looks_again(&mut self, place: Place, until: u64) -> bool {
        if self.micros() < until {
            return false;
        }
        let (count, probe) = self.probe(self.threshold(place.1));
        let Some(location) = self.locations.get_mut(&place) else { return false };
        self.resting.0.remove(&(until, place));
        location.state = State::Counting(count);
        location.probe = probe;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_comes_in_the_order_of_its_time() {
        let mut resting = Resting::default();
        resting.0.extend([(30, (1, 0)), (10, (2, 8)), (20, (1, 4))]);
        assert_eq!(resting.due(9), None);
        assert_eq!(resting.due(25), Some((2, 8)));
        assert_eq!(resting.due(25), Some((1, 4)));
        assert_eq!(resting.due(25), None);
        assert!(!resting.is_empty());
    }

    #[test]
    fn code_that_dies_rests_no_more() {
        let mut resting = Resting::default();
        resting.0.extend([(30, (1, 0)), (10, (2, 8)), (20, (1, 4))]);
        resting.forget(1);
        assert_eq!(resting.due(100), Some((2, 8)));
        assert!(resting.is_empty());
    }
}
