//! The jobs of a matrix. Each can be computed from its number, without the others.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use pmdscope_arches::{Encoding, EntryKind, EntrySpec};
use pmdscope_guest::kernel::Cache;
use pmdscope_traces::matrix::Sequence;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cli::{BoundArgs, Marks};
use crate::start::EntryRequest;
use crate::values::file_name;

/// The jobs of a matrix, in a form that can be sent to another process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The guests and kernels that run jobs.
    pub platforms: Vec<Platform>,
    /// The blocks of jobs, in order.
    blocks: Vec<Block>,
    /// The number of jobs up to the end of each block.
    ends: Vec<u64>,
    /// The bounds of each job.
    pub bounds: BoundArgs,
}

/// The guest or kernel that runs a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Platform {
    /// A guest, bundled or the user's.
    Guest { arch: String, mmu: Option<String>, linux: String, file: Option<PathBuf>, sha256: String },
    /// A kernel, with the file of its types and the SHA-256 of that file, if it is not its own.
    Kernel {
        file: PathBuf,
        release: String,
        sha256: String,
        types: Option<(PathBuf, String)>,
        label: Option<String>,
    },
}

/// Jobs that differ in their entries only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Block {
    /// The index of its platform.
    pub platform: usize,
    pub entries: Entries,
    pub writer: String,
    /// The walker; `None` for a sweep.
    pub walker: Option<String>,
}

/// The initial entries of a block's jobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Entries {
    Kind { kind: String, marks: Vec<Vec<String>>, pfns: Option<Sequence> },
    Swap { types: Sequence, offsets: Sequence, marks: Vec<Vec<String>> },
    Values(Sequence),
    Sweep(String),
}

/// One job.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub platform: usize,
    pub entry: RequestedEntry<'a>,
    pub writer: &'a str,
    pub walker: Option<&'a str>,
}

/// The initial entry of a job.
#[derive(Debug, Clone, Copy)]
pub enum RequestedEntry<'a> {
    Kind { kind: &'a str, marks: &'a [String], pfn: Option<u64> },
    Swap { kind: u64, offset: u64, marks: &'a [String] },
    Value(u64),
    Sweep(&'a str),
}

impl Plan {
    /// Returns the files and folders that its jobs read: guests, kernels, and the cache of unpacked kernels.
    pub fn readable(&self) -> Vec<PathBuf> {
        let files = |platform: &Platform| match platform {
            Platform::Guest { file, .. } => file.iter().cloned().collect(),
            Platform::Kernel { file, types, .. } => {
                [file].into_iter().chain(types.iter().map(|(types, _)| types)).cloned().collect::<Vec<_>>()
            }
        };
        let cache = Cache::of_user().ok().map(|cache| cache.folder().to_owned());
        self.platforms.iter().flat_map(files).chain(cache).collect()
    }

    /// Returns a plan without jobs, with these bounds for each.
    pub fn of_bounds(bounds: BoundArgs) -> Plan {
        Plan { platforms: Vec::new(), blocks: Vec::new(), ends: Vec::new(), bounds }
    }

    /// Returns the index of a platform; adds the platform to the plan if it is new.
    pub fn number_of(&mut self, platform: &Platform) -> usize {
        self.platforms.iter().position(|known| known == platform).unwrap_or_else(|| {
            self.platforms.push(platform.clone());
            self.platforms.len() - 1
        })
    }

    /// Adds a block; `None` if the number of jobs overflows.
    pub fn push(&mut self, block: Block) -> Option<()> {
        self.ends.push(self.jobs().checked_add(block.entries.count())?);
        self.blocks.push(block);
        Some(())
    }

    /// Returns the number of jobs.
    pub fn jobs(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Returns the job with this number.
    pub fn job(&self, number: u64) -> Option<Job<'_>> {
        let at = self.ends.partition_point(|end| *end <= number);
        let block = self.blocks.get(at)?;
        let before = if at == 0 { 0 } else { self.ends[at - 1] };
        Some(Job {
            platform: block.platform,
            entry: block.entries.at(number - before)?,
            writer: &block.writer,
            walker: block.walker.as_deref(),
        })
    }

    /// Returns the name of a job, which no other job has.
    pub fn name(&self, number: u64) -> String {
        let Some(job) = self.job(number) else { return String::new() };
        let platform = self.platforms.get(job.platform).map(Platform::name).unwrap_or_default();
        let mut name = format!("{platform}  {}  {}", job.entry.name(), job.writer);
        if let Some(walker) = job.walker {
            let _ = write!(name, "  {walker}");
        }
        name
    }

    /// Returns a SHA-256 of everything that results depend on; the folders of files are not part of it.
    pub fn hash(&self) -> Result<String> {
        let mut plan = self.clone();
        for platform in &mut plan.platforms {
            match platform {
                Platform::Guest { file: Some(file), .. } => *file = without_folders(file),
                Platform::Kernel { file, types, .. } => {
                    *file = without_folders(file);
                    types.iter_mut().for_each(|(types, _)| *types = without_folders(types));
                }
                Platform::Guest { file: None, .. } => {}
            }
        }
        let text = serde_json::to_string(&plan)?;
        Ok(hex::encode(Sha256::digest(text)))
    }

    /// Returns the name of each platform and its number of jobs, in order.
    pub fn by_platform(&self) -> impl Iterator<Item = (String, u64)> {
        self.platforms.iter().enumerate().map(|(number, platform)| {
            let blocks = self.blocks.iter().filter(|block| block.platform == number);
            (platform.name(), blocks.map(|block| block.entries.count()).sum())
        })
    }
}

fn without_folders(file: &Path) -> PathBuf {
    PathBuf::from(file.file_name().unwrap_or_default())
}

impl Platform {
    /// Returns its name: architecture, MMU and version, or the release of a kernel; then the name of its file.
    pub fn name(&self) -> String {
        match self {
            Platform::Guest { arch, mmu, linux, file, .. } => {
                let mut name = arch.clone();
                for word in mmu.iter().chain([linux]) {
                    let _ = write!(name, " {word}");
                }
                if let Some(file) = file {
                    let _ = write!(name, " {}", file_name(file));
                }
                name
            }
            Platform::Kernel { label: Some(label), release, .. } => format!("{release} {label}"),
            Platform::Kernel { release, file, .. } => format!("{release} {}", file_name(file)),
        }
    }
}

impl Entries {
    pub fn count(&self) -> u64 {
        match self {
            Entries::Kind { marks, pfns, .. } => {
                marks.len() as u64 * pfns.as_ref().map_or(1, Sequence::count)
            }
            Entries::Swap { types, offsets, marks } => {
                (marks.len() as u64).saturating_mul(types.count()).saturating_mul(offsets.count())
            }
            Entries::Values(values) => values.count(),
            Entries::Sweep(_) => 1,
        }
    }

    fn at(&self, place: u64) -> Option<RequestedEntry<'_>> {
        let marks_at = |marks: &'_ Vec<Vec<String>>, place: u64| -> Option<usize> {
            usize::try_from(place).ok().filter(|place| *place < marks.len())
        };
        Some(match self {
            Entries::Kind { kind, marks, pfns } => {
                let each = pfns.as_ref().map_or(1, Sequence::count);
                let pfn = match pfns {
                    Some(pfns) => Some(pfns.at(place % each)?),
                    None => None,
                };
                RequestedEntry::Kind { kind, marks: &marks[marks_at(marks, place / each)?], pfn }
            }
            Entries::Swap { types, offsets, marks } => {
                let (offset, rest) = (place % offsets.count(), place / offsets.count());
                RequestedEntry::Swap {
                    kind: types.at(rest % types.count())?,
                    offset: offsets.at(offset)?,
                    marks: &marks[marks_at(marks, rest / types.count())?],
                }
            }
            Entries::Values(values) => RequestedEntry::Value(values.at(place)?),
            Entries::Sweep(set) => RequestedEntry::Sweep(set),
        })
    }

    /// Returns the name that excludes have for these entries.
    pub fn kind(&self) -> &str {
        match self {
            Entries::Kind { kind, .. } => kind,
            Entries::Swap { .. } | Entries::Values(_) => "pmd",
            Entries::Sweep(_) => "sweep",
        }
    }
}

impl RequestedEntry<'_> {
    /// Returns the request for this entry in an encoding.
    pub fn request(&self, encoding: &Encoding) -> Result<EntryRequest> {
        Ok(match *self {
            RequestedEntry::Kind { kind, marks, pfn } => {
                EntryRequest::Kind { kind: kind.parse()?, marks: Marks::of_names(marks)?, pfn }
            }
            RequestedEntry::Swap { kind, offset, marks } => {
                let spec = swap_spec(offset, Marks::of_names(marks)?);
                EntryRequest::Value(encoding.build_swap_of(kind, &spec)?)
            }
            RequestedEntry::Value(value) => EntryRequest::Value(value),
            RequestedEntry::Sweep(_) => bail!("a sweep begins with no single entry"),
        })
    }

    fn name(&self) -> String {
        match self {
            RequestedEntry::Kind { kind, marks, pfn } => {
                let mut name = (*kind).to_owned();
                for mark in *marks {
                    let _ = write!(name, " {mark}");
                }
                if let Some(pfn) = pfn {
                    let _ = write!(name, " pfn {pfn:#x}");
                }
                name
            }
            RequestedEntry::Swap { kind, offset, marks } => {
                let mut name = format!("swap type {kind:#x} offset {offset:#x}");
                for mark in *marks {
                    let _ = write!(name, " {mark}");
                }
                name
            }
            RequestedEntry::Value(value) => format!("{value:#018x}"),
            RequestedEntry::Sweep(set) => format!("sweep of {set}"),
        }
    }
}

/// Returns the specification of a swap entry, which lacks only its type.
pub fn swap_spec(offset: u64, marks: Marks) -> EntrySpec {
    let Marks { young, dirty, soft_dirty, uffd_wp } = marks;
    EntrySpec { kind: EntryKind::Swap, pfn: offset, young, dirty, soft_dirty, uffd_wp }
}
