//! Builtin functions, methods and classes that run no Python code for arguments of certain kinds.
//!
//! One table says which, and what they are called with. Most are called as they are, by the address in their definition; where
//! Python code could run for some arguments of these kinds, a function of ours stands in their place, or is asked first,
//! and refuses. Functions are recognized by their definition in C and types by their address, which Python
//! code cannot imitate.

use super::call::module_function;
use super::operand;
use crate::capi as ffi;
use crate::helpers::{builtins, deques, dicts, heaps, iterators, keys, sets, texts};
use crate::host::{address, type_address};
use crate::{PyObject, objects};
use decal_trace::event::{First, Kind, LeafCall, Passing};
use std::ffi::CStr;
use std::sync::OnceLock;

const fn bit(kind: Kind) -> u32 {
    1 << kind as u32
}

const STR: u32 = bit(Kind::Str);
const BYTES: u32 = bit(Kind::Bytes) | bit(Kind::ByteArray);
const INT: u32 = bit(Kind::Int) | bit(Kind::BigInt) | bit(Kind::Bool);
const FLOAT: u32 = bit(Kind::Float);
const NUMBER: u32 = INT | FLOAT;
const NONE: u32 = bit(Kind::None);
const LIST: u32 = bit(Kind::List);
const TUPLE: u32 = bit(Kind::Tuple);
const DICT: u32 = bit(Kind::Dict);
const SETS: u32 = bit(Kind::Set) | bit(Kind::FrozenSet);
const RANGE: u32 = bit(Kind::Range);
const PLAIN: u32 = STR | bit(Kind::Bytes) | INT | FLOAT | NONE;
/// What has a text without a warning: CPython may be asked for one for bytes.
const WORDS: u32 = STR | INT | FLOAT | NONE;
/// Containers that are iterated over without Python code.
const CONTAINER: u32 = STR | BYTES | LIST | TUPLE | DICT | SETS | RANGE | bit(Kind::View);
/// Iterators, which may ask others that run Python code.
const ITERATOR: u32 = bit(Kind::Iterator)
    | bit(Kind::ListIter)
    | bit(Kind::TupleIter)
    | bit(Kind::TextIter)
    | bit(Kind::RangeIter)
    | bit(Kind::Enumerate);
/// Anything, as what is only kept.
const ANY: u32 = u32::MAX;
/// A key: the function looks at it.
const KEY: u32 = u32::MAX - 1;
/// Anything of which a trace has the object itself: numbers it may make anew.
const ITSELF: u32 = u32::MAX - 2;

/// How an entry of the table is called.
#[derive(Clone, Copy)]
enum How {
    /// As it is.
    Itself,
    /// By the class's own function for calls.
    Vectorcall,
    /// A function of ours, given receiver and arguments.
    Ours(Passing, fn() -> u64),
}

/// What may be asked first.
#[derive(Clone, Copy)]
enum Check {
    Nothing,
    /// That what the container holds is plain.
    Plain,
    /// The same, and that all of it has a hash without Python code.
    Keys,
    /// That the iterator and those that it asks are known.
    Iterator,
}

#[derive(Clone, Copy)]
struct Entry {
    name: &'static CStr,
    takes: &'static [u32],
    required: usize,
    how: How,
    gives: fn() -> u64,
    changes: bool,
    check: Check,
    /// Whether it looks after signals and the collector in its midst, if only to say what it refuses.
    attends: bool,
}

fn any() -> u64 {
    0
}

macro_rules! given {
    ($($name:ident = $type:ident;)*) => {
        $(fn $name() -> u64 { type_address!($type) })*
    };
}
given! {
    text = PyUnicode_Type;
    number = PyLong_Type;
    truth = PyBool_Type;
    list = PyList_Type;
    tuple = PyTuple_Type;
    dict = PyDict_Type;
    set = PySet_Type;
    frozen_set = PyFrozenSet_Type;
    byte_string = PyBytes_Type;
    byte_array = PyByteArray_Type;
    floating = PyFloat_Type;
    enumerate = PyEnum_Type;
    zip = PyZip_Type;
}

/// Called as it is.
const fn method(name: &'static CStr, takes: &'static [u32], required: usize, gives: fn() -> u64) -> Entry {
    Entry { name, takes, required, how: How::Itself, gives, changes: false, check: Check::Nothing, attends: false }
}

impl Entry {
    const fn changing(self) -> Entry {
        Entry { changes: true, ..self }
    }
    const fn attending(self) -> Entry {
        Entry { attends: true, ..self }
    }
    const fn asking(self, check: Check) -> Entry {
        Entry { check, ..self }
    }
    const fn ours(self, passing: Passing, function: fn() -> u64) -> Entry {
        Entry { how: How::Ours(passing, function), ..self }
    }
    const fn made(self) -> Entry {
        Entry { how: How::Vectorcall, ..self }
    }
}

const POSITION: u32 = INT | NONE;

static STR_METHODS: &[Entry] = &[
    method(c"join", &[LIST | TUPLE | STR], 1, text),
    method(c"split", &[STR | NONE, INT], 0, list),
    method(c"rsplit", &[STR | NONE, INT], 0, list),
    method(c"splitlines", &[INT], 0, list),
    method(c"partition", &[STR], 1, tuple),
    method(c"rpartition", &[STR], 1, tuple),
    method(c"startswith", &[STR | TUPLE, POSITION, POSITION], 1, truth),
    method(c"endswith", &[STR | TUPLE, POSITION, POSITION], 1, truth),
    method(c"strip", &[STR | NONE], 0, text),
    method(c"lstrip", &[STR | NONE], 0, text),
    method(c"rstrip", &[STR | NONE], 0, text),
    method(c"replace", &[STR, STR, INT], 2, text),
    method(c"find", &[STR, POSITION, POSITION], 1, number),
    method(c"rfind", &[STR, POSITION, POSITION], 1, number),
    method(c"index", &[STR, POSITION, POSITION], 1, number),
    method(c"rindex", &[STR, POSITION, POSITION], 1, number),
    method(c"count", &[STR, POSITION, POSITION], 1, number),
    method(c"upper", &[], 0, text),
    method(c"lower", &[], 0, text),
    method(c"title", &[], 0, text),
    method(c"capitalize", &[], 0, text),
    method(c"casefold", &[], 0, text),
    method(c"swapcase", &[], 0, text),
    method(c"isdigit", &[], 0, truth),
    method(c"isalpha", &[], 0, truth),
    method(c"isalnum", &[], 0, truth),
    method(c"isspace", &[], 0, truth),
    method(c"isupper", &[], 0, truth),
    method(c"islower", &[], 0, truth),
    method(c"istitle", &[], 0, truth),
    method(c"isdecimal", &[], 0, truth),
    method(c"isnumeric", &[], 0, truth),
    method(c"isidentifier", &[], 0, truth),
    method(c"isascii", &[], 0, truth),
    method(c"isprintable", &[], 0, truth),
    method(c"zfill", &[INT], 1, text),
    method(c"ljust", &[INT, STR], 1, text),
    method(c"rjust", &[INT, STR], 1, text),
    method(c"center", &[INT, STR], 1, text),
    method(c"removeprefix", &[STR], 1, text),
    method(c"removesuffix", &[STR], 1, text),
    method(c"expandtabs", &[INT], 0, text),
    // Other encodings may be Python code.
    method(c"encode", &[], 0, byte_string),
];

static BYTES_METHODS: &[Entry] = &[
    method(c"startswith", &[BYTES | TUPLE, POSITION, POSITION], 1, truth),
    method(c"endswith", &[BYTES | TUPLE, POSITION, POSITION], 1, truth),
    method(c"find", &[BYTES | INT, POSITION, POSITION], 1, number),
    method(c"rfind", &[BYTES | INT, POSITION, POSITION], 1, number),
    method(c"index", &[BYTES | INT, POSITION, POSITION], 1, number),
    method(c"count", &[BYTES | INT, POSITION, POSITION], 1, number),
    method(c"split", &[BYTES | NONE, INT], 0, list),
    method(c"rsplit", &[BYTES | NONE, INT], 0, list),
    method(c"splitlines", &[INT], 0, list),
    method(c"strip", &[BYTES | NONE], 0, any),
    method(c"lstrip", &[BYTES | NONE], 0, any),
    method(c"rstrip", &[BYTES | NONE], 0, any),
    method(c"replace", &[BYTES, BYTES, INT], 2, any),
    method(c"lower", &[], 0, any),
    method(c"upper", &[], 0, any),
    method(c"isdigit", &[], 0, truth),
    method(c"isalpha", &[], 0, truth),
    method(c"isspace", &[], 0, truth),
    method(c"hex", &[], 0, text),
    method(c"decode", &[], 0, text),
];

static BYTEARRAY_METHODS: &[Entry] = &[
    method(c"append", &[INT], 1, any).changing(),
    method(c"extend", &[BYTES], 1, any).changing(),
    method(c"insert", &[INT, INT], 2, any).changing(),
    method(c"pop", &[INT], 0, number).changing(),
    method(c"clear", &[], 0, any).changing(),
    method(c"reverse", &[], 0, any).changing(),
];

static LIST_METHODS: &[Entry] = &[
    method(c"copy", &[], 0, list),
    method(c"reverse", &[], 0, any).changing(),
    method(c"extend", &[CONTAINER], 1, any).changing(),
    method(c"extend", &[ITERATOR], 1, any).changing().asking(Check::Iterator),
    method(c"sort", &[], 0, any).changing().asking(Check::Plain),
    method(c"index", &[PLAIN, INT, INT], 1, number).asking(Check::Plain).attending(),
    method(c"count", &[PLAIN], 1, number).asking(Check::Plain),
    method(c"clear", &[], 0, any).changing().ours(Passing::Done, || address!(builtins::list_clear)),
    method(c"remove", &[PLAIN], 1, any).changing().asking(Check::Plain),
];

static TUPLE_METHODS: &[Entry] = &[
    method(c"index", &[PLAIN, INT, INT], 1, number).asking(Check::Plain),
    method(c"count", &[PLAIN], 1, number).asking(Check::Plain),
];

static DICT_METHODS: &[Entry] = &[
    method(c"get", &[KEY], 1, any).ours(Passing::Objects, || address!(dicts::get_or_none)),
    method(c"get", &[KEY, ANY], 2, any).ours(Passing::Objects, || address!(dicts::get_or)),
    method(c"setdefault", &[KEY], 1, any).changing().ours(Passing::Objects, || address!(dicts::set_default_none)),
    method(c"setdefault", &[KEY, ANY], 2, any).changing().ours(Passing::Objects, || address!(dicts::set_default)),
    method(c"pop", &[KEY], 1, any).changing().ours(Passing::Objects, || address!(dicts::pop)),
    method(c"pop", &[KEY, ANY], 2, any).changing().ours(Passing::Objects, || address!(dicts::pop_or)),
    method(c"update", &[DICT], 1, any).changing().ours(Passing::Done, || address!(dicts::update)),
    method(c"clear", &[], 0, any).changing().ours(Passing::Done, || address!(dicts::clear)),
    method(c"copy", &[], 0, dict),
    method(c"keys", &[], 0, || type_address!(PyDictKeys_Type)),
    method(c"values", &[], 0, || type_address!(PyDictValues_Type)),
    method(c"items", &[], 0, || type_address!(PyDictItems_Type)),
];

static SET_METHODS: &[Entry] = &[
    method(c"add", &[KEY], 1, any).changing().ours(Passing::Done, || address!(sets::add)),
    method(c"discard", &[KEY], 1, any).changing().ours(Passing::Done, || address!(sets::discard)),
    method(c"remove", &[KEY], 1, any).changing().ours(Passing::Done, || address!(sets::remove)),
    method(c"update", &[CONTAINER], 1, any).changing().ours(Passing::Done, || address!(sets::update)),
    method(c"copy", &[], 0, set),
];

static DEQUE_METHODS: &[Entry] = &[
    method(c"append", &[ANY], 1, any).changing().ours(Passing::Done, || address!(deques::append)),
    method(c"appendleft", &[ANY], 1, any).changing().ours(Passing::Done, || address!(deques::append_left)),
    method(c"pop", &[], 0, any).changing(),
    method(c"popleft", &[], 0, any).changing(),
];

/// Of a generator of random numbers, whichever class extends that in C: it draws, and no more.
static RANDOM_METHODS: &[Entry] =
    &[method(c"random", &[], 0, floating).changing(), method(c"getrandbits", &[INT], 1, number).changing()];

static INT_METHODS: &[Entry] = &[method(c"bit_length", &[], 0, number), method(c"bit_count", &[], 0, number)];

static FLOAT_METHODS: &[Entry] =
    &[method(c"is_integer", &[], 0, truth), method(c"hex", &[], 0, text), method(c"as_integer_ratio", &[], 0, tuple)];

// None of them raises an audit event: a hook in Python would run in its midst.
static FUNCTIONS: &[Entry] = &[
    method(c"ord", &[STR | BYTES], 1, number),
    method(c"chr", &[INT], 1, text),
    method(c"repr", &[PLAIN], 1, text).ours(Passing::Objects, || address!(texts::repr)).attending(),
    method(c"ascii", &[PLAIN], 1, text).ours(Passing::Objects, || address!(texts::ascii)).attending(),
    method(c"format", &[WORDS], 1, text).ours(Passing::Objects, || address!(texts::text)).attending(),
    method(c"format", &[STR | INT | FLOAT, STR], 2, text)
        .ours(Passing::Objects, || address!(texts::format))
        .attending(),
    method(c"bin", &[INT], 1, text),
    method(c"hex", &[INT], 1, text),
    method(c"oct", &[INT], 1, text),
    method(c"divmod", &[INT, INT], 2, tuple).ours(Passing::Objects, || address!(texts::divide_with_rest)).attending(),
    method(c"divmod", &[INT | FLOAT, INT | FLOAT], 2, tuple),
    method(c"round", &[FLOAT, INT], 2, any),
    method(c"pow", &[INT, INT, INT], 3, number).attending(),
    method(c"hash", &[PLAIN], 1, number),
    method(c"id", &[ITSELF], 1, number).ours(Passing::Objects, || address!(builtins::id)),
    method(c"sum", &[LIST | TUPLE, INT | FLOAT], 1, any).asking(Check::Plain),
    method(c"sum", &[RANGE], 1, number),
    method(c"min", &[LIST | TUPLE], 1, any).asking(Check::Plain),
    method(c"max", &[LIST | TUPLE], 1, any).asking(Check::Plain),
    method(c"min", &[STR | RANGE], 1, any),
    method(c"max", &[STR | RANGE], 1, any),
    method(c"sorted", &[LIST | TUPLE | DICT | SETS], 1, list).asking(Check::Plain),
    method(c"sorted", &[STR | RANGE], 1, list),
    method(c"iter", &[CONTAINER | ITERATOR], 1, any),
    method(c"next", &[ITERATOR], 1, any).ours(Passing::Objects, || address!(iterators::next_or_raise)),
    method(c"next", &[ITERATOR, ANY], 2, any).ours(Passing::Objects, || address!(iterators::next_or)),
    method(c"any", &[LIST | TUPLE], 1, truth).asking(Check::Plain),
    method(c"all", &[LIST | TUPLE], 1, truth).asking(Check::Plain),
];

/// Of `math`, beside those that are uops.
static MATH: &[Entry] = &[
    method(c"hypot", &[NUMBER, NUMBER, NUMBER], 1, floating),
    method(c"gcd", &[INT, INT, INT], 1, number).attending(),
    method(c"lcm", &[INT, INT, INT], 1, number).attending(),
    method(c"isqrt", &[INT], 1, number).attending(),
    method(c"comb", &[INT, INT], 2, number).attending(),
    method(c"perm", &[INT, INT], 1, number).attending(),
    method(c"factorial", &[INT], 1, number).attending(),
    method(c"isnan", &[NUMBER], 1, truth),
    method(c"isinf", &[NUMBER], 1, truth),
    method(c"isfinite", &[NUMBER], 1, truth),
    method(c"trunc", &[FLOAT], 1, number),
    method(c"frexp", &[FLOAT], 1, tuple),
    method(c"modf", &[FLOAT], 1, tuple),
    method(c"ldexp", &[FLOAT, INT], 2, floating),
    method(c"log", &[NUMBER, NUMBER], 2, floating),
    method(c"fsum", &[LIST | TUPLE], 1, floating).asking(Check::Plain),
];

/// Of `time`.
static TIME: &[Entry] = &[
    method(c"time", &[], 0, floating),
    method(c"perf_counter", &[], 0, floating),
    method(c"perf_counter_ns", &[], 0, number),
    method(c"monotonic", &[], 0, floating),
    method(c"monotonic_ns", &[], 0, number),
    method(c"time_ns", &[], 0, number),
    method(c"process_time", &[], 0, floating),
];

/// Of `heapq`.
static HEAPS: &[Entry] = &[
    method(c"heappush", &[LIST, ANY], 2, any).changing().ours(Passing::Done, || address!(heaps::push)),
    method(c"heappop", &[LIST], 1, any).changing().ours(Passing::Objects, || address!(heaps::pop)),
];

/// Of `operator`.
static OPERATORS: &[Entry] = &[method(c"index", &[INT], 1, number)];

/// Functions of modules in C.
static MODULES: &[(&[u8], &[Entry])] =
    &[(b"builtins", FUNCTIONS), (b"math", MATH), (b"time", TIME), (b"_heapq", HEAPS), (b"_operator", OPERATORS)];

/// Classes: type, and how it is called.
#[expect(clippy::type_complexity, reason = "a table: the class, and what to call")]
static CLASSES: &[(fn() -> u64, Entry)] = &[
    (text, method(c"str", &[WORDS], 1, text).ours(Passing::Objects, || address!(texts::text)).attending()),
    (text, method(c"str", &[], 0, text).ours(Passing::Fast, || address!(builtins::construct))),
    (number, method(c"int", &[STR], 1, number).ours(Passing::Objects, || address!(texts::number)).attending()),
    (
        number,
        method(c"int", &[STR, INT], 2, number).ours(Passing::Objects, || address!(texts::number_to_base)).attending(),
    ),
    (
        floating,
        method(c"float", &[STR], 1, floating).ours(Passing::Objects, || address!(ffi::PyNumber_Float)).attending(),
    ),
    (list, method(c"list", &[CONTAINER], 0, list).made()),
    (
        list,
        method(c"list", &[ITERATOR], 1, list)
            .ours(Passing::Objects, || address!(ffi::PySequence_List))
            .asking(Check::Iterator),
    ),
    (tuple, method(c"tuple", &[CONTAINER], 0, tuple).made()),
    (
        tuple,
        method(c"tuple", &[ITERATOR], 1, tuple)
            .ours(Passing::Objects, || address!(ffi::PySequence_Tuple))
            .asking(Check::Iterator),
    ),
    (dict, method(c"dict", &[], 0, dict).made()),
    (dict, method(c"dict", &[DICT], 1, dict).ours(Passing::Objects, || address!(dicts::copy))),
    (set, method(c"set", &[], 0, set).made()),
    (set, method(c"set", &[CONTAINER], 1, set).ours(Passing::Objects, || address!(sets::new))),
    (frozen_set, method(c"frozenset", &[], 0, frozen_set).made()),
    (frozen_set, method(c"frozenset", &[CONTAINER], 1, frozen_set).made().asking(Check::Keys)),
    (
        || type_address!(PyReversed_Type),
        method(c"reversed", &[LIST | TUPLE | STR | BYTES | RANGE | DICT], 1, any).made(),
    ),
    (enumerate, method(c"enumerate", &[CONTAINER | ITERATOR, INT], 1, enumerate).made()),
    (zip, method(c"zip", &[CONTAINER | ITERATOR, CONTAINER | ITERATOR, CONTAINER | ITERATOR], 1, zip).made()),
    (|| type_address!(PyRange_Type), method(c"range", &[INT, INT, INT], 1, || type_address!(PyRange_Type)).made()),
    (
        byte_string,
        method(c"bytes", &[INT | BYTES], 0, byte_string).ours(Passing::Fast, || address!(builtins::construct)),
    ),
    (
        byte_array,
        method(c"bytearray", &[INT | BYTES], 0, byte_array).ours(Passing::Fast, || address!(builtins::construct)),
    ),
];

/// A method as it is found: descriptor, definition, type, entry.
type Found = (u64, u64, u64, &'static Entry);

fn methods() -> &'static [Found] {
    static METHODS: OnceLock<Vec<Found>> = OnceLock::new();
    METHODS.get_or_init(|| {
        let tables: [(u64, &'static [Entry]); 11] = [
            (type_address!(PyUnicode_Type), STR_METHODS),
            (type_address!(PyBytes_Type), BYTES_METHODS),
            (type_address!(PyByteArray_Type), BYTES_METHODS),
            (type_address!(PyByteArray_Type), BYTEARRAY_METHODS),
            (type_address!(PyList_Type), LIST_METHODS),
            (type_address!(PyTuple_Type), TUPLE_METHODS),
            (type_address!(PyDict_Type), DICT_METHODS),
            (type_address!(PySet_Type), SET_METHODS),
            (type_address!(PyFrozenSet_Type), SET_METHODS),
            (type_address!(PyLong_Type), INT_METHODS),
            (type_address!(PyFloat_Type), FLOAT_METHODS),
        ];
        let all = tables.iter().flat_map(|(ty, table)| table.iter().map(move |entry| (*ty, entry)));
        // SAFETY: observing holds the GIL.
        all.filter_map(|(ty, entry)| unsafe { found(ty, entry) }).collect()
    })
}

/// The same of a type that is no part of the interpreter's core.
fn deque_methods() -> &'static [Found] {
    static METHODS: OnceLock<Vec<Found>> = OnceLock::new();
    let Some(ty) = deques::known_type() else { return &[] };
    // SAFETY: as above.
    METHODS.get_or_init(|| DEQUE_METHODS.iter().filter_map(|entry| unsafe { found(ty, entry) }).collect())
}

/// The descriptor of a method of a type, and its definition.
unsafe fn find(ty: u64, name: &'static CStr) -> Option<(u64, u64)> {
    // SAFETY: observing holds the GIL.
    let found = unsafe { objects::builtin_method(ty as *mut ffi::PyTypeObject, name) }?;
    // SAFETY: a descriptor that lives.
    Some((found as u64, unsafe { (*found).d_method } as u64))
}

unsafe fn found(ty: u64, entry: &'static Entry) -> Option<Found> {
    // SAFETY: as above.
    let (descriptor, definition) = unsafe { find(ty, entry.name) }?;
    Some((descriptor, definition, ty, entry))
}

/// The call, where it is one that runs no Python code.
pub(super) unsafe fn leaf_call(
    callable: *mut PyObject,
    receiver: *mut PyObject,
    arguments: &[*mut PyObject],
) -> Option<LeafCall> {
    // SAFETY: live objects.
    unsafe {
        let ty = objects::type_of(callable);
        if ty == type_address!(PyMethodDescr_Type) {
            let self_type = objects::type_of(receiver);
            let methods = methods().iter().chain(deque_methods());
            let mut found = methods.filter(|found| found.0 == callable as u64 && found.2 == self_type);
            return found.find_map(|found| fit(found.3, First::Receiver, receiver, found.1, arguments));
        }
        if !receiver.is_null() {
            return None;
        }
        if ty == type_address!(PyType_Type) {
            let mut found = CLASSES.iter().filter(|(class, _)| class() == callable as u64);
            return found.find_map(|(_, entry)| fit(entry, First::Object(callable as u64), callable, 0, arguments));
        }
        if ty != type_address!(PyCFunction_Type) {
            return None;
        }
        let function = &*callable.cast::<ffi::PyCFunctionObject>();
        let definition = function.m_ml as u64;
        if let Some((module, name)) = module_function(callable)
            && let Some((_, functions)) = MODULES.iter().find(|(known, _)| *known == module)
        {
            let mut found = functions.iter().filter(|entry| entry.name.to_bytes() == name);
            let module = First::Object(function.m_self as u64);
            return found.find_map(|entry| fit(entry, module, function.m_self, definition, arguments));
        }
        let self_type = objects::type_of(function.m_self);
        let methods = methods().iter().chain(deque_methods());
        let mut found = methods.filter(|found| found.1 == definition && found.2 == self_type);
        let first = First::Bound { definition, ty: self_type };
        let found = found.find_map(|found| fit(found.3, first, function.m_self, definition, arguments));
        found.or_else(|| {
            let entry = random_method(self_type as *mut ffi::PyTypeObject, definition)?;
            fit(entry, first, function.m_self, definition, arguments)
        })
    }
}

/// Which method of a generator of random numbers this definition is.
unsafe fn random_method(ty: *mut ffi::PyTypeObject, definition: u64) -> Option<&'static Entry> {
    // SAFETY: a live class and its bases. No class made by Python code has such a definition.
    unsafe {
        let mut base = ty;
        while !base.is_null() && CStr::from_ptr((*base).tp_name) != c"_random.Random" {
            base = (*base).tp_base;
        }
        if base.is_null() {
            return None;
        }
        let is_it = |entry: &&Entry| find(base as u64, entry.name).is_some_and(|(_, known)| known == definition);
        RANDOM_METHODS.iter().find(is_it)
    }
}

/// The call of an entry, where the arguments are such.
unsafe fn fit(
    entry: &Entry,
    first: First,
    receiver: *mut PyObject,
    definition: u64,
    arguments: &[*mut PyObject],
) -> Option<LeafCall> {
    if arguments.len() < entry.required || arguments.len() > entry.takes.len() {
        return None;
    }
    let mut exact = 0;
    for (position, (argument, mask)) in arguments.iter().zip(entry.takes).enumerate() {
        // SAFETY: live objects.
        let kind = unsafe { operand(*argument) }.kind;
        match *mask {
            ANY => {}
            ITSELF if NUMBER & bit(kind) == 0 => {}
            ITSELF => return None,
            KEY => {
                // SAFETY: as above.
                if !unsafe { keys::is_simple(*argument) } {
                    return None;
                }
                if kind != Kind::Other && kind != Kind::Type {
                    exact |= 1 << position;
                }
            }
            mask if mask & bit(kind) != 0 => exact |= 1 << position,
            _ => return None,
        }
    }
    let (function, passing, first) = match entry.how {
        How::Ours(passing, function) => {
            // Ours take no class and no module.
            let first =
                if matches!(first, First::Object(_)) && passing != Passing::Fast { First::Nothing } else { first };
            (function(), passing, first)
        }
        How::Vectorcall => {
            // SAFETY: the receiver is the class.
            let called = unsafe { (*receiver.cast::<ffi::PyTypeObject>()).tp_vectorcall }?;
            (called as *const () as u64, Passing::Fast, first)
        }
        How::Itself => {
            // SAFETY: a definition that lives forever.
            let definition = unsafe { &*(definition as *const ffi::PyMethodDef) };
            // SAFETY: all variants are addresses of functions.
            let function = unsafe { definition.ml_meth.PyCFunction } as *const () as u64;
            let passing = match definition.ml_flags & !ffi::METH_COEXIST {
                ffi::METH_NOARGS if arguments.is_empty() => Passing::Objects,
                ffi::METH_O if arguments.len() == 1 => Passing::Objects,
                flags if flags & !ffi::METH_KEYWORDS == ffi::METH_FASTCALL => Passing::Fast,
                _ => return None,
            };
            (function, passing, first)
        }
    };
    let on_argument = matches!(first, First::Object(_) | First::Nothing) || matches!(entry.check, Check::Iterator);
    let asks = u32::from(on_argument && !matches!(first, First::Nothing));
    // SAFETY: live objects.
    let (check, fine) = unsafe {
        let asked = if on_argument { arguments.first().copied().unwrap_or(receiver) } else { receiver };
        match entry.check {
            Check::Nothing => (0, true),
            Check::Plain => (address!(builtins::all_plain), builtins::all_plain(asked, asked) == 1),
            Check::Keys => (address!(builtins::all_keys), builtins::all_keys(asked, asked) == 1),
            Check::Iterator => (address!(builtins::known_iterator), builtins::known_iterator(asked, asked) == 1),
        }
    };
    // No arguments, nothing to ask.
    let check = if on_argument && arguments.is_empty() { 0 } else { check };
    let Entry { gives, changes, attends, .. } = *entry;
    fine.then_some(LeafCall { function, passing, first, exact, gives: gives(), changes, check, asks, attends })
}
