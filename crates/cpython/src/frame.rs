//! Interpreter frames: reading, writing, making, running and leaving them.
//!
//! What CPython 3.13's interpreter does around monitoring callbacks; the engine's exits rely on it
//! (read in 3.13's sources, and each point tried by the tests of this crate):
//!
//! * `instr_ptr` of a running frame is the code unit of the *operation* being run (behind its `EXTENDED_ARG`s).
//!   While a callee runs it stays on the call, and the callee's return adds `return_offset` to it.
//! * **JUMP** (a backward jump): the eval breaker has just been served. The stack pointer is saved in the frame before the
//!   callback and read again after it, so that the callback may change locals, stack and stack pointer. The event's
//!   offset is the jump's operation, the frame's `instr_ptr` is the same. If `instr_ptr` is another one after the
//!   callback, the interpreter goes on there, otherwise at the destination. Null: the exception is
//!   raised with the traceback entry at `instr_ptr`, but *no handler of the frame is found* (3.13 looks it up for a
//!   place that it computes from the null). So null is right only where the code has no handlers at all.
//! * **PY_START** (at `RESUME`): the same about stack and `instr_ptr`; otherwise it goes on behind the
//!   `RESUME`. Null: traceback at `instr_ptr`, handler looked up for the `RESUME`.
//! * **INSTRUCTION**: the stack pointer is *not* saved (`stack_top` is -1; stack depths come from
//!   [`DecodedCode`]), and a change of `instr_ptr` is not taken up. `RESUME` and `END_FOR` have no such event;
//!   `EXTENDED_ARG` has one of its own.
//! * The interpreter run for an inner frame (`_PyEval_EvalFrameDefault`) links the frame below an entry frame
//!   of its own, whose `previous` is the thread's current frame, counts one Python call, clears and pops the frame
//!   at its end in every case, and makes that `previous` the current frame again.
//! * With its throw flag it raises the exception that is set at the frame's `instr_ptr`: traceback,
//!   handler and monitoring events as for any exception there.
//! * Because a JUMP callback that leaves `instr_ptr` alone goes on at the destination, "resume at this very
//!   jump" and "resume at its destination" are the same.
//! * A frame's `stack_top` counts valid slots, locals included.

use crate::code::DecodedCode;
use crate::thread::Thread;
use crate::version::layout::{self, owner};
use crate::version::opcodes;
use crate::version::symbols::symbols;
use crate::{PyObject, Raised, objects};
use decal_trace::bytecode::Op;
use std::ptr::null_mut;

/// An interpreter frame.
///
/// A handle is plain: whoever makes one promises not to use it once its frame was popped, and to
/// hold the GIL whenever it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame(*mut layout::Frame);

/// What a callback does after [`Frame::unwind`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unwound {
    /// Returns a normal result: the frame stands at the right instruction, and no exception is set.
    Resume,
    /// Returns null: the exception is still set, and nobody in this frame handles it.
    Null,
}

impl Frame {
    /// The thread's current frame.
    ///
    /// # Safety
    /// The GIL is held, `thread` is current and runs Python code (true in any monitoring callback),
    /// and the promise of [`Frame`].
    pub unsafe fn current(thread: Thread) -> Frame {
        // SAFETY: the thread state lives.
        Frame(unsafe { (*thread.pointer()).current_frame })
    }

    /// The thread's current frame, where it runs this code and stands at this offset (in code units). Events can also
    /// come from C code that says that something of its own runs, and from whoever calls a callback himself.
    ///
    /// # Safety
    /// The GIL is held, and the promise of [`Frame`].
    pub unsafe fn standing(thread: Thread, code: *mut PyObject, offset: u32) -> Option<Frame> {
        // SAFETY: the caller's; no frame at all is a null pointer. Only frames of code have a code object as
        // executable, so that the offset can be asked for.
        unsafe {
            let frame = Frame::current(thread);
            let runs = !frame.0.is_null() && frame.code() == code && frame.has_code();
            (runs && frame.offset() == offset).then_some(frame)
        }
    }

    /// The frame at this address.
    ///
    /// # Safety
    /// There is one, and the promise of [`Frame`].
    pub unsafe fn from_address(address: u64) -> Frame {
        Frame(address as *mut layout::Frame)
    }

    /// The `_PyInterpreterFrame`.
    pub(crate) fn pointer(self) -> *mut layout::Frame {
        self.0
    }

    /// The frame of a generator.
    ///
    /// # Safety
    /// An exact generator whose frame was not cleared, and the promise of [`Frame`].
    pub unsafe fn of_generator(generator: *mut PyObject) -> Frame {
        // SAFETY: the caller's; only an address is computed.
        Frame(unsafe { &raw mut (*generator.cast::<layout::Generator>()).frame })
    }

    /// The generator that this frame is of.
    fn generator(self) -> *mut layout::Generator {
        self.0.wrapping_byte_sub(std::mem::offset_of!(layout::Generator, frame)).cast()
    }

    /// Whether the generator of this frame is suspended (and not over, or running).
    ///
    /// # Safety
    /// It is a generator's frame.
    pub unsafe fn is_suspended(self) -> bool {
        // SAFETY: the caller's.
        let state = unsafe { (*self.generator()).state };
        matches!(state, layout::generator_state::SUSPENDED | layout::generator_state::DELEGATING)
    }

    /// Says that the generator of this frame is suspended at a `yield`; its stack and instruction are set.
    ///
    /// # Safety
    /// It is a generator's frame, and it does not run.
    pub unsafe fn suspend(self) {
        // SAFETY: the caller's.
        unsafe { (*self.generator()).state = layout::generator_state::SUSPENDED }
    }

    /// Says that the generator of this frame is suspended at a `yield from`.
    ///
    /// # Safety
    /// As for [`Frame::suspend`].
    pub unsafe fn delegates(self) {
        // SAFETY: the caller's.
        unsafe { (*self.generator()).state = layout::generator_state::DELEGATING }
    }

    /// Moves the current instruction by so many code units.
    ///
    /// # Safety
    /// As for [`Frame::set_offset`].
    pub unsafe fn move_by(self, units: isize) {
        // SAFETY: the caller's.
        unsafe { (*self.0).instr_ptr = (*self.0).instr_ptr.offset(units) }
    }

    /// Moves the current instruction on as the return of the frame above does.
    ///
    /// # Safety
    /// It is a call or the like, which is under way.
    pub unsafe fn return_here(self) {
        // SAFETY: the caller's.
        unsafe { self.move_by((*self.0).return_offset as isize) }
    }

    /// Pushes a value, whose reference is handed over, on the operand stack.
    ///
    /// # Safety
    /// The depth of the stack is saved in the frame, and there is room.
    pub unsafe fn push(self, value: *mut PyObject) {
        // SAFETY: the caller's.
        unsafe {
            *self.slot((*self.0).stack_top as u32) = value;
            (*self.0).stack_top += 1;
        }
    }

    /// The generator that this frame is of (borrowed).
    ///
    /// # Safety
    /// It is a generator's frame.
    pub unsafe fn generator_object(self) -> *mut PyObject {
        self.generator().cast()
    }

    /// Whether this place is behind its head, as the thread's current frame, on the thread's stack of frames.
    ///
    /// # Safety
    /// It is that, or none.
    #[inline(always)]
    pub unsafe fn is_below(self, thread: Thread, place: *const *mut PyObject) -> bool {
        // SAFETY: the caller's; the thread state lives, and addresses are compared only.
        unsafe {
            !self.0.is_null()
                && place > self.0.cast_const().cast()
                && (*self.0).owner == owner::THREAD
                && place < (*thread.pointer()).stack_next.cast_const()
        }
    }

    /// Whether this place, and the two behind it, are among the slots of its operand stack.
    ///
    /// # Safety
    /// The thread's current frame, or none.
    pub unsafe fn owns_stack_at(self, place: *const *mut PyObject) -> bool {
        // SAFETY: the caller's; addresses are compared only. Frames of C code have no slots.
        unsafe {
            if self.0.is_null() || !self.has_code() {
                return false;
            }
            let code = &*self.raw_code();
            let first = (&raw const (*self.0).slots).cast::<*mut PyObject>().add(code.locals_plus as usize);
            let end = self.0.cast_const().cast::<*mut PyObject>().add(code.frame_size as usize);
            place >= first && place.wrapping_add(2) <= end
        }
    }

    /// Whether it may stand at a call with the items of a tuple.
    ///
    /// # Safety
    /// The thread's current frame, or none.
    pub unsafe fn may_spread(self) -> bool {
        // SAFETY: the caller's.
        unsafe { !self.0.is_null() && self.has_code() && opcodes::may_spread(*(*self.0).instr_ptr as u8) }
    }

    /// Whether one of its locals is this object.
    ///
    /// # Safety
    /// It has code.
    pub unsafe fn has_local(self, object: *mut PyObject) -> bool {
        // SAFETY: the caller's; addresses are compared only.
        (0..self.locals()).any(|local| unsafe { *self.slot(local) } == object)
    }

    /// Whether it calls this function with the items of a tuple: it stands at such a call, and has the function on its operand stack.
    ///
    /// # Safety
    /// The thread's current frame, or none.
    pub unsafe fn spreads_items(self, function: *mut PyObject) -> bool {
        // SAFETY: the caller's; addresses are compared only, those that are left over from other calls included.
        unsafe {
            if !self.may_spread() {
                return false;
            }
            let code = &*self.raw_code();
            let head = std::mem::offset_of!(layout::Frame, slots) / size_of::<usize>();
            let stack = (code.frame_size - code.locals_plus) as usize - head;
            let slots = (&raw const (*self.0).slots).cast::<*mut PyObject>().add(code.locals_plus as usize);
            std::slice::from_raw_parts(slots, stack).windows(2).any(|slots| slots == [function, null_mut()])
        }
    }

    /// Its address, for the context of a trace.
    pub fn address(self) -> u64 {
        self.0 as u64
    }

    /// The code object (borrowed).
    pub fn code(self) -> *mut PyObject {
        // SAFETY: the promise of `Frame`; so in all methods below.
        unsafe { (*self.0).executable }
    }

    fn raw_code(self) -> *mut layout::Code {
        self.code().cast()
    }

    /// Whether it runs code; frames that separate the interpreter's C calls do not.
    pub fn has_code(self) -> bool {
        // SAFETY: as above; `executable` is never null.
        unsafe { (*self.0).owner != owner::C_STACK && pyo3_ffi::PyCode_Check(self.code()) != 0 }
    }

    /// The function object (borrowed).
    pub fn function(self) -> *mut PyObject {
        // SAFETY: as above.
        unsafe { (*self.0).function }
    }

    /// The globals (borrowed).
    pub fn globals(self) -> *mut PyObject {
        // SAFETY: as above.
        unsafe { (*self.0).globals }
    }

    /// The builtins (borrowed); a `dict` nearly always.
    pub fn builtins(self) -> *mut PyObject {
        // SAFETY: as above.
        unsafe { (*self.0).builtins }
    }

    /// Whether its names live in a dict (class bodies and modules).
    pub fn has_locals_dict(self) -> bool {
        // SAFETY: as above.
        unsafe { !(*self.0).locals_dict.is_null() }
    }

    /// Whether a frame object exists, through which its locals can be seen even after its end.
    pub fn has_object(self) -> bool {
        // SAFETY: as above.
        unsafe { !(*self.0).frame_object.is_null() }
    }

    /// The frame object (borrowed), null where there is none.
    pub fn frame_object(self) -> *mut PyObject {
        // SAFETY: as above.
        unsafe { (*self.0).frame_object.cast() }
    }

    /// Takes the frame object away: the reference is the caller's.
    ///
    /// # Safety
    /// Nobody else has it, or the frame outlives it.
    pub unsafe fn take_frame_object(self) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe { std::mem::replace(&mut (*self.0).frame_object, null_mut()).cast() }
    }

    /// The frame below, which may be one without code.
    pub fn previous(self) -> Option<Frame> {
        // SAFETY: as above; frames below a live frame live.
        let previous = unsafe { (*self.0).previous };
        (!previous.is_null()).then_some(Frame(previous))
    }

    /// Whether a frame object exists for it: Python code may hold it.
    pub fn is_held(self) -> bool {
        // SAFETY: as above.
        unsafe { !(*self.0).frame_object.is_null() }
    }

    /// Says that the operand stack is kept elsewhere, as the interpreter does while a frame runs: nobody looks at it then.
    ///
    /// # Safety
    /// The depth is set again before the interpreter goes on with the frame.
    pub unsafe fn hide_stack(self) {
        // SAFETY: as above.
        unsafe { (*self.0).stack_top = -1 }
    }

    /// Whether it belongs to a generator or coroutine.
    pub fn is_generator(self) -> bool {
        // SAFETY: as above.
        unsafe { (*self.0).owner == owner::GENERATOR }
    }

    fn first_unit(self) -> *mut u16 {
        // SAFETY: the frame has code; only an address is computed.
        unsafe { (&raw mut (*self.raw_code()).code).cast() }
    }

    /// Offset of the current instruction's operation, in code units.
    pub fn offset(self) -> u32 {
        // SAFETY: `instr_ptr` points into the code's units.
        unsafe { (*self.0).instr_ptr.offset_from(self.first_unit()) as u32 }
    }

    /// Sets the current instruction.
    ///
    /// # Safety
    /// An instruction starts at `offset`, or has its operation there, and stack and locals fit it.
    pub unsafe fn set_offset(self, offset: u32) {
        // SAFETY: the caller's.
        unsafe { (*self.0).instr_ptr = self.first_unit().add(offset as usize) }
    }

    /// Number of local slots: locals, cells, free variables.
    pub fn locals(self) -> u32 {
        // SAFETY: the frame has code.
        unsafe { (*self.raw_code()).locals_plus as u32 }
    }

    fn slot(self, index: u32) -> *mut *mut PyObject {
        // SAFETY: indexes are in the frame by the callers' contracts; only an address is computed.
        unsafe { (&raw mut (*self.0).slots).cast::<*mut PyObject>().add(index as usize) }
    }

    /// A local slot; borrowed, may be null.
    ///
    /// # Safety
    /// `index` is below [`Frame::locals`].
    pub unsafe fn local(self, index: u32) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe { *self.slot(index) }
    }

    /// Puts `value` (its reference is handed over) into a local slot and hands the old content back.
    ///
    /// # Safety
    /// `index` is below [`Frame::locals`].
    pub unsafe fn replace_local(self, index: u32, value: *mut PyObject) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe { std::mem::replace(&mut *self.slot(index), value) }
    }

    /// A slot of the operand stack, 0 at the bottom; borrowed, may be null.
    ///
    /// # Safety
    /// `index` is below the current depth.
    pub unsafe fn stack(self, index: u32) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe { *self.slot(self.locals() + index) }
    }

    /// Writes `value` (its reference is handed over) into a slot of the operand stack, whatever it held.
    ///
    /// # Safety
    /// `index` is below `co_stacksize`; an old content that is owned is dealt with by the caller.
    pub unsafe fn set_stack(self, index: u32, value: *mut PyObject) {
        // SAFETY: the caller's.
        unsafe { *self.slot(self.locals() + index) = value }
    }

    /// The depth of the operand stack as saved in the frame; `None` while the interpreter keeps it to
    /// itself (in INSTRUCTION callbacks).
    pub fn stack_depth(self) -> Option<u32> {
        // SAFETY: as above.
        let top = unsafe { (*self.0).stack_top };
        u32::try_from(top).ok()?.checked_sub(self.locals())
    }

    /// Sets the depth of the operand stack.
    ///
    /// # Safety
    /// The slots below `depth` are valid, and the interpreter reads the depth again (not in INSTRUCTION callbacks).
    pub unsafe fn set_stack_depth(self, depth: u32) {
        // SAFETY: the caller's.
        unsafe { (*self.0).stack_top = (self.locals() + depth) as i32 }
    }

    /// Makes the frame return `value` (its reference is handed over) at once. False, and nothing done, where its
    /// code has no `RETURN_VALUE` (functions that return constants only).
    ///
    /// # Safety
    /// In a PY_START or JUMP callback of this frame; what was on the operand stack belongs to the caller.
    #[must_use]
    pub unsafe fn return_value(self, decoded: &DecodedCode, value: *mut PyObject) -> bool {
        let Some(offset) = decoded.return_value else { return false };
        // SAFETY: the instruction takes one value from the stack, and that is what is there.
        unsafe {
            self.set_stack(0, value);
            self.set_stack_depth(1);
            self.set_offset(offset);
        }
        true
    }

    /// Raises the exception that is set, as the instruction at `offset` of this frame would have done.
    ///
    /// We are in this frame's JUMP callback (then `destination` is the event's) or PY_START callback (then it is none). For a
    /// call the operand stack is the one without callable and arguments, for other instructions any
    /// that is at least as deep as the handler expects.
    ///
    /// A call is raised by CPython itself: a function that raises takes the callable's place, so that
    /// traceback, handler and monitoring events come out as ever. For other instructions this does the
    /// same work here.
    ///
    /// # Safety
    /// As said; `thread` is current.
    pub unsafe fn unwind(
        self,
        thread: Thread,
        decoded: &DecodedCode,
        offset: u32,
        destination: Option<u32>,
    ) -> Unwound {
        let instruction = decoded.around(offset);
        let unit = instruction.map_or(offset, |found| found.unit);
        // SAFETY: the caller's; each step says what it relies on.
        unsafe {
            if let Some(Op::Call(arguments)) = instruction.map(|found| found.op)
                && self.raise_at_call(offset, arguments)
            {
                return Unwound::Resume;
            }
            self.set_offset(unit);
            let handler = decoded.handler(unit);
            let null_is_safe = destination.is_none() || decoded.handlers.iter().all(Option::is_none);
            if handler.is_none() && null_is_safe {
                return Unwound::Null;
            }
            add_traceback(thread);
            if let Ok(symbols) = symbols() {
                (symbols.monitor_raise)(thread.pointer(), self.0, (*self.0).instr_ptr);
            }
            if let Some(handler) = handler {
                let exception = pyo3_ffi::PyErr_GetRaisedException();
                self.cut_stack(handler.depth);
                let mut depth = handler.depth;
                if handler.lasti {
                    self.set_stack(depth, offset_object(unit));
                    depth += 1;
                }
                self.set_stack(depth, exception);
                self.set_stack_depth(depth + 1);
                self.set_offset(handler.target);
                return Unwound::Resume;
            }
            // No handler for this instruction, but some in this code, which a null might find: leave
            // through a RERAISE outside of all handlers. Code with handlers ends them with one.
            let Some((target, argument)) = decoded.reraise else { return Unwound::Null };
            let exception = pyo3_ffi::PyErr_GetRaisedException();
            self.cut_stack(0);
            if argument == 1 {
                self.set_stack(0, offset_object(unit));
            }
            self.set_stack(argument, exception);
            self.set_stack_depth(argument + 1);
            self.set_offset(target);
            Unwound::Resume
        }
    }

    /// Drops what the operand stack holds above `depth`, as unwinding does. May run Python code.
    ///
    /// # Safety
    /// The saved depth is right.
    unsafe fn cut_stack(self, depth: u32) {
        while let Some(current) = self.stack_depth()
            && current > depth
        {
            // SAFETY: the slot is valid until the depth is lowered, and ours after that.
            unsafe {
                let value = self.stack(current - 1);
                self.set_stack_depth(current - 1);
                objects::decref(value);
            }
        }
    }

    /// Lets the call at `offset` raise the exception that is set.
    ///
    /// # Safety
    /// There is a call of `arguments` arguments at `offset`, callable and arguments are not on the stack.
    unsafe fn raise_at_call(self, offset: u32, arguments: u32) -> bool {
        // SAFETY: the stack has room for what the call takes.
        unsafe {
            let (Some(depth), Some(raiser)) = (self.stack_depth(), crate::monitoring::raiser()) else { return false };
            let exception = pyo3_ffi::PyErr_GetRaisedException();
            if exception.is_null() {
                return false;
            }
            self.set_stack(depth, pyo3_ffi::Py_NewRef(raiser));
            self.set_stack(depth + 1, exception);
            for index in 0..arguments {
                self.set_stack(depth + 2 + index, pyo3_ffi::Py_NewRef(pyo3_ffi::Py_None()));
            }
            self.set_stack_depth(depth + 2 + arguments);
            self.set_offset(offset);
            true
        }
    }
}

/// The offset of an instruction as an object, as handlers find it on the stack.
unsafe fn offset_object(unit: u32) -> *mut PyObject {
    // SAFETY: the GIL is held. Without memory for the number it is `None`: the handler's RERAISE reports that.
    unsafe {
        let object = objects::new_int(unit.into());
        if object.is_null() {
            pyo3_ffi::PyErr_Clear();
            return pyo3_ffi::Py_NewRef(pyo3_ffi::Py_None());
        }
        object
    }
}

/// Adds the current frame to the traceback of the exception that is set.
pub(crate) unsafe fn add_traceback(thread: Thread) {
    // SAFETY: the thread is current and an exception is set.
    unsafe {
        let frame = pyo3_ffi::PyThreadState_GetFrame(thread.pointer().cast());
        if !frame.is_null() {
            pyo3_ffi::PyTraceBack_Here(frame);
            objects::decref(frame.cast());
        }
    }
}

/// The names of keyword-only parameters, as a tuple.
unsafe fn keyword_names(code: &layout::Code, range: std::ops::Range<usize>) -> Result<*mut PyObject, Raised> {
    // SAFETY: a live code object has names for all its locals.
    let names = unsafe {
        let names = objects::tuple_items(code.locals_plus_names).get(range).unwrap_or(&[]);
        names.iter().for_each(|name| objects::incref(*name));
        objects::new_tuple(names)
    };
    if names.is_null() { Err(Raised) } else { Ok(names) }
}

/// Makes a frame for a call of `function` (borrowed) on top of `below`.
///
/// All its locals are null (the parameters and what takes other arguments too), its stack is empty, it stands at its first instruction. It
/// is not the thread's current frame: [`run`] makes it that.
///
/// # Safety
/// `function` is a Python function whose code the caller knows; frames made
/// here are run or dropped in the reverse order; the GIL is held.
///
/// # Errors
/// [`Raised`] where memory ran out.
pub unsafe fn push(thread: Thread, function: *mut PyObject, below: Frame) -> Result<Frame, Raised> {
    // SAFETY: the arguments are as many as the parameters and `None`, so that binding them runs no code and
    // needs no defaults; the references to function and arguments are taken over by the call.
    unsafe {
        let code = objects::function_code(function).cast::<layout::Code>();
        let (Ok(symbols), false) = (symbols(), code.is_null()) else { return Err(Raised) };
        if let Some(frame) = push_here(thread, function, below) {
            return Ok(frame);
        }
        let (positional, named) = ((*code).arg_count as usize, (*code).keyword_only_count as usize);
        let parameters = positional + named;
        let names = if named == 0 { null_mut() } else { keyword_names(&*code, positional..parameters)? };
        let arguments = vec![pyo3_ffi::Py_None(); parameters];
        for argument in &arguments {
            objects::incref(*argument);
        }
        let function = pyo3_ffi::Py_NewRef(function);
        let frame =
            (symbols.push_and_init)(thread.pointer(), function, null_mut(), arguments.as_ptr(), positional, names);
        objects::decref(names);
        if frame.is_null() {
            return Err(Raised);
        }
        (*frame).previous = below.0;
        let frame = Frame(frame);
        let flags = [layout::flags::VAR_ARGS, layout::flags::VAR_KEYWORDS];
        let others = flags.iter().filter(|flag| (*code).flags & **flag != 0).count();
        for index in 0..(parameters + others) as u32 {
            objects::decref(frame.replace_local(index, null_mut()));
        }
        Ok(frame)
    }
}

/// Makes such a frame where the stack of frames has room, without the work that binding arguments would be. None
/// where it has none.
///
/// # Safety
/// As for [`push`].
pub unsafe fn push_here(thread: Thread, function: *mut PyObject, below: Frame) -> Option<Frame> {
    // SAFETY: the room was checked; all fields are written, as `_PyFrame_Initialize` does. The stack of frames
    // grows in this order only.
    unsafe {
        let state = thread.pointer();
        let raw_function = &*function.cast::<layout::Function>();
        let code = raw_function.code.cast::<layout::Code>();
        let size = (*code).frame_size as usize;
        let base = (*state).stack_next;
        if base.is_null() || size >= (*state).stack_limit.offset_from(base) as usize {
            return None;
        }
        (*state).stack_next = base.add(size);
        let frame = base.cast::<layout::Frame>();
        let locals = (*code).locals_plus;
        objects::incref(code.cast());
        objects::incref(function);
        (*frame).executable = code.cast();
        (*frame).previous = below.0;
        (*frame).function = function;
        (*frame).globals = raw_function.globals;
        (*frame).builtins = raw_function.builtins;
        (*frame).locals_dict = null_mut();
        (*frame).frame_object = null_mut();
        (*frame).instr_ptr = (&raw mut (*code).code).cast();
        (*frame).stack_top = locals;
        (*frame).return_offset = 0;
        (*frame).owner = owner::THREAD;
        let slots = (&raw mut (*frame).slots).cast::<*mut PyObject>();
        for slot in 0..locals as usize {
            slots.add(slot).write(null_mut());
        }
        Some(Frame(frame))
    }
}

/// Whether the interpreter would call this without a detour: a Python function that is called in the usual way, and its frames
/// are run by the interpreter itself (PEP 523).
///
/// # Safety
/// A live object; the thread is the current one.
pub unsafe fn is_plain_function(thread: Thread, callable: *mut PyObject) -> bool {
    // SAFETY: the caller's; a function has this layout.
    unsafe {
        if objects::type_of(callable) != &raw const pyo3_ffi::PyFunction_Type as u64 {
            return false;
        }
        crate::hook::is_plain((*callable.cast::<layout::Function>()).vectorcall) && thread.runs_frames()
    }
}

/// Calls a Python function as the interpreter does, which takes over the references to it and to its arguments. None, and
/// nothing done, where it is no plain one.
///
/// # Safety
/// A live object, `count` positional arguments and those that `names` tells, with references; in Python code's place.
pub unsafe fn call(
    thread: Thread,
    callable: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> Option<*mut PyObject> {
    // SAFETY: the caller's; a function has this layout.
    unsafe {
        if !is_plain_function(thread, callable) {
            return None;
        }
        let function = &*callable.cast::<layout::Function>();
        let symbols = symbols().ok()?;
        let optimized = (*function.code.cast::<layout::Code>()).flags & layout::flags::OPTIMIZED != 0;
        let names_of_its_own = if optimized { null_mut() } else { pyo3_ffi::Py_NewRef(function.globals) };
        let frame = (symbols.push_and_init)(thread.pointer(), callable, names_of_its_own, arguments, count, names);
        if frame.is_null() {
            return Some(null_mut());
        }
        Some((symbols.eval_frame)(thread.pointer(), frame, 0))
    }
}

/// Takes a frame away whose locals belong to somebody else, where that is simple: it is the topmost one, nobody has its
/// frame object, and its function and code have other owners.
///
/// # Safety
/// The innermost frame that [`push_here`] or [`push`] made and that was not run.
#[must_use]
pub unsafe fn pop_here(thread: Thread, frame: Frame) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let state = thread.pointer();
        let size = (*frame.raw_code()).frame_size as usize;
        let base = frame.0.cast::<*mut PyObject>();
        let first = (&raw mut (*(*state).stack_chunk).slots).cast::<*mut PyObject>();
        if base.add(size) != (*state).stack_next || base == first || frame.is_held() {
            return false;
        }
        let (code, function) = (frame.code(), frame.function());
        if (*state).current_frame == frame.0 {
            (*state).current_frame = (*frame.0).previous;
        }
        (*state).stack_next = base;
        objects::decref(function);
        objects::decref(code);
        true
    }
}

/// Puts a suspended generator's frame on top of `below`, as if that had just resumed it. [`run`] runs it until it yields or
/// returns, and [`drop_frame`] clears it.
///
/// # Safety
/// It is a generator's frame, and as for [`push`].
pub unsafe fn resume(thread: Thread, frame: Frame, below: Frame) {
    // SAFETY: the caller's. This is what CPython does when it resumes a generator, and undoes when that yields.
    unsafe {
        let generator = frame.generator();
        (*generator).state = layout::generator_state::EXECUTING;
        (*generator).handled.previous = (*thread.pointer()).handled;
        (*thread.pointer()).handled = &raw mut (*generator).handled;
        (*frame.0).previous = below.0;
    }
}

/// Undoes [`resume`]: the frame below is the current one again.
///
/// # Safety
/// The frame is the current one, and was resumed so.
pub unsafe fn suspend(thread: Thread, frame: Frame) {
    // SAFETY: the caller's.
    unsafe {
        let generator = frame.generator();
        (*generator).state = layout::generator_state::SUSPENDED;
        (*thread.pointer()).handled = (*generator).handled.previous;
        (*generator).handled.previous = null_mut();
        (*thread.pointer()).current_frame = (*frame.0).previous;
        (*frame.0).previous = null_mut();
    }
}

/// Runs a frame made by [`push`], or resumed, from its instruction to its end and pops it: a new reference to
/// what it returned. With `throw`, the exception that is set is first raised at its instruction.
///
/// Runs Python code: call it under [`Thread::unsilence`]. The frame below becomes the current frame, for as long
/// as this one runs and after.
///
/// # Safety
/// `frame` is the innermost that [`push`] made and not yet run; its slots, depth and offset are set.
///
/// # Errors
/// [`Raised`] where it was left by an exception.
pub unsafe fn run(thread: Thread, frame: Frame, throw: bool) -> Result<*mut PyObject, Raised> {
    let Ok(symbols) = symbols() else { return Err(Raised) };
    // SAFETY: the caller's. What is below is the current frame before and after.
    unsafe {
        (*thread.pointer()).current_frame = (*frame.0).previous;
        let result = (symbols.eval_frame)(thread.pointer(), frame.0, throw.into());
        if result.is_null() { Err(Raised) } else { Ok(result) }
    }
}

/// Pops a frame made by [`push`] that was never run, and drops what it holds. May run Python code.
///
/// # Safety
/// As for [`run`].
pub unsafe fn drop_frame(thread: Thread, frame: Frame) {
    let Ok(symbols) = symbols() else { return };
    // SAFETY: the caller's. It may be the current frame where the one above it was run; a frame is
    // unlinked before it is cleared, because clearing may run code that walks the frames.
    unsafe {
        if (*thread.pointer()).current_frame == frame.0 {
            (*thread.pointer()).current_frame = (*frame.0).previous;
        }
        if !clear_here(thread, frame) {
            (symbols.clear_and_pop)(thread.pointer(), frame.0);
        }
    }
}

/// Clears a frame and takes it off the data stack, where it is a plain one: as the interpreter does.
unsafe fn clear_here(thread: Thread, frame: Frame) -> bool {
    // SAFETY: the caller's; nothing refers to the frame any more once it is unlinked, since it has no frame object.
    unsafe {
        let (state, raw) = (thread.pointer(), &mut *frame.0);
        let lowest = (&raw mut (*(*state).stack_chunk).slots).cast::<layout::Frame>();
        let plain = raw.frame_object.is_null() && raw.locals_dict.is_null() && raw.owner == layout::owner::THREAD;
        let end = frame.0.cast::<*mut PyObject>().add((*frame.raw_code()).frame_size as usize);
        if !plain || raw.stack_top < 0 || frame.0 == lowest || end != (*state).stack_next {
            return false;
        }
        (*state).c_recursion_remaining -= 1;
        let slots = (&raw mut raw.slots).cast::<*mut PyObject>();
        let count = std::mem::take(&mut raw.stack_top);
        for index in 0..count as usize {
            objects::decref(*slots.add(index));
        }
        objects::decref(raw.function);
        objects::decref(raw.executable);
        (*state).c_recursion_remaining += 1;
        (*state).stack_next = frame.0.cast();
        true
    }
}
