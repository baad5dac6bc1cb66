//! Functions that are called in a way of decal's own.
//!
//! A function object says how it is called (`vectorcall`). The interpreter makes a frame for a call itself, without asking, only
//! where that is CPython's own way; whoever else calls, calls what stands there. So a function with a compiled trace is entered without a
//! frame and without an event, by having another way put there. [`install`] tells CPython of it as extensions do, which takes
//! the function's version away, so that call sites that were specialized for it call in the general way.
//!
//! One thing in the interpreter depends on it: a tool that watches calls is told of the end of those that make no frame in
//! the interpreter, too (`C_RETURN`, `C_RAISE`). So there must be no such tool. As long as none has registered callbacks for that
//! none gets them; and `sys.monitoring.register_callback` goes through a function of ours, by which all functions are
//! given CPython's own way back before a callback is registered.
//!
//! Functions that have ours are known by their addresses. The watcher of functions says when one dies or changes.

use crate::capi as ffi;
use crate::monitoring;
use crate::thread::Thread;
use crate::version::symbols::symbols;
use crate::version::{checks, layout};
use crate::{PyObject, objects};
use pyo3_ffi::{METH_FASTCALL, PyMethodDef, PyMethodDefPointer};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How functions are called: function, arguments, their number with a flag in the highest bit, keyword names.
pub type Vectorcall = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

/// Our way; 0 as long as no function ever had it.
static OURS: AtomicUsize = AtomicUsize::new(0);
/// The functions that have it.
static FUNCTIONS: Mutex<Option<FxHashSet<usize>>> = Mutex::new(None);
/// Another tool has registered a callback.
static OTHERS: AtomicBool = AtomicBool::new(false);
/// `register_callback`, and CPython's description of it; null where it is as CPython made it.
static REGISTER: AtomicPtr<BuiltinFunction> = AtomicPtr::new(null_mut());
static DESCRIPTION: AtomicPtr<PyMethodDef> = AtomicPtr::new(null_mut());
/// Native calls that could be nested when decal was enabled.
static NATIVE_CALLS: AtomicI32 = AtomicI32::new(0);

/// The start of `PyCFunctionObject`.
#[repr(C)]
struct BuiltinFunction {
    _head: [usize; 2],
    description: *mut PyMethodDef,
}

fn functions() -> MutexGuard<'static, Option<FxHashSet<usize>>> {
    // The set stays usable whatever happened while it was held.
    FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether functions that are called so are plain ones: CPython's way, or ours.
pub fn is_plain(vectorcall: usize) -> bool {
    Some(vectorcall) == checks::plain_vectorcall() || (vectorcall != 0 && vectorcall == OURS.load(Ordering::Relaxed))
}

/// Gets between whoever registers callbacks and `sys.monitoring`. Once, when decal is enabled.
///
/// # Safety
/// The GIL is held.
pub unsafe fn prepare() {
    // SAFETY: plain use of the C API. A builtin function has this layout, which its description is checked against.
    unsafe {
        let remaining = Thread::current().native_recursion_remaining();
        NATIVE_CALLS.fetch_max(remaining, Ordering::Relaxed);
        if !REGISTER.load(Ordering::Relaxed).is_null() {
            return;
        }
        let Some(function) = monitoring::function(c"register_callback") else { return };
        if objects::type_of(function) == &raw mut ffi::PyCFunction_Type as u64
            && ffi::PyCFunction_GetFlags(function) == METH_FASTCALL
        {
            let raw = function.cast::<BuiltinFunction>();
            let old = (*raw).description;
            let called = ffi::PyCFunction_GetFunction(function).map(|called| called as usize);
            let same = called == Some((*old).ml_meth.PyCFunctionFast as usize);
            if same {
                // Never freed: whoever has looked it up may call it at any time.
                let new = Box::leak(Box::new(PyMethodDef {
                    ml_name: (*old).ml_name,
                    ml_meth: PyMethodDefPointer { PyCFunctionFast: registers },
                    ml_flags: (*old).ml_flags,
                    ml_doc: (*old).ml_doc,
                }));
                DESCRIPTION.store(old, Ordering::Relaxed);
                (*raw).description = new;
                // The reference is kept until `give_back`.
                REGISTER.store(raw, Ordering::Relaxed);
                return;
            }
        }
        objects::decref(function);
    }
}

/// Undoes [`prepare`], and gives all functions CPython's way back.
///
/// # Safety
/// The GIL is held.
pub unsafe fn give_back() {
    // SAFETY: the caller's.
    unsafe {
        restore_all();
        let register = REGISTER.swap(null_mut(), Ordering::Relaxed);
        if !register.is_null() {
            (*register).description = DESCRIPTION.load(Ordering::Relaxed);
            objects::decref(register.cast());
        }
    }
}

/// What `sys.monitoring.register_callback` calls.
unsafe extern "C" fn registers(module: *mut PyObject, arguments: *mut *mut PyObject, count: isize) -> *mut PyObject {
    // SAFETY: CPython passes as many arguments as it says; its own function gets the same.
    unsafe {
        let ours = count > 0
            && objects::type_of(*arguments) == &raw mut ffi::PyLong_Type as u64
            && ffi::PyLong_AsLong(*arguments) == monitoring::TOOL;
        if !ours {
            ffi::PyErr_Clear();
            OTHERS.store(true, Ordering::Relaxed);
            restore_all();
        }
        ((*DESCRIPTION.load(Ordering::Relaxed)).ml_meth.PyCFunctionFast)(module, arguments, count)
    }
}

/// Whether functions may be called in our way: nobody else can be told of calls.
///
/// # Safety
/// The GIL is held.
pub unsafe fn is_possible() -> bool {
    // SAFETY: the caller's.
    !REGISTER.load(Ordering::Relaxed).is_null()
        && !OTHERS.load(Ordering::Relaxed)
        && unsafe { monitoring::nobody_is_told_of_calls() }
}

/// Has a function called in our way. It must be watched. False where that is not possible.
///
/// # Safety
/// A live Python function that is called in CPython's way; the GIL is held.
pub unsafe fn install(function: *mut PyObject, ours: Vectorcall) -> bool {
    // SAFETY: the caller's; an exact function has this layout.
    unsafe {
        let plain = Some((*function.cast::<layout::Function>()).vectorcall as usize) == checks::plain_vectorcall();
        if !plain || !is_possible() {
            return false;
        }
        OURS.store(ours as usize, Ordering::Relaxed);
        functions().get_or_insert_default().insert(function as usize);
        ffi::PyFunction_SetVectorcall(function, ours);
    }
    true
}

/// Whether a function is called in our way.
///
/// # Safety
/// A live Python function.
pub unsafe fn is_ours(function: *mut PyObject) -> bool {
    let ours = OURS.load(Ordering::Relaxed);
    // SAFETY: the caller's.
    ours != 0 && unsafe { (*function.cast::<layout::Function>()).vectorcall as usize } == ours
}

/// Gives a function CPython's way back, where it has ours. It has no version; CPython gives it one when it wants one.
///
/// # Safety
/// A live Python function, also one that is about to die; the GIL is held.
pub unsafe fn restore(function: *mut PyObject) {
    let known = functions().as_mut().is_some_and(|functions| functions.remove(&(function as usize)));
    if known {
        // SAFETY: the caller's.
        unsafe { set_plain(function) };
    }
}

/// The same for all.
///
/// # Safety
/// The GIL is held.
pub unsafe fn restore_all() {
    for function in functions().take().unwrap_or_default() {
        // SAFETY: the watcher says when one dies.
        unsafe { set_plain(function as *mut PyObject) };
    }
}

unsafe fn set_plain(function: *mut PyObject) {
    if let Some(plain) = checks::plain_vectorcall() {
        // SAFETY: the caller's.
        unsafe { (*function.cast::<layout::Function>()).vectorcall = plain as *mut _ };
    }
}

/// Whether this call is the interpreter's own, at a call instruction of the frame that runs, with the arguments on its operand
/// stack: `total` of them, named ones included. The interpreter would move them into the callee's frame, so that they die
/// where the callee lets go of them; it is to find nothing there afterwards that it has to let go of.
///
/// C code that hands its own arguments on, which are on that stack as well, is told from it by what stands before them and
/// by how many the instruction has.
///
/// # Safety
/// As for a function's `vectorcall`; the thread is the current one.
pub unsafe fn is_interpreters(
    thread: Thread,
    function: *mut PyObject,
    arguments: *const *mut PyObject,
    total: usize,
) -> bool {
    // SAFETY: the caller's. Only what lies in the frame's operand stack is read.
    unsafe {
        let frame = (*thread.pointer()).current_frame;
        if frame.is_null() || (*frame).owner == layout::owner::C_STACK {
            return false;
        }
        let code = &*(*frame).executable.cast::<layout::Code>();
        let stack = (&raw const (*frame).slots).cast::<*mut PyObject>().add(code.locals_plus as usize);
        let end = stack.add(code.stack_size as usize);
        if arguments < stack.add(1) || arguments > end || total > end.offset_from(arguments) as usize {
            return false;
        }
        let count = (*(*frame).instr_ptr >> 8) as usize;
        let before = *arguments.sub(1);
        if total == count + 1 {
            before == function
        } else {
            total == count && before.is_null() && arguments > stack.add(1) && *arguments.sub(2) == function
        }
    }
}

/// Takes an argument from the interpreter's stack, with its reference.
///
/// # Safety
/// [`is_interpreters`] said yes.
#[inline]
pub unsafe fn take(argument: *const *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's: the stack is memory like any other, and `None` lives forever.
    unsafe { argument.cast_mut().replace(pyo3_ffi::Py_None()) }
}

/// Calls a function as the interpreter does that has these arguments on its stack.
///
/// # Safety
/// [`is_interpreters`] said yes.
pub unsafe fn call_for_interpreter(
    thread: Thread,
    function: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        if !crate::frame::is_plain_function(thread, function) {
            return call_plainly(function, arguments, count, names);
        }
        let total = total(count, names);
        let owned: SmallVec<[*mut PyObject; 8]> = (0..total).map(|index| take(arguments.add(index))).collect();
        objects::incref(function);
        let called = crate::frame::call(thread, function, owned.as_ptr(), self::arguments(count), names);
        called.unwrap_or(null_mut())
    }
}

/// Arguments by position and by name.
///
/// # Safety
/// As for a function's `vectorcall`.
pub unsafe fn total(count: usize, names: *mut PyObject) -> usize {
    // SAFETY: the caller's.
    arguments(count) + unsafe { objects::tuple_items(names) }.len()
}

/// Calls a function in CPython's way.
///
/// # Safety
/// As for a function's `vectorcall`.
pub unsafe fn call_plainly(
    function: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let Some(plain) = checks::plain_vectorcall() else { return null_mut() };
    // SAFETY: the caller's; the address is that of such a function.
    unsafe { std::mem::transmute::<usize, Vectorcall>(plain)(function, arguments, count, names) }
}

/// Whether frames are run by the interpreter itself (PEP 523).
///
/// # Safety
/// The thread is the current one.
#[inline]
pub unsafe fn runs_frames(thread: Thread) -> bool {
    // SAFETY: the caller's.
    symbols().is_ok_and(|symbols| unsafe {
        (symbols.eval_frame_function)((*thread.pointer()).interpreter) as usize == symbols.eval_frame as usize
    })
}

/// Native calls that are nested in this thread, at least.
#[inline]
pub fn nested(thread: Thread) -> i32 {
    NATIVE_CALLS.load(Ordering::Relaxed) - thread.native_recursion_remaining()
}

/// The number of arguments without the flag, by which a callee may use the place before them.
#[inline]
pub fn arguments(count: usize) -> usize {
    count & !(1 << (usize::BITS - 1))
}

/// The last so many defaults of a function's parameters (borrowed); none where it has not so many.
///
/// # Safety
/// A live Python function.
pub unsafe fn defaults<'a>(function: *mut PyObject, count: usize) -> Option<&'a [*mut PyObject]> {
    // SAFETY: the caller's; the tuple lives as long as the function has it.
    unsafe {
        let all = objects::tuple_items((*function.cast::<layout::Function>()).defaults);
        all.get(all.len().checked_sub(count)?..)
    }
}
