//! Attributes.
//!
//! What is found on a class or in a module is a constant: its type or dict is watched, and a change invalidates the
//! executor. Attributes of instances are loads and stores of the instance's inline values or slots, behind a guard of the
//! type and of the values' state.

use super::named::Named;
use super::numbers::one;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::Op;
use crate::event::{AskedFor, Attribute, Detail, Event, Kind, Operand, Shadow};
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
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
        if !method
            && let Detail::Attribute(Attribute::Method { function, .. }) = event.detail
            && function.kind == Kind::Builtin
            && matches!(self.peek(1)?, Sym::Tuple(..) | Sym::Int(..) | Sym::Float(..))
        {
            // A bound method that C made holds an object.
            self.realize(1, one(event)?)?;
            self.renew_snap(event);
        }
        let owner_sym = self.pop()?;
        let seen = one(event)?;
        self.load_from(owner_sym, seen, method, event)
    }

    /// `super().name`: what comes after a class in the bases of the object's class.
    pub(super) fn load_super_attr(&mut self, method: bool, event: &Event) -> Step<()> {
        let (owner, class, function) = (self.pop()?, self.pop()?, self.pop()?);
        let [seen_function, seen_class, seen] = event.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        self.guard_callable(&function, seen_function)?;
        self.guard_callable(&class, seen_class)?;
        let drops = self.guard_discard(&[function, class]);
        self.load_from(owner, seen, method, event)?;
        self.drop_all(&drops);
        Ok(())
    }

    /// An attribute of an owner that was taken off the stack.
    fn load_from(&mut self, owner_sym: Sym, seen: Operand, method: bool, event: &Event) -> Step<()> {
        let Detail::Attribute(attribute) = event.detail else {
            return Err(AbortReason::Inconsistent("attribute"));
        };
        let bindable = match attribute {
            Attribute::Method { function, .. } => matches!(function.kind, Kind::Function | Kind::Builtin),
            Attribute::ClassMethod { function, .. } => function.kind == Kind::Function,
            _ => true,
        };
        if !method && !bindable {
            return Err(AbortReason::Attribute("a bound method of a builtin type"));
        }
        if let Sym::Instance(..) = owner_sym {
            return self.load_from_parts(owner_sym, attribute, method);
        }
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
            Attribute::Item { index } => {
                let owner = self.owner(&owner_sym, seen)?;
                let (snap, layout) = (self.snap(), self.host.layout.clone());
                let size = self.e.load(Uop::load_int, owner, None, layout.size, Region::Fixed, None);
                let at = self.e.int(index.into());
                self.e.pure(Uop::guard_index, &[at, size], 0, 0, Some(snap));
                let disp = layout.tuple_items + 8 * index as i32;
                let item = self.e.load(Uop::load_obj, owner, None, disp, Region::Fixed, Some(snap));
                Sym::Obj(item, Own::Container)
            }
            Attribute::Dict { disp, entry } => {
                let owner = self.owner(&owner_sym, seen)?;
                let (dict, name) = (self.dict_of(owner, disp)?, self.name_of(event)?);
                self.load_named(dict, name, entry)?
            }
            Attribute::Method { function, shadow } => {
                self.instance_owner(&owner_sym, seen, shadow, event)?;
                if !method {
                    return self.bind_method(function, owner_sym);
                }
                self.push(Sym::Const(function));
                self.push(owner_sym);
                return Ok(());
            }
            Attribute::ClassMethod { function, class, shadow } => {
                self.constant_owner(&owner_sym, seen, shadow, event)?;
                self.discard(&[owner_sym])?;
                if !method {
                    return self.bind_method(function, Sym::Const(class));
                }
                self.push(Sym::Const(function));
                self.push(Sym::Const(class));
                return Ok(());
            }
            Attribute::Constant { value, shadow } => {
                self.constant_owner(&owner_sym, seen, shadow, event)?;
                Sym::Const(value)
            }
            Attribute::Unsupported(how) => return Err(AbortReason::Attribute(how)),
        };
        // The owner may die, and what was borrowed from it must be on the state by then.
        self.push(result);
        if method {
            self.push(Sym::Null);
        }
        self.discard(&[owner_sym])
    }

    /// `getattr` and `hasattr`, whose operands were taken off the stack.
    pub(super) fn ask_attribute(&mut self, asked: AskedFor, callable: Sym, args: Vec<Sym>, event: &Event) -> Step<()> {
        let missing = AbortReason::Inconsistent("arguments");
        let [seen, seen_name] = [2, 3].map(|index| event.operands.get(index).copied());
        let (seen, seen_name) = (seen.ok_or(missing)?, seen_name.ok_or(missing)?);
        let mut args = args.into_iter();
        let (Some(owner), Some(name)) = (args.next(), args.next()) else { return Err(missing) };
        self.guard_callable(&name, seen_name)?;
        let mut dropped = vec![callable, name];
        let result = match asked {
            AskedFor::Value(attribute) => {
                dropped.extend(args.next());
                let drops = self.guard_discard(&dropped);
                let event = Event { detail: Detail::Attribute(attribute), ..event.clone() };
                self.load_from(owner, seen, false, &event)?;
                self.drop_all(&drops);
                return Ok(());
            }
            AskedFor::Presence(attribute) => {
                match attribute {
                    Attribute::Method { shadow, .. }
                    | Attribute::ClassMethod { shadow, .. }
                    | Attribute::Constant { shadow, .. } => self.constant_owner(&owner, seen, shadow, event)?,
                    _ => {
                        let event = Event { detail: Detail::Attribute(attribute), ..event.clone() };
                        self.load_from(Self::duplicate(&owner), seen, false, &event)?;
                        let value = self.pop()?;
                        self.discard(&[value])?;
                    }
                }
                self.bool_const(true)
            }
            AskedFor::Absence(shadow) => {
                self.instance_owner(&owner, seen, shadow, event)?;
                self.bool_const(false)
            }
            AskedFor::Default(shadow) => {
                self.instance_owner(&owner, seen, shadow, event)?;
                args.next().ok_or(missing)?
            }
        };
        self.push(result);
        dropped.push(owner);
        self.discard(&dropped)
    }

    /// Guards the owner of a constant attribute: a class or module itself, or the class of an instance.
    fn constant_owner(&mut self, owner: &Sym, seen: Operand, shadow: Shadow, event: &Event) -> Step<()> {
        if seen.kind == Kind::Type {
            self.guard_callable(owner, seen)?;
            if seen.ty != self.host.objects.type_ {
                // A metaclass of Python code. No watcher tells when a class gets another one.
                let (class, snap) = (self.e.object(seen.object, 0), self.snap());
                self.e.effect(Uop::guard_type, &[class], 0, seen.ty, Region::Fixed, Some(snap));
            }
            return Ok(());
        }
        self.instance_owner(owner, seen, shadow, event)
    }

    /// Guards the class of an owner, and that it has nothing of its own in place of what its class has. Unboxed numbers
    /// and virtual tuples have nothing of their own.
    fn instance_owner(&mut self, owner: &Sym, seen: Operand, shadow: Shadow, event: &Event) -> Step<()> {
        match owner {
            Sym::Obj(..) | Sym::Const(_) => {
                let owner = self.owner(owner, seen)?;
                self.guard_shadow(owner, shadow, event)
            }
            other => self.guard_seen_type(other, seen.ty),
        }
    }

    /// Guards that an instance has nothing of its own in place of what its class has.
    pub(super) fn guard_shadow(&mut self, owner: Val, shadow: Shadow, event: &Event) -> Step<()> {
        let snap = self.snap();
        match shadow {
            Shadow::Nothing => {}
            Shadow::Names { valid_disp, address, names } => {
                self.guard_inline_values(owner, valid_disp);
                self.e.pure(Uop::guard_word32, &[], names as i32, address, Some(snap));
            }
            Shadow::Value { valid_disp, disp } => {
                self.guard_inline_values(owner, valid_disp);
                let val = self.e.load(Uop::load_obj_unchecked, owner, None, disp, Region::Attributes, None);
                self.e.pure(Uop::guard_is, &[val], 0, 0, Some(snap));
                let null = self.e.object(0, 0);
                self.e.heap().learn(Region::Attributes, Place { base: owner, index: None, disp }, null);
            }
            Shadow::Module { disp, dict } => {
                if self.e.constant_of(owner).is_none() {
                    let its = self.e.load(Uop::load_obj, owner, None, disp, Region::Fixed, Some(snap));
                    self.e.pure(Uop::guard_is, &[its], 0, dict, Some(snap));
                }
            }
            Shadow::NoDict { disp } => {
                let dict = self.e.load(Uop::load_obj_unchecked, owner, None, disp, Region::AttributeState, None);
                self.e.pure(Uop::guard_is, &[dict], 0, 0, Some(snap));
            }
            Shadow::InDict => {
                let (name, raise) = (self.name_of(event)?, self.raise_snap());
                let function = self.host.functions.lacks_attribute;
                let lacks = self.e.effect(Uop::call_truth_2, &[owner, name], 0, function, Region::Fixed, Some(raise));
                let one = self.e.int(1);
                self.e.pure(Uop::guard_eq_int, &[lacks, one], 0, 0, Some(snap));
            }
        }
        Ok(())
    }

    /// The name that an instruction means, as an object.
    fn name_of(&mut self, event: &Event) -> Step<Val> {
        let (Op::LoadAttr { name, .. } | Op::LoadSuperAttr { name, .. } | Op::StoreAttr { name }) = event.op else {
            // An argument, behind the function, the receiver and the owner.
            let name = event.operands.get(3).ok_or(AbortReason::Inconsistent("name"))?;
            return Ok(self.e.object(name.object, name.ty));
        };
        let code = self.rec.codes.get(event.code.0 as usize);
        let name = code.and_then(|code| code.names.get(name as usize)).copied();
        let name = name.ok_or(AbortReason::Inconsistent("name"))?;
        Ok(self.e.object(name, self.host.objects.str_))
    }

    /// The dict of an instance, which has one of its own.
    fn dict_of(&mut self, owner: Val, disp: i32) -> Step<Val> {
        let snap = self.snap();
        let dict = self.e.load(Uop::load_obj, owner, None, disp, Region::AttributeState, Some(snap));
        if self.e.constant_of(dict) == Some(0) {
            return Err(AbortReason::Unstable("a constant that was another one"));
        }
        Ok(dict)
    }

    pub(super) fn store_attr(&mut self, event: &Event) -> Step<()> {
        if let (Sym::Instance(..), Detail::Attribute(attribute)) = (self.peek(1)?, event.detail)
            && self.store_into_parts(attribute, event)?
        {
            return Ok(());
        }
        self.own_numbers(2, event)?;
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
                let dict = self.e.load(Uop::load_obj_unchecked, owner, None, dict_disp, Region::AttributeState, None);
                self.e.pure(Uop::guard_is, &[dict], 0, 0, Some(snap));
                disp
            }
            Attribute::Slot { disp } => disp,
            Attribute::Dict { disp, entry } => {
                let named =
                    Named { dict: self.dict_of(owner, disp)?, name: self.name_of(event)?, entry, watchers: u8::MAX };
                return self.store_named(named, &value, [seen_value, seen_old], &[owner_sym]);
            }
            Attribute::Unsupported(how) => return Err(AbortReason::Attribute(how)),
            Attribute::Item { .. }
            | Attribute::Method { .. }
            | Attribute::ClassMethod { .. }
            | Attribute::Constant { .. } => {
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
        let drops = self.guard_kept_beside(&[owner_sym], old, seen_old, &value);
        self.replace(owner, None, disp, Region::Attributes, &value, seen_value, old, seen_old, seen_old.bits == 1)?;
        self.drop_all(&drops);
        Ok(())
    }
}
