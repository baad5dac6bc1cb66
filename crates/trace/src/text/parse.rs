//! Reading traces. See [`text`](super) for the form.
//!
//! Two passes: the first gives numbers to the names of values and snapshots, so that both may be
//! used before their line; the second reads the lines. What is read is not verified.

use super::region_name;
use crate::event::{Code, CodeId};
use crate::ir::{Args, End, Inst, REGIONS, Region, Start, Trace, UopInst, Val};
use crate::snapshot::{
    BoxId, FieldStore, Generator, Head, Made, Maker, Returns, SnapId, Snapshots, Source, Then, listed,
};
use decal_uops::{Class, ImmKind, Uop};
use std::collections::HashMap;
use std::rc::Rc;
use std::str::FromStr;

/// What could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What was expected there.
    pub expected: &'static str,
    /// What was found.
    pub found: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {} expected, found `{}`", self.line, self.expected, self.found)
    }
}

impl std::error::Error for ParseError {}

/// What was expected, and what stands there.
type Wrong<'a> = (&'static str, &'a str);
type Read<'a, T> = Result<T, Wrong<'a>>;

impl FromStr for Trace {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Trace, ParseError> {
        let mut names = Names::default();
        for line in text.lines() {
            names.enter(line.trim());
        }
        let mut trace = Trace {
            start: Start::Loop,
            codes: Vec::new(),
            insts: Vec::new(),
            label: None,
            end: End::Loop(Vec::new()),
            snaps: Snapshots::default(),
            origins: Vec::new(),
            covers: Vec::new(),
        };
        let mut ended = false;
        for (index, line) in text.lines().enumerate() {
            let mut words = Words { rest: line.trim(), names: &names };
            if words.rest.is_empty() || words.rest.starts_with('#') {
                continue;
            }
            let outcome = words.line(&mut trace, &mut ended).and_then(|()| words.done());
            outcome.map_err(|(expected, found)| ParseError {
                line: index + 1,
                expected,
                found: found.trim().to_string(),
            })?;
        }
        if !ended {
            let line = text.lines().count();
            return Err(ParseError { line, expected: "`loop`, `join` or `exit`", found: "the end".to_string() });
        }
        Ok(trace)
    }
}

/// The numbers of values and snapshots.
#[derive(Default)]
struct Names<'a> {
    values: HashMap<&'a str, Val>,
    snaps: HashMap<&'a str, SnapId>,
}

impl<'a> Names<'a> {
    fn enter(&mut self, line: &'a str) {
        let Some((name, rest)) = line.split_once(':') else { return };
        if name.is_empty() || !name.chars().all(is_word) {
            return;
        }
        if is_snapshot(rest) {
            let next = SnapId(self.snaps.len() as u32);
            self.snaps.insert(name, next);
        } else {
            let next = Val(self.values.len() as u32);
            self.values.insert(name, next);
        }
    }
}

/// Whether the line behind `name:` is a snapshot: its first word is a frame's place.
fn is_snapshot(rest: &str) -> bool {
    rest.split_whitespace().next().is_some_and(|word| word.starts_with('c') && word.contains('@'))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

/// The rest of a line.
struct Words<'a, 'n> {
    rest: &'a str,
    names: &'n Names<'a>,
}

impl<'a> Words<'a, '_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn wrong<T>(&self, expected: &'static str) -> Read<'a, T> {
        Err((expected, self.rest))
    }

    fn done(&mut self) -> Read<'a, ()> {
        self.skip_space();
        if self.rest.is_empty() { Ok(()) } else { self.wrong("the end of the line") }
    }

    /// Takes this sign or word, if it is next.
    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let Some(rest) = self.rest.strip_prefix(token) else {
            return false;
        };
        // A word must not go on.
        if token.ends_with(is_word) && rest.starts_with(is_word) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn expect(&mut self, token: &'static str) -> Read<'a, ()> {
        if self.take(token) { Ok(()) } else { self.wrong(token) }
    }

    fn word(&mut self, expected: &'static str) -> Read<'a, &'a str> {
        self.skip_space();
        let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        if length == 0 {
            return self.wrong(expected);
        }
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(word)
    }

    /// A number: decimal with sign, hexadecimal, or a double (its bits).
    fn number(&mut self) -> Read<'a, u64> {
        self.skip_space();
        let all = self.rest;
        let negative = self.take("-");
        if !negative {
            self.take("+");
        }
        let mut word = self.word("a number")?;
        // An exponent's sign ends the word.
        if word.ends_with(['e', 'E']) && !word.starts_with("0x") && self.rest.starts_with(['-', '+']) {
            let digits = self.rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(self.rest.len(), |at| at + 1);
            let start = all.len() - self.rest.len() - word.len();
            word = &all[start..start + word.len() + digits];
            self.rest = &self.rest[digits..];
        }
        let wrong = ("a number", all);
        if let Some(digits) = word.strip_prefix("0x") {
            let bits = u64::from_str_radix(digits, 16).map_err(|_| wrong)?;
            return Ok(if negative { bits.wrapping_neg() } else { bits });
        }
        if word.contains(['.', 'e']) {
            let number: f64 = word.parse().map_err(|_| wrong)?;
            return Ok(if negative { -number } else { number }.to_bits());
        }
        let number: u64 = word.parse().map_err(|_| wrong)?;
        Ok(if negative { number.wrapping_neg() } else { number })
    }

    fn number32(&mut self) -> Read<'a, u32> {
        let all = self.rest;
        u32::try_from(self.number()?).map_err(|_| ("a number of 32 bits", all))
    }

    fn val(&mut self) -> Read<'a, Val> {
        let all = self.rest;
        let word = self.word("a value")?;
        self.names.values.get(word).copied().ok_or(("a value", all))
    }

    fn snap(&mut self) -> Read<'a, SnapId> {
        let all = self.rest;
        let word = self.word("a snapshot")?;
        self.names.snaps.get(word).copied().ok_or(("a snapshot", all))
    }

    /// Values to the end of the line.
    fn values(&mut self) -> Read<'a, Vec<Val>> {
        let mut values = Vec::new();
        self.skip_space();
        while !self.rest.is_empty() {
            if !values.is_empty() {
                self.expect(",")?;
            }
            values.push(self.val()?);
            self.skip_space();
        }
        Ok(values)
    }

    fn quoted(&mut self) -> Read<'a, String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                'n' if escaped => text.push('\n'),
                c if escaped => text.push(c),
                '\\' => {
                    escaped = true;
                    continue;
                }
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                c => text.push(c),
            }
            escaped = false;
        }
        self.wrong("a closing quote")
    }

    fn line(&mut self, trace: &mut Trace, ended: &mut bool) -> Read<'a, ()> {
        let all = self.rest;
        let first = self.word("a line of a trace")?;
        if self.rest.starts_with(':') {
            self.expect(":")?;
            if is_snapshot(self.rest) {
                return self.snapshot(&mut trace.snaps);
            }
            if *ended {
                return Err(("a snapshot", all));
            }
            return self.instruction(trace);
        }
        match first {
            "trace" => {
                trace.start = match self.word("`loop`, `function` or `exit`")? {
                    "loop" => Start::Loop,
                    "function" => Start::Function,
                    "exit" => Start::Exit,
                    _ => return Err(("`loop`, `function` or `exit`", all)),
                };
            }
            "code" => trace.codes.push(Rc::new(self.code()?)),
            "covers" => {
                self.skip_space();
                while !self.rest.is_empty() {
                    trace.covers.push(self.code_id()?);
                    self.skip_space();
                }
            }
            "label" => trace.label = Some(trace.insts.len() as u32),
            "loop" | "join" | "exit" => {
                *ended = true;
                trace.end = match first {
                    "loop" => End::Loop(self.values()?),
                    "join" => End::Join(self.values()?),
                    _ => End::Exit(self.snap()?),
                };
            }
            _ => return Err(("a line of a trace", all)),
        }
        Ok(())
    }

    fn code_id(&mut self) -> Read<'a, CodeId> {
        let all = self.rest;
        let word = self.word("a code")?;
        let number = word.strip_prefix('c').and_then(|digits| digits.parse().ok());
        number.map(CodeId).ok_or(("a code", all))
    }

    fn code(&mut self) -> Read<'a, Code> {
        self.code_id()?;
        let mut code = Code {
            object: 0,
            name: self.quoted()?,
            file: String::new(),
            locals: 0,
            parameters: 0,
            lines: Vec::new(),
            handlers: Vec::new(),
            first_unit: 0,
            extended: Vec::new(),
            names: Vec::new(),
        };
        loop {
            if self.take("file") {
                code.file = self.quoted()?;
            } else if self.take("object") {
                code.object = self.number()?;
            } else if self.take("locals") {
                code.locals = self.number32()?;
            } else if self.take("parameters") {
                code.parameters = self.number32()?;
            } else {
                return Ok(code);
            }
        }
    }

    fn instruction(&mut self, trace: &mut Trace) -> Read<'a, ()> {
        let all = self.rest;
        let class = self.class_of_result();
        let word = self.word("a uop")?;
        let inst = match (word, class) {
            ("param", Some(class)) => {
                self.skip_space();
                if !self.rest.is_empty() {
                    // The parent's value: a number, since the parent's names are not known here.
                    let word = self.word("a value of the parent")?;
                    let number = word.strip_prefix('v').and_then(|digits| digits.parse().ok());
                    trace.origins.push(Val(number.ok_or(("a value of the parent", all))?));
                }
                Inst::Param(class)
            }
            ("phi" | "borrowed_phi", Some(class)) => {
                Inst::Phi { class, entry: self.val()?, borrowed: word == "borrowed_phi" }
            }
            (name, class) => {
                let uop = Uop::from_name(name).ok_or(("a uop", all))?;
                if uop.info().result != class {
                    return Err(("the class of the uop's result", all));
                }
                Inst::Uop(self.uop(uop)?)
            }
        };
        trace.insts.push(inst);
        Ok(())
    }

    /// `class =`, where it is there.
    fn class_of_result(&mut self) -> Option<Class> {
        let before = self.rest;
        for class in [Class::Int, Class::Float, Class::Obj, Class::Raw] {
            if self.take(class.name()) && self.take("=") {
                return Some(class);
            }
            self.rest = before;
        }
        None
    }

    fn uop(&mut self, uop: Uop) -> Read<'a, UopInst> {
        let info = uop.info();
        let mut inst = UopInst { uop, args: Args::default(), imm32: 0, imm64: 0, region: Region::Fixed, snap: None };
        let mut first = true;
        let mut comma = |words: &mut Self| {
            if std::mem::replace(&mut first, false) { Ok(()) } else { words.expect(",") }
        };
        for _ in info.operands {
            comma(self)?;
            inst.args.push(self.val()?);
        }
        for imm in info.imms {
            comma(self)?;
            let all = self.rest;
            let bits = self.number()?;
            match imm.kind {
                ImmKind::Imm32 => {
                    inst.imm32 = i32::try_from(bits as i64).map_err(|_| ("a number of 32 bits", all))?;
                }
                ImmKind::Imm64 => inst.imm64 = bits,
            }
        }
        if self.take("@") {
            let all = self.rest;
            let word = self.word("a region")?;
            let region = REGIONS.iter().find(|region| region_name(**region) == word);
            inst.region = *region.ok_or(("a region", all))?;
        }
        if self.take(";") {
            self.expect("exit")?;
            inst.snap = Some(self.snap()?);
        }
        Ok(inst)
    }

    fn snapshot(&mut self, snaps: &mut Snapshots) -> Read<'a, ()> {
        let mut snap = snaps.begin();
        let mut suspended = 0;
        loop {
            let code = self.code_id()?;
            self.expect("@")?;
            let offset = self.number32()?;
            let after = if self.take(">") { self.number32()? } else { offset };
            let returns = if self.take("gives") {
                let all = self.rest;
                let (word, numbers) = (self.word("what is given")?, [self.number32()?, self.number32()?]);
                Returns::from_parts(word, numbers).ok_or(("what is given", all))?
            } else {
                Returns::Value
            };
            let function = if self.take("fn") { self.number()? } else { 0 };
            let real = if self.take("real") { Some(self.val()?) } else { None };
            let generator = if self.take("gen") { Some(self.generator()?) } else { None };
            self.expect("locals")?;
            self.expect("[")?;
            let locals = self.sources("]")?;
            self.expect("stack")?;
            self.expect("[")?;
            let stack = self.sources("]")?;
            snap.frame(
                Head { code, function, real, offset, after, returns },
                generator,
                listed(&locals),
                listed(&stack),
                None,
            );
            let more = suspended == 0 && self.take("/");
            let waits = !more && self.take("+");
            suspended += usize::from(waits);
            if !more && !waits {
                break;
            }
        }
        let mut stores = Vec::new();
        if self.take("stores") {
            self.expect("[")?;
            while !self.take("]") {
                if !stores.is_empty() {
                    self.expect(",")?;
                }
                let base = self.val()?;
                let all = self.rest;
                let disp = i32::try_from(self.number()? as i64).map_err(|_| ("a displacement", all))?;
                self.expect("=")?;
                stores.push(FieldStore { base, disp, value: self.val()? });
            }
        }
        self.expect("then")?;
        let all = self.rest;
        let then = match self.word("`resume`, `raise` or `enter`")? {
            "resume" => Then::Resume,
            "return" => Then::Return,
            "raise" => Then::Raise,
            "enter" => Then::Enter,
            _ => return Err(("`resume`, `raise` or `enter`", all)),
        };
        snap.finish(suspended, stores, then, 0);
        Ok(())
    }

    fn generator(&mut self) -> Read<'a, Generator> {
        let made = if self.take("of") {
            let (function, code, globals) = (self.number()?, self.number()?, self.number()?);
            let shell = if self.take("in") { Some(self.val()?) } else { None };
            Made::Never(Maker { function, code, globals, shell })
        } else {
            Made::Object(self.val()?)
        };
        let number = self.box_id()?.0;
        let (begun, quiet, delegated) = (self.take("begun"), self.take("quiet"), self.take("delegated"));
        Ok(Generator { number, made, begun, quiet, delegated })
    }

    fn box_id(&mut self) -> Read<'a, BoxId> {
        self.expect("#")?;
        Ok(BoxId(self.number32()?))
    }

    fn sources(&mut self, close: &'static str) -> Read<'a, Vec<Source>> {
        let mut sources = Vec::new();
        while !self.take(close) {
            if !sources.is_empty() {
                self.expect(",")?;
            }
            sources.push(self.source()?);
        }
        Ok(sources)
    }

    fn source(&mut self) -> Read<'a, Source> {
        let all = self.rest;
        Ok(match self.word("a slot's content")? {
            "_" => Source::Unchanged,
            "home" => Source::Home(self.val()?),
            "null" => Source::Null,
            "int" => Source::Int(self.val()?, self.box_id()?),
            "float" => Source::Float(self.val()?, self.box_id()?),
            "bool" => Source::Bool(self.val()?),
            "borrow" => Source::Borrowed(self.val()?),
            "own" => Source::Owned(self.val()?),
            "gen" => Source::Generator(self.box_id()?.0),
            "const" => Source::Const(self.number()?),
            "tuple" => {
                self.expect("(")?;
                Source::Tuple(Rc::new(self.sources(")")?), self.box_id()?)
            }
            "function" => {
                self.expect("(")?;
                Source::Function(Rc::new(self.sources(")")?), self.box_id()?)
            }
            "instance" => {
                self.expect("(")?;
                Source::Instance(Rc::new(self.sources(")")?), self.box_id()?)
            }
            "range" => {
                self.expect("(")?;
                let next = self.val()?;
                self.expect(",")?;
                let step = self.val()?;
                self.expect(",")?;
                let left = self.val()?;
                self.expect(")")?;
                Source::RangeIter(Rc::new([next, step, left]), self.box_id()?)
            }
            _ => return Err(("a slot's content", all)),
        })
    }
}
