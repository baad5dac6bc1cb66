//! A frame of the recorder's picture, and how the last snapshot described it.
//!
//! From one snapshot to the next most frames stay as they are. Whoever changes one does so by [`DerefMut`], which
//! forgets the description, so that there is nothing to remember elsewhere. Copies of the whole picture, to go back to,
//! share the frames until they change.

use super::state::{FrameState, Own, Sym};
use crate::ir::Val;
use crate::snapshot::RowId;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// See the module's text.
#[derive(Clone, Debug)]
pub(super) struct Pictured {
    state: Rc<FrameState>,
    found: Option<Found>,
    /// The frame in the last snapshot.
    pub(super) row: Option<RowId>,
}

/// What the description of other frames depends on.
#[derive(Clone, Default, Debug)]
pub(super) struct Found {
    /// Objects in other slots of frames that exist that slots of this frame mean.
    pub(super) foreign: Vec<Val>,
    /// Whether there are tuples that were not made.
    pub(super) tuples: bool,
}

impl Pictured {
    /// The frame by itself.
    pub(super) fn into_state(self) -> FrameState {
        Rc::unwrap_or_clone(self.state)
    }

    /// Looks through its slots. `first` is the number of its first slot, where it exists.
    pub(super) fn look(&mut self, first: Option<u32>) -> &Found {
        let state = &self.state;
        self.found.get_or_insert_with(|| {
            let mut found = Found::default();
            let mut note = |sym: &Sym, own_place: Option<Own>| match sym {
                // A slot that holds what its own place holds names nothing.
                Sym::Obj(val, own @ (Own::Slot(_) | Own::StackSlot(_))) if Some(*own) != own_place => {
                    found.foreign.push(*val);
                }
                Sym::Tuple(..) => found.tuples = true,
                _ => {}
            };
            let place = |slot: usize| first.map(|first| first + slot as u32);
            let locals = state.locals.iter().enumerate();
            locals.for_each(|(slot, local)| note(&local.sym, place(slot).map(Own::Slot)));
            state.stack.iter().enumerate().for_each(|(slot, sym)| note(sym, place(slot).map(Own::StackSlot)));
            found
        })
    }
}

impl From<FrameState> for Pictured {
    fn from(state: FrameState) -> Pictured {
        Pictured { state: Rc::new(state), found: None, row: None }
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
        (self.found, self.row) = (None, None);
        Rc::make_mut(&mut self.state)
    }
}

impl PartialEq for Pictured {
    fn eq(&self, other: &Pictured) -> bool {
        self.state == other.state
    }
}
