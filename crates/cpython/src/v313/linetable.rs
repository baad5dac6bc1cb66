//! Two compressed tables of code objects: which source line each code unit has, and which handler
//! the exception table names for it.

use crate::code::Handler;

/// The source line of each of `units` code units, 0 where there is none.
///
/// The table is a row of entries, each for 1 to 8 code units. An entry's first byte has its highest bit
/// set, names the form (bits 3 to 6) and the number of units less one (bits 0 to 2); the forms differ in how
/// the line is given. Columns are skipped. Entries that make no sense end the reading.
pub fn lines(table: &[u8], first_line: u32, units: usize) -> Vec<u32> {
    let mut result = Vec::with_capacity(units);
    let mut line = i64::from(first_line);
    let mut rest = table;
    while let Some((&head, after)) = rest.split_first() {
        let payload = after.iter().take_while(|byte| **byte & 0x80 == 0).count();
        let (data, next) = after.split_at(payload);
        rest = next;
        let form = (head >> 3) & 15;
        let mut has_line = true;
        match form {
            0..=9 => {}
            10..=12 => line += i64::from(form) - 10,
            13 | 14 => line += signed(varint_low_first(data)),
            _ => has_line = false,
        }
        for _ in 0..=(head & 7) {
            if result.len() < units {
                result.push(if has_line { u32::try_from(line).unwrap_or(0) } else { 0 });
            }
        }
    }
    result.resize(units, 0);
    result
}

/// A number of 6-bit groups, lowest first; bit 6 says that another follows.
fn varint_low_first(data: &[u8]) -> u64 {
    let mut value = 0;
    for (position, byte) in data.iter().take(10).enumerate() {
        value |= u64::from(byte & 63) << (6 * position);
        if byte & 64 == 0 {
            break;
        }
    }
    value
}

/// A number whose lowest bit is the sign.
fn signed(value: u64) -> i64 {
    let magnitude = (value >> 1) as i64;
    if value & 1 != 0 { -magnitude } else { magnitude }
}

/// The handler of each of `units` code units.
///
/// The table is a row of entries: start, length, target, and depth with one bit for "push the
/// offset too". Numbers are 6-bit groups, highest first, bit 6 says that another follows; an
/// entry's first byte has its highest bit set.
pub fn handlers(table: &[u8], units: usize) -> Vec<Option<Handler>> {
    let mut result = vec![None; units];
    let mut bytes = table.iter().copied();
    while let (Some(start), Some(length), Some(target), Some(depth)) = (
        varint_high_first(&mut bytes),
        varint_high_first(&mut bytes),
        varint_high_first(&mut bytes),
        varint_high_first(&mut bytes),
    ) {
        let handler = Handler { target, depth: depth >> 1, lasti: depth & 1 != 0 };
        let range = (start as usize).min(units)..(start as usize + length as usize).min(units);
        if target as usize >= units {
            continue;
        }
        result[range].fill(Some(handler));
    }
    result
}

fn varint_high_first(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut value = 0u32;
    loop {
        let byte = bytes.next()?;
        value = (value << 6) | u32::from(byte & 63);
        if byte & 64 == 0 {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_form() {
        // Two units without a new line, one unit a line later, three units without any line, one
        // unit with a delta of -1, one with a long form and a delta of +70.
        let table = [0x81, 0x00, 0xd8, 0x00, 0x00, 0xfa, 0xe8, 0x03, 0xf0, 0x4c, 0x02, 0x00, 0x00, 0x00];
        assert_eq!(lines(&table, 10, 9), [10, 10, 11, 0, 0, 0, 10, 80, 0]);
    }

    #[test]
    fn handler_ranges() {
        // Units 2 to 4: handler at 70, depth 1, with the offset; then unit 6: handler at 7, depth 0.
        let table = [0x82, 3, 0x41, 6, 3, 0x86, 1, 7, 0];
        let found = handlers(&table, 80);
        let first = Some(Handler { target: 70, depth: 1, lasti: true });
        assert_eq!(found[1], None);
        assert_eq!(found[2..5], [first, first, first]);
        assert_eq!(found[5], None);
        assert_eq!(found[6], Some(Handler { target: 7, depth: 0, lasti: false }));
    }

    #[test]
    fn nonsense_is_ignored() {
        assert_eq!(handlers(&[0x82, 3, 0x41], 4), [None; 4]);
        assert_eq!(handlers(&[0x82, 60, 3, 0], 4)[3], Some(Handler { target: 3, depth: 0, lasti: false }));
        assert_eq!(lines(&[0xf0], 1, 2), [1, 0]);
    }
}
