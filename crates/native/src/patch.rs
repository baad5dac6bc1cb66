//! Filling in holes: one function per relocation kind. Each checks its range; nothing is cut off silently.

use decal_stencils::HoleKind;

/// Why a hole was not filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatchError {
    /// The value does not fit the hole.
    Range {
        /// The kind of hole.
        kind: HoleKind,
        /// The value.
        value: i128,
    },
    /// The hole lies outside of the code.
    Place,
}

impl std::fmt::Display for PatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PatchError::Range { kind, value } => write!(f, "{value:#x} does not fit a hole of kind {kind:?}"),
            PatchError::Place => f.write_str("a hole lies outside of its code"),
        }
    }
}

fn slot<const N: usize>(code: &mut [u8], at: usize) -> Result<&mut [u8; N], PatchError> {
    code.get_mut(at..).and_then(|rest| rest.first_chunk_mut()).ok_or(PatchError::Place)
}

/// Writes all 64 bits of a value.
pub fn abs64(code: &mut [u8], at: usize, value: u64) -> Result<(), PatchError> {
    *slot(code, at)? = value.to_le_bytes();
    Ok(())
}

/// Writes a value that the processor extends from 32 bits by sign.
pub fn abs32_signed(code: &mut [u8], at: usize, value: i64) -> Result<(), PatchError> {
    let small =
        i32::try_from(value).map_err(|_| PatchError::Range { kind: HoleKind::Abs32Signed, value: value.into() })?;
    *slot(code, at)? = small.to_le_bytes();
    Ok(())
}

/// Writes the distance from the hole, which is at the address `place`, to `target` plus `addend`.
pub fn rel32(code: &mut [u8], at: usize, place: u64, target: u64, addend: i64) -> Result<(), PatchError> {
    let distance = i128::from(target) + i128::from(addend) - i128::from(place);
    let small = i32::try_from(distance).map_err(|_| PatchError::Range { kind: HoleKind::Rel32, value: distance })?;
    *slot(code, at)? = small.to_le_bytes();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes() {
        let mut code = [0u8; 10];
        abs64(&mut code, 1, 0x1122_3344_5566_7788).unwrap();
        assert_eq!(code, [0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0]);
        abs32_signed(&mut code, 0, -2).unwrap();
        assert_eq!(code[..4], [0xfe, 0xff, 0xff, 0xff]);
        rel32(&mut code, 2, 0x1002, 0x1000, -4).unwrap();
        assert_eq!(code[2..6], (-6i32).to_le_bytes());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut code = [0u8; 8];
        let range = |result: Result<(), PatchError>| matches!(result, Err(PatchError::Range { .. }));
        assert!(abs32_signed(&mut code, 0, i64::from(i32::MAX)).is_ok());
        assert!(range(abs32_signed(&mut code, 0, i64::from(i32::MAX) + 1)));
        assert!(range(abs32_signed(&mut code, 0, i64::from(i32::MIN) - 1)));
        assert!(rel32(&mut code, 0, 0, 0x7fff_ffff, 0).is_ok());
        assert!(range(rel32(&mut code, 0, 0, 0x8000_0000, 0)));
        assert!(range(rel32(&mut code, 0, u64::MAX, 0, 0)));
        assert_eq!(abs64(&mut code, 1, 0), Err(PatchError::Place));
        assert_eq!(rel32(&mut code, 5, 0, 0, 0), Err(PatchError::Place));
    }
}
