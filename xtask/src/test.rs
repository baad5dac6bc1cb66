//! `cargo xtask test`: everything that must hold, in the order in which it is cheapest to fail.

use crate::env::{Env, Tools};
use crate::{fuzz, python, regrtest};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Step {
    /// Rust is formatted.
    Fmt,
    /// No warnings.
    Clippy,
    /// The committed stencils are what the sources make.
    Stencils,
    /// Rust tests.
    Rust,
    /// The documentation builds without warnings.
    Docs,
    /// Programs with the profile `checked`, which verifies each trace, its references and its registers.
    Checked,
    /// decal is built and installed into the environment.
    Install,
    /// Python is formatted, and has no warnings.
    Ruff,
    /// Python tests.
    Python,
    /// CPython's own tests: those that most depends on.
    Regrtest,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }
}

/// Options of `test`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these steps (default: all).
    #[arg(value_enum)]
    steps: Vec<Step>,
}

/// Runs the steps.
///
/// # Errors
/// The first step that fails, or no Python.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    // Also for the Rust steps: some tests run inside of a Python. Better to hear now that there is none.
    let base = python::find()?;
    println!("Python {} ({})", base.version, base.path.display());
    let mut env = None;
    let mut times: Vec<(Step, Duration)> = Vec::new();
    for step in Step::value_variants().iter().copied() {
        if !args.steps.is_empty() && !args.steps.contains(&step) {
            continue;
        }
        println!("\n=== {}", step.name());
        let started = Instant::now();
        let result = one(step, root, &base.path, &mut env);
        times.push((step, started.elapsed()));
        if let Err(error) = result {
            report(&times);
            bail!("step `{}` failed: {error:#}\nagain: cargo xtask test {0}", step.name());
        }
    }
    report(&times);
    println!("all steps passed");
    Ok(ExitCode::SUCCESS)
}

fn report(times: &[(Step, Duration)]) {
    println!();
    for (step, time) in times {
        println!("{:<10} {:>8.1} s", step.name(), time.as_secs_f64());
    }
    println!("{:<10} {:>8.1} s", "total", times.iter().map(|(_, time)| time.as_secs_f64()).sum::<f64>());
}

fn one(step: Step, root: &Path, python: &Path, env: &mut Option<Env>) -> Result<()> {
    let cargo = |args: &[&str]| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args);
        command
    };
    let show = |command: &mut Command| show(command.current_dir(root).env("PYTHON", python).env("PYO3_PYTHON", python));
    match step {
        Step::Fmt => show(&mut cargo(&["fmt", "--all", "--check"])),
        Step::Clippy => show(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        Step::Stencils => {
            show(&mut cargo(&["run", "-q", "--release", "-p", "decal-stencil-compiler", "--", "--check"]))
        }
        Step::Rust => show(&mut cargo(&["test", "--workspace"])),
        Step::Docs => {
            // Private items too: these pages are for those who work on decal, users have Python's. So a link
            // to one leads somewhere; a link that leads nowhere is an error.
            let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
            show(doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"))
        }
        Step::Checked => {
            let env = ready(root, env)?;
            let package = fuzz::checked_package(root, env)?;
            let mut command = env.isolated();
            command.args(["-m", "pytest", "-q", "-n", "2", "tests/checked.py"]);
            show(command.env("PYTHONPATH", &package).env("DECAL_TEST_PACKAGE", &package))
        }
        Step::Install => ready(root, env)?.install(),
        Step::Ruff => {
            let env = ready(root, env)?;
            let folders = ["python", "tests", "examples", "bench"];
            show(env.isolated().args(["-m", "ruff", "check"]).args(folders))?;
            show(env.isolated().args(["-m", "ruff", "format", "--check"]).args(folders))
        }
        Step::Python => show(ready(root, env)?.isolated().args(["-m", "pytest", "-q", "-n", "2", "tests"])),
        Step::Regrtest => match regrtest::run(root, &regrtest::Args::quick())? {
            ExitCode::SUCCESS => Ok(()),
            _ => bail!("CPython's own tests come out differently with decal"),
        },
    }
}

/// The environment, made at the first step that needs it.
fn ready<'a>(root: &Path, env: &'a mut Option<Env>) -> Result<&'a Env> {
    if env.is_none() {
        *env = Some(Env::prepare(root, Tools::All)?);
    }
    env.as_ref().context("the environment was just made")
}

/// Runs a command for all to see.
fn show(command: &mut Command) -> Result<()> {
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| Path::new(word).file_name().unwrap_or(word).to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start {line}"))?;
    if !status.success() {
        bail!("`{line}`: {status}");
    }
    Ok(())
}
