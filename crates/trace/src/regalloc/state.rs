//! What is where at the current position, and the simplest steps: take a register, make room,
//! save, load.
//!
//! Invariants, between instructions:
//! * a live value that is no constant is in a register, in a slot, or in both;
//! * a value has one slot from its first spill to its death, and the slot holds it all that time;
//! * a constant never has a slot; its register, if any, is a convenience.

use super::uses::{NEVER, Uses, constant_uop};
use super::{AllocError, Registers};
use crate::allocated::{Item, Operand, Operands, Operation, Place};
use crate::ir::{Trace, Val};
use decal_uops::{Class, FloatReg, IntReg, SPILL_SLOTS, Uop, offset};

/// In [`State::reg_of`]: in no register.
pub(super) const NO_REG: u8 = u8::MAX;
/// In [`State::slot_of`]: in no slot.
pub(super) const NO_SLOT: u16 = u16::MAX;
/// Integer registers that survive a call, as a mask.
pub(super) const SAVED: u8 = 0b111;

/// A register file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bank {
    Int = 0,
    Float = 1,
}

/// The bank for a class.
pub(super) fn bank_of(class: Class) -> Bank {
    if class.is_int_register() { Bank::Int } else { Bank::Float }
}

/// A register as an operand.
pub(super) fn operand(bank: Bank, reg: u8) -> Operand {
    match bank {
        Bank::Int => Operand::Int(IntReg(reg)),
        Bank::Float => Operand::Float(FloatReg(reg)),
    }
}

/// A register as a place.
pub(super) fn reg_place(bank: Bank, reg: u8) -> Place {
    match bank {
        Bank::Int => Place::Int(IntReg(reg)),
        Bank::Float => Place::Float(FloatReg(reg)),
    }
}

/// Everything that changes while the allocator walks down the trace.
pub(super) struct State<'a> {
    pub trace: &'a Trace,
    /// The bits of each value that is a constant.
    pub consts: &'a [Option<u64>],
    pub uses: Uses,
    /// The register file of each value.
    banks: Vec<Bank>,
    /// The code so far.
    pub items: Vec<Item>,
    /// What each register holds, by bank.
    pub regs: [[Option<Val>; 8]; 2],
    /// The register of each value.
    pub reg_of: Vec<u8>,
    /// The slot of each value.
    pub slot_of: Vec<u16>,
    /// The register that each value would best be made in.
    pub hint: Vec<u8>,
    /// Whether the jump back needs the value in a register.
    pub at_end: Vec<bool>,
    /// The current position.
    pub now: u32,
    /// Registers that may be chosen, by bank, as masks.
    pub allowed: [u8; 2],
    free_slots: Vec<u16>,
    /// First slot that was never used.
    pub next_slot: u16,
    first_slot: u16,
    /// Slots that are never given back.
    pinned_slots: [bool; SPILL_SLOTS],
    /// State of the random choices, where they are asked for.
    random: Option<u64>,
}

impl<'a> State<'a> {
    pub fn new(
        trace: &'a Trace,
        consts: &'a [Option<u64>],
        uses: Uses,
        first_slot: u16,
        registers: &Registers,
    ) -> State<'a> {
        let count = trace.insts.len();
        // Three operands is the most that a uop takes in registers of its own choice.
        let mask = |count: u8| ((1u16 << count.clamp(3, 8)) - 1) as u8;
        State {
            trace,
            consts,
            uses,
            banks: (0..count as u32).map(|val| bank_of(trace.class(Val(val)).unwrap_or(Class::Int))).collect(),
            items: Vec::with_capacity(count + count / 4 + 8),
            regs: [[None; 8]; 2],
            reg_of: vec![NO_REG; count],
            slot_of: vec![NO_SLOT; count],
            hint: vec![NO_REG; count],
            at_end: vec![false; count],
            now: 0,
            allowed: [mask(registers.ints), mask(registers.floats)],
            free_slots: Vec::new(),
            next_slot: first_slot,
            first_slot,
            pinned_slots: [false; SPILL_SLOTS],
            random: registers.seed,
        }
    }

    /// A random number below `bound`, where random choices are asked for.
    pub fn random(&mut self, bound: u32) -> Option<u32> {
        let state = self.random.as_mut()?;
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        Some(((*state >> 33) as u32) % bound.max(1))
    }

    /// The class of a value; values without one never get here from a verified trace.
    pub fn class(&self, val: Val) -> Class {
        self.trace.class(val).unwrap_or(Class::Int)
    }

    /// The bank of a value.
    pub fn bank(&self, val: Val) -> Bank {
        self.banks[val.index()]
    }

    /// Where the value is, for an exit.
    #[inline]
    pub fn place(&self, val: Val) -> Option<Place> {
        match (self.consts[val.index()], self.reg_of[val.index()], self.slot_of[val.index()]) {
            (Some(bits), ..) => Some(Place::Const(bits)),
            (None, NO_REG, NO_SLOT) => None,
            (None, NO_REG, slot) => Some(Place::Spill(slot)),
            (None, reg, _) => Some(reg_place(self.bank(val), reg)),
        }
    }

    /// Where the value is best copied from.
    pub fn source(&self, val: Val) -> Result<Place, AllocError> {
        let reg = self.reg_of[val.index()];
        if reg != NO_REG {
            return Ok(reg_place(self.bank(val), reg));
        }
        if let Some(bits) = self.consts[val.index()] {
            return Ok(Place::Const(bits));
        }
        match self.slot_of[val.index()] {
            NO_SLOT => Err(AllocError::Lost(val)),
            slot => Ok(Place::Spill(slot)),
        }
    }

    /// The next position that needs the value in a register.
    pub fn next_use(&mut self, val: Val) -> u32 {
        match self.uses.next(val, self.now) {
            NEVER if self.at_end[val.index()] => self.trace.insts.len() as u32,
            next => next,
        }
    }

    /// Whether the value is needed behind the current position.
    pub fn lives_on(&mut self, val: Val) -> bool {
        if self.consts[val.index()].is_some() {
            self.next_use(val) != NEVER
        } else {
            self.uses.last[val.index()] > self.now
        }
    }

    /// Registers without a value, among those that may be chosen.
    pub fn free(&self, bank: Bank) -> u8 {
        let mut free = self.allowed[bank as usize];
        for (reg, held) in self.regs[bank as usize].iter().enumerate() {
            if held.is_some() {
                free &= !(1 << reg);
            }
        }
        free
    }

    /// Puts a value into a register's entry. The register must be free.
    pub fn hold(&mut self, val: Val, bank: Bank, reg: u8) {
        self.regs[bank as usize][reg as usize] = Some(val);
        self.reg_of[val.index()] = reg;
    }

    /// Forgets the value's register.
    pub fn drop_register(&mut self, val: Val) {
        let reg = std::mem::replace(&mut self.reg_of[val.index()], NO_REG);
        if reg != NO_REG {
            self.regs[self.bank(val) as usize][reg as usize] = None;
        }
    }

    /// Forgets a value that is dead.
    pub fn release(&mut self, val: Val) {
        self.drop_register(val);
        let slot = std::mem::replace(&mut self.slot_of[val.index()], NO_SLOT);
        if slot != NO_SLOT {
            self.release_slot(slot);
        }
    }

    /// Gives a slot back, unless it belongs to the parent trace or to the label.
    pub fn release_slot(&mut self, slot: u16) {
        if slot >= self.first_slot && !self.pinned_slots[slot as usize] {
            self.free_slots.push(slot);
        }
    }

    /// A slot that holds nothing.
    pub fn take_slot(&mut self) -> Result<u16, AllocError> {
        if let Some(slot) = self.free_slots.pop() {
            return Ok(slot);
        }
        let slot = self.next_slot;
        if usize::from(slot) >= SPILL_SLOTS {
            return Err(AllocError::OutOfSlots);
        }
        self.next_slot += 1;
        Ok(slot)
    }

    /// Keeps a slot from being used for anything else.
    pub fn pin_slot(&mut self, slot: u16) {
        if let Some(pinned) = self.pinned_slots.get_mut(slot as usize) {
            *pinned = true;
        }
    }

    /// Chooses among free registers: the preferred one, one that survives calls for a value that
    /// lives across one, else one that does not.
    pub fn choose(&mut self, free: u8, bank: Bank, prefer: u8, across_call: bool) -> Option<u8> {
        if free == 0 {
            return None;
        }
        if let Some(number) = self.random(free.count_ones()) {
            return (0..8).filter(|reg| free & (1 << reg) != 0).nth(number as usize);
        }
        if prefer != NO_REG && free & (1 << prefer) != 0 {
            return Some(prefer);
        }
        let wanted = match (bank, across_call) {
            (Bank::Float, _) => free,
            (Bank::Int, true) => free & SAVED,
            (Bank::Int, false) => free & !SAVED,
        };
        let from = if wanted != 0 { wanted } else { free };
        Some(from.trailing_zeros() as u8)
    }

    /// Whether a value made now is used by an operand behind some call.
    pub fn across_call(&self, val: Val) -> bool {
        let last =
            if self.at_end[val.index()] { Some(self.trace.insts.len() as u32) } else { self.uses.last_operand(val) };
        last.is_some_and(|last| self.uses.call_between(self.now, last))
    }

    /// The register in `among` whose value is needed last, if there is one. Where nothing else
    /// decides, one whose value need not be saved.
    pub fn victim(&mut self, bank: Bank, among: u8) -> Option<u8> {
        if let Some(number) = self.random(among.count_ones()) {
            return (0..8).filter(|reg| among & (1 << reg) != 0).nth(number as usize);
        }
        let mut best: Option<(u8, (u32, bool))> = None;
        for reg in 0..8u8 {
            if among & (1 << reg) == 0 {
                continue;
            }
            let Some(val) = self.regs[bank as usize][reg as usize] else {
                continue;
            };
            let key = (self.next_use(val), self.is_saved(val));
            if best.is_none_or(|(_, other)| key > other) {
                best = Some((reg, key));
            }
        }
        best.map(|(reg, _)| reg)
    }

    /// Whether the value can be had again without its register.
    pub fn is_saved(&self, val: Val) -> bool {
        self.consts[val.index()].is_some() || self.slot_of[val.index()] != NO_SLOT
    }

    /// Makes sure that the value survives the loss of its register.
    pub fn save(&mut self, val: Val) -> Result<(), AllocError> {
        let reg = self.reg_of[val.index()];
        if self.is_saved(val) {
            return Ok(());
        }
        if reg == NO_REG {
            return Err(AllocError::Lost(val));
        }
        let slot = self.take_slot()?;
        self.slot_of[val.index()] = slot;
        self.emit_spill(self.bank(val), reg, slot);
        Ok(())
    }

    /// A register without a value, made free by moving a value out where there is none. Registers
    /// in `pinned` keep theirs.
    pub fn take_register(&mut self, bank: Bank, pinned: u8, prefer: u8, across_call: bool) -> Result<u8, AllocError> {
        let free = self.free(bank) & !pinned;
        // Random choices also evict without need, now and then.
        let occupied = self.allowed[bank as usize] & !free & !pinned;
        let evict_anyway = occupied != 0 && self.random(6) == Some(0);
        if !evict_anyway && let Some(reg) = self.choose(free, bank, prefer, across_call) {
            return Ok(reg);
        }
        let reg = self.victim(bank, occupied).ok_or(AllocError::OutOfRegisters)?;
        if let Some(val) = self.regs[bank as usize][reg as usize] {
            self.save(val)?;
            self.drop_register(val);
        }
        Ok(reg)
    }

    /// Puts the value into a register and keeps it there for this instruction.
    pub fn load(&mut self, val: Val, pinned: &mut [u8; 2], prefer: u8) -> Result<u8, AllocError> {
        let bank = self.bank(val);
        let mut reg = self.reg_of[val.index()];
        if reg == NO_REG {
            let across = self.across_call(val);
            reg = self.take_register(bank, pinned[bank as usize], prefer, across)?;
            match (self.consts[val.index()], self.slot_of[val.index()]) {
                (Some(bits), _) => self.emit_const(val, bank, reg, bits),
                (None, NO_SLOT) => return Err(AllocError::Lost(val)),
                (None, slot) => self.emit_reload(bank, reg, slot),
            }
            self.hold(val, bank, reg);
        }
        pinned[bank as usize] |= 1 << reg;
        Ok(reg)
    }

    fn emit_plain(&mut self, uop: Uop, operands: Option<Operand>, result: Option<Operand>, imm32: i32) {
        self.items.push(Item::Op(Operation {
            uop,
            operands: operands.into_iter().collect(),
            result,
            imm32,
            imm64: 0,
            operand_imm: 0,
            exit: None,
            source: None,
        }));
    }

    /// Copies a register.
    pub fn emit_move(&mut self, bank: Bank, from: u8, to: u8) {
        let uop = match bank {
            Bank::Int => Uop::move_int,
            Bank::Float => Uop::move_float,
        };
        self.emit_plain(uop, Some(operand(bank, from)), Some(operand(bank, to)), 0);
    }

    /// Writes a register to a slot.
    pub fn emit_spill(&mut self, bank: Bank, from: u8, slot: u16) {
        let uop = match bank {
            Bank::Int => Uop::spill_int,
            Bank::Float => Uop::spill_float,
        };
        self.emit_plain(uop, Some(operand(bank, from)), None, slot_displacement(slot));
    }

    /// Reads a register from a slot.
    pub fn emit_reload(&mut self, bank: Bank, to: u8, slot: u16) {
        let uop = match bank {
            Bank::Int => Uop::reload_int,
            Bank::Float => Uop::reload_float,
        };
        let result = Some(operand(bank, to));
        self.emit_plain(uop, None, result, slot_displacement(slot));
    }

    /// Makes the constant `val` in a register.
    pub fn emit_const(&mut self, val: Val, bank: Bank, to: u8, bits: u64) {
        // A float constant on its way to a slot may pass through an integer register.
        let class = match (self.class(val), bank) {
            (Class::Float, Bank::Int) => Class::Int,
            (class, _) => class,
        };
        let (uop, imm32, imm64) = constant_uop(class, bits);
        self.items.push(Item::Op(Operation {
            uop,
            operands: Operands::default(),
            result: Some(operand(bank, to)),
            imm32,
            imm64,
            operand_imm: 0,
            exit: None,
            source: Some(val),
        }));
    }
}

/// The displacement of a slot from the context.
pub(crate) fn slot_displacement(slot: u16) -> i32 {
    offset::SPILLS + 8 * i32::from(slot)
}
