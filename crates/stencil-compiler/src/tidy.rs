//! Tidies a stencil's code and finds its holes: from what the compiler made to a hot part that falls through
//! to the next stencil, and a cold part that is put elsewhere.
//!
//! The code is decoded into blocks. Then, one idea each:
//! * **thread**: a jump to a block that only jumps on goes to that block's target, so that a failing guard
//!   jumps straight out: `jno L; jmp side_exit; L:` has become `jo side_exit` after the next step;
//! * **invert**: a conditional jump around a jump is inverted and takes the other's target;
//! * **prefer going on**: a branch whose straight way only ever leaves is turned around;
//! * **straighten**: blocks are laid out along the path that ends by going on; the jump to the next
//!   stencil at its end is dropped, and so is every jump to the block behind it;
//! * **dead**: blocks that nothing reaches are dropped;
//! * **split**: what is not on that path becomes the cold part.
//!
//! Before encoding, each stencil is checked: every relocation and symbol is known, the stack is level
//! wherever the stencil leaves, and it leaves by jumps alone. A load of a 32-bit constant that the processor
//! would extend by zeros is turned into one that extends by sign, because constants are signed.

use crate::error::Error;
use crate::model::{Part, Stencil};
use crate::read::Compiled;
use decal_stencils::{Hole, HoleKind, HoleValue};
use iced_x86::{
    BlockEncoder, BlockEncoderOptions, Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionBlock,
    Mnemonic, OpKind, Register,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes saved, by idea.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// Bytes as compiled.
    pub before: usize,
    /// Bytes of hot code.
    pub hot: usize,
    /// Bytes of cold code.
    pub cold: usize,
    /// Conditional jumps inverted.
    pub inverted: usize,
    /// Jumps dropped.
    pub jumps: usize,
}

// Relocation types of ELF for x86-64.
const R_X86_64_64: u32 = 1;
const R_X86_64_PC32: u32 = 2;
const R_X86_64_PLT32: u32 = 4;
const R_X86_64_32: u32 = 10;
const R_X86_64_32S: u32 = 11;

/// Addresses that stand for ways out, far from all code but within reach of a near jump.
const CONTINUE: u64 = 0x7000_0000;
const SIDE_EXIT: u64 = 0x7100_0000;
/// Where the cold part pretends to be, so that jumps between the parts are long ones.
const COLD_BASE: u64 = 0x2000_0000;
const HOT_BASE: u64 = 0x1000_0000;
/// Instructions that nothing jumps to get addresses from here on: the encoder wants them to differ.
const NOWHERE: u64 = 1 << 40;

/// An instruction, with the hole in it.
#[derive(Clone, Debug)]
struct Line {
    instruction: Instruction,
    /// The value of the hole in its displacement or immediate, if it has one.
    hole: Option<(HoleKind, HoleValue)>,
}

/// A straight piece of code. It ends by a jump or falls through to `next`.
#[derive(Clone, Debug, Default)]
struct Block {
    lines: Vec<Line>,
    /// Where it goes if its last instruction does not jump: a block's address, `CONTINUE` or `SIDE_EXIT`.
    next: Option<u64>,
}

type Blocks = BTreeMap<u64, Block>;

/// Tidies one stencil.
pub fn tidy(compiled: &Compiled) -> Result<(Stencil, Saved), Error> {
    let name = compiled.variant.symbol();
    let mut saved = Saved { before: compiled.code.len(), ..Saved::default() };
    let mut blocks = blocks(&name, lines(&name, compiled)?)?;
    check_stack(&name, &blocks)?;
    thread(&mut blocks);
    saved.inverted = invert(&mut blocks);
    prefer_going_on(&mut blocks);
    let (hot, cold) = layout(&blocks);
    let stencil = encode(&name, &blocks, &hot, &cold, &mut saved)?;
    saved.hot = stencil.hot.code.len();
    saved.cold = stencil.cold.code.len();
    Ok((stencil, saved))
}

/// What stands in for a hole while code is taken apart and put together: it cannot be shortened.
const FILLER: [u8; 8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08];

/// Decodes the code, with holes attached to their instructions and ways out as jump targets.
fn lines(name: &str, compiled: &Compiled) -> Result<Vec<Line>, Error> {
    let mut code = compiled.code.clone();
    for relocation in &compiled.relocations {
        // Something that cannot be shortened stands in for the hole.
        let at = relocation.offset as usize;
        let filler = match relocation.kind {
            R_X86_64_64 => &FILLER[..],
            R_X86_64_32 | R_X86_64_32S => &FILLER[..4],
            _ => continue,
        };
        if let Some(slice) = code.get_mut(at..at + filler.len()) {
            slice.copy_from_slice(filler);
        }
    }
    let mut decoder = Decoder::with_ip(64, &code, 0, DecoderOptions::NONE);
    let mut lines = Vec::new();
    while decoder.can_decode() {
        let mut instruction = decoder.decode();
        if instruction.is_invalid() {
            return Err(Error::Instruction(name.into(), format!("cannot decode at {:#x}", instruction.ip())));
        }
        let mut hole = None;
        let range = instruction.ip()..instruction.next_ip();
        for relocation in compiled.relocations.iter().filter(|relocation| range.contains(&relocation.offset)) {
            match relocation.kind {
                R_X86_64_PC32 | R_X86_64_PLT32 => {
                    let target = match relocation.symbol.as_str() {
                        "_JIT_CONTINUE" => CONTINUE,
                        "_JIT_SIDE_EXIT" => SIDE_EXIT,
                        other => return Err(Error::Symbol(name.into(), other.into())),
                    };
                    if !matches!(
                        instruction.flow_control(),
                        FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
                    ) {
                        return Err(Error::Exit(name.into(), instruction.to_string()));
                    }
                    instruction.set_near_branch64(target);
                }
                R_X86_64_64 | R_X86_64_32 | R_X86_64_32S => {
                    let value = match relocation.symbol.as_str() {
                        "HOLE_IMM32" => HoleValue::Imm32,
                        "HOLE_IMM64" => HoleValue::Imm64,
                        "HOLE_OPERAND" => HoleValue::OperandImm,
                        other => return Err(Error::Symbol(name.into(), other.into())),
                    };
                    if hole.is_some() || relocation.addend != 0 {
                        return Err(Error::HolePlace(name.into(), instruction.to_string()));
                    }
                    let kind = if relocation.kind == R_X86_64_64 { HoleKind::Abs64 } else { HoleKind::Abs32Signed };
                    if relocation.kind == R_X86_64_32 {
                        instruction = sign_extended(&instruction)
                            .ok_or_else(|| Error::HolePlace(name.into(), instruction.to_string()))?;
                    }
                    hole = Some((kind, value));
                }
                other => return Err(Error::Relocation(name.into(), format!("{other} to {}", relocation.symbol))),
            }
        }
        lines.push(Line { instruction, hole });
    }
    Ok(lines)
}

/// The same load of a constant, extended by sign to 64 bits.
fn sign_extended(instruction: &Instruction) -> Option<Instruction> {
    if instruction.code() != Code::Mov_r32_imm32 {
        return None;
    }
    let register = instruction.op0_register().full_register();
    let mut wide = Instruction::with2(Code::Mov_rm64_imm32, register, instruction.immediate32() as i32).ok()?;
    wide.set_ip(instruction.ip());
    Some(wide)
}

fn is_jump(instruction: &Instruction) -> bool {
    matches!(instruction.flow_control(), FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch)
}

/// Cuts the lines into blocks.
fn blocks(name: &str, lines: Vec<Line>) -> Result<Blocks, Error> {
    let mut starts: BTreeSet<u64> = BTreeSet::from([0]);
    for line in &lines {
        match line.instruction.flow_control() {
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                starts.insert(line.instruction.near_branch_target());
                starts.insert(line.instruction.next_ip().max(line.instruction.ip() + 1));
            }
            FlowControl::Next | FlowControl::IndirectCall => {}
            _ => return Err(Error::Exit(name.into(), line.instruction.to_string())),
        }
    }
    // Addresses as the compiler laid the code out: rewritten instructions keep their place.
    let addresses: Vec<u64> = lines.iter().map(|line| line.instruction.ip()).collect();
    let mut blocks = Blocks::new();
    let mut current = 0;
    for (index, line) in lines.into_iter().enumerate() {
        let at = addresses[index];
        if starts.contains(&at) || index == 0 {
            current = at;
        }
        let following = addresses.get(index + 1).copied();
        let block = blocks.entry(current).or_default();
        match line.instruction.flow_control() {
            FlowControl::UnconditionalBranch => {
                block.next = Some(line.instruction.near_branch_target());
                if let Some(following) = following {
                    current = following;
                }
            }
            FlowControl::ConditionalBranch => {
                block.next = following;
                block.lines.push(line);
                if let Some(following) = following {
                    current = following;
                }
            }
            _ => {
                block.next = following;
                block.lines.push(line);
            }
        }
    }
    Ok(blocks)
}

/// The conditional jump at a block's end.
fn branch(block: &Block) -> Option<&Instruction> {
    block.lines.last().map(|line| &line.instruction).filter(|instruction| is_jump(instruction))
}

/// How an instruction moves the stack pointer, in bytes.
fn stack_change(instruction: &Instruction) -> Option<i64> {
    let to_rsp = instruction.op_count() > 0
        && instruction.op0_kind() == OpKind::Register
        && instruction.op0_register() == Register::RSP;
    match instruction.mnemonic() {
        Mnemonic::Push => Some(-8),
        Mnemonic::Pop => Some(8),
        Mnemonic::Sub if to_rsp => Some(-(instruction.immediate(1) as i64)),
        Mnemonic::Add if to_rsp => Some(instruction.immediate(1) as i64),
        Mnemonic::Lea
            if to_rsp && instruction.memory_base() == Register::RSP && instruction.memory_index() == Register::None =>
        {
            Some(instruction.memory_displacement64() as i64)
        }
        _ if to_rsp && !matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test) => None,
        _ => Some(0),
    }
}

/// The stack is level wherever the stencil leaves.
fn check_stack(name: &str, blocks: &Blocks) -> Result<(), Error> {
    let mut depth: BTreeMap<u64, i64> = BTreeMap::from([(0, 0)]);
    let mut work = vec![0];
    while let Some(at) = work.pop() {
        let (Some(block), Some(mut here)) = (blocks.get(&at), depth.get(&at).copied()) else { continue };
        for line in &block.lines {
            here += stack_change(&line.instruction).ok_or_else(|| Error::OpenStack(name.into()))?;
        }
        for to in branch(block).map(|jump| jump.near_branch_target()).into_iter().chain(block.next) {
            if to == CONTINUE || to == SIDE_EXIT {
                if here != 0 {
                    return Err(Error::OpenStack(name.into()));
                }
            } else if let Some(known) = depth.insert(to, here) {
                if known != here {
                    return Err(Error::OpenStack(name.into()));
                }
            } else {
                work.push(to);
            }
        }
        if block.next.is_none() {
            return Err(Error::Exit(name.into(), "running off its end".into()));
        }
    }
    Ok(())
}

/// Jumps to blocks that only jump on go to where those go.
fn thread(blocks: &mut Blocks) {
    let onward: BTreeMap<u64, u64> = blocks
        .iter()
        .filter(|(_, block)| block.lines.is_empty())
        .filter_map(|(at, block)| Some((*at, block.next?)))
        .collect();
    let resolve = |mut to: u64| {
        for _ in 0..onward.len() {
            match onward.get(&to) {
                Some(next) => to = *next,
                None => break,
            }
        }
        to
    };
    for block in blocks.values_mut() {
        block.next = block.next.map(resolve);
        if let Some(line) = block.lines.last_mut()
            && is_jump(&line.instruction)
        {
            let target = resolve(line.instruction.near_branch_target());
            line.instruction.set_near_branch64(target);
        }
    }
}

/// Conditional jumps along the path that goes on, around a way out, are inverted. Gives how many.
fn invert(blocks: &mut Blocks) -> usize {
    let mut count = 0;
    for block in blocks.values_mut() {
        if block.next == Some(SIDE_EXIT)
            && let Some(line) = block.lines.last_mut()
            && is_jump(&line.instruction)
        {
            block.next = Some(line.instruction.near_branch_target());
            line.instruction.negate_condition_code();
            line.instruction.set_near_branch64(SIDE_EXIT);
            count += 1;
        }
    }
    count
}

/// Conditional jumps whose straight way cannot go on, while the other can, are inverted, so that the straight
/// path is one that goes on.
fn prefer_going_on(blocks: &mut Blocks) {
    let goes_on = |blocks: &Blocks| {
        let mut good: BTreeSet<u64> = BTreeSet::from([CONTINUE]);
        loop {
            let before = good.len();
            for (at, block) in blocks.iter() {
                if branch(block)
                    .map(|jump| jump.near_branch_target())
                    .into_iter()
                    .chain(block.next)
                    .any(|to| good.contains(&to))
                {
                    good.insert(*at);
                }
            }
            if good.len() == before {
                return good;
            }
        }
    };
    let good = goes_on(blocks);
    for block in blocks.values_mut() {
        if let (Some(next), Some(line)) = (block.next, block.lines.last_mut())
            && is_jump(&line.instruction)
            && !good.contains(&next)
            && good.contains(&line.instruction.near_branch_target())
        {
            block.next = Some(line.instruction.near_branch_target());
            line.instruction.negate_condition_code();
            line.instruction.set_near_branch64(next);
        }
    }
}

/// The blocks of the path that goes on, in order, and all others that something reaches.
fn layout(blocks: &Blocks) -> (Vec<u64>, Vec<u64>) {
    let mut hot = Vec::new();
    let mut at = 0;
    while let Some(block) = blocks.get(&at) {
        if hot.contains(&at) {
            break;
        }
        hot.push(at);
        match block.next {
            Some(next) => at = next,
            None => break,
        }
    }
    let mut cold = Vec::new();
    let mut work: Vec<u64> = hot.clone();
    while let Some(at) = work.pop() {
        let Some(block) = blocks.get(&at) else { continue };
        for to in branch(block).map(|jump| jump.near_branch_target()).into_iter().chain(block.next) {
            if blocks.contains_key(&to) && !hot.contains(&to) && !cold.contains(&to) {
                cold.push(to);
                work.push(to);
            }
        }
    }
    cold.sort_unstable();
    (hot, cold)
}

/// One part's instructions; a jump is added where a block does not go on to the block behind it.
fn emit(name: &str, blocks: &Blocks, order: &[u64], last_falls_through: bool) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for (index, at) in order.iter().enumerate() {
        let Some(block) = blocks.get(at) else { continue };
        let first = lines.len();
        lines.extend(block.lines.iter().cloned());
        let behind = order.get(index + 1).copied();
        let last = index + 1 == order.len();
        let falls =
            block.next == behind && behind.is_some() || (last && last_falls_through && block.next == Some(CONTINUE));
        if !falls {
            let target = block.next.ok_or_else(|| Error::Exit(name.into(), "running off its end".into()))?;
            let jump = Instruction::with_branch(Code::Jmp_rel32_64, target)
                .map_err(|error| Error::Instruction(name.into(), error.to_string()))?;
            lines.push(Line { instruction: jump, hole: None });
        }
        // Blocks are found again by their address after encoding.
        if let Some(line) = lines.get_mut(first) {
            line.instruction.set_ip(*at);
        }
        for (count, line) in lines.iter_mut().skip(first + 1).enumerate() {
            line.instruction.set_ip(NOWHERE + (at << 16) + count as u64);
        }
    }
    Ok(lines)
}

fn encode(name: &str, blocks: &Blocks, hot: &[u64], cold: &[u64], saved: &mut Saved) -> Result<Stencil, Error> {
    let hot_lines = emit(name, blocks, hot, true)?;
    let cold_lines = emit(name, blocks, cold, false)?;
    let jumps = |lines: &[Line]| lines.iter().filter(|line| line.instruction.mnemonic() == Mnemonic::Jmp).count();
    let before = blocks.values().filter(|block| branch(block).is_none()).count();
    saved.jumps = before.saturating_sub(jumps(&hot_lines) + jumps(&cold_lines));
    let fail = |error: iced_x86::IcedError| Error::Instruction(name.into(), error.to_string());
    let hot_code: Vec<Instruction> = hot_lines.iter().map(|line| line.instruction).collect();
    let cold_code: Vec<Instruction> = cold_lines.iter().map(|line| line.instruction).collect();
    let options = BlockEncoderOptions::RETURN_CONSTANT_OFFSETS | BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS;
    let mut parts = vec![InstructionBlock::new(&hot_code, HOT_BASE)];
    if !cold_code.is_empty() {
        parts.push(InstructionBlock::new(&cold_code, COLD_BASE));
    }
    let results = BlockEncoder::encode_slice(64, &parts, options).map_err(fail)?;
    let mut stencil = Stencil::default();
    for (index, (result, lines)) in results.iter().zip([&hot_lines, &cold_lines]).enumerate() {
        let part = if index == 0 { &mut stencil.hot } else { &mut stencil.cold };
        part.code = result.code_buffer.clone();
        let base = if index == 0 { HOT_BASE } else { COLD_BASE };
        for (i, line) in lines.iter().enumerate() {
            let start = result.new_instruction_offsets[i] as usize;
            let end = result.new_instruction_offsets.get(i + 1).map_or(part.code.len(), |next| *next as usize);
            if let Some((kind, value)) = line.hole {
                let constants = result.constant_offsets[i];
                let mut fields = Vec::new();
                if constants.has_displacement() {
                    fields.push((constants.displacement_offset(), constants.displacement_size()));
                }
                if constants.has_immediate() {
                    fields.push((constants.immediate_offset(), constants.immediate_size()));
                }
                // Of the fields of this size, the hole is the one with the filler in it.
                let filled = fields.into_iter().find(|(at, size)| {
                    *size == kind.size() && part.code.get(start + at..start + at + size) == FILLER.get(..*size)
                });
                let Some((at, _)) = filled else {
                    return Err(Error::HolePlace(name.into(), line.instruction.to_string()));
                };
                add_hole(name, part, start + at, Hole { offset: 0, kind, value, addend: 0 })?;
            } else if is_jump(&line.instruction) {
                outward(name, part, base, end)?;
            }
        }
    }
    for part in [&stencil.hot, &stencil.cold] {
        if part.code.windows(4).any(|bytes| bytes == &FILLER[..4]) {
            return Err(Error::HolePlace(name.into(), "a hole that was not found again".into()));
        }
    }
    if stencil.hot.code.len().max(stencil.cold.code.len()) > usize::from(u16::MAX) {
        return Err(Error::TooLarge(name.into()));
    }
    Ok(stencil)
}

fn add_hole(name: &str, part: &mut Part, at: usize, hole: Hole) -> Result<(), Error> {
    let slot =
        part.code.get_mut(at..at + hole.kind.size()).ok_or_else(|| Error::HolePlace(name.into(), "its end".into()))?;
    slot.fill(0);
    let offset = u16::try_from(at).map_err(|_| Error::TooLarge(name.into()))?;
    part.holes.push(Hole { offset, ..hole });
    Ok(())
}

/// A jump that leaves its part, which ends at `end`, gets a hole.
fn outward(name: &str, part: &mut Part, base: u64, end: usize) -> Result<(), Error> {
    let mut decoder = Decoder::with_ip(64, &part.code, base, DecoderOptions::NONE);
    let mut target = None;
    while decoder.can_decode() {
        let instruction = decoder.decode();
        if instruction.next_ip() == base + end as u64 {
            target = is_jump(&instruction).then(|| (instruction.near_branch_target(), instruction.len()));
            break;
        }
    }
    let Some((target, length)) = target else {
        return Err(Error::Instruction(name.into(), "a jump was lost".into()));
    };
    let own = target >= base && target <= base + part.code.len() as u64;
    if own {
        return Ok(());
    }
    if length < 5 {
        return Err(Error::HolePlace(name.into(), "a short jump".into()));
    }
    let (value, addend) = match target {
        CONTINUE => (HoleValue::Continue, 0),
        SIDE_EXIT => (HoleValue::SideExit, 0),
        to if to < COLD_BASE => (HoleValue::Hot, to.wrapping_sub(HOT_BASE)),
        to => (HoleValue::Cold, to.wrapping_sub(COLD_BASE)),
    };
    let addend = i32::try_from(addend).map_err(|_| Error::TooLarge(name.into()))? - 4;
    add_hole(name, part, end - 4, Hole { offset: 0, kind: HoleKind::Rel32, value, addend })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Variant;
    use crate::read::Relocation;
    use decal_uops::Uop;

    fn compiled(code: &[u8], relocations: &[(u64, u32, &str)]) -> Compiled {
        let relocations = relocations
            .iter()
            .map(|(offset, kind, symbol)| Relocation {
                offset: *offset,
                kind: *kind,
                symbol: symbol.to_string(),
                addend: if *kind == R_X86_64_PLT32 { -4 } else { 0 },
            })
            .collect();
        Compiled { variant: Variant { uop: Uop::add_int, number: 0 }, code: code.to_vec(), relocations }
    }

    #[test]
    fn the_jump_to_the_next_stencil_is_dropped() {
        // mov r13, r14; jmp continue
        let input = compiled(&[0x4d, 0x89, 0xf5, 0xe9, 0, 0, 0, 0], &[(4, R_X86_64_PLT32, "_JIT_CONTINUE")]);
        let (stencil, saved) = tidy(&input).unwrap();
        assert_eq!(stencil.hot.code, [0x4d, 0x89, 0xf5]);
        assert_eq!((saved.before, saved.hot, saved.cold), (8, 3, 0));
    }

    #[test]
    fn a_failing_guard_jumps_straight_out() {
        // add rax, r14; jno +5; jmp side_exit; mov r13, rax; jmp continue
        let code = [0x4c, 0x01, 0xf0, 0x71, 5, 0xe9, 0, 0, 0, 0, 0x49, 0x89, 0xc5, 0xe9, 0, 0, 0, 0];
        let input = compiled(&code, &[(6, R_X86_64_PLT32, "_JIT_SIDE_EXIT"), (14, R_X86_64_PLT32, "_JIT_CONTINUE")]);
        let (stencil, saved) = tidy(&input).unwrap();
        // add rax, r14; jo side_exit; mov r13, rax
        assert_eq!(stencil.hot.code, [0x4c, 0x01, 0xf0, 0x0f, 0x80, 0, 0, 0, 0, 0x49, 0x89, 0xc5]);
        assert_eq!(stencil.hot.holes.len(), 1);
        assert_eq!(stencil.hot.holes[0].value, HoleValue::SideExit);
        assert_eq!(stencil.hot.holes[0].offset, 5);
        assert_eq!(saved.inverted, 1);
    }

    #[test]
    fn zero_extended_constants_become_signed_ones() {
        // mov r13d, HOLE_IMM32; jmp continue
        let input = compiled(
            &[0x41, 0xbd, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0],
            &[(2, R_X86_64_32, "HOLE_IMM32"), (7, R_X86_64_PLT32, "_JIT_CONTINUE")],
        );
        let (stencil, _) = tidy(&input).unwrap();
        assert_eq!(stencil.hot.code, [0x49, 0xc7, 0xc5, 0, 0, 0, 0]);
        assert_eq!(stencil.hot.holes[0].offset, 3);
    }

    #[test]
    fn bad_stencils_are_refused() {
        let jump = [0xe9, 0, 0, 0, 0];
        let unknown = tidy(&compiled(&jump, &[(1, R_X86_64_PLT32, "memcpy")]));
        assert!(matches!(unknown, Err(Error::Symbol(_, symbol)) if symbol == "memcpy"));
        let relocation = tidy(&compiled(&jump, &[(1, 42, "_JIT_CONTINUE")]));
        assert!(matches!(relocation, Err(Error::Relocation(..))));
        // push rax; jmp continue
        let open = tidy(&compiled(&[0x50, 0xe9, 0, 0, 0, 0], &[(2, R_X86_64_PLT32, "_JIT_CONTINUE")]));
        assert!(matches!(open, Err(Error::OpenStack(_))));
        // call side_exit; jmp continue
        let call = tidy(&compiled(
            &[0xe8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0],
            &[(1, R_X86_64_PLT32, "_JIT_SIDE_EXIT"), (6, R_X86_64_PLT32, "_JIT_CONTINUE")],
        ));
        assert!(matches!(call, Err(Error::Exit(..))));
        // ud2: a panic path
        let panics = tidy(&compiled(&[0x0f, 0x0b], &[]));
        assert!(matches!(panics, Err(Error::Exit(..))));
        // ret
        let returns = tidy(&compiled(&[0xc3], &[]));
        assert!(matches!(returns, Err(Error::Exit(..))));
    }
}
