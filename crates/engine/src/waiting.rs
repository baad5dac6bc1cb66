//! Waiting: what is hot while there is no [budget](crate::budget) for it.
//!
//! A location that is counted again and again until there is budget would cost its event each time, which is as much as some
//! instructions of CPython: a program with many loops would pay for all of them. So the events of what waits are
//! off, but for one, which asks at some of its events whether there is budget. So do other events, and entries. When there is, what
//! sleeps is woken, first come, first served.
//!
//! The one that is awake is the one that got hot last, which is where the program is now; but where its events come thick and fast,
//! it falls asleep after a few of them, and another one takes over that may be slower: an outer loop, perhaps. Where all are
//! that fast, one that is to be observed stays awake; where there are only some that have traces, all sleep, and loops of the frames around are *alarms*: places that are known to be seldom, or that are never compiled, are
//! events again, and ask.
//!
//! Where the budget was spent on what gained nothing, a loop that gains much would wait for long. So the one that is awake is observed all the
//! same when its events have come in a row for some milliseconds: seldom, and more seldom each time. It does not fall asleep while that
//! may happen.
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
use decal_cpython::clock::Stopwatch;
use decal_cpython::code::has_loops;
use decal_cpython::frame::Frame;
use decal_cpython::thread::Thread;
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Events of that one, or of anything that is counted, from one look at the budget to the next, at most.
const PERIOD: u32 = 64;
/// The time between two events of one that may stay awake: an event costs a six-hundredth of that.
const SLOW: Duration = Duration::from_micros(50);
/// Code objects whose loops are alarms at the same time.
const MOST_ALARMS: usize = 16;
/// Frames that are asked for alarms.
const MOST_FRAMES: u32 = 100;
/// Events of an alarm after which it is known whether it is slow.
const KNOWN: u32 = 16;
/// Stands for all loops of a code object, which are no alarms because they are fast.
const LOOPS: u32 = FUNCTION_START - 1;
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
    /// Those whose events were seen to come too fast for staying awake.
    fast: FxHashSet<Place>,
    /// Code objects with loops that may be alarms, when they were made so, and their events since.
    alarms: SmallVec<[(usize, Instant, u32); MOST_ALARMS]>,
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

/// When the clock is looked at: at some of the events.
#[derive(Debug, Default)]
struct Looks {
    /// Events until the next look.
    left: u32,
    /// The last look, and the events from it to the next.
    last: Option<(Instant, u32)>,
}

impl Looks {
    /// The first look will be after so many events.
    fn start(now: Instant) -> Looks {
        Looks { left: PERIOD, last: Some((now, PERIOD)) }
    }

    /// An event. At a look: the time, and the mean time between events since the last one. Where events are rare each of
    /// them looks.
    fn event(&mut self) -> Option<(Instant, Duration)> {
        self.left = self.left.saturating_sub(1);
        if self.left > 0 {
            return None;
        }
        let now = Instant::now();
        let (before, events) = self.last.unwrap_or((now, PERIOD));
        let pace = now.duration_since(before) / events.max(1);
        self.left = if pace < SLOW { PERIOD } else { (events / 4).max(1) };
        self.last = Some((now, self.left));
        Some((now, pace))
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
        self.fast.retain(|place| place.0 != code);
        self.alarms.retain(|alarm| alarm.0 != code);
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
        self.waiting.fast.remove(&place);
        self.stays_awake(place, Instant::now());
    }

    /// The next event of the one before sends that to sleep.
    fn stays_awake(&mut self, place: Place, now: Instant) {
        self.waiting.awake = Some(place);
        self.waiting.asked = Looks::start(now);
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
        let look = self.waiting.asked.event();
        self.waiting.events += 1;
        let Some((now, pace)) = look.filter(|_| self.observation.is_none()) else { return true };
        if self.has_budget() || self.is_granted(place) {
            self.waiting.awake = None;
            self.resume(place, 1);
        } else if pace < SLOW && !(self.is_fresh(place) && self.micros() >= self.waiting.closed) {
            self.waiting.awake = None;
            self.waiting.fast.insert(place);
            // What died meanwhile is forgotten.
            self.catch_up();
            let watch = Stopwatch::start();
            let Waiting { asleep, fast, .. } = &mut self.waiting;
            let next = asleep.iter().position(|place| !fast.contains(place)).and_then(|index| asleep.remove(index));
            match next {
                Some(next) => {
                    self.stays_awake(next, now);
                    self.rearm(next);
                }
                None => self.set_alarms(place, now),
            }
            self.counters.nanoseconds[0] += watch.nanoseconds();
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

    /// All that waits is fast: the frames around say when there is budget. But what is to be observed stays
    /// awake.
    fn set_alarms(&mut self, place: Place, now: Instant) {
        if self.is_fresh(place) {
            self.waiting.fast.remove(&place);
            self.stays_awake(place, now);
            return;
        }
        if self.waiting.alarms.is_empty() {
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
                let Waiting { alarms, fast, .. } = &self.waiting;
                let known =
                    alarms.iter().any(|alarm| alarm.0 == code as usize) || fast.contains(&(code as usize, LOOPS));
                let state = self.codes.get(&(code as usize));
                // What users asked for has events of its own, and needs no budget.
                let asked = state.is_some_and(|state| state.asked || state.starts);
                let others = code as usize != place.0 || state.is_some_and(|state| state.decoded.heads.len() > 1);
                // SAFETY: the code of a live frame.
                if !known && !asked && others && unsafe { has_loops(code) } {
                    self.waiting.alarms.push((code as usize, now, 0));
                    self.rearm((code as usize, 0));
                }
            }
        }
    }

    /// An event of a location that wants none. Whether it is to stay on, as an alarm.
    pub(crate) fn is_alarm(&mut self, place: Place) -> bool {
        let Some(index) = self.waiting.alarms.iter().position(|alarm| alarm.0 == place.0) else { return false };
        let (_, since, events) = &mut self.waiting.alarms[index];
        *events += 1;
        if since.elapsed() / *events < SLOW {
            let known = *events >= KNOWN;
            if known {
                self.waiting.alarms.swap_remove(index);
                self.waiting.fast.insert((place.0, LOOPS));
                if self.waiting.alarms.is_empty() {
                    self.wake_fresh();
                }
            }
            return !known;
        }
        self.wake();
        if self.micros() >= self.waiting.closed {
            // One may be granted what there is no budget for.
            self.wake_fresh();
        }
        !self.waiting.alarms.is_empty()
    }

    /// The first that is to be observed stays awake again.
    fn wake_fresh(&mut self) {
        let fresh = self.waiting.asleep.iter().position(|place| self.is_fresh(*place));
        if self.observation.is_none()
            && let Some(next) = fresh.and_then(|index| self.waiting.asleep.remove(index))
        {
            self.waiting.alarms.clear();
            self.stays_awake(next, Instant::now());
            self.rearm(next);
        }
    }

    /// Wakes what sleeps or rests, where there is budget. To be called at events that are counted, and where traces are entered.
    pub(crate) fn tick(&mut self) {
        if self.waiting.asleep.is_empty() && self.resting.is_empty() {
            return;
        }
        if self.waiting.ticks.event().is_some() {
            self.wake();
        }
    }

    fn wake(&mut self) {
        if self.observation.is_some() || !self.has_budget() {
            return;
        }
        let watch = Stopwatch::start();
        self.catch_up();
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
            self.rearm(place);
        }
        if self.waiting.asleep.is_empty() {
            self.waiting.alarms.clear();
        }
        self.counters.nanoseconds[0] += watch.nanoseconds();
    }

    /// Switches a location's event on again. To be called in callbacks, while nothing is observed.
    fn rearm(&mut self, place: Place) {
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
