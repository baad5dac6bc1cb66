//! Divisions by constants.

use crate::samples::edges;
use crate::{Seen, count, trace};
use decal_trace::bytecode::BinaryOp;
use decal_trace::eval::heap::Heap;
use decal_trace::eval::{Left, run};
use decal_trace::ir::{Inst, Trace, Val};
use decal_trace::opt::divide::{Quotient, by_constant};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::rewrites::Allowed;
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Uop};

/// What a division by a constant becomes, as a trace of one parameter. None where there is no rule.
fn divided(op: BinaryOp, divisor: i64, seen: &mut Seen) -> Option<(Trace, Val, Option<Class>)> {
    let mut e = Emitter::new(Allowed::ALL);
    let (a, b) = (e.param(Class::Int, Val(0)), e.int(divisor));
    let (val, class) = match by_constant(&mut e, op, a, b, Some(SnapId(1)))? {
        Quotient::Int(val) => (val, Some(Class::Int)),
        Quotient::Float(val) => (val, Some(Class::Float)),
    };
    count(&e, seen);
    Some((trace(e, 0), val, class))
}

/// What Python gives. None where a double cannot hold an operand.
fn quotient(op: BinaryOp, a: i64, b: i64) -> Option<u64> {
    let (wide, by) = (i128::from(a), i128::from(b));
    let exact = 1u64 << 53;
    match op {
        BinaryOp::FloorDiv => Some(wide.div_euclid(by) as i64 as u64),
        BinaryOp::Mod => Some(wide.rem_euclid(by) as i64 as u64),
        BinaryOp::RShift => Some((wide >> b.min(100)) as i64 as u64),
        // A power of two is exact, whatever its size.
        _ => (a.unsigned_abs() <= exact).then(|| (a as f64 / b as f64).to_bits()),
    }
}

/// Each divisor of a range and the edges, with the dividends that are hardest.
pub fn divisions(seen: &mut Seen) {
    let edges = edges();
    let mut divisors: Vec<i64> = (-3..1500).collect();
    divisors.extend(&edges);
    divisors.extend((11..32).flat_map(|bits| [-5, -3, 3, 5].map(|near| (1i64 << bits) + near)));
    let mut with_rules = 0;
    for &d in &divisors {
        for op in [BinaryOp::FloorDiv, BinaryOp::Mod, BinaryOp::TrueDiv, BinaryOp::RShift] {
            let Some((trace, val, class)) = divided(op, d, seen) else { continue };
            with_rules += 1;
            let mut dividends = edges.clone();
            if d > 0 && op != BinaryOp::RShift {
                for near in [0, 1, -1, 2, -2, i64::MAX / d, i64::MIN / d, i64::MAX / d - 1, i64::MAX / d / 2] {
                    dividends.extend((-1..=1).map(|off| near.wrapping_mul(d).wrapping_add(off)));
                }
            }
            for a in dividends {
                let got = match run(&trace, &[a as u64], &mut Heap::new(), &mut 100) {
                    Left::Exit { snap: SnapId(0), values, .. } => Some(values[val.index()]),
                    Left::Exit { .. } => None,
                    left => panic!("{left:?}"),
                };
                assert_eq!(got, quotient(op, a, d), "{a} {op:?} {d}, as {class:?}\n{trace}");
            }
        }
    }
    assert!(with_rules > 3000, "{with_rules}");
}

/// The quotient by a product is right for all dividends.
///
/// With `N = 64 + shift`, the factor is `(2**N + e) / d` for some `e`. For a dividend `n = q * d + r` from 0 to `2**63 - 1` the
/// product divided by `2**N` is `n / d + n * e / (d * 2**N)`, and its integer part is `q` as long as that is below `q + 1`. Since `r`
/// is at most `d - 1` this is so where `n * e < 2**N`, which `0 <= e <= 2**(shift + 1)` implies. A negative `a` has the
/// complement `~a = -1 - a` for dividend, and `a // d` is `~(~a // d)`. So all that has to be seen of a divisor is its `e`.
pub fn products_divide_exactly(seen: &mut Seen) {
    let all = (3..200_000).chain((17..31).flat_map(|bits| (-50..50).map(move |near| (1i64 << bits) + near)));
    for d in all.chain(i64::from(i32::MAX) - 1000..=i64::from(i32::MAX)) {
        let Some((trace, ..)) = divided(BinaryOp::FloorDiv, d, seen) else { panic!("{d}") };
        let product = trace.insts.iter().find_map(|inst| match inst {
            Inst::Uop(inst) if inst.uop == Uop::floordiv_by => Some((inst.imm32, inst.imm64)),
            _ => None,
        });
        let Some((shift, factor)) = product else {
            assert!(d.count_ones() == 1, "{d}");
            continue;
        };
        let more = u128::from(factor) * d as u128;
        let exact = 1u128 << (64 + shift);
        assert!((0..63).contains(&shift) && more >= exact && more - exact <= 1 << (shift + 1), "{d}: {factor} {shift}");
    }
}
