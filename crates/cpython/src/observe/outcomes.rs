//! Outcomes: which way a comparison, a truth value, a branch or a loop will go.

use super::{Observer, operand};
use crate::PyObject;
use crate::capi as ffi;
use crate::objects;
use crate::version::layout;
use decal_trace::bytecode::{CompareOp, JumpIf};
use decal_trace::event::{Detail, Kind};

impl Observer {
    /// How two objects are compared, where their classes leave that to `object`.
    pub(super) unsafe fn comparison(&mut self, op: CompareOp) -> Detail {
        // SAFETY: stack objects are alive.
        unsafe {
            let (left, right) = (self.top(2), self.top(1));
            if left.is_null() || right.is_null() || !matches!(op, CompareOp::Eq | CompareOp::Ne) {
                return Detail::None;
            }
            let plain = ffi::PyBaseObject_Type.tp_richcompare.map(|function| function as usize);
            for object in [left, right] {
                let ty = ffi::Py_TYPE(object);
                if (*ty).tp_richcompare.is_some_and(|function| Some(function as usize) != plain) {
                    return Detail::None;
                }
                self.assume_type(ty);
            }
            Detail::Identity(objects::type_of(left), objects::type_of(right))
        }
    }

    /// What `TO_BOOL` is about to do: an object without a number's or container's way to be false is true.
    pub(super) unsafe fn truth(&mut self) -> Detail {
        // SAFETY: stack objects are alive, and so are their types.
        unsafe {
            let object = self.top(1);
            if object.is_null() {
                return Detail::None;
            }
            let ty = ffi::Py_TYPE(object);
            let (number, mapping, sequence) = ((*ty).tp_as_number, (*ty).tp_as_mapping, (*ty).tp_as_sequence);
            let decides = !number.is_null() && (*number).nb_bool.is_some()
                || !mapping.is_null() && (*mapping).mp_length.is_some()
                || !sequence.is_null() && (*sequence).sq_length.is_some();
            if decides {
                return Detail::None;
            }
            self.assume_type(ty);
            Detail::Truthy(ty as u64)
        }
    }
}

pub(super) unsafe fn taken(condition: JumpIf, value: *mut PyObject) -> bool {
    // SAFETY: singletons.
    unsafe {
        match condition {
            JumpIf::True => value == ffi::Py_True(),
            JumpIf::False => value == ffi::Py_False(),
            JumpIf::None => value == ffi::Py_None(),
            JumpIf::NotNone => value != ffi::Py_None(),
        }
    }
}

/// Whether an iterator has another item, where that can be read off.
pub(super) unsafe fn has_next(iterator: *mut PyObject) -> Option<bool> {
    // SAFETY: a live object; each kind has this layout.
    unsafe {
        match operand(iterator).kind {
            Kind::RangeIter => Some((*iterator.cast::<layout::RangeIter>()).len > 0),
            Kind::ListIter | Kind::TupleIter | Kind::TextIter => {
                let iterator = iterator.cast::<layout::SequenceIter>();
                let sequence = (*iterator).sequence;
                // Lists, tuples and strings have their size at the same place.
                Some(!sequence.is_null() && (*iterator).index < (*sequence.cast::<layout::List>()).size)
            }
            Kind::Enumerate => {
                let enumerate = iterator.cast::<layout::Enumerate>();
                let inner = (*enumerate).iterator;
                let counts = (*enumerate).long_index.is_null() && operand(inner).kind == Kind::ListIter;
                if counts { has_next(inner) } else { None }
            }
            _ => None,
        }
    }
}
