//! Functions that are known by their code: those that a call of the function around them makes anew.
//!
//! ```python
//! def solve(graph):
//!     def visit(node): ...      # another object in each call of solve
//! ```
//!
//! A trace that asks for the very object that was seen would leave in the next call of `solve`, and for good. So functions
//! within functions are asked for their code and for what else a frame takes from them, and their cells are loaded.
//!
//! What holds: as long as such a call is inlined, the function is on top of the caller's stack, where the interpreter has it in the
//! callee's frame; that slot keeps it alive, and with it the cells. An exit takes it from there ([`Returns::Called`]). That no such
//! function gets another code or other defaults is watched, for all functions of that code.
//!
//! Cost: four checks, which are made once where the function stays the same in a loop. A function that is a constant needs none.

use super::state::Own;
use super::{AbortReason, Recorder, Step, Sym};
use crate::event::{ByCode, Callee, Event};
use crate::ir::{Region, Val};
use crate::snapshot::Returns;
use decal_uops::Uop;

impl Recorder<'_> {
    /// Makes sure that an object is a function of this code.
    pub(super) fn guard_by_code(&mut self, val: Val, code: u64, by_code: ByCode) {
        let (snap, layout) = (self.snap(), self.host.layout.clone());
        self.e.guard_type(val, self.host.objects.function, snap);
        let [globals, builtins] = layout.function_dicts;
        let wanted = [
            (layout.function_code, code),
            (globals, by_code.globals),
            (builtins, by_code.builtins),
            (layout.function_defaults, by_code.defaults),
        ];
        for (disp, wanted) in wanted.into_iter().filter(|(_, wanted)| *wanted != 0) {
            // There may be no defaults, and then it is another object, too.
            let its = self.e.load(Uop::load_obj_unchecked, val, None, disp, Region::Fixed, None);
            if self.e.constant_of(its) != Some(wanted) {
                self.e.pure(Uop::guard_is, &[its], 0, wanted, Some(snap));
            }
        }
    }

    /// Enters a function of this code, whichever it is.
    pub(super) fn enter_by_code(
        &mut self,
        callee: Callee,
        by_code: ByCode,
        callable: Sym,
        args: Vec<Sym>,
        event: &Event,
    ) -> Step<()> {
        let code = self.rec.codes.get(callee.code.0 as usize).ok_or(AbortReason::Inconsistent("callee"))?;
        if let Sym::Obj(val, _) = callable {
            self.guard_by_code(val, code.object, by_code);
        }
        self.push(callable);
        self.enter_with(Callee { function: 0, ..callee }, &[], args, event, Returns::Called)
    }

    /// The function of the innermost frame, where it is known by its code.
    pub(super) fn function_below(&self) -> Option<Sym> {
        let below = self.frames.len().checked_sub(2).and_then(|below| self.frames.get(below))?;
        below.stack.last().filter(|_| below.returns == Returns::Called).cloned()
    }

    /// Where the frame above exists it has a reference to its function, and the one on the stack goes: who counts references finds as
    /// many as the interpreter has.
    pub(super) fn hand_functions_over(&mut self) {
        for depth in 1..self.frames.len() {
            if self.frames[depth].real.is_none() {
                continue;
            }
            if let Some(Sym::Obj(val, own @ Own::Owned)) = self.function_called_from(depth - 1) {
                *own = Own::Container;
                let val = *val;
                self.decref_plain(val);
            }
        }
    }

    /// Before the frame at this depth goes: its function has a reference of the stack's again.
    pub(super) fn take_function_back(&mut self, depth: usize) {
        if let Some(Sym::Obj(val, own @ Own::Container)) = self.function_called_from(depth - 1) {
            *own = Own::Owned;
            let val = *val;
            self.incref(val);
        }
    }

    fn function_called_from(&mut self, depth: usize) -> Option<&mut Sym> {
        if self.frames[depth].returns != Returns::Called {
            return None;
        }
        self.frames[depth].stack.last_mut()
    }

    /// `COPY_FREE_VARS` of such a function: its cells, which it keeps as long as it lives.
    pub(super) fn copy_cells_of(&mut self, function: Sym, count: u32) -> Step<()> {
        let known = function.object();
        let first = self.here().locals.len().checked_sub(count as usize);
        let first = first.ok_or(AbortReason::Inconsistent("free variables"))?;
        for index in 0..count {
            let cell = self.closure_cell(&function, known, index)?;
            self.top().locals[first + index as usize].sym = cell;
        }
        Ok(())
    }
}
