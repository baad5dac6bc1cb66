//! `cargo xtask`: try, test and measure decal. Product code has no place here.
//!
//! Everything that one has to do with the project is one command that needs no preparation: it finds
//! a supported CPython, makes an environment of its own in the target folder, and says what is
//! missing where something is.

mod bench;
mod bisect;
mod demo;
mod env;
mod fuzz;
mod measure;
mod outcomes;
mod progress;
mod python;
mod regrtest;
mod replay;
mod soak;
mod suites;
mod table;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Try, test and measure decal.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build and install decal, run the examples with and without it, compare outputs and times.
    Demo(demo::Args),
    /// Run all checks and tests; the first failure ends it.
    Test(test::Args),
    /// Measure examples, benchmarks of pyperformance and packages at work with and without decal.
    Bench(bench::Args),
    /// Run packages' own tests with and without decal, and compare what becomes of each.
    Suites(suites::Args),
    /// Try random programs and random traces, as long as one likes.
    Fuzz(fuzz::Args),
    /// Run CPython's own tests with and without decal, and compare what becomes of each.
    Regrtest(regrtest::Args),
    /// Compile, invalidate, redefine, switch and fork, as long as one likes; memory must stay flat.
    Soak(soak::Args),
    /// Find the trace and the rewrite that make a program's output differ from plain CPython's.
    Bisect(bisect::Args),
    /// Compare the traces of a report that `DECAL_VERIFY` has written once more, without the program.
    Replay(replay::Args),
    /// Run Python with decal installed.
    Python {
        /// What to pass to Python.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Make the stencil library, check it, or look into it.
    Stencils(decal_stencil_compiler::Args),
}

/// The repository's folder. Cargo says at run time where it is, which stays right when the checkout
/// has moved since this program was built.
fn root() -> PathBuf {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = xtask.filter(|folder| folder.ends_with("xtask"));
    let folder = here.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf());
    folder.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn run(task: Task) -> Result<ExitCode> {
    let root = root();
    match task {
        Task::Demo(args) => demo::run(&root, &args),
        Task::Test(args) => test::run(&root, &args),
        Task::Bench(args) => bench::run(&root, &args),
        Task::Suites(args) => suites::run(&root, &args),
        Task::Fuzz(args) => fuzz::run(&root, &args),
        Task::Regrtest(args) => regrtest::run(&root, &args),
        Task::Bisect(args) => bisect::run(&root, &args),
        Task::Replay(args) => replay::run(&args),
        Task::Soak(args) => soak::run(&root, &args),
        Task::Python { args } => {
            let env = env::Env::prepare(&root, env::Tools::Build)?;
            env.install()?;
            become_command(Command::new(env.python()).args(args))
        }
        Task::Stencils(args) => {
            decal_stencil_compiler::run(&args, &root).map_err(|error| anyhow::anyhow!("{error}"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Replaces this process, so that signals and the exit status are those of the command.
#[cfg(unix)]
fn become_command(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

/// Runs the command and takes over its exit status, where a process cannot be replaced.
#[cfg(not(unix))]
fn become_command(command: &mut Command) -> Result<ExitCode> {
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
