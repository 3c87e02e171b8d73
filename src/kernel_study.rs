//! One writer of a real kernel against one walker on one entry: runs it, and makes the report.

use std::collections::BTreeSet;
use std::rc::Rc;

use anyhow::{Context, Result};
use pmdscope_arches::{Encoding, EntryKind, Form};
use pmdscope_emu::{
    Bounds, EmuError, End, Exploration, Given, KernelMachine, Recipe, Reduction, Run, Schedule, WRITER, What,
};
use pmdscope_guest::abi::Outcome;
use pmdscope_traces::{
    Control, Entry, Hex, Invalidated, KernelFacts, RunReport, SplitGuard, Stub, Value, Verdict, WriterRule,
};

use crate::command::CommandLine;
use crate::kernel_plan::{KernelPlan, KernelSource, Wanted};
use crate::plan::Start;
use crate::reporter::{Names, Reporter, Subject, accesses, last_stored, not_run};
use crate::tally::Tally;

/// What is studied.
pub struct KernelStudy<'a> {
    pub source: &'a KernelSource,
    pub wanted: Wanted,
    pub writer: &'static Recipe,
    /// `None`: the writer alone.
    pub walker: Option<&'static Recipe>,
    pub bounds: &'a Bounds,
    pub reduction: Reduction,
    pub schedule: Option<&'a Schedule>,
}

impl<'a> KernelStudy<'a> {
    /// The study of one of a plan's walkers, under one schedule or all.
    pub fn of(plan: &'a KernelPlan, walker: Option<&'static Recipe>, schedule: Option<&'a Schedule>) -> Self {
        KernelStudy {
            source: &plan.source,
            wanted: plan.wanted,
            writer: plan.writer,
            walker,
            bounds: &plan.bounds,
            reduction: plan.reduction,
            schedule,
        }
    }

    /// Runs the controls, then every schedule or the one, and reports. A kernel whose environment cannot be
    /// set up has a report that says so.
    pub fn report(&self) -> Result<RunReport> {
        let encoding = self.source.encoding;
        let kernel = Rc::clone(&self.source.kernel);
        let mut machine = match KernelMachine::new(kernel, encoding, self.wanted.page()) {
            Ok(machine) => machine,
            Err(EmuError::Environment(missing)) => return self.without(&missing),
            Err(error) => return Err(error).with_context(|| self.source.path.display().to_string()),
        };
        let encoding = *machine.encoding();
        let start = match self.wanted {
            // Not one that points to where no table is.
            Wanted::Kind { kind: kind @ EntryKind::Table, marks, pfn: None } => {
                Start { value: machine.installed_table(), kind: Some(kind), marks, pfn: 0, asked: false }
            }
            _ => self.wanted.build(&encoding)?,
        };
        let controls: Vec<Control> = machine
            .controls()?
            .into_iter()
            .map(|control| Control { what: control.what, came_to: control.came_to, passed: control.passed })
            .collect();
        let exploration = match self.explore(&mut machine, &start) {
            Ok(exploration) => exploration,
            Err(EmuError::Environment(missing)) => return self.without(&missing),
            Err(error) => return Err(error.into()),
        };

        let mut values: BTreeSet<u64> = [start.value].into();
        for run in &exploration.runs {
            values.insert(run.after);
            values.extend(accesses(run).flat_map(|(_, access)| [access.before, access.after]));
        }
        let entries = values.into_iter().map(|value| (value, Entry::of_model(&encoding, value))).collect();
        let installed = if self.writer.installs {
            last_stored(&exploration, WRITER, machine.entry_address())
        } else {
            BTreeSet::new()
        };
        // A walker changes nothing of what the split fills its page table with.
        let filled = match self.writer.name == "split" && is_mapping(&encoding, start.value) {
            true => machine.run_alone(self.writer, start.value, self.bounds.call)?.filled,
            false => Vec::new(),
        };
        let subject = OnKernel {
            filled,
            machine: &machine,
            encoding: &encoding,
            writer: self.writer,
            start: start.value,
            installed,
        };
        let reporter = Reporter {
            encoding: &encoding,
            start: &start,
            with: &[],
            subject: &subject,
            entries,
            exploration: &exploration,
        };
        let mut report = reporter.report(self.names(&start));
        if !self.writer.returns_entry {
            let of_traces = report.traces.iter_mut().map(|trace| &mut trace.writer);
            for outcome in report.writer_outcomes.iter_mut().chain(of_traces) {
                if outcome.result == "old" {
                    outcome.result = "returned".to_owned();
                }
            }
        }
        let invalidated = invalidated(&exploration, &encoding);
        let failed = controls.iter().find(|control| !control.passed);
        if let Some(control) = failed {
            report.incomplete = Some(format!(
                "environment incomplete: control failed: {}: {}",
                control.what, control.came_to
            ));
            report.verdict = Verdict::Unknown;
        }
        let trusted = failed.is_none() && report.incomplete.is_none();
        report.kernel = Some(KernelFacts {
            split: self.guard(&encoding, &start, &invalidated, trusted),
            invalidated,
            controls,
            stubs: machine
                .stubs()
                .iter()
                .map(|stub| Stub {
                    function: stub.symbol.to_owned(),
                    returns: stub.returns.map(Hex),
                    why: stub.why.to_owned(),
                })
                .collect(),
            assumptions: self
                .beyond_callers(&encoding, &start)
                .into_iter()
                .chain(machine.assumptions().to_vec())
                .collect(),
            shared: machine.shared(),
            ..self.functions()
        });
        Ok(report)
    }

    /// That the writer is run on an entry that the kernel does not call it with, if it is.
    fn beyond_callers(&self, encoding: &Encoding, start: &Start) -> Option<String> {
        let (given, only) = match self.writer.given {
            Given::Any => (true, ""),
            Given::Mapping => ((encoding.layout().predicates.present)(start.value), "mappings"),
            Given::Migration => (encoding.is_migration(start.value), "migration entries"),
        };
        (!given).then(|| {
            format!(
                "{} is given an entry that no caller gives it: the kernel calls it with {only} only, so that what it \
                 does here is no fault of the kernel's",
                self.writer.name
            )
        })
    }

    fn explore(&self, machine: &mut KernelMachine, start: &Start) -> Result<Exploration, EmuError> {
        match (self.walker, self.schedule) {
            (None, _) => machine.explore_alone(self.writer, start.value, self.bounds),
            (Some(walker), None) => {
                machine.explore(self.writer, walker, start.value, self.bounds, self.reduction)
            }
            (Some(walker), Some(schedule)) => {
                machine.explore_one(self.writer, walker, start.value, self.bounds, schedule)
            }
        }
    }

    fn names(&self, start: &Start) -> Names {
        let walker = self.walker.map_or("none", |walker| walker.name);
        let guest = self.source.info();
        Names {
            command: CommandLine::run([("--kernel", Some(guest.name.as_str()))])
                .on(start)
                .running(self.writer.name, walker, [])
                .under(self.schedule, self.reduction, self.bounds),
            guest,
            writer: self.writer.name.to_owned(),
            walker: walker.to_owned(),
            predicates: "model",
        }
    }

    /// What is known before anything is run.
    fn functions(&self) -> KernelFacts {
        let function = |recipe: &Recipe| {
            let found = recipe.function(&self.source.kernel).map(|(symbol, _)| symbol);
            found.unwrap_or(recipe.symbols[0]).to_owned()
        };
        KernelFacts {
            writer_function: function(self.writer),
            walker_function: self.walker.map(function),
            split: SplitGuard::Unknown,
            invalidated: Vec::new(),
            controls: Vec::new(),
            stubs: Vec::new(),
            assumptions: Vec::new(),
            shared: Vec::new(),
        }
    }

    /// Whether the split left alone an entry that is not present.
    fn guard(
        &self,
        encoding: &Encoding,
        start: &Start,
        invalidated: &[Invalidated],
        trusted: bool,
    ) -> SplitGuard {
        let is_split = self.writer.name == "split" && encoding.is_migration(start.value);
        if !is_split || !trusted {
            SplitGuard::Unknown
        } else if invalidated.iter().any(|entry| !entry.present) {
            SplitGuard::Vulnerable
        } else {
            SplitGuard::Guarded
        }
    }

    /// The report where the engine did not survive the run.
    pub fn lost(&self, why: &str) -> Result<RunReport> {
        let start = self.wanted.build(&self.source.encoding)?;
        let mut report = not_run(&self.source.encoding, &start, &[], self.names(&start), why.to_owned());
        report.kernel = Some(self.functions());
        Ok(report)
    }

    /// The report of a kernel that cannot be run, since something is missing.
    fn without(&self, missing: &str) -> Result<RunReport> {
        self.lost(&format!("environment incomplete: {missing}"))
    }
}

/// The entries for which a function was entered that invalidates them.
fn invalidated(exploration: &Exploration, encoding: &Encoding) -> Vec<Invalidated> {
    let mut calls = Tally::default();
    for run in &exploration.runs {
        let mut seen = BTreeSet::new();
        for event in &run.events {
            if let What::Call { function, entry } = &event.what
                && seen.insert((function.to_string(), *entry))
            {
                calls.add((function.to_string(), *entry), run);
            }
        }
    }
    calls
        .into_iter()
        .map(|((function, entry), schedules, _)| Invalidated {
            function,
            entry: Value(entry),
            present: (encoding.layout().predicates.present)(entry),
            schedules,
        })
        .collect()
}

/// Whether an entry is a mapping of a huge page.
fn is_mapping(encoding: &Encoding, entry: u64) -> bool {
    matches!(encoding.form(entry), Form::Leaf | Form::InvalidLeaf)
}

struct OnKernel<'a> {
    /// What the writer filled of the page table when it ran alone.
    filled: Vec<u64>,
    machine: &'a KernelMachine,
    encoding: &'a Encoding,
    writer: &'static Recipe,
    start: u64,
    /// What the writer put in the place of the entry.
    installed: BTreeSet<u64>,
}

impl Subject for OnKernel<'_> {
    fn symbol(&self, pc: u64) -> String {
        match self.machine.kernel().symbol_at(pc) {
            Some((name, offset)) => format!("{name}+{offset:#x}"),
            None => format!("{pc:#x}"),
        }
    }

    fn instruction(&self, pc: u64) -> String {
        self.machine.instruction(pc).to_string()
    }

    fn is_in_table(&self, address: u64) -> bool {
        self.machine.pmd_table().contains(&address)
    }

    fn describe(&self, address: u64) -> String {
        self.machine.describe(address)
    }

    fn explain(&self, end: End) -> String {
        self.machine.explain(end)
    }

    fn is_installed(&self, entry: u64) -> bool {
        self.installed.contains(&entry)
    }

    fn writer_rule(&self) -> WriterRule {
        WriterRule {
            invalidates: self.writer.invalidates,
            installs: self.writer.installs,
            may_drop: (self.writer.may_drop)(self.machine),
        }
    }

    fn filled(&self) -> &[u64] {
        &self.filled
    }

    fn returned(&self, outcome: &Outcome) -> Option<u64> {
        self.writer.returns_entry.then_some(outcome.entry)
    }

    /// A kernel does not tell which check refused. But the path that the walker takes on an entry that is not
    /// present is the one that its present check has it take: what leaves that path on a present entry has
    /// gone past the check.
    fn past_present(&self, run: Option<&Run>, outcome: &Outcome) -> bool {
        let present = self.encoding.layout().predicates.present;
        let left = run.is_some_and(|run| run.divergence.is_some());
        left && !present(self.start) && present(outcome.entry) && !self.is_installed(outcome.entry)
    }

    fn references(&self, pfn: u64) -> u64 {
        self.machine.references_of(pfn)
    }
}
