//! What a pass has seen stays alive until its trace is recorded, and what the trace names as long as the trace; or the end of it is heard
//! of, and is the pass's or the trace's.
//!
//! A reference to a class, or to the globals of a function from another module, would keep alive all that these lead to: functions,
//! their globals, and with them the very code that the trace was made from, so that neither would ever go; the trace of a decorator
//! would keep the module of whom it decorated, and a pass under way a class whose end somebody waits for. But a class that dies clears its
//! dict first, and dicts are watched.

use super::Observation;
use crate::state::Engine;
use decal_cpython::observe::Assumption;
use decal_cpython::{PyObject, objects};
use decal_trace::event::{Attribute, Bind, Detail, Event, Kind, Operand};

/// The key of a dict that stands for the end of it, or of the class whose dict it is: no object is at this address.
const DIES: u64 = 1;

impl Observation {
    /// Keeps an object alive, or hears of its end.
    pub(super) fn keep(&mut self, engine: &Engine, object: u64) {
        if object == 0 || !self.named.insert(object as usize) {
            return;
        }
        let object = object as *mut PyObject;
        // SAFETY: an object that was just seen, with the GIL held; a class that is alive has its dict.
        unsafe {
            let dict = objects::dict_that_ends(object);
            let dies = Assumption::Dict { dict, key: DIES };
            if dict != 0 && engine.watchers.watch(dies).is_ok() {
                self.assumptions.insert(dies);
            } else {
                objects::incref(object);
                self.keeps.push(object);
            }
        }
    }

    fn keep_operand(&mut self, engine: &Engine, operand: &Operand) {
        self.keep(engine, operand.ty);
        if matches!(operand.kind, Kind::Builtin | Kind::Type) {
            self.keep(engine, operand.object);
        }
    }

    pub(super) fn keep_all(&mut self, engine: &Engine, event: &Event) {
        for operand in &event.operands {
            self.keep_operand(engine, operand);
        }
        for bind in &event.binds {
            if let Bind::Default(operand) = bind {
                self.keep_operand(engine, operand);
            }
        }
        match &event.detail {
            Detail::Global(a) | Detail::Const(a) => self.keep_operand(engine, a),
            Detail::Cell(a, b) => {
                self.keep_operand(engine, a);
                self.keep_operand(engine, b);
            }
            Detail::Enter(callee) => self.keep(engine, callee.by_code.map_or(0, |by_code| by_code.defaults)),
            // Exits make generators of these.
            Detail::Resume(resumed) if resumed.sole => {
                if let Some(code) = self.codes.get(resumed.code.0 as usize) {
                    self.keep(engine, *code as u64);
                }
                if resumed.globals != self.names.0 {
                    self.keep(engine, resumed.globals);
                }
            }
            Detail::Generate(made) => {
                if let Some(code) = self.codes.get(made.callee.code.0 as usize) {
                    self.keep(engine, *code as u64);
                }
                if made.globals != self.names.0 {
                    self.keep(engine, made.globals);
                }
            }
            Detail::Attribute(Attribute::Constant { value, .. }) => self.keep_operand(engine, value),
            Detail::Attribute(Attribute::Method { function, .. }) => self.keep_operand(engine, function),
            Detail::Attribute(Attribute::ClassMethod { function, class, .. }) => {
                self.keep_operand(engine, function);
                self.keep_operand(engine, class);
            }
            _ => {}
        }
    }
}
