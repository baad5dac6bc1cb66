//! Sequences of uops, as the emitter makes them with the optimizer and without.

use crate::samples::{arithmetic, doubles, edges, immediates, same};
use crate::{PARAMS, Seen, count, trace};
use decal_trace::eval::heap::Heap;
use decal_trace::eval::{Left, run};
use decal_trace::ir::{Trace, Val};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::rewrites::{Allowed, RULES};
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Uop};

const NOT_A_VALUE: Val = Val(u32::MAX);

/// An operand in a sequence.
#[derive(Clone, Copy, Debug)]
enum Arg {
    /// A parameter of the trace.
    Param(usize),
    /// A constant.
    Const(u64),
    /// What that step gave.
    Step(usize),
}

/// A step of a sequence.
type Step = (Uop, [Option<Arg>; 2]);

/// What a sequence becomes: its trace, and where the result of each step is.
fn emitted(steps: &[Step], allowed: Allowed, seen: &mut Seen) -> (Trace, Vec<Val>) {
    let mut e = Emitter::new(allowed);
    let params: Vec<Val> = (0..).zip(PARAMS).map(|(at, class)| e.param(class, Val(at))).collect();
    let mut results: Vec<Val> = Vec::new();
    for (at, (uop, args)) in steps.iter().enumerate() {
        let args: Vec<Val> = (args.iter().flatten().zip(uop.info().operands))
            .map(|(arg, operand)| match (*arg, operand.class) {
                (Arg::Param(param), _) => params[param],
                (Arg::Const(bits), Class::Float) => e.float(bits),
                (Arg::Const(bits), _) => e.int(bits as i64),
                (Arg::Step(step), _) => results[step],
            })
            .collect();
        let imms = immediates(*uop)[0];
        results.push(e.pure(*uop, &args, imms.0, imms.1, Some(SnapId(at as u32))));
    }
    count(&e, seen);
    (trace(e, steps.len() as u32), results)
}

/// Where a sequence is left, and what each step had given by then.
fn outcome(trace: &Trace, results: &[Val], params: &[u64; 4]) -> (u32, Vec<Option<u64>>) {
    let Left::Exit { snap, values, .. } = run(trace, params, &mut Heap::new(), &mut 1000) else { panic!("{trace}") };
    let done = results.iter().take(snap.0 as usize);
    (snap.0, done.map(|val| (*val != NOT_A_VALUE).then(|| values[val.index()])).collect())
}

struct Sequences {
    /// Parameters, of which each sequence gets some.
    inputs: Vec<[u64; 4]>,
    tried: u64,
}

impl Sequences {
    fn new() -> Sequences {
        let (ints, floats) = (edges(), doubles());
        // Every integer comes together with many others, small ones more often.
        let int = |n: usize| if n.is_multiple_of(3) { n as i64 % 7 - 3 } else { ints[n * 31 % ints.len()] };
        let float = |n: usize| floats[n * 17 % floats.len()].to_bits();
        let input = |n: usize| [int(n) as u64, int(n / 3 + 7 * n) as u64, float(n), float(n / 5 + 3 * n)];
        Sequences { inputs: (0..997).map(input).collect(), tried: 0 }
    }

    /// Compares a sequence as it is with what the optimizer makes of it, for some of the inputs, others each time.
    fn compare(&mut self, steps: &[Step], inputs: usize, seen: &mut Seen) {
        let (plain, plain_results) = emitted(steps, Allowed::NOTHING, &mut [0; RULES.len()]);
        let (fast, fast_results) = emitted(steps, Allowed::ALL, seen);
        for _ in 0..inputs {
            let params = &self.inputs[(self.tried % self.inputs.len() as u64) as usize];
            self.tried += 1;
            let (expected, got) = (outcome(&plain, &plain_results, params), outcome(&fast, &fast_results, params));
            let fine = expected.0 == got.0
                && expected.1.iter().zip(&got.1).zip(steps).all(|((expected, got), (uop, _))| match (expected, got) {
                    (Some(expected), Some(got)) => same(uop.info().result, *expected, *got),
                    _ => uop.info().result.is_none(),
                });
            assert!(fine, "{steps:?} of {params:x?}: {expected:x?}, optimized {got:x?}\n{plain}\n{fast}");
        }
    }
}

/// Constants for which there are rules, and one for which there is none.
fn constants(class: Class) -> &'static [u64] {
    const INTS: &[u64] = &[0, 1, -1i64 as u64, 7];
    const FLOATS: &[u64] = &[0, 1 << 63, 0x3ff0_0000_0000_0000];
    if class == Class::Float { FLOATS } else { INTS }
}

/// What an operand may be.
fn arguments(class: Class, step: Option<(usize, Uop)>) -> Vec<Arg> {
    let first = if class == Class::Float { 2 } else { 0 };
    let mut all = vec![Arg::Param(first), Arg::Param(first + 1)];
    all.extend(constants(class).iter().map(|bits| Arg::Const(*bits)));
    if let Some((step, uop)) = step
        && uop.info().result == Some(class)
    {
        all.push(Arg::Step(step));
    }
    all
}

/// A uop with all operands that there may be.
fn forms(uop: Uop, step: Option<(usize, Uop)>) -> Vec<Step> {
    let operands = uop.info().operands;
    let mut all = Vec::new();
    for first in arguments(operands[0].class, step) {
        match operands.get(1) {
            Some(second) => {
                all.extend(arguments(second.class, step).into_iter().map(|arg| (uop, [Some(first), Some(arg)])));
            }
            None => all.push((uop, [Some(first), None])),
        }
    }
    all
}

/// All pairs of uops, with operands of all kinds: the second may take what the first gave.
pub fn two_uops(seen: &mut Seen) {
    let (all, mut sequences) = (arithmetic(), Sequences::new());
    for &first in &all {
        let firsts = forms(first, None);
        for &second in &all {
            let seconds: Vec<Step> = forms(second, Some((0, first)));
            // Two uops that have nothing to do with each other are no news, but for the same ones.
            let related: Vec<&Step> = if first == second {
                seconds.iter().collect()
            } else {
                seconds
                    .iter()
                    .filter(|(_, args)| args.iter().flatten().any(|arg| matches!(arg, Arg::Step(_))))
                    .collect()
            };
            for one in &firsts {
                related.iter().for_each(|two| sequences.compare(&[*one, **two], 2, seen));
            }
        }
    }
}

/// Three uops in a row that each take a constant, those with rules.
pub fn three_uops(seen: &mut Seen) {
    let with_rules = [
        Uop::add_int,
        Uop::sub_int,
        Uop::mul_int,
        Uop::and_int,
        Uop::or_int,
        Uop::xor_int,
        Uop::shl_int,
        Uop::shr_int,
        Uop::floordiv_int,
        Uop::pow_int,
        Uop::wrap_add_int,
        Uop::wrap_sub_int,
        Uop::lt_int,
        Uop::min_int,
    ];
    let mut sequences = Sequences::new();
    let step = |uop, before, constant: u64| (uop, [Some(before), Some(Arg::Const(constant))]);
    for one in with_rules {
        for two in with_rules {
            for three in with_rules {
                for a in [0u64, 1] {
                    for b in [0u64, 1, -1i64 as u64] {
                        for c in [0u64, 1] {
                            let steps =
                                [step(one, Arg::Param(0), a), step(two, Arg::Step(0), b), step(three, Arg::Step(1), c)];
                            sequences.compare(&steps, 2, seen);
                        }
                    }
                }
            }
        }
    }
}
