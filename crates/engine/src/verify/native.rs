//! Checked execution of machine code: what runs is what the traces say.
//!
//! A root trace runs in the trace interpreter, on a [`Shadow`], with its side traces and joins, up to an exit that none of them continues or
//! to the first call that cannot be tried. Then its machine code runs on the same state, in a copy of the process
//! ([`decal_native::trial`]), as far. All has to be the same there: the exit, each value that the exit needs, in its register or spill
//! slot; or the call, its arguments, and the values behind it that are in place already. And each word of memory that was written,
//! reference counts and turns included. New objects are compared by what they are.
//!
//! A loop is sent out after some turns, in both runs at the same place: where it asks for the eval breaker it finds a part of the word that
//! counts its turns, which changes then.
//!
//! A copy takes some hundred microseconds, so that each trace is checked a few times only. Where the copy does not end in time
//! (see there) no more are made. What the code writes besides what it should is not seen unless the run had read it.

use super::{Live, context, report, setting};
use crate::enter::Site;
use crate::executor::Executor;
use crate::interpret::{Ended, interpret};
use crate::machine;
use crate::pipeline::bits;
use crate::state::Engine;
use decal_native::enter::prepare;
use decal_native::trial::{Seen, Trial, try_out};
use decal_trace::allocated::{ExitIndex, Place};
use decal_trace::eval::compare::FUEL;
use decal_trace::eval::numbers;
use decal_trace::eval::shadow::{Pace, Shadow, Stop, is_real, is_unreal};
use decal_trace::host::Host;
use decal_trace::ir::{Inst, Val};
use decal_uops::Class;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Turns of a loop that are tried, one time after the other. Many at first, since the loop runs as it is from then on; and odd numbers: what one
/// turn gets wrong the next one may get right again.
const TURNS: [u64; 4] = [201, 3, 48, 1];
/// The lowest byte of the number of turns is not a part of the word that stands for the eval breaker.
const ROUND: u64 = 256;
/// How often each trace is checked.
const TIMES: u32 = 10;

/// What was tried so far.
#[derive(Debug, Default)]
pub struct Tried {
    /// How often each executor ran in a trial.
    times: FxHashMap<usize, u32>,
    /// A trial did not end, or was denied: there are no more.
    over: bool,
    /// The same of those that end at a call.
    calls_over: bool,
}

/// Something to look at behind the run.
struct Probe {
    at: At,
    /// What the shadow has there.
    expected: u64,
    /// What a number is, for which any of those that are no numbers may stand.
    is_float: bool,
    /// In words.
    name: String,
}

/// Where to look.
enum At {
    /// A word of memory.
    Memory(u64),
    /// A value of the exit.
    Place(Place),
    /// An argument of the call.
    Argument(usize),
}

/// Words for each: its own, and of the object that it leads to type and content.
const WORDS: usize = 4;

/// Whether machine code does what its traces do, as far as that can be tried here.
pub fn agrees(engine: &mut Engine, site: &Site, root: &Rc<Executor>) -> bool {
    let Some(code) = &root.native else { return true };
    // A side trace that is new has all its turns, also where the loop was checked before.
    let least = root.all().iter().map(|executor| engine.tried.times(executor)).min().unwrap_or(TIMES);
    if engine.tried.over || least >= TIMES {
        return true;
    }
    let turns = TURNS[least as usize % TURNS.len()];
    let host = engine.host.clone();
    let mut context = context(site);
    prepare(&mut context);
    context.iterations = ROUND - turns;
    context.breaker = &raw const context.iterations as u64 + 1;
    context.breaker_quiet = machine::load(context.breaker);

    let live = Live::default();
    let mut shadow = Shadow::new(&host, &live, setting(&context)).again(turns);
    let mut passed: Vec<Rc<Executor>> = Vec::new();
    let meets = |executor: &Rc<Executor>| {
        if !passed.iter().any(|known| Rc::ptr_eq(known, executor)) {
            passed.push(Rc::clone(executor));
        }
    };
    let ended = interpret(root, &mut shadow, &mut { FUEL }, &mut Pace, meets);
    if !passed.iter().any(|executor| engine.tried.has_times_left(executor)) {
        return true;
    }
    let Some(goal) = Goal::new(ended, &shadow) else { return true };
    if goal.call.is_some() && engine.tried.calls_over {
        return true;
    }
    let reads = live.reads.take();
    let probes = goal.probes(&shadow, &reads);
    let look = |seen: &Seen, words: &mut [u64]| {
        if goal.is_reached(seen) {
            probes.iter().zip(words.chunks_exact_mut(WORDS)).for_each(|(probe, words)| probe.look(seen, words));
        }
    };
    // SAFETY: as where it is entered, and up to there the run before made no call but of functions that compute or make a number.
    let trial =
        unsafe { try_out(&mut context, code.address, goal.call.map(|call| call.0), WORDS * probes.len(), look) };
    let newest = passed.iter().rev().find(|executor| engine.tried.times(executor) == 0).unwrap_or(&goal.last);
    let culprit = Rc::clone(newest);
    passed.iter().for_each(|executor| engine.tried.count(executor));
    let what = match trial {
        Trial::Done(seen, words) if goal.is_reached(&seen) => {
            let mut all = probes.iter().zip(words.chunks_exact(WORDS));
            all.find_map(|(probe, words)| probe.difference(&host, &shadow, words))
        }
        Trial::Done(seen, _) => {
            let got = match root.find_exit(seen.context.exit) {
                _ if seen.called => "calls a function".into(),
                Some((other, index)) => format!("leaves with {}", by(&other, index)),
                None => "leaves nowhere".into(),
            };
            Some(format!("it {got}, and not {goal}"))
        }
        Trial::Died(signal) => Some(format!("the process that tried it was killed by signal {signal}")),
        Trial::Hung | Trial::Denied(_) => {
            let (rest, over) = match (&trial, goal.call) {
                (Trial::Denied(_), Some(_)) => (" up to calls", &mut engine.tried.calls_over),
                _ => ("", &mut engine.tried.over),
            };
            *over = true;
            engine.log(1, || format!("machine code is not checked any more{rest}: {trial:?}"));
            return true;
        }
    };
    let Some(what) = what else {
        engine.counters.verified_code[usize::from(goal.call.is_some())] += 1;
        return true;
    };
    engine.counters.verified[3] += 1;
    let text = report::of_code(engine, &culprit, &what, &passed, &reads);
    let why = format!("the machine code of trace {} differs from the trace: {what}", culprit.id);
    report::retire(engine, root, culprit.id, &why, &text);
    false
}

impl Tried {
    fn times(&self, executor: &Executor) -> u32 {
        self.times.get(&executor.id).copied().unwrap_or(0)
    }

    fn has_times_left(&self, executor: &Executor) -> bool {
        self.times(executor) < TIMES
    }

    fn count(&mut self, executor: &Executor) {
        *self.times.entry(executor.id).or_default() += 1;
    }
}

/// An exit, in words.
fn by(executor: &Executor, index: usize) -> String {
    let at = executor.exits.get(index).and_then(|exit| exit.at);
    let uop = match at.and_then(|at| executor.recorded.trace.insts.get(at.index())) {
        Some(Inst::Uop(inst)) => at.map_or(String::new(), |at| format!("{at}: {}", inst.uop.name())),
        _ => "its end".into(),
    };
    format!("exit {index} of trace {}, {uop}", executor.id)
}

/// Where a run has ended.
struct Goal {
    last: Rc<Executor>,
    /// The exit, also that of the instruction that would call, where it has one.
    index: Option<usize>,
    /// What would be called: function and arguments.
    call: Option<(u64, [u64; 4])>,
    /// The instruction that would call.
    at: Option<Val>,
    values: Vec<u64>,
}

/// Integer registers that last through calls.
const LASTING: u8 = 3;

impl Goal {
    fn new(ended: Ended, shadow: &Shadow<'_>) -> Option<Goal> {
        match (ended, shadow.stopped) {
            (Ended::Exit(last, index, values), _) => {
                Some(Goal { last, index: Some(index), call: None, at: None, values })
            }
            // Where it would be called before, nobody could say which call it is.
            (Ended::Stopped(last, at, values), Some(Stop::Call(function, arguments)))
                if is_real(function) && !shadow.called.contains(&function) =>
            {
                let snap = match last.recorded.trace.insts.get(at.index())? {
                    Inst::Uop(inst) => inst.snap,
                    _ => None,
                };
                let index = snap.and_then(|snap| Some(last.exit_of(Some(at), snap)?.0 as usize));
                Some(Goal { last, index, call: Some((function, arguments)), at: Some(at), values })
            }
            _ => None,
        }
    }

    fn is_reached(&self, seen: &Seen) -> bool {
        let exit = || self.index.map(|index| u64::from(self.last.first_exit) + index as u64);
        if self.call.is_some() { seen.called } else { !seen.called && Some(seen.context.exit) == exit() }
    }

    /// All that has to be the same there.
    fn probes(&self, shadow: &Shadow<'_>, reads: &BTreeMap<u64, u64>) -> Vec<Probe> {
        let trace = &self.last.recorded.trace;
        let map = self.index.and_then(|index| self.last.allocated.exits.get(ExitIndex(index as u32)));
        let places = map.into_iter().flat_map(|map| map.places());
        let of_exit = places.filter_map(|(val, place)| {
            let (class, expected) = (trace.class(val)?, self.values.get(val.index()).copied()?);
            // Constants are nowhere in the machine, and an address may be within an object that exists nowhere.
            let in_place = match place {
                Place::Const(_) => false,
                Place::Spill(_) => Some(val) != self.at,
                Place::Int(register) => self.call.is_none() || register.0 < LASTING && Some(val) != self.at,
                Place::Float(_) => self.call.is_none(),
            };
            let compared = in_place && (class != Class::Raw || !is_unreal(expected));
            let name = format!("{val} in {place}");
            compared.then_some(Probe { at: At::Place(place), expected, is_float: class == Class::Float, name })
        });
        let arguments = self.call.map_or([0; 4], |(_, arguments)| arguments).into_iter().enumerate();
        // Those that are zero may be none.
        let arguments = arguments.filter(|(_, expected)| *expected != 0).map(|(number, expected)| {
            let name = format!("argument {number} of the call");
            Probe { at: At::Argument(number), expected, is_float: false, name }
        });
        let compared = |address: &u64| {
            let passed = self.call.is_some() && shadow.is_argument(*address);
            is_real(*address) && (passed || !shadow.is_context(*address)) && !shadow.is_dead(*address)
        };
        let mut addresses: Vec<u64> = shadow.written.keys().copied().filter(compared).collect();
        if shadow.dead.is_empty() {
            // Nothing else has changed, unless memory was freed and taken again.
            let is_read = |address: &u64| !shadow.written.contains_key(address) && !shadow.is_context(*address);
            addresses.extend(reads.keys().copied().filter(is_read));
        }
        addresses.sort_unstable();
        let memory = addresses.into_iter().map(|address| {
            let expected = shadow.peek(address);
            Probe { at: At::Memory(address), expected, is_float: false, name: format!("memory at {address:#x}") }
        });
        of_exit.chain(arguments).chain(memory).collect()
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.call, self.at) {
            (Some((function, _)), Some(at)) => write!(f, "the call of {function:#x} at {at}"),
            _ => write!(f, "with {}", by(&self.last, self.index.unwrap_or(0))),
        }
    }
}

impl Probe {
    /// In the copy of the process: fills in what is there.
    fn look(&self, seen: &Seen, words: &mut [u64]) {
        let [own, content @ ..] = words else { return };
        *own = match self.at {
            At::Memory(address) => machine::load(address),
            At::Place(place) => bits(place, &seen.context),
            At::Argument(number) => seen.arguments.get(number).copied().unwrap_or(0),
        };
        if is_unreal(self.expected) && is_real(*own) && *own & 7 == 0 {
            content.iter_mut().zip((*own + 8..).step_by(8)).for_each(|(word, at)| *word = machine::load(at));
        }
    }

    /// What is different, in words.
    fn difference(&self, host: &Host, shadow: &Shadow<'_>, words: &[u64]) -> Option<String> {
        let [own, ty, first, second] = *words else { return None };
        let same = if is_unreal(self.expected) {
            let field = |at: u64| shadow.peek(self.expected + at);
            let number = |words: [u64; 2]| numbers::number(words);
            match field(8) {
                known if known != ty => false,
                ty if ty == host.objects.float => same_float(field(16), first),
                _ => number([field(16), field(24)]) == number([first, second]),
            }
        } else {
            own == self.expected || self.is_float && same_float(own, self.expected) || same_nan(own, self.expected)
        };
        let got = if is_unreal(self.expected) {
            format!("{own:#x} {ty:#x} {first:#x} {second:#x}")
        } else {
            format!("{own:#x}")
        };
        let expected = match self.expected {
            known if is_unreal(known) => [8, 16, 24].map(|at| format!(" {:#x}", shadow.peek(known + at))).concat(),
            known => format!(" {known:#x}"),
        };
        (!same).then(|| format!("{} holds {got}, and not{expected}", self.name))
    }
}

/// Which of those that are no numbers comes out of two depends on the order of operands, which is up to the register allocator.
fn same_float(one: u64, other: u64) -> bool {
    one == other || f64::from_bits(one).is_nan() && f64::from_bits(other).is_nan()
}

/// The same in a word of which nobody says what it is: those that arithmetic gives.
fn same_nan(one: u64, other: u64) -> bool {
    let is_nan = |word: u64| matches!(word >> 48, 0x7ff8 | 0xfff8);
    is_nan(one) && is_nan(other)
}
