//! Reports that the tool wrote, cut down to what is tested, and helpers to read their events.
#![allow(dead_code, reason = "each test uses some of this")]

use pmdscope_traces::{Event, EventKind, RunReport, Trace, Value};

/// A split that makes a migration entry present, against GUP-fast.
pub const SPLIT: &str = include_str!("../reports/arm64-split-gup.json");
/// `pmdp_invalidate()` with a third CPU that plays the MMU.
pub const MMU: &str = include_str!("../reports/riscv64-invalidate-mmu-store.json");
/// The split of a kernel, with words outside the entry that both routines use.
pub const KERNEL: &str = include_str!("../reports/arm64-kernel-split-gup.json");

pub fn report(json: &str) -> RunReport {
    serde_json::from_str(json).unwrap()
}

pub fn all() -> Vec<RunReport> {
    [SPLIT, MMU, KERNEL].map(report).into()
}

/// Returns the events up to a time. The first one happens at time 1.
pub fn by(trace: &Trace, time: u64) -> &[Event] {
    &trace.events[..trace.events.len().min(usize::try_from(time).unwrap())]
}

/// Returns the value of the entry after these events.
pub fn stands(report: &RunReport, events: &[Event]) -> Value {
    let accesses = events.iter().rev().find_map(|event| match event.what {
        EventKind::Load { entry, .. } => Some(entry),
        EventKind::Store { after, .. } | EventKind::Atomic { after, .. } => Some(after),
        _ => None,
    });
    accesses.unwrap_or(report.before.value)
}
