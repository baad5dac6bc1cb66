//! Plans: what an exit has to do to rebuild Python's state, worked out once, when it is first taken.
//!
//! A snapshot speaks of values, and the exit's map says where each value is. Looking values up again at each exit, slot
//! by slot, would cost more than the work itself in a loop that is left often, as the inner one of two loops is.
//! A plan is the snapshot with places put in, without the slots that hold the right thing already, and with each object
//! that has to be made counted: slots that hold the same object share its number.
//!
//! Holds: a plan makes the objects that its snapshot describes, no more and no fewer references. Cost to make: values times slots,
//! once; to carry out: the slots that change.

use crate::pipeline::bits;
use decal_cpython::{PyObject, objects};
use decal_trace::allocated::{ExitMap, Place};
use decal_trace::ir::Val;
use decal_trace::snapshot::{BoxId, Frame, Made, Maker, Snapshot, Source};
use decal_uops::Context;
use smallvec::SmallVec;
use std::ptr::null_mut;

/// Where the values of an exit are.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// In the registers and slots that native code left behind.
    Native(&'a Context),
    /// In the trace interpreter's array.
    Interpreted(&'a [u64]),
}

/// A value: where native code leaves it, and its number.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    place: Place,
    val: Val,
}

/// What a slot is to hold.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as in `Source`")]
pub enum Make {
    Null,
    Bool(Wanted),
    Borrowed(Wanted),
    Owned(Wanted),
    Const(u64),
    /// A new object with this number.
    New(usize, New),
    /// The object with this number once more.
    Same(usize),
    /// The new generator with this number.
    Generator(usize),
}

#[derive(Clone, Debug)]
pub enum New {
    Int(Wanted),
    Float(Wanted),
    Tuple(Vec<Make>),
    /// Code, globals, closure or null.
    Function(Vec<Make>),
    /// Its words: null, its class, and its values.
    Instance(Vec<Make>),
    RangeIter([Wanted; 3]),
}

/// A generator: where it is, or the number of the one to be made.
#[derive(Clone, Copy, Debug)]
enum GeneratorPlan {
    Object(Wanted),
    New(usize),
}

/// A local, and the object that it gets.
pub type Local = (u32, Make);

/// A frame's slots that change.
#[derive(Clone, Debug, Default)]
pub struct FramePlan {
    /// The frame, where it exists.
    real: Option<Wanted>,
    /// The generator that it is of.
    generator: Option<GeneratorPlan>,
    /// Locals that change.
    pub locals: Vec<Local>,
    /// Slots of the operand stack that change.
    pub stack: Vec<(u32, Make)>,
}

/// Fields that the trace kept in registers: object, displacement, value.
#[derive(Clone, Debug)]
pub struct Fields(Box<[(Wanted, i32, Wanted)]>);

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Written before anything else.
    pub fields: Fields,
    /// Outermost frame first, then those that are suspended.
    pub frames: Vec<FramePlan>,
    /// Generators to be made.
    generators: Vec<(Maker, Option<Wanted>)>,
    boxes: usize,
}

/// A new reference for a slot, or null.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// Which frame, outermost 0, those that are suspended behind the others.
    pub frame: usize,
    /// Whether it is a slot of the operand stack.
    pub stack: bool,
    /// Which.
    pub slot: u32,
    /// The reference.
    pub object: *mut PyObject,
}

/// References to new generators, by their numbers.
pub type Generators = SmallVec<[*mut PyObject; 2]>;

/// The references that a plan made, frame by frame, locals first.
pub type Objects = SmallVec<[Filled; 24]>;

/// Whether a reference that the trace holds goes into the slot.
fn takes_over(source: &Source) -> bool {
    match source {
        Source::Owned(_) | Source::Generator(_) => true,
        Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _) => {
            items.iter().any(takes_over)
        }
        _ => false,
    }
}

struct Planner<'a> {
    map: ExitMap<'a>,
    boxes: Vec<BoxId>,
    /// The recorder's numbers of generators to be made.
    generators: Vec<u32>,
    /// Locals matter only where they take over a reference.
    returning: bool,
}

impl Planner<'_> {
    fn wanted(&self, val: Val) -> Option<Wanted> {
        Some(Wanted { place: self.map.place(val)?, val })
    }

    fn boxed(&mut self, id: BoxId, new: impl FnOnce(&mut Self) -> Option<New>) -> Option<Make> {
        if let Some(number) = self.boxes.iter().position(|known| *known == id) {
            return Some(Make::Same(number));
        }
        let new = new(self)?;
        self.boxes.push(id);
        Some(Make::New(self.boxes.len() - 1, new))
    }

    fn make(&mut self, source: &Source) -> Option<Make> {
        Some(match source {
            Source::Unchanged | Source::Home(_) | Source::Null => Make::Null,
            Source::Bool(val) => Make::Bool(self.wanted(*val)?),
            Source::Borrowed(val) => Make::Borrowed(self.wanted(*val)?),
            Source::Owned(val) => Make::Owned(self.wanted(*val)?),
            Source::Const(address) => Make::Const(*address),
            Source::Int(val, id) => self.boxed(*id, |this| Some(New::Int(this.wanted(*val)?)))?,
            Source::Float(val, id) => self.boxed(*id, |this| Some(New::Float(this.wanted(*val)?)))?,
            Source::Generator(number) => Make::Generator(self.generators.iter().position(|known| known == number)?),
            Source::Tuple(items, id) => self.boxed(*id, |this| {
                Some(New::Tuple(items.iter().map(|item| this.make(item)).collect::<Option<_>>()?))
            })?,
            Source::Function(parts, id) => self.boxed(*id, |this| {
                Some(New::Function(parts.iter().map(|part| this.make(part)).collect::<Option<_>>()?))
            })?,
            Source::Instance(parts, id) => self.boxed(*id, |this| {
                Some(New::Instance(parts.iter().map(|part| this.make(part)).collect::<Option<_>>()?))
            })?,
            Source::RangeIter(fields, id) => self.boxed(*id, |this| {
                let [next, step, left] = **fields;
                Some(New::RangeIter([this.wanted(next)?, this.wanted(step)?, this.wanted(left)?]))
            })?,
        })
    }

    fn locals(&mut self, frame: &Frame<'_>) -> Option<Vec<(u32, Make)>> {
        // A frame that exists has those that are not said to be elsewhere.
        let has = frame.real.is_some() && frame.generator.is_none();
        // What returns may be a generator, which keeps its own.
        let forgotten = self.returning && frame.generator.is_none();
        self.slots(frame.locals, |source| if has { *source != Source::Null } else { !forgotten || takes_over(source) })
    }

    fn slots(&mut self, sources: &[Source], wanted: impl Fn(&Source) -> bool) -> Option<Vec<(u32, Make)>> {
        let changes = |source: &Source| !source.is_in_place() && wanted(source);
        let changing = sources.iter().enumerate().filter(|(_, source)| changes(source));
        changing.map(|(slot, source)| Some((slot as u32, self.make(source)?))).collect()
    }
}

impl Fields {
    /// Writes them.
    ///
    /// # Safety
    /// The values are of this exit, fresh, so that the objects among them are alive.
    pub unsafe fn write(&self, values: Values<'_>) {
        for (base, disp, value) in &self.0 {
            let base = base.bits(values);
            if base != 0 {
                // SAFETY: a field of a live object, as the recorder has it.
                unsafe { ((base as i64 + i64::from(*disp)) as *mut u64).write(value.bits(values)) };
            }
        }
    }
}

impl Plan {
    /// The plan of an exit; none where the map lacks a value, which does not happen.
    pub fn new(snapshot: &Snapshot<'_>, map: ExitMap<'_>) -> Option<Plan> {
        Plan::with(Planner { map, boxes: Vec::new(), generators: Vec::new(), returning: false }, snapshot)
    }

    /// The plan of an exit where the entry frame, the only one, is about to return: its locals will be dropped, and
    /// where no frame object exists nobody can look at them. So they keep what they have, but for those that take
    /// over a reference.
    pub fn returning(snapshot: &Snapshot<'_>, map: ExitMap<'_>) -> Option<Plan> {
        Plan::with(Planner { map, boxes: Vec::new(), generators: Vec::new(), returning: true }, snapshot)
    }

    fn with(mut planner: Planner<'_>, snapshot: &Snapshot<'_>) -> Option<Plan> {
        let mut generators = Vec::new();
        for generator in snapshot.all_frames().filter_map(|frame| frame.generator) {
            if let Made::Never(maker) = generator.made {
                planner.generators.push(generator.number);
                let shell = match maker.shell {
                    Some(shell) => Some(planner.wanted(shell)?),
                    None => None,
                };
                generators.push((maker, shell));
            }
        }
        let mut frames = Vec::with_capacity(snapshot.frames.len() + snapshot.suspended.len());
        for frame in snapshot.all_frames() {
            let real = match frame.real {
                Some(real) => Some(planner.wanted(real)?),
                None => None,
            };
            let generator = match frame.generator {
                Some(generator) => Some(match generator.made {
                    Made::Object(object) => GeneratorPlan::Object(planner.wanted(object)?),
                    Made::Never(_) => {
                        let known = planner.generators.iter().position(|known| *known == generator.number);
                        GeneratorPlan::New(known?)
                    }
                }),
                None => None,
            };
            let (locals, stack) = (planner.locals(&frame)?, planner.slots(frame.stack, |_| true)?);
            frames.push(FramePlan { real, generator, locals, stack });
        }
        let stores = snapshot.stores.iter();
        let stores = stores.map(|store| Some((planner.wanted(store.base)?, store.disp, planner.wanted(store.value)?)));
        let fields = Fields(stores.collect::<Option<_>>()?);
        Some(Plan { fields, frames, generators, boxes: planner.boxes.len() })
    }

    /// Whether nothing is to be made or written.
    pub fn is_empty(&self) -> bool {
        let empty = |frame: &FramePlan| frame.locals.is_empty() && frame.stack.is_empty();
        self.fields.0.is_empty() && self.frames.iter().all(empty)
    }

    /// Whether no generator is to be made.
    pub fn makes_no_generators(&self) -> bool {
        self.generators.is_empty()
    }

    /// The object on top of the stack, and the locals that take over a reference, where that is all there is to be done. Without an
    /// object where nothing is on the stack.
    pub fn only_result(&self) -> Option<(Option<&Make>, &[Local])> {
        match (self.frames.as_slice(), self.fields.0.is_empty()) {
            ([frame], true) if frame.locals.iter().all(|(_, make)| matches!(make, Make::Owned(_))) => {
                match frame.stack.as_slice() {
                    [] => Some((None, &frame.locals)),
                    [(0, Make::New(_, New::Tuple(_) | New::Instance(_)) | Make::Generator(_))] => None,
                    [(0, make)] => Some((Some(make), &frame.locals)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The address of a frame that exists already; 0 where it does not.
    pub fn real_frame(&self, depth: usize, values: Values<'_>) -> u64 {
        self.frames.get(depth).and_then(|frame| frame.real).map_or(0, |real| real.bits(values))
    }

    /// The generator that this frame is of.
    pub fn generator(&self, frame: usize, values: Values<'_>, made: &Generators) -> Option<*mut PyObject> {
        match self.frames.get(frame)?.generator? {
            GeneratorPlan::Object(object) => Some(object.bits(values) as *mut PyObject),
            GeneratorPlan::New(number) => made.get(number).copied().filter(|object| !object.is_null()),
        }
    }

    /// Whether a frame is a generator's.
    pub fn is_generator(&self, frame: usize) -> bool {
        self.frames.get(frame).is_some_and(|frame| frame.generator.is_some())
    }

    /// Makes the generators that do not exist: a reference to each, which the caller has to drop. Null where memory ran out.
    ///
    /// # Safety
    /// As for [`Fields::write`].
    pub unsafe fn make_generators(&self, values: Values<'_>) -> Generators {
        // SAFETY: the executor keeps what they are made of; what is filled again is the trace's.
        let made = |(maker, shell): &(Maker, Option<Wanted>)| unsafe {
            let shell = shell.map_or(0, |shell| shell.bits(values));
            objects::new_generator(shell, maker.code, maker.globals)
        };
        self.generators.iter().map(made).collect()
    }

    /// Makes all other objects. True where memory ran out: some are null then.
    ///
    /// # Safety
    /// As for [`Fields::write`].
    pub unsafe fn make_objects(&self, values: Values<'_>, generators: &Generators, objects: &mut Objects) -> bool {
        let mut maker = ObjectMaker { values, boxes: SmallVec::new(), generators, failed: false };
        maker.failed = generators.iter().any(|generator| generator.is_null());
        maker.boxes.resize(self.boxes, null_mut());
        for (frame, plan) in self.frames.iter().enumerate() {
            for (stack, slots) in [(false, &plan.locals), (true, &plan.stack)] {
                for (slot, make) in slots {
                    // SAFETY: the caller's.
                    let object = unsafe { maker.object(make) };
                    objects.push(Filled { frame, stack, slot: *slot, object });
                }
            }
        }
        maker.failed
    }
}

impl Wanted {
    fn bits(self, values: Values<'_>) -> u64 {
        match values {
            Values::Native(context) => bits(self.place, context),
            Values::Interpreted(values) => values.get(self.val.index()).copied().unwrap_or(0),
        }
    }
}

/// A result that is made without further ado.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "as in `Make`")]
pub enum Simple {
    Int(Place),
    Owned(Place),
    Borrowed(Place),
    Const(u64),
}

impl Make {
    /// The same in short.
    pub fn simple(&self) -> Option<Simple> {
        match self {
            Make::New(_, New::Int(val)) => Some(Simple::Int(val.place)),
            Make::Owned(val) => Some(Simple::Owned(val.place)),
            Make::Borrowed(val) => Some(Simple::Borrowed(val.place)),
            Make::Const(address) => Some(Simple::Const(*address)),
            _ => None,
        }
    }

    /// A new reference to an object that shares nothing with others that are made; null where memory ran out.
    ///
    /// # Safety
    /// As for [`Fields::write`].
    #[inline]
    pub unsafe fn alone(&self, values: Values<'_>) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe {
            match self {
                Make::Borrowed(val) => shared(val.bits(values) as *mut PyObject),
                Make::Owned(val) => val.bits(values) as *mut PyObject,
                Make::New(_, New::Int(val)) => objects::new_int(val.bits(values) as i64),
                Make::New(_, New::Float(val)) => objects::new_float(f64::from_bits(val.bits(values))),
                Make::Const(address) => shared(*address as *mut PyObject),
                Make::Null => null_mut(),
                Make::Bool(val) => objects::new_bool(val.bits(values) != 0),
                _ => ObjectMaker {
                    values,
                    boxes: SmallVec::from_elem(null_mut(), 1),
                    generators: &Generators::new(),
                    failed: false,
                }
                .object(self),
            }
        }
    }
}

struct ObjectMaker<'a> {
    values: Values<'a>,
    generators: &'a Generators,
    /// The objects with numbers.
    boxes: SmallVec<[*mut PyObject; 16]>,
    failed: bool,
}

impl ObjectMaker<'_> {
    /// A new reference, or null.
    unsafe fn object(&mut self, make: &Make) -> *mut PyObject {
        let values = self.values;
        // SAFETY: the caller's: objects among the values are alive; numbers are below `boxes`' length.
        unsafe {
            match make {
                Make::Null => null_mut(),
                Make::Bool(val) => objects::new_bool(val.bits(values) != 0),
                Make::Owned(val) => val.bits(values) as *mut PyObject,
                Make::Borrowed(val) => shared(val.bits(values) as *mut PyObject),
                Make::Const(address) => shared(*address as *mut PyObject),
                Make::Generator(number) => self.generators.get(*number).map_or(null_mut(), |object| shared(*object)),
                Make::Same(number) => self.boxes.get(*number).map_or(null_mut(), |object| shared(*object)),
                Make::New(number, new) => {
                    let object = match new {
                        New::Int(val) => objects::new_int(val.bits(values) as i64),
                        New::Float(val) => objects::new_float(f64::from_bits(val.bits(values))),
                        New::RangeIter([next, step, left]) => {
                            let [next, step, left] = [next, step, left].map(|val| val.bits(values) as i64);
                            objects::new_range_iter(next, step, left)
                        }
                        New::Tuple(items) => self.tuple(items),
                        New::Function(parts) => self.function(parts),
                        New::Instance(parts) => self.instance(parts),
                    };
                    self.failed |= object.is_null();
                    if let Some(slot) = self.boxes.get_mut(*number) {
                        *slot = object;
                    }
                    object
                }
            }
        }
    }

    unsafe fn tuple(&mut self, items: &[Make]) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe {
            let items: Vec<*mut PyObject> = items.iter().map(|item| self.object(item)).collect();
            if items.iter().any(|item| item.is_null()) {
                items.iter().for_each(|item| objects::decref(*item));
                return null_mut();
            }
            objects::new_tuple(&items)
        }
    }

    unsafe fn instance(&mut self, parts: &[Make]) -> *mut PyObject {
        // SAFETY: the caller's; the second part is a class whose instances have at least so many words.
        unsafe {
            let parts: SmallVec<[_; 8]> = parts.iter().map(|part| (part, self.object(part))).collect();
            let failed = parts.iter().any(|(part, object)| object.is_null() && !matches!(part, Make::Null));
            let [(_, head), (_, class), values @ ..] = &parts[..] else { return null_mut() };
            let values: SmallVec<[_; 8]> = values.iter().map(|(_, object)| *object).collect();
            let instance = if failed { null_mut() } else { objects::new_instance(*class, *head, &values) };
            objects::decref(*head);
            objects::decref(*class);
            if instance.is_null() {
                values.iter().for_each(|value| objects::decref(*value));
            }
            instance
        }
    }

    unsafe fn function(&mut self, parts: &[Make]) -> *mut PyObject {
        // SAFETY: the caller's.
        unsafe {
            let parts: SmallVec<[_; 3]> = parts.iter().map(|part| (part, self.object(part))).collect();
            let failed = parts.iter().any(|(part, object)| object.is_null() && !matches!(part, Make::Null));
            let function = match parts[..] {
                [(_, code), (_, globals), (_, closure)] if !failed => objects::new_function(code, globals, closure),
                _ => null_mut(),
            };
            parts.iter().for_each(|(_, object)| objects::decref(*object));
            function
        }
    }
}

/// One more reference; null stays null.
///
/// # Safety
/// A live object or null.
pub unsafe fn shared(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's: alive or null.
    unsafe { objects::incref(object) };
    object
}
