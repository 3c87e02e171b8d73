//! The identity of a job: what it ran.
//!
//! A job's number is not part of it, since two matrices may differ. Nor is the way in which the job was run.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::batch::job::Job;
use crate::batch::{Record, Report};
use crate::entry_name::EntryName;
use crate::report::GuestKind;

/// The kernels that the jobs of a batch ran, collected record by record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kernels(BTreeSet<Kernel>);

/// A kernel by its architecture and release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kernel {
    arch: String,
    release: String,
}

impl Kernels {
    /// Adds the kernel of a record, if its job ran one.
    pub fn add(&mut self, record: &Record) {
        let job = record.report.job();
        if let Some(release) = job.kernel() {
            self.0.insert(Kernel { arch: job.arch.to_owned(), release: release.to_owned() });
        }
    }

    /// Returns the releases that are not in the other set, by architecture and flavour.
    fn only_here(&self, other: &Kernels) -> BTreeMap<(String, String), Vec<String>> {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Kernel { arch, release } in self.0.difference(&other.0) {
            groups.entry((arch.clone(), flavour(release))).or_default().push(release.clone());
        }
        groups
    }
}

/// Two releases of a kernel that are compared as one kernel.
///
/// Each is the only release of its architecture and flavour that the other batch does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelPair {
    /// The architecture.
    pub arch: String,
    /// The release in the old batch.
    pub old: String,
    /// The release in the new batch.
    pub new: String,
}

/// Finds the releases that are compared as one kernel.
pub fn pair_kernels(old: &Kernels, new: &Kernels) -> Vec<KernelPair> {
    let only_new = new.only_here(old);
    let pair = |((arch, flavour), releases): ((String, String), Vec<String>)| {
        let others = only_new.get(&(arch.clone(), flavour))?;
        match (&releases[..], &others[..]) {
            ([old], [new]) => Some(KernelPair { arch, old: old.clone(), new: new.clone() }),
            _ => None,
        }
    };
    old.only_here(new).into_iter().filter_map(pair).collect()
}

/// Returns the distribution's name for the build: `cloud-amd64` for `6.12.107+deb13-cloud-amd64`, `generic` for
/// `6.8.0-45-generic`.
fn flavour(release: &str) -> String {
    let is_candidate = |part: &str| {
        part.strip_prefix("rc").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let parts = release.split('-').skip(1);
    let named =
        parts.filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()) && !is_candidate(part));
    named.collect::<Vec<_>>().join("-")
}

/// Returns the identity of a job: the first half of a SHA-256 over everything that describes what it ran.
///
/// The probability that any two of 20 million jobs collide is below 1 in 10^23.
pub(crate) fn identity(report: &Report, pairs: &[KernelPair]) -> u128 {
    let job = report.job();
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(match report {
        Report::Run(_) => "run",
        Report::Sweep(_) => "sweep",
    });
    part(job.arch);
    part(job.mmu.unwrap_or_default());
    part(job.guest.kind.name());
    match job.kernel() {
        // Sorted, so that the identity does not depend on which batch is the old one.
        Some(release) => match paired(&job, pairs) {
            Some(pair) => {
                [&pair.old, &pair.new].iter().collect::<BTreeSet<_>>().iter().for_each(|one| part(one))
            }
            None => part(release),
        },
        None => part(job.linux),
    }
    if job.guest.kind == GuestKind::File {
        part(&job.guest.name);
    }
    part(job.entry);
    part(&given(report));
    part(job.writer);
    part(job.walker.unwrap_or_default());
    for list in [job.marks, job.with] {
        part(&list.len().to_string());
        list.iter().for_each(|one| part(one));
    }
    let digest = hash.finalize();
    digest.iter().take(16).fold(0, |identity, byte| identity << 8 | u128::from(*byte))
}

/// Returns the pair that contains the kernel of a job.
pub(crate) fn paired<'a>(job: &Job<'_>, pairs: &'a [KernelPair]) -> Option<&'a KernelPair> {
    let release = job.kernel()?;
    pairs.iter().find(|pair| pair.arch == job.arch && (pair.old == release || pair.new == release))
}

/// Returns the value or the page frame of the entry, if the job requested one; otherwise an empty text.
///
/// The default page frame, and the way a version builds an entry, are results of a job, not parts of its
/// identity.
fn given(report: &Report) -> String {
    match report {
        Report::Run(run) if run.entry == EntryName::Value => run.before.value.to_string(),
        Report::Run(run) => run.pfn.map_or_else(String::new, |pfn| format!("{:#x}", pfn.0)),
        Report::Sweep(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels(releases: &[(&str, &str)]) -> Kernels {
        let kernel = |(arch, release): &(&str, &str)| Kernel {
            arch: (*arch).to_owned(),
            release: (*release).to_owned(),
        };
        Kernels(releases.iter().map(kernel).collect())
    }

    #[test]
    fn a_flavour_is_what_is_no_version() {
        for (release, expected) in [
            ("6.12.107+deb13-cloud-amd64", "cloud-amd64"),
            ("5.10.0-30-arm64", "arm64"),
            ("6.8.0-45-generic", "generic"),
            ("6.4.0-150600.21-default", "default"),
            ("5.14.0-503.el9.x86_64", ""),
            ("6.1.0-rc5-amd64", "amd64"),
            ("6.1.0-rcu-amd64", "rcu-amd64"),
        ] {
            assert_eq!(flavour(release), expected, "{release}");
        }
    }

    #[test]
    fn a_kernel_is_paired_where_there_is_one_on_each_side() {
        let old =
            kernels(&[("arm64", "5.10.0-30-arm64"), ("arm64", "6.1.0-1-arm64"), ("x86_64", "6.1.0-1-amd64")]);
        let new =
            kernels(&[("arm64", "5.10.0-31-arm64"), ("arm64", "6.1.0-1-arm64"), ("s390x", "6.1.0-2-s390x")]);
        let pairs = pair_kernels(&old, &new);
        assert_eq!(
            pairs,
            [KernelPair {
                arch: "arm64".to_owned(),
                old: "5.10.0-30-arm64".to_owned(),
                new: "5.10.0-31-arm64".to_owned()
            }]
        );
        let two = kernels(&[
            ("arm64", "5.10.0-31-arm64"),
            ("arm64", "5.10.0-32-arm64"),
            ("arm64", "6.1.0-1-arm64"),
        ]);
        assert_eq!(pair_kernels(&old, &two), [], "there are two that it could be");
        let other_flavour = kernels(&[("arm64", "5.10.0-31-rt-arm64"), ("arm64", "6.1.0-1-arm64")]);
        assert_eq!(pair_kernels(&old, &other_flavour), []);
    }
}
