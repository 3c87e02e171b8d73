//! How numbers lie in memory.

use crate::Arch;

/// The order of the bytes of a number in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The byte order of an architecture's data.
    pub const fn of(arch: Arch) -> ByteOrder {
        match arch {
            Arch::S390x | Arch::Ppc64 | Arch::Sparc64 => ByteOrder::Big,
            Arch::Arm64 | Arch::X86_64 | Arch::Ppc64le | Arch::Riscv64 | Arch::LoongArch64 => {
                ByteOrder::Little
            }
        }
    }

    /// The byte order of an architecture's page-table entries.
    pub const fn of_entries(arch: Arch) -> ByteOrder {
        if arch.entry_is_big_endian() { ByteOrder::Big } else { ByteOrder::Little }
    }

    /// A number as it lies in memory.
    pub const fn encode(self, number: u64) -> [u8; 8] {
        match self {
            ByteOrder::Little => number.to_le_bytes(),
            ByteOrder::Big => number.to_be_bytes(),
        }
    }

    /// The number that lies in memory as these bytes.
    pub const fn decode(self, bytes: [u8; 8]) -> u64 {
        match self {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        }
    }
}
