//! Snapshots: how to rebuild Python's state at a point of a trace.
//!
//! Think of a snapshot as a form to fill in: for each Python frame, outermost first, where it
//! stands and what each slot holds. Slots of the frame that the trace was entered on may say
//! "unchanged": memory already holds the right thing. So may slots of generators' frames, which live in the generator
//! and are there whether they run or not. Every other slot names a value and how to make
//! an object of it. Frames of inlined calls do not exist in memory until an exit builds them.
//!
//! Who owns what: a slot that is written takes a reference of its own. [`Source::Owned`] hands over
//! the reference that the trace holds; [`Source::Borrowed`] takes a new one; boxes are new objects.
//! The old content of a written local of the entry frame is dropped; the recorder makes sure that
//! this cannot run code. Slots of the entry frame's operand stack are written over without
//! dropping anything: a value that leaves the stack takes its reference along. Two slots with the same box number hold the same object.

use crate::event::{CodeId, Consumer};
use crate::ir::Val;

/// A snapshot, by its index in [`Trace::snaps`](crate::ir::Trace::snaps).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SnapId(pub u32);

/// Identity of an object that does not exist yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BoxId(pub u32);

/// Where a slot's object comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum Source {
    /// The slot of the entry frame holds it already.
    Unchanged,
    /// The slot of the entry frame holds it already, and it is this value: another slot borrows it from here, or the
    /// trace keeps fields of it in registers. A side trace must know that the two are one.
    Home(Val),
    /// Null: an unbound local, the null below a call.
    Null,
    /// An `int` to be made.
    Int(Val, BoxId),
    /// A `float` to be made.
    Float(Val, BoxId),
    /// `True` or `False`, from 1 or 0.
    Bool(Val),
    /// An object that somebody else keeps alive: the slot takes a new reference.
    Borrowed(Val),
    /// An object whose reference the trace holds: the slot takes it over.
    Owned(Val),
    /// A tuple to be made.
    Tuple(Vec<Source>, BoxId),
    /// The iterator of a `range` to be made: next value, step, values left. Only where a trace made it.
    RangeIter(Val, Val, Val, BoxId),
    /// The generator with this number, whose frame is in the snapshot.
    Generator(u32),
    /// A constant object, kept alive by code or a watched dict: the slot takes a new reference.
    Const(u64),
}

/// What becomes of the result of a call that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Returns {
    /// It is pushed.
    #[default]
    Value,
    /// It must be `None` and goes away: the call was of `__init__`, and the new instance, which is the result of the
    /// whole call, is on top of the stack already.
    Instance,
    /// It is an item for this builtin, which goes through the generator on the stack, or the generator's end. The builtin's
    /// result is pushed in place of the generator and of what the builtin holds.
    Consume(Consumer),
    /// It is an item of a loop over the generator that is on top of the stack, and is pushed; where the generator has
    /// returned, it goes away, and the loop is over.
    Item,
}

/// The generator that a frame belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generator {
    /// Its number, from 1 on.
    pub number: u32,
    /// The object.
    pub made: Made,
    /// Whether it has begun: it is suspended at a `yield`.
    pub begun: bool,
    /// Whether closing it where it is suspended runs no code: it is in no `try`.
    pub quiet: bool,
}

/// A generator object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    /// It exists.
    Object(Val),
    /// It does not exist: what it would be made of.
    Never(Maker),
}

/// What a generator is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Maker {
    /// The function, where it is a constant, for the trace itself; any one with this code will do.
    pub function: u64,
    /// Its code.
    pub code: u64,
    /// Its globals.
    pub globals: u64,
    /// A generator of this code, and a reference to it, whose content is the trace's and which nobody else has: exits fill it
    /// again. Null where there is none after all.
    pub shell: Option<Val>,
}

impl Generator {
    /// The object, where it exists.
    pub fn object(&self) -> Option<Val> {
        match self.made {
            Made::Object(val) => Some(val),
            Made::Never(_) => None,
        }
    }

    /// What exits fill again, where there is something.
    pub fn shell(&self) -> Option<Val> {
        match self.made {
            Made::Object(_) => None,
            Made::Never(maker) => maker.shell,
        }
    }

    /// Its values.
    pub fn values(&self) -> impl Iterator<Item = Val> {
        self.object().into_iter().chain(self.shell())
    }

    /// Its values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Val> {
        match &mut self.made {
            Made::Object(val) => Some(val),
            Made::Never(maker) => maker.shell.as_mut(),
        }
        .into_iter()
    }
}

/// A Python frame to rebuild.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// The frame's code.
    pub code: CodeId,
    /// The function object's address; 0 for the entry frame and generators' frames, which exist.
    pub function: u64,
    /// The frame, where a general operation made it: it exists, is linked, and has its locals.
    pub real: Option<Val>,
    /// The generator whose frame it is.
    pub generator: Option<Generator>,
    /// Instruction to go on with. For an outer frame: the call that is under way.
    pub offset: u32,
    /// For an outer frame: the instruction after that call, with the result on the stack. Else equal to `offset`.
    pub after: u32,
    /// For an outer frame: what becomes of the call's result.
    pub returns: Returns,
    /// One source per local slot.
    pub locals: Vec<Source>,
    /// The operand stack, bottom first. For an outer frame without callable and arguments.
    pub stack: Vec<Source>,
}

/// What happens once the frames are rebuilt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// CPython goes on at the innermost frame's instruction.
    Resume,
    /// The only frame is the entry frame and returns: nobody will look at its locals, unless a frame object exists.
    Return,
    /// An exception is set, raised by the innermost frame's instruction.
    Raise,
    /// The innermost frame is the entry frame and stands at the head of a compiled loop: enter it.
    Enter,
}

/// A field to be written when the trace is left, because the trace keeps it in a register.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldStore {
    /// The object.
    pub base: Val,
    /// Displacement in bytes.
    pub disp: i32,
    /// The 64-bit number to write.
    pub value: Val,
}

/// A snapshot.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The frames, outermost (the entry frame) first.
    pub frames: Vec<Frame>,
    /// Frames of generators that are suspended: each goes on at its `offset`.
    pub suspended: Vec<Frame>,
    /// Fields to write first.
    pub stores: Vec<FieldStore>,
    /// What comes next.
    pub then: Then,
}

impl Source {
    /// Whether memory of the entry frame holds it already.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Source::Unchanged | Source::Home(_))
    }

    /// Calls `visit` with each value that this source needs.
    pub fn each_value(&self, visit: &mut impl FnMut(Val)) {
        match self {
            Source::Unchanged | Source::Null | Source::Const(_) | Source::Generator(_) => {}
            Source::Home(v)
            | Source::Int(v, _)
            | Source::Float(v, _)
            | Source::Bool(v)
            | Source::Borrowed(v)
            | Source::Owned(v) => visit(*v),
            Source::Tuple(items, _) => items.iter().for_each(|item| item.each_value(visit)),
            Source::RangeIter(next, step, left, _) => {
                visit(*next);
                visit(*step);
                visit(*left);
            }
        }
    }
}

impl Snapshot {
    /// The frames, and behind them those that are suspended.
    pub fn all_frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().chain(&self.suspended)
    }

    /// Calls `visit` with each value that this snapshot needs, repetitions included.
    pub fn each_value(&self, visit: &mut impl FnMut(Val)) {
        for frame in self.all_frames() {
            frame.real.into_iter().for_each(&mut *visit);
            for source in frame.locals.iter().chain(&frame.stack) {
                source.each_value(visit);
            }
            frame.generator.iter().flat_map(Generator::values).for_each(&mut *visit);
        }
        for store in &self.stores {
            visit(store.base);
            visit(store.value);
        }
    }
}
