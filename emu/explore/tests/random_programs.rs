//! Enumerates small random programs over their trees and by brute force: both find the same behaviours, each in
//! the same number of schedules.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use fastrand::Rng;
use num_bigint::BigUint;
use pmdscope_explore::{
    Behaviour, Continuation, Cpus, EnumerationResult, Fingerprint, Forest, LimitHit, Limits, MaskedStore,
    NextAccess, Sections, Segment, Span, Word, behaviours, each_schedule,
};

/// The seed of all random programs: they are the same on every machine and every day.
const SEED: u64 = 0x706d_6473_636f_7065;

const REGISTERS: usize = 3;
type Registers = [u64; REGISTERS];

/// A value that an instruction uses.
#[derive(Debug, Clone, Copy)]
enum Operand {
    Constant(u64),
    /// A value computed from a register, which holds what was read.
    Mixed(usize, u64),
}

impl Operand {
    fn of(self, registers: &Registers) -> u64 {
        match self {
            Operand::Constant(value) => value,
            Operand::Mixed(register, salt) => registers[register].wrapping_mul(3) ^ salt,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Instruction {
    Load {
        word: Word,
        to: usize,
    },
    Store {
        word: Word,
        mask: u64,
        value: Operand,
    },
    CompareAndSwap {
        word: Word,
        expected: Operand,
        mask: u64,
        new: Operand,
        to: usize,
    },
    FetchOr {
        word: Word,
        bits: Operand,
        to: usize,
    },
    /// Skips some instructions if a register is odd, or if it is even.
    Skip {
        register: usize,
        if_odd: bool,
        count: usize,
    },
}

#[derive(Debug, Clone)]
struct Programs {
    initially: Vec<u64>,
    code: Vec<Vec<Instruction>>,
    /// What each CPU does before each of its instructions, if it makes an access; empty if it is in no section.
    spans: Vec<Vec<Span>>,
    /// Whether reads have identities, and runs go on with guessed values.
    goes_on: bool,
}

impl Programs {
    fn random(rng: &mut Rng) -> Self {
        let words = rng.usize(1..=3);
        let lengths: Vec<usize> = match rng.u8(0..4) {
            0 => vec![rng.usize(0..=3), rng.usize(1..=3), rng.usize(0..=3)],
            _ => vec![rng.usize(0..=5), rng.usize(1..=5)],
        };
        let code = lengths.iter().map(|accesses| random_code(rng, words, *accesses)).collect();
        Programs {
            initially: (0..words).map(|_| rng.u64(0..4)).collect(),
            code,
            spans: Vec::new(),
            goes_on: false,
        }
    }

    /// Makes programs without branches, each a list of accesses to words.
    fn straight(code: Vec<Vec<Instruction>>) -> Self {
        Programs { initially: vec![0; 8], code, spans: Vec::new(), goes_on: false }
    }
}

fn random_code(rng: &mut Rng, words: usize, accesses: usize) -> Vec<Instruction> {
    const MASKS: [u64; 5] = [u64::MAX, 0xff, 1, 2, 0xffff_0000];
    let mut code = Vec::new();
    for _ in 0..accesses {
        if rng.u8(0..3) == 0 {
            code.push(Instruction::Skip {
                register: rng.usize(0..REGISTERS),
                if_odd: rng.bool(),
                count: rng.usize(1..=2),
            });
        }
        let (word, to) = (rng.usize(0..words), rng.usize(0..REGISTERS));
        let mask = MASKS[rng.usize(0..MASKS.len())];
        let operand = |rng: &mut Rng| match rng.bool() {
            // Few values, so that different schedules have the same outcome.
            true => Operand::Constant(rng.u64(0..4) * if rng.bool() { 1 } else { 0x1_0001 }),
            false => Operand::Mixed(rng.usize(0..REGISTERS), rng.u64(0..2)),
        };
        code.push(match rng.u8(0..6) {
            0..2 => Instruction::Load { word, to },
            2..4 => Instruction::Store { word, mask, value: operand(rng) },
            4 => Instruction::CompareAndSwap { word, expected: operand(rng), mask, new: operand(rng), to },
            _ => Instruction::FetchOr { word, bits: operand(rng), to },
        });
    }
    code
}

/// A machine in plain Rust: it computes each answer from its program and the values read.
impl Cpus for Programs {
    type End = Registers;
    type Error = Infallible;

    fn count(&self) -> usize {
        self.code.len()
    }

    fn initially(&self, word: Word) -> u64 {
        self.initially[word]
    }

    fn follow(&mut self, cpu: usize, read: &[u64], _: &[u64]) -> Result<Continuation<Registers>, Infallible> {
        let segment = self.segment(cpu, read);
        let mut ended = matches!(segment.then, NextAccess::End(_));
        let (mut read, mut further) = (read.to_vec(), Vec::new());
        while self.goes_on && !ended && further.len() < 3 {
            let guessed = (read.len() + cpu) as u64 % 4;
            read.push(guessed);
            let segment = self.segment(cpu, &read);
            ended = matches!(segment.then, NextAccess::End(_));
            further.push((guessed, segment));
        }
        Ok(Continuation { segment, further })
    }
}

impl Programs {
    /// Returns what a CPU does before an instruction.
    fn span(&self, cpu: usize, at: usize) -> Span {
        self.spans.get(cpu).and_then(|spans| spans.get(at)).copied().unwrap_or_default()
    }

    fn segment(&self, cpu: usize, read: &[u64]) -> Segment<Registers> {
        let mut registers = Registers::default();
        let mut values = read.iter().copied();
        let mut segment = Segment {
            stored: None,
            stores: Vec::new(),
            then: NextAccess::End(registers),
            code: Vec::new(),
            spans: Vec::new(),
            state: None,
            identity: None,
        };
        let mut at = 0;
        while let Some(instruction) = self.code[cpu].get(at) {
            let span = self.span(cpu, at);
            at += 1;
            let (word, to) = match *instruction {
                Instruction::Skip { register, if_odd, count } => {
                    at += if (registers[register] & 1 == 1) == if_odd { count } else { 0 };
                    continue;
                }
                Instruction::Store { word, mask, value } => {
                    segment.stores.push((word, MaskedStore { mask, value: value.of(&registers) & mask }));
                    segment.spans.push(span);
                    continue;
                }
                Instruction::Load { word, to }
                | Instruction::CompareAndSwap { word, to, .. }
                | Instruction::FetchOr { word, to, .. } => (word, to),
            };
            let Some(value) = values.next() else {
                segment.then = NextAccess::Read(word);
                segment.spans.push(span);
                if self.goes_on {
                    let words = [&[read.len() as u64, at as u64][..], &registers].concat();
                    segment.identity = Some(Fingerprint::of(&words));
                }
                return segment;
            };
            segment.stores.clear();
            segment.spans.clear();
            segment.stored = match *instruction {
                Instruction::CompareAndSwap { expected, mask, new, .. } => (value == expected.of(&registers))
                    .then(|| MaskedStore { mask, value: new.of(&registers) & mask }),
                Instruction::FetchOr { bits, .. } => Some(MaskedStore::whole(value | bits.of(&registers))),
                _ => None,
            };
            registers[to] = value;
        }
        segment.then = NextAccess::End(registers);
        segment
    }
}

/// The result of a schedule, by brute force.
///
/// The interpreter knows nothing of trees, and keeps all state as it goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Came {
    registers: Vec<Registers>,
    memory: Vec<u64>,
    /// What each CPU read, in order.
    reads: Vec<Vec<u64>>,
}

#[derive(Clone)]
struct Interpreter<'a> {
    programs: &'a Programs,
    at: Vec<usize>,
    came: Came,
}

impl<'a> Interpreter<'a> {
    fn new(programs: &'a Programs) -> Self {
        let cpus = programs.code.len();
        let came = Came {
            registers: vec![Registers::default(); cpus],
            memory: programs.initially.clone(),
            reads: vec![Vec::new(); cpus],
        };
        let mut interpreter = Interpreter { programs, at: vec![0; cpus], came };
        (0..cpus).for_each(|cpu| interpreter.up_to_an_access(cpu));
        interpreter
    }

    fn up_to_an_access(&mut self, cpu: usize) {
        let code = &self.programs.code[cpu];
        while let Some(Instruction::Skip { register, if_odd, count }) = code.get(self.at[cpu]) {
            let odd = !self.came.registers[cpu][*register].is_multiple_of(2);
            self.at[cpu] += if odd == *if_odd { 1 + count } else { 1 };
        }
    }

    fn waits(&self, cpu: usize) -> bool {
        self.at[cpu] < self.programs.code[cpu].len()
    }

    fn access(&mut self, cpu: usize) {
        let before = self.came.registers[cpu];
        match self.programs.code[cpu][self.at[cpu]] {
            Instruction::Load { word, to } => self.read(cpu, word, to),
            Instruction::Store { word, mask, value } => self.store(word, mask, value.of(&before)),
            Instruction::CompareAndSwap { word, expected, mask, new, to } => {
                let holds = self.came.memory[word] == expected.of(&before);
                self.read(cpu, word, to);
                if holds {
                    self.store(word, mask, new.of(&before));
                }
            }
            Instruction::FetchOr { word, bits, to } => {
                self.read(cpu, word, to);
                self.came.memory[word] |= bits.of(&before);
            }
            Instruction::Skip { .. } => panic!("no access"),
        }
        self.at[cpu] += 1;
        self.up_to_an_access(cpu);
    }

    fn read(&mut self, cpu: usize, word: Word, to: usize) {
        self.came.registers[cpu][to] = self.came.memory[word];
        self.came.reads[cpu].push(self.came.memory[word]);
    }

    fn store(&mut self, word: Word, mask: u64, value: u64) {
        for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| mask & bit != 0) {
            self.came.memory[word] = (self.came.memory[word] & !bit) | (value & bit);
        }
    }

    /// Returns the result of one schedule, which must run from beginning to end.
    fn under(programs: &Programs, schedule: &[u8]) -> Came {
        let mut interpreter = Interpreter::new(programs);
        for cpu in schedule {
            assert!(interpreter.waits(usize::from(*cpu)), "{schedule:?} does not fit {programs:?}");
            interpreter.access(usize::from(*cpu));
        }
        assert!((0..programs.code.len()).all(|cpu| !interpreter.waits(cpu)), "{schedule:?} ends early");
        interpreter.came
    }

    /// Returns every schedule, with its result.
    fn every(programs: &Programs) -> Vec<(Vec<u8>, Came)> {
        fn go_on(here: &Interpreter<'_>, schedule: &mut Vec<u8>, all: &mut Vec<(Vec<u8>, Came)>) {
            let mut over = true;
            for cpu in (0..here.at.len()).filter(|cpu| here.waits(*cpu)) {
                over = false;
                let mut there = here.clone();
                there.access(cpu);
                schedule.push(u8::try_from(cpu).unwrap());
                go_on(&there, schedule, all);
                schedule.pop();
            }
            if over {
                all.push((schedule.clone(), here.came.clone()));
            }
        }
        let mut all = Vec::new();
        go_on(&Interpreter::new(programs), &mut Vec::new(), &mut all);
        all
    }
}

/// Whether a schedule has an access that cannot follow the one before it, by what that means: no other CPU is outside of
/// what is waited for at any moment in between.
fn is_excluded(programs: &Programs, schedule: &[u8]) -> bool {
    let cpus = programs.code.len();
    // The times of each CPU between two accesses, as the numbers of the accesses at both ends, and what it does then.
    let mut times: Vec<Vec<(i64, i64, Span)>> = vec![Vec::new(); cpus];
    let mut last = vec![-1; cpus];
    let mut interpreter = Interpreter::new(programs);
    for (cpu, now) in schedule.iter().map(|cpu| usize::from(*cpu)).zip(0_i64..) {
        times[cpu].push((last[cpu], now, programs.span(cpu, interpreter.at[cpu])));
        last[cpu] = now;
        interpreter.access(cpu);
    }
    for cpu in 0..cpus {
        times[cpu].push((last[cpu], i64::MAX, Span::default()));
    }
    let is_outside = |of: usize, kind: u8, from: i64, to: i64| {
        times[of].iter().any(|(begin, end, span)| {
            (*begin).max(from) < (*end).min(to) && span.inside.and(Sections(kind)).is_empty()
        })
    };
    (0..cpus).any(|cpu| {
        times[cpu].iter().any(|(from, to, span)| {
            let kinds = [1, 2].into_iter().filter(|kind| !span.awaits.and(Sections(*kind)).is_empty());
            kinds.into_iter().any(|kind| {
                (0..cpus).filter(|other| *other != cpu).any(|other| !is_outside(other, kind, *from, *to))
            })
        })
    })
}

const WIDE: Limits = Limits::NONE;

fn switches(schedule: &[u8]) -> usize {
    schedule.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Adds the words that a memory lacks because no access touched them.
fn filled(programs: &Programs, memory: &[u64]) -> Vec<u64> {
    memory.iter().chain(programs.initially.iter().skip(memory.len())).copied().collect()
}

fn forest(programs: &Programs) -> Forest<Programs> {
    Forest::new(programs.clone()).unwrap()
}

fn enumerated(programs: &Programs) -> Vec<Behaviour<Registers>> {
    complete(behaviours(&mut forest(programs), &WIDE).unwrap())
}

fn complete<E>(found: EnumerationResult<E>) -> Vec<Behaviour<E>> {
    assert_eq!(found.stopped, None);
    found.behaviours
}

fn total<E>(behaviours: &[Behaviour<E>]) -> BigUint {
    behaviours.iter().map(|behaviour| &behaviour.schedules).sum()
}

#[test]
fn random_programs_have_the_behaviours_that_brute_force_finds() {
    let mut rng = Rng::with_seed(SEED);
    let (mut schedules, mut joined, mut of_three) = (0, 0, 0);
    for n in 0..600 {
        let programs = Programs::random(&mut rng);
        let every = Interpreter::every(&programs);
        schedules += every.len();
        of_three += usize::from(programs.code.len() == 3);
        let mut expected: HashMap<&Came, (u64, usize)> = HashMap::new();
        for (schedule, came) in &every {
            let (count, fewest) = expected.entry(came).or_insert((0, usize::MAX));
            *count += 1;
            *fewest = (*fewest).min(switches(schedule));
        }

        let found = enumerated(&programs);
        joined += found.len();
        assert_eq!(found.len(), expected.len(), "{n}: {programs:?}");
        assert_eq!(total(&found), BigUint::from(every.len()), "{n}: {programs:?}");
        let mut seen = HashSet::new();
        for behaviour in &found {
            let came = Interpreter::under(&programs, &behaviour.schedule);
            let (count, fewest) = expected[&came];
            assert_eq!(behaviour.ends, came.registers, "{n}: {programs:?} {behaviour:?}");
            assert_eq!(filled(&programs, &behaviour.memory), came.memory, "{n}: {programs:?} {behaviour:?}");
            assert_eq!(behaviour.schedules, BigUint::from(count), "{n}: {programs:?} {behaviour:?}");
            assert_eq!(switches(&behaviour.schedule), fewest, "{n}: {programs:?} {behaviour:?}");
            assert!(seen.insert(came), "{n}: {programs:?}: twice {behaviour:?}");
        }
    }
    // Programs whose schedules never join, or that have hardly any schedules, would test nothing.
    assert!(
        schedules > 15_000 && joined * 4 < schedules && of_three > 100,
        "{schedules} {joined} {of_three}"
    );
}

#[test]
fn reads_with_one_identity_are_joined_and_every_schedule_is_counted() {
    let mut rng = Rng::with_seed(SEED ^ 9);
    let (mut fewer, mut runs) = (0, (0, 0));
    for n in 0..600 {
        let programs = Programs { goes_on: true, ..Programs::random(&mut rng) };
        let every = Interpreter::every(&programs);
        let mut expected: HashMap<(Vec<Registers>, Vec<u64>), (u64, usize)> = HashMap::new();
        for (schedule, came) in &every {
            let key = (came.registers.clone(), came.memory.clone());
            let (count, fewest) = expected.entry(key).or_insert((0, usize::MAX));
            *count += 1;
            *fewest = (*fewest).min(switches(schedule));
        }
        let mut forest = forest(&programs);
        let found = complete(behaviours(&mut forest, &WIDE).unwrap());
        let mut counted: HashMap<(Vec<Registers>, Vec<u64>), (u64, usize)> = HashMap::new();
        for behaviour in &found {
            let came = Interpreter::under(&programs, &behaviour.schedule);
            assert_eq!(behaviour.ends, came.registers, "{n}: {programs:?} {behaviour:?}");
            assert_eq!(filled(&programs, &behaviour.memory), came.memory, "{n}: {programs:?} {behaviour:?}");
            let (count, fewest) = counted.entry((came.registers, came.memory)).or_insert((0, usize::MAX));
            *count += u64::try_from(&behaviour.schedules).unwrap();
            *fewest = (*fewest).min(switches(&behaviour.schedule));
        }
        assert_eq!(counted, expected, "{n}: {programs:?}");
        let each = Programs { goes_on: false, ..programs };
        let mut one_by_one = self::forest(&each);
        fewer += complete(behaviours(&mut one_by_one, &WIDE).unwrap()).len() - found.len();
        runs = (runs.0 + forest.runs(), runs.1 + one_by_one.runs());
    }
    assert!(fewer > 50 && runs.0 < runs.1, "nothing was joined or foreseen: {fewer} {runs:?}");
}

#[test]
fn schedules_are_excluded_where_nobody_was_outside_of_what_is_waited_for() {
    let mut rng = Rng::with_seed(SEED ^ 23);
    let (mut some, mut all, mut joined) = (0, 0, 0);
    for n in 0..600 {
        let mut programs = Programs { goes_on: rng.bool(), ..Programs::random(&mut rng) };
        let spans = |code: &Vec<Instruction>| {
            let sections = |rng: &mut Rng| Sections(if rng.bool() { rng.u8(0..4) } else { 0 });
            code.iter().map(|_| Span { inside: sections(&mut rng), awaits: sections(&mut rng) }).collect()
        };
        programs.spans = programs.code.iter().map(spans).collect();
        let mut expected: HashMap<(Vec<Registers>, Vec<u64>), (u64, u64)> = HashMap::new();
        for (schedule, came) in Interpreter::every(&programs) {
            let counts = expected.entry((came.registers, came.memory)).or_default();
            counts.0 += 1;
            counts.1 += u64::from(is_excluded(&programs, &schedule));
        }
        let mut counted: HashMap<(Vec<Registers>, Vec<u64>), (u64, u64)> = HashMap::new();
        for behaviour in enumerated(&programs) {
            let counts =
                counted.entry((behaviour.ends.clone(), filled(&programs, &behaviour.memory))).or_default();
            counts.0 += u64::try_from(&behaviour.schedules).unwrap();
            counts.1 += u64::try_from(&behaviour.excluded).unwrap();
            // The one that is shown is possible if any is.
            let is_possible = behaviour.excluded < behaviour.schedules;
            assert_eq!(is_excluded(&programs, &behaviour.schedule), !is_possible, "{n}: {programs:?}");
            assert_eq!(behaviour.excluded_by.is_empty(), behaviour.excluded == BigUint::ZERO, "{n}");
            some += usize::from(is_possible && !behaviour.excluded_by.is_empty());
            all += usize::from(!is_possible);
            joined += 1;
        }
        assert_eq!(counted, expected, "{n}: {programs:?}");
    }
    assert!(some > 200 && all > 200 && joined - some - all > 200, "{some} {all} {joined}");
}

#[test]
fn with_few_switches_the_schedules_are_those_that_brute_force_finds_with_as_few() {
    let mut rng = Rng::with_seed(SEED ^ 10);
    let (mut some_left_out, mut none_left_out, mut merged) = (0, 0, 0);
    for n in 0..300 {
        let programs = Programs { goes_on: n % 2 == 0, ..Programs::random(&mut rng) };
        let every = Interpreter::every(&programs);
        for most in 0..5 {
            let few = every.iter().filter(|(schedule, _)| switches(schedule) <= most as usize);
            let mut expected: HashMap<(Vec<Registers>, Vec<u64>), u64> = HashMap::new();
            for (_, came) in few {
                *expected.entry((came.registers.clone(), came.memory.clone())).or_default() += 1;
            }
            let limits = Limits { switches: Some(most), ..WIDE };
            let found = behaviours(&mut forest(&programs), &limits).unwrap();
            assert_eq!(found.stopped, None);
            let mut counted: HashMap<(Vec<Registers>, Vec<u64>), u64> = HashMap::new();
            for behaviour in &found.behaviours {
                let came = Interpreter::under(&programs, &behaviour.schedule);
                assert_eq!(behaviour.ends, came.registers, "{n}: {programs:?} {behaviour:?}");
                assert!(switches(&behaviour.schedule) <= most as usize, "{n}: {behaviour:?}");
                *counted.entry((came.registers, came.memory)).or_default() +=
                    u64::try_from(&behaviour.schedules).unwrap();
            }
            assert_eq!(counted, expected, "{n}, {most} switches: {programs:?}");
            merged += usize::from(!programs.goes_on && found.behaviours.len() == counted.len());
            let more = every.iter().any(|(schedule, _)| switches(schedule) > most as usize);
            assert_eq!(found.left_out, more, "{n}, {most} switches: {programs:?}");
            some_left_out += usize::from(more);
            none_left_out += usize::from(!more);
        }
    }
    assert!(
        some_left_out > 100 && none_left_out > 100 && merged > 0,
        "{some_left_out} {none_left_out} {merged}"
    );
}

#[test]
fn every_schedule_of_random_programs_is_visited_once_the_first_cpu_first() {
    let mut rng = Rng::with_seed(SEED ^ 1);
    for n in 0..400 {
        let programs = Programs::random(&mut rng);
        let mut visited = Vec::new();
        each_schedule(&mut forest(&programs), |schedule, memory| {
            visited.push((schedule.to_vec(), filled(&programs, memory)));
            true
        })
        .unwrap();
        let every: Vec<_> = Interpreter::every(&programs)
            .into_iter()
            .map(|(schedule, came)| (schedule, came.memory))
            .collect();
        assert_eq!(visited, every, "{n}: {programs:?}");
    }
}

#[test]
fn both_ways_over_one_forest_agree_whichever_comes_first() {
    let mut rng = Rng::with_seed(SEED ^ 2);
    for n in 0..200 {
        let programs = Programs::random(&mut rng);
        let mut forest = forest(&programs);
        let count = |forest: &mut Forest<Programs>| {
            let mut ends: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
            each_schedule(forest, |_, memory| {
                *ends.entry(filled(&programs, memory)).or_default() += 1;
                true
            })
            .unwrap();
            ends
        };
        let each = count(&mut forest);
        let joined = complete(behaviours(&mut forest, &WIDE).unwrap());
        assert_eq!(joined, enumerated(&programs), "{n}: {programs:?}");
        let mut by_memory: BTreeMap<Vec<u64>, BigUint> = BTreeMap::new();
        for behaviour in &joined {
            *by_memory.entry(filled(&programs, &behaviour.memory)).or_default() += &behaviour.schedules;
        }
        let each_again = count(&mut forest);
        assert_eq!(each, each_again, "{n}: {programs:?}");
        let each: BTreeMap<_, _> =
            each.into_iter().map(|(memory, count)| (memory, BigUint::from(count))).collect();
        assert_eq!(by_memory, each, "{n}: {programs:?}");
    }
}

#[test]
fn a_program_is_run_once_for_each_distinct_sequence_of_values_read() {
    let mut rng = Rng::with_seed(SEED ^ 3);
    for n in 0..200 {
        let programs = Programs::random(&mut rng);
        let mut sequences: HashSet<(usize, Vec<u64>)> = HashSet::new();
        for (_, came) in Interpreter::every(&programs) {
            for (cpu, reads) in came.reads.iter().enumerate() {
                sequences.extend((0..=reads.len()).map(|end| (cpu, reads[..end].to_vec())));
            }
        }
        let mut forest = forest(&programs);
        behaviours(&mut forest, &WIDE).unwrap();
        assert_eq!(forest.runs(), sequences.len() as u64, "{n}: {programs:?}");
        each_schedule(&mut forest, |_, _| true).unwrap();
        assert_eq!(forest.runs(), sequences.len() as u64, "{n}: nothing more is to be known: {programs:?}");
    }
}

/// Returns the number of orders of all accesses, given the number of each CPU's accesses: the multinomial
/// coefficient.
fn orders(lengths: &[u64]) -> BigUint {
    let mut orders = BigUint::from(1_u8);
    let mut before = 0;
    for length in lengths {
        for n in 1..=*length {
            orders = orders * (before + n) / n;
        }
        before += length;
    }
    orders
}

/// Makes programs that access one word: the last CPU stores to it, the others load it.
fn loads_and_stores(lengths: &[u64]) -> Programs {
    let last = lengths.len() - 1;
    let code = lengths.iter().enumerate().map(|(cpu, length)| {
        let load = Instruction::Load { word: 0, to: 0 };
        let store = Instruction::Store { word: 0, mask: u64::MAX, value: Operand::Constant(1) };
        (0..*length).map(|_| if cpu == last { store } else { load }).collect()
    });
    Programs::straight(code.collect())
}

#[test]
fn straight_programs_have_as_many_schedules_as_there_are_orders() {
    assert_eq!(orders(&[4, 2]), BigUint::from(15_u8));
    for n in 0..=12 {
        for m in 0..=12 {
            let programs = loads_and_stores(&[n, m]);
            let found = enumerated(&programs);
            assert_eq!(total(&found), orders(&[n, m]), "{n} by {m}");
            // The first store comes before one of the loads, or after all of them; there may be none.
            let expected = if m == 0 { 1 } else { n + 1 };
            assert_eq!(found.len() as u64, expected, "{n} by {m}");
        }
    }
    for lengths in [[1, 1, 1], [2, 3, 4], [5, 5, 5], [0, 3, 0], [7, 1, 6], [8, 8, 8]] {
        let found = enumerated(&loads_and_stores(&lengths));
        assert_eq!(total(&found), orders(&lengths), "{lengths:?}");
    }
    assert_eq!(orders(&[1, 1, 1, 1, 1]), BigUint::from(120_u8));
    assert_eq!(total(&enumerated(&loads_and_stores(&[1, 1, 1, 1, 1]))), BigUint::from(120_u8));
}

#[test]
fn counts_are_exact_beyond_64_bits() {
    let of_24 = total(&enumerated(&loads_and_stores(&[24, 24])));
    assert_eq!(of_24, BigUint::from(32_247_603_683_100_u64));
    let of_40 = total(&enumerated(&loads_and_stores(&[40, 40])));
    assert_eq!(of_40, orders(&[40, 40]));
    assert_eq!(of_40, "107507208733336176461620".parse().unwrap());
    assert!(of_40 > BigUint::from(u64::MAX));
    // Visiting these schedules one by one would never end.
}

#[test]
fn behaviours_of_programs_that_do_nothing_are_one() {
    for cpus in 1..=4 {
        let found = enumerated(&Programs::straight(vec![Vec::new(); cpus]));
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&only.schedule[..], &only.schedules), (&[][..], &BigUint::from(1_u8)));
        assert_eq!(only.ends, vec![Registers::default(); cpus]);
    }
}

#[test]
fn a_limit_stops_the_enumeration_exactly_where_it_is_exceeded() {
    // Loads between stores of distinct values: each load may return any of them.
    let stores =
        (1..=4).map(|value| Instruction::Store { word: 0, mask: u64::MAX, value: Operand::Constant(value) });
    let loads = (0..3).map(|to| Instruction::Load { word: 0, to });
    let programs = Programs::straight(vec![stores.collect(), loads.collect()]);
    let found = enumerated(&programs);
    assert_eq!(BigUint::from(found.len()), orders(&[4, 3]), "every schedule is a behaviour of its own");

    let limited = |limits: Limits| {
        let EnumerationResult { behaviours, stopped, .. } =
            behaviours(&mut forest(&programs), &limits).unwrap();
        // The behaviours found are as exact as without a limit.
        assert!(behaviours.iter().all(|behaviour| found.contains(behaviour)), "{limits:?}");
        (behaviours.len(), stopped)
    };
    assert_eq!(limited(Limits { behaviours: found.len(), ..WIDE }), (found.len(), None));
    for behaviours in [0, 1, found.len() - 1] {
        let stopped = (behaviours, Some(LimitHit::States));
        assert_eq!(limited(Limits { behaviours, ..WIDE }), stopped);
    }
    let all_states = (0..1000)
        .find(|states| limited(Limits { states: *states, ..WIDE }) == (found.len(), None))
        .expect("a thousand states are enough");
    assert!(all_states > found.len());
    for states in [0, 1, 2, all_states / 2, all_states - 1] {
        assert_eq!(limited(Limits { states, ..WIDE }).1, Some(LimitHit::States), "{states}");
    }
    assert_eq!(limited(Limits { states: all_states, ..WIDE }), (found.len(), None));
    assert_eq!(limited(Limits { deadline: Some(Instant::now()), ..WIDE }), (0, Some(LimitHit::Deadline)));
    let needed = {
        let mut forest = forest(&programs);
        behaviours(&mut forest, &WIDE).unwrap();
        forest.runs()
    };
    assert_eq!(limited(Limits { runs: needed, ..WIDE }), (found.len(), None));
    assert_eq!(limited(Limits { runs: needed / 2, ..WIDE }).1, Some(LimitHit::Runs));
    let in_time = Limits { deadline: Instant::now().checked_add(Duration::from_secs(600)), ..WIDE };
    assert_eq!(limited(in_time), (found.len(), None));
}

#[test]
fn a_visit_that_says_stop_is_the_last() {
    let programs = loads_and_stores(&[3, 3]);
    for most in 1..=20 {
        let mut visits = 0;
        each_schedule(&mut forest(&programs), |_, _| {
            visits += 1;
            visits < most
        })
        .unwrap();
        assert_eq!(visits, most);
    }
}

/// A machine whose second CPU loads for ever, or else cannot be run once it has read a 1.
struct Awkward {
    endless: bool,
}

impl Cpus for Awkward {
    type End = ();
    type Error = Vec<u64>;

    fn count(&self) -> usize {
        2
    }

    fn initially(&self, _: Word) -> u64 {
        0
    }

    fn follow(&mut self, cpu: usize, read: &[u64], _: &[u64]) -> Result<Continuation<()>, Vec<u64>> {
        let segment = |stores, then| {
            let (code, state, identity) = (Vec::new(), None, None);
            Ok(Segment { stored: None, stores, then, code, spans: Vec::new(), state, identity }.into())
        };
        match (cpu, read) {
            (0, []) => segment(vec![(0, MaskedStore::whole(1))], NextAccess::End(())),
            (_, read) if read.contains(&1) && !self.endless => Err(read.to_vec()),
            (_, read) if read.len() == 2 && !self.endless => segment(Vec::new(), NextAccess::End(())),
            _ => segment(Vec::new(), NextAccess::Read(0)),
        }
    }
}

#[test]
fn a_cpu_that_cannot_be_run_ends_the_enumeration_with_its_error() {
    let awkward = || Forest::new(Awkward { endless: false }).unwrap();
    let stopped = behaviours(&mut awkward(), &WIDE);
    assert_eq!(stopped, Err(vec![1]));
    assert_eq!(each_schedule(&mut awkward(), |_, _| true), Err(vec![1]));
}

#[test]
fn a_cpu_that_never_ends_is_stopped_by_the_deadline() {
    let limits = Limits { deadline: Instant::now().checked_add(Duration::from_millis(200)), ..WIDE };
    let stopped = behaviours(&mut Forest::new(Awkward { endless: true }).unwrap(), &limits);
    assert_eq!(stopped.map(|found| found.stopped), Ok(Some(LimitHit::Deadline)));
}
