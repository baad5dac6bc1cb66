//! The text form of traces: printed in dumps, parsed in tests, so that a pass is tested text in, text out.
//!
//! ```text
//! trace loop
//! code c0 "f" locals 2
//! v0: raw = frame
//! v1: obj = load_obj v0, 72 @frame ; exit s0
//! v2: int = unbox_int v1 ; exit s0
//! v3: int = const_int 1
//! label
//! v4: int = phi v2
//! v5: int = add_int v4, v3 ; exit s1
//! v6: guard_lt_int v5, v2 ; exit s1
//! loop v5
//! s0: c0@4 locals [_, _] stack [] then resume
//! s1: c0@6 locals [_, int v4 #0] stack [const 0x7f00] then resume
//! ```
//!
//! A line is an instruction: its value, the class of its result if it has one, the uop, operands, then immediates
//! (32 bits decimal; 64 bits hexadecimal, decimal for `const_int64`, a number with a point for `const_float`), the region
//! if it is not `fixed`, the exit. `param` names the parent's value, `phi` the value in the first turn. The last line
//! before the snapshots is `loop`, `join` (both with values) or `exit` (with a snapshot).
//!
//! In a snapshot, a frame is `code@offset`, for an outer frame `code@offset>after`, then ` gives WORD NUMBER NUMBER` where something
//! else becomes of the result of its call than being pushed, then ` fn ADDRESS` for an inlined one; frames are
//! separated by `/`. Slots: `_` unchanged, `null`, `int v #box`, `float v #box`, `bool v`, `borrow v`, `own v`, `const ADDRESS`,
//! `tuple(…) #box`, `range(next, step, left) #box`. A generator's frame says `gen v #number`; those that are suspended follow the others behind a `+`. `stores [v1+24 = v2]` comes last.
//!
//! Reading accepts any words as names of values and snapshots, comments from `#` at the start of a line, and empty lines.
//! Of codes only what is shown is read back: no line numbers, no handlers.

mod allocated;
mod parse;
mod print;

pub use parse::ParseError;

use crate::ir::Region;

/// The word for a region.
fn region_name(region: Region) -> &'static str {
    match region {
        Region::Fixed => "fixed",
        Region::Frame => "frame",
        Region::ListHead => "list_head",
        Region::ListItems => "list_items",
        Region::BytesHead => "bytes_head",
        Region::BytesItems => "bytes_items",
        Region::Attributes => "attributes",
        Region::AttributeState => "attribute_state",
        Region::AttributeOrder => "attribute_order",
        Region::Iterators => "iterators",
        Region::Results => "results",
        Region::Cells => "cells",
        Region::Generators => "generators",
        Region::GeneratorState => "generator_state",
        Region::Counts => "counts",
        Region::Any => "any",
    }
}
