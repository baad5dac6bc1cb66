//! Watchers of dicts, types, functions and code objects: CPython tells decal before something
//! changes that a trace took as fixed.
//!
//! One function of the engine hears of everything. Watching is by object; which traces depend on it is the engine's
//! knowledge. A type's watch is used up by a change (CPython tells only of the first change after the type was given
//! a version), a dict's and a function's is not. An object that is watched should be kept alive by whoever relies
//! on it: watchers know addresses only. Dicts and functions say when they die, types do not.

use crate::observe::Assumption;
use crate::version::symbols::{Symbols, symbols};
use crate::{PyObject, Raised, handlers, hook, monitoring, objects};
use pyo3_ffi::PyTypeObject;
use rustc_hash::FxHashSet;
use std::cell::Cell;
use std::ffi::c_int;
use std::mem::transmute;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What changes. CPython calls just before the change, with the GIL held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// This key of a watched dict gets a value, another value or none. A key of 0 stands for all keys
    /// (the dict is cleared or dies, or is filled from another).
    Dict {
        /// The dict.
        dict: u64,
        /// The key.
        key: u64,
    },
    /// A watched class or one of its bases. Watch it again if it is still of interest.
    Type(u64),
    /// A watched function gets another code or other defaults, or dies.
    Function(u64),
    /// A function of this code gets another code or other defaults. Of functions that are watched as such this is said, too.
    Functions(u64),
    /// A code object dies (any one).
    CodeDies(u64),
    /// A signal gets a handler in Python, the first one: see [`handlers`].
    Handlers,
}

/// It cannot be watched, so that nothing may rely on it. No exception is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unwatchable;

/// decal's watchers, at most one set at a time. Remove it with [`Watchers::unregister`].
pub struct Watchers {
    symbols: &'static Symbols,
    dict: c_int,
    types: c_int,
    /// -1 until a function is watched for the first time: CPython tells of every function that is made or dies.
    function: Cell<c_int>,
    code: c_int,
}

/// The engine's function; 0 while nothing is registered.
static CHANGED: AtomicUsize = AtomicUsize::new(0);
/// The bit that a dict which decal watches has in its byte of watchers.
static DICT_WATCHER: AtomicU8 = AtomicU8::new(0);

/// See [`DICT_WATCHER`].
pub(crate) fn dict_watcher() -> u8 {
    DICT_WATCHER.load(Ordering::Relaxed)
}

/// Addresses of watched dicts and functions.
static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);

/// One bit for each watched function, several to a bit: functions that are made and die in their thousands, as those of
/// generator expressions do, cost one look here.
static FUNCTIONS: AtomicU64 = AtomicU64::new(0);

fn function_bit(function: u64) -> u64 {
    1 << (function >> 5 & 63)
}

#[derive(Default)]
struct Watched {
    dicts: FxHashSet<u64>,
    functions: FxHashSet<u64>,
}

fn watched() -> MutexGuard<'static, Option<Watched>> {
    // The sets stay usable whatever happened while they were held.
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn tell(what: Changed) {
    let address = CHANGED.load(Ordering::Relaxed);
    if address != 0 {
        // SAFETY: only `register` stores an address, that of such a function.
        let changed = unsafe { transmute::<usize, fn(Changed)>(address) };
        changed(what);
    }
}

/// Numbers of CPython's dict events that mean something here.
const DICT_CLONED: c_int = 3;
const DICT_DEALLOCATED: c_int = 5;
/// Of function events.
const FUNCTION_CREATED: c_int = 0;
const FUNCTION_DESTROYED: c_int = 1;
/// Of code events.
const CODE_DESTROYED: c_int = 1;

unsafe extern "C" fn dict_changes(event: c_int, dict: *mut PyObject, key: *mut PyObject, _: *mut PyObject) -> c_int {
    let dict = dict as u64;
    if event == DICT_DEALLOCATED
        && let Some(watched) = watched().as_mut()
    {
        watched.dicts.remove(&dict);
    }
    // A clone names the dict it is filled from as its key.
    let key = if event == DICT_CLONED { 0 } else { key as u64 };
    tell(Changed::Dict { dict, key });
    0
}

unsafe extern "C" fn type_changes(ty: *mut PyTypeObject) -> c_int {
    tell(Changed::Type(ty as u64));
    0
}

unsafe extern "C" fn function_changes(event: c_int, function: *mut PyObject, _: *mut PyObject) -> c_int {
    if event == FUNCTION_CREATED {
        return 0;
    }
    if event != FUNCTION_DESTROYED {
        // SAFETY: the function that is about to change.
        tell(Changed::Functions(unsafe { objects::function_code(function) } as u64));
    }
    let function = function as u64;
    if FUNCTIONS.load(Ordering::Relaxed) & function_bit(function) == 0 {
        return 0;
    }
    let known = watched().as_mut().is_some_and(|watched| {
        if event == FUNCTION_DESTROYED {
            watched.functions.remove(&function)
        } else {
            watched.functions.contains(&function)
        }
    });
    if known {
        // SAFETY: the function that changes.
        unsafe { hook::changes(function as *mut PyObject) };
        tell(Changed::Function(function));
    }
    0
}

unsafe extern "C" fn code_changes(event: c_int, code: *mut PyObject) -> c_int {
    if event == CODE_DESTROYED {
        monitoring::forget(code);
        tell(Changed::CodeDies(code as u64));
    }
    0
}

impl Watchers {
    /// Registers the watchers. `changed` must not run Python code, raise or panic; it may call [`Watchers::watch`].
    ///
    /// # Safety
    /// The GIL is held, and no other set of decal's watchers is registered.
    ///
    /// # Errors
    /// [`Raised`] where no watcher of some kind is free (CPython has eight of each).
    pub unsafe fn register(changed: fn(Changed)) -> Result<Watchers, Raised> {
        let Ok(symbols) = symbols() else { return Err(Raised) };
        CHANGED.store(changed as usize, Ordering::Relaxed);
        *watched() = Some(Watched::default());
        FUNCTIONS.store(0, Ordering::Relaxed);
        let mut watchers = Watchers { symbols, dict: -1, types: -1, function: Cell::new(-1), code: -1 };
        // SAFETY: the GIL is held; the callbacks have the types that CPython wants.
        unsafe {
            watchers.dict = (symbols.add_dict_watcher)(dict_changes);
            DICT_WATCHER.store(1_u8.checked_shl(watchers.dict as u32).unwrap_or(0), Ordering::Relaxed);
            if watchers.dict >= 0 {
                watchers.types = (symbols.add_type_watcher)(type_changes);
            }
            if watchers.types >= 0 {
                watchers.code = (symbols.add_code_watcher)(code_changes);
            }
            if watchers.code < 0 {
                let exception = pyo3_ffi::PyErr_GetRaisedException();
                watchers.unregister();
                pyo3_ffi::PyErr_SetRaisedException(exception);
                return Err(Raised);
            }
            handlers::watch();
        }
        Ok(watchers)
    }

    /// Watches what this assumption names; harmless where it is watched already.
    ///
    /// # Safety
    /// The GIL is held; the object is alive and what the assumption says.
    ///
    /// # Errors
    /// [`Unwatchable`].
    pub unsafe fn watch(&self, what: Assumption) -> Result<(), Unwatchable> {
        // SAFETY: the caller's.
        unsafe {
            match what {
                Assumption::Dict { dict, .. } => {
                    if (self.symbols.watch_dict)(self.dict, dict as *mut PyObject) < 0 {
                        return Err(self.unwatchable());
                    }
                    if let Some(watched) = watched().as_mut() {
                        watched.dicts.insert(dict);
                    }
                }
                Assumption::Type(ty) => {
                    if (self.symbols.watch_type)(self.types, ty as *mut PyObject) < 0 {
                        return Err(self.unwatchable());
                    }
                    // Without a version (a type that changed too often) CPython would not tell us.
                    if (*(ty as *mut PyTypeObject)).tp_version_tag == 0 {
                        return Err(Unwatchable);
                    }
                }
                Assumption::Functions(_) => self.watch_functions()?,
                Assumption::Function(function) => {
                    self.watch_functions()?;
                    if let Some(watched) = watched().as_mut() {
                        watched.functions.insert(function);
                        FUNCTIONS.fetch_or(function_bit(function), Ordering::Relaxed);
                    }
                }
            }
        }
        Ok(())
    }

    /// Has CPython tell of functions.
    unsafe fn watch_functions(&self) -> Result<(), Unwatchable> {
        if self.function.get() < 0 {
            // SAFETY: the caller's: the GIL is held.
            unsafe {
                self.function.set((self.symbols.add_function_watcher)(function_changes));
                if self.function.get() < 0 {
                    return Err(self.unwatchable());
                }
            }
        }
        Ok(())
    }

    unsafe fn unwatchable(&self) -> Unwatchable {
        // SAFETY: the GIL is held.
        unsafe { pyo3_ffi::PyErr_Clear() };
        Unwatchable
    }

    /// Removes all watchers. The engine hears no more of anything.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn unregister(self) {
        CHANGED.store(0, Ordering::Relaxed);
        let dicts = watched().take().unwrap_or_default().dicts;
        // SAFETY: the GIL is held; the dicts live, since each says when it dies.
        unsafe {
            handlers::forget();
            for dict in dicts {
                if (self.symbols.unwatch_dict)(self.dict, dict as *mut PyObject) < 0 {
                    pyo3_ffi::PyErr_Clear();
                }
            }
            let clear = [
                (self.symbols.clear_dict_watcher, self.dict),
                (self.symbols.clear_type_watcher, self.types),
                (self.symbols.clear_function_watcher, self.function.get()),
                (self.symbols.clear_code_watcher, self.code),
            ];
            for (clear, id) in clear {
                if id >= 0 && clear(id) < 0 {
                    pyo3_ffi::PyErr_Clear();
                }
            }
        }
    }
}
