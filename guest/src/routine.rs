//! The writers, walkers and agents: their names, their symbols, and what they are.

use std::fmt;
use std::str::FromStr;

use pmdscope_arches::{UnknownName, Version};

use crate::declared::{Declared, Installs, Precondition, Role};
use crate::elf::Guest;
use crate::outcome::Check;

/// A routine that changes an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writer {
    /// `pmdp_invalidate()`.
    Invalidate,
    /// `pmdp_invalidate_ad()`.
    InvalidateAd,
    /// `pmdp_invalidate()` of a kernel with `CONFIG_DEBUG_VM` that warns of an entry that is not
    /// present. Every guest has it, those of kernels without the warning too, as a what-if.
    InvalidateChecked,
    /// A split that invalidates first and looks at the returned entry afterwards. Every guest has
    /// it, as a what-if where the kernel is guarded.
    SplitUnguarded,
    /// A split that looks first and does not invalidate a migration entry. Every guest has it, as
    /// a what-if where the kernel is unguarded.
    SplitGuarded,
    /// One that a guest file declares.
    Declared(&'static Declared),
}

impl Writer {
    /// Every writer of the registry.
    pub const ALL: [Writer; 5] = [
        Writer::Invalidate,
        Writer::InvalidateAd,
        Writer::InvalidateChecked,
        Writer::SplitUnguarded,
        Writer::SplitGuarded,
    ];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Writer::Invalidate => "pmdp_invalidate",
            Writer::InvalidateAd => "pmdp_invalidate_ad",
            Writer::InvalidateChecked => "pmdp_invalidate_checked",
            Writer::SplitUnguarded => "split-unguarded",
            Writer::SplitGuarded => "split-guarded",
            Writer::Declared(declared) => declared.name.as_str(),
        }
    }

    /// The name of its function in a bundled guest.
    pub const fn symbol(self) -> &'static str {
        match self {
            Writer::Invalidate => "pmdp_invalidate",
            Writer::InvalidateAd => "pmdp_invalidate_ad",
            Writer::InvalidateChecked => "pmdp_invalidate_checked",
            Writer::SplitUnguarded => "split_unguarded",
            Writer::SplitGuarded => "split_guarded",
            Writer::Declared(declared) => declared.symbol.as_str(),
        }
    }

    /// What it puts in the place of the entry.
    pub const fn installs(self) -> Installs {
        match self {
            Writer::SplitUnguarded | Writer::SplitGuarded => Installs::Table,
            Writer::Declared(declared) => declared.installs,
            Writer::Invalidate | Writer::InvalidateAd | Writer::InvalidateChecked => Installs::Nothing,
        }
    }

    /// The entries that it is called with.
    pub const fn precondition(self) -> Precondition {
        match self {
            Writer::Declared(declared) => declared.precondition,
            _ => Precondition::Any,
        }
    }

    /// What it is, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Writer::Invalidate => "pmdp_invalidate(): makes a mapping invalid to the hardware and flushes it",
            Writer::InvalidateAd => {
                "pmdp_invalidate_ad(): the same for callers who care about accessed and dirty only"
            }
            Writer::InvalidateChecked => {
                "pmdp_invalidate() with CONFIG_DEBUG_VM: warns first if the entry is not present"
            }
            Writer::SplitUnguarded => "split of a huge page that invalidates first and looks afterwards",
            Writer::SplitGuarded => "split of a huge page that does not invalidate a migration entry",
            Writer::Declared(declared) => declared.meaning.as_str(),
        }
    }

    /// The first Linux version whose guests have it. Some guests of later versions may still be
    /// without; the last word is [`Guest::has`](crate::Guest::has).
    pub const fn since(self) -> Version {
        match self {
            Writer::InvalidateAd => Version::new(5, 19),
            _ => Version::OLDEST,
        }
    }
}

/// A routine that reads an entry without its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Walker {
    /// GUP-fast for reading.
    GupFastRead,
    /// GUP-fast for writing.
    GupFastWrite,
    /// `perf_get_pgtable_size()`.
    PerfPageSize,
    /// `hmm_vma_walk_pmd()`.
    Hmm,
    /// `pte_offset_map()`.
    PteOffsetMap,
    /// `__handle_mm_fault()` of a read.
    FaultRead,
    /// `__handle_mm_fault()` of a write.
    FaultWrite,
    /// `page_vma_mapped_walk()`.
    PageVmaMappedWalk,
    /// One that a guest file declares.
    Declared(&'static Declared),
}

impl Walker {
    /// Every walker of the registry.
    pub const ALL: [Walker; 8] = [
        Walker::GupFastRead,
        Walker::GupFastWrite,
        Walker::PerfPageSize,
        Walker::Hmm,
        Walker::PteOffsetMap,
        Walker::FaultRead,
        Walker::FaultWrite,
        Walker::PageVmaMappedWalk,
    ];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Walker::GupFastRead => "gup-fast-read",
            Walker::GupFastWrite => "gup-fast-write",
            Walker::PerfPageSize => "perf-page-size",
            Walker::Hmm => "hmm",
            Walker::PteOffsetMap => "pte-offset-map",
            Walker::FaultRead => "fault-read",
            Walker::FaultWrite => "fault-write",
            Walker::PageVmaMappedWalk => "page-vma-mapped-walk",
            Walker::Declared(declared) => declared.name.as_str(),
        }
    }

    /// The name of its function in a bundled guest.
    pub const fn symbol(self) -> &'static str {
        match self {
            Walker::GupFastRead => "gup_fast_read",
            Walker::GupFastWrite => "gup_fast_write",
            Walker::PerfPageSize => "perf_page_size",
            Walker::Hmm => "hmm",
            Walker::PteOffsetMap => "pte_offset_map",
            Walker::FaultRead => "fault_read",
            Walker::FaultWrite => "fault_write",
            Walker::PageVmaMappedWalk => "page_vma_mapped_walk",
            Walker::Declared(declared) => declared.symbol.as_str(),
        }
    }

    /// What it is, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Walker::GupFastRead => {
                "get_user_pages_fast() for reading: takes pages with interrupts off, without locks"
            }
            Walker::GupFastWrite => "get_user_pages_fast() for writing",
            Walker::PerfPageSize => "perf_get_pgtable_size(): size of the mapping at a sampled address",
            Walker::Hmm => "hmm_range_fault(): page frames for a device, pages to be faulted in",
            Walker::PteOffsetMap => {
                "pte_offset_map(), before 6.5 pmd_none_or_trans_huge_or_clear_bad(): from a PMD to its page table"
            }
            Walker::FaultRead => "page fault of a read, up to the first lock",
            Walker::FaultWrite => "page fault of a write, up to the first lock",
            Walker::PageVmaMappedWalk => {
                "page_vma_mapped_walk() without PVMW_MIGRATION: is the page mapped here?"
            }
            Walker::Declared(declared) => declared.meaning.as_str(),
        }
    }

    /// The first Linux version whose guests have it. Some architectures have no GUP-fast, or got
    /// it later; the last word is [`Guest::has`](crate::Guest::has).
    pub const fn since(self) -> Version {
        match self {
            Walker::PerfPageSize => Version::new(5, 11),
            _ => Version::OLDEST,
        }
    }

    /// The checks that this walker applies only to an entry that it takes for a present one. A
    /// walker that was refused by one of them went past its present check.
    pub const fn checks_past_present(self) -> &'static [Check] {
        match self {
            Walker::GupFastRead | Walker::GupFastWrite => &[
                Check::Leaf,
                Check::TransHuge,
                Check::Protnone,
                Check::Access,
                Check::Special,
                Check::Devmap,
                Check::Grab,
                Check::Reread,
            ],
            Walker::PerfPageSize => &[Check::Leaf, Check::TransHuge, Check::Devmap, Check::Bad],
            Walker::Hmm => &[Check::TransHuge, Check::Devmap, Check::Protnone, Check::Bad],
            Walker::PteOffsetMap | Walker::PageVmaMappedWalk => {
                &[Check::TransHuge, Check::Devmap, Check::Bad]
            }
            Walker::FaultRead | Walker::FaultWrite => &[
                Check::TransHuge,
                Check::Devmap,
                Check::Bad,
                Check::Protnone,
                Check::Write,
                Check::SetAccessed,
            ],
            Walker::Declared(declared) => declared.past_present.as_slice(),
        }
    }
}

/// A routine that does to an entry what the MMU does when it translates an access by it. Only guests
/// of architectures whose MMU marks entries by itself have them: ask [`Guest::has`](crate::Guest::has).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// The MMU at a user's load.
    MmuLoad,
    /// The MMU at a user's store.
    MmuStore,
    /// One that a guest file declares.
    Declared(&'static Declared),
}

impl Agent {
    /// Every agent of the registry.
    pub const ALL: [Agent; 2] = [Agent::MmuLoad, Agent::MmuStore];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Agent::MmuLoad => "mmu-load",
            Agent::MmuStore => "mmu-store",
            Agent::Declared(declared) => declared.name.as_str(),
        }
    }

    /// The name of its function in a bundled guest.
    pub const fn symbol(self) -> &'static str {
        match self {
            Agent::MmuLoad => "mmu_load",
            Agent::MmuStore => "mmu_store",
            Agent::Declared(declared) => declared.symbol.as_str(),
        }
    }

    /// What it is, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Agent::MmuLoad => "the MMU at a user's load: marks the entry accessed",
            Agent::MmuStore => "the MMU at a user's store: marks the entry accessed and dirty",
            Agent::Declared(declared) => declared.meaning.as_str(),
        }
    }
}

macro_rules! named {
    ($type:ident, $what:literal) => {
        impl $type {
            /// Those of a guest: what it declares, then those of the registry, whether it has them or not.
            pub fn of(guest: &Guest) -> Vec<$type> {
                let declared = guest.declared().iter().filter(|one| one.role == Role::$type);
                declared.map(|one| $type::Declared(one)).chain($type::ALL).collect()
            }

            /// The one of a guest with this name.
            ///
            /// # Errors
            /// If there is none.
            pub fn named(name: &str, guest: &Guest) -> Result<$type, UnknownName> {
                let all = $type::of(guest);
                let known = || UnknownName::new($what, name, all.iter().map(|one| one.name()));
                all.iter().find(|one| one.name() == name).copied().ok_or_else(known)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $type::ALL
                    .into_iter()
                    .find(|routine| routine.name() == text)
                    .ok_or_else(|| UnknownName::new($what, text, $type::ALL.iter().map(|r| r.name())))
            }
        }
    };
}

named!(Writer, "writer");
named!(Walker, "walker");
named!(Agent, "agent");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_the_nearest_is_proposed() {
        for writer in Writer::ALL {
            assert_eq!(writer.name().parse(), Ok(writer));
        }
        for walker in Walker::ALL {
            assert_eq!(walker.name().parse(), Ok(walker));
        }
        for agent in Agent::ALL {
            assert_eq!(agent.name().parse(), Ok(agent));
        }
        assert_eq!(
            "split-guraded".parse::<Writer>().unwrap_err().to_string(),
            "unknown writer 'split-guraded': did you mean 'split-guarded'?"
        );
        assert_eq!(
            "gup-fast".parse::<Walker>().unwrap_err().to_string(),
            "unknown walker 'gup-fast': did you mean 'gup-fast-read'?"
        );
        assert_eq!(
            "mmu-sotre".parse::<Agent>().unwrap_err().to_string(),
            "unknown agent 'mmu-sotre': did you mean 'mmu-store'?"
        );
    }
}
