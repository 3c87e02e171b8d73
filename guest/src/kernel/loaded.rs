//! A kernel with its symbols and types: what a machine needs to run it.

use std::path::{Path, PathBuf};

use pmdscope_arches::{Arch, ByteOrder, Version};
use pmdscope_kallsyms::{Base, Endian, Symbols, Table};

use super::without_btf::{Structures, structures};
use super::{
    Cache, CacheError, KernelError, KernelFile, Opened, Prototype, SegmentKind, Symbol, SymbolKind, Types,
};

/// The name of the cache's entries for symbols.
const SYMBOLS: &str = "symbols";

/// A kernel with its symbols and types.
#[derive(Debug)]
pub struct Kernel {
    file: KernelFile,
    memory: Vec<Memory>,
    symbols: Option<Symbols>,
    /// The numbers of `file.flat.symbols`, in order of their names.
    by_name: Vec<usize>,
    types: Option<Types>,
    structures: Option<&'static Structures>,
    notes: Vec<String>,
}

/// A part of memory that holds the kernel when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Where it starts.
    pub address: u64,
    /// How many bytes it takes.
    pub size: u64,
    segment: usize,
}

/// A function or variable by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its address.
    pub address: u64,
    /// Where calls from within the kernel enter it: on ppc64le behind the instructions that set up r2.
    pub local_entry: u64,
}

/// Why a kernel cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its file cannot be opened.
    #[error(transparent)]
    Open(#[from] KernelError),
    /// It has no symbols.
    #[error("{}: {why}, and without symbols none of its functions can be found", .path.display())]
    NoSymbols {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: pmdscope_kallsyms::Error,
    },
    /// Its types are damaged.
    #[error("{}: its types (BTF) cannot be read: {source}", .path.display())]
    Types {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: super::TypesError,
    },
}

impl Kernel {
    /// Opens a package or boot image, and reads the kernel's symbols and types.
    ///
    /// # Errors
    /// If it is no kernel that can be run, or has no symbols.
    pub fn open(path: &Path, cache: Option<&Cache>) -> Result<Kernel, LoadError> {
        let Opened { kernel: file, key, notes, .. } = KernelFile::open(path, cache)?;
        let mut notes: Vec<CacheError> = notes;
        let place = cache.zip(key.as_ref());
        let kept = place.and_then(|(cache, key)| {
            let parts = cache.load(key, SYMBOLS).unwrap_or_else(|note| {
                notes.push(note);
                None
            });
            Symbols::from_bytes(parts?.first()?).ok()
        });
        let symbols = match kept {
            Some(symbols) => Some(symbols),
            None => {
                let symbols = symbols_of(path, &file)?;
                if let (Some((cache, key)), Some(symbols)) = (place, &symbols) {
                    notes.extend(cache.store(key, SYMBOLS, &[&symbols.to_bytes()]).err());
                }
                symbols
            }
        };
        Kernel::new(path, file, symbols, notes.iter().map(ToString::to_string).collect())
    }

    /// Reads the symbols and types of a kernel whose file is opened. Errors call it `-`.
    ///
    /// # Errors
    /// If it has no symbols, or its types are damaged.
    pub fn of_file(file: KernelFile) -> Result<Kernel, LoadError> {
        let path = Path::new("-");
        let symbols = symbols_of(path, &file)?;
        Kernel::new(path, file, symbols, Vec::new())
    }

    fn new(
        path: &Path,
        file: KernelFile,
        symbols: Option<Symbols>,
        notes: Vec<String>,
    ) -> Result<Kernel, LoadError> {
        let types = file.types().transpose();
        let types = types.map_err(|source| LoadError::Types { path: path.to_owned(), source })?;
        let flat = &file.flat;
        let memory = flat
            .segments
            .iter()
            .enumerate()
            .map(|(number, segment)| {
                // What per-CPU variables begin with is linked to be at 0, and lies elsewhere.
                let loaded = flat.per_cpu.filter(|_| segment.kind == SegmentKind::PerCpu);
                let address = loaded.map_or(segment.address, |per_cpu| per_cpu.loaded);
                Memory { address, size: segment.size, segment: number }
            })
            .collect();
        let mut by_name: Vec<usize> = (0..flat.symbols.len()).collect();
        by_name.sort_by(|a, b| flat.symbols[*a].name.cmp(&flat.symbols[*b].name));
        let structures = match types {
            Some(_) => None,
            None => structures(flat.arch, Version::new(file.release.major, file.release.minor)),
        };
        Ok(Kernel { memory, symbols, by_name, types, structures, notes, file })
    }

    /// The file that it is from.
    pub fn file(&self) -> &KernelFile {
        &self.file
    }

    /// What was wrong with the cache, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The architecture.
    pub fn arch(&self) -> Arch {
        self.file.flat.arch
    }

    /// The version of Linux that it is, without what distributions add.
    pub fn version(&self) -> Version {
        Version::new(self.file.release.major, self.file.release.minor)
    }

    /// Where it is in memory when it starts, from the lowest address up.
    pub fn memory(&self) -> &[Memory] {
        &self.memory
    }

    /// The first bytes of a part of its memory; the rest is zero.
    pub fn bytes(&self, memory: &Memory) -> &[u8] {
        &self.file.flat.segments[memory.segment].bytes
    }

    /// The address of a function or variable.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.find(name).map(|found| found.address)
    }

    /// A function or variable by its name. Of several of a name, functions come before variables, and
    /// then it is the one with the lowest address.
    pub fn find(&self, name: &str) -> Option<Found> {
        let elf = &self.file.flat.symbols;
        let first = self.by_name.partition_point(|number| elf[*number].name.as_str() < name);
        let of_elf = self.by_name[first..].iter().map(|number| &elf[*number]);
        let is_variable = |symbol: &Symbol| symbol.kind == SymbolKind::Object;
        let of_elf = of_elf.take_while(|symbol| symbol.name == name);
        let of_elf = of_elf.min_by_key(|symbol| (is_variable(symbol), symbol.address));
        let of_kallsyms = self.symbols.as_ref().and_then(|symbols| symbols.first_named(name));
        // If only relocations name the variable, the function of this name is in kallsyms alone:
        // event_function of Debian's 6.1 for s390x.
        let function = of_kallsyms.filter(pmdscope_kallsyms::Symbol::is_text);
        if let Some(symbol) = of_elf.filter(|symbol| !is_variable(symbol) || function.is_none()) {
            let skipped = if self.arch() == Arch::Ppc64le { local_entry(symbol.other) } else { 0 };
            return Some(Found { address: symbol.address, local_entry: symbol.address + skipped });
        }
        let symbol = of_kallsyms?;
        // Without what ELF says of it, a function of ppc64le is taken to set up r2, in two instructions.
        let skipped = if self.arch() == Arch::Ppc64le && symbol.is_text() { 8 } else { 0 };
        Some(Found { address: symbol.address, local_entry: symbol.address + skipped })
    }

    /// The function that has an address, and how far into it that is.
    pub fn symbol_at(&self, address: u64) -> Option<(&str, u64)> {
        if let Some(symbols) = &self.symbols {
            return symbols.at(address).map(|(symbol, offset)| (symbol.name, offset));
        }
        let elf = &self.file.flat.symbols;
        let end = elf.partition_point(|symbol| symbol.address <= address);
        let function = elf[..end].iter().rev().find(|symbol| symbol.kind == SymbolKind::Function)?;
        Some((&function.name, address - function.address))
    }

    /// The names of its functions, each once, in order.
    pub fn functions(&self) -> Vec<&str> {
        let of_elf = self.file.flat.symbols.iter();
        let of_elf = of_elf.filter(|symbol| symbol.kind == SymbolKind::Function).map(|s| s.name.as_str());
        let kallsyms = self.symbols.iter().flat_map(Symbols::iter);
        let mut names: Vec<&str> =
            of_elf.chain(kallsyms.filter(|symbol| symbol.is_text()).map(|symbol| symbol.name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How many symbols it has.
    pub fn symbol_count(&self) -> usize {
        self.symbols.as_ref().map_or(0, Symbols::len).max(self.file.flat.symbols.len())
    }

    /// Whether its structures are known.
    pub fn has_types(&self) -> bool {
        self.types.is_some() || self.structures.is_some()
    }

    /// Where its description of its structures is from.
    pub fn types_from(&self) -> &'static str {
        match (&self.types, self.structures) {
            (Some(_), _) => "BTF",
            (None, Some(structures)) => structures.from,
            (None, None) => "none",
        }
    }

    /// The offset of a member of a structure, in bytes, if it says so.
    pub fn offset(&self, structure: &str, member: &str) -> Option<u64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.offset(structure, member).ok(),
            (None, Some(structures)) => structures.offset(structure, member),
            (None, None) => None,
        }
    }

    /// The size of a structure, in bytes, if it says so.
    pub fn size(&self, structure: &str) -> Option<u64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.size(structure).ok(),
            (None, Some(structures)) => structures.size(structure),
            (None, None) => None,
        }
    }

    /// The value of an enumerator, if it says so.
    pub fn enumerator(&self, name: &str) -> Option<i64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.enumerator(None, name).ok()?,
            (None, Some(structures)) => structures.enumerator(name),
            (None, None) => None,
        }
    }

    /// How a function is called, if it says so.
    pub fn prototype(&self, function: &str) -> Option<Prototype> {
        self.types.as_ref()?.function(function).ok()?
    }
}

/// How many bytes of a function of ppc64le come before its local entry (ELFv2 ABI 1.5, 3.4.1: the three
/// upper bits of `st_other`).
const fn local_entry(other: u8) -> u64 {
    match other >> 5 {
        0 | 1 => 0,
        shift => 1 << shift,
    }
}

/// The symbols of a kernel's own table. `None` if it has none, and ELF names all that is needed.
fn symbols_of(path: &Path, file: &KernelFile) -> Result<Option<Symbols>, LoadError> {
    match read_symbols(file) {
        Ok(symbols) => Ok(Some(symbols)),
        Err(_) if file.flat.has_all_symbols() => Ok(None),
        Err(why) => Err(LoadError::NoSymbols { path: path.to_owned(), why }),
    }
}

fn read_symbols(file: &KernelFile) -> Result<Symbols, pmdscope_kallsyms::Error> {
    let endian = match ByteOrder::of(file.flat.arch) {
        ByteOrder::Little => Endian::Little,
        ByteOrder::Big => Endian::Big,
    };
    let mut wrong = None;
    for (number, segment) in file.flat.segments.iter().enumerate() {
        let table = match Table::find(&segment.bytes, endian) {
            Ok(table) => table,
            Err(error) => {
                wrong.get_or_insert(error);
                continue;
            }
        };
        let base = match table.relative_base() {
            Some(slot) => Base::Relative(slot.value),
            None => Base::OffsetsAt(file.flat.address_of(number, table.positions().offsets).unwrap_or(0)),
        };
        return table.symbols(base);
    }
    Err(wrong.unwrap_or(pmdscope_kallsyms::Error::NoTokenTable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_entries_are_where_the_abi_says() {
        assert_eq!(local_entry(0x60), 8);
        assert_eq!(local_entry(0), 0);
        assert_eq!(local_entry(0x20), 0, "no r2 at all");
        assert_eq!(local_entry(0x40), 4);
    }
}
