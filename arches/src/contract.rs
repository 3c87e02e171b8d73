//! The answers that generic code expects of the predicates for each kind of entry, compared with the actual
//! answers.

use crate::encoding::Encoding;
use crate::entry::EntryKind;

/// A predicate whose answer for an entry differs from the one that generic code relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    /// Name of the predicate, as in [`Encoding::predicate`].
    pub predicate: &'static str,
    /// The answer that generic code relies on.
    pub expected: bool,
    /// The answer of the kernel's own definition.
    pub got: bool,
}

/// Returns the answers that generic code relies on for a kind of entry: a swap entry is neither present nor
/// anything that only a present entry can be, a present entry is not a swap entry, and so on.
///
/// Generic code may call `pmd_leaf()` only after `pmd_present()`, and `pmd_trans_huge()` on a swap entry only if
/// it can handle the answer. Both are checked here all the same, because walkers differ in the predicate they call
/// first. `pmd_trans_huge()` may give either answer for device memory.
fn expectations(kind: EntryKind) -> impl Iterator<Item = (&'static str, bool)> {
    let device = kind == EntryKind::Devmap;
    let table = kind == EntryKind::Table;
    let page =
        device || matches!(kind, EntryKind::PresentHuge | EntryKind::PresentHugeRo | EntryKind::Protnone);
    [
        ("none", Some(kind == EntryKind::None)),
        ("present", Some(page || table)),
        ("leaf", Some(page)),
        ("trans_huge", (!device).then_some(page)),
        ("bad", table.then_some(false)),
        ("protnone", Some(kind == EntryKind::Protnone)),
        ("devmap", page.then_some(device)),
        ("swap", Some(kind.is_swap())),
        ("migration", Some(kind.is_swap() && kind != EntryKind::Swap)),
    ]
    .into_iter()
    .filter_map(|(predicate, expected)| Some((predicate, expected?)))
}

impl Encoding {
    /// Returns the answer of a predicate, by its name in reports: `none`, `present`, `leaf`, `trans_huge`, `bad`,
    /// `protnone`, `write`, `devmap`, `special`, `swap`, `migration`. `None` if no predicate has the name.
    pub fn predicate(&self, name: &str, entry: u64) -> Option<bool> {
        let predicates = &self.layout().predicates;
        Some(match name {
            "none" => self.is_none(entry),
            "present" => self.is_present(entry),
            "leaf" => (predicates.leaf)(entry),
            "trans_huge" => (predicates.trans_huge)(entry),
            "bad" => (predicates.bad)(entry),
            "protnone" => (predicates.protnone)(entry),
            "write" => (predicates.write)(entry),
            "devmap" => (predicates.devmap)(entry),
            "special" => (predicates.special)(entry),
            "swap" => self.is_swap(entry),
            "migration" => self.is_migration(entry),
            _ => return None,
        })
    }

    /// Returns the predicates whose answers for `entry`, taken as an entry of `kind`, differ from those that
    /// generic code relies on. The answers are those of the kernel's own definitions, so a breach is a fact about
    /// the kernel.
    pub fn contract(&self, entry: u64, kind: EntryKind) -> Vec<Breach> {
        expectations(kind)
            .filter_map(|(predicate, expected)| {
                let got = self.predicate(predicate, entry)?;
                (got != expected).then_some(Breach { predicate, expected, got })
            })
            .collect()
    }
}
