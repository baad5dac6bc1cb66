//! Comparisons: guards and values, with constants on either side.

use crate::samples::{doubles, edges};
use decal_trace::bytecode::CompareOp;
use decal_trace::eval::heap::Heap;
use decal_trace::ir::Val;
use decal_trace::opt::compare;
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::rewrites::Allowed;
use decal_uops::{Class, execute};

/// Guards and values of all comparisons, with constants on either side.
#[test]
fn comparisons() {
    use CompareOp::*;
    fn holds<T: PartialOrd>(op: CompareOp, a: T, b: T) -> bool {
        match op {
            Lt => a < b,
            Le => a <= b,
            Eq => a == b,
            Ne => a != b,
            Gt => a > b,
            Ge => a >= b,
        }
    }
    let executed = |uop, a, b| execute(uop, &mut Heap::new(), &[a, b, 0, 0], 0, 0);
    let (edges, doubles) = (edges(), doubles());
    for op in [Lt, Le, Eq, Ne, Gt, Ge] {
        for constants in 0..4 {
            let mut e = Emitter::new(Allowed::ALL);
            let (x, y) = (e.param(Class::Int, Val(0)), e.param(Class::Int, Val(1)));
            let (a, b) = (if constants & 1 == 0 { x } else { e.int(5) }, if constants & 2 == 0 { y } else { e.int(6) });
            for (&m, &n) in edges.iter().flat_map(|m| edges.iter().map(move |n| (m, n))) {
                let bits = |val: Val| if val == a { m as u64 } else { n as u64 };
                let truth = holds(op, m, n);
                for outcome in [false, true] {
                    let (uop, left, right) = compare::guard_int(&e, op, a, b, outcome);
                    assert!(!(e.constant_of(left).is_some() && e.constant_of(right).is_none()));
                    assert_eq!(executed(uop, bits(left), bits(right)).is_ok(), truth == outcome, "{op:?} {m} {n}");
                }
                let (uop, left, right) = compare::value_int(op, a, b);
                assert_eq!(executed(uop, bits(left), bits(right)).ok(), Some(u64::from(truth)), "{op:?} {m} {n}");
            }
        }
        let (a, b) = (Val(0), Val(1));
        for (&m, &n) in doubles.iter().flat_map(|m| doubles.iter().map(move |n| (m, n))) {
            let bits = |val: Val| if val == a { m.to_bits() } else { n.to_bits() };
            let truth = holds(op, m, n);
            for outcome in [false, true] {
                let (uop, left, right) = compare::guard_float(op, a, b, outcome);
                assert_eq!(executed(uop, bits(left), bits(right)).is_ok(), truth == outcome, "{op:?} {m} {n}");
            }
            let (uop, left, right) = compare::value_float(op, a, b);
            assert_eq!(executed(uop, bits(left), bits(right)).ok(), Some(u64::from(truth)), "{op:?} {m} {n}");
        }
    }
}
