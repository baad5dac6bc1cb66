//! `cargo xtask suites`: packages' own tests, with decal and without, compared test by test.
//!
//! Each suite runs in two processes at the same time, plain and with decal. What became of a test must be the same in
//! both; whether it passes is the package's affair. Where something differs plain CPython runs once more, so that tests
//! that come out differently by themselves are told apart.

use crate::env::{Env, Tools};
use crate::outcomes::{Outcomes, by_itself, counts, differences};
use crate::progress::{Status, quiet, wait};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// No suite takes longer.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
/// Differences printed for each suite, at most.
const LINES: usize = 50;

/// Options of `suites`.
#[derive(clap::Args)]
pub struct Args {
    /// Packages by name (default: all).
    names: Vec<String>,
    /// With thresholds at their lowest: more of the suite runs in traces, and slower.
    #[arg(long)]
    hot: bool,
}

/// Where a suite's files come from.
enum Source {
    /// The package's own source archive.
    Archive,
    /// CPython's copy of the tests, in this folder of its package `test`, with the module's name replaced.
    CPython(&'static str, &'static str, &'static str),
}

/// A package's tests.
struct Suite {
    name: &'static str,
    source: Source,
    /// A file in `bench/suites` with what the tests need besides the tools.
    needs: Option<&'static str>,
    /// What its archive must be built with; asking for its name and version builds a part of it.
    built_with: Option<&'static str>,
    /// Arguments of pytest.
    args: &'static [&'static str],
}

const SUITES: &[Suite] = &[
    Suite {
        name: "tomli",
        source: Source::CPython("test_tomllib", "import tomllib", "import tomli as tomllib"),
        needs: None,
        built_with: None,
        args: &["test_tomllib"],
    },
    Suite { name: "Mako", source: Source::Archive, needs: None, built_with: None, args: &["test"] },
    Suite {
        name: "html5lib",
        source: Source::Archive,
        needs: Some("html5lib.txt"),
        built_with: Some("setuptools==80.10.2"),
        // Its pytest is older than this Python, whose syntax trees it cannot rewrite.
        args: &["-p", "pytest_expect.expect", "--assert=plain", "-W", "ignore", "html5lib/tests"],
    },
    Suite {
        name: "sqlglot",
        source: Source::Archive,
        needs: Some("sqlglot.txt"),
        built_with: None,
        // Without the tests of its compiled sibling.
        args: &["tests", "--ignore=tests/test_sqlglotc.py"],
    },
];

/// Runs the suites.
///
/// # Errors
/// No Python, an unknown name, a package that cannot be had. Differences are an exit status.
pub fn run(root: &Path, args: &Args) -> Result<ExitCode> {
    let known: Vec<String> = SUITES.iter().map(|suite| suite.name.to_lowercase()).collect();
    let names: Vec<String> = args.names.iter().map(|name| name.to_lowercase()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("no suite `{unknown}`; there are: {}", known.join(", "));
    }
    let env = Env::prepare(root, Tools::All)?;
    env.install()?;
    env.check_decal()?;
    println!("Python {} ({})\n", env.base.version, env.base.path.display());
    let mut wrong = 0;
    for (suite, name) in SUITES.iter().zip(&known) {
        if !names.is_empty() && !names.contains(name) {
            continue;
        }
        let started = Instant::now();
        let place = Place::prepare(&env, root, suite)?;
        let problems = compare(&env, &place, args.hot)?;
        println!("{name}: {:.0} s", started.elapsed().as_secs_f64());
        for line in problems.iter().take(LINES) {
            println!("  {line}");
        }
        if problems.len() > LINES {
            println!("  and {} more", problems.len() - LINES);
        }
        wrong += usize::from(!problems.is_empty());
    }
    if wrong > 0 {
        println!("\n{wrong} suites differ.");
        return Ok(ExitCode::FAILURE);
    }
    println!("\nThe same tests pass, fail and are skipped with and without decal.");
    Ok(ExitCode::SUCCESS)
}

/// A suite on the disk.
struct Place<'a> {
    suite: &'a Suite,
    /// Where its logs and lists are.
    folder: PathBuf,
    /// Where pytest runs.
    work: PathBuf,
    /// What the tests find first.
    path: OsString,
}

impl<'a> Place<'a> {
    fn prepare(env: &Env, root: &Path, suite: &'a Suite) -> Result<Place<'a>> {
        let folder = env.target.join("suites").join(suite.name);
        let own = root.join("bench").join("suites");
        let requirement = requirement(root, suite.name)?;
        let needs = match suite.needs {
            Some(file) => fs::read_to_string(own.join(file)).with_context(|| format!("cannot read {file}"))?,
            None => String::new(),
        };
        let made_from = format!("{requirement}\n{needs}\n{} {}\n", env.base.path.display(), env.base.version);
        let stamp = folder.join("made-from.txt");
        if fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) {
            return Place::found(suite, folder, &own);
        }
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("work"))?;
        match suite.source {
            Source::Archive => archive(env, suite, &requirement, &folder)?,
            Source::CPython(name, from, to) => copy_of_cpython(env, name, (from, to), &folder.join("work"))?,
        }
        if let Some(file) = suite.needs {
            let mut command = env.pip();
            command.arg("--target").arg(folder.join("needs")).arg("-r").arg(own.join(file));
            quiet(&format!("what {}'s tests need", suite.name), &mut command)?;
        }
        fs::write(stamp, made_from)?;
        Place::found(suite, folder, &own)
    }

    fn found(suite: &'a Suite, folder: PathBuf, own: &Path) -> Result<Place<'a>> {
        let mut work = folder.join("work");
        if matches!(suite.source, Source::Archive) {
            // An archive has one folder at its top.
            let entries = fs::read_dir(&work)?.flatten().map(|entry| entry.path());
            work = entries.into_iter().find(|path| path.is_dir()).context("the archive is empty")?;
        }
        let mut path = vec![own.to_path_buf()];
        if suite.needs.is_some() {
            path.insert(0, folder.join("needs"));
        }
        Ok(Place { suite, path: std::env::join_paths(path)?, work, folder })
    }

    /// Starts the suite.
    fn start(&self, env: &Env, side: &str, hot: bool) -> Result<Child> {
        let mut command = env.isolated();
        command.current_dir(&self.work).args(["-X", "faulthandler"]);
        if side == "decal" {
            command.args(["-m", "decal"]);
            if hot {
                command.env("DECAL_STRESS", "hot");
            }
        }
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "outcomes"]);
        command.arg("--continue-on-collection-errors").args(self.suite.args);
        // Only the plugins that are named, and the same order of sets on all sides.
        command.env("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1").env("PYTHONHASHSEED", "0").env("PYTHONPATH", &self.path);
        let outcomes = self.outcomes(side);
        let _ = fs::remove_file(&outcomes);
        let log = File::create(self.log(side))?;
        command.env("SUITE_OUTCOMES", outcomes).stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        command.spawn().with_context(|| format!("cannot start {}", self.suite.name))
    }

    fn log(&self, side: &str) -> PathBuf {
        self.folder.join(format!("{side}.log"))
    }

    fn outcomes(&self, side: &str) -> PathBuf {
        self.folder.join(format!("{side}.json"))
    }

    /// What the process left; the inner error says how it ended instead.
    fn read(&self, side: &str) -> Result<std::result::Result<Outcomes, String>> {
        match fs::read_to_string(self.outcomes(side)) {
            Ok(text) => Ok(Ok(serde_json::from_str(&text).context("outcomes are no JSON")?)),
            Err(_) => {
                let log = fs::read_to_string(self.log(side)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let last = lines[lines.len().saturating_sub(15)..].join("\n    ");
                Ok(Err(format!("{side} did not come to its end; see {}\n    {last}", self.log(side).display())))
            }
        }
    }

    /// Starts these sides together, and waits for them.
    fn run(&self, env: &Env, sides: &[&str], hot: bool) -> Result<()> {
        let mut status = Status::new();
        let mut children = Vec::new();
        for side in sides {
            children.push(self.start(env, side, hot)?);
        }
        let started = Instant::now();
        for child in &mut children {
            let left = PATIENCE.saturating_sub(started.elapsed());
            wait(child, Some(left), || {
                status.show(&format!("{}: {:.0} s", self.suite.name, started.elapsed().as_secs_f64()));
            })?;
        }
        status.clear();
        Ok(())
    }
}

/// The line of `requirements-dev.txt`: a version is said in one place only.
fn requirement(root: &Path, name: &str) -> Result<String> {
    let file = root.join("requirements-dev.txt");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with("==")));
    line.map(str::to_string).with_context(|| format!("{} does not name {name}", file.display()))
}

/// Downloads the package's source archive and unpacks it.
fn archive(env: &Env, suite: &Suite, requirement: &str, folder: &Path) -> Result<()> {
    let mut command = env.isolated();
    command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check", "--no-deps"]);
    command.args(["--no-binary", ":all:", "--dest"]).arg(folder).arg(requirement);
    if let Some(tools) = suite.built_with {
        let file = folder.join("built-with.txt");
        fs::write(&file, tools)?;
        command.env("PIP_CONSTRAINT", &file).env("PIP_BUILD_CONSTRAINT", &file);
    }
    quiet(&format!("sources of {}", suite.name), &mut command)?;
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let file = files.into_iter().find(|path| path.to_string_lossy().ends_with(".tar.gz"));
    let file = file.with_context(|| format!("{requirement} has no .tar.gz"))?;
    let mut command = env.isolated();
    command.args(["-m", "tarfile", "--filter", "data", "-e"]).arg(&file).arg(folder.join("work"));
    quiet("unpacking", &mut command)
}

/// Copies tests that CPython has, with another name of the module.
fn copy_of_cpython(env: &Env, name: &str, (from, to): (&str, &str), work: &Path) -> Result<()> {
    let code =
        format!("import importlib.util; print(importlib.util.find_spec('test.{name}').submodule_search_locations[0])");
    let output = env.isolated().args(["-I", "-c", &code]).output()?;
    if !output.status.success() {
        bail!("this Python has no `test.{name}`; some systems have it in a package of its own");
    }
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let target = work.join(name);
    copy(&folder, &target)?;
    let init = target.join("__init__.py");
    let text = fs::read_to_string(&init)?;
    if !text.contains(from) {
        bail!("{} has no `{from}`", init.display());
    }
    fs::write(&init, text.replace(from, to))?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// What is not the same with decal.
fn compare(env: &Env, place: &Place<'_>, hot: bool) -> Result<Vec<String>> {
    place.run(env, &["plain", "decal"], hot)?;
    let plain = match place.read("plain")? {
        Ok(outcomes) => outcomes,
        Err(problem) => bail!("{}: {problem}", place.suite.name),
    };
    let decal = match place.read("decal")? {
        Ok(outcomes) => outcomes,
        Err(problem) => return Ok(vec![problem]),
    };
    println!("{}: {}", place.suite.name, counts(&plain));
    let mut differences = differences(&plain, &decal);
    if !differences.is_empty() {
        place.run(env, &["again"], hot)?;
        if let Ok(again) = place.read("again")? {
            for name in by_itself(&mut differences, &plain, &again) {
                println!("  comes out differently by itself: {name}");
            }
        }
    }
    Ok(differences.into_iter().map(|(name, words)| format!("{name}: {words}")).collect())
}
