//! Runs a trace whose values have registers: what the machine code will do, uop by uop.
//!
//! Registers and context are real, machine code is not: each operation reads its registers, runs its meaning and writes
//! its register. Calls fill the registers that they destroy with a pattern, so that an allocation that relies
//! on them gives wrong results here too. Spill slots are in the machine's context.

use crate::allocated::{Allocated, ExitIndex, Item, Operand, Place};
use decal_uops::{Form, Machine, execute, offset};

/// The registers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cpu {
    /// Integer registers.
    pub ints: [u64; 8],
    /// Bits of the float registers.
    pub floats: [u64; 8],
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Through this exit.
    Exit(ExitIndex),
    /// To the root trace's label.
    Root,
    /// Too many uops, at a jump back to the label.
    OutOfFuel,
    /// A uop exits that has no exit, or code runs off its end: the allocation is wrong.
    Broken,
}

/// What destroyed registers hold.
const RUBBISH: u64 = 0x7ff8_dead_dead_dead;

impl Cpu {
    /// The bits in a place.
    pub fn read(&self, place: Place, machine: &mut impl Machine) -> u64 {
        match place {
            Place::Int(reg) => self.ints[reg.0 as usize],
            Place::Float(reg) => self.floats[reg.0 as usize],
            Place::Spill(slot) => {
                let at = slot_address(slot, machine);
                machine.load64(at)
            }
            Place::Const(bits) => bits,
        }
    }

    /// Puts bits into a place.
    pub fn write(&mut self, place: Place, bits: u64, machine: &mut impl Machine) {
        match place {
            Place::Int(reg) => self.ints[reg.0 as usize] = bits,
            Place::Float(reg) => self.floats[reg.0 as usize] = bits,
            Place::Spill(slot) => {
                let at = slot_address(slot, machine);
                machine.store64(at, bits);
            }
            Place::Const(_) => {}
        }
    }

    fn operand(&self, operand: Operand, imm: i32) -> u64 {
        match operand {
            Operand::Int(reg) => self.ints[reg.0 as usize],
            Operand::Float(reg) => self.floats[reg.0 as usize],
            Operand::Imm => i64::from(imm) as u64,
        }
    }

    /// Runs from the start, or from the label.
    pub fn run(&mut self, code: &Allocated, from_label: bool, machine: &mut impl Machine, fuel: &mut u64) -> Stop {
        let label = code.items.iter().position(|item| *item == Item::Label).unwrap_or(0);
        let mut index = if from_label { label } else { 0 };
        while let Some(item) = code.items.get(index) {
            index += 1;
            let operation = match item {
                Item::Op(operation) => operation,
                Item::Label => continue,
                Item::JumpLabel if *fuel == 0 => return Stop::OutOfFuel,
                Item::JumpLabel => {
                    index = label;
                    continue;
                }
                Item::JumpRoot => return Stop::Root,
                Item::Exit(exit) => return Stop::Exit(*exit),
            };
            *fuel = fuel.saturating_sub(1);
            let mut args = [0; 4];
            for (slot, operand) in args.iter_mut().zip(&operation.operands) {
                *slot = self.operand(*operand, operation.operand_imm);
            }
            let outcome = execute(operation.uop, machine, &args, operation.imm32, operation.imm64);
            if operation.uop.info().form == Form::Fixed {
                self.ints[3..].fill(RUBBISH);
                self.floats.fill(RUBBISH);
            }
            match (outcome, operation.result, operation.exit) {
                (Ok(bits), Some(Operand::Int(reg)), _) => self.ints[reg.0 as usize] = bits,
                (Ok(bits), Some(Operand::Float(reg)), _) => self.floats[reg.0 as usize] = bits,
                (Ok(_), _, _) => {}
                (Err(_), _, Some(exit)) => return Stop::Exit(exit),
                (Err(_), _, None) => return Stop::Broken,
            }
        }
        Stop::Broken
    }
}

fn slot_address(slot: u16, machine: &mut impl Machine) -> u64 {
    machine.context().wrapping_add(offset::SPILLS as u64 + 8 * u64::from(slot))
}
