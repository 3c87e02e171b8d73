//! What runs show: the types of reports, the findings in them, and their encoders.
//!
//! Nothing here runs anything. A report is filled from what was observed; see the binary's `study`.

mod called;
pub mod chrome;
mod count;
mod diagnosis;
mod entry;
pub mod expect;
mod findings;
mod groups;
pub mod html;
pub mod json;
mod judge;
mod judgement;
pub mod junit;
pub mod ktap;
pub mod kunit;
pub mod markdown;
mod picture;
mod race;
mod report;
pub mod repro;
mod signals;
mod style;
mod summary;
pub mod table;
pub mod text;
mod timeline;
pub mod vcd;
mod words;
mod wrapped;

pub use count::Count;
pub use entry::{Bit, Entry, Hex, Predicates, Swap, Value, changes};
pub use findings::{Finding, FindingName, most_telling};
pub use judge::{Marked, Observed, Overwritten, judge};
pub use judgement::{Conclusion, Judged, RowJudgement, RowResult};
pub use report::{
    COMPARE_SCHEMA, CompareReport, Control, DECODE_SCHEMA, DecodeReport, Divergence, Event, GuestInfo,
    Invalidated, KernelFacts, Outcome, RUN_SCHEMA, References, RunReport, Schedules, Skipped, SplitGuard,
    Stored, Stub, Trace, Verdict, View, Warning, What,
};
pub use wrapped::WIDTH;
