//! Lays out the memory image of a flat image.

use pmdscope_arches::Arch;

use super::relocation::{Placement, relocate};
use super::zeros::trimmed_length;
use crate::kernel::error::ImageError;
use crate::kernel::image::{MemoryImage, Segment, SegmentKind};
use crate::kernel::limits::LARGEST;

/// Lays out a flat image: one segment at its link address, relocations applied.
///
/// `size` is the kernel's size in memory in bytes, and `link_address` its address, if the boot image gives them.
///
/// # Errors
/// [`ImageError::TooLarge`] if the image is larger than any kernel, or the errors of [`relocate`].
pub(super) fn lay_out(
    mut bytes: Vec<u8>,
    arch: Arch,
    size: Option<u64>,
    page_size: Option<u64>,
    link_address: Option<u64>,
) -> Result<MemoryImage, ImageError> {
    let Placement { address, base, relocations, symbols } = relocate(arch, &mut bytes, link_address)?;
    // Kernels' linker scripts define `_end` after everything else (Linux include/asm-generic/sections.h).
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
