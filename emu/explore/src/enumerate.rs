//! Every schedule of several CPUs, enumerated over their trees.
//!
//! A state consists of the place of each CPU in its tree and the contents of shared memory. A place in a tree
//! records all values that a CPU has read, or for all of them that still matter to it, so two orders that lead to
//! the same state have the same future: they are joined, and counted. Two loads commute, and so do accesses to different words; this needs no rule of its
//! own, since both orders lead to one state.
//!
//! A CPU may reach a read in the state of an earlier read, without having stored anything in between. As long as
//! it reads the same values, it will repeat these reads for ever. So it waits: it is not scheduled again until one
//! of the words changes that it read since the earlier read. The schedules left out differ from the ones
//! enumerated only in how often the CPU looks. A loop that counts its turns is never twice in one state.

use std::collections::hash_map::Entry;
use std::rc::Rc;
use std::time::Instant;

use num_bigint::BigUint;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::sections::{Sections, Span, TimingId, Timings};
use crate::tree::{Cpus, Forest, Node, NodeId, Read, Word};

/// The common outcome of all schedules that lead to one final state. They agree in how each CPU ended, in the final
/// contents of memory, and in the values of reads, apart from those that led to reads with one
/// [identity](crate::Segment::identity).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour<E> {
    /// How each CPU ended.
    pub ends: Vec<E>,
    /// Contents of memory at the end, by word.
    pub memory: Vec<u64>,
    /// Number of schedules with this behaviour.
    pub schedules: BigUint,
    /// Number of those of them that are [excluded](crate::Span).
    pub excluded: BigUint,
    /// The sections that exclude them: those that each would have had to wait for first.
    pub excluded_by: Sections,
    /// A schedule with the fewest switches between CPUs, of those that are not excluded if there are any. Among several,
    /// one that lets the first CPU move early.
    pub schedule: Vec<u8>,
}

/// The bounds of an enumeration.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most behaviours to find.
    pub behaviours: usize,
    /// The most states to keep, of all depths together. Each is kept to the end.
    pub states: usize,
    /// The most runs of CPUs to fill trees with.
    pub runs: u64,
    /// The most switches between CPUs in a schedule. Schedules with more are left out: see
    /// [`EnumerationResult::left_out`].
    pub switches: Option<u32>,
    /// The time at which to stop.
    pub deadline: Option<Instant>,
}

impl Limits {
    /// No limits.
    pub const NONE: Limits =
        Limits { behaviours: usize::MAX, states: usize::MAX, runs: u64::MAX, switches: None, deadline: None };
}

/// The result of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumerationResult<E> {
    /// The behaviours found. Each is exact, but some are missing if the enumeration was stopped.
    pub behaviours: Vec<Behaviour<E>>,
    /// The limit that stopped the enumeration, if any.
    pub stopped: Option<LimitHit>,
    /// Whether schedules were left out, since they have more switches than the limit.
    pub left_out: bool,
    /// A deadlock, if a schedule leads to one.
    pub stuck: Option<Deadlock>,
}

/// A deadlock: no CPU can go on, and not all have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// A schedule that leads to the deadlock, with the fewest switches between CPUs.
    pub schedule: Vec<u8>,
    /// A word that a CPU waits for.
    pub word: Word,
}

/// The limit that stopped an enumeration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitHit {
    /// There are more behaviours or states than the limit, or the contents of memory or the trees take too much space.
    States,
    /// The CPUs were run as often as the limit allows.
    Runs,
    /// The deadline passed.
    Deadline,
}

/// Where each CPU is. Most explorations have few CPUs.
type Places = SmallVec<[NodeId; 4]>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    at: Places,
    memory: MemoryId,
    timing: TimingId,
    /// How it was reached, where switches are limited. If not, any way will do.
    turn: Option<Turn>,
}

/// The CPU that moved last, and the number of switches so far.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Turn {
    last: u8,
    switches: u32,
}

/// The index of some contents of memory in [`Memories`].
type MemoryId = u32;

/// All contents that shared memory had in any state. Each is kept once: most states differ only in the place of a
/// CPU, and loads change nothing.
#[derive(Default)]
struct Memories {
    known: FxHashMap<Rc<[u64]>, MemoryId>,
    all: Vec<Rc<[u64]>>,
    /// The number of words of all contents together.
    words: usize,
}

/// The most words of contents to keep: half a gigabyte.
const MOST_WORDS: usize = 1 << 26;

/// The most nodes of trees to keep: a gigabyte.
const MOST_NODES: usize = 1 << 23;

impl Memories {
    fn id(&mut self, memory: &[u64]) -> MemoryId {
        if let Some(known) = self.known.get(memory) {
            return *known;
        }
        let kept: Rc<[u64]> = memory.into();
        let id = MemoryId::try_from(self.all.len()).expect("2^32 memories do not fit into memory");
        self.words += kept.len();
        self.all.push(Rc::clone(&kept));
        self.known.insert(kept, id);
        id
    }

    fn get(&self, id: MemoryId) -> &Rc<[u64]> {
        &self.all[id as usize]
    }
}

/// The way to a state with the fewest switches, among those in which a given CPU moved last.
#[derive(Debug, Clone, Copy)]
struct Reached {
    switches: u32,
    /// The index of the state before, in the layer before, and the CPU that had moved last there.
    from: Option<(usize, u8)>,
}

/// All states that are the same number of accesses away from the beginning.
#[derive(Default)]
struct Layer {
    states: Vec<State>,
    known: FxHashMap<State, usize>,
    schedules: Vec<BigUint>,
    /// The best way to each state, for each CPU that may have moved last: one after the other.
    reached: Vec<Option<Reached>>,
}

impl Layer {
    fn place(&mut self, state: State, cpus: usize) -> usize {
        if let Some(known) = self.known.get(&state) {
            return *known;
        }
        let at = self.states.len();
        self.known.insert(state.clone(), at);
        self.states.push(state);
        self.schedules.push(BigUint::ZERO);
        self.reached.resize(self.reached.len() + cpus, None);
        at
    }

    /// Returns the best ways to a state, for each CPU that may have moved last.
    fn ways_to(&self, at: usize) -> &[Option<Reached>] {
        let cpus = self.states[at].at.len();
        &self.reached[at * cpus..][..cpus]
    }
}

/// Enumerates every behaviour of the CPUs, with the exact number of its schedules.
///
/// Behaviours are in the order in which a search finds them that lets earlier CPUs go first.
///
/// # Errors
/// If a CPU cannot be run.
pub fn behaviours<C: Cpus>(
    forest: &mut Forest<C>,
    limits: &Limits,
) -> Result<EnumerationResult<C::End>, C::Error> {
    let cpus = forest.roots().len();
    let mut first = Layer::default();
    let mut memories = Memories::default();
    let (mut timings, timing) = Timings::new(forest.begun());
    let begin = State { at: forest.roots().into(), memory: memories.id(&[]), timing, turn: None };
    let at = first.place(begin, cpus);
    first.schedules[at] = BigUint::from(1_u8);
    let mut layers = vec![first];
    let mut states: usize = 1;
    let mut found = Vec::new();
    let (mut stopped, mut stuck, mut left_out) = (None, None, false);
    let mut memory = Vec::new();
    let most_runs = forest.runs().saturating_add(limits.runs);
    'layers: loop {
        let depth = layers.len() - 1;
        let mut next = Layer::default();
        for at in 0..layers[depth].states.len() {
            let layer = &layers[depth];
            let (mut over, mut waits) = (true, None);
            for cpu in 0..cpus {
                let from = &layer.states[at];
                let mut turn = None;
                if let Some(most) = limits.switches {
                    let last = u8::try_from(cpu).unwrap_or(u8::MAX);
                    let before = from.turn.map_or(0, |turn| turn.switches);
                    let switches = before + u32::from(from.turn.is_some_and(|turn| turn.last != last));
                    turn = Some(Turn { last, switches });
                    if switches > most {
                        // Only one that could move is left out.
                        if !matches!(forest.node(from.at[cpu]), Node::End(_)) {
                            (over, left_out) = (false, true);
                        }
                        continue;
                    }
                }
                memory.clear();
                memory.extend_from_slice(memories.get(from.memory));
                let mut place = from.at[cpu];
                let span = match step(forest, cpu, &mut place, &mut memory)? {
                    Step::Made(span) => span,
                    Step::Over => continue,
                    Step::Waits(word) => {
                        waits = waits.or(Some(word));
                        continue;
                    }
                };
                over = false;
                let timing = timings.moved(from.timing, cpu, span);
                let mut state = State { at: from.at.clone(), memory: from.memory, timing, turn };
                state.at[cpu] = place;
                if memory[..] != memories.get(state.memory)[..] {
                    state.memory = memories.id(&memory);
                }
                let reached = moved(layer, at, cpu, depth == 0);
                let to = next.place(state, cpus);
                next.schedules[to] += &layer.schedules[at];
                let best = &mut next.reached[to * cpus + cpu];
                if best.is_none_or(|best| reached.switches < best.switches) {
                    *best = Some(reached);
                }
            }
            match waits.filter(|_| over) {
                None if over => found.push((depth, at)),
                None => {}
                Some(word) => stuck = stuck.or(Some((depth, at, word))),
            }
            // All schedules that lead to a state of this layer are known, so the behaviours found are exact.
            let much = states + next.states.len() > limits.states
                || memories.words > MOST_WORDS
                || forest.len() > MOST_NODES;
            if much || found.len() > limits.behaviours {
                stopped = Some(LimitHit::States);
            } else if forest.runs() > most_runs {
                stopped = Some(LimitHit::Runs);
            } else if at % STATES_BETWEEN_CLOCKS == 0 && late(limits) {
                stopped = Some(LimitHit::Deadline);
            }
            if stopped.is_some() {
                found.truncate(limits.behaviours);
                break 'layers;
            }
        }
        if next.states.is_empty() {
            break;
        }
        states += next.states.len();
        // The layer is complete: states of other depths never equal one of this layer.
        next.known = FxHashMap::default();
        layers.push(next);
    }
    let ends = |state: &State| {
        let end = |at: &NodeId| match forest.node(*at) {
            Node::End(end) => Some(end.clone()),
            Node::Read(_) | Node::Store { .. } => None,
        };
        state.at.iter().filter_map(end).collect()
    };
    let mut behaviours = Vec::new();
    let mut same = FxHashMap::default();
    for (depth, at) in found {
        // Long schedules to many behaviours take their time as well.
        if late(limits) {
            stopped = Some(LimitHit::Deadline);
            break;
        }
        let state = &layers[depth].states[at];
        let (schedules, schedule) =
            (layers[depth].schedules[at].clone(), fewest_switches(&layers, depth, at));
        let excluded_by = timings.excluded_by(state.timing);
        let excluded = if excluded_by.is_empty() { BigUint::ZERO } else { schedules.clone() };
        // Final states that differ in the way to them are one: in their switches where these are limited, and in whether
        // it is excluded.
        match same.entry((state.at.clone(), state.memory, depth)) {
            Entry::Vacant(new) => {
                new.insert(behaviours.len());
                let memory = memories.get(state.memory).to_vec();
                behaviours.push(Behaviour {
                    ends: ends(state),
                    memory,
                    schedules,
                    excluded,
                    excluded_by,
                    schedule,
                });
            }
            Entry::Occupied(known) => {
                let known: &mut Behaviour<C::End> = &mut behaviours[*known.get()];
                let rank = |is_excluded: bool, schedule: &[u8]| (is_excluded, switches_of(schedule));
                let known_is_excluded = known.excluded == known.schedules;
                if rank(!excluded_by.is_empty(), &schedule) < rank(known_is_excluded, &known.schedule) {
                    known.schedule = schedule;
                }
                known.schedules += schedules;
                known.excluded += excluded;
                known.excluded_by = known.excluded_by.or(excluded_by);
            }
        }
    }
    let stuck =
        stuck.map(|(depth, at, word)| Deadlock { schedule: fewest_switches(&layers, depth, at), word });
    Ok(EnumerationResult { behaviours, stopped, left_out, stuck })
}

/// Number of states of a layer between two looks at the clock, which takes as long as some states.
const STATES_BETWEEN_CLOCKS: usize = 64;

/// Returns the number of switches between CPUs in a schedule.
fn switches_of(schedule: &[u8]) -> usize {
    schedule.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

fn late(limits: &Limits) -> bool {
    limits.deadline.is_some_and(|deadline| Instant::now() > deadline)
}

/// A recorded access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// The CPU that made the access.
    pub cpu: u8,
    /// The address of its instruction; 0 if [`Segment::code`](crate::Segment::code) does not give it.
    pub pc: u64,
    /// The accessed word.
    pub word: Word,
    /// Value of the word before the access.
    pub before: u64,
    /// Value of the word after the access.
    pub after: u64,
}

impl<C: Cpus> Forest<C> {
    /// Returns the accesses of a schedule, in order. They end early if the schedule names a CPU that has ended,
    /// that waits, or that does not exist.
    ///
    /// # Errors
    /// If a CPU cannot be run.
    pub fn accesses(&mut self, schedule: &[u8]) -> Result<Vec<Recorded>, C::Error> {
        let mut at = self.roots().to_vec();
        let mut memory = Vec::new();
        let mut accesses = Vec::new();
        for cpu in schedule {
            let Some(at) = at.get_mut(usize::from(*cpu)) else { break };
            let (Node::Read(Read { word, pc, .. }) | Node::Store { word, pc, .. }) = *self.node(*at) else {
                break;
            };
            let before = held(self, &mut memory, word);
            let Step::Made(_) = step(self, usize::from(*cpu), at, &mut memory)? else { break };
            accesses.push(Recorded { cpu: *cpu, pc, word, before, after: memory[word] });
        }
        Ok(accesses)
    }
}

/// Returns the best way to the state that follows if `cpu` moves. `first` is true in the initial state.
fn moved(layer: &Layer, at: usize, cpu: usize, first: bool) -> Reached {
    let mover = u8::try_from(cpu).unwrap_or(u8::MAX);
    if first {
        return Reached { switches: 0, from: None };
    }
    let candidates = layer.ways_to(at).iter().zip(0_u8..).filter_map(|(reached, last)| {
        let switches = (*reached)?.switches + u32::from(last != mover);
        Some(Reached { switches, from: Some((at, last)) })
    });
    candidates.min_by_key(|reached| reached.switches).unwrap_or(Reached { switches: 0, from: None })
}

fn fewest_switches(layers: &[Layer], depth: usize, at: usize) -> Vec<u8> {
    let reached = layers[depth].ways_to(at).iter().zip(0_u8..);
    let last = reached.filter_map(|(reached, cpu)| Some(((*reached)?.switches, cpu))).min();
    let mut place = last.map(|(_, cpu)| (at, cpu));
    let mut schedule = Vec::with_capacity(depth);
    let mut depth = depth;
    while let Some((at, cpu)) = place {
        schedule.push(cpu);
        place = layers[depth].ways_to(at)[usize::from(cpu)].and_then(|reached| reached.from);
        depth -= 1;
    }
    schedule.reverse();
    schedule
}

/// The result of letting a CPU make its next access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is on its way to the next.
    Made(Span),
    /// The CPU has ended.
    Over,
    /// The CPU waits for this word, or another, to change. Until then it would read the same values as before, and
    /// return to the same place in the same state. Schedules that include such rounds differ from those without
    /// only in how often the CPU looks.
    Waits(Word),
}

/// Lets a CPU make its next access, unless it waits.
#[inline]
fn step<C: Cpus>(
    forest: &mut Forest<C>,
    cpu: usize,
    at: &mut NodeId,
    memory: &mut Vec<u64>,
) -> Result<Step, C::Error> {
    Ok(match *forest.node(*at) {
        Node::End(_) => Step::Over,
        Node::Store { word, written, next, span, .. } => {
            let held = held(forest, memory, word);
            memory[word] = written.over(held);
            *at = next;
            Step::Made(span)
        }
        Node::Read(Read { word, ref waits_while, .. }) => {
            // All of these words are in memory, since the CPU has read them.
            if !waits_while.is_empty()
                && waits_while.iter().all(|(word, value)| memory.get(*word) == Some(value))
            {
                return Ok(Step::Waits(waits_while[0].0));
            }
            let held = held(forest, memory, word);
            let child = forest.after_read(cpu, *at, held, memory)?;
            if let Some(written) = child.stored {
                memory[word] = written.over(held);
            }
            *at = child.next;
            Step::Made(child.span)
        }
    })
}

/// Returns the value of a word. Words join a memory when they are first used.
#[inline]
fn held<C: Cpus>(forest: &Forest<C>, memory: &mut Vec<u64>, word: Word) -> u64 {
    while memory.len() <= word {
        memory.push(forest.initially(memory.len()));
    }
    memory[word]
}

/// Visits every schedule one by one, without joining any. The first CPU goes first wherever it can.
///
/// `visit` receives the schedule and the final contents of memory, and returns whether to go on. It is not called
/// for schedules in which CPUs wait for ever.
///
/// # Errors
/// If a CPU cannot be run.
pub fn each_schedule<C: Cpus>(
    forest: &mut Forest<C>,
    mut visit: impl FnMut(&[u8], &[u64]) -> bool,
) -> Result<(), C::Error> {
    let mut at = forest.roots().to_vec();
    let (mut memory, mut schedule) = (Vec::new(), Vec::new());
    descend(forest, &mut at, &mut memory, &mut schedule, &mut visit).map(|_| ())
}

fn descend<C: Cpus>(
    forest: &mut Forest<C>,
    at: &mut [NodeId],
    memory: &mut Vec<u64>,
    schedule: &mut Vec<u8>,
    visit: &mut impl FnMut(&[u8], &[u64]) -> bool,
) -> Result<bool, C::Error> {
    let (mut over, mut waits) = (true, false);
    for cpu in 0..at.len() {
        let before = at[cpu];
        let word = match forest.node(before) {
            Node::End(_) => continue,
            Node::Store { word, .. } | Node::Read(Read { word, .. }) => *word,
        };
        let held = held(forest, memory, word);
        let Step::Made(_) = step(forest, cpu, &mut at[cpu], memory)? else {
            waits = true;
            continue;
        };
        over = false;
        schedule.push(u8::try_from(cpu).unwrap_or(u8::MAX));
        let go_on = descend(forest, at, memory, schedule, visit)?;
        schedule.pop();
        memory[word] = held;
        at[cpu] = before;
        if !go_on {
            return Ok(false);
        }
    }
    Ok(!over || waits || visit(schedule, memory))
}
