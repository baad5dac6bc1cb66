//! The stencil compiler as a program of its own; `cargo xtask stencils` is the same.

use clap::Parser;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = decal_stencil_compiler::Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match decal_stencil_compiler::run(&args, &root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stencils: {error}");
            ExitCode::FAILURE
        }
    }
}
