//! The program's exit status.

use std::process::ExitCode;

use pmdscope_traces::Verdict;
use pmdscope_traces::results::Conclusion;

/// The exit status of the program, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was run, and nothing was found.
    Clean = 0,
    /// Something was found.
    Findings = 1,
    /// Bad usage or bad input.
    Usage = 2,
    /// Something is not known, as when a bound was hit.
    Inconclusive = 3,
    /// A fault of the program itself.
    Internal = 4,
    /// A batch or a merge lacks records of some jobs: `pmdscope batch --resume` runs these.
    Stopped = 5,
    /// Nothing was found in orders with few switches between CPUs, and there are too many others.
    Bounded = 6,
    /// A commit says nothing of what is looked for: `git bisect run` goes on to another.
    Skip = 125,
}

impl Exit {
    /// Converts the exit status that a failed process reported.
    ///
    /// Only 2 and 3 are kept. A process with findings (1), or without (0), has not failed: these and all others
    /// are [`Exit::Internal`].
    pub fn of_failure(code: u8) -> Exit {
        let failures = [Exit::Usage, Exit::Inconclusive];
        failures.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Exit::Internal)
    }

    /// Returns the status for results that were compared with expectations.
    pub fn of_conclusion(conclusion: Conclusion) -> Exit {
        match conclusion {
            Conclusion::AsExpected => Exit::Clean,
            Conclusion::Unexpected => Exit::Findings,
            Conclusion::Unknown => Exit::Inconclusive,
        }
    }

    /// Returns the status for a set of verdicts: findings take precedence over unknown, unknown over pass-bounded, and
    /// that over pass.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Exit {
        let mut exit = Exit::Clean;
        for verdict in verdicts {
            match verdict {
                Verdict::Findings => return Exit::Findings,
                Verdict::Unknown => exit = Exit::Inconclusive,
                Verdict::PassBounded if exit == Exit::Clean => exit = Exit::Bounded,
                Verdict::PassBounded | Verdict::Pass => {}
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
