//! The Python-free middle of decal: from observed events to a trace ready for machine code.
//!
//! What was seen while CPython ran one pass of a loop ([`event`]) is translated into a straight line
//! of uops with guards and snapshots ([`record`], [`ir`], [`snapshot`]), optimized while it is
//! emitted and once more afterwards ([`opt`]), checked ([`verify`], [`balance`]), and given
//! registers ([`regalloc`]). The same trace can be run without machine code ([`eval`]). Everything here is
//! plain data: addresses of Python objects are opaque constants, and nothing is `unsafe`.
#![forbid(unsafe_code)]

pub mod allocated;
pub mod balance;
pub mod bytecode;
pub mod eval;
pub mod event;
mod exits;
pub mod few;
pub mod host;
pub mod ir;
pub mod opt;
pub mod record;
pub mod regalloc;
pub mod regalloc_check;
pub mod snapshot;
mod snapshots;
pub mod text;
pub mod verify;
