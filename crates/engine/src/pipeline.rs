//! Compiling: from a pass that was observed to an executor that is entered or linked.
//!
//! ```text
//! recording → record (with optimizing) → [stress] → [verify, balance] → allocate → assemble → watch → publish
//! ```
//!
//! Every failure has a reason that the user can read; the location backs off, or the exit stays an exit. Where
//! machine code fails (no memory, trace too large), the trace runs in the trace interpreter.

use crate::callbacks::panic_text;
use crate::executor::{Alive, Executor, Exit, exits};
use crate::invalidate::FUNCTIONS;
use crate::links;
use crate::location::{Location, MAX_SPARING, Never, State, Unroll};
use crate::native;
use crate::observe::{self, Observation, Purpose};
use crate::options::{Mode, Options, Panic, Verify};
use crate::room::FULL;
use crate::state::{Engine, FUNCTION_START};
use crate::stats;
use crate::stress::{force_exit, spoil};
use crate::unrolled::Unrolled;
use crate::worth::{self, Function, Trial};
use decal_cpython::audit;
use decal_cpython::clock;
use decal_cpython::frame::Frame;
use decal_cpython::handlers;
use decal_cpython::observe::Assumption;
use decal_cpython::thread::Thread;
use decal_native::{Code, assemble_behind};
use decal_trace::allocated::{Allocated, ExitIndex, Place};
use decal_trace::balance::balance;
use decal_trace::bytecode::Op;
use decal_trace::event::{Detail, Ending, Recording};
use decal_trace::ir::{End, Inst, Region, Start, Trace, Val};
use decal_trace::record::{self, Abort, AbortReason, Hint, Parent, Recorded};
use decal_trace::regalloc::{Incoming, Registers, allocate_with, label_interface};
use decal_trace::snapshot::Then;
use decal_trace::verify::verify;
use decal_uops::Form;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// A reason to give up on a trace.
enum Failure {
    /// Recording was abandoned.
    Abort(Abort),
    /// It would cost more than it gains.
    NoGain,
    /// Anything later.
    Other(String),
}

/// What compiling takes, by its parts: see [`Counters::nanoseconds`](stats::Counters::nanoseconds).
type Parts = clock::Parts<5>;
const RECORDING: usize = 1;
const ALLOCATING: usize = 2;
const ASSEMBLING: usize = 3;
const PUBLISHING: usize = 4;

/// What is said of [`Failure::NoGain`].
const NO_GAIN: &str = "it would cost more than it gains";

/// What is said where a search for a wrong trace allows no more of them.
const NO_MORE: &str = "DECAL_STRESS=traces:N allows no more traces";

/// Compiles what was observed. The executor's number, where there is one now.
pub fn compile(engine: &mut Engine, mut observation: Box<Observation>) -> Option<usize> {
    let mut parts = Parts::start();
    let result = match observation.purpose.clone() {
        Purpose::Root { offset, function } => root(engine, &mut observation, offset, function, &mut parts),
        Purpose::Side { parent, exit } => side(engine, &mut observation, &parent, exit, &mut parts),
    };
    observe::release(engine, &mut observation);
    if let Some(executor) = result.and_then(|id| engine.executors.get(id)?.as_ref()) {
        // It may be what was too much.
        let root = executor.root;
        engine.make_room(Some(root));
    }
    parts.was(PUBLISHING);
    for (sum, part) in engine.counters.nanoseconds.iter_mut().zip(parts.finish()) {
        *sum += part;
    }
    result
}

/// Does a part of compiling that touches nothing outside: where it panics, which would be a mistake of ours, this one
/// trace is not compiled, and the reason says so.
fn contained<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Failure::Other(format!("internal: {}", panic_text(&*panic)))))
}

fn options(engine: &Engine, alive: &Alive) -> record::Options {
    let (valid, covered) = (alive.valid.as_ptr() as u64, &raw const alive.covered as u64);
    let Options { optimize, max_insts, count, debug, .. } = engine.options;
    // Counting takes instructions of its own, which must not make a trace too long.
    let (count, more) = if count { (Some(stats::counter()), 4) } else { (None, 1) };
    let (max_insts, keep_before) = (max_insts * more, debug >= 2);
    let saved = alive.saved.as_ptr() as u64;
    let (without, rewrites) = engine.suspected();
    let verify = engine.options.verify != Verify::Off;
    let native_calls = engine.options.mode == Mode::Native && engine.memory.is_ok() && !verify;
    record::Options {
        optimize,
        without,
        rewrites,
        wrong: engine.options.stress.wrong,
        reference: verify,
        max_insts,
        unroll: optimize && !engine.options.stress.without_unrolling,
        valid,
        covered,
        keep_before,
        count,
        saved,
        native_calls,
        handlers: handlers::may_be(),
        // Loops, too: a link may lead there from a function that is called natively.
        is_called: native_calls,
        hint: Hint::default(),
    }
}

/// Whether the pass left the loop, and its translation could only find that out once more. What cannot be compiled at all is
/// a better reason, and comes last.
fn was_left(recording: &Recording) -> Option<Failure> {
    let last = recording.events.last()?;
    let left = recording.ending == Ending::Left && !matches!(last.op, Op::Yield { .. } | Op::Unsupported(_));
    left.then_some(Failure::Abort(Abort { reason: AbortReason::LeftLoop, code: last.code, offset: last.offset }))
}

fn root(
    engine: &mut Engine,
    observation: &mut Observation,
    offset: u32,
    function: bool,
    parts: &mut Parts,
) -> Option<usize> {
    let start = if function { Start::Function } else { Start::Loop };
    let started = function.then_some(Function { code: observation.code, by_c: observation.by_c });
    let alive = Alive::new();
    let again = engine.locations.get(&(observation.code as usize, offset)).is_some_and(Location::may_be_left_again);
    let asked = engine.codes.get(&(observation.code as usize)).is_some_and(|state| state.asked);
    // The first pass of a function that calls itself may be a short one, and native calls cost less than entries.
    let recursive = function && engine.code(observation.code).is_some_and(|decoded| decoded.names_itself);
    let wanted = asked || recursive || engine.options.stress.hot;
    let room = engine.make_room(None);
    let recorded = contained(|| {
        if !room {
            return Err(Failure::Other(FULL.into()));
        }
        assert!(engine.options.stress.panic != Some(Panic::Compile), "DECAL_STRESS=panic:compile");
        if !engine.has_traces_left() {
            return Err(Failure::Other(NO_MORE.into()));
        }
        if again && let Some(failure) = was_left(&observation.recording) {
            return Err(failure);
        }
        let recording = &observation.recording;
        if !wanted && worth::is_hopeless(recording, started) {
            return Err(Failure::NoGain);
        }
        let mut options = options(engine, &alive);
        if let Some(location) = engine.locations.get(&(observation.code as usize, offset)) {
            options.hint = location.hint.clone();
        }
        let recorded = record::root(recording, &engine.host, start, &options).map_err(Failure::Abort)?;
        if !wanted && worth::is_pointless(&recorded, recording, started) {
            return Err(Failure::NoGain);
        }
        Ok(recorded)
    });
    parts.was(RECORDING);
    let place = (observation.code as usize, offset);
    let built =
        recorded.and_then(|recorded| build(engine, observation, recorded, &Incoming::default(), None, alive, parts));
    match built {
        Ok(executor) => {
            let id = executor.id;
            engine.counters.roots += 1;
            let end = executor.exits.iter().find(|exit| exit.at.is_none()).map(|exit| exit.saved);
            let (what, saves) = end.map_or(("a turn", executor.turn_saves), |saves| ("up to its end it", saves));
            engine.log(1, || format!("compiled {} as trace {id} ({what} saves some {saves} ns)", name(&executor)));
            executor.cover(&[]);
            let executor = Rc::new(executor);
            if function && executor.native.is_some() {
                engine.door(executor.code).open(&executor);
            }
            engine.admit(&executor);
            engine.executors.push(Some(executor));
            let threshold = engine.threshold(offset);
            let location = engine.locate(place, || Location::new(threshold));
            location.state = State::Compiled(id);
            Some(id)
        }
        Err(failure) => {
            let (reason, line) = describe(engine, observation, &failure);
            let what = if function { "function" } else { "loop" };
            let code = observation.recording.codes.first();
            let at =
                code.map_or(0, |code| if offset == FUNCTION_START { code.first_line() } else { code.line(offset) });
            let file = code.map_or("", |code| code.file.as_str());
            engine.log(1, || format!("{what} at {file}:{at} not compiled: line {line}: {reason}"));
            let strict = engine.codes.get(&(observation.code as usize)).is_some_and(|state| state.strict);
            if strict {
                engine.complaint = Some(format!("{file}:{line}: {reason}"));
            }
            let dice = engine.roll();
            let (threshold, tries) = (engine.threshold(offset), engine.options.max_tries);
            look_for_user(engine, &failure);
            let location = engine.locate(place, || Location::new(threshold));
            match failure {
                Failure::Abort(abort) => {
                    let flat = || observation.recording.events.iter().all(|event| event.depth == 0);
                    if abort.reason == AbortReason::TooLong && flat() {
                        // Without calls it would be as long.
                        location.sparing = MAX_SPARING;
                    }
                    // To see a long pass in vain costs as much as several short ones.
                    if abort.reason == AbortReason::LeftLoop {
                        location.left += (observation.recording.events.len() / 100).min(6) as u32;
                    }
                    location.failed(abort.reason, line, threshold, tries, dice);
                }
                Failure::NoGain => location.withdrawn(threshold, true),
                Failure::Other(why) => location.state = State::Never(Never::Compile(why)),
            }
            None
        }
    }
}

/// Instructions of a root trace and its side traces up to which each new one gives it another trial.
const TRIAL_TREE: usize = 6000;

/// Instructions of a root trace and its side traces.
pub fn tree_size(engine: &Engine, root: &Executor) -> usize {
    let sides = root.sides.borrow();
    let executors = sides.iter().filter_map(|id| engine.executors.get(*id).and_then(Option::as_ref));
    root.recorded.trace.insts.len() + executors.map(|side| side.recorded.trace.insts.len()).sum::<usize>()
}

/// The part of a loop's turns in which an exit is taken often.
const OFTEN: u64 = 64;

fn side(
    engine: &mut Engine,
    observation: &mut Observation,
    parent: &Rc<Executor>,
    exit: ExitIndex,
    parts: &mut Parts,
) -> Option<usize> {
    let root = engine.executors.get(parent.root)?.clone()?;
    if !parent.valid.get() || !root.valid.get() {
        return None;
    }
    let site = parent.exits.get(exit.0 as usize)?;
    let trunk = engine.executors.get(parent.trunk)?.clone()?;
    let loops = root.sides.borrow().iter().filter(|id| engine.loops(**id)).count();
    let from = Parent {
        recorded: &parent.recorded,
        exit: site.at.unwrap_or(Val(parent.recorded.trace.insts.len() as u32)),
        snap: site.snap,
        label: trunk.recorded.label.as_ref().map(|label| (label, trunk.interface.as_slice())),
        trunk: &trunk.recorded.trace,
        is_trunk: parent.id == trunk.id,
        may_loop: loops < engine.options.max_loops,
        often: site.taken.get().saturating_mul(OFTEN) >= root.times_entered() + root.turns.get(),
    };
    let again = site.tries.get() + 1 < engine.options.max_tries;
    let room = engine.make_room(Some(parent.root));
    let recorded = contained(|| {
        if !room {
            return Err(Failure::Other(FULL.into()));
        }
        if !engine.has_traces_left() {
            return Err(Failure::Other(NO_MORE.into()));
        }
        if again && let Some(failure) = was_left(&observation.recording) {
            return Err(failure);
        }
        let mut options = options(engine, &root.alive);
        options.native_calls &= root.native.is_some();
        if let Some(location) = engine.locations.get(&(root.code as usize, root.offset)) {
            options.hint = location.hint.clone();
        }
        record::side(&observation.recording, &engine.host, &from, &options).map_err(Failure::Abort)
    });
    parts.was(RECORDING);
    if let Ok(Recorded { misfit, .. }) = &recorded
        && let Some(location) = engine.locations.get(&(root.code as usize, root.offset))
        && location.may_be_hinted(misfit)
    {
        // A loop that takes less for granted is one that this side trace can join.
        let misfit = misfit.clone();
        engine.log(1, || {
            format!("trace {} is made anew, so that the way on from its exit {} may join it", root.id, exit.0)
        });
        engine.invalidate(root.id);
        if let Some(location) = engine.locations.get_mut(&(root.code as usize, root.offset)) {
            location.hinted(misfit);
        }
        return None;
    }
    let built = recorded.and_then(|recorded| {
        let incoming = incoming(&recorded, parent, exit, &trunk)?;
        build(engine, observation, recorded, &incoming, Some(&trunk), Rc::clone(&root.alive), parts)
    });
    match built {
        Ok(executor) => {
            let id = executor.id;
            engine.counters.sides += 1;
            engine.log(1, || {
                let unjoined: String =
                    executor.recorded.unjoined.iter().map(|why| format!("; it does not join: {why}")).collect();
                let end = match (&executor.recorded.trace.end, &executor.recorded.label) {
                    (End::Join(_), _) => "; it joins",
                    (_, Some(_)) => "; it loops",
                    _ => "",
                };
                format!("compiled the way on from exit {} of trace {} as trace {id}{end}{unjoined}", exit.0, parent.id)
            });
            site.side.set(u32::try_from(id).ok());
            site.countdown.set(0);
            root.sides.borrow_mut().push(id);
            if tree_size(engine, &root) < TRIAL_TREE {
                // Entries so far say nothing of what comes now.
                root.trial.set(Trial::now(engine, &root));
            }
            links::absorb(&root, executor.max_depth.get(), executor.nests.get(), &executor.covers.borrow());
            let executor = Rc::new(executor);
            root.family.borrow_mut().push((executor.first_exit, Rc::clone(&executor)));
            engine.admit(&executor);
            engine.executors.push(Some(executor));
            follow_less(engine, &root);
            Some(id)
        }
        Err(failure) => {
            let (reason, line) = describe(engine, observation, &failure);
            engine.log(1, || format!("exit {} of trace {} not continued: line {line}: {reason}", exit.0, parent.id));
            look_for_user(engine, &failure);
            if observation.loops_in_call && leads_elsewhere(engine, &root, &trunk, site) {
                return None;
            }
            let tries = site.tries.get() + 1;
            site.tries.set(tries);
            // That a pass left the loop was bad luck, and an exit that is taken that often is worth one more.
            let unlucky = matches!(&failure, Failure::Abort(abort) if abort.reason == AbortReason::LeftLoop);
            let again = unlucky || tries < engine.options.max_tries && matches!(failure, Failure::Abort(_));
            let pause = engine.options.exit_threshold.saturating_mul(longer(tries, engine.options.max_tries)).max(8);
            site.countdown.set(if again { pause + engine.roll() % pause } else { 0 });
            *site.used().last.borrow_mut() = Some((reason, line));
            None
        }
    }
}

/// Where a pass ended because a generator's loop yields, the function that goes through the generator is looked at.
fn look_for_user(engine: &mut Engine, failure: &Failure) {
    if matches!(failure, Failure::Abort(Abort { reason: AbortReason::Yields, .. })) {
        // SAFETY: a pass that yields ends in the callback of that instruction.
        unsafe { engine.wants_user(Frame::current(Thread::current())) };
    }
}

/// The part of a loop's turns that lead to a long loop in a call, where that is the one to close.
const ELSEWHERE: u64 = 16;

/// Has a root trace made anew beside which there is a way, taken often, that spends its time in a loop in a call: only a root trace can
/// close that, and the next pass may go that way. Whether it is.
fn leads_elsewhere(engine: &mut Engine, root: &Executor, trunk: &Executor, site: &Exit) -> bool {
    let often = site.taken.get().saturating_mul(ELSEWHERE) >= root.times_entered() + root.turns.get();
    let plain = trunk.id == root.id && root.recorded.label.as_ref().is_some_and(|label| label.depth() == 1);
    let place = (root.code as usize, root.offset);
    if !often || !plain || !engine.locations.get(&place).is_some_and(Location::may_lead_elsewhere) {
        return false;
    }
    engine.log(1, || format!("trace {} is made anew: a loop in a call, on a way beside it, turns more often", root.id));
    engine.invalidate(root.id);
    let dice = engine.roll();
    if let Some(location) = engine.locations.get_mut(&place) {
        location.leads_elsewhere(dice);
    }
    true
}

/// How many times the threshold the pause is after so many failures: longer and longer, and slowly so behind those that all get.
fn longer(tries: u32, max_tries: u32) -> u32 {
    let more = tries.saturating_sub(max_tries);
    8u32.saturating_pow(tries - more).saturating_mul(2u32.saturating_pow(more))
}

/// A recursion that was followed deeper and takes too many ways for that is followed less deep again.
fn follow_less(engine: &mut Engine, root: &Executor) {
    let place = (root.code as usize, root.offset);
    let deep = |location: &Location| location.unroll == Unroll::Long;
    if root.sides.borrow().len() > native::MOST_WAYS && engine.locations.get(&place).is_some_and(deep) {
        engine.log(1, || format!("trace {} is made anew, with its recursion followed less deep", root.id));
        engine.invalidate(root.id);
        if let Some(location) = engine.locations.get_mut(&place) {
            location.unrolled(Unroll::Never);
        }
    }
}

/// What a side trace finds when it starts.
fn incoming(recorded: &Recorded, parent: &Executor, exit: ExitIndex, trunk: &Executor) -> Result<Incoming, Failure> {
    let map = parent.allocated.exits.get(exit);
    let mut params = Vec::with_capacity(recorded.trace.origins.len());
    for origin in &recorded.trace.origins {
        let place = map.and_then(|map| map.place(*origin));
        params.push(place.ok_or_else(|| Failure::Other(format!("value v{} has no place at the exit", origin.0)))?);
    }
    let is_param = |val: &Val| matches!(recorded.trace.insts.get(val.index()), Some(Inst::Param(_)));
    Ok(Incoming {
        params,
        first_spill: parent.allocated.spills.max(trunk.allocated.spills),
        root_label: trunk.allocated.label.clone(),
        keep: recorded.carried.iter().map(|(_, mine)| *mine).filter(is_param).collect(),
    })
}

fn registers(engine: &Engine) -> Registers {
    Registers { seed: engine.options.stress.registers, ..Registers::default() }
}

/// The trace of an executor with its registers, for people. Where it has machine code that is not kept, but worked out again:
/// the same trace gets the same registers.
pub fn with_registers<'e>(engine: &Engine, executor: &'e Executor) -> Cow<'e, Allocated> {
    if executor.native.is_none() {
        return Cow::Borrowed(&executor.allocated);
    }
    let parent = executor.continues.as_ref().and_then(|(parent, exit)| Some((parent.upgrade()?, *exit)));
    let trunk = parent.as_ref().and_then(|(parent, _)| engine.executors.get(parent.trunk)?.as_ref());
    let incoming = match (&parent, trunk) {
        (Some((parent, exit)), Some(trunk)) => incoming(&executor.recorded, parent, *exit, trunk),
        _ => Ok(Incoming::default()),
    };
    let allocated =
        incoming.ok().and_then(|incoming| allocate_with(&executor.recorded.trace, &incoming, &registers(engine)).ok());
    allocated.map_or(Cow::Borrowed(&executor.allocated), Cow::Owned)
}

/// Words for a failure, and the source line. Counts it.
fn describe(engine: &mut Engine, observation: &Observation, failure: &Failure) -> (String, u32) {
    let codes = &observation.recording.codes;
    let (reason, line) = match failure {
        Failure::Abort(abort) => {
            let line = codes.get(abort.code.0 as usize).map_or(0, |code| code.line(abort.offset));
            (abort.reason.to_string(), line)
        }
        Failure::NoGain => {
            let first = observation.recording.events.first().map_or(0, |event| event.offset);
            (NO_GAIN.to_string(), codes.first().map_or(0, |code| code.line(first)))
        }
        Failure::Other(why) => {
            let first = observation.recording.events.first().map_or(0, |event| event.offset);
            (why.clone(), codes.first().map_or(0, |code| code.line(first)))
        }
    };
    *engine.counters.aborts.entry(reason.clone()).or_default() += 1;
    (reason, line)
}

/// From a recorded trace to an executor that nobody knows yet.
fn build(
    engine: &mut Engine,
    observation: &mut Observation,
    mut recorded: Recorded,
    incoming: &Incoming,
    trunk: Option<&Rc<Executor>>,
    alive: Rc<Alive>,
    parts: &mut Parts,
) -> Result<Executor, Failure> {
    let id = engine.executors.len();
    if let Some(before) = &recorded.before {
        engine.log(2, || format!("trace {id} before optimizing\n{before}"));
    }
    engine.log(3, || format!("trace {id}\n{}", recorded.trace));
    if let (Some(_), Some(rule)) = (engine.options.stress.rewrites, recorded.rewrites.last()) {
        let (done, line) = (recorded.rewrites.done(), recorded.last_line);
        engine.log(1, || {
            format!("trace {id} has {done} rewrites, the last on line {line}: {}: {}", rule.name(), rule.doc().trim())
        });
    }
    if let Some(number) = engine.options.stress.guard {
        force_exit(&mut recorded, number, engine.host.objects.exhausted);
    }
    if cfg!(debug_assertions) {
        verify(&recorded.trace).map_err(|error| {
            engine.log(1, || error.show(&recorded.trace));
            Failure::Other(format!("internal: {error}"))
        })?;
        let mut parents = Vec::new();
        let mut next = match &observation.purpose {
            Purpose::Side { parent, .. } => Some(Rc::clone(parent)),
            Purpose::Root { .. } => None,
        };
        while let Some(parent) = next {
            next = parent.continues.as_ref().and_then(|(parent, _)| parent.upgrade());
            parents.push(parent);
        }
        let traces: Vec<&Trace> = parents.iter().map(|parent| &parent.recorded.trace).collect();
        let entry = match &observation.purpose {
            Purpose::Side { parent, exit } => {
                let exit = parent.exits.get(exit.0 as usize);
                exit.and_then(|exit| Some((&traces[..], parent.recorded.trace.snaps.get(exit.snap)?)))
            }
            Purpose::Root { .. } => None,
        };
        balance(&recorded.trace, &engine.host, entry).map_err(|error| {
            engine.log(1, || error.show(&recorded.trace));
            Failure::Other(format!("internal: {error}"))
        })?;
    }
    let before = match &observation.purpose {
        Purpose::Side { parent, exit } => worth::before(parent, *exit),
        Purpose::Root { .. } => 0,
    };
    let weighed = worth::weigh(&recorded, &observation.recording, before);
    let weight = weighed.weight;
    if let Some(trunk) = trunk {
        let saves = if recorded.label.is_some() { weight.turn } else { weight.before - trunk.saved_before };
        worth::set_credit(&mut recorded, saves);
    }
    let registers = registers(engine);
    let mut allocated = contained(|| {
        allocate_with(&recorded.trace, incoming, &registers).map_err(|error| Failure::Other(error.to_string()))
    })?;
    parts.was(ALLOCATING);

    let threshold = engine.options.exit_threshold;
    let mut exits = exits(&recorded, &allocated, threshold, !engine.options.stress.without_raising);
    if let (Some(end), Some(last)) =
        (exits.iter_mut().find(|exit| exit.at.is_none()), observation.recording.events.last())
        && let (Op::ReturnConst(_), Detail::Const(constant)) = (last.op, last.detail)
        && recorded.trace.snaps.get(end.snap).is_some_and(|snap| snap.then == Then::Return)
    {
        end.constant = constant.object;
    }
    worth::weigh_exits(&mut exits, &weighed, &recorded.trace, &observation.recording);
    let first_exit = engine.next_exit;
    let Some(next_exit) = first_exit.checked_add(exits.len() as u32) else {
        return Err(Failure::Other("there are no more numbers for exits".into()));
    };
    parts.was(PUBLISHING);
    // SAFETY: what was observed is kept alive until all is done.
    let sites = unsafe { native::sites(engine, &recorded, &mut allocated, first_exit, &alive) }
        .ok_or_else(|| Failure::Other("a function that cannot be called natively".into()))?;
    if engine.options.mode == Mode::Native && engine.memory.is_ok() {
        let code = recorded.trace.codes.first();
        let (name, file) = code.map_or(("?", "?"), |code| (code.name.as_str(), code.file.as_str()));
        // SAFETY: in a callback, with the GIL held.
        unsafe { audit::allows_code(name, file) }
            .map_err(|why| Failure::Other(format!("an audit hook denies machine code: {why}")))?;
    }
    let continues = match &observation.purpose {
        Purpose::Side { parent, exit } => parent.native.as_ref().map(|code| (code, *exit)),
        Purpose::Root { .. } => None,
    };
    let native = machine_code(engine, &allocated, first_exit, trunk, continues)?;
    if native.is_none() && !sites.is_empty() {
        return Err(Failure::Other("a native call without machine code".into()));
    }
    parts.was(ASSEMBLING);

    let covers = recorded
        .trace
        .covers
        .iter()
        .filter_map(|code| observation.codes.get(code.0 as usize).copied())
        .collect::<Vec<_>>();
    let first = observation.recording.events.first();
    let line = first
        .and_then(|event| observation.recording.codes.get(event.code.0 as usize).map(|code| code.line(event.offset)));
    let offset = match (&observation.purpose, first) {
        (Purpose::Root { offset, .. }, _) => *offset,
        (Purpose::Side { .. }, first) => first.map_or(0, |event| event.offset),
    };
    let calls =
        |inst: &Inst| matches!(inst, Inst::Uop(uop) if uop.region == Region::Any && uop.uop.info().form == Form::Fixed);
    let nests = recorded.max_depth > 0 || recorded.trace.insts.iter().any(calls);
    let keeps = std::mem::take(&mut observation.keeps);
    let unrolled = match &observation.purpose {
        Purpose::Root { .. } => Unrolled::list(engine, observation.short.drain()),
        Purpose::Side { .. } => Vec::new(),
    };
    let mut executor = Executor {
        id,
        root: trunk.map_or(id, |trunk| trunk.root),
        continues: match &observation.purpose {
            Purpose::Side { parent, exit } => Some((Rc::downgrade(parent), *exit)),
            Purpose::Root { .. } => None,
        },
        trunk: trunk.filter(|_| recorded.label.is_none()).map_or(id, |trunk| trunk.id),
        code: observation.code,
        offset,
        line: line.unwrap_or(0),
        interface: label_interface(&recorded.trace),
        allocated,
        native,
        first_exit,
        exits,
        sites,
        names: observation.names,
        covers: RefCell::new(covers),
        max_depth: Cell::new(recorded.max_depth),
        nests: Cell::new(nests),
        keeps: RefCell::new(keeps),
        valid: Cell::new(true),
        alive,
        running: Cell::new(0),
        family: RefCell::new(Vec::new()),
        entries: Cell::new(0),
        called: Cell::new(0),
        called_by_c: Cell::new(0),
        made: Cell::new(0),
        turns: Cell::new(0),
        alike: alike(&observation.purpose),
        led_by: match &observation.purpose {
            Purpose::Side { parent, exit } => parent.check_at(*exit),
            Purpose::Root { .. } => None,
        },
        turn_saves: weight.turn,
        saved_before: weight.before,
        trial: Cell::default(),
        lost: Cell::new(0),
        credited: Cell::new(0),
        sides: RefCell::new(Vec::new()),
        links: RefCell::new(Vec::new()),
        linkers: RefCell::new(Vec::new()),
        unrolled,
        stale: Cell::new(false),
        bytes: Cell::new(0),
        noted: Cell::new(0),
        recorded,
    };
    engine.next_exit = next_exit;
    engine.counters.uops += executor.recorded.trace.insts.len() as u64;
    engine.counters.most_exits = engine.counters.most_exits.max(executor.exits.len() as u64);
    engine.counters.emitted += executor.recorded.emitted as u64;
    for assumption in &observation.assumptions {
        let (address, key) = match assumption {
            Assumption::Dict { dict, key } => (*dict, *key),
            Assumption::Type(ty) => (*ty, 0),
            Assumption::Function(function) => (*function, 0),
            Assumption::Functions(code) => (*code, FUNCTIONS),
        };
        engine.relies(id, address, key);
    }
    for code in executor.covers.borrow().iter() {
        engine.relies(id, *code as u64, 0);
    }
    engine.log(4, || format!("trace {id} with registers\n{}", executor.allocated));
    if engine.options.debug >= 5 || engine.options.perf_map {
        show_code(engine, &executor);
    }
    if executor.native.is_some() {
        executor.allocated.items = Vec::new();
    }
    Ok(executor)
}

/// See [`Executor::alike`].
fn alike(purpose: &Purpose) -> u32 {
    let Purpose::Side { parent, exit } = purpose else { return 0 };
    let before = parent.led_by.filter(|check| Some(*check) == parent.check_at(*exit));
    before.map_or(0, |_| parent.alike + 1)
}

/// Assembles, where machine code is wanted and possible. A side trace of machine code must be machine code, and what it continues
/// leads to it from then on.
fn machine_code(
    engine: &mut Engine,
    allocated: &Allocated,
    first_exit: u32,
    trunk: Option<&Rc<Executor>>,
    continues: Option<(&Code, ExitIndex)>,
) -> Result<Option<Code>, Failure> {
    if engine.options.mode != Mode::Native || trunk.is_some_and(|trunk| trunk.native.is_none()) {
        return Ok(None);
    }
    let Ok(memory) = &mut engine.memory else { return Ok(None) };
    let numbers: Vec<u32> = (0..allocated.exits.len() as u32).map(|index| first_exit + index).collect();
    let label = trunk.and_then(|trunk| trunk.native.as_ref()).and_then(|code| code.label);
    let spoiled = engine.options.stress.wrong_code.then(|| spoil(allocated));
    match assemble_behind(continues, spoiled.as_ref().unwrap_or(allocated), &numbers, label, memory) {
        Ok(code) => Ok(Some(code)),
        Err(error) => {
            *engine.counters.not_native.entry(error.to_string()).or_default() += 1;
            if trunk.is_some() { Err(Failure::Other(error.to_string())) } else { Ok(None) }
        }
    }
}

fn show_code(engine: &Engine, executor: &Executor) {
    let Some(code) = &executor.native else { return };
    if engine.options.perf_map {
        decal_native::perf::add(code, &format!("decal::{}", name(executor)));
    }
    // SAFETY: the code was just assembled.
    engine.log(5, || unsafe { decal_native::disassemble::listing(code, &executor.allocated, &|_| String::new()) });
}

/// Function and line, for messages.
pub fn name(executor: &Executor) -> String {
    let code = executor.recorded.trace.codes.first();
    let (name, file) = code.map_or(("?", "?"), |code| (code.name.as_str(), code.file.as_str()));
    let what = if executor.offset == FUNCTION_START { "function" } else { "loop" };
    format!("{what} in {name} at {file}:{}", executor.line)
}

/// The bits of a value at an exit, from the context that native code left behind.
pub fn bits(place: Place, context: &decal_uops::Context) -> u64 {
    match place {
        Place::Int(register) => context.int_regs.get(register.0 as usize).copied().unwrap_or(0),
        Place::Float(register) => context.float_regs.get(register.0 as usize).map_or(0, |value| value.to_bits()),
        Place::Spill(slot) => context.spills.get(slot as usize).copied().unwrap_or(0),
        Place::Const(bits) => bits,
    }
}
