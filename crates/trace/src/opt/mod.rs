//! Optimizing: what is known while a trace is emitted, and the passes over the whole trace.
//!
//! Most of the work happens at the moment an instruction is emitted ([`emit`]): it is folded
//! ([`fold`]), made simpler by what is known of its operands ([`range`]), found among what was computed before, or answered from
//! what is known of the heap ([`heap`]). Later code never sees the redundant form, so no pass has to find it again, and the
//! loop's body, which is emitted after one full pass of the same events, drops everything that the
//! first pass has already checked: what does not change is checked once before the loop.
//!
//! [`PASSES`] lists what runs over the finished trace. With optimizing switched off nothing is
//! folded, remembered or removed, which tells a bug of the optimizer from one of the code generator.
//! Sums and differences of each other come down to what is left of them ([`sums`]). [`rewrites`] has the list of all rules, and counts what they do.

use crate::ir::{Trace, Val};

pub mod compare;
pub mod dce;
pub mod divide;
pub mod emit;
pub mod fold;
pub mod heap;
pub mod range;
pub mod ranges;
pub mod rewrites;
pub mod sums;

/// Parts of optimizing that can be switched off one by one, to find the one at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Constants are folded, and operations that give their operand.
    Fold,
    /// What was computed or guarded is not again.
    Number,
    /// What type an object has is remembered.
    Types,
    /// Loads are answered from what is known of memory.
    Loads,
    /// Divisions by constants are done without dividing.
    Divide,
    /// What cannot fail is not checked, since it is known between which bounds integers lie.
    Ranges,
    /// What nobody uses is removed.
    Dead,
}

/// All parts, in order.
pub const PARTS: &[Part] =
    &[Part::Fold, Part::Number, Part::Types, Part::Loads, Part::Divide, Part::Ranges, Part::Dead];

impl Part {
    /// The part of this name.
    pub fn named(name: &str) -> Option<Part> {
        PARTS.iter().copied().find(|part| part.name() == name)
    }

    /// Its name, as in `DECAL_STRESS`.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Fold => "fold",
            Part::Number => "number",
            Part::Types => "types",
            Part::Loads => "loads",
            Part::Divide => "divide",
            Part::Ranges => "ranges",
            Part::Dead => "dead",
        }
    }
}

/// A pass over a finished trace.
pub struct Pass {
    /// Its name, as in dumps.
    pub name: &'static str,
    /// What it does to a trace. Gives for each old value its new number, if it is still there.
    pub run: fn(Trace) -> (Trace, Vec<Option<Val>>),
}

/// The passes, in order.
pub const PASSES: &[Pass] = &[Pass { name: "dce", run: crate::opt::dce::run }];
