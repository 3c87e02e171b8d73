//! One writer against one walker on one entry: runs it, and makes the report of what was observed.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use num_bigint::BigUint;
use pmdscope_arches::{Encoding, EntryKind};
use pmdscope_emu::{
    self as emu, Access, AccessKind, Bounds, Ended, Exploration, Job, Machine, Reduction, Run, Schedule,
    WALKER, WRITER, What,
};
use pmdscope_guest::abi::{Answers, PREDICATES};
use pmdscope_guest::{ByteOrder, Check, Walker, Writer};
use pmdscope_traces as traces;
use pmdscope_traces::{
    Count, Divergence, Entry, Event, Hex, Marked, Observed, Outcome, Overwritten, Predicates, References,
    RunReport, Stored, Swap, Trace, Value, Verdict, View, Warning,
};

use crate::plan::{GuestSource, Start, With};
use crate::tally::Tally;

/// What is studied.
pub struct Study<'a> {
    pub encoding: &'a Encoding,
    pub source: &'a GuestSource,
    pub start: Start,
    pub writer: Writer,
    pub walker: Walker,
    /// What runs with them, each on a CPU of its own.
    pub with: &'a [With],
    pub bounds: &'a Bounds,
    pub reduction: Reduction,
    /// The one schedule to run; every one if there is none.
    pub schedule: Option<&'a Schedule>,
}

impl Study<'_> {
    /// Runs every schedule, or the one, and reports.
    pub fn report(&self, machine: &mut Machine) -> Result<RunReport> {
        let env = emu::env(self.encoding);
        let others: Vec<&str> = self.with.iter().map(|with| with.symbol()).collect();
        let job = Job {
            entry: self.start.value,
            writer: self.writer.symbol(),
            walker: self.walker.symbol(),
            others: &others,
            env,
            pmd_shift: self.encoding.layout().pmd_shift,
            pfn: self.start.pfn,
        };
        let exploration = match self.schedule {
            None => machine.explore(&job, self.bounds, self.reduction)?,
            Some(schedule) => machine.explore_one(&job, self.bounds, schedule)?,
        };

        // Every entry that the report shows is put to the guest's own predicates, all at once.
        let mut values: BTreeSet<u64> = [self.start.value].into();
        for run in &exploration.runs {
            values.insert(run.after);
            values.extend(accesses(run).flat_map(|(_, access)| [access.before, access.after]));
        }
        let values: Vec<u64> = values.into_iter().collect();
        let answers = machine.survey(&values, &env)?;
        let entries = values
            .iter()
            .zip(&answers)
            .map(|(value, answers)| (*value, self.entry(*value, answers)))
            .collect();
        let mut report = Reporter { study: self, machine, entries, exploration: &exploration }.report();
        report.disagreements = values
            .iter()
            .zip(&answers)
            .filter_map(|(value, answers)| disagreement(self.encoding, *value, answers))
            .collect();
        report.verdict = if !report.disagreements.is_empty() {
            Verdict::Unknown
        } else if !report.findings.is_empty() {
            Verdict::Findings
        } else if report.incomplete.is_some() {
            Verdict::Unknown
        } else {
            Verdict::Pass
        };
        Ok(report)
    }

    /// An entry, with the guest's answers.
    fn entry(&self, value: u64, answers: &Answers) -> Entry {
        let predicates = answered(answers);
        let has_swap = predicates.swap && self.encoding.layout().swap.is_some();
        let swap = has_swap.then_some(Swap { kind: answers.swp_type, offset: Hex(answers.swp_offset) });
        let pfn = if predicates.present && predicates.leaf {
            Some(answers.pfn)
        } else if predicates.migration {
            self.encoding.pfn_of(value)
        } else {
            None
        };
        Entry::new(self.encoding, value, predicates, pfn, swap)
    }
}

struct Reporter<'a> {
    study: &'a Study<'a>,
    machine: &'a Machine,
    /// Every entry of every run, by value.
    entries: HashMap<u64, Entry>,
    exploration: &'a Exploration,
}

impl Reporter<'_> {
    fn report(&self) -> RunReport {
        let Study { encoding, source, start, writer, walker, with, .. } = self.study;
        let before = self.entry(start.value);
        let views = self.views();
        let outcomes = self.outcomes(WALKER);
        let findings = traces::judge(&Observed {
            before: &before,
            built_as_swap: start.kind.is_some_and(EntryKind::is_swap),
            views: &views,
            outcomes: &outcomes,
            overwritten: &self.overwritten(),
            marked: &self.marked(),
        });
        let behaviours = self.behaviours();
        RunReport {
            schema: traces::RUN_SCHEMA.to_owned(),
            arch: encoding.arch().to_string(),
            mmu: encoding.mmu().map(|mmu| mmu.to_string()),
            linux: encoding.version().to_string(),
            encoding: encoding_name(encoding),
            guest: traces::GuestInfo {
                kind: source.kind.to_owned(),
                name: source.name.clone(),
                sha256: source.sha256.clone(),
            },
            entry: start.kind.map_or("pmd", EntryKind::name).to_owned(),
            marks: start.marks.names(),
            writer: writer.name().to_owned(),
            walker: walker.name().to_owned(),
            with: with.iter().map(|with| with.name().to_owned()).collect(),
            predicates: "guest".to_owned(),
            contract: contract(encoding, start),
            before,
            after: self.after(),
            stored: self.stored(),
            views,
            alone: self.outcome(&self.exploration.alone, None),
            outcomes,
            writer_outcomes: self.outcomes(WRITER),
            with_outcomes: self.others().map(|cpu| self.outcomes(cpu)).collect(),
            divergences: self.divergences(),
            warnings: self.warnings(),
            findings,
            disagreements: Vec::new(),
            schedules: traces::Schedules {
                total: Count(self.exploration.schedules.clone()),
                behaviours: behaviours.len() as u64,
                machine_runs: self.exploration.machine_runs,
            },
            incomplete: self.exploration.incomplete.as_ref().map(ToString::to_string),
            verdict: Verdict::Unknown,
            traces: behaviours,
        }
    }

    fn entry(&self, value: u64) -> Entry {
        self.entries[&value].clone()
    }

    fn after(&self) -> Option<Entry> {
        let mut ends = self.exploration.runs.iter().map(|run| run.after);
        let first = ends.next()?;
        ends.all(|other| other == first).then(|| self.entry(first))
    }

    /// The CPUs of what runs with writer and walker.
    fn others(&self) -> impl Iterator<Item = u8> + use<> {
        (WALKER + 1..).take(self.study.with.len())
    }

    /// What the writer stored, in order; each store once, however many schedules it has.
    fn stored(&self) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for run in &self.exploration.runs {
            for (_, access) in accesses(run).filter(|(cpu, _)| *cpu == WRITER) {
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
                    changes: traces::changes(self.study.encoding, access.before, access.after),
                });
            }
        }
        stored
    }

    /// What the walker stored, though it should only read.
    fn overwritten(&self) -> Vec<Overwritten> {
        let mut overwritten = Tally::default();
        for run in &self.exploration.runs {
            let mut seen = Vec::new();
            for (_, access) in accesses(run).filter(|(cpu, _)| *cpu == WALKER) {
                if access.loads {
                    seen.push(Value(access.before));
                }
                if access.store_pc.is_some() {
                    overwritten.add((seen.clone(), Value(access.after)), run);
                }
            }
        }
        overwritten
            .into_iter()
            .map(|((seen, after), schedules, schedule)| Overwritten { seen, after, schedules, schedule })
            .collect()
    }

    /// What the others changed in the entry: only one that plays the MMU changes it so that it must
    /// not be lost.
    fn marked(&self) -> Vec<Marked> {
        let mut marked = Tally::default();
        for run in &self.exploration.runs {
            let returned = run.writer.outcome.map(|outcome| Value(outcome.entry));
            for (cpu, access) in accesses(run) {
                let agent = usize::from(cpu).checked_sub(2).and_then(|n| self.study.with.get(n));
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
            let loads = accesses(run).filter(|(cpu, access)| *cpu == WALKER && access.loads);
            let seen: BTreeSet<u64> = loads.map(|(_, access)| access.before).collect();
            for value in seen {
                views.add(value, run);
            }
        }
        let start = self.study.start.value;
        let installed = emu::installed_table(self.study.encoding);
        views
            .into_iter()
            .map(|(value, schedules, schedule)| View {
                entry: self.entry(value),
                changes: traces::changes(self.study.encoding, start, value),
                schedules,
                schedule,
                by_walker: self.stored_by_walker(value),
                installed: value == installed && value != start,
            })
            .collect()
    }

    fn stored_by_walker(&self, value: u64) -> bool {
        let stores = |access: &Access| access.store_pc.is_some() && access.after == value;
        let by = |cpu| {
            self.exploration
                .runs
                .iter()
                .any(|run| accesses(run).any(|(who, access)| who == cpu && stores(access)))
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
        let loads = accesses(run).filter(|(who, access)| *who == cpu && access.loads);
        self.outcome(ended(run, cpu), loads.last().map(|(_, access)| Value(access.before)))
    }

    fn outcome(&self, ended: &Ended, last_view: Option<Value>) -> Outcome {
        let none = Outcome {
            result: if ended.end.is_bound() { "unknown" } else { "crash" }.to_owned(),
            stopped_by: None,
            pfn: None,
            size: None,
            decided_on: None,
            last_view,
            ended: Some(ended.end.to_string()),
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
            past_present: self.study.walker.checks_past_present().contains(&outcome.check),
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
                    What::Access(_) | What::Flush => None,
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
                .map(|(pfn, references)| References { pfn: Hex(*pfn), references: *references })
                .collect(),
        }
    }

    fn event(&self, event: &emu::Event) -> Event {
        let what = match &event.what {
            What::Flush => traces::What::Flush,
            What::Warning { entry } => traces::What::Warning { entry: Value(*entry) },
            What::Access(access) => {
                let changes = || traces::changes(self.study.encoding, access.before, access.after);
                let (before, after) = (Value(access.before), Value(access.after));
                let raw = |entry| Value(raw_order(self.study.encoding, entry));
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
        match self.machine.guest().symbol_at(pc) {
            Some((name, offset)) => format!("{name}+{offset:#x}"),
            None => format!("{pc:#x}"),
        }
    }

    fn instruction(&self, pc: u64) -> String {
        self.machine.instruction(pc).to_string()
    }
}

/// The guest's answers.
fn answered(answers: &Answers) -> Predicates {
    let says = |name: &str| {
        let bit = PREDICATES.iter().position(|predicate| predicate.strip_prefix("pmd_") == Some(name));
        bit.is_some_and(|bit| answers.predicates & (1 << bit) != 0)
    };
    Predicates {
        none: says("none"),
        present: says("present"),
        leaf: says("leaf"),
        trans_huge: says("trans_huge"),
        bad: says("bad"),
        protnone: says("protnone"),
        swap: says("swap"),
        migration: says("migration"),
    }
}

/// Where the guest and the model do not say the same of an entry, so that the guest is not one of
/// this encoding.
fn disagreement(encoding: &Encoding, value: u64, answers: &Answers) -> Option<String> {
    let model = Entry::of_model(encoding, value);
    let (guest, modelled) = (answered(answers), model.predicates);
    if guest != modelled {
        return Some(format!(
            "of {} the guest says {}, the model {}",
            Value(value),
            guest.holding(),
            modelled.holding()
        ));
    }
    let guest = Swap { kind: answers.swp_type, offset: Hex(answers.swp_offset) };
    let modelled = model.swap.filter(|modelled| *modelled != guest)?;
    Some(format!(
        "in {} the guest finds type {} offset {:#x}, the model type {} offset {:#x}",
        Value(value),
        guest.kind,
        guest.offset.0,
        modelled.kind,
        modelled.offset.0
    ))
}

/// The accesses of a run, with their CPU.
fn accesses(run: &Run) -> impl Iterator<Item = (u8, &Access)> {
    run.events.iter().filter_map(|event| match &event.what {
        What::Access(access) => Some((event.cpu, access)),
        What::Flush | What::Warning { .. } => None,
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
    let mmu = encoding.mmu().map_or(String::new(), |mmu| format!(" {mmu}"));
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
