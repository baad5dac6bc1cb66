//! Rules about ranges: intervals hold every result, what is left out cannot fail, and loops keep what their labels promise.

use crate::samples::{arithmetic, edges, immediates};
use crate::{Seen, count, trace};
use decal_trace::eval::heap::Heap;
use decal_trace::eval::{Left, run};
use decal_trace::ir::{End, Region, Trace, Val};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::range::{Interval, Simpler, loaded, passed, result, simpler};
use decal_trace::opt::rewrites::Allowed;
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Machine, Uop, execute};

/// Uops on integers alone, and those that make one of a double.
fn on_integers() -> Vec<Uop> {
    let int = |uop: &Uop| uop.info().operands.iter().all(|operand| operand.class == Class::Int);
    arithmetic().into_iter().filter(int).collect()
}

/// Intervals of all small bounds, and of bounds at the edges of words. Each with numbers in it, all of them where they are few.
fn intervals() -> Vec<(Interval, Vec<i64>)> {
    let few = [i64::MIN, i64::MIN + 1, -(1 << 62), -9, -2, -1, 0, 1, 2, 5, 8, 62, 63, 64, 1 << 31, 1 << 62];
    let few: Vec<i64> = few.into_iter().chain([(1 << 53) - 1, 1 << 53, i64::MAX - 1, i64::MAX]).collect();
    let mut all = Vec::new();
    for (at, &lo) in few.iter().enumerate() {
        for &hi in few.iter().skip(at).filter(|hi| **hi >= lo) {
            let range = Interval::new(lo, hi);
            let small = hi.checked_sub(lo).is_some_and(|width| width < 12);
            let mut within: Vec<i64> = if small {
                (lo..=hi).collect()
            } else {
                let near = [lo, lo + 1, hi - 1, hi, -1, 0, 1, lo / 2 + hi / 2, i64::MIN, 1 << 53, 3037000500, 63];
                near.into_iter().filter(|n| range.contains(*n)).collect()
            };
            within.sort_unstable();
            within.dedup();
            all.push((range, within));
        }
    }
    all
}

fn executed(uop: Uop, a: i64, b: i64, imms: (i32, u64)) -> Option<i64> {
    execute(uop, &mut Heap::new(), &[a as u64, b as u64, 0, 0], imms.0, imms.1).ok().map(|bits| bits as i64)
}

/// What a uop gives lies within its interval, what passes a guard within what the guard says, and what a uop becomes is the same:
/// for pairs of intervals and pairs of numbers within them.
pub fn intervals_hold_everything(_: &mut Seen) {
    let intervals = intervals();
    for uop in on_integers() {
        let (info, imms) = (uop.info(), immediates(uop)[0]);
        let unary = info.operands.len() == 1;
        let full = [(Interval::FULL, vec![0])];
        for (a, left) in &intervals {
            for (b, right) in if unary { &full[..] } else { &intervals[..] } {
                let range = result(uop, *a, *b, imms.0, false);
                let (after_a, after_b) = passed(uop, *a, *b);
                let simple = simpler(uop, *a, *b, false);
                assert!(
                    after_a.is_within(*a)
                        && after_b.is_within(*b)
                        && after_a.lo <= after_a.hi
                        && after_b.lo <= after_b.hi
                );
                for &x in left {
                    for &y in right {
                        let say = || format!("{} of {x} in {a:?}, {y} in {b:?}", uop.name());
                        let got = executed(uop, x, y, imms);
                        if let Some(got) = got {
                            if info.result == Some(Class::Int) {
                                assert!(range.contains(got), "{}: {got} not in {range:?}", say());
                            }
                            if info.result.is_none() {
                                assert!(
                                    after_a.contains(x) && after_b.contains(y),
                                    "{}: {after_a:?}, {after_b:?}",
                                    say()
                                );
                            }
                        }
                        match simple {
                            None => {}
                            Some((_, Simpler::Operand(0))) => assert_eq!(got, Some(x), "{}", say()),
                            Some((_, Simpler::Operand(_))) => assert_eq!(got, Some(y), "{}", say()),
                            Some((_, Simpler::Int(n))) => assert_eq!(got, Some(n), "{}", say()),
                            Some((_, Simpler::Holds)) => assert!(got.is_some() && info.result.is_none(), "{}", say()),
                            Some((_, Simpler::Uop(other))) => {
                                assert!(got.is_some(), "{}", say());
                                assert!(!other.info().effects.exits, "{}", other.name());
                                assert_eq!(got, executed(other, x, y, imms), "{}", say());
                            }
                        }
                    }
                }
            }
        }
        // One value in both places.
        for (a, within) in intervals.iter().filter(|_| !unary) {
            let (range, simple) = (result(uop, *a, *a, imms.0, true), simpler(uop, *a, *a, true));
            for &x in within {
                match executed(uop, x, x, imms) {
                    Some(got) if info.result == Some(Class::Int) => {
                        assert!(range.contains(got), "{} of {x}: {got} not in {range:?}", uop.name());
                    }
                    got => assert!(simple.is_none() || got.is_some(), "{} of {x} twice", uop.name()),
                }
            }
        }
    }
}

/// All of 8 bits: the tightest bounds of both operands, for those uops whose results overflow nothing there.
pub fn small_intervals(_: &mut Seen) {
    let uops =
        [Uop::add_int, Uop::sub_int, Uop::mul_int, Uop::and_int, Uop::or_int, Uop::xor_int, Uop::shl_int, Uop::shr_int];
    let more = [Uop::floordiv_int, Uop::mod_int, Uop::min_int, Uop::max_int, Uop::lt_int, Uop::eq_int, Uop::pow_int];
    for uop in uops.into_iter().chain(more) {
        for lo in -7i64..8 {
            for hi in lo..8 {
                for low in -7i64..8 {
                    for high in low..8 {
                        let (a, b) = (Interval::new(lo, hi), Interval::new(low, high));
                        let range = result(uop, a, b, 0, false);
                        for (x, y) in (lo..=hi).flat_map(|x| (low..=high).map(move |y| (x, y))) {
                            if let Some(got) = executed(uop, x, y, (0, 0)) {
                                assert!(range.contains(got), "{} of {x}, {y}: {got} not in {range:?}", uop.name());
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is loaded, and doubles that become integers.
pub fn other_sources(_: &mut Seen) {
    let mut heap = Heap::new();
    heap.store64(0x100, u64::MAX);
    for (uop, operands) in [
        (Uop::load_u8, 1),
        (Uop::load_byte, 2),
        (Uop::load_u32, 1),
        (Uop::load_i32_item, 2),
        (Uop::load_u16_item, 2),
        (Uop::load_int, 1),
    ] {
        for word in edges() {
            heap.store64(0x100, word as u64);
            let args = [0x100, 0, 0, 0];
            let got = execute(uop, &mut heap, &args, 0, 0).map_err(|_| ()).unwrap_or(0) as i64;
            assert!(loaded(uop).contains(got), "{} of {operands}: {got}", uop.name());
        }
    }
    for uop in [Uop::float_to_int, Uop::round_float, Uop::floor_float, Uop::ceil_float] {
        for x in crate::samples::doubles() {
            if let Ok(bits) = execute(uop, &mut Heap::new(), &[x.to_bits(), 0, 0, 0], 0, 0) {
                let range = result(uop, Interval::FULL, Interval::FULL, 0, false);
                assert!(range.contains(bits as i64), "{} of {x}", uop.name());
            }
        }
    }
}

const GUARDS: [Uop; 7] = [
    Uop::guard_lt_int,
    Uop::guard_le_int,
    Uop::guard_gt_int,
    Uop::guard_ge_int,
    Uop::guard_eq_int,
    Uop::guard_ne_int,
    Uop::guard_index,
];

/// Two guards, then a uop: with the optimizer and without.
pub fn guarded(seen: &mut Seen) {
    let bounds: [i64; 9] = [i64::MIN, -(1 << 53), -1, 0, 1, 7, 1 << 53, i64::MAX - 1, i64::MAX];
    let numbers: Vec<i64> =
        bounds.iter().flat_map(|n| [n.saturating_sub(1), *n, n.saturating_add(1)]).chain([3, 100, -50]).collect();
    let mut turn = 0usize;
    for first in GUARDS {
        for second in GUARDS {
            for (&low, &high) in bounds.iter().flat_map(|a| bounds.iter().map(move |b| (a, b))) {
                for uop in on_integers() {
                    turn += 1;
                    let constant = bounds[turn % bounds.len()];
                    let sides = turn / 7 % 3;
                    let emit = |allowed: Allowed| {
                        let mut e = Emitter::new(allowed);
                        let (x, y) = (e.param(Class::Int, Val(0)), e.param(Class::Int, Val(1)));
                        let (low, high) = (e.int(low), e.int(high));
                        let constant = e.int(constant);
                        e.pure(first, &[x, low], 0, 0, Some(SnapId(0)));
                        e.pure(second, &[if sides == 0 { x } else { y }, high], 0, 0, Some(SnapId(1)));
                        let args = [x, if sides == 2 { constant } else { y }];
                        let imms = immediates(uop)[0];
                        let val = e.pure(uop, &args[..uop.info().operands.len()], imms.0, imms.1, Some(SnapId(2)));
                        (e, val)
                    };
                    let (plain, plain_val) = emit(Allowed::NOTHING);
                    let (fast, fast_val) = emit(Allowed::ALL);
                    count(&fast, seen);
                    let (plain, fast) = (trace(plain, 3), trace(fast, 3));
                    for at in 0..6 {
                        let n = |step: usize| numbers[(turn * 5 + at * step) % numbers.len()] as u64;
                        let params = [n(7), n(11)];
                        let left = |trace: &Trace, val: Val| match run(trace, &params, &mut Heap::new(), &mut 100) {
                            Left::Exit { snap, values, .. } => {
                                (snap, values.get(val.index()).copied().filter(|_| snap == SnapId(3)))
                            }
                            left => panic!("{left:?}"),
                        };
                        let (expected, got) = (left(&plain, plain_val), left(&fast, fast_val));
                        let same = expected.0 == got.0 && (uop.info().result.is_none() || expected.1 == got.1);
                        assert!(same, "{params:?}: {expected:?}, optimized {got:?}\n{plain}\n{fast}");
                    }
                }
            }
        }
    }
}

/// A loop: `x` enters with what a guard let pass, each turn asks about it before or behind a step, and does something that may
/// overflow. What the label promises has to be proved, and what was left out may not change a turn.
pub fn loops(_: &mut Seen) {
    let steps: [(Uop, i64); 10] = [
        (Uop::add_int, 1),
        (Uop::add_int, -1),
        (Uop::add_int, 1 << 61),
        (Uop::sub_int, 3),
        (Uop::mul_int, 2),
        (Uop::mul_int, -3),
        (Uop::and_int, 255),
        (Uop::xor_int, 5),
        (Uop::shr_int, 1),
        (Uop::mod_int, 7),
    ];
    let bounds: [i64; 8] = [i64::MIN, i64::MIN + 3, -2, 0, 5, 300, i64::MAX - 3, i64::MAX];
    let entries: [i64; 9] = [i64::MIN, i64::MIN + 1, -3, 0, 4, 255, 1 << 61, i64::MAX - 4, i64::MAX];
    let (mut promised, mut refused) = (0, 0);
    for (guard, entry_guard) in GUARDS.iter().flat_map(|a| GUARDS.iter().map(move |b| (*a, *b))) {
        for &bound in &bounds {
            for (at, &(step, by)) in steps.iter().enumerate() {
                for shape in 0..6 {
                    let also = steps[(at + shape) % steps.len()];
                    let emit = |allowed: Allowed| {
                        let mut unproved: Vec<usize> = Vec::new();
                        loop {
                            let mut e = Emitter::new(allowed);
                            e.set_peeling(true);
                            let params = [0, 1].map(|at| e.param(Class::Int, Val(at)));
                            let [one, other, limit] = [by, also.1, bound].map(|n| e.int(n));
                            let limit = if shape == 5 { params[1] } else { limit };
                            e.pure(entry_guard, &[params[0], limit], 0, 0, Some(SnapId(0)));
                            let zero = e.int(0);
                            let entry = if shape == 3 { zero } else { params[0] };
                            let entry =
                                if shape == 4 { e.pure(step, &[entry, one], 0, 0, Some(SnapId(1))) } else { entry };
                            let entries = [(Class::Int, entry, false), (Class::Int, zero, false)];
                            let phis = e.label(&entries, |phi| !unproved.contains(&phi));
                            let asks = |e: &mut Emitter, val: Val, snap| {
                                e.pure(guard, &[val, limit], 0, 0, Some(SnapId(snap)))
                            };
                            if shape % 2 == 0 {
                                asks(&mut e, phis[0], 2);
                            }
                            let used = e.pure(also.0, &[phis[0], other], 0, 0, Some(SnapId(3)));
                            let next = e.pure(step, &[phis[0], one], 0, 0, Some(SnapId(4)));
                            if shape % 2 == 1 {
                                asks(&mut e, next, 5);
                            }
                            let sum = e.pure(Uop::xor_int, &[phis[1], used], 0, 0, None);
                            match e.settle_ranges(&[next, sum]) {
                                Ok(()) => {
                                    let granted = e.granted().ranges.keys().any(|val| phis.contains(val));
                                    let (insts, _, origins, label) = e.into_parts();
                                    let ended = trace(Emitter::new(Allowed::NOTHING), 0);
                                    let end = End::Loop(vec![next, sum]);
                                    return (Trace { insts, origins, label, end, ..ended }, phis, granted, unproved);
                                }
                                Err(phis) => unproved.extend(phis),
                            }
                        }
                    };
                    let (plain, plain_phis, ..) = emit(Allowed::NOTHING);
                    let (fast, fast_phis, granted, unproved) = emit(Allowed::ALL);
                    promised += u32::from(granted);
                    refused += u32::from(!unproved.is_empty());
                    for &entry in &entries {
                        let params = [entry as u64, bound as u64];
                        let left = |trace: &Trace, phis: &[Val]| {
                            let mut fuel = 400;
                            match run(trace, &params, &mut Heap::new(), &mut fuel) {
                                Left::Exit { snap, values, .. } => {
                                    Some((snap, [phis[0], phis[1]].map(|phi| values.get(phi.index()).copied())))
                                }
                                _ => None,
                            }
                        };
                        // Those that turn for long turn for another number of uops.
                        if let (Some(mut expected), Some(mut got)) =
                            (left(&plain, &plain_phis), left(&fast, &fast_phis))
                        {
                            if expected.0.0 < 2 {
                                expected.1 = [None; 2];
                                got.1 = [None; 2];
                            }
                            assert_eq!(expected, got, "{entry}\n{plain}\n{fast}");
                        }
                    }
                }
            }
        }
    }
    assert!(promised > 500 && refused > 50, "{promised} {refused}");
}

/// A promise that the loop's end does not keep is refused, and only bounds that somebody relies on are promises.
#[test]
fn promises_are_kept() {
    let emit = |step: i64, uses: bool| {
        let mut e = Emitter::new(Allowed::ALL);
        let (x, limit) = (e.param(Class::Int, Val(0)), e.int(1000));
        e.pure(Uop::guard_lt_int, &[x, limit], 0, 0, Some(SnapId(0)));
        let phis = e.label(&[(Class::Int, x, false)], |_| true);
        assert_eq!(e.range_of(phis[0]), Interval::new(i64::MIN, 999));
        let one = e.int(step);
        let next = if uses {
            e.pure(Uop::add_int, &[phis[0], one], 0, 0, Some(SnapId(1)))
        } else {
            e.pure(Uop::xor_int, &[phis[0], one], 0, 0, Some(SnapId(1)))
        };
        (e.settle_ranges(&[next]), e.granted().ranges.get(&phis[0]).copied())
    };
    // `x + 1` could not overflow if `x` stayed below 1000, which it does not.
    assert_eq!(emit(1, true), (Err(vec![0]), Some(Interval::new(i64::MIN, 999))));
    assert_eq!(emit(1, false), (Ok(()), None));
    // Downwards the lower edge is asked.
    assert_eq!(emit(-1, true), (Ok(()), None));
}

/// In front of a label nothing is left out, though it is known.
#[test]
fn the_first_pass_checks_everything() {
    for peeling in [false, true] {
        let mut e = Emitter::new(Allowed::ALL);
        e.set_peeling(peeling);
        let (x, five, six) = (e.param(Class::Int, Val(0)), e.int(5), e.int(6));
        e.pure(Uop::guard_lt_int, &[x, five], 0, 0, Some(SnapId(0)));
        let before = e.len();
        e.pure(Uop::guard_lt_int, &[x, six], 0, 0, Some(SnapId(1)));
        assert_eq!(e.len() > before, peeling);
        e.label(&[], |_| true);
        let before = e.len();
        let seven = e.int(7);
        e.pure(Uop::guard_lt_int, &[x, seven], 0, 0, Some(SnapId(2)));
        assert_eq!(e.len(), before + 1, "the constant alone");
        assert_eq!(e.settle_ranges(&[]), Ok(()));
        // Whoever comes with another one has to show that it is as small.
        assert_eq!(e.granted().ranges.get(&x), Some(&Interval::new(i64::MIN, 4)));
    }
    let mut e = Emitter::new(Allowed::ALL);
    let base = e.param(Class::Raw, Val(0));
    let length = e.load_length(base, 16, Region::ListHead);
    assert_eq!(e.range_of(length), Interval::LENGTH);
}
