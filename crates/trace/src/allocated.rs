//! A trace whose values have places: what the register allocator makes and the assembler takes.
//!
//! It is still a straight line. Each operation is a uop with its registers chosen, so that it names
//! exactly one stencil; moves, spills and reloads are uops like all others.

pub use crate::exits::{ExitMap, Exits};
use crate::few::Few;
use crate::ir::{MAX_ARGS, Val};
use decal_uops::{Class, FloatReg, IntReg, Uop};

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// In an integer register.
    Int(IntReg),
    /// In a float register.
    Float(FloatReg),
    /// In this spill slot of the context.
    Spill(u16),
    /// Nowhere: it is this constant (the bits, for any class).
    Const(u64),
}

/// An operand as the stencil sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Operand {
    /// In an integer register.
    Int(IntReg),
    /// In a float register.
    Float(FloatReg),
    /// A constant in the stencil's operand hole (the value is in [`Operation::operand_imm`]).
    #[default]
    Imm,
}

/// The operands of a uop.
pub type Operands = Few<Operand, MAX_ARGS>;

/// An exit of an allocated trace, by its index in [`Allocated::exits`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExitIndex(pub u32);

/// A uop with its registers.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// Which.
    pub uop: Uop,
    /// Where its operands are.
    pub operands: Operands,
    /// Where its result goes.
    pub result: Option<Operand>,
    /// The uop's own immediate of 32 bits.
    pub imm32: i32,
    /// The uop's own immediate of 64 bits.
    pub imm64: u64,
    /// The constant in place of the last operand, where that is [`Operand::Imm`].
    pub operand_imm: i32,
    /// Its exit.
    pub exit: Option<ExitIndex>,
    /// The value it computes or the instruction it stands for; none for moves, spills and reloads.
    pub source: Option<Val>,
}

/// A piece of an allocated trace.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// A uop.
    Op(Operation),
    /// The loop starts here.
    Label,
    /// Jump to the label.
    JumpLabel,
    /// Jump to the label of the root trace.
    JumpRoot,
    /// Leave through this exit.
    Exit(ExitIndex),
}

/// A value that code jumping to the label must put into a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LabelEntry {
    /// The value.
    pub val: Val,
    /// Its class.
    pub class: Class,
    /// Where it must be.
    pub place: Place,
    /// Whether it is a phi, which changes from turn to turn. Other entries keep their value, and a side
    /// trace must hand back the value that it found.
    pub phi: bool,
    /// A slot that must hold it too: it was saved once before the loop, so that the body may take its
    /// register without saving it again.
    pub slot: Option<u16>,
}

/// An allocated trace.
#[derive(Clone, PartialEq, Debug)]
pub struct Allocated {
    /// The code, in order.
    pub items: Vec<Item>,
    /// The exits.
    pub exits: Exits,
    /// What the label expects: the phis in order, then all other values that are live there. Empty
    /// where the trace does not loop.
    pub label: Vec<LabelEntry>,
    /// Spill slots in use: those with this number or above are free at every exit.
    pub spills: u16,
}
