//! What an exploration costs, each figure next to what it is to be held against, taken in the same run:
//!
//! ```sh
//! cargo bench -p pmdscope-benches --bench explorer
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use num_bigint::BigUint;
use pmdscope_arches::{Arch, ByteOrder, Encoding, EntryKind, EntrySpec};
use pmdscope_emu::{
    Action, Bounds, CallResult, Calls, Event, Machine, MachineContext, Reduction, Routines, Run, env,
};
use pmdscope_explore::{
    Continuation, Cpus, Forest, Limits, MaskedStore, NextAccess, Segment, Word, behaviours, each_schedule,
};
use pmdscope_guest::abi::{Env, Outcome, STRUCT_PAGE_SIZE};
use pmdscope_guest::routine::{walkers, writers};
use pmdscope_guest::{Bundled, Guest, Routine, all_bundled};
use unicorn_engine::{
    Arch as EngineArch, HookType, Mode, Prot, RegisterARM64 as Arm64, RegisterRISCV as Riscv,
    RegisterX86 as X86, Unicorn,
};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How long a figure is measured at a time, and how often: the median counts.
const ROUND: Duration = Duration::from_millis(150);
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    println!("Rates are the median of {ROUNDS} rounds of {} ms after one to warm up.", ROUND.as_millis());
    for (loads, stores) in [(5, 3), (8, 8)] {
        schedules_of_a_shape(loads, stores)?;
    }
    schedules_of_guests(&[])?;
    schedules_of_guests(&[&walkers::HMM])?;
    machine_code_runs()?;
    growth()
}

// Measuring.

/// How many of what `work` counts are done in a second, once in all rounds.
fn rates(mut work: impl FnMut() -> Result<u64>) -> Result<Vec<f64>> {
    let (mut rates, mut at_once) = (Vec::new(), 1);
    for round in 0..=ROUNDS {
        let (start, mut count) = (Instant::now(), 0);
        while start.elapsed() < ROUND {
            let begun = Instant::now();
            for _ in 0..at_once {
                count += work()?;
            }
            // Looking at the clock takes a tenth of what a short run does.
            if begun.elapsed() < ROUND / 100 {
                at_once *= 2;
            }
        }
        let rate = per_second(count, start.elapsed());
        if round > 0 {
            rates.push(rate);
        }
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates)
}

fn rate(work: impl FnMut() -> Result<u64>) -> Result<f64> {
    Ok(rates(work)?[ROUNDS / 2])
}

#[expect(clippy::cast_precision_loss, reason = "figures are printed to three digits")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn title(text: &str) {
    println!("\n{text}");
}

/// A rate, and how many times as much it is as another.
fn line(what: &str, rate: f64, unit: &str, to: Option<(f64, &str)>) {
    let ratio = to.map_or(String::new(), |(other, name)| format!("  {:>10} {name}", times(rate / other)));
    println!("  {what:<56} {:>9} {unit}{ratio}", short(rate));
}

fn times(ratio: f64) -> String {
    if ratio >= 100.0 { format!("{ratio:.0} x") } else { format!("{ratio:.2} x") }
}

fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e3 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.1}"),
    }
}

fn binomial(n: u64, k: u64) -> BigUint {
    (1..=k).fold(BigUint::from(1_u8), |product, i| product * (n - k + i) / i)
}

// Routines without machine code.

/// A writer of some stores and a walker of some loads, on one word.
#[derive(Debug, Clone, Copy)]
struct Shape {
    loads: usize,
    /// What is stored.
    stores: u64,
    values: Values,
}

/// What the stores of a shape put into the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// Each something new: every schedule is a behaviour.
    Distinct,
    /// 1 and 0 in turn.
    InTurn,
    /// 1 in the first half, 2 in the second.
    TwoSteps,
    /// Always 1.
    OneStep,
    /// As distinct, but to words that nobody loads.
    Elsewhere,
}

impl Values {
    const ALL: [Values; 5] =
        [Values::Elsewhere, Values::OneStep, Values::TwoSteps, Values::InTurn, Values::Distinct];

    const fn meaning(self) -> &'static str {
        match self {
            Values::Distinct => "each store a new value",
            Values::InTurn => "stores of 1 and 0 in turn",
            Values::TwoSteps => "stores of 1, then of 2",
            Values::OneStep => "stores of 1",
            Values::Elsewhere => "loads and stores of different words",
        }
    }
}

impl Cpus for Shape {
    type End = ();
    type Error = Infallible;

    fn count(&self) -> usize {
        2
    }

    fn initially(&self, _: Word) -> u64 {
        0
    }

    fn follow(&mut self, cpu: usize, read: &[u64], _: &[u64]) -> Result<Continuation<()>, Infallible> {
        if cpu == 1 {
            let then = if read.len() < self.loads { NextAccess::Read(0) } else { NextAccess::End(()) };
            return Ok(Segment {
                stored: None,
                stores: Vec::new(),
                then,
                code: Vec::new(),
                spans: Vec::new(),
                state: None,
                identity: None,
            }
            .into());
        }
        let store = |n| match self.values {
            Values::Distinct => (0, n),
            Values::InTurn => (0, n % 2),
            Values::TwoSteps => (0, if n <= self.stores / 2 { 1 } else { 2 }),
            Values::OneStep => (0, 1),
            Values::Elsewhere => (1, n),
        };
        let stores = (1..=self.stores).map(store).map(|(word, value)| (word, MaskedStore::whole(value)));
        Ok(Segment {
            stored: None,
            stores: stores.collect(),
            then: NextAccess::End(()),
            code: Vec::new(),
            spans: Vec::new(),
            state: None,
            identity: None,
        }
        .into())
    }
}

/// So many that it takes a second or two to reach them.
const LIMITS: Limits = Limits { states: 200_000, ..Limits::NONE };

// (a) Schedules a second, on a shape.

fn schedules_of_a_shape(loads: usize, stores: u64) -> Result<()> {
    let shape = Shape { loads, stores, values: Values::Distinct };
    let exist = binomial(loads as u64 + stores, stores);
    title(&format!("Schedules a second, {loads} loads by {stores} stores of one word ({exist} schedules)"));

    let mut forest = Forest::new(shape)?;
    let one_by_one = rate(|| {
        let mut count = 0;
        each_schedule(&mut forest, |schedule, memory| {
            black_box((schedule, memory));
            count += 1;
            true
        })?;
        assert_eq!(BigUint::from(count), exist);
        Ok(count)
    })?;
    line("over the trees, one by one, nothing joined", one_by_one, "schedules/s", None);

    let joined = rate(|| {
        let mut forest = Forest::new(shape)?;
        let found = behaviours(&mut forest, &LIMITS)?;
        assert_eq!(found.stopped, None);
        assert_eq!(found.behaviours.iter().map(|one| &one.schedules).sum::<BigUint>(), exist);
        Ok(u64::try_from(&exist)?)
    })?;
    line("joined and counted, each behaviour with a schedule", joined, "schedules/s", None);

    for (name, passes) in [("shuttle, DFS", with_shuttle(loads, stores)), ("loom", with_loom(loads, stores))]
    {
        let Passes { executions, time, whole } = passes;
        let other = per_second(executions, time);
        let what = match whole {
            0 => format!("{name} (stopped after {executions} executions)"),
            passes => format!("{name} ({} executions, all that it tries)", executions / passes),
        };
        line(&what, other, "executions/s", None);
        println!("    one by one over the trees: {} that", times(one_by_one / other));
    }
    Ok(())
}

/// How long another explorer gets.
const OTHERS_TIME: Duration = Duration::from_secs(3);
/// For how long it repeats what is over sooner.
const OTHERS_REPEAT: Duration = Duration::from_millis(750);

/// What another explorer did.
struct Passes {
    executions: u64,
    time: Duration,
    /// How often it tried all that it has to try; 0 if it was stopped.
    whole: u64,
}

impl Passes {
    /// `pass` explores once: how many executions, and whether they were all.
    fn of(mut pass: impl FnMut() -> (u64, bool)) -> Self {
        let start = Instant::now();
        let mut all = Passes { executions: 0, time: Duration::ZERO, whole: 0 };
        loop {
            let (executions, whole) = pass();
            let time = start.elapsed();
            if !whole {
                return Passes { executions, time, whole: 0 };
            }
            all = Passes { executions: all.executions + executions, time, whole: all.whole + 1 };
            if time > OTHERS_REPEAT {
                return all;
            }
        }
    }
}

/// The same shape as a Rust program under shuttle.
fn with_shuttle(loads: usize, stores: u64) -> Passes {
    use shuttle::sync::atomic::AtomicU64 as Word;
    const MOST: usize = 500_000;
    let program = move || {
        let entry = StdArc::new(Word::new(0));
        let of_writer = StdArc::clone(&entry);
        let writer = shuttle::thread::spawn(move || {
            (1..=stores).for_each(|value| of_writer.store(value, Ordering::SeqCst));
        });
        for _ in 0..loads {
            black_box(entry.load(Ordering::SeqCst));
        }
        assert!(writer.join().is_ok());
    };
    Passes::of(|| {
        let executions = StdArc::new(AtomicU64::new(0));
        let counted = StdArc::clone(&executions);
        let counting = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            program();
        };
        shuttle::check_dfs(counting, Some(MOST));
        let executions = executions.load(Ordering::Relaxed);
        (executions, executions < MOST as u64)
    })
}

/// The same under loom.
fn with_loom(loads: usize, stores: u64) -> Passes {
    use loom::sync::atomic::AtomicU64 as Word;
    let program = move || {
        let entry = loom::sync::Arc::new(Word::new(0));
        let of_writer = loom::sync::Arc::clone(&entry);
        let writer = loom::thread::spawn(move || {
            (1..=stores).for_each(|value| of_writer.store(value, Ordering::SeqCst));
        });
        for _ in 0..loads {
            black_box(entry.load(Ordering::SeqCst));
        }
        assert!(writer.join().is_ok());
    };
    let mut builder = loom::model::Builder::new();
    builder.max_duration = Some(OTHERS_TIME);
    // How often it looks at the clock.
    builder.checkpoint_interval = 1000;
    Passes::of(|| {
        let executions = StdArc::new(AtomicU64::new(0));
        let counted = StdArc::clone(&executions);
        let start = Instant::now();
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            program();
        });
        (executions.load(Ordering::Relaxed), start.elapsed() < OTHERS_TIME)
    })
}

// Bundled guests.

/// The newest guest of an architecture, and how its entries are encoded.
fn newest(arch: Arch) -> Result<(&'static Bundled, Encoding)> {
    let of_arch = all_bundled().iter().filter(|guest| guest.arch == arch);
    let guest = of_arch.max_by_key(|guest| guest.from).ok_or("no such guest")?;
    Ok((guest, Encoding::at(arch, guest.mmu, guest.to)?))
}

/// A page in use.
fn mapping(encoding: &Encoding) -> Result<u64> {
    let kind = EntryKind::PresentHuge;
    let pfn = encoding.default_pfn();
    let spec = EntrySpec { kind, pfn, young: true, dirty: true, soft_dirty: false, uffd_wp: false };
    Ok(encoding.build(&spec)?)
}

fn job<'a>(encoding: &Encoding, writer: &'static Routine, walker: &'static Routine) -> Result<Calls<'a>> {
    Ok(Calls {
        entry: mapping(encoding)?,
        writer: writer.symbol(),
        walker: walker.symbol(),
        others: &[],
        env: env(encoding),
        pmd_shift: encoding.layout().pmd_shift,
        pfn: encoding.default_pfn(),
    })
}

/// The values that a CPU read in a run, in order.
fn values_read(run: &Run, cpu: u8) -> Vec<u64> {
    let read = |event: &Event| match &event.what {
        Action::Access(access) if access.loads && event.cpu == cpu => Some(access.before),
        _ => None,
    };
    run.events.iter().filter_map(read).collect()
}

// (a) and (c): schedules a second, and the cost of a trace, on bundled machine code.

const PAIR: (Arch, &Routine, &Routine) = (Arch::Arm64, &writers::SPLIT_UNGUARDED, &walkers::GUP_FAST_READ);

fn schedules_of_guests(others: &[&'static Routine]) -> Result<()> {
    let (arch, writer, walker) = PAIR;
    let (guest, encoding) = newest(arch)?;
    let symbols: Vec<&str> = others.iter().map(|walker| walker.symbol()).collect();
    let job = Calls { others: &symbols, ..job(&encoding, writer, walker)? };
    let bounds = Bounds::default();
    let mut machine = Machine::new(guest.load()?)?;
    let all = machine.explore(&job, &bounds, Reduction::None)?;
    let first = all.runs.first().ok_or("no schedule")?;
    let routines = [writer.name, walker.name].into_iter().chain(others.iter().map(|walker| walker.name));
    let routines = (0_u8..).zip(routines).map(|(cpu, name)| {
        let accesses = |run: &Run| run.schedule.0.iter().filter(|of| **of == cpu).count();
        format!("{name} ({} accesses at most)", all.runs.iter().map(accesses).max().unwrap_or(0))
    });
    title(&format!(
        "Schedules a second, machine code of {}: {}, {} schedules",
        guest.name,
        routines.collect::<Vec<_>>().join(", "),
        all.schedules
    ));

    let each = rate(|| Ok(machine.explore(&job, &bounds, Reduction::None)?.runs.len() as u64))?;
    line("each run anew on the engine, with its trace", each, "schedules/s", None);
    let joined = rate(|| Ok(u64::try_from(&machine.explore(&job, &bounds, Reduction::Joined)?.schedules)?))?;
    line("joined, each behaviour run with its trace", joined, "schedules/s", Some((each, "that")));
    let mut loaded = machine.load(&job, bounds.call)?;
    let filled = rate(|| {
        let mut forest = Forest::new(Routines::new(&mut loaded, MachineContext::ALL)?)?;
        count_schedules(&mut forest)
    })?;
    line(
        "one by one over the trees, filling them anew each time",
        filled,
        "schedules/s",
        Some((each, "that")),
    );
    let mut forest = Forest::new(Routines::new(&mut loaded, MachineContext::ALL)?)?;
    let one_by_one = rate(|| count_schedules(&mut forest))?;
    line("one by one over the trees, once filled", one_by_one, "schedules/s", Some((each, "that")));

    if !others.is_empty() {
        return Ok(());
    }
    title("The cost of a trace, same routines, first schedule");
    let schedule = first.schedule.clone();
    let traced = rate(|| {
        black_box(machine.explore_one(&job, &bounds, &schedule)?);
        Ok(1)
    })?;
    let mut loaded = machine.load(&job, bounds.call)?;
    let mut routines = Routines::new(&mut loaded, MachineContext::ALL)?;
    let of_writer = values_read(first, 0);
    let of_walker = values_read(first, 1);
    // Alone the walker finds the same entry each time.
    let mut alone = Vec::new();
    while let NextAccess::Read(word) = routines.follow(1, &alone, &[])?.segment.then {
        alone.push(routines.initially(word));
    }
    let followed = rate(|| {
        black_box(routines.follow(1, &alone, &[])?);
        black_box(routines.follow(0, &of_writer, &[])?);
        black_box(routines.follow(1, &of_walker, &[])?);
        Ok(1)
    })?;
    println!("  one schedule with its trace, {} events: {:.1} us", first.events.len(), 1e6 / traced);
    println!("  the same 3 runs of machine code, followed: {:.1} us", 1e6 / followed);
    println!("  ratio: {}", times(followed / traced));
    Ok(())
}

fn count_schedules<C: Cpus<Error: Error + 'static>>(forest: &mut Forest<C>) -> Result<u64> {
    let mut count = 0;
    each_schedule(forest, |schedule, memory| {
        black_box((schedule, memory));
        count += 1;
        true
    })?;
    Ok(count)
}

// (b) Runs of machine code a second.

fn machine_code_runs() -> Result<()> {
    title("Runs of machine code a second: a walker of a present huge page, from its call to its return");
    for walker in [&walkers::GUP_FAST_READ, &walkers::HMM] {
        for arch in Arch::ALL {
            let (guest, encoding) = newest(arch)?;
            let job = job(&encoding, &writers::INVALIDATE, walker)?;
            let mut machine = Machine::new(guest.load()?)?;
            if !machine.guest().has(walker.symbol()) {
                continue;
            }
            let mut loaded = machine.load(&job, Bounds::default().call)?;
            let mut routines = Routines::new(&mut loaded, MachineContext::ALL)?;
            let mut read = Vec::new();
            let ended = loop {
                match routines.follow(1, &read, &[])?.segment.then {
                    NextAccess::Read(word) => read.push(routines.initially(word)),
                    NextAccess::End(ended) => break ended,
                }
            };
            let followed = rate(|| {
                black_box(routines.follow(1, &read, &[])?);
                Ok(1)
            })?;
            let bare = match Convention::of(arch) {
                Some(convention) => {
                    let of = |hooks| bare_rate(&guest.load()?, &convention, &job, ended, hooks);
                    Some((of(Hooks::Stop)?, of(Hooks::Idle)?))
                }
                None => None,
            };
            let what = format!("{} {}, {} loads", guest.name, walker.name, read.len());
            line(&what, followed, "runs/s", None);
            if let Some((bare, idle)) = bare {
                println!(
                    "    engine without hooks: {} runs/s; followed: {}",
                    short(bare),
                    times(followed / bare)
                );
                println!(
                    "    engine with hooks that do nothing, made what it was before each run: {} runs/s; followed: {}",
                    short(idle),
                    times(followed / idle)
                );
            }
        }
    }
    Ok(())
}

/// How a function is called.
struct Convention {
    engine: (EngineArch, Mode),
    arguments: [i32; 4],
    stack_pointer: i32,
    /// On x86_64 the return address is on the stack.
    link: Option<i32>,
}

impl Convention {
    fn of(arch: Arch) -> Option<Self> {
        use EngineArch::{ARM64, RISCV, X86 as X86_ENGINE};
        match arch {
            Arch::X86_64 => Some(Convention {
                engine: (X86_ENGINE, Mode::MODE_64),
                arguments: [X86::RDI, X86::RSI, X86::RDX, X86::RCX].map(|register| register as i32),
                stack_pointer: X86::RSP as i32,
                link: None,
            }),
            Arch::Arm64 => Some(Convention {
                engine: (ARM64, Mode::LITTLE_ENDIAN),
                arguments: [Arm64::X0, Arm64::X1, Arm64::X2, Arm64::X3].map(|register| register as i32),
                stack_pointer: Arm64::SP as i32,
                link: Some(Arm64::X30 as i32),
            }),
            Arch::Riscv64 => Some(Convention {
                engine: (RISCV, Mode::RISCV64),
                arguments: [Riscv::A0, Riscv::A1, Riscv::A2, Riscv::A3].map(|register| register as i32),
                stack_pointer: Riscv::SP as i32,
                link: Some(Riscv::RA as i32),
            }),
            _ => None,
        }
    }
}

/// The hooks of an engine of its own.
#[derive(PartialEq)]
enum Hooks {
    /// The one that stops a run.
    Stop,
    /// One on blocks and one on accesses as well. Both do nothing. The CPU is made what it was before each run.
    Idle,
}

/// The same run on an engine without a machine of ours.
fn bare_rate(
    guest: &Guest,
    convention: &Convention,
    job: &Calls<'_>,
    ended: CallResult,
    hooks: Hooks,
) -> Result<f64> {
    // Where a machine of ours has it.
    const ENTRY: u64 = 0x40_0028;
    const PRIVATE: u64 = 0x50_0000;
    const OUTCOME: u64 = PRIVATE + 0x1000;
    const PAD: u64 = PRIVATE + 0x2010;
    const STACK: u64 = PRIVATE + 0x1f_f000;
    let refused = |error| format!("the engine: {error:?}");

    let order = ByteOrder::Little;
    let mut engine = Unicorn::new(convention.engine.0, convention.engine.1).map_err(refused)?;
    engine.mem_map(0, 0x20_0000, Prot::ALL).map_err(refused)?;
    for segment in guest.segments() {
        engine.mem_write(segment.address, &segment.bytes).map_err(refused)?;
    }
    engine.mem_map(ENTRY & !0x1fff, 0x4000, Prot::ALL).map_err(refused)?;
    engine.mem_write(ENTRY, &job.entry.to_le_bytes()).map_err(refused)?;
    engine.mem_map(PRIVATE, 0x20_0000, Prot::ALL).map_err(refused)?;
    engine.mem_write(PRIVATE, &Env::encode(&job.env, order)).map_err(refused)?;
    let page = job.env.vmemmap + job.pfn * STRUCT_PAGE_SIZE;
    engine.mem_map(page & !0xffff, 0x2_0000, Prot::ALL).map_err(refused)?;
    engine.mem_write(page, &1_u64.to_le_bytes()).map_err(refused)?;
    engine.mem_write(STACK - 8, &PAD.to_le_bytes()).map_err(refused)?;
    // What the hook stops at is never run, but must be code.
    let idle = match convention.engine.0 {
        EngineArch::X86 => [0xeb, 0xfe, 0, 0],
        EngineArch::ARM64 => [0, 0, 0, 0x14],
        _ => [0x6f, 0, 0, 0],
    };
    engine.mem_write(PAD, &idle).map_err(refused)?;
    engine
        .add_code_hook(PAD, PAD, |engine, _, _| {
            let _ = engine.emu_stop();
        })
        .map_err(refused)?;

    if hooks == Hooks::Idle {
        engine.add_block_hook(1, 0, |_, _, _| {}).map_err(refused)?;
        let kinds = HookType::MEM_READ | HookType::MEM_WRITE;
        engine.add_mem_hook(kinds, 1, 0, |_, _, _, _, _| true).map_err(refused)?;
    }
    let before = engine.context_init().map_err(refused)?;
    let function = guest.function(job.walker)?;
    let arguments = [ENTRY, 5 << job.pmd_shift, PRIVATE, OUTCOME];
    let mut run = || -> Result<u64> {
        if hooks == Hooks::Idle {
            engine.context_restore(&before).map_err(refused)?;
        }
        for (register, value) in convention.arguments.into_iter().zip(arguments) {
            engine.reg_write(register, value).map_err(refused)?;
        }
        let stack = if convention.link.is_some() { STACK } else { STACK - 8 };
        engine.reg_write(convention.stack_pointer, stack).map_err(refused)?;
        if let Some(link) = convention.link {
            engine.reg_write(link, PAD).map_err(refused)?;
        }
        engine.emu_start(function, 0, 0, 0).map_err(refused)?;
        Ok(1)
    };
    run()?;
    let rate = rate(run)?;
    let mut bytes = [0; Outcome::SIZE];
    engine.mem_read(OUTCOME, &mut bytes).map_err(refused)?;
    assert_eq!(Some(Outcome::decode(order, &bytes)?), ended.outcome);
    Ok(rate)
}

// (d) Growth.

fn growth() -> Result<()> {
    title("Growth: n loads by n stores, joined, with the exact count and a schedule of each behaviour");
    for values in Values::ALL {
        println!("  {}", values.meaning());
        for n in [4, 8, 12, 16, 20, 24] {
            let shape = Shape { loads: n, stores: n as u64, values };
            let exist = binomial(2 * n as u64, n as u64);
            let (mut times, mut count) = (Vec::new(), None);
            let begun = Instant::now();
            while times.is_empty() || count.is_some() && (times.len() < 3 || begun.elapsed() < ROUND) {
                let start = Instant::now();
                let mut forest = Forest::new(shape)?;
                let found = behaviours(&mut forest, &LIMITS)?;
                times.push(start.elapsed());
                count = found.stopped.is_none().then_some(found.behaviours.len());
                if count.is_some() {
                    assert_eq!(found.behaviours.iter().map(|one| &one.schedules).sum::<BigUint>(), exist);
                }
            }
            times.sort();
            let time = times[times.len() / 2].as_secs_f64() * 1e3;
            print!("    n = {n:>2}: {time:>9.3} ms, {exist} schedules, ");
            match count {
                Some(count) => println!("{count} behaviours"),
                None => {
                    println!("given up at more than {} states", LIMITS.states);
                    break;
                }
            }
        }
    }
    Ok(())
}
