//! From what was observed to the report: the same for every kind of guest.

use std::collections::{BTreeSet, HashMap};
use std::iter;
use std::sync::LazyLock;

use num_bigint::BigUint;
use pmdscope_arches::{ByteOrder, Encoding, EntryKind, EntryMarks};
use pmdscope_emu::{
    self as emu, Access, AccessKind, ENGINE, End, Ended, Exploration, Incomplete, Run, WALKER, WRITER, What,
};
use pmdscope_guest::Check;
use pmdscope_guest::abi::Outcome as GuestOutcome;
use pmdscope_traces as traces;
use pmdscope_traces::{
    Count, Divergence, Entry, Event, GuestInfo, Hex, Marked, Observed, Outcome, Overwritten, References,
    RunReport, Stored, Trace, Value, Verdict, View, Warning, WriterChange, WriterRule, WriterSteps,
};

use crate::plan::{Start, With};
use crate::tally::Tally;

/// The version of this program and of its engine.
pub static VERSION: LazyLock<String> = LazyLock::new(|| format!("{} ({ENGINE})", env!("CARGO_PKG_VERSION")));

/// The same, and from which sources it was built.
pub static VERSION_AND_SOURCES: LazyLock<String> =
    LazyLock::new(|| format!("{}\nsources {SOURCES}", *VERSION));

/// This program and its engine, as reports name them.
pub fn made_by() -> String {
    format!("{} {}", env!("CARGO_PKG_NAME"), *VERSION)
}

/// The first digits of the SHA-256 of the sources that this program was built from (build.rs). Two builds with the same
/// name may differ in what they find.
pub const SOURCES: &str = env!("PMDSCOPE_SOURCES");

/// The machine that was run, as a report needs it.
pub trait Subject {
    /// Symbol and offset of an address.
    fn symbol(&self, pc: u64) -> String;
    /// The text of an instruction.
    fn instruction(&self, pc: u64) -> String;
    /// Whether an address that was accessed is in the PMD table.
    fn is_in_table(&self, address: u64) -> bool;
    /// What lies at an address, in words.
    fn describe(&self, address: u64) -> String;
    /// How a call ended, in words.
    fn explain(&self, end: End) -> String;
    /// Whether the writer put an entry in the place of the one that was there, so that it is not what became of it.
    fn is_installed(&self, entry: u64) -> bool;
    /// What kind of writer was run, as far as findings depend on it.
    fn writer_rule(&self) -> WriterRule;
    /// The entries of the page table that the writer filled, if it was seen to.
    fn filled(&self) -> &[u64] {
        &[]
    }
    /// The old entry that the writer handed back, if it hands one back.
    fn returned(&self, outcome: &GuestOutcome) -> Option<u64>;
    /// Whether a walker that came to this went past its present check.
    fn past_present(&self, run: Option<&Run>, outcome: &GuestOutcome) -> bool;
    /// How many references a page has before anything runs.
    fn references(&self, pfn: u64) -> u64;
}

/// What was run, by its names.
pub struct Names {
    pub guest: GuestInfo,
    pub writer: String,
    pub walker: String,
    /// Who answers predicates.
    pub predicates: &'static str,
    /// The command that runs it again.
    pub command: String,
}

/// Makes the report of one exploration.
pub struct Reporter<'a> {
    pub encoding: &'a Encoding,
    pub start: &'a Start,
    pub with: &'a [With],
    pub subject: &'a dyn Subject,
    /// Every entry of every run, by value.
    pub entries: HashMap<u64, Entry>,
    pub exploration: &'a Exploration,
}

/// The entries that a CPU stored last.
pub fn last_stored(exploration: &Exploration, cpu: u8, entry_address: u64) -> BTreeSet<u64> {
    let of_entry = |access: &&Access| access.address & !7 == entry_address;
    let last = |run: &Run| {
        let stores = accesses(run).filter(|(by, access)| *by == cpu && access.store_pc.is_some());
        stores.map(|(_, access)| access).filter(of_entry).last().map(|access| access.after)
    };
    exploration.runs.iter().filter_map(last).collect()
}

/// The report of what was not run at all, for a reason.
pub fn not_run(encoding: &Encoding, start: &Start, with: &[With], names: Names, why: String) -> RunReport {
    let reporter = Reporter {
        encoding,
        start,
        with,
        subject: &Nothing,
        entries: [(start.value, Entry::of_model(encoding, start.value))].into(),
        exploration: &Exploration::nothing(),
    };
    RunReport { incomplete: Some(why), verdict: Verdict::Unknown, ..reporter.report(names) }
}

/// What is asked of a machine that there is not: nothing was run.
struct Nothing;

impl Subject for Nothing {
    fn symbol(&self, pc: u64) -> String {
        format!("{pc:#x}")
    }

    fn instruction(&self, _: u64) -> String {
        String::new()
    }

    fn is_in_table(&self, _: u64) -> bool {
        false
    }

    fn describe(&self, address: u64) -> String {
        format!("{address:#x}")
    }

    fn explain(&self, _: End) -> String {
        "was not run".to_owned()
    }

    fn is_installed(&self, _: u64) -> bool {
        false
    }

    fn writer_rule(&self) -> WriterRule {
        WriterRule { invalidates: false, installs: false, may_drop: EntryMarks::ALL }
    }

    fn returned(&self, _: &GuestOutcome) -> Option<u64> {
        None
    }

    fn past_present(&self, _: Option<&Run>, _: &GuestOutcome) -> bool {
        false
    }

    fn references(&self, _: u64) -> u64 {
        1
    }
}

impl Reporter<'_> {
    /// The report. Its verdict is that of a run whose controls have passed.
    pub fn report(&self, names: Names) -> RunReport {
        let Reporter { encoding, start, with, .. } = self;
        let before = self.entry(start.value);
        let views = self.views();
        let outcomes = self.outcomes(WALKER);
        let findings = traces::judge(&Observed {
            encoding,
            before: &before,
            built_as_swap: start.kind.is_some_and(EntryKind::is_swap),
            views: &views,
            outcomes: &outcomes,
            overwritten: &self.overwritten(&names.walker),
            marked: &self.marked(),
            writer: self.subject.writer_rule(),
            changes: &self.writer_changes(),
            filled: self.subject.filled(),
        });
        let behaviours = self.behaviours();
        let with_outcomes: Vec<_> = self.others().map(|cpu| self.outcomes(cpu)).collect();
        let crashed = || self.unexplained_crash(iter::once(&outcomes).chain(&with_outcomes).flatten());
        let incomplete = self.incomplete().or_else(|| findings.is_empty().then(crashed).flatten());
        let verdict = if !findings.is_empty() {
            Verdict::Findings
        } else if incomplete.is_some() {
            Verdict::Unknown
        } else {
            Verdict::Pass
        };
        RunReport {
            schema: traces::RUN_SCHEMA.to_owned(),
            made_by: made_by(),
            arch: encoding.arch().to_string(),
            mmu: encoding.mmu().map(|mmu| mmu.to_string()),
            linux: encoding.version().to_string(),
            encoding: encoding_name(encoding),
            guest: names.guest,
            entry: start.kind.map_or("pmd", EntryKind::name).to_owned(),
            marks: start.marks.names(),
            writer: names.writer,
            walker: names.walker,
            with: with.iter().map(|with| with.name().to_owned()).collect(),
            predicates: names.predicates.to_owned(),
            contract: contract(encoding, start),
            before,
            after: self.after(),
            stored: self.stored(),
            views,
            alone: self.outcome(&self.exploration.alone, None, None),
            outcomes,
            writer_outcomes: self.outcomes(WRITER),
            with_outcomes,
            divergences: self.divergences(),
            warnings: self.warnings(),
            findings,
            precondition: None,
            kernel: None,
            disagreements: Vec::new(),
            schedules: traces::Schedules {
                total: Count(self.exploration.schedules.clone()),
                behaviours: behaviours.len() as u64,
                machine_runs: self.exploration.machine_runs,
            },
            incomplete,
            out_of_time: self.exploration.incomplete.as_ref().is_some_and(Incomplete::is_of_time),
            verdict,
            command: names.command,
            traces: behaviours,
            entries: self.all_entries(),
        }
    }

    /// That a routine crashed, which is no pass where no finding says why.
    fn unexplained_crash<'o>(&self, mut outcomes: impl Iterator<Item = &'o Outcome>) -> Option<String> {
        // Where the writer runs alone there is a walker that returned, and decided nothing.
        let returned = self.subject.explain(End::Returned);
        let crash = outcomes
            .find(|outcome| outcome.result == "crash" && outcome.ended.as_ref() != Some(&returned))?;
        let how = crash.ended.as_deref().unwrap_or("crashed");
        Some(match crash.schedule.as_str() {
            "" => format!("before any access a routine {how}"),
            schedule => format!("under schedule {schedule} a routine {how}"),
        })
    }

    fn incomplete(&self) -> Option<String> {
        match self.exploration.incomplete.as_ref()? {
            Incomplete::Call { schedule, end } if schedule.0.is_empty() => {
                Some(format!("before any access a routine {}", self.subject.explain(*end)))
            }
            Incomplete::Call { schedule, end } => {
                Some(format!("under schedule {schedule} a routine {}", self.subject.explain(*end)))
            }
            Incomplete::Shared { address } => Some(format!(
                "both routines use {}, which is not watched, and one writes it",
                self.subject.describe(*address)
            )),
            Incomplete::Deadlock { schedule, address } => Some(format!(
                "under schedule {schedule} all that is left to run waits for {} to change",
                self.subject.describe(*address)
            )),
            other => Some(other.to_string()),
        }
    }

    /// The accesses of a run to the PMD table, with their CPU.
    fn accesses<'r>(&'r self, run: &'r Run) -> impl Iterator<Item = (u8, &'r Access)> {
        accesses(run).filter(|(_, access)| self.subject.is_in_table(access.address))
    }

    fn entry(&self, value: u64) -> Entry {
        self.entries[&value].clone()
    }

    /// Every entry of every run, in order of their values.
    fn all_entries(&self) -> Vec<Entry> {
        let mut all: Vec<Entry> = self.entries.values().cloned().collect();
        all.sort_by_key(|entry| entry.value);
        all
    }

    fn after(&self) -> Option<Entry> {
        let mut ends = self.exploration.runs.iter().map(|run| run.after);
        let first = ends.next()?;
        ends.all(|other| other == first).then(|| self.entry(first))
    }

    /// The CPUs of what runs with writer and walker.
    fn others(&self) -> impl Iterator<Item = u8> + use<> {
        (WALKER + 1..).take(self.with.len())
    }

    /// What the writer stored, in order; each store once, however many schedules it has.
    fn stored(&self) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for run in &self.exploration.runs {
            for (_, access) in self.accesses(run).filter(|(cpu, _)| *cpu == WRITER) {
                let Some(pc) = access.store_pc.map(Hex) else { continue };
                // The bits that change depend on what another CPU did meanwhile; the first stand for all.
                if stored.iter().any(|known| (known.pc, known.entry.value) == (pc, Value(access.after))) {
                    continue;
                }
                stored.push(Stored {
                    entry: self.entry(access.after),
                    pc,
                    symbol: self.symbol(pc.0),
                    instruction: self.instruction(pc.0),
                    changes: traces::changes(self.encoding, access.before, access.after),
                });
            }
        }
        stored
    }

    /// What routines stored that only read by their role: the walker, and further walkers with it.
    fn overwritten(&self, walker: &str) -> Vec<Overwritten> {
        let further = (WALKER + 1..).zip(self.with).filter(|(_, with)| matches!(with, With::Walker(_)));
        let readers: Vec<(u8, &str)> =
            [(WALKER, walker)].into_iter().chain(further.map(|(cpu, with)| (cpu, with.name()))).collect();
        let mut overwritten = Tally::default();
        for run in &self.exploration.runs {
            for (reader, name) in &readers {
                let mut seen = Vec::new();
                for (_, access) in self.accesses(run).filter(|(cpu, _)| cpu == reader) {
                    if access.loads {
                        seen.push(Value(access.before));
                    }
                    if access.store_pc.is_some() && access.before != access.after {
                        overwritten.add((*name, seen.clone(), access.before, access.after), run);
                    }
                }
            }
        }
        overwritten
            .into_iter()
            .map(|((by, seen, found, after), schedules, schedule)| Overwritten {
                by: by.to_owned(),
                seen,
                installed: found != self.start.value && self.subject.is_installed(found),
                found: self.entry(found),
                after: self.entry(after),
                schedules,
                schedule,
            })
            .collect()
    }

    /// What the writer made of the entry.
    fn writer_changes(&self) -> Vec<WriterChange> {
        let mut changes = Tally::default();
        for run in &self.exploration.runs {
            changes.add(self.writer_steps(run), run);
        }
        changes
            .into_iter()
            .map(|(steps, schedules, schedule)| WriterChange { steps, schedules, schedule })
            .collect()
    }

    fn writer_steps(&self, run: &Run) -> WriterSteps {
        // What it computes its store from is what it loaded before, if it did: an atomic returns what others have
        // marked meanwhile, too.
        let mut read = None;
        let mut steps = WriterSteps {
            read: Value(self.start.value),
            found: None,
            stored: Vec::new(),
            installed: None,
            returned: run.writer.outcome.and_then(|outcome| self.subject.returned(&outcome)).map(Value),
            ended: run.writer.end == End::Returned,
        };
        for (_, access) in self.accesses(run).filter(|(cpu, _)| *cpu == WRITER) {
            let (before, after) = (Value(access.before), Value(access.after));
            // A compare-and-exchange that fails stores nothing, though the engine tells of a store.
            let stores = access.store_pc.is_some() && (before != after || access.kind == AccessKind::Store);
            if !stores {
                if steps.found.is_none() {
                    read = Some(before);
                }
                continue;
            }
            if steps.found.is_none() {
                steps.found = Some(before);
                steps.read = read.unwrap_or(before);
            }
            if after.0 != self.start.value && self.subject.is_installed(after.0) {
                steps.installed = Some(after);
            } else {
                steps.stored.push(after);
            }
        }
        if steps.found.is_none() {
            steps.read = read.unwrap_or(steps.read);
        }
        steps
    }

    /// What the others changed in the entry: only one that plays the MMU changes it so that it must
    /// not be lost.
    fn marked(&self) -> Vec<Marked> {
        let mut marked = Tally::default();
        for run in &self.exploration.runs {
            let returned = run.writer.outcome.and_then(|outcome| self.subject.returned(&outcome)).map(Value);
            for (cpu, access) in self.accesses(run) {
                let agent = usize::from(cpu).checked_sub(2).and_then(|n| self.with.get(n));
                if agent.is_some_and(With::is_agent) && access.before != access.after {
                    let (before, after) = (Value(access.before), Value(access.after));
                    marked.add((before, after, returned, Value(run.after)), run);
                }
            }
        }
        marked
            .into_iter()
            .map(|((before, after, returned, in_the_end), schedules, schedule)| Marked {
                before,
                after,
                returned,
                in_the_end,
                schedules,
                schedule,
            })
            .collect()
    }

    /// The distinct entries that the walker's loads returned, in the order of their first sight.
    fn views(&self) -> Vec<View> {
        let mut views = Tally::default();
        for run in &self.exploration.runs {
            let loads = self.accesses(run).filter(|(cpu, access)| *cpu == WALKER && access.loads);
            let seen: BTreeSet<u64> = loads.map(|(_, access)| access.before).collect();
            for value in seen {
                views.add(value, run);
            }
        }
        let start = self.start.value;
        views
            .into_iter()
            .map(|(value, schedules, schedule)| View {
                entry: self.entry(value),
                changes: traces::changes(self.encoding, start, value),
                schedules,
                schedule,
                by_walker: self.stored_by_walker(value),
                installed: value != start && self.subject.is_installed(value),
            })
            .collect()
    }

    fn stored_by_walker(&self, value: u64) -> bool {
        let stores = |access: &Access| access.store_pc.is_some() && access.after == value;
        let by = |cpu| {
            self.exploration
                .runs
                .iter()
                .any(|run| self.accesses(run).any(|(who, access)| who == cpu && stores(access)))
        };
        by(WALKER) && !by(WRITER)
    }

    fn outcomes(&self, cpu: u8) -> Vec<Outcome> {
        let mut outcomes = Tally::default();
        for run in &self.exploration.runs {
            outcomes.add(self.outcome_of(run, cpu), run);
        }
        outcomes
            .into_iter()
            .map(|(outcome, schedules, schedule)| Outcome { schedules, schedule, ..outcome })
            .collect()
    }

    fn outcome_of(&self, run: &Run, cpu: u8) -> Outcome {
        let loads = self.accesses(run).filter(|(who, access)| *who == cpu && access.loads);
        self.outcome(ended(run, cpu), loads.last().map(|(_, access)| Value(access.before)), Some(run))
    }

    fn outcome(&self, ended: &Ended, last_view: Option<Value>, run: Option<&Run>) -> Outcome {
        let none = Outcome {
            result: if ended.end.is_bound() { "unknown" } else { "crash" }.to_owned(),
            stopped_by: None,
            pfn: None,
            size: None,
            decided_on: None,
            last_view,
            ended: Some(self.subject.explain(ended.end)),
            past_present: false,
            schedules: Count::default(),
            schedule: String::new(),
        };
        let Some(outcome) = &ended.outcome else { return none };
        Outcome {
            result: outcome.result.name().to_owned(),
            stopped_by: (outcome.check != Check::NoCheck).then(|| outcome.check.name().to_owned()),
            pfn: outcome.pfn.map(Hex),
            size: (outcome.size != 0).then_some(outcome.size),
            decided_on: Some(Value(outcome.entry)),
            last_view: None,
            ended: None,
            past_present: self.subject.past_present(run, outcome),
            ..none
        }
    }

    fn divergences(&self) -> Vec<Divergence> {
        let mut divergences = Tally::default();
        for run in &self.exploration.runs {
            if let Some(divergence) = run.divergence {
                let decided_on = run.walker.outcome.map(|outcome| Value(outcome.entry));
                divergences.add((decided_on, divergence), run);
            }
        }
        divergences
            .into_iter()
            .map(|((decided_on, divergence), schedules, _)| Divergence {
                decided_on,
                pc: divergence.pc.map(Hex),
                symbol: divergence.pc.map(|pc| self.symbol(pc)),
                instruction: divergence.pc.map(|pc| self.instruction(pc)),
                instead_of: divergence.instead_of.map(Hex),
                schedules,
            })
            .collect()
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Tally::default();
        for run in &self.exploration.runs {
            let warned: BTreeSet<u64> = run
                .events
                .iter()
                .filter_map(|event| match event.what {
                    What::Warning { entry } => Some(entry),
                    _ => None,
                })
                .collect();
            for entry in warned {
                warnings.add(entry, run);
            }
        }
        warnings.into_iter().map(|(entry, schedules, _)| Warning { entry: Value(entry), schedules }).collect()
    }

    /// One trace for each behaviour: what each routine read and came to, and what stands in the end,
    /// whatever the order.
    fn behaviours(&self) -> Vec<Trace> {
        let mut behaviours = Tally::default();
        for (at, run) in self.exploration.runs.iter().enumerate() {
            let mut reads: Vec<(u8, u64)> = accesses(run)
                .filter(|(_, access)| access.loads)
                .map(|(cpu, access)| (cpu, access.before))
                .collect();
            reads.sort_by_key(|(cpu, _)| *cpu);
            let ends: Vec<Ended> =
                [run.writer, run.walker].into_iter().chain(run.others.iter().copied()).collect();
            behaviours.add_as((reads, ends, run.after), run, at);
        }
        behaviours
            .into_entries()
            .map(|entry| self.trace(&self.exploration.runs[entry.of], entry.schedules))
            .collect()
    }

    fn trace(&self, run: &Run, schedules: BigUint) -> Trace {
        Trace {
            schedule: run.schedule.to_string(),
            schedules: Count(schedules),
            events: run.events.iter().map(|event| self.event(event)).collect(),
            writer: self.outcome_of(run, WRITER),
            walker: self.outcome_of(run, WALKER),
            with: self.others().map(|cpu| self.outcome_of(run, cpu)).collect(),
            references: run
                .references
                .iter()
                .map(|(pfn, references)| References {
                    pfn: Hex(*pfn),
                    before: self.subject.references(*pfn),
                    references: *references,
                })
                .collect(),
        }
    }

    fn event(&self, event: &emu::Event) -> Event {
        let what = match &event.what {
            What::Flush => traces::What::Flush,
            What::Warning { entry } => traces::What::Warning { entry: Value(*entry) },
            What::Call { function, entry } => {
                traces::What::Call { function: function.to_string(), entry: Value(*entry) }
            }
            What::Access(access) if !self.subject.is_in_table(access.address) => traces::What::Elsewhere {
                place: self.subject.describe(access.address),
                access: match access.kind {
                    AccessKind::Load => "load",
                    AccessKind::Store => "store",
                    AccessKind::Atomic => "atomic",
                }
                .to_owned(),
                before: Value(access.before),
                after: Value(access.after),
            },
            What::Access(access) => {
                let changes = || traces::changes(self.encoding, access.before, access.after);
                let (before, after) = (Value(access.before), Value(access.after));
                let raw = |entry| Value(raw_order(self.encoding, entry));
                match access.kind {
                    AccessKind::Load => traces::What::Load { raw: raw(access.before), entry: before },
                    AccessKind::Store => {
                        traces::What::Store { raw: raw(access.after), before, after, changes: changes() }
                    }
                    AccessKind::Atomic => traces::What::Atomic {
                        raw: raw(access.after),
                        store_pc: access.store_pc.map(Hex),
                        before,
                        after,
                        changes: changes(),
                    },
                }
            }
        };
        let mut instruction = self.instruction(event.pc);
        if let What::Access(Access { store_pc: Some(second), .. }) = event.what
            && second != event.pc
        {
            instruction = format!("{instruction} .. {}", self.instruction(second));
        }
        Event { cpu: event.cpu, pc: Hex(event.pc), symbol: self.symbol(event.pc), instruction, what }
    }

    fn symbol(&self, pc: u64) -> String {
        self.subject.symbol(pc)
    }

    fn instruction(&self, pc: u64) -> String {
        self.subject.instruction(pc)
    }
}

/// The accesses of a run, with their CPU.
pub fn accesses(run: &Run) -> impl Iterator<Item = (u8, &Access)> {
    run.events.iter().filter_map(|event| match &event.what {
        What::Access(access) => Some((event.cpu, access)),
        _ => None,
    })
}

/// What came of one CPU's routine.
fn ended(run: &Run, cpu: u8) -> &Ended {
    match cpu {
        WRITER => &run.writer,
        WALKER => &run.walker,
        other => &run.others[usize::from(other - WALKER - 1)],
    }
}

/// An entry as the CPU's own load gives it: `pmd_raw()`.
fn raw_order(encoding: &Encoding, entry: u64) -> u64 {
    let arch = encoding.arch();
    if ByteOrder::of(arch) == ByteOrder::of_entries(arch) { entry } else { entry.swap_bytes() }
}

/// An encoding, with the versions over which its layout is known to hold.
pub fn encoding_name(encoding: &Encoding) -> String {
    let era = encoding.layout_era();
    let mut mmu = encoding.mmu().map_or(String::new(), |mmu| format!(" {mmu}"));
    if !encoding.has_usual_pages() {
        mmu = format!("{mmu} with pages of {} KiB", (1_u64 << encoding.layout().page_shift) >> 10);
    }
    if era.from == era.to {
        format!("{}{mmu} as of {}", encoding.arch(), era.from)
    } else {
        format!("{}{mmu} as of {} to {}", encoding.arch(), era.from, era.to)
    }
}

/// Where an entry of a kind does not satisfy what its kernel expects of one.
fn contract(encoding: &Encoding, start: &Start) -> Vec<String> {
    let Some(kind) = start.kind else { return Vec::new() };
    let says = |holds: bool| if holds { "true" } else { "false" };
    encoding
        .contract(start.value, kind)
        .iter()
        .map(|breach| {
            format!("pmd_{}() is {}, expected {}", breach.predicate, says(breach.got), says(breach.expected))
        })
        .collect()
}
