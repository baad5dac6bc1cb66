//! Levels: what a trace that runs has, one upon the other where traces call each other natively.
//!
//! A level has the context of its trace, and knows the level of its caller and the call that is under way. A native call
//! makes no frames: that of the callee has its locals only, those that are inlined in the caller exist nowhere but in the snapshot of the
//! call. [`make_callers`] makes them all, from the lowest one up, each from the registers that its trace has put into its context.
//! From then on they are as after an exit, and each of these traces is left behind its call: see [`Made`].
//!
//! As long as none is made the thread knows of none: neither its stack of frames nor its count of nested calls changes.
//!
//! Holds: where the entry frame of a level exists, so do all frames below. Levels are used again; each knows the one above it.

use crate::enter::Site;
use crate::executor::Executor;
use crate::exit::{self, Chains, Frames};
use crate::links;
use crate::native::CallSite;
use crate::plan::Values;
use decal_cpython::frame::Frame;
use decal_cpython::frame_stack::{Piece, Top};
use decal_cpython::thread::Thread;
use decal_cpython::unmade::{self, Shape};
use decal_cpython::{PyObject, objects};
use decal_uops::Context;
use smallvec::SmallVec;
use std::ptr::{null, null_mut};
use std::rc::Rc;

/// See the module's text.
#[repr(C)]
pub struct Level {
    /// The context comes first: its address is the level's.
    pub context: Context,
    /// The caller's level; null where CPython or a general operation is the caller.
    pub below: *mut Level,
    /// The level of what is called from here, once there was one.
    pub above: Option<Box<Level>>,
    /// The root trace that runs. It is under way, and so lives.
    pub root: *const Executor,
    /// Where it was entered; nothing as long as its entry frame does not exist.
    pub site: Option<Site>,
    /// The address down to which the native stack may be used.
    pub limit: usize,
    /// What is called, where CPython calls it by its address: see [`crate::entrance`].
    pub shape: Option<Shape>,
    /// Whether its entry frame exists.
    pub is_made: bool,
    /// Where the next frame has its place: the end of the thread's stack of frames, if all frames existed.
    pub next: Top,
    /// The piece of that stack that its entry frame begins, as long as that does not exist.
    pub piece: Option<Piece>,
    /// Calls that may still be nested, from here on.
    pub left: i32,
    /// The function that is being called, to which whoever called it first has a reference.
    pub pinned: *mut PyObject,
    /// Whether that reference is this level's, as long as its entry frame does not exist, which has one of its own.
    pub pins: bool,
    /// The native call that is under way; null where there is none.
    pub call: *const CallSite,
    /// The frames, where they had to be made while that call was under way.
    pub made: Option<Made>,
    /// What the call gave then; null for an exception.
    pub result: *mut PyObject,
}

/// The frames of a level whose call is under way.
pub enum Made {
    /// They stand at their calls.
    Frames(Frames, Chains),
    /// There was no memory: there is only the entry frame.
    Failed,
}

impl Drop for Level {
    fn drop(&mut self) {
        // One after the other: there may be more of them than the native stack has room for.
        let mut above = self.above.take();
        while let Some(mut level) = above {
            above = level.above.take();
        }
    }
}

impl Default for Level {
    fn default() -> Level {
        Level {
            context: Context::new(),
            below: null_mut(),
            above: None,
            root: null(),
            site: None,
            limit: usize::MAX,
            shape: None,
            is_made: true,
            next: Top::NONE,
            piece: None,
            left: 0,
            pinned: null_mut(),
            pins: false,
            call: null(),
            made: None,
            result: null_mut(),
        }
    }
}

impl Level {
    /// The root trace that runs.
    ///
    /// # Safety
    /// The level is in use.
    pub unsafe fn root(&self) -> Rc<Executor> {
        // SAFETY: it came from an `Rc`, and is alive because it is under way.
        unsafe {
            Rc::increment_strong_count(self.root);
            Rc::from_raw(self.root)
        }
    }
}

/// Makes the entry frame of a level and all frames below, where they do not exist. Only then the thread knows of them: the end of its
/// stack of frames, and how deep calls are nested. Gives how many were made.
///
/// # Safety
/// A level that is in use; its trace waits for what has called this.
pub unsafe fn make_callers(level: *mut Level) -> usize {
    // SAFETY: the caller's: levels below live as long as those above run.
    unsafe {
        let mut levels: SmallVec<[*mut Level; 16]> = SmallVec::new();
        let mut at = level;
        while !at.is_null() && !(*at).is_made {
            levels.push(at);
            at = (*at).below;
        }
        let count = levels.len();
        for level in levels.into_iter().rev() {
            let caller = (*level).below;
            if caller.is_null() {
                // CPython calls it, whose frames all exist.
                if let Some(shape) = &(*level).shape {
                    make(level, shape, Frame::current(Thread::from_address((*level).context.thread)), 0);
                }
            } else if let (Some(below), Some(call)) = (make_call(caller), (*caller).call.as_ref()) {
                make(level, &call.shape.with((*level).pinned), below, call.inlined);
            }
            (*level).is_made = true;
        }
        count
    }
}

/// Makes the entry frame of a level, on top of another one, in which so many calls are inlined.
unsafe fn make(level: *mut Level, shape: &Shape, below: Frame, inlined: i32) {
    // SAFETY: the caller's.
    unsafe {
        let thread = Thread::from_address((*level).context.thread);
        let frame = Frame::from_address((*level).context.frame);
        if let Some(piece) = (*level).piece.take() {
            piece.attach(thread);
        }
        unmade::make(frame, shape, below);
        if std::mem::take(&mut (*level).pins) {
            objects::decref(shape.function);
        }
        (*level).next.set(thread);
        thread.take_recursion(inlined + 1);
        thread.take_native_recursion(1);
        thread.set_current_frame(frame);
        (*level).site = Some(Site { thread, frame, code: shape.code, destination: None, called: true });
    }
}

/// Makes the frames of a level whose call is under way, the entry frame of which exists. Gives the innermost one.
///
/// # Safety
/// As for [`make_callers`].
pub unsafe fn make_call(level: *mut Level) -> Option<Frame> {
    // SAFETY: the caller's. What the snapshot names is in the slots of the context: no register lasts through such a call.
    unsafe {
        let (Some(site), Some(call)) = ((*level).site, (*level).call.as_ref()) else {
            return None;
        };
        let (executor, index) = links::find_exit(&(*level).root(), call.exit)?;
        let snapshot = executor.recorded.trace.snaps.get(executor.exits.get(index)?.snap)?;
        let plan = executor.plan(index)?;
        (*level).next.set(site.thread);
        let values = Values::Native(&(*level).context);
        plan.fields.write(values);
        let (frames, _) = exit::rebuild(&site, &snapshot, plan, values);
        let top = frames.as_ref().and_then(|(frames, _)| frames.last().copied()).unwrap_or(site.frame);
        (*level).made = Some(frames.map_or(Made::Failed, |(frames, chains)| Made::Frames(frames, chains)));
        site.thread.set_current_frame(top);
        Some(top)
    }
}
