//! Reports for the user: what was compiled, what was not, on which line, and why.

use crate::executor::Executor;
use crate::location::{Never, State};
use crate::starts::Start;
use crate::state::{Engine, FUNCTION_START};
use decal_cpython::PyObject;
use decal_trace::event::Code;
use decal_trace::ir::Inst;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::rc::Rc;

/// Everything about one code object, or about all that were seen.
pub fn explain(engine: &Engine, code: Option<*mut PyObject>) -> String {
    let mut owners: Vec<usize> = engine.locations.keys().map(|(owner, _)| *owner).collect();
    owners.sort_by_key(|owner| {
        engine.codes.get(owner).map(|state| {
            let code = &state.decoded.code;
            (code.file.clone(), code.lines.iter().copied().find(|line| *line > 0))
        })
    });
    owners.dedup();
    let mut text = String::new();
    if let Some(why) = crate::callbacks::broken() {
        let _ = writeln!(text, "decal has stopped: {why}");
    }
    let shown = |owner: &usize| code.map_or_else(|| !is_frozen(engine, *owner), |code| code as usize == *owner);
    for owner in owners.into_iter().filter(shown) {
        explain_code(engine, owner, &mut text);
    }
    text
}

/// Whether code is of a module that is built into the interpreter, as imports are: of no interest unless asked for.
fn is_frozen(engine: &Engine, owner: usize) -> bool {
    engine.codes.get(&owner).is_some_and(|state| state.decoded.code.file.starts_with("<frozen "))
}

fn explain_code(engine: &Engine, owner: usize, text: &mut String) {
    let Some(state) = engine.codes.get(&owner) else { return };
    let code = &state.decoded.code;
    let mut places: Vec<u32> =
        engine.locations.keys().filter(|(known, _)| *known == owner).map(|(_, offset)| *offset).collect();
    places.sort_by_key(|offset| if *offset == FUNCTION_START { 0 } else { *offset + 1 });
    let first = code.lines.iter().copied().find(|line| *line > 0).unwrap_or(0);
    let _ = writeln!(text, "{} ({}:{first})", code.name, code.file);
    let mut compiled = BTreeSet::new();
    let mut stopped: BTreeMap<u32, String> = BTreeMap::new();
    for offset in places {
        let Some(location) = engine.locations.get(&(owner, offset)) else { continue };
        let (what, line) = if offset == FUNCTION_START { ("function", first) } else { ("loop", code.line(offset)) };
        let mut note = match &location.state {
            State::Counting(left) => {
                let (left, passes) = match engine.starts.get(&owner) {
                    Some(Start::Counting(left)) if offset == FUNCTION_START => (left, "calls"),
                    _ => (left, if offset == FUNCTION_START { "calls" } else { "turns" }),
                };
                if location.tries == 0 {
                    format!("not hot yet ({left} more {passes})")
                } else {
                    format!("not compiled, {left} more {passes} until the next try")
                }
            }
            State::Observing => "being observed".to_string(),
            State::Seldom(_) if location.given_up > 0 => format!("not compiled just now: {}", Never::NoGain),
            State::Seldom(_) => "not hot: it comes too seldom".to_string(),
            State::Waiting(None) => "hot, waits until something may be spent on it".to_string(),
            State::Waiting(Some(_)) => {
                "compiled; waits until something may be spent on what would let it pay".to_string()
            }
            State::Never(why) => format!("not compiled: {why}"),
            State::Compiled(id) => match engine.executors.get(*id).and_then(Option::as_ref) {
                Some(executor) => {
                    lines_of(engine, executor, owner, &mut compiled);
                    compiled_note(executor)
                }
                None => "not compiled".to_string(),
            },
        };
        if let Some((reason, at)) = &location.last {
            stopped.entry(*at).or_insert_with(|| reason.to_string());
            if !matches!(location.state, State::Compiled(_) | State::Never(_)) {
                let _ = write!(note, ": {reason}");
            }
            if *at != line {
                let _ = write!(note, " (line {at})");
            }
        }
        if location.invalidated > 0 {
            let _ = write!(note, "; invalidated {} times", location.invalidated);
        }
        if location.withdrawn > 0 {
            let _ = write!(note, "; withdrawn {} times", location.withdrawn);
        }
        let _ = writeln!(text, "  line {line}: {what}: {note}");
        if let State::Compiled(id) = location.state {
            general_of(engine, id, text);
            exits_of(engine, id, text);
        }
    }
    source(code, &compiled, &stopped, text);
}

/// Lines of a trace that call into CPython for what no fast form fits, and why.
fn general_of(engine: &Engine, id: usize, text: &mut String) {
    let Some(executor) = engine.executors.get(id).and_then(Option::as_ref) else { return };
    let mut lines: BTreeMap<(String, u32), BTreeSet<String>> = BTreeMap::new();
    for (code, offset, reason) in &executor.recorded.general {
        let Some(code) = executor.recorded.trace.codes.get(code.0 as usize) else { continue };
        let words = reason.to_string().replace(" is not compiled yet", "").replace(" not compiled yet", "");
        lines.entry((code.name.clone(), code.line(*offset))).or_default().insert(words);
    }
    for ((name, line), reasons) in lines {
        let reasons: Vec<String> = reasons.into_iter().collect();
        let _ = writeln!(text, "    line {line} in {name}: through CPython: {}", reasons.join("; "));
    }
}

fn compiled_note(executor: &Executor) -> String {
    let way = if executor.native.is_some() { "machine code" } else { "trace interpreter" };
    let size = executor.native.as_ref().map_or(String::new(), |code| format!(", {} bytes", code.size));
    let turns =
        if executor.recorded.label.is_some() { format!(", {} turns", executor.turns.get()) } else { String::new() };
    let calls = match (executor.called.get(), executor.made.get()) {
        (0, _) => String::new(),
        (called, 0) => format!(" ({called} by calls)"),
        (called, made) => format!(" ({called} by calls, {made} of them with a frame)"),
    };
    format!(
        "compiled to {way} (trace {}, {} uops{size}, {} side traces); entered {} times{calls}{turns}",
        executor.id,
        executor.recorded.trace.insts.len(),
        executor.sides.borrow().len(),
        executor.times_entered(),
    )
}

/// The exits of a root trace and its side traces that were taken.
fn exits_of(engine: &Engine, root: usize, text: &mut String) {
    let Some(root) = engine.executors.get(root).and_then(Option::as_ref) else { return };
    let mut ids = vec![root.id];
    ids.extend(root.sides.borrow().iter());
    for executor in ids.iter().filter_map(|id| engine.executors.get(*id).and_then(Option::as_ref)) {
        for exit in executor.exits.iter().filter(|exit| exit.taken.get() > 0) {
            let trace = &executor.recorded.trace;
            let reason = match exit.at.and_then(|val| trace.insts.get(val.index())) {
                Some(Inst::Uop(inst)) => inst.uop.name(),
                _ => "end of the trace",
            };
            let frame = trace.snaps.get(exit.snap).and_then(|snap| snap.frames.last());
            let line = frame
                .and_then(|frame| trace.codes.get(frame.code.0 as usize).map(|code| code.line(frame.offset)))
                .unwrap_or(0);
            let next = match (exit.side.get(), &exit.last_failure()) {
                (Some(id), _) => format!(", then continued by trace {id}"),
                (None, Some((why, line))) => format!(", not continued: {why} (line {line})"),
                (None, None) => String::new(),
            };
            let _ = writeln!(
                text,
                "    trace {} left {} times at line {line} ({reason}){next}",
                executor.id,
                exit.taken.get()
            );
        }
    }
}

/// Lines of one code object that a root trace and its side traces run.
fn lines_of(engine: &Engine, root: &Rc<Executor>, owner: usize, lines: &mut BTreeSet<u32>) {
    let mut ids = vec![root.id];
    ids.extend(root.sides.borrow().iter());
    for executor in ids.iter().filter_map(|id| engine.executors.get(*id).and_then(Option::as_ref)) {
        let trace = &executor.recorded.trace;
        for frame in trace.snaps.iter().flat_map(|snap| snap.frames.iter()) {
            if let Some(code) = trace.codes.get(frame.code.0 as usize)
                && code.object == owner as u64
            {
                lines.insert(code.line(frame.offset));
            }
        }
    }
}

/// The source, where it can be read: `+` before lines that run in traces, `!` before lines that stopped one.
fn source(code: &Code, compiled: &BTreeSet<u32>, stopped: &BTreeMap<u32, String>, text: &mut String) {
    let lines: BTreeSet<u32> = code.lines.iter().copied().filter(|line| *line > 0).collect();
    let (Some(first), Some(last), Ok(file)) = (lines.first(), lines.last(), std::fs::read_to_string(&code.file)) else {
        return;
    };
    for (index, line) in file.lines().enumerate().skip(*first as usize - 1) {
        let number = index as u32 + 1;
        if number > *last {
            break;
        }
        let mark = match (compiled.contains(&number), stopped.contains_key(&number)) {
            (true, _) => '+',
            (_, true) => '!',
            _ => ' ',
        };
        let _ = write!(text, "  {mark} {number:5}  {line}");
        if let (false, Some(reason)) = (mark == '+', stopped.get(&number)) {
            let _ = write!(text, "    # {reason}");
        }
        text.push('\n');
    }
}

/// Root traces of a code object with their side traces, in order.
pub fn executors_of(engine: &Engine, code: *mut PyObject) -> Vec<Rc<Executor>> {
    let mut list: Vec<Rc<Executor>> = Vec::new();
    for executor in engine.executors.iter().flatten().filter(|executor| executor.is_root() && executor.code == code) {
        list.push(Rc::clone(executor));
        let sides = executor.sides.borrow();
        list.extend(sides.iter().filter_map(|id| engine.executors.get(*id).cloned().flatten()));
    }
    list
}

/// The heading of a trace in listings.
pub fn heading(executor: &Executor) -> String {
    if executor.is_root() {
        format!("trace {}: {}", executor.id, crate::pipeline::name(executor))
    } else {
        format!("trace {}: side trace of trace {}, from line {}", executor.id, executor.root, executor.line)
    }
}

/// The source line of each allocated operation's value, for listings: from the next snapshot on.
pub fn line_notes(executor: &Executor) -> BTreeMap<u32, u32> {
    let trace = &executor.recorded.trace;
    let mut notes = BTreeMap::new();
    let mut line = 0;
    for (index, inst) in trace.insts.iter().enumerate().rev() {
        if let Inst::Uop(inst) = inst
            && let Some(snap) = inst.snap
            && let Some(frame) = trace.snaps.get(snap).and_then(|snap| snap.frames.last())
            && let Some(code) = trace.codes.get(frame.code.0 as usize)
        {
            line = code.line(frame.offset);
        }
        if line > 0 {
            notes.insert(index as u32, line);
        }
    }
    // Behind the last snapshot: still on its line.
    let last = notes.last_key_value().map(|(index, line)| (*index, *line));
    if let Some((last, line)) = last {
        notes.extend((last + 1..trace.insts.len() as u32).map(|index| (index, line)));
    }
    notes
}
