//! Where each exit's values are, in little memory.
//!
//! A trace has many exits, each names all values of its snapshot, and few of them move between two exits. A place takes
//! four bytes here, constants are named once, and an exit at which all is where it was at the exit before shares its list.

use crate::allocated::{ExitIndex, Place};
use crate::ir::Val;
use crate::snapshot::SnapId;
use decal_uops::{FloatReg, IntReg};

/// A place in 32 bits: two say of which kind, the others which one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Packed(u32);

const KIND: u32 = 30;

impl Packed {
    fn new(kind: u32, number: u32) -> Packed {
        Packed(kind << KIND | number)
    }

    fn place(self, consts: &[u64]) -> Place {
        let number = self.0 & ((1 << KIND) - 1);
        match self.0 >> KIND {
            0 => Place::Int(IntReg(number as u8)),
            1 => Place::Float(FloatReg(number as u8)),
            2 => Place::Spill(number as u16),
            _ => Place::Const(consts[number as usize]),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Row {
    snap: SnapId,
    from: u32,
    len: u32,
}

/// The exits of an allocated trace.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Exits {
    rows: Vec<Row>,
    places: Vec<(Val, Packed)>,
    consts: Vec<u64>,
}

/// An exit: the snapshot, and where each value that it needs is at that point.
#[derive(Clone, Copy, Debug)]
pub struct ExitMap<'a> {
    /// The snapshot.
    pub snap: SnapId,
    places: &'a [(Val, Packed)],
    consts: &'a [u64],
}

impl<'a> ExitMap<'a> {
    /// Place of each value that the snapshot needs, and, inside the loop, of each value of the label's
    /// interface other than the phis, so that a side trace can come back to the label. No repetitions.
    pub fn places(self) -> impl ExactSizeIterator<Item = (Val, Place)> + use<'a> {
        self.places.iter().map(move |(val, place)| (*val, place.place(self.consts)))
    }

    /// Where a value is.
    pub fn place(self, val: Val) -> Option<Place> {
        self.places.iter().find(|(known, _)| *known == val).map(|(_, place)| place.place(self.consts))
    }
}

impl Exits {
    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The exit with this number.
    pub fn get(&self, exit: ExitIndex) -> Option<ExitMap<'_>> {
        self.rows.get(exit.0 as usize).map(|row| self.map(row))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ExitMap<'_>> {
        self.rows.iter().map(|row| self.map(row))
    }

    fn map(&self, row: &Row) -> ExitMap<'_> {
        let places = &self.places[row.from as usize..][..row.len as usize];
        ExitMap { snap: row.snap, places, consts: &self.consts }
    }

    /// Adds an exit without values.
    pub fn push(&mut self, snap: SnapId) -> ExitIndex {
        self.rows.push(Row { snap, from: self.places.len() as u32, len: 0 });
        ExitIndex(self.rows.len() as u32 - 1)
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.rows[..]) + size_of_val(&self.places[..]) + size_of_val(&self.consts[..])
    }
}

/// The exits of a trace that is being allocated.
pub(crate) struct Listing {
    exits: Exits,
    /// For each value its number among the constants, and one more; 0 where it is not there yet.
    numbers: Vec<u32>,
}

impl Listing {
    /// For a trace with so many values, with room for the exits that it has as a rule.
    pub(crate) fn new(values: usize) -> Listing {
        let (rows, places) = (Vec::with_capacity(values / 2), Vec::with_capacity(4 * values));
        Listing { exits: Exits { rows, places, consts: Vec::new() }, numbers: vec![0; values] }
    }

    /// Adds an exit.
    ///
    /// # Errors
    /// The value that has no place.
    pub(crate) fn add(
        &mut self,
        snap: SnapId,
        values: &[Val],
        place: impl Fn(Val) -> Option<Place>,
    ) -> Result<ExitIndex, Val> {
        let exits = &mut self.exits;
        let from = exits.places.len();
        exits.places.reserve(values.len());
        for &val in values {
            let packed = match place(val).ok_or(val)? {
                Place::Int(reg) => Packed::new(0, reg.0.into()),
                Place::Float(reg) => Packed::new(1, reg.0.into()),
                Place::Spill(slot) => Packed::new(2, slot.into()),
                Place::Const(bits) => {
                    let number = &mut self.numbers[val.index()];
                    if *number == 0 {
                        exits.consts.push(bits);
                        *number = exits.consts.len() as u32;
                    }
                    Packed::new(3, *number - 1)
                }
            };
            exits.places.push((val, packed));
        }
        let mut row = Row { snap, from: from as u32, len: values.len() as u32 };
        let (old, new) = exits.places.split_at(from);
        if let Some(last) = exits.rows.last()
            && old[last.from as usize..][..last.len as usize] == *new
        {
            row.from = last.from;
            exits.places.truncate(from);
        }
        exits.rows.push(row);
        Ok(ExitIndex(exits.rows.len() as u32 - 1))
    }

    /// All of them.
    pub(crate) fn finish(mut self) -> Exits {
        self.exits.rows.shrink_to_fit();
        self.exits.places.shrink_to_fit();
        self.exits
    }
}
