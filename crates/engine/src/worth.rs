//! What a trace saves: how much of CPython's work an entry replaces.
//!
//! A loop pays by its turns. A trace from a function's start is entered for one call each time, so that what counts
//! is how far it comes: an exit in its first lines costs as much as one at the return. Each exit knows what CPython
//! would have spent between the trace's start and it; exits count how often they are taken; so the mean is a matter
//! of a few sums, done once in several hundred entries.
//!
//! The unit is a nanosecond of the machine on which these numbers were measured. It is not asked how long things take
//! here and now: the answer would depend on what else the machine does.

use crate::executor::{Executor, Exit};
use crate::state::Engine;
use decal_trace::bytecode::Op;
use decal_trace::event::{Detail, Event, Kind, Recording};
use decal_trace::snapshot::Snapshot;

/// What entering and leaving a trace at a function's start costs more than to start and to leave the function. Measured 52.
pub const ENTRY: u64 = 60;
/// What a turn of a loop counts for.
const TURN: u64 = 40;
/// What a frame costs which an exit has to make, and which gets an interpreter of its own.
const FRAME: u32 = 80;

/// What CPython spends on an instruction and a trace does not, roughly.
fn saved(event: &Event) -> u32 {
    let floats = || event.operands.iter().any(|operand| operand.kind == Kind::Float);
    match event.op {
        Op::Nop | Op::JumpForward(_) | Op::JumpBackward(_) | Op::Copy(_) | Op::Swap(_) | Op::PushNull => 1,
        Op::LoadFast(_) | Op::LoadConst(_) | Op::PopJump(..) | Op::Is(_) | Op::PopTop => 2,
        Op::Binary(_) if floats() => 10,
        Op::Binary(_) => 7,
        Op::Call(_) if matches!(event.detail, Detail::Enter(_)) => 15,
        Op::Call(_) => 10,
        Op::Compare(..) | Op::LoadAttr { .. } | Op::LoadGlobal { .. } | Op::Return | Op::ReturnConst(_) => 4,
        Op::StoreAttr { .. } | Op::Subscript | Op::StoreSubscript | Op::UnpackSequence(_) | Op::ForIter(_) => 6,
        Op::BuildTuple(_) | Op::GetIter | Op::Slice | Op::BuildSlice(_) => 10,
        _ => 3,
    }
}

/// Sets what is saved before each exit. `before` is what was saved before the trace's start.
pub fn weigh(exits: &mut [Exit], snaps: &[Snapshot], recording: &Recording, before: u32) {
    let mut sum = before;
    let mut sums = Vec::with_capacity(recording.events.len());
    for event in &recording.events {
        sums.push(sum);
        sum = sum.saturating_add(saved(event));
    }
    // Exits come in the order of the trace, which is that of the events; a loop's second pass begins anew.
    let mut cursor = 0;
    for exit in exits {
        let frames = snaps.get(exit.snap.0 as usize).map_or(&[][..], |snap| &snap.frames);
        let made = (frames.len() as u32).saturating_sub(1);
        let here = |event: &Event| {
            let place = (event.depth, event.code, event.offset);
            frames.last().is_some_and(|frame| place == (made, frame.code, frame.offset))
        };
        let ahead = recording.events.iter().skip(cursor).position(here).map(|index| cursor + index);
        let found = ahead.or_else(|| recording.events.iter().position(here));
        cursor = found.unwrap_or(cursor);
        let end = exit.at.is_none() && found.is_none();
        let reached = if end { Some(sum) } else { sums.get(cursor).copied() };
        exit.saved = reached.unwrap_or(before).saturating_sub(made * FRAME);
    }
}

/// What a root trace and its side traces have saved so far.
pub fn saved_by(engine: &Engine, root: &Executor) -> u64 {
    let of = |executor: &Executor| -> u64 {
        executor.exits.iter().map(|exit| exit.taken.get() * u64::from(exit.saved)).sum()
    };
    let sides = root.sides.borrow();
    let sides = sides.iter().filter_map(|id| engine.executors.get(*id).and_then(Option::as_ref));
    of(root) + sides.map(|side| of(side)).sum::<u64>() + root.turns.get() * TURN
}
