//! `cargo xtask regrtest`: CPython's own tests, without decal and in several ways with it, compared test by test.
//!
//! Each module of tests runs in a process of its own for each way, with the interpreter itself: an environment would
//! make some of CPython's tests skip. What became of a test must be the same in all of them; whether it passes is
//! CPython's affair. How the process ended counts as a test, so that a crash is a difference too. Where something
//! differs both sides run once more, so that tests that come out differently by themselves are told apart, and what
//! happens once of two times is known for what it is: it counts as a difference.
//!
//! Tests that pass say nothing about a compiler that compiles nothing. So each process also tells how often loops went round in
//! traces, and a way in which no loop did fails.

use crate::env::{Env, Tools, target};
use crate::outcomes::{Outcomes, by_itself, counts, differences};
use crate::progress::{Status, quiet, wait};
use crate::python::{self, Python};
use crate::table::Table;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The modules of `--quick`: what the language consists of, what watches it, and what much is built on.
const QUICK: &[&str] = &[
    "test_builtin",
    "test_bytes",
    "test_call",
    "test_class",
    "test_collections",
    "test_decimal",
    "test_descr",
    "test_dict",
    "test_enumerate",
    "test_exceptions",
    "test_float",
    "test_functools",
    "test_gc",
    "test_generators",
    "test_heapq",
    "test_inspect",
    "test_int",
    "test_iter",
    "test_itertools",
    "test_list",
    "test_long",
    "test_math",
    "test_monitoring",
    "test_pickle",
    "test_queue",
    "test_range",
    "test_re",
    "test_scope",
    "test_signal",
    "test_slice",
    "test_statistics",
    "test_str",
    "test_sys",
    "test_sys_setprofile",
    "test_sys_settrace",
    "test_threading",
    "test_trace",
    "test_traceback",
    "test_unpack",
    "test_weakref",
];
/// The name under which it is told how the process ended.
const PROCESS: &str = "(process)";
/// The name under which it is told that decal found a mistake in itself.
const DECAL: &str = "(decal)";
/// The name under which a process tells how often loops went round in traces.
const TURNS: &str = "(turns)";
/// Differences printed for each module and way, at most.
const LINES: usize = 30;
/// What a process gets beyond the limit within which CPython's runner ends it by itself, with a traceback.
const GRACE: Duration = Duration::from_secs(20);

/// How decal runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Way {
    /// As users have it.
    Native,
    /// With thresholds at their lowest.
    Hot,
    /// The same on the trace interpreter.
    Interpreter,
    /// The same with the optimizer off.
    Unoptimized,
}

impl Way {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }

    fn switches(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Way::Native => &[],
            Way::Hot => &[("DECAL_STRESS", "hot")],
            Way::Interpreter => &[("DECAL_STRESS", "hot"), ("DECAL_JIT", "interpreter")],
            Way::Unoptimized => &[("DECAL_STRESS", "hot"), ("DECAL_OPTIMIZE", "0")],
        }
    }
}

/// Options of `regrtest`.
#[derive(clap::Args)]
pub struct Args {
    /// Modules by name, with or without `test_`.
    #[arg(conflicts_with_all = ["all", "quick"])]
    names: Vec<String>,
    /// All modules.
    #[arg(long, conflicts_with = "quick")]
    all: bool,
    /// Those that most depends on (default where no module is named).
    #[arg(long)]
    quick: bool,
    /// Ways of running, with commas between them (default: all).
    #[arg(long, value_enum, value_delimiter = ',')]
    ways: Vec<Way>,
    /// Modules that run at the same time (default: one for each processor).
    #[arg(long)]
    jobs: Option<usize>,
    /// Seconds that a module may take in each way.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// With decal's debug build, which checks each trace before it runs. Slower.
    #[arg(long)]
    debug: bool,
}

impl Args {
    /// What `cargo xtask test` runs.
    pub fn quick() -> Args {
        Args {
            names: Vec::new(),
            all: false,
            quick: true,
            ways: vec![Way::Hot],
            jobs: None,
            timeout: 600,
            debug: false,
        }
    }
}

/// Runs the modules.
///
/// # Errors
/// No Python, an unknown name, decal cannot be built. Differences are an exit status.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let python = python::find()?;
    let folder = target(root)?.join("regrtest");
    let place = Place {
        package: package(root, &folder, args.debug)?,
        script: root.join("bench").join("suites").join("regrtest.py"),
        limit: Duration::from_secs(args.timeout),
        known: Known::read(&root.join("bench").join("suites").join("regrtest.txt"))?,
        folder,
        python,
    };
    let modules = place.select(&args.names, args.all)?;
    let ways = if args.ways.is_empty() { Way::value_variants() } else { &args.ways };
    println!("Python {} ({})\n", place.python.version, place.python.path.display());
    let jobs = args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into)).max(1);
    let (mut total, mut wrong, mut turns) = (Outcomes::new(), 0, vec![0u64; ways.len()]);
    let mut table = table(&modules, ways);
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, reports) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, next, modules, place) = (sender.clone(), &next, &modules, &place);
            scope.spawn(move || {
                while let Some(module) = modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more after an error.
                    if sender.send(place.module(module, ways)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut status = Status::new();
        let mut done = 0;
        loop {
            match reports.recv_timeout(Duration::from_millis(200)) {
                Ok(report) => {
                    let report = report?;
                    status.clear();
                    report.print(&mut table);
                    wrong += report.lines.len();
                    turns.iter_mut().zip(&report.turns).for_each(|(sum, turns)| *sum += turns);
                    done += 1;
                    total.extend(report.plain);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let time = started.elapsed().as_secs_f64();
                    status.show(&format!("{done} of {} modules, {time:.0} s", modules.len()));
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return anyhow::Ok(()),
            }
        }
    })?;
    table.line();
    total.retain(|name, _| name.contains('.'));
    let names: Vec<String> = ways.iter().map(|way| way.name()).collect();
    println!("\n{} modules, {}: {}", modules.len(), counts(&total), names.join(", "));
    for (name, turns) in names.iter().zip(&turns) {
        println!("{name}: loops went round {turns} times in traces");
        if *turns == 0 {
            wrong += 1;
        }
    }
    if wrong > 0 {
        println!("{wrong} differences; what the processes said is in {}.", place.folder.display());
        return Ok(ExitCode::FAILURE);
    }
    println!("The same tests pass, fail and are skipped with and without decal.");
    Ok(ExitCode::SUCCESS)
}

fn table(modules: &[String], ways: &[Way]) -> Table {
    let width = modules.iter().map(String::len).max().unwrap_or_default();
    let mut titles: Vec<String> = ["module", "passed", "failed", "skipped", "plain s"].map(str::to_string).into();
    titles.extend(ways.iter().map(|way| way.name()));
    titles.push("differ".into());
    Table::start(width, &titles.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A folder with the package `decal` and nothing else in it.
fn package(root: &Path, folder: &Path, debug: bool) -> Result<PathBuf> {
    let place = folder.join(if debug { "debug" } else { "release" });
    let package = place.join("decal");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(&package)?;
    let source = if debug {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        quiet("building decal", command.args(["build", "-p", "decal"]).current_dir(root))?;
        fs::copy(target(root)?.join("debug").join("lib_decal.so"), package.join("_decal.so"))?;
        root.join("python").join("decal")
    } else {
        let env = Env::prepare(root, Tools::Build)?;
        env.install()?;
        env.package()
    };
    for entry in fs::read_dir(&source).with_context(|| format!("cannot read {}", source.display()))?.flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), package.join(entry.file_name()))?;
        }
    }
    Ok(place)
}

/// What all processes need.
struct Place {
    python: Python,
    /// Where decal is.
    package: PathBuf,
    /// Runs CPython's runner.
    script: PathBuf,
    limit: Duration,
    known: Known,
    /// For logs and outcomes.
    folder: PathBuf,
}

/// What one process left.
struct Run {
    outcomes: Outcomes,
    time: Duration,
    /// How often loops went round in traces.
    turns: u64,
}

/// A module in all ways.
struct Report {
    module: String,
    plain: Outcomes,
    /// Seconds, without decal and in each way.
    times: Vec<f64>,
    /// How often loops went round in traces, in each way.
    turns: Vec<u64>,
    /// What differs.
    lines: Vec<String>,
    /// What is worth saying, but no difference.
    remarks: Vec<String>,
}

impl Report {
    fn print(&self, table: &mut Table) {
        let count = |word: &str| self.tests().filter(|words| words.starts_with(word)).count();
        let (passed, skipped) = (count("passed") + count("expected"), count("skipped"));
        let failed = self.tests().count() - passed - skipped;
        let mut cells = vec![self.module.clone(), passed.to_string(), failed.to_string(), skipped.to_string()];
        cells.extend(self.times.iter().map(|time| format!("{time:.1}")));
        cells.push(self.lines.len().to_string());
        table.row(&cells);
        for line in self.remarks.iter().chain(self.lines.iter().take(LINES)) {
            println!("  {line}");
        }
        if self.lines.len() > LINES {
            println!("  and {} more", self.lines.len() - LINES);
        }
    }

    /// What became of the tests, without the module and its process.
    fn tests(&self) -> impl Iterator<Item = &String> {
        let extra = [PROCESS, DECAL, &self.module];
        self.plain.iter().filter(move |(name, _)| !extra.contains(&name.as_str())).map(|(_, words)| words)
    }
}

impl Place {
    /// The modules to run, as CPython's runner names them.
    fn select(&self, names: &[String], all: bool) -> Result<Vec<String>> {
        let output = self.command().args(["-m", "test", "--list-tests"]).stderr(Stdio::inherit()).output()?;
        let list: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_string).collect();
        if !output.status.success() || list.is_empty() {
            bail!("this Python comes without its tests; some systems have them in a package of their own");
        }
        if all {
            return Ok(list);
        }
        let wanted: Vec<String> = match names {
            [] => QUICK.iter().map(|name| name.to_string()).collect(),
            _ => names.iter().map(|name| format!("test_{}", name.trim_start_matches("test_"))).collect(),
        };
        let mut chosen = Vec::new();
        for name in wanted {
            // A folder of tests counts as a module each: `test.test_asyncio.test_locks`.
            let inner = format!("{name}.");
            let fits = |listed: &&String| {
                let short = listed.strip_prefix("test.").unwrap_or(listed);
                short == name || short.starts_with(&inner)
            };
            let before = chosen.len();
            chosen.extend(list.iter().filter(fits).cloned());
            if chosen.len() == before {
                bail!("CPython has no module of tests `{name}`; `python -m test --list-tests` names them");
            }
        }
        Ok(chosen)
    }

    /// The interpreter, with nothing from the user's shell that changes what it does.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.python.path);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PYTHON") || name.starts_with("DECAL_")) {
                command.env_remove(name);
            }
        }
        // The same order of sets on all sides; and decal can be imported on all of them.
        command.env("PYTHONHASHSEED", "0").env("PYTHONPATH", &self.package).stdin(Stdio::null());
        command
    }

    /// Runs a module on one side.
    fn one(&self, module: &str, side: &str, way: Option<Way>) -> Result<Run> {
        let folder = self.folder.join(side);
        fs::create_dir_all(&folder)?;
        let (log, list) = (folder.join(format!("{module}.log")), folder.join(format!("{module}.jsonl")));
        let _ = fs::remove_file(&list);
        let mut command = self.command();
        command.args(["-X", "faulthandler"]);
        if let Some(way) = way {
            command.args(["-m", "decal"]).envs(way.switches().iter().copied());
        }
        // In random order of one module; this is how to give the numbers drawn by tests a start.
        command.arg(&self.script).args(["--randseed", "0", "-v", "--timeout"]).arg(self.limit.as_secs().to_string());
        let output = File::create(&log)?;
        command.arg(module).env("SUITE_OUTCOMES", &list).stderr(output.try_clone()?).stdout(output);
        // Tests start processes: they end together.
        let mut child = command.current_dir(&folder).process_group(0).spawn().context("cannot start Python")?;
        let started = Instant::now();
        let status = wait(&mut child, Some(self.limit + GRACE), || ())?;
        let time = started.elapsed();
        let end = match status {
            Some(_) if time > self.limit => "took too long".into(),
            Some(status) => status.to_string(),
            None => "took too long".into(),
        };
        // What tests have started and left behind would go on, perhaps for ever.
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let mut outcomes = outcomes(&fs::read_to_string(&list).unwrap_or_default());
        outcomes.insert(PROCESS.into(), end);
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if said.contains("internal:") && said.contains("decal") || said.contains("panicked at") {
            outcomes.insert(DECAL.into(), "found a mistake in itself".into());
        }
        let turns = outcomes.remove(TURNS).and_then(|turns| turns.parse().ok()).unwrap_or(0);
        Ok(Run { outcomes, time, turns })
    }

    /// Runs a module on all sides, and again where something differs.
    fn module(&self, module: &str, ways: &[Way]) -> Result<Report> {
        let plain = self.one(module, "plain", None)?;
        let (mut lines, mut remarks) = (Vec::new(), Vec::new());
        let (mut times, mut turns) = (vec![plain.time.as_secs_f64()], Vec::new());
        let mut again: Option<Outcomes> = None;
        for &way in ways {
            let name = way.name();
            let run = self.one(module, &name, Some(way))?;
            times.push(run.time.as_secs_f64());
            turns.push(run.turns);
            let mut differing = differences(&plain.outcomes, &run.outcomes);
            for (test, reason) in self.known.take_out(&mut differing, module, &name) {
                remarks.push(format!("{name}: {test}: known: {reason}"));
            }
            if differing.is_empty() {
                continue;
            }
            if again.is_none() {
                again = Some(self.one(module, "again", None)?.outcomes);
            }
            let again = again.as_ref().unwrap_or(&plain.outcomes);
            for test in by_itself(&mut differing, &plain.outcomes, again) {
                remarks.push(format!("{name}: {test}: comes out differently by itself"));
            }
            if differing.is_empty() {
                continue;
            }
            let second = self.one(module, &format!("{name}-again"), Some(way))?;
            let repeated = differences(&plain.outcomes, &second.outcomes);
            lines.extend(told(&name, &differing, &repeated));
        }
        Ok(Report { module: module.into(), plain: plain.outcomes, times, turns, lines, remarks })
    }
}

/// A line for each difference, and one for all tests that were not run where the process ended before them.
fn told(way: &str, differing: &BTreeMap<String, String>, repeated: &BTreeMap<String, String>) -> Vec<String> {
    let once = |test: &String| if repeated.contains_key(test) { "" } else { " (once of two times)" };
    let ended = differing.contains_key(PROCESS);
    let (missing, rest): (Vec<_>, Vec<_>) =
        differing.iter().partition(|(_, words)| ended && words.ends_with(", with decal not run"));
    let mut lines: Vec<String> =
        rest.iter().map(|(test, words)| format!("{way}: {test}: {words}{}", once(test))).collect();
    if !missing.is_empty() {
        lines.push(format!("{way}: {} tests were not run", missing.len()));
    }
    lines
}

/// The lines of a run: `["name", "what became of it"]`. A test that was started and never ended stays `started`.
fn outcomes(lines: &str) -> Outcomes {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, word) in lines.lines().filter_map(|line| serde_json::from_str::<(String, String)>(line).ok()) {
        let words = all.entry(name).or_default();
        if words.last().is_some_and(|last| last == "started") {
            words.pop();
        }
        words.push(word);
    }
    all.into_iter().map(|(name, words)| (name, words.join(", "))).collect()
}

/// Differences that are known, from a committed list.
struct Known {
    /// Test (or how the names of several begin, with a `*`; or module: all in it), ways (or `*`), reason.
    lines: Vec<(String, BTreeSet<String>, String)>,
}

impl Known {
    fn read(file: &Path) -> Result<Known> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Known::parse(&text)
    }

    fn parse(text: &str) -> Result<Known> {
        let mut lines = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let words = line.split_once(char::is_whitespace).map(|(test, rest)| (test, rest.trim_start()));
            let words = words.and_then(|(test, rest)| Some((test, rest.split_once(char::is_whitespace)?)));
            let Some((test, (ways, reason))) = words else {
                bail!("`{line}`: write a test or module, ways with commas or `*`, and a reason");
            };
            lines.push((test.into(), ways.split(',').map(str::to_string).collect(), reason.trim().into()));
        }
        Ok(Known { lines })
    }

    /// Takes out what is known, and says why.
    fn take_out(&self, differing: &mut BTreeMap<String, String>, module: &str, way: &str) -> Vec<(String, String)> {
        let mut known = Vec::new();
        differing.retain(|test, _| {
            let fits = |(name, ways, _): &&(String, BTreeSet<String>, String)| {
                let named = match name.strip_suffix('*') {
                    Some(start) => test.starts_with(start),
                    None => name == test || name == module,
                };
                named && (ways.contains("*") || ways.contains(way))
            };
            let line = self.lines.iter().find(fits);
            known.extend(line.map(|(_, _, reason)| (test.clone(), reason.clone())));
            line.is_none()
        });
        // A test that fails makes its module fail, and the process end with status 2.
        let follows = |(test, words): (&String, &String)| {
            test == module && words.ends_with("failed") || test == PROCESS && words.ends_with("exit status: 2")
        };
        if !known.is_empty() && differing.iter().all(follows) {
            differing.clear();
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, outcomes, told};
    use crate::outcomes::differences;

    #[test]
    fn lines_of_a_run() {
        let found = outcomes(
            "[\"a\", \"started\"]\n[\"a\", \"passed\"]\n[\"b\", \"started\"]\n[\"b\", \"failed in a subtest\"]\n\
             [\"b\", \"failed in a subtest\"]\n[\"module\", \"failed\"]\n[\"c\", \"started\"]\n[\"c\", \"pas",
        );
        let words: Vec<(&str, &str)> = found.iter().map(|(name, words)| (name.as_str(), words.as_str())).collect();
        let b = "failed in a subtest, failed in a subtest";
        assert_eq!(words, [("a", "passed"), ("b", b), ("c", "started"), ("module", "failed")]);
    }

    #[test]
    fn known_differences() {
        let known =
            Known::parse("# why\n\na.b*  hot,native  it is so\ntest_x * all of it\n").expect("it is well-formed");
        let plain = outcomes("[\"a.b\", \"passed\"]\n[\"a.c\", \"passed\"]");
        let other = outcomes("[\"a.c\", \"failed\"]");
        let mut found = differences(&plain, &other);
        assert!(known.take_out(&mut found, "test_a", "interpreter").is_empty());
        assert_eq!(known.take_out(&mut found, "test_a", "hot"), [("a.b".into(), "it is so".into())]);
        assert_eq!(told("hot", &found, &found), ["hot: a.c: passed, with decal failed"]);
        assert_eq!(told("hot", &found, &differences(&plain, &plain)).len(), 1);
        found.insert("(process)".into(), "exit status: 0, with decal exit status: 2".into());
        assert!(known.take_out(&mut found.clone(), "test_x", "hot").len() == 2);
        found.remove("a.c");
        found.insert("a.b".into(), "passed, with decal failed".into());
        assert_eq!(known.take_out(&mut found, "test_a", "hot").len(), 1);
        assert!(found.is_empty());
        assert!(Known::parse("a.b hot").is_err());
        let died = differences(
            &outcomes("[\"a\", \"passed\"]\n[\"b\", \"passed\"]\n[\"c\", \"passed\"]\n[\"(process)\", \"exit\"]"),
            &outcomes("[\"a\", \"started\"]\n[\"(process)\", \"signal\"]"),
        );
        let lines = told("hot", &died, &died);
        assert_eq!(lines.last().map(String::as_str), Some("hot: 2 tests were not run"));
        assert_eq!(lines.len(), 3);
    }
}
