//! A machine without memory: a simulated heap for tests of traces, without Python and without `unsafe`.
//!
//! Any address can be read; what was never written is 0. The context, with its spill slots, is at [`CONTEXT`]. C functions
//! are Rust functions entered under an address; a call of another address gives a number that depends on the address
//! and the arguments alone, so that two runs of the same trace agree. All calls and stores outside the context are
//! counted in a digest, by which two runs can be compared.

use decal_uops::Machine;
use std::collections::BTreeMap;

/// Where the context is.
pub const CONTEXT: u64 = 0x1000;
const CONTEXT_END: u64 = CONTEXT + size_of::<decal_uops::Context>() as u64;

/// A C function: gets the heap and its arguments.
pub type Function = fn(&mut Heap, [u64; 4]) -> u64;

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Heap {
    words: BTreeMap<u64, u64>,
    functions: BTreeMap<u64, Function>,
    /// Of everything that happened, in order.
    pub digest: u64,
}

impl Heap {
    /// An empty one.
    pub fn new() -> Heap {
        Heap::default()
    }

    /// Enters a function.
    pub fn define(&mut self, address: u64, function: Function) {
        self.functions.insert(address, function);
    }

    fn note(&mut self, a: u64, b: u64) {
        self.digest = mix(mix(self.digest, a), b);
    }

    fn read(&self, address: u64, bytes: u64) -> u64 {
        (0..bytes)
            .map(|i| {
                let at = address.wrapping_add(i);
                let word = self.words.get(&(at & !7)).copied().unwrap_or(0);
                ((word >> (8 * (at & 7))) & 0xff) << (8 * i)
            })
            .sum()
    }

    fn write(&mut self, address: u64, value: u64, bytes: u64) {
        if !(CONTEXT..CONTEXT_END).contains(&address) {
            self.note(address, value);
        }
        if bytes == 8 && address & 7 == 0 {
            self.words.insert(address, value);
            return;
        }
        for i in 0..bytes {
            let at = address.wrapping_add(i);
            let word = self.words.entry(at & !7).or_insert(0);
            let shift = 8 * (at & 7);
            *word = (*word & !(0xff << shift)) | (((value >> (8 * i)) & 0xff) << shift);
        }
    }
}

fn mix(a: u64, b: u64) -> u64 {
    (a ^ b.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (a >> 31)
}

impl Machine for Heap {
    fn load64(&mut self, address: u64) -> u64 {
        if address & 7 == 0 {
            return self.words.get(&address).copied().unwrap_or(0);
        }
        self.read(address, 8)
    }
    fn load32(&mut self, address: u64) -> u32 {
        self.read(address, 4) as u32
    }
    fn load8(&mut self, address: u64) -> u8 {
        self.read(address, 1) as u8
    }
    fn store64(&mut self, address: u64, value: u64) {
        self.write(address, value, 8);
    }
    fn store32(&mut self, address: u64, value: u32) {
        self.write(address, u64::from(value), 4);
    }
    fn store8(&mut self, address: u64, value: u8) {
        self.write(address, u64::from(value), 1);
    }
    fn context(&mut self) -> u64 {
        CONTEXT
    }
    fn call(&mut self, function: u64, a: u64, b: u64, c: u64, d: u64) -> u64 {
        self.note(function, mix(mix(a, b), mix(c, d)));
        match self.functions.get(&function).copied() {
            Some(body) => body(self, [a, b, c, d]),
            None => mix(mix(function, a), mix(b, mix(c, d))) & 0xffff_fff8,
        }
    }
    fn release(&mut self, function: u64, object: u64) -> u64 {
        self.call(function, object, 0, 0, 0)
    }
    fn call_float(&mut self, function: u64, a: f64, b: f64) -> f64 {
        self.call(function, a.to_bits(), b.to_bits(), 0, 0) as f64
    }
    fn call_new_float(&mut self, function: u64, a: f64) -> u64 {
        self.call(function, a.to_bits(), 0, 0, 0)
    }
    fn call_renew_float(&mut self, function: u64, a: f64, b: u64) -> u64 {
        self.call(function, a.to_bits(), b, 0, 0)
    }
    fn sqrt(&mut self, a: f64) -> f64 {
        a.sqrt()
    }
}
