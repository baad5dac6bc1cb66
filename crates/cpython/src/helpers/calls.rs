//! Calls that are not inlined, with the arguments' references where the interpreter has them.
//!
//! The interpreter's stack gives callable and arguments away: a Python function, and the `__init__` of a plain class, have
//! their arguments to themselves, so that one can die when the function lets go of it. The public functions of the C API keep
//! a reference for the caller; so what is called that way comes last here.

use crate::capi as ffi;
use crate::frame;
use crate::host::type_address;
use crate::observe::look_up;
use crate::thread::Thread;
use crate::version::layout;
use crate::version::symbols::symbols;
use crate::{PyObject, objects};
use std::ffi::c_int;
use std::ptr::null_mut;
use std::sync::OnceLock;

/// A method of a builtin type, bound to an object of that type.
pub unsafe extern "C" fn bind_builtin(descriptor: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects; a method descriptor binds in C.
    unsafe {
        let ty = ffi::Py_TYPE(descriptor);
        match (*ty).tp_descr_get {
            Some(bind) if ty == &raw mut ffi::PyMethodDescr_Type => {
                bind(descriptor, object, ffi::Py_TYPE(object).cast())
            }
            _ => null_mut(),
        }
    }
}

/// Calls the first of these objects with the others; `count` are positional, `names` are those of the last ones, or null.
/// Takes over the references to all of them.
pub unsafe extern "C" fn call(objects: *mut *mut PyObject, count: usize, names: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects, as many as `count` and `names` say, whose references are ours.
    unsafe {
        let named = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) as usize };
        let (mut callable, mut arguments, mut count) = (*objects, objects.add(1), count);
        if objects::type_of(callable) == type_address!(PyMethod_Type) {
            let method = &*callable.cast::<layout::Method>();
            *objects = ffi::Py_NewRef(method.self_);
            let function = ffi::Py_NewRef(method.function);
            objects::decref(callable);
            callable = function;
            (arguments, count) = (objects, count + 1);
        }
        let thread = Thread::current();
        if let Some(result) = frame::call(thread, callable, arguments, count, names) {
            return result;
        }
        if names.is_null()
            && objects::type_of(callable) == type_address!(PyType_Type)
            && let Some(init) = simple_init(callable.cast(), count)
        {
            return make(thread, callable, init, arguments, count);
        }
        let result = ffi::PyObject_Vectorcall(callable, arguments, count, names);
        objects::decref(callable);
        for index in 0..count + named {
            objects::decref(*arguments.add(index));
        }
        attend(thread, result)
    }
}

/// Behind a call of what is no Python function the interpreter looks whether somebody wants its attention: a handler of a
/// signal runs there, before anything else does.
unsafe fn attend(thread: Thread, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: a new reference or null; the thread is the current one, its frames are exact.
    unsafe {
        if !result.is_null() && thread.attend().is_err() {
            objects::decref(result);
            return null_mut();
        }
        result
    }
}

/// `CALL_FUNCTION_EX`: of callable, null, positional arguments, and the dict of named ones where there is one. Takes over the
/// references to them. The result goes into the same array.
pub unsafe extern "C" fn call_with_sequence(items: *mut *mut PyObject, flags: u64) -> c_int {
    // SAFETY: three or four slots in the array, whose references are ours; the second is null.
    unsafe {
        let (callable, arguments) = (*items, *items.add(2));
        let named = if flags & 1 != 0 { *items.add(3) } else { null_mut() };
        let tuple = tuple_of(callable, arguments);
        let result = if tuple.is_null() {
            objects::decref(callable);
            ffi::Py_XDECREF(named);
            null_mut()
        } else {
            call_with(Thread::current(), callable, tuple, named)
        };
        *items = result;
        if result.is_null() { -1 } else { 0 }
    }
}

/// Arguments as a tuple, in exchange for the reference to them.
unsafe fn tuple_of(callable: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe {
        if ffi::PyTuple_CheckExact(arguments) != 0 {
            return arguments;
        }
        let ty = objects::type_of(arguments) as *mut ffi::PyTypeObject;
        let mut tuple = null_mut();
        if (*ty).tp_iter.is_some() || ffi::PySequence_Check(arguments) != 0 {
            tuple = ffi::PySequence_Tuple(arguments);
        } else if let Ok(symbols) = symbols() {
            let name = (symbols.function_text)(callable);
            if !name.is_null() {
                let text = c"%U argument after * must be an iterable, not %.200s";
                ffi::PyErr_Format(ffi::PyExc_TypeError, text.as_ptr(), name, (*ty).tp_name);
                objects::decref(name);
            }
        }
        objects::decref(arguments);
        tuple
    }
}

/// Calls with a tuple and a dict, or null. Takes over all references.
unsafe fn call_with(
    thread: Thread,
    callable: *mut PyObject,
    tuple: *mut PyObject,
    named: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: live objects; a dict that nobody else has.
    unsafe {
        if frame::is_plain_function(thread, callable)
            && let Some((all, names)) = spread(tuple, named)
        {
            let count = ffi::PyTuple_GET_SIZE(tuple) as usize;
            objects::decref(tuple);
            ffi::Py_XDECREF(named);
            if let Some(result) = frame::call(thread, callable, all.as_ptr(), count, names) {
                ffi::Py_XDECREF(names);
                return result;
            }
            // Nothing has run in between, so that it is still as plain as it was.
            return null_mut();
        }
        let result = ffi::PyObject_Call(callable, tuple, named);
        objects::decref(callable);
        objects::decref(tuple);
        ffi::Py_XDECREF(named);
        attend(thread, result)
    }
}

/// New references to all arguments, and the names of the last ones; none where a name is no `str`, or memory ran out.
unsafe fn spread(tuple: *mut PyObject, named: *mut PyObject) -> Option<(Vec<*mut PyObject>, *mut PyObject)> {
    // SAFETY: a live tuple, a live dict or null.
    unsafe {
        let mut all: Vec<*mut PyObject> = objects::tuple_items(tuple).to_vec();
        let mut keys = Vec::new();
        if !named.is_null() {
            let (mut at, mut key, mut value) = (0, null_mut(), null_mut());
            while ffi::PyDict_Next(named, &raw mut at, &raw mut key, &raw mut value) != 0 {
                if ffi::PyUnicode_Check(key) == 0 {
                    return None;
                }
                keys.push(key);
                all.push(value);
            }
        }
        let mut names = null_mut();
        if !keys.is_empty() {
            keys.iter().for_each(|key| objects::incref(*key));
            names = objects::new_tuple(&keys);
            if names.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
        }
        all.iter().for_each(|object| objects::incref(*object));
        Some((all, names))
    }
}

/// The `__init__` of a class that makes instances as `object` does, where it takes just so many arguments.
unsafe fn simple_init(class: *mut ffi::PyTypeObject, count: usize) -> Option<*mut PyObject> {
    const ABSTRACT: u64 = 1 << 20;
    static NAME: OnceLock<usize> = OnceLock::new();
    // SAFETY: a live class; what is found in it is borrowed. A function has this layout.
    unsafe {
        let raw = &*class;
        let plain_new = ffi::PyBaseObject_Type.tp_new.map(|f| f as usize);
        if raw.tp_vectorcall.is_some()
            || raw.tp_new.map(|f| f as usize) != plain_new
            || raw.tp_alloc.map(|f| f as usize) != Some(ffi::PyType_GenericAlloc as *const () as usize)
            || raw.tp_flags & ABSTRACT != 0
            || raw.tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0
        {
            return None;
        }
        let name = *NAME.get_or_init(|| ffi::PyUnicode_InternFromString(c"__init__".as_ptr()) as usize);
        let init = look_up(class, name as *mut PyObject);
        if objects::type_of(init) != type_address!(PyFunction_Type) {
            return None;
        }
        let code = &*(*init.cast::<layout::Function>()).code.cast::<layout::Code>();
        let odd = layout::flags::VAR_ARGS | layout::flags::VAR_KEYWORDS;
        let simple =
            code.flags & layout::flags::OPTIMIZED != 0 && code.flags & odd == 0 && code.keyword_only_count == 0;
        (simple && code.arg_count as usize == count + 1).then_some(init)
    }
}

/// Makes an instance. Takes over the references to class and arguments.
unsafe fn make(
    thread: Thread,
    class: *mut PyObject,
    init: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
) -> *mut PyObject {
    // SAFETY: a class and its `__init__`, which live until the latter runs: its frame has a reference.
    unsafe {
        let new = ffi::PyType_GenericAlloc(class.cast(), 0);
        let init = ffi::Py_NewRef(init);
        objects::decref(class);
        if new.is_null() {
            objects::decref(init);
            (0..count).for_each(|index| objects::decref(*arguments.add(index)));
            return null_mut();
        }
        let mut all = vec![ffi::Py_NewRef(new)];
        all.extend((0..count).map(|index| *arguments.add(index)));
        let result = match frame::call(thread, init, all.as_ptr(), all.len(), null_mut()) {
            Some(result) => result,
            None => {
                let result = ffi::PyObject_Vectorcall(init, all.as_ptr(), all.len(), null_mut());
                objects::decref(init);
                all.into_iter().for_each(|object| objects::decref(object));
                result
            }
        };
        if !result.is_null() {
            if objects::is_none(result) {
                return new;
            }
            objects::raise_init_result(result);
            objects::decref(result);
        }
        objects::decref(new);
        null_mut()
    }
}
