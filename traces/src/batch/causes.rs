//! The findings of a batch by their causes: which writer makes which walkers go wrong, the worst consequence first.

use std::collections::BTreeMap;

use anstyle::Style;

use crate::batch::ordered::Pairs;
use crate::batch::summary::Summary;
use crate::batch::{Record, Report};
use crate::format::{Records, ReportEncoder, ReportFormat};
use crate::judge::{FindingName, Severity};
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::{counted, one_line};

/// The findings by their causes.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "causes",
    about: "What was found, the worst first: each writer with the walkers that it makes go wrong",
    extension: "txt",
    encoder: ReportEncoder::Summary(|records| Causes::of(records).text()),
};

/// The findings of a batch, grouped by their causes, and the summary of all jobs.
#[derive(Default)]
struct Causes {
    summary: Summary,
    by_cause: BTreeMap<Cause, Effects>,
}

/// What findings have in common. The order is that of the report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    severity: Severity,
    finding: FindingName,
    writer: String,
}

/// The jobs that have findings of one cause.
#[derive(Default)]
struct Effects {
    jobs: u64,
    /// Walkers, each with its entries.
    walkers: Pairs,
    /// Platforms, each with its versions.
    places: Pairs,
    /// The number of the first job, its explanation, and its command.
    example: Option<(u64, String, String)>,
}

impl Causes {
    fn of(records: &mut Records<'_>) -> Causes {
        let mut causes = Causes::default();
        for record in records {
            causes.add(&record);
        }
        causes
    }

    fn add(&mut self, record: &Record) {
        self.summary.add(record);
        let Report::Run(run) = &record.report else { return };
        for name in FindingName::ALL {
            let Some(finding) = run.findings.iter().find(|finding| finding.name == name) else { continue };
            let severity = run.severity_of(finding);
            let cause = Cause { severity, finding: name, writer: run.writer.clone() };
            let effects = self.by_cause.entry(cause).or_default();
            effects.jobs += 1;
            effects.walkers.add(&run.walker, run.entry.name(), record.job);
            let job = record.report.job();
            effects.places.add(&job.platform(), job.version(), record.job);
            if effects.example.as_ref().is_none_or(|(known, ..)| record.job < *known) {
                effects.example = Some((record.job, finding.explanation.clone(), run.command.clone()));
            }
        }
    }

    /// Formats the causes as text, in lines of at most 80 columns. A command may be longer, so that it can be copied.
    fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.paragraph("", "", &self.summary.totals());
        let mut last = None;
        for (Cause { severity, finding, writer }, effects) in &self.by_cause {
            if last != Some((*severity, *finding)) {
                lines.gap();
                heading(&mut lines, style::WRONG, *severity, *finding);
                last = Some((*severity, *finding));
            }
            lines.gap();
            lines.paragraph(
                "  ",
                "    ",
                &one_line(&format!("{writer}, in {}:", counted(effects.jobs, "job"))),
            );
            // Walkers that go wrong on the same entries are named together.
            let mut by_entries: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
            for (walker, entries) in effects.walkers.grouped() {
                match by_entries.iter_mut().find(|(known, _)| *known == entries) {
                    Some((_, walkers)) => walkers.push(walker),
                    None => by_entries.push((entries, vec![walker])),
                }
            }
            for (entries, walkers) in by_entries {
                let on = format!("{} against {}", entries.join(" "), walkers.join(", "));
                lines.paragraph("    on ", "      ", &one_line(&on));
            }
            lines.paragraph("    in ", "      ", &one_line(&effects.places.places()));
            if let Some((job, explanation, command)) = &effects.example {
                lines.paragraph("    ", "      ", &one_line(explanation));
                lines.command(&format!("    job {job}: "), &one_line(command));
            }
        }
        self.summary.unknown_reasons(&mut lines);
        lines.into_text()
    }
}

fn heading(lines: &mut Lines, style: Style, severity: Severity, finding: FindingName) {
    let consequence = severity.words().to_uppercase();
    lines.styled(
        style,
        "  ",
        &format!("{consequence}: {}, {}", finding.name(), finding.definition().consequence),
    );
}
