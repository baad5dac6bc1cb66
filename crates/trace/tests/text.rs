//! The text form: what is printed is read back, and what cannot be read says why.

mod random;

use decal_trace::ir::Trace;
use proptest::prelude::*;
use random::{Choices, Side};

/// Every kind of line, in the form in which it is printed.
const EVERYTHING: &str = r#"trace exit
code c0 "outer \"f\"" file "a b.py" object 0x9000 locals 2 parameters 1
code c1 "g" locals 1
covers c0 c1
v0: obj = param v17
v1: float = param v3
v2: raw = frame
v3: int = const_int -7
v4: int = const_int64 -8589934592
v5: float = const_float 0.1
v6: float = const_float -1e-9
v7: float = const_float 0x7ff0000000000000
v8: obj = const_obj 0x7f0012345678
v9: int = add_int v3, v4 ; exit s0
v10: guard_type v0, 0x8abc ; exit s1
v11: obj = load_obj v2, -72 @frame ; exit s1
v12: guard_word32 3, 0xfe0 @attribute_state ; exit s0
v13: count_iteration @counts
join v9, v1
s0: c0@4 locals [_, home v0] stack [home v8, null] then enter
s1: c0@6>9 locals [int v3 #0, tuple(float v1 #1, own v0) #2] stack [const 0x5000, bool v3] / c1@0 fn 0x6000 locals [range(v3, v3, v4) #3] stack [borrow v8] stores [v0+24 = v3, v0-8 = v4] then raise
"#;

#[test]
fn everything_is_printed_as_it_was_read() {
    let trace: Trace = EVERYTHING.parse().expect("parses");
    assert_eq!(trace.to_string(), EVERYTHING);
}

#[test]
fn names_comments_and_spaces_are_free() {
    let text = "
        trace loop
        code c0 \"f\" locals 1

        # one more each time
        zero: int = const_int 0
        label
        i: int = phi zero
        one: int = const_int 1
        next: int = add_int i , one ; exit out
        loop next
        out: c0@3 locals [int i #0] stack [] then resume
    ";
    let trace: Trace = text.parse().expect("parses");
    assert_eq!(
        trace.to_string(),
        "trace loop\ncode c0 \"f\" locals 1\nv0: int = const_int 0\nlabel\nv1: int = phi v0\n\
         v2: int = const_int 1\nv3: int = add_int v1, v2 ; exit s0\nloop v3\n\
         s0: c0@3 locals [int v1 #0] stack [] then resume\n"
    );
}

#[test]
fn errors_name_line_and_reason() {
    let cases = [
        ("", "line 0: `loop`, `join` or `exit` expected, found `the end`"),
        ("trace loop\nv0: int = const_int x\nloop", "line 2: a number expected, found `x`"),
        ("trace up\nloop", "line 1: `loop`, `function` or `exit` expected, found `trace up`"),
        ("v0: int = no_such_uop v1\nloop", "line 1: a uop expected, found `int = no_such_uop v1`"),
        ("v0: int = neg_int v9\nloop", "line 1: a value expected, found `v9`"),
        (
            "v0: float = const_int 1\nloop",
            "line 1: the class of the uop's result expected, found `float = const_int 1`",
        ),
        ("v0: int = const_int 5000000000\nloop", "line 1: a number of 32 bits expected, found `5000000000`"),
        ("loop v0 v1", "line 1: a value expected, found `v0 v1`"),
        ("v0: guard_quiet ; exit s7\nloop", "line 1: a snapshot expected, found `s7`"),
        ("v0: int = const_int 1 @sea\nloop", "line 1: a region expected, found `sea`"),
        (
            "s0: c0@1 locals [what] stack [] then resume\nloop",
            "line 1: a slot's content expected, found `what] stack [] then resume`",
        ),
        ("loop\nmore", "line 2: a line of a trace expected, found `more`"),
    ];
    for (text, message) in cases {
        let error = text.parse::<Trace>().expect_err(text);
        assert_eq!(error.to_string(), message);
    }
}

proptest! {
    #![proptest_config(random::cases(300))]

    #[test]
    fn random_traces_come_back(numbers in prop::collection::vec(any::<u32>(), 0..400), is_side: bool) {
        use decal_trace::ir::Val;
        use decal_uops::Class;
        let side = Side { params: vec![(Class::Obj, Val(4)), (Class::Float, Val(2))], label: Some(vec![(Class::Int, None), (Class::Obj, Some(0))]) };
        let trace = random::trace(&mut Choices::new(&numbers), is_side.then_some(&side));
        let text = trace.to_string();
        let back: Trace = text.parse().expect("parses");
        prop_assert_eq!(&back, &trace);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9:@;,=# \\[\\]\n\"c]{0,80}") {
        let _ = text.parse::<Trace>();
    }
}
