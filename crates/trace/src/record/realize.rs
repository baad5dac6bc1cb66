//! Objects that exist only in the trace become real.
//!
//! A number, tuple or instance may stand in several slots, which then hold one object; its identity says so. Making
//! it real replaces all of them, so that Python sees one object. Tuples and instances let go of their parts: each part is made
//! first, then the whole, which takes references of its own, and then what the slots owned of the parts is dropped.
//! Making can leave the trace only where memory runs out.

use super::state::Own;
use super::virtual_instances::{FIRST_VALUE, class_of};
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::Operand;
use crate::ir::{Region, Val};
use crate::opt::heap::Place;
use crate::snapshot::BoxId;
use decal_uops::Uop;
use std::rc::Rc;

impl Recorder<'_> {
    /// Makes the stack's nth slot from the top, which is 1, hold an object that exists. `seen` is what was observed there.
    pub(super) fn realize(&mut self, n: u32, seen: Operand) -> Step<()> {
        let sym = self.peek(n)?;
        if matches!(sym, Sym::Obj(..) | Sym::Const(_)) {
            return Ok(());
        }
        if let Sym::Tuple(_, id) | Sym::Instance(_, id) = sym {
            return self.make_in_place(id);
        }
        let stack = self.top_stack();
        let slot = stack.len() - n as usize;
        stack[slot] = Sym::Null;
        let mut val = self.owned_object(&sym, seen)?;
        if let Sym::Int(number, _) = sym {
            // A small int is one value however often it is asked for, but each slot has a reference of its own.
            val = self.e.effect(Uop::renamed, &[val], 0, 0, Region::Fixed, None);
            self.e.set_type(val, self.host.objects.int);
            self.e.learn_pure(Uop::unbox_int, val, number);
        }
        self.top_stack()[slot] = Sym::Obj(val, Own::Owned);
        Ok(())
    }

    /// Makes a tuple or an instance that was taken off the state: the object, with a reference for the caller.
    pub(super) fn make_whole(&mut self, sym: &Sym, id: BoxId) -> Step<Val> {
        // Back into the state for as long as it takes, so that what is made is seen in all places.
        self.push(sym.clone());
        self.make_in_place(id)?;
        match self.top_stack().pop() {
            Some(Sym::Obj(val, Own::Owned)) => Ok(val),
            Some(Sym::Obj(val, _)) => Ok(self.another(val)),
            _ => Err(AbortReason::Inconsistent("tuple")),
        }
    }

    /// Makes a tuple or an instance of the state.
    fn make_in_place(&mut self, id: BoxId) -> Step<()> {
        let mut made = Vec::new();
        self.make_parts(id, &mut made)?;
        // Inner ones come first, and the one that is wanted last.
        made.into_iter().try_for_each(|(id, whole)| self.fill(id, whole))
    }

    /// The parts of a tuple or an instance of the state, and the class where it is an instance.
    pub(super) fn parts_of(&self, id: BoxId) -> Step<(Vec<Sym>, Option<Operand>)> {
        let mut found = None;
        self.visit_syms(&mut |sym| {
            // The last one, which is the one that its maker looks at.
            match sym {
                Sym::Tuple(items, i) if *i == id => found = Some((items.to_vec(), None)),
                Sym::Instance(parts, i) if *i == id => found = Some((parts.to_vec(), class_of(parts))),
                _ => {}
            }
        });
        found.ok_or(AbortReason::Inconsistent("tuple"))
    }

    /// Makes all that a tuple or an instance needs to become real, itself included, but fills nothing yet: should memory run out, the exit
    /// finds the references to the items where its snapshot says.
    pub(super) fn make_parts(&mut self, id: BoxId, made: &mut Vec<(BoxId, Val)>) -> Step<()> {
        let (parts, class) = self.parts_of(id)?;
        let count = parts.len();
        for position in 0..count {
            let item = self.parts_of(id)?.0.get(position).cloned().ok_or(AbortReason::Inconsistent("tuple"))?;
            match &item {
                Sym::Obj(..) | Sym::Const(_) => continue,
                Sym::Null if class.is_some() => continue,
                Sym::Tuple(_, inner) | Sym::Instance(_, inner) if made.iter().any(|(id, _)| id == inner) => {}
                Sym::Tuple(_, inner) | Sym::Instance(_, inner) => self.make_parts(*inner, made)?,
                Sym::Int(..) | Sym::Float(..) | Sym::RangeIter(..) => {
                    self.make_number(&item, false)?;
                }
                Sym::Bool(bit) => {
                    let object = self.make_bool(*bit);
                    let is_it = |sym: &Sym| matches!(sym, Sym::Tuple(_, i) | Sym::Instance(_, i) if *i == id);
                    self.each_sym(is_it, &mut |sym| {
                        if let Sym::Tuple(items, _) | Sym::Instance(items, _) = sym
                            && let Some(item) = Rc::make_mut(items).get_mut(position)
                        {
                            *item = Sym::Obj(object, Own::Owned);
                        }
                    });
                }
                _ => return Err(AbortReason::Inconsistent("an item")),
            }
        }
        if let Some(class) = class.filter(|class| self.is_builtin(*class)) {
            let vals = self.objects(self.parts_of(id)?.0.get(FIRST_VALUE..).unwrap_or(&[]))?;
            made.push((id, self.make_builtin(class, &vals)?));
            return Ok(());
        }
        if let Some(class) = class {
            let is_list = class.object == self.host.objects.list;
            let instance = if is_list { self.allocate_list(&parts) } else { self.allocate_instance(class, &parts) };
            made.push((id, instance));
            return Ok(());
        }
        let length = self.e.int(count as i64);
        let (snap, function) = (self.raise_snap(), self.host.functions.new_tuple);
        let tuple = self.e.effect(Uop::new_sequence, &[length], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(tuple, self.host.objects.tuple);
        made.push((id, tuple));
        Ok(())
    }

    /// Makes a dict of arguments or a bound method of parts that exist: it takes references of its own.
    fn make_builtin(&mut self, class: Operand, parts: &[Val]) -> Step<Val> {
        match *parts {
            [function, bound] if class.object == self.host.objects.method => Ok(self.new_method(function, bound)),
            _ if class.object == self.host.leaf.dict => Ok(self.make_keywords(parts)),
            _ => Err(AbortReason::Inconsistent("parts")),
        }
    }

    /// The object of a truth value. It lives forever, so that nobody counts its references.
    pub(super) fn make_bool(&mut self, bit: Val) -> Val {
        let (snap, function) = (self.raise_snap(), self.host.functions.new_bool);
        let val = self.e.effect(Uop::new_int, &[bit], 0, function, Region::Fixed, Some(snap));
        self.e.set_type(val, self.host.objects.bool_);
        val
    }

    /// Fills a tuple or an instance with its parts, and puts it into all slots that hold it. The first of them owns it, and the others
    /// borrow it from there.
    pub(super) fn fill(&mut self, id: BoxId, whole: Val) -> Step<()> {
        let (parts, class) = self.parts_of(id)?;
        let mut vals = Vec::new();
        for part in &parts {
            vals.push(if *part == Sym::Null { self.e.object(0, 0) } else { self.object(part)? });
        }
        let length = self.e.int(parts.len() as i64);
        let is_builtin = class.is_some_and(|class| self.is_builtin(class));
        let is_list = class.is_some_and(|class| class.object == self.host.objects.list);
        match class {
            Some(_) if is_builtin || is_list => {}
            Some(_) => self.know_values(whole, &vals),
            None => self.know_tuple(whole, &vals, length),
        }
        let (mut instances, mut own) = (Vec::new(), Own::Owned);
        let is_it = |sym: &Sym| matches!(sym, Sym::Tuple(_, i) | Sym::Instance(_, i) if *i == id);
        self.each_sym(is_it, &mut |sym| {
            if let Sym::Tuple(items, _) | Sym::Instance(items, _) = sym {
                instances.push(std::mem::take(Rc::make_mut(items)));
                *sym = Sym::Obj(whole, std::mem::replace(&mut own, Own::Virtual));
            }
        });
        // The new object takes over what one of the slots owned, unless somebody has borrowed that. A builtin one has references of its own.
        let owns = |position: usize| {
            let item = |parts: &Vec<Sym>| matches!(parts.get(position), Some(Sym::Obj(_, Own::Owned)));
            instances.iter().any(item)
        };
        let (first, region, skipped) = match class {
            Some(_) => (0, Region::Attributes, FIRST_VALUE),
            None => (self.host.layout.tuple_items, Region::Fixed, 0),
        };
        let items = (is_list && parts.len() > FIRST_VALUE).then(|| self.items_memory(whole));
        for (position, (item, val)) in parts.iter().zip(&vals).enumerate() {
            let owned = owns(position) && !self.hand_over(*val, Own::Virtual);
            if is_builtin || position < skipped || *item == Sym::Null {
                if owned {
                    self.decref_plain(*val);
                }
                continue;
            }
            if !owned {
                self.incref(*val);
            }
            if let Some(items) = items {
                let index = self.e.int((position - FIRST_VALUE) as i64);
                // Nobody has looked at this memory: what is known of other lists still holds.
                self.e.effect(Uop::store_item, &[items, index, *val], 0, 0, Region::ListItems, None);
                continue;
            }
            let disp = first + 8 * position as i32;
            self.e.effect(Uop::store_obj, &[whole, *val], disp, 0, region, None);
        }
        Ok(())
    }

    /// Notes what is in a tuple that was just made.
    fn know_tuple(&mut self, tuple: Val, items: &[Val], length: Val) {
        let layout = self.host.layout.clone();
        for (position, val) in items.iter().enumerate() {
            let disp = layout.tuple_items + 8 * position as i32;
            self.e.heap().learn(Region::Fixed, Place { base: tuple, index: None, disp }, *val);
            let index = (self.e.int(position as i64), Some(position as i64));
            let disp = layout.tuple_items;
            self.e.heap().learn(Region::Fixed, Place { base: tuple, index: Some(index), disp }, *val);
        }
        self.e.heap().learn(Region::Fixed, Place { base: tuple, index: None, disp: layout.size }, length);
    }
}
