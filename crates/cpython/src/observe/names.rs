//! Constants, globals, cells: what an instruction finds by its index in the code.

use super::{Assumption, Calls, Observer, operand};
use crate::capi as ffi;
use crate::helpers::keys;
use crate::host::type_address;
use crate::version::layout;
use crate::{PyObject, objects, watch};
use decal_trace::event::{Detail, Operand};

impl Observer {
    pub(super) unsafe fn raw_code(&self) -> *mut layout::Code {
        self.frame.code().cast()
    }

    /// A name of the code; null where the index makes no sense.
    pub(super) unsafe fn name(&self, index: u32) -> *mut PyObject {
        // SAFETY: the code is alive, and so are its tuples.
        unsafe {
            let names = objects::tuple_items((*self.raw_code()).names);
            names.get(index as usize).copied().unwrap_or(std::ptr::null_mut())
        }
    }

    pub(super) unsafe fn constant(&mut self, index: u32) -> Detail {
        // SAFETY: as above.
        unsafe {
            let constants = objects::tuple_items((*self.raw_code()).consts);
            let object = constants.get(index as usize).copied().unwrap_or(std::ptr::null_mut());
            self.constant_tuple(object);
            Detail::Const(operand(object))
        }
    }

    /// Notes the items of a constant tuple, and of those in it.
    pub(super) unsafe fn constant_tuple(&mut self, object: *mut PyObject) {
        // SAFETY: constants are alive and do not change.
        unsafe {
            if objects::type_of(object) != type_address!(PyTuple_Type) {
                return;
            }
            let items = objects::tuple_items(object);
            self.tuples.push((object as u64, items.iter().map(|item| operand(*item)).collect()));
            for item in items {
                self.constant_tuple(*item);
            }
        }
    }

    pub(super) unsafe fn global(&mut self, name: u32, calls: &mut dyn Calls) -> Detail {
        // SAFETY: the frame's dicts are alive.
        unsafe {
            let name = self.name(name);
            for dict in [self.frame.globals(), self.frame.builtins()] {
                if name.is_null() || !is_plain_dict(dict) {
                    break;
                }
                let value = ffi::PyDict_GetItemWithError(dict, name);
                let fixed = Assumption::Dict { dict: dict as u64, key: name as u64 };
                if calls.is_volatile(fixed) && !value.is_null() {
                    let entry = keys::entry_of(dict, name).map_or(0, |(_, entry)| entry);
                    return Detail::GlobalIn { dict: dict as u64, name: name as u64, entry };
                }
                self.assumptions.push(fixed);
                if !value.is_null() {
                    return Detail::Global(operand(value));
                }
            }
        }
        Detail::Global(Operand::NULL)
    }

    /// A global that changes often, is there, and is watched by nobody else. And its value.
    pub(super) unsafe fn stored_global(&mut self, name: u32, calls: &mut dyn Calls) -> Option<(Detail, *mut PyObject)> {
        // SAFETY: the frame's dict is alive.
        unsafe {
            let (name, dict) = (self.name(name), self.frame.globals());
            let others = !watch::dict_watcher();
            if name.is_null()
                || !is_plain_dict(dict)
                || (*dict.cast::<layout::Dict>()).watchers as u8 & others != 0
                || !calls.is_volatile(Assumption::Dict { dict: dict as u64, key: name as u64 })
            {
                return None;
            }
            let (place, entry) = keys::entry_of(dict, name)?;
            Some((Detail::GlobalTo { dict: dict as u64, name: name as u64, entry, others }, *place))
        }
    }

    pub(super) unsafe fn cell(&mut self, slot: u32) -> Detail {
        // SAFETY: the slot's object is alive; a cell has this layout.
        unsafe {
            let cell = self.local(slot);
            if objects::type_of(cell) != type_address!(PyCell_Type) {
                return Detail::None;
            }
            Detail::Cell(operand(cell), operand((*cell.cast::<layout::Cell>()).content))
        }
    }

    pub(super) unsafe fn closure(&mut self, count: u32) {
        // SAFETY: the frame's function is alive; it is an exact function where the code has free variables.
        unsafe {
            let function = self.frame.function();
            if objects::type_of(function) != type_address!(PyFunction_Type) {
                return;
            }
            let cells = objects::tuple_items((*function.cast::<layout::Function>()).closure);
            for cell in cells.iter().take(count as usize) {
                self.take(*cell);
            }
        }
    }
}

/// Whether this is a `dict` whose keys are all `str`, so that looking up a name runs no Python code.
pub(crate) unsafe fn is_plain_dict(dict: *mut PyObject) -> bool {
    // SAFETY: a live object or null; an exact dict has this layout.
    unsafe {
        !dict.is_null()
            && objects::type_of(dict) == type_address!(PyDict_Type)
            && (*(*dict.cast::<layout::Dict>()).keys).kind != 0
    }
}
