//! Random traces: valid by construction, from a list of numbers that a test framework can shrink.
//!
//! Every loop ends after a few turns (a counter is guarded), every uop of the table occurs except those that
//! only the allocator makes, and most uops use the values made last, so that traces look like code.
//!
//! With a [`World`] a trace can run on real memory: every address in it lies in that world, every function exists. An object
//! is 32 bytes of anything, so that no content that a trace writes can lead it astray.
#![allow(dead_code)] // each test file uses a part of it

use decal_trace::allocated::{Allocated, ExitIndex};
use decal_trace::event::{Code, CodeId};
use decal_trace::ir::{End, Inst, Region, Start, Trace, UopInst, Val};
use decal_trace::opt::emit::Emitter;
use decal_trace::opt::rewrites::{Allowed, Rewrites};
use decal_trace::regalloc::{Incoming, label_interface};
use decal_trace::snapshot::{BoxId, FieldStore, Head, Returns, SnapId, Snapshots, Source, Then, listed};
use decal_uops::{ALL, Class, Form, ImmKind, Uop};
use proptest::test_runner::{Config, RngSeed};
use std::rc::Rc;

/// So many cases, the same ones each time: a gate gives one answer for one commit. Others are tried with PROPTEST_RNG_SEED, and
/// by `cargo xtask fuzz --traces`.
pub fn cases(cases: u32) -> Config {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    match config.rng_seed {
        RngSeed::Random => Config { rng_seed: RngSeed::Fixed(0xdeca1), ..config },
        RngSeed::Fixed(_) => config,
    }
}

/// Numbers that decide everything; 0 when they run out.
pub struct Choices<'a> {
    numbers: &'a [u32],
    at: usize,
}

impl<'a> Choices<'a> {
    pub fn new(numbers: &'a [u32]) -> Self {
        Choices { numbers, at: 0 }
    }
    pub fn any(&mut self) -> u32 {
        self.at += 1;
        self.numbers.get(self.at - 1).copied().unwrap_or(0)
    }
    pub fn below(&mut self, bound: usize) -> usize {
        self.any() as usize % bound.max(1)
    }
    pub fn is_empty(&self) -> bool {
        self.at >= self.numbers.len()
    }
}

/// What a side trace starts with and where it goes.
pub struct Side {
    /// Classes and parent values of the parameters.
    pub params: Vec<(Class, Val)>,
    /// The root label's interface: class, whether it is a phi, and for others the parameter that it is.
    pub label: Option<Vec<(Class, Option<usize>)>>,
}

/// Memory and functions that exist. All addresses are multiples of 8.
#[derive(Clone, Copy)]
pub struct World {
    /// The first of 300 objects of 32 bytes, with 64 bytes behind the last.
    pub objects: u64,
    /// 32 references to objects; every eighth is null.
    pub cells: u64,
    /// 64 words of anything.
    pub numbers: u64,
    /// 64 doubles, none of them not-a-number.
    pub floats: u64,
    /// Addresses that objects have for their types.
    pub types: [u64; 2],
    /// Functions, by what they take and give: objects to an object, objects to a truth value, and so on.
    pub object: u64,
    pub truth: u64,
    pub float: u64,
    pub new_float: u64,
    pub renew_float: u64,
    pub release: u64,
    pub may_die: u64,
}

/// What a side trace of an exit starts with, and what the allocator must know of it. Where the exit has all that the
/// root's label wants, the side trace goes back there.
pub fn continuation(root: &Trace, code: &Allocated, exit: ExitIndex) -> (Side, Incoming) {
    let interface = label_interface(root);
    let map = code.exits.get(exit).unwrap();
    let params: Vec<(Class, Val)> =
        map.places().filter_map(|(val, _)| root.class(val).map(|class| (class, val))).collect();
    let phis = root.phis().count();
    let entry = |val: &Val| params.iter().position(|(_, origin)| origin == val);
    let in_body = root.label.is_some() && interface[phis..].iter().all(|val| entry(val).is_some());
    let keep: Vec<Val> = if in_body {
        interface[phis..].iter().filter_map(|val| entry(val).map(|at| Val(at as u32))).collect()
    } else {
        Vec::new()
    };
    let label = in_body.then(|| {
        let class = |val: &Val| root.class(*val).unwrap_or(Class::Int);
        let entries = interface.iter().enumerate();
        entries.map(|(at, val)| (class(val), if at < phis { None } else { entry(val) })).collect()
    });
    let places = map.places().map(|(_, place)| place).collect();
    let root_label = if in_body { code.label.clone() } else { Vec::new() };
    (Side { params, label }, Incoming { params: places, first_spill: code.spills, root_label, keep })
}

/// What only computes from its operands, or checks them, and may so be folded and found among what was done before. What looks
/// into an object is left out: a random trace writes into any object, and gives one a float's value anew that it reads as an
/// integer; in a real trace what these uops read never changes.
fn is_pure(uop: Uop) -> bool {
    let info = uop.info();
    let effects = info.effects;
    let touches = effects.reads || effects.writes || effects.raises || info.form == Form::Fixed;
    let by_identity = matches!(uop, Uop::guard_is | Uop::guard_is_not | Uop::is_same);
    let looks_inside = !by_identity && info.operands.iter().any(|operand| operand.class == Class::Obj);
    !touches && !looks_inside && uop != Uop::renamed
}

/// The trace as the optimizer makes it: folded, and nothing done twice. With the new name of each value. Snapshots keep their
/// numbers.
pub fn optimized(trace: &Trace) -> (Trace, Vec<Option<Val>>) {
    let mut rewrites = Rewrites::new(Allowed::NOTHING);
    optimized_by(trace, &mut rewrites)
}

/// The same, and which rules were applied.
pub fn optimized_by(trace: &Trace, rewrites: &mut Rewrites) -> (Trace, Vec<Option<Val>>) {
    let mut unproved = Vec::new();
    loop {
        match optimized_once(trace, &unproved, rewrites) {
            Ok(optimized) => return optimized,
            Err(phis) => unproved.extend(phis),
        }
    }
}

/// The same with no promises about these phis. The error has those that were not kept.
fn optimized_once(
    trace: &Trace,
    unproved: &[usize],
    rewrites: &mut Rewrites,
) -> Result<(Trace, Vec<Option<Val>>), Vec<usize>> {
    const NONE: Val = Val(u32::MAX);
    let mut emitter = Emitter::new(Allowed::ALL);
    emitter.set_peeling(trace.label.is_some());
    let mut names: Vec<Val> = Vec::new();
    let phis: Vec<(Class, Val, bool)> = trace
        .insts
        .iter()
        .filter_map(|inst| match inst {
            Inst::Phi { class, entry, borrowed } => Some((*class, *entry, *borrowed)),
            _ => None,
        })
        .collect();
    for (index, inst) in trace.insts.iter().enumerate() {
        if trace.label == Some(index as u32) {
            let entries: Vec<_> =
                phis.iter().map(|(class, entry, borrowed)| (*class, names[entry.index()], *borrowed)).collect();
            names.extend(emitter.label(&entries, |phi| !unproved.contains(&phi)));
        }
        let Inst::Uop(inst) = inst else {
            if let Inst::Param(class) = inst {
                names.push(emitter.param(*class, trace.origins[index]));
            }
            continue;
        };
        let args: Vec<Val> = inst.args.iter().map(|arg| names[arg.index()]).collect();
        names.push(match inst.uop {
            Uop::const_int => emitter.int(inst.imm32.into()),
            Uop::const_int64 => emitter.int(inst.imm64 as i64),
            Uop::const_float => emitter.float(inst.imm64),
            Uop::const_obj => emitter.object(inst.imm64, 0),
            Uop::const_raw => emitter.raw(inst.imm64),
            Uop::frame => emitter.frame(),
            uop if is_pure(uop) => emitter.pure(uop, &args, inst.imm32, inst.imm64, inst.snap),
            uop => emitter.effect(uop, &args, inst.imm32, inst.imm64, inst.region, inst.snap),
        });
    }
    let name = |val: Val| names.get(val.index()).copied().unwrap_or(NONE);
    if let End::Loop(args) = &trace.end {
        emitter.settle_ranges(&args.iter().map(|val| name(*val)).collect::<Vec<Val>>())?;
    }
    rewrites.clone_from(emitter.rewrites());
    let (insts, _, origins, label) = emitter.into_parts();
    let end = match &trace.end {
        End::Loop(args) => End::Loop(args.iter().map(|val| name(*val)).collect()),
        End::Join(args) => End::Join(args.iter().map(|val| name(*val)).collect()),
        End::Exit(snap) => End::Exit(*snap),
    };
    let snaps = trace.snaps.renumbered(&vec![true; trace.snaps.len()], &name);
    let made = Trace { insts, snaps, origins, label, end, ..trace.clone() };
    Ok((made, names.iter().map(|val| Some(*val).filter(|val| *val != NONE)).collect()))
}

/// Uops that have no place on real memory: an address from memory could be any, and the sign of a not-a-number
/// depends on the order of operands, which the allocator may change.
fn unsuited(uop: Uop) -> bool {
    matches!(uop, Uop::load_raw | Uop::neg_float | Uop::abs_float)
}

/// Uops that only the allocator makes, that would end every trace at once, that rely on a real object's count, that may give
/// null, or that tell where the context is.
fn usable(uop: Uop) -> bool {
    !matches!(
        uop,
        Uop::move_int
            | Uop::move_float
            | Uop::spill_int
            | Uop::spill_float
            | Uop::reload_int
            | Uop::reload_float
            | Uop::exit
            | Uop::frame
            | Uop::decref_or_exit
            | Uop::context
            | Uop::set_context
            | Uop::call_fast
            | Uop::call_renew
            | Uop::call_native
            | Uop::call_any_1
            | Uop::call_any_2
            | Uop::call_any_3
            | Uop::call_any_4
            | Uop::guard_droppable_all
            | Uop::renew_int
            | Uop::dict_place
            | Uop::push_frame
            | Uop::pop_frame
            | Uop::guard_undisturbed
    )
}

struct Builder<'c, 'n> {
    choices: &'c mut Choices<'n>,
    world: Option<&'c World>,
    trace: Trace,
    /// Values of each class, in order.
    by_class: [Vec<Val>; 4],
}

fn class_index(class: Class) -> usize {
    match class {
        Class::Int => 0,
        Class::Float => 1,
        Class::Obj => 2,
        Class::Raw => 3,
    }
}

impl Builder<'_, '_> {
    fn push(&mut self, inst: Inst) -> Val {
        let val = Val(self.trace.insts.len() as u32);
        self.trace.insts.push(inst);
        if let Some(class) = self.trace.class(val) {
            self.by_class[class_index(class)].push(val);
        }
        val
    }

    fn uop(&mut self, uop: Uop, args: Vec<Val>) -> Val {
        let info = uop.info();
        let mut inst = UopInst { uop, args: args.into(), imm32: 0, imm64: 0, region: Region::Fixed, snap: None };
        for imm in info.imms {
            match imm.kind {
                // The null among the references.
                ImmKind::Imm32 if uop == Uop::store_null => inst.imm32 = 56,
                ImmKind::Imm32 if uop == Uop::load_obj_unchecked => inst.imm32 = 8 * self.choices.below(7) as i32,
                ImmKind::Imm32 if uop == Uop::load_item => {}
                ImmKind::Imm32 if uop == Uop::const_int => inst.imm32 = self.choices.any() as i32 % 100,
                ImmKind::Imm32 => inst.imm32 = 8 * self.choices.below(8) as i32,
                ImmKind::Imm64 => inst.imm64 = self.imm64(uop),
            }
        }
        if info.effects.exits {
            inst.snap = Some(self.snapshot());
        }
        if info.effects.reads || info.effects.writes {
            inst.region = Region::ListItems;
        }
        self.push(Inst::Uop(inst))
    }

    fn imm64(&mut self, uop: Uop) -> u64 {
        let any = u64::from(self.choices.any());
        match uop {
            Uop::const_float => (any as f64 / 7.0).to_bits(),
            Uop::const_int64 => any << 20,
            _ if self.world.is_some() => self.address(uop, any),
            _ => 0x10_0000 + 16 * (any % 4096),
        }
    }

    /// The immediate of a uop that names a place or a function of the world.
    fn address(&mut self, uop: Uop, any: u64) -> u64 {
        let Some(world) = self.world else { return any };
        match uop {
            Uop::const_obj | Uop::guard_is | Uop::guard_is_not => world.objects + 32 * (any % 300),
            Uop::guard_type => world.types[usize::from(any % 8 == 7)],
            Uop::small_int | Uop::ascii_char => world.objects,
            Uop::decref_plain | Uop::decref_plain_or_null => world.release,
            Uop::guard_droppable => world.may_die,
            Uop::call_truth_2
            | Uop::call_truth_3
            | Uop::call_int_2
            | Uop::call_any_int_1
            | Uop::call_any_int_2
            | Uop::call_any_int_3
            | Uop::call_move
            | Uop::call_store => world.truth,
            Uop::call_float_1 | Uop::call_float_2 => world.float,
            Uop::new_float => world.new_float,
            Uop::renew_float => world.renew_float,
            Uop::const_raw | Uop::guard_word32 => world.numbers + 8 * (any % 32),
            _ => world.object,
        }
    }

    /// A constant address or a small number that only the next uop uses.
    fn hidden(&mut self, uop: Uop, args: Vec<Val>, imm32: i32, imm64: u64) -> Val {
        let val = Val(self.trace.insts.len() as u32);
        let inst = UopInst { uop, args: args.into(), imm32, imm64, region: Region::Fixed, snap: None };
        self.trace.insts.push(Inst::Uop(inst));
        val
    }

    /// An operand on real memory: addresses point to what the uop may touch, indices are small.
    fn operand(&mut self, uop: Uop, name: &str, class: Class) -> Val {
        let Some(world) = self.world else { return self.value(class) };
        match (name, uop) {
            (
                "base",
                Uop::load_obj
                | Uop::load_obj_unchecked
                | Uop::store_obj
                | Uop::store_null
                | Uop::load_item
                | Uop::store_item,
            ) => {
                let at = world.cells + 64 * self.choices.below(3) as u64;
                self.hidden(Uop::const_raw, Vec::new(), 0, at)
            }
            ("base", Uop::load_float | Uop::store_float) => {
                let at = world.floats + 8 * self.choices.below(32) as u64;
                self.hidden(Uop::const_raw, Vec::new(), 0, at)
            }
            ("index", _) => {
                let (any, mask) = (self.value(class), self.hidden(Uop::const_int, Vec::new(), 7, 0));
                self.hidden(Uop::and_int, vec![any, mask], 0, 0)
            }
            _ => self.value(class),
        }
    }

    fn constant(&mut self, class: Class) -> Val {
        let uop = match class {
            Class::Int if self.choices.below(4) == 0 => Uop::const_int64,
            Class::Int => Uop::const_int,
            Class::Float => Uop::const_float,
            Class::Obj => Uop::const_obj,
            Class::Raw => Uop::const_raw,
        };
        self.uop(uop, Vec::new())
    }

    /// A value of a class, by preference a young one.
    fn value(&mut self, class: Class) -> Val {
        let mut index = class_index(class);
        if class == Class::Raw && self.choices.below(2) == 0 && !self.by_class[2].is_empty() {
            index = 2;
        }
        let count = self.by_class[index].len();
        if count == 0 || self.choices.below(12) == 11 {
            return self.constant(class);
        }
        let back =
            if self.choices.below(3) == 0 { self.choices.below(count) } else { self.choices.below(count.min(4)) };
        self.by_class[index][count - 1 - back]
    }

    fn source(&mut self, number: u32) -> Source {
        match self.choices.below(7) {
            0 => Source::Unchanged,
            // What it names is in place already; it needs the value all the same.
            6 => Source::Home(self.value(Class::Obj)),
            1 => Source::Int(self.value(Class::Int), BoxId(number)),
            2 => Source::Float(self.value(Class::Float), BoxId(number)),
            3 => Source::Borrowed(self.value(Class::Obj)),
            // A reference is handed over once: only one slot may do so.
            4 if number == 0 => Source::Owned(self.value(Class::Obj)),
            4 => {
                let items = vec![Source::Borrowed(self.value(Class::Obj)), Source::Null];
                Source::Tuple(Rc::new(items), BoxId(number))
            }
            _ => Source::Bool(self.value(Class::Int)),
        }
    }

    /// A snapshot of its own, or the last one.
    fn snapshot(&mut self) -> SnapId {
        let count = self.trace.snaps.len() as u32;
        if count > 0 && self.choices.below(2) == 0 {
            return SnapId(count - 1);
        }
        let locals: Vec<Source> = (0..3).map(|number| self.source(number)).collect();
        let stack: Vec<Source> = (0..self.choices.below(3) as u32).map(|number| self.source(3 + number)).collect();
        let stores = if self.choices.below(4) == 0 {
            vec![FieldStore { base: self.value(Class::Obj), disp: 24, value: self.value(Class::Int) }]
        } else {
            Vec::new()
        };
        let offset = self.choices.below(50) as u32;
        let calls = self.choices.below(8) == 0;
        let after = if calls { offset + 4 } else { offset };
        let outer = Head { code: CodeId(0), function: 0, real: None, offset, after, returns: Returns::Value };
        let mut snapshot = self.trace.snaps.begin();
        snapshot.frame(outer, None, listed(&locals), listed(&stack), None);
        if calls {
            let inner = Head { function: 0x5000, offset: 7, after: 7, ..outer };
            snapshot.frame(inner, None, (3, |_| Source::Null), listed(&[]), None);
        }
        snapshot.finish(0, stores, Then::Resume, 0)
    }

    /// Some uop with operands from what there is.
    fn any_uop(&mut self) {
        let uop = match self.choices.below(4) {
            // Mostly arithmetic: guards on random values leave too soon.
            0 => ALL[self.choices.below(ALL.len())],
            1 => [Uop::add_int, Uop::wrap_sub_int, Uop::max_int, Uop::xor_int, Uop::sub_int][self.choices.below(5)],
            2 => [Uop::add_float, Uop::mul_float, Uop::sub_float, Uop::int_to_float][self.choices.below(4)],
            _ => [Uop::guard_ne_int, Uop::store_int, Uop::load_raw, Uop::call_obj_2, Uop::new_int, Uop::renew_float]
                [self.choices.below(6)],
        };
        let suited = match self.world {
            Some(_) => (usable(uop) || uop == Uop::frame) && !unsuited(uop),
            None => usable(uop),
        };
        if !suited {
            return;
        }
        let args = uop.info().operands.iter().map(|operand| self.operand(uop, operand.name, operand.class)).collect();
        self.uop(uop, args);
    }
}

/// A root trace (with a loop, mostly) or a side trace.
pub fn trace(choices: &mut Choices<'_>, side: Option<&Side>) -> Trace {
    trace_in(None, choices, side)
}

/// The same, to be run on real memory.
pub fn trace_in(world: Option<&World>, choices: &mut Choices<'_>, side: Option<&Side>) -> Trace {
    let code = Code {
        object: 0x9000,
        name: "f".to_string(),
        file: "f.py".to_string(),
        locals: 3,
        parameters: 0,
        lines: Vec::new(),
        handlers: Vec::new(),
        first_unit: 0,
        extended: Vec::new(),
        names: Vec::new(),
    };
    let mut builder = Builder {
        choices,
        world,
        trace: Trace {
            start: if side.is_some() { Start::Exit } else { Start::Loop },
            codes: vec![Rc::new(code)],
            insts: Vec::new(),
            label: None,
            end: End::Loop(Vec::new()),
            snaps: Snapshots::default(),
            origins: Vec::new(),
            covers: vec![CodeId(0)],
        },
        by_class: Default::default(),
    };
    if let Some(side) = side {
        for &(class, origin) in &side.params {
            builder.push(Inst::Param(class));
            builder.trace.origins.push(origin);
        }
    }
    let loops = side.is_none() && builder.choices.below(8) != 7;
    let before = builder.choices.below(12);
    for _ in 0..before {
        builder.any_uop();
    }
    if !loops {
        while !builder.choices.is_empty() && builder.trace.insts.len() < 60 {
            builder.any_uop();
        }
        builder.trace.end = match side.and_then(|side| side.label.as_ref()) {
            Some(label) => {
                let values = label
                    .iter()
                    .map(|&(class, param)| match param {
                        Some(param) => Val(param as u32),
                        None => builder.value(class),
                    })
                    .collect();
                End::Join(values)
            }
            None => End::Exit(builder.snapshot()),
        };
        return builder.trace;
    }
    // The counter that ends the loop, then random phis.
    let zero = builder.uop(Uop::const_int, Vec::new());
    if let Inst::Uop(inst) = &mut builder.trace.insts[zero.index()] {
        inst.imm32 = 0;
    }
    let mut entries = vec![(Class::Int, zero)];
    for _ in 0..builder.choices.below(7) {
        let class = [Class::Int, Class::Float, Class::Obj, Class::Raw][builder.choices.below(4)];
        let entry = builder.value(class);
        // Raw operands accept objects, phis do not.
        let class = builder.trace.class(entry).unwrap_or(class);
        entries.push((class, entry));
    }
    builder.trace.label = Some(builder.trace.insts.len() as u32);
    let phis: Vec<(Class, Val)> = entries
        .iter()
        .map(|&(class, entry)| (class, builder.push(Inst::Phi { class, entry, borrowed: false })))
        .collect();
    let counter = phis[0].1;
    while !builder.choices.is_empty() && builder.trace.insts.len() < 60 {
        builder.any_uop();
    }
    let one = builder.uop(Uop::const_int, Vec::new());
    if let Inst::Uop(inst) = &mut builder.trace.insts[one.index()] {
        inst.imm32 = 1;
    }
    let next = builder.uop(Uop::wrap_add_int, vec![counter, one]);
    let turns = builder.uop(Uop::const_int, Vec::new());
    if let Inst::Uop(inst) = &mut builder.trace.insts[turns.index()] {
        inst.imm32 = 5;
    }
    builder.uop(Uop::guard_lt_int, vec![next, turns]);
    let mut args = vec![next];
    for &(class, phi) in &phis[1..] {
        let same: Vec<Val> = builder.by_class[class_index(class)].clone();
        // Also phis themselves, so that values change places.
        let val = match builder.choices.below(3) {
            0 => phi,
            1 => same[builder.choices.below(same.len())],
            _ => same[same.len() - 1 - builder.choices.below(same.len().min(4))],
        };
        args.push(val);
    }
    builder.trace.end = End::Loop(args);
    builder.trace
}
