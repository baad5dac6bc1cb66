//! Keyword arguments that have no dict, and calls whose arguments are unpacked.
//!
//! A decorator's wrapper takes `*args, **kwargs` and hands them on: CPython makes a tuple and a dict, a copy of the dict, and takes both
//! apart again. Here the tuple is one that was not made, and so is the dict: an instance of `dict` ([`Sym::Instance`]) whose words behind
//! its class are names and values in turn. All that looks at it otherwise makes it, as any other instance.
//!
//! What holds: names are constants, `str` that came as names of arguments in the code; none comes twice; values are objects or numbers,
//! nothing that is made of parts.

use super::state::Own;
use super::virtual_instances::{FIRST_VALUE, MOST, class_of, describe};
use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::{GeneralOp, Op};
use crate::event::{Bind, Callee, Detail, Event, Kind, Operand};
use crate::ir::{Region, Val};
use decal_uops::Uop;
use std::rc::Rc;

/// Instructions between a new dict and what is merged into it.
const LOOKAHEAD: usize = 4;

impl Recorder<'_> {
    /// Whether this is a dict that was not made.
    pub(super) fn is_keywords(&self, sym: &Sym) -> bool {
        let Sym::Instance(parts, _) = sym else { return false };
        class_of(parts).is_some_and(|class| class.object == self.host.leaf.dict)
    }

    fn describe_keywords(&mut self, items: Vec<Sym>) -> Sym {
        describe(self.host.leaf.dict, items, self.new_box())
    }

    /// Ends where a function's `**kwargs` could not be made of these arguments.
    pub(super) fn check_keywords(&self, event: &Event, args: &[Sym]) -> Step<()> {
        let Some(Bind::Keywords(names)) = event.binds.last() else { return Ok(()) };
        let has_value = |index: &u32| args.get(*index as usize).is_some_and(is_value);
        let fits = self.describes_builtins() && 2 * names.len() + FIRST_VALUE <= MOST;
        if names.is_empty() || fits && names.iter().all(|(_, index)| has_value(index)) {
            return Ok(());
        }
        Err(AbortReason::Call("arguments for a function's **parameter"))
    }

    /// The dict of a function that takes any named arguments, where it must be made: nothing is in it.
    pub(super) fn made_keywords(&mut self, event: &Event) -> Step<Option<Sym>> {
        if self.describes_builtins() || !matches!(event.binds.last(), Some(Bind::Keywords(_))) {
            return Ok(None);
        }
        let dict = self.make_keywords(&[]);
        Ok(Some(Sym::Obj(dict, Own::Owned)))
    }

    /// The same where it need not be made; its values go from the arguments into it.
    pub(super) fn new_keywords(&mut self, names: &[(Operand, u32)], args: &[Sym]) -> Step<Sym> {
        let mut items = Vec::new();
        for (name, index) in names {
            let value = args.get(*index as usize).cloned().ok_or(AbortReason::Inconsistent("arguments"))?;
            items.extend([Sym::Const(*name), value]);
        }
        Ok(self.describe_keywords(items))
    }

    /// A new dict that arguments are about to be unpacked into, of the names and values on top of the stack. Whether this is that.
    pub(super) fn start_keywords(&mut self, event: &Event) -> Step<bool> {
        let soon = self.rec.events.iter().skip(self.event + 1).take(LOOKAHEAD);
        let merges = soon
            .take_while(|then| (then.depth, then.code) == (event.depth, event.code))
            .any(|then| matches!(then.op, Op::General(GeneralOp::DictMerge, _)));
        if !merges || !self.describes_builtins() {
            return Ok(false);
        }
        let items = match event.op {
            Op::BuildMap(pairs) => (1..=2 * pairs).rev().map(|nth| self.peek(nth)).collect::<Step<Vec<_>>>()?,
            Op::BuildConstKeyMap(count) => {
                let Sym::Const(names) = self.peek(1)? else { return Ok(false) };
                let Some(names) = self.rec.tuples.get(&names.object) else { return Ok(false) };
                let mut items = Vec::new();
                for (name, nth) in names.iter().zip((2..=count + 1).rev()) {
                    items.extend([Sym::Const(*name), self.peek(nth)?]);
                }
                items
            }
            _ => return Ok(false),
        };
        let named = |pair: &[Sym]| matches!(pair[0], Sym::Const(name) if name.kind == Kind::Str) && is_value(&pair[1]);
        let twice = |at: usize| items[..at].iter().step_by(2).any(|known| is_same(known, &items[at]));
        if !items.chunks_exact(2).all(named)
            || (0..items.len()).step_by(2).any(twice)
            || items.len() + FIRST_VALUE > MOST
        {
            return Ok(false);
        }
        for _ in 0..event.op.taken() {
            self.pop()?;
        }
        let items = items.into_iter().map(|item| self.lasting(item)).collect();
        let dict = self.describe_keywords(items);
        self.push(dict);
        Ok(true)
    }

    /// `**kwargs` in a call: the names of one dict come to another. What was made is not looked into, but for whether there is
    /// anything in it.
    pub(super) fn merge_keywords(&mut self, nth: u32, event: &Event) -> Step<()> {
        let other = AbortReason::Instruction("DICT_MERGE (of a dict that exists)");
        let into = self.peek(nth + 1)?;
        if !self.is_keywords(&into) {
            return Err(other);
        }
        let more = self.peek(1)?;
        let seen = *event.operands.first().ok_or(other)?;
        if self.is_keywords(&more) {
            let Sym::Instance(from, _) = &more else { return Err(other) };
            let added: Vec<Sym> = from.iter().skip(FIRST_VALUE).map(Self::duplicate).collect();
            let Sym::Instance(mut parts, id) = into else { return Err(other) };
            let has = |name: &Sym| parts.iter().skip(FIRST_VALUE).step_by(2).any(|known| is_same(known, name));
            if added.iter().step_by(2).any(has) || parts.len() + added.len() > MOST || self.uses(id) != 1 {
                return Err(other);
            }
            Rc::make_mut(&mut parts).extend(added);
            let stack = self.top_stack();
            let slot = stack.len() - nth as usize - 1;
            stack[slot] = Sym::Instance(parts, id);
        } else {
            if seen.kind != Kind::Dict || seen.bits != 0 || !matches!(more, Sym::Obj(..)) {
                return Err(other);
            }
            let (length, zero, snap) = (self.length(&more, seen)?, self.e.int(0), self.snap());
            self.e.pure(Uop::guard_eq_int, &[length, zero], 0, 0, Some(snap));
        }
        let more = self.pop()?;
        self.discard(&[more])
    }

    /// `f(*args)` and `f(*args, **kwargs)`, where what is called is followed.
    pub(super) fn call_unpacked(&mut self, flags: u32, event: &Event) -> Step<()> {
        let other = AbortReason::Call("a function with arguments that are unpacked");
        if !matches!(event.detail, Detail::Enter(_) | Detail::Generate(_) | Detail::New(_)) {
            return Err(if let Detail::Opaque(what) = event.detail { AbortReason::Call(what) } else { other });
        }
        self.settle_null(2 + (flags & 1), Operand::NULL)?;
        let mut named = Vec::new();
        if flags & 1 != 0 {
            let (keywords, seen) = (self.peek(1)?, event.operands.last().copied().ok_or(other)?);
            let Sym::Instance(parts, id) = &keywords else { return Err(other) };
            // Values would be theirs who have the dict, too.
            if !self.is_keywords(&keywords)
                || parts.len() - FIRST_VALUE != 2 * seen.bits as usize
                || self.uses(*id) != 1
            {
                return Err(other);
            }
            named.extend(parts.iter().skip(FIRST_VALUE + 1).step_by(2).cloned());
        }
        let (positional, seen) = (self.peek(1 + (flags & 1))?, event.operands.get(2).copied().ok_or(other)?);
        let mut others = None;
        let mut args = match &positional {
            Sym::Tuple(items, id) if self.uses(*id) == 1 => items.to_vec(),
            Sym::Tuple(items, _) => {
                others = Some(positional.clone());
                items.iter().map(Self::duplicate).collect()
            }
            // One that nobody else holds would take its items along.
            Sym::Obj(tuple, own) if seen.kind == Kind::Tuple && *own != Own::Owned => {
                self.guard_exact(&positional, seen)?;
                let (length, wanted, snap) =
                    (self.length(&positional, seen)?, self.e.int(seen.bits as i64), self.snap());
                self.e.pure(Uop::guard_eq_int, &[length, wanted], 0, 0, Some(snap));
                self.items(*tuple, seen.bits as usize)
            }
            Sym::Const(tuple) if seen.kind == Kind::Tuple && seen.object == tuple.object => {
                let object = self.e.object(tuple.object, tuple.ty);
                self.items(object, seen.bits as usize)
            }
            _ => return Err(other),
        };
        let by_c = match event.detail {
            Detail::Enter(callee) => callee.by_c,
            Detail::New(_) => true,
            _ => false,
        };
        // A function in C holds references to the values of named arguments as well.
        if by_c && !named.is_empty() {
            return Err(other);
        }
        if let Detail::Enter(callee) = event.detail
            && by_c
        {
            return self.call_method_unpacked(callee, flags, args, event);
        }
        if by_c && args.iter().any(|arg| matches!(arg, Sym::Obj(_, Own::Owned))) {
            return Err(other);
        }
        args.append(&mut named);
        for _ in 0..2 + (flags & 1) {
            self.pop()?;
        }
        let callable = self.pop()?;
        self.discard(others.as_slice())?;
        match event.detail {
            Detail::Enter(callee) => self.call_python(callee, callable, Sym::Null, args, event),
            Detail::Generate(made) => self.make_generator(made, callable, Sym::Null, args, event),
            Detail::New(making) => self.make_instance(making, callable, args, event),
            _ => Err(other),
        }
    }

    /// A bound method with arguments out of a tuple, which stays on the stack.
    fn call_method_unpacked(&mut self, callee: Callee, flags: u32, args: Vec<Sym>, event: &Event) -> Step<()> {
        let operands = 3 + (flags & 1);
        let callable = self.peek(operands)?;
        let bound = self.bound_to(callee, &callable, event)?;
        let args = std::iter::once(bound).chain(args.iter().map(Self::duplicate)).collect();
        self.enter_by_c(callee, operands, args, event)
    }

    /// The first items of a tuple that exists.
    fn items(&mut self, tuple: Val, count: usize) -> Vec<Sym> {
        let (first, snap) = (self.host.layout.tuple_items, self.snap());
        let disps = (0..count).map(|index| first + 8 * index as i32);
        let item = |disp| self.e.load(Uop::load_obj, tuple, None, disp, Region::Fixed, Some(snap));
        disps.map(item).map(|item| Sym::Obj(item, Own::Container)).collect()
    }

    /// Makes a dict of names and values in turn.
    pub(super) fn make_keywords(&mut self, items: &[Val]) -> Val {
        let none = self.e.object(self.host.objects.none, self.host.objects.none_type);
        let dict = self.call_fast(none, items, self.host.functions.new_keywords);
        self.e.set_type(dict, self.host.leaf.dict);
        dict
    }
}

/// Whether two names are one: they are interned.
fn is_same(name: &Sym, other: &Sym) -> bool {
    matches!((name, other), (Sym::Const(name), Sym::Const(other)) if name.object == other.object)
}

/// Whether this can be a value of such a dict: nothing that would have to be made of parts.
pub(super) fn is_value(sym: &Sym) -> bool {
    match sym {
        Sym::Obj(_, own) => !matches!(own, Own::StackSlot(_)),
        Sym::Int(..) | Sym::Float(..) | Sym::Bool(_) | Sym::Const(_) => true,
        _ => false,
    }
}
