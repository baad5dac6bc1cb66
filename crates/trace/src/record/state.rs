//! The recorder's picture of Python's state, and who owns what in it.
//!
//! Each slot of each frame holds a [`Sym`]: a number that has not become an object, or an object and
//! the place that keeps it alive ([`Own`]). Numbers carry the identity ([`BoxId`]) of the object that
//! CPython would have made, so that two slots that hold one object still do so after an exit.
//!
//! Two rules make borrowing safe without counting references:
//! * no object whose death could run code dies in a trace: a reference to one is only dropped after a guard that asks
//!   whether that may be, and leaves the trace before the last one goes;
//! * other objects may die, so a borrowed object gets a reference of its own
//!   before its holder can be overwritten or die: [`Recorder::own_borrowed`] before stores into the heap, and the hand-over
//!   in [`Recorder::hand_over`] where a slot lets go of what others borrowed from it.
//!
//! Locals of frame 0 that hold objects are in memory; those that hold numbers are not, and memory
//! holds a stale plain object until an exit writes the slot. The same is true of generators' frames, which are
//! there as long as the generator is; the others are frames of inlined calls.

use super::{AbortReason, Recorder, Step};
use crate::event::{CodeId, Kind, Operand};
use crate::ir::{Region, Val};
use crate::snapshot::{BoxId, Generator, Returns};
use decal_uops::Uop;
use std::rc::Rc;

/// Who keeps an object alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// The trace holds a reference of its own for this slot.
    Owned,
    /// The local of frame 0, or of a generator's frame, with this number (see [`PER_FRAME`]), in memory.
    Slot(u32),
    /// The slot of such a frame's operand stack with this number, in memory; the slot itself or what it was copied to.
    StackSlot(u32),
    /// A container that holds it at this moment.
    Container,
    /// Another slot of the state that owns it.
    Virtual,
}

/// What a slot holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Sym {
    /// What memory of frame 0 holds; not looked at yet.
    Unchanged,
    /// Nothing.
    Null,
    /// An `int` that was not made.
    Int(Val, BoxId),
    /// A `float` that was not made.
    Float(Val, BoxId),
    /// A `bool`, as 0 or 1.
    Bool(Val),
    /// An object.
    Obj(Val, Own),
    /// An object that lives as long as the trace.
    Const(Operand),
    /// A tuple that was not made.
    Tuple(Rc<Vec<Sym>>, BoxId),
    /// A new function that was not made: its code, its globals, and its closure or nothing. Only on the operand stack, where it
    /// waits for its call.
    Function(Rc<Vec<Sym>>, BoxId),
    /// An instance that was not made: its words up to the last one that is set. The first is null, the second its class.
    Instance(Rc<Vec<Sym>>, BoxId),
    /// The iterator of a `range` that was not made: next value, step, values left.
    RangeIter(Val, Val, Val, BoxId),
    /// A generator that was not made, by its number.
    Gen(u32),
}

impl Sym {
    /// The object that it is, where it exists.
    pub(super) fn object(&self) -> Option<Val> {
        if let Sym::Obj(val, _) = self { Some(*val) } else { None }
    }
}

/// Slots of frames that exist are numbered throughout: those of frame 0 from 0 on, those of the nth generator's
/// frame from n times this on.
pub(super) const PER_FRAME: u32 = 1 << 20;

/// A local slot.
#[derive(Clone, PartialEq, Debug)]
pub struct Local {
    /// What it holds.
    pub sym: Sym,
    /// Frame 0 and generators: what memory is known to hold.
    pub memory: Option<Val>,
    /// Frame 0 and generators: memory holds a plain object, or null, that may be dropped at any time.
    pub plain: bool,
}

impl Local {
    pub(super) fn of(sym: Sym) -> Local {
        Local { sym, memory: None, plain: false }
    }
}

/// A frame.
#[derive(PartialEq, Debug)]
pub struct FrameState {
    /// Its code.
    pub code: CodeId,
    /// Its function's address; 0 for frame 0 and generators, and where the function is on top of the stack below (`by_code.rs`).
    pub function: u64,
    /// The frame itself, while a general operation has it in memory.
    pub real: Option<Val>,
    /// The frame exists until it is left, since somebody may have got hold of it: a traceback. But for the time of general operations
    /// its locals are empty there.
    pub held: bool,
    /// They are there.
    pub filled: bool,
    /// Its generator.
    pub generator: Option<Generator>,
    /// Its locals.
    pub locals: Vec<Local>,
    /// Its operand stack.
    pub stack: Vec<Sym>,
    /// While a call is under way: its instruction, and the one after it. While a generator is suspended: where it goes on, twice.
    pub call: (u32, u32),
    /// While a call is under way: what becomes of its result.
    pub returns: Returns,
}

impl Clone for FrameState {
    /// Something will be pushed.
    fn clone(&self) -> FrameState {
        let mut stack = Vec::with_capacity(self.stack.len() + 4);
        stack.extend_from_slice(&self.stack);
        FrameState { locals: self.locals.clone(), stack, ..*self }
    }
}

impl FrameState {
    /// What a slot of the locals or the stack holds, and whether memory is known to be plain.
    pub(super) fn slot(&self, stack: bool, index: u32) -> Option<(&Sym, bool)> {
        if stack {
            self.stack.get(index as usize).map(|sym| (sym, false))
        } else {
            self.locals.get(index as usize).map(|local| (&local.sym, local.plain))
        }
    }
}

/// Fields of an iterator that are kept in registers.
#[derive(Clone, PartialEq, Debug)]
pub struct IterState {
    /// The iterator object.
    pub iterator: Val,
    /// What it iterates over.
    pub kind: Kind,
    /// `range`: next value. List and tuple: index.
    pub next: Val,
    /// `range`: values left.
    pub left: Option<Val>,
    /// Whether memory is behind.
    pub dirty: bool,
    /// Whether nobody but the stack was seen to hold it; of an `enumerate`, whether nobody else holds its tuple.
    pub sole: bool,
    /// The `enumerate` that asks this iterator.
    pub within: Option<Val>,
}

impl IterState {
    /// Where the iterator of a list, tuple or string keeps its index.
    pub(super) fn index_disp(&self, layout: &crate::host::Layout) -> i32 {
        match self.kind {
            Kind::Enumerate => layout.enumerate_index,
            Kind::ListIter => layout.list_iter_index,
            _ => layout.tuple_iter_index,
        }
    }
}

impl Kind {
    /// Whether it is an iterator of CPython's own.
    pub(super) fn is_iterator(self) -> bool {
        matches!(
            self,
            Kind::RangeIter | Kind::ListIter | Kind::TupleIter | Kind::TextIter | Kind::Enumerate | Kind::Iterator
        )
    }

    /// Whether the death of an object of this kind can neither run code nor free another object that could.
    pub(super) fn is_plain(self) -> bool {
        matches!(
            self,
            Kind::Null
                | Kind::None
                | Kind::Bool
                | Kind::Int
                | Kind::BigInt
                | Kind::Float
                | Kind::Str
                | Kind::Bytes
                | Kind::RangeIter
        )
    }
}

/// An item: of which tuple, and which one.
pub(super) type Position = (BoxId, usize);

/// A set of items. As a rule there is none.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Items(Vec<Position>);

impl Items {
    /// All of them, in the order in which they were added.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Position> {
        self.0.iter()
    }

    /// Forgets them, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds those that the trace holds a reference to in this slot, if what it has is a tuple that was not made.
    pub(super) fn add(&mut self, sym: &Sym) {
        let (Sym::Tuple(items, id) | Sym::Function(items, id) | Sym::Instance(items, id)) = sym else { return };
        for (position, item) in items.iter().enumerate() {
            if matches!(item, Sym::Obj(_, Own::Owned)) {
                self.insert((*id, position));
            }
            self.add(item);
        }
    }

    /// Adds one. Whether it is new.
    pub(super) fn insert(&mut self, item: Position) -> bool {
        let new = !self.contains(&item);
        if new {
            self.0.push(item);
        }
        new
    }

    pub(super) fn contains(&self, item: &Position) -> bool {
        self.0.contains(item)
    }
}

/// The items of tuples that were not made to which the trace holds a reference.
pub(super) fn owned_items<'f>(frames: impl Iterator<Item = &'f FrameState>) -> Items {
    let mut owned = Items::default();
    for frame in frames {
        frame.locals.iter().map(|local| &local.sym).chain(&frame.stack).for_each(|sym| owned.add(sym));
    }
    owned
}

/// Hands out names of an object that was made: one to each slot and item.
#[derive(Default)]
pub(super) struct Owners(Vec<(Position, Val)>);

impl Owners {
    /// What a place holds now. An item that was met before borrows from where that was.
    pub(super) fn object(&mut self, place: Option<Position>, name: impl FnOnce() -> Option<Val>) -> Option<Sym> {
        if let Some(place) = place
            && let Some((_, val)) = self.0.iter().find(|(known, _)| *known == place)
        {
            return Some(Sym::Obj(*val, Own::Virtual));
        }
        let val = name()?;
        self.0.extend(place.map(|place| (place, val)));
        Some(Sym::Obj(val, Own::Owned))
    }
}

impl Recorder<'_> {
    /// A fresh identity for an object that was not made.
    pub(super) fn new_box(&mut self) -> BoxId {
        self.next_box += 1;
        BoxId(self.next_box)
    }

    pub(super) fn int_sym(&mut self, val: Val) -> Sym {
        let id = self.new_box();
        Sym::Int(val, id)
    }

    pub(super) fn float_sym(&mut self, val: Val) -> Sym {
        let id = self.new_box();
        Sym::Float(val, id)
    }

    /// The constant `True` or `False`.
    pub(super) fn bool_const(&self, value: bool) -> Sym {
        let objects = &self.host.objects;
        let object = if value { objects.true_ } else { objects.false_ };
        Sym::Const(Operand { object, ty: objects.bool_, kind: Kind::Bool, bits: value as u64 })
    }

    /// The innermost frame, to be looked at.
    pub(super) fn here(&self) -> &FrameState {
        &self.frames[self.frames.len() - 1]
    }

    /// The innermost frame, to be changed.
    pub(super) fn top(&mut self) -> &mut FrameState {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// The operand stack of the innermost frame, to be changed.
    pub(super) fn top_stack(&mut self) -> &mut Vec<Sym> {
        let last = self.frames.len() - 1;
        self.frames[last].stack_mut()
    }

    pub(super) fn push(&mut self, sym: Sym) {
        self.top_stack().push(sym);
    }

    pub(super) fn stack_disp(&self, slot: u32) -> i32 {
        let locals = self.rec.codes[self.frames[0].code.0 as usize].locals;
        self.host.layout.frame_locals + 8 * (locals + slot) as i32
    }

    /// From an interpreter frame to one of its locals.
    pub(super) fn local_disp(&self, slot: u32) -> i32 {
        self.host.layout.frame_locals + 8 * slot as i32
    }

    /// Takes the top of the stack. What memory held is then owned by the trace.
    pub(super) fn pop(&mut self) -> Step<Sym> {
        let sym = self.top_stack().pop().ok_or(AbortReason::Inconsistent("empty stack"))?;
        let slot = self.here().stack.len() as u32;
        let place = self.place(slot);
        Ok(match (sym, place) {
            (Sym::Unchanged, Some(place)) => Sym::Obj(self.load_stack(place), Own::Owned),
            (Sym::Obj(val, Own::StackSlot(home)), Some(place)) if home == place => Sym::Obj(val, Own::Owned),
            (other, _) => other,
        })
    }

    fn load_stack(&mut self, place: u32) -> Val {
        let locals = self.home_frame(place).locals.len() as u32;
        let (base, disp, region) = self.address(place + locals);
        self.e.load(Uop::load_obj_unchecked, base, None, disp, region, None)
    }

    /// Looks at the stack's nth slot from the top, which is 1, without taking it.
    pub(super) fn peek(&mut self, n: u32) -> Step<Sym> {
        let len = self.here().stack.len();
        let slot = len.checked_sub(n as usize).ok_or(AbortReason::Inconsistent("short stack"))?;
        if self.here().stack[slot] == Sym::Unchanged {
            let place = self.place(slot as u32).ok_or(AbortReason::Inconsistent("stack"))?;
            let val = self.load_stack(place);
            self.top_stack()[slot] = Sym::Obj(val, Own::StackSlot(place));
        }
        Ok(self.here().stack[slot].clone())
    }

    /// A copy of a symbol for another slot: what was owned stays with the original.
    pub(super) fn duplicate(sym: &Sym) -> Sym {
        match sym {
            Sym::Obj(val, Own::Owned | Own::StackSlot(_)) => Sym::Obj(*val, Own::Virtual),
            Sym::Tuple(items, id) => Sym::Tuple(Rc::new(items.iter().map(Self::duplicate).collect()), *id),
            Sym::Function(parts, id) => Sym::Function(Rc::new(parts.iter().map(Self::duplicate).collect()), *id),
            Sym::Instance(parts, id) => Sym::Instance(Rc::new(parts.iter().map(Self::duplicate).collect()), *id),
            other => other.clone(),
        }
    }

    /// Whether the object is known to be plain.
    pub(super) fn is_plain(&self, val: Val) -> bool {
        let o = &self.host.objects;
        self.e
            .type_of(val)
            .is_some_and(|ty| [o.int, o.float, o.bool_, o.none_type, o.str_, o.bytes, o.range_iter].contains(&ty))
    }

    /// Whether the object is known to be an `int` or a `float`.
    pub(super) fn is_number(&self, val: Val) -> bool {
        self.e.type_of(val).is_some_and(|ty| ty == self.host.objects.int || ty == self.host.objects.float)
    }

    /// Looks at every symbol of the state, items of tuples included.
    pub(super) fn visit_syms(&self, visit: &mut impl FnMut(&Sym)) {
        self.visit_places(&mut |sym, _| visit(sym));
    }

    /// The same, with the place of an item. Slots that hold one tuple each have a description of its items, but
    /// the tuple has one reference to each: only one of the descriptions owns an item.
    pub(super) fn visit_places(&self, visit: &mut impl FnMut(&Sym, Option<Position>)) {
        fn inner(sym: &Sym, place: Option<Position>, visit: &mut impl FnMut(&Sym, Option<Position>)) {
            if let Sym::Tuple(items, id) | Sym::Function(items, id) | Sym::Instance(items, id) = sym {
                for (position, item) in items.iter().enumerate() {
                    inner(item, Some((*id, position)), visit);
                }
            }
            visit(sym, place);
        }
        for frame in self.all_frames() {
            frame.locals.iter().for_each(|local| inner(&local.sym, None, visit));
            frame.stack.iter().for_each(|sym| inner(sym, None, visit));
        }
    }

    /// Applies `change` to every symbol of the state that `concerns` is true for, items of tuples included.
    pub(super) fn each_sym(&mut self, concerns: impl Fn(&Sym) -> bool, change: &mut impl FnMut(&mut Sym)) {
        self.each_place(concerns, &mut |sym, _| change(sym));
    }

    /// The same, with the place of an item. Frames without such a symbol stay as they are.
    pub(super) fn each_place(
        &mut self,
        concerns: impl Fn(&Sym) -> bool,
        change: &mut impl FnMut(&mut Sym, Option<Position>),
    ) {
        fn has(sym: &Sym, concerns: &impl Fn(&Sym) -> bool) -> bool {
            let parts = if let Sym::Tuple(parts, _) | Sym::Function(parts, _) | Sym::Instance(parts, _) = sym {
                &parts[..]
            } else {
                &[]
            };
            concerns(sym) || parts.iter().any(|part| has(part, concerns))
        }
        fn inner(
            sym: &mut Sym,
            place: Option<Position>,
            concerns: &impl Fn(&Sym) -> bool,
            change: &mut impl FnMut(&mut Sym, Option<Position>),
        ) {
            if let Sym::Tuple(items, id) | Sym::Function(items, id) | Sym::Instance(items, id) = sym {
                for position in 0..items.len() {
                    if has(&items[position], concerns) {
                        inner(&mut Rc::make_mut(items)[position], Some((*id, position)), concerns, change);
                    }
                }
            }
            if concerns(sym) {
                change(sym, place);
            }
        }
        for frame in self.frames.iter_mut().chain(&mut self.suspended) {
            for slot in 0..frame.locals.len() {
                if has(&frame.locals[slot].sym, &concerns) {
                    inner(&mut frame.locals[slot].sym, None, &concerns, change);
                }
            }
            for slot in 0..frame.stack.len() {
                if has(&frame.stack[slot], &concerns) {
                    inner(&mut frame.stack[slot], None, &concerns, change);
                }
            }
        }
    }

    /// Lets go of a reference that was held as `holder`: if another slot borrowed the object from there,
    /// that slot takes the reference over (true), else the caller must drop it (false).
    pub(super) fn hand_over(&mut self, val: Val, holder: Own) -> bool {
        let mut owned = owned_items(self.all_frames());
        let mut found = false;
        let is_it = |sym: &Sym| matches!(sym, Sym::Obj(known, own) if (*known, *own) == (val, holder));
        self.each_place(is_it, &mut |sym, place| {
            // The first heir takes the reference; the others borrow from it.
            let heir = !found && place.is_none_or(|place| owned.insert(place));
            *sym = Sym::Obj(val, if heir { Own::Owned } else { Own::Virtual });
            found |= heir;
        });
        found
    }

    /// Drops what these symbols own, for instructions without another effect.
    pub(super) fn discard(&mut self, syms: &[Sym]) -> Step<()> {
        let drops = self.guard_discard(syms);
        self.drop_all(&drops);
        Ok(())
    }

    /// The first half of [`Self::discard`]: the exits. Gives what [`Self::drop_all`] is to drop, after all
    /// other exits of the instruction and before or after its effects.
    pub(super) fn guard_discard(&mut self, syms: &[Sym]) -> Vec<Val> {
        let owns = |sym: &Sym| {
            matches!(
                sym,
                Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Function(..) | Sym::Instance(..) | Sym::Gen(_)
            )
        };
        if !syms.iter().any(owns) {
            return std::mem::take(&mut self.shells);
        }
        let syms = self.with_generators(syms);
        let mut owned = Vec::new();
        collect_owned(&syms, &mut owned);
        let mut drops = Vec::new();
        for val in owned {
            if !self.hand_over(val, Own::Virtual) {
                drops.push(val);
            }
        }
        self.guard_drops(&drops);
        drops.append(&mut self.shells);
        drops
    }

    /// Guards that a reference to each of these may be dropped: two of them may be the last two of one object, or one object
    /// may hold the last but one reference to another.
    pub(super) fn guard_drops(&mut self, drops: &[Val]) {
        let dying: Vec<Val> = drops.iter().copied().filter(|val| !self.is_plain(*val)).collect();
        match dying[..] {
            [] => {}
            [val] => self.guard_dying(val),
            _ => {
                // There is a null behind them.
                const MOST: usize = decal_uops::ARGUMENTS - 1;
                for (position, val) in dying.iter().take(MOST).enumerate() {
                    let at = decal_uops::offset::ARGUMENTS + 8 * position as i32;
                    self.e.effect(Uop::set_context, &[*val], at, 0, Region::Counts, None);
                }
                let (snap, function) = (self.snap(), self.host.functions.may_die_listed);
                let count = dying.len().min(MOST) as i32;
                self.e.effect(Uop::guard_droppable_all, &[], count, function, Region::Counts, Some(snap));
                for val in dying.iter().skip(MOST) {
                    self.e.effect(Uop::guard_not_last, &[*val], 0, 0, Region::Counts, Some(snap));
                }
            }
        }
    }

    /// The first half of [`Self::discard`] for what something was or will be stored into: it may not die, since nobody has
    /// asked what it will hold then.
    pub(super) fn guard_kept(&mut self, syms: &[Sym]) -> Vec<Val> {
        let mut owned = Vec::new();
        collect_owned(syms, &mut owned);
        let snap = self.snap();
        let mut drops: Vec<Val> = Vec::new();
        for val in owned {
            if self.hand_over(val, Own::Virtual) {
                continue;
            }
            if !self.is_plain(val) {
                self.e.effect(Uop::guard_not_last, &[val], 0, 0, Region::Counts, Some(snap));
                for other in &drops {
                    self.e.effect(Uop::guard_not_same, &[*other, val], 0, 0, Region::Fixed, Some(snap));
                }
            }
            drops.push(val);
        }
        drops
    }

    /// The same beside the drop of `old`, which `value` replaces: what dies with that may have held the reference that remained.
    pub(super) fn guard_kept_beside(&mut self, syms: &[Sym], old: Val, seen_old: Operand, value: &Sym) -> Vec<Val> {
        let drops = self.guard_kept(syms);
        if !seen_old.kind.is_plain() && drops.iter().any(|val| !self.is_plain(*val)) {
            let mut together = drops.clone();
            together.push(old);
            collect_owned(std::slice::from_ref(value), &mut together);
            self.guard_drops(&together);
        }
        drops
    }

    /// The second half: the drops. None of them is the last of an object that may not die here. A result that is borrowed
    /// from one of them must be on the state.
    pub(super) fn drop_all(&mut self, vals: &[Val]) {
        if vals.iter().any(|val| !self.is_plain(*val)) {
            self.own_borrowed();
            self.flush_unnamed_iterators();
        }
        for val in vals {
            // Its fields must be right if somebody else has it, and must not be written once it is gone.
            if self.iters.iter().any(|iter| iter.iterator == *val) {
                self.flush_iterators(|_, iter| iter.iterator != *val);
            }
            if self.nullable.contains(val) {
                let dealloc = self.host.functions.dealloc;
                self.e.effect(Uop::decref_plain_or_null, &[*val], 0, dealloc, Region::Counts, None);
            } else {
                self.decref_plain(*val);
            }
        }
    }

    /// The same for one that is known not to be the last: nothing is taken from those who borrowed.
    pub(super) fn drop_kept(&mut self, val: Val) {
        if self.iters.iter().any(|iter| iter.iterator == val) {
            self.flush_iterators(|_, iter| iter.iterator != val);
        }
        self.decref_plain(val);
    }

    /// Guards that a reference to an object may be dropped here: it is not the last one, or the death of the object runs no code.
    /// Such a death takes away what others have borrowed from it: [`Self::own_borrowed`] comes before the drop.
    pub(super) fn guard_dying(&mut self, val: Val) {
        let (snap, function) = (self.snap(), self.host.functions.may_die);
        self.e.effect(Uop::guard_droppable, &[val], 0, function, Region::Counts, Some(snap));
    }

    /// Guards that the reference to `val`, which something in the heap holds and is about to lose, may be dropped.
    /// Whoever borrowed from there must be given a reference before the drop.
    pub(super) fn guard_drop(&mut self, val: Val, seen: Operand) {
        let snap = self.snap();
        if self.is_plain(val) {
            return;
        }
        if seen.kind.is_plain() && seen.kind != Kind::Null {
            self.e.guard_type(val, seen.ty, snap);
        } else {
            self.guard_dying(val);
        }
    }

    pub(super) fn decref_plain(&mut self, val: Val) {
        // Characters of the table live forever, and nobody counts.
        if self.e.character(val).is_none() {
            let functions = &self.host.functions;
            let is_float = self.e.type_of(val) == Some(self.host.objects.float);
            let dealloc = if is_float { functions.free_float } else { functions.dealloc };
            self.e.effect(Uop::decref_plain, &[val], 0, dealloc, Region::Counts, None);
        }
    }

    pub(super) fn incref(&mut self, val: Val) {
        if self.e.character(val).is_none() {
            self.e.effect(Uop::incref, &[val], 0, 0, Region::Counts, None);
        }
    }

    /// Gives every object that is borrowed from a container a reference of its own. Before a store into the
    /// heap, which may take the container's away.
    pub(super) fn own_borrowed(&mut self) {
        self.own_those(|sym| matches!(sym, Sym::Obj(_, Own::Container)));
    }

    /// Gives what such slots and items borrow references of their own.
    pub(super) fn own_those(&mut self, borrowed: impl Fn(&Sym) -> bool) {
        let mut owned = owned_items(self.all_frames());
        let mut vals = Vec::new();
        self.each_place(borrowed, &mut |sym, place| {
            if let Sym::Obj(val, own) = sym {
                if place.is_none_or(|place| owned.insert(place)) {
                    *own = Own::Owned;
                    vals.push(*val);
                } else {
                    *own = Own::Virtual;
                }
            }
        });
        for val in vals {
            self.incref(val);
        }
    }

    /// Makes the objects of all slots that hold this identity real. Gives the object; the trace owns one
    /// reference for each of those slots, each under a name of its own, and one more for the caller.
    pub(super) fn make(&mut self, sym: &Sym) -> Step<Val> {
        match sym {
            Sym::Tuple(_, id) | Sym::Instance(_, id) => self.make_whole(sym, *id),
            Sym::Function(_, id) => self.make_new_function(sym, *id),
            Sym::Gen(number) => self.realize_generator(*number, true),
            _ => self.make_number(sym, true),
        }
    }

    /// The same for a number; without a reference for the caller where none is wanted.
    pub(super) fn make_number(&mut self, sym: &Sym, for_caller: bool) -> Step<Val> {
        let snap = self.raise_snap();
        let f = self.host.functions.clone();
        let (val, id) = match sym {
            Sym::Int(v, id) => {
                let val = self.e.effect(Uop::new_int, &[*v], 0, f.new_int, Region::Fixed, Some(snap));
                self.e.set_type(val, self.host.objects.int);
                (val, *id)
            }
            Sym::Float(v, id) => {
                let val = self.e.effect(Uop::new_float, &[*v], 0, f.new_float, Region::Fixed, Some(snap));
                self.e.set_type(val, self.host.objects.float);
                (val, *id)
            }
            Sym::RangeIter(next, step, left, id) => {
                let none = self.e.object(self.host.objects.none, self.host.objects.none_type);
                let (args, function) = ([none, *next, *step, *left], self.host.leaf.range_iterator);
                let val = self.e.effect(Uop::call_slice, &args, 0, function, Region::Fixed, Some(snap));
                self.e.set_type(val, self.host.objects.range_iter);
                (val, *id)
            }
            _ => return Err(AbortReason::Inconsistent("a number")),
        };
        self.know_number(val, sym);
        let mut names = Vec::new();
        if !for_caller {
            names.push(val);
        }
        for _ in names.len()..self.uses(id) as usize {
            let name = self.another(val);
            self.know_number(name, sym);
            names.push(name);
        }
        let mut owners = Owners::default();
        let is_it =
            |sym: &Sym| matches!(sym, Sym::Int(_, i) | Sym::Float(_, i) | Sym::RangeIter(_, _, _, i) if *i == id);
        self.each_place(is_it, &mut |sym, place| {
            if let Some(object) = owners.object(place, || names.pop()) {
                *sym = object;
            }
        });
        Ok(val)
    }

    /// Another reference to an object, under a name of its own, so that it is clear which slot owns which.
    pub(super) fn another(&mut self, val: Val) -> Val {
        self.incref(val);
        let name = self.e.effect(Uop::renamed, &[val], 0, 0, Region::Fixed, None);
        if let Some(ty) = self.e.type_of(val) {
            self.e.set_type(name, ty);
        }
        name
    }

    /// Notes what number is in an object that was made of it.
    pub(super) fn know_number(&mut self, object: Val, sym: &Sym) {
        match sym {
            Sym::Int(val, _) => self.e.learn_pure(Uop::unbox_int, object, *val),
            Sym::Float(val, _) => {
                let disp = self.host.layout.float_value;
                let place = crate::opt::heap::Place { base: object, index: None, disp };
                self.e.heap().learn(Region::Fixed, place, *val);
            }
            _ => {}
        }
    }

    /// How many slots and items hold this identity.
    pub(super) fn uses(&self, id: BoxId) -> u32 {
        let (mut uses, mut items) = (0, Items::default());
        self.visit_places(&mut |sym, place| {
            let (Sym::Int(_, i)
            | Sym::Float(_, i)
            | Sym::Tuple(_, i)
            | Sym::Function(_, i)
            | Sym::Instance(_, i)
            | Sym::RangeIter(_, _, _, i)) = sym
            else {
                return;
            };
            if *i == id && place.is_none_or(|place| items.insert(place)) {
                uses += 1;
            }
        });
        uses
    }

    /// An object for this symbol, with a reference that the trace owns. `seen` is the object as it was
    /// observed. The symbol must have been taken off the state.
    pub(super) fn owned_object(&mut self, sym: &Sym, seen: Operand) -> Step<Val> {
        match sym {
            // Who borrowed it from the slot that it was taken from takes that slot's reference over.
            Sym::Obj(val, Own::Owned) if !self.hand_over(*val, Own::Virtual) => Ok(*val),
            Sym::Obj(val, _) => {
                self.incref(*val);
                Ok(*val)
            }
            Sym::Const(operand) => {
                let val = self.e.object(operand.object, operand.ty);
                self.incref(val);
                Ok(val)
            }
            Sym::Bool(v) if seen.kind != Kind::Bool => Ok(self.make_bool(*v)),
            Sym::Bool(v) => {
                let snap = self.snap();
                let bits = self.e.int(seen.bits as i64);
                self.e.pure(Uop::guard_eq_int, &[*v, bits], 0, 0, Some(snap));
                let Sym::Const(operand) = self.bool_const(seen.bits != 0) else {
                    return Err(AbortReason::Inconsistent("bool constant"));
                };
                let val = self.e.object(operand.object, operand.ty);
                self.incref(val);
                Ok(val)
            }
            Sym::Int(v, id) => {
                let table = self.host.objects.small_ints;
                if is_small(seen) && table != 0 && !self.general {
                    // Immortal, and one object for each number, so that identity needs no care.
                    let snap = self.snap();
                    let val = self.e.pure(Uop::small_int, &[*v], 0, table, Some(snap));
                    self.e.set_type(val, self.host.objects.int);
                    return Ok(val);
                }
                let _ = id;
                self.make(sym)
            }
            _ => self.make(sym),
        }
    }
}

/// Whether the interpreter has one immortal object for this number.
pub(super) fn is_small(seen: Operand) -> bool {
    seen.kind == Kind::Int && (-5..=256).contains(&(seen.bits as i64))
}

pub(super) fn collect_owned(syms: &[Sym], owned: &mut Vec<Val>) {
    for sym in syms {
        match sym {
            Sym::Obj(val, Own::Owned) => owned.push(*val),
            Sym::Tuple(items, _) | Sym::Function(items, _) | Sym::Instance(items, _) => collect_owned(items, owned),
            _ => {}
        }
    }
}
