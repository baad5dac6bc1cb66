//! What a stencil is before it is written: code in two parts, with holes.

use decal_stencils::Hole;

/// One part of a stencil.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Its code.
    pub code: Vec<u8>,
    /// Its holes, by offset.
    pub holes: Vec<Hole>,
}

/// A stencil.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stencil {
    /// The straight path, which falls through at its end.
    pub hot: Part,
    /// What is put out of line.
    pub cold: Part,
}
