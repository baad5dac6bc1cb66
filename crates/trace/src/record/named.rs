//! Names in dicts: attributes of instances that have a dict, globals that change often, constant keys.
//!
//! What a dict has under a name is loaded and stored at the address that the uop `dict_place` gives, as any attribute is at its place in
//! the instance. That address is asked for each time: functions in C change dicts, too, and may move their tables. What was loaded
//! is borrowed from the dict like an item from a list.
//!
//! A value that replaces another one changes neither keys nor their order. So nobody else need hear of it, unless somebody watches
//! the dict, or the collector does not know the dict yet and would have to know the value: then CPython stores.

use super::state::{Own, Sym};
use super::{Recorder, Step};
use crate::event::Operand;
use crate::ir::{Region, Val};
use decal_uops::Uop;

/// A name in a dict, which is there.
#[derive(Clone, Copy)]
pub(super) struct Named {
    /// The dict.
    pub(super) dict: Val,
    /// The name.
    pub(super) name: Val,
    /// Where it was seen, as the uop takes it.
    pub(super) entry: i32,
    /// The bits of watchers that must be told of a store.
    pub(super) watchers: u8,
}

impl Recorder<'_> {
    fn dict_place(&mut self, dict: Val, name: Val, entry: i32) -> Val {
        let (snap, function) = (self.snap(), self.host.functions.dict_place);
        self.e.effect(Uop::dict_place, &[dict, name], entry, function, Region::Fixed, Some(snap))
    }

    /// What a dict has under a name.
    pub(super) fn load_named(&mut self, dict: Val, name: Val, entry: i32) -> Step<Sym> {
        let place = self.dict_place(dict, name, entry);
        let snap = self.snap();
        let val = self.e.load(Uop::load_obj, place, None, 0, Region::Attributes, Some(snap));
        Ok(Sym::Obj(val, Own::Container))
    }

    /// Replaces that: `seen` are the value and the old one. `dropped` is what the instruction takes besides.
    pub(super) fn store_named(
        &mut self,
        named: Named,
        value: &Sym,
        [seen, seen_old]: [Operand; 2],
        dropped: &[Sym],
    ) -> Step<()> {
        self.guard_replaceable(named, seen);
        let place = self.dict_place(named.dict, named.name, named.entry);
        let snap = self.snap();
        let old = self.e.load(Uop::load_obj, place, None, 0, Region::Attributes, Some(snap));
        let drops = self.guard_kept_beside(dropped, old, seen_old, value);
        self.replace(place, None, 0, Region::Attributes, value, seen, old, seen_old, seen_old.bits == 1)?;
        self.drop_all(&drops);
        Ok(())
    }

    /// Guards that a value of the dict may be replaced without telling anybody.
    fn guard_replaceable(&mut self, named: Named, seen: Operand) {
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let byte = self.e.effect(Uop::load_u8, &[named.dict], layout.dict_watchers, 0, Region::Fixed, None);
        let (mask, zero) = (self.e.int(named.watchers.into()), self.e.int(0));
        let watchers = self.e.pure(Uop::and_int, &[byte, mask], 0, 0, None);
        self.e.pure(Uop::guard_eq_int, &[watchers, zero], 0, 0, Some(snap));
        if !seen.kind.is_plain() {
            let tracked = self.e.effect(Uop::load_int, &[named.dict], layout.collector_word, 0, Region::Fixed, None);
            self.e.pure(Uop::guard_ne_int, &[tracked, zero], 0, 0, Some(snap));
        }
    }
}
