//! Code objects: described for the recorder, decoded for the observer.
//!
//! Base bytecode is read (`co_code`: neither specialized nor instrumented). A [`DecodedCode`] is
//! plain data that never changes; keeping it for a code object, and forgetting it when that dies,
//! is the engine's business. Limits: stack depths are static in CPython's bytecode, and offsets that
//! nothing leads to have none.

use crate::thread::Thread;
use crate::version::{bytecode, layout, linetable, opcodes};
use crate::{PyObject, Raised, objects, specialized};
use decal_trace::bytecode::Op;
use std::rc::Rc;

/// An instruction in base form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// Where it starts: at its first `EXTENDED_ARG` where it has any. Jumps lead here.
    pub start: u32,
    /// The code unit of the operation itself: what monitoring events and `instr_ptr` name.
    pub unit: u32,
    /// Offset of the instruction behind it (behind its inline caches).
    pub next: u32,
}

/// Where the exception table sends an exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handler {
    /// Offset of the handler.
    pub target: u32,
    /// Stack depth to cut back to.
    pub depth: u32,
    /// Whether the offset of the raising instruction is pushed below the exception.
    pub lasti: bool,
}

/// A code object, read once. Keeps no reference to it.
#[derive(Clone, PartialEq, Debug)]
pub struct DecodedCode {
    /// For the recorder.
    pub code: Rc<decal_trace::event::Code>,
    /// By code unit: the instruction that starts there, or whose operation is there.
    pub instructions: Vec<Option<Instruction>>,
    /// By code unit: the handler that the exception table names.
    pub handlers: Vec<Option<Handler>>,
    /// By code unit: stack depth before the instruction, where something leads there.
    pub depths: Vec<Option<u32>>,
    /// Offsets of loop heads (targets of backward jumps), ascending.
    pub heads: Vec<u32>,
    /// For each of them, where the last jump back to it starts.
    pub ends: Vec<u32>,
    /// Whether a suspended generator with this code may go on in a trace, else why not.
    pub resumable: Result<(), &'static str>,
    /// Whether calls of this code can be inlined, else why not (a few words).
    pub inlinable: Result<(), &'static str>,
    /// Whether traces can start in this code, else why not (generators and coroutines; class and module bodies; bytecode that
    /// nobody can rely on).
    pub traceable: Result<(), &'static str>,
    /// Offset of a `RETURN_VALUE`, if there is one.
    pub return_value: Option<u32>,
    /// Offset of a `RERAISE` that no handler covers, and its argument.
    pub reraise: Option<(u32, u32)>,
    /// `co_stacksize`: slots of the operand stack.
    pub stack_size: u32,
    /// Whether it names something that is called as it is: most likely it calls itself.
    pub names_itself: bool,
}

impl DecodedCode {
    /// The instruction that a monitoring event at this offset (in code units) means; `None` at an
    /// `EXTENDED_ARG` (the operation has an event of its own) and in inline caches.
    pub fn at(&self, offset: u32) -> Option<&Instruction> {
        self.instructions.get(offset as usize)?.as_ref().filter(|instruction| instruction.unit == offset)
    }

    /// The instruction that starts at this offset, which may be its first `EXTENDED_ARG`.
    pub fn starting_at(&self, offset: u32) -> Option<&Instruction> {
        self.instructions.get(offset as usize)?.as_ref().filter(|instruction| instruction.start == offset)
    }

    /// The instruction that starts or has its operation at this offset.
    pub fn around(&self, offset: u32) -> Option<&Instruction> {
        self.instructions.get(offset as usize)?.as_ref()
    }

    /// Stack depth before the instruction at this offset.
    pub fn depth(&self, offset: u32) -> Option<u32> {
        self.depths.get(offset as usize).copied().flatten()
    }

    /// The handler for an exception raised at this offset.
    pub fn handler(&self, offset: u32) -> Option<Handler> {
        self.handlers.get(offset as usize).copied().flatten()
    }

    /// Whether this offset is a loop's head.
    pub fn is_head(&self, offset: u32) -> bool {
        self.heads.binary_search(&offset).is_ok()
    }

    /// Where the last jump back to a loop's head is. Asked for each instruction that is observed.
    pub fn loop_end(&self, head: u32) -> Option<u32> {
        self.ends.get(self.heads.binary_search(&head).ok()?).copied()
    }
}

/// Reads a code object.
///
/// # Safety
/// `code` is a live code object, the GIL is held.
///
/// # Errors
/// [`Raised`] where memory ran out.
pub unsafe fn decode(code: *mut PyObject) -> Result<DecodedCode, Raised> {
    // SAFETY: a code object has this layout; its strings and tables are not null.
    unsafe {
        let raw = &*code.cast::<layout::Code>();
        let bytes = crate::capi::PyCode_GetCode(code.cast());
        if bytes.is_null() {
            return Err(Raised);
        }
        let base = objects::byte_string(bytes);
        objects::decref(bytes);
        let units = base.len() / 2;
        let handlers = linetable::handlers(&objects::byte_string(raw.exception_table), units);
        let lines = linetable::lines(&objects::byte_string(raw.line_table), raw.first_line as u32, units);
        let decoded = bytecode::decode(&base, &handlers);
        let fits = |depth: &u32| *depth <= raw.stack_size as u32;
        let sound = match decoded.consistent && decoded.depths.iter().flatten().all(fits) {
            true => Ok(()),
            false => Err("its bytecode is not what a compiler makes"),
        };
        let traceable = sound.and_then(|()| traceable(raw));
        Ok(DecodedCode {
            code: Rc::new(decal_trace::event::Code {
                object: code as u64,
                name: objects::text(raw.qualname),
                file: objects::text(raw.filename),
                locals: raw.locals_plus as u32,
                parameters: raw.arg_count as u32,
                lines,
                handlers: match decoded.reraise {
                    Some(_) => Vec::new(),
                    None => handlers.iter().map(|handler| handler.map(|h| h.target)).collect(),
                },
                names: objects::tuple_items(raw.names).iter().map(|name| *name as u64).collect(),
                first_unit: &raw const raw.code as u64,
                extended: (0..units as u32).map(|at| extended(&decoded.instructions, at)).collect(),
            }),
            instructions: decoded.instructions,
            handlers,
            depths: decoded.depths,
            heads: decoded.heads,
            ends: decoded.ends,
            resumable: sound.and_then(|()| resumable(raw)),
            inlinable: traceable.and_then(|()| inlinable(raw)),
            traceable,
            return_value: decoded.return_value,
            reraise: decoded.reraise,
            stack_size: raw.stack_size as u32,
            names_itself: {
                let names = [raw.names, raw.locals_plus_names];
                // Names are interned.
                names.iter().any(|names| objects::tuple_items(*names).contains(&raw.name))
            },
        })
    }
}

/// How many `EXTENDED_ARG`s the instruction that starts at `offset` has.
fn extended(instructions: &[Option<Instruction>], offset: u32) -> u8 {
    let found = instructions.get(offset as usize).copied().flatten().filter(|found| found.start == offset);
    found.map_or(0, |found| (found.unit - found.start) as u8)
}

/// Whether a trace could start where this code does, and the code has at least so many units. Reads nothing but the code
/// object's head.
///
/// # Safety
/// `code` is a live code object.
pub unsafe fn may_start(code: *mut PyObject, least: u32) -> bool {
    // SAFETY: the caller's.
    let code = unsafe { &*code.cast::<layout::Code>() };
    code.size >= least as isize && traceable(code).is_ok()
}

/// Whether a code object has loops, without decoding it.
///
/// # Safety
/// `code` is a live code object, the GIL is held.
pub unsafe fn has_loops(code: *mut PyObject) -> bool {
    let jump = |unit: &u16| opcodes::may_jump_backward(*unit as u8);
    // SAFETY: the caller's. What looks like a jump may be a part of an inline cache, or stand behind a tool's event.
    unsafe {
        if !(*specialized::units(code)).iter().any(jump) {
            return false;
        }
        let bytes = crate::capi::PyCode_GetCode(code.cast());
        if bytes.is_null() {
            Thread::current().clear_exception();
            return false;
        }
        let base = objects::byte_string(bytes);
        objects::decref(bytes);
        bytecode::has_loops(&base)
    }
}

fn traceable(code: &layout::Code) -> Result<(), &'static str> {
    if code.flags & layout::flags::SUSPENDS != 0 {
        return Err("it is a generator or coroutine");
    }
    body(code)
}

fn resumable(code: &layout::Code) -> Result<(), &'static str> {
    if code.flags & layout::flags::SUSPENDS != layout::flags::GENERATOR {
        return Err("it is a coroutine");
    }
    body(code)
}

fn body(code: &layout::Code) -> Result<(), &'static str> {
    let plain = layout::flags::OPTIMIZED | layout::flags::NEW_LOCALS;
    if code.flags & plain != plain {
        return Err("it is not the body of a function");
    }
    if code.flags & layout::flags::NO_MONITORING != 0 {
        return Err("it is code that monitoring leaves alone");
    }
    Ok(())
}

fn inlinable(code: &layout::Code) -> Result<(), &'static str> {
    let _ = code;
    Ok(())
}
