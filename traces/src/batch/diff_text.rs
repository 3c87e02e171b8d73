//! The differences between two batches, as text.

use crate::batch::diff::{Both, DiffReport, Group};
use crate::batch::facts::{Change, Facts, only_in};
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::{counted, one_line};

/// Formats the differences, in lines of at most 75 columns.
///
/// A command may be longer, so that it can be copied. Equal changes on several platforms, or in several
/// routines, have one heading and one example.
pub fn diff_text(report: &DiffReport) -> String {
    let mut lines = Lines::default();
    lines.paragraph("", "", &totals(report));
    about(&mut lines, report);
    let mut told: Vec<&[Change]> = Vec::new();
    for group in &report.groups {
        if !told.contains(&group.changes.as_slice()) {
            told.push(&group.changes);
            lines.gap();
            alike(&mut lines, report, &group.changes);
        }
    }
    lines.into_text()
}

/// Formats the numbers of jobs: in each batch, unchanged, changed, and in one batch only.
fn totals(report: &DiffReport) -> String {
    let Both { old, new } = report.jobs;
    let only = |change: &Change| {
        let groups = report.groups.iter().filter(|group| group.changes.iter().eq([change]));
        groups.map(|group| group.jobs).sum::<u64>()
    };
    let (only_old, only_new) = (only(&Change::OnlyOld), only(&Change::OnlyNew));
    let all: u64 = report.groups.iter().map(|group| group.jobs).sum();
    format!(
        "{} in the old batch, {} in the new one: {} the same, {} changed, {only_old} only in the old one, \
         {only_new} only in the new one.",
        counted(old, "job"),
        counted(new, "job"),
        report.same,
        all.saturating_sub(only_old).saturating_sub(only_new),
    )
}

/// Writes what concerns a batch as a whole: its programs, paired kernels and changed guests.
fn about(lines: &mut Lines, report: &DiffReport) {
    let Both { old, new } = &report.made_by;
    if old != new {
        let made_by = format!("made by {}, and now by {}", old.join(", "), new.join(", "));
        lines.paragraph("", "  ", &one_line(&made_by));
    }
    for pair in &report.kernels {
        let taken = format!("taken for one kernel on {}: {}, and now {}", pair.arch, pair.old, pair.new);
        lines.paragraph("", "  ", &one_line(&taken));
    }
    for guest in &report.guests {
        let (old, new) = (guest.sha256.old.join(" "), guest.sha256.new.join(" "));
        let other = format!("another file: {}, sha256 {old}, and now {new}", guest.guest);
        lines.paragraph("", "  ", &one_line(&other));
    }
}

/// Writes the groups with these changes, and the first of their examples.
fn alike(lines: &mut Lines, report: &DiffReport, changes: &[Change]) {
    let groups = || report.groups.iter().filter(|group| group.changes == changes);
    let jobs: u64 = groups().map(|group| group.jobs).sum();
    let said: Vec<String> = changes.iter().map(change).collect();
    let title = format!("{}: {}", counted(jobs, "job"), said.join("; "));
    lines.styled(style::TITLE, "  ", &one_line(&title));
    for group in groups() {
        lines.paragraph("  ", "    ", &one_line(&of(group)));
    }
    let example = groups().map(|group| &group.example).min_by_key(|example| first(example));
    if let Some(example) = example {
        self::example(lines, example, changes);
    }
}

/// Formats the line of a group: `arm64 6.1 7.2, split-unguarded against hmm on migration-read: 12 jobs`.
fn of(group: &Group) -> String {
    let Group { platform, writer, walker, .. } = group;
    let (versions, entries) = (group.versions.join(" "), group.entries.join(", "));
    let against = walker.as_ref().map_or(String::new(), |walker| format!(" against {walker}"));
    format!("{platform} {versions}, {writer}{against} on {entries}: {}", counted(group.jobs, "job"))
}

/// Formats a change in words.
fn change(change: &Change) -> String {
    match change {
        Change::OnlyOld => "only in the old batch".to_owned(),
        Change::OnlyNew => "only in the new batch".to_owned(),
        Change::Verdict { old, new } => format!("verdict {old}, and now {new}"),
        Change::Findings { gone, new } => {
            let gone = (!gone.is_empty()).then(|| format!("not found any more {}", gone.join(" ")));
            let new = (!new.is_empty()).then(|| format!("newly found {}", new.join(" ")));
            gone.into_iter().chain(new).collect::<Vec<_>>().join(", ")
        }
        Change::Split { old, new } => format!("split {old}, and now {new}"),
        Change::Before => "another entry before the writer".to_owned(),
        Change::After => "another entry after the writer".to_owned(),
        Change::Views => "the walker sees something else".to_owned(),
        Change::Outcomes => "the walker has other outcomes".to_owned(),
        Change::Schedules => "another number of schedules".to_owned(),
    }
}

/// Returns the lower of the two numbers of an example's job.
fn first(example: &Both<Option<Facts>>) -> Option<u64> {
    [&example.old, &example.new].into_iter().flatten().map(|facts| facts.job).min()
}

/// Writes an example: both values of each change that the heading only names, and the command to run it again.
fn example(lines: &mut Lines, example: &Both<Option<Facts>>, changes: &[Change]) {
    if let Both { old: Some(old), new: Some(new) } = example {
        for change in changes {
            differs(lines, change, old, new);
        }
    }
    let number = |facts: &Option<Facts>| facts.as_ref().map(|facts| facts.job);
    let job = match (number(&example.old), number(&example.new)) {
        (Some(old), Some(new)) if old != new => format!("job {old}, now {new}"),
        (Some(job), _) | (_, Some(job)) => format!("job {job}"),
        (None, None) => return,
    };
    if let Some(facts) = example.new.as_ref().or(example.old.as_ref()) {
        lines.command(&format!("  {job}: "), &one_line(&facts.command));
    }
}

/// Writes the old and the new values of a change, unless the heading has them.
fn differs(lines: &mut Lines, change: &Change, old: &Facts, new: &Facts) {
    let one =
        |entry: &Option<String>| vec![entry.clone().unwrap_or_else(|| "differs by schedule".to_owned())];
    let (what, old, new) = match change {
        Change::Before => ("before", one(&old.before), one(&new.before)),
        Change::After => ("after", one(&old.after), one(&new.after)),
        Change::Schedules => ("schedules", one(&old.schedules), one(&new.schedules)),
        Change::Views => ("saw", only_in(&old.views, &new.views), only_in(&new.views, &old.views)),
        Change::Outcomes => {
            ("outcome", only_in(&old.outcomes, &new.outcomes), only_in(&new.outcomes, &old.outcomes))
        }
        _ => return,
    };
    for (when, texts) in [("then", old), ("now", new)] {
        for text in texts {
            lines.paragraph("    ", "      ", &one_line(&format!("{what} {when}: {text}")));
        }
    }
}
