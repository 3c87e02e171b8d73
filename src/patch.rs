//! `pmdscope patch`: what a change does to a kernel.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_arches::EntryKind;
use pmdscope_emu::{Bounds, Reduction};
use pmdscope_guest::{Role, Routine, routine};
use pmdscope_traces::difference::Side;
use pmdscope_traces::patch::{LeftOut, PatchConclusion, PatchPair, PatchReport};
use pmdscope_traces::{Predicates, RunReport, json, patch, quoted, text};

use crate::batch::{self, Block, Entries, Plan, Platform};
use crate::cli::{BoundArgs, Marks, PatchArgs, PatchFormat};
use crate::exit::Exit;
use crate::kernel_arg::{KernelArg, ends};
use crate::output;
use crate::start::{EntryRequest, Start};
use crate::study::{Study, is_given};
use crate::subject::{EVERY_ROUTINE, KernelSubject, Subject, types_of};
use crate::values::{bounds, chosen};
use crate::version::made_by;

pub fn patch(args: &PatchArgs) -> Result<Exit> {
    compare(args, &|_, _, _| true, command(args))
}

/// Whether a writer is to be run against a walker on a kind of entry.
pub type Wanted<'a> = &'a dyn Fn(EntryKind, &str, &str) -> bool;

/// Compares builds before and after a change, by the runs that are wanted of those that `args` name. `command` repeats
/// it.
pub fn compare(args: &PatchArgs, wanted: Wanted<'_>, command: String) -> Result<Exit> {
    let bounds = bounds(&args.bounds)?;
    ensure!(args.max_minutes > 0, "--max-minutes is 0, so nothing could be run: give at least 1");
    ensure!(
        args.kernels.len().is_multiple_of(2),
        "{} kernels are named: give each kernel before the change with the one after it",
        args.kernels.len()
    );
    let kinds = chosen(&args.entry, EntryKind::ALL.to_vec())?;
    let types = types_of(args.kernels.len(), &args.types)?;
    let pairs = args.kernels.chunks_exact(2).zip(types.chunks_exact(2));
    let pairs = pairs.map(|(pair, types)| Pair::open(pair, types, args, &kinds, wanted));
    let pairs: Vec<Pair> = pairs.collect::<Result<_>>()?;
    let (plan, jobs) = plan(&pairs, &args.bounds)?;
    output::tell_person(&format!(
        "{} runs, for at most {} min; Ctrl-C stops early and reports what is known",
        jobs.len(),
        args.max_minutes
    ));
    let within = Duration::from_secs(args.max_minutes.saturating_mul(60));
    let ran = batch::run_plan(plan, args.cache, args.workers, within)?;
    let not_run = match ran.was_stopped {
        true => format!("it was not run: {} min were over, or it was stopped", args.max_minutes),
        false => "it lacked memory or time".to_owned(),
    };
    let mut rows: Vec<[Vec<RunReport>; 2]> = pairs.iter().map(|_| [Vec::new(), Vec::new()]).collect();
    for (job, report) in jobs.iter().zip(ran.reports) {
        let report = match report {
            Some(report) => report,
            None => pairs[job.pair].study(job, &bounds).incomplete_report(&not_run)?,
        };
        rows[job.pair][job.side as usize].push(report);
    }
    let pairs = pairs.into_iter().zip(rows).map(|(pair, [before, after])| {
        let names = |routines: &[&Routine]| routines.iter().map(|routine| routine.name.to_owned()).collect();
        let (writers, walkers) = (names(&pair.writers), names(&pair.walkers));
        PatchPair::new(&before, &after, writers, walkers, pair.left_out).context("nothing was run")
    });
    let report = PatchReport::new(made_by(), pairs.collect::<Result<_>>()?, command);
    let to = args.output.as_deref();
    let printed = match args.format {
        PatchFormat::Text => text::fit(&patch::text(&report), output::terminal(to)),
        PatchFormat::Json => json::pretty(&report)?,
    };
    output::write(&printed, to)?;
    Ok(match report.conclusion {
        PatchConclusion::NothingNew => Exit::Clean,
        PatchConclusion::NewFindings => Exit::Findings,
        PatchConclusion::Unknown => Exit::Inconclusive,
    })
}

/// A kernel before and after a change, and what both can run.
struct Pair {
    sides: [Subject; 2],
    writers: Vec<&'static Routine>,
    walkers: Vec<&'static Routine>,
    /// The runs of writers and entries that some caller passes to them.
    runs: Vec<(EntryKind, Marks, &'static Routine, &'static Routine)>,
    left_out: Vec<LeftOut>,
}

/// A job of the plan: a run of one side of a pair.
struct Job {
    pair: usize,
    side: Side,
    entry: EntryRequest,
    writer: &'static Routine,
    walker: &'static Routine,
}

const SIDES: [Side; 2] = [Side::Before, Side::After];

impl Pair {
    /// Opens both kernels, and finds what both have.
    fn open(
        args: &[KernelArg],
        types: &[Option<PathBuf>],
        given: &PatchArgs,
        kinds: &[EntryKind],
        wanted: Wanted<'_>,
    ) -> Result<Pair> {
        let ([before, after], [types_before, types_after]) = (args, types) else {
            bail!("a pair of kernels has two")
        };
        let open = |arg: &KernelArg, types: &Option<PathBuf>, side: Side| -> Result<KernelSubject> {
            let kernel = KernelSubject::open(&arg.path, types.as_deref(), given.cache)?;
            Ok(kernel.labelled(Some(arg.label.clone().unwrap_or_else(|| side.word().to_owned()))))
        };
        let (one, other) =
            (open(before, types_before, Side::Before)?, open(after, types_after, Side::After)?);
        let arches = [&one, &other].map(|kernel| kernel.kernel.arch());
        ensure!(
            arches[0] == arches[1],
            "{} is of {}, and {} after it of {}: give each kernel before the change with the one after it",
            before.path.display(),
            arches[0],
            after.path.display(),
            arches[1]
        );
        let sides = [one, other].map(Subject::Kernel);
        let mut left_out = Vec::new();
        let writers = shared(&sides, Role::Writer, &given.writer, &mut left_out)?;
        let mut walkers = shared(&sides, Role::Walker, &given.walker, &mut left_out)?;
        if given.walker.is_empty() {
            let agents = routine::all(Role::Agent).iter().copied();
            walkers.extend(agents.filter(|agent| sides.iter().all(|subject| subject.has([*agent]).is_ok())));
        }
        for (role, shared) in [(Role::Writer, &writers), (Role::Walker, &walkers)] {
            ensure!(
                !shared.is_empty(),
                "{} and {} have no {} in common that was asked for",
                before.path.display(),
                after.path.display(),
                role.name()
            );
        }
        let entries = expressible(&sides, kinds, &mut left_out);
        let (mut runs, no_caller) = runs(&sides, &entries, &writers, &walkers);
        runs.retain(|(kind, _, writer, walker)| wanted(*kind, writer.name, walker.name));
        if no_caller > 0 {
            left_out.push(LeftOut::NoCaller { runs: no_caller });
        }
        ensure!(!runs.is_empty(), "no entry that was asked for is one that a caller passes to these writers");
        Ok(Pair { sides, writers, walkers, runs, left_out })
    }

    fn study<'a>(&'a self, job: &Job, bounds: &'a Bounds) -> Study<'a> {
        Study {
            subject: &self.sides[job.side as usize],
            entry: job.entry,
            writer: job.writer,
            walker: Some(job.walker),
            with: &[],
            bounds,
            reduction: Reduction::Joined,
            schedule: None,
        }
    }

    /// Returns the platform of a side in the plan.
    fn platform(&self, side: Side) -> Result<Platform> {
        let Subject::Kernel(kernel) = &self.sides[side as usize] else { bail!("a pair is of kernels") };
        let file = kernel.kernel.file();
        Ok(Platform::Kernel {
            file: std::path::absolute(&kernel.path)?,
            release: file.release.text.clone(),
            sha256: file.sha256.clone(),
            types: kernel.types_file(),
            label: kernel.label.clone(),
        })
    }
}

/// Returns the routines of these names that both kernels have; every one if none is named.
fn shared(
    sides: &[Subject; 2],
    role: Role,
    names: &[String],
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<&'static Routine>> {
    let every = [EVERY_ROUTINE.to_owned()];
    let mut routines: Vec<&'static Routine> = Vec::new();
    for name in if names.is_empty() { &every } else { names } {
        // Each kernel may have some that the other has not.
        let named = sides.each_ref().map(|subject| subject.routines_named(role, name));
        let named = match named {
            [Err(error), Err(_)] => return Err(error.into()),
            named => named,
        };
        for of_side in named.into_iter().flatten() {
            for routine in of_side {
                if !routines.contains(&routine) {
                    routines.push(routine);
                }
            }
        }
    }
    for lacking in [&SIDES[..1], &SIDES[1..], &SIDES] {
        let lacks = routines
            .iter()
            .filter(|routine| lacking_sides(|side| side.has([**routine]).is_ok(), sides) == lacking);
        let names: Vec<String> = lacks.map(|routine| routine.name.to_owned()).collect();
        if !names.is_empty() {
            left_out.push(LeftOut::Routines { lacking: lacking.to_vec(), names });
        }
    }
    routines.retain(|routine| sides.iter().all(|subject| subject.has([*routine]).is_ok()));
    Ok(routines)
}

/// Returns the sides that lack something.
fn lacking_sides(has: impl Fn(&Subject) -> bool, sides: &[Subject; 2]) -> Vec<Side> {
    sides.iter().zip(SIDES).filter(|(subject, _)| !has(subject)).map(|(_, side)| side).collect()
}

/// Returns the entries that both kernels can express: of a mapping one that is in use.
fn expressible(
    sides: &[Subject; 2],
    kinds: &[EntryKind],
    left_out: &mut Vec<LeftOut>,
) -> Vec<(EntryKind, Marks)> {
    /// The hardware has set the accessed and dirty bits of a mapping in use.
    const IN_USE: Marks = Marks { young: true, dirty: true, soft_dirty: false, uffd_wp: false };
    let can = |subject: &Subject, kind, marks| Start::of_kind(subject.encoding(), kind, marks, None).is_ok();
    let mut entries = Vec::new();
    for kind in kinds {
        let is_mapping = !kind.is_swap() && !matches!(kind, EntryKind::None | EntryKind::Table);
        let marks = if is_mapping { vec![IN_USE, Marks::default()] } else { vec![Marks::default()] };
        let both = |marks: &&Marks| sides.iter().all(|subject| can(subject, *kind, **marks));
        entries.extend(marks.iter().find(both).map(|marks| (*kind, *marks)));
    }
    for lacking in [&SIDES[..1], &SIDES[1..], &SIDES] {
        let lacks =
            |kind: &&EntryKind| lacking_sides(|side| can(side, **kind, Marks::default()), sides) == lacking;
        let names: Vec<String> = kinds.iter().filter(lacks).map(|kind| kind.name().to_owned()).collect();
        if !names.is_empty() {
            left_out.push(LeftOut::Entries { lacking: lacking.to_vec(), names });
        }
    }
    entries
}

type Run = (EntryKind, Marks, &'static Routine, &'static Routine);

/// Returns the runs, and the number of those that are left out because no caller passes the entry to the writer.
///
/// The splits of mappings come last: they may have a million schedules each, and whoever stops early knows the rest.
fn runs(
    sides: &[Subject; 2],
    entries: &[(EntryKind, Marks)],
    writers: &[&'static Routine],
    walkers: &[&'static Routine],
) -> (Vec<Run>, u64) {
    let encoding = sides[0].encoding();
    let (mut quick, mut slow, mut no_caller) = (Vec::new(), Vec::new(), 0);
    for (kind, marks) in entries {
        let Ok(start) = Start::of_kind(encoding, *kind, *marks, None) else { continue };
        let predicates = Predicates::of_model(encoding, start.value);
        for writer in writers {
            if !is_given(writer, &predicates) {
                no_caller += walkers.len() as u64;
                continue;
            }
            // The MMU looks at nothing but mappings, and marks one that has no marks yet.
            let is_run =
                |walker: &&&Routine| walker.role != Role::Agent || predicates.present && predicates.leaf;
            let marks_for = |walker: &Routine| match walker.role {
                Role::Agent => Marks::default(),
                _ => *marks,
            };
            let all =
                walkers.iter().filter(is_run).map(|walker| (*kind, marks_for(walker), *writer, *walker));
            let is_slow = writer.splits && predicates.present && predicates.leaf;
            if is_slow { slow.extend(all) } else { quick.extend(all) }
        }
    }
    quick.extend(slow);
    (quick, no_caller)
}

/// Makes the plan of all runs: of each kind of run both sides, so that both are known as far.
fn plan(pairs: &[Pair], bounds: &BoundArgs) -> Result<(Plan, Vec<Job>)> {
    /// Runs of one kernel in a row: opening another takes as long as some of them.
    const IN_A_ROW: usize = 60;
    let mut plan = Plan::of_bounds(bounds.clone());
    let mut jobs = Vec::new();
    for (number, pair) in pairs.iter().enumerate() {
        for chunk in pair.runs.chunks(IN_A_ROW) {
            for side in SIDES {
                let platform = plan.number_of(&pair.platform(side)?);
                for (kind, marks, writer, walker) in chunk {
                    let entries = Entries::Kind {
                        kind: kind.name().to_owned(),
                        marks: vec![marks.names()],
                        pfns: None,
                    };
                    plan.push(Block {
                        platform,
                        entries,
                        writer: writer.name.to_owned(),
                        walker: Some(walker.name.to_owned()),
                    })
                    .context("there are more runs than can be counted")?;
                    let entry = EntryRequest::Kind { kind: *kind, marks: *marks, pfn: None };
                    jobs.push(Job { pair: number, side, entry, writer, walker });
                }
            }
        }
    }
    Ok((plan, jobs))
}

/// Returns the command that repeats it, with as much of the paths as tells the kernels apart.
fn command(args: &PatchArgs) -> String {
    let paths: Vec<&Path> = args.kernels.iter().map(|kernel| &*kernel.path).collect();
    let mut words = vec!["pmdscope".to_owned(), "patch".to_owned()];
    words.extend(ends(&paths).iter().map(|end| quoted(end)));
    let types: Vec<&Path> = args.types.iter().map(PathBuf::as_path).collect();
    for end in ends(&types) {
        words.extend(["--types".to_owned(), quoted(&end)]);
    }
    for (option, names) in [("--entry", &args.entry), ("--writer", &args.writer), ("--walker", &args.walker)]
    {
        if !names.is_empty() {
            words.extend([option.to_owned(), quoted(&names.join(","))]);
        }
    }
    for (option, value) in args.bounds.options() {
        words.extend([option.to_owned(), value.to_string()]);
    }
    words.join(" ")
}
