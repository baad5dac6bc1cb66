//! Checks an allocation: follows every value through registers and slots and compares with the trace.
//!
//! The checker shares no code with the allocator's walk. It runs down the allocated code with a map
//! from places to the values that they hold, and asks at each uop: is it the trace's next one, does each operand's
//! register hold that operand, does each exit find each value where its map says? Calls empty the
//! registers that they destroy. At the label everything but the label's entries is forgotten, so that the body
//! is checked for all later turns too, and for side traces that jump there; at each jump the entries must be in place.
//!
//! Run on every allocation in debug builds, and on random traces in tests.

use crate::allocated::{Allocated, ExitIndex, Item, LabelEntry, Operand, Operation, Place};
use crate::ir::{Args, End, Inst, Trace, UopInst, Val};
use crate::regalloc::is_early;
use crate::regalloc::{Incoming, constant, label_interface, slot_displacement};
use crate::snapshot::SnapId;
use decal_uops::{FloatReg, Form, IntReg, SPILL_SLOTS, Uop};

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A uop that is not the trace's next one, or with other immediates.
    NotTheNext(Option<Val>),
    /// Code ends before the trace does, or goes on behind it.
    Incomplete,
    /// An operand or an entry is expected here, and the place holds something else.
    Wrong(Val),
    /// The registers do not suit the uop's form.
    Form,
    /// A constant with another value than the trace's.
    Constant(Val),
    /// The exit is missing, not wanted, or belongs to another snapshot.
    Exit,
    /// The exit's map lacks this value, or has it twice.
    Missing(Val),
    /// The label's entries are not its interface.
    Interface,
    /// A slot that belongs to the parent trace is written, or one above the number in use.
    Slot(u16),
}

/// A fault and the item where it was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckError {
    /// Index into [`Allocated::items`].
    pub item: usize,
    /// What is wrong there.
    pub fault: Fault,
}

impl std::fmt::Display for CheckError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "allocation is wrong at item {}: ", self.item)?;
        match self.fault {
            Fault::NotTheNext(Some(val)) => write!(f, "the trace's next instruction is v{}", val.0),
            Fault::NotTheNext(None) => f.write_str("the trace has no further instruction"),
            Fault::Incomplete => f.write_str("code and trace do not end together"),
            Fault::Wrong(val) => write!(f, "v{} is expected in a place that does not hold it", val.0),
            Fault::Form => f.write_str("registers do not suit the uop"),
            Fault::Constant(val) => write!(f, "v{} is made with another value", val.0),
            Fault::Exit => f.write_str("exit missing, not wanted, or of another snapshot"),
            Fault::Missing(val) => write!(f, "the exit lacks v{} or has it twice", val.0),
            Fault::Interface => f.write_str("the label's entries are not its interface"),
            Fault::Slot(slot) => write!(f, "slot {slot} must not be written here"),
        }
    }
}

impl std::error::Error for CheckError {}

/// Checks the whole allocation.
///
/// # Errors
/// The first fault.
pub fn check(trace: &Trace, allocated: &Allocated, incoming: &Incoming) -> Result<(), CheckError> {
    let mut consts = Vec::with_capacity(trace.insts.len());
    let mut params = incoming.params.iter();
    for inst in &trace.insts {
        consts.push(match inst {
            Inst::Param(_) => match params.next() {
                Some(Place::Const(bits)) => Some(*bits),
                _ => None,
            },
            Inst::Phi { .. } => None,
            Inst::Uop(inst) => constant(inst),
        });
    }
    let mut checker = Checker {
        trace,
        allocated,
        incoming,
        consts,
        holds: [None; PLACES],
        next: 0,
        looping: false,
        seen: vec![0; trace.insts.len()],
        exits: 0,
    };
    for (index, place) in incoming.params.iter().enumerate() {
        if let Some(at) = number(*place) {
            checker.holds[at] = Some(Val(index as u32));
        }
    }
    for (item, code) in allocated.items.iter().enumerate() {
        checker.item(code).map_err(|fault| CheckError { item, fault })?;
    }
    let ended = matches!(allocated.items.last(), Some(Item::JumpLabel | Item::JumpRoot | Item::Exit(_)));
    let item = allocated.items.len();
    if !ended || allocated.exits.len() != checker.exits as usize {
        return Err(CheckError { item, fault: Fault::Incomplete });
    }
    Ok(())
}

const PLACES: usize = 16 + SPILL_SLOTS;

fn number(place: Place) -> Option<usize> {
    match place {
        Place::Int(IntReg(reg)) => Some(reg as usize),
        Place::Float(FloatReg(reg)) => Some(8 + reg as usize),
        Place::Spill(slot) => Some(16 + slot as usize),
        Place::Const(_) => None,
    }
}

fn operand_number(operand: Operand) -> Option<usize> {
    match operand {
        Operand::Int(IntReg(reg)) => Some(reg as usize),
        Operand::Float(FloatReg(reg)) => Some(8 + reg as usize),
        Operand::Imm => None,
    }
}

struct Checker<'a> {
    trace: &'a Trace,
    allocated: &'a Allocated,
    incoming: &'a Incoming,
    consts: Vec<Option<u64>>,
    /// The value in each place.
    holds: [Option<Val>; PLACES],
    /// The trace's next instruction.
    next: usize,
    /// Whether the label was passed.
    looping: bool,
    /// For each value, the last exit that named it, from 1.
    seen: Vec<u32>,
    exits: u32,
}

impl Checker<'_> {
    fn item(&mut self, item: &Item) -> Result<(), Fault> {
        match item {
            Item::Op(operation) => self.operation(operation),
            Item::Label => self.label(),
            Item::JumpLabel => {
                let End::Loop(values) = &self.trace.end else {
                    return Err(Fault::Incomplete);
                };
                self.at_end()?;
                self.entries(&self.allocated.label, values)
            }
            Item::JumpRoot => {
                let End::Join(values) = &self.trace.end else {
                    return Err(Fault::Incomplete);
                };
                self.at_end()?;
                if values.len() != self.incoming.root_label.len() {
                    return Err(Fault::Interface);
                }
                self.entries(&self.incoming.root_label, values)
            }
            Item::Exit(exit) => {
                self.at_end()?;
                match self.trace.end {
                    End::Exit(snap) => self.exit(*exit, snap),
                    _ => Err(Fault::Incomplete),
                }
            }
        }
    }

    /// Skips what has no code of its own and gives the next uop.
    fn skip(&mut self) -> Option<Val> {
        while let Some(inst) = self.trace.insts.get(self.next) {
            if self.trace.label == Some(self.next as u32) && !self.looping {
                return None;
            }
            if matches!(inst, Inst::Uop(_)) && self.consts[self.next].is_none() {
                return Some(Val(self.next as u32));
            }
            self.next += 1;
        }
        None
    }

    fn at_end(&mut self) -> Result<(), Fault> {
        if self.skip().is_some() || self.next < self.trace.insts.len() {
            return Err(Fault::Incomplete);
        }
        Ok(())
    }

    /// Whether the place holds the value, or a constant equal to it.
    fn expect(&self, at: Option<usize>, val: Val) -> Result<(), Fault> {
        let held = at.and_then(|at| self.holds.get(at).copied().flatten());
        let held = held.ok_or(Fault::Wrong(val))?;
        let constant = self.consts[val.index()];
        if held == val || (constant.is_some() && self.consts[held.index()] == constant) {
            return Ok(());
        }
        Err(Fault::Wrong(val))
    }

    fn expect_place(&self, place: Place, val: Val) -> Result<(), Fault> {
        match place {
            Place::Const(bits) if self.consts[val.index()] == Some(bits) => Ok(()),
            Place::Const(_) => Err(Fault::Constant(val)),
            place => self.expect(number(place), val),
        }
    }

    fn operation(&mut self, operation: &Operation) -> Result<(), Fault> {
        let Some(source) = operation.source else {
            return self.transfer(operation);
        };
        let result = operation.result.and_then(operand_number);
        if let Some(Some(bits)) = self.consts.get(source.index()) {
            let made = constant(&UopInst {
                uop: operation.uop,
                args: Args::default(),
                imm32: operation.imm32,
                imm64: operation.imm64,
                region: crate::ir::Region::Fixed,
                snap: None,
            });
            if made != Some(*bits) {
                return Err(Fault::Constant(source));
            }
            self.holds[result.ok_or(Fault::Form)?] = Some(source);
            return Ok(());
        }
        let expected = self.skip();
        if expected != Some(source) {
            return Err(Fault::NotTheNext(expected));
        }
        self.next += 1;
        let Inst::Uop(inst) = &self.trace.insts[source.index()] else {
            return Err(Fault::NotTheNext(expected));
        };
        let same = inst.uop == operation.uop
            && inst.imm32 == operation.imm32
            && inst.imm64 == operation.imm64
            && inst.args.len() == operation.operands.len();
        if !same {
            return Err(Fault::NotTheNext(expected));
        }
        self.operands(operation, inst)?;
        self.form(operation)?;
        let info = inst.uop.info();
        if info.form == Form::Fixed {
            for at in (3..8).chain(8..16) {
                self.holds[at] = None;
            }
        }
        match (inst.snap, operation.exit) {
            (Some(snap), Some(exit)) => self.exit(exit, snap)?,
            (None, None) => {}
            _ => return Err(Fault::Exit),
        }
        if let Some(result) = result {
            self.holds[result] = Some(source);
        }
        Ok(())
    }

    fn operands(&self, operation: &Operation, inst: &UopInst) -> Result<(), Fault> {
        let in_order = |args: &mut dyn Iterator<Item = &Val>| -> Result<(), Fault> {
            for (operand, &val) in operation.operands.iter().zip(args) {
                match operand {
                    Operand::Imm => {
                        let imm = i64::from(operation.operand_imm) as u64;
                        if self.consts[val.index()] != Some(imm) {
                            return Err(Fault::Constant(val));
                        }
                    }
                    operand => self.expect(operand_number(*operand), val)?,
                }
            }
            Ok(())
        };
        match in_order(&mut inst.args.iter()) {
            Err(_) if inst.uop.info().effects.commutes => in_order(&mut inst.args.iter().rev()),
            outcome => outcome,
        }
    }

    /// Whether the registers are ones that a stencil was made for.
    fn form(&self, operation: &Operation) -> Result<(), Fault> {
        let info = operation.uop.info();
        let (mut ints, mut floats) = (4, 0);
        for (index, (operand, wanted)) in operation.operands.iter().zip(info.operands).enumerate() {
            let is_last = index + 1 == info.operands.len();
            let fits = match operand {
                Operand::Int(reg) => {
                    ints += 1;
                    let fixed = info.form != Form::Fixed || reg.0 == ints - 1;
                    wanted.class.is_int_register() && reg.0 < 8 && fixed
                }
                Operand::Float(reg) => {
                    floats += 1;
                    let fixed = info.form != Form::Fixed || reg.0 == floats - 1;
                    !wanted.class.is_int_register() && reg.0 < 8 && fixed
                }
                Operand::Imm => is_last && info.imm_operand,
            };
            if !fits {
                return Err(Fault::Form);
            }
        }
        let fits = match (operation.result, info.result) {
            (None, None) => true,
            (Some(Operand::Int(reg)), Some(class)) => {
                class.is_int_register() && (info.form != Form::Fixed || reg.0 == 3)
            }
            (Some(Operand::Float(reg)), Some(class)) => {
                !class.is_int_register() && (info.form != Form::Fixed || reg.0 == 0)
            }
            _ => false,
        };
        let tied = info.form != Form::Tied || operation.result == operation.operands.first().copied();
        if fits && tied { Ok(()) } else { Err(Fault::Form) }
    }

    /// A move, a spill or a reload.
    fn transfer(&mut self, operation: &Operation) -> Result<(), Fault> {
        self.form(operation)?;
        let operand = operation.operands.first().copied().and_then(operand_number);
        let result = operation.result.and_then(operand_number);
        let slot = (operation.imm32 - slot_displacement(0)) / 8;
        let slot = slot as u16;
        match operation.uop {
            Uop::move_int | Uop::move_float => {
                let held = self.holds[operand.ok_or(Fault::Form)?];
                self.holds[result.ok_or(Fault::Form)?] = held;
            }
            Uop::spill_int | Uop::spill_float => {
                // The parent's slots keep what they hold until the jump to the root's label.
                let done = self.skip().is_none() && self.next >= self.trace.insts.len();
                if slot >= self.allocated.spills || (slot < self.incoming.first_spill && !done) {
                    return Err(Fault::Slot(slot));
                }
                let held = self.holds[operand.ok_or(Fault::Form)?];
                self.holds[16 + slot as usize] = held;
            }
            Uop::reload_int | Uop::reload_float => {
                if slot >= self.allocated.spills {
                    return Err(Fault::Slot(slot));
                }
                self.holds[result.ok_or(Fault::Form)?] = self.holds[16 + slot as usize];
            }
            _ => return Err(Fault::NotTheNext(None)),
        }
        Ok(())
    }

    fn label(&mut self) -> Result<(), Fault> {
        let label = self.trace.label.ok_or(Fault::Interface)?;
        if self.looping || self.skip().is_some() || self.next != label as usize {
            return Err(Fault::Incomplete);
        }
        let interface = label_interface(self.trace);
        let entries = &self.allocated.label;
        if !interface.iter().copied().eq(entries.iter().map(|entry| entry.val)) {
            return Err(Fault::Interface);
        }
        let firsts: Vec<Val> = interface
            .iter()
            .map(|val| match &self.trace.insts[val.index()] {
                Inst::Phi { entry, .. } => *entry,
                _ => *val,
            })
            .collect();
        self.entries(entries, &firsts)?;
        self.holds = [None; PLACES];
        for entry in entries {
            let slot = entry.slot.map(Place::Spill);
            for place in [Some(entry.place), slot].into_iter().flatten() {
                if let Some(at) = number(place)
                    && self.holds[at].replace(entry.val).is_some()
                {
                    return Err(Fault::Interface);
                }
            }
        }
        self.looping = true;
        Ok(())
    }

    /// Whether each entry's place holds the value that goes there: the given ones, then themselves.
    fn entries(&self, entries: &[LabelEntry], values: &[Val]) -> Result<(), Fault> {
        for (index, entry) in entries.iter().enumerate() {
            let val = values.get(index).copied().unwrap_or(entry.val);
            // A constant of the label is part of the code there.
            if !matches!(entry.place, Place::Const(_)) {
                self.expect_place(entry.place, val)?;
            }
            if let Some(slot) = entry.slot {
                self.expect_place(Place::Spill(slot), val)?;
            }
        }
        Ok(())
    }

    fn exit(&mut self, exit: ExitIndex, snap: SnapId) -> Result<(), Fault> {
        self.exits += 1;
        let map = self.allocated.exits.get(exit).ok_or(Fault::Exit)?;
        if map.snap != snap || exit.0 + 1 != self.exits {
            return Err(Fault::Exit);
        }
        for (val, place) in map.places() {
            self.expect_place(place, val)?;
            if std::mem::replace(&mut self.seen[val.index()], self.exits) == self.exits {
                return Err(Fault::Missing(val));
            }
        }
        let mut missing = None;
        let mut need = |val: Val| {
            if self.seen[val.index()] != self.exits {
                missing = Some(val);
            }
        };
        if let Some(snapshot) = self.trace.snaps.get(snap) {
            snapshot.each_value(&mut need);
        }
        self.incoming.keep.iter().for_each(|val| need(*val));
        if self.looping {
            let others = self.allocated.label.iter().filter(|entry| !entry.phi);
            others.for_each(|entry| need(entry.val));
        }
        if let End::Join(values) = &self.trace.end {
            for (val, entry) in values.iter().zip(&self.incoming.root_label) {
                if !entry.phi && is_early(self.trace, *val) {
                    need(*val);
                }
            }
        }
        missing.map_or(Ok(()), |val| Err(Fault::Missing(val)))
    }
}
