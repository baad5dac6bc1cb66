//! The emitter: every instruction of a trace passes through here, and most do not get out again.
//!
//! An instruction is put into canonical form, folded, and then looked up: a pure uop that was
//! computed before is not computed again (value numbering), a guard that was passed before is not
//! passed again, and a load is answered from [`Heap`] where memory is known. Type guards are kept as
//! facts on the value, so that a value made by decal needs none.
//!
//! Why here and not in passes over a finished trace: a trace is a straight line, so what dominates
//! an instruction is simply what was emitted before it, and one table says it all. LuaJIT's fold
//! engine works this way. So do ranges of integers ([`Ranges`]): each guard that was passed narrows them. At the loop's label nothing is forgotten but what the loop's body may
//! overwrite; this is what makes the second pass over the same events a loop body without invariant work.
//!
//! Holds: every instruction emitted is valid at its place; a value's facts hold wherever the value
//! exists. Cost: constant time per instruction, but for stores (see [`Heap`]).

use crate::ir::{Args, Inst, MAX_ARGS, Region, UopInst, Val};
use crate::opt::Part;
use crate::opt::dce;
use crate::opt::fold::{Folded, fold};
use crate::opt::heap::{Heap, Place};
use crate::opt::range::{self, HIGH, Interval, LOW, Simpler};
use crate::opt::ranges::Ranges;
use crate::opt::rewrites::{Allowed, Rewrites, Rule};
use crate::opt::sums::{Rest, Sums};
use crate::snapshot::{Building, SnapId, Snapshots, Then};
use decal_uops::{Class, Uop};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What makes two pure instructions equal.
type Key = (Uop, [Val; 3], i32, u64);

const NO_VAL: Val = Val(u32::MAX);

/// Uops through which a value is followed back to see whether its exits stay.
const MAX_CHAIN: u32 = 8;

/// What instructions behind the label take for granted of values from before it. Whoever jumps to the label with other values
/// has to see to it that all of this is true of them.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Granted {
    /// Instructions that were not done again: they only compute, or check.
    pub insts: BTreeSet<Val>,
    /// Types.
    pub types: BTreeMap<Val, u64>,
    /// What memory holds.
    pub memory: Vec<(Region, Place, Val)>,
    /// The same where it is a constant: nothing else may ask for it any more, and its instruction be gone.
    pub constants: Vec<(Region, Place, Uop, u64)>,
    /// What a uop of one value gives, where it was never done.
    pub known: Vec<(Uop, Val, Val)>,
    /// The same where it is a constant.
    pub numbers: Vec<(Uop, Val, u64)>,
    /// By which instruction a value was made.
    pub origin: bool,
    /// Between which bounds integers lie: values from before the label, and phis, each time round.
    pub ranges: BTreeMap<Val, Interval>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Emitter {
    insts: Vec<Inst>,
    /// How many there were behind the last one that may raise, and so is a call.
    called: usize,
    snaps: Snapshots,
    origins: Vec<Val>,
    label: Option<u32>,
    consts: FxHashMap<(Uop, u64), Val>,
    numbered: FxHashMap<Key, Val>,
    /// The exact type of each value, 0 where it is not known.
    types: Vec<u64>,
    /// Values whose types were learnt since types were forgotten last.
    typed: Vec<Val>,
    /// What was numbered since then of what may be forgotten: loads and checks of types.
    passing: Vec<Key>,
    heap: Heap,
    ranges: Ranges,
    sums: Sums,
    /// Whether something that stays uses a value.
    kept: Vec<bool>,
    rewrites: Rewrites,
    /// The types that were known at the label.
    types_before: Vec<u64>,
    granted: RefCell<Granted>,
}

impl Emitter {
    /// An empty trace. Where nothing is allowed every instruction is emitted as it comes.
    pub fn new(allowed: Allowed) -> Emitter {
        Emitter {
            insts: Vec::new(),
            called: 0,
            snaps: Snapshots::default(),
            origins: Vec::new(),
            label: None,
            consts: FxHashMap::default(),
            numbered: FxHashMap::default(),
            types: Vec::new(),
            typed: Vec::new(),
            passing: Vec::new(),
            heap: Heap::default(),
            ranges: Ranges::default(),
            sums: Sums::default(),
            kept: Vec::new(),
            rewrites: Rewrites::new(allowed),
            types_before: Vec::new(),
            granted: RefCell::default(),
        }
    }

    /// The same with room for what so many instructions of Python become, as a rule.
    pub fn with_room(allowed: Allowed, events: usize) -> Emitter {
        let mut emitter = Emitter::new(allowed);
        emitter.insts.reserve(4 * events);
        emitter.types.reserve(4 * events);
        emitter.typed.reserve(events);
        emitter.snaps.reserve(events);
        emitter.numbered.reserve(events);
        emitter.consts.reserve(events / 4 + 8);
        emitter
    }

    /// Whether a rule may be applied, which is about to be.
    pub fn allows(&mut self, rule: Rule) -> bool {
        self.rewrites.allows(rule)
    }

    /// What was rewritten so far.
    pub fn rewrites(&self) -> &Rewrites {
        &self.rewrites
    }

    /// What is known of memory.
    pub fn heap(&mut self) -> &mut Heap {
        &mut self.heap
    }

    /// Number of instructions so far.
    pub fn len(&self) -> usize {
        self.insts.len()
    }

    /// Whether nothing was emitted yet.
    pub fn is_empty(&self) -> bool {
        self.insts.is_empty()
    }

    /// The C function of one object that gave this value.
    pub fn made_by(&self, val: Val) -> Option<u64> {
        if self.is_before(val) {
            self.granted.borrow_mut().origin = true;
        }
        match self.insts.get(val.index()) {
            Some(Inst::Uop(inst)) if inst.uop == Uop::call_obj_1 => Some(inst.imm64),
            _ => None,
        }
    }

    /// Whether a value is what a frame held, or came from another trace, so that it may be null.
    pub fn is_from_memory(&self, val: Val) -> bool {
        match self.insts.get(val.index()) {
            Some(Inst::Uop(inst)) => inst.uop == Uop::load_obj_unchecked,
            _ => true,
        }
    }

    /// Whether nothing says that there is an object.
    fn may_be_null(&self, val: Val) -> bool {
        match self.constant_of(val) {
            Some(object) => object == 0,
            None => self.type_of(val).is_none() && self.is_from_memory(val),
        }
    }

    /// Whether what was emitted since then only computes and guards, so that it may stand for nothing.
    pub fn changes_nothing_since(&self, len: usize) -> bool {
        self.insts.iter().skip(len).all(|inst| match inst {
            Inst::Uop(inst) => {
                let effects = inst.uop.info().effects;
                !effects.writes && !effects.raises
            }
            _ => false,
        })
    }

    /// The number of a character that was loaded as one.
    pub fn character(&self, val: Val) -> Option<Val> {
        match self.insts.get(val.index())? {
            Inst::Uop(inst) if inst.uop == Uop::ascii_char => inst.args.first().copied(),
            _ => None,
        }
    }

    /// Whether anything since then may have made an object that the collector counts.
    pub fn allocates_since(&self, len: usize) -> bool {
        self.called > len
    }

    /// Adds a parameter: a value of the parent trace. Parameters come before all other instructions.
    pub fn param(&mut self, class: Class, origin: Val) -> Val {
        self.origins.push(origin);
        self.push(Inst::Param(class))
    }

    /// Begins a snapshot.
    pub fn snapshot(&mut self) -> Building<'_> {
        self.snaps.begin()
    }

    /// Adds a copy of a snapshot after which something else happens.
    pub fn snapshot_with(&mut self, snap: SnapId, then: Then) -> SnapId {
        self.snaps.again(snap, then)
    }

    fn push(&mut self, inst: Inst) -> Val {
        let mut raises = false;
        if let Inst::Uop(inst) = &inst {
            raises = inst.uop.info().effects.raises;
            if dce::stays(inst.uop) {
                self.kept.resize(self.insts.len(), false);
                inst.args
                    .iter()
                    .for_each(|arg| self.kept.get_mut(arg.index()).into_iter().for_each(|kept| *kept = true));
            }
        }
        self.insts.push(inst);
        if raises {
            self.called = self.insts.len();
        }
        Val(self.insts.len() as u32 - 1)
    }

    fn constant(&mut self, uop: Uop, imm32: i32, imm64: u64) -> Val {
        let key = (uop, if imm64 == 0 { imm32 as u32 as u64 } else { imm64 });
        if let Some(val) = self.consts.get(&key) {
            return *val;
        }
        let val = self.push(Inst::Uop(UopInst {
            uop,
            args: Args::default(),
            imm32,
            imm64,
            region: Region::Fixed,
            snap: None,
        }));
        self.consts.insert(key, val);
        val
    }

    /// An integer constant.
    pub fn int(&mut self, value: i64) -> Val {
        match i32::try_from(value) {
            Ok(small) => self.constant(Uop::const_int, small, 0),
            Err(_) => self.constant(Uop::const_int64, 0, value as u64),
        }
    }

    /// A float constant, given as its bits.
    pub fn float(&mut self, bits: u64) -> Val {
        self.constant(Uop::const_float, 0, bits)
    }

    /// An object that lives at least as long as the trace, of this type.
    pub fn object(&mut self, address: u64, ty: u64) -> Val {
        let val = self.constant(Uop::const_obj, 0, address);
        if ty != 0 {
            self.set_type(val, ty);
        }
        val
    }

    /// A constant address.
    pub fn raw(&mut self, address: u64) -> Val {
        self.constant(Uop::const_raw, 0, address)
    }

    /// The frame that the trace was entered on.
    pub fn frame(&mut self) -> Val {
        self.constant(Uop::frame, 0, 0)
    }

    /// The first name of an object that has several.
    pub fn original(&self, mut val: Val) -> Val {
        while let Some(Inst::Uop(UopInst { uop: Uop::renamed, args, .. })) = self.insts.get(val.index())
            && let Some(arg) = args.first()
        {
            if self.is_before(val) {
                self.granted.borrow_mut().origin = true;
            }
            val = *arg;
        }
        val
    }

    /// The bits of a constant.
    pub fn constant_of(&self, val: Val) -> Option<u64> {
        match self.insts.get(val.index())? {
            Inst::Uop(inst) => match inst.uop {
                Uop::const_int => Some(inst.imm32 as i64 as u64),
                Uop::const_int64 | Uop::const_float | Uop::const_obj | Uop::const_raw => Some(inst.imm64),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same with the kind of constant that it is.
    fn constant_with_kind(&self, val: Val) -> Option<(Uop, u64)> {
        let Some(Inst::Uop(inst)) = self.insts.get(val.index()) else { return None };
        self.constant_of(val).map(|bits| (inst.uop, bits))
    }

    /// The exact type of an object, if it was guarded or is known otherwise.
    pub fn type_of(&self, val: Val) -> Option<u64> {
        let ty = self.types.get(val.index()).copied().filter(|ty| *ty != 0)?;
        if self.types_before.get(val.index()) == Some(&ty) {
            self.granted.borrow_mut().types.insert(val, ty);
        }
        Some(ty)
    }

    /// Whether a value is one from before the label, and this is asked behind it.
    fn is_before(&self, val: Val) -> bool {
        self.label.is_some_and(|label| val.0 < label)
    }

    /// What was taken for granted behind the label.
    pub fn granted(&mut self) -> Granted {
        let mut granted = self.granted.take();
        for (region, place, val) in self.heap.granted() {
            match self.constant_with_kind(val) {
                Some((uop, bits)) => granted.constants.push((region, place, uop, bits)),
                None => granted.memory.push((region, place, val)),
            }
        }
        for (uop, arg, val) in std::mem::take(&mut granted.known) {
            match self.constant_of(val) {
                Some(bits) => granted.numbers.push((uop, arg, bits)),
                None => granted.known.push((uop, arg, val)),
            }
        }
        granted.ranges = self.ranges.granted();
        granted
    }

    /// Whether it is known that a guard would fail.
    pub fn refutes(&self, uop: Uop, args: &[Val], imm64: u64) -> bool {
        let Some(first) = args.first() else { return false };
        let constant = args.get(1).and_then(|val| self.constant_of(*val));
        let passed = |(known, vals, _, imm): &Key| {
            let other = Some(vals[1]).filter(|val| *val != NO_VAL).and_then(|val| self.constant_of(val));
            vals[0] == *first
                && match (uop, *known) {
                    (Uop::guard_is, Uop::guard_is) => *imm != imm64,
                    (Uop::guard_is, Uop::guard_is_not) | (Uop::guard_is_not, Uop::guard_is) => *imm == imm64,
                    (Uop::guard_eq_int, Uop::guard_eq_int) => {
                        constant.is_some() && other.is_some() && constant != other
                    }
                    (Uop::guard_eq_int, Uop::guard_ne_int) | (Uop::guard_ne_int, Uop::guard_eq_int) => {
                        constant.is_some() && constant == other
                    }
                    _ => false,
                }
        };
        let never = match (uop, self.constant_of(*first)) {
            (Uop::guard_is, Some(object)) => object != imm64,
            (Uop::guard_is_not, Some(object)) => object == imm64,
            (_, Some(_)) if args.get(1).is_none_or(|_| constant.is_some()) && uop != Uop::guard_type => {
                let bits: Vec<Option<u64>> = args.iter().map(|val| self.constant_of(*val)).collect();
                fold(uop, &bits, (0, imm64)).is_none()
            }
            _ => false,
        };
        never || self.numbered.keys().any(passed)
    }

    /// Says what exact type an object has.
    pub fn set_type(&mut self, val: Val, ty: u64) {
        // A guard that always holds has no value, and nothing is known of that.
        if val == NO_VAL {
            return;
        }
        if self.types.len() <= val.index() {
            self.types.resize(val.index() + 1, 0);
        }
        self.types[val.index()] = ty;
        self.typed.push(val);
    }

    /// Python code ran: objects may have other types now, but for those of types that never let them; and whatever was read
    /// from memory has to be read again.
    pub fn forget_types(&mut self, lasting: impl Fn(u64) -> bool) {
        // What was kept before is kept again.
        for val in self.typed.drain(..) {
            let ty = &mut self.types[val.index()];
            if !lasting(*ty) {
                *ty = 0;
            }
        }
        for key in self.passing.drain(..) {
            if key.0 != Uop::guard_type || !lasting(key.3) {
                self.numbered.remove(&key);
            }
        }
    }

    /// Emits a uop that only computes, or a guard on values alone. `snap` is where it exits to.
    pub fn pure(&mut self, uop: Uop, args: &[Val], imm32: i32, imm64: u64, snap: Option<SnapId>) -> Val {
        let mut operands = Args::from(args);
        let info = uop.info();
        if info.effects.commutes
            && operands.len() == 2
            && self.constant_of(operands[0]).is_some()
            && self.constant_of(operands[1]).is_none()
        {
            operands.swap(0, 1);
        }
        if self.rewrites.allowed().optimize {
            let mut bits = [None; MAX_ARGS];
            let bits = &mut bits[..operands.len()];
            bits.iter_mut().zip(&operands).for_each(|(bits, val)| *bits = self.constant_of(*val));
            if let Some((rule, folded)) = fold(uop, bits, (imm32, imm64))
                && self.allows(rule)
            {
                return match folded {
                    Folded::Operand(index) => operands[index],
                    Folded::Int(value) => self.int(value),
                    Folded::Float(bits) => self.float(bits),
                    Folded::Holds => NO_VAL,
                };
            }
        }
        let mut uop = uop;
        let mut key = (uop, [NO_VAL; 3], imm32, imm64);
        for (slot, val) in key.1.iter_mut().zip(&operands) {
            *slot = *val;
        }
        if Ranges::concern(uop)
            && self.ranges.may_simplify()
            && self.rewrites.allowed().does(Part::Ranges)
            && !self.numbered.contains_key(&key)
        {
            match self.by_range(uop, &operands) {
                Some(Simpler::Operand(index)) => return operands[index],
                Some(Simpler::Int(value)) => return self.int(value),
                Some(Simpler::Holds) => return NO_VAL,
                Some(Simpler::Uop(simpler)) => {
                    uop = simpler;
                    key.0 = simpler;
                }
                None => {}
            }
        }
        if Sums::concern(uop)
            && let Some(rest) = self.sums.rest(uop, &operands, |val| self.constant_of(val).map(|bits| bits as i64))
            && self.allows(Rule::TermGone)
        {
            return match rest {
                Rest::Number(number) => self.int(number),
                Rest::Beside(val, 0) => val,
                Rest::Beside(val, number) => {
                    let number = self.int(number);
                    self.pure(Uop::wrap_add_int, &[val, number], 0, 0, None)
                }
            };
        }
        let info = uop.info();
        let again = if info.result.is_some() { Rule::ComputedBefore } else { Rule::PassedBefore };
        if let Some(val) = self.numbered.get(&key).copied()
            && self.allows(again)
        {
            // What is known of a value from behind the label was learnt there.
            if self.is_before(val) && operands.iter().all(|arg| self.is_before(*arg)) {
                let done = matches!(self.insts.get(val.index()), Some(Inst::Uop(inst)) if inst.uop == uop && inst.args == operands);
                let mut granted = self.granted.borrow_mut();
                match operands[..] {
                    [arg] if !done => granted.known.push((uop, arg, val)),
                    _ => {
                        granted.insts.insert(val);
                    }
                }
            }
            return val;
        }
        let snap = if info.effects.exits { snap } else { None };
        let val = self.push(Inst::Uop(UopInst { uop, args: operands, imm32, imm64, region: Region::Fixed, snap }));
        self.remember(key, val);
        if Sums::concern(uop) && self.rewrites.allowed().does(Part::Fold) {
            let mut sums = std::mem::take(&mut self.sums);
            sums.note(val, uop, &key.1[..2], |val| self.constant_of(val).map(|bits| bits as i64));
            self.sums = sums;
        }
        if Ranges::concern(uop) && self.rewrites.allowed().does(Part::Ranges) {
            self.note_range(uop, &key.1, imm32, val);
        }
        val
    }

    /// Where an integer lies.
    pub fn range_of(&self, val: Val) -> Interval {
        match self.constant_of(val) {
            Some(bits) => Interval::point(bits as i64),
            None => self.ranges.of(val),
        }
    }

    /// Says where an integer lies, which is known by other means.
    pub fn bound(&mut self, val: Val, range: Interval) {
        if self.rewrites.allowed().does(Part::Ranges) && self.constant_of(val).is_none() {
            self.ranges.define(val, range.and(self.ranges.of(val)));
        }
    }

    /// Whether nothing is left out because of ranges so far, since what is emitted may be done again with other values.
    pub fn set_peeling(&mut self, peeling: bool) {
        self.ranges.set_peeling(peeling);
    }

    /// What a uop becomes because of where its operands lie.
    fn by_range(&mut self, uop: Uop, operands: &[Val]) -> Option<Simpler> {
        let (a, b) = self.ranges_of(operands);
        let same = operands.first() == operands.get(1);
        let found = range::simpler(uop, a, b, same)?;
        // That an integer lies where it does may be known only since a uop has given a result. Where nobody else needs the
        // result that uop goes, and its exit with it: nothing may be left out because of it.
        let needed = |index: usize| match found.1 {
            Simpler::Uop(_) => true,
            Simpler::Operand(kept) => kept == index,
            Simpler::Int(_) | Simpler::Holds => false,
        };
        let mut left_out = (0..).zip(operands).filter(|(index, _)| !needed(*index));
        if !left_out.all(|(_, val)| self.is_kept(*val, MAX_CHAIN)) {
            return None;
        }
        self.allows(found.0).then(|| {
            self.ranges.rely(operands, (a, b), |a, b| range::simpler(uop, a, b, same) == Some(found));
            found.1
        })
    }

    /// Whether it holds of a value where it lies, though nobody else may need it: all exits that its computation has stay, or have
    /// no part in that. A sum lies where it does whether or not it fits, unless something was cut off.
    fn is_kept(&self, val: Val, depth: u32) -> bool {
        if self.constant_of(val).is_some() || self.kept.get(val.index()).copied().unwrap_or(false) {
            return true;
        }
        match self.insts.get(val.index()) {
            Some(Inst::Param(_)) => true,
            Some(Inst::Phi { .. }) | None => false,
            Some(Inst::Uop(inst)) if dce::stays(inst.uop) => true,
            Some(Inst::Uop(inst)) => {
                let sum = matches!(inst.uop, Uop::add_int | Uop::sub_int | Uop::mul_int | Uop::neg_int | Uop::abs_int);
                let whole = sum && self.range_of(val).sides() == LOW | HIGH;
                (whole || !dce::exits_for_its_result(inst.uop))
                    && depth > 0
                    && inst.args.iter().all(|arg| self.is_kept(*arg, depth - 1))
            }
        }
    }

    fn ranges_of(&self, operands: &[Val]) -> (Interval, Interval) {
        let range = |index: usize| operands.get(index).map_or(Interval::FULL, |val| self.range_of(*val));
        (range(0), range(1))
    }

    /// Notes where the result of a uop lies, or what a guard that was passed says of its operands.
    fn note_range(&mut self, uop: Uop, operands: &[Val; 3], imm: i32, val: Val) {
        let [first, second, _] = *operands;
        let (a, b) = self.ranges_of(if second == NO_VAL { &operands[..1] } else { &operands[..2] });
        if uop.info().result == Some(Class::Int) {
            let same = first == second;
            self.ranges.define_by(val, (a, b), |a, b| range::result(uop, a, b, imm, same));
            return;
        }
        let (left, right) = range::passed(uop, a, b);
        for (val, before, after, by) in [(first, a, left, second), (second, b, right, first)] {
            if after != before && self.constant_of(val).is_none() {
                let by_both = matches!(uop, Uop::guard_index | Uop::guard_ne_int);
                self.ranges.narrow(val, after, by, by_both);
            }
        }
    }

    /// Whether all that the loop's body takes for granted of ranges of phis holds when it comes to its end with these values.
    ///
    /// # Errors
    /// The phis, by their order, of which it does not.
    pub fn settle_ranges(&mut self, args: &[Val]) -> Result<(), Vec<usize>> {
        let mut ranges = std::mem::take(&mut self.ranges);
        let settled = ranges.settle(args, &self.insts, |val| self.constant_of(val).map(|bits| bits as i64));
        self.ranges = ranges;
        settled
    }

    /// Says what a pure uop of one operand would give.
    pub fn learn_pure(&mut self, uop: Uop, arg: Val, result: Val) {
        self.remember((uop, [arg, NO_VAL, NO_VAL], 0, 0), result);
    }

    fn remember(&mut self, key: Key, val: Val) {
        self.numbered.insert(key, val);
        if key.0.info().effects.reads || key.0 == Uop::guard_type {
            self.passing.push(key);
        }
    }

    /// Exits unless the object's type is exactly `ty`.
    pub fn guard_type(&mut self, object: Val, ty: u64, snap: SnapId) {
        if self.rewrites.allowed().optimize && self.type_of(object) == Some(ty) && self.allows(Rule::TypeKnown) {
            return;
        }
        self.pure(Uop::guard_type, &[object], 0, ty, Some(snap));
        self.set_type(object, ty);
    }

    /// Emits a load. `index` is given for items.
    pub fn load(
        &mut self,
        uop: Uop,
        base: Val,
        index: Option<Val>,
        disp: i32,
        region: Region,
        snap: Option<SnapId>,
    ) -> Val {
        let place = self.place(base, index, disp);
        if self.rewrites.allowed().does(Part::Loads)
            && let Some(val) = self.heap.lookup(region, &place)
            && self.allows(Rule::LoadedBefore)
        {
            // Who found it here may have been content with nothing.
            if uop.info().effects.exits && self.may_be_null(val) {
                self.pure(Uop::guard_is_not, &[val], 0, 0, snap);
            }
            return val;
        }
        let args = [base].into_iter().chain(index).collect();
        let snap = if uop.info().effects.exits { snap } else { None };
        let val = self.push(Inst::Uop(UopInst { uop, args, imm32: disp, imm64: 0, region, snap }));
        self.heap.learn(region, place, val);
        let range = range::loaded(uop);
        if range != Interval::FULL {
            self.bound(val, range);
        }
        val
    }

    /// Emits the load of a length.
    pub fn load_length(&mut self, base: Val, disp: i32, region: Region) -> Val {
        let length = self.load(Uop::load_int, base, None, disp, region, None);
        self.bound(length, Interval::LENGTH);
        length
    }

    /// Emits a store of a value that memory then holds.
    #[expect(clippy::too_many_arguments, reason = "an address in three parts, as in `load`, and the value")]
    pub fn store(
        &mut self,
        uop: Uop,
        base: Val,
        index: Option<Val>,
        value: Val,
        disp: i32,
        region: Region,
        snap: Option<SnapId>,
    ) {
        let place = self.place(base, index, disp);
        let args = [base].into_iter().chain(index).chain([value]).collect();
        let snap = if uop.info().effects.exits { snap } else { None };
        self.push(Inst::Uop(UopInst { uop, args, imm32: disp, imm64: 0, region, snap }));
        self.heap.store(region, place, Some(value));
    }

    /// Says that a store has just happened by other means: memory at this place holds `value`.
    pub fn learn_store(&mut self, base: Val, index: Option<Val>, value: Val, disp: i32, region: Region) {
        let place = self.place(base, index, disp);
        self.heap.store(region, place, Some(value));
    }

    /// Emits a uop with an effect, which is neither folded nor remembered.
    pub fn effect(
        &mut self,
        uop: Uop,
        args: &[Val],
        imm32: i32,
        imm64: u64,
        region: Region,
        snap: Option<SnapId>,
    ) -> Val {
        let snap = if uop.info().effects.exits { snap } else { None };
        self.push(Inst::Uop(UopInst { uop, args: args.into(), imm32, imm64, region, snap }))
    }

    fn place(&self, base: Val, index: Option<Val>, disp: i32) -> Place {
        Place { base, index: index.map(|v| (v, self.constant_of(v).map(|bits| bits as i64))), disp }
    }

    /// Starts the loop: one phi for each entry value, which may be borrowed. Forgets what the body may overwrite. `promises` says of
    /// which phis, by their order, the body may take for granted that they stay within bounds, which [`Emitter::settle_ranges`] proves.
    pub fn label(&mut self, entries: &[(Class, Val, bool)], promises: impl Fn(usize) -> bool) -> Vec<Val> {
        let label = self.insts.len() as u32;
        self.label = Some(label);
        self.heap.enter_loop();
        self.sums.clear();
        self.types_before.clone_from(&self.types);
        let ranges: Vec<Interval> = (0..)
            .zip(entries)
            .map(|(index, (class, entry, _))| {
                let promised = *class == Class::Int && self.rewrites.allowed().does(Part::Ranges) && promises(index);
                if promised { self.promise(*entry) } else { Interval::FULL }
            })
            .collect();
        self.ranges.enter_loop(label, ranges);
        let phi = |&(class, entry, borrowed): &(Class, Val, bool)| Inst::Phi { class, entry, borrowed };
        entries.iter().map(|entry| self.push(phi(entry))).collect()
    }

    /// Between which bounds what the loop carries may be expected to stay, since it enters with this value: those from which
    /// the first pass has led away are none. A guess, which has to be proved at the loop's end.
    fn promise(&self, entry: Val) -> Interval {
        let range = self.range_of(entry);
        let steady = match self.insts.get(entry.index()) {
            Some(Inst::Uop(inst)) => {
                let (_, step) = self.ranges_of(&inst.args);
                range::steady(inst.uop, step)
            }
            _ => 0,
        };
        range.without(!(steady | self.ranges.narrowed(entry))).rounded()
    }

    /// The finished parts: instructions, snapshots, origins of the parameters, label.
    pub fn into_parts(self) -> (Vec<Inst>, Snapshots, Vec<Val>, Option<u32>) {
        (self.insts, self.snaps, self.origins, self.label)
    }
}
