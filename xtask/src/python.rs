//! Finds the CPython that decal is built for.
//!
//! A name on the path says little (a shim may not work, `python3` may be any version), so that each
//! candidate is run and says itself what it is.

use anyhow::{Result, bail};
use std::env::{split_paths, var_os};
use std::fs::read_dir;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that decal supports.
const SUPPORTED: &str = "3.13";

/// Makes the interpreter tell its own file (outside of any environment), name, version and build.
const ASK: &str = "import sys, sysconfig
print(getattr(sys, '_base_executable', None) or sys.executable)
print(sys.implementation.name)
print('%d.%d.%d' % sys.version_info[:3])
print(int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))";

/// A Python interpreter that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// Its file.
    pub path: PathBuf,
    /// `cpython`, `pypy`, …
    pub implementation: String,
    /// With the patch release.
    pub version: String,
    /// Whether it was built without the GIL.
    pub free_threaded: bool,
}

impl Python {
    /// Runs the interpreter; `None` if it does not work.
    fn ask(path: &Path) -> Option<Python> {
        let mut command = Command::new(path);
        command.args(["-I", "-S", "-c", ASK]).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        Python::parse(&String::from_utf8(output.stdout).ok()?)
    }

    fn parse(answer: &str) -> Option<Python> {
        let mut lines = answer.lines();
        Some(Python {
            path: PathBuf::from(lines.next()?),
            implementation: lines.next()?.to_string(),
            version: lines.next()?.to_string(),
            free_threaded: lines.next()? == "1",
        })
    }

    /// Whether decal supports it.
    fn supported(&self) -> bool {
        let minor = self.version.rsplit_once('.').map_or("", |(minor, _)| minor);
        self.implementation == "cpython" && minor == SUPPORTED && !self.free_threaded
    }

    /// For people.
    pub fn describe(&self) -> String {
        let build = if self.free_threaded { ", free-threaded" } else { "" };
        format!("{} {}{build}", self.implementation, self.version)
    }
}

/// The first supported interpreter.
///
/// # Errors
/// None found; the text says what was looked at and what to do. `$PYTHON` is never passed over.
pub fn find() -> Result<Python> {
    if let Some(path) = var_os("PYTHON").filter(|value| !value.is_empty()) {
        let name = path.to_string_lossy();
        return match Python::ask(Path::new(&path)) {
            Some(python) if python.supported() => Ok(python),
            Some(python) => {
                bail!("$PYTHON ({name}) is {}; decal needs CPython {SUPPORTED} with the GIL", python.describe())
            }
            None => bail!("$PYTHON ({name}) does not run; set it to a CPython {SUPPORTED}, or unset it"),
        };
    }
    let mut seen = Vec::new();
    for path in candidates() {
        match Python::ask(&path) {
            Some(python) if python.supported() => return Ok(python),
            Some(python) => seen.push(format!("\n  {}: {}", path.display(), python.describe())),
            None => seen.push(format!("\n  {}: does not run", path.display())),
        }
    }
    let looked = if seen.is_empty() { String::new() } else { format!("\nLooked at:{}", seen.concat()) };
    bail!(
        "no CPython {SUPPORTED} with the GIL found. Install one (your system's packages python{SUPPORTED} and \
         python{SUPPORTED}-venv, or `uv python install {SUPPORTED}`, or `pyenv install {SUPPORTED}`), or set PYTHON \
         to the one you have.{looked}"
    );
}

/// Files that may be one, in the order in which they are tried.
fn candidates() -> Vec<PathBuf> {
    let home = var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let named = format!("python{SUPPORTED}");
    let path: Vec<PathBuf> = split_paths(&var_os("PATH").unwrap_or_default()).collect();
    let mut list: Vec<PathBuf> = path.iter().map(|folder| folder.join(&named)).collect();
    list.extend(path.iter().map(|folder| folder.join("python3")));
    let pyenv = var_os("PYENV_ROOT").map_or_else(|| home.join(".pyenv"), PathBuf::from);
    list.extend(installed(&pyenv.join("versions")));
    list.push(Path::new("/usr/local/bin").join(&named));
    let data = var_os("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
    let uv = var_os("UV_PYTHON_INSTALL_DIR").map_or_else(|| data.join("uv/python"), PathBuf::from);
    list.extend(installed(&uv));
    let mut unique: Vec<PathBuf> = Vec::new();
    for file in list {
        if file.is_file() && !unique.contains(&file) {
            unique.push(file);
        }
    }
    unique
}

/// The interpreters in a folder with one folder per version, highest patch release first.
fn installed(versions: &Path) -> Vec<PathBuf> {
    let folders = read_dir(versions).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<(u32, PathBuf)> = folders
        .filter_map(|folder| Some((patch(folder.file_name()?.to_str()?)?, folder.join("bin").join("python3"))))
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The patch release in a folder's name: 7 in `3.13.7` and in `cpython-3.13.7-linux-x86_64-gnu`.
fn patch(name: &str) -> Option<u32> {
    let (before, after) = name.split_once(&format!("{SUPPORTED}."))?;
    if before.ends_with(|last: char| last.is_ascii_digit() || last == '.') {
        return None;
    }
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Python, patch};

    #[test]
    fn patch_releases() {
        assert_eq!(patch("3.13.7"), Some(7));
        assert_eq!(patch("cpython-3.13.11-linux-x86_64-gnu"), Some(11));
        assert_eq!(patch("cpython-3.13.2+freethreaded-linux-x86_64-gnu"), Some(2));
        assert_eq!(patch("3.12.1"), None);
        assert_eq!(patch("13.13.1"), None);
        assert_eq!(patch("pypy3.10-7.3.13.1"), None);
    }

    #[test]
    fn supported() {
        let python = |answer: &str| Python::parse(answer).expect("four lines").supported();
        assert!(python("/usr/bin/python3.13\ncpython\n3.13.0\n0\n"));
        assert!(!python("/usr/bin/python3.13t\ncpython\n3.13.0\n1\n"));
        assert!(!python("/usr/bin/python3\ncpython\n3.14.1\n0\n"));
        assert!(!python("/usr/bin/pypy3\npypy\n3.13.0\n0\n"));
        assert_eq!(Python::parse("3.13.0\n"), None);
    }
}
