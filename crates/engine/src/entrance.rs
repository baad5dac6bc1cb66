//! Calls by address: functions that lead into their traces by themselves.
//!
//! A trace from a function's start can be entered by the event of that start: the interpreter has made a frame by then, and
//! calls a callback through the machinery of monitoring. That costs more than most functions take. So a function whose trace is entered
//! that way is hooked ([`decal_cpython::hook`]): from then on each call of it comes here, without an event and without a frame, and goes
//! through the same door as native calls of traces do ([`crate::native`]).
//!
//! What cannot go through the door is called as if nothing were there. The interpreter nests native calls for that, which it does not
//! for a plain call: a function that is called so too often, or so deeply that native stack gets short, is
//! unhooked, as is one whose trace is gone. A pass that is observed unhooks what it follows.
//!
//! Cost: some 40 ns for a call and its return, beyond what CPython takes for them and the trace for the rest, where the event's way takes
//! 130. A function in C that calls takes less than before.

use crate::enter::{NATIVE_MARGIN, RECURSION_MARGIN, Site, may_enter_with, pays};
use crate::executor::Executor;
use crate::graves;
use crate::invalidate::is_behind;
use crate::level::Level;
use crate::links;
use crate::native::{Door, go_through};
use crate::options::Verify;
use crate::state::{self, Engine};
use decal_cpython::frame::{self, Frame};
use decal_cpython::frame_stack::{self, Top};
use decal_cpython::hook::{self, Call};
use decal_cpython::monitoring::no_other_tool;
use decal_cpython::newcomers;
use decal_cpython::observe::Assumption;
use decal_cpython::stack;
use decal_cpython::thread::Thread;
use decal_cpython::unmade::{self, Shape};
use decal_cpython::{PyObject, allocator};
use decal_native::CodeMemory;
use decal_trace::bytecode::{GeneralOp, Op};
use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Calls after which it is asked again whether entering pays.
const TRIAL: u32 = 256;
/// Native calls that must still be possible: half of them. A deep recursion nests none of them in CPython.
const NATIVE_DEPTH: i32 = 5000;
/// Calls that do not fit, more than those that do, after which a function is unhooked for good.
const MISFITS: i32 = 100;

/// What is known of a code object whose functions are hooked.
#[derive(Debug)]
pub struct Gate {
    /// Its trace.
    door: Rc<Door>,
    /// Parameters, local slots, words of a frame.
    count: usize,
    locals: u32,
    words: usize,
    /// Calls until the next trial.
    until: Cell<u32>,
    /// Calls that did not fit, less those that did.
    misfits: Cell<i32>,
    /// The function that has entered by its event last.
    last: Cell<usize>,
}

/// Gates by code object, one for each place: whoever else has the place goes the long way.
struct Table([Cell<(usize, *const Gate)>; PLACES]);

// SAFETY: only touched with the GIL held.
unsafe impl Sync for Table {}

/// Places in the table.
const PLACES: usize = 1024;

static TABLE: Table = Table([const { Cell::new((0, null())) }; PLACES]);

impl Table {
    fn place(&self, code: usize) -> &Cell<(usize, *const Gate)> {
        // Code objects are large: neighbours differ in these bits.
        &self.0[code >> 5 & (PLACES - 1)]
    }

    fn forget(&self, code: usize) {
        if self.place(code).get().0 == code {
            self.place(code).set((0, null()));
        }
    }
}

/// A level at rest.
struct Spare(Cell<*mut Level>);

// SAFETY: only touched with the GIL held.
unsafe impl Sync for Spare {}

static SPARE: Spare = Spare(Cell::new(null_mut()));

/// Whether a pass is under way.
static OBSERVING: AtomicBool = AtomicBool::new(false);

/// Says whether a pass is under way, from which traces would hide what they run.
pub fn observing(is_under_way: bool) {
    OBSERVING.store(is_under_way, Ordering::Relaxed);
}

/// Forgets all gates, before the engine goes.
///
/// # Safety
/// The GIL is held.
pub unsafe fn forget_all() {
    // SAFETY: the caller's.
    unsafe {
        hook::unhook_all();
        frame_stack::free_spares();
    }
    TABLE.0.iter().for_each(|place| place.set((0, null())));
    observing(false);
}

/// Forgets the gate of a code object that dies.
pub fn forget(engine: &mut Engine, code: usize) {
    if engine.gates.remove(&code).is_some() {
        TABLE.forget(code);
    }
}

impl Engine {
    /// Hooks the function of a frame that has entered its trace, where that can be.
    ///
    /// # Safety
    /// In the callback of that function's start.
    pub unsafe fn hook(&mut self, frame: Frame, executor: &Executor) {
        let function = frame.function();
        // SAFETY: the function of a live frame.
        unsafe {
            let shared = self.memory.as_ref().map_or(true, CodeMemory::is_shared);
            if hook::is_hooked(function) || executor.native.is_none() || shared || self.options.verify != Verify::Off {
                return;
            }
            if !has_room(Thread::current()) {
                return;
            }
            let code = executor.code;
            let known = self.gates.get(&(code as usize));
            let misfits = known.is_some_and(|gate| gate.misfits.get() >= MISFITS);
            if misfits || self.options.stress.without_entrance || !newcomers::are_known() || !no_other_tool() {
                return;
            }
            if known.is_none() {
                let Some(parameters) = hook::parameters(code) else { return };
                let (locals, words) = unmade::size(code);
                let gate = Gate {
                    door: self.door(code),
                    count: parameters,
                    locals,
                    words,
                    until: Cell::new(TRIAL),
                    misfits: Cell::new(0),
                    last: Cell::new(0),
                };
                self.gates.insert(code as usize, Rc::new(gate));
            }
            // One that is made anew for each call is not worth it.
            let last = self.gates.get(&(code as usize)).map(|gate| gate.last.replace(function as usize));
            if last == Some(function as usize) && self.watchers.watch(Assumption::Function(function as u64)).is_ok() {
                hook::hook(function, entrance);
            }
        }
    }

    /// The gate for this call, where it may go through: all questions are asked.
    ///
    /// # Safety
    /// It is under way.
    unsafe fn admits(&mut self, call: &Call) -> Option<*const Gate> {
        // SAFETY: the caller's; an open door's executor is valid, and a valid executor's code is in memory.
        unsafe {
            let (thread, shape) = (call.thread, Shape::of(call.function));
            let gate = self.gates.get(&(shape.code as usize)).map(Rc::clone);
            let Some((gate, executor)) = gate.and_then(|gate| {
                let id = gate.door.executor()?.id;
                Some((gate, self.executors.get(id).cloned().flatten()?))
            }) else {
                // Its trace is gone.
                hook::unhook(call.function);
                return None;
            };
            if !no_other_tool() {
                // It would take the function for one in C.
                hook::unhook_all();
                return None;
            }
            if !has_room(thread) {
                hook::unhook(call.function);
                return None;
            }
            self.catch_up();
            if self.observation.is_some() {
                return None;
            }
            if gate.until.get() == 0 {
                gate.until.set(TRIAL);
                self.tick();
                if !pays(self, &executor) {
                    hook::unhook(call.function);
                    return None;
                }
            }
            let fits = executor.valid.get()
                && may_enter_with(&executor, thread, (shape.globals, shape.builtins))
                && Top::of(thread).has_room(gate.words);
            let misfits = gate.misfits.get();
            if !fits {
                self.counters.calls_declined += 1;
                gate.misfits.set(misfits + 1);
                if misfits + 1 == MISFITS {
                    hook::unhook(call.function);
                }
                return None;
            }
            gate.misfits.set((misfits - 1).max(0));
            TABLE.place(shape.code as usize).set((shape.code as usize, Rc::as_ptr(&gate)));
            Some(Rc::as_ptr(&gate))
        }
    }
}

/// Whether calls may nest native ones, which they do not where the interpreter makes them.
fn has_room(thread: Thread) -> bool {
    stack::has_room() && thread.native_recursion_remaining() >= NATIVE_DEPTH
}

/// The gate for this call, where a few questions are enough.
///
/// # Safety
/// It is under way.
#[inline(always)]
unsafe fn admits_at_once(call: &Call, shape: &Shape, limit: usize) -> Option<*const Gate> {
    // SAFETY: the caller's; gates in the table live as long as their code, and an open door's executor is valid.
    unsafe {
        let (code, gate) = TABLE.place(shape.code as usize).get();
        if code != shape.code as usize {
            return None;
        }
        let gate = &*gate;
        let executor = gate.door.executor()?;
        let thread = call.thread;
        let fits = gate.until.get() != 0
            && executor.alive.covered.is_checked(thread)
            && executor.names == (shape.globals as u64, shape.builtins as u64)
            && thread.recursion_remaining() > executor.max_depth.get() as i32 + RECURSION_MARGIN
            && thread.native_recursion_remaining() >= NATIVE_DEPTH
            && stack::is_above(limit)
            && Top::of(thread).has_room(gate.words)
            && !OBSERVING.load(Ordering::Relaxed)
            && !is_behind()
            && !thread.is_traced()
            && !allocator::is_watched()
            && thread.runs_frames();
        fits.then_some(gate)
    }
}

/// How hooked functions are called.
///
/// # Safety
/// As for any function that is called by address (PEP 590).
unsafe extern "C" fn entrance(
    function: *mut PyObject,
    arguments: *const *mut PyObject,
    flagged: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        let call = Call::new(function, arguments, flagged, names);
        let (shape, limit) = (Shape::of(function), stack::limit());
        let gate = match admits_at_once(&call, &shape, limit) {
            Some(gate) => gate,
            None => match state::with(|engine| engine.admits(&call)).flatten() {
                Some(gate) => gate,
                None => {
                    let depth = depth_of_caller(&call);
                    if call.is_laborious(depth) {
                        hook::unhook(function);
                    }
                    return call.make_plainly(depth);
                }
            },
        };
        pass(&call, &*gate, shape, limit)
    }
}

/// Makes a call that may go through the gate.
#[inline(always)]
unsafe fn pass(call: &Call, gate: &Gate, shape: Shape, limit: usize) -> *mut PyObject {
    // SAFETY: the caller's: the call is under way, so that the function lives; its trace may be entered. The level is ours until it is
    // given back. The gate may go while the trace runs, its executor not before that is over.
    unsafe {
        let shape = Shape { locals: gate.locals, words: gate.words, ..shape };
        let (thread, Some(executor)) = (call.thread, gate.door.executor()) else { return call.make_plainly(None) };
        gate.until.set(gate.until.get() - 1);
        let missing = call.missing(gate.count);
        let by_place = missing.is_some();
        let frame = if let Some(missing) = missing {
            let frame = Top::of(thread).frame(0);
            let is_of_stack = call.is_of_stack();
            if !is_of_stack {
                executor.called_by_c.set(executor.called_by_c.get() + 1);
            }
            let slots = unmade::begin(frame, &shape, gate.count);
            call.take(is_of_stack, slots);
            if missing != 0 {
                call.take_defaults(missing, slots.add(gate.count - missing));
            }
            frame
        } else {
            let depth = depth_of_caller(call);
            if call.is_laborious(depth) {
                gate.misfits.set(MISFITS);
                hook::unhook(call.function);
            }
            let Some(frame) = call.bind(depth) else { return null_mut() };
            // Names that are compared may be of classes that run code for that: the gate may be gone.
            if admits_at_once(call, &shape, limit) != Some(std::ptr::from_ref(gate)) {
                return frame::run(thread, frame, false).unwrap_or(null_mut());
            }
            unmade::copy_cells(frame, shape.function, shape.locals);
            frame
        };
        executor.running.set(executor.running.get() + 1);
        executor.called.set(executor.called.get() + 1);
        let level = match SPARE.0.replace(null_mut()) {
            level if level.is_null() => new_level(),
            level => level,
        };
        (*level).root = executor;
        (*level).is_made = !by_place;
        if by_place {
            (*level).next = Top::of(thread).above(shape.words);
        } else {
            frame.hide_stack();
            thread.set_current_frame(frame);
            thread.take_recursion(1);
            thread.take_native_recursion(1);
            (*level).site = Some(Site { thread, frame, code: shape.code, destination: None, called: true });
        }
        let (calls, natively) = (thread.recursion_remaining(), thread.native_recursion_remaining());
        (*level).left = (calls - RECURSION_MARGIN).min(natively - NATIVE_MARGIN) - 1;
        (*level).limit = limit;
        (*level).pinned = shape.function;
        (*level).shape = Some(shape);
        let context = &mut (*level).context;
        context.thread = thread.address();
        context.breaker = thread.breaker_address();
        context.breaker_quiet = thread.breaker_quiet();
        context.frame = frame.address();
        context.iterations = 0;
        let result = go_through(&gate.door, level);
        let turns = (*level).context.iterations;
        if turns != 0 {
            executor.turns.set(executor.turns.get() + turns);
        }
        if (*level).is_made {
            executor.made.set(executor.made.get() + 1);
            thread.take_native_recursion(-1);
            thread.take_recursion(-1);
        } else if !unmade::clear(frame, &shape) {
            unmade::let_go(frame, &shape);
        }
        executor.running.set(executor.running.get() - 1);
        if executor.running.get() == 0 && (!executor.valid.get() || executor.stale.get()) {
            links::sweep(&(*level).root());
            graves::sweep();
        }
        rest(level);
        result
    }
}

/// How deep the caller's operand stack is, where that has to be known.
unsafe fn depth_of_caller(call: &Call) -> Option<u32> {
    // SAFETY: the caller's: the current frame has called, and stands at the call.
    unsafe {
        if !call.spreads_names() {
            return None;
        }
        let frame = Frame::current(call.thread);
        let code = state::with(|engine| engine.code(frame.code())).flatten()?;
        let spreads =
            code.at(frame.offset()).is_some_and(|found| matches!(found.op, Op::General(GeneralOp::CallEx, _)));
        if spreads { code.depth(frame.offset()) } else { None }
    }
}

/// A level, ready but for what each call sets.
#[cold]
fn new_level() -> *mut Level {
    let mut level = state::with(|engine| engine.levels.pop()).flatten().unwrap_or_default();
    level.below = null_mut();
    level.call = null();
    level.made = None;
    level.site = None;
    decal_native::enter::prepare(&mut level.context);
    Box::into_raw(level)
}

/// Puts a level to rest.
#[inline(always)]
unsafe fn rest(level: *mut Level) {
    // SAFETY: the caller's: a level that was made by `new_level`, and that nobody uses.
    unsafe {
        (*level).call = null();
        let other = SPARE.0.replace(level);
        if !other.is_null() {
            let other = Box::from_raw(other);
            state::with(|engine| engine.levels.push(other));
        }
    }
}
