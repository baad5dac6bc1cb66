//! Constants that snapshots name: a side trace has to know what they are.

use super::Recorder;
use super::state::Sym;
use crate::bytecode::Op;
use crate::event::{Attribute, Bind, Detail, Kind, KnownCall, Operand};
use crate::ir::Trace;
use crate::snapshot::Source;

impl Recorder<'_> {
    /// What the constants are that the trace's snapshots name, by their addresses in order.
    pub(super) fn named_consts(&self, trace: &Trace) -> Vec<Operand> {
        let mut wanted = Vec::new();
        trace.snaps.each_source(&mut |source| {
            if let Source::Const(object) = source {
                wanted.push(*object);
            }
        });
        wanted.sort();
        wanted.dedup();
        let mut found = vec![Operand::NULL; wanted.len()];
        self.each_const(&mut |operand| {
            if let Ok(index) = wanted.binary_search(&operand.object) {
                found[index] = operand;
            }
        });
        found.retain(|operand| *operand != Operand::NULL);
        found
    }

    /// The constant of the parent's snapshots at this address.
    pub(super) fn constant(&self, object: u64) -> Option<Operand> {
        let index = self.consts.binary_search_by_key(&object, |operand| operand.object).ok()?;
        self.consts.get(index).copied()
    }

    /// Calls `visit` with all constants that a snapshot may name, those that are known better last.
    fn each_const(&self, visit: &mut impl FnMut(Operand)) {
        self.consts.iter().for_each(|operand| visit(*operand));
        for event in &self.rec.events {
            for bind in &event.binds {
                match bind {
                    Bind::Default(operand) | Bind::Cell(operand) => visit(*operand),
                    Bind::Keywords(names) => names.iter().for_each(|(name, _)| visit(*name)),
                    Bind::Argument(_) | Bind::Rest(..) | Bind::Closure(_) | Bind::Unbound => {}
                }
            }
            if let (Detail::Known(KnownCall::ByType(_)), Some(result)) = (event.detail, event.operands.last()) {
                visit(*result);
            }
            match event.detail {
                Detail::Const(operand)
                | Detail::Global(operand)
                | Detail::Cell(operand, _)
                | Detail::Function(operand, _) => visit(operand),
                Detail::Attribute(Attribute::Constant { value, .. }) => visit(value),
                Detail::Attribute(Attribute::Method { function, .. }) => visit(function),
                Detail::Attribute(Attribute::ClassMethod { function, class, .. }) => {
                    visit(class);
                    visit(function);
                }
                _ => {}
            }
            if let Op::CopyFreeVars(_) = event.op {
                event.operands.iter().for_each(|cell| visit(*cell));
            }
        }
        self.rec.tuples.values().flatten().for_each(|item| visit(*item));
        let objects = &self.host.objects;
        visit(Operand { object: objects.none, ty: objects.none_type, kind: Kind::None, bits: 0 });
        for value in [false, true] {
            if let Sym::Const(operand) = self.bool_const(value) {
                visit(operand);
            }
        }
    }
}
