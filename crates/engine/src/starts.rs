//! Functions' starts: which are counted, for how long, and when one is observed.
//!
//! A start event comes with every call of every function until it is switched off for that function, and costs some
//! twenty nanoseconds, which is much beside a short function and little beside a long one. So a function that is too
//! short to gain from a trace of its own is switched off at its first call, and the others are counted a bounded number
//! of times. While a function is counted its calls are looked up here, by one small entry; everything else is
//! in its [`Location`], which exists once it is hot.
//!
//! A trace from a function's start pays where it replaces more than entering and leaving it costs. That is known only
//! once it is entered: see [`worth`](crate::worth).

use crate::executor::Executor;
use crate::location::{Location, State};
use crate::pace::Probe;
use crate::state::{Engine, FUNCTION_START};
use decal_cpython::PyObject;
use decal_cpython::code::{has_loops, may_start};
use decal_cpython::frame::Frame;
use decal_cpython::monitoring::make_room;
use decal_cpython::thread::Thread;
use std::rc::Rc;

/// How often a loop that is hot has the start of a function observed instead.
const PATIENCE: u8 = 3;

/// How much shorter a function may be that is called by a function in C, such as a key of `sorted` or what `map` calls: a call of its trace
/// costs less than one of the interpreter.
const LESS_BY_C: u32 = 5;

/// 1 where the function that starts is called by a function in C.
fn is_called_by_c() -> u32 {
    // SAFETY: the GIL is held whenever the engine works; frames that run are alive.
    let below = unsafe { Frame::current(Thread::current()) }.previous();
    below.is_some_and(|below| !below.has_code()).into()
}

/// What is known of a function's start.
#[derive(Debug)]
pub enum Start {
    /// So many calls are left until the clock is asked whether they come often: see [`crate::pace`].
    Probing(u32, Probe),
    /// So many calls are left until it is hot.
    Counting(u32),
    /// It has a trace; out of use where the executor is not valid.
    Compiled(Rc<Executor>),
    /// Never: its event is off, or will be after the next call.
    Never,
}

impl Start {
    fn counting(calls: u32, probe: Option<Probe>) -> Start {
        match probe {
            Some(probe) => Start::Probing(calls, probe),
            None => Start::Counting(calls),
        }
    }
}

/// What to do about a call.
pub enum Call {
    /// Nothing.
    Nothing,
    /// Switch the event off.
    Disable,
    /// Enter this trace.
    Enter(Rc<Executor>),
    /// The function is hot.
    Observe,
    /// It may be, but a pass is under way.
    Foreign,
}

impl Engine {
    /// Whether a function's start was no more than a count. The code is not looked at.
    pub fn counts_call(&mut self, code: *mut PyObject) -> bool {
        if let Some(Start::Counting(left) | Start::Probing(left, _)) = self.starts.get_mut(&(code as usize))
            && *left > 1
        {
            *left -= 1;
            self.tick();
            return true;
        }
        false
    }

    /// A function starts.
    ///
    /// # Safety
    /// A live code object, in its PY_START callback.
    pub unsafe fn call(&mut self, code: *mut PyObject) -> Call {
        match self.starts.get(&(code as usize)) {
            Some(Start::Compiled(executor)) if executor.valid.get() => {
                let executor = Rc::clone(executor);
                // SAFETY: the caller's.
                if unsafe { self.is_followed() } { Call::Nothing } else { Call::Enter(executor) }
            }
            Some(_) => self.known(code),
            // SAFETY: the caller's.
            None => unsafe { self.first_call(code) },
        }
    }

    /// The first call that is seen.
    unsafe fn first_call(&mut self, code: *mut PyObject) -> Call {
        // SAFETY: the caller's.
        unsafe { make_room(code) };
        let asked = self.codes.get(&(code as usize)).is_some_and(|state| state.starts);
        // SAFETY: the caller's.
        if !asked && !unsafe { may_start(code, self.options.least_units.saturating_sub(is_called_by_c() * LESS_BY_C)) }
        {
            return Call::Disable;
        }
        let (calls, probe) = if asked { (1, None) } else { self.probe(self.options.call_threshold) };
        self.starts.insert(code as usize, Start::counting(calls, probe));
        if calls == 1 { self.known(code) } else { Call::Nothing }
    }

    /// Whether the pass that is being observed goes on with this call: a trace would hide its instructions.
    unsafe fn is_followed(&self) -> bool {
        // SAFETY: the caller's: in a callback.
        let frame = || unsafe { Frame::current(Thread::current()) };
        self.observation.as_ref().is_some_and(|observation| observation.enters(frame()))
    }

    /// Whether a loop that is hot is put off for the start of its function, which has it observed then. A function that calls itself
    /// and has loops is one trace that loops, entered by calls: to enter the loop of each call by itself would cost more.
    pub fn starts_first(&mut self, place: (usize, u32)) -> bool {
        let counts = matches!(self.starts.get(&place.0), Some(Start::Counting(_) | Start::Probing(..)));
        if !counts || !self.is_looping_recursion(place.0 as *mut PyObject) {
            return false;
        }
        let again = self.options.loop_threshold;
        let Some(location) = self.locations.get_mut(&place).filter(|location| location.put_off < PATIENCE) else {
            return false;
        };
        location.put_off += 1;
        location.state = State::Counting(again);
        self.starts.insert(place.0, Start::Counting(1));
        true
    }

    /// A generator's loop is hot, and yields: the function in which something goes through the generator is to be observed from its
    /// start, since there it becomes a loop of that function's trace. It may be called too seldom to get hot by itself, with one long
    /// loop in each call, and its event may be off.
    ///
    /// # Safety
    /// In a callback, of this frame, which is the generator's.
    pub unsafe fn wants_user(&mut self, generator: Frame) {
        let mut next = Some(generator);
        while let Some(frame) = next {
            next = frame.previous();
            let Some(decoded) = frame.has_code().then(|| self.code(frame.code())).flatten() else { continue };
            if decoded.traceable.is_err() && decoded.resumable.is_ok() {
                continue;
            }
            let place = (frame.code() as usize, FUNCTION_START);
            let location = self.locate(place, || Location::new(1));
            let waits = matches!(location.state, State::Counting(_) | State::Seldom(_));
            if decoded.traceable.is_err() || !waits || location.put_off >= PATIENCE {
                return;
            }
            location.put_off += 1;
            if let State::Seldom(until) = location.state {
                self.resting.forget_one(until, place);
            }
            let location = self.locate(place, || Location::new(1));
            (location.state, location.probe) = (State::Counting(1), None);
            self.starts.insert(place.0, Start::Counting(1));
            self.rearm(place);
            return;
        }
    }

    /// A probe is over.
    fn probed(&mut self, place: (usize, u32), probe: Probe) -> Call {
        self.locate(place, || Location::new(1));
        match self.judge(probe) {
            Some(more) => {
                self.starts.insert(place.0, Start::Counting(more));
                Call::Nothing
            }
            None => {
                self.rest(place);
                Call::Disable
            }
        }
    }

    /// A call that is more than a count.
    fn known(&mut self, code: *mut PyObject) -> Call {
        // There is one pass at a time.
        if self.observation.is_some() {
            return Call::Foreign;
        }
        let place = (code as usize, FUNCTION_START);
        // SAFETY: the code of a function that is called.
        let loops = !self.locations.contains_key(&place) && unsafe { has_loops(code) };
        let asked = self.codes.get(&(code as usize)).is_some_and(|state| state.starts);
        if loops && !asked && !self.is_looping_recursion(code) {
            // They are compiled by themselves.
            self.starts.insert(code as usize, Start::Never);
            return Call::Disable;
        }
        if let Some(Start::Probing(_, probe)) = self.starts.get(&place.0) {
            let probe = *probe;
            return self.probed(place, probe);
        }
        let location = self.locate(place, || Location::new(1));
        let (next, call) = match &location.state {
            State::Counting(left) if *left > 1 => {
                let (left, probe) = (*left, location.probe.take());
                location.state = State::Counting(1);
                (Start::counting(left, probe), Call::Nothing)
            }
            State::Counting(_) | State::Observing => (Start::Counting(1), Call::Observe),
            State::Compiled(id) => {
                let id = *id;
                match self.executors.get(id).cloned().flatten() {
                    Some(executor) => (Start::Compiled(Rc::clone(&executor)), Call::Enter(executor)),
                    None => (Start::Counting(1), Call::Nothing),
                }
            }
            State::Seldom(until) => {
                let until = *until;
                return if self.looks_again(place, until) { self.known(code) } else { Call::Disable };
            }
            State::Waiting(_) => return if self.still_waits(place) { Call::Nothing } else { Call::Disable },
            State::Never(_) => (Start::Never, Call::Disable),
        };
        self.starts.insert(code as usize, next);
        call
    }
}
