//! Makes the plan of `run` from a command line. Each mistake gets one line, before anything runs.

use anyhow::{Result, ensure};
use pmdscope_emu::{Bounds, MOST_CPUS, Reduction, Schedule, kernel_routine};
use pmdscope_guest::{Role, Routine};

use crate::cli::JobArgs;
use crate::described::RoutineFile;
use crate::start::EntryRequest;
use crate::subject::{EVERY_ROUTINE, NO_WALKER, Subject};
use crate::values::run_bounds;

/// Refuses arguments that no kernel can satisfy: opening a kernel may take seconds.
fn check_before_opening(writer: Option<&str>, all_walkers: &[String], has_schedule: bool) -> Result<()> {
    writer.iter().try_for_each(|writer| check_name(Role::Writer, writer))?;
    let walkers = || all_walkers.iter().filter(|walker| *walker != NO_WALKER);
    let named = || walkers().filter(|walker| *walker != EVERY_ROUTINE);
    named().try_for_each(|walker| check_name(Role::Walker, walker))?;
    check_schedule(has_schedule, walkers().count() < all_walkers.len())
}

/// Refuses a name that is no routine's and that no function of a kernel can have.
fn check_name(role: Role, name: &str) -> Result<()> {
    let symbol = name.split(':').next().unwrap_or(name);
    let is_symbol = symbol.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match kernel_routine(role, name) {
        Err(unknown) if !is_symbol => Err(unknown.into()),
        _ => Ok(()),
    }
}

fn check_schedule(has_schedule: bool, runs_writer_alone: bool) -> Result<()> {
    ensure!(
        !(has_schedule && runs_writer_alone),
        "a schedule is of a writer and a walker: leave --schedule or --walker none out"
    );
    Ok(())
}

/// Returns the walkers with these names; `None` is no walker: the writer runs alone.
fn walkers(subject: &Subject, names: &[String]) -> Result<Vec<Option<&'static Routine>>> {
    let mut walkers = Vec::new();
    for name in names {
        let of_name = match subject.walker(name) {
            Ok(None) => vec![None],
            _ => subject.routines_named(Role::Walker, name)?.into_iter().map(Some).collect(),
        };
        walkers.extend(of_name);
    }
    Ok(walkers)
}

/// The plan of `run`.
pub struct RunPlan {
    /// The guest or kernel to run.
    pub subject: Subject,
    /// The initial entry.
    pub entry: EntryRequest,
    /// The writer.
    pub writer: &'static Routine,
    /// The walkers, each in a run of its own; `None`: the writer runs alone.
    pub walkers: Vec<Option<&'static Routine>>,
    /// Further routines, each on a CPU of its own.
    pub with: Vec<&'static Routine>,
    /// The bounds of each run.
    pub bounds: Bounds,
    /// Whether equivalent schedules are joined.
    pub reduction: Reduction,
    /// The one schedule to run; `None`: every schedule.
    pub schedule: Option<Schedule>,
}

impl RunPlan {
    /// Makes the plan of a command line.
    pub fn new(args: &JobArgs) -> Result<Self> {
        let entry = EntryRequest::of_args(args)?;
        let routines = RoutineFile::read(args.routines.as_deref())?;
        ensure!(
            args.routines.is_none() || args.kernel().is_some(),
            "--routines describes functions of a kernel: say of which with --kernel"
        );
        let walker_names: Vec<String> =
            args.walker.iter().map(|walker| routines.full(walker).to_owned()).collect();
        let writer_name = args.writer.as_deref().map(|writer| routines.full(writer));
        if args.kernel().is_some() {
            check_before_opening(writer_name, &walker_names, args.schedule.is_some())?;
        }
        let subject = Subject::of_args(args)?;
        // The encoding of a kernel is known only when its environment is set up.
        if let Subject::Guest(guest) = &subject {
            entry.build(&guest.encoding)?;
        }
        let writer = writer_name.unwrap_or(subject.default_writer());
        let plan = RunPlan {
            entry,
            writer: subject.routine(Role::Writer, writer)?,
            walkers: walkers(&subject, &walker_names)?,
            // The same routine may run on several CPUs, so repeats are kept.
            with: args.with.iter().map(|with| subject.other(with)).collect::<Result<_, _>>()?,
            bounds: run_bounds(args)?,
            reduction: args.reduction.into(),
            schedule: args.schedule.as_deref().map(str::parse).transpose()?,
            subject,
        };
        plan.checked()
    }

    /// Checks that there are enough CPUs, that a schedule has a walker, and that the subject has all routines.
    pub fn checked(self) -> Result<Self> {
        ensure!(
            self.with.len() <= MOST_CPUS - 2,
            "{} routines are too many to run with writer and walker: at most {}",
            self.with.len(),
            MOST_CPUS - 2
        );
        check_schedule(self.schedule.is_some(), self.walkers.contains(&None))?;
        let walkers = self.walkers.iter().copied().flatten();
        self.subject.check([self.writer].into_iter().chain(walkers).chain(self.with.iter().copied()))?;
        Ok(self)
    }
}
