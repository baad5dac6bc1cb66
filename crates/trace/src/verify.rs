//! Checks that a trace is well formed: what every later step relies on.
//!
//! * Values are defined once, before their use, and have the class that the use wants
//!   (a `raw` operand accepts an `obj`).
//! * Parameters come first; phis stand together at the label and nowhere else.
//! * An instruction names a snapshot exactly where its uop may exit.
//! * A snapshot's values exist at every instruction that names it; its frames fit their code; one
//!   box number means one object; each reference that the trace holds is handed over once.
//! * The end suits the rest: one value of the right class per phi; a join only from a side trace.
//!
//! The error names the guilty line, and [`VerifyError::show`] marks it in the trace's text. Linear.

use crate::ir::{End, Inst, Start, Trace, UopInst, Val};
use crate::snapshot::{BoxId, Generator, Returns, SnapId, Snapshot, Source, Then};
use decal_uops::{Class, ImmKind, Uop};

/// A line of the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// The lines before the first instruction.
    Head,
    /// An instruction.
    Inst(Val),
    /// A snapshot.
    Snap(SnapId),
    /// The end.
    End,
}

/// What is wrong there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A parameter behind another instruction.
    ParamNotFirst,
    /// A trace has parameters exactly where it starts at an exit, with one origin each.
    Origins,
    /// A phi that does not stand at the label.
    PhiNotAtLabel,
    /// A label behind the last instruction, or among the parameters.
    Label,
    /// Another number of operands than the table's.
    OperandCount,
    /// This value is used before its definition, or does not exist.
    Undefined(Val),
    /// This value has another class than wanted, or none.
    Class(Val, Class),
    /// An immediate that the uop does not have.
    Immediate,
    /// A snapshot is missing, or there is one though the uop never exits.
    Snapshot,
    /// A snapshot that does not exist.
    NoSuchSnapshot(SnapId),
    /// The snapshot needs this value, which is defined later.
    SnapshotTooEarly(SnapId, Val),
    /// No frame.
    NoFrame,
    /// A code object that does not exist.
    Code,
    /// The entry frame has a function, or another frame has none.
    Function,
    /// The number of locals is not the code's.
    Locals,
    /// A slot of a frame that does not exist yet cannot be unchanged.
    Unchanged,
    /// The innermost frame has no call under way.
    After,
    /// Two objects under one box number.
    Box(BoxId),
    /// The trace holds another number of references to an object than it hands over, or than its label expects.
    References {
        /// The object.
        val: Val,
        /// What the trace holds.
        held: i64,
        /// What is handed over.
        wanted: i64,
    },
    /// A reference is handed over twice.
    OwnedTwice(Val),
    /// The number of values is not the number of phis.
    PhiCount,
    /// Such an end does not suit this start or this label.
    End,
}

/// A fault and its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// Where.
    pub at: At,
    /// What.
    pub fault: Fault,
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.at {
            At::Head => f.write_str("head: ")?,
            At::Inst(val) => write!(f, "v{}: ", val.0)?,
            At::Snap(snap) => write!(f, "s{}: ", snap.0)?,
            At::End => f.write_str("end: ")?,
        }
        match self.fault {
            Fault::ParamNotFirst => f.write_str("a parameter must come first"),
            Fault::Origins => f.write_str("parameters belong to traces that start at an exit, one origin each"),
            Fault::PhiNotAtLabel => f.write_str("a phi must stand at the label"),
            Fault::Label => f.write_str("the label must stand behind the parameters and before the end"),
            Fault::OperandCount => f.write_str("wrong number of operands"),
            Fault::Undefined(val) => write!(f, "v{} is not defined before", val.0),
            Fault::Class(val, class) => write!(f, "v{} must be of class {}", val.0, class.name()),
            Fault::Immediate => f.write_str("an immediate that the uop does not have"),
            Fault::Snapshot => f.write_str("a snapshot is wanted exactly where the uop may exit"),
            Fault::NoSuchSnapshot(snap) => write!(f, "s{} does not exist", snap.0),
            Fault::SnapshotTooEarly(snap, val) => {
                write!(f, "s{} needs v{}, which is defined later", snap.0, val.0)
            }
            Fault::NoFrame => f.write_str("a snapshot has at least one frame"),
            Fault::Code => f.write_str("no such code"),
            Fault::Function => f.write_str("the entry frame has function 0, all others have one"),
            Fault::Locals => f.write_str("the number of locals is not the code's"),
            Fault::Unchanged => f.write_str("only slots of the entry frame can be unchanged"),
            Fault::After => f.write_str("the innermost frame stands at one instruction"),
            Fault::References { val, held, wanted } => {
                write!(f, "{held} references to v{} are held, and {wanted} handed over", val.0)
            }
            Fault::Box(number) => write!(f, "box #{} is two different objects", number.0),
            Fault::OwnedTwice(val) => write!(f, "the reference v{} is handed over twice", val.0),
            Fault::PhiCount => f.write_str("one value per phi is wanted"),
            Fault::End => f.write_str("such an end does not suit the trace"),
        }
    }
}

impl std::error::Error for VerifyError {}

impl VerifyError {
    /// The trace's text with the guilty line marked and explained.
    pub fn show(&self, trace: &Trace) -> String {
        let text = trace.to_string();
        let wanted = match self.at {
            At::Head => "trace ".to_string(),
            At::Inst(val) => format!("v{}:", val.0),
            At::Snap(snap) => format!("s{}:", snap.0),
            At::End => match trace.end {
                End::Loop(_) => "loop".to_string(),
                End::Join(_) => "join".to_string(),
                End::Exit(_) => "exit".to_string(),
            },
        };
        let mut shown = String::with_capacity(text.len() + 100);
        let mut marked = false;
        for line in text.lines() {
            let guilty = !marked && line.trim_start().starts_with(&wanted);
            shown.push_str(if guilty { "> " } else { "  " });
            shown.push_str(line);
            shown.push('\n');
            if guilty {
                marked = true;
                shown.push_str(&format!("^ {self}\n"));
            }
        }
        if !marked {
            shown.push_str(&format!("^ {self}\n"));
        }
        shown
    }
}

/// Checks the whole trace.
///
/// # Errors
/// The first fault.
pub fn verify(trace: &Trace) -> Result<(), VerifyError> {
    head(trace)?;
    // The youngest value that each snapshot needs.
    let mut youngest = Vec::with_capacity(trace.snaps.len());
    for (index, snap) in trace.snaps.iter().enumerate() {
        let at = At::Snap(SnapId(index as u32));
        youngest.push(snapshot(trace, snap).map_err(|fault| VerifyError { at, fault })?);
    }
    let snap_exists = |snap: SnapId, now: usize| match youngest.get(snap.0 as usize) {
        None => Err(Fault::NoSuchSnapshot(snap)),
        Some(Some(val)) if val.index() >= now => Err(Fault::SnapshotTooEarly(snap, *val)),
        Some(_) => Ok(()),
    };
    let params = trace.insts.iter().take_while(|inst| matches!(inst, Inst::Param(_))).count();
    let mut in_phis = false;
    for (index, inst) in trace.insts.iter().enumerate() {
        in_phis |= trace.label == Some(index as u32);
        let outcome = match inst {
            Inst::Param(_) if index >= params => Err(Fault::ParamNotFirst),
            Inst::Param(_) => Ok(()),
            Inst::Phi { .. } if !in_phis => Err(Fault::PhiNotAtLabel),
            // The entry must exist before the label, not only before the phi.
            Inst::Phi { class, entry, .. } => {
                let label = trace.label.unwrap_or(0) as usize;
                wants(trace, *entry, *class, label, false)
            }
            Inst::Uop(inst) => {
                in_phis = false;
                uop(trace, inst, index).and_then(|()| inst.snap.map_or(Ok(()), |snap| snap_exists(snap, index)))
            }
        };
        let at = At::Inst(Val(index as u32));
        outcome.map_err(|fault| VerifyError { at, fault })?;
    }
    let count = trace.insts.len();
    let outcome = match &trace.end {
        End::Loop(_) if trace.label.is_none() => Err(Fault::End),
        End::Loop(values) => {
            let phis: Vec<Val> = trace.phis().collect();
            if phis.len() != values.len() {
                Err(Fault::PhiCount)
            } else {
                phis.iter().zip(values).try_for_each(|(phi, val)| {
                    let class = trace.class(*phi).unwrap_or(Class::Int);
                    wants(trace, *val, class, count, false)
                })
            }
        }
        End::Join(_) | End::Exit(_) if trace.label.is_some() => Err(Fault::End),
        End::Join(_) if trace.start != Start::Exit => Err(Fault::End),
        End::Join(values) => values.iter().try_for_each(|val| match trace.class(*val) {
            Some(_) => Ok(()),
            None => Err(Fault::Undefined(*val)),
        }),
        End::Exit(snap) => snap_exists(*snap, count),
    };
    outcome.map_err(|fault| VerifyError { at: At::End, fault })
}

fn head(trace: &Trace) -> Result<(), VerifyError> {
    let fail = |fault| Err(VerifyError { at: At::Head, fault });
    let params = trace.insts.iter().take_while(|inst| matches!(inst, Inst::Param(_))).count();
    if params != trace.origins.len() || (params > 0 && trace.start != Start::Exit) {
        return fail(Fault::Origins);
    }
    if trace.label.is_some_and(|label| (label as usize) < params || label as usize > trace.insts.len()) {
        return fail(Fault::Label);
    }
    if trace.covers.iter().any(|code| code.0 as usize >= trace.codes.len()) {
        return fail(Fault::Code);
    }
    Ok(())
}

/// Whether a value exists before `now` and is of a class.
fn wants(trace: &Trace, val: Val, class: Class, now: usize, accept_obj: bool) -> Result<(), Fault> {
    if val.index() >= now {
        return Err(Fault::Undefined(val));
    }
    match trace.class(val) {
        Some(found) if found == class => Ok(()),
        Some(Class::Obj) if accept_obj && class == Class::Raw => Ok(()),
        _ => Err(Fault::Class(val, class)),
    }
}

fn uop(trace: &Trace, inst: &UopInst, now: usize) -> Result<(), Fault> {
    let info = inst.uop.info();
    if inst.args.len() != info.operands.len() {
        return Err(Fault::OperandCount);
    }
    for (arg, operand) in inst.args.iter().zip(info.operands) {
        wants(trace, *arg, operand.class, now, true)?;
    }
    let has = |kind: ImmKind| info.imms.iter().any(|imm| imm.kind == kind);
    if (inst.imm32 != 0 && !has(ImmKind::Imm32)) || (inst.imm64 != 0 && !has(ImmKind::Imm64)) {
        return Err(Fault::Immediate);
    }
    if inst.snap.is_some() != info.effects.exits {
        return Err(Fault::Snapshot);
    }
    Ok(())
}

/// Checks a snapshot by itself; gives the youngest value that it needs.
fn snapshot(trace: &Trace, snap: Snapshot<'_>) -> Result<Option<Val>, Fault> {
    if snap.frames.is_empty() {
        return Err(Fault::NoFrame);
    }
    let mut seen = Seen::default();
    let last = snap.frames.len() - 1;
    let mut below = None;
    for (depth, frame) in snap.all_frames().enumerate() {
        let code = trace.codes.get(frame.code.0 as usize).ok_or(Fault::Code)?;
        let exists = depth == 0 || frame.generator.is_some_and(|generator| generator.object().is_some());
        let on_stack = depth <= last && below.replace(frame.returns) == Some(Returns::Called);
        if (depth == 0 || frame.generator.is_some() || on_stack) != (frame.function == 0)
            || (frame.returns == Returns::Called && frame.stack.is_empty())
            || (depth > last && frame.generator.is_none())
        {
            return Err(Fault::Function);
        }
        for object in frame.generator.iter().flat_map(Generator::values) {
            wants(trace, object, Class::Obj, trace.insts.len(), false)?;
        }
        if frame.locals.len() != code.locals as usize {
            return Err(Fault::Locals);
        }
        // A native call that is under way raises, or gives something.
        let calls = depth == last && snap.then == Then::Raise;
        if depth >= last && !calls && (frame.offset, Returns::Value) != (frame.after, frame.returns) {
            return Err(Fault::After);
        }
        if let Some(real) = frame.real {
            if depth == 0 {
                return Err(Fault::Function);
            }
            wants(trace, real, Class::Raw, trace.insts.len(), false)?;
        }
        for slot in frame.locals.iter().chain(frame.stack) {
            if !exists && frame.real.is_none() && slot.is_in_place() {
                return Err(Fault::Unchanged);
            }
            source(trace, slot, &mut seen)?;
        }
    }
    let count = trace.insts.len();
    for store in snap.stores {
        wants(trace, store.base, Class::Raw, count, true)?;
        if trace.class(store.value).is_none() {
            return Err(Fault::Undefined(store.value));
        }
    }
    let mut youngest = None;
    snap.each_value(&mut |val| youngest = youngest.max(Some(val)));
    Ok(youngest)
}

/// How many references to an object the trace may hold: the one that came with it, and those that it took. Nobody
/// knows how many a side trace has found.
fn references(trace: &Trace, val: Val) -> usize {
    match trace.insts.get(val.index()) {
        Some(Inst::Param(_)) => return usize::MAX,
        // It lives forever: nobody counts.
        Some(Inst::Uop(inst)) if inst.uop == Uop::ascii_char => return usize::MAX,
        // Constants are made anew there, whatever was handed over with them.
        Some(Inst::Uop(inst)) if inst.uop == Uop::const_obj && trace.start == Start::Exit => return usize::MAX,
        _ => {}
    }
    let takes = |inst: &&Inst| matches!(inst, Inst::Uop(inst) if inst.uop == Uop::incref && inst.args[..] == [val]);
    1 + trace.insts.iter().filter(takes).count()
}

/// What a snapshot has named so far. Lists, as snapshots name few boxes.
#[derive(Default)]
struct Seen<'a> {
    boxes: Vec<(BoxId, &'a Source)>,
    owned: Vec<Val>,
}

fn source<'a>(trace: &Trace, from: &'a Source, seen: &mut Seen<'a>) -> Result<(), Fault> {
    let count = trace.insts.len();
    let is = |val: Val, class: Class| wants(trace, val, class, count, false);
    let number = match from {
        Source::Unchanged | Source::Null | Source::Const(_) | Source::Generator(_) => return Ok(()),
        Source::Bool(val) => return is(*val, Class::Int),
        Source::Borrowed(val) | Source::Home(val) => return is(*val, Class::Obj),
        Source::Owned(val) => {
            is(*val, Class::Obj)?;
            seen.owned.push(*val);
            let count = seen.owned.iter().filter(|known| *known == val).count();
            return if count == 1 || count <= references(trace, *val) { Ok(()) } else { Err(Fault::OwnedTwice(*val)) };
        }
        Source::Int(_, number)
        | Source::Float(_, number)
        | Source::Tuple(_, number)
        | Source::Function(_, number)
        | Source::Instance(_, number)
        | Source::RangeIter(_, number) => *number,
    };
    if let Some((_, former)) = seen.boxes.iter().find(|(known, _)| *known == number) {
        // The same object again: its parts were checked where it came first.
        return if *former == from { Ok(()) } else { Err(Fault::Box(number)) };
    }
    seen.boxes.push((number, from));
    match from {
        Source::Int(val, _) => is(*val, Class::Int),
        Source::Float(val, _) => is(*val, Class::Float),
        Source::RangeIter(fields, _) => fields.iter().try_for_each(|field| is(*field, Class::Int)),
        Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _)
            if items.iter().any(Source::is_in_place) =>
        {
            Err(Fault::Unchanged)
        }
        Source::Tuple(items, _) | Source::Function(items, _) | Source::Instance(items, _) => {
            items.iter().try_for_each(|item| source(trace, item, seen))
        }
        _ => Ok(()),
    }
}
