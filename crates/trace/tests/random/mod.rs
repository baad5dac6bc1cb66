//! Random traces: valid by construction, from a list of numbers that a test framework can shrink.
//!
//! Every loop ends after a few turns (a counter is guarded), every uop of the table occurs except those that
//! only the allocator makes, and most uops use the values made last, so that traces look like code.
#![allow(dead_code)] // each test file uses a part of it

use decal_trace::event::{Code, CodeId};
use decal_trace::ir::{End, Inst, Region, Start, Trace, UopInst, Val};
use decal_trace::snapshot::{BoxId, FieldStore, Frame, SnapId, Snapshot, Source, Then};
use decal_uops::{ALL, Class, ImmKind, Uop};

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

/// Uops that only the allocator makes, that would end every trace at once, or that rely on a real object's count.
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
    )
}

struct Builder<'c, 'n> {
    choices: &'c mut Choices<'n>,
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
        let mut inst = UopInst { uop, args, imm32: 0, imm64: 0, region: Region::Fixed, snap: None };
        for imm in info.imms {
            match imm.kind {
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
            _ => 0x10_0000 + 16 * (any % 4096),
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
        match self.choices.below(6) {
            0 => Source::Unchanged,
            1 => Source::Int(self.value(Class::Int), BoxId(number)),
            2 => Source::Float(self.value(Class::Float), BoxId(number)),
            3 => Source::Borrowed(self.value(Class::Obj)),
            // A reference is handed over once: only one slot may do so.
            4 if number == 0 => Source::Owned(self.value(Class::Obj)),
            4 => {
                let items = vec![Source::Borrowed(self.value(Class::Obj)), Source::Null];
                Source::Tuple(items, BoxId(number))
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
        let locals = (0..3).map(|number| self.source(number)).collect();
        let stack = (0..self.choices.below(3) as u32).map(|number| self.source(3 + number)).collect();
        let stores = if self.choices.below(4) == 0 {
            vec![FieldStore { base: self.value(Class::Obj), disp: 24, value: self.value(Class::Int) }]
        } else {
            Vec::new()
        };
        let offset = self.choices.below(50) as u32;
        let mut frames = vec![Frame { code: CodeId(0), function: 0, offset, after: offset, locals, stack }];
        if self.choices.below(8) == 0 {
            let locals = (0..3).map(|_| Source::Null).collect();
            frames[0].after = offset + 4;
            frames.push(Frame { code: CodeId(0), function: 0x5000, offset: 7, after: 7, locals, stack: Vec::new() });
        }
        self.trace.snaps.push(Snapshot { frames, stores, then: Then::Resume });
        SnapId(self.trace.snaps.len() as u32 - 1)
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
        if !usable(uop) {
            return;
        }
        let args = uop.info().operands.iter().map(|operand| self.value(operand.class)).collect();
        self.uop(uop, args);
    }
}

/// A root trace (with a loop, mostly) or a side trace.
pub fn trace(choices: &mut Choices<'_>, side: Option<&Side>) -> Trace {
    let code = Code {
        object: 0x9000,
        name: "f".to_string(),
        file: "f.py".to_string(),
        locals: 3,
        parameters: 0,
        lines: Vec::new(),
        handlers: Vec::new(),
    };
    let mut builder = Builder {
        choices,
        trace: Trace {
            start: if side.is_some() { Start::Exit } else { Start::Loop },
            codes: vec![code],
            insts: Vec::new(),
            label: None,
            end: End::Loop(Vec::new()),
            snaps: Vec::new(),
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
    let phis: Vec<(Class, Val)> =
        entries.iter().map(|&(class, entry)| (class, builder.push(Inst::Phi { class, entry }))).collect();
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
