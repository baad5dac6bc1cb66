//! What is said and written where checked execution finds a difference.

use crate::executor::Executor;
use crate::location::Never;
use crate::options::Verify;
use crate::pipeline::{name, with_registers};
use crate::state::Engine;
use decal_native::disassemble;
use decal_trace::eval::case::Case;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

/// Takes a root trace out of use for good because of one of its traces, and says why.
pub fn retire(engine: &mut Engine, root: &Executor, culprit: usize, why: &str, report: &str) {
    let why = format!("DECAL_VERIFY: {why}");
    let at = name(root);
    eprintln!("decal: {at}: {why}");
    engine.invalidate(root.id);
    engine.never(root.code, root.offset, Never::Compile(why));
    match &engine.options.verify {
        Verify::Folder(folder) => match write(folder, culprit, report) {
            Ok(path) => eprintln!("decal: the report is in {path}"),
            Err(error) => eprintln!("decal: no report in {}: {error}", folder.display()),
        },
        _ => eprint!("{report}"),
    }
}

/// Writes a file that was not there before: nothing is written over, and no link is followed.
fn write(folder: &Path, id: usize, report: &str) -> std::io::Result<String> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let path = folder.join(format!("decal-verify-{}-{id}.txt", std::process::id()));
    options.open(&path)?.write_all(report.as_bytes())?;
    Ok(path.display().to_string())
}

/// What all of them begin with.
fn head(engine: &Engine, executor: &Executor, what: &str) -> String {
    let mut text = format!("trace {} of {}\ndiffers: {what}\n", executor.id, name(executor));
    text.push_str(&format!("decal {}\n", env!("CARGO_PKG_VERSION")));
    for (name, value) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DECAL_")) {
        text.push_str(&format!("{}={}\n", name.to_string_lossy(), value.to_string_lossy()));
    }
    let rewrites = executor.recorded.rewrites.done();
    text.push_str(&format!("traces={} rewrites={rewrites}\n", engine.executors.len()));
    text
}

/// All that is needed to see it again, as `cargo xtask replay` reads it.
pub fn of_traces(engine: &Engine, executor: &Executor, what: &str, case: &Case) -> String {
    format!("{}\n{case}", head(engine, executor, what))
}

/// The same for machine code: the traces that were run, one after the other, and their code.
pub fn of_code(
    engine: &Engine,
    executor: &Executor,
    what: &str,
    passed: &[Rc<Executor>],
    reads: &BTreeMap<u64, u64>,
) -> String {
    let mut text = head(engine, executor, what);
    for executor in passed {
        text.push_str(&format!("\ntrace {}\n{}", executor.id, executor.recorded.trace));
        if let Some(code) = &executor.native {
            let allocated = with_registers(engine, executor);
            // SAFETY: an executor that is valid has its code in memory, and the same trace gets the same registers.
            let listing = unsafe { disassemble::listing(code, &allocated, &|_| String::new()) };
            text.push_str(&format!("\nmachine code of trace {}\n{allocated}\n{listing}", executor.id));
        }
    }
    text.push_str("\nmemory that was read\n");
    reads.iter().for_each(|(address, word)| text.push_str(&format!("{address:#x} {word:#x}\n")));
    text
}
