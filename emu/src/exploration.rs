//! Bounds and results of an exploration.

use std::fmt;
use std::time::Duration;

use num_bigint::BigUint;
use pmdscope_explore::{Schedule, Sections, Span};

use crate::context::MachineContext;
use crate::end::{CallBounds, CallExit, CallResult};
use crate::trace::{Action, Event};

/// The vCPU that runs the writer.
pub const WRITER: u8 = 0;
/// The vCPU that runs the walker.
pub const WALKER: u8 = 1;

/// Bounds on an exploration. An exploration that reaches a bound is incomplete.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bounds on each call of a routine.
    pub call: CallBounds,
    /// Maximum number of schedules, if each is run.
    pub schedules: u64,
    /// Maximum number of behaviours, if equivalent schedules are joined.
    pub behaviours: u64,
    /// Maximum time for all schedules together.
    pub time: Duration,
    /// What CPUs wait for. The schedules that this excludes are counted apart.
    pub context: MachineContext,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            call: CallBounds::default(),
            schedules: 100_000,
            behaviours: 10_000,
            time: Duration::from_secs(60),
            context: MachineContext::ALL,
        }
    }
}

/// Whether equivalent schedules are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Equivalent schedules are joined and counted, and one of each behaviour is run.
    #[default]
    Joined,
    /// Each schedule is run.
    ///
    /// A routine that waits, for example for a lock, then polls without end: only the bounds stop it.
    None,
}

/// Where the walker's machine code left the path of its baseline run, on the original entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Divergence {
    /// Address of the first instruction that the walker ran off that path; `None` if it returned there.
    pub pc: Option<u64>,
    /// Address of the instruction that the baseline run has there; `None` if the baseline run returned there.
    pub instead_of: Option<u64>,
}

/// The run of one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The order of accesses.
    pub schedule: Schedule,
    /// Number of equivalent schedules, this one included.
    pub schedules: BigUint,
    /// Number of those of them that the context excludes. If that is not all, this one is possible.
    pub excluded: BigUint,
    /// The sections that exclude them.
    pub excluded_by: Sections,
    /// The access that cannot follow the one before it, by its number, if this schedule is excluded.
    pub excluded_at: Option<usize>,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// The writer's result.
    pub writer: CallResult,
    /// The walker's result.
    pub walker: CallResult,
    /// The results of the routines on further CPUs.
    pub others: Vec<CallResult>,
    /// The entry after the run, in CPU order.
    pub after: u64,
    /// Where the walker left the path of its baseline run; `None` if it did not.
    pub divergence: Option<Divergence>,
    /// The pages whose number of references changed, with the new number.
    pub references: Vec<(u64, u64)>,
}

impl Run {
    /// Returns the accesses in order: the CPU of each, and what it did before that, as far as a context has others wait.
    pub(crate) fn spans(&self, context: MachineContext) -> impl Iterator<Item = (usize, Span)> {
        self.events.iter().filter_map(move |event| match &event.what {
            Action::Access(access) => Some((usize::from(event.cpu), context.of(access.span))),
            _ => None,
        })
    }
}

/// All schedules of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exploration {
    /// A run of each behaviour, or without reduction of each schedule, in the order found. In the first, the writer
    /// goes first.
    pub runs: Vec<Run>,
    /// Where only one schedule was asked for: the runs of each routine after the other, in both orders. Else these are
    /// among `runs`.
    pub orders: Vec<Run>,
    /// Number of schedules; if the exploration is incomplete, the number accounted for.
    pub schedules: BigUint,
    /// The baseline run: the walker alone on the original entry.
    pub alone: CallResult,
    /// Number of runs of machine code.
    pub machine_runs: u64,
    /// Why some schedule was not run to its end; `None` if every schedule was.
    pub incomplete: Option<Incomplete>,
}

/// Why an exploration is incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// There are more schedules than the bounds allow to run.
    Schedules(u64),
    /// There are more behaviours than the bounds allow, or more states than can be kept.
    Behaviours(u64),
    /// Only schedules with at most so many switches between CPUs were run: there are too many others.
    Switches(u32),
    /// Only the schedule that was asked for was run.
    OneSchedule,
    /// Time ran out before all schedules were run.
    Time(Duration),
    /// Both routines use memory that is not watched, and one writes to it.
    Shared {
        /// Address of the word.
        address: u64,
    },
    /// A deadlock: under some schedule, every CPU that has not ended waits for memory that no CPU will change.
    Deadlock {
        /// The schedule.
        schedule: Schedule,
        /// Address of a word that a CPU waits for.
        address: u64,
    },
    /// A call of a routine ended without an outcome.
    Call {
        /// The schedule.
        schedule: Schedule,
        /// How the call ended.
        end: CallExit,
    },
}

impl Incomplete {
    /// Whether time ran out, so that another machine might get further.
    pub fn is_of_time(&self) -> bool {
        matches!(self, Incomplete::Time(_) | Incomplete::Call { end: CallExit::TimeBound, .. })
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Incomplete::Schedules(most) => write!(f, "there are more than {most} schedules"),
            Incomplete::Behaviours(most) => {
                write!(f, "there are more than {most} behaviours, or more states than can be kept")
            }
            Incomplete::Switches(1) => {
                f.write_str("only the orders with at most 1 switch between CPUs were run")
            }
            Incomplete::Switches(most) => {
                write!(f, "only the orders with at most {most} switches between CPUs were run")
            }
            Incomplete::OneSchedule => f.write_str("only the schedule that was asked for was run"),
            Incomplete::Time(time) => write!(f, "not all schedules were run in {} s", time.as_secs_f64()),
            Incomplete::Shared { address } => {
                write!(
                    f,
                    "both routines use the word at {address:#x}, which is not watched, and one writes it"
                )
            }
            Incomplete::Deadlock { schedule, address } => write!(
                f,
                "under schedule {schedule} all that is left to run waits for the word at {address:#x} to change"
            ),
            Incomplete::Call { schedule, end } if schedule.0.is_empty() => {
                write!(f, "before any access a routine {end}")
            }
            Incomplete::Call { schedule, end } => write!(f, "under schedule {schedule} a routine {end}"),
        }
    }
}

impl Exploration {
    /// Returns the number of schedules that the context excludes, and the sections that exclude them.
    pub fn excluded(&self) -> (BigUint, Sections) {
        let number = self.runs.iter().map(|run| &run.excluded).sum();
        (number, self.runs.iter().fold(Sections::NONE, |all, run| all.or(run.excluded_by)))
    }

    /// Returns the exploration without the schedules that the context excludes; `None` if none is left.
    pub fn possible(&self) -> Option<Exploration> {
        let runs = self.runs.iter().filter(|run| run.excluded < run.schedules).cloned().map(|mut run| {
            run.schedules -= std::mem::take(&mut run.excluded);
            run.excluded_by = Sections::NONE;
            run
        });
        let runs: Vec<Run> = runs.collect();
        let schedules = &self.schedules - self.excluded().0;
        (!runs.is_empty()).then(|| Exploration { runs, schedules, ..self.clone() })
    }

    /// Returns an exploration that has a baseline run with this result, and no schedule yet.
    pub(crate) fn after(alone: CallResult) -> Self {
        Exploration { alone, machine_runs: 1, ..Exploration::nothing() }
    }

    /// Returns an empty exploration: no schedule, no run.
    pub fn nothing() -> Self {
        Exploration {
            runs: Vec::new(),
            orders: Vec::new(),
            schedules: BigUint::ZERO,
            alone: CallResult { end: CallExit::TimeBound, outcome: None },
            machine_runs: 0,
            incomplete: None,
        }
    }

    /// Adds a run, and notes its first call that leaves something open.
    pub(crate) fn add(&mut self, run: Run, is_crash: impl Fn(u8, CallExit) -> bool) {
        self.machine_runs += 2 + run.others.len() as u64;
        let conclusive = |cpu: u8, end| {
            // A crash is an outcome as well, and so is going to sleep: no memory was lacking.
            matches!(end, CallExit::Returned | CallExit::Sleeps { .. }) || is_crash(cpu, end)
        };
        let ends =
            [run.writer.end, run.walker.end].into_iter().chain(run.others.iter().map(|other| other.end));
        let open = (0_u8..).zip(ends).find(|(cpu, end)| !conclusive(*cpu, *end));
        self.note(open.map(|(_, end)| Incomplete::Call { schedule: run.schedule.clone(), end }));
        self.schedules += &run.schedules;
        self.runs.push(run);
    }

    /// Notes why the exploration is incomplete. The first reason is kept.
    pub(crate) fn note(&mut self, incomplete: Option<Incomplete>) {
        if let Some(incomplete) = incomplete {
            self.incomplete.get_or_insert(incomplete);
        }
    }
}
