//! Comparisons as test results, judged by a list of what is known.

mod case;
mod diagnosis;
pub mod expect;
mod groups;
mod judgement;
pub mod junit;
pub mod ktap;
mod row_key;

pub use case::Found;
pub use judgement::{Conclusion, Judged, RowJudgement, RowResult};
