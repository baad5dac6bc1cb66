//! What others need for the same work: PyPy, where one is installed, and a C compiler's code for the numeric kernels.
//!
//! PyPy runs the same runners on the same files, with the packages of our environment; it compiles for longer, so that it gets
//! more rounds of warm-up. An example is measured as a whole on all sides. A kernel is the C that somebody
//! would write for the same program, in `bench/kernels`; an example's kernel must print what the example prints.

use crate::demo::times;
use crate::env::Env;
use crate::measure::{Case, Outcome, Run, median, runner_in};
use crate::progress::Status;
use anyhow::{Context, Result};
use std::env::{split_paths, var_os};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// PyPy's rounds before those that count.
const WARM_UP: &str = "20";
/// No program of others gets more time.
const LIMIT: Duration = Duration::from_secs(600);

/// What is installed.
pub struct Others {
    kernels: PathBuf,
    made: PathBuf,
    pypy: Option<(PathBuf, String)>,
    compiler: Option<(PathBuf, String)>,
}

impl Others {
    /// Looks for PyPy (`$PYPY`, or `pypy3` on the path) and a C compiler (`$CC`, or `cc` on the path).
    pub fn find(root: &Path, env: &Env) -> Others {
        let ask = "import sys; print('PyPy %d.%d.%d' % sys.pypy_version_info[:3], 'with Python %d.%d' % sys.version_info[:2])";
        Others {
            kernels: root.join("bench").join("kernels"),
            made: env.target.join("kernels"),
            pypy: which("PYPY", "pypy3").and_then(|path| says(path, &["-c", ask])),
            compiler: which("CC", "cc").and_then(|path| says(path, &["--version"])),
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        let name =
            |found: &Option<(PathBuf, String)>, none: &str| found.as_ref().map_or(none.into(), |found| found.1.clone());
        format!("beside: {}; {}", name(&self.pypy, "no PyPy"), name(&self.compiler, "no C compiler"))
    }

    /// Titles of the columns.
    pub fn titles(&self) -> Vec<&'static str> {
        let mut titles = Vec::new();
        titles.extend(self.pypy.as_ref().map(|_| "PyPy"));
        titles.extend(self.compiler.as_ref().map(|_| "C"));
        titles
    }

    /// How many times faster than CPython they are.
    pub fn cells(&self, outcome: &Outcome) -> Vec<String> {
        let ratio = |seconds: Option<f64>| times(over(outcome, seconds));
        let mut cells = Vec::new();
        cells.extend(self.pypy.as_ref().map(|_| ratio(outcome.pypy)));
        cells.extend(self.compiler.as_ref().map(|_| ratio(outcome.c)));
        cells
    }

    /// decal and each of the others over the same programs.
    pub fn means(&self, outcomes: &[Outcome]) -> Option<String> {
        let mean = |name: &str, seconds: fn(&Outcome) -> Option<f64>| {
            let with = outcomes.iter().filter(|outcome| seconds(outcome).is_some());
            let ours = super::geometric_mean(with.clone().filter_map(Outcome::ratio));
            let theirs = super::geometric_mean(with.filter_map(|outcome| over(outcome, seconds(outcome))))?;
            Some(format!("{name}: {} in the geometric mean where decal has {}", times(Some(theirs)), times(ours)))
        };
        let lines = [mean("PyPy", |outcome| outcome.pypy), mean("C", |outcome| outcome.c)];
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Measures the case with each of them. One that cannot run it has no figure; one that prints something else is said to.
    ///
    /// # Errors
    /// A process could not be started, or a kernel not be compiled.
    pub fn measure(
        &self,
        env: &Env,
        case: &Case,
        outcome: &mut Outcome,
        pairs: usize,
        status: &mut Status,
    ) -> Result<()> {
        status.show(&format!("{}: others", case.name));
        let runs = if pairs > 1 { 3 } else { 1 };
        if let Some((pypy, _)) = &self.pypy {
            outcome.pypy = self.pypy(env, pypy, case, outcome, runs)?;
        }
        let source = self.kernels.join(&case.name).with_extension("c");
        if let Some((compiler, _)) = &self.compiler
            && source.exists()
        {
            outcome.c = Some(self.kernel(compiler, &source, case, outcome, runs)?);
        }
        status.clear();
        Ok(())
    }

    fn pypy(&self, env: &Env, pypy: &Path, case: &Case, outcome: &Outcome, runs: u32) -> Result<Option<f64>> {
        let more: &[&str] = if case.repeats() { &["--warm-up", WARM_UP] } else { &[] };
        let mut rounds = Vec::new();
        for _ in 0..runs {
            let mut command = env.isolated_as(pypy);
            // Our environment's packages, as far as they are Python.
            command.env("PYTHONPATH", env.packages());
            let text = match runner_in(env, command, case, more, LIMIT)? {
                Ok(text) => text,
                Err(problem) => {
                    println!("{}: PyPy: {}", case.name, problem.lines().last().unwrap_or_default());
                    return Ok(None);
                }
            };
            let run: Run = serde_json::from_str(&text).context("PyPy's result is no JSON")?;
            // What a benchmark says at its end may depend on the number of rounds.
            if !case.repeats() && run.output != outcome.output {
                println!("{}: PyPy prints something else", case.name);
            }
            rounds.extend(run.rounds);
        }
        Ok(median(rounds))
    }

    fn kernel(&self, compiler: &Path, source: &Path, case: &Case, outcome: &Outcome, runs: u32) -> Result<f64> {
        std::fs::create_dir_all(&self.made)?;
        let program = self.made.join(&case.name);
        let mut compile = Command::new(compiler);
        compile.args(["-O2", "-o"]).arg(&program).arg(source).arg("-lm");
        let status = compile.status().with_context(|| format!("cannot start {}", compiler.display()))?;
        anyhow::ensure!(status.success(), "{} is not compiled", source.display());
        let option = |name: &str, otherwise: &str| {
            let place = case.args.iter().position(|arg| arg == name).and_then(|place| case.args.get(place + 1));
            place.map_or(otherwise.to_string(), |value| value.to_string_lossy().into_owned())
        };
        let mut seconds = Vec::new();
        for _ in 0..runs {
            let mut command = Command::new(&program);
            command.args([option("--loops", "1"), option("--warm-up", "0"), option("--rounds", "1")]);
            if case.cpu {
                command.arg("cpu");
            }
            let output = command.stdin(Stdio::null()).output().with_context(|| program.display().to_string())?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let (rounds, answer) = text.split_once('\n').unwrap_or_default();
            if !case.repeats() && answer != outcome.output {
                println!("{}: C prints something else: {answer}", case.name);
            }
            seconds.extend(rounds.split_whitespace().filter_map(|round| round.parse::<f64>().ok()));
        }
        median(seconds).with_context(|| format!("{} says no time", program.display()))
    }
}

/// How many times faster than CPython.
fn over(outcome: &Outcome, seconds: Option<f64>) -> Option<f64> {
    Some(outcome.cpython?.round / seconds?)
}

/// The program that a variable names, or the one with this name on the path.
fn which(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = var_os(variable).filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let folders: Vec<PathBuf> = split_paths(&var_os("PATH")?).collect();
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The program and the first line that it says of itself.
fn says(path: PathBuf, arguments: &[&str]) -> Option<(PathBuf, String)> {
    let output = Command::new(&path).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some((path, text.lines().next()?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::says;

    #[test]
    fn programs_say_what_they_are() {
        assert!(says("/does/not/exist".into(), &[]).is_none());
        let (_, text) = says("/bin/sh".into(), &["-c", "echo one; echo two"]).expect("a shell");
        assert_eq!(text, "one");
    }
}
