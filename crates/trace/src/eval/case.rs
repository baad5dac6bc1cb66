//! A comparison of two traces with all that it depends on: what a report has, so that it can be done again without the program.
//!
//! The text form is lines; what stands before the line `case` and behind `end` is not looked at. The traces are as [`text`](crate::text) has them.

use crate::eval::compare::{Place, Verdict};
use crate::eval::shadow::{Beneath, Setting, Shadow, is_unreal};
use crate::host::Host;
use crate::ir::Trace;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::ops::Range;
use std::str::FromStr;

/// Results of C functions of doubles: function and the bits of both arguments, bits of the result.
pub type FloatCalls = BTreeMap<(u64, u64, u64), u64>;

/// See the module's text.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is known of the interpreter, as far as it matters.
    pub host: Host,
    /// The context.
    pub setting: Setting,
    /// The addresses of the slots of the entry frame.
    pub slots: Range<u64>,
    /// Objects that the traces before had made, which exist in the memory below only.
    pub made: u64,
    /// Words of memory by address: all that was read.
    pub memory: BTreeMap<u64, u64>,
    /// What C functions gave.
    pub floats: FloatCalls,
    /// The bits of the parameters of the reference, and of the trace.
    pub params: [Vec<u64>; 2],
    /// The reference and the trace.
    pub traces: [Trace; 2],
}

/// Memory as it was written down.
struct Noted<'a> {
    case: &'a Case,
    lacks: Cell<Option<u64>>,
}

impl Beneath for Noted<'_> {
    fn word(&self, address: u64) -> u64 {
        let word = self.case.memory.get(&address).copied();
        if word.is_none() {
            self.lacks.set(self.lacks.get().or(Some(address)));
        }
        word.unwrap_or(0)
    }

    fn call_float(&self, function: u64, a: f64, b: f64) -> f64 {
        let result = self.case.floats.get(&(function, a.to_bits(), b.to_bits())).copied();
        if result.is_none() {
            self.lacks.set(self.lacks.get().or(Some(function)));
        }
        f64::from_bits(result.unwrap_or(f64::NAN.to_bits()))
    }
}

impl Case {
    /// Compares again: what comes of it, and an address of which it would have to know more, if there is one.
    pub fn replay(&self) -> (Verdict, Option<u64>) {
        let noted = Noted { case: self, lacks: Cell::new(None) };
        let unreal = self.memory.iter().filter(|(address, _)| is_unreal(**address)).map(|(at, word)| (*at, *word));
        let start = Shadow::new(&self.host, &noted, self.setting).with(unreal, self.made);
        let place = Place { host: &self.host, slots: self.slots.clone() };
        let [reference, trace] = &self.traces;
        let [params, own] = &self.params;
        let (verdict, _) = place.compare(&start, (reference, params), (trace, own));
        (verdict, noted.lacks.get())
    }

    /// The numbers of the first lines, with their names.
    fn numbers(&mut self) -> [(&'static str, &mut u64); 12] {
        let (objects, setting) = (&mut self.host.objects, &mut self.setting);
        [
            ("int", &mut objects.int),
            ("float", &mut objects.float),
            ("true", &mut objects.true_),
            ("false", &mut objects.false_),
            ("range_iter", &mut objects.range_iter),
            ("new_int", &mut self.host.functions.new_int),
            ("context", &mut setting.context),
            ("breaker", &mut setting.breaker),
            ("quiet", &mut setting.quiet),
            ("slots", &mut self.slots.start),
            ("slots_end", &mut self.slots.end),
            ("made", &mut self.made),
        ]
    }

    fn displacements(&mut self) -> [(&'static str, &mut i32); 4] {
        let layout = &mut self.host.layout;
        [
            ("float_value", &mut layout.float_value),
            ("range_iter_start", &mut layout.range_iter_start),
            ("range_iter_step", &mut layout.range_iter_step),
            ("range_iter_len", &mut layout.range_iter_len),
        ]
    }
}

const PARAMS: [&str; 2] = ["parameters of the reference", "parameters of the optimized trace"];
const TRACES: [&str; 2] = ["reference", "optimized"];
const CALLS: &str = "calls of functions of doubles";
const MEMORY: &str = "memory that was read";
const END: &str = "end";

impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let mut names = self.clone();
        writeln!(f, "case")?;
        names.numbers().iter().try_for_each(|(name, number)| writeln!(f, "{name} {number:#x}"))?;
        names.displacements().iter().try_for_each(|(name, number)| writeln!(f, "{name} {number}"))?;
        for (heading, params) in PARAMS.iter().zip(&self.params) {
            writeln!(f, "{heading}")?;
            params.iter().try_for_each(|bits| writeln!(f, "{bits:#x}"))?;
        }
        for (heading, trace) in TRACES.iter().zip(&self.traces) {
            writeln!(f, "{heading}\n{trace}")?;
        }
        writeln!(f, "{CALLS}")?;
        let calls = &self.floats;
        calls
            .iter()
            .try_for_each(|((function, a, b), result)| writeln!(f, "{function:#x} {a:#x} {b:#x} {result:#x}"))?;
        writeln!(f, "{MEMORY}")?;
        self.memory.iter().try_for_each(|(address, word)| writeln!(f, "{address:#x} {word:#x}"))?;
        writeln!(f, "{END}")
    }
}

/// The lines behind a heading, up to the next one.
fn section<'a>(lines: &[&'a str], heading: &str) -> Result<Vec<&'a str>, String> {
    let is_heading = |line: &str| PARAMS.contains(&line) || TRACES.contains(&line) || [CALLS, MEMORY].contains(&line);
    let at = lines.iter().position(|line| *line == heading).ok_or(format!("there is no line `{heading}`"))?;
    Ok(lines[at + 1..].iter().copied().take_while(|line| !is_heading(line)).collect())
}

fn numbers<const N: usize>(line: &str) -> Result<[u64; N], String> {
    let words: Option<Vec<u64>> =
        line.split_whitespace().map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()).collect();
    words.and_then(|words| words.try_into().ok()).ok_or(format!("{N} hexadecimal numbers expected, found `{line}`"))
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Case, String> {
        let all: Vec<&str> = text.lines().collect();
        let start = all.iter().position(|line| *line == "case").ok_or("there is no line `case`")?;
        let lines = &all[start + 1..];
        let end = lines.iter().position(|line| *line == END).ok_or("there is no line `end` behind `case`")?;
        let lines = &lines[..end];
        let value = |name: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            found.ok_or(format!("there is no line for `{name}`"))
        };
        let params = |heading| -> Result<Vec<u64>, String> {
            let words = section(lines, heading)?.into_iter().map(numbers::<1>);
            words.map(|word| word.map(|[bits]| bits)).collect()
        };
        let trace = |heading| {
            let text = section(lines, heading)?.join("\n");
            text.parse::<Trace>().map_err(|error| format!("{heading}: {error}"))
        };
        let pairs = |heading| section(lines, heading).map(|lines| lines.into_iter().filter(|line| !line.is_empty()));
        let mut case = Case {
            host: Host::default(),
            setting: Setting::default(),
            slots: 0..0,
            made: 0,
            memory: pairs(MEMORY)?.map(|line| numbers(line).map(|[at, word]| (at, word))).collect::<Result<_, _>>()?,
            floats: pairs(CALLS)?
                .map(|line| numbers(line).map(|[function, a, b, result]| ((function, a, b), result)))
                .collect::<Result<_, _>>()?,
            params: [params(PARAMS[0])?, params(PARAMS[1])?],
            traces: [trace(TRACES[0])?, trace(TRACES[1])?],
        };
        for (name, number) in case.numbers() {
            [*number] = numbers(value(name)?)?;
        }
        for (name, number) in case.displacements() {
            let word = value(name)?;
            *number = word.parse().map_err(|_| format!("a number expected, found `{word}`"))?;
        }
        Ok(case)
    }
}
