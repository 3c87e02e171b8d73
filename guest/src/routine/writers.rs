//! Routines that change an entry.

use pmdscope_arches::Version;

use super::description::{Installs, Routine, WRITER};

/// Every writer of bundled guests.
pub const ALL: &[&Routine] =
    &[&INVALIDATE, &INVALIDATE_AD, &INVALIDATE_CHECKED, &SPLIT_UNGUARDED, &SPLIT_GUARDED];

/// `pmdp_invalidate()`.
pub static INVALIDATE: Routine = Routine {
    name: "pmdp_invalidate",
    symbols: &["pmdp_invalidate"],
    meaning: "pmdp_invalidate(): makes a mapping invalid to the hardware and flushes it",
    ..WRITER
};

/// `pmdp_invalidate_ad()`.
pub static INVALIDATE_AD: Routine = Routine {
    name: "pmdp_invalidate_ad",
    symbols: &["pmdp_invalidate_ad"],
    meaning: "pmdp_invalidate_ad(): the same for callers who care about accessed and dirty only",
    since: Version::new(5, 19),
    ..WRITER
};

/// `pmdp_invalidate()` of a kernel with `CONFIG_DEBUG_VM`, which warns about an entry that is not present. Every
/// guest has it; for kernels without the warning it is a what-if.
pub static INVALIDATE_CHECKED: Routine = Routine {
    name: "pmdp_invalidate_checked",
    symbols: &["pmdp_invalidate_checked"],
    meaning: "pmdp_invalidate() with CONFIG_DEBUG_VM: warns first if the entry is not present",
    ..WRITER
};

/// A split that invalidates first and checks the returned entry afterwards. Every guest has it; if the kernel is
/// guarded it is a what-if.
pub static SPLIT_UNGUARDED: Routine = Routine {
    name: "split-unguarded",
    symbols: &["split_unguarded"],
    meaning: "split of a huge page that invalidates first and looks afterwards",
    ..SPLIT
};

/// A split that checks first and does not invalidate a migration entry. Every guest has it; if the kernel is
/// unguarded it is a what-if.
pub static SPLIT_GUARDED: Routine = Routine {
    name: "split-guarded",
    symbols: &["split_guarded"],
    meaning: "split of a huge page that does not invalidate a migration entry",
    ..SPLIT
};

const SPLIT: Routine = Routine { installs: Installs::Table, splits: true, ..WRITER };
