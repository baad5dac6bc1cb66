//! Calls with arguments out of a tuple and a dict: `f(*args, **kwargs)`. What is in them is known when the call is seen.

use super::call::Arguments;
use super::{Calls, Observer};
use crate::capi as ffi;
use crate::host::type_address;
use crate::{PyObject, objects};
use decal_trace::event::{Callee, Detail};
use std::ptr::null_mut;

/// Arguments that are followed out of a tuple, or out of a dict.
const MOST_UNPACKED: usize = 8;

impl Observer {
    /// A call with a tuple of arguments, and with a dict of named ones above it, the stack as before it.
    pub(super) unsafe fn call_unpacked(&mut self, named: bool, calls: &mut dyn Calls) -> Detail {
        // SAFETY: as above.
        unsafe {
            let above = u32::from(named);
            let (callable, tuple) = (self.top(3 + above), self.top(1 + above));
            let mut names = Vec::new();
            if callable.is_null() || objects::type_of(tuple) != type_address!(PyTuple_Type) {
                return Detail::Opaque("a call with arguments that are not in a tuple");
            }
            if named && !names_in(self.top(1), &mut names) {
                return Detail::Opaque("a call with names that are not in a small dict of str");
            }
            let positional = objects::tuple_items(tuple);
            if positional.len() > MOST_UNPACKED {
                return Detail::Opaque("a call with so many arguments that are unpacked");
            }
            let call = Arguments { callable, receiver: null_mut(), positional, names: &names };
            match self.followed(&call, calls) {
                Some(Detail::Native(_)) => Detail::Opaque("a native call with arguments that are unpacked"),
                Some(Detail::Enter(callee)) => Detail::Enter(Callee { by_c: callee.bound_self != 0, ..callee }),
                Some(detail) => detail,
                None if ffi::PyType_Check(callable) != 0 => {
                    self.making(&call, calls).map_or_else(Detail::Opaque, Detail::New)
                }
                None => Detail::Opaque("an object that is no function"),
            }
        }
    }
}

/// Takes the names that a dict has, in its order. Whether it is one of few `str`.
unsafe fn names_in(dict: *mut PyObject, names: &mut Vec<*mut PyObject>) -> bool {
    // SAFETY: a live object; nothing runs between the steps.
    unsafe {
        if objects::type_of(dict) != type_address!(PyDict_Type) || ffi::PyDict_Size(dict) > MOST_UNPACKED as isize {
            return false;
        }
        let (mut at, mut key, mut value) = (0, null_mut(), null_mut());
        while ffi::PyDict_Next(dict, &raw mut at, &raw mut key, &raw mut value) != 0 {
            names.push(key);
        }
        names.iter().all(|name| objects::type_of(*name) == type_address!(PyUnicode_Type))
    }
}
