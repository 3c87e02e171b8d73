//! Upper bounds on kernels.
//!
//! A file that exceeds one is damaged, crafted, or not a kernel.

/// The largest boot image, and the largest unpacked kernel, in bytes.
///
/// The limit applies to boot images, also those in packages, and to everything unpacked from them. The largest kernel
/// seen has 66 MB. A kernel with debug information can exceed the limit, and is refused.
pub const LIMIT: u64 = 512 << 20;

/// The largest size of a kernel in memory, in bytes.
pub(super) const LARGEST: u64 = 1 << 30;

/// The most layers of compression, with or without a boot wrapper, that a boot image may have.
///
/// An EFI zboot image in gzip has two.
pub(super) const LAYERS: usize = 4;
