//! Measures one program with and without decal, in turn, and compares what it printed.
//!
//! Each run is a process of its own, and both sides alternate: whatever else the machine does hits
//! both alike. Medians, because noise only ever adds.

use crate::env::Env;
use crate::progress::{Status, wait};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// No program gets less time than this before it is taken for one that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program to measure.
#[derive(Clone)]
pub struct Case {
    /// For the table.
    pub name: String,
    /// The script in `bench/` that runs it.
    pub runner: &'static str,
    /// The runner's arguments.
    pub args: Vec<OsString>,
    /// Whether processor time is measured in place of the wall clock.
    pub cpu: bool,
}

impl Case {
    /// Whether its runner takes a number of loops and measures in rounds (`bench/rounds.py`).
    pub fn repeats(&self) -> bool {
        self.runner != "example_runner.py"
    }
}

/// What a runner writes.
#[derive(Clone, Deserialize)]
pub struct Run {
    /// Seconds of each round.
    pub rounds: Vec<f64>,
    /// Seconds from before decal was switched on to the last round's end.
    pub total: f64,
    /// What was printed.
    pub output: String,
    /// Whether it raised.
    pub failed: bool,
    /// What decal did.
    pub stats: BTreeMap<String, u64>,
}

/// Times of one side, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    /// Median of the rounds.
    pub round: f64,
    /// Median of the whole runs, from before decal was switched on to the last round's end.
    pub total: f64,
}

/// Bytecode instructions of one round.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Instructions {
    /// All, in plain CPython.
    pub all: u64,
    /// Those that ran in traces, with decal.
    pub native: u64,
}

/// What came of a case.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The case.
    pub name: String,
    /// Without decal.
    pub cpython: Option<Times>,
    /// With decal.
    pub decal: Option<Times>,
    /// What decal did in the last run.
    pub stats: BTreeMap<String, u64>,
    /// Bytecode instructions of a round after the warm-up, where they were counted.
    pub instructions: Option<Instructions>,
    /// Seconds that others need for a round: PyPy, after a longer warm-up.
    pub pypy: Option<f64>,
    /// The same of a C compiler's code.
    pub c: Option<f64>,
    /// What was printed without decal.
    #[serde(skip)]
    pub output: String,
    /// An output that differs, or a run that failed.
    pub problem: Option<String>,
}

impl Outcome {
    /// Nothing yet.
    pub fn of(case: &Case) -> Outcome {
        Outcome {
            name: case.name.clone(),
            cpython: None,
            decal: None,
            stats: BTreeMap::new(),
            instructions: None,
            pypy: None,
            c: None,
            output: String::new(),
            problem: None,
        }
    }

    /// The numbers of a group of the statistics, `abort` or `exit`, by what stands behind the colon.
    pub fn group(&self, group: &str) -> BTreeMap<String, u64> {
        let of_group = |name: &String| Some(name.strip_prefix(group)?.strip_prefix(": ")?.to_string());
        self.stats.iter().filter_map(|(name, count)| Some((of_group(name)?, *count))).collect()
    }

    /// Share of the bytecode instructions that ran in traces.
    pub fn native_instructions(&self) -> Option<f64> {
        self.instructions.filter(|counted| counted.all > 0).map(|counted| counted.native as f64 / counted.all as f64)
    }

    /// How many times faster a round is.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.cpython?.round / self.decal?.round)
    }

    /// The same from the start, warm-up and compiling included.
    pub fn total_ratio(&self) -> Option<f64> {
        Some(self.cpython?.total / self.decal?.total)
    }

    /// A number of the statistics.
    pub fn stat(&self, name: &str) -> u64 {
        self.stats.get(name).copied().unwrap_or(0)
    }

    /// Share of the loops' iterations that ran in traces. None where the program has no loops to speak of: recursion, whose calls
    /// nobody counts, does its work.
    pub fn native_share(&self) -> Option<f64> {
        const FEW: u64 = 10_000;
        let (native, cpython) = (self.stat("iterations_native"), self.stat("iterations_cpython"));
        (native + cpython > FEW).then(|| native as f64 / (native + cpython) as f64)
    }

    /// The cells on what decal did: traces, microseconds compiling, native share.
    pub fn did(&self) -> [String; 3] {
        if self.decal.is_none() {
            return ["-".into(), "-".into(), "-".into()];
        }
        let share = self.native_share().map_or("-".into(), |share| format!("{:.1} %", share * 100.0));
        [self.stat("traces").to_string(), (self.stat("compile_ns") / 1000).to_string(), share]
    }
}

/// The middle one (the lower of both, of an even number).
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

fn times(runs: &[Run]) -> Option<Times> {
    let round = median(runs.iter().flat_map(|run| run.rounds.iter().copied()))?;
    Some(Times { round, total: median(runs.iter().map(|run| run.total))? })
}

/// Where a runner writes to, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(env: &Env, name: &str) -> Scratch {
        Scratch(env.target.join(format!("xtask-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs a runner once and returns what it wrote; the inner error is the program's.
///
/// # Errors
/// The process could not be started, or its files not be used.
pub fn runner(env: &Env, case: &Case, more: &[&str], limit: Duration) -> Result<Result<String, String>> {
    runner_in(env, env.isolated(), case, more, limit)
}

/// The same in the Python that this command starts.
///
/// # Errors
/// As [`runner`].
pub fn runner_in(
    env: &Env,
    mut command: Command,
    case: &Case,
    more: &[&str],
    limit: Duration,
) -> Result<Result<String, String>> {
    let (result, errors) = (Scratch::new(env, "result.json"), Scratch::new(env, "errors.txt"));
    command.arg(PathBuf::from("bench").join(case.runner)).args(&case.args).args(more);
    command.arg("--result").arg(&result.0);
    if case.cpu {
        command.arg("--cpu");
    }
    // The same order of sets on both sides.
    command.env("PYTHONHASHSEED", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors.0)?);
    let mut child = command.spawn().context("cannot start Python")?;
    let status = wait(&mut child, Some(limit), || ())?;
    let text = fs::read_to_string(&errors.0).unwrap_or_default();
    match status {
        Some(status) if status.success() => {
            // What decal or the program had to say, DECAL_DEBUG for example.
            eprint!("{text}");
            Ok(fs::read_to_string(&result.0).map_err(|error| format!("wrote no result: {error}")))
        }
        Some(status) => Ok(Err(format!("{status}\n{}", text.trim()))),
        None => Ok(Err(format!("not finished after {} s, killed\n{}", limit.as_secs(), text.trim()))),
    }
}

/// Runs a case once; the inner error is the program's.
///
/// # Errors
/// As [`runner`].
pub fn once(env: &Env, case: &Case, decal: bool, limit: Duration) -> Result<Result<Run, String>> {
    let more: &[&str] = if decal { &["--decal"] } else { &[] };
    let side = if decal { "with decal" } else { "without decal" };
    let text = match runner(env, case, more, limit)? {
        Ok(text) => text,
        Err(problem) => return Ok(Err(format!("{side}: {problem}"))),
    };
    let run: Run = serde_json::from_str(&text).with_context(|| format!("{}: result is no JSON", case.runner))?;
    Ok(Ok(run))
}

/// Counts the bytecode instructions of one round on both sides, in processes of their own: counting is slow. The same
/// events are counted in CPython as decal records in its traces.
///
/// # Errors
/// As [`runner`].
pub fn count(env: &Env, case: &Case, status: &mut Status) -> Result<Option<Instructions>> {
    let mut counts = [None; 2];
    for (count, more) in counts.iter_mut().zip([&["--instructions"][..], &["--instructions", "--decal"]]) {
        status.show(&format!("{}: counting instructions", case.name));
        *count = runner(env, case, more, Duration::from_secs(600))?.ok().and_then(|text| text.trim().parse().ok());
    }
    status.clear();
    let [all, native] = counts;
    Ok(all.zip(native).map(|(all, native)| Instructions { all, native }))
}

/// Measures the case, both sides `pairs` times in turn. The first problem ends it.
///
/// # Errors
/// As [`runner`].
pub fn measure(env: &Env, case: &Case, pairs: usize, status: &mut Status) -> Result<Outcome> {
    let (mut plain, mut decal): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    let mut problem = None;
    'all: for pair in 1..=pairs {
        for with_decal in [false, true] {
            let side = if with_decal { "decal" } else { "CPython" };
            status.show(&format!("{}: {side} {pair}/{pairs}", case.name));
            let slowest = plain.iter().map(|run| run.total).fold(0.0, f64::max);
            let limit = PATIENCE.max(Duration::from_secs_f64(slowest * 20.0));
            let run = match once(env, case, with_decal, limit)? {
                Ok(run) => run,
                Err(text) => {
                    problem = Some(text);
                    break 'all;
                }
            };
            problem = plain.first().and_then(|first| difference(first, &run, with_decal));
            if run.failed && problem.is_none() {
                let side = if with_decal { "with decal" } else { "without decal" };
                problem = Some(format!("raised {side}:\n{}", run.output.trim()));
            }
            if with_decal { &mut decal } else { &mut plain }.push(run);
            if problem.is_some() {
                break 'all;
            }
        }
    }
    status.clear();
    Ok(Outcome {
        cpython: times(&plain),
        decal: times(&decal),
        stats: decal.last().map(|run| run.stats.clone()).unwrap_or_default(),
        problem,
        output: plain.into_iter().next().map(|run| run.output).unwrap_or_default(),
        ..Outcome::of(case)
    })
}

/// The first line that is not the same.
pub fn difference(first: &Run, other: &Run, with_decal: bool) -> Option<String> {
    if first.output == other.output {
        return None;
    }
    if !with_decal {
        return Some("prints something else each time, also without decal".into());
    }
    let (mut left, mut right) = (first.output.lines(), other.output.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (plain, decal) = (left.next(), right.next());
        if plain != decal || plain.is_none() {
            let pairs = plain.unwrap_or("").chars().zip(decal.unwrap_or("").chars());
            let same = pairs.take_while(|(left, right)| left == right).count();
            let text = |line: Option<&str>| line.map_or("(nothing)".into(), |line| around(line, same));
            return Some(format!(
                "outputs differ, first in line {number}:\n  CPython: {}\n  decal:   {}",
                text(plain),
                text(decal)
            ));
        }
    }
}

/// The part of a line where the difference is, if the line is long.
fn around(line: &str, place: usize) -> String {
    let from = place.saturating_sub(60);
    let part: String = line.chars().skip(from).take(160).collect();
    if from == 0 { part } else { format!("…{part}") }
}

#[cfg(test)]
mod tests {
    use super::{Run, difference, median};
    use std::collections::BTreeMap;

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(1.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn differences() {
        let run = |output: &str| Run {
            rounds: Vec::new(),
            total: 0.0,
            output: output.into(),
            failed: false,
            stats: BTreeMap::new(),
        };
        assert_eq!(difference(&run("a\nb\n"), &run("a\nb\n"), true), None);
        let text = difference(&run("a\nb\n"), &run("a\nc\n"), true).expect("a difference");
        assert!(text.contains("line 2") && text.contains("CPython: b") && text.contains("decal:   c"), "{text}");
        let text = difference(&run("a\n"), &run("a\nb\n"), true).expect("a difference");
        assert!(text.contains("(nothing)"), "{text}");
    }
}
