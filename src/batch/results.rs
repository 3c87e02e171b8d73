//! Reads a results directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pmdscope_traces::batch::{Batch, JobOrder, Record, segment};

use super::store::{Places, batch_of, existing, journal};

/// The results of a batch, complete or not.
pub struct Results {
    pub folder: PathBuf,
    pub batch: Batch,
    /// The segments that have a file, in order.
    segments: Vec<u64>,
}

/// The lines of a results directory, in the order of their jobs; only one segment is held in memory.
pub struct Lines<'a> {
    results: &'a Results,
    segments: std::vec::IntoIter<u64>,
    lines: std::vec::IntoIter<String>,
    order: JobOrder,
}

impl Results {
    /// Opens a results directory.
    pub fn open(folder: &Path) -> Result<Results> {
        let batch = batch_of(folder)?
            .with_context(|| format!("{} is no results directory: it has no batch.json", folder.display()))?;
        let segments = Places(folder).segments(&batch)?;
        Ok(Results { folder: folder.to_owned(), batch, segments })
    }

    /// Returns the recorded lines, in the order of their jobs.
    pub fn lines(&self) -> Lines<'_> {
        Lines {
            results: self,
            segments: self.segments.clone().into_iter(),
            lines: Vec::new().into_iter(),
            order: JobOrder::new(self.batch.jobs),
        }
    }

    /// Returns the records, in the order of their jobs.
    pub fn records(&self) -> impl Iterator<Item = Result<Record>> {
        self.lines().map(|line| self.record(&line?.1))
    }

    /// Parses one of its lines.
    pub fn record(&self, line: &str) -> Result<Record> {
        segment::record(line).with_context(|| self.folder.display().to_string())
    }

    /// Returns the lines of a segment, sealed or in progress.
    fn segment(&self, number: u64) -> Result<Vec<String>> {
        let sealed = Places(&self.folder).sealed(number);
        if let Some(opened) = existing(&sealed)? {
            return segment::lines(opened).with_context(|| {
                format!("{}: to run its jobs again, use pmdscope batch with --resume", sealed.display())
            });
        }
        Ok(journal(&Places(&self.folder).journal(number))?.unwrap_or_default())
    }
}

impl Iterator for Lines<'_> {
    /// The number of a job, and its line.
    type Item = Result<(u64, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(line) = self.lines.next() {
                let job = self.order.job(&line).with_context(|| self.results.folder.display().to_string());
                return Some(job.map(|job| (job, line)));
            }
            match self.results.segment(self.segments.next()?) {
                Ok(lines) => self.lines = lines.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
