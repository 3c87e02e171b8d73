//! What an exploration may do, and what it found.

use std::fmt;
use std::time::Duration;

use num_bigint::BigUint;
use pmdscope_explore::Schedule;

use crate::end::{CallBounds, CallExit, CallResult};
use crate::trace::Event;

/// The vCPU that runs the writer.
pub const WRITER: u8 = 0;
/// The vCPU that runs the walker.
pub const WALKER: u8 = 1;

/// How much an exploration may do. One that reaches a bound is not complete.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// What each call of a routine may do.
    pub call: CallBounds,
    /// Schedules, where each is run.
    pub schedules: u64,
    /// Behaviours, where equivalent schedules are joined.
    pub behaviours: u64,
    /// Time over all schedules.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            call: CallBounds::default(),
            schedules: 100_000,
            behaviours: 10_000,
            time: Duration::from_secs(60),
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
    /// A routine that waits for another, say for a lock, is then run as often as it looks, which only the bounds end.
    None,
}

/// Where the walker's machine code left the path of its baseline run, on the original entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Divergence {
    /// The first instruction that it ran and would not have run; `None` if it returned there.
    pub pc: Option<u64>,
    /// The instruction that it would have run instead; `None` if it would have returned.
    pub instead_of: Option<u64>,
}

/// The run of one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The order of accesses.
    pub schedule: Schedule,
    /// How many equivalent schedules there are, this one included.
    pub schedules: BigUint,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// The outcome of the writer.
    pub writer: CallResult,
    /// The outcome of the walker.
    pub walker: CallResult,
    /// The outcomes of the routines on further CPUs.
    pub others: Vec<CallResult>,
    /// The entry in the end.
    pub after: u64,
    /// Where the walker took another path than in its baseline run.
    pub divergence: Option<Divergence>,
    /// Pages whose references are not what they were, and how many they have.
    pub references: Vec<(u64, u64)>,
}

/// All schedules of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exploration {
    /// Each behaviour, or without reduction each schedule, in the order in which they were found: the
    /// writer goes first.
    pub runs: Vec<Run>,
    /// How many schedules there are; if the exploration is incomplete, how many were accounted for.
    pub schedules: BigUint,
    /// The baseline run: the walker alone on the original entry.
    pub alone: CallResult,
    /// How often machine code was run.
    pub machine_runs: u64,
    /// Why not every schedule was run to its end; `None` if every one was.
    pub incomplete: Option<Incomplete>,
}

/// Why an exploration says nothing of some schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// As many schedules were run as the bounds allow, and there are more.
    Schedules(u64),
    /// There are more behaviours, or more to keep of them, than the bounds allow.
    Behaviours(u64),
    /// Only the schedule that was asked for was run.
    OneSchedule,
    /// The time was over, and there are more schedules.
    Time(Duration),
    /// Both routines use memory that is not watched, and one writes to it.
    Shared {
        /// The word.
        address: u64,
    },
    /// Under some schedule every CPU that has not ended waits for memory to change, and none will change it.
    Deadlock {
        /// Under which schedule.
        schedule: Schedule,
        /// A word that is waited for.
        address: u64,
    },
    /// A routine did not end by itself.
    Call {
        /// Under which schedule.
        schedule: Schedule,
        /// How it ended.
        end: CallExit,
    },
}

impl Incomplete {
    /// Whether time was over, so that another machine might have come further.
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
    /// An exploration before its first schedule, after a baseline run with this outcome.
    pub(crate) fn after(alone: CallResult) -> Self {
        Exploration { alone, machine_runs: 1, ..Exploration::nothing() }
    }

    /// One of nothing: no schedule, no run.
    pub fn nothing() -> Self {
        Exploration {
            runs: Vec::new(),
            schedules: BigUint::ZERO,
            alone: CallResult { end: CallExit::TimeBound, outcome: None },
            machine_runs: 0,
            incomplete: None,
        }
    }

    /// Adds a run, and notes if it leaves something open.
    pub(crate) fn add(&mut self, run: Run, crashes_are_outcomes: bool) {
        self.machine_runs += 2 + run.others.len() as u64;
        let conclusive = |cpu: u8, end| {
            end == CallExit::Returned
                || crashes_are_outcomes && cpu != WRITER && matches!(end, CallExit::Fault { .. })
        };
        let ends =
            [run.writer.end, run.walker.end].into_iter().chain(run.others.iter().map(|other| other.end));
        let open = (0_u8..).zip(ends).find(|(cpu, end)| !conclusive(*cpu, *end));
        self.note(open.map(|(_, end)| Incomplete::Call { schedule: run.schedule.clone(), end }));
        self.schedules += &run.schedules;
        self.runs.push(run);
    }

    /// Notes why it is incomplete; what comes first is kept.
    pub(crate) fn note(&mut self, incomplete: Option<Incomplete>) {
        if let Some(incomplete) = incomplete {
            self.incomplete.get_or_insert(incomplete);
        }
    }
}
