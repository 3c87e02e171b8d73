//! What pasted values are: the report of `pmdscope explain`. Field names are the JSON contract; see the schema.

use std::cmp::Reverse;
use std::fmt;

use pmdscope_arches::{
    Arch, Encoding, EncodingError, Fit, Form, Misfit, Mmu, PmdReading, SwapUse, Version, platform_name,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decoded::Reading;
use crate::entry::{Entry, Hex, Predicates, Value, changes};
use crate::outcome::Outcome;

/// The schema of the report.
pub const EXPLAIN_SCHEMA: &str = "pmdscope.explain/1";

/// Explained values.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExplainReport {
    /// `pmdscope.explain/1`.
    pub schema: String,
    /// The program that made the report, with its engine.
    pub made_by: String,
    /// The values, in the order in which they were pasted.
    pub values: Vec<ExplainedValue>,
}

/// A level of the page table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// The top level.
    Pgd,
    /// The level below.
    P4d,
    /// The level above PMDs.
    Pud,
    /// The level that is modelled: a huge page, or a table of PTEs.
    Pmd,
    /// Base pages.
    Pte,
}

impl Level {
    /// Every level, from the top down.
    pub const ALL: [Level; 5] = [Level::Pgd, Level::P4d, Level::Pud, Level::Pmd, Level::Pte];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Pgd => "PGD",
            Level::P4d => "P4D",
            Level::Pud => "PUD",
            Level::Pmd => "PMD",
            Level::Pte => "PTE",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An explained value.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedValue {
    /// The value, in CPU order.
    pub value: Value,
    /// The level that its label names; null if it has none. Such a value is explained as a PMD.
    pub level: Option<Level>,
    /// The value that its digits would be in decimal, if they are digits only and were read as hexadecimal.
    pub as_decimal: Option<Value>,
    /// The architecture whose oopses have lines of this kind.
    pub hint: Option<String>,
    /// What it is, in one sentence.
    pub summary: String,
    /// Where it fits, the most plausible first. Empty for values of other levels, which are not modelled.
    pub fits: Vec<FittingEntry>,
    /// Where it does not fit, and why.
    pub misfits: Vec<MisfittingEntry>,
    /// Versions about whose entries nothing is known for sure.
    pub unknown: Vec<Platform>,
}

/// An architecture, a kind of MMU, and versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Platform {
    /// The architecture.
    pub arch: String,
    /// The kind of MMU, where the architecture has several.
    pub mmu: Option<String>,
    /// The versions, in ascending order.
    pub linux: Vec<VersionRange>,
}

/// Consecutive Linux versions, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionRange {
    /// The first.
    pub from: String,
    /// The last.
    pub to: String,
}

/// What a value is on a platform.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FittingEntry {
    /// Where.
    #[serde(flatten)]
    pub platform: Platform,
    /// What it is there.
    pub kind: FitKind,
    /// The answers of the model's predicates.
    #[serde(flatten)]
    pub predicates: Predicates,
    /// The page frame of the huge page or of the page table, if it names one.
    pub pfn: Option<Hex>,
    /// The names of its set bits and of its fields that are not zero; of a value that was made present those of the swap
    /// entry before that.
    pub bits: Vec<String>,
    /// What the swap entry can be, the likeliest first, with the configuration that each needs.
    pub readings: Vec<NamedReading>,
    /// The swap entry before the invalidation that made it present.
    pub original: Option<Value>,
    /// What the invalidation changed.
    pub changes: Vec<String>,
    /// The function that invalidates, by its kernel name.
    pub invalidated_by: Option<String>,
    /// The bit that a mapping would have set.
    pub cleared: Option<String>,
    /// What each walker makes of the value, run alone.
    pub walkers: Vec<WalkerOutcome>,
    /// The version whose walkers were run; null if none were.
    pub walkers_of: Option<String>,
    /// Why no walkers were run; null if they were, or if nothing can be learned of it.
    pub not_executed: Option<String>,
    /// The command that shows it.
    pub command: String,
    #[serde(skip)]
    rank: Rank,
}

/// A reading of a swap entry, and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedReading {
    /// What it is, such as `migration entry (write)`.
    pub entry: String,
    /// The reading.
    #[serde(flatten)]
    pub reading: Reading,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FitKind {
    /// A swap entry that an invalidation made present.
    MadePresent,
    /// A swap entry.
    Swap,
    /// A mapping of a huge page.
    Mapping,
    /// A mapping that the MMU does not use: invalidated, or kept from access.
    InvalidMapping,
    /// A mapping that lacks the bit that would make it present.
    ClearedMapping,
    /// A pointer to a page table.
    Table,
    /// Nothing.
    Empty,
}

/// How plausible it is that a value is an entry of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Rank {
    MadePresent,
    HugePage,
    Named,
    #[default]
    SwapFile,
}

/// The outcome of a walker that ran alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WalkerOutcome {
    /// The walker.
    pub walker: String,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Why a value does not fit a platform.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MisfittingEntry {
    /// Where.
    #[serde(flatten)]
    pub platform: Platform,
    /// Why.
    pub reason: MisfitReason,
    /// The bits that entries of its form do not have, or that it lacks.
    pub bits: Option<Hex>,
    /// Its form: `table`, `leaf`, `invalid leaf` or `swap`.
    pub form: Option<String>,
    /// The page frame where no huge page can begin, or the swap type that does not exist.
    pub number: Option<Hex>,
    /// The level that it is probably of.
    pub probably: Option<Level>,
}

/// Why a value does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MisfitReason {
    /// Bits are set that entries of its form do not have.
    Bits,
    /// It is not present, and bits are clear that all swap entries have.
    MissingBits,
    /// It is not present, and huge pages cannot be migrated there.
    NoSwapFormat,
    /// Its swap type does not exist.
    NoSuchType,
    /// No huge page can begin at its page frame.
    Misaligned,
    /// Its address is beyond physical memory.
    BeyondMemory,
}

/// What an encoding is looked for in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice {
    /// The architecture; every one if there is none.
    pub arch: Option<Arch>,
    /// The kind of MMU; every one if there is none.
    pub mmu: Option<Mmu>,
    /// The version; every one if there is none.
    pub version: Option<Version>,
}

impl Choice {
    fn platforms(self) -> impl Iterator<Item = (Arch, Option<Mmu>)> {
        let all = Arch::ALL.into_iter().filter(move |arch| self.arch.is_none_or(|only| only == *arch));
        let fits = move |mmu: Option<Mmu>| self.mmu.is_none() || mmu == self.mmu;
        all.flat_map(Arch::platforms).filter(move |(_, mmu)| fits(*mmu))
    }

    fn versions(self) -> Vec<Version> {
        if let Some(version) = self.version {
            return vec![version];
        }
        let next = |version: &Version| (*version < Version::NEWEST).then(|| version.successor());
        std::iter::successors(Some(Version::OLDEST), next).collect()
    }

    /// The error if nothing is known of any of it.
    ///
    /// # Errors
    /// The first of [`Encoding::at`], if there is an encoding nowhere.
    pub fn check(self) -> Result<(), EncodingError> {
        let mut first = None;
        for (arch, mmu) in self.platforms() {
            for version in self.versions() {
                match Encoding::at(arch, mmu, version) {
                    Ok(_) => return Ok(()),
                    Err(error) => drop(first.get_or_insert(error)),
                }
            }
        }
        match (first, self.arch) {
            (Some(error), _) => Err(error),
            // No architecture that was chosen has that MMU.
            (None, arch) => Encoding::at(arch.unwrap_or(Arch::Arm64), self.mmu, Version::NEWEST).map(drop),
        }
    }
}

impl ExplainedValue {
    /// What the model says of a value on the chosen platforms. Its walkers, its commands and its summary are empty.
    pub fn of_model(value: u64, level: Option<Level>, choice: Choice, hint: Option<Arch>) -> Self {
        let mut explained = ExplainedValue {
            value: Value(value),
            level,
            as_decimal: None,
            hint: hint.map(|arch| arch.to_string()),
            summary: String::new(),
            fits: Vec::new(),
            misfits: Vec::new(),
            unknown: Vec::new(),
        };
        if level.is_some_and(|level| level != Level::Pmd) {
            return explained;
        }
        for (arch, mmu) in choice.platforms() {
            let mut groups: Vec<(Group, Vec<Version>)> = Vec::new();
            let mut unknown = Vec::new();
            for version in choice.versions() {
                let Ok(encoding) = Encoding::at(arch, mmu, version) else {
                    unknown.push(version);
                    continue;
                };
                let group = Group::of(&encoding, value);
                match groups.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, versions)) => versions.push(version),
                    None => groups.push((group, vec![version])),
                }
            }
            let platform = |versions: &[Version]| Platform {
                arch: arch.to_string(),
                mmu: mmu.map(|mmu| mmu.to_string()),
                linux: ranges(versions),
            };
            if !unknown.is_empty() {
                explained.unknown.push(platform(&unknown));
            }
            for (group, versions) in groups {
                let newest = versions.last().copied().unwrap_or(Version::NEWEST);
                let Ok(encoding) = Encoding::at(arch, mmu, newest) else { continue };
                match group.fit {
                    Fit::Unfit(misfit) => {
                        let no_pte = level == Some(Level::Pmd);
                        explained.misfits.push(MisfittingEntry::of(platform(&versions), misfit, no_pte));
                    }
                    fit => explained.fits.push(fitting(
                        &encoding,
                        platform(&versions),
                        value,
                        fit,
                        group.readings,
                    )),
                }
            }
        }
        let is_of_hint = |fit: &FittingEntry| explained.hint.as_ref() == Some(&fit.platform.arch);
        let mut keyed: Vec<_> = explained
            .fits
            .iter()
            .cloned()
            .map(|fit| {
                let newest = fit.platform.newest();
                ((!is_of_hint(&fit), fit.rank, fit.is_configured_off(), Reverse(newest)), fit)
            })
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        explained.fits = keyed.into_iter().map(|(_, fit)| fit).collect();
        explained
    }
}

/// What is the same over versions.
#[derive(PartialEq)]
struct Group {
    fit: Fit,
    readings: Vec<PmdReading>,
    bits: Vec<String>,
}

impl Group {
    fn of(encoding: &Encoding, value: u64) -> Self {
        let fit = encoding.fit(value);
        let swap = swap_of(fit, value);
        let readings = swap.map_or_else(Vec::new, |swap| encoding.pmd_readings(swap));
        // Versions whose bits have other names are told apart, unless it does not fit at all.
        let bits =
            if matches!(fit, Fit::Unfit(_)) { Vec::new() } else { bits(encoding, swap.unwrap_or(value)) };
        Group { fit, readings, bits }
    }
}

/// The swap entry that a value is or was.
fn swap_of(fit: Fit, value: u64) -> Option<u64> {
    match fit {
        Fit::Swap => Some(value),
        Fit::MadePresent { original } => Some(original),
        _ => None,
    }
}

fn fitting(
    encoding: &Encoding,
    platform: Platform,
    value: u64,
    fit: Fit,
    readings: Vec<PmdReading>,
) -> FittingEntry {
    let of_page = |reading: &PmdReading| {
        let is_page = !matches!(
            reading.reading.purpose,
            SwapUse::DeviceExclusive | SwapUse::DeviceExclusiveRead | SwapUse::DeviceExclusiveWrite
        );
        reading.has_huge_page && is_page
    };
    let (kind, rank) = match fit {
        Fit::MadePresent { .. } => (FitKind::MadePresent, Rank::MadePresent),
        Fit::Swap if readings.first().is_some_and(of_page) => (FitKind::Swap, Rank::HugePage),
        Fit::Swap | Fit::Unfit(_) => (FitKind::Swap, Rank::SwapFile),
        Fit::Mapping if encoding.form(value) == Form::InvalidLeaf => (FitKind::InvalidMapping, Rank::Named),
        Fit::Mapping => (FitKind::Mapping, Rank::Named),
        Fit::ClearedMapping { .. } => (FitKind::ClearedMapping, Rank::Named),
        Fit::Table => (FitKind::Table, Rank::Named),
        Fit::Empty => (FitKind::Empty, Rank::Named),
    };
    let original = if let Fit::MadePresent { original } = fit { Some(original) } else { None };
    let cleared = if let Fit::ClearedMapping { bit } = fit { Some(bit) } else { None };
    let mapping = cleared.map_or(value, |bit| value | 1 << bit);
    let name_of = |bit: u8| {
        let named = encoding.fields_of(mapping).find(|field| field.bits.mask() & 1 << bit != 0);
        named.map_or_else(|| format!("bit {bit}"), |field| field.name.to_owned())
    };
    let possible = readings.into_iter().filter(|reading| reading.pfn.is_none() || reading.has_huge_page);
    let readings: Vec<NamedReading> = possible.map(NamedReading::of).collect();
    let pfn = match readings.first() {
        Some(reading) => reading.reading.pfn,
        None if kind == FitKind::Table => None,
        None => encoding.pfn_of(mapping).map(Hex),
    };
    let of_bits = original.unwrap_or(mapping);
    let entry = Entry::of_model(encoding, value);
    FittingEntry {
        platform,
        kind,
        predicates: entry.predicates,
        pfn,
        bits: bits(encoding, of_bits),
        readings,
        original: original.map(Value),
        changes: original.map_or_else(Vec::new, |original| changes(encoding, original, value)),
        invalidated_by: original.map(|_| invalidation(encoding.arch()).to_owned()),
        cleared: cleared.map(name_of),
        walkers: Vec::new(),
        walkers_of: None,
        not_executed: None,
        command: String::new(),
        rank,
    }
}

/// The function that makes an entry invalid.
fn invalidation(arch: Arch) -> &'static str {
    match crate::kunit::is_by_mkinvalid(arch.name()) {
        Some(true) => "pmd_mkinvalid()",
        _ => "pmdp_invalidate()",
    }
}

/// The fields of a value that are not zero, by name.
fn bits(encoding: &Encoding, value: u64) -> Vec<String> {
    let set = encoding.fields_of(value).filter(|field| field.bits.of(value) != 0);
    set.map(|field| match field.bits.width() {
        1 => field.name.to_owned(),
        _ => format!("{} {:#x}", field.name, field.bits.of(value)),
    })
    .collect()
}

impl NamedReading {
    fn of(reading: PmdReading) -> Self {
        let PmdReading { reading, pfn, .. } = reading;
        NamedReading { entry: name_of(reading.purpose).to_owned(), reading: Reading::of(&reading, pfn) }
    }
}

/// What a swap entry of a use is called.
fn name_of(purpose: SwapUse) -> &'static str {
    match purpose {
        SwapUse::File => "entry of a swap file",
        SwapUse::Hwpoison => "hwpoison entry",
        SwapUse::MigrationRead => "migration entry (read)",
        SwapUse::MigrationReadExclusive => "migration entry (read, exclusive)",
        SwapUse::MigrationWrite => "migration entry (write)",
        SwapUse::DevicePrivateWrite => "device-private entry (write)",
        SwapUse::DevicePrivateRead => "device-private entry (read)",
        SwapUse::DeviceExclusiveWrite => "device-exclusive entry (write)",
        SwapUse::DeviceExclusiveRead => "device-exclusive entry (read)",
        SwapUse::DeviceExclusive => "device-exclusive entry",
        SwapUse::PteMarker => "PTE marker",
        SwapUse::SwapinError => "swap-in error entry",
    }
}

impl FittingEntry {
    /// Whether its likeliest reading is that of a kernel that lacks an option of distributions.
    fn is_configured_off(&self) -> bool {
        self.readings.first().is_some_and(|first| first.reading.needs.iter().any(|needed| !needed.on))
    }

    /// Whether walkers can show something about it: a swap entry that was made present, or a table that is bad.
    pub fn is_worth_walking(&self) -> bool {
        self.kind == FitKind::MadePresent || self.kind == FitKind::Table && self.predicates.bad
    }
}

impl Platform {
    /// The newest of its versions.
    pub fn newest(&self) -> Option<Version> {
        self.linux.last().and_then(|range| range.to.parse().ok())
    }

    /// Whether a version is one of its.
    pub fn has(&self, version: Version) -> bool {
        let parsed = |text: &str| text.parse::<Version>().ok();
        self.linux.iter().any(|range| {
            parsed(&range.from)
                .zip(parsed(&range.to))
                .is_some_and(|(from, to)| (from..=to).contains(&version))
        })
    }

    /// Its architecture and MMU: `ppc64 radix`.
    pub fn name(&self) -> String {
        platform_name(&self.arch, self.mmu.as_ref())
    }

    /// Its versions: `6.1 to 6.9 and 6.12`.
    pub fn versions(&self) -> String {
        let ranges: Vec<_> = self
            .linux
            .iter()
            .map(|range| match range.from == range.to {
                true => range.from.clone(),
                false => format!("{} to {}", range.from, range.to),
            })
            .collect();
        match ranges.split_last() {
            Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
            _ => ranges.concat(),
        }
    }
}

impl MisfittingEntry {
    fn of(platform: Platform, misfit: Misfit, is_pmd: bool) -> Self {
        let mut entry = MisfittingEntry {
            platform,
            reason: MisfitReason::Bits,
            bits: None,
            form: None,
            number: None,
            probably: None,
        };
        match misfit {
            Misfit::UnnamedBits { form, bits, of_base_page } => {
                entry.bits = Some(Hex(bits));
                entry.form = Some(form.to_string());
                entry.probably = (of_base_page && !is_pmd).then_some(Level::Pte);
            }
            Misfit::MissingBits(bits) => {
                entry.reason = MisfitReason::MissingBits;
                entry.bits = Some(Hex(bits));
            }
            Misfit::NoSwapFormat => entry.reason = MisfitReason::NoSwapFormat,
            Misfit::NoSuchType(kind) => {
                entry.reason = MisfitReason::NoSuchType;
                entry.number = Some(Hex(kind));
            }
            Misfit::Misaligned(pfn) => {
                entry.reason = MisfitReason::Misaligned;
                entry.number = Some(Hex(pfn));
            }
            Misfit::BeyondMemory => entry.reason = MisfitReason::BeyondMemory,
        }
        entry
    }
}

/// Versions, in ascending order, as ranges.
fn ranges(versions: &[Version]) -> Vec<VersionRange> {
    let mut ranges: Vec<(Version, Version)> = Vec::new();
    for version in versions {
        match ranges.last_mut() {
            Some((_, to)) if to.successor() == *version => *to = *version,
            _ => ranges.push((*version, *version)),
        }
    }
    ranges.into_iter().map(|(from, to)| VersionRange { from: from.to_string(), to: to.to_string() }).collect()
}
