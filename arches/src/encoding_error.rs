//! The reasons for which a version has no encoding.

use crate::arch::Arch;
use crate::mmu::Mmu;
use crate::version::{Gap, Version};

/// Why there is no encoding to give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// The architecture has several MMUs and none was named.
    #[error("{arch} has several MMU kinds: name one of {}", names(.arch.mmus()))]
    MmuNeeded {
        /// The architecture.
        arch: Arch,
    },
    /// The architecture has no such MMU.
    #[error("{arch} has no {mmu} MMU: only {} tell MMU kinds apart", architectures_with_mmus())]
    NoSuchMmu {
        /// The architecture.
        arch: Arch,
        /// What was asked for.
        mmu: Mmu,
    },
    /// That version of Linux lacks the architecture, or huge pages on it.
    #[error("{why}: use {newer} or newer")]
    Absent {
        /// The sentence that says what it lacks.
        why: &'static str,
        /// The first version known to have it.
        newer: Version,
    },
    /// The version lies where it is not known which encoding was in force.
    #[error("{what} of {arch} in Linux {version} is not known for sure: {}", advice(.gap))]
    Unknown {
        /// What changed.
        what: &'static str,
        /// The architecture.
        arch: Arch,
        /// The version asked for.
        version: Version,
        /// The eras on both sides.
        gap: Gap,
    },
}

/// The names of kinds of MMU, for a list in a sentence.
fn names(mmus: &[Mmu]) -> String {
    mmus.iter().map(|mmu| mmu.name()).collect::<Vec<_>>().join(", ")
}

/// The architectures that tell kinds of MMU apart.
fn architectures_with_mmus() -> String {
    let with_mmus = Arch::ALL.into_iter().filter(|arch| !arch.mmus().is_empty());
    with_mmus.map(Arch::name).collect::<Vec<_>>().join(" and ")
}

/// The versions nearest to a gap.
fn advice(gap: &Gap) -> String {
    let older = gap.older.map(|version| match version {
        Version::OLDEST => version.to_string(),
        _ => format!("{version} or older"),
    });
    let newer = gap.newer.map(|version| match version {
        Version::NEWEST => version.to_string(),
        _ => format!("{version} or newer"),
    });
    match (older, newer) {
        (Some(older), Some(newer)) => format!("use {older}, or {newer}"),
        (Some(known), None) | (None, Some(known)) => format!("use {known}"),
        (None, None) => "no version of it is known".to_owned(),
    }
}
