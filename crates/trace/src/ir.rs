//! The trace: a straight line of instructions in single-assignment form, with at most one loop.
//!
//! A trace is a list of instructions; a value is the index of the instruction that defines it. The
//! line starts with parameters (side traces: the values of the exit that they continue), runs
//! through a first pass, and where it loops, through a label with phis and a second pass that jumps
//! back to the label:
//!
//! ```text
//! params… first pass… label: phis… body… -> back to label with one value per phi
//! ```
//!
//! Order is execution order. An instruction that may exit names the snapshot that says what Python
//! state to rebuild there.

use crate::event::{Code, CodeId};
use crate::few::Few;
use crate::snapshot::{SnapId, Snapshots};
use decal_uops::{Class, Uop};
use std::rc::Rc;

/// A value: the index of the instruction that defines it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub struct Val(pub u32);

impl Val {
    /// As an index into [`Trace::insts`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A part of the heap. Loads and stores of different regions never touch the same bytes, so that
/// a store kills only what is known of its own region.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Region {
    /// No memory, or memory that never changes while the object lives (the digits of an int, a tuple's items, …).
    Fixed,
    /// The slots of the frame that the trace was entered on.
    Frame,
    /// Length and item pointer of lists.
    ListHead,
    /// Items of lists.
    ListItems,
    /// Length and buffer pointer of a `bytearray` or an array.
    BytesHead,
    /// Bytes of a `bytearray`, and items of an array.
    BytesItems,
    /// Attribute values of instances.
    Attributes,
    /// Whether an instance still has inline values, and its dict pointer.
    AttributeState,
    /// The order in which an instance got its attributes.
    AttributeOrder,
    /// The fields of iterators.
    Iterators,
    /// The tuples that `enumerate` objects use again.
    Results,
    /// The content of cells.
    Cells,
    /// The slots of generators' frames.
    Generators,
    /// Whether generators are suspended, and where.
    GeneratorState,
    /// Reference counts.
    Counts,
    /// All of it: what a general operation may read and write.
    Any,
}

/// All regions, in order.
pub const REGIONS: &[Region] = &[
    Region::Fixed,
    Region::Frame,
    Region::ListHead,
    Region::ListItems,
    Region::BytesHead,
    Region::BytesItems,
    Region::Attributes,
    Region::AttributeState,
    Region::AttributeOrder,
    Region::Iterators,
    Region::Results,
    Region::Cells,
    Region::Generators,
    Region::GeneratorState,
    Region::Counts,
    Region::Any,
];

/// A set of regions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Regions(u16);

impl Regions {
    /// No region.
    pub const NONE: Regions = Regions(0);

    /// Adds one.
    pub fn insert(&mut self, region: Region) {
        self.0 |= 1 << region as u16;
    }

    /// Whether a region is in it.
    pub fn contains(self, region: Region) -> bool {
        self.0 >> region as u16 & 1 == 1
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of it is in the other.
    pub fn is_subset(self, other: Regions) -> bool {
        self.0 & !other.0 == 0
    }

    /// What is in this one, or in the other.
    pub fn or(self, other: Regions) -> Regions {
        Regions(self.0 | other.0)
    }

    /// What is in both.
    pub fn and(self, other: Regions) -> Regions {
        Regions(self.0 & other.0)
    }

    /// Its regions, in order.
    pub fn iter(self) -> impl Iterator<Item = Region> {
        REGIONS.iter().copied().filter(move |region| self.contains(*region))
    }
}

impl FromIterator<Region> for Regions {
    fn from_iter<I: IntoIterator<Item = Region>>(regions: I) -> Regions {
        let mut all = Regions::NONE;
        regions.into_iter().for_each(|region| all.insert(region));
        all
    }
}

impl std::fmt::Debug for Regions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

const _: () = assert!(REGIONS.len() <= u16::BITS as usize);

/// Operands that a uop has at most.
pub const MAX_ARGS: usize = 4;

/// The operands of a uop.
pub type Args = Few<Val, MAX_ARGS>;

/// A uop with its operands.
#[derive(Clone, PartialEq, Debug)]
pub struct UopInst {
    /// Which.
    pub uop: Uop,
    /// Its operands, in the table's order.
    pub args: Args,
    /// Its immediate of 32 bits, 0 where it has none.
    pub imm32: i32,
    /// Its immediate of 64 bits, 0 where it has none.
    pub imm64: u64,
    /// The part of the heap that it reads or writes.
    pub region: Region,
    /// Where it exits to; present exactly where the uop may exit.
    pub snap: Option<SnapId>,
}

/// An instruction.
#[derive(Clone, PartialEq, Debug)]
pub enum Inst {
    /// A value that a side trace starts with; parameters come first.
    Param(Class),
    /// A value that the loop carries: `entry` in the first turn, then the matching argument of [`End::Loop`].
    Phi {
        /// Its class.
        class: Class,
        /// Its value when the loop is entered.
        entry: Val,
        /// An object that something else keeps alive: no reference comes with it.
        borrowed: bool,
    },
    /// A uop.
    Uop(UopInst),
}

/// Where a trace starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At the head of a loop: everything is in the frame.
    Loop,
    /// At the start of a function: everything is in the frame.
    Function,
    /// At an exit of another trace, with the values of its snapshot in [`Trace::origins`]'s order.
    Exit,
}

/// How a trace ends.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    /// Jumps to the trace's own label; one value per phi.
    Loop(Vec<Val>),
    /// Jumps to the label of the root trace that this side trace belongs to. One value for each entry
    /// of that label's interface (its phis, then the other values that its body uses).
    Join(Vec<Val>),
    /// Leaves through a snapshot; what happens then is the snapshot's.
    Exit(SnapId),
}

/// A trace.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    /// Where it starts.
    pub start: Start,
    /// The code objects that its snapshots name.
    pub codes: Vec<Rc<Code>>,
    /// The instructions.
    pub insts: Vec<Inst>,
    /// Index of the first phi, where the trace loops. With no phis, of the first instruction of the body.
    pub label: Option<u32>,
    /// How it ends.
    pub end: End,
    /// The snapshots.
    pub snaps: Snapshots,
    /// For each parameter, the parent trace's value that it is.
    pub origins: Vec<Val>,
    /// Code objects whose instructions run in this trace, without repetition.
    pub covers: Vec<CodeId>,
}

impl Trace {
    /// The class of a value, if its instruction has a result.
    pub fn class(&self, val: Val) -> Option<Class> {
        match self.insts.get(val.index())? {
            Inst::Param(class) | Inst::Phi { class, .. } => Some(*class),
            Inst::Uop(inst) => inst.uop.info().result,
        }
    }

    /// The phis, as a range of values. Empty where the trace does not loop.
    pub fn phis(&self) -> impl Iterator<Item = Val> + '_ {
        let first = self.label.unwrap_or(self.insts.len() as u32);
        (first..self.insts.len() as u32).map(Val).take_while(|v| matches!(self.insts[v.index()], Inst::Phi { .. }))
    }
}
