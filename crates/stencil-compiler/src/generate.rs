//! Rust source for stencils: one function for each uop and each allowed choice of registers.
//!
//! A stencil's function has the signature of all stencils, so that all allocatable registers are its
//! arguments; it calls the uop's meaning on some of them and leaves by a tail call with the result in
//! its register. What it does not touch it passes on, which costs no code. Registers that a call
//! destroys are passed on as uninitialized, so that the compiler does not save them.

use decal_stencils::key_count;
use decal_uops::{ALL, Class, Form, ImmKind, Uop};
use std::fmt::Write;

/// Stands at the head of every source.
pub const PRELUDE: &str = include_str!("prelude.rs.in");

/// A stencil to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variant {
    /// The uop.
    pub uop: Uop,
    /// Its number among the uop's keys.
    pub number: u32,
}

impl Variant {
    /// The function's name in the source, which is the symbol's name in the object file.
    pub fn symbol(self) -> String {
        format!("{}__{}", self.uop.name(), self.number)
    }

    /// Back from a symbol.
    pub fn from_symbol(symbol: &str) -> Option<Variant> {
        let (name, number) = symbol.rsplit_once("__")?;
        Some(Variant { uop: Uop::from_name(name)?, number: number.parse().ok()? })
    }

    /// Registers by position: result, then operands; `None` is a constant operand.
    fn registers(self) -> (Option<u8>, Vec<Option<u8>>) {
        let info = self.uop.info();
        let count = info.operands.len();
        if info.form == Form::Fixed {
            let (mut ints, mut floats) = (4, 0);
            let operands = info
                .operands
                .iter()
                .map(|operand| {
                    let next = if operand.class == Class::Float { &mut floats } else { &mut ints };
                    *next += 1;
                    Some(*next - 1)
                })
                .collect();
            let result = info.result.map(|class| if class == Class::Float { 0 } else { 3 });
            return (result, operands);
        }
        let mut rest = self.number;
        let mut operands = vec![None; count];
        for position in (0..count).rev() {
            let radix = if info.imm_operand && position + 1 == count { 9 } else { 8 };
            let digit = rest % radix;
            rest /= radix;
            operands[position] = (digit < 8).then_some(digit as u8);
        }
        let result = match info.form {
            Form::Tied => operands[0],
            _ => info.result.map(|_| rest as u8),
        };
        (result, operands)
    }

    /// A short description: `add_int r1 = r2, imm`.
    pub fn describe(self) -> String {
        let info = self.uop.info();
        let (result, operands) = self.registers();
        let register = |class: Class, number: u8| {
            if class == Class::Float { format!("f{number}") } else { format!("r{number}") }
        };
        let mut text = info.name.to_string();
        if let (Some(class), Some(number)) = (info.result, result) {
            let _ = write!(text, " {} =", register(class, number));
        }
        let list: Vec<String> = info
            .operands
            .iter()
            .zip(&operands)
            .map(|(info, operand)| operand.map_or("imm".to_string(), |number| register(info.class, number)))
            .collect();
        if !list.is_empty() {
            let _ = write!(text, " {}", list.join(", "));
        }
        text
    }
}

/// Every stencil there is.
pub fn variants() -> Vec<Variant> {
    ALL.iter().flat_map(|uop| (0..key_count(*uop)).map(|number| Variant { uop: *uop, number })).collect()
}

/// Uops whose meaning compares the constant operand with a number. The compiler takes the address that stands
/// for the constant to be positive, so here it must not see that it is one.
fn hides_constant(uop: Uop) -> bool {
    let info = uop.info();
    info.form == Form::Tied && info.effects.exits
}

/// The source of a list of stencils.
pub fn source(variants: &[Variant]) -> String {
    let mut text = String::from(PRELUDE);
    for variant in variants {
        function(&mut text, *variant);
    }
    text
}

fn function(text: &mut String, variant: Variant) {
    let info = variant.uop.info();
    let (result, operands) = variant.registers();
    let mut args = String::from("&mut Native(c)");
    for (operand, register) in info.operands.iter().zip(&operands) {
        let _ = match (operand.class, register) {
            (Class::Float, Some(n)) => write!(args, ", f{n}.assume_init()"),
            (Class::Int, Some(n)) => write!(args, ", r{n}.assume_init() as i64"),
            (Class::Obj, Some(n)) => write!(args, ", Obj(r{n}.assume_init())"),
            (Class::Raw, Some(n)) => write!(args, ", Raw(r{n}.assume_init())"),
            (_, None) if hides_constant(variant.uop) => write!(args, ", hidden_operand()"),
            (_, None) => write!(args, ", operand()"),
        };
    }
    for imm in info.imms {
        args.push_str(match imm.kind {
            ImmKind::Imm32 => ", imm32()",
            ImmKind::Imm64 => ", imm64()",
        });
    }
    let lost = info.form == Form::Fixed;
    let onward = registers_onward(lost, info.result, result);
    let back = registers_onward(lost, None, None);
    let value = match info.result {
        Some(Class::Float) => "let v = F::new(v);",
        Some(Class::Int) => "let v = U::new(v as u64);",
        Some(_) => "let v = U::new(v.0);",
        None => "",
    };
    let call = format!("meaning::{}({args})", info.name);
    let name = variant.symbol();
    let body = if info.effects.exits {
        format!(
            "match {call} {{ Ok(v) => {{ {value} become _JIT_CONTINUE(c, {onward}) }} \
             Err(_) => {{ cold_path(); become _JIT_SIDE_EXIT(c, {back}) }} }}"
        )
    } else {
        format!("let v = {call}; {value} become _JIT_CONTINUE(c, {onward})")
    };
    let _ = writeln!(text, "stencil!({name}, c r0 r1 r2 r3 r4 r5 r6 r7 f0 f1 f2 f3 f4 f5 f6 f7 v {{ {body} }});");
}

/// The arguments of the tail call: every register, the result in its place, those that a call destroys
/// left uninitialized.
fn registers_onward(lost: bool, class: Option<Class>, result: Option<u8>) -> String {
    let mut list: Vec<String> = Vec::new();
    for n in 0..8u8 {
        list.push(match (class, result) {
            (Some(class), Some(r)) if class != Class::Float && r == n => "v".into(),
            _ if lost && n > 2 => "U::uninit()".into(),
            _ => format!("r{n}"),
        });
    }
    list.extend(std::iter::repeat_n("U::uninit()".to_string(), 3));
    for n in 0..8u8 {
        list.push(match (class, result) {
            (Some(Class::Float), Some(r)) if r == n => "v".into(),
            _ if lost => "F::uninit()".into(),
            _ => format!("f{n}"),
        });
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_round_trip() {
        for variant in variants().into_iter().step_by(97) {
            assert_eq!(Variant::from_symbol(&variant.symbol()), Some(variant));
        }
    }

    #[test]
    fn fixed_registers_are_where_the_form_says() {
        let variant = Variant { uop: Uop::call_obj_2, number: 0 };
        assert_eq!(variant.describe(), "call_obj_2 r3 = r4, r5");
    }
}
