//! Reads object files: each stencil's code and relocations.

use crate::error::Error;
use crate::generate::Variant;
use object::{Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget};
use std::path::Path;

/// A relocation, by its number in the object format and the symbol it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relocation {
    /// Offset in the code.
    pub offset: u64,
    /// The ELF relocation type.
    pub kind: u32,
    /// The symbol.
    pub symbol: String,
    /// Added to the symbol's value.
    pub addend: i64,
}

/// A stencil as it was compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// Which.
    pub variant: Variant,
    /// Its code.
    pub code: Vec<u8>,
    /// Its relocations, by offset.
    pub relocations: Vec<Relocation>,
}

/// Reads all stencils of an object file.
pub fn read(path: &Path) -> Result<Vec<Compiled>, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::File(path.into(), error))?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Vec<Compiled>, Error> {
    let bad = |error: object::Error| Error::Object(error.to_string());
    let file = object::File::parse(bytes).map_err(bad)?;
    let mut found = Vec::new();
    for symbol in file.symbols() {
        let name = symbol.name().map_err(bad)?;
        let (Some(variant), Some(index)) = (Variant::from_symbol(name), symbol.section_index()) else { continue };
        let section = file.section_by_index(index).map_err(bad)?;
        let data = section.data().map_err(bad)?;
        let (start, size) = (symbol.address() as usize, symbol.size() as usize);
        let code = data.get(start..start + size).ok_or_else(|| Error::Object(format!("{name} has no code")))?;
        let mut relocations = Vec::new();
        for (offset, relocation) in section.relocations() {
            if offset < start as u64 || offset >= (start + size) as u64 {
                continue;
            }
            let RelocationFlags::Elf { r_type } = relocation.flags() else {
                return Err(Error::Relocation(name.into(), format!("{:?}", relocation.flags())));
            };
            let symbol = match relocation.target() {
                RelocationTarget::Symbol(index) => {
                    file.symbol_by_index(index).and_then(|symbol| symbol.name().map(str::to_string)).map_err(bad)?
                }
                other => format!("{other:?}"),
            };
            relocations.push(Relocation {
                offset: offset - start as u64,
                kind: r_type,
                symbol,
                addend: relocation.addend(),
            });
        }
        relocations.sort_by_key(|relocation| relocation.offset);
        found.push(Compiled { variant, code: code.to_vec(), relocations });
    }
    Ok(found)
}
