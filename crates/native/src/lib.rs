//! Copy and patch: an allocated trace becomes machine code by copying stencils and filling in holes.
//!
//! [`mod@assemble`] concatenates stencils and computes what goes into their holes, [`patch`] writes one hole of one
//! kind, [`memory`] owns the pages, which are never writable and executable at once, [`link`] redirects exits to
//! side traces and back, [`enter`] calls the code, [`trial`] does so in a copy of the process, [`disassemble`] makes it readable, [`perf`] names it to the profiler. No Python here: what the
//! code does with addresses is the trace's business.
//!
//! The technique: Xu and Kjolstad, "Copy-and-Patch Compilation", OOPSLA 2021.

pub mod assemble;
pub mod disassemble;
pub mod enter;
pub mod link;
pub mod memory;
pub mod patch;
pub mod perf;
pub mod trial;

pub use assemble::{AssembleError, Code, assemble, assemble_behind};
pub use memory::{CodeMemory, MemoryError};

/// Whether this build has machine code for the processor that it runs on.
pub const fn is_available() -> bool {
    cfg!(all(feature = "native", target_arch = "x86_64", target_os = "linux"))
}

/// The target that the stencils are for.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
