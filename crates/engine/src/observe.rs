//! Observing: CPython runs one pass, and each instruction becomes an event.
//!
//! INSTRUCTION events are switched on for the code objects that take part, and only for the time of the pass. What is
//! observed is a stack of frames: the one in which the trace starts, and those that it calls. Each event says
//! where the frame can go next; an event that does not fit means that an exception was raised or that
//! somebody interfered, and ends the pass. Nothing is executed and nothing is changed, so that giving up is always safe.
//!
//! Cost: some 400 ns for each instruction, the interpreter's part of the event included, and 6 µs for each code object.

mod heads;
mod inlining;
mod keep;
mod position;

use crate::entrance;
use crate::executor::Executor;
use crate::state::Engine;
use decal_cpython::code::DecodedCode;
use decal_cpython::delegation;
use decal_cpython::frame::Frame;
use decal_cpython::monitoring::LocalEvents;
use decal_cpython::observe::{Assumption, observe};
use decal_cpython::specialized::Specialized;
use decal_cpython::thread::Thread;
use decal_cpython::watch::Changed;
use decal_cpython::{PyObject, allocator, objects};
use decal_trace::allocated::ExitIndex;
use decal_trace::bytecode::{GeneralOp, Op};
use decal_trace::event::{CodeId, Consumer, Detail, Ending, Event, Kind, Recording, Resumed};
use heads::Arrival;
pub use heads::is_looping_recursion;
use heads::is_nested;
use inlining::Inlining;
use position::reaches;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

/// Jumps and instructions of other frames that are seen before the pass is given up: the observed frame may be
/// waiting, or gone without a sign.
const MAX_FOREIGN: u32 = 5000;
/// The same where a function calls itself: a pass that begins deeper in the recursion ends sooner.
const MAX_RECURSIVE: u32 = 1000;
/// Events that memory is kept for.
const EVENTS: usize = 256;
/// What is observed, and for what.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// A root trace from a loop's head, or from a function's start where `function` says so.
    Root {
        /// Offset of the head; [`crate::state::FUNCTION_START`] for a function.
        offset: u32,
        /// From the function's start.
        function: bool,
    },
    /// A side trace that continues an exit.
    Side {
        /// The executor with the exit.
        parent: Rc<Executor>,
        /// The exit.
        exit: ExitIndex,
    },
}

/// A frame that is observed.
#[derive(Debug)]
struct Watched {
    frame: u64,
    code: CodeId,
    decoded: Rc<DecodedCode>,
    /// Offsets at which it may go on.
    expected: [u32; 2],
    /// The instruction that runs, or that has called the next frame.
    at: u32,
    /// Whether the frame below called it in the plain way: no generator, and nothing in C between.
    plain: bool,
    /// A builtin that it has called goes through the generator whose frame is above.
    consumes: bool,
}

/// A frame that comes next.
#[derive(Clone, Copy, Debug)]
struct Entering {
    code: CodeId,
    /// Whether a function in C runs it.
    through_c: bool,
    /// Where it goes on, where it is a generator's.
    resumed: Option<u32>,
    /// Its address, where others may come before it.
    frame: Option<u64>,
    /// Whether the topmost frame delegates to it, and is of no interest as long as it is there.
    instead: bool,
}

impl Entering {
    fn generator(resumed: &Resumed, frame: Option<u64>, instead: bool) -> Entering {
        Entering { code: resumed.code, through_c: true, resumed: Some(resumed.at), frame, instead }
    }
}

/// Nanoseconds for switching the events of a code object on and off, and for its specialized forms to be put back.
const SWITCHING: u64 = 6000;
/// Nanoseconds for an event.
const CALLBACK: u64 = 100;
/// Nanoseconds more for one that is noted.
const OBSERVED: u64 = 300;

/// A pass that is under way.
#[derive(Debug)]
pub struct Observation {
    /// See [`Purpose`].
    pub purpose: Purpose,
    /// The code object of the frame in which the trace starts.
    pub code: *mut PyObject,
    /// Globals and builtins of that frame.
    pub names: (u64, u64),
    /// The events so far.
    pub recording: Recording,
    /// Code objects by [`CodeId`].
    pub codes: Vec<*mut PyObject>,
    decoded: Vec<Rc<DecodedCode>>,
    /// What the events took as fixed. Watched already.
    pub assumptions: FxHashSet<Assumption>,
    /// References of ours, to what nobody tells the end of.
    pub keeps: Vec<*mut PyObject>,
    /// What is kept, or watched instead.
    named: FxHashSet<usize>,
    /// When it began.
    started: Instant,
    /// Events that came of it, those of other frames that run the same code included.
    callbacks: u64,
    frames: Vec<Watched>,
    /// A call, or the resumption of a generator, was seen whose frame comes next.
    entering: Option<Entering>,
    instrumented: Vec<(*mut PyObject, Specialized)>,
    foreign: u32,
    /// Whether that was the function that the pass began in, called from it.
    recursive: bool,
    /// The frame in which it began is a generator's.
    waits: bool,
    /// Whether a function in C has called the function in whose frame it began.
    pub by_c: bool,
    /// Where it began.
    pub thread: Thread,
    /// Where the pass came to the head of the loop that its trace is to close (see [`Recording::arrival`]).
    arrival: Option<Arrival>,
    /// Loops in calls that were left after a few turns, or are as a rule, by code and offset.
    pub short: FxHashSet<(usize, u32)>,
    /// How often the pass came to the heads of hot loops in calls, by frame and offset.
    turns: FxHashMap<(u64, u32), u32>,
    /// Whether a loop in a call turned too often to be followed, and is not one that the trace could close.
    pub loops_in_call: bool,
    /// How sparing it is with calls that it follows: 1 leaves out functions with loops, 2 deep ones too, 3 all.
    sparing: u8,
    /// Something that was taken as fixed has changed, or cannot be watched.
    stale: bool,
    /// The frame in which it began is in a handler, which may lie behind its loop.
    handling: bool,
    /// Whether exceptions are followed to their handlers.
    raising: bool,
}

/// What an event led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// More is to come.
    Continue,
    /// The pass is over: take it with [`finish`].
    Finished,
    /// The pass is over and worth nothing.
    Cancelled,
}

/// Whether somebody looks on who would see decal at work: a trace would not be entered then, whoever looks at allocations would
/// see those of the events, and whoever runs Python's frames the hooks that machine code is asked of.
pub fn is_watched(thread: Thread) -> bool {
    thread.is_traced() || allocator::is_watched() || !thread.runs_frames()
}

/// Begins to observe. `frames` are the frames of the trace's start, outermost first, each standing at its offset (for outer
/// ones: behind the call). Where it `raises`, an exception is set, and the first that is to be seen is its handler.
///
/// # Safety
/// The GIL is held, the frames are alive.
pub unsafe fn begin(
    engine: &mut Engine,
    purpose: Purpose,
    frames: &[(Frame, u32, bool)],
    stack: u32,
    raises: bool,
) -> bool {
    let Some((outer, ..)) = frames.first() else { return false };
    let sparing = match &purpose {
        Purpose::Root { offset, .. } => sparing_at(engine, outer.code(), *offset),
        Purpose::Side { parent, exit } => {
            let root = engine.executors.get(parent.root).and_then(Option::as_ref);
            let tries = parent.exits.get(exit.0 as usize).map_or(0, |exit| exit.tries.get());
            root.map_or(0, |root| sparing_at(engine, root.code, root.offset)).saturating_add(tries as u8)
        }
    };
    let mut observation = Observation {
        purpose,
        code: outer.code(),
        names: (outer.globals() as u64, outer.builtins() as u64),
        recording: Recording {
            codes: Vec::new(),
            events: std::mem::take(&mut engine.events),
            stack,
            nested: false,
            arrival: None,
            around: None,
            ending: Ending::Left,
            raised: BTreeMap::new(),
            begins: None,
            tuples: BTreeMap::new(),
        },
        codes: Vec::new(),
        decoded: Vec::new(),
        assumptions: FxHashSet::default(),
        keeps: Vec::new(),
        named: FxHashSet::default(),
        started: Instant::now(),
        callbacks: 0,
        frames: Vec::new(),
        entering: None,
        instrumented: Vec::new(),
        foreign: 0,
        recursive: false,
        waits: outer.is_generator(),
        by_c: outer.previous().is_some_and(|below| !below.has_code()),
        // SAFETY: the caller's.
        thread: unsafe { Thread::current() },
        arrival: None,
        short: FxHashSet::default(),
        loops_in_call: false,
        turns: FxHashMap::default(),
        sparing,
        stale: false,
        handling: false,
        raising: !engine.options.stress.without_raising,
    };
    for (frame, offset, consumes) in frames {
        let Some((code, decoded)) = observation.code_id(engine, frame.code()) else {
            observation.end(engine);
            return false;
        };
        if let Purpose::Root { offset, function: false } = observation.purpose {
            observation.recording.nested = is_nested(&decoded, offset);
        }
        let end = end_behind(&decoded, *offset).unwrap_or(*offset);
        observation.frames.push(Watched {
            frame: frame.address(),
            code,
            decoded,
            expected: if raises { [u32::MAX; 2] } else { [*offset, end] },
            at: frame.offset(),
            plain: !frame.is_generator(),
            consumes: *consumes,
        });
    }
    engine.observation = Some(Box::new(observation));
    entrance::observing(true);
    engine.counters.observed += 1;
    true
}

fn sparing_at(engine: &Engine, code: *mut PyObject, offset: u32) -> u8 {
    engine.locations.get(&(code as usize, offset)).map_or(0, |location| location.sparing)
}

impl Observation {
    /// The number of a code object; its INSTRUCTION events are on afterwards.
    fn code_id(&mut self, engine: &mut Engine, code: *mut PyObject) -> Option<(CodeId, Rc<DecodedCode>)> {
        let decoded = engine.code(code)?;
        if let Some(index) = self.codes.iter().position(|known| *known == code) {
            return Some((CodeId(index as u32), decoded));
        }
        let start = engine.codes.get(&(code as usize)).is_some_and(|state| state.starts);
        // SAFETY: a live code object; the GIL is held.
        let specialized = unsafe { Specialized::save(code) };
        // SAFETY: the code of a live frame or function; the watcher of code objects forgets it when it dies.
        let set = unsafe { engine.monitoring.set_local(code, LocalEvents { start, jump: false, instruction: true }) };
        if set.is_err() {
            clear_error();
            return None;
        }
        self.instrumented.push((code, specialized));
        self.codes.push(code);
        self.decoded.push(Rc::clone(&decoded));
        self.recording.codes.push(Rc::clone(&decoded.code));
        Some((CodeId(self.codes.len() as u32 - 1), decoded))
    }

    /// Switches the events off.
    pub fn end(&mut self, engine: &mut Engine) {
        for (code, specialized) in std::mem::take(&mut self.instrumented) {
            let start = engine.codes.get(&(code as usize)).is_some_and(|state| state.starts);
            // SAFETY: as in `code_id`; a code object that died took itself out of this list (see `change`).
            let set =
                unsafe { engine.monitoring.set_local(code, LocalEvents { start, jump: false, instruction: false }) };
            if set.is_err() {
                clear_error();
            } else if let Some(decoded) = engine.code(code) {
                // SAFETY: as above; no code ran since.
                unsafe { specialized.restore(code, &decoded) };
            }
        }
    }

    /// A change that watchers report: whether it concerns this pass.
    pub fn change(&mut self, what: Changed) -> bool {
        let concerns = match what {
            Changed::Dict { dict, key } => self.assumptions.iter().any(|assumption| {
                matches!(assumption, Assumption::Dict { dict: d, key: k } if *d == dict && (key == 0 || *k == key))
            }),
            Changed::Type(ty) => self.assumptions.contains(&Assumption::Type(ty)),
            Changed::Function(function) => self.assumptions.contains(&Assumption::Function(function)),
            Changed::Functions(code) => self.assumptions.contains(&Assumption::Functions(code)),
            Changed::CodeDies(code) => {
                let code = code as usize as *mut PyObject;
                self.instrumented.retain(|(known, _)| *known != code);
                self.codes.contains(&code)
            }
            // It is asked anew when the pass is translated.
            Changed::Handlers => false,
        };
        self.stale |= concerns;
        concerns
    }

    /// Marks it as worth nothing.
    pub fn spoil(&mut self) {
        self.stale = true;
    }
}

/// Where a loop ends whose `FOR_ITER` is before this offset: a generator may have been asked for an item.
fn end_behind(decoded: &DecodedCode, offset: u32) -> Option<u32> {
    decoded.instructions.iter().flatten().find_map(|instruction| match instruction.op {
        Op::ForIter(target) if instruction.next == offset => Some(target),
        _ => None,
    })
}

fn clear_error() {
    // SAFETY: the GIL is held whenever the engine works.
    unsafe { decal_cpython::thread::Thread::current() }.clear_exception();
}

/// An INSTRUCTION event, while a pass is under way.
///
/// # Safety
/// In that callback, `frame` is the current frame and stands at `offset`.
pub unsafe fn instruction(engine: &mut Engine, frame: Frame, offset: u32) -> Progress {
    let Some(mut observation) = engine.observation.take() else { return Progress::Continue };
    observation.callbacks += 1;
    // SAFETY: the caller's.
    let progress = unsafe { observation.instruction(engine, frame, offset) };
    engine.observation = Some(observation);
    progress
}

/// A backward jump, while a pass is under way: whether it ends there. None where the jump is of another frame.
pub fn jump(engine: &mut Engine, frame: Frame, destination: u32) -> Option<Progress> {
    let mut observation = engine.observation.take()?;
    let ours = observation.frames.last().is_some_and(|top| top.frame == frame.address());
    let progress = if observation.stale {
        Progress::Cancelled
    } else if ours {
        observation.at_head(engine, destination).unwrap_or(Progress::Continue)
    } else {
        observation.foreign(frame)
    };
    engine.observation = Some(observation);
    (ours || progress != Progress::Continue).then_some(progress)
}

/// A function starts, while a pass is under way that it is no part of.
pub fn start(engine: &mut Engine, frame: Frame) -> Progress {
    let Some(mut observation) = engine.observation.take() else { return Progress::Continue };
    let progress = if observation.enters(frame) { Progress::Continue } else { observation.foreign(frame) };
    engine.observation = Some(observation);
    progress
}

impl Observation {
    /// Another frame runs.
    fn foreign(&mut self, frame: Frame) -> Progress {
        self.foreign += 1;
        if self.is_over(frame) {
            // The recording says that it was left.
            return Progress::Finished;
        }
        self.recursive = frame.code() == self.code && matches!(self.purpose, Purpose::Root { function: true, .. });
        let most = if self.recursive { MAX_RECURSIVE } else { MAX_FOREIGN };
        if self.foreign > most { Progress::Cancelled } else { Progress::Continue }
    }

    /// Whether it waits for a call of the function that it began in.
    pub fn is_within_recursion(&self) -> bool {
        self.recursive
    }

    unsafe fn instruction(&mut self, engine: &mut Engine, frame: Frame, offset: u32) -> Progress {
        if self.stale {
            return Progress::Cancelled;
        }
        let Some(decoded) = engine.code(frame.code()) else { return Progress::Cancelled };
        let Some(found) = decoded.at(offset) else { return Progress::Continue };
        let start = found.start;
        match self.accept(frame, start) {
            Some(true) => {}
            Some(false) => {
                return self.foreign(frame);
            }
            None if self.takes_exception(frame, start) => {}
            // An exit has the call of a frame that an exception has left raise it.
            None if self.frames.iter().any(|known| known.frame == frame.address() && known.at == start) => {
                return Progress::Continue;
            }
            None => return Progress::Finished,
        }
        if let Some(Entering { code, resumed, instead, through_c, .. }) = self.entering.take() {
            if instead {
                self.frames.pop();
            }
            let (mut entry, mut units) = (resumed.unwrap_or(0), Vec::new());
            if let Some(at) = resumed {
                // What a generator is sent when it begins is dropped before its RESUME.
                if let Some(first) = decoded.starting_at(at)
                    && first.op == Op::PopTop
                    && start != at
                {
                    units.push(first.unit);
                    entry = first.next;
                }
            }
            while resumed.is_none()
                && let Some(instruction) = decoded.starting_at(entry)
                && matches!(instruction.op, Op::MakeCell(_) | Op::CopyFreeVars(_))
            {
                units.push(instruction.unit);
                entry = instruction.next;
            }
            if !reaches(&decoded, entry, start) {
                return Progress::Finished;
            }
            let watched = Watched {
                frame: frame.address(),
                code,
                decoded: Rc::clone(&decoded),
                expected: [start; 2],
                at: start,
                plain: !through_c,
                consumes: false,
            };
            self.frames.push(watched);
            // Instructions before RESUME have no event. Those that make or bring cells matter: they have just
            // run, and what they read cannot have changed.
            for unit in units {
                // SAFETY: the caller's; the frame is this function's.
                let progress = unsafe { self.take(engine, frame, &decoded, code, unit) };
                if progress != Progress::Continue {
                    return progress;
                }
                if let Some(top) = self.frames.last_mut() {
                    top.expected = [start; 2];
                }
            }
        }
        if self.left_loop(start) {
            return Progress::Finished;
        }
        if let Some(progress) = self.at_head(engine, start) {
            return progress;
        }
        let Some(code) = self.frames.last().map(|top| top.code) else { return Progress::Cancelled };
        // SAFETY: the caller's.
        unsafe { self.take(engine, frame, &decoded, code, offset) }
    }

    /// Makes an event of the instruction at this offset of the topmost frame.
    ///
    /// # Safety
    /// As for [`instruction`].
    unsafe fn take(
        &mut self,
        engine: &mut Engine,
        frame: Frame,
        decoded: &DecodedCode,
        code: CodeId,
        offset: u32,
    ) -> Progress {
        if self.recording.events.len() >= engine.options.max_events {
            if let Some(progress) = self.turns_on() {
                return progress;
            }
            self.recording.ending = Ending::TooLong;
            return Progress::Finished;
        }
        let depth = self.frames.len() as u32 - 1;
        // SAFETY: the caller's.
        let seen = unsafe { observe(frame, decoded, code, depth, offset, &mut Inlining { engine, observation: self }) };
        let Some(seen) = seen else { return Progress::Continue };
        for assumption in seen.assumptions {
            if self.assumptions.insert(assumption) {
                // SAFETY: the observer just saw it alive.
                if unsafe { engine.watchers.watch(assumption) }.is_err() {
                    self.stale = true;
                }
                if let Assumption::Type(ty) = assumption {
                    self.keep(engine, ty);
                }
            }
        }
        self.recording.tuples.extend(seen.tuples);
        self.keep_all(engine, &seen.event);
        self.next(seen.event)
    }

    /// Takes an event and works out what may follow.
    fn next(&mut self, event: Event) -> Progress {
        let Some(top) = self.frames.last_mut() else { return Progress::Cancelled };
        top.at = event.offset;
        top.expected = match event.op {
            Op::JumpForward(target) | Op::JumpBackward(target) => [target; 2],
            Op::PopJump(_, target) | Op::ForIter(target) => [event.next, target],
            // What stands behind it is a handler, perhaps.
            Op::General(GeneralOp::Raise | GeneralOp::Reraise, _) => [u32::MAX; 2],
            _ => [event.next; 2],
        };
        let (op, detail) = (event.op, event.detail);
        let asked = event.operands.first().filter(|asked| asked.kind == Kind::Generator);
        // SAFETY: a generator that was just seen.
        let asked = asked.map(|asked| unsafe {
            delegation::frame_of(delegation::innermost(asked.object as *mut PyObject).0 as u64)
        });
        self.recording.events.push(event);
        match (op, detail) {
            _ if let Some((callee, through_c)) = detail.entered() => {
                self.entering =
                    Some(Entering { code: callee.code, through_c, resumed: None, frame: None, instead: false });
            }
            (_, Detail::Consume(consumer, resumed)) => {
                if let Some(top) = self.frames.last_mut() {
                    top.consumes = consumer != Consumer::Next;
                }
                self.entering = Some(Entering::generator(&resumed, None, false));
            }
            (_, Detail::Resume(resumed)) => {
                self.entering = Some(Entering::generator(&resumed, asked, false));
            }
            // Whoever asks the entry frame's generator is not seen.
            (_, Detail::Delegate(_)) if self.frames.len() == 1 => return Progress::Finished,
            (_, Detail::Delegate(resumed)) => {
                self.entering = Some(Entering::generator(&resumed, asked, true));
            }
            (_, Detail::Undelegate(resumed)) if self.frames.len() > 1 => return self.undelegate(&resumed),
            // Nobody can follow from here; the recorder names the reason.
            (Op::Unsupported(_), _) => return self.turns_on().unwrap_or(Progress::Finished),
            // Only a generator that is resumed in the trace yields there.
            (Op::Yield { .. }, _) if self.frames.len() == 1 => return Progress::Finished,
            // A builtin asks for the next item at once.
            (Op::Yield { .. }, _) if self.frames.iter().rev().nth(1).is_some_and(|below| below.consumes) => {}
            (Op::Return | Op::ReturnConst(_) | Op::Yield { .. }, _) => {
                if self.frames.len() == 1 {
                    let in_loop = matches!(self.purpose, Purpose::Root { function: false, .. });
                    self.recording.ending = if in_loop { Ending::Left } else { Ending::Returned };
                    // A loop of this function that was left is a part of its way.
                    self.recording.arrival = None;
                    return Progress::Finished;
                }
                self.leave_call();
                if let Op::Yield { .. } = op
                    && matches!(self.purpose, Purpose::Root { .. })
                    && self.arrival.as_ref().is_some_and(|arrival| arrival.frame == 0)
                {
                    // A loop around the `yield` goes on with the next item: the one below is the loop to close.
                    (self.arrival, self.recording.arrival) = (None, None);
                }
            }
            _ => {}
        }
        Progress::Continue
    }
}

impl Observation {
    /// What it has cost, in nanoseconds. The program itself ran meanwhile: one turn of a loop may take seconds.
    fn cost(&self) -> u64 {
        let switching = SWITCHING * self.codes.len() as u64;
        let estimate = switching + self.callbacks * CALLBACK + self.recording.events.len() as u64 * OBSERVED;
        estimate.min(self.started.elapsed().as_nanos() as u64)
    }
}

/// Takes the pass that is over; its events are off. None where it was cancelled.
pub fn finish(engine: &mut Engine) -> Option<Box<Observation>> {
    let mut observation = engine.observation.take()?;
    entrance::observing(false);
    observation.end(engine);
    engine.counters.events += observation.recording.events.len() as u64;
    engine.counters.nanoseconds[0] += observation.cost();
    if observation.stale {
        release(engine, &mut observation);
        return None;
    }
    Some(observation)
}

/// Drops the references of a pass, and keeps its memory for the next one.
pub fn release(engine: &mut Engine, observation: &mut Observation) {
    let mut events = std::mem::take(&mut observation.recording.events);
    if events.capacity() <= EVENTS {
        events.clear();
        engine.events = events;
    }
    for object in observation.keeps.drain(..) {
        // SAFETY: references of ours, with the GIL held. Types and builtins die without Python code of their own
        // here: others hold them, or nobody could tell.
        unsafe { objects::decref(object) };
    }
}
