//! `cargo xtask fuzz`: random programs and random traces, for as long as one likes.
//!
//! Programs are run by `tests/fuzz.py`, traces by `crates/native/tests/random.rs`. Both are run with the profile `checked`: fast, and
//! all traces, references and registers are verified on the way.

use crate::env::{Env, Tools, target};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Options of `fuzz`.
#[derive(clap::Args)]
pub struct Args {
    /// Try so many random traces, without Python, instead of programs.
    #[arg(long, value_name = "COUNT")]
    traces: Option<u64>,
    /// Where randomness starts; printed, if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Processes at once.
    #[arg(long, default_value_t = 1)]
    jobs: u32,
    /// Use what users get, which verifies nothing on the way: more programs in the same time.
    #[arg(long)]
    release: bool,
    /// More for `tests/fuzz.py`, `--help` among it: --seconds S, --ways W,W, --kinds K,K, --programs N, --show KIND:SEED:NUMBER.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Runs it.
///
/// # Errors
/// No Python, or something does not build.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    match args.traces {
        Some(count) => traces(root, args, count),
        None => programs(root, args),
    }
}

/// decal with the profile `checked`, as a folder for `PYTHONPATH`.
///
/// # Errors
/// It does not build.
pub fn checked_package(root: &Path, env: &Env) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "-q", "--profile", "checked", "-p", "decal"]).current_dir(root);
    build.env("PYO3_PYTHON", &env.base.path);
    if !build.status().context("cannot start cargo")?.success() {
        bail!("decal does not build with the profile `checked`");
    }
    let folder = env.target.join("checked-package");
    let package = folder.join("decal");
    fs::create_dir_all(&package)?;
    for entry in fs::read_dir(root.join("python").join("decal"))?.flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), package.join(entry.file_name()))?;
        }
    }
    let library = env.target.join("checked").join("lib_decal.so");
    // Not over the old one, which some process may have loaded.
    let made = package.join("_decal.so.new");
    fs::copy(&library, &made).with_context(|| format!("no {}", library.display()))?;
    fs::rename(made, package.join("_decal.so"))?;
    Ok(folder)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn programs(root: &Path, args: &Args) -> Result<ExitCode> {
    let env = Env::prepare(root, Tools::Build)?;
    let mut command = env.isolated();
    if args.release {
        env.install()?;
    } else {
        let package = checked_package(root, &env)?;
        command.env("PYTHONPATH", package);
    }
    command.arg(root.join("tests").join("fuzz.py"));
    command.args(["--jobs", &args.jobs.to_string()]).arg("--out").arg(env.target.join("fuzz"));
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    crate::become_command(command.args(&args.rest))
}

fn traces(root: &Path, args: &Args, count: u64) -> Result<ExitCode> {
    let seed = args.seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}");
    let mut command = cargo();
    let profile = if args.release { "release" } else { "checked" };
    command.args(["test", "-q", "--profile", profile, "-p", "decal-native", "--test", "random"]);
    command.args(["as_many_as_asked_for", "--", "--nocapture"]).args(&args.rest);
    command.current_dir(root).env("CARGO_TARGET_DIR", target(root)?);
    command.env("DECAL_TRACES", count.to_string());
    command.env("DECAL_SEED", seed.to_string()).env("DECAL_JOBS", args.jobs.to_string());
    crate::become_command(&mut command)
}
