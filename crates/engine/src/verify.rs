//! Checked execution (`DECAL_VERIFY`): before a trace is entered, what it will do is compared with what it was recorded from.
//!
//! Each trace is recorded twice, once without the optimizer; that one is the reference. Both run on a shadow of the state, so that
//! nothing has happened when they are compared ([`decal_trace::eval::compare`]). Where an exit has a side trace, that is compared next.
//! Where they differ the trace is not entered but retired, CPython goes on with the answer that is its own, and a report
//! says all that is needed to see it again ([`decal_trace::eval::case`]).
//!
//! Whether machine code does what the trace says is the other half: [`native`].

mod native;
mod report;

use crate::enter::Site;
use crate::executor::Executor;
use crate::machine;
use crate::options::Verify;
use crate::state::Engine;
use decal_trace::eval::Left;
use decal_trace::eval::case::{Case, FloatCalls};
use decal_trace::eval::compare::{Place, Verdict};
use decal_trace::eval::shadow::{Beneath, Setting, Shadow};
use decal_trace::ir::Trace;
use decal_uops::Context;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use native::Tried;

/// Side traces that are followed at one entry.
const SEGMENTS: usize = 8;
/// Slots of an operand stack, at most, as far as this cares.
const STACK: u64 = 64;

/// The process's memory, and what was asked of it.
#[derive(Default)]
struct Live {
    reads: RefCell<BTreeMap<u64, u64>>,
    floats: RefCell<FloatCalls>,
}

impl Beneath for Live {
    fn word(&self, address: u64) -> u64 {
        let word = machine::load(address);
        self.reads.borrow_mut().insert(address, word);
        word
    }

    fn call_float(&self, function: u64, a: f64, b: f64) -> f64 {
        let result = machine::call_float(function, a, b);
        self.floats.borrow_mut().insert((function, a.to_bits(), b.to_bits()), result.to_bits());
        result
    }
}

/// What a shadow has to know of a context.
fn setting(context: &Context) -> Setting {
    let Context { breaker, breaker_quiet: quiet, .. } = *context;
    Setting { context: std::ptr::from_ref(context) as u64, breaker, quiet }
}

/// Whether a trace may be entered as far as checking goes. Where not it is gone by now.
pub fn agrees(engine: &mut Engine, site: &Site, root: &Rc<Executor>) -> bool {
    engine.options.verify == Verify::Off || is_as_recorded(engine, site, root) && native::agrees(engine, site, root)
}

/// A context as for entering.
fn context(site: &Site) -> Box<Context> {
    let mut context = Box::new(Context::new());
    context.frame = site.frame.address();
    context.thread = site.thread.address();
    context.breaker = site.thread.breaker_address();
    context.breaker_quiet = site.thread.breaker_quiet();
    context
}

/// Whether traces do what their references do.
fn is_as_recorded(engine: &mut Engine, site: &Site, root: &Rc<Executor>) -> bool {
    let host = engine.host.clone();
    let context = context(site);
    let first = context.frame + host.layout.frame_locals as u64;
    let locals = root.recorded.trace.codes.first().map_or(0, |code| u64::from(code.locals));
    let place = Place { host: &host, slots: first..first + 8 * (locals + STACK) };
    let live = Live::default();
    let mut shadow = Shadow::new(&host, &live, setting(&context));
    let (mut current, mut above): (_, Vec<u64>) = (Rc::clone(root), Vec::new());
    for _ in 0..SEGMENTS {
        let Some(reference) = current.recorded.reference.as_deref() else { return true };
        let params = |trace: &Trace| -> Vec<u64> {
            trace.origins.iter().map(|origin| above.get(origin.index()).copied().unwrap_or(0)).collect()
        };
        let (slow, trace) = (params(reference), &current.recorded.trace);
        let own = params(trace);
        let (verdict, fast) = place.compare(&shadow, (reference, &slow), (trace, &own));
        match verdict {
            Verdict::Same => engine.counters.verified[0] += 1,
            Verdict::Partly => engine.counters.verified[1] += 1,
            Verdict::Unclear => engine.counters.verified[2] += 1,
            Verdict::Differs(what) => {
                engine.counters.verified[3] += 1;
                let case = Case {
                    host: host.clone(),
                    setting: setting(&context),
                    slots: place.slots.clone(),
                    made: shadow.made(),
                    // What was written before hides what is beneath.
                    memory: live.reads.take().into_iter().chain(shadow.written.clone()).collect(),
                    floats: live.floats.take(),
                    params: [slow, own],
                    traces: [reference.clone(), trace.clone()],
                };
                let text = report::of_traces(engine, &current, &what, &case);
                let why = format!("trace {} differs from what it was recorded from: {what}", current.id);
                report::retire(engine, root, current.id, &why, &text);
                return false;
            }
        }
        let Left::Exit { at, snap, values } = fast.left else { return true };
        let side = current.exit_of(at, snap).and_then(|index| current.exits.get(index.0 as usize)?.side.get());
        let Some(side) = side.and_then(|id| root.member(id as usize)) else { return true };
        (current, above, shadow) = (side, values, fast.shadow);
    }
    true
}
