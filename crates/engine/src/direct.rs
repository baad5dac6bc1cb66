//! Calls from traces to functions that have a trace from their start.
//!
//! A general operation that calls goes through CPython: an interpreter of its own, a frame, the start's event, our
//! callback, the trace, an instruction that returns. Where the callee is a plain function with a trace, this makes the frame
//! and enters the trace at once. So a recursion that is too deep to be inlined stays native, one native frame for each
//! call.
//!
//! Whatever else comes of the trace than a return is CPython's: the frame exists, and an interpreter runs it to its end.

use crate::enter::{self, Site};
use crate::executor::Executor;
use crate::level::Level;
use crate::native;
use crate::starts::Start;
use crate::state::{self, Engine};
use decal_cpython::frame;
use decal_cpython::objects::{self, PlainFunction};
use decal_cpython::thread::Thread;
use decal_cpython::unmade;
use decal_cpython::{PyObject, call_object};
use std::ptr::null_mut;
use std::rc::Rc;

/// What general operations call to call the first of these objects with the others. Takes over the references.
///
/// # Safety
/// In a trace; live objects, as many arguments as `count` and `names` say.
pub unsafe extern "C" fn call(objects: *mut *mut PyObject, count: usize, names: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        if names.is_null()
            && let Some(function) = objects::plain_function(*objects, count)
        {
            let thread = Thread::current();
            if let Some((executor, level)) = state::with(|engine| ready(engine, thread, &function)).flatten() {
                return run(thread, *objects, objects.add(1), count, executor, level);
            }
        }
        call_object(objects, count, names)
    }
}

/// The trace of a function's start, and a context, where it is to be entered.
fn ready(engine: &mut Engine, thread: Thread, function: &PlainFunction) -> Option<(Rc<Executor>, Box<Level>)> {
    let Some(Start::Compiled(executor)) = engine.starts.get(&(function.code as usize)) else { return None };
    let executor = Rc::clone(executor);
    engine.catch_up();
    if !executor.valid.get() {
        return None;
    }
    if !enter::may_enter_with(&executor, thread, (function.globals, function.builtins)) {
        engine.counters.refused += 1;
        return None;
    }
    enter::pays(engine, &executor).then(|| (executor, engine.levels.pop().unwrap_or_default()))
}

unsafe fn run(
    thread: Thread,
    function: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
    executor: Rc<Executor>,
    level: Box<Level>,
) -> *mut PyObject {
    // SAFETY: the caller's. The frame is made and taken away as the interpreter does it; its parameters take the references
    // over.
    unsafe {
        let Ok(frame) = frame::push(thread, function, frame::Frame::current(thread)) else {
            state::with(|engine| engine.levels.push(level));
            objects::decref(function);
            for index in 0..count {
                objects::decref(*arguments.add(index));
            }
            return null_mut();
        };
        objects::decref(function);
        for index in 0..count {
            let _ = frame.replace_local(index as u32, *arguments.add(index));
        }
        unmade::copy_cells(frame, frame.function(), unmade::size(frame.code()).0);
        thread.take_recursion(1);
        thread.take_native_recursion(1);
        thread.set_current_frame(frame);
        let site = Site { thread, frame, code: frame.code(), destination: None, called: true };
        let left = enter::run_all(&site, executor, level);
        let result = native::finish(thread, frame, left);
        thread.take_native_recursion(-1);
        thread.take_recursion(-1);
        result
    }
}
