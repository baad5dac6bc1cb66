//! Real memory for machine code to work on: an arena, C functions that keep a log, and a machine over both.
//!
//! The arena has an area of objects, one of references to them, one of integers and one of doubles. The C functions check the
//! stack's alignment, and fill every register that a C function may destroy, so that code that relies on one goes wrong.
#![allow(dead_code)] // each test file uses a part of it

use decal_native::enter::enter;
use decal_trace::eval::allocated::Cpu;
use decal_uops::{Context, Machine};
use std::cell::{Cell, RefCell};

/// Objects of 32 bytes: count, type, tag, two digits of 32 bits.
pub const OBJECTS: u64 = 300;
/// Bytes of an object.
pub const OBJECT: u64 = 32;
const OBJECT_WORDS: usize = (OBJECTS * OBJECT / 8) as usize + 8;
/// References: every eighth is null.
const CELL_WORDS: usize = 64;
const NUMBER_WORDS: usize = 128;
const FLOAT_WORDS: usize = 128;
const WORDS: usize = OBJECT_WORDS + CELL_WORDS + NUMBER_WORDS + FLOAT_WORDS;

/// Two types. Nothing is behind these addresses.
pub const TYPES: [u64; 2] = [0x5000_1230, 0x7fff_5000_4560];
/// Counts of the first objects, again and again.
pub const COUNTS: [u64; 5] = [2, 1, 3, 0xffff_ffff, 4];

/// See the module's text.
pub struct Arena {
    words: Box<[Cell<u64>]>,
    first: Vec<u64>,
}

impl Arena {
    /// One in its first state.
    pub fn new() -> Arena {
        let words: Box<[Cell<u64>]> = (0..WORDS).map(|_| Cell::new(0)).collect();
        let mut arena = Arena { words, first: Vec::new() };
        for i in 0..OBJECTS {
            let at = (i * OBJECT / 8) as usize;
            arena.words[at].set(COUNTS[i as usize % COUNTS.len()]);
            arena.words[at + 1].set(TYPES[usize::from(i % 7 == 6)]);
            // Digits above sign: 0, 1 (zero), or 2; now and then more digits than fit a machine word.
            let (digits, sign) = [(1, 0), (1, 2), (2, 0), (0, 1), (2, 2), (3, 0)][i as usize % 6];
            arena.words[at + 2].set(digits << 3 | sign);
            let low = if digits == 0 { 0 } else { (i * 0x1234_5677 + 3) & 0x3fff_ffff };
            let high = if digits < 2 { 0 } else { (i * 0x0765_4321 + 1) & 0x3fff_ffff };
            arena.words[at + 3].set(low | high << 32);
        }
        let cells = OBJECT_WORDS;
        for i in 0..CELL_WORDS {
            let object = if i % 8 == 7 { 0 } else { arena.object(i as u64 * 5 % OBJECTS) };
            arena.words[cells + i].set(object);
        }
        for i in 0..NUMBER_WORDS {
            arena.words[cells + CELL_WORDS + i].set((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        for i in 0..FLOAT_WORDS {
            arena.words[cells + CELL_WORDS + NUMBER_WORDS + i].set((i as f64 * 1.25 - 40.0).to_bits());
        }
        arena.first = arena.content();
        arena
    }

    fn address(&self, word: usize) -> u64 {
        self.words[word].as_ptr() as u64
    }
    /// The object with this number.
    pub fn object(&self, number: u64) -> u64 {
        self.address(0) + OBJECT * number
    }
    /// The references.
    pub fn cells(&self) -> u64 {
        self.address(OBJECT_WORDS)
    }
    /// The integers.
    pub fn numbers(&self) -> u64 {
        self.address(OBJECT_WORDS + CELL_WORDS)
    }
    /// The doubles.
    pub fn floats(&self) -> u64 {
        self.address(OBJECT_WORDS + CELL_WORDS + NUMBER_WORDS)
    }
    /// All words.
    pub fn content(&self) -> Vec<u64> {
        self.words.iter().map(Cell::get).collect()
    }
    /// Puts everything back.
    pub fn reset(&self) {
        for (word, first) in self.words.iter().zip(&self.first) {
            word.set(*first);
        }
        LOG.with_borrow_mut(Vec::clear);
    }
}

/// A call: which function, and its arguments' bits.
pub type Call = (&'static str, [u64; 4]);

thread_local! {
    static LOG: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    static FIRST_OBJECT: Cell<u64> = const { Cell::new(0) };
}

/// Takes the log of calls. `arena` is the one whose objects the functions give.
pub fn log(arena: &Arena) -> Vec<Call> {
    FIRST_OBJECT.set(arena.object(0));
    LOG.with_borrow_mut(std::mem::take)
}

fn note(name: &'static str, args: [u64; 4]) -> u64 {
    LOG.with_borrow_mut(|log| log.push((name, args)));
    // Addresses differ from run to run of the test; what is chosen by them must not.
    let first = FIRST_OBJECT.get();
    let same = |arg: u64| if arg.wrapping_sub(first) < OBJECT * OBJECTS { arg - first } else { arg };
    args.iter().fold(7u64, |a, b| (a ^ same(*b).rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40
}

fn some_object(number: u64) -> u64 {
    if number % 4 == 3 { 0 } else { FIRST_OBJECT.get() + OBJECT * (number % OBJECTS) }
}

extern "C" fn object_body(a: u64, b: u64, c: u64, d: u64) -> u64 {
    some_object(note("object", [a, b, c, d]))
}
extern "C" fn truth_body(a: u64, b: u64, c: u64, d: u64) -> u64 {
    // C's `int`: the upper half of the register means nothing.
    let number = note("truth", [a, b, c, d]);
    (number << 32) | u64::from((number % 3) as u32).wrapping_sub(1) & 0xffff_ffff
}
extern "C" fn float_body(a: f64, b: f64) -> f64 {
    note("float", [a.to_bits(), b.to_bits(), 0, 0]);
    a * 0.5 + b
}
extern "C" fn new_float_body(a: f64) -> u64 {
    some_object(note("new float", [a.to_bits(), 0, 0, 0]))
}
extern "C" fn renew_float_body(a: f64, old: u64) -> u64 {
    some_object(note("renew float", [a.to_bits(), old, 0, 0]))
}
extern "C" fn release_body(object: u64) -> u64 {
    note("release", [object, 0, 0, 0]) & 1
}

/// Destroys what every C function may destroy, but rax and xmm0.
macro_rules! rubbish {
    () => {
        "mov edi, 0xdead0001
         mov esi, 0xdead0002
         mov edx, 0xdead0003
         mov ecx, 0xdead0004
         mov r8d, 0xdead0005
         mov r9d, 0xdead0006
         mov r10d, 0xdead0007
         mov r11d, 0xdead0008
         movq xmm1, r11
         movq xmm2, r11
         movq xmm3, r11
         movq xmm4, r11
         movq xmm5, r11
         movq xmm6, r11
         movq xmm7, r11
         movq xmm8, r11
         movq xmm9, r11
         movq xmm10, r11
         movq xmm11, r11
         movq xmm12, r11
         movq xmm13, r11
         movq xmm14, r11
         movq xmm15, r11"
    };
}

macro_rules! c_functions {
    ($($(#[doc = $doc:literal])+ $name:ident = $body:ident, then $last:literal;)+) => { $(
        $(#[doc = $doc])+
        #[unsafe(naked)]
        pub unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "test rsp, 15",
                "jz 2f",
                "ud2",
                "2:",
                "call {body}",
                rubbish!(),
                $last,
                "pop rbp",
                "ret",
                body = sym $body,
            )
        }
    )+ };
}

c_functions! {
    /// Gives an object, or null, from up to four words.
    object_function = object_body, then "movq xmm0, r11";
    /// Gives -1, 0 or 1 as C's `int`.
    truth_function = truth_body, then "movq xmm0, r11";
    /// Gives a double from two.
    float_function = float_body, then "mov eax, 0xdead0009";
    /// Gives an object, or null, from a double.
    new_float_function = new_float_body, then "movq xmm0, r11";
    /// Gives an object, or null, from a double and an object.
    renew_float_function = renew_float_body, then "movq xmm0, r11";
    /// Takes an object that dies or may die, and gives 0 or 1.
    release_function = release_body, then "movq xmm0, r11";
}

/// Addresses of the functions.
#[derive(Clone, Copy)]
pub struct Functions {
    pub object: u64,
    pub truth: u64,
    pub float: u64,
    pub new_float: u64,
    pub renew_float: u64,
    pub release: u64,
}

pub fn functions() -> Functions {
    let address = |function: unsafe extern "C" fn()| function as usize as u64;
    Functions {
        object: address(object_function),
        truth: address(truth_function),
        float: address(float_function),
        new_float: address(new_float_function),
        renew_float: address(renew_float_function),
        release: address(release_function),
    }
}

/// Raw memory and real calls, as a stencil has them.
pub struct RawMachine<'a>(pub &'a mut Context);

/// What tests give as addresses lies in the arena or in the context.
fn load<T: Copy>(address: u64) -> T {
    // SAFETY: see above.
    unsafe { (address as *const T).read_unaligned() }
}
fn store<T>(address: u64, value: T) {
    // SAFETY: as for `load`.
    unsafe { (address as *mut T).write_unaligned(value) }
}

impl Machine for RawMachine<'_> {
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
        std::ptr::from_mut(self.0) as u64
    }
    fn call(&mut self, function: u64, a: u64, b: u64, c: u64, d: u64) -> u64 {
        // SAFETY: one of the functions above.
        let function: extern "C" fn(u64, u64, u64, u64) -> u64 = unsafe { std::mem::transmute(function) };
        function(a, b, c, d)
    }
    fn release(&mut self, function: u64, object: u64) -> u64 {
        self.call(function, object, 0, 0, 0)
    }
    fn call_float(&mut self, function: u64, a: f64, b: f64) -> f64 {
        // SAFETY: as for `call`.
        let function: extern "C" fn(f64, f64) -> f64 = unsafe { std::mem::transmute(function) };
        function(a, b)
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

/// A context that works on the arena.
pub fn context(arena: &Arena) -> Context {
    let mut context = Context::new();
    context.frame = arena.numbers();
    context.thread = 0x7700;
    context.breaker = arena.numbers() + 8 * 3;
    context.breaker_quiet = load(context.breaker);
    context
}

/// Enters machine code. Gives the exit's number and the registers at that exit.
pub fn run_native(context: &mut Context, entry: u64) -> (u64, Cpu) {
    context.exit = u64::MAX;
    // SAFETY: the tests assemble code from verified traces whose addresses lie in the arena.
    unsafe { enter(context, entry) };
    (context.exit, Cpu { ints: context.int_regs, floats: context.float_regs.map(f64::to_bits) })
}
