//! Sets of entries by meaning, such as all swap entries that an encoding can hold.

use std::fmt;
use std::str::FromStr;

use crate::encoding::Encoding;
use crate::field::Form;
use crate::layout::Leaf;
use crate::nearest::UnknownName;
use crate::pattern::Pattern;

/// A set of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntrySet {
    /// Every swap type with every offset and every mark.
    Swap,
    /// Swap entries whose type means migration.
    Migration,
    /// Mappings of huge pages.
    PresentHuge,
    /// Every value.
    Any,
}

impl EntrySet {
    /// Every set.
    pub const ALL: [EntrySet; 4] =
        [EntrySet::Swap, EntrySet::Migration, EntrySet::PresentHuge, EntrySet::Any];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            EntrySet::Swap => "swap",
            EntrySet::Migration => "migration",
            EntrySet::PresentHuge => "present-huge",
            EntrySet::Any => "any",
        }
    }

    /// Describes the set's entries in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            EntrySet::Swap => "every swap type with every offset, soft-dirty and uffd-wp or not",
            EntrySet::Migration => "the same of the swap types that mean migration",
            EntrySet::PresentHuge => {
                "the bits of a user's mapping, writable or not, of any page, accessed, dirty and soft-dirty or not"
            }
            EntrySet::Any => "every 64-bit value",
        }
    }

    /// The form whose field names fit the set; `None` if its entries have different forms.
    pub const fn form(self) -> Option<Form> {
        match self {
            EntrySet::Swap | EntrySet::Migration => Some(Form::Swap),
            EntrySet::PresentHuge => Some(Form::Leaf),
            EntrySet::Any => None,
        }
    }

    /// Whether the set's entries are built as swap entries, whatever the predicates answer for them.
    pub const fn is_swap(self) -> bool {
        matches!(self, EntrySet::Swap | EntrySet::Migration)
    }
}

impl fmt::Display for EntrySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EntrySet {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EntrySet::ALL.into_iter().find(|set| set.name() == text).ok_or_else(|| {
            UnknownName::new("set of entries", text, EntrySet::ALL.iter().map(|set| set.name()))
        })
    }
}

impl Encoding {
    /// Returns the entries of a set, as patterns that do not overlap.
    ///
    /// If huge pages cannot be migrated, no swap entries exist, and the sets of swap and migration entries are
    /// empty.
    ///
    /// The patterns contain what the format can hold, whatever the predicates answer: where swap type 0 with
    /// offset 0 equals the empty entry, the set of swap entries includes it.
    pub fn patterns(&self, set: EntrySet) -> Vec<Pattern> {
        match set {
            EntrySet::Swap => self.swap_entries().into_iter().collect(),
            EntrySet::Migration => self.migration_entries(),
            EntrySet::PresentHuge => self.mappings().into_iter().collect(),
            EntrySet::Any => vec![Pattern::ANY],
        }
    }

    fn swap_entries(&self) -> Option<Pattern> {
        let swap = self.layout().swap?;
        let first = swap.entry(0, 0)?;
        let marks = [swap.soft_dirty, swap.uffd_wp].into_iter().flatten();
        // The generic layer may keep fewer bits of a type than the format has room for.
        let kinds = swap.kind.place(swap.kind_of(swap.kind.mask()));
        Some(Pattern::new(first, marks.fold(kinds | swap.offset.mask(), |free, bit| free | 1 << bit)))
    }

    fn migration_entries(&self) -> Vec<Pattern> {
        let (Some(all), Some(swap)) = (self.swap_entries(), self.layout().swap) else { return Vec::new() };
        let types = self.migration_types();
        let kinds = [Some(types.read), types.read_exclusive, Some(types.write)].into_iter().flatten();
        kinds
            .filter_map(|kind| Some(Pattern::new(swap.entry(kind, 0)?, all.free & !swap.kind.mask())))
            .collect()
    }

    /// Returns one pattern that contains the model's mappings, writable or not, of any page, accessed, dirty and
    /// soft-dirty or not. It fixes the bits that all of them have in common, and can also contain entries that no
    /// kernel builds.
    fn mappings(&self) -> Option<Pattern> {
        let layout = self.layout();
        let first = (layout.leaf)(Leaf::default())?;
        let huge_page = layout.pmd_shift - layout.page_shift;
        let pages = (huge_page..layout.physical_bits - layout.page_shift).map(|bit| 1 << bit);
        let marks = (0..16).map(|marks: u8| Leaf {
            write: marks & 1 != 0,
            young: marks & 2 != 0,
            dirty: marks & 4 != 0,
            soft_dirty: marks & 8 != 0,
            ..Leaf::default()
        });
        let others = pages.map(|pfn| Leaf { pfn, ..Leaf::default() }).chain(marks);
        let free = others.filter_map(layout.leaf).fold(0, |free, other| free | (first ^ other));
        Some(Pattern::new(first, free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{Arch, all_layouts};
    use crate::entry::{EntryKind, EntrySpec};
    use crate::version::Version;

    fn encodings() -> impl Iterator<Item = Encoding> {
        let usual = all_layouts().filter_map(|(arch, mmu, era)| Encoding::at(arch, mmu, era.from).ok());
        usual.flat_map(crate::tests::in_all_sizes)
    }

    /// Whether exactly one of the patterns contains the entry.
    fn in_one(patterns: &[Pattern], entry: u64) -> bool {
        patterns.iter().filter(|pattern| pattern.contains(entry)).count() == 1
    }

    #[test]
    fn every_entry_that_is_built_is_in_the_set_of_its_kind() {
        for encoding in encodings() {
            let page = encoding.default_pfn();
            for (kind, set) in [
                (EntryKind::MigrationRead, EntrySet::Migration),
                (EntryKind::MigrationWrite, EntrySet::Migration),
                (EntryKind::MigrationReadExclusive, EntrySet::Migration),
                (EntryKind::Swap, EntrySet::Swap),
                (EntryKind::PresentHuge, EntrySet::PresentHuge),
                (EntryKind::PresentHugeRo, EntrySet::PresentHuge),
            ] {
                for (pfn, marks) in (0..16).flat_map(|marks: u8| [(page, marks), (page << 3, marks)]) {
                    let spec = EntrySpec {
                        kind,
                        pfn,
                        young: marks & 1 != 0,
                        dirty: marks & 2 != 0,
                        soft_dirty: marks & 4 != 0,
                        uffd_wp: marks & 8 != 0,
                    };
                    let Ok(entry) = encoding.build(&spec) else { continue };
                    assert!(
                        in_one(&encoding.patterns(set), entry),
                        "{encoding} {set}: {entry:#018x} {spec:?}"
                    );
                    assert!(in_one(&encoding.patterns(EntrySet::Any), entry));
                }
            }
        }
    }

    #[test]
    fn every_entry_of_the_swap_set_is_its_type_offset_and_marks() {
        for encoding in encodings() {
            let Some(swap) = encoding.layout().swap else {
                assert!(encoding.patterns(EntrySet::Swap).is_empty(), "{encoding}");
                assert!(encoding.patterns(EntrySet::Migration).is_empty(), "{encoding}");
                continue;
            };
            let [all] = encoding.patterns(EntrySet::Swap)[..] else { panic!("{encoding}: one pattern") };
            let marks = [swap.soft_dirty, swap.uffd_wp].into_iter().flatten();
            let marks = marks.fold(0, |mask, bit| mask | 1_u64 << bit);
            // Entries in which one free bit alone is set, or alone is clear.
            for entry in (0..64).flat_map(|bit| [all.free & 1 << bit, all.free & !(1 << bit)]) {
                let entry = all.value | entry;
                let rebuilt = swap.entry(swap.kind_of(entry), swap.offset_of(entry)).unwrap();
                assert_eq!(rebuilt | entry & marks, entry, "{encoding}");
            }
        }
    }

    #[test]
    fn what_arm64_can_hold_as_swap_entries() {
        let encoding = Encoding::at(Arch::Arm64, None, Version::new(6, 1)).unwrap();
        let [all] = encoding.patterns(EntrySet::Swap)[..] else { panic!("one pattern") };
        assert_eq!(all, Pattern { value: 0, free: 0x03ff_ffff_ffff_fff8 });
        assert_eq!(encoding.patterns(EntrySet::Migration).len(), 3);
    }
}
