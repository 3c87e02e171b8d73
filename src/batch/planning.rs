//! Makes the plan of a matrix.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmdscope_arches::{Arch, Encoding, EntryError, EntryKind, EntrySet, Mmu, Version, platform_name};
use pmdscope_guest::abi::SWEEP;
use pmdscope_guest::{Role, Routine, all_bundled};
use pmdscope_traces::matrix::{Entry, EntrySelection, Include, Matrix, Name, Sequence};
use pmdscope_traces::{EntryName, Lack, Skipped, UnavailableKernel};

use super::excludes::Excluded;
use super::plan::{Block, Entries, Plan, Platform, swap_spec};
use crate::cli::{BoundArgs, CacheArgs, Marks};
use crate::exit::Exit;
use crate::failure::{one_line, status_of};
use crate::input;
use crate::kernel_arg::{self, Traits};
use crate::start::Start;
use crate::subject::{GuestSubject, KERNEL_SAYS, KernelSubject, LackingRoutine, Subject, types_of};
use crate::sweep_study::sweepable;
use crate::values::file_name;

/// Reads a matrix; returns it and the text of the file.
pub fn read(file: &Path) -> Result<(Matrix, String)> {
    let name = file.display().to_string();
    let text = input::text(file, pmdscope_traces::matrix::MAX_BYTES as u64)?;
    Ok((Matrix::parse(&name, &text)?, text))
}

/// The plan of a matrix, and everything in it that cannot be run.
pub struct Planned {
    pub plan: Plan,
    /// The combinations that cannot exist.
    pub skipped: Vec<Skipped>,
    /// The kernels of which nothing can be run.
    pub unavailable: Vec<UnavailableKernel>,
}

/// Returns the plan of a matrix, and everything in it that cannot be run. Files are relative to `folder`.
pub fn plan(matrix: &Matrix, folder: &Path, cache: CacheArgs) -> Result<Planned> {
    let excludes = matrix.excludes.iter().map(|exclude| Excluded::new(matrix, exclude));
    let mut builder = PlanBuilder {
        matrix,
        folder,
        cache,
        excludes: excludes.collect::<Result<_>>()?,
        plan: Plan::of_bounds(bounds(matrix)),
        known: BTreeSet::new(),
        skipped: Vec::new(),
        unavailable: Vec::new(),
    };
    for include in &matrix.includes {
        builder.include(include)?;
    }
    builder.finish()
}

fn bounds(matrix: &Matrix) -> BoundArgs {
    let usual = BoundArgs::default();
    let of = matrix.bounds;
    BoundArgs {
        max_behaviours: of.max_behaviours.unwrap_or(usual.max_behaviours),
        max_accesses: of.max_accesses.unwrap_or(usual.max_accesses),
        max_instructions: of.max_instructions.unwrap_or(usual.max_instructions),
        timeout: of.timeout.unwrap_or(usual.timeout),
    }
}

/// Builds a plan.
struct PlanBuilder<'a> {
    matrix: &'a Matrix,
    folder: &'a Path,
    cache: CacheArgs,
    excludes: Vec<Excluded<'a>>,
    plan: Plan,
    /// The blocks so far, so that none is added twice.
    known: BTreeSet<String>,
    skipped: Vec<Skipped>,
    unavailable: Vec<UnavailableKernel>,
}

impl PlanBuilder<'_> {
    fn include(&mut self, include: &Include) -> Result<()> {
        let platforms = match &include.kernels {
            Some(kernels) => self.kernels(include, kernels)?,
            None => self.guests(include)?,
        };
        for (platform, subject) in &platforms {
            let entries = self.entries(include, subject, &platform.name())?;
            let (writers, walkers) = self.routines(include, subject)?;
            for entries in entries {
                let sweep = matches!(entries, Entries::Sweep(_));
                for writer in &writers {
                    let walkers: Vec<Option<&String>> =
                        if sweep { vec![None] } else { walkers.iter().map(Some).collect() };
                    for walker in walkers {
                        let block = Block {
                            platform: 0,
                            entries: entries.clone(),
                            writer: writer.clone(),
                            walker: walker.cloned(),
                        };
                        self.add(include, platform, subject, block)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a block to the plan, unless it cannot run or is excluded. A platform is added with its first block.
    fn add(
        &mut self,
        include: &Include,
        platform: &Platform,
        subject: &Subject,
        mut block: Block,
    ) -> Result<()> {
        if let Err((lacks, reason)) = runs(subject, &block) {
            self.skip(&platform.name(), lacks, reason);
            return Ok(());
        }
        if self.excludes.iter_mut().any(|exclude| exclude.takes(platform, subject.encoding(), &block)) {
            return Ok(());
        }
        block.platform = self.plan.number_of(platform);
        if !self.known.insert(serde_json::to_string(&block)?) {
            let walker = block.walker.map(|walker| format!(" against {walker}")).unwrap_or_default();
            let fault = format!(
                "it has jobs that are in the matrix already: {}, {} {}{walker}",
                platform.name(),
                block.entries.kind(),
                block.writer
            );
            return Err(self.matrix.error(&include.place, fault).into());
        }
        self.plan.push(block).ok_or_else(|| {
            self.matrix.error(&include.place, "the matrix has more jobs than can be counted").into()
        })
    }

    fn skip(&mut self, platform: &str, lacks: Option<Lack>, reason: String) {
        let one = Skipped { encoding: platform.to_owned(), lacks, reason };
        if !self.skipped.contains(&one) {
            self.skipped.push(one);
        }
    }

    /// Returns the architectures and versions of an include, with their guests.
    fn guests(&mut self, include: &Include) -> Result<Vec<(Platform, Subject)>> {
        let arches: Vec<Arch> = self.parsed(include.arches.as_deref())?.unwrap_or_else(|| Arch::ALL.to_vec());
        let mmus: Option<Vec<Mmu>> = self.parsed(include.mmus.as_deref())?;
        let versions: Option<Vec<Version>> = self.parsed(include.linux.as_deref())?;
        let files = match &include.guests {
            Some(names) => Some(self.files(names)?),
            None => None,
        };
        let mut all = Vec::new();
        for (arch, mmu) in arches.into_iter().flat_map(Arch::platforms) {
            if mmus.as_ref().is_some_and(|mmus| !mmu.is_some_and(|mmu| mmus.contains(&mmu))) {
                continue;
            }
            let bundled = || {
                let guests = all_bundled().iter().filter(|guest| (guest.arch, guest.mmu) == (arch, mmu));
                guests.map(|guest| guest.from).collect()
            };
            for version in versions.clone().unwrap_or_else(bundled) {
                let name = format!("{} {version}", platform_name(arch, mmu));
                let encoding = match Encoding::at(arch, mmu, version) {
                    Ok(encoding) => encoding,
                    Err(error) => {
                        self.skip(&name, None, error.to_string());
                        continue;
                    }
                };
                // Without files, the bundled guest runs.
                let files: Vec<Option<&PathBuf>> = match &files {
                    Some(files) => files.iter().map(Some).collect(),
                    None => vec![None],
                };
                for file in files {
                    let guest = match file {
                        Some(file) => GuestSubject::from_file_anywhere(file, encoding),
                        None => GuestSubject::bundled_for(encoding),
                    };
                    match guest {
                        Ok(guest) => {
                            let platform = Platform::Guest {
                                arch: arch.to_string(),
                                mmu: mmu.map(|mmu| mmu.to_string()),
                                linux: version.to_string(),
                                file: file.cloned(),
                                sha256: guest.sha256.clone(),
                            };
                            all.push((platform, Subject::Guest(guest)));
                        }
                        Err(error) => self.skip(&name, None, format!("{error:#}")),
                    }
                }
            }
        }
        Ok(all)
    }

    fn kernels(&mut self, include: &Include, kernels: &[Name]) -> Result<Vec<(Platform, Subject)>> {
        let beside = [&include.arches, &include.mmus, &include.linux, &include.guests];
        if let Some(name) = beside.into_iter().flatten().flatten().next() {
            let fault = format!("{KERNEL_SAYS}: leave this out");
            return Err(self.matrix.error(&name.place, fault).into());
        }
        let mut opened = Vec::new();
        let files = self.files(kernels)?;
        let names = include.types.as_deref().unwrap_or_default();
        let types: Vec<_> = names.iter().map(|name| self.types(name)).collect();
        let types = types_of(files.len(), &types).map_err(|fault| match names.first() {
            Some(name) => self.matrix.error(&name.place, fault.to_string()).into(),
            None => fault,
        })?;
        let several = files.len() > 1;
        for (file, types) in files.into_iter().zip(types) {
            match KernelSubject::open(&file, types.as_deref(), self.cache) {
                Ok(subject) => opened.push((file, subject)),
                // The others are run.
                Err(error) if several && status_of(&error) != Exit::Internal => {
                    let name = file_name(&file).split_whitespace().collect::<Vec<_>>().join("_");
                    self.unavailable.push(UnavailableKernel { kernel: name, reason: one_line(&error) });
                }
                Err(error) => return Err(error),
            }
        }
        let traits: Vec<Traits<'_>> = opened.iter().map(|(_, subject)| subject.traits()).collect();
        let labels = kernel_arg::labels(&traits)?;
        let kernels = opened.into_iter().zip(labels).map(|((file, subject), label)| {
            let subject = subject.labelled(label.clone());
            let platform = Platform::Kernel {
                release: subject.kernel.file().release.text.clone(),
                sha256: subject.kernel.file().sha256.clone(),
                types: subject.types_file(),
                label,
                file,
            };
            (platform, Subject::Kernel(subject))
        });
        Ok(kernels.collect())
    }

    /// Returns the path of a file of types; `-` is a kernel's own.
    fn types(&self, name: &Name) -> PathBuf {
        if name.text == "-" { PathBuf::from("-") } else { self.folder.join(&name.text) }
    }

    /// Returns the files that match these names, in order and without repeats.
    fn files(&self, names: &[Name]) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for name in names {
            let fault = |fault: String| self.matrix.error(&name.place, fault);
            let pattern = self.folder.join(&name.text);
            let paths = glob::glob(&pattern.to_string_lossy()).map_err(|error| fault(error.to_string()))?;
            let before = files.len();
            for path in paths {
                let path = path.map_err(|error| fault(error.to_string()))?;
                if path.is_file() && !files.contains(&path) {
                    files.push(path);
                }
            }
            if files.len() == before {
                let what = format!("there is no file {} (files are looked for beside the matrix)", name.text);
                return Err(fault(what).into());
            }
        }
        Ok(files)
    }

    /// Parses names, and drops repeats.
    fn parsed<T>(&self, names: Option<&[Name]>) -> Result<Option<Vec<T>>>
    where
        T: std::str::FromStr + PartialEq,
        T::Err: std::fmt::Display,
    {
        let Some(names) = names else { return Ok(None) };
        let mut all = Vec::new();
        for name in names {
            let one: T = name.text.parse().map_err(|error| self.matrix.error(&name.place, error))?;
            if !all.contains(&one) {
                all.push(one);
            }
        }
        Ok(Some(all))
    }

    /// Returns the writers and walkers of an include, each once. If none is named, returns all that can be named.
    fn routines(&self, include: &Include, subject: &Subject) -> Result<(Vec<String>, Vec<String>)> {
        let named = |role: Role, names: Option<&[Name]>| -> Result<Vec<String>> {
            let Some(names) = names else {
                return Ok(subject.routines(role).iter().map(|routine| routine.name.to_owned()).collect());
            };
            let mut all = Vec::new();
            for name in names {
                let routine = subject
                    .routine(role, &name.text)
                    .map_err(|error| self.matrix.error(&name.place, error))?;
                if !all.iter().any(|known| known == routine.name) {
                    all.push(routine.name.to_owned());
                }
            }
            Ok(all)
        };
        let writers = named(Role::Writer, include.writers.as_deref())?;
        Ok((writers, named(Role::Walker, include.walkers.as_deref())?))
    }

    /// Returns the entries of an include that a platform can express.
    fn entries(&mut self, include: &Include, subject: &Subject, name: &str) -> Result<Vec<Entries>> {
        let encoding = subject.encoding();
        let Some(entries) = &include.entries else {
            let mut all = Vec::new();
            for kind in EntryKind::ALL {
                all.extend(self.of_kind(name, encoding, kind, &[Vec::new()], None));
            }
            return Ok(all);
        };
        let mut all = Vec::new();
        for entry in entries {
            all.extend(self.entry(name, encoding, subject, entry)?);
        }
        Ok(all)
    }

    fn entry(
        &mut self,
        name: &str,
        encoding: &Encoding,
        subject: &Subject,
        entry: &Entry,
    ) -> Result<Option<Entries>> {
        let huge = 1 << (encoding.layout().pmd_shift - encoding.layout().page_shift);
        let fault = |error: &dyn std::fmt::Display| self.matrix.error(&entry.place, error);
        match &entry.what {
            EntrySelection::Kind { kind, pfns, marks } => {
                let marks = self.marks(marks.as_deref())?;
                let kind: EntryKind =
                    kind.text.parse().map_err(|error| self.matrix.error(&kind.place, error))?;
                // For these kinds the number is a swap offset or the frame of a table, which needs no alignment.
                let unit = if matches!(kind, EntryKind::Swap | EntryKind::Table) { 1 } else { huge };
                let pfns = match pfns {
                    Some(pfns) => Some(pfns.sequence(unit).map_err(|error| fault(&error))?),
                    None => None,
                };
                Ok(self.of_kind(name, encoding, kind, &marks, pfns))
            }
            EntrySelection::Swap { types, offsets, marks } => {
                let marks = self.marks(marks.as_deref())?;
                let types = types.sequence(1).map_err(|error| fault(&error))?;
                let offsets = offsets.sequence(1).map_err(|error| fault(&error))?;
                let mut kept = Vec::new();
                for names in marks {
                    let spec = swap_spec(offsets.extremes(1).largest, Marks::of_names(&names)?);
                    match encoding.build_swap_of(types.extremes(1).largest, &spec) {
                        Ok(_) => kept.push(names),
                        Err(error) => {
                            let lacks = Lack::Entry(EntryName::Kind(EntryKind::Swap));
                            self.skip(name, Some(lacks), error.reason());
                        }
                    }
                }
                Ok((!kept.is_empty()).then_some(Entries::Swap { types, offsets, marks: kept }))
            }
            EntrySelection::Values(values) => {
                Ok(Some(Entries::Values(values.sequence(1).map_err(|error| fault(&error))?)))
            }
            EntrySelection::Sweep { set } => {
                let set: EntrySet = set.text.parse().map_err(|error| self.matrix.error(&set.place, error))?;
                let Subject::Guest(source) = subject else {
                    let what = "a sweep runs within a guest: leave it out where there are kernels";
                    return Err(fault(&what).into());
                };
                if encoding.patterns(set).is_empty() {
                    self.skip(name, None, format!("has no {set} entries: its huge pages cannot be migrated"));
                    return Ok(None);
                }
                if !source.guest.has(SWEEP) {
                    self.skip(name, None, format!("has no function {SWEEP} to run many entries with"));
                    return Ok(None);
                }
                Ok(Some(Entries::Sweep(set.to_string())))
            }
        }
    }

    /// Checks the names of marks; returns each list in the order of reports.
    fn marks(&self, lists: Option<&[Vec<Name>]>) -> Result<Vec<Vec<String>>> {
        let Some(lists) = lists else { return Ok(vec![Vec::new()]) };
        let mut all = Vec::new();
        for list in lists {
            let mut names = Vec::new();
            for name in list {
                Marks::of_names(std::slice::from_ref(&name.text))
                    .map_err(|error| self.matrix.error(&name.place, error))?;
                names.push(name.text.clone());
            }
            // In the order of reports, each once.
            let names = Marks::of_names(&names)?.names();
            if !all.contains(&names) {
                all.push(names);
            }
        }
        Ok(all)
    }

    /// Returns the entries of a kind, with those lists of marks that the encoding can express.
    fn of_kind(
        &mut self,
        name: &str,
        encoding: &Encoding,
        kind: EntryKind,
        marks: &[Vec<String>],
        pfns: Option<Sequence>,
    ) -> Option<Entries> {
        let huge = 1 << (encoding.layout().pmd_shift - encoding.layout().page_shift);
        let mut kept = Vec::new();
        for names in marks {
            let can = |pfn| Start::of_kind(encoding, kind, Marks::of_names(names)?, pfn);
            let extremes = pfns.as_ref().map(|pfns| pfns.extremes(huge));
            let tried = match extremes {
                None => vec![None],
                // If the encoding can express an unaligned number, it can express every other that is no larger
                // than the largest.
                Some(extremes) => extremes.uneven.into_iter().chain([extremes.largest]).map(Some).collect(),
            };
            match tried.into_iter().try_for_each(|pfn| can(pfn).map(drop)) {
                Ok(()) => kept.push(names.clone()),
                Err(error) => {
                    let reason = error.downcast_ref().map_or_else(|| error.to_string(), EntryError::reason);
                    self.skip(name, Some(Lack::Entry(EntryName::Kind(kind))), reason);
                }
            }
        }
        (!kept.is_empty()).then(|| Entries::Kind { kind: kind.name().to_owned(), marks: kept, pfns })
    }

    fn finish(self) -> Result<Planned> {
        if let Some(idle) = self.excludes.iter().find(|exclude| !exclude.took) {
            let fault = "this takes no job out: no include has what it names";
            return Err(self.matrix.error(&idle.written.place, fault).into());
        }
        if self.plan.jobs() == 0 {
            let why = match (self.skipped.first(), self.unavailable.first()) {
                (Some(skipped), _) => format!("{}: {}", skipped.encoding, skipped.reason),
                (None, Some(kernel)) => kernel.reason.clone(),
                (None, None) => {
                    "no architecture that is named has this kind of MMU, or all is excluded".to_owned()
                }
            };
            let place = self.matrix.includes.first().map(|include| include.place.clone()).unwrap_or_default();
            return Err(self.matrix.error(&place, format!("the matrix has no jobs: {why}")).into());
        }
        let PlanBuilder { plan, skipped, unavailable, .. } = self;
        Ok(Planned { plan, skipped, unavailable })
    }
}

/// Checks that a subject has the routines of a block.
fn runs(subject: &Subject, block: &Block) -> Result<(), (Option<Lack>, String)> {
    let routine = |role, name: &str| -> Result<&'static Routine, (Option<Lack>, String)> {
        let lack = || Some(Lack::Routine(name.to_owned()));
        subject.routine(role, name).map_err(|error| (lack(), error.to_string()))
    };
    let writer = routine(Role::Writer, &block.writer)?;
    if matches!(block.entries, Entries::Sweep(_)) {
        sweepable(writer).map_err(|why| (Some(Lack::Routine(writer.name.to_owned())), why))?;
    }
    let walker = block.walker.as_ref().map(|walker| routine(Role::Walker, walker)).transpose()?;
    subject
        .has([writer].into_iter().chain(walker))
        .map_err(|LackingRoutine { name, why }| (Some(Lack::Routine(name.to_owned())), why))
}
