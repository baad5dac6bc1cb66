//! Private functions of CPython 3.13, looked up by name when decal is enabled.
//!
//! Looked up and not linked: a build that lacks one must give a clear reason, not an import error.

use super::layout::{Frame, ThreadState};
use pyo3_ffi::{PyObject, PyTypeObject};
use std::ffi::{CStr, c_int, c_void};
use std::sync::OnceLock;

/// Signature of a dict watcher: event, dict, key, new value.
pub type DictCallback = unsafe extern "C" fn(c_int, *mut PyObject, *mut PyObject, *mut PyObject) -> c_int;
/// Signature of a type watcher.
pub type TypeCallback = unsafe extern "C" fn(*mut PyTypeObject) -> c_int;
/// Signature of a function watcher: event, function, new value.
pub type FunctionCallback = unsafe extern "C" fn(c_int, *mut PyObject, *mut PyObject) -> c_int;
/// Signature of a code watcher: event, code.
pub type CodeCallback = unsafe extern "C" fn(c_int, *mut PyObject) -> c_int;

/// An intrinsic function of one object, with its name.
#[repr(C)]
pub struct Intrinsic1 {
    /// The function.
    pub function: unsafe extern "C" fn(*mut ThreadState, *mut PyObject) -> *mut PyObject,
    _name: *const std::ffi::c_char,
}

/// An intrinsic function of two objects, with its name.
#[repr(C)]
pub struct Intrinsic2 {
    /// The function.
    pub function: unsafe extern "C" fn(*mut ThreadState, *mut PyObject, *mut PyObject) -> *mut PyObject,
    _name: *const std::ffi::c_char,
}

macro_rules! symbols {
    ($($(#[doc = $doc:literal])+ $field:ident = $name:literal: $type:ty;)*) => {
        /// The private symbols.
        #[derive(Clone, Copy)]
        pub struct Symbols {
            $($(#[doc = $doc])+ pub $field: $type,)*
        }

        fn look_up() -> Result<Symbols, &'static str> {
            Ok(Symbols {
                $($field: {
                    let address = find($name).ok_or($name.to_str().unwrap_or("?"))?;
                    // SAFETY: the symbol of this name in CPython 3.13 has this type (its headers say so).
                    unsafe { std::mem::transmute::<*mut c_void, $type>(address) }
                },)*
            })
        }
    };
}

symbols! {
    /// Makes a frame for a call: thread, function, locals, arguments, their number, keyword names.
    /// Takes over the references to function and arguments.
    push_and_init = c"_PyEvalFramePushAndInit":
        unsafe extern "C" fn(*mut ThreadState, *mut PyObject, *mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut Frame;
    /// The interpreter: runs a frame to its end.
    eval_frame = c"_PyEval_EvalFrameDefault": unsafe extern "C" fn(*mut ThreadState, *mut Frame, c_int) -> *mut PyObject;
    /// Sets how a function is called, and takes its version away.
    set_vectorcall = c"PyFunction_SetVectorcall": unsafe extern "C" fn(*mut PyObject, *mut c_void);
    /// Shows all objects of the collector to a callback, which says whether to go on.
    visit_objects = c"PyUnstable_GC_VisitObjects":
        unsafe extern "C" fn(unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int, *mut c_void);
    /// Clears a frame and takes it off the data stack.
    clear_and_pop = c"_PyEval_FrameClearAndPop": unsafe extern "C" fn(*mut ThreadState, *mut Frame);
    /// Serves whoever wants the interpreter's attention: signals, pending calls, other threads, the collector. Negative with
    /// an exception.
    handle_pending = c"_Py_HandlePending": unsafe extern "C" fn(*mut ThreadState) -> c_int;
    /// Tells monitoring tools that an exception was raised.
    monitor_raise = c"_PyEval_MonitorRaise": unsafe extern "C" fn(*mut ThreadState, *mut Frame, *mut u16);
    /// Unpacks an iterable: thread, object, items, items behind a star or -1, end of the room. 0 with an exception.
    unpack_iterable = c"_PyEval_UnpackIterable":
        unsafe extern "C" fn(*mut ThreadState, *mut PyObject, c_int, c_int, *mut *mut PyObject) -> c_int;
    /// Finds a special method on the type of an object, bound to it: object, interned name. Null perhaps without an exception.
    lookup_special = c"_PyObject_LookupSpecial": unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;
    /// Finds an attribute that is to be called: object, name, and where to. 1 where it is a method that is not bound.
    get_method = c"_PyObject_GetMethod":
        unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut *mut PyObject) -> c_int;
    /// Raises an exception about a name: thread, exception, format, name.
    format_name_error = c"_PyEval_FormatExcCheckArg":
        unsafe extern "C" fn(*mut ThreadState, *mut PyObject, *const std::ffi::c_char, *mut PyObject);
    /// Matches keys of a mapping: thread, mapping, keys.
    match_keys = c"_PyEval_MatchKeys": unsafe extern "C" fn(*mut ThreadState, *mut PyObject, *mut PyObject) -> *mut PyObject;
    /// Matches a class pattern: thread, subject, class, positional patterns, names.
    match_class = c"_PyEval_MatchClass":
        unsafe extern "C" fn(*mut ThreadState, *mut PyObject, *mut PyObject, isize, *mut PyObject) -> *mut PyObject;
    /// Intrinsic functions of one object.
    unary_intrinsics = c"_PyIntrinsics_UnaryFunctions": *const Intrinsic1;
    /// Intrinsic functions of two objects.
    binary_intrinsics = c"_PyIntrinsics_BinaryFunctions": *const Intrinsic2;
    /// Merges a mapping into a dict: dict, mapping, what to do about keys that are there (2: raise).
    dict_merge = c"_PyDict_MergeEx": unsafe extern "C" fn(*mut PyObject, *mut PyObject, c_int) -> c_int;
    /// Makes the error about named arguments a better one: thread, callable, arguments.
    format_keywords_error = c"_PyEval_FormatKwargsError":
        unsafe extern "C" fn(*mut ThreadState, *mut PyObject, *mut PyObject);
    /// Adds the items of an iterable to a set.
    set_update = c"_PySet_Update": unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> c_int;
    /// A function's name as messages have it: a new `str`.
    function_text = c"_PyObject_FunctionStr": unsafe extern "C" fn(*mut PyObject) -> *mut PyObject;
    /// Finds a name in a class and its bases: a borrowed reference or null, no exception.
    type_lookup = c"_PyType_Lookup": unsafe extern "C" fn(*mut PyTypeObject, *mut PyObject) -> *mut PyObject;
    /// The function that runs frames in this interpreter (PEP 523).
    eval_frame_function = c"_PyInterpreterState_GetEvalFrameFunc": unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    /// The runtime; debug offsets come first.
    runtime = c"_PyRuntime": *const u8;
    /// Registers a dict watcher.
    add_dict_watcher = c"PyDict_AddWatcher": unsafe extern "C" fn(DictCallback) -> c_int;
    /// Removes a dict watcher.
    clear_dict_watcher = c"PyDict_ClearWatcher": unsafe extern "C" fn(c_int) -> c_int;
    /// Watches a dict.
    watch_dict = c"PyDict_Watch": unsafe extern "C" fn(c_int, *mut PyObject) -> c_int;
    /// Stops watching a dict.
    unwatch_dict = c"PyDict_Unwatch": unsafe extern "C" fn(c_int, *mut PyObject) -> c_int;
    /// Registers a type watcher.
    add_type_watcher = c"PyType_AddWatcher": unsafe extern "C" fn(TypeCallback) -> c_int;
    /// Removes a type watcher.
    clear_type_watcher = c"PyType_ClearWatcher": unsafe extern "C" fn(c_int) -> c_int;
    /// Watches a type until its next change.
    watch_type = c"PyType_Watch": unsafe extern "C" fn(c_int, *mut PyObject) -> c_int;
    /// Registers a function watcher, for all functions.
    add_function_watcher = c"PyFunction_AddWatcher": unsafe extern "C" fn(FunctionCallback) -> c_int;
    /// Removes a function watcher.
    clear_function_watcher = c"PyFunction_ClearWatcher": unsafe extern "C" fn(c_int) -> c_int;
    /// Registers a code watcher, for all code objects.
    add_code_watcher = c"PyCode_AddWatcher": unsafe extern "C" fn(CodeCallback) -> c_int;
    /// Removes a code watcher.
    clear_code_watcher = c"PyCode_ClearWatcher": unsafe extern "C" fn(c_int) -> c_int;
}

// SAFETY: addresses of functions and of one static; they do not change while the process runs.
unsafe impl Send for Symbols {}
// SAFETY: as above.
unsafe impl Sync for Symbols {}

static SYMBOLS: OnceLock<Result<Symbols, &'static str>> = OnceLock::new();

/// The symbols.
///
/// # Errors
/// The name of one that this process does not have.
pub fn symbols() -> Result<&'static Symbols, &'static str> {
    SYMBOLS.get_or_init(look_up).as_ref().map_err(|name| *name)
}

/// The address of a symbol of the process, if there is one.
pub fn find(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: dlsym only reads the name, which ends with a zero.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}
