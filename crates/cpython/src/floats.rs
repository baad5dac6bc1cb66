//! Floats from the interpreter's list of free ones, and back to it, without its functions.
//!
//! Traces make and drop floats by the million. `PyFloat_FromDouble` and `_Py_Dealloc` do little more than take from that list
//! or put there, but ask for the thread's interpreter first, which costs more than all the rest in a shared library. decal
//! works in one interpreter, whose list has one address: it is looked for in the interpreter's state by what happens to it
//! when floats come and go. Where it is not found, CPython's own functions do it.
//!
//! Cost: the search reads the interpreter's state once at most, when decal is switched on.

use crate::capi as ffi;
use crate::version::{checks, layout, symbols::Symbols};
use crate::{PyObject, objects};
use layout::FreeFloats;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

static LIST: AtomicPtr<FreeFloats> = AtomicPtr::new(null_mut());

/// Looks for the list.
///
/// # Safety
/// The GIL of the main interpreter is held, and its state has the size that it says.
pub unsafe fn find(symbols: &Symbols) {
    // SAFETY: words of the interpreter's state are read, all of which are in memory; floats are made and dropped by CPython.
    unsafe {
        let state = ffi::PyInterpreterState_Get().cast::<u8>();
        let size = checks::interpreter_size(symbols.runtime);
        let mut candidates = (0..size.saturating_sub(size_of::<FreeFloats>()))
            .step_by(align_of::<FreeFloats>())
            .map(|at| state.add(at).cast::<FreeFloats>());
        // Three, so that there is room in the list for those that go.
        let [first, second, third] = [0.5, 1.5, 2.5].map(|value| ffi::PyFloat_FromDouble(value));
        if [first, second, third].contains(&null_mut()) {
            return;
        }
        objects::decref(first);
        let list =
            candidates.find(|list| (**list).first == first && (1..layout::MOST_FREE_FLOATS).contains(&(**list).count));
        let count = list.map_or(0, |list| (*list).count);
        objects::decref(second);
        let grows = list.is_some_and(|list| (*list).first == second && (*list).count == count + 1);
        // The next one is where the type was.
        let linked = grows && objects::type_of(second) == first as u64;
        let again = ffi::PyFloat_FromDouble(3.5);
        let shrinks = list.is_some_and(|list| again == second && (*list).first == first && (*list).count == count);
        objects::decref(again);
        objects::decref(third);
        if let Some(list) = list
            && linked
            && shrinks
        {
            LIST.store(list, Ordering::Relaxed);
        }
    }
}

/// A new `float`; null with an exception where memory ran out.
///
/// # Safety
/// The GIL of the main interpreter is held.
pub unsafe extern "C" fn new(value: f64) -> *mut PyObject {
    let list = LIST.load(Ordering::Relaxed);
    // SAFETY: the list was found, and nobody else works on it: the GIL is held. What it has are dead floats, each with the next
    // one in place of its type.
    unsafe {
        if list.is_null() || (*list).first.is_null() {
            return ffi::PyFloat_FromDouble(value);
        }
        let float = (*list).first.cast::<layout::Float>();
        (*list).first = (*float).ty.cast();
        (*list).count -= 1;
        float.write(layout::Float { references: 1, ty: (&raw mut ffi::PyFloat_Type).cast(), value });
        float.cast()
    }
}

/// Frees an exact float that nobody holds.
///
/// # Safety
/// As for [`new`]; the object is a float whose last reference has gone.
pub unsafe extern "C" fn free(object: *mut PyObject) {
    let list = LIST.load(Ordering::Relaxed);
    // SAFETY: as above; nobody has the object.
    unsafe {
        if list.is_null() || !(0..layout::MOST_FREE_FLOATS).contains(&(*list).count) {
            return ffi::_Py_Dealloc(object);
        }
        (*object.cast::<layout::Float>()).ty = (*list).first.cast();
        (*list).first = object;
        (*list).count += 1;
    }
}
