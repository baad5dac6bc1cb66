//! `cargo xtask bench --runs`: processes of about 0.1, 1 and 10 seconds, each from its start.
//!
//! Counting, observing and compiling must pay even where little is left to gain. A program works for about the length
//! that is asked for in plain CPython, once, without a warm-up; its time is that of everything that decal can change:
//! from before decal is imported to the end of the work, the program's own imports included. Plain CPython, decal and
//! plain CPython again take turns. The two plain sides against each other (A/A) show how much of a ratio is noise.

use super::{commit, processor, speed, write};
use crate::demo::times;
use crate::env::Env;
use crate::measure::{Case, difference, median, once};
use crate::progress::Status;
use crate::table::Table;
use anyhow::Result;
use serde::Serialize;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// One program at one length. Seconds of each run.
#[derive(Serialize)]
struct Row {
    name: String,
    seconds: f64,
    loops: u64,
    plain: Vec<f64>,
    decal: Vec<f64>,
    again: Vec<f64>,
    ratio: Option<f64>,
    noise: Option<f64>,
    problem: Option<String>,
}

impl Row {
    /// How many times faster decal is, and plain CPython than itself.
    fn finish(&mut self) {
        let plain = median(self.plain.iter().chain(&self.again).copied());
        let over = |left: Option<f64>, right: Option<f64>| Some(left? / right?);
        self.ratio = over(plain, median(self.decal.iter().copied()));
        self.noise = over(median(self.plain.iter().copied()), median(self.again.iter().copied()));
    }

    fn cells(&self) -> [String; 4] {
        let ratio = if self.problem.is_some() { "WRONG".into() } else { times(self.ratio) };
        let plain = median(self.plain.iter().chain(&self.again).copied());
        let plain = plain.map_or("-".into(), |seconds| format!("{seconds:.2} s"));
        let mark = if self.ratio.is_some_and(|ratio| ratio < 0.97) { "<" } else { "" };
        [plain, ratio, mark.into(), times(self.noise)]
    }
}

/// The file for programs.
#[derive(Serialize)]
struct Report<'a> {
    python: &'a str,
    processor: String,
    commit: String,
    results: &'a [Row],
}

/// How often both sides run: short runs need more of them.
fn turns(seconds: f64, quick: bool) -> usize {
    match seconds {
        _ if quick => 1,
        ..0.5 => 9,
        ..5.0 => 5,
        _ => 3,
    }
}

/// Measures, and prints a table for each length. True if something went wrong.
///
/// # Errors
/// As [`once`].
pub fn run(root: &Path, env: &Env, cases: &[Case], lengths: &[f64], quick: bool) -> Result<bool> {
    let cases: Vec<&Case> = cases.iter().filter(|case| case.repeats()).collect();
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    let mut status = Status::new();
    let mut rows: Vec<Row> = Vec::new();
    let mut titles = vec![String::new()];
    for length in lengths {
        titles.extend([format!("{length} s"), "ratio".into(), " ".into(), "A/A".into()]);
    }
    let table = Table::start(width, &titles.iter().map(String::as_str).collect::<Vec<_>>());
    for case in cases {
        let speed = speed(env, case, 0.1, &mut status)?;
        let mut cells = vec![case.name.clone()];
        for &seconds in lengths {
            let loops = (seconds / speed.seconds).round().max(1.0) as u64;
            let row = one(env, case, seconds, loops, turns(seconds, quick), &mut status)?;
            cells.extend(row.cells());
            rows.push(row);
        }
        status.clear();
        table.row(&cells);
    }
    table.line();
    println!("A/A: plain CPython against itself, which is noise; <: below 0.97×");
    for row in &rows {
        if let Some(problem) = &row.problem {
            println!("\n{} ({} s): {problem}", row.name, row.seconds);
        }
    }
    for &seconds in lengths {
        let ratios = rows.iter().filter(|row| row.seconds == seconds).filter_map(|row| row.ratio);
        println!("geometric mean of {seconds} s: {}", times(super::geometric_mean(ratios)));
    }
    let report = Report { python: &env.base.version, processor: processor(), commit: commit(root), results: &rows };
    write(root, "runs.json", &report)?;
    Ok(rows.iter().any(|row| row.problem.is_some()))
}

fn one(env: &Env, case: &Case, seconds: f64, loops: u64, turns: usize, status: &mut Status) -> Result<Row> {
    let mut case = case.clone();
    case.args.extend(["--loops", &loops.to_string(), "--warm-up", "0", "--rounds", "1"].map(OsString::from));
    let mut row = Row {
        name: case.name.clone(),
        seconds,
        loops,
        plain: Vec::new(),
        decal: Vec::new(),
        again: Vec::new(),
        ratio: None,
        noise: None,
        problem: None,
    };
    let limit = Duration::from_secs_f64(120.0 + 20.0 * seconds);
    let mut first = None;
    'all: for turn in 1..=turns {
        for side in ["plain", "decal", "again"] {
            status.show(&format!("{}: {seconds} s, {side} {turn}/{turns}", case.name));
            let run = match once(env, &case, side == "decal", limit)? {
                Ok(run) => run,
                Err(problem) => {
                    row.problem = Some(problem);
                    break 'all;
                }
            };
            match side {
                "plain" => &mut row.plain,
                "decal" => &mut row.decal,
                _ => &mut row.again,
            }
            .push(run.total);
            let first = first.get_or_insert_with(|| run.clone());
            row.problem = difference(first, &run, side == "decal");
            if row.problem.is_some() {
                break 'all;
            }
        }
    }
    row.finish();
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::turns;

    #[test]
    fn short_runs_are_repeated_more() {
        assert_eq!([0.1, 1.0, 10.0].map(|seconds| turns(seconds, false)), [9, 5, 3]);
        assert_eq!(turns(0.1, true), 1);
    }
}
