//! `cargo xtask bench`: decal against the same CPython, on our examples and on benchmarks of others.
//!
//! An example is measured from its first line, compiling included. A benchmark of pyperformance is
//! measured after a warm-up, as that package does it; the column `from start` has everything in it.

use crate::demo::{examples, select, table, times};
use crate::env::{Env, Tools, target};
use crate::measure::{Case, Outcome, runner};
use crate::progress::Status;
use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Benchmarks of pyperformance.
const BENCHMARKS: &[&str] = &[
    "nbody",
    "spectral_norm",
    "fannkuch",
    "float",
    "nqueens",
    "scimark_sor",
    "scimark_sparse_mat_mult",
    "scimark_monte_carlo",
    "scimark_lu",
    "scimark_fft",
];

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Examples and benchmarks by name (default: all); `scimark` means all of scimark.
    names: Vec<String>,
    /// Fewer and shorter rounds, for a first look.
    #[arg(long)]
    quick: bool,
    /// Exit with status 1 if an output differs or a program fails.
    #[arg(long)]
    check: bool,
}

/// The file for programs.
#[derive(Serialize)]
struct Report<'a> {
    python: &'a str,
    processor: String,
    commit: String,
    quick: bool,
    geometric_mean: Option<f64>,
    geometric_mean_from_start: Option<f64>,
    results: &'a [Outcome],
}

/// Runs the benchmarks.
///
/// # Errors
/// No Python, a build that fails, an unknown name.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let mut cases = examples(root)?;
    cases.extend(BENCHMARKS.iter().map(|name| Case {
        name: (*name).to_string(),
        runner: "pyperformance_runner.py",
        args: vec![OsString::from(name)],
    }));
    let mut cases = select(cases, &args.names)?;
    let env = Env::prepare(root, Tools::All)?;
    env.install()?;
    env.check_decal()?;
    calibrate(&env, &mut cases, args.quick)?;
    let pairs = if args.quick { 1 } else { 5 };
    println!("Python {} ({}), {}\n", env.base.version, env.base.path.display(), processor());
    let outcomes = table(&env, &cases, pairs)?;
    let right = || outcomes.iter().filter(|outcome| outcome.problem.is_none());
    let report = Report {
        python: &env.base.version,
        processor: processor(),
        commit: commit(root),
        quick: args.quick,
        geometric_mean: geometric_mean(right().filter_map(Outcome::ratio)),
        geometric_mean_from_start: geometric_mean(right().filter_map(Outcome::total_ratio)),
        results: &outcomes,
    };
    println!("\ngeometric mean: {}", times(report.geometric_mean));
    println!("geometric mean from start: {}", times(report.geometric_mean_from_start));
    println!("{}", compiling(&outcomes));
    let file = target(root)?.join("bench.json");
    fs::write(&file, serde_json::to_string_pretty(&report)?).with_context(|| format!("writing {}", file.display()))?;
    println!("written to {}", file.display());
    let wrong = outcomes.iter().any(|outcome| outcome.problem.is_some());
    Ok(if args.check && wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Finds, without decal, how many loops make a round long enough for the clock. Both sides then do
/// the same work, so that what they leave behind can be compared.
fn calibrate(env: &Env, cases: &mut [Case], quick: bool) -> Result<()> {
    let (least, rounds) = if quick { ("0.05", "3") } else { ("0.1", "5") };
    let mut status = Status::new();
    for case in cases.iter_mut().filter(|case| case.runner == "pyperformance_runner.py") {
        status.show(&format!("{}: how long is a round", case.name));
        let loops = runner(env, case, &["--calibrate", least], Duration::from_secs(120))?
            .map_err(|problem| anyhow!("{}: {problem}", case.name))?;
        if loops.parse::<u32>().is_err() {
            bail!("{}: `{loops}` is no number of loops", case.name);
        }
        case.args.extend(["--loops", &loops, "--warm-up", "2", "--rounds", rounds].map(OsString::from));
    }
    status.clear();
    Ok(())
}

fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = ratios.map(f64::ln).collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

/// What compiling cost, over all that was compiled.
fn compiling(outcomes: &[Outcome]) -> String {
    let sum = |name: &str| outcomes.iter().map(|outcome| outcome.stat(name)).sum::<u64>();
    let per = |name: &str, of: u64| if of == 0 { 0.0 } else { sum(name) as f64 / of as f64 };
    let (uops, traces) = (sum("uops_compiled"), sum("traces"));
    format!(
        "compiling: {:.2} µs per uop on the whole path, {:.0} ns of it copy and patch; \
         {:.0} bytes of code and {:.0} of metadata per trace",
        per("compile_ns", uops) / 1000.0,
        per("assemble_ns", uops),
        per("code_bytes", traces),
        per("metadata_bytes", traces)
    )
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_string(), |(_, name)| name.trim().to_string())
}

fn commit(root: &Path) -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::geometric_mean;

    #[test]
    fn mean() {
        assert_eq!(geometric_mean(std::iter::empty()), None);
        let mean = geometric_mean([2.0, 8.0].into_iter()).expect("two ratios");
        assert!((mean - 4.0).abs() < 1e-12);
    }
}
