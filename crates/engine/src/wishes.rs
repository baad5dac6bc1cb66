//! What users asked for with `@jit` and `@nojit`: kept beside the engine, because decorators run before decal is
//! enabled as well as after, and enabling starts with an empty engine.
//!
//! Code objects are known by weak references, so that a wish keeps nothing alive and never meets another code object
//! at the same address.

use crate::state::CodeState;
use decal_cpython::PyObject;
use decal_cpython::objects;
use std::sync::{Mutex, PoisonError};

/// A wish for one code object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Compile it at its first call.
    Compile {
        /// And raise where that cannot be done.
        strict: bool,
    },
    /// Never compile it.
    Leave,
}

/// Weak references, as numbers, and wishes.
static WISHES: Mutex<Vec<(usize, Wish)>> = Mutex::new(Vec::new());

impl Wish {
    /// Puts it into what is known of the code object.
    pub fn apply(self, state: &mut CodeState) {
        match self {
            Wish::Compile { strict } => {
                state.asked = true;
                state.forbidden = false;
                state.strict = strict;
                state.starts = state.decoded.heads.is_empty();
            }
            Wish::Leave => {
                state.forbidden = true;
                state.asked = false;
            }
        }
    }
}

/// Remembers a wish; the last one counts.
///
/// # Safety
/// The GIL is held, `code` is a live code object.
pub unsafe fn remember(code: *mut PyObject, wish: Wish) {
    let mut wishes = WISHES.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the GIL is held; the numbers are weak references of ours. Dropping one runs no Python code: it
    // has no callback.
    unsafe {
        wishes.retain(|(reference, _)| {
            let reference = *reference as *mut PyObject;
            let known = objects::weak_target(reference);
            let keep = !known.is_null() && known != code;
            if !keep {
                objects::decref(reference);
            }
            keep
        });
        let reference = objects::new_weak(code);
        if !reference.is_null() {
            wishes.push((reference as usize, wish));
        }
    }
}

/// All wishes for code objects that still live.
///
/// # Safety
/// The GIL is held.
pub unsafe fn all() -> Vec<(*mut PyObject, Wish)> {
    let wishes = WISHES.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: as above.
    let target = |reference: usize| unsafe { objects::weak_target(reference as *mut PyObject) };
    wishes.iter().map(|(reference, wish)| (target(*reference), *wish)).filter(|(code, _)| !code.is_null()).collect()
}
