//! Frames that are not made: the callee of a native call runs on one.
//!
//! A frame is a few locals and a head of eleven words. The trace that runs on it looks at the locals alone, and as long
//! as nobody walks over the frames nobody misses the rest. So a native call takes the room that the frame would have on the
//! thread's stack of frames, fills the locals in, and makes the head only where somebody could look ([`make`]): then it is
//! a frame like any other.
//!
//! The interpreter takes frames off that stack by their addresses, so that they have to be in the order of the calls. The
//! frames of inlined calls of the caller come before the callee's, and get room too.

use crate::frame::Frame;
use crate::helpers::death::may_die_all;
use crate::version::layout::{self, owner};
use crate::{PyObject, objects};
use std::ptr::null_mut;

/// What a native call knows of the function that it calls.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The function object.
    pub function: *mut PyObject,
    /// Its code.
    pub code: *mut PyObject,
    /// Its globals.
    pub globals: *mut PyObject,
    /// Its builtins.
    pub builtins: *mut PyObject,
    /// Local slots.
    pub locals: u32,
    /// How many of them are for cells of functions around it, the last ones.
    pub cells: u32,
    /// Words of its frame.
    pub words: usize,
}

impl Shape {
    /// Of a Python function that is called with so many arguments in the plain way; none where it is not plain. Instead of a
    /// function its code may be given: then function and dicts are left out.
    ///
    /// # Safety
    /// A live object.
    pub unsafe fn new(callee: *mut PyObject, count: usize) -> Option<Shape> {
        // SAFETY: the caller's; a plain function has code of this layout.
        unsafe {
            let (function, code, globals, builtins) = if objects::is_code(callee) {
                objects::plain_code(callee, count).then_some((null_mut(), callee, null_mut(), null_mut()))?
            } else {
                let plain = objects::plain_function(callee, count)?;
                (callee, plain.code, plain.globals, plain.builtins)
            };
            let raw = &*code.cast::<layout::Code>();
            let wanted = layout::flags::OPTIMIZED | layout::flags::NEW_LOCALS;
            (raw.flags & wanted == wanted).then_some(Shape {
                function,
                code,
                globals,
                builtins,
                locals: raw.locals_plus as u32,
                cells: raw.free_vars as u32,
                words: raw.frame_size as usize,
            })
        }
    }

    /// The shape for this function, where only its code was known.
    ///
    /// # Safety
    /// A live function of this code.
    pub unsafe fn with(&self, function: *mut PyObject) -> Shape {
        // SAFETY: the caller's.
        let its = unsafe { Shape::of(function) };
        Shape { locals: self.locals, cells: self.cells, words: self.words, ..its }
    }
}

impl Shape {
    /// Of a plain function that is being called. Slots and words are left out: see [`size`].
    ///
    /// # Safety
    /// A live Python function.
    #[inline]
    pub unsafe fn of(function: *mut PyObject) -> Shape {
        // SAFETY: the caller's.
        let raw = unsafe { &*function.cast::<layout::Function>() };
        Shape { function, code: raw.code, globals: raw.globals, builtins: raw.builtins, locals: 0, cells: 0, words: 0 }
    }
}

/// Local slots, and words of a frame, of this code.
///
/// # Safety
/// A live code object.
pub unsafe fn size(code: *mut PyObject) -> (u32, usize) {
    // SAFETY: the caller's.
    let code = unsafe { &*code.cast::<layout::Code>() };
    (code.locals_plus as u32, code.frame_size as usize)
}

/// Words of a frame of this code.
///
/// # Safety
/// A live code object.
pub unsafe fn words(code: *mut PyObject) -> usize {
    // SAFETY: the caller's.
    unsafe { (*code.cast::<layout::Code>()).frame_size as usize }
}

/// Fills in the locals of a frame that is not made: arguments, whose references are handed over, nulls, and the function's cells.
///
/// # Safety
/// There is room for a frame of this shape; the function is alive, and of this code.
#[inline]
pub unsafe fn fill(frame: Frame, shape: &Shape, function: *mut PyObject, arguments: &[u64]) {
    // SAFETY: the caller's.
    unsafe {
        let raw = frame.pointer();
        (*raw).frame_object = null_mut();
        let slots = (&raw mut (*raw).slots).cast::<*mut PyObject>();
        for (index, argument) in arguments.iter().enumerate() {
            slots.add(index).write(*argument as *mut PyObject);
        }
        for index in arguments.len()..shape.locals as usize {
            slots.add(index).write(null_mut());
        }
        if shape.cells != 0 {
            copy_cells(frame, function, shape.locals);
        }
    }
}

/// The same for a function that is called from elsewhere: all but its arguments, whose place is given. What it takes from functions
/// around it is there.
///
/// # Safety
/// There is room for a frame of this shape; the function is alive.
#[inline]
pub unsafe fn begin(frame: Frame, shape: &Shape, count: usize) -> *mut *mut PyObject {
    // SAFETY: the caller's. A function has as many cells as its code has places for them, the last ones.
    unsafe {
        let raw = frame.pointer();
        (*raw).frame_object = null_mut();
        let slots = (&raw mut (*raw).slots).cast::<*mut PyObject>();
        for index in count..shape.locals as usize {
            slots.add(index).write(null_mut());
        }
        let closure = (*shape.function.cast::<layout::Function>()).closure;
        if !closure.is_null() {
            fill_cells(slots, shape.locals, closure);
        }
        slots
    }
}

/// Puts what a function takes from functions around it into the last of its slots, as its first instruction would.
///
/// # Safety
/// A frame of this function, or room for one, with so many locals; the function is alive, and these slots hold nothing.
pub unsafe fn copy_cells(frame: Frame, function: *mut PyObject, locals: u32) {
    // SAFETY: the caller's.
    unsafe {
        let closure = (*function.cast::<layout::Function>()).closure;
        if !closure.is_null() {
            fill_cells((&raw mut (*frame.pointer()).slots).cast(), locals, closure);
        }
    }
}

unsafe fn fill_cells(slots: *mut *mut PyObject, locals: u32, closure: *mut PyObject) {
    // SAFETY: the caller's. A function has as many cells as its code has places for them, the last ones.
    unsafe {
        let cells = objects::tuple_items(closure);
        let first = locals as usize - cells.len();
        for (index, cell) in cells.iter().enumerate() {
            objects::incref(*cell);
            slots.add(first + index).write(*cell);
        }
    }
}

/// Makes such a frame, on top of another one. Its stack is hidden, as that of a frame that runs.
///
/// # Safety
/// A frame that was filled in, of this function; the function is alive.
pub unsafe fn make(frame: Frame, shape: &Shape, below: Frame) {
    // SAFETY: the caller's; all fields are written, but the locals, as the interpreter does.
    unsafe {
        let raw = frame.pointer();
        objects::incref(shape.code);
        objects::incref(shape.function);
        (*raw).executable = shape.code;
        (*raw).previous = below.pointer();
        (*raw).function = shape.function;
        (*raw).globals = shape.globals;
        (*raw).builtins = shape.builtins;
        (*raw).locals_dict = null_mut();
        (*raw).frame_object = null_mut();
        (*raw).instr_ptr = (&raw mut (*shape.code.cast::<layout::Code>()).code).cast();
        (*raw).stack_top = -1;
        (*raw).return_offset = 0;
        (*raw).owner = owner::THREAD;
    }
}

/// Lets go of what the locals of a frame that was never made hold. False where something is left that may run code when it
/// dies: [`let_go`] is for that.
///
/// # Safety
/// A frame that was filled in.
#[inline(always)]
pub unsafe fn clear(frame: Frame, shape: &Shape) -> bool {
    let mut all = true;
    // SAFETY: the caller's: the slots hold references or nothing.
    unsafe {
        let slots = (&raw mut (*frame.pointer()).slots).cast::<*mut PyObject>();
        for index in 0..shape.locals as usize {
            let object = *slots.add(index);
            if object.is_null() {
                continue;
            }
            if !objects::is_last(object)
                || objects::type_of(object) == &raw const pyo3_ffi::PyLong_Type as u64
                || may_die_all(&raw const object, 1) != 0
            {
                slots.add(index).write(null_mut());
                objects::decref(object);
            } else {
                all = false;
            }
        }
    }
    all
}

/// Whether nothing is left in the locals.
///
/// # Safety
/// A frame that was cleared; nobody has used its room since.
pub unsafe fn is_clear(frame: Frame, shape: &Shape) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let slots = (&raw mut (*frame.pointer()).slots).cast::<*mut PyObject>();
        (0..shape.locals as usize).all(|index| (*slots.add(index)).is_null())
    }
}

/// Lets go of the rest. Runs Python code.
///
/// # Safety
/// A frame that was cleared; nobody has used its room since.
pub unsafe fn let_go(frame: Frame, shape: &Shape) {
    // SAFETY: the caller's. What runs takes the room of the frame.
    unsafe {
        let slots = (&raw mut (*frame.pointer()).slots).cast::<*mut PyObject>();
        let rest: Vec<*mut PyObject> = (0..shape.locals as usize).map(|index| *slots.add(index)).collect();
        rest.into_iter().for_each(|object| objects::decref(object));
    }
}
