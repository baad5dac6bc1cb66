//! Locations: the places where traces can start, each with one small state machine.
//!
//! ```text
//!             jumps reach the threshold          one pass, compiled
//!   Counting ---------------------------> Observing ---------------> Compiled
//!      ^  ^                                   |                          |
//!      |  +---- pause, growing by four -------+ failed                   | invalidated, or does not pay
//!      +-------------------------------------------------------------- --+
//!             after too many failures, from any state: Never, with the reason
//!             seldom by the clock, while it is counted for the first time: Seldom, until it is counted anew
//! ```

use crate::pace::Probe;
use decal_trace::record::{AbortReason, Hint};

/// Why a location is never compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Never {
    /// Recording failed too often, the last time for this reason.
    Abort(AbortReason),
    /// Traces cannot start in this code.
    Code(&'static str),
    /// What was compiled was invalidated too often.
    Unstable,
    /// Entering cost more than it gained.
    NoGain,
    /// Compiling failed in a way that trying again does not mend.
    Compile(String),
    /// It was freed too often to make room for others.
    Freed,
    /// The user said so.
    Asked,
}

impl std::fmt::Display for Never {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Never::Abort(reason) => reason.fmt(f),
            Never::Code(why) => f.write_str(why),
            Never::Unstable => f.write_str("what it relies on changes too often"),
            Never::NoGain => f.write_str("entering it cost more than it gained"),
            Never::Compile(why) => f.write_str(why),
            Never::Freed => f.write_str("it was freed too often, to make room for others (DECAL_MEMORY)"),
            Never::Asked => f.write_str("switched off with @decal.nojit"),
        }
    }
}

/// See the module's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// This many passes are left before it is observed, or before the clock is asked: see [`Location::probe`].
    Counting(u32),
    /// It comes too seldom to matter; left alone until then, in microseconds since decal was enabled.
    Seldom(u64),
    /// Being observed.
    Observing,
    /// Compiled: the executor's number.
    Compiled(usize),
    /// Hot, but there is no budget to observe it, or to make the traces that would let its executor pay.
    Waiting(Option<usize>),
    /// Given up.
    Never(Never),
}

/// A location.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// Its state.
    pub state: State,
    /// What is being counted is a probe: see [`crate::pace`].
    pub probe: Option<Probe>,
    /// How often it was seen to be seldom.
    pub seldom: u8,
    /// Failures so far.
    pub tries: u32,
    /// Passes so far that left the loop.
    pub left: u32,
    /// Invalidations so far.
    pub invalidated: u32,
    /// How often what was compiled was freed to make room for others.
    pub freed: u32,
    /// How often what was compiled did not pay.
    pub withdrawn: u32,
    /// How often a trace that had been entered did not pay. Each time the next one may grow twice as large before it must have paid:
    /// a program with many ways through a loop gains nothing until most of them are traces.
    pub given_up: u8,
    /// Whether its loop was seen to be left after a few turns as a rule.
    pub short: bool,
    /// Whether a trace that had followed its turns one by one found that there are many: see [`crate::unrolled`].
    pub long: bool,
    /// What its trace should not take for granted, and how often it was recorded again because of that.
    pub hint: Hint,
    /// See `hint`.
    pub hinted: u32,
    /// How often its executor was made anew because a way beside it led to a long loop in a call.
    pub elsewhere: u32,
    /// How sparing passes are with calls that they follow; see [`crate::observe::Observation`].
    pub sparing: u8,
    /// How deep a function's recursion is followed.
    pub unroll: Unroll,
    /// How often a loop was put off for the start of its function.
    pub put_off: u8,
    /// The last failure: reason and source line.
    pub last: Option<(AbortReason, u32)>,
}

/// How deep a recursion is followed before its calls are native ones.
///
/// Each level that is inlined saves native calls, and multiplies the ways through the trace. Most recursions are visits of data, which
/// take all of these ways; some take few, and gain by more levels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unroll {
    /// Not far.
    Short,
    /// Far: it takes few ways.
    Long,
    /// Not far: that did not pay.
    Never,
}

/// Invalidations that a location survives.
const MAX_INVALIDATED: u32 = 8;

/// Executors that may turn out not to pay before it is given up.
const MAX_WITHDRAWN: u32 = 4;

/// How often an executor may be freed to make room for others before it is given up.
const MAX_FREED: u32 = 6;

/// How often an executor is made anew because side traces could not join it.
const MAX_HINTED: u32 = 3;

/// How often an executor is made anew because a way beside it leads to a long loop in a call: which way the next pass takes is chance.
const MAX_ELSEWHERE: u32 = 8;

/// Turns in one of which that pass begins.
const ELSEWHERE_TURNS: u32 = 13;

/// The most sparing passes follow no calls.
pub const MAX_SPARING: u8 = 3;

/// Passes that may leave the loop before that counts as a failure.
const MAX_LEFT: u32 = 10;

impl Location {
    /// A new one.
    pub fn new(threshold: u32) -> Location {
        Location {
            state: State::Counting(threshold),
            probe: None,
            seldom: 0,
            tries: 0,
            left: 0,
            invalidated: 0,
            freed: 0,
            withdrawn: 0,
            given_up: 0,
            short: false,
            long: false,
            hint: Hint::default(),
            hinted: 0,
            elsewhere: 0,
            put_off: 0,
            sparing: 0,
            unroll: Unroll::Short,
            last: None,
        }
    }

    /// It has to wait. Calls that need no event may come to its trace meanwhile, and find once more that it does not pay yet.
    pub fn wait(&mut self) {
        self.state = State::Waiting(match self.state {
            State::Compiled(id) => Some(id),
            State::Waiting(executor) => executor,
            _ => None,
        });
    }

    /// Whether one more pass that leaves the loop is no failure.
    pub fn may_be_left_again(&self) -> bool {
        self.left < MAX_LEFT
    }

    /// Recording failed: a pause that grows, then never. `dice` is any number.
    pub fn failed(&mut self, reason: AbortReason, line: u32, threshold: u32, max_tries: u32, dice: u32) {
        self.last = Some((reason, line));
        if reason == AbortReason::LeftLoop && self.may_be_left_again() {
            // Bad luck, mostly: some other pass will come round.
            self.left += 1;
            self.state = State::Counting(1 + dice % (2 + self.left * 4));
            return;
        }
        self.tries += 1;
        if reason == AbortReason::TooLong && self.tries >= max_tries && self.sparing < MAX_SPARING {
            self.sparing += 1;
            self.tries = 0;
            self.state = State::Counting(1 + dice % 4);
            return;
        }
        self.state = if self.tries >= max_tries {
            State::Never(Never::Abort(reason))
        } else if reason == AbortReason::Yields {
            // Most generators yield in each turn. To see others now costs less than to count them longer.
            State::Counting(1 + dice % 32)
        } else {
            let pause = threshold.saturating_mul(4u32.saturating_pow(self.tries)).max(2);
            State::Counting(pause.saturating_add(dice % pause))
        };
    }

    /// Its executor is gone because entering it did not pay. `loses` says that it could not have, which counts twice: another
    /// one would be much the same.
    pub fn withdrawn(&mut self, threshold: u32, loses: bool) {
        self.withdrawn += 1 + u32::from(loses);
        if self.unroll == Unroll::Long {
            self.unroll = Unroll::Never;
        }
        // Nothing has changed, which is what it was invalidated for.
        self.invalidated = self.invalidated.saturating_sub(1);
        self.state = if self.withdrawn >= MAX_WITHDRAWN {
            State::Never(Never::NoGain)
        } else {
            State::Counting(threshold.saturating_mul(4u32.saturating_pow(self.withdrawn - 1)).max(1))
        };
    }

    /// Its executor is gone so that it follows the recursion deeper, or less deep, and is made anew at once.
    pub fn unrolled(&mut self, unroll: Unroll) {
        self.unroll = unroll;
        self.invalidated = self.invalidated.saturating_sub(1);
        self.state = State::Counting(1);
    }

    /// Its executor is gone because side traces could not join it, and is made anew at once.
    pub fn hinted(&mut self, hint: Hint) {
        self.hint.extend(hint);
        self.hinted += 1;
        self.invalidated = self.invalidated.saturating_sub(1);
        self.state = State::Counting(1);
    }

    /// Its executor is gone because a loop in it has become long, and is made anew at once.
    pub fn outgrown(&mut self) {
        self.left = 0;
        self.invalidated = self.invalidated.saturating_sub(1);
        self.state = State::Counting(1);
    }

    /// Its executor is gone because a way beside it leads to a long loop in a call, and is made anew soon: the same turn of a short loop
    /// may take the same way each time.
    pub fn leads_elsewhere(&mut self, dice: u32) {
        self.elsewhere += 1;
        self.invalidated = self.invalidated.saturating_sub(1);
        self.state = State::Counting(1 + dice % ELSEWHERE_TURNS);
    }

    /// Whether that may happen once more.
    pub fn may_lead_elsewhere(&self) -> bool {
        self.elsewhere < MAX_ELSEWHERE
    }

    /// Whether it is worth while to make its executor anew because of this hint.
    pub fn may_be_hinted(&self, hint: &Hint) -> bool {
        self.hinted < MAX_HINTED && !hint.is_within(&self.hint)
    }

    /// Its executor is gone to make room for others.
    pub fn freed(&mut self, threshold: u32) {
        self.freed += 1;
        // Nothing has changed, which is what it was invalidated for.
        self.invalidated = self.invalidated.saturating_sub(1);
        self.state = if self.freed >= MAX_FREED {
            State::Never(Never::Freed)
        } else {
            State::Counting(threshold.saturating_mul(4u32.saturating_pow(self.freed)))
        };
    }

    /// Its executor is gone because something changed.
    pub fn invalidated(&mut self, threshold: u32) {
        self.invalidated += 1;
        self.state = if self.invalidated >= MAX_INVALIDATED {
            State::Never(Never::Unstable)
        } else {
            State::Counting(threshold.saturating_mul(2u32.saturating_pow(self.invalidated)))
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_pauses_longer_and_longer_and_then_gives_up() {
        let mut location = Location::new(10);
        let mut pauses = Vec::new();
        for _ in 0..3 {
            location.failed(AbortReason::Stack, 7, 10, 4, 0);
            if let State::Counting(pause) = location.state {
                pauses.push(pause);
            }
        }
        assert_eq!(pauses, [40, 160, 640]);
        location.failed(AbortReason::Stack, 7, 10, 4, 0);
        assert_eq!(location.state, State::Never(Never::Abort(AbortReason::Stack)));
        assert_eq!(location.last, Some((AbortReason::Stack, 7)));
    }

    #[test]
    fn passes_that_are_too_long_follow_fewer_calls_before_they_are_given_up() {
        let mut location = Location::new(10);
        for sparing in 1..=MAX_SPARING {
            location.failed(AbortReason::TooLong, 7, 10, 2, 0);
            assert_eq!((location.sparing, location.tries), (sparing - 1, 1));
            location.failed(AbortReason::TooLong, 7, 10, 2, 0);
            assert_eq!((location.sparing, location.tries), (sparing, 0));
        }
        location.failed(AbortReason::TooLong, 7, 10, 1, 0);
        assert_eq!(location.state, State::Never(Never::Abort(AbortReason::TooLong)));
    }

    #[test]
    fn a_pause_is_at_most_doubled_by_chance_and_never_overflows() {
        for dice in [0, 1, 39, 40, 12_345, u32::MAX] {
            let mut location = Location::new(10);
            location.failed(AbortReason::Stack, 7, 10, 4, dice);
            assert!(matches!(location.state, State::Counting(40..80)), "{dice}: {:?}", location.state);
        }
        // With thresholds at their lowest there is a pause too.
        let mut location = Location::new(0);
        location.failed(AbortReason::Stack, 7, 0, 4, 0);
        assert_eq!(location.state, State::Counting(2));
        let mut location = Location::new(u32::MAX / 2);
        location.tries = 30;
        location.failed(AbortReason::Stack, 7, u32::MAX / 2, 100, u32::MAX - 1);
        assert_eq!(location.state, State::Counting(u32::MAX));
    }

    #[test]
    fn leaving_the_loop_is_bad_luck_at_first() {
        let mut location = Location::new(10);
        for left in 1..=MAX_LEFT {
            location.failed(AbortReason::LeftLoop, 7, 10, 4, u32::MAX);
            assert_eq!((location.left, location.tries), (left, 0));
            assert!(matches!(location.state, State::Counting(pause) if (1..=2 + left * 4).contains(&pause)));
        }
        for tries in 1..=4 {
            location.failed(AbortReason::LeftLoop, 7, 10, 4, 0);
            assert_eq!(location.tries, tries);
        }
        assert_eq!(location.state, State::Never(Never::Abort(AbortReason::LeftLoop)));
    }

    #[test]
    fn what_waits_with_a_trace_keeps_it() {
        let mut location = Location::new(10);
        location.wait();
        assert_eq!(location.state, State::Waiting(None));
        location.state = State::Compiled(7);
        location.wait();
        location.wait();
        assert_eq!(location.state, State::Waiting(Some(7)));
    }

    #[test]
    fn what_is_invalidated_often_is_given_up() {
        let mut location = Location::new(10);
        let mut pauses = Vec::new();
        for _ in 1..MAX_INVALIDATED {
            location.state = State::Compiled(3);
            location.invalidated(10);
            if let State::Counting(pause) = location.state {
                pauses.push(pause);
            }
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1280]);
        location.invalidated(10);
        assert_eq!(location.state, State::Never(Never::Unstable));
        assert_eq!(Never::Unstable.to_string(), "what it relies on changes too often");
    }
}
