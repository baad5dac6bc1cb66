//! `cargo xtask demo`: what decal is for, seen with one command on a fresh machine.

use crate::env::{Env, Tools};
use crate::measure::{Case, Outcome, measure};
use crate::progress::Status;
use crate::table::Table;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Options of `demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Examples by name (default: all).
    names: Vec<String>,
    /// Runs on each side.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

/// The examples, in order.
///
/// # Errors
/// The folder cannot be read.
pub fn examples(root: &Path) -> Result<Vec<Case>> {
    let folder = root.join("examples");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<_> = files.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    let case = |path: &Path| Case {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        runner: "example_runner.py",
        args: vec![path.into()],
        cpu: false,
    };
    Ok(paths.iter().map(|path| case(path)).collect())
}

/// Keeps the cases that are named; a name stands for all that begin with it and `_`, too.
///
/// # Errors
/// A name that is no case; the text lists the known ones.
pub fn select(mut cases: Vec<Case>, names: &[String]) -> Result<Vec<Case>> {
    let is = |case: &Case, name: &str| {
        case.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    if let Some(unknown) = names.iter().find(|name| !cases.iter().any(|case| is(case, name))) {
        let known: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        bail!("no `{unknown}`; there are: {}", known.join(", "));
    }
    cases.retain(|case| names.is_empty() || names.iter().any(|name| is(case, name)));
    Ok(cases)
}

/// Seconds, with as many digits as say something.
pub fn seconds(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.4}"))
}

/// `12.3×`
pub fn times(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.2}×"))
}

/// Measures all cases and prints a table as the results come in; then what went wrong.
///
/// # Errors
/// As [`measure`].
pub fn table(env: &Env, cases: &[Case], pairs: usize) -> Result<Vec<Outcome>> {
    let titles = ["", "CPython s", "decal s", "ratio", "from start", "traces", "compiling µs", "native"];
    let width = cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
    let table = Table::start(width, &titles);
    let mut status = Status::new();
    let mut outcomes = Vec::new();
    for case in cases {
        let outcome = measure(env, case, pairs, &mut status)?;
        let ratio = if outcome.problem.is_some() { "WRONG".into() } else { times(outcome.ratio()) };
        let mut cells = vec![
            outcome.name.clone(),
            seconds(outcome.cpython.map(|times| times.round)),
            seconds(outcome.decal.map(|times| times.round)),
            ratio,
            times(outcome.total_ratio()),
        ];
        cells.extend(outcome.did());
        table.row(&cells);
        outcomes.push(outcome);
    }
    table.line();
    println!("native: share of the loops' counted iterations that ran in traces");
    for outcome in &outcomes {
        if let Some(problem) = &outcome.problem {
            println!("\n{}: {problem}", outcome.name);
        }
    }
    Ok(outcomes)
}

/// Runs the demo.
///
/// # Errors
/// No Python, a build that fails, an unknown name. Outputs that differ are an exit status.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let cases = select(examples(root)?, &args.names)?;
    let env = Env::prepare(root, Tools::Build)?;
    env.install()?;
    env.check_decal()?;
    println!("Python {} ({}), {} runs on each side in turn\n", env.base.version, env.base.path.display(), args.rounds);
    let outcomes = table(&env, &cases, usize::from(args.rounds))?;
    let wrong = outcomes.iter().filter(|outcome| outcome.problem.is_some()).count();
    if wrong > 0 {
        println!("\n{wrong} of {} examples went wrong.", outcomes.len());
        return Ok(ExitCode::FAILURE);
    }
    println!("\nAll {} outputs are the same with and without decal.", outcomes.len());
    Ok(ExitCode::SUCCESS)
}
