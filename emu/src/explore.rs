//! Every interleaving of routines' accesses to the page table.
//!
//! What a vCPU does between two accesses is its own, so nothing is lost by switching only before an
//! access. There are two ways to all schedules. By default they are enumerated over recorded
//! behaviour (`recorded.rs`), and machine code runs once for each distinct behaviour. Without
//! reduction each schedule is run anew from the same memory: its first steps repeat an earlier run,
//! then it takes the next turn that was not taken there.

use std::fmt;
use std::time::{Duration, Instant};

use num_bigint::BigUint;
use pmdscope_guest::abi::Env;

use crate::EmuError;
use crate::end::{CallBounds, End};
use crate::machine::{Ended, Finished, Machine, WALKER, WRITER};
use crate::schedule::{Schedule, letters};
use crate::trace::Event;
use crate::vcpu::Call;

/// What is run: a writer against a walker on one entry, and perhaps others with them.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The entry that both begin with.
    pub entry: u64,
    /// The guest's symbol of the writer.
    pub writer: &'a str,
    /// The guest's symbol of the walker.
    pub walker: &'a str,
    /// The guest's symbols of further routines, each on a vCPU of its own.
    pub others: &'a [&'a str],
    /// What the guest is told of its kernel.
    pub env: Env,
    /// Base-2 logarithm of what one entry maps: it places the address that is walked.
    pub pmd_shift: u8,
    /// A page whose struct page, and those around it, must exist.
    pub pfn: u64,
}

/// How much an exploration may do. One that reaches a bound is not complete.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// What each call of a routine may do.
    pub call: CallBounds,
    /// Schedules, where each is run.
    pub schedules: u64,
    /// Behaviours, where schedules that come to the same are joined.
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

/// Whether schedules that come to the same are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// They are joined and counted, and one of each behaviour is run.
    #[default]
    Joined,
    /// Each is run.
    None,
}

/// Where the walker's machine code left the path it takes on the untouched entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Divergence {
    /// The first instruction that it ran and would not have run; `None` if it returned there.
    pub pc: Option<u64>,
    /// The instruction that it would have run instead; `None` if it would have returned.
    pub instead_of: Option<u64>,
}

/// One schedule, run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The order of accesses.
    pub schedule: Schedule,
    /// How many schedules it stands for.
    pub schedules: BigUint,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// What came of the writer.
    pub writer: Ended,
    /// What came of the walker.
    pub walker: Ended,
    /// What came of the others.
    pub others: Vec<Ended>,
    /// The entry in the end.
    pub after: u64,
    /// Where the walker took another path than on the untouched entry.
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
    /// The walker alone on the untouched entry.
    pub alone: Ended,
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
    /// A routine did not come to an end of its own.
    Call {
        /// Under which schedule.
        schedule: Schedule,
        /// How it ended.
        end: End,
    },
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
            Incomplete::Call { schedule, end } if schedule.0.is_empty() => {
                write!(f, "before any access a routine {end}")
            }
            Incomplete::Call { schedule, end } => write!(f, "under schedule {schedule} a routine {end}"),
        }
    }
}

/// What stood to choice at one step of a run, and what was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    chosen: u8,
    /// The vCPUs that waited, the chosen one among them.
    waiting: Vec<u8>,
}

/// A job that a machine was prepared for: what is the same in all its runs.
pub struct Plan<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) call: CallBounds,
    /// The function of each vCPU.
    pub(crate) functions: Vec<u64>,
    /// The walker's path on the untouched entry.
    path_alone: Vec<u64>,
}

impl Machine {
    /// Runs a job under every schedule.
    ///
    /// # Errors
    /// If the guest lacks a routine, or does not repeat itself.
    pub fn explore(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        reduction: Reduction,
    ) -> Result<Exploration, EmuError> {
        let deadline = Instant::now().checked_add(bounds.time);
        let (plan, mut exploration) = self.prepare(job, bounds)?;
        match reduction {
            Reduction::Joined => self.explore_recorded(&plan, bounds, deadline, &mut exploration)?,
            Reduction::None => self.explore_each(&plan, bounds, deadline, &mut exploration)?,
        }
        Ok(exploration)
    }

    /// Runs a job under one schedule.
    ///
    /// # Errors
    /// If the guest lacks a routine, or the schedule does not fit the routines: then which turn, and
    /// what was possible there.
    pub fn explore_one(
        &mut self,
        job: &Job<'_>,
        bounds: &Bounds,
        schedule: &Schedule,
    ) -> Result<Exploration, EmuError> {
        let (plan, mut exploration) = self.prepare(job, bounds)?;
        let (run, turns) = self.run(&plan, &schedule.0)?;
        if turns.len() > schedule.0.len() {
            let waiting = turns.get(schedule.0.len()).map_or(Vec::new(), |turn| turn.waiting.clone());
            return Err(EmuError::ScheduleEnds { after: schedule.0.len(), possible: letters(&waiting) });
        }
        exploration.add(run);
        exploration.note(Some(Incomplete::OneSchedule));
        Ok(exploration)
    }

    /// Prepares the machine for a job: its vCPUs and struct pages exist, and the walker has walked the
    /// untouched entry.
    ///
    /// # Errors
    /// If the guest lacks a routine.
    pub fn prepare<'a>(
        &mut self,
        job: &'a Job<'a>,
        bounds: &Bounds,
    ) -> Result<(Plan<'a>, Exploration), EmuError> {
        let symbols = [job.writer, job.walker].into_iter().chain(job.others.iter().copied());
        let functions = symbols.map(|symbol| self.guest().function(symbol)).collect::<Result<Vec<_>, _>>()?;
        self.provide_cpus(functions.len())?;
        self.provide_pages(job.pfn)?;
        let mut plan = Plan { job, call: bounds.call, functions, path_alone: Vec::new() };
        let alone = self.walk_alone(&plan)?;
        plan.path_alone = alone.path;
        let exploration = Exploration {
            runs: Vec::new(),
            schedules: BigUint::ZERO,
            alone: Ended { end: alone.end, outcome: alone.outcome },
            machine_runs: 1,
            incomplete: None,
        };
        Ok((plan, exploration))
    }

    /// Runs every schedule, each anew.
    fn explore_each(
        &mut self,
        plan: &Plan<'_>,
        bounds: &Bounds,
        deadline: Option<Instant>,
        exploration: &mut Exploration,
    ) -> Result<(), EmuError> {
        let mut prefix: Vec<u8> = Vec::new();
        loop {
            let (run, turns) = self.run(plan, &prefix).map_err(|error| error.not_repeated(&prefix))?;
            exploration.add(run);
            exploration.note(self.shared());

            // The next schedule leaves this one at the last turn where a later vCPU waited in vain.
            let next = |turn: &Turn| turn.waiting.iter().copied().find(|cpu| *cpu > turn.chosen);
            let Some(last) = turns.iter().rposition(|turn| next(turn).is_some()) else { return Ok(()) };
            prefix.clear();
            prefix.extend(turns[..last].iter().map(|turn| turn.chosen));
            prefix.extend(next(&turns[last]));

            if exploration.runs.len() as u64 >= bounds.schedules {
                exploration.note(Some(Incomplete::Schedules(bounds.schedules)));
                return Ok(());
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                exploration.note(Some(Incomplete::Time(bounds.time)));
                return Ok(());
            }
        }
    }

    /// Memory beside the watched table that routines used together in the last run.
    pub(crate) fn shared(&self) -> Option<Incomplete> {
        self.conflict().map(|address| Incomplete::Shared { address })
    }

    /// Runs the walker alone on the untouched entry.
    fn walk_alone(&mut self, plan: &Plan<'_>) -> Result<Finished, EmuError> {
        self.reset(plan.job.entry, &plan.job.env)?;
        let mut call =
            self.begin(WALKER, plan.functions[usize::from(WALKER)], address(plan.job), plan.call)?;
        while call.waits() {
            self.resume(WALKER, &mut call);
        }
        self.finish(WALKER, call)
    }

    /// Runs one schedule: `prefix` first, then the first vCPU that waits.
    pub(crate) fn run(&mut self, plan: &Plan<'_>, prefix: &[u8]) -> Result<(Run, Vec<Turn>), EmuError> {
        self.reset(plan.job.entry, &plan.job.env)?;
        let mut calls: Vec<(u8, Call)> = Vec::new();
        for (cpu, function) in (0_u8..).zip(&plan.functions) {
            calls.push((cpu, self.begin(cpu, *function, address(plan.job), plan.call)?));
        }
        let mut turns: Vec<Turn> = Vec::new();
        let mut misfit = None;
        loop {
            let waiting: Vec<u8> =
                calls.iter().filter(|(_, call)| call.waits()).map(|(cpu, _)| *cpu).collect();
            let wanted = prefix.get(turns.len()).copied();
            let Some(chosen) = wanted.or_else(|| waiting.first().copied()) else { break };
            let Some((_, call)) = calls.iter_mut().find(|(cpu, call)| *cpu == chosen && call.waits()) else {
                misfit = Some(EmuError::ScheduleMisfit {
                    turn: turns.len() + 1,
                    wanted: letters(&[chosen]),
                    possible: letters(&waiting),
                });
                break;
            };
            self.resume(chosen, call);
            turns.push(Turn { chosen, waiting });
        }

        let after = self.entry();
        let references = self.references();
        let mut ended = Vec::new();
        let mut path = Vec::new();
        for (cpu, call) in calls {
            let finished = self.finish(cpu, call)?;
            ended.push(Ended { end: finished.end, outcome: finished.outcome });
            if cpu == WALKER {
                path = finished.path;
            }
        }
        let events = self.take_events();
        if let Some(misfit) = misfit {
            return Err(misfit);
        }
        let mut ended = ended.into_iter();
        let mut next = || ended.next().unwrap_or(Ended { end: End::Returned, outcome: None });
        let run = Run {
            schedule: Schedule(turns.iter().map(|turn| turn.chosen).collect()),
            schedules: BigUint::from(1_u8),
            divergence: divergence(&plan.path_alone, &path),
            events,
            writer: next(),
            walker: next(),
            others: ended.collect(),
            after,
            references,
        };
        Ok((run, turns))
    }
}

impl Exploration {
    /// Adds a run, and notes if it leaves something open.
    pub(crate) fn add(&mut self, run: Run) {
        self.machine_runs += 2 + run.others.len() as u64;
        // A walker that goes where nothing is has come to something: a kernel would crash there.
        let conclusive =
            |cpu: u8, end| end == End::Returned || cpu != WRITER && matches!(end, End::Fault { .. });
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

/// The address that is walked: one that the entry maps.
pub(crate) fn address(job: &Job<'_>) -> u64 {
    crate::memory::ENTRY_INDEX << job.pmd_shift
}

fn divergence(alone: &[u64], path: &[u64]) -> Option<Divergence> {
    let same = path.iter().zip(alone).take_while(|(here, there)| here == there).count();
    let (pc, instead_of) = (path.get(same).copied(), alone.get(same).copied());
    (pc != instead_of).then_some(Divergence { pc, instead_of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_that_differs_is_named() {
        let diverges = |pc, instead_of| Some(Divergence { pc, instead_of });
        assert_eq!(divergence(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(divergence(&[1, 2, 3], &[1, 2, 4]), diverges(Some(4), Some(3)));
        assert_eq!(divergence(&[1], &[1, 5]), diverges(Some(5), None));
        assert_eq!(divergence(&[1, 2], &[1]), diverges(None, Some(2)));
    }
}
