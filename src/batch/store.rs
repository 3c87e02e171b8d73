//! Writes a results directory.
//!
//! ```text
//! batch.json                      the matrix, the part of it that is run, and by which build
//! lock                            held by the one batch that writes here
//! records/0000000000.jsonl.zst    a sealed segment
//! records/0000000001.jsonl        the journal of a segment in progress
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pmdscope_traces::batch::{Batch, segment};
use pmdscope_traces::json;

use crate::{input, output};

/// A results directory that no other batch writes to.
pub struct Store {
    folder: PathBuf,
    pub batch: Batch,
    /// The lock, held as long as this lives.
    lock: File,
}

/// Whether a segment is already sealed.
pub enum Sealed {
    /// It is sealed: its lines.
    Lines(Vec<String>),
    /// Its file exists but cannot be read: which file, and why.
    Damaged(String),
    /// It is not sealed yet.
    NotYet,
}

/// The paths of the parts of a results directory.
pub struct Places<'a>(pub &'a Path);

impl Places<'_> {
    pub fn batch(&self) -> PathBuf {
        self.0.join("batch.json")
    }

    pub fn records(&self) -> PathBuf {
        self.0.join("records")
    }

    /// The segments that have a file, in order.
    pub fn segments(&self, batch: &Batch) -> Result<Vec<u64>> {
        let name = self.records();
        let files = match fs::read_dir(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.with_context(|| format!("cannot read {}", name.display()))?,
        };
        let mut segments = BTreeSet::new();
        for file in files {
            let file = file.with_context(|| format!("cannot read {}", name.display()))?.file_name();
            let file = file.to_string_lossy();
            let number = file.strip_suffix(".jsonl.zst").or_else(|| file.strip_suffix(".jsonl"));
            // Files with other names are not ours.
            segments.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(segments.into_iter().filter(|segment| *segment < batch.segments()).collect())
    }

    pub fn sealed(&self, segment: u64) -> PathBuf {
        self.records().join(format!("{segment:010}.jsonl.zst"))
    }

    pub fn journal(&self, segment: u64) -> PathBuf {
        self.records().join(format!("{segment:010}.jsonl"))
    }
}

/// Reads the batch of a results directory; `None` if the folder is none yet.
pub fn batch_of(folder: &Path) -> Result<Option<Batch>> {
    /// The file has the matrix, and everything in it that cannot be run.
    const LARGEST_BYTES: u64 = 64 << 20;
    let file = Places(folder).batch();
    let Some(opened) = existing(&file)? else { return Ok(None) };
    let name = file.display().to_string();
    let bytes = input::read_of(opened, &name, LARGEST_BYTES)?;
    Batch::read(&bytes).map(Some).map_err(|why| anyhow!("{name} {why}"))
}

/// Opens a file, if it exists.
pub fn existing(file: &Path) -> Result<Option<File>> {
    match input::open(file) {
        Err(error) if is_absent(&error) => Ok(None),
        opened => opened.map(Some),
    }
}

fn is_absent(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Returns the lines of a journal, if it exists.
pub fn journal(file: &Path) -> Result<Option<Vec<String>>> {
    let Some(opened) = existing(file)? else { return Ok(None) };
    let bytes = input::read_of(opened, &file.display().to_string(), segment::LARGEST_BYTES)?;
    Ok(Some(segment::journal(&bytes)))
}

impl Store {
    /// Begins a results directory, or opens one to go on with it.
    pub fn open(folder: &Path, batch: Batch, resume: bool) -> Result<Store> {
        let name = folder.display();
        fs::create_dir_all(Places(folder).records()).with_context(|| format!("cannot make {name}"))?;
        let lock = lock(folder)?;
        match batch_of(folder)? {
            None => {
                let has_records = fs::read_dir(Places(folder).records())
                    .with_context(|| format!("cannot read {name}"))?
                    .next()
                    .is_some();
                ensure!(
                    !has_records,
                    "{name} has records, but no batch.json that says of what: name another -o"
                );
                write_synced(&Places(folder).batch(), json::pretty(&batch)?.as_bytes())?;
            }
            Some(_) if !resume => {
                bail!(
                    "{name} has the results of a batch already: add --resume to go on with it, or name another -o"
                )
            }
            Some(there) => {
                if let Some(why) = there.differs_from(&batch) {
                    bail!("{name} cannot be gone on with: {why}: name another -o");
                }
                ensure!(
                    there.partition == batch.partition,
                    "{name} cannot be gone on with: it is of {}, not of {}: name another -o",
                    part(&there),
                    part(&batch)
                );
                if there.memory != batch.memory {
                    output::tell(&format!(
                        "{name} was begun with --memory {}, and is gone on with --memory {}",
                        there.memory, batch.memory
                    ));
                }
                let same = Batch { memory: batch.memory, ..there };
                ensure!(same == batch, "{} was changed: name another -o", Places(folder).batch().display());
                write_synced(&Places(folder).batch(), json::pretty(&batch)?.as_bytes())?;
            }
        }
        Ok(Store { folder: folder.to_owned(), batch, lock })
    }

    /// Checks that all segments are sealed in the directory that this batch has locked.
    ///
    /// # Errors
    /// If the directory was removed or replaced meanwhile.
    pub fn is_in_place(&self) -> Result<()> {
        use std::os::unix::fs::MetadataExt;

        let gone = || format!("{} was removed or replaced while it was written to", self.folder.display());
        let there = fs::metadata(self.folder.join("lock")).with_context(gone)?;
        let held = self.lock.metadata().with_context(gone)?;
        ensure!((there.dev(), there.ino()) == (held.dev(), held.ino()), gone());
        for segment in 0..self.batch.segments() {
            ensure!(Places(&self.folder).sealed(segment).exists(), gone());
        }
        Ok(())
    }

    /// Returns the state of a segment on disk; removes the journal of a sealed one.
    pub fn sealed(&self, segment: u64, jobs: &[u64]) -> Result<Sealed> {
        let file = Places(&self.folder).sealed(segment);
        let Some(opened) = existing(&file)? else { return Ok(Sealed::NotYet) };
        match segment::open(opened, jobs) {
            Ok(lines) => {
                // A batch that was killed while it sealed the segment may have left its journal.
                remove(&Places(&self.folder).journal(segment))?;
                Ok(Sealed::Lines(lines))
            }
            Err(error) => Ok(Sealed::Damaged(format!("{}: {error}", file.display()))),
        }
    }

    /// Returns the lines of a segment in progress, and rewrites its journal with just these.
    pub fn known(&self, segment: u64, jobs: &[u64]) -> Result<Vec<String>> {
        let file = Places(&self.folder).journal(segment);
        let Some(mut lines) = journal(&file)? else { return Ok(Vec::new()) };
        lines.retain(|line| segment::job_of(line).is_some_and(|job| jobs.binary_search(&job).is_ok()));
        // The next line must not be written behind a torn one.
        write_synced(&file, lines.concat().as_bytes())?;
        Ok(lines)
    }

    /// Adds lines to the journal of a segment.
    pub fn add(&self, segment: u64, lines: &[String]) -> Result<()> {
        let file = Places(&self.folder).journal(segment);
        let is_new = !file.exists();
        let added = File::options().create(true).append(true).open(&file).and_then(|mut journal| {
            journal.write_all(lines.concat().as_bytes())?;
            journal.sync_data()?;
            if is_new { sync_folder_of(&file) } else { Ok(()) }
        });
        added.with_context(|| format!("cannot write {}", file.display()))
    }

    /// Writes a sealed segment, and removes its journal.
    pub fn seal(&self, segment: u64, sealed: &[u8]) -> Result<()> {
        write_synced(&Places(&self.folder).sealed(segment), sealed)?;
        remove(&Places(&self.folder).journal(segment))
    }
}

fn part(batch: &Batch) -> String {
    batch.partition.clone().unwrap_or_else(|| "the whole matrix".to_owned())
}

fn lock(folder: &Path) -> Result<File> {
    let file = folder.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("another batch is writing to {}: wait for it, or name another -o", folder.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", file.display()))
        }
    }
}

/// Writes a file whole or not at all, and syncs it so that it survives a crash of the machine.
pub fn write_synced(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = file.to_owned().into_os_string();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let written = File::create(&beside)
        .and_then(|mut part| part.write_all(bytes).and_then(|()| part.sync_all()))
        .and_then(|()| fs::rename(&beside, file))
        .and_then(|()| sync_folder_of(file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// Syncs the folder of a file, so that a new name in it survives a crash of the machine.
fn sync_folder_of(file: &Path) -> std::io::Result<()> {
    File::open(file.parent().unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub mod tests {
    use pmdscope_traces::batch::{BATCH_SCHEMA, USUAL_MEMORY};

    use super::*;

    pub fn one_job() -> Batch {
        Batch {
            schema: BATCH_SCHEMA.to_owned(),
            made_by: "a test".to_owned(),
            sources: String::new(),
            plan: String::new(),
            matrix: String::new(),
            jobs: 1,
            partition: None,
            here: 1,
            segment: 1,
            memory: USUAL_MEMORY,
            skipped: Vec::new(),
            unavailable: Vec::new(),
        }
    }

    #[test]
    fn results_that_vanish_are_not_taken_for_written() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("r");
        let gone =
            |store: &Store| store.is_in_place().unwrap_err().to_string().contains("was removed or replaced");
        let store = Store::open(&folder, one_job(), false).unwrap();
        assert!(gone(&store), "nothing was sealed");
        store.seal(0, b"sealed").unwrap();
        store.is_in_place().unwrap();
        fs::rename(&folder, scratch.path().join("moved")).unwrap();
        assert!(gone(&store));
        let other = Store::open(&folder, one_job(), false).unwrap();
        other.seal(0, b"sealed").unwrap();
        assert!(gone(&store), "another is there");
        other.is_in_place().unwrap();
    }
}
