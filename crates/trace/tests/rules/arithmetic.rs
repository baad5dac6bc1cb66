//! Rules of folding: each uop with constant operands, and what is known of guards.

use crate::Seen;
use crate::samples::{arithmetic, immediates, same, samples};
use decal_trace::eval::heap::Heap;
use decal_trace::ir::Val;
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::fold::{Folded, fold};
use decal_trace::opt::rewrites::{Allowed, Rule};
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Uop, execute};

/// Each uop with each choice of constant operands: what it is folded to is what it gives, for all operands.
pub fn one_uop(seen: &mut Seen) {
    for uop in arithmetic() {
        let info = uop.info();
        let classes: Vec<Class> = info.operands.iter().map(|operand| operand.class).collect();
        let first = samples(classes[0]);
        let second = classes.get(1).map_or(vec![0], |class| samples(*class));
        let meaning = |a: u64, b: u64, imms: (i32, u64)| {
            execute(uop, &mut Heap::new(), &[a, b, 0, 0], imms.0, imms.1).map_err(|_| ())
        };
        let check = |a, b, imms, folded| {
            let fine = match (folded, meaning(a, b, imms)) {
                (Folded::Operand(0), Ok(bits)) => same(info.result, bits, a),
                (Folded::Operand(_), Ok(bits)) => same(info.result, bits, b),
                (Folded::Int(value), Ok(bits)) => info.result == Some(Class::Int) && bits == value as u64,
                (Folded::Float(value), Ok(bits)) => info.result == Some(Class::Float) && same(info.result, bits, value),
                (Folded::Holds, Ok(_)) => info.result.is_none(),
                (_, Err(())) => false,
            };
            assert!(fine, "{} of {a:#x}, {b:#x}, {imms:?}: {folded:?} is {:?}", uop.name(), meaning(a, b, imms));
        };
        for imms in immediates(uop) {
            for &a in &first {
                for &b in &second {
                    let constants = [Some(a), Some(b)];
                    match fold(uop, &constants[..classes.len()], imms) {
                        Some((Rule::Constants, folded)) => {
                            seen[Rule::Constants as usize] += 1;
                            check(a, b, imms, folded);
                        }
                        Some((rule, _)) => panic!("{}: {}", uop.name(), rule.name()),
                        None => assert!(meaning(a, b, imms).is_err(), "{} of {a:#x}, {b:#x} is kept", uop.name()),
                    }
                    if info.effects.commutes {
                        let (one, other) = (meaning(a, b, imms), meaning(b, a, imms));
                        let fine = match (one, other) {
                            (Ok(one), Ok(other)) => same(info.result, one, other),
                            (one, other) => one == other,
                        };
                        assert!(fine, "{} does not commute: {a:#x}, {b:#x}", uop.name());
                    }
                }
            }
            if classes.len() < 2 {
                continue;
            }
            assert_eq!(fold(uop, &[None, None], imms), None, "{}", uop.name());
            for &constant in &second {
                if let Some((rule, folded)) = fold(uop, &[None, Some(constant)], imms)
                    && rule != Rule::Wrong
                {
                    seen[rule as usize] += 1;
                    first.iter().for_each(|a| check(*a, constant, imms, folded));
                }
            }
            for &constant in &first {
                if let Some((rule, folded)) = fold(uop, &[Some(constant), None], imms) {
                    seen[rule as usize] += 1;
                    second.iter().for_each(|b| check(constant, *b, imms, folded));
                }
            }
        }
    }
}

/// A guard behind a guard: where the second is said to fail for what passed the first, it does.
pub fn refuted_guards(_: &mut Seen) {
    let guards: Vec<Uop> = arithmetic().into_iter().filter(|uop| uop.info().result.is_none()).collect();
    let guards: Vec<Uop> = guards.into_iter().filter(|uop| uop.info().operands[0].class == Class::Int).collect();
    let values: Vec<u64> = (-3..4).chain([i64::MIN, i64::MAX, 1 << 53]).map(|n: i64| n as u64).collect();
    let passes = |uop, a, b| execute(uop, &mut Heap::new(), &[a, b, 0, 0], 0, 0).is_ok();
    let mut refuted = 0;
    for &first in &guards {
        for &second in &guards {
            for &b in &values {
                for &c in &values {
                    let mut e = Emitter::new(Allowed::ALL);
                    let (x, one, other) = (e.param(Class::Int, Val(0)), e.int(b as i64), e.int(c as i64));
                    e.pure(first, &[x, one], 0, 0, Some(SnapId(0)));
                    if e.refutes(second, &[x, other], 0) {
                        refuted += 1;
                        let both = values.iter().find(|a| passes(first, **a, b) && passes(second, **a, c));
                        assert_eq!(both, None, "{} {b}, {} {c}", first.name(), second.name());
                    }
                    assert_eq!(e.refutes(second, &[one, other], 0), !passes(second, b, c), "{} {b} {c}", second.name());
                }
            }
        }
    }
    assert!(refuted > 0);
}
