//! Types of CPython's own of which traces know what they do.

use crate::capi as ffi;
use crate::host::type_address;
use crate::objects;
use std::sync::OnceLock;

/// What an iterator of a builtin type consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Numbers.
    Nothing,
    /// A sequence and an index.
    Sequence,
    /// A dict.
    Dict,
    /// A set.
    Set,
    /// Iterators, and a tuple that is used again.
    Zip,
    /// An iterator, and a tuple that is used again.
    Enumerate,
}

/// Whether this is the type of what `keys()`, `values()` or `items()` of a dict gives.
pub(crate) fn is_view(ty: u64) -> bool {
    ty == type_address!(PyDictKeys_Type)
        || ty == type_address!(PyDictValues_Type)
        || ty == type_address!(PyDictItems_Type)
}

/// Whether objects of this exact type are sequences whose iterators run no Python code.
pub(crate) fn is_sequence(ty: u64) -> bool {
    ty == type_address!(PyList_Type)
        || ty == type_address!(PyTuple_Type)
        || ty == type_address!(PyUnicode_Type)
        || ty == type_address!(PyBytes_Type)
        || ty == type_address!(PyByteArray_Type)
        || ty == type_address!(PyRange_Type)
}

/// The iterators that are known.
fn iterators() -> &'static [(u64, Shape)] {
    static TYPES: OnceLock<Vec<(u64, Shape)>> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut types = vec![
            (type_address!(PyRangeIter_Type), Shape::Nothing),
            (type_address!(PyLongRangeIter_Type), Shape::Nothing),
            (type_address!(PyListIter_Type), Shape::Sequence),
            (type_address!(PyTupleIter_Type), Shape::Sequence),
            (type_address!(PyListRevIter_Type), Shape::Sequence),
            (type_address!(PyReversed_Type), Shape::Sequence),
            (type_address!(PyUnicodeIter_Type), Shape::Sequence),
            (type_address!(PyBytesIter_Type), Shape::Sequence),
            (type_address!(PyByteArrayIter_Type), Shape::Sequence),
            (type_address!(PyDictIterKey_Type), Shape::Dict),
            (type_address!(PyDictIterValue_Type), Shape::Dict),
            (type_address!(PyDictIterItem_Type), Shape::Dict),
            (type_address!(PyDictRevIterKey_Type), Shape::Dict),
            (type_address!(PyDictRevIterValue_Type), Shape::Dict),
            (type_address!(PyDictRevIterItem_Type), Shape::Dict),
            (type_address!(PySetIter_Type), Shape::Set),
            (type_address!(PyZip_Type), Shape::Zip),
            (type_address!(PyEnum_Type), Shape::Enumerate),
        ];
        types.push((ascii_iterator(), Shape::Sequence));
        types
    })
}

/// The type of the iterator of a str of ASCII alone, which has no public name; 0 where there is no memory to ask.
fn ascii_iterator() -> u64 {
    // SAFETY: observing and running traces hold the GIL; a builtin type lives forever.
    unsafe {
        let text = ffi::PyUnicode_FromString(c"a".as_ptr());
        let iterator = if text.is_null() { text } else { ffi::PyObject_GetIter(text) };
        ffi::PyErr_Clear();
        let ty = if iterator.is_null() { 0 } else { objects::type_of(iterator) };
        ffi::Py_XDECREF(iterator);
        ffi::Py_XDECREF(text);
        ty
    }
}

/// Whether this is the type of a string's iterator.
pub(crate) fn iterates_text(ty: u64) -> bool {
    static ASCII: OnceLock<u64> = OnceLock::new();
    ty == type_address!(PyUnicodeIter_Type) || ty == *ASCII.get_or_init(ascii_iterator)
}

/// What an iterator of this exact type consists of, where it is known.
pub(crate) fn iterator(ty: u64) -> Option<Shape> {
    iterators().iter().find(|(known, _)| *known == ty).map(|(_, shape)| *shape)
}

/// Whether this is the type of a known iterator.
pub(crate) fn is_iterator(ty: u64) -> bool {
    iterator(ty).is_some()
}
