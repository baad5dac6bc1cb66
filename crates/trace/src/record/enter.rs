//! Ends that lead to the head of another loop.
//!
//! Such an end is an exit that CPython never sees: the root trace of that loop takes over at once. A root trace starts
//! with everything in memory. So the end puts everything there itself, in machine code, and its exit has nothing left to do: the
//! engine can turn it into a jump from one trace to the other.
//!
//! The textbook way for nested loops is to compile them as one (LuaJIT stitches, trace trees grow). Here the loops stay traces of their
//! own, each with its label and its side traces, and what they hand each other goes through the frame: a few stores, where the
//! way through the engine costs a hundred nanoseconds.
//!
//! Holds after: the snapshot of the end finds each slot in place, or the state is one that this cannot write down; then the
//! exit does it as all others do. Cost: slots.

use super::state::{Own, Sym};
use super::{Recorder, Step};
use crate::snapshot::Then;

impl Recorder<'_> {
    /// Before an end that leads to the loop at `head`: puts all slots of the entry frame into its memory.
    pub(super) fn put_into_memory(&mut self, head: u32) -> Step<()> {
        if !self.options.optimize || !self.suspended.is_empty() || !self.can_be_written() {
            return Ok(());
        }
        self.flush_iterators(|_, _| false);
        self.renew_at(head);
        for slot in 0..self.frames[0].locals.len() as u32 {
            match self.frames[0].locals[slot as usize].sym {
                Sym::Unchanged | Sym::Obj(_, Own::Slot(_)) => continue,
                Sym::Null => self.unbind_local(slot),
                _ => self.flush_local(slot)?,
            }
            self.renew_at(head);
        }
        for slot in 0..self.frames[0].stack.len() as u32 {
            if !self.is_in_place(slot) {
                self.flush_stack(slot)?;
                self.renew_at(head);
            }
        }
        self.turn_checks(head);
        Ok(())
    }

    fn is_in_place(&self, slot: u32) -> bool {
        match &self.frames[0].stack[slot as usize] {
            Sym::Unchanged => true,
            Sym::Obj(_, own) => *own == Own::StackSlot(slot),
            _ => false,
        }
    }

    /// Whether no slot holds what the memory of another slot owns, and which may be written first.
    fn can_be_written(&self) -> bool {
        let [frame] = self.frames.as_slice() else { return false };
        if !self.suspended.is_empty() {
            return false;
        }
        let on_stack =
            |(slot, sym): (usize, &Sym)| !matches!(sym, Sym::Obj(_, Own::StackSlot(home)) if *home as usize != slot);
        let local = |(slot, sym): (usize, &Sym)| match sym {
            Sym::Obj(_, Own::Slot(home)) => *home as usize == slot,
            sym => !matches!(sym, Sym::Obj(_, Own::StackSlot(_))),
        };
        frame.stack.iter().enumerate().all(on_stack)
            && frame.locals.iter().map(|local| &local.sym).enumerate().all(local)
    }

    /// The state has changed in form, not in content.
    fn renew_at(&mut self, offset: u32) {
        self.snap = self.build_snapshot(offset, Then::Resume);
        self.raise_snap = None;
    }
}
