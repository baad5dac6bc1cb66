//! Where each value is used: what the allocator knows of the future.
//!
//! Positions are instruction indexes; the position behind the last instruction stands for the trace's
//! end. Two kinds of need are kept apart. An *operand use* needs a register at that position. A
//! *snapshot use* only needs the value to be somewhere, so that it counts for how long a value lives
//! but not for how much it deserves a register.
//!
//! Everything is a table indexed by value, and the trace is known to name only what it has; building them is two passes over the instructions and
//! one over the snapshots.

use crate::allocated::{LabelEntry, Place};
use crate::ir::{End, Inst, Trace, UopInst, Val};
use crate::snapshot::{Seen, SnapId};
use decal_uops::{Class, Form, Uop};

/// No further use.
pub(super) const NEVER: u32 = u32::MAX;

/// The bits of a value that a constant uop makes.
pub(crate) fn constant(inst: &UopInst) -> Option<u64> {
    match inst.uop {
        Uop::const_int => Some(i64::from(inst.imm32) as u64),
        Uop::const_int64 | Uop::const_float | Uop::const_obj | Uop::const_raw => Some(inst.imm64),
        _ => None,
    }
}

/// Which operand becomes part of the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Immediate {
    /// None does.
    None,
    /// The last.
    Last(i32),
    /// The first of two, which change places.
    Swapped(i32),
}

/// Chooses the operand that becomes part of the code.
pub(super) fn immediate(inst: &UopInst, consts: &[Option<u64>]) -> Immediate {
    let info = inst.uop.info();
    if !info.imm_operand {
        return Immediate::None;
    }
    let small = |val: &Val| consts[val.index()].and_then(|bits| i32::try_from(bits as i64).ok());
    if let Some(value) = inst.args.last().and_then(small) {
        return Immediate::Last(value);
    }
    if info.effects.commutes
        && inst.args.len() == 2
        && let Some(value) = inst.args.first().and_then(small)
    {
        return Immediate::Swapped(value);
    }
    Immediate::None
}

/// The values that are live at the label: its phis in order, then the other values that the body,
/// its snapshots or the jump back need, in increasing order. Empty where the trace does not loop.
///
/// The evaluator, the allocator and the maker of side traces all mean this list when they speak of
/// the label's interface.
pub fn label_interface(trace: &Trace) -> Vec<Val> {
    let Some(label) = trace.label else {
        return Vec::new();
    };
    let mut used = vec![false; label as usize];
    let mut seen = Seen::default();
    let mut mark = |val: Val| {
        if let Some(slot) = used.get_mut(val.index()) {
            *slot = true;
        }
    };
    for inst in trace.insts.iter().skip(label as usize) {
        if let Inst::Uop(inst) = inst {
            inst.args.iter().copied().for_each(&mut mark);
            if let Some(snap) = inst.snap {
                trace.snaps.each_new_value(snap, &mut seen, &mut mark);
            }
        }
    }
    match &trace.end {
        End::Loop(values) | End::Join(values) => values.iter().copied().for_each(&mut mark),
        End::Exit(snap) => trace.snaps.each_new_value(*snap, &mut seen, &mut mark),
    }
    let others = used.iter().enumerate().filter(|(_, used)| **used);
    trace.phis().chain(others.map(|(index, _)| Val(index as u32))).collect()
}

/// The tables.
pub(super) struct Uses {
    /// For each value where its operand uses begin in `at`; one more at the end.
    start: Vec<u32>,
    /// Positions of operand uses, in order for each value.
    at: Vec<u32>,
    /// The first operand use that is not yet past.
    cursor: Vec<u32>,
    /// The last position that needs the value in any way; 0 where none does.
    pub last: Vec<u32>,
    /// For each snapshot, the last position that uses it.
    pub snap_last: Vec<u32>,
    /// How many calls (uops of form `Fixed`) come before each position.
    calls: Vec<u32>,
}

impl Uses {
    /// Looks at the whole trace. `keep` are values needed to the very end.
    pub fn new(
        trace: &Trace,
        consts: &[Option<u64>],
        keep: &[Val],
        interface: &[Val],
        root_label: &[LabelEntry],
    ) -> Uses {
        let count = trace.insts.len();
        let end = count as u32;
        let mut last = vec![0; count];
        let mut snap_last = vec![0; trace.snaps.len()];
        let mut calls = Vec::with_capacity(count + 2);
        let mut before = 0;
        let mut start = vec![0u32; count + 1];
        each_operand_use(trace, consts, root_label, &mut |val, _| {
            start[val.index()] += 1;
        });
        let mut sum = 0;
        for slot in &mut start {
            sum += std::mem::replace(slot, sum);
        }
        let mut at = vec![0; sum as usize];
        let mut cursor = start.clone();
        each_operand_use(trace, consts, root_label, &mut |val, position| {
            let next = &mut cursor[val.index()];
            at[*next as usize] = position;
            *next += 1;
            last[val.index()] = position;
        });
        cursor.copy_from_slice(&start);
        cursor.pop();

        for (position, inst) in trace.insts.iter().enumerate() {
            calls.push(before);
            if let Inst::Uop(inst) = inst {
                if let Some(snap) = inst.snap {
                    snap_last[snap.0 as usize] = position as u32;
                }
                if inst.uop.info().form == Form::Fixed {
                    before += 1;
                }
            }
        }
        calls.push(before);
        calls.push(before);
        let values: &[Val] = match &trace.end {
            End::Loop(values) | End::Join(values) => values,
            End::Exit(snap) => {
                snap_last[snap.0 as usize] = end;
                &[]
            }
        };
        let invariants = interface.iter().filter(|val| Some(val.0) < trace.label);
        for val in values.iter().chain(keep).chain(invariants) {
            last[val.index()] = end;
        }
        // From the last position back, so that what snapshots share is met where it is needed last.
        let mut seen = Seen::default();
        let mut need = |snap: SnapId, position: u32| {
            trace.snaps.each_new_value(snap, &mut seen, &mut |val| {
                let last = &mut last[val.index()];
                *last = position.max(*last);
            });
        };
        if let End::Exit(snap) = &trace.end {
            need(*snap, end);
        }
        for (position, inst) in trace.insts.iter().enumerate().rev() {
            if let Inst::Uop(UopInst { snap: Some(snap), .. }) = inst
                && snap_last[snap.0 as usize] == position as u32
            {
                need(*snap, position as u32);
            }
        }
        Uses { start, at, cursor, last, snap_last, calls }
    }

    /// The next operand use behind `position`, which never goes back.
    pub fn next(&mut self, val: Val, position: u32) -> u32 {
        let end = self.start[val.index() + 1];
        let cursor = &mut self.cursor[val.index()];
        while *cursor < end {
            let at = self.at[*cursor as usize];
            if at > position {
                return at;
            }
            *cursor += 1;
        }
        NEVER
    }

    /// How many operand uses are left after the last question to [`next`](Self::next).
    pub fn left(&self, val: Val) -> u32 {
        self.start[val.index() + 1] - self.cursor[val.index()]
    }

    /// The last operand use, if any.
    pub fn last_operand(&self, val: Val) -> Option<u32> {
        let (start, end) = (self.start[val.index()], self.start[val.index() + 1]);
        (start < end).then(|| self.at[end as usize - 1])
    }

    /// Whether a call lies between these positions, both not counted.
    pub fn call_between(&self, from: u32, to: u32) -> bool {
        let at = |position: u32| self.calls.get(position as usize).copied().unwrap_or(0);
        from < to && at(to) > at(from + 1)
    }
}

/// Calls `visit` with each value that some position needs in a register, in order of positions.
fn each_operand_use(
    trace: &Trace,
    consts: &[Option<u64>],
    root_label: &[LabelEntry],
    visit: &mut impl FnMut(Val, u32),
) {
    for (position, inst) in trace.insts.iter().enumerate() {
        match inst {
            Inst::Param(_) => {}
            // All phis take their first values at once, at the label.
            Inst::Phi { entry, .. } => visit(*entry, trace.label.unwrap_or(position as u32)),
            Inst::Uop(inst) => {
                let args = match immediate(inst, consts) {
                    Immediate::None => &inst.args[..],
                    Immediate::Last(_) => &inst.args[..inst.args.len() - 1],
                    Immediate::Swapped(_) => &inst.args[1..],
                };
                for arg in args {
                    visit(*arg, position as u32);
                }
            }
        }
    }
    if let End::Join(values) = &trace.end {
        for (val, entry) in values.iter().zip(root_label) {
            if matches!(entry.place, Place::Int(_) | Place::Float(_)) {
                visit(*val, trace.insts.len() as u32);
            }
        }
    }
}

/// The uop that makes a constant of a class, with its two immediates.
pub(super) fn constant_uop(class: Class, bits: u64) -> (Uop, i32, u64) {
    match class {
        Class::Int => match i32::try_from(bits as i64) {
            Ok(small) => (Uop::const_int, small, 0),
            Err(_) => (Uop::const_int64, 0, bits),
        },
        Class::Float => (Uop::const_float, 0, bits),
        Class::Obj => (Uop::const_obj, 0, bits),
        Class::Raw => (Uop::const_raw, 0, bits),
    }
}
