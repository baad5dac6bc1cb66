//! Bytecode instructions as the recorder sees them: the meaning, not the encoding of one version.
//!
//! The `cpython` crate decodes a version's base bytecode (not specialized, not instrumented) into
//! these. Jump targets are absolute offsets in code units of two bytes.

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    MatMul,
    TrueDiv,
    FloorDiv,
    Mod,
    Pow,
    LShift,
    RShift,
    And,
    Or,
    Xor,
}

impl BinaryOp {
    /// All of them, in order.
    pub const ALL: [BinaryOp; 13] = [
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::MatMul,
        BinaryOp::TrueDiv,
        BinaryOp::FloorDiv,
        BinaryOp::Mod,
        BinaryOp::Pow,
        BinaryOp::LShift,
        BinaryOp::RShift,
        BinaryOp::And,
        BinaryOp::Or,
        BinaryOp::Xor,
    ];
}

impl CompareOp {
    /// All of them, in order, which is CPython's.
    pub const ALL: [CompareOp; 6] =
        [CompareOp::Lt, CompareOp::Le, CompareOp::Eq, CompareOp::Ne, CompareOp::Gt, CompareOp::Ge];
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum CompareOp {
    Lt,
    Le,
    Eq,
    Ne,
    Gt,
    Ge,
}

/// When a conditional jump is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum JumpIf {
    True,
    False,
    None,
    NotNone,
}

/// An instruction without a fast form: a general operation in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum GeneralOp {
    BeforeWith,
    DeleteAttr,
    LoadGlobal,
    StoreGlobal,
    DeleteGlobal,
    GetLen,
    MatchSequence,
    MatchMapping,
    MatchKeys,
    MatchClass,
    Intrinsic1,
    Intrinsic2,
    MakeFunction,
    SetFunctionAttribute,
    AssertionError,
    UnpackStar,
    CallEx,
    BuildSet,
    BuildMap,
    BuildConstKeyMap,
    DictMerge,
    PushExcInfo,
    CheckExcMatch,
    PopExcept,
    WithExceptStart,
    /// Never goes on behind itself.
    Raise,
    /// The same; what it raises has its traceback already.
    Reraise,
}

/// How many there are.
pub const GENERAL_OPS: usize = 27;

impl GeneralOp {
    /// How many objects from the top of the stack it looks at, how many of them it takes, and how many it gives.
    pub fn shape(self, argument: u32) -> (u32, u32, u32) {
        match self {
            GeneralOp::BeforeWith => (1, 1, 2),
            GeneralOp::DeleteAttr | GeneralOp::StoreGlobal => (1, 1, 0),
            GeneralOp::LoadGlobal | GeneralOp::AssertionError => (0, 0, 1),
            GeneralOp::DeleteGlobal => (0, 0, 0),
            GeneralOp::GetLen | GeneralOp::MatchSequence | GeneralOp::MatchMapping => (1, 0, 1),
            GeneralOp::MatchKeys => (2, 0, 1),
            GeneralOp::MatchClass => (3, 3, 1),
            GeneralOp::Intrinsic1 | GeneralOp::MakeFunction => (1, 1, 1),
            GeneralOp::Intrinsic2 | GeneralOp::SetFunctionAttribute => (2, 2, 1),
            GeneralOp::BuildSet => (argument, argument, 1),
            GeneralOp::BuildMap => (argument.saturating_mul(2), argument.saturating_mul(2), 1),
            GeneralOp::BuildConstKeyMap => (argument.saturating_add(1), argument.saturating_add(1), 1),
            GeneralOp::DictMerge => (argument.saturating_add(4), 1, 0),
            GeneralOp::CallEx => (3 + (argument & 1), 3 + (argument & 1), 1),
            GeneralOp::PushExcInfo => (1, 1, 2),
            GeneralOp::CheckExcMatch => (2, 1, 1),
            GeneralOp::PopExcept => (1, 1, 0),
            GeneralOp::WithExceptStart => (4, 0, 1),
            GeneralOp::Raise => (argument, argument, 0),
            GeneralOp::Reraise => (argument.saturating_add(1), 0, 0),
            GeneralOp::UnpackStar => (1, 1, (argument & 0xff) + (argument >> 8) + 1),
        }
    }

    /// Whether its argument is the index of a name.
    pub fn is_name(self) -> bool {
        matches!(self, GeneralOp::DeleteAttr | GeneralOp::LoadGlobal | GeneralOp::StoreGlobal | GeneralOp::DeleteGlobal)
    }
}

/// What a value in an f-string is made a string with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Conversion {
    Str,
    Repr,
    Ascii,
}

/// One instruction.
///
/// Stack effects are written `before -- after`, top of the stack on the right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Nothing to do: `NOP`, `RESUME`, `CACHE`, …
    Nop,
    /// `-- local`
    LoadFast(u32),
    /// `-- local`, raising where it is unbound.
    LoadFastCheck(u32),
    /// `-- local`, which becomes unbound (may push null).
    LoadFastAndClear(u32),
    /// `-- a b`
    LoadFastLoadFast(u32, u32),
    /// `value --`
    StoreFast(u32),
    /// `value -- local`: stores to the first, then loads the second.
    StoreFastLoadFast(u32, u32),
    /// `b a --`: the top goes to the first, the next to the second.
    StoreFastStoreFast(u32, u32),
    /// The local becomes unbound; raises where it already is.
    DeleteFast(u32),
    /// `-- constant`, an index into `co_consts`.
    LoadConst(u32),
    /// `-- global`, or `-- global null` where a call follows.
    LoadGlobal {
        /// Index into `co_names`.
        name: u32,
        /// Whether a null is pushed after it.
        push_null: bool,
    },
    /// `-- content` of the cell in this slot of the frame.
    LoadDeref(u32),
    /// `value --` into the cell in this slot of the frame.
    StoreDeref(u32),
    /// This slot of the frame gets a cell with what it held.
    MakeCell(u32),
    /// The closure's cells go to the frame's last slots.
    CopyFreeVars(u32),
    /// `owner -- attribute`, or `owner -- function self` / `owner -- attribute null` for a method call.
    LoadAttr {
        /// Index into `co_names`.
        name: u32,
        /// Whether a method call follows.
        method: bool,
    },
    /// `super class self -- attribute`, or with function and `self` (or null) as for `LoadAttr`.
    LoadSuperAttr {
        /// Index into `co_names`.
        name: u32,
        /// Whether a method call follows.
        method: bool,
    },
    /// `value owner --`
    StoreAttr {
        /// Index into `co_names`.
        name: u32,
    },
    /// `left right -- result`
    Binary(BinaryOp),
    /// The same for an augmented assignment, which may change the left operand.
    Augmented(BinaryOp),
    /// `value -- -value`
    Negative,
    /// `value -- +value`
    Positive,
    /// `value -- ~value`
    Invert,
    /// `value -- not value` (the value is a bool already).
    Not,
    /// `value -- bool(value)`
    ToBool,
    /// `left right -- result`, made a bool where asked.
    Compare(CompareOp, bool),
    /// `left right -- left is right`, inverted where asked.
    Is(bool),
    /// `left right -- left in right`, inverted where asked.
    Contains(bool),
    /// `value --`, then perhaps a jump to the target.
    PopJump(JumpIf, u32),
    /// A jump forward to the target.
    JumpForward(u32),
    /// A jump backward to the target.
    JumpBackward(u32),
    /// `iterable -- iterator`
    GetIter,
    /// `iterator -- iterator next`; at the end `iterator --` and a jump to the given offset.
    ForIter(u32),
    /// `value --`
    PopTop,
    /// `-- null`
    PushNull,
    /// `-- nth`, counted from the top, which is 1.
    Copy(u32),
    /// Exchanges the top with the nth, counted from the top, which is 1.
    Swap(u32),
    /// `items -- tuple`
    BuildTuple(u32),
    /// `items -- list`
    BuildList(u32),
    /// `items -- set`
    BuildSet(u32),
    /// `key value key value … -- dict`, so many pairs.
    BuildMap(u32),
    /// `values keys -- dict`, the keys a constant tuple of this length.
    BuildConstKeyMap(u32),
    /// `pieces -- string`
    BuildString(u32),
    /// `item --`, which goes to the end of the list that is the nth from the top then.
    ListAppend(u32),
    /// `iterable --`, whose items go to the end of the list that is the nth from the top then.
    ListExtend(u32),
    /// `item --`, which goes into the set that is the nth from the top then.
    SetAdd(u32),
    /// `iterable --`, whose items go into the set that is the nth from the top then.
    SetUpdate(u32),
    /// `key value --`, which go into the dict that is the nth from the top then.
    MapAdd(u32),
    /// `mapping --`, whose items go into the dict that is the nth from the top then.
    DictUpdate(u32),
    /// `list -- tuple`
    ListToTuple,
    /// `sequence -- last … rest first`: so many first items, a list of the rest, so many last ones.
    UnpackEx(u32, u32),
    /// `value -- format(value)`
    FormatSimple,
    /// `value spec -- format(value, spec)`
    FormatWithSpec,
    /// `value -- str(value)`, or `repr`, or `ascii`.
    ConvertValue(Conversion),
    /// `sequence -- items`, the first item on top.
    UnpackSequence(u32),
    /// `container index -- item`
    Subscript,
    /// `value container index --`
    StoreSubscript,
    /// `container start stop -- container[start:stop]`
    Slice,
    /// `container index --`
    DeleteSubscript,
    /// `value container start stop --`
    StoreSlice,
    /// `parts -- slice`, two or three parts.
    BuildSlice(u32),
    /// `callable self-or-null arguments -- result`
    Call(u32),
    /// The same with a tuple of the last arguments' names on top.
    CallKw(u32),
    /// `value --`, and the frame is left.
    Return,
    /// The frame is left with a constant, an index into `co_consts`.
    ReturnConst(u32),
    /// An instruction that is a general operation in any case, and its argument.
    General(GeneralOp, u32),
    /// `value -- sent`: a generator's frame is left for now, and gets what is sent to it when it is resumed.
    Yield {
        /// Whether closing the generator there runs no code: the `yield` is in no `try`.
        quiet: bool,
    },
    /// `iterable -- iterator`, of a `yield from`.
    GetYieldFromIter,
    /// `iterator value -- iterator item`: the iterator of a `yield from` is asked; where it is over, the frame goes on at this offset, and
    /// the item is what it gives in the end.
    Send(u32),
    /// `iterator value -- value`, behind a `yield from`.
    EndSend,
    /// An instruction that traces do not handle, by name.
    Unsupported(&'static str),
}

impl Op {
    /// How many objects from the top of the stack an event's operands begin with.
    pub fn taken(self) -> u32 {
        match self {
            Op::Binary(_) | Op::Augmented(_) | Op::Compare(..) | Op::Is(_) | Op::Contains(_) | Op::Subscript => 2,
            Op::StoreFastStoreFast(..) | Op::StoreAttr { .. } => 2,
            Op::StoreSubscript | Op::Slice | Op::LoadSuperAttr { .. } => 3,
            Op::StoreSlice => 4,
            Op::DeleteSubscript | Op::MapAdd(_) | Op::FormatWithSpec => 2,
            Op::BuildList(count) | Op::BuildSet(count) | Op::BuildString(count) => count,
            Op::BuildMap(count) => count.saturating_mul(2),
            Op::BuildConstKeyMap(count) => count.saturating_add(1),
            Op::ListAppend(_) | Op::ListExtend(_) | Op::SetAdd(_) | Op::SetUpdate(_) | Op::DictUpdate(_) => 1,
            Op::ListToTuple | Op::UnpackEx(..) | Op::FormatSimple | Op::ConvertValue(_) => 1,
            Op::BuildSlice(count) => count,
            Op::Call(count) => count.saturating_add(2),
            Op::CallKw(count) => count.saturating_add(3),
            Op::General(GeneralOp::CallEx, flags) => 3 + (flags & 1),
            Op::General(GeneralOp::DictMerge | GeneralOp::BeforeWith, _) => 1,
            Op::LoadAttr { .. }
            | Op::StoreFast(_)
            | Op::StoreFastLoadFast(..)
            | Op::StoreDeref(_)
            | Op::Negative
            | Op::Positive
            | Op::Invert
            | Op::Not
            | Op::ToBool
            | Op::PopJump(..)
            | Op::GetIter
            | Op::ForIter(_)
            | Op::PopTop
            | Op::UnpackSequence(_)
            | Op::Yield { .. }
            | Op::GetYieldFromIter
            | Op::Return => 1,
            Op::Send(_) | Op::EndSend => 2,
            _ => 0,
        }
    }
}
