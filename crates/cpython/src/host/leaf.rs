//! Addresses of what works on containers and strings.

use super::address;
use crate::capi as ffi;
use crate::helpers::{builtins, deques, dicts, iterators, sequences, sets, strings, texts};
use crate::version::layout::ThreadState;
use decal_trace::host::Leaf;

pub(super) fn leaf() -> Leaf {
    Leaf {
        thread_exception: std::mem::offset_of!(ThreadState, current_exception) as i32,
        dict: type_address!(PyDict_Type),
        set: type_address!(PySet_Type),
        frozenset: type_address!(PyFrozenSet_Type),
        build_dict: address!(dicts::build),
        build_set: address!(sets::build),
        dict_get: address!(dicts::get),
        dict_get_int: address!(dicts::get_int),
        dict_contains: address!(dicts::contains),
        dict_set: address!(dicts::set),
        dict_set_int: address!(dicts::set_int),
        dict_set_number: address!(dicts::set_number),
        dict_set_int_number: address!(dicts::set_int_number),
        dict_delete: address!(dicts::delete),
        dict_update: address!(dicts::update),
        dict_length: address!(dicts::length),
        set_contains: address!(sets::contains),
        set_add: address!(sets::add),
        set_update: address!(sets::update),
        set_length: address!(sets::length),
        list_extend: address!(sequences::list_extend),
        list_to_tuple: address!(ffi::PyList_AsTuple),
        range_iterator: address!(iterators::range),
        concat: address!(ffi::PySequence_Concat),
        repeat: address!(ffi::PySequence_Repeat),
        tuple_rest: address!(sequences::tuple_rest),
        set_binary: [
            address!(sets::union),
            address!(sets::intersection),
            address!(sets::difference),
            address!(sets::symmetric_difference),
        ],
        text_add: address!(ffi::PyUnicode_Concat),
        text_append: address!(strings::append),
        text_format: address!(strings::format),
        convert: [address!(texts::text), address!(texts::repr), address!(texts::ascii)],
        format: address!(texts::format),
        text_item: address!(strings::item),
        deque_item: address!(deques::item),
        text_equal: address!(strings::equal),
        text_in_text: address!(strings::contains),
        value_in_sequence: address!(builtins::value_in_sequence),
        compare: [
            address!(builtins::compare::<0>),
            address!(builtins::compare::<1>),
            address!(builtins::compare::<2>),
            address!(builtins::compare::<3>),
            address!(builtins::compare::<4>),
            address!(builtins::compare::<5>),
        ],
        build_text: address!(strings::build),
        iterate: address!(iterators::iterate),
        next: address!(iterators::next),
        zip: type_address!(PyZip_Type),
    }
}
