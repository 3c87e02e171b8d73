//! The reference model of page-table entries: for each architecture and Linux version the bits of
//! a PMD by name, its swap and migration format, and its predicates.
//!
//! It is of kernels configured with transparent huge pages and their migration, swap, NUMA balancing,
//! device-private memory, memory failure handling, and, where the architecture has them at that
//! version, ZONE_DEVICE, soft-dirty and userfaultfd write protection. Each architecture's file says
//! what else it assumes.
//!
//! All values are 64-bit numbers in CPU order (`pmd_val()`), whatever the byte order in memory.
//! Bit 0 is the least significant one.
#![forbid(unsafe_code)]

mod arch;
mod arm64;
mod build;
mod byte_order;
mod carried;
mod contract;
mod encoding;
mod entry;
mod field;
mod layout;
mod loongarch64;
mod marks;
mod nearest;
mod numbering;
mod pattern;
mod powerpc;
mod riscv64;
mod s390x;
mod set;
mod sparc64;
mod swap;
#[cfg(test)]
mod tests;
mod version;
mod x86_64;

pub use arch::{Arch, Mmu, platform_name};
pub use byte_order::ByteOrder;
pub use contract::Breach;
pub use encoding::{Encoding, EncodingError, all_layouts, layouts};
pub use entry::{EntryError, EntryKind, EntrySpec, MigrationParts, SwapParts};
pub use field::{Bits, By, Field, Form};
pub use layout::{Layout, Leaf, Predicates};
pub use marks::EntryMarks;
pub use nearest::UnknownName;
pub use numbering::{ConfigOption, MigrationTypes, Reading, SwapTypes, SwapUse, swap_types};
pub use pattern::{Pattern, bits_of};
pub use set::EntrySet;
pub use swap::SwapFormat;
pub use version::{Era, Gap, Version, VersionError, in_force};
