//! Globals and closures.
//!
//! A global is a constant: its dict is watched, and a change invalidates the executor.

use super::numbers::one;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Detail, Event, Kind};
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
    pub(super) fn load_global(&mut self, push_null: bool, event: &Event) -> Step<()> {
        if let Detail::GlobalIn(dict, name) = event.detail {
            let (dict, name) = (self.e.object(dict, 0), self.e.object(name, self.host.objects.str_));
            let (snap, function) = (self.raise_snap(), self.host.functions.dict_value);
            let val = self.e.effect(Uop::call_obj_2, &[dict, name], 0, function, Region::Fixed, Some(snap));
            self.push(Sym::Obj(val, Own::Owned));
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
        let cells = event.operands.clone();
        let locals = self.top().locals.len();
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

    pub(super) fn store_deref(&mut self, slot: u32, event: &Event) -> Step<()> {
        let Detail::Cell(_, content) = event.detail else {
            return Err(AbortReason::Cell);
        };
        if content.kind == Kind::Null {
            return Err(AbortReason::Cell);
        }
        let value = self.pop()?;
        let seen = one(event)?;
        let cell = self.cell(slot)?;
        let (snap, disp) = (self.snap(), self.host.layout.cell_content);
        let old = self.e.load(Uop::load_obj, cell, None, disp, Region::Cells, Some(snap));
        self.replace(cell, None, disp, Region::Cells, &value, seen, old, content, true)
    }
}
