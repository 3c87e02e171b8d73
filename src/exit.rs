//! What the program's exit status says.

use std::process::ExitCode;

use pmdscope_traces::Verdict;
use pmdscope_traces::results::Conclusion;

/// The exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was run, and nothing was found.
    Clean = 0,
    /// Something was found.
    Findings = 1,
    /// Bad usage or bad input.
    Usage = 2,
    /// A bound was hit, so something is not known.
    Inconclusive = 3,
    /// A fault of the program itself.
    Internal = 4,
    /// A batch or a merge has not all of its jobs: a batch can go on with it.
    Stopped = 5,
}

impl Exit {
    /// The exit status of a process that failed, by its number.
    ///
    /// A process with findings, or without, has not failed.
    pub fn of_failure(code: u8) -> Exit {
        let failures = [Exit::Usage, Exit::Inconclusive];
        failures.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Exit::Internal)
    }

    /// The status for results that were held against expectations.
    pub fn of_conclusion(conclusion: Conclusion) -> Exit {
        match conclusion {
            Conclusion::AsExpected => Exit::Clean,
            Conclusion::Unexpected => Exit::Findings,
            Conclusion::Unknown => Exit::Inconclusive,
        }
    }

    /// The status for a set of verdicts: findings speak loudest, then what is not known.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Exit {
        let mut exit = Exit::Clean;
        for verdict in verdicts {
            match verdict {
                Verdict::Findings => return Exit::Findings,
                Verdict::Unknown => exit = Exit::Inconclusive,
                Verdict::Pass => {}
            }
        }
        exit
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
