//! Reference counts, read and written as the processor likes it.
//!
//! CPython 3.13 counts up in the lower 32 bits of a word of 64, and counts down in all of it. A load that is wider than the store it follows
//! has to wait until that has left the processor's store queue, some fifteen cycles: each argument of a call has its count
//! raised by the caller and lowered by the callee's end, a few instructions later. So counts are read with 32 bits here, which any
//! store before them serves, and written with 64, which serves any load behind them. The upper half is zero: an object whose lower
//! half has counted up to its end is immortal, and stays as it is. Stencils read in the same way, and write 32 bits.
//!
//! All functions need the GIL, and objects that are alive.

#![allow(clippy::missing_safety_doc, reason = "the one contract is in the module's text")]

use crate::{PyObject, capi};

/// How many references there are; an immortal object has more than any other.
pub unsafe fn count(object: *mut PyObject) -> isize {
    // SAFETY: the module's contract. A count is in the first word.
    unsafe { object.cast::<u32>().read() as isize }
}

/// Whether there is one reference.
pub unsafe fn is_last(object: *mut PyObject) -> bool {
    // SAFETY: the module's contract.
    unsafe { count(object) == 1 }
}

/// Takes a reference; null is fine.
pub unsafe fn incref(object: *mut PyObject) {
    // SAFETY: the module's contract.
    unsafe {
        if !object.is_null() {
            let next = object.cast::<u32>().read().wrapping_add(1);
            if next != 0 {
                object.cast::<u64>().write(u64::from(next));
            }
        }
    }
}

/// The same object, with another reference; null is fine.
pub unsafe fn shared(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe { incref(object) };
    object
}

/// Drops a reference; null is fine. Where it was the last one, the object dies, and that may run
/// Python code.
pub unsafe fn decref(object: *mut PyObject) {
    // SAFETY: the module's contract.
    unsafe {
        if object.is_null() {
            return;
        }
        let count = object.cast::<u32>().read();
        if (count as i32) < 0 {
            return;
        }
        object.cast::<u64>().write(u64::from(count.wrapping_sub(1)));
        if count == 1 {
            capi::_Py_Dealloc(object);
        }
    }
}
