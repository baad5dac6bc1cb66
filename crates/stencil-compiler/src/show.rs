//! The audit listing: a stencil's instructions with its holes named.

use crate::generate::Variant;
use decal_stencils::{Hole, HoleKind, HoleValue, Stencil, key_count, stencil};
use decal_uops::Uop;
use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::fmt::Write;

/// Stencils of one uop that a listing shows when asked for the uop alone.
const SHOWN: u32 = 4;

/// Lists a few stencils of a uop.
pub fn uop(library: &[u8], uop: Uop) -> String {
    let mut text = format!("{}: {}\n", uop.name(), uop.info().doc.trim());
    let count = key_count(uop);
    let step = (count / SHOWN).max(1) + 1;
    for number in (0..count).step_by(step as usize) {
        text.push_str(&one(library, Variant { uop, number }));
    }
    let _ = writeln!(text, "({count} variants)");
    text
}

/// Lists one stencil.
pub fn one(library: &[u8], variant: Variant) -> String {
    let mut text = format!("{}\n", variant.describe());
    match stencil(library, variant.uop, variant.number) {
        Some(Stencil { hot, cold, .. }) if hot.is_empty() && cold.is_empty() => text.push_str("    (no code)\n"),
        Some(found) => {
            part(&mut text, found.hot, &found.hot_holes().collect::<Vec<_>>());
            if !found.cold.is_empty() {
                text.push_str("  cold:\n");
                part(&mut text, found.cold, &found.cold_holes().collect::<Vec<_>>());
            }
        }
        None => text.push_str("    (not in the library)\n"),
    }
    text
}

fn part(text: &mut String, code: &[u8], holes: &[Hole]) {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        let (start, end) = (instruction.ip() as usize, instruction.next_ip() as usize);
        let names: Vec<String> = holes
            .iter()
            .filter(|hole| (start..end).contains(&usize::from(hole.offset)))
            .map(|hole| match (hole.value, hole.kind) {
                (HoleValue::Hot | HoleValue::Cold, _) => format!("{}+{}", hole.value.name(), hole.addend + 4),
                (_, HoleKind::Abs64) => format!("{} (64 bits)", hole.value.name()),
                _ => hole.value.name().to_string(),
            })
            .collect();
        let bytes: String = code[start..end].iter().map(|byte| format!("{byte:02x} ")).collect();
        let note = if names.is_empty() { String::new() } else { format!("    ; {}", names.join(", ")) };
        let _ = writeln!(text, "    {start:3}  {bytes:32}{line}{note}");
    }
}
