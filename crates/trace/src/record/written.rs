//! What a trace has written in memory, at each of its exits: what a label's loop takes for granted of it does not hold for a
//! side trace that comes from there.

use super::Recorder;
use crate::ir::{Regions, Val};

/// A set of locals of frames that exist, by their numbers (see [`PER_FRAME`](super::state::PER_FRAME)). There are few of them, so that
/// a sorted list is compared and copied at no cost.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Places(Vec<u32>);

impl Places {
    pub(super) fn insert(&mut self, place: u32) {
        if let Err(at) = self.0.binary_search(&place) {
            self.0.insert(at, place);
        }
    }

    pub(super) fn contains(&self, place: u32) -> bool {
        self.0.binary_search(&place).is_ok()
    }

    pub(super) fn extend(&mut self, places: impl IntoIterator<Item = u32>) {
        places.into_iter().for_each(|place| self.insert(place));
    }

    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        self.0.retain(|place| keep(*place));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }
}

/// What was written in memory.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Wrote {
    /// Locals of the entry frame.
    pub(super) locals: Places,
    /// Regions of the heap.
    pub(super) regions: Regions,
}

impl Recorder<'_> {
    /// Takes over what was written before the exit that led here.
    pub(super) fn inherit(&mut self, wrote: Wrote) {
        if wrote != Wrote::default() {
            self.wrote.push((Val(0), wrote.clone()));
        }
        self.inherited = wrote;
    }

    /// Notes what was written so far, for side traces of the exits that follow.
    pub(super) fn note_writes(&mut self) {
        let regions = self.e.heap().written();
        if self.noted.locals == self.written && self.noted.regions == regions {
            return;
        }
        self.noted = Wrote { locals: self.written.clone(), regions };
        let mut now = self.inherited.clone();
        now.locals.extend(self.written.iter());
        now.regions = now.regions.or(regions);
        self.wrote.push((Val(self.e.len() as u32), now));
    }
}
