//! Checks that this interpreter's layouts are those of [`layout`]: first against the offsets that
//! CPython publishes for debuggers, then on live objects made for the purpose.
//!
//! A small Python function is run once, so that a frame can be looked at while it runs. Everything that is
//! made here is dropped again.

use super::layout::{self, Code, DictKeys, DictValues, Frame, ThreadState};
use super::symbols::Symbols;
use crate::capi as ffi;
use crate::thread::Thread;
use crate::{PyObject, objects};
use std::ffi::CStr;
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// How plain Python functions are called (`_PyFunction_Vectorcall`, which has no public name).
static PLAIN_VECTORCALL: OnceLock<usize> = OnceLock::new();

/// The address by which plain Python functions are called; none before [`check`].
pub fn plain_vectorcall() -> Option<usize> {
    PLAIN_VECTORCALL.get().copied()
}

/// How instances of classes of Python code end (`subtype_dealloc`, which has no public name).
static CLASS_DEALLOC: OnceLock<usize> = OnceLock::new();

/// The address of the function by which instances of classes of Python code end; none before [`check`].
pub fn class_dealloc() -> Option<usize> {
    CLASS_DEALLOC.get().copied()
}

/// Checks everything.
///
/// # Safety
/// The GIL is held, and the interpreter is CPython 3.13.
///
/// # Errors
/// What does not match.
pub unsafe fn check(symbols: &Symbols) -> Result<(), &'static str> {
    // SAFETY: the caller's.
    unsafe {
        debug_offsets(symbols.runtime)?;
        numbers()?;
        sequences()?;
        iterators()?;
        thread()?;
        let globals = Owned(ffi::PyDict_New());
        run_probe(globals.0)?;
        functions(globals.0)?;
        generators(globals.0)?;
        instances(globals.0)
    }
}

/// Whether CPython says that this is a free-threaded build.
///
/// # Safety
/// The symbols are those of CPython 3.13.
pub unsafe fn is_free_threaded(symbols: &Symbols) -> bool {
    // SAFETY: the third word of the debug offsets.
    unsafe { *symbols.runtime.cast::<u64>().add(2) != 0 }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

/// A reference that is dropped at the end.
struct Owned(*mut PyObject);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: made under the GIL, which is still held.
        unsafe { objects::decref(self.0) }
    }
}

/// Words of the debug offsets, and what they must be.
const OFFSETS: &[(usize, usize, &str)] = &[
    (22, offset_of!(ThreadState, interpreter), "thread state"),
    (23, offset_of!(ThreadState, current_frame), "thread state"),
    (29, offset_of!(Frame, previous), "frame"),
    (30, offset_of!(Frame, executable), "frame"),
    (31, offset_of!(Frame, instr_ptr), "frame"),
    (32, offset_of!(Frame, slots), "frame"),
    (33, offset_of!(Frame, owner), "frame"),
    (35, offset_of!(Code, filename), "code object"),
    (37, offset_of!(Code, qualname), "code object"),
    (38, offset_of!(Code, line_table), "code object"),
    (39, offset_of!(Code, first_line), "code object"),
    (40, offset_of!(Code, arg_count), "code object"),
    (43, offset_of!(Code, code), "code object"),
    (45, 8, "object"),
    (51, offset_of!(layout::Tuple, items), "tuple"),
    (52, offset_of!(layout::Tuple, size), "tuple"),
    (54, offset_of!(layout::List, items), "list"),
    (55, offset_of!(layout::List, size), "list"),
    (57, offset_of!(layout::Dict, keys), "dict"),
    (58, offset_of!(layout::Dict, values), "dict"),
    (60, offset_of!(layout::Float, value), "float"),
    (62, offset_of!(layout::Long, tag), "int"),
    (63, offset_of!(layout::Long, digits), "int"),
    (65, offset_of!(layout::Bytes, size), "bytes"),
    (66, offset_of!(layout::Bytes, data), "bytes"),
    (69, offset_of!(layout::Str, length), "str"),
];

unsafe fn debug_offsets(runtime: *const u8) -> Result<(), &'static str> {
    // SAFETY: the runtime starts with these words in 3.13; the cookie is checked before the others are read.
    unsafe {
        ensure(std::slice::from_raw_parts(runtime, 8) == b"xdebugpy", "debug offsets")?;
        let word = |index: usize| *runtime.cast::<u64>().add(index);
        ensure(word(1) >> 16 == 0x030d, "debug offsets")?;
        for (index, expected, what) in OFFSETS {
            ensure(word(*index) == *expected as u64, what)?;
        }
    }
    Ok(())
}

/// Bytes of the interpreter's state.
///
/// # Safety
/// [`check`] found nothing.
pub unsafe fn interpreter_size(runtime: *const u8) -> usize {
    const INTERPRETER_SIZE: usize = 6;
    // SAFETY: the caller's: the runtime starts with these words.
    unsafe { *runtime.cast::<u64>().add(INTERPRETER_SIZE) as usize }
}

unsafe fn numbers() -> Result<(), &'static str> {
    // SAFETY: exact ints and a float; digits are read as far as the tag says that there are any.
    unsafe {
        for (value, tag, low) in [(0i64, 1usize, 0u32), (7, 8, 7), (-7, 10, 7), (-(5 << 30 | 9), 18, 9)] {
            let object = Owned(ffi::PyLong_FromLongLong(value));
            ensure(!object.0.is_null(), "int")?;
            let long = object.0.cast::<layout::Long>();
            ensure((*long).tag == tag && (value == 0 || (*long).digits[0] == low), "int")?;
            let digits = (&raw const (*long).digits).cast::<u32>();
            ensure(tag >> 3 < 2 || *digits.add(1) == 5, "int")?;
        }
        // The table of small ints.
        let first = Owned(ffi::PyLong_FromLong(-5));
        for value in -5..=256 {
            let object = Owned(ffi::PyLong_FromLong(value));
            ensure(object.0 as i64 == first.0 as i64 + 32 * i64::from(value as i32 + 5), "table of small ints")?;
        }
        let object = Owned(ffi::PyFloat_FromDouble(2.5));
        ensure(!object.0.is_null() && (*object.0.cast::<layout::Float>()).value == 2.5, "float")
    }
}

unsafe fn sequences() -> Result<(), &'static str> {
    // SAFETY: fields of exact types are compared with what the public API says.
    unsafe {
        let item = ffi::Py_None();
        let tuple = Owned(ffi::PyTuple_New(2));
        ensure(!tuple.0.is_null(), "tuple")?;
        ffi::PyTuple_SetItem(tuple.0, 0, ffi::Py_NewRef(item));
        ffi::PyTuple_SetItem(tuple.0, 1, ffi::Py_NewRef(ffi::Py_True()));
        let raw = tuple.0.cast::<layout::Tuple>();
        ensure((*raw).size == 2 && (*raw).items[0] == item, "tuple")?;
        ensure(objects::tuple_items(tuple.0)[1] == ffi::Py_True(), "tuple")?;

        let list = Owned(ffi::PySequence_List(tuple.0));
        ensure(!list.0.is_null(), "list")?;
        let raw = list.0.cast::<layout::List>();
        ensure((*raw).size == 2 && *(*raw).items == item, "list")?;

        let text = c"decal";
        let bytes = Owned(ffi::PyBytes_FromString(text.as_ptr()));
        ensure(!bytes.0.is_null() && (*bytes.0.cast::<layout::Bytes>()).size == 5, "bytes")?;
        ensure(objects::byte_string(bytes.0) == b"decal", "bytes")?;

        let array = Owned(ffi::PyByteArray_FromStringAndSize(text.as_ptr(), 5));
        ensure(!array.0.is_null(), "bytearray")?;
        let raw = array.0.cast::<layout::ByteArray>();
        ensure((*raw).size == 5 && (*raw).exports == 0, "bytearray")?;
        ensure((*raw).start.cast() == ffi::PyByteArray_AsString(array.0), "bytearray")?;

        for text in [c"decal", c"d\xc3\xa9cal", c"d\xe2\x82\xaccal"] {
            let string = Owned(ffi::PyUnicode_FromString(text.as_ptr()));
            ensure(!string.0.is_null() && (*string.0.cast::<layout::Str>()).length == 5, "str")?;
        }

        let cell = Owned(ffi::PyCell_New(item));
        ensure(!cell.0.is_null() && (*cell.0.cast::<layout::Cell>()).content == item, "cell")?;
        let method = Owned(ffi::PyMethod_New(list.0, tuple.0));
        ensure(!method.0.is_null(), "method")?;
        let raw = method.0.cast::<layout::Method>();
        ensure((*raw).function == list.0 && (*raw).self_ == tuple.0, "method")
    }
}

unsafe fn iterators() -> Result<(), &'static str> {
    // SAFETY: as above.
    unsafe {
        let numbers = [3i64, 20, 4].map(|value| Owned(ffi::PyLong_FromLongLong(value)));
        let range_type = (&raw mut ffi::PyRange_Type).cast();
        let range = Owned(ffi::PyObject_CallFunctionObjArgs(
            range_type,
            numbers[0].0,
            numbers[1].0,
            numbers[2].0,
            null_mut::<PyObject>(),
        ));
        ensure(!range.0.is_null(), "range")?;
        let raw = range.0.cast::<layout::Range>();
        ensure((*raw).start == numbers[0].0 && (*raw).stop == numbers[1].0, "range")?;
        ensure((*raw).step == numbers[2].0 && ffi::PyLong_AsLong((*raw).length) == 5, "range")?;

        let iterator = Owned(ffi::PyObject_GetIter(range.0));
        ensure(objects::type_of(iterator.0) == &raw mut ffi::PyRangeIter_Type as u64, "range iterator")?;
        let first = Owned(ffi::PyIter_Next(iterator.0));
        let raw = iterator.0.cast::<layout::RangeIter>();
        ensure(!first.0.is_null(), "range iterator")?;
        ensure((*raw).start == 7 && (*raw).step == 4 && (*raw).len == 4, "range iterator")?;

        let list = Owned(ffi::PySequence_List(range.0));
        let tuple = Owned(ffi::PySequence_Tuple(range.0));
        let iterator_types =
            [(&list, &raw mut ffi::PyListIter_Type as u64), (&tuple, &raw mut ffi::PyTupleIter_Type as u64)];
        for (sequence, ty) in iterator_types {
            ensure(!sequence.0.is_null(), "sequence iterator")?;
            let iterator = Owned(ffi::PyObject_GetIter(sequence.0));
            ensure(objects::type_of(iterator.0) == ty, "sequence iterator")?;
            let first = Owned(ffi::PyIter_Next(iterator.0));
            let raw = iterator.0.cast::<layout::SequenceIter>();
            ensure(!first.0.is_null(), "sequence iterator")?;
            ensure((*raw).index == 1 && (*raw).sequence == sequence.0, "sequence iterator")?;
        }

        let enumerate_type = (&raw mut ffi::PyEnum_Type).cast();
        let enumerate = Owned(ffi::PyObject_CallOneArg(enumerate_type, list.0));
        ensure(!enumerate.0.is_null(), "enumerate")?;
        let first = Owned(ffi::PyIter_Next(enumerate.0));
        let raw = enumerate.0.cast::<layout::Enumerate>();
        ensure(!first.0.is_null() && (*raw).result == first.0, "enumerate")?;
        ensure(objects::type_of((*raw).iterator) == &raw mut ffi::PyListIter_Type as u64, "enumerate")?;
        ensure((*raw).index == 1 && (*raw).long_index.is_null(), "enumerate")?;
    }
    Ok(())
}

unsafe fn thread() -> Result<(), &'static str> {
    // SAFETY: fields are compared with what the public API says. The exception is taken back at once.
    unsafe {
        let thread = Thread::current();
        let state = thread.pointer();
        ensure((*state).interpreter == ffi::PyInterpreterState_Get().cast(), "thread state")?;
        ensure((*state).py_recursion_limit == ffi::Py_GetRecursionLimit(), "thread state")?;
        ensure((*state).py_recursion_remaining <= (*state).py_recursion_limit, "thread state")?;
        ensure((0..1000).contains(&(*state).tracing), "thread state")?;
        ensure(!thread.has_exception(), "thread state")?;
        // This code is called by a frame's, so that there is a piece.
        let (chunk, top, limit) = ((*state).stack_chunk, (*state).stack_next, (*state).stack_limit);
        ensure(!chunk.is_null() && top > (&raw mut (*chunk).slots).cast() && top <= limit, "data stack")?;
        ensure(limit as usize == chunk as usize + (*chunk).size, "data stack")?;
        ffi::PyErr_SetNone(ffi::PyExc_ValueError);
        let seen = (*state).current_exception;
        let exception = Owned(ffi::PyErr_GetRaisedException());
        ensure(seen == exception.0 && !thread.has_exception(), "thread state")
    }
}

/// The function whose frame the probe looks at, and a class with instances.
const PROGRAM: &CStr = c"
class C:
    def __init__(self):
        self.x = None
        self.y = True
def f(a, b):
    c = a
    return probe(b)
def g(a):
    yield probe(a)
h = g(None)
for i in h:
    break
c = C()
r = f(None, c)
";

/// What the probe found: 0 nothing yet, 1 the generator as expected, 2 the function, too, 3 something else.
static PROBED: AtomicU8 = AtomicU8::new(0);

unsafe extern "C" fn probe(_: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by a running Python function.
    unsafe {
        // The generator comes first.
        let first = PROBED.load(Ordering::Relaxed) == 0;
        let seen = if first { running_generator(argument) } else { frame(argument) };
        let outcome = match (seen, first) {
            (Err(_), _) => 3,
            (_, true) => 1,
            (_, false) => 2,
        };
        PROBED.fetch_max(outcome, Ordering::Relaxed);
        ffi::Py_NewRef(ffi::Py_None())
    }
}

unsafe fn running_generator(argument: *mut PyObject) -> Result<(), &'static str> {
    // SAFETY: as for `frame`; a generator's frame is a part of the generator.
    unsafe {
        let thread = Thread::current().pointer();
        let frame = (*thread).current_frame;
        ensure(!frame.is_null() && (*frame).owner == layout::owner::GENERATOR, "generator")?;
        let generator = frame.byte_sub(offset_of!(layout::Generator, frame)).cast::<layout::Generator>();
        ensure(objects::type_of(generator.cast()) == &raw mut ffi::PyGen_Type as u64, "generator")?;
        ensure((*generator).state == layout::generator_state::EXECUTING, "generator")?;
        ensure((*generator).weak_references.is_null(), "generator")?;
        ensure((*thread).handled == &raw mut (*generator).handled, "generator")?;
        ensure((*(&raw const (*frame).slots).cast::<*mut PyObject>()) == argument, "generator")
    }
}

unsafe fn frame(argument: *mut PyObject) -> Result<(), &'static str> {
    // SAFETY: offsets of thread state and frame were checked; the frame below a C function is the caller's.
    unsafe {
        let state = Thread::current().pointer();
        let frame = (*state).current_frame;
        let (next, limit) = ((*state).stack_next as usize, (*state).stack_limit as usize);
        let first = &raw const (*(*state).stack_chunk).slots as usize;
        ensure(first <= next && next <= limit && limit - first < 1 << 30, "stack of frames")?;
        ensure(!frame.is_null() && ffi::PyCode_Check((*frame).executable) != 0, "frame")?;
        let code = (*frame).executable.cast::<Code>();
        ensure(objects::text((*code).name) == "f" && (*code).first_line == 6, "code object")?;
        ensure((*code).arg_count == 2 && (*code).locals_plus == 3 && (*code).locals == 3, "code object")?;
        ensure((*code).cell_vars == 0 && (*code).free_vars == 0 && (*code).stack_size >= 3, "code object")?;
        ensure((*code).flags & 3 == 3 && (*code).keyword_only_count == 0, "code object")?;
        ensure(ffi::PyBytes_Check((*code).exception_table) != 0, "code object")?;
        ensure((*code).instrumentation_version as u64 == Thread::current().breaker_quiet(), "code object")?;
        let words = (*code).frame_size as usize - offset_of!(Frame, slots) / 8;
        ensure(words == (*code).locals_plus as usize + (*code).stack_size as usize, "frame")?;
        let slots = (&raw const (*frame).slots).cast::<*mut PyObject>();
        ensure(*slots == ffi::Py_None() && *slots.add(1) == argument && *slots.add(2) == ffi::Py_None(), "frame")?;
        ensure((*frame).owner == layout::owner::THREAD && (*frame).locals_dict.is_null(), "frame")?;
        let function = (*frame).function.cast::<layout::Function>();
        ensure((*function).code == code.cast() && (*function).globals == (*frame).globals, "frame")?;
        ensure((*frame).builtins == (*function).builtins && !(*frame).previous.is_null(), "frame")?;
        let unit = (*frame).instr_ptr.offset_from((&raw const (*code).code).cast());
        ensure(unit > 0 && unit < (*code).size, "frame")
    }
}

unsafe fn run_probe(globals: *mut PyObject) -> Result<(), &'static str> {
    static mut DEFINITION: ffi::PyMethodDef = ffi::PyMethodDef {
        ml_name: c"probe".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: probe },
        ml_flags: ffi::METH_O,
        ml_doc: std::ptr::null(),
    };
    // SAFETY: plain use of the C API with the GIL held; the definition is never written.
    unsafe {
        let function = Owned(ffi::PyCFunction_NewEx(&raw mut DEFINITION, null_mut(), null_mut()));
        let code = Owned(ffi::Py_CompileString(PROGRAM.as_ptr(), c"<decal>".as_ptr(), ffi::Py_file_input));
        let ready = !globals.is_null()
            && !function.0.is_null()
            && !code.0.is_null()
            && ffi::PyDict_SetItemString(globals, c"probe".as_ptr(), function.0) == 0
            && ffi::PyDict_SetItemString(globals, c"__builtins__".as_ptr(), ffi::PyEval_GetBuiltins()) == 0
            && ffi::PyDict_SetItemString(globals, c"__name__".as_ptr(), (*code.0.cast::<Code>()).name) == 0;
        PROBED.store(0, Ordering::Relaxed);
        let result = Owned(if ready { ffi::PyEval_EvalCode(code.0, globals, globals) } else { null_mut() });
        if result.0.is_null() {
            ffi::PyErr_Clear();
            return Err("a Python function that is run");
        }
        ensure(PROBED.load(Ordering::Relaxed) == 2, "frame")
    }
}

unsafe fn functions(globals: *mut PyObject) -> Result<(), &'static str> {
    // SAFETY: the dict has what the program made; an exact function has this layout.
    unsafe {
        let function = ffi::PyDict_GetItemString(globals, c"f".as_ptr());
        ensure(!function.is_null() && ffi::PyFunction_Check(function) != 0, "function")?;
        let raw = &*function.cast::<layout::Function>();
        ensure(raw.globals == globals && raw.code == ffi::PyFunction_GetCode(function), "function")?;
        ensure(raw.defaults.is_null() && raw.keyword_defaults.is_null() && raw.closure.is_null(), "function")?;
        ensure(Some(raw.vectorcall as usize) == ffi::PyVectorcall_Function(function).map(|f| f as usize), "function")?;
        PLAIN_VECTORCALL.get_or_init(|| raw.vectorcall as usize);
    }
    Ok(())
}

unsafe fn generators(globals: *mut PyObject) -> Result<(), &'static str> {
    // SAFETY: as above; an exact generator has this layout.
    unsafe {
        let object = ffi::PyDict_GetItemString(globals, c"h".as_ptr());
        let exact = !object.is_null() && objects::type_of(object) == &raw mut ffi::PyGen_Type as u64;
        ensure(exact, "generator")?;
        let generator = &*object.cast::<layout::Generator>();
        ensure(generator.state == layout::generator_state::SUSPENDED, "generator")?;
        ensure(generator.frame.owner == layout::owner::GENERATOR && generator.frame.stack_top == 1, "generator")?;
        ensure(generator.frame.previous.is_null() && generator.handled.previous.is_null(), "generator")
    }
}

unsafe fn instances(globals: *mut PyObject) -> Result<(), &'static str> {
    // SAFETY: as above; the class's flags say that its instances have inline values before they are read.
    unsafe {
        let object = ffi::PyDict_GetItemString(globals, c"c".as_ptr());
        ensure(!object.is_null(), "instance")?;
        let ty = ffi::Py_TYPE(object);
        let flags = layout::TYPE_INLINE_VALUES | layout::TYPE_MANAGED_DICT;
        ensure((*ty).tp_flags & flags == flags, "instance")?;
        if let Some(dealloc) = (*ty).tp_dealloc {
            CLASS_DEALLOC.get_or_init(|| dealloc as usize);
        }
        let keys = *ty.byte_add(layout::TYPE_CACHED_KEYS).cast::<*const DictKeys>();
        ensure(!keys.is_null() && (*keys).kind == 2 && (*keys).entries == 2, "keys of instances")?;
        let entries = (&raw const (*keys).indices).cast::<u8>().add(1 << (*keys).log2_index_bytes);
        let entries = entries.cast::<layout::UnicodeEntry>();
        ensure(
            objects::text((*entries).key) == "x" && objects::text((*entries.add(1)).key) == "y",
            "keys of instances",
        )?;
        let values = object.byte_offset(layout::INLINE_VALUES as isize).cast::<DictValues>();
        ensure((*values).valid == 1 && (*values).embedded == 1 && (*values).size == 2, "instance")?;
        let slots = (&raw const (*values).values).cast::<*mut PyObject>();
        ensure(*slots == ffi::Py_None() && *slots.add(1) == ffi::Py_True(), "instance")?;
        let dict = *object.byte_offset(layout::MANAGED_DICT as isize).cast::<*mut PyObject>();
        ensure(dict.is_null(), "instance")
    }
}
