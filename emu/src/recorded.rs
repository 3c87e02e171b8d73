//! Exploration over recorded behaviour.
//!
//! Machine code runs once for each distinct sequence of values that a routine reads. Schedules are enumerated over
//! these records. Each distinct behaviour is then run, for its trace and to check the record.

use std::ops::Range;
use std::time::Instant;

use pmdscope_arches::ByteOrder;
use pmdscope_engine::EngineError;
use pmdscope_explore::{
    Behaviour, Continuation, Cpus, Deadlock, EnumerationResult, Fingerprint, Forest, LimitHit, Limits,
    MaskedStore, NextAccess, Schedule, Segment, Span, Word, behaviours, excluded_at,
};
use rustc_hash::FxHashMap;

use crate::EmuError;
use crate::context::MachineContext;
use crate::end::CallResult;
use crate::exploration::{Bounds, Exploration, Incomplete, Run, WRITER};
use crate::stage::{self, Baseline, ReplayedPrefix, Stage};
use crate::trace::{Access, Action};
use crate::vcpu::UnknownRead;

/// The routines of a stage, as the enumeration sees them: CPU 0 is the writer, 1 the walker.
///
/// To record a routine, its machine code is run from the beginning with given values for its reads of watched
/// memory, up to the read after them.
pub struct Routines<'a, S> {
    stage: &'a mut S,
    /// The words that were accessed so far; the first is the entry.
    words: Vec<WatchedWord>,
    /// Where each of them is in `words`, by address.
    known: FxHashMap<u64, Word>,
    /// What is waited for.
    context: MachineContext,
}

/// A word of watched memory.
struct WatchedWord {
    address: u64,
    order: ByteOrder,
    /// Its value before a run.
    initially: u64,
}

impl WatchedWord {
    fn at(stage: &impl Stage, address: u64) -> Result<Self, EmuError> {
        Ok(WatchedWord { address, order: stage.order_at(address)?, initially: stage.initially(address)? })
    }
}

#[expect(private_bounds, reason = "what can be explored is for this crate to say")]
impl<'a, S: Stage> Routines<'a, S> {
    /// Returns the routines of a stage, in a context.
    ///
    /// # Errors
    /// [`EmuError::NotWatched`] if the stage's entry is not watched.
    pub fn new(stage: &'a mut S, context: MachineContext) -> Result<Self, EmuError> {
        let entry = WatchedWord::at(stage, stage.entry_address())?;
        let known = FxHashMap::from_iter([(entry.address, 0)]);
        Ok(Routines { stage, words: vec![entry], known, context })
    }
}

/// Runs every behaviour of a stage.
///
/// # Errors
/// [`EmuError::NotWatched`] with the first word that routines turn out to share, if the stage can watch such words.
pub(crate) fn explore(
    stage: &mut impl Stage,
    alone: &Baseline,
    bounds: &Bounds,
    deadline: Option<Instant>,
    exploration: &mut Exploration,
) -> Result<(), EmuError> {
    let most = usize::try_from(bounds.behaviours).unwrap_or(usize::MAX);
    let mut forest = Forest::new(Routines::new(stage, bounds.context)?)?;
    let (found, switches) = enumerate(&mut forest, most, deadline)?;
    let EnumerationResult { behaviours, stopped, stuck, .. } = found;
    exploration.note(stopped.map(|stopped| match stopped {
        LimitHit::States | LimitHit::Runs => Incomplete::Behaviours(bounds.behaviours),
        LimitHit::Deadline => Incomplete::Time(bounds.time),
    }));
    exploration.machine_runs += forest.runs();
    for behaviour in behaviours {
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            exploration.note(Some(Incomplete::Time(bounds.time)));
            break;
        }
        let run = as_recorded(&mut forest, alone, behaviour)?;
        let stage = &forest.cpus().stage;
        exploration.add(run, |cpu, end| stage.is_crash(cpu, end));
        exploration.note(stage.shared());
    }
    // Noted last: another routine may wait for a lock because the one that held it failed.
    let Routines { words, .. } = forest.cpus();
    exploration.note(stuck.map(|Deadlock { schedule, word }| Incomplete::Deadlock {
        schedule: Schedule(schedule),
        address: words[word].address,
    }));
    // Whatever else is open leaves more open than this.
    exploration.note(switches.map(Incomplete::Switches));
    Ok(())
}

/// Enumerates every behaviour. If there are too many, enumerates those of schedules with few switches between CPUs, as
/// many as the limits allow, and returns their number as well.
///
/// The limits are numbers of states and runs, so that the result does not depend on the machine.
fn enumerate<S: Stage>(
    forest: &mut Forest<Routines<'_, S>>,
    most: usize,
    deadline: Option<Instant>,
) -> Result<(EnumerationResult<CallResult>, Option<u32>), EmuError> {
    // A state is a few hundred bytes; this many take less than half a gigabyte.
    let all = Limits { behaviours: most, states: 400_000, runs: 20_000, switches: None, deadline };
    let mut found = behaviours(forest, &all)?;
    let mut complete = None;
    if !matches!(found.stopped, Some(LimitHit::States | LimitHit::Runs)) {
        return Ok((found, complete));
    }
    // Few, since there is one enumeration for each number of switches.
    let few = Limits { behaviours: most.min(1_000), states: 100_000, runs: 5_000, ..all };
    for switches in 1.. {
        let with_few = behaviours(forest, &Limits { switches: Some(switches), ..few })?;
        match with_few.stopped {
            None => {}
            Some(LimitHit::Deadline) => return Ok((with_few, None)),
            Some(LimitHit::States | LimitHit::Runs) => break,
        }
        let left_out = with_few.left_out;
        // With many CPUs, few switches are not enough for any of them to end.
        if with_few.behaviours.is_empty() && left_out {
            continue;
        }
        found = with_few;
        complete = left_out.then_some(switches);
        if !left_out {
            break;
        }
    }
    Ok((found, complete))
}

/// Runs a behaviour's schedule, and checks its accesses and results.
///
/// # Errors
/// [`EmuError::NotAsRecorded`] if an access or a result differs from the record.
fn as_recorded<S: Stage>(
    forest: &mut Forest<Routines<'_, S>>,
    alone: &Baseline,
    behaviour: Behaviour<CallResult>,
) -> Result<Run, EmuError> {
    let recorded = forest.accesses(&behaviour.schedule)?;
    let Routines { stage, words, context, .. } = forest.cpus();
    let (mut run, turns) = stage::run(*stage, alone, &behaviour.schedule, WRITER)
        .map_err(|error| error.not_repeated(&behaviour.schedule))?;
    let differs = |what: String| EmuError::NotAsRecorded {
        schedule: Schedule(behaviour.schedule.clone()).to_string(),
        what,
    };
    if turns.len() != behaviour.schedule.len() {
        return Err(differs(format!("it made {} accesses", turns.len())));
    }
    let made = run.events.iter().filter_map(|event| match &event.what {
        Action::Access(access) => Some((event, access)),
        _ => None,
    });
    let mut count = 0;
    for (n, (event, access)) in made.enumerate() {
        count += 1;
        let is = (event.cpu, event.pc, access.address & !7, access.before, access.after);
        let was = recorded
            .get(n)
            .map(|known| (known.cpu, known.pc, words[known.word].address, known.before, known.after));
        if was != Some(is) {
            return Err(differs(format!("access {} was {was:x?} and is {is:x?}", n + 1)));
        }
    }
    if count != recorded.len() {
        return Err(differs(format!("{} accesses were recorded, {count} made", recorded.len())));
    }
    let ends: Vec<CallResult> =
        [run.writer, run.walker].into_iter().chain(run.others.iter().copied()).collect();
    if ends != behaviour.ends {
        return Err(differs(format!("the outcome was {ends:x?} instead of {:x?}", behaviour.ends)));
    }
    // One that is shown is possible, if any is.
    let spans: Vec<_> = run.spans(*context).collect();
    run.excluded_at = excluded_at(ends.len(), &spans).map(|(at, _)| at);
    if run.excluded_at.is_some() != (behaviour.excluded == behaviour.schedules) {
        let is = if run.excluded_at.is_some() { "excluded" } else { "possible" };
        return Err(differs(format!("it is {is}")));
    }
    run.schedules = behaviour.schedules;
    run.excluded = behaviour.excluded;
    run.excluded_by = behaviour.excluded_by;
    Ok(run)
}

#[expect(private_bounds, reason = "as above")]
impl<S: Stage> Routines<'_, S> {
    fn word(&mut self, access: &Access) -> Result<Word, EmuError> {
        if bytes_in_word(access).is_none() {
            return Err(EmuError::NotOneEntry { address: access.address, size: access.size });
        }
        let address = access.address & !7;
        if let Some(known) = self.known.get(&address) {
            return Ok(*known);
        }
        self.words.push(WatchedWord::at(self.stage, address)?);
        self.known.insert(address, self.words.len() - 1);
        Ok(self.words.len() - 1)
    }

    /// Returns what an access stored in a word: a mask of the bytes that it covers, and their values.
    fn written(&self, word: Word, access: &Access) -> Result<MaskedStore, EmuError> {
        let not_one = EmuError::NotOneEntry { address: access.address, size: access.size };
        let mut mask = [0; 8];
        mask[bytes_in_word(access).ok_or(not_one)?].fill(0xff);
        let mask = self.words[word].order.decode(mask);
        Ok(MaskedStore { mask, value: access.after & mask })
    }
}

impl<S: Stage> Cpus for Routines<'_, S> {
    type End = CallResult;
    type Error = EmuError;

    fn count(&self) -> usize {
        usize::from(self.stage.cpus())
    }

    fn initially(&self, word: Word) -> u64 {
        self.words[word].initially
    }

    fn follow(
        &mut self,
        cpu: usize,
        read: &[u64],
        memory: &[u64],
    ) -> Result<Continuation<CallResult>, EmuError> {
        let number = u8::try_from(cpu).unwrap_or(u8::MAX);
        let of_word = |(at, word): (usize, &WatchedWord)| {
            (word.address, memory.get(at).copied().unwrap_or(word.initially))
        };
        let memory = self.words.iter().enumerate().map(of_word).collect();
        let ReplayedPrefix { before, accesses, ended, reads } = self.stage.follow(number, read, memory)?;
        // From here on the record is wrong: a routine may even wait for ever for what another would store.
        if self.stage.watches_shared()
            && let Some(Incomplete::Shared { address }) = self.stage.shared()
        {
            return Err(EmuError::NotWatched { address });
        }
        let mut accesses = accesses.into_iter().filter_map(|event| match event.what {
            Action::Access(access) => Some((event.pc, access)),
            _ => None,
        });
        let mut reads = reads.into_iter();
        let (mut next_read, mut made) = (reads.next(), before);
        let mut segment = Begun::default();
        let mut segments: Vec<(u64, Segment<CallResult>)> = Vec::new();
        // The value of the read that the segment at hand follows.
        let mut value = read.last().copied().unwrap_or(0);
        for (pc, access) in accesses.by_ref() {
            let word = self.word(&access)?;
            if access.loads {
                made += 1;
                if made > read.len() {
                    let Some(UnknownRead { state, identity }) = next_read else { break };
                    next_read = reads.next();
                    segment.code.push(pc);
                    segment.spans.push(self.context.of(access.span));
                    segments.push((value, segment.end(NextAccess::Read(word), state, identity)));
                    segment = Begun::default();
                    value = access.before;
                    if next_read.is_none() && ended.is_none() {
                        // It was stopped here: the access is still to be made.
                        break;
                    }
                }
            }
            if made < read.len() || access.store_pc.is_none() {
                continue;
            }
            let written = self.written(word, &access)?;
            if access.loads {
                segment.stored = Some(written);
            } else {
                segment.stores.push((word, written));
                segment.code.push(pc);
                segment.spans.push(self.context.of(access.span));
            }
        }
        if let Some(ended) = ended {
            segments.push((value, segment.end(NextAccess::End(ended), None, None)));
        }
        let mut segments = segments.into_iter();
        match segments.next() {
            Some((_, segment)) => Ok(Continuation { segment, further: segments.collect() }),
            None => Err(EmuError::engine("stop at a read", EngineError::Stopped)),
        }
    }
}

/// A segment whose end is not known yet.
#[derive(Default)]
struct Begun {
    stored: Option<MaskedStore>,
    stores: Vec<(Word, MaskedStore)>,
    code: Vec<u64>,
    spans: Vec<Span>,
}

impl Begun {
    fn end<E>(
        self,
        then: NextAccess<E>,
        state: Option<Fingerprint>,
        identity: Option<Fingerprint>,
    ) -> Segment<E> {
        let Begun { stored, stores, code, spans } = self;
        Segment { stored, stores, then, code, spans, state, identity }
    }
}

/// Returns the bytes of its word that an access covers; `None` if it is not confined to one word.
fn bytes_in_word(access: &Access) -> Option<Range<usize>> {
    let start = usize::try_from(access.address & 7).ok()?;
    let end = start.checked_add(access.size).filter(|end| (start + 1..=8).contains(end))?;
    Some(start..end)
}
