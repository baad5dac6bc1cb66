//! The trace interpreter: runs a trace without machine code.
//!
//! Values live in an array indexed by value; each uop runs its meaning from the table, over any [`Machine`]: raw memory in the product,
//! a simulated heap in tests ([`heap`]), a [`shadow`] where nothing may happen and two traces are to be compared ([`compare`]). [`allocated`] does the same for a
//! trace whose values have registers, so that allocation is tested without machine code.
//!
//! Side traces: [`Left::Join`] gives the values with which to go on at the root trace's label, by [`run_from_label`].

pub mod allocated;
pub mod case;
pub mod compare;
pub mod heap;
pub mod numbers;
pub mod shadow;

use crate::ir::{End, Inst, Trace, UopInst, Val};
use crate::snapshot::SnapId;
use decal_uops::{Machine, execute};

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Left {
    /// Through an exit.
    Exit {
        /// The instruction that left; none at the trace's end.
        at: Option<Val>,
        /// The state to rebuild.
        snap: SnapId,
        /// The bits of all values computed so far, by value.
        values: Vec<u64>,
    },
    /// To the label of the root trace, with the values of [`End::Join`].
    Join {
        /// Their bits, in the order of the label's interface.
        values: Vec<u64>,
    },
    /// Before this instruction was done, as [`Watch::stops`] wanted it.
    Stopped {
        /// The instruction.
        at: Val,
        /// As for [`Left::Exit`].
        values: Vec<u64>,
    },
    /// The number of uops allowed was reached, at a jump back to the label.
    OutOfFuel,
}

/// Somebody who looks on while a trace runs.
pub trait Watch<M> {
    /// What comes next, and the bits of all values so far.
    fn before(&mut self, _machine: &mut M, _inst: &UopInst, _values: &[u64]) {}
    /// Whether it ends here; what was done last then counts for nothing.
    fn stops(&mut self, _machine: &M) -> bool {
        false
    }
}

impl<M> Watch<M> for () {}

/// Runs a trace from its start. `params` are the bits of its parameters. `fuel` is the number of uops that may run and goes
/// down as they do; it is looked at where a loop jumps back.
pub fn run(trace: &Trace, params: &[u64], machine: &mut impl Machine, fuel: &mut u64) -> Left {
    run_watched(trace, params, machine, fuel, &mut ())
}

/// The same while somebody looks on.
pub fn run_watched<M: Machine>(
    trace: &Trace,
    params: &[u64],
    machine: &mut M,
    fuel: &mut u64,
    watch: &mut impl Watch<M>,
) -> Left {
    let mut values = vec![0; trace.insts.len()];
    for (slot, bits) in values.iter_mut().zip(params) {
        *slot = *bits;
    }
    go(trace, 0, values, machine, fuel, watch)
}

/// Runs a trace from its label. `interface` is [`label_interface`](crate::regalloc::label_interface) of the trace, `bits` the
/// values of its entries.
pub fn run_from_label(
    trace: &Trace,
    interface: &[Val],
    bits: &[u64],
    machine: &mut impl Machine,
    fuel: &mut u64,
) -> Left {
    run_from_label_watched(trace, interface, bits, machine, fuel, &mut ())
}

/// The same while somebody looks on.
pub fn run_from_label_watched<M: Machine>(
    trace: &Trace,
    interface: &[Val],
    bits: &[u64],
    machine: &mut M,
    fuel: &mut u64,
    watch: &mut impl Watch<M>,
) -> Left {
    let mut values = vec![0; trace.insts.len()];
    for (val, bits) in interface.iter().zip(bits) {
        values[val.index()] = *bits;
    }
    let label = trace.label.unwrap_or(0) as usize;
    // The phis have their values already.
    go(trace, label + trace.phis().count(), values, machine, fuel, watch)
}

fn go<M: Machine>(
    trace: &Trace,
    start: usize,
    mut values: Vec<u64>,
    machine: &mut M,
    fuel: &mut u64,
    watch: &mut impl Watch<M>,
) -> Left {
    let label = trace.label.unwrap_or(0) as usize;
    let body = label + trace.phis().count();
    let mut carried = Vec::new();
    let mut index = start;
    loop {
        while let Some(inst) = trace.insts.get(index) {
            match inst {
                Inst::Param(_) => {}
                Inst::Phi { entry, .. } => values[index] = values[entry.index()],
                Inst::Uop(inst) => {
                    let mut args = [0; 4];
                    for (slot, arg) in args.iter_mut().zip(&inst.args) {
                        *slot = values[arg.index()];
                    }
                    *fuel = fuel.saturating_sub(1);
                    watch.before(machine, inst, &values);
                    let result = execute(inst.uop, machine, &args, inst.imm32, inst.imm64);
                    if watch.stops(machine) {
                        return Left::Stopped { at: Val(index as u32), values };
                    }
                    match (result, inst.snap) {
                        (Ok(bits), _) => values[index] = bits,
                        (Err(_), Some(snap)) => {
                            let at = Some(Val(index as u32));
                            return Left::Exit { at, snap, values };
                        }
                        // The verifier rules it out: a uop that exits has a snapshot.
                        (Err(_), None) => return Left::OutOfFuel,
                    }
                }
            }
            index += 1;
        }
        match &trace.end {
            End::Loop(args) => {
                if *fuel == 0 {
                    return Left::OutOfFuel;
                }
                carried.clear();
                carried.extend(args.iter().map(|arg| values[arg.index()]));
                values[label..label + carried.len()].copy_from_slice(&carried);
                index = body;
            }
            End::Join(args) => {
                let values = args.iter().map(|arg| values[arg.index()]).collect();
                return Left::Join { values };
            }
            End::Exit(snap) => {
                return Left::Exit { at: None, snap: *snap, values };
            }
        }
    }
}
