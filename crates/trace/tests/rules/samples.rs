//! Operands to try, and what it means that two results are the same.

use decal_uops::{ALL, Class, Uop};

/// Uops that compute from their operands alone.
pub fn arithmetic() -> Vec<Uop> {
    let all = ALL.iter().copied();
    all.filter(|uop| (Uop::add_int as u8..=Uop::ceil_float as u8).contains(&(*uop as u8))).collect()
}

/// Integers around the edges of what something has room for: machine words, digits of Python, doubles.
pub fn edges() -> Vec<i64> {
    let mut all: Vec<i64> = vec![0, i64::MAX, i64::MIN, i64::MIN + 1];
    for bits in [1, 2, 3, 5, 6, 7, 8, 15, 16, 29, 30, 31, 32, 33, 51, 52, 53, 54, 59, 60, 61, 62] {
        for near in -1..=1 {
            all.push((1i64 << bits) + near);
            all.push(-(1i64 << bits) + near);
        }
    }
    all.extend([10, -10, 100, 63 * 63, 1_234_567, 0x5555_5555_5555_5555, -0x5555_5555_5555_5555]);
    all.sort_unstable();
    all.dedup();
    all
}

/// All of 8 bits, and the edges.
pub fn integers() -> Vec<i64> {
    let mut all: Vec<i64> = (-128..128).chain(edges()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

pub fn doubles() -> Vec<f64> {
    let two = |n: i32| 2f64.powi(n);
    let mut all = vec![
        0.0,
        1.0,
        0.5,
        1.5,
        2.5,
        3.5,
        0.1,
        2.0,
        7.0,
        1e308,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::MIN_POSITIVE / 2.0,
        f64::from_bits(1),
        f64::from_bits(2),
        f64::EPSILON,
        1.0 - f64::EPSILON / 2.0,
        0.5 - f64::EPSILON / 4.0,
        f64::INFINITY,
        f64::NAN,
        f64::from_bits(0x7ff8_0000_0000_0001),
        two(53) + 2.0,
        two(53) - 1.0,
        two(52) + 1.0,
        two(52) - 0.5,
        two(51) + 0.5,
        two(51) - 0.5,
        two(62) - 512.0,
        two(63) - 1024.0,
    ];
    all.extend([30, 31, 51, 52, 53, 62, 63, 64, -1022].map(two));
    let negative: Vec<f64> = all.iter().map(|x| -x).collect();
    all.extend(negative);
    all
}

/// The bits of all samples of a class.
pub fn samples(class: Class) -> Vec<u64> {
    match class {
        Class::Float => doubles().into_iter().map(f64::to_bits).collect(),
        _ => integers().into_iter().map(|n| n as u64).collect(),
    }
}

/// Whether two results are the same for Python: to the bit, but for which not-a-number it is. Two of them with different bits
/// may give either, as the order of operands says, which the register allocator is free to change.
pub fn same(class: Option<Class>, a: u64, b: u64) -> bool {
    a == b || class == Some(Class::Float) && f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan()
}

/// Immediates to try.
pub fn immediates(uop: Uop) -> Vec<(i32, u64)> {
    match uop {
        Uop::shift_right => (0..64).map(|count| (count, 0)).collect(),
        Uop::floordiv_by => vec![(1, 0xaaaa_aaaa_aaaa_aaab), (3, 0xcccc_cccc_cccc_cccd)],
        Uop::remainder_of => vec![(3, 0), (10, 0), (i32::MAX, 0)],
        _ => vec![(0, 0)],
    }
}
