//! Builtins that go through a generator, from the middle on.
//!
//! Each does what CPython 3.13's does, for what a trace has left: see [`Consumer`] for what it holds.

use crate::capi as ffi;
use crate::host::type_address;
use crate::{PyObject, Raised, objects};
use decal_trace::event::Consumer;
use std::ptr::null_mut;

/// A builtin that is under way. All is borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Which.
    pub consumer: Consumer,
    /// What it goes through.
    pub generator: *mut PyObject,
    /// What it holds.
    pub held: [*mut PyObject; 2],
    /// Of `str.join`: the separator.
    pub separator: *mut PyObject,
}

/// A new reference, or an exception.
type Given = Result<*mut PyObject, Raised>;

fn given(object: *mut PyObject) -> Given {
    if object.is_null() { Err(Raised) } else { Ok(object) }
}

impl Builtin {
    /// Does the rest, beginning with an item, or with what the generator has returned. Runs Python code.
    ///
    /// # Safety
    /// The GIL is held; the objects live, and the item (or result) is handed over.
    ///
    /// # Errors
    /// An exception is set.
    pub unsafe fn run(self, item: Result<*mut PyObject, *mut PyObject>) -> Given {
        // SAFETY: the caller's.
        unsafe {
            match (self.consumer, item) {
                (Consumer::Next, Ok(item)) => Ok(item),
                (Consumer::Next, Err(value)) => self.no_next(value),
                (_, Err(value)) => {
                    objects::decref(value);
                    self.items(null_mut())
                }
                (_, Ok(item)) => self.items(item),
            }
        }
    }

    /// The next item; null at the end.
    unsafe fn next(self) -> Given {
        // SAFETY: a generator is an iterator.
        unsafe {
            let item = ffi::PyIter_Next(self.generator);
            if item.is_null() && !ffi::PyErr_Occurred().is_null() { Err(Raised) } else { Ok(item) }
        }
    }

    /// Goes through the items from this one on, which is null where there are no more.
    unsafe fn items(self, first: *mut PyObject) -> Given {
        // SAFETY: as above.
        unsafe {
            match self.consumer {
                Consumer::Sum => self.sum(first),
                Consumer::Any | Consumer::All => self.test(first, self.consumer == Consumer::Any),
                Consumer::Min | Consumer::Max => self.best(first, self.consumer == Consumer::Max),
                _ => self.collect(first),
            }
        }
    }

    /// `next` at the end: the default, or `StopIteration` with what the generator has returned.
    unsafe fn no_next(self, value: *mut PyObject) -> Given {
        // SAFETY: as above.
        unsafe {
            if !self.held[0].is_null() {
                objects::decref(value);
                return Ok(ffi::Py_NewRef(self.held[0]));
            }
            if value == ffi::Py_None() {
                ffi::PyErr_SetNone(ffi::PyExc_StopIteration);
            } else {
                let exception = ffi::PyObject_CallOneArg(ffi::PyExc_StopIteration, value);
                if !exception.is_null() {
                    ffi::PyErr_SetObject(ffi::PyExc_StopIteration, exception);
                    objects::decref(exception);
                }
            }
            objects::decref(value);
            Err(Raised)
        }
    }

    unsafe fn test(self, mut item: *mut PyObject, wanted: bool) -> Given {
        // SAFETY: as above.
        unsafe {
            while !item.is_null() {
                let truth = ffi::PyObject_IsTrue(item);
                objects::decref(item);
                if truth < 0 {
                    return Err(Raised);
                }
                if (truth != 0) == wanted {
                    return Ok(objects::new_bool(wanted));
                }
                item = self.next()?;
            }
            Ok(objects::new_bool(!wanted))
        }
    }

    unsafe fn best(self, mut item: *mut PyObject, max: bool) -> Given {
        // SAFETY: as above.
        unsafe {
            let mut best = self.held[0];
            objects::incref(best);
            while !item.is_null() {
                if best.is_null() {
                    best = item;
                } else {
                    let operator = if max { ffi::Py_GT } else { ffi::Py_LT };
                    let better = ffi::PyObject_RichCompareBool(item, best, operator);
                    let dropped = if better > 0 { std::mem::replace(&mut best, item) } else { item };
                    objects::decref(dropped);
                    if better < 0 {
                        objects::decref(best);
                        return Err(Raised);
                    }
                }
                item = match self.next() {
                    Ok(item) => item,
                    Err(Raised) => {
                        objects::decref(best);
                        return Err(Raised);
                    }
                };
            }
            if best.is_null() {
                let text = if max { c"max() iterable argument is empty" } else { c"min() iterable argument is empty" };
                ffi::PyErr_SetString(ffi::PyExc_ValueError, text.as_ptr());
            }
            given(best)
        }
    }

    unsafe fn collect(self, mut item: *mut PyObject) -> Given {
        // SAFETY: as above; the container is exact, and only this builtin has it.
        unsafe {
            let held = self.held[0];
            while !item.is_null() {
                let done = match self.consumer {
                    Consumer::Set => ffi::PySet_Add(held, item),
                    _ => ffi::PyList_Append(held, item),
                };
                objects::decref(item);
                if done < 0 {
                    return Err(Raised);
                }
                item = self.next()?;
            }
            match self.consumer {
                Consumer::Tuple => given(ffi::PyList_AsTuple(held)),
                Consumer::Sorted if ffi::PyList_Sort(held) < 0 => Err(Raised),
                Consumer::Join => given(ffi::PyUnicode_Join(self.separator, held)),
                _ => Ok(ffi::Py_NewRef(held)),
            }
        }
    }

    /// `sum`: ints, then floats, then anything.
    unsafe fn sum(self, mut item: *mut PyObject) -> Given {
        // SAFETY: as above; the total is an exact int, or an exact float with what is lost.
        unsafe {
            let [total, lost] = self.held;
            let mut floats = (!lost.is_null()).then(|| (ffi::PyFloat_AS_DOUBLE(total), ffi::PyFloat_AS_DOUBLE(lost)));
            let mut total = ffi::Py_NewRef(total);
            let mut any = false;
            loop {
                if item.is_null() {
                    if let Some((sum, lost)) = floats {
                        objects::decref(total);
                        let sum = if lost != 0.0 && lost.is_finite() { sum + lost } else { sum };
                        return given(objects::new_float(sum));
                    }
                    return Ok(total);
                }
                if let Some((sum, lost)) = &mut floats {
                    if objects::type_of(item) == type_address!(PyFloat_Type) {
                        let new = ffi::PyFloat_AS_DOUBLE(item);
                        let after = *sum + new;
                        *lost += if sum.abs() >= new.abs() { (*sum - after) + new } else { (new - after) + *sum };
                        *sum = after;
                        objects::decref(item);
                        item = self.next_or(&[total])?;
                        continue;
                    }
                    if ffi::PyLong_Check(item) != 0 {
                        let mut overflow = 0;
                        let value = ffi::PyLong_AsLongAndOverflow(item, &raw mut overflow);
                        if overflow == 0 {
                            *sum += value as f64;
                            objects::decref(item);
                            item = self.next_or(&[total])?;
                            continue;
                        }
                    }
                    let as_object = objects::new_float(*sum);
                    objects::decref(std::mem::replace(&mut total, as_object));
                    (floats, any) = (None, true);
                    if total.is_null() {
                        objects::decref(item);
                        return Err(Raised);
                    }
                }
                // As long as nothing else was met, the total is an int.
                let ints = !any;
                let fits = ints && self.both_long(total, item);
                let sum = ffi::PyNumber_Add(total, item);
                objects::decref(item);
                objects::decref(std::mem::replace(&mut total, sum));
                if total.is_null() {
                    return Err(Raised);
                }
                if ints && !fits {
                    // Ints are added as machine numbers first; what comes after is decided here.
                    if objects::type_of(total) == type_address!(PyFloat_Type) {
                        floats = Some((ffi::PyFloat_AS_DOUBLE(total), 0.0));
                    } else {
                        any = true;
                    }
                }
                item = self.next_or(&[total])?;
            }
        }
    }

    /// Whether an int (or a bool) is added to a total, an int, that is a machine number, and the sum is one.
    unsafe fn both_long(self, total: *mut PyObject, item: *mut PyObject) -> bool {
        // SAFETY: as above.
        unsafe {
            let ty = objects::type_of(item);
            if ty != type_address!(PyLong_Type) && ty != type_address!(PyBool_Type) {
                return false;
            }
            let long = |object| {
                let mut overflow = 0;
                let value = ffi::PyLong_AsLongAndOverflow(object, &raw mut overflow);
                (overflow == 0).then_some(value)
            };
            matches!((long(total), long(item)), (Some(a), Some(b)) if a.checked_add(b).is_some())
        }
    }

    /// The next item; these are dropped where that raises.
    unsafe fn next_or(self, dropped: &[*mut PyObject]) -> Given {
        // SAFETY: as above.
        unsafe {
            let item = self.next();
            if item.is_err() {
                dropped.iter().for_each(|object| objects::decref(*object));
            }
            item
        }
    }
}
