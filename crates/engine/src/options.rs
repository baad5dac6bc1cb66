//! The one list of tunables: names in the environment, values, defaults, meaning.

use decal_trace::opt::Part;
use std::fmt;
use std::path::PathBuf;

/// How traces run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Not at all.
    Off,
    /// In the trace interpreter: no machine code, no executable memory.
    Interpreter,
    /// As machine code.
    Native,
}

/// What `DECAL_STRESS` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stress {
    /// Everything is hot at once.
    pub hot: bool,
    /// The guard with this number (modulo the guards of the trace) fails in every trace.
    pub guard: Option<u32>,
    /// Registers are chosen at random from this seed.
    pub registers: Option<u64>,
    /// Pauses after failures are drawn from this seed: runs with the same seed behave alike.
    pub dice: Option<u32>,
    /// Code memory is mapped twice, as where the system denies the usual way.
    pub twice: bool,
    /// There is no budget most of the time.
    pub waits: bool,
    /// A trace that raises is left, also where one of its frames was seen to handle that.
    pub without_raising: bool,
    /// `without:unrolling`: the body of each loop holds one turn.
    pub without_unrolling: bool,
    /// `without:entrance`: functions' traces are entered by events only.
    pub without_entrance: bool,
    /// Every other pass is given up when so many instructions were observed.
    pub abandon: Option<u32>,
    /// This piece of code memory is refused.
    pub alloc: Option<u32>,
    /// Everything is invalidated at every call of a Python function with this number, counted round and round.
    pub invalidate: Option<u32>,
    /// This part of optimizing is off.
    pub without: Option<Part>,
    /// So many traces are compiled.
    pub traces: Option<u32>,
    /// So many rewrites are done in a trace.
    pub rewrites: Option<u32>,
    /// The trace with this number alone is without that part, or has so many rewrites.
    pub only: Option<u32>,
    /// One of the optimizer's rules is wrong.
    pub wrong: bool,
    /// One of the constants in machine code is wrong.
    pub wrong_code: bool,
    /// decal panics, as if it had a mistake.
    pub panic: Option<Panic>,
}

/// What `DECAL_VERIFY` asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Verify {
    /// Nothing.
    #[default]
    Off,
    /// Traces are checked; reports go to standard error.
    On,
    /// Reports go into this folder.
    Folder(PathBuf),
}

/// Where decal panics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Panic {
    /// While it compiles.
    Compile,
    /// In a callback, while a pass is observed.
    Callback,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `DECAL_JIT=0|1|interpreter`, default 1. `PYTHON_JIT=0` switches off too.
    pub mode: Mode,
    /// `DECAL_OPTIMIZE=0|1`, default 1.
    pub optimize: bool,
    /// `DECAL_DEBUG=0…5`, default 0: 1 a line per trace or abort, and then one stage of compiling more for each level:
    /// 2 the trace as recorded, 3 after optimizing, 4 with registers, 5 machine code.
    pub debug: u8,
    /// `DECAL_PERF=map`: write a perf map.
    pub perf_map: bool,
    /// `DECAL_COUNT=0|1`, default 0: traces count the bytecode instructions that they run.
    pub count: bool,
    /// `DECAL_VERIFY=0|1|FOLDER`, default 0: see [`crate::verify`].
    pub verify: Verify,
    /// `DECAL_STRESS=hot,guards:N,registers:SEED,panic:compile`.
    pub stress: Stress,
    /// `DECAL_MEMORY=64M`: bytes of code and metadata that traces may have.
    pub memory: usize,
    /// Backward jumps before a loop is observed.
    pub loop_threshold: u32,
    /// Calls of a function before it is observed from its start.
    pub call_threshold: u32,
    /// Code units of a function that is tried, at least: shorter ones cost less than entering and leaving a trace.
    pub least_units: u32,
    /// Percent of the time that may be spent on compiling before what gets hot has to wait.
    pub compile_share: u32,
    /// Times that an exit is taken before it is continued by a side trace.
    pub exit_threshold: u32,
    /// Events of one pass, at most.
    pub max_events: usize,
    /// Instructions of a trace, at most.
    pub max_insts: usize,
    /// Side traces of one root trace, at most.
    pub max_sides: u32,
    /// Side traces of one root trace that loop by themselves, at most.
    pub max_loops: usize,
    /// Times that a location is tried before it is given up.
    pub max_tries: u32,
    /// Entries after which a root trace must have paid.
    pub trial_entries: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            mode: Mode::Native,
            optimize: true,
            debug: 0,
            perf_map: false,
            count: false,
            verify: Verify::Off,
            stress: Stress::default(),
            memory: 64 << 20,
            loop_threshold: 600,
            call_threshold: 800,
            least_units: 10,
            compile_share: 2,
            exit_threshold: 60,
            max_events: 4_000,
            max_insts: 24_000,
            max_sides: 200,
            max_loops: 6,
            max_tries: 3,
            trial_entries: 400,
        }
    }
}

/// A variable with a value that is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadOption {
    /// The variable.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// What it may be.
    pub known: &'static str,
}

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?} is not known; use one of: {}", self.name, self.value, self.known)
    }
}

/// A number of bytes as people write it.
fn bytes(text: &str) -> Option<usize> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' | b'k' => (&text[..text.len() - 1], 10),
        b'M' | b'm' => (&text[..text.len() - 1], 20),
        b'G' | b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.bytes().all(|digit| digit.is_ascii_digit()).then_some(())?;
    digits.parse::<usize>().ok()?.checked_mul(1 << unit)
}

impl Options {
    /// From the environment, through `get`.
    ///
    /// # Errors
    /// [`BadOption`] for the first variable whose value is not known.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Options, BadOption> {
        let mut options = Options::default();
        let bad = |name, value: &str, known| BadOption { name, value: value.to_string(), known };
        if let Some(value) = get("DECAL_JIT").filter(|value| !value.is_empty()) {
            options.mode = match value.as_str() {
                "0" => Mode::Off,
                "1" => Mode::Native,
                "interpreter" => Mode::Interpreter,
                other => return Err(bad("DECAL_JIT", other, "0, 1, interpreter")),
            };
        } else if get("PYTHON_JIT").as_deref() == Some("0") {
            options.mode = Mode::Off;
        }
        if let Some(value) = get("DECAL_OPTIMIZE").filter(|value| !value.is_empty()) {
            options.optimize = match value.as_str() {
                "0" => false,
                "1" => true,
                other => return Err(bad("DECAL_OPTIMIZE", other, "0, 1")),
            };
        }
        if let Some(value) = get("DECAL_DEBUG").filter(|value| !value.is_empty()) {
            options.debug = match value.parse() {
                Ok(level) if level <= 5 => level,
                _ => return Err(bad("DECAL_DEBUG", &value, "0, 1, 2, 3, 4, 5")),
            };
        }
        if let Some(value) = get("DECAL_PERF").filter(|value| !value.is_empty()) {
            options.perf_map = match value.as_str() {
                "map" => true,
                other => return Err(bad("DECAL_PERF", other, "map")),
            };
        }
        if let Some(value) = get("DECAL_COUNT").filter(|value| !value.is_empty()) {
            options.count = match value.as_str() {
                "0" => false,
                "1" => true,
                other => return Err(bad("DECAL_COUNT", other, "0, 1")),
            };
        }
        if let Some(value) = get("DECAL_VERIFY").filter(|value| !value.is_empty()) {
            options.verify = match value.as_str() {
                "0" => Verify::Off,
                "1" => Verify::On,
                folder if folder.contains(std::path::is_separator) => Verify::Folder(PathBuf::from(folder)),
                other => return Err(bad("DECAL_VERIFY", other, "0, 1, a folder with a / in its name")),
            };
        }
        if let Some(value) = get("DECAL_MEMORY").filter(|value| !value.is_empty()) {
            let known = "a number of bytes, or of units with K, M or G behind it";
            options.memory = bytes(&value).ok_or_else(|| bad("DECAL_MEMORY", &value, known))?;
        }
        if let Some(value) = get("DECAL_STRESS").filter(|value| !value.is_empty()) {
            const KNOWN: &str = "hot, guards:N, registers:SEED, dice:SEED, twice, waits, abandon:N, alloc:N, invalidate:N, without:PART, traces:N, rewrites:N, only:N, wrong, wrong:code, panic:compile, panic:callback, or several with commas";
            for part in value.split(',') {
                let unknown = || bad("DECAL_STRESS", &value, KNOWN);
                match part.split_once(':') {
                    None if part == "hot" => options.stress.hot = true,
                    Some(("dice", n)) => options.stress.dice = Some(n.parse().map_err(|_| unknown())?),
                    None if part == "twice" => options.stress.twice = true,
                    None if part == "waits" => options.stress.waits = true,
                    Some(("guards", n)) => options.stress.guard = Some(n.parse().map_err(|_| unknown())?),
                    Some(("registers", n)) => options.stress.registers = Some(n.parse().map_err(|_| unknown())?),
                    Some(("abandon", n)) => options.stress.abandon = Some(n.parse().map_err(|_| unknown())?),
                    Some(("alloc", n)) => options.stress.alloc = Some(n.parse().map_err(|_| unknown())?),
                    Some(("invalidate", n)) => options.stress.invalidate = Some(n.parse().map_err(|_| unknown())?),
                    Some(("traces", n)) => options.stress.traces = Some(n.parse().map_err(|_| unknown())?),
                    Some(("rewrites", n)) => options.stress.rewrites = Some(n.parse().map_err(|_| unknown())?),
                    Some(("only", n)) => options.stress.only = Some(n.parse().map_err(|_| unknown())?),
                    None if part == "wrong" => options.stress.wrong = true,
                    Some(("wrong", "code")) => options.stress.wrong_code = true,
                    Some(("without", "raising")) => options.stress.without_raising = true,
                    Some(("without", "unrolling")) => options.stress.without_unrolling = true,
                    Some(("without", "entrance")) => options.stress.without_entrance = true,
                    Some(("without", part)) => options.stress.without = Some(Part::named(part).ok_or_else(unknown)?),
                    Some(("panic", "compile")) => options.stress.panic = Some(Panic::Compile),
                    Some(("panic", "callback")) => options.stress.panic = Some(Panic::Callback),
                    _ => return Err(unknown()),
                }
            }
        }
        if options.stress.hot {
            options.loop_threshold = 1;
            options.call_threshold = 1;
            options.least_units = 0;
            options.exit_threshold = 1;
            options.trial_entries = u64::MAX;
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &[(&str, &str)]) -> Result<Options, BadOption> {
        Options::from_environment(|name| list.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn known_values() {
        assert_eq!(parse(&[]), Ok(Options::default()));
        assert_eq!(parse(&[("DECAL_JIT", "interpreter")]).map(|o| o.mode), Ok(Mode::Interpreter));
        assert_eq!(parse(&[("PYTHON_JIT", "0")]).map(|o| o.mode), Ok(Mode::Off));
        assert_eq!(parse(&[("PYTHON_JIT", "0"), ("DECAL_JIT", "1")]).map(|o| o.mode), Ok(Mode::Native));
        let stress = parse(&[("DECAL_STRESS", "hot,guards:3")]).map(|o| (o.loop_threshold, o.stress.guard));
        assert_eq!(stress, Ok((1, Some(3))));
        let seed = u64::MAX.to_string();
        let stress =
            parse(&[("DECAL_STRESS", &format!("registers:{seed}"))]).map(|o| (o.stress.hot, o.stress.registers));
        assert_eq!(stress, Ok((false, Some(u64::MAX))));
        let others = [
            ("DECAL_OPTIMIZE", "0"),
            ("DECAL_DEBUG", "5"),
            ("DECAL_PERF", "map"),
            ("DECAL_COUNT", "1"),
            ("DECAL_MEMORY", "3M"),
            ("DECAL_VERIFY", "./reports"),
        ];
        let wanted = Options {
            optimize: false,
            debug: 5,
            perf_map: true,
            count: true,
            memory: 3 << 20,
            verify: Verify::Folder("./reports".into()),
            ..Options::default()
        };
        assert_eq!(parse(&others), Ok(wanted));
    }

    #[test]
    fn empty_values_are_as_if_not_set() {
        let names =
            ["DECAL_JIT", "PYTHON_JIT", "DECAL_OPTIMIZE", "DECAL_DEBUG", "DECAL_PERF", "DECAL_COUNT", "DECAL_STRESS"];
        assert_eq!(parse(&names.map(|name| (name, ""))), Ok(Options::default()));
        // Python's own variable has other values, which are not for us to judge.
        assert_eq!(parse(&[("PYTHON_JIT", "whatever")]), Ok(Options::default()));
        assert_eq!(parse(&[("PYTHON_JIT", "0"), ("DECAL_JIT", "")]).map(|o| o.mode), Ok(Mode::Off));
    }

    #[test]
    fn unknown_values_list_the_known_ones() {
        for (name, value) in [
            ("DECAL_JIT", "yes"),
            ("DECAL_OPTIMIZE", "2"),
            ("DECAL_DEBUG", "9"),
            ("DECAL_DEBUG", "-1"),
            ("DECAL_PERF", "x"),
            ("DECAL_COUNT", "yes"),
            ("DECAL_MEMORY", "many"),
            ("DECAL_MEMORY", "-1"),
            ("DECAL_MEMORY", "M"),
            ("DECAL_MEMORY", "99999999999999G"),
            ("DECAL_STRESS", "without:x"),
            ("DECAL_STRESS", "x:1"),
            ("DECAL_STRESS", "hot:1"),
            ("DECAL_STRESS", "wrong:rule"),
            ("DECAL_STRESS", "hot,,guards:1"),
            ("DECAL_STRESS", "guards"),
            ("DECAL_STRESS", "guards:x"),
            ("DECAL_STRESS", "guards:4294967296"),
            ("DECAL_STRESS", "registers:-1"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert_eq!((error.name, error.value.as_str()), (name, value));
            assert!(error.to_string().contains("use one of: "), "{error}");
        }
    }

    #[test]
    fn the_message_is_one_sentence() {
        let error = parse(&[("DECAL_JIT", "yes")]).unwrap_err();
        assert_eq!(error.to_string(), "DECAL_JIT=\"yes\" is not known; use one of: 0, 1, interpreter");
    }
}
