//! Shows that something is going on, and what.
//!
//! On a terminal one line is written over and over; elsewhere (a log) a line now and then, so that
//! nobody takes a long build for one that hangs. All of it goes to standard error: standard output
//! has results only.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write, stderr};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a log gets a line.
const LOG: Duration = Duration::from_secs(20);
/// How often a terminal's line is written anew, and how often a child is asked whether it has ended.
const TICK: Duration = Duration::from_millis(50);
/// Columns of a status line, so that it never wraps on a usual terminal.
const WIDTH: usize = 100;

/// One line about what goes on now.
pub struct Status {
    terminal: bool,
    shown: Instant,
}

impl Status {
    /// Nothing shown yet.
    pub fn new() -> Status {
        Status { terminal: stderr().is_terminal(), shown: Instant::now() }
    }

    /// Shows the text in place of the one before.
    pub fn show(&mut self, text: &str) {
        if self.terminal {
            let line: String = text.chars().take(WIDTH).collect();
            eprint!("\r\x1b[K{line}");
            let _ = stderr().flush();
        } else if self.shown.elapsed() >= LOG {
            eprintln!("{text}");
            self.shown = Instant::now();
        }
    }

    /// Takes the line away, before something else is printed.
    pub fn clear(&mut self) {
        if self.terminal {
            eprint!("\r\x1b[K");
            let _ = stderr().flush();
        }
        self.shown = Instant::now();
    }
}

/// Waits for the child; kills it at the limit and returns `None`.
///
/// # Errors
/// The system could not wait for it.
pub fn wait(child: &mut Child, limit: Option<Duration>, mut tick: impl FnMut()) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if limit.is_some_and(|limit| started.elapsed() > limit) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        tick();
        thread::sleep(TICK);
    }
}

/// Runs a command whose output is of interest only if it fails; meanwhile its last line is shown.
///
/// # Errors
/// It could not be started or failed; its output has been printed then.
pub fn quiet(what: &str, command: &mut Command) -> Result<()> {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{what}: cannot start {:?}", command.get_program()))?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let readers: Vec<JoinHandle<()>> =
        [child.stdout.take().map(|pipe| collect(pipe, &lines)), child.stderr.take().map(|pipe| collect(pipe, &lines))]
            .into_iter()
            .flatten()
            .collect();
    let mut status = Status::new();
    let ended = wait(&mut child, None, || {
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let last = lines.last().map_or("", |line: &String| line.trim());
        status.show(&format!("{what} ({:.0} s) {last}", started.elapsed().as_secs_f64()));
    })?;
    for reader in readers {
        let _ = reader.join();
    }
    status.clear();
    if ended.is_some_and(|status| status.success()) {
        // What was over at once is not worth a line.
        if started.elapsed() > Duration::from_secs(3) {
            eprintln!("{what}: {:.1} s", started.elapsed().as_secs_f64());
        }
        return Ok(());
    }
    for line in lines.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        eprintln!("{line}");
    }
    bail!("{what}: failed ({:?} …)", command.get_program());
}

fn collect(pipe: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_string();
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{quiet, wait};
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn limit() {
        let started = Instant::now();
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let mut ticks = 0;
        let status = wait(&mut child, Some(Duration::from_millis(200)), || ticks += 1).expect("it can be waited for");
        assert!(status.is_none() && ticks > 0 && started.elapsed() < Duration::from_secs(30));
        let mut child = Command::new("true").spawn().expect("true starts");
        assert!(wait(&mut child, None, || ()).expect("it can be waited for").is_some_and(|status| status.success()));
    }

    #[test]
    fn failures() {
        assert!(quiet("nothing", &mut Command::new("true")).is_ok());
        let error = quiet("trying", &mut Command::new("false")).expect_err("false fails");
        assert!(error.to_string().starts_with("trying: failed"), "{error}");
        let error = quiet("trying", &mut Command::new("no-such-program")).expect_err("it cannot start");
        assert!(error.to_string().contains("cannot start"), "{error}");
    }
}
