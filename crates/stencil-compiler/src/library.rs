//! Writes the library in the format that `decal_stencils` reads.

use crate::error::Error;
use crate::generate::Variant;
use crate::model::{Part, Stencil};
use decal_stencils::{FORMAT, HOLE_SIZE, key_count};
use decal_uops::ALL;
use std::collections::{BTreeMap, HashMap};

/// The library's bytes. Equal stencils are stored once.
pub fn bytes(triple: &str, digest: &str, stencils: &BTreeMap<(u8, u32), Stencil>) -> Result<Vec<u8>, Error> {
    let mut out = format!("decal stencils {FORMAT} {triple} {digest}\n").into_bytes();
    let number = |out: &mut Vec<u8>, value: u32| out.extend_from_slice(&value.to_le_bytes());
    number(&mut out, ALL.len() as u32);
    let mut first = 0;
    for uop in ALL {
        number(&mut out, first);
        first += key_count(*uop);
    }
    number(&mut out, first);
    let index = out.len();
    out.resize(index + 4 * first as usize, 0);
    let mut known: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut key = 0;
    for uop in ALL {
        for n in 0..key_count(*uop) {
            let variant = Variant { uop: *uop, number: n };
            let stencil = stencils.get(&(*uop as u8, n)).ok_or_else(|| Error::Missing(variant.symbol()))?;
            let record = record(stencil).ok_or_else(|| Error::TooLarge(variant.symbol()))?;
            let next = out.len() as u32;
            let at = *known.entry(record).or_insert_with_key(|record| {
                out.extend_from_slice(record);
                next
            });
            let slot = index + 4 * key;
            out[slot..slot + 4].copy_from_slice(&at.to_le_bytes());
            key += 1;
        }
    }
    Ok(out)
}

fn record(stencil: &Stencil) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    out.extend_from_slice(&u16::try_from(stencil.hot.code.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&u16::try_from(stencil.cold.code.len()).ok()?.to_le_bytes());
    out.push(u8::try_from(stencil.hot.holes.len()).ok()?);
    out.push(u8::try_from(stencil.cold.holes.len()).ok()?);
    let mut holes = |part: &Part| {
        for hole in &part.holes {
            let start = out.len();
            out.extend_from_slice(&hole.offset.to_le_bytes());
            out.push(hole.kind as u8);
            out.push(hole.value as u8);
            out.extend_from_slice(&hole.addend.to_le_bytes());
            debug_assert_eq!(out.len() - start, HOLE_SIZE);
        }
    };
    holes(&stencil.hot);
    holes(&stencil.cold);
    out.extend_from_slice(&stencil.hot.code);
    out.extend_from_slice(&stencil.cold.code);
    Some(out)
}
