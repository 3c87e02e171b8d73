//! Stages, on which schedules are run, and the run of one schedule.

use num_bigint::BigUint;
use pmdscope_arches::ByteOrder;
use pmdscope_explore::{Schedule, Sections, letters};

use crate::EmuError;
use crate::end::{CallExit, CallResult, CompletedCall};
use crate::exploration::{Divergence, Incomplete, Run, WALKER};
use crate::trace::Event;
use crate::vcpu::{Call, UnknownRead};

/// The CPUs that could run at one step, and the one that was chosen.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) chosen: u8,
    /// The vCPUs that could run, the chosen one among them.
    pub(crate) waiting: Vec<u8>,
}

/// A routine that was followed up to a read, or to its end.
pub(crate) struct ReplayedPrefix {
    /// Number of reads of watched memory whose events are left out, with all events before the next: it went on from
    /// there.
    pub(crate) before: usize,
    /// Its events. If it was stopped at a read, they include that read. Accesses after that read do not count.
    pub(crate) accesses: Vec<Event>,
    /// The result, if the routine has ended. If not, it was stopped at the last of `reads`.
    pub(crate) ended: Option<CallResult>,
    /// The reads after those for which it was given values.
    pub(crate) reads: Vec<UnknownRead>,
}

/// What is explored: CPUs that have a routine each, and memory that can be restored. CPU 0 is the writer, CPU 1 the
/// walker.
pub(crate) trait Stage {
    /// Returns the number of CPUs.
    fn cpus(&self) -> u8;
    /// Restores all memory to its state before a run.
    fn reset(&mut self) -> Result<(), EmuError>;
    /// Begins a CPU's routine, and runs it up to its first access to watched memory.
    fn begin(&mut self, cpu: u8) -> Result<Call, EmuError>;
    /// Lets a CPU make the access it waits for, and runs it up to the next or to its end.
    fn resume(&mut self, cpu: u8, call: &mut Call) -> Result<(), EmuError>;
    /// Ends a CPU's call, and returns how it ended, its outcome and its path.
    fn finish(&mut self, cpu: u8, call: Call) -> Result<CompletedCall, EmuError>;
    /// Runs a CPU's routine alone, with `values` for its first reads of watched memory, up to the read after them, or
    /// further: with what words hold when the last of these reads is made.
    ///
    /// What it stores there is not undone.
    fn follow(
        &mut self,
        cpu: u8,
        values: &[u64],
        memory: Vec<(u64, u64)>,
    ) -> Result<ReplayedPrefix, EmuError>;
    /// Returns the address of the entry, as in events.
    fn entry_address(&self) -> u64;
    /// Returns the value of a watched word before a run, decoded in the word's own byte order.
    fn initially(&self, address: u64) -> Result<u64, EmuError>;
    /// Returns the byte order of a watched word.
    fn order_at(&self, address: u64) -> Result<ByteOrder, EmuError>;
    /// Returns the current entry, in CPU order.
    fn entry(&self) -> Result<u64, EmuError>;
    /// Takes the events since they were last taken.
    fn take_events(&mut self) -> Result<Vec<Event>, EmuError>;
    /// Returns the pages whose number of references changed, with the new number.
    fn references(&self) -> Result<Vec<(u64, u64)>, EmuError>;
    /// Keeps what the walker did alone on the original entry: later runs are compared with it.
    fn keep_baseline(&mut self) {}
    /// Returns the words that are not watched although one CPU wrote and another used them.
    fn conflicts(&self) -> Vec<u64>;
    /// Returns [`Incomplete::Shared`] if there is such a word.
    fn shared(&self) -> Option<Incomplete> {
        self.conflicts().first().map(|address| Incomplete::Shared { address: *address })
    }
    /// Whether such memory can be watched, and everything explored again: an exploration then ends at the first such
    /// word.
    fn watches_shared(&self) -> bool {
        false
    }
    /// Whether a routine crashed that ended so. If not, memory may just lack its setup.
    fn is_crash(&self, cpu: u8, end: CallExit) -> bool {
        end.is_crash_of(cpu)
    }
}

/// The baseline run that an exploration begins with: the walker alone on the original entry.
pub(crate) struct Baseline {
    pub(crate) ended: CallResult,
    pub(crate) path: Vec<u64>,
}

impl Baseline {
    /// Runs the walker of a stage alone.
    pub(crate) fn run(stage: &mut impl Stage) -> Result<Baseline, EmuError> {
        stage.reset()?;
        let call = run_to_end(stage, WALKER)?;
        stage.keep_baseline();
        stage.take_events()?;
        let CompletedCall { end, outcome, path } = stage.finish(WALKER, call)?;
        Ok(Baseline { ended: CallResult { end, outcome }, path })
    }
}

/// Runs the routine of a CPU to its end, while the others wait.
pub(crate) fn run_to_end(stage: &mut impl Stage, cpu: u8) -> Result<Call, EmuError> {
    let mut call = stage.begin(cpu)?;
    while call.waits() {
        stage.resume(cpu, &mut call)?;
    }
    Ok(call)
}

/// Runs one schedule: the turns of `prefix` first, then `first` as long as it waits, then always the first vCPU that
/// does.
pub(crate) fn run(
    stage: &mut impl Stage,
    alone: &Baseline,
    prefix: &[u8],
    first: u8,
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
        let preferred = || waiting.contains(&first).then_some(first).or(waiting.first().copied());
        let Some(chosen) = wanted.or_else(preferred) else { break };
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
        ended.push(CallResult { end: finished.end, outcome: finished.outcome });
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
    let mut next = || ended.next().unwrap_or(CallResult { end: CallExit::Returned, outcome: None });
    let run = Run {
        schedule: Schedule(turns.iter().map(|turn| turn.chosen).collect()),
        schedules: BigUint::from(1_u8),
        excluded: BigUint::ZERO,
        excluded_by: Sections::NONE,
        excluded_at: None,
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
