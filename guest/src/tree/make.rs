//! Runs a kernel tree's own make.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::TreeError;

/// make in a source tree or in a build folder.
#[derive(Debug)]
pub(crate) struct Make {
    /// The folder with the Makefile.
    pub(crate) folder: PathBuf,
    /// The arguments before the goals: variables.
    pub(crate) variables: Vec<OsString>,
    /// The file that gets what make prints.
    pub(crate) log: PathBuf,
}

impl Make {
    /// Has make bring goals up to date, on all processors.
    ///
    /// # Errors
    /// [`TreeError::Make`] with the first error that was printed.
    pub(crate) fn run<S: AsRef<str>>(&self, goals: &[S]) -> Result<(), TreeError> {
        let of_log = |error| TreeError::Folder { path: self.log.clone(), error };
        let output = File::create(&self.log).map_err(of_log)?;
        let both = output.try_clone().map_err(of_log)?;
        let jobs = std::thread::available_parallelism().map_or(1, |count| count.get());
        let status = Command::new("make")
            .arg("-s")
            .arg(format!("-j{jobs}"))
            .arg("-C")
            .arg(&self.folder)
            .args(&self.variables)
            .args(goals.iter().map(AsRef::as_ref))
            // Messages are read.
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(both)
            .status()
            .map_err(|error| TreeError::Run { program: "make".to_owned(), error })?;
        if status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&fs::read(&self.log).map_err(of_log)?).into_owned();
        let what = match goals {
            [goal] => format!("make {}", goal.as_ref()),
            _ => "make".to_owned(),
        };
        Err(TreeError::Make {
            what,
            tree: self.folder.clone(),
            message: first_error(&printed).to_owned(),
            log: self.log.clone(),
        })
    }
}

/// Returns the line that says what went wrong, in what make and a compiler printed.
fn first_error(printed: &str) -> &str {
    let of_words = |words: &[&str]| {
        let mut lines = printed.lines().map(str::trim);
        lines.find(|line| words.iter().any(|word| line.contains(word)))
    };
    // make itself ends with `Error 1`, which says nothing.
    let telling = of_words(&["error:", "Error: ", "not found", "not clean", "No rule", "No such"]);
    telling
        .or_else(|| of_words(&["Error", "rror "]))
        .or_else(|| printed.lines().last())
        .unwrap_or_default()
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_the_compilers() {
        let printed = "mm/gup.c:12:1: warning: unused\nmm/gup.c:14:2: error: expected ';'\nmake[2]: *** [mm/gup.o] Error 1\n";
        assert_eq!(first_error(printed), "mm/gup.c:14:2: error: expected ';'");
        assert_eq!(first_error("make: *** [x] Error 2\n"), "make: *** [x] Error 2");
        assert_eq!(
            first_error("make: *** No rule to make target 'x'.\n"),
            "make: *** No rule to make target 'x'."
        );
        assert_eq!(first_error(""), "");
    }
}
