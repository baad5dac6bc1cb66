//! Making objects, for exits, and looking at them.
//!
//! All functions need the GIL, and objects that are alive. Functions that make objects give a new
//! reference, or null with an exception set.

#![allow(clippy::missing_safety_doc, reason = "the one contract is in the module's text")]

use crate::PyObject;
use crate::floats;
pub use crate::references::{count, decref, incref, is_last, shared};
use crate::version::layout;
use crate::version::symbols::symbols;

/// An `int`.
pub unsafe fn new_int(value: i64) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe { pyo3_ffi::PyLong_FromLongLong(value) }
}

/// A `float`.
pub unsafe fn new_float(value: f64) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe { floats::new(value) }
}

/// `True` or `False`.
pub unsafe fn new_bool(value: bool) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe { pyo3_ffi::PyBool_FromLong(value.into()) }
}

/// A `tuple`. The items' references are handed over (and dropped where it fails).
pub unsafe fn new_tuple(items: &[*mut PyObject]) -> *mut PyObject {
    // SAFETY: a new tuple of this length is filled in before anybody sees it.
    unsafe {
        let tuple = pyo3_ffi::PyTuple_New(items.len() as isize);
        if tuple.is_null() {
            for item in items {
                pyo3_ffi::Py_XDECREF(*item);
            }
            return tuple;
        }
        let slots = (&raw mut (*tuple.cast::<layout::Tuple>()).items).cast::<*mut PyObject>();
        for (index, item) in items.iter().enumerate() {
            slots.add(index).write(*item);
        }
        tuple
    }
}

/// A generator of a code and globals, in one that is over (or null), whose reference is handed over: see [`crate::helpers::generators`].
pub unsafe fn new_generator(shell: u64, code: u64, globals: u64) -> *mut PyObject {
    // SAFETY: the module's contract: both live.
    unsafe {
        let [shell, code, globals] = [shell, code, globals].map(|address| address as *mut PyObject);
        crate::helpers::generators::new_generator_in(shell, code, globals)
    }
}

/// Whether a code object is this one, or in its constants.
pub unsafe fn contains_code(code: *mut PyObject, wanted: *mut PyObject) -> bool {
    // SAFETY: the module's contract; constants of a code object live as long as it does.
    unsafe {
        let is_code = |object: *mut PyObject| pyo3_ffi::PyCode_Check(object) != 0;
        let consts = tuple_items((*code.cast::<layout::Code>()).consts);
        code == wanted || consts.iter().any(|constant| is_code(*constant) && contains_code(*constant, wanted))
    }
}

/// The iterator of a `range`: next value, step, values left.
pub unsafe fn new_range_iter(next: i64, step: i64, left: i64) -> *mut PyObject {
    // SAFETY: the type's objects have this layout and own nothing; all fields are written.
    unsafe {
        let iterator =
            pyo3_ffi::PyObject_New::<PyObject>(&raw mut pyo3_ffi::PyRangeIter_Type).cast::<layout::RangeIter>();
        if !iterator.is_null() {
            (*iterator).start = next;
            (*iterator).step = step;
            (*iterator).len = left;
        }
        iterator.cast()
    }
}

/// The dict that ends when the object does: of a class that can die its dict, of a dict itself; 0 for anything else, builtin types
/// among them.
pub unsafe fn dict_that_ends(object: *mut PyObject) -> u64 {
    // SAFETY: the module's contract; a type has this layout.
    unsafe {
        if object.is_null() {
            return 0;
        }
        if pyo3_ffi::PyDict_Check(object) != 0 {
            return object as u64;
        }
        if pyo3_ffi::PyType_Check(object) == 0 {
            return 0;
        }
        let ty = &*object.cast::<pyo3_ffi::PyTypeObject>();
        if ty.tp_flags & pyo3_ffi::Py_TPFLAGS_HEAPTYPE == 0 { 0 } else { ty.tp_dict as u64 }
    }
}

/// A weak reference without a callback; null, with no exception set, where there cannot be one.
pub unsafe fn new_weak(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe {
        let reference = pyo3_ffi::PyWeakref_NewRef(object, std::ptr::null_mut());
        if reference.is_null() {
            pyo3_ffi::PyErr_Clear();
        }
        reference
    }
}

/// What a weak reference leads to (borrowed), or null where that is gone.
pub unsafe fn weak_target(reference: *mut PyObject) -> *mut PyObject {
    let mut target = std::ptr::null_mut();
    // SAFETY: the module's contract. Whoever holds the object besides us still does after the new reference went:
    // the GIL is held.
    unsafe {
        if pyo3_ffi::PyWeakref_GetRef(reference, &mut target) == 1 {
            decref(target);
            return target;
        }
        pyo3_ffi::PyErr_Clear();
    }
    std::ptr::null_mut()
}

/// An instance of a class that is nothing but inline values or slots: a word for each, null where there is nothing, from behind its head
/// on. Their references are handed over, but where it fails. A `dict` has names and values in turn, a bound method its two parts, a list
/// its items. Only of a list the head is something: see [`new_list`].
pub unsafe fn new_instance(class: *mut PyObject, head: *mut PyObject, values: &[*mut PyObject]) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe {
        match values {
            _ if class == (&raw mut pyo3_ffi::PyDict_Type).cast() => return new_dict(values),
            _ if class == (&raw mut pyo3_ffi::PyList_Type).cast() => return new_list(head, values),
            [function, object] if class == (&raw mut crate::capi::PyMethod_Type).cast() => {
                return new_method(*function, *object);
            }
            _ => {}
        }
    }
    const HEAD: usize = size_of::<PyObject>() / size_of::<usize>();
    let has = |(place, value): (usize, &*mut PyObject)| i64::from(!value.is_null()) << (HEAD + place);
    let words = values.iter().enumerate().map(has).fold(0, |words, one| words | one);
    // SAFETY: the module's contract; the instance has these words, as it had when the trace was recorded.
    unsafe {
        let instance = crate::helpers::instances::new_instance_with(class, words, 0, 0);
        if !instance.is_null() {
            let first = instance.cast::<*mut PyObject>().add(HEAD);
            for (place, value) in values.iter().enumerate().filter(|(_, value)| !value.is_null()) {
                first.add(place).write(*value);
            }
        }
        instance
    }
}

/// A list of these items, whose references are handed over, but where it fails. `room` is an `int`, for how many items it has memory, or
/// null where it has as much as it needs.
unsafe fn new_list(room: *mut PyObject, items: &[*mut PyObject]) -> *mut PyObject {
    // SAFETY: the module's contract; nobody else has the new list, whose memory is for at least so many items.
    unsafe {
        let length = items.len() as i64;
        let room = if room.is_null() { None } else { crate::helpers::small_int(room) };
        let list = crate::helpers::sequences::new_grown_list(length | room.unwrap_or(length).max(length) << 32);
        if !list.is_null() {
            let memory = (*list.cast::<crate::version::layout::List>()).items;
            for (at, item) in items.iter().enumerate() {
                memory.add(at).write(*item);
            }
        }
        list
    }
}

/// A dict of names and values in turn, whose references are handed over, but where it fails. Names are `str`.
unsafe fn new_dict(items: &[*mut PyObject]) -> *mut PyObject {
    // SAFETY: the module's contract; looking a `str` up among such runs no Python code.
    unsafe {
        let count = items.len() as isize;
        let none = std::ptr::null_mut();
        let dict = crate::helpers::instances::new_keywords(none, items.as_ptr(), count, none);
        if !dict.is_null() {
            items.iter().for_each(|item| decref(*item));
        }
        dict
    }
}

/// A bound method, which the references are handed over to, but where it fails.
unsafe fn new_method(function: *mut PyObject, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe {
        let method = crate::capi::PyMethod_New(function, object);
        if !method.is_null() {
            decref(function);
            decref(object);
        }
        method
    }
}

/// A function of this code, with these globals and a closure, or none.
pub unsafe fn new_function(code: *mut PyObject, globals: *mut PyObject, closure: *mut PyObject) -> *mut PyObject {
    // SAFETY: the module's contract; the closure is a tuple of cells, as many as the code has free variables.
    unsafe {
        let function = crate::capi::PyFunction_New(code, globals);
        if !function.is_null() && !closure.is_null() {
            (*function.cast::<layout::Function>()).closure = pyo3_ffi::Py_NewRef(closure);
        }
        function
    }
}

/// The address of an object's type; 0 for null.
pub unsafe fn type_of(object: *mut PyObject) -> u64 {
    if object.is_null() {
        return 0;
    }
    // SAFETY: the module's contract.
    unsafe { pyo3_ffi::Py_TYPE(object) as u64 }
}

/// The code of a Python function (borrowed), or null where the object is none.
pub unsafe fn function_code(function: *mut PyObject) -> *mut PyObject {
    // SAFETY: an exact function has this layout.
    unsafe {
        if function.is_null() || pyo3_ffi::PyFunction_Check(function) == 0 {
            return std::ptr::null_mut();
        }
        (*function.cast::<layout::Function>()).code
    }
}

/// What a call of a plain Python function needs to know of it.
#[derive(Clone, Copy, Debug)]
pub struct PlainFunction {
    /// Its code.
    pub code: *mut PyObject,
    /// Its globals.
    pub globals: *mut PyObject,
    /// Its builtins.
    pub builtins: *mut PyObject,
}

/// A Python function that takes exactly `count` arguments by position and begins to run at once: no cells to be made,
/// nothing that collects arguments, none left to a default. It may have cells of functions around it.
pub unsafe fn plain_function(object: *mut PyObject, count: usize) -> Option<PlainFunction> {
    // SAFETY: an exact function has this layout, and its code too.
    unsafe {
        if pyo3_ffi::Py_TYPE(object) != &raw mut pyo3_ffi::PyFunction_Type {
            return None;
        }
        let function = &*object.cast::<layout::Function>();
        let plain = plain_code(function.code, count) && crate::hook::is_plain(function.vectorcall);
        plain.then_some(PlainFunction { code: function.code, globals: function.globals, builtins: function.builtins })
    }
}

/// Whether functions of this code are such, when nobody has changed the way in which they are called.
pub unsafe fn plain_code(code: *mut PyObject, count: usize) -> bool {
    // SAFETY: a live code object.
    let code = unsafe { &*code.cast::<layout::Code>() };
    let others = layout::flags::VAR_ARGS | layout::flags::VAR_KEYWORDS | layout::flags::SUSPENDS;
    code.arg_count as usize == count && (code.keyword_only_count | code.cell_vars | (code.flags & others)) == 0
}

/// Whether it is a code object.
pub unsafe fn is_code(object: *mut PyObject) -> bool {
    // SAFETY: the module's contract.
    unsafe { pyo3_ffi::Py_TYPE(object) == &raw mut pyo3_ffi::PyCode_Type }
}

/// How many positional arguments a Python function takes, or one of this code; none where the object is neither.
pub unsafe fn parameters(object: *mut PyObject) -> Option<usize> {
    // SAFETY: as above.
    unsafe {
        let code = if is_code(object) { object } else { function_code(object) }.cast::<layout::Code>();
        (!code.is_null()).then(|| (*code).arg_count as usize)
    }
}

/// Sets an exception of this class, with a message.
pub unsafe fn raise(class: *mut PyObject, text: &str) {
    // SAFETY: the module's contract; without memory for the message that is the exception.
    unsafe {
        let message = pyo3_ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize);
        if !message.is_null() {
            pyo3_ffi::PyErr_SetObject(class, message);
            decref(message);
        }
    }
}

/// A method that the class of an object has under this name, not bound (a new reference); null where there is none.
pub(crate) unsafe fn special_method(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: the module's contract.
    unsafe {
        let symbols = symbols().ok();
        let found =
            symbols.map_or(std::ptr::null_mut(), |symbols| (symbols.type_lookup)(pyo3_ffi::Py_TYPE(object), name));
        incref(found);
        found
    }
}

/// Clears the exception that is set where it is a `StopIteration`; else it stays.
pub unsafe fn take_stop_iteration() -> bool {
    // SAFETY: the module's contract; an exception is set.
    unsafe {
        let stops = pyo3_ffi::PyErr_ExceptionMatches(pyo3_ffi::PyExc_StopIteration) != 0;
        if stops {
            pyo3_ffi::PyErr_Clear();
        }
        stops
    }
}

/// Whether it is `None`.
pub unsafe fn is_none(object: *mut PyObject) -> bool {
    // SAFETY: the module's contract.
    unsafe { object == pyo3_ffi::Py_None() }
}

/// Sets the exception of an `__init__` that gave this.
pub unsafe fn raise_init_result(value: *mut PyObject) {
    // SAFETY: the module's contract; a type's name is a string.
    unsafe {
        let name = (*pyo3_ffi::Py_TYPE(value)).tp_name;
        pyo3_ffi::PyErr_Format(
            pyo3_ffi::PyExc_TypeError,
            c"__init__() should return None, not '%.200s'".as_ptr(),
            name,
        );
    }
}

/// Sets a `MemoryError`.
pub unsafe fn raise_memory_error() {
    // SAFETY: the module's contract.
    unsafe {
        pyo3_ffi::PyErr_NoMemory();
    }
}

/// The text of a `str`, for messages.
pub unsafe fn text(string: *mut PyObject) -> String {
    // SAFETY: checked to be a str; an encoding error (lone surrogates) is cleared.
    unsafe {
        if string.is_null() || pyo3_ffi::PyUnicode_Check(string) == 0 {
            return String::new();
        }
        let mut size = 0;
        let data = pyo3_ffi::PyUnicode_AsUTF8AndSize(string, &mut size);
        if data.is_null() {
            pyo3_ffi::PyErr_Clear();
            return String::from("?");
        }
        let bytes = std::slice::from_raw_parts(data.cast::<u8>(), size as usize);
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// The bytes of a `bytes`, copied.
pub(crate) unsafe fn byte_string(bytes: *mut PyObject) -> Vec<u8> {
    // SAFETY: checked to be a bytes.
    unsafe {
        if bytes.is_null() || pyo3_ffi::PyBytes_Check(bytes) == 0 {
            return Vec::new();
        }
        let bytes = bytes.cast::<layout::Bytes>();
        std::slice::from_raw_parts((&raw const (*bytes).data).cast(), (*bytes).size as usize).to_vec()
    }
}

/// The items of a `tuple`; empty for anything else. Valid while the tuple lives.
pub(crate) unsafe fn tuple_items<'a>(tuple: *mut PyObject) -> &'a [*mut PyObject] {
    // SAFETY: checked to be a tuple; tuples do not change.
    unsafe {
        if tuple.is_null() || pyo3_ffi::PyTuple_Check(tuple) == 0 {
            return &[];
        }
        let tuple = tuple.cast::<layout::Tuple>();
        std::slice::from_raw_parts((&raw const (*tuple).items).cast(), (*tuple).size as usize)
    }
}

/// The descriptor of a method in C of a builtin type, which keeps it alive.
///
/// # Safety
/// The GIL is held; a builtin type.
pub(crate) unsafe fn builtin_method(
    ty: *mut pyo3_ffi::PyTypeObject,
    name: &std::ffi::CStr,
) -> Option<*mut pyo3_ffi::PyMethodDescrObject> {
    // SAFETY: the caller's; looking a name up in a builtin type runs no Python code.
    unsafe {
        let name = pyo3_ffi::PyUnicode_InternFromString(name.as_ptr());
        if name.is_null() {
            pyo3_ffi::PyErr_Clear();
            return None;
        }
        let found = symbols().ok().map(|symbols| (symbols.type_lookup)(ty, name));
        decref(name);
        let is_method =
            |found: &*mut PyObject| !found.is_null() && type_of(*found) == &raw mut pyo3_ffi::PyMethodDescr_Type as u64;
        found.filter(is_method).map(|found| found.cast())
    }
}
