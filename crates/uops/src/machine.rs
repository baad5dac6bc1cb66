//! What a meaning may ask of the machine that runs it.

/// A uop's way of saying "not here": its guard failed or it could not produce a result, nothing has
/// been changed, and the trace must be left through the uop's side exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SideExit;

/// Memory and calls, as a meaning sees them.
///
/// Addresses come out of a trace that was verified, so that implementations over raw memory are
/// sound as long as the trace's guards hold; see the implementations for their own argument.
pub trait Machine {
    /// The 64 bits at `address`.
    fn load64(&mut self, address: u64) -> u64;
    /// The 32 bits at `address`.
    fn load32(&mut self, address: u64) -> u32;
    /// The byte at `address`.
    fn load8(&mut self, address: u64) -> u8;
    /// Writes 64 bits at `address`.
    fn store64(&mut self, address: u64, value: u64);
    /// Writes 32 bits at `address`.
    fn store32(&mut self, address: u64, value: u32);
    /// Writes a byte at `address`.
    fn store8(&mut self, address: u64, value: u8);
    /// The address of the [`Context`](crate::Context) of the running trace.
    fn context(&mut self) -> u64;
    /// Calls the C function at `function` with up to four integer arguments.
    fn call(&mut self, function: u64, a: u64, b: u64, c: u64, d: u64) -> u64;
    /// Calls the C function at `function` with an object that dies or may die. In machine code this keeps all registers,
    /// so that a drop that is rarely the last one costs the others nothing.
    fn release(&mut self, function: u64, object: u64) -> u64;
    /// Calls the C function at `function` with two doubles (a function of one ignores the second).
    fn call_float(&mut self, function: u64, a: f64, b: f64) -> f64;
    /// Calls a C function that takes a double and returns an address.
    fn call_new_float(&mut self, function: u64, a: f64) -> u64;
    /// Calls a C function that takes a double and an address and returns an address.
    fn call_renew_float(&mut self, function: u64, a: f64, b: u64) -> u64;
    /// The integer part of a double that is known to fit.
    #[inline(always)]
    fn truncate(&mut self, a: f64) -> i64 {
        a as i64
    }
    /// The number itself, in a way that a compiler cannot see through: stencils have no constants in memory,
    /// where compilers like to put those of floats.
    #[inline(always)]
    fn opaque(&mut self, bits: u64) -> u64 {
        bits
    }
    /// The square root, correctly rounded.
    fn sqrt(&mut self, a: f64) -> f64;
    /// Tells the compiler that the code behind this call is rarely reached.
    #[inline(always)]
    fn cold(&mut self) {}
}
