//! Layouts of CPython 3.13's objects, as far as decal looks into them.
//!
//! Only for builds with the GIL and without reference tracing (`Py_TRACE_REFS`), 64 bits. Fields
//! that decal does not use are there for their size and keep a leading underscore.

use pyo3_ffi::{Py_ssize_t, PyObject};
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::mem::offset_of;

/// `_PyInterpreterFrame`.
#[repr(C)]
pub struct Frame {
    pub executable: *mut PyObject,
    pub previous: *mut Frame,
    pub function: *mut PyObject,
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    pub locals_dict: *mut PyObject,
    pub frame_object: *mut PyObject,
    /// The instruction being run (or about to be run).
    pub instr_ptr: *mut u16,
    /// Number of valid slots, locals included; -1 while the interpreter keeps the stack pointer in a register.
    pub stack_top: c_int,
    pub return_offset: u16,
    pub owner: u8,
    /// Locals, then the operand stack.
    pub slots: [*mut PyObject; 1],
}

/// Values of [`Frame::owner`].
pub mod owner {
    /// An ordinary call.
    pub const THREAD: u8 = 0;
    /// A generator or coroutine.
    pub const GENERATOR: u8 = 1;
    /// The entry frame of a C call of the interpreter: no code, no locals.
    pub const C_STACK: u8 = 3;
}

/// `PyCodeObject`.
#[repr(C)]
pub struct Code {
    _head: [usize; 2],
    /// Number of code units.
    pub size: Py_ssize_t,
    pub consts: *mut PyObject,
    pub names: *mut PyObject,
    pub exception_table: *mut PyObject,
    pub flags: c_int,
    pub arg_count: c_int,
    pub positional_only_count: c_int,
    pub keyword_only_count: c_int,
    pub stack_size: c_int,
    pub first_line: c_int,
    pub locals_plus: c_int,
    pub frame_size: c_int,
    pub locals: c_int,
    pub cell_vars: c_int,
    pub free_vars: c_int,
    pub version: u32,
    pub locals_plus_names: *mut PyObject,
    _locals_plus_kinds: *mut PyObject,
    pub filename: *mut PyObject,
    pub name: *mut PyObject,
    pub qualname: *mut PyObject,
    pub line_table: *mut PyObject,
    _weak_references: *mut PyObject,
    _executors: *mut c_void,
    _cached: *mut c_void,
    pub instrumentation_version: usize,
    pub monitoring: *mut Monitoring,
    pub first_traceable: c_int,
    _extra: *mut c_void,
    /// The code units, specialized and instrumented.
    pub code: [u16; 1],
}

/// Bits of [`Code::flags`].
pub mod flags {
    /// Locals are slots.
    pub const OPTIMIZED: i32 = 0x1;
    /// Each call has new locals.
    pub const NEW_LOCALS: i32 = 0x2;
    /// `*args`.
    pub const VAR_ARGS: i32 = 0x4;
    /// `**kwargs`.
    pub const VAR_KEYWORDS: i32 = 0x8;
    /// A function within a function.
    pub const NESTED: i32 = 0x10;
    /// A generator, and nothing else of what follows.
    pub const GENERATOR: i32 = 0x20;
    /// A generator, coroutine, iterable coroutine or asynchronous generator.
    pub const SUSPENDS: i32 = 0x20 | 0x80 | 0x100 | 0x200;
    /// Monitoring leaves this code alone.
    pub const NO_MONITORING: i32 = 0x0200_0000;
}

/// Number of events that exist per code object.
pub const LOCAL_EVENTS: usize = 10;

/// The event PY_START among those.
pub const START_EVENT: usize = 0;
/// The event JUMP among those.
pub const JUMP_EVENT: usize = 7;
/// The event INSTRUCTION among those.
pub const INSTRUCTION_EVENT: usize = 6;

/// `_PyCoMonitoringData`: for each event a bit per tool; then tables with an entry for each code unit.
#[repr(C)]
pub struct Monitoring {
    /// What tools asked for on this code object alone.
    pub local: [u8; LOCAL_EVENTS],
    /// That and the events for all code.
    pub active: [u8; LOCAL_EVENTS],
    _tools: *mut u8,
    /// What line events stand for; null where there were none.
    pub lines: *mut LineData,
    _line_tools: *mut u8,
    pub instruction_opcodes: *mut u8,
    /// The tools that get INSTRUCTION events; null as long as one tool has all.
    pub instruction_tools: *mut u8,
}

/// `_PyCoLineInstrumentationData`, one for each code unit.
#[repr(C)]
pub struct LineData {
    /// The opcode that a line's event has replaced.
    pub original: u8,
    _delta: i8,
}

/// `PyGenObject`.
#[repr(C)]
pub struct Generator {
    _head: [usize; 2],
    pub weak_references: *mut PyObject,
    pub name: *mut PyObject,
    pub qualname: *mut PyObject,
    /// What it handles: its part of the thread's chain while it runs.
    pub handled: Handled,
    _finalizer: *mut PyObject,
    _hooks: [u8; 3],
    /// See [`generator_state`].
    pub state: i8,
    pub frame: Frame,
}

/// `_PyErr_StackItem`: an exception that is being handled, and what was handled when that frame was entered.
#[repr(C)]
pub struct Handled {
    pub exception: *mut PyObject,
    pub previous: *mut Handled,
}

/// Values of [`Generator::state`].
pub mod generator_state {
    /// Not begun.
    pub const CREATED: i8 = -3;
    /// At a `yield`.
    pub const SUSPENDED: i8 = -2;
    /// At a `yield from`.
    pub const DELEGATING: i8 = -1;
    /// Running.
    pub const EXECUTING: i8 = 0;
    /// Over, with locals that are still to be dropped.
    pub const OVER: i8 = 1;
    /// Over, with nothing in it.
    pub const CLEARED: i8 = 4;
}

/// The start of `PyThreadState`.
#[repr(C)]
pub struct ThreadState {
    _previous: *mut ThreadState,
    _next: *mut ThreadState,
    pub interpreter: *mut c_void,
    /// Instrumentation version in the upper bits, events that want attention in the lower ones.
    pub eval_breaker: usize,
    _status: c_uint,
    _whence: c_int,
    _state: c_int,
    pub py_recursion_remaining: c_int,
    pub py_recursion_limit: c_int,
    pub c_recursion_remaining: c_int,
    _recursion_headroom: c_int,
    pub tracing: c_int,
    pub what_event: c_int,
    pub current_frame: *mut Frame,
    pub c_profile_function: *mut c_void,
    pub c_trace_function: *mut c_void,
    _profile_object: *mut PyObject,
    _trace_object: *mut PyObject,
    pub current_exception: *mut PyObject,
    /// The exceptions being handled, innermost first.
    pub handled: *mut Handled,
    _rest: [usize; 13],
    pub stack_chunk: *mut StackChunk,
    /// Where the next frame goes, in slots of 8 bytes.
    pub stack_next: *mut *mut PyObject,
    pub stack_limit: *mut *mut PyObject,
}

/// `_PyStackChunk`: a piece of the stack of frames.
#[repr(C)]
pub struct StackChunk {
    pub previous: *mut StackChunk,
    /// In bytes, all included.
    pub size: usize,
    /// Words that were in use when the next one was begun.
    pub top: usize,
    pub slots: [*mut PyObject; 1],
}

/// Bits of [`ThreadState::eval_breaker`] that are events.
pub const BREAKER_EVENTS: usize = 0xff;

/// `PyFunctionObject`.
#[repr(C)]
pub struct Function {
    _head: [usize; 2],
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    pub name: *mut PyObject,
    pub qualname: *mut PyObject,
    pub code: *mut PyObject,
    pub defaults: *mut PyObject,
    pub keyword_defaults: *mut PyObject,
    pub closure: *mut PyObject,
    _doc: *mut PyObject,
    _dict: *mut PyObject,
    _weak_references: *mut PyObject,
    _module: *mut PyObject,
    pub annotations: *mut PyObject,
    _type_parameters: *mut PyObject,
    pub vectorcall: *mut c_void,
    /// What instructions that are specialized for it compare; 0 where it has changed.
    pub version: u32,
}

/// `_tuplegetterobject`: the descriptor of a field of a named tuple.
#[repr(C)]
pub struct Field {
    _head: [usize; 2],
    pub index: Py_ssize_t,
}

/// `PyMethodObject`.
#[repr(C)]
pub struct Method {
    _head: [usize; 2],
    pub function: *mut PyObject,
    pub self_: *mut PyObject,
}

/// `classmethod` and `staticmethod` objects, which agree.
#[repr(C)]
pub struct WrappedFunction {
    _head: [usize; 2],
    pub callable: *mut PyObject,
}

/// The start of `propertyobject`.
#[repr(C)]
pub struct Property {
    _head: [usize; 2],
    pub get: *mut PyObject,
    pub set: *mut PyObject,
}

/// A method wrapper: a slot's descriptor bound to an object.
#[repr(C)]
pub struct MethodWrapper {
    _head: [usize; 2],
    pub descriptor: *mut PyObject,
    pub self_: *mut PyObject,
}

/// `PyCellObject`.
#[repr(C)]
pub struct Cell {
    _head: [usize; 2],
    pub content: *mut PyObject,
}

/// `PyLongObject`.
#[repr(C)]
pub struct Long {
    _head: [usize; 2],
    /// Sign in the lowest two bits (0 positive, 1 zero, 2 negative), number of digits from bit 3 on.
    pub tag: usize,
    /// Digits of 30 bits, lowest first.
    pub digits: [u32; 1],
}

/// `PyFloatObject`.
#[repr(C)]
pub struct Float {
    pub references: usize,
    /// Its type; in the list of free ones the next of them.
    pub ty: *mut c_void,
    pub value: f64,
}

/// The interpreter's list of free floats (`_Py_float_freelist`).
#[repr(C)]
pub struct FreeFloats {
    /// How many there are; negative when the interpreter ends.
    pub count: i32,
    pub first: *mut PyObject,
}

/// How many free floats the interpreter keeps (`PyFloat_MAXFREELIST`).
pub const MOST_FREE_FLOATS: i32 = 100;

/// `PyListObject`.
#[repr(C)]
pub struct List {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    pub items: *mut *mut PyObject,
    pub allocated: Py_ssize_t,
}

/// `PyTupleObject`.
#[repr(C)]
pub struct Tuple {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    pub items: [*mut PyObject; 1],
}

/// `PyBytesObject`.
#[repr(C)]
pub struct Bytes {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    _hash: Py_ssize_t,
    pub data: [u8; 1],
}

/// `PyByteArrayObject`.
#[repr(C)]
pub struct ByteArray {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    _allocated: Py_ssize_t,
    _bytes: *mut u8,
    pub start: *mut u8,
    pub exports: Py_ssize_t,
}

/// `arrayobject` of the module `array`.
#[repr(C)]
pub struct Array {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    pub items: *mut u8,
    _allocated: Py_ssize_t,
    /// Begins with the type code.
    pub description: *const u8,
    _weak_references: *mut PyObject,
    _exports: Py_ssize_t,
}

/// The start of `dequeobject` of the module `_collections`.
#[repr(C)]
pub struct Deque {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    _blocks: [usize; 2],
    _indices: [Py_ssize_t; 2],
    _state: usize,
    /// How many items it has at most; negative where there is no limit.
    pub limit: Py_ssize_t,
}

/// The start of every `str`.
#[repr(C)]
pub struct Str {
    _head: [usize; 2],
    pub length: Py_ssize_t,
    /// -1 where it was not asked for yet.
    pub hash: Py_ssize_t,
    /// The lowest two bits are zero where it is in no table of strings.
    pub state: u32,
}

/// `rangeobject`.
#[repr(C)]
pub struct Range {
    _head: [usize; 2],
    pub start: *mut PyObject,
    pub stop: *mut PyObject,
    pub step: *mut PyObject,
    pub length: *mut PyObject,
}

/// `_PyRangeIterObject`.
#[repr(C)]
pub struct RangeIter {
    _head: [usize; 2],
    /// The next value.
    pub start: c_long,
    pub step: c_long,
    /// Values left.
    pub len: c_long,
}

/// `_PyListIterObject` and `_PyTupleIterObject`, which agree.
#[repr(C)]
pub struct SequenceIter {
    _head: [usize; 2],
    pub index: Py_ssize_t,
    /// Null when exhausted.
    pub sequence: *mut PyObject,
}

/// `enumobject`
#[repr(C)]
pub struct Enumerate {
    _head: [usize; 2],
    pub index: Py_ssize_t,
    pub iterator: *mut PyObject,
    /// A tuple of two, used again where nobody else holds it.
    pub result: *mut PyObject,
    /// The next index where it is beyond `Py_ssize_t`, else null.
    pub long_index: *mut PyObject,
}

/// The start of `PyDictKeysObject`.
#[repr(C)]
pub struct DictKeys {
    _references: Py_ssize_t,
    pub log2_size: u8,
    pub log2_index_bytes: u8,
    /// 0 general, 1 only `str` keys, 2 shared by instances.
    pub kind: u8,
    /// 0 where no version was given, or none is left.
    pub version: u32,
    pub usable: Py_ssize_t,
    /// Number of entries in use.
    pub entries: Py_ssize_t,
    /// The hash table, `1 << log2_index_bytes` bytes; the entries follow it.
    pub indices: [u8; 0],
}

/// `PyDictUnicodeEntry`: entries of keys of kind 1 and 2.
#[repr(C)]
pub struct UnicodeEntry {
    pub key: *mut PyObject,
    pub value: *mut PyObject,
}

/// `PyDictKeyEntry`: entries of keys of kind 0.
#[repr(C)]
pub struct Entry {
    pub hash: Py_ssize_t,
    pub key: *mut PyObject,
    pub value: *mut PyObject,
}

/// `PyDictObject`.
#[repr(C)]
pub struct Dict {
    _head: [usize; 2],
    pub used: Py_ssize_t,
    /// The low byte is not zero while somebody watches the dict.
    pub watchers: u64,
    pub keys: *mut DictKeys,
    /// Null where the values are in the keys' entries.
    pub values: *mut DictValues,
}

/// `PyDictValues`: of an instance, right behind its head where its type has inline values.
#[repr(C)]
pub struct DictValues {
    pub capacity: u8,
    pub size: u8,
    pub embedded: u8,
    /// 1 while the values are in use (not moved into a dict of their own).
    pub valid: u8,
    pub values: [*mut PyObject; 1],
}

/// `setentry`.
#[repr(C)]
pub struct SetEntry {
    pub key: *mut PyObject,
    pub hash: Py_ssize_t,
}

/// The start of `PySetObject`.
#[repr(C)]
pub struct Set {
    _head: [usize; 2],
    /// Entries in use, and those that were.
    pub fill: Py_ssize_t,
    pub used: Py_ssize_t,
    pub mask: Py_ssize_t,
    pub table: *mut SetEntry,
    _hash: Py_ssize_t,
    _finger: Py_ssize_t,
    _small_table: [SetEntry; 8],
    pub weak_references: *mut PyObject,
}

/// An iterator of a dict or of one of its views.
#[repr(C)]
pub struct DictIter {
    _head: [usize; 2],
    /// Null when exhausted.
    pub dict: *mut PyObject,
    pub used: Py_ssize_t,
    pub position: Py_ssize_t,
    /// Of items: the tuple that is used again where nobody else holds it.
    pub result: *mut PyObject,
    pub left: Py_ssize_t,
}

/// An iterator of a set.
#[repr(C)]
pub struct SetIter {
    _head: [usize; 2],
    /// Null when exhausted.
    pub set: *mut PyObject,
    pub used: Py_ssize_t,
    pub position: Py_ssize_t,
    pub left: Py_ssize_t,
}

/// A `zip`.
#[repr(C)]
pub struct Zip {
    _head: [usize; 2],
    pub size: Py_ssize_t,
    pub iterators: *mut PyObject,
    pub result: *mut PyObject,
}

/// From an instance to its inline values.
pub const INLINE_VALUES: i32 = 16;
/// From an instance to the pointer to its dict, where the type says that Python manages that.
pub const MANAGED_DICT: i32 = -24;
/// From an instance to the byte that says that its inline values are in use.
pub const INLINE_VALID: i32 = INLINE_VALUES + offset_of!(DictValues, valid) as i32;
/// From an instance to the byte that says how many inline values there is room for.
pub const INLINE_CAPACITY: i32 = INLINE_VALUES + offset_of!(DictValues, capacity) as i32;
/// From an instance to the byte that says how many inline values it has.
pub const INLINE_SIZE: i32 = INLINE_VALUES + offset_of!(DictValues, size) as i32;
/// From an instance to its first inline value.
pub const INLINE_FIRST: i32 = INLINE_VALUES + offset_of!(DictValues, values) as i32;

/// Type flag: instances have inline values.
pub const TYPE_INLINE_VALUES: u64 = 1 << 2;
/// Type flag: instances have a dict that Python manages.
pub const TYPE_MANAGED_DICT: u64 = 1 << 4;

/// The part of `PyHeapTypeObject` behind the `PyTypeObject` that decal reads: from the type to `ht_cached_keys`.
pub const TYPE_CACHED_KEYS: usize = 880;

/// The start of `PyModuleObject`.
#[repr(C)]
pub struct Module {
    _head: [usize; 2],
    pub dict: *mut PyObject,
}

// The offsets that the C compiler gives on 64-bit Linux.
const _: () = {
    assert!(offset_of!(Frame, owner) == 70);
    assert!(offset_of!(Frame, slots) == 72);
    assert!(offset_of!(Code, monitoring) == 176);
    assert!(offset_of!(Code, code) == 200);
    assert!(offset_of!(ThreadState, tracing) == 60);
    assert!(offset_of!(ThreadState, current_frame) == 72);
    assert!(offset_of!(ThreadState, current_exception) == 112);
    assert!(offset_of!(ThreadState, stack_next) == 240);
    assert!(offset_of!(Generator, state) == 67);
    assert!(offset_of!(Generator, frame) == 72);
    assert!(offset_of!(Function, vectorcall) == 128);
    assert!(offset_of!(Bytes, data) == 32);
    assert!(offset_of!(ByteArray, start) == 40);
    assert!(offset_of!(DictKeys, entries) == 24);
    assert!(offset_of!(DictKeys, indices) == 32);
    assert!(offset_of!(DictValues, values) == 8);
    assert!(offset_of!(Dict, values) == 40);
    assert!(offset_of!(Str, hash) == 24);
    assert!(offset_of!(Set, table) == 40);
    assert!(offset_of!(Set, weak_references) == 192);
};
