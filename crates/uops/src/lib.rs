//! The one table of micro-ops (uops).
//!
//! A uop is defined in exactly one place, [`table`]: its name, its operand and result classes, its
//! effects, how its registers may be chosen, and its meaning as one small Rust function. Everything
//! else is derived from that line: the trace interpreter calls the meaning through [`execute`], the
//! stencil compiler compiles the same function once for every choice of registers, and the
//! optimizer, the verifier, the text form and the disassembler ask [`Uop::info`].
//!
//! A meaning never touches memory by itself. It asks a [`Machine`], which is raw memory in a stencil
//! and in the product's trace interpreter, and a simulated heap in tests that run without Python.
#![no_std]

mod class;
mod context;
mod machine;
mod table;

pub use class::{Class, FloatReg, ImmKind, IntReg, Obj, Raw, Word};
pub use context::{ARGUMENTS, Context, FLOAT_REGS, INT_REGS, SPILL_SLOTS, offset};
pub use machine::{Machine, SideExit};
pub use table::{ALL, DictEntry, Effects, Form, ImmInfo, OperandInfo, Uop, UopInfo, execute, meaning};
