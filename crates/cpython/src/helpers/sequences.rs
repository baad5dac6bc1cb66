//! Slices, and lists that change their length.
//!
//! All functions here refuse, by a result of null or 0 without an exception and before they have changed anything,
//! what they do not handle: the trace is left, and CPython runs the instruction itself. Nothing dies in them but objects whose
//! death runs no Python code. Bounds are numbers as CPython itself has them: an absent one is the lowest or highest number.

use super::death::is_plain;
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout;
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;

/// Up to how many items that are replaced each is counted; with more, a safe guess must do.
const COUNTED: usize = 32;

/// The first item, the step, and how many items of `size` a slice has. The step is not 0.
fn adjust(start: i64, stop: i64, step: i64, size: i64) -> (i64, i64) {
    let (lowest, highest) = if step < 0 { (-1, size - 1) } else { (0, size) };
    let clamp = |bound: i64| {
        let bound = if bound < 0 { bound.saturating_add(size) } else { bound };
        bound.clamp(lowest, highest)
    };
    let (start, stop) = (clamp(start), clamp(stop));
    let count = match step {
        // Mostly; nothing is divided then.
        -1 => (start - stop).max(0),
        1 => (stop - start).max(0),
        ..=-1 if start > stop => (start - stop - 1) / step.saturating_neg() + 1,
        1.. if start < stop => (stop - start - 1) / step + 1,
        _ => 0,
    };
    (start, count)
}

pub(super) unsafe fn items<'a>(list: *mut PyObject) -> &'a mut [*mut PyObject] {
    // SAFETY: an exact list whose items nobody else looks at while the slice is used.
    unsafe {
        let list = list.cast::<layout::List>();
        if (*list).size == 0 {
            return &mut [];
        }
        std::slice::from_raw_parts_mut((*list).items, (*list).size as usize)
    }
}

/// A list of as many items as the lower half says, with nothing in them, and room for as many as the upper half says.
pub unsafe extern "C" fn new_grown_list(packed: i64) -> *mut PyObject {
    let (length, room) = (packed & 0xffff_ffff, packed >> 32);
    // SAFETY: a new list, which nobody else has; CPython's own have room behind their items, too, which nobody looks at.
    unsafe {
        let list = ffi::PyList_New(room as isize);
        if !list.is_null() {
            (*list.cast::<layout::List>()).size = length as _;
        }
        list
    }
}

/// `sequence[start:stop:step]` of an exact list, tuple, `str`, `bytes` or `bytearray`.
pub unsafe extern "C" fn get_slice(sequence: *mut PyObject, start: i64, stop: i64, step: i64) -> *mut PyObject {
    if step == 0 {
        return null_mut();
    }
    // SAFETY: exact types, as the callers guard; all functions called run C only.
    unsafe {
        let ty = objects::type_of(sequence);
        if ty == type_address!(PyList_Type) {
            return list_slice(sequence, start, stop, step);
        }
        if step == 1 && ty == type_address!(PyUnicode_Type) {
            let (first, count) = adjust(start, stop, 1, ffi::PyUnicode_GetLength(sequence) as i64);
            return ffi::PyUnicode_Substring(sequence, first as isize, (first + count) as isize);
        }
        if step == 1 && ty == type_address!(PyTuple_Type) {
            let (first, count) = adjust(start, stop, 1, ffi::PyTuple_Size(sequence) as i64);
            return ffi::PyTuple_GetSlice(sequence, first as isize, (first + count) as isize);
        }
        if ty == type_address!(PyUnicode_Type) && ffi::PyUnicode_IS_ASCII(sequence) != 0 {
            return text_slice(sequence, start, stop, step);
        }
        // As they come where the program has none.
        let open = if step < 0 { [i64::MAX, i64::MIN] } else { [0, i64::MAX] };
        let bound = |value, open| if value == open { objects::shared(ffi::Py_None()) } else { objects::new_int(value) };
        let bounds = [bound(start, open[0]), bound(stop, open[1]), objects::new_int(step)];
        let mut result = null_mut();
        if bounds.iter().all(|bound| !bound.is_null()) {
            let slice = ffi::PySlice_New(bounds[0], bounds[1], bounds[2]);
            if !slice.is_null() {
                result = ffi::PyObject_GetItem(sequence, slice);
                objects::decref(slice);
            }
        }
        bounds.iter().for_each(|bound| objects::decref(*bound));
        result
    }
}

/// Every so many characters of an ASCII string: a string of its own, also where it has one character.
unsafe fn text_slice(text: *mut PyObject, start: i64, stop: i64, step: i64) -> *mut PyObject {
    // SAFETY: an ASCII string; the new one is nobody else's.
    unsafe {
        let length = ffi::PyUnicode_GetLength(text);
        let (first, count) = adjust(start, stop, step, length as i64);
        if count <= 0 {
            return ffi::PyUnicode_New(0, 0);
        }
        let new = ffi::PyUnicode_New(count as isize, 127);
        if new.is_null() {
            return new;
        }
        let from = std::slice::from_raw_parts(ffi::PyUnicode_DATA(text).cast::<u8>(), length as usize);
        let to = std::slice::from_raw_parts_mut(ffi::PyUnicode_DATA(new).cast::<u8>(), count as usize);
        let mut at = first;
        for character in to {
            *character = from[at as usize];
            at = at.wrapping_add(step);
        }
        new
    }
}

unsafe fn list_slice(list: *mut PyObject, start: i64, stop: i64, step: i64) -> *mut PyObject {
    // SAFETY: an exact list; making the new one runs no Python code, so that the old one stays as it is.
    unsafe {
        let (first, count) = adjust(start, stop, step, (*list.cast::<layout::List>()).size as i64);
        let new = ffi::PyList_New(count as isize);
        if new.is_null() {
            return new;
        }
        let (from, to) = (items(list), items(new));
        let mut at = first;
        for slot in to {
            let item = from[at as usize];
            objects::incref(item);
            *slot = item;
            at = at.wrapping_add(step);
        }
        new
    }
}

/// `list[start:stop] = value` of an exact list and another exact list or tuple: 1. Refuses where an item that is replaced
/// could run code when it dies.
pub unsafe extern "C" fn set_slice(list: *mut PyObject, start: i64, stop: i64, value: *mut PyObject) -> c_int {
    // SAFETY: the caller's.
    unsafe { put_slice(list, start, stop, value, false) }
}

/// The same, where the caller drops the value at once: what is replaced may die with that.
pub unsafe extern "C" fn set_slice_last(list: *mut PyObject, start: i64, stop: i64, value: *mut PyObject) -> c_int {
    // SAFETY: the caller's.
    unsafe { put_slice(list, start, stop, value, true) }
}

unsafe fn put_slice(list: *mut PyObject, start: i64, stop: i64, value: *mut PyObject, last: bool) -> c_int {
    // SAFETY: exact types, as the callers guard. What is replaced is held elsewhere too, or plain.
    unsafe {
        if list == value {
            return 0;
        }
        let size = (*list.cast::<layout::List>()).size as i64;
        let (first, count) = adjust(start, stop, 1, size);
        let (first, count) = (first as usize, count as usize);
        if !may_replace(&items(list)[first..first + count]) {
            return 0;
        }
        let is_list = objects::type_of(value) == type_address!(PyList_Type);
        let new: &[*mut PyObject] = if is_list { items(value) } else { objects::tuple_items(value) };
        if new.len() != count {
            let done = ffi::PyList_SetSlice(list, first as isize, (first + count) as isize, value);
            return if done == 0 { 1 } else { -1 };
        }
        if count == 0 {
            return 1;
        }
        if last && is_list && objects::is_last(value) {
            // Nobody sees the value again.
            items(list)[first..first + count].swap_with_slice(items(value));
            return 1;
        }
        for item in new {
            objects::incref(*item);
        }
        for (slot, item) in items(list)[first..first + count].iter_mut().zip(new) {
            objects::decref(std::mem::replace(slot, *item));
        }
        1
    }
}

/// Whether these items of a list, which lets them all go, are held elsewhere too, or plain.
unsafe fn may_replace(replaced: &[*mut PyObject]) -> bool {
    let count = replaced.len();
    replaced.iter().all(|item| {
        let copies = || {
            let same = replaced.iter().filter(|other| **other == *item).count();
            if count <= COUNTED { same } else { count }
        };
        // SAFETY: items of a list, which are alive. Mostly somebody else holds one, or it lives forever: its count is high.
        let held = unsafe { objects::count(*item) } as usize;
        // SAFETY: as above.
        held > count || unsafe { is_plain(*item) } || held > copies()
    })
}

/// `list[start:stop] = from[start:stop:step]` of two exact lists, which may be one: 1. Refuses where an item that is replaced
/// could run code when it dies. The five numbers are those of `list`, then those of `from`.
pub unsafe extern "C" fn move_slice(list: *mut PyObject, from: *mut PyObject, numbers: *const i64) -> c_int {
    // SAFETY: exact lists, as the callers guard; the numbers are in the context.
    unsafe {
        let [start, stop, from_start, from_stop, step] = *numbers.cast::<[i64; 5]>();
        if step == 0 {
            return 0;
        }
        let (first, count) = adjust(start, stop, 1, (*list.cast::<layout::List>()).size as i64);
        let (taken, number) = adjust(from_start, from_stop, step, (*from.cast::<layout::List>()).size as i64);
        let place = first as usize..(first + count) as usize;
        if count == number && list == from {
            // The same items in the same places, or in reverse: the list holds what it held.
            if step == 1 && taken == first {
                return 1;
            }
            if step == -1 && taken == first + count - 1 {
                items(list)[place].reverse();
                return 1;
            }
        } else if count == number && step == 1 {
            if !may_replace(&items(list)[place.clone()]) {
                return 0;
            }
            let new = &items(from)[taken as usize..(taken + number) as usize];
            new.iter().for_each(|item| objects::incref(*item));
            for (slot, item) in items(list)[place].iter_mut().zip(new) {
                objects::decref(std::mem::replace(slot, *item));
            }
            return 1;
        }
        let value = list_slice(from, from_start, from_stop, step);
        if value.is_null() {
            return -1;
        }
        let done = put_slice(list, start, stop, value, true);
        objects::decref(value);
        done
    }
}

/// Appends to an exact list: 1, or -1 where memory ran out (nothing has changed then).
pub unsafe extern "C" fn list_append(list: *mut PyObject, item: *mut PyObject) -> c_int {
    // SAFETY: an exact list; growing it frees nothing but its old array. Mostly there is room.
    unsafe {
        let raw = &mut *list.cast::<layout::List>();
        if raw.size < raw.allocated {
            objects::incref(item);
            *raw.items.add(raw.size as usize) = item;
            raw.size += 1;
            return 1;
        }
        if ffi::PyList_Append(list, item) < 0 { -1 } else { 1 }
    }
}

/// `list(tuple[start:stop])`; `stop` is not below `start`.
pub unsafe extern "C" fn tuple_rest(tuple: *mut PyObject, start: i64, stop: i64, _: i64) -> *mut PyObject {
    // SAFETY: an exact tuple, as the callers guard; the bounds are within it.
    unsafe {
        let Some(rest) = objects::tuple_items(tuple).get(start as usize..stop as usize) else { return null_mut() };
        let list = ffi::PyList_New(rest.len() as isize);
        if !list.is_null() {
            for (slot, item) in items(list).iter_mut().zip(rest) {
                objects::incref(*item);
                *slot = *item;
            }
        }
        list
    }
}

/// `list.extend(iterable)` of an exact list and another container of a known type: 1.
pub unsafe extern "C" fn list_extend(list: *mut PyObject, iterable: *mut PyObject) -> c_int {
    // SAFETY: as for `list_append`; iterating over these types runs no Python code.
    let failed = unsafe { ffi::PyList_Extend(list, iterable) < 0 };
    if failed { -1 } else { 1 }
}

/// `list.insert(index, item)` of an exact list: 1, or -1 where memory ran out. The second number is not used.
pub unsafe extern "C" fn list_insert(list: *mut PyObject, index: i64, _: i64, item: *mut PyObject) -> c_int {
    // SAFETY: as for `list_append`.
    unsafe {
        let raw = &mut *list.cast::<layout::List>();
        if raw.size < raw.allocated {
            let size = raw.size as i64;
            let index = if index < 0 { index.saturating_add(size).max(0) } else { index.min(size) } as usize;
            objects::incref(item);
            raw.size += 1;
            let items = items(list);
            items.copy_within(index..size as usize, index + 1);
            items[index] = item;
            return 1;
        }
        if ffi::PyList_Insert(list, index as isize, item) < 0 { -1 } else { 1 }
    }
}

/// `list.pop(index)` of an exact list: the item, with the list's reference. Refuses where there is no such item.
pub unsafe extern "C" fn list_pop(list: *mut PyObject, index: i64) -> *mut PyObject {
    // SAFETY: an exact list; the item is held by who gets it, so that nothing dies.
    unsafe {
        let raw = list.cast::<layout::List>();
        let size = (*raw).size as i64;
        let index = if index < 0 { index.saturating_add(size) } else { index };
        if index < 0 || index >= size {
            return null_mut();
        }
        let item = items(list)[index as usize];
        let left = size - 1;
        if left > 0 && left >= (*raw).allocated as i64 >> 1 {
            // The array stays as large as it is.
            items(list).copy_within(index as usize + 1.., index as usize);
            (*raw).size = left as isize;
            return item;
        }
        objects::incref(item);
        if ffi::PyList_SetSlice(list, index as isize, index as isize + 1, null_mut()) < 0 {
            objects::decref(item);
            return null_mut();
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::adjust;

    #[test]
    fn bounds_are_adjusted_as_python_does() {
        assert_eq!(adjust(0, i64::MAX, 1, 5), (0, 5));
        assert_eq!(adjust(-2, i64::MAX, 1, 5), (3, 2));
        assert_eq!(adjust(4, 1, 1, 5).1, 0);
        assert_eq!(adjust(i64::MAX, i64::MIN, -1, 5), (4, 5));
        assert_eq!(adjust(2, i64::MIN, -1, 5), (2, 3));
        assert_eq!(adjust(2, -1, -1, 5).1, 0);
        assert_eq!(adjust(9, i64::MIN, -2, 5), (4, 3));
        assert_eq!(adjust(0, i64::MAX, i64::MAX, 5), (0, 1));
        assert_eq!(adjust(i64::MAX, i64::MIN, i64::MIN, 5), (4, 1));
        assert_eq!(adjust(0, 0, 1, 0), (0, 0));
        assert_eq!(adjust(i64::MAX, i64::MIN, -1, 0).1, 0);
    }
}
