//! How long it takes to turn a trace into machine code, per uop.
//!
//! ```text
//! cargo run --release -p decal-native --example assemble_speed [-- COUNT]
//! ```
//!
//! A loop of about COUNT uops (default 2000), as numeric code has them, is verified, given registers, and assembled many times; the
//! median of each step is printed. There are more stencils than uops: the allocator adds moves, spills and reloads. Copy and patch includes finding each stencil, copying it, filling in its holes, and
//! writing the code to executable memory with two changes of the pages' rights; what remains without those is shown too.

use decal_native::{CodeMemory, assemble};
use decal_trace::allocated::Item;
use decal_trace::ir::Trace;
use decal_trace::regalloc::{Incoming, allocate};
use decal_trace::verify::verify;
use std::error::Error;
use std::fmt::Write;
use std::time::Instant;

const RUNS: usize = 301;

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(2000), |word| word.parse())?;
    println!(
        "uops   verify   allocate   copy and patch   (in memory alone)   bytes per uop   [ns per uop, median of {RUNS} runs]"
    );
    for count in [count / 40, count / 10, count] {
        measure(count)?;
    }
    Ok(())
}

fn measure(count: usize) -> Result<(), Box<dyn Error>> {
    let trace = numeric_loop(count)?;
    let uops = trace.insts.len();
    verify(&trace).map_err(|error| error.show(&trace))?;
    let incoming = Incoming::default();
    let allocated = allocate(&trace, &incoming)?;
    let numbers: Vec<u32> = (0..allocated.exits.len() as u32).collect();
    let mut memory = CodeMemory::new()?;
    let size = assemble(&allocated, &numbers, None, &mut memory)?.size;

    let verified = median(|| verify(&trace).is_ok());
    let with_registers = median(|| allocate(&trace, &incoming).is_ok());
    let mut all = Vec::new();
    let assembled = median(|| {
        let code = assemble(&allocated, &numbers, None, &mut memory);
        all.extend(code.as_ref().map(|code| (code.address, code.size)).ok());
        if all.len() > 8
            && let Some((address, size)) = all.pop()
        {
            memory.release(address, size);
        }
        code.is_ok()
    });
    // What the system takes for making the pages writable and executable again.
    let bytes = vec![0x90u8; size];
    let place = memory.allocate(size)?;
    let written = median(|| memory.write(place, &bytes).is_ok());
    let per = |nanoseconds: u64| nanoseconds as f64 / uops as f64;
    println!(
        "{uops:4} {:10} {:8.1} {:10.1} {:16.1} {:19.1} {:15.1}",
        allocated.items.iter().filter(|item| matches!(item, Item::Op(_))).count(),
        per(verified),
        per(with_registers),
        per(assembled),
        per(assembled.saturating_sub(written)),
        size as f64 / uops as f64,
    );
    Ok(())
}

/// The median time of a step, in nanoseconds.
fn median(mut step: impl FnMut() -> bool) -> u64 {
    let mut times: Vec<u64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            assert!(step(), "a step failed");
            start.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}

/// A loop over a few ints and floats, in which most values are used soon and some are used late.
fn numeric_loop(count: usize) -> Result<Trace, Box<dyn Error>> {
    let mut text = String::from("trace loop\ncode c0 \"f\" locals 4\n");
    let mut next = 0;
    let mut line = |text: &mut String, what: &str| -> Result<usize, std::fmt::Error> {
        writeln!(text, "v{next}: {what}")?;
        next += 1;
        Ok(next - 1)
    };
    line(&mut text, "int = const_int 1")?;
    line(&mut text, "int = const_int 1000")?;
    line(&mut text, "float = const_float 0.5")?;
    line(&mut text, "float = const_float 3.25")?;
    text.push_str("label\n");
    let i = line(&mut text, "int = phi v0")?;
    let s = line(&mut text, "int = phi v1")?;
    let x = line(&mut text, "float = phi v2")?;
    let y = line(&mut text, "float = phi v3")?;
    let (mut ints, mut floats, mut done) = (vec![i, s], vec![x, y], 12);
    while done < count {
        let a = ints[ints.len() - 1];
        let b = ints[(done * 7) % ints.len()];
        let f = floats[floats.len() - 1];
        let g = floats[(done * 5) % floats.len()];
        // Of ten: four of ints, four of floats, two guards.
        ints.push(line(&mut text, &format!("int = add_int v{a}, v{b} ; exit s0"))?);
        floats.push(line(&mut text, &format!("float = mul_float v{f}, v{g}"))?);
        line(&mut text, &format!("guard_lt_int v{a}, v1 ; exit s0"))?;
        ints.push(line(&mut text, &format!("int = and_int v{b}, v{a}"))?);
        let h = line(&mut text, &format!("float = int_to_float v{a}"))?;
        floats.push(line(&mut text, &format!("float = add_float v{h}, v{f}"))?);
        ints.push(line(&mut text, &format!("int = sub_int v{a}, v0 ; exit s1"))?);
        ints.push(line(&mut text, &format!("int = mul_int v{a}, v{b} ; exit s1"))?);
        line(&mut text, &format!("guard_nlt_float v{f}, v{g} ; exit s1"))?;
        floats.push(line(&mut text, &format!("float = sub_float v{f}, v{h}"))?);
        // Old values are forgotten, as locals are that were assigned again.
        ints.drain(..ints.len().saturating_sub(6));
        floats.drain(..floats.len().saturating_sub(6));
        done += 10;
    }
    let (a, f) = (ints[ints.len() - 1], floats[floats.len() - 1]);
    line(&mut text, "guard_quiet ; exit s0")?;
    line(&mut text, "count_iteration @counts")?;
    writeln!(text, "loop v{a}, v{s}, v{f}, v{y}")?;
    writeln!(text, "s0: c0@4 locals [int v{i} #0, int v{s} #1, float v{x} #2, float v{y} #3] stack [] then resume")?;
    writeln!(text, "s1: c0@9 locals [int v{i} #0, int v{s} #1, float v{x} #2, float v{y} #3] stack [] then resume")?;
    Ok(text.parse::<Trace>()?)
}
