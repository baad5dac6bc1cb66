//! What decal did, in numbers.

use crate::location::State;
use crate::options::Verify;
use crate::state::Engine;
use decal_trace::ir::Inst;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// The instructions that traces ran, as the bits of a `float`, with `DECAL_COUNT=1`. Traces add to it by themselves.
static INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);

/// The address of that number.
pub fn counter() -> u64 {
    INSTRUCTIONS.as_ptr() as u64
}

/// Counters that only go up.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Passes observed.
    pub observed: u64,
    /// Events of those.
    pub events: u64,
    /// Recordings abandoned, by reason.
    pub aborts: BTreeMap<String, u64>,
    /// Root traces compiled.
    pub roots: u64,
    /// Side traces compiled.
    pub sides: u64,
    /// Uops compiled.
    pub uops: u64,
    /// Instructions emitted before dead code was removed.
    pub emitted: u64,
    /// Exits of the trace that has most of them.
    pub most_exits: u64,
    /// Nanoseconds for observing, recording, allocating, assembling, and all else that a new trace takes.
    pub nanoseconds: [u64; 5],
    /// Traces entered.
    pub entries: u64,
    /// Calls of hooked functions that did not fit their traces.
    pub calls_declined: u64,
    /// Entries refused by the checks before entering.
    pub refused: u64,
    /// Turns of loops in traces.
    pub turns: u64,
    /// Nanoseconds that traces saved, by estimate.
    pub saved: u64,
    /// Nanoseconds lost by entries that did not pay, by estimate.
    pub lost: u64,
    /// Backward jumps counted in CPython.
    pub jumps: u64,
    /// Uops run by the trace interpreter.
    pub interpreted: u64,
    /// Ends of traces that jump into other root traces.
    pub links: u64,
    /// Executors invalidated.
    pub invalidated: u64,
    /// Root traces withdrawn because they did not pay.
    pub withdrawn: u64,
    /// Root traces that were freed to make room for others.
    pub freed: u64,
    /// With `DECAL_VERIFY`: traces that were checked up to an exit, up to a call or a join, that could not be compared, that differ.
    pub verified: [u64; 4],
    /// With `DECAL_VERIFY`: runs of machine code that did what their traces do, up to an exit, up to a call.
    pub verified_code: [u64; 2],
    /// Traces that run in the trace interpreter because machine code failed, by reason.
    pub not_native: BTreeMap<String, u64>,
}

/// An exit, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitReport {
    /// The uop that leaves, or what the trace's end does.
    pub reason: String,
    /// File and line of the instruction that goes on.
    pub place: String,
    /// Times taken.
    pub taken: u64,
    /// Whether a side trace continues it.
    pub continued: bool,
}

/// A name and a number.
pub type Entry = (String, u64);

/// All numbers, in order.
pub fn entries(engine: &Engine) -> Vec<Entry> {
    let c = &engine.counters;
    let mut list: Vec<Entry> = Vec::new();
    let mut add = |name: &str, value: u64| list.push((name.to_string(), value));
    add("traces", c.roots + c.sides);
    add("root_traces", c.roots);
    add("side_traces", c.sides);
    add("observed", c.observed);
    add("events", c.events);
    add("entries", c.entries);
    add("entries_refused", c.refused);
    let roots = || engine.executors.iter().flatten().filter(|executor| executor.is_root());
    add("calls", roots().map(|root| root.called.get()).sum());
    add("calls_declined", c.calls_declined);
    add("calls_made", roots().map(|root| root.made.get()).sum());
    let live = || engine.executors.iter().flatten();
    let turns: u64 = c.turns;
    add("iterations_native", turns);
    add("iterations_cpython", c.jumps);
    if engine.options.count {
        add("instructions_native", f64::from_bits(INSTRUCTIONS.load(Ordering::Relaxed)) as u64);
    }
    add("uops_compiled", c.uops);
    add("uops_emitted", c.emitted);
    add("uops_interpreted", c.interpreted);
    add("most_exits", c.most_exits);
    add("code_bytes", live().filter_map(|executor| executor.native.as_ref()).map(|code| code.size as u64).sum());
    add("metadata_bytes", live().map(|executor| executor.metadata_bytes() as u64).sum());
    add("compile_ns", c.nanoseconds.iter().sum());
    for (name, value) in
        ["observe_ns", "record_ns", "allocate_ns", "assemble_ns", "publish_ns"].iter().zip(c.nanoseconds)
    {
        add(name, value);
    }
    add("links", c.links);
    add("invalidated", c.invalidated);
    add("withdrawn", c.withdrawn);
    add("freed_for_room", c.freed);
    if engine.options.verify != Verify::Off {
        for (name, value) in ["verified", "verified_partly", "not_comparable", "differing"].iter().zip(c.verified) {
            add(name, value);
        }
        add("verified_code", c.verified_code[0]);
        add("verified_code_partly", c.verified_code[1]);
    }
    add("memory_bytes", engine.in_use as u64);
    add("saved_ns", c.saved);
    add("lost_ns", c.lost);
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for location in engine.locations.values() {
        let state = match location.state {
            State::Counting(_) if location.tries > 0 => "backed_off",
            State::Counting(_) => "counting",
            State::Seldom(_) => "seldom",
            State::Observing => "observing",
            State::Waiting(_) => "waiting",
            State::Compiled(_) => "compiled",
            State::Never(_) => "never",
        };
        *states.entry(state).or_default() += 1;
    }
    for (state, count) in states {
        add(&format!("locations_{state}"), count);
    }
    for (reason, count) in &c.aborts {
        add(&format!("abort: {reason}"), *count);
    }
    for (reason, count) in &c.not_native {
        add(&format!("not native: {reason}"), *count);
    }
    let mut taken: BTreeMap<String, u64> = BTreeMap::new();
    for exit in exits(engine) {
        *taken.entry(format!("exit: {} at {}", exit.reason, exit.place)).or_default() += exit.taken;
    }
    for (name, count) in taken {
        add(&name, count);
    }
    list
}

/// All exits that were taken.
pub fn exits(engine: &Engine) -> Vec<ExitReport> {
    let mut list = Vec::new();
    for executor in engine.executors.iter().flatten() {
        let trace = &executor.recorded.trace;
        for exit in &executor.exits {
            if exit.taken.get() == 0 {
                continue;
            }
            let reason = match exit.at.and_then(|val| trace.insts.get(val.index())) {
                Some(Inst::Uop(inst)) => inst.uop.name().to_string(),
                _ => "end".to_string(),
            };
            let place = trace
                .snaps
                .get(exit.snap)
                .and_then(|snap| snap.frames.last())
                .and_then(|frame| {
                    let code = trace.codes.get(frame.code.0 as usize)?;
                    Some(format!("{}:{}", code.file, code.line(frame.offset)))
                })
                .unwrap_or_default();
            list.push(ExitReport { reason, place, taken: exit.taken.get(), continued: exit.side.get().is_some() });
        }
    }
    list
}
