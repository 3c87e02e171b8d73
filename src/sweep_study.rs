//! A sweep: one writer over a whole set of entries.

use anyhow::{Result, anyhow, ensure};
use num_bigint::BigUint;
use pmdscope_arches::{Encoding, EntryKind, EntrySet, EntrySpec, Form};
use pmdscope_emu as emu;
use pmdscope_emu::sweep::{Classification, ClassificationError, FILLINGS, SweepError, Sweeper, learn};
use pmdscope_guest::abi::{SWEEP, Swept};
use pmdscope_guest::{Installs, Routine};
use pmdscope_traces::sweep::{Change, Class, Part, Pattern, Ran, SWEEP_SCHEMA, SweepReport, named_bits};
use pmdscope_traces::{Count, Predicates, Verdict};

use crate::command::CommandLine;
use crate::reporter::encoding_name;
use crate::subject::GuestSubject;
use crate::version::made_by;

/// Checks that a writer can be swept.
///
/// # Errors
/// The reason, if the writer installs an entry of its own. A sweep compares an entry before and after the writer,
/// and would judge the installed entry as a changed form of the old one.
pub fn sweepable(writer: &Routine) -> Result<(), String> {
    match writer.installs {
        Installs::Entry => Err(format!(
            "{} installs an entry of its own, which a sweep cannot tell from what was made of the old one: run it on single \
             entries, by pmdscope run",
            writer.name
        )),
        Installs::Nothing | Installs::Table => Ok(()),
    }
}

/// Runs a writer on a set of entries, and reports the classes of entries that it changes alike.
pub fn sweep(guest: &GuestSubject, set: EntrySet, writer: &'static Routine) -> Result<SweepReport> {
    guest.check(writer)?;
    sweepable(writer).map_err(|reason| anyhow!("{}: {reason}", guest.name))?;
    ensure!(
        guest.guest.has(SWEEP),
        "{}: has no function {SWEEP} to run many entries with: link guest/c/sweep.c into it",
        guest.name
    );
    let encoding = &guest.encoding;
    let domain = encoding.patterns(set);
    ensure!(!domain.is_empty(), "{encoding} has no {set} entries: its huge pages cannot be migrated");

    let mut sweeper = Sweeper::on(guest.engine, &guest.guest, encoding, writer)?;
    let learned = learn(&domain, &known_entries(encoding), |sets| {
        Ok(sweeper.run(sets)?.into_iter().map(|answer| answer.0).collect())
    });
    let (learned, incomplete) = match learned {
        Ok(learned) => (Some(learned), None),
        Err(ClassificationError::Limit(why)) => (None, Some(why.to_string())),
        // A writer that waits for ever or crashes is a fact about the writer, not an error.
        Err(ClassificationError::NoAnswer(why @ SweepError::DidNotReturn { .. })) => {
            (None, Some(why.to_string()))
        }
        Err(ClassificationError::NoAnswer(SweepError::Machine(error))) => return Err(error.into()),
    };

    Ok(report(guest, set, writer, learned.as_ref(), incomplete))
}

/// Returns the report of a sweep that did not finish; `why` is the reason.
pub fn incomplete_report(guest: &GuestSubject, set: EntrySet, writer: &Routine, why: &str) -> SweepReport {
    report(guest, set, writer, None, Some(why.to_owned()))
}

fn report(
    guest: &GuestSubject,
    set: EntrySet,
    writer: &Routine,
    learned: Option<&Classification>,
    incomplete: Option<String>,
) -> SweepReport {
    let encoding = &guest.encoding;
    let domain: Vec<Pattern> = encoding.patterns(set).into_iter().map(Pattern::from).collect();
    let mut classes: Vec<Class> =
        learned.into_iter().flat_map(|learned| classes(encoding, set, &domain, learned)).collect();
    classes.sort_by(|one, other| {
        let rank = |class: &Class| (class.findings.is_empty(), class.findings.clone());
        rank(one).cmp(&rank(other)).then_with(|| other.entries.cmp(&one.entries))
    });
    let disagreements = classes.iter().flat_map(|class| disagreements(encoding, class)).collect();
    let mut report = SweepReport {
        schema: SWEEP_SCHEMA.to_owned(),
        made_by: made_by(),
        command: command(guest, set, writer),
        arch: encoding.arch().to_string(),
        mmu: encoding.mmu().map(|mmu| mmu.to_string()),
        linux: encoding.version().to_string(),
        encoding: encoding_name(encoding),
        guest: guest.info(),
        entries: set.to_string(),
        writer: writer.name.to_owned(),
        domain_entries: Count(domain.iter().map(|pattern| BigUint::from(pattern.of_model().entries())).sum()),
        ran: learned.map(|learned| ran(encoding, set, &domain, learned)),
        domain,
        classes,
        disagreements,
        incomplete,
        verdict: Verdict::Unknown,
    };
    report.verdict = verdict(&report);
    report
}

fn verdict(report: &SweepReport) -> Verdict {
    let found = report.classes.iter().any(|class| !class.findings.is_empty());
    match report.incomplete {
        _ if !report.disagreements.is_empty() => Verdict::Unknown,
        _ if found => Verdict::Findings,
        None => Verdict::Pass,
        Some(_) => Verdict::Unknown,
    }
}

/// Returns the entries of every kind and marks that the model builds, and the table that a split installs.
///
/// If a writer's code compares whole values, it compares them with such entries.
fn known_entries(encoding: &Encoding) -> Vec<u64> {
    let pfn = encoding.default_pfn();
    let marks = (0..16).map(|marks: u8| [marks & 1 != 0, marks & 2 != 0, marks & 4 != 0, marks & 8 != 0]);
    let specs = EntryKind::ALL.into_iter().flat_map(|kind| {
        marks.clone().map(move |[young, dirty, soft_dirty, uffd_wp]| EntrySpec {
            kind,
            pfn,
            young,
            dirty,
            soft_dirty,
            uffd_wp,
        })
    });
    let mut entries: Vec<u64> = specs.filter_map(|spec| encoding.build(&spec).ok()).collect();
    entries.push(emu::installed_table(encoding));
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn classes(encoding: &Encoding, set: EntrySet, domain: &[Pattern], learned: &Classification) -> Vec<Class> {
    let class = |(answer, parts): (&u32, &Vec<emu::sweep::Part>)| {
        let answer = Swept(*answer);
        let (before, after) = (predicates(answer.before()), predicates(answer.after()));
        let change = Change {
            changed: answer.changed(),
            type_changed: answer.type_changed(),
            offset_changed: answer.offset_changed(),
            installed: answer.installed(),
        };
        let parts: Vec<Part> = parts
            .iter()
            .filter_map(|part| {
                let example = part.example()?;
                let form = set.form().unwrap_or(encoding.form(example));
                let of = (part.pattern, part.except.as_slice());
                Some(Part::new(encoding, form, domain, of, part.entries(), example))
            })
            .collect();
        Class {
            before,
            after,
            change,
            entries: Count(parts.iter().map(|part| part.entries.0.clone()).sum()),
            parts,
            findings: Class::findings_in(&before, &after, change, set.is_swap()),
        }
    };
    learned.classes.iter().map(class).collect()
}

/// Converts a guest's answers: bits 0 to 7 are its first eight predicates, in the order of reports.
fn predicates(answers: u32) -> Predicates {
    let says = |bit: u32| answers >> bit & 1 == 1;
    Predicates {
        none: says(0),
        present: says(1),
        leaf: says(2),
        trans_huge: says(3),
        bad: says(4),
        protnone: says(5),
        swap: says(6),
        migration: says(7),
    }
}

/// Describes the first example of a class whose predicates differ between the model and the guest.
fn disagreements(encoding: &Encoding, class: &Class) -> Vec<String> {
    let differs = |part: &&Part| Predicates::of_model(encoding, part.example.0) != class.before;
    let first = class.parts.iter().find(differs);
    let said = first.map(|part| {
        let model = Predicates::of_model(encoding, part.example.0);
        format!(
            "of {} the guest says {}, the model {}",
            part.example,
            class.before.holding(),
            model.holding()
        )
    });
    said.into_iter().collect()
}

fn ran(encoding: &Encoding, set: EntrySet, domain: &[Pattern], learned: &Classification) -> Ran {
    let free = domain.iter().fold(0, |free, pattern| free | pattern.free.0);
    // If the entries have different forms, the bits get the names of a mapping's bits.
    let form = set.form().unwrap_or(Form::Leaf);
    Ran {
        entries: learned.asked,
        flips: learned.flips,
        matter: named_bits(encoding, form, learned.matters),
        matter_in_exceptions: named_bits(encoding, form, learned.matters_in_exceptions),
        others: (free & !learned.matters).count_ones(),
        fillings: FILLINGS as u64,
        exceptions: learned.exceptions as u64,
    }
}

fn command(guest: &GuestSubject, set: EntrySet, writer: &Routine) -> String {
    CommandLine::sweep(guest.options(), &set.to_string(), writer.name)
}

#[cfg(test)]
mod tests {
    use pmdscope_guest::abi::PREDICATES;

    use super::*;

    #[test]
    fn the_bits_of_an_answer_are_the_predicates_of_a_survey() {
        for (bit, name) in PREDICATES.iter().take(Swept::PREDICATES).enumerate() {
            let named = predicates(1 << bit).named().map(|(name, holds)| (format!("pmd_{name}"), holds));
            for (known, holds) in named {
                assert_eq!(holds, known == *name, "{known} {name}");
            }
        }
    }
}
