//! `pmdscope report`: the results of a batch, in any form.

use std::cell::RefCell;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use pmdscope_traces::batch::{Record, Report, SqliteWriter, Summary, segment};
use pmdscope_traces::results::{Conclusion, Judged, junit, ktap};
use pmdscope_traces::sweep::SweepReport;
use pmdscope_traces::{COMPARE_SCHEMA, CompareReport, RunReport, Skipped, Verdict, html, markdown, text};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::results::{Lines, Results};
use super::wire::Verdicts;
use crate::cli::{BatchFormat, OnlyArgs, ReportDirArgs};
use crate::exit::Exit;
use crate::expected::expectations;
use crate::output;

/// As many rows as a format may have that shows all of them at once.
const fn most_rows(format: BatchFormat) -> usize {
    match format {
        // A row has some 10 KB of a page.
        BatchFormat::Html => 2_000,
        _ => 50_000,
    }
}

pub fn report(args: &ReportDirArgs) -> Result<Exit> {
    let results = Results::open(&args.directory)?;
    let to = args.output.as_deref();
    let mut chosen = Chosen::new(&results, &args.only);
    let judged = match args.format {
        BatchFormat::Summary | BatchFormat::SummaryMarkdown => {
            let mut summary = Summary::default();
            for record in &mut chosen {
                summary.add(&record?);
            }
            let text = if args.format == BatchFormat::Summary { summary.text() } else { summary.markdown() };
            output::write(&text, to)?;
            None
        }
        BatchFormat::Jsonl => {
            output::stream(to, |out| {
                for record in &mut chosen {
                    out.write_all(segment::line(&record?)?.as_bytes())?;
                }
                Ok(())
            })?;
            None
        }
        BatchFormat::Json => {
            output::stream(to, |out| json(&results, &mut chosen, out))?;
            None
        }
        BatchFormat::Sqlite => {
            let path = to.filter(|path| *path != Path::new("-")).context(
                "--format sqlite writes a database, which needs a file: name it, as by -o results.sqlite",
            )?;
            output::file(path, |file| {
                let mut database = SqliteWriter::new(file, &results.batch)?;
                for record in &mut chosen {
                    database.add(&record?)?;
                }
                Ok(database.finish()?)
            })?;
            None
        }
        format => {
            let expectations = expectations(args.expect.as_deref(), format.is_judged())?;
            let report = comparison(&results, &mut chosen, format)?;
            let printed = match format {
                BatchFormat::Table => text::compare(&report, output::terminal(to)),
                BatchFormat::Markdown => markdown::compare(&report),
                BatchFormat::Html => html::compare(&report),
                BatchFormat::Ktap => ktap::compare(&report, &expectations),
                _ => junit::compare(&report, &expectations)?,
            };
            output::write(&printed, to)?;
            format.is_judged().then(|| match Judged::new(&report, &expectations).conclusion() {
                Conclusion::AsExpected => Exit::Clean,
                Conclusion::Unexpected => Exit::Findings,
                Conclusion::Unknown => Exit::Inconclusive,
            })
        }
    };
    let exit = judged.unwrap_or_else(|| super::exit(chosen.verdicts));
    let (recorded, jobs) = (chosen.recorded, results.batch.here);
    // Who reads a pipe may have enough before its end.
    if chosen.ended && recorded < jobs {
        output::tell(&format!(
            "{}: {recorded} of {jobs} jobs are recorded: the others are run by pmdscope batch with --resume",
            args.directory.display()
        ));
        // What was not run is not known.
        return Ok(if exit == Exit::Clean { Exit::Inconclusive } else { exit });
    }
    Ok(exit)
}

/// The records that are asked for; it is an error if there are none.
struct Chosen<'a> {
    lines: Lines<'a>,
    results: &'a Results,
    only: &'a OnlyArgs,
    /// How many records there are, whether asked for or not.
    recorded: u64,
    /// What came of those that are asked for.
    verdicts: Verdicts,
    /// Whether all have been seen.
    ended: bool,
}

impl<'a> Chosen<'a> {
    fn new(results: &'a Results, only: &'a OnlyArgs) -> Self {
        let (recorded, verdicts) = (0, Verdicts::default());
        Chosen { lines: results.lines(), results, only, recorded, verdicts, ended: false }
    }

    /// What does not exist; of a choice it is not said.
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

/// The runs and sweeps as a comparison.
fn comparison(results: &Results, records: &mut Chosen<'_>, format: BatchFormat) -> Result<CompareReport> {
    let most = most_rows(format);
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
    Ok(report)
}

/// The same as `pmdscope.compare/1`, however many runs there are. Sweeps, which come after them, are kept meanwhile.
fn json(results: &Results, records: &mut Chosen<'_>, out: &mut (dyn Write + Send)) -> Result<()> {
    let skipped = records.skipped();
    let failed = RefCell::new(None);
    let sweeps = RefCell::new(Vec::new());
    let reports = records.map_while(|record| match record {
        Ok(record) => Some(record.report),
        Err(error) => {
            *failed.borrow_mut() = Some(error);
            None
        }
    });
    let runs = reports.filter_map(|report| match report {
        Report::Run(run) => Some(run.without_traces()),
        Report::Sweep(sweep) => {
            sweeps.borrow_mut().push(*sweep);
            None
        }
    });
    let comparison = Comparison { results, rows: Rows(RefCell::new(runs)), skipped, sweeps: &sweeps };
    serde_json::to_writer_pretty(&mut *out, &comparison).context("the comparison cannot be written")?;
    out.write_all(b"\n")?;
    match failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Comparison<'a, I> {
    results: &'a Results,
    rows: Rows<I>,
    skipped: &'a [Skipped],
    /// Those that `rows` has come by.
    sweeps: &'a RefCell<Vec<SweepReport>>,
}

struct Rows<I>(RefCell<I>);

impl<I: Iterator<Item = RunReport>> Serialize for Rows<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

impl<I: Iterator<Item = RunReport>> Serialize for Comparison<'_, I> {
    /// As [`CompareReport`] does it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("CompareReport", 5)?;
        object.serialize_field("schema", COMPARE_SCHEMA)?;
        object.serialize_field("made_by", &self.results.batch.made_by)?;
        object.serialize_field("rows", &self.rows)?;
        object.serialize_field("skipped", self.skipped)?;
        let sweeps = self.sweeps.borrow();
        if sweeps.is_empty() {
            object.skip_field("sweeps")?;
        } else {
            object.serialize_field("sweeps", &*sweeps)?;
        }
        object.end()
    }
}

impl OnlyArgs {
    fn is_all(&self) -> bool {
        let named = [&self.arch, &self.linux, &self.entry, &self.writer, &self.walker, &self.finding];
        named.iter().all(|names| names.is_empty()) && self.verdict.is_empty()
    }

    fn has(&self, record: &Record) -> bool {
        let has = |names: &[String], name: &str| names.is_empty() || names.iter().any(|known| known == name);
        let verdict = record.report.verdict();
        if !self.verdict.is_empty() && !self.verdict.iter().any(|word| Verdict::from(*word) == verdict) {
            return false;
        }
        match &record.report {
            Report::Run(run) => {
                has(&self.arch, &run.arch)
                    && has(&self.linux, run.guest.release.as_deref().unwrap_or(&run.linux))
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
