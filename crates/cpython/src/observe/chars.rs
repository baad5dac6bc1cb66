//! Characters of strings: where CPython has them in memory.
//!
//! A `str` of one ASCII character is always the one that CPython's table has, whoever makes it by taking it from another string. Where table and
//! strings lie as in the versions that were looked at is asked once.

use super::{Observer, known};
use crate::capi as ffi;
use crate::host::type_address;
use crate::version::layout::{SequenceIter, Str};
use crate::{PyObject, objects};
use decal_trace::event::Detail;
use decal_trace::host::{ASCII_CHARACTERS, CHARACTER_SIZE, form};
use std::ffi::{CStr, c_int};
use std::mem::size_of;
use std::sync::OnceLock;

/// Where the characters of a string of ASCII characters begin, and those of others.
pub(crate) const ASCII_DATA: usize = 40;
/// See above.
pub(crate) const DATA: usize = 56;

const _: () = assert!(size_of::<Str>() == ASCII_DATA);

/// The address of the table of ASCII characters; 0 where it is not as expected, or strings are not.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn table() -> u64 {
    let forms = [
        (0x7f, form::ASCII, ASCII_DATA),
        (0xff, form::BYTES, DATA),
        (0xffff, form::PAIRS, DATA),
        (0x10_ffff, form::WORDS, DATA),
    ];
    // SAFETY: the caller's; new strings, which are let go of, and characters that live forever.
    unsafe {
        for (highest, expected, data) in forms {
            let text = ffi::PyUnicode_New(2, highest);
            if text.is_null() {
                ffi::PyErr_Clear();
                return 0;
            }
            let fits = state(text) == expected && ffi::PyUnicode_DATA(text) as usize == text as usize + data;
            objects::decref(text);
            if !fits {
                return 0;
            }
        }
        let mut first = 0;
        for code in 0..ASCII_CHARACTERS {
            let character = ffi::PyUnicode_FromOrdinal(code as c_int);
            if character.is_null() {
                ffi::PyErr_Clear();
                return 0;
            }
            let immortal = (objects::count(character) as i32) < 0;
            objects::decref(character);
            if code == 0 {
                first = character as u64;
            }
            if !immortal || character as u64 != first + code * CHARACTER_SIZE {
                return 0;
            }
        }
        first
    }
}

unsafe fn state(text: *mut PyObject) -> u32 {
    // SAFETY: an exact str.
    unsafe { (*text.cast::<Str>()).state & form::MASK }
}

/// Whether this iterates over an exact `str`, and the form of that where the next character is an ASCII one; else 0.
///
/// # Safety
/// A live object.
pub(crate) unsafe fn iterated(iterator: *mut PyObject) -> Option<u32> {
    // SAFETY: the caller's; iterators of strings have this layout (see [`iterators_fit`]).
    unsafe {
        if !known::iterates_text(objects::type_of(iterator)) || !iterators_fit() {
            return None;
        }
        let SequenceIter { index, sequence, .. } = *iterator.cast::<SequenceIter>();
        if sequence.is_null() {
            return Some(0);
        }
        let exact = objects::type_of(sequence) == type_address!(PyUnicode_Type);
        exact.then(|| {
            let ascii = index < (*sequence.cast::<Str>()).length && ffi::PyUnicode_ReadChar(sequence, index) < 128;
            if ascii { state(sequence) } else { 0 }
        })
    }
}

/// Whether iterators of strings have their fields where those of lists and tuples have them.
fn iterators_fit() -> bool {
    static FIT: OnceLock<bool> = OnceLock::new();
    // SAFETY: observing holds the GIL; new objects, which are let go of.
    *FIT.get_or_init(|| unsafe {
        let fits = |characters: &CStr| {
            let text = ffi::PyUnicode_FromString(characters.as_ptr());
            let iterator = if text.is_null() { text } else { ffi::PyObject_GetIter(text) };
            let item = if iterator.is_null() { iterator } else { ffi::PyIter_Next(iterator) };
            let fits = !item.is_null() && {
                let SequenceIter { index, sequence, .. } = *iterator.cast::<SequenceIter>();
                index == 1 && sequence == text
            };
            ffi::PyErr_Clear();
            [item, iterator, text].into_iter().for_each(|object| ffi::Py_XDECREF(object));
            fits
        };
        table() != 0 && fits(c"ab") && fits(c"a\u{3a9}")
    })
}

impl Observer {
    /// `text[index]`, where it is an ASCII character.
    pub(super) unsafe fn character(&self, text: *mut PyObject, index: *mut PyObject) -> Option<Detail> {
        // SAFETY: live objects.
        unsafe {
            if objects::type_of(text) != type_address!(PyUnicode_Type)
                || objects::type_of(index) != type_address!(PyLong_Type)
            {
                return None;
            }
            let (at, length) = (crate::helpers::small_int(index)?, (*text.cast::<Str>()).length as i64);
            let at = if at < 0 { at + length } else { at };
            let found = (0..length).contains(&at) && ffi::PyUnicode_ReadChar(text, at as isize) < 128;
            found.then(|| Detail::Character(state(text)))
        }
    }
}
