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
use pmdscope_arches::ByteOrder;
use pmdscope_explore::{Schedule, letters};

use crate::EmuError;
use crate::end::{CallBounds, End, Ended, Finished, Followed};
use crate::recorded;
use crate::trace::Event;
use crate::vcpu::Call;

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
    /// Each is run. A routine that waits for another, for a lock for example, is then run as often as it looks, which has
    /// no end but the bounds.
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
    /// Under some schedule every CPU that has not ended waits for memory to change, and none will change it.
    Deadlock {
        /// Under which schedule.
        schedule: Schedule,
        /// A word that is waited for.
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

impl Incomplete {
    /// Whether time was over, so that another machine might have come further.
    pub fn is_of_time(&self) -> bool {
        matches!(self, Incomplete::Time(_) | Incomplete::Call { end: End::TimeBound, .. })
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

/// What stood to choice at one step of a run, and what was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    chosen: u8,
    /// The vCPUs that waited, the chosen one among them.
    waiting: Vec<u8>,
}

/// CPUs that have a routine each, and memory that can be put back: what is explored. CPU 0 is the
/// writer, CPU 1 the walker.
pub(crate) trait Stage {
    /// How many CPUs there are.
    fn cpus(&self) -> u8;
    /// Puts all memory back to what it is before a run.
    fn reset(&mut self) -> Result<(), EmuError>;
    /// Begins a CPU's routine; it runs up to its first access to watched memory.
    fn begin(&mut self, cpu: u8) -> Result<Call, EmuError>;
    /// Lets it make the access it waits for, and run up to the next or to its end.
    fn resume(&mut self, cpu: u8, call: &mut Call) -> Result<(), EmuError>;
    /// Ends it, and gives what came of it.
    fn finish(&mut self, cpu: u8, call: Call) -> Result<Finished, EmuError>;
    /// Runs a CPU's routine alone up to the read after as many as there are `values`, with these values
    /// for its reads of watched memory. What it stores there is not put back.
    fn follow(&mut self, cpu: u8, values: &[u64]) -> Result<Followed, EmuError>;
    /// The address of the entry.
    fn entry_address(&self) -> u64;
    /// What a word of watched memory holds before a run, in its own byte order.
    fn initially(&self, address: u64) -> Result<u64, EmuError>;
    /// The byte order of a word of watched memory.
    fn order_at(&self, address: u64) -> Result<ByteOrder, EmuError>;
    /// The entry as it is now, in CPU order.
    fn entry(&self) -> Result<u64, EmuError>;
    /// The events since the last time.
    fn take_events(&mut self) -> Result<Vec<Event>, EmuError>;
    /// Pages whose references are not what they were, and how many they have.
    fn references(&self) -> Result<Vec<(u64, u64)>, EmuError>;
    /// The walker has run alone on the original entry: what it does later is held against that.
    fn keep_baseline(&mut self) {}
    /// Memory that is not watched which CPUs used together.
    fn shared(&self) -> Option<Incomplete>;
    /// Whether such memory will be watched, and all explored again. Until then, what is recorded of CPUs alone is
    /// not what they do together, and is not run.
    fn watches_shared(&self) -> bool {
        false
    }
    /// Whether a walker that goes where nothing is has come to something: all that a kernel has in memory
    /// is there, so that it would crash. Else what is there may be what was not set up.
    fn crashes_are_outcomes(&self) -> bool {
        true
    }
}

/// What an exploration begins with: the walker has walked the untouched entry.
pub(crate) struct Alone {
    ended: Ended,
    path: Vec<u64>,
}

impl Alone {
    /// Runs the walker alone.
    pub(crate) fn run(stage: &mut impl Stage) -> Result<Alone, EmuError> {
        stage.reset()?;
        let mut call = stage.begin(WALKER)?;
        while call.waits() {
            stage.resume(WALKER, &mut call)?;
        }
        stage.keep_baseline();
        stage.take_events()?;
        let Finished { end, outcome, path } = stage.finish(WALKER, call)?;
        Ok(Alone { ended: Ended { end, outcome }, path })
    }
}

/// Runs a stage under every schedule.
pub(crate) fn explore(
    stage: &mut impl Stage,
    bounds: &Bounds,
    reduction: Reduction,
) -> Result<Exploration, EmuError> {
    let deadline = Instant::now().checked_add(bounds.time);
    let alone = Alone::run(stage)?;
    let mut exploration = Exploration::new(&alone);
    match reduction {
        Reduction::Joined => recorded::explore(stage, &alone, bounds, deadline, &mut exploration)?,
        Reduction::None => explore_each(stage, &alone, bounds, deadline, &mut exploration)?,
    }
    Ok(exploration)
}

/// Runs a stage under one schedule.
pub(crate) fn explore_one(stage: &mut impl Stage, schedule: &Schedule) -> Result<Exploration, EmuError> {
    let alone = Alone::run(stage)?;
    let mut exploration = Exploration::new(&alone);
    let (run, turns) = run(stage, &alone, &schedule.0)?;
    if turns.len() > schedule.0.len() {
        let waiting = turns.get(schedule.0.len()).map_or(Vec::new(), |turn| turn.waiting.clone());
        return Err(EmuError::ScheduleEnds { after: schedule.0.len(), possible: letters(&waiting) });
    }
    exploration.add(run, stage.crashes_are_outcomes());
    exploration.note(Some(Incomplete::OneSchedule));
    Ok(exploration)
}

/// Runs the one CPU of a stage alone: the writer.
pub(crate) fn explore_alone(stage: &mut impl Stage) -> Result<Exploration, EmuError> {
    let nobody = Ended { end: End::Returned, outcome: None };
    let alone = Alone { ended: nobody, path: Vec::new() };
    let mut exploration = Exploration { alone: nobody, ..Exploration::nothing() };
    let (run, _) = run(stage, &alone, &[])?;
    exploration.add(run, stage.crashes_are_outcomes());
    exploration.machine_runs = 1;
    Ok(exploration)
}

/// Runs every schedule, each anew.
fn explore_each(
    stage: &mut impl Stage,
    alone: &Alone,
    bounds: &Bounds,
    deadline: Option<Instant>,
    exploration: &mut Exploration,
) -> Result<(), EmuError> {
    let mut prefix: Vec<u8> = Vec::new();
    loop {
        let (run, turns) = run(stage, alone, &prefix).map_err(|error| error.not_repeated(&prefix))?;
        exploration.add(run, stage.crashes_are_outcomes());
        exploration.note(stage.shared());

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

/// Runs one schedule: `prefix` first, then the first vCPU that waits.
pub(crate) fn run(
    stage: &mut impl Stage,
    alone: &Alone,
    prefix: &[u8],
) -> Result<(Run, Vec<Turn>), EmuError> {
    stage.reset()?;
    let mut calls: Vec<(u8, Call)> = Vec::new();
    for cpu in 0..stage.cpus() {
        calls.push((cpu, stage.begin(cpu)?));
    }
    let mut turns: Vec<Turn> = Vec::new();
    let mut misfit = None;
    loop {
        let waiting: Vec<u8> = calls.iter().filter(|(_, call)| call.waits()).map(|(cpu, _)| *cpu).collect();
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
        stage.resume(chosen, call)?;
        turns.push(Turn { chosen, waiting });
    }

    let after = stage.entry()?;
    let references = stage.references()?;
    let mut ended = Vec::new();
    let mut path = Vec::new();
    for (cpu, call) in calls {
        let finished = stage.finish(cpu, call)?;
        ended.push(Ended { end: finished.end, outcome: finished.outcome });
        if cpu == WALKER {
            path = finished.path;
        }
    }
    let events = stage.take_events()?;
    if let Some(misfit) = misfit {
        return Err(misfit);
    }
    let mut ended = ended.into_iter();
    // A stage has no walker where its writer runs alone.
    let mut next = || ended.next().unwrap_or(Ended { end: End::Returned, outcome: None });
    let run = Run {
        schedule: Schedule(turns.iter().map(|turn| turn.chosen).collect()),
        schedules: BigUint::from(1_u8),
        divergence: divergence(&alone.path, &path),
        events,
        writer: next(),
        walker: next(),
        others: ended.collect(),
        after,
        references,
    };
    Ok((run, turns))
}

impl Exploration {
    fn new(alone: &Alone) -> Self {
        Exploration { alone: alone.ended, machine_runs: 1, ..Exploration::nothing() }
    }

    /// One of nothing: no schedule, no run.
    pub fn nothing() -> Self {
        Exploration {
            runs: Vec::new(),
            schedules: BigUint::ZERO,
            alone: Ended { end: End::TimeBound, outcome: None },
            machine_runs: 0,
            incomplete: None,
        }
    }

    /// Adds a run, and notes if it leaves something open.
    pub(crate) fn add(&mut self, run: Run, crashes_are_outcomes: bool) {
        self.machine_runs += 2 + run.others.len() as u64;
        let conclusive = |cpu: u8, end| {
            end == End::Returned || crashes_are_outcomes && cpu != WRITER && matches!(end, End::Fault { .. })
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
