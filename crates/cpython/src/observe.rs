//! From a frame to an event: what the instruction that is about to run will see.
//!
//! All of it is reading: no Python code runs, nothing is changed, nothing raised. Operands come from the frame by
//! the static stack depth, because the interpreter keeps its stack pointer to itself in INSTRUCTION callbacks.
//! How names are resolved is retraced the way CPython's specializer does it, and every thing that was taken as fixed is reported as
//! an [`Assumption`] for the watchers.

mod arrays;
mod attribute;
mod call;
mod special;

pub(crate) use attribute::interned;
pub(crate) mod known;
mod leaf_calls;

use crate::capi as ffi;
use crate::code::DecodedCode;
use crate::frame::Frame;
use crate::helpers::delegation;
use crate::host::type_address;
use crate::version::layout;
use crate::{PyObject, objects};
pub(crate) use attribute::look_up;
use decal_trace::bytecode::{CompareOp, GeneralOp, JumpIf, Op};
use decal_trace::event::{Attribute, Bind, CodeId, Detail, Event, Kind, Native, Operand, Operands, Resumed};

/// What the engine decides about calls.
pub trait Calls {
    /// A call of a Python function with this code comes; its positional arguments fit, and its frame
    /// would be at `depth`. Where it is `plain` it can be called natively. Gives the code's number where the call shall be observed, else
    /// why not (a few words).
    ///
    /// # Errors
    /// The reason.
    fn enter(&mut self, code: *mut PyObject, depth: u32, plain: bool) -> Result<CodeId, &'static str>;

    /// A call of a Python function comes that is not observed. Whether it may be called natively: it has a trace from its
    /// start, or will have.
    fn is_native(&mut self, code: *mut PyObject) -> bool {
        let _ = code;
        false
    }

    /// Whether this has changed again and again, so that traces should not take it as fixed.
    fn is_volatile(&self, what: Assumption) -> bool {
        let _ = what;
        false
    }

    /// A generator with this code is made. Gives the code's number and where it begins.
    ///
    /// # Errors
    /// The reason.
    fn generate(&mut self, _code: *mut PyObject) -> Result<(CodeId, u32), &'static str> {
        Err("a generator function")
    }

    /// A suspended generator with this code goes on; its frame would be at `depth`. Gives the code's number, and whether a trace
    /// may make generators of it.
    ///
    /// # Errors
    /// The reason.
    fn resume(&mut self, _code: *mut PyObject, _depth: u32) -> Result<(CodeId, bool), &'static str> {
        Err("a generator")
    }

    /// Whether this frame is one of those that are observed.
    fn is_observed(&self, frame: Frame) -> bool {
        let _ = frame;
        false
    }
}

/// Something that an event took as not changing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Assumption {
    /// This key (an interned `str`) of this dict keeps its value, or its absence.
    Dict {
        /// The dict.
        dict: u64,
        /// The key.
        key: u64,
    },
    /// This class and its bases.
    Type(u64),
    /// This function's code and defaults.
    Function(u64),
}

/// An event and what it relies on.
#[derive(Clone, PartialEq, Debug)]
pub struct Observed {
    /// The event.
    pub event: Event,
    /// What it took as fixed: to be watched before a trace that relies on it is entered.
    pub assumptions: Vec<Assumption>,
    /// Constant tuples that occur, by address, with their items.
    pub tuples: Vec<(u64, Vec<Operand>)>,
}

/// Observes the instruction that an INSTRUCTION or JUMP event names, just before it runs. `None` at an
/// `EXTENDED_ARG` (the operation's own event follows) and where the offset makes no sense.
///
/// # Safety
/// In a monitoring callback of `frame`, which stands at `offset` (in code units); `decoded` is of its code.
pub unsafe fn observe(
    frame: Frame,
    decoded: &DecodedCode,
    code: CodeId,
    depth: u32,
    offset: u32,
    calls: &mut dyn Calls,
) -> Option<Observed> {
    let instruction = decoded.at(offset)?;
    let stack = decoded.depth(offset)?;
    let mut observer = Observer {
        frame,
        stack,
        depth,
        assumptions: Vec::new(),
        tuples: Vec::new(),
        operands: Operands::new(),
        binds: Vec::new(),
        native: None,
    };
    // SAFETY: the caller's.
    let mut detail = unsafe { observer.look(instruction.op, calls) };
    if matches!(detail, Detail::None | Detail::Opaque(_) | Detail::Attribute(Attribute::Unsupported(_))) {
        // SAFETY: the caller's.
        detail = unsafe { observer.special(instruction.op, calls) }.unwrap_or(detail);
    }
    if observer.assumptions.iter().any(|what| calls.is_volatile(*what)) {
        observer.take_back(instruction.op, &mut detail);
    }
    let event = Event {
        depth,
        code,
        offset: instruction.start,
        next: instruction.next,
        op: instruction.op,
        operands: observer.operands,
        detail,
        binds: observer.binds,
    };
    Some(Observed { event, assumptions: observer.assumptions, tuples: observer.tuples })
}

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
            (Kind::RangeIter, u64::from(ffi::Py_REFCNT(object) == 1))
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
        } else {
            (Kind::Other, 0)
        };
        Operand { object: object as u64, ty, kind, bits }
    }
}

/// Kind and value of an exact `int`.
unsafe fn int_bits(object: *mut PyObject) -> (Kind, u64) {
    // SAFETY: an exact int; digits are as many as the tag says.
    unsafe {
        let long = object.cast::<layout::Long>();
        let digits = (&raw const (*long).digits).cast::<u32>();
        let magnitude = match (*long).tag >> 3 {
            0 => 0,
            1 => i64::from(*digits),
            2 => i64::from(*digits) | i64::from(*digits.add(1)) << 30,
            _ => return (Kind::BigInt, 0),
        };
        let value = if (*long).tag & 3 == 2 { -magnitude } else { magnitude };
        (Kind::Int, value as u64)
    }
}

/// What an instruction does with a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ListUse {
    Length,
    Subscript,
    Store,
    Iterate,
}

/// Whether an instance of a subclass of `list` does this as a list does.
unsafe fn is_list_like(object: *mut PyObject, list_use: ListUse) -> bool {
    // SAFETY: a live object; types that are subclasses of list have these tables, as list has.
    unsafe {
        let (ty, list) = (ffi::Py_TYPE(object), &raw const ffi::PyList_Type);
        if ffi::PyList_Check(object) == 0 || ty as u64 == list as u64 {
            return false;
        }
        let (sequence, mapping) = ((*ty).tp_as_sequence, (*ty).tp_as_mapping);
        let (list_sequence, list_mapping) = ((*list).tp_as_sequence, (*list).tp_as_mapping);
        if sequence.is_null() || mapping.is_null() {
            return false;
        }
        let number = (*ty).tp_as_number;
        match list_use {
            ListUse::Length => {
                (number.is_null() || (*number).nb_bool.is_none())
                    && same_function(&(*sequence).sq_length, &(*list_sequence).sq_length)
                    && same_function(&(*mapping).mp_length, &(*list_mapping).mp_length)
            }
            ListUse::Subscript => same_function(&(*mapping).mp_subscript, &(*list_mapping).mp_subscript),
            ListUse::Store => same_function(&(*mapping).mp_ass_subscript, &(*list_mapping).mp_ass_subscript),
            ListUse::Iterate => same_function(&(*ty).tp_iter, &(*list).tp_iter),
        }
    }
}

/// Whether two slots hold the same function.
fn same_function<T: Copy>(left: &Option<T>, right: &Option<T>) -> bool {
    // SAFETY: slots are words: function pointers or null.
    let word = |slot: &Option<T>| unsafe { std::mem::transmute_copy::<Option<T>, usize>(slot) };
    size_of::<Option<T>>() == size_of::<usize>() && word(left) == word(right)
}

struct Observer {
    frame: Frame,
    /// Stack depth before the instruction.
    stack: u32,
    /// How deep in inlined calls the frame is.
    depth: u32,
    assumptions: Vec<Assumption>,
    tuples: Vec<(u64, Vec<Operand>)>,
    operands: Operands,
    binds: Vec<Bind>,
    /// A function that is called, not followed, and may be called natively.
    native: Option<Native>,
}

impl Observer {
    /// What was found relies on something that changes again and again: it is not told.
    fn take_back(&mut self, op: Op, detail: &mut Detail) {
        const CHANGES: &str = "a class or function that changes often";
        self.assumptions.clear();
        self.binds.clear();
        for operand in &mut self.operands {
            if operand.kind == Kind::List && operand.ty != type_address!(PyList_Type) {
                operand.kind = Kind::Other;
            }
        }
        *detail = match detail {
            _ if matches!(op, Op::LoadAttr { .. } | Op::LoadSuperAttr { .. } | Op::StoreAttr { .. }) => {
                Detail::Attribute(Attribute::Unsupported(CHANGES))
            }
            Detail::Enter(_)
            | Detail::Native(_)
            | Detail::New(_)
            | Detail::Known(_)
            | Detail::Generate(_)
            | Detail::Consume(..) => Detail::Opaque(CHANGES),
            Detail::Special(_) if matches!(op, Op::Call(_)) => Detail::Opaque(CHANGES),
            Detail::Global(_) => Detail::Global(Operand::NULL),
            _ => Detail::None,
        };
    }

    /// The nth object from the top of the stack, which is 1; null where the stack is not as deep.
    unsafe fn top(&self, nth: u32) -> *mut PyObject {
        match self.stack.checked_sub(nth) {
            // SAFETY: below the static depth, so that the slot is valid.
            Some(index) => unsafe { self.frame.stack(index) },
            None => std::ptr::null_mut(),
        }
    }

    unsafe fn local(&self, index: u32) -> *mut PyObject {
        if index >= self.frame.locals() {
            return std::ptr::null_mut();
        }
        // SAFETY: in range.
        unsafe { self.frame.local(index) }
    }

    unsafe fn take(&mut self, object: *mut PyObject) {
        // SAFETY: a live object or null, as all that frames hold.
        self.operands.push(unsafe { operand(object) });
    }

    /// Takes an object that a store is about to replace.
    unsafe fn take_replaced(&mut self, object: *mut PyObject) {
        // SAFETY: as above.
        unsafe {
            let sole = !object.is_null() && ffi::Py_REFCNT(object) == 1;
            self.operands.push(Operand { bits: u64::from(sole), ..operand(object) });
        }
    }

    /// Takes what a local holds that is about to be replaced.
    unsafe fn take_old(&mut self, object: *mut PyObject) {
        // SAFETY: as above.
        unsafe {
            let mut seen = operand(object);
            if !object.is_null() && !matches!(seen.kind, Kind::Int | Kind::Float | Kind::Bool | Kind::RangeIter) {
                seen.bits = if ffi::Py_REFCNT(object) == 1 { 1 } else { Operand::SHARED };
            }
            self.operands.push(seen);
        }
    }

    /// Takes the `count` topmost objects, as they were pushed.
    unsafe fn take_stack(&mut self, count: u32) {
        for nth in (1..=count).rev() {
            // SAFETY: as above.
            unsafe { self.take(self.top(nth)) };
        }
    }

    /// Puts the operands together and gives the detail.
    unsafe fn look(&mut self, op: Op, calls: &mut dyn Calls) -> Detail {
        // SAFETY: indexes come from the code of this frame; objects in frames are alive.
        unsafe {
            match op {
                Op::LoadFastCheck(index) | Op::LoadFastAndClear(index) | Op::DeleteFast(index) => {
                    self.take(self.local(index));
                }
                Op::StoreFast(index) | Op::StoreFastLoadFast(index, _) => {
                    self.take(self.top(1));
                    self.take_old(self.local(index));
                }
                Op::StoreFastStoreFast(first, second) => {
                    self.take(self.top(1));
                    self.take(self.top(2));
                    self.take_old(self.local(first));
                    self.take_old(self.local(second));
                }
                Op::ReturnConst(index) if self.frame.is_generator() => {
                    let found = self.constant(index);
                    let Detail::Const(operand) = found else { return found };
                    self.operands.push(operand);
                    return match self.undelegate(calls) {
                        Detail::None => found,
                        detail => detail,
                    };
                }
                Op::LoadConst(index) | Op::ReturnConst(index) => return self.constant(index),
                Op::LoadGlobal { name, .. } => return self.global(name, calls),
                Op::LoadDeref(slot) => return self.cell(slot),
                Op::StoreDeref(slot) => {
                    self.take_stack(1);
                    return self.cell(slot);
                }
                Op::CopyFreeVars(count) => self.closure(count),
                Op::LoadAttr { name, .. } => {
                    self.take_stack(1);
                    let found = self.load_attribute(self.top(1), self.name(name));
                    return Detail::Attribute(found);
                }
                Op::LoadSuperAttr { name, .. } => {
                    self.take_stack(3);
                    let found = self.super_attribute(self.top(3), self.top(2), self.top(1), self.name(name));
                    return Detail::Attribute(found);
                }
                Op::StoreAttr { name } => {
                    self.take_stack(2);
                    let (found, old) = self.store_attribute(self.top(1), self.name(name));
                    self.take_replaced(old);
                    return Detail::Attribute(found);
                }
                Op::Compare(op, _) => {
                    self.take_stack(2);
                    return self.comparison(op);
                }
                Op::Binary(_) | Op::Augmented(_) | Op::Is(_) => self.take_stack(2),
                Op::Contains(_) => {
                    self.take_stack(2);
                    return self.key_detail(1, 2);
                }
                Op::Subscript => {
                    self.take_stack(2);
                    self.as_list(2, ListUse::Subscript);
                    return self.key_detail(2, 1);
                }
                Op::ToBool => {
                    self.take_stack(1);
                    self.as_list(1, ListUse::Length);
                    return self.truth();
                }
                Op::GetIter | Op::GetYieldFromIter => {
                    self.take_stack(1);
                    self.as_list(1, ListUse::Iterate);
                }
                Op::StoreSubscript => {
                    self.take_stack(3);
                    self.as_list(2, ListUse::Store);
                    self.take_replaced(self.replaced_item());
                    return self.key_detail(2, 1);
                }
                Op::DeleteSubscript => {
                    self.take_stack(2);
                    return self.key_detail(2, 1);
                }
                Op::SetAdd(nth) | Op::MapAdd(nth) => {
                    self.take_stack(op.taken());
                    let container = op.taken().saturating_add(nth);
                    self.take(self.top(container));
                    return self.key_detail(container, op.taken());
                }
                Op::Slice => self.take_stack(3),
                Op::StoreSlice => self.take_stack(4),
                Op::BuildSlice(_)
                | Op::BuildList(_)
                | Op::BuildSet(_)
                | Op::BuildMap(_)
                | Op::BuildConstKeyMap(_)
                | Op::BuildString(_)
                | Op::ListToTuple
                | Op::UnpackEx(..)
                | Op::FormatSimple
                | Op::FormatWithSpec
                | Op::ConvertValue(_) => self.take_stack(op.taken()),
                Op::ListAppend(nth) | Op::ListExtend(nth) | Op::SetUpdate(nth) | Op::DictUpdate(nth) => {
                    self.take_stack(op.taken());
                    self.take(self.top(op.taken().saturating_add(nth)));
                }
                Op::Negative
                | Op::Positive
                | Op::Invert
                | Op::Not
                | Op::PopTop
                | Op::UnpackSequence(_)
                | Op::Yield { .. } => self.take_stack(1),
                Op::Return => {
                    self.take_stack(1);
                    self.note_iterator();
                    return self.undelegate(calls);
                }
                Op::Send(_) => {
                    self.take_stack(2);
                    let asked = self.top(2);
                    if objects::type_of(asked) != type_address!(PyGen_Type) {
                        return Detail::None;
                    }
                    return match self.resume(asked, calls) {
                        Detail::Resume(resumed) if !resumed.is_delegated() => Detail::Delegate(resumed),
                        Detail::Resume(_) => Detail::Opaque("a generator that delegates to another"),
                        detail => detail,
                    };
                }
                Op::EndSend => self.take_stack(2),
                Op::PopJump(condition, _) => {
                    self.take_stack(1);
                    return Detail::Taken(taken(condition, self.top(1)));
                }
                Op::ForIter(_) => {
                    self.take_stack(1);
                    if objects::type_of(self.top(1)) == type_address!(PyGen_Type) {
                        return self.resume(self.top(1), calls);
                    }
                    return has_next(self.top(1)).map_or(Detail::None, Detail::Next);
                }
                Op::Call(count) => {
                    self.take_stack(count.saturating_add(2));
                    return self.call(count, false, calls);
                }
                Op::CallKw(count) => {
                    self.take_stack(count.saturating_add(3));
                    // A side trace may begin here, behind the instruction that loads the names.
                    self.constant_tuple(self.top(1));
                    return self.call(count, true, calls);
                }
                Op::General(GeneralOp::MakeFunction, _) => {
                    let code = self.top(1);
                    if ffi::PyCode_Check(code) != 0 {
                        let raw = &*code.cast::<layout::Code>();
                        let names = [raw.name as u64, raw.qualname as u64];
                        return Detail::Function(operand(self.frame.globals()), names);
                    }
                }
                Op::Nop
                | Op::LoadFast(_)
                | Op::LoadFastLoadFast(..)
                | Op::JumpForward(_)
                | Op::JumpBackward(_)
                | Op::PushNull
                | Op::Copy(_)
                | Op::Swap(_)
                | Op::BuildTuple(_)
                | Op::General(..)
                | Op::MakeCell(_)
                | Op::Unsupported(_) => {}
            }
        }
        Detail::None
    }

    /// Says of the stack's nth object from the top, which is taken as an operand, that it is a list where it is of a subclass that
    /// leaves this use to `list`.
    unsafe fn as_list(&mut self, nth: u32, list_use: ListUse) {
        // SAFETY: stack objects are alive; a subclass of list has its layout; its slots are those of its type.
        unsafe {
            let object = self.top(nth);
            let Some(operand) = self.operands.len().checked_sub(nth as usize) else { return };
            if object.is_null() || !is_list_like(object, list_use) {
                return;
            }
            self.assume_type(ffi::Py_TYPE(object));
            let size = (*object.cast::<layout::List>()).size as u64;
            if let Some(operand) = self.operands.get_mut(operand) {
                *operand = Operand { kind: Kind::List, bits: size, ..*operand };
            }
        }
    }

    /// How a generator goes on.
    pub(super) unsafe fn resume(&mut self, generator: *mut PyObject, calls: &mut dyn Calls) -> Detail {
        // SAFETY: an exact generator, whose frame is in it.
        unsafe {
            let outermost = generator;
            let (generator, before) = delegation::innermost(outermost);
            let raw = generator.cast::<layout::Generator>();
            match (*raw).state {
                layout::generator_state::CREATED | layout::generator_state::SUSPENDED => {}
                layout::generator_state::DELEGATING => return Detail::Opaque("a generator that delegates to another"),
                layout::generator_state::EXECUTING => return Detail::Opaque("a generator that runs already"),
                _ => return Detail::Opaque("a generator that is over"),
            }
            let frame = Frame::of_generator(generator);
            let Some(stack) = frame.stack_depth() else { return Detail::Opaque("a generator that is not suspended") };
            for slot in 0..frame.locals() {
                self.take(frame.local(slot));
            }
            match calls.resume(frame.code(), self.depth + 1) {
                Ok((code, keeps)) => Detail::Resume(Resumed {
                    code,
                    globals: frame.globals() as u64,
                    sole: keeps && ffi::Py_REFCNT(generator) == 1 && generator == outermost,
                    before,
                    address: (*raw).frame.instr_ptr as u64,
                    at: frame.offset(),
                    state: (*raw).state as u8,
                    stack,
                }),
                Err(reason) => Detail::Opaque(reason),
            }
        }
    }

    /// Where a return leads to that ends a `yield from`.
    unsafe fn undelegate(&mut self, calls: &mut dyn Calls) -> Detail {
        // SAFETY: the frame runs; what is below it lives.
        unsafe {
            if !self.frame.is_generator() {
                return Detail::None;
            }
            let Some((asker, address)) = delegation::asker(self.frame) else { return Detail::None };
            let frame = Frame::of_generator(asker);
            let Some(stack) = frame.stack_depth().filter(|_| !calls.is_observed(frame)) else { return Detail::None };
            match calls.resume(frame.code(), self.depth) {
                Ok((code, _)) => Detail::Undelegate(Resumed {
                    code,
                    globals: frame.globals() as u64,
                    sole: false,
                    before: 1,
                    address: address as u64,
                    at: (frame.offset() as isize + delegation::SEND_BEFORE_RESUME) as u32,
                    state: layout::generator_state::DELEGATING as u8,
                    stack,
                }),
                Err(reason) => Detail::Opaque(reason),
            }
        }
    }

    /// Whether looking a key up may run Python code; both by their places on the stack.
    unsafe fn key_detail(&self, container: u32, key: u32) -> Detail {
        // SAFETY: stack objects are alive.
        let asks = unsafe { crate::helpers::keys::asks(self.top(container), self.top(key)) };
        if asks { Detail::Asks } else { Detail::None }
    }

    unsafe fn raw_code(&self) -> *mut layout::Code {
        self.frame.code().cast()
    }

    /// A name of the code; null where the index makes no sense.
    unsafe fn name(&self, index: u32) -> *mut PyObject {
        // SAFETY: the code is alive, and so are its tuples.
        unsafe {
            let names = objects::tuple_items((*self.raw_code()).names);
            names.get(index as usize).copied().unwrap_or(std::ptr::null_mut())
        }
    }

    unsafe fn constant(&mut self, index: u32) -> Detail {
        // SAFETY: as above.
        unsafe {
            let constants = objects::tuple_items((*self.raw_code()).consts);
            let object = constants.get(index as usize).copied().unwrap_or(std::ptr::null_mut());
            self.constant_tuple(object);
            Detail::Const(operand(object))
        }
    }

    /// Notes the items of a constant tuple, and of those in it.
    unsafe fn constant_tuple(&mut self, object: *mut PyObject) {
        // SAFETY: constants are alive and do not change.
        unsafe {
            if objects::type_of(object) != type_address!(PyTuple_Type) {
                return;
            }
            let items = objects::tuple_items(object);
            self.tuples.push((object as u64, items.iter().map(|item| operand(*item)).collect()));
            for item in items {
                self.constant_tuple(*item);
            }
        }
    }

    unsafe fn global(&mut self, name: u32, calls: &mut dyn Calls) -> Detail {
        // SAFETY: the frame's dicts are alive.
        unsafe {
            let name = self.name(name);
            for dict in [self.frame.globals(), self.frame.builtins()] {
                if name.is_null() || !is_plain_dict(dict) {
                    break;
                }
                let value = ffi::PyDict_GetItemWithError(dict, name);
                let fixed = Assumption::Dict { dict: dict as u64, key: name as u64 };
                if calls.is_volatile(fixed) && !value.is_null() {
                    return Detail::GlobalIn(dict as u64, name as u64);
                }
                self.assumptions.push(fixed);
                if !value.is_null() {
                    return Detail::Global(operand(value));
                }
            }
        }
        Detail::Global(Operand::NULL)
    }

    unsafe fn cell(&mut self, slot: u32) -> Detail {
        // SAFETY: the slot's object is alive; a cell has this layout.
        unsafe {
            let cell = self.local(slot);
            if objects::type_of(cell) != type_address!(PyCell_Type) {
                return Detail::None;
            }
            Detail::Cell(operand(cell), operand((*cell.cast::<layout::Cell>()).content))
        }
    }

    unsafe fn closure(&mut self, count: u32) {
        // SAFETY: the frame's function is alive; it is an exact function where the code has free variables.
        unsafe {
            let function = self.frame.function();
            if objects::type_of(function) != type_address!(PyFunction_Type) {
                return;
            }
            let cells = objects::tuple_items((*function.cast::<layout::Function>()).closure);
            for cell in cells.iter().take(count as usize) {
                self.take(*cell);
            }
        }
    }

    /// Says of a result whether it is an iterator: `bits` of other objects than numbers.
    unsafe fn note_iterator(&mut self) {
        // SAFETY: stack objects are alive.
        unsafe {
            let object = self.top(1);
            let Some(operand) = self.operands.last_mut() else { return };
            if matches!(operand.kind, Kind::Other | Kind::ListIter | Kind::TupleIter) && ffi::PyIter_Check(object) != 0
            {
                operand.bits = 1;
                self.assume_type(ffi::Py_TYPE(object));
            }
        }
    }

    /// How two objects are compared, where their classes leave that to `object`.
    unsafe fn comparison(&mut self, op: CompareOp) -> Detail {
        // SAFETY: stack objects are alive.
        unsafe {
            let (left, right) = (self.top(2), self.top(1));
            if left.is_null() || right.is_null() || !matches!(op, CompareOp::Eq | CompareOp::Ne) {
                return Detail::None;
            }
            let plain = ffi::PyBaseObject_Type.tp_richcompare.map(|function| function as usize);
            for object in [left, right] {
                let ty = ffi::Py_TYPE(object);
                if (*ty).tp_richcompare.is_some_and(|function| Some(function as usize) != plain) {
                    return Detail::None;
                }
                self.assume_type(ty);
            }
            Detail::Identity(objects::type_of(left), objects::type_of(right))
        }
    }

    /// What `TO_BOOL` is about to do: an object without a number's or container's way to be false is true.
    unsafe fn truth(&mut self) -> Detail {
        // SAFETY: stack objects are alive, and so are their types.
        unsafe {
            let object = self.top(1);
            if object.is_null() {
                return Detail::None;
            }
            let ty = ffi::Py_TYPE(object);
            let (number, mapping, sequence) = ((*ty).tp_as_number, (*ty).tp_as_mapping, (*ty).tp_as_sequence);
            let decides = !number.is_null() && (*number).nb_bool.is_some()
                || !mapping.is_null() && (*mapping).mp_length.is_some()
                || !sequence.is_null() && (*sequence).sq_length.is_some();
            if decides {
                return Detail::None;
            }
            self.assume_type(ty);
            Detail::Truthy(ty as u64)
        }
    }

    /// The list item that a `STORE_SUBSCR` replaces, else null.
    unsafe fn replaced_item(&self) -> *mut PyObject {
        // SAFETY: stack objects are alive; an exact list has this layout, the index is checked.
        unsafe {
            let [.., list, index] = self.operands[..] else { return std::ptr::null_mut() };
            if list.kind != Kind::List || index.kind != Kind::Int {
                return std::ptr::null_mut();
            }
            let (size, index) = (list.bits as i64, index.bits as i64);
            let index = if index < 0 { index + size } else { index };
            if index < 0 || index >= size {
                return std::ptr::null_mut();
            }
            *(*self.top(2).cast::<layout::List>()).items.add(index as usize)
        }
    }
}

/// Whether this is a `dict` whose keys are all `str`, so that looking up a name runs no Python code.
pub(crate) unsafe fn is_plain_dict(dict: *mut PyObject) -> bool {
    // SAFETY: a live object or null; an exact dict has this layout.
    unsafe {
        !dict.is_null()
            && objects::type_of(dict) == type_address!(PyDict_Type)
            && (*(*dict.cast::<layout::Dict>()).keys).kind != 0
    }
}

unsafe fn taken(condition: JumpIf, value: *mut PyObject) -> bool {
    // SAFETY: singletons.
    unsafe {
        match condition {
            JumpIf::True => value == ffi::Py_True(),
            JumpIf::False => value == ffi::Py_False(),
            JumpIf::None => value == ffi::Py_None(),
            JumpIf::NotNone => value != ffi::Py_None(),
        }
    }
}

/// Whether an iterator has another item, where that can be read off.
unsafe fn has_next(iterator: *mut PyObject) -> Option<bool> {
    // SAFETY: a live object; each kind has this layout.
    unsafe {
        match operand(iterator).kind {
            Kind::RangeIter => Some((*iterator.cast::<layout::RangeIter>()).len > 0),
            Kind::ListIter | Kind::TupleIter => {
                let iterator = iterator.cast::<layout::SequenceIter>();
                let sequence = (*iterator).sequence;
                // Lists and tuples have their size at the same place.
                Some(!sequence.is_null() && (*iterator).index < (*sequence.cast::<layout::List>()).size)
            }
            Kind::Enumerate => {
                let enumerate = iterator.cast::<layout::Enumerate>();
                let inner = (*enumerate).iterator;
                let counts = (*enumerate).long_index.is_null() && operand(inner).kind == Kind::ListIter;
                if counts { has_next(inner) } else { None }
            }
            _ => None,
        }
    }
}
