//! Value classes: what a uop's operands and results hold, and how each is kept in 64 bits.

/// A reference to a Python object: the address of a live `PyObject`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Obj(pub u64);

/// An address that is not an object: a frame, an item array, a byte buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Raw(pub u64);

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    /// An unboxed integer of 64 bits, signed.
    Int,
    /// An unboxed IEEE 754 double.
    Float,
    /// A reference to a Python object, never null unless the uop that made it says so.
    Obj,
    /// An address that is not an object.
    Raw,
}

impl Class {
    /// Whether values of this class live in integer registers.
    pub const fn is_int_register(self) -> bool {
        !matches!(self, Class::Float)
    }

    /// The word used in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Int => "int",
            Class::Float => "float",
            Class::Obj => "obj",
            Class::Raw => "raw",
        }
    }
}

/// The kind of an immediate: a number fixed when the trace is compiled, patched into a hole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ImmKind {
    /// A signed number of 32 bits: a displacement or a small constant.
    Imm32,
    /// 64 bits: an address or a large constant.
    Imm64,
}

/// Conversion between a class's Rust type and the 64 bits that hold it.
pub trait Word: Copy {
    /// The class of this Rust type.
    const CLASS: Class;
    /// The value held by these bits.
    fn from_bits(bits: u64) -> Self;
    /// The bits that hold this value.
    fn to_bits(self) -> u64;
}

impl Word for i64 {
    const CLASS: Class = Class::Int;
    #[inline(always)]
    fn from_bits(bits: u64) -> i64 {
        bits as i64
    }
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self as u64
    }
}

impl Word for f64 {
    const CLASS: Class = Class::Float;
    #[inline(always)]
    fn from_bits(bits: u64) -> f64 {
        f64::from_bits(bits)
    }
    #[inline(always)]
    fn to_bits(self) -> u64 {
        f64::to_bits(self)
    }
}

impl Word for Obj {
    const CLASS: Class = Class::Obj;
    #[inline(always)]
    fn from_bits(bits: u64) -> Obj {
        Obj(bits)
    }
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self.0
    }
}

impl Word for Raw {
    const CLASS: Class = Class::Raw;
    #[inline(always)]
    fn from_bits(bits: u64) -> Raw {
        Raw(bits)
    }
    #[inline(always)]
    fn to_bits(self) -> u64 {
        self.0
    }
}

/// One of the eight integer registers that the allocator hands out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct IntReg(pub u8);

/// One of the eight float registers that the allocator hands out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FloatReg(pub u8);
