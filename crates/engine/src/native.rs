//! Native calls: from a trace into the trace of a function's start, without a frame.
//!
//! The uop `call_native` calls [`call`] with its context, where the arguments are, and a [`CallSite`]. What the call takes for
//! granted is little: the callee is a constant, no Python code runs as long as traces call each other, so that whatever is asked
//! before a trace is entered need not be asked again, but for what a trace can change or use up. The result comes back as an
//! object, with the callee's locals dropped and its frame never made; or null, and then the frames of the caller exist (see
//! [`level`]), and it leaves its trace behind the call, or raises.
//!
//! Cost: `fib(27)` takes 6 ns for each of its calls, all that a call does included; 38 ns in CPython 3.13.0.

use crate::brief::{self, Brief, Locals};
use crate::enter::{NATIVE_MARGIN, RECURSION_MARGIN, Site};
use crate::executor::{Alive, Executor, Exit};
use crate::exit::{self, Left};
use crate::graves;
use crate::level::{self, Level};
use crate::links;
use crate::location::Unroll;
use crate::observe::is_looping_recursion;
use crate::plan::{Simple, Values};
use crate::state::{self, Engine};
use decal_cpython::frame::{self, Frame};
use decal_cpython::frame_stack::{Piece, Top};
use decal_cpython::stack::{self, is_above};
use decal_cpython::thread::Thread;
use decal_cpython::unmade::{self, Shape};
use decal_cpython::{PyObject, delegation, objects};
use decal_trace::allocated::{Allocated, Item, Place};
use decal_trace::event::CodeId;
use decal_trace::record::Recorded;
use decal_trace::snapshot::Then;
use decal_uops::{Context, Uop, offset};
use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::rc::Rc;

/// Native calls after which it is known which ways a recursion takes.
const TRIED: u32 = 10_000;
/// Side traces of a recursion that takes few ways, and the code units of its function.
const FEW_WAYS: usize = 6;
const SHORT: usize = 80;
/// Side traces of a recursion that was followed deeper, and takes too many ways for that.
pub const MOST_WAYS: usize = 24;

/// Words that are left behind a callee's frame where a piece of the stack of frames ends: what it calls may begin another piece, and the
/// frames that are inlined there come before that.
const SLACK: usize = 256;

/// Exits that a door knows.
const KNOWN: usize = 64;

/// An exit that returns, and its result.
#[derive(Clone, Copy, Debug)]
struct Known {
    number: u64,
    /// Where the result is in the context, in bytes; or nowhere, and `bits` is the result.
    at: u32,
    kind: Kind,
    bits: u64,
    /// Locals that take over a reference: the slot, and where the reference is in the context, in bytes; [`NOWHERE`] where there is none.
    locals: [(u32, u32); LOCALS],
    taken: *const Cell<u64>,
}

/// Locals that may take over a reference at an exit that a door knows.
const LOCALS: usize = 2;
const NOWHERE: u32 = u32::MAX;

/// What a result is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// A number.
    Int,
    /// A number that is always the same.
    ConstInt,
    /// A reference.
    Owned,
    /// A reference that others have.
    Borrowed,
    /// An object that is always the same.
    Const,
}

impl Known {
    const NONE: Known =
        Known { number: u64::MAX, at: 0, kind: Kind::Const, bits: 0, locals: [(0, NOWHERE); LOCALS], taken: null() };

    /// Where a value is in the context, in bytes.
    fn at(place: Place) -> Option<u32> {
        let at = match place {
            Place::Int(register) => offset::INT_REGS + 8 * i32::from(register.0),
            Place::Spill(slot) => offset::SPILLS + 8 * i32::from(slot),
            _ => return None,
        };
        Some(at as u32)
    }

    fn new(number: u64, result: Simple, owned: &Locals, taken: *const Cell<u64>) -> Option<Known> {
        if owned.len() > LOCALS {
            return None;
        }
        let mut locals = [(0, NOWHERE); LOCALS];
        for (place, (local, make)) in locals.iter_mut().zip(owned) {
            let Some(Simple::Owned(at)) = make.simple() else { return None };
            *place = (*local, Known::at(at)?);
        }
        let (kind, place) = match result {
            Simple::Int(Place::Const(bits)) => (Kind::ConstInt, Place::Const(bits)),
            Simple::Int(place) => (Kind::Int, place),
            Simple::Owned(place) => (Kind::Owned, place),
            Simple::Borrowed(place) => (Kind::Borrowed, place),
            Simple::Const(address) => (Kind::Const, Place::Const(address)),
        };
        let (at, bits) = match place {
            Place::Const(bits) if matches!(kind, Kind::ConstInt | Kind::Const) => (0, bits),
            place => (Known::at(place)?, 0),
        };
        Some(Known { number, at, kind, bits, locals, taken })
    }
}

/// The trace of a function's start, as callers know it: one for each code object.
#[derive(Debug)]
pub struct Door {
    /// The valid root trace; null where there is none.
    executor: Cell<*const Executor>,
    /// Its machine code.
    address: Cell<u64>,
    /// Native calls until it is asked whether the recursion should be followed deeper.
    until: Cell<u32>,
    /// Exits that return: each has its place by its number.
    known: [Cell<Known>; KNOWN],
}

impl Door {
    fn new() -> Door {
        let known = std::array::from_fn(|_| Cell::new(Known::NONE));
        Door { executor: Cell::new(null()), address: Cell::new(0), until: Cell::new(TRIED), known }
    }

    /// Says which trace it is.
    pub fn open(&self, executor: &Rc<Executor>) {
        self.address.set(executor.native.as_ref().map_or(0, |native| native.address));
        self.executor.set(Rc::as_ptr(executor));
        self.until.set(TRIED);
    }

    /// There is none any more.
    pub fn close(&self) {
        self.executor.set(null());
    }

    /// The valid root trace; none where there is none.
    pub fn executor(&self) -> Option<&Executor> {
        // SAFETY: it is alive as long as it is valid, and the door is closed when it is not any more.
        unsafe { self.executor.get().as_ref() }
    }

    /// Whether there is one.
    pub fn is_open(&self) -> bool {
        !self.executor.get().is_null()
    }

    fn remember(&self, number: u64, result: Simple, locals: &Locals, taken: &Cell<u64>) {
        let known = Known::new(number, result, locals, taken);
        if let (Some(place), Some(known)) = (self.known.get(number as usize % KNOWN), known) {
            place.set(known);
        }
    }

    /// The result at an exit that returns, where it is known to be one.
    ///
    /// # Safety
    /// A trace with this context has just left, which is of the root trace.
    #[inline(always)]
    unsafe fn result(&self, context: &Context, result: &mut *mut PyObject) -> bool {
        // SAFETY: the index is below the number of places; nobody changes them meanwhile.
        let known = unsafe { &*self.known.get_unchecked(context.exit as usize % KNOWN).as_ptr() };
        if known.number != context.exit {
            return false;
        }
        // SAFETY: the caller's: the values are those of this exit, whose executor is alive.
        unsafe {
            let value_at = |at: u32| std::ptr::from_ref(context).cast::<u8>().add(at as usize).cast::<u64>().read();
            let value = value_at(known.at);
            *result = if known.kind == Kind::Int {
                objects::new_int(value as i64)
            } else {
                match known.kind {
                    Kind::Owned => value as *mut PyObject,
                    Kind::Borrowed => objects::shared(value as *mut PyObject),
                    Kind::Const => objects::shared(known.bits as *mut PyObject),
                    Kind::Int | Kind::ConstInt => objects::new_int(known.bits as i64),
                }
            };
            if result.is_null() {
                return false;
            }
            (*known.taken).set((*known.taken).get() + 1);
            if known.locals[0].1 != NOWHERE {
                let frame = Frame::from_address(context.frame);
                for (local, at) in known.locals.iter().filter(|(_, at)| *at != NOWHERE) {
                    objects::decref(frame.replace_local(*local, value_at(*at) as *mut PyObject));
                }
            }
        }
        true
    }
}

/// A native call in a trace.
#[repr(C)]
#[derive(Debug)]
pub struct CallSite {
    /// The address of [`call`]: machine code finds it here.
    enter: u64,
    /// What is called. Without a function where any one of this code is: it comes behind the arguments.
    pub shape: Shape,
    /// The number of arguments.
    count: usize,
    /// Its trace.
    door: Rc<Door>,
    /// The caller's trace, whether it is still valid.
    alive: Rc<Alive>,
    /// The number of the exit, whose snapshot is the caller's state at the call.
    pub exit: u64,
    /// The number of the trace that was found to have the globals and builtins of this function.
    checked: Cell<usize>,
    /// Frames that are inlined in the caller there, and the words that they take on the stack of frames.
    pub inlined: i32,
    words: usize,
}

impl Engine {
    /// See [`is_looping_recursion`].
    pub fn is_looping_recursion(&mut self, code: *mut PyObject) -> bool {
        self.code(code).is_some_and(|decoded| is_looping_recursion(&decoded))
    }

    /// What callers know of the trace of a function's start.
    pub fn door(&mut self, code: *mut PyObject) -> Rc<Door> {
        let door = self.doors.entry(code as usize);
        Rc::clone(door.or_insert_with(|| Rc::new(Door::new())))
    }
}

/// Makes the sites of a trace's native calls, and puts them in place of the functions or their code. None where one cannot be.
///
/// # Safety
/// They are alive, and so is the code of calls that are inlined.
#[expect(clippy::vec_box, reason = "machine code has their addresses")]
pub unsafe fn sites(
    engine: &mut Engine,
    recorded: &Recorded,
    allocated: &mut Allocated,
    first_exit: u32,
    alive: &Rc<Alive>,
) -> Option<Vec<Box<CallSite>>> {
    let mut sites = Vec::new();
    let codes = &recorded.trace.codes;
    let words = |code: CodeId| -> Option<usize> {
        // SAFETY: the caller's: code of calls that are inlined lives as long as the trace is valid.
        Some(unsafe { unmade::words(codes.get(code.0 as usize)?.object as *mut PyObject) })
    };
    for item in &mut allocated.items {
        let Item::Op(op) = item else { continue };
        if op.uop != Uop::call_native {
            continue;
        }
        let index = op.exit?.0;
        let snapshot = recorded.trace.snaps.get(allocated.exits.get(op.exit?)?.snap)?;
        let callee = op.imm64 as *mut PyObject;
        let words = snapshot.frames.iter().skip(1).map(|frame| words(frame.code)).sum::<Option<usize>>()?;
        // SAFETY: the caller's.
        let (shape, count) = unsafe {
            let count = objects::parameters(callee)?;
            (Shape::new(callee, count)?, count)
        };
        let site = Box::new(CallSite {
            enter: call as *const () as u64,
            shape,
            count,
            door: engine.door(shape.code),
            alive: Rc::clone(alive),
            exit: u64::from(first_exit + index),
            checked: Cell::new(usize::MAX),
            inlined: snapshot.frames.len() as i32 - 1,
            words,
        });
        op.imm64 = &raw const *site as u64;
        sites.push(site);
    }
    Some(sites)
}

/// What general operations call before anything can look at frames.
///
/// # Safety
/// In a trace with this context.
pub unsafe extern "C" fn make_callers(context: *mut Context) -> i32 {
    let level = context.cast::<Level>();
    // SAFETY: the caller's: all contexts are those of levels.
    unsafe {
        if !(*level).is_made {
            level::make_callers(level);
        }
    }
    0
}

/// What `call_native` calls.
///
/// # Safety
/// In a trace with this context, at this site; the arguments' references are handed over.
unsafe extern "C" fn call(context: *mut Context, site: *const CallSite) -> *mut PyObject {
    // SAFETY: the caller's: the context is a level's, which nobody else uses meanwhile. The trace that is called is valid, and what
    // it takes for granted was checked.
    unsafe {
        let level = context.cast::<Level>();
        let site = &*site;
        let shape = &site.shape;
        let function = if shape.function.is_null() {
            *(*context).arguments.get_unchecked(site.count) as *mut PyObject
        } else {
            shape.function
        };
        (*level).call = site;
        let executor = site.door.executor.get();
        let same = executor == (*level).root;
        let until = site.door.until.get().wrapping_sub(1);
        site.door.until.set(until);
        if until == 0 && !executor.is_null() {
            reconsider(&*executor);
        }
        let executor = site.door.executor.get();
        if (*level).is_made {
            look_again(level);
        }
        let left = (*level).left - site.inlined - 1;
        if executor.is_null() || !may_call(&*executor, level, site, function, left, same) {
            return call_slowly(level, site, function);
        }
        let executor = &*executor;
        let above = level_above(level);
        let next = if (*level).next.has_room(site.words + shape.words + SLACK) {
            (*level).next.above(site.words)
        } else {
            match begin_piece(level, above, site) {
                Some(start) => start,
                None => return call_slowly(level, site, function),
            }
        };
        let frame = next.frame(0);
        unmade::fill(frame, shape, function, (*context).arguments.get_unchecked(..site.count));
        let pins = (*level).pinned != function;
        if pins {
            objects::incref(function);
        }
        if !same {
            executor.running.set(executor.running.get() + 1);
        }
        (*above).root = executor;
        (*above).below = level;
        (*above).is_made = false;
        (*above).next = next.above(shape.words);
        (*above).left = left;
        (*above).limit = (*level).limit;
        (*above).pinned = function;
        (*above).pins = pins;
        (*above).context.frame = frame.address();
        (*above).context.iterations = 0;
        let result = go_through(&site.door, above);
        if !same {
            executor.running.set(executor.running.get() - 1);
        }
        let simple = !(*above).is_made && (*above).piece.is_none();
        if simple && unmade::clear(frame, shape) && site.alive.valid.get() != 0 && !(*above).pins && same {
            return result;
        }
        if !simple && !(*above).is_made {
            unmade::clear(frame, shape);
        }
        end_slowly(level, above, site, result)
    }
}

/// Runs the trace behind a door, on a level that is ready. Gives what it returned.
///
/// # Safety
/// The door is open, and its trace may be entered.
#[inline(always)]
pub unsafe fn go_through(door: &Door, level: *mut Level) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        delegation::forget();
        decal_native::enter::enter_again(&mut (*level).context, door.address.get());
        delegation::forget();
        let mut result = null_mut();
        if (*level).is_made && !is_unseen(level) || !door.result(&(*level).context, &mut result) {
            result = leave(level, door);
        } else if (*level).is_made {
            drop_unseen(level);
        }
        result
    }
}

/// Whether nobody can see the locals of the entry frame, which exists, once it is gone.
unsafe fn is_unseen(level: *mut Level) -> bool {
    // SAFETY: the caller's: the frame exists.
    unsafe { (*level).made.is_none() && (*level).site.is_some_and(|site| !site.frame.has_object()) }
}

/// Takes the entry frame away, which exists: its trace has returned, and left all in place.
unsafe fn drop_unseen(level: *mut Level) {
    // SAFETY: the caller's. Calls from here have made the frame they needed and taken it away.
    unsafe {
        if let Some(site) = (*level).site {
            site.thread.set_current_frame(site.frame);
            site.frame.set_stack_depth(0);
            frame::drop_frame(site.thread, site.frame);
        }
    }
}

fn compares_numbers(uop: Uop) -> bool {
    matches!(
        uop,
        Uop::guard_lt_int
            | Uop::guard_le_int
            | Uop::guard_gt_int
            | Uop::guard_ge_int
            | Uop::guard_eq_int
            | Uop::guard_ne_int
    )
}

/// Has a recursion that takes few ways followed deeper. What is under way is left then, once.
#[cold]
fn reconsider(executor: &Executor) {
    state::with(|engine| {
        let sides = executor.sides.borrow().len();
        let family = executor.family.borrow();
        let all = family.iter().map(|(_, side)| &**side).chain([executor]);
        let guards = |executor: &Executor| -> u64 {
            let exits = executor.exits.iter().filter(|exit| exit.at.is_some() && !exit.calls);
            exits.map(|exit| exit.taken.get()).sum()
        };
        let left: u64 = all.map(guards).sum();
        // What numbers decide comes the same way again and again; what data decide does not.
        let counts = family.iter().all(|(_, side)| side.led_by.is_some_and(|(uop, ..)| compares_numbers(uop)));
        drop(family);
        let loops = engine.is_looping_recursion(executor.code);
        let units = executor.recorded.trace.codes.first().map_or(usize::MAX, |code| code.lines.len());
        let place = (executor.code as usize, executor.offset);
        let short = engine.locations.get(&place).is_some_and(|location| location.unroll == Unroll::Short);
        if short
            && !loops
            && counts
            && sides <= FEW_WAYS
            && units <= SHORT
            && left < u64::from(TRIED) / 20
            && engine.has_budget()
        {
            engine.log(1, || format!("trace {} is made anew, with its recursion followed deeper", executor.id));
            engine.invalidate(executor.id);
            if let Some(location) = engine.locations.get_mut(&place) {
                location.unrolled(Unroll::Long);
            }
        }
    });
}

/// The level above one, ready to be entered.
#[inline(always)]
unsafe fn level_above(level: *mut Level) -> *mut Level {
    // SAFETY: the caller's.
    unsafe {
        let above: *mut Level = match &mut (*level).above {
            Some(above) => &raw mut **above,
            above => &raw mut **above.insert(Box::default()),
        };
        let (inner, outer) = (&mut (*above).context, &(*level).context);
        if (inner.thread, inner.breaker_quiet) != (outer.thread, outer.breaker_quiet) {
            prepare(inner, outer);
        }
        above
    }
}

/// Gives a level what all levels of a thread share.
#[cold]
fn prepare(inner: &mut Context, outer: &Context) {
    inner.thread = outer.thread;
    inner.breaker = outer.breaker;
    inner.breaker_quiet = outer.breaker_quiet;
    decal_native::enter::prepare(inner);
}

/// Begins another piece of the stack of frames, where this one is full: the callee's frame is the first in it. Gives its place.
#[cold]
unsafe fn begin_piece(level: *mut Level, above: *mut Level, site: &CallSite) -> Option<Top> {
    // SAFETY: the caller's.
    unsafe {
        // The frames of inlined calls come before it, in the old one.
        let piece = (*level).next.has_room(site.words).then(|| Piece::new(site.shape.words)).flatten()?;
        (*above).piece = Some(piece);
        Some(piece.start())
    }
}

/// The end of a call that is not as simple as others: frames exist, something runs code when it dies, a trace has changed what
/// another one relies on, or the callee's trace is another one.
#[cold]
unsafe fn end_slowly(level: *mut Level, above: *mut Level, site: &CallSite, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's. The locals were cleared, but for what is left in them.
    unsafe {
        let executor = &*(*above).root;
        let (shape, function, pins) = (&site.shape, (*above).pinned, std::mem::take(&mut (*above).pins));
        let thread = Thread::from_address((*level).context.thread);
        let frame = Frame::from_address((*above).context.frame);
        let made = (*above).is_made;
        if made {
            thread.take_native_recursion(-1);
            thread.take_recursion(-site.inlined - 1);
        }
        let last = pins && objects::is_last(function);
        let simple =
            !made && !last && unmade::is_clear(frame, shape) && executor.valid.get() && site.alive.valid.get() != 0;
        if executor.running.get() == 0 && (!executor.valid.get() || executor.stale.get()) {
            links::sweep(&(*above).root());
            graves::sweep();
        }
        let piece = (*above).piece.take();
        if simple {
            if pins {
                objects::decref(function);
            }
            piece.inspect(|piece| piece.give_back());
            return result;
        }
        if (*level).made.is_none() {
            level::make_callers(level);
            level::make_call(level);
        }
        thread.take_recursion(site.inlined);
        if !made {
            unmade::let_go(frame, shape);
        }
        piece.inspect(|piece| piece.give_back());
        if pins {
            objects::decref(function);
        }
        thread.take_recursion(-site.inlined);
        (*level).result = result;
        null_mut()
    }
}

/// Whether the callee's trace may be entered. Nothing has run since the outermost trace was entered but traces.
#[inline(always)]
unsafe fn may_call(
    executor: &Executor,
    level: *mut Level,
    site: &CallSite,
    function: *mut PyObject,
    left: i32,
    same: bool,
) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let context = &(*level).context;
        let thread = Thread::from_address(context.thread);
        (context.breaker as *const u64).read_volatile() == context.breaker_quiet
            && left > executor.max_depth.get() as i32
            && is_above((*level).limit)
            && (same || may_call_other(executor, thread))
            && (site.checked.get() == executor.id || names_fit(executor, site, function))
    }
}

/// The same for another trace than the caller's, whose code was not looked at before that was entered.
unsafe fn may_call_other(executor: &Executor, thread: Thread) -> bool {
    // SAFETY: the caller's.
    executor.valid.get() && unsafe { executor.alive.covered.only_decal(thread) }
}

#[cold]
unsafe fn names_fit(executor: &Executor, site: &CallSite, function: *mut PyObject) -> bool {
    // SAFETY: the caller's: a live function. Where any one of a code is called, its dicts were compared.
    let shape = unsafe { Shape::of(function) };
    let fit = executor.names == (shape.globals as u64, shape.builtins as u64);
    if fit {
        site.checked.set(executor.id);
    }
    fit
}

/// The callee's trace was left in a way that its door does not know. What it gave, as an object, or null with an exception set.
#[cold]
unsafe fn leave(level: *mut Level, door: &Door) -> *mut PyObject {
    // SAFETY: the caller's: the values are those of this exit.
    unsafe {
        let number = (*level).context.exit;
        let Some((executor, index)) = links::find_exit(&(*level).root(), number) else { return null_mut() };
        let made = (*level).is_made;
        if (!made || is_unseen(level))
            && let Some(exit) = executor.exits.get(index)
            && let Some(result) = return_briefly(level, &executor, exit, index, door)
        {
            if made {
                drop_unseen(level);
            }
            return result;
        }
        let made = level::make_callers(level);
        if let Some(exit) = executor.exits.get(index).filter(|exit| exit.countdown.get() > 1) {
            // All these traces are left behind their calls because of this exit.
            exit.countdown.set(exit.countdown.get().saturating_sub(made as u32).max(1));
        }
        let Some(site) = (*level).site else { return null_mut() };
        let left = exit::leave(&site, level, &executor, index, Values::Native(&(*level).context));
        finish(site.thread, site.frame, left)
    }
}

/// The result at an exit that returns and leaves nothing else to be done.
unsafe fn return_briefly(
    level: *mut Level,
    executor: &Executor,
    exit: &Exit,
    index: usize,
    door: &Door,
) -> Option<*mut PyObject> {
    let brief = exit.used().brief.get_or_init(|| match executor.recorded.trace.snaps.get(exit.snap) {
        Some(snapshot) if snapshot.then == Then::Return => {
            Brief::new(&snapshot, executor.plan_of_return(index), exit.constant)
        }
        _ => Brief::No,
    });
    let (simple, locals) = match brief {
        Brief::No => return None,
        Brief::Result(make, _, locals) => (make.simple(), locals),
        Brief::Constant(constant, _, locals) => (Some(Simple::Const(*constant)), locals),
    };
    if let Some(simple) = simple {
        door.remember(u64::from(executor.first_exit) + index as u64, simple, locals, &exit.taken);
    }
    // SAFETY: the caller's.
    let result = unsafe {
        match brief {
            Brief::No => null_mut(),
            Brief::Result(make, ..) => make.alone(Values::Native(&(*level).context)),
            Brief::Constant(constant, ..) => objects::shared(*constant as *mut PyObject),
        }
    };
    if result.is_null() {
        return None;
    }
    // SAFETY: as above.
    unsafe { brief::fill(Frame::from_address((*level).context.frame), locals, Values::Native(&(*level).context)) };
    exit.taken.set(exit.taken.get() + 1);
    Some(result)
}

/// What comes of a frame whose function was called from a trace, and whose own trace was left like this.
///
/// # Safety
/// The frame exists and is the innermost one.
pub unsafe fn finish(thread: Thread, frame: Frame, left: Left) -> *mut PyObject {
    // SAFETY: the caller's. The interpreter counts the call itself.
    unsafe {
        match left {
            Left::Return(result) => {
                frame::drop_frame(thread, frame);
                result
            }
            Left::Resume | Left::Enter(_) => counted(thread, || frame::run(thread, frame, false)),
            Left::Throw => counted(thread, || frame::run(thread, frame, true)),
            // Only said to callbacks.
            Left::Null => null_mut(),
        }
    }
}

fn counted(thread: Thread, run: impl FnOnce() -> Result<*mut PyObject, decal_cpython::Raised>) -> *mut PyObject {
    thread.take_native_recursion(-1);
    thread.take_recursion(-1);
    let result = run().unwrap_or(null_mut());
    thread.take_recursion(1);
    thread.take_native_recursion(1);
    result
}

/// The call as CPython makes it, with all frames in place.
#[cold]
unsafe fn call_slowly(level: *mut Level, site: &CallSite, function: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's: the references to the arguments are handed on.
    unsafe {
        let thread = Thread::from_address((*level).context.thread);
        let mut arguments = [null_mut(); decal_uops::ARGUMENTS + 1];
        arguments[0] = function;
        objects::incref(function);
        for (index, argument) in (*level).context.arguments.iter().enumerate().take(site.count) {
            arguments[index + 1] = *argument as *mut PyObject;
        }
        level::make_callers(level);
        level::make_call(level);
        thread.take_recursion(site.inlined);
        (*level).result = crate::direct::call(arguments.as_mut_ptr(), site.count, null_mut());
        thread.take_recursion(-site.inlined);
        null_mut()
    }
}

/// A level for a trace that no other one calls.
pub fn settle(level: &mut Level, site: &Site, root: &Rc<Executor>) {
    level.root = Rc::as_ptr(root);
    level.site = Some(*site);
    level.is_made = true;
    level.below = null_mut();
    level.pinned = null_mut();
}

/// Before a call from a level whose entry frame exists: other code may have run, so that the thread is asked what there is room for.
unsafe fn look_again(level: *mut Level) {
    // SAFETY: the level is in use; its thread is the current one.
    unsafe {
        let thread = Thread::from_address((*level).context.thread);
        let (calls, natively) = (thread.recursion_remaining(), thread.native_recursion_remaining());
        (*level).left = (calls - RECURSION_MARGIN).min(natively - NATIVE_MARGIN);
        (*level).next = Top::of(thread);
        (*level).limit = stack::limit();
    }
}
