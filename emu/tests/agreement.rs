//! The reference model (`pmdscope-arches`) and the machine code of the guests agree on every entry that is tried.
//! Neither is derived from the other: the guests are compiled from the kernel's definitions.

use std::fmt::Write;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use pmdscope_arches::{Encoding, EntryKind};
use pmdscope_emu::{Bounds, CallExit, Calls, Reduction, WRITER, env};
use pmdscope_guest::abi::{Answers, PREDICATES};
use pmdscope_guest::routine::writers;

use crate::support::{SEED, accesses, encodings, kinds, machine, on_every_guest, random_entry};

/// Number of entries that are tried for each encoding.
const ENTRIES: usize = 120_000;

/// Maximum number of disagreements that a message shows in full.
const SHOWN: usize = 5;

/// Returns at least `count` entries of every sort: those that a kernel would build, those next to them, and random values.
pub fn entries(encoding: &Encoding, count: usize) -> Vec<u64> {
    let mut rng = Rng::with_seed(SEED);
    let bits = || (0..64).map(|bit| 1u64 << bit);
    let mut entries: Vec<u64> = [0, u64::MAX].into();
    entries.extend(bits().chain(bits().map(|bit| !bit)));

    // Any single bit may decide a predicate: a few entries of each kind are tried with each bit flipped.
    let kinds = kinds(encoding);
    for kind in &kinds {
        for _ in 0..64 {
            let entry = random_entry(&mut rng, encoding, *kind);
            entries.extend(iter::once(entry).chain(bits().map(|bit| entry ^ bit)));
        }
    }
    for _ in 0..30_000 {
        let kind = kinds[rng.usize(..kinds.len())];
        let entry = random_entry(&mut rng, encoding, kind);
        let flips = rng.usize(0..=3);
        entries.push((0..flips).fold(entry, |entry, _| entry ^ 1 << rng.u32(..64)));
    }
    // Nearly all plain random values are alike, for example present. Values with few or many bits set are not.
    while entries.len() < count {
        let (a, b, c) = (rng.u64(..), rng.u64(..), rng.u64(..));
        entries.extend([a, a & b, a | b, a & b & c, a | b | c]);
    }
    entries
}

/// Returns the model's answers, in the form in which a guest answers.
fn model(encoding: &Encoding, entry: u64) -> Answers {
    let layout = encoding.layout();
    let says = &layout.predicates;
    let holds = |name: &str| match name {
        "pmd_none" => (says.none)(entry),
        "pmd_present" => (says.present)(entry),
        "pmd_leaf" => (says.leaf)(entry),
        "pmd_trans_huge" => (says.trans_huge)(entry),
        "pmd_bad" => (says.bad)(entry),
        "pmd_protnone" => (says.protnone)(entry),
        "pmd_swap" => encoding.is_swap(entry),
        "pmd_migration" => encoding.is_migration(entry),
        "pmd_write" => (says.write)(entry),
        "pmd_devmap" => (says.devmap)(entry),
        "pmd_special" => (says.special)(entry),
        "pmd_access_read" => (says.access_permitted)(entry, false),
        "pmd_access_write" => (says.access_permitted)(entry, true),
        unknown => panic!("the model has no {unknown}"),
    };
    let predicates = PREDICATES.iter().enumerate().map(|(bit, name)| u64::from(holds(name)) << bit).sum();
    Answers {
        predicates,
        pfn: (says.pfn)(entry),
        // Where huge pages cannot be migrated a guest answers 0.
        swp_type: layout.swap.map_or(0, |swap| swap.kind_of(entry)),
        swp_offset: layout.swap.map_or(0, |swap| swap.offset_of(entry)),
    }
}

/// Describes every answer that differs: the question, the guest's answer, and the model's.
pub fn differences(guest: &Answers, model: &Answers) -> Vec<String> {
    let mut differences: Vec<String> = PREDICATES
        .iter()
        .enumerate()
        .map(|(bit, name)| (name, guest.predicates >> bit & 1, model.predicates >> bit & 1))
        .filter(|(_, guest, model)| guest != model)
        .map(|(name, guest, model)| format!("{name} is {guest} in the guest, {model} in the model"))
        .collect();
    if guest.predicates >> PREDICATES.len() != 0 {
        differences.push(format!("the guest answers {:#x}, with bits that mean nothing", guest.predicates));
    }
    let values = [
        ("pmd_pfn", guest.pfn, model.pfn),
        ("pmd_swp_type", guest.swp_type, model.swp_type),
        ("pmd_swp_offset", guest.swp_offset, model.swp_offset),
    ];
    for (name, guest, model) in values.into_iter().filter(|(_, guest, model)| guest != model) {
        differences.push(format!("{name} is {guest:#x} in the guest, {model:#x} in the model"));
    }
    differences
}

#[test]
fn the_guests_predicates_are_those_of_the_model_for_any_entry() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let mut complaints = Vec::new();
        for encoding in encodings(guest) {
            let entries = entries(&encoding, ENTRIES);
            let answers = machine.survey(&entries, &env(&encoding)).unwrap();
            assert_eq!(answers.len(), entries.len());
            let mut different = 0;
            let mut text = String::new();
            for (entry, answer) in entries.iter().zip(&answers) {
                let differences = differences(answer, &model(&encoding, *entry));
                if differences.is_empty() {
                    continue;
                }
                different += 1;
                if different <= SHOWN {
                    write!(text, "\n  {entry:#018x}: {}", differences.join("; ")).unwrap();
                }
            }
            if different > 0 {
                let all = entries.len();
                complaints
                    .push(format!("{encoding}, guest {}: {different} of {all} differ:{text}", guest.name));
            }
        }
        complaints
    });
}

#[test]
fn the_entries_tried_make_every_predicate_true_and_false() {
    on_every_guest(|guest| {
        let mut complaints = Vec::new();
        for encoding in encodings(guest) {
            let entries = entries(&encoding, ENTRIES);
            assert!(entries.len() >= ENTRIES);
            let (ever, always) = entries
                .iter()
                .map(|entry| model(&encoding, *entry).predicates)
                .fold((0, u64::MAX), |(ever, always), one| (ever | one, always & one));
            let kinds = kinds(&encoding);
            for (bit, name) in PREDICATES.iter().enumerate() {
                // A predicate may be false for every value if the encoding has no such entries.
                let may_be_never = match *name {
                    "pmd_devmap" => !kinds.contains(&EntryKind::Devmap),
                    "pmd_protnone" => !kinds.contains(&EntryKind::Protnone),
                    "pmd_swap" | "pmd_migration" => encoding.layout().swap.is_none(),
                    "pmd_special" => true,
                    _ => false,
                };
                let (ever, always) = (ever >> bit & 1 == 1, always >> bit & 1 == 1);
                if always || !ever && !may_be_never {
                    complaints.push(format!("{encoding}: {name} is the same for all entries"));
                }
            }
        }
        complaints
    });
}

#[test]
fn pmdp_invalidate_leaves_in_memory_what_the_model_says() {
    const OF_EACH_KIND: usize = 1_000;
    let runs = AtomicU64::new(0);
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let mut complaints = Vec::new();
        for encoding in encodings(guest) {
            let mut rng = Rng::with_seed(SEED);
            for kind in kinds(&encoding) {
                let mut different = 0;
                let mut first = String::new();
                for _ in 0..OF_EACH_KIND {
                    // No entry is built with bit 6 of POWER's hash MMU, H_PAGE_BUSY, on which the writer waits for
                    // ever (bounds.rs).
                    let entry = random_entry(&mut rng, &encoding, kind);
                    let job = Calls {
                        others: &[],
                        entry,
                        writer: writers::INVALIDATE.symbol(),
                        // Any walker that makes few accesses; it runs after the writer here.
                        walker: "pte_offset_map",
                        env: env(&encoding),
                        pmd_shift: encoding.layout().pmd_shift,
                        // No struct page is touched.
                        pfn: 0,
                    };
                    let writer_first = Bounds { schedules: 1, ..Bounds::default() };
                    let exploration = machine.explore(&job, &writer_first, Reduction::None).unwrap();
                    let run = &exploration.runs[0];
                    assert_eq!(run.writer.end, CallExit::Returned, "{encoding}, {kind} {entry:#018x}");
                    let mut stores =
                        accesses(run, WRITER).into_iter().filter(|access| access.store_pc.is_some());
                    let Some(left) = stores.next_back().map(|store| store.after) else {
                        panic!("{encoding}: the writer stores nothing on {kind} {entry:#018x}");
                    };
                    let expected = (encoding.layout().invalidated)(entry);
                    if left != expected {
                        different += 1;
                        if different == 1 {
                            first =
                                format!("{entry:#018x} becomes {left:#018x}, in the model {expected:#018x}");
                        }
                    }
                    runs.fetch_add(1, Ordering::Relaxed);
                }
                if different > 0 {
                    let name = guest.name;
                    complaints.push(format!("{encoding}, guest {name}, {kind}: {different} differ: {first}"));
                }
            }
        }
        complaints
    });
    assert!(runs.into_inner() > 0);
}
