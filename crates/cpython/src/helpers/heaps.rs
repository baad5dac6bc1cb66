//! `heapq.heappush` and `heapq.heappop` of an exact list whose items are compared in C.
//!
//! Each of them compares a few items on one way through the heap, which may be all there is to know of them: to ask first whether all
//! items are plain would make a step of length log n one of length n. So the way is found first, with all its comparisons,
//! and only then the items are moved: where one of the comparisons could run Python code or raise, nothing has changed, and the function
//! refuses. Items are moved, and memory is taken, as the functions in C do it (`_heapqmodule.c`).

use super::order::less;
use super::sequences::items;
use crate::capi as ffi;
use crate::{PyObject, objects};
use smallvec::SmallVec;
use std::ffi::c_int;
use std::ptr::null_mut;

const REFUSED: c_int = -1;

/// `heapq.heappush(heap, item)`.
pub unsafe extern "C" fn push(heap: *mut PyObject, item: *mut PyObject) -> c_int {
    // SAFETY: an exact list, as the callers guard. What is found says where the item goes; appending runs no Python code.
    unsafe {
        let end = items(heap).len();
        let mut at = end;
        while at > 0 {
            let parent = (at - 1) / 2;
            match less(item, items(heap)[parent]) {
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
                match less(rest[child], rest[child + 1]) {
                    Some(smaller) => child += usize::from(!smaller),
                    None => return null_mut(),
                }
            }
            way.push(child);
            at = child;
        }
        let mut depth = way.len();
        while depth > 0 {
            match less(last, rest[way[depth - 1]]) {
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
