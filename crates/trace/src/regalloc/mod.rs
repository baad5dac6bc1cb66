//! Register allocation: gives each value of a trace a register or a spill slot.
//!
//! A trace is a straight line, so one walk from the start to the end does it. At each instruction
//! the allocator knows what every register holds and when each value is needed next; where it needs
//! a register and none is free, the value needed last loses its own. Values that only snapshots need
//! go first, since an exit can find them in a slot just as well. Constants are never saved: they are
//! made again, become part of the instruction, or are named in the exit.
//!
//! ```text
//! walk the first pass → choose places for the label ([`label`]) → move everything there
//!   → walk the body → move everything back there ([`moves`]) → jump
//! ```
//!
//! What exits may rely on: an operand is in its register at its instruction's exit even where the
//! result takes that register; any other register of a live value is left alone by the instruction.
//! After a call (form `Fixed`) both hold only for `IntReg(0..3)`, so everything else is saved first.
//!
//! Limits: one slot per value for its whole life; no splitting of the preamble's values by region;
//! a trace that needs more than [`SPILL_SLOTS`](decal_uops::SPILL_SLOTS) slots is an error.
//! Cost: linear in instructions plus exits times the values they name.

mod label;
mod moves;
mod state;
mod uses;

pub(crate) use state::slot_displacement;
pub(crate) use uses::constant;
pub use uses::label_interface;

use crate::allocated::{Allocated, ExitIndex, Item, LabelEntry, Operand, Operands, Operation, Place};
use crate::exits::Listing;
use crate::ir::{End, Inst, Trace, UopInst, Val};
use crate::regalloc_check::{CheckError, check};
use crate::snapshot::{Named, SnapId};
use decal_uops::{Class, FLOAT_REGS, Form, INT_REGS, Uop};
use moves::Move;
use state::{Bank, NO_REG, NO_SLOT, SAVED, State, operand};
use uses::{Immediate, NEVER, Uses, immediate};

/// What a side trace finds when it starts; the default is for root traces.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Incoming {
    /// Where each parameter is.
    pub params: Vec<Place>,
    /// The first spill slot that is free: [`Allocated::spills`] of the parent trace.
    pub first_spill: u16,
    /// What the root trace's label expects, for [`End::Join`].
    pub root_label: Vec<LabelEntry>,
    /// Parameters that every exit must be able to name (the root label's values other than phis),
    /// so that side traces of this side trace can come back to the label too.
    pub keep: Vec<Val>,
}

/// How many registers may be chosen, and how. Tests use few of them and choose at random.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registers {
    /// Integer registers, 3 to 8.
    pub ints: u8,
    /// Float registers, 3 to 8.
    pub floats: u8,
    /// Makes all choices at random, starting from this seed.
    pub seed: Option<u64>,
}

impl Default for Registers {
    fn default() -> Registers {
        Registers { ints: INT_REGS as u8, floats: FLOAT_REGS as u8, seed: None }
    }
}

/// Why a trace got no registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllocError {
    /// More values at once than spill slots.
    OutOfSlots,
    /// An instruction needs more registers than there are. Does not happen with the uops of the table.
    OutOfRegisters,
    /// The places given for the parameters or the root's label do not fit the trace.
    Incoming,
    /// A value has no place where it is needed: the trace uses it before its definition, or the
    /// allocator is wrong.
    Lost(Val),
    /// The trace names a value or a snapshot that it does not have.
    Missing,
    /// The checker found a fault. Only debug builds look.
    Wrong(CheckError),
}

impl std::fmt::Display for AllocError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AllocError::OutOfSlots => f.write_str("the trace needs more spill slots than there are"),
            AllocError::OutOfRegisters => f.write_str("an instruction needs more registers than there are"),
            AllocError::Incoming => f.write_str("the side trace does not fit the exit or the label that it connects"),
            AllocError::Lost(val) => write!(f, "value v{} has no place where it is needed", val.0),
            AllocError::Missing => f.write_str("the trace names a value or a snapshot that it does not have"),
            AllocError::Wrong(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AllocError {}

/// Allocates with all registers.
///
/// # Errors
/// See [`AllocError`].
pub fn allocate(trace: &Trace, incoming: &Incoming) -> Result<Allocated, AllocError> {
    allocate_with(trace, incoming, &Registers::default())
}

/// Allocates with the given registers.
///
/// # Errors
/// See [`AllocError`].
pub fn allocate_with(trace: &Trace, incoming: &Incoming, registers: &Registers) -> Result<Allocated, AllocError> {
    if !is_whole(trace) {
        return Err(AllocError::Missing);
    }
    let mut consts: Vec<Option<u64>> = Vec::with_capacity(trace.insts.len());
    let mut places = incoming.params.iter();
    for inst in &trace.insts {
        consts.push(match inst {
            Inst::Param(_) => match places.next().ok_or(AllocError::Incoming)? {
                Place::Const(bits) => Some(*bits),
                _ => None,
            },
            Inst::Phi { .. } => None,
            Inst::Uop(inst) => constant(inst),
        });
    }
    let interface = label_interface(trace);
    // Values that every exit must be able to name: in the first pass, and in the body.
    let mut keep = incoming.keep.clone();
    if let End::Join(values) = &trace.end {
        if values.len() != incoming.root_label.len() {
            return Err(AllocError::Incoming);
        }
        let others = values.iter().zip(&incoming.root_label);
        let early = |val: &Val| is_early(trace, *val);
        keep.extend(others.filter(|(_, entry)| !entry.phi).map(|(val, _)| *val).filter(early));
    }
    let uses = Uses::new(trace, &consts, &keep, &interface, &incoming.root_label);
    let mut allocator = Allocator {
        state: State::new(trace, &consts, uses, incoming.first_spill, registers),
        exits: Listing::new(trace.insts.len()),
        label: Vec::new(),
        keep,
        noted: vec![0; trace.insts.len()],
        notes: 0,
        named: Named::default(),
        snap_values: Vec::new(),
        listed: (None, 0),
        dying: Vec::new(),
    };
    allocator.start(&incoming.params)?;
    for (index, inst) in trace.insts.iter().enumerate() {
        allocator.state.now = index as u32;
        if trace.label == Some(index as u32) {
            allocator.enter_label(&interface)?;
        }
        if let Inst::Uop(inst) = inst {
            allocator.uop(Val(index as u32), inst)?;
        }
    }
    allocator.state.now = trace.insts.len() as u32;
    if trace.label == Some(trace.insts.len() as u32) {
        allocator.enter_label(&interface)?;
    }
    match &trace.end {
        End::Loop(values) => {
            allocator.jump_label(values)?;
            allocator.state.items.push(Item::JumpLabel);
        }
        End::Join(values) => {
            allocator.jump_root(values, &incoming.root_label)?;
            allocator.state.items.push(Item::JumpRoot);
        }
        End::Exit(snap) => {
            let exit = allocator.exit(*snap)?;
            allocator.state.items.push(Item::Exit(exit));
        }
    }
    let allocated = Allocated {
        items: allocator.state.items,
        exits: allocator.exits.finish(),
        label: allocator.label,
        spills: allocator.state.next_slot,
    };
    if cfg!(debug_assertions) {
        check(trace, &allocated, incoming).map_err(AllocError::Wrong)?;
    }
    Ok(allocated)
}

/// Whether a value is there from the start on: what the label expects and a side trace computes again, it has only at its end.
pub(crate) fn is_early(trace: &Trace, val: Val) -> bool {
    match trace.insts.get(val.index()) {
        Some(Inst::Uop(inst)) => constant(inst).is_some(),
        other => other.is_some(),
    }
}

/// Whether all values and snapshots that the trace names are there, which everything here relies on. Release builds
/// do not verify traces, and a mistake elsewhere must not become a panic in a user's process.
fn is_whole(trace: &Trace) -> bool {
    let value = |val: &Val| val.index() < trace.insts.len();
    let snap = |snap: &SnapId| (snap.0 as usize) < trace.snaps.len();
    let insts = trace.insts.iter().all(|inst| match inst {
        Inst::Param(_) => true,
        Inst::Phi { entry, .. } => value(entry),
        Inst::Uop(inst) => inst.args.iter().all(value) && inst.snap.iter().all(snap),
    });
    let end = match &trace.end {
        End::Loop(values) | End::Join(values) => values.iter().all(value),
        End::Exit(last) => snap(last),
    };
    let mut snaps = true;
    trace.snaps.each_value(&mut |val| snaps &= value(&val));
    insts && end && snaps && trace.label.is_none_or(|label| label as usize <= trace.insts.len())
}

/// The walk.
struct Allocator<'a> {
    state: State<'a>,
    exits: Listing,
    label: Vec<LabelEntry>,
    /// Values that every exit from here on names.
    keep: Vec<Val>,
    /// For each value the number of the last list that it was put on, to leave out repetitions.
    noted: Vec<u32>,
    notes: u32,
    /// What snapshots name.
    named: Named,
    /// Values that the current instruction's exit names, without repetition.
    snap_values: Vec<Val>,
    /// For which snapshot they were listed, and how many other values there were to name.
    listed: (Option<SnapId>, usize),
    /// Values that the current instruction uses last.
    dying: Vec<Val>,
}

impl Allocator<'_> {
    /// Takes over the parameters.
    fn start(&mut self, params: &[Place]) -> Result<(), AllocError> {
        let state = &mut self.state;
        for (index, place) in params.iter().enumerate() {
            let val = Val(index as u32);
            if !matches!(state.trace.insts.get(index), Some(Inst::Param(_))) {
                return Err(AllocError::Incoming);
            }
            let (bank, reg) = match *place {
                Place::Const(_) => continue,
                Place::Spill(slot) => {
                    state.slot_of[index] = slot;
                    continue;
                }
                Place::Int(reg) => (Bank::Int, reg.0),
                Place::Float(reg) => (Bank::Float, reg.0),
            };
            if state.bank(val) != bank || state.regs[bank as usize][reg as usize].is_some() {
                return Err(AllocError::Incoming);
            }
            if state.uses.last[index] > 0 {
                state.hold(val, bank, reg);
            }
        }
        Ok(())
    }

    /// Lists the values that an exit through `snap` names here.
    fn list_snap_values(&mut self, snap: Option<SnapId>) {
        // An instruction has several exits to one snapshot, as a rule.
        if snap.is_some() && self.listed == (snap, self.keep.len()) {
            return;
        }
        self.snap_values.clear();
        self.listed = (snap, self.keep.len());
        let Some(snap) = snap else { return };
        self.notes += 1;
        let (noted, notes, list) = (&mut self.noted, self.notes, &mut self.snap_values);
        let mut note = |val: Val| {
            if std::mem::replace(&mut noted[val.index()], notes) != notes {
                list.push(val);
            }
        };
        self.state.trace.snaps.each_listed_value(snap, &mut self.named, &mut note);
        self.keep.iter().for_each(|val| note(*val));
    }

    /// Makes an exit from the listed values, as they are now.
    fn make_exit(&mut self, snap: SnapId) -> Result<ExitIndex, AllocError> {
        self.exits.add(snap, &self.snap_values, |val| self.state.place(val)).map_err(AllocError::Lost)
    }

    fn exit(&mut self, snap: SnapId) -> Result<ExitIndex, AllocError> {
        self.list_snap_values(Some(snap));
        self.make_exit(snap)
    }

    /// One instruction.
    fn uop(&mut self, val: Val, inst: &UopInst) -> Result<(), AllocError> {
        if self.state.consts[val.index()].is_some() {
            return Ok(());
        }
        self.list_snap_values(inst.snap);
        let (args, operand_imm) = match immediate(inst, self.state.consts) {
            Immediate::None => (&inst.args[..], None),
            Immediate::Last(imm) => (&inst.args[..inst.args.len() - 1], Some(imm)),
            Immediate::Swapped(imm) => (&inst.args[1..], Some(imm)),
        };
        self.list_dying(args, inst);
        let mut operation = Operation {
            uop: inst.uop,
            operands: Operands::default(),
            result: None,
            imm32: inst.imm32,
            imm64: inst.imm64,
            operand_imm: operand_imm.unwrap_or(0),
            exit: None,
            source: Some(val),
        };
        let info = inst.uop.info();
        let result = match info.form {
            Form::Fixed => self.fixed(args, info.result, &mut operation)?,
            Form::Tied => self.tied(val, args, operand_imm.is_some(), &mut operation)?,
            Form::Free => self.free(val, args, info.result, &mut operation)?,
        };
        if operand_imm.is_some() {
            operation.operands.push(Operand::Imm);
        }
        operation.result = result.map(|(bank, reg)| operand(bank, reg));
        if let Some(snap) = inst.snap {
            operation.exit = Some(self.make_exit(snap)?);
        }
        self.state.items.push(Item::Op(operation));

        for dead in &self.dying {
            self.state.release(*dead);
        }
        if let Some((bank, reg)) = result {
            // An operand that lives on elsewhere may have had the register.
            if let Some(former) = self.state.regs[bank as usize][reg as usize] {
                self.state.drop_register(former);
            }
            if self.state.uses.last[val.index()] > self.state.now {
                self.state.hold(val, bank, reg);
            }
        }
        Ok(())
    }

    /// Lists what dies at this instruction: among its operands, and among the values of its snapshot
    /// where this is the last instruction to use it.
    fn list_dying(&mut self, args: &[Val], inst: &UopInst) {
        self.dying.clear();
        for &arg in args {
            if !self.state.lives_on(arg) {
                self.dying.push(arg);
            }
        }
        let last = inst.snap.is_some_and(|snap| self.state.uses.snap_last[snap.0 as usize] == self.state.now);
        if last {
            for index in 0..self.snap_values.len() {
                let val = self.snap_values[index];
                if !self.state.lives_on(val) {
                    self.dying.push(val);
                }
            }
        }
    }

    /// Brings the operands into registers of any choice.
    fn load_all(&mut self, args: &[Val], prefer: u8) -> Result<[u8; 2], AllocError> {
        let mut pinned = [0; 2];
        for &arg in args {
            let reg = self.state.reg_of[arg.index()];
            if reg != NO_REG {
                pinned[self.state.bank(arg) as usize] |= 1 << reg;
            }
        }
        for (index, &arg) in args.iter().enumerate() {
            let prefer = if index == 0 { prefer } else { NO_REG };
            self.state.load(arg, &mut pinned, prefer)?;
        }
        Ok(pinned)
    }

    fn push_operands(&self, args: &[Val], operation: &mut Operation) {
        for &arg in args {
            let reg = self.state.reg_of[arg.index()];
            operation.operands.push(operand(self.state.bank(arg), reg));
        }
    }

    /// Form `Free`: a result register of its own, or that of an operand that is not needed any more.
    fn free(
        &mut self,
        val: Val,
        args: &[Val],
        result: Option<Class>,
        operation: &mut Operation,
    ) -> Result<Option<(Bank, u8)>, AllocError> {
        let pinned = self.load_all(args, NO_REG)?;
        self.push_operands(args, operation);
        let Some(class) = result else {
            return Ok(None);
        };
        let bank = state::bank_of(class);
        let free = self.state.free(bank);
        let mut choice = free;
        for &arg in args {
            if self.state.bank(arg) == bank && !self.state.lives_on(arg) {
                choice |= 1 << self.state.reg_of[arg.index()];
            }
        }
        let across = self.state.across_call(val);
        let hint = self.state.hint[val.index()];
        if choice != 0 {
            let reg = self.state.choose(choice, bank, hint, across);
            return Ok(reg.map(|reg| (bank, reg)));
        }
        // The result may also take the place of an operand that lives on, once that is saved.
        let reg = self.state.victim(bank, self.state.allowed[bank as usize]).ok_or(AllocError::OutOfRegisters)?;
        if let Some(victim) = self.state.regs[bank as usize][reg as usize] {
            self.state.save(victim)?;
            if pinned[bank as usize] & (1 << reg) == 0 {
                self.state.drop_register(victim);
            }
        }
        Ok(Some((bank, reg)))
    }

    /// Form `Tied`: the result takes the first operand's register, which is copied before where it
    /// lives on and cannot be had again more cheaply.
    fn tied(
        &mut self,
        val: Val,
        args: &[Val],
        has_imm: bool,
        operation: &mut Operation,
    ) -> Result<Option<(Bank, u8)>, AllocError> {
        let hint = self.state.hint[val.index()];
        let mut swapped = [Val(0); 2];
        let mut args = args;
        if let &[first, second] = args
            && !has_imm
            && operation.uop.info().effects.commutes
            && self.state.lives_on(first)
            && !self.state.lives_on(second)
        {
            swapped = [second, first];
        }
        if swapped[0] != swapped[1] {
            args = &swapped;
        }
        let Some(&first) = args.first() else {
            return Err(AllocError::OutOfRegisters);
        };
        let pinned = self.load_all(args, hint)?;
        self.push_operands(args, operation);
        let bank = self.state.bank(first);
        let reg = self.state.reg_of[first.index()];
        if !self.state.lives_on(first) {
            return Ok(Some((bank, reg)));
        }
        let free = self.state.free(bank);
        let across = self.state.across_call(val);
        let copy = match self.state.choose(free, bank, hint, across) {
            Some(copy) => copy,
            None => {
                // Somebody has to go: the operand itself where it is needed last of all.
                let others = self.state.allowed[bank as usize] & !pinned[bank as usize];
                let own = (self.state.next_use(first), self.state.is_saved(first));
                let victim = self
                    .state
                    .victim(bank, others)
                    .and_then(|other| self.state.regs[bank as usize][other as usize].map(|victim| (other, victim)));
                let other =
                    victim.filter(|&(_, victim)| (self.state.next_use(victim), self.state.is_saved(victim)) > own);
                match other {
                    Some((other, victim)) => {
                        self.state.save(victim)?;
                        self.state.drop_register(victim);
                        other
                    }
                    None => {
                        self.state.save(first)?;
                        return Ok(Some((bank, reg)));
                    }
                }
            }
        };
        self.state.emit_move(bank, reg, copy);
        if let Some(operand_of_first) = operation.operands.first_mut() {
            *operand_of_first = operand(bank, copy);
        }
        Ok(Some((bank, copy)))
    }

    /// Form `Fixed`: saves all that the call or its exit destroys, then moves the operands to their
    /// registers.
    fn fixed(
        &mut self,
        args: &[Val],
        result: Option<Class>,
        operation: &mut Operation,
    ) -> Result<Option<(Bank, u8)>, AllocError> {
        // Another trace runs meanwhile, and whoever makes the frames of this one looks into the slots.
        let all = operation.uop == Uop::call_native;
        for val in 0..self.snap_values.len() {
            let val = self.snap_values[val];
            if all { self.save_from_register(val)? } else { self.keep_through_call(val)? }
        }
        for bank in [Bank::Int, Bank::Float] {
            for reg in 0..8 {
                if let Some(val) = self.state.regs[bank as usize][reg]
                    && self.state.lives_on(val)
                {
                    if all { self.save_from_register(val)? } else { self.keep_through_call(val)? }
                }
            }
        }
        let mut moves = Vec::with_capacity(args.len());
        let (mut ints, mut floats) = (4, 0);
        for &val in args {
            let bank = self.state.bank(val);
            let next = match bank {
                Bank::Int => &mut ints,
                Bank::Float => &mut floats,
            };
            let reg = *next;
            *next += 1;
            if reg > 7 {
                return Err(AllocError::OutOfRegisters);
            }
            moves.push(Move { val, bank, from: self.state.source(val)?, to: state::reg_place(bank, reg) });
            operation.operands.push(operand(bank, reg));
        }
        let mut occupied = [0; 2];
        for (reg, held) in self.state.regs[0].iter().enumerate() {
            if held.is_some() && SAVED & (1 << reg) != 0 {
                occupied[0] |= 1 << reg;
            }
        }
        self.state.emit_moves(&moves, occupied)?;
        // The exit must not look for anything in a register that is gone.
        self.lose_registers(if all { 0 } else { 3 });
        Ok(result.map(|class| match state::bank_of(class) {
            Bank::Int => (Bank::Int, 3),
            Bank::Float => (Bank::Float, 0),
        }))
    }

    /// Makes sure that the value is found after a call: in a register that survives where its next
    /// use makes that worth it, else in its slot.
    fn keep_through_call(&mut self, val: Val) -> Result<(), AllocError> {
        let state = &mut self.state;
        let reg = state.reg_of[val.index()];
        let bank = state.bank(val);
        if reg == NO_REG || (bank == Bank::Int && SAVED & (1 << reg) != 0) {
            return Ok(());
        }
        let is_const = state.consts[val.index()].is_some();
        if bank == Bank::Int && !is_const && state.next_use(val) != NEVER {
            let free = state.free(Bank::Int) & SAVED;
            if let Some(to) = state.choose(free, bank, NO_REG, true) {
                state.emit_move(bank, reg, to);
                state.drop_register(val);
                state.hold(val, bank, to);
                return Ok(());
            }
        }
        state.save(val)
    }

    /// Makes sure that the value is found in its slot.
    fn save_from_register(&mut self, val: Val) -> Result<(), AllocError> {
        if self.state.reg_of[val.index()] == NO_REG { Ok(()) } else { self.state.save(val) }
    }

    /// Forgets all registers that a call destroys: the integer registers from the given one on.
    fn lose_registers(&mut self, ints: usize) {
        for bank in [Bank::Int, Bank::Float] {
            let first = if bank == Bank::Int { ints } else { 0 };
            for reg in first..8 {
                if let Some(val) = self.state.regs[bank as usize][reg] {
                    self.state.drop_register(val);
                }
            }
        }
    }

    /// Moves to the root's label.
    fn jump_root(&mut self, values: &[Val], label: &[LabelEntry]) -> Result<(), AllocError> {
        let mut moves = Vec::with_capacity(values.len());
        for (&val, entry) in values.iter().zip(label) {
            let bank = self.state.bank(val);
            if bank != state::bank_of(entry.class) {
                return Err(AllocError::Incoming);
            }
            let from = self.state.source(val)?;
            let slot = entry.slot.map(Place::Spill);
            for to in [Some(entry.place), slot].into_iter().flatten() {
                // Nothing to do for a constant; nothing either for the slot of a value that never left it.
                let stays = matches!(to, Place::Spill(slot) if self.state.slot_of[val.index()] == slot);
                if !stays && !matches!(to, Place::Const(_)) {
                    moves.push(Move { val, bank, from, to });
                }
            }
        }
        self.state.emit_moves(&moves, [0; 2])
    }

    /// Moves back to the trace's own label.
    fn jump_label(&mut self, values: &[Val]) -> Result<(), AllocError> {
        let mut moves = Vec::with_capacity(self.label.len());
        for (index, entry) in self.label.iter().enumerate() {
            let val = values.get(index).copied().unwrap_or(entry.val);
            let from = self.state.source(val)?;
            let stays = matches!(entry.place, Place::Spill(slot) if self.state.slot_of[val.index()] == slot);
            let from = if stays { entry.place } else { from };
            if !matches!(entry.place, Place::Const(_)) {
                moves.push(Move { val, bank: state::bank_of(entry.class), from, to: entry.place });
            }
        }
        self.state.emit_moves(&moves, [0; 2])
    }
}

/// Whether a value has a slot.
fn has_slot(state: &State<'_>, val: Val) -> bool {
    state.slot_of[val.index()] != NO_SLOT
}
