//! What the recorder needs to know of the running interpreter, as plain numbers.

mod leaf;

pub use leaf::Leaf;

/// Displacements in bytes of fields in objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Layout {
    /// Of the instruction pointer in an interpreter frame.
    pub frame_instruction: i32,
    /// Of the first local in an interpreter frame.
    pub frame_locals: i32,
    /// `ob_size` of var-sized objects.
    pub size: i32,
    pub list_items: i32,
    pub tuple_items: i32,
    pub bytes_data: i32,
    /// Pointer to the first used byte.
    pub bytearray_start: i32,
    /// Of an `array.array`: pointer to the first item, and to the description of items, which begins with the type code.
    pub array_items: i32,
    pub array_description: i32,
    pub float_value: i32,
    pub range_iter_start: i32,
    pub range_iter_step: i32,
    pub range_iter_len: i32,
    pub list_iter_index: i32,
    /// The list; null when exhausted.
    pub list_iter_list: i32,
    pub tuple_iter_index: i32,
    pub tuple_iter_tuple: i32,
    /// Of an `enumerate`: its next index, the iterator it asks, and the tuple that it makes anew or uses again.
    pub enumerate_index: i32,
    pub enumerate_iterator: i32,
    pub enumerate_result: i32,
    pub cell_content: i32,
    /// From an instance to the head of its inline values, and to the bytes in it that say how many there can be and how many there
    /// are; and to the first value.
    pub values: i32,
    pub values_capacity: i32,
    pub values_size: i32,
    /// Of a dict: the byte that is 0 while nobody watches it.
    pub dict_watchers: i32,
    /// Of a container: the word that is 0 while the collector does not know it.
    pub collector_word: i32,
    pub values_first: i32,
    /// Of a bound method: the function and the object.
    pub method_function: i32,
    pub method_self: i32,
    /// Of a `range`: start, stop, step and length, all `int` objects.
    pub range_start: i32,
    pub range_stop: i32,
    pub range_step: i32,
    pub range_length: i32,
    /// Of a `str`: its length in code points.
    pub str_length: i32,
    /// Of a `str`, 32 bits: see [`form`].
    pub str_state: i32,
    /// To the characters of a `str` whose form is [`form::ASCII`].
    pub str_ascii_data: i32,
    /// To those of others.
    pub str_data: i32,
    /// Of a generator: its state (a byte), where its frame goes on (an address), and the frame's first local.
    pub generator_state: i32,
    pub generator_instruction: i32,
    pub generator_locals: i32,
    /// The word of its frame with the depth of the operand stack, locals included, in the lower half, what is in the upper one,
    /// and the state of being suspended at a `yield`.
    pub generator_stack: i32,
    pub generator_stack_word: i64,
    pub generator_suspended: u8,
    /// The same at a `yield from`.
    pub generator_delegating: u8,
    /// The states of not having begun, and of being over.
    pub generator_created: u8,
    pub generator_over: u8,
    /// The globals of its frame.
    pub generator_globals: i32,
    /// The closure of a function: a tuple of cells.
    pub function_closure: i32,
    /// Its name and its qualified name.
    pub function_names: [i32; 2],
    /// `func_code` of a function.
    pub function_code: i32,
    /// Its globals and its builtins.
    pub function_dicts: [i32; 2],
    /// The tuple of its defaults.
    pub function_defaults: i32,
    /// Of a builtin function: its definition in C, and the object that it is bound to.
    pub builtin_definition: i32,
    pub builtin_self: i32,
}

/// Addresses of types and singletons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Objects {
    pub none: u64,
    pub true_: u64,
    pub false_: u64,
    pub int: u64,
    pub float: u64,
    pub bool_: u64,
    pub none_type: u64,
    pub str_: u64,
    pub bytes: u64,
    pub bytearray: u64,
    pub list: u64,
    pub tuple: u64,
    pub range: u64,
    pub range_iter: u64,
    pub list_iter: u64,
    pub tuple_iter: u64,
    pub function: u64,
    pub method: u64,
    pub type_: u64,
    pub cell: u64,
    pub generator: u64,
    /// Of builtin functions and bound builtin methods.
    pub builtin: u64,
    /// The `int` object of -5, which begins the interpreter's table of small ones, 32 bytes each; 0 where
    /// there is no such table.
    pub small_ints: u64,
    /// The `str` object of the character 0, which begins the interpreter's table of ASCII characters, [`CHARACTER_SIZE`] bytes each; 0
    /// where there is no such table.
    pub ascii_chars: u64,
    /// Stands for the end of an iterator where a general operation asks for the next item.
    pub exhausted: u64,
    /// `NotImplemented`.
    pub not_implemented: u64,
}

impl Objects {
    /// Whether this is one of the types above: their objects keep their type for life.
    pub fn is_builtin(&self, ty: u64) -> bool {
        let types = [
            self.int,
            self.float,
            self.bool_,
            self.none_type,
            self.str_,
            self.bytes,
            self.bytearray,
            self.list,
            self.tuple,
            self.range,
            self.range_iter,
            self.list_iter,
            self.tuple_iter,
            self.function,
            self.method,
            self.cell,
            self.builtin,
        ];
        types.contains(&ty)
    }
}

/// Addresses of C functions that uops call. None of them runs Python code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Functions {
    /// `PyLong_FromLongLong`.
    pub new_int: u64,
    /// `PyFloat_FromDouble`.
    pub new_float: u64,
    /// See `renew_float` in the uop table.
    pub renew_float: u64,
    /// See `renew_int` in the uop table.
    pub renew_int: u64,
    /// `_Py_Dealloc`.
    pub dealloc: u64,
    /// The same for an exact float.
    pub free_float: u64,
    /// `PyTuple_New`.
    pub new_tuple: u64,
    /// `PyList_New`.
    pub new_list: u64,
    /// A list of so many items, as the lower half of a number says, with memory for so many as the upper half says.
    pub new_grown_list: u64,
    /// Of two floats: Python's `%`, not a number where the divisor is 0.
    pub float_mod: u64,
    /// Of two floats: Python's `//`, not a number where the divisor is 0.
    pub float_floordiv: u64,
    /// Of two floats: Python's `**` where the result is a finite float, else not a number.
    pub float_pow: u64,
    /// `PyNumber_Add` and so on, in the order of [`BinaryOp`](crate::bytecode::BinaryOp); called with exact ints only.
    pub number: [u64; 13],
    /// Of two exact ints of any size: compare, by operator in the order of
    /// [`CompareOp`](crate::bytecode::CompareOp); 0, 1, or -1 with an exception.
    pub int_compare: [u64; 6],
    /// Of one exact int of any size: negative, positive, invert.
    pub int_unary: [u64; 3],
    /// Of two exact `str`: 1 where equal, else 0.
    pub str_equal: u64,
    /// Of three ints (start, stop, step as 64-bit numbers): a new iterator of a `range`, null with an exception.
    pub new_range_iter: u64,
    /// Of an exact list: a new iterator.
    pub new_list_iter: u64,
    /// Of an exact tuple: a new iterator.
    pub new_tuple_iter: u64,
    /// `list.append` without Python code: of list and item, 1; or -1 with an exception.
    pub list_append: u64,
    /// `list.insert` of list, index, a number that is not used, and item: 1; or -1 with an exception.
    pub list_insert: u64,
    /// `list.pop` of list and index: the item; null where there is none.
    pub list_pop: u64,
    /// Of an exact list, tuple, `str`, `bytes` or `bytearray` and start, stop, step: the slice, or null. An absent bound
    /// is the lowest or highest number.
    pub get_slice: u64,
    /// Of start, stop and step: a slice that is an object.
    pub new_slice: u64,
    /// Of an exact list, start, stop, and another list or a tuple: 1; 0 where CPython shall do it; -1 with an exception.
    pub set_slice: u64,
    /// The same, where the value is dropped at once.
    pub set_slice_last: u64,
    /// Of two exact lists, and five numbers in memory: `list[start:stop] = from[start:stop:step]`: 1; 0 where CPython shall do it;
    /// -1 with an exception.
    pub move_slice: u64,
    /// Of an object: whether a reference may be dropped, because it is not the last one, or the death of the object and of
    /// what it alone holds runs no Python code.
    pub may_die: u64,
    /// The same of several objects in memory, with a null behind them.
    pub may_die_listed: u64,
    /// Of a generator function: a new generator, whose locals are `None` or null.
    pub new_generator: u64,
    /// The same of the code and the globals.
    pub new_generator_of: u64,
    /// The same of a generator or null, whose reference it takes and which it gives if it can, the code and the globals.
    pub new_generator_in: u64,
    /// Of a generator, twice: 1 where nobody could see that the trace takes its content over, else 0.
    pub generator_may_be_taken: u64,
    /// Of anything: a new set.
    pub new_set: u64,
    /// Of an exact list, twice: 1 where it holds ints, floats or strings only and is sorted now, else 0.
    pub sort_plain: u64,
    /// Of a string and a list: the strings in it joined, or null.
    pub join_plain: u64,
    /// Of code and globals: a new function without defaults and closure.
    pub new_function: u64,
    /// Of a generator, twice: 1 where its frame may be cleared and it may die itself without Python code running; else 0.
    pub generator_may_end: u64,
    /// Of a frame and a suspended generator: the generator's frame becomes the current one, on top of that; its address.
    pub resume_frame: u64,
    /// Of such a frame: undoes that.
    pub suspend_frame: u64,
    /// Of a generator, twice: its frame is cleared as at its return. Gives 1.
    pub generator_end: u64,
    /// Of a generator, twice: 1 where it may go on, with the innermost generator of its chain as the answer; else 0.
    pub find_innermost: u64,
    /// Of a generator and the innermost one of its chain: 1 where that may ask another one, else 0.
    pub may_delegate: u64,
    /// Of the innermost generator and the one that it asks. Gives 1.
    pub delegate: u64,
    /// Of a generator and the innermost one of its chain: 1 where another one has asked that, the answer; else 0.
    pub find_asker: u64,
    /// Of the innermost generator, which returns, and the one that asked it. Gives 1.
    pub end_delegation: u64,
    /// As `resume_frame` and `suspend_frame`, for the chain that was asked for last.
    pub resume_chain: u64,
    pub suspend_chain: u64,
    /// The address of the answer to these questions.
    pub answer: u64,
    /// `PyCell_New`; and the same of any object, for a cell that is empty.
    pub new_cell: u64,
    pub new_empty_cell: u64,
    /// `PyBool_FromLong`.
    pub new_bool: u64,
    /// Of function and object: a bound method.
    pub new_method: u64,
    /// The same of a method of a builtin type, with its descriptor; refuses others.
    pub new_builtin_method: u64,
    /// Of an instance and a name: whether the instance lacks such an attribute of its own; -1 without an exception where that would
    /// have to run Python code.
    pub lacks_attribute: u64,
    /// See `dict_place` in the uop table.
    pub dict_place: u64,
    /// Of a class: a new instance, as `object.__new__` makes it.
    pub new_instance: u64,
    /// Of a class, and a bit for each word of an instance that will be stored right away: a new instance that says it has those.
    pub new_instance_with: u64,
    /// Of names and values in turn, in the arguments of the context: a new dict.
    pub new_keywords: u64,
    /// See `push_frame`, `pop_frame` and `guard_undisturbed` in the uop table.
    pub push_frame: u64,
    pub pop_frame: u64,
    pub undisturbed: u64,
    /// The same about frames that were pushed: whether nobody holds one.
    pub unseen: u64,
    /// Of an object, twice: 1 where nobody else holds it, or there is one for each number; else -1 without an exception.
    pub is_sole: u64,
    /// Makes the frames of those who called a trace natively, given the context; 0 where no trace is called so.
    pub make_callers: u64,
    /// Those of general operations.
    pub general: GeneralFunctions,
    /// Those about exceptions.
    pub raising: RaisingFunctions,
}

/// Addresses of C functions about exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RaisingFunctions {
    /// Of the thread: the current frame gets an entry in the traceback of the exception that is set. Gives 0.
    pub add_traceback: u64,
    /// Of the current frame, which was made for a general operation, with its operand stack empty, and the thread: it ends. Gives 0.
    pub leave_frame: u64,
    /// Of the thread: the exception that is set, which is set no more. And the same with the current frame added to its traceback.
    pub take_exception: u64,
    pub catch: u64,
    /// For `pop_frame`: empties the locals of a frame, which the trace has. And takes it away, although it may have a frame object.
    pub empty_frame: u64,
    pub pop_held: u64,
    /// For `guard_undisturbed`: whether nobody could see this frame when it is gone.
    pub may_leave: u64,
    /// For `guard_undisturbed`: whether no tool wants to be told of exceptions.
    pub untold: u64,
    /// Of the entry frame, a slot of its operand stack and a number: puts as many results there, where no exception is set. Gives 0.
    pub keep_results: u64,
    /// Of an exception that is handled from now on: what was handled until then. Runs no code, never fails.
    pub push_exception: u64,
    /// Of an exception, and a class or a tuple of such: 1 or 0; -1 without an exception where that is none.
    pub matches: u64,
}

/// Addresses of C functions that may run any Python code. Objects are borrowed, results are new; null or a negative
/// number means that an exception is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GeneralFunctions {
    /// Of left and right, in the order of [`BinaryOp`](crate::bytecode::BinaryOp).
    pub binary: [u64; 13],
    /// The same for augmented assignments.
    pub augmented: [u64; 13],
    /// Negative, positive, invert.
    pub unary: [u64; 3],
    /// Of left, right and the operator's number in CPython: an object.
    pub compare: u64,
    /// The same, made a truth value.
    pub compare_truth: u64,
    /// The truth of an object.
    pub truth: u64,
    /// Of container and item.
    pub contains: u64,
    /// Of container and key.
    pub get_item: u64,
    /// Of container, key and value.
    pub set_item: u64,
    /// Of container and key.
    pub delete_item: u64,
    /// Of container, start and stop.
    pub get_slice: u64,
    /// Of container, start, stop and value: `None`, borrowed.
    pub set_slice: u64,
    /// Of object and name.
    pub get_attribute: u64,
    /// The same for an attribute that is called next: one object, which may be a bound method.
    pub get_method: u64,
    /// Of object, name and value.
    pub set_attribute: u64,
    /// Of object and name.
    pub delete_attribute: u64,
    /// Of an object: its iterator.
    pub iterator: u64,
    /// Of an iterator: its next item, or the mark.
    pub next: u64,
    /// Of a sequence, a number, and where to put that many items.
    pub unpack: u64,
    /// Of callable, arguments, their number, and a tuple of keyword names or null.
    pub call: u64,
    /// Of callable, a sequence, and a mapping or null.
    pub call_with_sequence: u64,
    /// Of an object and a `str` or null.
    pub format: u64,
    /// Of a set and an item.
    pub set_add: u64,
    /// Of a dict, key and value.
    pub dict_set: u64,
    /// Of a list, set or dict, and what is to go into it.
    pub list_extend: u64,
    pub set_update: u64,
    pub dict_update: u64,
    /// Of an array of objects and an argument, by [`GeneralOp`](crate::bytecode::GeneralOp).
    pub instructions: [u64; crate::bytecode::GENERAL_OPS],
    /// `str`, `repr` and `ascii` of an object.
    pub convert: [u64; 3],
}

/// Characters that have an object of their own in a table, and the bytes that each takes there.
pub const ASCII_CHARACTERS: u64 = 128;
/// See above.
pub const CHARACTER_SIZE: u64 = 48;

/// How the characters of a `str` lie in memory: these bits of its state (`PyASCIIObject`). All of them are compact.
#[allow(missing_docs)]
pub mod form {
    pub const MASK: u32 = 0x7c;
    /// A byte each, no one above 127.
    pub const ASCII: u32 = 0x64;
    /// A byte each.
    pub const BYTES: u32 = 0x24;
    /// Two bytes each.
    pub const PAIRS: u32 = 0x28;
    /// Four bytes each.
    pub const WORDS: u32 = 0x30;
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Displacements.
    pub layout: Layout,
    /// Types and singletons.
    pub objects: Objects,
    /// C functions.
    pub functions: Functions,
    /// C functions of containers and strings.
    pub leaf: Leaf,
}
