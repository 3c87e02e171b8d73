//! What a job ran, whatever kind of job it is, and what of its result counts.

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
    /// The kind of entry; of a sweep its set of entries.
    pub(crate) entry: &'a str,
    pub(crate) marks: &'a [String],
    pub(crate) writer: &'a str,
    /// None of a sweep, and of a kernel's writer that ran alone.
    pub(crate) walker: Option<&'a str>,
    pub(crate) with: &'a [String],
    /// The command that runs it again.
    pub(crate) command: &'a str,
}

impl Job<'_> {
    /// The architecture, and the kind of MMU where there are several: `ppc64 radix`.
    pub(crate) fn platform(&self) -> String {
        platform_name(self.arch, self.mmu)
    }

    /// The release of a kernel, or else the version of Linux.
    pub(crate) fn version(&self) -> &str {
        self.guest.release.as_deref().unwrap_or(self.linux)
    }

    /// The release of a kernel, or the name of its file if it has none; none of other guests.
    pub(crate) fn kernel(&self) -> Option<&str> {
        let name = self.guest.release.as_deref().unwrap_or(&self.guest.name);
        (self.guest.kind == GuestKind::Kernel).then_some(name)
    }

    /// The entry and its marks: `migration-read soft-dirty`.
    pub(crate) fn marked_entry(&self) -> String {
        let words = std::iter::once(self.entry).chain(self.marks.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

impl Report {
    /// What was run.
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

    /// The names of what was found, each once, in the order of the report. What was found beside a control that failed
    /// does not count, and is not among them.
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

    /// Why not everything was run, if not everything was.
    pub(crate) fn incomplete(&self) -> Option<&str> {
        match self {
            Report::Run(run) => run.incomplete.as_deref(),
            Report::Sweep(sweep) => sweep.incomplete.as_deref(),
        }
    }

    /// Why the verdict is unknown, if it is.
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

/// The distinct items, in the order of their first occurrence.
pub(crate) fn without_repeats<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for one in all {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}
