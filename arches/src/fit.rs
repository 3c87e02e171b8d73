//! How well a value fits an encoding: what it would be there, or which of its bits say that it is none of its entries.

use crate::encoding::Encoding;
use crate::field::Form;
use crate::layout::Leaf;
use crate::swap_types::{Reading, SwapTypes};
use crate::swap_use::SwapUse;

/// What a value is in an encoding, or why it is no PMD there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The empty entry.
    Empty,
    /// A pointer to a page table, all of whose set bits have names.
    Table,
    /// A mapping of a huge page, all of whose set bits have names.
    Mapping,
    /// A swap entry.
    Swap,
    /// A swap entry that an invalidation (`pmdp_invalidate()`) made present.
    MadePresent {
        /// The swap entry before that.
        original: u64,
    },
    /// Not present; an accessed mapping if one bit more were set.
    ClearedMapping {
        /// That bit.
        bit: u8,
    },
    /// None of these.
    Unfit(Misfit),
}

/// Why a value is no PMD of an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// Bits are set that entries of its form do not have.
    UnnamedBits {
        /// Its form.
        form: Form,
        /// The bits.
        bits: u64,
        /// Whether a mapping of a base page can have all of its bits: then it is probably a PTE.
        of_base_page: bool,
    },
    /// It is not present, and these bits, which all swap entries have, are not set.
    MissingBits(u64),
    /// It is not present, and this kernel has no swap PMDs.
    NoSwapFormat,
    /// Its swap type is none.
    NoSuchType(u64),
    /// No huge page can begin at its page frame.
    Misaligned(u64),
    /// Its address is beyond what physical addresses can be.
    BeyondMemory,
}

/// A reading of a swap entry, and whether a PMD can hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PmdReading {
    /// The reading.
    pub reading: Reading,
    /// Its page frame, if its type holds one.
    pub pfn: Option<u64>,
    /// Whether its page frame is one where a huge page can begin, in physical memory.
    pub has_huge_page: bool,
}

impl PmdReading {
    /// Whether it is no entry that a kernel makes, as it says nothing of a huge page where it should.
    fn is_impossible(&self) -> bool {
        self.pfn.is_some() && !self.has_huge_page
    }
}

impl Encoding {
    /// What a value is here.
    pub fn fit(&self, value: u64) -> Fit {
        match self.form(value) {
            Form::None => Fit::Empty,
            Form::Swap => self.fit_of_swap(value),
            form => match self.before_invalidation(value) {
                Some(original) => Fit::MadePresent { original },
                None => match self.misfit_of_present(value, form) {
                    Some(misfit) => Fit::Unfit(misfit),
                    None if form == Form::Table => Fit::Table,
                    None => Fit::Mapping,
                },
            },
        }
    }

    /// The one swap entry of a huge page, under migration or in a device's memory, of which `pmdp_invalidate()` makes this
    /// present value.
    ///
    /// `None` if there is no such entry or several, among those that differ in at most two bits.
    pub fn before_invalidation(&self, value: u64) -> Option<u64> {
        let layout = self.layout();
        if !self.is_present(value) {
            return None;
        }
        let one = (0..64).map(|bit| 1_u64 << bit);
        let two = (0..64).flat_map(|high| (0..high).map(move |low| 1_u64 << high | 1 << low));
        let is_original =
            |original: &u64| (layout.invalidated)(*original) == value && self.is_of_page(*original);
        let mut originals = one.chain(two).map(|differs| value ^ differs).filter(is_original);
        originals.next().filter(|_| originals.next().is_none())
    }

    /// The readings of a swap entry, the likeliest first: those of a huge page that a PMD is known to hold, in kernels with
    /// every option, before those with fewer. Empty if it is no swap entry, or has a bit that none has.
    pub fn pmd_readings(&self, value: u64) -> Vec<PmdReading> {
        if !self.is_exact_swap(value)
            || self.swap_parts(value).is_none_or(|parts| parts.kind >= SwapTypes::COUNT)
        {
            return Vec::new();
        }
        let with_page = |reading: Reading| {
            let pfn = self.pfn_read_as(value, reading.purpose);
            let has_huge_page =
                pfn.is_some_and(|pfn| self.is_huge_page(pfn)) && self.is_offset_of_page(value);
            PmdReading { reading, pfn, has_huge_page }
        };
        let mut readings: Vec<_> = self.readings(value).into_iter().map(with_page).collect();
        readings.sort_by_key(|reading| {
            let of_pmds = reading.reading.purpose.is_of_pmds(self.version());
            (reading.is_impossible(), !reading.has_huge_page, !of_pmds)
        });
        readings
    }

    /// Whether a value is a swap entry of a huge page that a PMD can hold, in some kernel.
    fn is_of_page(&self, value: u64) -> bool {
        self.pmd_readings(value).iter().any(|reading| {
            let purpose = reading.reading.purpose;
            reading.has_huge_page && purpose.is_of_pmds(self.version())
        })
    }

    fn fit_of_swap(&self, value: u64) -> Fit {
        let readings = self.pmd_readings(value);
        let best = readings.first().filter(|best| !best.is_impossible());
        if best.is_some_and(|best| best.has_huge_page) {
            return Fit::Swap;
        }
        let is_mapping = |bit: &u8| {
            let mapping = value | 1 << bit;
            mapping != value
                && self.form(mapping) == Form::Leaf
                // Few values are that by chance.
                && (self.layout().marks)(mapping).young
                && self.pfn_of(mapping).is_some_and(|pfn| pfn != 0)
                && self.misfit_of_present(mapping, Form::Leaf).is_none()
        };
        match (0..64).find(is_mapping) {
            Some(bit) => Fit::ClearedMapping { bit },
            None if best.is_some() => Fit::Swap,
            None => Fit::Unfit(self.misfit_of_swap(value)),
        }
    }

    fn misfit_of_swap(&self, value: u64) -> Misfit {
        let (Some(format), Some(parts)) = (self.layout().swap, self.swap_parts(value)) else {
            return Misfit::NoSwapFormat;
        };
        if !self.is_exact_swap(value) {
            let marks = [format.soft_dirty, format.uffd_wp].into_iter().flatten().map(|bit| 1 << bit);
            let named =
                marks.fold(format.kind.mask() | format.offset.mask() | format.fixed, |all, bit| all | bit);
            return match value & !named {
                0 => Misfit::MissingBits(!value & format.fixed),
                bits => Misfit::UnnamedBits { form: Form::Swap, bits, of_base_page: false },
            };
        }
        if parts.kind >= SwapTypes::COUNT {
            return Misfit::NoSuchType(parts.kind);
        }
        let page = self.pmd_readings(value).iter().find_map(|reading| reading.pfn);
        match page {
            Some(pfn) if pfn != 0 && self.is_in_memory(pfn) && self.is_offset_of_page(value) => {
                Misfit::Misaligned(pfn)
            }
            _ => Misfit::BeyondMemory,
        }
    }

    /// Whether a value is what a swap type, an offset and the marks of swap entries make, and nothing else.
    fn is_exact_swap(&self, value: u64) -> bool {
        let (Some(format), Some(parts)) = (self.layout().swap, self.swap_parts(value)) else { return false };
        let mark = |set: bool, bit: Option<u8>| bit.filter(|_| set).map_or(0, |bit| 1 << bit);
        let marks = mark(parts.soft_dirty, format.soft_dirty) | mark(parts.uffd_wp, format.uffd_wp);
        let entry = format.entry(parts.kind, parts.offset);
        entry.is_some_and(|entry| entry | marks == value)
    }

    /// Whether nothing is above the page frame number in an offset, but for young and dirty where they are kept.
    fn is_offset_of_page(&self, value: u64) -> bool {
        let kept = if self.keeps_young_dirty() { 2 } else { 0 };
        let bits = u32::from(self.layout().physical_bits - self.layout().page_shift) + kept;
        self.swap_parts(value).is_some_and(|parts| parts.offset.checked_shr(bits).unwrap_or(0) == 0)
    }

    fn is_in_memory(&self, pfn: u64) -> bool {
        pfn >> (self.layout().physical_bits - self.layout().page_shift) == 0
    }

    fn is_huge_page(&self, pfn: u64) -> bool {
        let pages = 1 << (self.layout().pmd_shift - self.layout().page_shift);
        pfn != 0 && pfn.is_multiple_of(pages) && self.is_in_memory(pfn)
    }

    fn misfit_of_present(&self, value: u64, form: Form) -> Option<Misfit> {
        let named = self.mask_of(form);
        if value & !named != 0 {
            let of_base_page = form == Form::Table && self.is_like_base_page(value);
            return Some(Misfit::UnnamedBits { form, bits: value & !named, of_base_page });
        }
        let (address, misaligned) = self.address_bits(form);
        if value & misaligned != 0 {
            return Some(Misfit::UnnamedBits { form, bits: value & misaligned, of_base_page: false });
        }
        let is_beyond = match self.pfn_of(value) {
            // As the kernel takes it, which may store it inverted.
            Some(pfn) => !self.is_in_memory(pfn),
            None => value & self.field_of(form, address) & !(address | (self.layout().table)(0)) != 0,
        };
        is_beyond.then_some(Misfit::BeyondMemory)
    }

    /// Whether all set bits of a value are those of a mapping or of a page table's address, within physical memory.
    fn is_like_base_page(&self, value: u64) -> bool {
        let (leaf, table) = (self.mask_of(Form::Leaf), self.address_bits(Form::Table).0);
        let beyond = self.field_of(Form::Table, table) & !table & !self.mask_of_others(Form::Leaf);
        value & !(leaf | table) == 0 && value & beyond == 0
    }

    /// All bits of the named fields of a form.
    fn mask_of(&self, form: Form) -> u64 {
        self.fields_in(form).fold(0, |mask, field| mask | field.bits.mask())
    }

    /// The bits of the named fields of a form, without that of the address.
    fn mask_of_others(&self, form: Form) -> u64 {
        self.mask_of(form) & !self.field_of(form, self.address_bits(form).0)
    }

    /// The bits of the fields of a form in which these are.
    fn field_of(&self, form: Form, bits: u64) -> u64 {
        let masks = self.fields_in(form).map(|field| field.bits.mask());
        masks.filter(|mask| mask.count_ones() > 1 && mask & bits != 0).fold(0, |all, mask| all | mask)
    }

    /// The bits by which entries of a form address physical memory, and those that would be the lower bits of the address
    /// of a huge page.
    fn address_bits(&self, form: Form) -> (u64, u64) {
        let layout = self.layout();
        if form == Form::Table {
            let place = |address: u64| (layout.table)(address) ^ (layout.table)(0);
            let bits = (layout.page_shift..layout.physical_bits).fold(0, |all, bit| all | place(1 << bit));
            return (bits, 0);
        }
        let leaf = |pfn: u64| (layout.leaf)(Leaf { pfn, ..Leaf::default() }).unwrap_or(0);
        let place = |bit: u8| leaf(1 << (bit - layout.page_shift)) ^ leaf(0);
        let bits = (layout.pmd_shift..layout.physical_bits).fold(0, |all, bit| all | place(bit));
        let lower = (layout.page_shift..layout.pmd_shift).fold(0, |all, bit| all | place(bit));
        (bits, lower & self.field_of(form, bits))
    }
}

impl SwapUse {
    /// Whether PMDs of this version are known to hold entries of this use.
    ///
    /// Migration entries always. Entries of device memory not before 7.2: `hmm_vma_walk_pmd()` and `page_vma_mapped_walk()`
    /// do not look for them in what was read of 6.12.107 and 6.17, and do in 7.2.12.
    pub fn is_of_pmds(self, version: crate::Version) -> bool {
        match self {
            SwapUse::MigrationRead | SwapUse::MigrationReadExclusive | SwapUse::MigrationWrite => true,
            SwapUse::DevicePrivateRead | SwapUse::DevicePrivateWrite => version >= crate::Version::new(7, 2),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Arch, EntryKind, EntrySpec, Version};

    fn at(arch: Arch, version: (u16, u16)) -> Encoding {
        Encoding::at(arch, None, Version::new(version.0, version.1)).unwrap()
    }

    fn every_encoding() -> Vec<Encoding> {
        let mut versions = vec![Version::OLDEST];
        while versions.last().is_some_and(|last| *last < Version::NEWEST) {
            versions.push(versions.last().unwrap().successor());
        }
        let platforms: Vec<_> = Arch::ALL.into_iter().flat_map(Arch::platforms).collect();
        let at = |version| platforms.iter().map(move |(arch, mmu)| Encoding::at(*arch, *mmu, version));
        versions.into_iter().flat_map(at).flatten().flat_map(crate::tests::in_all_sizes).collect()
    }

    #[test]
    fn every_entry_that_can_be_built_fits() {
        for encoding in every_encoding() {
            for kind in EntryKind::ALL {
                let pfn = if kind == EntryKind::None { 0 } else { encoding.default_pfn() };
                let spec =
                    EntrySpec { kind, pfn, young: false, dirty: false, soft_dirty: false, uffd_wp: false };
                let Ok(entry) = encoding.build(&spec) else { continue };
                let fit = encoding.fit(entry);
                let right = match kind {
                    EntryKind::None => fit == Fit::Empty,
                    EntryKind::Table => fit == Fit::Table,
                    EntryKind::Swap | EntryKind::MigrationRead => matches!(fit, Fit::Swap),
                    _ if kind.is_migration() => matches!(fit, Fit::Swap),
                    _ => fit == Fit::Mapping,
                };
                // Where the contract is broken, a swap entry is present as it is built.
                let broken = !encoding.contract(entry, kind).is_empty();
                assert!(right || broken, "{encoding} {kind} {entry:#x}: {fit:?}");
            }
        }
    }

    #[test]
    fn what_an_invalidation_made_present_is_found_again() {
        let mut found = 0;
        for encoding in every_encoding() {
            for kind in EntryKind::ALL.into_iter().filter(|kind| kind.is_migration()) {
                let pfn = encoding.default_pfn();
                let spec =
                    EntrySpec { kind, pfn, young: false, dirty: false, soft_dirty: false, uffd_wp: false };
                let Ok(entry) = encoding.build(&spec) else { continue };
                let invalidated = (encoding.layout().invalidated)(entry);
                if encoding.is_migration(entry) && encoding.is_present(invalidated) {
                    found += 1;
                    assert_eq!(
                        encoding.fit(invalidated),
                        Fit::MadePresent { original: entry },
                        "{encoding} {kind} {entry:#x} {invalidated:#x}"
                    );
                }
            }
        }
        assert!(found > 20, "{found}");
    }

    #[test]
    fn a_wrong_bit_makes_another_entry_or_none() {
        let encoding = at(Arch::Arm64, (6, 1));
        assert_eq!(encoding.fit(0x0800_0000_0812_00c0), Fit::MadePresent { original: 0x0812_00c0 },);
        // VALID, TABLE, the mark of swap PTEs, PROT_NONE, and bits that are in no field.
        for bit in [0, 1, 2, 58, 60, 63] {
            let fit = encoding.fit(0x0800_0000_0812_00c0 ^ 1 << bit);
            assert!(!matches!(fit, Fit::MadePresent { .. } | Fit::Swap), "{bit}: {fit:?}");
            let fit = encoding.fit(0x0812_00c0 ^ 1 << bit);
            assert!(!matches!(fit, Fit::MadePresent { .. } | Fit::Swap), "{bit}: {fit:?}");
        }
        // No huge page begins there: then it is no migration entry, though its type can be that of a swap file.
        let readings = encoding.pmd_readings(0x0812_01c0);
        assert_eq!(readings[0].reading.purpose, SwapUse::File);
        assert!(readings.iter().all(|reading| !reading.has_huge_page), "{readings:?}");
        assert_eq!(at(Arch::Arm64, (7, 2)).fit(0x8120_1700), Fit::Unfit(Misfit::Misaligned(0x81201)));
    }

    #[test]
    fn a_pte_is_recognised() {
        let fit = at(Arch::Arm64, (6, 12)).fit(0x02e8_0004_4880_0f53);
        assert!(
            matches!(fit, Fit::Unfit(Misfit::UnnamedBits { form: Form::Table, of_base_page: true, .. })),
            "{fit:?}"
        );
        let fit = at(Arch::X86_64, (6, 12)).fit(0x02e8_0004_4880_0f53);
        assert!(!matches!(fit, Fit::Unfit(Misfit::UnnamedBits { of_base_page: true, .. })), "{fit:?}");
    }

    proptest! {
        #[test]
        fn every_value_has_a_fit_everywhere(value in any::<u64>()) {
            for encoding in every_encoding() {
                let fit = encoding.fit(value);
                if let Fit::MadePresent { original } = fit {
                    prop_assert_eq!((encoding.layout().invalidated)(original), value);
                    prop_assert!(encoding.is_swap(original));
                }
            }
        }
    }
}
