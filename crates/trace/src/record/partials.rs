//! Calls of `functools.partial`: what it holds is loaded each time, since `__setstate__` may change it, and guarded to be the function that
//! was seen, with as many arguments.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Event, Kind, Partial};
use crate::ir::Region;
use decal_uops::Uop;

impl Recorder<'_> {
    /// Enters the function of one that is called with so many arguments, which are on top of the stack.
    pub(super) fn call_partial(&mut self, partial: Partial, count: u32, event: &Event) -> Step<()> {
        let callable = self.peek(count + 2)?;
        if !matches!(callable, Sym::Obj(..) | Sym::Const(_)) {
            return Err(AbortReason::Call("an object that is no function"));
        }
        self.guard_seen_type(&callable, partial.ty)?;
        let object = self.object(&callable)?;
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        let [function, arguments, keywords] =
            partial.disps.map(|disp| self.e.load(Uop::load_obj, object, None, disp, Region::Attributes, Some(snap)));
        self.e.pure(Uop::guard_is, &[function], 0, partial.callee.function, Some(snap));
        let (named, zero) = (self.count_items(keywords, Kind::Dict), self.e.int(0));
        self.e.pure(Uop::guard_eq_int, &[named, zero], 0, 0, Some(snap));
        let size = self.e.load(Uop::load_int, arguments, None, layout.size, Region::Fixed, None);
        let wanted = self.e.int(partial.held.into());
        self.e.pure(Uop::guard_eq_int, &[size, wanted], 0, 0, Some(snap));
        let mut all = Vec::new();
        for index in 0..partial.held {
            let disp = layout.tuple_items + 8 * index as i32;
            let item = self.e.load(Uop::load_obj, arguments, None, disp, Region::Fixed, Some(snap));
            all.push(Sym::Obj(item, Own::Container));
        }
        all.extend(self.peek_arguments(count)?);
        self.enter_by_c(partial.callee, count + 2, all, event)
    }
}
