//! Builtins that ask about an object: `type`, `callable`, `isinstance`, whose answer its type decides, and `getattr` and `hasattr`, which
//! are the attribute where the name is the same each time.

use super::Observer;
use super::attribute::{finds_plainly, has_plain_getattr, interned, is_interned, lacking, look_up};
use super::call::{Arguments, module_function};
use crate::capi as ffi;
use crate::host::type_address;
use crate::{PyObject, objects};
use decal_trace::event::{AskedFor, Attribute, KnownCall};

impl Observer {
    /// `getattr` and `hasattr`.
    pub(super) unsafe fn attribute_asked(&mut self, call: &Arguments<'_>) -> Option<AskedFor> {
        // SAFETY: stack objects are alive.
        unsafe {
            if !call.receiver.is_null() {
                return None;
            }
            let (asks, (owner, name, has_default)) = match (module_function(call.callable)?, call.positional) {
                ((b"builtins", b"hasattr"), [owner, name]) => (true, (*owner, *name, false)),
                ((b"builtins", b"getattr"), [owner, name]) => (false, (*owner, *name, false)),
                ((b"builtins", b"getattr"), [owner, name, _]) => (false, (*owner, *name, true)),
                _ => return None,
            };
            if objects::type_of(name) != type_address!(PyUnicode_Type) || !is_interned(name) {
                return None;
            }
            match (self.load_attribute(owner, name), asks) {
                (Attribute::Unsupported(_), _) => {}
                (attribute, true) => return Some(AskedFor::Presence(attribute)),
                (attribute, false) => return Some(AskedFor::Value(attribute)),
            }
            let ty = ffi::Py_TYPE(owner);
            let plain =
                ffi::PyType_Check(owner) == 0 && ty as u64 != type_address!(PyModule_Type) && has_plain_getattr(ty);
            if !plain || !look_up(ty, name).is_null() || !asks && !has_default {
                return None;
            }
            let shadow = lacking(owner, name)?;
            self.assume_type(ty);
            Some(if asks { AskedFor::Absence(shadow) } else { AskedFor::Default(shadow) })
        }
    }

    /// A builtin whose answer types decide.
    pub(super) unsafe fn by_type(&mut self, call: &Arguments<'_>) -> Option<KnownCall> {
        // SAFETY: stack objects are alive.
        unsafe {
            if !call.receiver.is_null() {
                return None;
            }
            let (first, rest) = call.positional.split_first()?;
            let ty = ffi::Py_TYPE(*first);
            let truth = |value: bool| if value { ffi::Py_True() } else { ffi::Py_False() };
            let result = match (asked(call.callable)?, rest) {
                (Asked::Type, []) => ty.cast(),
                (Asked::Callable, []) => truth((*ty).tp_call.is_some()),
                (Asked::IsInstance, [classes]) => truth(self.is_instance(ty, *classes)?),
                _ => return None,
            };
            self.assume_type(ty);
            if let [classes] = rest {
                self.take(*classes);
                for class in objects::tuple_items(*classes) {
                    self.take(*class);
                }
            }
            self.take(result);
            Some(KnownCall::ByType(ty as u64))
        }
    }

    /// Whether instances of exactly this type are instances of a class, or of one of a tuple of classes. None where that is
    /// for the class to say.
    unsafe fn is_instance(&mut self, ty: *mut ffi::PyTypeObject, classes: *mut PyObject) -> Option<bool> {
        // SAFETY: live objects.
        unsafe {
            if classes == ty.cast() {
                return Some(true);
            }
            if objects::type_of(classes) == type_address!(PyTuple_Type) {
                // An answer that ends the search says nothing of the rest.
                for class in objects::tuple_items(classes) {
                    let plain = objects::type_of(*class) != type_address!(PyTuple_Type);
                    if plain && self.is_instance(ty, *class)? {
                        return Some(true);
                    }
                    if !plain {
                        return None;
                    }
                }
                return Some(false);
            }
            if objects::type_of(classes) != type_address!(PyType_Type) {
                return None;
            }
            if ffi::PyType_IsSubtype(ty, classes.cast()) != 0 {
                return Some(true);
            }
            // An instance may claim to be of another class.
            let claim = look_up(ty, interned(c"__class__"));
            let honest = claim == look_up(&raw mut ffi::PyBaseObject_Type, interned(c"__class__"));
            (honest && finds_plainly(ty)).then_some(false)
        }
    }
}

/// Builtins whose answer types decide.
enum Asked {
    Type,
    Callable,
    IsInstance,
}

unsafe fn asked(callable: *mut PyObject) -> Option<Asked> {
    // SAFETY: a live object.
    unsafe {
        if callable as u64 == type_address!(PyType_Type) {
            return Some(Asked::Type);
        }
        match module_function(callable)? {
            (b"builtins", b"isinstance") => Some(Asked::IsInstance),
            (b"builtins", b"callable") => Some(Asked::Callable),
            _ => None,
        }
    }
}
