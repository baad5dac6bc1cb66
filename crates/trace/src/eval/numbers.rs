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
    use decal_uops::{DictEntry, Machine, Uop, execute};

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

    /// None where it is not written in place.
    #[test]
    fn as_writing_in_place_has_it() {
        const FUNCTION: u64 = 0x100;
        let renewed = |value: i64, references: u32, old: i64| {
            let mut heap = Heap::new();
            heap.define(FUNCTION, |heap, [both, ..]| {
                assert_ne!(heap.load64(both + 8), 0);
                heap.load64(both) << 32 | 1
            });
            heap.store32(0x8000, references);
            for (word, at) in words(old).unwrap_or_default().into_iter().zip([TAG, TAG + 8]) {
                heap.store64(0x8000 + at, word);
            }
            let new = execute(Uop::renew_int, &mut heap, &[value as u64, 0x8000, 0, 0], 0, FUNCTION).ok();
            (new == Some(0x8000)).then(|| number([heap.load64(0x8000 + TAG), heap.load64(0x8000 + TAG + 8)])).flatten()
        };
        for value in [257, 1000, (1 << 30) - 1] {
            for old in [300, -7, (1 << 30) - 1, 5 << 30, -(1 << 59)] {
                assert_eq!(renewed(value, 1, old), Some(value));
                assert_eq!(renewed(value, 2, old), None);
            }
        }
        // What the interpreter has an object for, and what may have no room.
        for value in [256, 0, -1, -1000, 1 << 30, i64::MAX, i64::MIN] {
            assert_eq!(renewed(value, 1, 300), None);
        }
    }

    #[test]
    fn as_drops_of_several_have_it() {
        const FUNCTION: u64 = 0x100;
        // Objects by number, with their references: asked where one of them may die.
        let asks = |objects: &[(u64, u32)]| {
            let mut heap = Heap::new();
            heap.define(FUNCTION, |_, _| 0);
            let context = heap.context() + decal_uops::offset::ARGUMENTS as u64;
            for (at, (object, references)) in objects.iter().enumerate() {
                heap.store64(context + 8 * at as u64, 0x8000 + 64 * object);
                heap.store32(0x8000 + 64 * object, *references);
            }
            execute(Uop::guard_droppable_all, &mut heap, &[0; 4], objects.len() as i32, FUNCTION).is_err()
        };
        const IMMORTAL: u32 = u32::MAX;
        for kept in [
            &[(0, 2), (1, 2)][..],
            &[(0, 3), (0, 3)],
            &[(0, 2), (1, IMMORTAL), (1, IMMORTAL)],
            &[(0, 4), (1, 2), (0, 4)],
        ] {
            assert!(!asks(kept), "{kept:?}");
        }
        for may_die in [&[(0, 1), (1, 5)][..], &[(0, 2), (0, 2)], &[(1, 9), (0, 2), (0, 2)], &[(0, 2), (1, 2), (0, 2)]]
        {
            assert!(asks(may_die), "{may_die:?}");
        }
    }

    #[test]
    fn as_places_in_dicts_have_it() {
        const FUNCTION: u64 = 0x100;
        const ELSEWHERE: u64 = 0x7770;
        let (dict, keys, name) = (0x8000, 0x9000, 0xa000);
        // What the entry with this index holds, of keys of this kind with a table of so many bytes; the name was seen in the third.
        let place = |index: u64, log2_index_bytes: u64, kind: u64| {
            let mut heap = Heap::new();
            heap.define(FUNCTION, |heap, [both, ..]| {
                assert_eq!([heap.load64(both), heap.load64(both + 8)], [0x8000, 0xa000]);
                ELSEWHERE
            });
            heap.store64(dict + 32, keys);
            heap.store64(keys + 8, log2_index_bytes | log2_index_bytes << 8 | kind << 16);
            heap.store64(keys + 32 + (1 << log2_index_bytes) + 16 * index, name);
            let entry = DictEntry { log2_index_bytes: 3, index: 2 }.pack();
            execute(Uop::dict_place, &mut heap, &[dict, name, 0, 0], entry, FUNCTION).ok()
        };
        assert_eq!(place(2, 3, 1), Some(keys + 32 + 8 + 16 * 2 + 8));
        for (index, log2_index_bytes, kind) in [(1, 3, 1), (2, 4, 1), (2, 3, 0), (2, 3, 2)] {
            assert_eq!(place(index, log2_index_bytes, kind), Some(ELSEWHERE));
        }
        // Too far away, which no dict is.
        assert_eq!(DictEntry { log2_index_bytes: 3, index: 1 << 20 }.pack(), 0);
        assert_eq!(DictEntry { log2_index_bytes: 40, index: 0 }.pack(), 0);
    }
}
