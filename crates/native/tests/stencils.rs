//! Every stencil, run: machine code must do what the uop's meaning says, in every choice of registers.
//!
//! For each stencil of the library a small trace is assembled that loads all sixteen registers, runs the uop and leaves. The same
//! trace is run by the trace interpreter over the same memory. Registers, memory, calls and the exit must be the same after both;
//! so registers that a stencil has no business with must be as they were.
#![cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]

mod common;

use common::{Arena, Functions, RawMachine, TYPES, context, functions, log, run_native};
use decal_native::{CodeMemory, assemble};
use decal_trace::allocated::{Allocated, ExitIndex, Exits, Item, Operand, Operands, Operation};
use decal_trace::eval::allocated::{Cpu, Stop};
use decal_trace::snapshot::SnapId;
use decal_uops::{ALL, Class, FloatReg, Form, ImmKind, IntReg, Uop, offset};
use std::collections::BTreeMap;

/// Slot of the first register's value; the floats' follow.
const VALUES: usize = 0;
/// Slots that spills and reloads under test use.
const SPARE: usize = 30;

/// What an operand is for, which decides who may share its register.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    Index,
    Address,
}

struct Bench {
    arena: Arena,
    functions: Functions,
    memory: CodeMemory,
}

/// How often a uop went on, and how often it left.
#[derive(Default, Clone, Copy)]
struct Seen {
    variants: u32,
    went_on: u64,
    left: u64,
}

fn role(uop: Uop, operand: usize) -> Role {
    let info = uop.info().operands[operand];
    match (info.name, info.class) {
        ("value", _) => Role::Plain,
        ("index", _) => Role::Index,
        (_, Class::Obj | Class::Raw) => Role::Address,
        _ => Role::Plain,
    }
}

/// Integers at which something changes.
const INTS: &[i64] = &[
    0,
    1,
    -1,
    2,
    7,
    -7,
    10,
    62,
    63,
    64,
    256,
    257,
    -5,
    -6,
    1 << 31,
    -(1 << 31),
    3_037_000_500,
    1 << 53,
    (1 << 53) + 1,
    -(1 << 53) - 1,
    1 << 62,
    i64::MAX,
    i64::MIN,
    i64::MIN + 1,
];
const OPERAND_IMMS: &[i32] = &[0, 1, -1, 2, 7, -7, 63, 64, 255, 256, 1000, -128, 128, i32::MAX, i32::MIN];
const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.5,
    2.5,
    -3.5,
    1e300,
    -1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    5e-324,
    4503599627370497.0,
    2251799813685248.0,
    -2251799813685248.5,
    9.3e18,
    -4.7e18,
    4.611686018427387e18,
];

impl Bench {
    /// Values worth trying for an operand.
    fn values(&self, uop: Uop, operand: usize) -> Vec<u64> {
        let info = uop.info().operands[operand];
        match (info.class, role(uop, operand)) {
            (Class::Int, Role::Index) => (0..5).collect(),
            (Class::Int, _) => INTS.iter().map(|value| *value as u64).collect(),
            (Class::Float, _) => FLOATS.iter().map(|value| value.to_bits()).collect(),
            (Class::Raw, _) => match uop {
                Uop::load_obj | Uop::load_obj_unchecked | Uop::load_item => {
                    (1..8).map(|i| self.arena.cells() + 8 * i).collect()
                }
                Uop::load_float => (1..4).map(|i| self.arena.floats() + 8 * i).collect(),
                _ => (1..4).map(|i| self.arena.numbers() + 8 * i).collect(),
            },
            (Class::Obj, Role::Plain) => vec![0, self.arena.object(3), u64::MAX],
            (Class::Obj, _) => {
                let mut all: Vec<u64> = (0..12).map(|i| self.arena.object(i)).collect();
                if uop == Uop::decref_plain_or_null {
                    all.push(0);
                }
                all
            }
        }
    }

    /// Immediates worth trying: of 32 and of 64 bits.
    fn immediates(&self, uop: Uop) -> Vec<(i32, u64)> {
        let f = self.functions;
        let slots = || (0..3).map(|i| (offset::SPILLS + 8 * (SPARE as i32 + i), 0)).collect();
        match uop {
            Uop::const_int => [0, 1, -1, 1000, i32::MAX, i32::MIN].map(|value| (value, 0)).to_vec(),
            Uop::const_int64 | Uop::const_obj | Uop::const_raw => {
                [0, 1, u64::MAX, 1 << 32, 0x1234_5678_9abc_def0].map(|value| (0, value)).to_vec()
            }
            Uop::const_float => FLOATS.iter().map(|value| (0, value.to_bits())).collect(),
            Uop::spill_int | Uop::spill_float | Uop::reload_int | Uop::reload_float => slots(),
            Uop::guard_type => TYPES.map(|ty| (0, ty)).to_vec(),
            Uop::guard_is | Uop::guard_is_not => (0..4).map(|i| (0, self.arena.object(i))).collect(),
            Uop::guard_word32 => {
                // The multiples of the golden ratio in the arena: right, wrong by a bit, and the upper half.
                let word = 0x9e37_79b9_7f4a_7c15u64;
                let at = self.arena.numbers() + 8;
                vec![(word as i32, at), (word as i32 ^ 1, at), ((word >> 32) as i32, at + 4), (word as i32, at + 4)]
            }
            // Of 3, 7 and 10, and any number.
            Uop::floordiv_by => vec![
                (1, 0xaaaa_aaaa_aaaa_aaab),
                (2, 0x9249_2492_4924_924a),
                (3, 0xcccc_cccc_cccc_cccd),
                (29, 0x1234_5678_9abc_def1),
            ],
            Uop::small_int | Uop::ascii_char => vec![(0, self.arena.object(0))],
            Uop::decref_plain | Uop::decref_plain_or_null => vec![(0, f.release)],
            Uop::guard_droppable => vec![(0, f.may_die)],
            Uop::new_int
            | Uop::call_obj_1
            | Uop::call_obj_2
            | Uop::call_obj_3
            | Uop::call_index
            | Uop::call_slice
            | Uop::new_sequence
            | Uop::call_renew
            | Uop::call_any_1
            | Uop::call_any_2
            | Uop::call_any_3
            | Uop::call_any_4 => {
                vec![(0, f.object)]
            }
            Uop::set_context => slots(),
            Uop::call_truth_3
            | Uop::call_int_2
            | Uop::call_any_int_1
            | Uop::call_any_int_2
            | Uop::call_any_int_3
            | Uop::call_truth_2
            | Uop::call_move
            | Uop::call_store => vec![(0, f.truth)],
            Uop::call_float_1 | Uop::call_float_2 => vec![(0, f.float)],
            Uop::new_float => vec![(0, f.new_float)],
            Uop::renew_float => vec![(0, f.renew_float)],
            _ => match uop.info().imms {
                [] => vec![(0, 0)],
                [imm] if imm.kind == ImmKind::Imm32 => [0, 8, -8, 16].map(|value| (value, 0)).to_vec(),
                _ => panic!("{}: what are its immediates?", uop.name()),
            },
        }
    }

    /// Runs one stencil on several values.
    fn variant(&mut self, op: &Operation, number: usize, thorough: bool, seen: &mut Seen) {
        let uop = op.uop;
        let info = uop.info();
        let mut items = Vec::new();
        let reload = |uop: Uop, result: Operand, slot: usize| {
            let imm32 = offset::SPILLS + 8 * (VALUES + slot) as i32;
            let result = Some(result);
            Item::Op(Operation {
                uop,
                operands: Operands::default(),
                result,
                imm32,
                imm64: 0,
                operand_imm: 0,
                exit: None,
                source: None,
            })
        };
        for n in 0..8u8 {
            items.push(reload(Uop::reload_int, Operand::Int(IntReg(n)), usize::from(n)));
            items.push(reload(Uop::reload_float, Operand::Float(FloatReg(n)), 8 + usize::from(n)));
        }
        items.push(Item::Op(op.clone()));
        items.push(Item::Exit(ExitIndex(1)));
        let mut exits = Exits::default();
        exits.push(SnapId(0));
        exits.push(SnapId(0));
        let trace = Allocated { items, exits, label: Vec::new(), spills: 40 };
        let code = assemble(&trace, &[0, 1], None, &mut self.memory)
            .unwrap_or_else(|error| panic!("{}: {error}", describe(op)));

        let choices: Vec<Vec<u64>> = (0..info.operands.len()).map(|i| self.values(uop, i)).collect();
        let product: usize = choices.iter().map(Vec::len).product();
        let runs = if thorough { product.max(2) } else { product.clamp(2, 12) };
        let mut rubbish = Numbers(number as u64 + 1);
        for run in 0..runs {
            let mut pick = if thorough { run } else { (number * runs + run).wrapping_mul(7919) % product };
            let mut context = context(&self.arena);
            // The first eight slots are the integer registers, the next the float registers.
            for (n, slot) in context.spills.iter_mut().enumerate() {
                *slot = if (8..16).contains(&n) { (rubbish.next() as i64 as f64).to_bits() } else { rubbish.next() };
            }
            let mut roles = [None::<Role>; 16];
            let mut fits = true;
            for (i, operand) in op.operands.iter().enumerate() {
                let value = choices[i][pick % choices[i].len()];
                pick /= choices[i].len();
                let at = match operand {
                    Operand::Int(register) => usize::from(register.0),
                    Operand::Float(register) => 8 + usize::from(register.0),
                    Operand::Imm => continue,
                };
                let mine = role(uop, i);
                match roles[at] {
                    // One register, one value: the stricter role says which.
                    Some(other) if other == Role::Plain && mine != Role::Plain => {}
                    Some(other) => {
                        fits &= mine == Role::Plain || mine == other;
                        continue;
                    }
                    None => {}
                }
                roles[at] = Some(mine);
                context.spills[VALUES + at] = value;
            }
            if !fits {
                continue;
            }
            if run % 2 == 1 {
                context.breaker_quiet ^= 1 << 40;
            }
            self.compare(op, &trace, &code, context, seen);
        }
        self.memory.release(code.address, code.size);
    }

    fn compare(
        &mut self,
        op: &Operation,
        trace: &Allocated,
        code: &decal_native::Code,
        start: decal_uops::Context,
        seen: &mut Seen,
    ) {
        let writes = op.uop.info().effects.writes || op.uop.info().effects.raises;
        let fixed = op.uop.info().form == Form::Fixed;
        if writes {
            self.arena.reset();
        }
        log(&self.arena);
        let mut context = start.clone();
        let (exit, native) = run_native(&mut context, code.address);
        let (native_spills, native_turns) = (context.spills, context.iterations);
        let native_memory = if writes { self.arena.content() } else { Vec::new() };
        let native_calls = log(&self.arena);

        if writes {
            self.arena.reset();
        }
        let at = std::ptr::from_ref(&context);
        context = start.clone();
        assert_eq!(at, std::ptr::from_ref(&context));
        let mut cpu = Cpu::default();
        let stop = cpu.run(trace, false, &mut RawMachine(&mut context), &mut { 1000 });
        let what =
            || format!("{}\nvalues {:x?}\nnative {native:x?}\nmeant  {cpu:x?}", describe(op), &start.spills[..16]);
        assert_eq!(Stop::Exit(ExitIndex(exit as u32)), stop, "{}", what());
        assert_eq!(native_calls, log(&self.arena), "calls of {}", what());
        assert_eq!((native_spills, native_turns), (context.spills, context.iterations), "context of {}", what());
        if writes {
            assert_eq!(native_memory, self.arena.content(), "memory of {}", what());
        }
        let left = exit == 0;
        if left {
            seen.left += 1;
        } else {
            seen.went_on += 1;
        }
        for n in 0..8 {
            let result = |kind: Operand| !left && op.result == Some(kind);
            let (int, float) = (Operand::Int(IntReg(n as u8)), Operand::Float(FloatReg(n as u8)));
            if !fixed || n < 3 || result(int) {
                assert_eq!(native.ints[n], cpu.ints[n], "r{n} of {}", what());
            }
            if !fixed || result(float) {
                let nan = |bits: u64| f64::from_bits(bits).is_nan();
                // Which of two not-a-numbers comes out depends on the order of operands.
                let equal =
                    native.floats[n] == cpu.floats[n] || (result(float) && nan(native.floats[n]) && nan(cpu.floats[n]));
                assert!(equal, "f{n} of {}", what());
            }
        }
    }
}

/// Numbers without a pattern.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 ^ (self.0 >> 29)
    }
}

fn describe(op: &Operation) -> String {
    format!(
        "{} = {} {:?}, constant {}, {}, {:#x}",
        result_name(op),
        op.uop.name(),
        op.operands,
        op.operand_imm,
        op.imm32,
        op.imm64
    )
}

fn result_name(op: &Operation) -> String {
    op.result.map_or("-".to_string(), |result| format!("{result:?}"))
}

fn register(class: Class, number: u8) -> Operand {
    if class == Class::Float { Operand::Float(FloatReg(number)) } else { Operand::Int(IntReg(number)) }
}

/// Every choice of registers that a uop's form allows.
fn choices(uop: Uop) -> Vec<(Option<Operand>, Vec<Operand>)> {
    let info = uop.info();
    if info.form == Form::Fixed {
        let (mut ints, mut floats) = (4, 0);
        let operands = info.operands.iter().map(|operand| {
            let next = if operand.class == Class::Float { &mut floats } else { &mut ints };
            *next += 1;
            register(operand.class, *next - 1)
        });
        let result = info.result.map(|class| register(class, if class == Class::Float { 0 } else { 3 }));
        return vec![(result, operands.collect())];
    }
    let mut all = vec![Vec::new()];
    for (i, operand) in info.operands.iter().enumerate() {
        let mut list: Vec<Operand> = (0..8).map(|n| register(operand.class, n)).collect();
        if info.imm_operand && i + 1 == info.operands.len() {
            list.push(Operand::Imm);
        }
        all = all
            .iter()
            .flat_map(|before| list.iter().map(|one| before.iter().copied().chain([*one]).collect()))
            .collect();
    }
    let results = |first: Option<Operand>| -> Vec<Option<Operand>> {
        match (info.result, info.form) {
            (None, _) => vec![None],
            (Some(class), Form::Tied) => vec![first.map(|first| match first {
                Operand::Int(register_) => register(class, register_.0),
                other => other,
            })],
            (Some(class), _) => (0..8).map(|n| Some(register(class, n))).collect(),
        }
    };
    all.into_iter()
        .flat_map(|operands| {
            results(operands.first().copied()).into_iter().map(move |result| (result, operands.clone()))
        })
        .collect()
}

fn run_all(uops: impl Iterator<Item = Uop>) -> BTreeMap<Uop, Seen> {
    let mut bench = Bench {
        arena: Arena::new(),
        functions: functions(),
        memory: CodeMemory::new().expect("memory for machine code"),
    };
    let mut all = BTreeMap::new();
    for uop in uops {
        let mut seen = Seen::default();
        let immediates = bench.immediates(uop);
        for (number, (result, operands)) in choices(uop).into_iter().enumerate() {
            seen.variants += 1;
            // The first choices of registers get every combination, the others take turns.
            let thorough = number < 2;
            let constants: &[i32] = if operands.last() == Some(&Operand::Imm) { OPERAND_IMMS } else { &[0] };
            let cases: Vec<(i32, u64, i32)> = immediates
                .iter()
                .flat_map(|(imm32, imm64)| constants.iter().map(|constant| (*imm32, *imm64, *constant)))
                .collect();
            let few = if thorough || constants.len() > 1 { cases.len() } else { cases.len().min(2) };
            for i in 0..few {
                let (imm32, imm64, operand_imm) = cases[(number + i) % cases.len()];
                let exit = uop.info().effects.exits.then_some(ExitIndex(0));
                let operands = operands.clone();
                let op =
                    Operation { uop, operands: operands.into(), result, imm32, imm64, operand_imm, exit, source: None };
                bench.variant(&op, number + i, thorough, &mut seen);
            }
        }
        all.insert(uop, seen);
    }
    all
}

/// Whether a uop hands the address of its context, or what stands there, to a function: each of the two machines has a
/// context of its own, so that the calls cannot be compared. And one that wants numbers which the functions here never give.
fn tells_where(uop: Uop) -> bool {
    matches!(
        uop,
        Uop::call_fast
            | Uop::guard_droppable_all
            | Uop::renew_int
            | Uop::dict_place
            | Uop::context
            | Uop::call_native
            | Uop::push_frame
            | Uop::pop_frame
            | Uop::guard_undisturbed
            | Uop::call_int_2
    )
}

#[test]
fn every_stencil_does_what_its_uop_means() {
    // Two halves, side by side.
    let halves: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                run_all(
                    ALL.iter()
                        .copied()
                        .enumerate()
                        .filter(move |(i, uop)| i % 2 == half && !tells_where(*uop))
                        .map(|(_, uop)| uop),
                )
            })
        })
        .collect();
    let mut variants = 0;
    for half in halves {
        for (uop, seen) in half.join().expect("a half") {
            variants += seen.variants;
            assert!(seen.variants == decal_stencils::key_count(uop), "{}: {} variants", uop.name(), seen.variants);
            assert!(uop == Uop::exit || seen.went_on > 0, "{} never went on", uop.name());
            assert!(!uop.info().effects.exits || seen.left > 0, "{} never left", uop.name());
        }
    }
    println!("{variants} stencils");
}
