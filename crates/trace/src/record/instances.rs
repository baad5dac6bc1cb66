//! Making instances, and giving them attributes that they do not have yet.
//!
//! A call of a class allocates as `object.__new__` does and then enters `__init__` as an inlined call. The new instance lies on the
//! caller's stack meanwhile, and is the result once `__init__` has given `None` ([`Returns::Instance`]). What is known of a new
//! instance, that its values are in use and all empty, needs no guards.
//!
//! An attribute that an instance did not have goes to its place among the inline values, and the place's number to the list of
//! numbers behind the values, which is the order in which a dict of the instance would have them.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Attribute, Event, Making, Operand};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::Returns;
use decal_uops::Uop;

impl Recorder<'_> {
    /// A call of a class.
    pub(super) fn make_instance(
        &mut self,
        making: Making,
        callable: Sym,
        mut args: Vec<Sym>,
        event: &Event,
    ) -> Step<()> {
        match &callable {
            Sym::Const(operand) if operand.object != making.class => {
                return Err(AbortReason::Unstable("a constant that was another one"));
            }
            Sym::Const(_) => {}
            Sym::Obj(val, _) => {
                let (val, snap) = (*val, self.snap());
                self.e.pure(Uop::guard_is, &[val], 0, making.class, Some(snap));
            }
            _ => return Err(AbortReason::Call("not a class")),
        }
        if making.init.is_none() && !args.is_empty() {
            return Err(AbortReason::Inconsistent("arguments"));
        }
        if self.may_be_virtual(making, &callable) {
            let drops = self.guard_discard(&[callable]);
            let instance = self.describe_instance(making.class);
            let itself = Self::duplicate(&instance);
            self.push(instance);
            let Some(init) = making.init else {
                self.drop_all(&drops);
                return Ok(());
            };
            args.insert(0, itself);
            return self.enter_with(init, &drops, args, event, Returns::Instance);
        }
        let class = self.e.object(making.class, 0);
        let drops = self.guard_discard(&[callable]);
        let (snap, function) = (self.raise_snap(), self.host.functions.new_instance);
        let new = self.e.effect(Uop::call_obj_1, &[class], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(new, making.class);
        self.know_instance(new, making);
        self.push(Sym::Obj(new, Own::Owned));
        let Some(init) = making.init else {
            self.drop_all(&drops);
            return Ok(());
        };
        args.insert(0, Sym::Obj(new, Own::Virtual));
        // A dict for named arguments is made before the class is let go.
        self.enter_with(init, &drops, args, event, Returns::Instance)
    }

    /// What is in a new instance.
    fn know_instance(&mut self, new: Val, making: Making) {
        let Some((valid_disp, dict_disp)) = making.inline else { return };
        let (zero, one, null) = (self.e.int(0), self.e.int(1), self.e.object(0, 0));
        let size = self.host.layout.values_size;
        for (region, disp, val) in [
            (Region::AttributeState, valid_disp, one),
            (Region::AttributeState, dict_disp, null),
            (Region::AttributeOrder, size, zero),
        ] {
            self.e.heap().learn(region, Place { base: new, index: None, disp }, val);
        }
        let first = self.host.layout.values_first;
        for index in 0..making.values as i32 {
            let place = Place { base: new, index: None, disp: first + 8 * index };
            self.e.heap().learn(Region::Attributes, place, null);
        }
    }

    /// Stores an attribute that the instance does not have. `owner` was guarded, and that its values are in use.
    pub(super) fn store_new(
        &mut self,
        owner_sym: Sym,
        owner: Val,
        attribute: Attribute,
        value: &Sym,
        seen: Operand,
    ) -> Step<()> {
        let (Attribute::Inline { disp, .. } | Attribute::Slot { disp }) = attribute else {
            return Err(AbortReason::Inconsistent("attribute"));
        };
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let old = self.e.load(Uop::load_obj_unchecked, owner, None, disp, Region::Attributes, None);
        self.e.pure(Uop::guard_is, &[old], 0, 0, Some(snap));
        let drops = self.guard_kept(&[owner_sym]);
        if let Attribute::Inline { .. } = attribute {
            let head = self.e.load(Uop::load_int, owner, None, layout.values, Region::AttributeOrder, None);
            let size = self.e.load(Uop::load_u8, owner, None, layout.values_size, Region::AttributeOrder, None);
            let capacity = self.e.load(Uop::load_u8, owner, None, layout.values_capacity, Region::Fixed, None);
            // The list begins behind the last value. What is behind its end matters to nobody, so that this comes first.
            let (eight, one) = (self.e.int(8), self.e.int(1));
            let bytes = self.e.pure(Uop::mul_int, &[capacity, eight], 0, 0, Some(snap));
            let end = self.e.pure(Uop::wrap_add_int, &[bytes, size], 0, 0, None);
            let number = self.e.int(i64::from(disp - layout.values_first) / 8);
            let (first, region) = (layout.values_first, Region::AttributeOrder);
            self.e.effect(Uop::store_byte, &[owner, end, number], first, 0, region, Some(snap));
            let new = self.owned_object(value, seen)?;
            // The size is the second byte of a word whose other bytes stay as they are.
            let unit = self.e.int(1 << 8);
            let larger = self.e.pure(Uop::wrap_add_int, &[head, unit], 0, 0, None);
            self.e.store(Uop::store_int, owner, None, larger, layout.values, region, None);
            let larger = self.e.pure(Uop::wrap_add_int, &[size, one], 0, 0, None);
            self.e.learn_store(owner, None, larger, layout.values_size, region);
            self.e.store(Uop::store_obj, owner, None, new, disp, Region::Attributes, None);
        } else {
            let new = self.owned_object(value, seen)?;
            self.e.store(Uop::store_obj, owner, None, new, disp, Region::Attributes, None);
        }
        self.drop_all(&drops);
        Ok(())
    }
}
