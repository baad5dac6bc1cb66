//! Attributes.
//!
//! What is found on a class or in a module is a constant: its type or dict is watched, and a change invalidates the
//! executor. Attributes of instances are loads and stores of the instance's inline values or slots, behind a guard of the
//! type and of the values' state.

use super::numbers::one;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{Attribute, Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::Uop;

impl Recorder<'_> {
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

    /// What is in an instance at this place.
    fn attribute_value(&mut self, owner: Val, disp: i32) -> Step<Sym> {
        let snap = self.snap();
        let val = self.e.load(Uop::load_obj, owner, None, disp, Region::Attributes, Some(snap));
        // A new instance has nothing there yet.
        if self.e.constant_of(val) == Some(0) {
            return Err(AbortReason::Unstable("a constant that was another one"));
        }
        Ok(Sym::Obj(val, Own::Container))
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
                self.attribute_value(owner, disp)?
            }
            Attribute::Slot { disp } => {
                let owner = self.owner(&owner_sym, seen)?;
                self.attribute_value(owner, disp)?
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
        if seen_old.kind == Kind::Null {
            return self.store_new(owner_sym, owner, attribute, &value, seen_value);
        }
        let old = self.e.load(Uop::load_obj, owner, None, disp, Region::Attributes, Some(snap));
        if self.e.constant_of(old) == Some(0) {
            return Err(AbortReason::Unstable("a constant that was another one"));
        }
        let drops = self.guard_kept(&[owner_sym]);
        self.replace(owner, None, disp, Region::Attributes, &value, seen_value, old, seen_old, seen_old.bits == 1)?;
        self.drop_all(&drops);
        Ok(())
    }
}
