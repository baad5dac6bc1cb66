//! `match`: what its patterns ask of a subject whose type is a builtin one. The type says whether it is a sequence or a mapping
//! (PEP 634), so that a guard is all that is left of the question; its length is read.
//!
//! Subjects of other classes, and class patterns, are general operations.

use super::{AbortReason, Recorder, Step, Sym};
use crate::bytecode::GeneralOp;
use crate::event::{Event, Kind};

impl Recorder<'_> {
    /// `MATCH_SEQUENCE`, `MATCH_MAPPING`, `GET_LEN`: the answer goes upon the subject.
    pub(super) fn match_subject(&mut self, question: GeneralOp, event: &Event) -> Step<()> {
        let (sym, seen) = (self.peek(1)?, *event.operands.first().ok_or(AbortReason::Inconsistent("subject"))?);
        if question == GeneralOp::GetLen {
            let length = self.length(&sym, seen)?;
            let length = self.int_sym(length);
            self.push(length);
            return Ok(());
        }
        let kind = match &sym {
            Sym::Obj(..) => seen.kind,
            Sym::Const(operand) => operand.kind,
            Sym::Int(..) => Kind::Int,
            Sym::Float(..) => Kind::Float,
            Sym::Bool(_) => Kind::Bool,
            Sym::Tuple(..) => Kind::Tuple,
            _ => Kind::Other,
        };
        let (sequence, mapping) = match kind {
            Kind::List | Kind::Tuple | Kind::Range => (true, false),
            Kind::Dict => (false, true),
            Kind::None | Kind::Bool | Kind::Int | Kind::BigInt | Kind::Float => (false, false),
            Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Set | Kind::FrozenSet => (false, false),
            _ => return Err(AbortReason::Instruction("a pattern for a subject of this type")),
        };
        self.guard_exact(&sym, seen)?;
        let answer = self.bool_const(if question == GeneralOp::MatchSequence { sequence } else { mapping });
        self.push(answer);
        Ok(())
    }
}
