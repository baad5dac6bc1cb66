//! `cargo xtask bisect`: finds the trace, the part of the optimizer and the rewrite that make a program's output differ.
//!
//! The work is `tests/culprit.py`, run with what users get.

use crate::env::{Env, Tools};
use anyhow::Result;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Options of `bisect`.
#[derive(clap::Args)]
pub struct Args {
    /// Switches of `DECAL_STRESS` with which it differs.
    #[arg(long, default_value = "hot,dice:0")]
    stress: String,
    /// Seconds for one run of the program.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// The program and its arguments, as for `python -m decal`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

/// Runs it.
///
/// # Errors
/// No Python, or decal does not build.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let env = Env::prepare(root, Tools::Build)?;
    env.install()?;
    let mut command = env.isolated();
    command.arg(root.join("tests").join("culprit.py"));
    command.args(["--stress", &args.stress, "--timeout", &args.timeout.to_string()]).args(&args.program);
    // Names of files are meant from where one stands.
    command.current_dir(std::env::current_dir()?);
    crate::become_command(&mut command)
}
