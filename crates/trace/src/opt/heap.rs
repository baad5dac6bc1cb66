//! What is known of memory while a trace is emitted: stores are forwarded to loads, and a load that
//! was done before is not done again.
//!
//! Two accesses of one region touch the same bytes only where their displacements are equal and
//! their bases and indexes may be equal. Fields of objects: another displacement is another field,
//! of this object or of another. Items: two different constant indexes are different items, of this
//! array or of another. Anything else may be the same, and a store makes what was known void.
//!
//! Holds before and after: an entry says what memory holds at this point of the trace. Cost: a
//! store looks at the entries of its own region only.

use crate::ir::{REGIONS, Region, Regions, Val};

/// A place in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The base address.
    pub base: Val,
    /// The index, for items, and its number where it is a constant.
    pub index: Option<(Val, Option<i64>)>,
    /// Displacement in bytes.
    pub disp: i32,
}

impl Place {
    fn same(&self, other: &Place) -> bool {
        let index = match (self.index, other.index) {
            (None, None) => true,
            (Some((a, _)), Some((b, _))) => a == b,
            _ => false,
        };
        self.base == other.base && self.disp == other.disp && index
    }

    fn may_alias(&self, other: &Place) -> bool {
        match (self.index, other.index) {
            (Some((a, number_a)), Some((b, number_b))) => match (number_a, number_b) {
                (Some(x), Some(y)) => x == y,
                _ => a == b || self.disp == other.disp,
            },
            (None, None) => self.disp == other.disp,
            _ => true,
        }
    }
}

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Heap {
    known: Vec<Vec<(Place, Val)>>,
    written: Regions,
    /// What was known at the loop's label, and regions of which that was made use of behind it.
    before: Vec<Vec<(Place, Val)>>,
    relied: Regions,
    /// What of that was made use of.
    granted: Vec<(Region, Place, Val)>,
}

impl Default for Heap {
    fn default() -> Heap {
        Heap {
            known: vec![Vec::new(); REGIONS.len()],
            written: Regions::NONE,
            before: vec![Vec::new(); REGIONS.len()],
            relied: Regions::NONE,
            granted: Vec::new(),
        }
    }
}

impl Heap {
    /// What memory holds at this place, if that is known.
    pub fn lookup(&mut self, region: Region, place: &Place) -> Option<Val> {
        let index = region as usize;
        let found = self.known[index].iter().rev().find(|(known, _)| known.same(place)).map(|(_, val)| *val)?;
        if let Some((known, _)) = self.before[index].iter().find(|(known, val)| *val == found && known.same(place)) {
            self.relied.insert(region);
            let granted = (region, *known, found);
            if !self.granted.contains(&granted) {
                self.granted.push(granted);
            }
        }
        Some(found)
    }

    /// What memory is taken to hold behind the label, since it did before.
    pub fn granted(&mut self) -> Vec<(Region, Place, Val)> {
        std::mem::take(&mut self.granted)
    }

    /// Memory was seen to hold `val` at this place.
    pub fn learn(&mut self, region: Region, place: Place, val: Val) {
        self.known[region as usize].push((place, val));
    }

    /// Memory at this place was written; it now holds `val`, where that can be said.
    pub fn store(&mut self, region: Region, place: Place, val: Option<Val>) {
        self.written.insert(region);
        let known = &mut self.known[region as usize];
        known.retain(|(other, _)| !other.may_alias(&place));
        if let Some(val) = val {
            known.push((place, val));
        }
    }

    /// What memory holds at this place is not known, though nobody has written it.
    pub fn unlearn(&mut self, region: Region, place: &Place) {
        self.known[region as usize].retain(|(known, _)| !known.same(place));
    }

    /// All that was known of a region is void.
    pub fn clobber(&mut self, region: Region) {
        self.written.insert(region);
        self.known[region as usize].clear();
    }

    /// Python code ran: nothing is known any more but what never changes.
    pub fn clobber_all(&mut self) {
        for region in REGIONS.iter().copied().filter(|region| *region != Region::Fixed) {
            self.clobber(region);
        }
    }

    /// An object is gone: nothing is known of its fields.
    pub fn forget(&mut self, base: Val) {
        for known in &mut self.known {
            known.retain(|(place, _)| place.base != base);
        }
    }

    /// The regions written so far.
    pub fn written(&self) -> Regions {
        self.written
    }

    /// The regions of which the loop's body so far takes something for granted that was known at its label.
    pub fn relied_on(&self) -> Regions {
        self.relied.iter().filter(|region| *region != Region::Fixed).collect()
    }

    /// At a loop's label: forgets what the loop's body may overwrite, which is what the first pass wrote.
    pub fn enter_loop(&mut self) {
        for region in self.written.iter() {
            self.known[region as usize].clear();
        }
        self.before.clone_from(&self.known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(base: u32, index: u32, number: Option<i64>) -> Place {
        Place { base: Val(base), index: Some((Val(index), number)), disp: 0 }
    }

    fn field(base: u32, disp: i32) -> Place {
        Place { base: Val(base), index: None, disp }
    }

    #[test]
    fn store_is_forwarded_to_load() {
        let mut heap = Heap::default();
        heap.store(Region::ListItems, item(1, 2, None), Some(Val(9)));
        assert_eq!(heap.lookup(Region::ListItems, &item(1, 2, None)), Some(Val(9)));
    }

    #[test]
    fn store_at_unknown_index_voids_all_items() {
        let mut heap = Heap::default();
        heap.learn(Region::ListItems, item(1, 2, Some(0)), Val(9));
        heap.store(Region::ListItems, item(5, 6, None), Some(Val(10)));
        assert_eq!(heap.lookup(Region::ListItems, &item(1, 2, Some(0))), None);
    }

    #[test]
    fn different_constant_indexes_do_not_disturb_each_other() {
        let mut heap = Heap::default();
        heap.learn(Region::ListItems, item(1, 2, Some(0)), Val(9));
        heap.store(Region::ListItems, item(5, 6, Some(1)), Some(Val(10)));
        assert_eq!(heap.lookup(Region::ListItems, &item(1, 2, Some(0))), Some(Val(9)));
    }

    #[test]
    fn fields_alias_by_displacement_only() {
        let mut heap = Heap::default();
        heap.learn(Region::Attributes, field(1, 8), Val(9));
        heap.store(Region::Attributes, field(2, 16), None);
        assert_eq!(heap.lookup(Region::Attributes, &field(1, 8)), Some(Val(9)));
        heap.store(Region::Attributes, field(2, 8), None);
        assert_eq!(heap.lookup(Region::Attributes, &field(1, 8)), None);
    }

    #[test]
    fn loop_keeps_only_what_it_does_not_write() {
        let mut heap = Heap::default();
        heap.learn(Region::ListHead, Place { base: Val(1), index: None, disp: 16 }, Val(3));
        heap.learn(Region::ListItems, item(1, 2, None), Val(9));
        heap.store(Region::ListItems, item(1, 4, None), Some(Val(5)));
        heap.enter_loop();
        assert_eq!(heap.relied_on(), Regions::NONE);
        assert_eq!(heap.lookup(Region::ListHead, &field(1, 16)), Some(Val(3)));
        assert_eq!(heap.relied_on(), Regions::from_iter([Region::ListHead]));
    }
}
