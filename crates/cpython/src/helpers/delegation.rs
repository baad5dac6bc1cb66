//! Chains of generators: `yield from` within `yield from`.
//!
//! CPython hands each item of the innermost generator up through all others, and each request down: for one item twice as many
//! instructions as the chain is long. Nothing of that can be seen but frames that are suspended or run meanwhile. So a trace
//! goes on in the innermost generator at once, and hands its item to whoever asks the outermost. The others stay in memory,
//! suspended. Where code may look (exits, general operations) they are linked as if they had asked one by one.
//!
//! Which generators are in the chain is noted in the *line*, so that a trace finds the innermost one, and whom it came from,
//! without a walk. Only one line is noted at a time.
//!
//! Holds: the line is right, or belongs to another generator, or to none. Only resuming a generator can change it. Traces that do
//! so tell; other code runs only between traces and in general operations, after which the line is [forgotten](forget).
//! Cost: a walk over the chain when a trace meets it first, and at exits within it.

use crate::capi as ffi;
use crate::frame::{self, Frame};
use crate::host::type_address;
use crate::monitoring::only_decal_in;
use crate::thread::Thread;
use crate::version::layout::{self, generator_state};
use crate::{PyObject, Raised, objects};
use smallvec::SmallVec;
use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::ptr::null_mut;

/// Calls that must still be possible above a chain; where they are not, CPython says so.
const ROOM: i32 = 32;

/// Code units from a `SEND` to the `RESUME` of its loop.
pub const SEND_BEFORE_RESUME: isize = 3;
/// What is known of the chain that a trace works on.
struct Line {
    /// Chains that general operations see linked: the innermost frame, and how many are below it.
    linked: Vec<(u64, usize)>,
    /// Its generators, the outermost first; empty where nothing is known.
    generators: Vec<*mut PyObject>,
    /// Memory of a generator that is over, which the next one gets, and the slots of its frame. Nobody but traces sees it: it is free
    /// before other code runs again.
    spare: (*mut PyObject, isize),
    /// How many there may be.
    most: usize,
    /// What a question was answered with; the generator that holds it keeps it alive.
    answer: *mut PyObject,
}

struct Lines(UnsafeCell<Line>);

// SAFETY: touched only with the GIL held, by functions that call nobody else meanwhile.
unsafe impl Sync for Lines {}

static LINE: Lines = Lines(UnsafeCell::new(Line {
    linked: Vec::new(),
    generators: Vec::new(),
    spare: (null_mut(), 0),
    most: 0,
    answer: null_mut(),
}));

/// The address of the answer to the last question.
pub fn answer() -> u64 {
    // SAFETY: only an address is computed.
    unsafe { &raw const (*LINE.0.get()).answer as u64 }
}

/// Forgets the chain: other code may have run.
#[inline]
pub fn forget() {
    // SAFETY: the GIL is held.
    unsafe {
        let line = &mut *LINE.0.get();
        if line.generators.is_empty() && line.spare.0.is_null() {
            return;
        }
        line.generators.clear();
        free_spare(std::mem::replace(&mut line.spare, (null_mut(), 0)).0);
    }
}

/// Whom a generator asks that is in the midst of a `yield from`, where that is a generator.
unsafe fn asked(generator: *mut PyObject) -> Option<*mut PyObject> {
    // SAFETY: an exact generator; the top of a stack that delegates is whom it asks.
    unsafe {
        let raw = &*generator.cast::<layout::Generator>();
        let delegates = raw.state == generator_state::DELEGATING;
        let top = || *(&raw const raw.frame.slots).cast::<*mut PyObject>().add(raw.frame.stack_top as usize - 1);
        delegates.then(top).filter(|asked| objects::type_of(*asked) == type_address!(PyGen_Type))
    }
}

/// The innermost generator of a chain, and how many come before it.
///
/// # Safety
/// An exact generator that is suspended.
pub unsafe fn innermost(generator: *mut PyObject) -> (*mut PyObject, u32) {
    let (mut found, mut before) = (generator, 0);
    // SAFETY: the caller's; what a suspended frame holds is alive. A generator that runs asks nobody.
    while let Some(asked) = unsafe { asked(found) } {
        found = asked;
        before += 1;
    }
    (found, before)
}

/// The address of a generator's frame.
///
/// # Safety
/// The address of an exact generator.
pub unsafe fn frame_of(generator: u64) -> u64 {
    // SAFETY: the caller's.
    unsafe { Frame::of_generator(generator as *mut PyObject).address() }
}

/// The generator that asks this one, whose frame runs, in a `yield from`; and the code unit of its `RESUME`.
///
/// # Safety
/// The frame of a generator that runs.
pub unsafe fn asker(frame: Frame) -> Option<(*mut PyObject, *const u16)> {
    // SAFETY: frames below a live one live; a `SEND` is in a loop as the compiler makes it, and has whom it asks on top.
    unsafe {
        // An exit runs each frame by itself, above one that the interpreter puts between.
        let below = frame.previous()?;
        let below = if below.has_code() { below } else { below.previous()? };
        let below = Some(below).filter(|below| below.has_code() && below.is_generator())?;
        let raw = &*below.pointer();
        let depth = usize::try_from(raw.stack_top).ok()?.checked_sub(1)?;
        let asked = *(&raw const raw.slots).cast::<*mut PyObject>().add(depth);
        let is_asked = asked == frame.generator_object() && depth >= below.locals() as usize;
        is_asked.then(|| (below.generator_object(), raw.instr_ptr.offset(SEND_BEFORE_RESUME).cast_const()))
    }
}

/// Makes the line that of this generator. False where somebody watches, or one of the chain is not suspended.
unsafe fn look(root: *mut PyObject) -> bool {
    // SAFETY: an exact generator, with the GIL held; the walk calls nobody.
    unsafe {
        let line = &mut *LINE.0.get();
        if line.generators.first() == Some(&root) {
            return true;
        }
        let (thread, mut code) = (Thread::current(), null_mut());
        line.generators.clear();
        line.most = (thread.recursion_remaining() - ROOM).max(0) as usize;
        let mut generator = root;
        loop {
            let raw = &*generator.cast::<layout::Generator>();
            let waits = generator_state::CREATED <= raw.state && raw.state < generator_state::EXECUTING;
            let known = raw.frame.executable == code;
            code = raw.frame.executable;
            if !waits || !known && !only_decal_in(thread, code) {
                line.generators.clear();
                return false;
            }
            line.generators.push(generator);
            match asked(generator) {
                Some(asked) => generator = asked,
                None => return true,
            }
        }
    }
}

/// Asks for the innermost generator of a chain. 1 where the trace may go on in it, else 0.
pub unsafe extern "C" fn find_innermost(root: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: an exact generator.
    unsafe {
        if !look(root) {
            return 0;
        }
        let line = &mut *LINE.0.get();
        let Some(last) = line.generators.last() else { return 0 };
        line.answer = *last;
        (line.generators.len() <= line.most).into()
    }
}

/// 1 where `innermost` is that, and may ask another generator; else 0.
pub unsafe extern "C" fn may_delegate(root: *mut PyObject, innermost: *mut PyObject) -> c_int {
    // SAFETY: exact generators.
    unsafe {
        let line = &*LINE.0.get();
        (look(root) && line.generators.last() == Some(&innermost) && line.generators.len() < line.most).into()
    }
}

/// The innermost generator has just asked another one. Gives 1.
pub unsafe extern "C" fn delegate(innermost: *mut PyObject, asked: *mut PyObject) -> c_int {
    // SAFETY: the GIL is held.
    unsafe {
        let line = &mut *LINE.0.get();
        if line.generators.last() == Some(&innermost) {
            line.generators.push(asked);
        } else {
            line.generators.clear();
        }
    }
    1
}

/// Asks for the generator that asked `innermost`. 1 where there is one, else 0.
pub unsafe extern "C" fn find_asker(root: *mut PyObject, innermost: *mut PyObject) -> c_int {
    // SAFETY: exact generators.
    unsafe {
        if !look(root) {
            return 0;
        }
        let line = &mut *LINE.0.get();
        match line.generators[..] {
            [.., asker, last] if last == innermost => {
                line.answer = asker;
                1
            }
            _ => 0,
        }
    }
}

/// The innermost generator returns to the one that asked it: its frame is cleared, and it leaves the other's operand stack. Gives 1.
pub unsafe extern "C" fn end_delegation(innermost: *mut PyObject, asker: *mut PyObject) -> c_int {
    // SAFETY: `find_asker` and `generator_may_end` said yes; what both hold on their operand stacks besides is the trace's.
    unsafe {
        super::generators::generator_end(innermost, innermost);
        (*asker.cast::<layout::Generator>()).frame.stack_top -= 1;
        (*LINE.0.get()).generators.pop();
        if objects::is_last(innermost) {
            free(innermost);
        } else {
            objects::decref(innermost);
        }
    }
    1
}

/// Memory for a generator whose frame has so many slots, which the collector does not know yet. Null where there is none, with an
/// exception set.
pub(super) unsafe fn allocate(slots: isize) -> *mut PyObject {
    // SAFETY: the GIL is held; what is spare has been a generator.
    unsafe {
        let (spare, room) = std::mem::replace(&mut (*LINE.0.get()).spare, (null_mut(), 0));
        if room == slots && !spare.is_null() {
            return spare;
        }
        free_spare(spare);
        ffi::PyObject_GC_NewVar(type_address!(PyGen_Type) as *mut ffi::PyTypeObject, slots)
    }
}

/// What the death of a generator does that is over and cleared, and to which nobody has a weak reference. Its memory is kept for
/// the next one.
unsafe fn free(generator: *mut PyObject) {
    // SAFETY: the only reference to it.
    unsafe {
        ffi::PyObject_GC_UnTrack(generator.cast());
        let raw = &mut *generator.cast::<layout::Generator>();
        let slots = super::generators::generator_slots(&*raw.frame.executable.cast::<layout::Code>());
        objects::decref(raw.frame.executable);
        objects::decref(raw.name);
        objects::decref(raw.qualname);
        let line = &mut *LINE.0.get();
        if line.spare.0.is_null() {
            line.spare = (generator, slots);
        } else {
            free_spare(generator);
        }
    }
}

unsafe fn free_spare(spare: *mut PyObject) {
    if !spare.is_null() {
        // SAFETY: memory of a generator that is none any more.
        unsafe { ffi::PyObject_GC_Del(spare.cast()) }
    }
}

/// Generators of a chain that are linked as if they had asked one by one, the outermost first.
pub type Linked = SmallVec<[Frame; 16]>;

/// Links all generators of a chain but the innermost one on top of `below`, each at its `SEND`. None, and nothing done, where
/// `innermost` is not in it.
///
/// # Safety
/// Exact generators. The innermost one is put on top, and is run or dropped before the others.
pub unsafe fn link(thread: Thread, root: *mut PyObject, innermost: *mut PyObject, below: Frame) -> Option<Linked> {
    forget();
    // SAFETY: the caller's; they are suspended in memory.
    unsafe {
        let (mut linked, mut generator) = (Linked::new(), root);
        while generator != innermost {
            linked.push(Frame::of_generator(generator));
            generator = asked(generator)?;
        }
        let mut below = below;
        for frame in &linked {
            frame.move_by(-SEND_BEFORE_RESUME);
            frame::resume(thread, *frame, below);
            below = *frame;
        }
        Some(linked)
    }
}

/// Links the chain that was asked for last, its innermost generator on top of the others, as if it ran: a general operation follows.
/// As [`resume_frame`](super::generators::resume_frame).
pub unsafe extern "C" fn resume_chain(below: u64, innermost: *mut PyObject) -> u64 {
    // SAFETY: exact generators that are suspended in memory; frames of the trace are in order.
    unsafe {
        let thread = Thread::current();
        let line = &mut *LINE.0.get();
        let others = match line.generators.split_last() {
            Some((last, others)) if *last == innermost => others,
            _ => &[],
        };
        let mut below = Frame::from_address(below);
        for generator in others {
            let frame = Frame::of_generator(*generator);
            frame.move_by(-SEND_BEFORE_RESUME);
            frame::resume(thread, frame, below);
            thread.take_recursion(1);
            below = frame;
        }
        let frame = super::generators::resume_frame(below.address(), innermost);
        line.linked.retain(|(known, _)| *known != frame);
        line.linked.push((frame, others.len()));
        frame
    }
}

/// Undoes that.
pub unsafe extern "C" fn suspend_chain(innermost: u64) {
    // SAFETY: the frame that `resume_chain` made the current one, and those below it.
    unsafe {
        let thread = Thread::current();
        let others = linked_below(Frame::from_address(innermost));
        super::generators::suspend_frame(innermost);
        for frame in others.into_iter().rev() {
            frame::suspend(thread, frame);
            frame.delegates();
            frame.move_by(SEND_BEFORE_RESUME);
            thread.take_recursion(-1);
        }
    }
}

/// What a general operation has linked below a frame. Only once: the caller undoes that.
unsafe fn linked_below(innermost: Frame) -> Linked {
    // SAFETY: the GIL is held; frames below a live frame live.
    unsafe {
        let line = &mut *LINE.0.get();
        let Some(at) = line.linked.iter().position(|(frame, _)| *frame == innermost.address()) else {
            return Linked::new();
        };
        let (_, count) = line.linked.swap_remove(at);
        let mut others: Linked =
            std::iter::successors(innermost.previous(), |frame| frame.previous()).take(count).collect();
        others.reverse();
        others
    }
}

/// The chain below a frame that a general operation has linked, as [`link`] gives it: CPython has not counted the calls.
///
/// # Safety
/// The frame is alive.
pub unsafe fn link_again(thread: Thread, innermost: Frame) -> Linked {
    // SAFETY: the caller's.
    let linked = unsafe { linked_below(innermost) };
    thread.take_recursion(-(linked.len() as i32));
    linked
}

/// What comes of a linked chain once the frame of the innermost generator was run, with this outcome: the others take it on as they
/// would. What the outermost gives.
///
/// # Safety
/// They were linked so, and that was the topmost frame. It runs Python code.
///
/// # Errors
/// An exception is set.
pub unsafe fn take_on(
    thread: Thread,
    mut linked: Linked,
    innermost: Frame,
    outcome: Result<*mut PyObject, Raised>,
) -> Result<*mut PyObject, Raised> {
    let (mut frame, mut outcome) = (innermost, outcome);
    // SAFETY: the caller's; the one below waits for what the one above gives.
    unsafe {
        while let Some(below) = linked.pop() {
            if outcome.is_ok() && frame.is_suspended() {
                // It goes through all of them as it is.
                linked.push(below);
                for frame in linked.into_iter().rev() {
                    thread.set_current_frame(frame);
                    frame::suspend(thread, frame);
                    frame.delegates();
                    frame.move_by(SEND_BEFORE_RESUME);
                }
                return outcome;
            }
            if let Ok(value) = outcome {
                below.push(value);
                below.return_here();
            }
            frame = below;
            thread.take_recursion(linked.len() as i32);
            let throw = outcome.is_err();
            outcome = frame::run(thread, frame, throw);
            thread.take_recursion(-(linked.len() as i32));
        }
        outcome
    }
}

/// Drops a linked chain that is not run.
///
/// # Safety
/// The frames above are gone. It may run Python code.
pub unsafe fn drop_linked(thread: Thread, linked: Linked) {
    // SAFETY: the caller's.
    linked.into_iter().rev().for_each(|frame| unsafe { frame::drop_frame(thread, frame) });
}
