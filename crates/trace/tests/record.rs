//! What the recorder makes of what was observed: events in, the trace's text out.
//!
//! The texts are in `tests/snapshots`, one file per test. After a change that is meant, look at each of them:
//! `INSTA_UPDATE=always cargo test -p decal-trace --test record`, then `git diff`.

mod common;

use common::*;
use decal_trace::bytecode::{BinaryOp, CompareOp, JumpIf, Op};
use decal_trace::eval::heap::{CONTEXT, Heap};
use decal_trace::eval::{Left, run};
use decal_trace::event::{Attribute, Detail, Ending, Kind, KnownCall, Operand, Recording, Shadow};
use decal_trace::ir::{End, Start, Trace};
use decal_trace::record::{Options, Recorded, root};
use decal_trace::snapshot::Source;
use decal_trace::verify::verify;
use decal_uops::{Machine, Uop, offset};
use insta::assert_snapshot;

/// `while i < n: s = s + i; i = i + 1`, with `i`, `n` and `s` in slots 0, 1 and 2.
fn int_while() -> Recording {
    int_turn(Pass::new(3), int(700), int(703)).back_to(0)
}

/// One turn of it, with these sums before and after.
fn int_turn(pass: Pass, before: Operand, after: Operand) -> Pass {
    pass.load(&[0, 1])
        .test(CompareOp::Lt, int(3), int(1000), true)
        .load(&[2, 0])
        .binary(BinaryOp::Add, before, int(3))
        .store(2, after, before)
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(0, int(4), int(3))
}

#[test]
fn int_while_loop() {
    assert_snapshot!(record(&int_while()).text());
}

#[test]
fn without_the_optimizer() {
    let options = Options { optimize: false, ..Options::default() };
    let recorded = root(&int_while(), &host(), Start::Loop, &options).expect("records");
    assert_snapshot!(recorded.trace);
}

/// Runs a recorded loop of `int_while` on a frame in simulated memory. Gives `i` and `s` as the exit has them, and the turns counted.
fn run_int_while(trace: &Trace, limit: u64) -> (i64, i64, u64) {
    let (mut heap, h) = (Heap::new(), host());
    let frame = 0x8_0000;
    heap.store64(CONTEXT + offset::FRAME as u64, frame);
    for (slot, value) in [3, limit, 700].into_iter().enumerate() {
        let object = 0x9_0000 + 0x40 * slot as u64;
        heap.store64(frame + h.layout.frame_locals as u64 + 8 * slot as u64, object);
        heap.store64(object, 5);
        heap.store64(object + 8, h.objects.int);
        heap.store64(object + 16, 1 << 3);
        heap.store64(object + 24, value);
    }
    let Left::Exit { snap, values, .. } = run(trace, &[], &mut heap, &mut { 1_000_000 }) else {
        panic!("the loop does not end")
    };
    let frame = trace.snaps.get(snap).unwrap().frames.first().unwrap();
    let number = |source: &Source| match source {
        Source::Int(val, _) => values[val.index()] as i64,
        other => panic!("{other:?}"),
    };
    let turns = heap.load64(CONTEXT + offset::ITERATIONS as u64);
    (number(&frame.locals[0]), number(&frame.locals[2]), turns)
}

#[test]
fn the_int_loop_computes_the_sum() {
    let root = record(&int_while());
    assert_eq!(run_int_while(&root.recorded.trace, 1000), (1000, 700 + (3..1000).sum::<i64>(), 996));
}

#[test]
fn several_turns_in_one_body() {
    let recorded = unrolled(&int_while());
    assert_eq!(recorded.turns, 4);
    assert_snapshot!(recorded.trace);
}

/// The limit is met in each of the turns that the body holds. What they count is counted where all of them were made.
#[test]
fn each_turn_of_a_body_has_its_exit() {
    let recorded = unrolled(&int_while());
    for limit in 5..13 {
        let counted = (limit - 4) / 4 * 4;
        let sum = 700 + (3..limit as i64).sum::<i64>();
        assert_eq!(run_int_while(&recorded.trace, limit), (limit as i64, sum, counted));
    }
}

/// `while i < n: if i < 1000: ...` decides in each turn: more turns would have exits for more side traces.
#[test]
fn a_body_that_decides_holds_one_turn() {
    let pass = Pass::new(3).load(&[0, 1]).test(CompareOp::Lt, int(3), int(1000), true);
    let recorded = unrolled(&int_turn(pass, int(700), int(703)).back_to(0));
    assert_eq!(recorded.turns, 1);
}

/// Records a loop whose body may hold several turns.
fn unrolled(recording: &Recording) -> Recorded {
    let options = Options { unroll: true, ..Options::default() };
    let recorded = root(recording, &host(), Start::Loop, &options).expect("records");
    verify(&recorded.trace).expect("is sound");
    recorded
}

/// `while x < 100.0: x = x * y - 0.5`
#[test]
fn float_loop() {
    let pass = Pass::new(2)
        .load(&[0])
        .constant(float(100.0))
        .test(CompareOp::Lt, float(2.0), float(100.0), true)
        .load(&[0, 1])
        .binary(BinaryOp::Mul, float(2.0), float(1.5))
        .constant(float(0.5))
        .binary(BinaryOp::Sub, float(3.0), float(0.5))
        .store(0, float(2.5), float(2.0));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `for i in range(n): s += i`: the iterator lies on the stack.
#[test]
fn range_for() {
    let iterator = object(Kind::RangeIter, 0x32_0000, 0);
    let pass = Pass::new(2)
        .stack(1)
        .with(Op::ForIter(80), &[iterator], Detail::Next(true))
        .store(0, int(5), int(4))
        .load(&[1, 0])
        .binary(BinaryOp::Add, int(10), int(5))
        .store(1, int(15), int(10));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `for x in xs: s += x`
#[test]
fn list_sum() {
    let iterator = object(Kind::ListIter, 0x32_0000, 0);
    let pass = Pass::new(2)
        .stack(1)
        .with(Op::ForIter(80), &[iterator], Detail::Next(true))
        .store(0, float(5.0), float(4.0))
        .load(&[1, 0])
        .binary(BinaryOp::Add, float(10.0), float(5.0))
        .store(1, float(15.0), float(10.0));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while i < n: xs[i] = x * y; i += 1`, on a list of floats that nobody else holds: they are written over in place.
#[test]
fn list_store() {
    let pass = Pass::new(5)
        .load(&[0, 1])
        .test(CompareOp::Lt, int(3), int(1000), true)
        .load(&[3, 4])
        .binary(BinaryOp::Mul, float(2.0), float(1.5))
        .load(&[2, 0])
        .op(Op::StoreSubscript, &[float(3.0), list(1000), int(3), sole(float(7.0))])
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(0, int(4), int(3));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while True: p.x = p.x + p.y`, where others hold what was in `p.x`: there is a new object for each turn.
#[test]
fn attributes() {
    let inline = |disp: i32| Detail::Attribute(Attribute::Inline { disp, valid_disp: 0x21, dict_disp: -24 });
    let pass = Pass::new(1)
        .load(&[0])
        .with(Op::LoadAttr { name: 0, method: false }, &[instance()], inline(40))
        .load(&[0])
        .with(Op::LoadAttr { name: 1, method: false }, &[instance()], inline(48))
        .binary(BinaryOp::Add, float(1.0), float(2.0))
        .load(&[0])
        .with(Op::StoreAttr { name: 0 }, &[float(3.0), instance(), shared(float(1.0))], inline(40));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while i < n: i = add(i, 1)` with `def add(a, b): return a + b`
#[test]
fn inlined_call() {
    let mut pass = Pass::new(2);
    let add = pass.code("add", 2, 2);
    let pass = pass
        .load(&[0, 1])
        .test(CompareOp::Lt, int(3), int(1000), true)
        .global(function(1), true)
        .load(&[0])
        .constant(int(1))
        .enter(function(1), add, NULL, &[int(3), int(1)])
        .load(&[0, 1])
        .binary(BinaryOp::Add, int(3), int(1))
        .leave(int(4))
        .store(0, int(4), int(3));
    let root = record(&pass.back_to(0));
    assert_eq!(root.recorded.max_depth, 1);
    assert_snapshot!(root.text());
}

/// `while True: p.step()`, which adds one to a slot of `p`.
#[test]
fn inlined_method() {
    let slot = Detail::Attribute(Attribute::Slot { disp: 16 });
    let shadow = Shadow::Names { valid_disp: 0x21, address: 0xa000, names: 77 };
    let found = Attribute::Method { function: function(2), shadow };
    let mut pass = Pass::new(1);
    let step = pass.code("P.step", 1, 1);
    let pass = pass
        .load(&[0])
        .with(Op::LoadAttr { name: 0, method: true }, &[instance()], Detail::Attribute(found))
        .enter(function(2), step, instance(), &[])
        .load(&[0])
        .with(Op::LoadAttr { name: 1, method: false }, &[instance()], slot)
        .constant(int(1))
        .binary(BinaryOp::Add, int(3000), int(1))
        .load(&[0])
        .with(Op::StoreAttr { name: 1 }, &[int(3001), instance(), sole(int(3000))], slot)
        .with(Op::ReturnConst(0), &[], Detail::Const(NONE));
    let pass = pass.forget_frame().op(Op::PopTop, &[NONE]);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while True: v = P(v.x + 1)`, whose `__init__` stores it into a slot.
fn counting_instances(bare: bool) -> Recording {
    let slot = Detail::Attribute(Attribute::Slot { disp: 16 });
    let class = object(Kind::Type, 0x60_0000, 0);
    let (before, after) = (instance(), object(Kind::Other, 0x30_0100, 0));
    let mut pass = Pass::new(1);
    let init = pass.code("P.__init__", 2, 2);
    let pass = pass
        .global(class, true)
        .load(&[0])
        .with(Op::LoadAttr { name: 1, method: false }, &[before], slot)
        .constant(int(1))
        .binary(BinaryOp::Add, int(3000), int(1))
        .make(class, init, bare, &[int(3001)])
        .load(&[1, 0])
        .with(Op::StoreAttr { name: 1 }, &[int(3001), after, NULL], slot)
        .with(Op::ReturnConst(0), &[], Detail::Const(NONE));
    pass.forget_frame().store(0, after, before).back_to(0)
}

#[test]
fn an_instance_that_is_made_once() {
    let text = record(&counting_instances(true)).text();
    assert_eq!(text.matches("call_").count(), 0, "none is made but at exits");
    assert_snapshot!(text);
}

#[test]
fn an_instance_that_is_made_each_time() {
    assert_snapshot!(record(&counting_instances(false)).text());
}

/// `while a < n: a, b = b, a + b`: values change places, nothing is packed.
#[test]
fn tuple_swap() {
    let pass = Pass::new(3)
        .load(&[0, 2])
        .test(CompareOp::Lt, int(3000), int(100_000), true)
        .load(&[1, 0])
        .load(&[1])
        .binary(BinaryOp::Add, int(3000), int(5000))
        .op(Op::Swap(2), &[])
        .op(Op::StoreFastStoreFast(0, 1), &[int(5000), int(8000), int(3000), int(5000)]);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `a, b = (a, b)[::-1]`, more or less: a tuple that is built and taken apart again.
#[test]
fn tuple_packed_and_unpacked() {
    let tuple = object(Kind::Tuple, 0x33_0000, 2);
    let pass = Pass::new(2)
        .load(&[1, 0])
        .op(Op::BuildTuple(2), &[])
        .op(Op::UnpackSequence(2), &[tuple])
        .op(Op::StoreFastStoreFast(0, 1), &[float(1.0), float(2.0), float(2.0), float(1.0)]);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while x < LIMIT: x = x + STEP`, two globals, one of them a float.
#[test]
fn global_constants() {
    let pass = Pass::new(1)
        .load(&[0])
        .global(float(1e9), false)
        .test(CompareOp::Lt, int(3000), float(1e9), true)
        .load(&[0])
        .global(int(7), false)
        .binary(BinaryOp::Add, int(3000), int(7))
        .store(0, int(3007), int(3000));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `s = min(s, max(abs(x), len(xs)))`
#[test]
fn min_max_abs_len() {
    let pass = Pass::new(3)
        .global(builtin(), true)
        .load(&[0])
        .global(builtin(), true)
        .global(builtin(), true)
        .load(&[1])
        .known(KnownCall::Abs, &[int(-3000)])
        .global(builtin(), true)
        .load(&[2])
        .known(KnownCall::Len, &[list(5)])
        .known(KnownCall::Max, &[int(3000), int(5)])
        .known(KnownCall::Min, &[int(9000), int(3000)])
        .store(0, int(3000), int(9000));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `x = float(int(math.sqrt(x)) % 7) + math.sin(x)`
#[test]
fn mathematics() {
    let pass = Pass::new(1)
        .global(builtin(), true)
        .global(builtin(), true)
        .global(builtin(), true)
        .load(&[0])
        .known(KnownCall::MathSqrt, &[float(9.0)])
        .known(KnownCall::Int, &[float(3.0)])
        .constant(int(7))
        .binary(BinaryOp::Mod, int(3), int(7))
        .known(KnownCall::Float, &[int(3)])
        .global(builtin(), true)
        .load(&[0])
        .known(KnownCall::Math1(0xf_1000), &[float(9.0)])
        .binary(BinaryOp::Add, float(3.0), float(0.5))
        .store(0, float(3.5), float(9.0));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while 0 < x <= y: b = not (x == y); x = x + 1 if b else x`
#[test]
fn chains_of_comparisons() {
    let pass = Pass::new(3)
        .constant(int(0))
        .load(&[0])
        .op(Op::Swap(2), &[])
        .op(Op::Copy(2), &[])
        .test(CompareOp::Lt, int(0), int(3000), true)
        .load(&[1])
        .test(CompareOp::Le, int(3000), int(4000), true)
        .load(&[0, 1])
        .op(Op::Compare(CompareOp::Eq, true), &[int(3000), int(4000)])
        .op(Op::Not, &[truth(false)])
        .store(2, truth(true), truth(true))
        .load(&[2])
        .op(Op::ToBool, &[truth(true)])
        .with(Op::PopJump(JumpIf::False, 70), &[truth(true)], Detail::Taken(false))
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3000), int(1))
        .store(0, int(3001), int(3000));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `if i in (2, 3): …`, `if x is None: …`
#[test]
fn membership_and_identity() {
    let tuple = object(Kind::Tuple, 0x33_0000, 2);
    let pass = Pass::new(2)
        .tuple(tuple, &[int(2), int(3)])
        .load(&[0])
        .constant(tuple)
        .op(Op::Contains(false), &[int(5), tuple])
        .with(Op::PopJump(JumpIf::False, 70), &[truth(false)], Detail::Taken(true))
        .load(&[1])
        .with(Op::PopJump(JumpIf::NotNone, 70), &[instance()], Detail::Taken(true))
        .load(&[1])
        .constant(NONE)
        .op(Op::Is(true), &[instance(), NONE])
        .jump_if_false(true);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// What follows the turn in which the sum no longer fits.
fn overflow() -> Recording {
    let big = object(Kind::BigInt, 0x34_0000, 0);
    let pass = Pass::new(3)
        .at(8)
        .stack(2)
        .binary(BinaryOp::Add, int(i64::MAX >> 4), int(3))
        .store(2, big, int(700))
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(0, int(4), int(3))
        .jump_back(0)
        .arrives();
    int_turn(pass, big, big).turns(0)
}

/// The sum no longer fits: from that exit on, the addition is done on `int` objects. The loop wants a number, so the trace
/// leaves to its start.
#[test]
fn overflow_is_continued_in_the_general_form() {
    let root = record(&int_while());
    let side = root.side(root.find(Uop::add_int, 0), &overflow());
    assert!(matches!(side.trace.end, End::Exit(_)), "{}", side.trace);
    assert_snapshot!(format!("{}---- continued\n{}", root.text(), side.trace));
}

/// The same where the side trace may have a loop of its own: the sum stays an object there.
#[test]
fn overflow_gets_a_loop_of_its_own() {
    let root = record(&int_while());
    let side = root.side_loop(root.find(Uop::add_int, 0), &overflow());
    assert!(matches!(side.trace.end, End::Loop(_)), "{}", side.trace);
    assert!(side.label.is_some() && side.carried.is_empty());
    assert_snapshot!(side.trace);
}

/// `while i < n: if x < i: s = s + i; i = i + 1`, one turn that takes the branch.
fn branch(pass: Pass) -> Pass {
    pass.load(&[0, 1])
        .test(CompareOp::Lt, int(3000), int(100_000), true)
        .load(&[3, 0])
        .test(CompareOp::Lt, int(300), int(3000), true)
        .load(&[2, 0])
        .binary(BinaryOp::Add, int(700), int(3000))
        .store(2, int(3700), int(700))
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3000), int(1))
        .store(0, int(3001), int(3000))
}

/// The other branch comes back to the loop with everything in registers.
#[test]
fn the_other_branch_joins_the_loop() {
    let root = record(&branch(Pass::new(4)).back_to(0));
    // The first guard of the body is the loop's own.
    let exit = root.find(Uop::guard_lt_int, 1);
    let snap = root.parent(exit).snap;
    let offset = root.recorded.trace.snaps.get(snap).unwrap().frames.first().unwrap().offset;
    assert_eq!(offset, 8, "{}", root.text());
    let pass = Pass::new(4)
        .at(8)
        .stack(2)
        .op(Op::Compare(CompareOp::Lt, true), &[int(5000), int(3000)])
        .jump_if_false(false)
        .at(16)
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3000), int(1))
        .store(0, int(3001), int(3000))
        .jump_back(0)
        .arrives();
    let side = root.side(exit, &branch(pass).turns(0));
    assert!(matches!(side.trace.end, End::Join(_)), "{}", side.trace);
    assert_snapshot!(format!("{}---- the other branch\n{}", root.text(), side.trace));
}

/// What follows the loop until the function returns: CPython runs the return itself.
#[test]
fn the_way_out_leaves_at_the_return() {
    let root = record(&int_while());
    let exit = root.find(Uop::guard_lt_int, 0);
    let recording = Pass::new(3)
        .at(2)
        .stack(2)
        .op(Op::Compare(CompareOp::Lt, true), &[int(1000), int(1000)])
        .jump_if_false(false)
        .at(90)
        .load(&[2])
        .constant(int(2))
        .binary(BinaryOp::Mul, int(700), int(2))
        .op(Op::Return, &[int(1400)])
        .ends(Ending::Returned);
    let side = root.side(exit, &recording);
    assert!(matches!(side.trace.end, End::Exit(_)), "{}", side.trace);
    assert_snapshot!(side.trace);
}

/// `while True: s = s // x`, but nobody wants the quotient: it still raises where `x` is 0.
#[test]
fn a_division_without_a_use_keeps_its_exit() {
    let pass = Pass::new(4).load(&[0, 1]).binary(BinaryOp::FloorDiv, int(3000), int(7)).op(Op::PopTop, &[int(428)]);
    let floats = pass.load(&[2, 3]).binary(BinaryOp::TrueDiv, float(1.0), float(2.0)).op(Op::PopTop, &[float(0.5)]);
    assert_snapshot!(record(&floats.back_to(0)).text());
}

/// `x = x + y` with integers that no register holds: CPython's own function, which may raise.
#[test]
fn big_integers() {
    let big = object(Kind::BigInt, 0x34_0000, 0);
    let pass = Pass::new(2).load(&[0, 1]).binary(BinaryOp::Add, big, big).store(0, big, big);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `for x in xs: for y in it: break`: if `it` is the outer loop's iterator, its index is in one register only.
#[test]
fn two_iterators_that_may_be_one() {
    let (outer, inner) = (object(Kind::ListIter, 0x32_0000, 0), object(Kind::ListIter, 0x32_1000, 0));
    let pass = Pass::new(3)
        .stack(1)
        .with(Op::ForIter(80), &[outer], Detail::Next(true))
        .store(0, float(5.0), float(4.0))
        .load(&[2])
        .op(Op::GetIter, &[inner])
        .with(Op::ForIter(70), &[inner], Detail::Next(true))
        .store(1, float(7.0), float(6.0))
        .op(Op::PopTop, &[inner]);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `for y in it: …` behind which nothing is left: a list's iterator lets go of the list, and says by its index that it is done.
#[test]
fn an_iterator_is_exhausted() {
    let inner = object(Kind::ListIter, 0x32_1000, 0);
    let pass = Pass::new(1)
        .load(&[0])
        .op(Op::GetIter, &[inner])
        .with(Op::ForIter(70), &[inner], Detail::Next(false))
        .ends(Ending::Head(70));
    let recorded = root(&pass, &host(), Start::Loop, &Options::default()).expect("records");
    assert!(matches!(recorded.trace.end, End::Exit(_)));
    assert_snapshot!(recorded.trace);
}

/// `while True: i = down(i)` with `def down(n): return n if n < 1000 else down(n - 700)`: three frames at the innermost exits.
#[test]
fn recursion() {
    let mut pass = Pass::new(1);
    let down = pass.code("down", 1, 1);
    let test =
        |pass: Pass, n: i64| pass.load(&[0]).constant(int(1000)).test(CompareOp::Lt, int(n), int(1000), n < 1000);
    let pass = pass.global(function(1), true).load(&[0]);
    let pass = test(pass.enter(function(1), down, NULL, &[int(1400)]), 1400).at(20);
    let pass = pass.global(function(1), true).load(&[0]).constant(int(700)).binary(BinaryOp::Sub, int(1400), int(700));
    let pass = test(pass.enter(function(1), down, NULL, &[int(700)]), 700);
    let pass = pass.load(&[0]).leave(int(700)).leave(int(700)).store(0, int(700), int(1400));
    let root = record(&pass.back_to(0));
    assert_eq!(root.recorded.max_depth, 2);
    assert_snapshot!(root.text());
}

/// `while True: s = add((s, x))` with `def add(t): a, b = t; return a + b`: the tuple is made only at exits in the call.
#[test]
fn a_tuple_given_to_an_inlined_call() {
    let tuple = object(Kind::Tuple, 0x33_0000, 2);
    let mut pass = Pass::new(2);
    let add = pass.code("add", 3, 1);
    let pass = pass
        .global(function(1), true)
        .load(&[0, 1])
        .op(Op::BuildTuple(2), &[])
        .enter(function(1), add, NULL, &[tuple])
        .load(&[0])
        .op(Op::UnpackSequence(2), &[tuple])
        .op(Op::StoreFastStoreFast(1, 2), &[int(3000), int(70), NULL, NULL])
        .load(&[1, 2])
        .binary(BinaryOp::Add, int(3000), int(70))
        .leave(int(3070))
        .store(0, int(3070), int(3000));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while True: xs[i] = i * 2; s = xs[-1] + t[0]`: an object is made for the store; a negative index counts from the end.
#[test]
fn items() {
    let tuple = object(Kind::Tuple, 0x33_0000, 2);
    let pass = Pass::new(4)
        .load(&[1])
        .constant(int(2))
        .binary(BinaryOp::Mul, int(3000), int(2))
        .load(&[0, 1])
        .op(Op::StoreSubscript, &[int(6000), list(9000), int(3000), sole(int(2999))])
        .load(&[0])
        .constant(int(-1))
        .op(Op::Subscript, &[list(9000), int(-1)])
        .load(&[3])
        .constant(int(0))
        .op(Op::Subscript, &[tuple, int(0)])
        .binary(BinaryOp::Add, int(1000), int(2000))
        .store(2, int(3000), int(3000));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while True: s = ys[0] + put(xs, s)` with `def put(xs, s): xs[0] = s * 0.5; return s`: the item of `ys` lies on the stack,
/// borrowed, and may be that of `xs`. It gets a reference before the guard that nobody else holds what is written into, and the
/// snapshots from then on say so.
#[test]
fn a_store_while_a_float_is_borrowed() {
    let (xs, ys) = (object(Kind::List, 0x31_1000, 9), list(9));
    let mut pass = Pass::new(3);
    let put = pass.code("put", 2, 2);
    let pass = pass
        .load(&[1])
        .constant(int(0))
        .op(Op::Subscript, &[ys, int(0)])
        .global(function(1), true)
        .load(&[2, 0])
        .enter(function(1), put, NULL, &[xs, float(3.0)])
        .load(&[1])
        .constant(float(0.5))
        .binary(BinaryOp::Mul, float(3.0), float(0.5))
        .load(&[0])
        .constant(int(0))
        .op(Op::StoreSubscript, &[float(1.5), xs, int(0), sole(float(9.0))])
        .load(&[1])
        .leave(float(3.0))
        .binary(BinaryOp::Add, float(5.0), float(3.0))
        .store(0, float(8.0), float(3.0));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while True: a, b = b + 0.5, a + 1`: what is a float in one turn is an int in the next.
#[test]
fn a_variable_that_changes_its_type() {
    let pass = Pass::new(2)
        .load(&[1])
        .constant(float(0.5))
        .binary(BinaryOp::Add, float(1.0), float(0.5))
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3000), int(1))
        .op(Op::Swap(2), &[])
        .op(Op::StoreFastStoreFast(0, 1), &[float(1.5), int(3001), int(3000), float(1.0)]);
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `x = x + 0.5` where `x` is an int at first: the loop carries a float.
#[test]
fn an_int_that_becomes_a_float() {
    let pass = Pass::new(1).load(&[0]).constant(float(0.5)).binary(BinaryOp::Add, int(3000), float(0.5)).store(
        0,
        float(3000.5),
        int(3000),
    );
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// The inner loop of `while i < n: s = 0.0; j = 0; while j < m: s = s + x; j = j + 1` and `i = i + 1` behind it; its head is at 20.
fn inner_turn(pass: Pass) -> Pass {
    pass.load(&[3, 4])
        .test(CompareOp::Lt, int(3), int(1000), true)
        .load(&[2, 5])
        .binary(BinaryOp::Add, float(700.0), float(3.0))
        .store(2, float(703.0), float(700.0))
        .load(&[3])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(3, int(4), int(3))
}

/// Around the outer loop: `s` is a constant when the inner loop begins, a number one turn later.
#[test]
fn around_the_outer_loop_joins_one_turn_later() {
    let root = record(&inner_turn(Pass::new(6).at(20)).back_to(20));
    let exit = root.find(Uop::guard_lt_int, 0);
    let pass = Pass::new(6)
        .stack(2)
        .at(22)
        .op(Op::Compare(CompareOp::Lt, true), &[int(1000), int(1000)])
        .jump_if_false(false)
        .at(60)
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(4000), int(1))
        .store(0, int(4001), int(4000))
        .jump_back(0)
        .load(&[0, 1])
        .test(CompareOp::Lt, int(4001), int(9000), true)
        .constant(float(0.0))
        .store(2, float(0.0), float(3000.0))
        .constant(int(0))
        .store(3, int(0), int(1000))
        .at(20)
        .arrives();
    let side = root.side(exit, &inner_turn(pass).turns(20));
    assert!(matches!(side.trace.end, End::Join(_)), "{}", side.trace);
    assert_snapshot!(format!("{}---- around\n{}", root.text(), side.trace));
}

/// `for i in range(n): for j in range(m): s = s + j`: nobody else holds the inner loop's iterator (its head is at 20), so
/// that it is three numbers, and the way around the outer loop comes with three others.
#[test]
fn around_nested_loops_over_ranges() {
    let (outer, inner) = (object(Kind::RangeIter, 0x32_0000, 1), object(Kind::RangeIter, 0x32_1000, 1));
    let turn = |pass: Pass| {
        pass.with(Op::ForIter(40), &[inner], Detail::Next(true))
            .store(1, int(5), int(4))
            .load(&[2, 1])
            .binary(BinaryOp::Add, int(1000), int(5))
            .store(2, int(1005), int(1000))
    };
    let root = record(&turn(Pass::new(4).stack(2).at(20)).back_to(20));
    let exit = root.find(Uop::guard_gt_int, 0);
    let pass = Pass::new(4)
        .stack(2)
        .at(20)
        .with(Op::ForIter(40), &[inner], Detail::Next(false))
        .at(40)
        .jump_back(0)
        .with(Op::ForIter(80), &[outer], Detail::Next(true))
        .store(0, int(8), int(7))
        .global(builtin(), true)
        .load(&[3])
        .known(KnownCall::Range, &[int(500)])
        .op(Op::GetIter, &[object(Kind::Range, 0x37_0000, 0)])
        .at(20)
        .arrives();
    let side = root.side(exit, &turn(pass).turns(20));
    assert!(matches!(side.trace.end, End::Join(_)), "{}", side.trace);
    assert_snapshot!(format!("{}---- around\n{}", root.text(), side.trace));
}

/// `while True: count(LIMIT)` with `def count(m): j = 0; while j < m: j = j + 1`: what loops is in the call. The label has two
/// frames, and the way through the return and the next call comes back to it.
#[test]
fn a_loop_in_an_inlined_call() {
    // In `count`: the head is at 6.
    let turn = |pass: Pass| {
        pass.load(&[1, 0])
            .test(CompareOp::Lt, int(3), int(1000), true)
            .load(&[1])
            .constant(int(1))
            .binary(BinaryOp::Add, int(3), int(1))
            .store(1, int(4), int(3))
    };
    let call = |pass: Pass, count| {
        pass.global(function(1), true)
            .global(int(1000), false)
            .enter(function(1), count, NULL, &[int(1000)])
            .constant(int(0))
            .store(1, int(0), NULL)
            .arrives()
    };
    let mut pass = Pass::new(1);
    let count = pass.code("count", 2, 1);
    let root = record(&turn(call(pass, count)).turns(6));
    assert!(matches!(root.recorded.trace.end, End::Loop(_)), "{}", root.text());
    assert_eq!(root.recorded.label.as_ref().map(|label| (label.depth(), label.head)), Some((2, 6)));
    let exit = root.find(Uop::guard_lt_int, 0);
    let mut pass = Pass::new(1);
    let count = pass.code("count", 2, 1);
    let pass = pass
        .stack(0)
        .at(6)
        .within(count, 8)
        .op(Op::Compare(CompareOp::Lt, true), &[int(1000), int(1000)])
        .jump_if_false(false)
        .at(30)
        .with(Op::ReturnConst(0), &[], Detail::Const(NONE))
        .forget_frame()
        .op(Op::PopTop, &[NONE])
        .jump_back(0);
    let side = root.side(exit, &turn(call(pass, count)).turns(6));
    assert!(matches!(side.trace.end, End::Join(_)), "{}", side.trace);
    assert_snapshot!(format!("{}---- around\n{}", root.text(), side.trace));
}
