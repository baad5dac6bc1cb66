//! Leaving in short: exits at which little has to be done, which are most of those that are taken often.
//!
//! [`leave`](crate::exit::leave) can rebuild any state. Most exits only fill some slots of the entry frame, or return a value. What
//! those have to do is put into one row here, when they are first taken: to walk through snapshot and plan
//! each time took some thousand instructions in html5lib's tokenizer (callgrind), from many places of memory.
//!
//! What holds: it does exactly what the plan would, or nothing: where memory runs out in midst of it, what was made is
//! dropped again, and the long way raises the exception.

use crate::enter::Site;
use crate::exit::Left;
use crate::plan::{Fields, FramePlan, Local, Make, New, Plan, Values, shared};
use decal_cpython::frame::Frame;
use decal_cpython::{PyObject, objects};
use decal_trace::snapshot::{Snapshot, Then};
use smallvec::SmallVec;
use std::ptr::null_mut;

/// What an exit does at which the entry frame returns, unseen, and nothing but the result has to be made.
#[derive(Clone, Debug)]
pub enum Brief {
    /// There is more to be done.
    No,
    /// The result, and the instruction that returns it.
    Result(Make, u32, Locals),
    /// The constant that the instruction at this offset returns.
    Constant(u64, u32, Locals),
}

/// Locals that take over a reference, which goes when the frame is cleared.
pub type Locals = Box<[Local]>;

impl Brief {
    /// Of an exit with this snapshot and the plan for an unseen return.
    pub fn new(snapshot: &Snapshot<'_>, plan: Option<&Plan>, constant: u64) -> Brief {
        match (snapshot.frames.first(), plan) {
            (Some(outer), Some(plan)) if snapshot.frames.len() == 1 => match plan.only_result() {
                Some((Some(make), locals)) => Brief::Result(make.clone(), outer.offset, locals.into()),
                Some((None, locals)) if constant != 0 && plan.makes_no_generators() => {
                    Brief::Constant(constant, outer.offset, locals.into())
                }
                _ => Brief::No,
            },
            _ => Brief::No,
        }
    }
}

/// Carries that out.
///
/// # Safety
/// As for [`leave`](crate::exit::leave).
pub unsafe fn return_briefly(site: &Site, brief: &Brief, values: Values<'_>) -> Option<Left> {
    // SAFETY: the caller's. A C function that fails leads to another exit, so that no exception is set. The code that
    // runs has the constant.
    unsafe {
        let (result, offset, locals) = match brief {
            Brief::No => return None,
            Brief::Result(make, offset, locals) => (make.alone(values), *offset, locals),
            Brief::Constant(constant, offset, locals) => (*constant as *mut PyObject, *offset, locals),
        };
        if result.is_null() {
            // No memory: with all the rest in place the exception is raised.
            return None;
        }
        site.thread.set_current_frame(site.frame);
        site.frame.set_offset(offset);
        fill(site.frame, locals, values);
        let constant = matches!(brief, Brief::Constant(..));
        if constant && site.called {
            objects::incref(result);
        }
        if constant || site.called {
            site.frame.set_stack_depth(0);
        } else {
            site.frame.set_stack(0, result);
            site.frame.set_stack_depth(1);
        }
        Some(if site.called { Left::Return(result) } else { Left::Resume })
    }
}

/// Gives locals their references. What they had dies without running code.
///
/// # Safety
/// As for [`leave`](crate::exit::leave).
pub unsafe fn fill(frame: Frame, locals: &Locals, values: Values<'_>) {
    for (local, make) in locals {
        // SAFETY: the caller's.
        unsafe { objects::decref(frame.replace_local(*local, make.alone(values))) };
    }
}

/// What an exit does that only fills slots of the entry frame.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Slots from the first local on, operand stack behind the locals. Objects that others share come before those.
    fills: Box<[(u32, Make)]>,
    /// How many of them are locals.
    locals: u32,
    /// Depth of the operand stack.
    depth: u32,
    /// The instruction at which CPython goes on.
    offset: u32,
    /// Whether that is the head of another compiled loop.
    enters: bool,
    /// Fields to be written first.
    fields: Fields,
}

impl Slots {
    /// Of an exit with this snapshot and plan; nothing where there is more to be done.
    pub fn new(snapshot: &Snapshot<'_>, plan: &Plan) -> Option<Slots> {
        let outer = snapshot.frames.first()?;
        let alone = snapshot.frames.len() == 1 && snapshot.suspended.is_empty() && plan.makes_no_generators();
        if !alone || !matches!(snapshot.then, Then::Resume | Then::Enter) {
            return None;
        }
        let FramePlan { locals, stack, .. } = plan.frames.first()?;
        let fills: Box<[(u32, Make)]> = locals.iter().chain(stack).cloned().collect();
        let mut made = 0;
        for (_, make) in &fills {
            match make {
                // They have parts, which others may share.
                Make::New(_, New::Tuple(_) | New::Function(_) | New::Instance(_)) | Make::Generator(_) => return None,
                // Their numbers are their order.
                Make::New(number, _) if *number != made => return None,
                Make::New(..) => made += 1,
                _ => {}
            }
        }
        Some(Slots {
            fills,
            locals: locals.len() as u32,
            depth: outer.stack.len() as u32,
            offset: outer.offset,
            enters: snapshot.then == Then::Enter,
            fields: plan.fields.clone(),
        })
    }

    /// Carries it out. Nothing has happened where it cannot.
    ///
    /// # Safety
    /// As for [`leave`](crate::exit::leave).
    pub unsafe fn fill(&self, site: &Site, values: Values<'_>) -> Option<Left> {
        let mut objects: SmallVec<[*mut PyObject; 16]> = SmallVec::new();
        let mut made: SmallVec<[*mut PyObject; 8]> = SmallVec::new();
        // SAFETY: the caller's; slots and depth are those of the frame's code, and what is replaced dies without running code.
        unsafe {
            for (_, make) in &self.fills {
                let object = match make {
                    Make::Same(number) => made.get(*number).map_or(null_mut(), |object| shared(*object)),
                    Make::New(..) => {
                        let object = make.alone(values);
                        if object.is_null() {
                            site.thread.clear_exception();
                            self.undo(&objects);
                            return None;
                        }
                        made.push(object);
                        object
                    }
                    simple => simple.alone(values),
                };
                objects.push(object);
            }
            self.fields.write(values);
            site.thread.set_current_frame(site.frame);
            let locals = self.locals as usize;
            for (index, ((slot, _), object)) in self.fills.iter().zip(objects.iter_mut()).enumerate() {
                if index < locals {
                    *object = site.frame.replace_local(*slot, *object);
                } else {
                    site.frame.set_stack(*slot, *object);
                }
            }
            site.frame.set_stack_depth(self.depth);
            site.frame.set_offset(self.offset);
            if site.thread.has_exception() {
                site.thread.clear_exception();
            }
            for old in objects.iter().take(locals) {
                objects::decref(*old);
            }
        }
        Some(if self.enters { Left::Enter(self.offset) } else { Left::Resume })
    }

    /// Drops what was made so far; what the trace owns stays the trace's.
    unsafe fn undo(&self, objects: &[*mut PyObject]) {
        for ((_, make), object) in self.fills.iter().zip(objects) {
            if !matches!(make, Make::Owned(_)) {
                // SAFETY: the caller's: references that `fill` has just taken.
                unsafe { objects::decref(*object) };
            }
        }
    }
}
