//! The one list of reasons for which a recording is abandoned, with the words that the user reads.
//!
//! Grouped by what was being done. Each reason has a test program that yields it.

use crate::event::CodeId;
use std::fmt;

/// Why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AbortReason {
    /// The fast form of an instruction failed: what was seen is recorded anew with the general one.
    Again,
    // ---- observing
    /// The pass has more instructions than a trace may have.
    TooLong,
    /// The frame was left by an exception or in another way before the loop came round.
    LeftLoop,
    /// Nothing was observed.
    Empty,
    // ---- instructions
    /// An instruction that traces do not handle.
    Instruction(&'static str),
    /// The loop is in a generator, and hands an item out.
    Yields,
    /// An operator on types that traces do not handle.
    OperandTypes(&'static str),
    /// A truth value of a type that traces do not handle.
    Truth,
    /// An index or a container that traces do not handle.
    Subscript,
    /// A store into a container that traces do not handle.
    StoreSubscript,
    /// Unpacking of something that is neither tuple nor list.
    Unpack,
    /// A membership test other than of a number in a small tuple of numbers.
    Contains,
    /// A loop over something other than a range, list or tuple.
    Iterate,
    // ---- names
    /// A global name that cannot be watched.
    Global,
    /// An attribute found in a way that traces do not handle.
    Attribute(&'static str),
    /// A cell that is empty or changes its kind.
    Cell,
    // ---- calls
    /// A call of something that traces do not handle.
    Call(&'static str),
    /// Calls within calls, deeper than a trace follows.
    TooDeep,
    // ---- state
    /// What the loop carries changes its kind from turn to turn: what it is.
    Unstable(&'static str),
    /// The loop's operand stack changes from turn to turn.
    Stack,
    /// An exception raised here would be handled elsewhere than CPython expects of this loop.
    Handler,
    /// The exit's state cannot be continued by a trace.
    Exit,
    /// The recording contradicts itself, which is decal's own mistake.
    Inconsistent(&'static str),
}

impl AbortReason {
    /// Whether it only says that no fast form fits these operands, so that a general operation may do it.
    pub fn is_general(self) -> bool {
        matches!(
            self,
            AbortReason::Instruction(_)
                | AbortReason::OperandTypes(_)
                | AbortReason::Truth
                | AbortReason::Subscript
                | AbortReason::StoreSubscript
                | AbortReason::Unpack
                | AbortReason::Contains
                | AbortReason::Iterate
                | AbortReason::Attribute(_)
                | AbortReason::Call(_)
                | AbortReason::TooDeep
                | AbortReason::Global
        )
    }
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AbortReason::Again => f.write_str("internal: to be recorded anew"),
            AbortReason::TooLong => f.write_str("one pass has too many instructions"),
            AbortReason::LeftLoop => f.write_str("the loop was left while it was observed"),
            AbortReason::Empty => f.write_str("nothing was observed"),
            AbortReason::Instruction(name) => write!(f, "instruction {name} is not compiled yet"),
            AbortReason::Yields => f.write_str("a generator's loop that yields is compiled where it is used"),
            AbortReason::OperandTypes(op) => write!(f, "operator {op} on these types is not compiled yet"),
            AbortReason::Truth => f.write_str("the truth of a value of this type is not compiled yet"),
            AbortReason::Subscript => f.write_str("indexing with these types is not compiled yet"),
            AbortReason::StoreSubscript => f.write_str("storing an item with these types is not compiled yet"),
            AbortReason::Unpack => f.write_str("unpacking of this type is not compiled yet"),
            AbortReason::Contains => f.write_str("this membership test is not compiled yet"),
            AbortReason::Iterate => f.write_str("a loop over this type is not compiled yet"),
            AbortReason::Global => f.write_str("a global name changes too often"),
            AbortReason::Attribute(how) => write!(f, "attribute not compiled yet: {how}"),
            AbortReason::Cell => f.write_str("a closure's variable is empty"),
            AbortReason::Call(what) => write!(f, "call not compiled yet: {what}"),
            AbortReason::TooDeep => f.write_str("calls within calls are too deep to be inlined"),
            AbortReason::Unstable(what) => write!(f, "the state differs from turn to turn: {what}"),
            AbortReason::Stack => f.write_str("the operand stack differs from turn to turn"),
            AbortReason::Handler => f.write_str("an exception here would be handled outside the loop"),
            AbortReason::Exit => f.write_str("this exit cannot be continued"),
            AbortReason::Inconsistent(what) => write!(f, "internal: {what}"),
        }
    }
}

/// A recording that was abandoned, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abort {
    /// Why.
    pub reason: AbortReason,
    /// In which code.
    pub code: CodeId,
    /// At which instruction, in code units.
    pub offset: u32,
}
