//! Calls and generators that a pass comes to: which of them are followed, and why the others are not.

use super::{Observation, Purpose};
use crate::invalidate::FUNCTIONS;
use crate::location::Unroll;
use crate::starts::Start;
use crate::state::Engine;
use decal_cpython::PyObject;
use decal_cpython::frame::Frame;
use decal_cpython::monitoring::only_decal;
use decal_cpython::objects;
use decal_cpython::observe::{Assumption, Calls};
use decal_trace::bytecode::Op;
use decal_trace::event::CodeId;
use decal_trace::record::MAX_DEPTH;

/// Changes of one thing that traces took as fixed, after which they do not any more.
const VOLATILE: u32 = 2;
/// How deep calls are followed by sparing passes.
const SPARING_DEPTH: u32 = 3;
/// How often the same code may be among the frames: recursion is followed so far.
const MAX_RECURSION: usize = 4;
/// The same where what comes then is a native call. Most recursions are visits of data, which take all the ways that there are, and
/// these multiply with each level.
const NATIVE_RECURSION: usize = 2;
/// The same where a function is known to take few ways: see [`Unroll`].
const MOST_RECURSION: usize = 5;

/// What the observer asks about calls.
pub(super) struct Inlining<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) observation: &'a mut Observation,
}

impl Inlining<'_> {
    /// How often this code may be among the frames.
    fn most_recursion(&mut self, code: *mut PyObject, plain: bool) -> usize {
        if !plain || !self.has_trace(code) {
            return MAX_RECURSION;
        }
        if self.engine.is_looping_recursion(code) {
            return 0;
        }
        let place = match &self.observation.purpose {
            Purpose::Root { offset, .. } => (self.observation.code as usize, *offset),
            Purpose::Side { parent, .. } => {
                let root = self.engine.executors.get(parent.root).and_then(Option::as_ref);
                root.map_or((0, 0), |root| (root.code as usize, root.offset))
            }
        };
        let location = self.engine.locations.get(&place);
        if location.is_some_and(|location| location.unroll == Unroll::Long) { MOST_RECURSION } else { NATIVE_RECURSION }
    }

    /// Whether a function has a trace from its start, or gets one now, and no loops: another trace could lead to them.
    fn has_trace(&mut self, code: *mut PyObject) -> bool {
        let own =
            matches!(self.observation.purpose, Purpose::Root { function: true, .. }) && self.observation.code == code;
        let open = self.engine.doors.get(&(code as usize)).is_some_and(|door| door.is_open());
        let recursive = self.engine.is_looping_recursion(code);
        let promised = recursive && !matches!(self.engine.starts.get(&(code as usize)), None | Some(Start::Never));
        own || open || promised
    }

    fn may_follow(&self, code: *mut PyObject, depth: u32) -> Result<(), &'static str> {
        if depth as usize >= MAX_DEPTH {
            return Err("calls within calls, deeper than traces follow");
        }
        if self.engine.codes.get(&(code as usize)).is_some_and(|state| state.forbidden) {
            return Err("a function with @decal.nojit");
        }
        Ok(())
    }
}

impl Calls for Inlining<'_> {
    fn generate(&mut self, code: *mut PyObject) -> Result<(CodeId, u32), &'static str> {
        let (id, keeps) = self.resume(code, 0)?;
        if !keeps {
            return Err("a generator function around this loop");
        }
        let Some(decoded) = self.engine.code(code) else { return Err("a generator that cannot be read") };
        let first = decoded.starting_at(0);
        let first = match first.map(|first| (first.op, first.next)) {
            Some((Op::CopyFreeVars(_), next)) => decoded.starting_at(next),
            _ => first,
        };
        let begin = first.filter(|first| first.op == Op::Unsupported("RETURN_GENERATOR"));
        begin.map(|begin| (id, begin.next)).ok_or("a generator function that is not plain")
    }

    fn resume(&mut self, code: *mut PyObject, depth: u32) -> Result<(CodeId, bool), &'static str> {
        let Some(decoded) = self.engine.code(code) else { return Err("a generator that cannot be read") };
        decoded.resumable?;
        self.may_follow(code, depth)?;
        // SAFETY: the generator's code is alive.
        if !unsafe { only_decal(code) } {
            return Err("a function that another tool watches");
        }
        let id = self.observation.code_id(self.engine, code).map(|(id, _)| id);
        // A trace keeps the code of what it makes, which must not keep the trace's own.
        // SAFETY: code of a live frame and of a live generator or function.
        let keeps = unsafe { !objects::contains_code(code, self.observation.code) };
        id.map(|id| (id, keeps)).ok_or("a function that cannot be watched")
    }

    fn is_observed(&self, frame: Frame) -> bool {
        self.observation.frames.iter().any(|watched| watched.frame == frame.address())
    }

    fn enter(&mut self, code: *mut PyObject, depth: u32, plain: bool) -> Result<CodeId, &'static str> {
        let Some(decoded) = self.engine.code(code) else { return Err("a function that cannot be read") };
        decoded.inlinable?;
        self.may_follow(code, depth)?;
        let sparing = self.observation.sparing;
        if sparing >= 1 && !decoded.heads.is_empty() {
            return Err("a function with loops, in a pass that would be too long with it");
        }
        if sparing >= 3 || sparing >= 2 && depth > SPARING_DEPTH {
            return Err("a call that would make the pass too long");
        }
        let same = self.observation.frames.iter().filter(|watched| watched.decoded.code.object == code as u64);
        let same = same.count();
        if same >= self.most_recursion(code, plain) {
            return Err("recursion that is deeper than traces follow");
        }
        let known = self.observation.code_id(self.engine, code);
        let (id, _) = known.ok_or("a function that cannot be watched")?;
        // Asked only now, because code that has not run for long learns only here which tools there are.
        // SAFETY: the function's code is alive.
        if unsafe { only_decal(code) } { Ok(id) } else { Err("a function that another tool watches") }
    }

    fn is_native(&mut self, code: *mut PyObject) -> bool {
        self.has_trace(code)
    }

    fn is_volatile(&self, what: Assumption) -> bool {
        let place = match what {
            Assumption::Dict { dict, key } => (dict, key),
            Assumption::Type(address) | Assumption::Function(address) => (address, 0),
            Assumption::Functions(code) => (code, FUNCTIONS),
        };
        self.engine.changes.get(&place).is_some_and(|changes| *changes >= VOLATILE)
    }
}
