//! Comparisons to make pages of, taken from reports that the tool wrote.

use pmdscope_arches::EntryKind;
use pmdscope_traces::sweep::SweepReport;
use pmdscope_traces::{CompareReport, EntryName, EventKind, Lack, RunReport, Skipped, Verdict};

const UNGUARDED: &str = include_str!("reports/unguarded.json");
const GUARDED: &str = include_str!("reports/guarded.json");
const KERNEL: &str = include_str!("reports/kernel.json");
const SWEEP: &str = include_str!("../reports/sweep.json");

/// The name of a file that would do harm on a page that does not escape it.
pub const HARMFUL: &str = "<script>alert(1)</script>\"'&.deb";

fn run(json: &str) -> RunReport {
    serde_json::from_str(json).unwrap()
}

/// Returns a run of the split without its fix: it has findings.
pub fn unguarded() -> RunReport {
    run(UNGUARDED)
}

/// Returns a run of the split with its fix: it has no findings.
pub fn guarded() -> RunReport {
    run(GUARDED)
}

/// Returns a run that a bound stopped.
pub fn stopped() -> RunReport {
    RunReport {
        walker: "hmm".to_owned(),
        verdict: Verdict::Unknown,
        incomplete: Some("the bound on behaviours was reached".to_owned()),
        ..guarded()
    }
}

/// Returns a run whose guest does not have the encoding.
pub fn not_of_this_encoding() -> RunReport {
    RunReport {
        walker: "perf-page-size".to_owned(),
        verdict: Verdict::Unknown,
        disagreements: vec!["0x0000000000000000: pmd_none() says no, the model yes".to_owned()],
        ..guarded()
    }
}

/// Returns a run with a third CPU, which takes over the writer's flush.
pub fn with_a_third() -> RunReport {
    let mut row = RunReport { linux: "7.2".to_owned(), with: vec!["mmu-store".to_owned()], ..unguarded() };
    for trace in &mut row.traces {
        trace.with.push(trace.writer.clone());
        let flush = trace.events.iter_mut().find(|event| event.what == EventKind::Flush).unwrap();
        flush.cpu = 2;
    }
    row
}

/// Returns a run of a user's kernel, whose name would do harm.
pub fn kernel() -> RunReport {
    let mut row = run(KERNEL);
    row.guest.name = HARMFUL.to_owned();
    row.command = format!("pmdscope run --kernel '{HARMFUL}' --entry migration-read");
    row
}

fn compare(rows: Vec<RunReport>, skipped: Vec<(&str, Lack, &str)>) -> CompareReport {
    let skipped = skipped.into_iter().map(|(encoding, lacks, reason)| Skipped {
        encoding: encoding.to_owned(),
        lacks: Some(lacks),
        reason: reason.to_owned(),
    });
    let skipped = skipped.collect();
    CompareReport::new("pmdscope 0.1.0", rows, skipped)
}

/// Returns a comparison with every verdict, three CPUs, and rows that cannot exist.
pub fn guests() -> CompareReport {
    let of_migration_read = Lack::Entry(EntryName::Kind(EntryKind::MigrationRead));
    compare(
        vec![unguarded(), guarded(), stopped(), not_of_this_encoding(), with_a_third()],
        vec![
            ("arm64 7.2", Lack::Routine("hmm".to_owned()), "has no hmm: its kernel has no such routine"),
            (
                "sparc64 7.2",
                of_migration_read,
                "cannot express migration-read: huge pages cannot be migrated",
            ),
        ],
    )
}

/// Returns a comparison of two kernels, of which one cannot be run.
pub fn kernels() -> CompareReport {
    let lacks = Lack::Entry(EntryName::Kind(EntryKind::MigrationRead));
    compare(
        vec![kernel()],
        vec![("6.1.0-50-s390x", lacks, "cannot express migration-read: it came in Linux 6.17")],
    )
}

/// Returns the sweeps of a batch without runs: one with findings, and one that was not run to its end.
pub fn sweeps() -> CompareReport {
    let found: SweepReport = serde_json::from_str(SWEEP).unwrap();
    let stopped = SweepReport {
        entries: "swap".to_owned(),
        ran: None,
        classes: Vec::new(),
        incomplete: Some("what it does was not learned".to_owned()),
        verdict: Verdict::Unknown,
        ..found.clone()
    };
    CompareReport { sweeps: vec![found, stopped], ..nothing() }
}

/// Returns a comparison with runs and sweeps.
pub fn runs_and_sweeps() -> CompareReport {
    CompareReport { sweeps: sweeps().sweeps, ..guests() }
}

/// Returns a comparison in which nothing was run.
pub fn nothing() -> CompareReport {
    compare(Vec::new(), Vec::new())
}

/// Returns a comparison with as many columns as anyone can ask for.
pub fn wide() -> CompareReport {
    let entries = [
        EntryKind::MigrationWrite,
        EntryKind::Swap,
        EntryKind::PresentHuge,
        EntryKind::PresentHugeRo,
        EntryKind::Protnone,
        EntryKind::Devmap,
        EntryKind::None,
    ];
    let rows = entries.map(|kind| RunReport { entry: EntryName::Kind(kind), ..unguarded() });
    compare(rows.to_vec(), Vec::new())
}

/// Returns these comparisons, each of which makes another kind of page.
pub fn all() -> [CompareReport; 6] {
    [guests(), kernels(), nothing(), wide(), sweeps(), runs_and_sweeps()]
}
