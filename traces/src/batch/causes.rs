//! The findings of a batch by their causes: which routine goes wrong with which others, the worst consequence first.
//!
//! The cause of what a walker can see, and of what the writer does, is the writer. A walker that goes wrong may be to
//! blame itself: there the cause is the routine that is in most of the pairs, whichever it is.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anstyle::Style;

use crate::batch::ordered::Pairs;
use crate::batch::summary::Summary;
use crate::batch::{Record, Report};
use crate::format::{Records, ReportEncoder, ReportFormat};
use crate::judge::{Evidence, FindingName, Severity};
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::{counted, one_line};

/// The findings by their causes.
pub const REPORT_FORMAT: ReportFormat = ReportFormat {
    name: "causes",
    about: "What was found, the worst first: each routine that is to blame, with those that it was run against",
    extension: "txt",
    encoder: ReportEncoder::Summary(|records| Causes::of(records).text()),
};

/// The findings of a batch, grouped by their causes, and the summary of all jobs.
#[derive(Default)]
struct Causes {
    summary: Summary,
    by_cause: BTreeMap<Cause, Effects>,
    /// The findings for which either routine may be to blame.
    of_pairs: BTreeMap<(Severity, FindingName), Vec<Met>>,
}

/// A job with a finding of two routines that met.
struct Met {
    /// The writer and the walker.
    routines: [String; 2],
    entry: &'static str,
    platform: String,
    version: String,
    example: Example,
}

/// The number of a job, the explanation of its finding, and its command.
type Example = (u64, String, String);

/// What findings have in common. The order is that of the report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cause {
    severity: Severity,
    finding: FindingName,
    /// The number of jobs of a routine that is to blame by it, the most first; the same for all others.
    jobs: Reverse<u64>,
    routine: String,
}

/// The jobs that have findings of one cause.
#[derive(Default)]
struct Effects {
    jobs: u64,
    /// The other routines, each with its entries.
    against: Pairs,
    /// Platforms, each with its versions.
    places: Pairs,
    /// The first of them.
    example: Option<Example>,
}

impl Effects {
    fn add(&mut self, against: &str, entry: &str, [platform, version]: [&str; 2], example: Example) {
        let job = example.0;
        self.jobs += 1;
        self.against.add(against, entry, job);
        self.places.add(platform, version, job);
        if self.example.as_ref().is_none_or(|(known, ..)| job < *known) {
            self.example = Some(example);
        }
    }
}

impl Causes {
    fn of(records: &mut Records<'_>) -> Causes {
        let mut causes = Causes::default();
        for record in records {
            causes.add(&record);
        }
        causes.blame();
        causes
    }

    fn add(&mut self, record: &Record) {
        self.summary.add(record);
        let Report::Run(run) = &record.report else { return };
        for name in FindingName::ALL {
            let Some(finding) = run.findings.iter().find(|finding| finding.name == name) else { continue };
            let severity = run.severity_of(finding);
            let job = record.report.job();
            let (platform, version) = (job.platform(), job.version());
            let example = (record.job, finding.explanation.clone(), run.command.clone());
            if matches!(name.definition().evidence, Evidence::Walker | Evidence::Both) {
                self.of_pairs.entry((severity, name)).or_default().push(Met {
                    routines: [run.writer.clone(), run.walker.clone()],
                    entry: run.entry.name(),
                    platform: platform.to_string(),
                    version: version.to_owned(),
                    example,
                });
                continue;
            }
            let cause = Cause { severity, finding: name, jobs: Reverse(0), routine: run.writer.clone() };
            let effects = self.by_cause.entry(cause).or_default();
            effects.add(&run.walker, run.entry.name(), [&platform, version], example);
        }
    }

    /// Finds the routine that is in most of the pairs, that which is in most of the others, and so on.
    fn blame(&mut self) {
        for ((severity, finding), mut left) in std::mem::take(&mut self.of_pairs) {
            while !left.is_empty() {
                // The number of its pairs, and that of those in which it is the writer.
                let mut jobs: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
                for [writer, walker] in left.iter().map(|met| &met.routines) {
                    let of_writer = jobs.entry(writer).or_default();
                    *of_writer = (of_writer.0 + 1, of_writer.1 + 1);
                    if walker != writer {
                        jobs.entry(walker).or_default().0 += 1;
                    }
                }
                // Of several the first by its name.
                let most = jobs.into_iter().min_by_key(|(_, jobs)| Reverse(*jobs));
                let Some((routine, jobs)) = most.map(|(routine, (jobs, _))| (routine.to_owned(), jobs))
                else {
                    break;
                };
                let (of_it, others) = left.into_iter().partition(|met| met.routines.contains(&routine));
                left = others;
                let cause = Cause { severity, finding, jobs: Reverse(jobs), routine };
                let effects = self.by_cause.entry(cause.clone()).or_default();
                for Met { routines: [writer, walker], entry, platform, version, example } in of_it {
                    let against = if writer == cause.routine { walker } else { writer };
                    effects.add(&against, entry, [&platform, &version], example);
                }
            }
        }
    }

    /// Formats the causes as text, in lines of at most 80 columns. A command may be longer, so that it can be copied.
    fn text(&self) -> String {
        let mut lines = Lines::default();
        lines.paragraph("", "", &self.summary.totals());
        let mut last = None;
        for (Cause { severity, finding, routine, .. }, effects) in &self.by_cause {
            if last != Some((*severity, *finding)) {
                lines.gap();
                heading(&mut lines, style::WRONG, *severity, *finding);
                last = Some((*severity, *finding));
            }
            lines.gap();
            lines.paragraph(
                "  ",
                "    ",
                &one_line(&format!("{routine}, in {}:", counted(effects.jobs, "job"))),
            );
            // Walkers that go wrong on the same entries are named together.
            let mut by_entries: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
            for (walker, entries) in effects.against.grouped() {
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
