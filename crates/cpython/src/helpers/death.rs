//! What may die in a trace: objects whose end runs no Python code.
//!
//! A trace drops references without the frames being exact, so that nothing may run that could look at them: no `__del__`,
//! no callback of a weak reference, nobody's C code that we do not know. Asked before the drop, [`may_die_all`] walks over
//! what would die with the objects, by the types' own `tp_traverse`, as the garbage collector does when it takes
//! internal references away: an object dies when all its references come from objects that die.
//!
//! Plain objects and those that others hold are told at once. Cost: the objects that would die; with too many of them the answer is
//! no, and the trace is left, so that CPython sees them die.

use super::keys::all_items;
use crate::capi as ffi;
use crate::host::type_address;
use crate::observe::known::is_iterator;
use crate::version::{bytecode, checks, layout};
use crate::{PyObject, objects};
use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};

/// Objects that are looked at before the answer is no.
const LIMIT: usize = 200;
/// Places in the table of them.
const PLACES: usize = 256;

/// Whether the death of this object frees nothing but itself and runs no code.
#[inline(always)]
pub(super) unsafe fn is_plain(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    let ty = unsafe { objects::type_of(object) };
    ty == type_address!(PyLong_Type)
        || ty == type_address!(PyFloat_Type)
        || ty == type_address!(PyUnicode_Type)
        || ty == type_address!(PyBool_Type)
        || ty == type_address!(PyBytes_Type)
        || ty == type_address!(PyRangeIter_Type)
        // SAFETY: `None` lives forever.
        || object == unsafe { ffi::Py_None() }
}

unsafe fn is_immortal(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { (objects::count(object) as i32) < 0 }
}

/// Whether the end of objects of this type only drops references that `tp_traverse` shows.
unsafe fn dies_quietly(object: *mut PyObject) -> bool {
    // SAFETY: a live object and its type.
    unsafe {
        let address = objects::type_of(object);
        let ty = address as *mut ffi::PyTypeObject;
        if (*ty).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 {
            return is_plain_instance_type(ty) && !has_weak_references(object);
        }
        if address == type_address!(PyGen_Type) {
            return generator_dies_quietly(object);
        }
        // Sets and methods can have weak references.
        is_quiet_builtin(address) && !has_weak_references(object)
    }
}

/// Types of CPython itself, which live forever, that were found to be such: by their addresses.
static FOUND: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// Whether instances of this type of CPython itself end quietly. Asked for each object that ends: what was asked is remembered.
fn is_quiet_builtin(address: u64) -> bool {
    let found = &FOUND[(address as usize >> 5) % FOUND.len()];
    if found.load(Ordering::Relaxed) == address {
        return true;
    }
    let known = [
        type_address!(PyTuple_Type),
        type_address!(PyList_Type),
        type_address!(PyDict_Type),
        type_address!(PySet_Type),
        type_address!(PyFrozenSet_Type),
        type_address!(PyMethod_Type),
        type_address!(PyCell_Type),
        type_address!(PyListIter_Type),
        type_address!(PyTupleIter_Type),
        type_address!(PyEnum_Type),
        type_address!(PyZip_Type),
        type_address!(PyReversed_Type),
        type_address!(PyDictItems_Type),
        type_address!(PyDictKeys_Type),
        type_address!(PyDictValues_Type),
        type_address!(PyDictIterItem_Type),
        type_address!(PyDictIterKey_Type),
        type_address!(PyDictIterValue_Type),
        type_address!(PySetIter_Type),
        type_address!(PySlice_Type),
        type_address!(PyRange_Type),
        type_address!(PyByteArray_Type),
        type_address!(PyFunction_Type),
    ];
    let quiet = known.contains(&address) || is_iterator(address);
    if quiet {
        found.store(address, Ordering::Relaxed);
    }
    quiet
}

/// The same for a generator: it is over, has not begun, or is suspended where closing it runs nothing.
unsafe fn generator_dies_quietly(object: *mut PyObject) -> bool {
    // SAFETY: an exact generator.
    unsafe {
        let raw = &*object.cast::<layout::Generator>();
        let free = raw.weak_references.is_null() && raw.handled.exception.is_null() && raw.frame.frame_object.is_null();
        let quiet = match raw.state {
            layout::generator_state::CREATED => true,
            layout::generator_state::SUSPENDED => bytecode::is_outside_of_handlers(*raw.frame.instr_ptr),
            state => state > layout::generator_state::EXECUTING,
        };
        free && quiet
    }
}

/// Classes of the standard library in C whose objects hold nothing but what `tp_traverse` shows, and let go of it and no more. Names
/// of classes, or of modules where they end in a dot.
const QUIET: [&CStr; 12] = [
    c"re.",
    c"itertools.",
    c"collections.",
    c"functools.partial",
    c"operator.",
    c"decimal.Decimal",
    c"array.",
    c"_struct.",
    c"_random.Random",
    c"_json.",
    c"datetime.",
    c"xml.etree.ElementTree.Element",
];

/// Whether this class in C is one of them.
unsafe fn is_quiet(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live class, whose name is a C string.
    let name = unsafe { CStr::from_ptr((*ty).tp_name) }.to_bytes();
    QUIET
        .iter()
        .map(|known| known.to_bytes())
        .any(|known| if known.ends_with(b".") { name.starts_with(known) } else { name == known })
}

/// Whether instances of this class end as those of plain classes: no finalizer, no base in C but `object` and those whose
/// end is known.
unsafe fn is_plain_instance_type(ty: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live class; its bases live.
    unsafe {
        if (*ty).tp_finalize.is_some() || (*ty).tp_del.is_some() {
            return false;
        }
        let known = [
            &raw mut ffi::PyBaseObject_Type,
            &raw mut ffi::PyList_Type,
            &raw mut ffi::PyDict_Type,
            &raw mut ffi::PyTuple_Type,
            &raw mut ffi::PySet_Type,
            &raw mut ffi::PyFrozenSet_Type,
        ];
        let mut base = ty;
        loop {
            if known.contains(&base) {
                return true;
            }
            // Classes of Python code share one function for this, and so do those in C that have nothing to add.
            let shared = (*base).tp_dealloc.map(|dealloc| dealloc as usize) == checks::class_dealloc();
            let heap = (*base).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
            if !heap || (*base).tp_base.is_null() {
                return false;
            }
            if !shared {
                return is_quiet(base);
            }
            base = (*base).tp_base;
        }
    }
}

/// Whether an object that dies is an instance of a plain class, with nothing but plain objects in its attributes: most that die in
/// loops are.
unsafe fn holds_plain(object: *mut PyObject, alone: bool) -> bool {
    const HEAD: isize = size_of::<PyObject>() as isize;
    // SAFETY: a live object; where its type says so, and they are valid, its attributes are right behind its head.
    unsafe {
        let ty = ffi::Py_TYPE(object);
        let wanted = ffi::Py_TPFLAGS_HEAPTYPE | layout::TYPE_INLINE_VALUES;
        // A slot, or a base in C, would take room.
        if (*ty).tp_flags & wanted != wanted || (*ty).tp_basicsize != HEAD || (*ty).tp_itemsize != 0 {
            return false;
        }
        let byte = |at: i32| *object.byte_offset(at as isize).cast::<u8>();
        if byte(layout::INLINE_VALID) != 1 {
            return false;
        }
        let first = object.byte_offset(layout::INLINE_FIRST as isize).cast::<*mut PyObject>();
        let values = std::slice::from_raw_parts(first, byte(layout::INLINE_CAPACITY).into());
        hold_plain(values, alone)
            && is_plain_instance_type(ty)
            && !has_weak_references(object)
            && (*object.byte_offset(layout::MANAGED_DICT as isize).cast::<*mut PyObject>()).is_null()
    }
}

/// Whether nothing but plain objects ends with all these, one reference to each of which goes away. Where nothing else dies (`alone`),
/// an object that has more references than there are items stays.
unsafe fn hold_plain(items: &[*mut PyObject], alone: bool) -> bool {
    // SAFETY: live objects or null.
    let kept = |item| unsafe { is_immortal(item) || alone && objects::count(item) as usize > items.len() };
    // SAFETY: as above.
    items.iter().all(|item| unsafe { item.is_null() || is_plain(*item) || kept(*item) || ends_plainly(*item, DEPTH) })
}

/// Lists and tuples in each other that are looked into.
const DEPTH: u32 = 3;

/// Whether nothing but plain objects ends with this one, when a reference to it goes: it is plain itself, or a list or tuple that nobody
/// else has, of such ones.
unsafe fn ends_plainly(object: *mut PyObject, depth: u32) -> bool {
    // SAFETY: a live object; layouts are those of the exact types that are asked for.
    unsafe {
        if is_plain(object) || is_immortal(object) {
            return true;
        }
        if depth == 0 || !objects::is_last(object) {
            return false;
        }
        let ty = objects::type_of(object);
        let items: &[*mut PyObject] = if ty == type_address!(PyList_Type) {
            super::sequences::items(object)
        } else if ty == type_address!(PyTuple_Type) {
            objects::tuple_items(object)
        } else {
            return false;
        };
        items.iter().all(|item| item.is_null() || is_plain(*item) || ends_plainly(*item, depth - 1))
    }
}

/// Whether nothing but plain objects ends with this list, tuple or set, which has no weak references.
unsafe fn container_holds_plain(object: *mut PyObject, alone: bool) -> bool {
    // SAFETY: a live object; layouts are those of the exact types that are asked for.
    unsafe {
        let plain = |item: *mut PyObject| item.is_null() || is_immortal(item) || is_plain(item);
        let ty = objects::type_of(object);
        if ty == type_address!(PyList_Type) {
            hold_plain(super::sequences::items(object), alone)
        } else if ty == type_address!(PyTuple_Type) {
            hold_plain(objects::tuple_items(object), alone)
        } else if ty == type_address!(PyDict_Type) {
            let most = 2 * (*object.cast::<layout::Dict>()).used;
            let kept = |item| alone && objects::count(item) > most;
            all_items(object, |key, value| (plain(key) || kept(key)) && (kept(value) || ends_plainly(value, DEPTH)))
        } else if ty == type_address!(PySet_Type) {
            let raw = &*object.cast::<layout::Set>();
            let entries = std::slice::from_raw_parts(raw.table, raw.mask as usize + 1);
            raw.weak_references.is_null() && entries.iter().all(|entry| entry.hash == -1 || plain(entry.key))
        } else {
            false
        }
    }
}

unsafe fn has_weak_references(object: *mut PyObject) -> bool {
    // SAFETY: where the type has such a place, it holds the list of weak references.
    unsafe {
        let ty = objects::type_of(object) as *mut ffi::PyTypeObject;
        let at = (*ty).tp_weaklistoffset;
        at != 0 && !(*object.byte_offset(at).cast::<*mut PyObject>()).is_null()
    }
}

/// Objects that may die, and their references that are not accounted for yet. What is not in use is not even written: most
/// walks are short.
struct Walk {
    found: [MaybeUninit<(*mut PyObject, isize)>; LIMIT],
    count: usize,
    /// Where an object is in `found`, by its address, from 1 on; 0 where the place is free.
    places: [u8; PLACES],
    /// Those without references left, by where they are, that have not let go of what they hold.
    dying: [MaybeUninit<u8>; LIMIT],
    pending: usize,
    too_many: bool,
}

impl Walk {
    fn new() -> Walk {
        Walk {
            found: [const { MaybeUninit::uninit() }; LIMIT],
            count: 0,
            places: [0; PLACES],
            dying: [const { MaybeUninit::uninit() }; LIMIT],
            pending: 0,
            too_many: false,
        }
    }

    /// Notes an object that is met for the first time, with so many references left.
    fn add(&mut self, object: *mut PyObject, left: isize, place: usize) {
        if self.count == LIMIT {
            self.too_many = true;
            return;
        }
        self.found[self.count].write((object, left));
        self.count += 1;
        self.places[place] = self.count as u8;
        if left <= 0 {
            self.dies(self.count - 1);
        }
    }

    fn dies(&mut self, at: usize) {
        self.dying[self.pending].write(at as u8);
        self.pending += 1;
    }

    /// One reference to an object goes away.
    unsafe fn take(&mut self, object: *mut PyObject) {
        // SAFETY: a live object.
        unsafe {
            // A class holds itself: its instances do not take it along.
            if is_immortal(object) || is_plain(object) || ffi::PyType_Check(object) != 0 {
                return;
            }
            // Addresses are multiples of 16.
            let mut place = (object as usize >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - 8);
            while self.places[place] != 0 {
                let at = usize::from(self.places[place]) - 1;
                // SAFETY: places lead to what was written.
                let known = self.found[at].assume_init_mut();
                if known.0 == object {
                    known.1 -= 1;
                    if known.1 == 0 {
                        self.dies(at);
                    }
                    return;
                }
                place = (place + 1) % PLACES;
            }
            self.add(object, objects::count(object) - 1, place);
        }
    }

    /// Whether all that is found to have no references left dies quietly, and lets go of what it holds: others may follow.
    unsafe fn end(&mut self) -> c_int {
        // SAFETY: live objects; what is pending was found.
        unsafe {
            while !self.too_many && self.pending > 0 {
                self.pending -= 1;
                let at = self.dying[self.pending].assume_init();
                let (object, _) = self.found[usize::from(at)].assume_init();
                if !dies_quietly(object) {
                    return 0;
                }
                let ty = objects::type_of(object) as *mut ffi::PyTypeObject;
                if let Some(traverse) = (*ty).tp_traverse
                    && (*ty).tp_flags & ffi::Py_TPFLAGS_HAVE_GC != 0
                {
                    traverse(object, visit, (&raw mut *self).cast());
                }
            }
            (!self.too_many).into()
        }
    }
}

unsafe extern "C" fn visit(object: *mut PyObject, walk: *mut c_void) -> c_int {
    // SAFETY: `tp_traverse` hands over live objects and what it was given.
    unsafe {
        let walk = &mut *walk.cast::<Walk>();
        walk.take(object);
        walk.too_many.into()
    }
}

/// What objects that end hold, apart from what ends with them because nobody else has it.
struct Held {
    /// Objects, and how many references to them go.
    objects: [MaybeUninit<(*mut PyObject, isize)>; MOST_HELD],
    count: usize,
    /// How much deeper it may be looked.
    depth: u32,
}

/// Objects that are told from each other by looking at each.
const MOST_HELD: usize = 8;

unsafe extern "C" fn hold(object: *mut PyObject, held: *mut c_void) -> c_int {
    // SAFETY: `tp_traverse` hands over live objects and what it was given.
    unsafe {
        if is_immortal(object) || is_plain(object) || ffi::PyType_Check(object) != 0 {
            return 0;
        }
        let held = &mut *held.cast::<Held>();
        if objects::is_last(object) {
            held.depth -= 1;
            let stops = held.depth == 0 || !held.lets_go(object);
            held.depth += 1;
            return stops.into();
        }
        held.takes_last(object).into()
    }
}

impl Held {
    /// One reference goes to an object that others have, too. Whether that is the last one, or there are too many of them.
    unsafe fn takes_last(&mut self, object: *mut PyObject) -> bool {
        for known in &mut self.objects[..self.count] {
            // SAFETY: so many are written; live objects.
            unsafe {
                let known = known.assume_init_mut();
                if known.0 == object {
                    known.1 += 1;
                    return known.1 >= objects::count(object);
                }
            }
        }
        let Some(free) = self.objects.get_mut(self.count) else { return true };
        free.write((object, 1));
        self.count += 1;
        false
    }

    /// Adds what this object holds, which ends; whether it ends quietly, and nothing that others have ends with it.
    unsafe fn lets_go(&mut self, object: *mut PyObject) -> bool {
        // SAFETY: a live object; its type's `tp_traverse` shows what it holds.
        unsafe {
            let ty = ffi::Py_TYPE(object);
            let traverse = (*ty).tp_traverse.filter(|_| (*ty).tp_flags & ffi::Py_TPFLAGS_HAVE_GC != 0);
            dies_quietly(object) && traverse.is_none_or(|traverse| traverse(object, hold, (&raw mut *self).cast()) == 0)
        }
    }
}

/// Whether the last reference to this object takes nothing along that something else has, too: views, iterators, bound methods, functions
/// mostly do not. A walk would find the same, and has a table to fill.
unsafe fn goes_without_others(object: *mut PyObject) -> bool {
    let mut held = Held { objects: [const { MaybeUninit::uninit() }; MOST_HELD], count: 0, depth: DEPTH };
    // SAFETY: the caller's.
    unsafe { held.lets_go(object) }
}

/// Whether a reference to each of these objects may be dropped in a trace.
pub unsafe fn may_die_all(list: *const *mut PyObject, count: usize) -> c_int {
    // SAFETY: as many live objects as it says.
    unsafe {
        let list = std::slice::from_raw_parts(list, count);
        // Where none of them dies, nothing that they hold does. An object can stand in the list several times.
        let survives = |object: *mut PyObject| {
            let references = objects::count(object) as usize;
            references > count || references > list.iter().filter(|other| **other == object).count()
        };
        let alone = count == 1;
        let goes_alone = |object| container_holds_plain(object, alone) || holds_plain(object, alone);
        let at_once = |object: *mut PyObject| {
            is_immortal(object)
                || is_plain(object)
                || survives(object)
                || objects::is_last(object) && goes_alone(object)
        };
        if list.iter().all(|object| at_once(*object)) {
            return 1;
        }
        let mut walk = Walk::new();
        for object in list {
            walk.take(*object);
        }
        walk.end()
    }
}

/// The same for a list that a null ends.
pub unsafe extern "C" fn may_die_listed(list: *const *mut PyObject) -> c_int {
    // SAFETY: live objects, and a null behind them.
    unsafe {
        let mut count = 0;
        while !(*list.add(count)).is_null() {
            count += 1;
        }
        may_die_all(list, count)
    }
}

/// Whether an object that the collector tracks, and that has no weak references, holds no references: a frame object of a frame that
/// is not over holds none, unless somebody has written to it.
pub(super) unsafe fn holds_nothing(object: *mut PyObject) -> bool {
    unsafe extern "C" fn any(_: *mut PyObject, _: *mut c_void) -> c_int {
        1
    }
    // SAFETY: a live object.
    unsafe {
        let ty = objects::type_of(object) as *mut ffi::PyTypeObject;
        (*ty).tp_traverse.is_some_and(|traverse| traverse(object, any, std::ptr::null_mut()) == 0)
    }
}

/// Whether a reference to this object may be dropped in a trace.
pub unsafe extern "C" fn may_die(object: *mut PyObject) -> c_int {
    // SAFETY: a live object.
    unsafe {
        if !objects::is_last(object) || is_plain(object) {
            return 1;
        }
        let is_instance = (*ffi::Py_TYPE(object)).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
        let plainly = if is_instance { holds_plain(object, true) } else { container_holds_plain(object, true) };
        if plainly || goes_without_others(object) {
            return 1;
        }
        let mut walk = Walk::new();
        walk.take(object);
        walk.end()
    }
}

/// Whether a reference to an object may be dropped in a trace.
pub(super) unsafe fn droppable(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { !objects::is_last(object) || may_die(object) != 0 }
}

/// Whether all that an object holds may go, whoever holds the object itself.
pub(super) unsafe fn dies_with(object: *mut PyObject) -> c_int {
    // SAFETY: a live object of a known type.
    unsafe {
        let mut walk = Walk::new();
        walk.add(object, 0, 0);
        walk.end()
    }
}
