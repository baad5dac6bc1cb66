//! Instances of classes that leave the use in question to `dict`: `defaultdict`, `Counter`, `OrderedDict`, classes of a program.

use super::Observer;
use super::attribute::{interned, look_up};
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

/// Whether an instance of a subclass of `dict` does this as a dict does: the method is that of `dict`. It may be called by way of the
/// class, as with a class that has another `__delitem__`, whose slot is that of `__setitem__`, too.
unsafe fn is_dict_like(object: *mut PyObject, dict_use: DictUse) -> bool {
    let name = match dict_use {
        DictUse::Contains => c"__contains__",
        DictUse::Subscript => c"__getitem__",
        DictUse::Store => c"__setitem__",
    };
    // SAFETY: a live object.
    unsafe {
        let (ty, dict) = (ffi::Py_TYPE(object), &raw mut ffi::PyDict_Type);
        ffi::PyDict_Check(object) != 0 && ty != dict && look_up(ty, interned(name)) == look_up(dict, interned(name))
    }
}
