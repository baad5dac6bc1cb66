//! Decoding of 3.13's base bytecode: code units to [`Instruction`]s, and the static stack depth.
//!
//! Pure functions of bytes, so that they are tested without Python.
//!
//! `EXTENDED_ARG` gives the instruction behind it more bits. CPython fires INSTRUCTION events for the
//! `EXTENDED_ARG` units as well; the operation's own event names the unit of the operation. Jumps
//! go to the first `EXTENDED_ARG`.

use super::opcodes as op;
use crate::code::{Handler, Instruction};
use decal_trace::bytecode::{BinaryOp, CompareOp, Conversion, GeneralOp, JumpIf, Op};
use std::collections::BTreeMap;

/// What decoding finds in the code units.
#[derive(Clone, PartialEq, Debug)]
pub struct Bytecode {
    /// The instructions, by the unit where each starts and by the unit of its operation.
    pub instructions: Vec<Option<Instruction>>,
    /// Stack depth before the instruction, by the same units; `None` where nothing leads there.
    pub depths: Vec<Option<u32>>,
    /// Whether all ways to an instruction lead there with the same depth, and none leads between instructions or out of the
    /// code. Compilers see to that; what is put together by hand may be anything, and then nothing is known of the stack.
    pub consistent: bool,
    /// Targets of backward jumps, ascending.
    pub heads: Vec<u32>,
    /// For each of them, where the last jump to it starts.
    pub ends: Vec<u32>,
    /// A `RETURN_VALUE`, if there is one.
    pub return_value: Option<u32>,
    /// A `RERAISE` that no handler covers, and its argument.
    pub reraise: Option<(u32, u32)>,
}

/// An instruction with its opcode.
#[derive(Clone, Copy)]
struct Raw {
    instruction: Instruction,
    opcode: u8,
    argument: u32,
}

/// Decodes `bytes`, two per code unit, as `co_code` gives them.
pub fn decode(bytes: &[u8], handlers: &[Option<Handler>]) -> Bytecode {
    let units = bytes.len() / 2;
    let raw = split(bytes);
    let mut instructions = vec![None; units];
    let mut ends = BTreeMap::new();
    let mut return_value = None;
    let mut reraise = None;
    for entry in &raw {
        let instruction = entry.instruction;
        instructions[instruction.start as usize] = Some(instruction);
        instructions[instruction.unit as usize] = Some(instruction);
        let covered = handlers.get(instruction.unit as usize).is_some_and(Option::is_some);
        match entry.opcode {
            op::RETURN_VALUE if return_value.is_none() => return_value = Some(instruction.start),
            op::RERAISE if !covered && entry.argument < 2 && reraise.is_none() => {
                reraise = Some((instruction.start, entry.argument));
            }
            _ => {}
        }
        if let Op::JumpBackward(target) = instruction.op {
            let end = ends.entry(target).or_insert(instruction.start);
            *end = instruction.start.max(*end);
        }
    }
    let (heads, ends) = ends.into_iter().unzip();
    let (depths, consistent) = depths(&raw, units, handlers);
    Bytecode { instructions, depths, consistent, heads, ends, return_value, reraise }
}

/// Whether bytecode in base form jumps backward in a loop.
pub fn has_loops(bytes: &[u8]) -> bool {
    let mut unit = 0;
    while let Some(&opcode) = bytes.get(unit * 2) {
        if opcode == op::JUMP_BACKWARD {
            return true;
        }
        unit += 1 + op::info(opcode).map_or(0, |info| usize::from(info.caches));
    }
    false
}

fn split(bytes: &[u8]) -> Vec<Raw> {
    let mut result = Vec::new();
    let mut start = 0;
    let mut argument = 0u32;
    let mut unit = 0;
    while let Some(&[opcode, low]) = bytes.get(unit * 2..unit * 2 + 2) {
        argument = (argument << 8) | u32::from(low);
        if opcode == op::EXTENDED_ARG {
            unit += 1;
            continue;
        }
        let (name, caches) = op::info(opcode).map_or(("an unknown instruction", 0), |info| (info.name, info.caches));
        let next = unit as u32 + 1 + u32::from(caches);
        // Whether closing a generator there runs code is said by the `RESUME` behind it.
        let behind =
            bytes.get(next as usize * 2..next as usize * 2 + 2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let op = match meaning(opcode, argument, next, name) {
            Op::Yield { .. } => Op::Yield { quiet: behind.is_some_and(is_outside_of_handlers) },
            // Out of a handler, but for the loop of a `yield from`.
            Op::Unsupported(_) if opcode == op::JUMP_BACKWARD_NO_INTERRUPT => {
                let target = next.saturating_sub(argument);
                match bytes.get(target as usize * 2) {
                    Some(&op::SEND) | None => Op::Unsupported(name),
                    Some(_) => Op::JumpForward(target),
                }
            }
            op => op,
        };
        let instruction = Instruction { op, start: start as u32, unit: unit as u32, next };
        result.push(Raw { instruction, opcode, argument });
        unit = next as usize;
        start = unit;
        argument = 0;
    }
    result
}

fn meaning(opcode: u8, argument: u32, next: u32, name: &'static str) -> Op {
    let forward = next.saturating_add(argument);
    let backward = next.saturating_sub(argument);
    let (high, low) = (argument >> 4, argument & 15);
    match opcode {
        op::NOP | op::RESUME | op::CACHE => Op::Nop,
        op::LOAD_FAST => Op::LoadFast(argument),
        op::LOAD_FAST_CHECK => Op::LoadFastCheck(argument),
        op::LOAD_FAST_AND_CLEAR => Op::LoadFastAndClear(argument),
        op::LOAD_FAST_LOAD_FAST => Op::LoadFastLoadFast(high, low),
        op::STORE_FAST => Op::StoreFast(argument),
        op::STORE_FAST_LOAD_FAST => Op::StoreFastLoadFast(high, low),
        op::STORE_FAST_STORE_FAST => Op::StoreFastStoreFast(high, low),
        op::DELETE_FAST => Op::DeleteFast(argument),
        op::LOAD_CONST => Op::LoadConst(argument),
        op::LOAD_GLOBAL => Op::LoadGlobal { name: argument >> 1, push_null: argument & 1 != 0 },
        op::LOAD_DEREF => Op::LoadDeref(argument),
        op::STORE_DEREF => Op::StoreDeref(argument),
        op::MAKE_CELL => Op::MakeCell(argument),
        op::COPY_FREE_VARS => Op::CopyFreeVars(argument),
        op::LOAD_ATTR => Op::LoadAttr { name: argument >> 1, method: argument & 1 != 0 },
        op::LOAD_SUPER_ATTR => Op::LoadSuperAttr { name: argument >> 2, method: argument & 1 != 0 },
        op::STORE_ATTR => Op::StoreAttr { name: argument },
        op::BINARY_OP if argument < FORMS => binary(argument).map_or(Op::Unsupported(name), Op::Binary),
        op::BINARY_OP => binary(argument.wrapping_sub(FORMS)).map_or(Op::Unsupported(name), Op::Augmented),
        op::BINARY_SUBSCR => Op::Subscript,
        op::STORE_SUBSCR => Op::StoreSubscript,
        op::BINARY_SLICE => Op::Slice,
        op::STORE_SLICE => Op::StoreSlice,
        op::BUILD_SLICE => Op::BuildSlice(argument),
        op::UNARY_NEGATIVE => Op::Negative,
        op::UNARY_INVERT => Op::Invert,
        op::UNARY_NOT => Op::Not,
        op::CALL_INTRINSIC_1 if argument == UNARY_POSITIVE => Op::Positive,
        op::CALL_INTRINSIC_1 if argument == LIST_TO_TUPLE => Op::ListToTuple,
        op::TO_BOOL => Op::ToBool,
        op::COMPARE_OP => compare(argument >> 5).map_or(Op::Unsupported(name), |c| Op::Compare(c, argument & 16 != 0)),
        op::IS_OP => Op::Is(argument & 1 != 0),
        op::CONTAINS_OP => Op::Contains(argument & 1 != 0),
        op::POP_JUMP_IF_TRUE => Op::PopJump(JumpIf::True, forward),
        op::POP_JUMP_IF_FALSE => Op::PopJump(JumpIf::False, forward),
        op::POP_JUMP_IF_NONE => Op::PopJump(JumpIf::None, forward),
        op::POP_JUMP_IF_NOT_NONE => Op::PopJump(JumpIf::NotNone, forward),
        op::JUMP_FORWARD => Op::JumpForward(forward),
        op::JUMP_BACKWARD => Op::JumpBackward(backward),
        op::GET_ITER => Op::GetIter,
        // At the end CPython pops the iterator and goes behind END_FOR and POP_TOP.
        op::FOR_ITER => Op::ForIter(forward.saturating_add(2)),
        op::POP_TOP => Op::PopTop,
        op::PUSH_NULL => Op::PushNull,
        op::COPY => Op::Copy(argument),
        op::SWAP => Op::Swap(argument),
        op::BUILD_TUPLE => Op::BuildTuple(argument),
        op::BUILD_LIST => Op::BuildList(argument),
        op::BUILD_SET => Op::BuildSet(argument),
        op::BUILD_MAP => Op::BuildMap(argument),
        op::BUILD_CONST_KEY_MAP => Op::BuildConstKeyMap(argument),
        op::BUILD_STRING => Op::BuildString(argument),
        op::LIST_APPEND => Op::ListAppend(argument),
        op::LIST_EXTEND => Op::ListExtend(argument),
        op::SET_ADD => Op::SetAdd(argument),
        op::SET_UPDATE => Op::SetUpdate(argument),
        op::MAP_ADD => Op::MapAdd(argument),
        op::DICT_UPDATE => Op::DictUpdate(argument),
        op::DELETE_SUBSCR => Op::DeleteSubscript,
        op::UNPACK_EX => Op::UnpackEx(argument & 0xff, argument >> 8),
        op::FORMAT_SIMPLE => Op::FormatSimple,
        op::FORMAT_WITH_SPEC => Op::FormatWithSpec,
        op::CONVERT_VALUE => conversion(argument).map_or(Op::Unsupported(name), Op::ConvertValue),
        op::UNPACK_SEQUENCE => Op::UnpackSequence(argument),
        op::CALL => Op::Call(argument),
        op::CALL_KW => Op::CallKw(argument),
        op::RETURN_VALUE => Op::Return,
        op::RETURN_CONST => Op::ReturnConst(argument),
        op::GET_YIELD_FROM_ITER => Op::GetYieldFromIter,
        op::SEND => Op::Send(forward),
        op::END_SEND => Op::EndSend,
        op::YIELD_VALUE if argument == 0 => Op::Yield { quiet: false },
        _ => general(opcode).map_or(Op::Unsupported(name), |general| Op::General(general, argument)),
    }
}

/// Instructions that are general operations in any case.
fn general(opcode: u8) -> Option<GeneralOp> {
    Some(match opcode {
        op::BEFORE_WITH => GeneralOp::BeforeWith,
        op::DELETE_ATTR => GeneralOp::DeleteAttr,
        op::STORE_GLOBAL => GeneralOp::StoreGlobal,
        op::DELETE_GLOBAL => GeneralOp::DeleteGlobal,
        op::GET_LEN => GeneralOp::GetLen,
        op::MATCH_SEQUENCE => GeneralOp::MatchSequence,
        op::MATCH_MAPPING => GeneralOp::MatchMapping,
        op::MATCH_KEYS => GeneralOp::MatchKeys,
        op::MATCH_CLASS => GeneralOp::MatchClass,
        op::CALL_INTRINSIC_1 => GeneralOp::Intrinsic1,
        op::CALL_INTRINSIC_2 => GeneralOp::Intrinsic2,
        op::MAKE_FUNCTION => GeneralOp::MakeFunction,
        op::SET_FUNCTION_ATTRIBUTE => GeneralOp::SetFunctionAttribute,
        op::LOAD_ASSERTION_ERROR => GeneralOp::AssertionError,
        op::CALL_FUNCTION_EX => GeneralOp::CallEx,
        op::DICT_MERGE => GeneralOp::DictMerge,
        op::PUSH_EXC_INFO => GeneralOp::PushExcInfo,
        op::CHECK_EXC_MATCH => GeneralOp::CheckExcMatch,
        op::POP_EXCEPT => GeneralOp::PopExcept,
        op::WITH_EXCEPT_START => GeneralOp::WithExceptStart,
        op::RAISE_VARARGS => GeneralOp::Raise,
        op::RERAISE => GeneralOp::Reraise,
        _ => return None,
    })
}

/// Whether a `yield` that is followed by this code unit, a `RESUME`, is in no `try` of its function: then closing the
/// generator only clears its frame.
pub fn is_outside_of_handlers(unit: u16) -> bool {
    const RESUME_CHECK: u8 = 207;
    const DEPTH_ONE: u8 = 4;
    let [opcode, argument] = unit.to_le_bytes();
    (opcode == op::RESUME || opcode == RESUME_CHECK) && argument & DEPTH_ONE != 0
}

/// The intrinsic function that is `+value`.
const UNARY_POSITIVE: u32 = 5;
/// The intrinsic function that makes a tuple of a list.
const LIST_TO_TUPLE: u32 = 6;

fn conversion(argument: u32) -> Option<Conversion> {
    Some(match argument {
        1 => Conversion::Str,
        2 => Conversion::Repr,
        3 => Conversion::Ascii,
        _ => return None,
    })
}

/// Binary operators; the augmented forms follow the plain ones in the same order.
const FORMS: u32 = 13;

fn binary(argument: u32) -> Option<BinaryOp> {
    const ORDER: [BinaryOp; FORMS as usize] = [
        BinaryOp::Add,
        BinaryOp::And,
        BinaryOp::FloorDiv,
        BinaryOp::LShift,
        BinaryOp::MatMul,
        BinaryOp::Mul,
        BinaryOp::Mod,
        BinaryOp::Or,
        BinaryOp::Pow,
        BinaryOp::RShift,
        BinaryOp::Sub,
        BinaryOp::TrueDiv,
        BinaryOp::Xor,
    ];
    ORDER.get(argument as usize).copied()
}

fn compare(number: u32) -> Option<CompareOp> {
    const FORMS: [CompareOp; 6] =
        [CompareOp::Lt, CompareOp::Le, CompareOp::Eq, CompareOp::Ne, CompareOp::Gt, CompareOp::Ge];
    FORMS.get(number as usize).copied()
}

/// Where an instruction can go, and the depth there.
fn successors(raw: &Raw, depth: i64, visit: &mut impl FnMut(u32, i64)) {
    let Instruction { op: meaning, next, .. } = raw.instruction;
    let after = depth + op::effect(raw.opcode, raw.argument);
    match meaning {
        Op::JumpForward(target) | Op::JumpBackward(target) => return visit(target, after),
        Op::PopJump(_, target) => visit(target, after),
        Op::ForIter(target) => {
            visit(target, depth - 1);
            // A generator that ends comes to END_FOR with one value more.
            visit(target.saturating_sub(2), depth + 1);
        }
        Op::Return | Op::ReturnConst(_) => return,
        _ => match raw.opcode {
            op::JUMP_BACKWARD_NO_INTERRUPT => return visit(next.saturating_sub(raw.argument), after),
            op::SEND => visit(next.saturating_add(raw.argument), after),
            op::RAISE_VARARGS | op::RERAISE => return,
            _ => {}
        },
    }
    visit(next, after);
}

fn depths(raw: &[Raw], units: usize, handlers: &[Option<Handler>]) -> (Vec<Option<u32>>, bool) {
    let mut consistent = true;
    let mut result = vec![None; units];
    let mut by_start = vec![None; units];
    for (index, entry) in raw.iter().enumerate() {
        by_start[entry.instruction.start as usize] = Some(index);
    }
    let mut work = vec![(0u32, 0i64)];
    while let Some((offset, depth)) = work.pop() {
        let Some(entry) = by_start.get(offset as usize).copied().flatten().and_then(|i| raw.get(i)) else {
            consistent = false;
            continue;
        };
        let Ok(known) = u32::try_from(depth) else {
            consistent = false;
            continue;
        };
        if let Some(before) = result[offset as usize] {
            consistent &= before == known;
            continue;
        }
        result[offset as usize] = Some(known);
        result[entry.instruction.unit as usize] = Some(known);
        if let Some(handler) = handlers.get(entry.instruction.unit as usize).copied().flatten() {
            work.push((handler.target, i64::from(handler.depth) + i64::from(handler.lasti) + 1));
        }
        // What leads nowhere may want more than there is, too.
        consistent &= depth + op::effect(entry.opcode, entry.argument) >= 0;
        successors(entry, depth, &mut |target, depth| work.push((target, depth)));
    }
    (result, consistent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops(bytes: &[u8]) -> Vec<Op> {
        split(bytes).iter().map(|raw| raw.instruction.op).collect()
    }

    /// `while i < n: i += 1` as 3.13 compiles it: the test, the body, the test again, the jump back.
    const LOOP: &[u8] = &[
        op::RESUME,
        0,
        op::LOAD_FAST_LOAD_FAST,
        0x10,
        op::COMPARE_OP,
        18,
        0,
        0,
        op::POP_JUMP_IF_FALSE,
        10,
        0,
        0,
        op::LOAD_FAST,
        1,
        op::LOAD_CONST,
        1,
        op::BINARY_OP,
        13,
        0,
        0,
        op::STORE_FAST_LOAD_FAST,
        0x11,
        op::LOAD_FAST,
        0,
        op::COMPARE_OP,
        18,
        0,
        0,
        op::POP_JUMP_IF_FALSE,
        2,
        0,
        0,
        op::JUMP_BACKWARD,
        12,
        0,
        0,
        op::RETURN_CONST,
        0,
    ];

    #[test]
    fn a_loop() {
        let code = decode(LOOP, &[]);
        assert_eq!(code.heads, [6]);
        assert_eq!(
            ops(LOOP),
            [
                Op::Nop,
                Op::LoadFastLoadFast(1, 0),
                Op::Compare(CompareOp::Lt, true),
                Op::PopJump(JumpIf::False, 16),
                Op::LoadFast(1),
                Op::LoadConst(1),
                Op::Augmented(BinaryOp::Add),
                Op::StoreFastLoadFast(1, 1),
                Op::LoadFast(0),
                Op::Compare(CompareOp::Lt, true),
                Op::PopJump(JumpIf::False, 18),
                Op::JumpBackward(6),
                Op::ReturnConst(0),
            ]
        );
        let depths: Vec<_> = code.depths.iter().map(|d| d.map_or(-1, i64::from)).collect();
        assert_eq!(depths, [0, 0, 2, -1, 1, -1, 0, 1, 2, -1, 1, 1, 2, -1, 1, -1, 0, -1, 0]);
        assert_eq!(code.return_value, None);
    }

    #[test]
    fn for_loops_end_behind_their_cleanup() {
        let bytes = [
            op::LOAD_FAST,
            0,
            op::GET_ITER,
            0,
            op::FOR_ITER,
            3,
            0,
            0,
            op::STORE_FAST,
            1,
            op::JUMP_BACKWARD,
            5,
            0,
            0,
            op::END_FOR,
            0,
            op::POP_TOP,
            0,
            op::RETURN_CONST,
            0,
        ];
        let code = decode(&bytes, &[]);
        assert_eq!(ops(&bytes)[2], Op::ForIter(9));
        assert_eq!(code.heads, [2]);
        assert_eq!(code.ends, [5]);
        assert_eq!(code.depths[7], Some(2));
        assert_eq!(code.depths[8], Some(1));
        assert_eq!(code.depths[9], Some(0));
    }

    #[test]
    fn extended_arguments() {
        let bytes =
            [op::EXTENDED_ARG, 1, op::LOAD_CONST, 2, op::EXTENDED_ARG, 1, op::EXTENDED_ARG, 0, op::LOAD_GLOBAL, 1];
        let code = decode(&bytes, &[]);
        let first = Instruction { op: Op::LoadConst(258), start: 0, unit: 1, next: 2 };
        assert_eq!(code.instructions[0], Some(first));
        assert_eq!(code.instructions[1], Some(first));
        assert_eq!(code.instructions[3], None);
        let name = Op::LoadGlobal { name: 32768, push_null: true };
        assert_eq!(code.instructions[4].map(|i| i.op), Some(name));
        assert_eq!(code.depths[4], Some(1));
    }

    #[test]
    fn handlers_have_depths() {
        let bytes = [
            op::NOP,
            0,
            op::LOAD_FAST,
            0,
            op::RETURN_VALUE,
            0,
            op::PUSH_EXC_INFO,
            0,
            op::RERAISE,
            0,
            op::COPY,
            3,
            op::POP_EXCEPT,
            0,
            op::RERAISE,
            1,
        ];
        let mut handlers = vec![None; 8];
        handlers[1] = Some(Handler { target: 3, depth: 0, lasti: false });
        handlers[3] = Some(Handler { target: 5, depth: 1, lasti: true });
        handlers[4] = handlers[3];
        let code = decode(&bytes, &handlers);
        assert_eq!(code.depths, [0, 0, 1, 1, 2, 3, 4, 3].map(Some));
        assert_eq!(code.return_value, Some(2));
        assert_eq!(code.reraise, Some((7, 1)));
    }

    #[test]
    fn operators() {
        assert_eq!(ops(&[op::BINARY_OP, 23]), [Op::Augmented(BinaryOp::Sub)]);
        assert_eq!(ops(&[op::BINARY_OP, 99]), [Op::Unsupported("BINARY_OP")]);
        assert_eq!(ops(&[op::COMPARE_OP, 5 << 5]), [Op::Compare(CompareOp::Ge, false)]);
        assert_eq!(ops(&[op::CALL_INTRINSIC_1, 5, op::CALL_INTRINSIC_1, 7])[0], Op::Positive);
        assert_eq!(ops(&[255, 0]), [Op::Unsupported("an unknown instruction")]);
        assert_eq!(ops(&[op::IMPORT_NAME, 0]), [Op::Unsupported("IMPORT_NAME")]);
    }

    /// The page for users lists the instructions that end a recording: these and no others.
    #[test]
    fn the_docs_list_what_is_not_compiled() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md")).unwrap();
        let begin = page.find("<!-- instructions -->").unwrap();
        let end = page.find("<!-- /instructions -->").unwrap();
        let list = &page[begin..end];
        let mut listed: Vec<&str> = list
            .split('`')
            .filter(|word| word.contains('_') || *word == "SEND" || *word == "RERAISE")
            .filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit()))
            .collect();
        listed.sort_unstable();
        let mut missing: Vec<&str> = (0..=u8::MAX)
            .filter_map(|opcode| Some((opcode, op::info(opcode)?.name)))
            .filter(|(opcode, _)| *opcode != op::EXTENDED_ARG)
            .filter(|(opcode, name)| matches!(meaning(*opcode, 1, 1, name), Op::Unsupported(_)))
            .map(|(_, name)| name)
            .collect();
        missing.sort_unstable();
        assert_eq!(listed, missing);
    }

    #[test]
    fn what_no_compiler_makes() {
        let consistent = |bytes: &[u8], handlers: &[Option<Handler>]| decode(bytes, handlers).consistent;
        let good = [op::RESUME, 0, op::LOAD_CONST, 0, op::RETURN_VALUE, 0];
        assert!(consistent(&good, &[None; 3]));
        // Out of the code, from below the stack, into a cache, and to one instruction with two depths.
        assert!(!consistent(&good[..4], &[None; 2]));
        assert!(!consistent(&[op::RESUME, 0, op::RETURN_VALUE, 0], &[None; 2]));
        assert!(!consistent(&[op::JUMP_FORWARD, 9, op::RETURN_CONST, 0], &[None; 2]));
        let both = [op::LOAD_FAST, 0, op::POP_JUMP_IF_TRUE, 1, 0, 0, op::LOAD_FAST, 0, op::RETURN_CONST, 0];
        assert!(!consistent(&both, &[None; 5]));
        // Nobody comes to what lies behind the end.
        assert!(consistent(&[op::RETURN_CONST, 0, op::RETURN_VALUE, 0], &[None; 2]));
        let mut handlers = [None; 3];
        handlers[1] = Some(Handler { target: 7, depth: 0, lasti: false });
        assert!(!consistent(&good, &handlers));
    }
}
