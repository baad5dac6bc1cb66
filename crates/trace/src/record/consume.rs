//! Builtins that go through a generator: `sum`, `any`, `list`, `next` and so on.
//!
//! The generator's frame is inlined as in a `for` loop; what the builtin has so far is on the caller's operand stack, above the
//! generator, so that it is a part of the state like everything else: numbers stay in registers, and an exit hands all to a
//! function that does the rest as the builtin would ([`Returns::Consume`]). The builtin's own work is done at each `yield`:
//! an exit there goes back to the `yield`, which CPython runs again.
//!
//! What is above the generator, by builtin: see [`Consumer`].

use super::numbers::Number;
use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{CodeId, Consumer, Detail, Event, Kind, Operand, Resumed};
use crate::ir::{Region, Val};
use crate::snapshot::Returns;
use decal_uops::Uop;

impl Recorder<'_> {
    /// A call of such a builtin with `count` arguments.
    pub(super) fn consume(&mut self, consumer: Consumer, resumed: Resumed, count: u32, event: &Event) -> Step<()> {
        let [seen_callable, seen_receiver, seen_args @ ..] = &event.operands[..] else {
            return Err(AbortReason::Inconsistent("missing operands"));
        };
        let joins = consumer == Consumer::Join;
        if (self.peek(count + 1)? != Sym::Null) != joins {
            return Err(AbortReason::Call("a method that a general operation found"));
        }
        self.check_resumable(count, resumed)?;
        if joins {
            let receiver = self.peek(count + 1)?;
            if !matches!(receiver, Sym::Obj(..) | Sym::Const(_)) {
                return Err(AbortReason::Call("join of this type"));
            }
            self.guard_exact(&receiver, *seen_receiver)?;
        }
        let callable = self.peek(count + 2)?;
        self.guard_callable(&callable, *seen_callable)?;
        // To meet a generator has exits, which must come before anything is made or dropped.
        let generator = self.peek(count)?;
        let met = self.frame_of(&generator).is_some();
        let makes = !matches!(consumer, Consumer::Sum | Consumer::Any | Consumer::All | Consumer::Next)
            && !matches!(consumer, Consumer::Min | Consumer::Max);
        if !met && (makes || matches!(callable, Sym::Obj(_, Own::Owned))) {
            return Err(AbortReason::Call("a builtin that goes through a generator from elsewhere"));
        }
        let raise = self.raise_snap();
        let mut args = self.pop_arguments(count)?;
        let (receiver, callable) = (self.pop()?, self.pop()?);
        let default = if count == 2 { args.pop() } else { None };
        let generator = args.pop().ok_or(AbortReason::Inconsistent("arguments"))?;
        let drops = self.guard_discard(&[callable]);
        let new = match consumer {
            Consumer::List | Consumer::Tuple | Consumer::Sorted | Consumer::Join => {
                let zero = self.e.int(0);
                let function = self.host.functions.new_list;
                let list = self.e.effect(Uop::new_sequence, &[zero], 0, function, Region::Fixed, Some(raise));
                self.e.set_type(list, self.host.objects.list);
                Some(list)
            }
            Consumer::Set => {
                let none = self.e.object(self.host.objects.none, self.host.objects.none_type);
                let function = self.host.functions.new_set;
                let set = self.e.effect(Uop::call_obj_1, &[none], 0, function, Region::Fixed, Some(raise));
                self.e.set_type(set, self.host.leaf.set);
                Some(set)
            }
            _ => None,
        };
        self.drop_all(&drops);
        if joins {
            self.push(receiver);
        }
        self.push(generator);
        self.top().call = (event.offset, event.next);
        self.top().returns = Returns::Consume(consumer);
        match (consumer, new) {
            (Consumer::Sum, _) => {
                let zero = self.e.int(0);
                let zero = self.int_sym(zero);
                self.push(zero);
                self.push(Sym::Null);
            }
            (Consumer::Min | Consumer::Max, _) => self.push(Sym::Null),
            (Consumer::Next, _) => self.push(default.unwrap_or(Sym::Null)),
            (_, Some(new)) => self.push(Sym::Obj(new, Own::Owned)),
            _ => {}
        }
        let nth = consumer.holds() + 1;
        let locals = seen_args.get(count as usize..).unwrap_or(&[]);
        let seen = seen_args.first().copied().unwrap_or(Operand::NULL);
        self.go_on(nth, seen, resumed, locals)
    }

    /// Gives up a builtin that was begun.
    fn not_consumed<T>(&mut self) -> Step<T> {
        let depth = self.frames.len().checked_sub(2).ok_or(AbortReason::Inconsistent("consumer"))?;
        let caller = &self.frames[depth];
        Err(self.call_instead((caller.code, caller.call.0)))
    }

    /// The builtin that was called there is called as any other function when all is recorded anew. The reason to abort.
    pub(super) fn call_instead(&mut self, at: (CodeId, u32)) -> AbortReason {
        let is_call = |event: &&Event| (event.code, event.offset) == at && matches!(event.detail, Detail::Consume(..));
        // A side trace may begin in the midst of it.
        if self.rec.events.iter().any(|event| is_call(&event)) && self.unsure.borrow_mut().insert(at) {
            AbortReason::Again
        } else {
            AbortReason::Call("a builtin that goes through a generator, with such items")
        }
    }

    /// A generator yields to a builtin. `last` says that the builtin wants no more.
    pub(super) fn feed(&mut self, consumer: Consumer, quiet: bool, last: bool, event: &Event) -> Step<()> {
        let rest = match self.take_item(consumer, last, event) {
            Err(reason) if reason.is_general() => return self.not_consumed(),
            result => result?,
        };
        if let Some(generator) = &mut self.top().generator {
            (generator.begun, generator.quiet) = (true, quiet);
        }
        if !last {
            let none = self.none();
            self.push(none);
            return Ok(());
        }
        let result = match consumer {
            Consumer::Any => Some(self.bool_const(true)),
            Consumer::All => Some(self.bool_const(false)),
            Consumer::Next => Some(self.pop()?),
            _ => return self.not_consumed(),
        };
        // It may die here, and must not run code then.
        let generator = self.here().generator.ok_or(AbortReason::Inconsistent("consumer"))?;
        let caller = self.frames.len() - 2;
        let stack = &self.frames[caller].stack;
        let at = stack.len().checked_sub(consumer.holds() as usize + 1).ok_or(AbortReason::Inconsistent("consumer"))?;
        let keeps = match (&stack[at], generator.object()) {
            (Sym::Obj(_, own), Some(_)) => *own != Own::Owned && !matches!(own, Own::StackSlot(_)),
            (Sym::Gen(_), None) => quiet && !self.holds_unsettled(self.here()),
            _ => false,
        };
        if !keeps {
            return self.not_consumed();
        }
        let Some(mut frame) = self.frames.pop() else { return Err(AbortReason::Inconsistent("generator")) };
        frame.call = (event.next, event.next);
        self.suspended.push(frame);
        let mut dropped = Vec::from_iter(rest);
        for _ in 0..=consumer.holds() {
            dropped.push(self.pop()?);
        }
        self.top().returns = Returns::Value;
        self.push(result.unwrap_or(Sym::Null));
        let drops = self.guard_discard(&dropped);
        // It outlives what it was borrowed from. Behind the exits, which have it on the generator's stack.
        let result = self.pop()?;
        let result = self.lasting(result);
        self.push(result);
        self.drop_all(&drops);
        Ok(())
    }

    /// What the builtin does with an item, which is on top of the generator's stack. Gives the last one where it is to be dropped
    /// with what else goes then: there are exits before that.
    fn take_item(&mut self, consumer: Consumer, last: bool, event: &Event) -> Step<Option<Sym>> {
        let seen = super::numbers::one(event)?;
        match consumer {
            Consumer::Next => {}
            Consumer::Sum => self.add_item(seen)?,
            Consumer::Any | Consumer::All => {
                let item = self.test_item(last == (consumer == Consumer::Any), seen)?;
                if last {
                    return Ok(Some(item));
                }
                self.discard(&[item])?;
            }
            Consumer::Min | Consumer::Max => self.compare_item(consumer == Consumer::Max, seen)?,
            Consumer::List | Consumer::Tuple | Consumer::Sorted | Consumer::Join => {
                self.realize_top(&[seen], event.offset)?;
                let item = self.pop()?;
                let Sym::Obj(list, _) = self.held(1)? else { return Err(AbortReason::Inconsistent("consumer")) };
                let (snap, val) = (self.raise_snap(), self.object(&item)?);
                let function = self.host.functions.list_append;
                self.e.effect(Uop::call_truth_2, &[list, val], 0, function, Region::ListItems, Some(snap));
                self.lists_changed();
                self.drop_held(&item);
            }
            Consumer::Set => {
                self.realize_top(&[seen], event.offset)?;
                let item = self.pop()?;
                let Sym::Obj(set, _) = self.held(1)? else { return Err(AbortReason::Inconsistent("consumer")) };
                let val = self.object(&item)?;
                let drops = self.guard_discard(&[item]);
                let (snap, function) = (self.raise_snap(), self.host.leaf.set_add);
                self.e.effect(Uop::call_truth_2, &[set, val], 0, function, Region::Fixed, Some(snap));
                self.drop_all(&drops);
            }
        }
        Ok(None)
    }

    /// What the builtin holds: the caller's nth slot from the top.
    fn held(&mut self, nth: usize) -> Step<Sym> {
        let caller = self.frames.len().checked_sub(2).and_then(|depth| self.frames.get(depth));
        let stack = caller.map_or(&[][..], |frame| &frame.stack);
        let at = stack.len().checked_sub(nth).ok_or(AbortReason::Inconsistent("consumer"))?;
        Ok(stack[at].clone())
    }

    fn hold(&mut self, nth: usize, sym: Sym) {
        let caller = self.frames.len() - 2;
        let stack = &mut self.frames[caller].stack;
        let at = stack.len() - nth;
        stack[at] = sym;
    }

    /// `sum`: an int, then a float with what rounding has lost so far.
    fn add_item(&mut self, seen: Operand) -> Step<()> {
        let item = self.pop()?;
        let (total, lost) = (self.held(2)?, self.held(1)?);
        let kind = self.number(&item, seen);
        match (total, lost, kind) {
            (Sym::Int(total, _), Sym::Null, Number::Int | Number::Bool) => {
                let val = self.as_int(&item, seen)?;
                let snap = self.snap();
                let sum = self.e.pure(Uop::add_int, &[total, val], 0, 0, Some(snap));
                let drops = self.guard_discard(&[item]);
                let sum = self.int_sym(sum);
                self.hold(2, sum);
                self.drop_all(&drops);
            }
            (Sym::Int(total, _), Sym::Null, Number::Float) => {
                let val = self.as_float(&item, seen)?;
                let snap = self.snap();
                let total = self.e.pure(Uop::int_to_float_exact, &[total], 0, 0, Some(snap));
                let sum = self.e.pure(Uop::add_float, &[total, val], 0, 0, None);
                let drops = self.guard_discard(&[item]);
                let zero = self.e.float(0);
                let (sum, lost) = (self.float_sym(sum), self.float_sym(zero));
                self.hold(2, sum);
                self.hold(1, lost);
                self.drop_all(&drops);
            }
            (Sym::Float(total, _), Sym::Float(lost, _), Number::Float | Number::Int) => {
                let val = self.number_as_float(&item, seen, false)?;
                let drops = self.guard_discard(&[item]);
                let (sum, lost) = match kind {
                    // CPython adds ints as they are.
                    Number::Int => (self.e.pure(Uop::add_float, &[total, val], 0, 0, None), lost),
                    _ => self.add_exactly(total, val, lost),
                };
                let (sum, lost) = (self.float_sym(sum), self.float_sym(lost));
                self.hold(2, sum);
                self.hold(1, lost);
                self.drop_all(&drops);
            }
            _ => return Err(AbortReason::Call("sum() of this type")),
        }
        Ok(())
    }

    /// The sum of two floats, and what its rounding has lost added to what was lost before. The loss is a double itself, whichever
    /// way it is worked out (Knuth's, which needs no comparison; CPython has Neumaier's), and not finite where the other is not.
    fn add_exactly(&mut self, total: Val, val: Val, lost: Val) -> (Val, Val) {
        let sum = self.e.pure(Uop::add_float, &[total, val], 0, 0, None);
        let part = self.e.pure(Uop::sub_float, &[sum, total], 0, 0, None);
        let rest = self.e.pure(Uop::sub_float, &[sum, part], 0, 0, None);
        let first = self.e.pure(Uop::sub_float, &[total, rest], 0, 0, None);
        let second = self.e.pure(Uop::sub_float, &[val, part], 0, 0, None);
        let loss = self.e.pure(Uop::add_float, &[first, second], 0, 0, None);
        (sum, self.e.pure(Uop::add_float, &[lost, loss], 0, 0, None))
    }

    /// `any` and `all`: the truth of an item is guarded. Gives the item, which is to be dropped.
    fn test_item(&mut self, truth: bool, seen: Operand) -> Step<Sym> {
        let item = self.pop()?;
        let snap = self.snap();
        let zero = self.e.int(0);
        let guard = if truth { Uop::guard_ne_int } else { Uop::guard_eq_int };
        match (&item, self.number(&item, seen)) {
            (Sym::Const(operand), _) if matches!(operand.kind, Kind::Bool | Kind::None) => {
                let known = operand.kind == Kind::Bool && operand.bits != 0;
                if known != truth {
                    return Err(AbortReason::Truth);
                }
            }
            (Sym::Bool(val), _) => {
                self.e.pure(guard, &[*val, zero], 0, 0, Some(snap));
            }
            (_, Number::Int | Number::Bool) => {
                let val = self.as_int(&item, seen)?;
                self.e.pure(guard, &[val, zero], 0, 0, Some(snap));
            }
            (Sym::Obj(val, _), _) if seen.kind == Kind::None && !truth => {
                let val = *val;
                self.e.pure(Uop::guard_is, &[val], 0, self.host.objects.none, Some(snap));
            }
            (Sym::Obj(..), _) if matches!(seen.kind, Kind::Str | Kind::List | Kind::Tuple | Kind::Dict | Kind::Set) => {
                let length = self.length(&item, seen)?;
                self.e.pure(guard, &[length, zero], 0, 0, Some(snap));
            }
            _ => return Err(AbortReason::Truth),
        }
        Ok(item)
    }

    /// `min` and `max`: the first, then the better one of two numbers; which one is guarded.
    fn compare_item(&mut self, max: bool, seen: Operand) -> Step<()> {
        let item = self.pop()?;
        let item = self.lasting(item);
        let best = self.held(1)?;
        if best == Sym::Null {
            self.best = seen;
            self.hold(1, item);
            return Ok(());
        }
        let snap = self.snap();
        let known = self.best;
        let better = match (self.number(&item, seen), self.number(&best, known)) {
            (Number::Int, Number::Int) => {
                let (new, old) = (self.as_int(&item, seen)?, self.as_int(&best, known)?);
                let (seen, known) = (seen.bits as i64, known.bits as i64);
                let better = if max { seen > known } else { seen < known };
                let uop = match (max, better) {
                    (true, true) => Uop::guard_gt_int,
                    (true, false) => Uop::guard_le_int,
                    (false, true) => Uop::guard_lt_int,
                    (false, false) => Uop::guard_ge_int,
                };
                self.e.pure(uop, &[new, old], 0, 0, Some(snap));
                better
            }
            (Number::Float, Number::Float) => {
                let (new, old) = (self.as_float(&item, seen)?, self.as_float(&best, known)?);
                let (seen, known) = (f64::from_bits(seen.bits), f64::from_bits(known.bits));
                let better = if max { seen > known } else { seen < known };
                let (less, more) = if max { (old, new) } else { (new, old) };
                let uop = if better { Uop::guard_lt_float } else { Uop::guard_nlt_float };
                self.e.pure(uop, &[less, more], 0, 0, Some(snap));
                better
            }
            _ => return Err(AbortReason::Call("min() or max() of these types")),
        };
        let dropped = if better {
            self.best = seen;
            self.hold(1, item);
            best
        } else {
            item
        };
        self.discard(&[dropped])
    }

    /// What a builtin gives at its generator's end. It is taken off the stack of the frame that is on top now; what it has
    /// to make is made, and nothing else has happened yet. Gives what is to be dropped, too.
    pub(super) fn consumed(&mut self, consumer: Consumer, below: Option<Sym>, held: Vec<Sym>) -> Step<(Sym, Vec<Sym>)> {
        let mut held = held.into_iter();
        let first = held.next();
        let snap = self.raise_snap();
        Ok(match (consumer, first) {
            (Consumer::Any, _) => (self.bool_const(false), Vec::new()),
            (Consumer::All, _) => (self.bool_const(true), Vec::new()),
            (Consumer::Sum, Some(total)) => match (&total, held.next()) {
                (Sym::Float(total, _), Some(Sym::Float(lost, _))) => {
                    // What is lost counts where it is finite.
                    let (snap, zero) = (self.snap(), self.e.float(0));
                    let same = self.e.pure(Uop::sub_float, &[lost, lost], 0, 0, None);
                    self.e.pure(Uop::guard_eq_float, &[same, zero], 0, 0, Some(snap));
                    let sum = self.e.pure(Uop::add_float, &[*total, lost], 0, 0, None);
                    (self.float_sym(sum), Vec::new())
                }
                _ => (total, Vec::new()),
            },
            (Consumer::Next | Consumer::Min | Consumer::Max, Some(sym)) if sym != Sym::Null => (sym, Vec::new()),
            (Consumer::List | Consumer::Set, Some(sym)) => (sym, Vec::new()),
            (Consumer::Tuple, Some(sym)) => {
                let list = self.object(&sym)?;
                let function = self.host.leaf.list_to_tuple;
                let tuple = self.e.effect(Uop::call_obj_1, &[list], 0, function, Region::Fixed, Some(snap));
                self.e.set_type(tuple, self.host.objects.tuple);
                (Sym::Obj(tuple, Own::Owned), vec![sym])
            }
            (Consumer::Sorted, Some(sym)) => {
                let list = self.object(&sym)?;
                let function = self.host.functions.sort_plain;
                let done = self.e.effect(Uop::call_truth_2, &[list, list], 0, function, Region::ListItems, Some(snap));
                let (snap, zero) = (self.snap(), self.e.int(0));
                self.e.pure(Uop::guard_ne_int, &[done, zero], 0, 0, Some(snap));
                (sym, Vec::new())
            }
            (Consumer::Join, Some(sym)) => {
                let separator = below.ok_or(AbortReason::Inconsistent("consumer"))?;
                let (list, text) = (self.object(&sym)?, self.object(&separator)?);
                let function = self.host.functions.join_plain;
                let joined = self.e.effect(Uop::call_obj_2, &[text, list], 0, function, Region::Fixed, Some(snap));
                self.e.set_type(joined, self.host.objects.str_);
                (Sym::Obj(joined, Own::Owned), vec![sym, separator])
            }
            _ => return Err(AbortReason::Call("a builtin that found nothing")),
        })
    }
}
