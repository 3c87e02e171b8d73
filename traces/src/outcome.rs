//! The outcome of a routine.

use pmdscope_guest::Check;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Hex, Value};

/// The decision of a routine, or its end without a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoutineResult {
    /// It left the entry alone and gave up, or took a slower path.
    Refused,
    /// It took a reference on a page.
    Page,
    /// It took the entry for a mapping of a huge page, without taking a reference.
    Leaf,
    /// It took the entry for a pointer to a page table, and went on there.
    Table,
    /// It waits for a migration to end, or went to sleep.
    Wait,
    /// It asked for the page to be faulted in.
    Fault,
    /// It started over.
    Retry,
    /// A writer returned the old entry, and concluded nothing from it.
    Old,
    /// A writer returned, and does not return an entry; or a function of a kernel that is called by its types.
    Returned,
    /// A writer took the old entry for a mapping.
    Mapped,
    /// A writer took the old entry for a migration entry.
    Migrating,
    /// A writer found nothing to split.
    Unsplit,
    /// An agent marked the entry.
    Marked,
    /// It accessed memory that does not exist, or raised an exception.
    Crash,
    /// It did not end within the bounds.
    Unknown,
}

impl RoutineResult {
    /// Returns the name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            RoutineResult::Refused => "refused",
            RoutineResult::Page => "page",
            RoutineResult::Leaf => "leaf",
            RoutineResult::Table => "table",
            RoutineResult::Wait => "wait",
            RoutineResult::Fault => "fault",
            RoutineResult::Retry => "retry",
            RoutineResult::Old => "old",
            RoutineResult::Returned => "returned",
            RoutineResult::Mapped => "mapped",
            RoutineResult::Migrating => "migrating",
            RoutineResult::Unsplit => "unsplit",
            RoutineResult::Marked => "marked",
            RoutineResult::Crash => "crash",
            RoutineResult::Unknown => "unknown",
        }
    }
}

/// The outcome of a routine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The result, such as `refused`, `page`, `leaf`, `table`, `wait`, `fault` or `retry`; `crash` if the
    /// routine accessed memory that does not exist or raised an exception; `unknown` if it did not end.
    pub result: RoutineResult,
    /// The check that decided.
    #[serde(with = "check_name")]
    #[schemars(with = "Option<String>")]
    pub stopped_by: Option<Check>,
    /// The page frame number that it took, or took for mapped.
    pub pfn: Option<Hex>,
    /// The number of bytes that it took for mapped.
    pub size: Option<u64>,
    /// The number that a function of a kernel returned which is called by its types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Hex>,
    /// The entry that the decision rests on.
    pub decided_on: Option<Value>,
    /// The last entry that a load returned, if the routine did not return and so left no decision.
    pub last_view: Option<Value>,
    /// How it ended, if not by returning.
    pub ended: Option<String>,
    /// Whether the deciding check comes after the walker's present check.
    pub past_present: bool,
    /// The number of schedules with this outcome.
    pub schedules: Count,
    /// One of these schedules, with the fewest switches: `W3 K2` is three accesses of the writer, then two of
    /// the walker.
    pub schedule: String,
}

impl Outcome {
    /// Whether the routine took the entry for a mapping.
    pub fn takes_page(&self) -> bool {
        matches!(self.result, RoutineResult::Page | RoutineResult::Leaf)
    }
}

/// A check by its name.
pub(crate) mod check_name {
    use std::borrow::Cow;

    use pmdscope_arches::UnknownName;
    use pmdscope_guest::Check;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(check: &Option<Check>, to: S) -> Result<S::Ok, S::Error> {
        check.map(Check::name).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Check>, D::Error> {
        let Some(name) = Option::<Cow<'_, str>>::deserialize(from)? else { return Ok(None) };
        let known = Check::ALL.iter().find(|check| check.name() == name);
        let unknown = || UnknownName::new("check", &name, Check::ALL.iter().map(|check| check.name()));
        known.copied().map(Some).ok_or_else(|| de::Error::custom(unknown()))
    }
}

/// Describes the outcome of a routine in words.
pub(crate) fn in_words(outcome: &Outcome) -> String {
    let check = outcome.stopped_by.map_or("no check", Check::name);
    let page = outcome.pfn.map_or(String::new(), |pfn| format!(" page {:#x}", pfn.0));
    let of_page = if page.is_empty() { String::new() } else { format!(" of{page}") };
    match outcome.result {
        // A kernel's walker does not report which check stopped it.
        RoutineResult::Refused if outcome.stopped_by.is_none() && outcome.past_present => {
            "took nothing, stopped by a later check".to_owned()
        }
        RoutineResult::Refused if outcome.stopped_by.is_none() => "took nothing".to_owned(),
        RoutineResult::Refused => format!("refused by {check}"),
        RoutineResult::Page => format!("took{page}"),
        RoutineResult::Leaf => {
            let size = outcome.size.map_or("a huge page".to_owned(), bytes);
            let at = if page.is_empty() { String::new() } else { format!(" at{page}") };
            let by = if outcome.stopped_by.is_none() { String::new() } else { format!(" ({check})") };
            format!("took it for {size} mapped{at}{by}")
        }
        RoutineResult::Table => "went on to the page table".to_owned(),
        RoutineResult::Wait if outcome.ended.is_some() => outcome.ended.clone().unwrap_or_default(),
        RoutineResult::Wait => format!("waits for the migration{of_page}"),
        RoutineResult::Fault => format!("asks for a fault ({check})"),
        RoutineResult::Retry => format!("starts over ({check})"),
        RoutineResult::Old => "returned the old entry".to_owned(),
        RoutineResult::Returned => match outcome.returned {
            Some(number) => format!("returned {:#x}", number.0),
            None => "ran to its end".to_owned(),
        },
        RoutineResult::Mapped => format!("took the old entry for a mapping{of_page}"),
        RoutineResult::Migrating => format!("took the old entry for a migration{of_page}"),
        RoutineResult::Unsplit => "found nothing to split".to_owned(),
        RoutineResult::Marked => "marked the entry".to_owned(),
        RoutineResult::Crash | RoutineResult::Unknown => match &outcome.ended {
            Some(ended) => format!("{}: {ended}", outcome.result.name()),
            None => outcome.result.name().to_owned(),
        },
    }
}

/// Formats a size in the largest unit that divides it: `2 MiB`.
pub(crate) fn bytes(size: u64) -> String {
    [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| size >= *unit && size.is_multiple_of(*unit))
        .map_or(format!("{size} bytes"), |(unit, name)| format!("{} {name}", size / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_checks_are_read_back_by_their_names() {
        for check in Check::ALL {
            let outcome = Outcome {
                result: RoutineResult::Refused,
                stopped_by: Some(*check),
                pfn: None,
                size: None,
                returned: None,
                decided_on: None,
                last_view: None,
                ended: None,
                past_present: false,
                schedules: Count::default(),
                schedule: String::new(),
            };
            let text = serde_json::to_string(&outcome).unwrap();
            assert!(text.contains(&format!("\"stopped_by\":\"{check}\"")), "{text}");
            assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
            let other = text.replace(check.name(), "no such check");
            let error = serde_json::from_str::<Outcome>(&other).unwrap_err().to_string();
            assert!(error.contains("unknown check 'no such check'"), "{error}");
        }
    }
}
