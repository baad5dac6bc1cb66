//! `heapq.heappush` and `heapq.heappop` of an exact list whose items are compared in C.
//!
//! Each of them compares a few items on one way through the heap, which may be all there is to know of them: to ask first whether all
//! items are plain would make a step of length log n one of length n. So the way is found first, with all its comparisons,
//! and only then the items are moved: where one of the comparisons could run Python code or raise, nothing has changed, and the function
//! refuses. Items are moved, and memory is taken, as the functions in C do it (`_heapqmodule.c`).

use super::sequences::items;
use super::small_int;
use crate::capi as ffi;
use crate::host::type_address;
use crate::{PyObject, objects};
use smallvec::SmallVec;
use std::ffi::c_int;
use std::ptr::null_mut;

const REFUSED: c_int = -1;

/// How deep tuples within tuples may be.
const DEPTH: u32 = 3;

unsafe fn is_number(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    let ty = unsafe { objects::type_of(object) };
    ty == type_address!(PyLong_Type) || ty == type_address!(PyFloat_Type) || ty == type_address!(PyBool_Type)
}

unsafe fn is_exact(object: *mut PyObject, ty: u64) -> bool {
    // SAFETY: a live object.
    unsafe { objects::type_of(object) == ty }
}

/// What C says of two plain values; none where it would raise.
unsafe fn compared(a: *mut PyObject, b: *mut PyObject, operator: c_int) -> Option<bool> {
    // SAFETY: live objects of builtin types that are compared without Python code.
    match unsafe { ffi::PyObject_RichCompareBool(a, b, operator) } {
        0 => Some(false),
        1 => Some(true),
        _ => {
            // SAFETY: an exception is set.
            unsafe { ffi::PyErr_Clear() };
            None
        }
    }
}

/// `a < b`, where that runs no Python code and does not raise.
unsafe fn less(a: *mut PyObject, b: *mut PyObject, depth: u32) -> Option<bool> {
    // SAFETY: live objects; tuples do not change.
    unsafe {
        if let (Some(a), Some(b)) = (exact_int(a), exact_int(b)) {
            return Some(a < b);
        }
        let text = type_address!(PyUnicode_Type);
        if is_number(a) && is_number(b) || is_exact(a, text) && is_exact(b, text) {
            return compared(a, b, ffi::Py_LT);
        }
        let tuple = type_address!(PyTuple_Type);
        if depth == 0 || !is_exact(a, tuple) || !is_exact(b, tuple) {
            return None;
        }
        let (left, right) = (objects::tuple_items(a), objects::tuple_items(b));
        for (a, b) in left.iter().zip(right) {
            if !equal(*a, *b, depth - 1)? {
                return less(*a, *b, depth - 1);
            }
        }
        Some(left.len() < right.len())
    }
}

/// `a == b` in the way of containers, where that runs no Python code.
unsafe fn equal(a: *mut PyObject, b: *mut PyObject, depth: u32) -> Option<bool> {
    // SAFETY: as above.
    unsafe {
        if a == b {
            return Some(true);
        }
        if let (Some(a), Some(b)) = (exact_int(a), exact_int(b)) {
            return Some(a == b);
        }
        let plain = |object| is_number(object) || is_exact(object, type_address!(PyUnicode_Type));
        if plain(a) && plain(b) {
            return compared(a, b, ffi::Py_EQ);
        }
        let tuple = type_address!(PyTuple_Type);
        if depth == 0 || !is_exact(a, tuple) || !is_exact(b, tuple) {
            return None;
        }
        let (left, right) = (objects::tuple_items(a), objects::tuple_items(b));
        for (a, b) in left.iter().zip(right) {
            if !equal(*a, *b, depth - 1)? {
                return Some(false);
            }
        }
        Some(left.len() == right.len())
    }
}

unsafe fn exact_int(object: *mut PyObject) -> Option<i64> {
    // SAFETY: a live object.
    unsafe { if is_exact(object, type_address!(PyLong_Type)) { small_int(object) } else { None } }
}

/// `heapq.heappush(heap, item)`.
pub unsafe extern "C" fn push(heap: *mut PyObject, item: *mut PyObject) -> c_int {
    // SAFETY: an exact list, as the callers guard. What is found says where the item goes; appending runs no Python code.
    unsafe {
        let end = items(heap).len();
        let mut at = end;
        while at > 0 {
            let parent = (at - 1) / 2;
            match less(item, items(heap)[parent], DEPTH) {
                Some(true) => at = parent,
                Some(false) => break,
                None => return REFUSED,
            }
        }
        if ffi::PyList_Append(heap, item) < 0 {
            ffi::PyErr_Clear();
            return REFUSED;
        }
        let (place, items) = (at, items(heap));
        let mut at = end;
        while at > place {
            items.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
        1
    }
}

/// `heapq.heappop(heap)`.
pub unsafe extern "C" fn pop(heap: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact list, as the callers guard. The last item is alive, and so is the first one, which the list gives up.
    unsafe {
        let Some((&mut last, rest)) = items(heap).split_last_mut() else { return null_mut() };
        let count = rest.len();
        // The way down along the smaller children, and how far the last item comes on it.
        let mut way: SmallVec<[usize; 32]> = SmallVec::new();
        let mut at = 0;
        while at < count / 2 {
            let mut child = 2 * at + 1;
            if child + 1 < count {
                match less(rest[child], rest[child + 1], DEPTH) {
                    Some(smaller) => child += usize::from(!smaller),
                    None => return null_mut(),
                }
            }
            way.push(child);
            at = child;
        }
        let mut depth = way.len();
        while depth > 0 {
            match less(last, rest[way[depth - 1]], DEPTH) {
                Some(true) => depth -= 1,
                Some(false) => break,
                None => return null_mut(),
            }
        }
        objects::incref(last);
        if ffi::PyList_SetSlice(heap, count as isize, count as isize + 1, null_mut()) < 0 {
            ffi::PyErr_Clear();
            objects::decref(last);
            return null_mut();
        }
        let rest = items(heap);
        let Some(first) = rest.first().copied() else { return last };
        let mut at = 0;
        for child in way.into_iter().take(depth) {
            rest[at] = rest[child];
            at = child;
        }
        rest[at] = last;
        first
    }
}
