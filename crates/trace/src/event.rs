//! What was observed while CPython ran: the input of the recorder.
//!
//! A recording is a list of events, one for each instruction of decal's frames, taken just before
//! the instruction ran. Objects appear as addresses with their type's address and a kind; the
//! recorder never looks through them, it only puts them into guards and constants. The recording
//! keeps all objects it names alive until the trace is compiled or abandoned.

use crate::bytecode::Op;
use crate::snapshot::Returns;
pub use decal_uops::DictEntry;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A code object, by its index in [`Recording::codes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CodeId(pub u32);

/// What kind of object was seen. Kinds name exact types: an instance of a subclass is `Other`, but `List` where an instruction is
/// about to do with it what it does with a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// No object: a null on the stack, an unbound local.
    Null,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool,
    /// An `int` of at most 60 bits.
    Int,
    /// An `int` of more than 60 bits.
    BigInt,
    /// A `float`.
    Float,
    /// A `str`.
    Str,
    /// A `bytes`.
    Bytes,
    /// A `bytearray`.
    ByteArray,
    /// A `list`.
    List,
    /// A `tuple`.
    Tuple,
    /// A `range`.
    Range,
    /// The iterator of a `range` (of machine integers).
    RangeIter,
    /// The iterator of a `list`.
    ListIter,
    /// The iterator of a `tuple`.
    TupleIter,
    /// The iterator of an exact `str`.
    TextIter,
    /// An `enumerate`.
    Enumerate,
    /// A `dict`.
    Dict,
    /// A `set`.
    Set,
    /// A `frozenset`.
    FrozenSet,
    /// What `keys()`, `values()` or `items()` of a dict gives.
    View,
    /// An iterator of another builtin type, which is stepped by a C function that declines where Python code would run.
    Iterator,
    /// A Python function.
    Function,
    /// A bound method.
    Method,
    /// A builtin function of a module, or a C method that is not bound.
    Builtin,
    /// A class.
    Type,
    /// A module.
    Module,
    /// A cell.
    Cell,
    /// A generator.
    Generator,
    /// An `array.array` of numbers that traces read and write.
    Array,
    /// A `collections.deque`.
    Deque,
    /// Anything else.
    Other,
}

/// An object as it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// Its address; 0 for null.
    pub object: u64,
    /// Its type's address; 0 for null.
    pub ty: u64,
    /// Its kind.
    pub kind: Kind,
    /// Its value, as 64 bits: of `Int` the number, of `Float` the double's bits, of `Bool` 0 or 1, of
    /// `Str`, `List`, `Tuple`, `Bytes`, `ByteArray`, `Dict` the length, of `Array` the type code, of `RangeIter` 1 where
    /// there is one reference to it, and 2 more where its step is 1, of `TextIter` the [form](crate::host::form) of its string where the next character is an ASCII one;
    /// else 0. Objects that can change are as they were when seen, so that this is a hint for them; for constants it is the value.
    pub bits: u64,
}

impl Operand {
    /// What the `bits` of an old local say where it is no number and somebody else holds it, too.
    pub const SHARED: u64 = 2;
    /// A null.
    pub const NULL: Operand = Operand { object: 0, ty: 0, kind: Kind::Null, bits: 0 };
}

/// A Python function that a call enters, when it can be inlined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Callee {
    /// The function object.
    pub function: u64,
    /// Its code.
    pub code: CodeId,
    /// Whether a `self` is put before the arguments (the callable was a bound method): its address, else 0.
    pub bound_self: u64,
    /// What else to know it by than its address.
    pub by_code: Option<ByCode>,
    /// Whether the instruction calls it through a function in C, which takes an interpreter of its own.
    pub by_c: bool,
}

/// What a function within a function is known by, together with its code: each call of the outer function makes another one,
/// so that the address of the one that was seen says little.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByCode {
    /// Its globals.
    pub globals: u64,
    /// Its builtins.
    pub builtins: u64,
    /// The tuple of its defaults, where the call takes some of them; else 0.
    pub defaults: u64,
}

/// A Python function that a call calls natively: it has a trace from its start, or is about to get one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Native {
    /// The function object.
    pub function: u64,
    /// How many arguments it takes, all of them given, what it is called on included.
    pub parameters: u32,
    /// What else to know it by than its address: also its code object.
    pub by_code: Option<(u64, ByCode)>,
}

/// What a local of a function has when it is entered.
#[derive(Clone, PartialEq, Debug)]
pub enum Bind {
    /// The argument with this number. A receiver, what the callable is bound to, or a new instance comes first.
    Argument(u32),
    /// A default value, which is a constant.
    Default(Operand),
    /// A tuple (`*args`) of these arguments: from the first number up to the second.
    Rest(u32, u32),
    /// A cell of the function's closure, which is a constant.
    Cell(Operand),
    /// A cell of the function's closure, with this number, where the function is no constant.
    Closure(u32),
    /// Nothing.
    Unbound,
    /// A new dict (`**kwargs`) of these names, which are constants, and arguments.
    Keywords(Vec<(Operand, u32)>),
}

/// A function that is called with arguments that an object holds, before those of the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Partial {
    /// The function.
    pub callee: Callee,
    /// Where the object has the function, the tuple of arguments, and the dict of named ones, in which there are none.
    pub disps: [i32; 3],
    /// How many arguments it holds.
    pub held: u32,
    /// The object's type.
    pub ty: u64,
}

/// A `with` block that begins, of a manager whose methods are functions of Python.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entering {
    /// Its `__enter__`.
    pub callee: Callee,
    /// The same as an object.
    pub enter: Operand,
    /// Its `__exit__`.
    pub exit: Operand,
    /// The manager's type.
    pub ty: u64,
}

/// A call of a special method, or of a property's getter or setter, that an instruction makes. [`Event::binds`] counts the operands,
/// lowest in the stack first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Special {
    /// What is entered.
    pub callee: Callee,
    /// What becomes of its result.
    pub returns: Returns,
    /// Operands of the instruction on the stack.
    pub operands: u8,
    /// The types that the first operands must have for this to be what is called; 0 for any.
    pub types: [u64; 3],
    /// What the first operand could have of its own instead.
    pub shadow: Shadow,
}

/// A call of a class that makes an instance, in the way of `object.__new__` and `type.__call__`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Making {
    /// The class.
    pub class: u64,
    /// Its `__init__`, where it has one of its own.
    pub init: Option<Callee>,
    /// Where instances have inline values: displacements of the byte that says that they are in use, and of the
    /// pointer to a dict.
    pub inline: Option<(i32, i32)>,
    /// Number of inline values that have a name.
    pub values: u32,
    /// Whether an instance is nothing but its values, all inline or all in slots, and no code of the class runs when it ends.
    pub bare: bool,
}

/// A builtin that goes through a generator, and what it has on its caller's stack above the generator meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Consumer {
    /// `sum`: the total; null, or the loss of rounding where the total is a float.
    Sum,
    /// `any`: nothing.
    Any,
    /// `all`: nothing.
    All,
    /// `min`: the smallest so far, or null.
    Min,
    /// `max`: the largest so far, or null.
    Max,
    /// `list`: the list.
    List,
    /// `tuple`: a list.
    Tuple,
    /// `set`: the set.
    Set,
    /// `sorted`: a list.
    Sorted,
    /// `str.join`: a list; the separator is below the generator.
    Join,
    /// `next`: what it gives at the end, or null.
    Next,
}

impl Consumer {
    /// All of them, in their order.
    pub(crate) const ALL: [Consumer; 11] = [
        Consumer::Sum,
        Consumer::Any,
        Consumer::All,
        Consumer::Min,
        Consumer::Max,
        Consumer::List,
        Consumer::Tuple,
        Consumer::Set,
        Consumer::Sorted,
        Consumer::Join,
        Consumer::Next,
    ];

    /// Slots above the generator.
    pub fn holds(self) -> u32 {
        match self {
            Consumer::Any | Consumer::All => 0,
            Consumer::Sum => 2,
            _ => 1,
        }
    }
}

/// A call that makes a generator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Generating {
    /// The function; its address is 0 where it was made for this call, so that its code alone is what counts.
    pub callee: Callee,
    /// Where its frame begins.
    pub at: u32,
    /// The function's globals.
    pub globals: u64,
    /// The code's name and qualified name, which the function has too where its code alone counts.
    pub names: [u64; 2],
}

/// A suspended generator whose frame goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resumed {
    /// Its code.
    pub code: CodeId,
    /// Where it goes on, as the frame has it: an address.
    pub address: u64,
    /// The same as an offset in code units.
    pub at: u32,
    /// Its state, as the byte in the generator has it: not begun, or suspended.
    pub state: u8,
    /// Depth of its operand stack, without what is sent to it.
    pub stack: u32,
    /// Its globals.
    pub globals: u64,
    /// Whether a trace may take its content over: nobody else has it, and the trace keeps its code.
    pub sole: bool,
    /// How many generators come before it which delegate each to the next, so that it is the innermost one of a chain.
    pub before: u32,
}

/// Builtin callables whose calls are translated into uops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum KnownCall {
    Len,
    Abs,
    Min,
    Max,
    Int,
    Float,
    Bool,
    Round,
    /// `range(…)` with one to three arguments.
    Range,
    /// Something that the first argument's type (given here) decides, and the identities of the others, which come again
    /// behind the arguments as further operands (of a tuple itself and its items): the result is the last operand.
    ByType(u64),
    MathSqrt,
    MathFloor,
    MathCeil,
    MathFabs,
    /// Another function of `math` of one float without state: the C function's address.
    Math1(u64),
    /// Another function of `math` of two floats without state: the C function's address.
    Math2(u64),
    /// A method of a list, which comes as `self`.
    List(ListMethod),
    /// `object.__init__` (at this address) bound to an object, without arguments: it does nothing.
    ObjectInit(u64),
    /// A method bound to an exact list, which the builtin function object holds: its definition's address.
    BoundList(ListMethod, u64),
    /// A C function that runs no Python code for such arguments.
    Leaf(LeafCall),
}

/// What `getattr` or `hasattr` does, as it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskedFor {
    /// Gives the attribute, which is there.
    Value(Attribute),
    /// Says that it is there.
    Presence(Attribute),
    /// Says that it is not there: what the instance does not have of its own.
    Absence(Shadow),
    /// Gives the last argument, since it is not there.
    Default(Shadow),
}

/// A call of a C function that runs no Python code for arguments of the kinds that were seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LeafCall {
    /// Its address.
    pub function: u64,
    /// How it is called.
    pub passing: Passing,
    /// What it is given before the arguments.
    pub first: First,
    /// The arguments whose exact types must be those that were seen, one bit each.
    pub exact: u32,
    /// The result's type, 0 where it is not known.
    pub gives: u64,
    /// Whether it changes a list, dict, set or `bytearray`, or lets something die.
    pub changes: bool,
    /// A C function that is asked first whether one of the objects is such that nothing can happen, which it is given
    /// twice; it refuses by -1. 0 where nothing needs to be asked.
    pub check: u64,
    /// Which one: 0 for the first that the function is given.
    pub asks: u32,
    /// Whether it looks after signals and the collector by itself.
    pub attends: bool,
}

/// How a C function is called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Passing {
    /// Up to three objects; it gives one.
    Objects,
    /// An object, then arguments in memory and their number; it gives an object.
    Fast,
    /// Two or three objects; it gives 1 or 0, which becomes a `bool` or, as here, `None`; or refuses by -1.
    Done,
    /// The same, for a `bool`.
    Truth,
    /// Two objects, or one twice; it gives a number, or refuses by the lowest one.
    Number,
}

/// What a C function is given before the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum First {
    /// Nothing.
    Nothing,
    /// The receiver of a method, which is called as that.
    Receiver,
    /// The receiver that the builtin function object is bound to, whose definition is at this address.
    Bound {
        /// The definition's address.
        definition: u64,
        /// The receiver's exact type.
        ty: u64,
    },
    /// This object, which lives forever, or as long as the function.
    Object(u64),
}

/// Methods of lists that are translated into uops.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum ListMethod {
    Append,
    Insert,
    Pop,
}

/// What an instance could have of its own in place of what was found on its class, and so has to be guarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shadow {
    /// Nothing: instances have no attributes of their own, or the class comes first.
    Nothing,
    /// Not while the inline values are in use (the byte at this displacement is 1), and there are no more names of those than
    /// were seen: address and value of their number.
    Names {
        /// Of the byte.
        valid_disp: i32,
        /// Of the number of names.
        address: u64,
        /// That number.
        names: u32,
    },
    /// Not while the inline value at this displacement is null (and the values are in use).
    Value {
        /// Of the byte that says that.
        valid_disp: i32,
        /// Of the value.
        disp: i32,
    },
    /// Not while the instance has no dict: the word at this displacement is null.
    NoDict {
        /// Of the word.
        disp: i32,
    },
    /// Not while the module's dict, at this displacement, is this one. Its end is told by a watcher; that of a module by nobody, and
    /// another one may come to be where it was while something else keeps the dict.
    Module {
        /// Of the dict.
        disp: i32,
        /// The dict.
        dict: u64,
    },
    /// Has to be looked up in the instance's dict.
    InDict,
}

/// How an attribute was found. Everything named here is watched or guarded by the recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attribute {
    /// In the instance's inline values: at this displacement from the object.
    /// `valid_disp` is the displacement of the byte that is 1 while the inline values are in use;
    /// `dict_disp` of the word that is null while the instance has no dict of its own.
    Inline {
        /// Of the value.
        disp: i32,
        /// Of the byte that says that inline values are in use.
        valid_disp: i32,
        /// Of the pointer to a dict made for the instance.
        dict_disp: i32,
    },
    /// In a slot (`__slots__`) at this displacement.
    Slot {
        /// Of the value.
        disp: i32,
    },
    /// An item of the instance, which is a tuple: a field of a named tuple.
    Item {
        /// Which one.
        index: u32,
    },
    /// In the instance's dict, which it has one of its own.
    Dict {
        /// Of the pointer to the dict.
        disp: i32,
        /// Where the dict has it, as the uop `dict_place` takes it; 0 where that is not known.
        entry: i32,
    },
    /// A function found on the class: a method of the owner. A function of Python, or one in C that gets its `self` first.
    Method {
        /// The function.
        function: Operand,
        /// How the instance could have an attribute of that name.
        shadow: Shadow,
    },
    /// A class method: a function, and the class that it gets.
    ClassMethod {
        /// The function.
        function: Operand,
        /// The class.
        class: Operand,
        /// As above.
        shadow: Shadow,
    },
    /// A constant found on the class, or in a module whose dict is watched.
    Constant {
        /// The object.
        value: Operand,
        /// As above.
        shadow: Shadow,
    },
    /// Found in a way that traces do not handle: a few words for the user.
    Unsupported(&'static str),
}

/// What an event carries besides its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Nothing.
    None,
    /// `LoadGlobal`: the value, from a dict that is watched; an operand of kind `Null` where it cannot be watched.
    Global(Operand),
    /// `LoadGlobal` of a name whose value changes often: the dict, the name, and where the dict has it, as the uop `dict_place` takes it.
    #[allow(missing_docs)]
    GlobalIn { dict: u64, name: u64, entry: i32 },
    /// `Subscript` and `StoreSubscript` of a dict: where it has the key, as the uop `dict_place` takes it.
    Entry(i32),
    /// `StoreGlobal` of such a name, of which watchers need not be told: the same, and the bits of watchers that are others than decal's.
    #[allow(missing_docs)]
    GlobalTo { dict: u64, name: u64, entry: i32, others: u8 },
    /// `MAKE_FUNCTION`: the globals, and the code's name and qualified name.
    Function(Operand, [u64; 2]),
    /// `LoadConst`, `ReturnConst`: the constant.
    Const(Operand),
    /// `LoadDeref`, `StoreDeref`: the cell, and its content before the instruction.
    Cell(Operand, Operand),
    /// `LoadAttr`, `StoreAttr`.
    Attribute(Attribute),
    /// `Call` of a Python function that is entered and observed.
    Enter(Callee),
    /// `Call` of a Python function that is not followed, and has a trace from its start.
    Native(Native),
    /// `Call` of a class that makes an instance.
    New(Making),
    /// `Call` of a builtin that traces know.
    Known(KnownCall),
    /// `Call` of a `functools.partial`, whose function is entered.
    Partial(Partial),
    /// `Call` of `getattr` or `hasattr` with a name that is the same each time.
    Asked(AskedFor),
    /// An instruction that calls a special method.
    Special(Special),
    /// `with` of an object whose `__enter__` is entered.
    With(Entering),
    /// `Compare` of objects of these types, for which `==` is identity.
    Identity(u64, u64),
    /// `ToBool` of an object of this type, all of whose objects are true.
    Truthy(u64),
    /// `Subscript`, `StoreSubscript`, `DeleteSubscript`, `Contains`, `SetAdd` and `MapAdd` of a dict or set: the key may run
    /// Python code.
    Asks,
    /// `Subscript` of a `str` of this [form](crate::host::form), which gives an ASCII character.
    Character(u32),
    /// `Call` of anything else: a few words for the user.
    Opaque(&'static str),
    /// `ForIter`: whether the iterator has a next item.
    Next(bool),
    /// `Call` of a generator function: a generator is made, and nothing of it runs.
    Generate(Generating),
    /// `Call` of a builtin that goes through a generator, whose frame goes on and is observed.
    Consume(Consumer, Resumed),
    /// `ForIter` over a generator: its frame goes on, and is observed.
    Resume(Resumed),
    /// `Send` to a generator: its frame goes on in place of the one that delegates to it.
    Delegate(Resumed),
    /// `Return` to a generator that delegates, whose frame goes on behind its `yield from`.
    Undelegate(Resumed),
    /// `PopJump`: whether the jump is taken. Known from the operand.
    Taken(bool),
}

impl Resumed {
    /// Whether another generator delegates to it.
    pub fn is_delegated(&self) -> bool {
        self.before > 0
    }
}

/// One instruction, just before it runs.
///
/// `operands`, by instruction (top of the stack last, as pushed):
/// * `StoreFast`: value, old local. `StoreFastLoadFast`: value, old local.
///   `StoreFastStoreFast`: top, next, old of the first local, old of the second. The `bits` of an old local that is not plain are
///   1 where there is one reference to it, else [`Operand::SHARED`].
/// * `LoadFastCheck`, `LoadFastAndClear`, `DeleteFast`: the local.
/// * `Binary`, `Compare`, `Is`, `Contains`, `Subscript`: left, right.
/// * `StoreGlobal`: value, and with [`Detail::GlobalTo`] the old value, whose `bits` are 1 where there is one reference to it, else 0.
/// * `StoreSubscript`: value, container, index, and for lists, and with [`Detail::Entry`] for dicts, the item that is replaced (else null).
/// * `LoadSuperAttr`: `super`, class, object. `LoadAttr`: owner. `StoreAttr`: value, owner, and the attribute's old value (else null).
///   The `bits` of what these two replace are 1 where there is one reference to it, else 0.
/// * `Negative`, `Positive`, `Invert`, `Not`, `ToBool`, `PopJump`, `GetIter`, `ForIter`, `PopTop`,
///   `UnpackSequence`, `Return`, `Yield`, `StoreDeref`: top of the stack.
/// * `Call(n)`: callable, self or null, n arguments; then for some builtins what [`KnownCall`] says. `CallKw(n)`: the same, the last
///   arguments with names, and the names' tuple.
/// * `CopyFreeVars(n)`: the closure's n cells.
/// * `BuildList`, `BuildSet`, `BuildMap`, `BuildConstKeyMap`, `BuildString`, `DeleteSubscript`, `ListToTuple`, `UnpackEx`,
///   `FormatSimple`, `FormatWithSpec`, `ConvertValue`: all that they take.
/// * `ListAppend`, `ListExtend`, `SetAdd`, `SetUpdate`, `MapAdd`, `DictUpdate`: all that they take, then the container.
/// * `Slice`: container, start, stop. `StoreSlice`: value, container, start, stop. `BuildSlice(n)`: its operands.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// 0 for the frame in which the trace starts, 1 for a call inlined into it, and so on.
    pub depth: u32,
    /// The frame's code.
    pub code: CodeId,
    /// The instruction's offset in code units.
    pub offset: u32,
    /// Offset of the instruction that follows in memory (behind the inline caches).
    pub next: u32,
    /// The instruction.
    pub op: Op,
    /// See above.
    pub operands: Operands,
    /// See [`Detail`].
    pub detail: Detail,
    /// For a call that is entered: what each of the callee's first locals has.
    pub binds: Vec<Bind>,
}

/// The operands of an instruction.
pub type Operands = SmallVec<[Operand; 2]>;

/// What the recorder needs to know of a code object.
#[derive(Clone, PartialEq, Debug)]
pub struct Code {
    /// The code object's address.
    pub object: u64,
    /// `co_qualname`, for messages.
    pub name: String,
    /// `co_filename`, for messages.
    pub file: String,
    /// Number of local slots (`co_nlocalsplus`: locals, cells and free variables).
    pub locals: u32,
    /// Parameters (positional).
    pub parameters: u32,
    /// Source line of each code unit, 0 where there is none.
    pub lines: Vec<u32>,
    /// For each code unit, offset of the handler that the exception table names for it, if any. Empty where it makes no
    /// difference: an exception that no handler here catches finds its way out from everywhere.
    pub handlers: Vec<Option<u32>>,
    /// Address of the first code unit.
    pub first_unit: u64,
    /// For each code unit, how many `EXTENDED_ARG`s come before the operation of the instruction that starts there.
    pub extended: Vec<u8>,
    /// Addresses of the names that instructions mean by their index (`co_names`).
    pub names: Vec<u64>,
}

impl Detail {
    /// The function that is entered next, and whether a function in C calls it.
    pub fn entered(&self) -> Option<(Callee, bool)> {
        match self {
            Detail::Enter(callee) => Some((*callee, callee.by_c)),
            Detail::New(Making { init, .. }) => init.map(|init| (init, true)),
            Detail::Special(special) => Some((special.callee, true)),
            Detail::With(entering) => Some((entering.callee, true)),
            Detail::Partial(partial) => Some((partial.callee, true)),
            _ => None,
        }
    }
}

impl Code {
    /// What the instruction pointer of a frame is while it runs the instruction at `offset`.
    pub fn address_of(&self, offset: u32) -> u64 {
        let extended = self.extended.get(offset as usize).copied().unwrap_or(0);
        self.first_unit + 2 * (u64::from(offset) + u64::from(extended))
    }

    /// The source line of the instruction at `offset`, 0 where there is none.
    pub fn line(&self, offset: u32) -> u32 {
        self.lines.get(offset as usize).copied().unwrap_or(0)
    }
}

impl Code {
    /// The source line of its start, 0 where there is none.
    pub fn first_line(&self) -> u32 {
        self.lines.iter().copied().find(|line| *line > 0).unwrap_or(0)
    }
}

/// Where an exception is handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raised {
    /// The frame that handles it, as [`Event::depth`] counts them. Those above are gone.
    pub depth: u32,
    /// The handler's offset.
    pub target: u32,
    /// Depth of the operand stack that the handler leaves.
    pub stack: u32,
    /// Whether the offset of the raising instruction is put on the stack before the exception.
    pub lasti: bool,
}

/// How observing ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The frame in which the trace starts is about to run the instruction at this offset again,
    /// which is the head of a loop that the engine counts or has compiled.
    Head(u32),
    /// The innermost frame is about to run the event of [`Recording::arrival`] again: it is at the head of the
    /// same loop, one turn later.
    Turn,
    /// The frame in which the trace starts returned (the last event is its `Return`).
    Returned,
    /// Too many events.
    TooLong,
    /// An exception was raised, or the frame was left in another way.
    Left,
}

/// One pass that was observed.
#[derive(Clone, PartialEq, Debug)]
pub struct Recording {
    /// All code objects that occur.
    pub codes: Vec<Rc<Code>>,
    /// What happened.
    pub events: Vec<Event>,
    /// Depth of the entry frame's operand stack before the first event.
    pub stack: u32,
    /// Whether the loop at whose head a root trace begins is within another one of the same function.
    pub nested: bool,
    /// The event, by index, at the head of the loop that the trace is to close: for a root trace that begins outside of
    /// it, in a call or around it; for a side trace, where it first comes to the head of its root's label.
    pub arrival: Option<u32>,
    /// For a side trace of a root that loops in a call: the event, by index, at the head at which the root is entered,
    /// where the pass went by there.
    pub around: Option<u32>,
    /// How it ended.
    pub ending: Ending,
    /// Events, by index, that raised an exception which a frame of the recording handles: the next event is in its handler.
    pub raised: BTreeMap<u32, Raised>,
    /// For a side trace of an exit at which an exception is set: where that is handled. The first event is there.
    pub begins: Option<Raised>,
    /// Items of the constant tuples that occur (as `LoadConst` operands), by the tuple's address.
    pub tuples: BTreeMap<u64, Vec<Operand>>,
}
