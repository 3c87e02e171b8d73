//! Makes a report from observations, in the same way for every subject.

mod events;
mod observed;
mod order;
mod outcomes;
mod together;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use pmdscope_arches::{Encoding, EntryKind, EntryMarks};
use pmdscope_emu::{Access, Action, CallExit, Exploration, Incomplete, Inspect, Run, WALKER, WRITER};
use pmdscope_guest::{Installs, Role, Routine};
use pmdscope_traces as traces;
use pmdscope_traces::{
    Count, Entry, GuestInfo, Hex, Observed, Outcome, PredicatesFrom, RoutineResult, RunReport, Stored, Value,
    Verdict, WriterRule,
};

use crate::start::Start;
use crate::version::made_by;

/// The names of what was run, and the command that runs it.
pub struct Names {
    /// The guest or kernel that holds the machine code.
    pub guest: GuestInfo,
    /// The writer.
    pub writer: String,
    /// The walker, or `none`.
    pub walker: String,
    /// Who answered the predicates: the guest or the model.
    pub predicates: PredicatesFrom,
    /// The command that repeats the run.
    pub command: String,
}

/// Makes the report of one exploration.
pub struct Reporter<'a> {
    /// The encoding of the entries.
    pub encoding: &'a Encoding,
    /// The entry that the runs began with.
    pub start: &'a Start,
    /// The routine of CPU 0.
    pub writer: &'static Routine,
    /// The routine of CPU 1; `None` if the writer ran alone.
    pub walker: Option<&'static Routine>,
    /// The routines of CPU 2 and those after it.
    pub with: &'a [&'static Routine],
    /// The entries that writers installed in place of the original entry.
    ///
    /// They are not changed forms of it.
    pub installed: BTreeSet<u64>,
    /// Whether the walker only reads by its role. Of one that does not, only what it clears for bad is its fault.
    pub walker_only_reads: bool,
    /// The entries of the page table that the writer filled when it ran alone.
    pub filled: &'a [u64],
    /// The marks that the writer may drop from what it installs.
    pub may_drop: EntryMarks,
    /// Names symbols, instructions and memory by address.
    pub inspect: &'a dyn Inspect,
    /// Every entry of every run, by value.
    pub entries: HashMap<u64, Entry>,
    /// The explored runs.
    pub exploration: &'a Exploration,
}

impl Reporter<'_> {
    /// Whether what runs in the place of the walker plays the MMU.
    fn walker_is_agent(&self) -> bool {
        self.walker.is_some_and(|walker| walker.role == Role::Agent)
    }
}

/// Returns the entries that a CPU stored last at `entry_address`: one for each run in which it changed the entry.
pub fn last_stored(exploration: &Exploration, cpu: u8, entry_address: u64) -> BTreeSet<u64> {
    let of_entry = |access: &&Access| access.address & !7 == entry_address;
    let last = |run: &Run| {
        let changes = |access: &Access| access.store_pc.is_some() && access.before != access.after;
        let stores = accesses(run).filter(|(by, access)| *by == cpu && changes(access));
        stores.map(|(_, access)| access).filter(of_entry).last().map(|access| access.after)
    };
    exploration.runs.iter().filter_map(last).collect()
}

/// Returns the outcomes of one routine after the other.
fn orders(together: &[traces::Together]) -> Vec<traces::SerialOutcomes> {
    let outcomes = |one: &traces::Together| {
        let order = one.order?;
        Some(traces::SerialOutcomes { order, writer: one.writer.clone(), walker: one.walker.clone() })
    };
    let mut orders: Vec<_> = together.iter().filter_map(outcomes).collect();
    orders.sort_by_key(|one| one.order == traces::SerialOrder::WriterFirst);
    orders
}

/// Returns the report of a run that never started; `why` is the reason.
pub fn not_run(
    encoding: &Encoding,
    start: &Start,
    writer: &'static Routine,
    walker: Option<&'static Routine>,
    with: &[&'static Routine],
    names: Names,
    why: String,
) -> RunReport {
    let reporter = Reporter {
        encoding,
        start,
        writer,
        walker,
        with,
        installed: BTreeSet::new(),
        walker_only_reads: true,
        filled: &[],
        may_drop: EntryMarks::ALL,
        inspect: &NotRun,
        entries: [(start.value, Entry::of_model(encoding, start.value))].into(),
        exploration: &Exploration::nothing(),
    };
    RunReport { incomplete: Some(why), verdict: Verdict::Unknown, ..reporter.report(names) }
}

/// Placeholder for the addresses of a run that never started.
struct NotRun;

impl Inspect for NotRun {
    fn symbol_at(&self, _: u64) -> Option<(&str, u64)> {
        None
    }

    fn instruction(&self, _: u64) -> Rc<str> {
        "".into()
    }

    fn is_in_table(&self, _: u64) -> bool {
        false
    }

    fn describe(&self, address: u64) -> String {
        format!("{address:#x}")
    }

    fn explain(&self, _: CallExit) -> String {
        "was not run".to_owned()
    }

    fn references_of(&self, _: u64) -> u64 {
        1
    }
}

impl Reporter<'_> {
    /// Returns the report. Its verdict assumes that the controls passed.
    pub fn report(&self, names: Names) -> RunReport {
        let Reporter { encoding, start, with, .. } = self;
        let before = self.entry(start.value);
        let views = self.views();
        let outcomes = self.outcomes(WALKER);
        let whole = self.whole();
        let findings = traces::judge(&Observed {
            encoding,
            before: &before,
            built_as_swap: start.kind.is_some_and(EntryKind::is_swap),
            views: &views,
            walker_only_reads: self.walker_only_reads,
            outcomes: &outcomes,
            outcomes_meanwhile: &self.outcomes_meanwhile(),
            stale_takes: &self.stale_takes(),
            overwritten: &self.overwritten(&names.walker),
            marked: &self.marked(),
            writer: WriterRule {
                invalidates: self.writer.invalidates,
                installs: self.writer.installs != Installs::Nothing,
                may_drop: self.may_drop,
            },
            changes: &self.writer_changes(),
            filled: self.filled,
            together: &whole.together,
            writer_alone: &whole.writer_alone,
            walker_alone: &whole.walker_alone,
            places: &whole.places,
            names: traces::RoutineNames { writer: self.writer.name, walker: &names.walker },
        });
        let behaviours = self.behaviours();
        let with_outcomes: Vec<_> = self.others().map(|cpu| self.outcomes(cpu)).collect();
        // Of the writer that is a kernel's BUG(): any other end of it is incomplete already.
        let of_writer = self.outcomes(WRITER);
        let crashed = {
            let of_walker = self.walker.map(|_| &outcomes);
            let of_all = of_walker.into_iter().chain(&with_outcomes).chain([&of_writer]);
            if findings.is_empty() { self.unexplained_crash(of_all.flatten()) } else { None }
        };
        let bounded = matches!(self.exploration.incomplete, Some(Incomplete::Switches(_)));
        let incomplete = match bounded {
            true => crashed.or_else(|| self.incomplete()),
            false => self.incomplete().or(crashed),
        };
        let verdict = if !findings.is_empty() {
            Verdict::Findings
        } else if bounded && incomplete == self.incomplete() {
            Verdict::PassBounded
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
            entry: start.kind.into(),
            pfn: start.asked.then_some(Hex(start.pfn)),
            marks: start.marks.names(),
            writer: names.writer,
            walker: names.walker,
            with: with.iter().map(|with| with.name.to_owned()).collect(),
            predicates: names.predicates,
            contract: contract(encoding, start),
            before,
            after: self.after(),
            stored: self.stored(),
            views,
            alone: self.outcome(WALKER, &self.exploration.alone, None, None),
            outcomes,
            writer_outcomes: of_writer,
            with_outcomes,
            orders: if findings
                .iter()
                .any(|finding| finding.name.definition().evidence == traces::Evidence::Both)
            {
                orders(&whole.together)
            } else {
                Vec::new()
            },
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
            excluded: None,
            incomplete,
            out_of_time: self.exploration.incomplete.as_ref().is_some_and(Incomplete::is_of_time),
            verdict,
            command: names.command,
            traces: behaviours,
            entries: self.all_entries(),
        }
    }

    /// Describes the first crash among the outcomes: a crash that no finding explains makes the verdict unknown.
    fn unexplained_crash<'o>(&self, mut outcomes: impl Iterator<Item = &'o Outcome>) -> Option<String> {
        let crash = outcomes.find(|outcome| outcome.result == RoutineResult::Crash)?;
        let how = crash.ended.as_deref().unwrap_or("crashed");
        Some(match crash.schedule.as_str() {
            "" => format!("before any access a routine {how}"),
            schedule => format!("under schedule {schedule} a routine {how}"),
        })
    }

    fn incomplete(&self) -> Option<String> {
        match self.exploration.incomplete.as_ref()? {
            Incomplete::Call { schedule, end } if schedule.0.is_empty() => {
                Some(format!("before any access a routine {}", self.inspect.explain(*end)))
            }
            Incomplete::Call { schedule, end } => {
                Some(format!("under schedule {schedule} a routine {}", self.inspect.explain(*end)))
            }
            Incomplete::Shared { address } => Some(format!(
                "both routines use {}, which is not watched, and one writes it",
                self.inspect.describe(*address)
            )),
            Incomplete::Deadlock { schedule, address } => Some(format!(
                "under schedule {schedule} all that is left to run waits for {} to change",
                self.inspect.describe(*address)
            )),
            other => Some(other.to_string()),
        }
    }

    /// Returns the accesses of a run to the entry, with their CPU.
    fn accesses<'r>(&'r self, run: &'r Run) -> impl Iterator<Item = (u8, &'r Access)> {
        accesses(run).filter(|(_, access)| self.inspect.is_in_entry(access.address))
    }

    fn entry(&self, value: u64) -> Entry {
        self.entries[&value].clone()
    }

    /// Returns every entry of every run, ordered by value.
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

    /// Returns the numbers of the CPUs beside the writer's and the walker's.
    fn others(&self) -> impl Iterator<Item = u8> + use<> {
        (WALKER + 1..).take(self.with.len())
    }

    /// Returns the writer's stores in order, each instruction and value once.
    fn stored(&self) -> Vec<Stored> {
        let mut stored: Vec<Stored> = Vec::new();
        for run in &self.exploration.runs {
            for (_, access) in self.accesses(run).filter(|(cpu, _)| *cpu == WRITER) {
                let Some(pc) = access.store_pc.map(Hex) else { continue };
                // Which bits change depends on what another CPU did meanwhile: the first occurrence is reported.
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

    fn symbol(&self, pc: u64) -> String {
        match self.inspect.symbol_at(pc) {
            Some((name, offset)) => format!("{name}+{offset:#x}"),
            None => format!("{pc:#x}"),
        }
    }

    fn instruction(&self, pc: u64) -> String {
        self.inspect.instruction(pc).to_string()
    }
}

/// Returns the accesses of a run, with their CPU.
pub fn accesses(run: &Run) -> impl Iterator<Item = (u8, &Access)> {
    run.events.iter().filter_map(|event| match &event.what {
        Action::Access(access) => Some((event.cpu, access)),
        _ => None,
    })
}

/// Formats the name of an encoding, with the versions for which its layout is known to hold.
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

/// Lists the predicates that answer otherwise than the kernel expects for an entry of this kind.
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

#[cfg(test)]
mod tests {
    use pmdscope_arches::{Arch, Version};
    use pmdscope_emu::{CallResult, Schedule, kernel_routine};
    use pmdscope_guest::Role;
    use pmdscope_traces::GuestKind;

    use super::*;
    use crate::cli::Marks;
    use crate::start::EntryRequest;

    /// Returns the verdict on a split that ends in this way and stores nothing.
    fn verdict(end: CallExit) -> Verdict {
        let encoding = Encoding::at(Arch::Arm64, None, Version::NEWEST).expect("it is known");
        let request =
            EntryRequest::Kind { kind: EntryKind::MigrationRead, marks: Marks::default(), pfn: None };
        let start = request.build(&encoding).expect("it can be built");
        let ended = |end| CallResult { end, outcome: None };
        let nothing = Exploration::nothing();
        let run = Run {
            schedule: Schedule(Vec::new()),
            schedules: nothing.schedules.clone(),
            excluded: num_bigint::BigUint::ZERO,
            excluded_by: pmdscope_emu::Sections::NONE,
            excluded_at: None,
            events: Vec::new(),
            writer: ended(end),
            walker: ended(CallExit::Returned),
            others: Vec::new(),
            after: start.value,
            divergence: None,
            references: Vec::new(),
        };
        let exploration = Exploration { runs: vec![run], ..nothing };
        let guest = GuestInfo {
            kind: GuestKind::Kernel,
            name: "vmlinux".to_owned(),
            sha256: String::new(),
            engine: None,
            release: None,
            package: None,
            build_id: None,
            types: None,
            label: None,
        };
        let reporter = Reporter {
            encoding: &encoding,
            start: &start,
            writer: kernel_routine(Role::Writer, "split").expect("it is known"),
            walker: None,
            with: &[],
            installed: BTreeSet::new(),
            walker_only_reads: true,
            filled: &[],
            may_drop: EntryMarks::ALL,
            inspect: &NotRun,
            entries: [(start.value, Entry::of_model(&encoding, start.value))].into(),
            exploration: &exploration,
        };
        let names = Names {
            guest,
            writer: "split".to_owned(),
            walker: "none".to_owned(),
            predicates: PredicatesFrom::Model,
            command: String::new(),
        };
        reporter.report(names).verdict
    }

    #[test]
    fn a_writer_that_reaches_a_bug_is_no_pass() {
        assert_eq!(verdict(CallExit::Bug { pc: 0x1000 }), Verdict::Unknown);
    }
}
