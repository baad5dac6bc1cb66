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

use crate::brief::{Brief, Slots, return_briefly};
use crate::consume;
use crate::enter::Site;
use crate::executor::{END_PATIENCE, Executor, Exit, MAX_ALIKE};
use crate::level::{Level, Made};
use crate::observe::{self, Purpose};
use crate::pipeline::tree_size;
use crate::plan::{Objects, Plan, Values};
use crate::state::{self, Engine};
use crate::unrolled;
use crate::worth;
use decal_cpython::delegation::{self, Linked};
use decal_cpython::frame::{self, Frame, Unwound};
use decal_cpython::monitoring::only_decal;
use decal_cpython::{PyObject, Raised, objects, results};
use decal_trace::allocated::ExitIndex;
use decal_trace::bytecode::Op;
use decal_trace::event::Consumer;
use decal_trace::snapshot::{Frame as Described, Returns, Snapshot, Then};
use smallvec::SmallVec;
use std::ptr::null_mut;
use std::rc::Rc;

/// Instructions of a root trace and its side traces beyond which there are no more.
const MAX_TREE: usize = 40_000;

/// What comes after an exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// CPython goes on where the frame stands.
    Resume,
    /// The exception that is set leaves the frame.
    Null,
    /// Not in a callback: the exception that is set is to be raised where the frame stands.
    Throw,
    /// Not in a callback: the frame returns this.
    Return(*mut PyObject),
    /// The frame stands at the head of a loop that may be compiled: this offset.
    Enter(u32),
}

/// Leaves a trace.
///
/// # Safety
/// In the callback that `site` says; `values` are those of this exit of this executor, fresh.
pub unsafe fn leave(site: &Site, level: *mut Level, executor: &Rc<Executor>, index: usize, values: Values<'_>) -> Left {
    let Some(exit) = executor.exits.get(index) else { return Left::Resume };
    exit.taken.set(exit.taken.get() + 1);
    // SAFETY: the level of the trace that was left.
    if let Some(made) = unsafe { (*level).made.take() } {
        let Some(snapshot) = executor.recorded.trace.snaps.get(exit.snap) else { return Left::Resume };
        // SAFETY: the caller's: a native call was under way, whose result the level has.
        return unsafe { leave_call(site, exit, &snapshot, made, (*level).result) };
    }
    if let Some(slots) = exit.slots()
        && exit.countdown.get() != 1
    {
        // SAFETY: the caller's.
        if let Some(left) = unsafe { slots.fill(site, values) } {
            exit.countdown.set(exit.countdown.get().saturating_sub(1));
            return left;
        }
    }
    let Some(snapshot) = executor.recorded.trace.snaps.get(exit.snap) else { return Left::Resume };
    let unseen = snapshot.then == Then::Return && !site.frame.has_object();
    if unseen {
        let brief =
            exit.used().brief.get_or_init(|| Brief::new(&snapshot, executor.plan_of_return(index), exit.constant));
        // SAFETY: the caller's.
        if let Some(left) = unsafe { return_briefly(site, brief, values) } {
            return left;
        }
    }
    let plan = if unseen { executor.plan_of_return(index) } else { executor.plan(index) };
    let Some(plan) = plan else { return Left::Resume };
    if !unseen && !exit.attends {
        exit.used().slots.get_or_init(|| Slots::new(&snapshot, plan));
    }
    // SAFETY: the caller's; see the module's text for the order.
    unsafe {
        plan.fields.write(values);
        let (frames, failed) = rebuild(site, &snapshot, plan, values);
        let mut throw = snapshot.then == Then::Raise && site.thread.has_exception();
        if failed {
            if !site.thread.has_exception() {
                objects::raise_memory_error();
            }
            throw = true;
        } else if !throw && site.thread.has_exception() {
            site.thread.clear_exception();
        }
        let Some((frames, linked)) = frames else {
            if let (Some(outer), true) = (snapshot.frames.first(), snapshot.frames.len() > 1) {
                drop_instance(site, &outer, site.frame, outer.returns);
            }
            return go_on(site, &snapshot, true);
        };
        if exit.attends && !throw {
            // Code that runs now does not see the frames of inlined calls.
            let guard = site.thread.unsilence();
            throw = site.thread.attend().is_err();
            drop(guard);
        }
        if throw && !exit.raises {
            let raised = &exit.used().raised;
            raised.set(raised.get() + 1);
        }
        if throw == exit.raises && exit.countdown.get() > 0 {
            exit.countdown.set(exit.countdown.get() - 1);
            // What switches events on is called without an exception.
            let raised = if exit.countdown.get() == 0 && throw { Some(site.thread.put_aside()) } else { None };
            if exit.countdown.get() == 0
                && state::with(|engine| observe_on(engine, executor, index, &frames)) != Some(true)
            {
                let again = if snapshot.then == Then::Enter { END_PATIENCE } else { 1 };
                exit.countdown.set(again);
            }
            drop(raised);
        }
        let threw = run_inner(site, &snapshot, &frames, linked, throw);
        go_on(site, &snapshot, threw)
    }
}

/// Leaves a trace behind a native call while which its frames were made: they go on with what it gave.
unsafe fn leave_call(site: &Site, exit: &Exit, snapshot: &Snapshot<'_>, made: Made, result: *mut PyObject) -> Left {
    // SAFETY: the caller's: the frames stand at their calls, the innermost one at that which is over.
    unsafe {
        let Made::Frames(frames, chains) = made else {
            objects::decref(result);
            if !site.thread.has_exception() {
                objects::raise_memory_error();
            }
            return go_on(site, snapshot, true);
        };
        let throw = result.is_null();
        if throw {
            let raised = &exit.used().raised;
            raised.set(raised.get() + 1);
        } else if let (Some(top), Some(described)) = (frames.last(), snapshot.frames.last()) {
            let depth = described.depth();
            top.set_stack(depth, result);
            top.set_stack_depth(depth + 1);
            top.set_offset(described.after);
        }
        let threw = run_inner(site, snapshot, &frames, chains, throw);
        go_on(site, snapshot, threw)
    }
}

/// The frames at an exit, outermost first.
pub type Frames = SmallVec<[Frame; 4]>;

/// The generators between a frame, by its depth, and the one below.
pub type Chains = Vec<(usize, Linked)>;

/// Fills the entry frame and pushes the inner ones: all frames, or none where memory ran out, which the second result says.
///
/// # Safety
/// As for [`leave`].
pub unsafe fn rebuild(
    site: &Site,
    snapshot: &Snapshot<'_>,
    plan: &Plan,
    values: Values<'_>,
) -> (Option<(Frames, Chains)>, bool) {
    // SAFETY: the caller's: slots and depths are those of the frames' code.
    unsafe {
        let mut made = Objects::new();
        let generators = plan.make_generators(values);
        let mut failed = plan.make_objects(values, &generators, &mut made);
        let (mut frames, mut chains) = (Frames::new(), Chains::new());
        frames.push(site.frame);
        site.thread.set_current_frame(site.frame);
        let inner = made.iter().position(|filled| filled.frame > 0).unwrap_or(made.len());
        let (own, others) = made.split_at_mut(inner);
        for filled in own.iter_mut() {
            if filled.stack {
                site.frame.set_stack(filled.slot, filled.object);
                filled.object = null_mut();
            } else {
                // What it held stays here until all is in place.
                filled.object = site.frame.replace_local(filled.slot, filled.object);
            }
        }
        if let Some(outer) = snapshot.frames.first() {
            site.frame.set_stack_depth(outer.stack.len() as u32);
            site.frame.set_offset(outer.offset);
        }
        for (depth, described) in snapshot.frames.iter().enumerate().skip(1) {
            let slots = others.iter().filter(|filled| filled.frame == depth);
            let below = frames.last().copied().filter(|_| !failed);
            let caller = snapshot.frames.get(depth - 1).filter(|caller| caller.returns == Returns::Called);
            let on_stack = caller.map_or(u32::MAX, |caller| caller.depth());
            let real = plan.real_frame(depth, values);
            if real != 0 {
                // A general operation made it, and counted its call. It has its locals, where they are not in a generator.
                let inner = Frame::from_address(real);
                site.thread.take_recursion(-1);
                if described.generator.is_some_and(|its| its.delegated) {
                    chains.push((depth, delegation::link_again(site.thread, inner)));
                }
                for filled in slots {
                    if filled.stack {
                        inner.set_stack(filled.slot, filled.object);
                    } else {
                        objects::decref(inner.replace_local(filled.slot, filled.object));
                    }
                }
                inner.set_stack_depth(described.stack.len() as u32);
                inner.set_offset(described.offset);
                below.inspect(|below| give_up_function(*below, on_stack));
                frames.push(inner);
                continue;
            }
            let pushed = below.and_then(|below| match plan.generator(depth, values, &generators) {
                Some(generator) => {
                    let (inner, mut below) = (Frame::of_generator(generator), below);
                    if described.generator.is_some_and(|its| its.delegated) {
                        // The frame below has the outermost one on top of its stack.
                        let top = snapshot.frames.get(depth - 1).map_or(0, |below| below.stack.len() as u32);
                        let root = below.stack(top.saturating_sub(1));
                        let linked = delegation::link(site.thread, root, generator, below).unwrap_or_default();
                        below = linked.last().copied().unwrap_or(below);
                        chains.push((depth, linked));
                    }
                    frame::resume(site.thread, inner, below);
                    Some(inner)
                }
                None if plan.is_generator(depth) => None,
                None => {
                    let function = match described.function {
                        0 => below.stack(on_stack),
                        function => function as *mut PyObject,
                    };
                    frame::push(site.thread, function, below).ok()
                }
            });
            let Some(inner) = pushed else {
                // The objects of this frame and of those that would follow have no place any more.
                failed = true;
                slots.for_each(|filled| objects::decref(filled.object));
                continue;
            };
            for filled in slots {
                if filled.stack {
                    inner.set_stack(filled.slot, filled.object);
                } else {
                    objects::decref(inner.replace_local(filled.slot, filled.object));
                }
            }
            inner.set_stack_depth(described.stack.len() as u32);
            inner.set_offset(described.offset);
            below.inspect(|below| give_up_function(*below, on_stack));
            frames.push(inner);
        }
        for (index, described) in snapshot.suspended.iter().enumerate() {
            let depth = snapshot.frames.len() + index;
            let Some(generator) = plan.generator(depth, values, &generators) else {
                let its = others.iter().filter(|filled| filled.frame == depth);
                its.for_each(|filled| objects::decref(filled.object));
                continue;
            };
            let frame = Frame::of_generator(generator);
            for filled in others.iter().filter(|filled| filled.frame == depth) {
                if filled.stack {
                    frame.set_stack(filled.slot, filled.object);
                } else {
                    objects::decref(frame.replace_local(filled.slot, filled.object));
                }
            }
            frame.set_stack_depth(described.stack.len() as u32);
            frame.set_offset(described.offset);
            if described.generator.is_some_and(|generator| generator.begun) {
                frame.suspend();
            }
        }
        own.iter().for_each(|filled| objects::decref(filled.object));
        // The slots hold them.
        generators.iter().for_each(|generator| objects::decref(*generator));
        if frames.len() < snapshot.frames.len() {
            while frames.len() > 1 {
                if let Some(inner) = frames.pop() {
                    frame::drop_frame(site.thread, inner);
                }
                if let Some((_, linked)) = chains.pop_if(|(depth, _)| *depth == frames.len()) {
                    delegation::drop_linked(site.thread, linked);
                }
            }
            return (None, failed);
        }
        (Some((frames, chains)), failed)
    }
}

/// The function that a frame has called goes off its stack, where it is at this depth: the callee's frame has it.
unsafe fn give_up_function(caller: Frame, depth: u32) {
    if depth != u32::MAX {
        // SAFETY: the caller's: the slot holds a reference; the callee's frame has another one.
        unsafe {
            let function = caller.stack(depth);
            caller.set_stack(depth, null_mut());
            caller.set_stack_depth(depth);
            objects::decref(function);
        }
    }
}

/// Starts to observe what follows an exit that is hot. Whether it did, or never will.
fn observe_on(engine: &mut Engine, executor: &Rc<Executor>, index: usize, frames: &[Frame]) -> bool {
    let Some(root) = engine.executors.get(executor.root).cloned().flatten() else { return true };
    if unrolled::outgrown(engine, &root) {
        return true;
    }
    if executor.alike >= MAX_ALIKE && executor.led_by == executor.check_at(ExitIndex(index as u32)) {
        return true;
    }
    let size = tree_size(engine, &root);
    if root.sides.borrow().len() as u32 >= engine.options.max_sides || size > MAX_TREE {
        return true;
    }
    if !worth::has_earned(engine, &root, size) {
        if let Some(exit) = executor.exits.get(index) {
            exit.countdown.set(engine.options.exit_threshold.saturating_mul(4));
        }
        return true;
    }
    // SAFETY: a trace was left just now, in this thread.
    let watched = observe::is_watched(unsafe { decal_cpython::thread::Thread::current() });
    if engine.observation.is_some() || !executor.valid.get() || watched {
        return false;
    }
    let owed = executor.exits.get(index).is_some_and(|exit| worth::is_owed(&root, exit));
    if !(engine.has_budget() || owed && engine.has_budget_for_owed()) {
        if let Some(exit) = executor.exits.get(index) {
            exit.countdown.set(engine.options.exit_threshold);
        }
        return true;
    }
    let exit = executor.exits.get(index);
    let Some(snapshot) = exit.and_then(|exit| executor.recorded.trace.snaps.get(exit.snap)) else {
        return true;
    };
    // Where another trace takes over and loops, all is well.
    let next = snapshot.frames.first().filter(|_| snapshot.then == Then::Enter);
    if next.and_then(|outer| engine.executor_at(executor.code, outer.offset)).is_some_and(|next| engine.loops(next.id))
    {
        return false;
    }
    // SAFETY: code of live frames.
    if !frames.iter().all(|frame| unsafe { only_decal(frame.code()) }) {
        return false;
    }
    let last = frames.len() - 1;
    let list: Vec<(Frame, u32, bool)> = frames
        .iter()
        .zip(snapshot.frames.iter())
        .enumerate()
        .map(|(position, (frame, described))| {
            let consumes = matches!(described.returns, Returns::Consume(consumer) if consumer != Consumer::Next);
            (*frame, if position == last { described.offset } else { described.after }, consumes)
        })
        .collect();
    let stack = snapshot.frames.first().map_or(0, |frame| frame.depth());
    let raises = exit.is_some_and(|exit| exit.raises);
    let purpose = Purpose::Side { parent: Rc::clone(executor), exit: ExitIndex(index as u32) };
    // SAFETY: the frames were just made or are in their callback.
    unsafe { observe::begin(engine, purpose, &list, stack, raises) }
}

/// Runs the inner frames. True where an exception has reached the entry frame.
unsafe fn run_inner(
    site: &Site,
    snapshot: &Snapshot<'_>,
    frames: &[Frame],
    mut chains: Chains,
    mut throw: bool,
) -> bool {
    for index in (1..frames.len()).rev() {
        let (Some(inner), Some(below), Some(described)) =
            (frames.get(index), frames.get(index - 1), snapshot.frames.get(index - 1))
        else {
            return throw;
        };
        // The frames between exist, but CPython has not counted their calls.
        let between: i32 = chains.iter().map(|(_, linked)| linked.len() as i32).sum();
        let linked = chains.pop_if(|(depth, _)| *depth == index).map(|(_, linked)| linked).unwrap_or_default();
        let pending = index as i32 - 1 + between;
        site.thread.take_recursion(pending);
        let guard = site.thread.unsilence();
        // SAFETY: the innermost frame that is left, filled by `rebuild` or by the turn before.
        let mut result = unsafe { frame::run(site.thread, *inner, throw) };
        let (inner, between) = (linked.first().unwrap_or(inner), linked.len() as i32);
        site.thread.take_recursion(-between);
        if !linked.is_empty() {
            // SAFETY: what was linked below it.
            result = unsafe { delegation::take_on(site.thread, linked.clone(), frames[index], result) };
        }
        drop(guard);
        site.thread.take_recursion(between - pending);
        // SAFETY: the frame below waits for this result.
        throw = unsafe { take_result(site, &described, *below, result, *inner) };
    }
    throw
}

/// The frame below gets what its call is to give it. True where that is an exception.
unsafe fn take_result(
    site: &Site,
    described: &Described,
    below: Frame,
    result: Result<*mut PyObject, Raised>,
    inner: Frame,
) -> bool {
    let depth = described.depth();
    let returns = described.returns;
    let guard = site.thread.unsilence();
    // SAFETY: behind the call the stack is the one without callable and arguments, and one value more; a new instance is that
    // value and is there already; operands that the snapshot has go first.
    unsafe {
        match (result, returns) {
            // A generator's frame is a part of the generator, which the frame below holds.
            (Ok(value), Returns::Item) if !inner.is_suspended() => {
                drop(guard);
                end_loop(site, described, below, value);
                return false;
            }
            (result, Returns::Consume(consumer)) => {
                drop(guard);
                return consume::go_on(site, described, below, inner, consumer, result);
            }
            (Ok(value), Returns::Instance) if objects::is_none(value) => objects::decref(value),
            (result, Returns::Instance) => {
                if let Ok(value) = result {
                    objects::raise_init_result(value);
                    objects::decref(value);
                }
                drop(guard);
                drop_instance(site, described, below, returns);
                return true;
            }
            (Err(_), Returns::Next(end)) if objects::take_stop_iteration() => {
                let iterator = below.stack(depth.saturating_sub(1));
                below.set_stack_depth(depth.saturating_sub(1));
                below.set_offset(end);
                objects::decref(iterator);
                return false;
            }
            (Err(_), _) => return true,
            (Ok(value), returns) => {
                let first = depth.saturating_sub(returns.operands() as u32);
                let operands: SmallVec<[*mut PyObject; 4]> = (first..depth).map(|slot| below.stack(slot)).collect();
                let Ok(value) = results::settle(returns, &operands, value) else { return true };
                below.set_stack_depth(first);
                operands.iter().for_each(|operand| objects::decref(*operand));
                if !value.is_null() {
                    below.set_stack(first, value);
                    below.set_stack_depth(first + 1);
                }
            }
        }
        below.set_offset(described.after);
    }
    false
}

/// The instance whose `__init__` raised goes before the exception is handled.
unsafe fn drop_instance(site: &Site, described: &Described, below: Frame, returns: Returns) {
    if let (Returns::Instance, Some(top)) = (returns, described.stack.len().checked_sub(1)) {
        // SAFETY: it is on top of the stack, which is cut before its death can run code.
        unsafe {
            let instance = below.stack(top as u32);
            below.set_stack_depth(top as u32);
            let guard = site.thread.unsilence();
            objects::decref(instance);
            drop(guard);
        }
    }
}

/// The generator of a loop has returned: its iterator leaves the stack, and the frame goes on behind the loop.
unsafe fn end_loop(site: &Site, described: &Described, frame: Frame, result: *mut PyObject) {
    // SAFETY: the caller's: the frame stands at a FOR_ITER, its stack is as described.
    unsafe {
        let decoded = state::with(|engine| engine.code(frame.code())).flatten();
        let found = decoded.as_ref().and_then(|decoded| decoded.around(described.offset));
        let depth = described.stack.len() as u32;
        let Some(Op::ForIter(target)) = found.map(|found| found.op) else { return };
        let iterator = frame.stack(depth - 1);
        frame.set_stack_depth(depth - 1);
        frame.set_offset(target);
        let guard = site.thread.unsilence();
        objects::decref(result);
        objects::decref(iterator);
        drop(guard);
    }
}

/// The entry frame goes on.
unsafe fn go_on(site: &Site, snapshot: &Snapshot<'_>, throw: bool) -> Left {
    let Some(outer) = snapshot.frames.first() else { return Left::Resume };
    if throw && site.called {
        return Left::Throw;
    }
    if throw {
        // SAFETY: the code of a live frame.
        let fresh = || unsafe { decal_cpython::code::decode(site.code) }.ok().map(Rc::new);
        let Some(decoded) = state::with(|engine| engine.code(site.code)).flatten().or_else(fresh) else {
            return Left::Null;
        };
        // SAFETY: in this frame's callback, with the stack that the snapshot describes.
        return match unsafe { site.frame.unwind(site.thread, &decoded, outer.offset, site.destination) } {
            Unwound::Resume => Left::Resume,
            Unwound::Null => Left::Null,
        };
    }
    if snapshot.then == Then::Enter { Left::Enter(outer.offset) } else { Left::Resume }
}
