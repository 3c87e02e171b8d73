//! `pmdscope report`: the results of a batch, in any form.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use pmdscope_traces::batch::{Record, Report};
use pmdscope_traces::formats::{
    self, EncodeError, Format, RecordSource, Records, ReportEncoder, ReportFormat,
};
use pmdscope_traces::results::Judged;
use pmdscope_traces::{CompareReport, RunReport, Skipped, Verdict, text};

use super::results::{Lines, Results};
use super::wire::Verdicts;
use crate::cli::{OnlyArgs, ReportDirArgs};
use crate::exit::Exit;
use crate::expected::expectations;
use crate::output;

pub fn report(args: &ReportDirArgs) -> Result<Exit> {
    let results = Results::open(&args.directory)?;
    let to = args.output.as_deref();
    let mut chosen = Chosen::new(&results, &args.only);
    let format = args.format;
    let source = RecordSource { batch: &results.batch, skipped: chosen.skipped() };
    let mut judged = None;
    match format.encoder {
        ReportEncoder::Summary(encode) => {
            let summary = chosen.encode(|records| Ok(encode(records)))?;
            // In Markdown a line that is broken may be another paragraph.
            let terminal = output::terminal(to).filter(|_| format.name == formats::REPORT[0].name);
            output::write(&text::fit(&summary, terminal), to)?;
        }
        ReportEncoder::Stream(encode) => {
            output::stream(to, |out| chosen.encode(|records| encode(source, records, out)))?;
        }
        ReportEncoder::File(encode) => {
            let Format { name, extension, .. } = format;
            match to.filter(|path| *path != Path::new("-")) {
                Some(path) => {
                    output::file(path, |file| chosen.encode(|records| encode(source, records, file)))?
                }
                None if std::io::stdout().is_terminal() => bail!(
                    "--format {name} writes a database, which no terminal shows: use -o results.{extension}, or a pipe"
                ),
                None => {
                    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
                    let path = folder.path().join(format!("results.{extension}"));
                    chosen.encode(|records| encode(source, records, &path))?;
                    output::stream(None, |out| Ok(std::io::copy(&mut File::open(&path)?, out).map(drop)?))?;
                }
            }
        }
        ReportEncoder::Comparison { most_rows, encoder } => {
            let expectations = expectations(args.expect.as_deref(), encoder.is_test_results())?;
            let report = comparison(&results, &mut chosen, most_rows)?;
            let terminal = output::terminal(to);
            let text = encoder.encode(&report, terminal, &expectations).map_err(output::EncodeFailure)?;
            output::write(&text, to)?;
            judged = encoder
                .is_test_results()
                .then(|| Exit::of_conclusion(Judged::new(&report, &expectations).conclusion()));
        }
    }
    let exit = judged.unwrap_or_else(|| super::exit(chosen.verdicts, &results.batch));
    let (recorded, jobs) = (chosen.recorded, results.batch.here);
    // The reader of a pipe may close it early: then not all records were counted.
    if chosen.ended && recorded < jobs {
        output::tell(&format!(
            "{}: {recorded} of {jobs} jobs are recorded: the others are run by pmdscope batch with --resume",
            args.directory.display()
        ));
        // Jobs that did not run are unknown.
        return Ok(if exit == Exit::Clean { Exit::Inconclusive } else { exit });
    }
    Ok(exit)
}

/// Formats the results of a batch as a text that needs all records only once.
pub fn report_text(folder: &Path, format: &ReportFormat) -> Result<String> {
    let ReportEncoder::Summary(encode) = format.encoder else {
        bail!("{} is no format of text", format.name)
    };
    let results = Results::open(folder)?;
    let only = OnlyArgs::default();
    Chosen::new(&results, &only).encode(|records| Ok(encode(records)))
}

/// The selected records. If none is selected, that is an error.
struct Chosen<'a> {
    lines: Lines<'a>,
    results: &'a Results,
    only: &'a OnlyArgs,
    /// The number of records so far, selected or not.
    recorded: u64,
    /// The verdicts of the selected records so far.
    verdicts: Verdicts,
    /// Whether all records were read.
    ended: bool,
}

impl<'a> Chosen<'a> {
    fn new(results: &'a Results, only: &'a OnlyArgs) -> Self {
        let (recorded, verdicts) = (0, Verdicts::default());
        Chosen { lines: results.lines(), results, only, recorded, verdicts, ended: false }
    }

    /// Encodes the selected records. A record that cannot be read is an error.
    fn encode<T>(&mut self, encode: impl FnOnce(&mut Records<'_>) -> Result<T, EncodeError>) -> Result<T> {
        let mut failed = None;
        let mut records = self.map_while(|record| record.map_err(|error| failed = Some(error)).ok());
        let encoded = encode(&mut records).map_err(output::EncodeFailure)?;
        drop(records);
        failed.map_or(Ok(encoded), Err)
    }

    /// Returns the requests that cannot be run; none if only some records are selected.
    fn skipped(&self) -> &'a [Skipped] {
        if self.only.is_all() { &self.results.batch.skipped } else { &[] }
    }
}

impl Iterator for Chosen<'_> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        for line in &mut self.lines {
            let record = match line.and_then(|(_, line)| self.results.record(&line)) {
                Ok(record) => record,
                Err(error) => return Some(Err(error)),
            };
            self.recorded += 1;
            if self.only.has(&record) {
                self.verdicts.add(record.report.verdict());
                return Some(Ok(record));
            }
        }
        let none = self.verdicts.jobs() == 0 && !self.ended;
        self.ended = true;
        none.then(|| {
            let name = self.results.folder.display();
            Err(anyhow!("{name}: none of its {} records is of what is asked for", self.recorded))
        })
    }
}

/// Collects the selected runs and sweeps into a comparison of at most `most` rows.
fn comparison(results: &Results, records: &mut Chosen<'_>, most: usize) -> Result<CompareReport> {
    let mut report = CompareReport::new(results.batch.made_by.as_str(), Vec::new(), Vec::new());
    for record in &mut *records {
        let record = record?;
        ensure!(
            report.rows.len() + report.sweeps.len() < most,
            "more than {most} jobs are too many for this format: choose some, as by --verdict findings, or use \
             --format summary, json, jsonl or sqlite"
        );
        match record.report {
            Report::Run(run) => report.rows.push(*run),
            Report::Sweep(sweep) => report.sweeps.push(*sweep),
        }
    }
    report.skipped = records.skipped().to_vec();
    report.unavailable.clone_from(&results.batch.unavailable);
    Ok(report)
}

impl OnlyArgs {
    fn is_all(&self) -> bool {
        let named = [&self.arch, &self.linux, &self.entry, &self.writer, &self.walker, &self.finding];
        named.iter().all(|names| names.is_empty()) && self.verdict.is_empty()
    }

    fn has(&self, record: &Record) -> bool {
        let has = |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
        // A kernel with a label is found by it, and by its release.
        let of_version = |run: &RunReport| {
            let release = run.guest.release.as_deref().unwrap_or(&run.linux);
            has(&self.linux, release)
                || run.guest.label.as_deref().is_some_and(|label| has(&self.linux, label))
        };
        let verdict = record.report.verdict();
        if !self.verdict.is_empty() && !self.verdict.iter().any(|word| Verdict::from(*word) == verdict) {
            return false;
        }
        match &record.report {
            Report::Run(run) => {
                has(&self.arch, &run.arch)
                    && of_version(run)
                    && has(&self.entry, run.entry.name())
                    && has(&self.writer, &run.writer)
                    && has(&self.walker, &run.walker)
                    && (self.finding.is_empty()
                        || run.findings.iter().any(|finding| has(&self.finding, finding.name.name())))
            }
            Report::Sweep(sweep) => {
                has(&self.arch, &sweep.arch)
                    && has(&self.linux, &sweep.linux)
                    && has(&self.entry, "sweep")
                    && has(&self.writer, &sweep.writer)
                    && self.walker.is_empty()
                    && (self.finding.is_empty()
                        || sweep
                            .classes
                            .iter()
                            .flat_map(|class| &class.findings)
                            .any(|finding| has(&self.finding, finding.name())))
            }
        }
    }
}
