//! Findings in what a walker's loads returned.

use super::{Findings, Observed};
use crate::entry::Entry;
use crate::findings::{Finding, FindingName};

pub(super) fn judge(observed: &Observed<'_>, findings: &mut Findings) {
    let before = observed.before;
    for view in observed.views.iter().filter(|view| !view.installed) {
        let seen = &view.entry;
        let mut found = |name, explanation| {
            findings.add(Finding {
                name,
                view: seen.value,
                explanation,
                schedules: view.schedules.clone(),
                schedule: view.schedule.clone(),
            });
        };
        let changed = view.changes.join(" ");
        if observed.built_as_swap && before.predicates.present && seen.value == before.value {
            found(
                FindingName::SwapBuiltPresent,
                format!("swap entry {} is present as the kernel builds it", before.value),
            );
        }
        if before.predicates.swap && seen.predicates.present {
            found(
                FindingName::SwapBecomesPresent,
                format!("swap entry {} was seen as present entry {} ({changed})", before.value, seen.value),
            );
        }
        if before.predicates.swap && seen.predicates.swap && before.swap != seen.swap {
            found(
                FindingName::SwapDecodesDifferently,
                format!(
                    "swap entry {} holding {} was seen as {} holding {} ({changed})",
                    before.value,
                    held(before),
                    seen.value,
                    held(seen),
                ),
            );
        }
        if observed.began_with_mapping() && !seen.predicates.present && !view.by_walker {
            let looks = if seen.predicates.none { "empty" } else { "not present" };
            found(
                FindingName::PresentLost,
                format!(
                    "mapped entry {} was seen as {}, which is {looks} ({changed})",
                    before.value, seen.value
                ),
            );
        }
    }
}

fn held(entry: &Entry) -> String {
    entry.swap.map_or("nothing".to_owned(), |swap| format!("type {} offset {:#x}", swap.kind, swap.offset.0))
}
