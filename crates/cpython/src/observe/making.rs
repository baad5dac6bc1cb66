//! Calls of classes: how the instance is made, and whether a trace may do without making it.

use super::attribute::{interned, look_up, member, shared_names};
use super::call::Arguments;
use super::{Calls, Observer};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::{checks, layout};
use crate::{PyObject, objects};
use decal_trace::event::Making;
use std::ptr::null_mut;

impl Observer {
    /// A call of a class that makes an instance as `type.__call__` and `object.__new__` do.
    pub(super) unsafe fn making(
        &mut self,
        call: &Arguments<'_>,
        calls: &mut dyn Calls,
    ) -> Result<Making, &'static str> {
        const ABSTRACT: u64 = 1 << 20;
        // SAFETY: a class is alive; what is found in it lives as long as it does not change.
        unsafe {
            let class = call.callable.cast::<ffi::PyTypeObject>();
            let raw = &*class;
            let object = &raw const ffi::PyBaseObject_Type;
            let same =
                |a: Option<ffi::newfunc>, b: Option<ffi::newfunc>| a.map(|f| f as usize) == b.map(|f| f as usize);
            if ffi::Py_TYPE(call.callable) as u64 != type_address!(PyType_Type) || raw.tp_vectorcall.is_some() {
                return Err("a class that makes instances in its own way");
            }
            if !same(raw.tp_new, (*object).tp_new) {
                return Err("a class with a __new__ of its own");
            }
            if raw.tp_alloc.map(|f| f as usize) != Some(ffi::PyType_GenericAlloc as *const () as usize)
                || raw.tp_flags & ABSTRACT != 0
                || raw.tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0
            {
                return Err("a class that makes instances in its own way");
            }
            let found = look_up(class, interned(c"__init__"));
            let init = if objects::type_of(found) == type_address!(PyFunction_Type) {
                let bound = 1 + u32::from(!call.receiver.is_null());
                Some(self.python_call(found, null_mut(), bound, call, calls)?)
            } else if raw.tp_init.map(|f| f as usize) == (*object).tp_init.map(|f| f as usize) {
                if call.positional.len() + call.names.len() + usize::from(!call.receiver.is_null()) > 0 {
                    return Err("a class that takes no arguments");
                }
                None
            } else {
                return Err("a class with an __init__ that is no Python function");
            };
            self.assume_type(class);
            let inline = raw.tp_flags & layout::TYPE_INLINE_VALUES != 0;
            Ok(Making {
                class: class as u64,
                init,
                inline: inline.then_some((layout::INLINE_VALID, layout::MANAGED_DICT)),
                values: if inline { shared_names(class) } else { 0 },
                bare: is_bare(class),
            })
        }
    }
}

/// Whether an instance of a class is nothing but its values, all inline or all in slots, and no code of the class runs when it ends.
unsafe fn is_bare(class: *mut ffi::PyTypeObject) -> bool {
    const HEAD: isize = size_of::<PyObject>() as isize;
    const WORD: isize = size_of::<usize>() as isize;
    // SAFETY: a live class; its bases live.
    unsafe {
        let (raw, object) = (&*class, &raw mut ffi::PyBaseObject_Type);
        if raw.tp_finalize.is_some() || raw.tp_del.is_some() || raw.tp_itemsize != 0 {
            return false;
        }
        let mut slots = Vec::new();
        let mut base = class;
        while base != object {
            // Classes of Python code share one function for this.
            let shared = (*base).tp_dealloc.map(|dealloc| dealloc as usize) == checks::class_dealloc();
            if !shared || (*base).tp_base.is_null() || (*base).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 {
                return false;
            }
            let (mut at, mut name, mut value) = (0, null_mut(), null_mut());
            while ffi::PyDict_Next((*base).tp_dict, &raw mut at, &raw mut name, &raw mut value) != 0 {
                slots.extend(member(value, class).filter(|disp| !slots.contains(disp)));
            }
            base = (*base).tp_base;
        }
        if raw.tp_flags & layout::TYPE_INLINE_VALUES != 0 {
            return raw.tp_basicsize == HEAD;
        }
        // Each word behind its head is a slot, so that there is no dict, and no base in C has something there.
        let whole = raw.tp_basicsize == HEAD + WORD * slots.len() as isize;
        whole && !slots.is_empty() && raw.tp_flags & layout::TYPE_MANAGED_DICT == 0
    }
}
