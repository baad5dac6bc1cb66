//! Generators: where one goes on, and whether what a function gives back is something to go through.

use super::{Calls, Observer};
use crate::PyObject;
use crate::capi as ffi;
use crate::frame::Frame;
use crate::helpers::delegation;
use crate::version::layout;
use decal_trace::event::{Detail, Kind, Resumed};

impl Observer {
    /// How a generator goes on.
    pub(super) unsafe fn resume(&mut self, generator: *mut PyObject, calls: &mut dyn Calls) -> Detail {
        // SAFETY: an exact generator, whose frame is in it.
        unsafe {
            let outermost = generator;
            let (generator, before) = delegation::innermost(outermost);
            let raw = generator.cast::<layout::Generator>();
            match (*raw).state {
                layout::generator_state::CREATED | layout::generator_state::SUSPENDED => {}
                layout::generator_state::DELEGATING => return Detail::Opaque("a generator that delegates to another"),
                layout::generator_state::EXECUTING => return Detail::Opaque("a generator that runs already"),
                _ => return Detail::Opaque("a generator that is over"),
            }
            let frame = Frame::of_generator(generator);
            let Some(stack) = frame.stack_depth() else { return Detail::Opaque("a generator that is not suspended") };
            for slot in 0..frame.locals() {
                self.take(frame.local(slot));
            }
            match calls.resume(frame.code(), self.depth + 1) {
                Ok((code, keeps)) => Detail::Resume(Resumed {
                    code,
                    globals: frame.globals() as u64,
                    sole: keeps && crate::objects::is_last(generator) && generator == outermost,
                    before,
                    address: (*raw).frame.instr_ptr as u64,
                    at: frame.offset(),
                    state: (*raw).state as u8,
                    stack,
                }),
                Err(reason) => Detail::Opaque(reason),
            }
        }
    }

    /// Where a return leads to that ends a `yield from`.
    pub(super) unsafe fn undelegate(&mut self, calls: &mut dyn Calls) -> Detail {
        // SAFETY: the frame runs; what is below it lives.
        unsafe {
            if !self.frame.is_generator() {
                return Detail::None;
            }
            let Some((asker, address)) = delegation::asker(self.frame) else { return Detail::None };
            let frame = Frame::of_generator(asker);
            let Some(stack) = frame.stack_depth().filter(|_| !calls.is_observed(frame)) else { return Detail::None };
            match calls.resume(frame.code(), self.depth) {
                Ok((code, _)) => Detail::Undelegate(Resumed {
                    code,
                    globals: frame.globals() as u64,
                    sole: false,
                    before: 1,
                    address: address as u64,
                    at: (frame.offset() as isize + delegation::SEND_BEFORE_RESUME) as u32,
                    state: layout::generator_state::DELEGATING as u8,
                    stack,
                }),
                Err(reason) => Detail::Opaque(reason),
            }
        }
    }

    /// Says of a result whether it is an iterator: `bits` of other objects than numbers.
    pub(super) unsafe fn note_iterator(&mut self) {
        // SAFETY: stack objects are alive.
        unsafe {
            let object = self.top(1);
            let Some(operand) = self.operands.last_mut() else { return };
            if matches!(operand.kind, Kind::Other | Kind::ListIter | Kind::TupleIter) && ffi::PyIter_Check(object) != 0
            {
                operand.bits = 1;
                self.assume_type(ffi::Py_TYPE(object));
            }
        }
    }
}
