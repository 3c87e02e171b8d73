//! Lays out the memory image of an ELF file.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{self, Header};
use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHF_ALLOC, SectionHeader};
use goblin::elf::{Elf, program_header, section_header};
use pmdscope_arches::{Arch, ByteOrder};

use super::symbols::{NameTable, read_symbols};
use super::zeros::trimmed_length;
use crate::elf::format::{has_entry_size, index};
use crate::kernel::error::ImageError;
use crate::kernel::image::{Base, MemoryImage, PerCpu, Section, Segment, SegmentKind};
use crate::kernel::limits::LARGEST;

/// Lays out an ELF file: its loaded segments, sections in memory, and symbols.
///
/// # Errors
/// [`ImageError`] if the file is damaged, not linked, for an unknown architecture, or larger than any kernel.
pub(super) fn lay_out(bytes: &[u8]) -> Result<MemoryImage, ImageError> {
    let damaged = |part| move |source| ImageError::Damaged { part, source };
    let header = Elf::parse_header(bytes).map_err(damaged("header"))?;
    let (arch, context) = arch_and_context(&header)?;
    if header.e_type != header::ET_EXEC && header.e_type != header::ET_DYN {
        return Err(ImageError::Type(header::et_to_str(header.e_type)));
    }
    let size_of = program_header::program_header64::SIZEOF_PHDR;
    check_entry_size("program headers", header.e_phnum, header.e_phentsize.into(), size_of)?;
    let programs = ProgramHeader::parse(bytes, index(header.e_phoff), header.e_phnum.into(), context)
        .map_err(damaged("program headers"))?;
    let loads: Vec<_> =
        programs.into_iter().filter(|program| program.p_type == PT_LOAD && program.p_memsz > 0).collect();
    let segments = segments(bytes, &loads, arch)?;
    let size_of = section_header::section_header64::SIZEOF_SHDR;
    check_entry_size("section headers", header.e_shnum, header.e_shentsize.into(), size_of)?;
    let headers = SectionHeader::parse(bytes, index(header.e_shoff), header.e_shnum.into(), context)
        .map_err(damaged("section headers"))?;
    let sections = sections(bytes, &headers, header.e_shstrndx)?;
    let per_cpu = sections.iter().find(|section| section.name == ".data..percpu");
    let per_cpu = per_cpu.map(|section| PerCpu {
        linked: section.address,
        loaded: load_address(&loads, section.address),
        size: section.size,
    });
    Ok(MemoryImage {
        arch,
        segments,
        base: Base::Linked,
        relocations: 0,
        whole: true,
        page_size: (arch == Arch::X86_64).then_some(4096),
        per_cpu,
        sections,
        symbols: read_symbols(bytes, &headers, context)?,
    })
}

fn check_entry_size(table: &'static str, count: u16, found: u64, wanted: usize) -> Result<(), ImageError> {
    let wanted = wanted as u64;
    if has_entry_size(count, found, wanted) {
        Ok(())
    } else {
        Err(ImageError::EntrySize { table, found, wanted })
    }
}

/// Returns the architecture of an ELF file, and the context for parsing its headers.
fn arch_and_context(header: &Header) -> Result<(Arch, Ctx), ImageError> {
    let machine = header::machine_to_str(header.e_machine);
    if header.e_ident[header::EI_CLASS] != header::ELFCLASS64 {
        return Err(ImageError::Bits32(machine));
    }
    let big = header.e_ident[header::EI_DATA] == header::ELFDATA2MSB;
    let order = if big { ByteOrder::Big } else { ByteOrder::Little };
    let is = |arch: &Arch| arch.elf_machine() == header.e_machine && ByteOrder::of(*arch) == order;
    let arch = Arch::ALL.into_iter().find(is).ok_or_else(|| {
        ImageError::Machine(format!("a {}-endian {machine}", if big { "big" } else { "little" }))
    })?;
    let endian = if big { Endian::Big } else { Endian::Little };
    Ok((arch, Ctx::new(Container::Big, endian)))
}

/// Returns the loaded segments, in ascending order of addresses.
fn segments(bytes: &[u8], loads: &[ProgramHeader], arch: Arch) -> Result<Vec<Segment>, ImageError> {
    let mut segments = Vec::new();
    let mut whole = 0u64;
    for load in loads {
        let content = load
            .p_offset
            .checked_add(load.p_filesz)
            .filter(|_| load.p_filesz <= load.p_memsz && load.p_vaddr.checked_add(load.p_memsz).is_some())
            .and_then(|end| bytes.get(index(load.p_offset)..index(end)))
            .ok_or(ImageError::SegmentOutside {
                address: load.p_vaddr,
                offset: load.p_offset,
                bytes: load.p_filesz,
                size: load.p_memsz,
                length: bytes.len() as u64,
            })?;
        whole = whole.saturating_add(load.p_memsz);
        if whole > LARGEST {
            return Err(ImageError::TooLarge { size: whole });
        }
        let used = trimmed_length(content).min(content.len());
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
            return Err(ImageError::SegmentsOverlap { first, second });
        }
    }
    Ok(segments)
}

/// Returns the address at which the bytes linked at `address` lie when the kernel starts.
///
/// On x86_64 up to Linux 6.13, the per-CPU variables are linked at 0 and lie in physical memory between the parts of
/// the kernel. Everything else lies at its link address.
fn load_address(loads: &[ProgramHeader], address: u64) -> u64 {
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

/// Returns the sections in memory, in ascending order of addresses.
///
/// `names` is the index of the section with their names.
fn sections(bytes: &[u8], headers: &[SectionHeader], names: u16) -> Result<Vec<Section>, ImageError> {
    let Some(names) = headers.get(usize::from(names)) else { return Ok(Vec::new()) };
    let names = NameTable::new(bytes, names, "section names")?;
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
