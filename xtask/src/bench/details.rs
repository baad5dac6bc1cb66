//! Why recordings were abandoned and traces were left: of one program, and over all.

use crate::env::Env;
use crate::measure::{Case, Outcome, once};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;

/// Lines of each list, at most.
const LINES: usize = 30;

/// Runs each case once with decal, and prints its aborts and exits.
///
/// # Errors
/// As [`once`].
pub fn run(env: &Env, cases: &[Case]) -> Result<()> {
    for case in cases {
        println!("{}", case.name);
        let run = match once(env, case, true, Duration::from_secs(600))? {
            Ok(run) => run,
            Err(problem) => {
                println!("  {problem}");
                continue;
            }
        };
        let outcome = Outcome { stats: run.stats, ..Outcome::of(case) };
        for name in ["traces", "root_traces", "side_traces", "entries", "observed", "withdrawn", "invalidated"] {
            println!("{:>12}  {}", outcome.stat(name), name.replace('_', " "));
        }
        list("recordings abandoned, by reason", outcome.group("abort"));
        list("traces left, by uop and place", outcome.group("exit"));
    }
    Ok(())
}

/// The most frequent reasons over all programs. In how many programs a reason occurs says more than how often: a
/// place that cannot be compiled is tried a few times only.
pub fn ranking(outcomes: &[Outcome]) {
    let mut programs: BTreeMap<String, u64> = BTreeMap::new();
    for outcome in outcomes {
        for reason in outcome.group("abort").into_keys() {
            *programs.entry(reason).or_default() += 1;
        }
    }
    list("recordings abandoned, by number of programs", programs);
}

fn list(title: &str, counts: BTreeMap<String, u64>) {
    if counts.is_empty() {
        return;
    }
    println!("\n{title}");
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    for (text, count) in counts.iter().take(LINES) {
        println!("{count:>12}  {text}");
    }
    if counts.len() > LINES {
        println!("{:>12}  and {} more", "", counts.len() - LINES);
    }
}
