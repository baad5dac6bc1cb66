//! Removal of dead code: instructions whose values nobody needs, and snapshots that nobody names.
//!
//! One walk from the end: an instruction stays if it writes, raises or may exit, or if something
//! that stays uses it, an exit's snapshot included. Where the exit exists only because a register cannot hold
//! the result, as with an addition that overflows, nobody needs it without the result. `a // b` is different: Python
//! raises where `b` is 0, whether or not the quotient is used.
//! Phis stay if the body or an exit uses them; a phi that only feeds itself goes.
//!
//! Afterwards values and snapshots are numbered without gaps; the map from old to new is the second
//! part of the result. Linear in the trace, but for phis, which are walked until nothing changes.

use crate::ir::{End, Inst, Trace, Val};
use crate::snapshot::{Seen, SnapId};
use decal_uops::Uop;

/// See the module's text.
pub fn run(trace: Trace) -> (Trace, Vec<Option<Val>>) {
    let live = mark(&trace);
    sweep(trace, &live)
}

struct Marks {
    insts: Vec<bool>,
    snaps: Vec<bool>,
    /// What was marked of the snapshots.
    seen: Seen,
}

/// Whether an instruction stays even if nobody uses its result.
fn is_root(inst: &Inst) -> bool {
    match inst {
        Inst::Param(_) => true,
        Inst::Phi { .. } => false,
        Inst::Uop(inst) => stays(inst.uop),
    }
}

/// Whether a uop stays even if nobody uses its result.
pub(crate) fn stays(uop: Uop) -> bool {
    let effects = uop.info().effects;
    effects.writes || effects.raises || (effects.exits && !exits_for_its_result(uop))
}

/// Whether a uop exits only where it cannot give its result, though Python can.
pub(crate) fn exits_for_its_result(uop: Uop) -> bool {
    matches!(
        uop,
        Uop::add_int
            | Uop::sub_int
            | Uop::mul_int
            | Uop::neg_int
            | Uop::abs_int
            | Uop::int_to_float_exact
            | Uop::unbox_int
            | Uop::small_int
            | Uop::ascii_char
            | Uop::load_item
    )
}

fn mark(trace: &Trace) -> Marks {
    let mut marks =
        Marks { insts: vec![false; trace.insts.len()], snaps: vec![false; trace.snaps.len()], seen: Seen::default() };
    let mut work: Vec<Val> = Vec::with_capacity(trace.insts.len());
    let mark_val = |insts: &mut Vec<bool>, work: &mut Vec<Val>, val: Val| {
        if let Some(slot) = insts.get_mut(val.index())
            && !*slot
        {
            *slot = true;
            work.push(val);
        }
    };
    for (index, inst) in trace.insts.iter().enumerate() {
        if is_root(inst) {
            mark_val(&mut marks.insts, &mut work, Val(index as u32));
        }
    }
    match &trace.end {
        End::Join(args) => args.iter().for_each(|val| mark_val(&mut marks.insts, &mut work, *val)),
        End::Exit(snap) => mark_snap(trace, *snap, &mut marks, &mut work),
        End::Loop(_) => {}
    }
    let phis: Vec<Val> = trace.phis().collect();
    while let Some(val) = work.pop() {
        match &trace.insts[val.index()] {
            Inst::Param(_) => {}
            Inst::Phi { entry, .. } => {
                mark_val(&mut marks.insts, &mut work, *entry);
                let position = phis.iter().position(|phi| *phi == val);
                if let (End::Loop(args), Some(position)) = (&trace.end, position)
                    && let Some(arg) = args.get(position)
                {
                    mark_val(&mut marks.insts, &mut work, *arg);
                }
            }
            Inst::Uop(inst) => {
                for arg in &inst.args {
                    mark_val(&mut marks.insts, &mut work, *arg);
                }
                if let Some(snap) = inst.snap {
                    mark_snap(trace, snap, &mut marks, &mut work);
                }
            }
        }
    }
    marks
}

fn mark_snap(trace: &Trace, snap: SnapId, marks: &mut Marks, work: &mut Vec<Val>) {
    let Some(slot) = marks.snaps.get_mut(snap.0 as usize) else { return };
    if std::mem::replace(slot, true) {
        return;
    }
    trace.snaps.each_new_value(snap, &mut marks.seen, &mut |val| {
        if let Some(slot) = marks.insts.get_mut(val.index())
            && !std::mem::replace(slot, true)
        {
            work.push(val);
        }
    });
}

fn sweep(trace: Trace, marks: &Marks) -> (Trace, Vec<Option<Val>>) {
    let mut next = 0;
    let map: Vec<Option<Val>> = marks
        .insts
        .iter()
        .map(|live| {
            live.then(|| {
                next += 1;
                Val(next - 1)
            })
        })
        .collect();
    let number = |val: Val| map.get(val.index()).copied().flatten().unwrap_or(val);
    let mut next_snap = 0;
    let snap_map: Vec<Option<SnapId>> = marks
        .snaps
        .iter()
        .map(|live| {
            live.then(|| {
                next_snap += 1;
                SnapId(next_snap - 1)
            })
        })
        .collect();
    let snap_number = |snap: SnapId| snap_map.get(snap.0 as usize).copied().flatten().unwrap_or(snap);

    let phi_live: Vec<bool> = trace.phis().map(|phi| marks.insts[phi.index()]).collect();
    let end = match trace.end {
        End::Loop(args) => {
            End::Loop(args.into_iter().zip(&phi_live).filter(|(_, live)| **live).map(|(val, _)| number(val)).collect())
        }
        End::Join(args) => End::Join(args.into_iter().map(number).collect()),
        End::Exit(snap) => End::Exit(snap_number(snap)),
    };
    // The label stands before the first instruction at or behind it that stays.
    let label = trace.label.map(|first| marks.insts.iter().take(first as usize).filter(|live| **live).count() as u32);
    let origins = trace.origins;
    let mut insts = trace.insts;
    let mut lives = marks.insts.iter();
    insts.retain_mut(|inst| {
        let lives = lives.next() == Some(&true);
        match inst {
            Inst::Phi { entry, .. } if lives => *entry = number(*entry),
            Inst::Uop(inst) if lives => {
                inst.args.iter_mut().for_each(|arg| *arg = number(*arg));
                inst.snap = inst.snap.map(snap_number);
            }
            _ => {}
        }
        lives
    });
    insts.shrink_to_fit();
    let snaps = trace.snaps.renumbered(&marks.snaps, &number);
    (Trace { insts, snaps, label, end, origins, ..trace }, map)
}
