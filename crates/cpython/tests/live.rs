//! Runs `tests/inside.py` on a CPython 3.13, with the extension of `examples/live.rs` in it.
//!
//! The Python is the one that `PYO3_PYTHON` names, else `python3.13` from the path, else one that
//! pyenv installed. Without any the test says so and passes: the rest of the crate needs no Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn is_python_313(python: &Path) -> bool {
    let code = "import sys; sys.exit(sys.version_info[:2] != (3, 13))";
    Command::new(python).args(["-c", code]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn python() -> Option<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PYO3_PYTHON").map(PathBuf::from).into_iter().collect();
    candidates.push("python3.13".into());
    if let Some(home) = std::env::var_os("HOME") {
        let versions = std::fs::read_dir(Path::new(&home).join(".pyenv/versions"));
        candidates.extend(versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin/python3.13")));
    }
    candidates.into_iter().find(|candidate| is_python_313(candidate))
}

#[test]
fn live() {
    let Some(python) = python() else {
        println!("skipped: no CPython 3.13 found (set PYO3_PYTHON to one)");
        return;
    };
    // This test is target/<profile>/deps/live-…, the extension target/<profile>/examples/liblive.so.
    let test = std::env::current_exe().expect("the test's path");
    let profile = test.ancestors().nth(2).expect("the profile's folder");
    let library =
        profile.join("examples").join(format!("{}live{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    let folder = profile.join("live-python");
    std::fs::create_dir_all(&folder).expect("a folder for the extension");
    std::fs::copy(&library, folder.join("live.so"))
        .expect("cargo test builds the extension too (with `--test live`, add `--examples`)");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inside.py");
    let status = Command::new(python).arg(script).env("PYTHONPATH", &folder).status().expect("Python starts");
    assert!(status.success(), "tests/inside.py failed: {status}");
}
