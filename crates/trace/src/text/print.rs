//! Printing traces. See [`text`](super) for the form.

use super::region_name;
use crate::event::Code;
use crate::ir::{End, Inst, Region, Start, Trace, UopInst, Val};
use crate::snapshot::{Made, Returns, Snapshot, Source, Then};
use decal_uops::{ImmKind, Uop};
use std::fmt::{Display, Formatter, Result};

impl Display for Val {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "v{}", self.0)
    }
}

impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let start = match self.start {
            Start::Loop => "loop",
            Start::Function => "function",
            Start::Exit => "exit",
        };
        writeln!(f, "trace {start}")?;
        for (index, code) in self.codes.iter().enumerate() {
            write_code(f, index, code)?;
        }
        if !self.covers.is_empty() {
            f.write_str("covers")?;
            for code in &self.covers {
                write!(f, " c{}", code.0)?;
            }
            writeln!(f)?;
        }
        let mut origins = self.origins.iter();
        for (index, inst) in self.insts.iter().enumerate() {
            if self.label == Some(index as u32) {
                writeln!(f, "label")?;
            }
            let val = Val(index as u32);
            write!(f, "{val}: ")?;
            if let Some(class) = self.class(val) {
                write!(f, "{} = ", class.name())?;
            }
            match inst {
                Inst::Param(_) => {
                    f.write_str("param")?;
                    if let Some(origin) = origins.next() {
                        write!(f, " {origin}")?;
                    }
                }
                Inst::Phi { entry, borrowed, .. } => {
                    write!(f, "{} {entry}", if *borrowed { "borrowed_phi" } else { "phi" })?;
                }
                Inst::Uop(inst) => write_uop(f, inst)?,
            }
            writeln!(f)?;
        }
        if self.label == Some(self.insts.len() as u32) {
            writeln!(f, "label")?;
        }
        match &self.end {
            End::Loop(values) => {
                f.write_str("loop")?;
                write_values(f, values)?;
            }
            End::Join(values) => {
                f.write_str("join")?;
                write_values(f, values)?;
            }
            End::Exit(snap) => write!(f, "exit s{}", snap.0)?,
        }
        writeln!(f)?;
        for (index, snap) in self.snaps.iter().enumerate() {
            writeln!(f, "s{index}: {snap}")?;
        }
        Ok(())
    }
}

fn write_values(f: &mut Formatter<'_>, values: &[Val]) -> Result {
    for (index, val) in values.iter().enumerate() {
        write!(f, "{}{val}", if index == 0 { " " } else { ", " })?;
    }
    Ok(())
}

fn write_code(f: &mut Formatter<'_>, index: usize, code: &Code) -> Result {
    write!(f, "code c{index} ")?;
    write_quoted(f, &code.name)?;
    if !code.file.is_empty() {
        f.write_str(" file ")?;
        write_quoted(f, &code.file)?;
    }
    if code.object != 0 {
        write!(f, " object {:#x}", code.object)?;
    }
    write!(f, " locals {}", code.locals)?;
    if code.parameters != 0 {
        write!(f, " parameters {}", code.parameters)?;
    }
    writeln!(f)
}

fn write_quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

fn write_uop(f: &mut Formatter<'_>, inst: &UopInst) -> Result {
    let info = inst.uop.info();
    f.write_str(info.name)?;
    let mut separator = " ";
    for arg in &inst.args {
        write!(f, "{separator}{arg}")?;
        separator = ", ";
    }
    for imm in info.imms {
        f.write_str(separator)?;
        write_imm(f, inst.uop, imm.kind, inst.imm32, inst.imm64)?;
        separator = ", ";
    }
    if inst.region != Region::Fixed {
        write!(f, " @{}", region_name(inst.region))?;
    }
    if let Some(snap) = inst.snap {
        write!(f, " ; exit s{}", snap.0)?;
    }
    Ok(())
}

/// An immediate in the form that suits the uop.
pub(super) fn write_imm(f: &mut Formatter<'_>, uop: Uop, kind: ImmKind, imm32: i32, imm64: u64) -> Result {
    let float = f64::from_bits(imm64);
    match (kind, uop) {
        (ImmKind::Imm32, _) => write!(f, "{imm32}"),
        (ImmKind::Imm64, Uop::const_int64) => write!(f, "{}", imm64 as i64),
        // Rust prints the shortest number that reads back as the same double.
        (ImmKind::Imm64, Uop::const_float) if float.is_finite() => write!(f, "{float:?}"),
        (ImmKind::Imm64, _) => write!(f, "{imm64:#x}"),
    }
}

impl Display for Snapshot<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, frame) in self.all_frames().enumerate() {
            if index > 0 {
                f.write_str(if index < self.frames.len() { " / " } else { " + " })?;
            }
            write!(f, "c{}@{}", frame.code.0, frame.offset)?;
            if frame.after != frame.offset {
                write!(f, ">{}", frame.after)?;
            }
            if frame.returns != Returns::Value {
                let (word, [first, second]) = frame.returns.parts();
                write!(f, " gives {word} {first} {second}")?;
            }
            if frame.function != 0 {
                write!(f, " fn {:#x}", frame.function)?;
            }
            if let Some(real) = frame.real {
                write!(f, " real {real}")?;
            }
            if let Some(generator) = frame.generator {
                match generator.made {
                    Made::Object(object) => write!(f, " gen {object}")?,
                    Made::Never(maker) => {
                        write!(f, " gen of {:#x} {:#x} {:#x}", maker.function, maker.code, maker.globals)?;
                        if let Some(shell) = maker.shell {
                            write!(f, " in {shell}")?;
                        }
                    }
                }
                write!(f, " #{}", generator.number)?;
                f.write_str(if generator.begun { " begun" } else { "" })?;
                f.write_str(if generator.quiet { " quiet" } else { "" })?;
                f.write_str(if generator.delegated { " delegated" } else { "" })?;
            }
            f.write_str(" locals [")?;
            write_sources(f, frame.locals)?;
            f.write_str("] stack [")?;
            write_sources(f, frame.stack)?;
            f.write_str("]")?;
        }
        if !self.stores.is_empty() {
            f.write_str(" stores [")?;
            for (index, store) in self.stores.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(f, "{separator}{}{:+} = {}", store.base, store.disp, store.value)?;
            }
            f.write_str("]")?;
        }
        f.write_str(match self.then {
            Then::Resume => " then resume",
            Then::Return => " then return",
            Then::Raise => " then raise",
            Then::Enter => " then enter",
        })
    }
}

fn write_sources(f: &mut Formatter<'_>, sources: &[Source]) -> Result {
    for (index, source) in sources.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        match source {
            Source::Unchanged => f.write_str("_")?,
            Source::Home(val) => write!(f, "home {val}")?,
            Source::Null => f.write_str("null")?,
            Source::Int(val, number) => write!(f, "int {val} #{}", number.0)?,
            Source::Float(val, number) => write!(f, "float {val} #{}", number.0)?,
            Source::Bool(val) => write!(f, "bool {val}")?,
            Source::Borrowed(val) => write!(f, "borrow {val}")?,
            Source::Owned(val) => write!(f, "own {val}")?,
            Source::Tuple(items, number) | Source::Function(items, number) | Source::Instance(items, number) => {
                f.write_str(match source {
                    Source::Tuple(..) => "tuple(",
                    Source::Function(..) => "function(",
                    _ => "instance(",
                })?;
                write_sources(f, items)?;
                write!(f, ") #{}", number.0)?;
            }
            Source::RangeIter(fields, number) => {
                let [next, step, left] = **fields;
                write!(f, "range({next}, {step}, {left}) #{}", number.0)?;
            }
            Source::Generator(number) => write!(f, "gen #{number}")?,
            Source::Const(object) => write!(f, "const {object:#x}")?,
        }
    }
    Ok(())
}
