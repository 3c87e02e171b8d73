//! Runs the real binary.

pub mod elf;
pub mod golden_file;
pub mod kernels;
pub mod platforms;
pub mod reproducer;
pub mod scratch;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The outcome of a run of the binary.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Makes a command of the binary that does not depend on who runs the test, or where.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmdscope"));
    command.args(args).stdin(Stdio::null()).env_clear();
    command
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    Ran {
        status: status.code(),
        stdout: String::from_utf8(stdout).expect("standard output is UTF-8"),
        stderr: String::from_utf8(stderr).expect("standard error is UTF-8"),
    }
}

/// Runs a command line whose arguments contain no space, in the root of the workspace.
pub fn pmdscope(line: &str) -> Ran {
    pmdscope_in(Path::new(env!("CARGO_MANIFEST_DIR")), line)
}

/// Runs a command line whose arguments contain no space, in a folder.
pub fn pmdscope_in(folder: &Path, line: &str) -> Ran {
    let args: Vec<&str> = line.split_whitespace().collect();
    finish(command(&args).current_dir(folder))
}
