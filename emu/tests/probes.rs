//! Bundled guests and probes agree: our own C says of every entry what the kernel's own headers say.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pmdscope_arches::Encoding;
use pmdscope_emu::{Machine, env};
use pmdscope_guest::{Guest, bundled};
use pmdscope_needs::probes;

use crate::agreement::{differences, entries};

/// Number of entries that are tried for each encoding.
const ENTRIES: usize = 1_000_000;

/// Maximum number of disagreements that a message shows.
const SHOWN: usize = 5;

/// Returns the guest in a file.
fn probe(path: &Path) -> Guest {
    let bytes = fs::read(path).unwrap();
    Guest::parse(&bytes, Guest::arch_of(&bytes).unwrap()).unwrap()
}

/// Compares a probe with the bundled guest of its encoding. Returns a line about it, and the differences, if there are
/// any.
fn compare(path: &Path) -> (String, Option<String>) {
    let guest = probe(path);
    let note = guest.note().unwrap_or_else(|| panic!("{}: this is no probe", path.display())).clone();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let Ok(encoding) = Encoding::at(guest.arch(), note.mmu, note.version) else {
        return (format!("{name}: no encoding of {} is known", note.version), None);
    };
    if !note.is_set("TRANSPARENT_HUGEPAGE") || note.is_set("PPC_4K_PAGES") {
        return (format!("{name}: bundled guests have huge pages, and pages of 64K on POWER"), None);
    }
    let ours = bundled(encoding.arch(), encoding.mmu(), encoding.version()).unwrap().load().unwrap();
    let entries = entries(&encoding, ENTRIES);
    let of =
        |guest: Guest| Machine::new(guest).and_then(|mut machine| machine.survey(&entries, &env(&encoding)));
    let theirs = match of(guest) {
        Ok(answers) => answers,
        Err(error) => return (name.clone(), Some(format!("{name}: {error}"))),
    };
    let ours = of(ours).unwrap();
    assert_eq!((theirs.len(), ours.len()), (entries.len(), entries.len()));
    // Without these options no entry is protnone for the kernel. A bundled guest has them.
    let protnone = ["NUMA_BALANCING", "ARCH_HAS_PTE_PROTNONE"].iter().any(|option| note.is_set(option));
    let mut different = 0;
    let mut shown = String::new();
    for ((entry, theirs), ours) in entries.iter().zip(&theirs).zip(&ours) {
        let mut found = differences(theirs, ours);
        found.retain(|difference| protnone || !difference.starts_with("pmd_protnone is 0"));
        if !found.is_empty() {
            different += 1;
            if different <= SHOWN {
                shown += &format!("\n  {entry:#018x}: {}", found.join("; "));
            }
        }
    }
    let line = format!("{name}: {} entries, {different} differ", entries.len());
    let complaint =
        format!("{name} (the kernel) and the bundled guest (\"the model\") differ about {different}:{shown}");
    (line, (different > 0).then_some(complaint))
}

#[test]
fn probes_and_bundled_guests_agree_about_a_million_entries() {
    let probes = probes();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(path) = probes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = compare(path);
                    eprintln!("{}", result.0);
                    results.lock().unwrap().push(result);
                }
            });
        }
    });
    let complaints: Vec<String> =
        results.into_inner().unwrap().into_iter().filter_map(|(_, complaint)| complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
