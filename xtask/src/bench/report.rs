//! The table of `cargo xtask bench`: what decal gained, and what it did for that.

use super::details;
use super::others::Others;
use crate::demo::times;
use crate::env::Env;
use crate::measure::{Case, Outcome, count, measure};
use crate::progress::Status;
use crate::table::Table;
use anyhow::Result;

const TITLES: &[&str] = &[
    "",
    "CPython",
    "decal",
    "ratio",
    "start",
    "native",
    "traces",
    "aborts",
    "exits",
    "compile ms",
    "code kB",
    "data kB",
];

/// Where the columns of others stand.
const BESIDE: usize = 5;

/// Measures all cases and prints a row for each as it comes; then what went wrong.
///
/// # Errors
/// As [`measure`].
pub fn table(env: &Env, others: &Others, cases: &[Case], pairs: usize) -> Result<Vec<Outcome>> {
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    let mut titles = TITLES.to_vec();
    titles.splice(BESIDE..BESIDE, others.titles());
    let table = Table::start(width, &titles);
    let mut status = Status::new();
    let mut outcomes = Vec::new();
    for case in cases {
        let mut outcome = measure(env, case, pairs, &mut status)?;
        if outcome.problem.is_none() && case.repeats() {
            outcome.instructions = count(env, case, &mut status)?;
        }
        if outcome.problem.is_none() {
            others.measure(env, case, &mut outcome, pairs, &mut status)?;
        }
        table.row(&row(others, &outcome));
        outcomes.push(outcome);
    }
    table.line();
    for outcome in &outcomes {
        if let Some(problem) = &outcome.problem {
            println!("\n{}: {problem}", outcome.name);
        }
    }
    Ok(outcomes)
}

fn row(others: &Others, outcome: &Outcome) -> Vec<String> {
    let ratio = if outcome.problem.is_some() { "WRONG".into() } else { times(outcome.ratio()) };
    let mut cells = vec![
        outcome.name.clone(),
        duration(outcome.cpython.map(|times| times.round)),
        duration(outcome.decal.map(|times| times.round)),
        ratio,
        times(outcome.total_ratio()),
    ];
    cells.extend(others.cells(outcome));
    if outcome.decal.is_some() {
        let kilobytes = |name: &str| format!("{:.1}", outcome.stat(name) as f64 / 1000.0);
        let share = outcome.native_instructions().map_or("-".into(), |share| format!("{:.1} %", share * 100.0));
        let sum = |group: &str| outcome.group(group).values().sum::<u64>().to_string();
        cells.extend([
            share,
            outcome.stat("traces").to_string(),
            sum("abort"),
            sum("exit"),
            format!("{:.1}", outcome.stat("compile_ns") as f64 / 1e6),
            kilobytes("code_bytes"),
            kilobytes("metadata_bytes"),
        ]);
    }
    cells
}

/// In the unit that fits.
fn duration(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".into(),
        Some(seconds) if seconds < 1e-3 => format!("{:.2} µs", seconds * 1e6),
        Some(seconds) if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.2} s"),
    }
}

/// What the columns mean, and what all programs have in common.
pub fn summary(others: &Others, outcomes: &[Outcome], mean: Option<f64>, from_start: Option<f64>) {
    println!("start: the ratio from the start, with everything that decal did meanwhile");
    println!("native: share of the bytecode instructions of a round after the warm-up that ran in traces");
    println!("aborts: recordings abandoned; exits: times that a trace was left for CPython (--details NAME says why)");
    if let Some(line) = others.means(outcomes) {
        println!("{line}");
    }
    println!("\ngeometric mean: {}", times(mean));
    println!("geometric mean from start: {}", times(from_start));
    let shares = outcomes.iter().filter_map(Outcome::native_instructions);
    let (count, sum) = shares.fold((0u32, 0.0), |(count, sum), share| (count + 1, sum + share));
    if count > 0 {
        println!("native, mean of {count} programs: {:.1} %", 100.0 * sum / f64::from(count));
    }
    println!("{}", compiling(outcomes));
    let slow: Vec<String> = outcomes
        .iter()
        .filter(|outcome| [outcome.ratio(), outcome.total_ratio()].iter().flatten().any(|ratio| *ratio < 0.97))
        .map(|outcome| format!("{} {}, {}", outcome.name, times(outcome.ratio()), times(outcome.total_ratio())))
        .collect();
    if !slow.is_empty() {
        println!("below 0.97×, after the warm-up or from the start: {}", slow.join("; "));
    }
    details::ranking(outcomes);
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
