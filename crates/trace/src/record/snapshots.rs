//! Snapshots of the recorder's picture: what each exit gives back.
//!
//! One is taken at each instruction's start, before it changes anything, so that CPython can run the instruction again.

use super::Recorder;
use super::pictured::Pictured;
use super::state::{Items, Own, PER_FRAME, Sym};
use crate::ir::Val;
use crate::snapshot::{BoxId, FieldStore, Generator, Head, Returns, SnapId, Source, Then};
use std::rc::Rc;

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

    /// Lists objects in slots of frames that exist that other slots or iterators' fields mean too. Whether there are tuples that
    /// were not made.
    fn find_named(&mut self, named: &mut Vec<Val>) -> bool {
        named.clear();
        named.extend(self.iters.iter().filter(|iter| iter.dirty).map(|iter| iter.iterator));
        let mut tuples = false;
        for (index, frame) in self.frames.iter_mut().chain(&mut self.suspended).enumerate() {
            let generator = frame.generator;
            named.extend(generator.and_then(|generator| generator.object()));
            frame.look(first_place(index, generator));
            for found in frame.found() {
                named.extend(&found.foreign);
                tuples |= found.tuples;
            }
        }
        named.sort_unstable();
        named.dedup();
        tuples
    }

    /// See [`Snapshot::plain`](crate::snapshot::Snapshot::plain).
    fn plain_locals(&self) -> u64 {
        let Some([found, _]) = self.frames.first().map(Pictured::found) else { return 0 };
        let own = found.own.iter().filter(|(_, val)| self.is_plain(*val));
        own.fold(found.plain, |plain, (slot, _)| plain | 1 << slot)
    }

    /// A snapshot of the state as it is, standing at `offset` of the innermost frame.
    pub(super) fn build_snapshot(&mut self, offset: u32, then: Then) -> SnapId {
        self.unsnapped = None;
        self.note_writes();
        let mut named = std::mem::take(&mut self.named_before);
        let tuples = self.find_named(&mut named);
        let (depth, plain) = (self.frames.len(), self.plain_locals());
        let mut owned = std::mem::take(&mut self.owned_before);
        owned.clear();
        let described = self.frames.iter().chain(&self.suspended).filter(|_| tuples).flat_map(|frame| frame.found());
        for item in described.flat_map(|found| found.owned.iter()) {
            owned.insert(*item);
        }
        if (&self.named, &self.owned) != (&named, &owned) {
            self.named_since += 1;
        }
        let since = self.named_since;
        let behind = self.behind.unwrap_or(offset);
        let mut snapshot = self.e.snapshot();
        for (index, frame) in self.frames.iter_mut().chain(&mut self.suspended).enumerate() {
            let innermost = index + 1 == depth;
            let first = first_place(index, frame.generator);
            let is_same = frame.is_described(first.is_some(), since);
            if let Some(known) = frame.known_below().filter(|_| is_same && !innermost) {
                snapshot.same_frame(known);
                continue;
            }
            let known = frame.known().filter(|_| is_same);
            let head = Head {
                code: frame.code,
                function: frame.function,
                real: frame.real,
                offset: if innermost { offset } else { frame.call.0 },
                after: if innermost { behind } else { frame.call.1 },
                returns: if innermost { Returns::Value } else { frame.returns },
            };
            let place = |slot: usize| first.map(|first| first + slot as u32);
            let kept = frame.real.is_some() && frame.generator.is_none() && (frame.filled || !frame.held);
            let local = |slot: usize| match &frame.locals[slot].sym {
                Sym::Null => Source::Null,
                _ if kept => Source::Unchanged,
                sym => source(sym, place(slot).map(Own::Slot), &named, &owned),
            };
            let stack = |slot: usize| source(&frame.stack[slot], place(slot).map(Own::StackSlot), &named, &owned);
            let slots = ((frame.locals.len(), local), (frame.stack.len(), stack));
            let known = snapshot.frame(head, frame.generator, slots.0, slots.1, known);
            frame.describe(known, innermost, since);
        }
        self.named_before = std::mem::replace(&mut self.named, named);
        self.owned_before = std::mem::replace(&mut self.owned, owned);
        let layout = &self.host.layout;
        let stores = self.iters.iter().filter(|iter| iter.dirty).flat_map(|iter| {
            let store = |disp: i32, value: Val| FieldStore { base: iter.iterator, disp, value };
            let next = if iter.left.is_some() { layout.range_iter_start } else { iter.index_disp(layout) };
            iter.left.map(|left| store(layout.range_iter_len, left)).into_iter().chain([store(next, iter.next)])
        });
        snapshot.finish(self.suspended.len(), stores, then, plain)
    }
}

/// The number of a frame's first slot, where the frame exists.
pub(super) fn first_place(index: usize, generator: Option<Generator>) -> Option<u32> {
    match generator {
        Some(generator) => generator.object().map(|_| generator.number * PER_FRAME),
        None => (index == 0).then_some(0),
    }
}

/// What a snapshot says of a slot. `place` is the slot's own place in memory; `named` see [`Recorder::find_named`].
/// `owned` are the items that some description of their tuple owns: all descriptions say so, as the tuple is made once.
#[inline]
fn source(sym: &Sym, place: Option<Own>, named: &[Val], owned: &Items) -> Source {
    match sym {
        Sym::Unchanged => Source::Unchanged,
        Sym::Null => Source::Null,
        Sym::Obj(val, own @ (Own::Slot(_) | Own::StackSlot(_))) if Some(*own) == place => {
            match named.binary_search(val) {
                Ok(_) => Source::Home(*val),
                Err(_) => Source::Unchanged,
            }
        }
        Sym::Obj(val, Own::Owned) => Source::Owned(*val),
        Sym::Obj(val, _) => Source::Borrowed(*val),
        Sym::Const(operand) => Source::Const(operand.object),
        Sym::Int(val, id) => Source::Int(*val, *id),
        Sym::Float(val, id) => Source::Float(*val, *id),
        Sym::Bool(val) => Source::Bool(*val),
        Sym::Gen(number) => Source::Generator(*number),
        Sym::RangeIter(next, step, left, id) => Source::RangeIter(Rc::new([*next, *step, *left]), *id),
        Sym::Tuple(items, id) => Source::Tuple(parts(items, *id, named, owned), *id),
        Sym::Function(items, id) => Source::Function(parts(items, *id, named, owned), *id),
        Sym::Instance(items, id) => Source::Instance(parts(items, *id, named, owned), *id),
    }
}

fn parts(items: &[Sym], id: BoxId, named: &[Val], owned: &Items) -> Rc<Vec<Source>> {
    let item = |(position, item): (usize, &Sym)| match item {
        Sym::Obj(val, _) if owned.contains(&(id, position)) => Source::Owned(*val),
        _ => source(item, None, named, owned),
    };
    Rc::new(items.iter().enumerate().map(item).collect())
}
