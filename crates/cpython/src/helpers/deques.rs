//! What traces do with a `deque` of the module `collections`, which is no part of the interpreter's core: its type is found when
//! one is seen first. As in [`dicts`](super::dicts), all functions refuse what they do not handle.
//!
//! Its layout is not in any header. So two deques are made, one with a limit and one without, and only where the layout says of them
//! what they are is the type known from then on. What has a limit drops what it holds when it is appended to, and what dies then
//! may run Python code: such a one is left to CPython.

use crate::capi as ffi;
use crate::version::layout::Deque;
use crate::{PyObject, objects};
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

const REFUSED: c_int = -1;

/// The type, kept alive; 0 while none was seen, 1 where its layout is another one.
static TYPE: AtomicUsize = AtomicUsize::new(0);
/// `append` and `appendleft`, in C.
static APPENDS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// How `append` is written in C.
type Append = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;

/// The type of deques, where it is known.
pub fn known_type() -> Option<u64> {
    let known = TYPE.load(Ordering::Relaxed);
    (known > 1).then_some(known as u64)
}

/// Whether this is a deque, and none of a class derived from it.
///
/// # Safety
/// A live object; the GIL is held.
pub unsafe fn is_deque(object: *mut PyObject) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let ty = ffi::Py_TYPE(object);
        match TYPE.load(Ordering::Relaxed) {
            0 if is_deque_type(ty) => learn(ty),
            known => known == ty as usize,
        }
    }
}

/// Whether this may be the type of deques. No class made by Python code is immutable.
unsafe fn is_deque_type(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the type of a live object.
    unsafe {
        ffi::PyType_GetFlags(ty) & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0
            && (*ty).tp_basicsize as usize >= size_of::<Deque>()
            && (*ty).tp_itemsize == 0
            && CStr::from_ptr((*ty).tp_name) == c"collections.deque"
    }
}

/// Compares what the layout says of two deques with what they were made with.
unsafe fn learn(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: calling the type with a text and a number runs no Python code. What is made has that size at least.
    unsafe {
        let text = ffi::PyUnicode_FromString(c"abc".as_ptr());
        if text.is_null() {
            // No memory: it is tried again.
            ffi::PyErr_Clear();
            return false;
        }
        // The number is one of those that always exist.
        let limit = ffi::PyLong_FromLong(7);
        let free = ffi::PyObject_CallFunctionObjArgs(ty.cast(), text, null_mut::<PyObject>());
        let limited = ffi::PyObject_CallFunctionObjArgs(ty.cast(), text, limit, null_mut::<PyObject>());
        let failed = free.is_null() || limited.is_null();
        let says = |deque: *mut PyObject, limit| {
            let raw = deque.cast::<Deque>();
            (*raw).size == 3 && (*raw).limit == limit
        };
        let same = !failed && says(free, -1) && says(limited, 7);
        [text, limit, free, limited].into_iter().for_each(|object| ffi::Py_XDECREF(object));
        if failed {
            // The same.
            ffi::PyErr_Clear();
            return false;
        }
        let same = same && learn_appends(ty);
        if same {
            objects::incref(ty.cast());
        }
        TYPE.store(if same { ty as usize } else { 1 }, Ordering::Relaxed);
        same
    }
}

/// Finds the functions of both methods.
unsafe fn learn_appends(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the methods of a type of CPython's own are a table that ends with a null.
    unsafe {
        for (name, place) in [c"append", c"appendleft"].into_iter().zip(&APPENDS) {
            let mut method = (*ty).tp_methods;
            while !method.is_null() && !(*method).ml_name.is_null() && CStr::from_ptr((*method).ml_name) != name {
                method = method.add(1);
            }
            if method.is_null() || (*method).ml_name.is_null() || (*method).ml_flags != ffi::METH_O {
                return false;
            }
            place.store((*method).ml_meth.PyCFunction as usize, Ordering::Relaxed);
        }
        true
    }
}

/// `deque.append(item)`.
pub unsafe extern "C" fn append(deque: *mut PyObject, item: *mut PyObject) -> c_int {
    // SAFETY: an exact deque, as the callers guard.
    unsafe { append_by(&APPENDS[0], deque, item) }
}

/// `deque.appendleft(item)`.
pub unsafe extern "C" fn append_left(deque: *mut PyObject, item: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe { append_by(&APPENDS[1], deque, item) }
}

unsafe fn append_by(place: &AtomicUsize, deque: *mut PyObject, item: *mut PyObject) -> c_int {
    // SAFETY: there is a deque, so that the functions were found, and they are of this type.
    unsafe {
        if (*deque.cast::<Deque>()).limit >= 0 {
            return REFUSED;
        }
        let function = std::mem::transmute::<usize, Option<Append>>(place.load(Ordering::Relaxed));
        let Some(function) = function else { return REFUSED };
        // None lives forever.
        if function(deque, item).is_null() { REFUSED } else { 1 }
    }
}

/// `deque[index]`.
pub unsafe extern "C" fn item(deque: *mut PyObject, index: i64) -> *mut PyObject {
    // SAFETY: an exact deque, as the callers guard; the index is checked.
    unsafe {
        let length = (*deque.cast::<Deque>()).size as i64;
        let index = if index < 0 { index.saturating_add(length) } else { index };
        if index < 0 || index >= length {
            return null_mut();
        }
        ffi::PySequence_GetItem(deque, index as isize)
    }
}
