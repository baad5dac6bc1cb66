//! Stress: guards that fail because we say so.
//!
//! A guard that always fails is the end of its trace. So the trace is cut there: what comes before it stays, and
//! the end leaves through the guard's snapshot. Inside the loop the first turn is all that is left, so that the
//! phis are their entry values. What only the part behind the cut needed goes too, snapshots above all: they name
//! values that are not there any more.

use decal_trace::ir::{End, Inst, Region, UopInst, Val};
use decal_trace::opt::dce;
use decal_trace::record::Recorded;
use decal_trace::snapshot::Then;
use decal_uops::{Class, Uop};

/// The trace, cut at its exit with this number (modulo its exits). What asks whether an iterator gave `end`, or
/// whether an exception was raised, is no such exit: it does not go back to where that was not known yet.
pub fn force_exit(recorded: &mut Recorded, number: u32, end: u64) {
    let trace = &mut recorded.trace;
    let snaps = &trace.snaps;
    let goes_back = |inst: &&Inst| match inst {
        Inst::Uop(UopInst { snap: Some(snap), uop, imm64, .. }) => {
            let raises = snaps.get(*snap).is_none_or(|snap| snap.then == Then::Raise);
            !uop.info().effects.raises && !raises && *imm64 != end
        }
        _ => false,
    };
    let exits: Vec<usize> =
        trace.insts.iter().enumerate().filter(|(_, inst)| goes_back(inst)).map(|(index, _)| index).collect();
    let Some(at) = exits.get(number as usize % exits.len().max(1)).copied() else { return };
    let Inst::Uop(UopInst { snap: Some(snap), .. }) = trace.insts[at] else { return };
    trace.insts.truncate(at);
    for inst in &mut trace.insts {
        if let Inst::Phi { class, entry } = *inst {
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
