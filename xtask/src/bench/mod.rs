//! `cargo xtask bench`: decal against the same CPython, on our examples, benchmarks of others, and packages at work.
//!
//! An example is measured from its first line, compiling included. A benchmark of pyperformance and the work of a
//! package are measured after a warm-up, as pyperformance does it; the column `from start` has everything in it.
//! Beside both stand PyPy and C, where they are installed ([`others`]). What short runs cost and gain is another table ([`runs`]).

mod details;
mod others;
mod report;
mod runs;

use crate::demo::{examples, select};
use crate::env::{Env, Tools, target};
use crate::measure::{Case, Outcome, runner};
use crate::progress::Status;
use anyhow::{Context, Result, anyhow, bail};
use others::Others;
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
    "richards",
    "deltablue",
    "chaos",
    "hexiom",
    "comprehensions",
    "generators",
    "deepcopy",
    "deepcopy_reduce",
    "deepcopy_memo",
    "logging_format",
    "logging_silent",
    "logging_simple",
    "json_dumps",
    "pickle_pure_python",
    "xml_etree_parse",
    "xml_etree_iterparse",
    "xml_etree_generate",
    "xml_etree_process",
];

/// Packages at their own work: the workloads of `bench/package_runner.py`.
const PACKAGES: &[&str] = &["tomli_loads", "html5lib_parse", "mako_render", "mako_compile", "sqlglot_optimize"];

/// Options of `bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Examples, benchmarks and packages by name (default: all); `scimark` means all of scimark.
    names: Vec<String>,
    /// Fewer and shorter rounds, for a first look.
    #[arg(long)]
    quick: bool,
    /// Measure processor time in place of the wall clock, on a machine that does other things meanwhile.
    #[arg(long)]
    cpu: bool,
    /// Exit with status 1 if an output differs or a program fails.
    #[arg(long)]
    check: bool,
    /// Measure whole processes that work for about so many seconds in plain CPython, against noise.
    #[arg(long, value_name = "SECONDS,…", value_delimiter = ',', num_args = 0..=1, require_equals = true,
          default_missing_value = "0.1,1,10")]
    runs: Option<Vec<f64>>,
    /// Run once with decal, and say why recordings were abandoned and traces left.
    #[arg(long)]
    details: bool,
}

/// The file for programs.
#[derive(Serialize)]
struct Report<'a> {
    python: &'a str,
    others: String,
    processor: String,
    commit: String,
    quick: bool,
    cpu: bool,
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
    for (runner, names) in [("pyperformance_runner.py", BENCHMARKS), ("package_runner.py", PACKAGES)] {
        cases.extend(names.iter().map(|name| Case {
            name: (*name).to_string(),
            runner,
            args: vec![OsString::from(name)],
            cpu: false,
        }));
    }
    let mut cases = select(cases, &args.names)?;
    cases.iter_mut().for_each(|case| case.cpu = args.cpu);
    let env = Env::prepare(root, Tools::All)?;
    env.install()?;
    env.check_decal()?;
    println!("Python {} ({}), {}", env.base.version, env.base.path.display(), processor());
    let others = Others::find(root, &env);
    println!("{}\n", others.describe());
    if let Some(lengths) = &args.runs {
        let wrong = runs::run(root, &env, &cases, lengths, args.quick)?;
        return Ok(status(args.check && wrong));
    }
    calibrate(&env, &mut cases, args.quick)?;
    if args.details {
        details::run(&env, &cases)?;
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = report::table(&env, &others, &cases, if args.quick { 1 } else { 5 })?;
    let right = || outcomes.iter().filter(|outcome| outcome.problem.is_none());
    let report = Report {
        python: &env.base.version,
        others: others.describe(),
        processor: processor(),
        commit: commit(root),
        quick: args.quick,
        cpu: args.cpu,
        geometric_mean: geometric_mean(right().filter_map(Outcome::ratio)),
        geometric_mean_from_start: geometric_mean(right().filter_map(Outcome::total_ratio)),
        results: &outcomes,
    };
    report::summary(&others, &outcomes, report.geometric_mean, report.geometric_mean_from_start);
    write(root, "bench.json", &report)?;
    Ok(status(args.check && outcomes.iter().any(|outcome| outcome.problem.is_some())))
}

fn status(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Writes results for programs, and says where.
fn write(root: &Path, name: &str, report: &impl Serialize) -> Result<()> {
    let file = target(root)?.join(name);
    fs::write(&file, serde_json::to_string_pretty(report)?).with_context(|| format!("writing {}", file.display()))?;
    println!("written to {}", file.display());
    Ok(())
}

/// Finds, without decal, how many loops make a round long enough for the clock. Both sides then do
/// the same work, so that what they leave behind can be compared.
fn calibrate(env: &Env, cases: &mut [Case], quick: bool) -> Result<()> {
    let (least, rounds) = if quick { (0.05, "3") } else { (0.1, "5") };
    let mut status = Status::new();
    for case in cases.iter_mut().filter(|case| case.repeats()) {
        let loops = speed(env, case, least, &mut status)?.loops.to_string();
        case.args.extend(["--loops", &loops, "--warm-up", "2", "--rounds", rounds].map(OsString::from));
    }
    status.clear();
    Ok(())
}

/// What calibrating found.
struct Speed {
    /// Loops of a round.
    loops: u64,
    /// Seconds of one loop.
    seconds: f64,
}

impl Speed {
    fn parse(text: &str) -> Option<Speed> {
        let (loops, seconds) = text.trim().split_once(' ')?;
        Some(Speed { loops: loops.parse().ok()?, seconds: seconds.parse().ok().filter(|seconds| *seconds > 0.0)? })
    }
}

/// Runs the case without decal, with more and more loops until they take this long.
fn speed(env: &Env, case: &Case, least: f64, status: &mut Status) -> Result<Speed> {
    status.show(&format!("{}: how long is a round", case.name));
    let text = runner(env, case, &["--calibrate", &least.to_string()], Duration::from_secs(120))?
        .map_err(|problem| anyhow!("{}: {problem}", case.name))?;
    let Some(speed) = Speed::parse(&text) else { bail!("{}: `{text}` is no speed", case.name) };
    Ok(speed)
}

fn geometric_mean(ratios: impl Iterator<Item = f64>) -> Option<f64> {
    let logs: Vec<f64> = ratios.map(f64::ln).collect();
    (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
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
    use super::{Speed, geometric_mean};

    #[test]
    fn mean() {
        assert_eq!(geometric_mean(std::iter::empty()), None);
        let mean = geometric_mean([2.0, 8.0].into_iter()).expect("two ratios");
        assert!((mean - 4.0).abs() < 1e-12);
    }

    #[test]
    fn speeds() {
        let speed = Speed::parse("12 1.5e-3\n").expect("a speed");
        assert!(speed.loops == 12 && (speed.seconds - 0.0015).abs() < 1e-12);
        assert!(Speed::parse("12").is_none() && Speed::parse("12 0.0").is_none() && Speed::parse("x 1").is_none());
    }
}
