//! What a trace saves: how much of CPython's work an entry replaces.
//!
//! A loop pays by its turns: one that ends after three of them each time costs more to enter than they gain. A trace from a
//! function's start is entered for one call each time, so that what counts
//! is how far it comes: an exit in its first lines costs as much as one at the return. Each exit knows what CPython
//! would have spent between the trace's start and it; exits count how often they are taken; so the mean is a matter
//! of a few sums, done once in several hundred entries.
//!
//! The unit is a nanosecond of the machine on which these numbers were measured. It is not asked how long things take
//! here and now: the answer would depend on what else the machine does.

use crate::executor::{Executor, Exit};
use crate::state::{Engine, FUNCTION_START};
use decal_cpython::PyObject;
use decal_cpython::hook::leads_in;
use decal_trace::allocated::ExitIndex;
use decal_trace::bytecode::{GeneralOp, Op};
use decal_trace::event::{CodeId, Detail, Event, Kind, Recording};
use decal_trace::ir::{Inst, Region, Trace};
use decal_trace::record::Recorded;
use decal_uops::{Form, Uop};

/// What entering and leaving a trace at a function's start, by its event, costs more than to start and to leave the function. Measured 130
/// where all is in the caches.
const ENTRY: i64 = 130;
/// The same where the function leads into its trace by itself (see [`crate::entrance`]), and the interpreter calls it. Measured 35 to 45.
const CALL: i64 = 45;
/// The same where a function in C calls it, which takes an interpreter of its own otherwise. Measured as less than nothing.
const CALL_BY_C: i64 = 0;
/// What it costs more where the frame has to be made after all.
const CALL_FRAME: i64 = 30;
/// The same for a loop, which CPython leaves and enters at no cost: a backward jump's event, the way in, the way out, and
/// the frame that is put together at its end. Measured 100 where all is in the caches; in `copy.deepcopy`, whose loops are short, traces
/// that save this much gain nothing.
const LOOP_ENTRY: i64 = 190;
/// What a frame costs which an exit has to make, and which gets an interpreter of its own.
const FRAME: i32 = 80;

/// What a generator costs that hands a request down in its `yield from`, and an item up, in tenths of a nanosecond.
const ASKER: i32 = 80;

/// What a builtin and a generator spend on an item that goes from one to the other, in tenths of a nanosecond: `sum` over a generator
/// expression takes 22 ns longer for each than the same loop.
const CONSUMED: i32 = 200;

/// What `in` spends on looking through a list or a tuple beyond what the trace's own function does, in tenths of a nanosecond. A careful
/// part of what was measured: `1 if v in c else 0` takes 38 ns longer than `1` in CPython, and 9 in a trace, for lists of two.
const SEARCH: i32 = 120;

/// What CPython spends on finding an exception's handler, in tenths of a nanosecond. Traces that raise were measured to take as long as
/// CPython does, or up to a tenth longer: a loop gains by its turns that do not raise.
const UNWINDING: i32 = 650;

/// What CPython spends on an instruction, roughly, without what a general operation spends as well: in tenths of a
/// nanosecond.
fn saved(event: &Event, general: bool) -> i32 {
    let floats = || event.operands.iter().any(|operand| operand.kind == Kind::Float);
    let opaque = || general || matches!(event.detail, Detail::Opaque(_));
    let callable = || event.operands.first().map(|operand| operand.kind);
    let is_searched = || matches!(event.operands.get(1).map(|operand| operand.kind), Some(Kind::List | Kind::Tuple));
    match event.op {
        Op::ForIter(_) if let Detail::Resume(resumed) = event.detail => 60 + ASKER * resumed.before.min(100) as i32,
        _ if matches!(event.detail, Detail::Generate(_)) => 500,
        Op::Send(_) => 200,
        _ if matches!(event.detail, Detail::Undelegate(_)) => 200,
        Op::Nop | Op::JumpForward(_) | Op::JumpBackward(_) | Op::Copy(_) | Op::Swap(_) | Op::PushNull => 5,
        Op::LoadFast(_) | Op::LoadConst(_) | Op::PopJump(..) | Op::Is(_) | Op::PopTop => 15,
        Op::Binary(_) if floats() => 90,
        Op::Binary(_) => 45,
        Op::Call(_)
            if !general && matches!(event.detail, Detail::Enter(_) | Detail::Native(_) | Detail::Partial(_)) =>
        {
            100
        }
        // The interpreter calls these without a C function between.
        Op::General(GeneralOp::CallEx, _) if !opaque() => 300,
        Op::General(GeneralOp::CallEx, _) if matches!(callable(), Some(Kind::Function | Kind::Method)) => -600,
        Op::General(GeneralOp::BeforeWith, _) if !general => 600,
        Op::General(GeneralOp::DictMerge, _) if !general => 200,
        Op::BuildMap(_) | Op::BuildConstKeyMap(_) if !general => 150,
        Op::Call(_) | Op::CallKw(_) if opaque() && matches!(callable(), Some(Kind::Function | Kind::Method)) => -600,
        Op::Call(_) if opaque() => 20,
        Op::Call(_) => 60,
        Op::LoadAttr { .. } | Op::LoadGlobal { .. } => 25,
        Op::Compare(..) | Op::Subscript => 30,
        Op::Return | Op::ReturnConst(_) | Op::StoreAttr { .. } | Op::StoreSubscript => 40,
        Op::UnpackSequence(_) | Op::ForIter(_) => 40,
        Op::Contains(_) if !general && is_searched() => SEARCH,
        Op::UnpackEx(..) => 600,
        Op::BuildTuple(_) | Op::GetIter | Op::Slice | Op::BuildSlice(_) => 80,
        _ => 20,
    }
}

/// What CPython spends on an event of this recording, as [`saved`] has it.
fn saved_at(recording: &Recording, index: usize, event: &Event, general: bool) -> i32 {
    let asks_at_once = || {
        // Behind the last one the loop begins anew.
        let head = recording.arrival.map_or(0, |event| event as usize);
        let next = recording.events.get(index + 1).or_else(|| recording.events.get(head));
        next.is_some_and(|next| next.depth >= event.depth)
    };
    saved(event, general) + if matches!(event.op, Op::Yield { .. }) && asks_at_once() { CONSUMED } else { 0 }
}

/// What a trace spends on an instruction, in tenths of a nanosecond.
fn spent(inst: &Inst) -> i32 {
    let Inst::Uop(inst) = inst else { return 0 };
    match inst.uop {
        // Counting instructions must not change what is compiled.
        Uop::const_raw | Uop::load_float | Uop::const_float | Uop::add_float | Uop::store_float
            if inst.region == Region::Counts =>
        {
            0
        }
        Uop::push_frame | Uop::pop_frame => 120,
        Uop::call_native => 250,
        Uop::guard_undisturbed => 20,
        // It is asked about what was seen to have no other holder, and looks at all that it holds.
        Uop::guard_droppable => 140,
        _ if inst.region == Region::Any && inst.uop.info().form == Form::Fixed => 30,
        uop if uop.info().form == Form::Fixed => 40,
        _ => 4,
    }
}

/// What a trace saves.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// A turn of its loop, or the whole trace, where its end leads to another loop: that counts as a turn, too.
    pub turn: i32,
    /// All that comes before its label for the first time, or before its end where it has none.
    pub before: i32,
}

/// What is saved in front of the trace that continues this exit: the frames that the exit makes are not made then.
pub fn before(parent: &Executor, index: ExitIndex) -> i32 {
    let Some(exit) = parent.exits.get(index.0 as usize) else { return 0 };
    let frames = parent.recorded.trace.snaps.get(exit.snap).map_or(0, |snap| snap.frames.len() as i32 - 1);
    exit.saved + exit.turns as i32 * parent.turn_saves + frames * FRAME
}

/// What instructions of a trace save and cost, added up.
pub struct Weighed {
    /// What all of it saves.
    pub weight: Weight,
    /// What is spent before each instruction of the trace, and all in all.
    costs: Vec<i32>,
    spending: i32,
    /// What is saved before each event of the recording, and all in all; and before the head of its loop.
    sums: Vec<i32>,
    sum: i32,
    until: i32,
    /// What was saved before the trace's start.
    before: i32,
    /// Turns that the loop's body holds, and what each of them spends.
    turns: i32,
    body_costs: i32,
}

impl Weighed {
    /// How many turns the loop's body has made where so much is spent: each takes the same.
    fn turns_before(&self, cost: i32) -> u32 {
        let begins = self.spending - self.turns * self.body_costs;
        let turns = (cost - begins).checked_div(self.body_costs).unwrap_or(0);
        turns.clamp(0, self.turns - 1) as u32
    }
}

/// Adds up what a trace saves. `before` is what was saved before its start.
pub fn weigh(recorded: &Recorded, recording: &Recording, before: i32) -> Weighed {
    let trace = &recorded.trace;
    let mut spending = 0;
    let mut costs = Vec::with_capacity(trace.insts.len());
    for inst in &trace.insts {
        costs.push(spending);
        spending += spent(inst);
    }
    let mut sum = 0;
    let mut sums = Vec::with_capacity(recording.events.len());
    let mut generals: Vec<(CodeId, u32)> = recorded.general.iter().map(|(code, offset, _)| (*code, *offset)).collect();
    generals.sort();
    // What is done in a call that goes through CPython is not saved.
    let mut within: Option<u32> = None;
    for (index, event) in recording.events.iter().enumerate() {
        sums.push(sum);
        let raised = recording.raised.get(&(index as u32));
        if let Some(depth) = within.filter(|depth| event.depth > *depth) {
            if raised.is_some_and(|raised| raised.depth <= depth) {
                sum += UNWINDING;
            }
            continue;
        }
        let general = generals.binary_search(&(event.code, event.offset)).is_ok();
        within = general.then_some(event.depth);
        sum += saved_at(recording, index, event, general);
        if raised.is_some() {
            sum += UNWINDING;
        }
    }
    // A loop's body is a second pass over the events from its head on. Turns are counted: exits there stand for the first pass
    // and their part of a turn.
    let first = recording.arrival.map_or(0, |event| event as usize);
    let body = trace.label.map_or(usize::MAX, |label| label as usize);
    let costs_before = costs.get(body).copied().unwrap_or(spending);
    let until = sums.get(first).copied().unwrap_or(0);
    let body_costs = (spending - costs_before) / recorded.turns as i32;
    let turn = if trace.label.is_some() { sum - until - body_costs } else { sum - spending } / 10;
    let reached = if trace.label.is_some() { sum } else { sums.get(recorded.events).copied().unwrap_or(sum) };
    let weight = Weight { turn, before: before + (reached - costs_before) / 10 };
    Weighed { weight, costs, spending, sums, sum, until, before, turns: recorded.turns as i32, body_costs }
}

/// Sets what is saved before each exit.
pub fn weigh_exits(exits: &mut [Exit], weighed: &Weighed, trace: &Trace, recording: &Recording) {
    let Weighed { costs, sums, sum, .. } = weighed;
    let body = trace.label.map_or(usize::MAX, |label| label as usize);
    // Exits come in the order of the trace, which is that of the events; a loop's second pass begins anew.
    let (mut cursor, mut last, mut found) = (0, None, None);
    for exit in exits {
        let frames = trace.snaps.get(exit.snap).map(|snap| snap.frames);
        let made = frames.map_or(0, |frames| frames.len() as i32 - 1);
        let place = frames.and_then(|frames| frames.last()).map(|frame| (made, frame.code, frame.offset));
        // An instruction may have many exits.
        if last != Some(place) {
            let here = |event: &Event| Some((event.depth as i32, event.code, event.offset)) == place;
            let ahead = recording.events.iter().skip(cursor).position(here).map(|index| cursor + index);
            found = ahead.or_else(|| recording.events.iter().position(here));
            last = Some(place);
        }
        cursor = found.unwrap_or(cursor);
        let end = exit.at.is_none() && found.is_none();
        let reached = if end { Some(*sum) } else { sums.get(cursor).copied() };
        let in_body = exit.at.is_some_and(|val| val.index() >= body);
        let reached = reached.map(|reached| if in_body { sum + (reached - weighed.until).max(0) } else { reached });
        let cost = exit.at.and_then(|val| costs.get(val.index())).copied().unwrap_or(weighed.spending);
        exit.turns = if in_body { weighed.turns_before(cost) } else { 0 };
        let cost = cost - exit.turns as i32 * weighed.body_costs;
        exit.saved = weighed.before + (reached.unwrap_or(0) - cost) / 10 - made * FRAME;
    }
}

/// Whether a trace of this pass could not pay, whatever the recorder makes of it. That is known at once, and translating it
/// costs more than observing did.
pub fn is_hopeless(recording: &Recording, function: Option<Function>) -> bool {
    let events = recording.events.iter().enumerate().skip(recording.arrival.map_or(0, |event| event as usize));
    let most = events.map(|(index, event)| saved_at(recording, index, event, false)).sum::<i32>() / 10;
    gains_nothing(most, function.filter(|_| recording.arrival.is_none()))
}

/// Whether a root trace loses with each entry or each turn, by estimate: other ways through it may be better, but this is what was
/// seen first.
pub fn is_pointless(recorded: &Recorded, recording: &Recording, function: Option<Function>) -> bool {
    let weight = weigh(recorded, recording, 0).weight;
    let straight = function.filter(|_| recorded.trace.label.is_none());
    gains_nothing(if straight.is_some() { weight.before } else { weight.turn }, straight)
}

/// A function whose start was observed.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its code.
    pub code: *mut PyObject,
    /// Whether a function in C called it.
    pub by_c: bool,
}

/// Whether that is too little for a straight way from the start of this function to its end, or else for a turn of a loop.
fn gains_nothing(saves: i32, function: Option<Function>) -> bool {
    let least = match function {
        None => 1,
        // SAFETY: the code of a pass that was just observed.
        Some(function) if !unsafe { leads_in(function.code) } => ENTRY,
        Some(function) => {
            if function.by_c {
                CALL_BY_C
            } else {
                CALL
            }
        }
    };
    i64::from(saves) < least
}

/// Turns that side traces make of a root trace's loop, and what they save, in one number that a trace adds to: the turns are above
/// these bits. A trace that runs so long that the turns run over seems to have made fewer.
const SAVED_BITS: u32 = 40;

/// Puts into a side trace what so many turns round the root trace's loop save when they go its way.
pub fn set_credit(recorded: &mut Recorded, saves: i32) {
    let turns = i64::from(recorded.turns);
    let amount = recorded.credit.and_then(|credit| recorded.trace.insts.get_mut(credit.index()));
    if let Some(Inst::Uop(inst)) = amount {
        inst.imm64 = credit_of(turns, saves) as u64;
    }
}

/// So many turns, each of which saves this.
fn credit_of(turns: i64, saves: i32) -> i64 {
    (turns << SAVED_BITS) + turns * i64::from(saves)
}

/// Turns, and what they have saved.
fn split(credit: i64) -> (i64, i64) {
    let saved = credit << (64 - SAVED_BITS) >> (64 - SAVED_BITS);
    (credit.wrapping_sub(saved) >> SAVED_BITS, saved)
}

/// What the turns of a root trace's loop have saved, those of its side traces included. Links lead into loops past the count of their turns,
/// which the trace gets that was entered: of side traces alone nobody can say that they saved less than the root trace would have.
fn saved_by_turns(root: &Executor) -> i64 {
    let (aside, saved) = split(root.alive.saved.get());
    let own = (root.turns.get() as i64 - aside).max(0);
    own.saturating_mul(i64::from(root.turn_saves)) + saved
}

/// What a loop may have lost before it is given up, however seldom it was entered.
const MOST_LOST: i64 = 500_000;

/// Whether a loop whose turns cost more than CPython's has run long enough.
pub fn loses(root: &Executor) -> bool {
    root.offset != FUNCTION_START && saved_by_turns(root) < -MOST_LOST
}

/// What compiling an instruction of a trace costs.
const COMPILING: i64 = 3000;
/// Instructions of a root trace and its side traces that need not have paid yet; the same where the root trace by itself loses.
const ADVANCE: [i64; 2] = [1200, 300];
/// So often it is twice as many for the next root trace of a location, where one has not paid.
const MOST_DOUBLINGS: u8 = 3;

/// Whether a root trace and its side traces have saved so much that one more may be compiled. The ways through some loops are without
/// number, and each is taken too seldom to earn what compiling it costs.
pub fn has_earned(engine: &Engine, root: &Executor, size: usize) -> bool {
    let invested = size as i64;
    let location = engine.locations.get(&(root.code as usize, root.offset));
    let given_up = location.map_or(0, |location| location.given_up.min(MOST_DOUBLINGS));
    let advance = ADVANCE[usize::from(root.turn_saves < 0)] << given_up;
    engine.options.stress.hot || invested < advance || gained(engine, root) >= invested * COMPILING / 2
}

/// Whether a trace that continues this exit would have saved by now what compiling it costs, by estimate: the rest of the root trace's
/// turn, each time that the exit was taken.
pub fn is_owed(root: &Executor, exit: &Exit) -> bool {
    let turn = i64::from(root.turn_saves);
    if turn <= 0 {
        return false;
    }
    // Behind the first pass what that saves is in it, too.
    let rest = turn - i64::from(exit.saved).rem_euclid(turn);
    let trace = &root.recorded.trace;
    let size = trace.insts.len() - trace.label.map_or(0, |label| (label as usize).min(trace.insts.len()));
    (exit.taken.get() as i64).saturating_mul(rest) >= size as i64 * COMPILING
}

/// How far a root trace has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trial {
    /// Entries.
    pub entries: u64,
    /// What they must have gained, in nanoseconds.
    pub least: i64,
    /// What they have gained, in nanoseconds.
    pub gained: i64,
    /// Times left by exits that may still be continued.
    pub open: u64,
}

impl Trial {
    /// Now.
    pub fn now(engine: &Engine, root: &Executor) -> Trial {
        let entries = root.times_entered();
        Trial { entries, least: least(root), gained: gained(engine, root), open: left_open(engine, root) }
    }
}

/// What all entries so far must have gained.
fn least(root: &Executor) -> i64 {
    if root.offset != FUNCTION_START {
        return root.entries.get() as i64 * LOOP_ENTRY;
    }
    let (called, by_c) = (root.called.get(), root.called_by_c.get());
    root.entries.get() as i64 * ENTRY
        + (called - by_c) as i64 * CALL
        + by_c as i64 * CALL_BY_C
        + root.made.get() as i64 * CALL_FRAME
}

/// What a root trace and its side traces have saved so far, in nanoseconds.
pub fn gained(engine: &Engine, root: &Executor) -> i64 {
    let left = sum(engine, root, |_, exit| exit.taken.get() as i64 * i64::from(exit.saved));
    left + saved_by_turns(root)
}

/// Notes what the turns of one entry have saved, and gives it, in nanoseconds. What exits have saved comes to it from time to time: see
/// [`credit`].
pub fn credit_turns(root: &Executor, turns: u64) -> u64 {
    let saved = turns as i64 * i64::from(root.turn_saves.max(0));
    root.credited.set(root.credited.get() + saved);
    saved as u64
}

/// Notes what a root trace and its side traces have saved by now, all in all.
pub fn credit(engine: &mut Engine, root: &Executor, saved: i64) {
    let more = saved - root.credited.get();
    if more > 0 {
        root.credited.set(saved);
        engine.counters.saved += more as u64;
    }
}

/// How often a root trace and its side traces were left by exits that may still be continued: many exits that are taken about
/// as often as each other get hot late.
fn left_open(engine: &Engine, root: &Executor) -> u64 {
    // A native call leaves its trace because of an exit of what it called.
    let open = |exit: &Exit| exit.at.is_some() && (exit.countdown.get() > 0 || exit.calls);
    sum(engine, root, |_, exit| if open(exit) { exit.continuable() as i64 } else { 0 }) as u64
}

/// The sum over the exits of a root trace and its side traces.
pub fn sum(engine: &Engine, root: &Executor, of: impl Fn(&Executor, &Exit) -> i64) -> i64 {
    let all = |executor: &Executor| executor.exits.iter().map(|exit| of(executor, exit)).sum::<i64>();
    let sides = root.sides.borrow();
    let sides = sides.iter().filter_map(|id| engine.executors.get(*id).and_then(Option::as_ref));
    all(root) + sides.map(|side| all(side)).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_and_what_they_save_are_one_number() {
        let account = 1000 * credit_of(1, -48) + 3 * credit_of(4, 17);
        assert_eq!(split(account), (1012, -48_000 + 12 * 17));
        assert_eq!(split(0), (0, 0));
        // More turns than there are bits for: they seem to be fewer.
        let many = (1_i64 << 24).wrapping_mul(credit_of(1, 5));
        assert_eq!(split(many), (0, 5 << 24));
    }
}
