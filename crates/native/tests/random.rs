//! Random traces, in all ways: as they are, with registers in the trace interpreter, and as machine code; then the same
//! trace optimized, as it is and as machine code.
//!
//! All of them work on the same memory and call the same C functions, so that exit, values, memory and calls can be
//! compared bit by bit. Then a side trace is linked to the exit that was taken; it leaves, or goes back into the loop.
#![cfg(all(feature = "native", target_arch = "x86_64", target_os = "linux"))]

mod common;
#[path = "../../trace/tests/random/mod.rs"]
mod random;

use common::{Arena, Call, RawMachine, TYPES, context, functions, log, run_native};
use decal_native::{CodeMemory, assemble, link};
use decal_trace::allocated::{Allocated, ExitIndex};
use decal_trace::eval::allocated::{Cpu, Stop};
use decal_trace::eval::{Left, run};
use decal_trace::ir::{Trace, Val};
use decal_trace::opt::dce;
use decal_trace::regalloc::{Incoming, Registers, allocate_with};
use decal_trace::regalloc_check::check;
use decal_trace::snapshot::SnapId;
use decal_trace::verify::verify;
use decal_uops::Context;
use proptest::prelude::*;
use random::{Choices, World};
use std::cell::{Cell, RefCell};

/// Uops that a run may take: a side trace may send the loop round for ever.
const FUEL: u64 = 20_000;

struct Bench {
    arena: Arena,
    world: World,
    memory: CodeMemory,
}

impl Bench {
    fn new() -> Bench {
        let (arena, f) = (Arena::new(), functions());
        let world = World {
            objects: arena.object(0),
            cells: arena.cells(),
            numbers: arena.numbers(),
            floats: arena.floats(),
            types: TYPES,
            object: f.object,
            truth: f.truth,
            float: f.float,
            new_float: f.new_float,
            renew_float: f.renew_float,
            release: f.release,
            may_die: f.may_die,
        };
        Bench { arena, world, memory: CodeMemory::new().expect("memory for machine code") }
    }

    /// Everything as at first. The context stays where it is, since its address is a value too.
    fn start(&self, at: &mut Context) {
        self.arena.reset();
        log(&self.arena);
        *at = context(&self.arena);
    }
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
    static TAKEN: Cell<[u32; 4]> = const { Cell::new([0; 4]) };
}

/// Counts what happened, so that a test can tell that it tested something.
fn count(what: usize) {
    let mut taken = TAKEN.get();
    taken[what] += 1;
    TAKEN.set(taken);
}

/// What a run leaves behind, but for registers.
#[derive(PartialEq, Debug)]
struct Trail {
    memory: Vec<u64>,
    calls: Vec<Call>,
    turns: u64,
}

fn after(bench: &Bench, context: &Context) -> Trail {
    Trail { memory: bench.arena.content(), calls: log(&bench.arena), turns: context.iterations }
}

/// The values that an exit names, as the machine has them.
fn values(code: &Allocated, exit: ExitIndex, cpu: &Cpu, context: &mut Context) -> Vec<(Val, u64)> {
    let places = code.exits.get(exit).unwrap().places();
    places.map(|(val, place)| (val, cpu.read(place, &mut RawMachine(context)))).collect()
}

fn allocate_checked(trace: &Trace, incoming: &Incoming, registers: &Registers) -> Allocated {
    verify(trace).unwrap_or_else(|error| panic!("{}", error.show(trace)));
    let code = allocate_with(trace, incoming, registers).expect("allocates");
    if let Err(error) = check(trace, &code, incoming) {
        panic!("{error}\n{trace}\n{code}");
    }
    code
}

fn three_ways(bench: &mut Bench, numbers: &[u32], side_numbers: &[u32], registers: &Registers) {
    let root = random::trace_in(Some(&bench.world), &mut Choices::new(numbers), None);
    let code = allocate_checked(&root, &Incoming::default(), registers);
    let show = || format!("\n{root}\n{code}");
    let mut context = Context::new();

    // The trace itself.
    bench.start(&mut context);
    let left = run(&root, &[], &mut RawMachine(&mut context), &mut { FUEL });
    let plain = after(bench, &context);
    let Left::Exit { at, snap, values: bits } = left else { panic!("{left:?}{}", show()) };

    // With registers.
    bench.start(&mut context);
    let mut cpu = Cpu::default();
    let stop = cpu.run(&code, false, &mut RawMachine(&mut context), &mut { FUEL });
    let Stop::Exit(exit) = stop else { panic!("{stop:?}{}", show()) };
    assert_eq!(after(bench, &context), plain, "{}", show());
    assert_eq!(code.exits.get(exit).unwrap().snap, snap, "{}", show());
    let meant = values(&code, exit, &cpu, &mut context);
    for (val, have) in &meant {
        assert_eq!(*have, bits[val.index()], "{val} at {exit:?} {at:?}{}", show());
    }

    // As machine code.
    let exits: Vec<u32> = (0..code.exits.len() as u32).collect();
    let native = assemble(&code, &exits, None, &mut bench.memory).expect("assembles");
    bench.start(&mut context);
    let (number, cpu) = run_native(&mut context, native.address);
    assert_eq!(number, u64::from(exit.0), "{}", show());
    assert_eq!(after(bench, &context), plain, "{}", show());
    assert_eq!(values(&code, exit, &cpu, &mut context), meant, "{}", show());
    count(0);
    optimized(bench, &mut context, &root, registers, (&plain, snap, &bits));

    // A side trace of the exit that was taken.
    let (side, incoming) = random::continuation(&root, &code, exit);
    let trace = random::trace_in(Some(&bench.world), &mut Choices::new(side_numbers), Some(&side));
    let side_code = allocate_checked(&trace, &incoming, registers);
    let show = || format!("\n{root}\n{code}\nside of exit {}\n{trace}\n{side_code}", exit.0);
    bench.start(&mut context);
    if let Some((stop, in_side, mut cpu)) = linked(&code, exit, &side_code, &mut context) {
        let (meant_world, stopped) = (after(bench, &context), if in_side { &side_code } else { &code });
        let meant = values(stopped, stop, &cpu, &mut context);
        let numbers: Vec<u32> = (0..side_code.exits.len() as u32).map(|i| 1000 + i).collect();
        let side_native = assemble(&side_code, &numbers, native.label, &mut bench.memory).expect("assembles");
        link::redirect(&native, exit, side_native.address, &mut bench.memory).expect("links");
        bench.start(&mut context);
        let number;
        (number, cpu) = run_native(&mut context, native.address);
        assert_eq!(number, u64::from(stop.0) + if in_side { 1000 } else { 0 }, "{}", show());
        assert_eq!(after(bench, &context), meant_world, "{}", show());
        assert_eq!(values(stopped, stop, &cpu, &mut context), meant, "{}", show());
        count(if in_side { 1 } else { 2 });

        // Unlinked, it is as before.
        link::restore(&native, exit, &mut bench.memory).expect("unlinks");
        bench.start(&mut context);
        assert_eq!(run_native(&mut context, native.address).0, u64::from(exit.0), "{}", show());
        assert_eq!(after(bench, &context), plain, "{}", show());
        bench.memory.release(side_native.address, side_native.size);
    }
    bench.memory.release(native.address, native.size);
}

/// Folded, with nothing done twice, and then without what nobody uses: it leaves where the trace does, with the same values, and has
/// done the same meanwhile. But what leaves only since it cannot give a result that nobody uses does not leave then.
fn optimized(
    bench: &mut Bench,
    context: &mut Context,
    root: &Trace,
    registers: &Registers,
    (plain, snap, bits): (&Trail, SnapId, &[u64]),
) {
    let (fast, names) = random::optimized(root);
    let show = || format!("\n{root}\noptimized\n{fast}");
    verify(&fast).unwrap_or_else(|error| panic!("{}{}", error.show(&fast), show()));
    bench.start(context);
    let left = run(&fast, &[], &mut RawMachine(context), &mut { FUEL });
    let Left::Exit { at, snap: other, values: fast_bits } = left else { panic!("{left:?}{}", show()) };
    assert_eq!(other, snap, "{}", show());
    assert_eq!(after(bench, context), *plain, "{}", show());
    let snapshot = |trace: &Trace, snap: SnapId| {
        let mut named = Vec::new();
        trace.snaps.get(snap).unwrap().each_value(&mut |val| named.push(val));
        named
    };
    for val in snapshot(root, snap) {
        let mine = names[val.index()].unwrap_or_else(|| panic!("{val} is gone{}", show()));
        assert_eq!(fast_bits[mine.index()], bits[val.index()], "{val} is {mine}{}", show());
    }
    let (small, places) = dce::run(fast.clone());
    let show = || format!("{}\nwithout what nobody uses\n{small}", show());
    if at.is_some_and(|at| places[at.index()].is_none()) {
        return;
    }
    let code = allocate_checked(&small, &Incoming::default(), registers);
    let exits: Vec<u32> = (0..code.exits.len() as u32).collect();
    let native = assemble(&code, &exits, None, &mut bench.memory).expect("assembles");
    bench.start(context);
    let (number, cpu) = run_native(context, native.address);
    let exit = ExitIndex(number as u32);
    let map = code.exits.get(exit).unwrap_or_else(|| panic!("exit {number}{}", show()));
    assert_eq!(after(bench, context), *plain, "{}", show());
    let have = values(&code, exit, &cpu, context);
    let (mine, theirs) = (snapshot(&small, map.snap), snapshot(&fast, snap));
    assert_eq!(mine.len(), theirs.len(), "{}", show());
    for (mine, theirs) in mine.iter().zip(&theirs) {
        if let Some((_, have)) = have.iter().find(|(val, _)| val == mine) {
            assert_eq!(*have, fast_bits[theirs.index()], "{mine}{}", show());
        }
    }
    bench.memory.release(native.address, native.size);
    count(3);
}

/// Root and side trace in the trace interpreter: where they leave, whether that is in the side trace, and the registers.
/// None where they go on for too long.
fn linked(
    code: &Allocated,
    exit: ExitIndex,
    side: &Allocated,
    context: &mut Context,
) -> Option<(ExitIndex, bool, Cpu)> {
    let (mut cpu, mut fuel) = (Cpu::default(), FUEL);
    let mut from_label = false;
    loop {
        match cpu.run(code, from_label, &mut RawMachine(context), &mut fuel) {
            Stop::Exit(other) if other != exit => return Some((other, false, cpu)),
            Stop::Exit(_) => {}
            Stop::OutOfFuel => return None,
            stop => panic!("{stop:?}"),
        }
        match cpu.run(side, false, &mut RawMachine(context), &mut fuel) {
            Stop::Exit(other) => return Some((other, true, cpu)),
            Stop::Root if fuel > 0 => from_label = true,
            Stop::Root => return None,
            stop => panic!("{stop:?}"),
        }
    }
}

fn check_all(numbers: &[u32], side: &[u32], registers: &Registers) {
    BENCH.with_borrow_mut(|bench| three_ways(bench, numbers, side, registers));
}

/// Each property is run by a test of its own, which looks at what the runs came to.
macro_rules! three_ways {
    ($($name:ident($cases:expr, $ints:expr, $floats:expr, $seed:expr);)+) => { $(
        #[test]
        fn $name() {
            let lists = (prop::collection::vec(any::<u32>(), 0..400), prop::collection::vec(any::<u32>(), 0..200), $ints, $floats, $seed);
            let config = random::cases($cases);
            proptest!(config, |((numbers, side, ints, floats, seed) in lists)| {
                check_all(&numbers, &side, &Registers { ints, floats, seed });
            });
            let [runs, left_side, left_root, optimized] = TAKEN.get();
            assert!(left_side > runs / 20 && left_root > runs / 100 && optimized > runs / 2, "{:?}", TAKEN.get());
        }
    )+ };
}

three_ways! {
    with_few_registers(600, 3u8..6, 3u8..5, Just(None::<u64>));
    with_all_registers(600, Just(8u8), Just(8u8), Just(None::<u64>));
    with_random_choices(600, 3u8..9, 3u8..9, any::<u64>().prop_map(Some));
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
    }
    fn list(&mut self, most: u32) -> Vec<u32> {
        (0..self.next() % most).map(|_| self.next()).collect()
    }
}

/// What a run was made from.
#[derive(Clone, Debug)]
struct Made {
    numbers: Vec<u32>,
    side: Vec<u32>,
    registers: (u8, u8, Option<u64>),
}

impl Made {
    fn new(seed: u64) -> Made {
        let mut dice = Dice(seed);
        let all = dice.next().is_multiple_of(4);
        let registers = if all { (8, 8) } else { (3 + dice.next() as u8 % 6, 3 + dice.next() as u8 % 6) };
        let chosen = dice.next().is_multiple_of(2).then(|| u64::from(dice.next()));
        Made { numbers: dice.list(400), side: dice.list(200), registers: (registers.0, registers.1, chosen) }
    }

    fn fails(&self) -> bool {
        let (ints, floats, seed) = self.registers;
        std::panic::catch_unwind(|| check_all(&self.numbers, &self.side, &Registers { ints, floats, seed })).is_err()
    }

    /// The same failure from fewer and smaller numbers.
    fn shrink(mut self) -> Made {
        for which in [0, 1] {
            let mut size = self.numbers.len().max(self.side.len()).max(1);
            while size > 0 {
                let mut at = 0;
                loop {
                    let mut smaller = self.clone();
                    let list = if which == 0 { &mut smaller.numbers } else { &mut smaller.side };
                    if at >= list.len() {
                        break;
                    }
                    list.drain(at..(at + size).min(list.len()));
                    if smaller.fails() {
                        self = smaller;
                    } else {
                        at += size;
                    }
                }
                size /= 2;
            }
        }
        for at in 0..self.numbers.len() + self.side.len() {
            let mut smaller = self.clone();
            let roots = smaller.numbers.len();
            let number = if at < roots { &mut smaller.numbers[at] } else { &mut smaller.side[at - roots] };
            for small in [0, *number % 16, *number % 256] {
                if small < *number {
                    *number = small;
                    if smaller.fails() {
                        self = smaller;
                        break;
                    }
                    smaller = self.clone();
                    break;
                }
            }
        }
        self
    }
}

/// `cargo xtask fuzz --traces COUNT`: DECAL_TRACES of them from DECAL_SEED on, in DECAL_JOBS threads. Counted is each trace
/// that ran in all ways: roots, and side traces linked to them.
#[test]
fn as_many_as_asked_for() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    };
    let (count, seed, jobs) = (number("DECAL_TRACES", 2000), number("DECAL_SEED", 1), number("DECAL_JOBS", 1).max(1));
    let job = move |job: u64| {
        let traces = || TAKEN.get()[..3].iter().map(|n| u64::from(*n)).sum::<u64>();
        let (mut tried, mut said) = (0, 0);
        while traces() < count / jobs {
            let own =
                seed.wrapping_mul(0x1_0000_0001).wrapping_add((tried * jobs + job).wrapping_mul(0x2545_f491_4f6c_dd1d));
            let made = Made::new(own);
            if made.fails() {
                let small = made.shrink();
                println!("{small:?}");
                assert!(!small.fails(), "fails each time");
                panic!("failed once, not again");
            }
            tried += 1;
            if traces() / 200_000 > said {
                said += 1;
                println!("{} traces", traces() * jobs);
            }
        }
        traces()
    };
    let threads: Vec<_> = (0..jobs).map(|number| std::thread::spawn(move || job(number))).collect();
    let ran: u64 = threads.into_iter().map(|thread| thread.join().expect("no trace fails")).sum();
    println!("seed {seed}: {ran} traces, none differs");
}
