//! The checker of references: one case per way to lose one or to drop one too many.

use decal_trace::balance::balance;
use decal_trace::host::{Host, Layout};
use decal_trace::ir::Trace;
use decal_trace::snapshot::SnapId;

/// Takes an item from the list in local 0, keeps it, puts it into the list in local 1, and keeps it in local 0.
const GOOD: &str = "
trace loop
code c0 \"f\" locals 2
v0: raw = frame
v1: int = const_int 0
v2: obj = load_obj v0, 80 @frame ; exit s0
v3: raw = load_raw v2, 24 @list_head
v4: obj = load_item v3, v1, 0 @list_items ; exit s0
v5: incref v4 @counts
v6: guard_is_not v4, 0x10 ; exit s1
v7: obj = renamed v4
v8: guard_is_not v4, 0x20 ; exit s2
v9: store_obj v0, v7, 80 @frame
v10: guard_is_not v4, 0x30 ; exit s3
v11: decref_plain v2, 0x40 @counts
v12: guard_is_not v4, 0x50 ; exit s0
label
v13: obj = load_obj v0, 80 @frame ; exit s0
v14: obj = new_int v1, 0x60 ; exit s0
v15: store_obj v0, v14, 80 @frame
v16: decref_plain v13, 0x40 @counts
loop
s0: c0@3 locals [_, _] stack [] then resume
s1: c0@3 locals [_, _] stack [own v4] then resume
s2: c0@3 locals [_, tuple(own v7, borrow v4) #1] stack [tuple(own v7, borrow v4) #1] then resume
s3: c0@3 locals [_, own v2] stack [] then resume
";

fn host() -> Host {
    let layout = Layout { frame_locals: 80, generator_stack: 136, generator_locals: 160, ..Layout::default() };
    let mut host = Host { layout, ..Host::default() };
    host.functions.new_list_iter = 0x60;
    host.leaf.range_iterator = 0x70;
    host
}

fn checked(text: &str, entry: Option<(&str, usize)>) -> Result<(), String> {
    let trace: Trace = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let parent: Option<(Trace, usize)> = entry.map(|(text, snap)| (text.parse().expect("parses"), snap));
    let parents: Vec<&Trace> = parent.iter().map(|(parent, _)| parent).collect();
    let snap = parent.as_ref().map(|(parent, snap)| parent.snaps.get(SnapId(*snap as u32)).unwrap());
    balance(&trace, &host(), snap.map(|snap| (&parents[..], snap))).map_err(|error| error.to_string())
}

#[test]
fn a_good_trace_passes() {
    assert_eq!(checked(GOOD, None), Ok(()));
}

#[test]
fn every_fault_is_found() {
    let cases = [
        // A reference that nobody hands over.
        ("stack [own v4]", "stack []", "v6: 1 references to v4 are held, and 0 handed over"),
        ("stack [own v4]", "stack [borrow v4]", "v6: 1 references to v4 are held, and 0 handed over"),
        // One that nobody has taken.
        ("v5: incref v4 @counts", "v5: int = const_int 1", "v6: 0 references to v4 are held, and 1 handed over"),
        ("borrow v4) #1] stack", "own v4) #1] stack", "v8: 1 references to v4 are held, and 2 handed over"),
        // Slots that hold one tuple own its items once; two tuples own them twice.
        ("v4) #1] then", "v4) #2] then", "v8: 1 references to v4 are held, and 2 handed over"),
        // What a store pushed out of memory is the trace's.
        ("own v2", "borrow v2", "v10: 1 references to v2 are held, and 0 handed over"),
        (
            "v11: decref_plain v2, 0x40 @counts",
            "v11: int = const_int 1",
            "v12: 1 references to v2 are held, and 0 handed over",
        ),
        ("v11: decref_plain v2", "v11: decref_plain v4", "v12: 1 references to v2 are held, and 0 handed over"),
        // From turn to turn.
        (
            "v16: decref_plain v13, 0x40 @counts",
            "v16: int = const_int 1",
            "end: 1 references to v13 are held, and 0 handed over",
        ),
        (
            "v15: store_obj v0, v14, 80 @frame",
            "v15: incref v14 @counts",
            "end: -1 references to v13 are held, and 0 handed over",
        ),
    ];
    for (from, to, message) in cases {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(checked(&GOOD.replacen(from, to, 1), None), Err(message.to_string()), "{to}");
    }
}

#[test]
fn new_objects_may_be_left_behind_where_memory_runs_out() {
    let text = "
trace function
code c0 \"f\" locals 0
v0: int = const_int 1
v1: obj = new_int v0, 0x60 ; exit s0
v2: obj = new_sequence v0, 0x70 ; exit s0
v3: store_obj v2, v1, 24
exit s1
s0: c0@0 locals [] stack [] then raise
s1: c0@2 locals [] stack [own v2] then resume
";
    assert_eq!(checked(text, None), Ok(()));
    // But nothing that they hold.
    let given = text.replacen("exit s1", "v4: obj = new_sequence v0, 0x70 ; exit s2\nexit s1", 1)
        + "s2: c0@0 locals [] stack [own v1] then raise\n";
    assert_eq!(checked(&given, None), Err("v4: 0 references to v1 are held, and 1 handed over".to_string()));
}

#[test]
fn the_stack_of_the_entry_frame_owns_what_it_holds() {
    let text = "
trace loop
code c0 \"f\" locals 1
v0: raw = frame
v1: obj = load_obj_unchecked v0, 88 @frame
v2: guard_is_not v1, 0x10 ; exit s0
v3: guard_is_not v1, 0x20 ; exit s1
v4: decref_plain v1, 0x40 @counts
exit s2
s0: c0@3 locals [_] stack [_] then resume
s1: c0@3 locals [own v1] stack [] then resume
s2: c0@3 locals [_] stack [] then resume
";
    assert_eq!(checked(text, None), Ok(()));
    let kept = text.replace("v4: decref_plain v1, 0x40 @counts", "v4: int = const_int 1");
    assert_eq!(checked(&kept, None), Err("end: 1 references to v1 are held, and 0 handed over".to_string()));
}

#[test]
fn a_side_trace_goes_on_with_what_the_exit_hands_over() {
    let side = "
trace exit
code c0 \"f\" locals 2
v0: obj = param v7
v1: guard_is_not v0, 0x10 ; exit s0
v2: decref_plain v0, 0x40 @counts
exit s1
s0: c0@3 locals [_, own v0] stack [] then resume
s1: c0@3 locals [_, _] stack [] then resume
";
    assert_eq!(checked(side, Some((GOOD, 2))), Ok(()));
    let borrowed = GOOD.replace("own v7, borrow v4", "borrow v7, own v4");
    assert_eq!(
        checked(side, Some((&borrowed, 2))),
        Err("v1: 0 references to v0 are held, and 1 handed over".to_string())
    );
}

#[test]
fn a_generator_that_is_left_and_entered_again_still_has_its_stack() {
    let text = "
trace function
code c0 \"f\" locals 1
code c1 \"generator\" locals 1
v0: raw = frame
v1: obj = load_obj_unchecked v0, 80 @frame
v2: obj = load_obj_unchecked v1, 168 @generators
v3: guard_is_not v2, 0x10 ; exit s0
v4: int = const_int 2
v5: store_int v1, v4, 136 @generator_state
v6: guard_is_not v2, 0x20 ; exit s1
v7: decref_plain v2, 0x40 @counts
v8: guard_is_not v1, 0x30 ; exit s2
exit s2
s0: c0@3>4 locals [_] stack [] / c1@4 gen v1 #1 begun locals [_] stack [_] then resume
s1: c0@4 locals [_] stack [] then resume
s2: c0@3>4 locals [_] stack [] / c1@9 gen v1 #1 begun locals [_] stack [] then resume
";
    assert_eq!(checked(text, None), Ok(()));
    let kept = text.replace("v7: decref_plain v2, 0x40 @counts", "v7: int = const_int 1");
    assert_eq!(checked(&kept, None), Err("v8: 1 references to v2 are held, and 0 handed over".to_string()));
    // Who may have run it in between may have changed that.
    let call = text
        .replace("v6: guard_is_not v2, 0x20 ; exit s1", "v6: obj = call_any_1 v1, 0x50 @any")
        .replace("v8: guard_is_not v1, 0x30 ; exit s2", "v8: guard_is_not v6, 0x0 ; exit s1");
    assert_eq!(checked(&call, None), Err("v8: -1 references to v2 are held, and 0 handed over".to_string()));
}

#[test]
fn an_iterator_may_be_left_behind_where_there_is_no_memory_for_the_next_one() {
    let text = "
trace function
code c0 \"f\" locals 1
v0: raw = frame
v1: int = const_int 1
v2: obj = load_obj_unchecked v0, 80 @frame
v3: obj = call_obj_1 v2, 0x60 ; exit s0
v4: obj = call_slice v2, v1, v1, v1, 0x70 ; exit s0
exit s1
s0: c0@0 locals [_] stack [] then raise
s1: c0@2 locals [_] stack [own v3, own v4] then resume
";
    assert_eq!(checked(text, None), Ok(()));
    // A slice may fail for other reasons.
    let slice = text.replace("0x70", "0x71");
    assert_eq!(checked(&slice, None), Err("v4: 1 references to v3 are held, and 0 handed over".to_string()));
}
