//! `cargo xtask replay`: a report of checked execution (`DECAL_VERIFY`), once more.
//!
//! The report has both traces, what they started with and the memory that they read, so that neither the program nor a Python is needed.

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use decal_trace::eval::case::Case;
use decal_trace::eval::compare::Verdict;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to replay.
#[derive(Parser)]
pub struct Args {
    /// A report, or what the program wrote to standard error with it in.
    report: PathBuf,
}

/// Compares again. Fails where nothing differs: then the report was about something else, or the mistake is gone.
pub fn run(args: &Args) -> Result<ExitCode> {
    let path = args.report.display();
    let text = std::fs::read_to_string(&args.report).with_context(|| format!("{path} cannot be read"))?;
    let case: Case = text.parse().map_err(|error| anyhow!("{path} is no report of two traces: {error}"))?;
    let (verdict, lacks) = case.replay();
    if let Some(address) = lacks {
        println!("the report does not say what is at {address:#x}; 0 was taken for it");
    }
    let differs = match verdict {
        Verdict::Differs(what) => {
            println!("differs: {what}");
            true
        }
        Verdict::Same => {
            println!("both do the same, up to an exit");
            false
        }
        Verdict::Partly => {
            println!("both do the same, as far as it can be tried");
            false
        }
        Verdict::Unclear => {
            println!("they end at places that cannot be compared");
            false
        }
    };
    Ok(if differs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
