//! What the interpreter has learned of a code object, kept over a pass that is observed.
//!
//! To watch single instructions CPython puts all of them back into their general form, and when nobody watches any more they
//! have to be specialized anew, one by one. That takes longer than the pass itself. So the code units are copied before, and where
//! an instruction is back in its general form afterwards, with its inline cache as it was, it gets its special form back.
//! This is what it would be had it not run in the meantime: a special form asks its cache whether it still holds.
//!
//! Cost: a copy of the code, and one walk over it.

use crate::PyObject;
use crate::code::DecodedCode;
use crate::version::{layout, opcodes};

/// See the module's text.
#[derive(Debug)]
pub struct Specialized(Box<[u16]>);

impl Specialized {
    /// Copies the code units. To be called before events of instructions are switched on.
    ///
    /// # Safety
    /// A live code object; the GIL is held.
    pub unsafe fn save(code: *mut PyObject) -> Specialized {
        // SAFETY: the caller's.
        Specialized(unsafe { &*units(code) }.into())
    }

    /// Puts special forms back. To be called when the events were switched off, before any code runs.
    ///
    /// # Safety
    /// The same code object, alive; the GIL is held.
    pub unsafe fn restore(&self, code: *mut PyObject, decoded: &DecodedCode) {
        // SAFETY: the caller's: with the GIL held nobody else reads or writes them.
        let now = unsafe { &mut *units(code) };
        if now.len() != self.0.len() {
            return;
        }
        let mut at = 0;
        while let Some(found) = decoded.starting_at(at) {
            let (unit, next) = (found.unit as usize, found.next as usize);
            at = found.next;
            let (Some(old), Some(new)) = (self.0.get(unit..next), now.get_mut(unit..next)) else { return };
            restore(old, new);
        }
    }
}

/// One instruction with its cache, whose first unit counts down to the next try to specialize.
fn restore(old: &[u16], new: &mut [u16]) {
    let ([old_unit, old_cache @ ..], [new_unit, new_cache @ ..]) = (old, new) else { return };
    let watched = |unit: u16| unit as u8 >= opcodes::FIRST_INSTRUMENTED;
    let same = old_cache.get(1..) == new_cache.get(1..);
    if !watched(*old_unit) && !watched(*new_unit) && *old_unit >> 8 == *new_unit >> 8 && same {
        *new_unit = *old_unit;
        if let (Some(old), Some(new)) = (old_cache.first(), new_cache.first_mut()) {
            *new = *old;
        }
    }
}

/// The code units, as the interpreter runs them.
pub(crate) unsafe fn units(code: *mut PyObject) -> *mut [u16] {
    let code = code.cast::<layout::Code>();
    // SAFETY: the caller's: a code object ends with so many units.
    unsafe { std::ptr::slice_from_raw_parts_mut((&raw mut (*code).code).cast(), (*code).size as usize) }
}

#[cfg(test)]
mod tests {
    use super::restore;

    #[test]
    fn special_forms_come_back_with_their_counter() {
        // A special form, its counter, its cache; in general form with another counter.
        let (old, mut new) = ([0x0396, 52, 7, 8], [0x0305, 1, 7, 8]);
        restore(&old, &mut new);
        assert_eq!(new, old);
        let (old, mut new) = ([0x00cf], [0x0095]);
        restore(&old, &mut new);
        assert_eq!(new, old);
    }

    #[test]
    fn what_has_changed_in_the_meantime_stays() {
        let as_it_is = |old: &[u16], new: &[u16]| {
            let mut units = new.to_vec();
            restore(old, &mut units);
            assert_eq!(units, new);
        };
        // Another cache: it was specialized anew.
        as_it_is(&[0x0396, 52, 7, 8], &[0x0305, 1, 7, 9]);
        // Another event is on there, or was.
        as_it_is(&[0x0396, 52, 7, 8], &[0x03f0, 1, 7, 8]);
        as_it_is(&[0x03f0, 52, 7, 8], &[0x0305, 1, 7, 8]);
        // Not the same instruction.
        as_it_is(&[0x0396, 52, 7, 8], &[0x0405, 1, 7, 8]);
    }
}
