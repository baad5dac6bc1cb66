//! Functions that are called in another way than CPython's: each function object has the address by which it is called (PEP 590), and
//! whoever calls it looks there.
//!
//! The interpreter calls a plain function without that address, by a frame of its own. It compares the address first, or a version
//! that goes with it: where the address is another one, it calls that. So what is hooked here is called for every call of the
//! function from Python or C, but for calls of classes that have specialized instructions (`__init__` is not asked there).
//!
//! A plain call hands the references to the arguments over to the callee's frame, and a call by address does not: an
//! object that only the caller's operand stack holds would die later. [`Call::is_of_stack`] knows the calls that would have been plain ones;
//! [`Call::take`] takes their references, and leaves `None`, whose references nobody counts, for the interpreter to drop.
//!
//! A function gets a version when it is made and loses it for good here, as with any change; instructions that are specialized for
//! it do not fit any more then. It gets it back with its address, and they do.

use crate::frame::{self, Frame};
use crate::thread::Thread;
use crate::version::checks::plain_vectorcall;
use crate::version::layout;
use crate::version::symbols::symbols;
use crate::{PyObject, objects};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How functions are called: the function, its arguments, their number with a flag, the names of those at the end.
pub type Entrance = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

/// The flag: the place in front of the arguments is the callee's to use.
const OFFSET: usize = 1 << (usize::BITS - 1);

/// Where a tuple has its items, in bytes.
const TUPLE_ITEMS: usize = std::mem::offset_of!(pyo3_ffi::PyTupleObject, ob_item);

/// Arguments of a call that are looked for in a tuple, at most.
const MOST_SPREAD: usize = 256;

/// What hooked functions are called by; 0 before the first one.
static ENTRANCE: AtomicUsize = AtomicUsize::new(0);

/// Hooked functions, and their versions.
static HOOKED: Mutex<Option<FxHashMap<u64, u32>>> = Mutex::new(None);

fn hooked() -> MutexGuard<'static, Option<FxHashMap<u64, u32>>> {
    // The map stays usable whatever happened while it was held.
    HOOKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether functions with this address are called as CPython calls them, but for what is hooked.
pub(crate) fn is_plain(address: *mut c_void) -> bool {
    let address = address as usize;
    Some(address) == plain_vectorcall() || address == ENTRANCE.load(Ordering::Relaxed) && address != 0
}

/// Whether a function is hooked.
///
/// # Safety
/// A live Python function.
pub unsafe fn is_hooked(function: *mut PyObject) -> bool {
    // SAFETY: the caller's.
    let address = unsafe { (*function.cast::<layout::Function>()).vectorcall } as usize;
    address != 0 && address == ENTRANCE.load(Ordering::Relaxed)
}

/// Hooks a function. It has to be watched, so that its changes and its end are known here. False where something else
/// has its address already.
///
/// # Safety
/// A live Python function; there is one entrance in a process, which is always the same.
pub unsafe fn hook(function: *mut PyObject, entrance: Entrance) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let raw = function.cast::<layout::Function>();
        let Ok(symbols) = symbols() else { return false };
        if Some((*raw).vectorcall as usize) != plain_vectorcall() {
            return false;
        }
        ENTRANCE.store(entrance as usize, Ordering::Relaxed);
        let version = (*raw).version;
        hooked().get_or_insert_default().insert(function as u64, version);
        (symbols.set_vectorcall)(function, entrance as *mut c_void);
        true
    }
}

/// Lets a function be called as before.
///
/// # Safety
/// A live Python function.
pub unsafe fn unhook(function: *mut PyObject) {
    let known = hooked().as_mut().and_then(|hooked| hooked.remove(&(function as u64)));
    // SAFETY: the caller's.
    unsafe {
        if !is_hooked(function) {
            return;
        }
        let raw = function.cast::<layout::Function>();
        if let Some(plain) = plain_vectorcall() {
            (*raw).vectorcall = plain as *mut c_void;
            // Whoever changed it meanwhile has told, and taken it out of the map.
            if let Some(version) = known
                && (*raw).version == 0
            {
                (*raw).version = version;
            }
        }
    }
}

/// A function changes, or dies: its version is not the one that it had any more.
///
/// # Safety
/// A live Python function, or one that is about to die.
pub(crate) unsafe fn changes(function: *mut PyObject) {
    let known = hooked().as_mut().and_then(|hooked| hooked.remove(&(function as u64)));
    if known.is_some()
        && let Some(plain) = plain_vectorcall()
    {
        // SAFETY: the caller's.
        unsafe { (*function.cast::<layout::Function>()).vectorcall = plain as *mut c_void };
    }
}

/// Unhooks all functions.
///
/// # Safety
/// The GIL is held.
pub unsafe fn unhook_all() {
    let functions: Vec<u64> = hooked().iter().flatten().map(|(function, _)| *function).collect();
    for function in functions {
        // SAFETY: they are alive, since their watcher tells when they die.
        unsafe { unhook(function as *mut PyObject) };
    }
}

/// How many arguments functions of this code take, where they can be hooked, which begin to run at once: nobody takes so many as the
/// largest number, where arguments have to be bound in another way than by their places.
///
/// # Safety
/// A live code object.
pub unsafe fn parameters(code: *mut PyObject) -> Option<usize> {
    // SAFETY: the caller's.
    unsafe {
        let code = &*code.cast::<layout::Code>();
        let wanted = layout::flags::OPTIMIZED | layout::flags::NEW_LOCALS;
        let others = layout::flags::VAR_ARGS | layout::flags::VAR_KEYWORDS;
        let can = code.flags & wanted == wanted && code.cell_vars == 0 && code.flags & layout::flags::SUSPENDS == 0;
        let plain = code.keyword_only_count == 0 && code.flags & others == 0;
        can.then_some(if plain { code.arg_count as usize } else { usize::MAX })
    }
}

/// Whether functions of this code are asked for their address by most that call them, and so lead in by themselves once they
/// are hooked.
///
/// # Safety
/// A live code object.
pub unsafe fn leads_in(code: *mut PyObject) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let name = (*code.cast::<layout::Code>()).name;
        parameters(code).is_some() && pyo3_ffi::PyUnicode_CompareWithASCIIString(name, c"__init__".as_ptr()) != 0
    }
}

/// What a call has on its caller's operand stack in place of arguments.
struct Spread {
    /// The tuple, where nobody else has it.
    tuple: Option<*mut PyObject>,
    /// The mapping, where nobody else has it.
    names: Option<*mut PyObject>,
    /// It has arguments by position that are no variable of the caller.
    others: bool,
}

/// The tuple of a call with these arguments, where nobody else has it. `seen` is what stands on the operand stack: the tuple, or
/// something that the interpreter has made it of, and may have freed already. All objects of the collector are looked
/// through, since those are alive.
unsafe fn find_tuple(arguments: &[*mut PyObject], seen: *mut PyObject) -> Option<*mut PyObject> {
    struct Search<'a> {
        arguments: &'a [*mut PyObject],
        seen: *mut PyObject,
        stands: bool,
        found: SmallVec<[*mut PyObject; 2]>,
    }
    unsafe extern "C" fn visit(object: *mut PyObject, search: *mut c_void) -> c_int {
        // SAFETY: the collector's object, and the search below.
        unsafe {
            let search = &mut *search.cast::<Search<'_>>();
            if pyo3_ffi::PyTuple_CheckExact(object) != 0 {
                search.stands |= object == search.seen;
                // Whoever shows it has a reference of its own.
                if objects::count(object) == 2 && objects::tuple_items(object) == search.arguments {
                    search.found.push(object);
                }
            }
        }
        1
    }
    let mut search = Search { arguments, seen, stands: false, found: SmallVec::new() };
    // SAFETY: the callback makes and frees nothing.
    unsafe {
        let symbols = symbols().ok()?;
        (symbols.visit_objects)(visit, (&raw mut search).cast());
    }
    match search.found.as_slice() {
        found if search.stands => found.contains(&seen).then_some(seen),
        [found] => Some(*found),
        _ => None,
    }
}

/// A call by address.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The current thread.
    pub thread: Thread,
    /// The function.
    pub function: *mut PyObject,
    arguments: *const *mut PyObject,
    flagged: usize,
    names: *mut PyObject,
}

impl Call {
    /// With the arguments of an [`Entrance`].
    ///
    /// # Safety
    /// They are those of a call that is under way.
    pub unsafe fn new(
        function: *mut PyObject,
        arguments: *const *mut PyObject,
        flagged: usize,
        names: *mut PyObject,
    ) -> Call {
        // SAFETY: the GIL is held in a call.
        Call { thread: unsafe { Thread::current() }, function, arguments, flagged, names }
    }

    /// How many arguments there are by position, where there are no others.
    pub fn count(&self) -> Option<usize> {
        self.names.is_null().then_some(self.flagged & !OFFSET)
    }

    /// How many arguments are left to the function's defaults, where all others come by their places; none where they do not.
    ///
    /// # Safety
    /// The call is under way, of a function with so many parameters.
    #[inline(always)]
    pub unsafe fn missing(&self, parameters: usize) -> Option<usize> {
        let missing = parameters.checked_sub(self.count()?)?;
        // SAFETY: the caller's.
        (missing == 0 || missing <= unsafe { self.defaults() }.len()).then_some(missing)
    }

    /// The defaults of the last parameters.
    unsafe fn defaults(&self) -> &[*mut PyObject] {
        // SAFETY: the caller's: the function lives; its defaults are a tuple, or null.
        unsafe {
            let defaults = (*self.function.cast::<layout::Function>()).defaults;
            if defaults.is_null() { &[] } else { objects::tuple_items(defaults) }
        }
    }

    /// Puts in so many defaults, with references.
    ///
    /// # Safety
    /// There are as many [`missing`](Call::missing), and there is room.
    #[inline(never)]
    pub unsafe fn take_defaults(&self, missing: usize, to: *mut *mut PyObject) {
        // SAFETY: the caller's.
        unsafe {
            let defaults = self.defaults();
            let last = defaults.get(defaults.len().saturating_sub(missing)..).unwrap_or_default();
            for (index, default) in last.iter().enumerate() {
                to.add(index).write(objects::shared(*default));
            }
        }
    }

    /// Whether the interpreter would have made a frame for this call and handed the references over. The arguments are on its operand
    /// stack then, behind this function, or in a tuple that stands there in their place. What a function in C passes on from there has
    /// another callable before it, or no flag.
    ///
    /// # Safety
    /// The call is under way.
    #[inline(always)]
    pub unsafe fn is_of_stack(&self) -> bool {
        // SAFETY: the caller's: the current frame is the caller's or one below; what is read in front of the arguments is behind its
        // head.
        unsafe {
            let frame = Frame::current(self.thread);
            if self.flagged & OFFSET != 0 && frame.is_below(self.thread, self.arguments.wrapping_sub(2)) {
                let before = [*self.arguments.sub(1), *self.arguments.sub(2)];
                return before[0] == self.function || before[0].is_null() && before[1] == self.function;
            }
            self.is_of_other_stack(frame)
        }
    }

    /// The same for a frame that is not on the thread's stack of frames, or for a tuple.
    #[inline(never)]
    unsafe fn is_of_other_stack(&self, frame: Frame) -> bool {
        // SAFETY: the caller's; what is read is within the frame's slots.
        unsafe {
            if self.flagged & OFFSET == 0 {
                return self.is_of_tuple(frame);
            }
            if !frame.owns_stack_at(self.arguments.wrapping_sub(2)) {
                return false;
            }
            let before = [*self.arguments.sub(1), *self.arguments.sub(2)];
            before[0] == self.function || before[0].is_null() && before[1] == self.function
        }
    }

    /// Whether they are the items of a tuple that the interpreter has for this call alone (`f(*list)`). It may have made it just now,
    /// and be the only one who knows where it is.
    unsafe fn is_of_tuple(&self, frame: Frame) -> bool {
        let count = self.flagged & !OFFSET;
        if !self.names.is_null() || count == 0 || count > MOST_SPREAD {
            return false;
        }
        // SAFETY: the caller's. In front of the arguments there is a tuple's head, or somebody else's memory: no
        // array of that size stands alone.
        unsafe {
            let head = self.arguments.cast::<u8>().wrapping_sub(TUPLE_ITEMS).cast::<pyo3_ffi::PyVarObject>();
            frame.spreads_items(self.function)
                && (&raw const (*head).ob_size).read() == count as isize
                && (&raw const (*head).ob_base.ob_type).read() == &raw mut pyo3_ffi::PyTuple_Type
                && objects::is_last(head.cast_mut().cast())
        }
    }

    /// Copies the arguments, with references: those of the operand stack are taken from there where it `is_of_stack`.
    ///
    /// # Safety
    /// The call is under way; there is room for all arguments by position and by name at `to`.
    #[inline]
    pub unsafe fn take(&self, is_of_stack: bool, to: *mut *mut PyObject) {
        // SAFETY: the caller's. `None` lives for ever.
        unsafe {
            let named = if self.names.is_null() { 0 } else { objects::tuple_items(self.names).len() };
            let none = pyo3_ffi::Py_None();
            for index in 0..(self.flagged & !OFFSET) + named {
                let argument = *self.arguments.add(index);
                to.add(index).write(argument);
                if is_of_stack {
                    self.arguments.add(index).cast_mut().write(none);
                } else {
                    objects::incref(argument);
                }
            }
        }
    }

    /// Whether the interpreter may make it with the items of a mapping (`f(**mapping)`), which stands on its operand stack.
    ///
    /// # Safety
    /// The call is under way.
    pub unsafe fn spreads_names(&self) -> bool {
        // SAFETY: the caller's.
        unsafe { !self.names.is_null() && self.flagged & OFFSET != 0 && Frame::current(self.thread).may_spread() }
    }

    /// Where such a call has its tuple and its mapping, which the interpreter would have dropped before the function begins.
    unsafe fn spread(&self, depth: u32) -> Option<Spread> {
        // SAFETY: the caller's: the operand stack of the current frame is so deep. A mapping stands there as long as the call lasts.
        unsafe {
            let frame = Frame::current(self.thread);
            let at = |below: u32| depth.checked_sub(below).map(|slot| frame.stack(slot));
            if at(4) != Some(self.function) || at(3) != Some(null_mut()) {
                return None;
            }
            let (tuple, names) = (at(2)?, at(1)?);
            let count = self.flagged & !OFFSET;
            let others = count > 0 && !frame.has_local(tuple);
            let tuple =
                if others { find_tuple(std::slice::from_raw_parts(self.arguments, count), tuple) } else { None };
            Some(Spread {
                tuple,
                names: Some(names).filter(|names| !names.is_null() && objects::is_last(*names)),
                others,
            })
        }
    }

    /// Whether it spreads a mapping behind a sequence that is no variable of the caller: what has to be dropped is found only with
    /// effort then.
    ///
    /// # Safety
    /// As for [`Call::bind`].
    pub unsafe fn is_laborious(&self, depth: Option<u32>) -> bool {
        // SAFETY: the caller's.
        depth.and_then(|depth| unsafe { self.spread(depth) }).is_some_and(|spread| spread.others)
    }

    /// A frame for the call, with its arguments bound as CPython does it. None with an exception, where they do not fit.
    ///
    /// # Safety
    /// The call is under way, and nothing was taken from it. The frame is either run or dropped. Where the call
    /// [spreads a mapping](Call::spreads_names), `depth` is that of the current frame's operand stack, if it is known.
    pub unsafe fn bind(&self, depth: Option<u32>) -> Option<Frame> {
        // SAFETY: the caller's.
        unsafe {
            let symbols = symbols().ok()?;
            let named = if self.names.is_null() { 0 } else { objects::tuple_items(self.names).len() };
            let count = self.flagged & !OFFSET;
            let mut arguments = SmallVec::<[*mut PyObject; 16]>::from_elem(null_mut(), count + named);
            let spread = depth.and_then(|depth| self.spread(depth));
            self.take(spread.is_some() || self.is_of_stack(), arguments.as_mut_ptr());
            objects::incref(self.function);
            let raw = &*self.function.cast::<layout::Function>();
            let slots = (*raw.code.cast::<layout::Code>()).flags & layout::flags::OPTIMIZED != 0;
            let locals = if slots { null_mut() } else { objects::shared(raw.globals) };
            let below = Frame::current(self.thread);
            let pointer = self.thread.pointer();
            let frame = (symbols.push_and_init)(pointer, self.function, locals, arguments.as_ptr(), count, self.names);
            // The interpreter drops both here. They stay where they are, and empty where nobody else has them.
            if let Some(Spread { tuple, names, .. }) = spread {
                if let Some(tuple) = tuple {
                    let items = (&raw mut (*tuple.cast::<pyo3_ffi::PyTupleObject>()).ob_item).cast::<*mut PyObject>();
                    for index in 0..objects::tuple_items(tuple).len() {
                        objects::decref(items.add(index).replace(pyo3_ffi::Py_None()));
                    }
                }
                if let Some(names) = names {
                    pyo3_ffi::PyDict_Clear(names);
                }
            }
            if frame.is_null() {
                return None;
            }
            (*frame).previous = below.pointer();
            Some(Frame::from_address(frame as u64))
        }
    }

    /// Makes the call as if the function were not hooked.
    ///
    /// # Safety
    /// As for [`Call::bind`].
    pub unsafe fn make_plainly(&self, depth: Option<u32>) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe {
            if self.thread.runs_frames() && (depth.is_some() || self.is_of_stack()) {
                let Some(frame) = self.bind(depth) else { return null_mut() };
                return frame::run(self.thread, frame, false).unwrap_or(null_mut());
            }
            let Some(plain) = plain_vectorcall() else { return null_mut() };
            transmute::<usize, Entrance>(plain)(self.function, self.arguments, self.flagged, self.names)
        }
    }
}
