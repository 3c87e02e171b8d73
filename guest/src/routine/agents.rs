//! Agents: routines that do to an entry what the MMU does when it translates an access by the entry.

use super::description::{AGENT, Routine};

/// Every agent of bundled guests.
pub const ALL: &[&Routine] = &[&MMU_LOAD, &MMU_STORE];

/// The MMU at a user's load.
pub static MMU_LOAD: Routine = Routine {
    name: "mmu-load",
    symbols: &["mmu_load"],
    meaning: "the MMU at a user's load: marks the entry accessed",
    ..AGENT
};

/// The MMU at a user's store.
pub static MMU_STORE: Routine = Routine {
    name: "mmu-store",
    symbols: &["mmu_store"],
    meaning: "the MMU at a user's store: marks the entry accessed and dirty",
    ..AGENT
};
