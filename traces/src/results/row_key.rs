//! The names of rows in lists of expected findings and in machine-readable results.

use crate::comparison::Skipped;
use crate::judge::FindingName;
use crate::report::RunReport;
use crate::results::list::{self, listed};
use crate::sweep::SweepReport;

/// The five words that name a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowKey {
    /// `arm64`, `ppc64/hash`, or `kernel`.
    platform: String,
    /// The Linux version, or a kernel's label or release.
    linux: String,
    /// The release of a kernel with a label, by which a list may name it as well.
    release: Option<String>,
    /// The kind of entry with its marks: `migration-write+dirty`; for a sweep, its set: `sweep:migration`.
    entry: String,
    writer: String,
    walker: String,
}

impl RowKey {
    /// Returns the words of a run.
    pub fn of_run(row: &RunReport) -> RowKey {
        let (platform, linux) = match (&row.kernel, row.guest.kernel_name()) {
            (None, None) => (list::platform(&row.arch, row.mmu.as_deref()), &*row.linux),
            (_, name) => (KERNEL.to_owned(), name.unwrap_or(&row.linux)),
        };
        let entry: Vec<&str> =
            std::iter::once(row.entry.name()).chain(row.marks.iter().map(String::as_str)).collect();
        RowKey {
            platform,
            linux: linux.to_owned(),
            release: row.guest.label.as_ref().and(row.guest.release.clone()),
            entry: entry.join("+"),
            writer: row.writer.clone(),
            walker: row.walker.clone(),
        }
    }

    /// Returns the words of a sweep: its entry is its set, and its walker is `none`, as of a run without a
    /// walker.
    pub fn of_sweep(sweep: &SweepReport) -> RowKey {
        RowKey {
            platform: list::platform(&sweep.arch, sweep.mmu.as_deref()),
            linux: sweep.linux.clone(),
            release: None,
            entry: format!("sweep:{}", sweep.entries),
            writer: sweep.writer.clone(),
            walker: "none".to_owned(),
        }
    }

    /// Returns the words, in the order of lists.
    pub fn words(&self) -> [&str; 5] {
        [&self.platform, &self.linux, &self.entry, &self.writer, &self.walker]
    }

    /// Returns the words of a kernel with a label, by its release instead.
    pub fn words_by_release(&self) -> Option<[&str; 5]> {
        let release = self.release.as_deref()?;
        Some([&self.platform, release, &self.entry, &self.writer, &self.walker])
    }

    /// Returns the name of the row's group: `arm64 6.1`.
    pub fn group(&self) -> String {
        format!("{} {}", self.platform, self.linux)
    }

    /// Returns the row's name within that group: `migration-write split-unguarded gup-fast-read`.
    pub fn within_group(&self) -> String {
        format!("{} {} {}", self.entry, self.writer, self.walker)
    }

    /// Returns the line of a list that expects this finding of the row.
    pub fn line(&self, finding: FindingName) -> String {
        let words = self.words().map(listed);
        format!("{} {}", words.join(" "), finding.name())
    }
}

/// The platform of a kernel. Its second word is the release.
const KERNEL: &str = "kernel";

/// Returns the name of a skipped combination's group. Its encoding is `ppc64 radix 6.1`, or a kernel's release.
pub(crate) fn group_of_skipped(skipped: &Skipped) -> String {
    let words: Vec<&str> = skipped.encoding.split(' ').collect();
    match words[..] {
        [arch, linux] => format!("{} {linux}", list::platform(arch, None)),
        [arch, mmu, linux] => format!("{} {linux}", list::platform(arch, Some(mmu))),
        // A kernel's name has no space in it.
        _ => group_of_kernel(&skipped.encoding),
    }
}

/// Returns the name of the group of a kernel, by its label or release.
pub(crate) fn group_of_kernel(name: &str) -> String {
    format!("{KERNEL} {name}")
}
