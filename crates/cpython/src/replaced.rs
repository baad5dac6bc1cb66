//! A function in C that is replaced while decal is attached: decal hears of its calls, and does what it always did.
//!
//! CPython has no watcher for some things that decal has to know before they happen. Where each of them goes through
//! one function in C of a builtin module, that function's definition gets another address. It is a static of CPython's that nobody sees from
//! Python: name, signature and identity of the function object stay what they are.

use crate::{PyObject, objects};
use pyo3_ffi::{METH_FASTCALL, Py_ssize_t, PyCFunctionFast, PyCFunctionObject, PyMethodDef, PyMethodDefPointer};
use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// One such function.
pub(crate) struct Replaced {
    /// Its definition; null while it is as it was.
    definition: AtomicPtr<PyMethodDef>,
    /// What it calls otherwise.
    usual: AtomicUsize,
}

impl Replaced {
    pub(crate) const fn new() -> Replaced {
        Replaced { definition: AtomicPtr::new(null_mut()), usual: AtomicUsize::new(0) }
    }

    /// Whether it is replaced.
    pub(crate) fn is_replaced(&self) -> bool {
        !self.definition.load(Ordering::Relaxed).is_null()
    }

    /// Replaces a function of a module, where that is a function in C that takes its arguments as an array.
    ///
    /// # Safety
    /// The GIL is held. The module is a builtin one, and what replaces the function calls [`Replaced::call_usual`].
    pub(crate) unsafe fn replace(&self, module: *mut PyObject, name: &CStr, with: PyCFunctionFast) {
        // SAFETY: the caller's. The definition is looked at before it is changed, and lives as long as the interpreter.
        unsafe {
            let function = pyo3_ffi::PyObject_GetAttrString(module, name.as_ptr());
            if function.is_null() {
                pyo3_ffi::PyErr_Clear();
                return;
            }
            if pyo3_ffi::PyCFunction_CheckExact(function) != 0 && !self.is_replaced() {
                let definition = (*function.cast::<PyCFunctionObject>()).m_ml;
                if !definition.is_null() && (*definition).ml_flags == METH_FASTCALL {
                    self.usual.store((*definition).ml_meth.PyCFunctionFast as usize, Ordering::Relaxed);
                    (*definition).ml_meth = PyMethodDefPointer { PyCFunctionFast: with };
                    self.definition.store(definition, Ordering::Relaxed);
                }
            }
            objects::decref(function);
        }
    }

    /// What it always did.
    ///
    /// # Safety
    /// In the function that replaces it, with what that was called with.
    pub(crate) unsafe fn call_usual(
        &self,
        module: *mut PyObject,
        arguments: *mut *mut PyObject,
        count: Py_ssize_t,
    ) -> *mut PyObject {
        let usual = self.usual.load(Ordering::Relaxed);
        // SAFETY: the address that the definition had, of a function of this type.
        unsafe { std::mem::transmute::<usize, PyCFunctionFast>(usual)(module, arguments, count) }
    }

    /// Puts it back.
    ///
    /// # Safety
    /// The GIL is held.
    pub(crate) unsafe fn put_back(&self) {
        let definition = self.definition.swap(null_mut(), Ordering::Relaxed);
        if !definition.is_null() {
            let usual = self.usual.load(Ordering::Relaxed);
            // SAFETY: the definition that was changed by `replace`, and what was there.
            unsafe {
                let usual = std::mem::transmute::<usize, PyCFunctionFast>(usual);
                (*definition).ml_meth = PyMethodDefPointer { PyCFunctionFast: usual };
            }
        }
    }
}
