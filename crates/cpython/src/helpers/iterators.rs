//! Making and stepping iterators of builtin types.
//!
//! A step says that there is no next item by giving a mark, so that the trace can go on behind the
//! loop: asking the same iterator once more would not always be the same. It refuses, by null without an exception and
//! before anything has changed, where Python code might run: where an iterator asks another one that is not known, and
//! where what it lets go of might not be plain.

use super::death::droppable;
use super::general;
use crate::capi as ffi;
use crate::host::type_address;
use crate::observe::known::{self, Shape};
use crate::version::layout::{Dict, DictIter, Enumerate, SequenceIter, SetIter, Zip};
use crate::{PyObject, objects};
use std::ptr::null_mut;

/// How deep iterators that ask iterators may be.
const DEPTH: u32 = 4;

/// `iter(iterable)` of an object of a known type.
pub unsafe extern "C" fn iterate(iterable: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object of an exact builtin type, as the callers guard.
    unsafe { ffi::PyObject_GetIter(iterable) }
}

/// Whether the next step of an iterator runs no Python code.
unsafe fn is_safe(iterator: *mut PyObject, depth: u32) -> bool {
    // SAFETY: a live object; the layout is that of the exact type.
    unsafe {
        if objects::type_of(iterator) == type_address!(PyListIter_Type) {
            // Mostly: a list that others have.
            let list = (*iterator.cast::<SequenceIter>()).sequence;
            if list.is_null() || !objects::is_last(list) && objects::type_of(list) == type_address!(PyList_Type) {
                return true;
            }
        }
        let at_end = |left: isize, container: *mut PyObject| left > 0 || container.is_null() || droppable(container);
        match known::iterator(objects::type_of(iterator)) {
            Some(Shape::Nothing) => true,
            Some(Shape::Sequence) => {
                let sequence = (*iterator.cast::<SequenceIter>()).sequence;
                let index = (*iterator.cast::<SequenceIter>()).index;
                if sequence.is_null() {
                    return true;
                }
                let ty = objects::type_of(sequence);
                if !known::is_sequence(ty) {
                    return false;
                }
                if !objects::is_last(sequence) {
                    return true;
                }
                let left = ffi::PySequence_Size(sequence) - index;
                // Those that go backward end below 0.
                at_end(if index < 1 { 0 } else { left }, sequence)
            }
            Some(Shape::Dict) => {
                let raw = &*iterator.cast::<DictIter>();
                let beyond = !raw.dict.is_null() && raw.position >= (*(*raw.dict.cast::<Dict>()).keys).entries;
                at_end(if beyond { 0 } else { raw.left }, raw.dict) && may_reuse(raw.result)
            }
            Some(Shape::Set) => {
                let raw = &*iterator.cast::<SetIter>();
                at_end(raw.left, raw.set)
            }
            Some(Shape::Zip) => {
                let raw = &*iterator.cast::<Zip>();
                let inner = objects::tuple_items(raw.iterators);
                depth > 0 && may_reuse(raw.result) && inner.iter().all(|inner| is_safe(*inner, depth - 1))
            }
            Some(Shape::Enumerate) => {
                let raw = &*iterator.cast::<Enumerate>();
                depth > 0 && may_reuse(raw.result) && is_safe(raw.iterator, depth - 1)
            }
            None => false,
        }
    }
}

/// Whether all steps of an iterator run no Python code.
pub(super) unsafe fn runs_to_its_end(iterator: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { is_known(iterator, DEPTH) }
}

/// The same, and what it goes through may die at the end.
unsafe fn is_known(iterator: *mut PyObject, depth: u32) -> bool {
    // SAFETY: a live object; the layout is that of the exact type.
    unsafe {
        let may_go = |container: *mut PyObject| container.is_null() || droppable(container);
        match known::iterator(objects::type_of(iterator)) {
            Some(Shape::Nothing) => true,
            Some(Shape::Sequence) => {
                let sequence = (*iterator.cast::<SequenceIter>()).sequence;
                sequence.is_null() || known::is_sequence(objects::type_of(sequence)) && may_go(sequence)
            }
            Some(Shape::Dict) => {
                let raw = &*iterator.cast::<DictIter>();
                may_go(raw.dict) && may_reuse(raw.result)
            }
            Some(Shape::Set) => may_go((*iterator.cast::<SetIter>()).set),
            Some(Shape::Zip) => {
                let raw = &*iterator.cast::<Zip>();
                let inner = objects::tuple_items(raw.iterators);
                depth > 0 && may_reuse(raw.result) && inner.iter().all(|inner| is_known(*inner, depth - 1))
            }
            Some(Shape::Enumerate) => {
                let raw = &*iterator.cast::<Enumerate>();
                depth > 0 && may_reuse(raw.result) && is_known(raw.iterator, depth - 1)
            }
            None => false,
        }
    }
}

/// Whether a tuple that may be filled anew can let go of its items.
unsafe fn may_reuse(tuple: *mut PyObject) -> bool {
    // SAFETY: a live tuple or null.
    unsafe {
        tuple.is_null()
            || !objects::is_last(tuple)
            || objects::tuple_items(tuple).iter().all(|item| item.is_null() || droppable(*item))
    }
}

/// The next item, or the mark for the end.
pub unsafe extern "C" fn next(iterator: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live object.
    unsafe { if is_safe(iterator, DEPTH) { general::next(iterator) } else { null_mut() } }
}

/// `next(iterator)`.
pub unsafe extern "C" fn next_or_raise(iterator: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        let item = next(iterator);
        if item as u64 != general::exhausted() {
            return item;
        }
        ffi::PyErr_SetNone(ffi::PyExc_StopIteration);
        null_mut()
    }
}

/// `next(iterator, default)`.
pub unsafe extern "C" fn next_or(iterator: *mut PyObject, default: *mut PyObject) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        let item = next(iterator);
        if item as u64 != general::exhausted() {
            return item;
        }
        objects::incref(default);
        default
    }
}

/// The iterator of a range. The first operand is not used.
pub unsafe extern "C" fn range(_: *mut PyObject, next: i64, step: i64, left: i64) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe { objects::new_range_iter(next, step, left) }
}
