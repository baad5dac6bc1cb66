//! Telling `perf` about machine code: a line for each trace in `/tmp/perf-PID.map`.
//!
//! The format (start and size in hexadecimal, name) is described in Linux's `tools/perf/Documentation/jit-interface.txt`.
//! Failing to write is not worth stopping for.

use crate::assemble::Code;
use std::fs::OpenOptions;
use std::io::Write;

/// Adds code to the map of this process.
pub fn add(code: &Code, name: &str) {
    let path = format!("/tmp/perf-{}.map", std::process::id());
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = writeln!(file, "{:x} {:x} {}", code.address, code.size, name.replace('\n', " "));
    }
}
