//! Printing traces with registers, for the most detailed dump. Not parsed.
//!
//! `i0`… are integer registers, `x0`… float registers, `[3]` is a spill slot, `=5` a constant:
//!
//! ```text
//!       i5 = add_int i4, =1 ; v5, exit e2
//! e2: s1 v4 i4, v2 [0]
//! ```

use super::print::write_imm;
use crate::allocated::{Allocated, Item, Operand, Operation, Place};
use std::fmt::{Display, Formatter, Result};

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Place::Int(reg) => write!(f, "i{}", reg.0),
            Place::Float(reg) => write!(f, "x{}", reg.0),
            Place::Spill(slot) => write!(f, "[{slot}]"),
            Place::Const(bits) if *bits < 10_000 => write!(f, "={bits}"),
            Place::Const(bits) => write!(f, "={bits:#x}"),
        }
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.result {
            Some(Operand::Int(reg)) => write!(f, "i{} = ", reg.0)?,
            Some(Operand::Float(reg)) => write!(f, "x{} = ", reg.0)?,
            Some(Operand::Imm) | None => {}
        }
        let info = self.uop.info();
        f.write_str(info.name)?;
        let mut separator = " ";
        for operand in &self.operands {
            f.write_str(separator)?;
            match operand {
                Operand::Int(reg) => write!(f, "i{}", reg.0)?,
                Operand::Float(reg) => write!(f, "x{}", reg.0)?,
                Operand::Imm => write!(f, "={}", self.operand_imm)?,
            }
            separator = ", ";
        }
        for imm in info.imms {
            f.write_str(separator)?;
            write_imm(f, self.uop, imm.kind, self.imm32, self.imm64)?;
            separator = ", ";
        }
        let mut separator = " ; ";
        if let Some(val) = self.source {
            write!(f, "{separator}{val}")?;
            separator = ", ";
        }
        if let Some(exit) = self.exit {
            write!(f, "{separator}exit e{}", exit.0)?;
        }
        Ok(())
    }
}

impl Display for Allocated {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for item in &self.items {
            match item {
                Item::Op(operation) => writeln!(f, "    {operation}")?,
                Item::Label => {
                    f.write_str("label:")?;
                    for (index, entry) in self.label.iter().enumerate() {
                        let separator = if index == 0 { "" } else { "," };
                        let kind = if entry.phi { "phi " } else { "" };
                        write!(f, "{separator} {kind}{} {}", entry.val, entry.place)?;
                        if let Some(slot) = entry.slot {
                            write!(f, " [{slot}]")?;
                        }
                    }
                    writeln!(f)?;
                }
                Item::JumpLabel => writeln!(f, "    jump label")?,
                Item::JumpRoot => writeln!(f, "    jump root")?,
                Item::Exit(exit) => writeln!(f, "    exit e{}", exit.0)?,
            }
        }
        for (index, exit) in self.exits.iter().enumerate() {
            write!(f, "e{index}: s{}", exit.snap.0)?;
            for (index, (val, place)) in exit.places().enumerate() {
                let separator = if index == 0 { " " } else { ", " };
                write!(f, "{separator}{val} {place}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "spills {}", self.spills)
    }
}
