//! Reads the sections of debug information from an ELF file.

use std::io::{self, Read, Seek, SeekFrom};

use goblin::container::Ctx;
use goblin::elf::section_header::{SHF_COMPRESSED, SHT_NOBITS, SectionHeader};

use crate::kernel::compression::Compression;
use crate::kernel::decompress;
use crate::kernel::types::error::TypesError;

use gimli::{DwarfSections, SectionId};

/// The most bytes of debug information that are read, unpacked.
///
/// A distribution's kernel has 0.5 GB of those sections that have types.
pub(super) const MOST: u64 = 1 << 30;

/// The sections that have types and names.
const WANTED: [SectionId; 5] = [
    SectionId::DebugInfo,
    SectionId::DebugAbbrev,
    SectionId::DebugStr,
    SectionId::DebugLineStr,
    SectionId::DebugStrOffsets,
];

/// Reads the sections that have types and names, and unpacks compressed ones.
///
/// `named` finds a section by its name.
///
/// # Errors
/// - [`TypesError::TooLarge`] if they are larger than those of any kernel.
/// - [`TypesError::Compressed`] if a section has an unknown compression, or is damaged.
/// - [`TypesError::Read`] if the file cannot be read, or ends too early.
pub(in crate::kernel::types) fn read_sections(
    mut file: impl Read + Seek,
    context: Ctx,
    named: impl Fn(&str) -> Option<SectionHeader>,
) -> Result<DwarfSections<Vec<u8>>, TypesError> {
    let mut left = MOST;
    DwarfSections::load(|id| {
        let header = WANTED.contains(&id).then(|| named(id.name())).flatten();
        let Some(header) = header.filter(|header| header.sh_type != SHT_NOBITS) else {
            return Ok(Vec::new());
        };
        let bytes = read_section(&mut file, &header, context, left)?;
        left -= bytes.len() as u64;
        Ok(bytes)
    })
}

/// Reads a section of at most `most` bytes, and unpacks it if it is compressed.
pub(in crate::kernel::types) fn read_section(
    file: &mut (impl Read + Seek),
    header: &SectionHeader,
    context: Ctx,
    most: u64,
) -> Result<Vec<u8>, TypesError> {
    let too_large = || TypesError::TooLarge { what: "bytes", most: MOST };
    if header.sh_size > most {
        return Err(too_large());
    }
    file.seek(SeekFrom::Start(header.sh_offset)).map_err(TypesError::Read)?;
    let mut bytes = Vec::new();
    // A section that a damaged file claims to have costs no more memory than the file has bytes.
    let read = file.take(header.sh_size).read_to_end(&mut bytes).map_err(TypesError::Read)?;
    if (read as u64) < header.sh_size {
        return Err(TypesError::Read(io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
    if header.sh_flags & u64::from(SHF_COMPRESSED) == 0 {
        return Ok(bytes);
    }
    // The header of a compressed section (ELF gABI, Elf64_Chdr): kind, an unused word, size, alignment.
    let word = |at: usize| -> Option<u64> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if context.le.is_little() { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    };
    let cut_off = || TypesError::Compressed("its header is cut off".to_owned());
    let (first, size) = word(0).zip(word(8)).ok_or_else(cut_off)?;
    let kind = if context.le.is_little() { first as u32 } else { (first >> 32) as u32 };
    let packed = bytes.get(24..).ok_or_else(cut_off)?;
    if size > most {
        return Err(too_large());
    }
    let mut unpacked = Vec::new();
    let damaged = |error: &io::Error| TypesError::Compressed(error.to_string());
    match kind {
        1 => {
            let reader = flate2::read::ZlibDecoder::new(packed);
            reader.take(size + 1).read_to_end(&mut unpacked).map_err(|e| damaged(&e))?;
        }
        2 => unpack_zstd(packed, size, &mut unpacked).map_err(|e| damaged(&e))?,
        kind => return Err(TypesError::Compressed(format!("compression {kind} is neither zlib nor zstd"))),
    };
    if unpacked.len() as u64 != size {
        return Err(TypesError::Compressed(format!("it unpacks to {} bytes, not {size}", unpacked.len())));
    }
    Ok(unpacked)
}

/// Unpacks all frames of zstd, up to one byte more than `size`. LLVM's linker writes a frame for each megabyte.
fn unpack_zstd(mut packed: &[u8], size: u64, unpacked: &mut Vec<u8>) -> io::Result<()> {
    while !packed.is_empty() && unpacked.len() as u64 <= size {
        let left = size + 1 - unpacked.len() as u64;
        decompress::reader(Compression::Zstd, &mut packed)?.take(left).read_to_end(unpacked)?;
    }
    Ok(())
}
