//! What is known of objects and of memory.

use crate::{Seen, count, trace};
use decal_trace::eval::heap::Heap;
use decal_trace::eval::{Left, run};
use decal_trace::ir::{Region, Trace, Val};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::rewrites::{Allowed, RULES};
use decal_trace::snapshot::SnapId;
use decal_uops::{Class, Machine, Uop};

/// Checks of what object something is and of what type, in all pairs.
pub fn objects(seen: &mut Seen) {
    const TYPES: [u64; 2] = [0x7000, 0x8000];
    const OBJECTS: [u64; 2] = [0x10_0000, 0x20_0000];
    // Which object, type included, and whether it is known.
    let steps: Vec<(Uop, u64)> = [
        (Uop::guard_is, OBJECTS[0]),
        (Uop::guard_is, OBJECTS[1]),
        (Uop::guard_is_not, OBJECTS[0]),
        (Uop::guard_is_not, OBJECTS[1]),
        (Uop::guard_type, TYPES[0]),
        (Uop::guard_type, TYPES[1]),
    ]
    .into();
    let emit = |allowed, known: Option<u64>, steps: &[(Uop, u64)], seen: &mut Seen| {
        let mut e = Emitter::new(allowed);
        let param = e.param(Class::Obj, Val(0));
        let object = known.map_or(param, |object| e.object(object, 0));
        for (at, (uop, imm64)) in steps.iter().enumerate() {
            match uop {
                Uop::guard_type => e.guard_type(object, *imm64, SnapId(at as u32)),
                _ => drop(e.pure(*uop, &[object], 0, *imm64, Some(SnapId(at as u32)))),
            }
        }
        count(&e, seen);
        trace(e, steps.len() as u32)
    };
    for known in [None, Some(OBJECTS[0]), Some(OBJECTS[1])] {
        for one in &steps {
            for two in &steps {
                for three in &steps {
                    let all = [*one, *two, *three];
                    let plain = emit(Allowed::NOTHING, known, &all, &mut [0; RULES.len()]);
                    let fast = emit(Allowed::ALL, known, &all, seen);
                    for object in OBJECTS {
                        for ty in TYPES {
                            let mut heap = Heap::new();
                            for place in OBJECTS {
                                heap.store64(place + 8, ty);
                            }
                            let left = |trace: &Trace| match run(trace, &[object], &mut heap.clone(), &mut 100) {
                                Left::Exit { snap, .. } => snap,
                                left => panic!("{left:?}"),
                            };
                            assert_eq!(left(&plain), left(&fast), "{known:?} {all:?}\n{plain}\n{fast}");
                        }
                    }
                }
            }
        }
    }
}

/// A load or a store of one word.
#[derive(Clone, Copy, Debug)]
struct Access {
    stores: bool,
    base: usize,
    /// Which index, for items: 0 and 1 are constants, others are values.
    index: Option<usize>,
    disp: i32,
}

/// What is loaded is what is there, whatever was stored meanwhile under whatever name. All sequences of four accesses.
pub fn memory(seen: &mut Seen) {
    let mut fields = Vec::new();
    let mut items = Vec::new();
    for stores in [false, true] {
        for base in 0..2 {
            fields.extend([0, 8].map(|disp| Access { stores, base, index: None, disp }));
            items.extend([0, 1, 2, 3].map(|index| Access { stores, base, index: Some(index), disp: 0 }));
        }
    }
    for accesses in [fields, items] {
        for &one in &accesses {
            for &two in &accesses {
                for (&three, &four) in accesses.iter().flat_map(|a| accesses.iter().map(move |b| (a, b))) {
                    let all = [one, two, three, four];
                    let plain = accessed(Allowed::NOTHING, &all, &mut [0; RULES.len()]);
                    let fast = accessed(Allowed::ALL, &all, seen);
                    for names in 0..8u64 {
                        // The bases may be one object, and the indexes any of two.
                        let bases = [0x10_0000, if names & 1 == 0 { 0x10_0000 } else { 0x20_0000 }];
                        let params = [bases[0], bases[1], names >> 1 & 1, names >> 2 & 1];
                        let left = |(trace, results): &(Trace, Vec<Val>)| {
                            let mut heap = Heap::new();
                            for at in 0..4 {
                                bases.iter().for_each(|base| heap.store64(base + 8 * at, base + at));
                            }
                            match run(trace, &params, &mut heap, &mut 100) {
                                Left::Exit { values, .. } => {
                                    (results.iter().map(|val| values[val.index()]).collect::<Vec<_>>(), heap.digest)
                                }
                                left => panic!("{left:?}"),
                            }
                        };
                        assert_eq!(left(&plain), left(&fast), "{all:?} {params:x?}\n{}\n{}", plain.0, fast.0);
                    }
                }
            }
        }
    }
}

fn accessed(allowed: Allowed, accesses: &[Access], seen: &mut Seen) -> (Trace, Vec<Val>) {
    let mut e = Emitter::new(allowed);
    let bases = [0, 1].map(|at| e.param(Class::Raw, Val(at)));
    let indexes = [2, 3].map(|at| e.param(Class::Int, Val(at)));
    let mut results = Vec::new();
    for (at, access) in (0..).zip(accesses) {
        let index = access.index.map(|index| if index < 2 { e.int(index as i64) } else { indexes[index - 2] });
        let region = if index.is_some() { Region::ListItems } else { Region::Attributes };
        let base = bases[access.base];
        if access.stores {
            let value = e.int(1000 + at);
            let uop = if index.is_some() { Uop::store_int_item } else { Uop::store_int };
            e.store(uop, base, index, value, access.disp, region, None);
        } else {
            let uop = if index.is_some() { Uop::load_int_item } else { Uop::load_int };
            results.push(e.load(uop, base, index, access.disp, region, None));
        }
    }
    count(&e, seen);
    (trace(e, 0), results)
}
