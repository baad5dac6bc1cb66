//! C functions that work on containers and strings and run no Python code.
//!
//! Each refuses what it does not handle before it has changed anything: null, 0 or -1 without an exception. The trace is
//! left then, and CPython runs the instruction.

/// Addresses. The operands are objects unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Leaf {
    /// From a `PyThreadState` to the exception that is set.
    pub thread_exception: i32,
    pub dict: u64,
    pub set: u64,
    pub frozenset: u64,
    /// Of `call_fast`: keys and values in turn.
    pub build_dict: u64,
    /// Of `call_fast`.
    pub build_set: u64,
    pub dict_get: u64,
    /// Of a dict and a number.
    pub dict_get_int: u64,
    pub dict_contains: u64,
    pub dict_set: u64,
    /// Of a dict, a number, a number that is not used, and the value.
    pub dict_set_int: u64,
    /// Of a dict, the value as a number, a number that is not used, and the key.
    pub dict_set_number: u64,
    /// Of a dict, two numbers, and an object that is not used.
    pub dict_set_int_number: u64,
    pub dict_delete: u64,
    pub dict_update: u64,
    /// A number; the second operand is not used.
    pub dict_length: u64,
    pub set_contains: u64,
    pub set_add: u64,
    pub set_update: u64,
    /// A number; the second operand is not used.
    pub set_length: u64,
    pub list_extend: u64,
    pub list_to_tuple: u64,
    /// Of an object that is not used, next value, step and values left: the iterator of a range.
    pub range_iterator: u64,
    pub concat: u64,
    /// Of a sequence and a number.
    pub repeat: u64,
    /// Of a tuple, start, stop and 1: a list.
    pub tuple_rest: u64,
    /// `|`, `&`, `-`, `^`.
    pub set_binary: [u64; 4],
    pub text_add: u64,
    /// The first one is used up, and may become the result.
    pub text_append: u64,
    pub text_format: u64,
    /// `str`, `repr` and `ascii` of a plain value.
    pub convert: [u64; 3],
    /// `format` of a number or a `str`, by a `str`.
    pub format: u64,
    /// Of a `str` and an index.
    pub text_item: u64,
    /// Of a deque and an index.
    pub deque_item: u64,
    pub text_equal: u64,
    /// Of a `str` and another one.
    pub text_in_text: u64,
    /// Of a list or tuple and a value.
    pub value_in_sequence: u64,
    /// By operator, of plain values.
    pub compare: [u64; 6],
    /// Of `call_fast`.
    pub build_text: u64,
    /// `iter(iterable)`.
    pub iterate: u64,
    /// The next item, or the mark of general operations.
    pub next: u64,
    pub zip: u64,
}
