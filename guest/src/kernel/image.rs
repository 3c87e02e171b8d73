//! The memory image of a kernel: its segments, sections and symbols.

use pmdscope_arches::Arch;
use serde::{Deserialize, Serialize};

/// A kernel in memory, at its link address, with all relocations applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryImage {
    /// The architecture.
    #[serde(with = "arch_name")]
    pub arch: Arch,
    /// The segments, in ascending order of addresses. No two overlap.
    pub segments: Vec<Segment>,
    /// How the segments' addresses were determined.
    pub base: Base,
    /// The number of relocations that were applied.
    pub relocations: usize,
    /// Whether the sizes of the segments cover all of the kernel's memory.
    ///
    /// If not, the last segment lacks the part that is zero when the kernel starts (its bss).
    pub whole: bool,
    /// The page size in bytes, if it is known.
    ///
    /// The header of an arm64 Image gives the size chosen at build time. Flat images of riscv64 and s390x, and ELF
    /// files of x86_64, have the one size of their architecture. Other ELF files, and loongarch64 Images, do not give
    /// the size.
    pub page_size: Option<u64>,
    /// The per-CPU variables, if the kernel is an ELF file.
    pub per_cpu: Option<PerCpu>,
    /// The sections of an ELF file in memory, in ascending order of addresses.
    pub sections: Vec<Section>,
    /// The symbols that the file names, in ascending order of addresses.
    ///
    /// An ELF file with a symbol table names all symbols: Debian's kernels for ppc64le, and a vmlinux from your own
    /// build. A flat image names only those that its relocations refer to, such as Debian's 6.1 for s390x. They are a
    /// small part of all symbols, but include variables.
    pub symbols: Vec<Symbol>,
}

/// A contiguous part of a kernel's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The address of its first byte.
    pub address: u64,
    /// Its first bytes; the rest is zero.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The size in memory in bytes, at least the length of `bytes`.
    pub size: u64,
    /// The purpose of the segment.
    pub kind: SegmentKind,
    /// Whether the kernel may write to the segment.
    ///
    /// The only segment of a flat image holds everything, and is writable.
    pub writable: bool,
    /// Whether the segment holds code.
    pub executable: bool,
}

/// The purpose of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentKind {
    /// Code and data of the kernel.
    Kernel,
    /// The initial values of the per-CPU variables, linked at address 0.
    ///
    /// x86_64 up to Linux 6.13 has this segment. The variables' addresses are then offsets from the base in `GS`. The
    /// kernel finds the bytes at [`PerCpu::loaded`].
    PerCpu,
}

/// The initial values of the per-CPU variables (`.data..percpu`).
///
/// The kernel copies them for each CPU when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerCpu {
    /// The address at which the bytes are linked: a variable's offset is the distance of its symbol from here.
    pub linked: u64,
    /// The address of the bytes when the kernel starts (`__per_cpu_load`).
    pub loaded: u64,
    /// The number of bytes.
    pub size: u64,
}

/// A section of an ELF file that is in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The name, such as `.altinstructions`.
    pub name: String,
    /// The address of its first byte.
    pub address: u64,
    /// The number of bytes.
    pub size: u64,
}

/// A symbol of an ELF file, or of a flat image that was made from one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// The name.
    pub name: String,
    /// The value: an address, or the offset of a per-CPU variable of x86_64.
    pub address: u64,
    /// The number of bytes, 0 for a symbol without a size.
    pub size: u64,
    /// The kind of the symbol.
    pub kind: SymbolKind,
    /// ELF's `st_other`.
    ///
    /// On ppc64le, its upper three bits encode the distance to the local entry point.
    pub other: u8,
}

/// The kind of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A variable or table.
    Object,
    /// An address: a label of assembly, or a symbol of the linker script.
    Label,
}

/// How the address of a memory image was determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    /// The file gives the address: an ELF file, or the header of a loongarch64 Image.
    Linked,
    /// The image's relocation table determines the address.
    ///
    /// At this address, each place that a relocation names lies in the image, and is zero or already has its value.
    Relocations,
    /// Pairs of pointers to themselves determine the address.
    ///
    /// An empty `struct list_head` is such a pair: both pointers hold the address of the first (Linux
    /// include/linux/list.h, `LIST_HEAD_INIT`).
    SelfPointers {
        /// The number of pairs that agree on the address.
        count: usize,
    },
    /// Nothing determines the address: it is the usual one of the architecture.
    Default,
}

impl MemoryImage {
    /// Returns the lowest address of a [`SegmentKind::Kernel`] segment, 0 for an image without one.
    pub fn address(&self) -> u64 {
        self.kernel().map(|segment| segment.address).min().unwrap_or(0)
    }

    /// Whether [`symbols`](Self::symbols) has all of the kernel's symbols.
    ///
    /// A flat image names only those that its relocations refer to.
    pub fn has_all_symbols(&self) -> bool {
        self.base == Base::Linked && !self.symbols.is_empty()
    }

    /// Returns the segments without the [`SegmentKind::PerCpu`] one.
    pub fn kernel(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == SegmentKind::Kernel)
    }

    /// Returns `length` bytes at an address of a segment, if the image stores all of them.
    ///
    /// The image does not store the memory at the end of a segment that is zero when the kernel starts.
    pub fn read(&self, address: u64, length: usize) -> Option<&[u8]> {
        let at = self.segments.partition_point(|segment| segment.address <= address).checked_sub(1)?;
        let segment = &self.segments[at];
        let start = usize::try_from(address - segment.address).unwrap_or(usize::MAX);
        segment.bytes.get(start..start.checked_add(length)?)
    }

    /// Returns up to `length` bytes at an address of a segment: fewer if the image stores fewer from there on.
    pub(super) fn read_up_to(&self, address: u64, length: usize) -> Option<&[u8]> {
        let at = self.segments.partition_point(|segment| segment.address <= address).checked_sub(1)?;
        let segment = &self.segments[at];
        let start = usize::try_from(address - segment.address).unwrap_or(usize::MAX);
        let rest = segment.bytes.get(start..)?;
        Some(&rest[..rest.len().min(length)])
    }

    /// Returns the address of byte `at` of a segment's `bytes`, given the segment's index.
    pub fn address_of(&self, segment: usize, at: usize) -> Option<u64> {
        let segment = self.segments.get(segment).filter(|segment| at < segment.bytes.len())?;
        Some(segment.address + at as u64)
    }
}

/// Serialises an architecture as its name.
mod arch_name {
    use pmdscope_arches::Arch;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(arch: &Arch, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(arch.name())
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Arch, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
