//! Allocation, text in, text out.

use decal_trace::ir::Trace;
use decal_trace::regalloc::{Incoming, Registers, allocate_with};

fn allocated(text: &str, registers: &Registers) -> String {
    let trace: Trace = text.parse().expect("parses");
    decal_trace::verify::verify(&trace).unwrap_or_else(|error| panic!("{}", error.show(&trace)));
    let code = allocate_with(&trace, &Incoming::default(), registers).expect("allocates");
    code.to_string()
}

#[test]
fn show() {
    let sum = r#"trace loop
code c0 "f" locals 3
v0: raw = frame
v1: obj = load_obj v0, 72 @frame ; exit s0
v2: guard_type v1, 0x1000 ; exit s0
v3: int = unbox_int v1 ; exit s0
v4: int = const_int 0
v5: obj = load_obj v0, 80 @frame ; exit s0
v6: int = unbox_int v5 ; exit s0
v7: int = add_int v4, v6 ; exit s0
v8: int = const_int 1
label
v9: int = phi v4
v10: int = phi v7
v11: guard_lt_int v9, v3 ; exit s1
v12: int = add_int v10, v9 ; exit s1
v13: int = add_int v9, v8 ; exit s2
v14: guard_quiet ; exit s3
v15: count_iteration @counts
loop v13, v12
s0: c0@0 locals [_, _, _] stack [] then resume
s1: c0@4 locals [_, int v10 #0, int v9 #1] stack [] then resume
s2: c0@6 locals [_, int v12 #0, int v9 #1] stack [] then resume
s3: c0@9 locals [_, int v12 #0, int v13 #1] stack [] then resume
"#;
    println!("{}", allocated(sum, &Registers::default()));
    let mandel = r#"trace loop
code c0 "f" locals 5
v0: raw = frame
v1: float = load_float v0, 72 @frame
v2: float = load_float v0, 80 @frame
v3: float = const_float 0.0
v4: int = const_int 0
v5: int = load_int v0, 88 @frame
v6: float = const_float 4.0
v7: float = const_float 2.0
v8: int = const_int 1
label
v9: float = phi v3
v10: float = phi v3
v11: int = phi v4
v12: guard_lt_int v11, v5 ; exit s0
v13: float = mul_float v9, v9
v14: float = mul_float v10, v10
v15: float = add_float v13, v14
v16: guard_le_float v15, v6 ; exit s1
v17: float = sub_float v13, v14
v18: float = add_float v17, v1
v19: float = mul_float v7, v9
v20: float = mul_float v19, v10
v21: float = add_float v20, v2
v22: int = add_int v11, v8 ; exit s2
v23: guard_quiet ; exit s3
v24: count_iteration @counts
loop v18, v21, v22
s0: c0@4 locals [float v9 #0, float v10 #1, int v11 #2, _, _] stack [] then resume
s1: c0@5 locals [float v9 #0, float v10 #1, int v11 #2, float v13 #3, float v14 #4] stack [] then resume
s2: c0@6 locals [float v18 #0, float v21 #1, int v11 #2, float v13 #3, float v14 #4] stack [] then resume
s3: c0@9 locals [float v18 #0, float v21 #1, int v22 #2, float v13 #3, float v14 #4] stack [] then resume
"#;
    println!("{}", allocated(mandel, &Registers::default()));
    println!("{}", allocated(mandel, &Registers { ints: 3, floats: 4, seed: None }));
    let call = r#"trace loop
code c0 "f" locals 3
v0: raw = frame
v1: float = load_float v0, 72 @frame
v2: obj = load_obj v0, 80 @frame ; exit s0
v3: int = const_int 0
v4: int = load_int v0, 88 @frame
v5: raw = load_raw v2, 24 @list_head
label
v6: int = phi v3
v7: float = phi v1
v8: guard_lt_int v6, v4 ; exit s1
v9: float = call_float_2 v7, v1, 0x7000 ; exit s1
v10: obj = new_float v9, 0x8000 ; exit s1
v11: store_item v5, v6, v10 @list_items
v12: int = const_int 1
v13: int = add_int v6, v12 ; exit s2
v14: float = add_float v9, v1
loop v13, v14
s0: c0@0 locals [_, _, _] stack [] then resume
s1: c0@4 locals [float v7 #0, int v6 #1, _] stack [] then resume
s2: c0@6 locals [float v9 #0, int v6 #1, _] stack [] then resume
"#;
    println!("{}", allocated(call, &Registers::default()));
}
