//! The structures exchanged with a bundled guest in memory, and the names of its functions.
//!
//! Every field is a 64-bit number in the guest's byte order (entries in a page table are in the
//! architecture's entry byte order instead: [`ByteOrder::of_entries`]). The layouts mirror the
//! structures of `guest/c/guest.h`.

use pmdscope_arches::ByteOrder;

use crate::outcome::{Check, UnknownNumber, WalkResult};

/// The highest address, exclusive, that a guest's segments may reach.
pub const LIMIT: u64 = 2 << 20;

/// The number in an outcome that means no page frame.
pub const NO_PFN: u64 = u64::MAX;

/// The size of a struct page; its first field is the reference count.
pub const STRUCT_PAGE_SIZE: u64 = 64;

/// The function that a guest calls where a kernel with `CONFIG_DEBUG_VM` would warn. Its first
/// argument is the entry; it does nothing.
pub const WARNING: &str = "vm_warn_on_once";

/// The function that answers every predicate for many entries at once:
/// `void survey(const u64 *in, struct answers *out, u64 count, const struct env *env)`.
pub const SURVEY: &str = "survey";

/// The function that runs a writer on very many entries, one after another:
/// `void sweep(const struct sweep *what, const struct set *sets, u64 count, u32 *out, const struct env *env)`.
/// A guest without it can do everything else.
pub const SWEEP: &str = "sweep";

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

fn encode_all<const FIELDS: usize, const SIZE: usize>(order: ByteOrder, fields: [u64; FIELDS]) -> [u8; SIZE] {
    const { assert!(FIELDS * 8 == SIZE) };
    let mut bytes = [0; SIZE];
    for (bytes, field) in bytes.chunks_exact_mut(8).zip(fields) {
        bytes.copy_from_slice(&order.encode(field));
    }
    bytes
}

fn decode_all<const FIELDS: usize, const SIZE: usize>(order: ByteOrder, bytes: &[u8; SIZE]) -> [u64; FIELDS] {
    const { assert!(FIELDS * 8 == SIZE) };
    std::array::from_fn(|i| order.decode(std::array::from_fn(|j| bytes[i * 8 + j])))
}

/// `struct env`: facts about the kernel, which a guest only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Env {
    /// The address of the struct page of page frame 0.
    pub vmemmap: u64,
    /// The physical address of the page table that a split publishes.
    pub pte_table: u64,
    /// The swap type of a migration entry of a read-only page; [`Env::NO_TYPE`] if it does not exist.
    pub migration_read: u64,
    /// The swap type of a migration entry of a read-only page that is exclusive to one process.
    pub migration_read_exclusive: u64,
    /// The swap type of a migration entry of a writable page.
    pub migration_write: u64,
    /// How many low bits of a migration entry's offset hold the page frame number.
    pub pfn_bits: u64,
}

impl Env {
    /// Its size in bytes.
    pub const SIZE: usize = 48;

    /// The value for a swap type that does not exist.
    pub const NO_TYPE: u64 = u64::MAX;

    /// Returns its bytes in a guest's memory.
    pub fn encode(&self, order: ByteOrder) -> [u8; Self::SIZE] {
        encode_all(
            order,
            [
                self.vmemmap,
                self.pte_table,
                self.migration_read,
                self.migration_read_exclusive,
                self.migration_write,
                self.pfn_bits,
            ],
        )
    }
}

/// `struct outcome`: the result of a writer, walker or agent, and what decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The result.
    pub result: WalkResult,
    /// The check that decided it.
    pub check: Check,
    /// The page frame that the routine took or deduced.
    pub pfn: Option<u64>,
    /// The size of the mapping in bytes, as the walker understood it; 0 if it does not say.
    pub size: u64,
    /// The entry that the decision is based on; for a writer the old one, for an agent the marked one.
    pub entry: u64,
}

impl Outcome {
    /// Its size in bytes.
    pub const SIZE: usize = 40;

    /// Reads an outcome from a guest's memory. A number that no guest writes is an error, such as the zeros in
    /// memory before a routine has run to its end.
    pub fn decode(order: ByteOrder, bytes: &[u8; Self::SIZE]) -> Result<Outcome, UnknownNumber> {
        let [result, check, pfn, size, entry] = decode_all(order, bytes);
        Ok(Outcome {
            result: WalkResult::from_number(result)?,
            check: Check::from_number(check)?,
            pfn: (pfn != NO_PFN).then_some(pfn),
            size,
            entry,
        })
    }
}

/// `struct answers`: the answers of `survey` for one entry.
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

    /// Reads the answers from a guest's memory.
    pub fn decode(order: ByteOrder, bytes: &[u8; Self::SIZE]) -> Answers {
        let [predicates, pfn, swp_type, swp_offset] = decode_all(order, bytes);
        Answers { predicates, pfn, swp_type, swp_offset }
    }
}

/// `struct sweep`: the writer that a sweep runs, and its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// The address of the writer.
    pub writer: u64,
    /// The address of the entry.
    pub entry: u64,
    /// An address that the entry maps.
    pub address: u64,
    /// The address at which the guest finds the value that the latest store to the entry overwrote.
    ///
    /// Only for a writer that installs a page table. The value has the same bytes as in the entry.
    pub replaced: Option<u64>,
}

impl Sweep {
    /// Its size in bytes.
    pub const SIZE: usize = 32;

    /// Returns its bytes in a guest's memory.
    pub fn encode(&self, order: ByteOrder) -> [u8; Self::SIZE] {
        encode_all(order, [self.writer, self.entry, self.address, self.replaced.unwrap_or(0)])
    }
}

/// `struct set`: entries that a sweep runs on. They are those whose bits outside of `free` equal `fixed`, in
/// ascending order of their free bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Values of the fixed bits; 0 where a bit is free.
    pub fixed: u64,
    /// Mask of the free bits.
    pub free: u64,
    /// The free bits of the first entry.
    pub first: u64,
    /// The number of entries.
    pub count: u64,
}

impl Set {
    /// Its size in bytes.
    pub const SIZE: usize = 32;

    /// Returns the set of one entry.
    pub const fn one(entry: u64) -> Set {
        Set { fixed: entry, free: 0, first: 0, count: 1 }
    }

    /// Returns the free bits of its n-th entry, counted from 0.
    pub fn free_bits_of(&self, n: u64) -> u64 {
        // The bits of a number, spread over the free ones: `first` is such a spread number too.
        let spread = |number: u64| {
            let free = (0..64).filter(|bit| self.free & 1 << bit != 0);
            free.enumerate().fold(0, |bits, (from, to)| bits | (number >> from & 1) << to)
        };
        let added = (self.first | !self.free).wrapping_add(spread(n));
        added & self.free
    }

    /// Returns its entries, in order.
    pub fn entries(self) -> impl Iterator<Item = u64> {
        let next = move |free_bits: &u64| Some((free_bits | !self.free).wrapping_add(1) & self.free);
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        std::iter::successors(Some(self.first), next).take(count).map(move |free_bits| self.fixed | free_bits)
    }

    /// Returns its bytes in a guest's memory.
    pub fn encode(&self, order: ByteOrder) -> [u8; Self::SIZE] {
        encode_all(order, [self.fixed, self.free, self.first, self.count])
    }
}

/// The answers of a sweep for one entry, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Swept(pub u32);

impl Swept {
    /// Its size in bytes.
    pub const SIZE: usize = 4;

    /// The number of predicates that are answered: the first ones of [`PREDICATES`].
    pub const PREDICATES: usize = 8;

    const DEFINED: u32 = (1 << 20) - 1;

    /// Reads the answers from a guest's memory. A bit without meaning is an error.
    pub fn decode(order: ByteOrder, bytes: [u8; Self::SIZE]) -> Result<Swept, UnknownNumber> {
        let number = match order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        };
        if number & !Self::DEFINED == 0 {
            Ok(Swept(number))
        } else {
            Err(UnknownNumber::new("answer of a sweep", number.into()))
        }
    }

    /// Returns the predicates' answers for the entry before: bit i is the answer of the i-th of [`PREDICATES`].
    pub const fn before(self) -> u32 {
        self.0 & 0xff
    }

    /// Returns the predicates' answers for the entry that the writer left, or that it replaced with a page table.
    pub const fn after(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    /// Whether the writer found and left a swap entry, and the types differ.
    pub const fn type_changed(self) -> bool {
        self.0 >> 16 & 1 == 1
    }

    /// Whether the writer found and left a swap entry, and the offsets differ.
    pub const fn offset_changed(self) -> bool {
        self.0 >> 17 & 1 == 1
    }

    /// Whether the writer installed a page table. All other answers are then about the entry before that.
    pub const fn installed(self) -> bool {
        self.0 >> 18 & 1 == 1
    }

    /// Whether the entry after has another value than the entry before.
    pub const fn changed(self) -> bool {
        self.0 >> 19 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::Arch;

    use super::*;

    #[test]
    fn the_entries_of_a_set_ascend_in_their_free_bits() {
        let set = Set { fixed: 0x1000, free: 0x8a, first: 0x02, count: 6 };
        let entries: Vec<u64> = set.entries().collect();
        assert_eq!(entries, [0x1002, 0x1008, 0x100a, 0x1080, 0x1082, 0x1088]);
        for (n, entry) in (0..).zip(&entries) {
            assert_eq!(set.fixed | set.free_bits_of(n), *entry, "{n}");
        }
        assert_eq!(Set::one(0x1234).entries().collect::<Vec<_>>(), [0x1234]);
        assert_eq!(Set { fixed: 0, free: u64::MAX, first: u64::MAX - 1, count: 2 }.free_bits_of(1), u64::MAX);
    }

    #[test]
    fn an_answer_of_a_sweep_has_no_bits_but_the_known() {
        let decode = |number: u32| Swept::decode(ByteOrder::Big, number.to_be_bytes());
        let answer = decode(0x9_4182).unwrap();
        assert_eq!((answer.before(), answer.after()), (0x82, 0x41));
        assert!(answer.changed() && answer.type_changed() && !answer.offset_changed() && !answer.installed());
        assert!(decode(0x10_0000).is_err() && decode(u32::MAX).is_err());
    }

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
        let bytes = encode_all(ByteOrder::Big, [2, 14, 0x1234, 2 << 20, 0x77]);
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
