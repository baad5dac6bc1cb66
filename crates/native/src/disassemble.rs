//! Makes machine code readable: address, bytes, instruction, and the uop that it came from.

use crate::assemble::{self, Code, Part};
use decal_trace::allocated::{Allocated, ExitIndex, Item, Operand};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter, Instruction, IntelFormatter};
use std::fmt::Write;

/// A line of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// The instruction's address.
    pub address: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The instruction, Intel syntax; jumps name what they lead to.
    pub text: String,
    /// What it belongs to.
    pub part: Part,
}

/// The uop, with its registers, that an item stands for.
pub fn describe(item: &Item) -> String {
    let name = |operand: &Operand, imm: i32| match operand {
        Operand::Int(register) => format!("r{}", register.0),
        Operand::Float(register) => format!("f{}", register.0),
        Operand::Imm => imm.to_string(),
    };
    match item {
        Item::Op(op) => {
            let mut text = String::new();
            if let Some(result) = &op.result {
                let _ = write!(text, "{} = ", name(result, 0));
            }
            text.push_str(op.uop.name());
            let operands: Vec<String> = op.operands.iter().map(|operand| name(operand, op.operand_imm)).collect();
            if !operands.is_empty() {
                let _ = write!(text, " {}", operands.join(", "));
            }
            if let Some(exit) = op.exit {
                let _ = write!(text, " else exit {}", exit.0);
            }
            text
        }
        Item::Label => "label".into(),
        Item::JumpLabel => "jump to label".into(),
        Item::JumpRoot => "jump to the root trace's label".into(),
        Item::Exit(exit) => format!("exit {}", exit.0),
    }
}

/// Disassembles code that is in memory.
///
/// # Safety
/// `code` is of `trace`, and still in memory.
pub unsafe fn lines(code: &Code, trace: &Allocated) -> Vec<Line> {
    // SAFETY: the caller's; code pages are readable.
    let bytes = unsafe { std::slice::from_raw_parts(code.address as *const u8, code.size) };
    decode(code, trace, bytes)
}

fn decode(code: &Code, trace: &Allocated, bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let map = assemble::map(trace).unwrap_or_default();
    let mut formatter = IntelFormatter::new();
    for (i, (start, part)) in map.iter().enumerate() {
        let start = *start as usize;
        let end = map.get(i + 1).map_or(bytes.len(), |(next, _)| *next as usize);
        let Some(slice) = bytes.get(start..end) else { continue };
        let mut decoder = Decoder::with_ip(64, slice, code.address + start as u64, DecoderOptions::NONE);
        while decoder.can_decode() {
            let instruction = decoder.decode();
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            if let Some(target) = target(code, trace, &instruction) {
                text = format!("{} {target}", text.split(' ').next().unwrap_or(""));
            }
            let at = (instruction.ip() - code.address) as usize;
            lines.push(Line {
                address: instruction.ip(),
                bytes: bytes.get(at..at + instruction.len()).unwrap_or(&[]).to_vec(),
                text,
                part: *part,
            });
        }
    }
    lines
}

/// What a jump leads to, by name.
fn target(code: &Code, trace: &Allocated, instruction: &Instruction) -> Option<String> {
    if !matches!(instruction.flow_control(), FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch) {
        return None;
    }
    let to = instruction.near_branch_target();
    if code.label == Some(to) && instruction.ip() > to {
        return Some("label".into());
    }
    if let Some(exit) = (0..trace.exits.len() as u32).find(|exit| code.stub(ExitIndex(*exit)) == to) {
        return Some(format!("exit {exit}"));
    }
    let inside = to >= code.address && to < code.address + code.size as u64;
    (!inside).then(|| format!("{to:#x} (another trace)"))
}

/// A whole listing, with each item's uop before its instructions. `note` adds to an item's line, e.g. the source line.
///
/// # Safety
/// As for [`lines`].
pub unsafe fn listing(code: &Code, trace: &Allocated, note: &dyn Fn(&Item) -> String) -> String {
    let mut text = String::new();
    let mut last = None;
    // SAFETY: the caller's.
    for line in unsafe { lines(code, trace) } {
        if last != Some(line.part) {
            last = Some(line.part);
            let heading = match line.part {
                Part::Hot(i) | Part::Cold(i) => trace.items.get(i as usize).map_or(String::new(), |item| {
                    let cold = if matches!(line.part, Part::Cold(_)) { "cold: " } else { "" };
                    format!("{cold}{}{}", describe(item), note(item))
                }),
                Part::Stub(exit) => format!("stub of exit {}", exit.0),
            };
            let _ = writeln!(text, "                                            ; {heading}");
        }
        let bytes: String = line.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, "{:#x}  {bytes:24}  {}", line.address, line.text);
    }
    text
}
