//! `functools.partial`: a call of one calls what it holds.

use super::attribute::{interned, look_up};
use super::call::Arguments;
use super::{Calls, Observer};
use crate::capi as ffi;
use crate::host::type_address;
use crate::{PyObject, objects};
use decal_trace::event::{Callee, Detail, Partial};
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

/// Arguments that one may hold.
const MOST_HELD: usize = 8;
/// Type code and flag of a member that is an object which only C sets.
const OBJECT: c_int = 6;
const READ_ONLY: c_int = 1;

impl Observer {
    /// A call of a `functools.partial` of a function of Python, with positional arguments only. The class in C says where instances have
    /// what they hold.
    pub(super) unsafe fn partial(&mut self, call: &Arguments<'_>, calls: &mut dyn Calls) -> Option<Detail> {
        // SAFETY: stack objects are alive; members of instances are where their class says.
        unsafe {
            let ty = ffi::Py_TYPE(call.callable);
            let known = (*ty).tp_flags & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0
                && CStr::from_ptr((*ty).tp_name) == c"functools.partial"
                && call.receiver.is_null();
            if !known {
                return None;
            }
            let disps = [held(ty, c"func")?, held(ty, c"args")?, held(ty, c"keywords")?];
            let [function, arguments, keywords] =
                disps.map(|disp| *call.callable.byte_offset(disp as isize).cast::<*mut PyObject>());
            if objects::type_of(function) != type_address!(PyFunction_Type)
                || objects::type_of(arguments) != type_address!(PyTuple_Type)
                || objects::type_of(keywords) != type_address!(PyDict_Type)
                || ffi::PyDict_Size(keywords) != 0
            {
                return None;
            }
            let mut positional = objects::tuple_items(arguments).to_vec();
            if positional.len() > MOST_HELD {
                return None;
            }
            let held = positional.len() as u32;
            positional.extend_from_slice(call.positional);
            let all =
                Arguments { callable: function, receiver: null_mut(), positional: &positional, names: call.names };
            let callee = self.python_call(function, null_mut(), 0, &all, calls).ok()?;
            let callee = Callee { by_c: true, by_code: None, ..callee };
            Some(Detail::Partial(Partial { callee, disps, held, ty: ty as u64 }))
        }
    }
}

/// Where instances of this class in C have this member.
unsafe fn held(ty: *mut ffi::PyTypeObject, name: &'static CStr) -> Option<i32> {
    // SAFETY: a live class; an exact member descriptor has this layout.
    unsafe {
        let descriptor = look_up(ty, interned(name));
        if objects::type_of(descriptor) != type_address!(PyMemberDescr_Type) {
            return None;
        }
        let member = &*(*descriptor.cast::<ffi::PyMemberDescrObject>()).d_member;
        (member.type_code == OBJECT && member.flags == READ_ONLY).then(|| i32::try_from(member.offset).ok())?
    }
}
