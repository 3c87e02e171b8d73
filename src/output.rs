//! Where reports go: standard output, or a file that is written whole or not at all.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use anyhow::{Context, Result, ensure};
use pmdscope_traces::formats::EncodeError;
use pmdscope_traces::one_line;

/// Makes a report. If `check` is set, makes it twice, and fails with [`NotTheSame`] if the two differ.
pub fn checked<T>(check: bool, make: impl Fn() -> Result<(String, T)>) -> Result<(String, T)> {
    let (report, of) = make()?;
    if check {
        let (again, _) = make()?;
        if let Some(line) = first_difference(&report, &again) {
            return Err(NotTheSame { line }.into());
        }
    }
    Ok((report, of))
}

/// An encoder's error. Its source is the error itself, so that `is_closed()` recognises a closed pipe.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeFailure(#[source] pub EncodeError);

/// Two runs of the same work gave different reports.
#[derive(Debug, thiserror::Error)]
#[error("self-check failed: line {line} of the report differs in the second run")]
pub struct NotTheSame {
    line: usize,
}

/// Returns the number of the first line that differs, counted from 1.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    let same = one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

/// Returns the width in columns of the terminal that a report goes to, or `None` if it goes elsewhere.
pub fn terminal(to: Option<&Path>) -> Option<u16> {
    let is_stdout = to.is_none_or(|path| path == Path::new("-")) && std::io::stdout().is_terminal();
    is_stdout.then(|| terminal_size::terminal_size_of(std::io::stdout())).flatten().map(|(width, _)| width.0)
}

/// Writes a report to a file, or to standard output.
///
/// A file gets no styles. Standard output gets them if it is a terminal, as far as the environment (`NO_COLOR`,
/// `CLICOLOR_FORCE`) does not say otherwise. If the reader closes the pipe early, this returns `Ok`.
pub fn write(report: &str, to: Option<&Path>) -> Result<()> {
    match to {
        Some(path) if path != Path::new("-") => {
            let plain = strip_str(report).to_string();
            write_whole(path, |file| Ok(file.write_all(plain.as_bytes())?))
                .with_context(|| format!("cannot write {}", path.display()))
        }
        _ => match anstream::stdout().lock().write_all(report.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write to standard output"),
        },
    }
}

/// Lets `write` stream a report that is too long to hold in memory, to a file or to standard output.
pub fn stream(to: Option<&Path>, write: impl FnOnce(&mut (dyn Write + Send)) -> Result<()>) -> Result<()> {
    match to {
        Some(path) if path != Path::new("-") => {
            write_whole(path, write).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => {
            let mut out = Telling { to: BufWriter::new(std::io::stdout()), failed: false };
            let written = write(&mut out).and_then(|()| Ok(out.flush()?));
            match written {
                Err(error) if is_closed(&error) => Ok(()),
                // `write` may have failed to read its own input: such an error is not about standard output.
                Err(error) if !out.failed => Err(error),
                other => other.context("cannot write to standard output"),
            }
        }
    }
}

/// A writer that remembers whether one of its own writes failed.
struct Telling<W> {
    to: W,
    failed: bool,
}

impl<W: Write> Write for Telling<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.to.write(bytes).inspect_err(|_| self.failed = true)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush().inspect_err(|_| self.failed = true)
    }
}

/// Whether an error means that the reader of a pipe has closed it.
fn is_closed(error: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        io.or_else(|| cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind))
    };
    error.chain().any(|cause| kind(cause) == Some(ErrorKind::BrokenPipe))
}

/// Prints one line about the program's own work to standard error.
///
/// A failure to print it is ignored: the exit status still reports the result.
pub fn tell(line: &str) {
    // A line may quote a file, or what a worker wrote before it ended: escape what is not printable.
    let _ = writeln!(std::io::stderr(), "pmdscope: {}", shortened(&one_line(line)));
}

/// Cuts the middle out of a line that is too long to read: a name or a value may have any length.
fn shortened(line: &str) -> Cow<'_, str> {
    const HEAD: usize = 700;
    const TAIL: usize = 300;
    let length = line.chars().count();
    if length <= HEAD + TAIL {
        return line.into();
    }
    let head: String = line.chars().take(HEAD).collect();
    let tail: String = line.chars().skip(length - TAIL).collect();
    format!("{head} [{} characters] {tail}", length - HEAD - TAIL).into()
}

/// Prints a line like [`tell`], but only on a terminal: in a script nobody would read it.
pub fn tell_person(line: &str) {
    if std::io::stderr().is_terminal() {
        tell(line);
    }
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, write: impl FnOnce(&mut (dyn Write + Send)) -> Result<()>) -> Result<()> {
    // A device or a pipe cannot be replaced, and is meant to be written to.
    if path.exists() && !path.is_file() {
        return write(&mut File::options().write(true).open(path)?);
    }
    replace(path, |beside| {
        let mut file = BufWriter::new(File::options().write(true).open(beside)?);
        write(&mut file)?;
        Ok(file.flush()?)
    })
}

/// Writes bytes to a file, whole or not at all.
///
/// # Errors
/// If the path is a device or a pipe, or cannot be written to.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    file(path, |beside| Ok(std::fs::write(beside, bytes)?))
}

/// Writes a file whole or not at all, with a function that writes to a path instead of a stream.
///
/// # Errors
/// If the path is a device or a pipe, or the function fails.
pub fn file(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    ensure!(!path.exists() || path.is_file(), "cannot write {}: it is no file", path.display());
    replace(path, make).with_context(|| format!("cannot write {}", path.display()))
}

/// Lets a function fill an empty file beside the path, then renames that file.
///
/// Nobody ever sees a half-written file.
fn replace(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    // Replace the target of a symbolic link, not the link itself.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut beside = target.clone().into_os_string();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let file = File::create_new(&beside)?;
    let filled = fill(&beside).and_then(|()| {
        file.sync_all()?;
        Ok(std::fs::rename(&beside, &target)?)
    });
    if filled.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    filled
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_line_that_nobody_reads_is_shortened() {
        assert_eq!(shortened("short"), "short");
        let long = format!("begin{}end", "x".repeat(1 << 20));
        let short = shortened(&long);
        assert!(short.starts_with("begin") && short.ends_with("end") && short.len() < 1100, "{short}");
        assert!(short.contains("[1047584 characters]"), "{short}");
    }

    #[test]
    fn a_closed_pipe_is_known_as_one_whatever_wrote_to_it() {
        let closed = || std::io::Error::from(ErrorKind::BrokenPipe);
        let by_encoder = anyhow::Error::from(EncodeFailure(closed().into()));
        assert!(is_closed(&by_encoder) && is_closed(&closed().into()));
        assert_eq!(crate::failure::one_line(&by_encoder), closed().to_string(), "the message appears once");
        let full = EncodeFailure(std::io::Error::from(ErrorKind::StorageFull).into());
        assert!(!is_closed(&full.into()));
    }

    #[test]
    fn what_is_not_the_same_the_second_time_is_an_error() {
        let runs = Cell::new(0);
        let varying = || {
            runs.set(runs.get() + 1);
            Ok((format!("same\n{}\n", runs.get()), ()))
        };
        let error = checked(true, varying).unwrap_err();
        assert_eq!(error.to_string(), "self-check failed: line 2 of the report differs in the second run");
        assert!(checked(false, varying).is_ok(), "it was not asked for");
        assert_eq!(checked(true, || Ok(("same".to_owned(), 7))).unwrap(), ("same".to_owned(), 7));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }
}
