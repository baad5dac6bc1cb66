//! Special methods that instructions call, retraced as the interpreter and the types' slots decide it.
//!
//! Only methods that are functions of Python, and only where it is clear which one is asked first; all else is left to
//! general operations. What else there would be to do with the method's result is said by [`Returns`].

use super::attribute::{has_plain_getattr, interned, lacking, look_up};
use super::call::Arguments;
use super::{Calls, Observer, operand};
use crate::capi as ffi;
use crate::host::type_address;
use crate::results::binary_slot;
use crate::version::layout;
use crate::{PyObject, objects};
use decal_trace::bytecode::{BinaryOp, CompareOp, Op};
use decal_trace::event::{Bind, Detail, Entering, KnownCall, Shadow, Special};
use decal_trace::snapshot::{Asked, Returns};
use std::ffi::CStr;

/// Arguments that are no operands: the attribute's name, the descriptor, and the instance's class.
const NAME: u32 = u32::MAX;
const DESCRIPTOR: u32 = u32::MAX - 1;
const CLASS: u32 = u32::MAX - 2;

/// A call that an instruction makes: the function, and for each of its arguments the operand that it is, lowest in the stack first.
struct Called<'a> {
    function: *mut PyObject,
    arguments: &'a [u32],
    returns: Returns,
    operands: u8,
    /// Operands whose types decide.
    typed: &'a [u32],
    shadow: Shadow,
}

impl Observer {
    /// The special method that this instruction calls, if it is one that can be entered. Operands were taken.
    pub(super) unsafe fn special(&mut self, op: Op, calls: &mut dyn Calls) -> Option<Detail> {
        // SAFETY: stack objects are alive.
        unsafe {
            let called = |function, arguments, returns, operands, typed| Called {
                function,
                arguments,
                returns,
                operands,
                typed,
                shadow: Shadow::Nothing,
            };
            match op {
                Op::Binary(op) => self.operator(op, false, calls),
                Op::Augmented(op) => self.operator(op, true, calls),
                Op::Compare(op, truth) => self.compared(op, truth, calls),
                Op::Contains(inverted) => {
                    let function = method(self.top(1), c"__contains__")?;
                    self.enter(&called(function, &[1, 0], Returns::Contains(inverted), 2, &[1]), calls)
                }
                Op::Subscript => {
                    let function = method(self.top(2), c"__getitem__")?;
                    self.enter(&called(function, &[0, 1], Returns::Over(2), 2, &[0]), calls)
                }
                Op::StoreSubscript => {
                    let function = method(self.top(2), c"__setitem__")?;
                    self.enter(&called(function, &[1, 2, 0], Returns::Discard(3), 3, &[1]), calls)
                }
                Op::ToBool => {
                    let function = method(self.top(1), c"__bool__")?;
                    self.enter(&called(function, &[0], Returns::Bool, 1, &[0]), calls)
                }
                Op::GetIter | Op::GetYieldFromIter => {
                    let function = method(self.top(1), c"__iter__")?;
                    if let Ok(made) = self.generating(function, self.top(1), 1, &Arguments::NONE, calls) {
                        self.assume_type(ffi::Py_TYPE(self.top(1)));
                        return Some(Detail::Generate(made));
                    }
                    self.enter(&called(function, &[0], Returns::Iterator, 1, &[0]), calls)
                }
                Op::ForIter(end) => {
                    let function = method(self.top(1), c"__next__")?;
                    self.enter(&called(function, &[0], Returns::Next(end), 1, &[0]), calls)
                }
                Op::Call(count) => self.called(count, calls),
                Op::LoadAttr { name, method: false } => {
                    let name = self.name(name);
                    self.computed_attribute(self.top(1), name, calls)
                }
                Op::StoreAttr { name } => {
                    let name = self.name(name);
                    self.computed_store(self.top(1), name, calls)
                }
                _ => None,
            }
        }
    }

    /// Announces the call.
    unsafe fn enter(&mut self, called: &Called<'_>, calls: &mut dyn Calls) -> Option<Detail> {
        // SAFETY: an exact function; stack objects are alive.
        unsafe {
            let callee = self.call_with(called.function, called.arguments.len() as u32, calls).ok()?;
            let place = |argument: u32| called.arguments.get(argument as usize).copied();
            let mut binds = std::mem::take(&mut self.binds);
            for bind in &mut binds {
                match bind {
                    Bind::Argument(index) => *index = place(*index)?,
                    Bind::Rest(from, to) if *from == *to => {}
                    Bind::Rest(from, to) => {
                        let (first, last) = (place(*from)?, place(*to - 1)?);
                        if last.checked_sub(first) != Some(*to - 1 - *from) {
                            return None;
                        }
                        (*from, *to) = (first, last + 1);
                    }
                    Bind::Default(_) | Bind::Keywords(_) | Bind::Cell(_) | Bind::Closure(_) | Bind::Unbound => {}
                }
            }
            self.binds = binds;
            let mut types = [0; 3];
            for index in called.typed {
                let ty = ffi::Py_TYPE(self.top(u32::from(called.operands) - index));
                *types.get_mut(*index as usize)? = ty as u64;
                self.assume_type(ty);
            }
            let Called { returns, operands, shadow, .. } = *called;
            Some(Detail::Special(Special { callee, returns, operands, types, shadow }))
        }
    }

    /// What `with` calls.
    pub(super) unsafe fn entering(&mut self, calls: &mut dyn Calls) -> Option<Entering> {
        // SAFETY: stack objects are alive; exact functions.
        unsafe {
            let manager = self.top(1);
            let (enter, exit) = (method(manager, c"__enter__")?, method(manager, c"__exit__")?);
            let callee = self.call_with(enter, 1, calls).ok()?;
            let ty = ffi::Py_TYPE(manager);
            self.assume_type(ty);
            Some(Entering { callee, enter: operand(enter), exit: operand(exit), ty: ty as u64 })
        }
    }

    unsafe fn operator(&mut self, op: BinaryOp, augmented: bool, calls: &mut dyn Calls) -> Option<Detail> {
        let [plain, reflected, assigned] = names(op)?;
        // SAFETY: stack objects are alive.
        unsafe {
            let (left, right) = (self.top(2), self.top(1));
            if left.is_null() || right.is_null() {
                return None;
            }
            let (left_type, right_type) = (ffi::Py_TYPE(left), ffi::Py_TYPE(right));
            let asked = if augmented { Asked::PlainForAugmented } else { Asked::Plain };
            let assigned_natively = augmented && !look_up(left_type, interned(assigned)).is_null();
            let right_first = left_type != right_type && ffi::PyType_IsSubtype(right_type, left_type) != 0;
            let (function, arguments, asked) = if augmented && let Some(function) = method(left, assigned) {
                (function, [0, 1], Asked::Augmented)
            } else if assigned_natively || right_first {
                return None;
            } else if let Some(function) = method(left, plain) {
                (function, [0, 1], asked)
            } else {
                let number = [type_address!(PyLong_Type), type_address!(PyFloat_Type)].contains(&(left_type as u64));
                if !number || binary_slot(right_type, op).is_none() {
                    return None;
                }
                (method(right, reflected)?, [1, 0], asked)
            };
            let called = Called {
                function,
                arguments: &arguments,
                returns: Returns::Binary(op, asked),
                operands: 2,
                typed: &[0, 1],
                shadow: Shadow::Nothing,
            };
            self.enter(&called, calls)
        }
    }

    unsafe fn compared(&mut self, op: CompareOp, truth: bool, calls: &mut dyn Calls) -> Option<Detail> {
        const NAMES: [&CStr; 6] = [c"__lt__", c"__le__", c"__eq__", c"__ne__", c"__gt__", c"__ge__"];
        const MIRRORED: [usize; 6] = [4, 5, 2, 3, 0, 1];
        // SAFETY: stack objects are alive.
        unsafe {
            let (left, right) = (self.top(2), self.top(1));
            if left.is_null() || right.is_null() {
                return None;
            }
            let (left_type, right_type) = (ffi::Py_TYPE(left), ffi::Py_TYPE(right));
            if left_type != right_type && ffi::PyType_IsSubtype(right_type, left_type) != 0 {
                return None;
            }
            let (function, arguments) = if let Some(function) = method(left, NAMES[op as usize]) {
                (function, [0, 1])
            } else {
                let plain = [type_address!(PyLong_Type), type_address!(PyFloat_Type), type_address!(PyUnicode_Type)];
                if !plain.contains(&(left_type as u64)) && left != ffi::Py_None() {
                    return None;
                }
                (method(right, NAMES[MIRRORED[op as usize]])?, [1, 0])
            };
            let called = Called {
                function,
                arguments: &arguments,
                returns: Returns::Compare(op, truth),
                operands: 2,
                typed: &[0, 1],
                shadow: Shadow::Nothing,
            };
            self.enter(&called, calls)
        }
    }

    /// `len` of an object with `__len__`, and an object with `__call__`.
    unsafe fn called(&mut self, count: u32, calls: &mut dyn Calls) -> Option<Detail> {
        // SAFETY: stack objects are alive.
        unsafe {
            let (callable, receiver) = (self.top(count + 2), self.top(count + 1));
            if callable.is_null() || !receiver.is_null() {
                return None;
            }
            let operands = u8::try_from(count + 2).ok()?;
            if count == 1 && self.is_builtin(callable, KnownCall::Len) {
                let function = method(self.top(1), c"__len__")?;
                let (returns, typed) = (Returns::Length, &[2][..]);
                let called = Called { function, arguments: &[2], returns, operands, typed, shadow: Shadow::Nothing };
                return self.enter(&called, calls);
            }
            if ffi::PyType_Check(callable) != 0 {
                return None;
            }
            let function = method(callable, c"__call__")?;
            let arguments: Vec<u32> = std::iter::once(0).chain(2..count + 2).collect();
            let (returns, typed) = (Returns::Value, &[0][..]);
            let called = Called { function, arguments: &arguments, returns, operands, typed, shadow: Shadow::Nothing };
            self.enter(&called, calls)
        }
    }

    /// A property's getter, and `__getattr__`.
    unsafe fn computed_attribute(
        &mut self,
        owner: *mut PyObject,
        name: *mut PyObject,
        calls: &mut dyn Calls,
    ) -> Option<Detail> {
        // SAFETY: stack objects are alive; layouts are those of the exact types that are checked first.
        unsafe {
            if owner.is_null() || name.is_null() || ffi::PyType_Check(owner) != 0 {
                return None;
            }
            let ty = ffi::Py_TYPE(owner);
            let found = look_up(ty, name);
            let mut called = Called {
                function: found,
                arguments: &[0],
                returns: Returns::Over(1),
                operands: 1,
                typed: &[0],
                shadow: Shadow::Nothing,
            };
            if objects::type_of(found) == type_address!(PyProperty_Type) {
                called.function = (*found.cast::<layout::Property>()).get;
                let plain = has_plain_getattr(ty);
                return (plain && is_function(called.function)).then(|| self.enter(&called, calls))?;
            }
            if !found.is_null() && has_plain_getattr(ty) && self.is_computed(owner, name, found, &mut called) {
                let detail = self.enter(&called, calls);
                self.name_binds(&[(DESCRIPTOR, found), (CLASS, ty.cast())]);
                return detail;
            }
            let own = look_up(ty, interned(c"__getattribute__"));
            let plain = own == look_up(&raw mut ffi::PyBaseObject_Type, interned(c"__getattribute__"));
            if !found.is_null() || !plain {
                return None;
            }
            called.function = method(owner, c"__getattr__")?;
            called.shadow = lacking(owner, name)?;
            called.arguments = &[0, NAME];
            let detail = self.enter(&called, calls);
            self.name_binds(&[(NAME, name)]);
            detail
        }
    }

    /// Whether a descriptor's `__get__` is a function of Python, and the attribute is not the instance's own.
    unsafe fn is_computed(
        &mut self,
        owner: *mut PyObject,
        name: *mut PyObject,
        found: *mut PyObject,
        called: &mut Called<'_>,
    ) -> bool {
        // SAFETY: live objects.
        unsafe {
            let Some(get) = method(found, c"__get__") else { return false };
            let descriptor = ffi::Py_TYPE(found);
            self.assume_type(descriptor);
            // The instance comes before what is not a data descriptor.
            if (*descriptor).tp_descr_set.is_none() {
                called.shadow = match lacking(owner, name) {
                    Some(shadow) => shadow,
                    None => return false,
                };
            }
            called.function = get;
            called.arguments = &[DESCRIPTOR, 0, CLASS];
            true
        }
    }

    /// Puts these objects, which are no operands, where they are arguments.
    unsafe fn name_binds(&mut self, objects: &[(u32, *mut PyObject)]) {
        for bind in &mut self.binds {
            if let Bind::Argument(index) = bind
                && let Some((_, object)) = objects.iter().find(|(number, _)| number == index)
            {
                // SAFETY: live objects.
                *bind = Bind::Default(unsafe { operand(*object) });
            }
        }
    }

    /// A property's setter, and `__setattr__`.
    unsafe fn computed_store(
        &mut self,
        owner: *mut PyObject,
        name: *mut PyObject,
        calls: &mut dyn Calls,
    ) -> Option<Detail> {
        // SAFETY: as above.
        unsafe {
            if owner.is_null() || name.is_null() || ffi::PyType_Check(owner) != 0 {
                return None;
            }
            let ty = ffi::Py_TYPE(owner);
            let mut called = Called {
                function: std::ptr::null_mut(),
                arguments: &[1, 0],
                returns: Returns::Discard(2),
                operands: 2,
                typed: &[1],
                shadow: Shadow::Nothing,
            };
            if let Some(function) = method(owner, c"__setattr__") {
                called.function = function;
                called.arguments = &[1, u32::MAX, 0];
            } else {
                let setattr = (*ty).tp_setattro.map(|function| function as usize);
                let found = look_up(ty, name);
                if setattr != Some(ffi::PyObject_GenericSetAttr as *const () as usize)
                    || objects::type_of(found) != type_address!(PyProperty_Type)
                {
                    return None;
                }
                called.function = (*found.cast::<layout::Property>()).set;
                if !is_function(called.function) {
                    return None;
                }
            }
            let detail = self.enter(&called, calls);
            for bind in &mut self.binds {
                if *bind == Bind::Argument(u32::MAX) {
                    *bind = Bind::Default(operand(name));
                }
            }
            detail
        }
    }
}

unsafe fn is_function(object: *mut PyObject) -> bool {
    // SAFETY: a live object or null.
    unsafe { objects::type_of(object) == type_address!(PyFunction_Type) }
}

/// The function of Python that the class of an object has under this name.
unsafe fn method(object: *mut PyObject, name: &'static CStr) -> Option<*mut PyObject> {
    // SAFETY: a live object or null.
    unsafe {
        if object.is_null() {
            return None;
        }
        let ty = ffi::Py_TYPE(object);
        if (*ty).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 {
            return None;
        }
        let found = look_up(ty, interned(name));
        is_function(found).then_some(found)
    }
}

/// Names of the methods of an operator: plain, reflected, and for augmented assignments.
fn names(op: BinaryOp) -> Option<[&'static CStr; 3]> {
    Some(match op {
        BinaryOp::Add => [c"__add__", c"__radd__", c"__iadd__"],
        BinaryOp::Sub => [c"__sub__", c"__rsub__", c"__isub__"],
        BinaryOp::Mul => [c"__mul__", c"__rmul__", c"__imul__"],
        BinaryOp::MatMul => [c"__matmul__", c"__rmatmul__", c"__imatmul__"],
        BinaryOp::TrueDiv => [c"__truediv__", c"__rtruediv__", c"__itruediv__"],
        BinaryOp::FloorDiv => [c"__floordiv__", c"__rfloordiv__", c"__ifloordiv__"],
        BinaryOp::Mod => [c"__mod__", c"__rmod__", c"__imod__"],
        // Has three operands, as `pow` does.
        BinaryOp::Pow => return None,
        BinaryOp::LShift => [c"__lshift__", c"__rlshift__", c"__ilshift__"],
        BinaryOp::RShift => [c"__rshift__", c"__rrshift__", c"__irshift__"],
        BinaryOp::And => [c"__and__", c"__rand__", c"__iand__"],
        BinaryOp::Or => [c"__or__", c"__ror__", c"__ior__"],
        BinaryOp::Xor => [c"__xor__", c"__rxor__", c"__ixor__"],
    })
}
