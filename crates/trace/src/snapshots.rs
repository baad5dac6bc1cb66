//! All snapshots of a trace, in little memory.
//!
//! There is a snapshot for every few instructions, and it differs from the one before in a slot or two. So frames and
//! slots are in tables that all snapshots share: a frame that is as it was in the snapshot before is that row again, and a new row
//! whose locals or stack are as they were has those again. Nothing is looked for further back.
//!
//! Readers see [`Snapshot`] and [`Frame`], which borrow from here.

use crate::ir::Val;
use crate::snapshot::{FieldStore, Frame, Generator, Head, SnapId, Snapshot, Source, Then};

/// A part of a table.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Part {
    from: u32,
    len: u32,
}

impl Part {
    fn of<T>(self, table: &[T]) -> &[T] {
        &table[self.from as usize..][..self.len as usize]
    }
}

/// A frame.
#[derive(Clone, Debug)]
struct FrameRow {
    head: Head,
    /// Its number in the table of generators, and one more; 0 where it has none.
    generator: u32,
    locals: Part,
    stack: Part,
}

/// A snapshot.
#[derive(Clone, Copy, Debug)]
struct Row {
    plain: u64,
    frames: Part,
    stores: Part,
    /// How many of the frames are suspended: the last ones.
    suspended: u16,
    then: Then,
}

/// What is known of a frame before it is described.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Known {
    /// The number of an earlier row with the same locals.
    row: u32,
    /// Whether the stack is the same, too.
    pub stack: bool,
}

/// See the module's text.
#[derive(Clone, Default, Debug)]
pub struct Snapshots {
    rows: Vec<Row>,
    /// The frames of each snapshot, by their numbers.
    lists: Vec<u32>,
    frames: Vec<FrameRow>,
    generators: Vec<Generator>,
    sources: Vec<Source>,
    stores: Vec<FieldStore>,
}

/// Some frames of a snapshot.
#[derive(Clone, Copy)]
pub struct Frames<'a> {
    all: &'a Snapshots,
    list: &'a [u32],
}

impl<'a> Frames<'a> {
    /// How many.
    pub fn len(self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.list.is_empty()
    }

    /// The frame with this index.
    pub fn get(self, index: usize) -> Option<Frame<'a>> {
        self.list.get(index).map(|number| self.all.frame(*number))
    }

    /// The outermost.
    pub fn first(self) -> Option<Frame<'a>> {
        self.get(0)
    }

    /// The innermost.
    pub fn last(self) -> Option<Frame<'a>> {
        self.list.last().map(|number| self.all.frame(*number))
    }

    /// All of them, in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Frame<'a>> + ExactSizeIterator + use<'a> {
        self.list.iter().map(move |number| self.all.frame(*number))
    }
}

impl PartialEq for Frames<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Frames<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Snapshots {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Snapshots {
    /// Makes room for so many.
    pub(crate) fn reserve(&mut self, snaps: usize) {
        self.rows.reserve(snaps);
        self.lists.reserve(2 * snaps);
        self.frames.reserve(snaps);
        self.sources.reserve(8 * snaps);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The snapshot with this number.
    pub fn get(&self, snap: SnapId) -> Option<Snapshot<'_>> {
        self.rows.get(snap.0 as usize).map(|row| self.snapshot(row))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Snapshot<'_>> {
        self.rows.iter().map(|row| self.snapshot(row))
    }

    fn snapshot(&self, row: &Row) -> Snapshot<'_> {
        let (frames, suspended) =
            row.frames.of(&self.lists).split_at((row.frames.len - u32::from(row.suspended)) as usize);
        Snapshot {
            frames: Frames { all: self, list: frames },
            suspended: Frames { all: self, list: suspended },
            stores: row.stores.of(&self.stores),
            then: row.then,
            plain: row.plain,
        }
    }

    fn frame(&self, number: u32) -> Frame<'_> {
        let row = &self.frames[number as usize];
        Frame {
            head: &row.head,
            generator: self.generator(row),
            locals: row.locals.of(&self.sources),
            stack: row.stack.of(&self.sources),
        }
    }

    fn generator(&self, row: &FrameRow) -> Option<Generator> {
        row.generator.checked_sub(1).map(|index| self.generators[index as usize])
    }

    /// Begins a new snapshot.
    pub fn begin(&mut self) -> Building<'_> {
        let before = self.rows.last().map_or(Part { from: 0, len: 0 }, |row| row.frames);
        let first = self.lists.len() as u32;
        Building { all: self, before, first }
    }

    /// A snapshot of the same state after which something else happens.
    pub fn again(&mut self, snap: SnapId, then: Then) -> SnapId {
        let Some(row) = self.rows.get(snap.0 as usize) else { return snap };
        self.rows.push(Row { then, ..*row });
        SnapId(self.rows.len() as u32 - 1)
    }

    /// Calls `visit` with each source of all snapshots, items of tuples included.
    pub(crate) fn each_source(&self, visit: &mut impl FnMut(&Source)) {
        fn inner(source: &Source, visit: &mut impl FnMut(&Source)) {
            if let Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _) = source {
                items.iter().for_each(|item| inner(item, visit));
            }
            visit(source);
        }
        self.sources.iter().for_each(|source| inner(source, visit));
    }

    /// Calls `visit` with each value that some snapshot names.
    pub(crate) fn each_value(&self, visit: &mut impl FnMut(Val)) {
        self.frames.iter().filter_map(|row| row.head.real).for_each(&mut *visit);
        self.generators.iter().flat_map(Generator::values).for_each(&mut *visit);
        self.sources.iter().for_each(|source| source.each_value(visit));
        for store in &self.stores {
            visit(store.base);
            visit(store.value);
        }
    }

    /// Calls `visit` with each value that this snapshot names, but for what it shares with those that were asked for
    /// before.
    pub(crate) fn each_new_value(&self, snap: SnapId, seen: &mut Seen, visit: &mut impl FnMut(Val)) {
        let Some(row) = self.rows.get(snap.0 as usize) else { return };
        seen.frames.resize(self.frames.len(), false);
        seen.sources.resize(self.sources.len(), false);
        for &number in row.frames.of(&self.lists) {
            if std::mem::replace(&mut seen.frames[number as usize], true) {
                continue;
            }
            let frame = &self.frames[number as usize];
            frame.head.real.into_iter().for_each(&mut *visit);
            self.generator(frame).iter().flat_map(Generator::values).for_each(&mut *visit);
            for part in [frame.locals, frame.stack].into_iter().filter(|part| part.len > 0) {
                if !std::mem::replace(&mut seen.sources[part.from as usize], true) {
                    part.of(&self.sources).iter().for_each(|source| source.each_value(visit));
                }
            }
        }
        for store in row.stores.of(&self.stores) {
            visit(store.base);
            visit(store.value);
        }
    }

    /// Calls `visit` with each value that this snapshot names, in the order of [`Snapshot::each_value`]. Most slots name none, so
    /// that what the slots of a part name is listed once.
    pub(crate) fn each_listed_value(&self, snap: SnapId, named: &mut Named, visit: &mut impl FnMut(Val)) {
        let Some(row) = self.rows.get(snap.0 as usize) else { return };
        named.parts.resize(self.sources.len(), (u32::MAX, 0));
        for &number in row.frames.of(&self.lists) {
            let frame = &self.frames[number as usize];
            frame.head.real.into_iter().for_each(&mut *visit);
            for part in [frame.locals, frame.stack].into_iter().filter(|part| part.len > 0) {
                let listed = &mut named.parts[part.from as usize];
                if listed.0 == u32::MAX {
                    listed.0 = named.values.len() as u32;
                    part.of(&self.sources)
                        .iter()
                        .for_each(|source| source.each_value(&mut |val| named.values.push(val)));
                    listed.1 = named.values.len() as u32;
                }
                named.values[listed.0 as usize..listed.1 as usize].iter().for_each(|val| visit(*val));
            }
            self.generator(frame).iter().flat_map(Generator::values).for_each(&mut *visit);
        }
        for store in row.stores.of(&self.stores) {
            visit(store.base);
            visit(store.value);
        }
    }

    /// Those for which `live` is set, with other numbers for their values.
    pub fn renumbered(&self, live: &[bool], number: &impl Fn(Val) -> Val) -> Snapshots {
        const NOT_YET: u32 = u32::MAX;
        let mut new = Snapshots::default();
        new.rows.reserve(live.iter().filter(|live| **live).count());
        new.lists.reserve(self.lists.len());
        new.frames.reserve(self.frames.len());
        new.sources.reserve(self.sources.len());
        // Where each row, and the sources from each place on, are now.
        let mut frames = vec![NOT_YET; self.frames.len()];
        let mut sources = vec![NOT_YET; self.sources.len()];
        let mut slots = |new: &mut Snapshots, part: Part| {
            let Some(from) = sources.get_mut(part.from as usize).filter(|_| part.len > 0) else {
                return Part { from: 0, len: 0 };
            };
            if *from == NOT_YET {
                *from = new.sources.len() as u32;
                new.sources.extend(part.of(&self.sources).iter().map(|source| source.renumbered(number)));
            }
            Part { from: *from, len: part.len }
        };
        for (row, _) in self.rows.iter().zip(live).filter(|(_, live)| **live) {
            let first = new.lists.len() as u32;
            for &old in row.frames.of(&self.lists) {
                if frames[old as usize] == NOT_YET {
                    let row = &self.frames[old as usize];
                    frames[old as usize] = new.frames.len() as u32;
                    let generator = match self.generator(row) {
                        Some(mut generator) => {
                            generator.values_mut().for_each(|val| *val = number(*val));
                            new.generators.push(generator);
                            new.generators.len() as u32
                        }
                        None => 0,
                    };
                    let head = Head { real: row.head.real.map(number), ..row.head };
                    let (locals, stack) = (slots(&mut new, row.locals), slots(&mut new, row.stack));
                    new.frames.push(FrameRow { head, generator, locals, stack });
                }
                new.lists.push(frames[old as usize]);
            }
            let from = new.stores.len() as u32;
            let stores = row.stores.of(&self.stores).iter();
            new.stores.extend(stores.map(|store| FieldStore {
                base: number(store.base),
                value: number(store.value),
                ..*store
            }));
            let (frames, stores) = (Part { from: first, ..row.frames }, Part { from, ..row.stores });
            new.rows.push(Row { frames, stores, ..*row });
        }
        new.shrink();
        new
    }

    /// Gives back memory that is not in use.
    fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.lists.shrink_to_fit();
        self.frames.shrink_to_fit();
        self.sources.shrink_to_fit();
    }

    /// Bytes in use, without what tuples to be made have.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.rows[..])
            + size_of_val(&self.lists[..])
            + size_of_val(&self.frames[..])
            + size_of_val(&self.generators[..])
            + size_of_val(&self.sources[..])
            + size_of_val(&self.stores[..])
    }
}

/// What was looked at of the snapshots of a trace.
#[derive(Default)]
pub(crate) struct Seen {
    frames: Vec<bool>,
    /// By where a part begins.
    sources: Vec<bool>,
}

/// The values that parts of the snapshots of a trace name.
#[derive(Default)]
pub(crate) struct Named {
    /// For each part, by where it begins, where its values begin and end.
    parts: Vec<(u32, u32)>,
    values: Vec<Val>,
}

/// The slots in a list, for [`Building::frame`].
pub fn listed(slots: &[Source]) -> (usize, impl Fn(usize) -> Source) {
    (slots.len(), |index| slots[index].clone())
}

/// A snapshot that is being put together: its frames, outermost first, and those that are suspended.
pub struct Building<'a> {
    all: &'a mut Snapshots,
    /// The frames of the snapshot before.
    before: Part,
    /// Where its list of frames begins.
    first: u32,
}

impl Building<'_> {
    /// Adds a frame that is what it was in an earlier snapshot, instruction included.
    pub fn same_frame(&mut self, known: Known) {
        self.all.lists.push(known.row);
    }

    /// Adds a frame. Its locals, and its stack: how many, and what is in each. What is known to be
    /// the same in an earlier row is not looked at.
    pub fn frame(
        &mut self,
        head: Head,
        generator: Option<Generator>,
        locals: (usize, impl Fn(usize) -> Source),
        stack: (usize, impl Fn(usize) -> Source),
        known: Option<Known>,
    ) -> Known {
        let position = self.all.lists.len() - self.first as usize;
        let before = known.map(|known| known.row).or_else(|| self.before.of(&self.all.lists).get(position).copied());
        let row = before.map(|number| &self.all.frames[number as usize]);
        let (old_locals, old_stack) = (row.map(|row| row.locals), row.map(|row| row.stack));
        let same = row.is_some_and(|row| row.head == head && self.all.generator(row) == generator);
        let number = before.filter(|_| same);
        let locals = match (old_locals, known) {
            (Some(old), Some(_)) => {
                debug_assert_eq!(self.slots(Some(old), locals), old);
                old
            }
            _ => self.slots(old_locals, locals),
        };
        let stack = match (old_stack, known) {
            (Some(old), Some(Known { stack: true, .. })) => {
                debug_assert_eq!(self.slots(Some(old), stack), old);
                old
            }
            _ => self.slots(old_stack, stack),
        };
        let number = number.filter(|_| Some(locals) == old_locals && Some(stack) == old_stack);
        let number = number.unwrap_or_else(|| {
            self.all.generators.extend(generator);
            let generator = if generator.is_some() { self.all.generators.len() as u32 } else { 0 };
            self.all.frames.push(FrameRow { head, generator, locals, stack });
            self.all.frames.len() as u32 - 1
        });
        self.all.lists.push(number);
        Known { row: number, stack: true }
    }

    /// Slots as a part of the table: `known` where they are the same, and else a new one. Nothing is written before the first
    /// difference.
    #[inline]
    fn slots(&mut self, known: Option<Part>, (len, slot): (usize, impl Fn(usize) -> Source)) -> Part {
        let table = &mut self.all.sources;
        let known = known.unwrap_or(Part { from: 0, len: 0 });
        let same = known.of(table).iter().zip(0..len).take_while(|(known, index)| **known == slot(*index)).count();
        if (same, same) == (len, known.len as usize) {
            return known;
        }
        let from = table.len();
        table.extend_from_within(known.from as usize..known.from as usize + same);
        table.extend((same..len).map(slot));
        Part { from: from as u32, len: len as u32 }
    }

    /// The finished snapshot, of whose frames the last ones are suspended.
    pub fn finish(
        self,
        suspended: usize,
        stores: impl IntoIterator<Item = FieldStore>,
        then: Then,
        plain: u64,
    ) -> SnapId {
        let all = self.all;
        let from = all.stores.len() as u32;
        all.stores.extend(stores);
        let stores = Part { from, len: all.stores.len() as u32 - from };
        let frames = Part { from: self.first, len: all.lists.len() as u32 - self.first };
        all.rows.push(Row { plain, frames, stores, suspended: suspended as u16, then });
        SnapId(all.rows.len() as u32 - 1)
    }
}
