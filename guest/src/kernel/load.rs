//! A kernel with its symbols and types: everything that a machine needs to run it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pmdscope_arches::{Arch, Version};
use pmdscope_kallsyms::Symbols;

use super::bugs::Bugs;
use super::cache::{Cache, CacheError};
use super::error::KernelError;
use super::file::{KernelFile, OpenedKernel};
use super::image::{SegmentKind, Symbol, SymbolKind};
use super::kallsyms::read_kallsyms;
use super::known_structures::{KnownStructures, known_structures};
use super::types::{Prototype, Types, TypesError};

/// The name of cache entries for symbols.
const SYMBOLS: &str = "symbols";

/// A kernel with its symbols and types.
#[derive(Debug)]
pub struct Kernel {
    file: KernelFile,
    memory: Vec<MemoryPart>,
    symbols: Option<Symbols>,
    /// The indices of `file.flat.symbols`, in order of the symbols' names.
    by_name: Vec<usize>,
    types: Option<Types>,
    structures: Option<&'static KnownStructures>,
    /// The table of bugs, read when it is first asked for.
    bugs: OnceLock<Option<Bugs>>,
    notes: Vec<String>,
}

/// A contiguous part of the memory that holds the kernel when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPart {
    /// The address of its first byte.
    pub address: u64,
    /// The number of bytes.
    pub size: u64,
    segment: usize,
}

/// The addresses of a function or variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolAddress {
    /// The address.
    pub address: u64,
    /// The address that calls from within the kernel use.
    ///
    /// On ppc64le, it follows the instructions that set up r2. On other architectures, it is `address`.
    pub local_entry: u64,
}

/// Errors of loading a kernel.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] KernelError),
    /// The kernel has no symbols.
    #[error("{}: {why}, and without symbols none of its functions can be found", .path.display())]
    NoSymbols {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: pmdscope_kallsyms::Error,
    },
    /// The kernel's types are damaged.
    #[error("{}: its types (BTF) cannot be read: {source}", .path.display())]
    Types {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: TypesError,
    },
}

impl Kernel {
    /// Opens a package or boot image, and reads the kernel's symbols and types.
    ///
    /// # Errors
    /// [`LoadError::Open`] if the file is not a kernel that can be run, [`LoadError::NoSymbols`] or
    /// [`LoadError::Types`] if the kernel has no symbols or damaged types.
    pub fn open(path: &Path, cache: Option<&Cache>) -> Result<Kernel, LoadError> {
        let OpenedKernel { kernel: file, key, notes, .. } = KernelFile::open(path, cache)?;
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
                let symbols = read_symbols(path, &file)?;
                if let (Some((cache, key)), Some(symbols)) = (place, &symbols) {
                    notes.extend(cache.store(key, SYMBOLS, &[&symbols.to_bytes()]).err());
                }
                symbols
            }
        };
        Kernel::new(path, file, symbols, notes.iter().map(ToString::to_string).collect())
    }

    /// Reads the symbols and types of an opened kernel. Errors call its file `-`.
    ///
    /// # Errors
    /// [`LoadError::NoSymbols`] or [`LoadError::Types`] if the kernel has no symbols or damaged types.
    pub fn of_file(file: KernelFile) -> Result<Kernel, LoadError> {
        let path = Path::new("-");
        let symbols = read_symbols(path, &file)?;
        Kernel::new(path, file, symbols, Vec::new())
    }

    /// Reads the types, and combines file, symbols and types.
    fn new(
        path: &Path,
        file: KernelFile,
        symbols: Option<Symbols>,
        notes: Vec<String>,
    ) -> Result<Kernel, LoadError> {
        let types = file.types().transpose();
        let types = types.map_err(|source| LoadError::Types { path: path.to_owned(), source })?;
        let image = &file.flat;
        let memory = image
            .segments
            .iter()
            .enumerate()
            .map(|(number, segment)| {
                // The initial values of the per-CPU variables do not lie at their link address.
                let loaded = image.per_cpu.filter(|_| segment.kind == SegmentKind::PerCpu);
                let address = loaded.map_or(segment.address, |per_cpu| per_cpu.loaded);
                MemoryPart { address, size: segment.size, segment: number }
            })
            .collect();
        let mut by_name: Vec<usize> = (0..image.symbols.len()).collect();
        by_name.sort_by(|a, b| image.symbols[*a].name.cmp(&image.symbols[*b].name));
        let structures = match types {
            Some(_) => None,
            None => known_structures(image.arch, Version::new(file.release.major, file.release.minor)),
        };
        let bugs = OnceLock::new();
        Ok(Kernel { memory, symbols, by_name, types, structures, bugs, notes, file })
    }

    /// Returns the kernel's file, with the memory image.
    pub fn file(&self) -> &KernelFile {
        &self.file
    }

    /// Returns the problems with the cache, in words.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the architecture.
    pub fn arch(&self) -> Arch {
        self.file.flat.arch
    }

    /// Returns the version of Linux, without the distribution's additions.
    pub fn version(&self) -> Version {
        Version::new(self.file.release.major, self.file.release.minor)
    }

    /// Returns the parts of the kernel's memory when it starts, in the order of the image's segments.
    ///
    /// Addresses ascend, except that a [`SegmentKind::PerCpu`] part comes first.
    pub fn memory(&self) -> &[MemoryPart] {
        &self.memory
    }

    /// Returns the first bytes of a part of the kernel's memory; the rest is zero.
    pub fn bytes(&self, memory: &MemoryPart) -> &[u8] {
        &self.file.flat.segments[memory.segment].bytes
    }

    /// Returns the address of a function or variable.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.find(name).map(|found| found.address)
    }

    /// Finds the function or variable of a name.
    ///
    /// If several have this name, functions take precedence over variables, and then lower addresses over higher ones.
    pub fn find(&self, name: &str) -> Option<SymbolAddress> {
        let elf = &self.file.flat.symbols;
        let first = self.by_name.partition_point(|number| elf[*number].name.as_str() < name);
        let of_elf = self.by_name[first..].iter().map(|number| &elf[*number]);
        let is_variable = |symbol: &Symbol| symbol.kind == SymbolKind::Object;
        let of_elf = of_elf.take_while(|symbol| symbol.name == name);
        let of_elf = of_elf.min_by_key(|symbol| (is_variable(symbol), symbol.address));
        let of_kallsyms = self.symbols.as_ref().and_then(|symbols| symbols.first_named(name));
        // If relocations name only the variable, then only kallsyms has the function of this name: event_function
        // of Debian's 6.1 for s390x.
        let function = of_kallsyms.filter(pmdscope_kallsyms::Symbol::is_text);
        if let Some(symbol) = of_elf.filter(|symbol| !is_variable(symbol) || function.is_none()) {
            let skipped = if self.arch() == Arch::Ppc64le { local_entry_offset(symbol.other) } else { 0 };
            return Some(SymbolAddress { address: symbol.address, local_entry: symbol.address + skipped });
        }
        let symbol = of_kallsyms?;
        // kallsyms lacks ELF's `st_other`. Assume that a ppc64le function sets up r2, in two instructions.
        let skipped = if self.arch() == Arch::Ppc64le && symbol.is_text() { 8 } else { 0 };
        Some(SymbolAddress { address: symbol.address, local_entry: symbol.address + skipped })
    }

    /// Finds the function that holds an address. Returns its name, and the distance from its start in bytes.
    pub fn symbol_at(&self, address: u64) -> Option<(&str, u64)> {
        if let Some(symbols) = &self.symbols {
            return symbols.at(address).map(|(symbol, offset)| (symbol.name, offset));
        }
        let elf = &self.file.flat.symbols;
        let end = elf.partition_point(|symbol| symbol.address <= address);
        let function = elf[..end].iter().rev().find(|symbol| symbol.kind == SymbolKind::Function)?;
        Some((&function.name, address - function.address))
    }

    /// Returns the names of all functions, sorted, without duplicates.
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

    /// Returns the number of symbols in kallsyms or in the ELF symbols, whichever is larger.
    pub fn symbol_count(&self) -> usize {
        self.symbols.as_ref().map_or(0, Symbols::len).max(self.file.flat.symbols.len())
    }

    /// Whether the layouts of the kernel's structures are known.
    pub fn has_types(&self) -> bool {
        self.types.is_some() || self.structures.is_some()
    }

    /// Returns the source of the structure layouts, for reports.
    pub fn types_from(&self) -> &'static str {
        match (&self.types, self.structures) {
            (Some(_), _) => "BTF",
            (None, Some(structures)) => structures.source,
            (None, None) => "none",
        }
    }

    /// Returns the offset in bytes of a member of a structure, if it is known.
    pub fn offset(&self, structure: &str, member: &str) -> Option<u64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.offset(structure, member).ok(),
            (None, Some(structures)) => structures.offset(structure, member),
            (None, None) => None,
        }
    }

    /// Returns the size of a structure in bytes, if it is known.
    pub fn size(&self, structure: &str) -> Option<u64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.size(structure).ok(),
            (None, Some(structures)) => structures.size(structure),
            (None, None) => None,
        }
    }

    /// Returns the value of an enumerator, if it is known.
    pub fn enumerator(&self, name: &str) -> Option<i64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.enumerator(None, name).ok()?,
            (None, Some(structures)) => structures.enumerator(name),
            (None, None) => None,
        }
    }

    /// Returns the prototype of a function, if the kernel's types have it.
    pub fn prototype(&self, function: &str) -> Option<Prototype> {
        self.types.as_ref()?.function(function).ok()?
    }

    /// Returns the table of bugs, if the kernel has one.
    pub(super) fn bugs(&self) -> Option<&Bugs> {
        self.bugs.get_or_init(|| Bugs::read(self)).as_ref()
    }
}

/// Returns the number of bytes from a ppc64le function's address to its local entry point.
///
/// The three upper bits of `st_other` encode the distance (ELFv2 ABI 1.5, 3.4.1).
const fn local_entry_offset(other: u8) -> u64 {
    match other >> 5 {
        0 | 1 => 0,
        shift => 1 << shift,
    }
}

/// Returns the symbols of the kernel's own table. `None` if the ELF file names all symbols instead.
fn read_symbols(path: &Path, file: &KernelFile) -> Result<Option<Symbols>, LoadError> {
    read_kallsyms(&file.flat).map_err(|why| LoadError::NoSymbols { path: path.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_entries_are_where_the_abi_says() {
        assert_eq!(local_entry_offset(0x60), 8);
        assert_eq!(local_entry_offset(0), 0);
        assert_eq!(local_entry_offset(0x20), 0, "no r2 at all");
        assert_eq!(local_entry_offset(0x40), 4);
    }
}
