//! Runs a root trace and its side traces in the trace interpreter, as machine code does it: side traces are jumped into, and joins
//! jump back.

use crate::executor::Executor;
use decal_trace::allocated::ExitIndex;
use decal_trace::eval::{self, Left, Watch};
use decal_trace::ir::Val;
use decal_uops::Machine;
use std::rc::Rc;

/// How a run ended.
pub enum Ended {
    /// At an exit that no side trace continues: the trace, the exit's index, and the values there.
    Exit(Rc<Executor>, usize, Vec<u64>),
    /// Before this instruction, as somebody wanted it who looks on.
    Stopped(Rc<Executor>, Val, Vec<u64>),
    /// The fuel is gone. (Or what one trace leads to is not there, which does not happen.)
    OutOfFuel,
}

/// Runs them on this machine. `meets` gets each trace that is run.
pub fn interpret<M: Machine>(
    root: &Rc<Executor>,
    machine: &mut M,
    fuel: &mut u64,
    watch: &mut impl Watch<M>,
    mut meets: impl FnMut(&Rc<Executor>),
) -> Ended {
    let mut current = Rc::clone(root);
    meets(&current);
    let mut left = eval::run_watched(&current.recorded.trace, &[], machine, fuel, watch);
    loop {
        match left {
            Left::Exit { at, snap, values } => {
                let Some(ExitIndex(index)) = current.exit_of(at, snap) else { return Ended::OutOfFuel };
                let side = current.exits.get(index as usize).and_then(|exit| exit.side.get());
                let Some(side) = side.and_then(|id| root.member(id as usize)) else {
                    return Ended::Exit(current, index as usize, values);
                };
                let trace = &side.recorded.trace;
                let params: Vec<u64> =
                    trace.origins.iter().map(|origin| values.get(origin.index()).copied().unwrap_or(0)).collect();
                meets(&side);
                left = eval::run_watched(trace, &params, machine, fuel, watch);
                current = side;
            }
            Left::Join { values } => {
                let Some(trunk) = root.member(current.trunk) else { return Ended::OutOfFuel };
                current = trunk;
                let trace = &current.recorded.trace;
                left = eval::run_from_label_watched(trace, &current.interface, &values, machine, fuel, watch);
            }
            Left::Stopped { at, values } => return Ended::Stopped(current, at, values),
            Left::OutOfFuel => return Ended::OutOfFuel,
        }
    }
}
