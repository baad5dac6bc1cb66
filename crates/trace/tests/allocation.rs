//! Random traces through the allocator, its checker, and both evaluators: the trace itself and the
//! trace with registers must do the same.

mod random;

use decal_trace::allocated::{Allocated, ExitIndex};
use decal_trace::eval::allocated::{Cpu, Stop};
use decal_trace::eval::heap::Heap;
use decal_trace::eval::{Left, run, run_from_label};
use decal_trace::ir::{Trace, Val};
use decal_trace::opt::rewrites::{Allowed, RULES, Rewrites, Rule};
use decal_trace::regalloc::{Incoming, Registers, allocate_with, label_interface};
use decal_trace::regalloc_check::check;
use decal_trace::verify::verify;
use decal_uops::Class;
use proptest::prelude::*;
use random::Choices;

const FUEL: u64 = 100_000;

/// Numbers are the same where they are the same bits, or both not a number (which one it is depends on
/// the order of operands, which may change).
fn same(trace: &Trace, val: Val, a: u64, b: u64) -> bool {
    let nan = |bits: u64| trace.class(val) == Some(Class::Float) && f64::from_bits(bits).is_nan();
    a == b || (nan(a) && nan(b))
}

fn allocate_checked(trace: &Trace, incoming: &Incoming, registers: &Registers) -> Allocated {
    let allocated = allocate_with(trace, incoming, registers).expect("allocates");
    if let Err(error) = check(trace, &allocated, incoming) {
        panic!("{error}\n{trace}\n{allocated}");
    }
    allocated
}

/// The exit's values as the machine has them, compared with the trace's.
fn compare_exit(trace: &Trace, code: &Allocated, exit: ExitIndex, left: &Left, cpu: &Cpu, heap: &mut Heap) {
    let Left::Exit { snap, values, .. } = left else {
        panic!("the trace did not exit: {left:?}");
    };
    let map = code.exits.get(exit).unwrap();
    assert_eq!(map.snap, *snap);
    for (val, place) in map.places() {
        let bits = cpu.read(place, heap);
        assert!(
            same(trace, val, bits, values[val.index()]),
            "v{} in {place:?}: {bits:x} {:x}",
            val.0,
            values[val.index()]
        );
    }
}

/// Runs the root trace both ways; then a side trace of the exit that it took, back into the root.
fn both_ways(numbers: &[u32], side_numbers: &[u32], registers: &Registers) {
    let root = random::trace(&mut Choices::new(numbers), None);
    verify(&root).unwrap_or_else(|error| panic!("{}", error.show(&root)));
    let code = allocate_checked(&root, &Incoming::default(), registers);

    let mut plain_heap = Heap::new();
    let left = run(&root, &[], &mut plain_heap, &mut { FUEL });
    let (mut cpu, mut heap) = (Cpu::default(), Heap::new());
    let stop = cpu.run(&code, false, &mut heap, &mut { FUEL });
    let Stop::Exit(exit) = stop else { panic!("{stop:?}") };
    assert_eq!(plain_heap.digest, heap.digest);
    compare_exit(&root, &code, exit, &left, &cpu, &mut heap);
    let Left::Exit { values, .. } = left else { return };

    // A side trace from that exit, which starts with what the exit's map names.
    let interface = label_interface(&root);
    let (side, incoming) = random::continuation(&root, &code, exit);
    let trace = random::trace(&mut Choices::new(side_numbers), Some(&side));
    verify(&trace).unwrap_or_else(|error| panic!("{}", error.show(&trace)));
    let side_code = allocate_checked(&trace, &incoming, registers);

    let bits: Vec<u64> = trace.origins.iter().map(|val| values[val.index()]).collect();
    let left = run(&trace, &bits, &mut plain_heap, &mut { FUEL });
    let stop = cpu.run(&side_code, false, &mut heap, &mut { FUEL });
    assert_eq!(plain_heap.digest, heap.digest);
    let Left::Join { values } = left else {
        let Stop::Exit(exit) = stop else { panic!("{stop:?}") };
        compare_exit(&trace, &side_code, exit, &left, &cpu, &mut heap);
        return;
    };
    assert_eq!(stop, Stop::Root);
    let (mut plain_fuel, mut fuel) = (FUEL, FUEL);
    let left = run_from_label(&root, &interface, &values, &mut plain_heap, &mut plain_fuel);
    match (cpu.run(&code, true, &mut heap, &mut fuel), &left) {
        (Stop::OutOfFuel, Left::OutOfFuel) => {}
        // The two count in their own ways, constants for example: one may just make it.
        (Stop::OutOfFuel, Left::Exit { .. }) if plain_fuel < FUEL / 2 => {}
        (Stop::Exit(_), Left::OutOfFuel) if fuel < FUEL / 2 => {}
        (Stop::Exit(exit), left) => {
            assert_eq!(plain_heap.digest, heap.digest);
            compare_exit(&root, &code, exit, left, &cpu, &mut heap);
        }
        (stop, left) => panic!("{stop:?} {left:?}"),
    }
}

proptest! {
    #![proptest_config(random::cases(400))]

    #[test]
    fn few_registers(numbers in prop::collection::vec(any::<u32>(), 0..400), side in prop::collection::vec(any::<u32>(), 0..200), ints in 3u8..6, floats in 3u8..5) {
        both_ways(&numbers, &side, &Registers { ints, floats, seed: None });
    }

    #[test]
    fn all_registers(numbers in prop::collection::vec(any::<u32>(), 0..400), side in prop::collection::vec(any::<u32>(), 0..200)) {
        both_ways(&numbers, &side, &Registers::default());
    }

    #[test]
    fn random_choices(numbers in prop::collection::vec(any::<u32>(), 0..400), side in prop::collection::vec(any::<u32>(), 0..200), ints in 3u8..9, floats in 3u8..9, seed: u64) {
        both_ways(&numbers, &side, &Registers { ints, floats, seed: Some(seed) });
    }
}

/// Random traces are of use to those who look for wrong rules about ranges: these rules are applied in them.
#[test]
fn random_traces_have_ranges() {
    let mut numbers = 1u32;
    let mut next = || {
        numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        numbers >> 8
    };
    let mut counts = [0u32; RULES.len()];
    for _ in 0..1500 {
        let numbers: Vec<u32> = (0..300).map(|_| next()).collect();
        let root = random::trace(&mut Choices::new(&numbers), None);
        let mut rewrites = Rewrites::new(Allowed::NOTHING);
        random::optimized_by(&root, &mut rewrites);
        RULES.iter().for_each(|rule| counts[*rule as usize] += rewrites.count(*rule));
    }
    for rule in [Rule::NoOverflow, Rule::GuardImplied, Rule::ComparisonKnown, Rule::SignKnown, Rule::SmallerKnown] {
        assert!(counts[rule as usize] > 0, "{}: {counts:?}", rule.name());
    }
}
