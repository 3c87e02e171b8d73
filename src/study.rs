//! Runs one writer against one walker on one entry, and reports what was observed.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use pmdscope_arches::{Encoding, EntryKind, Form};
use pmdscope_emu::{
    Action, Bounds, EmuError, Environment, Exploration, Inspect, Job, Reduction, Schedule, Schedules,
    Section, WALKER, WRITER,
};
use pmdscope_guest::{Installs, Precondition, Routine};
use pmdscope_traces::{Count, Entry, Excluded, Exclusion, Predicates, PredicatesFrom, RunReport, Verdict};

use crate::command::CommandLine;
use crate::kernel_facts::{self, KernelObservation};
use crate::plan::RunPlan;
use crate::predicates::{disagreement, of_guest};
use crate::reporter::{Names, Reporter, accesses, last_stored, not_run};
use crate::start::{EntryRequest, Start};
use crate::subject::{LastEnvironment, NO_WALKER, Subject};

/// A study: one subject, entry and set of routines.
pub struct Study<'a> {
    /// The subject that is run.
    pub subject: &'a Subject,
    /// The initial entry.
    pub entry: EntryRequest,
    /// The writer.
    pub writer: &'static Routine,
    /// The walker; `None` if the writer runs alone.
    pub walker: Option<&'static Routine>,
    /// Further routines, each on a CPU of its own.
    pub with: &'a [&'static Routine],
    /// The bounds of the run.
    pub bounds: &'a Bounds,
    /// Whether equivalent schedules are joined.
    pub reduction: Reduction,
    /// The one schedule to run; `None`: every schedule.
    pub schedule: Option<&'a Schedule>,
}

impl<'a> Study<'a> {
    /// Makes the study of one of a plan's walkers, under one schedule or all.
    pub fn of(plan: &'a RunPlan, walker: Option<&'static Routine>, schedule: Option<&'a Schedule>) -> Self {
        Study {
            subject: &plan.subject,
            entry: plan.entry,
            writer: plan.writer,
            walker,
            with: &plan.with,
            bounds: &plan.bounds,
            reduction: plan.reduction,
            schedule,
        }
    }

    /// Runs the controls, then every schedule or the one, and returns the report.
    ///
    /// If the environment of a kernel cannot be set up, the report says so.
    pub fn report(&self, last: &mut LastEnvironment) -> Result<RunReport> {
        let environment = match last.of(self.subject, self.entry.page()) {
            Ok(environment) => environment,
            Err(EmuError::Environment(missing)) => return self.incomplete_environment(&missing),
            Err(error) => {
                return match self.subject {
                    Subject::Guest(_) => Err(error.into()),
                    Subject::Kernel(kernel) => Err(error).with_context(|| kernel.path.display().to_string()),
                };
            }
        };
        let observed = self.observe(environment);
        if observed.is_err() {
            last.forget();
        }
        let by_type = self.writer.declared || self.walker.is_some_and(|walker| walker.declared);
        match observed {
            Err(error) => match error.downcast() {
                Ok(EmuError::Environment(missing)) => self.incomplete_environment(&missing),
                // What is run by its types alone may depend on what is not seen. The other jobs of a survey go on.
                Ok(error @ EmuError::NotAsRecorded { .. }) if by_type => {
                    self.incomplete_report(&error.to_string())
                }
                Ok(error) => Err(error.into()),
                Err(error) => Err(error),
            },
            report => report,
        }
    }

    fn observe(&self, environment: &mut dyn Environment) -> Result<RunReport> {
        let encoding = *environment.encoding();
        let start = match (self.entry, environment.only_table()) {
            (EntryRequest::Kind { kind: kind @ EntryKind::Table, marks, pfn: None }, Some(value)) => {
                Start { value, kind: Some(kind), marks, pfn: 0, asked: false }
            }
            _ => self.entry.build(&encoding)?,
        };
        let controls = environment.controls()?;
        let job = Job {
            entry: start.value,
            pfn: start.pfn,
            writer: self.writer,
            walker: self.walker,
            others: self.with,
        };
        let schedules = self.schedule.map_or(Schedules::All(self.reduction), Schedules::One);
        let exploration = environment.explore(&job, self.bounds, schedules)?;
        // A walker does not change what a split fills its page table with, so the writer runs alone here.
        let filled = match self.writer.splits && has_marks(&encoding, start.value) {
            true => environment.filled(&job, self.bounds.call)?,
            false => Vec::new(),
        };

        // One survey asks the guest's own predicates about every entry that the report shows.
        let values: Vec<u64> = values(&start, &exploration).into_iter().collect();
        let answers = environment.survey(&values)?;
        let (predicates, entries, disagreements): (_, HashMap<u64, Entry>, _) = match &answers {
            Some(answers) => {
                let both = || values.iter().zip(answers);
                let entries = both().map(|(value, answers)| (*value, of_guest(&encoding, *value, answers)));
                let disagreements =
                    both().filter_map(|(value, answers)| disagreement(&encoding, *value, answers));
                (PredicatesFrom::Guest, entries.collect(), disagreements.collect())
            }
            None => {
                let entries = values.iter().map(|value| (*value, Entry::of_model(&encoding, *value)));
                (PredicatesFrom::Model, entries.collect(), Vec::new())
            }
        };
        let installed = self.installed(environment, &exploration);
        let possible = exploration.possible();
        let reporter = |exploration| Reporter {
            encoding: &encoding,
            start: &start,
            writer: self.writer,
            walker: self.walker,
            with: self.with,
            installed: installed.clone(),
            walker_only_reads: self.walker.is_none_or(|walker| environment.only_reads(walker)),
            filled: &filled,
            may_drop: environment.may_drop(self.writer, start.value),
            inspect: environment,
            entries: entries.clone(),
            exploration,
        };
        let mut report =
            reporter(possible.as_ref().unwrap_or(&exploration)).report(self.names(&start, predicates));
        report.excluded = self.excluded(environment, &exploration, &report, possible.is_none(), || {
            reporter(&exploration).report(self.names(&start, predicates))
        });
        report.disagreements = disagreements;
        let beyond_callers = self.beyond_callers(&report.before.predicates);
        match environment.setup() {
            None => report.precondition = beyond_callers,
            Some(setup) => {
                let entry_address = environment.entry_address();
                let observation = KernelObservation {
                    setup,
                    controls,
                    exploration: possible.as_ref().unwrap_or(&exploration),
                    entry_address,
                };
                let split = self.writer.splits && encoding.is_migration(start.value);
                report.kernel = Some(observation.facts(
                    kernel_facts::of_functions(self.subject, self.writer, self.walker),
                    beyond_callers,
                    &encoding,
                    split && report.incomplete.is_none(),
                ));
            }
        }
        let failed = report.failed_controls();
        if let Some(failed) = failed.first() {
            report.verdict = Verdict::Unknown;
            if report.kernel.is_some() {
                report.incomplete = Some(format!("environment incomplete: {failed}"));
            }
        }
        Ok(report)
    }

    /// Returns a report without results; `why` says why there are none.
    pub fn incomplete_report(&self, why: &str) -> Result<RunReport> {
        let encoding = self.subject.encoding();
        let start = self.entry.build(encoding)?;
        let names = self.names(&start, PredicatesFrom::Model);
        let mut report =
            not_run(encoding, &start, self.writer, self.walker, self.with, names, why.to_owned());
        if let Subject::Kernel(_) = self.subject {
            report.kernel = Some(kernel_facts::of_functions(self.subject, self.writer, self.walker));
        }
        Ok(report)
    }

    /// Returns the report of a subject that cannot be run, because `missing` is missing.
    fn incomplete_environment(&self, missing: &str) -> Result<RunReport> {
        self.incomplete_report(&format!("environment incomplete: {missing}"))
    }

    /// Returns the entries that writers installed in place of the original entry.
    ///
    /// They are not changed forms of it.
    fn installed(&self, environment: &dyn Environment, exploration: &Exploration) -> BTreeSet<u64> {
        let routines = [(WRITER, Some(self.writer)), (WALKER, self.walker)].into_iter();
        let others = (WALKER + 1..).zip(self.with.iter().copied().map(Some));
        let mut installed = BTreeSet::new();
        for (cpu, routine) in routines.chain(others) {
            match routine.map(|routine| routine.installs) {
                Some(Installs::Table) => drop(installed.insert(environment.installed_table())),
                Some(Installs::Entry) => {
                    let last = last_stored(exploration, cpu, environment.entry_address()).into_iter();
                    let installs =
                        |entry: &u64| routine.is_some_and(|routine| environment.installs(routine, *entry));
                    installed.extend(last.filter(installs));
                }
                Some(Installs::Nothing) | None => {}
            }
        }
        installed
    }

    /// Returns the schedules that the context excludes, with what they alone show: what is in the report of all schedules,
    /// and not in that of those that are possible.
    fn excluded(
        &self,
        inspect: &dyn Inspect,
        exploration: &Exploration,
        possible: &RunReport,
        none_left: bool,
        all: impl FnOnce() -> RunReport,
    ) -> Option<Excluded> {
        let (schedules, by) = exploration.excluded();
        if by.is_empty() {
            return None;
        }
        // A behaviour some of whose schedules are possible shows one of these.
        let examples = exploration.runs.iter().filter_map(|run| Some((run, run.excluded_at?)));
        let example = examples.min_by_key(|(run, _)| run.schedule.switches());
        let place = example.and_then(|(run, at)| {
            let mut accesses = run.events.iter().filter(|event| matches!(event.what, Action::Access(_)));
            let event = accesses.nth(at)?;
            let others = self.with.iter().map(|with| with.name);
            let walker = self.walker.map_or(NO_WALKER, |walker| walker.name);
            let mut names = [self.writer.name, walker].into_iter().chain(others);
            let routine = names.nth(event.cpu.into())?;
            let symbol = inspect.symbol_at(event.pc).map_or_else(
                || format!("{:#x}", event.pc),
                |(symbol, offset)| format!("{symbol}+{offset:#x}"),
            );
            Some(format!("{routine} at {symbol}"))
        });
        let reason = |section: Section| Exclusion {
            context: section.name().to_owned(),
            reason: section.reason().to_owned(),
        };
        let mut findings = if none_left { Vec::new() } else { all().findings };
        findings.retain(|finding| !possible.findings.iter().any(|other| other.name == finding.name));
        Some(Excluded {
            schedules: Count(schedules),
            none_left,
            by: Section::of(by).map(reason).collect(),
            schedule: example.map(|(run, _)| run.schedule.to_string()),
            place,
            findings,
        })
    }

    /// Returns a note that the writer's callers never give it this entry; `None` if they do.
    fn beyond_callers(&self, predicates: &Predicates) -> Option<String> {
        let given = is_given(self.writer, predicates);
        let (writer, entries) = (self.writer.name, self.writer.precondition.entries());
        let why = match self.subject {
            Subject::Guest(_) => format!(
                "its guest declares that it is called with {entries} only, so that what it does here is no fault of its own"
            ),
            Subject::Kernel(_) => format!(
                "the kernel calls it with {entries} only, so that what it does here is no fault of the kernel's"
            ),
        };
        (!given).then(|| format!("{writer} is given an entry that no caller gives it: {why}"))
    }

    fn names(&self, start: &Start, predicates: PredicatesFrom) -> Names {
        let walker = self.walker.map_or(NO_WALKER, |walker| walker.name);
        Names {
            guest: self.subject.info(),
            writer: self.writer.name.to_owned(),
            walker: walker.to_owned(),
            predicates,
            command: CommandLine::run(self.subject.options())
                .on(start)
                .running(self.writer.name, walker, self.with.iter().map(|with| with.name))
                .under(self.schedule, self.reduction, self.bounds),
        }
    }
}

/// Whether some caller of a writer passes it such an entry.
pub fn is_given(writer: &Routine, predicates: &Predicates) -> bool {
    match writer.precondition {
        Precondition::Any => true,
        Precondition::Mapping => predicates.present && predicates.leaf,
        Precondition::Migration => predicates.migration,
    }
}

/// Returns every entry that the report of an exploration shows.
fn values(start: &Start, exploration: &Exploration) -> BTreeSet<u64> {
    let mut values: BTreeSet<u64> = [start.value].into();
    for run in &exploration.runs {
        values.insert(run.after);
        values.extend(accesses(run).flat_map(|(_, access)| [access.before, access.after]));
    }
    values
}

/// Whether an entry is a mapping of a huge page.
fn has_marks(encoding: &Encoding, entry: u64) -> bool {
    matches!(encoding.form(entry), Form::Leaf | Form::InvalidLeaf | Form::Swap)
}
