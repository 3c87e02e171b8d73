//! The bundled guests, as `guest/build` made them.

use std::fmt;

use pmdscope_arches::{Arch, Mmu, Version};

use crate::elf::{Guest, GuestError};

/// A guest that comes with the program.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// Its name: architecture, MMU if the architecture has several, and the first version it is for.
    pub name: &'static str,
    /// The architecture.
    pub arch: Arch,
    /// The MMU kind, where the architecture has several.
    pub mmu: Option<Mmu>,
    /// The first Linux version whose entries, writers and walkers it has.
    pub from: Version,
    /// The last such version.
    pub to: Version,
    /// The ELF file.
    pub elf: &'static [u8],
    /// The SHA-256 of the ELF file, in lower-case hexadecimal digits.
    pub sha256: &'static str,
    /// The flags it was compiled with, besides those that all guests share.
    pub flags: &'static str,
}

impl Bundled {
    /// Loads the guest.
    pub fn load(&self) -> Result<Guest, GuestError> {
        Guest::parse(self.elf, self.arch)
    }
}

impl fmt::Debug for Bundled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundled({}, {} to {}, {})", self.name, self.from, self.to, self.sha256)
    }
}

/// Errors of finding a bundled guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundledError {
    /// The architecture has several MMUs and none was named, or it does not have the one that was named.
    #[error("{}", mmu_advice(.arch))]
    Mmu {
        /// The architecture.
        arch: Arch,
    },
    /// No guest is known to be right for the version.
    #[error(
        "no guest of {arch} is known to be right for Linux {version}: entries, writers or walkers changed around it in a version that is not known for sure, or did not exist; use one of {covered}"
    )]
    Uncovered {
        /// The architecture.
        arch: Arch,
        /// The version asked for.
        version: Version,
        /// The versions that are covered.
        covered: String,
    },
}

fn mmu_advice(arch: &Arch) -> String {
    match arch.mmus() {
        [] => format!("{arch} does not tell kinds of MMU apart: name none"),
        mmus => {
            let names: Vec<_> = mmus.iter().map(|mmu| mmu.name()).collect();
            format!("{arch} has several kinds of MMU: name one of {}", names.join(", "))
        }
    }
}

static ALL: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Returns every bundled guest, in the order of `guest/guests.txt`.
pub fn all_bundled() -> &'static [Bundled] {
    ALL
}

/// Finds the bundled guest of an architecture that is right for a Linux version.
pub fn bundled(arch: Arch, mmu: Option<Mmu>, version: Version) -> Result<&'static Bundled, BundledError> {
    if !mmu.map_or(arch.mmus().is_empty(), |mmu| arch.mmus().contains(&mmu)) {
        return Err(BundledError::Mmu { arch });
    }
    let guests = || ALL.iter().filter(|guest| guest.arch == arch && guest.mmu == mmu);
    guests().find(|guest| (guest.from..=guest.to).contains(&version)).ok_or_else(|| BundledError::Uncovered {
        arch,
        version,
        covered: guests()
            .map(|guest| {
                if guest.from == guest.to {
                    guest.from.to_string()
                } else {
                    format!("{} to {}", guest.from, guest.to)
                }
            })
            .collect::<Vec<_>>()
            .join(", "),
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use pmdscope_arches::{in_force, layouts};
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::abi::{PREDICATES, SURVEY, WARNING};
    use crate::routine::{self, Role, Routine, agents, walkers, writers};
    use crate::under_test;

    #[test]
    fn the_guests_are_those_of_guests_txt() {
        let listed: Vec<_> = include_str!("../guests.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let built: Vec<_> = all_bundled()
            .iter()
            .map(|guest| {
                let mmu = guest.mmu.map_or("-", Mmu::name);
                format!("{} {mmu} {} {}", guest.arch, guest.from, guest.to)
            })
            .collect();
        assert_eq!(listed, built, "run guest/build");
    }

    #[test]
    fn the_hashes_are_those_of_the_files() {
        for guest in all_bundled() {
            let mut hex = String::new();
            for byte in Sha256::digest(guest.elf) {
                write!(hex, "{byte:02x}").unwrap();
            }
            assert_eq!(hex, guest.sha256, "{}", guest.name);
        }
    }

    #[test]
    fn every_guest_has_what_it_must_have() {
        for bundled in all_bundled() {
            let guest = under_test::load(bundled);
            let walkers = (walkers::ALL.iter().copied())
                .filter(|walker| walker.since <= bundled.from && has_walker(bundled, walker));
            let writers = writers::ALL.iter().copied().filter(|writer| writer.since <= bundled.from);
            let agents = agents::ALL.iter().copied().filter(|_| has_agents(bundled));
            let needed = (walkers.chain(writers).chain(agents))
                .map(Routine::symbol)
                .chain(PREDICATES)
                .chain(["pmd_pfn", SURVEY, WARNING]);
            for name in needed {
                let address = guest.function(name).unwrap();
                assert_eq!(guest.symbol_at(address), Some((name, 0)), "{}", bundled.name);
            }
            for agent in routine::all(Role::Agent) {
                assert_eq!(guest.has_routine(agent), has_agents(bundled), "{}", bundled.name);
            }
            // Guests have no state. The linker gives every program for POWER a table of contents, which nothing
            // reads.
            let power = matches!(bundled.arch, Arch::Ppc64 | Arch::Ppc64le);
            let has_data = guest.segments().iter().any(|segment| segment.writable);
            assert_eq!(has_data, power, "{}", bundled.name);
        }
    }

    /// Whether the guest has a walker: not every kernel has GUP-fast (`HAVE_GUP_FAST`).
    fn has_walker(guest: &Bundled, walker: &Routine) -> bool {
        let gup_fast = [&walkers::GUP_FAST_READ, &walkers::GUP_FAST_WRITE, &walkers::PERF_PAGE_SIZE];
        !gup_fast.contains(&walker)
            || match guest.arch {
                Arch::Sparc64 => false,
                Arch::Riscv64 => guest.from >= Version::new(6, 9),
                _ => true,
            }
    }

    /// Whether the MMU marks entries by itself (`HAVE_MMU_MARKS`).
    fn has_agents(guest: &Bundled) -> bool {
        !matches!(guest.arch, Arch::S390x | Arch::Sparc64) && guest.mmu != Some(Mmu::Hash)
    }

    #[test]
    fn no_guest_spans_a_change_of_the_entry() {
        for guest in all_bundled() {
            let layouts = layouts(guest.arch, guest.mmu);
            let from = in_force(layouts, guest.from).map(|era| era.from);
            assert!(from.is_ok(), "{}: the model has a gap at {}", guest.name, guest.from);
            assert_eq!(from, in_force(layouts, guest.to).map(|era| era.from), "{}", guest.name);
        }
    }

    #[test]
    fn versions_are_found_or_refused() {
        let find = |arch, mmu, major, minor| bundled(arch, mmu, Version::new(major, minor));
        assert_eq!(find(Arch::X86_64, None, 6, 14).unwrap().name, "x86_64-6.12");
        assert_eq!(find(Arch::Ppc64, Some(Mmu::Hash), 5, 10).unwrap().name, "ppc64-hash-5.10");
        assert_eq!(
            find(Arch::X86_64, None, 6, 8).unwrap_err().to_string(),
            "no guest of x86_64 is known to be right for Linux 6.8: entries, writers or walkers changed around it in \
             a version that is not known for sure, or did not exist; use one of 5.10, 6.1, 6.6, 6.12 to 6.16, 6.17, 7.2"
        );
        assert_eq!(
            find(Arch::Ppc64le, None, 7, 2).unwrap_err().to_string(),
            "ppc64le has several kinds of MMU: name one of radix, hash"
        );
        assert_eq!(
            find(Arch::Arm64, Some(Mmu::Radix), 7, 2).unwrap_err().to_string(),
            "arm64 does not tell kinds of MMU apart: name none"
        );
        assert!(matches!(find(Arch::LoongArch64, None, 5, 10), Err(BundledError::Uncovered { .. })));
    }
}
