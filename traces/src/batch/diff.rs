//! The differences between two batches.
//!
//! Jobs are matched by what they ran ([`identity`](crate::batch::identity)). Both batches are read at the same
//! pace. A record whose counterpart has not been read yet waits in memory, at about 550 bytes. Two batches of
//! one matrix have the same order, so no record waits. If the matrices differ, a record waits until its
//! counterpart is read, or to the end if it has none.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::mem;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::Record;
use crate::batch::facts::{Change, Facts};
use crate::batch::identity::{KernelPair, identity, paired};
use crate::batch::job::Job;
use crate::batch::ordered::Pairs;

/// The name and number of the report. A change that breaks a reader raises the number.
pub const DIFF_SCHEMA: &str = "pmdscope.diff/1";

/// The differences between two batches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffReport {
    /// `pmdscope.diff/1`.
    pub schema: String,
    /// The programs that made the batches. A difference between them does not count as a change.
    pub made_by: Both<Vec<String>>,
    /// How many jobs each batch has.
    pub jobs: Both<u64>,
    /// How many jobs are in both batches, with the same result.
    pub same: u64,
    /// Releases of a kernel that were compared as one kernel.
    pub kernels: Vec<KernelPair>,
    /// Guests that have the same name in both batches, but are different files.
    pub guests: Vec<GuestChange>,
    /// The changed jobs in groups of equal changes, the largest groups first.
    pub groups: Vec<Group>,
    /// Whether anything changed.
    pub changed: bool,
}

/// A value for each of the two batches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Both<T> {
    /// The value for the old batch.
    pub old: T,
    /// The value for the new batch.
    pub new: T,
}

/// A guest that is a different file in each batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuestChange {
    /// Its kind and name: `bundled arm64-6.12`.
    pub guest: String,
    /// The SHA-256 of the files of this name, in each batch.
    pub sha256: Both<Vec<String>>,
}

/// Jobs of one platform, writer and walker that have the same changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The changes.
    pub changes: Vec<Change>,
    /// The platform.
    pub platform: String,
    /// The writer.
    pub writer: String,
    /// The walker; null for a sweep, and for a writer that ran alone.
    pub walker: Option<String>,
    /// The Linux versions of the jobs, or the releases of their kernels.
    pub versions: Vec<String>,
    /// The entries of the jobs, with their marks.
    pub entries: Vec<String>,
    /// How many jobs the group has.
    pub jobs: u64,
    /// One of the jobs: its result in each batch; null if the batch does not have the job.
    pub example: Both<Option<Facts>>,
}

/// Errors of comparing two batches.
#[derive(Debug, thiserror::Error)]
pub enum DiffError<E> {
    /// A record cannot be read.
    #[error(transparent)]
    Record(E),
    /// A record cannot be serialised to wait for its counterpart, or read back: a fault of the program.
    #[error("a record cannot be kept until its counterpart comes: {0}")]
    Kept(#[from] postcard::Error),
}

/// One of the two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// The key of a group: jobs with the same changes, platform and routines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct GroupName {
    changes: Vec<Change>,
    platform: String,
    writer: String,
    walker: Option<String>,
}

/// The facts gathered about a group.
#[derive(Default)]
struct Gathered {
    versions: Pairs,
    entries: Pairs,
    jobs: u64,
    example: Option<Example>,
}

/// The first job of a group.
struct Example {
    /// The lower of the job's two numbers, then its identity: the choice does not depend on the order of
    /// reading.
    order: (u64, u128),
    facts: Both<Option<Facts>>,
}

/// The parts of a record that the comparison needs.
#[derive(Serialize, Deserialize)]
struct Kept {
    platform: String,
    version: String,
    entry: String,
    writer: String,
    walker: Option<String>,
    facts: Facts,
}

/// Records whose counterpart has not arrived yet.
///
/// All that wait with the same identity are from one batch.
struct Waiting {
    side: Side,
    /// Serialised [`Kept`], in the order in which they were read.
    ///
    /// A batch may have a job twice: then the first record is matched first.
    records: VecDeque<Box<[u8]>>,
}

/// A comparison of two batches, whose records are added one by one.
pub struct Diff {
    pairs: Vec<KernelPair>,
    made_by: Both<BTreeSet<String>>,
    jobs: Both<u64>,
    same: u64,
    guests: BTreeMap<String, Both<BTreeSet<String>>>,
    groups: BTreeMap<GroupName, Gathered>,
    waiting: HashMap<u128, Waiting>,
}

/// Compares two batches. Their records are read at the same pace.
///
/// # Errors
/// [`DiffError`] with the first error of either batch.
pub fn diff<E>(
    old: impl IntoIterator<Item = Result<Record, E>>,
    new: impl IntoIterator<Item = Result<Record, E>>,
    pairs: Vec<KernelPair>,
) -> Result<DiffReport, DiffError<E>> {
    let mut diff = Diff::new(pairs);
    let (mut old, mut new) = (old.into_iter(), new.into_iter());
    loop {
        let both = (old.next().transpose(), new.next().transpose());
        let both = (both.0.map_err(DiffError::Record)?, both.1.map_err(DiffError::Record)?);
        if both == (None, None) {
            return Ok(diff.finish()?);
        }
        if let Some(record) = both.0 {
            diff.add_old(&record)?;
        }
        if let Some(record) = both.1 {
            diff.add_new(&record)?;
        }
    }
}

impl Diff {
    /// Starts a comparison that treats each of these pairs of kernels as one kernel.
    pub fn new(pairs: Vec<KernelPair>) -> Diff {
        Diff {
            pairs,
            made_by: Both::default(),
            jobs: Both::default(),
            same: 0,
            guests: BTreeMap::new(),
            groups: BTreeMap::new(),
            waiting: HashMap::new(),
        }
    }

    /// Adds a record of the old batch.
    ///
    /// # Errors
    /// If a waiting record cannot be serialised or read back, which would be a fault of the program.
    pub fn add_old(&mut self, record: &Record) -> Result<(), postcard::Error> {
        self.add(Side::Old, record)
    }

    /// Adds a record of the new batch.
    ///
    /// # Errors
    /// As for [`Diff::add_old`].
    pub fn add_new(&mut self, record: &Record) -> Result<(), postcard::Error> {
        self.add(Side::New, record)
    }

    fn add(&mut self, side: Side, record: &Record) -> Result<(), postcard::Error> {
        self.note(side, &record.report.job());
        let identity = identity(&record.report, &self.pairs);
        let kept = self.kept(record);
        match self.waiting.entry(identity) {
            Entry::Occupied(mut there) if there.get().side != side => {
                let counterpart = there.get_mut().records.pop_front();
                if there.get().records.is_empty() {
                    there.remove();
                }
                let counterpart = counterpart.map(|bytes| postcard::from_bytes(&bytes)).transpose()?;
                self.compare(identity, side, kept, counterpart);
            }
            Entry::Occupied(mut there) => there.get_mut().records.push_back(to_bytes(&kept)?),
            Entry::Vacant(place) => {
                let mut records = VecDeque::with_capacity(1);
                records.push_back(to_bytes(&kept)?);
                place.insert(Waiting { side, records });
            }
        }
        Ok(())
    }

    /// Records what is reported once per batch: the number of jobs, the programs and the guests.
    fn note(&mut self, side: Side, job: &Job<'_>) {
        *self.jobs.of(side) += 1;
        note(self.made_by.of(side), job.made_by);
        // A kernel is named by its release, so a pair of releases is not reported as a changed guest.
        let name = format!("{} {}", job.guest.kind, job.kernel().unwrap_or(&job.guest.name));
        note(self.guests.entry(name).or_default().of(side), &job.guest.sha256);
    }

    fn kept(&self, record: &Record) -> Kept {
        let job = record.report.job();
        let version = match paired(&job, &self.pairs) {
            Some(KernelPair { old, new, .. }) => format!("{old} -> {new}"),
            None => job.version().to_owned(),
        };
        Kept {
            platform: job.platform(),
            version,
            entry: job.marked_entry(),
            writer: job.writer.to_owned(),
            walker: job.walker.map(str::to_owned),
            facts: Facts::of(record),
        }
    }

    /// Records the changes of a job. Without `other`, only the batch of `side` has the job.
    fn compare(&mut self, identity: u128, side: Side, one: Kept, other: Option<Kept>) {
        let other = other.map(|other| other.facts);
        let Kept { platform, version, entry, writer, walker, facts } = one;
        let facts = match side {
            Side::Old => Both { old: Some(facts), new: other },
            Side::New => Both { old: other, new: Some(facts) },
        };
        let changes = match (&facts.old, &facts.new) {
            (Some(old), Some(new)) => Facts::changes(old, new),
            (_, None) => vec![Change::OnlyOld],
            (None, _) => vec![Change::OnlyNew],
        };
        if changes.is_empty() {
            self.same += 1;
            return;
        }
        let first = [&facts.old, &facts.new].into_iter().flatten().map(|facts| facts.job).min();
        let first = first.unwrap_or_default();
        let group = self.groups.entry(GroupName { changes, platform, writer, walker }).or_default();
        group.jobs += 1;
        group.versions.add("", &version, first);
        group.entries.add("", &entry, first);
        let order = (first, identity);
        if group.example.as_ref().is_none_or(|known| order < known.order) {
            group.example = Some(Example { order, facts });
        }
    }

    /// Returns the differences. A job that still waits is in one batch only.
    ///
    /// # Errors
    /// As for [`Diff::add_old`].
    pub fn finish(mut self) -> Result<DiffReport, postcard::Error> {
        for (identity, Waiting { side, records }) in mem::take(&mut self.waiting) {
            for bytes in records {
                let kept = postcard::from_bytes(&bytes)?;
                self.compare(identity, side, kept, None);
            }
        }
        let mut groups: Vec<Group> = self.groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| Reverse(group.jobs));
        let guests: Vec<GuestChange> = self.guests.into_iter().filter_map(guest).collect();
        Ok(DiffReport {
            schema: DIFF_SCHEMA.to_owned(),
            made_by: Both { old: listed(self.made_by.old), new: listed(self.made_by.new) },
            jobs: self.jobs,
            same: self.same,
            kernels: self.pairs,
            changed: !groups.is_empty() || !guests.is_empty(),
            guests,
            groups,
        })
    }
}

impl<T> Both<T> {
    fn of(&mut self, side: Side) -> &mut T {
        match side {
            Side::Old => &mut self.old,
            Side::New => &mut self.new,
        }
    }
}

fn to_bytes(kept: &Kept) -> Result<Box<[u8]>, postcard::Error> {
    Ok(postcard::to_allocvec(kept)?.into())
}

/// Adds a text to a set. Nearly always the set has it already, so it is copied only if it is new.
fn note(known: &mut BTreeSet<String>, text: &str) {
    if !known.contains(text) {
        known.insert(text.to_owned());
    }
}

fn listed(texts: BTreeSet<String>) -> Vec<String> {
    texts.into_iter().collect()
}

fn group((name, gathered): (GroupName, Gathered)) -> Group {
    let GroupName { changes, platform, writer, walker } = name;
    let Gathered { versions, entries, jobs, example } = gathered;
    let names = |pairs: Pairs| {
        pairs.grouped().iter().flat_map(|(_, names)| names).map(|name| name.to_string()).collect()
    };
    Group {
        changes,
        platform,
        writer,
        walker,
        versions: names(versions),
        entries: names(entries),
        jobs,
        example: example.map(|example| example.facts).unwrap_or_default(),
    }
}

/// Returns the change of a guest that both batches have, in different files.
fn guest((guest, sha256): (String, Both<BTreeSet<String>>)) -> Option<GuestChange> {
    let in_both = !sha256.old.is_empty() && !sha256.new.is_empty();
    let sha256 = (in_both && sha256.old != sha256.new).then_some(sha256)?;
    Some(GuestChange { guest, sha256: Both { old: listed(sha256.old), new: listed(sha256.new) } })
}
