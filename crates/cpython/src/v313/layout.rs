//! Layouts.
/// frame
#[repr(C)]
pub struct Frame {
    x: u64,
}
/// thread
#[repr(C)]
pub struct ThreadState {
    x: u64,
}
