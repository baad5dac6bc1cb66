//! Globals, closures and attributes.
//!
//! A global and everything found on a class or in a module is a constant: its dict or type is
//! watched, and a change invalidates the executor. Attributes of instances are loads and stores of the
//! instance's inline values or slots, behind a guard of the type and of the values' state.

use super::numbers::one;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Attribute, Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
    pub(super) fn load_global(&mut self, push_null: bool, event: &Event) -> Step<()> {
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

    /// Guards the owner's type, and gives the owner.
    fn owner(&mut self, sym: &Sym, seen: Operand) -> Step<Val> {
        let val = self.object(sym)?;
        if let Sym::Obj(..) = sym {
            let snap = self.snap();
            self.e.guard_type(val, seen.ty, snap);
        }
        Ok(val)
    }

    fn guard_inline_values(&mut self, owner: Val, valid_disp: i32) {
        let snap = self.snap();
        let valid = self.e.load(Uop::load_u8, owner, None, valid_disp, Region::AttributeState, None);
        let one = self.e.int(1);
        self.e.pure(Uop::guard_eq_int, &[valid, one], 0, 0, Some(snap));
    }

    pub(super) fn load_attr(&mut self, method: bool, event: &Event) -> Step<()> {
        let owner_sym = self.pop()?;
        let seen = one(event)?;
        let Detail::Attribute(attribute) = event.detail else {
            return Err(AbortReason::Inconsistent("attribute"));
        };
        let snap = self.snap();
        let result = match attribute {
            Attribute::Inline { disp, valid_disp, .. } => {
                let owner = self.owner(&owner_sym, seen)?;
                self.guard_inline_values(owner, valid_disp);
                let val = self.e.load(Uop::load_obj, owner, None, disp, Region::Attributes, Some(snap));
                Sym::Obj(val, Own::Container)
            }
            Attribute::Slot { disp } => {
                let owner = self.owner(&owner_sym, seen)?;
                let val = self.e.load(Uop::load_obj, owner, None, disp, Region::Attributes, Some(snap));
                Sym::Obj(val, Own::Container)
            }
            Attribute::Method { function, keys_version, valid_disp } => {
                let owner = self.owner(&owner_sym, seen)?;
                if let Some((address, version)) = keys_version {
                    self.guard_inline_values(owner, valid_disp);
                    self.e.pure(Uop::guard_word32, &[], version as i32, address, Some(snap));
                }
                if !method {
                    return Err(AbortReason::Attribute("a bound method is made"));
                }
                let ty = self.host.objects.function;
                self.push(Sym::Const(Operand { object: function, ty, kind: Kind::Function, bits: 0 }));
                self.push(owner_sym);
                return Ok(());
            }
            Attribute::Constant { value } => {
                if !matches!(seen.kind, Kind::Module | Kind::Type) {
                    return Err(AbortReason::Attribute("class attribute through an instance"));
                }
                if let Sym::Obj(val, _) = &owner_sym {
                    self.e.pure(Uop::guard_is, &[*val], 0, seen.object, Some(snap));
                }
                Sym::Const(value)
            }
            Attribute::Unsupported(how) => return Err(AbortReason::Attribute(how)),
        };
        self.discard(&[owner_sym])?;
        self.push(result);
        if method {
            self.push(Sym::Null);
        }
        Ok(())
    }

    pub(super) fn store_attr(&mut self, event: &Event) -> Step<()> {
        let (owner_sym, value) = (self.pop()?, self.pop()?);
        let [seen_value, seen, seen_old] = match event.operands.as_slice() {
            [a, b, c, ..] => [*a, *b, *c],
            _ => return Err(AbortReason::Inconsistent("missing operands")),
        };
        let Detail::Attribute(attribute) = event.detail else {
            return Err(AbortReason::Inconsistent("attribute"));
        };
        if seen_old.kind == Kind::Null {
            return Err(AbortReason::Attribute("a new attribute is stored"));
        }
        let owner = self.owner(&owner_sym, seen)?;
        let snap = self.snap();
        let disp = match attribute {
            Attribute::Inline { disp, valid_disp, dict_disp } => {
                self.guard_inline_values(owner, valid_disp);
                // A dict of the instance's own may be watched, or iterated over: CPython stores there.
                let dict = self.e.load(Uop::load_int, owner, None, dict_disp, Region::AttributeState, None);
                let zero = self.e.int(0);
                self.e.pure(Uop::guard_eq_int, &[dict, zero], 0, 0, Some(snap));
                disp
            }
            Attribute::Slot { disp } => disp,
            Attribute::Unsupported(how) => return Err(AbortReason::Attribute(how)),
            Attribute::Method { .. } | Attribute::Constant { .. } => {
                return Err(AbortReason::Attribute("not stored in the instance"));
            }
        };
        let old = self.e.load(Uop::load_obj, owner, None, disp, Region::Attributes, Some(snap));
        let drops = self.guard_kept(&[owner_sym]);
        self.replace(owner, None, disp, Region::Attributes, &value, seen_value, old, seen_old, seen_old.bits == 1)?;
        self.drop_all(&drops);
        Ok(())
    }
}
