//! What the recorder needs to know of the interpreter: layouts, types, C functions.

use crate::capi as ffi;
use crate::floats;
use crate::helpers;
use crate::observe::chars;
use crate::version::layout;
use decal_trace::host::{Functions, GeneralFunctions, Host, Layout, Objects, RaisingFunctions};
use std::mem::offset_of;

/// Layouts, types and C functions, as plain numbers.
///
/// # Safety
/// The GIL is held, and [`crate::support::check`] found nothing.
pub unsafe fn host() -> Host {
    // SAFETY: the caller's.
    Host { layout: layout(), objects: unsafe { objects() }, functions: functions(), leaf: leaf::leaf() }
}

macro_rules! offset {
    ($layout:ident . $field:ident) => {
        offset_of!(layout::$layout, $field) as i32
    };
}

fn layout() -> Layout {
    Layout {
        frame_instruction: offset!(Frame.instr_ptr),
        frame_locals: offset!(Frame.slots),
        size: offset!(List.size),
        list_items: offset!(List.items),
        tuple_items: offset!(Tuple.items),
        bytes_data: offset!(Bytes.data),
        bytearray_start: offset!(ByteArray.start),
        array_items: offset!(Array.items),
        array_description: offset!(Array.description),
        float_value: offset!(Float.value),
        range_iter_start: offset!(RangeIter.start),
        range_iter_step: offset!(RangeIter.step),
        range_iter_len: offset!(RangeIter.len),
        list_iter_index: offset!(SequenceIter.index),
        list_iter_list: offset!(SequenceIter.sequence),
        tuple_iter_index: offset!(SequenceIter.index),
        tuple_iter_tuple: offset!(SequenceIter.sequence),
        enumerate_index: offset!(Enumerate.index),
        enumerate_iterator: offset!(Enumerate.iterator),
        enumerate_result: offset!(Enumerate.result),
        values: layout::INLINE_VALUES,
        values_capacity: layout::INLINE_CAPACITY,
        values_size: layout::INLINE_SIZE,
        dict_watchers: offset!(Dict.watchers),
        collector_word: -(size_of::<[usize; 2]>() as i32),
        values_first: layout::INLINE_FIRST,
        cell_content: offset!(Cell.content),
        method_function: offset!(Method.function),
        method_self: offset!(Method.self_),
        range_start: offset!(Range.start),
        range_stop: offset!(Range.stop),
        range_step: offset!(Range.step),
        range_length: offset!(Range.length),
        str_length: offset!(Str.length),
        str_state: offset!(Str.state),
        str_ascii_data: chars::ASCII_DATA as i32,
        str_data: chars::DATA as i32,
        generator_state: offset!(Generator.state),
        generator_instruction: (offset_of!(layout::Generator, frame) + offset_of!(layout::Frame, instr_ptr)) as i32,
        generator_locals: (offset_of!(layout::Generator, frame) + offset_of!(layout::Frame, slots)) as i32,
        generator_stack: (offset_of!(layout::Generator, frame) + offset_of!(layout::Frame, stack_top)) as i32,
        generator_stack_word: i64::from(layout::owner::GENERATOR) << 48,
        generator_suspended: layout::generator_state::SUSPENDED as u8,
        generator_delegating: layout::generator_state::DELEGATING as u8,
        generator_over: layout::generator_state::OVER as u8,
        generator_globals: (offset_of!(layout::Generator, frame) + offset_of!(layout::Frame, globals)) as i32,
        generator_created: layout::generator_state::CREATED as u8,
        function_code: offset!(Function.code),
        function_closure: offset!(Function.closure),
        function_dicts: [offset!(Function.globals), offset!(Function.builtins)],
        function_defaults: offset!(Function.defaults),
        function_names: [offset!(Function.name), offset!(Function.qualname)],
        builtin_definition: offset_of!(ffi::PyCFunctionObject, m_ml) as i32,
        builtin_self: offset_of!(ffi::PyCFunctionObject, m_self) as i32,
    }
}

/// Address of a type object of CPython.
macro_rules! type_address {
    ($name:ident) => {
        &raw mut ffi::$name as u64
    };
}
pub(crate) use type_address;

unsafe fn objects() -> Objects {
    // SAFETY: these objects live forever.
    unsafe {
        Objects {
            small_ints: small_ints(),
            ascii_chars: chars::table(),
            exhausted: helpers::general::exhausted(),
            not_implemented: ffi::Py_NotImplemented() as u64,
            none: ffi::Py_None() as u64,
            true_: ffi::Py_True() as u64,
            false_: ffi::Py_False() as u64,
            int: type_address!(PyLong_Type),
            float: type_address!(PyFloat_Type),
            bool_: type_address!(PyBool_Type),
            none_type: ffi::Py_TYPE(ffi::Py_None()) as u64,
            str_: type_address!(PyUnicode_Type),
            bytes: type_address!(PyBytes_Type),
            bytearray: type_address!(PyByteArray_Type),
            list: type_address!(PyList_Type),
            tuple: type_address!(PyTuple_Type),
            range: type_address!(PyRange_Type),
            range_iter: type_address!(PyRangeIter_Type),
            list_iter: type_address!(PyListIter_Type),
            tuple_iter: type_address!(PyTupleIter_Type),
            function: type_address!(PyFunction_Type),
            method: type_address!(PyMethod_Type),
            type_: type_address!(PyType_Type),
            cell: type_address!(PyCell_Type),
            generator: type_address!(PyGen_Type),
            builtin: type_address!(PyCFunction_Type),
        }
    }
}

mod leaf;

/// Address of a function; the type says which one it is of several with that name.
macro_rules! address {
    ($function:expr) => {
        $function as *const () as u64
    };
}

pub(crate) use address;

fn functions() -> Functions {
    Functions {
        new_int: address!(ffi::PyLong_FromLongLong),
        new_float: address!(floats::new),
        renew_float: address!(helpers::renew_float),
        renew_int: address!(helpers::renew_int),
        dealloc: address!(ffi::_Py_Dealloc),
        free_float: address!(floats::free),
        new_tuple: address!(ffi::PyTuple_New),
        new_list: address!(ffi::PyList_New),
        new_grown_list: address!(helpers::sequences::new_grown_list),
        float_mod: address!(helpers::float_mod),
        float_floordiv: address!(helpers::float_floordiv),
        float_pow: address!(helpers::float_pow),
        number: [
            address!(ffi::PyNumber_Add),
            address!(ffi::PyNumber_Subtract),
            address!(ffi::PyNumber_Multiply),
            address!(ffi::PyNumber_MatrixMultiply),
            address!(ffi::PyNumber_TrueDivide),
            address!(helpers::texts::divide),
            address!(ffi::PyNumber_Remainder),
            address!(helpers::number_power),
            address!(ffi::PyNumber_Lshift),
            address!(ffi::PyNumber_Rshift),
            address!(ffi::PyNumber_And),
            address!(ffi::PyNumber_Or),
            address!(ffi::PyNumber_Xor),
        ],
        int_compare: [
            address!(helpers::int_lt),
            address!(helpers::int_le),
            address!(helpers::int_eq),
            address!(helpers::int_ne),
            address!(helpers::int_gt),
            address!(helpers::int_ge),
        ],
        int_unary: [address!(ffi::PyNumber_Negative), address!(ffi::PyNumber_Positive), address!(ffi::PyNumber_Invert)],
        str_equal: address!(helpers::str_equal),
        new_range_iter: address!(helpers::new_range_iter),
        new_list_iter: address!(ffi::PyObject_GetIter),
        new_tuple_iter: address!(ffi::PyObject_GetIter),
        list_append: address!(helpers::sequences::list_append),
        list_insert: address!(helpers::sequences::list_insert),
        list_pop: address!(helpers::sequences::list_pop),
        get_slice: address!(helpers::sequences::get_slice),
        new_slice: address!(ffi::PySlice_New),
        set_slice: address!(helpers::sequences::set_slice),
        set_slice_last: address!(helpers::sequences::set_slice_last),
        move_slice: address!(helpers::sequences::move_slice),
        may_die: address!(helpers::death::may_die),
        may_die_listed: address!(helpers::death::may_die_listed),
        new_method: address!(ffi::PyMethod_New),
        new_builtin_method: address!(helpers::calls::bind_builtin),
        lacks_attribute: address!(helpers::instances::lacks_attribute),
        dict_place: address!(helpers::keys::dict_place),
        new_instance: address!(helpers::instances::new_instance),
        new_instance_with: address!(helpers::instances::new_instance_with),
        new_keywords: address!(helpers::instances::new_keywords),
        new_generator: address!(helpers::generators::new_generator),
        new_generator_of: address!(helpers::generators::new_generator_of),
        new_generator_in: address!(helpers::generators::new_generator_in),
        generator_may_be_taken: address!(helpers::generators::generator_may_be_taken),
        new_function: address!(ffi::PyFunction_New),
        new_set: address!(helpers::generators::new_set),
        sort_plain: address!(helpers::generators::sort_plain),
        join_plain: address!(helpers::generators::join_plain),
        generator_may_end: address!(helpers::generators::generator_may_end),
        resume_frame: address!(helpers::generators::resume_frame),
        suspend_frame: address!(helpers::generators::suspend_frame),
        generator_end: address!(helpers::generators::generator_end),
        find_innermost: address!(helpers::delegation::find_innermost),
        may_delegate: address!(helpers::delegation::may_delegate),
        delegate: address!(helpers::delegation::delegate),
        find_asker: address!(helpers::delegation::find_asker),
        end_delegation: address!(helpers::delegation::end_delegation),
        resume_chain: address!(helpers::delegation::resume_chain),
        suspend_chain: address!(helpers::delegation::suspend_chain),
        answer: helpers::delegation::answer(),
        new_cell: address!(ffi::PyCell_New),
        new_empty_cell: address!(helpers::new_empty_cell),
        new_bool: address!(ffi::PyBool_FromLong),
        push_frame: address!(helpers::general::push_frame),
        pop_frame: address!(helpers::general::pop_frame),
        undisturbed: address!(helpers::general::undisturbed),
        unseen: address!(helpers::general::unseen),
        is_sole: address!(helpers::is_sole),
        make_callers: 0,
        general: general(),
        raising: {
            use helpers::raising;
            RaisingFunctions {
                add_traceback: address!(raising::add_traceback),
                leave_frame: address!(raising::leave_frame),
                take_exception: address!(raising::take_exception),
                catch: address!(raising::catch),
                empty_frame: address!(raising::empty_frame),
                pop_held: address!(raising::pop_held),
                may_leave: address!(raising::may_leave),
                untold: address!(raising::untold),
                keep_results: address!(raising::keep_results),
                push_exception: address!(raising::push_exception),
                matches: address!(raising::matches),
            }
        },
    }
}

fn general() -> GeneralFunctions {
    use helpers::{calls, general};
    GeneralFunctions {
        binary: [
            address!(ffi::PyNumber_Add),
            address!(ffi::PyNumber_Subtract),
            address!(ffi::PyNumber_Multiply),
            address!(ffi::PyNumber_MatrixMultiply),
            address!(ffi::PyNumber_TrueDivide),
            address!(ffi::PyNumber_FloorDivide),
            address!(ffi::PyNumber_Remainder),
            address!(general::power),
            address!(ffi::PyNumber_Lshift),
            address!(ffi::PyNumber_Rshift),
            address!(ffi::PyNumber_And),
            address!(ffi::PyNumber_Or),
            address!(ffi::PyNumber_Xor),
        ],
        augmented: [
            address!(ffi::PyNumber_InPlaceAdd),
            address!(ffi::PyNumber_InPlaceSubtract),
            address!(ffi::PyNumber_InPlaceMultiply),
            address!(ffi::PyNumber_InPlaceMatrixMultiply),
            address!(ffi::PyNumber_InPlaceTrueDivide),
            address!(ffi::PyNumber_InPlaceFloorDivide),
            address!(ffi::PyNumber_InPlaceRemainder),
            address!(general::augmented_power),
            address!(ffi::PyNumber_InPlaceLshift),
            address!(ffi::PyNumber_InPlaceRshift),
            address!(ffi::PyNumber_InPlaceAnd),
            address!(ffi::PyNumber_InPlaceOr),
            address!(ffi::PyNumber_InPlaceXor),
        ],
        unary: [address!(ffi::PyNumber_Negative), address!(ffi::PyNumber_Positive), address!(ffi::PyNumber_Invert)],
        compare: address!(general::compare),
        compare_truth: address!(general::compare_truth),
        truth: address!(ffi::PyObject_IsTrue),
        contains: address!(ffi::PySequence_Contains),
        get_item: address!(ffi::PyObject_GetItem),
        set_item: address!(ffi::PyObject_SetItem),
        delete_item: address!(ffi::PyObject_DelItem),
        get_slice: address!(general::get_slice),
        set_slice: address!(general::set_slice),
        get_attribute: address!(ffi::PyObject_GetAttr),
        get_method: address!(general::get_method),
        set_attribute: address!(ffi::PyObject_SetAttr),
        delete_attribute: address!(general::delete_attribute),
        iterator: address!(ffi::PyObject_GetIter),
        next: address!(general::next),
        unpack: address!(general::unpack),
        call: address!(calls::call),
        call_with_sequence: address!(ffi::PyObject_Call),
        format: address!(ffi::PyObject_Format),
        set_add: address!(ffi::PySet_Add),
        dict_set: address!(ffi::PyDict_SetItem),
        list_extend: address!(helpers::instructions::list_extend),
        set_update: address!(helpers::instructions::set_update),
        dict_update: address!(helpers::instructions::dict_update),
        instructions: {
            use helpers::{instructions, raising};
            // In the order of `GeneralOp`.
            [
                address!(instructions::before_with),
                address!(instructions::delete_attribute),
                address!(instructions::load_global),
                address!(instructions::store_global),
                address!(instructions::delete_global),
                address!(instructions::get_length),
                address!(instructions::match_sequence),
                address!(instructions::match_mapping),
                address!(instructions::match_keys),
                address!(instructions::match_class),
                address!(instructions::intrinsic_1),
                address!(instructions::intrinsic_2),
                address!(instructions::make_function),
                address!(instructions::set_function_attribute),
                address!(instructions::assertion_error),
                address!(instructions::unpack_star),
                address!(calls::call_with_sequence),
                address!(instructions::build_set),
                address!(instructions::build_map),
                address!(instructions::build_const_key_map),
                address!(instructions::dict_merge),
                address!(raising::push_exc_info),
                address!(raising::check_exc_match),
                address!(raising::pop_except),
                address!(raising::with_except_start),
                address!(raising::raise),
                address!(raising::reraise),
            ]
        },
        convert: [address!(ffi::PyObject_Str), address!(ffi::PyObject_Repr), address!(ffi::PyObject_ASCII)],
    }
}

/// Address of the `int` -5; the interpreter keeps all up to 256 in a row (checked in `checks`).
unsafe fn small_ints() -> u64 {
    // SAFETY: the GIL is held; the object lives forever.
    unsafe {
        let first = ffi::PyLong_FromLong(-5);
        crate::objects::decref(first);
        first as u64
    }
}
