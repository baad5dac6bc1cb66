//! `cargo xtask soak`: compile, invalidate, redefine, switch on and off, fork, for as long as one likes; memory must stay flat.
//!
//! The work is `tests/soak.py`, run with what users get.

use crate::env::{Env, Tools};
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;

/// Options of `soak`.
#[derive(clap::Args)]
pub struct Args {
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Runs it.
///
/// # Errors
/// No Python, or decal does not build.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let env = Env::prepare(root, Tools::Build)?;
    env.install()?;
    let mut command = env.isolated();
    command.arg(root.join("tests").join("soak.py")).args(["--seconds", &args.seconds.to_string()]);
    crate::become_command(&mut command)
}
