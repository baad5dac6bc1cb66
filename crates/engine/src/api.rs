//! What the extension module calls. Every function needs the GIL; none panics on what Python code can pass.

use crate::budget::Ran;
use crate::callbacks::{self, CALLBACKS};
use crate::entrance;
use crate::executor::Executor;
use crate::explain;
use crate::graves;
use crate::invalidate::changed;
use crate::options::{BadOption, Mode, Options, Stress};
use crate::pipeline;
use crate::state::{self, Engine};
use crate::stats::{self, Counters, Entry};
use crate::verify::Tried;
use crate::wishes::{self, Wish};
use decal_cpython::monitoring::{ClaimError, LocalEvents, Monitoring};
use decal_cpython::thread::Thread;
use decal_cpython::watch::Watchers;
use decal_cpython::{PyObject, support};
use decal_native::{CodeMemory, MemoryError};
use decal_trace::allocated::Item;
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt;
use std::fmt::Write;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Instant;

/// Why decal was not enabled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotEnabled {
    /// This interpreter, or another tool in it, does not allow it: a sentence.
    Impossible(String),
    /// The environment has a value that is not known.
    BadOption(BadOption),
    /// A Python exception is set.
    Raised,
}

impl fmt::Display for NotEnabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotEnabled::Impossible(why) => f.write_str(why),
            NotEnabled::BadOption(error) => error.fmt(f),
            NotEnabled::Raised => f.write_str("a Python exception"),
        }
    }
}

/// The exception class for strict functions.
static COMPILE_ERROR: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());
/// Why decal is off.
static REASON: Mutex<String> = Mutex::new(String::new());

/// The exception class for strict functions.
pub fn compile_error() -> *mut PyObject {
    COMPILE_ERROR.load(Ordering::Relaxed)
}

fn set_reason(text: &str) {
    if let Ok(mut reason) = REASON.lock() {
        *reason = text.to_string();
    }
}

/// Switches decal on. Enabling twice is fine. `error` is the exception class for strict functions, which must live forever.
///
/// # Safety
/// The GIL is held, in a thread that runs Python code.
///
/// # Errors
/// [`NotEnabled`]: nothing was touched then.
pub unsafe fn enable(error: *mut PyObject) -> Result<(), NotEnabled> {
    if is_enabled() {
        return Ok(());
    }
    // SAFETY: the caller's.
    let result = unsafe { try_enable(error) };
    match &result {
        Ok(()) => set_reason(""),
        Err(reason) => set_reason(&reason.to_string()),
    }
    result
}

unsafe fn try_enable(error: *mut PyObject) -> Result<(), NotEnabled> {
    let options = Options::from_environment(|name| std::env::var(name).ok()).map_err(NotEnabled::BadOption)?;
    if options.mode == Mode::Off {
        return Err(NotEnabled::Impossible(
            "decal is switched off by the environment (DECAL_JIT=0 or PYTHON_JIT=0)".into(),
        ));
    }
    // SAFETY: the caller's; layouts are checked before anything relies on them.
    unsafe {
        support::check().map_err(|reason| NotEnabled::Impossible(reason.to_string()))?;
        COMPILE_ERROR.store(error, Ordering::Relaxed);
        let mut host = decal_cpython::host();
        host.functions.general.call = crate::direct::call as *const () as u64;
        host.functions.make_callers = crate::native::make_callers as *const () as u64;
        let mut memory = match options.mode {
            Mode::Native if options.stress.twice => CodeMemory::mapped_twice(),
            Mode::Native => CodeMemory::new(),
            _ => Err(MemoryError::NotBuilt),
        };
        if let (Some(number), Ok(memory)) = (options.stress.alloc, &mut memory) {
            memory.refuse(number);
        }
        let monitoring = Monitoring::claim(CALLBACKS).map_err(|error| match error {
            ClaimError::Taken(name) => NotEnabled::Impossible(format!(
                "the monitoring tool id for optimizers (sys.monitoring.OPTIMIZER_ID) is taken by {name}"
            )),
            ClaimError::Raised => NotEnabled::Raised,
        })?;
        let watchers = match Watchers::register(changed) {
            Ok(watchers) => watchers,
            Err(_) => {
                let _ = monitoring.release();
                return Err(NotEnabled::Raised);
            }
        };
        let mut counters = Counters::default();
        if let (Mode::Native, Err(why)) = (options.mode, &memory) {
            counters.not_native.insert(why.to_string(), 1);
        }
        // Processes differ, so that what is unlucky in one is not so in all; tests are repeatable.
        let chance = if options.stress == Stress::default() { std::process::id() } else { 0 };
        let dice = 0x9e37_79b9 ^ options.stress.dice.unwrap_or(chance);
        let engine = Engine {
            options,
            host,
            monitoring,
            watchers,
            memory,
            codes: FxHashMap::default(),
            locations: FxHashMap::default(),
            located: FxHashSet::default(),
            executors: Vec::new(),
            next_exit: 0,
            starts: FxHashMap::default(),
            born: Instant::now(),
            ran: Ran::nothing(),
            in_use: 0,
            disturbed: 0,
            observation: None,
            events: Vec::new(),
            relying: FxHashMap::default(),
            changes: FxHashMap::default(),
            levels: Vec::new(),
            doors: FxHashMap::default(),
            gates: FxHashMap::default(),
            waiting: Default::default(),
            resting: Default::default(),
            counters,
            dice,
            tried: Tried::default(),
            complaint: None,
        };
        callbacks::mend();
        if state::replace(Some(engine)).is_err() {
            return Err(NotEnabled::Impossible("decal cannot be enabled from inside of itself".into()));
        }
        let on = state::with(|engine| {
            engine.monitoring.set_global(true, true).and_then(|()| engine.monitoring.restart_events())
        });
        if on != Some(Ok(())) {
            disable();
            return Err(NotEnabled::Raised);
        }
        for (code, wish) in wishes::all() {
            state::with(|engine| fulfil(engine, code, wish));
        }
    }
    Ok(())
}

/// Switches decal off and gives everything back. Disabling twice is fine.
///
/// # Safety
/// The GIL is held.
pub unsafe fn disable() {
    let Ok(Some(mut engine)) = state::replace(None) else { return };
    if let Some(mut observation) = engine.observation.take() {
        observation.end(&mut engine);
        crate::observe::release(&mut engine, &mut observation);
    }
    // SAFETY: the caller's.
    unsafe { entrance::forget_all() };
    for id in 0..engine.executors.len() {
        engine.invalidate(id);
    }
    let running = |executor: &&Rc<Executor>| executor.running.get() > 0;
    let under_way: Vec<_> = engine.executors.iter().flatten().filter(running).cloned().collect();
    let Engine { monitoring, watchers, memory, .. } = engine;
    if !under_way.is_empty() {
        graves::keep(memory.ok(), under_way);
    }
    // SAFETY: the caller's.
    unsafe {
        if monitoring.release().is_err() {
            Thread::current().clear_exception();
        }
        watchers.unregister();
    }
    set_reason("it was disabled");
}

/// Whether decal is on.
pub fn is_enabled() -> bool {
    state::with(|_| ()).is_some() || state::is_busy()
}

/// One line about decal's state.
pub fn status() -> String {
    let on = state::with(|engine| {
        let way = match (&engine.options.mode, &engine.memory) {
            (Mode::Native, Ok(memory)) => format!("machine code (memory: {})", memory.kind()),
            (Mode::Native, Err(why)) => format!("trace interpreter, because {why}"),
            _ => "trace interpreter".to_string(),
        };
        let digest = decal_stencils::digest(decal_stencils::LIBRARY).and_then(|digest| digest.get(..8)).unwrap_or("?");
        let broken = callbacks::broken().map_or(String::new(), |why| format!("; stopped: {why}"));
        format!("on: {way}, stencils {} {digest}{broken}", decal_native::TARGET)
    });
    on.unwrap_or_else(|| {
        let reason = REASON.lock().map(|reason| reason.clone()).unwrap_or_default();
        if reason.is_empty() { "off: it was not enabled".to_string() } else { format!("off: {reason}") }
    })
}

/// Leaves the frames that there are out of account where the recursion limit is concerned, but for `keep` of
/// them: they are decal's own.
///
/// # Safety
/// The GIL is held.
pub unsafe fn hide_frames(keep: i32) {
    // SAFETY: the caller's.
    let thread = unsafe { Thread::current() };
    thread.take_recursion(keep - thread.recursion_depth());
}

/// Asks for a code object to be compiled at its first call. The reason, where it never can be.
///
/// # Safety
/// The GIL is held, `code` is a live code object.
pub unsafe fn ask(code: *mut PyObject, strict: bool) -> Option<String> {
    // SAFETY: the caller's.
    unsafe { wishes::remember(code, Wish::Compile { strict }) };
    state::with(|engine| {
        let Some(decoded) = engine.code(code) else { return Some("its code cannot be read".to_string()) };
        if let Err(why) = decoded.traceable {
            return Some(why.to_string());
        }
        // SAFETY: the caller's.
        if unsafe { fulfil(engine, code, Wish::Compile { strict }) } {
            None
        } else {
            Some("its start cannot be watched".to_string())
        }
    })
    .flatten()
}

/// Puts a wish into effect. False where the start of the function cannot be watched.
unsafe fn fulfil(engine: &mut Engine, code: *mut PyObject, wish: Wish) -> bool {
    let Some(state) = engine.code(code).and_then(|_| engine.codes.get_mut(&(code as usize))) else { return true };
    wish.apply(state);
    if !state.starts || wish == Wish::Leave {
        return true;
    }
    let events = LocalEvents { start: true, jump: false, instruction: false };
    // SAFETY: the caller's.
    let set = unsafe { engine.monitoring.set_local(code, events) };
    if set.is_err() {
        // SAFETY: the GIL is held.
        unsafe { Thread::current() }.clear_exception();
    }
    set.is_ok()
}

/// Forbids to compile a code object.
///
/// # Safety
/// The GIL is held, `code` is a live code object.
pub unsafe fn forbid(code: *mut PyObject) {
    // SAFETY: the caller's.
    unsafe { wishes::remember(code, Wish::Leave) };
    state::with(|engine| {
        // SAFETY: the caller's.
        unsafe { fulfil(engine, code, Wish::Leave) };
        let running: Vec<usize> = engine
            .executors
            .iter()
            .flatten()
            .filter(|executor| executor.covers.borrow().contains(&code))
            .map(|executor| executor.id)
            .collect();
        for id in running {
            engine.invalidate(id);
        }
        let places: Vec<u32> =
            engine.locations.keys().filter(|(owner, _)| *owner == code as usize).map(|(_, offset)| *offset).collect();
        for offset in places {
            engine.never(code, offset, crate::location::Never::Asked);
        }
    });
}

/// What was compiled and what was not, and why: of one code object or of all.
pub fn explain(code: Option<*mut PyObject>) -> String {
    state::with(|engine| explain::explain(engine, code)).unwrap_or_default()
}

/// The machine code of a code object's traces.
pub fn disassemble(code: *mut PyObject) -> String {
    let text = state::with(|engine| {
        engine.catch_up();
        let mut text = String::new();
        for executor in explain::executors_of(engine, code) {
            let _ = writeln!(text, "{}", explain::heading(&executor));
            let notes = explain::line_notes(&executor);
            let note = |item: &Item| match item {
                Item::Op(op) => op
                    .source
                    .and_then(|val| notes.get(&val.0))
                    .map_or(String::new(), |line| format!("   (line {line})")),
                _ => String::new(),
            };
            match &executor.native {
                Some(native) => {
                    let allocated = pipeline::with_registers(engine, &executor);
                    // SAFETY: the executor is valid, so that its code is in memory.
                    let lines = unsafe { decal_native::disassemble::listing(native, &allocated, &note) };
                    text.push_str(&lines);
                }
                None => text.push_str("no machine code: it runs in the trace interpreter\n"),
            }
        }
        text
    });
    text.unwrap_or_default()
}

/// The traces of a code object: instructions, and what the registers hold.
pub fn traces(code: *mut PyObject) -> String {
    let text = state::with(|engine| {
        let mut text = String::new();
        for executor in explain::executors_of(engine, code) {
            let _ = writeln!(text, "# {}", explain::heading(&executor));
            if let Some(before) = &executor.recorded.before {
                let _ = writeln!(text, "# before optimizing ({} instructions)\n{before}", executor.recorded.emitted);
                let _ = writeln!(text, "# after optimizing ({} instructions)", executor.recorded.trace.insts.len());
            }
            let _ = writeln!(text, "{}", executor.recorded.trace);
            let _ = writeln!(text, "# with registers\n{}", pipeline::with_registers(engine, &executor));
        }
        text
    });
    text.unwrap_or_default()
}

/// All numbers.
pub fn statistics() -> Vec<Entry> {
    state::with(|engine| stats::entries(engine)).unwrap_or_default()
}
