//! `pmdscope explain`.

use std::io;

use anyhow::{Context, Result, bail};
use pmdscope_arches::{Arch, Encoding, EntryKind, Mmu, Version};
use pmdscope_emu::{Bounds, Reduction};
use pmdscope_guest::routine::writers;
use pmdscope_guest::{Role, Routine};
use pmdscope_traces::{
    Choice, EXPLAIN_SCHEMA, ExplainReport, ExplainedValue, FitKind, FittingEntry, RunReport, WalkerOutcome,
    json, text,
};

use crate::cli::{ExplainArgs, ExplainFormat, Marks};
use crate::command::CommandLine;
use crate::confined;
use crate::exit::Exit;
use crate::input;
use crate::output;
use crate::pasted::{self, PastedValue};
use crate::start::{EntryRequest, Start};
use crate::study::Study;
use crate::subject::{GuestSubject, LastEnvironment, Subject};
use crate::version::made_by;

/// The argument that stands for standard input.
const STANDARD_INPUT: &str = "-";

pub fn explain(args: &ExplainArgs) -> Result<Exit> {
    let choice = choice(args)?;
    let pasted = pasted_values(&args.values)?;
    let mut last = LastEnvironment::default();
    let values = pasted.iter().map(|one| explained(one, choice, &mut last)).collect::<Result<_>>()?;
    let report = ExplainReport { schema: EXPLAIN_SCHEMA.to_owned(), made_by: made_by(), values };
    let printed = match args.format {
        ExplainFormat::Text => text::explain(&report, output::terminal(None)),
        ExplainFormat::Json => json::pretty(&report)?,
    };
    output::write(&printed, None)?;
    Ok(Exit::Clean)
}

/// The values of arguments, or with `-` those of standard input.
pub fn pasted_values(arguments: &[String]) -> Result<Vec<PastedValue>> {
    if !arguments.iter().any(|argument| argument == STANDARD_INPUT) {
        return Ok(pasted::in_arguments(arguments)?);
    }
    if arguments.len() > 1 {
        bail!("- reads all values from standard input: leave the others out");
    }
    let bytes = input::read_of(io::stdin().lock(), "standard input", pasted::MOST_BYTES as u64)?;
    Ok(pasted::in_lines(&String::from_utf8_lossy(&bytes))?)
}

/// The platforms that a command line allows.
fn choice(args: &ExplainArgs) -> Result<Choice> {
    let choice = Choice {
        arch: args.arch.as_deref().map(str::parse::<Arch>).transpose()?,
        mmu: args.mmu.as_deref().map(str::parse::<Mmu>).transpose()?,
        version: args.linux.as_deref().map(str::parse::<Version>).transpose()?,
    };
    choice.check()?;
    Ok(choice)
}

fn explained(pasted: &PastedValue, choice: Choice, last: &mut LastEnvironment) -> Result<ExplainedValue> {
    let mut explained = ExplainedValue::of_model(pasted.value, pasted.level, choice, pasted.hint);
    explained.as_decimal = pasted.as_decimal.map(pmdscope_traces::Value);
    for (n, fit) in explained.fits.iter_mut().enumerate() {
        complete(fit, pasted.value, n == 0, last)?;
    }
    explained.summary = text::summary(&explained);
    Ok(explained)
}

/// Adds what walkers make of the value, and the command that shows it.
fn complete(fit: &mut FittingEntry, value: u64, is_best: bool, last: &mut LastEnvironment) -> Result<()> {
    let Some(newest) = encoding_of(fit, fit.platform.newest()) else { return Ok(()) };
    let Some(guest) = newest_guest(fit) else {
        if fit.is_worth_walking() {
            fit.not_executed = Some(format!("there is no bundled guest of {}", fit.platform.name()));
        }
        fit.command = decode_command(&newest, value);
        return Ok(());
    };
    let encoding = guest.encoding;
    let subject = Subject::Guest(guest);
    // The walkers of the answer, and of each value that looks present and is not.
    if fit.is_worth_walking() && (is_best || fit.kind == FitKind::MadePresent) {
        fit.walkers_of = Some(encoding.version().to_string());
        fit.walkers = walkers(&subject, value, last)?;
    }
    fit.command = match fit.kind {
        FitKind::Table | FitKind::Empty | FitKind::ClearedMapping => decode_command(&encoding, value),
        FitKind::MadePresent | FitKind::Swap | FitKind::Mapping | FitKind::InvalidMapping => {
            run_command(&subject, fit, value)
        }
    };
    Ok(())
}

fn encoding_of(fit: &FittingEntry, version: Option<Version>) -> Option<Encoding> {
    let arch = fit.platform.arch.parse().ok()?;
    let mmu = fit.platform.mmu.as_deref().map(str::parse).transpose().ok()?;
    Encoding::at(arch, mmu, version?).ok()
}

/// The bundled guest of the newest version that has one.
fn newest_guest(fit: &FittingEntry) -> Option<GuestSubject> {
    let mut version = Some(Version::OLDEST);
    let versions = std::iter::from_fn(|| {
        let this = version?;
        version = (this < Version::NEWEST).then(|| this.successor());
        Some(this)
    });
    let covered: Vec<Version> = versions.filter(|version| fit.platform.has(*version)).collect();
    covered.into_iter().rev().find_map(|version| {
        let encoding = encoding_of(fit, Some(version))?;
        GuestSubject::bundled_for(encoding).ok()
    })
}

/// What each walker makes of a value, alone.
fn walkers(subject: &Subject, value: u64, last: &mut LastEnvironment) -> Result<Vec<WalkerOutcome>> {
    let mut outcomes = Vec::new();
    for walker in subject.routines(Role::Walker) {
        if subject.has([walker]).is_ok() {
            let report = alone(subject, value, walker, last)
                .with_context(|| format!("cannot run {} alone", walker.name))?;
            outcomes.push(WalkerOutcome { walker: walker.name.to_owned(), outcome: report.alone });
        }
    }
    Ok(outcomes)
}

/// The report of a walker whose baseline run is the walk of this value.
fn alone(
    subject: &Subject,
    value: u64,
    walker: &'static Routine,
    last: &mut LastEnvironment,
) -> Result<RunReport> {
    let study = Study {
        subject,
        entry: EntryRequest::Value(value),
        writer: &writers::INVALIDATE,
        walker: Some(walker),
        with: &[],
        bounds: &Bounds::default(),
        reduction: Reduction::Joined,
        schedule: None,
    };
    confined::study(&study, last)
}

fn decode_command(encoding: &Encoding, value: u64) -> String {
    let mmu = encoding.mmu().map_or_else(String::new, |mmu| format!(" --mmu {mmu}"));
    format!("pmdscope decode --arch {}{mmu} --linux {} {value:#018x}", encoding.arch(), encoding.version())
}

/// The run that shows what becomes of an entry: of a swap entry in a split, of a mapping when it is invalidated.
fn run_command(subject: &Subject, fit: &FittingEntry, value: u64) -> String {
    let encoding = subject.encoding();
    let is_taken = |walker: &&WalkerOutcome| walker.outcome.takes_page();
    // Not every version has every walker: riscv64 6.1 has no GUP-fast.
    let first = subject.routines(Role::Walker).into_iter().find(|walker| subject.has([*walker]).is_ok());
    let usual = first.map_or("gup-fast-read", |walker| walker.name);
    let walker = fit.walkers.iter().find(is_taken).map_or(usual, |walker| walker.walker.as_str());
    let writer = match fit.kind {
        FitKind::Mapping | FitKind::InvalidMapping => writers::INVALIDATE.name,
        _ => writers::SPLIT_UNGUARDED.name,
    };
    let start = entry_of(encoding, fit)
        .unwrap_or_else(|| Start::of_value(encoding, fit.original.map_or(value, |original| original.0)));
    CommandLine::run(subject.options()).on(&start).running(writer, walker, []).under(
        None,
        Reduction::Joined,
        &Bounds::default(),
    )
}

/// A migration entry by its kind, where bundled guests have another swap type for it than the kernel that made it.
fn entry_of(encoding: &Encoding, fit: &FittingEntry) -> Option<Start> {
    let first = &fit.readings.first()?.reading;
    if first.needs.iter().all(|needed| needed.on) {
        return None;
    }
    let kind: EntryKind = first.used_for.parse().ok().filter(|kind: &EntryKind| kind.is_migration())?;
    let has = |name: &str| fit.bits.iter().any(|bit| bit == name);
    let marks = Marks { soft_dirty: has("SWP_SOFT_DIRTY"), uffd_wp: has("SWP_UFFD_WP"), ..Marks::default() };
    Start::of_kind(encoding, kind, marks, first.pfn.map(|pfn| pfn.0)).ok()
}
