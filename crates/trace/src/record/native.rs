//! Native calls: a call of a function that has a trace from its start, and is not inlined.
//!
//! A recursion is followed a few levels deep; what is called there is this very function again. A general operation could do it, but
//! all the frames would have to be made for it and taken away again, and nothing would be known of the heap any more. Here
//! nothing is made: the callee's trace runs on a frame that nobody sees, and this trace's state stays where it is, as its snapshot
//! at the call says. Only when the callee leaves its trace in another way than by a return, or comes to a general operation,
//! the frames of all that wait below it are made, each from its snapshot; then the call gives null, and this trace is left
//! behind the call.
//!
//! So behind the call nothing has run but traces, which change the heap but no types, and no frame but their own.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::Op;
use crate::event::{Event, Native, Operand};
use crate::ir::{REGIONS, Region};
use crate::snapshot::Then;
use decal_uops::{Uop, offset};

/// What stands for an operand of which nothing was seen.
const UNSEEN: Operand = Operand { bits: i64::MAX as u64, ..Operand::NULL };

impl Recorder<'_> {
    /// Calls a function with a trace from its start.
    pub(super) fn call_native(&mut self, native: Native, count: u32, event: &Event) -> Step<()> {
        if !self.options.native_calls || !matches!(event.op, Op::Call(_)) {
            return Err(AbortReason::Call("recursion that is deeper than traces follow"));
        }
        if self.has_held() {
            return Err(AbortReason::Call("a recursion in a function that handles an exception"));
        }
        if !self.suspended.is_empty() || self.frames.iter().any(|frame| frame.generator.is_some()) {
            return Err(AbortReason::Call("a recursion with generators"));
        }
        self.same_shape(count, event)?;
        let passed = count + u32::from(self.peek(count + 1)? != Sym::Null);
        // A function that is known by its code alone is passed behind them.
        if passed != native.parameters || passed as usize >= decal_uops::ARGUMENTS {
            return Err(AbortReason::Call("a recursion with other arguments"));
        }
        let mut any = None;
        match self.peek(count + 2)? {
            Sym::Const(operand) if operand.object == native.function => {}
            Sym::Obj(val, _) => {
                if let Some((code, by_code)) = native.by_code {
                    self.guard_by_code(val, code, by_code);
                    any = Some((val, code));
                } else {
                    let snap = self.snap();
                    self.e.pure(Uop::guard_is, &[val], 0, native.function, Some(snap));
                }
            }
            _ => return Err(AbortReason::Unstable("a constant that was another one")),
        }
        for nth in 1..=passed {
            self.realize(nth, UNSEEN)?;
            self.renew_snap(event);
        }
        // The callee may go on with them.
        self.flush_iterators(|_, _| false);
        self.renew_snap(event);
        let mut args = self.pop_arguments(count)?;
        let (receiver, callable) = (self.pop()?, self.pop()?);
        if receiver != Sym::Null {
            args.insert(0, receiver);
        }
        let drops = self.guard_discard(&[callable]);
        let mut vals = Vec::new();
        for arg in &args {
            vals.push(self.owned_object(arg, UNSEEN)?);
        }
        self.own_borrowed();
        self.drop_all(&drops);
        // The function is not handed over. The checker of references reads that off the region.
        let function = any.map(|(function, _)| (function, Region::Counts));
        let arguments = vals.into_iter().map(|val| (val, Region::Any));
        for (at, (val, region)) in arguments.chain(function).enumerate() {
            let place = offset::ARGUMENTS + 8 * at as i32;
            self.e.effect(Uop::set_context, &[val], place, 0, region, None);
        }
        // As the frame is while the call is under way.
        self.top().call = (event.offset, event.next);
        self.behind = Some(event.next);
        let snap = self.build_snapshot(event.offset, Then::Raise);
        self.behind = None;
        let callee = any.map_or(native.function, |(_, code)| code);
        let result = self.e.effect(Uop::call_native, &[], 0, callee, Region::Any, Some(snap));
        for region in REGIONS.iter().copied().filter(|region| !matches!(region, Region::Fixed | Region::Frame)) {
            self.e.heap().clobber(region);
        }
        self.push(Sym::Obj(result, Own::Owned));
        self.snap = self.build_snapshot(event.next, Then::Resume);
        self.raise_snap = None;
        Ok(())
    }

    /// Before a general operation: makes the frames of those who called this trace, where they do not exist.
    pub(super) fn make_callers(&mut self, event: &Event) {
        if self.options.is_called && self.host.functions.make_callers != 0 {
            let context = self.e.effect(Uop::context, &[], 0, 0, Region::Fixed, None);
            let function = self.host.functions.make_callers;
            self.e.effect(Uop::call_any_int_1, &[context], 0, function, Region::Any, None);
            self.renew_snap(event);
        }
    }
}
