//! Links: ends of traces that jump into another root trace.
//!
//! An end that leads to the head of another loop has put everything into the frame (see `record/enter.rs`), and
//! the root trace there expects just that. Through the engine such a passage takes a hundred nanoseconds; as a jump, one. What
//! [`crate::enter`] asks before a trace runs is asked once for all that can be reached: a root trace takes over the depth of calls,
//! the need for native stack and the code objects of the traces that its links lead to, and theirs, so that one check
//! on the way in, and one behind each call of Python code, is for all of them.
//!
//! A trace may thus run that nobody has entered. Its memory is freed when no root trace that leads to it is under way:
//! links know both their ends. When a trace becomes invalid the links to it leave again, at once.
//!
//! Holds: a link that is live starts at an exit with nothing to do, and ends at a valid root trace of the same frame's code and
//! names. Cost: a few words of machine code written, once; a walk over what can be reached when something there becomes invalid,
//! and at exits from traces that were reached so.

use crate::executor::Executor;
use crate::state::{self, Engine};
use decal_cpython::PyObject;
use decal_trace::allocated::ExitIndex;
use decal_trace::snapshot::{Snapshot, Then};
use smallvec::SmallVec;
use std::cell::Cell;
use std::rc::Rc;

/// Times that an end leads to the same trace before it jumps there.
const PATIENCE: u64 = 4;

/// See the module's text. It belongs to the root trace of the trace that it starts in.
#[derive(Debug)]
pub struct Link {
    /// The number of the trace, and its exit.
    from: (usize, ExitIndex),
    to: Rc<Executor>,
    /// Whether the exit jumps there.
    live: Cell<bool>,
}

type Traces = SmallVec<[Rc<Executor>; 8]>;

/// Makes an end that has led to this root trace jump there, where that can be.
pub fn link(engine: &mut Engine, from: &Rc<Executor>, index: usize, to: &Rc<Executor>) {
    let Some(exit) = from.exits.get(index) else { return };
    if exit.taken.get() < PATIENCE || exit.side.get().is_some() {
        return;
    }
    let Some(root) = engine.executors.get(from.root).cloned().flatten() else { return };
    // The way on from an end that does not lead to a loop is better compiled as one with it.
    let settled = engine.loops(to.id) || exit.countdown.get() == 0;
    let alive = from.valid.get() && root.valid.get() && to.valid.get();
    if !settled
        || !alive
        || root.names != to.names
        || root.code != to.code
        || from.plan(index).is_none_or(|plan| !plan.is_empty())
    {
        return;
    }
    let snapshot = from.recorded.trace.snaps.get(exit.snap);
    let alone = |snapshot: &Snapshot<'_>| snapshot.frames.len() == 1 && snapshot.suspended.is_empty();
    if snapshot.is_none_or(|snapshot| !alone(&snapshot) || snapshot.then != Then::Enter) {
        return;
    }
    let number = ExitIndex(index as u32);
    let known = root.links.borrow().iter().any(|link| link.from == (from.id, number) && link.live.get());
    if let (false, Some(code), Some(native), Ok(memory)) = (known, &from.native, &to.native, &mut engine.memory) {
        if decal_native::link::redirect(code, number, native.address, memory).is_err() {
            return;
        }
        engine.counters.links += 1;
        root.links.borrow_mut().push(Link { from: (from.id, number), to: Rc::clone(to), live: Cell::new(true) });
        let mut linkers = to.linkers.borrow_mut();
        linkers.retain(|linker| linker.strong_count() > 0);
        if !linkers.iter().any(|linker| std::ptr::eq(linker.as_ptr(), Rc::as_ptr(&root))) {
            linkers.push(Rc::downgrade(&root));
        }
        drop(linkers);
        let covers = to.covers.borrow().clone();
        absorb(&root, to.max_depth.get(), to.nests.get(), &covers);
    }
}

/// What a root trace runs has become more: by a side trace, or by what a link leads to. So it has for all that lead to it.
pub fn absorb(root: &Rc<Executor>, depth: u32, nests: bool, codes: &[*mut PyObject]) {
    let mut todo = Traces::new();
    todo.push(Rc::clone(root));
    while let Some(root) = todo.pop() {
        let deeper = depth > root.max_depth.get();
        let more = nests && !root.nests.get();
        if root.cover(codes) | deeper | more {
            root.max_depth.set(root.max_depth.get().max(depth));
            root.nests.set(root.nests.get() || nests);
            todo.extend(linkers(&root));
        }
    }
}

fn linkers(root: &Executor) -> Traces {
    root.linkers.borrow().iter().filter_map(std::rc::Weak::upgrade).collect()
}

/// What these lead to by one step, in the direction that `next` says, and by many; with themselves.
fn closure(root: &Rc<Executor>, next: impl Fn(&Executor) -> Traces) -> Traces {
    let mut found = Traces::new();
    found.push(Rc::clone(root));
    let mut at = 0;
    while let Some(trace) = found.get(at).cloned() {
        for other in next(&trace) {
            if !found.iter().any(|known| Rc::ptr_eq(known, &other)) {
                found.push(other);
            }
        }
        at += 1;
    }
    found
}

fn targets(root: &Executor) -> Traces {
    root.links.borrow().iter().map(|link| Rc::clone(&link.to)).collect()
}

/// Whether a thread may be in this root trace's machine code, or come back to it.
pub fn is_under_way(root: &Rc<Executor>) -> bool {
    root.running.get() > 0 || closure(root, linkers).iter().any(|trace| trace.running.get() > 0)
}

/// A root trace has become invalid: what jumped to it leaves again.
pub fn cut(engine: &mut Engine, root: &Rc<Executor>) {
    for linker in linkers(root) {
        for link in linker.links.borrow().iter().filter(|link| Rc::ptr_eq(&link.to, root)) {
            if link.live.replace(false)
                && let (Some(from), Ok(memory)) = (linker.member(link.from.0), &mut engine.memory)
                && let Some(code) = &from.native
                && let Err(error) = decal_native::link::restore(code, link.from.1, memory)
            {
                *engine.counters.not_native.entry(error.to_string()).or_default() += 1;
            }
        }
    }
    closure(root, linkers).iter().for_each(|linker| linker.stale.set(true));
}

/// A root trace was left for the last time by now: frees what is invalid of all that it leads to.
pub fn sweep(root: &Rc<Executor>) {
    for trace in closure(root, targets) {
        // Another one that is under way may lead here, and on from here.
        if is_under_way(&trace) {
            continue;
        }
        if !trace.valid.get() && state::with(|engine| engine.bury(&trace)).is_none() {
            trace.let_go();
        }
        trace.links.borrow_mut().retain(|link| link.live.get());
        trace.stale.set(false);
    }
}

/// The trace with this exit, among all that a root trace leads to, and the exit's index there.
pub fn find_exit(root: &Rc<Executor>, number: u64) -> Option<(Rc<Executor>, usize)> {
    root.find_exit(number).or_else(|| {
        let mut found = closure(root, targets);
        found.drain(1..).find_map(|trace| trace.find_exit(number))
    })
}
