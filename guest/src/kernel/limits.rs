//! Upper bounds on kernels.
//!
//! A file that exceeds one is damaged, made up, or not a kernel.

/// The largest file that is read, in bytes.
///
/// It bounds a file, a file in a package, and anything that is unpacked. The largest kernel seen has 66 MB; a kernel
/// with debug information can exceed the limit, and is refused.
pub const LIMIT: u64 = 512 << 20;

/// The largest kernel in memory, in bytes.
pub(super) const LARGEST: u64 = 1 << 30;

/// The number of layers of compression and boot wrapper that are taken off.
///
/// An EFI zboot image in gzip has two.
pub(super) const LAYERS: usize = 4;
