//! `sys.monitoring`: claiming decal's place, switching events on and off, reading who else is there.
//!
//! decal is the tool with the id that CPython reserves for optimizers. Everything goes through
//! the public functions of `sys.monitoring`, looked up once; only the check whether another tool is interested
//! in a code object reads a private table, because it happens at each entry into a trace.
//!
//! CPython 3.13 leaves the local events of a tool that gives its id back where they are. So the code objects
//! that have any are remembered here, and cleaned at the end.

use crate::thread::Thread;
use crate::version::symbols::symbols;
use crate::version::{checks, layout, opcodes};
use crate::{PyObject, Raised, newcomers, objects};
use pyo3_ffi::{METH_FASTCALL, Py_ssize_t, PyCFunctionFast, PyMethodDef, PyMethodDefPointer};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::cell::Cell;
use std::ffi::{CStr, c_long};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A callback for events, called as C functions with an array of arguments are: code, offset in bytes, for
/// JUMP also the destination in bytes. Gives a new reference ([`nothing`], [`disable`]), or null with an
/// exception set. It must not unwind.
pub type Callback = PyCFunctionFast;

/// The callbacks, by event.
#[derive(Clone, Copy, Debug)]
pub struct Callbacks {
    /// JUMP: a backward jump (forward jumps come too).
    pub jump: Callback,
    /// PY_START: a function starts.
    pub start: Callback,
    /// INSTRUCTION: any instruction is about to run.
    pub instruction: Callback,
}

/// Events that decal has switched on for one code object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LocalEvents {
    /// PY_START.
    pub start: bool,
    /// JUMP.
    pub jump: bool,
    /// INSTRUCTION.
    pub instruction: bool,
}

/// Why the tool id was not claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimError {
    /// Another tool, of this name, has it.
    Taken(String),
    /// An exception is set.
    Raised,
}

impl From<Raised> for ClaimError {
    fn from(_: Raised) -> ClaimError {
        ClaimError::Raised
    }
}

/// The id that CPython reserves for optimizers.
const TOOL: c_long = 5;
/// The name under which decal appears.
const NAME: &CStr = c"decal";

/// `sys.monitoring.DISABLE`, kept alive by that module. Null before the first claim.
static DISABLE: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());
/// A builtin function that raises its first argument. Made at the first claim, never freed.
static RAISER: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());
/// Addresses of the code objects that have local events of ours.
static LOCAL: Mutex<Option<FxHashSet<usize>>> = Mutex::new(None);

fn local() -> MutexGuard<'static, Option<FxHashSet<usize>>> {
    // The set stays usable whatever happened while it was held.
    LOCAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// decal's place among the monitoring tools. Give it back with [`Monitoring::release`]; dropping it
/// does nothing.
#[derive(Debug)]
pub struct Monitoring {
    /// The module `sys.monitoring` (owned).
    module: *mut PyObject,
    /// Its function (owned), called often.
    set_local_events: *mut PyObject,
    start: c_long,
    jump: c_long,
    instruction: c_long,
}

impl Monitoring {
    /// Claims the optimizers' tool id and registers the callbacks. No events are on yet.
    ///
    /// # Safety
    /// The GIL is held; the callbacks are sound for all code and all time (CPython may call one once more
    /// after the release).
    ///
    /// # Errors
    /// [`ClaimError`].
    pub unsafe fn claim(callbacks: Callbacks) -> Result<Monitoring, ClaimError> {
        // SAFETY: plain use of the C API with the GIL held.
        unsafe {
            let sys = owned(pyo3_ffi::PyImport_ImportModule(c"sys".as_ptr()))?;
            let module = pyo3_ffi::PyObject_GetAttrString(sys, c"monitoring".as_ptr());
            objects::decref(sys);
            let module = owned(module)?;
            let claimed = Monitoring::claim_in(module, callbacks);
            if claimed.is_err() {
                objects::decref(module);
            }
            claimed
        }
    }

    /// As [`Monitoring::claim`]; the reference to `module` goes into the result.
    unsafe fn claim_in(module: *mut PyObject, callbacks: Callbacks) -> Result<Monitoring, ClaimError> {
        // SAFETY: as above.
        unsafe {
            let disable = owned(pyo3_ffi::PyObject_GetAttrString(module, c"DISABLE".as_ptr()))?;
            // The module keeps it alive.
            objects::decref(disable);
            DISABLE.store(disable, Ordering::Relaxed);
            make_raiser()?;

            let holder = call(module, c"get_tool", &[number(TOOL)])?;
            let taken = (holder != pyo3_ffi::Py_None()).then(|| objects::text(holder));
            objects::decref(holder);
            if let Some(name) = taken {
                return Err(ClaimError::Taken(name));
            }
            let events = owned(pyo3_ffi::PyObject_GetAttrString(module, c"events".as_ptr()))?;
            let (start, jump, instruction) =
                (event(events, c"PY_START"), event(events, c"JUMP"), event(events, c"INSTRUCTION"));
            objects::decref(events);
            let (start, jump, instruction) = (start?, jump?, instruction?);
            let set_local_events = owned(pyo3_ffi::PyObject_GetAttrString(module, c"set_local_events".as_ptr()))?;
            let claimed = Monitoring { module, set_local_events, start, jump, instruction };
            let name = pyo3_ffi::PyUnicode_FromString(NAME.as_ptr());
            let registered = call_none(module, c"use_tool_id", &[number(TOOL), name]).and_then(|()| {
                claimed
                    .register(start, c"decal_start", Some(callbacks.start))
                    .and_then(|()| claimed.register(jump, c"decal_jump", Some(callbacks.jump)))
                    .and_then(|()| claimed.register(instruction, c"decal_instruction", Some(callbacks.instruction)))
            });
            find_tools(name);
            if registered.is_err() {
                objects::decref(set_local_events);
                return Err(ClaimError::Raised);
            }
            newcomers::watch(module);
            Ok(claimed)
        }
    }

    unsafe fn register(&self, event: c_long, name: &'static CStr, callback: Option<Callback>) -> Result<(), Raised> {
        // SAFETY: as above.
        unsafe {
            let function = match callback {
                Some(callback) => new_function(name, callback)?,
                None => pyo3_ffi::Py_NewRef(pyo3_ffi::Py_None()),
            };
            call_none(self.module, c"register_callback", &[number(TOOL), number(event), function])
        }
    }

    /// Switches JUMP and PY_START events on or off for all code. Running code is changed at once, other code when it
    /// is next entered.
    ///
    /// # Safety
    /// The GIL is held.
    ///
    /// # Errors
    /// [`Raised`].
    pub unsafe fn set_global(&self, jumps: bool, starts: bool) -> Result<(), Raised> {
        let events = if jumps { self.jump } else { 0 } | if starts { self.start } else { 0 };
        // SAFETY: as above.
        unsafe { call_none(self.module, c"set_events", &[number(TOOL), number(events)]) }
    }

    /// Sets decal's events on one code object; at once, also inside of a callback of that code.
    ///
    /// # Safety
    /// The GIL is held, `code` is a live code object. Call [`forget`] before it dies.
    ///
    /// # Errors
    /// [`Raised`].
    pub unsafe fn set_local(&self, code: *mut PyObject, events: LocalEvents) -> Result<(), Raised> {
        let bits = [(events.start, self.start), (events.jump, self.jump), (events.instruction, self.instruction)];
        let bits = bits.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum();
        if bits == 0 {
            forget(code);
        } else {
            local().get_or_insert_default().insert(code as usize);
        }
        // SAFETY: as above; the vectorcall arguments live on until after the call.
        unsafe {
            if events.instruction {
                make_room(code);
            }
            let arguments = [number(TOOL), code, number(bits)];
            let result =
                pyo3_ffi::PyObject_Vectorcall(self.set_local_events, arguments.as_ptr(), arguments.len(), null_mut());
            objects::decref(arguments[0]);
            objects::decref(arguments[2]);
            objects::decref(owned(result)?);
            if bits == 0 {
                make_room(code);
            }
        }
        Ok(())
    }

    /// Switches the locations of one code object on again that callbacks have switched off. Each of them is an event once
    /// more, not only the one that is wanted.
    ///
    /// CPython does that for all code at once, for every tool. But it finds out what to change in a code object by comparing what is
    /// on there with what is to be on; so this says that decal's events are not, and lets it look.
    ///
    /// # Safety
    /// The GIL is held, `code` is a live code object without local events of decal's.
    ///
    /// # Errors
    /// [`Raised`].
    pub unsafe fn rearm(&self, code: *mut PyObject) -> Result<(), Raised> {
        // SAFETY: the caller's. What is switched on where it is on already stays as it is.
        unsafe {
            let Some(data) = (*code.cast::<layout::Code>()).monitoring.as_mut() else { return Ok(()) };
            for event in [layout::JUMP_EVENT, layout::START_EVENT] {
                data.active[event] &= !(1 << TOOL);
            }
            let looked = self.set_local(code, LocalEvents { jump: true, ..LocalEvents::default() });
            looked.and(self.set_local(code, LocalEvents::default()))
        }
    }

    /// Switches all disabled locations on again: those of every tool, CPython offers nothing finer.
    ///
    /// # Safety
    /// The GIL is held.
    ///
    /// # Errors
    /// [`Raised`].
    pub unsafe fn restart_events(&self) -> Result<(), Raised> {
        // SAFETY: as above.
        unsafe { call_none(self.module, c"restart_events", &[]) }
    }

    /// Gives the tool id back, with all events and callbacks removed. Goes through all its steps even
    /// where one fails.
    ///
    /// # Safety
    /// The GIL is held.
    ///
    /// # Errors
    /// [`Raised`], of the first step that failed.
    pub unsafe fn release(self) -> Result<(), Raised> {
        let codes = local().take().unwrap_or_default();
        // SAFETY: the GIL is held.
        unsafe { newcomers::forget() };
        // SAFETY: as above; the remembered code objects live (see `set_local`).
        unsafe {
            let mut outcome = Ok(());
            let mut step = |result: Result<(), Raised>| {
                if result.is_err() && outcome.is_ok() {
                    outcome = result;
                } else if result.is_err() {
                    pyo3_ffi::PyErr_Clear();
                }
            };
            for code in codes {
                step(self.set_local(code as *mut PyObject, LocalEvents::default()));
            }
            step(self.set_global(false, false));
            step(self.register(self.start, c"", None));
            step(self.register(self.jump, c"", None));
            step(self.register(self.instruction, c"", None));
            step(call_none(self.module, c"free_tool_id", &[number(TOOL)]));
            objects::decref(self.set_local_events);
            objects::decref(self.module);
            outcome
        }
    }
}

/// Forgets that a code object has local events: it dies.
pub fn forget(code: *mut PyObject) {
    if let Some(codes) = local().as_mut() {
        codes.remove(&(code as usize));
    }
}

/// A new reference to `sys.monitoring.DISABLE`: the result of a callback that switches its event off at this
/// location.
///
/// # Safety
/// The GIL is held, and decal's place was claimed before.
pub unsafe fn disable() -> *mut PyObject {
    // SAFETY: `sys.monitoring` keeps it alive; before a claim it is null, which `Py_XNewRef` bears.
    unsafe { pyo3_ffi::Py_XNewRef(DISABLE.load(Ordering::Relaxed)) }
}

/// A new reference to `None`: the result of a callback that wants to be called again.
///
/// # Safety
/// The GIL is held.
pub unsafe fn nothing() -> *mut PyObject {
    // SAFETY: `None` lives forever.
    unsafe { pyo3_ffi::Py_NewRef(pyo3_ffi::Py_None()) }
}

/// The offset in code units that an argument of an event says in bytes.
///
/// # Safety
/// `argument` is the `int` of an event.
pub unsafe fn offset(argument: *mut PyObject) -> u32 {
    // SAFETY: the caller's. Offsets are small and not negative, so that one digit or two hold them.
    let bytes = unsafe { pyo3_ffi::PyLong_AsLong(argument) };
    u32::try_from(bytes / 2).unwrap_or(0)
}

/// The interpreter's table of the tools' names, null for ids that nobody uses; null where it was not found.
static TOOLS: AtomicPtr<*mut PyObject> = AtomicPtr::new(null_mut());
/// Ids that tools can ask for.
const TOOLS_OF_ALL: usize = 6;

/// Looks for the interpreter's table of tools: decal's name, which nobody else has a reference to, stands there.
unsafe fn find_tools(name: *mut PyObject) {
    TOOLS.store(null_mut(), Ordering::Relaxed);
    // SAFETY: the interpreter's state has so many bytes; nothing but their values is looked at.
    unsafe {
        let Ok(symbols) = symbols() else { return };
        let words = checks::interpreter_size(symbols.runtime) / size_of::<usize>();
        let state = pyo3_ffi::PyInterpreterState_Get().cast::<*mut PyObject>();
        let found = (TOOL as usize..words).filter(|index| *state.add(*index) == name).collect::<SmallVec<[usize; 2]>>();
        if let [index] = found.as_slice() {
            TOOLS.store(state.add(*index - TOOL as usize), Ordering::Relaxed);
        }
    }
}

/// Whether no other tool has an id, so that none has events. What debuggers of the old kind want is not asked for by an id; it changes
/// the version of all instrumentation.
///
/// # Safety
/// The GIL is held.
pub unsafe fn no_other_tool() -> bool {
    let tools = TOOLS.load(Ordering::Relaxed);
    // SAFETY: the table lives as long as the interpreter.
    !tools.is_null()
        && unsafe { std::slice::from_raw_parts(tools, TOOLS_OF_ALL) }
            .iter()
            .enumerate()
            .all(|(id, name)| id == TOOL as usize || name.is_null())
}

/// Whether no tool but decal gets events from this code object, and its instrumentation is up to date.
///
/// # Safety
/// A live code object; the GIL is held.
pub unsafe fn only_decal(code: *mut PyObject) -> bool {
    // SAFETY: the caller's.
    unsafe { only_decal_in(Thread::current(), code) }
}

/// The same for who knows the current thread.
///
/// # Safety
/// As for [`only_decal`].
pub unsafe fn only_decal_in(thread: Thread, code: *mut PyObject) -> bool {
    // SAFETY: the caller's; the table lives as long as the code.
    unsafe {
        let code = &*code.cast::<layout::Code>();
        if code.instrumentation_version as u64 != thread.breaker_quiet() {
            return false;
        }
        code.monitoring.is_null()
            || (*code.monitoring).active.iter().fold(0, |all, tools| all | tools) & !(1 << TOOL) == 0
    }
}

/// Makes room for several tools to watch single instructions of this code object.
///
/// CPython makes it once an event of the code has two tools, and forgets then whom it told of its instructions until then. A
/// debugger asks for its instructions first and for all else after that, so that with decal as the second tool it
/// would miss them: `breakpoint()` would stop one line too late.
///
/// # Safety
/// A live code object; the GIL is held.
pub unsafe fn make_room(code: *mut PyObject) {
    // SAFETY: the caller's. The table is CPython's from then on, which frees it with the code.
    unsafe {
        let code = &*code.cast::<layout::Code>();
        let Some(data) = code.monitoring.as_mut() else { return };
        if !data.instruction_tools.is_null() {
            return;
        }
        let size = code.size as usize;
        let table = pyo3_ffi::PyMem_Malloc(size).cast::<u8>();
        if table.is_null() {
            return;
        }
        table.write_bytes(0, size);
        let told = data.active[layout::INSTRUCTION_EVENT];
        if told != 0 {
            // One tool has had all until now, where it did not switch an instruction off.
            let units = (&raw const code.code).cast::<u16>();
            for index in 0..size {
                let mut opcode = units.add(index).cast::<u8>().read();
                if opcode == opcodes::INSTRUMENTED_LINE && !data.lines.is_null() {
                    opcode = (*data.lines.add(index)).original;
                }
                if opcode == opcodes::INSTRUMENTED_INSTRUCTION {
                    table.add(index).write(told);
                }
            }
        }
        data.instruction_tools = table;
    }
}

/// Code objects that a trace and its side traces run, where machine code finds them.
///
/// To look at each of them is dear where there are many. As long as no other tool exists nothing can change for one of them
/// that does not change the version of all instrumentation.
#[derive(Debug)]
pub struct CodeList {
    codes: Cell<(*const *mut PyObject, usize)>,
    /// The version with which all was well when it was looked at last.
    checked: Cell<u64>,
}

/// No version.
const UNCHECKED: u64 = u64::MAX;

impl Default for CodeList {
    fn default() -> CodeList {
        CodeList { codes: Cell::new((std::ptr::null(), 0)), checked: Cell::new(UNCHECKED) }
    }
}

impl CodeList {
    /// Sets the list.
    ///
    /// # Safety
    /// It stays where it is until it is set anew, or nobody asks any more.
    pub unsafe fn set(&self, codes: &[*mut PyObject]) {
        self.codes.set((codes.as_ptr(), codes.len()));
        self.checked.set(UNCHECKED);
    }

    /// Whether that was so with the version of now, nobody wants the interpreter's attention, and no other tool has come since.
    #[inline(always)]
    pub fn is_checked(&self, thread: Thread) -> bool {
        // SAFETY: the GIL is held by the crate's contract.
        self.checked.get() == thread.breaker_word() && unsafe { no_other_tool() }
    }

    /// Whether no tool but decal gets events from any of them, and their instrumentation is up to date.
    ///
    /// # Safety
    /// They are alive; the thread is the current one.
    pub unsafe fn only_decal(&self, thread: Thread) -> bool {
        let version = thread.breaker_quiet();
        // SAFETY: the caller's, and that of `set`.
        unsafe {
            if self.checked.get() == version && no_other_tool() {
                return true;
            }
            let (codes, count) = self.codes.get();
            let all = codes.is_null()
                || std::slice::from_raw_parts(codes, count).iter().all(|code| only_decal_in(thread, *code));
            self.checked.set(if all { version } else { UNCHECKED });
            all
        }
    }
}

/// The builtin function that raises its first argument (borrowed); none before the first claim.
pub(crate) fn raiser() -> Option<*mut PyObject> {
    let raiser = RAISER.load(Ordering::Relaxed);
    (!raiser.is_null()).then_some(raiser)
}

unsafe fn make_raiser() -> Result<(), Raised> {
    unsafe extern "C" fn raise(_: *mut PyObject, arguments: *mut *mut PyObject, count: Py_ssize_t) -> *mut PyObject {
        // SAFETY: CPython passes as many arguments as it says; the exception's reference is a new one.
        unsafe {
            if count > 0 && pyo3_ffi::PyExceptionInstance_Check(*arguments) != 0 {
                pyo3_ffi::PyErr_SetRaisedException(pyo3_ffi::Py_NewRef(*arguments));
            } else {
                pyo3_ffi::PyErr_SetString(pyo3_ffi::PyExc_SystemError, c"decal raised nothing".as_ptr());
            }
        }
        null_mut()
    }
    if raiser().is_none() {
        // SAFETY: the GIL is held.
        let function = unsafe { new_function(c"decal_raise", raise)? };
        RAISER.store(function, Ordering::Relaxed);
    }
    Ok(())
}

/// Definitions of builtin functions by what they call, as addresses: they must live as long as CPython may look at them, so that they
/// are never freed, and each is made once.
static DEFINITIONS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

/// A builtin function for a callback.
unsafe fn new_function(name: &'static CStr, callback: Callback) -> Result<*mut PyObject, Raised> {
    let key = callback as usize;
    let mut definitions = DEFINITIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = definitions.iter().find(|(called, _)| *called == key).map(|(_, definition)| *definition);
    let definition = known.unwrap_or_else(|| {
        let new = Box::leak(Box::new(PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: PyMethodDefPointer { PyCFunctionFast: callback },
            ml_flags: METH_FASTCALL,
            ml_doc: std::ptr::null(),
        }));
        let definition = std::ptr::from_mut(new) as usize;
        definitions.push((key, definition));
        definition
    });
    drop(definitions);
    // SAFETY: the definition lives forever.
    unsafe { owned(pyo3_ffi::PyCFunction_NewEx(definition as *mut PyMethodDef, null_mut(), null_mut())) }
}

fn owned(object: *mut PyObject) -> Result<*mut PyObject, Raised> {
    if object.is_null() { Err(Raised) } else { Ok(object) }
}

/// A new `int`, or null with an exception, which [`call`] passes on.
unsafe fn number(value: c_long) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe { pyo3_ffi::PyLong_FromLong(value) }
}

unsafe fn event(events: *mut PyObject, name: &CStr) -> Result<c_long, Raised> {
    // SAFETY: the GIL is held.
    unsafe {
        let value = owned(pyo3_ffi::PyObject_GetAttrString(events, name.as_ptr()))?;
        let bits = pyo3_ffi::PyLong_AsLong(value);
        objects::decref(value);
        if bits == -1 && !pyo3_ffi::PyErr_Occurred().is_null() { Err(Raised) } else { Ok(bits) }
    }
}

/// Calls a function of a module; the arguments' references are handed over.
unsafe fn call(module: *mut PyObject, name: &CStr, arguments: &[*mut PyObject]) -> Result<*mut PyObject, Raised> {
    // SAFETY: the GIL is held; the arguments live until after the call.
    unsafe {
        let outcome = if arguments.iter().any(|argument| argument.is_null()) {
            Err(Raised)
        } else {
            owned(pyo3_ffi::PyObject_GetAttrString(module, name.as_ptr())).and_then(|function| {
                let result = pyo3_ffi::PyObject_Vectorcall(function, arguments.as_ptr(), arguments.len(), null_mut());
                objects::decref(function);
                owned(result)
            })
        };
        for argument in arguments {
            objects::decref(*argument);
        }
        outcome
    }
}

unsafe fn call_none(module: *mut PyObject, name: &CStr, arguments: &[*mut PyObject]) -> Result<(), Raised> {
    // SAFETY: as above.
    unsafe { call(module, name, arguments).map(|result| objects::decref(result)) }
}
