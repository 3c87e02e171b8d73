//! `pmdscope compare`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use pmdscope_arches::{Arch, Encoding, EntryError, EntryKind, Mmu, Version, platform_name};
use pmdscope_emu::{Bounds, Machine, Recipe, Reduction, Role};
use pmdscope_guest::{Walker, Writer};
use pmdscope_traces::results::Judged;
use pmdscope_traces::results::expect::Expectations;
use pmdscope_traces::{CompareReport, RunReport, Skipped};

use crate::cli::{CacheArgs, CompareArgs, Marks};
use crate::confined;
use crate::exit::Exit;
use crate::expected::expectations;
use crate::kernel_plan::{KernelSource, Wanted, kernel_source, offered, platform_left_out};
use crate::kernel_study::KernelStudy;
use crate::output;
use crate::plan::{GuestSource, Start, With, bounds, chosen, runnable};
use crate::reporter::made_by;
use crate::study::Study;

/// A long-term kernel and the newest: between them every architecture has the encodings that matter
/// here, among them arm64's two, and s390x without and with migration entries.
const DEFAULT_VERSIONS: [Version; 2] = [Version::new(6, 1), Version::new(7, 2)];
/// The entry of the original report. An encoding that cannot express it shows [`DEFAULT_ELSE`].
const DEFAULT_ENTRY: EntryKind = EntryKind::MigrationWrite;
/// What a split is meant for.
const DEFAULT_ELSE: EntryKind = EntryKind::PresentHuge;
/// The split before and after the fix.
const DEFAULT_WRITERS: [Writer; 2] = [Writer::SplitUnguarded, Writer::SplitGuarded];
/// One walker that checks access, one that does not, and one that every architecture has.
const DEFAULT_WALKERS: [Walker; 3] = [Walker::GupFastRead, Walker::PerfPageSize, Walker::Hmm];

/// What is to be compared.
struct Plan {
    platforms: Vec<(Arch, Option<Mmu>)>,
    versions: Vec<Version>,
    /// `None`: the default entry of each encoding.
    entries: Option<Vec<EntryKind>>,
    marks: Marks,
    writers: Vec<Writer>,
    walkers: Vec<Walker>,
    bounds: Bounds,
}

impl Plan {
    fn new(args: &CompareArgs) -> Result<Self> {
        let executed = Arch::ALL.into_iter().filter(|arch| arch.executed()).collect();
        let arches = chosen(&args.arch, executed)?;
        let mmus: Vec<Mmu> = chosen(&args.mmu, Vec::new())?;
        let wanted = |mmu: Option<Mmu>| mmus.is_empty() || mmu.is_some_and(|mmu| mmus.contains(&mmu));
        let platforms =
            arches.into_iter().flat_map(Arch::platforms).filter(|(_, mmu)| wanted(*mmu)).collect();
        Ok(Plan {
            platforms,
            versions: chosen(&args.linux, DEFAULT_VERSIONS.to_vec())?,
            entries: if args.entry.is_empty() { None } else { Some(chosen(&args.entry, Vec::new())?) },
            marks: args.marks,
            writers: chosen(&args.writer, DEFAULT_WRITERS.to_vec())?,
            walkers: chosen(&args.walker, DEFAULT_WALKERS.to_vec())?,
            bounds: bounds(&args.bounds)?,
        })
    }

    fn run(&self) -> Result<CompareReport> {
        let mut rows = Vec::new();
        let mut skipped = Vec::new();
        for (arch, mmu) in &self.platforms {
            for version in &self.versions {
                let platform = format!("{} {version}", platform_name(arch, mmu.as_ref()));
                let mut skip = |reason: String| {
                    let one = Skipped { encoding: platform.clone(), reason };
                    if !skipped.contains(&one) {
                        skipped.push(one);
                    }
                };
                let found = Encoding::at(*arch, *mmu, *version)
                    .map_err(anyhow::Error::from)
                    .and_then(|encoding| Ok((encoding, GuestSource::bundled_for(&encoding)?)));
                match found {
                    Ok((encoding, source)) => rows.extend(self.rows(&encoding, &source, &mut skip)?),
                    Err(error) => skip(format!("{error:#}")),
                }
            }
        }
        Ok(CompareReport::new(made_by(), rows, skipped))
    }

    fn rows(
        &self,
        encoding: &Encoding,
        source: &GuestSource,
        skip: &mut impl FnMut(String),
    ) -> Result<Vec<RunReport>> {
        let mut machine = Machine::new(source.guest.clone())?;
        let mut rows = Vec::new();
        for start in self.starts(encoding, skip)? {
            for writer in &self.writers {
                for walker in &self.walkers {
                    let routines = [With::Writer(*writer), With::Walker(*walker)];
                    if let Err(reason) = runnable(source, encoding, routines) {
                        skip(reason);
                        continue;
                    }
                    let study = Study {
                        encoding,
                        source,
                        start,
                        writer: *writer,
                        walker: *walker,
                        with: &[],
                        bounds: &self.bounds,
                        reduction: Reduction::Joined,
                        schedule: None,
                    };
                    rows.push(study.report(&mut machine)?);
                }
            }
        }
        Ok(rows)
    }

    /// The entries to begin with in an encoding.
    fn starts(&self, encoding: &Encoding, skip: &mut impl FnMut(String)) -> Result<Vec<Start>> {
        let Some(kinds) = &self.entries else {
            return match Start::of_kind(encoding, DEFAULT_ENTRY, self.marks, None) {
                Ok(start) => Ok(vec![start]),
                Err(error) => {
                    skip(reason(&error));
                    // A mapping in use: the hardware has set its accessed and dirty bits.
                    let marks = Marks { young: true, dirty: true, ..self.marks };
                    Ok(vec![Start::of_kind(encoding, DEFAULT_ELSE, marks, None)?])
                }
            };
        };
        let mut starts = Vec::new();
        for kind in kinds {
            match Start::of_kind(encoding, *kind, self.marks, None) {
                Ok(start) => starts.push(start),
                Err(error) => skip(reason(&error)),
            }
        }
        Ok(starts)
    }
}

/// What kernels are to be compared by.
struct KernelPlan<'a> {
    kernels: &'a [PathBuf],
    cache: CacheArgs,
    /// `None`: the default entry of each kernel.
    entries: Option<Vec<EntryKind>>,
    marks: Marks,
    writers: Vec<&'static Recipe>,
    walkers: Vec<&'static Recipe>,
    bounds: Bounds,
}

impl<'a> KernelPlan<'a> {
    fn new(args: &'a CompareArgs) -> Result<Self> {
        platform_left_out(!args.arch.is_empty(), !args.mmu.is_empty(), !args.linux.is_empty())?;
        let recipes = |names: &[String], default: &str, role| -> Result<Vec<_>> {
            let default = [default.to_owned()];
            let names = if names.is_empty() { &default } else { names };
            Ok(names.iter().map(|name| Recipe::of(name, role)).collect::<Result<_, _>>()?)
        };
        Ok(KernelPlan {
            kernels: &args.kernel,
            cache: args.cache,
            entries: if args.entry.is_empty() { None } else { Some(chosen(&args.entry, Vec::new())?) },
            marks: args.marks,
            writers: recipes(&args.writer, "split", Role::Writer)?,
            walkers: recipes(&args.walker, "gup-fast-read", Role::Walker)?,
            bounds: bounds(&args.bounds)?,
        })
    }

    fn run(&self) -> Result<CompareReport> {
        let mut rows = Vec::new();
        let mut skipped = Vec::new();
        for path in self.kernels {
            let source = kernel_source(path, self.cache)?;
            let mut skip = |reason: String| {
                skipped.push(Skipped { encoding: source.kernel.file().release.text.clone(), reason });
            };
            for (kind, marks) in self.kinds(&source, &mut skip) {
                for writer in &self.writers {
                    for walker in &self.walkers {
                        if let Err(reason) = offered(&source, writer).and_then(|()| offered(&source, walker))
                        {
                            skip(reason);
                            continue;
                        }
                        let study = KernelStudy {
                            source: &source,
                            wanted: Wanted::Kind { kind, marks, pfn: None },
                            writer,
                            walker: Some(walker),
                            bounds: &self.bounds,
                            reduction: Reduction::Joined,
                            schedule: None,
                        };
                        rows.push(confined::kernel_study(&study)?);
                    }
                }
            }
        }
        Ok(CompareReport::new(made_by(), rows, skipped))
    }

    /// The kinds of entry to begin with, of those that a kernel can express.
    fn kinds(&self, source: &KernelSource, skip: &mut impl FnMut(String)) -> Vec<(EntryKind, Marks)> {
        let mut can = |kind| match Start::of_kind(&source.encoding, kind, self.marks, None) {
            Ok(_) => true,
            Err(error) => {
                skip(reason(&error));
                false
            }
        };
        match &self.entries {
            Some(kinds) => kinds.iter().filter(|kind| can(**kind)).map(|kind| (*kind, self.marks)).collect(),
            None if can(DEFAULT_ENTRY) => vec![(DEFAULT_ENTRY, self.marks)],
            None => vec![(DEFAULT_ELSE, Marks { young: true, dirty: true, ..self.marks })],
        }
    }
}

/// Why there is no such entry; where is said beside it.
fn reason(error: &anyhow::Error) -> String {
    error.downcast_ref().map_or_else(|| error.to_string(), EntryError::reason)
}

pub fn compare(args: &CompareArgs) -> Result<Exit> {
    let is_test_results = args.format.encoder.is_test_results();
    let expectations = expectations(args.expect.as_deref(), is_test_results)?;
    let (printed, exit) = if args.kernel.is_empty() {
        let plan = Plan::new(args)?;
        output::checked(args.report.self_check, || compared(&plan.run()?, args, &expectations))?
    } else {
        let plan = KernelPlan::new(args)?;
        output::checked(args.report.self_check, || compared(&plan.run()?, args, &expectations))?
    };
    output::write(&printed, args.report.output.as_deref())?;
    Ok(exit)
}

/// What is printed of a comparison, and the exit status.
fn compared(
    report: &CompareReport,
    args: &CompareArgs,
    expectations: &Expectations,
) -> Result<(String, Exit)> {
    if report.rows.is_empty() {
        match report.skipped.first() {
            Some(skipped) => {
                let others = report.skipped.len() - 1;
                let and = if others == 0 { String::new() } else { format!(" (and {others} more)") };
                bail!("nothing to compare: {}: {}{and}", skipped.encoding, skipped.reason)
            }
            None => bail!("nothing to compare: no architecture that was named has this kind of MMU"),
        }
    }
    let terminal = output::terminal(args.report.output.as_deref());
    let encoder = &args.format.encoder;
    let printed = encoder.encode(report, terminal, expectations).map_err(anyhow::Error::from_boxed)?;
    let exit = match encoder.is_test_results() {
        true => Exit::of_conclusion(Judged::new(report, expectations).conclusion()),
        false => Exit::of(report.rows.iter().map(|row| row.verdict)),
    };
    Ok((printed, exit))
}
