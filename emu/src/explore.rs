//! Every interleaving of a writer's and a walker's accesses to the page table.
//!
//! Each schedule is run anew from the same memory: its first steps repeat an earlier run, then it
//! takes the next turn that was not taken there. What a vCPU does between two accesses is its own,
//! so nothing is lost by switching only before an access.

use std::fmt;
use std::time::{Duration, Instant};

use pmdscope_guest::abi::{Env, Outcome};

use crate::EmuError;
use crate::machine::{Finished, Machine, WALKER, WRITER};
use crate::trace::Event;
use crate::vcpu::{Call, CallBounds, End};

/// What is run: a writer against a walker on one entry.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The entry that both begin with.
    pub entry: u64,
    /// The guest's symbol of the writer.
    pub writer: &'a str,
    /// The guest's symbol of the walker.
    pub walker: &'a str,
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
    /// Schedules.
    pub schedules: u64,
    /// Time over all schedules.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { call: CallBounds::default(), schedules: 100_000, time: Duration::from_secs(60) }
    }
}

/// The order in which the vCPUs made their accesses: written as `W3 K2 W1`, three accesses of the
/// writer, two of the walker, one of the writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Schedule(pub Vec<u8>);

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, turn) in self.0.chunk_by(|a, b| a == b).enumerate() {
            let name = if turn[0] == WRITER { 'W' } else { 'K' };
            write!(f, "{}{name}{}", if n == 0 { "" } else { " " }, turn.len())?;
        }
        Ok(())
    }
}

/// Where the walker's machine code left the path it takes on the untouched entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Divergence {
    /// The first instruction that it ran and would not have run; `None` if it returned there.
    pub pc: Option<u64>,
    /// The instruction that it would have run instead; `None` if it would have returned.
    pub instead_of: Option<u64>,
}

/// What came of one routine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ended {
    /// How the call ended.
    pub end: End,
    /// What it came to, if it returned.
    pub outcome: Option<Outcome>,
}

/// One schedule, run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The order of accesses.
    pub schedule: Schedule,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// What came of the writer.
    pub writer: Ended,
    /// What came of the walker.
    pub walker: Ended,
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
    /// Each schedule, in the order in which they were enumerated: the writer first.
    pub runs: Vec<Run>,
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
#[derive(Debug, Clone, Copy)]
struct Turn {
    chosen: u8,
    other_waits: bool,
}

impl Machine {
    /// Runs a job under every schedule.
    ///
    /// # Errors
    /// If the guest lacks the writer or the walker, or does not repeat itself.
    pub fn explore(&mut self, job: &Job<'_>, bounds: &Bounds) -> Result<Exploration, EmuError> {
        let deadline = Instant::now().checked_add(bounds.time);
        let writer = self.guest().function(job.writer)?;
        let walker = self.guest().function(job.walker)?;
        self.provide_pages(job.pfn)?;

        let alone = self.walk_alone(walker, job, bounds.call)?;
        let mut exploration = Exploration {
            runs: Vec::new(),
            alone: Ended { end: alone.end, outcome: alone.outcome },
            machine_runs: 1,
            incomplete: None,
        };
        let mut prefix: Vec<u8> = Vec::new();
        loop {
            let (run, turns) = self.run(writer, walker, job, bounds.call, &prefix, &alone.path)?;
            exploration.machine_runs += 2;
            // A walker that goes where nothing is has come to something: a kernel would crash there.
            let inconclusive = [
                (run.writer.end, run.writer.end != End::Returned),
                (run.walker.end, !matches!(run.walker.end, End::Returned | End::Fault { .. })),
            ];
            for (end, _) in inconclusive.into_iter().filter(|(_, inconclusive)| *inconclusive) {
                let schedule = run.schedule.clone();
                exploration.incomplete.get_or_insert(Incomplete::Call { schedule, end });
            }
            if let Some(address) = self.conflict() {
                exploration.incomplete.get_or_insert(Incomplete::Shared { address });
            }
            exploration.runs.push(run);

            // The next schedule leaves this one at the last turn where the walker waited in vain.
            let Some(last) = turns.iter().rposition(|turn| turn.chosen == WRITER && turn.other_waits) else {
                return Ok(exploration);
            };
            prefix.clear();
            prefix.extend(turns[..last].iter().map(|turn| turn.chosen));
            prefix.push(WALKER);

            if exploration.runs.len() as u64 >= bounds.schedules {
                exploration.incomplete = Some(Incomplete::Schedules(bounds.schedules));
                return Ok(exploration);
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                exploration.incomplete = Some(Incomplete::Time(bounds.time));
                return Ok(exploration);
            }
        }
    }

    /// Runs the walker alone on the untouched entry.
    fn walk_alone(&mut self, walker: u64, job: &Job<'_>, bounds: CallBounds) -> Result<Finished, EmuError> {
        self.reset(job.entry, &job.env)?;
        let mut call = self.begin(WALKER, walker, address(job), bounds)?;
        while call.waits() {
            self.resume(WALKER, &mut call);
        }
        self.finish(WALKER, call)
    }

    /// Runs one schedule: `prefix` first, then the writer whenever it waits.
    fn run(
        &mut self,
        writer: u64,
        walker: u64,
        job: &Job<'_>,
        bounds: CallBounds,
        prefix: &[u8],
        path_alone: &[u64],
    ) -> Result<(Run, Vec<Turn>), EmuError> {
        self.reset(job.entry, &job.env)?;
        let mut calls = [
            self.begin(WRITER, writer, address(job), bounds)?,
            self.begin(WALKER, walker, address(job), bounds)?,
        ];
        let mut turns: Vec<Turn> = Vec::new();
        let mut repeats = true;
        while let Some(default) = first_waiting(&calls) {
            let chosen = prefix.get(turns.len()).copied().unwrap_or(default);
            if !calls[usize::from(chosen)].waits() {
                repeats = false;
                break;
            }
            let other_waits = calls[usize::from(1 - chosen)].waits();
            self.resume(chosen, &mut calls[usize::from(chosen)]);
            turns.push(Turn { chosen, other_waits });
        }
        let schedule = Schedule(turns.iter().map(|turn| turn.chosen).collect());

        let after = self.entry();
        let references = self.references();
        let [writer_call, walker_call] = calls;
        let writer = self.finish(WRITER, writer_call)?;
        let walker = self.finish(WALKER, walker_call)?;
        let events = self.take_events();
        if !repeats || turns.len() < prefix.len() {
            return Err(EmuError::NotRepeatable {
                schedule: Schedule(prefix.to_vec()).to_string(),
                what: format!("only {schedule} was possible"),
            });
        }
        let run = Run {
            divergence: divergence(path_alone, &walker.path),
            schedule,
            events,
            writer: Ended { end: writer.end, outcome: writer.outcome },
            walker: Ended { end: walker.end, outcome: walker.outcome },
            after,
            references,
        };
        Ok((run, turns))
    }
}

/// The address that is walked: one that the entry maps.
fn address(job: &Job<'_>) -> u64 {
    crate::memory::ENTRY_INDEX << job.pmd_shift
}

fn first_waiting(calls: &[Call; 2]) -> Option<u8> {
    [WRITER, WALKER].into_iter().find(|cpu| calls[usize::from(*cpu)].waits())
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
    fn schedules_are_written_as_turns() {
        assert_eq!(Schedule(vec![0, 0, 0, 1, 1, 0]).to_string(), "W3 K2 W1");
        assert_eq!(Schedule(Vec::new()).to_string(), "");
    }

    #[test]
    fn the_first_block_that_differs_is_named() {
        let diverges = |pc, instead_of| Some(Divergence { pc, instead_of });
        assert_eq!(divergence(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(divergence(&[1, 2, 3], &[1, 2, 4]), diverges(Some(4), Some(3)));
        assert_eq!(divergence(&[1], &[1, 5]), diverges(Some(5), None));
        assert_eq!(divergence(&[1, 2], &[1]), diverges(None, Some(2)));
    }
}
