//! Drives rustc: the uop crate once, then the stencils' sources in chunks, in parallel.
//!
//! The toolchain is the pinned stable one; `RUSTC_BOOTSTRAP` lets it accept the calling convention and the
//! guaranteed tail calls that stencils are made of. Nothing of this runs when decal is built or used.

use crate::error::Error;
use crate::generate::{Variant, source};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Stencils in one source file.
const CHUNK: usize = 300;

/// Flags for all code that ends up in stencils.
const FLAGS: &[&str] = &[
    "--edition=2024",
    "-Copt-level=3",
    "-Crelocation-model=static",
    "-Ccode-model=small",
    "-Cpanic=abort",
    "-Ccodegen-units=1",
    "-Cforce-unwind-tables=no",
    "-Cjump-tables=no",
    "-Cno-redzone=yes",
];

/// How to compile.
pub struct Compiler<'a> {
    /// Folder for sources and objects.
    pub folder: &'a Path,
    /// Folder of the uop crate.
    pub uops: &'a Path,
    /// The target.
    pub triple: &'a str,
    /// Compilers at once.
    pub jobs: usize,
    /// Whether to print each command.
    pub verbose: bool,
}

impl Compiler<'_> {
    fn rustc(&self, args: &[String]) -> Result<(), Error> {
        let mut command = Command::new("rustc");
        command.env("RUSTC_BOOTSTRAP", "1").args(FLAGS).arg(format!("--target={}", self.triple));
        for (from, to) in [(self.folder, "stencils"), (self.uops, "uops")] {
            command.arg(format!("--remap-path-prefix={}={to}", from.display()));
        }
        command.args(args);
        if self.verbose {
            eprintln!("{command:?}");
        }
        let output = command.output().map_err(|error| Error::Rustc(error.to_string()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(Error::Rustc(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }

    /// Compiles the stencils; gives the object files in order.
    pub fn run(&self, variants: &[Variant]) -> Result<Vec<PathBuf>, Error> {
        let library = self.folder.join("libdecal_uops.rlib");
        self.rustc(&[
            "--crate-type=rlib".into(),
            "--crate-name=decal_uops".into(),
            self.uops.join("src/lib.rs").display().to_string(),
            format!("-o{}", library.display()),
        ])?;
        let chunks: Vec<&[Variant]> = variants.chunks(CHUNK).collect();
        let next = Mutex::new(0);
        let failure = Mutex::new(None);
        let object = |index: usize| self.folder.join(format!("chunk{index}.o"));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let index = {
                            let Ok(mut next) = next.lock() else { return };
                            *next += 1;
                            *next - 1
                        };
                        let Some(chunk) = chunks.get(index) else { return };
                        if let Err(error) = self.chunk(index, chunk, &library, &object(index)) {
                            if let Ok(mut failure) = failure.lock() {
                                *failure = Some(error);
                            }
                            return;
                        }
                    }
                });
            }
        });
        match failure.into_inner() {
            Ok(None) => Ok((0..chunks.len()).map(object).collect()),
            Ok(Some(error)) => Err(error),
            Err(_) => Err(Error::Rustc("a compiling thread died".into())),
        }
    }

    fn chunk(&self, index: usize, chunk: &[Variant], library: &Path, object: &Path) -> Result<(), Error> {
        let path = self.folder.join(format!("chunk{index}.rs"));
        std::fs::write(&path, source(chunk)).map_err(|error| Error::File(path.clone(), error))?;
        self.rustc(&[
            "--crate-type=rlib".into(),
            "--emit=obj".into(),
            format!("--extern=decal_uops={}", library.display()),
            path.display().to_string(),
            format!("-o{}", object.display()),
        ])
    }
}
