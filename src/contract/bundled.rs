//! Asks a bundled guest what it has of the helpers: the predicates, and `pmdp_invalidate()`.
//!
//! Its entries are those that the model of the encoding builds.

use std::collections::BTreeSet;

use anyhow::Result;
use pmdscope_arches::{Encoding, EntryKind, EntrySpec};
use pmdscope_emu::{CallBounds, CallExit, Calls, Machine, env, installed_table};
use pmdscope_guest::abi::{Answers, PREDICATES};
use pmdscope_guest::probe::{self, Level};
use pmdscope_guest::routine::{walkers, writers};
use pmdscope_traces::contract::{Answer, ClassedEntry, EntryClass, Missing, Observed, rules};

/// What a bundled guest has none of.
const LACKS: &str = "bundled guests have none: pmdscope probe makes a guest that has it";

/// Predicates of bundled guests, and the helpers that they are.
const TESTS: [(&str, &str); 10] = [
    ("pmd_none", "pmd_none"),
    ("pmd_present", "pmd_present"),
    ("pmd_leaf", "pmd_leaf"),
    ("pmd_trans_huge", "pmd_trans_huge"),
    ("pmd_bad", "pmd_bad"),
    ("pmd_protnone", "pmd_protnone"),
    ("pmd_write", "pmd_write"),
    ("pmd_devmap", "pmd_devmap"),
    ("pmd_special", "pmd_special"),
    ("pmd_migration", "softleaf_is_migration"),
];

/// Asks a machine with a bundled guest of an encoding.
pub fn observe(machine: &mut Machine, encoding: &Encoding) -> Result<Observed> {
    let mut observed = Observed::default();
    let needs = rules().iter().flat_map(|rule| rule.needs()).flat_map(|one_of| one_of.iter());
    observed.options =
        needs.map(|option| (*option).to_owned()).collect::<BTreeSet<_>>().into_iter().collect();
    for helper in probe::helpers() {
        observed.lacks.insert(helper.name.to_owned(), LACKS.to_owned());
    }
    observed.entries = entries(encoding);
    for class in
        [EntryClass::Protnone, EntryClass::Swap, EntryClass::MigrationRead, EntryClass::MigrationWrite]
    {
        if !observed.entries.iter().any(|entry| entry.class == class) {
            let why = format!("{encoding} has no such entries");
            observed.missing.insert((Level::Pmd, class), Missing::NotThere(why));
        }
    }

    let mut values: BTreeSet<u64> = observed.entries.iter().map(|entry| entry.value).collect();
    let invalidate = writers::INVALIDATE.symbol();
    note_helper(&mut observed, "pmdp_invalidate");
    for entry in values.clone() {
        let calls = Calls {
            entry,
            writer: invalidate,
            walker: walkers::PTE_OFFSET_MAP.symbol(),
            others: &[],
            env: env(encoding),
            pmd_shift: encoding.layout().pmd_shift,
            pfn: encoding.default_pfn(),
        };
        let (result, after) = machine.run_writer(&calls, CallBounds::default())?;
        let answer = match (result.end, result.outcome) {
            (CallExit::Returned, Some(outcome)) => Answer::Returned { value: outcome.entry, after },
            (end, _) => Answer::Unknown(end.to_string()),
        };
        values.insert(after);
        observed.note("pmdp_invalidate", entry, 0, answer);
    }

    let values: Vec<u64> = values.into_iter().collect();
    let answers = machine.survey(&values, &env(encoding))?;
    for (predicate, helper) in TESTS {
        let bit = PREDICATES.iter().position(|known| *known == predicate);
        let Some((helper, bit)) = note_helper(&mut observed, helper).zip(bit) else { continue };
        for (entry, answer) in values.iter().zip(&answers) {
            let value = answer.predicates >> bit & 1;
            observed.note(helper, *entry, 0, Answer::Returned { value, after: 0 });
        }
    }
    for (helper, of) in [
        ("pmd_pfn", (|answers| (answers.pfn, 0)) as fn(&Answers) -> (u64, u64)),
        ("__pmd_to_swp_entry", |answers| (answers.swp_type, answers.swp_offset)),
    ] {
        if helper == "__pmd_to_swp_entry" && encoding.layout().swap.is_none() {
            continue;
        }
        let Some(helper) = note_helper(&mut observed, helper) else { continue };
        for (entry, answer) in values.iter().zip(&answers) {
            let (value, after) = of(answer);
            observed.note(helper, *entry, 0, Answer::Returned { value, after });
        }
    }
    Ok(observed)
}

fn note_helper(observed: &mut Observed, name: &str) -> Option<&'static str> {
    let helper = probe::helper(name)?.name;
    observed.note_helper(helper);
    Some(helper)
}

/// Returns the entries that the model builds, with every combination of marks.
fn entries(encoding: &Encoding) -> Vec<ClassedEntry> {
    let class_of = |kind| match kind {
        EntryKind::None => Some(EntryClass::None),
        EntryKind::Table => Some(EntryClass::Table),
        EntryKind::PresentHuge | EntryKind::PresentHugeRo => Some(EntryClass::Mapping),
        EntryKind::Protnone => Some(EntryClass::Protnone),
        EntryKind::Swap => Some(EntryClass::Swap),
        EntryKind::MigrationRead | EntryKind::MigrationReadExclusive => Some(EntryClass::MigrationRead),
        EntryKind::MigrationWrite => Some(EntryClass::MigrationWrite),
        _ => None,
    };
    let mut entries = Vec::new();
    for kind in EntryKind::ALL {
        let Some(class) = class_of(kind) else { continue };
        for marks in 0..16_u8 {
            let spec = EntrySpec {
                kind,
                pfn: encoding.default_pfn(),
                young: marks & 1 != 0,
                dirty: marks & 2 != 0,
                soft_dirty: marks & 4 != 0,
                uffd_wp: marks & 8 != 0,
            };
            let Ok(mut value) = encoding.build(&spec) else { continue };
            if class == EntryClass::Table {
                value = installed_table(encoding);
            }
            let swap = encoding.swap_parts(value).map(|parts| (parts.kind, parts.offset));
            entries.push(ClassedEntry { level: Level::Pmd, class, value, swap });
        }
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}
