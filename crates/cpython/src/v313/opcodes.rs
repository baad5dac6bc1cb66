//! The opcodes of CPython 3.13 in base form: numbers, names, inline caches, stack effects.

/// Opcodes from this one on are events of monitoring tools.
pub const FIRST_INSTRUMENTED: u8 = 236;

/// The event of an instruction, which may stand for any.
pub const INSTRUMENTED_INSTRUCTION: u8 = 247;
/// The event of a line, which may stand for any instruction, the event of one included.
pub const INSTRUMENTED_LINE: u8 = 254;
/// These, and the event of a jump backward.
const EVENTS: [u8; 3] = [INSTRUMENTED_INSTRUCTION, 249, INSTRUMENTED_LINE];

/// The event of a call with the items of a tuple.
const INSTRUMENTED_CALL_FUNCTION_EX: u8 = 246;

/// Whether this instruction, as it may stand in code that runs, can be a call with the items of a tuple.
pub fn may_spread(opcode: u8) -> bool {
    matches!(opcode, CALL_FUNCTION_EX | INSTRUMENTED_CALL_FUNCTION_EX | INSTRUMENTED_INSTRUCTION | INSTRUMENTED_LINE)
}

/// Whether a code unit with this opcode, in any form, may be a jump backward.
pub fn may_jump_backward(opcode: u8) -> bool {
    opcode == JUMP_BACKWARD || EVENTS.contains(&opcode)
}

/// What is known of an opcode.
pub struct Info {
    /// Its name.
    pub name: &'static str,
    /// Code units of inline cache behind it.
    pub caches: u8,
}

macro_rules! opcodes {
    ($($name:ident = $number:literal, caches $caches:literal, effect |$arg:ident| $effect:expr;)*) => {
        $(
            #[allow(missing_docs, dead_code, reason = "the table is complete, whatever the decoder asks for")]
            pub const $name: u8 = $number;
        )*

        /// What is known of this opcode; `None` for numbers that base bytecode does not have.
        pub fn info(opcode: u8) -> Option<Info> {
            match opcode {
                $($number => Some(Info { name: stringify!($name), caches: $caches }),)*
                _ => None,
            }
        }

        /// By how much the stack grows when the instruction falls through (jumps may differ).
        pub fn effect(opcode: u8, argument: u32) -> i64 {
            let argument = i64::from(argument);
            match opcode {
                $($number => { let $arg = argument; $effect })*
                _ => 0,
            }
        }
    };
}

opcodes! {
    CACHE = 0, caches 0, effect |_arg| 0;
    BEFORE_ASYNC_WITH = 1, caches 0, effect |_arg| 1;
    BEFORE_WITH = 2, caches 0, effect |_arg| 1;
    BINARY_SLICE = 4, caches 0, effect |_arg| -2;
    BINARY_SUBSCR = 5, caches 1, effect |_arg| -1;
    CHECK_EG_MATCH = 6, caches 0, effect |_arg| 0;
    CHECK_EXC_MATCH = 7, caches 0, effect |_arg| 0;
    CLEANUP_THROW = 8, caches 0, effect |_arg| -1;
    DELETE_SUBSCR = 9, caches 0, effect |_arg| -2;
    END_ASYNC_FOR = 10, caches 0, effect |_arg| -2;
    END_FOR = 11, caches 0, effect |_arg| -1;
    END_SEND = 12, caches 0, effect |_arg| -1;
    FORMAT_SIMPLE = 14, caches 0, effect |_arg| 0;
    FORMAT_WITH_SPEC = 15, caches 0, effect |_arg| -1;
    GET_AITER = 16, caches 0, effect |_arg| 0;
    GET_ANEXT = 18, caches 0, effect |_arg| 1;
    GET_ITER = 19, caches 0, effect |_arg| 0;
    GET_LEN = 20, caches 0, effect |_arg| 1;
    GET_YIELD_FROM_ITER = 21, caches 0, effect |_arg| 0;
    LOAD_ASSERTION_ERROR = 23, caches 0, effect |_arg| 1;
    LOAD_BUILD_CLASS = 24, caches 0, effect |_arg| 1;
    LOAD_LOCALS = 25, caches 0, effect |_arg| 1;
    MAKE_FUNCTION = 26, caches 0, effect |_arg| 0;
    MATCH_KEYS = 27, caches 0, effect |_arg| 1;
    MATCH_MAPPING = 28, caches 0, effect |_arg| 1;
    MATCH_SEQUENCE = 29, caches 0, effect |_arg| 1;
    NOP = 30, caches 0, effect |_arg| 0;
    POP_EXCEPT = 31, caches 0, effect |_arg| -1;
    POP_TOP = 32, caches 0, effect |_arg| -1;
    PUSH_EXC_INFO = 33, caches 0, effect |_arg| 1;
    PUSH_NULL = 34, caches 0, effect |_arg| 1;
    RETURN_GENERATOR = 35, caches 0, effect |_arg| 1;
    RETURN_VALUE = 36, caches 0, effect |_arg| -1;
    SETUP_ANNOTATIONS = 37, caches 0, effect |_arg| 0;
    STORE_SLICE = 38, caches 0, effect |_arg| -4;
    STORE_SUBSCR = 39, caches 1, effect |_arg| -3;
    TO_BOOL = 40, caches 3, effect |_arg| 0;
    UNARY_INVERT = 41, caches 0, effect |_arg| 0;
    UNARY_NEGATIVE = 42, caches 0, effect |_arg| 0;
    UNARY_NOT = 43, caches 0, effect |_arg| 0;
    WITH_EXCEPT_START = 44, caches 0, effect |_arg| 1;
    BINARY_OP = 45, caches 1, effect |_arg| -1;
    BUILD_CONST_KEY_MAP = 46, caches 0, effect |arg| -arg;
    BUILD_LIST = 47, caches 0, effect |arg| 1 - arg;
    BUILD_MAP = 48, caches 0, effect |arg| 1 - 2 * arg;
    BUILD_SET = 49, caches 0, effect |arg| 1 - arg;
    BUILD_SLICE = 50, caches 0, effect |arg| 1 - arg;
    BUILD_STRING = 51, caches 0, effect |arg| 1 - arg;
    BUILD_TUPLE = 52, caches 0, effect |arg| 1 - arg;
    CALL = 53, caches 3, effect |arg| -1 - arg;
    CALL_FUNCTION_EX = 54, caches 0, effect |arg| -2 - (arg & 1);
    CALL_INTRINSIC_1 = 55, caches 0, effect |_arg| 0;
    CALL_INTRINSIC_2 = 56, caches 0, effect |_arg| -1;
    CALL_KW = 57, caches 0, effect |arg| -2 - arg;
    COMPARE_OP = 58, caches 1, effect |_arg| -1;
    CONTAINS_OP = 59, caches 1, effect |_arg| -1;
    CONVERT_VALUE = 60, caches 0, effect |_arg| 0;
    COPY = 61, caches 0, effect |_arg| 1;
    COPY_FREE_VARS = 62, caches 0, effect |_arg| 0;
    DELETE_ATTR = 63, caches 0, effect |_arg| -1;
    DELETE_DEREF = 64, caches 0, effect |_arg| 0;
    DELETE_FAST = 65, caches 0, effect |_arg| 0;
    DELETE_GLOBAL = 66, caches 0, effect |_arg| 0;
    DELETE_NAME = 67, caches 0, effect |_arg| 0;
    DICT_MERGE = 68, caches 0, effect |_arg| -1;
    DICT_UPDATE = 69, caches 0, effect |_arg| -1;
    EXTENDED_ARG = 71, caches 0, effect |_arg| 0;
    FOR_ITER = 72, caches 1, effect |_arg| 1;
    GET_AWAITABLE = 73, caches 0, effect |_arg| 0;
    IMPORT_FROM = 74, caches 0, effect |_arg| 1;
    IMPORT_NAME = 75, caches 0, effect |_arg| -1;
    IS_OP = 76, caches 0, effect |_arg| -1;
    JUMP_BACKWARD = 77, caches 1, effect |_arg| 0;
    JUMP_BACKWARD_NO_INTERRUPT = 78, caches 0, effect |_arg| 0;
    JUMP_FORWARD = 79, caches 0, effect |_arg| 0;
    LIST_APPEND = 80, caches 0, effect |_arg| -1;
    LIST_EXTEND = 81, caches 0, effect |_arg| -1;
    LOAD_ATTR = 82, caches 9, effect |arg| arg & 1;
    LOAD_CONST = 83, caches 0, effect |_arg| 1;
    LOAD_DEREF = 84, caches 0, effect |_arg| 1;
    LOAD_FAST = 85, caches 0, effect |_arg| 1;
    LOAD_FAST_AND_CLEAR = 86, caches 0, effect |_arg| 1;
    LOAD_FAST_CHECK = 87, caches 0, effect |_arg| 1;
    LOAD_FAST_LOAD_FAST = 88, caches 0, effect |_arg| 2;
    LOAD_FROM_DICT_OR_DEREF = 89, caches 0, effect |_arg| 0;
    LOAD_FROM_DICT_OR_GLOBALS = 90, caches 0, effect |_arg| 0;
    LOAD_GLOBAL = 91, caches 4, effect |arg| 1 + (arg & 1);
    LOAD_NAME = 92, caches 0, effect |_arg| 1;
    LOAD_SUPER_ATTR = 93, caches 1, effect |arg| -2 + (arg & 1);
    MAKE_CELL = 94, caches 0, effect |_arg| 0;
    MAP_ADD = 95, caches 0, effect |_arg| -2;
    MATCH_CLASS = 96, caches 0, effect |_arg| -2;
    POP_JUMP_IF_FALSE = 97, caches 1, effect |_arg| -1;
    POP_JUMP_IF_NONE = 98, caches 1, effect |_arg| -1;
    POP_JUMP_IF_NOT_NONE = 99, caches 1, effect |_arg| -1;
    POP_JUMP_IF_TRUE = 100, caches 1, effect |_arg| -1;
    RAISE_VARARGS = 101, caches 0, effect |arg| -arg;
    RERAISE = 102, caches 0, effect |_arg| -1;
    RETURN_CONST = 103, caches 0, effect |_arg| 0;
    SEND = 104, caches 1, effect |_arg| 0;
    SET_ADD = 105, caches 0, effect |_arg| -1;
    SET_FUNCTION_ATTRIBUTE = 106, caches 0, effect |_arg| -1;
    SET_UPDATE = 107, caches 0, effect |_arg| -1;
    STORE_ATTR = 108, caches 4, effect |_arg| -2;
    STORE_DEREF = 109, caches 0, effect |_arg| -1;
    STORE_FAST = 110, caches 0, effect |_arg| -1;
    STORE_FAST_LOAD_FAST = 111, caches 0, effect |_arg| 0;
    STORE_FAST_STORE_FAST = 112, caches 0, effect |_arg| -2;
    STORE_GLOBAL = 113, caches 0, effect |_arg| -1;
    STORE_NAME = 114, caches 0, effect |_arg| -1;
    SWAP = 115, caches 0, effect |_arg| 0;
    UNPACK_EX = 116, caches 0, effect |arg| (arg >> 8) + (arg & 0xff);
    UNPACK_SEQUENCE = 117, caches 1, effect |arg| arg - 1;
    YIELD_VALUE = 118, caches 0, effect |_arg| 0;
    RESUME = 149, caches 0, effect |_arg| 0;
}
