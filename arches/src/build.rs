//! Builds entries in an encoding, and takes them apart again.

use crate::arch::{layouts, swap_types};
use crate::encoding::Encoding;
use crate::entry::{EntryError, EntryKind, EntrySpec, MigrationParts, SwapParts};
use crate::field::{Bits, Form};
use crate::layout::{Layout, Leaf, when};
use crate::swap::SwapFormat;
use crate::swap_types::Reading;
use crate::swap_use::SwapUse;
use crate::version::{Era, Version};

/// The swap type of entries of kind `swap`: the type of an ordinary swap file.
const ORDINARY_SWAP: u64 = 1;

impl Encoding {
    /// Builds the entry that `spec` describes, as the kernel would leave it in a page table.
    pub fn build(&self, spec: &EntrySpec) -> Result<u64, EntryError> {
        let built = match spec.kind {
            EntryKind::None => unmarked(spec).map(|()| self.none()),
            EntryKind::Table => self.build_table(spec),
            EntryKind::PresentHuge | EntryKind::PresentHugeRo | EntryKind::Protnone | EntryKind::Devmap => {
                self.build_leaf(spec)
            }
            EntryKind::Swap => self.build_swap(spec),
            EntryKind::MigrationRead | EntryKind::MigrationReadExclusive | EntryKind::MigrationWrite => {
                self.build_migration(spec)
            }
        };
        built.map_err(|why| EntryError { encoding: self.to_string(), kind: spec.kind, why })
    }

    /// Returns a PFN that fits every kind of entry in this encoding, at the start of a huge page: 0x81200 rounded up, and
    /// 0x800 on LoongArch.
    pub fn default_pfn(&self) -> u64 {
        self.arch().description().default_pfn.next_multiple_of(self.huge_pages())
    }

    /// Decodes a swap entry; `None` if the entry is not a swap entry, or the architecture has no swap format.
    pub fn swap_parts(&self, entry: u64) -> Option<SwapParts> {
        let swap = self.layout().swap.filter(|_| self.is_swap(entry))?;
        let marked = |bit: Option<u8>| bit.is_some_and(|bit| entry & (1 << bit) != 0);
        let (kind, offset) = (swap.kind_of(entry), swap.offset_of(entry));
        let migration = self.migration_kind(kind).map(|kind| {
            let (young, dirty) = self.young_dirty_in(offset);
            MigrationParts { kind, pfn: self.page_in(offset), young, dirty }
        });
        Some(SwapParts {
            kind,
            offset,
            soft_dirty: marked(swap.soft_dirty),
            uffd_wp: marked(swap.uffd_wp),
            migration,
        })
    }

    /// Returns every use that a swap entry can have, since the use of a swap type depends on the kernel's
    /// configuration. First comes the use in a kernel with every option, then the uses in kernels with fewer.
    /// Empty if the entry is not a swap entry.
    pub fn readings(&self, entry: u64) -> Vec<Reading> {
        self.swap_parts(entry).map_or_else(Vec::new, |parts| self.types_era().value.readings(parts.kind))
    }

    /// Returns the page frame of a swap entry whose type has the use `purpose`. The caller chooses the use, see
    /// [`readings`](Self::readings). `None` if the entry is not a swap entry, or the use holds no page.
    pub fn pfn_read_as(&self, entry: u64, purpose: SwapUse) -> Option<u64> {
        let parts = self.swap_parts(entry).filter(|_| purpose.holds_page())?;
        Some(self.page_in(parts.offset))
    }

    /// Returns the first page frame of the huge page that an entry refers to. A swap entry counts as a migration
    /// entry if its type means migration in any configuration. `None` if the entry refers to no page, to page
    /// frame 0, or to one where no huge page can begin.
    pub fn huge_page_of(&self, entry: u64) -> Option<u64> {
        let under_migration = || {
            self.readings(entry)
                .iter()
                .find_map(|reading| reading.purpose.migration().map(|_| reading.purpose))
        };
        let pfn = match self.form(entry) {
            Form::Swap => self.pfn_read_as(entry, under_migration()?)?,
            _ => self.pfn_of(entry)?,
        };
        (pfn != 0 && pfn.is_multiple_of(self.huge_pages())).then_some(pfn)
    }

    /// Returns whether the offset of a migration entry says that the page was accessed, and that it was dirty.
    pub(crate) fn young_dirty_in(&self, offset: u64) -> (bool, bool) {
        let (marks, kept) = (offset >> self.pfn_bits().width(), self.keeps_young_dirty());
        (kept && marks & 1 != 0, kept && marks & 2 != 0)
    }

    /// Returns the page frame number that an offset holds.
    fn page_in(&self, offset: u64) -> u64 {
        if self.migration_types().young_dirty { self.pfn_bits().of(offset) } else { offset }
    }

    /// Returns how many low bits of a migration entry's offset hold the page frame number: all 58 of a
    /// `swp_entry_t` in versions that do not keep young and dirty above it.
    pub fn migration_pfn_bits(&self) -> u8 {
        if self.migration_types().young_dirty { self.pfn_bits().width() } else { 58 }
    }

    /// Returns the page frame that an entry holds: `pmd_pfn()` of a present leaf, the page under migration of a
    /// migration entry. `None` for all other entries.
    pub fn pfn_of(&self, entry: u64) -> Option<u64> {
        match self.form(entry) {
            Form::Leaf | Form::InvalidLeaf => Some((self.layout().predicates.pfn)(entry)),
            Form::Swap => Some(self.swap_parts(entry)?.migration?.pfn),
            Form::None | Form::Table => None,
        }
    }

    /// Returns the physical address of the table that an entry points to; `None` for all other entries.
    pub fn table_of(&self, entry: u64) -> Option<u64> {
        if self.form(entry) != Form::Table {
            return None;
        }
        let Layout { table, physical_bits, .. } = self.layout();
        // Each bit of the address has a place of its own in an entry.
        let bits = (0..*physical_bits).map(|bit| 1_u64 << bit);
        Some(bits.filter(|bit| entry & (table(*bit) ^ table(0)) != 0).fold(0, |address, bit| address | bit))
    }

    fn build_table(&self, spec: &EntrySpec) -> Result<u64, String> {
        unmarked(spec)?;
        self.fits(spec.pfn, 1)?;
        let entry = (self.layout().table)(spec.pfn << self.layout().page_shift);
        if self.is_none(entry) {
            return Err(format!("with PFN {:#x} it is the empty entry", spec.pfn));
        }
        Ok(entry)
    }

    fn build_leaf(&self, spec: &EntrySpec) -> Result<u64, String> {
        if spec.uffd_wp {
            return Err("only a swap entry can ask for userfaultfd write protection".to_owned());
        }
        self.fits(spec.pfn, self.huge_pages())?;
        let asked = Leaf {
            pfn: spec.pfn,
            write: matches!(spec.kind, EntryKind::PresentHuge | EntryKind::Devmap),
            young: spec.young,
            dirty: spec.dirty,
            soft_dirty: spec.soft_dirty,
            protnone: spec.kind == EntryKind::Protnone,
            devmap: spec.kind == EntryKind::Devmap,
        };
        let plain = Leaf::default();
        let wishes = [
            ("device memory (DEVMAP)", Leaf { devmap: asked.devmap, ..plain }),
            ("protnone", Leaf { protnone: asked.protnone, ..plain }),
            ("soft-dirty", Leaf { soft_dirty: asked.soft_dirty, ..plain }),
        ];
        for (what, wish) in wishes {
            if (self.layout().leaf)(wish).is_none() {
                return Err(self.lacks(what, |layout| (layout.leaf)(wish).is_some()));
            }
        }
        (self.layout().leaf)(asked)
            .ok_or_else(|| "the architecture has no bits for all of it at once".to_owned())
    }

    /// Builds the swap entry of type `kind` whose offset is `spec.pfn`, with the soft-dirty and write-protection
    /// marks of `spec`.
    pub fn build_swap_of(&self, kind: u64, spec: &EntrySpec) -> Result<u64, EntryError> {
        self.swap_of(kind, spec).map_err(|why| EntryError {
            encoding: self.to_string(),
            kind: EntryKind::Swap,
            why,
        })
    }

    fn build_swap(&self, spec: &EntrySpec) -> Result<u64, String> {
        self.swap_of(ORDINARY_SWAP, spec)
    }

    fn swap_of(&self, kind: u64, spec: &EntrySpec) -> Result<u64, String> {
        let swap = self.swap_format()?;
        if spec.young || spec.dirty {
            return Err("only a migration entry keeps young and dirty".to_owned());
        }
        let entry = swap.entry(kind, spec.pfn).ok_or_else(|| {
            if spec.pfn > swap.offset.max() {
                format!("offset {:#x} is too large: the largest is {:#x}", spec.pfn, swap.offset.max())
            } else {
                format!("type {kind:#x} is too large: the largest is {:#x}", swap.largest_kind())
            }
        })?;
        self.mark(&swap, entry, spec)
    }

    fn build_migration(&self, spec: &EntrySpec) -> Result<u64, String> {
        let swap = self.swap_format()?;
        let types = self.migration_types();
        let kind = match spec.kind {
            EntryKind::MigrationRead => types.read,
            EntryKind::MigrationWrite => types.write,
            _ => types.read_exclusive.ok_or_else(|| {
                let when = elsewhere(swap_types(self.arch()), self.version(), |types| {
                    types.migration().read_exclusive.is_some()
                });
                format!("no such migration type: {when}")
            })?,
        };
        self.fits(spec.pfn, self.huge_pages())?;
        if (spec.young || spec.dirty) && !types.young_dirty {
            let when =
                elsewhere(swap_types(self.arch()), self.version(), |types| types.migration().young_dirty);
            return Err(format!("migration entries keep no young and dirty: {when}"));
        }
        if (spec.young || spec.dirty) && !self.has_room(&swap) {
            return Err("the offset has no room for young and dirty above the PFN".to_owned());
        }
        let marks = (when(spec.young, 1) | when(spec.dirty, 2)) << self.pfn_bits().width();
        let entry = swap
            .entry(kind, spec.pfn | marks)
            .ok_or_else(|| format!("type {kind} or PFN {:#x} does not fit the swap format", spec.pfn))?;
        self.mark(&swap, entry, spec)
    }

    fn mark(&self, swap: &SwapFormat, entry: u64, spec: &EntrySpec) -> Result<u64, String> {
        let soft_dirty: Marker = ("soft-dirty of a swap entry", |swap| swap.soft_dirty);
        let uffd_wp: Marker = ("userfaultfd write protection of a swap entry", |swap| swap.uffd_wp);
        let mut entry = entry;
        for (asked, (what, bit)) in [(spec.soft_dirty, soft_dirty), (spec.uffd_wp, uffd_wp)] {
            if asked {
                let has = |layout: &Layout| layout.swap.as_ref().and_then(bit).is_some();
                entry |= 1 << bit(swap).ok_or_else(|| self.lacks(what, has))?;
            }
        }
        Ok(entry)
    }

    fn swap_format(&self) -> Result<SwapFormat, String> {
        self.layout().swap.ok_or_else(|| {
            let when =
                elsewhere(layouts(self.arch(), self.mmu()), self.version(), |layout| layout.swap.is_some());
            format!("huge pages cannot be migrated: {when}")
        })
    }

    fn migration_kind(&self, kind: u64) -> Option<EntryKind> {
        let types = self.migration_types();
        if kind == types.read {
            Some(EntryKind::MigrationRead)
        } else if kind == types.write {
            Some(EntryKind::MigrationWrite)
        } else {
            (types.read_exclusive == Some(kind)).then_some(EntryKind::MigrationReadExclusive)
        }
    }

    /// `SWP_PFN_BITS`: the bits of the offset that hold a page frame number.
    fn pfn_bits(&self) -> Bits {
        Bits::new(0, self.layout().physical_bits - self.layout().page_shift - 1)
    }

    /// Whether migration entries keep young and dirty (`swap_migration_ad_supported`): from 6.1 on, where the
    /// offset has room for them.
    pub fn keeps_young_dirty(&self) -> bool {
        self.migration_types().young_dirty && self.layout().swap.is_some_and(|swap| self.has_room(&swap))
    }

    fn has_room(&self, swap: &SwapFormat) -> bool {
        swap.offset.width() >= self.pfn_bits().width() + 2
    }

    /// Returns the number of base pages in a huge page.
    fn huge_pages(&self) -> u64 {
        1 << (self.layout().pmd_shift - self.layout().page_shift)
    }

    fn fits(&self, pfn: u64, multiple_of: u64) -> Result<(), String> {
        let largest = self.pfn_bits().max() / multiple_of * multiple_of;
        if pfn > largest {
            return Err(format!("PFN {pfn:#x} is too large: the largest is {largest:#x}"));
        }
        if !pfn.is_multiple_of(multiple_of) {
            return Err(format!(
                "PFN {pfn:#x} is not where a huge page begins: not a multiple of {multiple_of:#x}"
            ));
        }
        Ok(())
    }

    fn lacks(&self, what: &str, has: impl Fn(&Layout) -> bool) -> String {
        let when = elsewhere(layouts(self.arch(), self.mmu()), self.version(), has);
        format!("no bit for {what}: {when}")
    }
}

/// A marker of swap entries: its name in messages, and the bit that a swap format has for it.
type Marker = (&'static str, fn(&SwapFormat) -> Option<u8>);

/// Refuses a spec that asks for a mark on an entry without a page.
fn unmarked(spec: &EntrySpec) -> Result<(), String> {
    let marks = [
        (spec.young, "young"),
        (spec.dirty, "dirty"),
        (spec.soft_dirty, "soft-dirty"),
        (spec.uffd_wp, "write-protected for userfaultfd"),
    ];
    match marks.into_iter().find(|(asked, _)| *asked) {
        Some((_, mark)) => Err(format!("it maps no page that could be {mark}")),
        None => Ok(()),
    }
}

/// Names the versions that have a feature which `version` lacks, for a message.
fn elsewhere<T>(eras: &'static [Era<T>], version: Version, has: impl Fn(&T) -> bool) -> String {
    let mut lacking = version;
    for era in eras.iter().filter(|era| era.to >= version) {
        if has(&era.value) {
            return if lacking.successor() == era.from {
                format!("it came in Linux {}", era.from)
            } else {
                format!("it came after Linux {lacking}, and Linux {} has it", era.from)
            };
        }
        lacking = lacking.max(era.to);
    }
    match eras.iter().rev().find(|era| era.to < version && has(&era.value)) {
        Some(era) => format!("Linux {} is the last known to have it", era.to),
        None => format!("no version from {} to {} has it", Version::OLDEST, Version::NEWEST),
    }
}
