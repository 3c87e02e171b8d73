//! Laying out a kernel: from an ELF file or flat image to its memory image.

mod dynamic;
mod elf;
mod flat;
mod relocation;
mod relocation_table;
mod self_pointers;
mod symbols;
mod words;
mod zeros;

use super::boot::{BootPayload, PayloadKind};
use super::error::ImageError;
use super::image::MemoryImage;

/// Lays out the kernel of a boot image.
///
/// # Errors
/// [`ImageError`] if the payload is damaged, or cannot be a kernel.
pub(super) fn lay_out(payload: BootPayload) -> Result<MemoryImage, ImageError> {
    match payload.kind {
        PayloadKind::Elf => elf::lay_out(&payload.bytes),
        PayloadKind::Flat { arch, size, page_size, link_address } => {
            flat::lay_out(payload.bytes, arch, size, page_size, link_address)
        }
    }
}
