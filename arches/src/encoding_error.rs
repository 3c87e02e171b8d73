//! The reasons why a version has no encoding.

use crate::arch::Arch;
use crate::mmu::Mmu;
use crate::version::{Gap, Version};

/// Errors of [`Encoding::at`](crate::Encoding::at).
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
        /// The MMU kind that was requested.
        mmu: Mmu,
    },
    /// That version of Linux lacks the architecture, or huge pages on it.
    #[error("{why}: use {newer} or newer")]
    Absent {
        /// A sentence that says what the version lacks.
        why: &'static str,
        /// The first version known to have it.
        newer: Version,
    },
    /// It is not known which encoding was in force in the version.
    #[error("{what} of {arch} in Linux {version} is not known for sure: {}", advice(.gap))]
    Unknown {
        /// The part of the encoding that changed, for the message.
        what: &'static str,
        /// The architecture.
        arch: Arch,
        /// The version asked for.
        version: Version,
        /// The nearest versions whose encoding is known.
        gap: Gap,
    },
}

/// Lists the names of MMU kinds, for a message.
fn names(mmus: &[Mmu]) -> String {
    mmus.iter().map(|mmu| mmu.name()).collect::<Vec<_>>().join(", ")
}

/// Lists the architectures that distinguish MMU kinds, for a message.
fn architectures_with_mmus() -> String {
    let with_mmus = Arch::ALL.into_iter().filter(|arch| !arch.mmus().is_empty());
    with_mmus.map(Arch::name).collect::<Vec<_>>().join(" and ")
}

/// Recommends the versions nearest to a gap, for a message.
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
