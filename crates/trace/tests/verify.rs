//! The verifier: one case per fault, each named with its line.

use decal_trace::ir::{Inst, Trace};
use decal_trace::snapshot::Snapshots;
use decal_trace::verify::verify;

const GOOD: &str = "
trace loop
code c0 \"f\" locals 1
v0: raw = frame
v1: int = const_int 0
v2: float = const_float 0.5
label
v3: int = phi v1
v4: int = add_int v3, v1 ; exit s0
loop v4
s0: c0@3 locals [int v3 #0] stack [] then resume
";

/// The good trace with one piece of text replaced.
fn changed(from: &str, to: &str) -> Trace {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1).parse().expect("parses")
}

#[test]
fn a_good_trace_passes() {
    let trace: Trace = GOOD.parse().expect("parses");
    assert_eq!(verify(&trace), Ok(()));
}

#[test]
fn every_fault_is_found() {
    let cases = [
        (
            "v0: raw = frame",
            "v0: obj = param v1",
            "head: parameters belong to traces that start at an exit, one origin each",
        ),
        ("v2: float = const_float 0.5", "v2: int = phi v1", "v2: a phi must stand at the label"),
        ("v2: float = const_float 0.5", "v2: int = param", "v2: a parameter must come first"),
        ("phi v1", "phi v2", "v3: v2 must be of class int"),
        ("phi v1", "phi v4", "v3: v4 is not defined before"),
        ("v3, v1 ; exit s0", "v3, v4 ; exit s0", "v4: v4 is not defined before"),
        ("v3, v1 ; exit s0", "v3, v2 ; exit s0", "v4: v2 must be of class int"),
        ("v3, v1 ; exit s0", "v3, v1", "v4: a snapshot is wanted exactly where the uop may exit"),
        ("const_float 0.5", "const_float 0.5 ; exit s0", "v2: a snapshot is wanted exactly where the uop may exit"),
        ("[int v3 #0]", "[int v4 #0]", "v4: s0 needs v4, which is defined later"),
        ("[int v3 #0]", "[float v3 #0]", "s0: v3 must be of class float"),
        ("[int v3 #0]", "[int v3 #0, _]", "s0: the number of locals is not the code's"),
        ("stack []", "stack [int v1 #0]", "s0: box #0 is two different objects"),
        ("stack []", "stack [own v0]", "s0: v0 must be of class obj"),
        ("stack []", "stack [home v1]", "s0: v1 must be of class obj"),
        ("c0@3 locals", "c7@3 locals", "s0: no such code"),
        ("c0@3 locals", "c0@3 fn 0x10 locals", "s0: the entry frame has function 0, all others have one"),
        ("c0@3 locals", "c0@3>4 locals", "s0: the innermost frame stands at one instruction"),
        (
            "stack []",
            "stack [] / c0@0 fn 0x10 locals [_] stack []",
            "s0: only slots of the entry frame can be unchanged",
        ),
        ("stack []", "stack [tuple(_) #1]", "s0: only slots of the entry frame can be unchanged"),
        (
            "stack []",
            "stack [] / c0@0 fn 0x10 locals [home v0] stack []",
            "s0: only slots of the entry frame can be unchanged",
        ),
        ("loop v4", "loop", "end: one value per phi is wanted"),
        ("loop v4", "loop v2", "end: v2 must be of class int"),
        ("loop v4", "join v4", "end: such an end does not suit the trace"),
        ("label\n", "", "v3: a phi must stand at the label"),
        ("locals 1\n", "locals 1\ncovers c3\n", "head: no such code"),
    ];
    for (from, to, message) in cases {
        let trace = changed(from, to);
        let error = verify(&trace).expect_err(message);
        assert_eq!(error.to_string(), message, "{to}");
    }
}

#[test]
fn references_are_handed_over_once() {
    let twice = GOOD.replace("v0: raw = frame", "v0: obj = const_obj 0x10").replace("[]", "[own v0, own v0]");
    let error = verify(&twice.parse().expect("parses")).expect_err("twice");
    assert_eq!(error.to_string(), "s0: the reference v0 is handed over twice");
    // Inside one object that two slots hold, it is handed over once.
    let shared = twice.replace("[own v0, own v0]", "[tuple(own v0) #1, tuple(own v0) #1]");
    assert_eq!(verify(&shared.parse().expect("parses")), Ok(()));
}

#[test]
fn what_the_text_form_cannot_say_is_found_too() {
    let mut trace: Trace = GOOD.parse().expect("parses");
    let Inst::Uop(inst) = &mut trace.insts[4] else { panic!() };
    inst.args.pop();
    assert_eq!(verify(&trace).expect_err("operands").to_string(), "v4: wrong number of operands");

    let mut trace: Trace = GOOD.parse().expect("parses");
    let Inst::Uop(inst) = &mut trace.insts[4] else { panic!() };
    inst.imm64 = 1;
    assert_eq!(verify(&trace).expect_err("immediate").to_string(), "v4: an immediate that the uop does not have");

    let mut trace: Trace = GOOD.parse().expect("parses");
    trace.snaps = Snapshots::default();
    assert_eq!(verify(&trace).expect_err("snapshot").to_string(), "v4: s0 does not exist");

    let mut trace: Trace = GOOD.parse().expect("parses");
    trace.label = Some(99);
    assert_eq!(
        verify(&trace).expect_err("label").to_string(),
        "head: the label must stand behind the parameters and before the end"
    );
}

#[test]
fn the_guilty_line_is_marked() {
    let trace = changed("v3, v1 ; exit s0", "v3, v2 ; exit s0");
    let shown = verify(&trace).expect_err("class").show(&trace);
    let expected = "
  v3: int = phi v1
> v4: int = add_int v3, v2 ; exit s0
^ v4: v2 must be of class int
  loop v4
";
    assert!(shown.contains(expected), "{shown}");
}
