//! A kernel as it lies in memory.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHF_ALLOC, SHT_SYMTAB, SectionHeader};
use goblin::elf::sym::{STT_FUNC, STT_NOTYPE, STT_OBJECT, Symtab};
use goblin::elf::{Elf, program_header, section_header, sym};
use pmdscope_arches::{Arch, ByteOrder};
use serde::{Deserialize, Serialize};

use super::boot::{Kind, Unpacked};
use super::relocation::{self, Base};
use crate::elf::format::{has_entry_size, index, machine_number};

/// Where an s390x kernel is linked, and its entry (Linux arch/s390/kernel/vmlinux.lds.S).
pub(super) const S390X_BASE: u64 = 0x10_0000;
/// No kernel takes as much memory.
const LARGEST: u64 = 1 << 30;
/// Zeros at the end of a part are left out by the page.
const PAGE: usize = 4096;

/// A kernel as it lies in memory, all relocations applied, at the address it was linked to be at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flat {
    /// What it is for.
    #[serde(with = "arch_name")]
    pub arch: Arch,
    /// Its parts, from the lowest address up. No two overlap.
    pub segments: Vec<Segment>,
    /// How their addresses are known.
    pub base: Base,
    /// How many relocations were applied.
    pub relocations: usize,
    /// Whether the sizes of the segments have all of the kernel's memory. If not, what is zero when it
    /// starts (its bss) is missing at the end of the last.
    pub whole: bool,
    /// Bytes in a page, where that is a choice of whoever built the kernel (arm64) and the image says
    /// it, and where the architecture has but one size.
    pub page_size: Option<u64>,
    /// Its variables of each CPU, if it is an ELF file.
    pub per_cpu: Option<PerCpu>,
    /// What it is made of, from the lowest address up, if it is an ELF file.
    pub sections: Vec<Section>,
    /// The symbols of an ELF file that has them, from the lowest address up: Debian's of ppc64le, and a
    /// vmlinux of one's own. Of a flat image those that its relocations are against, which are a small
    /// part of all, but have variables: Debian's 6.1 for s390x.
    pub symbols: Vec<Symbol>,
}

/// A part of a kernel's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Where it starts.
    pub address: u64,
    /// Its first bytes; the rest is zero.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// How many bytes it takes in memory, at least as many as `bytes` has.
    pub size: u64,
    /// What it is for.
    pub kind: SegmentKind,
    /// Whether it may be written to. The only part of a flat image is everything.
    pub writable: bool,
    /// Whether it holds code.
    pub executable: bool,
}

/// What a part of a kernel's memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentKind {
    /// The kernel's own.
    Kernel,
    /// What each CPU's variables begin with, linked to be at 0 so that their addresses are distances
    /// from the base in `GS`: x86_64 up to Linux 6.13. The kernel finds the bytes at
    /// [`PerCpu::loaded`].
    PerCpu,
}

/// What each CPU's variables begin with (`.data..percpu`). A CPU's own copy is made of it when the
/// kernel starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerCpu {
    /// The address that the variables' symbols have it at.
    pub linked: u64,
    /// Where it is in memory when the kernel starts (`__per_cpu_load`).
    pub loaded: u64,
    /// How many bytes it takes.
    pub size: u64,
}

/// A section of an ELF file that is in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its name, such as `.altinstructions`.
    pub name: String,
    /// Where it starts.
    pub address: u64,
    /// How many bytes it takes.
    pub size: u64,
}

/// A symbol of an ELF file, or of a flat image that was made from one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its value: an address, or of a variable of each CPU on x86_64 a distance.
    pub address: u64,
    /// How many bytes it takes, 0 for what has no size.
    pub size: u64,
    /// What it names.
    pub kind: SymbolKind,
    /// ELF's `st_other`. On ppc64le its upper three bits say where local calls enter a function.
    pub other: u8,
}

/// What a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A variable or table.
    Object,
    /// A place: labels of assembly, and what the linker script names.
    Label,
}

/// Why something unpacked is not a kernel that can be run.
#[derive(Debug, thiserror::Error)]
pub enum FlatError {
    /// The file ends too early, or a field points outside of it.
    #[error("damaged ELF file, in its {part}: {source}")]
    Damaged {
        /// What was being read.
        part: &'static str,
        /// What was wrong.
        source: goblin::error::Error,
    },
    /// A table whose entries are not of the size that ELF gives them.
    #[error("damaged ELF file: an entry of its {table} takes {found} bytes instead of {wanted}")]
    EntrySize {
        /// Which table.
        table: &'static str,
        /// What the file says.
        found: u64,
        /// What it must be.
        wanted: u64,
    },
    /// Not of 64 bits.
    #[error("a 32-bit ELF file for {0}: only 64-bit kernels can be run")]
    Bits32(&'static str),
    /// For no architecture that is known here.
    #[error("an ELF file for {0}, whose kernels cannot be run: those of {known} can", known = Arch::ALL.map(Arch::name).join(", "))]
    Machine(String),
    /// Not linked.
    #[error("an ELF file that is not a linked kernel (its type is {0}): give the vmlinux or vmlinuz itself")]
    Type(&'static str),
    /// Some other program.
    #[error("{0} that is not a kernel: there is no 'Linux version' in it")]
    NoBanner(&'static str),
    /// A segment whose bytes are not in the file, or which is smaller in memory than in the file.
    #[error(
        "damaged ELF file: the segment at {address:#x} takes {bytes:#x} bytes at {offset:#x} of a file of {length:#x}, and {size:#x} in memory"
    )]
    SegmentOutside {
        /// Where the segment starts in memory.
        address: u64,
        /// Where its bytes start in the file.
        offset: u64,
        /// How many they are.
        bytes: u64,
        /// How many bytes it takes in memory.
        size: u64,
        /// How long the file is.
        length: u64,
    },
    /// Two segments at one place.
    #[error("damaged ELF file: the segments at {first:#x} and {second:#x} overlap")]
    SegmentsOverlap {
        /// The lower one.
        first: u64,
        /// The upper one.
        second: u64,
    },
    /// Larger in memory than any kernel.
    #[error("a kernel that takes {size:#x} bytes of memory, more than {LARGEST:#x}: damaged, or not one")]
    TooLarge {
        /// How much.
        size: u64,
    },
    /// A relocation that no kernel seen has.
    #[error("a kernel with a relocation of kind {kind} (symbol {symbol}), which is not known here")]
    RelocationKind {
        /// Its kind, by the number that the architecture's ELF supplement gives it.
        kind: u32,
        /// The number of its symbol.
        symbol: u32,
    },
    /// A relocation against something that cannot be found.
    #[error(
        "a kernel with a relocation against its symbol {symbol}, which it does not have: damaged, or changed after it was built"
    )]
    RelocationSymbol {
        /// The number of the symbol.
        symbol: u32,
    },
    /// No address makes sense of the relocations.
    #[error(
        "a kernel with {count} relocations that fit it at no address: damaged, or changed after it was built"
    )]
    Relocations {
        /// How many they are.
        count: usize,
    },
}

impl Flat {
    /// Lays out what came out of a boot image.
    pub(super) fn new(unpacked: Unpacked) -> Result<Flat, FlatError> {
        match unpacked.kind {
            Kind::Elf => Flat::from_elf(&unpacked.bytes),
            Kind::Flat { arch, size, page_size } => Flat::from_image(unpacked.bytes, arch, size, page_size),
        }
    }

    fn from_image(
        mut bytes: Vec<u8>,
        arch: Arch,
        size: Option<u64>,
        page_size: Option<u64>,
    ) -> Result<Flat, FlatError> {
        let settled = relocation::settle(arch, &mut bytes)?;
        // Linux include/asm-generic/sections.h; kernels' linker scripts define it behind all else.
        let end = settled.symbols.iter().find(|symbol| symbol.name == "_end");
        let size = size.or_else(|| end?.address.checked_sub(settled.address));
        let whole = size.is_some();
        let size = size.unwrap_or(0).max(bytes.len() as u64);
        if size > LARGEST || settled.address.checked_add(size).is_none() {
            return Err(FlatError::TooLarge { size });
        }
        trim(&mut bytes);
        let segment = Segment {
            address: settled.address,
            bytes,
            size,
            kind: SegmentKind::Kernel,
            writable: true,
            executable: true,
        };
        Ok(Flat {
            arch,
            segments: vec![segment],
            base: settled.base,
            relocations: settled.relocations,
            whole,
            page_size,
            per_cpu: None,
            sections: Vec::new(),
            symbols: settled.symbols,
        })
    }

    fn from_elf(bytes: &[u8]) -> Result<Flat, FlatError> {
        let damaged = |part| move |source| FlatError::Damaged { part, source };
        let header = Elf::parse_header(bytes).map_err(damaged("header"))?;
        let (arch, context) = machine(&header)?;
        if header.e_type != header::ET_EXEC && header.e_type != header::ET_DYN {
            return Err(FlatError::Type(header::et_to_str(header.e_type)));
        }
        let size_of = program_header::program_header64::SIZEOF_PHDR;
        check_size("program headers", header.e_phnum, header.e_phentsize.into(), size_of)?;
        let programs = ProgramHeader::parse(bytes, index(header.e_phoff), header.e_phnum.into(), context)
            .map_err(damaged("program headers"))?;
        let loads: Vec<_> =
            programs.into_iter().filter(|program| program.p_type == PT_LOAD && program.p_memsz > 0).collect();
        let segments = segments(bytes, &loads, arch)?;
        let size_of = section_header::section_header64::SIZEOF_SHDR;
        check_size("section headers", header.e_shnum, header.e_shentsize.into(), size_of)?;
        let headers = SectionHeader::parse(bytes, index(header.e_shoff), header.e_shnum.into(), context)
            .map_err(damaged("section headers"))?;
        let sections = sections(bytes, &headers, header.e_shstrndx)?;
        let per_cpu = sections.iter().find(|section| section.name == ".data..percpu");
        let per_cpu = per_cpu.map(|section| PerCpu {
            linked: section.address,
            loaded: loaded(&loads, section.address),
            size: section.size,
        });
        Ok(Flat {
            arch,
            segments,
            base: Base::Linked,
            relocations: 0,
            whole: true,
            page_size: (arch == Arch::X86_64).then_some(4096),
            per_cpu,
            sections,
            symbols: symbols(bytes, &headers, context)?,
        })
    }

    /// Where the kernel's own memory starts: the lowest address of a segment that is not
    /// [`SegmentKind::PerCpu`].
    pub fn address(&self) -> u64 {
        self.kernel().map(|segment| segment.address).min().unwrap_or(0)
    }

    /// Whether [`symbols`](Self::symbols) are all that it has, and not only those that its relocations
    /// are against.
    pub fn has_all_symbols(&self) -> bool {
        self.base == Base::Linked && !self.symbols.is_empty()
    }

    /// Its segments without the one of [`SegmentKind::PerCpu`].
    pub fn kernel(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == SegmentKind::Kernel)
    }

    /// `length` bytes of the image at an address of a segment, if all of them are there. Memory that is
    /// zero when the kernel starts is not.
    pub fn read(&self, address: u64, length: usize) -> Option<&[u8]> {
        let at = self.segments.partition_point(|segment| segment.address <= address).checked_sub(1)?;
        let segment = &self.segments[at];
        let start = index(address - segment.address);
        segment.bytes.get(start..start.checked_add(length)?)
    }

    /// The address of a byte of a segment's `bytes`, by the number of the segment.
    pub fn address_of(&self, segment: usize, at: usize) -> Option<u64> {
        let segment = self.segments.get(segment).filter(|segment| at < segment.bytes.len())?;
        Some(segment.address + at as u64)
    }
}

/// Leaves out the whole pages of zeros at the end: an x86 kernel's file has all of its bss.
fn trim(bytes: &mut Vec<u8>) {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used.next_multiple_of(PAGE));
    bytes.shrink_to_fit();
}

fn check_size(table: &'static str, count: u16, found: u64, wanted: usize) -> Result<(), FlatError> {
    let wanted = wanted as u64;
    if has_entry_size(count, found, wanted) {
        Ok(())
    } else {
        Err(FlatError::EntrySize { table, found, wanted })
    }
}

fn machine(header: &Header) -> Result<(Arch, Ctx), FlatError> {
    let machine = header::machine_to_str(header.e_machine);
    if header.e_ident[header::EI_CLASS] != header::ELFCLASS64 {
        return Err(FlatError::Bits32(machine));
    }
    let big = header.e_ident[header::EI_DATA] == header::ELFDATA2MSB;
    let order = if big { ByteOrder::Big } else { ByteOrder::Little };
    let is = |arch: &Arch| machine_number(*arch) == header.e_machine && ByteOrder::of(*arch) == order;
    let arch = Arch::ALL.into_iter().find(is).ok_or_else(|| {
        FlatError::Machine(format!("a {}-endian {machine}", if big { "big" } else { "little" }))
    })?;
    let endian = if big { Endian::Big } else { Endian::Little };
    Ok((arch, Ctx::new(Container::Big, endian)))
}

fn segments(bytes: &[u8], loads: &[ProgramHeader], arch: Arch) -> Result<Vec<Segment>, FlatError> {
    let mut segments = Vec::new();
    let mut whole = 0u64;
    for load in loads {
        let content = load
            .p_offset
            .checked_add(load.p_filesz)
            .filter(|_| load.p_filesz <= load.p_memsz && load.p_vaddr.checked_add(load.p_memsz).is_some())
            .and_then(|end| bytes.get(index(load.p_offset)..index(end)))
            .ok_or(FlatError::SegmentOutside {
                address: load.p_vaddr,
                offset: load.p_offset,
                bytes: load.p_filesz,
                size: load.p_memsz,
                length: bytes.len() as u64,
            })?;
        whole = whole.saturating_add(load.p_memsz);
        if whole > LARGEST {
            return Err(FlatError::TooLarge { size: whole });
        }
        let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let used = used.next_multiple_of(PAGE).min(content.len());
        let per_cpu = arch == Arch::X86_64 && load.p_vaddr == 0 && loads.len() > 1;
        segments.push(Segment {
            address: load.p_vaddr,
            bytes: content[..used].to_vec(),
            size: load.p_memsz,
            kind: if per_cpu { SegmentKind::PerCpu } else { SegmentKind::Kernel },
            writable: load.p_flags & PF_W != 0,
            executable: load.p_flags & PF_X != 0,
        });
    }
    segments.sort_by_key(|segment| segment.address);
    for pair in segments.windows(2) {
        let (first, second) = (pair[0].address, pair[1].address);
        if first + pair[0].size > second {
            return Err(FlatError::SegmentsOverlap { first, second });
        }
    }
    Ok(segments)
}

/// Where something that is linked at `address` is when the kernel starts. On x86_64 up to Linux 6.13,
/// variables of each CPU are linked at 0 and lie in physical memory between the parts of the kernel.
fn loaded(loads: &[ProgramHeader], address: u64) -> u64 {
    let holds = |load: &&ProgramHeader| load.p_vaddr <= address && address - load.p_vaddr < load.p_memsz;
    let (Some(own), Some(kernel)) = (loads.iter().find(holds), loads.iter().max_by_key(|load| load.p_vaddr))
    else {
        return address;
    };
    if own.p_vaddr != 0 {
        return address;
    }
    let physical = own.p_paddr.wrapping_add(address);
    physical.wrapping_sub(kernel.p_paddr).wrapping_add(kernel.p_vaddr)
}

/// A table of names that end in a zero. Names that are longer than any are not given: those of a
/// damaged file can overlap, and be as long as the file each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a [u8]);

impl<'a> Names<'a> {
    /// A kernel's own limit is 512 (Linux include/linux/kallsyms.h, KSYM_NAME_LEN, in v6.12).
    const LONGEST: usize = 1024;

    fn new(bytes: &'a [u8], table: &SectionHeader, part: &'static str) -> Result<Self, FlatError> {
        let end = table.sh_offset.saturating_add(table.sh_size);
        let names = bytes.get(index(table.sh_offset)..index(end));
        let missing = || goblin::error::Error::Malformed("they are not in the file".to_owned());
        names.map(Names).ok_or_else(|| FlatError::Damaged { part, source: missing() })
    }

    fn get(&self, at: usize) -> Option<&'a str> {
        let rest = self.0.get(at..)?;
        let end = memchr::memchr(0, &rest[..rest.len().min(Self::LONGEST)])?;
        str::from_utf8(&rest[..end]).ok()
    }
}

fn sections(bytes: &[u8], headers: &[SectionHeader], names: u16) -> Result<Vec<Section>, FlatError> {
    let Some(names) = headers.get(usize::from(names)) else { return Ok(Vec::new()) };
    let names = Names::new(bytes, names, "section names")?;
    let mut sections: Vec<_> = headers
        .iter()
        .filter(|header| header.sh_flags & u64::from(SHF_ALLOC) != 0)
        .filter_map(|header| {
            let name = names.get(header.sh_name)?.to_owned();
            Some(Section { name, address: header.sh_addr, size: header.sh_size })
        })
        .collect();
    sections.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    Ok(sections)
}

fn symbols(bytes: &[u8], headers: &[SectionHeader], context: Ctx) -> Result<Vec<Symbol>, FlatError> {
    let damaged = |part| move |source| FlatError::Damaged { part, source };
    let Some(table) = headers.iter().find(|header| header.sh_type == SHT_SYMTAB) else {
        return Ok(Vec::new());
    };
    let size = sym::sym64::SIZEOF_SYM as u64;
    if table.sh_entsize != size {
        return Err(FlatError::EntrySize { table: "symbol table", found: table.sh_entsize, wanted: size });
    }
    let Some(names) = headers.get(table.sh_link as usize) else { return Ok(Vec::new()) };
    let names = Names::new(bytes, names, "symbol names")?;
    let entries = Symtab::parse(bytes, index(table.sh_offset), index(table.sh_size / size), context)
        .map_err(damaged("symbol table"))?;
    Ok(symbols_of(&entries, &names))
}

/// The symbols of a table that name something in the file, from the lowest address up.
pub(super) fn symbols_of(entries: &Symtab, names: &Names) -> Vec<Symbol> {
    let name = |at: usize| {
        let name = names.get(at)?;
        // Labels within functions, and marks of where code and data begin.
        let own = !name.is_empty() && !name.starts_with('$') && !name.starts_with(".L");
        own.then(|| name.to_owned())
    };
    let mut symbols: Vec<_> = entries
        .iter()
        .filter(|entry| entry.st_shndx != 0)
        .filter_map(|entry| {
            let kind = match entry.st_type() {
                STT_FUNC => SymbolKind::Function,
                STT_OBJECT => SymbolKind::Object,
                STT_NOTYPE => SymbolKind::Label,
                _ => return None,
            };
            let name = name(entry.st_name)?;
            Some(Symbol { name, address: entry.st_value, size: entry.st_size, kind, other: entry.st_other })
        })
        .collect();
    symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    symbols
}

/// An architecture in a stored form: by its name.
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
