//! Reports of runs, the findings in them, and their encoders.
//!
//! This crate runs nothing. The binary's `study` fills a report from what it observed.
#![forbid(unsafe_code)]

pub mod batch;
mod comparison;
pub mod contract;
mod count;
mod decoded;
pub mod difference;
mod entry;
mod entry_name;
mod explained;
mod findings;
mod format;
pub mod formats;
pub mod functions;
pub mod html;
pub mod json;
pub mod jsonl;
mod judge;
pub mod kunit;
pub mod markdown;
pub mod matrix;
mod outcome;
pub mod patch;
mod printable;
mod report;
pub mod repro;
pub mod results;
pub mod schemas;
mod summary;
pub mod sweep;
mod sweep_summary;
pub mod text;
pub mod timelines;
mod view;
mod words;

pub use comparison::{COMPARE_SCHEMA, CompareReport, Lack, Skipped, UnavailableKernel};
pub use count::Count;
pub use decoded::{DecodeReport, DecodedEntry, Needed, Reading};
pub use entry::{Bit, Entry, Hex, Predicates, Swap, Value, changes};
pub use entry_name::EntryName;
pub use explained::{
    Choice, EXPLAIN_SCHEMA, ExplainReport, ExplainedValue, FitKind, FittingEntry, Level, MisfitReason,
    MisfittingEntry, NamedReading, Platform, VersionRange, WalkerOutcome,
};
pub use findings::Finding;
pub use judge::{
    Definition, Evidence, FindingName, Marked, Observed, Overwritten, Pair, RoutineNames, SerialOrder,
    Severity, StaleTake, SummarySection, Together, WriterChange, WriterRule, WriterSteps, judge,
    most_telling,
};
pub use outcome::{Outcome, RoutineResult};
pub use report::{
    AccessKind, Control, DECODE_SCHEMA, Divergence, Event, EventKind, Excluded, Exclusion, GuestInfo,
    GuestKind, Invalidated, KernelFacts, KernelWarning, PredicatesFrom, RUN_SCHEMA, References, RunReport,
    Schedules, SerialOutcomes, SplitGuard, Stored, Stub, Trace, TypesInfo, Verdict, Warning,
};
pub use text::WIDTH;
pub use view::View;
pub use words::{is_command, one_line, quoted};
