//! Functions that are called in decal's own way: into the trace of a function's start without a frame and without an event.
//!
//! A function's start costs an event before its trace is entered, which is more than a small function takes. Where a function's
//! trace has proved itself its function object is called by [`vectorcall`] instead (see [`decal_cpython::vectorcall`]): it
//! looks the function up, checks what is checked before any entry, and enters the trace as a native call does, on a frame
//! that is not made (see [`level`]). Whatever else it finds it leaves to CPython's way, by which the function
//! is called as if nothing had happened, its event included.
//!
//! A frame that is made after all needs an interpreter of its own, and native stack. So a function whose trace is often left otherwise
//! than by its return gets CPython's way back, and so do all that are called where native calls are nested deeply: a
//! recursion goes on in the interpreter, which needs none.

use crate::callbacks;
use crate::enter::{self, NATIVE_MARGIN, RECURSION_MARGIN};
use crate::executor::Executor;
use crate::exit::{self, Left};
use crate::graves;
use crate::level::{self, Level};
use crate::links;
use crate::native::{self, Door};
use crate::plan::Values;
use crate::state::{self, Engine};
use crate::worth;
use decal_cpython::frame::Frame;
use decal_cpython::observe::Assumption;
use decal_cpython::thread::Thread;
use decal_cpython::unmade::{self, Shape, Top};
use decal_cpython::{PyObject, delegation, objects, stack, vectorcall as way};
use decal_trace::snapshot::Then;
use smallvec::SmallVec;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::rc::Rc;

/// Entries of a trace by events before its function is called in this way, at first.
pub const FIRST_TRY: u64 = 64;
/// Calls after which it is asked how they ended.
const PERIOD: u32 = 256;
/// One in so many may end otherwise than by the trace's return.
const OTHERWISE: u32 = 8;
/// Native calls that may be nested where a function is called in this way.
const NESTED: i32 = 400;
/// What such a call must save, in nanoseconds, by estimate.
const LEAST: i64 = 15;

/// What is known of a function that is called in this way.
#[derive(Debug)]
pub struct Called {
    shape: Shape,
    door: Rc<Door>,
    parameters: usize,
    /// Calls in this period that were native, and those that were not or came to be CPython's.
    native: Cell<u32>,
    otherwise: Cell<u32>,
}

/// A call that is to be made.
struct Entry {
    called: Rc<Called>,
    executor: *const Executor,
    level: Box<Level>,
}

impl Engine {
    /// Has a function called in this way, whose trace was entered by its event. Not yet, or not at all, where that would not pay.
    ///
    /// # Safety
    /// The frame has just started, and the trace is the one of its code's start.
    #[cold]
    pub unsafe fn consider(&mut self, frame: Frame, executor: &Executor) {
        let entries = executor.entries.get();
        executor.next_try.set(entries.saturating_mul(2));
        let function = frame.function();
        // SAFETY: the caller's: the frame's function is alive.
        unsafe {
            let Some(parameters) = objects::parameters(function) else { return };
            let Some(shape) = Shape::new(function, parameters) else { return };
            if !self.options.vectorcall
                || executor.native.is_none()
                || shape.code != executor.code
                || executor.names != (shape.globals as u64, shape.builtins as u64)
                || !way::is_possible()
                || !(self.options.stress.hot || self.returns(executor))
                || !frame.is_called()
                || self.watchers.watch(Assumption::Function(function as u64)).is_err()
                || !way::install(function, vectorcall)
            {
                return;
            }
            executor.next_try.set(entries + FIRST_TRY);
            // Whether that pays is another question from here on.
            executor.trial.set((entries, worth::gained(self, executor), worth::left_open(self, executor)));
            let door = self.door(shape.code);
            let called = Called { shape, door, parameters, native: Cell::new(0), otherwise: Cell::new(0) };
            self.called.insert(function as usize, Rc::new(called));
            self.counters.called += 1;
            self.log(1, || format!("trace {} is entered by calls of its function", executor.id));
        }
    }

    /// Whether a trace and its side traces end by returning, nearly always, and gain thereby.
    fn returns(&self, executor: &Executor) -> bool {
        let all = worth::sum(self, executor, |_, exit| exit.taken.get() as i64);
        let returns = worth::sum(self, executor, |executor, exit| {
            let snapshot = executor.recorded.trace.snaps.get(exit.snap);
            let returns = snapshot.is_some_and(|snap| snap.then == Then::Return && snap.frames.len() == 1);
            if returns { exit.taken.get() as i64 } else { 0 }
        });
        let otherwise = all - returns;
        otherwise * i64::from(OTHERWISE) <= all
            && worth::gained(self, executor) >= LEAST * executor.entries.get() as i64
    }

    /// A call of such a function, and whether its trace is to be entered.
    unsafe fn native_call(&mut self, thread: Thread, function: *mut PyObject, count: usize) -> Option<Entry> {
        self.catch_up();
        let called = Rc::clone(self.called.get(&(function as usize))?);
        let executor = called.door.executor();
        // SAFETY: an executor with an open door is alive, and the function has the code that it had.
        unsafe {
            let Some(executor) = executor.as_ref() else {
                self.uncall(function);
                return None;
            };
            if !called.shape.is_of(function) || way::nested(thread) > NESTED || !stack::has_room() {
                executor.next_try.set(executor.entries.get().saturating_mul(4));
                self.uncall(function);
                return None;
            }
            if count != called.parameters
                || self.observation.is_some()
                || thread.tracing() != 0
                || !thread.has_frame()
                || !executor.valid.get()
                || thread.native_recursion_remaining() <= NATIVE_MARGIN
                || !way::runs_frames(thread)
                || !Top::of(thread).has_room(thread, called.shape.words)
                || !enter::may_enter_with(executor, thread, (called.shape.globals, called.shape.builtins))
            {
                self.counters.refused += 1;
                called.otherwise.set(called.otherwise.get() + 1);
                self.look_at(function, &called, executor);
                return None;
            }
            self.tick();
            executor.called.set(executor.called.get() + 1);
            executor.entries.set(executor.entries.get() + 1);
            if !enter::pays(self, executor) {
                return None;
            }
            called.native.set(called.native.get() + 1);
            self.look_at(function, &called, executor);
            self.counters.entries += 1;
            let level = self.levels.pop().unwrap_or_default();
            Some(Entry { executor, called, level })
        }
    }

    /// Looks at how calls of a function have ended, from time to time.
    unsafe fn look_at(&mut self, function: *mut PyObject, called: &Called, executor: &Executor) {
        let (native, otherwise) = (called.native.get(), called.otherwise.get());
        if native + otherwise < PERIOD {
            return;
        }
        called.native.set(0);
        called.otherwise.set(0);
        if otherwise > (native + otherwise) / OTHERWISE && !self.options.stress.hot {
            self.log(1, || format!("trace {} is entered by events again: {otherwise} calls of {native}", executor.id));
            executor.next_try.set(executor.entries.get().saturating_mul(2));
            // SAFETY: the caller's.
            unsafe { self.uncall(function) };
        }
    }

    /// Has a function called in CPython's way again.
    unsafe fn uncall(&mut self, function: *mut PyObject) {
        self.called.remove(&(function as usize));
        // SAFETY: the caller's: it is alive.
        unsafe { way::restore(function) };
    }
}

/// How such a function is called.
///
/// # Safety
/// As for a function's `vectorcall`.
unsafe extern "C" fn vectorcall(
    function: *mut PyObject,
    arguments: *const *mut PyObject,
    flagged: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller's: the GIL is held.
    unsafe {
        let thread = Thread::current();
        let ready = catch_unwind(AssertUnwindSafe(|| {
            let count = if names.is_null() { way::arguments(flagged) } else { usize::MAX };
            state::with(|engine| engine.native_call(thread, function, count)).flatten()
        }));
        let moved = way::is_interpreters(thread, function, arguments, way::total(flagged, names));
        match ready {
            Ok(Some(entry)) => {
                let result = catch_unwind(AssertUnwindSafe(|| run(thread, arguments, moved, entry)));
                result.unwrap_or_else(|panic| {
                    objects::raise_system_error(&callbacks::stop(&*panic));
                    null_mut()
                })
            }
            other => {
                if let Err(panic) = other {
                    callbacks::stop(&*panic);
                }
                if moved {
                    way::call_for_interpreter(thread, function, arguments, flagged, names)
                } else {
                    way::call_plainly(function, arguments, flagged, names)
                }
            }
        }
    }
}

/// Enters the trace. Where the arguments are the interpreter's they are moved.
unsafe fn run(thread: Thread, arguments: *const *mut PyObject, moved: bool, entry: Entry) -> *mut PyObject {
    let Entry { called, executor, level: mut boxed } = entry;
    let (shape, level) = (&called.shape, &raw mut *boxed);
    // SAFETY: the caller's: the executor is valid, and under way from here on.
    unsafe {
        let executor = &*executor;
        executor.running.set(executor.running.get() + 1);
        objects::incref(shape.function);
        let below = Top::of(thread);
        let frame = below.frame(0);
        let mut owned: SmallVec<[u64; 8]> = SmallVec::new();
        for index in 0..called.parameters {
            let argument = arguments.add(index);
            owned.push(if moved { way::take(argument) } else { objects::shared(*argument) } as u64);
        }
        unmade::fill(frame, shape, &owned);
        (*level).root = executor;
        (*level).site = None;
        (*level).entry = shape;
        (*level).below = null_mut();
        (*level).is_made = false;
        (*level).next = below.above(shape.words);
        (*level).limit = stack::limit();
        (*level).left = (thread.recursion_remaining() - RECURSION_MARGIN)
            .min(thread.native_recursion_remaining() - NATIVE_MARGIN)
            - 1;
        (*level).pinned = shape.function;
        let context = &mut (*level).context;
        context.frame = frame.address();
        context.thread = thread.address();
        context.breaker = thread.breaker_address();
        context.breaker_quiet = thread.breaker_quiet();
        context.iterations = 0;
        delegation::forget();
        decal_native::enter::enter(context, called.door.address());
        delegation::forget();
        let mut result = null_mut();
        if (*level).is_made || !called.door.result(&(*level).context, &mut result) {
            result = leave(level, &called);
        }
        let turns = (*level).context.iterations;
        executor.running.set(executor.running.get() - 1);
        if turns > 0 {
            executor.turns.set(executor.turns.get() + turns);
            worth::credit_turns(executor, turns);
        }
        if executor.running.get() == 0 && (!executor.valid.get() || executor.stale.get()) {
            links::sweep(&(*level).root());
            graves::sweep();
        }
        if (*level).is_made {
            thread.take_native_recursion(-1);
            thread.take_recursion(-1);
        } else if !unmade::clear(frame, shape) {
            unmade::let_go(frame, shape);
        }
        state::with(|engine| {
            engine.counters.turns += turns;
            engine.levels.push(boxed);
        });
        objects::decref(shape.function);
        result
    }
}

/// The trace was left in a way that its door does not know. What it gave, or null with an exception set.
#[cold]
unsafe fn leave(level: *mut Level, called: &Called) -> *mut PyObject {
    // SAFETY: the caller's: the values are those of this exit.
    unsafe {
        let number = (*level).context.exit;
        let Some((executor, index)) = links::find_exit(&(*level).root(), number) else { return null_mut() };
        if !(*level).is_made
            && let Some(exit) = executor.exits.get(index)
            && let Some(result) = native::return_briefly(level, &executor, exit, index, &called.door)
        {
            return result;
        }
        level::make_callers(level);
        let Some(site) = (*level).site else { return null_mut() };
        let left = exit::leave(&site, level, &executor, index, Values::Native(&(*level).context));
        if !matches!(left, Left::Return(_)) {
            called.otherwise.set(called.otherwise.get() + 1);
            called.native.set(called.native.get().saturating_sub(1));
        }
        native::finish(site.thread, site.frame, left)
    }
}
