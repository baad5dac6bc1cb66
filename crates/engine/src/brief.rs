//! Leaving in short: exits at which little has to be done, which are most of those that are taken often.
//!
//! [`leave`](crate::exit::leave) can rebuild any state. Most exits only fill some slots of the entry frame, and of generators' frames that
//! exist, or return a value. What those have to do is put into one row here, when they are first taken: to walk through snapshot and plan
//! each time took some thousand instructions in html5lib's tokenizer (callgrind), from many places of memory.
//!
//! What holds: it does exactly what the plan would, or nothing: where memory runs out in midst of it, what was made is
//! dropped again, and the long way raises the exception.

use crate::enter::Site;
use crate::exit::Left;
use crate::plan::{Fields, FramePlan, Make, New, Plan, Values, Wanted, shared};
use decal_cpython::frame::Frame;
use decal_cpython::{PyObject, objects};
use decal_trace::snapshot::{Frame as Described, Snapshot, Then};
use smallvec::SmallVec;
use std::ptr::null_mut;

/// What an exit does at which the entry frame returns, unseen, and nothing but the result has to be made.
#[derive(Clone, Debug)]
pub enum Brief {
    /// There is more to be done.
    No,
    /// The result, and the instruction that returns it.
    Result(Make, u32),
    /// The constant that the instruction at this offset returns.
    Constant(u64, u32),
}

impl Brief {
    /// Of an exit with this snapshot and the plan for an unseen return.
    pub fn new(snapshot: &Snapshot<'_>, plan: Option<&Plan>, constant: u64) -> Brief {
        match (snapshot.frames.first(), plan) {
            (Some(outer), Some(plan)) if snapshot.frames.len() == 1 => match plan.only_result() {
                Some(make) => Brief::Result(make.clone(), outer.offset),
                None if constant != 0 && plan.is_empty() => Brief::Constant(constant, outer.offset),
                None => Brief::No,
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
        let (result, offset) = match brief {
            Brief::No => return None,
            Brief::Result(make, offset) => (make.alone(values), *offset),
            Brief::Constant(constant, offset) => (*constant as *mut PyObject, *offset),
        };
        if result.is_null() {
            // No memory: with all the rest in place the exception is raised.
            return None;
        }
        site.thread.set_current_frame(site.frame);
        site.frame.set_offset(offset);
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

/// What an exit does that only fills slots of the entry frame, and of generators that are suspended and exist.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Slots from the first local on, operand stack behind the locals, frame by frame. Objects that others share come before those.
    fills: Box<[(u32, Make)]>,
    /// The entry frame.
    entry: Filled,
    /// Frames of generators.
    suspended: Box<[(Wanted, Filled)]>,
    /// Whether the entry frame is at the head of another compiled loop.
    enters: bool,
    /// Fields to be written first.
    fields: Fields,
}

/// How a frame is filled.
#[derive(Clone, Copy, Debug)]
struct Filled {
    /// How many of the slots are its locals, and how many of its operand stack.
    locals: u32,
    stack: u32,
    /// Depth of the operand stack.
    depth: u32,
    /// The instruction at which CPython goes on.
    offset: u32,
    /// Whether it is of a generator that has begun, and so is suspended there.
    begun: bool,
}

impl Filled {
    fn new(plan: &FramePlan, described: &Described<'_>) -> Filled {
        Filled {
            locals: plan.locals.len() as u32,
            stack: plan.stack.len() as u32,
            depth: described.stack.len() as u32,
            offset: described.offset,
            begun: described.generator.is_some_and(|generator| generator.begun),
        }
    }

    /// Fills the frame, and hands back what its locals held.
    ///
    /// # Safety
    /// As for [`Slots::fill`].
    unsafe fn fill<'a>(&self, frame: Frame, mut slots: impl Iterator<Item = (u32, &'a mut *mut PyObject)>) {
        // SAFETY: the caller's; slots and depth are those of the frame's code.
        unsafe {
            for (slot, object) in slots.by_ref().take(self.locals as usize) {
                *object = frame.replace_local(slot, *object);
            }
            for (slot, object) in slots.take(self.stack as usize) {
                frame.set_stack(slot, std::mem::replace(object, null_mut()));
            }
            frame.set_stack_depth(self.depth);
            frame.set_offset(self.offset);
        }
    }
}

impl Slots {
    /// Of an exit with this snapshot and plan; nothing where there is more to be done.
    pub fn new(snapshot: &Snapshot<'_>, plan: &Plan) -> Option<Slots> {
        let outer = snapshot.frames.first()?;
        if snapshot.frames.len() != 1 || !matches!(snapshot.then, Then::Resume | Then::Enter | Then::Yield) {
            return None;
        }
        let mut suspended = Vec::new();
        for (index, described) in snapshot.suspended.iter().enumerate() {
            let generator = plan.existing_generator(index + 1)?;
            suspended.push((generator, Filled::new(plan.frames.get(index + 1)?, &described)));
        }
        let slots = plan.frames.iter().flat_map(|FramePlan { locals, stack, .. }| locals.iter().chain(stack));
        let fills: Box<[(u32, Make)]> = slots.cloned().collect();
        let mut made = 0;
        fills.iter().all(|(_, make)| is_brief(make, &mut made)).then_some(Slots {
            fills,
            entry: Filled::new(plan.frames.first()?, &outer),
            suspended: suspended.into(),
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
        // SAFETY: the caller's; generators that the snapshot names are alive, and what is replaced dies without running code.
        unsafe {
            for (_, make) in &self.fills {
                let object = new(make, values, &mut made);
                if object.is_null() && matches!(make, Make::New(..)) {
                    site.thread.clear_exception();
                    for ((_, make), object) in self.fills.iter().zip(&objects) {
                        undo(make, *object, values);
                    }
                    return None;
                }
                objects.push(object);
            }
            self.fields.write(values);
            site.thread.set_current_frame(site.frame);
            let mut slots = self.fills.iter().map(|(slot, _)| *slot).zip(objects.iter_mut());
            self.entry.fill(site.frame, slots.by_ref());
            for (generator, filled) in &self.suspended {
                let frame = Frame::of_generator(generator.bits(values) as *mut PyObject);
                filled.fill(frame, slots.by_ref());
                if filled.begun {
                    frame.suspend();
                }
            }
            if site.thread.has_exception() {
                site.thread.clear_exception();
            }
            for old in &objects {
                objects::decref(*old);
            }
        }
        Some(if self.enters { Left::Enter(self.entry.offset) } else { Left::Resume })
    }
}

/// Whether this can be made, and undone, without ado: objects come in the order of their numbers.
fn is_brief(make: &Make, made: &mut usize) -> bool {
    let Make::New(number, new) = make else { return !matches!(make, Make::Generator(_)) };
    let parts = match new {
        New::Tuple(items) => items.iter().all(|item| is_brief(item, made)),
        New::Function(parts) => {
            parts.iter().all(|part| matches!(part, Make::Null | Make::Const(_) | Make::Borrowed(_)))
        }
        _ => true,
    };
    *made += 1;
    parts && *number + 1 == *made
}

/// A new reference, or null; `made` has the objects with numbers so far.
unsafe fn new(make: &Make, values: Values<'_>, made: &mut SmallVec<[*mut PyObject; 8]>) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        let object = match make {
            Make::Same(number) => return made.get(*number).map_or(null_mut(), |object| shared(*object)),
            Make::New(_, New::Tuple(items)) => {
                let mut objects: SmallVec<[*mut PyObject; 8]> = SmallVec::new();
                for item in items {
                    let object = new(item, values, made);
                    if object.is_null() {
                        items.iter().zip(&objects).for_each(|(item, object)| undo(item, *object, values));
                        return null_mut();
                    }
                    objects.push(object);
                }
                let tuple = objects::tuple_of(&objects);
                if tuple.is_null() {
                    items.iter().zip(&objects).for_each(|(item, object)| undo(item, *object, values));
                    return tuple;
                }
                tuple
            }
            Make::New(..) => make.alone(values),
            simple => return simple.alone(values),
        };
        made.push(object);
        object
    }
}

/// Drops what was made; what the trace owns stays the trace's.
unsafe fn undo(make: &Make, object: *mut PyObject, values: Values<'_>) {
    // SAFETY: the caller's: references that [`new`] has just given.
    unsafe {
        match make {
            Make::Owned(_) => return,
            Make::New(_, New::Tuple(items)) => items.iter().for_each(|item| keep(item, values)),
            _ => {}
        }
        objects::decref(object);
    }
}

/// One more reference to what the trace owns of a tuple that is about to go.
unsafe fn keep(item: &Make, values: Values<'_>) {
    match item {
        // SAFETY: the caller's: the tuple has it.
        Make::Owned(val) => unsafe { objects::incref(val.bits(values) as *mut PyObject) },
        // SAFETY: the same.
        Make::New(_, New::Tuple(items)) => items.iter().for_each(|item| unsafe { keep(item, values) }),
        _ => {}
    }
}
