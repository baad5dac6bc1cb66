//! Locals: reading them, and storing into them.
//!
//! Locals of the entry frame and of generators exist in memory. An object that is stored goes there at once; a number stays in the trace, and
//! memory keeps what it held, which must be plain, so that an exit may drop it. So does a number that is an object in a container, as long
//! as nothing could take it from there: it is the same object wherever it is needed, and nobody counts references to it in between.
//! Locals of inlined calls exist only here.

use super::state::{Local, Own, Sym};
use super::{AbortReason, Recorder, Step};
use crate::event::{Event, Kind, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::Then;
use decal_uops::Uop;

/// Whether somebody else was seen to hold what is in a local, which is not plain.
pub(super) fn is_shared(old: Operand) -> bool {
    !old.kind.is_plain() && old.bits == Operand::SHARED
}

impl Recorder<'_> {
    /// A local's symbol, loaded from memory where it was not looked at yet.
    pub(super) fn local(&mut self, slot: u32) -> Step<Sym> {
        let local = self.here().locals.get(slot as usize).ok_or(AbortReason::Inconsistent("no such local"))?;
        if local.sym == Sym::Unchanged
            && let Some(place) = self.place(slot)
        {
            let val = self.memory_of(place);
            self.top().locals[slot as usize].sym = Sym::Obj(val, Own::Slot(place));
        }
        Ok(Self::duplicate(&self.here().locals[slot as usize].sym))
    }

    /// What memory of a local holds.
    pub(super) fn memory_of(&mut self, place: u32) -> Val {
        if let Some(val) = self.home(place).memory {
            return val;
        }
        let (base, disp, region) = self.address(place);
        let val = self.e.load(Uop::load_obj_unchecked, base, None, disp, region, None);
        self.home(place).memory = Some(val);
        val
    }

    /// The same, with an exit where it holds nothing: what was bound when it was seen may be unbound the next time.
    pub(super) fn bound_memory_of(&mut self, place: u32) -> Val {
        if let Some(val) = self.home(place).memory {
            return val;
        }
        let (base, disp, region) = self.address(place);
        let snap = self.snap();
        let val = self.e.load(Uop::load_obj, base, None, disp, region, Some(snap));
        self.home(place).memory = Some(val);
        val
    }

    /// Stores into a local. `old` is what was observed there.
    pub(super) fn store_local(&mut self, slot: u32, sym: Sym, seen: Operand, old: Operand) -> Step<()> {
        let Some(place) = self.place(slot) else {
            return self.store_virtual(vec![(slot, sym)]);
        };
        if sym == Sym::Null {
            // A store of two locals has no room for what clearing one may need.
            let plain = self.make_plain(place, old)?;
            return if plain {
                self.empty_local(slot, old)
            } else {
                Err(AbortReason::Unstable("a variable that is unbound"))
            };
        }
        let mut sym = sym;
        if matches!(sym, Sym::Instance(..)) && !self.prepared && !self.make_plain(place, old)? {
            // The value may be borrowed from this very slot, and takes its reference over then.
            self.push(sym);
            self.vacate_local(place, old)?;
            sym = self.pop()?;
        }
        let deferred = !matches!(sym, Sym::Obj(..)) || self.may_defer(place, &sym, seen);
        if deferred && self.make_plain(place, old)? {
            self.guard_deferred(&sym, seen);
            // Whatever object the local held until now lives in memory or was borrowed there.
            let previous = std::mem::replace(&mut self.home(place).sym, sym);
            if let Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..) = previous {
                self.discard(&[previous])?;
            }
            return Ok(());
        }
        let previous = self.home(place).sym.clone();
        if let Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..) = previous {
            self.home(place).sym = Sym::Null;
            // The value may be borrowed from this very slot, and takes its reference over then.
            self.push(sym);
            self.discard(&[previous])?;
            sym = self.pop()?;
        }
        self.write_local(place, &sym, seen, old)
    }

    /// Stores into locals of a frame that exists only in the trace, one after the other: the exits, then the effects.
    pub(super) fn store_virtual(&mut self, stores: Vec<(u32, Sym)>) -> Step<()> {
        let mut previous = Vec::new();
        let slots: Vec<u32> = stores.iter().map(|(slot, _)| *slot).collect();
        for (slot, sym) in stores {
            let local = self.top().locals.get_mut(slot as usize).ok_or(AbortReason::Inconsistent("no such local"))?;
            previous.push(std::mem::replace(&mut local.sym, sym));
        }
        let drops = self.guard_discard(&previous);
        for slot in slots {
            let sym = std::mem::replace(&mut self.top().locals[slot as usize].sym, Sym::Null);
            self.top().locals[slot as usize].sym = self.lasting(sym);
        }
        self.drop_all(&drops);
        Ok(())
    }

    /// Whether a number that is an object in a container may stay there when it is stored into a local.
    fn may_defer(&self, place: u32, sym: &Sym, seen: Operand) -> bool {
        matches!(sym, Sym::Obj(_, Own::Container))
            && place < super::state::PER_FRAME
            && matches!(seen.kind, Kind::Int | Kind::Float)
            && self.options.optimize
            && !self.general
    }

    /// Such a one is what it was seen to be.
    fn guard_deferred(&mut self, sym: &Sym, seen: Operand) {
        if let Sym::Obj(val, _) = sym {
            let snap = self.snap();
            self.e.guard_type(*val, seen.ty, snap);
        }
    }

    /// Memory of a local of the entry frame may hold anything plain.
    pub(super) fn forget_memory(&mut self, place: u32) {
        let (base, disp, region) = self.address(place);
        self.e.heap().unlearn(region, &crate::opt::heap::Place { base, index: None, disp });
        self.home(place).memory = None;
    }

    /// Makes numbers that the label carries as objects what it expects: in a container or in the local's memory, and of the same
    /// type. Gives one that cannot be.
    pub(super) fn settle_borrowed(&mut self, label: &super::LabelState, head: u32) -> Step<Option<super::label::Slot>> {
        for (slot, ty) in &label.borrowed {
            let place = slot.2;
            self.snap = self.build_snapshot(head, Then::Resume);
            self.raise_snap = None;
            if self.home(place).sym == Sym::Unchanged {
                let val = self.bound_memory_of(place);
                self.home(place).sym = Sym::Obj(val, Own::Slot(place));
            }
            let sym = self.home(place).sym.clone();
            let objects = &self.host.objects;
            let fits = match &sym {
                Sym::Obj(val, _) => self.e.type_of(*val).is_none_or(|known| known == *ty),
                Sym::Int(..) => *ty == objects.int,
                Sym::Float(..) => *ty == objects.float,
                Sym::Const(operand) => operand.ty == *ty,
                _ => false,
            };
            if !fits {
                return Ok(Some(*slot));
            }
            if let Sym::Obj(val, _) = sym {
                let snap = self.snap();
                self.e.guard_type(val, *ty, snap);
            }
            if !matches!(sym, Sym::Obj(_, own) if own == Own::Container || own == Own::Slot(place)) {
                self.flush_local(place)?;
            }
        }
        Ok(None)
    }

    /// Makes sure that memory of a local holds something plain. False where it was seen not to.
    pub(super) fn make_plain(&mut self, place: u32, old: Operand) -> Step<bool> {
        if self.home(place).plain {
            return Ok(true);
        }
        if !old.kind.is_plain() {
            return Ok(false);
        }
        if let Some(val) = self.home(place).memory
            && self.e.type_of(val).is_some()
            && !self.is_plain(val)
        {
            return Ok(false);
        }
        let snap = self.snap();
        if old.kind == Kind::Null {
            let val = self.memory_of(place);
            self.e.pure(Uop::guard_is, &[val], 0, 0, Some(snap));
        } else {
            let val = self.bound_memory_of(place);
            self.e.guard_type(val, old.ty, snap);
        }
        self.home(place).plain = true;
        Ok(true)
    }

    /// Emits the exits of a store into a local ahead of it, which is one of two that store `values`. Gives the object
    /// that the store drops, where that object may not die.
    pub(super) fn prepare_store(
        &mut self,
        slot: u32,
        sym: &Sym,
        [seen, old]: [Operand; 2],
        values: [&Sym; 2],
    ) -> Step<Option<Val>> {
        let Some(place) = self.place(slot) else { return Ok(None) };
        if self.make_plain(place, old)? {
            if self.may_defer(place, sym, seen) {
                self.guard_deferred(sym, seen);
            }
            return Ok(None);
        }
        if !matches!(sym, Sym::Obj(..) | Sym::Const(_)) {
            return Err(AbortReason::Unstable("two stores at once"));
        }
        let before = self.bound_memory_of(place);
        // What moves to the other local, or stays in this one, is not dropped.
        if values.into_iter().any(|value| matches!(value, Sym::Obj(_, Own::Slot(home)) if *home == place)) {
            return Ok(None);
        }
        self.guard_replaced(before, old);
        Ok(Some(before))
    }

    /// Guards that a local may let go of what it holds. What somebody else was seen to hold, too, is not to die: then nothing is
    /// taken from those who borrowed.
    fn guard_replaced(&mut self, before: Val, old: Operand) {
        if is_shared(old) {
            let snap = self.snap();
            self.e.effect(Uop::guard_not_last, &[before], 0, 0, Region::Counts, Some(snap));
        } else {
            self.guard_dying(before);
        }
    }

    /// Writes an object into memory of a local, now. Exits come first, then the effects.
    pub(super) fn write_local(&mut self, place: u32, sym: &Sym, seen: Operand, old: Operand) -> Step<()> {
        let plain = self.make_plain(place, old)?;
        let before = if plain { self.memory_of(place) } else { self.bound_memory_of(place) };
        // The value itself may be borrowed from this very slot (`x = x`).
        let same_slot = matches!(sym, Sym::Obj(v, Own::Slot(home)) if *home == place && *v == before);
        // The local no longer holds the old object: whoever borrowed it from there takes it over.
        let local = self.home(place);
        if matches!(local.sym, Sym::Obj(_, Own::Slot(home)) if home == place) {
            local.sym = Sym::Null;
        }
        let handed = same_slot || self.hand_over(before, Own::Slot(place));
        if !handed && !plain && !self.prepared {
            self.guard_replaced(before, old);
        }
        self.moved |= matches!(sym, Sym::Obj(val, Own::Slot(home)) if *home != place && self.is_number(*val));
        let value = if same_slot { before } else { self.owned_object(sym, seen)? };
        if !handed && !plain && !is_shared(old) {
            self.own_borrowed();
        }
        let (base, disp, region) = self.address(place);
        self.e.store(Uop::store_obj, base, None, value, disp, region, None);
        if !handed {
            if plain && self.e.type_of(before).is_none() {
                let dealloc = self.host.functions.dealloc;
                self.e.effect(Uop::decref_plain_or_null, &[before], 0, dealloc, Region::Counts, None);
            } else {
                self.decref_plain(before);
            }
        }
        self.written.insert(place);
        let plain = self.is_plain(value);
        *self.home(place) = Local { sym: Sym::Obj(value, Own::Slot(place)), memory: Some(value), plain };
        Ok(())
    }

    /// Makes sure that the stack's nth slot from the top, where there may be a null, has one or not, as was seen.
    pub(super) fn settle_null(&mut self, nth: u32, seen: Operand) -> Step<()> {
        let Sym::Obj(val, _) = self.peek(nth)? else { return Ok(()) };
        if self.e.type_of(val).is_some() || !self.e.is_from_memory(val) {
            return Ok(());
        }
        let snap = self.snap();
        if seen.kind == Kind::Null {
            self.e.pure(Uop::guard_is, &[val], 0, 0, Some(snap));
            let stack = self.top_stack();
            let slot = stack.len() - nth as usize;
            stack[slot] = Sym::Null;
        } else {
            self.e.pure(Uop::guard_is_not, &[val], 0, 0, Some(snap));
        }
        Ok(())
    }

    /// `-- local`, which holds nothing afterwards. Comprehensions do so with the variables that they use for themselves.
    pub(super) fn load_and_clear(&mut self, slot: u32, event: &Event) -> Step<()> {
        let seen = super::numbers::one(event)?;
        let sym = self.local(slot)?;
        if let Sym::Obj(val, Own::Slot(_)) = sym
            && let Some(place) = self.place(slot)
        {
            let snap = self.snap();
            if seen.kind == Kind::Null {
                self.e.pure(Uop::guard_is, &[val], 0, 0, Some(snap));
                *self.home(place) = Local { sym: Sym::Null, memory: Some(val), plain: true };
                self.push(Sym::Null);
                return Ok(());
            }
            self.e.pure(Uop::guard_is_not, &[val], 0, 0, Some(snap));
            // The stack takes the slot's reference over.
            self.empty_slot(place);
            self.push(Sym::Obj(val, Own::Owned));
            let at = self.here().stack.len() - 1;
            *self.home(place) = Local { sym: Sym::Null, memory: None, plain: true };
            self.reborrow(val, Own::Slot(place), at);
            return Ok(());
        }
        let depth = self.frames.len() - 1;
        let sym = std::mem::replace(&mut self.frames[depth].locals[slot as usize].sym, Sym::Null);
        self.push(sym);
        Ok(())
    }

    /// Those that borrowed an object from a place borrow it from the top frame's stack slot at `at` now.
    fn reborrow(&mut self, val: Val, holder: Own, at: usize) {
        let top = self.frames.len() - 1;
        let kept = self.frames[top].stack[at].clone();
        let is_it = |sym: &Sym| *sym == Sym::Obj(val, holder);
        self.each_sym(is_it, &mut |sym| *sym = Sym::Obj(val, Own::Virtual));
        self.frames[top].stack[at] = kept;
    }

    /// Memory of a local holds nothing from now on.
    fn empty_slot(&mut self, place: u32) {
        let (base, disp, region) = self.address(place);
        self.e.effect(Uop::store_null, &[base], disp, 0, region, None);
        let memory = crate::opt::heap::Place { base, index: None, disp };
        self.e.heap().store(region, memory, None);
        self.written.insert(place);
    }

    /// Lets go of the object that memory of a local holds, which is not plain, so that what follows it need not be in memory.
    fn vacate_local(&mut self, place: u32, old: Operand) -> Step<()> {
        let before = self.bound_memory_of(place);
        let local = self.home(place);
        if matches!(local.sym, Sym::Obj(_, Own::Slot(home)) if home == place) {
            local.sym = Sym::Null;
        }
        let handed = self.hand_over(before, Own::Slot(place));
        if !handed {
            self.guard_replaced(before, old);
            self.own_borrowed();
        }
        self.empty_slot(place);
        if !handed {
            self.decref_plain(before);
        }
        *self.home(place) = Local { sym: Sym::Null, memory: None, plain: true };
        Ok(())
    }

    /// Makes a local hold nothing. `old` is what was observed there. What it held may end with that, and run Python code
    /// where the fast form has failed.
    pub(super) fn clear_local(&mut self, slot: u32, old: Operand, event: &Event) -> Step<()> {
        if !self.general || old.kind.is_plain() {
            return self.empty_local(slot, old);
        }
        self.find_chain()?;
        let held = if let Some(place) = self.place(slot) {
            let before = self.bound_memory_of(place);
            self.empty_slot(place);
            *self.home(place) = Local { sym: Sym::Null, memory: None, plain: true };
            if self.hand_over(before, Own::Slot(place)) { Sym::Null } else { Sym::Obj(before, Own::Owned) }
        } else {
            let local = self.top().locals.get_mut(slot as usize).ok_or(AbortReason::Inconsistent("no such local"))?;
            std::mem::replace(&mut local.sym, Sym::Null)
        };
        self.push(held);
        self.drop_behind(event, 1)
    }

    fn empty_local(&mut self, slot: u32, old: Operand) -> Step<()> {
        let Some(place) = self.place(slot) else {
            return self.store_virtual(vec![(slot, Sym::Null)]);
        };
        if self.make_plain(place, old)? {
            let previous = std::mem::replace(&mut self.home(place).sym, Sym::Null);
            return match previous {
                Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..) => self.discard(&[previous]),
                // Memory keeps it until an exit writes the slot, and so may whoever borrows it from there.
                _ => Ok(()),
            };
        }
        let previous = std::mem::replace(&mut self.home(place).sym, Sym::Null);
        if let Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..) = previous {
            self.discard(&[previous])?;
        }
        let before = self.bound_memory_of(place);
        let handed = self.hand_over(before, Own::Slot(place));
        if !handed {
            self.guard_dying(before);
            self.own_borrowed();
        }
        self.empty_slot(place);
        if !handed {
            self.decref_plain(before);
        }
        *self.home(place) = Local { sym: Sym::Null, memory: None, plain: true };
        Ok(())
    }

    /// `del x`.
    pub(super) fn delete_local(&mut self, slot: u32, event: &Event) -> Step<()> {
        let seen = super::numbers::one(event)?;
        if seen.kind == Kind::Null {
            return Err(AbortReason::Instruction("DELETE_FAST of an unbound local"));
        }
        let sym = self.local(slot)?;
        match sym {
            Sym::Null => return Err(AbortReason::Unstable("a variable that is unbound")),
            Sym::Obj(val, Own::Slot(_)) => {
                let snap = self.snap();
                self.e.pure(Uop::guard_is_not, &[val], 0, 0, Some(snap));
            }
            _ => {}
        }
        self.clear_local(slot, seen, event)
    }

    /// Puts a local whose object the trace owns into memory.
    pub(super) fn flush_local(&mut self, place: u32) -> Step<()> {
        let sym = self.home(place).sym.clone();
        match sym {
            Sym::Obj(_, Own::Slot(_)) | Sym::Unchanged | Sym::Null => Ok(()),
            sym => {
                self.home(place).sym = Sym::Null;
                let seen = Operand { bits: i64::MAX as u64, ..Operand::NULL };
                let seen = if let Sym::Const(operand) = &sym { *operand } else { seen };
                self.write_local(place, &sym, seen, Operand::NULL)
            }
        }
    }

    /// A symbol that is to stay in a slot: what is borrowed from a container gets a reference of its own.
    pub(super) fn lasting(&mut self, sym: Sym) -> Sym {
        match sym {
            Sym::Obj(val, Own::Container) => {
                self.incref(val);
                Sym::Obj(val, Own::Owned)
            }
            other => other,
        }
    }
}
