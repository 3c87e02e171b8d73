//! Where reports go: standard output, or a file that is written whole or not at all.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Writes a report. A reader that closes the pipe early ends it quietly.
pub fn write(report: &str, to: Option<&Path>) -> Result<()> {
    match to {
        Some(path) if path != Path::new("-") => {
            write_whole(path, report).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => match std::io::stdout().lock().write_all(report.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write to standard output"),
        },
    }
}

/// Writes beside the file and renames, so that no half-written file is ever seen.
fn write_whole(path: &Path, report: &str) -> std::io::Result<()> {
    // A device or a pipe cannot be replaced, and is meant to be written to.
    if path.exists() && !path.is_file() {
        return File::options().write(true).open(path)?.write_all(report.as_bytes());
    }
    // What a symbolic link points to is replaced, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let path = target.as_path();
    let mut beside = PathBuf::from(path).into_os_string();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = File::create_new(&beside)
        .and_then(|mut file| file.write_all(report.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}
