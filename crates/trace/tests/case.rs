//! What a report says can be compared again.

use decal_trace::eval::case::Case;
use decal_trace::eval::compare::Verdict;

/// A trace whose optimized form adds 2 instead of 1 to a local. The slots of the frame are at 0x1000, with two objects in them.
const REPORT: &str = "\
trace 0 of something
case
int 0x5000
float 0x5100
true 0x5200
false 0x5220
range_iter 0x5300
new_int 0x6000
context 0x8000
breaker 0x9000
quiet 0x0
slots 0x1050
slots_end 0x1060
made 0x0
float_value 16
range_iter_start 16
range_iter_step 24
range_iter_len 32
parameters of the reference
parameters of the optimized trace
reference
trace loop
code c0 \"f\" locals 2
v0: raw = frame
v1: obj = load_obj_unchecked v0, 80 @frame
v2: guard_type v1, 0x5000 ; exit s0
v3: int = unbox_int v1 ; exit s0
v4: int = const_int 1
v5: int = add_int v3, v4 ; exit s0
exit s1
s0: c0@0 locals [_, _] stack [] then resume
s1: c0@8 locals [_, int v5 #0] stack [] then resume

optimized
trace loop
code c0 \"f\" locals 2
v0: raw = frame
v1: obj = load_obj_unchecked v0, 80 @frame
v2: guard_type v1, 0x5000 ; exit s0
v3: int = unbox_int v1 ; exit s0
v4: int = const_int 2
v5: int = add_int v3, v4 ; exit s0
exit s1
s0: c0@0 locals [_, _] stack [] then resume
s1: c0@8 locals [_, int v5 #0] stack [] then resume

calls of functions of doubles
0x7000 0x3ff0000000000000 0x0 0x3ff0000000000000
memory that was read
0x1050 0x4000
0x4008 0x5000
0x4010 0x8
0x4018 0x7
0x8088 0x1000
end
behind it
";

fn case(text: &str) -> Case {
    text.parse().expect("a report")
}

#[test]
fn what_differs_differs_again() {
    let expected = "frame 0 slot 1 holds Int(8), optimized Int(9)".to_string();
    assert_eq!(case(REPORT).replay(), (Verdict::Differs(expected), None));
}

#[test]
fn what_is_mended_is_the_same() {
    assert_eq!(case(&REPORT.replace("const_int 2", "const_int 1")).replay(), (Verdict::Same, None));
}

#[test]
fn it_is_read_as_it_was_written() {
    let case = case(REPORT);
    let text = case.to_string();
    assert!(REPORT.contains(&text), "{text}");
}

#[test]
fn what_is_missing_is_named() {
    let (_, lacks) = case(&REPORT.replace("0x4008 0x5000\n", "")).replay();
    assert_eq!(lacks, Some(0x4008));
}

#[test]
fn what_is_wrong_is_named() {
    for (from, to, said) in [
        ("case\n", "", "there is no line `case`"),
        ("end\n", "", "there is no line `end` behind `case`"),
        ("quiet 0x0\n", "", "there is no line for `quiet`"),
        ("made 0x0", "made none", "1 hexadecimal numbers expected, found `none`"),
        ("float_value 16", "float_value x", "a number expected, found `x`"),
        ("0x4010 0x8", "0x4010", "2 hexadecimal numbers expected, found `0x4010`"),
        ("const_int 2", "const_int x", "optimized: line 7: "),
        ("memory that was read\n", "", "there is no line `memory that was read`"),
    ] {
        let error = REPORT.replacen(from, to, 1).parse::<Case>().expect_err(said);
        assert!(error.starts_with(said), "{error}");
    }
}
