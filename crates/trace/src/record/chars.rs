//! Single characters of strings: numbers, as long as nobody wants an object.
//!
//! `text[index]`, and a loop over a string, load a character's number from the string's data, whose form (bytes of a character, and where they begin) was seen and is
//! guarded. An ASCII character has an object of its own in the interpreter's table, which lives forever: its address is calculated, nothing
//! is counted, and where the character is only compared with others, as scanners do, the object is not asked for at all.
//!
//! Limits: other characters leave; from there on they are taken by a function in C.

use super::state::Own;
use super::{Recorder, Step, Sym};
use crate::bytecode::CompareOp;
use crate::event::{Kind, Operand};
use crate::host::{ASCII_CHARACTERS, CHARACTER_SIZE, form};
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
    /// `text[index]` of a string of this form.
    pub(super) fn character(
        &mut self,
        container: Sym,
        index: Sym,
        seen: Operand,
        seen_index: Operand,
        shape: u32,
    ) -> Step<()> {
        let length = self.length(&container, seen)?;
        let base = self.object(&container)?;
        let at = self.index(&index, seen_index, length)?;
        let val = self.load_character(base, at, seen.ty, shape);
        self.push(Sym::Obj(val, Own::Owned));
        self.discard(&[container, index])
    }

    /// The character at this place of a string of this form.
    fn load_character(&mut self, base: Val, at: Val, ty: u64, shape: u32) -> Val {
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let state = self.e.load(Uop::load_u32, base, None, layout.str_state, Region::Fixed, None);
        let (mask, wanted) = (self.e.int(form::MASK.into()), self.e.int(shape.into()));
        let found = self.e.pure(Uop::and_int, &[state, mask], 0, 0, None);
        self.e.pure(Uop::guard_eq_int, &[found, wanted], 0, 0, Some(snap));
        let (uop, disp) = match shape {
            form::ASCII => (Uop::load_byte, layout.str_ascii_data),
            form::BYTES => (Uop::load_byte, layout.str_data),
            form::PAIRS => (Uop::load_u16_item, layout.str_data),
            _ => (Uop::load_i32_item, layout.str_data),
        };
        let code = self.e.load(uop, base, Some(at), disp, Region::Fixed, None);
        let val = self.e.pure(Uop::ascii_char, &[code], 0, self.host.objects.ascii_chars, Some(snap));
        self.e.set_type(val, ty);
        val
    }

    /// A step of a string's iterator, whose fields lie as those of a list's.
    pub(super) fn step_text(&mut self, iterator: Val, seen: Operand, more: bool) -> Step<()> {
        let (snap, layout, ty) = (self.snap(), self.host.layout.clone(), self.host.objects.str_);
        let at = self.iter_state(iterator, seen);
        let index = self.iters[at].next;
        let disp = layout.tuple_iter_tuple;
        let text = self.e.load(Uop::load_obj, iterator, None, disp, Region::Iterators, Some(snap));
        self.e.guard_type(text, ty, snap);
        let length = self.e.load_length(text, layout.str_length, Region::Fixed);
        if !more {
            self.e.pure(Uop::guard_ge_int, &[index, length], 0, 0, Some(snap));
            return self.finish(iterator, Some((text, disp, false)));
        }
        self.e.pure(Uop::guard_index, &[index, length], 0, 0, Some(snap));
        let val = self.load_character(text, index, ty, seen.bits as u32);
        self.step_index(at, iterator, seen.kind);
        self.push(Sym::Obj(val, Own::Owned));
        Ok(())
    }

    /// The numbers of two characters that are compared for equality, one of which was loaded: equal characters have equal numbers.
    pub(super) fn compared_characters(&mut self, op: CompareOp, left: &Sym, right: &Sym) -> Option<(Val, Val)> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return None;
        }
        match (left, right) {
            (Sym::Obj(left, _), Sym::Obj(right, _)) => Some((self.e.character(*left)?, self.e.character(*right)?)),
            (Sym::Obj(val, _), Sym::Const(constant)) => {
                let (loaded, number) = (self.e.character(*val)?, self.ascii_number(constant)?);
                Some((loaded, self.e.int(number)))
            }
            (Sym::Const(constant), Sym::Obj(val, _)) => {
                let (loaded, number) = (self.e.character(*val)?, self.ascii_number(constant)?);
                Some((self.e.int(number), loaded))
            }
            _ => None,
        }
    }

    /// The number of a constant character, by its place in the interpreter's table.
    fn ascii_number(&self, constant: &Operand) -> Option<i64> {
        let offset = constant.object.checked_sub(self.host.objects.ascii_chars)?;
        let inside = constant.kind == Kind::Str && offset < ASCII_CHARACTERS * CHARACTER_SIZE;
        (inside && offset % CHARACTER_SIZE == 0).then_some((offset / CHARACTER_SIZE) as i64)
    }
}
