//! The description that the file of each architecture gives.

use crate::byte_order::ByteOrder;
use crate::layout::Layout;
use crate::mmu::Mmu;
use crate::swap_types::SwapTypes;
use crate::version::Era;

/// A PFN that is easy to spot in hexadecimal, in memory that a small machine may have.
pub(crate) const DEFAULT_PFN: u64 = 0x81200;

/// Everything this crate knows about one architecture.
pub(crate) struct Architecture {
    /// The name used in commands, reports and file names.
    pub(crate) name: &'static str,
    /// Further names that are accepted: the architecture's own and those of distributions.
    pub(crate) aliases: &'static [&'static str],
    /// The byte order of its data.
    pub(crate) byte_order: ByteOrder,
    /// The byte order of its page-table entries.
    pub(crate) entry_byte_order: ByteOrder,
    /// The machine number in its ELF files (`e_machine`).
    pub(crate) elf_machine: u16,
    /// The page frame number that entries have if nobody chooses one, before it is rounded up to the start of a huge
    /// page.
    pub(crate) default_pfn: u64,
    /// The layouts of its entries.
    pub(crate) layouts: LayoutsByMmu,
    /// How its kernels number swap types, oldest first. Empty where huge pages cannot be migrated.
    pub(crate) swap_types: &'static [Era<SwapTypes>],
    /// Versions that are known to have no huge pages for it, with the sentence that says so.
    pub(crate) absences: &'static [Era<&'static str>],
}

/// The layouts of each kind of MMU that an architecture has.
#[derive(Clone, Copy)]
pub(crate) enum LayoutsByMmu {
    /// The architecture has only one kind of MMU.
    One(Layouts),
    /// The layouts of POWER's two kinds of MMU.
    RadixAndHash { radix: Layouts, hash: Layouts },
}

/// The layouts of one kind of MMU, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct Layouts {
    /// In kernels whose base pages and physical addresses have the usual size.
    pub(crate) usual: &'static [Era<Layout>],
    /// In kernels that are built with another size of either: one list for each pair of sizes.
    pub(crate) others: &'static [&'static [Era<Layout>]],
}

impl LayoutsByMmu {
    /// Returns the kinds of MMU; empty if the architecture has only one.
    pub(crate) const fn mmus(&self) -> &'static [Mmu] {
        match self {
            LayoutsByMmu::One(_) => &[],
            LayoutsByMmu::RadixAndHash { .. } => &[Mmu::Radix, Mmu::Hash],
        }
    }

    /// Returns the layouts of one kind of MMU. `mmu` is one of [`mmus`](Self::mmus), or `None` if that is empty.
    pub(crate) const fn of(&self, mmu: Option<Mmu>) -> &Layouts {
        match (self, mmu) {
            (LayoutsByMmu::One(layouts), _) => layouts,
            (LayoutsByMmu::RadixAndHash { radix, .. }, None | Some(Mmu::Radix)) => radix,
            (LayoutsByMmu::RadixAndHash { hash, .. }, Some(Mmu::Hash)) => hash,
        }
    }
}
