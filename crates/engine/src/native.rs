//! Native calls: from a trace into the trace of a function's start, without a frame.
//!
//! The uop `call_native` calls [`call`] with its context, where the arguments are, and a [`CallSite`]. What the call takes for
//! granted is little: the callee is a constant, no Python code runs as long as traces call each other, so that whatever is asked
//! before a trace is entered need not be asked again, but for what a trace can change or use up. The result comes back as an
//! object, with the callee's locals dropped and its frame never made; or null, and then the frames of the caller exist (see
//! [`level`](crate::level)), and it leaves its trace behind the call, or raises.
//!
//! Cost: some twenty nanoseconds for a call and its return.

use crate::brief::Brief;
use crate::enter::{NATIVE_MARGIN, RECURSION_MARGIN, Site};
use crate::executor::Executor;
use crate::exit::{self, Left};
use crate::graves;
use crate::level::{self, Level};
use crate::links;
use crate::plan::Values;
use crate::state::Engine;
use decal_cpython::frame::{self, Frame};
use decal_cpython::stack::has_room;
use decal_cpython::thread::Thread;
use decal_cpython::unmade::{self, Shape, Top};
use decal_cpython::{PyObject, delegation, objects};
use decal_trace::allocated::{Allocated, Item};
use decal_trace::record::Recorded;
use decal_trace::snapshot::Then;
use decal_uops::{Context, Uop};
use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::rc::Rc;

/// The trace of a function's start, as callers know it: one for each code object.
#[derive(Debug)]
pub struct Door {
    /// The valid root trace; null where there is none.
    executor: Cell<*const Executor>,
}

impl Door {
    /// Says which trace it is.
    pub fn open(&self, executor: &Rc<Executor>) {
        self.executor.set(Rc::as_ptr(executor));
    }

    /// There is none any more.
    pub fn close(&self) {
        self.executor.set(null());
    }

    /// Whether there is one.
    pub fn is_open(&self) -> bool {
        !self.executor.get().is_null()
    }
}

/// A native call in a trace.
#[repr(C)]
#[derive(Debug)]
pub struct CallSite {
    /// The address of [`call`]: machine code finds it here.
    enter: u64,
    /// What is called.
    pub shape: Shape,
    /// The number of arguments.
    count: usize,
    /// Its trace.
    door: Rc<Door>,
    /// The number of the exit, whose snapshot is the caller's state at the call.
    pub exit: u64,
    /// Frames that are inlined in the caller there, and the words that they take on the stack of frames.
    inlined: i32,
    words: usize,
}

impl Engine {
    /// What callers know of the trace of a function's start.
    pub fn door(&mut self, code: *mut PyObject) -> Rc<Door> {
        let door = self.doors.entry(code as usize);
        Rc::clone(door.or_insert_with(|| Rc::new(Door { executor: Cell::new(null()) })))
    }
}

/// Makes the sites of a trace's native calls, and puts them in place of the functions. None where one cannot be.
///
/// # Safety
/// The functions are alive.
#[expect(clippy::vec_box, reason = "machine code has their addresses")]
pub unsafe fn sites(
    engine: &mut Engine,
    recorded: &Recorded,
    allocated: &mut Allocated,
    first_exit: u32,
) -> Option<Vec<Box<CallSite>>> {
    let mut sites = Vec::new();
    for item in &mut allocated.items {
        let Item::Op(op) = item else { continue };
        if op.uop != Uop::call_native {
            continue;
        }
        let index = op.exit?.0;
        let snapshot = recorded.trace.snaps.get(allocated.exits.get(op.exit?)?.snap)?;
        let function = op.imm64 as *mut PyObject;
        // SAFETY: the caller's; functions of inlined calls are alive as long as the trace is valid.
        let (shape, words) = unsafe {
            let count = objects::parameters(function)?;
            let inner = snapshot.frames.iter().skip(1);
            let words = inner.map(|frame| unmade::words(frame.function as *mut PyObject)).sum();
            (Shape::new(function, count)?, words)
        };
        let site = Box::new(CallSite {
            enter: call as *const () as u64,
            shape,
            // SAFETY: as above.
            count: unsafe { objects::parameters(function)? },
            door: engine.door(shape.code),
            exit: u64::from(first_exit + index),
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
        let thread = Thread::from_address((*context).thread);
        (*level).call = site;
        let bottom = Top::of(thread);
        let executor = site.door.executor.get();
        if executor.is_null() || !may_call(&*executor, level, site, thread, bottom) {
            return call_slowly(level, site, thread, bottom);
        }
        let Some(native) = &(*executor).native else { return call_slowly(level, site, thread, bottom) };
        let frame = bottom.frame(site.words);
        let arguments = (*context).arguments.get(..site.count).unwrap_or(&[]);
        unmade::fill(frame, shape, arguments);
        bottom.above(site.words + shape.words).set(thread);
        thread.take_recursion(site.inlined + 1);
        thread.take_native_recursion(1);
        objects::incref(shape.function);
        let above: *mut Level = &raw mut **(*level).above.get_or_insert_with(Box::default);
        Rc::increment_strong_count(executor);
        (*above).root = Some(Rc::from_raw(executor));
        (*above).below = level;
        (*above).site = Some(Site { thread, frame, code: shape.code, destination: None, called: true });
        (*above).is_made = false;
        (*above).bottom = bottom;
        let inner = &mut (*above).context;
        inner.frame = frame.address();
        inner.thread = (*context).thread;
        inner.breaker = (*context).breaker;
        inner.breaker_quiet = (*context).breaker_quiet;
        inner.iterations = 0;
        delegation::forget();
        (*executor).running.set((*executor).running.get() + 1);
        decal_native::enter::enter(inner, native.address);
        delegation::forget();
        let result = leave(above, &*executor);
        (*executor).running.set((*executor).running.get() - 1);
        let root = (*above).root.take();
        if (*executor).running.get() == 0
            && (!(*executor).valid.get() || (*executor).stale.get())
            && let Some(root) = &root
        {
            links::sweep(root);
            graves::sweep();
        }
        drop(root);
        thread.take_native_recursion(-1);
        thread.take_recursion(-site.inlined - 1);
        let mut dying = smallvec::SmallVec::new();
        if !(*above).is_made {
            bottom.set(thread);
            dying = unmade::clear(frame, shape);
        }
        if objects::is_last(shape.function) {
            dying.push(shape.function);
        } else {
            objects::decref(shape.function);
        }
        let valid = (*level).root.as_ref().is_some_and(|root| root.valid.get());
        if (*level).made.is_none() && dying.is_empty() && valid {
            return result;
        }
        // Something of the callee's runs code when it dies, or a trace has changed what this one relies on.
        if (*level).made.is_none() {
            level::make_callers(level);
            level::make_call(level, bottom);
        }
        dying.into_iter().for_each(|object| objects::decref(object));
        (*level).result = result;
        null_mut()
    }
}

/// Whether the callee's trace may be entered. Nothing has run since the outermost trace was entered but traces.
#[inline]
unsafe fn may_call(executor: &Executor, level: *mut Level, site: &CallSite, thread: Thread, bottom: Top) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let context = &(*level).context;
        let depth = executor.max_depth.get() as i32 + site.inlined + 1;
        let same = (*level).root.as_ref().is_some_and(|root| std::ptr::eq(Rc::as_ptr(root), executor));
        (context.breaker as *const u64).read_volatile() == context.breaker_quiet
            && thread.recursion_remaining() > depth + RECURSION_MARGIN
            && thread.native_recursion_remaining() > NATIVE_MARGIN
            && has_room()
            && bottom.has_room(thread, site.words + site.shape.words)
            && executor.names == (site.shape.globals as u64, site.shape.builtins as u64)
            && (same || executor.valid.get() && executor.alive.covered.only_decal(thread))
    }
}

/// The callee's trace was left. What it gave, as an object, or null with an exception set.
unsafe fn leave(level: *mut Level, root: &Executor) -> *mut PyObject {
    // SAFETY: the caller's: the values are those of this exit.
    unsafe {
        let number = (*level).context.exit;
        if !(*level).is_made {
            let index = number.wrapping_sub(u64::from(root.first_exit)) as usize;
            if let Some(exit) = root.exits.get(index)
                && let Some(result) = return_briefly(level, root, exit, index)
            {
                return result;
            }
        }
        let (Some(site), Some(rc)) = ((*level).site, (*level).root.clone()) else { return null_mut() };
        let Some((executor, index)) = links::find_exit(&rc, number) else { return null_mut() };
        if !(*level).is_made
            && let Some(exit) = executor.exits.get(index)
            && let Some(result) = return_briefly(level, &executor, exit, index)
        {
            return result;
        }
        level::make_callers(level);
        let left = exit::leave(&site, level, &executor, index, Values::Native(&(*level).context));
        finish(site.thread, site.frame, left)
    }
}

/// The result at an exit that returns and leaves nothing else to be done.
unsafe fn return_briefly(
    level: *mut Level,
    executor: &Executor,
    exit: &crate::executor::Exit,
    index: usize,
) -> Option<*mut PyObject> {
    let brief = exit.used().brief.get_or_init(|| match executor.recorded.trace.snaps.get(exit.snap) {
        Some(snapshot) if snapshot.then == Then::Return => {
            Brief::new(&snapshot, executor.plan_of_return(index), exit.constant)
        }
        _ => Brief::No,
    });
    // SAFETY: the caller's.
    let result = unsafe {
        match brief {
            Brief::No => return None,
            Brief::Result(make, _) => make.alone(Values::Native(&(*level).context)),
            Brief::Constant(constant, _) => {
                objects::incref(*constant as *mut PyObject);
                *constant as *mut PyObject
            }
        }
    };
    if result.is_null() {
        return None;
    }
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
unsafe fn call_slowly(level: *mut Level, site: &CallSite, thread: Thread, bottom: Top) -> *mut PyObject {
    // SAFETY: the caller's: the references to the arguments are handed on.
    unsafe {
        let mut arguments = [null_mut(); decal_uops::ARGUMENTS + 1];
        arguments[0] = site.shape.function;
        objects::incref(site.shape.function);
        for (index, argument) in (*level).context.arguments.iter().enumerate().take(site.count) {
            arguments[index + 1] = *argument as *mut PyObject;
        }
        level::make_callers(level);
        level::make_call(level, bottom);
        thread.take_recursion(site.inlined);
        (*level).result = crate::direct::call(arguments.as_mut_ptr(), site.count, null_mut());
        thread.take_recursion(-site.inlined);
        null_mut()
    }
}

/// A level for a trace that no other one calls.
pub fn settle(level: &mut Level, site: &Site, root: &Rc<Executor>) {
    level.root = Some(Rc::clone(root));
    level.site = Some(*site);
    level.is_made = true;
    level.below = null_mut();
}
