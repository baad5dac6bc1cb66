//! What a call calls.

use super::{Assumption, Calls, Observer};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::{checks, layout};
use crate::{PyObject, objects};
use decal_trace::event::{Callee, Detail, KnownCall};
use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::OnceLock;

impl Observer {
    /// A call of `count` arguments, the stack as before it.
    pub(super) unsafe fn call(&mut self, count: u32, calls: &mut dyn Calls) -> Detail {
        // SAFETY: stack objects are alive; layouts are those of the exact types that are checked first.
        unsafe {
            let callable = self.top(count + 2);
            let receiver = self.top(count + 1);
            if callable.is_null() {
                return Detail::Opaque("a call of nothing");
            }
            let ty = objects::type_of(callable);
            if ty == type_address!(PyFunction_Type) {
                let arguments = count + u32::from(!receiver.is_null());
                return self.python_call(callable, null_mut(), arguments, calls);
            }
            if ty == type_address!(PyMethod_Type) {
                let method = callable.cast::<layout::Method>();
                let function = (*method).function;
                if receiver.is_null() && objects::type_of(function) == type_address!(PyFunction_Type) {
                    return self.python_call(function, (*method).self_, count + 1, calls);
                }
                return Detail::Opaque("a method that is no Python function");
            }
            if let Some(known) = known(callable, receiver) {
                return Detail::Known(known);
            }
            if ffi::PyType_Check(callable) != 0 {
                return Detail::Opaque("a class, to make an instance");
            }
            if ty == type_address!(PyCFunction_Type) || ty == type_address!(PyMethodDescr_Type) {
                return Detail::Opaque("a builtin function that traces do not know");
            }
            Detail::Opaque("an object that is no function")
        }
    }

    unsafe fn python_call(
        &mut self,
        function: *mut PyObject,
        bound_self: *mut PyObject,
        arguments: u32,
        calls: &mut dyn Calls,
    ) -> Detail {
        // SAFETY: an exact function.
        unsafe {
            let raw = &*function.cast::<layout::Function>();
            if Some(raw.vectorcall as usize) != checks::plain_vectorcall() {
                return Detail::Opaque("a function with its own way of being called");
            }
            let code = raw.code;
            let parameters = (*code.cast::<layout::Code>()).arg_count as u32;
            if arguments > parameters {
                return Detail::Opaque("a function with other parameters");
            }
            if arguments < parameters {
                return Detail::Opaque("a function whose default arguments are needed");
            }
            match calls.enter(function, code, self.depth + 1) {
                Ok(id) => {
                    self.assumptions.push(Assumption::Function(function as u64));
                    Detail::Enter(Callee { function: function as u64, code: id, bound_self: bound_self as u64 })
                }
                Err(reason) => Detail::Opaque(reason),
            }
        }
    }
}

/// A builtin that traces know.
unsafe fn known(callable: *mut PyObject, receiver: *mut PyObject) -> Option<KnownCall> {
    // SAFETY: live objects.
    unsafe {
        let ty = objects::type_of(callable);
        let address = callable as u64;
        if ty == type_address!(PyType_Type) {
            return [
                (type_address!(PyLong_Type), KnownCall::Int),
                (type_address!(PyFloat_Type), KnownCall::Float),
                (type_address!(PyBool_Type), KnownCall::Bool),
                (type_address!(PyRange_Type), KnownCall::Range),
            ]
            .into_iter()
            .find_map(|(known, call)| (known == address && receiver.is_null()).then_some(call));
        }
        if ty == type_address!(PyMethodDescr_Type) {
            let is_append = Some(address) == list_append();
            let fits = objects::type_of(receiver) == type_address!(PyList_Type);
            return (is_append && fits).then_some(KnownCall::ListAppend);
        }
        if ty != type_address!(PyCFunction_Type) || !receiver.is_null() {
            return None;
        }
        let function = &*callable.cast::<ffi::PyCFunctionObject>();
        let module = function.m_self;
        if module.is_null() || objects::type_of(module) != type_address!(PyModule_Type) {
            return None;
        }
        // A builtin function is known by its module's and its own definition in C, which Python code cannot imitate.
        let definition = ffi::PyModule_GetDef(module);
        if definition.is_null() || (*definition).m_name.is_null() {
            return None;
        }
        let name = CStr::from_ptr((*function.m_ml).ml_name).to_bytes();
        match CStr::from_ptr((*definition).m_name).to_bytes() {
            b"builtins" => builtin(name),
            b"math" => math(name),
            _ => None,
        }
    }
}

fn builtin(name: &[u8]) -> Option<KnownCall> {
    Some(match name {
        b"len" => KnownCall::Len,
        b"abs" => KnownCall::Abs,
        b"min" => KnownCall::Min,
        b"max" => KnownCall::Max,
        b"round" => KnownCall::Round,
        _ => return None,
    })
}

macro_rules! c_math {
    ($($name:ident($($argument:ident),+);)*) => {
        unsafe extern "C" {
            $(safe fn $name($($argument: f64),+) -> f64;)*
        }
    };
}

// Functions of the C library that `math` calls without more ado for finite operands and results.
c_math! {
    sin(a); cos(a); tan(a); asin(a); acos(a); atan(a);
    sinh(a); cosh(a); tanh(a); asinh(a); acosh(a); atanh(a);
    exp(a); exp2(a); expm1(a); log(a); log2(a); log10(a); log1p(a);
    cbrt(a); erf(a); erfc(a);
    atan2(a, b); fmod(a, b); pow(a, b); copysign(a, b);
}

fn math(name: &[u8]) -> Option<KnownCall> {
    let one = |function: extern "C" fn(f64) -> f64| KnownCall::Math1(function as usize as u64);
    let two = |function: extern "C" fn(f64, f64) -> f64| KnownCall::Math2(function as usize as u64);
    Some(match name {
        b"sqrt" => KnownCall::MathSqrt,
        b"floor" => KnownCall::MathFloor,
        b"ceil" => KnownCall::MathCeil,
        b"fabs" => KnownCall::MathFabs,
        b"sin" => one(sin),
        b"cos" => one(cos),
        b"tan" => one(tan),
        b"asin" => one(asin),
        b"acos" => one(acos),
        b"atan" => one(atan),
        b"sinh" => one(sinh),
        b"cosh" => one(cosh),
        b"tanh" => one(tanh),
        b"asinh" => one(asinh),
        b"acosh" => one(acosh),
        b"atanh" => one(atanh),
        b"exp" => one(exp),
        b"exp2" => one(exp2),
        b"expm1" => one(expm1),
        b"log" => one(log),
        b"log2" => one(log2),
        b"log10" => one(log10),
        b"log1p" => one(log1p),
        b"cbrt" => one(cbrt),
        b"erf" => one(erf),
        b"erfc" => one(erfc),
        b"radians" => one(radians),
        b"degrees" => one(degrees),
        b"atan2" => two(atan2),
        b"fmod" => two(fmod),
        b"pow" => two(pow),
        b"copysign" => two(copysign),
        _ => return None,
    })
}

extern "C" fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

extern "C" fn degrees(radians: f64) -> f64 {
    radians * (180.0 / std::f64::consts::PI)
}

/// The address of `list.append`.
fn list_append() -> Option<u64> {
    static ADDRESS: OnceLock<Option<u64>> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        // SAFETY: observing holds the GIL; looking a name up in `list` runs no Python code. The type keeps
        // the descriptor alive.
        unsafe {
            let name = ffi::PyUnicode_InternFromString(c"append".as_ptr());
            if name.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            let symbols = crate::version::symbols::symbols().ok()?;
            let found = (symbols.type_lookup)(&raw mut ffi::PyList_Type, name);
            objects::decref(name);
            (objects::type_of(found) == type_address!(PyMethodDescr_Type)).then_some(found as u64)
        }
    })
}
