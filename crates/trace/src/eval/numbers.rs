//! What exact ints look like in memory, as the uop `unbox_int` reads them: for machines that make objects of their own.

/// Where the sign and the number of digits are, and behind them the digits.
pub const TAG: u64 = 16;

/// The two words of a number of up to 60 bits: sign (0, 1 or 2 for positive, zero and negative) and number of digits from the fourth
/// bit on, then two digits of 30 bits. None where it has more.
pub fn words(number: i64) -> Option<[u64; 2]> {
    let size = number.unsigned_abs();
    let sign = if number == 0 { 1 } else { 2 * u64::from(number < 0) };
    let digits = if size >> 30 == 0 { 1 } else { 2 };
    (size >> 60 == 0).then_some([digits << 3 | sign, size & 0x3fff_ffff | size >> 30 << 32])
}

/// The number of such words.
pub fn number([tag, digits]: [u64; 2]) -> Option<i64> {
    let (low, high) = ((digits & 0xffff_ffff) as i64, if tag < 16 { 0 } else { digits >> 32 } as i64);
    (tag < 24).then_some((1 - (tag & 3) as i64) * (low | high << 30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::heap::Heap;
    use decal_uops::{Machine, Uop, execute};

    #[test]
    fn as_unboxing_has_it() {
        let most = (1i64 << 60) - 1;
        for value in [0, 1, -1, 7, (1 << 30) - 1, 1 << 30, -(1 << 30), (1 << 31) + 5, most, -most] {
            let mut heap = Heap::new();
            let words = words(value).unwrap_or_default();
            heap.store64(0x8000 + TAG, words[0]);
            heap.store64(0x8000 + TAG + 8, words[1]);
            assert_eq!(execute(Uop::unbox_int, &mut heap, &[0x8000, 0, 0, 0], 0, 0).ok(), Some(value as u64));
            assert_eq!(number(words), Some(value));
        }
        assert_eq!(words(1 << 60), None);
        assert_eq!(number([24, 1]), None);
    }
}
