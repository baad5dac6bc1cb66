//! Instructions that have no fast form: each as one C function over the slots that it looks at.
//!
//! The objects come in an array, in the order in which they were pushed, and are borrowed; results are written into the
//! same array, from its start, as new references. 0, or -1 with an exception. The second word is the instruction's argument,
//! or the address of the name that it means.

use crate::PyObject;
use crate::capi as ffi;
use crate::objects;
use crate::thread::Thread;
use crate::version::layout;
use crate::version::symbols::symbols;
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

type Items = *mut *mut PyObject;

/// Writes one result; an exception where it is null.
unsafe fn give(items: Items, result: *mut PyObject) -> c_int {
    // SAFETY: the array has room for what is read and written here, as the recorder knows.
    unsafe {
        *items = result;
    }
    if result.is_null() { -1 } else { 0 }
}

unsafe fn globals() -> *mut PyObject {
    // SAFETY: the frame of the instruction is the current one.
    unsafe { crate::frame::Frame::current(Thread::current()).globals() }
}

/// What has no `__enter__` or `__exit__`.
unsafe fn no_manager(manager: *mut PyObject, missing: &CStr) -> c_int {
    // SAFETY: a live object and its type's name.
    unsafe {
        if ffi::PyErr_Occurred().is_null() {
            let ty = objects::type_of(manager) as *mut ffi::PyTypeObject;
            ffi::PyErr_Format(ffi::PyExc_TypeError, missing.as_ptr(), (*ty).tp_name);
        }
        -1
    }
}

unsafe fn interned(name: &CStr) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe { ffi::PyUnicode_InternFromString(name.as_ptr()) }
}

/// `BEFORE_WITH`: of a context manager, its bound `__exit__` and what `__enter__` gave.
pub unsafe extern "C" fn before_with(items: Items, _: u64) -> c_int {
    // SAFETY: one live object in the array.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let manager = *items;
        let (enter_name, exit_name) = (interned(c"__enter__"), interned(c"__exit__"));
        let enter = (symbols.lookup_special)(manager, enter_name);
        let exit = if enter.is_null() { null_mut() } else { (symbols.lookup_special)(manager, exit_name) };
        objects::decref(enter_name);
        objects::decref(exit_name);
        if enter.is_null() {
            return no_manager(manager, c"'%.200s' object does not support the context manager protocol");
        }
        if exit.is_null() {
            objects::decref(enter);
            return no_manager(
                manager,
                c"'%.200s' object does not support the context manager protocol (missed __exit__ method)",
            );
        }
        let result = ffi::PyObject_CallNoArgs(enter);
        objects::decref(enter);
        if result.is_null() {
            objects::decref(exit);
            return -1;
        }
        *items = exit;
        *items.add(1) = result;
        0
    }
}

/// `DELETE_ATTR`.
pub unsafe extern "C" fn delete_attribute(items: Items, name: u64) -> c_int {
    // SAFETY: one live object in the array; a name of the code.
    unsafe { ffi::PyObject_SetAttr(*items, name as *mut PyObject, null_mut()) }
}

/// `LOAD_GLOBAL`.
pub unsafe extern "C" fn load_global(items: Items, name: u64) -> c_int {
    // SAFETY: the current frame's dicts; a name of the code.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let frame = crate::frame::Frame::current(Thread::current());
        let name = name as *mut PyObject;
        for names in [frame.globals(), frame.builtins()] {
            let found = ffi::PyObject_GetItem(names, name);
            if !found.is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_KeyError) == 0 {
                return give(items, found);
            }
            ffi::PyErr_Clear();
        }
        let text = c"name '%.200s' is not defined";
        (symbols.format_name_error)(Thread::current().pointer(), ffi::PyExc_NameError, text.as_ptr(), name);
        -1
    }
}

/// `STORE_GLOBAL`.
pub unsafe extern "C" fn store_global(items: Items, name: u64) -> c_int {
    // SAFETY: one live object in the array; a name of the code.
    unsafe { ffi::PyDict_SetItem(globals(), name as *mut PyObject, *items) }
}

/// `DELETE_GLOBAL`.
pub unsafe extern "C" fn delete_global(_: Items, name: u64) -> c_int {
    // SAFETY: a name of the code.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let name = name as *mut PyObject;
        let done = ffi::PyDict_DelItem(globals(), name);
        if done < 0 && ffi::PyErr_ExceptionMatches(ffi::PyExc_KeyError) != 0 {
            ffi::PyErr_Clear();
            let text = c"name '%.200s' is not defined";
            (symbols.format_name_error)(Thread::current().pointer(), ffi::PyExc_NameError, text.as_ptr(), name);
        }
        done
    }
}

/// `GET_LEN`.
pub unsafe extern "C" fn get_length(items: Items, _: u64) -> c_int {
    // SAFETY: one live object in the array.
    unsafe {
        let length = ffi::PyObject_Size(*items);
        if length < 0 { -1 } else { give(items, ffi::PyLong_FromSsize_t(length)) }
    }
}

unsafe fn has_flag(items: Items, flag: std::ffi::c_ulong) -> c_int {
    // SAFETY: one live object in the array.
    unsafe {
        let ty = objects::type_of(*items) as *mut ffi::PyTypeObject;
        give(items, objects::new_bool((*ty).tp_flags & flag != 0))
    }
}

/// `MATCH_SEQUENCE`.
pub unsafe extern "C" fn match_sequence(items: Items, _: u64) -> c_int {
    // SAFETY: as above. The flag is `Py_TPFLAGS_SEQUENCE`.
    unsafe { has_flag(items, 1 << 5) }
}

/// `MATCH_MAPPING`.
pub unsafe extern "C" fn match_mapping(items: Items, _: u64) -> c_int {
    // SAFETY: as above. The flag is `Py_TPFLAGS_MAPPING`.
    unsafe { has_flag(items, 1 << 6) }
}

/// `MATCH_KEYS`: of subject and keys, the values or `None`.
pub unsafe extern "C" fn match_keys(items: Items, _: u64) -> c_int {
    // SAFETY: two live objects in the array.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        give(items, (symbols.match_keys)(Thread::current().pointer(), *items, *items.add(1)))
    }
}

/// `MATCH_CLASS`: of subject, class and names, the attributes or `None`.
pub unsafe extern "C" fn match_class(items: Items, count: u64) -> c_int {
    // SAFETY: three live objects in the array.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let thread = Thread::current().pointer();
        let (subject, class, names) = (*items, *items.add(1), *items.add(2));
        let found = (symbols.match_class)(thread, subject, class, count as isize, names);
        if found.is_null() && ffi::PyErr_Occurred().is_null() {
            return give(items, ffi::Py_NewRef(ffi::Py_None()));
        }
        give(items, found)
    }
}

/// `CALL_INTRINSIC_1`.
pub unsafe extern "C" fn intrinsic_1(items: Items, number: u64) -> c_int {
    // SAFETY: one live object in the array; the compiler made the number.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let function = (*symbols.unary_intrinsics.add(number as usize)).function;
        give(items, function(Thread::current().pointer(), *items))
    }
}

/// `CALL_INTRINSIC_2`: the lower operand is the first argument.
pub unsafe extern "C" fn intrinsic_2(items: Items, number: u64) -> c_int {
    // SAFETY: two live objects in the array; the compiler made the number.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let function = (*symbols.binary_intrinsics.add(number as usize)).function;
        give(items, function(Thread::current().pointer(), *items, *items.add(1)))
    }
}

/// `MAKE_FUNCTION`.
pub unsafe extern "C" fn make_function(items: Items, _: u64) -> c_int {
    // SAFETY: a code object in the array.
    unsafe { give(items, ffi::PyFunction_New(*items, globals())) }
}

/// `SET_FUNCTION_ATTRIBUTE`: of attribute and function, the function.
pub unsafe extern "C" fn set_function_attribute(items: Items, which: u64) -> c_int {
    // SAFETY: a function that was just made, whose field is null, and what goes there.
    unsafe {
        let (value, function) = (*items, *items.add(1));
        let raw = function.cast::<layout::Function>();
        let field = match which {
            1 => &raw mut (*raw).defaults,
            2 => &raw mut (*raw).keyword_defaults,
            4 => &raw mut (*raw).annotations,
            8 => &raw mut (*raw).closure,
            _ => {
                ffi::PyErr_SetString(ffi::PyExc_SystemError, c"an unknown attribute of a function".as_ptr());
                return -1;
            }
        };
        let old = std::mem::replace(&mut *field, ffi::Py_NewRef(value));
        ffi::Py_XDECREF(old);
        give(items, ffi::Py_NewRef(function))
    }
}

/// `LOAD_ASSERTION_ERROR`.
pub unsafe extern "C" fn assertion_error(items: Items, _: u64) -> c_int {
    // SAFETY: the class lives forever.
    unsafe { give(items, ffi::Py_NewRef(ffi::PyExc_AssertionError)) }
}

/// `UNPACK_EX`: the items before and behind the star and the list between, the last item first.
pub unsafe extern "C" fn unpack_star(items: Items, counts: u64) -> c_int {
    // SAFETY: one live object in the array, which has room for all items.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let (before, after) = ((counts & 0xff) as c_int, (counts >> 8) as c_int);
        let end = items.add((before + after + 1) as usize);
        let done = (symbols.unpack_iterable)(Thread::current().pointer(), *items, before, after, end);
        if done != 0 { 0 } else { -1 }
    }
}

/// `BUILD_SET`.
pub unsafe extern "C" fn build_set(items: Items, count: u64) -> c_int {
    // SAFETY: as many live objects in the array.
    unsafe {
        let set = ffi::PySet_New(null_mut());
        for at in 0..count as usize {
            if set.is_null() || ffi::PySet_Add(set, *items.add(at)) < 0 {
                ffi::Py_XDECREF(set);
                return -1;
            }
        }
        give(items, set)
    }
}

/// `BUILD_MAP`: key and value in turn.
pub unsafe extern "C" fn build_map(items: Items, count: u64) -> c_int {
    // SAFETY: twice as many live objects in the array.
    unsafe {
        let dict = ffi::PyDict_New();
        for at in 0..count as usize {
            if dict.is_null() || ffi::PyDict_SetItem(dict, *items.add(2 * at), *items.add(2 * at + 1)) < 0 {
                ffi::Py_XDECREF(dict);
                return -1;
            }
        }
        give(items, dict)
    }
}

/// `BUILD_CONST_KEY_MAP`: the values, then a tuple of as many keys.
pub unsafe extern "C" fn build_const_key_map(items: Items, count: u64) -> c_int {
    // SAFETY: as many live objects in the array, and a tuple of that length.
    unsafe {
        let keys = objects::tuple_items(*items.add(count as usize));
        let dict = ffi::PyDict_New();
        for (at, key) in keys.iter().enumerate().take(count as usize) {
            if dict.is_null() || ffi::PyDict_SetItem(dict, *key, *items.add(at)) < 0 {
                ffi::Py_XDECREF(dict);
                return -1;
            }
        }
        give(items, dict)
    }
}

/// `DICT_MERGE`: the callable first, the dict fourth, what is merged into it last.
pub unsafe extern "C" fn dict_merge(items: Items, nth: u64) -> c_int {
    // SAFETY: that many slots in the array.
    unsafe {
        let Ok(symbols) = symbols() else { return -1 };
        let (callable, dict, update) = (*items, *items.add(3), *items.add(3 + nth as usize));
        let done = (symbols.dict_merge)(dict, update, 2);
        if done < 0 {
            (symbols.format_keywords_error)(Thread::current().pointer(), callable, update);
        }
        done
    }
}

/// `LIST_EXTEND`.
pub unsafe extern "C" fn list_extend(list: *mut PyObject, items: *mut PyObject) -> c_int {
    // SAFETY: an exact list and a live object.
    unsafe {
        if ffi::PyList_Extend(list, items) == 0 {
            return 0;
        }
        let ty = objects::type_of(items) as *mut ffi::PyTypeObject;
        let raised = ffi::PyErr_ExceptionMatches(ffi::PyExc_TypeError) != 0;
        if raised && (*ty).tp_iter.is_none() && ffi::PySequence_Check(items) == 0 {
            ffi::PyErr_Clear();
            let text = c"Value after * must be an iterable, not %.200s";
            ffi::PyErr_Format(ffi::PyExc_TypeError, text.as_ptr(), (*ty).tp_name);
        }
        -1
    }
}

/// `SET_UPDATE`.
pub unsafe extern "C" fn set_update(set: *mut PyObject, items: *mut PyObject) -> c_int {
    // SAFETY: an exact set and a live object.
    unsafe { symbols().map_or(-1, |symbols| (symbols.set_update)(set, items)) }
}

/// `DICT_UPDATE`.
pub unsafe extern "C" fn dict_update(dict: *mut PyObject, update: *mut PyObject) -> c_int {
    // SAFETY: an exact dict and a live object.
    unsafe {
        let done = ffi::PyDict_Update(dict, update);
        if done < 0 && ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) != 0 {
            let ty = objects::type_of(update) as *mut ffi::PyTypeObject;
            ffi::PyErr_Format(ffi::PyExc_TypeError, c"'%.200s' object is not a mapping".as_ptr(), (*ty).tp_name);
        }
        done
    }
}
