//! A trace from its text form to machine code, and what comes out of it.
//!
//! ```text
//! cargo run -p decal-native --example copy_and_patch            # 1 + 2 + … + 1000
//! cargo run -p decal-native --example copy_and_patch -- FILE    # a trace of your own
//! ```
//!
//! The steps are those of the engine, without Python: parse, verify, give each value a register, copy stencils and fill
//! in their holes, enter. A trace of your own may use numbers, not objects: there is no Python here whose memory it could look into.

use decal_native::enter::enter;
use decal_native::{CodeMemory, assemble, disassemble};
use decal_trace::allocated::{Allocated, ExitIndex, Place};
use decal_trace::ir::{Inst, Trace};
use decal_trace::regalloc::{Incoming, allocate};
use decal_trace::verify::verify;
use decal_uops::{Class, Context};
use std::error::Error;

/// `while i <= 1000: s += i; i += 1`, as the recorder would write it. The loop ends by a guard, that is, through an exit.
const SUM: &str = r#"
trace loop
code c0 "sum" locals 2
zero: int = const_int 0
one: int = const_int 1
thousand: int = const_int 1000
label
i: int = phi one
s: int = phi zero
test: guard_le_int i, thousand ; exit done
s2: int = add_int s, i ; exit overflow
i2: int = add_int i, one ; exit overflow
count: count_iteration @counts
loop i2, s2
done: c0@20 locals [int i #0, int s #1] stack [] then resume
overflow: c0@6 locals [int i #0, int s #1] stack [] then resume
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let text = match std::env::args().nth(1) {
        Some(file) => std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?,
        None => SUM.to_string(),
    };
    if !decal_native::is_available() {
        return Err("this build has no machine code for this processor".into());
    }
    let trace: Trace = text.parse()?;
    verify(&trace).map_err(|error| error.show(&trace))?;
    only_numbers(&trace)?;
    println!("---- the trace\n{trace}");

    let allocated = allocate(&trace, &Incoming::default())?;
    println!("---- with registers\n{allocated}");

    let mut memory = CodeMemory::new()?;
    // The engine numbers the exits of all traces in one row; here they are simply 0, 1, 2, …
    let numbers: Vec<u32> = (0..allocated.exits.len() as u32).collect();
    let code = assemble(&allocated, &numbers, None, &mut memory)?;
    // SAFETY: `memory` lives to the end.
    let listing = unsafe { disassemble::listing(&code, &allocated, &|_| String::new()) };
    println!("---- as machine code: {} bytes\n{listing}", code.size);

    let mut context = Context::new();
    // What `guard_quiet` looks at: nothing ever wants attention here.
    let quiet = 0u64;
    context.breaker = std::ptr::from_ref(&quiet) as u64;
    // SAFETY: the trace was verified, uses numbers only, and its code is in memory.
    unsafe { enter(&mut context, code.address) };
    println!("---- run\nleft through exit {} after {} turns of the loop", context.exit, context.iterations);
    show_exit(&trace, &allocated, ExitIndex(context.exit as u32), &context);
    Ok(())
}

/// Refuses uops that would touch memory: any address in a text is as good as a crash.
fn only_numbers(trace: &Trace) -> Result<(), String> {
    for inst in &trace.insts {
        if let Inst::Uop(inst) = inst {
            let info = inst.uop.info();
            let mut classes = info.operands.iter().map(|operand| operand.class).chain(info.result);
            let memory = info.imms.iter().any(|imm| imm.name == "address" || imm.name == "function");
            if memory || classes.any(|class| matches!(class, Class::Obj | Class::Raw)) {
                return Err(format!("{} works on memory; this example has none to offer", info.name));
            }
        }
    }
    Ok(())
}

/// Prints what the exit's snapshot needs, from where the exit's map says that it is.
fn show_exit(trace: &Trace, allocated: &Allocated, exit: ExitIndex, context: &Context) {
    let Some(map) = allocated.exits.get(exit) else { return };
    for (val, place) in map.places() {
        let bits = match place {
            Place::Int(register) => context.int_regs[usize::from(register.0)],
            Place::Float(register) => context.float_regs[usize::from(register.0)].to_bits(),
            Place::Spill(slot) => context.spills[usize::from(slot)],
            Place::Const(bits) => bits,
        };
        match trace.class(val) {
            Some(Class::Float) => println!("{val} in {place}: {}", f64::from_bits(bits)),
            _ => println!("{val} in {place}: {}", bits as i64),
        }
    }
    if let Some(snapshot) = trace.snaps.get(map.snap) {
        println!("Python goes on at: {snapshot}");
    }
}
