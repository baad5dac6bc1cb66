//! Generators that end in a trace, and those that a general operation sees running.
//!
//! The trace does what a generator's `return` does only where nothing that dies with the frame can run Python code.

use super::{death, delegation};
use crate::capi as ffi;
use crate::frame::Frame;
use crate::thread::Thread;
use crate::version::layout;
use crate::{PyObject, objects};
use smallvec::SmallVec;
use std::ffi::c_int;
use std::ptr::null_mut;

/// A new generator of this function, whose code begins with `RETURN_GENERATOR`, or with `COPY_FREE_VARS` and that: what a call of it makes,
/// without the call, which would need a frame on the thread's stack. In a native call that ends where the callee's frame is to be. Its
/// locals are null but for the cells of the closure. Null where memory ran out, with an exception set.
pub unsafe extern "C" fn new_generator(function: *mut PyObject) -> *mut PyObject {
    // SAFETY: memory for a generator of this code, as the interpreter asks for it; all fields that a generator has are written, as
    // making one and moving the call's frame there does.
    unsafe {
        let code = objects::function_code(function).cast::<layout::Code>();
        let raw_function = &*function.cast::<layout::Function>();
        let object = delegation::allocate(generator_slots(&*code));
        if object.is_null() {
            return null_mut();
        }
        let generator = object.cast::<layout::Generator>();
        (*generator).weak_references = null_mut();
        (*generator).handled.exception = null_mut();
        (*generator).handled.previous = null_mut();
        (*generator).name = ffi::Py_NewRef(raw_function.name);
        (*generator).qualname = ffi::Py_NewRef(raw_function.qualname);
        (*generator).state = layout::generator_state::CREATED;
        let locals = (*code).locals_plus;
        let frame = &raw mut (*generator).frame;
        (*frame).executable = ffi::Py_NewRef(code.cast());
        (*frame).previous = null_mut();
        (*frame).function = ffi::Py_NewRef(function);
        (*frame).globals = raw_function.globals;
        (*frame).builtins = raw_function.builtins;
        (*frame).locals_dict = null_mut();
        (*frame).frame_object = null_mut();
        let cells = (*code).free_vars as usize;
        // Behind `RETURN_GENERATOR`. An argument of more than a byte has an instruction of its own.
        let begins = 1 + usize::from(cells > 0) + usize::from(cells > usize::from(u8::MAX));
        (*frame).instr_ptr = (&raw mut (*code).code).cast::<u16>().add(begins);
        (*frame).stack_top = locals;
        (*frame).return_offset = 0;
        (*frame).owner = layout::owner::GENERATOR;
        let slots = (&raw mut (*frame).slots).cast::<*mut PyObject>();
        let before = locals as usize - cells;
        for slot in 0..before {
            slots.add(slot).write(null_mut());
        }
        for index in 0..cells {
            let cell = ffi::PyTuple_GET_ITEM(raw_function.closure, index as isize);
            slots.add(before + index).write(ffi::Py_NewRef(cell));
        }
        ffi::PyObject_GC_Track(object.cast());
        object
    }
}

/// Slots of a generator's frame: locals and operand stack.
pub(super) fn generator_slots(code: &layout::Code) -> isize {
    code.frame_size as isize - (std::mem::offset_of!(layout::Frame, slots) / 8) as isize
}

/// The same of a code and globals, without a function.
pub unsafe extern "C" fn new_generator_of(code: *mut PyObject, globals: *mut PyObject) -> *mut PyObject {
    // SAFETY: a generator's code, and a dict.
    unsafe {
        let function = ffi::PyFunction_New(code, globals);
        if function.is_null() {
            return null_mut();
        }
        let count = (*code.cast::<layout::Code>()).free_vars as isize;
        let mut result = null_mut();
        let closure = ffi::PyTuple_New(count);
        if !closure.is_null() {
            for index in 0..count {
                ffi::PyTuple_SET_ITEM(closure, index, ffi::Py_NewRef(ffi::Py_None()));
            }
            if count > 0 {
                (*function.cast::<layout::Function>()).closure = closure;
            } else {
                objects::decref(closure);
            }
            result = new_generator(function);
        }
        objects::decref(function);
        result
    }
}

/// The same in a generator of that code which is over, and whose reference is handed over; it may be null.
pub unsafe extern "C" fn new_generator_in(
    shell: *mut PyObject,
    code: *mut PyObject,
    globals: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: a trace has emptied it.
    unsafe {
        if shell.is_null() {
            return new_generator_of(code, globals);
        }
        Frame::of_generator(shell).suspend();
        shell
    }
}

/// 1 where nobody could see that a trace takes the content of a suspended generator over, and that it is filled again, or
/// another one made, later; else 0.
pub unsafe extern "C" fn generator_may_be_taken(generator: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: an exact generator whose frame is there.
    unsafe {
        let raw = &*generator.cast::<layout::Generator>();
        let code = &*raw.frame.executable.cast::<layout::Code>();
        (objects::is_last(generator)
            && raw.weak_references.is_null()
            && raw.handled.exception.is_null()
            && raw.frame.frame_object.is_null()
            && raw.frame.locals_dict.is_null()
            && (raw.name, raw.qualname) == (code.name, code.qualname)
            && raw.frame.builtins == Frame::current(Thread::current()).builtins())
        .into()
    }
}

/// 1 where a generator that is about to return may be cleared, and die itself, without Python code running; else 0.
pub unsafe extern "C" fn generator_may_end(generator: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: an exact generator whose frame is there. Slots above the locals belong to the trace.
    unsafe {
        let raw = &*generator.cast::<layout::Generator>();
        let frame = &raw.frame;
        let free = raw.weak_references.is_null()
            && raw.handled.exception.is_null()
            && frame.frame_object.is_null()
            && frame.locals_dict.is_null();
        let slots = (&raw const frame.slots).cast::<*mut PyObject>();
        let locals = Frame::of_generator(generator).locals() as usize;
        let held = std::slice::from_raw_parts(slots, locals);
        // Those that others have stay.
        let stays = |object: *mut PyObject| {
            let times = held.iter().chain([&frame.function]).filter(|other| **other == object).count();
            object.is_null() || objects::count(object) > times as isize
        };
        if !free || held.iter().chain([&frame.function]).all(|object| stays(*object)) {
            return free.into();
        }
        let held = held.iter().copied().chain([frame.function]);
        let held: SmallVec<[*mut PyObject; 16]> = held.filter(|object| !object.is_null()).collect();
        (death::may_die_all(held.as_ptr(), held.len()) != 0).into()
    }
}

/// Clears a generator's frame as its `return` does. Gives 1.
pub unsafe extern "C" fn generator_end(generator: *mut PyObject, _: *mut PyObject) -> c_int {
    // SAFETY: an exact generator that is suspended in memory; `generator_may_end` said yes. The slots of its operand stack
    // belong to the trace, so that only the locals are left to it.
    unsafe {
        let raw = &mut *generator.cast::<layout::Generator>();
        let locals = Frame::of_generator(generator).locals() as usize;
        let slots = (&raw mut raw.frame.slots).cast::<*mut PyObject>();
        raw.state = layout::generator_state::CLEARED;
        raw.frame.stack_top = 0;
        for slot in 0..locals {
            objects::decref(std::mem::replace(&mut *slots.add(slot), null_mut()));
        }
        objects::decref(raw.frame.function);
    }
    1
}

/// Makes the frame of a suspended generator the current one, on top of `below`, as if it ran: a general operation follows.
pub unsafe extern "C" fn resume_frame(below: u64, generator: *mut PyObject) -> u64 {
    // SAFETY: an exact generator that is suspended in memory; frames of the trace are in order.
    unsafe {
        let thread = Thread::current();
        let frame = Frame::of_generator(generator);
        crate::frame::resume(thread, frame, Frame::from_address(below));
        thread.take_recursion(1);
        thread.set_current_frame(frame);
        // The operand stack is the trace's, and not to be looked at.
        frame.hide_stack();
        frame.address()
    }
}

/// Undoes that.
pub unsafe extern "C" fn suspend_frame(frame: u64) {
    // SAFETY: the frame that `resume_frame` made the current one.
    unsafe {
        let thread = Thread::current();
        crate::frame::suspend(thread, Frame::from_address(frame));
        thread.take_recursion(-1);
    }
}

/// A new set, whatever is given.
pub unsafe extern "C" fn new_set(_: *mut PyObject) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe { ffi::PySet_New(null_mut()) }
}

/// Whether all items of an exact list are of one of these types.
unsafe fn holds_only(list: *mut PyObject, types: &[u64]) -> bool {
    // SAFETY: an exact list.
    unsafe {
        let raw = &*list.cast::<layout::List>();
        let items = (0..raw.size as usize).map(|index| objects::type_of(*raw.items.add(index)));
        let mut items = items;
        match items.next() {
            Some(first) => types.contains(&first) && items.all(|ty| ty == first),
            None => true,
        }
    }
}

/// Sorts an exact list of nothing but ints, floats or strings: 1. Else 0.
pub unsafe extern "C" fn sort_plain(list: *mut PyObject, _: *mut PyObject) -> c_int {
    use crate::host::type_address;
    // SAFETY: an exact list; comparing such objects runs no Python code.
    unsafe {
        let types = [type_address!(PyLong_Type), type_address!(PyFloat_Type), type_address!(PyUnicode_Type)];
        if !holds_only(list, &types) {
            return 0;
        }
        if ffi::PyList_Sort(list) < 0 {
            ffi::PyErr_Clear();
            return 0;
        }
        1
    }
}

/// Joins an exact list of nothing but strings. Null, without an exception, where it holds something else.
pub unsafe extern "C" fn join_plain(separator: *mut PyObject, list: *mut PyObject) -> *mut PyObject {
    use crate::host::type_address;
    // SAFETY: an exact string and an exact list.
    unsafe {
        if !holds_only(list, &[type_address!(PyUnicode_Type)]) {
            return null_mut();
        }
        ffi::PyUnicode_Join(separator, list)
    }
}
