//! The trace interpreter's machine: raw memory and real calls.

use decal_uops::{Context, Machine};

/// See the module's text.
pub struct Memory<'a> {
    /// The context of the trace that runs.
    pub context: &'a mut Context,
}

/// Reads a value of type `T`.
///
/// Sound as far as the trace is: addresses come from guarded objects, displacements from verified layouts, exactly
/// as in machine code.
pub fn load<T: Copy>(address: u64) -> T {
    // SAFETY: see above.
    unsafe { (address as *const T).read_unaligned() }
}

fn store<T>(address: u64, value: T) {
    // SAFETY: as for `load`.
    unsafe { (address as *mut T).write_unaligned(value) }
}

/// Calls a C function of doubles that has no state.
pub fn call_float(function: u64, a: f64, b: f64) -> f64 {
    // SAFETY: the trace names a function of the host's list, and its arguments.
    let function: extern "C" fn(f64, f64) -> f64 = unsafe { std::mem::transmute(function) };
    function(a, b)
}

impl Machine for Memory<'_> {
    fn load64(&mut self, address: u64) -> u64 {
        load(address)
    }
    fn load32(&mut self, address: u64) -> u32 {
        load(address)
    }
    fn load8(&mut self, address: u64) -> u8 {
        load(address)
    }
    fn store64(&mut self, address: u64, value: u64) {
        store(address, value);
    }
    fn store32(&mut self, address: u64, value: u32) {
        store(address, value);
    }
    fn store8(&mut self, address: u64, value: u8) {
        store(address, value);
    }
    fn context(&mut self) -> u64 {
        std::ptr::from_mut(self.context) as u64
    }
    fn call(&mut self, function: u64, a: u64, b: u64, c: u64, d: u64) -> u64 {
        // SAFETY: the trace names a function of the host's list, and its arguments.
        let function: extern "C" fn(u64, u64, u64, u64) -> u64 = unsafe { std::mem::transmute(function) };
        function(a, b, c, d)
    }
    fn release(&mut self, function: u64, object: u64) -> u64 {
        self.call(function, object, 0, 0, 0)
    }
    fn call_float(&mut self, function: u64, a: f64, b: f64) -> f64 {
        call_float(function, a, b)
    }
    fn call_new_float(&mut self, function: u64, a: f64) -> u64 {
        // SAFETY: as for `call`.
        let function: extern "C" fn(f64) -> u64 = unsafe { std::mem::transmute(function) };
        function(a)
    }
    fn call_renew_float(&mut self, function: u64, a: f64, b: u64) -> u64 {
        // SAFETY: as for `call`.
        let function: extern "C" fn(f64, u64) -> u64 = unsafe { std::mem::transmute(function) };
        function(a, b)
    }
    fn sqrt(&mut self, a: f64) -> f64 {
        a.sqrt()
    }
}
