//! How findings are recognised in what was observed.

use crate::count::Count;
use crate::entry::{Entry, Value};
use crate::findings::{Finding, FindingName};
use crate::report::{Outcome, View};
use crate::words;

/// A store by the walker, which should only read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwritten {
    /// What its loads had returned by then, in order.
    pub seen: Vec<Value>,
    /// What it left there.
    pub after: Value,
    /// Under how many schedules.
    pub schedules: Count,
    /// The shortest of them.
    pub schedule: String,
}

/// Accessed or dirty bits that were set by one that plays the MMU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// What it found, and what it left.
    pub before: Value,
    /// The same with the bits.
    pub after: Value,
    /// The old entry that the writer returned or concluded from, if it came to an end.
    pub returned: Option<Value>,
    /// What stands in the end.
    pub in_the_end: Value,
    /// Under how many schedules.
    pub schedules: Count,
    /// The shortest of them.
    pub schedule: String,
}

/// What the findings are judged from.
pub struct Observed<'a> {
    /// What stood before the writer.
    pub before: &'a Entry,
    /// Whether that was built as a swap entry, whatever the predicates say of it.
    pub built_as_swap: bool,
    /// What the walker's loads returned.
    pub views: &'a [View],
    /// What the walker came to.
    pub outcomes: &'a [Outcome],
    /// What the walker stored, with the entry its decision rests on.
    pub overwritten: &'a [Overwritten],
    /// What was marked by one that plays the MMU.
    pub marked: &'a [Marked],
}

/// The findings in what was observed, in the order of [`FindingName::ALL`].
pub fn judge(observed: &Observed<'_>) -> Vec<Finding> {
    let before = observed.before;
    let mut findings = Vec::new();
    for view in observed.views.iter().filter(|view| !view.installed) {
        let seen = &view.entry;
        let finding = |name, explanation| Finding {
            name,
            view: seen.value,
            explanation,
            schedules: view.schedules.clone(),
            schedule: view.schedule.clone(),
        };
        let changed = view.changes.join(" ");
        if observed.built_as_swap && before.predicates.present && seen.value == before.value {
            findings.push(finding(
                FindingName::SwapBuiltPresent,
                format!("swap entry {} is present as the kernel builds it", before.value),
            ));
        }
        if before.predicates.swap && seen.predicates.present {
            findings.push(finding(
                FindingName::SwapBecomesPresent,
                format!("swap entry {} was seen as present entry {} ({changed})", before.value, seen.value),
            ));
        }
        if before.predicates.swap && seen.predicates.swap && before.swap != seen.swap {
            findings.push(finding(
                FindingName::SwapDecodesDifferently,
                format!(
                    "swap entry {} holding {} was seen as {} holding {} ({changed})",
                    before.value,
                    held(before),
                    seen.value,
                    held(seen),
                ),
            ));
        }
        let mapped = before.predicates.present && before.predicates.leaf && !observed.built_as_swap;
        if mapped && !seen.predicates.present && !view.by_walker {
            let looks = if seen.predicates.none { "empty" } else { "not present" };
            findings.push(finding(
                FindingName::PresentLost,
                format!(
                    "mapped entry {} was seen as {}, which is {looks} ({changed})",
                    before.value, seen.value
                ),
            ));
        }
    }

    let taken_for_present: Vec<_> = findings
        .iter()
        .filter(|finding| {
            matches!(finding.name, FindingName::SwapBuiltPresent | FindingName::SwapBecomesPresent)
        })
        .map(|finding| finding.view)
        .collect();
    for outcome in observed.outcomes {
        // A walker that crashed says nothing of its decision; it had seen only this.
        let decided_on = outcome.decided_on.or(outcome.last_view);
        let Some(view) = decided_on.filter(|view| taken_for_present.contains(view)) else { continue };
        let name = match outcome.result.as_str() {
            "page" => FindingName::WalkerTookPage,
            "crash" => FindingName::WalkerPastPresent,
            _ if outcome.past_present => FindingName::WalkerPastPresent,
            _ => continue,
        };
        findings.push(Finding {
            name,
            view,
            explanation: format!(
                "the walker went past its present check on swap entry {}, seen as {view}: {}",
                before.value,
                words::outcome(outcome)
            ),
            schedules: outcome.schedules.clone(),
            schedule: outcome.schedule.clone(),
        });
    }
    for store in observed.overwritten {
        // A walker may start over after it has stored, so its outcome says nothing of this.
        let Some(view) = store.seen.iter().rev().find(|view| taken_for_present.contains(view)) else {
            continue;
        };
        let explanation = format!(
            "the walker took swap entry {}, seen as {view}, for damaged and overwrote what stood there with {}",
            before.value, store.after
        );
        match findings.iter_mut().find(|known| known.explanation == explanation) {
            Some(known) => {
                known.schedules += &store.schedules;
                if length(&store.schedule) < length(&known.schedule) {
                    known.schedule.clone_from(&store.schedule);
                }
            }
            None => findings.push(Finding {
                name: FindingName::WalkerClearedEntry,
                view: *view,
                explanation,
                schedules: store.schedules.clone(),
                schedule: store.schedule.clone(),
            }),
        }
    }
    for marked in observed.marked {
        // Lost is what is neither in the entry that the writer got back nor in the one that stands.
        let bits = marked.before.0 ^ marked.after.0;
        let kept = |value: Value| (value.0 ^ marked.after.0) & bits == 0;
        if bits != 0 && marked.returned.is_some_and(|returned| !kept(returned)) && !kept(marked.in_the_end) {
            findings.push(Finding {
                name: FindingName::BitsLost,
                view: marked.after,
                explanation: format!(
                    "the MMU changed {} to {}, the writer returned {}, and {} stands in the end",
                    marked.before,
                    marked.after,
                    marked.returned.unwrap_or(marked.in_the_end),
                    marked.in_the_end
                ),
                schedules: marked.schedules.clone(),
                schedule: marked.schedule.clone(),
            });
        }
    }
    findings.sort_by_key(|finding| finding.name);
    findings
}

/// How long a schedule is, as it is written: its switches, then its accesses.
fn length(schedule: &str) -> (usize, u64) {
    let turns = schedule.split_whitespace();
    let accesses = turns.clone().filter_map(|turn| turn.get(1..)?.parse::<u64>().ok());
    (turns.count(), accesses.sum())
}

fn held(entry: &Entry) -> String {
    entry.swap.map_or("nothing".to_owned(), |swap| format!("type {} offset {:#x}", swap.kind, swap.offset.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_with_fewer_switches_is_shorter_then_one_with_fewer_accesses() {
        let mut schedules = ["W2 K1 W1 K2", "W2 K13 W1", "K1 W4", "W2 K3 W1", ""];
        schedules.sort_by_key(|schedule| length(schedule));
        assert_eq!(schedules, ["", "K1 W4", "W2 K3 W1", "W2 K13 W1", "W2 K1 W1 K2"]);
    }
}
