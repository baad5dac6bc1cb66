//! Instances of classes that leave the use in question to `dict`: `defaultdict`, `Counter`, `OrderedDict`, classes of a program.

use super::Observer;
use super::lists::same_function;
use crate::PyObject;
use crate::capi as ffi;
use crate::helpers::keys::{Lookup, in_dict};
use crate::version::layout;
use decal_trace::event::{Kind, Operand};

/// What an instruction does with a dict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DictUse {
    Contains,
    Subscript,
    Store,
}

impl Observer {
    /// Says of the stack's nth object from the top, which is taken as an operand, that it is a dict where it is of a subclass that
    /// leaves this use of the key to `dict`. What is not there is asked of the class (`__missing__`).
    pub(super) unsafe fn as_dict(&mut self, nth: u32, key: u32, dict_use: DictUse) {
        // SAFETY: stack objects are alive; a subclass of dict has its layout; its slots are those of its type.
        unsafe {
            let (object, key) = (self.top(nth), self.top(key));
            let Some(operand) = self.operands.len().checked_sub(nth as usize) else { return };
            if object.is_null() || key.is_null() || !is_dict_like(object, dict_use) {
                return;
            }
            match in_dict(object, key) {
                Lookup::Found(_) => {}
                Lookup::Missing if dict_use != DictUse::Subscript => {}
                _ => return,
            }
            self.assume_type(ffi::Py_TYPE(object));
            let used = (*object.cast::<layout::Dict>()).used as u64;
            if let Some(operand) = self.operands.get_mut(operand) {
                *operand = Operand { kind: Kind::Dict, bits: used, ..*operand };
            }
        }
    }
}

/// Whether an instance of a subclass of `dict` does this as a dict does.
unsafe fn is_dict_like(object: *mut PyObject, dict_use: DictUse) -> bool {
    // SAFETY: a live object; types that are subclasses of dict have these tables, as dict has.
    unsafe {
        let (ty, dict) = (ffi::Py_TYPE(object), &raw const ffi::PyDict_Type);
        if ffi::PyDict_Check(object) == 0 || ty as u64 == dict as u64 {
            return false;
        }
        let (sequence, mapping) = ((*ty).tp_as_sequence, (*ty).tp_as_mapping);
        let (dict_sequence, dict_mapping) = ((*dict).tp_as_sequence, (*dict).tp_as_mapping);
        if sequence.is_null() || mapping.is_null() {
            return false;
        }
        match dict_use {
            DictUse::Contains => same_function(&(*sequence).sq_contains, &(*dict_sequence).sq_contains),
            DictUse::Subscript => same_function(&(*mapping).mp_subscript, &(*dict_mapping).mp_subscript),
            DictUse::Store => same_function(&(*mapping).mp_ass_subscript, &(*dict_mapping).mp_ass_subscript),
        }
    }
}
