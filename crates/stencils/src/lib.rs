//! The stencil library: machine code for every uop and every choice of its registers, made at build
//! time by the stencil compiler and committed, one file per target.
//!
//! A stencil is a few bytes of code with holes. Its hot part falls through at its end to whatever the
//! assembler puts there; its cold part, if it has one, is put out of line. [`find`] computes a stencil's
//! place in the library from the uop and its registers, so that looking one up costs a few additions.
//!
//! The library is one block of bytes, read in place: a text line with the digest of everything it was
//! made from, the index, then the stencils; stencils with equal bytes are stored once. Format, all
//! numbers little endian: `"decal stencils <format> <triple> <sha256>\n"`, number of uops as u32, for each uop the index of
//! its first key as u32, number of keys as u32, for each key the position of its stencil from the
//! library's start as u32 (0: none). A stencil: lengths of hot and cold code as u16, numbers of holes of both as u8,
//! the holes (offset u16, kind u8, value u8, addend i32), the code.
#![no_std]
#![forbid(unsafe_code)]

use decal_uops::{Form, Uop};

/// The library for x86-64 Linux.
pub static LIBRARY: &[u8] = include_bytes!("../library/x86_64-unknown-linux-gnu.bin");

/// The format's version.
pub const FORMAT: u32 = 1;

/// Where one operand or result of a stencil is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// In the integer or float register with this number; the uop's table entry says which kind.
    Register(u8),
    /// A constant of 32 bits in the code.
    Imm,
}

/// How a hole is filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum HoleKind {
    /// 64 bits, the value itself (`R_X86_64_64`).
    Abs64 = 0,
    /// 32 bits that the processor extends by sign (`R_X86_64_32S`).
    Abs32Signed = 1,
    /// 32 bits, the distance from the hole to the value (`R_X86_64_PC32`, `R_X86_64_PLT32`).
    Rel32 = 2,
}

/// What goes into a hole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum HoleValue {
    /// The uop's immediate of 32 bits.
    Imm32 = 0,
    /// The uop's immediate of 64 bits.
    Imm64 = 1,
    /// The constant that stands for the last operand.
    OperandImm = 2,
    /// Where the trace goes on: the code behind the hot part.
    Continue = 3,
    /// The uop's exit.
    SideExit = 4,
    /// The stencil's own hot part; the addend is the offset in it.
    Hot = 5,
    /// The stencil's own cold part; the addend is the offset in it.
    Cold = 6,
}

impl HoleKind {
    /// From its number.
    pub const fn from_number(number: u8) -> Option<HoleKind> {
        match number {
            0 => Some(HoleKind::Abs64),
            1 => Some(HoleKind::Abs32Signed),
            2 => Some(HoleKind::Rel32),
            _ => None,
        }
    }

    /// Bytes that the hole takes.
    pub const fn size(self) -> usize {
        match self {
            HoleKind::Abs64 => 8,
            HoleKind::Abs32Signed | HoleKind::Rel32 => 4,
        }
    }
}

impl HoleValue {
    /// From its number.
    pub const fn from_number(number: u8) -> Option<HoleValue> {
        match number {
            0 => Some(HoleValue::Imm32),
            1 => Some(HoleValue::Imm64),
            2 => Some(HoleValue::OperandImm),
            3 => Some(HoleValue::Continue),
            4 => Some(HoleValue::SideExit),
            5 => Some(HoleValue::Hot),
            6 => Some(HoleValue::Cold),
            _ => None,
        }
    }

    /// The word used in listings.
    pub const fn name(self) -> &'static str {
        match self {
            HoleValue::Imm32 => "imm32",
            HoleValue::Imm64 => "imm64",
            HoleValue::OperandImm => "operand",
            HoleValue::Continue => "continue",
            HoleValue::SideExit => "side_exit",
            HoleValue::Hot => "hot",
            HoleValue::Cold => "cold",
        }
    }
}

/// A hole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hole {
    /// Its offset in its part of the stencil.
    pub offset: u16,
    /// How it is filled in.
    pub kind: HoleKind,
    /// What with.
    pub value: HoleValue,
    /// Added to that; for `Rel32` it includes the distance to the end of the instruction.
    pub addend: i32,
}

/// Bytes of a hole in the library.
pub const HOLE_SIZE: usize = 8;

/// A stencil, read in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stencil<'a> {
    /// Code on the straight path.
    pub hot: &'a [u8],
    /// Code out of line.
    pub cold: &'a [u8],
    hot_holes: &'a [u8],
    cold_holes: &'a [u8],
}

fn holes(bytes: &[u8]) -> impl Iterator<Item = Hole> + '_ {
    bytes.chunks_exact(HOLE_SIZE).filter_map(|b| {
        Some(Hole {
            offset: u16::from_le_bytes([b[0], b[1]]),
            kind: HoleKind::from_number(b[2])?,
            value: HoleValue::from_number(b[3])?,
            addend: i32::from_le_bytes([b[4], b[5], b[6], b[7]]),
        })
    })
}

impl<'a> Stencil<'a> {
    /// Holes of the hot part.
    pub fn hot_holes(&self) -> impl Iterator<Item = Hole> + 'a {
        holes(self.hot_holes)
    }

    /// Holes of the cold part.
    pub fn cold_holes(&self) -> impl Iterator<Item = Hole> + 'a {
        holes(self.cold_holes)
    }
}

/// Choices for each position of a uop's key, in mixed radix: result first, then operands.
fn radices(uop: Uop) -> impl Iterator<Item = u32> {
    let info = uop.info();
    let result = match info.form {
        Form::Free if info.result.is_some() => 8,
        _ => 1,
    };
    let count = info.operands.len();
    let operands = (0..count).map(move |i| match info.form {
        Form::Fixed => 1,
        Form::Free | Form::Tied if info.imm_operand && i + 1 == count => 9,
        Form::Free | Form::Tied => 8,
    });
    core::iter::once(result).chain(operands)
}

/// Number of keys of a uop.
pub fn key_count(uop: Uop) -> u32 {
    radices(uop).product()
}

/// The number of a key among those of its uop, or none where a slot does not fit the uop's form.
/// `result` is ignored for tied and fixed uops, whose form says where it is.
pub fn key_number(uop: Uop, operands: &[Slot], result: Option<u8>) -> Option<u32> {
    let info = uop.info();
    if operands.len() != info.operands.len() {
        return None;
    }
    let mut number = match info.form {
        Form::Free if info.result.is_some() => u32::from(result.filter(|register| *register < 8)?),
        _ => 0,
    };
    if info.form == Form::Fixed {
        return Some(number);
    }
    // The digits are those of `radices`, without going through them: this is asked for each operation of each trace.
    let last = if info.imm_operand { operands.len() } else { 0 };
    for (position, operand) in (1..).zip(operands) {
        let radix = if position == last { 9 } else { 8 };
        number = radix * number
            + match operand {
                Slot::Register(register) if *register < 8 => u32::from(*register),
                Slot::Imm if radix == 9 => 8,
                _ => return None,
            };
    }
    Some(number)
}

fn word(library: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(library.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Length of the first line, its newline included.
const fn header_len(library: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < library.len() && at < 200 {
        if library[at] == b'\n' {
            return Some(at + 1);
        }
        at += 1;
    }
    None
}

/// Of the library of this build. Looked for once, by the compiler.
const LIBRARY_HEADER: usize = match header_len(LIBRARY) {
    Some(length) => length,
    None => 0,
};

/// The digest of what the library was made from, in hexadecimal.
pub fn digest(library: &[u8]) -> Option<&str> {
    let line = core::str::from_utf8(library.get(..header_len(library)? - 1)?).ok()?;
    line.rsplit(' ').next()
}

/// The stencil with this number among its uop's, if it was made.
pub fn stencil(library: &[u8], uop: Uop, number: u32) -> Option<Stencil<'_>> {
    behind(library, header_len(library)?, uop, number)
}

/// The same, where the header's length is known.
fn behind(library: &[u8], start: usize, uop: Uop, number: u32) -> Option<Stencil<'_>> {
    let uops = word(library, start)? as usize;
    if uop as usize >= uops {
        return None;
    }
    let first = word(library, start + 4 + 4 * uop as usize)?;
    let keys = start + 4 + 4 * uops;
    let at = word(library, keys + 4 + 4 * (first + number) as usize)? as usize;
    if at == 0 {
        return None;
    }
    let record = library.get(at..)?;
    let hot_len = u16::from_le_bytes([*record.first()?, *record.get(1)?]) as usize;
    let cold_len = u16::from_le_bytes([*record.get(2)?, *record.get(3)?]) as usize;
    let (hot_count, cold_count) = (*record.get(4)? as usize, *record.get(5)? as usize);
    let (hot_holes, rest) = record.get(6..)?.split_at_checked(hot_count * HOLE_SIZE)?;
    let (cold_holes, rest) = rest.split_at_checked(cold_count * HOLE_SIZE)?;
    let (hot, rest) = rest.split_at_checked(hot_len)?;
    let cold = rest.get(..cold_len)?;
    Some(Stencil { hot, cold, hot_holes, cold_holes })
}

/// The stencil of a uop with its operands and its result in these slots.
pub fn find(uop: Uop, operands: &[Slot], result: Option<u8>) -> Option<Stencil<'static>> {
    behind(LIBRARY, LIBRARY_HEADER, uop, key_number(uop, operands, result)?)
}
