//! What is exchanged with a bundled guest in memory, and its function names.
//!
//! Every field is a 64-bit number in the guest's byte order (entries in a page table are in the
//! architecture's entry byte order instead: [`Arch::entry_is_big_endian`]). The layouts mirror the
//! structures of `guest/c/guest.h`.

use pmdscope_arches::Arch;

use crate::outcome::{Check, UnknownNumber, WalkResult};

/// The highest address, exclusive, that a guest's segments may reach.
pub const LIMIT: u64 = 2 << 20;

/// The "no page frame" of an outcome.
pub const NO_PFN: u64 = u64::MAX;

/// The size of a struct page; its first field is the reference count.
pub const STRUCT_PAGE_SIZE: u64 = 64;

/// The function that a guest calls where a kernel with `CONFIG_DEBUG_VM` would warn. Its first
/// argument is the entry; it does nothing.
pub const WARNING: &str = "vm_warn_on_once";

/// The function that answers every predicate for many entries at once:
/// `void survey(const u64 *in, struct answers *out, u64 count, const struct env *env)`.
pub const SURVEY: &str = "survey";

/// The predicates: functions of an entry that return 0 or 1, in the order of the bits of
/// [`Answers::predicates`]. `pmd_migration` takes a pointer to the [`Env`] as well.
pub const PREDICATES: [&str; 13] = [
    "pmd_none",
    "pmd_present",
    "pmd_leaf",
    "pmd_trans_huge",
    "pmd_bad",
    "pmd_protnone",
    "pmd_swap",
    "pmd_migration",
    "pmd_write",
    "pmd_devmap",
    "pmd_special",
    "pmd_access_read",
    "pmd_access_write",
];

/// The functions that take values from an entry or make one. Those with `swp` in their names are
/// absent where huge pages cannot be migrated.
pub const VALUES: [&str; 4] = ["pmd_pfn", "pmd_swp_type", "pmd_swp_offset", "swp_entry_to_pmd"];

/// The order of the bytes of a number in a guest's memory.
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

    fn encode_all<const FIELDS: usize, const SIZE: usize>(self, fields: [u64; FIELDS]) -> [u8; SIZE] {
        const { assert!(FIELDS * 8 == SIZE) };
        let mut bytes = [0; SIZE];
        for (bytes, field) in bytes.chunks_exact_mut(8).zip(fields) {
            bytes.copy_from_slice(&self.encode(field));
        }
        bytes
    }

    fn decode_all<const FIELDS: usize, const SIZE: usize>(self, bytes: &[u8; SIZE]) -> [u64; FIELDS] {
        const { assert!(FIELDS * 8 == SIZE) };
        std::array::from_fn(|i| self.decode(std::array::from_fn(|j| bytes[i * 8 + j])))
    }
}

/// `struct env`: what a guest is told. It never writes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Env {
    /// The address of the struct page of page frame 0.
    pub vmemmap: u64,
    /// The physical address of the page table that a split publishes.
    pub pte_table: u64,
    /// The swap type of a migration entry of a read-only page; [`Env::NO_TYPE`] if there is none.
    pub migration_read: u64,
    /// The same of a read-only page that one process has for itself.
    pub migration_read_exclusive: u64,
    /// The same of a writable page.
    pub migration_write: u64,
    /// How many low bits of a migration entry's offset hold the page frame number.
    pub pfn_bits: u64,
}

impl Env {
    /// Its size in bytes.
    pub const SIZE: usize = 48;

    /// What stands for a swap type that does not exist.
    pub const NO_TYPE: u64 = u64::MAX;

    /// Its bytes in a guest's memory.
    pub fn encode(&self, order: ByteOrder) -> [u8; Self::SIZE] {
        order.encode_all([
            self.vmemmap,
            self.pte_table,
            self.migration_read,
            self.migration_read_exclusive,
            self.migration_write,
            self.pfn_bits,
        ])
    }
}

/// `struct outcome`: what a writer, walker or agent came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// What it came to.
    pub result: WalkResult,
    /// The check that decided it.
    pub check: Check,
    /// The page frame that it took or concluded to.
    pub pfn: Option<u64>,
    /// How many bytes are mapped, as the walker understood it; 0 if it does not say.
    pub size: u64,
    /// The entry that the decision rests on; for a writer the old one, for an agent the marked one.
    pub entry: u64,
}

impl Outcome {
    /// Its size in bytes.
    pub const SIZE: usize = 40;

    /// Reads it from a guest's memory. A number that no guest writes, such as the zeros that
    /// stand there before a routine has run to its end, is an error.
    pub fn decode(order: ByteOrder, bytes: &[u8; Self::SIZE]) -> Result<Outcome, UnknownNumber> {
        let [result, check, pfn, size, entry] = order.decode_all(bytes);
        Ok(Outcome {
            result: WalkResult::from_number(result)?,
            check: Check::from_number(check)?,
            pfn: (pfn != NO_PFN).then_some(pfn),
            size,
            entry,
        })
    }
}

/// `struct answers`: what `survey` says of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// Bit i is the answer of the i-th of [`PREDICATES`].
    pub predicates: u64,
    /// `pmd_pfn()`.
    pub pfn: u64,
    /// The swap type the entry would have; 0 where huge pages cannot be migrated.
    pub swp_type: u64,
    /// The swap offset the entry would have; 0 where huge pages cannot be migrated.
    pub swp_offset: u64,
}

impl Answers {
    /// Its size in bytes.
    pub const SIZE: usize = 32;

    /// Reads it from a guest's memory.
    pub fn decode(order: ByteOrder, bytes: &[u8; Self::SIZE]) -> Answers {
        let [predicates, pfn, swp_type, swp_offset] = order.decode_all(bytes);
        Answers { predicates, pfn, swp_type, swp_offset }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_in_the_guests_byte_order() {
        let env = Env {
            vmemmap: 1,
            pte_table: 2,
            migration_read: 3,
            migration_read_exclusive: Env::NO_TYPE,
            migration_write: 5,
            pfn_bits: 0x0102_0304_0506_0708,
        };
        let big = env.encode(ByteOrder::of(Arch::Ppc64));
        assert_eq!(big[40..], [1, 2, 3, 4, 5, 6, 7, 8]);
        let little = env.encode(ByteOrder::of(Arch::Ppc64le));
        assert_eq!(little[..8], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(little[40..], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(ByteOrder::of_entries(Arch::Ppc64le), ByteOrder::Big);
    }

    #[test]
    fn an_outcome_is_read_back() {
        let bytes = ByteOrder::Big.encode_all([2, 14, 0x1234, 2 << 20, 0x77]);
        assert_eq!(
            Outcome::decode(ByteOrder::Big, &bytes),
            Ok(Outcome {
                result: WalkResult::Page,
                check: Check::Reread,
                pfn: Some(0x1234),
                size: 2 << 20,
                entry: 0x77
            })
        );
        let error = Outcome::decode(ByteOrder::Big, &[0; Outcome::SIZE]).unwrap_err();
        assert_eq!(error.to_string(), "a guest gave 0 as its result, which has no meaning");
    }
}
