//! Waiting: what is hot while there is no [budget](crate::budget) for it.
//!
//! A location that is counted again and again until there is budget would cost its event each time, which is as much as some
//! instructions of CPython: a program with many loops would pay for all of them. So the events of what waits are
//! off, but for one, which asks at some of its events whether there is budget. So do other events, and entries. When there is, what
//! sleeps is woken, first come, first served.
//!
//! The one that is awake is the one that got hot last, which is where the program is now; but where its events come thick
//! and fast, it falls asleep after a few of them, and another one takes over that may be slower: an outer loop, perhaps.
//! Where all are that fast, the slowest one stays awake, if its events cost little. Where that is
//! not so either, all sleep, and loops of the frames around are *alarms*: places that are known to be seldom, or that are never
//! compiled, are events again, and ask, the slower ones for the faster. Something must always ask: in a program whose budget is back after
//! a moment, and where nobody looks, everything stays as slow as it is. Only where there is no alarm either, or all come too
//! fast, does one that is to be observed stay awake whatever it costs, until an alarm rings that does not.
//!
//! Who asks looks at the budget when the time has moved on, not after a number of events: that number would be wrong where
//! an inner loop ends and the events of an outer one are a thousand times slower. A clock that moves every few milliseconds
//! costs seven nanoseconds to read.
//!
//! Where the budget was spent on what gained nothing, a loop that gains much would wait for long. So the one that is awake is
//! observed all the same when its events have come in a row for some milliseconds: seldom, and more seldom each time. It
//! does not fall asleep while that may happen.
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
use decal_cpython::clock::{self, Stopwatch};
use decal_cpython::code::has_loops;
use decal_cpython::frame::Frame;
use decal_cpython::thread::Thread;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Events of the one that is awake until its pace is known.
const PERIOD: u32 = 64;
/// The time between two events of one that may stay awake: an event costs a six-hundredth of that.
const SLOW: Duration = Duration::from_micros(50);
/// The same where there is nothing slower: an eightieth.
const BORNE: Duration = Duration::from_micros(6);
/// Code objects whose loops are alarms at the same time.
const MOST_ALARMS: usize = 16;
/// Frames that are asked for alarms.
const MOST_FRAMES: u32 = 100;
/// Events of an alarm after which it is known whether it is slow.
const KNOWN: u32 = 16;
/// How many times the time between its events, and how much longer, an alarm is silent that is over.
const SILENT: u32 = 8;
const SILENCE: Duration = Duration::from_millis(5);
/// Microseconds after which alarms of which none rings are chosen anew.
const LISTENING: u64 = 100_000;
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
    /// Those whose events were seen to come too fast for staying awake, and the time between two of them.
    fast: FxHashMap<Place, Duration>,
    /// Whether the one that is awake is the slowest of them.
    slowest: bool,
    /// Code objects whose loops may be alarms.
    alarms: SmallVec<[usize; MOST_ALARMS]>,
    /// Those of their loops that have had an event.
    rung: FxHashMap<Place, Rung>,
    /// When they were chosen: microseconds since decal was enabled.
    listened: u64,
    /// Of the one that is awake.
    asked: Looks,
    /// Of all others.
    ticks: Looks,
    /// Events of the one that is awake since it is, and when that was: microseconds since decal was enabled.
    events: u32,
    since: u64,
    /// Not before this time is something granted again, and how long it will be until the next time.
    closed: u64,
    pause: u64,
    granted: Option<Place>,
}

/// An alarm that has rung: when it did so first and last, and how often.
#[derive(Clone, Copy, Debug)]
struct Rung {
    first: Instant,
    last: Instant,
    events: u32,
}

impl Rung {
    /// It rings once more; the time between two events.
    fn ring(&mut self, now: Instant) -> Duration {
        self.last = now;
        self.events += 1;
        self.pace()
    }

    fn pace(&self) -> Duration {
        self.last.duration_since(self.first) / self.events.max(1)
    }

    /// Whether it has been silent for long.
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.last) > self.pace() * SILENT + SILENCE
    }
}

/// When somebody looks at the budget.
#[derive(Debug, Default)]
struct Looks {
    /// The time of the last look on a coarse clock.
    coarse: Duration,
    /// The last look, and the events since.
    last: Option<Instant>,
    events: u32,
}

impl Looks {
    fn start() -> Looks {
        Looks { coarse: clock::coarse(), last: Some(Instant::now()), events: 0 }
    }

    /// An event. Whether it is time for a look: the coarse clock has moved, or there were so many events.
    fn event(&mut self, most: u32) -> bool {
        self.events += 1;
        self.events >= most || clock::coarse() != self.coarse
    }

    /// The mean time between events since the last look; a look.
    fn pace(&mut self) -> Duration {
        let look = Looks::start();
        let since = look.last.zip(self.last).map_or(Duration::ZERO, |(now, last)| now.duration_since(last));
        let pace = since / self.events.max(1);
        *self = look;
        pace
    }
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
        self.fast.retain(|place, _| place.0 != code);
        self.alarms.retain(|alarm| *alarm != code);
        self.rung.retain(|place, _| place.0 != code);
    }
}

impl Engine {
    /// A location that is hot has to wait.
    pub(crate) fn wait(&mut self, place: Place) {
        let Some(location) = self.locations.get_mut(&place) else { return };
        location.wait();
        if place.1 == FUNCTION_START {
            self.starts.insert(place.0, Start::Counting(1));
        }
        self.waiting.fast.remove(&place);
        self.stays_awake(place);
    }

    /// The next event of the one before sends that to sleep.
    fn stays_awake(&mut self, place: Place) {
        self.waiting.awake = Some(place);
        self.waiting.slowest = false;
        self.waiting.asked = Looks::start();
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
        let most = if self.waiting.slowest { u32::MAX } else { PERIOD };
        if !self.waiting.asked.event(most) || self.observation.is_some() {
            return true;
        }
        let pace = self.waiting.asked.pace();
        if self.has_budget() || self.is_granted(place) {
            self.waiting.awake = None;
            self.resume(place, 1);
        } else if pace < if self.waiting.slowest { BORNE } else { SLOW }
            && !(self.is_fresh(place) && self.micros() >= self.waiting.closed)
        {
            self.waiting.awake = None;
            self.waiting.fast.insert(place, pace);
            // What died meanwhile is forgotten.
            self.catch_up();
            let watch = Stopwatch::start();
            let next = self.waiting.asleep.iter().position(|place| !self.waiting.fast.contains_key(place));
            match next.and_then(|index| self.waiting.asleep.remove(index)) {
                Some(next) => {
                    self.stays_awake(next);
                    self.rearm(next);
                }
                None => self.all_fast(place),
            }
            self.counters.nanoseconds[0] += watch.nanoseconds();
        } else if !self.is_fresh(place) && self.micros() >= self.waiting.closed {
            self.wake_fresh();
        }
        true
    }

    /// Whether what waits is to be observed.
    fn is_fresh(&self, place: Place) -> bool {
        self.locations.get(&place).is_some_and(|location| location.state == State::Waiting(None))
    }

    /// Whether the one that is awake is where the time goes, and is compiled without budget: the first that pays fills the
    /// account for all others. Asked from time to time.
    fn is_granted(&mut self, place: Place) -> bool {
        if !self.is_fresh(place) || self.waiting.events < GRANTED_EVENTS {
            return false;
        }
        let now = self.micros();
        if now - self.waiting.since < GRANTED_TIME || now < self.waiting.closed {
            return false;
        }
        self.waiting.pause = (self.waiting.pause * 2).max(GRANTED_PAUSE);
        self.waiting.closed = now + self.waiting.pause;
        self.waiting.granted = Some(place);
        true
    }

    /// All that waits is fast, this one as well, whose event this is.
    fn all_fast(&mut self, place: Place) {
        let Waiting { asleep, fast, .. } = &self.waiting;
        let paces = asleep.iter().chain([&place]).filter_map(|place| Some((*fast.get(place)?, *place)));
        match paces.max() {
            Some((pace, slowest)) if pace >= BORNE => {
                self.waiting.asleep.retain(|sleeper| *sleeper != slowest);
                self.stays_awake(slowest);
                self.waiting.slowest = true;
                if slowest != place {
                    self.rearm(slowest);
                }
            }
            _ => {
                self.set_alarms(place);
                let Waiting { alarms, rung, .. } = &self.waiting;
                let may_ring = alarms.iter().any(|code| rung.keys().all(|place| place.0 != *code));
                if self.is_fresh(place) && self.heard().next().is_none() && !may_ring {
                    self.waiting.fast.remove(&place);
                    self.stays_awake(place);
                }
            }
        }
    }

    /// Alarms that ring now and then, and not too often.
    fn heard(&self) -> impl Iterator<Item = (&Place, &Rung)> {
        let now = Instant::now();
        let Waiting { rung, fast, .. } = &self.waiting;
        rung.iter().filter(move |(place, rung)| !fast.contains_key(place) && !rung.is_over(now))
    }

    /// The frames around are to say when there is budget.
    fn set_alarms(&mut self, place: Place) {
        let now = self.micros();
        if self.heard().next().is_some() || !self.waiting.alarms.is_empty() && now < self.waiting.listened + LISTENING {
            return;
        }
        self.waiting.listened = now;
        self.waiting.alarms.clear();
        for (place, _) in self.waiting.rung.drain() {
            // The program may be elsewhere by now, and what was fast slow.
            self.waiting.fast.remove(&place);
        }
        // SAFETY: in a callback, with the GIL held.
        let mut next = Some(unsafe { Frame::current(Thread::current()) });
        let mut frames = 0;
        while let Some(frame) = next
            && frames < MOST_FRAMES
            && self.waiting.alarms.len() < MOST_ALARMS
        {
            next = frame.previous();
            frames += 1;
            let code = if frame.has_code() { frame.code() } else { continue };
            let known = self.waiting.alarms.contains(&(code as usize));
            let state = self.codes.get(&(code as usize));
            // What users asked for has events of its own, and needs no budget.
            let asked = state.is_some_and(|state| state.asked || state.starts);
            let others = code as usize != place.0 || state.is_some_and(|state| state.decoded.heads.len() > 1);
            // SAFETY: the code of a live frame.
            if !known && !asked && others && unsafe { has_loops(code) } {
                self.waiting.alarms.push(code as usize);
                self.rearm((code as usize, 0));
            }
        }
    }

    /// An event of a location that wants none. Whether it is to stay on, as an alarm.
    pub(crate) fn is_alarm(&mut self, place: Place) -> bool {
        if !self.waiting.alarms.contains(&place.0) || self.waiting.fast.contains_key(&place) {
            return false;
        }
        let now = Instant::now();
        let rung = self.waiting.rung.entry(place).or_insert(Rung { first: now, last: now, events: 0 });
        let (pace, events) = (rung.ring(now), rung.events);
        if pace < SLOW {
            if events < KNOWN {
                return true;
            }
            let slower = |(its, rung): (&Place, &Rung)| *its != place && rung.pace() >= pace * 2;
            if pace < BORNE || self.heard().any(slower) {
                self.waiting.fast.insert(place, pace);
                if self.waiting.awake.is_none() && self.heard().next().is_none() {
                    self.wake_fresh();
                }
                return false;
            }
        }
        self.wake();
        if self.micros() >= self.waiting.closed {
            // One may be granted what there is no budget for.
            self.wake_fresh();
        } else {
            // What stays awake whatever it costs need not any more.
            self.waiting.awake = self.waiting.awake.filter(|_| self.waiting.slowest);
        }
        !self.waiting.alarms.is_empty()
    }

    /// The first that is to be observed stays awake again.
    fn wake_fresh(&mut self) {
        let fresh = self.waiting.asleep.iter().position(|place| self.is_fresh(*place));
        if self.observation.is_none()
            && let Some(next) = fresh.and_then(|index| self.waiting.asleep.remove(index))
        {
            self.stays_awake(next);
            self.rearm(next);
        }
    }

    /// Wakes what sleeps or rests, where there is budget. To be called at events that are counted, and where traces are entered.
    pub(crate) fn tick(&mut self) {
        if self.waiting.asleep.is_empty() && self.resting.is_empty() {
            return;
        }
        if self.waiting.ticks.event(u32::MAX) {
            self.waiting.ticks = Looks::start();
            self.wake();
        }
    }

    fn wake(&mut self) {
        if self.observation.is_some() || !self.has_budget() {
            return;
        }
        let now = self.micros();
        if self.waiting.asleep.is_empty() && !self.resting.is_due(now) {
            self.waiting.alarms.clear();
            return;
        }
        let watch = Stopwatch::start();
        self.catch_up();
        let count = self.waiting.asleep.len().min(WOKEN);
        let mut woken: SmallVec<[Place; WOKEN]> = self.waiting.asleep.drain(..count).collect();
        for place in &woken {
            self.resume(*place, AGAIN);
        }
        while woken.len() < WOKEN
            && let Some(place) = self.resting.due(now)
        {
            woken.push(place);
            self.counters.nanoseconds[0] += PROBE_COST;
        }
        for place in woken {
            self.rearm(place);
        }
        if self.waiting.asleep.is_empty() {
            self.waiting.alarms.clear();
        }
        self.counters.nanoseconds[0] += watch.nanoseconds();
    }

    /// Switches a location's event on again. To be called in callbacks, while nothing is observed.
    pub(crate) fn rearm(&mut self, place: Place) {
        // SAFETY: a code object that dies is forgotten before (see `Engine::change`); we are in a callback, with the GIL held, and
        // nothing is observed.
        if unsafe { self.monitoring.rearm(place.0 as *mut PyObject) }.is_err() {
            // No memory. The location stays off.
            // SAFETY: as above.
            unsafe { Thread::current() }.clear_exception();
        }
    }

    /// A location waits no longer. So many events and it is hot.
    fn resume(&mut self, place: Place, events: u32) {
        let Some(location) = self.locations.get_mut(&place) else { return };
        let State::Waiting(executor) = location.state else { return };
        self.waiting.fast.remove(&place);
        location.state = executor.map_or(State::Counting(events), State::Compiled);
        if place.1 == FUNCTION_START {
            self.starts.insert(place.0, Start::Counting(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_is_silent_for_long_is_over() {
        let first = Instant::now();
        let rung = Rung { first, last: first + Duration::from_millis(4), events: 4 };
        assert_eq!(rung.pace(), Duration::from_millis(1));
        assert!(!rung.is_over(rung.last + Duration::from_millis(12)));
        assert!(rung.is_over(rung.last + Duration::from_millis(14)));
    }
}
