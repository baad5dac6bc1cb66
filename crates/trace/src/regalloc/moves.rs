//! Many moves at once: values change places as if all moves happened at the same time.
//!
//! Needed where the places are given: at the label, at the jumps to it, before a call. A move is
//! emitted once nobody needs what its destination holds; what then remains are rings, and a ring is
//! opened by saving one of its values elsewhere. Constants come last, for they wait for nobody.
//! Moves from slot to slot go through a register; where all are taken, one is saved around it.

use super::AllocError;
use super::state::{Bank, State};
use crate::allocated::Place;
use crate::ir::Val;
use decal_uops::{FLOAT_REGS, INT_REGS, SPILL_SLOTS};
use smallvec::SmallVec;

/// A value to be put from one place into another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub val: Val,
    pub bank: Bank,
    pub from: Place,
    pub to: Place,
}

const PLACES: usize = INT_REGS + FLOAT_REGS + SPILL_SLOTS;
const NONE: u16 = u16::MAX;

/// The number of a place; none for constants.
fn number(place: Place) -> Option<usize> {
    match place {
        Place::Int(reg) => Some(reg.0 as usize),
        Place::Float(reg) => Some(INT_REGS + reg.0 as usize),
        Place::Spill(slot) => Some(INT_REGS + FLOAT_REGS + slot as usize),
        Place::Const(_) => None,
    }
}

/// Pending moves whose places are free, by their numbers.
type Ready = SmallVec<[u16; 16]>;

/// The tables of one group of moves.
struct Plan {
    /// How many pending moves read each place.
    readers: [u16; PLACES],
    /// The pending move that writes each place.
    writer: [u16; PLACES],
    /// Registers, by bank, that hold something or will.
    taken: [u8; 2],
    /// Slots used in between, given back at the end.
    temporary: Vec<u16>,
}

impl Plan {
    fn take(&mut self, place: Place) {
        match place {
            Place::Int(reg) => self.taken[0] |= 1 << reg.0,
            Place::Float(reg) => self.taken[1] |= 1 << reg.0,
            Place::Spill(_) | Place::Const(_) => {}
        }
    }

    /// A register that nothing needs.
    fn scratch(&self, bank: Bank) -> Option<u8> {
        let (mask, first) = match bank {
            Bank::Int => (self.taken[0], 0),
            Bank::Float => (self.taken[1], INT_REGS),
        };
        (0..8u8).find(|&reg| mask & (1 << reg) == 0 && self.readers[first + reg as usize] == 0)
    }
}

impl State<'_> {
    /// Emits the moves. Registers in `occupied` hold something that stays, besides what is moved.
    pub fn emit_moves(&mut self, moves: &[Move], occupied: [u8; 2]) -> Result<(), AllocError> {
        let mut plan = Plan { readers: [0; PLACES], writer: [NONE; PLACES], taken: occupied, temporary: Vec::new() };
        // Few as a rule: the operands of a call.
        let mut pending: SmallVec<[Move; 4]> = SmallVec::new();
        for step in moves {
            plan.take(step.to);
            if step.from == step.to {
                continue;
            }
            if let (Some(from), Some(to)) = (number(step.from), number(step.to)) {
                plan.readers[from] += 1;
                plan.writer[to] = pending.len() as u16;
                pending.push(*step);
            }
        }
        let mut ready: Ready = SmallVec::new();
        for (index, step) in pending.iter().enumerate() {
            if number(step.to).is_some_and(|to| plan.readers[to] == 0) {
                ready.push(index as u16);
            }
        }
        let mut done: SmallVec<[bool; 16]> = SmallVec::from_elem(false, pending.len());
        let mut oldest = 0;
        loop {
            while let Some(index) = ready.pop() {
                let step = pending[index as usize];
                self.transfer(&mut plan, step)?;
                done[index as usize] = true;
                self.read(&mut plan, step.from, &mut ready);
            }
            while done.get(oldest) == Some(&true) {
                oldest += 1;
            }
            // Only rings are left: open the first.
            let Some(step) = pending.get_mut(oldest) else {
                break;
            };
            let from = step.from;
            let saved = match plan.scratch(step.bank) {
                Some(reg) => super::state::reg_place(step.bank, reg),
                None => {
                    let slot = self.take_slot()?;
                    plan.temporary.push(slot);
                    Place::Spill(slot)
                }
            };
            let opening = Move { to: saved, ..*step };
            step.from = saved;
            if let Some(at) = number(saved) {
                plan.readers[at] += 1;
            }
            self.transfer(&mut plan, opening)?;
            self.read(&mut plan, from, &mut ready);
        }
        for step in moves {
            if matches!(step.from, Place::Const(_)) {
                self.transfer(&mut plan, *step)?;
            }
        }
        for slot in plan.temporary {
            self.release_slot(slot);
        }
        Ok(())
    }

    /// A pending move has read its place: whoever waits to write it may now.
    fn read(&self, plan: &mut Plan, place: Place, ready: &mut Ready) {
        let Some(at) = number(place) else { return };
        plan.readers[at] -= 1;
        if plan.readers[at] == 0 && plan.writer[at] != NONE {
            ready.push(plan.writer[at]);
        }
    }

    /// Emits one move.
    fn transfer(&mut self, plan: &mut Plan, step: Move) -> Result<(), AllocError> {
        let bank = step.bank;
        match (step.from, step.to) {
            (from, to) if from == to => {}
            (Place::Int(from), Place::Int(to)) => self.emit_move(bank, from.0, to.0),
            (Place::Float(from), Place::Float(to)) => self.emit_move(bank, from.0, to.0),
            (Place::Int(from), Place::Spill(to)) => self.emit_spill(bank, from.0, to),
            (Place::Float(from), Place::Spill(to)) => self.emit_spill(bank, from.0, to),
            (Place::Spill(from), Place::Int(to)) => self.emit_reload(bank, to.0, from),
            (Place::Spill(from), Place::Float(to)) => self.emit_reload(bank, to.0, from),
            (Place::Const(bits), Place::Int(to)) => self.emit_const(step.val, bank, to.0, bits),
            (Place::Const(bits), Place::Float(to)) => self.emit_const(step.val, bank, to.0, bits),
            (from @ (Place::Spill(_) | Place::Const(_)), Place::Spill(to)) => {
                self.through_register(plan, step.val, from, to)?;
            }
            // Between banks or into a constant: no trace asks for it.
            _ => return Err(AllocError::Lost(step.val)),
        }
        Ok(())
    }

    /// Moves a slot or a constant into a slot. Any register will do: all hold 64 bits.
    fn through_register(&mut self, plan: &mut Plan, val: Val, from: Place, to: u16) -> Result<(), AllocError> {
        let scratch = plan.scratch(Bank::Int);
        let saved = match scratch {
            Some(_) => None,
            None => Some(self.take_slot()?),
        };
        let reg = scratch.unwrap_or(0);
        if let Some(slot) = saved {
            self.emit_spill(Bank::Int, reg, slot);
        }
        match from {
            Place::Const(bits) => self.emit_const(val, Bank::Int, reg, bits),
            Place::Spill(from) => self.emit_reload(Bank::Int, reg, from),
            Place::Int(_) | Place::Float(_) => {}
        }
        self.emit_spill(Bank::Int, reg, to);
        if let Some(slot) = saved {
            self.emit_reload(Bank::Int, reg, slot);
            plan.temporary.push(slot);
        }
        Ok(())
    }
}
