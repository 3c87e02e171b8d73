//! Comparisons as test results, judged by a list of expected findings.

mod case;
mod diagnosis;
pub mod expect;
mod groups;
mod judgement;
pub mod junit;
pub mod ktap;
pub mod list;
mod row_key;

pub use case::Found;
pub use judgement::{Conclusion, Judged, RowJudgement, RowResult};
