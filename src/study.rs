//! One writer against one walker on one entry: runs it, and makes the report of what was observed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use pmdscope_arches::{Encoding, EntryKind};
use pmdscope_emu::{
    self as emu, Access, AccessKind, Bounds, Ended, Exploration, Job, Machine, Run, WALKER, WRITER, What,
};
use pmdscope_guest::abi::{Answers, PREDICATES};
use pmdscope_guest::{ByteOrder, Check, Walker, Writer};
use pmdscope_traces as traces;
use pmdscope_traces::{
    Divergence, Entry, Event, Hex, Observed, Outcome, Overwritten, Predicates, References, RunReport, Stored,
    Swap, Trace, Value, Verdict, View, Warning,
};

use crate::plan::{GuestSource, Start};

/// What is studied.
pub struct Study<'a> {
    pub encoding: &'a Encoding,
    pub source: &'a GuestSource,
    pub start: Start,
    pub writer: Writer,
    pub walker: Walker,
    pub bounds: &'a Bounds,
}

impl Study<'_> {
    /// Runs every schedule and reports.
    pub fn report(&self, machine: &mut Machine) -> Result<RunReport> {
        let env = emu::env(self.encoding);
        let job = Job {
            entry: self.start.value,
            writer: self.writer.symbol(),
            walker: self.walker.symbol(),
            env,
            pmd_shift: self.encoding.layout().pmd_shift,
            pfn: self.start.pfn,
        };
        let exploration = machine.explore(&job, self.bounds)?;

        // Every entry that the report shows is put to the guest's own predicates, all at once.
        let mut values: BTreeSet<u64> = [self.start.value].into();
        for run in &exploration.runs {
            values.insert(run.after);
            values.extend(accesses(run).flat_map(|(_, _, access)| [access.before, access.after]));
        }
        let values: Vec<u64> = values.into_iter().collect();
        let answers = machine.survey(&values, &env)?;
        let entries = Entries {
            known: values
                .iter()
                .zip(&answers)
                .map(|(value, answers)| (*value, self.entry(*value, answers)))
                .collect(),
        };
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

/// The entries of a report, by value.
struct Entries {
    known: HashMap<u64, Entry>,
}

impl Entries {
    fn of(&self, value: u64) -> Entry {
        // Every value of every run was put to the guest before.
        self.known[&value].clone()
    }
}

struct Reporter<'a> {
    study: &'a Study<'a>,
    machine: &'a Machine,
    entries: Entries,
    exploration: &'a Exploration,
}

impl Reporter<'_> {
    fn report(&self) -> RunReport {
        let Study { encoding, source, start, writer, walker, .. } = self.study;
        let before = self.entries.of(start.value);
        let views = self.views();
        let outcomes = self.outcomes(WALKER);
        let overwritten = self.overwritten();
        let observed = Observed {
            before: &before,
            built_as_swap: start.kind.is_some_and(EntryKind::is_swap),
            views: &views,
            outcomes: &outcomes,
            overwritten: &overwritten,
        };
        let findings = traces::judge(&observed);
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
            predicates: "guest".to_owned(),
            contract: contract(encoding, start),
            before,
            after: self.after(),
            stored: self.stored(),
            views,
            alone: self.alone(),
            outcomes,
            writer_outcomes: self.outcomes(WRITER),
            divergences: self.divergences(),
            warnings: self.warnings(),
            findings,
            disagreements: Vec::new(),
            schedules: traces::Schedules {
                total: self.exploration.runs.len() as u64,
                behaviours: behaviours.len() as u64,
                machine_runs: self.exploration.machine_runs,
            },
            incomplete: self.exploration.incomplete.as_ref().map(ToString::to_string),
            verdict: Verdict::Unknown,
            traces: behaviours,
        }
    }

    fn after(&self) -> Option<Entry> {
        let mut ends = self.exploration.runs.iter().map(|run| run.after);
        let first = ends.next()?;
        ends.all(|other| other == first).then(|| self.entries.of(first))
    }

    /// What the writer stored, in order; each store once, however many schedules it has.
    fn stored(&self) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for run in &self.exploration.runs {
            for (cpu, _, access) in accesses(run) {
                let Some(pc) = access.store_pc.filter(|_| cpu == WRITER) else { continue };
                let one = Stored {
                    entry: self.entries.of(access.after),
                    pc: Hex(pc),
                    symbol: self.symbol(pc),
                    instruction: self.instruction(pc),
                    changes: traces::changes(self.study.encoding, access.before, access.after),
                };
                // The bits that change depend on what another CPU did meanwhile; the first stand for all.
                if !stored.iter().any(|known| (known.pc, known.entry.value) == (one.pc, one.entry.value)) {
                    stored.push(one);
                }
            }
        }
        stored
    }

    /// What the walker stored, though it should only read.
    fn overwritten(&self) -> Vec<Overwritten> {
        let mut overwritten = Vec::new();
        for run in &self.exploration.runs {
            let mut seen = Vec::new();
            for (_, _, access) in accesses(run).filter(|(cpu, _, _)| *cpu == WALKER) {
                if access.loads {
                    seen.push(Value(access.before));
                }
                if access.store_pc.is_some() {
                    overwritten.push(Overwritten {
                        seen: seen.clone(),
                        after: Value(access.after),
                        schedules: 1,
                    });
                }
            }
        }
        overwritten
    }

    /// The distinct entries that the walker's loads returned, in the order of their first sight.
    fn views(&self) -> Vec<View> {
        let installed = emu::installed_table(self.study.encoding);
        let mut views: Vec<View> = Vec::new();
        for run in &self.exploration.runs {
            let seen: BTreeSet<u64> = accesses(run)
                .filter(|(cpu, _, access)| *cpu == WALKER && access.loads)
                .map(|(_, _, access)| access.before)
                .collect();
            for value in seen {
                match views.iter_mut().find(|view| view.entry.value == Value(value)) {
                    Some(view) => view.schedules += 1,
                    None => views.push(View {
                        entry: self.entries.of(value),
                        changes: traces::changes(self.study.encoding, self.study.start.value, value),
                        schedules: 1,
                        by_walker: self.stored_by_walker(value),
                        installed: value == installed && value != self.study.start.value,
                    }),
                }
            }
        }
        views
    }

    fn stored_by_walker(&self, value: u64) -> bool {
        let stores = |access: &Access| access.store_pc.is_some() && access.after == value;
        let by = |cpu| {
            self.exploration.runs.iter().any(|run| accesses(run).any(|(who, _, a)| who == cpu && stores(a)))
        };
        by(WALKER) && !by(WRITER)
    }

    fn alone(&self) -> Outcome {
        let alone = self.outcome(&self.exploration.alone, None, "");
        Outcome { schedules: 0, ..alone }
    }

    fn outcomes(&self, cpu: u8) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        for run in &self.exploration.runs {
            let one = self.outcome_of(run, cpu);
            let same = |known: &&mut Outcome| {
                Outcome { schedules: 0, schedule: String::new(), ..(**known).clone() }
                    == Outcome { schedules: 0, schedule: String::new(), ..one.clone() }
            };
            match outcomes.iter_mut().find(same) {
                Some(known) => known.schedules += 1,
                None => outcomes.push(one),
            }
        }
        outcomes
    }

    fn outcome_of(&self, run: &Run, cpu: u8) -> Outcome {
        let ended = if cpu == WRITER { &run.writer } else { &run.walker };
        let loads = accesses(run).filter(|(who, _, access)| *who == cpu && access.loads);
        let last_view = loads.last().map(|(_, _, access)| Value(access.before));
        self.outcome(ended, last_view, &run.schedule.to_string())
    }

    fn outcome(&self, ended: &Ended, last_view: Option<Value>, schedule: &str) -> Outcome {
        let walker = self.study.walker;
        match &ended.outcome {
            Some(outcome) => Outcome {
                result: outcome.result.name().to_owned(),
                stopped_by: (outcome.check != Check::NoCheck).then(|| outcome.check.name().to_owned()),
                pfn: outcome.pfn.map(Hex),
                size: (outcome.size != 0).then_some(outcome.size),
                decided_on: Some(Value(outcome.entry)),
                last_view: None,
                ended: None,
                past_present: walker.checks_past_present().contains(&outcome.check),
                schedules: 1,
                schedule: schedule.to_owned(),
            },
            None => Outcome {
                result: if ended.end.is_bound() { "unknown" } else { "crash" }.to_owned(),
                stopped_by: None,
                pfn: None,
                size: None,
                decided_on: None,
                last_view,
                ended: Some(ended.end.to_string()),
                past_present: false,
                schedules: 1,
                schedule: schedule.to_owned(),
            },
        }
    }

    fn divergences(&self) -> Vec<Divergence> {
        let mut divergences: Vec<Divergence> = Vec::new();
        for run in &self.exploration.runs {
            let Some(divergence) = run.divergence else { continue };
            let one = Divergence {
                decided_on: run.walker.outcome.map(|outcome| Value(outcome.entry)),
                pc: divergence.pc.map(Hex),
                symbol: divergence.pc.map(|pc| self.symbol(pc)),
                instruction: divergence.pc.map(|pc| self.instruction(pc)),
                instead_of: divergence.instead_of.map(Hex),
                schedules: 1,
            };
            let same = |known: &&mut Divergence| known.decided_on == one.decided_on && known.pc == one.pc;
            match divergences.iter_mut().find(same) {
                Some(known) => known.schedules += 1,
                None => divergences.push(one),
            }
        }
        divergences
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings: BTreeMap<u64, u64> = BTreeMap::new();
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
                *warnings.entry(entry).or_default() += 1;
            }
        }
        warnings.into_iter().map(|(entry, schedules)| Warning { entry: Value(entry), schedules }).collect()
    }

    /// One trace for each behaviour: what each routine read, stored and came to, whatever the order.
    fn behaviours(&self) -> Vec<Trace> {
        type Behaviour<'a> = (Vec<(u8, u64, &'a Access)>, &'a Ended, &'a Ended, u64);
        let mut order: Vec<(Behaviour<'_>, &Run, u64)> = Vec::new();
        let mut known: HashMap<Behaviour<'_>, usize> = HashMap::new();
        for run in &self.exploration.runs {
            let mut of_each: Vec<_> = accesses(run).collect();
            of_each.sort_by_key(|(cpu, _, _)| *cpu);
            let behaviour = (of_each, &run.writer, &run.walker, run.after);
            match known.get(&behaviour) {
                Some(at) => order[*at].2 += 1,
                None => {
                    known.insert(behaviour.clone(), order.len());
                    order.push((behaviour, run, 1));
                }
            }
        }
        order
            .into_iter()
            .map(|(_, run, schedules)| Trace {
                schedules,
                events: run.events.iter().map(|event| self.event(event)).collect(),
                writer: self.outcome_of(run, WRITER),
                walker: self.outcome_of(run, WALKER),
                references: run
                    .references
                    .iter()
                    .map(|(pfn, references)| References { pfn: Hex(*pfn), references: *references })
                    .collect(),
                schedule: run.schedule.to_string(),
            })
            .collect()
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

/// The accesses of a run, with their CPU and instruction.
fn accesses(run: &Run) -> impl Iterator<Item = (u8, u64, &Access)> {
    run.events.iter().filter_map(|event| match &event.what {
        What::Access(access) => Some((event.cpu, event.pc, access)),
        _ => None,
    })
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
