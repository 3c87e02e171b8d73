//! From a matrix to its plan.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use pmdscope_arches::{
    Arch, Encoding, EntryError, EntryKind, EntrySet, Mmu, UnknownName, Version, platform_name,
};
use pmdscope_emu::{RECIPES, Recipe, Role};
use pmdscope_guest::abi::SWEEP;
use pmdscope_guest::{Walker, Writer, all_bundled};
use pmdscope_traces::Skipped;
use pmdscope_traces::matrix::{Entry, Include, Matrix, Name, Sequence, What};

use super::excludes::Excluded;
use super::plan::{Block, Entries, Plan, Platform, swap_spec};
use crate::cli::{BoundArgs, CacheArgs, Marks};
use crate::input;
use crate::kernel_plan::{KERNEL_SAYS, KernelSource, kernel_source, offered};
use crate::plan::{GuestSource, Start, With, runnable};
use crate::sweep::sweepable;

/// The matrix of a file.
pub fn read(file: &Path) -> Result<(Matrix, String)> {
    let name = file.display().to_string();
    let text = input::text(file, pmdscope_traces::matrix::MAX_BYTES as u64)?;
    Ok((Matrix::parse(&name, &text)?, text))
}

/// The jobs of a matrix whose files are relative to a folder, and what of it cannot exist.
pub fn plan(matrix: &Matrix, folder: &Path, cache: CacheArgs) -> Result<(Plan, Vec<Skipped>)> {
    let excludes = matrix.excludes.iter().map(|exclude| Excluded::new(matrix, exclude));
    let mut making = Making {
        matrix,
        folder,
        cache,
        excludes: excludes.collect::<Result<_>>()?,
        plan: Plan::of_bounds(bounds(matrix)),
        known: BTreeSet::new(),
        skipped: Vec::new(),
    };
    for include in &matrix.includes {
        making.include(include)?;
    }
    making.finish()
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

/// A plan that is being made.
struct Making<'a> {
    matrix: &'a Matrix,
    folder: &'a Path,
    cache: CacheArgs,
    excludes: Vec<Excluded<'a>>,
    plan: Plan,
    /// What blocks there are, so that none is there twice.
    known: BTreeSet<String>,
    skipped: Vec<Skipped>,
}

/// A platform that is ready to be asked what it can run.
enum Open {
    Guest(Encoding, GuestSource),
    Kernel(KernelSource),
}

impl Making<'_> {
    fn include(&mut self, include: &Include) -> Result<()> {
        let platforms = match &include.kernels {
            Some(kernels) => self.kernels(include, kernels)?,
            None => self.guests(include)?,
        };
        for (platform, open) in platforms {
            let entries = self.entries(include, &open, &platform.name())?;
            let (writers, walkers) = self.routines(include, &open)?;
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
                        self.add(include, &platform, &open, block)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a block to the plan, and its platform with the first.
    fn add(&mut self, include: &Include, platform: &Platform, open: &Open, mut block: Block) -> Result<()> {
        if let Err(reason) = open.runs(&block) {
            self.skip(&platform.name(), reason);
            return Ok(());
        }
        if self.excludes.iter_mut().any(|exclude| exclude.takes(platform, open.encoding(), &block)) {
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

    fn skip(&mut self, platform: &str, reason: String) {
        let one = Skipped { encoding: platform.to_owned(), reason };
        if !self.skipped.contains(&one) {
            self.skipped.push(one);
        }
    }

    /// The architectures and versions of an include, with their guests.
    fn guests(&mut self, include: &Include) -> Result<Vec<(Platform, Open)>> {
        let executed = || Arch::ALL.into_iter().filter(|arch| arch.executed()).collect();
        let arches: Vec<Arch> = self.parsed(include.arches.as_deref())?.unwrap_or_else(executed);
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
                let platform = |source: &GuestSource, file: Option<PathBuf>| Platform::Guest {
                    arch: arch.to_string(),
                    mmu: mmu.map(|mmu| mmu.to_string()),
                    linux: version.to_string(),
                    file,
                    sha256: source.sha256.clone(),
                };
                let encoding = match Encoding::at(arch, mmu, version) {
                    Ok(encoding) => encoding,
                    Err(error) => {
                        self.skip(&format!("{} {version}", platform_name(arch, mmu)), error.to_string());
                        continue;
                    }
                };
                let Some(files) = &files else {
                    match GuestSource::bundled_for(&encoding) {
                        Ok(source) => all.push((platform(&source, None), Open::Guest(encoding, source))),
                        Err(error) => self
                            .skip(&format!("{} {version}", platform_name(arch, mmu)), format!("{error:#}")),
                    }
                    continue;
                };
                for file in files {
                    match GuestSource::named(file, arch) {
                        Ok(source) => {
                            all.push((platform(&source, Some(file.clone())), Open::Guest(encoding, source)));
                        }
                        Err(error) => self
                            .skip(&format!("{} {version}", platform_name(arch, mmu)), format!("{error:#}")),
                    }
                }
            }
        }
        Ok(all)
    }

    fn kernels(&self, include: &Include, kernels: &[Name]) -> Result<Vec<(Platform, Open)>> {
        let beside = [&include.arches, &include.mmus, &include.linux, &include.guests];
        if let Some(name) = beside.into_iter().flatten().flatten().next() {
            let fault = format!("{KERNEL_SAYS}: leave this out");
            return Err(self.matrix.error(&name.place, fault).into());
        }
        let mut all = Vec::new();
        for file in self.files(kernels)? {
            let source = kernel_source(&file, self.cache)?;
            let platform = Platform::Kernel {
                release: source.kernel.file().release.text.clone(),
                sha256: source.kernel.file().sha256.clone(),
                file,
            };
            all.push((platform, Open::Kernel(source)));
        }
        Ok(all)
    }

    /// The files of these names, in order; none twice.
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

    /// What names mean, each once.
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

    /// The names of a list, each once, all of which are known; all that are known if there is no list.
    fn known(&self, what: &'static str, names: Option<&[Name]>, all: &[&'static str]) -> Result<Vec<String>> {
        let Some(names) = names else { return Ok(all.iter().map(|name| (*name).to_owned()).collect()) };
        let mut known = Vec::new();
        for name in names {
            if !all.contains(&name.text.as_str()) {
                let fault = UnknownName::new(what, &name.text, all.iter().copied());
                return Err(self.matrix.error(&name.place, fault).into());
            }
            if !known.contains(&name.text) {
                known.push(name.text.clone());
            }
        }
        Ok(known)
    }

    /// The writers and walkers of an include.
    fn routines(&self, include: &Include, open: &Open) -> Result<(Vec<String>, Vec<String>)> {
        let (writers, walkers) = (include.writers.as_deref(), include.walkers.as_deref());
        if let Open::Guest(_, source) = open {
            let all = Writer::of(&source.guest).into_iter().map(Writer::name);
            let writers = self.known("writer", writers, &all.collect::<Vec<_>>())?;
            let all = Walker::of(&source.guest).into_iter().map(Walker::name);
            return Ok((writers, self.known("walker", walkers, &all.collect::<Vec<_>>())?));
        }
        let recipes = |names: Option<&[Name]>, role: Role| -> Result<Vec<String>> {
            let Some(names) = names else {
                let all = RECIPES.iter().filter(|recipe| recipe.role == role);
                return Ok(all.map(|recipe| recipe.name.to_owned()).collect());
            };
            let mut all = Vec::new();
            for name in names {
                let recipe =
                    Recipe::of(&name.text, role).map_err(|error| self.matrix.error(&name.place, error))?;
                if !all.contains(&recipe.name.to_owned()) {
                    all.push(recipe.name.to_owned());
                }
            }
            Ok(all)
        };
        Ok((recipes(writers, Role::Writer)?, recipes(walkers, Role::Walker)?))
    }

    /// The entries of an include that a platform can express.
    fn entries(&mut self, include: &Include, open: &Open, name: &str) -> Result<Vec<Entries>> {
        let encoding = open.encoding();
        let Some(entries) = &include.entries else {
            let mut all = Vec::new();
            for kind in EntryKind::ALL {
                all.extend(self.of_kind(name, encoding, kind, &[Vec::new()], None));
            }
            return Ok(all);
        };
        let mut all = Vec::new();
        for entry in entries {
            all.extend(self.entry(name, encoding, open, entry)?);
        }
        Ok(all)
    }

    fn entry(
        &mut self,
        name: &str,
        encoding: &Encoding,
        open: &Open,
        entry: &Entry,
    ) -> Result<Option<Entries>> {
        let huge = 1 << (encoding.layout().pmd_shift - encoding.layout().page_shift);
        let fault = |error: &dyn std::fmt::Display| self.matrix.error(&entry.place, error);
        match &entry.what {
            What::Kind { kind, pfns, marks } => {
                let marks = self.marks(marks.as_deref())?;
                let kind: EntryKind =
                    kind.text.parse().map_err(|error| self.matrix.error(&kind.place, error))?;
                // Of these the number is an offset or a table, which can be anywhere.
                let unit = if matches!(kind, EntryKind::Swap | EntryKind::Table) { 1 } else { huge };
                let pfns = match pfns {
                    Some(pfns) => Some(pfns.sequence(unit).map_err(|error| fault(&error))?),
                    None => None,
                };
                Ok(self.of_kind(name, encoding, kind, &marks, pfns))
            }
            What::Swap { types, offsets, marks } => {
                let marks = self.marks(marks.as_deref())?;
                let types = types.sequence(1).map_err(|error| fault(&error))?;
                let offsets = offsets.sequence(1).map_err(|error| fault(&error))?;
                let mut kept = Vec::new();
                for names in marks {
                    let spec = swap_spec(offsets.extremes(1).largest, Marks::of_names(&names)?);
                    match encoding.build_swap_of(types.extremes(1).largest, &spec) {
                        Ok(_) => kept.push(names),
                        Err(error) => self.skip(name, error.reason()),
                    }
                }
                Ok((!kept.is_empty()).then_some(Entries::Swap { types, offsets, marks: kept }))
            }
            What::Values(values) => {
                Ok(Some(Entries::Values(values.sequence(1).map_err(|error| fault(&error))?)))
            }
            What::Sweep { set } => {
                let set: EntrySet = set.text.parse().map_err(|error| self.matrix.error(&set.place, error))?;
                let Open::Guest(_, source) = open else {
                    let what = "a sweep runs within a guest: leave it out where there are kernels";
                    return Err(fault(&what).into());
                };
                if encoding.patterns(set).is_empty() {
                    self.skip(name, format!("has no {set} entries: its huge pages cannot be migrated"));
                    return Ok(None);
                }
                if !source.guest.has(SWEEP) {
                    self.skip(name, format!("has no function {SWEEP} to run many entries with"));
                    return Ok(None);
                }
                Ok(Some(Entries::Sweep(set.to_string())))
            }
        }
    }

    /// The names of marks, which are known.
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

    /// The entries of a kind with those of the marks that they can have.
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
                // Where the uneven one can be had, so can all others that are no larger.
                Some(extremes) => extremes.uneven.into_iter().chain([extremes.largest]).map(Some).collect(),
            };
            match tried.into_iter().try_for_each(|pfn| can(pfn).map(drop)) {
                Ok(()) => kept.push(names.clone()),
                Err(error) => {
                    let reason = error.downcast_ref().map_or_else(|| error.to_string(), EntryError::reason);
                    self.skip(name, reason);
                }
            }
        }
        (!kept.is_empty()).then(|| Entries::Kind { kind: kind.name().to_owned(), marks: kept, pfns })
    }

    fn finish(self) -> Result<(Plan, Vec<Skipped>)> {
        if let Some(idle) = self.excludes.iter().find(|exclude| !exclude.took) {
            let fault = "this takes no job out: no include has what it names";
            return Err(self.matrix.error(&idle.written.place, fault).into());
        }
        if self.plan.jobs() == 0 {
            let why = match self.skipped.first() {
                Some(skipped) => format!("{}: {}", skipped.encoding, skipped.reason),
                None => "no architecture that is named has this kind of MMU, or all is excluded".to_owned(),
            };
            let place = self.matrix.includes.first().map(|include| include.place.clone()).unwrap_or_default();
            return Err(self.matrix.error(&place, format!("the matrix has no jobs: {why}")).into());
        }
        Ok((self.plan, self.skipped))
    }
}

impl Open {
    fn encoding(&self) -> &Encoding {
        match self {
            Open::Guest(encoding, _) => encoding,
            Open::Kernel(source) => &source.encoding,
        }
    }

    /// Whether the routines of a block are there.
    fn runs(&self, block: &Block) -> Result<(), String> {
        match self {
            Open::Guest(encoding, source) => {
                let unknown = |error: UnknownName| error.to_string();
                let writer = Writer::named(&block.writer, &source.guest).map_err(unknown)?;
                if matches!(block.entries, Entries::Sweep(_)) {
                    sweepable(writer)?;
                }
                let walker = block.walker.as_ref().map(|walker| Walker::named(walker, &source.guest));
                let walker = walker.transpose().map_err(unknown)?.map(With::Walker);
                runnable(source, encoding, std::iter::once(With::Writer(writer)).chain(walker))
            }
            Open::Kernel(source) => {
                let writer = Recipe::of(&block.writer, Role::Writer).map_err(|error| error.to_string())?;
                offered(source, writer)?;
                match &block.walker {
                    Some(walker) => {
                        let walker = Recipe::of(walker, Role::Walker).map_err(|error| error.to_string())?;
                        offered(source, walker)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}
