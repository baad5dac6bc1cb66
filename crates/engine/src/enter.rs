//! Entering: the checks before a trace runs, and running it.
//!
//! A trace relies on things that no guard of its own checks: that nobody wants the interpreter's attention, that no
//! other tool watches the code that it runs, that the recursion limit is far enough away, that the frame's names
//! are those that were recorded. They are checked here, each time; where one fails, CPython goes on, and the next
//! backward jump tries again. Cost: some twenty nanoseconds, and as much for the way out.

use crate::executor::Executor;
use crate::exit::{self, Left};
use crate::graves;
use crate::interpret::{Ended, interpret};
use crate::level::Level;
use crate::links;
use crate::location::{Never, State, Unroll};
use crate::machine::Memory;
use crate::native;
use crate::options::Verify;
use crate::plan::Values;
use crate::state::{self, Engine};
use crate::unrolled;
use crate::verify;
use crate::worth::{self, Trial};
use decal_cpython::delegation;
use decal_cpython::frame::Frame;
use decal_cpython::monitoring::nothing;
use decal_cpython::stack::has_room;
use decal_cpython::thread::Thread;
use decal_cpython::{PyObject, allocator};
use std::ptr::null_mut;
use std::rc::Rc;

/// Python calls that must still be possible beyond those of the trace.
pub const RECURSION_MARGIN: i32 = 8;
/// Native calls that must still be possible: frames of inlined calls are run by one each, and general operations call.
pub const NATIVE_MARGIN: i32 = 500;

/// What a root trace may lose while traces that continue it are to come, in nanoseconds.
const MOST_LOST: i64 = 5_000_000;

/// How many times as much as it lost a root trace must have saved, all in all, to be kept in spite of that.
const LOSS_BORNE: i64 = 4;

/// Where we are: in a callback of this frame.
#[derive(Clone, Copy)]
pub struct Site {
    /// The current thread.
    pub thread: Thread,
    /// The current frame.
    pub frame: Frame,
    /// Its code.
    pub code: *mut PyObject,
    /// Where the jump goes; none at a function's start.
    pub destination: Option<u32>,
    /// Not in a callback: a trace calls this frame's function, and whoever does takes its result or runs it to its end.
    pub called: bool,
}

/// What the callback returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// CPython goes on where the frame stands.
    Resume,
    /// An exception is set, and the frame does not handle it.
    Null,
}

impl Outcome {
    /// The callback's result.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn result(self) -> *mut PyObject {
        match self {
            // SAFETY: the caller's.
            Outcome::Resume => unsafe { nothing() },
            Outcome::Null => null_mut(),
        }
    }
}

/// Whether a trace may be entered here and now.
pub fn may_enter(executor: &Executor, site: &Site) -> bool {
    may_enter_with(executor, site.thread, (site.frame.globals(), site.frame.builtins()))
}

/// Whether a trace may be entered now, in a frame with these globals and builtins.
pub fn may_enter_with(executor: &Executor, thread: Thread, names: (*mut PyObject, *mut PyObject)) -> bool {
    let depth = executor.max_depth.get() as i32;
    thread.is_quiet()
        && !thread.is_traced()
        && !allocator::is_watched()
        && thread.runs_frames()
        && thread.recursion_remaining() > depth + RECURSION_MARGIN
        && (!executor.nests.get() || (thread.native_recursion_remaining() > NATIVE_MARGIN && has_room()))
        && executor.names == (names.0 as u64, names.1 as u64)
        // SAFETY: code objects of a valid executor are alive; a watcher says when one dies.
        && unsafe { executor.alive.covered.only_decal(thread) }
}

/// Whether entering this trace has paid lately. A loop that is left in its first turn nearly each time costs more than
/// it gains, and so does a function's trace that comes not far; what was recorded may be a rare case, or one of the past,
/// so that it is recorded anew a few times.
pub fn pays(engine: &mut Engine, executor: &Executor) -> bool {
    let entries = executor.times_entered();
    let last = executor.trial.get();
    let entered = entries - last.entries;
    if !worth::loses(executor) {
        if entered < engine.options.trial_entries {
            return true;
        }
        if unrolled::outgrown(engine, executor) {
            return false;
        }
        let now = Trial::now(engine, executor);
        executor.trial.set(now);
        worth::credit(engine, executor, now.gained - now.least);
        let lost = (now.least - last.least) - (now.gained - last.gained);
        // What was gained meanwhile makes up for what was lost before: only a fall that lasts counts (Page's cumulative sum, 1954).
        executor.lost.set((executor.lost.get() + lost).max(0));
        if lost <= 0 {
            return true;
        }
        engine.counters.lost += lost as u64;
        // What has saved much may be in a bad phase.
        if now.gained - now.least > executor.lost.get().saturating_mul(LOSS_BORNE) {
            return true;
        }
        // While side traces are to come nobody knows what it will gain with them.
        // Nor where a recursion was deep in CPython's hands already when it was compiled: its calls are native when that is over.
        let waits = now.open.saturating_sub(last.open) * 2 >= entered
            || executor.calls_natively()
            || is_deep(engine, executor)
            || engine.is_looping_recursion(executor.code);
        let growing = waits && executor.lost.get() < MOST_LOST;
        if growing {
            let goes_on = engine.has_budget();
            if !goes_on {
                engine.wait((executor.code as usize, executor.offset));
            }
            return goes_on;
        }
    }
    let (code, offset) = (executor.code, executor.offset);
    let saved = worth::gained(engine, executor);
    engine.log(1, || format!("trace {} is given up: entered {entries} times, it saved {saved} ns", executor.id));
    engine.invalidate(executor.id);
    engine.counters.withdrawn += 1;
    let threshold = engine.threshold(offset);
    let place = (code as usize, offset);
    if let Some(location) = engine.locations.get_mut(&place) {
        location.short = executor.is_short();
        location.given_up = location.given_up.saturating_add(1);
        location.withdrawn(threshold, executor.turn_saves < 0);
        // In another phase of the program it may pay.
        if location.state == State::Never(Never::NoGain) {
            engine.rest(place);
        }
    }
    false
}

/// Whether a recursion is followed far, since its native calls went well.
fn is_deep(engine: &Engine, executor: &Executor) -> bool {
    let location = engine.locations.get(&(executor.code as usize, executor.offset));
    location.is_some_and(|location| location.unroll == Unroll::Long)
}

/// Runs traces from this one on, until CPython has something to do.
///
/// # Safety
/// In a callback as `site` says; the executor starts where the frame stands, and [`may_enter`] said yes.
pub unsafe fn run(site: Site, executor: Rc<Executor>, level: Box<Level>) -> Outcome {
    // SAFETY: the caller's.
    match unsafe { run_all(&site, executor, level) } {
        Left::Null => Outcome::Null,
        _ => Outcome::Resume,
    }
}

/// The same, and how the last one was left.
///
/// # Safety
/// As for [`run`], or as `site` says.
pub unsafe fn run_all(site: &Site, mut executor: Rc<Executor>, mut level: Box<Level>) -> Left {
    let (mut entries, mut turns, mut saved) = (0, 0, 0);
    let left = loop {
        // SAFETY: the caller's.
        let (left, exit) = unsafe { run_one(site, &executor, &mut level) };
        entries += 1;
        turns += level.context.iterations;
        saved += worth::credit_turns(&executor, level.context.iterations);
        let Left::Enter(offset) = left else { break left };
        let next = state::with(|engine| {
            let next = next(engine, site, offset)?;
            // A link would lead past what has to be checked.
            if let Some((from, index)) = exit.filter(|_| engine.options.verify == Verify::Off) {
                links::link(engine, &from, index, &next);
            }
            Some(next)
        });
        match next.flatten() {
            Some(next) => executor = next,
            None => break left,
        }
    };
    state::with(|engine| {
        engine.counters.entries += entries;
        engine.counters.turns += turns;
        engine.counters.saved += saved;
        engine.levels.push(level);
    });
    left
}

/// The trace that goes on where another one has led.
fn next(engine: &mut Engine, site: &Site, offset: u32) -> Option<Rc<Executor>> {
    if engine.observation.is_some() {
        return None;
    }
    // Frames may have run since.
    engine.catch_up();
    let next = engine.executor_at(site.code, offset).filter(|executor| may_enter(executor, site))?;
    (pays(engine, &next) && verify::agrees(engine, site, &next)).then_some(next)
}

/// Runs one, and what its links lead to. How it was left, and where.
unsafe fn run_one(site: &Site, root: &Rc<Executor>, level: &mut Level) -> (Left, Option<(Rc<Executor>, usize)>) {
    native::settle(level, site, root);
    // Native calls come upon the level by its address.
    let level = std::ptr::from_mut(level);
    // SAFETY: nothing else uses it as long as no trace runs.
    let context = unsafe { &mut (*level).context };
    context.frame = site.frame.address();
    context.thread = site.thread.address();
    context.breaker = site.thread.breaker_address();
    context.breaker_quiet = site.thread.breaker_quiet();
    context.iterations = 0;
    delegation::forget();
    root.entries.set(root.entries.get() + 1);
    root.running.set(root.running.get() + 1);
    // SAFETY: the frame's stack is in the trace's hands until an exit sets it again.
    unsafe { site.frame.hide_stack() };
    // What general operations run is Python code like any other to the tools.
    let guard = site.thread.unsilence();
    let left = if let Some(code) = &root.native {
        // SAFETY: a valid executor's code is in memory, and what it takes for granted was checked or is watched.
        unsafe { decal_native::enter::enter(context, code.address) };
        drop(guard);
        links::find_exit(root, context.exit).map(|(executor, index)| {
            // SAFETY: the values are those of this exit.
            let left = unsafe { exit::leave(site, level, &executor, index, Values::Native(context)) };
            (left, Some((executor, index)))
        })
    } else {
        let mut fuel = u64::MAX;
        let ended = interpret(root, &mut Memory { context }, &mut fuel, &mut (), |_| {});
        drop(guard);
        state::with(|engine| engine.counters.interpreted += u64::MAX - fuel);
        // The fuel lasts for centuries.
        if let Ended::Exit(executor, index, values) = ended {
            // SAFETY: as above.
            let left = unsafe { exit::leave(site, level, &executor, index, Values::Interpreted(&values)) };
            Some((left, Some((executor, index))))
        } else {
            None
        }
    };
    if let Some((_, Some((executor, index)))) = &left
        && let Some(exit) = executor.exits.get(*index)
    {
        // SAFETY: as above.
        unsafe { (*level).context.iterations += u64::from(exit.turns) };
    }
    // SAFETY: as above.
    root.turns.set(root.turns.get() + unsafe { (*level).context.iterations });
    root.running.set(root.running.get() - 1);
    if root.running.get() == 0 && (!root.valid.get() || root.stale.get()) {
        links::sweep(root);
        graves::sweep();
    }
    left.unwrap_or((Left::Resume, None))
}
