//! Arrays of the module `array`, which is no part of the interpreter's core: its type is found when one is seen first.
//!
//! The type's layout is not in any header. So the first array that has items is asked, through the buffer protocol, where they are
//! and of what type; only where the layout says the same are arrays known from then on.

use crate::capi as ffi;
use crate::objects;
use crate::version::layout;
use ffi::PyObject;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Type codes of the items that traces read and write, and their sizes: double, long, long long, int, unsigned char.
const CODES: [(u8, isize); 5] = [(b'd', 8), (b'l', 8), (b'q', 8), (b'i', 4), (b'B', 1)];

/// The type, kept alive; 0 while none was seen, 1 where its layout is another one.
static TYPE: AtomicUsize = AtomicUsize::new(0);

/// The type code of an array of numbers.
///
/// # Safety
/// A live object; the GIL is held.
pub(super) unsafe fn type_code(object: *mut PyObject) -> Option<u8> {
    // SAFETY: the caller's; the layout was found to be right for this type.
    unsafe {
        let ty = ffi::Py_TYPE(object);
        match TYPE.load(Ordering::Relaxed) {
            0 if is_array_type(ty) => learn(object)?,
            known if known == ty as usize => {}
            _ => return None,
        }
        let code = *(*object.cast::<layout::Array>()).description;
        CODES.iter().any(|(known, _)| *known == code).then_some(code)
    }
}

/// Whether this may be the type of arrays. No class made by Python code is immutable.
unsafe fn is_array_type(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the type of a live object.
    unsafe {
        ffi::PyType_GetFlags(ty) & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0
            && (*ty).tp_basicsize as usize == size_of::<layout::Array>()
            && (*ty).tp_itemsize == 0
            && CStr::from_ptr((*ty).tp_name) == c"array.array"
    }
}

/// Compares what the layout says of this array with what the array says itself, where it has items. None where its type is not known
/// afterwards.
unsafe fn learn(object: *mut PyObject) -> Option<()> {
    // SAFETY: an instance of that size; nothing in it is followed before the array has confirmed it.
    unsafe {
        let mut view = MaybeUninit::<ffi::Py_buffer>::zeroed();
        let flags = ffi::PyBUF_FORMAT | ffi::PyBUF_ND;
        if ffi::PyObject_GetBuffer(object, view.as_mut_ptr(), flags) != 0 {
            ffi::PyErr_Clear();
            return None;
        }
        let mut view = view.assume_init();
        let array = object.cast::<layout::Array>();
        let format = if view.format.is_null() { 0 } else { *view.format.cast::<u8>() };
        let known = CODES.iter().find(|(code, _)| *code == format).copied();
        let same = (*array).items.cast() == view.buf
            && known.is_some_and(|(_, size)| size == view.itemsize)
            && (*array).size.checked_mul(view.itemsize) == Some(view.len);
        // The description is a static table of the module, which begins with the code that the buffer's format names.
        let same = same && !(*array).description.is_null() && *(*array).description == format;
        let empty = view.len == 0;
        ffi::PyBuffer_Release(&raw mut view);
        if empty || known.is_none() {
            return None;
        }
        if !same {
            TYPE.store(1, Ordering::Relaxed);
            return None;
        }
        let ty = ffi::Py_TYPE(object);
        objects::incref(ty.cast());
        TYPE.store(ty as usize, Ordering::Relaxed);
        Some(())
    }
}
