//! What differs between two kernels, as lines of text.

use crate::difference::Difference;
use crate::difference::words::{self, Group, GroupKind};
use crate::text::style::{self, paint};
use crate::text::wrapped::wrapped;

/// The most details of an example: more would hide the other groups.
const MOST_DETAILS: usize = 8;

/// Formats a difference, in lines of at most `columns` columns; one line if nothing differs and all is known.
pub(crate) fn difference(difference: &Difference, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = wrapped("", "  ", &words::headline(difference), columns)
        .iter()
        .map(|line| paint(style::TITLE, line))
        .collect();
    lines.extend(groups(difference, columns));
    for line in words::unmatched(difference) {
        lines.extend(wrapped("  ", "    ", &line, columns));
    }
    if let Some(unknown) = words::unknown(difference) {
        lines.extend(wrapped("", "  ", &unknown, columns).iter().map(|line| paint(style::UNKNOWN, line)));
    }
    lines
}

/// Formats the runs that differ, those with the same findings together.
pub(crate) fn groups(difference: &Difference, columns: usize) -> Vec<String> {
    words::groups(difference).iter().flat_map(|group| self::group(group, columns)).collect()
}

fn group(group: &Group, columns: usize) -> Vec<String> {
    let style = match group.kind {
        GroupKind::Worse => style::WRONG,
        GroupKind::Better => style::HOLDS,
        GroupKind::Other => style::TITLE,
    };
    let heading = wrapped("  ", "    ", &group.heading, columns);
    let mut lines: Vec<String> = heading.iter().map(|line| paint(style, line)).collect();
    for run in &group.runs {
        lines.extend(wrapped("      ", "        ", run, columns));
    }
    let is_clear = group.runs.iter().eq([&group.example]);
    if !group.details.is_empty() && !is_clear {
        lines.extend(wrapped("    ", "      ", &format!("such as {}:", group.example), columns));
    }
    for detail in group.details.iter().take(MOST_DETAILS) {
        lines.extend(wrapped("      ", "        ", detail, columns));
    }
    let more = group.details.len().saturating_sub(MOST_DETAILS);
    if more > 0 {
        lines.push(format!("      and {more} more: --format json has all"));
    }
    lines
}
