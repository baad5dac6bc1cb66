//! CPython 3.13: the layouts, opcodes, private symbols and self-checks of this version.
//!
//! Everything here was read from the headers that ship with 3.13 and holds for all of its patch
//! releases; [`checks`] compares it with the running interpreter before anything relies on it.

pub mod bytecode;
pub mod checks;
pub mod layout;
pub mod linetable;
pub mod opcodes;
pub mod symbols;

/// The version as `sys.version_info[:2]`.
pub const VERSION: (u8, u8) = (3, 13);
