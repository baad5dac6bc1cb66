//! The digest of everything that the library is made from: the uop table, the generator, and the
//! compiler's version. Names and contents in sorted order; no paths, no times.

use crate::error::Error;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The digest, in hexadecimal.
pub fn inputs(uops: &Path, compiler: &Path, triple: &str) -> Result<String, Error> {
    let mut hasher = Sha256::new();
    hasher.update(triple);
    let version = Command::new("rustc").arg("-vV").output().map_err(|error| Error::Rustc(error.to_string()))?;
    hasher.update(&version.stdout);
    for folder in [uops, compiler] {
        let source = folder.join("src");
        let list = std::fs::read_dir(&source).map_err(|error| Error::File(source.clone(), error))?;
        let mut files: Vec<_> =
            list.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
        files.sort();
        for path in files {
            let content = std::fs::read(&path).map_err(|error| Error::File(path.clone(), error))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            hasher.update(format!("{name} {}\n", content.len()));
            hasher.update(content);
        }
    }
    let mut text = String::new();
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
