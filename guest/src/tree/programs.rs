//! Programs of this machine, by what they say of their version.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Returns the first line that a program prints about its version; `None` if it cannot be run.
pub(crate) fn version_line(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// Returns the first of several programs that can be run.
pub(crate) fn first_that_runs<P: AsRef<Path>>(candidates: impl IntoIterator<Item = P>) -> Option<PathBuf> {
    let found = candidates.into_iter().find(|program| version_line(program.as_ref()).is_some());
    found.map(|program| program.as_ref().to_owned())
}
