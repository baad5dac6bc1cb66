//! The engine's state: one value behind the GIL.
//!
//! It is borrowed through [`with`] for short stretches in which no Python code runs. Should one be entered
//! again all the same (an object's death during a drop), the inner one gets nothing and does nothing.

use crate::budget::Ran;
use crate::entrance::Gate;
use crate::executor::Executor;
use crate::level::Level;
use crate::location::{Location, Never, State};
use crate::native::Door;
use crate::observe::Observation;
use crate::options::Options;
use crate::pace::Resting;
use crate::starts::Start;
use crate::stats::Counters;
use crate::verify::Tried;
use crate::waiting::Waiting;
use decal_cpython::PyObject;
use decal_cpython::code::DecodedCode;
use decal_cpython::monitoring::Monitoring;
use decal_cpython::watch::Watchers;
use decal_native::{CodeMemory, MemoryError};
use decal_trace::event::Event;
use decal_trace::host::Host;
use decal_trace::record::AbortReason;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

/// What is known of a code object.
#[derive(Debug)]
pub struct CodeState {
    /// Decoded.
    pub decoded: Rc<DecodedCode>,
    /// The user forbade to compile it.
    pub forbidden: bool,
    /// The user asked to compile it.
    pub asked: bool,
    /// The user asked for an exception where it cannot be compiled.
    pub strict: bool,
    /// Its start is an event.
    pub starts: bool,
}

/// See the module's text.
pub struct Engine {
    /// Tunables.
    pub options: Options,
    /// What the recorder knows of the interpreter.
    pub host: Host,
    /// decal's place among the monitoring tools.
    pub monitoring: Monitoring,
    /// Watchers.
    pub watchers: Watchers,
    /// Code memory, or why there is none.
    pub memory: Result<CodeMemory, MemoryError>,
    /// Code objects by address.
    pub codes: FxHashMap<usize, CodeState>,
    /// Locations by code object and offset of the loop's head; functions' starts have the offset `u32::MAX`.
    pub locations: FxHashMap<(usize, u32), Location>,
    /// Code objects that have locations.
    pub located: FxHashSet<usize>,
    /// What is known of functions' starts, by code object.
    pub starts: FxHashMap<usize, Start>,
    /// When decal was enabled.
    pub born: Instant,
    /// How much it has run since: see [`crate::budget`].
    pub ran: Ran,
    /// Executors by number.
    pub executors: Vec<Option<Rc<Executor>>>,
    /// The first number that no exit has: no two exits of all executors have the same.
    pub next_exit: u32,
    /// Bytes of code and metadata: see [`crate::room`].
    pub in_use: usize,
    /// Calls seen, with `DECAL_STRESS=invalidate`.
    pub disturbed: u32,
    /// What is being observed.
    pub observation: Option<Box<Observation>>,
    /// Memory for the events of the next pass.
    pub events: Vec<Event>,
    /// Executors by the address that they rely on, and by the key if that is a dict (else 0): programs write globals often that
    /// no trace relies on, of dicts with many that some do.
    pub relying: FxHashMap<u64, FxHashMap<u64, Vec<usize>>>,
    /// How often something that traces took as fixed has changed, by address and dict key.
    pub changes: FxHashMap<(u64, u64), u32>,
    /// Levels at rest.
    #[expect(clippy::vec_box, reason = "a level is large and must not move: a trace that runs holds its address")]
    pub levels: Vec<Box<Level>>,
    /// What native calls know of functions' traces, by code object.
    pub doors: FxHashMap<usize, Rc<Door>>,
    /// Code objects whose functions are hooked: see [`crate::entrance`].
    pub gates: FxHashMap<usize, Rc<Gate>>,
    /// What is hot and waits.
    pub waiting: Waiting,
    /// What is seldom.
    pub resting: Resting,
    /// Counters.
    pub counters: Counters,
    /// A cheap source of randomness.
    pub dice: u32,
    /// Machine code that was tried, with `DECAL_VERIFY`.
    pub tried: Tried,
    /// What a strict function is to raise at the next occasion.
    pub complaint: Option<String>,
}

/// The location of a function's start.
pub const FUNCTION_START: u32 = u32::MAX;

struct Global(RefCell<Option<Engine>>);

// SAFETY: the value is only touched by threads that hold the GIL of the main interpreter, one at a time.
unsafe impl Sync for Global {}

static ENGINE: Global = Global(RefCell::new(None));

/// Borrows the engine. None while it is off, or borrowed already further up the stack.
pub fn with<T>(work: impl FnOnce(&mut Engine) -> T) -> Option<T> {
    ENGINE.0.try_borrow_mut().ok()?.as_mut().map(work)
}

/// Whether the engine is borrowed further up the stack.
pub fn is_busy() -> bool {
    ENGINE.0.try_borrow_mut().is_err()
}

/// Puts an engine into place, or takes it away. False where it is borrowed.
pub fn replace(engine: Option<Engine>) -> Result<Option<Engine>, ()> {
    ENGINE.0.try_borrow_mut().map(|mut slot| std::mem::replace(&mut *slot, engine)).map_err(|_| ())
}

impl Engine {
    /// A code object, decoded.
    pub fn code(&mut self, code: *mut PyObject) -> Option<Rc<DecodedCode>> {
        if let Some(state) = self.codes.get(&(code as usize)) {
            return Some(Rc::clone(&state.decoded));
        }
        // SAFETY: a live code object: it comes from a frame or a function; the GIL is held.
        let decoded = Rc::new(unsafe { decal_cpython::code::decode(code) }.ok()?);
        let state =
            CodeState { decoded: Rc::clone(&decoded), forbidden: false, asked: false, strict: false, starts: false };
        self.codes.insert(code as usize, state);
        Some(decoded)
    }

    /// The executor that starts at a place, if it may be entered.
    pub fn executor_at(&self, code: *mut PyObject, offset: u32) -> Option<Rc<Executor>> {
        match self.locations.get(&(code as usize, offset))?.state {
            State::Compiled(id) => self.executors.get(id)?.as_ref().filter(|executor| executor.valid.get()).cloned(),
            _ => None,
        }
    }

    /// Whether a loop is compiled or waits for that, or was and is too short to be entered by itself.
    pub fn is_hot_loop(&self, code: *mut PyObject, offset: u32) -> bool {
        let location = self.locations.get(&(code as usize, offset));
        location.is_some_and(|location| {
            // The loop of a generator may be one of a trace that resumes the generator, and only of such a one.
            let yields = matches!(location.last, Some((AbortReason::Yields, _)));
            matches!(location.state, State::Compiled(_) | State::Waiting(_)) || location.withdrawn > 0 || yields
        })
    }

    /// Whether a loop is left after a few turns as a rule: within a trace its turns follow one another, and its head is no label.
    pub fn is_short_loop(&self, code: *mut PyObject, offset: u32) -> bool {
        let Some(location) = self.locations.get(&(code as usize, offset)) else { return false };
        match location.state {
            _ if location.long => false,
            State::Compiled(id) | State::Waiting(Some(id)) => {
                self.executors.get(id).and_then(Option::as_ref).is_some_and(|executor| executor.is_short())
            }
            _ => location.short,
        }
    }

    /// Whether this trace loops by itself.
    pub fn loops(&self, id: usize) -> bool {
        self.executors.get(id).and_then(Option::as_ref).is_some_and(|executor| executor.recorded.label.is_some())
    }

    /// The next number of the cheap source of randomness.
    pub fn roll(&mut self) -> u32 {
        // Xorshift (Marsaglia 2003).
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 17;
        self.dice ^= self.dice << 5;
        self.dice
    }

    /// The location of a place: a new one where there is none.
    pub fn locate(&mut self, place: (usize, u32), new: impl FnOnce() -> Location) -> &mut Location {
        self.locations.entry(place).or_insert_with(|| {
            self.located.insert(place.0);
            new()
        })
    }

    /// How often a location is passed before it is hot.
    pub fn threshold(&self, offset: u32) -> u32 {
        if offset == FUNCTION_START { self.options.call_threshold } else { self.options.loop_threshold }
    }

    /// Gives a location up.
    pub fn never(&mut self, code: *mut PyObject, offset: u32, why: Never) {
        let threshold = self.threshold(offset);
        self.locate((code as usize, offset), || Location::new(threshold)).state = State::Never(why);
    }

    /// Gives up whatever is being observed, for good.
    pub fn give_up_observing(&mut self, why: &str) {
        for location in self.locations.values_mut().filter(|location| location.state == State::Observing) {
            location.state = State::Never(Never::Compile(why.to_string()));
        }
    }

    /// Prints a line where `DECAL_DEBUG` asks for it.
    pub fn log(&self, level: u8, text: impl FnOnce() -> String) {
        if self.options.debug >= level {
            eprintln!("decal: {}", text());
        }
    }
}
