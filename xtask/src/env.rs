//! The environment in the target folder: a virtual environment with decal and the tools in it.
//!
//! It is made once and kept. What it was made from (interpreter, list of tools, wheel) is kept beside
//! it, and only what has changed since is done again.

use crate::progress::quiet;
use crate::python::{self, Python};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What has to be in the environment, besides decal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tools {
    /// What decal is built with.
    Build,
    /// All of `requirements-dev.txt`.
    All,
}

/// The environment.
pub struct Env {
    root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// The interpreter it was made from.
    pub base: Python,
}

/// Cargo's target folder.
pub fn target(root: &Path) -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => Ok(std::path::absolute(folder)?),
        None => Ok(root.join("target")),
    }
}

impl Env {
    /// Finds a Python and makes the environment, or takes the one that is there.
    ///
    /// # Errors
    /// No supported Python, or a step failed.
    pub fn prepare(root: &Path, tools: Tools) -> Result<Env> {
        let env = Env { root: root.to_path_buf(), target: target(root)?, base: python::find()? };
        env.create()?;
        env.tools(tools)?;
        Ok(env)
    }

    fn folder(&self) -> PathBuf {
        self.target.join("env")
    }

    /// The environment's interpreter.
    pub fn python(&self) -> PathBuf {
        self.folder().join("bin").join("python")
    }

    /// Python with nothing from the user's shell that could bring another decal, or other modules.
    pub fn isolated(&self) -> Command {
        self.isolated_as(&self.python())
    }

    /// The same of another interpreter.
    pub fn isolated_as(&self, python: &Path) -> Command {
        let mut command = Command::new(python);
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").current_dir(&self.root);
        command
    }

    fn create(&self) -> Result<()> {
        let made_from = format!("{}\n{}\n", self.base.path.display(), self.base.version);
        let stamp = self.folder().join("made-from.txt");
        if fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) && self.works() {
            return Ok(());
        }
        fs::create_dir_all(&self.target)?;
        let mut command = Command::new(&self.base.path);
        command.args(["-I", "-m", "venv", "--clear"]).arg(self.folder());
        quiet(&format!("environment with Python {}", self.base.version), &mut command).with_context(|| {
            format!(
                "{} cannot make a virtual environment; if its module `venv` or `ensurepip` is missing, \
                 your system has it in a package of its own (python3.13-venv)",
                self.base.path.display()
            )
        })?;
        fs::write(stamp, made_from)?;
        Ok(())
    }

    /// The interpreter it was made from may have been removed or updated since.
    fn works(&self) -> bool {
        self.isolated().args(["-I", "-c", "import pip"]).output().is_ok_and(|output| output.status.success())
    }

    fn tools(&self, tools: Tools) -> Result<()> {
        let file = self.root.join("requirements-dev.txt");
        let wanted = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let stamp = |tools| self.folder().join(if tools == Tools::All { "tools-all.txt" } else { "tools-build.txt" });
        let done = |tools| fs::read_to_string(stamp(tools)).is_ok_and(|text| text == wanted);
        if done(Tools::All) || (tools == Tools::Build && done(Tools::Build)) {
            return Ok(());
        }
        let mut command = self.pip();
        match tools {
            // The file as constraints: the version is said in one place only.
            Tools::Build => command.arg("-c").arg(&file).arg("maturin"),
            Tools::All => command.arg("-r").arg(&file),
        };
        quiet("tools from requirements-dev.txt", &mut command)?;
        fs::write(stamp(tools), wanted)?;
        Ok(())
    }

    /// `pip install`, into the environment unless the arguments say otherwise.
    pub fn pip(&self) -> Command {
        let mut command = self.isolated();
        command.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"]);
        command
    }

    /// Builds decal and installs it, if it has changed. A wheel is what users get too, and unlike an
    /// editable install it leaves nothing in the source tree.
    ///
    /// # Errors
    /// A step failed; its output has been printed.
    pub fn install(&self) -> Result<()> {
        let wheels = self.target.join("wheels");
        // Old wheels (another version, other tags) would make it unclear which one is the new one.
        let _ = fs::remove_dir_all(&wheels);
        let mut command = self.isolated();
        command.args(["-m", "maturin", "build", "--release", "--compatibility", "linux", "--interpreter"]);
        command.arg(self.python()).arg("--out").arg(&wheels);
        // With a fixed date in the archive equal content means equal bytes.
        command.env("SOURCE_DATE_EPOCH", "315532800").env("CARGO_TARGET_DIR", &self.target);
        quiet("building decal", &mut command)?;
        let wheel = only_wheel(&wheels)?;
        let installed = self.folder().join("installed.whl");
        if fs::read(&installed).is_ok_and(|old| fs::read(&wheel).is_ok_and(|new| old == new)) {
            return Ok(());
        }
        let _ = fs::remove_file(&installed);
        quiet("installing decal", self.pip().args(["--no-deps", "--force-reinstall"]).arg(&wheel))?;
        fs::copy(&wheel, &installed)?;
        Ok(())
    }

    /// Where packages are installed.
    pub fn packages(&self) -> PathBuf {
        let (minor, _) = self.base.version.rsplit_once('.').unwrap_or_default();
        self.folder().join("lib").join(format!("python{minor}")).join("site-packages")
    }

    /// The package as it is installed.
    pub fn package(&self) -> PathBuf {
        self.packages().join("decal")
    }

    /// Makes sure that decal can be switched on before anything is measured.
    ///
    /// # Errors
    /// It cannot; the text says why.
    pub fn check_decal(&self) -> Result<()> {
        let code = "import sys, decal\nif not decal.enable(): sys.exit(decal.status())";
        let output = self.isolated().args(["-c", code]).output()?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("decal cannot be switched on ({}): {}", output.status, text.trim());
    }
}

fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "whl"));
    match files.as_slice() {
        [wheel] => Ok(wheel.clone()),
        _ => bail!("expected one wheel in {}, found {}", folder.display(), files.len()),
    }
}
