//! The rest of a builtin that a trace was left in: `sum`, `any`, `list`, `next` and so on over a generator.
//!
//! The caller's operand stack has the generator and what the builtin holds, as [`Consumer`] says; the caller stands at the call,
//! as it does while the builtin runs. The rest is done in the same order, with the same functions of CPython's.

use crate::enter::Site;
use decal_cpython::builtins::Builtin;
use decal_cpython::frame::Frame;
use decal_cpython::{PyObject, Raised, objects};
use decal_trace::event::Consumer;
use decal_trace::snapshot::Frame as Described;

/// Goes on with what the generator's frame gave: an item, or its return value. True where an exception is set.
///
/// # Safety
/// As for [`crate::exit::leave`]; `inner` is the generator's frame, `below` the caller's.
pub unsafe fn go_on(
    site: &Site,
    described: &Described,
    below: Frame,
    inner: Frame,
    consumer: Consumer,
    result: Result<*mut PyObject, Raised>,
) -> bool {
    let depth = described.stack.len() as u32;
    let holds = consumer.holds();
    let (Some(at), joins) = (depth.checked_sub(holds + 1), consumer == Consumer::Join) else { return true };
    let base = at.saturating_sub(joins.into());
    let guard = site.thread.unsilence();
    // SAFETY: the caller's: the stack is as described.
    let given = unsafe {
        let builtin = Builtin {
            consumer,
            generator: below.stack(at),
            held: [0, 1].map(|nth| if nth < holds { below.stack(at + 1 + nth) } else { std::ptr::null_mut() }),
            separator: if joins { below.stack(base) } else { std::ptr::null_mut() },
        };
        let item = result.map(|value| if inner.is_suspended() { Ok(value) } else { Err(value) });
        match item {
            Ok(item) => builtin.run(item),
            Err(Raised) => Err(Raised),
        }
    };
    // SAFETY: what is above the base is the builtin's, which is done.
    unsafe {
        let dropped: Vec<*mut PyObject> = (base..depth).map(|slot| below.stack(slot)).collect();
        below.set_stack_depth(base);
        dropped.into_iter().rev().for_each(|object| objects::decref(object));
        if let Ok(value) = given {
            below.set_stack(base, value);
            below.set_stack_depth(base + 1);
            below.set_offset(described.after);
        }
    }
    drop(guard);
    given.is_err()
}
