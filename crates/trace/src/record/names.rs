//! Globals and closures.
//!
//! A global is a constant: its dict is watched, and a change invalidates the executor.

use super::named::Named;
use super::numbers::one;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
    /// Stores a global that changes often. No trace takes it for a constant, so that decal's watcher need not hear of it.
    pub(super) fn store_global(&mut self, event: &Event) -> Step<()> {
        let Detail::GlobalTo { dict, name, entry, others } = event.detail else {
            return Err(AbortReason::Instruction("a global that traces may take for a constant"));
        };
        let [seen, seen_old] = match event.operands.as_slice() {
            [a, b, ..] => [*a, *b],
            _ => return Err(AbortReason::Inconsistent("missing operands")),
        };
        self.own_numbers(1, event)?;
        let value = self.pop()?;
        let (dict, name) = (self.e.object(dict, 0), self.e.object(name, self.host.objects.str_));
        self.store_named(Named { dict, name, entry, watchers: others }, &value, [seen, seen_old], &[])
    }

    pub(super) fn load_global(&mut self, push_null: bool, event: &Event) -> Step<()> {
        if let Detail::GlobalIn { dict, name, entry } = event.detail {
            let (dict, name) = (self.e.object(dict, 0), self.e.object(name, self.host.objects.str_));
            let value = self.load_named(dict, name, entry)?;
            self.push(value);
            if push_null {
                self.push(Sym::Null);
            }
            return Ok(());
        }
        let Detail::Global(operand) = event.detail else {
            return Err(AbortReason::Global);
        };
        if operand.kind == Kind::Null {
            return Err(AbortReason::Global);
        }
        self.push(Sym::Const(operand));
        if push_null {
            self.push(Sym::Null);
        }
        Ok(())
    }

    pub(super) fn copy_free_vars(&mut self, count: u32, event: &Event) -> Step<()> {
        if self.frames.len() == 1 {
            return Ok(()); // the frame was entered long ago, or its start was observed: memory has the cells
        }
        if let Some(function) = self.function_below() {
            return self.copy_cells_of(function, count);
        }
        let cells = event.operands.clone();
        let locals = self.here().locals.len();
        let first = locals.checked_sub(count as usize).ok_or(AbortReason::Inconsistent("free variables"))?;
        if cells.len() != count as usize {
            return Err(AbortReason::Cell);
        }
        for (slot, cell) in cells.into_iter().enumerate() {
            self.top().locals[first + slot].sym = Sym::Const(cell);
        }
        Ok(())
    }

    /// The cell in a slot of the frame.
    fn cell(&mut self, slot: u32) -> Step<Val> {
        let sym = self.local(slot)?;
        self.object(&sym)
    }

    pub(super) fn load_deref(&mut self, slot: u32, event: &Event) -> Step<()> {
        let Detail::Cell(_, content) = event.detail else {
            return Err(AbortReason::Cell);
        };
        if content.kind == Kind::Null {
            return Err(AbortReason::Cell);
        }
        let cell = self.cell(slot)?;
        let (snap, disp) = (self.snap(), self.host.layout.cell_content);
        let val = self.e.load(Uop::load_obj, cell, None, disp, Region::Cells, Some(snap));
        self.push(Sym::Obj(val, Own::Container));
        Ok(())
    }

    /// A variable that functions inside of this one share: a new cell takes what the slot held. Of frames that exist only those
    /// of comprehensions are made within a trace, whose slots are empty before.
    pub(super) fn make_cell(&mut self, slot: u32, event: &Event) -> Step<()> {
        let at = slot as usize;
        let sym = self.here().locals.get(at).ok_or(AbortReason::Inconsistent("cell"))?.sym.clone();
        if self.place(slot).is_some() && sym != Sym::Null {
            return Err(AbortReason::Cell);
        }
        if !matches!(sym, Sym::Obj(..) | Sym::Const(_) | Sym::Null) {
            self.top().locals[at].sym = Sym::Null;
            let unseen = Operand { bits: i64::MAX as u64, ..Operand::NULL };
            let val = self.owned_object(&sym, unseen)?;
            self.top().locals[at].sym = Sym::Obj(val, Own::Owned);
            self.restart(event.offset);
        }
        let held = self.here().locals[at].sym.clone();
        let functions = self.host.functions.clone();
        let (content, function) = match &held {
            Sym::Null => (self.e.object(self.host.objects.none, self.host.objects.none_type), functions.new_empty_cell),
            held => (self.object(held)?, functions.new_cell),
        };
        let raise = self.raise_snap();
        let cell = self.e.effect(Uop::call_obj_1, &[content], 0, function, Region::Fixed, Some(raise));
        self.e.set_type(cell, self.host.objects.cell);
        self.top().locals[at].sym = Sym::Obj(cell, Own::Owned);
        // The cell has a reference of its own.
        if let Sym::Obj(val, Own::Owned) = held
            && !self.hand_over(val, Own::Virtual)
        {
            self.decref_plain(val);
        }
        Ok(())
    }

    pub(super) fn store_deref(&mut self, slot: u32, event: &Event) -> Step<()> {
        let Detail::Cell(_, content) = event.detail else {
            return Err(AbortReason::Cell);
        };
        let value = self.pop()?;
        let seen = one(event)?;
        let cell = self.cell(slot)?;
        let (snap, disp) = (self.snap(), self.host.layout.cell_content);
        if content.kind == Kind::Null {
            let old = self.e.load(Uop::load_obj_unchecked, cell, None, disp, Region::Cells, None);
            self.e.pure(Uop::guard_is, &[old], 0, 0, Some(snap));
            let new = self.owned_object(&value, seen)?;
            self.own_borrowed();
            self.e.store(Uop::store_obj, cell, None, new, disp, Region::Cells, None);
            return Ok(());
        }
        let old = self.e.load(Uop::load_obj, cell, None, disp, Region::Cells, Some(snap));
        self.replace(cell, None, disp, Region::Cells, &value, seen, old, content, true)
    }
}
