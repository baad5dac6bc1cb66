//! Snapshots of the recorder's picture: what each exit gives back.
//!
//! One is taken at each instruction's start, before it changes anything, so that CPython can run the instruction again.

use super::state::{Local, Own, Position, Sym, owned_items};
use super::{Recorder, Wrote};
use crate::ir::Val;
use crate::snapshot::{FieldStore, Frame, Returns, SnapId, Snapshot, Source, Then};
use std::collections::BTreeSet;

impl Recorder<'_> {
    /// The snapshot of the instruction's start, from which CPython runs it again.
    pub(super) fn snap(&mut self) -> SnapId {
        if let Some(offset) = self.unsnapped.take() {
            self.snap = self.build_snapshot(offset, Then::Resume);
        }
        self.snap
    }

    /// The same state, with an exception set.
    pub(super) fn raise_snap(&mut self) -> SnapId {
        if let Some(snap) = self.raise_snap {
            return snap;
        }
        let state = self.snap();
        let snap = self.e.snapshot_with(state, Then::Raise);
        self.raise_snap = Some(snap);
        snap
    }

    /// Objects in slots of the entry frame that other slots or iterators' fields mean too.
    fn named(&self) -> BTreeSet<Val> {
        let mut named: BTreeSet<Val> = self.iters.iter().filter(|iter| iter.dirty).map(|iter| iter.iterator).collect();
        let (entry, inner) = self.frames.split_at(self.frames.len().min(1));
        let stacks = entry.iter().flat_map(|frame| frame.stack.iter().enumerate());
        for (index, sym) in stacks {
            if let Sym::Obj(val, own @ (Own::Slot(_) | Own::StackSlot(_))) = sym
                && *own != Own::StackSlot(index as u32)
            {
                named.insert(*val);
            }
        }
        for frame in inner {
            for sym in frame.locals.iter().map(|local| &local.sym).chain(&frame.stack) {
                if let Sym::Obj(val, Own::Slot(_) | Own::StackSlot(_)) = sym {
                    named.insert(*val);
                }
            }
        }
        named
    }

    /// Notes what was written so far, for side traces of the exits that follow.
    fn note_writes(&mut self) {
        let mut now = self.inherited.clone();
        now.locals.extend(&self.written);
        now.regions.extend(self.e.heap().written());
        let last = self.wrote.last().map(|(_, wrote)| wrote);
        if last.map_or(now != Wrote::default(), |last| *last != now) {
            self.wrote.push((Val(self.e.len() as u32), now));
        }
    }

    /// See [`Snapshot::plain`].
    fn plain_locals(&self) -> u64 {
        let Some(frame) = self.frames.first() else { return 0 };
        let plain = |(slot, local): (usize, &Local)| match &local.sym {
            Sym::Obj(val, Own::Slot(home)) if *home as usize == slot => local.plain || self.is_plain(*val),
            _ => local.plain,
        };
        let locals = frame.locals.iter().take(64).enumerate();
        locals.map(|(slot, local)| u64::from(plain((slot, local))) << slot).sum()
    }

    /// A snapshot of the state as it is, standing at `offset` of the innermost frame.
    pub(super) fn build_snapshot(&mut self, offset: u32, then: Then) -> SnapId {
        self.unsnapped = None;
        self.note_writes();
        let depth = self.frames.len();
        let (named, owned) = (self.named(), owned_items(&self.frames));
        let frames = self
            .frames
            .iter()
            .enumerate()
            .map(|(index, frame)| {
                let innermost = index + 1 == depth;
                let local = |(i, local): (usize, &Local)| match (&local.sym, frame.real) {
                    (Sym::Null, _) | (_, None) => source(&local.sym, (index == 0).then_some((true, i)), &named, &owned),
                    _ => Source::Unchanged,
                };
                let entry = index == 0;
                Frame {
                    code: frame.code,
                    function: frame.function,
                    real: frame.real,
                    offset: if innermost { offset } else { frame.call.0 },
                    after: if innermost { offset } else { frame.call.1 },
                    returns: if innermost { Returns::Value } else { frame.returns },
                    locals: frame.locals.iter().enumerate().map(local).collect(),
                    stack: frame
                        .stack
                        .iter()
                        .enumerate()
                        .map(|(i, s)| source(s, entry.then_some((false, i)), &named, &owned))
                        .collect(),
                }
            })
            .collect();
        let layout = &self.host.layout;
        let mut stores = Vec::new();
        for iter in self.iters.iter().filter(|iter| iter.dirty) {
            let next = match iter.left {
                Some(left) => {
                    stores.push(FieldStore { base: iter.iterator, disp: layout.range_iter_len, value: left });
                    layout.range_iter_start
                }
                None => iter.index_disp(layout),
            };
            stores.push(FieldStore { base: iter.iterator, disp: next, value: iter.next });
        }
        let plain = self.plain_locals();
        self.e.snapshot(Snapshot { frames, stores, then, plain })
    }
}

/// What a snapshot says of a slot. `home` is the slot's own place in memory, for frame 0; `named` see [`Recorder::named`].
/// `owned` are the items that some description of their tuple owns: all descriptions say so, as the tuple is made once.
fn source(sym: &Sym, home: Option<(bool, usize)>, named: &BTreeSet<Val>, owned: &BTreeSet<Position>) -> Source {
    let in_place = |val: &Val| if named.contains(val) { Source::Home(*val) } else { Source::Unchanged };
    match sym {
        Sym::Unchanged => Source::Unchanged,
        Sym::Null => Source::Null,
        Sym::Int(val, id) => Source::Int(*val, *id),
        Sym::Float(val, id) => Source::Float(*val, *id),
        Sym::Bool(val) => Source::Bool(*val),
        Sym::Obj(val, Own::Slot(slot)) if home == Some((true, *slot as usize)) => in_place(val),
        Sym::Obj(val, Own::StackSlot(slot)) if home == Some((false, *slot as usize)) => in_place(val),
        Sym::Obj(val, Own::Owned) => Source::Owned(*val),
        Sym::Obj(val, _) => Source::Borrowed(*val),
        Sym::Const(operand) => Source::Const(operand.object),
        Sym::Tuple(items, id) => {
            let item = |(position, item): (usize, &Sym)| match item {
                Sym::Obj(val, _) if owned.contains(&(*id, position)) => Source::Owned(*val),
                _ => source(item, None, named, owned),
            };
            Source::Tuple(items.iter().enumerate().map(item).collect(), *id)
        }
        Sym::RangeIter(next, step, left, id) => Source::RangeIter(*next, *step, *left, *id),
    }
}
