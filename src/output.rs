//! Where reports go: standard output, or a file that is written whole or not at all.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use anyhow::{Context, Result};

/// Makes a report, and if it is to be checked makes it again: the same must come out.
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

/// The same work did not give the same report.
#[derive(Debug, thiserror::Error)]
#[error("self-check failed: line {line} of the report is another the second time")]
pub struct NotTheSame {
    line: usize,
}

/// The first line, counted from 1, that is not the same.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return None;
    }
    let same = one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

/// The columns of the terminal that a report goes to, if it goes to one.
pub fn terminal(to: Option<&Path>) -> Option<u16> {
    let is_stdout = to.is_none_or(|path| path == Path::new("-")) && std::io::stdout().is_terminal();
    is_stdout.then(|| terminal_size::terminal_size_of(std::io::stdout())).flatten().map(|(width, _)| width.0)
}

/// Writes a report. Styles are for terminals, and there for those that want them (`NO_COLOR`). A reader that closes
/// the pipe early ends it quietly.
pub fn write(report: &str, to: Option<&Path>) -> Result<()> {
    match to {
        Some(path) if path != Path::new("-") => write_whole(path, &strip_str(report).to_string())
            .with_context(|| format!("cannot write {}", path.display())),
        _ => match anstream::stdout().lock().write_all(report.as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.context("cannot write to standard output"),
        },
    }
}

/// Says a line about the program's own work. If there is nobody to hear it, the exit status still tells.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "pmdscope: {line}");
}

/// The same, if a person watches: what goes on in scripts is not to be read.
pub fn tell_person(line: &str) {
    if std::io::stderr().is_terminal() {
        tell(line);
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_is_not_the_same_the_second_time_is_an_error() {
        let runs = Cell::new(0);
        let varying = || {
            runs.set(runs.get() + 1);
            Ok((format!("same\n{}\n", runs.get()), ()))
        };
        let error = checked(true, varying).unwrap_err();
        assert_eq!(error.to_string(), "self-check failed: line 2 of the report is another the second time");
        assert!(checked(false, varying).is_ok(), "it was not asked for");
        assert_eq!(checked(true, || Ok(("same".to_owned(), 7))).unwrap(), ("same".to_owned(), 7));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }
}
