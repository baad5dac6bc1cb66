//! Leaving: from a snapshot and the values at an exit back to Python's frames.
//!
//! ```text
//! fields that the trace kept in registers are written
//!   → all objects are made, before anything is replaced
//!   → the entry frame gets its slots; inner frames are pushed
//!   → [a side trace is to begin: observing starts]
//!   → inner frames run, innermost first, each handing its result to the one below
//!   → the entry frame goes on, raises, or enters the next trace
//! ```
//!
//! Ownership is as [`decal_trace::snapshot`] says. Old contents of locals are of plain types, so that dropping
//! them runs no Python code; the engine is not borrowed while frames run. Should memory run out while objects are
//! made, the slots concerned stay empty and a `MemoryError` is raised where the exit stands.

use crate::enter::Site;
use crate::executor::Executor;
use crate::observe::{self, Purpose};
use crate::state::{self, Engine};
use decal_cpython::frame::{self, Frame, Unwound};
use decal_cpython::monitoring::only_decal;
use decal_cpython::{PyObject, objects};
use decal_trace::allocated::{ExitIndex, ExitMap};
use decal_trace::ir::Val;
use decal_trace::snapshot::{BoxId, Snapshot, Source, Then};
use decal_uops::Context;
use std::ptr::null_mut;
use std::rc::Rc;

/// Where the values of an exit are.
pub enum Values<'a> {
    /// In the registers and slots that native code left behind.
    Native(&'a ExitMap, &'a Context),
    /// In the trace interpreter's array.
    Interpreted(&'a [u64]),
}

/// What comes after an exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// CPython goes on where the frame stands.
    Resume,
    /// The exception that is set leaves the frame.
    Null,
    /// The frame stands at the head of a loop that may be compiled: this offset.
    Enter(u32),
}

impl Values<'_> {
    fn get(&self, val: Val) -> Option<u64> {
        match self {
            Values::Native(map, context) => {
                let place = map.places.iter().find(|(known, _)| *known == val).map(|(_, place)| *place)?;
                Some(crate::pipeline::bits(place, context))
            }
            Values::Interpreted(values) => values.get(val.index()).copied(),
        }
    }
}

/// Makes the objects of a snapshot.
struct Builder<'a> {
    values: &'a Values<'a>,
    /// Objects made so far; each slot has a reference of its own.
    boxes: Vec<(BoxId, *mut PyObject)>,
    /// Something could not be made.
    failed: bool,
}

impl Builder<'_> {
    /// A new reference, or null.
    unsafe fn object(&mut self, source: &Source) -> *mut PyObject {
        // SAFETY: the values are of this snapshot, so that objects among them are alive.
        unsafe {
            match source {
                Source::Unchanged | Source::Home(_) | Source::Null => null_mut(),
                Source::Bool(val) => objects::new_bool(self.bits(*val) != 0),
                Source::Borrowed(val) => {
                    let object = self.bits(*val) as *mut PyObject;
                    objects::incref(object);
                    object
                }
                Source::Owned(val) => self.bits(*val) as *mut PyObject,
                Source::Const(address) => {
                    let object = *address as *mut PyObject;
                    objects::incref(object);
                    object
                }
                Source::Int(val, id) => self.boxed(*id, |this| objects::new_int(this.bits(*val) as i64)),
                Source::Float(val, id) => self.boxed(*id, |this| objects::new_float(f64::from_bits(this.bits(*val)))),
                Source::RangeIter(next, step, left, id) => self.boxed(*id, |this| {
                    let [next, step, left] = [next, step, left].map(|val| this.bits(*val) as i64);
                    objects::new_range_iter(next, step, left)
                }),
                Source::Tuple(items, id) => self.boxed(*id, |this| {
                    let items: Vec<*mut PyObject> = items.iter().map(|item| this.object(item)).collect();
                    if items.iter().any(|item| item.is_null()) {
                        items.iter().for_each(|item| objects::decref(*item));
                        return null_mut();
                    }
                    objects::new_tuple(&items)
                }),
            }
        }
    }

    fn bits(&mut self, val: Val) -> u64 {
        self.values.get(val).unwrap_or_else(|| {
            self.failed = true;
            0
        })
    }

    unsafe fn boxed(&mut self, id: BoxId, make: impl FnOnce(&mut Self) -> *mut PyObject) -> *mut PyObject {
        if let Some((_, object)) = self.boxes.iter().find(|(known, _)| *known == id) {
            // SAFETY: made for an earlier slot, which holds it.
            unsafe { objects::incref(*object) };
            return *object;
        }
        let object = make(self);
        if object.is_null() {
            self.failed = true;
        } else {
            self.boxes.push((id, object));
        }
        object
    }
}

/// Leaves a trace.
///
/// # Safety
/// In the callback that `site` says; `values` are those of this exit of this executor, fresh.
pub unsafe fn leave(site: &Site, executor: &Rc<Executor>, index: usize, values: &Values<'_>) -> Left {
    let exit = executor.exits.get(index);
    let snapshot = exit.and_then(|exit| executor.recorded.trace.snaps.get(exit.snap.0 as usize));
    let (Some(exit), Some(snapshot)) = (exit, snapshot) else { return Left::Resume };
    exit.taken.set(exit.taken.get() + 1);
    let mut builder = Builder { values, boxes: Vec::new(), failed: false };
    // SAFETY: the caller's; see the module's text for the order.
    unsafe {
        for store in &snapshot.stores {
            let (base, value) = (builder.bits(store.base), builder.bits(store.value));
            if base != 0 {
                ((base as i64 + i64::from(store.disp)) as *mut u64).write(value);
            }
        }
        let frames = rebuild(site, snapshot, &mut builder);
        let mut throw = snapshot.then == Then::Raise && site.thread.has_exception();
        if builder.failed {
            if !site.thread.has_exception() {
                objects::raise_memory_error();
            }
            throw = true;
        } else if !throw {
            site.thread.clear_exception();
        }
        let Some(frames) = frames else { return go_on(site, snapshot, true) };
        if exit.countdown.get() > 0 && !throw {
            exit.countdown.set(exit.countdown.get() - 1);
            if exit.countdown.get() == 0
                && state::with(|engine| observe_on(engine, executor, index, &frames)) != Some(true)
            {
                exit.countdown.set(1);
            }
        }
        let threw = run_inner(site, snapshot, &frames, throw);
        go_on(site, snapshot, threw)
    }
}

/// Fills the entry frame and pushes the inner ones: all frames, or none where memory ran out.
unsafe fn rebuild(site: &Site, snapshot: &Snapshot, builder: &mut Builder<'_>) -> Option<Vec<Frame>> {
    // SAFETY: the caller's: slots and depths are those of the frames' code.
    unsafe {
        let outer = snapshot.frames.first()?;
        let objects_of = |builder: &mut Builder<'_>, sources: &[Source]| -> Vec<*mut PyObject> {
            sources.iter().map(|source| builder.object(source)).collect()
        };
        let made: Vec<(Vec<*mut PyObject>, Vec<*mut PyObject>)> = snapshot
            .frames
            .iter()
            .map(|frame| (objects_of(builder, &frame.locals), objects_of(builder, &frame.stack)))
            .collect();
        let mut old = Vec::new();
        let (locals, stack) = made.first()?;
        for (slot, source) in outer.locals.iter().enumerate() {
            if !source.is_in_place() {
                old.push(site.frame.replace_local(slot as u32, locals[slot]));
            }
        }
        for (slot, source) in outer.stack.iter().enumerate() {
            if !source.is_in_place() {
                site.frame.set_stack(slot as u32, stack[slot]);
            }
        }
        site.frame.set_stack_depth(outer.stack.len() as u32);
        site.frame.set_offset(outer.offset);
        let mut frames = vec![site.frame];
        for (described, (locals, stack)) in snapshot.frames.iter().zip(&made).skip(1) {
            let below = *frames.last()?;
            let pushed = if builder.failed {
                None
            } else {
                frame::push(site.thread, described.function as *mut PyObject, below).ok()
            };
            let Some(inner) = pushed else {
                // The objects of this frame and of those that would follow have no place any more.
                builder.failed = true;
                locals.iter().chain(stack).for_each(|object| objects::decref(*object));
                continue;
            };
            for (slot, object) in locals.iter().enumerate() {
                objects::decref(inner.replace_local(slot as u32, *object));
            }
            for (slot, object) in stack.iter().enumerate() {
                inner.set_stack(slot as u32, *object);
            }
            inner.set_stack_depth(stack.len() as u32);
            inner.set_offset(described.offset);
            frames.push(inner);
        }
        old.iter().for_each(|object| objects::decref(*object));
        if frames.len() < snapshot.frames.len() {
            while frames.len() > 1 {
                if let Some(inner) = frames.pop() {
                    frame::drop_frame(site.thread, inner);
                }
            }
            return None;
        }
        Some(frames)
    }
}

/// Starts to observe what follows an exit that is hot. Whether it did, or never will.
fn observe_on(engine: &mut Engine, executor: &Rc<Executor>, index: usize, frames: &[Frame]) -> bool {
    let Some(root) = engine.executors.get(executor.root).and_then(Option::as_ref) else { return true };
    if root.sides.borrow().len() as u32 >= engine.options.max_sides {
        return true;
    }
    if engine.observation.is_some() || !executor.valid.get() {
        return false;
    }
    let exit = executor.exits.get(index);
    let Some(snapshot) = exit.and_then(|exit| executor.recorded.trace.snaps.get(exit.snap.0 as usize)) else {
        return true;
    };
    // SAFETY: code of live frames.
    if !frames.iter().all(|frame| unsafe { only_decal(frame.code()) }) {
        return false;
    }
    let last = frames.len() - 1;
    let list: Vec<(Frame, u32)> = frames
        .iter()
        .zip(&snapshot.frames)
        .enumerate()
        .map(|(position, (frame, described))| {
            (*frame, if position == last { described.offset } else { described.after })
        })
        .collect();
    let stack = snapshot.frames.first().map_or(0, |frame| frame.stack.len() as u32);
    let purpose = Purpose::Side { parent: Rc::clone(executor), exit: ExitIndex(index as u32) };
    // SAFETY: the frames were just made or are in their callback.
    unsafe { observe::begin(engine, purpose, &list, stack) }
}

/// Runs the inner frames. True where an exception has reached the entry frame.
unsafe fn run_inner(site: &Site, snapshot: &Snapshot, frames: &[Frame], mut throw: bool) -> bool {
    for index in (1..frames.len()).rev() {
        let (Some(inner), Some(below), Some(described)) =
            (frames.get(index), frames.get(index - 1), snapshot.frames.get(index - 1))
        else {
            return throw;
        };
        // The frames between exist, but CPython has not counted their calls.
        let pending = index as i32 - 1;
        site.thread.take_recursion(pending);
        let guard = site.thread.unsilence();
        // SAFETY: the innermost frame that is left, filled by `rebuild` or by the turn before.
        let result = unsafe { frame::run(site.thread, *inner, throw) };
        drop(guard);
        site.thread.take_recursion(-pending);
        throw = result.is_err();
        if let Ok(value) = result {
            let depth = described.stack.len() as u32;
            // SAFETY: behind the call there is one value more than the stack without callable and arguments.
            unsafe {
                below.set_stack(depth, value);
                below.set_stack_depth(depth + 1);
                below.set_offset(described.after);
            }
        }
    }
    throw
}

/// The entry frame goes on.
unsafe fn go_on(site: &Site, snapshot: &Snapshot, throw: bool) -> Left {
    let Some(outer) = snapshot.frames.first() else { return Left::Resume };
    if throw {
        let Some(decoded) = state::with(|engine| engine.code(site.code)).flatten() else { return Left::Null };
        // SAFETY: in this frame's callback, with the stack that the snapshot describes.
        return match unsafe { site.frame.unwind(site.thread, &decoded, outer.offset, site.destination) } {
            Unwound::Resume => Left::Resume,
            Unwound::Null => Left::Null,
        };
    }
    if snapshot.then == Then::Enter { Left::Enter(outer.offset) } else { Left::Resume }
}
