//! C functions about exceptions: raising, unwinding, handling.
//!
//! Unwinding is done in the steps of the interpreter: each frame that the exception passes adds its traceback entry, lets go of its
//! operand stack, from the top, and ends, but for the one that handles it. The trace says which frame and which stack; these
//! functions do what touches CPython. Instructions are as in [`instructions`](super::instructions): an array of objects, which
//! are borrowed, and results in the same array.

use super::{death, general};
use crate::capi as ffi;
use crate::frame::{self, Frame};
use crate::monitoring::no_other_tool;
use crate::thread::Thread;
use crate::version::layout;
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

type Items = *mut *mut PyObject;

/// What is given for an exception that has its traceback already.
pub const RAISED_AGAIN: c_int = -2;

/// Adds the current frame to the traceback of the exception that is set.
pub unsafe extern "C" fn add_traceback(thread: u64) -> c_int {
    // SAFETY: in a trace whose frames are exact, with an exception set.
    unsafe { frame::add_traceback(Thread::from_address(thread)) };
    0
}

/// The exception that is set, which is set no more and gets the current frame into its traceback.
pub unsafe extern "C" fn catch(thread: u64) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        let thread = Thread::from_address(thread);
        frame::add_traceback(thread);
        take(thread)
    }
}

unsafe fn take(thread: Thread) -> *mut PyObject {
    // SAFETY: the current thread.
    unsafe { std::mem::replace(&mut (*thread.pointer()).current_exception, null_mut()) }
}

/// Ends a frame that an exception leaves. Its operand stack is empty.
pub unsafe extern "C" fn leave_frame(frame: u64, thread: u64) -> c_int {
    // SAFETY: the innermost frame, which was made for a general operation and is the current one.
    unsafe {
        let (thread, frame) = (Thread::from_address(thread), Frame::from_address(frame));
        frame.set_stack_depth(0);
        thread.take_recursion(-1);
        frame::drop_frame(thread, frame);
    }
    0
}

/// Takes the locals out of a frame: they are the trace's.
pub unsafe extern "C" fn empty_frame(frame: u64, _: u64) {
    // SAFETY: a frame that the trace has made, and whose content it has.
    unsafe {
        let frame = Frame::from_address(frame);
        for slot in 0..frame.locals() {
            let _ = frame.replace_local(slot, null_mut());
        }
    }
}

/// Whether an empty frame could be taken away: nobody but itself has its frame object, and its function and code have other owners.
pub unsafe extern "C" fn may_leave(frame: u64, _: u64, _: u64) -> c_int {
    // SAFETY: such a frame.
    unsafe {
        let frame = Frame::from_address(frame);
        let object = frame.frame_object();
        let alone = object.is_null() || objects::is_last(object) && death::holds_nothing(object);
        (alone && objects::count(frame.function()) > 1 && objects::count(frame.code()) > 1).into()
    }
}

/// Takes such a frame away.
pub unsafe extern "C" fn pop_held(frame: u64, thread: u64) {
    // SAFETY: the innermost frame, which was asked about.
    unsafe {
        objects::decref(Frame::from_address(frame).take_frame_object());
        general::pop_frame(frame, thread);
    }
}

/// The exception that is set, which is set no more.
pub unsafe extern "C" fn take_exception(thread: u64) -> *mut PyObject {
    // SAFETY: in a trace.
    unsafe { take(Thread::from_address(thread)) }
}

/// Puts results of an instruction into slots of the entry frame's operand stack, where no exception is set: the lower half of the word is the first slot, the upper one their number.
pub unsafe extern "C" fn keep_results(frame: u64, slots: u64, results: Items) -> c_int {
    // SAFETY: the trace runs on this frame; code has room on the stack for what its instructions give.
    unsafe {
        let thread = Thread::current();
        if !thread.has_exception() {
            for at in 0..(slots >> 32) as u32 {
                Frame::from_address(frame).set_stack(slots as u32 + at, *results.add(at as usize));
            }
        }
    }
    0
}

/// Whether nobody wants to be told of exceptions.
pub unsafe extern "C" fn untold(_: u64, _: u64, thread: u64) -> c_int {
    // SAFETY: the current thread.
    unsafe { (no_other_tool() && !Thread::from_address(thread).is_traced()).into() }
}

/// What the thread handles now.
unsafe fn handled() -> *mut layout::Handled {
    // SAFETY: a running thread has one.
    unsafe { (*Thread::current().pointer()).handled }
}

/// An exception is handled from now on: gives what was handled until then, or `None`. Runs no code.
pub unsafe extern "C" fn push_exception(exception: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object; the reference to what was there goes to the trace.
    unsafe {
        let before = std::mem::replace(&mut (*handled()).exception, ffi::Py_NewRef(exception));
        if before.is_null() { ffi::Py_NewRef(ffi::Py_None()) } else { before }
    }
}

/// `PUSH_EXC_INFO`.
pub unsafe extern "C" fn push_exc_info(items: Items, _: u64) -> c_int {
    // SAFETY: one live object in the array, and room for two.
    unsafe {
        let exception = *items;
        *items = push_exception(exception);
        *items.add(1) = ffi::Py_NewRef(exception);
    }
    0
}

/// `POP_EXCEPT`.
pub unsafe extern "C" fn pop_except(items: Items, _: u64) -> c_int {
    // SAFETY: one live object in the array, and what was handled is the thread's.
    unsafe {
        let before = *items;
        let before = if before == ffi::Py_None() { null_mut() } else { ffi::Py_NewRef(before) };
        objects::decref(std::mem::replace(&mut (*handled()).exception, before));
    }
    0
}

/// Whether this can stand behind `except`: a class of exceptions, or a tuple of such.
unsafe fn is_exception_class(class: *mut PyObject) -> bool {
    // SAFETY: a live object; tuples of a subclass have their layout too.
    unsafe {
        if ffi::PyTuple_Check(class) != 0 {
            let count = ffi::PyTuple_GET_SIZE(class);
            return (0..count).all(|at| ffi::PyExceptionClass_Check(ffi::PyTuple_GET_ITEM(class, at)) != 0);
        }
        ffi::PyExceptionClass_Check(class) != 0
    }
}

/// Whether an exception is of a class, or of one of a tuple of classes; -1 without an exception where that is none.
pub unsafe extern "C" fn matches(exception: *mut PyObject, class: *mut PyObject) -> c_int {
    // SAFETY: live objects. With classes of exceptions this runs no code.
    unsafe { if is_exception_class(class) { ffi::PyErr_GivenExceptionMatches(exception, class) } else { -1 } }
}

/// `CHECK_EXC_MATCH`: of exception and class, the answer.
pub unsafe extern "C" fn check_exc_match(items: Items, _: u64) -> c_int {
    // SAFETY: two live objects in the array.
    unsafe {
        let found = matches(*items, *items.add(1));
        if found < 0 {
            let text = c"catching classes that do not inherit from BaseException is not allowed";
            ffi::PyErr_SetString(ffi::PyExc_TypeError, text.as_ptr());
            return -1;
        }
        *items = objects::new_bool(found != 0);
    }
    0
}

/// `WITH_EXCEPT_START`: of `__exit__`, an offset, what was handled before, and the exception, what `__exit__` says.
pub unsafe extern "C" fn with_except_start(items: Items, _: u64) -> c_int {
    // SAFETY: four live objects in the array, the last one an exception.
    unsafe {
        let (exit, exception) = (*items, *items.add(3));
        let traceback = ffi::PyException_GetTraceback(exception);
        // Borrowed from the exception, as in the interpreter.
        objects::decref(traceback);
        let traceback = if traceback.is_null() { ffi::Py_None() } else { traceback };
        let mut arguments = [null_mut(), objects::type_of(exception) as *mut PyObject, exception, traceback];
        let flags = 3 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let result = ffi::PyObject_Vectorcall(exit, arguments.as_mut_ptr().add(1), flags, null_mut());
        *items = result;
        if result.is_null() { -1 } else { 0 }
    }
}

/// `RAISE_VARARGS`: of nothing, an exception, or an exception and its cause.
pub unsafe extern "C" fn raise(items: Items, count: u64) -> c_int {
    // SAFETY: as many live objects in the array.
    unsafe {
        match count {
            0 => raise_again(),
            1 => raise_with(*items, null_mut()),
            _ => raise_with(*items, *items.add(1)),
        }
        .unwrap_or(-1)
    }
}

unsafe fn raise_again() -> Option<c_int> {
    // SAFETY: a running thread handles something, or nothing in all of its chain.
    unsafe {
        let mut handled = handled();
        let is_one = |exception: *mut PyObject| !exception.is_null() && exception != ffi::Py_None();
        while !is_one((*handled).exception) && !(*handled).previous.is_null() {
            handled = (*handled).previous;
        }
        if !is_one((*handled).exception) {
            ffi::PyErr_SetString(ffi::PyExc_RuntimeError, c"No active exception to reraise".as_ptr());
            return None;
        }
        ffi::PyErr_SetRaisedException(ffi::Py_NewRef((*handled).exception));
        Some(RAISED_AGAIN)
    }
}

unsafe fn raise_with(exception: *mut PyObject, cause: *mut PyObject) -> Option<c_int> {
    // SAFETY: live objects; the cause may be null.
    unsafe {
        let value = if ffi::PyExceptionClass_Check(exception) != 0 {
            let value = ffi::PyObject_CallNoArgs(exception);
            if value.is_null() {
                return None;
            }
            if ffi::PyExceptionInstance_Check(value) == 0 {
                let text = c"calling %R should have returned an instance of BaseException, not %R";
                ffi::PyErr_Format(ffi::PyExc_TypeError, text.as_ptr(), exception, ffi::Py_TYPE(value));
                objects::decref(value);
                return None;
            }
            value
        } else if ffi::PyExceptionInstance_Check(exception) != 0 {
            ffi::Py_NewRef(exception)
        } else {
            ffi::PyErr_SetString(ffi::PyExc_TypeError, c"exceptions must derive from BaseException".as_ptr());
            return None;
        };
        if !cause.is_null() && !set_cause(value, cause) {
            objects::decref(value);
            return None;
        }
        // The class that was named, should the one that came of it be another.
        let named = ffi::PyExceptionClass_Check(exception) != 0;
        let class = if named { exception } else { objects::type_of(exception) as *mut PyObject };
        ffi::PyErr_SetObject(class, value);
        objects::decref(value);
        None
    }
}

unsafe fn set_cause(value: *mut PyObject, cause: *mut PyObject) -> bool {
    // SAFETY: live objects. The reference to the cause is taken over.
    unsafe {
        let cause = if ffi::PyExceptionClass_Check(cause) != 0 {
            let made = ffi::PyObject_CallNoArgs(cause);
            if made.is_null() {
                return false;
            }
            made
        } else if ffi::PyExceptionInstance_Check(cause) != 0 {
            ffi::Py_NewRef(cause)
        } else if cause == ffi::Py_None() {
            null_mut()
        } else {
            let text = c"exception causes must derive from BaseException";
            ffi::PyErr_SetString(ffi::PyExc_TypeError, text.as_ptr());
            return false;
        };
        ffi::PyException_SetCause(value, cause);
        true
    }
}

/// `RERAISE`: the exception is the last one; below it, where there is one, the offset at which it was raised first.
pub unsafe extern "C" fn reraise(items: Items, nth: u64) -> c_int {
    // SAFETY: one live object more in the array than it says; the frame of the instruction is the current one, and its
    // compiler put the offset there.
    unsafe {
        if nth > 0 && ffi::PyLong_Check(*items) != 0 {
            Frame::current(Thread::current()).set_offset(ffi::PyLong_AsLong(*items) as u32);
        }
        ffi::PyErr_SetRaisedException(ffi::Py_NewRef(*items.add(nth as usize)));
    }
    RAISED_AGAIN
}
