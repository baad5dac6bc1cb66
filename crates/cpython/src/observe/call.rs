//! What a call calls.

use super::{Assumption, Calls, Observer};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::{checks, layout};
use crate::{PyObject, objects};
use decal_trace::event::{Callee, Detail, KnownCall, ListMethod};
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
            if objects::type_of(receiver) != type_address!(PyList_Type) {
                return None;
            }
            return list_methods().iter().find(|(known, ..)| *known == address).map(|found| KnownCall::List(found.2));
        }
        if ty != type_address!(PyCFunction_Type) || !receiver.is_null() {
            return None;
        }
        let function = &*callable.cast::<ffi::PyCFunctionObject>();
        if !function.m_self.is_null() && objects::type_of(function.m_self) == type_address!(PyList_Type) {
            let definition = function.m_ml as u64;
            let mut methods = list_methods().iter();
            return methods
                .find(|(_, known, _)| *known == definition)
                .map(|found| KnownCall::BoundList(found.2, found.1));
        }
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

/// The address of a function of the C library's mathematics, as the process has it: the very one that `math`
/// calls. Linking by name will not do, since Rust brings functions of its own for some of these names.
fn library(name: &CStr) -> Option<u64> {
    // SAFETY: looks a name up; nothing is loaded or run.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found as u64)
}

/// Functions that `math` calls without more ado for finite operands and results.
const ONE_ARGUMENT: [&CStr; 22] = [
    c"sin", c"cos", c"tan", c"asin", c"acos", c"atan", c"sinh", c"cosh", c"tanh", c"asinh", c"acosh", c"atanh", c"exp",
    c"exp2", c"expm1", c"log", c"log2", c"log10", c"log1p", c"cbrt", c"erf", c"erfc",
];
const TWO_ARGUMENTS: [&CStr; 4] = [c"atan2", c"fmod", c"pow", c"copysign"];

fn math(name: &[u8]) -> Option<KnownCall> {
    let among = |list: &[&'static CStr]| list.iter().find(|known| known.to_bytes() == name).copied();
    match name {
        b"sqrt" => return Some(KnownCall::MathSqrt),
        b"floor" => return Some(KnownCall::MathFloor),
        b"ceil" => return Some(KnownCall::MathCeil),
        b"fabs" => return Some(KnownCall::MathFabs),
        b"radians" => return Some(KnownCall::Math1(radians as *const () as u64)),
        b"degrees" => return Some(KnownCall::Math1(degrees as *const () as u64)),
        _ => {}
    }
    match among(&ONE_ARGUMENT) {
        Some(known) => library(known).map(KnownCall::Math1),
        None => library(among(&TWO_ARGUMENTS)?).map(KnownCall::Math2),
    }
}

extern "C" fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

extern "C" fn degrees(radians: f64) -> f64 {
    radians * (180.0 / std::f64::consts::PI)
}

/// The methods of lists that traces know: descriptor, definition in C, and which.
fn list_methods() -> &'static [(u64, u64, ListMethod)] {
    static METHODS: OnceLock<Vec<(u64, u64, ListMethod)>> = OnceLock::new();
    METHODS.get_or_init(|| {
        let names = [(c"append", ListMethod::Append), (c"insert", ListMethod::Insert), (c"pop", ListMethod::Pop)];
        // SAFETY: observing holds the GIL.
        names.into_iter().filter_map(|(name, method)| unsafe { list_method(name, method) }).collect()
    })
}

unsafe fn list_method(name: &CStr, method: ListMethod) -> Option<(u64, u64, ListMethod)> {
    // SAFETY: looking a name up in `list` runs no Python code. The type keeps the descriptor alive.
    unsafe {
        let name = ffi::PyUnicode_InternFromString(name.as_ptr());
        if name.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let symbols = crate::version::symbols::symbols().ok();
        let found = symbols.map(|symbols| (symbols.type_lookup)(&raw mut ffi::PyList_Type, name));
        objects::decref(name);
        let found = found.filter(|found| objects::type_of(*found) == type_address!(PyMethodDescr_Type))?;
        let definition = (*found.cast::<ffi::PyMethodDescrObject>()).d_method as u64;
        Some((found as u64, definition, method))
    }
}
