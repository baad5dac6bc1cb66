//! Recording: from what was observed to a trace.
//!
//! A pure function from events to instructions. The recorder keeps a picture of Python's state in
//! terms of values ([`state`]), and takes the events one by one: each instruction becomes uops with
//! the guards that make them valid, and a snapshot of the state at its start, to which every exit of
//! the instruction goes back. An instruction that it does not know ends the recording with a reason.
//!
//! A loop is recorded twice from the same events. The first pass starts from the frame in memory and checks
//! everything; then comes the label, where every number that a local holds becomes a phi; the second pass is the
//! loop's body, in which the emitter finds most checks already done. LuaJIT and PyPy peel loops in the
//! same way by copying instructions; translating again is simpler here because the second pass may choose other
//! uops (a local that is a number by then needs neither type check nor unboxing).
//!
//! Order within an instruction, which everything relies on: all exits, then allocations, then stores and
//! drops, none of which can leave the trace.

mod abort;
mod arguments;
mod arrays;
mod attributes;
mod bound_methods;
mod build;
mod by_code;
mod calls;
mod carried_instances;
mod chars;
mod consts;
mod consume;
mod containers;
mod delegation;
mod dicts;
mod enter;
mod fit;
mod frames;
mod functions;
mod general;
mod generators;
mod instances;
mod instruction;
mod iteration;
mod keywords;
mod label;
mod leaf;
mod lists;
mod locals;
mod matching;
mod moved;
mod named;
mod names;
mod native;
mod numbers;
mod partials;
mod pictured;
mod raising;
mod realize;
mod renew;
mod run;
mod side;
mod snapshots;
mod special;
mod state;
mod strings;
mod suspended;
mod virtual_instances;
mod virtual_lists;
mod visible;
mod written;

pub use abort::{Abort, AbortReason};
pub use label::LabelState;
use label::{Carries, Slot};
pub use side::{Parent, may_refuse};
use state::Items;
pub use state::{FrameState, IterState, Local, Own, Sym};

use crate::bytecode::Op;
use crate::event::{CodeId, Ending, Event, Operand, Raised, Recording, Resumed};
use crate::host::Host;
use crate::ir::{End, Regions, Start, Trace, Val};
use crate::opt::Part;
use crate::opt::emit::Emitter;
use crate::opt::rewrites::{Allowed, Rewrites, Rule};
use crate::snapshot::{Returns, SnapId, Then};
use pictured::Pictured;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use written::{Places, Wrote};

/// Frames that a trace may have, the entry frame included.
pub const MAX_DEPTH: usize = 12;

/// Turns before the loop beyond the first, at most.
const MAX_PEELED: usize = 2;

/// How often a loop is recorded anew because what it carries changed its kind.
const ATTEMPTS: usize = 6;

type Step<T> = Result<T, AbortReason>;

/// What kept a side trace from joining its trunk's label, though it may change from one entry of the loop to the next: when the
/// trunk is recorded again, its loop takes none of this for granted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Hint {
    slots: BTreeSet<Slot>,
    regions: Regions,
}

impl Hint {
    /// Whether it says nothing that the other does not.
    pub fn is_within(&self, other: &Hint) -> bool {
        self.slots.is_subset(&other.slots) && self.regions.is_subset(other.regions)
    }

    /// Adds what another one says.
    pub fn extend(&mut self, other: Hint) {
        self.slots.extend(other.slots);
        self.regions = self.regions.or(other.regions);
    }
}

/// How to record.
#[derive(Clone, Debug)]
pub struct Options {
    /// For a root trace: what earlier ones should not have taken for granted.
    pub hint: Hint,
    /// Whether the emitter folds, numbers and forwards, and loops get their own pass.
    pub optimize: bool,
    /// The part of that which is left out all the same.
    pub without: Option<Part>,
    /// How often something may be rewritten.
    pub rewrites: u32,
    /// Whether a wrong rule is among those that the optimizer has, as tests want it.
    pub wrong: bool,
    /// Whether it is recorded without the optimizer, too.
    pub reference: bool,
    /// Instructions that a trace may have.
    pub max_insts: usize,
    /// Whether the body of a short loop may hold several turns.
    pub unroll: bool,
    /// Address of 32 bits that are 1 as long as the trace is valid; 0 where nobody asks.
    pub valid: u64,
    /// Address of the list of code objects that the trace and its side traces run.
    pub covered: u64,
    /// Whether the trace is kept as it was before the passes over the whole trace, too.
    pub keep_before: bool,
    /// Address of a `float` that every instruction adds one to when it is done, for statistics.
    pub count: Option<u64>,
    /// Address of a number to which side traces that come back to a loop add what that saves, which is filled in later; 0 where nobody
    /// asks.
    pub saved: u64,
    /// Whether calls may be native: the trace will be machine code.
    pub native_calls: bool,
    /// Whether signals may have handlers in Python, which would run in the midst of functions that look after them.
    pub handlers: bool,
    /// Whether the trace may run in a native call, so that the frames have to be made where somebody could look at them.
    pub is_called: bool,
}

impl Options {
    fn allowed(&self) -> Allowed {
        let Options { optimize, without, rewrites, wrong, .. } = *self;
        Allowed { optimize, without, limit: rewrites, wrong }
    }
}

impl Default for Options {
    fn default() -> Options {
        let hint = Hint::default();
        Options {
            hint,
            optimize: true,
            without: None,
            rewrites: u32::MAX,
            wrong: false,
            reference: false,
            max_insts: 4000,
            unroll: false,
            valid: 0,
            covered: 0,
            keep_before: false,
            count: None,
            saved: 0,
            native_calls: false,
            handlers: false,
            is_called: false,
        }
    }
}

/// A trace, and what side traces need to know of it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The trace.
    pub trace: Trace,
    /// What its label expects, where it loops.
    pub label: Option<LabelState>,
    /// For side traces: values of the root's label interface, and where this trace has them.
    pub carried: Vec<(Val, Val)>,
    /// What was written in memory since the trunk was left, each time from the instruction on that comes first.
    pub(crate) wrote: Vec<(Val, Wrote)>,
    /// For side traces that did not join: what would have to be different.
    pub misfit: Hint,
    /// The same in words, for people who work on decal.
    pub unjoined: Vec<String>,
    /// Constants that snapshots name, by their addresses in order.
    pub consts: Vec<Operand>,
    /// Instructions that are general operations, and why no fast form fitted.
    pub general: Vec<(CodeId, u32, AbortReason)>,
    /// Events of the recording that it has taken in.
    pub events: usize,
    /// Turns of the loop that its body holds.
    pub turns: u32,
    /// The constant that says what a side trace's way round the loop saves, 0 so far: see [`Options::saved`].
    pub credit: Option<Val>,
    /// Calls within calls, at most.
    pub max_depth: u32,
    /// Whether it calls functions that look after signals, which must have no handlers in Python.
    pub attends: bool,
    /// Instructions of the trace before the passes over the whole trace.
    pub emitted: usize,
    /// What was rewritten in it.
    pub rewrites: Rewrites,
    /// The same recorded without the optimizer, for who wants to compare.
    pub reference: Option<Box<Trace>>,
    /// The source line of what was rewritten last, where their number was limited.
    pub last_line: u32,
    /// The trace before those passes, for people who asked for it.
    pub before: Option<Box<Trace>>,
}

impl Recorded {
    /// Bytes in use, but for the trace before its passes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.trace.insts[..])
            + self.trace.snaps.bytes()
            + size_of_val(&self.trace.codes[..])
            + size_of_val(&self.trace.origins[..])
            + size_of_val(&self.consts[..])
            + size_of_val(&self.carried[..])
            + size_of_val(&self.wrote[..])
            + size_of_val(&self.general[..])
            + self.label.as_ref().map_or(0, LabelState::bytes)
    }
}

/// The recorder of one trace.
pub(crate) struct Recorder<'a> {
    rec: &'a Recording,
    host: &'a Host,
    options: &'a Options,
    e: Emitter,
    frames: Vec<Pictured>,
    /// Frames of generators that are suspended.
    suspended: Vec<Pictured>,
    /// What [`Recorder::find_named`] gave for the last snapshot.
    named: Vec<Val>,
    /// What it gave before that, for its memory.
    named_before: Vec<Val>,
    /// The items of tuples that were not made to which the trace held a reference in the last snapshot.
    owned: Items,
    /// The same before that, for its memory.
    owned_before: Items,
    /// How often either was another one than in the snapshot before: since when they are as they are now.
    named_since: u32,
    /// How generators were resumed last, by their numbers, and what their locals held.
    met: Vec<(u32, Resumed, Vec<Operand>)>,
    /// What is to be dropped with other things: what is left of generators that were not made.
    shells: Vec<Val>,
    /// Values among those that may be null.
    nullable: BTreeSet<Val>,
    /// A generator was to end of which memory does not say how it stands, or whose end runs code.
    unsettled: bool,
    /// What `min` or `max` was seen to have.
    best: Operand,
    iters: Vec<IterState>,
    next_box: u32,
    /// Locals of frames that exist which were written in memory.
    written: Places,
    /// What the traces between the trunk and this one have written.
    inherited: Wrote,
    /// See [`Recorded::wrote`].
    wrote: Vec<(Val, Wrote)>,
    /// What this trace itself had written when that was noted last.
    noted: Wrote,
    /// Slots that hold something else in each turn: locals of the entry frame are put into memory at its end, slots of calls
    /// are carried as objects.
    varying: BTreeSet<Slot>,
    unproved: Unproved,
    /// Whether the label leaves generators to their objects: the body makes those that it takes over.
    leaves_generators: bool,
    /// Those of the parent.
    consts: Vec<Operand>,
    snap: SnapId,
    /// The snapshot of the instruction at hand was not taken yet: its offset.
    unsnapped: Option<u32>,
    raise_snap: Option<SnapId>,
    /// See [`Recorded::general`].
    performed: Vec<(CodeId, u32, AbortReason)>,
    /// Instructions whose fast form is known to fail, of all attempts.
    unsure: Unsure,
    /// The instruction at hand is translated in its general form: its fast form has failed at the exit that led here.
    general: bool,
    /// The instruction at hand was seen to raise an exception, which is handled there.
    raised: Option<Raised>,
    /// An instruction that gets no fast form: that was refused at the exit that led here.
    refused: Option<(CodeId, u32)>,
    /// For a side trace that is taken often: it does not join where numbers would have to go into memory in each turn, and
    /// whether it did not because of that.
    keeps_numbers: bool,
    refused_numbers: bool,
    /// The index of the event at hand.
    event: usize,
    /// The exits of a store into a local were emitted beforehand.
    prepared: bool,
    /// See [`Recorded::misfit`].
    misfit: Hint,
    /// See [`Recorded::unjoined`].
    unjoined: Vec<String>,
    /// Names that were checked to be of one object.
    same: Vec<(Val, Val)>,
    /// See [`Recorded::events`].
    events: usize,
    /// See [`Recorded::turns`].
    turns: u32,
    /// See [`Recorded::credit`].
    credit: Option<Val>,
    /// A local got a number that another local held as an object.
    moved: bool,
    max_depth: u32,
    /// How many instructions there were when it was last asked whether somebody wants the interpreter's attention; none before that
    /// in a side trace, which begins anywhere.
    quiet_at: Option<usize>,
    /// See [`Recorded::attends`].
    attends: bool,
    /// Where the innermost frame goes on behind the call that is under way in it, in the snapshot that is about to be taken.
    behind: Option<u32>,
    at: (CodeId, u32),
    /// How often something had been rewritten when that was asked last, and the line of it: see [`Recorded::last_line`].
    rewritten: u32,
    last_line: u32,
}

/// Instructions that may need their general form.
type Unsure = Rc<RefCell<BTreeSet<(CodeId, u32)>>>;

/// Why one attempt failed: for good, because these slots vary, because what was promised of these phis was not kept, or because a
/// generator that the label had taken over was made in the body.
enum Failure {
    Abort(AbortReason),
    Varying(BTreeSet<Slot>),
    Unproved(Vec<Carries>),
    Made,
}

/// What a label does not promise, since the loop's end could not keep it in an attempt before.
#[derive(Clone, Default)]
struct Unproved {
    phis: Vec<Carries>,
    /// Nothing at all.
    all: bool,
}

impl Unproved {
    /// Adds phis. Where they are no news they have another name each time.
    fn extend(&mut self, phis: Vec<Carries>) {
        self.all = self.phis.len() > 4 || phis.iter().all(|phi| self.phis.contains(phi));
        self.phis.extend(phis);
    }
}

impl From<AbortReason> for Failure {
    fn from(reason: AbortReason) -> Failure {
        Failure::Abort(reason)
    }
}

/// Records a root trace: a loop whose head is the first event, or a function from its start.
///
/// # Errors
/// [`Abort`] names the reason and the instruction.
pub fn root(rec: &Recording, host: &Host, start: Start, options: &Options) -> Result<Recorded, Abort> {
    with_reference(options, |options| root_once(rec, host, start, options))
}

/// Records, and then once more without the optimizer where that is asked for.
fn with_reference(options: &Options, record: impl Fn(&Options) -> Result<Recorded, Abort>) -> Result<Recorded, Abort> {
    let mut recorded = record(options)?;
    if options.reference {
        let plain = Options { optimize: false, keep_before: false, count: None, ..options.clone() };
        // Two that join the loop in different turns have different values for it, and both may be right.
        let comparable = |plain: &Recorded| {
            let join = [plain, &recorded].map(|one| matches!(one.trace.end, End::Join(_)));
            join != [true, true] || plain.events == recorded.events
        };
        recorded.reference = record(&plain).ok().filter(comparable).map(|plain| Box::new(plain.trace));
    }
    Ok(recorded)
}

fn root_once(rec: &Recording, host: &Host, start: Start, options: &Options) -> Result<Recorded, Abort> {
    let first = rec.events.first().ok_or(Abort { reason: AbortReason::Empty, code: CodeId(0), offset: 0 })?;
    let here = Abort { reason: AbortReason::Unstable("locals"), code: first.code, offset: first.offset };
    // Turns of an outer loop come back with another iterator, and perhaps with a new list to be filled.
    let stack = 0..if rec.nested && options.optimize { rec.stack } else { 0 };
    let mut varying = options.hint.slots.clone();
    varying.extend(stack.map(|slot| (0, true, slot)));
    let (unsure, mut unproved) = (Unsure::default(), Unproved::default());
    let mut leaves_generators = false;
    let mut attempts = 0;
    while attempts < ATTEMPTS {
        let mut recorder = Recorder::new(rec, host, options, first);
        recorder.unsure = Rc::clone(&unsure);
        recorder.varying = varying.clone();
        recorder.unproved = unproved.clone();
        recorder.leaves_generators = leaves_generators;
        recorder.enter_root(first.code, rec.stack);
        match recorder.record_root(first.offset) {
            Ok((end, label)) => return Ok(recorder.finish_trace(start, end, label, Vec::new())),
            // Each time with one more instruction of the recording.
            Err(Failure::Abort(AbortReason::Again)) => continue,
            Err(Failure::Abort(reason)) => {
                let (code, offset) = recorder.at;
                return Err(Abort { reason, code, offset });
            }
            Err(Failure::Unproved(phis)) if !unproved.all => unproved.extend(phis),
            Err(Failure::Made) if !leaves_generators => leaves_generators = true,
            Err(Failure::Unproved(_) | Failure::Made) => break,
            Err(Failure::Varying(slots)) => {
                attempts += 1;
                let before = varying.len();
                varying.extend(slots);
                if varying.len() == before {
                    break;
                }
            }
        }
    }
    Err(here)
}

/// Records a side trace: what followed an exit of `parent`.
///
/// # Errors
/// [`Abort`] names the reason and the instruction.
pub fn side(rec: &Recording, host: &Host, parent: &Parent<'_>, options: &Options) -> Result<Recorded, Abort> {
    with_reference(options, |options| side_once(rec, host, parent, options))
}

fn side_once(rec: &Recording, host: &Host, parent: &Parent<'_>, options: &Options) -> Result<Recorded, Abort> {
    let first = rec.events.first().ok_or(Abort { reason: AbortReason::Empty, code: CodeId(0), offset: 0 })?;
    let (mut failed, mut misfit, mut unjoined) = (None, Hint::default(), Vec::new());
    let unsure = Unsure::default();
    let mut refused = false;
    let ways = [Way::JoinFirst, Way::JoinSecond, Way::Loop];
    let first_ways = ways.into_iter().filter(|_| parent.often && parent.may_loop).map(|way| (way, true));
    for (way, keeps_numbers) in first_ways.chain(ways.into_iter().chain([Way::Leave]).map(|way| (way, false))) {
        let again = parent.often && parent.may_loop && !keeps_numbers;
        let joins = matches!(way, Way::JoinFirst | Way::JoinSecond);
        if way == Way::Loop && keeps_numbers && !refused || joins && again && !refused {
            continue;
        }
        let (mut varying, mut unproved) = (BTreeSet::new(), Unproved::default());
        let mut leaves_generators = false;
        let mut attempts = 0;
        while attempts < ATTEMPTS {
            let mut recorder = Recorder::new(rec, host, options, first);
            recorder.unsure = Rc::clone(&unsure);
            recorder.varying = varying.clone();
            recorder.unproved = unproved.clone();
            recorder.leaves_generators = leaves_generators;
            recorder.keeps_numbers = keeps_numbers;
            recorder.refused = parent.was_refused().then_some((first.code, first.offset));
            let result = recorder.enter_side(parent).map_err(Failure::Abort).and_then(|carried| {
                recorder.general = parent.failed_fast_form();
                let end = recorder.record_side(parent, &carried, way)?;
                Ok((end, carried))
            });
            refused |= recorder.refused_numbers;
            misfit.extend(std::mem::take(&mut recorder.misfit));
            unjoined.append(&mut recorder.unjoined);
            match result {
                Ok((Some((end, label)), carried)) => {
                    let carried = if label.is_some() { Vec::new() } else { carried };
                    let joined = matches!(end, End::Join(_));
                    let recorded = recorder.finish_trace(Start::Exit, end, label, carried);
                    let misfit = if joined || keeps_numbers { Hint::default() } else { misfit };
                    unjoined.dedup();
                    if joined {
                        unjoined.clear();
                    }
                    return Ok(Recorded { misfit, unjoined, ..recorded });
                }
                Ok((None, _)) => break,
                Err(Failure::Abort(AbortReason::Again)) => continue,
                Err(Failure::Unproved(phis)) if !unproved.all => unproved.extend(phis),
                Err(Failure::Made) if !leaves_generators => leaves_generators = true,
                Err(Failure::Varying(slots)) if !slots.is_subset(&varying) => {
                    attempts += 1;
                    varying.extend(slots);
                }
                Err(failure) => {
                    let reason = match failure {
                        Failure::Abort(reason) => reason,
                        Failure::Varying(_) | Failure::Unproved(_) | Failure::Made => AbortReason::Unstable("locals"),
                    };
                    let (code, offset) = recorder.at;
                    failed = Some(Abort { reason, code, offset });
                    break;
                }
            }
        }
    }
    Err(failed.unwrap_or(Abort { reason: AbortReason::Exit, code: first.code, offset: first.offset }))
}

/// How a side trace may end, in the order of preference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// At its trunk's label, where it comes there first.
    JoinFirst,
    /// At its trunk's label, one turn later: what is a constant when the loop begins is a number by then.
    JoinSecond,
    /// At a label of its own: the trunk's loop expects other types.
    Loop,
    /// Through an exit.
    Leave,
}

/// An instruction that cannot be translated is a better reason than what came of it, so this is asked after translating.
fn ended_well(rec: &Recording) -> Step<()> {
    match rec.ending {
        Ending::Head(_) | Ending::Turn | Ending::Returned => Ok(()),
        Ending::TooLong => Err(AbortReason::TooLong),
        Ending::Left => Err(AbortReason::LeftLoop),
    }
}

impl<'a> Recorder<'a> {
    fn new(rec: &'a Recording, host: &'a Host, options: &'a Options, first: &Event) -> Recorder<'a> {
        Recorder {
            rec,
            host,
            options,
            e: Emitter::with_room(options.allowed(), rec.events.len()),
            frames: Vec::new(),
            suspended: Vec::new(),
            named: Vec::new(),
            named_before: Vec::new(),
            owned: Items::default(),
            owned_before: Items::default(),
            named_since: 0,
            met: Vec::new(),
            shells: Vec::new(),
            nullable: BTreeSet::new(),
            unsettled: false,
            best: Operand::NULL,
            iters: Vec::new(),
            next_box: 0,
            written: Places::default(),
            inherited: Wrote::default(),
            wrote: Vec::new(),
            noted: Wrote::default(),
            varying: BTreeSet::new(),
            unproved: Unproved::default(),
            leaves_generators: false,
            consts: Vec::new(),
            snap: SnapId(0),
            unsnapped: None,
            performed: Vec::new(),
            unsure: Unsure::default(),
            raise_snap: None,
            general: false,
            raised: None,
            refused: None,
            keeps_numbers: false,
            refused_numbers: false,
            event: 0,
            prepared: false,
            misfit: Hint::default(),
            unjoined: Vec::new(),
            same: Vec::new(),
            events: 0,
            turns: 1,
            credit: None,
            moved: false,
            max_depth: 0,
            behind: None,
            quiet_at: Some(0),
            attends: false,
            at: (first.code, first.offset),
            rewritten: 0,
            last_line: 0,
        }
    }

    /// The entry frame: everything is in memory.
    fn enter_root(&mut self, code: CodeId, stack: u32) {
        let locals = self.rec.codes.get(code.0 as usize).map_or(0, |code| code.locals);
        let frame = FrameState {
            code,
            function: 0,
            real: None,
            held: false,
            filled: false,
            generator: None,
            locals: vec![Local::of(Sym::Unchanged); locals as usize],
            stack: vec![Sym::Unchanged; stack as usize],
            call: (0, 0),
            returns: Returns::Value,
        };
        self.frames.push(frame.into());
    }

    fn record_root(&mut self, head: u32) -> Result<(End, Option<LabelState>), Failure> {
        let (turn, head) = match (self.rec.ending, self.rec.arrival) {
            (Ending::Turn, Some(arrival)) => (arrival as usize, self.offset_of(arrival)?),
            _ => (0, head),
        };
        self.e.set_peeling(matches!(self.rec.ending, Ending::Turn) || self.rec.ending == Ending::Head(head));
        self.run(0, turn)?;
        self.run(turn, usize::MAX)?;
        ended_well(self.rec)?;
        match self.rec.ending {
            Ending::Head(at) if at != head => Ok((self.leave_to(at, Then::Enter)?, None)),
            Ending::Head(_) | Ending::Turn => {
                self.settle_numbers(turn)?;
                let mut label = self.begin_loop(head)?;
                self.run_body(turn)?;
                let args = self.close_loop(&label)?;
                self.settle_label(&mut label);
                Ok((End::Loop(args), Some(label)))
            }
            _ => Ok((self.leave_at_return()?, None)),
        }
    }

    /// More turns before the loop, while numbers move on from local to local as objects: in `a, b = b, a + b` the first turn
    /// gives `a` the object that `b` had, the second one a number that was made in the trace, as in all later ones.
    fn settle_numbers(&mut self, turn: usize) -> Step<()> {
        for _ in 0..MAX_PEELED {
            if !std::mem::take(&mut self.moved) || !self.options.optimize {
                break;
            }
            self.run(turn, usize::MAX)?;
        }
        Ok(())
    }

    /// Whether the loop with this arrival was left and begun again on the way. The next time would be left in the same
    /// way, and so one more loop for each would have no end.
    fn begins_anew(&self, arrival: u32) -> bool {
        let depth = self.rec.events.get(arrival as usize).map(|event| event.depth);
        let way = self.rec.events.iter().take(arrival as usize);
        way.into_iter().any(|event| event.op == Op::GetIter && Some(event.depth) == depth)
    }

    /// The event at which the entry frame stands at the head of a compiled loop, before the end of the recording.
    fn last_head(&self, arrival: Option<u32>) -> Option<u32> {
        let outermost = |event: &u32| self.rec.events.get(*event as usize).is_some_and(|event| event.depth == 0);
        arrival.filter(outermost).or(self.rec.around)
    }

    fn offset_of(&self, event: u32) -> Step<u32> {
        let event = self.rec.events.get(event as usize);
        event.map(|event| event.offset).ok_or(AbortReason::Inconsistent("arrival"))
    }

    /// Records a side trace in this way; none where its state does not fit the label at the place that `way` says.
    fn record_side(
        &mut self,
        parent: &Parent<'_>,
        carried: &[(Val, Val)],
        way: Way,
    ) -> Result<Option<(End, Option<LabelState>)>, Failure> {
        let joined = |args: Option<Vec<Val>>| Ok(args.map(|args| (End::Join(args), None)));
        match (way, self.rec.arrival) {
            (Way::JoinFirst, Some(arrival)) => {
                self.run(0, arrival as usize)?;
                let head = self.offset_of(arrival)?;
                // Where it begins at the head, what failed there would be asked again at once.
                joined(self.join(parent, carried, head, arrival > 0)?)
            }
            (Way::JoinSecond, Some(arrival)) if self.rec.ending == Ending::Turn => {
                self.run(0, usize::MAX)?;
                let head = self.offset_of(arrival)?;
                joined(self.join(parent, carried, head, true)?)
            }
            (Way::Loop, Some(arrival))
                if self.rec.ending == Ending::Turn && parent.may_loop && self.options.optimize =>
            {
                let head = self.offset_of(arrival)?;
                if self.begins_anew(arrival) {
                    return Ok(None);
                }
                self.e.set_peeling(true);
                self.run(0, usize::MAX)?;
                self.settle_numbers(arrival as usize)?;
                let mut label = self.begin_loop(head)?;
                self.run_body(arrival as usize)?;
                let args = self.close_loop(&label)?;
                self.credit();
                self.settle_label(&mut label);
                Ok(Some((End::Loop(args), Some(label))))
            }
            (Way::Leave, arrival) if let Some(last) = self.last_head(arrival) => {
                self.run(0, last as usize)?;
                let head = self.offset_of(last)?;
                Ok(Some((self.leave_to(head, Then::Enter)?, None)))
            }
            (Way::Leave, _) => {
                self.run(0, usize::MAX)?;
                ended_well(self.rec)?;
                match self.rec.ending {
                    Ending::Head(at) => Ok(Some((self.leave_to(at, Then::Enter)?, None))),
                    _ => Ok(Some((self.leave_at_return()?, None))),
                }
            }
            _ => Ok(None),
        }
    }

    /// Ends the trace: the entry frame goes on at `offset`.
    fn leave_to(&mut self, offset: u32, then: Then) -> Step<End> {
        if self.frames.len() != 1 {
            return Err(AbortReason::Unstable("the trace ends inside of a call"));
        }
        if then == Then::Enter {
            self.put_into_memory(offset)?;
        }
        Ok(End::Exit(self.build_snapshot(offset, then)))
    }

    /// Ends the trace at the entry frame's return, which CPython runs.
    fn leave_at_return(&mut self) -> Step<End> {
        let last = self.rec.events.last().ok_or(AbortReason::Empty)?;
        self.settle_instances_at(last.offset, &[])?;
        // Whoever called the trace takes an object as it is; what an exit would have to make first takes the long way.
        if last.op == Op::Return
            && let (Some(seen), Sym::Tuple(..) | Sym::Float(..)) = (last.operands.first(), self.peek(1)?)
        {
            self.snap = self.build_snapshot(last.offset, Then::Resume);
            self.raise_snap = None;
            self.realize(1, *seen)?;
        }
        self.leave_to(last.offset, Then::Return)
    }

    fn finish_trace(mut self, start: Start, end: End, label: Option<LabelState>, carried: Vec<(Val, Val)>) -> Recorded {
        let emitted = self.e.len();
        let mut covered = vec![false; self.rec.codes.len()];
        for event in &self.rec.events {
            if let Some(covered) = covered.get_mut(event.code.0 as usize) {
                *covered = true;
            }
        }
        let covers = (0..).zip(covered).filter(|(_, covered)| *covered).map(|(code, _)| CodeId(code)).collect();
        let max_depth = self.max_depth;
        let general = std::mem::take(&mut self.performed);
        let mut wrote = std::mem::take(&mut self.wrote);
        let removes = self.e.allows(Rule::Unused);
        let rewrites = self.e.rewrites().clone();
        let (insts, snaps, origins, first_phi) =
            std::mem::replace(&mut self.e, Emitter::new(Allowed::NOTHING)).into_parts();
        let mut trace =
            Trace { start, codes: self.rec.codes.clone(), insts, label: first_phi, end, snaps, origins, covers };
        let (mut label, mut carried, mut credit) = (label, carried, self.credit);
        let before = (self.options.optimize && self.options.keep_before).then(|| Box::new(trace.clone()));
        if removes {
            for pass in crate::opt::PASSES {
                let count = trace.insts.len();
                let (next, map) = (pass.run)(trace);
                trace = next;
                let renumber = |val: Val| map.get(val.index()).copied().flatten();
                label = label.map(|label| label.renumbered(&renumber));
                credit = credit.and_then(renumber);
                for (from, _) in &mut wrote {
                    *from = (from.index()..count).find_map(|old| renumber(Val(old as u32))).unwrap_or(Val(u32::MAX));
                }
                carried = carried.into_iter().filter_map(|(root, mine)| Some((root, renumber(mine)?))).collect();
            }
        }
        let consts = self.named_consts(&trace);
        Recorded {
            misfit: Hint::default(),
            unjoined: Vec::new(),
            general,
            events: self.events,
            turns: self.turns,
            credit,
            trace,
            label,
            carried,
            wrote,
            consts,
            max_depth,
            attends: self.attends,
            emitted,
            rewrites,
            reference: None,
            last_line: self.last_line,
            before,
        }
    }
}
