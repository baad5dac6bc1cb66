//! What a pass has seen stays alive until its trace is recorded.

use super::Observation;
use decal_cpython::{PyObject, objects};
use decal_trace::event::{Attribute, Bind, Detail, Event, Kind, Operand};

impl Observation {
    /// Keeps an object alive for the time of the pass.
    pub(super) fn keep(&mut self, object: u64) {
        if object != 0 && self.keeps.insert(object as usize) {
            // SAFETY: an object that was just seen, with the GIL held.
            unsafe { objects::incref(object as *mut PyObject) };
        }
    }

    pub(super) fn keep_operand(&mut self, operand: &Operand) {
        self.keep(operand.ty);
        if matches!(operand.kind, Kind::Builtin | Kind::Type) {
            self.keep(operand.object);
        }
    }

    pub(super) fn keep_all(&mut self, event: &Event) {
        for operand in &event.operands {
            self.keep_operand(operand);
        }
        for bind in &event.binds {
            if let Bind::Default(operand) = bind {
                self.keep_operand(operand);
            }
        }
        match &event.detail {
            Detail::Global(a) | Detail::Const(a) => self.keep_operand(a),
            Detail::Cell(a, b) => {
                self.keep_operand(a);
                self.keep_operand(b);
            }
            Detail::Enter(callee) => self.keep(callee.by_code.map_or(0, |by_code| by_code.defaults)),
            // Exits make generators of these.
            Detail::Resume(resumed) if resumed.sole => {
                if let Some(code) = self.codes.get(resumed.code.0 as usize) {
                    self.keep(*code as u64);
                }
                if resumed.globals != self.names.0 {
                    self.keep(resumed.globals);
                }
            }
            Detail::Generate(made) => {
                if let Some(code) = self.codes.get(made.callee.code.0 as usize) {
                    self.keep(*code as u64);
                }
                if made.globals != self.names.0 {
                    self.keep(made.globals);
                }
            }
            Detail::Attribute(Attribute::Constant { value, .. }) => self.keep_operand(value),
            Detail::Attribute(Attribute::Method { function, .. }) => self.keep_operand(function),
            Detail::Attribute(Attribute::ClassMethod { function, class, .. }) => {
                self.keep_operand(function);
                self.keep_operand(class);
            }
            _ => {}
        }
    }
}
