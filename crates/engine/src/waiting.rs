//! Waiting: what is hot while there is no [budget](crate::budget) for it.
//!
//! A location that is counted again and again until there is budget would cost its event each time, which is as much as some
//! instructions of CPython: a program with many loops would pay for all of them. So the events of what waits are
//! off, but for the one that got hot last: it is where the program is now, and asks at some of its events
//! whether there is budget. So do other events, and entries. When there is, what sleeps is woken, first come, first served.
//!
//! Where the budget was spent on what gained nothing, a loop that gains much would wait for long. So the one that is awake is observed all the
//! same when its events have come in a row for some milliseconds: seldom, and more seldom each time.
//!
//! What waits is either to be observed, or has a trace that does not pay yet because the traces that continue it wait: it is not
//! entered for the time being.
//!
//! Switching one location's event on again is something that CPython does not offer: see
//! [`Monitoring::rearm`](decal_cpython::monitoring::Monitoring::rearm). Cost: two microseconds for each that is woken,
//! which counts as spent.

use crate::location::State;
use crate::pace::PROBE_COST;
use crate::starts::Start;
use crate::state::{Engine, FUNCTION_START};
use decal_cpython::PyObject;
use decal_cpython::thread::Thread;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::Instant;

/// Events of that one, or of anything that is counted, from one look at the budget to the next.
const PERIOD: u32 = 64;
/// Locations that are woken at once.
const WOKEN: usize = 8;
/// Events of the one that is awake, and microseconds, after which it is compiled although there is no budget.
const GRANTED_EVENTS: u32 = 512;
const GRANTED_TIME: u64 = 2_000;
/// Microseconds from the first time that this happens to the second; then twice as many each time.
const GRANTED_PAUSE: u64 = 10_000;
/// Events of a location that was woken until it is hot again: some are cold by now.
const AGAIN: u32 = 16;

/// A location's code object and offset.
type Place = (usize, u32);

/// See the module's text.
#[derive(Debug, Default)]
pub struct Waiting {
    awake: Option<Place>,
    asleep: VecDeque<Place>,
    ticks: u32,
    /// Events of the one that is awake since it is, and when that was: microseconds since decal was enabled.
    events: u32,
    since: u64,
    /// Not before this time is something granted again, and how long it will be until the next time.
    closed: u64,
    pause: u64,
    granted: Option<Place>,
}

impl Waiting {
    /// Whether this location may be observed although there is no budget.
    pub fn take_grant(&mut self, place: Place) -> bool {
        self.granted.take() == Some(place)
    }

    /// A code object dies.
    pub fn forget(&mut self, code: usize) {
        self.awake = self.awake.filter(|place| place.0 != code);
        self.asleep.retain(|place| place.0 != code);
    }
}

impl Engine {
    /// A location that is hot has to wait.
    pub(crate) fn wait(&mut self, place: Place) {
        let Some(location) = self.locations.get_mut(&place) else { return };
        location.state = State::Waiting(match location.state {
            State::Compiled(id) => Some(id),
            _ => None,
        });
        if place.1 == FUNCTION_START {
            self.starts.insert(place.0, Start::Counting(1));
        }
        // The next event of the one before sends that to sleep.
        self.waiting.awake = Some(place);
        (self.waiting.events, self.waiting.since) = (0, self.micros());
    }

    /// An event of a location that waits. Whether it may stay on; the location may have stopped waiting.
    pub(crate) fn still_waits(&mut self, place: Place) -> bool {
        if self.waiting.awake != Some(place) {
            if !self.waiting.asleep.contains(&place) {
                self.waiting.asleep.push_back(place);
            }
            return false;
        }
        self.waiting.events += 1;
        if self.look() || self.is_granted(place) {
            self.waiting.awake = None;
            self.resume(place, 1);
        }
        true
    }

    /// Whether the one that is awake is where the time goes, and is compiled without budget: the first that pays fills the
    /// account for all others. Asked from time to time.
    fn is_granted(&mut self, place: Place) -> bool {
        let fresh = self.locations.get(&place).is_some_and(|location| location.state == State::Waiting(None));
        if !fresh || !self.waiting.events.is_multiple_of(PERIOD) || self.waiting.events < GRANTED_EVENTS {
            return false;
        }
        let now = self.micros();
        if now - self.waiting.since < GRANTED_TIME || now < self.waiting.closed || self.observation.is_some() {
            return false;
        }
        self.waiting.pause = (self.waiting.pause * 2).max(GRANTED_PAUSE);
        self.waiting.closed = now + self.waiting.pause;
        self.waiting.granted = Some(place);
        true
    }

    /// Wakes what sleeps or rests, where there is budget. To be called at events that are counted, and where traces are entered.
    pub(crate) fn tick(&mut self) {
        if (self.waiting.asleep.is_empty() && self.resting.is_empty()) || !self.look() {
            return;
        }
        self.catch_up();
        let begun = Instant::now();
        let count = self.waiting.asleep.len().min(WOKEN);
        let mut woken: SmallVec<[Place; WOKEN]> = self.waiting.asleep.drain(..count).collect();
        for place in &woken {
            self.resume(*place, AGAIN);
        }
        let now = self.micros();
        while woken.len() < WOKEN
            && let Some(place) = self.resting.due(now)
        {
            woken.push(place);
            self.counters.nanoseconds[0] += PROBE_COST;
        }
        for place in woken {
            // SAFETY: a code object that dies is forgotten before (see `Engine::change`); we are in a callback, with the GIL held, and
            // nothing is observed.
            if unsafe { self.monitoring.rearm(place.0 as *mut PyObject) }.is_err() {
                // No memory. The location stays off.
                // SAFETY: as above.
                unsafe { Thread::current() }.clear_exception();
            }
        }
        self.counters.nanoseconds[0] += begun.elapsed().as_nanos() as u64;
    }

    /// Whether there is budget, asked from time to time.
    fn look(&mut self) -> bool {
        self.waiting.ticks = self.waiting.ticks.wrapping_add(1);
        self.waiting.ticks.is_multiple_of(PERIOD) && self.observation.is_none() && self.has_budget()
    }

    /// A location waits no longer. So many events and it is hot.
    fn resume(&mut self, place: Place, events: u32) {
        let Some(location) = self.locations.get_mut(&place) else { return };
        let State::Waiting(executor) = location.state else { return };
        location.state = executor.map_or(State::Counting(events), State::Compiled);
        if place.1 == FUNCTION_START {
            self.starts.insert(place.0, Start::Counting(1));
        }
    }
}
