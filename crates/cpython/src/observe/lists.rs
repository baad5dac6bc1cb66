//! Lists, and instances of classes that leave the use in question to `list`.

use super::Observer;
use crate::PyObject;
use crate::capi as ffi;
use crate::version::layout;
use decal_trace::event::{Kind, Operand};

/// What an instruction does with a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListUse {
    Length,
    Subscript,
    Store,
    Iterate,
}

impl Observer {
    /// Says of the stack's nth object from the top, which is taken as an operand, that it is a list where it is of a subclass that
    /// leaves this use to `list`.
    pub(super) unsafe fn as_list(&mut self, nth: u32, list_use: ListUse) {
        // SAFETY: stack objects are alive; a subclass of list has its layout; its slots are those of its type.
        unsafe {
            let object = self.top(nth);
            let Some(operand) = self.operands.len().checked_sub(nth as usize) else { return };
            if object.is_null() || !is_list_like(object, list_use) {
                return;
            }
            self.assume_type(ffi::Py_TYPE(object));
            let size = (*object.cast::<layout::List>()).size as u64;
            if let Some(operand) = self.operands.get_mut(operand) {
                *operand = Operand { kind: Kind::List, bits: size, ..*operand };
            }
        }
    }

    /// The list item that a `STORE_SUBSCR` replaces, else null.
    pub(super) unsafe fn replaced_item(&self) -> *mut PyObject {
        // SAFETY: stack objects are alive; an exact list has this layout, the index is checked.
        unsafe {
            let [.., list, index] = self.operands[..] else { return std::ptr::null_mut() };
            if list.kind != Kind::List || index.kind != Kind::Int {
                return std::ptr::null_mut();
            }
            let (size, index) = (list.bits as i64, index.bits as i64);
            let index = if index < 0 { index + size } else { index };
            if index < 0 || index >= size {
                return std::ptr::null_mut();
            }
            *(*self.top(2).cast::<layout::List>()).items.add(index as usize)
        }
    }
}

/// Whether an instance of a subclass of `list` does this as a list does.
pub(super) unsafe fn is_list_like(object: *mut PyObject, list_use: ListUse) -> bool {
    // SAFETY: a live object; types that are subclasses of list have these tables, as list has.
    unsafe {
        let (ty, list) = (ffi::Py_TYPE(object), &raw const ffi::PyList_Type);
        if ffi::PyList_Check(object) == 0 || ty as u64 == list as u64 {
            return false;
        }
        let (sequence, mapping) = ((*ty).tp_as_sequence, (*ty).tp_as_mapping);
        let (list_sequence, list_mapping) = ((*list).tp_as_sequence, (*list).tp_as_mapping);
        if sequence.is_null() || mapping.is_null() {
            return false;
        }
        let number = (*ty).tp_as_number;
        match list_use {
            ListUse::Length => {
                (number.is_null() || (*number).nb_bool.is_none())
                    && same_function(&(*sequence).sq_length, &(*list_sequence).sq_length)
                    && same_function(&(*mapping).mp_length, &(*list_mapping).mp_length)
            }
            ListUse::Subscript => same_function(&(*mapping).mp_subscript, &(*list_mapping).mp_subscript),
            ListUse::Store => same_function(&(*mapping).mp_ass_subscript, &(*list_mapping).mp_ass_subscript),
            ListUse::Iterate => same_function(&(*ty).tp_iter, &(*list).tp_iter),
        }
    }
}

/// Whether two slots hold the same function.
pub(super) fn same_function<T: Copy>(left: &Option<T>, right: &Option<T>) -> bool {
    // SAFETY: slots are words: function pointers or null.
    let word = |slot: &Option<T>| unsafe { std::mem::transmute_copy::<Option<T>, usize>(slot) };
    size_of::<Option<T>>() == size_of::<usize>() && word(left) == word(right)
}
