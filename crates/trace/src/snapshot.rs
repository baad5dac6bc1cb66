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

use crate::bytecode::{BinaryOp, CompareOp};
use crate::event::{CodeId, Consumer};
use crate::ir::Val;
pub use crate::snapshots::{Building, Frames, Known, Snapshots, listed};
pub(crate) use crate::snapshots::{Named, Seen};
use std::rc::Rc;

/// A snapshot, by its number in [`Trace::snaps`](crate::ir::Trace::snaps).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SnapId(pub u32);

/// Identity of an object that does not exist yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct BoxId(pub u32);

/// Where a slot's object comes from. There are very many of these: what is rare and large is behind a pointer.
#[derive(Clone, Debug)]
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
    Tuple(Rc<Vec<Source>>, BoxId),
    /// A function to be made: code, globals, and closure or null.
    Function(Rc<Vec<Source>>, BoxId),
    /// An instance to be made: its words, of which the first is null, and the second its class.
    Instance(Rc<Vec<Source>>, BoxId),
    /// The iterator of a `range` to be made: next value, step, values left. Only where a trace made it.
    RangeIter(Rc<[Val; 3]>, BoxId),
    /// The generator with this number, whose frame is in the snapshot.
    Generator(u32),
    /// A constant object, kept alive by code or a watched dict: the slot takes a new reference.
    Const(u64),
}

/// What becomes of the result of a call that is under way. Operands of the instruction that calls stay on the stack until the result
/// is there, as the interpreter has them, and go then.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Returns {
    /// It is pushed.
    #[default]
    Value,
    /// The same where the function, which is known by its code alone, is on top of the trace's stack as long as it runs. The
    /// interpreter has it in the callee's frame, and not on the stack any more.
    Called,
    /// It must be `None` and goes away: the call was of `__init__`, and the new instance, which is the result of the
    /// whole call, is on top of the stack already.
    Instance,
    /// It takes the place of so many operands: a property's getter, `__getitem__`.
    Over(u8),
    /// It goes away, and so many operands: `__setitem__`, a property's setter.
    Discard(u8),
    /// Of a binary operator: it takes the place of the two operands, unless it is `NotImplemented`.
    Binary(BinaryOp, Asked),
    /// The same of a comparison; it is made a `bool` where the second says so.
    Compare(CompareOp, bool),
    /// Its truth, inverted where asked, takes the place of the two operands of `in`.
    Contains(bool),
    /// It must be a `bool`, and takes the place of the operand: `__bool__`.
    Bool,
    /// It must be a length, and is pushed as an `int`: `__len__`.
    Length,
    /// It must be an iterator, and takes the place of the operand: `__iter__`.
    Iterator,
    /// It is an iterator's next item, which is pushed. Where `StopIteration` comes instead, the iterator goes, and the frame goes on at
    /// this offset.
    Next(u32),
    /// It is an item for this builtin, which goes through the generator on the stack, or the generator's end. The builtin's
    /// result is pushed in place of the generator and of what the builtin holds.
    Consume(Consumer),
    /// It is an item of a loop over the generator that is on top of the stack, and is pushed; where the generator has
    /// returned, it goes away, and the loop is over.
    Item,
}

/// Which method of a binary operator was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// The operator's, or the reflected one where the left operand has none.
    Plain,
    /// The same for an augmented assignment, as the left operand has no method for that.
    PlainForAugmented,
    /// That of the augmented assignment.
    Augmented,
}

impl Asked {
    const ALL: [Asked; 3] = [Asked::Plain, Asked::PlainForAugmented, Asked::Augmented];
}

impl Returns {
    /// How many operands go when the result is there. The function of [`Returns::Called`] is no operand.
    pub fn operands(self) -> usize {
        match self {
            Returns::Over(count) | Returns::Discard(count) => count.into(),
            Returns::Binary(..) | Returns::Compare(..) | Returns::Contains(_) => 2,
            Returns::Bool | Returns::Iterator => 1,
            Returns::Value | Returns::Called | Returns::Instance | Returns::Length | Returns::Next(_) => 0,
            Returns::Item | Returns::Consume(_) => 0,
        }
    }

    /// The word for it in the text form, and two numbers.
    pub(crate) fn parts(self) -> (&'static str, [u32; 2]) {
        match self {
            Returns::Value => ("value", [0; 2]),
            Returns::Called => ("called", [0; 2]),
            Returns::Instance => ("instance", [0; 2]),
            Returns::Over(count) => ("over", [count.into(), 0]),
            Returns::Discard(count) => ("discard", [count.into(), 0]),
            Returns::Binary(op, asked) => ("binary", [op as u32, asked as u32]),
            Returns::Compare(op, truth) => ("compare", [op as u32, truth.into()]),
            Returns::Contains(inverted) => ("contains", [inverted.into(), 0]),
            Returns::Bool => ("bool", [0; 2]),
            Returns::Length => ("length", [0; 2]),
            Returns::Iterator => ("iterator", [0; 2]),
            Returns::Next(end) => ("next", [end, 0]),
            Returns::Item => ("item", [0; 2]),
            Returns::Consume(consumer) => ("consume", [consumer as u32, 0]),
        }
    }

    /// What the text form says.
    pub(crate) fn from_parts(word: &str, [first, second]: [u32; 2]) -> Option<Returns> {
        let binary = BinaryOp::ALL.get(first as usize).copied();
        let compare = CompareOp::ALL.get(first as usize).copied();
        let count = u8::try_from(first).ok();
        Some(match word {
            "value" => Returns::Value,
            "called" => Returns::Called,
            "instance" => Returns::Instance,
            "over" => Returns::Over(count?),
            "discard" => Returns::Discard(count?),
            "binary" => Returns::Binary(binary?, Asked::ALL.get(second as usize).copied()?),
            "compare" => Returns::Compare(compare?, second != 0),
            "contains" => Returns::Contains(first != 0),
            "bool" => Returns::Bool,
            "length" => Returns::Length,
            "iterator" => Returns::Iterator,
            "next" => Returns::Next(first),
            "item" => Returns::Item,
            "consume" => Returns::Consume(*Consumer::ALL.get(first as usize)?),
            _ => return None,
        })
    }
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
    /// Whether there may be others between it and the frame below, which delegate each to the next: the outermost is the one that
    /// the frame below has.
    pub delegated: bool,
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

/// What a snapshot says of a Python frame besides its slots.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Head {
    /// The frame's code.
    pub code: CodeId,
    /// The function object's address; 0 for the entry frame and generators' frames, which exist, and where the function
    /// is on top of the stack of the frame below ([`Returns::Called`]).
    pub function: u64,
    /// The frame, where a general operation made it: it exists, is linked, and has its locals.
    pub real: Option<Val>,
    /// Instruction to go on with. For an outer frame: the call that is under way.
    pub offset: u32,
    /// For an outer frame: the instruction after that call, with the result on the stack. Else equal to `offset`.
    pub after: u32,
    /// For an outer frame: what becomes of the call's result.
    pub returns: Returns,
}

/// A Python frame to rebuild.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Frame<'a> {
    /// Where it stands.
    pub head: &'a Head,
    /// The generator whose frame it is.
    pub generator: Option<Generator>,
    /// One source per local slot.
    pub locals: &'a [Source],
    /// The operand stack, bottom first. For an outer frame without callable and arguments, but with the operands that
    /// [`Returns`] speaks of.
    pub stack: &'a [Source],
}

impl Frame<'_> {
    /// Depth of its operand stack, as the interpreter has it.
    pub fn depth(&self) -> u32 {
        (self.stack.len() - usize::from(self.returns == Returns::Called && !self.stack.is_empty())) as u32
    }
}

impl std::ops::Deref for Frame<'_> {
    type Target = Head;

    fn deref(&self) -> &Head {
        self.head
    }
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
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Snapshot<'a> {
    /// The frames, outermost (the entry frame) first.
    pub frames: Frames<'a>,
    /// Frames of generators that are suspended: each goes on at its `offset`.
    pub suspended: Frames<'a>,
    /// Fields to write first.
    pub stores: &'a [FieldStore],
    /// What comes next.
    pub then: Then,
    /// One bit for each local of the entry frame, the lowest first: memory of it is known to hold something plain. For
    /// side traces.
    pub plain: u64,
}

impl PartialEq for Source {
    /// Written out because nearly every slot of nearly every frame is compared for each snapshot.
    #[inline]
    fn eq(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Unchanged, Source::Unchanged) | (Source::Null, Source::Null) => true,
            (Source::Home(a), Source::Home(b)) => a == b,
            (Source::Int(a, id), Source::Int(b, other)) => (a, id) == (b, other),
            (Source::Float(a, id), Source::Float(b, other)) => (a, id) == (b, other),
            (Source::Bool(a), Source::Bool(b)) => a == b,
            (Source::Borrowed(a), Source::Borrowed(b)) => a == b,
            (Source::Owned(a), Source::Owned(b)) => a == b,
            (Source::Generator(a), Source::Generator(b)) => a == b,
            (Source::Const(a), Source::Const(b)) => a == b,
            (Source::RangeIter(a, id), Source::RangeIter(b, other)) => (a, id) == (b, other),
            (Source::Tuple(a, id), Source::Tuple(b, other))
            | (Source::Function(a, id), Source::Function(b, other))
            | (Source::Instance(a, id), Source::Instance(b, other)) => id == other && same_items(a, b),
            _ => false,
        }
    }
}

fn same_items(a: &[Source], b: &[Source]) -> bool {
    a == b
}

fn all_renumbered(sources: &[Source], number: &impl Fn(Val) -> Val) -> Rc<Vec<Source>> {
    Rc::new(sources.iter().map(|source| source.renumbered(number)).collect())
}

impl Source {
    /// Whether memory of the entry frame holds it already.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Source::Unchanged | Source::Home(_))
    }

    /// The same with other numbers for its values.
    pub(crate) fn renumbered(&self, number: &impl Fn(Val) -> Val) -> Source {
        match self {
            Source::Unchanged | Source::Null | Source::Const(_) | Source::Generator(_) => self.clone(),
            Source::Home(val) => Source::Home(number(*val)),
            Source::Int(val, id) => Source::Int(number(*val), *id),
            Source::Float(val, id) => Source::Float(number(*val), *id),
            Source::Bool(val) => Source::Bool(number(*val)),
            Source::Borrowed(val) => Source::Borrowed(number(*val)),
            Source::Owned(val) => Source::Owned(number(*val)),
            Source::Tuple(items, id) => Source::Tuple(all_renumbered(items, number), *id),
            Source::Function(parts, id) => Source::Function(all_renumbered(parts, number), *id),
            Source::Instance(parts, id) => Source::Instance(all_renumbered(parts, number), *id),
            Source::RangeIter(fields, id) => Source::RangeIter(Rc::new(fields.map(number)), *id),
        }
    }

    /// Calls `visit` with each value that this source needs.
    #[inline]
    pub fn each_value(&self, visit: &mut impl FnMut(Val)) {
        match self {
            Source::Unchanged | Source::Null | Source::Const(_) | Source::Generator(_) => {}
            Source::Home(v)
            | Source::Int(v, _)
            | Source::Float(v, _)
            | Source::Bool(v)
            | Source::Borrowed(v)
            | Source::Owned(v) => visit(*v),
            Source::Tuple(..) | Source::Function(..) | Source::Instance(..) | Source::RangeIter(..) => {
                self.each_item(visit);
            }
        }
    }

    /// The same for what has several, which is rare.
    fn each_item(&self, visit: &mut impl FnMut(Val)) {
        match self {
            Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _) => {
                items.iter().for_each(|item| item.each_value(visit));
            }
            Source::RangeIter(fields, _) => fields.iter().for_each(|field| visit(*field)),
            _ => {}
        }
    }
}

impl<'a> Snapshot<'a> {
    /// The frames, and behind them those that are suspended.
    pub fn all_frames(&self) -> impl Iterator<Item = Frame<'a>> + use<'a> {
        self.frames.iter().chain(self.suspended.iter())
    }

    /// Calls `visit` with each value that this snapshot needs, repetitions included.
    pub fn each_value(&self, visit: &mut impl FnMut(Val)) {
        for frame in self.all_frames() {
            frame.real.into_iter().for_each(&mut *visit);
            for source in frame.locals.iter().chain(frame.stack) {
                source.each_value(visit);
            }
            frame.generator.iter().flat_map(Generator::values).for_each(&mut *visit);
        }
        for store in self.stores {
            visit(store.base);
            visit(store.value);
        }
    }
}
