//! The rules of arithmetic as claims about all operands of 64 bits, for an SMT solver to prove (`tests/test_rules.py`).
//!
//! A claim says of some uops and of what a rule makes of them that both leave in the same cases and give the same otherwise. What a rule
//! makes is asked of the rule itself. The meanings of the uops are written down a second time here, in the solver's
//! language; samples of what the uops do are claims, too, so that both are compared.
//!
//! With `DECAL_CLAIMS` the claims are written to that file, each behind a line with its rule.

use crate::samples::{arithmetic, edges, samples};
use crate::trace;
use decal_trace::bytecode::{BinaryOp, CompareOp};
use decal_trace::eval::heap::Heap;
use decal_trace::ir::{Inst, Trace, Val};
use decal_trace::opt::compare;
use decal_trace::opt::divide::{Quotient, by_constant};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::fold::{Folded, fold};
use decal_trace::opt::range::{self, Interval, Simpler, passed, simpler};
use decal_trace::opt::rewrites::{Allowed, Rule};
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Uop, execute};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a uop does: its result, if it has one, and when it leaves.
struct Does {
    result: Option<String>,
    leaves: String,
}

fn gives(result: String) -> Option<Does> {
    Some(Does { result: Some(result), leaves: "false".into() })
}

fn or_leaves(result: String, leaves: String) -> Option<Does> {
    Some(Does { result: Some(result), leaves })
}

/// A guard that passes where this holds.
fn passes(holds: String) -> Option<Does> {
    Some(Does { result: None, leaves: format!("(not {holds})") })
}

fn int(value: i64) -> String {
    format!("#x{value:016x}")
}

fn float(bits: u64) -> String {
    format!("((_ to_fp 11 53) #x{bits:016x})")
}

/// 0 or 1.
fn truth(holds: String) -> String {
    format!("(ite {holds} {} {})", int(1), int(0))
}

/// The sign, so many times.
fn wide(a: &str, bits: u32) -> String {
    format!("((_ sign_extend {bits}) {a})")
}

/// The exact result, of which all bits but 64 are the sign, or it does not fit.
fn exact(op: &str, a: &str, b: &str) -> Option<Does> {
    let more = if op == "bvmul" { 64 } else { 1 };
    let all = format!("({op} {} {})", wide(a, more), wide(b, more));
    let low = format!("((_ extract 63 0) {all})");
    or_leaves(low.clone(), format!("(not (= {all} {}))", wide(&low, more)))
}

/// Whether a number can be a double without loss, as far as uops ask.
fn is_exact(a: &str) -> String {
    let most = 1i64 << 53;
    format!("(and (bvsle {} {a}) (bvsle {a} {}))", int(-most), int(most))
}

fn double_of(a: &str) -> String {
    format!("((_ to_fp 11 53) RNE {a})")
}

/// What a uop does with these operands. None where nobody claims anything about it.
fn does(uop: Uop, args: &[&str], imm32: i32, imm64: u64) -> Option<Does> {
    let a = args.first().copied().unwrap_or_default();
    let b = args.get(1).copied().unwrap_or_default();
    let of = |op: &str| format!("({op} {a} {b})");
    let zero = int(0);
    match uop {
        Uop::const_int => gives(int(imm32.into())),
        Uop::const_int64 => gives(int(imm64 as i64)),
        Uop::const_float => gives(float(imm64)),
        Uop::add_int => exact("bvadd", a, b),
        Uop::sub_int => exact("bvsub", a, b),
        Uop::mul_int => exact("bvmul", a, b),
        Uop::neg_int => or_leaves(format!("(bvneg {a})"), format!("(= {a} {})", int(i64::MIN))),
        Uop::abs_int => {
            or_leaves(format!("(ite (bvslt {a} {zero}) (bvneg {a}) {a})"), format!("(= {a} {})", int(i64::MIN)))
        }
        Uop::not_int => gives(format!("(bvnot {a})")),
        Uop::wrap_add_int => gives(of("bvadd")),
        Uop::wrap_sub_int => gives(of("bvsub")),
        Uop::and_int => gives(of("bvand")),
        Uop::or_int => gives(of("bvor")),
        Uop::xor_int => gives(of("bvxor")),
        Uop::shl_int => {
            let shifted = of("bvshl");
            let back = format!("(= (bvashr {shifted} {b}) {a})");
            or_leaves(shifted, format!("(or (bvuge {b} {}) (not {back}))", int(63)))
        }
        // All bits are the sign's behind the last one.
        Uop::shr_int => or_leaves(of("bvashr"), format!("(bvslt {b} {zero})")),
        Uop::shift_right => gives(format!("(bvashr {a} {})", int((imm32 & 63).into()))),
        Uop::floordiv_int => {
            let (quotient, rest) = (of("bvsdiv"), of("bvsrem"));
            let down = format!("(and (distinct {rest} {zero}) (bvslt (bvxor {a} {b}) {zero}))");
            let leaves = format!("(or (= {b} {zero}) (and (= {b} {}) (= {a} {})))", int(-1), int(i64::MIN));
            or_leaves(format!("(ite {down} (bvsub {quotient} {}) {quotient})", int(1)), leaves)
        }
        // The solver's remainder has the sign of the divisor, as Python's.
        Uop::mod_int => or_leaves(of("bvsmod"), format!("(= {b} {zero})")),
        Uop::floordiv_by => {
            let sign = format!("(bvashr {a} {})", int(63));
            let (one, other) = (format!("((_ zero_extend 64) (bvxor {a} {sign}))"), format!("#x{imm64:032x}"));
            let upper = format!("((_ extract 127 64) (bvmul {one} {other}))");
            gives(format!("(bvxor (bvlshr {upper} {}) {sign})", int((imm32 & 63).into())))
        }
        Uop::remainder_of => gives(format!("(bvsub {a} (bvmul {b} {}))", int(imm32.into()))),
        Uop::eq_int => gives(truth(of("="))),
        Uop::ne_int => gives(truth(of("distinct"))),
        Uop::lt_int => gives(truth(of("bvslt"))),
        Uop::le_int => gives(truth(of("bvsle"))),
        Uop::gt_int => gives(truth(of("bvsgt"))),
        Uop::ge_int => gives(truth(of("bvsge"))),
        Uop::guard_eq_int => passes(of("=")),
        Uop::guard_ne_int => passes(of("distinct")),
        Uop::guard_lt_int => passes(of("bvslt")),
        Uop::guard_le_int => passes(of("bvsle")),
        Uop::guard_gt_int => passes(of("bvsgt")),
        Uop::guard_ge_int => passes(of("bvsge")),
        Uop::guard_index => passes(of("bvult")),
        Uop::min_int => gives(format!("(ite (bvslt {b} {a}) {b} {a})")),
        Uop::max_int => gives(format!("(ite (bvsgt {b} {a}) {b} {a})")),
        Uop::add_float => gives(format!("(fp.add RNE {a} {b})")),
        Uop::mul_float => gives(format!("(fp.mul RNE {a} {b})")),
        Uop::eq_float => gives(truth(of("fp.eq"))),
        Uop::ne_float => gives(truth(format!("(not {})", of("fp.eq")))),
        Uop::lt_float => gives(truth(of("fp.lt"))),
        Uop::le_float => gives(truth(of("fp.leq"))),
        Uop::guard_eq_float => passes(of("fp.eq")),
        Uop::guard_ne_float => passes(format!("(not {})", of("fp.eq"))),
        Uop::guard_lt_float => passes(of("fp.lt")),
        Uop::guard_nlt_float => passes(format!("(not {})", of("fp.lt"))),
        Uop::guard_le_float => passes(of("fp.leq")),
        Uop::guard_nle_float => passes(format!("(not {})", of("fp.leq"))),
        Uop::int_to_float => gives(double_of(a)),
        Uop::int_to_float_exact => or_leaves(double_of(a), format!("(not {})", is_exact(a))),
        // Raised to the first power, which is all that there is a rule for.
        Uop::pow_int if b == int(1) => gives(a.to_string()),
        _ => None,
    }
}

/// The claims, by rule.
#[derive(Default)]
struct Claims {
    text: String,
    counts: BTreeMap<String, u32>,
}

impl Claims {
    /// That nothing contradicts this. `params` are the classes of `x` and `y`.
    fn add(&mut self, rule: &str, what: &str, params: &[Class], holds: &str) {
        *self.counts.entry(rule.to_string()).or_default() += 1;
        let _ = writeln!(self.text, "; {rule}: {what}");
        for (name, class) in ["x", "y"].iter().zip(params) {
            let sort = if *class == Class::Float { "(_ FloatingPoint 11 53)" } else { "(_ BitVec 64)" };
            let _ = writeln!(self.text, "(declare-const {name} {sort})");
        }
        let _ = writeln!(self.text, "(assert (not {holds}))");
    }

    /// That both do the same.
    fn same(&mut self, rule: &str, what: &str, params: &[Class], one: &Does, other: &Does) {
        let results = match (&one.result, &other.result) {
            (Some(one), Some(other)) => format!("(= {one} {other})"),
            (None, None) => "true".into(),
            _ => panic!("{rule}: {what}"),
        };
        let holds = format!("(and (= {0} {1}) (or {0} {results}))", one.leaves, other.leaves);
        self.add(rule, what, params, &holds);
    }
}

/// What a trace without a loop does with its parameters, whose names are given, up to this value.
fn run(trace: &Trace, params: &[&str], result: Val) -> Does {
    let mut values: Vec<String> = Vec::new();
    let mut leaves = "false".to_string();
    for (inst, index) in trace.insts.iter().zip(0..) {
        let value = match inst {
            Inst::Param(_) => params[index].to_string(),
            Inst::Uop(inst) => {
                let args: Vec<&str> = inst.args.iter().map(|arg| values[arg.index()].as_str()).collect();
                let what = does(inst.uop, &args, inst.imm32, inst.imm64);
                let Does { result, leaves: more } = what.unwrap_or_else(|| panic!("{}?", inst.uop.name()));
                leaves = format!("(or {leaves} {more})");
                result.unwrap_or_default()
            }
            Inst::Phi { .. } => panic!("a loop"),
        };
        values.push(value);
    }
    Does { result: Some(values.swap_remove(result.index())), leaves }
}

fn constant(class: Class, bits: u64) -> String {
    if class == Class::Float { float(bits) } else { int(bits as i64) }
}

/// Samples of what uops do, so that this file cannot say something else.
fn meanings(claims: &mut Claims) {
    for uop in arithmetic() {
        let info = uop.info();
        let classes: Vec<Class> = info.operands.iter().map(|operand| operand.class).collect();
        let pick = |class: Class, n: usize| {
            let all = samples(class);
            all[n * 37 % all.len()]
        };
        let samples = if classes.contains(&Class::Float) { 12 } else { 40 };
        for n in 0..samples {
            let bits: Vec<u64> = (0..).zip(&classes).map(|(at, class)| pick(*class, n * (7 + 4 * at) + at)).collect();
            let words: Vec<String> = bits.iter().zip(&classes).map(|(bits, class)| constant(*class, *bits)).collect();
            let (imm32, imm64) = match uop {
                Uop::shift_right => (n as i32, 0),
                Uop::floordiv_by => (n as i32 % 4, 0xaaaa_aaaa_aaaa_aaab),
                Uop::remainder_of => (i32::MAX - n as i32, 0),
                _ => (0, 0),
            };
            let args: Vec<&str> = words.iter().map(String::as_str).collect();
            let Some(what) = does(uop, &args, imm32, imm64) else { continue };
            let mut args = [0; 4];
            args[..bits.len()].copy_from_slice(&bits);
            let holds = match (execute(uop, &mut Heap::new(), &args, imm32, imm64), &what.result, info.result) {
                (Err(_), ..) => what.leaves,
                (Ok(bits), Some(result), Some(class)) => {
                    format!("(and (not {}) (= {result} {}))", what.leaves, constant(class, bits))
                }
                _ => format!("(not {})", what.leaves),
            };
            claims.add("meaning", uop.name(), &[], &holds);
        }
    }
}

/// Rules of folding, and which uops commute.
fn folding(claims: &mut Claims) {
    for uop in arithmetic() {
        let info = uop.info();
        let classes: Vec<Class> = info.operands.iter().map(|operand| operand.class).collect();
        if classes.len() < 2 {
            continue;
        }
        if info.effects.commutes {
            let (Some(one), Some(other)) = (does(uop, &["x", "y"], 0, 0), does(uop, &["y", "x"], 0, 0)) else {
                panic!("{} commutes?", uop.name())
            };
            claims.same("commutes", uop.name(), &classes, &one, &other);
        }
        for at in 0..2 {
            for bits in samples(classes[at]).into_iter().chain([1_234_567]) {
                let mut operands = [None, None];
                operands[at] = Some(bits);
                let Some((rule, folded)) = fold(uop, &operands, (0, 0)) else { continue };
                let word = constant(classes[at], bits);
                let args = if at == 0 { [word.as_str(), "x"] } else { ["x", word.as_str()] };
                let becomes = match folded {
                    Folded::Operand(index) => Does { result: Some(args[index].into()), leaves: "false".into() },
                    Folded::Int(value) => Does { result: Some(int(value)), leaves: "false".into() },
                    Folded::Float(bits) => Does { result: Some(float(bits)), leaves: "false".into() },
                    Folded::Holds => Does { result: None, leaves: "false".into() },
                };
                let Some(before) = does(uop, &args, 0, 0) else { panic!("{}: {}?", rule.name(), uop.name()) };
                let what = format!("{} {} and {}", uop.name(), args[0], args[1]);
                claims.same(rule.name(), &what, &[classes[1 - at]], &before, &becomes);
            }
        }
    }
}

/// Guards that are said to fail behind others.
fn refuted(claims: &mut Claims) {
    let is_guard = |uop: &Uop| uop.info().result.is_none() && uop.info().operands[0].class == Class::Int;
    let guards: Vec<Uop> = arithmetic().into_iter().filter(is_guard).collect();
    let values = [0, 1, -1, 7, i64::MIN, i64::MAX];
    for (&first, &second) in guards.iter().flat_map(|first| guards.iter().map(move |second| (first, second))) {
        for (b, c) in values.iter().flat_map(|b| values.iter().map(move |c| (*b, *c))) {
            let mut e = Emitter::new(Allowed::ALL);
            let (x, one, other) = (e.param(Class::Int, Val(0)), e.int(b), e.int(c));
            e.pure(first, &[x, one], 0, 0, Some(SnapId(0)));
            if e.refutes(second, &[x, other], 0) {
                let leaves = [(first, b), (second, c)].map(|(uop, value)| does(uop, &["x", &int(value)], 0, 0));
                let [Some(one), Some(other)] = leaves else { panic!("{}, {}?", first.name(), second.name()) };
                let what = format!("{} {b}, {} {c}", first.name(), second.name());
                claims.add("refuted", &what, &[Class::Int], &format!("(or {} {})", one.leaves, other.leaves));
            }
        }
    }
}

/// Comparisons, and what they are where a constant changes places or the other outcome is wanted.
fn comparisons(claims: &mut Claims) {
    use CompareOp::*;
    let names = |op| match op {
        Lt => ("bvslt", "fp.lt"),
        Le => ("bvsle", "fp.leq"),
        Gt => ("bvsgt", "fp.gt"),
        Ge => ("bvsge", "fp.geq"),
        Eq | Ne => ("=", "fp.eq"),
    };
    let says = |op, name: &str, a: &str, b: &str| {
        let holds = format!("({name} {a} {b})");
        if op == Ne { format!("(not {holds})") } else { holds }
    };
    for op in [Lt, Le, Eq, Ne, Gt, Ge] {
        for outcome in [false, true] {
            let wanted = |holds: String| passes(if outcome { holds } else { format!("(not {holds})") });
            for constants in 0..4 {
                let mut e = Emitter::new(Allowed::ALL);
                let (x, y) = (e.param(Class::Int, Val(0)), e.param(Class::Int, Val(1)));
                let a = if constants & 1 == 0 { x } else { e.int(5) };
                let b = if constants & 2 == 0 { y } else { e.int(6) };
                // A constant stands for any number here.
                let name = |val: Val| if val == a { "x" } else { "y" };
                let (uop, left, right) = compare::guard_int(&e, op, a, b, outcome);
                let (one, other) =
                    (does(uop, &[name(left), name(right)], 0, 0), wanted(says(op, names(op).0, "x", "y")));
                let [Some(one), Some(other)] = [one, other] else { panic!("{}?", uop.name()) };
                claims.same("comparisons", uop.name(), &[Class::Int, Class::Int], &one, &other);
            }
            let (uop, left, right) = compare::guard_float(op, Val(0), Val(1), outcome);
            let name = |val: Val| ["x", "y"][val.index()];
            let (one, other) = (does(uop, &[name(left), name(right)], 0, 0), wanted(says(op, names(op).1, "x", "y")));
            let [Some(one), Some(other)] = [one, other] else { panic!("{}?", uop.name()) };
            claims.same("comparisons", uop.name(), &[Class::Float, Class::Float], &one, &other);
        }
        let name = |val: Val| ["x", "y"][val.index()];
        let values = [
            (Class::Int, compare::value_int(op, Val(0), Val(1)), names(op).0),
            (Class::Float, compare::value_float(op, Val(0), Val(1)), names(op).1),
        ];
        for (class, (uop, left, right), word) in values {
            let Some(one) = does(uop, &[name(left), name(right)], 0, 0) else { panic!("{}?", uop.name()) };
            let other = Does { result: Some(truth(says(op, word, "x", "y"))), leaves: "false".into() };
            claims.same("comparisons", uop.name(), &[class, class], &one, &other);
        }
    }
}

/// Divisions by constants. Those by products are claims about integers of any size, which is what the solver is good at.
fn divisions(claims: &mut Claims) {
    let mut divisors: Vec<i64> = (0..130).chain(edges()).chain((0..63).map(|bits| 1 << bits)).collect();
    divisors.extend([1000, 1_000_003, 86400, 3600, i64::from(i32::MAX) - 1]);
    divisors.sort_unstable();
    divisors.dedup();
    for d in divisors {
        for op in [BinaryOp::FloorDiv, BinaryOp::Mod, BinaryOp::TrueDiv, BinaryOp::RShift] {
            let mut e = Emitter::new(Allowed::ALL);
            let (a, b) = (e.param(Class::Int, Val(0)), e.int(d));
            // Of doubles some are enough: it takes the solver a second each.
            if op == BinaryOp::TrueDiv && d > 64 && ![30, 53, 62].contains(&d.trailing_zeros()) {
                continue;
            }
            let Some(quotient) = by_constant(&mut e, op, a, b, Some(SnapId(0))) else { continue };
            let Some(rule) = e.rewrites().last().map(Rule::name) else { panic!("{op:?} {d}: no rule") };
            let (Quotient::Int(val) | Quotient::Float(val)) = quotient;
            let trace = trace(e, 0);
            let what = format!("x {op:?} {d}");
            let product = trace.insts.iter().find_map(|inst| match inst {
                Inst::Uop(inst) if inst.uop == Uop::floordiv_by => Some((inst.imm32, inst.imm64)),
                _ => None,
            });
            if let Some((shift, factor)) = product {
                claims.by_product(rule, &what, d, shift, factor);
                continue;
            }
            let after = run(&trace, &["x"], val);
            let word = int(d);
            let before = match op {
                BinaryOp::FloorDiv => does(Uop::floordiv_int, &["x", &word], 0, 0),
                BinaryOp::Mod => does(Uop::mod_int, &["x", &word], 0, 0),
                BinaryOp::RShift => does(Uop::shr_int, &["x", &word], 0, 0),
                // Divided as doubles; it leaves where the dividend is none.
                _ => or_leaves(
                    format!("(fp.div RNE {} {})", double_of("x"), float((d as f64).to_bits())),
                    format!("(not {})", is_exact("x")),
                ),
            };
            let Some(before) = before else { panic!("{op:?}?") };
            claims.same(rule, &what, &[Class::Int], &before, &after);
        }
    }
}

/// Sums of sums, in which something may go: four steps, each of what the one before gave and one of three integers.
fn sums(claims: &mut Claims) {
    const STEPS: usize = 4;
    let steps =
        [Uop::wrap_add_int, Uop::wrap_sub_int].into_iter().flat_map(|uop| (0..6).map(move |other| (uop, other)));
    let steps: Vec<(Uop, usize)> = steps.collect();
    for number in 0..steps.len().pow(STEPS as u32) {
        let chain: Vec<(Uop, usize)> =
            (0..STEPS as u32).map(|at| steps[number / steps.len().pow(at) % steps.len()]).collect();
        let emit = |allowed: Allowed| {
            let mut e = Emitter::new(allowed);
            let (x, y) = (e.param(Class::Int, Val(0)), e.param(Class::Int, Val(1)));
            let others = [x, y, e.int(5)];
            let mut last = x;
            for (uop, other) in &chain {
                let other = others[other % 3];
                let args = if chain[0].1 < 3 { [last, other] } else { [other, last] };
                last = e.pure(*uop, &args, 0, 0, None);
            }
            (e, last)
        };
        let ((one, before), (other, after)) = (emit(Allowed::NOTHING), emit(Allowed::ALL));
        // One in so many is enough of those in which something goes.
        if other.rewrites().count(Rule::TermGone) > 0 && number % 37 == 0 {
            let what = format!("{chain:?}");
            let both = [(one, before), (other, after)].map(|(e, val)| run(&trace(e, 0), &["x", "y"], val));
            claims.same(Rule::TermGone.name(), &what, &[Class::Int, Class::Int], &both[0], &both[1]);
        }
    }
}

/// Intervals that are tried in pairs; in them the claims are about all numbers.
const INTERVALS: [(i64, i64); 11] = [
    (i64::MIN, i64::MAX),
    (i64::MIN, -1),
    (0, i64::MAX),
    (0, 62),
    (-9, 8),
    (1, 1),
    (-1, -1),
    (7, 7),
    (1 << 31, 1 << 53),
    (-(1 << 62), 1 << 62),
    (0, 1 << 60),
];

fn within(name: &str, range: Interval) -> String {
    format!("(and (bvsle {} {name}) (bvsle {name} {}))", int(range.lo), int(range.hi))
}

/// Where results lie, what guards say of their operands, and what uops become because of that.
fn ranges(claims: &mut Claims) {
    let is_int = |uop: &Uop| uop.info().operands.iter().all(|operand| operand.class == Class::Int);
    let intervals = INTERVALS.map(|(lo, hi)| Interval::new(lo, hi));
    for uop in arithmetic().into_iter().filter(is_int) {
        let info = uop.info();
        let unary = info.operands.len() == 1;
        for &a in &intervals {
            for &b in if unary { &intervals[..1] } else { &intervals[..] } {
                claims.pair(uop, a, b, false);
            }
            if !unary {
                claims.pair(uop, a, a, true);
            }
        }
    }
}

impl Claims {
    /// All that is said of a uop whose operands lie so, or are one value.
    fn pair(&mut self, uop: Uop, a: Interval, b: Interval, same: bool) {
        let info = uop.info();
        let imm = if uop == Uop::shift_right { 3 } else { 0 };
        let args = if same { ["x", "x"] } else { ["x", "y"] };
        let Some(Does { result, leaves }) = does(uop, &args, imm, 0xaaaa_aaaa_aaaa_aaab) else { return };
        let params = [Class::Int, Class::Int];
        let given = format!("(and {} {})", within("x", a), within(args[1], b));
        let what = format!("{} of {a:?} and {b:?}, {same}", uop.name());
        // Products and quotients are too hard for the solver where all operands vary.
        let is_hard = match uop {
            Uop::mul_int => a.lo != a.hi && b.lo != b.hi,
            Uop::floordiv_int | Uop::mod_int => b.lo != b.hi,
            _ => uop == Uop::floordiv_by,
        };
        let range = range::result(uop, a, b, imm, same);
        if let (Some(result), false) = (&result, is_hard || range == Interval::FULL || info.result != Some(Class::Int))
        {
            let holds = format!("(=> (and {given} (not {leaves})) {})", within(result, range));
            self.add("interval", &what, &params, &holds);
        }
        let (after_a, after_b) = passed(uop, a, b);
        if (after_a, after_b) != (a, b) && !same {
            let after = format!("(and {} {})", within("x", after_a), within("y", after_b));
            self.add("passed guards", &what, &params, &format!("(=> (and {given} (not {leaves})) {after})"));
        }
        let Some((rule, simple)) = simpler(uop, a, b, same) else { return };
        let never = |result: String| Some(Does { result: Some(result), leaves: "false".into() });
        let other = match simple {
            Simpler::Operand(index) => never(args[index].to_string()),
            Simpler::Int(n) => never(int(n)),
            Simpler::Holds => Some(Does { result: None, leaves: "false".into() }),
            Simpler::Uop(other) => does(other, &args, imm, 0),
        };
        let Some(other) = other else { panic!("{what}?") };
        let results = match (&result, &other.result) {
            (Some(one), Some(other)) => format!("(= {one} {other})"),
            _ => "true".into(),
        };
        let alike = format!("(and (= {leaves} {}) (or {leaves} {results}))", other.leaves);
        self.add(rule.name(), &what, &params, &format!("(=> {given} {alike})"));
    }

    /// `q = x // d` as the product has it: `q * d <= x < q * d + d`. What is left then fits, too.
    fn by_product(&mut self, rule: &str, what: &str, d: i64, shift: i32, factor: u64) {
        *self.counts.entry(rule.to_string()).or_default() += 1;
        let power = 1u128 << (64 + shift);
        let upper = |n: &str| format!("(div (* {factor} {n}) {power})");
        let quotient = format!("(ite (< x 0) (- (- 1) {}) {})", upper("(- (- 1) x)"), upper("x"));
        let end = 1u128 << 63;
        let _ = writeln!(self.text, "; {rule}: {what}\n(declare-const x Int)\n(declare-const q Int)");
        let _ = writeln!(self.text, "(assert (and (<= (- {end}) x) (< x {end}) (= q {quotient})))");
        let _ = writeln!(self.text, "(assert (not (and (<= (* {d} q) x) (< x (+ (* {d} q) {d})))))");
    }
}

#[test]
fn claims() {
    let mut claims = Claims::default();
    meanings(&mut claims);
    folding(&mut claims);
    refuted(&mut claims);
    comparisons(&mut claims);
    divisions(&mut claims);
    sums(&mut claims);
    ranges(&mut claims);
    if let Some(path) = std::env::var_os("DECAL_CLAIMS") {
        std::fs::write(path, &claims.text).expect("can be written");
    }
    let names: Vec<&str> = claims.counts.keys().map(String::as_str).collect();
    // Those that compute or know nothing of numbers have other proofs.
    let others = [Rule::Constants, Rule::SameObject, Rule::OtherObject];
    let all = decal_trace::opt::rewrites::RULES.iter().filter(|rule| !others.contains(rule));
    for rule in all.filter(|rule| ["fold", "divide", "ranges"].contains(&rule.part().name())) {
        assert!(names.contains(&rule.name()), "no claim for the rule {}", rule.name());
    }
}
