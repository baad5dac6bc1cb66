//! C functions of general operations: they may run any Python code.
//!
//! What they are given is borrowed from the trace, what they give is a new reference. Null, or a negative number, means
//! that an exception is set. They do what the interpreter does for the instruction, in the same order.

use super::delegation;
use crate::allocator;
use crate::capi as ffi;
use crate::frame::{self, Frame};
use crate::monitoring::CodeList;
use crate::thread::Thread;
use crate::version::symbols::symbols;
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

/// Stands for the end of an iterator. Never touched: its address is all that counts.
static EXHAUSTED: u64 = 0;

/// The address that [`next`] gives at the end.
pub fn exhausted() -> u64 {
    &raw const EXHAUSTED as u64
}

/// The next item of an iterator; the mark at its end.
pub unsafe extern "C" fn next(iterator: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object. What GET_ITER gave has the slot; generators and the like fill it too.
    unsafe {
        let Some(step) = (*objects::type_of(iterator).cast_type()).tp_iternext else {
            ffi::PyErr_SetString(ffi::PyExc_TypeError, c"not an iterator".as_ptr());
            return null_mut();
        };
        let item = step(iterator);
        if !item.is_null() {
            return item;
        }
        if !ffi::PyErr_Occurred().is_null() {
            if ffi::PyErr_ExceptionMatches(ffi::PyExc_StopIteration) == 0 {
                return null_mut();
            }
            ffi::PyErr_Clear();
        }
        exhausted() as *mut PyObject
    }
}

/// An attribute that is called next. What the interpreter finds as a function and its receiver comes as a bound method, made here
/// and not by the attribute's own way of binding: that may check the receiver in other words than the call does.
pub unsafe extern "C" fn get_method(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects; the method is a new reference.
    unsafe {
        let mut found = null_mut();
        let Ok(symbols) = symbols() else { return ffi::PyObject_GetAttr(object, name) };
        if (symbols.get_method)(object, name, &raw mut found) == 0 {
            return found;
        }
        let bound = ffi::PyMethod_New(found, object);
        objects::decref(found);
        bound
    }
}

/// An address of a type as what it is.
trait CastType {
    fn cast_type(self) -> *mut ffi::PyTypeObject;
}

impl CastType for u64 {
    fn cast_type(self) -> *mut ffi::PyTypeObject {
        self as *mut ffi::PyTypeObject
    }
}

/// `left ** right`.
pub unsafe extern "C" fn power(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe { ffi::PyNumber_Power(left, right, ffi::Py_None()) }
}

/// `left **= right`.
pub unsafe extern "C" fn augmented_power(left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe { ffi::PyNumber_InPlacePower(left, right, ffi::Py_None()) }
}

/// A comparison, as an object.
pub unsafe extern "C" fn compare(left: *mut PyObject, right: *mut PyObject, operator: c_int) -> *mut PyObject {
    // SAFETY: live objects and one of the six numbers.
    unsafe { ffi::PyObject_RichCompare(left, right, operator) }
}

/// A comparison, as a truth value.
pub unsafe extern "C" fn compare_truth(left: *mut PyObject, right: *mut PyObject, operator: c_int) -> c_int {
    // SAFETY: as above.
    unsafe {
        let result = ffi::PyObject_RichCompare(left, right, operator);
        if result.is_null() {
            return -1;
        }
        let truth = ffi::PyObject_IsTrue(result);
        objects::decref(result);
        truth
    }
}

/// `container[start:stop]`.
pub unsafe extern "C" fn get_slice(
    container: *mut PyObject,
    start: *mut PyObject,
    stop: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe {
        let slice = ffi::PySlice_New(start, stop, null_mut());
        if slice.is_null() {
            return null_mut();
        }
        let result = ffi::PyObject_GetItem(container, slice);
        objects::decref(slice);
        result
    }
}

/// `container[start:stop] = value`; `bounds` are start and stop.
pub unsafe extern "C" fn set_slice(
    container: *mut PyObject,
    value: *mut PyObject,
    bounds: *const *mut PyObject,
) -> c_int {
    // SAFETY: live objects; two of them at `bounds`.
    unsafe {
        let slice = ffi::PySlice_New(*bounds, *bounds.add(1), null_mut());
        if slice.is_null() {
            return -1;
        }
        let result = ffi::PyObject_SetItem(container, slice, value);
        objects::decref(slice);
        result
    }
}

/// `del object.name`.
pub unsafe extern "C" fn delete_attribute(object: *mut PyObject, name: *mut PyObject) -> c_int {
    // SAFETY: live objects.
    unsafe { ffi::PyObject_SetAttr(object, name, null_mut()) }
}

/// Unpacks into `count` new references, the last item first.
pub unsafe extern "C" fn unpack(sequence: *mut PyObject, count: u64, items: *mut *mut PyObject) -> c_int {
    // SAFETY: a live object, and room for as many items.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let thread = Thread::current();
        let end = items.add(count as usize);
        if (symbols.unpack_iterable)(thread.pointer(), sequence, count as c_int, -1, end) != 0 { 0 } else { -1 }
    }
}

/// Makes the frame of an inlined call of `function` on top of `below`, and the current one. Null where memory ran out.
pub unsafe extern "C" fn push_frame(below: u64, function: *mut PyObject, thread: u64) -> u64 {
    // SAFETY: in a trace, whose frames are in order; the trace fills in the locals before anything can look at them.
    unsafe {
        let thread = Thread::from_address(thread);
        let below = Frame::from_address(below);
        let pushed = match frame::push_here(thread, function, below) {
            Some(frame) => Ok(frame),
            None => frame::push(thread, function, below),
        };
        match pushed {
            Ok(frame) => {
                thread.take_recursion(1);
                thread.set_current_frame(frame);
                frame.address()
            }
            Err(_) => {
                if !thread.has_exception() {
                    objects::raise_memory_error();
                }
                0
            }
        }
    }
}

/// Takes such a frame away. The trace has all that it held, so that nothing dies.
pub unsafe extern "C" fn pop_frame(frame: u64, thread: u64) {
    // SAFETY: the innermost frame that `push_frame` made.
    unsafe {
        let (thread, frame) = (Thread::from_address(thread), Frame::from_address(frame));
        if !frame::pop_here(thread, frame) {
            for slot in 0..frame.locals() {
                let _ = frame.replace_local(slot, null_mut());
            }
            frame::drop_frame(thread, frame);
        }
        thread.take_recursion(-1);
    }
}

/// Whether a trace may go on after Python code ran: nobody wants the interpreter's attention or to run its frames, and no tool
/// watches any of the code that it may come to. Calls are inlined without asking again.
pub unsafe extern "C" fn undisturbed(list: u64, _: u64, thread: u64) -> c_int {
    // SAFETY: the list of the trace that runs, which is valid, so that the code objects are alive.
    unsafe {
        delegation::forget();
        let thread = Thread::from_address(thread);
        if !thread.is_quiet() || thread.is_traced() || allocator::is_watched() || !thread.runs_frames() {
            return 0;
        }
        (*(list as *const CodeList)).only_decal(thread).into()
    }
}

/// Whether nobody has got hold of frames that are about to be taken away.
pub unsafe extern "C" fn unseen(innermost: u64, entry: u64, _: u64) -> c_int {
    // SAFETY: frames of the trace that runs, linked.
    unsafe {
        let mut frame = Frame::from_address(innermost);
        loop {
            if frame.address() == entry {
                return 1;
            }
            // A generator's frame stays.
            let goes = !frame.is_generator();
            if goes && (frame.is_held() || objects::count(frame.function()) < 2 || objects::count(frame.code()) < 2) {
                return 0;
            }
            match frame.previous() {
                Some(previous) => frame = previous,
                None => return 0,
            }
        }
    }
}
