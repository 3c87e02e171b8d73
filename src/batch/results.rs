//! A results directory, as it is read.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use pmdscope_traces::batch::{Batch, Record, segment};

use super::store::{Places, batch_of};

/// The results of a batch, whole or not.
pub struct Results {
    pub folder: PathBuf,
    pub batch: Batch,
}

/// The lines of a results directory, in the order of their jobs: one segment is held at a time.
pub struct Lines<'a> {
    results: &'a Results,
    segment: u64,
    lines: std::vec::IntoIter<String>,
    last: Option<u64>,
}

impl Results {
    /// Those of a directory.
    pub fn open(folder: &Path) -> Result<Results> {
        let batch = batch_of(folder)?
            .with_context(|| format!("{} is no results directory: it has no batch.json", folder.display()))?;
        Ok(Results { folder: folder.to_owned(), batch })
    }

    /// What is recorded, in the order of jobs.
    pub fn lines(&self) -> Lines<'_> {
        Lines { results: self, segment: 0, lines: Vec::new().into_iter(), last: None }
    }

    /// The same as records.
    pub fn records(&self) -> impl Iterator<Item = Result<Record>> {
        self.lines().map(|line| self.record(&line?))
    }

    /// The record of one of its lines.
    pub fn record(&self, line: &str) -> Result<Record> {
        segment::record(line).with_context(|| self.folder.display().to_string())
    }

    /// The lines of a segment, sealed or under way.
    fn segment(&self, number: u64) -> Result<Vec<String>> {
        let sealed = Places(&self.folder).sealed(number);
        match File::open(&sealed) {
            Ok(opened) => {
                return segment::lines(opened).with_context(|| {
                    format!("{}: to run its jobs again, use pmdscope batch with --resume", sealed.display())
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(anyhow!(error).context(format!("cannot read {}", sealed.display()))),
        }
        let journal = Places(&self.folder).journal(number);
        match fs::read(&journal) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            bytes => {
                Ok(segment::journal(&bytes.with_context(|| format!("cannot read {}", journal.display()))?))
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.lines.next() {
                return Some(self.in_order(line));
            }
            if self.segment >= self.results.batch.segments() {
                return None;
            }
            let lines = self.results.segment(self.segment);
            self.segment += 1;
            match lines {
                Ok(lines) => self.lines = lines.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Lines<'_> {
    /// The line, if its job comes after the one before.
    fn in_order(&mut self, line: String) -> Result<String> {
        let job = segment::job_of(&line);
        let name = || self.results.folder.display().to_string();
        let job = job.with_context(|| format!("{}: a line is no record", name()))?;
        ensure!(
            self.last.is_none_or(|last| last < job) && job < self.results.batch.jobs,
            "{}: the record of job {job} is not where it belongs",
            name()
        );
        self.last = Some(job);
        Ok(line)
    }
}
