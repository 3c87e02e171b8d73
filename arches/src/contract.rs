//! What generic code relies on of each kind of entry, held against what the predicates say.

use crate::encoding::Encoding;
use crate::entry::EntryKind;

/// A predicate that does not say of an entry what generic code relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    /// The predicate.
    pub predicate: &'static str,
    /// What generic code relies on.
    pub expected: bool,
    /// What it says.
    pub got: bool,
}

/// What generic code relies on of an entry of a kind: a swap entry is neither present nor anything
/// that only a present entry can be, a present one is no swap entry, and so on.
///
/// It may ask `pmd_leaf()` only after `pmd_present()`, and `pmd_trans_huge()` of a swap entry only
/// if it can take the answer; they are held here too, because walkers differ in what they ask first.
/// `pmd_trans_huge()` may give either answer for device memory.
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
    /// What a predicate says, by the name it has in reports: `none`, `present`, `leaf`,
    /// `trans_huge`, `bad`, `protnone`, `write`, `devmap`, `special`, `swap`, `migration`. `None` if
    /// there is none of that name.
    pub fn predicate(&self, name: &str, entry: u64) -> Option<bool> {
        let predicates = &self.layout().predicates;
        Some(match name {
            "none" => (predicates.none)(entry),
            "present" => (predicates.present)(entry),
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

    /// Where the predicates say something else of `entry`, taken as one of `kind`, than generic code
    /// relies on. It judges the kernel's definitions, so a breach is a fact about the kernel.
    pub fn contract(&self, entry: u64, kind: EntryKind) -> Vec<Breach> {
        expectations(kind)
            .filter_map(|(predicate, expected)| {
                let got = self.predicate(predicate, entry)?;
                (got != expected).then_some(Breach { predicate, expected, got })
            })
            .collect()
    }
}
