//! How an attribute is found, retraced without running anything.
//!
//! Python asks the class first; what it finds there decides whether the instance is asked. Only the ways
//! that traces can follow are told apart, all others get a few words for the user.
//!
//! An instance can shadow a method only by an attribute of its own. Where its values are inline, its
//! attributes are among the keys that all instances of the class share, and shared keys are only ever added to:
//! while their number is the same, the method's name is not among them. That number serves as their version.

use super::{Assumption, Observer, is_plain_dict, operand};
use crate::capi as ffi;
use crate::helpers::{instances, keys};
use crate::host::type_address;
use crate::version::layout;
use crate::version::symbols::symbols;
use crate::{PyObject, objects};
use decal_trace::event::{Attribute, Shadow};
use std::ffi::CStr;
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

const UNKNOWN: Attribute = Attribute::Unsupported("an attribute that is not there");

/// What an instance may have besides its class's attributes.
pub(super) enum Instance {
    /// Nothing: no dict.
    Bare,
    /// Inline values, in use.
    Inline,
    /// A dict of its own.
    Dict,
    /// Room for a dict, which it does not have yet: where that is.
    NoDict(i32),
}

impl Observer {
    /// `owner.name`.
    pub(super) unsafe fn load_attribute(&mut self, owner: *mut PyObject, name: *mut PyObject) -> Attribute {
        if owner.is_null() || name.is_null() {
            return UNKNOWN;
        }
        // SAFETY: live objects; layouts are those of the exact types that are checked first.
        unsafe {
            let ty = ffi::Py_TYPE(owner);
            if ty as u64 == type_address!(PyModule_Type) {
                return self.module_attribute(owner, name);
            }
            if ffi::PyType_Check(owner) != 0 {
                return self.class_attribute(owner.cast(), name);
            }
            if !finds_plainly(ty) {
                return Attribute::Unsupported("an attribute of a class with its own lookup");
            }
            let found = look_up(ty, name);
            if found.is_null() {
                return match instance(owner, ty) {
                    Instance::Inline => self
                        .inline(owner, ty, name)
                        .map_or(UNKNOWN, |(attribute, value)| if value.is_null() { UNKNOWN } else { attribute }),
                    Instance::Dict | Instance::NoDict(_) => self.in_dict(owner, ty, name).unwrap_or(UNKNOWN),
                    Instance::Bare => UNKNOWN,
                };
            }
            if let Some(disp) = member(found, ty) {
                self.assume_type(ty);
                return Attribute::Slot { disp };
            }
            if found == look_up(&raw mut ffi::PyBaseObject_Type, interned(c"__class__")) {
                self.assume_type(ty);
                return Attribute::Constant { value: operand(ty.cast()), shadow: Shadow::Nothing };
            }
            if let Some(index) = field(found, owner) {
                self.assume_type(ty);
                return Attribute::Item { index };
            }
            let found_type = ffi::Py_TYPE(found);
            if (*found_type).tp_descr_set.is_some() {
                return Attribute::Unsupported(data_descriptor(found));
            }
            // It could become one.
            self.assume_type(found_type);
            // The instance comes before what is not a data descriptor.
            let shadow = match instance(owner, ty) {
                Instance::Bare => Shadow::Nothing,
                Instance::NoDict(disp) => Shadow::NoDict { disp },
                Instance::Dict => match self.in_dict(owner, ty, name) {
                    Some(attribute) => return attribute,
                    None => Shadow::InDict,
                },
                Instance::Inline => match self.inline(owner, ty, name) {
                    Some((Attribute::Inline { disp, valid_disp, .. }, value)) if value.is_null() => {
                        Shadow::Value { valid_disp, disp }
                    }
                    Some((attribute, _)) => return attribute,
                    None => names_of(ty),
                },
            };
            self.assume_type(ty);
            self.class_value(found, ty, shadow)
        }
    }

    /// What was found on a class, as an instance or the class itself has it: `class` is the class then.
    unsafe fn class_value(&mut self, found: *mut PyObject, class: *mut ffi::PyTypeObject, shadow: Shadow) -> Attribute {
        // SAFETY: a live object; layouts are those of the exact types that are checked first.
        unsafe {
            let found_type = ffi::Py_TYPE(found);
            let address = found_type as u64;
            if address == type_address!(PyFunction_Type)
                || address == type_address!(PyMethodDescr_Type)
                || address == type_address!(PyWrapperDescr_Type)
            {
                return Attribute::Method { function: operand(found), shadow };
            }
            if address == type_address!(PyClassMethod_Type) {
                let function = (*found.cast::<layout::WrappedFunction>()).callable;
                return match objects::type_of(function) == type_address!(PyFunction_Type) {
                    true => {
                        Attribute::ClassMethod { function: operand(function), class: operand(class.cast()), shadow }
                    }
                    false => Attribute::Unsupported("a class method that is no Python function"),
                };
            }
            if address == type_address!(PyStaticMethod_Type) {
                let function = (*found.cast::<layout::WrappedFunction>()).callable;
                return match function.is_null() {
                    true => UNKNOWN,
                    false => Attribute::Constant { value: operand(function), shadow },
                };
            }
            if (*found_type).tp_descr_get.is_some() {
                return Attribute::Unsupported("an attribute made by a descriptor");
            }
            // It could become a descriptor.
            self.assume_type(found_type);
            Attribute::Constant { value: operand(found), shadow }
        }
    }

    /// An attribute in the dict of an instance, where it is there.
    unsafe fn in_dict(
        &mut self,
        owner: *mut PyObject,
        ty: *mut ffi::PyTypeObject,
        name: *mut PyObject,
    ) -> Option<Attribute> {
        // SAFETY: a live instance.
        unsafe { self.dict_place(owner, ty, name).map(|(attribute, _)| attribute) }
    }

    /// The same, with the object.
    unsafe fn dict_place(
        &mut self,
        owner: *mut PyObject,
        ty: *mut ffi::PyTypeObject,
        name: *mut PyObject,
    ) -> Option<(Attribute, *mut PyObject)> {
        // SAFETY: a live instance; the class says where its dict is.
        unsafe {
            let disp = instances::dict_disp(ty)?;
            let dict = *owner.byte_offset(disp as isize).cast::<*mut PyObject>();
            let (place, entry) = if dict.is_null() { None } else { keys::entry_of(dict, name) }?;
            self.assume_type(ty);
            Some((Attribute::Dict { disp, entry }, *place))
        }
    }

    /// `super(class, object).name`, or without arguments: what comes behind `class` in the bases of the object's class.
    pub(super) unsafe fn super_attribute(
        &mut self,
        function: *mut PyObject,
        class: *mut PyObject,
        object: *mut PyObject,
        name: *mut PyObject,
    ) -> Attribute {
        if function as u64 != type_address!(PySuper_Type) || class.is_null() || object.is_null() || name.is_null() {
            return Attribute::Unsupported("a super() that is another one");
        }
        // SAFETY: live objects; a class has its bases in order in a tuple.
        unsafe {
            let of_class = ffi::PyType_Check(object) != 0 && ffi::PyType_IsSubtype(object.cast(), class.cast()) != 0;
            let ty = if of_class { object.cast::<ffi::PyTypeObject>() } else { ffi::Py_TYPE(object) };
            let plain = !of_class || objects::type_of(object) == type_address!(PyType_Type);
            if ffi::PyType_Check(class) == 0
                || ffi::PyType_IsSubtype(ty, class.cast()) == 0
                || !plain
                || name == interned(c"__class__")
            {
                return Attribute::Unsupported("a super() that is not of an object");
            }
            let bases = objects::tuple_items((*ty).tp_mro);
            let behind = bases.iter().skip_while(|base| **base != class).skip(1);
            for base in behind {
                let dict = ffi::PyType_GetDict(base.cast());
                if dict.is_null() || !is_plain_dict(dict) {
                    objects::decref(dict);
                    return UNKNOWN;
                }
                let found = ffi::PyDict_GetItemWithError(dict, name);
                objects::decref(dict);
                if !found.is_null() {
                    self.assume_type(ty);
                    if objects::type_of(found) == type_address!(PyProperty_Type) {
                        return Attribute::Unsupported("a property");
                    }
                    return match self.class_value(found, ty, Shadow::Nothing) {
                        // A class has its methods as they are.
                        Attribute::Method { function, shadow } if of_class => {
                            Attribute::Constant { value: function, shadow }
                        }
                        other => other,
                    };
                }
            }
            UNKNOWN
        }
    }

    /// `owner.name = …`, and the old value.
    pub(super) unsafe fn store_attribute(
        &mut self,
        owner: *mut PyObject,
        name: *mut PyObject,
    ) -> (Attribute, *mut PyObject) {
        let unsupported = |words| (Attribute::Unsupported(words), null_mut());
        if owner.is_null() || name.is_null() {
            return (UNKNOWN, null_mut());
        }
        // SAFETY: as above.
        unsafe {
            let ty = ffi::Py_TYPE(owner);
            let setattr = (*ty).tp_setattro.map(|function| function as usize);
            if setattr != Some(ffi::PyObject_GenericSetAttr as *const () as usize) {
                return unsupported("an attribute of a class with its own way to set it");
            }
            let found = look_up(ty, name);
            if !found.is_null() {
                if let Some(disp) = member(found, ty) {
                    self.assume_type(ty);
                    let old = *owner.byte_offset(disp as isize).cast::<*mut PyObject>();
                    return (Attribute::Slot { disp }, old);
                }
                if (*ffi::Py_TYPE(found)).tp_descr_set.is_some() {
                    return unsupported(data_descriptor(found));
                }
                // It could become one.
                self.assume_type(ffi::Py_TYPE(found));
            }
            let dict = || *owner.byte_offset(layout::MANAGED_DICT as isize).cast::<*mut PyObject>();
            match instance(owner, ty) {
                // The trace would only ask for that dict and leave.
                Instance::Inline if !dict().is_null() => unsupported("an attribute in an instance's dict"),
                Instance::Inline => match self.inline(owner, ty, name) {
                    Some(found) => found,
                    None => unsupported("a new attribute"),
                },
                Instance::Dict => match self.dict_place(owner, ty, name) {
                    Some(found) => found,
                    None => unsupported("a new attribute in an instance's dict"),
                },
                Instance::NoDict(_) => unsupported("a new attribute in an instance's dict"),
                Instance::Bare => unsupported("an attribute that cannot be set"),
            }
        }
    }

    unsafe fn module_attribute(&mut self, module: *mut PyObject, name: *mut PyObject) -> Attribute {
        // SAFETY: an exact module has this layout.
        unsafe {
            let dict = (*module.cast::<layout::Module>()).dict;
            if !look_up(ffi::Py_TYPE(module), name).is_null() || !is_plain_dict(dict) {
                return Attribute::Unsupported("an attribute of a module that is computed");
            }
            let value = ffi::PyDict_GetItemWithError(dict, name);
            if value.is_null() {
                return UNKNOWN;
            }
            self.assumptions.push(Assumption::Dict { dict: dict as u64, key: name as u64 });
            let disp = std::mem::offset_of!(layout::Module, dict) as i32;
            Attribute::Constant { value: operand(value), shadow: Shadow::Module { disp, dict: dict as u64 } }
        }
    }

    unsafe fn class_attribute(&mut self, class: *mut ffi::PyTypeObject, name: *mut PyObject) -> Attribute {
        // SAFETY: a live class.
        unsafe {
            let metaclass = ffi::Py_TYPE(class.cast());
            let getattr = |ty: *mut ffi::PyTypeObject| (*ty).tp_getattro.map(|function| function as usize);
            if getattr(metaclass) != getattr(&raw mut ffi::PyType_Type) || !look_up(metaclass, name).is_null() {
                return Attribute::Unsupported("an attribute that a metaclass gives");
            }
            let found = look_up(class, name);
            if found.is_null() {
                return UNKNOWN;
            }
            if objects::type_of(found) == type_address!(PyProperty_Type) || member(found, class).is_some() {
                return Attribute::Unsupported("an attribute made by a descriptor");
            }
            self.assume_type(class);
            self.assume_type(metaclass);
            match self.class_value(found, class, Shadow::Nothing) {
                // A class has its methods as they are.
                Attribute::Method { function, shadow } => Attribute::Constant { value: function, shadow },
                other => other,
            }
        }
    }

    /// The place of `name` among an instance's inline values, and the value there.
    unsafe fn inline(
        &mut self,
        owner: *mut PyObject,
        ty: *mut ffi::PyTypeObject,
        name: *mut PyObject,
    ) -> Option<(Attribute, *mut PyObject)> {
        // SAFETY: the type has inline values, so that its instances and its keys have these layouts.
        unsafe {
            let index = shared_index(shared_keys(ty), name)?;
            self.assume_type(ty);
            let disp = layout::INLINE_FIRST + 8 * i32::try_from(index).ok()?;
            let value = *owner.byte_offset(disp as isize).cast::<*mut PyObject>();
            let place = Attribute::Inline { disp, valid_disp: layout::INLINE_VALID, dict_disp: layout::MANAGED_DICT };
            Some((place, value))
        }
    }

    pub(super) unsafe fn assume_type(&mut self, ty: *mut ffi::PyTypeObject) {
        // SAFETY: a live class.
        if unsafe { (*ty).tp_flags } & ffi::Py_TPFLAGS_IMMUTABLETYPE == 0 {
            self.assumptions.push(Assumption::Type(ty as u64));
        }
    }
}

/// Looks a name up in a class and its bases: borrowed, or null.
pub(crate) unsafe fn look_up(ty: *mut ffi::PyTypeObject, name: *mut PyObject) -> *mut PyObject {
    match symbols() {
        // SAFETY: a live class and a str.
        Ok(symbols) => unsafe { (symbols.type_lookup)(ty, name) },
        Err(_) => null_mut(),
    }
}

pub(super) unsafe fn has_plain_getattr(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live class.
    let getattr = unsafe { (*ty).tp_getattro }.map(|function| function as usize);
    getattr == Some(ffi::PyObject_GenericGetAttr as *const () as usize)
}

/// Whether attributes of such instances that are there are found in the general way: what the class says in `__getattr__` is only asked
/// for those that are not, and where a property raises.
pub(super) unsafe fn finds_plainly(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live class. Whoever looks attributes up in a way of its own has this method of its own.
    unsafe {
        let name = interned(c"__getattribute__");
        has_plain_getattr(ty)
            || (*ty).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0
                && look_up(ty, name) == look_up(&raw mut ffi::PyBaseObject_Type, name)
                && !look_up(ty, interned(c"__getattr__")).is_null()
    }
}

/// Whether instances of a class with inline values may have this name.
unsafe fn has_shared_name(ty: *mut ffi::PyTypeObject, name: *mut PyObject) -> bool {
    // SAFETY: the type has inline values, so that it has shared keys.
    unsafe { shared_index(shared_keys(ty), name).is_some() }
}

pub(super) unsafe fn instance(owner: *mut PyObject, ty: *mut ffi::PyTypeObject) -> Instance {
    // SAFETY: instances of such types have these layouts.
    unsafe {
        let flags = (*ty).tp_flags;
        if flags & layout::TYPE_INLINE_VALUES != 0 {
            let valid = *owner.byte_offset(layout::INLINE_VALID as isize).cast::<u8>();
            return if valid == 1 { Instance::Inline } else { Instance::Dict };
        }
        let disp = if flags & layout::TYPE_MANAGED_DICT != 0 {
            Some(layout::MANAGED_DICT)
        } else {
            i32::try_from((*ty).tp_dictoffset).ok().filter(|disp| *disp != 0)
        };
        match disp {
            None => Instance::Bare,
            Some(disp @ (layout::MANAGED_DICT | 1..)) => {
                let dict = *owner.byte_offset(disp as isize).cast::<*mut PyObject>();
                if dict.is_null() { Instance::NoDict(disp) } else { Instance::Dict }
            }
            Some(_) => Instance::Dict,
        }
    }
}

/// What an instance does not have that has no attribute of this name. None where it has one, or soon may.
pub(super) unsafe fn lacking(owner: *mut PyObject, name: *mut PyObject) -> Option<Shadow> {
    // SAFETY: a live instance.
    unsafe {
        let ty = ffi::Py_TYPE(owner);
        match instance(owner, ty) {
            Instance::Bare => Some(Shadow::Nothing),
            Instance::NoDict(disp) => Some(Shadow::NoDict { disp }),
            Instance::Dict => (instances::lacks_attribute(owner, name) == 1).then_some(Shadow::InDict),
            // A name that other instances have may be this one's next.
            Instance::Inline if has_shared_name(ty, name) => None,
            Instance::Inline => Some(names_of(ty)),
        }
    }
}

/// Whether two of this name are one object: names are looked up by their addresses.
pub(super) unsafe fn is_interned(name: *mut PyObject) -> bool {
    // SAFETY: an exact str.
    unsafe { (*name.cast::<layout::Str>()).state & 3 != 0 }
}

unsafe fn shared_keys(ty: *mut ffi::PyTypeObject) -> *const layout::DictKeys {
    // SAFETY: a heap type.
    unsafe { *ty.byte_add(layout::TYPE_CACHED_KEYS).cast::<*const layout::DictKeys>() }
}

/// How many names the instances of a class share for their inline values.
pub(super) unsafe fn shared_names(ty: *mut ffi::PyTypeObject) -> u32 {
    // SAFETY: the type has inline values, so that it has shared keys.
    unsafe {
        let keys = shared_keys(ty);
        if keys.is_null() { 0 } else { (*keys).entries as u32 }
    }
}

/// An interned name, made once; null where memory ran out.
pub(crate) unsafe fn interned(name: &'static CStr) -> *mut PyObject {
    static NAMES: Mutex<Vec<(&CStr, usize)>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, object)) = names.iter().find(|(known, _)| *known == name) {
        return *object as *mut PyObject;
    }
    // SAFETY: the GIL is held.
    let object = unsafe { ffi::PyUnicode_InternFromString(name.as_ptr()) };
    if object.is_null() {
        // SAFETY: as above.
        unsafe { ffi::PyErr_Clear() };
    } else {
        names.push((name, object as usize));
    }
    object
}

/// The index of a name among shared keys. There are at most thirty.
unsafe fn shared_index(keys: *const layout::DictKeys, name: *mut PyObject) -> Option<usize> {
    // SAFETY: the entries follow the hash table, as many as the keys say.
    unsafe {
        if keys.is_null() || (*keys).kind == 0 {
            return None;
        }
        let table = (&raw const (*keys).indices).cast::<u8>();
        let entries = table.add(1 << (*keys).log2_index_bytes).cast::<layout::UnicodeEntry>();
        // Attribute names in code and in keys are interned: the same name is the same object.
        (0..(*keys).entries as usize).find(|index| (*entries.add(*index)).key == name)
    }
}

/// Instances of this class have inline values, but none of a name: none has one while the number of names is the same.
pub(super) unsafe fn names_of(ty: *mut ffi::PyTypeObject) -> Shadow {
    // SAFETY: the type has inline values, so that it has shared keys. The lower half is enough: there are few.
    unsafe {
        let keys = shared_keys(ty);
        Shadow::Names {
            valid_disp: layout::INLINE_VALID,
            address: keys as u64 + offset_of!(layout::DictKeys, entries) as u64,
            names: (*keys).entries as u32,
        }
    }
}

/// Which item of a tuple a descriptor stands for, where it is that of a named tuple's field.
unsafe fn field(descriptor: *mut PyObject, owner: *mut PyObject) -> Option<u32> {
    // SAFETY: live objects; descriptors of this class in C, which Python code cannot make another one of, have this layout.
    unsafe {
        let ty = ffi::Py_TYPE(descriptor);
        let known = (*ty).tp_flags & ffi::Py_TPFLAGS_IMMUTABLETYPE != 0
            && CStr::from_ptr((*ty).tp_name) == c"collections._tuplegetter"
            && ffi::PyTuple_Check(owner) != 0;
        if !known {
            return None;
        }
        let index = (*descriptor.cast::<layout::Field>()).index;
        (0..ffi::PyTuple_Size(owner)).contains(&index).then(|| u32::try_from(index).ok())?
    }
}

/// The displacement of a slot in instances of a class, where the descriptor is that of a plain `__slots__` entry. A class
/// may also have one that was made for another class, and then has no such slot.
pub(super) unsafe fn member(descriptor: *mut PyObject, ty: *mut ffi::PyTypeObject) -> Option<i32> {
    // SAFETY: an exact member descriptor has this layout.
    unsafe {
        if objects::type_of(descriptor) != type_address!(PyMemberDescr_Type) {
            return None;
        }
        let made_for = (*descriptor.cast::<ffi::PyMemberDescrObject>()).d_common.d_type;
        if ffi::PyType_IsSubtype(ty, made_for) == 0 {
            return None;
        }
        let member = &*(*descriptor.cast::<ffi::PyMemberDescrObject>()).d_member;
        (member.type_code == OBJECT_OR_ERROR && member.flags == 0).then(|| i32::try_from(member.offset).ok())?
    }
}

/// Type code of a member that is an object, and an error where it is null.
const OBJECT_OR_ERROR: std::ffi::c_int = 16;

unsafe fn data_descriptor(descriptor: *mut PyObject) -> &'static str {
    // SAFETY: a live object.
    if unsafe { objects::type_of(descriptor) } == type_address!(PyProperty_Type) {
        "a property"
    } else {
        "an attribute made by a descriptor"
    }
}
