//! A machine that changes nothing: memory as it is, with what a trace writes beside it.
//!
//! A trace runs on it in the trace interpreter, so that its result is known before anything has happened. Reads come from what is
//! beneath, which is the process's memory or what a report says of it, or from what was written before; writes stay here. New numbers get addresses at which there is no memory. What cannot be
//! done in this way stops the run before it happens: a call of a C function other than those that only compute or make a number.
//!
//! After some turns of a loop the run is sent out of it where it asks whether somebody wants the interpreter's attention, so that
//! it ends at a place that a snapshot describes.

use crate::eval::{Watch, numbers};
use crate::host::Host;
use crate::ir::{Region, UopInst};
use decal_uops::{ARGUMENTS, Context, Machine, Uop, offset};
use rustc_hash::{FxHashMap, FxHashSet};

/// Where objects are that exist here only: no process has memory there.
const UNREAL: u64 = 0xdeca_0000_0000_0000;
/// Addresses that a process can have.
const REAL: std::ops::Range<u64> = 0x1000..1 << 47;

/// Whether there is an object here that exists in a shadow only.
pub fn is_unreal(address: u64) -> bool {
    (UNREAL..UNREAL + (1 << 44)).contains(&address)
}

/// Whether a process can have memory here.
pub fn is_real(address: u64) -> bool {
    REAL.contains(&address)
}

/// Why a run stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Before it called this function.
    Call(u64, [u64; 4]),
    /// It would have read at this address, where nothing can be.
    Address(u64),
}

/// What is beneath a shadow.
pub trait Beneath {
    /// The word at an address that a process can have, mostly a multiple of 8.
    fn word(&self, address: u64) -> u64;
    /// The result of a C function of doubles that has no state.
    fn call_float(&self, function: u64, a: f64, b: f64) -> f64;
}

/// The context of the trace, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Setting {
    /// Its address.
    pub context: u64,
    /// The address of the eval breaker.
    pub breaker: u64,
    /// What it holds when nothing is wanted.
    pub quiet: u64,
}

/// See the module's text.
#[derive(Clone)]
pub struct Shadow<'h> {
    host: &'h Host,
    beneath: &'h dyn Beneath,
    setting: Setting,
    /// What was written: whole words.
    pub written: FxHashMap<u64, u64>,
    /// Words of that which only count: references and turns.
    pub counts: FxHashSet<u64>,
    /// Objects of which the last reference was dropped.
    pub dead: FxHashSet<u64>,
    /// Functions that were called all the same.
    pub called: FxHashSet<u64>,
    /// Why the run stopped, if it did.
    pub stopped: Option<Stop>,
    uop: Uop,
    is_count: bool,
    turns: u64,
    most: u64,
    made: u64,
}

impl<'h> Shadow<'h> {
    /// For a trace that works in this context.
    pub fn new(host: &'h Host, beneath: &'h dyn Beneath, setting: Setting) -> Shadow<'h> {
        Shadow {
            host,
            beneath,
            setting,
            written: FxHashMap::default(),
            counts: FxHashSet::default(),
            dead: FxHashSet::default(),
            called: FxHashSet::default(),
            stopped: None,
            uop: Uop::exit,
            is_count: false,
            turns: 0,
            most: u64::MAX,
            made: 0,
        }
    }

    /// The same memory for another run, with so many turns.
    pub fn again(&self, turns: u64) -> Shadow<'h> {
        Shadow { turns: 0, most: turns, stopped: None, ..self.clone() }
    }

    /// Objects that were made.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// The same memory, with this in it, and so many objects made already.
    pub fn with(mut self, words: impl IntoIterator<Item = (u64, u64)>, made: u64) -> Shadow<'h> {
        self.written.extend(words);
        self.made = made;
        self
    }

    /// Turns of its loop so far.
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Whether a word is one of the context.
    pub fn is_context(&self, address: u64) -> bool {
        (self.setting.context..self.setting.context + size_of::<Context>() as u64).contains(&address)
    }

    /// Whether a word is one of those in the context in which calls get their arguments.
    pub fn is_argument(&self, address: u64) -> bool {
        let first = self.setting.context + offset::ARGUMENTS as u64;
        (first..first + 8 * ARGUMENTS as u64).contains(&address)
    }

    /// Whether a word is one of the first of an object that is dead.
    pub fn is_dead(&self, address: u64) -> bool {
        (0..8).any(|word| self.dead.contains(&address.wrapping_sub(8 * word)))
    }

    /// Whether the loop has had its turns, so that the run was sent out of it.
    pub fn is_enough(&self) -> bool {
        self.turns >= self.most
    }

    fn stop(&mut self, why: Stop) -> u64 {
        self.stopped.get_or_insert(why);
        0
    }

    /// What memory holds for this run, at an address that is a multiple of 8; 0 where nothing can be.
    pub fn peek(&self, address: u64) -> u64 {
        let written = self.written.get(&address).copied();
        written.unwrap_or_else(|| if is_real(address) { self.beneath.word(address) } else { 0 })
    }

    fn word(&mut self, address: u64) -> u64 {
        if let Some(word) = self.written.get(&address) {
            return *word;
        }
        if !is_real(address) {
            return if is_unreal(address) { 0 } else { self.stop(Stop::Address(address)) };
        }
        self.beneath.word(address)
    }

    fn set_word(&mut self, address: u64, word: u64) {
        if self.is_count {
            self.counts.insert(address);
        }
        self.written.insert(address, word);
    }

    fn read(&mut self, address: u64, bytes: u64) -> u64 {
        let (at, shift) = (address & !7, 8 * (address & 7));
        let low = self.word(at) >> shift;
        let all = if shift + 8 * bytes > 64 { low | self.word(at + 8) << (64 - shift) } else { low };
        if bytes == 8 { all } else { all & ((1 << (8 * bytes)) - 1) }
    }

    fn write(&mut self, address: u64, value: u64, bytes: u64) {
        for byte in 0..bytes {
            let at = address.wrapping_add(byte);
            let shift = 8 * (at & 7);
            let word = self.word(at & !7);
            self.set_word(at & !7, word & !(0xff << shift) | (value >> (8 * byte) & 0xff) << shift);
        }
    }

    /// An object that exists here only.
    fn make(&mut self, ty: u64, words: [u64; 2]) -> u64 {
        let address = UNREAL + 32 * self.made;
        self.made += 1;
        for (at, word) in (0..).zip([1, ty, words[0], words[1]]) {
            self.written.insert(address + 8 * at, word);
        }
        self.counts.insert(address);
        address
    }
}

/// Tells the shadow which uop comes, and the trace interpreter when it is enough.
pub struct Pace;

impl Watch<Shadow<'_>> for Pace {
    fn before(&mut self, shadow: &mut Shadow<'_>, inst: &UopInst, _: &[u64]) {
        shadow.uop = inst.uop;
        let counts = matches!(
            inst.uop,
            Uop::incref
                | Uop::decref_or_exit
                | Uop::decref_plain
                | Uop::decref_plain_or_null
                | Uop::count_iteration
                | Uop::count_iterations
        );
        shadow.is_count = counts || inst.region == Region::Counts;
        shadow.turns += match inst.uop {
            Uop::count_iteration => 1,
            Uop::count_iterations => inst.imm32 as u64,
            _ => 0,
        };
    }

    fn stops(&mut self, shadow: &Shadow<'_>) -> bool {
        shadow.stopped.is_some()
    }
}

impl Machine for Shadow<'_> {
    fn load64(&mut self, address: u64) -> u64 {
        // What another thread or a signal may ask for meanwhile would make two runs differ.
        if self.uop == Uop::guard_quiet && address == self.setting.breaker {
            let quiet = self.setting.quiet;
            return if self.is_enough() { !quiet } else { quiet };
        }
        if address & 7 == 0 { self.word(address) } else { self.read(address, 8) }
    }
    fn load32(&mut self, address: u64) -> u32 {
        self.read(address, 4) as u32
    }
    fn load8(&mut self, address: u64) -> u8 {
        self.read(address, 1) as u8
    }
    fn store64(&mut self, address: u64, value: u64) {
        if address & 7 == 0 {
            self.set_word(address, value);
        } else {
            self.write(address, value, 8);
        }
    }
    fn store32(&mut self, address: u64, value: u32) {
        self.write(address, u64::from(value), 4);
    }
    fn store8(&mut self, address: u64, value: u8) {
        self.write(address, u64::from(value), 1);
    }
    fn context(&mut self) -> u64 {
        self.setting.context
    }
    fn call(&mut self, function: u64, a: u64, b: u64, c: u64, d: u64) -> u64 {
        if self.uop == Uop::new_int
            && function == self.host.functions.new_int
            && let Some(words) = numbers::words(a as i64)
        {
            self.called.insert(function);
            return self.make(self.host.objects.int, words);
        }
        self.stop(Stop::Call(function, [a, b, c, d]))
    }
    fn release(&mut self, function: u64, object: u64) -> u64 {
        // What dies runs no code, and its memory is not looked at again.
        match self.uop {
            Uop::decref_plain | Uop::decref_plain_or_null => {
                self.called.insert(function);
                self.dead.insert(object);
                0
            }
            Uop::renew_int if let Some(words) = numbers::words(self.peek(object) as i64) => {
                self.called.insert(function);
                self.dead.insert(self.peek(object + 8));
                self.make(self.host.objects.int, words)
            }
            _ => self.stop(Stop::Call(function, [object, 0, 0, 0])),
        }
    }
    fn call_float(&mut self, function: u64, a: f64, b: f64) -> f64 {
        self.called.insert(function);
        self.beneath.call_float(function, a, b)
    }
    fn call_new_float(&mut self, function: u64, a: f64) -> u64 {
        self.called.insert(function);
        self.make(self.host.objects.float, [a.to_bits(), 0])
    }
    fn call_renew_float(&mut self, function: u64, a: f64, old: u64) -> u64 {
        self.called.insert(function);
        // It may become the new one.
        self.dead.insert(old);
        self.make(self.host.objects.float, [a.to_bits(), 0])
    }
    fn sqrt(&mut self, a: f64) -> f64 {
        a.sqrt()
    }
}
