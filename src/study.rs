//! One writer against one walker on one entry: runs it, and makes the report of what was observed.

use std::collections::BTreeSet;

use anyhow::Result;
use pmdscope_arches::{Encoding, EntryMarks};
use pmdscope_emu::{self as emu, Bounds, End, Job, Machine, Reduction, Run, Schedule};
use pmdscope_guest::abi::{Answers, Outcome, PREDICATES};
use pmdscope_guest::{Installs, Precondition, Walker, Writer};
use pmdscope_traces::{Entry, Hex, Predicates, RunReport, Swap, Value, Verdict, WriterRule};

use crate::command::CommandLine;
use crate::plan::{GuestSource, RunPlan, Start, With};
use crate::reporter::{Names, Reporter, Subject, accesses, last_stored, not_run};

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

impl<'a> Study<'a> {
    /// The study of one of a plan's walkers, under one schedule or all.
    pub fn of(plan: &'a RunPlan, walker: Walker, schedule: Option<&'a Schedule>) -> Self {
        Study {
            encoding: &plan.encoding,
            source: &plan.source,
            start: plan.start,
            writer: plan.writer,
            walker,
            with: &plan.with,
            bounds: &plan.bounds,
            reduction: plan.reduction,
            schedule,
        }
    }

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

        let filled = match self.writer.installs() {
            Installs::Table => machine.filled(&job, self.bounds.call)?,
            Installs::Nothing | Installs::Entry => Vec::new(),
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
        let mut installed: BTreeSet<u64> = [emu::installed_table(self.encoding)].into();
        for (cpu, routine) in self.routines() {
            if matches!(routine, With::Writer(writer) if writer.installs() == Installs::Entry) {
                installed.extend(last_stored(&exploration, cpu, machine.entry_address()));
            }
        }
        let subject = OnGuest { machine, writer: self.writer, walker: self.walker, installed, filled };
        let reporter = Reporter {
            encoding: self.encoding,
            start: &self.start,
            with: self.with,
            subject: &subject,
            entries,
            exploration: &exploration,
        };
        let mut report = reporter.report(self.names("guest"));
        report.precondition = self.beyond_callers(&report.before.predicates);
        report.disagreements = values
            .iter()
            .zip(&answers)
            .filter_map(|(value, answers)| disagreement(self.encoding, *value, answers))
            .collect();
        if !report.disagreements.is_empty() {
            report.verdict = Verdict::Unknown;
        }
        Ok(report)
    }

    /// The report where the engine did not survive the run.
    pub fn lost(&self, why: &str) -> RunReport {
        not_run(self.encoding, &self.start, self.with, self.names("model"), why.to_owned())
    }

    /// What runs on each CPU.
    fn routines(&self) -> impl Iterator<Item = (u8, With)> {
        let pair = [With::Writer(self.writer), With::Walker(self.walker)];
        (0..).zip(pair.into_iter().chain(self.with.iter().copied()))
    }

    /// That the writer is given an entry that it is not called with, if it is.
    fn beyond_callers(&self, predicates: &Predicates) -> Option<String> {
        let precondition = self.writer.precondition();
        let given = match precondition {
            Precondition::Any => true,
            Precondition::Mapping => predicates.present && predicates.leaf,
            Precondition::Migration => predicates.migration,
        };
        (!given).then(|| {
            format!(
                "{} is given an entry that no caller gives it: its guest declares that it is called with {} only, so that \
                 what it does here is no fault of its own",
                self.writer.name(),
                precondition.entries()
            )
        })
    }

    fn names(&self, predicates: &'static str) -> Names {
        Names {
            guest: self.source.info(),
            writer: self.writer.name().to_owned(),
            walker: self.walker.name().to_owned(),
            predicates,
            command: self.command(),
        }
    }

    fn command(&self) -> String {
        let (arch, linux) = (self.encoding.arch().to_string(), self.encoding.version().to_string());
        let mmu = self.encoding.mmu().map(|mmu| mmu.to_string());
        let guest = (self.source.kind == "file").then_some(self.source.name.as_str());
        CommandLine::run([
            ("--arch", Some(arch.as_str())),
            ("--mmu", mmu.as_deref()),
            ("--linux", Some(linux.as_str())),
            ("--guest", guest),
        ])
        .on(&self.start)
        .running(self.writer.name(), self.walker.name(), self.with.iter().map(|with| with.name()))
        .under(self.schedule, self.reduction, self.bounds)
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

/// A bundled guest, or one of the user's, on its machine.
struct OnGuest<'a> {
    machine: &'a Machine,
    writer: Writer,
    walker: Walker,
    /// What writers put in the place of the entry.
    installed: BTreeSet<u64>,
    /// What the writer filled of the page table when it ran alone.
    filled: Vec<u64>,
}

impl Subject for OnGuest<'_> {
    fn symbol(&self, pc: u64) -> String {
        match self.machine.guest().symbol_at(pc) {
            Some((name, offset)) => format!("{name}+{offset:#x}"),
            None => format!("{pc:#x}"),
        }
    }

    fn instruction(&self, pc: u64) -> String {
        self.machine.instruction(pc).to_string()
    }

    fn is_in_table(&self, _: u64) -> bool {
        true
    }

    fn describe(&self, address: u64) -> String {
        format!("the word at {address:#x}")
    }

    fn explain(&self, end: End) -> String {
        end.to_string()
    }

    fn is_installed(&self, entry: u64) -> bool {
        self.installed.contains(&entry)
    }

    fn filled(&self) -> &[u64] {
        &self.filled
    }

    /// All bundled writers make a mapping invalid, and none drops a mark: a split hands them on in the old entry that it
    /// returns, and does not fill its page table. A writer that a guest declares does not say what it does to
    /// marks and whether it invalidates, so it is not judged by that.
    fn writer_rule(&self) -> WriterRule {
        let installs = self.writer.installs() != Installs::Nothing;
        match self.writer {
            Writer::Declared(_) => WriterRule { invalidates: false, installs, may_drop: EntryMarks::ALL },
            _ => WriterRule { invalidates: true, installs, may_drop: EntryMarks::default() },
        }
    }

    fn returned(&self, outcome: &Outcome) -> Option<u64> {
        Some(outcome.entry)
    }

    fn past_present(&self, _: Option<&Run>, outcome: &Outcome) -> bool {
        self.walker.checks_past_present().contains(&outcome.check)
    }

    fn references(&self, _: u64) -> u64 {
        1
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
