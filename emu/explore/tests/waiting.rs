//! CPUs that wait for memory to change: the schedules left out lose no outcome, and every deadlock is found.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;

use fastrand::Rng;
use num_bigint::BigUint;
use pmdscope_explore::{
    Continuation, Cpus, Deadlock, EnumerationResult, Fingerprint, Forest, LimitHit, Limits, MaskedStore,
    NextAccess, Segment, Word, behaviours, each_schedule,
};

/// The seed of all random programs: they are the same on every machine and every day.
const SEED: u64 = 0x706d_6473_636f_7065;

const REGISTERS: usize = 3;
const WORDS: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Instruction {
    Load {
        word: Word,
        to: usize,
    },
    Store {
        word: Word,
        value: u64,
    },
    /// Stores, and loads the old value.
    Swap {
        word: Word,
        value: u64,
        to: usize,
    },
    /// Counts a register up to 2, and then from 0 again.
    Count {
        register: usize,
    },
    JumpUnless {
        register: usize,
        is: u64,
        to: usize,
    },
    JumpIf {
        register: usize,
        is: u64,
        to: usize,
    },
}

use Instruction::{Count, JumpIf, JumpUnless, Load, Store, Swap};

/// A CPU between two accesses: its next instruction is an access, or it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Cpu {
    at: usize,
    registers: [u64; REGISTERS],
}

impl Cpu {
    fn new(code: &[Instruction]) -> Cpu {
        let mut cpu = Cpu { at: 0, registers: [0; REGISTERS] };
        cpu.settle(code);
        cpu
    }

    /// Runs to the next access.
    fn settle(&mut self, code: &[Instruction]) {
        loop {
            let next = self.at + 1;
            self.at = match code.get(self.at) {
                Some(Count { register }) => {
                    self.registers[*register] = (self.registers[*register] + 1) % 3;
                    next
                }
                Some(JumpUnless { register, is, to }) if self.registers[*register] != *is => *to,
                Some(JumpIf { register, is, to }) if self.registers[*register] == *is => *to,
                Some(JumpUnless { .. } | JumpIf { .. }) => next,
                _ => return,
            };
        }
    }

    /// Makes an access, given the values that words hold, and returns the word and the value stored there, if any.
    fn access(&mut self, code: &[Instruction], held: impl Fn(Word) -> u64) -> Option<(Word, Option<u64>)> {
        let access = *code.get(self.at)?;
        let made = match access {
            Load { word, to } => {
                self.registers[to] = held(word);
                (word, None)
            }
            Store { word, value } => (word, Some(value)),
            Swap { word, value, to } => {
                self.registers[to] = held(word);
                (word, Some(value))
            }
            Count { .. } | JumpUnless { .. } | JumpIf { .. } => return None,
        };
        self.at += 1;
        self.settle(code);
        Some(made)
    }
}

#[derive(Debug, Clone)]
struct Programs {
    code: Vec<Vec<Instruction>>,
    /// Whether segments give the states of the CPUs.
    tells: bool,
}

impl Cpus for Programs {
    type End = [u64; REGISTERS];
    type Error = Infallible;

    fn count(&self) -> usize {
        self.code.len()
    }

    fn initially(&self, _: Word) -> u64 {
        0
    }

    fn follow(&mut self, cpu: usize, read: &[u64], _: &[u64]) -> Result<Continuation<Self::End>, Infallible> {
        let code = &self.code[cpu];
        let mut cpu = Cpu::new(code);
        let (mut stored, mut stores, mut made) = (None, Vec::new(), 0);
        loop {
            let state = self.tells.then(|| Fingerprint::of(&[&[cpu.at as u64][..], &cpu.registers].concat()));
            match code.get(cpu.at) {
                None => {
                    let then = NextAccess::End(cpu.registers);
                    let (code, state, identity) = (Vec::new(), None, None);
                    return Ok(
                        Segment { stored, stores, then, code, spans: Vec::new(), state, identity }.into()
                    );
                }
                Some(Store { .. }) => {
                    let (word, value) = cpu.access(code, |_| 0).unwrap();
                    if made == read.len() {
                        stores.push((word, MaskedStore::whole(value.unwrap())));
                    }
                }
                Some(Load { word, .. } | Swap { word, .. }) => {
                    let Some(value) = read.get(made) else {
                        let then = NextAccess::Read(*word);
                        let (code, identity) = (Vec::new(), None);
                        return Ok(Segment {
                            stored,
                            stores,
                            then,
                            code,
                            spans: Vec::new(),
                            state,
                            identity,
                        }
                        .into());
                    };
                    made += 1;
                    stored = cpu.access(code, |_| *value).unwrap().1.map(MaskedStore::whole);
                    stores.clear();
                }
                Some(other) => unreachable!("{other:?} is no access"),
            }
        }
    }
}

/// Takes a lock: swaps 1 into a word until the old value is 0.
fn lock(code: &mut Vec<Instruction>, word: Word) {
    let start = code.len();
    code.push(Swap { word, value: 1, to: 0 });
    code.push(JumpUnless { register: 0, is: 0, to: start });
}

/// Reads a word until it holds a value.
fn wait(code: &mut Vec<Instruction>, word: Word, is: u64) {
    let start = code.len();
    code.push(Load { word, to: 0 });
    code.push(JumpUnless { register: 0, is, to: start });
}

/// Reads two words, until the first holds a value.
fn wait_with_two(code: &mut Vec<Instruction>, word: Word, is: u64) {
    let start = code.len();
    code.push(Load { word, to: 0 });
    code.push(Load { word: WORDS - 1 - word, to: 1 });
    code.push(JumpUnless { register: 0, is, to: start });
}

/// Reads a word until it holds a value, but at most twice. The last value read stays in a register.
fn try_twice(code: &mut Vec<Instruction>, word: Word, is: u64) {
    let start = code.len();
    code.push(Load { word, to: 0 });
    code.push(Count { register: 2 });
    code.push(JumpIf { register: 0, is, to: start + 4 });
    code.push(JumpUnless { register: 2, is: 2, to: start });
}

/// Stores 1 to a word as long as it reads 0 there. Its own store ends the loop, unless another CPU undoes it. Each
/// time it reaches its load it is in the same state as at first, but has stored since.
fn keep_set(code: &mut Vec<Instruction>, word: Word) {
    let start = code.len();
    code.push(Load { word, to: 0 });
    code.push(JumpUnless { register: 0, is: 0, to: start + 4 });
    code.push(Store { word, value: 1 });
    code.push(JumpIf { register: 0, is: 0, to: start });
}

/// The same with one access that loads and stores.
fn keep_swapped(code: &mut Vec<Instruction>, word: Word) {
    let start = code.len();
    code.push(Swap { word, value: 1, to: 0 });
    code.push(JumpIf { register: 0, is: 0, to: start });
}

/// Reads a word twice in each round, and ends if the first read returns 1. If the word changes between the two
/// reads, the CPU is again in the same state, and yet the next round differs.
fn look_twice(code: &mut Vec<Instruction>, word: Word) {
    let start = code.len();
    code.push(Load { word, to: 1 });
    code.push(JumpIf { register: 1, is: 1, to: start + 4 });
    code.push(Load { word, to: 1 });
    // This always jumps.
    code.push(JumpUnless { register: 1, is: u64::MAX, to: start });
}

/// Stores to one word, and waits for another CPU to answer in the other.
fn tell_and_wait(code: &mut Vec<Instruction>, word: Word) {
    code.push(Store { word: WORDS - 1 - word, value: 1 });
    let start = code.len();
    code.push(Swap { word, value: 0, to: 0 });
    code.push(JumpIf { register: 0, is: 0, to: start });
}

fn random(rng: &mut Rng) -> Programs {
    let cpus = if rng.u8(0..4) == 0 { 3 } else { 2 };
    let code = (0..cpus).map(|_| {
        let mut code = Vec::new();
        for _ in 0..rng.usize(1..=if cpus == 3 { 2 } else { 4 }) {
            let (word, value) = (rng.usize(0..WORDS), rng.u64(0..2));
            match rng.u8(0..12) {
                0 => wait(&mut code, word, value),
                1 => wait_with_two(&mut code, word, value),
                2 => try_twice(&mut code, word, value),
                3 => lock(&mut code, word),
                8 => keep_set(&mut code, word),
                9 => tell_and_wait(&mut code, word),
                10 => keep_swapped(&mut code, word),
                11 => look_twice(&mut code, word),
                4 => code.push(Load { word, to: rng.usize(0..2) }),
                5 => code.push(Swap { word, value, to: 1 }),
                _ => code.push(Store { word, value }),
            }
        }
        code
    });
    Programs { code: code.collect(), tells: true }
}

/// The state of all CPUs and of memory at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Moment {
    cpus: Vec<Cpu>,
    memory: [u64; WORDS],
}

impl Moment {
    fn next(&self, programs: &Programs, cpu: usize) -> Option<Moment> {
        let mut next = self.clone();
        let (word, stored) = next.cpus[cpu].access(&programs.code[cpu], |word| self.memory[word])?;
        next.memory[word] = stored.unwrap_or(next.memory[word]);
        Some(next)
    }

    /// Whether a CPU that runs alone from here never ends and changes nothing.
    fn turns_round(&self, programs: &Programs, cpu: usize) -> bool {
        let mut seen = HashSet::new();
        let mut moment = self.clone();
        while seen.insert(moment.clone()) {
            match moment.next(programs, cpu) {
                Some(next) if next.memory == self.memory => moment = next,
                _ => return false,
            }
        }
        true
    }
}

/// The final registers of all CPUs, with the final contents of memory.
type Ends = BTreeSet<(Vec<[u64; REGISTERS]>, Vec<u64>)>;

/// Returns every possible end, and whether a moment exists at which all CPUs left to run wait for ever. It visits
/// every moment, and has no notion of waiting.
fn by_every_moment(programs: &Programs) -> (Ends, bool) {
    let cpus: Vec<Cpu> = programs.code.iter().map(|code| Cpu::new(code)).collect();
    let mut left = vec![Moment { cpus, memory: [0; WORDS] }];
    let mut seen: HashSet<Moment> = left.iter().cloned().collect();
    let (mut ends, mut stuck) = (Ends::new(), false);
    while let Some(moment) = left.pop() {
        let going = |cpu: &usize| moment.next(programs, *cpu).is_some();
        let going: Vec<usize> = (0..moment.cpus.len()).filter(going).collect();
        if going.is_empty() {
            let registers = moment.cpus.iter().map(|cpu| cpu.registers).collect();
            ends.insert((registers, moment.memory.to_vec()));
        } else if going.iter().all(|cpu| moment.turns_round(programs, *cpu)) {
            stuck = true;
        }
        for cpu in going {
            let next = moment.next(programs, cpu).unwrap();
            if seen.insert(next.clone()) {
                left.push(next);
            }
        }
    }
    (ends, stuck)
}

const LIMITS: Limits = Limits { behaviours: 100_000, states: 1_000_000, ..Limits::NONE };

fn enumerate(programs: &Programs) -> EnumerationResult<[u64; REGISTERS]> {
    let Ok(mut forest) = Forest::new(programs.clone());
    let Ok(found) = behaviours(&mut forest, &LIMITS);
    found
}

/// Adds the words that a memory lacks because no access touched them.
fn whole(memory: &[u64]) -> Vec<u64> {
    (0..WORDS).map(|word| memory.get(word).copied().unwrap_or(0)).collect()
}

#[test]
fn no_end_is_lost_and_none_is_made_up_by_waiting() {
    let mut rng = Rng::with_seed(SEED);
    let (mut waited, mut stuck_ones, mut counted) = (0, 0, 0);
    for _ in 0..3_000 {
        let programs = random(&mut rng);
        let (ends, stuck) = by_every_moment(&programs);
        let found = enumerate(&programs);
        assert_eq!(found.stopped, None, "{programs:?}");
        let found_ends: Ends =
            found.behaviours.iter().map(|found| (found.ends.clone(), whole(&found.memory))).collect();
        assert_eq!(found_ends, ends, "{programs:?}");
        assert_eq!(found.stuck.is_some(), stuck, "{programs:?}");
        stuck_ones += usize::from(stuck);
        waited += usize::from(!ends.is_empty());

        // Visiting the schedules one by one gives the same number.
        let all: BigUint = found.behaviours.iter().map(|found| &found.schedules).sum();
        if all < BigUint::from(2_000_u32) {
            let Ok(mut forest) = Forest::new(programs.clone());
            let mut each = 0_u32;
            let Ok(()) = each_schedule(&mut forest, |_, memory| {
                each += 1;
                assert!(ends.iter().any(|(_, after)| *after == whole(memory)), "{programs:?}");
                true
            });
            assert_eq!(BigUint::from(each), all, "{programs:?}");
            counted += 1;
        }
    }
    assert!(waited > 1_000 && stuck_ones > 500 && counted > 1_000, "{waited} {stuck_ones} {counted}");
}

#[test]
fn a_cpu_that_has_stored_since_it_was_in_a_state_does_not_wait_in_it() {
    // The second CPU undoes the store, so the first has to repeat it.
    for keep in [keep_set, keep_swapped] {
        let mut keeps = Vec::new();
        keep(&mut keeps, 0);
        let undoes = vec![Store { word: 0, value: 0 }, Load { word: 0, to: 1 }];
        let programs = Programs { code: vec![keeps, undoes], tells: true };
        let found = enumerate(&programs);
        assert_eq!((found.stopped, &found.stuck), (None, &None), "it never waits");
        let ends: BTreeSet<(u64, u64)> =
            found.behaviours.iter().map(|found| (found.ends[1][1], found.memory[0])).collect();
        // The store is undone for good, or set again but not seen, or set again and seen.
        assert_eq!(ends, BTreeSet::from([(0, 0), (0, 1), (1, 1)]));
    }
}

#[test]
fn a_cpu_that_saw_a_word_change_while_it_went_round_goes_round_again() {
    let mut looks = Vec::new();
    look_twice(&mut looks, 0);
    let changes = [1, 0, 1].map(|value| Store { word: 0, value }).to_vec();
    let programs = Programs { code: vec![looks, changes], tells: true };
    let found = enumerate(&programs);
    assert_eq!((found.stopped, &found.stuck), (None, &None), "1 is there in the end, and it sees that");
    let ends: Ends =
        found.behaviours.iter().map(|found| (found.ends.clone(), whole(&found.memory))).collect();
    assert_eq!(ends, by_every_moment(&programs).0);
}

#[test]
fn a_lock_that_is_held_is_looked_at_twice_and_then_waited_for() {
    let mut holder = Vec::new();
    lock(&mut holder, 0);
    holder.extend([Store { word: 1, value: 1 }, Store { word: 1, value: 2 }, Store { word: 0, value: 0 }]);
    let mut other = Vec::new();
    wait(&mut other, 0, 0);
    other.push(Load { word: 1, to: 1 });
    let mut programs = Programs { code: vec![holder, other], tells: true };
    let found = enumerate(&programs);
    assert_eq!((found.stopped, &found.stuck), (None, &None));
    let after: BTreeSet<u64> = found.behaviours.iter().map(|found| found.ends[1][1]).collect();
    assert_eq!(after, BTreeSet::from([0, 1, 2]), "before, between and after");
    let most =
        found.behaviours.iter().map(|found| found.schedule.iter().filter(|cpu| **cpu == 1).count()).max();
    assert_eq!(most, Some(4), "two looks while it is held: the register was another one before the first");

    // A CPU whose state is not known never counts as waiting.
    programs.tells = false;
    let Ok(mut forest) = Forest::new(programs);
    let few = Limits { behaviours: 50, ..LIMITS };
    let Ok(endless) = behaviours(&mut forest, &few);
    assert_eq!(endless.stopped, Some(LimitHit::States));
}

#[test]
fn cpus_that_wait_for_each_other_are_found_with_the_schedule_that_leads_there() {
    let take_both = |first: Word| {
        let mut code = Vec::new();
        lock(&mut code, first);
        lock(&mut code, 1 - first);
        code.extend([Store { word: 0, value: 0 }, Store { word: 1, value: 0 }]);
        code
    };
    let found = enumerate(&Programs { code: vec![take_both(0), take_both(1)], tells: true });
    assert_eq!(found.stopped, None);
    assert!(!found.behaviours.is_empty(), "one after the other they come to an end");
    let Some(Deadlock { schedule, word }) = found.stuck else { panic!("each can have one of the two") };
    assert_eq!(schedule, [0, 1, 1, 1, 0, 0], "each has one, and has looked at the other twice");
    assert_eq!(word, 1);
}

#[test]
fn a_loop_that_counts_comes_to_its_end() {
    let mut code = Vec::new();
    try_twice(&mut code, 0, 1);
    let found = enumerate(&Programs { code: vec![vec![Store { word: 0, value: 1 }], code], tells: true });
    assert_eq!((found.stopped, found.stuck), (None, None));
    let last: BTreeSet<[u64; REGISTERS]> = found.behaviours.iter().map(|found| found.ends[1]).collect();
    assert_eq!(last, BTreeSet::from([[0, 0, 2], [1, 0, 2], [1, 0, 1]]), "gave up, or saw it in time");
}
