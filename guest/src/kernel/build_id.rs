//! The GNU build ID of a kernel.
//!
//! The linker computes it from everything it links, so it identifies the build and its debug information. It is a
//! note (`NT_GNU_BUILD_ID` of the ELF gABI), which stays in the image when the ELF headers are removed. An image also
//! contains the build IDs of its vDSOs, each in an embedded ELF file.

use goblin::container::Ctx;
use goblin::elf::Elf;
use goblin::elf::program_header::{PT_NOTE, ProgramHeader};
use memchr::memmem;
use pmdscope_arches::{Arch, ByteOrder};

use super::image::{Base, MemoryImage};

/// The length in bytes of a build ID in every linker's default form (SHA-1).
const LENGTH: usize = 20;
/// The most bytes of a vDSO. The vDSOs of Linux 7.2 have up to 8 KiB.
const VDSO_LARGEST: usize = 64 << 10;

/// Returns the build ID of a kernel in hexadecimal, if it has exactly one.
pub(super) fn find(image: &MemoryImage) -> Option<String> {
    find_in(image.arch, image.kernel().map(|segment| &segment.bytes[..]), image.base == Base::Linked)
}

/// Returns the build ID in parts of a kernel's memory. With `linked`, a part can begin with the kernel's own ELF header.
///
/// Linkers load the header with the first segment, unless a script forbids it.
fn find_in<'a>(arch: Arch, parts: impl IntoIterator<Item = &'a [u8]>, linked: bool) -> Option<String> {
    let header = note_header(arch);
    let mut found: Vec<&[u8]> = Vec::new();
    for bytes in parts {
        for at in memmem::find_iter(bytes, &header) {
            let start = at + header.len();
            let Some(id) = bytes.get(start..start + LENGTH) else { continue };
            if !is_in_embedded_elf(bytes, at, linked) && !found.contains(&id) {
                found.push(id);
            }
        }
    }
    match found[..] {
        [id] => Some(hex::encode(id)),
        _ => None,
    }
}

/// Returns the start of a note with a build ID: lengths of name and content, type, name.
fn note_header(arch: Arch) -> Vec<u8> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let name = *b"GNU\0";
    let words = [name.len() as u32, LENGTH as u32, NT_GNU_BUILD_ID];
    let in_order = |word: u32| match ByteOrder::of(arch) {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    };
    words.into_iter().map(in_order).chain([name]).flatten().collect()
}

/// Whether an offset lies in a note of an ELF file embedded in the bytes, which does not begin with them if `linked`.
fn is_in_embedded_elf(bytes: &[u8], at: usize, linked: bool) -> bool {
    let earliest = at.saturating_sub(VDSO_LARGEST);
    memmem::find_iter(&bytes[earliest..at], b"\x7fELF").any(|start| {
        let start = earliest + start;
        if linked && start == 0 {
            return false;
        }
        let file = &bytes[start..bytes.len().min(start + VDSO_LARGEST)];
        has_note_at(file, (at - start) as u64).unwrap_or(false)
    })
}

/// Whether an offset lies in a note of an ELF file, `None` if the file is damaged.
fn has_note_at(file: &[u8], at: u64) -> Option<bool> {
    let header = Elf::parse_header(file).ok()?;
    let context = Ctx::new(header.container().ok()?, header.endianness().ok()?);
    let offset = usize::try_from(header.e_phoff).ok()?;
    let parts = ProgramHeader::parse(file, offset, usize::from(header.e_phnum), context).ok()?;
    let holds = |part: &ProgramHeader| {
        part.p_type == PT_NOTE && at.checked_sub(part.p_offset).is_some_and(|within| within < part.p_filesz)
    };
    Some(parts.iter().any(holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a note whose build ID repeats one byte.
    fn note(arch: Arch, byte: u8) -> Vec<u8> {
        let mut note = note_header(arch);
        note.extend([byte; LENGTH]);
        note
    }

    /// Returns an ELF file of a header, a program header and a note with a build ID.
    fn vdso(byte: u8) -> Vec<u8> {
        let note = note(Arch::Arm64, byte);
        let mut file = vec![0; 64 + 56];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16..18].copy_from_slice(&3_u16.to_le_bytes()); // ET_DYN
        file[32..40].copy_from_slice(&64_u64.to_le_bytes()); // e_phoff
        file[54..56].copy_from_slice(&56_u16.to_le_bytes()); // e_phentsize
        file[56..58].copy_from_slice(&1_u16.to_le_bytes()); // e_phnum
        file[64..68].copy_from_slice(&PT_NOTE.to_le_bytes());
        file[72..80].copy_from_slice(&120_u64.to_le_bytes()); // p_offset
        file[96..104].copy_from_slice(&(note.len() as u64).to_le_bytes()); // p_filesz
        file.extend(note);
        file
    }

    fn ids_in(parts: &[&[u8]]) -> Option<String> {
        find_in(Arch::Arm64, [parts.concat().as_slice()], false)
    }

    #[test]
    fn the_kernels_own_is_told_from_those_of_its_vdsos() {
        let own = note(Arch::Arm64, 0xab);
        let (vdso, vdso32) = (vdso(1), vdso(2));
        assert_eq!(ids_in(&[&vdso, &vdso32, &[0; 100], &own]), Some("ab".repeat(20)));
        assert_eq!(ids_in(&[&own, &vdso]), Some("ab".repeat(20)));
        assert_eq!(ids_in(&[&vdso, &vdso32]), None, "none of its own");
        assert_eq!(ids_in(&[b"\x7fELF", &[0; 64], &own]), Some("ab".repeat(20)), "no ELF file has it");
        // The file of an ELF kernel begins with a header, which its linker may have loaded.
        let in_elf = |parts: &[&[u8]]| find_in(Arch::Arm64, [parts.concat().as_slice()], true);
        assert_eq!(in_elf(&[&vdso]), Some("01".repeat(20)));
        assert_eq!(in_elf(&[&own, &vdso]), Some("ab".repeat(20)));
    }

    #[test]
    fn what_is_cut_off_or_not_sure_is_none() {
        let own = note(Arch::Arm64, 0xab);
        assert_eq!(ids_in(&[&own[..own.len() - 1]]), None);
        assert_eq!(ids_in(&[&own, &note(Arch::Arm64, 0xcd)]), None, "which of the two is not known");
        assert_eq!(ids_in(&[&own, &own]), Some("ab".repeat(20)));
        assert_eq!(ids_in(&[&note(Arch::S390x, 0xab)]), None, "in the other byte order");
    }
}
