//! Objects as operands: what a recording keeps of them, which is what their exact type says can be read off.

use super::{arrays, chars, known};
use crate::capi as ffi;
use crate::helpers::{deques, small_int};
use crate::host::type_address;
use crate::version::layout;
use crate::{PyObject, objects};
use decal_trace::event::{Kind, Operand};

/// An object as an operand.
///
/// # Safety
/// A live object or null.
pub unsafe fn operand(object: *mut PyObject) -> Operand {
    if object.is_null() {
        return Operand::NULL;
    }
    // SAFETY: the caller's; each arm reads the layout of the exact type that it is for.
    unsafe {
        let ty = objects::type_of(object);
        let size = || (*object.cast::<layout::List>()).size as u64;
        let (kind, bits) = if ty == type_address!(PyLong_Type) {
            int_bits(object)
        } else if ty == type_address!(PyFloat_Type) {
            (Kind::Float, (*object.cast::<layout::Float>()).value.to_bits())
        } else if ty == type_address!(PyBool_Type) {
            (Kind::Bool, u64::from(object == ffi::Py_True()))
        } else if object == ffi::Py_None() {
            (Kind::None, 0)
        } else if ty == type_address!(PyList_Type) {
            (Kind::List, size())
        } else if ty == type_address!(PyTuple_Type) {
            (Kind::Tuple, size())
        } else if ty == type_address!(PyUnicode_Type) {
            (Kind::Str, size())
        } else if ty == type_address!(PyBytes_Type) {
            (Kind::Bytes, size())
        } else if ty == type_address!(PyByteArray_Type) {
            (Kind::ByteArray, size())
        } else if ty == type_address!(PyRangeIter_Type) {
            let sole = u64::from(objects::is_last(object));
            let by_one = u64::from((*object.cast::<layout::RangeIter>()).step == 1);
            (Kind::RangeIter, sole | by_one << 1)
        } else if ty == type_address!(PyListIter_Type) {
            (Kind::ListIter, 0)
        } else if ty == type_address!(PyTupleIter_Type) {
            (Kind::TupleIter, 0)
        } else if ty == type_address!(PyEnum_Type) {
            (Kind::Enumerate, 0)
        } else if ty == type_address!(PyRange_Type) {
            (Kind::Range, 0)
        } else if ty == type_address!(PyDict_Type) {
            (Kind::Dict, (*object.cast::<layout::Dict>()).used as u64)
        } else if ty == type_address!(PySet_Type) {
            (Kind::Set, 0)
        } else if ty == type_address!(PyFrozenSet_Type) {
            (Kind::FrozenSet, 0)
        } else if known::is_view(ty) {
            (Kind::View, 0)
        } else if let Some(shape) = chars::iterated(object) {
            (Kind::TextIter, u64::from(shape))
        } else if known::is_iterator(ty) {
            (Kind::Iterator, 0)
        } else if ty == type_address!(PyFunction_Type) {
            (Kind::Function, 0)
        } else if ty == type_address!(PyMethod_Type) {
            (Kind::Method, 0)
        } else if ty == type_address!(PyCFunction_Type) {
            // A method bound to an object holds it, and must not be kept alive by a trace. Neither must a function that C code
            // makes for itself: it is none of the module's that it has as its object, so that it has no module's name.
            let function = &*object.cast::<ffi::PyCFunctionObject>();
            let bound_to = function.m_self;
            let of_module = bound_to.is_null() || objects::type_of(bound_to) == type_address!(PyModule_Type);
            let of_module = of_module && !function.m_module.is_null();
            (if of_module { Kind::Builtin } else { Kind::Other }, 0)
        } else if ty == type_address!(PyMethodDescr_Type) {
            (Kind::Builtin, 0)
        } else if ty == type_address!(PyModule_Type) {
            (Kind::Module, 0)
        } else if ty == type_address!(PyGen_Type) {
            (Kind::Generator, 0)
        } else if ty == type_address!(PyCell_Type) {
            (Kind::Cell, 0)
        } else if ffi::PyType_Check(object) != 0 {
            (Kind::Type, 0)
        } else if let Some(code) = arrays::type_code(object) {
            (Kind::Array, u64::from(code))
        } else if deques::is_deque(object) {
            (Kind::Deque, 0)
        } else {
            (Kind::Other, 0)
        };
        Operand { object: object as u64, ty, kind, bits }
    }
}

/// Kind and value of an exact `int`.
unsafe fn int_bits(object: *mut PyObject) -> (Kind, u64) {
    // SAFETY: an exact int.
    match unsafe { small_int(object) } {
        Some(value) => (Kind::Int, value as u64),
        None => (Kind::BigInt, 0),
    }
}
