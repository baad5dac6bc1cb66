//! Items of an `array.array`: numbers that need no object, read from the buffer and written to it.
//!
//! An array's type code never changes, so that it is asked once for each array. Its buffer moves where its length changes, which only
//! its methods do: to a trace those are general operations, after which nothing is known of it.

use super::numbers::Number;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::Operand;
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
    /// Leaves where an array's items are of another type than those that were seen.
    pub(super) fn guard_type_code(&mut self, array: Val, seen: Operand) -> Step<()> {
        let disp = self.host.layout.array_description;
        let description = self.e.load(Uop::load_raw, array, None, disp, Region::Fixed, None);
        let code = self.e.load(Uop::load_u8, description, None, 0, Region::Fixed, None);
        let (wanted, snap) = (self.e.int(seen.bits as i64), self.snap());
        self.e.pure(Uop::guard_eq_int, &[code, wanted], 0, 0, Some(snap));
        Ok(())
    }

    fn array_items(&mut self, array: Val) -> Val {
        let disp = self.host.layout.array_items;
        self.e.load(Uop::load_raw, array, None, disp, Region::BytesHead, None)
    }

    /// The item at an index that lies within the array.
    pub(super) fn array_item(&mut self, array: Val, at: Val, seen: Operand) -> Step<Sym> {
        let uop = match seen.bits as u8 {
            b'd' => Uop::load_float_item,
            b'l' | b'q' => Uop::load_int_item,
            b'i' => Uop::load_i32_item,
            b'B' => Uop::load_byte,
            _ => return Err(AbortReason::Subscript),
        };
        let items = self.array_items(array);
        let item = self.e.load(uop, items, Some(at), 0, Region::BytesItems, None);
        Ok(if uop == Uop::load_float_item { self.float_sym(item) } else { self.int_sym(item) })
    }

    /// Stores an item at such an index, and drops `operands`.
    pub(super) fn store_array_item(
        &mut self,
        array: Val,
        at: Val,
        value: Sym,
        seen_value: Operand,
        seen: Operand,
        mut operands: Vec<Sym>,
    ) -> Step<()> {
        let number = self.number(&value, seen_value);
        let (uop, item) = match (seen.bits as u8, number) {
            (b'd', Number::Float | Number::Int | Number::Bool) => {
                (Uop::store_float_item, self.number_as_float(&value, seen_value, false)?)
            }
            (b'l' | b'q', Number::Int | Number::Bool) => (Uop::store_int_item, self.as_int(&value, seen_value)?),
            (b'i', Number::Int | Number::Bool) => (Uop::store_i32_item, self.as_int(&value, seen_value)?),
            (b'B', Number::Int | Number::Bool) => (Uop::store_byte, self.as_int(&value, seen_value)?),
            _ => return Err(AbortReason::StoreSubscript),
        };
        let snap = self.snap();
        let items = self.array_items(array);
        operands.push(value);
        let drops = self.guard_discard(&operands);
        self.e.store(uop, items, Some(at), item, 0, Region::BytesItems, Some(snap));
        self.drop_all(&drops);
        Ok(())
    }
}
