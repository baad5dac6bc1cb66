//! What the recorder makes of what was observed: events in, the trace's text out.
//!
//! The texts are in `tests/snapshots`, one file per test. After a change that is meant, look at each of them:
//! `INSTA_UPDATE=always cargo test -p decal-trace --test record`, then `git diff`.

mod common;

use common::*;
use decal_trace::bytecode::{BinaryOp, CompareOp, JumpIf, Op};
use decal_trace::eval::heap::{CONTEXT, Heap};
use decal_trace::eval::{Left, run};
use decal_trace::event::{Attribute, Detail, Ending, Kind, KnownCall, Recording};
use decal_trace::ir::{End, Start};
use decal_trace::record::{Options, root};
use decal_trace::snapshot::Source;
use decal_uops::{Machine, Uop, offset};
use insta::assert_snapshot;

/// `while i < n: s = s + i; i = i + 1`, with `i`, `n` and `s` in slots 0, 1 and 2.
fn int_while() -> Recording {
    Pass::new(3)
        .load(&[0, 1])
        .test(CompareOp::Lt, int(3), int(1000), true)
        .load(&[2, 0])
        .binary(BinaryOp::Add, int(700), int(3))
        .store(2, int(703), int(700))
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(0, int(4), int(3))
        .back_to(0)
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

/// The trace interpreter runs the recorded loop on a frame in simulated memory.
#[test]
fn the_int_loop_computes_the_sum() {
    let root = record(&int_while());
    let (mut heap, h) = (Heap::new(), host());
    let frame = 0x8_0000;
    heap.store64(CONTEXT + offset::FRAME as u64, frame);
    for (slot, value) in [3u64, 1000, 700].into_iter().enumerate() {
        let object = 0x9_0000 + 0x40 * slot as u64;
        heap.store64(frame + h.layout.frame_locals as u64 + 8 * slot as u64, object);
        heap.store64(object, 5);
        heap.store64(object + 8, h.objects.int);
        heap.store64(object + 16, 1 << 3);
        heap.store64(object + 24, value);
    }
    let Left::Exit { snap, values, .. } = run(&root.recorded.trace, &[], &mut heap, &mut { 1_000_000 }) else {
        panic!("the loop does not end")
    };
    let frame = &root.recorded.trace.snaps[snap.0 as usize].frames[0];
    let number = |source: &Source| match source {
        Source::Int(val, _) => values[val.index()] as i64,
        other => panic!("{other:?}"),
    };
    assert_eq!(number(&frame.locals[0]), 1000);
    assert_eq!(number(&frame.locals[2]), 700 + (3..1000).sum::<i64>());
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

/// `while i < n: xs[i] = x * y; i += 1`, on a list of floats.
#[test]
fn list_store() {
    let pass = Pass::new(5)
        .load(&[0, 1])
        .test(CompareOp::Lt, int(3), int(1000), true)
        .load(&[3, 4])
        .binary(BinaryOp::Mul, float(2.0), float(1.5))
        .load(&[2, 0])
        .op(Op::StoreSubscript, &[float(3.0), list(1000), int(3), float(7.0)])
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(0, int(4), int(3));
    assert_snapshot!(record(&pass.back_to(0)).text());
}

/// `while True: p.x = p.x + p.y`
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
        .with(Op::StoreAttr { name: 0 }, &[float(3.0), instance(), float(1.0)], inline(40));
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

/// `while i < n: p.step()`, which adds one to a slot of `p`.
#[test]
fn inlined_method() {
    let slot = Detail::Attribute(Attribute::Slot { disp: 16 });
    let found = Attribute::Method { function: function(2).object, keys_version: Some((0xa000, 77)), valid_disp: 0x21 };
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
        .with(Op::StoreAttr { name: 1 }, &[int(3001), instance(), int(3000)], slot)
        .with(Op::ReturnConst(0), &[], Detail::Const(NONE));
    let pass = pass.forget_frame().op(Op::PopTop, &[NONE]);
    assert_snapshot!(record(&pass.back_to(0)).text());
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
        .test(CompareOp::Gt, int(3000), int(0), true)
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

/// The sum no longer fits: from that exit on, the addition is done on `int` objects, and the trace goes back into the loop
/// or, where the loop wants a number, to its start.
#[test]
fn overflow_is_continued_in_the_general_form() {
    let root = record(&int_while());
    let exit = root.find(Uop::add_int, 0);
    let big = object(Kind::BigInt, 0x34_0000, 0);
    let pass = Pass::new(3)
        .at(8)
        .stack(2)
        .binary(BinaryOp::Add, int(i64::MAX >> 4), int(3))
        .store(2, big, int(700))
        .load(&[0])
        .constant(int(1))
        .binary(BinaryOp::Add, int(3), int(1))
        .store(0, int(4), int(3));
    let side = root.side(exit, &pass.back_to(0));
    assert_snapshot!(format!("{}---- continued\n{}", root.text(), side.trace));
}

/// `while i < n: if x < i: s = s + i; i = i + 1`, where the observed pass took the branch.
fn branch() -> Recording {
    Pass::new(4)
        .load(&[0, 1])
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
        .back_to(0)
}

/// The other branch comes back to the loop with everything in registers.
#[test]
fn the_other_branch_joins_the_loop() {
    let root = record(&branch());
    // The first guard of the body is the loop's own.
    let exit = root.find(Uop::guard_lt_int, 1);
    let snap = root.parent(exit).snap;
    let offset = root.recorded.trace.snaps[snap.0 as usize].frames[0].offset;
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
        .store(0, int(3001), int(3000));
    let side = root.side(exit, &pass.back_to(0));
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
