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
    /// The source of the segments' addresses.
    pub base: Base,
    /// The number of relocations that were applied.
    pub relocations: usize,
    /// Whether the sizes of the segments cover all of the kernel's memory.
    ///
    /// If not, the last segment lacks
    /// the part that is zero when the kernel starts (its bss).
    pub whole: bool,
    /// Bytes in a page, if they are known.
    ///
    /// An arm64 image gives the size that its builder chose. Architectures with one page size have that.
    pub page_size: Option<u64>,
    /// The per-CPU variables, if the kernel is an ELF file.
    pub per_cpu: Option<PerCpu>,
    /// The sections of an ELF file in memory, in ascending order of addresses.
    pub sections: Vec<Section>,
    /// The symbols that the file names, in ascending order of addresses.
    ///
    /// An ELF file with symbols has them all: Debian's kernels for ppc64le, and a vmlinux of one's own. A
    /// flat image has those that its relocations refer to, a small part of all, but with variables:
    /// Debian's 6.1 for s390x.
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
    /// The number of bytes it takes in memory, at least as many as `bytes` has.
    pub size: u64,
    /// The purpose.
    pub kind: SegmentKind,
    /// Whether it may be written to.
    ///
    /// The only segment of a flat image holds everything, and is writable.
    pub writable: bool,
    /// Whether it holds code.
    pub executable: bool,
}

/// The purpose of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentKind {
    /// Code and data of the kernel.
    Kernel,
    /// The initial values of the per-CPU variables, linked at address 0.
    ///
    /// The variables' addresses are then distances from the base in `GS`: x86_64 up to Linux 6.13. The
    /// kernel finds the bytes at [`PerCpu::loaded`].
    PerCpu,
}

/// The initial values of the per-CPU variables (`.data..percpu`).
///
/// The kernel copies them for each CPU when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerCpu {
    /// The address that the variables' symbols count from.
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
    /// The value: an address, or for a per-CPU variable of x86_64 a distance.
    pub address: u64,
    /// The number of bytes, 0 for a symbol without a size.
    pub size: u64,
    /// What the symbol names.
    pub kind: SymbolKind,
    /// ELF's `st_other`.
    ///
    /// On ppc64le its upper three bits give the distance of the local entry point.
    pub other: u8,
}

/// What a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A variable or table.
    Object,
    /// An address: a label of assembly, or a symbol of the linker script.
    Label,
}

/// How the address of a memory image is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    /// The ELF file gives it.
    Linked,
    /// The image's relocation table determines it.
    ///
    /// At this address each place that a relocation names lies in the image, and is empty or already has
    /// its value.
    Relocations,
    /// Pointers to themselves determine it.
    ///
    /// An empty `struct list_head` is two of them (Linux include/linux/list.h, `LIST_HEAD_INIT`).
    SelfPointers {
        /// The number of pointers that agree.
        count: usize,
    },
    /// Nothing determines it: this is the usual address for the architecture.
    Default,
}

impl MemoryImage {
    /// The lowest address of a segment that is not [`SegmentKind::PerCpu`].
    pub fn address(&self) -> u64 {
        self.kernel().map(|segment| segment.address).min().unwrap_or(0)
    }

    /// Whether [`symbols`](Self::symbols) has all of the kernel's symbols.
    ///
    /// A flat image has only those that its relocations refer to.
    pub fn has_all_symbols(&self) -> bool {
        self.base == Base::Linked && !self.symbols.is_empty()
    }

    /// The segments without the one of [`SegmentKind::PerCpu`].
    pub fn kernel(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == SegmentKind::Kernel)
    }

    /// `length` bytes at an address of a segment, if the image has all of them.
    ///
    /// It does not have the memory at the end of a segment that is zero when the kernel starts.
    pub fn read(&self, address: u64, length: usize) -> Option<&[u8]> {
        let at = self.segments.partition_point(|segment| segment.address <= address).checked_sub(1)?;
        let segment = &self.segments[at];
        let start = usize::try_from(address - segment.address).unwrap_or(usize::MAX);
        segment.bytes.get(start..start.checked_add(length)?)
    }

    /// The address of a byte of a segment's `bytes`, by the segment's number.
    pub fn address_of(&self, segment: usize, at: usize) -> Option<u64> {
        let segment = self.segments.get(segment).filter(|segment| at < segment.bytes.len())?;
        Some(segment.address + at as u64)
    }
}

/// The stored form of an architecture: its name.
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
