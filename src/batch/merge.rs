//! `pmdscope merge`: merges the parts of a matrix.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use pmdscope_traces::batch::{Batch, JoinError, Segment, Segments, segment};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::results::Results;
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
    // This drops a slash at the end of the name.
    let to: PathBuf = args.output.components().collect();
    ensure!(!is_there(&to), "{} is there already: name another -o", to.display());
    let (recorded, jobs) = appear(&to, |beside| {
        let store = Store::open(beside, Batch { memory, ..first.batch.whole() }, false)?;
        Ok((joined(&parts, &store)?, store.batch.jobs))
    })?;
    if recorded < jobs {
        output::tell(&format!(
            "{recorded} of {jobs} jobs are recorded in these; the others are run by pmdscope batch with the same matrix, -o \
             {} --resume",
            args.output.display()
        ));
        return Ok(Exit::Stopped);
    }
    output::write(&format!("{jobs} jobs merged\n"), None)?;
    Ok(Exit::Clean)
}

fn is_there(path: &Path) -> bool {
    // A link whose target does not exist counts as well.
    path.symlink_metadata().is_ok()
}

/// Fills a new folder, and gives it its name when it is complete. Replaces nothing that exists.
fn appear<T>(to: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let cannot = || format!("cannot write {}", to.display());
    let name = to.file_name().with_context(cannot)?.to_string_lossy().into_owned();
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary folder with a name of its own. It is removed unless it is renamed.
    let beside = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o777))
        .tempdir_in(folder)
        .with_context(cannot)?;
    let filled = fill(beside.path())?;
    match renameat_with(CWD, beside.path(), CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => bail!("{} is there already: name another -o", to.display()),
        // The file system does not know NOREPLACE. Even so, rename() never replaces a folder that is not empty.
        Err(Errno::INVAL | Errno::NOSYS) if !is_there(to) => fs::rename(beside.path(), to),
        renamed => renamed.map_err(Into::into),
    }
    .with_context(cannot)?;
    // The folder has its final name now, so there is nothing left to remove.
    let _ = beside.keep();
    Ok(filled)
}

/// Writes all lines in the order of their jobs; returns how many there are.
fn joined(parts: &[Results], store: &Store) -> Result<u64> {
    let mut recorded = 0;
    for segment in Segments::new(&store.batch, parts.iter().map(Results::lines)) {
        let Segment { number, lines, is_whole } = segment.map_err(|why| cannot_join(parts, why))?;
        recorded += lines.len() as u64;
        if is_whole {
            let sealed =
                segment::seal(lines.iter().map(String::as_str)).context("a segment cannot be sealed")?;
            store.seal(number, &sealed)?;
        } else {
            store.add(number, &lines)?;
        }
    }
    Ok(recorded)
}

fn cannot_join(parts: &[Results], why: JoinError<anyhow::Error>) -> anyhow::Error {
    match why {
        JoinError::Part(error) => error,
        JoinError::Twice { job, parts: [one, other] } => {
            let [one, other] = [one, other].map(|place| parts[place].folder.display());
            anyhow!("the record of job {job} is in {one} and in {other}: merge parts that share no job")
        }
    }
}
