//! A kernel with its symbols and types: everything that a machine needs to run it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pmdscope_arches::{Arch, ByteOrder, Version};
use pmdscope_kallsyms::Symbols;

use super::bugs::Bugs;
use super::cache::{Cache, CacheError};
use super::error::KernelError;
use super::exports::Exports;
use super::file::{KernelFile, OpenedKernel};
use super::image::{SegmentKind, Symbol, SymbolKind};
use super::kallsyms::read_kallsyms;
use super::known_structures::{KnownStructures, known_structures};
use super::objects::{self, Absent, ObjectsNote};
use super::power::{Descriptor, Descriptors, PowerAbi, without_dot};
use super::text::printable;
use super::types::{Prototype, TypedFunction, Types, TypesError, TypesFile, TypesFileError, TypesForm};

/// The most bytes of what an object-only kernel says of itself. It has some 30 KB.
const NOTE_MOST: usize = 1 << 20;
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
    /// The source of the types or structures, or the reason why there are none.
    types_from: TypesFrom,
    /// The descriptors of functions, in an ELFv1 kernel.
    descriptors: Option<Descriptors>,
    /// The table of bugs, read when it is first asked for.
    bugs: OnceLock<Option<Bugs>>,
    /// The exported symbols, read when no other table has a name.
    exports: OnceLock<Exports>,
    /// What an object-only kernel says of itself, read when it is first asked for.
    objects: OnceLock<Option<ObjectOnly>>,
    notes: Vec<String>,
}

/// What an object-only kernel says of itself, and where the stand-ins are for what it lacks.
#[derive(Debug)]
struct ObjectOnly {
    note: ObjectsNote,
    functions: u64,
    variables: u64,
}

/// The source of a kernel's types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypesFrom {
    /// The BTF in its image.
    Btf,
    /// The debug information (DWARF) of its vmlinux.
    Dwarf,
    /// A file that was given with the kernel.
    File {
        /// The name of the file, without its folders.
        name: String,
        /// The form of the types.
        form: TypesForm,
        /// The SHA-256 of the file, in hexadecimal.
        sha256: String,
        /// Whether kernel and file have the same build ID. If not, one of them has none.
        same_build: bool,
    },
    /// The layouts of some structures that are known of this build. The field says where they are from.
    Known(&'static str),
    /// Nothing: the kernel has no types. The field has the reason if there is more to say.
    None(Option<String>),
}

impl fmt::Display for TypesFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypesFrom::Btf => f.write_str("BTF"),
            TypesFrom::Dwarf => f.write_str("DWARF"),
            TypesFrom::File { name, form, same_build, .. } => {
                let checked =
                    if *same_build { "of the same build" } else { "not checked against the kernel" };
                write!(f, "{} of {name}, {checked}", form.name())
            }
            TypesFrom::Known(source) => f.write_str(source),
            TypesFrom::None(None) => f.write_str("none"),
            TypesFrom::None(Some(reason)) => write!(f, "none: {reason}"),
        }
    }
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
    /// On ppc64le, and ppc64 with ELFv2, it follows the instructions that set up r2. Elsewhere, it is `address`.
    pub local_entry: u64,
    /// The value that the function expects in r2, if it has a descriptor ([`PowerAbi::V1`]).
    pub toc: Option<u64>,
}

/// Errors of loading a kernel.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be opened.
    #[error(transparent)]
    Open(#[from] KernelError),
    /// The kernel has no symbols.
    #[error(
        "{}: {why}, and without symbols none of its functions can be found: give one that was built with CONFIG_KALLSYMS, or a vmlinux that was not stripped",
        .path.display()
    )]
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
    /// The file with the kernel's types cannot be used.
    #[error(transparent)]
    TypesFile(#[from] TypesFileError),
}

impl Kernel {
    /// Opens a package or boot image, and reads the kernel's symbols and types.
    ///
    /// Types are its BTF, or else the debug information (DWARF) of a vmlinux.
    ///
    /// # Errors
    /// [`LoadError::Open`] if the file is not a kernel that can be run, [`LoadError::NoSymbols`] or
    /// [`LoadError::Types`] if the kernel has no symbols or damaged types.
    pub fn open(path: &Path, cache: Option<&Cache>) -> Result<Kernel, LoadError> {
        Kernel::open_with_types(path, None, cache)
    }

    /// Opens a kernel as [`Kernel::open`] does, with the types of another file in place of its own.
    ///
    /// `types` is BTF, or a vmlinux with BTF or debug information (see [`TypesFile`]).
    ///
    /// # Errors
    /// As [`Kernel::open`], and [`LoadError::TypesFile`] if the file cannot be used, or has the types of another
    /// kernel.
    pub fn open_with_types(
        path: &Path,
        types: Option<&Path>,
        cache: Option<&Cache>,
    ) -> Result<Kernel, LoadError> {
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
        let notes = notes.iter().map(ToString::to_string).collect();
        // A cached kernel has no debug information, and that of a compressed vmlinux is not read.
        let described_in_file = file.btf.is_none() && file.package.is_none() && file.format == "ELF";
        let own = || described_in_file.then(|| own_debug_information(path));
        let given = match types {
            Some(types) => {
                let own = match own() {
                    Some((own, _)) => own,
                    None => file.types().and_then(Result::ok),
                };
                Some(given_types(types, &file, own.as_ref())?)
            }
            None => own(),
        };
        Kernel::new(path, file, symbols, notes, given)
    }

    /// Reads the symbols and types of an opened kernel. Errors call its file `-`.
    ///
    /// # Errors
    /// [`LoadError::NoSymbols`] or [`LoadError::Types`] if the kernel has no symbols or damaged types.
    pub fn of_file(file: KernelFile) -> Result<Kernel, LoadError> {
        let path = Path::new("-");
        let symbols = read_symbols(path, &file)?;
        Kernel::new(path, file, symbols, Vec::new(), None)
    }

    /// Reads the types unless they are given, and combines file, symbols and types.
    fn new(
        path: &Path,
        file: KernelFile,
        symbols: Option<Symbols>,
        notes: Vec<String>,
        given: Option<(Option<Types>, TypesFrom)>,
    ) -> Result<Kernel, LoadError> {
        let (types, types_from) = match given {
            Some(given) => given,
            None => {
                let types = file.types().transpose();
                let types = types.map_err(|source| LoadError::Types { path: path.to_owned(), source })?;
                let from = if types.is_some() { TypesFrom::Btf } else { TypesFrom::None(None) };
                (types, from)
            }
        };
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
            None => known_structures(file.build_id.as_deref()),
        };
        let types_from = structures.map_or(types_from, |known| TypesFrom::Known(known.source));
        Ok(Kernel {
            memory,
            symbols,
            by_name,
            types,
            structures,
            types_from,
            descriptors: Descriptors::of(image),
            bugs: OnceLock::new(),
            exports: OnceLock::new(),
            objects: OnceLock::new(),
            notes,
            file,
        })
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

    /// Returns the calling convention of a kernel for POWER, `None` for other kernels.
    pub fn power_abi(&self) -> Option<PowerAbi> {
        match (self.arch(), &self.descriptors) {
            (Arch::Ppc64, Some(_)) => Some(PowerAbi::V1),
            (Arch::Ppc64 | Arch::Ppc64le, _) => Some(PowerAbi::V2),
            _ => None,
        }
    }

    /// Finds the function or variable of a name.
    ///
    /// If several have this name, functions take precedence over variables, and then lower addresses over higher ones.
    /// The address of a function is that of its code, also where its symbol is that of a descriptor.
    pub fn find(&self, name: &str) -> Option<SymbolAddress> {
        let Some(descriptors) = &self.descriptors else { return self.find_symbol(name) };
        let symbol = self.find_symbol(name);
        let descriptor = symbol.and_then(|symbol| descriptors.read(&self.file.flat, symbol.address));
        match descriptor {
            Some(Descriptor { code, toc }) => {
                Some(SymbolAddress { address: code, local_entry: code, toc: Some(toc) })
            }
            // A function of assembly may have a name for its code only.
            None => symbol.or_else(|| self.find_symbol(&format!(".{name}"))),
        }
    }

    /// Finds the symbol of a name, as [`Kernel::find`] does.
    fn find_symbol(&self, name: &str) -> Option<SymbolAddress> {
        self.find_named(name).or_else(|| {
            let address = self.exports().address(name)?;
            Some(SymbolAddress { address, local_entry: address, toc: None })
        })
    }

    /// Returns the exported symbols, if kallsyms is all that names symbols, and gives the place of their table.
    fn exports(&self) -> &Exports {
        self.exports.get_or_init(|| {
            let image = &self.file.flat;
            let place = || {
                let bounds = ["__start___ksymtab", "__stop___ksymtab"].map(|name| self.find_named(name));
                Some((bounds[0]?.address, bounds[1]?.address))
            };
            let place = place().filter(|_| image.symbols.is_empty());
            place.and_then(|(start, end)| Exports::read(image, start, end)).unwrap_or_default()
        })
    }

    /// Finds the symbol of a name in the file's table of symbols and in kallsyms.
    fn find_named(&self, name: &str) -> Option<SymbolAddress> {
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
            let v2 = self.power_abi() == Some(PowerAbi::V2);
            let skipped = if v2 { local_entry_offset(symbol.other) } else { 0 };
            let local_entry = symbol.address.saturating_add(skipped);
            return Some(SymbolAddress { address: symbol.address, local_entry, toc: None });
        }
        let symbol = of_kallsyms?;
        // kallsyms lacks ELF's `st_other`. Assume that a function of ELFv2 sets up r2, in two instructions.
        let skipped = if self.power_abi() == Some(PowerAbi::V2) && symbol.is_text() { 8 } else { 0 };
        let local_entry = symbol.address.saturating_add(skipped);
        Some(SymbolAddress { address: symbol.address, local_entry, toc: None })
    }

    /// Finds the function that holds an address. Returns its name, and the distance from its start in bytes.
    pub fn symbol_at(&self, address: u64) -> Option<(&str, u64)> {
        if let Some(descriptors) = &self.descriptors
            && let Some((number, distance)) = descriptors.function_at(address)
        {
            return Some((without_dot(&self.file.flat.symbols[number].name), distance));
        }
        if let Some(symbols) = &self.symbols {
            let name = |name| if self.descriptors.is_some() { without_dot(name) } else { name };
            return symbols.at(address).map(|(symbol, offset)| (name(symbol.name), offset));
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
        if self.descriptors.is_some() {
            names.iter_mut().for_each(|name| *name = without_dot(name));
        }
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

    /// Whether the prototypes of its functions are known: with its types, but not with the layouts of structures alone.
    pub fn has_prototypes(&self) -> bool {
        self.types.is_some()
    }

    /// Returns the source of the types or structure layouts, for reports.
    pub fn types_from(&self) -> &TypesFrom {
        &self.types_from
    }

    /// Returns the offset in bytes of a member of a structure, if it is known.
    pub fn offset(&self, structure: &str, member: &str) -> Option<u64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.offset_alone(structure, member).ok(),
            (None, Some(structures)) => structures.offset(structure, member),
            (None, None) => None,
        }
    }

    /// Returns the size in bytes of a member of a structure, if it is known.
    pub fn member_size(&self, structure: &str, member: &str) -> Option<u64> {
        self.types.as_ref().and_then(|types| types.member_size_alone(structure, member).ok())
    }

    /// Returns the size of a structure in bytes, if it is known.
    pub fn size(&self, structure: &str) -> Option<u64> {
        match (&self.types, self.structures) {
            (Some(types), _) => types.size_alone(structure).ok(),
            (None, Some(structures)) => structures.size(structure),
            (None, None) => None,
        }
    }

    /// Returns two sizes in bytes that the kernel's types give for a structure, if they disagree.
    pub fn disagreeing_sizes(&self, structure: &str) -> Option<(u64, u64)> {
        match self.types.as_ref()?.size_alone(structure) {
            Err(TypesError::Ambiguous { first, second, .. }) => Some((first, second)),
            _ => None,
        }
    }

    /// Returns what an object-only kernel says of itself; `None` for any other kernel.
    pub fn objects(&self) -> Option<&ObjectsNote> {
        Some(&self.object_only()?.note)
    }

    /// Returns the addresses of the stand-ins for what no object of an object-only kernel defines: of functions, and of
    /// variables.
    pub fn absent_addresses(&self) -> Option<[Range<u64>; 2]> {
        let ObjectOnly { note, functions, variables } = self.object_only()?;
        let end = |start: u64, count: usize, bytes| start.saturating_add(bytes * count as u64);
        Some([
            *functions..end(*functions, note.functions.len(), ObjectsNote::FUNCTION_BYTES),
            *variables..end(*variables, note.variables.len(), ObjectsNote::VARIABLE_BYTES),
        ])
    }

    /// Returns what an address is a stand-in for, in an object-only kernel.
    pub fn absent_at(&self, address: u64) -> Option<Absent<'_>> {
        let ObjectOnly { note, functions, variables } = self.object_only()?;
        let function = address.checked_sub(*functions).and_then(|distance| note.function_at(distance));
        let variable = || address.checked_sub(*variables).and_then(|distance| note.variable_at(distance));
        function.map(Absent::Function).or_else(|| variable().map(Absent::Variable))
    }

    fn object_only(&self) -> Option<&ObjectOnly> {
        let read = || {
            let [note, functions, variables] =
                [objects::SYMBOL, objects::FUNCTIONS, objects::VARIABLES].map(|name| self.find_named(name));
            let note = ObjectsNote::parse(self.file.flat.read_up_to(note?.address, NOTE_MOST)?);
            Some(ObjectOnly { note, functions: functions?.address, variables: variables?.address })
        };
        self.objects.get_or_init(read).as_ref()
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

    /// Returns the addresses of the words in its image that have this value, in the CPU's byte order.
    pub fn words_with(&self, value: u64) -> Vec<u64> {
        let pattern = ByteOrder::of(self.arch()).encode(value);
        let in_part = |part: &MemoryPart| {
            let (start, content) = (part.address, self.bytes(part));
            let found = memchr::memmem::find_iter(content, &pattern).map(move |at| start + at as u64);
            found.filter(|address| address.is_multiple_of(8)).collect::<Vec<_>>()
        };
        self.memory.iter().flat_map(in_part).collect()
    }

    /// Returns the word at an address of its image, in CPU order; `None` if the image has none there.
    pub fn word_at(&self, address: u64) -> Option<u64> {
        self.memory.iter().find_map(|part| {
            let at = usize::try_from(address.checked_sub(part.address)?).ok()?;
            let word = self.bytes(part).get(at..)?.first_chunk::<8>()?;
            Some(ByteOrder::of(self.arch()).decode(*word))
        })
    }

    /// Returns the functions that have a parameter of one of these types, such as `pmd_t *`, sorted by name.
    ///
    /// Functions that were inlined everywhere have no symbol, and do not count.
    ///
    /// # Errors
    /// [`TypesError`] if the types are damaged.
    pub fn functions_taking(&self, types: &[&str]) -> Result<Vec<TypedFunction>, TypesError> {
        match &self.types {
            Some(of_kernel) => of_kernel.functions_taking(types, self.functions()),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the table of bugs, if the kernel has one.
    pub(super) fn bugs(&self) -> Option<&Bugs> {
        self.bugs.get_or_init(|| Bugs::read(self)).as_ref()
    }
}

/// Reads the types of a file that was given with a kernel.
///
/// They must agree with the kernel's own types, if it has any.
fn given_types(
    path: &Path,
    kernel: &KernelFile,
    own: Option<&Types>,
) -> Result<(Option<Types>, TypesFrom), TypesFileError> {
    /// Structures and members that routines work on, in whose sizes and offsets configurations differ.
    const COMPARED: [(&str, Option<&str>); 11] = [
        ("page", None),
        ("folio", Some("_nr_pages")),
        ("mm_struct", None),
        ("mm_struct", Some("page_table_lock")),
        ("mm_struct", Some("context")),
        ("vm_area_struct", None),
        ("task_struct", Some("mm")),
        ("pglist_data", None),
        ("pglist_data", Some("per_cpu_nodestats")),
        ("page_vma_mapped_walk", None),
        ("spinlock", None),
    ];
    let file = TypesFile::open(path)?;
    for (structure, member) in COMPARED {
        let number = |types: &Types| match member {
            None => types.size_alone(structure).ok(),
            Some(member) => types.offset_alone(structure, member).ok(),
        };
        let (given, own) = (number(&file.types), own.map(number));
        if let Some(own) = own
            && given != own
        {
            let what = match member {
                None => format!("the size of {structure}"),
                Some(member) => format!("the offset of {structure}.{member}"),
            };
            return Err(TypesFileError::Differ { path: path.to_owned(), what, given, own });
        }
    }
    let same_build = file.matches(path, kernel.flat.arch, kernel.build_id.as_deref())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (name, sha256) = (printable(name.as_bytes()), file.sha256.clone());
    let from = TypesFrom::File { name, form: file.form, sha256, same_build };
    Ok((Some(file.types), from))
}

/// Reads the debug information of a vmlinux. Without any, the reason says what is wrong with it.
fn own_debug_information(path: &Path) -> (Option<Types>, TypesFrom) {
    match TypesFile::open(path) {
        Ok(file) => (Some(file.types), TypesFrom::Dwarf),
        Err(TypesFileError::Types { source, .. }) => (None, TypesFrom::None(Some(source.to_string()))),
        Err(_) => (None, TypesFrom::None(None)),
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
