//! What becomes of the result of a special method that was left to CPython: what the interpreter does between the method's
//! return and the next instruction.
//!
//! A trace that is left within such a call has its frames rebuilt and run; nobody is there to take the result but the engine.
//! May run Python code: `NotImplemented` asks the other operand, and truth may be asked for.

use crate::capi as ffi;
use crate::observe::interned;
use crate::{PyObject, Raised, objects};
use decal_trace::bytecode::{BinaryOp, CompareOp};
use decal_trace::snapshot::{Asked, Returns};
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

/// What a result (its reference is handed over) becomes: a new reference, or null where nothing is pushed.
///
/// # Safety
/// Live objects; `operands` are those that [`Returns`] speaks of. Call it under
/// [`Thread::unsilence`](crate::thread::Thread::unsilence).
///
/// # Errors
/// [`Raised`] where the instruction raises.
pub unsafe fn settle(
    returns: Returns,
    operands: &[*mut PyObject],
    result: *mut PyObject,
) -> Result<*mut PyObject, Raised> {
    // SAFETY: the caller's.
    unsafe {
        match (returns, operands) {
            (Returns::Value | Returns::Called | Returns::Over(_) | Returns::Next(_) | Returns::Item, _) => Ok(result),
            (Returns::Discard(_), _) => {
                objects::decref(result);
                Ok(null_mut())
            }
            (Returns::Binary(op, asked), [left, right]) if result == ffi::Py_NotImplemented() => {
                other_operand(op, asked, *left, *right)
            }
            (Returns::Compare(op, truth), [left, right]) => {
                let result = if result == ffi::Py_NotImplemented() { other_side(op, *left, *right)? } else { result };
                if truth { truth_of(result, false) } else { Ok(result) }
            }
            (Returns::Contains(inverted), _) => truth_of(result, inverted),
            (Returns::Bool, _) if ffi::PyBool_Check(result) == 0 => {
                wrong(c"__bool__ should return bool, returned %s", result)
            }
            (Returns::Length, _) => length(result),
            (Returns::Iterator, _) if ffi::PyIter_Check(result) == 0 => {
                wrong(c"iter() returned non-iterator of type '%.100s'", result)
            }
            _ => Ok(result),
        }
    }
}

unsafe fn checked(result: *mut PyObject) -> Result<*mut PyObject, Raised> {
    if result.is_null() { Err(Raised) } else { Ok(result) }
}

/// Raises a `TypeError` that names the type of a result, which is dropped.
unsafe fn wrong(format: &CStr, result: *mut PyObject) -> Result<*mut PyObject, Raised> {
    // SAFETY: the format has one string, a type's name.
    unsafe {
        ffi::PyErr_Format(ffi::PyExc_TypeError, format.as_ptr(), (*ffi::Py_TYPE(result)).tp_name);
        objects::decref(result);
        Err(Raised)
    }
}

unsafe fn truth_of(result: *mut PyObject, inverted: bool) -> Result<*mut PyObject, Raised> {
    // SAFETY: a live object.
    unsafe {
        let truth = ffi::PyObject_IsTrue(result);
        objects::decref(result);
        if truth < 0 { Err(Raised) } else { Ok(objects::new_bool((truth != 0) != inverted)) }
    }
}

/// What `len` makes of the result of `__len__`.
unsafe fn length(result: *mut PyObject) -> Result<*mut PyObject, Raised> {
    // SAFETY: a live object; each step checks the one before.
    unsafe {
        let index = ffi::PyNumber_Index(result);
        objects::decref(result);
        let index = checked(index)?;
        let zero = checked(objects::new_int(0))?;
        let negative = ffi::PyObject_RichCompareBool(index, zero, ffi::Py_LT);
        objects::decref(zero);
        if negative != 0 {
            objects::decref(index);
            if negative > 0 {
                ffi::PyErr_SetString(ffi::PyExc_ValueError, c"__len__() should return >= 0".as_ptr());
            }
            return Err(Raised);
        }
        let size = ffi::PyNumber_AsSsize_t(index, ffi::PyExc_OverflowError);
        objects::decref(index);
        if size == -1 && !ffi::PyErr_Occurred().is_null() {
            Err(Raised)
        } else {
            checked(objects::new_int(size as i64))
        }
    }
}

/// The operators: sign, name of the reflected method, name in errors where it is not the sign, and slot.
fn operator(op: BinaryOp) -> (&'static CStr, &'static CStr, &'static CStr) {
    match op {
        BinaryOp::Add => (c"__radd__", c"+", c"+="),
        BinaryOp::Sub => (c"__rsub__", c"-", c"-="),
        BinaryOp::Mul => (c"__rmul__", c"*", c"*="),
        BinaryOp::MatMul => (c"__rmatmul__", c"@", c"@="),
        BinaryOp::TrueDiv => (c"__rtruediv__", c"/", c"/="),
        BinaryOp::FloorDiv => (c"__rfloordiv__", c"//", c"//="),
        BinaryOp::Mod => (c"__rmod__", c"%", c"%="),
        BinaryOp::Pow => (c"__rpow__", c"** or pow()", c"**="),
        BinaryOp::LShift => (c"__rlshift__", c"<<", c"<<="),
        BinaryOp::RShift => (c"__rrshift__", c">>", c">>="),
        BinaryOp::And => (c"__rand__", c"&", c"&="),
        BinaryOp::Or => (c"__ror__", c"|", c"|="),
        BinaryOp::Xor => (c"__rxor__", c"^", c"^="),
    }
}

/// The function of a type for a binary operator.
pub(crate) unsafe fn binary_slot(ty: *mut ffi::PyTypeObject, op: BinaryOp) -> Option<ffi::binaryfunc> {
    // SAFETY: a live type.
    unsafe {
        let number = (*ty).tp_as_number.as_ref()?;
        match op {
            BinaryOp::Add => number.nb_add,
            BinaryOp::Sub => number.nb_subtract,
            BinaryOp::Mul => number.nb_multiply,
            BinaryOp::MatMul => number.nb_matrix_multiply,
            BinaryOp::TrueDiv => number.nb_true_divide,
            BinaryOp::FloorDiv => number.nb_floor_divide,
            BinaryOp::Mod => number.nb_remainder,
            BinaryOp::Pow => None,
            BinaryOp::LShift => number.nb_lshift,
            BinaryOp::RShift => number.nb_rshift,
            BinaryOp::And => number.nb_and,
            BinaryOp::Or => number.nb_or,
            BinaryOp::Xor => number.nb_xor,
        }
    }
}

/// The left operand's method gave `NotImplemented`, or the right one's reflected method, which was asked because the left one has
/// none.
unsafe fn other_operand(
    op: BinaryOp,
    asked: Asked,
    left: *mut PyObject,
    right: *mut PyObject,
) -> Result<*mut PyObject, Raised> {
    let (reflected, sign, augmented_sign) = operator(op);
    let not_implemented = ffi::Py_NotImplemented;
    // SAFETY: live objects; slots are those of their types.
    unsafe {
        let (left_type, right_type) = (ffi::Py_TYPE(left), ffi::Py_TYPE(right));
        let (left_slot, right_slot) = (binary_slot(left_type, op), binary_slot(right_type, op));
        let same =
            |a: Option<ffi::binaryfunc>, b: Option<ffi::binaryfunc>| a.map(|f| f as usize) == b.map(|f| f as usize);
        let augmented = asked != Asked::Plain;
        let mut result = not_implemented();
        if asked == Asked::Augmented
            && let Some(slot) = left_slot
        {
            // The method for the assignment was asked, the others were not.
            result = checked(slot(left, right))?;
            if result == not_implemented()
                && !same(left_slot, right_slot)
                && let Some(slot) = right_slot
            {
                result = checked(slot(left, right))?;
            }
        } else if left_type != right_type && ffi::PyType_HasFeature(left_type, ffi::Py_TPFLAGS_HEAPTYPE) != 0 {
            if same(left_slot, right_slot) {
                let method = objects::special_method(right, interned(reflected));
                if !method.is_null() {
                    let found = ffi::PyObject_CallFunctionObjArgs(method, right, left, null_mut::<PyObject>());
                    objects::decref(method);
                    result = checked(found)?;
                }
            } else if let Some(slot) = right_slot {
                result = checked(slot(left, right))?;
            }
        }
        if result != not_implemented() {
            return Ok(result);
        }
        if let Some(sequence) = (*left_type).tp_as_sequence.as_ref() {
            let concat = sequence.sq_inplace_concat.filter(|_| augmented).or(sequence.sq_concat);
            if op == BinaryOp::Add
                && let Some(concat) = concat
            {
                return checked(concat(left, right));
            }
        }
        let sign = if augmented { augmented_sign } else { sign };
        ffi::PyErr_Format(
            ffi::PyExc_TypeError,
            c"unsupported operand type(s) for %.100s: '%.100s' and '%.100s'".as_ptr(),
            sign.as_ptr(),
            (*left_type).tp_name,
            (*right_type).tp_name,
        );
        Err(Raised)
    }
}

/// The method of one operand of a comparison gave `NotImplemented`: what comes of asking the other one. Where the right one's was asked
/// first, because the left one has none of Python, that is it.
unsafe fn other_side(op: CompareOp, left: *mut PyObject, right: *mut PyObject) -> Result<*mut PyObject, Raised> {
    const MIRRORED: [c_int; 6] = [ffi::Py_GT, ffi::Py_GE, ffi::Py_EQ, ffi::Py_NE, ffi::Py_LT, ffi::Py_LE];
    const SIGNS: [&CStr; 6] = [c"<", c"<=", c"==", c"!=", c">", c">="];
    // SAFETY: live objects.
    unsafe {
        let (left_type, right_type) = (ffi::Py_TYPE(left), ffi::Py_TYPE(right));
        if ffi::PyType_HasFeature(left_type, ffi::Py_TPFLAGS_HEAPTYPE) != 0
            && let Some(slot) = (*right_type).tp_richcompare
        {
            let result = checked(slot(right, left, MIRRORED[op as usize]))?;
            if result != ffi::Py_NotImplemented() {
                return Ok(result);
            }
        }
        match op {
            CompareOp::Eq => Ok(objects::new_bool(left == right)),
            CompareOp::Ne => Ok(objects::new_bool(left != right)),
            _ => {
                ffi::PyErr_Format(
                    ffi::PyExc_TypeError,
                    c"'%s' not supported between instances of '%.100s' and '%.100s'".as_ptr(),
                    SIGNS[op as usize].as_ptr(),
                    (*left_type).tp_name,
                    (*right_type).tp_name,
                );
                Err(Raised)
            }
        }
    }
}
