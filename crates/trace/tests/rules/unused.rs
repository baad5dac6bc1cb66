//! Dead code: what goes, and what leaves the trace and so may not go.

use crate::samples::{arithmetic, doubles, edges, immediates};
use crate::{PARAMS, Seen};
use decal_trace::eval::heap::Heap;
use decal_trace::eval::{Left, run};
use decal_trace::event::CodeId;
use decal_trace::ir::{End, Start, Trace, Val};
use decal_trace::opt::dce;
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::rewrites::{Allowed, Rule};
use decal_trace::snapshot::{BoxId, Head, Returns, Snapshots, Source, Then, listed};
use decal_uops::{Class, Uop};

/// Whether Python has a result where a uop leaves for want of one: nothing but that may be removed with it.
fn python_has_a_result(uop: Uop, a: u64, b: u64) -> bool {
    let (a, b) = (i128::from(a as i64), i128::from(b as i64));
    let fits = |result: i128| i64::try_from(result).is_ok();
    match uop {
        Uop::add_int => !fits(a + b),
        Uop::sub_int => !fits(a - b),
        Uop::mul_int => !fits(a * b),
        Uop::neg_int => !fits(-a),
        Uop::abs_int => !fits(a.abs()),
        // Ints and doubles are compared exactly.
        Uop::int_to_float_exact => a.abs() > 1 << 53,
        _ => false,
    }
}

/// A uop that nobody uses, then one that is used: the first one goes only where nobody can tell.
pub fn unused(seen: &mut Seen) {
    for first in arithmetic() {
        let mut e = Emitter::new(Allowed::NOTHING);
        let params: Vec<Val> = (0..).zip(PARAMS).map(|(at, class)| e.param(class, Val(at))).collect();
        let snap = |e: &mut Emitter, val: Val, offset: u32| {
            let (code, returns) = (CodeId(0), Returns::Value);
            let head = Head { code, function: 0, real: None, offset, after: offset, returns };
            let mut building = e.snapshot();
            building.frame(head, None, listed(&[Source::Int(val, BoxId(0))]), listed(&[]), None);
            building.finish(0, Vec::new(), Then::Resume, 0)
        };
        let (before, after) = (snap(&mut e, params[0], 1), snap(&mut e, params[1], 2));
        let args: Vec<Val> = first
            .info()
            .operands
            .iter()
            .enumerate()
            .map(|(at, operand)| params[if operand.class == Class::Float { 2 + at } else { at }])
            .collect();
        let imms = immediates(first)[0];
        e.pure(first, &args, imms.0, imms.1, Some(before));
        let one = e.int(1);
        e.pure(Uop::guard_ne_int, &[params[1], one], 0, 0, Some(after));
        let (insts, snaps, origins, label): (_, Snapshots, _, _) = e.into_parts();
        let (start, end, codes, covers) = (Start::Exit, End::Exit(after), Vec::new(), Vec::new());
        let plain = Trace { start, codes, insts, label, end, snaps, origins, covers };
        let (small, places) = dce::run(plain.clone());
        let gone = places[params.len()].is_none();
        seen[Rule::Unused as usize] += u64::from(gone);
        let (firsts, floats) = (edges(), doubles());
        for (&a, &b) in firsts.iter().flat_map(|a| firsts.iter().map(move |b| (a, b))) {
            let float = |n: i64| floats[n.unsigned_abs() as usize % floats.len()].to_bits();
            let inputs = [a as u64, b as u64, float(a), float(b)];
            let left = |trace: &Trace| match run(trace, &inputs, &mut Heap::new(), &mut 100) {
                Left::Exit { snap, .. } => trace.snaps.get(snap).map(|snap| snap.frames.iter().map(|f| f.offset).max()),
                left => panic!("{left:?}"),
            };
            if left(&plain) != left(&small) {
                let operands: Vec<u64> = args.iter().map(|arg| inputs[arg.index()]).collect();
                let second = operands.get(1).copied().unwrap_or(0);
                assert!(gone && python_has_a_result(first, operands[0], second), "{} {inputs:x?}", first.name());
            }
        }
    }
}
