//! Linking: exits that jump to side traces instead of leaving.
//!
//! Every jump to an exit's stub is pointed at the side trace directly. Whatever the side trace needs must be
//! in place before: the moment the distance is written, the next failing guard goes there. Undoing writes the
//! stub's distance again; the stub itself is never changed.

use crate::assemble::{AssembleError, Code};
use crate::memory::CodeMemory;
use crate::patch::{self, PatchError};
use decal_trace::allocated::ExitIndex;

/// Makes an exit jump to `target`.
///
/// # Errors
/// [`AssembleError`].
pub fn redirect(code: &Code, exit: ExitIndex, target: u64, memory: &mut CodeMemory) -> Result<(), AssembleError> {
    let jumps = jumps(code, exit, target)?;
    let pieces: Vec<(u64, &[u8])> = jumps.iter().map(|(place, bytes)| (*place, &bytes[..])).collect();
    Ok(memory.write_all(&pieces)?)
}

/// What makes an exit jump to `target`: distances, and where they stand.
pub(crate) fn jumps(code: &Code, exit: ExitIndex, target: u64) -> Result<Vec<(u64, [u8; 4])>, PatchError> {
    let distance = |place| {
        let mut bytes = [0; 4];
        patch::rel32(&mut bytes, 0, place, target, -4).map(|()| (place, bytes))
    };
    code.jumps_to(exit).map(distance).collect()
}

/// Makes an exit leave again.
///
/// # Errors
/// [`AssembleError`].
pub fn restore(code: &Code, exit: ExitIndex, memory: &mut CodeMemory) -> Result<(), AssembleError> {
    redirect(code, exit, code.stub(exit), memory)
}
