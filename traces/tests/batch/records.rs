//! Records of jobs, made from reports that the tool wrote.

use pmdscope_traces::batch::{Record, Report};
use pmdscope_traces::sweep::SweepReport;
use pmdscope_traces::{CompareReport, RunReport, Verdict};

/// Reports with everything that the walker saw.
const ARM64: &str = include_str!("../reports/arm64-6.1.json");
const X86_64: &str = include_str!("../reports/x86_64-6.1.json");
const PPC64LE: &str = include_str!("../reports/ppc64le-6.12.json");

/// The job of a batch that ran a kernel.
pub const KERNEL: usize = 4;

/// Makes a record of a job from a run.
pub fn of_run(job: u64, run: RunReport) -> Record {
    Record { job, report: Report::Run(Box::new(run)) }
}

/// Returns the run of a record.
pub fn run(record: &mut Record) -> &mut RunReport {
    match &mut record.report {
        Report::Run(run) => run,
        Report::Sweep(_) => panic!("job {} is a sweep", record.job),
    }
}

/// Returns a batch in which no two jobs ran the same: runs of several platforms, some of them unknown, and
/// sweeps.
pub fn batch() -> Vec<Record> {
    let compared: CompareReport = serde_json::from_str(include_str!("../reports/compare.json")).unwrap();
    let mut runs = compared.rows;
    runs.extend([crate::common::MMU, ARM64, X86_64, PPC64LE].map(crate::common::report));
    runs.push(not_survived());
    runs.push(control_failed());
    let mut records: Vec<Record> = (0..).zip(runs).map(|(job, run)| of_run(job, run)).collect();
    let next = records.len() as u64;
    records.push(sweep(next, Verdict::Findings));
    records.push(sweep(next + 1, Verdict::Pass));
    records
}

/// Returns the run of a job that the engine did not survive. It only names what was to be run.
pub fn not_survived() -> RunReport {
    let mut run = crate::common::report(crate::common::SPLIT);
    run.walker = "hmm".to_owned();
    run.verdict = Verdict::Unknown;
    run.incomplete = Some("the engine ended by signal 11 at 0x102714".to_owned());
    (run.after, run.stored, run.views, run.outcomes) = (None, Vec::new(), Vec::new(), Vec::new());
    (run.findings, run.traces) = (Vec::new(), Vec::new());
    run
}

/// Returns a run with findings that do not count, because a control failed.
pub fn control_failed() -> RunReport {
    let mut run = crate::common::report(crate::common::SPLIT);
    run.walker = "perf-page-size".to_owned();
    run.verdict = Verdict::Unknown;
    run.disagreements = vec!["of 0x1 the guest says present, the model swap".to_owned()];
    run
}

/// Returns a sweep in which entries became present, or none did.
pub fn sweep(job: u64, verdict: Verdict) -> Record {
    let mut sweep: SweepReport = serde_json::from_str(include_str!("../reports/sweep.json")).unwrap();
    sweep.writer = "split-unguarded".to_owned();
    if verdict != Verdict::Findings {
        sweep.writer = "split-guarded".to_owned();
        sweep.classes.iter_mut().for_each(|class| class.findings.clear());
    }
    sweep.verdict = verdict;
    Record { job, report: Report::Sweep(Box::new(sweep)) }
}
