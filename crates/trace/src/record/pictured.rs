//! A frame of the recorder's picture, and how the last snapshot described it.
//!
//! From one snapshot to the next most frames stay as they are, and of the innermost one as a rule only the stack changes.
//! Whoever changes a frame does so by [`DerefMut`], or by [`Pictured::stack_mut`], which forget what was found there, so that there
//! is nothing to remember elsewhere. Copies of the whole picture, to go back to, share the frames until they change.

use super::state::{FrameState, Items, Own, Sym};
use crate::ir::Val;
use crate::snapshot::Known;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Pictured {
    state: Rc<FrameState>,
    locals: Found,
    stack: Found,
    /// The frame in the last snapshot, where its locals are still so.
    known: Option<Known>,
    /// It was not the innermost one there.
    outer: bool,
    /// When it was described: see [`Recorder::named`](super::Recorder).
    since: u32,
}

/// What the description of other frames depends on.
#[derive(Default, Debug)]
pub(super) struct Found {
    /// Nothing has changed since it was looked for.
    fresh: bool,
    /// Objects in other slots of frames that exist that these slots mean.
    pub(super) foreign: Vec<Val>,
    /// Whether there are tuples that were not made.
    pub(super) tuples: bool,
    /// Their items to which the trace holds a reference.
    pub(super) owned: Items,
    /// Of the entry frame's locals one bit for each of the first ones: memory of it holds something plain, as far as the slot
    /// says.
    pub(super) plain: u64,
    /// Other ones that hold what their own places hold, by their numbers: they are plain where their values are.
    pub(super) own: Vec<(u8, Val)>,
}

impl Found {
    fn note(&mut self, sym: &Sym, own_place: Option<Own>) {
        match sym {
            // A slot that holds what its own place holds names nothing.
            Sym::Obj(val, own @ (Own::Slot(_) | Own::StackSlot(_))) if Some(*own) != own_place => {
                self.foreign.push(*val)
            }
            Sym::Tuple(..) | Sym::Function(..) | Sym::Instance(..) => {
                self.tuples = true;
                self.owned.add(sym);
            }
            _ => {}
        }
    }

    /// Begins to look for it again, in the same memory.
    fn restart(&mut self) {
        (self.fresh, self.tuples, self.plain) = (true, false, 0);
        self.foreign.clear();
        self.owned.clear();
        self.own.clear();
    }
}

impl Pictured {
    /// The frame by itself.
    pub(super) fn into_state(self) -> FrameState {
        Rc::unwrap_or_clone(self.state)
    }

    /// The operand stack, to be changed.
    pub(super) fn stack_mut(&mut self) -> &mut Vec<Sym> {
        self.stack.fresh = false;
        if let Some(known) = &mut self.known {
            known.stack = false;
        }
        &mut Rc::make_mut(&mut self.state).stack
    }

    /// How it was described, where it is still so.
    pub(super) fn known(&self) -> Option<Known> {
        self.known
    }

    /// The same where nothing at all has changed, and it has another frame above, as it had then.
    pub(super) fn known_below(&self) -> Option<Known> {
        self.known.filter(|known| self.outer && known.stack)
    }

    /// Notes how it is described, whether it is the innermost frame, and since when what other frames hold is as it is now.
    pub(super) fn describe(&mut self, known: Known, innermost: bool, since: u32) {
        (self.known, self.outer, self.since) = (Some(known), !innermost, since);
    }

    /// Whether its description holds as far as that depends on other frames, which are as they are now since then. It does where the
    /// frame exists, or has tuples that were not made.
    pub(super) fn is_described(&self, exists: bool, since: u32) -> bool {
        self.since == since || !exists && !self.found().iter().any(|found| found.tuples)
    }

    /// Looks through its slots. `first` is the number of its first slot, where it exists.
    pub(super) fn look(&mut self, first: Option<u32>) {
        let (state, found) = (&self.state, &mut self.locals);
        let place = |slot: usize| first.map(|first| first + slot as u32);
        if !found.fresh {
            found.restart();
            for (slot, local) in state.locals.iter().enumerate() {
                found.note(&local.sym, place(slot).map(Own::Slot));
                if first != Some(0) || slot >= u64::BITS as usize {
                    continue;
                }
                match local.sym {
                    _ if local.plain => found.plain |= 1 << slot,
                    Sym::Obj(val, Own::Slot(home)) if home as usize == slot => found.own.push((slot as u8, val)),
                    _ => {}
                }
            }
        }
        let found = &mut self.stack;
        if !found.fresh {
            found.restart();
            state.stack.iter().enumerate().for_each(|(slot, sym)| found.note(sym, place(slot).map(Own::StackSlot)));
        }
    }

    /// What was found in its locals and on its stack, when it was looked at last.
    pub(super) fn found(&self) -> [&Found; 2] {
        [&self.locals, &self.stack]
    }
}

impl From<FrameState> for Pictured {
    fn from(state: FrameState) -> Pictured {
        let (locals, stack) = (Found::default(), Found::default());
        Pictured { state: Rc::new(state), locals, stack, known: None, outer: false, since: 0 }
    }
}

impl Clone for Pictured {
    /// What was found is looked for again, if anybody asks.
    fn clone(&self) -> Pictured {
        let (locals, stack) = (Found::default(), Found::default());
        Pictured { state: Rc::clone(&self.state), locals, stack, ..*self }
    }
}

impl Deref for Pictured {
    type Target = FrameState;

    fn deref(&self) -> &FrameState {
        &self.state
    }
}

impl DerefMut for Pictured {
    fn deref_mut(&mut self) -> &mut FrameState {
        (self.locals.fresh, self.stack.fresh, self.known) = (false, false, None);
        Rc::make_mut(&mut self.state)
    }
}

impl PartialEq for Pictured {
    fn eq(&self, other: &Pictured) -> bool {
        self.state == other.state
    }
}
