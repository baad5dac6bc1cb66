//! The table of uops, and what is derived from it.
//!
//! One entry reads `name(operands; immediates) -> result [form, effects] |machine| meaning`. A
//! result written `-> int or exit` may leave the trace through the uop's side exit instead, and must
//! then have changed nothing. Operands come before immediates in the meaning's parameters.
//!
//! Conventions:
//! * arithmetic on `int` is exact or exits; only the `wrap_` uops wrap around;
//! * comparisons give 0 or 1 as `int`; `guard_…` uops exit where what they name does not hold;
//! * loads and stores take a base address and a displacement in bytes; which part of the heap they
//!   touch is a property of the instruction in the trace (its region), not of the uop;
//! * object layouts are not known here: displacements come in as immediates. The exceptions are the
//!   reference count at offset 0, the type at offset 8, the digits of an `int`, and the keys of a dict, which are the
//!   same in CPython 3.12 to 3.14; the `cpython` crate verifies them when decal is enabled;
//! * reference counts are read and written with 32 bits. The upper half is 0, and to read 64 bits of which 32 were just written
//!   takes ten times as long: a processor hands a store on to a load only where that lies within.

use crate::{Class, ImmKind, Machine, Obj, Raw, SideExit, Word};

/// How the allocator may choose a uop's registers; one stencil is made for each allowed choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Any register for the result, any for each operand.
    Free,
    /// The result takes the place of the first operand.
    Tied,
    /// A call. Integer and reference operands in `IntReg(4)`, `(5)`, `(6)`, `(7)` in order, float operands in
    /// `FloatReg(0)`, `(1)`; an integer result in `IntReg(3)`, a float result in `FloatReg(0)`.
    /// `IntReg(0)`, `(1)` and `(2)` survive, all other registers are lost.
    Fixed,
}

/// What a uop does besides computing its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// May leave through its side exit, before it has changed anything.
    pub exits: bool,
    /// The operands of a binary uop may change places.
    pub commutes: bool,
    /// Reads memory that some uop may write.
    pub reads: bool,
    /// Writes memory, so that it can neither be removed nor moved.
    pub writes: bool,
    /// Calls into CPython (never running Python code); the side exit then means that an exception is set.
    pub raises: bool,
}

impl Effects {
    /// Whether two executions with the same operands always do the same and only compute (exits allowed).
    pub const fn is_pure(self) -> bool {
        !self.reads && !self.writes && !self.raises
    }
}

/// An operand of a uop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperandInfo {
    /// Its name in the table.
    pub name: &'static str,
    /// Its class. A `Raw` operand accepts `Obj` values too, for address arithmetic.
    pub class: Class,
}

/// An immediate of a uop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImmInfo {
    /// Its name in the table.
    pub name: &'static str,
    /// Its width.
    pub kind: ImmKind,
}

/// All that the table says about a uop but its meaning.
#[derive(Clone, Copy, Debug)]
pub struct UopInfo {
    /// The name, as in the table, the text form and the symbols of stencils.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// The operands, at most four.
    pub operands: &'static [OperandInfo],
    /// The immediates, at most one of each kind.
    pub imms: &'static [ImmInfo],
    /// The result's class.
    pub result: Option<Class>,
    /// How registers may be chosen.
    pub form: Form,
    /// Effects.
    pub effects: Effects,
    /// Whether the last operand may also be a constant of 32 bits, patched into the code.
    pub imm_operand: bool,
}

macro_rules! class_type {
    (int) => {
        i64
    };
    (float) => {
        f64
    };
    (obj) => {
        Obj
    };
    (raw) => {
        Raw
    };
    (imm32) => {
        i64
    };
    (imm64) => {
        u64
    };
}
macro_rules! imm_kind {
    (imm32) => {
        ImmKind::Imm32
    };
    (imm64) => {
        ImmKind::Imm64
    };
}
macro_rules! imm_value {
    (imm32, $bits:expr) => {
        i64::from($bits)
    };
    (imm64, $bits:expr) => {
        $bits
    };
}
macro_rules! return_type {
    () => { () };
    (or exit) => { Result<(), SideExit> };
    ($class:ident) => { class_type!($class) };
    ($class:ident or exit) => { Result<class_type!($class), SideExit> };
}
macro_rules! result_class {
    () => {
        None
    };
    (or exit) => {
        None
    };
    ($class:ident $($rest:tt)*) => {
        Some(<class_type!($class) as Word>::CLASS)
    };
}
macro_rules! may_exit {
    () => {
        false
    };
    (or exit) => {
        true
    };
    ($class:ident) => {
        false
    };
    ($class:ident or exit) => {
        true
    };
}

/// Turns what a meaning returned into the bits of its result, or its exit.
trait Outcome {
    fn outcome(self) -> Result<u64, SideExit>;
}
impl Outcome for () {
    #[inline(always)]
    fn outcome(self) -> Result<u64, SideExit> {
        Ok(0)
    }
}
impl<T: Word> Outcome for T {
    #[inline(always)]
    fn outcome(self) -> Result<u64, SideExit> {
        Ok(self.to_bits())
    }
}
impl<T: Outcome> Outcome for Result<T, SideExit> {
    #[inline(always)]
    fn outcome(self) -> Result<u64, SideExit> {
        self.and_then(Outcome::outcome)
    }
}

macro_rules! uops {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident ( $($arg:ident : $class:ident),* $(; $($imm:ident : $kind:ident),+)? ) $(-> [$($res:tt)*])?
        [ $form:ident $(, $flag:ident)* ] |$m:ident| $body:expr ;
    )+) => {
        /// A micro-op.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Uop { $( $(#[doc = $doc])+ $name, )+ }

        /// Every uop, in the table's order.
        pub const ALL: &[Uop] = &[$(Uop::$name),+];

        static INFO: &[UopInfo] = &[$( UopInfo {
            name: stringify!($name),
            doc: concat!($($doc),+),
            operands: &[$( OperandInfo { name: stringify!($arg), class: <class_type!($class) as Word>::CLASS } ),*],
            imms: &[$($( ImmInfo { name: stringify!($imm), kind: imm_kind!($kind) } ),+)?],
            result: result_class!($($($res)*)?),
            form: Form::$form,
            effects: { #[allow(unused_mut)] let mut e = Effects { exits: may_exit!($($($res)*)?), commutes: false, reads: false, writes: false, raises: false };
                $( uops!(@flag e $flag); )* e },
            imm_operand: false $( || uops!(@imm $flag) )*,
        } ),+];

        /// The meanings, one function per uop.
        pub mod meaning {
            #[allow(unused_imports)]
            use super::*;
            $(
                $(#[doc = $doc])+
                #[inline(always)]
                #[allow(unused_variables, clippy::too_many_arguments)]
                pub fn $name<M: Machine>($m: &mut M $(, $arg: class_type!($class))* $($(, $imm: class_type!($kind))+)?)
                    -> return_type!($($($res)*)?) { $body }
            )+
        }

        /// Runs a uop's meaning: `args` are the bits of its operands, `imm32` and `imm64` its immediates.
        /// Gives the bits of the result (0 where it has none).
        ///
        /// # Errors
        /// [`SideExit`] where the uop leaves the trace.
        #[inline]
        pub fn execute<M: Machine>(uop: Uop, m: &mut M, args: &[u64; 4], imm32: i32, imm64: u64) -> Result<u64, SideExit> {
            match uop { $(
                Uop::$name => {
                    #[allow(unused_mut, unused_variables)]
                    let mut next = args.iter().copied();
                    meaning::$name(m $(, <class_type!($class) as Word>::from_bits({ let _ = stringify!($arg); next.next().unwrap_or(0) }))*
                        $($(, uops!(@pass $kind imm32 imm64))+)?).outcome()
                }
            )+ }
        }
    };
    (@pass imm32 $a:ident $b:ident) => { imm_value!(imm32, $a) };
    (@pass imm64 $a:ident $b:ident) => { imm_value!(imm64, $b) };
    (@flag $e:ident imm) => {};
    (@flag $e:ident $flag:ident) => { $e.$flag = true; };
    (@imm imm) => { true };
    (@imm $other:ident) => { false };
}

impl Uop {
    /// What the table says about this uop.
    pub fn info(self) -> &'static UopInfo {
        &INFO[self as usize]
    }

    /// The uop's name.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The uop of this name.
    pub fn from_name(name: &str) -> Option<Uop> {
        ALL.iter().copied().find(|uop| uop.name() == name)
    }
}

#[inline(always)]
fn guard(holds: bool) -> Result<(), SideExit> {
    if holds { Ok(()) } else { Err(SideExit) }
}

/// Whether a double is neither infinite nor not-a-number, without a constant from memory: stencils have none.
#[inline(always)]
fn finite(a: f64) -> bool {
    (a.to_bits() >> 52) & 0x7ff != 0x7ff
}

/// The integer part of a double of a magnitude below 2**62.
#[inline(always)]
fn truncated<M: Machine>(m: &mut M, a: f64) -> Result<i64, SideExit> {
    // The exponent tells; infinities and not-a-numbers have the largest.
    if (a.to_bits() >> 52) & 0x7ff < 1023 + 62 { Ok(m.truncate(a)) } else { Err(SideExit) }
}

/// Integers of a magnitude up to this are converted to a double without loss.
const EXACT: i64 = 1 << 53;

/// Where the sign and the number of digits of an `int` are.
const LONG_TAG: u64 = 16;
/// Where the digits of an `int` are, 30 bits each in 32.
const LONG_DIGITS: u64 = 24;

/// Where a dict has the address of its keys.
const DICT_KEYS: u64 = 32;
/// Where keys say how large they are: bytes for the logarithms of the table's length and size, and the kind, which is 1 where all are `str`.
const KEYS_SHAPE: u64 = 8;
/// Where their table begins, which the entries follow: 16 bytes each, key and value.
const KEYS_TABLE: u32 = 32;

/// Where an entry of keys that are all `str` lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DictEntry {
    /// Logarithm of the size of the table before the entries, in bytes.
    pub log2_index_bytes: u8,
    /// The number of the entry.
    pub index: u32,
}

impl DictEntry {
    /// As the uop `dict_place` takes it; 0, which fits no dict, where it is too far away.
    pub fn pack(self) -> i32 {
        let table = 1_u32.checked_shl(self.log2_index_bytes.into()).unwrap_or(u32::MAX);
        let at = self.index.checked_mul(16).and_then(|at| at.checked_add(table)?.checked_add(KEYS_TABLE));
        match at {
            Some(at @ ..=0xff_ffff) => (u32::from(self.log2_index_bytes) << 24 | at) as i32,
            _ => 0,
        }
    }
}

uops! {
    // ---- constants and moves ------------------------------------------------------------------

    /// An integer constant of 32 bits.
    const_int(; value: imm32) -> [int] [Free] |m| value as i64;
    /// An integer constant of 64 bits.
    const_int64(; value: imm64) -> [int] [Free] |m| value as i64;
    /// A float constant, given as its bits.
    const_float(; value: imm64) -> [float] [Free] |m| f64::from_bits(value);
    /// A reference to an object that the executor keeps alive or watches.
    const_obj(; value: imm64) -> [obj] [Free] |m| Obj(value);
    /// A constant address.
    const_raw(; value: imm64) -> [raw] [Free] |m| Raw(value);
    /// Copies an integer register.
    move_int(a: int) -> [int] [Free] |m| a;
    /// Copies a float register.
    move_float(a: float) -> [float] [Free] |m| a;
    /// Saves an integer register to the spill slot at this displacement from the context.
    spill_int(a: int; slot: imm32) [Free, writes] |m| { let c = m.context(); m.store64(c.wrapping_add(slot as u64), a as u64) };
    /// Saves a float register to the spill slot at this displacement from the context.
    spill_float(a: float; slot: imm32) [Free, writes] |m| { let c = m.context(); m.store64(c.wrapping_add(slot as u64), a.to_bits()) };
    /// Loads an integer register from the spill slot at this displacement from the context.
    reload_int(; slot: imm32) -> [int] [Free, reads] |m| { let c = m.context(); m.load64(c.wrapping_add(slot as u64)) as i64 };
    /// Loads a float register from the spill slot at this displacement from the context.
    reload_float(; slot: imm32) -> [float] [Free, reads] |m| { let c = m.context(); f64::from_bits(m.load64(c.wrapping_add(slot as u64))) };
    /// The frame that the trace was entered on.
    frame() -> [raw] [Free] |m| { let c = m.context(); Raw(m.load64(c.wrapping_add(crate::offset::FRAME as u64))) };

    // ---- int ----------------------------------------------------------------------------------

    /// `a + b`.
    add_int(a: int, b: int) -> [int or exit] [Free, commutes, imm] |m| a.checked_add(b).ok_or(SideExit);
    /// `a - b`.
    sub_int(a: int, b: int) -> [int or exit] [Free, imm] |m| a.checked_sub(b).ok_or(SideExit);
    /// `a * b`.
    mul_int(a: int, b: int) -> [int or exit] [Free, commutes, imm] |m| a.checked_mul(b).ok_or(SideExit);
    /// `-a`.
    neg_int(a: int) -> [int or exit] [Free] |m| a.checked_neg().ok_or(SideExit);
    /// `abs(a)`.
    abs_int(a: int) -> [int or exit] [Free] |m| a.checked_abs().ok_or(SideExit);
    /// `a + b`, wrapping around.
    wrap_add_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| a.wrapping_add(b);
    /// `a - b`, wrapping around.
    wrap_sub_int(a: int, b: int) -> [int] [Tied, imm] |m| a.wrapping_sub(b);
    /// `a & b`.
    and_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| a & b;
    /// `a | b`.
    or_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| a | b;
    /// `a ^ b`.
    xor_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| a ^ b;
    /// `~a`.
    not_int(a: int) -> [int] [Free] |m| !a;
    /// `a << b`; exits where `b` is negative or the result does not fit.
    shl_int(a: int, b: int) -> [int or exit] [Tied, imm] |m| {
        if (b as u64) >= 63 { return Err(SideExit); }
        let r = a << b;
        if r >> b == a { Ok(r) } else { Err(SideExit) }
    };
    /// `a >> b`; exits where `b` is negative.
    shr_int(a: int, b: int) -> [int or exit] [Tied, imm] |m| {
        if b < 0 { return Err(SideExit); }
        Ok(a >> (if b > 63 { 63 } else { b }))
    };
    /// `a >> count` for a constant below 64.
    shift_right(a: int; count: imm32) -> [int] [Tied] |m| a >> (count as u32 & 63);
    /// `a // b`; exits where `b` is 0 and where the quotient does not fit.
    floordiv_int(a: int, b: int) -> [int or exit] [Tied, imm] |m| {
        if b == 0 || (b == -1 && a == i64::MIN) { return Err(SideExit); }
        let q = a.wrapping_div(b);
        Ok(if a.wrapping_rem(b) != 0 && ((a ^ b) < 0) { q - 1 } else { q })
    };
    /// `a % b`; exits where `b` is 0.
    mod_int(a: int, b: int) -> [int or exit] [Tied, imm] |m| {
        if b == 0 { return Err(SideExit); }
        if b == -1 { return Ok(0); }
        let r = a.wrapping_rem(b);
        Ok(if r != 0 && ((r ^ b) < 0) { r + b } else { r })
    };
    /// `a // d` of a constant `d` above 1 without a division: `factor` is `2**(64 + shift) / d`, rounded up. Of a negative number
    /// the complement is divided, whose quotient is the complement of what is wanted.
    floordiv_by(a: int; shift: imm32, factor: imm64) -> [int] [Free] |m| {
        let sign = a >> 63;
        let product = (a ^ sign) as u64 as u128 * factor as u128;
        ((product >> 64) as u64 >> (shift as u32 & 63)) as i64 ^ sign
    };
    /// `a - q * divisor`, wrapping around: `a % divisor` where `q` is the quotient.
    remainder_of(a: int, q: int; divisor: imm32) -> [int] [Tied] |m| a.wrapping_sub(q.wrapping_mul(divisor));
    /// `a / b`; exits where `b` is 0 and where an operand is not exact as a double.
    truediv_int(a: int, b: int) -> [float or exit] [Free] |m| {
        if b == 0 || a.unsigned_abs() > EXACT as u64 || b.unsigned_abs() > EXACT as u64 { return Err(SideExit); }
        Ok(a as f64 / b as f64)
    };
    /// `a ** b`; exits where `b` is negative and where the result does not fit.
    pow_int(a: int, b: int) -> [int or exit] [Tied, imm] |m| {
        if b < 0 { return Err(SideExit); }
        let (mut base, mut exponent, mut result) = (a, b as u64, 1i64);
        loop {
            if exponent & 1 != 0 {
                match result.checked_mul(base) { Some(r) => result = r, None => return Err(SideExit) }
            }
            exponent >>= 1;
            if exponent == 0 { return Ok(result); }
            match base.checked_mul(base) { Some(r) => base = r, None => return Err(SideExit) }
        }
    };
    /// `a == b` as 0 or 1.
    eq_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| (a == b) as i64;
    /// `a != b` as 0 or 1.
    ne_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| (a != b) as i64;
    /// `a < b` as 0 or 1.
    lt_int(a: int, b: int) -> [int] [Tied, imm] |m| (a < b) as i64;
    /// `a <= b` as 0 or 1.
    le_int(a: int, b: int) -> [int] [Tied, imm] |m| (a <= b) as i64;
    /// `a > b` as 0 or 1.
    gt_int(a: int, b: int) -> [int] [Tied, imm] |m| (a > b) as i64;
    /// `a >= b` as 0 or 1.
    ge_int(a: int, b: int) -> [int] [Tied, imm] |m| (a >= b) as i64;
    /// Exits unless `a == b`.
    guard_eq_int(a: int, b: int) -> [or exit] [Free, commutes, imm] |m| guard(a == b);
    /// Exits unless `a != b`.
    guard_ne_int(a: int, b: int) -> [or exit] [Free, commutes, imm] |m| guard(a != b);
    /// Exits unless `a < b`.
    guard_lt_int(a: int, b: int) -> [or exit] [Free, imm] |m| guard(a < b);
    /// Exits unless `a <= b`.
    guard_le_int(a: int, b: int) -> [or exit] [Free, imm] |m| guard(a <= b);
    /// Exits unless `a > b`.
    guard_gt_int(a: int, b: int) -> [or exit] [Free, imm] |m| guard(a > b);
    /// Exits unless `a >= b`.
    guard_ge_int(a: int, b: int) -> [or exit] [Free, imm] |m| guard(a >= b);
    /// Exits unless `0 <= a < b`: an index against a length (`b` is never negative).
    guard_index(a: int, b: int) -> [or exit] [Free, imm] |m| guard((a as u64) < (b as u64));
    /// The smaller of two.
    min_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| if b < a { b } else { a };
    /// The larger of two.
    max_int(a: int, b: int) -> [int] [Tied, commutes, imm] |m| if b > a { b } else { a };

    // ---- float --------------------------------------------------------------------------------

    /// `a + b`.
    add_float(a: float, b: float) -> [float] [Tied, commutes] |m| a + b;
    /// `a - b`.
    sub_float(a: float, b: float) -> [float] [Tied] |m| a - b;
    /// `a * b`.
    mul_float(a: float, b: float) -> [float] [Tied, commutes] |m| a * b;
    /// `a / b`; exits where `b` is 0.
    div_float(a: float, b: float) -> [float or exit] [Tied] |m| if b == 0.0 { Err(SideExit) } else { Ok(a / b) };
    /// `-a`.
    neg_float(a: float) -> [float] [Free] |m| f64::from_bits(a.to_bits() ^ m.opaque(1 << 63));
    /// `abs(a)`.
    abs_float(a: float) -> [float] [Free] |m| f64::from_bits(a.to_bits() & m.opaque(!(1 << 63)));
    /// The square root; exits where `a` is negative or not a number.
    sqrt_float(a: float) -> [float or exit] [Free] |m| if a >= 0.0 { Ok(m.sqrt(a)) } else { Err(SideExit) };
    /// `a == b` as 0 or 1.
    eq_float(a: float, b: float) -> [int] [Free, commutes] |m| (a == b) as i64;
    /// `a != b` as 0 or 1.
    ne_float(a: float, b: float) -> [int] [Free, commutes] |m| (a != b) as i64;
    /// `a < b` as 0 or 1.
    lt_float(a: float, b: float) -> [int] [Free] |m| (a < b) as i64;
    /// `a <= b` as 0 or 1.
    le_float(a: float, b: float) -> [int] [Free] |m| (a <= b) as i64;
    /// Exits unless `a == b`.
    guard_eq_float(a: float, b: float) -> [or exit] [Free, commutes] |m| guard(a == b);
    /// Exits unless `a != b` (so it passes where one is not a number).
    guard_ne_float(a: float, b: float) -> [or exit] [Free, commutes] |m| guard(a != b);
    /// Exits unless `a < b`.
    guard_lt_float(a: float, b: float) -> [or exit] [Free] |m| guard(a < b);
    /// Exits where `a < b` (so it passes where one is not a number).
    guard_nlt_float(a: float, b: float) -> [or exit] [Free] |m| if a < b { Err(SideExit) } else { Ok(()) };
    /// Exits unless `a <= b`.
    guard_le_float(a: float, b: float) -> [or exit] [Free] |m| guard(a <= b);
    /// Exits where `a <= b` (so it passes where one is not a number).
    guard_nle_float(a: float, b: float) -> [or exit] [Free] |m| if a <= b { Err(SideExit) } else { Ok(()) };
    /// The nearest double, ties to even: what `float(a)` gives, and what `a + 1.0` does to its left side.
    int_to_float(a: int) -> [float] [Free] |m| a as f64;
    /// The same double; exits where there is none, as comparing an int with a float needs.
    int_to_float_exact(a: int) -> [float or exit] [Free] |m| if a.unsigned_abs() > EXACT as u64 { Err(SideExit) } else { Ok(a as f64) };
    /// `int(a)`; exits where the result does not fit and where `a` is not finite.
    float_to_int(a: float) -> [int or exit] [Free] |m| truncated(m, a);
    /// `round(a)`: to the nearest integer, ties to even; exits where the magnitude exceeds 2**51.
    round_float(a: float) -> [int or exit] [Free] |m| {
        // Adding 1.5 * 2**52 leaves no room for a fraction.
        let half = f64::from_bits(m.opaque(2251799813685248f64.to_bits()));
        let shift = f64::from_bits(m.opaque(6755399441055744f64.to_bits()));
        // Both are false for what is not a number.
        if a <= half && a + half > 0.0 { Ok(m.truncate((a + shift) - shift)) } else { Err(SideExit) }
    };
    /// `math.floor(a)`; exits where the result does not fit and where `a` is not finite.
    floor_float(a: float) -> [int or exit] [Free] |m| {
        let t = truncated(m, a)?;
        Ok(if (t as f64) > a { t - 1 } else { t })
    };
    /// `math.ceil(a)`; exits where the result does not fit and where `a` is not finite.
    ceil_float(a: float) -> [int or exit] [Free] |m| {
        let t = truncated(m, a)?;
        Ok(if (t as f64) < a { t + 1 } else { t })
    };
    /// Calls a C function of one double that has no state; exits where operand or result is not finite.
    call_float_1(a: float; function: imm64) -> [float or exit] [Fixed] |m| {
        let r = m.call_float(function, a, 0.0);
        if finite(a) && finite(r) { Ok(r) } else { Err(SideExit) }
    };
    /// Calls a C function of two doubles that has no state; exits where an operand or the result is not finite.
    call_float_2(a: float, b: float; function: imm64) -> [float or exit] [Fixed] |m| {
        let r = m.call_float(function, a, b);
        if finite(a) && finite(b) && finite(r) { Ok(r) } else { Err(SideExit) }
    };

    // ---- memory -------------------------------------------------------------------------------

    /// The reference at `base + disp`; exits where it is null.
    load_obj(base: raw; disp: imm32) -> [obj or exit] [Free, reads] |m| {
        let o = m.load64(base.0.wrapping_add(disp as u64));
        if o == 0 { Err(SideExit) } else { Ok(Obj(o)) }
    };
    /// The reference at `base + disp`, known not to be null.
    load_obj_unchecked(base: raw; disp: imm32) -> [obj] [Free, reads] |m| Obj(m.load64(base.0.wrapping_add(disp as u64)));
    /// The address at `base + disp`.
    load_raw(base: raw; disp: imm32) -> [raw] [Free, reads] |m| Raw(m.load64(base.0.wrapping_add(disp as u64)));
    /// The signed 64 bits at `base + disp`.
    load_int(base: raw; disp: imm32) -> [int] [Free, reads] |m| m.load64(base.0.wrapping_add(disp as u64)) as i64;
    /// The unsigned 32 bits at `base + disp`.
    load_u32(base: raw; disp: imm32) -> [int] [Free, reads] |m| m.load32(base.0.wrapping_add(disp as u64)) as i64;
    /// The unsigned byte at `base + disp`.
    load_u8(base: raw; disp: imm32) -> [int] [Free, reads] |m| m.load8(base.0.wrapping_add(disp as u64)) as i64;
    /// The double at `base + disp`.
    load_float(base: raw; disp: imm32) -> [float] [Free, reads] |m| f64::from_bits(m.load64(base.0.wrapping_add(disp as u64)));
    /// The reference at `base + 8 * index + disp`; exits where it is null.
    load_item(base: raw, index: int; disp: imm32) -> [obj or exit] [Free, reads] |m| {
        let o = m.load64(base.0.wrapping_add((index as u64).wrapping_mul(8)).wrapping_add(disp as u64));
        if o == 0 { Err(SideExit) } else { Ok(Obj(o)) }
    };
    /// The byte at `base + index + disp`.
    load_byte(base: raw, index: int; disp: imm32) -> [int] [Free, reads] |m| m.load8(base.0.wrapping_add(index as u64).wrapping_add(disp as u64)) as i64;
    /// The unsigned 16 bits at `base + 2 * index + disp`, of an array that has as many behind its end.
    load_u16_item(base: raw, index: int; disp: imm32) -> [int] [Free, reads] |m| {
        let at = base.0.wrapping_add((index as u64).wrapping_mul(2)).wrapping_add(disp as u64);
        i64::from(m.load32(at) as u16)
    };
    /// The double at `base + 8 * index`.
    load_float_item(base: raw, index: int; disp: imm32) -> [float] [Free, reads] |m| {
        f64::from_bits(m.load64(base.0.wrapping_add((index as u64).wrapping_mul(8)).wrapping_add(disp as u64)))
    };
    /// The signed 64 bits at `base + 8 * index`.
    load_int_item(base: raw, index: int; disp: imm32) -> [int] [Free, reads] |m| {
        m.load64(base.0.wrapping_add((index as u64).wrapping_mul(8)).wrapping_add(disp as u64)) as i64
    };
    /// The signed 32 bits at `base + 4 * index`.
    load_i32_item(base: raw, index: int; disp: imm32) -> [int] [Free, reads] |m| {
        m.load32(base.0.wrapping_add((index as u64).wrapping_mul(4)).wrapping_add(disp as u64)) as i32 as i64
    };
    /// Writes a reference at `base + disp`; the reference count is not touched.
    store_obj(base: raw, value: obj; disp: imm32) [Free, writes] |m| m.store64(base.0.wrapping_add(disp as u64), value.0);
    /// Writes 64 bits at `base + disp`.
    store_int(base: raw, value: int; disp: imm32) [Free, writes] |m| m.store64(base.0.wrapping_add(disp as u64), value as u64);
    /// Writes a double at `base + disp`.
    store_float(base: raw, value: float; disp: imm32) [Free, writes] |m| m.store64(base.0.wrapping_add(disp as u64), value.to_bits());
    /// Writes a null reference at `base + disp`.
    store_null(base: raw; disp: imm32) [Free, writes] |m| m.store64(base.0.wrapping_add(disp as u64), 0);
    /// Writes a reference at `base + 8 * index`; the reference count is not touched.
    store_item(base: raw, index: int, value: obj) [Free, writes] |m| m.store64(base.0.wrapping_add((index as u64).wrapping_mul(8)), value.0);
    /// Writes a double at `base + 8 * index`.
    store_float_item(base: raw, index: int, value: float) [Free, writes] |m| {
        m.store64(base.0.wrapping_add((index as u64).wrapping_mul(8)), value.to_bits())
    };
    /// Writes 64 bits at `base + 8 * index`.
    store_int_item(base: raw, index: int, value: int) [Free, writes] |m| {
        m.store64(base.0.wrapping_add((index as u64).wrapping_mul(8)), value as u64)
    };
    /// Writes the low 32 bits of `value` at `base + 4 * index`; exits unless it is a signed number of 32 bits.
    store_i32_item(base: raw, index: int, value: int) -> [or exit] [Free, writes] |m| {
        if value as i32 as i64 != value { return Err(SideExit); }
        m.store32(base.0.wrapping_add((index as u64).wrapping_mul(4)), value as u32);
        Ok(())
    };
    /// Writes the low byte of `value` at `base + index`; exits unless `0 <= value < 256`.
    store_byte(base: raw, index: int, value: int; disp: imm32) -> [or exit] [Free, writes] |m| {
        if (value as u64) > 255 { return Err(SideExit); }
        m.store8(base.0.wrapping_add(index as u64).wrapping_add(disp as u64), value as u8);
        Ok(())
    };

    // ---- objects ------------------------------------------------------------------------------

    /// Exits unless the object's type is exactly this one.
    guard_type(a: obj; ty: imm64) -> [or exit] [Free] |m| guard(m.load64(a.0.wrapping_add(8)) == ty);
    /// Exits unless the reference is this one.
    guard_is(a: obj; object: imm64) -> [or exit] [Free] |m| guard(a.0 == object);
    /// Exits where the reference is this one.
    guard_is_not(a: obj; object: imm64) -> [or exit] [Free] |m| guard(a.0 != object);
    /// Exits unless the 32 bits at this constant address are `value`.
    guard_word32(; value: imm32, address: imm64) -> [or exit] [Free, reads] |m| guard(m.load32(address) == value as u32);
    /// `a is b` as 0 or 1.
    is_same(a: obj, b: obj) -> [int] [Tied, commutes] |m| (a.0 == b.0) as i64;
    /// Exits unless `a is b`.
    guard_same(a: obj, b: obj) -> [or exit] [Free, commutes] |m| guard(a.0 == b.0);
    /// Exits where `a is b`.
    guard_not_same(a: obj, b: obj) -> [or exit] [Free, commutes] |m| guard(a.0 != b.0);
    /// The value of an exact `int` of up to 60 bits; exits where it has more.
    unbox_int(a: obj) -> [int or exit] [Free] |m| {
        let tag = m.load64(a.0.wrapping_add(LONG_TAG));
        let low = m.load32(a.0.wrapping_add(LONG_DIGITS)) as i64;
        let sign = 1 - (tag & 3) as i64;
        if tag < 16 { return Ok(sign * low); }
        m.cold();
        if tag >= 24 { return Err(SideExit); }
        let high = m.load32(a.0.wrapping_add(LONG_DIGITS + 4)) as i64;
        Ok(sign * (low | (high << 30)))
    };
    /// Whether an exact `int` of any size is not zero, as 0 or 1.
    int_truth(a: obj) -> [int] [Free] |m| ((m.load64(a.0.wrapping_add(LONG_TAG)) & 3) != 1) as i64;
    /// Adds a reference, unless the object is immortal.
    incref(a: obj) [Free, writes] |m| {
        let count = m.load32(a.0).wrapping_add(1);
        if count != 0 { m.store32(a.0, count); }
    };
    /// Drops a reference that is not the last one; exits where it is, so that CPython sees the object die.
    decref_or_exit(a: obj) -> [or exit] [Free, writes] |m| {
        let count = m.load32(a.0);
        if (count as i32) < 0 { return Ok(()); }
        if count == 1 { return Err(SideExit); }
        m.store32(a.0, count - 1);
        Ok(())
    };
    /// Exits where the reference count is 1, so that CPython sees the object die.
    guard_not_last(a: obj) -> [or exit] [Free, reads] |m| guard(m.load32(a.0) != 1);
    /// Exits unless the reference count is 1: nobody else can see the object change.
    guard_last(a: obj) -> [or exit] [Free, reads] |m| guard(m.load32(a.0) == 1);
    /// The same reference under a new name, after its object was changed in place.
    renamed(a: obj) -> [obj] [Tied, writes] |m| a;
    /// The `int` object of a number from -5 to 256, from the interpreter's table of them; exits for other numbers.
    small_int(a: int; table: imm64) -> [obj or exit] [Free] |m| {
        let index = a.wrapping_add(5) as u64;
        if index >= 262 { Err(SideExit) } else { Ok(Obj(table.wrapping_add(index.wrapping_mul(32)))) }
    };
    /// The `str` object of an ASCII character, from the interpreter's table of them; exits for other characters.
    ascii_char(a: int; table: imm64) -> [obj or exit] [Free] |m| {
        let index = a as u64;
        if index >= 128 { Err(SideExit) } else { Ok(Obj(table.wrapping_add(index.wrapping_mul(48)))) }
    };
    /// Drops a reference to an object whose death runs no Python code, or, in a general operation, any; `dealloc` frees it
    /// with the last one.
    decref_plain(a: obj; dealloc: imm64) [Free, writes] |m| {
        let count = m.load32(a.0);
        if (count as i32) >= 0 {
            m.store32(a.0, count.wrapping_sub(1));
            if count == 1 { m.cold(); let _ = m.release(dealloc, a.0); }
        }
    };
    /// Drops a reference that may be null to an object whose death runs no Python code.
    decref_plain_or_null(a: obj; dealloc: imm64) [Free, writes] |m| {
        if a.0 != 0 {
            let count = m.load32(a.0);
            if (count as i32) >= 0 {
                m.store32(a.0, count.wrapping_sub(1));
                if count == 1 { m.cold(); let _ = m.release(dealloc, a.0); }
            }
        }
    };

    // ---- calls --------------------------------------------------------------------------------
    // The functions have the C convention and take the operands alone.

    /// A new `int`; `function` is `PyLong_FromLongLong`.
    new_int(a: int; function: imm64) -> [obj or exit] [Fixed, raises] |m| {
        let r = m.call(function, a as u64, 0, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// A new `float`; `function` is `PyFloat_FromDouble`, whose address is called with a double.
    new_float(a: float; function: imm64) -> [obj or exit] [Fixed, raises] |m| {
        let r = m.call_new_float(function, a);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Makes the `float` `old`, whose reference is consumed, into one with value `a`: in place where nobody else
    /// holds it, otherwise a new one. `function` does this as C, for the case that is not in place:
    /// it takes the double, then the old object, and drops the old one's reference.
    renew_float(a: float, old: obj; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        if m.load32(old.0) == 1 { m.store64(old.0.wrapping_add(16), a.to_bits()); return Ok(old); }
        let r = m.call_renew_float(function, a, old.0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Makes the `int` `old`, whose reference is consumed, into one with value `a`: in place where nobody else holds it and `a` has
    /// one digit and none of those objects that the interpreter has for small numbers. Otherwise `function` does it, whose
    /// argument is the address of `a` and `old`.
    renew_int(a: int, old: obj; function: imm64) -> [obj or exit] [Free, raises, writes] |m| {
        if m.load32(old.0) == 1 && (a as u64).wrapping_sub(257) < (1 << 30) - 257 {
            m.store64(old.0.wrapping_add(LONG_TAG), 1 << 3);
            m.store32(old.0.wrapping_add(LONG_DIGITS), a as u32);
            return Ok(old);
        }
        m.cold();
        let both = m.context().wrapping_add(crate::offset::ARGUMENTS as u64);
        m.store64(both, a as u64);
        m.store64(both.wrapping_add(8), old.0);
        let r = m.release(function, both);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Where a dict keeps the value of a `str`: the address. It was seen in the entry that `entry` says, as [`DictEntry`] packs it, of keys that
    /// are all `str`; where it is not there, `function` looks, whose argument is the address of both. Exits where that gives null.
    dict_place(dict: obj, name: obj; entry: imm32, function: imm64) -> [raw or exit] [Free, raises, writes] |m| {
        let keys = m.load64(dict.0.wrapping_add(DICT_KEYS));
        let wanted = entry as u32 >> 24 | 1 << 8;
        if (m.load32(keys.wrapping_add(KEYS_SHAPE)) >> 8) & 0xffff == wanted {
            let at = keys.wrapping_add(u64::from(entry as u32 & 0xff_ffff));
            if m.load64(at) == name.0 {
                return Ok(Raw(at.wrapping_add(8)));
            }
        }
        m.cold();
        let both = m.context().wrapping_add(crate::offset::ARGUMENTS as u64);
        m.store64(both, dict.0);
        m.store64(both.wrapping_add(8), name.0);
        let r = m.release(function, both);
        if r == 0 { Err(SideExit) } else { Ok(Raw(r)) }
    };
    /// Calls a C function of one object; a null result is an exception.
    call_obj_1(a: obj; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, 0, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function of two objects; a null result is an exception.
    call_obj_2(a: obj, b: obj; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b.0, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function of three objects; a null result is an exception.
    call_obj_3(a: obj, b: obj, c: obj; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b.0, c.0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function of two objects that gives a truth value or -1 with an exception set.
    call_truth_2(a: obj, b: obj; function: imm64) -> [int or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b.0, 0, 0) as i32;
        if r < 0 { Err(SideExit) } else { Ok(r as i64) }
    };
    /// Calls a C function that makes an object of two, the first of which is used up: it may become the result. A null result is
    /// as for `call_index`.
    call_renew(a: obj, b: obj; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b.0, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function in the convention of a fast builtin method: an object, then the address of the arguments, their
    /// number, and no keyword names. A null result is an exception, or none: the function has done nothing.
    call_fast(a: obj, count: int; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let arguments = m.context().wrapping_add(crate::offset::ARGUMENTS as u64);
        let r = m.call(function, a.0, arguments, count as u64, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function of three objects that gives a truth value; -1 is an exception, or none: the function has done nothing.
    call_truth_3(a: obj, b: obj, c: obj; function: imm64) -> [int or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b.0, c.0, 0) as i32;
        if r < 0 { Err(SideExit) } else { Ok(r as i64) }
    };
    /// Calls a C function of two objects that gives a number of 64 bits; the lowest one is an exception, or none.
    call_int_2(a: obj, b: obj; function: imm64) -> [int or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b.0, 0, 0) as i64;
        if r == i64::MIN { Err(SideExit) } else { Ok(r) }
    };
    /// Calls a C function of an object and a number; a null result is an exception, or none: the function has done nothing.
    call_index(a: obj, b: int; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b as u64, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function of an object and three numbers; a null result is as for `call_index`.
    call_slice(a: obj, b: int, c: int, d: int; function: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let r = m.call(function, a.0, b as u64, c as u64, d as u64);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Calls a C function of an object, two numbers and an object; exits unless it gives 1, and it has done nothing then.
    call_store(a: obj, b: int, c: int, d: obj; function: imm64) -> [or exit] [Fixed, raises, writes] |m| {
        guard(m.call(function, a.0, b as u64, c as u64, d.0) as i32 == 1)
    };
    /// Calls a C function of two objects and the numbers in the context's arguments; exits unless it gives 1, and it has done
    /// nothing then.
    call_move(a: obj, b: obj; function: imm64) -> [or exit] [Fixed, raises, writes] |m| {
        let arguments = m.context().wrapping_add(crate::offset::ARGUMENTS as u64);
        guard(m.call(function, a.0, b.0, arguments, 0) as i32 == 1)
    };
    /// Exits where the reference count is 1 and the C function, asked whether the object may die here, says 0.
    guard_droppable(a: obj; function: imm64) -> [or exit] [Free, reads] |m| {
        if m.load32(a.0) != 1 { return Ok(()); }
        m.cold();
        guard(m.release(function, a.0) as i32 != 0)
    };
    /// Exits where one reference to each of the first objects in the context's arguments may not be dropped here. Where each of them
    /// has another one that stays, nothing dies; else the C function is asked, which gets them with a null behind.
    guard_droppable_all(; count: imm32, function: imm64) -> [or exit] [Free, reads] |m| {
        let objects = m.context().wrapping_add(crate::offset::ARGUMENTS as u64);
        let end = objects.wrapping_add(8 * count as u64);
        let mut at = objects;
        while at != end {
            let object = m.load64(at);
            let references = i64::from(m.load32(object) as i32);
            // Immortal objects have a negative number.
            if references >= 0 && references <= count {
                let mut stays = references != 1;
                let mut before = objects;
                while stays && before != at {
                    stays = m.load64(before) != object;
                    before = before.wrapping_add(8);
                }
                if !stays {
                    m.cold();
                    m.store64(end, 0);
                    return guard(m.release(function, objects) as i32 != 0);
                }
            }
            at = at.wrapping_add(8);
        }
        Ok(())
    };
    /// A new tuple or list of `length` items, all null; `function` is `PyTuple_New` or `PyList_New`.
    new_sequence(length: int; function: imm64) -> [obj or exit] [Fixed, raises] |m| {
        let r = m.call(function, length as u64, 0, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };

    // ---- general operations -------------------------------------------------------------------
    // The functions may run any Python code: all that it could look at is in memory, and nothing that memory held before
    // is known to be there afterwards. They are called with their region `any`.

    /// Calls a C function of one word that may run any Python code; null where an exception is set.
    call_any_1(a: raw; function: imm64) -> [obj] [Fixed, writes] |m| Obj(m.call(function, a.0, 0, 0, 0));
    /// Calls a C function of two words that may run any Python code; null where an exception is set.
    call_any_2(a: raw, b: raw; function: imm64) -> [obj] [Fixed, writes] |m| Obj(m.call(function, a.0, b.0, 0, 0));
    /// Calls a C function of three words that may run any Python code; null where an exception is set.
    call_any_3(a: raw, b: raw, c: raw; function: imm64) -> [obj] [Fixed, writes] |m| Obj(m.call(function, a.0, b.0, c.0, 0));
    /// Calls a C function of four words that may run any Python code; null where an exception is set.
    call_any_4(a: raw, b: raw, c: raw, d: raw; function: imm64) -> [obj] [Fixed, writes] |m| {
        Obj(m.call(function, a.0, b.0, c.0, d.0))
    };
    /// Calls a C function of one word that may run any Python code and gives a number, negative where an exception is set.
    call_any_int_1(a: raw; function: imm64) -> [int] [Fixed, writes] |m| m.call(function, a.0, 0, 0, 0) as i32 as i64;
    /// Calls a C function of two words that may run any Python code and gives a number, negative where an exception is set.
    call_any_int_2(a: raw, b: raw; function: imm64) -> [int] [Fixed, writes] |m| m.call(function, a.0, b.0, 0, 0) as i32 as i64;
    /// Calls a C function of three words that may run any Python code and gives a number, negative where an exception is set.
    call_any_int_3(a: raw, b: raw, c: raw; function: imm64) -> [int] [Fixed, writes] |m| {
        m.call(function, a.0, b.0, c.0, 0) as i32 as i64
    };
    /// Calls a function that has a trace from its start, by way of the C function whose address is the first word of `site`: it takes the
    /// context, in which the arguments are, and the site. It exits where that gives null: the frames of this trace exist then.
    call_native(; site: imm64) -> [obj or exit] [Fixed, raises, writes] |m| {
        let c = m.context();
        let function = m.load64(site);
        let r = m.call(function, c, site, 0, 0);
        if r == 0 { Err(SideExit) } else { Ok(Obj(r)) }
    };
    /// Makes the frame of a call that was inlined, with the thread as third argument; exits where there is no memory for it, with an exception set.
    push_frame(below: raw, function: obj; maker: imm64) -> [raw or exit] [Fixed, raises, writes] |m| {
        let c = m.context();
        let thread = m.load64(c.wrapping_add(crate::offset::THREAD as u64));
        let r = m.call(maker, below.0, function.0, thread, 0);
        if r == 0 { Err(SideExit) } else { Ok(Raw(r)) }
    };
    /// Takes such a frame away again.
    pop_frame(frame: raw; remover: imm64) [Fixed, writes] |m| {
        let c = m.context();
        let thread = m.load64(c.wrapping_add(crate::offset::THREAD as u64));
        let _ = m.call(remover, frame.0, thread, 0, 0);
    };
    /// Exits where the C function, asked whether a trace may go on in these frames, innermost and outermost, says 0.
    guard_undisturbed(innermost: raw, entry: raw; function: imm64) -> [or exit] [Fixed, reads] |m| {
        let c = m.context();
        let thread = m.load64(c.wrapping_add(crate::offset::THREAD as u64));
        guard(m.call(function, innermost.0, entry.0, thread, 0) as i32 != 0)
    };
    /// The address of this place in the context.
    context(; at: imm32) -> [raw] [Free] |m| { let c = m.context(); Raw(c.wrapping_add(at as u64)) };
    /// Writes a word to this place in the context.
    set_context(a: raw; at: imm32) [Free, writes] |m| { let c = m.context(); m.store64(c.wrapping_add(at as u64), a.0) };

    // ---- control ------------------------------------------------------------------------------

    /// Exits where the interpreter wants attention: a signal, a pending call, another thread, a debugger.
    guard_quiet() -> [or exit] [Free, reads] |m| {
        let c = m.context();
        let address = m.load64(c.wrapping_add(crate::offset::BREAKER as u64));
        guard(m.load64(address) == m.load64(c.wrapping_add(crate::offset::BREAKER_QUIET as u64)))
    };
    /// The same in front of what looks after signals and the collector by itself: the interpreter does that instruction.
    guard_idle() -> [or exit] [Free, reads] |m| {
        let c = m.context();
        let address = m.load64(c.wrapping_add(crate::offset::BREAKER as u64));
        guard(m.load64(address) == m.load64(c.wrapping_add(crate::offset::BREAKER_QUIET as u64)))
    };
    /// Counts one turn of the loop.
    count_iteration() [Free, writes] |m| {
        let at = m.context().wrapping_add(crate::offset::ITERATIONS as u64);
        let count = m.load64(at);
        m.store64(at, count.wrapping_add(1));
    };
    /// The same where the loop's body holds several turns.
    count_iterations(; turns: imm32) [Free, writes] |m| {
        let at = m.context().wrapping_add(crate::offset::ITERATIONS as u64);
        let count = m.load64(at);
        m.store64(at, count.wrapping_add(turns as u64));
    };
    /// Leaves the trace.
    exit() -> [or exit] [Free] |m| Err(SideExit);
}
