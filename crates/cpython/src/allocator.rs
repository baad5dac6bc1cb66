//! Who allocates objects: CPython alone, or somebody who looks at each allocation (`tracemalloc`).
//!
//! Such a tool asks for the line that allocates. A trace does not say where it is while it makes objects, so that code
//! runs in CPython as long as somebody looks. They get between by changing CPython's table of functions, which is a static in
//! memory: comparing one word tells it. Where the table is not found, nobody is noticed.

use crate::capi as ffi;
use crate::version::symbols::Symbols;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Where CPython keeps the function that allocates objects.
static WORD: AtomicPtr<usize> = AtomicPtr::new(null_mut());
/// That function, when nobody looks; 0 where that is not known.
static USUAL: AtomicUsize = AtomicUsize::new(0);
/// The function of whoever looked when decal was enabled.
static WATCHER: AtomicUsize = AtomicUsize::new(0);

/// Bytes at the start of the runtime in which the table is looked for.
const REACH: usize = 4096;

/// Finds the table, and notes what it holds.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn find(symbols: &Symbols) {
    // SAFETY: plain use of the C API; the runtime is a static that is larger than what is read of it.
    unsafe {
        // A pointer for the functions, then malloc, calloc, realloc and free.
        let mut allocator = [0usize; size_of::<ffi::PyMemAllocatorEx>() / size_of::<usize>()];
        ffi::PyMem_GetAllocator(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ, allocator.as_mut_ptr().cast());
        let wanted = &allocator[1..];
        let runtime = symbols.runtime.cast::<usize>();
        let words = std::slice::from_raw_parts(runtime, REACH / size_of::<usize>());
        let at = words.windows(wanted.len()).position(|window| window == wanted);
        let word = at.map_or(null(), |at| runtime.add(at));
        let watched = is_tracing();
        USUAL.store(if watched { 0 } else { wanted[0] }, Ordering::Relaxed);
        WATCHER.store(if watched { wanted[0] } else { 0 }, Ordering::Relaxed);
        WORD.store(word.cast_mut(), Ordering::Relaxed);
    }
}

/// Whether `tracemalloc` is on, as itself says.
unsafe fn is_tracing() -> bool {
    // SAFETY: plain use of the C API. Whatever fails is no sign that it is on.
    unsafe {
        let module = ffi::PyImport_ImportModule(c"_tracemalloc".as_ptr());
        let answer = if module.is_null() {
            null_mut()
        } else {
            ffi::PyObject_CallMethodNoArgs(module, ffi::PyUnicode_InternFromString(c"is_tracing".as_ptr()))
        };
        ffi::Py_XDECREF(module);
        let tracing = answer == ffi::Py_True();
        ffi::Py_XDECREF(answer);
        ffi::PyErr_Clear();
        tracing
    }
}

/// Whether somebody looks at each allocation.
pub fn is_watched() -> bool {
    let word = WORD.load(Ordering::Relaxed);
    if word.is_null() {
        return false;
    }
    // SAFETY: found above, in a static; the GIL is held, under which it changes.
    let now = unsafe { word.read_volatile() };
    let (usual, watcher) = (USUAL.load(Ordering::Relaxed), WATCHER.load(Ordering::Relaxed));
    if usual == 0 { now == watcher } else { now != usual }
}
