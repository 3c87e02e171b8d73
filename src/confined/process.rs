//! Starts this program again as a confined process, and explains how such a process ended.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::failure::Fault;

/// The resources that a process and its work may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time.
    pub seconds: u64,
}

/// Returns the processor time of a job, in seconds, given that of its exploration.
///
/// The rest of the job gets as much time again, and 30 seconds.
pub fn processor_seconds(exploration: u64) -> u64 {
    exploration.saturating_mul(2).saturating_add(30)
}

/// Why a process ended before its work was done, in words that are the same each time.
#[derive(Debug, PartialEq, Eq)]
pub enum Death {
    /// This work ends its process each time.
    ForGood(String),
    /// The work lacked memory or time.
    ForNow(String),
}

/// Starts this program with one argument, and with pipes for its input and output.
///
/// Returns the process, and the file that receives its standard error.
pub fn start(argument: &str, configure: impl FnOnce(&mut Command)) -> Result<(Child, File)> {
    let words = tempfile::tempfile().context("cannot make a temporary file for a confined process")?;
    // Not by its path: the program may be replaced while it runs.
    let program = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().context("cannot find this program")?
    };
    let mut command = Command::new(program);
    command
        .arg(argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(words.try_clone().context("cannot start a confined process")?);
    configure(&mut command);
    let child = command.spawn().context("cannot start a confined process")?;
    Ok((child, words))
}

/// Returns the last 4096 bytes that a process wrote to standard error, as one line.
pub fn last_words(words: &mut File) -> std::io::Result<String> {
    const MOST: u64 = 4096;
    let length = words.seek(SeekFrom::End(0))?;
    words.seek(SeekFrom::Start(length.saturating_sub(MOST)))?;
    let mut bytes = Vec::new();
    words.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

impl Limits {
    /// Returns how long a process may be silent: all of its processor time, on a busy machine.
    pub fn patience(self) -> Duration {
        Duration::from_secs(self.seconds.saturating_mul(2).saturating_add(30))
    }
}

/// Explains the end of a process.
///
/// # Errors
/// [`Fault`] if this program panicked in that process.
pub fn death(status: ExitStatus, last_words: &str, limits: Limits) -> Result<Death, Fault> {
    let Limits { memory, seconds } = limits;
    // The messages of Rust and of Unicorn when an allocation fails.
    if ["memory allocation of", "Could not allocate"].iter().any(|words| last_words.contains(words)) {
        return Ok(Death::ForNow(format!(
            "it needs more than the {} MiB of address space that it may have, or than the system gives it",
            memory >> 20
        )));
    }
    if last_words.contains("panicked at") {
        return Err(Fault(format!("a confined process panicked: {last_words}")));
    }
    Ok(match status.signal() {
        Some(signal) if signal == Signal::XCPU.as_raw() => {
            Death::ForNow(format!("it takes more than the {seconds} s of processor time that it may take"))
        }
        Some(signal) if signal == Signal::KILL.as_raw() => Death::ForNow(
            "its process was killed, as a system does that is short of memory: no guest can do that"
                .to_owned(),
        ),
        Some(signal) => {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            Death::ForGood(format!("the engine did not survive it: its process was ended by {name}"))
        }
        None => {
            let code = status.code().unwrap_or_default();
            Death::ForGood(format!("the engine did not survive it: its process ended with status {code}"))
        }
    })
}

/// Runs `work` on a thread of its own, which nobody waits for.
pub fn beside(work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::Builder::new().spawn(work).context("cannot start a thread").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Explains the end of a process, by its status as `wait()` gives it.
    fn end_of(status: i32, last_words: &str) -> Result<Death, Fault> {
        death(ExitStatus::from_raw(status), last_words, Limits { memory: 64 << 20, seconds: 150 })
    }

    #[test]
    fn only_what_is_the_same_each_time_is_for_good() {
        let for_good = |status, words| matches!(end_of(status, words), Ok(Death::ForGood(_)));
        let for_now = |status, words| matches!(end_of(status, words), Ok(Death::ForNow(_)));
        let (exit_1, exit_101) = (1 << 8, 101 << 8);
        let (abort, kill, segv, xcpu) = (6, 9, 11, 24);
        assert!(for_good(segv, "") && for_good(exit_1, "") && for_good(abort, ""));
        assert!(for_now(kill, "") && for_now(xcpu, ""));
        assert!(for_now(abort, "memory allocation of 4096 bytes failed"));
        assert!(for_now(exit_1, "Could not allocate dynamic translator buffer"));
        for status in [exit_101, abort] {
            assert!(end_of(status, "thread 'main' panicked at src/x.rs:1:2: oh").is_err());
        }
    }
}
