//! Parses the text of a matrix.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::model::{Bounds, Entry, EntrySelection, Exclude, Include, MAX_BYTES, Matrix, Name, Place};
use super::numbers::Numbers;
use super::place::MatrixError;

/// A matrix: every `[[include]]` is a product of lists, every `[[exclude]]` removes jobs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Products of lists: all of their jobs are run.
    #[schemars(with = "Vec<IncludeTable>")]
    include: Vec<Spanned<IncludeTable>>,
    /// The jobs that are removed from the products: those that match all lists of a table.
    #[serde(default)]
    #[schemars(with = "Vec<ExcludeTable>")]
    exclude: Vec<Spanned<ExcludeTable>>,
    /// The limits of one job. What lies beyond them counts as unknown.
    #[serde(default)]
    bounds: BoundsTable,
}

/// Names, each with its place.
type Names = Option<Vec<Spanned<String>>>;

/// A product of lists. A list that is left out means everything.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncludeTable {
    /// Architectures: see `pmdscope list arches`.
    #[schemars(with = "Option<Vec<String>>")]
    arches: Names,
    /// Kinds of MMU: radix or hash. Only platforms with one of these are run.
    #[schemars(with = "Option<Vec<String>>")]
    mmus: Names,
    /// Linux versions, such as 6.12; if left out, the first version of each bundled guest.
    #[schemars(with = "Option<Vec<String>>")]
    linux: Names,
    /// ELF files of guests, in place of the bundled ones, relative to the matrix. Each may contain `*`.
    #[schemars(with = "Option<Vec<String>>")]
    guests: Names,
    /// Files of kernels, in place of architectures, versions and guests, relative to the matrix. Each may
    /// contain `*`.
    #[schemars(with = "Option<Vec<String>>")]
    kernels: Names,
    /// Files with the types of the kernels, in place of their own, relative to the matrix: one for each kernel, in
    /// their order; `-` for a kernel's own. See `--types` of `pmdscope run`.
    #[schemars(with = "Option<Vec<String>>")]
    types: Names,
    /// Entries to begin with.
    #[schemars(with = "Option<Entries>")]
    entries: Option<Spanned<Entries>>,
    /// Writers: see `pmdscope list writers`; for a kernel, `pmdscope kernel list-functions`.
    #[schemars(with = "Option<Vec<String>>")]
    writers: Names,
    /// Walkers: see `pmdscope list walkers`; for a kernel, `pmdscope kernel list-functions`. A sweep has none.
    #[schemars(with = "Option<Vec<String>>")]
    walkers: Names,
}

/// Jobs that are not run: those that match every list that is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExcludeTable {
    /// Architectures.
    #[schemars(with = "Option<Vec<String>>")]
    arches: Names,
    /// Kinds of MMU.
    #[schemars(with = "Option<Vec<String>>")]
    mmus: Names,
    /// Linux versions.
    #[schemars(with = "Option<Vec<String>>")]
    linux: Names,
    /// Files of kernels or guests, by their names without folders. Each may contain `*`.
    #[schemars(with = "Option<Vec<String>>")]
    files: Names,
    /// Kinds of entry; `pmd` for those by value, `sweep` for sweeps.
    #[schemars(with = "Option<Vec<String>>")]
    entries: Names,
    /// Writers.
    #[schemars(with = "Option<Vec<String>>")]
    writers: Names,
    /// Walkers.
    #[schemars(with = "Option<Vec<String>>")]
    walkers: Names,
}

/// The limits of one job. What lies beyond them counts as unknown. Each default is that of `pmdscope run`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BoundsTable {
    /// The most behaviours of one writer and walker.
    #[schemars(with = "Option<u64>", range(min = 1))]
    max_behaviours: Option<Spanned<u64>>,
    /// The most page-table accesses of one routine.
    #[schemars(with = "Option<u64>", range(min = 1))]
    max_accesses: Option<Spanned<u64>>,
    /// The most instructions of one routine.
    #[schemars(with = "Option<u64>", range(min = 1))]
    max_instructions: Option<Spanned<u64>>,
    /// The most seconds for one writer and walker.
    #[schemars(with = "Option<u64>", range(min = 1))]
    timeout: Option<Spanned<u64>>,
}

/// One entry to begin with, or several in a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Entries {
    /// One entry.
    One(Box<NameOrTable>),
    /// Several entries.
    Several(#[schemars(with = "Vec<NameOrTable>")] Vec<Spanned<NameOrTable>>),
}

/// An entry: the name of its kind, or a table.
#[derive(JsonSchema)]
#[schemars(with = "EntrySchema")]
struct NameOrTable(EntryTable);

/// An entry: the name of its kind, or a table.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "describes what a file may say")]
enum EntrySchema {
    /// A kind: see `pmdscope list entries`.
    Kind(String),
    /// A table, for entries that a kind alone does not describe.
    Table(Box<EntryTable>),
}

/// Entries: of a `kind`; swap entries by their `types` and `offsets`; by their values, `pmds`; or a whole set in
/// one job, a `sweep`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EntryTable {
    /// A kind: see `pmdscope list entries`.
    #[schemars(with = "Option<String>")]
    kind: Option<Spanned<String>>,
    /// Page frame numbers for that kind. A range without a step goes from huge page to huge page.
    #[schemars(with = "Option<NumbersSchema>")]
    pfns: Option<Numbers>,
    /// Swap types.
    #[schemars(with = "Option<NumbersSchema>")]
    types: Option<Numbers>,
    /// Offsets of swap entries.
    #[schemars(with = "Option<NumbersSchema>")]
    offsets: Option<Numbers>,
    /// Lists of marks: each list gives an entry with these marks. See `pmdscope run --help`: young, dirty,
    /// soft-dirty, uffd-wp.
    #[schemars(with = "Option<Vec<Vec<String>>>")]
    marks: Option<Vec<Vec<Spanned<String>>>>,
    /// Values of entries, in CPU order.
    #[schemars(with = "Option<NumbersSchema>")]
    pmds: Option<Numbers>,
    /// A set of entries: swap, migration, ... The writer is run on all of them in a loop within the guest.
    #[schemars(with = "Option<String>")]
    sweep: Option<Spanned<String>>,
}

/// Numbers: one, several or a range.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "describes what a file may say")]
enum NumbersSchema {
    /// One number.
    One(NumberSchema),
    /// Several numbers.
    Several(Vec<NumberSchema>),
    /// A range.
    Range(RangeTable),
}

/// A number. One that TOML cannot hold is written as hexadecimal digits in a string.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "describes what a file may say")]
enum NumberSchema {
    /// A number.
    Number(u64),
    /// Its hexadecimal digits.
    Digits(#[schemars(regex(pattern = "^0[xX][0-9a-fA-F_]{1,20}$"))] String),
}

/// A range of numbers, or a sample of one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RangeTable {
    /// The first number.
    #[schemars(with = "NumberSchema")]
    from: Number,
    /// The last number, if the steps reach it.
    #[schemars(with = "NumberSchema")]
    to: Number,
    /// The distance from one number to the next.
    #[schemars(with = "Option<NumberSchema>")]
    step: Option<Number>,
    /// How many numbers to choose at random, none twice; all if left out.
    sample: Option<u64>,
    /// The seed of the random choice: another seed gives another sample.
    #[serde(default)]
    seed: u64,
}

/// A number as written in a matrix.
struct Number(u64);

impl Number {
    fn of_integer<E: serde::de::Error>(number: i64) -> Result<Number, E> {
        u64::try_from(number).map(Number).map_err(|_| E::custom(format!("{number} is below 0")))
    }

    fn of_text<E: serde::de::Error>(text: &str) -> Result<Number, E> {
        let digits =
            text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or("").replace('_', "");
        let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match u64::from_str_radix(&digits, 16) {
            Ok(number) if plain => Ok(Number(number)),
            _ => Err(E::custom(format!(
                "'{text}' is not a 64-bit number: write it as 0x81200, or \"0x8000000081200e00\""
            ))),
        }
    }
}

// Each of these types can be written in several ways. The code that serde derives for such types loses the place
// of a mistake, so it is written by hand here.

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl Visitor<'_> for Reads {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or its hexadecimal digits in a string")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Number, E> {
                Number::of_integer(number)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                Number::of_text(text)
            }
        }

        deserializer.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Numbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, a list of numbers, or a range { from = ..., to = ... }")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Numbers, E> {
                Ok(Numbers::List(vec![Number::of_integer(number)?.0]))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Numbers, E> {
                Ok(Numbers::List(vec![Number::of_text(text)?.0]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Numbers, A::Error> {
                let list = Vec::<Number>::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(Numbers::List(list.into_iter().map(|number| number.0).collect()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Numbers, A::Error> {
                let range = RangeTable::deserialize(MapAccessDeserializer::new(map))?;
                let RangeTable { from, to, step, sample, seed } = range;
                Ok(Numbers::Range { from: from.0, to: to.0, step: step.map(|step| step.0), sample, seed })
            }
        }

        deserializer.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for NameOrTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = NameOrTable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an entry, or a table of one")
            }

            fn visit_str<E: serde::de::Error>(self, kind: &str) -> Result<NameOrTable, E> {
                Ok(NameOrTable(EntryTable::of_kind(kind)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NameOrTable, A::Error> {
                Ok(NameOrTable(EntryTable::deserialize(MapAccessDeserializer::new(map))?))
            }
        }

        deserializer.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an entry, a table of one, or a list of them")
            }

            fn visit_str<E: serde::de::Error>(self, kind: &str) -> Result<Entries, E> {
                one(kind.into_deserializer())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entries, A::Error> {
                one(MapAccessDeserializer::new(map))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Entries, A::Error> {
                Ok(Entries::Several(Vec::deserialize(SeqAccessDeserializer::new(seq))?))
            }
        }

        fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
            Ok(Entries::One(Box::new(NameOrTable::deserialize(deserializer)?)))
        }

        deserializer.deserialize_any(Reads)
    }
}

impl EntryTable {
    /// Makes the table of an entry that is written as its kind alone.
    ///
    /// The span of the kind is empty: its place is that of the whole entry.
    fn of_kind(kind: &str) -> Self {
        EntryTable { kind: Some(Spanned::new(0..0, kind.to_owned())), ..EntryTable::default() }
    }
}

impl Matrix {
    /// Parses a matrix. Errors name its `file`.
    ///
    /// # Errors
    /// [`MatrixError`], with line and column, if the text is not TOML or not a matrix.
    pub fn parse(file: &str, text: &str) -> Result<Matrix, MatrixError> {
        matrix(file, text)
    }
}

fn matrix(file: &str, text: &str) -> Result<Matrix, MatrixError> {
    let error = |place: &Place, fault: String| MatrixError::new(file, text, place.start, fault);
    if text.len() > MAX_BYTES {
        let fault = format!("{} bytes are more than the {MAX_BYTES} that a matrix may have", text.len());
        return Err(error(&(0..0), fault));
    }
    let read: File = toml::from_str(text)
        .map_err(|fault| error(&fault.span().unwrap_or(0..0), fault.message().replace('\n', ", ")))?;
    if read.include.is_empty() {
        return Err(error(&(0..0), "no jobs: there is no [[include]] that has any".to_owned()));
    }
    let includes = read.include.into_iter().map(include).collect::<Result<_, _>>();
    let includes = includes.map_err(|(place, fault)| error(&place, fault))?;
    let excludes = read.exclude.into_iter().map(exclude).collect();
    let bounds = bounds(read.bounds).map_err(|(place, fault)| error(&place, fault))?;
    Ok(Matrix { includes, excludes, bounds, file: file.to_owned(), text: text.to_owned() })
}

/// A mistake, and its place in the file.
type Mistake = (Place, String);

fn include(table: Spanned<IncludeTable>) -> Result<Include, Mistake> {
    let place = table.span();
    let table = table.into_inner();
    Ok(Include {
        place,
        arches: names(table.arches),
        mmus: names(table.mmus),
        linux: names(table.linux),
        guests: names(table.guests),
        kernels: names(table.kernels),
        types: names(table.types),
        entries: table.entries.map(entries).transpose()?,
        writers: names(table.writers),
        walkers: names(table.walkers),
    })
}

fn bounds(table: BoundsTable) -> Result<Bounds, Mistake> {
    let BoundsTable { max_behaviours, max_accesses, max_instructions, timeout } = table;
    let bound = |written: Option<Spanned<u64>>| match written {
        Some(zero) if *zero.get_ref() == 0 => {
            Err((zero.span(), "a bound of 0 lets nothing be run: give at least 1".to_owned()))
        }
        other => Ok(other.map(Spanned::into_inner)),
    };
    Ok(Bounds {
        max_behaviours: bound(max_behaviours)?,
        max_accesses: bound(max_accesses)?,
        max_instructions: bound(max_instructions)?,
        timeout: bound(timeout)?,
    })
}

fn exclude(table: Spanned<ExcludeTable>) -> Exclude {
    let place = table.span();
    let table = table.into_inner();
    Exclude {
        place,
        arches: names(table.arches),
        mmus: names(table.mmus),
        linux: names(table.linux),
        files: names(table.files),
        entries: names(table.entries),
        writers: names(table.writers),
        walkers: names(table.walkers),
    }
}

fn names(written: Names) -> Option<Vec<Name>> {
    written.map(|names| names.into_iter().map(name).collect())
}

fn name(written: Spanned<String>) -> Name {
    Name { place: written.span(), text: written.into_inner() }
}

fn entries(written: Spanned<Entries>) -> Result<Vec<Entry>, Mistake> {
    let place = written.span();
    match written.into_inner() {
        Entries::One(table) => Ok(vec![entry(place, table.0)?]),
        Entries::Several(tables) => {
            tables.into_iter().map(|table| entry(table.span(), table.into_inner().0)).collect()
        }
    }
}

fn entry(place: Place, table: EntryTable) -> Result<Entry, Mistake> {
    let EntryTable { kind, pfns, types, offsets, marks, pmds, sweep } = table;
    let named = |kind: Spanned<String>| match kind.span() {
        span if span.is_empty() => Name { text: kind.into_inner(), place: place.clone() },
        _ => name(kind),
    };
    let marks = marks.map(|lists| {
        lists.into_iter().map(|list| list.into_iter().map(name).collect()).collect::<Vec<Vec<Name>>>()
    });
    let what = match (kind, pfns, types, offsets, pmds, sweep) {
        (Some(kind), pfns, None, None, None, None) => EntrySelection::Kind { kind: named(kind), pfns, marks },
        (None, None, Some(types), Some(offsets), None, None) => {
            EntrySelection::Swap { types, offsets, marks }
        }
        (None, None, None, None, Some(values), None) if marks.is_none() => EntrySelection::Values(values),
        (None, None, None, None, None, Some(set)) if marks.is_none() => {
            EntrySelection::Sweep { set: named(set) }
        }
        _ => {
            let fault = "an entry is one of { kind, pfns, marks }, { types, offsets, marks }, { pmds } and { sweep }, \
                         where only pfns and marks may be left out";
            return Err((place, fault.to_owned()));
        }
    };
    Ok(Entry { place, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Matrix {
        Matrix::parse("m.toml", text).unwrap()
    }

    fn refused(text: &str) -> String {
        Matrix::parse("m.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_is_everything() {
        let matrix = parsed("[[include]]\n");
        let include = &matrix.includes[0];
        assert!(include.arches.is_none() && include.entries.is_none() && include.kernels.is_none());
        assert!(matrix.excludes.is_empty() && matrix.bounds.timeout.is_none());
    }

    #[test]
    fn entries_are_names_or_tables_alone_or_in_a_list() {
        let matrix = parsed(
            "[[include]]\nentries = \"swap\"\n[[include]]\nentries = { sweep = \"swap\" }\n[[include]]\nentries = [\n  \
             \"none\",\n  { kind = \"migration-write\", pfns = { from = 0x80000, to = 0xfffff, sample = 3 }, marks = [[], \
             [\"young\", \"dirty\"]] },\n  { types = [0, 0x1f], offsets = 7 },\n  { pmds = [\"0xffff_ffff_ffff_ffff\", 1] \
             }]\n",
        );
        let what =
            |include: usize, entry: usize| &matrix.includes[include].entries.as_ref().unwrap()[entry].what;
        assert!(
            matches!(what(0, 0), EntrySelection::Kind { kind, pfns: None, marks: None } if kind.text == "swap")
        );
        assert!(matches!(what(1, 0), EntrySelection::Sweep { set } if set.text == "swap"));
        assert!(matches!(what(2, 0), EntrySelection::Kind { kind, .. } if kind.text == "none"));
        let EntrySelection::Kind { pfns: Some(pfns), marks: Some(marks), .. } = what(2, 1) else { panic!() };
        let range = Numbers::Range { from: 0x80000, to: 0xfffff, step: None, sample: Some(3), seed: 0 };
        assert_eq!(*pfns, range);
        assert_eq!((marks[0].len(), marks[1][1].text.as_str()), (0, "dirty"));
        let EntrySelection::Swap { types, offsets, .. } = what(2, 2) else { panic!() };
        assert_eq!((types, offsets), (&Numbers::List(vec![0, 31]), &Numbers::List(vec![7])));
        assert!(
            matches!(what(2, 3), EntrySelection::Values(Numbers::List(values)) if *values == [u64::MAX, 1])
        );
    }

    #[test]
    fn every_name_knows_its_place() {
        let text = "[[include]]\narches = [\"arm64\",\n  \"µ\", \"s390x\"]\nentries = [\"swap\"]\n";
        let matrix = parsed(text);
        let include = &matrix.includes[0];
        let at = |place: &Place| matrix.error(place, "here").to_string();
        assert_eq!(
            at(&include.arches.as_ref().unwrap()[2].place),
            "m.toml:3:8: here",
            "columns are characters"
        );
        let EntrySelection::Kind { kind, .. } = &include.entries.as_ref().unwrap()[0].what else { panic!() };
        assert_eq!(at(&kind.place), "m.toml:4:12: here");
        assert_eq!(at(&include.place), "m.toml:1:1: here");
    }

    #[test]
    fn mistakes_have_their_line_and_column() {
        let of = |line: &str| refused(&format!("[[include]]\n{line}\n"));
        assert_eq!(refused(""), "m.toml:1:1: missing field `include`");
        assert_eq!(refused("include = []"), "m.toml:1:1: no jobs: there is no [[include]] that has any");
        for (line, error) in [
            ("arch = [\"arm64\"]", "m.toml:2:1: unknown field `arch`, expected one of"),
            ("arches = \"arm64\"", "m.toml:2:10: invalid type: string \"arm64\", expected a sequence"),
            ("linux = [6.1]", "m.toml:2:10: invalid type: floating point `6.1`, expected a string"),
            ("arches = [\"arm64\"", "m.toml:"),
            ("entries = [\n  { kind = \"swap\", types = 1 }]", "m.toml:3:3: an entry is one of"),
            ("entries = { pmds = -1 }", "m.toml:2:20: -1 is below 0"),
            ("entries = { pmds = \"81200\" }", "m.toml:2:20: '81200' is not a 64-bit number"),
            ("entries = { pmds = { from = 1, upto = 2 } }", "m.toml:2:32: unknown field `upto`"),
            ("entries = 5", "m.toml:2:11: invalid type: integer `5`, expected the name of an entry"),
            ("\"a\\u001b[31m\\r\" = 1", "m.toml:2:1: unknown field `a\\u{1b}[31m\\r`, expected one of"),
            ("[bounds]\ntimeout = 0", "m.toml:3:11: a bound of 0 lets nothing be run"),
            ("[bounds]\ntimeout = \"1\"", "m.toml:3:11: invalid type: string \"1\", expected u64"),
        ] {
            let got = of(line);
            assert!(got.starts_with(error), "{line}: {got}");
            assert!(!got.contains(char::is_control), "{got}");
        }
    }
}
