//! Executors: compiled traces with everything that running and leaving them needs.

use crate::brief::{Brief, Slots};
use crate::links::Link;
use crate::native::CallSite;
use crate::plan::Plan;
use crate::unrolled::Unrolled;
use crate::worth::Trial;
use decal_cpython::PyObject;
use decal_cpython::monitoring::CodeList;
use decal_native::Code;
use decal_trace::allocated::{Allocated, ExitIndex, Item};
use decal_trace::ir::{Inst, Region, Val};
use decal_trace::record::{Recorded, may_refuse};
use decal_trace::snapshot::{SnapId, Then};
use decal_uops::Uop;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

/// An exit of an executor.
#[derive(Debug)]
pub struct Exit {
    /// The instruction that leaves; none at the trace's end.
    pub at: Option<Val>,
    /// The state to rebuild.
    pub snap: SnapId,
    /// What is only known of exits that are taken, which most never are.
    used: OnceCell<Box<Used>>,
    /// Times taken.
    pub taken: Cell<u64>,
    /// The constant that the entry frame returns there, for an instruction that returns one; else 0.
    pub constant: u64,
    /// Whether it leaves where somebody wants the interpreter's attention, at a place where the interpreter serves it.
    pub attends: bool,
    /// Whether a general operation has raised an exception there: a trace may go on in its handler.
    pub raises: bool,
    /// Whether it leaves behind a native call, because of an exit of the callee.
    pub calls: bool,
    /// What CPython would have spent between the start of the root trace and here, in nanoseconds.
    pub saved: i32,
    /// Turns that the loop's body has made there since they were counted last: of a body that holds several.
    pub turns: u32,
    /// Times until a side trace is tried; 0: no more.
    pub countdown: Cell<u32>,
    /// Tries so far.
    pub tries: Cell<u32>,
    /// The side trace that continues it.
    pub side: Cell<Option<u32>>,
}

/// What is known of an exit that was taken.
#[derive(Debug, Default)]
pub struct Used {
    /// How to rebuild its state.
    pub plan: OnceCell<Option<Plan>>,
    /// The same where the frame returns and nobody can look at its locals.
    pub returning: OnceCell<Option<Plan>>,
    /// And in short.
    pub brief: OnceCell<Brief>,
    /// The plan in short, where it only fills slots of the entry frame.
    pub slots: OnceCell<Option<Slots>>,
    /// Times that it was taken by an exception, behind which no trace goes on.
    pub raised: Cell<u64>,
    /// Why the last try to continue it failed, and on which line.
    pub last: RefCell<Option<(String, u32)>>,
}

impl Exit {
    /// See [`Used`].
    pub fn used(&self) -> &Used {
        self.used.get_or_init(Box::default)
    }

    /// How to leave in short, once it is known.
    pub fn slots(&self) -> Option<&Slots> {
        self.used.get()?.slots.get()?.as_ref()
    }

    /// Times taken that a side trace could have continued.
    pub fn continuable(&self) -> u64 {
        self.taken.get() - self.used.get().map_or(0, |used| used.raised.get())
    }

    /// Why the last try to continue it failed, and on which line.
    pub fn last_failure(&self) -> Option<(String, u32)> {
        self.used.get()?.last.borrow().clone()
    }
}

/// What the machine code of a root trace and its side traces asks after Python code ran.
#[derive(Debug)]
pub struct Alive {
    /// 1 while the root trace is valid.
    pub valid: Cell<u32>,
    /// The code objects that they run: as the root's `covers`.
    pub covered: CodeList,
    /// The turns that side traces make of the root trace's loop, and what they have saved: see [`crate::worth`].
    pub saved: Cell<i64>,
}

impl Alive {
    /// For a new root trace.
    pub fn new() -> Rc<Alive> {
        Rc::new(Alive { valid: Cell::new(1), covered: CodeList::default(), saved: Cell::new(0) })
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Executor {
    /// Its number.
    pub id: usize,
    /// The number of its root trace's executor; its own for a root.
    pub root: usize,
    /// Code object in whose frame it runs.
    pub code: *mut PyObject,
    /// Where it starts.
    pub offset: u32,
    /// Source line of that.
    pub line: u32,
    /// The trace.
    pub recorded: Recorded,
    /// The exit that it continues.
    pub continues: Option<(Weak<Executor>, ExitIndex)>,
    /// Number of the trace whose label its side traces join: the nearest that loops on the way to the root, or the root.
    pub trunk: usize,
    /// Its label's interface; nothing where it does not loop.
    pub interface: Vec<Val>,
    /// The trace with registers; its code only where it has no machine code (see [`crate::pipeline::with_registers`]).
    pub allocated: Allocated,
    /// Its machine code, where it has any.
    pub native: Option<Code>,
    /// Number of its first exit in the engine's row of all exits.
    pub first_exit: u32,
    /// Its exits.
    pub exits: Vec<Exit>,
    /// Its native calls: machine code has their addresses.
    #[expect(clippy::vec_box, reason = "see above")]
    pub sites: Vec<Box<CallSite>>,
    /// Globals and builtins of the frame it was recorded in.
    pub names: (u64, u64),
    /// Code objects whose instructions it runs.
    /// (roots: those of their side traces too).
    pub covers: RefCell<Vec<*mut PyObject>>,
    /// Calls within calls, at most (roots: in their side traces too).
    pub max_depth: Cell<u32>,
    /// Whether it takes native stack: it calls what may run Python code, or its exits run frames of inlined calls (roots:
    /// in their side traces too).
    pub nests: Cell<bool>,
    /// Builtins that it names: references of its own.
    pub keeps: RefCell<Vec<*mut PyObject>>,
    /// Whether it may be entered.
    pub valid: Cell<bool>,
    /// Shared by a root trace and its side traces.
    pub alive: Rc<Alive>,
    /// How many times it is under way (roots): Python code that it called may make it invalid, and then it is freed
    /// only when the last one has left.
    pub running: Cell<u32>,
    /// The side traces themselves (roots), so that one that is under way finds them whatever happens to the engine; with the numbers of
    /// their first exits, so that looking for one stays in one place of memory.
    pub family: RefCell<Vec<(u32, Rc<Executor>)>>,
    /// Times entered by events, or from other traces (roots).
    pub entries: Cell<u64>,
    /// Times entered by calls (roots): see [`crate::entrance`].
    pub called: Cell<u64>,
    /// How many of these calls came from functions in C.
    pub called_by_c: Cell<u64>,
    /// Times that such a call's frame had to be made.
    pub made: Cell<u64>,
    /// Turns of its loop (roots, side traces included).
    pub turns: Cell<u64>,
    /// Side traces: how many exits in a row led here that were the same check of the same instruction.
    pub alike: u32,
    /// The last one of them: see [`Executor::check_at`].
    pub led_by: Option<(Uop, u64, u32)>,
    /// What a turn of its loop saves, in nanoseconds.
    pub turn_saves: i32,
    /// What has been saved where its label is reached for the first time.
    pub saved_before: i32,
    /// When it was last asked whether entering pays.
    pub trial: Cell<Trial>,
    /// Nanoseconds that it has saved by what is in the account (roots).
    pub credited: Cell<i64>,
    /// Nanoseconds that entering it has lost, by estimate (roots).
    pub lost: Cell<i64>,
    /// Side traces (roots).
    pub sides: RefCell<Vec<usize>>,
    /// Ends, its own and those of its side traces, that jump into other root traces (roots).
    pub links: RefCell<Vec<Link>>,
    /// Root traces with such ends that lead here (roots).
    pub linkers: RefCell<Vec<Weak<Executor>>>,
    /// Loops in calls whose turns it has followed one by one, since they were short (roots).
    pub unrolled: Vec<Unrolled>,
    /// Whether something that links lead to is invalid by now (roots).
    pub stale: Cell<bool>,
    /// Bytes of code and metadata, as they were counted: see [`crate::room`].
    pub bytes: Cell<usize>,
    /// How often it had been entered when room was made last (roots).
    pub noted: Cell<u64>,
}

/// How much later than other exits a trace's end is looked at.
pub const END_PATIENCE: u32 = 8;

/// The exits of an allocated trace, in order. Where exceptions are compiled (`raising`) those that an operation leaves by raising are
/// continued.
pub fn exits(recorded: &Recorded, allocated: &Allocated, threshold: u32, raising: bool) -> Vec<Exit> {
    let mut exits: Vec<Exit> = allocated
        .exits
        .iter()
        .map(|map| Exit {
            at: None,
            snap: map.snap,
            used: OnceCell::new(),
            taken: Cell::new(0),
            constant: 0,
            attends: false,
            raises: false,
            calls: false,
            saved: 0,
            turns: 0,
            countdown: Cell::new(threshold),
            tries: Cell::new(0),
            side: Cell::new(None),
        })
        .collect();
    for item in &allocated.items {
        if let Item::Op(op) = item
            && let (Some(exit), Some(val)) = (op.exit, op.source)
            && let Some(exit) = exits.get_mut(exit.0 as usize)
        {
            exit.at = Some(val);
            exit.attends = op.uop == Uop::guard_quiet;
            exit.calls = op.uop == Uop::call_native;
        }
    }
    for exit in &mut exits {
        let snapshot = recorded.trace.snaps.get(exit.snap);
        if exit.at.is_none() && snapshot.is_some_and(|snapshot| snapshot.then == Then::Enter) {
            // The trace's end leads to the head of a loop that had a trace of its own then; it may lose it.
            exit.countdown.set(threshold.saturating_mul(END_PATIENCE));
            continue;
        }
        exit.raises = exit.at.is_some_and(|val| match recorded.trace.insts.get(val.index()) {
            Some(Inst::Uop(inst)) => {
                let asks = matches!(inst.uop, Uop::guard_is_not | Uop::guard_ge_int);
                raising && asks && snapshot.is_some_and(|snapshot| snapshot.then == Then::Raise)
            }
            _ => false,
        });
        // An exit that is any other end, or raises in another way, is never continued.
        let raises = !exit.raises
            && exit.at.is_some_and(|val| match recorded.trace.insts.get(val.index()) {
                Some(Inst::Uop(inst)) if may_refuse(inst.uop) => false,
                Some(Inst::Uop(inst)) => {
                    inst.uop.info().effects.raises
                        || matches!(inst.uop, Uop::guard_quiet | Uop::guard_idle)
                        || inst.region == Region::Any
                        || snapshot.is_some_and(|snapshot| snapshot.then == Then::Raise)
                }
                _ => true,
            });
        if exit.at.is_none() || raises {
            exit.countdown.set(0);
        }
    }
    exits
}

/// Checks of one instruction that side traces continue one behind the other. As many types or values may come there; where
/// more do, each new trace would most likely only ask the same again.
pub const MAX_ALIKE: u32 = 8;

/// Entries after which it is known how long a loop runs, and turns from which on it is not a short one.
pub const KNOWN: u64 = 20;
/// See above.
pub const SHORT: u64 = 4;

impl Executor {
    /// Whether its loop is left after a few turns as a rule. (Roots.)
    pub fn is_short(&self) -> bool {
        let (entries, turns) = (self.times_entered(), self.turns.get());
        entries >= KNOWN && turns < entries.saturating_mul(SHORT)
    }

    /// What leaves at an exit, and where: uop, code object, offset.
    pub fn check_at(&self, index: ExitIndex) -> Option<(Uop, u64, u32)> {
        let exit = self.exits.get(index.0 as usize)?;
        let trace = &self.recorded.trace;
        let Some(Inst::Uop(inst)) = trace.insts.get(exit.at?.index()) else { return None };
        let frame = trace.snaps.get(exit.snap)?.frames.last()?;
        Some((inst.uop, trace.codes.get(frame.code.0 as usize)?.object, frame.offset))
    }

    /// Notes code objects that a root trace's side trace runs. Whether there is one among them that is new. (Roots.)
    pub fn cover(&self, codes: &[*mut PyObject]) -> bool {
        let mut covers = self.covers.borrow_mut();
        let before = covers.len();
        for code in codes {
            if !covers.contains(code) {
                covers.push(*code);
            }
        }
        // SAFETY: the list is changed here only.
        unsafe { self.alive.covered.set(&covers) };
        covers.len() > before
    }

    /// How to rebuild Python's state at an exit.
    pub fn plan(&self, index: usize) -> Option<&Plan> {
        let (exit, map) = (self.exits.get(index)?, self.allocated.exits.get(ExitIndex(index as u32))?);
        let snapshot = self.recorded.trace.snaps.get(exit.snap)?;
        exit.used().plan.get_or_init(|| Plan::new(&snapshot, map)).as_ref()
    }

    /// The same for an exit at which the entry frame returns, unseen.
    pub fn plan_of_return(&self, index: usize) -> Option<&Plan> {
        let (exit, map) = (self.exits.get(index)?, self.allocated.exits.get(ExitIndex(index as u32))?);
        let snapshot = self.recorded.trace.snaps.get(exit.snap)?;
        exit.used().returning.get_or_init(|| Plan::returning(&snapshot, map)).as_ref()
    }

    /// The exit of an instruction, for the trace interpreter.
    pub fn exit_of(&self, at: Option<Val>, snap: SnapId) -> Option<ExitIndex> {
        self.exits.iter().position(|exit| exit.at == at && exit.snap == snap).map(|index| ExitIndex(index as u32))
    }

    /// Gives its references back, once it is out of use.
    pub fn release_keeps(&self) {
        for object in self.keeps.borrow_mut().drain(..) {
            // SAFETY: references of its own, and the GIL is held whenever the engine works.
            unsafe { decal_cpython::objects::decref(object) };
        }
    }

    /// Gives back what a root trace and its side traces have, once they are out of use.
    pub fn let_go(&self) {
        let family = std::mem::take(&mut *self.family.borrow_mut());
        self.links.borrow_mut().clear();
        family.iter().for_each(|(_, side)| side.release_keeps());
        self.release_keeps();
    }

    /// The executor with this number among a root trace and its side traces.
    pub fn member(self: &Rc<Self>, id: usize) -> Option<Rc<Executor>> {
        if self.id == id {
            return Some(Rc::clone(self));
        }
        self.family.borrow().iter().map(|(_, side)| side).find(|side| side.id == id).cloned()
    }

    /// A root trace and its side traces.
    pub fn all(self: &Rc<Self>) -> Vec<Rc<Executor>> {
        let family = self.family.borrow();
        std::iter::once(self).chain(family.iter().map(|(_, side)| side)).cloned().collect()
    }

    /// The executor with this exit among a root trace and its side traces, and the exit's index there.
    pub fn find_exit(self: &Rc<Self>, number: u64) -> Option<(Rc<Executor>, usize)> {
        let index = |executor: &Executor| {
            let index = number.checked_sub(u64::from(executor.first_exit))? as usize;
            (index < executor.exits.len()).then_some(index)
        };
        if let Some(index) = index(self) {
            return Some((Rc::clone(self), index));
        }
        // Their exits were numbered in the order in which they joined the family.
        let family = self.family.borrow();
        let at = family.partition_point(|(first, _)| u64::from(*first) <= number).checked_sub(1)?;
        let (_, side) = family.get(at)?;
        Some((Rc::clone(side), index(side)?))
    }

    /// Whether it or one of its side traces calls natively. (Roots.)
    pub fn calls_natively(&self) -> bool {
        !self.sites.is_empty() || self.family.borrow().iter().any(|(_, side)| !side.sites.is_empty())
    }

    /// Times entered, all in all.
    pub fn times_entered(&self) -> u64 {
        self.entries.get() + self.called.get()
    }

    /// Whether it is a root trace.
    pub fn is_root(&self) -> bool {
        self.root == self.id
    }

    /// Bytes of everything but machine code and what exits that are taken have, without the allocator's own.
    pub fn metadata_bytes(&self) -> usize {
        size_of::<Executor>()
            + self.recorded.bytes()
            + self.allocated.exits.bytes()
            + size_of_val(&self.allocated.items[..])
            + size_of_val(&self.allocated.label[..])
            + size_of_val(&self.exits[..])
            + size_of_val(&self.interface[..])
            + self.native.as_ref().map_or(0, |native| size_of_val(&native.jumps[..]))
    }
}
