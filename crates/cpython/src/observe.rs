//! From a frame to an event: what the instruction that is about to run will see.
//!
//! All of it is reading: no Python code runs, nothing is changed, nothing raised. Operands come from the frame by
//! the static stack depth, because the interpreter keeps its stack pointer to itself in INSTRUCTION callbacks.
//! How names are resolved is retraced the way CPython's specializer does it, and every thing that was taken as fixed is reported as
//! an [`Assumption`] for the watchers.

mod arrays;
mod asked;
mod attribute;
mod call;
pub(crate) mod chars;
mod dicts;
mod generators;
pub(crate) mod known;
mod leaf_calls;
mod lists;
mod making;
mod names;
mod operands;
mod outcomes;
mod partials;
mod special;
mod unpacked;

pub(crate) use attribute::{interned, look_up};
pub(crate) use call::module_function;
pub(crate) use names::is_plain_dict;
pub use operands::operand;

use crate::capi as ffi;
use crate::code::DecodedCode;
use crate::frame::Frame;
use crate::host::type_address;
use crate::version::layout;
use crate::{PyObject, objects};
use decal_trace::bytecode::{GeneralOp, Op};
use decal_trace::event::{Attribute, Bind, CodeId, Detail, Event, Kind, Native, Operand, Operands};
use dicts::DictUse;
use lists::ListUse;
use outcomes::{has_next, taken};

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
    /// The code and defaults of all functions that have this code.
    Functions(u64),
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
            let known = [(Kind::List, type_address!(PyList_Type)), (Kind::Dict, type_address!(PyDict_Type))];
            if known.iter().any(|(kind, ty)| operand.kind == *kind && operand.ty != *ty) {
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
            | Detail::Asked(_)
            | Detail::Partial(_)
            | Detail::Consume(..) => Detail::Opaque(CHANGES),
            Detail::Special(_) if matches!(op, Op::Call(_)) => Detail::Opaque(CHANGES),
            Detail::Opaque(what) => Detail::Opaque(what),
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
            let sole = !object.is_null() && objects::is_last(object);
            self.operands.push(Operand { bits: u64::from(sole), ..operand(object) });
        }
    }

    /// Takes what a local holds that is about to be replaced.
    unsafe fn take_old(&mut self, object: *mut PyObject) {
        // SAFETY: as above.
        unsafe {
            let mut seen = operand(object);
            if !object.is_null() && !matches!(seen.kind, Kind::Int | Kind::Float | Kind::Bool | Kind::RangeIter) {
                seen.bits = if objects::is_last(object) { 1 } else { Operand::SHARED };
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
                Op::General(GeneralOp::MatchSequence | GeneralOp::MatchMapping | GeneralOp::GetLen, _) => {
                    self.take_stack(1);
                }
                Op::General(GeneralOp::StoreGlobal, name) => {
                    self.take_stack(1);
                    if let Some((found, old)) = self.stored_global(name, calls) {
                        self.take_replaced(old);
                        return found;
                    }
                }
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
                    self.as_dict(1, 2, DictUse::Contains);
                    return self.key_detail(1, 2);
                }
                Op::Subscript => {
                    self.take_stack(2);
                    self.as_list(2, ListUse::Subscript);
                    self.as_dict(2, 1, DictUse::Subscript);
                    if let Some(character) = self.character(self.top(2), self.top(1)) {
                        return character;
                    }
                    return self.entry().map_or_else(|| self.key_detail(2, 1), |(entry, _)| entry);
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
                    self.as_dict(2, 1, DictUse::Store);
                    if let Some((entry, old)) = self.entry() {
                        self.take_replaced(old);
                        return entry;
                    }
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
                Op::General(GeneralOp::DictMerge, _) => self.take_stack(1),
                Op::General(GeneralOp::BeforeWith, _) => {
                    self.take_stack(1);
                    return self.entering(calls).map_or(Detail::None, Detail::With);
                }
                Op::General(GeneralOp::CallEx, flags) => {
                    self.take_stack(op.taken());
                    return self.call_unpacked(flags & 1 != 0, calls);
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

    /// Where the dict below the top of the stack has the `str` on top, and what it has there.
    unsafe fn entry(&self) -> Option<(Detail, *mut PyObject)> {
        // SAFETY: stack objects are alive.
        unsafe {
            let (dict, key) = (self.top(2), self.top(1));
            if dict.is_null() || key.is_null() || objects::type_of(key) != type_address!(PyUnicode_Type) {
                return None;
            }
            let (place, entry) = crate::helpers::keys::entry_of(dict, key)?;
            (entry != 0).then(|| (Detail::Entry(entry), *place))
        }
    }

    /// Whether looking a key up may run Python code; both by their places on the stack.
    unsafe fn key_detail(&self, container: u32, key: u32) -> Detail {
        // SAFETY: stack objects are alive.
        let asks = unsafe { crate::helpers::keys::asks(self.top(container), self.top(key)) };
        if asks { Detail::Asks } else { Detail::None }
    }
}
