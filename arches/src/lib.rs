//! The reference model of page-table entries: for each architecture and Linux version the bits of
//! a PMD by name, its swap and migration format, and its predicates.
//!
//! The model assumes kernels configured with transparent huge pages and their migration, swap, NUMA balancing,
//! device-private memory, memory failure handling, and, where the architecture has them at that version,
//! ZONE_DEVICE, soft-dirty and userfaultfd write protection. The file of each architecture lists its further
//! assumptions.
//!
//! All values are 64-bit numbers in CPU order (`pmd_val()`), whatever the byte order in memory.
//! Bit 0 is the least significant one.
#![forbid(unsafe_code)]

mod arch;
mod architecture;
mod build;
mod byte_order;
mod carried;
mod config;
mod contract;
mod encoding;
mod encoding_error;
mod entry;
mod field;
mod fit;
mod layout;
mod marks;
mod mmu;
mod nearest;
mod numbering;
mod pattern;
mod set;
mod swap;
mod swap_types;
mod swap_use;
#[cfg(test)]
mod tests;
mod version;

pub use arch::{Arch, all_layouts, layouts, platform_name, swap_types};
pub use byte_order::ByteOrder;
pub use config::ConfigOption;
pub use contract::Breach;
pub use encoding::Encoding;
pub use encoding_error::EncodingError;
pub use entry::{EntryError, EntryKind, EntrySpec, MigrationParts, SwapParts};
pub use field::{Bits, By, Field, Form};
pub use fit::{Fit, Misfit, PmdReading};
pub use layout::{Layout, Leaf, Predicates};
pub use marks::EntryMarks;
pub use mmu::Mmu;
pub use nearest::UnknownName;
pub use pattern::{Pattern, bits_of};
pub use set::EntrySet;
pub use swap::SwapFormat;
pub use swap_types::{MigrationTypes, Reading, SwapTypes};
pub use swap_use::SwapUse;
pub use version::{Era, Gap, Version, VersionError, in_force};
