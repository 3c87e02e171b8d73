//! The memory image of a flat image.

use pmdscope_arches::Arch;

use super::relocation::{Placement, relocate};
use super::zeros::trimmed_length;
use crate::kernel::error::ImageError;
use crate::kernel::image::{MemoryImage, Segment, SegmentKind};
use crate::kernel::limits::LARGEST;

/// Lays out a flat image: one segment at its link address, relocations applied.
///
/// `size` is the number of bytes it takes in memory, if the boot image says so.
///
/// # Errors
/// If it is larger than any kernel, or its relocations do not fit it.
pub(super) fn lay_out(
    mut bytes: Vec<u8>,
    arch: Arch,
    size: Option<u64>,
    page_size: Option<u64>,
) -> Result<MemoryImage, ImageError> {
    let Placement { address, base, relocations, symbols } = relocate(arch, &mut bytes)?;
    // Linux include/asm-generic/sections.h; kernels' linker scripts define it after all else.
    let end = symbols.iter().find(|symbol| symbol.name == "_end");
    let size = size.or_else(|| end?.address.checked_sub(address));
    let whole = size.is_some();
    let size = size.unwrap_or(0).max(bytes.len() as u64);
    if size > LARGEST || address.checked_add(size).is_none() {
        return Err(ImageError::TooLarge { size });
    }
    bytes.truncate(trimmed_length(&bytes));
    bytes.shrink_to_fit();
    let kind = SegmentKind::Kernel;
    let segment = Segment { address, bytes, size, kind, writable: true, executable: true };
    Ok(MemoryImage {
        arch,
        segments: vec![segment],
        base,
        relocations,
        whole,
        page_size,
        per_cpu: None,
        sections: Vec::new(),
        symbols,
    })
}
