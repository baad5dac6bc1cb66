//! What a call calls.

use super::attribute::{interned, look_up};
use super::leaf_calls::leaf_call;
use super::{Assumption, Calls, ListUse, Observer, is_plain_dict, operand};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::{checks, layout};
use crate::{PyObject, hook, objects};
use decal_trace::event::{Bind, ByCode, Callee, Consumer, Detail, Generating, Kind, KnownCall, ListMethod, Native};
use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::OnceLock;

/// A call as the stack has it.
pub(super) struct Arguments<'a> {
    pub(super) callable: *mut PyObject,
    pub(super) receiver: *mut PyObject,
    /// Without the receiver.
    pub(super) positional: &'a [*mut PyObject],
    pub(super) names: &'a [*mut PyObject],
}

impl Arguments<'_> {
    /// Of a method that is called without any.
    pub(super) const NONE: Arguments<'static> =
        Arguments { callable: null_mut(), receiver: null_mut(), positional: &[], names: &[] };
}

impl Observer {
    /// A call of `count` arguments, the stack as before it. With `names` the last ones have names, whose tuple is on top.
    pub(super) unsafe fn call(&mut self, count: u32, names: bool, calls: &mut dyn Calls) -> Detail {
        // SAFETY: stack objects are alive; layouts are those of the exact types that are checked first.
        unsafe {
            let above = u32::from(names);
            let named = if names { objects::tuple_items(self.top(1)) } else { &[] };
            let all: Vec<*mut PyObject> = (1..=count).rev().map(|nth| self.top(nth + above)).collect();
            let Some(positional) = all.len().checked_sub(named.len()).and_then(|number| all.get(..number)) else {
                return Detail::Opaque("a call with names that do not fit");
            };
            let (callable, receiver) = (self.top(count + above + 2), self.top(count + above + 1));
            if callable.is_null() {
                return Detail::Opaque("a call of nothing");
            }
            let call = Arguments { callable, receiver, positional, names: named };
            if let Some(entered) = self.followed(&call, calls) {
                return entered;
            }
            if let Some(entered) = self.partial(&call, calls) {
                return entered;
            }
            if named.is_empty()
                && let Some(consumed) = self.consuming(&call, calls)
            {
                return consumed;
            }
            if named.is_empty()
                && let Some(known) = self.known(&call)
            {
                return Detail::Known(known);
            }
            if named.is_empty()
                && let Some(asked) = self.attribute_asked(&call)
            {
                return Detail::Asked(asked);
            }
            if ffi::PyType_Check(callable) != 0 {
                return self.making(&call, calls).map_or_else(Detail::Opaque, Detail::New);
            }
            let ty = objects::type_of(callable);
            if ty == type_address!(PyCFunction_Type) || ty == type_address!(PyMethodDescr_Type) {
                return Detail::Opaque("a builtin function that traces do not know");
            }
            Detail::Opaque("an object that is no function")
        }
    }

    /// A call of a function or of a bound method: whether it is followed. None for all else.
    pub(super) unsafe fn followed(&mut self, call: &Arguments<'_>, calls: &mut dyn Calls) -> Option<Detail> {
        // SAFETY: stack objects are alive; layouts are those of the exact types that are checked first.
        unsafe {
            let Arguments { callable, receiver, .. } = *call;
            let ty = objects::type_of(callable);
            if ty == type_address!(PyFunction_Type) {
                let bound = u32::from(!receiver.is_null());
                if makes_generator(callable) {
                    let made = self.generating(callable, null_mut(), bound, call, calls);
                    return Some(made.map_or_else(Detail::Opaque, Detail::Generate));
                }
                let entered = self.python_call(callable, null_mut(), bound, call, calls);
                return Some(match (entered, self.native.take()) {
                    (Err(_), Some(native)) => Detail::Native(native),
                    (entered, _) => entered.map_or_else(Detail::Opaque, Detail::Enter),
                });
            }
            if ty == type_address!(PyMethod_Type) {
                let method = callable.cast::<layout::Method>();
                let function = (*method).function;
                // At the end of a `with` block an argument is where the receiver is otherwise. The interpreter takes a method apart
                // only where there is none.
                let by_c = !receiver.is_null();
                let positional: Vec<_> =
                    std::iter::once(receiver).filter(|_| by_c).chain(call.positional.iter().copied()).collect();
                let call = Arguments { positional: &positional, receiver: null_mut(), ..*call };
                let is_function = objects::type_of(function) == type_address!(PyFunction_Type);
                if is_function && !by_c && makes_generator(function) {
                    let made = self.generating(function, (*method).self_, 1, &call, calls);
                    return Some(made.map_or_else(Detail::Opaque, Detail::Generate));
                }
                if is_function && !makes_generator(function) {
                    let entered = self.python_call(function, (*method).self_, 1, &call, calls);
                    let entered = entered.map(|callee| Callee { by_c, ..callee });
                    return Some(entered.map_or_else(Detail::Opaque, Detail::Enter));
                }
                return Some(Detail::Opaque("a method that is no Python function"));
            }
            None
        }
    }

    /// A call of a Python function. `bound` is 1 where an object comes before the arguments.
    pub(super) unsafe fn python_call(
        &mut self,
        function: *mut PyObject,
        bound_self: *mut PyObject,
        bound: u32,
        call: &Arguments<'_>,
        calls: &mut dyn Calls,
    ) -> Result<Callee, &'static str> {
        // SAFETY: an exact function.
        unsafe {
            let raw = &*function.cast::<layout::Function>();
            // It would hide the callee's instructions.
            hook::unhook(function);
            if Some(raw.vectorcall as usize) != checks::plain_vectorcall() {
                return Err("a function with its own way of being called");
            }
            let count = bound as usize + call.positional.len();
            let plain =
                call.names.is_empty() && bound_self.is_null() && objects::plain_function(function, count).is_some();
            let code = match calls.enter(raw.code, self.depth + 1, plain) {
                Ok(code) => code,
                Err(why) => {
                    if plain && calls.is_native(raw.code) {
                        let by_code = self.by_code(raw, &[]);
                        self.assume_function(function, by_code.is_some());
                        let by_code = by_code.map(|by_code| (raw.code as u64, by_code));
                        let parameters = count as u32;
                        self.native = Some(Native { function: function as u64, parameters, by_code });
                    }
                    return Err(why);
                }
            };
            let binds = self.bind(raw, bound + call.positional.len() as u32, call.names)?;
            let by_code = self.by_code(raw, &binds).filter(|_| bound_self.is_null());
            self.binds = binds;
            self.assume_function(function, by_code.is_some());
            Ok(Callee { function: function as u64, code, bound_self: bound_self as u64, by_code, by_c: false })
        }
    }

    /// What a function is known by where its code says more than its address.
    unsafe fn by_code(&self, function: &layout::Function, binds: &[Bind]) -> Option<ByCode> {
        // SAFETY: the function is alive, and so is what it holds.
        unsafe {
            let code = &*function.code.cast::<layout::Code>();
            let takes_defaults = binds.iter().any(|bind| matches!(bind, Bind::Default(_)));
            let defaults = objects::tuple_items(function.defaults);
            // A trace that keeps these keeps nothing that anybody would miss.
            let plain = |object: &*mut PyObject| {
                let kind = operand(*object).kind;
                matches!(
                    kind,
                    Kind::None | Kind::Bool | Kind::Int | Kind::BigInt | Kind::Float | Kind::Str | Kind::Bytes
                )
            };
            let by_code = code.flags & layout::flags::NESTED != 0
                && (!takes_defaults || function.keyword_defaults.is_null() && defaults.iter().all(plain));
            by_code.then_some(ByCode {
                globals: function.globals as u64,
                builtins: function.builtins as u64,
                defaults: if takes_defaults { function.defaults as u64 } else { 0 },
            })
        }
    }

    unsafe fn assume_function(&mut self, function: *mut PyObject, by_code: bool) {
        self.assumptions.push(if by_code {
            // SAFETY: the caller's: an exact function.
            Assumption::Functions(unsafe { objects::function_code(function) } as u64)
        } else {
            Assumption::Function(function as u64)
        });
    }

    /// A call of a builtin that goes through a generator.
    unsafe fn consuming(&mut self, call: &Arguments<'_>, calls: &mut dyn Calls) -> Option<Detail> {
        // SAFETY: live objects.
        unsafe {
            let generator = *call.positional.first()?;
            if objects::type_of(generator) != type_address!(PyGen_Type) {
                return None;
            }
            let consumer = consumer(call)?;
            let locals = self.operands.len();
            match self.resume(generator, calls) {
                Detail::Resume(resumed) if !resumed.is_delegated() => Some(Detail::Consume(consumer, resumed)),
                _ => {
                    self.operands.truncate(locals);
                    None
                }
            }
        }
    }

    /// A call of a generator function.
    pub(super) unsafe fn generating(
        &mut self,
        function: *mut PyObject,
        bound_self: *mut PyObject,
        bound: u32,
        call: &Arguments<'_>,
        calls: &mut dyn Calls,
    ) -> Result<Generating, &'static str> {
        // SAFETY: an exact function.
        unsafe {
            let raw = &*function.cast::<layout::Function>();
            let code = &*raw.code.cast::<layout::Code>();
            let any_number = layout::flags::VAR_ARGS | layout::flags::VAR_KEYWORDS;
            if Some(raw.vectorcall as usize) != checks::plain_vectorcall()
                || code.flags & any_number != 0
                || code.keyword_only_count != 0
                || code.cell_vars != 0
            {
                return Err("a generator function that is not plain");
            }
            let (id, at) = calls.generate(raw.code)?;
            let mut binds = self.bind(raw, bound + call.positional.len() as u32, call.names)?;
            let free = code.free_vars as usize;
            binds.resize((code.locals_plus as usize).saturating_sub(free), Bind::Unbound);
            // One that was made for this call, or each time anew, is known by its code.
            let plain = raw.defaults.is_null() && raw.keyword_defaults.is_null();
            let by_code = bound_self.is_null() && (objects::is_last(function) || !raw.closure.is_null());
            let named = (raw.name, raw.qualname) == (code.name, code.qualname);
            if by_code && !plain || !named {
                return Err("a generator function that is not plain");
            }
            let cells = objects::tuple_items(raw.closure);
            if cells.len() != free {
                return Err("a generator function that is not plain");
            }
            binds.extend(
                cells.iter().enumerate().map(|(index, cell)| {
                    if by_code { Bind::Closure(index as u32) } else { Bind::Cell(operand(*cell)) }
                }),
            );
            self.assume_function(function, by_code);
            self.binds = binds;
            let address = if by_code { 0 } else { function as u64 };
            let by_code =
                by_code.then_some(ByCode { globals: raw.globals as u64, builtins: raw.builtins as u64, defaults: 0 });
            Ok(Generating {
                callee: Callee { function: address, code: id, bound_self: bound_self as u64, by_code, by_c: false },
                at,
                globals: raw.globals as u64,
                names: [code.name as u64, code.qualname as u64],
            })
        }
    }

    /// A call of a Python function with so many plain arguments that an instruction makes through C.
    pub(super) unsafe fn call_with(
        &mut self,
        function: *mut PyObject,
        count: u32,
        calls: &mut dyn Calls,
    ) -> Result<Callee, &'static str> {
        let call = Arguments { callable: function, receiver: null_mut(), positional: &[], names: &[] };
        // SAFETY: the caller's: an exact function.
        unsafe { self.python_call(function, null_mut(), count, &call, calls) }
    }

    /// What each of a function's first locals gets: parameters, keyword-only ones, `*args`, `**kwargs`.
    unsafe fn bind(
        &mut self,
        function: &layout::Function,
        positional: u32,
        names: &[*mut PyObject],
    ) -> Result<Vec<Bind>, &'static str> {
        // SAFETY: the function is alive, and so is what it holds; a code object has names for all its locals.
        unsafe {
            let code = &*function.code.cast::<layout::Code>();
            let locals = objects::tuple_items(code.locals_plus_names);
            let (parameters, only) = (code.arg_count as u32, code.keyword_only_count as u32);
            let (rest, keywords) =
                (code.flags & layout::flags::VAR_ARGS != 0, code.flags & layout::flags::VAR_KEYWORDS != 0);
            let total = (parameters + only) as usize;
            let mut binds: Vec<Option<Bind>> = vec![None; total];
            for (index, bind) in binds.iter_mut().enumerate().take(positional.min(parameters) as usize) {
                *bind = Some(Bind::Argument(index as u32));
            }
            if positional > parameters && !rest {
                return Err("a function with other parameters");
            }
            let mut others = Vec::new();
            for (index, name) in names.iter().enumerate() {
                let argument = positional + index as u32;
                let first = code.positional_only_count as usize;
                let place = (first..total).find(|at| locals.get(*at).is_some_and(|local| same_name(*local, *name)));
                match place.and_then(|at| binds.get_mut(at)) {
                    Some(Some(_)) => return Err("an argument that is given twice"),
                    Some(bind) => *bind = Some(Bind::Argument(argument)),
                    None if keywords => others.push((operand(*name), argument)),
                    None => return Err("a function with other parameters"),
                }
            }
            let defaults = objects::tuple_items(function.defaults);
            for (index, bind) in binds.iter_mut().enumerate().filter(|(_, bind)| bind.is_none()) {
                let default = if index < parameters as usize {
                    let from_end = parameters as usize - index;
                    defaults.len().checked_sub(from_end).and_then(|at| defaults.get(at)).copied()
                } else {
                    self.keyword_default(function.keyword_defaults, locals.get(index).copied().unwrap_or(null_mut()))
                };
                *bind = Some(Bind::Default(operand(default.ok_or("a function whose arguments are missing")?)));
            }
            let mut binds: Vec<Bind> = binds.into_iter().flatten().collect();
            if rest {
                binds.push(Bind::Rest(positional.min(parameters), positional));
            }
            if keywords {
                binds.push(Bind::Keywords(others));
            }
            Ok(binds)
        }
    }

    unsafe fn keyword_default(&mut self, defaults: *mut PyObject, name: *mut PyObject) -> Option<*mut PyObject> {
        // SAFETY: a dict of str, in which looking a name up runs no Python code.
        unsafe {
            if name.is_null() || !is_plain_dict(defaults) {
                return None;
            }
            self.assumptions.push(Assumption::Dict { dict: defaults as u64, key: name as u64 });
            let found = ffi::PyDict_GetItemWithError(defaults, name);
            (!found.is_null()).then_some(found)
        }
    }

    /// A builtin that traces know.
    unsafe fn known(&mut self, call: &Arguments<'_>) -> Option<KnownCall> {
        // SAFETY: live objects.
        unsafe {
            if let Some(init) = object_init(call.callable)
                && call.receiver.is_null()
                && call.positional.is_empty()
            {
                return Some(KnownCall::ObjectInit(init));
            }
            if known(call.callable, call.receiver) == Some(KnownCall::Len) {
                self.as_list(1, ListUse::Length);
                return Some(KnownCall::Len);
            }
            leaf_call(call.callable, call.receiver, call.positional)
                .map(KnownCall::Leaf)
                .or_else(|| known(call.callable, call.receiver))
                .or_else(|| self.by_type(call))
        }
    }

    /// Whether a callable is this builtin.
    pub(super) unsafe fn is_builtin(&self, callable: *mut PyObject, builtin: KnownCall) -> bool {
        // SAFETY: a live object.
        unsafe { known(callable, null_mut()) == Some(builtin) }
    }
}

/// The descriptor of `object.__init__`, where it is that bound to an object.
unsafe fn object_init(callable: *mut PyObject) -> Option<u64> {
    // SAFETY: a live object; a method wrapper is known by the name of its type, which no Python class has: it is no heap type.
    unsafe {
        let ty = ffi::Py_TYPE(callable);
        if (*ty).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 || CStr::from_ptr((*ty).tp_name) != c"method-wrapper" {
            return None;
        }
        let found = (*callable.cast::<layout::MethodWrapper>()).descriptor;
        let init = look_up(&raw mut ffi::PyBaseObject_Type, interned(c"__init__"));
        (found == init).then_some(init as u64)
    }
}

/// Whether two names are the same; most are interned.
unsafe fn same_name(left: *mut PyObject, right: *mut PyObject) -> bool {
    // SAFETY: two str, as names of parameters are.
    unsafe { left == right || ffi::PyUnicode_Check(right) != 0 && ffi::PyUnicode_Compare(left, right) == 0 }
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
            if receiver.is_null() || ffi::PyList_Check(receiver) == 0 {
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
        match module_function(callable)? {
            (b"builtins", name) => builtin(name),
            (b"math", name) => math(name),
            _ => None,
        }
    }
}

/// Module and name of a builtin function, as its module's and its own definition in C have them, which Python code cannot imitate.
pub(crate) unsafe fn module_function<'a>(callable: *mut PyObject) -> Option<(&'a [u8], &'a [u8])> {
    // SAFETY: a live object; an exact builtin function has this layout; definitions in C live as long as it.
    unsafe {
        if objects::type_of(callable) != type_address!(PyCFunction_Type) {
            return None;
        }
        let function = &*callable.cast::<ffi::PyCFunctionObject>();
        let module = function.m_self;
        if module.is_null() || objects::type_of(module) != type_address!(PyModule_Type) {
            return None;
        }
        let definition = ffi::PyModule_GetDef(module);
        if definition.is_null() || (*definition).m_name.is_null() {
            return None;
        }
        let name = CStr::from_ptr((*function.m_ml).ml_name).to_bytes();
        Some((CStr::from_ptr((*definition).m_name).to_bytes(), name))
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
    // SAFETY: observing holds the GIL.
    let found = unsafe { objects::builtin_method(&raw mut ffi::PyList_Type, name) }?;
    // SAFETY: a descriptor that lives.
    Some((found as u64, unsafe { (*found).d_method } as u64, method))
}

/// Whether calling this function makes a generator.
unsafe fn makes_generator(function: *mut PyObject) -> bool {
    // SAFETY: an exact function.
    unsafe {
        let code = (*function.cast::<layout::Function>()).code.cast::<layout::Code>();
        (*code).flags & layout::flags::SUSPENDS == layout::flags::GENERATOR
    }
}

/// Which builtin that goes through its argument this calls.
unsafe fn consumer(call: &Arguments<'_>) -> Option<Consumer> {
    // SAFETY: live objects.
    unsafe {
        if !call.receiver.is_null() {
            let join = call.positional.len() == 1
                && objects::type_of(call.receiver) == type_address!(PyUnicode_Type)
                && call.callable as u64 == text_join();
            return join.then_some(Consumer::Join);
        }
        if call.positional.len() == 1 {
            let types = [
                (type_address!(PyList_Type), Consumer::List),
                (type_address!(PyTuple_Type), Consumer::Tuple),
                (type_address!(PySet_Type), Consumer::Set),
            ];
            let callable = call.callable as u64;
            if let Some((_, consumer)) = types.into_iter().find(|(known, _)| *known == callable) {
                return Some(consumer);
            }
        }
        let (b"builtins", name) = module_function(call.callable)? else { return None };
        Some(match (name, call.positional.len()) {
            (b"sum", 1) => Consumer::Sum,
            (b"any", 1) => Consumer::Any,
            (b"all", 1) => Consumer::All,
            (b"min", 1) => Consumer::Min,
            (b"max", 1) => Consumer::Max,
            (b"sorted", 1) => Consumer::Sorted,
            (b"next", 1 | 2) => Consumer::Next,
            _ => return None,
        })
    }
}

/// The address of `str.join`.
fn text_join() -> u64 {
    static JOIN: OnceLock<u64> = OnceLock::new();
    // SAFETY: observing holds the GIL; the type keeps the descriptor alive.
    *JOIN.get_or_init(|| unsafe {
        objects::builtin_method(&raw mut ffi::PyUnicode_Type, c"join").map_or(0, |found| found as u64)
    })
}
