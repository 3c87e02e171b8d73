//! Makes a bug report from a reproducer, to be edited and sent. It claims no more than was run.

use pmdscope_arches::{EntryKind, platform_name};
use pmdscope_guest::{Role, routine};

use super::recipients::Recipients;
use super::{Code, Repro, show};
use crate::entry_name::EntryName;
use crate::findings::Finding;
use crate::judge::{BugReportParts, SubjectParts, known_fix, most_telling};
use crate::outcome::{self, RoutineResult};
use crate::printable::printable;
use crate::report::{Event, EventKind, KernelFacts, RunReport, Trace};
use crate::text;
use crate::text::race::race;
use crate::text::wrapped::Lines;
use crate::words;

/// The reasons why a reproducer yields no bug report.
#[derive(Debug, thiserror::Error)]
pub enum NothingToReport {
    /// The reproducer's schedule shows no finding.
    #[error("nothing was found under schedule {0}, so there is nothing to report: save one with a finding")]
    NoFinding(String),
    /// A control failed, so no finding counts.
    #[error("{0}; so what was found says nothing, and there is nothing to report")]
    ControlFailed(String),
}

/// A bug report as a mail: header lines, an empty line, and a body whose lines fit a mail.
///
/// `file` is how the reader is to call the reproducer.
///
/// # Errors
/// If its schedule shows no finding, or a control failed.
pub fn bug_report(repro: &Repro, file: &str, recipients: &Recipients) -> Result<String, NothingToReport> {
    let repro = &*printable(repro);
    let report = &repro.report;
    if let Some(failed) = report.failed_controls().into_iter().next() {
        return Err(NothingToReport::ControlFailed(failed));
    }
    let found = report.findings_under(&repro.expected.schedule);
    let Some(first) = most_telling(found.iter().copied()) else {
        return Err(NothingToReport::NoFinding(repro.expected.schedule.clone()));
    };
    let mut lines = Lines::default();
    lines.paragraph("", " ", &format!("Subject: {}", subject(report, first)));
    recipients.write(&mut lines);
    lines.gap();
    lines.paragraph("", "", &story(report, &repro.expected, first));
    heading(&mut lines, "Impact");
    impact(&mut lines, report, &found);
    heading(&mut lines, "The race");
    race(&mut lines, report, &repro.expected);
    heading(&mut lines, "What was run");
    what_was_run(&mut lines, repro);
    heading(&mut lines, "To reproduce");
    to_reproduce(&mut lines, repro, file);
    heading(&mut lines, "Not tested");
    for point in not_tested(report) {
        lines.paragraph("- ", "  ", &point);
    }
    lines.gap();
    let fix = known_fix(report, first);
    if let Some(fix) = fix {
        lines.paragraph("", "  ", &format!("Fixed by: {fix}"));
    }
    lines.line(&match fix.and_then(|fix| fix.introduced_by) {
        Some(commit) => format!("Fixes: {commit}"),
        None => "Fixes: (the commit that introduced it, if it is known)".to_owned(),
    });
    lines.line("Reported-by: (you)");
    Ok(lines.into_text())
}

fn heading(lines: &mut Lines, title: &str) {
    lines.gap();
    lines.line(title);
    lines.line(&"-".repeat(title.len()));
}

/// What happened, in one line: `mm: arm64 6.1: split makes a migration entry present`.
fn subject(report: &RunReport, finding: &Finding) -> String {
    let linux = report.guest.release.as_ref().unwrap_or(&report.linux);
    // Of a bundled guest it is a split of some kind, which the report names.
    let splits = routine::named(Role::Writer, &report.writer).is_ok_and(|writer| writer.splits);
    let what = (finding.name.definition().subject)(&SubjectParts {
        writer: if splits { "split" } else { &report.writer },
        walker: &report.walker,
        entry: kind_of_entry(report),
        as_built: finding.view == report.before.value,
        deed: report.outcome_on_view_of(finding).and_then(|outcome| deed(outcome.result)),
    });
    format!("mm: {} {linux}: {what}", platform_name(&report.arch, report.mmu.as_ref()))
}

/// The kind of entry that the writer began with, with its article.
fn kind_of_entry(report: &RunReport) -> &'static str {
    let is = &report.before.predicates;
    match report.entry.kind() {
        Some(kind) if kind.is_migration() => "a migration entry",
        Some(EntryKind::Swap) => "a swap entry",
        Some(EntryKind::PresentHuge | EntryKind::PresentHugeRo | EntryKind::Devmap) => "a mapping",
        Some(EntryKind::Protnone) => "a protnone mapping",
        Some(EntryKind::None) => "an empty entry",
        Some(EntryKind::Table) => "a page table's entry",
        _ if is.migration => "a migration entry",
        _ if is.swap => "a swap entry",
        _ if is.present && is.leaf => "a mapping",
        _ => "an entry",
    }
}

/// What a walker does with an entry that it should have refused.
const fn deed(result: RoutineResult) -> Option<&'static str> {
    Some(match result {
        RoutineResult::Page => "takes a page from it",
        RoutineResult::Leaf | RoutineResult::Mapped => "takes it for a mapping",
        RoutineResult::Table => "takes it for a page table",
        RoutineResult::Crash => "crashes on it",
        _ => return None,
    })
}

/// Who does what in which order, and what it means for a kernel.
fn story(report: &RunReport, trace: &Trace, finding: &Finding) -> String {
    let steps = steps(report, trace);
    let order = if steps.is_empty() { String::new() } else { format!(" Order: {}.", steps.join("; ")) };
    let consequence = finding.name.definition().consequence;
    format!("{}.{order} Consequence: {consequence}.", summary(report, finding))
}

/// The stores that change the entry, and what the others load of it, in their order; none if they are too many for a
/// sentence.
fn steps(report: &RunReport, trace: &Trace) -> Vec<String> {
    const MOST: usize = 8;
    let mut steps: Vec<String> = Vec::new();
    for Event { cpu, what, .. } in &trace.events {
        let (did, value) = match what {
            EventKind::Load { entry, .. } if *cpu != 0 => ("loads", entry),
            EventKind::Store { before, after, .. } | EventKind::Atomic { before, after, .. }
                if before != after =>
            {
                ("stores", after)
            }
            _ => continue,
        };
        let who = match *cpu {
            0 => writer(report),
            1 => walker(report),
            other => report.with.get(usize::from(other) - 2).cloned().unwrap_or_default(),
        };
        let step = format!("CPU{cpu} ({who}) {did} {value}");
        if steps.last() != Some(&step) {
            steps.push(step);
        }
    }
    if steps.len() > MOST { Vec::new() } else { steps }
}

/// What happened, in one sentence.
fn summary(report: &RunReport, finding: &Finding) -> String {
    let (on, walker, view) = (place(report), walker(report), finding.view);
    let before = report.before.value;
    let entry = match report.entry {
        EntryName::Value => format!("PMD {before}"),
        EntryName::Kind(_) => format!("{} PMD {before}", report.marked_entry()),
    };
    let built_so = view == before;
    let during = match built_so {
        true => format!("On {on}, {walker}"),
        false => format!("On {on}, while {} runs on {entry}, {walker}", writer(report)),
    };
    let present = match built_so {
        true => format!("{entry}, which is pmd_present() as the kernel builds it"),
        false => format!("{view}, which is pmd_present()"),
    };
    let outcome = report.outcome_on_view_of(finding);
    let outcome = outcome.map_or(String::new(), |outcome| format!(": {}", outcome::in_words(outcome)));
    (finding.name.definition().bug_report)(&BugReportParts {
        place: &on,
        writer: &writer(report),
        entry: &entry,
        during: &during,
        present: &present,
        view,
        outcome: &outcome,
        explanation: &finding.explanation,
    })
}

fn place(report: &RunReport) -> String {
    match &report.guest.release {
        Some(release) => format!("{} ({})", release, report.arch),
        None => words::platform(report),
    }
}

fn writer(report: &RunReport) -> String {
    let function = |kernel: &KernelFacts| format!("{}()", kernel.writer_function);
    report.kernel.as_ref().map_or(report.writer.clone(), function)
}

fn walker(report: &RunReport) -> String {
    let function = report.kernel.as_ref().and_then(|kernel| kernel.walker_function.as_ref());
    function.map_or(report.walker.clone(), |function| format!("{function}()"))
}

/// Writes the impact: the consequences that were observed, and those that were not.
fn impact(lines: &mut Lines, report: &RunReport, found: &[&Finding]) {
    if let Some(split) = report.kernel.as_ref().and_then(text::split) {
        lines.paragraph("- ", "  ", &format!("{split}."));
    }
    for finding in found {
        let (name, explanation) = (finding.name.name(), &finding.explanation);
        let schedules = words::of_schedules(&finding.schedules, report);
        lines.paragraph("- ", "  ", &format!("{explanation} ({name}, in {schedules})."));
    }
    for other in report.findings.iter().filter(|other| !found.iter().any(|one| one == other)) {
        let (name, explanation, schedule) = (other.name.name(), &other.explanation, &other.schedule);
        lines.paragraph("- ", "  ", &format!("Under {schedule}, another order: {explanation} ({name})."));
    }
    let walker = walker(report);
    let took = report.outcomes.iter().any(|outcome| outcome.result == RoutineResult::Page);
    if !took && report.walker.starts_with("gup-fast") && report.incomplete.is_none() {
        lines.paragraph("- ", "  ", &format!("{walker} took no page in any order of the accesses."));
    }
    lines.paragraph(
        "- ",
        "  ",
        "Orders of accesses were run. Which of them locks and interrupts leave possible was not looked at.",
    );
}

fn what_was_run(lines: &mut Lines, repro: &Repro) {
    let report = &repro.report;
    lines.paragraph("", "  ", &words::headline(report));
    show::code(lines, repro);
    lines.labelled("encoding  ", &report.encoding);
    lines.labelled("tool      ", &repro.report.made_by);
    let schedules = &report.schedules;
    let behaviours = words::counted(schedules.behaviours, "behaviour");
    lines.labelled("schedules ", &format!("{}, {behaviours}", schedules.total));
    for control in report.kernel.iter().flat_map(|kernel| &kernel.controls) {
        let passed = if control.passed { "passed" } else { "FAILED" };
        lines.labelled("control   ", &format!("{passed}: {}: {}", control.what, control.outcome));
    }
}

fn to_reproduce(lines: &mut Lines, repro: &Repro, file: &str) {
    let again = format!("pmdscope repro run {}", words::quoted(file));
    match &repro.code {
        Code::Guest { .. } => {
            lines.line("This order of accesses, and then every order:");
            lines.gap();
            lines.line(&format!("  {again}"));
            lines.command("  ", &repro.report.command);
        }
        Code::Kernel { file, package, .. } => {
            match package {
                Some(package) => lines.line(&format!("  {}", package.download)),
                None => lines.paragraph("", "", &format!("The kernel is needed as {file} beside the file.")),
            }
            lines.line(&format!("  {again}"));
            lines.gap();
            lines.line("Every order, with all that was set up for it:");
            lines.gap();
            lines.command("  ", &repro.report.command);
        }
    }
}

/// Lists what the run did not test.
fn not_tested(report: &RunReport) -> Vec<String> {
    let mut points = vec![
        "Hardware. This was run under an emulator: accesses take effect in one order, nothing is reordered, speculated \
         or cached, and there is no TLB."
            .to_owned(),
    ];
    match &report.kernel {
        None => points.push(format!(
            "A built kernel. The routines are C of pmdscope's own, written by the facts of the sources of Linux {} and \
             compiled for {}; the guest's machine code was run.",
            report.linux, report.arch
        )),
        Some(kernel) => {
            points.push(
                "A booted kernel. Its functions were run as they lie in the image, without alternatives and static \
                 keys, on a state that was set up for them."
                    .to_owned(),
            );
            for stub in &kernel.stubs {
                points.push(format!("{}(): it was answered for and not run, since {}", stub.function, stub.why));
            }
            points.push(
                "Mainline. This is a build of whoever made the package; what mainline does is to be run as well."
                    .to_owned(),
            );
        }
    }
    if let Some(why) = &report.incomplete {
        points.push(format!("Other orders: {why}."));
    }
    points.push("Other walkers, entries, versions and configurations than those named here.".to_owned());
    points
}
