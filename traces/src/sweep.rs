//! The report of a sweep: a writer over very many entries, and the classes of entries that it changes alike.

use num_bigint::BigUint;
use pmdscope_arches::{self as arches, Encoding, Form, platform_name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::entry::{Predicates, Value};
use crate::judge::FindingName;
use crate::judge::SweptClass;
use crate::report::{GuestInfo, Verdict, why_unknown};

/// The name and number of the report of a sweep. A change that breaks a reader raises the number.
pub const SWEEP_SCHEMA: &str = "pmdscope.sweep/1";

/// The report of one writer that ran alone over a set of entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SweepReport {
    /// `pmdscope.sweep/1`.
    pub schema: String,
    /// The program that ran it, with its version.
    pub made_by: String,
    /// The command that makes this report.
    pub command: String,
    /// The architecture.
    pub arch: String,
    /// The kind of MMU, where the architecture has several.
    pub mmu: Option<String>,
    /// The Linux version whose encoding was run.
    pub linux: String,
    /// The encoding, and the versions over which it is known to hold.
    pub encoding: String,
    /// The machine code that was run.
    pub guest: GuestInfo,
    /// The set of entries: `swap`, `migration`, `present-huge` or `any`.
    pub entries: String,
    /// The writer.
    pub writer: String,
    /// The entries of the set, as patterns. No entry is in two patterns.
    pub domain: Vec<Pattern>,
    /// How many entries the set has.
    pub domain_entries: Count,
    /// The runs that the result rests on; null if nothing is known.
    pub ran: Option<Ran>,
    /// The classes, those with findings first, then those with the most entries. Every entry of the set is in one.
    pub classes: Vec<Class>,
    /// Entries on which the guest and the model disagree. If there are any, the guest does not have this
    /// encoding.
    pub disagreements: Vec<String>,
    /// Why the result is not fully known; null if it is.
    pub incomplete: Option<String>,
    /// The result in one word: `findings` if a class has one.
    pub verdict: Verdict,
}

/// The runs that the result of a sweep rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ran {
    /// How many entries the writer was run on.
    pub entries: u64,
    /// How many bits were flipped, each on an entry chosen at random, to see which matter.
    pub flips: u64,
    /// The free bits of the set that matter: every combination of them was run.
    pub matter: Vec<FieldBits>,
    /// Bits that matter only in exceptions, or that only distinguish exceptions from other entries.
    pub matter_in_exceptions: Vec<FieldBits>,
    /// How many bits of the set do not matter: they were filled with zeros, ones and random bits.
    pub others: u32,
    /// How many fillings of those bits each combination was run with.
    pub fillings: u64,
    /// How many patterns are exceptions. Each was examined again in the same way.
    pub exceptions: u64,
}

/// Bits of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldBits {
    /// The field; null for bits without a name.
    pub field: Option<String>,
    /// The bits, from the highest down: `7..3`, or `11 8..5`.
    pub bits: String,
}

/// Entries by their bits: the bits in `free` may have any value, all others are as in `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pattern {
    /// The values of the fixed bits; 0 where a bit is free.
    pub value: Value,
    /// The free bits.
    pub free: Value,
}

/// The entries of a pattern that are in none of its exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The pattern.
    #[serde(flatten)]
    pub pattern: Pattern,
    /// The exceptions: patterns inside this one whose entries belong to other parts.
    pub except: Vec<Pattern>,
    /// How many entries the part has.
    pub entries: Count,
    /// One of these entries.
    pub example: Value,
    /// The bits that are fixed here and free in the set, by field, from the highest down.
    pub fields: Vec<FixedField>,
}

/// The bits of a field that a pattern fixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FixedField {
    /// The field; null for bits without a name.
    pub field: Option<String>,
    /// The fixed bits of the field, from the highest down: `7..4`, or `59`.
    pub bits: String,
    /// The values of these bits, the highest first.
    pub value: String,
}

/// Entries that have the same predicates before the writer and after it, and that it changes in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Class {
    /// The predicates of the entry that the writer found.
    pub before: Predicates,
    /// The predicates of the entry that it left, or that it replaced with a page table.
    pub after: Predicates,
    /// The other changes to the entry.
    pub change: Change,
    /// How many entries the class has.
    pub entries: Count,
    /// The entries, in parts. No entry is in two parts.
    pub parts: Vec<Part>,
    /// The findings that this class shows.
    pub findings: Vec<FindingName>,
}

/// The changes that a writer made to the entries of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// It left another value than it found, or replaced another value with the page table.
    pub changed: bool,
    /// It found a swap entry and left one of another type.
    pub type_changed: bool,
    /// It found a swap entry and left one of another offset.
    pub offset_changed: bool,
    /// It then installed a page table. All other fields describe the entry before that.
    pub installed: bool,
}

/// A finding of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: FindingName,
    /// How many entries it was found on.
    pub(crate) entries: Count,
    /// One of these entries.
    pub(crate) example: Option<Value>,
}

impl SweepReport {
    /// Returns the architecture, and the kind of MMU where there are several: `ppc64 radix`.
    pub(crate) fn platform(&self) -> String {
        platform_name(&self.arch, self.mmu.as_ref())
    }

    /// Returns the findings, each name once, in the order of [`FindingName::ALL`].
    ///
    /// No entry is in two classes, so the numbers of entries add up.
    pub(crate) fn found(&self) -> Vec<Found> {
        let of = |name| {
            let classes: Vec<_> =
                self.classes.iter().filter(|class| class.findings.contains(&name)).collect();
            let example = classes.first()?.parts.first().map(|part| part.example);
            let entries = Count(classes.iter().map(|class| &class.entries.0).sum());
            Some(Found { name, entries, example })
        };
        FindingName::ALL.into_iter().filter_map(of).collect()
    }

    /// Returns the failed controls in words. If any control failed, no finding counts.
    pub(crate) fn failed_controls(&self) -> Vec<String> {
        self.disagreements.iter().map(|disagreement| format!("control failed: {disagreement}")).collect()
    }

    /// Returns the reasons why the result is not fully known; empty if it is.
    pub(crate) fn why_unknown(&self) -> Vec<String> {
        why_unknown(self.failed_controls(), self.incomplete.as_deref(), self.verdict)
    }
}

impl Class {
    /// Returns the findings in a class, in the order of [`FindingName::ALL`].
    ///
    /// They are the findings of [`judge`](crate::judge()) that need no walker. They are judged from the entry
    /// that the writer left, or replaced with a page table.
    pub fn findings_in(
        before: &Predicates,
        after: &Predicates,
        change: Change,
        built_as_swap: bool,
    ) -> Vec<FindingName> {
        let is_redirected = before.swap && after.swap && (change.type_changed || change.offset_changed);
        let class = SweptClass { before, after, is_redirected, built_as_swap };
        let holds = |name: &FindingName| name.definition().sweep_rule.is_some_and(|rule| rule(&class));
        FindingName::ALL.into_iter().filter(holds).collect()
    }
}

impl From<arches::Pattern> for Pattern {
    fn from(pattern: arches::Pattern) -> Self {
        Pattern { value: Value(pattern.value), free: Value(pattern.free) }
    }
}

impl Pattern {
    /// Converts the pattern to the model's type.
    pub fn of_model(self) -> arches::Pattern {
        arches::Pattern { value: self.value.0, free: self.free.0 }
    }
}

impl Part {
    /// Makes a part, with the fields of `form` that it fixes beyond those that its set fixes.
    pub fn new(
        encoding: &Encoding,
        form: Form,
        domain: &[Pattern],
        (pattern, except): (arches::Pattern, &[arches::Pattern]),
        entries: u128,
        example: u64,
    ) -> Self {
        let free_in_domain =
            domain.iter().find(|set| set.of_model().contains(example)).map_or(u64::MAX, |set| set.free.0);
        let fixed = free_in_domain & !pattern.free;
        let fields = by_field(encoding, form, fixed).into_iter().map(|(named, bits)| FixedField {
            field: named.field,
            bits: named.bits,
            value: digits(pattern.into(), '.', bits),
        });
        Part {
            pattern: pattern.into(),
            except: except.iter().copied().map(Pattern::from).collect(),
            entries: Count(BigUint::from(entries)),
            example: Value(example),
            fields: fields.collect(),
        }
    }
}

/// Formats some bits of a pattern, the highest first: `0`, `1`, or `any` for a free one.
pub(crate) fn digits(pattern: Pattern, any: char, of: u64) -> String {
    let digit = |bit: u64| match (pattern.free.0 & bit, pattern.value.0 & bit) {
        (0, 0) => '0',
        (0, _) => '1',
        _ => any,
    };
    arches::bits_of(of).rev().map(digit).collect()
}

/// Groups bits by the fields of entries of a form, the highest first. Bits without a name come last.
pub fn named_bits(encoding: &Encoding, form: Form, bits: u64) -> Vec<FieldBits> {
    by_field(encoding, form, bits).into_iter().map(|(named, _)| named).collect()
}

/// Groups bits as [`named_bits`] does, and also returns the bits of each group as a mask.
fn by_field(encoding: &Encoding, form: Form, bits: u64) -> Vec<(FieldBits, u64)> {
    let mut fields: Vec<_> = encoding.fields_in(form).collect();
    fields.reverse();
    let of_fields = fields.iter().map(|field| (Some(field.name), bits & field.bits.mask()));
    let without_name = fields.iter().fold(bits, |rest, field| rest & !field.bits.mask());
    of_fields
        .chain([(None, without_name)])
        .filter(|(_, bits)| *bits != 0)
        .map(|(name, bits)| (FieldBits { field: name.map(str::to_owned), bits: runs(bits) }, bits))
        .collect()
}

/// Formats bits as runs: `11 8..5`.
fn runs(bits: u64) -> String {
    let mut runs = Vec::new();
    let mut bit = 64_u32;
    while let Some(high) = bit.checked_sub(1) {
        bit = high;
        if bits >> high & 1 == 0 {
            continue;
        }
        while bit > 0 && bits >> (bit - 1) & 1 == 1 {
            bit -= 1;
        }
        runs.push(if bit == high { high.to_string() } else { format!("{high}..{bit}") });
    }
    runs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_written_as_runs() {
        assert_eq!(runs(0), "");
        assert_eq!(runs(1 << 63 | 0b1110_0101), "63 7..5 2 0");
        assert_eq!(runs(u64::MAX), "63..0");
    }
}
