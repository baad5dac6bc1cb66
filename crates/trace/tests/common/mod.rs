//! Recordings for tests of the recorder: a few words for what observing would have seen, and what every recorded trace must pass.
#![allow(dead_code)] // each test file uses a part of it

use decal_trace::allocated::{Allocated, ExitIndex};
use decal_trace::balance::balance;
use decal_trace::bytecode::{BinaryOp, CompareOp, JumpIf, Op};
use decal_trace::event::{Callee, Code, CodeId, Detail, Ending, Event, Kind, KnownCall, Making, Operand, Recording};
use decal_trace::host::{Functions, Host, Layout, Leaf, Objects};
use decal_trace::ir::{Inst, Start, Trace, Val};
use decal_trace::record::{Abort, Options, Parent, Recorded, root, side};
use decal_trace::regalloc::{Incoming, Registers, allocate_with, label_interface};
use decal_trace::regalloc_check::check;
use decal_trace::snapshot::Snapshot;
use decal_trace::verify::verify;
use decal_uops::Uop;
use std::collections::BTreeMap;
use std::rc::Rc;

/// An interpreter that does not exist: displacements as in CPython 3.13, addresses that show what they are.
pub fn host() -> Host {
    let layout = Layout {
        frame_instruction: 56,
        frame_locals: 72,
        size: 16,
        list_items: 24,
        tuple_items: 24,
        bytes_data: 32,
        bytearray_start: 40,
        array_items: 24,
        array_description: 40,
        float_value: 16,
        range_iter_start: 16,
        range_iter_step: 24,
        range_iter_len: 32,
        list_iter_index: 16,
        list_iter_list: 24,
        tuple_iter_index: 16,
        tuple_iter_tuple: 24,
        enumerate_index: 16,
        enumerate_iterator: 24,
        enumerate_result: 32,
        cell_content: 16,
        values: 16,
        values_capacity: 16,
        values_size: 17,
        dict_watchers: 24,
        collector_word: -16,
        values_first: 24,
        method_function: 16,
        method_self: 24,
        range_start: 16,
        range_stop: 24,
        range_step: 32,
        range_length: 40,
        str_length: 16,
        str_state: 32,
        str_ascii_data: 40,
        str_data: 56,
        function_code: 48,
        builtin_definition: 16,
        builtin_self: 24,
        generator_state: 51,
        generator_instruction: 128,
        generator_locals: 144,
        generator_stack: 136,
        generator_stack_word: 1 << 48,
        generator_suspended: 0xfe,
        generator_delegating: 255,
        generator_created: 0xfd,
        generator_over: 4,
        generator_globals: 96,
        function_closure: 72,
        function_dicts: [16, 24],
        function_defaults: 56,
        function_names: [32, 40],
    };
    let ty = |kind: Kind| type_of(kind);
    let objects = Objects {
        none: NONE.object,
        true_: 0x7_0001,
        false_: 0x7_0000,
        int: ty(Kind::Int),
        float: ty(Kind::Float),
        bool_: ty(Kind::Bool),
        none_type: ty(Kind::None),
        str_: ty(Kind::Str),
        bytes: ty(Kind::Bytes),
        bytearray: ty(Kind::ByteArray),
        list: ty(Kind::List),
        tuple: ty(Kind::Tuple),
        range: ty(Kind::Range),
        range_iter: ty(Kind::RangeIter),
        generator: ty(Kind::Generator),
        list_iter: ty(Kind::ListIter),
        tuple_iter: ty(Kind::TupleIter),
        function: ty(Kind::Function),
        method: ty(Kind::Method),
        type_: ty(Kind::Type),
        cell: ty(Kind::Cell),
        builtin: ty(Kind::Builtin),
        small_ints: 0x6_0000,
        ascii_chars: 0x6_8000,
        exhausted: 0x7_0020,
        not_implemented: 0x7_0030,
    };
    let functions = Functions {
        new_int: 0xf_0000,
        new_float: 0xf_0001,
        renew_float: 0xf_0002,
        renew_int: 0xf_0042,
        dealloc: 0xf_0003,
        free_float: 0xf_0043,
        new_tuple: 0xf_0004,
        new_list: 0xf_0005,
        new_grown_list: 0xf_0105,
        float_mod: 0xf_0006,
        float_floordiv: 0xf_0007,
        float_pow: 0xf_0008,
        number: std::array::from_fn(|i| 0xf_0100 + i as u64),
        int_compare: std::array::from_fn(|i| 0xf_0200 + i as u64),
        int_unary: std::array::from_fn(|i| 0xf_0300 + i as u64),
        str_equal: 0xf_0009,
        new_range_iter: 0xf_000a,
        new_list_iter: 0xf_000b,
        new_tuple_iter: 0xf_000c,
        list_append: 0xf_000d,
        list_insert: 0xf_000e,
        list_pop: 0xf_000f,
        get_slice: 0xf_0010,
        new_slice: 0xf_1320,
        set_slice: 0xf_0011,
        set_slice_last: 0xf_0014,
        move_slice: 0xf_0099,
        may_die: 0xf_0012,
        may_die_listed: 0xf_0017,
        push_frame: 0xf_0018,
        pop_frame: 0xf_0019,
        undisturbed: 0xf_001a,
        unseen: 0xf_001e,
        make_callers: 0,
        is_sole: 0,
        raising: decal_trace::host::RaisingFunctions::default(),
        general: general(),
        new_bool: 0xf_0013,
        new_generator: 0xf_0020,
        new_generator_of: 0xf_0021,
        new_generator_in: 0xf_0022,
        generator_may_be_taken: 0xf_0023,
        new_function: 0xf_0024,
        new_set: 0xf_0025,
        sort_plain: 0xf_0026,
        join_plain: 0xf_0027,
        generator_may_end: 0xf_0028,
        resume_frame: 0xf_0029,
        suspend_frame: 0xf_002a,
        generator_end: 0xf_002b,
        find_innermost: 0xf_0201,
        may_delegate: 0xf_0202,
        delegate: 0xf_0203,
        find_asker: 0xf_0204,
        end_delegation: 0xf_0205,
        resume_chain: 0xf_0206,
        suspend_chain: 0xf_0207,
        answer: 0xf_0208,
        new_cell: 0xf_001b,
        new_empty_cell: 0xf_001c,
        new_method: 0xf_0017,
        new_builtin_method: 0x1_2345,
        lacks_attribute: 0xf_0018,
        dict_place: 0xf_0019,
        new_instance: 0xf_0015,
        new_instance_with: 0xf_001d,
        new_keywords: 0xf_0016,
    };
    Host { layout, objects, functions, leaf: Leaf::default() }
}

fn type_of(kind: Kind) -> u64 {
    match kind {
        Kind::Null => 0,
        Kind::BigInt => type_of(Kind::Int),
        // Not by its number: new kinds come before it.
        Kind::Other => 0x1ff0,
        other => 0x1000 + 0x10 * other as u64,
    }
}

/// An object of a kind at an address.
pub fn object(kind: Kind, address: u64, bits: u64) -> Operand {
    Operand { object: address, ty: type_of(kind), kind, bits }
}
/// An `int`; small ones are where the interpreter's table has them.
pub fn int(value: i64) -> Operand {
    let small = (-5..=256).contains(&value);
    let address = if small { 0x6_0000 + 32 * (value + 5) as u64 } else { 0x10_0000 + (value as u64 & 0xffff) };
    object(Kind::Int, address, value as u64)
}
pub fn float(value: f64) -> Operand {
    object(Kind::Float, 0x20_0000 + (value.to_bits() >> 48), value.to_bits())
}
/// What a store replaces, where the container holds the only reference, and where others hold it too.
pub fn sole(old: Operand) -> Operand {
    Operand { bits: 1, ..old }
}
pub fn shared(old: Operand) -> Operand {
    Operand { bits: 0, ..old }
}
pub fn truth(value: bool) -> Operand {
    object(Kind::Bool, 0x7_0000 + u64::from(value), u64::from(value))
}
/// An instance of some class.
pub fn instance() -> Operand {
    object(Kind::Other, 0x30_0000, 0)
}
/// A list of a length.
pub fn list(length: u64) -> Operand {
    object(Kind::List, 0x31_0000, length)
}
/// General functions, numbered.
fn general() -> decal_trace::host::GeneralFunctions {
    decal_trace::host::GeneralFunctions {
        binary: std::array::from_fn(|i| 0xf_1000 + i as u64),
        augmented: std::array::from_fn(|i| 0xf_1100 + i as u64),
        unary: std::array::from_fn(|i| 0xf_1200 + i as u64),
        compare: 0xf_1300,
        compare_truth: 0xf_1301,
        truth: 0xf_1302,
        contains: 0xf_1303,
        get_item: 0xf_1304,
        set_item: 0xf_1305,
        delete_item: 0xf_1306,
        get_slice: 0xf_1307,
        set_slice: 0xf_1308,
        get_attribute: 0xf_1309,
        get_method: 0xf_1399,
        set_attribute: 0xf_130a,
        delete_attribute: 0xf_130b,
        iterator: 0xf_130c,
        next: 0xf_130d,
        unpack: 0xf_130e,
        call: 0xf_130f,
        call_with_sequence: 0xf_1310,
        set_add: 0xf_1312,
        dict_set: 0xf_1313,
        list_extend: 0xf_1314,
        set_update: 0xf_1315,
        dict_update: 0xf_1316,
        format: 0xf_1311,
        convert: std::array::from_fn(|i| 0xf_1400 + i as u64),
        instructions: std::array::from_fn(|i| 0xf_1500 + i as u64),
    }
}

pub const NONE: Operand = Operand { object: 0x7_0010, ty: 0x1010, kind: Kind::None, bits: 0 };
pub const NULL: Operand = Operand::NULL;

/// One pass, instruction by instruction. Each instruction is two code units long.
pub struct Pass {
    recording: Recording,
    /// Code and next offset of each frame, outermost first.
    frames: Vec<(CodeId, u32)>,
    /// How often a call was entered, for new calls' offsets.
    calls: u64,
}

impl Pass {
    /// A pass of a function with so many locals.
    pub fn new(locals: u32) -> Pass {
        let recording = Recording {
            codes: Vec::new(),
            events: Vec::new(),
            stack: 0,
            nested: false,
            arrival: None,
            around: None,
            ending: Ending::Left,
            raised: BTreeMap::new(),
            begins: None,
            tuples: BTreeMap::new(),
        };
        let mut pass = Pass { recording, frames: Vec::new(), calls: 0 };
        let code = pass.code("f", locals, 0);
        pass.frames.push((code, 0));
        pass
    }

    /// The loop stands on a stack of this depth.
    pub fn stack(mut self, depth: u32) -> Pass {
        self.recording.stack = depth;
        self
    }

    /// The innermost frame goes on at another instruction.
    pub fn at(mut self, offset: u32) -> Pass {
        if let Some(frame) = self.frames.last_mut() {
            frame.1 = offset;
        }
        self
    }

    /// The pass begins inside of an inlined call, which stands at this offset.
    pub fn within(mut self, code: CodeId, offset: u32) -> Pass {
        self.frames.push((code, offset));
        self
    }

    /// The innermost frame is at the head of the loop that the trace is to close.
    pub fn arrives(mut self) -> Pass {
        self.recording.arrival = Some(self.recording.events.len() as u32);
        self
    }

    /// A jump back, from where the pass goes on.
    pub fn jump_back(self, head: u32) -> Pass {
        self.op(Op::JumpBackward(head), &[]).at(head)
    }

    /// A code object.
    pub fn code(&mut self, name: &str, locals: u32, parameters: u32) -> CodeId {
        let number = self.recording.codes.len() as u32;
        self.recording.codes.push(Rc::new(Code {
            object: 0x9000 + u64::from(number),
            name: name.to_string(),
            file: "f.py".to_string(),
            locals,
            parameters,
            lines: Vec::new(),
            handlers: Vec::new(),
            first_unit: 0,
            extended: Vec::new(),
            names: vec![0x38_0000; 4],
        }));
        CodeId(number)
    }

    /// Says which handler the exception table names for instructions of the first code.
    pub fn handlers(mut self, handlers: Vec<Option<u32>>) -> Pass {
        Rc::make_mut(&mut self.recording.codes[0]).handlers = handlers;
        self
    }

    /// The items of a constant tuple.
    pub fn tuple(mut self, tuple: Operand, items: &[Operand]) -> Pass {
        self.recording.tuples.insert(tuple.object, items.to_vec());
        self
    }

    /// An instruction with what it carries.
    pub fn with(mut self, op: Op, operands: &[Operand], detail: Detail) -> Pass {
        let depth = self.frames.len() as u32 - 1;
        if let Some((code, offset)) = self.frames.last_mut() {
            let event = Event {
                depth,
                code: *code,
                offset: *offset,
                next: *offset + 2,
                op,
                operands: operands.into(),
                detail,
                binds: Vec::new(),
            };
            self.recording.events.push(event);
            *offset += 2;
        }
        self
    }

    /// An instruction.
    pub fn op(self, op: Op, operands: &[Operand]) -> Pass {
        self.with(op, operands, Detail::None)
    }
    /// `LOAD_FAST` of one or two locals.
    pub fn load(self, slots: &[u32]) -> Pass {
        match slots {
            [a, b] => self.op(Op::LoadFastLoadFast(*a, *b), &[]),
            _ => self.op(Op::LoadFast(slots[0]), &[]),
        }
    }
    pub fn constant(self, value: Operand) -> Pass {
        self.with(Op::LoadConst(1), &[], Detail::Const(value))
    }
    pub fn global(self, value: Operand, push_null: bool) -> Pass {
        self.with(Op::LoadGlobal { name: 0, push_null }, &[], Detail::Global(value))
    }
    pub fn store(self, slot: u32, value: Operand, old: Operand) -> Pass {
        self.op(Op::StoreFast(slot), &[value, old])
    }
    pub fn binary(self, op: BinaryOp, left: Operand, right: Operand) -> Pass {
        self.op(Op::Binary(op), &[left, right])
    }
    /// A comparison and the jump on it, which leaves the loop where it is false.
    pub fn test(self, op: CompareOp, left: Operand, right: Operand, holds: bool) -> Pass {
        self.op(Op::Compare(op, true), &[left, right]).jump_if_false(holds)
    }
    /// The jump on a truth that was just computed.
    pub fn jump_if_false(self, truth: bool) -> Pass {
        self.with(Op::PopJump(JumpIf::False, 90), &[], Detail::Taken(!truth))
    }
    /// A call of a builtin that was loaded as a global before its arguments were.
    pub fn known(self, call: KnownCall, arguments: &[Operand]) -> Pass {
        let mut operands = vec![builtin(), NULL];
        operands.extend(arguments);
        self.with(Op::Call(arguments.len() as u32), &operands, Detail::Known(call))
    }
    /// A call of a Python function that is inlined.
    pub fn enter(mut self, function: Operand, code: CodeId, receiver: Operand, arguments: &[Operand]) -> Pass {
        let mut operands = vec![function, receiver];
        operands.extend(arguments);
        let callee = Callee { function: function.object, code, bound_self: 0, by_code: None, by_c: false };
        self = self.with(Op::Call(arguments.len() as u32), &operands, Detail::Enter(callee));
        self.frames.push((code, 0));
        self.op(Op::Nop, &[])
    }
    /// A call of a class whose `__init__`, this code, is entered.
    pub fn make(mut self, class: Operand, code: CodeId, bare: bool, arguments: &[Operand]) -> Pass {
        let mut operands = vec![class, NULL];
        operands.extend(arguments);
        let init = Some(Callee { function: function(3).object, code, bound_self: 0, by_code: None, by_c: false });
        let making = Making { class: class.object, init, inline: None, values: 0, bare };
        self = self.with(Op::Call(arguments.len() as u32), &operands, Detail::New(making));
        self.frames.push((code, 0));
        self.op(Op::Nop, &[])
    }
    /// The return of the innermost inlined call.
    pub fn leave(mut self, result: Operand) -> Pass {
        self = self.op(Op::Return, &[result]);
        self.frames.pop();
        self
    }
    /// Only the frame goes away, not an event: a recording that contradicts itself.
    pub fn forget_frame(mut self) -> Pass {
        self.frames.pop();
        self
    }
    /// The jump back to the head at `offset`.
    pub fn back_to(self, head: u32) -> Recording {
        self.op(Op::JumpBackward(head), &[]).ends(Ending::Head(head))
    }
    /// The jump back to the head at which the pass arrived, one turn later.
    pub fn turns(self, head: u32) -> Recording {
        self.op(Op::JumpBackward(head), &[]).ends(Ending::Turn)
    }
    pub fn ends(mut self, ending: Ending) -> Recording {
        self.recording.ending = ending;
        self.recording
    }
}

/// A builtin function.
pub fn builtin() -> Operand {
    object(Kind::Builtin, 0x40_0000, 0)
}
/// A Python function.
pub fn function(number: u64) -> Operand {
    object(Kind::Function, 0x50_0000 + 0x100 * number, 0)
}

/// What every trace must pass: the verifier, the checker of references, the text form there and back, the allocator with all registers and with few,
/// and its checker.
pub fn examine(trace: &Trace, entry: Option<(&Trace, Snapshot<'_>)>, incoming: &Incoming) -> Allocated {
    let parents: Vec<&Trace> = entry.iter().map(|(parent, _)| *parent).collect();
    let entry = entry.map(|(_, snapshot)| (&parents[..], snapshot));
    if let Err(error) = verify(trace).and_then(|()| balance(trace, &host(), entry)) {
        panic!("{}", error.show(trace));
    }
    let text = trace.to_string();
    let back: Trace = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(back.to_string(), text);
    let few = Registers { ints: 3, floats: 3, seed: None };
    for registers in [few, Registers::default()] {
        let allocated = allocate_with(trace, incoming, &registers).unwrap_or_else(|error| panic!("{error}\n{trace}"));
        if let Err(error) = check(trace, &allocated, incoming) {
            panic!("{error}\n{trace}\n{allocated}");
        }
        if registers == Registers::default() {
            return allocated;
        }
    }
    unreachable!("the last registers are the default")
}

/// A root trace and what goes with it.
pub struct Root {
    pub recorded: Recorded,
    pub allocated: Allocated,
    pub interface: Vec<Val>,
}

/// Records a loop, with and without the optimizer.
pub fn record(recording: &Recording) -> Root {
    let record = |optimize: bool| {
        let options = Options { optimize, ..Options::default() };
        root(recording, &host(), Start::Loop, &options).unwrap_or_else(|abort| panic!("{}: {abort:?}", abort.reason))
    };
    examine(&record(false).trace, None, &Incoming::default());
    let recorded = record(true);
    let allocated = examine(&recorded.trace, None, &Incoming::default());
    let interface = label_interface(&recorded.trace);
    Root { recorded, allocated, interface }
}

/// Why a loop is not recorded.
pub fn abort(recording: &Recording) -> Abort {
    match root(recording, &host(), Start::Loop, &Options::default()) {
        Ok(recorded) => panic!("recorded:\n{}", recorded.trace),
        Err(abort) => abort,
    }
}

impl Root {
    /// The trace's text.
    pub fn text(&self) -> String {
        self.recorded.trace.to_string()
    }

    /// The nth instruction of the loop's body with this uop.
    pub fn find(&self, uop: Uop, nth: usize) -> Val {
        let first = self.recorded.trace.label.unwrap_or(0) as usize;
        let insts = self.recorded.trace.insts.iter().enumerate().skip(first);
        let mut found = insts.filter(|(_, inst)| matches!(inst, Inst::Uop(inst) if inst.uop == uop));
        match found.nth(nth) {
            Some((index, _)) => Val(index as u32),
            None => panic!("no {} in\n{}", uop.name(), self.recorded.trace),
        }
    }

    /// What the recorder needs to go on at the exit of an instruction.
    pub fn parent(&self, exit: Val) -> Parent<'_> {
        let Inst::Uop(inst) = &self.recorded.trace.insts[exit.index()] else { panic!("{exit} is no uop") };
        let label = self.recorded.label.as_ref().map(|label| (label, self.interface.as_slice()));
        let snap = inst.snap.expect("an exit");
        Parent {
            recorded: &self.recorded,
            exit,
            snap,
            label,
            trunk: &self.recorded.trace,
            is_trunk: true,
            may_loop: false,
            often: false,
        }
    }

    /// Records what followed the exit of an instruction, and allocates it from the exit's registers.
    pub fn side(&self, exit: Val, recording: &Recording) -> Recorded {
        self.continued(self.parent(exit), recording)
    }

    /// The same, where the side trace may loop by itself.
    pub fn side_loop(&self, exit: Val, recording: &Recording) -> Recorded {
        self.continued(Parent { may_loop: true, ..self.parent(exit) }, recording)
    }

    fn continued(&self, parent: Parent<'_>, recording: &Recording) -> Recorded {
        let (exit, snap) = (parent.exit, parent.snap);
        let recorded = side(recording, &host(), &parent, &Options::default())
            .unwrap_or_else(|abort| panic!("{}: {abort:?}", abort.reason));
        let index = self.exit_index(exit);
        let map = self.allocated.exits.get(index).unwrap();
        let place = |origin: &Val| map.place(*origin);
        let is_param = |val: &Val| matches!(recorded.trace.insts.get(val.index()), Some(Inst::Param(_)));
        let incoming = Incoming {
            params: recorded.trace.origins.iter().map(|origin| place(origin).expect("a place")).collect(),
            first_spill: self.allocated.spills,
            root_label: self.allocated.label.clone(),
            keep: recorded.carried.iter().map(|(_, mine)| *mine).filter(is_param).collect(),
        };
        let parent = &self.recorded.trace;
        examine(&recorded.trace, Some((parent, parent.snaps.get(snap).unwrap())), &incoming);
        recorded
    }

    /// The exit of an instruction in the allocated trace.
    fn exit_index(&self, exit: Val) -> ExitIndex {
        use decal_trace::allocated::Item;
        let found = self.allocated.items.iter().find_map(|item| match item {
            Item::Op(op) if op.source == Some(exit) => op.exit,
            _ => None,
        });
        found.expect("an exit")
    }
}
