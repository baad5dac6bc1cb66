//! Stress: guards that fail because we say so, passes that are given up, traces that become invalid.
//!
//! A guard that always fails is the end of its trace. So the trace is cut there: what comes before it stays, and
//! the end leaves through the guard's snapshot. Inside the loop the first turn is all that is left, so that the
//! phis are their entry values. What only the part behind the cut needed goes too, snapshots above all: they name
//! values that are not there any more.

use crate::location::State;
use crate::state::Engine;
use decal_trace::allocated::{Allocated, Item, Operation};
use decal_trace::ir::{End, Inst, Region, UopInst, Val};
use decal_trace::opt::{Part, dce};
use decal_trace::record::Recorded;
use decal_trace::snapshot::Then;
use decal_uops::{Class, Uop};

impl Engine {
    /// `DECAL_STRESS=abandon:N`: whether the pass is to be given up here. Every other one is, so that there are traces.
    pub fn is_abandoned(&self) -> bool {
        let (Some(number), Some(pass)) = (self.options.stress.abandon, &self.observation) else { return false };
        self.counters.observed.is_multiple_of(2) && pass.recording.events.len() > number as usize
    }

    /// `DECAL_STRESS=traces:N`: whether one more may be compiled.
    pub fn has_traces_left(&self) -> bool {
        self.options.stress.traces.is_none_or(|most| self.executors.len() < most as usize)
    }

    /// `DECAL_STRESS=without:PART`, `rewrites:N` and `only:N`: which part of optimizing is off for the trace that comes next, and how
    /// often something may be rewritten in it.
    pub fn suspected(&self) -> (Option<Part>, u32) {
        let stress = &self.options.stress;
        if stress.only.is_some_and(|only| only as usize != self.executors.len()) {
            return (None, u32::MAX);
        }
        (stress.without, stress.rewrites.unwrap_or(u32::MAX))
    }

    /// `DECAL_STRESS=invalidate:N`: a Python function is called, perhaps by a trace. None of the traces is valid afterwards.
    pub fn disturb(&mut self) {
        let Some(number) = self.options.stress.invalidate else { return };
        self.disturbed += 1;
        if !self.disturbed.is_multiple_of(number + 1) {
            return;
        }
        for id in 0..self.executors.len() {
            self.invalidate(id);
        }
        // They are compiled again, however often.
        for location in self.locations.values_mut() {
            location.invalidated = 0;
            if let State::Counting(left) = &mut location.state {
                *left = 1;
            }
        }
    }
}

/// The constant that `DECAL_STRESS=wrong:code` gets wrong: the one that the rule which is wrong on purpose looks for.
const SPOILED: i32 = 1_234_567;

/// `DECAL_STRESS=wrong:code`: the trace as machine code has it, where `a ^ 1234567` is `a ^ 1234566`.
pub fn spoil(allocated: &Allocated) -> Allocated {
    let mut spoiled = allocated.clone();
    for item in &mut spoiled.items {
        if let Item::Op(Operation { uop: Uop::xor_int, operand_imm, .. }) = item
            && *operand_imm == SPOILED
        {
            *operand_imm = SPOILED - 1;
        }
    }
    spoiled
}

/// The trace, cut at its exit with this number (modulo its exits). What asks whether an iterator gave `end`, or
/// whether an exception was raised, is no such exit: it does not go back to where that was not known yet.
pub fn force_exit(recorded: &mut Recorded, number: u32, end: u64) {
    let trace = &mut recorded.trace;
    let snaps = &trace.snaps;
    // Whether an instruction that was seen to raise has done so.
    let asks = |uop: Uop| matches!(uop, Uop::guard_is | Uop::guard_lt_int);
    let is_result = |val: Option<&Val>| match val.and_then(|val| trace.insts.get(val.index())) {
        Some(Inst::Uop(inst)) => inst.region == Region::Any,
        _ => false,
    };
    let goes_back = |inst: &&Inst| match inst {
        Inst::Uop(UopInst { snap: Some(snap), uop, imm64, args, .. }) => {
            let raises = snaps.get(*snap).is_none_or(|snap| snap.then == Then::Raise);
            let of_result = asks(*uop) && is_result(args.first());
            !(uop.info().effects.raises || raises || *imm64 == end || of_result)
        }
        _ => false,
    };
    let exits: Vec<usize> =
        trace.insts.iter().enumerate().filter(|(_, inst)| goes_back(inst)).map(|(index, _)| index).collect();
    let Some(at) = exits.get(number as usize % exits.len().max(1)).copied() else { return };
    let Inst::Uop(UopInst { snap: Some(snap), .. }) = trace.insts[at] else { return };
    trace.insts.truncate(at);
    for inst in &mut trace.insts {
        if let Inst::Phi { class, entry, .. } = *inst {
            let uop = match class {
                Class::Float => Uop::move_float,
                Class::Obj => Uop::renamed,
                _ => Uop::move_int,
            };
            *inst = Inst::Uop(UopInst {
                uop,
                args: vec![entry].into(),
                imm32: 0,
                imm64: 0,
                region: Region::Fixed,
                snap: None,
            });
        }
    }
    trace.label = None;
    trace.end = End::Exit(snap);
    recorded.label = None;
    // Leaves nothing that the trace's end does not need, also where optimizing is off: see above.
    let (kept, map) = dce::run(trace.clone());
    *trace = kept;
    let renumber = |val: Val| map.get(val.index()).copied().flatten();
    recorded.carried = recorded.carried.iter().filter_map(|(root, mine)| Some((*root, renumber(*mine)?))).collect();
}
