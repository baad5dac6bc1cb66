//! `a[i:j] = b[k:l:m]` of lists: one call that moves the items, and no list in between.
//!
//! CPython takes the slice in one instruction, works out where it goes in the next ones, and stores it in the last. As long as
//! those between only load and compute with numbers, nothing is done before the end, so that all exits go back to the first
//! instruction, and the list in between is seen by nobody.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{BinaryOp, Op};
use crate::event::{Event, Kind};
use crate::ir::{Region, Val};
use decal_uops::Uop;

/// Instructions between the slice and its store, at most.
const BETWEEN: usize = 8;

/// The instructions of such an assignment.
struct Move {
    /// Those that make the slice: one, or two.
    takes: usize,
    /// All of them.
    all: usize,
}

/// How many slots more an instruction that may stand between leaves.
fn pushes(event: &Event) -> Option<usize> {
    match event.op {
        Op::LoadFast(_) | Op::LoadConst(_) => Some(1),
        Op::LoadFastLoadFast(..) => Some(2),
        _ => None,
    }
}

/// Whether the events begin with such an assignment, by the way that they were seen.
fn find(events: &[Event]) -> Option<Move> {
    let (first, next) = (events.first()?, events.get(1)?);
    let (takes, from) = match first.op {
        Op::BuildSlice(_) if next.op == Op::Subscript => (2, next.operands.first()?),
        Op::Slice => (1, first.operands.first()?),
        _ => return None,
    };
    let mut height = 0;
    for (index, event) in events.iter().enumerate().take(takes + BETWEEN + 1).skip(takes) {
        if event.depth != first.depth || event.code != first.code {
            return None;
        }
        match event.op {
            Op::StoreSlice => {
                let lists = [from, event.operands.first()?, event.operands.get(1)?];
                let fits = height == 3 && lists.iter().all(|operand| operand.kind == Kind::List);
                return fits.then_some(Move { takes, all: index + 1 });
            }
            Op::Binary(BinaryOp::Add | BinaryOp::Sub)
                if height >= 2 && event.operands.iter().all(|operand| operand.kind == Kind::Int) =>
            {
                height -= 1;
            }
            _ => height += pushes(event)?,
        }
    }
    None
}

/// Whether dropping this is nothing to care about.
fn is_held(sym: &Sym) -> bool {
    !matches!(sym, Sym::Obj(_, Own::Owned) | Sym::Tuple(..) | Sym::Instance(..))
}

impl Recorder<'_> {
    /// Translates an assignment of a list's slice to a slice of a list that begins with this event. Gives the number of its
    /// instructions; none where it is to be done one by one.
    pub(super) fn moved_slice(&mut self, index: usize) -> Step<Option<u32>> {
        let rec = self.rec;
        let events = rec.events.get(index..).unwrap_or_default();
        let first = match events.first() {
            Some(first) if matches!(first.op, Op::BuildSlice(_) | Op::Slice) => first,
            _ => return Ok(None),
        };
        let (at, refused) = ((first.code, first.offset), self.refused == Some(self.at));
        let Some(found) = find(events).filter(|_| self.options.optimize && !refused && !self.general) else {
            return Ok(None);
        };
        let operands = if let Op::BuildSlice(count) = first.op { count + 1 } else { 3 };
        let mut held = first.depth as usize + 1 == self.frames.len() && self.suspended.is_empty() && self.is_sure(at);
        for nth in 1..=operands {
            let operand = self.peek(nth)?;
            held = held && is_held(&operand) && !self.is_lent(&operand);
        }
        if !held {
            return Ok(None);
        }
        self.borrow_from_locals(operands as usize);
        match self.move_slice(events, &found) {
            Err(reason) if reason.is_general() => {
                self.unsure.borrow_mut().insert(at);
                Err(AbortReason::Again)
            }
            result => result.map(|()| Some(found.all as u32)),
        }
    }

    /// Whether it is borrowed from a container, and no local has it too.
    fn is_lent(&self, sym: &Sym) -> bool {
        matches!(sym, Sym::Obj(val, Own::Container) if !self.has_local(*val))
    }

    fn has_local(&self, val: Val) -> bool {
        let has = |sym: &Sym| matches!(sym, Sym::Obj(own, Own::Container | Own::Owned) if *own == val);
        self.frames.last().is_some_and(|frame| frame.locals.iter().any(|local| has(&local.sym)))
    }

    /// So many operands are copies of locals, which keep them alive until the end. A reference of their own would have to be dropped
    /// behind what cannot be undone.
    fn borrow_from_locals(&mut self, operands: usize) {
        let first = self.top_stack().len() - operands;
        for slot in first..first + operands {
            if let Some(Sym::Obj(val, Own::Container)) = self.top_stack().get(slot)
                && let val = *val
                && self.has_local(val)
            {
                self.top_stack()[slot] = Sym::Obj(val, Own::Virtual);
            }
        }
    }

    fn move_slice(&mut self, events: &[Event], found: &Move) -> Step<()> {
        let Some([first, next, ..]) = events.get(..found.all) else {
            return Err(AbortReason::Inconsistent("missing events"));
        };
        let changed = self.as_of_now(first)?;
        let first = changed.as_deref().unwrap_or(first);
        if first.depth == 0 {
            self.check_handler(first)?;
        }
        self.shells.clear();
        // What is borrowed from the list may leave it.
        self.own_borrowed();
        self.restart(first.offset);
        let taken = match first.op {
            Op::BuildSlice(count) => self.built_bounds(count, first, next)?,
            _ => self.bounds(first)?,
        };
        let from = self.exact_list(&taken.container, taken.seen)?;
        // In place of the slice.
        self.push(Sym::Null);
        let last = found.all - 1;
        for event in events.iter().take(last).skip(found.takes) {
            let changed = self.as_of_now(event)?;
            self.fast_form(changed.as_deref().unwrap_or(event), None)?;
        }
        let store = events.get(last).ok_or(AbortReason::Inconsistent("missing events"))?;
        let changed = self.as_of_now(store)?;
        let store = changed.as_deref().unwrap_or(store);
        let [_, seen, seen_start, seen_stop] = store.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        let (stop, start, container, _) = (self.pop()?, self.pop()?, self.pop()?, self.pop()?);
        if !is_held(&container) || !is_held(&start) || !is_held(&stop) {
            return Err(AbortReason::StoreSubscript);
        }
        let list = self.exact_list(&container, seen)?;
        let low = self.bound(&start, seen_start, 0)?;
        let high = self.bound(&stop, seen_stop, i64::MAX)?;
        let [from_low, from_high, step] = taken.bounds;
        let base = self.e.pure(Uop::context, &[], decal_uops::offset::ARGUMENTS, 0, None);
        for (position, number) in (0..).zip([low, high, from_low, from_high, step]) {
            self.e.effect(Uop::store_int, &[base, number], 8 * position, 0, Region::Fixed, None);
        }
        let (raise, function) = (self.raise_snap(), self.host.functions.move_slice);
        self.e.effect(Uop::call_move, &[list, from], 0, function, Region::ListItems, Some(raise));
        self.lists_changed();
        Ok(())
    }

    /// The list that this is.
    fn exact_list(&mut self, sym: &Sym, seen: crate::event::Operand) -> Step<Val> {
        if !matches!(sym, Sym::Obj(..)) {
            return Err(AbortReason::StoreSubscript);
        }
        self.guard_exact(sym, seen)?;
        self.object(sym)
    }
}
