//! Frames of the state and the places of their slots.
//!
//! Frames that run come first, outermost first, then those of generators that are suspended. A slot of a frame that exists in memory
//! has a place: slots of the entry frame are numbered from 0 on, those of the nth generator's from n times [`PER_FRAME`] on.

use super::label::{SUSPENDED, Slot};
use super::snapshots::first_place;
use super::state::{FrameState, Local, PER_FRAME};
use super::{Recorder, Sym};
use crate::ir::{Region, Val};
use crate::snapshot::Generator;

impl Recorder<'_> {
    /// All frames, those of suspended generators behind the others.
    pub(super) fn all_frames(&self) -> impl Iterator<Item = &FrameState> {
        self.frames.iter().chain(&self.suspended).map(|frame| &**frame)
    }

    /// The number of a slot of the topmost frame, where that frame exists.
    pub(super) fn place(&self, slot: u32) -> Option<u32> {
        let index = self.frames.len().checked_sub(1)?;
        Some(first_place(index, self.frames[index].generator)? + slot)
    }

    /// Which of all frames has this slot.
    pub(super) fn home_index(&self, place: u32) -> usize {
        let number = place / PER_FRAME;
        let is_it = |frame: &FrameState| frame.generator.map_or(0, |generator| generator.number) == number;
        // Frame 0 comes first; other frames without a generator have no places.
        self.all_frames().position(is_it).unwrap_or(0)
    }

    pub(super) fn frame_at(&mut self, index: usize) -> &mut FrameState {
        let active = self.frames.len();
        if index < active { &mut self.frames[index] } else { &mut self.suspended[index - active] }
    }

    /// The frame that has this slot.
    pub(super) fn home_frame(&mut self, place: u32) -> &mut FrameState {
        let index = self.home_index(place);
        self.frame_at(index)
    }

    /// The local with this number.
    pub(super) fn home(&mut self, place: u32) -> &mut Local {
        &mut self.home_frame(place).locals[(place % PER_FRAME) as usize]
    }

    /// All locals of frames that exist.
    pub(super) fn homes(&self) -> Vec<(u32, Slot)> {
        let mut homes = Vec::new();
        for (index, frame) in self.all_frames().enumerate() {
            let Some(first) = first_place(index, frame.generator) else { continue };
            let depth = self.slot_depth(index);
            homes.extend((0..frame.locals.len() as u32).map(|local| (first + local, (depth, false, local))));
        }
        homes
    }

    /// The number that the frame with this index among all has in a [`Slot`].
    pub(super) fn slot_depth(&self, index: usize) -> u32 {
        let active = self.frames.len();
        (if index < active { index } else { index - active + SUSPENDED }) as u32
    }

    /// Whether a slot is in memory.
    pub(super) fn has_place(&self, slot: Slot) -> bool {
        let frame = self.frames.get(slot.0 as usize);
        let frame = frame.or_else(|| self.suspended.get((slot.0 as usize).checked_sub(SUSPENDED)?));
        slot.0 == 0 || frame.is_some_and(|frame| first_place(1, frame.generator).is_some())
    }

    /// Where a slot is: base, displacement, and part of memory. Slots of the operand stack are behind the locals.
    pub(super) fn address(&mut self, place: u32) -> (Val, i32, Region) {
        let generator = self.home_frame(place).generator;
        let disp = 8 * (place % PER_FRAME) as i32;
        match generator.and_then(|generator| generator.object()) {
            Some(object) => (object, self.host.layout.generator_locals + disp, Region::Generators),
            None => (self.e.frame(), self.host.layout.frame_locals + disp, Region::Frame),
        }
    }

    /// Puts suspended generators into the order of their numbers.
    pub(super) fn sort_suspended(&mut self) {
        self.suspended.sort_by_key(|frame| frame.generator.map(|generator| generator.number));
    }

    /// The suspended frame of the generator that a slot holds.
    pub(super) fn frame_of(&self, sym: &Sym) -> Option<usize> {
        let is_its = |generator: Generator| match sym {
            Sym::Obj(object, _) => {
                generator.object().is_some_and(|known| self.e.original(known) == self.e.original(*object))
            }
            Sym::Gen(number) => generator.number == *number,
            _ => false,
        };
        self.suspended.iter().position(|frame| frame.generator.is_some_and(is_its))
    }
}
