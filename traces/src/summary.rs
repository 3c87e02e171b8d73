//! A comparison as table cells, and as a summary in words. Both are derived from its report alone.

use std::collections::BTreeMap;
use std::fmt::Write;

use pmdscope_arches::platform_name;

use crate::comparison::{CompareReport, Skipped, UnavailableKernel};
use crate::count::Count;
use crate::entry::{Swap, Value};
use crate::findings::Finding;
use crate::judge::FindingName;
use crate::judge::{Severity, SummaryGrouping};
use crate::outcome::{self, Outcome};
use crate::report::{RunReport, SplitGuard, Verdict};
use crate::sweep::SweepReport;
use crate::view::View;
use crate::{sweep_summary, words};

/// A comparison as a table: its header, then a line for each row, the worst consequence first.
pub fn table(report: &CompareReport) -> Vec<Vec<String>> {
    // Either all rows are of kernels, or none is.
    let kernels = report.rows.iter().any(|row| row.kernel.is_some());
    let header: &[&str] = if kernels { &KERNEL_COLUMNS } else { &COLUMNS };
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    let cells = |line: TableLine<'_>| match line {
        TableLine::Run(row) => {
            let mut cells = if kernels { kernel_cells(row) } else { guest_cells(row) };
            cells.push(at_worst(row));
            cells
        }
        TableLine::Unavailable(UnavailableKernel { kernel, reason }) => {
            let mut cells = vec![Verdict::Unknown.word().to_owned(), kernel.clone()];
            cells.resize(KERNEL_COLUMNS.len() - 1, String::new());
            cells.push(reason.clone());
            cells
        }
    };
    std::iter::once(header).chain(lines(report).into_iter().map(cells)).collect()
}

/// A line of the table.
#[derive(Clone, Copy)]
pub(crate) enum TableLine<'a> {
    /// A run.
    Run(&'a RunReport),
    /// A kernel without runs.
    Unavailable(&'a UnavailableKernel),
}

impl TableLine<'_> {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            TableLine::Run(row) => row.verdict,
            TableLine::Unavailable(_) => Verdict::Unknown,
        }
    }

    /// The worst consequence of what was found, or the verdict.
    pub(crate) fn consequence(self) -> &'static str {
        match self {
            TableLine::Run(row) => consequence(row),
            TableLine::Unavailable(_) => Verdict::Unknown.word(),
        }
    }
}

/// The lines of the table, the worst consequence first; kernels without runs before what passes.
pub(crate) fn lines(report: &CompareReport) -> Vec<TableLine<'_>> {
    let mut lines: Vec<_> = worst_first(report).into_iter().map(TableLine::Run).collect();
    let passes = lines.iter().position(|line| line.verdict() == Verdict::Pass).unwrap_or(lines.len());
    lines.splice(passes..passes, report.unavailable.iter().map(TableLine::Unavailable));
    lines
}

/// The rows of a comparison, the worst consequence first; those of the same consequence in their own order.
pub(crate) fn worst_first(report: &CompareReport) -> Vec<&RunReport> {
    let mut rows: Vec<&RunReport> = report.rows.iter().collect();
    rows.sort_by_key(|row| (row.verdict != Verdict::Findings, severity(row), row.verdict == Verdict::Pass));
    rows
}

/// How bad the worst finding is; `None` without findings.
fn severity(row: &RunReport) -> Option<Severity> {
    row.worst_finding().map(|finding| row.severity_of(finding))
}

/// The worst consequence of what was found, or the verdict.
pub(crate) fn consequence(row: &RunReport) -> &'static str {
    match severity(row) {
        Some(severity) if row.verdict == Verdict::Findings => severity.words(),
        _ => row.verdict.word(),
    }
}

/// The columns of a comparison.
const COLUMNS: [&str; 7] = ["consequence", "arch", "linux", "entry", "writer", "walker", DETAIL];

/// The heading of the last column.
const DETAIL: &str = "worst view, and the walker's outcome on it";

/// One row of a comparison but its last cell.
fn guest_cells(row: &RunReport) -> Vec<String> {
    vec![
        consequence(row).to_owned(),
        platform(row),
        row.linux.clone(),
        row.marked_entry(),
        row.writer.clone(),
        row.walker.clone(),
    ]
}

/// The columns of a comparison of kernels.
const KERNEL_COLUMNS: [&str; 7] = ["consequence", "kernel", "arch", "entry", "split", "walker", DETAIL];

/// One row of a comparison of kernels but its last cell.
fn kernel_cells(row: &RunReport) -> Vec<String> {
    let split = row.kernel.as_ref().map_or("", |kernel| kernel.split.word());
    vec![
        consequence(row).to_owned(),
        row.guest.kernel_name().unwrap_or_default().to_owned(),
        platform(row),
        row.marked_entry(),
        // Not every writer is a split.
        if row.writer == "split" { split.to_owned() } else { format!("{} {split}", row.writer) },
        row.walker.clone(),
    ]
}

/// Lists what a writer stored, besides a page table.
pub(crate) fn stored(row: &RunReport) -> String {
    let stored = row.stored.iter().filter(|stored| !stored.entry.is_table());
    let stored: Vec<_> = stored
        .map(|stored| {
            let changes = stored.changes.join(" ");
            let changes = if changes.is_empty() { "unchanged" } else { &changes };
            format!("{} ({changes})", stored.entry.value)
        })
        .collect();
    if stored.is_empty() { "nothing".to_owned() } else { stored.join(", ") }
}

/// Describes the worst view of the walker, and the walker's outcomes on it.
pub(crate) fn at_worst(row: &RunReport) -> String {
    match worst_view(row) {
        Some(view) => {
            let (became, decisions) = (what_became(row, view), decisions(row, view.entry.value));
            format!("{became}; {decisions}{}", and_destroyed(row, view.entry.value))
        }
        None if row.outcomes.is_empty() => "was not run".to_owned(),
        None => format!("never looked; {}", joined(row.outcomes.iter())),
    }
}

/// The view to look at first: that of the worst finding, else one with a finding, else one that is not what was there before.
pub(crate) fn worst_view(row: &RunReport) -> Option<&View> {
    let has_worst =
        |view: &&View| row.worst_finding().is_some_and(|finding| finding.view == view.entry.value);
    let has_finding = |view: &&View| row.findings.iter().any(|finding| finding.view == view.entry.value);
    let changed = |view: &&View| !view.installed && view.entry.value != row.before.value;
    row.views
        .iter()
        .find(has_worst)
        .or_else(|| row.views.iter().find(has_finding))
        .or_else(|| row.views.iter().find(changed))
        .or_else(|| row.views.iter().find(|view| !view.installed))
        .or_else(|| row.views.first())
}

/// Describes a view, compared with the entry before the writer.
pub(crate) fn what_became(row: &RunReport, view: &View) -> String {
    if view.installed {
        return if view.entry.is_table() { "page table" } else { "what was installed" }.to_owned();
    }
    if view.entry.value == row.before.value {
        let again = row.stored.iter().any(|stored| stored.entry.value == view.entry.value);
        return if again { "as before (stored again)" } else { "as before" }.to_owned();
    }
    let changes = format!(" ({})", view.changes.join(" "));
    let seen = &view.entry;
    let kind = if seen.predicates.none {
        "empty".to_owned()
    } else if seen.predicates.present {
        "present".to_owned()
    } else if let Some(swap) = seen.swap {
        format!("swap, type {} offset {:#x}", swap.kind, swap.offset.0)
    } else {
        "not present".to_owned()
    };
    kind + &changes
}

/// The outcomes of the walker where it decided on this view.
fn decisions(row: &RunReport, view: Value) -> String {
    let on_view: Vec<_> = row.outcomes_on(view).collect();
    if on_view.is_empty() { "saw it and went on".to_owned() } else { joined(on_view.into_iter()) }
}

/// Describes a walker's outcomes on a swap entry that was present.
fn made_of(row: &RunReport, view: Value) -> String {
    format!("{}: {}{}", row.walker, decisions(row, view), and_destroyed(row, view))
}

/// Whether the walker overwrote an entry on account of this view, in words.
fn and_destroyed(row: &RunReport, view: Value) -> &'static str {
    let destroyed = |finding: &Finding| finding.name.is_lost_entry() && finding.view == view;
    if row.findings.iter().any(destroyed) { ", and overwrote the entry" } else { "" }
}

fn joined<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let mut words: Vec<String> = Vec::new();
    for outcome in outcomes {
        let word = outcome::in_words(outcome);
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" or ")
}

/// Returns the names of the findings, or else the verdict.
pub(crate) fn verdict(row: &RunReport) -> String {
    let mut names: Vec<&str> = row.findings.iter().map(|finding| finding.name.name()).collect();
    names.dedup();
    match row.verdict {
        Verdict::Findings => names.join(" "),
        other => other.word().to_owned(),
    }
}

/// Returns the architecture, and the kind of MMU where there are several.
pub(crate) fn platform(row: &RunReport) -> String {
    platform_name(&row.arch, row.mmu.as_ref())
}

/// Groups of platforms and versions that share a sentence, in order of their first row.
#[derive(Default)]
struct Groups {
    order: Vec<String>,
    members: BTreeMap<String, Vec<(String, String)>>,
}

impl Groups {
    fn add(&mut self, sentence: String, row: &RunReport) {
        // There may be several kernels of one version.
        let member = match row.guest.kernel_name() {
            Some(name) => (name.to_owned(), String::new()),
            None => (platform(row), row.linux.clone()),
        };
        self.add_member(sentence, member);
    }

    fn add_sweep(&mut self, sentence: String, sweep: &SweepReport) {
        self.add_member(sentence, (sweep.platform(), sweep.linux.clone()));
    }

    fn add_member(&mut self, sentence: String, member: (String, String)) {
        if !self.members.contains_key(&sentence) {
            self.order.push(sentence.clone());
        }
        let members = self.members.entry(sentence).or_default();
        if !members.contains(&member) {
            members.push(member);
        }
    }

    fn add_skipped(&mut self, skipped: &Skipped) {
        if !self.members.contains_key(&skipped.reason) {
            self.order.push(skipped.reason.clone());
        }
        // A kernel's release contains no space.
        let (platform, linux) = skipped.encoding.rsplit_once(' ').unwrap_or((&skipped.encoding, ""));
        let members = self.members.entry(skipped.reason.clone()).or_default();
        members.push((platform.to_owned(), linux.to_owned()));
    }

    /// Returns these groups as a section, if there are any.
    fn section(&self, title: &'static str) -> Option<Section> {
        (!self.order.is_empty()).then(|| Section { title, sentences: self.sentences().collect() })
    }

    /// Returns each sentence with its platforms, as `arm64 5.10 6.1, ppc64 radix 6.12`.
    fn sentences(&self) -> impl Iterator<Item = Sentence> {
        self.order.iter().map(|sentence| {
            let mut platforms: Vec<(&str, Vec<&str>)> = Vec::new();
            for (platform, linux) in &self.members[sentence] {
                match platforms.iter_mut().find(|(known, _)| known == platform) {
                    Some((_, versions)) => versions.push(linux),
                    None => platforms.push((platform, vec![linux])),
                }
            }
            let named: Vec<_> = platforms
                .iter()
                .map(|(platform, versions)| {
                    format!("{platform} {}", versions.join(" ")).trim_end().to_owned()
                })
                .collect();
            Sentence { text: sentence.clone(), platforms: named.join(", ") }
        })
    }
}

/// A section of the summary.
pub(crate) struct Section {
    /// The title.
    pub title: &'static str,
    /// The sentences, each with the platforms that it holds for.
    pub sentences: Vec<Sentence>,
}

/// A sentence of the summary.
pub(crate) struct Sentence {
    /// The text of the sentence.
    pub text: String,
    /// The platforms and versions that it holds for: `arm64 5.10 6.1, ppc64 radix 6.12`.
    pub platforms: String,
}

/// Returns the summary as text.
pub fn in_words(report: &CompareReport) -> String {
    let mut out = String::new();
    for section in sections(report) {
        let _ = writeln!(out, "{}:", section.title);
        for sentence in section.sentences {
            let _ = writeln!(out, "  {}", sentence.text);
            let _ = writeln!(out, "      {}", sentence.platforms);
        }
    }
    let _ = writeln!(out, "{}", totals(report));
    out
}

/// The groups of rows, for each finding.
#[derive(Default)]
struct FindingGroups(BTreeMap<FindingName, Groups>);

impl FindingGroups {
    fn add(&mut self, finding: &Finding, row: &RunReport) {
        let Some(section) = &finding.name.definition().summary else { return };
        let (writer, walker, entry) = (&row.writer, &row.walker, row.marked_entry());
        let sentence = match section.grouping {
            SummaryGrouping::PresentSwapEntry => entry,
            SummaryGrouping::ChangedSwapEntry | SummaryGrouping::ChangedMapping => {
                format!("{writer} on {entry}: by {}", changes_to(row, finding.view.0))
            }
            SummaryGrouping::RedirectedSwapEntry => {
                let view = row.views.iter().find(|view| view.entry.value == finding.view);
                let (old, new) = (row.before.swap, view.and_then(|view| view.entry.swap));
                let (Some(old), Some(new)) = (old, new) else { return };
                let (was, became, by) =
                    (told_apart(old, new), told_apart(new, old), changes_to(row, finding.view.0));
                format!("{writer} on {entry}: {was} became {became}, by {by}")
            }
            SummaryGrouping::Walker => format!("{walker} against {writer} on {entry}"),
            SummaryGrouping::Writer => format!("{writer} on {entry}"),
        };
        self.0.entry(finding.name).or_default().add(sentence, row);
    }

    /// Returns the sections of the findings whose rows are grouped in this way.
    fn sections(&self, grouping: SummaryGrouping) -> impl Iterator<Item = Section> {
        self.0.iter().filter_map(move |(name, groups)| {
            let section =
                name.definition().summary.as_ref().filter(|section| section.grouping == grouping)?;
            groups.section(section.title)
        })
    }
}

/// Whether a finding says that a swap entry is present.
fn is_present_swap_entry(finding: &Finding) -> bool {
    matches!(grouping(finding), Some(SummaryGrouping::PresentSwapEntry | SummaryGrouping::ChangedSwapEntry))
}

fn grouping(finding: &Finding) -> Option<SummaryGrouping> {
    finding.name.definition().summary.as_ref().map(|section| section.grouping)
}

/// Returns the sections of the summary, without its last line.
pub(crate) fn sections(report: &CompareReport) -> Vec<Section> {
    let mut out = Vec::new();
    let mut guards = Groups::default();
    for row in &report.rows {
        if let Some(kernel) = &row.kernel
            && kernel.split != SplitGuard::Unknown
        {
            guards.add(format!("{} on {}", kernel.split.word(), row.marked_entry()), row);
        }
    }
    out.extend(guards.section("Whether the split leaves alone an entry that is not present"));

    let mut findings = FindingGroups::default();
    let mut kept = Groups::default();
    let mut walkers = Groups::default();
    for row in &report.rows {
        for finding in &row.findings {
            findings.add(finding, row);
            if is_present_swap_entry(finding) {
                walkers.add(made_of(row, finding.view), row);
            }
        }
        let of_entry = |finding: &Finding| {
            let redirected = grouping(finding) == Some(SummaryGrouping::RedirectedSwapEntry);
            is_present_swap_entry(finding) || redirected || finding.name.is_lost_entry()
        };
        // Only complete runs without a failed control count here.
        let is_known = row.incomplete.is_none() && row.failed_controls().is_empty();
        if row.before.predicates.swap && !row.findings.iter().any(of_entry) && is_known {
            kept.add(format!("{} on {}", row.writer, row.marked_entry()), row);
        }
    }

    out.extend(findings.sections(SummaryGrouping::PresentSwapEntry));
    out.extend(findings.sections(SummaryGrouping::ChangedSwapEntry));
    out.extend(walkers.section("Outcomes of walkers on a swap entry that was present"));
    out.extend(findings.sections(SummaryGrouping::RedirectedSwapEntry));
    out.extend(kept.section("A swap entry was never seen changed"));
    out.extend(findings.sections(SummaryGrouping::Walker));
    out.extend(findings.sections(SummaryGrouping::Writer));
    let mut breaches = Groups::default();
    let mut unknown = Groups::default();
    let mut excluded = Groups::default();
    for row in &report.rows {
        if let Some(orders) = words::excluded(row) {
            let (writer, walker) = (&row.writer, &row.walker);
            excluded.add(format!("{writer} against {walker} on {}: {orders}", row.marked_entry()), row);
        }
        for breach in &row.contract {
            breaches.add(format!("{}: {breach}", row.marked_entry()), row);
        }
        // One failed control is enough: nothing else counts then.
        let failed = row.failed_controls();
        if let Some(why) = row.incomplete.as_ref().or(failed.first()) {
            unknown
                .add(format!("{} against {} on {}: {why}", row.writer, row.walker, row.marked_entry()), row);
        }
    }
    let mut swept = Groups::default();
    for sweep in &report.sweeps {
        let name = sweep_summary::name(sweep);
        if sweep.verdict == Verdict::Findings {
            for found in sweep.found() {
                let entries = sweep_summary::short(&found.entries);
                swept.add_sweep(format!("{}: {name}, on {entries} entries", found.name.name()), sweep);
            }
        }
        if let Some(why) = sweep.why_unknown().first() {
            unknown.add_sweep(format!("{name}: {why}"), sweep);
        }
    }
    out.extend(findings.sections(SummaryGrouping::ChangedMapping));
    out.extend(
        breaches.section("An entry as the kernel builds it breaks the contract that generic code relies on"),
    );
    out.extend(swept.section("Of all entries of a set, after the writer alone"));
    out.extend(excluded.section("Excluded orders, which no verdict counts"));
    out.extend(unknown.section("Unknown: a bound was hit or a control failed"));

    let mut unavailable = Groups::default();
    for one in &report.unavailable {
        unavailable.add_member(one.reason.clone(), (one.kernel.clone(), String::new()));
    }
    out.extend(
        unavailable.section("Kernels of which nothing could be run, so that nothing is known of them"),
    );

    let mut skipped = Groups::default();
    for one in &report.skipped {
        skipped.add_skipped(one);
    }
    out.extend(skipped.section("Not available"));
    out
}

/// Formats the numbers of rows, schedules and sweeps, and of rows and sweeps per verdict.
pub(crate) fn totals(report: &CompareReport) -> String {
    match (report.rows.is_empty(), report.sweeps.is_empty()) {
        (_, true) => totals_of_rows(report),
        (true, false) => sweep_summary::totals(report),
        (false, false) => format!("{} {}", totals_of_rows(report), sweep_summary::totals(report)),
    }
}

fn totals_of_rows(report: &CompareReport) -> String {
    let count = |verdict| report.rows.iter().filter(|row| row.verdict == verdict).count() as u64;
    let mut schedules = Count::default();
    for row in &report.rows {
        schedules += &row.schedules.total;
    }
    let unavailable = match report.unavailable.len() {
        0 => String::new(),
        kernels => format!(" {} could not be run.", words::counted(kernels, "kernel")),
    };
    format!(
        "{}, {}: {}.{unavailable}",
        words::counted(report.rows.len(), "row"),
        words::counted(&schedules, "schedule"),
        words::verdicts(count)
    )
}

/// Formats the parts of a swap entry that distinguish it from another one.
fn told_apart(entry: Swap, other: Swap) -> String {
    if entry.kind == other.kind {
        format!("offset {:#x}", entry.offset.0)
    } else {
        format!("type {} offset {:#x}", entry.kind, entry.offset.0)
    }
}

fn changes_to(row: &RunReport, view: u64) -> String {
    let view = row.views.iter().find(|known| known.entry.value.0 == view);
    view.map_or(String::new(), |view| view.changes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_whose_control_failed_is_among_what_is_unknown() {
        let text = include_str!("../tests/page/reports/guarded.json");
        let mut row: RunReport = serde_json::from_str(text).unwrap();
        row.verdict = Verdict::Unknown;
        row.disagreements = vec!["of 0x1 the guest says present, the model swap".to_owned()];
        let report = CompareReport::new("", vec![row], Vec::new());
        let said = in_words(&report);
        assert!(said.contains("Unknown: a bound was hit or a control failed:"), "{said}");
        assert!(said.contains("control failed: of 0x1 the guest says present, the model swap"), "{said}");
        assert!(!said.contains("never seen changed"), "{said}");
    }
}
