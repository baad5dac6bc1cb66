//! Assembling: from an allocated trace to machine code.
//!
//! Two walks. The first finds each operation's stencil and adds up sizes, so that every address is known
//! before a byte is written: hot parts in order, then the cold parts, then one stub for each exit. The second
//! copies and fills in holes. A guard jumps to its exit's stub; the stub says which exit it was and jumps to the
//! code that all exits share. Nothing is searched for: cost is a few tens of nanoseconds per operation.

use crate::link;
use crate::memory::{CodeMemory, MemoryError};
use crate::patch::{self, PatchError};
use decal_stencils::{Hole, HoleKind, HoleValue, Slot, Stencil, find};
use decal_trace::allocated::{Allocated, ExitIndex, Item, Operand, Operation};
use decal_uops::{Uop, offset};
use std::fmt;

/// Why a trace was not assembled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AssembleError {
    /// Memory.
    Memory(MemoryError),
    /// A hole.
    Patch(PatchError),
    /// No stencil for these registers: the allocator's mistake.
    Stencil(Uop),
    /// A jump to a label that is not there.
    Label,
    /// An exit without a number.
    Exit,
}

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AssembleError::Memory(error) => error.fmt(f),
            AssembleError::Patch(error) => error.fmt(f),
            AssembleError::Stencil(uop) => write!(f, "no stencil of {} for these registers", uop.name()),
            AssembleError::Label => f.write_str("a jump to a label that is not there"),
            AssembleError::Exit => f.write_str("an exit without a number"),
        }
    }
}

impl std::error::Error for AssembleError {}

impl From<MemoryError> for AssembleError {
    fn from(error: MemoryError) -> AssembleError {
        AssembleError::Memory(error)
    }
}

impl From<PatchError> for AssembleError {
    fn from(error: PatchError) -> AssembleError {
        AssembleError::Patch(error)
    }
}

/// What a stretch of code belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The hot part of the item with this number.
    Hot(u32),
    /// The cold part of the item with this number.
    Cold(u32),
    /// The stub of an exit.
    Stub(ExitIndex),
}

/// A jump to an exit's stub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// The exit.
    pub exit: ExitIndex,
    /// Offset of the 32-bit distance in the code.
    pub at: u32,
}

/// Machine code in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code {
    /// Where it starts; also where it is entered.
    pub address: u64,
    /// Its size in bytes.
    pub size: usize,
    /// The loop's label.
    pub label: Option<u64>,
    /// Offset of the first exit's stub. The others follow.
    pub stubs: u32,
    /// The jumps to stubs.
    pub jumps: Vec<Jump>,
}

impl Code {
    /// The address of an exit's stub.
    pub fn stub(&self, exit: ExitIndex) -> u64 {
        self.address + u64::from(self.stubs) + STUB as u64 * u64::from(exit.0)
    }

    /// Addresses of the 32-bit distances that lead to an exit's stub.
    pub fn jumps_to(&self, exit: ExitIndex) -> impl Iterator<Item = u64> {
        self.jumps.iter().filter(move |jump| jump.exit == exit).map(|jump| self.address + u64::from(jump.at))
    }
}

/// Offset of each stretch of a trace's code and what it belongs to, in order.
///
/// # Errors
/// As for [`assemble`].
pub fn map(trace: &Allocated) -> Result<Vec<(u32, Part)>, AssembleError> {
    let plan = Plan::new(trace)?;
    let mut map: Vec<(u32, Part)> =
        (0..).zip(&plan.hot[..trace.items.len()]).map(|(i, at)| (*at, Part::Hot(i))).collect();
    for (i, stencil) in plan.stencils.iter().enumerate() {
        if stencil.is_some_and(|stencil| !stencil.cold.is_empty()) {
            map.push((plan.cold[i], Part::Cold(i as u32)));
        }
    }
    map.extend((0..trace.exits.len() as u32).map(|i| (plan.stubs + STUB as u32 * i, Part::Stub(ExitIndex(i)))));
    Ok(map)
}

/// Bytes of an exit's stub.
const STUB: usize = 12 + 8;

/// Assembles a trace. `numbers` has the number of each of its exits; `root_label` is where
/// [`Item::JumpRoot`] goes.
///
/// # Errors
/// [`AssembleError`]; memory is as before then.
pub fn assemble(
    trace: &Allocated,
    numbers: &[u32],
    root_label: Option<u64>,
    memory: &mut CodeMemory,
) -> Result<Code, AssembleError> {
    assemble_behind(None, trace, numbers, root_label, memory)
}

/// The same for a side trace: the exit that it continues jumps to it from now on.
///
/// # Errors
/// As for [`assemble`]; the exit is as before, too.
pub fn assemble_behind(
    exit: Option<(&Code, ExitIndex)>,
    trace: &Allocated,
    numbers: &[u32],
    root_label: Option<u64>,
    memory: &mut CodeMemory,
) -> Result<Code, AssembleError> {
    let plan = Plan::new(trace)?;
    let address = memory.allocate(plan.size)?;
    let result = plan.write(trace, numbers, root_label, address).and_then(|(bytes, code)| {
        let jumps = exit.map_or(Ok(Vec::new()), |(code, exit)| link::jumps(code, exit, address))?;
        let jumps = jumps.iter().map(|(place, bytes)| (*place, &bytes[..]));
        let pieces: Vec<(u64, &[u8])> = std::iter::once((address, &bytes[..])).chain(jumps).collect();
        memory.write_all(&pieces)?;
        Ok(code)
    });
    if result.is_err() {
        memory.release(address, plan.size);
    }
    result
}

/// Where everything will be.
struct Plan {
    stencils: Vec<Option<Stencil<'static>>>,
    /// Offset of each item's hot part; one more at the end.
    hot: Vec<u32>,
    /// Offset of each item's cold part.
    cold: Vec<u32>,
    stubs: u32,
    size: usize,
}

fn slot(operand: Operand) -> Slot {
    match operand {
        Operand::Int(register) => Slot::Register(register.0),
        Operand::Float(register) => Slot::Register(register.0),
        Operand::Imm => Slot::Imm,
    }
}

fn stencil(op: &Operation) -> Result<Stencil<'static>, AssembleError> {
    let mut operands = [Slot::Imm; 4];
    let count = op.operands.len().min(4);
    for (slot_, operand) in operands.iter_mut().zip(&op.operands) {
        *slot_ = slot(*operand);
    }
    let result = op.result.map(|result| match slot(result) {
        Slot::Register(register) => register,
        Slot::Imm => u8::MAX,
    });
    find(op.uop, &operands[..count], result).ok_or(AssembleError::Stencil(op.uop))
}

impl Plan {
    fn new(trace: &Allocated) -> Result<Plan, AssembleError> {
        let mut plan = Plan {
            stencils: Vec::with_capacity(trace.items.len()),
            hot: Vec::with_capacity(trace.items.len() + 1),
            cold: Vec::with_capacity(trace.items.len()),
            stubs: 0,
            size: 0,
        };
        let mut at = 0;
        for item in &trace.items {
            let stencil = match item {
                Item::Op(op) => Some(stencil(op)?),
                _ => None,
            };
            plan.hot.push(at);
            at += match (item, &stencil) {
                (_, Some(stencil)) => stencil.hot.len() as u32,
                (Item::JumpLabel | Item::JumpRoot | Item::Exit(_), _) => 5,
                _ => 0,
            };
            plan.stencils.push(stencil);
        }
        plan.hot.push(at);
        for stencil in &plan.stencils {
            plan.cold.push(at);
            at += stencil.map_or(0, |stencil| stencil.cold.len() as u32);
        }
        plan.stubs = at;
        plan.size = at as usize + STUB * trace.exits.len();
        Ok(plan)
    }

    fn write(
        &self,
        trace: &Allocated,
        numbers: &[u32],
        root_label: Option<u64>,
        address: u64,
    ) -> Result<(Vec<u8>, Code), AssembleError> {
        let mut bytes = vec![0u8; self.size];
        let label = trace.items.iter().position(|item| *item == Item::Label).map(|i| address + u64::from(self.hot[i]));
        let stub = |exit: ExitIndex| address + u64::from(self.stubs) + STUB as u64 * u64::from(exit.0);
        let mut jumps = Vec::with_capacity(trace.exits.len());
        for (i, item) in trace.items.iter().enumerate() {
            let at = self.hot[i] as usize;
            match item {
                Item::Op(op) => {
                    let Some(stencil) = self.stencils[i] else { continue };
                    let (hot, cold) = (self.hot[i], self.cold[i]);
                    bytes[at..at + stencil.hot.len()].copy_from_slice(stencil.hot);
                    bytes[cold as usize..cold as usize + stencil.cold.len()].copy_from_slice(stencil.cold);
                    let mut fill = |start: u32, hole: Hole| {
                        let at = start as usize + usize::from(hole.offset);
                        let place = address + at as u64;
                        let target = match hole.value {
                            HoleValue::Imm32 => {
                                return patch::abs32_signed(&mut bytes, at, op.imm32.into()).map_err(Into::into);
                            }
                            HoleValue::OperandImm => {
                                return patch::abs32_signed(&mut bytes, at, op.operand_imm.into()).map_err(Into::into);
                            }
                            HoleValue::Imm64 => return patch::abs64(&mut bytes, at, op.imm64).map_err(Into::into),
                            HoleValue::Continue => address + u64::from(self.hot[i + 1]),
                            HoleValue::Hot => address + u64::from(hot),
                            HoleValue::Cold => address + u64::from(cold),
                            HoleValue::SideExit => {
                                let exit = op.exit.ok_or(AssembleError::Exit)?;
                                jumps.push(Jump { exit, at: at as u32 });
                                stub(exit)
                            }
                        };
                        // The addend of jumps out of the stencil is the distance to their end.
                        let addend = match (hole.kind, hole.value) {
                            (HoleKind::Rel32, HoleValue::Hot | HoleValue::Cold) => i64::from(hole.addend),
                            _ => -4,
                        };
                        patch::rel32(&mut bytes, at, place, target, addend).map_err(AssembleError::from)
                    };
                    stencil.hot_holes().try_for_each(|hole| fill(hot, hole))?;
                    stencil.cold_holes().try_for_each(|hole| fill(cold, hole))?;
                }
                Item::Label => {}
                Item::JumpLabel => jump(&mut bytes, at, address, label.ok_or(AssembleError::Label)?)?,
                Item::JumpRoot => jump(&mut bytes, at, address, root_label.ok_or(AssembleError::Label)?)?,
                Item::Exit(exit) => {
                    jumps.push(Jump { exit: *exit, at: at as u32 + 1 });
                    jump(&mut bytes, at, address, stub(*exit))?;
                }
            }
        }
        for i in 0..trace.exits.len() {
            let number = *numbers.get(i).ok_or(AssembleError::Exit)?;
            let at = self.stubs as usize + STUB * i;
            // mov qword ptr [r12 + EXIT], number
            bytes[at..at + 4].copy_from_slice(&[0x49, 0xc7, 0x84, 0x24]);
            patch::abs32_signed(&mut bytes, at + 4, offset::EXIT.into())?;
            patch::abs32_signed(&mut bytes, at + 8, number.into())?;
            // jmp qword ptr [r12 + LEAVE]
            bytes[at + 12..at + 16].copy_from_slice(&[0x41, 0xff, 0xa4, 0x24]);
            patch::abs32_signed(&mut bytes, at + 16, offset::LEAVE.into())?;
        }
        if jumps.iter().any(|jump| jump.exit.0 as usize >= trace.exits.len()) {
            return Err(AssembleError::Exit);
        }
        Ok((bytes, Code { address, size: self.size, label, stubs: self.stubs, jumps }))
    }
}

/// `jmp target`
fn jump(bytes: &mut [u8], at: usize, address: u64, target: u64) -> Result<(), AssembleError> {
    *bytes.get_mut(at).ok_or(PatchError::Place)? = 0xe9;
    patch::rel32(bytes, at + 1, address + at as u64 + 1, target, -4)?;
    Ok(())
}
