//! What the recorder needs to know.
/// Layouts, types, C functions.
/// # Safety
/// GIL, after a successful check.
pub unsafe fn host() -> decal_trace::host::Host {
    Default::default()
}
