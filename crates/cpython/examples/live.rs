//! A Python extension with which `tests/live.rs` tries this crate inside of a running CPython.
//!
//! It offers to Python what the engine does with the crate, in small pieces: decode code, observe a call,
//! act in the callback of a jump or of a function's start. Not part of the product: what cannot be here ends the test's
//! process, which is how a test fails.

#![allow(missing_docs, reason = "a test's program")]
#![allow(
    clippy::missing_safety_doc,
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all: `tests/live.rs` calls each function from Python, with the GIL held, with the arguments that it is for, \
              or CPython does so in the callbacks that are registered here"
)]

use decal_cpython::code::{DecodedCode, decode};
use decal_cpython::frame::{self, Frame, Unwound};
use decal_cpython::monitoring::{Callbacks, ClaimError, LocalEvents, Monitoring, disable, nothing, offset, only_decal};
use decal_cpython::observe::{Assumption, Calls, observe};
use decal_cpython::thread::Thread;
use decal_cpython::watch::{Changed, Watchers};
use decal_cpython::{host, objects, support};
use decal_trace::event::CodeId;
use pyo3_ffi::*;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ptr::null_mut;
use std::sync::Mutex;

#[derive(Default)]
struct State {
    monitoring: Option<Monitoring>,
    watchers: Option<Watchers>,
    codes: HashMap<usize, CodeId>,
    log: Vec<String>,
    action: String,
    object: usize,
}

// Python's GIL serializes everything; the mutex is for the compiler.
struct Shared(Option<State>);
unsafe impl Send for Shared {}
static STATE: Mutex<Shared> = Mutex::new(Shared(None));

fn with<T>(work: impl FnOnce(&mut State) -> T) -> T {
    let mut guard = STATE.lock().unwrap();
    work(guard.0.get_or_insert_default())
}

unsafe fn string(text: &str) -> *mut PyObject {
    unsafe { PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize) }
}

// Decoded anew each time: nobody here hears when a code object dies and its address is used again.
unsafe fn decoded(code: *mut PyObject) -> (CodeId, DecodedCode) {
    let id = with(|state| {
        let next = CodeId(state.codes.len() as u32);
        *state.codes.entry(code as usize).or_insert(next)
    });
    (id, unsafe { decode(code).unwrap() })
}

struct Watch;
impl Calls for Watch {
    fn enter(&mut self, code: *mut PyObject, depth: u32, _: bool) -> Result<CodeId, &'static str> {
        let (id, decoded) = unsafe { decoded(code) };
        decoded.inlinable?;
        if depth > 2 { Err("calls nested too deep") } else { Ok(id) }
    }
}

unsafe extern "C" fn on_instruction(_: *mut PyObject, args: *mut *mut PyObject, _: isize) -> *mut PyObject {
    unsafe {
        let frame = Frame::current(Thread::current());
        let (id, code) = decoded(*args);
        let at = offset(*args.add(1));
        assert_eq!(frame.offset(), at);
        let text = match observe(frame, &code, id, 0, at, &mut Watch) {
            Some(seen) => format!("{:?} {:?}", seen.event, seen.assumptions),
            None => format!("nothing at {at}"),
        };
        with(|state| state.log.push(text));
        nothing()
    }
}

unsafe fn set_value_error(text: &CStr) {
    unsafe { PyErr_SetString(PyExc_ValueError, text.as_ptr()) }
}

unsafe extern "C" fn on_jump(_: *mut PyObject, args: *mut *mut PyObject, count: isize) -> *mut PyObject {
    unsafe {
        assert_eq!(count, 3);
        let (action, object) = with(|state| (std::mem::take(&mut state.action), state.object as *mut PyObject));
        let thread = Thread::current();
        let frame = Frame::current(thread);
        let (_, code) = decoded(*args);
        let (at, destination) = (offset(*args.add(1)), offset(*args.add(2)));
        assert_eq!(frame.offset(), at);
        assert_eq!(frame.stack_depth(), code.depth(at));
        let mut words = action.split(' ');
        let number = |word: Option<&str>| word.unwrap().parse::<u32>().unwrap();
        match words.next() {
            Some("null") => {
                set_value_error(c"from the callback");
                frame.set_offset(number(words.next()));
                null_mut()
            }
            Some("unwind") => {
                let to = number(words.next());
                set_value_error(c"unwound");
                // For a call the stack is without callable and arguments.
                let keep = number(words.next());
                frame.set_stack_depth(keep);
                match frame.unwind(thread, &code, to, Some(destination)) {
                    Unwound::Resume => nothing(),
                    Unwound::Null => null_mut(),
                }
            }
            Some("goto") => {
                frame.set_offset(number(words.next()));
                nothing()
            }
            // Two inner frames of the given function, the outer one at a call, as an exit builds them.
            Some("inner") => {
                let (call, after, throw) = (number(words.next()), number(words.next()), number(words.next()));
                let one = frame::push(thread, object, frame).unwrap();
                let two = frame::push(thread, object, one).unwrap();
                for inner in [one, two] {
                    inner.replace_local(0, objects::new_int(10));
                }
                one.set_offset(call);
                one.set_stack_depth(0);
                two.set_stack_depth(0);
                if throw == 1 {
                    set_value_error(c"inside");
                    two.set_offset(call);
                } else {
                    // Behind the RESUME, with the argument already changed.
                    two.set_offset(1);
                    objects::decref(two.replace_local(0, objects::new_int(0)));
                }
                let guard = thread.unsilence();
                let result = frame::run(thread, two, throw == 1);
                let result = match result {
                    Ok(value) => {
                        one.set_stack(0, value);
                        one.set_stack_depth(1);
                        one.set_offset(after);
                        frame::run(thread, one, false)
                    }
                    Err(_) => frame::run(thread, one, true),
                };
                drop(guard);
                match result {
                    Ok(value) => {
                        objects::decref(frame.replace_local(0, value));
                        nothing()
                    }
                    Err(_) => match frame.unwind(thread, &code, at, Some(destination)) {
                        Unwound::Resume => nothing(),
                        Unwound::Null => null_mut(),
                    },
                }
            }
            Some("drop") => {
                let inner = frame::push(thread, object, frame).unwrap();
                inner.replace_local(0, PyList_New(0));
                frame::drop_frame(thread, inner);
                nothing()
            }
            Some("disable") => disable(),
            _ => {
                with(|state| state.log.push(format!("jump {at} {destination} {}", only_decal(*args))));
                nothing()
            }
        }
    }
}

unsafe extern "C" fn on_start(_: *mut PyObject, args: *mut *mut PyObject, count: isize) -> *mut PyObject {
    unsafe {
        assert_eq!(count, 2);
        let frame = Frame::current(Thread::current());
        let (_, code) = decoded(*args);
        assert_eq!(frame.stack_depth(), Some(0));
        assert_eq!(frame.offset(), offset(*args.add(1)));
        if frame.return_value(&code, objects::new_int(77)) {
            nothing()
        } else {
            with(|state| state.log.push("no RETURN_VALUE".into()));
            nothing()
        }
    }
}

fn on_change(what: Changed) {
    if !matches!(what, Changed::CodeDies(_)) {
        with(|state| state.log.push(format!("{what:?}")));
    }
}

unsafe fn raise(text: &str) -> *mut PyObject {
    unsafe {
        let text = CString::new(text).unwrap();
        PyErr_SetString(PyExc_RuntimeError, text.as_ptr());
        null_mut()
    }
}

macro_rules! functions {
    ($($name:ident |$args:ident| $body:block)*) => {
        $(unsafe extern "C" fn $name(_: *mut PyObject, args: *mut *mut PyObject, count: isize) -> *mut PyObject {
            #[allow(unused_variables)]
            let $args = unsafe { std::slice::from_raw_parts(args, count as usize) };
            #[allow(unused_unsafe)]
            unsafe { $body }
        })*
        fn definitions() -> Vec<PyMethodDef> {
            let mut list = vec![$(PyMethodDef {
                ml_name: concat!(stringify!($name), "\0").as_ptr().cast(),
                ml_meth: PyMethodDefPointer { PyCFunctionFast: $name },
                ml_flags: METH_FASTCALL,
                ml_doc: std::ptr::null(),
            }),*];
            list.push(PyMethodDef::zeroed());
            list
        }
    };
}

functions! {
    check |_args| {
        match support::check() {
            Ok(()) => nothing(),
            Err(reason) => string(&reason.to_string()),
        }
    }
    host_text |_args| { string(&format!("{:?}", host())) }
    decode_text |args| {
        let (_, d) = decoded(args[0]);
        let depths: Vec<i64> = d.depths.iter().map(|x| x.map_or(-1, i64::from)).collect();
        let handlers: Vec<(i64, u32, u32)> =
            d.handlers.iter().map(|h| h.map_or((-1, 0, 0), |h| (h.target.into(), h.depth, h.lasti.into()))).collect();
        let units: Vec<(u32, u32, u32)> = d.instructions.iter().flatten().map(|i| (i.start, i.unit, i.next)).collect();
        string(&format!(
            "dict(lines={:?}, depths={depths:?}, handlers={handlers:?}, heads={:?}, units={units:?}, inlinable={:?}, traceable={:?})",
            d.code.lines, d.heads, d.inlinable.err().unwrap_or(""), d.traceable.err().unwrap_or(""),
        ))
    }
    ops_text |args| {
        let (_, d) = decoded(args[0]);
        let ops: Vec<String> = d.instructions.iter().flatten().map(|i| format!("{} {:?}", i.start, i.op)).collect();
        string(&ops.join("\n"))
    }
    claim |_args| {
        match Monitoring::claim(Callbacks { jump: on_jump, start: on_start, instruction: on_instruction }) {
            Ok(monitoring) => { with(|state| state.monitoring = Some(monitoring)); nothing() }
            Err(ClaimError::Taken(name)) => raise(&format!("taken by {name}")),
            Err(ClaimError::Raised) => null_mut(),
        }
    }
    release |_args| {
        match with(|state| state.monitoring.take()) {
            Some(monitoring) => if monitoring.release().is_ok() { nothing() } else { null_mut() },
            None => raise("not claimed"),
        }
    }
    jumps |args| {
        // The lock is not held while Python works: callbacks may come.
        let monitoring = with(|state| state.monitoring.take()).unwrap();
        let result = monitoring.set_global(args[0] == Py_True(), false);
        with(|state| state.monitoring = Some(monitoring));
        if result.is_ok() { nothing() } else { null_mut() }
    }
    restart |_args| {
        let monitoring = with(|state| state.monitoring.take()).unwrap();
        let result = monitoring.restart_events();
        with(|state| state.monitoring = Some(monitoring));
        if result.is_ok() { nothing() } else { null_mut() }
    }
    local |args| {
        let events = PyLong_AsLong(args[1]);
        let events = LocalEvents { start: events & 1 != 0, jump: events & 2 != 0, instruction: events & 4 != 0 };
        let monitoring = with(|state| state.monitoring.take()).unwrap();
        let result = monitoring.set_local(args[0], events);
        with(|state| state.monitoring = Some(monitoring));
        if result.is_ok() { nothing() } else { null_mut() }
    }
    action |args| {
        let text = objects::text(args[0]);
        let object = args.get(1).map_or(0, |object| *object as usize);
        with(|state| { state.action = text; state.object = object; });
        nothing()
    }
    log |_args| {
        let lines = with(|state| std::mem::take(&mut state.log));
        string(&lines.join("\n"))
    }
    watch |args| {
        if with(|state| state.watchers.is_none()) {
            let Ok(watchers) = Watchers::register(on_change) else { return null_mut() };
            with(|state| state.watchers = Some(watchers));
        }
        let address = args[1] as u64;
        let what = match objects::text(args[0]).as_str() {
            "dict" => Assumption::Dict { dict: address, key: 0 },
            "type" => Assumption::Type(address),
            _ => Assumption::Function(address),
        };
        let watchers = with(|state| state.watchers.take()).unwrap();
        let result = watchers.watch(what);
        with(|state| state.watchers = Some(watchers));
        if result.is_ok() { nothing() } else { raise("unwatchable") }
    }
    unwatch |_args| {
        if let Some(watchers) = with(|state| state.watchers.take()) {
            watchers.unregister();
        }
        nothing()
    }
    binary_float |args| {
        // The helpers by their addresses, as traces call them.
        let functions = host().functions;
        let address = match objects::text(args[0]).as_str() {
            "%" => functions.float_mod,
            "//" => functions.float_floordiv,
            _ => functions.float_pow,
        };
        let function: extern "C" fn(f64, f64) -> f64 = std::mem::transmute(address as usize);
        PyFloat_FromDouble(function(PyFloat_AsDouble(args[1]), PyFloat_AsDouble(args[2])))
    }
    compare_int |args| {
        let address = host().functions.int_compare[PyLong_AsLong(args[0]) as usize];
        let function: unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> i32 = std::mem::transmute(address as usize);
        PyBool_FromLong(function(args[1], args[2]).into())
    }
    range_iter |args| {
        let address = host().functions.new_range_iter;
        let function: unsafe extern "C" fn(i64, i64, i64) -> *mut PyObject = std::mem::transmute(address as usize);
        let result = function(PyLong_AsLong(args[0]), PyLong_AsLong(args[1]), PyLong_AsLong(args[2]));
        if result.is_null() { nothing() } else { result }
    }
}

/// Makes the module.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_live() -> *mut PyObject {
    let methods = Box::leak(definitions().into_boxed_slice()).as_mut_ptr();
    let definition = Box::leak(Box::new(PyModuleDef {
        m_base: PyModuleDef_HEAD_INIT,
        m_name: c"live".as_ptr(),
        m_doc: std::ptr::null(),
        m_size: -1,
        m_methods: methods,
        m_slots: null_mut(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    unsafe { PyModule_Create(definition) }
}
