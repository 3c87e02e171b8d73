//! What a job ran, for runs and sweeps alike, and which of its findings count.

use std::borrow::Cow;

use pmdscope_arches::platform_name;

use crate::batch::Report;
use crate::report::{GuestInfo, GuestKind, Verdict};

/// The subject and routines of a job, by the names in its report.
pub(crate) struct Job<'a> {
    pub(crate) made_by: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) mmu: Option<&'a str>,
    pub(crate) linux: &'a str,
    pub(crate) guest: &'a GuestInfo,
    /// The kind of entry; for a sweep, its set of entries.
    pub(crate) entry: &'a str,
    pub(crate) marks: &'a [String],
    pub(crate) writer: &'a str,
    /// `None` for a sweep, and for a kernel's writer that ran alone.
    pub(crate) walker: Option<&'a str>,
    pub(crate) with: &'a [String],
    /// The command that runs the job again.
    pub(crate) command: &'a str,
}

impl Job<'_> {
    /// Returns the architecture, and the kind of MMU if it has several: `ppc64 radix`.
    pub(crate) fn platform(&self) -> String {
        platform_name(self.arch, self.mmu)
    }

    /// Returns the label or the release of a kernel; for other guests, the Linux version.
    pub(crate) fn version(&self) -> &str {
        self.guest.kernel_name().unwrap_or(self.linux)
    }

    /// Returns the label or the release of a kernel, or else the name of its file; `None` for other guests.
    pub(crate) fn kernel(&self) -> Option<&str> {
        let name = self.guest.kernel_name().unwrap_or(&self.guest.name);
        (self.guest.kind == GuestKind::Kernel).then_some(name)
    }

    /// Returns the entry and its marks: `migration-read soft-dirty`.
    pub(crate) fn marked_entry(&self) -> String {
        let words = std::iter::once(self.entry).chain(self.marks.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

impl Report {
    /// Returns the subject and routines of the job.
    pub(crate) fn job(&self) -> Job<'_> {
        match self {
            Report::Run(run) => Job {
                made_by: &run.made_by,
                arch: &run.arch,
                mmu: run.mmu.as_deref(),
                linux: &run.linux,
                guest: &run.guest,
                entry: run.entry.name(),
                marks: &run.marks,
                writer: &run.writer,
                walker: run.has_walker().then_some(&run.walker),
                with: &run.with,
                command: &run.command,
            },
            Report::Sweep(sweep) => Job {
                made_by: &sweep.made_by,
                arch: &sweep.arch,
                mmu: sweep.mmu.as_deref(),
                linux: &sweep.linux,
                guest: &sweep.guest,
                entry: &sweep.entries,
                marks: &[],
                writer: &sweep.writer,
                walker: None,
                with: &[],
                command: &sweep.command,
            },
        }
    }

    /// Returns the names of the findings that count, each once, in the order of the report.
    ///
    /// If a control failed, no finding counts.
    pub(crate) fn counted_findings(&self) -> Vec<&str> {
        if self.verdict() != Verdict::Findings {
            return Vec::new();
        }
        let names: Vec<&str> = match self {
            Report::Run(run) => run.findings.iter().map(|finding| finding.name.name()).collect(),
            Report::Sweep(sweep) => {
                sweep.classes.iter().flat_map(|class| &class.findings).map(|finding| finding.name()).collect()
            }
        };
        without_repeats(names)
    }

    /// Returns the reason why not everything was run; `None` if everything was.
    pub(crate) fn incomplete(&self) -> Option<&str> {
        match self {
            Report::Run(run) => run.incomplete.as_deref(),
            Report::Sweep(sweep) => sweep.incomplete.as_deref(),
        }
    }

    /// Returns the reason for the verdict `unknown`; `None` for other verdicts.
    pub(crate) fn why_unknown(&self) -> Option<Cow<'_, str>> {
        if self.verdict() != Verdict::Unknown {
            return None;
        }
        let failed = || match self {
            Report::Run(run) => run.failed_controls().into_iter().next(),
            Report::Sweep(sweep) => sweep.failed_controls().into_iter().next(),
        };
        let why = self.incomplete().map(Cow::from).or_else(|| failed().map(Cow::from));
        Some(why.unwrap_or(Cow::from("the report does not say why")))
    }
}

/// Returns the distinct items, in the order of their first occurrence.
pub(crate) fn without_repeats<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}
