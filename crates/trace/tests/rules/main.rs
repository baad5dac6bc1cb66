//! The optimizer's rules, put to the proof: the rules themselves, not copies of them, against the meanings of the uops.
//!
//! Each rule of [`RULES`] is applied to all small integers, to the edges of machine words and Python's digits, and to doubles of every
//! kind; alone, and in all sequences of two uops, and of three where there are rules for shapes. What is emitted without the
//! optimizer is the reference. The last test runs all of it and fails where a rule was never applied, so that a new rule
//! needs a case.
//!
//! Divisions by constants are proved for all dividends: [`divisions::products_divide_exactly`] has the argument, and checks what it needs of
//! the numbers that the rule chose. Rules about ranges are tried with pairs of intervals and all, or the hardest, numbers within them:
//! an interval must hold every result, and what is left out must be unable to fail; then in straight lines, and in loops ([`ranges`]).

mod arithmetic;
mod claims;
mod comparisons;
mod divisions;
mod memory;
mod ranges;
mod samples;
mod sequences;
mod unused;

use decal_trace::ir::{End, Start, Trace, Val};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::fold::{Folded, fold};
use decal_trace::opt::rewrites::{Allowed, RULES, Rule};
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Uop};

/// How often each rule was applied.
pub type Seen = [u64; RULES.len()];

/// The parameters of traces of arithmetic: two integers, then two doubles.
pub const PARAMS: [Class; 4] = [Class::Int, Class::Int, Class::Float, Class::Float];

/// Notes what was applied.
pub fn count(e: &Emitter, seen: &mut Seen) {
    RULES.iter().for_each(|rule| seen[*rule as usize] += u64::from(e.rewrites().count(*rule)));
}

/// What was emitted, as a trace that ends with this exit.
pub fn trace(e: Emitter, end: u32) -> Trace {
    let (insts, snaps, origins, label) = e.into_parts();
    let (start, end, codes, covers) = (Start::Exit, End::Exit(SnapId(end)), Vec::new(), Vec::new());
    Trace { start, codes, insts, label, end, snaps, origins, covers }
}

/// The rule that is wrong is, and nobody applies it who has not asked for it.
#[test]
fn the_wrong_rule_is_found() {
    let Some((Rule::Wrong, folded)) = fold(Uop::xor_int, &[None, Some(1_234_567)], (0, 0)) else { panic!("no rule") };
    assert_eq!(folded, Folded::Operand(0));
    let (mut e, wrong) = (Emitter::new(Allowed::ALL), Allowed { wrong: true, ..Allowed::ALL });
    let (x, c) = (e.param(Class::Int, Val(0)), e.int(1_234_567));
    assert_ne!(e.pure(Uop::xor_int, &[x, c], 0, 0, None), x);
    let mut e = Emitter::new(wrong);
    let (x, c) = (e.param(Class::Int, Val(0)), e.int(1_234_567));
    assert_eq!(e.pure(Uop::xor_int, &[x, c], 0, 0, None), x);
}

/// All of it, and every rule has been at work.
#[test]
fn every_rule_is_proved() {
    type Proof = fn(&mut Seen);
    let proofs: [(&str, Proof); 14] = [
        ("one uop", arithmetic::one_uop),
        ("two uops", sequences::two_uops),
        ("three uops", sequences::three_uops),
        ("refuted guards", arithmetic::refuted_guards),
        ("objects", memory::objects),
        ("memory", memory::memory),
        ("divisions", divisions::divisions),
        ("products", divisions::products_divide_exactly),
        ("unused", unused::unused),
        ("intervals", ranges::intervals_hold_everything),
        ("small intervals", ranges::small_intervals),
        ("other sources", ranges::other_sources),
        ("guarded", ranges::guarded),
        ("loops", ranges::loops),
    ];
    let mut seen: Seen = [0; RULES.len()];
    for (name, proof) in proofs {
        let started = std::time::Instant::now();
        proof(&mut seen);
        println!("{name:<16} {:>6} ms", started.elapsed().as_millis());
    }
    for rule in RULES {
        let count = seen[*rule as usize];
        println!("{:<22} {count:>10} times: {}", rule.name(), rule.doc().trim());
        assert!((count > 0) == (*rule != Rule::Wrong), "{} was applied {count} times", rule.name());
    }
}
