//! Compares a trace with its reference: whether both do the same, as far as Python could tell.
//!
//! Both run on a [`Shadow`] of the same state, so that
//! nothing has happened when they are compared: where they leave, what each slot of each frame holds then, and what they wrote. They
//! run up to an exit, up to the same call, or for some turns of a loop.
//!
//! What is not compared: reference counts; which of several equal numbers an object is; what comes behind the first call of a C
//! function, behind the turns that are tried, and behind the end of a side trace that joins. A trace may leave later than its
//! reference where that leaves only since it cannot give a result that nobody uses, or since what is written over is something else
//! than it was: then nothing is said.

use crate::eval::shadow::{Pace, Shadow, Stop, is_unreal};
use crate::eval::{self, Left, Watch, numbers};
use crate::host::Host;
use crate::ir::{Inst, Trace, UopInst, Val};
use crate::snapshot::{SnapId, Snapshot, Source};
use decal_uops::{Machine, Uop};
use std::collections::BTreeSet;

/// Turns of a loop that are tried at each entry.
const TURNS: u64 = 100;
/// How many turns more the optimized trace may have put in front of its loop than the reference.
const PEELED: u64 = 3;
/// Uops that a run may take.
pub const FUEL: u64 = 1_000_000;
/// What came of a comparison.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// The same up to an exit.
    Same,
    /// The same up to a call, or as far as it was tried.
    Partly,
    /// They ended at places that cannot be compared.
    Unclear,
    /// What differs.
    Differs(String),
}

/// What is in a slot, as far as Python could tell.
#[derive(Clone, PartialEq, Debug)]
enum Thing {
    Null,
    Object(u64),
    Int(i64),
    Float(u64),
    Bool(bool),
    Items(Vec<Thing>),
    Range([u64; 3]),
    Generator(u32),
}

/// One run, and where it has ended.
pub struct Ran<'h> {
    /// The state then.
    pub shadow: Shadow<'h>,
    /// Where it left.
    pub left: Left,
}

/// The state at an instruction that may leave.
#[derive(Clone, Copy)]
struct At<'a> {
    shadow: &'a Shadow<'a>,
    snapshot: Snapshot<'a>,
    values: &'a [u64],
}

/// Where the runs are to be compared.
pub struct Place<'a> {
    /// The interpreter.
    pub host: &'a Host,
    /// The addresses of the slots of the entry frame.
    pub slots: std::ops::Range<u64>,
}

/// A trace, and the bits of its parameters.
pub type Started<'a> = (&'a Trace, &'a [u64]);

/// Looks in the reference for the state in which the optimized trace has left. It may leave earlier, as it may have to know more than the
/// reference, so that each pass of the same place counts.
struct Seeker<'a> {
    place: &'a Place<'a>,
    reference: &'a Trace,
    goal: At<'a>,
    stands: Vec<(u32, u32, u32)>,
    /// By snapshot, whether it stands there, once that was asked.
    known: Vec<Option<bool>>,
    found: bool,
    /// What was different at the turn nearest to the right one, and how far away that was.
    nearest: Option<(u64, String)>,
}

impl Seeker<'_> {
    fn stands_at(&mut self, snap: SnapId) -> bool {
        let (Some(snapshot), Some(known)) = (self.reference.snaps.get(snap), self.known.get_mut(snap.0 as usize))
        else {
            return false;
        };
        *known.get_or_insert_with(|| stands(&snapshot) == self.stands)
    }

    fn look(&mut self, shadow: &Shadow<'_>, snap: SnapId, values: &[u64]) {
        let Some(snapshot) = self.reference.snaps.get(snap).filter(|_| self.stands_at(snap)) else { return };
        let far = shadow.turns().abs_diff(self.goal.shadow.turns());
        match self.place.state(At { shadow, snapshot, values }, self.goal) {
            None => self.found = true,
            Some(what) if self.nearest.as_ref().is_none_or(|(known, _)| far <= *known) => {
                self.nearest = Some((far, what));
            }
            Some(_) => {}
        }
    }
}

impl Watch<Shadow<'_>> for Seeker<'_> {
    fn before(&mut self, shadow: &mut Shadow<'_>, inst: &UopInst, values: &[u64]) {
        if let Some(snap) = inst.snap {
            self.look(shadow, snap, values);
        }
        Pace.before(shadow, inst, values);
    }

    fn stops(&mut self, shadow: &Shadow<'_>) -> bool {
        self.found || Pace.stops(shadow)
    }
}

/// Whether a reference may leave at a uop where the trace does not: for want of a result that nobody uses, or because of who else
/// has an object, which is asked at other places where it is not written at once.
fn may_stay(trace: &Trace, at: Option<Val>) -> bool {
    let Some(uop) = uop(trace, at) else { return true };
    let counts = matches!(
        uop,
        Uop::guard_last
            | Uop::guard_not_last
            | Uop::guard_droppable
            | Uop::decref_or_exit
            | Uop::guard_quiet
            | Uop::guard_idle
            | Uop::guard_same
            | Uop::guard_not_same
    );
    counts || uop.info().result.is_some() || asks_what_it_drops(trace, at)
}

/// Whether it leaves for the type of what is written over, and used for nothing else. The body of a loop is recorded from the events of
/// the first turn, which may have found something else there; where the optimizer knows what the turn before has stored, it need not ask.
fn asks_what_it_drops(trace: &Trace, at: Option<Val>) -> bool {
    let Some(Inst::Uop(check)) = at.and_then(|at| trace.insts.get(at.index())) else { return false };
    let (Uop::guard_type, Some(object)) = (check.uop, check.args.first()) else { return false };
    let uses = trace.insts.iter().filter_map(|inst| match inst {
        Inst::Uop(inst) if inst.args.contains(object) => Some(inst.uop),
        _ => None,
    });
    uses.into_iter().all(|uop| matches!(uop, Uop::guard_type | Uop::decref_plain | Uop::decref_plain_or_null))
}

/// What has left; none at a trace's end.
fn uop(trace: &Trace, at: Option<Val>) -> Option<Uop> {
    match trace.insts.get(at?.index())? {
        Inst::Uop(inst) => Some(inst.uop),
        _ => None,
    }
}

/// Whether an instruction comes before the loop.
fn is_before(trace: &Trace, at: Val) -> bool {
    trace.label.is_some_and(|label| at.0 < label)
}

/// The instruction that has left, in words.
fn by(trace: &Trace, at: Option<Val>) -> String {
    match at.and_then(|at| Some((at, trace.insts.get(at.index())?))) {
        Some((at, Inst::Uop(inst))) => format!("v{}: {}", at.0, inst.uop.name()),
        _ => "its end".into(),
    }
}

impl Place<'_> {
    /// Runs a trace and its reference from the same state. What came of it, and how the trace ended.
    pub fn compare<'h>(
        &self,
        start: &Shadow<'h>,
        (reference, params): Started<'_>,
        (trace, own): Started<'_>,
    ) -> (Verdict, Ran<'h>) {
        let mut fast = Ran { shadow: start.again(TURNS), left: Left::OutOfFuel };
        fast.left = eval::run_watched(trace, own, &mut fast.shadow, &mut { FUEL }, &mut Pace);
        (self.verdict(reference, params, start.again(TURNS + PEELED), trace, &fast), fast)
    }

    /// Runs the reference and compares.
    fn verdict(
        &self,
        reference: &Trace,
        params: &[u64],
        mut shadow: Shadow<'_>,
        trace: &Trace,
        fast: &Ran<'_>,
    ) -> Verdict {
        let mut run = || eval::run_watched(reference, params, &mut shadow, &mut { FUEL }, &mut Pace);
        match &fast.left {
            Left::OutOfFuel => Verdict::Unclear,
            Left::Exit { at: fast_at, snap, values } => {
                let Some(snapshot) = trace.snaps.get(*snap) else { return Verdict::Unclear };
                let goal = At { shadow: &fast.shadow, snapshot, values };
                let mut seeker = Seeker {
                    place: self,
                    reference,
                    goal,
                    stands: stands(&snapshot),
                    known: vec![None; reference.snaps.len()],
                    found: false,
                    nearest: None,
                };
                let left = eval::run_watched(reference, params, &mut shadow, &mut { FUEL }, &mut seeker);
                if let (false, Left::Exit { snap, values, .. }) = (seeker.found, &left) {
                    seeker.look(&shadow, *snap, values);
                }
                let nearest = seeker.nearest.take();
                match (left, nearest) {
                    _ if seeker.found => Verdict::Same,
                    // Both have come to their ends.
                    (Left::Exit { at: None, snap, .. }, Some((_, what)))
                        if fast_at.is_none() && seeker.stands_at(snap) =>
                    {
                        Verdict::Differs(what)
                    }
                    (Left::Exit { at, .. }, _) if !shadow.is_enough() && may_stay(reference, at) => Verdict::Unclear,
                    // Types are asked for earlier where what was there before is not written over at once.
                    (Left::Exit { at, snap, .. }, _)
                        if uop(reference, at) == uop(trace, *fast_at) && !seeker.stands_at(snap) =>
                    {
                        Verdict::Unclear
                    }
                    // It has come to something that cannot be tried.
                    (Left::Stopped { .. }, _) => Verdict::Unclear,
                    // A side trace that joins without the optimizer may loop with it.
                    (Left::Join { .. }, _) => Verdict::Unclear,
                    (Left::Exit { at, .. }, Some((_, what))) => {
                        Verdict::Differs(format!("{what}; the reference leaves with {}", by(reference, at)))
                    }
                    (_, Some((_, what))) => Verdict::Differs(what),
                    (Left::Exit { at, .. }, None) if !shadow.is_enough() => {
                        Verdict::Differs(format!("the reference leaves before, with {}", by(reference, at)))
                    }
                    _ => Verdict::Unclear,
                }
            }
            Left::Stopped { at, values } => match run() {
                Left::Stopped { at: other_at, values: other } => {
                    let function = |shadow: &Shadow<'_>| match shadow.stopped {
                        Some(Stop::Call(function, _)) => Some(function),
                        _ => None,
                    };
                    // Some instructions are done together in one call, which is the recorder's choice.
                    if function(&shadow) != function(&fast.shadow) {
                        return Verdict::Unclear;
                    }
                    if shadow.stopped != fast.shadow.stopped {
                        return Verdict::Differs(format!(
                            "{:x?}, optimized {:x?}",
                            shadow.stopped, fast.shadow.stopped
                        ));
                    }
                    let (one, two) = (snapshot_at(reference, other_at), snapshot_at(trace, *at));
                    let differs = match (one, two) {
                        (Some(one), Some(two)) if stands(&one) == stands(&two) => self.state(
                            At { shadow: &shadow, snapshot: one, values: &other },
                            At { shadow: &fast.shadow, snapshot: two, values },
                        ),
                        _ => self.memory(&shadow, &fast.shadow),
                    };
                    differs.map_or(Verdict::Partly, Verdict::Differs)
                }
                // What a loop takes over it may call for, before it begins.
                Left::Exit { at: Some(other), .. } if is_before(trace, *at) && !is_before(reference, other) => {
                    Verdict::Unclear
                }
                Left::Exit { at, .. } if !may_stay(reference, at) => {
                    Verdict::Differs(format!("the reference leaves before a call, with {}", by(reference, at)))
                }
                _ => Verdict::Unclear,
            },
            Left::Join { values } => match run() {
                Left::Join { values: other } if other.len() == values.len() => {
                    let same = other.iter().zip(values).all(|(one, other)| {
                        one == other || self.thing(&shadow, *one) == self.thing(&fast.shadow, *other)
                    });
                    if same {
                        Verdict::Partly
                    } else {
                        Verdict::Differs(format!("joins with {other:x?}, optimized with {values:x?}"))
                    }
                }
                Left::Exit { at, .. } if !may_stay(reference, at) => Verdict::Differs("leaves, optimized joins".into()),
                // Without the optimizer a side trace may not join, but leave for the loop instead.
                _ => Verdict::Unclear,
            },
        }
    }

    /// What is at an address of an object. For something else than an object that is the address.
    fn thing(&self, shadow: &Shadow<'_>, address: u64) -> Thing {
        let (objects, layout) = (&self.host.objects, &self.host.layout);
        let field = |at: i32| shadow.peek(address.wrapping_add(at as u64));
        match address {
            0 => Thing::Null,
            _ if address == objects.true_ || address == objects.false_ => Thing::Bool(address == objects.true_),
            _ if address & 7 != 0 => Thing::Object(address),
            _ => match field(8) {
                ty if ty == objects.int => {
                    let words = [numbers::TAG as i32, numbers::TAG as i32 + 8].map(field);
                    numbers::number(words).map_or(Thing::Object(address), Thing::Int)
                }
                ty if ty == objects.float => Thing::Float(field(layout.float_value)),
                ty if ty == objects.range_iter => {
                    Thing::Range([layout.range_iter_start, layout.range_iter_step, layout.range_iter_len].map(field))
                }
                _ => Thing::Object(address),
            },
        }
    }

    /// What a slot holds, at this address if it is unchanged; none where that is not to be compared.
    fn slot(&self, at: At<'_>, source: &Source, address: Option<u64>) -> Option<Thing> {
        let bits = |val: &Val| at.values.get(val.index()).copied().unwrap_or(0);
        Some(match source {
            Source::Unchanged => self.thing(at.shadow, at.shadow.peek(address?)),
            Source::Home(val) | Source::Borrowed(val) | Source::Owned(val) => self.thing(at.shadow, bits(val)),
            Source::Null => Thing::Null,
            Source::Int(val, _) => Thing::Int(bits(val) as i64),
            Source::Float(val, _) => Thing::Float(bits(val)),
            Source::Bool(val) => Thing::Bool(bits(val) != 0),
            Source::Const(object) => self.thing(at.shadow, *object),
            Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _) => {
                Thing::Items(items.iter().map(|item| self.slot(at, item, None)).collect::<Option<_>>()?)
            }
            Source::RangeIter(fields, _) => Thing::Range([0, 1, 2].map(|field| bits(&fields[field]))),
            Source::Generator(number) => Thing::Generator(*number),
        })
    }

    /// What is different of two states at exits of the same place.
    fn state(&self, one: At<'_>, other: At<'_>) -> Option<String> {
        let (slow, fast) = (with_fields(one), with_fields(other));
        let (one, other) = (At { shadow: &slow, ..one }, At { shadow: &fast, ..other });
        for (number, (left, right)) in one.snapshot.frames.iter().zip(other.snapshot.frames.iter()).enumerate() {
            let locals = left.locals.iter().zip(right.locals);
            for (slot, (left, right)) in (0..).zip(locals.chain(left.stack.iter().zip(right.stack))) {
                // Only the slots of the entry frame are in memory, unless it is a generator's.
                let address = (number == 0).then_some(self.slots.start + 8 * slot);
                let (Some(expected), Some(got)) = (self.slot(one, left, address), self.slot(other, right, address))
                else {
                    continue;
                };
                // Whether a tuple or a generator exists already is not the point.
                let made = |thing: &Thing| matches!(thing, Thing::Items(_) | Thing::Generator(_));
                if expected != got && made(&expected) == made(&got) {
                    return Some(format!("frame {number} slot {slot} holds {expected:x?}, optimized {got:x?}"));
                }
            }
        }
        self.memory(&slow, &fast)
    }

    /// What is different of what was written, but for slots and for what is dead.
    fn memory(&self, slow: &Shadow<'_>, fast: &Shadow<'_>) -> Option<String> {
        let all: BTreeSet<u64> = slow.written.keys().chain(fast.written.keys()).copied().collect();
        let left_out = |address: &u64| {
            let by = |shadow: &Shadow<'_>| shadow.counts.contains(address) || shadow.is_dead(*address);
            self.slots.contains(address) || is_unreal(*address) || by(slow) || by(fast)
        };
        all.into_iter().filter(|address| !left_out(address)).find_map(|address| {
            let (one, other) = (slow.peek(address), fast.peek(address));
            let same = one == other || self.thing(slow, one) == self.thing(fast, other);
            (!same).then(|| format!("{address:#x} holds {one:#x}, optimized {other:#x}"))
        })
    }
}

/// The state with the fields written that the trace keeps in registers.
fn with_fields<'a>(at: At<'a>) -> Shadow<'a> {
    let mut shadow = at.shadow.again(0);
    for store in at.snapshot.stores {
        let bits = |val: Val| at.values.get(val.index()).copied().unwrap_or(0);
        shadow.store64(bits(store.base).wrapping_add(store.disp as u64), bits(store.value));
    }
    shadow
}

/// Where an instruction would leave to.
fn snapshot_at(trace: &Trace, at: Val) -> Option<Snapshot<'_>> {
    match trace.insts.get(at.index())? {
        Inst::Uop(inst) => trace.snaps.get(inst.snap?),
        _ => None,
    }
}

/// Where a snapshot stands: code, instruction and what comes next, of each frame.
fn stands(snapshot: &Snapshot<'_>) -> Vec<(u32, u32, u32)> {
    snapshot.all_frames().map(|frame| (frame.code.0, frame.offset, frame.after)).collect()
}
