//! Every reason for which a recording is abandoned: events that lead to it, and what the user reads.

mod common;

use common::*;
use decal_trace::bytecode::{BinaryOp, Op};
use decal_trace::event::{Attribute, Detail, Ending, Kind, Operand, Recording};
use decal_trace::ir::Start;
use decal_trace::record::{AbortReason, MAX_DEPTH, Options, root, side};
use decal_trace::snapshot::Then;
use decal_uops::Uop;

/// A loop whose pass begins so and comes round.
fn looping(pass: Pass) -> Recording {
    pass.back_to(0)
}

/// A loop over an object that traces know nothing of, in local 0, and some instructions on it.
fn on_instance(op: Op, operands: &[Operand]) -> Recording {
    let mut pass = Pass::new(4);
    for slot in 0..operands.len() as u32 {
        pass = pass.load(&[slot]);
    }
    looping(pass.op(op, operands))
}

/// What has no fast form, by reason. The `match` makes sure that a new reason gets a case here.
fn case(reason: AbortReason) -> Option<Recording> {
    let other = instance();
    let string = object(Kind::Str, 0x35_0000, 4);
    Some(match reason {
        AbortReason::TooLong => Pass::new(1).op(Op::Nop, &[]).ends(Ending::TooLong),
        AbortReason::LeftLoop => Pass::new(1).op(Op::Nop, &[]).ends(Ending::Left),
        AbortReason::Empty => Pass::new(1).ends(Ending::Head(0)),
        AbortReason::Instruction(name) => looping(Pass::new(1).op(Op::Unsupported(name), &[])),
        AbortReason::Yields => on_instance(Op::Yield { quiet: true }, &[other]),
        AbortReason::OperandTypes(_) => on_instance(Op::Binary(BinaryOp::MatMul), &[float(1.0), float(2.0)]),
        AbortReason::Truth => on_instance(Op::ToBool, &[other]),
        AbortReason::Subscript => on_instance(Op::Subscript, &[other, int(1)]),
        AbortReason::StoreSubscript => {
            looping(Pass::new(3).load(&[0, 1]).load(&[2]).op(Op::StoreSubscript, &[int(1), other, int(1), NULL]))
        }
        AbortReason::Unpack => on_instance(Op::UnpackSequence(2), &[string]),
        AbortReason::Contains => on_instance(Op::Contains(false), &[int(1), string]),
        AbortReason::Iterate => on_instance(Op::GetIter, &[other]),
        AbortReason::Global => looping(Pass::new(1).global(NULL, false)),
        AbortReason::Attribute(how) => looping(Pass::new(1).load(&[0]).with(
            Op::LoadAttr { name: 0, method: false },
            &[other],
            Detail::Attribute(Attribute::Unsupported(how)),
        )),
        AbortReason::Cell => {
            looping(Pass::new(1).with(Op::LoadDeref(0), &[], Detail::Cell(object(Kind::Cell, 0x36_0000, 0), NULL)))
        }
        AbortReason::Call(what) => {
            looping(Pass::new(1).global(builtin(), true).with(Op::Call(0), &[builtin(), NULL], Detail::Opaque(what)))
        }
        AbortReason::TooDeep => {
            let mut pass = Pass::new(1);
            let code = pass.code("deeper", 0, 0);
            for _ in 0..MAX_DEPTH {
                pass = pass.global(function(1), true).enter(function(1), code, NULL, &[]);
            }
            looping(pass)
        }
        AbortReason::Unstable(_) => {
            // A number takes the place of a list in an instruction that stores twice.
            let operands = [int(3000), int(4000), list(3), list(4)];
            let pass = Pass::new(3).load(&[2, 2]).binary(BinaryOp::Add, int(1500), int(1500)).load(&[2]);
            looping(pass.op(Op::StoreFastStoreFast(0, 1), &operands))
        }
        AbortReason::Stack => {
            // `(x, loops())`: a tuple that is not made lies below the call in which the loop is.
            let mut pass = Pass::new(1);
            let loops = pass.code("loops", 0, 0);
            let pass = pass.load(&[0, 0]).op(Op::BuildTuple(2), &[]);
            let pass = pass.global(function(1), true).enter(function(1), loops, NULL, &[]).arrives();
            pass.op(Op::Nop, &[]).turns(2)
        }
        AbortReason::Handler => {
            // The head is inside of a `try` of the loop's surroundings, the next instruction is not.
            let handlers = vec![Some(70), Some(70), None, None];
            looping(Pass::new(1).handlers(handlers).op(Op::Nop, &[]).op(Op::Nop, &[]))
        }
        AbortReason::Inconsistent(_) => {
            // An event of a call that was never entered.
            let mut recording = looping(Pass::new(1).op(Op::Nop, &[]));
            recording.events[0].depth = 1;
            recording
        }
        // Side traces alone come to this; below. The other is for the recorder itself.
        AbortReason::Exit | AbortReason::Again => return None,
    })
}

const REASONS: &[AbortReason] = &[
    AbortReason::TooLong,
    AbortReason::LeftLoop,
    AbortReason::Empty,
    AbortReason::Instruction("SEND"),
    AbortReason::Yields,
    AbortReason::OperandTypes("@"),
    AbortReason::Truth,
    AbortReason::Subscript,
    AbortReason::StoreSubscript,
    AbortReason::Unpack,
    AbortReason::Contains,
    AbortReason::Iterate,
    AbortReason::Global,
    AbortReason::Attribute("a property"),
    AbortReason::Cell,
    AbortReason::Call("a class"),
    AbortReason::TooDeep,
    AbortReason::Unstable("two stores at once"),
    AbortReason::Stack,
    AbortReason::Handler,
    AbortReason::Inconsistent("call depth"),
];

#[test]
fn every_reason_has_events_that_lead_to_it() {
    let mut text = String::new();
    for reason in REASONS {
        let recording = case(*reason).expect("a case");
        if *reason == AbortReason::TooDeep {
            // The innermost call is a general operation, and nothing behind it was seen.
            assert!(matches!(abort(&recording).reason, AbortReason::Call(_)));
            continue;
        }
        if reason.is_general() && !matches!(reason, AbortReason::Instruction(_)) {
            // Such an instruction is carried out all the same, through CPython, and the trace says why.
            // The pass ends elsewhere, so that nothing is asked of the stack.
            let recording = Recording { ending: Ending::Head(999), ..recording };
            let recorded = root(&recording, &host(), Start::Loop, &Options::default()).expect("a general operation");
            let (_, offset, said) = recorded.general.first().expect("a reason");
            assert_eq!(said, reason, "at {offset}");
            text.push_str(&format!("{said:?}, at {offset}, general: {said}\n"));
            continue;
        }
        let abort = abort(&recording);
        assert_eq!(abort.reason, *reason, "at {}", abort.offset);
        text.push_str(&format!("{:?}, at {}: {}\n", abort.reason, abort.offset, abort.reason));
    }
    insta::assert_snapshot!(text);
}

/// More uops than a trace may have, though not more events.
#[test]
fn too_many_uops() {
    let mut pass = Pass::new(2);
    for _ in 0..50 {
        pass = pass.load(&[0, 1]).binary(BinaryOp::Add, int(3000), int(4000)).store(0, int(7000), int(3000));
    }
    let options = Options { max_insts: 20, ..Options::default() };
    let abort = root(&looping(pass), &host(), Start::Loop, &options).expect_err("too long");
    assert_eq!(abort.reason, AbortReason::TooLong);
}

/// An exit at which an exception may be set is continued for the case that the function only refused: the side trace asks.
#[test]
fn an_exit_with_an_exception_is_continued_without_one() {
    let big = object(Kind::BigInt, 0x34_0000, 0);
    let pass = Pass::new(2).load(&[0, 1]).binary(BinaryOp::Add, big, big).store(0, big, big);
    let root = record(&looping(pass));
    let exit = root.find(Uop::call_obj_2, 0);
    let parent = root.parent(exit);
    assert_eq!(root.recorded.trace.snaps.get(parent.snap).unwrap().then, Then::Raise);
    let recording = Pass::new(2).at(2).stack(2).binary(BinaryOp::Add, big, big).back_to(0);
    let side = side(&recording, &host(), &parent, &Options::default()).expect("a side trace");
    let mut exits = side.trace.insts.iter().filter_map(|inst| match inst {
        decal_trace::ir::Inst::Uop(inst) => inst.snap,
        _ => None,
    });
    let first = exits.next().expect("a guard");
    assert_eq!(side.trace.snaps.get(first).unwrap().then, Then::Raise);
}
