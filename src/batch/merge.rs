//! `pmdscope merge`: the parts of a matrix, put together.

use std::fs;
use std::iter::Peekable;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_traces::batch::{Batch, segment};

use super::results::{Lines, Results};
use super::store::Store;
use crate::cli::MergeArgs;
use crate::exit::Exit;
use crate::output;

pub fn merge(args: &MergeArgs) -> Result<Exit> {
    let parts = args.directories.iter().map(|folder| Results::open(folder)).collect::<Result<Vec<_>>>()?;
    let Some(first) = parts.first() else { bail!("name the results directories to merge") };
    for part in &parts {
        if let Some(why) = part.batch.differs_from(&first.batch) {
            bail!("{} cannot be merged with {}: {why}", part.folder.display(), first.folder.display());
        }
    }
    let memory = parts.iter().map(|part| part.batch.memory).max().unwrap_or_default();
    for part in parts.iter().filter(|part| part.batch.memory != memory) {
        output::tell(&format!(
            "{} was run with --memory {}, others with --memory {memory}: what is merged says {memory}",
            part.folder.display(),
            part.batch.memory
        ));
    }
    let to = &args.output;
    ensure!(!to.exists(), "{} is there already: name another -o", to.display());
    // Whole or not at all.
    let mut beside = to.clone().into_os_string();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let merged = Store::open(&beside, Batch { memory, ..first.batch.whole() }, false).and_then(|store| {
        let recorded = joined(&parts, &store)?;
        fs::rename(&beside, to).with_context(|| format!("cannot write {}", to.display()))?;
        Ok((recorded, store.batch.jobs))
    });
    if merged.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    let (recorded, jobs) = merged?;
    if recorded < jobs {
        output::tell(&format!(
            "{recorded} of {jobs} jobs are recorded in these; the others are run by pmdscope batch with the same matrix, -o \
             {} --resume",
            args.output.display()
        ));
        return Ok(Exit::Inconclusive);
    }
    output::write(&format!("{jobs} jobs merged\n"), None)?;
    Ok(Exit::Clean)
}

/// Writes all lines in the order of their jobs. Gives how many there are.
fn joined(parts: &[Results], store: &Store) -> Result<u64> {
    let mut parts: Vec<_> = parts.iter().map(|part| (part, part.lines().peekable())).collect();
    let size = store.batch.segment;
    let mut recorded = 0;
    for number in 0..store.batch.segments() {
        let jobs = number * size..store.batch.jobs.min((number + 1) * size);
        let whole = jobs.end - jobs.start;
        let mut lines: Vec<String> = Vec::new();
        while let Some((job, line)) = next(&mut parts, jobs.end)? {
            ensure!(jobs.contains(&job), "the record of job {job} is not where it belongs");
            lines.push(line);
        }
        recorded += lines.len() as u64;
        if lines.len() as u64 == whole {
            let sealed =
                segment::seal(lines.iter().map(String::as_str)).context("a segment cannot be sealed")?;
            store.seal(number, &sealed)?;
        } else if !lines.is_empty() {
            store.add(number, &lines)?;
        }
    }
    Ok(recorded)
}

/// The record of the first job that comes next in any part, if it is before `end`.
fn next(parts: &mut [(&Results, Peekable<Lines<'_>>)], end: u64) -> Result<Option<(u64, String)>> {
    let mut least: Option<(u64, usize)> = None;
    for at in 0..parts.len() {
        let (results, lines) = &mut parts[at];
        let job = match lines.peek() {
            None => continue,
            Some(Ok(line)) => segment::job_of(line).unwrap_or(u64::MAX),
            // It is taken to be told.
            Some(Err(_)) => 0,
        };
        match least {
            Some((known, other)) if known == job && !matches!(lines.peek(), Some(Err(_))) => {
                let (one, other) = (results.folder.display().to_string(), parts[other].0.folder.display());
                bail!("the record of job {job} is in {other} and in {one}: merge parts that share no job");
            }
            Some((known, _)) if known <= job => {}
            _ => least = Some((job, at)),
        }
    }
    match least {
        Some((job, at)) if job < end => match parts[at].1.next() {
            Some(line) => Ok(Some((job, line?))),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}
