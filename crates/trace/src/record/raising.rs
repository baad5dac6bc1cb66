//! Exceptions that are raised and handled in frames of the trace.
//!
//! An instruction that was seen to raise is a general operation: its frames are exact when CPython's function is called. Then
//!
//! ```text
//! no exception                exit behind the instruction, with what it gave
//! a tool wants to be told     exit with the exception set, as where no exception was seen
//! else, frame by frame        an entry in the traceback; the operand stack goes, from the top; the frame ends
//! in the one that handles it  the stack goes down to what the exception table says; the exception goes onto it
//! ```
//!
//! These are the steps of the interpreter, in its order: what dies on the way may run Python code that looks at the frames. So all
//! that others can see is CPython's own: the exception, its traceback and context, and what the thread handles
//! (`sys.exception()`), which the handler's instructions change in memory. The handler is recorded like any other code.

use super::general::{General, Gives};
use super::state::{Own, collect_owned};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{GeneralOp, Op};
use crate::event::{Event, Operand, Raised};
use crate::ir::{Region, Val};
use crate::snapshot::{Returns, SnapId, Then};
use decal_uops::{Uop, offset};

impl Recorder<'_> {
    /// Carries out a general operation that was seen to raise.
    pub(super) fn perform_and_raise(&mut self, event: &Event, operation: General<'_>, raised: Raised) -> Step<()> {
        self.check_frames(raised)?;
        let again = matches!(event.op, Op::General(GeneralOp::Reraise | GeneralOp::Raise, argument)
            if argument == 0 || event.op == Op::General(GeneralOp::Reraise, argument));
        let first = match event.op {
            Op::General(GeneralOp::Reraise, nth) if raised.lasti && nth > 0 => Some(self.first_offset(nth)?),
            _ => None,
        };
        let lasti = self.offset_to_push(event.offset, raised, first)?;
        let result = self.carry_out(event, &operation)?;
        self.guard_raises(event, result, operation.gives)?;
        self.snap = self.build_snapshot(event.offset, Then::Raise);
        if again {
            // A `raise` by itself has nothing to raise, perhaps.
            let wanted = self.e.int(RAISED_AGAIN);
            self.e.pure(Uop::guard_eq_int, &[result, wanted], 0, 0, Some(self.snap));
        }
        self.guard_untold();
        self.unwind(raised, again, lasti)
    }

    /// The exception by which a call was seen to end that is left to CPython: an instruction in it, the last one, has raised.
    pub(super) fn raised_inside(&self, event: &Event) -> Option<Raised> {
        let last = self.event + self.seen_inside(event, self.event);
        self.rec.raised.get(&(last as u32)).copied().filter(|raised| raised.depth <= event.depth)
    }

    /// Whether the exception passes frames of plain calls only, up to one that exists.
    fn check_frames(&self, raised: Raised) -> Step<()> {
        let depth = raised.depth as usize;
        let handler = self.frames.get(depth).ok_or(AbortReason::Inconsistent("the frame of a handler"))?;
        let below = self.frames[..depth].iter();
        if depth > 0 && handler.generator.is_none() && below.clone().any(|frame| frame.generator.is_some()) {
            return Err(AbortReason::Call("it handles an exception"));
        }
        let gone = self.frames[depth + 1..].iter().all(|frame| frame.generator.is_none());
        let left = self.frames[depth..self.frames.len() - 1].iter().all(|frame| frame.returns == Returns::Value);
        if gone && left { Ok(()) } else { Err(AbortReason::Call("an exception goes through it")) }
    }

    /// Where a `RERAISE` has it that its exception was raised first.
    fn first_offset(&mut self, nth: u32) -> Step<Sym> {
        match self.peek(nth + 1)? {
            Sym::Int(val, _) => Ok(self.int_sym(val)),
            _ => Err(AbortReason::Unstable("where an exception was raised")),
        }
    }

    /// What the handler finds on its stack below the exception: where it was raised.
    fn offset_to_push(&mut self, offset: u32, raised: Raised, first: Option<Sym>) -> Step<Option<Sym>> {
        if !raised.lasti || first.is_some() {
            return Ok(first);
        }
        let innermost = raised.depth as usize + 1 == self.frames.len();
        let frame = &self.frames[raised.depth as usize];
        let code = self.rec.codes.get(frame.code.0 as usize).ok_or(AbortReason::Inconsistent("code"))?;
        let at = if innermost { offset } else { frame.call.0 };
        let unit = (code.address_of(at) - code.first_unit) / 2;
        let val = self.e.int(unit as i64);
        Ok(Some(self.int_sym(val)))
    }

    /// A side trace that begins where a general operation has raised: on to the handler.
    pub(super) fn begin_raised(&mut self, offset: u32, raised: Raised) -> Step<()> {
        self.check_frames(raised)?;
        let lasti = self.offset_to_push(offset, raised, None)?;
        self.snap = self.build_snapshot(offset, Then::Raise);
        self.guard_untold();
        self.unwind(raised, false, lasti)
    }

    /// Exits where a tool wants to be told of the exception.
    fn guard_untold(&mut self) {
        let (none, function) = (self.e.raw(0), self.host.functions.raising.untold);
        self.e.effect(Uop::guard_undisturbed, &[none, none], 0, function, Region::Any, Some(self.snap));
    }

    /// Exits where the instruction has not raised, behind it.
    fn guard_raises(&mut self, event: &Event, result: Val, gives: Gives) -> Step<()> {
        let depth = self.here().stack.len();
        match gives {
            Gives::Objects(0) | Gives::Nothing | Gives::Truth(_) => {
                if let Gives::Truth(_) = gives {
                    self.give(result, gives)?;
                }
                let (snap, zero) = (self.build_snapshot(event.next, Then::Resume), self.e.int(0));
                self.e.pure(Uop::guard_lt_int, &[result, zero], 0, 0, Some(snap));
            }
            Gives::Objects(_) | Gives::Global => {
                if self.frames.len() > 1 {
                    return Err(AbortReason::LeftLoop);
                }
                let count = if let Gives::Objects(count) = gives { count } else { 1 };
                let (frame, first) = (self.e.frame(), self.e.raw(u64::from(depth as u32) | u64::from(count) << 32));
                let function = self.host.functions.raising.keep_results;
                let results = self.e.effect(Uop::context, &[], offset::ARGUMENTS, 0, Region::Fixed, None);
                self.e.effect(Uop::call_any_int_3, &[frame, first, results], 0, function, Region::Any, None);
                (0..count).for_each(|_| self.push(Sym::Unchanged));
                if gives == Gives::Global {
                    self.push(Sym::Null);
                }
                let (snap, zero) = (self.build_snapshot(event.next, Then::Resume), self.e.int(0));
                self.e.pure(Uop::guard_lt_int, &[result, zero], 0, 0, Some(snap));
            }
            Gives::Object | Gives::Callable => {
                self.give(result, gives)?;
                let snap = self.build_snapshot(event.next, Then::Resume);
                self.e.pure(Uop::guard_is, &[result], 0, 0, Some(snap));
            }
            Gives::Next(_, end) => {
                self.guard_next(event, result, true, end)?;
                self.push(Sym::Obj(result, Own::Owned));
                let snap = self.build_snapshot(event.next, Then::Resume);
                self.e.pure(Uop::guard_is, &[result], 0, 0, Some(snap));
            }
        }
        self.top_stack().truncate(depth);
        Ok(())
    }

    /// From the innermost frame, which is exact, to the handler.
    pub(super) fn unwind(&mut self, raised: Raised, again: bool, lasti: Option<Sym>) -> Step<()> {
        let functions = self.host.functions.raising.clone();
        let depth = raised.depth as usize;
        let place = self.e.effect(Uop::context, &[], offset::THREAD, 0, Region::Fixed, None);
        let thread = self.e.effect(Uop::load_raw, &[place], 0, 0, Region::Fixed, None);
        let mut has_entry = again;
        let mut catch = functions.take_exception;
        loop {
            let handles = depth + 1 == self.frames.len();
            let keeps = if handles { raised.stack as usize } else { 0 };
            if handles && !has_entry && self.here().stack.len() <= keeps {
                // Nothing happens between.
                catch = functions.catch;
            } else if !has_entry {
                self.e.effect(Uop::call_any_int_1, &[thread], 0, functions.add_traceback, Region::Any, None);
            }
            has_entry = false;
            while self.here().stack.len() > keeps {
                let sym = self.pop()?;
                self.drop_any(sym)?;
            }
            if handles {
                break;
            }
            let frame = self.here().real.ok_or(AbortReason::Inconsistent("a frame that an exception leaves"))?;
            self.e.effect(Uop::call_any_int_2, &[frame, thread], 0, functions.leave_frame, Region::Any, None);
            self.frames.pop();
        }
        let exception = self.e.effect(Uop::call_any_1, &[thread], 0, catch, Region::Any, None);
        if self.here().generator.is_none() {
            // The traceback has it.
            self.hold_frames(depth, true);
        }
        self.forget_all();
        if let Some(lasti) = lasti {
            self.push(lasti);
        }
        self.push(Sym::Obj(exception, Own::Owned));
        self.go_on_at(raised.target);
        Ok(())
    }

    /// This frame of a call, and those below, exist until they are left. Whether they have their locals now.
    pub(super) fn hold_frames(&mut self, depth: usize, filled: bool) {
        for frame in self.frames[..=depth].iter_mut().skip(1) {
            frame.held = frame.real.is_some() && frame.generator.is_none();
            frame.filled = filled;
        }
    }

    /// Whether there are such frames.
    pub(super) fn has_held(&self) -> bool {
        self.frames.iter().any(|frame| frame.held)
    }

    /// Exits where somebody has changed locals of frames that are held.
    pub(super) fn guard_held(&mut self, snap: SnapId) {
        for depth in 1..self.frames.len() {
            let Some(frame) = self.frames[depth].real.filter(|_| self.frames[depth].held) else { continue };
            for slot in 0..self.frames[depth].locals.len() {
                let disp = self.local_disp(slot as u32);
                let load =
                    |this: &mut Self| this.e.effect(Uop::load_obj_unchecked, &[frame], disp, 0, Region::Frame, None);
                match self.frames[depth].locals[slot].sym.clone() {
                    Sym::Unchanged => {}
                    Sym::Null => {
                        let val = load(self);
                        self.e.pure(Uop::guard_is, &[val], 0, 0, Some(snap));
                    }
                    Sym::Const(operand) => {
                        let val = load(self);
                        self.e.pure(Uop::guard_is, &[val], 0, operand.object, Some(snap));
                    }
                    Sym::Obj(known, _) => {
                        let val = load(self);
                        self.e.pure(Uop::guard_same, &[known, val], 0, 0, Some(snap));
                    }
                    // They are objects as long as the frame has them.
                    _ => {}
                }
            }
        }
    }

    /// Exits where the innermost frame, which exists and is about to be left, could be seen after that.
    pub(super) fn guard_left(&mut self) {
        if let Some(frame) = self.here().real.filter(|_| self.here().held) {
            let (none, snap, function) = (self.e.raw(0), self.snap(), self.host.functions.raising.may_leave);
            self.e.effect(Uop::guard_undisturbed, &[frame, none], 0, function, Region::Any, Some(snap));
        }
    }

    /// Takes it away.
    pub(super) fn take_held(&mut self) {
        if let Some(frame) = self.here().real.filter(|_| self.here().held) {
            let remover = self.host.functions.raising.pop_held;
            self.e.effect(Uop::pop_frame, &[frame], 0, remover, Region::Any, None);
        }
    }

    /// Drops what was taken off a stack while the frames are exact: its end may run Python code.
    fn drop_any(&mut self, sym: Sym) -> Step<()> {
        if let Sym::Gen(_) = sym {
            return Err(AbortReason::Call("an exception goes through it"));
        }
        let known = |frame: &super::FrameState| frame.generator.and_then(|its| its.object()) == sym.object();
        if sym.object().is_some() && self.suspended.iter().any(|frame| known(frame)) {
            return Err(AbortReason::Call("an exception goes through it"));
        }
        let mut owned = Vec::new();
        collect_owned(&[sym], &mut owned);
        let dealloc = self.host.functions.dealloc;
        for val in owned.into_iter().rev() {
            // Below the arguments of a call that was not come to may be a null, which nobody has looked at.
            let known = self.e.type_of(val).is_some() || !self.e.is_from_memory(val);
            let drop = if known { Uop::decref_plain } else { Uop::decref_plain_or_null };
            if !self.hand_over(val, Own::Virtual) {
                self.e.effect(drop, &[val], 0, dealloc, Region::Any, None);
            }
        }
        Ok(())
    }

    /// `PUSH_EXC_INFO`: only what the thread handles changes, which is that of a generator where one runs.
    pub(super) fn push_exception(&mut self) -> Step<()> {
        if self.frames.iter().any(|frame| frame.generator.is_some()) {
            return Err(AbortReason::Instruction("an exception in a generator"));
        }
        let Sym::Obj(exception, _) = self.peek(1)? else { return Err(AbortReason::Inconsistent("an exception")) };
        let (snap, function) = (self.snap(), self.host.functions.raising.push_exception);
        let before = self.e.effect(Uop::call_obj_1, &[exception], 0, function, Region::Counts, Some(snap));
        let sym = self.pop()?;
        self.push(Sym::Obj(before, Own::Owned));
        self.push(sym);
        Ok(())
    }

    /// `CHECK_EXC_MATCH`.
    pub(super) fn match_exception(&mut self, event: &Event) -> Step<()> {
        // A tuple of classes is made each time.
        self.realize(1, Operand::NULL)?;
        self.renew_snap(event);
        let (class, exception) = (self.peek(1)?, self.peek(2)?);
        let (class_val, exception) = (self.object(&class)?, self.object(&exception)?);
        let (snap, function) = (self.snap(), self.host.functions.raising.matches);
        let truth = self.e.effect(Uop::call_truth_2, &[exception, class_val], 0, function, Region::Fixed, Some(snap));
        let class = self.pop()?;
        self.discard(&[class])?;
        self.push(Sym::Bool(truth));
        Ok(())
    }
}

/// What raising an exception gives that has its traceback already.
const RAISED_AGAIN: i64 = -2;
