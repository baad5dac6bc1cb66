//! What CPython calls: a backward jump, a function's start, an instruction that is observed.
//!
//! Each callback decides while it holds the engine, lets go of it, and then acts, because acting may run Python
//! code. A location that will never be compiled is switched off (`DISABLE`), so that it costs nothing from then on.
//! Nothing may unwind into CPython: a panic, which would be a mistake of ours, switches decal off.

use crate::enter::{self, Site};
use crate::executor::Executor;
use crate::level::Level;
use crate::location::{Location, Never, State};
use crate::observe::{self, Progress, Purpose};
use crate::options::Panic;
use crate::starts::Call;
use crate::state::{self, Engine, FUNCTION_START};
use crate::{api, pipeline, verify};
use decal_cpython::frame::{Frame, Unwound};
use decal_cpython::monitoring::{Callbacks, disable, make_room, nothing, offset, only_decal};
use decal_cpython::thread::Thread;
use decal_cpython::{PyObject, objects};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Turns until a location that cannot be observed just now is looked at again.
const POSTPONE: u32 = 16;

/// A callback has panicked: nothing is done any more.
static BROKEN: AtomicBool = AtomicBool::new(false);
/// What it said.
static WHY: Mutex<String> = Mutex::new(String::new());

/// All of them.
pub const CALLBACKS: Callbacks = Callbacks { jump: on_jump, start: on_start, instruction: on_instruction };

/// What to do once the engine is free again.
enum Decision {
    Nothing,
    Disable,
    Enter(Rc<Executor>, Box<Level>),
    Complain(String),
}

fn guarded(work: impl FnOnce() -> *mut PyObject) -> *mut PyObject {
    if BROKEN.load(Ordering::Relaxed) {
        // SAFETY: in a callback, with the GIL held.
        return unsafe { disable() };
    }
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let why = format!("internal: {}", panic_text(&*panic));
        BROKEN.store(true, Ordering::Relaxed);
        // What was being observed will not be compiled; `explain` says why.
        state::with(|engine| engine.give_up_observing(&why));
        *WHY.lock().unwrap_or_else(PoisonError::into_inner) = why;
        // SAFETY: as above.
        unsafe { nothing() }
    })
}

/// Why nothing is done any more, where a callback has panicked: one line.
pub fn broken() -> Option<String> {
    BROKEN.load(Ordering::Relaxed).then(|| WHY.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// What a panic said, on one line.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("a panic ({})", text.lines().next().unwrap_or_default())
}

unsafe extern "C" fn on_jump(_: *mut PyObject, arguments: *mut *mut PyObject, count: isize) -> *mut PyObject {
    guarded(|| {
        // SAFETY: CPython passes as many arguments as it says: code, offset, destination; we are in its callback.
        unsafe {
            if count < 3 {
                return nothing();
            }
            let code = *arguments;
            let (from, to) = (offset(*arguments.add(1)), offset(*arguments.add(2)));
            if to > from {
                return disable();
            }
            // Most jumps are only counted.
            if state::with(|engine| is_counted(engine, (code as usize, to))).unwrap_or(true) {
                return nothing();
            }
            let thread = Thread::current();
            let Some(frame) = Frame::standing(thread, code, from) else { return disable() };
            let site = Site { thread, frame, code, destination: Some(to), called: false };
            let decision = state::with(|engine| jump(engine, &site, to)).unwrap_or(Decision::Nothing);
            act(&site, from, decision)
        }
    })
}

unsafe extern "C" fn on_start(_: *mut PyObject, arguments: *mut *mut PyObject, count: isize) -> *mut PyObject {
    guarded(|| {
        // SAFETY: as above: code, offset.
        unsafe {
            if count < 2 {
                return nothing();
            }
            let code = *arguments;
            // Most calls are only counted.
            let counted = state::with(|engine| {
                if engine.options.stress.invalidate.is_some() {
                    engine.disturb();
                }
                engine.counts_call(code)
            });
            if counted.unwrap_or(true) {
                return nothing();
            }
            let (thread, from) = (Thread::current(), offset(*arguments.add(1)));
            let Some(frame) = Frame::standing(thread, code, from) else { return disable() };
            let site = Site { thread, frame, code, destination: None, called: false };
            match state::with(|engine| engine.call(code)).unwrap_or(Call::Nothing) {
                Call::Nothing => nothing(),
                Call::Disable => disable(),
                call => started(site, from, call),
            }
        }
    })
}

/// A function starts that is hot or has a trace.
///
/// # Safety
/// In that callback.
unsafe fn started(site: Site, from: u32, call: Call) -> *mut PyObject {
    // SAFETY: the caller's.
    unsafe {
        match call {
            Call::Enter(executor) => match state::with(|engine| {
                engine.hook(site.frame, &executor);
                ready(engine, &site, &executor)
            })
            .flatten()
            {
                Some(context) => enter::run(site, executor, context).result(),
                None => nothing(),
            },
            Call::Observe => {
                let decision = state::with(|engine| {
                    engine.catch_up();
                    begin(engine, &site, FUNCTION_START)
                });
                act(&site, from, decision.unwrap_or(Decision::Nothing))
            }
            Call::Foreign => {
                state::with(|engine| {
                    let progress = observe::start(engine, site.frame);
                    settle(engine, progress);
                });
                nothing()
            }
            Call::Nothing | Call::Disable => nothing(),
        }
    }
}

unsafe extern "C" fn on_instruction(_: *mut PyObject, arguments: *mut *mut PyObject, count: isize) -> *mut PyObject {
    guarded(|| {
        // SAFETY: as above: code, offset.
        unsafe {
            if count < 2 {
                return nothing();
            }
            let at = offset(*arguments.add(1));
            let Some(frame) = Frame::standing(Thread::current(), *arguments, at) else { return nothing() };
            let complaint = state::with(|engine| {
                assert!(engine.options.stress.panic != Some(Panic::Callback), "DECAL_STRESS=panic:callback");
                engine.catch_up();
                let mut progress = observe::instruction(engine, frame, at);
                if progress == Progress::Continue && engine.is_abandoned() {
                    progress = Progress::Cancelled;
                }
                settle(engine, progress);
                engine.complaint.take()
            });
            match complaint.flatten() {
                Some(text) => {
                    objects::raise(api::compile_error(), &text);
                    null_mut()
                }
                None => nothing(),
            }
        }
    })
}

/// Does what was decided.
unsafe fn act(site: &Site, from: u32, decision: Decision) -> *mut PyObject {
    // SAFETY: in the callback that `site` says.
    unsafe {
        match decision {
            Decision::Nothing => nothing(),
            Decision::Disable => disable(),
            Decision::Enter(executor, context) => enter::run(*site, executor, context).result(),
            Decision::Complain(text) => {
                objects::raise(api::compile_error(), &text);
                let decoded = state::with(|engine| engine.code(site.code)).flatten();
                let unwound = decoded.map(|decoded| site.frame.unwind(site.thread, &decoded, from, site.destination));
                if unwound == Some(Unwound::Resume) { nothing() } else { null_mut() }
            }
        }
    }
}

/// Compiles a pass that is over.
fn settle(engine: &mut Engine, progress: Progress) {
    match progress {
        Progress::Continue => {}
        Progress::Finished => {
            let place = pending_place(engine);
            match observe::finish(engine) {
                Some(mut observation) if observe::is_watched(observation.thread) => {
                    observe::release(engine, &mut observation);
                    count_again(engine, place);
                }
                Some(observation) => {
                    pipeline::compile(engine, observation);
                }
                None => count_again(engine, place),
            }
        }
        Progress::Cancelled => {
            let place = pending_place(engine);
            let deeper = engine.observation.as_ref().is_some_and(|observation| observation.is_within_recursion());
            if let Some(mut observation) = observe::finish(engine) {
                observe::release(engine, &mut observation);
            }
            count_again(engine, place);
            if let Some(location) = place.filter(|_| deeper).and_then(|place| engine.locations.get_mut(&place)) {
                location.state = State::Counting(POSTPONE);
            }
        }
    }
}

/// The root location that is being observed.
fn pending_place(engine: &Engine) -> Option<(usize, u32)> {
    let observation = engine.observation.as_ref()?;
    match &observation.purpose {
        Purpose::Root { offset, .. } => Some((observation.code as usize, *offset)),
        Purpose::Side { parent, exit } => {
            // Another try, later.
            if let Some(exit) = parent.exits.get(exit.0 as usize) {
                exit.countdown.set(engine.options.exit_threshold.saturating_mul(2));
            }
            None
        }
    }
}

fn count_again(engine: &mut Engine, place: Option<(usize, u32)>) {
    let threshold = place.map_or(0, |(_, offset)| engine.threshold(offset));
    if let Some(location) = place.and_then(|place| engine.locations.get_mut(&place))
        && location.state == State::Observing
    {
        location.state = State::Counting(threshold.max(POSTPONE));
    }
}

/// Whether a jump was no more than a count.
fn is_counted(engine: &mut Engine, place: (usize, u32)) -> bool {
    if engine.observation.is_none()
        && let Some(Location { state: State::Counting(left), .. }) = engine.locations.get_mut(&place)
        && *left > 1
    {
        *left -= 1;
        engine.counters.jumps += 1;
        engine.tick();
        return true;
    }
    false
}

fn jump(engine: &mut Engine, site: &Site, to: u32) -> Decision {
    engine.catch_up();
    if engine.observation.is_some()
        && let Some(progress) = observe::jump(engine, site.frame, to)
    {
        settle(engine, progress);
        if let Some(text) = engine.complaint.take() {
            return Decision::Complain(text);
        }
        if progress == Progress::Continue {
            return Decision::Nothing;
        }
    }
    let place = (site.code as usize, to);
    let threshold = match engine.codes.get(&place.0) {
        Some(code) if code.asked => 1,
        _ => engine.options.loop_threshold,
    };
    if !engine.locations.contains_key(&place) {
        // SAFETY: the code of this frame.
        unsafe { make_room(site.code) };
        let (count, probe) = engine.probe(threshold);
        engine.locate(place, || Location { probe, ..Location::new(count) });
    }
    let Some(location) = engine.locations.get_mut(&place) else { return Decision::Nothing };
    match &mut location.state {
        State::Counting(left) if *left > 1 => {
            *left -= 1;
            engine.counters.jumps += 1;
            engine.tick();
            Decision::Nothing
        }
        State::Counting(_) => {
            engine.counters.jumps += 1;
            let Some(probe) = location.probe.take() else { return begin(engine, site, to) };
            let more = engine.judge(probe);
            match (more, engine.locations.get_mut(&place)) {
                (Some(more), Some(location)) => {
                    location.state = State::Counting(more);
                    Decision::Nothing
                }
                _ => {
                    engine.rest(place);
                    Decision::Disable
                }
            }
        }
        State::Seldom(until) => {
            let until = *until;
            let stays = engine.looks_again(place, until) || engine.is_alarm(place);
            if stays { Decision::Nothing } else { Decision::Disable }
        }
        State::Observing => {
            if engine.observation.is_none() {
                location.state = State::Counting(threshold);
            }
            Decision::Nothing
        }
        State::Compiled(id) => {
            let id = *id;
            match engine.executors.get(id).cloned().flatten() {
                Some(executor) => enter(engine, site, executor),
                None => Decision::Nothing,
            }
        }
        State::Waiting(_) => {
            engine.counters.jumps += 1;
            if engine.still_waits(place) { Decision::Nothing } else { Decision::Disable }
        }
        State::Never(_) => {
            if engine.is_alarm(place) {
                Decision::Nothing
            } else {
                Decision::Disable
            }
        }
    }
}

/// A context for this trace, where it is to be entered.
fn ready(engine: &mut Engine, site: &Site, executor: &Rc<Executor>) -> Option<Box<Level>> {
    engine.catch_up();
    engine.tick();
    if !executor.valid.get() {
        return None;
    }
    if !enter::may_enter(executor, site) {
        engine.counters.refused += 1;
        return None;
    }
    let enters = enter::pays(engine, executor) && verify::agrees(engine, site, executor);
    enters.then(|| engine.levels.pop().unwrap_or_default())
}

fn enter(engine: &mut Engine, site: &Site, executor: Rc<Executor>) -> Decision {
    match ready(engine, site, &executor) {
        Some(context) => Decision::Enter(executor, context),
        None => Decision::Nothing,
    }
}

/// Starts to observe, where nothing speaks against it.
fn begin(engine: &mut Engine, site: &Site, to: u32) -> Decision {
    let place = (site.code as usize, to);
    let Some(decoded) = engine.code(site.code) else { return Decision::Nothing };
    let why = match engine.codes.get(&place.0) {
        Some(code) if code.forbidden => Some(Never::Asked),
        // Loops of a generator are loops like others as long as they do not yield.
        _ if to != FUNCTION_START && decoded.resumable.is_ok() => None,
        _ => decoded.traceable.err().map(Never::Code),
    };
    if let Some(why) = why {
        engine.never(site.code, to, why);
        return Decision::Disable;
    }
    // SAFETY: the code of a live frame.
    let alone = unsafe { only_decal(site.code) };
    let asked = engine.codes.get(&place.0).is_some_and(|code| code.asked);
    if engine.observation.is_some() || !alone || observe::is_watched(site.thread) {
        if let Some(location) = engine.locations.get_mut(&place) {
            location.state = State::Counting(POSTPONE);
        }
        return Decision::Nothing;
    }
    if !asked && !engine.has_budget() && !engine.waiting.take_grant(place) {
        engine.wait(place);
        return Decision::Nothing;
    }
    let function = to == FUNCTION_START;
    if !function && engine.starts_first(place) {
        return Decision::Nothing;
    }
    let first = if function { site.frame.offset() } else { to };
    let Some(stack) = decoded.depth(first) else { return Decision::Nothing };
    let purpose = Purpose::Root { offset: to, function };
    // SAFETY: the frame of this callback.
    if unsafe { observe::begin(engine, purpose, &[(site.frame, first, false)], stack, false) }
        && let Some(location) = engine.locations.get_mut(&place)
    {
        location.state = State::Observing;
    }
    Decision::Nothing
}

/// Forgets that a panic happened: decal is enabled anew.
pub fn mend() {
    BROKEN.store(false, Ordering::Relaxed);
}
