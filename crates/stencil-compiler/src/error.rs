//! What can go wrong while stencils are made.

use std::fmt;
use std::path::PathBuf;

/// See the variants. Errors about a stencil name it.
#[derive(Debug)]
pub enum Error {
    /// The compiler failed.
    Rustc(String),
    /// A file could not be read or written.
    File(PathBuf, std::io::Error),
    /// An object file could not be read.
    Object(String),
    /// This target has no stencils.
    Target(String),
    /// No uop has this name.
    Uop(String),
    /// A relocation that is not known.
    Relocation(String, String),
    /// A symbol that is not known.
    Symbol(String, String),
    /// A relocation of a kind that its instruction cannot have.
    HolePlace(String, String),
    /// The stack is not as it was found where a stencil leaves.
    OpenStack(String),
    /// A stencil leaves by something that is no jump.
    Exit(String, String),
    /// An instruction that cannot be decoded or encoded.
    Instruction(String, String),
    /// A stencil was not found in the objects.
    Missing(String),
    /// A stencil is larger than the format allows.
    TooLarge(String),
    /// The library is not what its inputs make.
    Stale(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Rustc(text) => write!(f, "rustc failed:\n{text}"),
            Error::File(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Object(text) => write!(f, "object file: {text}"),
            Error::Target(triple) => write!(f, "no stencils are made for {triple}"),
            Error::Uop(name) => write!(f, "there is no uop {name}"),
            Error::Relocation(at, what) => write!(f, "{at}: unknown relocation {what}"),
            Error::Symbol(at, what) => write!(f, "{at}: unknown symbol {what}"),
            Error::HolePlace(at, what) => write!(f, "{at}: a hole in {what}, which cannot be patched"),
            Error::OpenStack(at) => write!(f, "{at}: the stack frame is left open"),
            Error::Exit(at, what) => write!(f, "{at}: leaves by {what}, which is no jump"),
            Error::Instruction(at, what) => write!(f, "{at}: {what}"),
            Error::Missing(at) => write!(f, "{at}: was not compiled"),
            Error::TooLarge(at) => write!(f, "{at}: is too large"),
            Error::Stale(why) => write!(f, "{why}; run `cargo xtask stencils`"),
        }
    }
}

impl std::error::Error for Error {}
