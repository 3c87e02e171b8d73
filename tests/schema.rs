//! The printed JSON keeps its contract: it follows the committed schemas, and rules that a schema cannot express.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fmt, fs};

use crate::common::scratch::Scratch;
use crate::common::{golden_file, pmdscope, pmdscope_in};
use jsonschema::Validator;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

const NAMES: [&str; 13] = [
    "run",
    "compare",
    "decode",
    "explain",
    "repro",
    "sweep",
    "matrix",
    "batch",
    "record",
    "diff",
    "patch",
    "functions",
    "contract",
];

/// Every platform with entries, writers and walkers of all kinds, and some that hit bounds.
const RUNS: [&str; 18] = [
    "--arch arm64 --linux 5.10 --entry migration-read",
    "--arch arm64 --linux 7.2 --entry migration-write --walker hmm --walker fault-read",
    "--arch x86_64 --linux 6.1 --entry swap --writer pmdp_invalidate --walker perf-page-size",
    "--arch x86_64 --linux 7.2 --entry migration-read --dirty --young --soft-dirty",
    "--arch x86_64 --linux 7.2 --pmd 0xcfffffffefdbfe00 --walker fault-write",
    "--arch x86_64 --linux 7.2 --entry present-huge --writer split-guarded --reduction none --max-schedules 2",
    "--arch x86_64 --linux 7.2 --entry present-huge --max-instructions 1",
    "--arch s390x --linux 5.10 --entry none --walker pte-offset-map",
    "--arch s390x --linux 7.2 --entry migration-read --walker page-vma-mapped-walk",
    "--arch ppc64 --mmu radix --linux 7.2 --entry migration-write --walker perf-page-size",
    "--arch ppc64 --mmu hash --linux 5.10 --entry protnone --walker gup-fast-write",
    "--arch ppc64 --mmu hash --linux 7.2 --entry migration-write --walker hmm",
    "--arch ppc64le --mmu radix --linux 7.2 --entry migration-write --writer pmdp_invalidate_checked",
    "--arch ppc64le --mmu hash --linux 6.12 --entry present-huge-ro --writer pmdp_invalidate_ad",
    "--arch riscv64 --linux 6.1 --entry table --walker hmm",
    "--arch riscv64 --linux 7.2 --entry migration-write --uffd-wp",
    "--arch sparc64 --linux 5.10 --entry present-huge --walker fault-read",
    "--arch sparc64 --linux 7.2 --pmd 0 --walker page-vma-mapped-walk",
];

const COMPARISONS: [&str; 3] = [
    "",
    "--linux 5.10 --entry present-huge --entry migration-read --writer pmdp_invalidate",
    "--arch x86_64 --arch sparc64 --linux 7.2 --entry present-huge --entry migration-write --max-behaviours 2",
];

const DECODED: [&str; 9] = [
    "--arch arm64 --linux 7.2 0 ffffffffffffffff 812006c0",
    "--arch x86_64 --linux 7.2 0 ffffffffffffffff cffffff7edbffc00",
    "--arch s390x --linux 7.2 0 ffffffffffffffff 8120006b0",
    "--arch ppc64 --mmu radix --linux 7.2 0 ffffffffffffffff 400000081200001b",
    "--arch ppc64le --mmu hash --linux 7.2 0 ffffffffffffffff c000000812000185",
    "--arch ppc64le --mmu hash --linux 5.10 0 ffffffffffffffff",
    "--arch riscv64 --linux 7.2 0 ffffffffffffffff 81200d80",
    "--arch sparc64 --linux 7.2 0 ffffffffffffffff bd00000102800653",
    "--arch loongarch64 --linux 7.2 0 ffffffffffffffff 812000d3",
];

/// JSON in which no object has a member twice: most readers would silently take one of the two.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Strict;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON without a member twice")
            }
            fn visit_unit<E>(self) -> Result<Strict, E> {
                Ok(Strict(Value::Null))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
                let mut all = Vec::new();
                while let Some(Strict(one)) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Strict(all.into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
                let mut all = Map::new();
                while let Some((key, Strict(value))) = map.next_entry::<String, _>()? {
                    if all.insert(key.clone(), value).is_some() {
                        return Err(Error::custom(format!("the member '{key}' is there twice")));
                    }
                }
                Ok(Strict(all.into()))
            }
        }
        deserializer.deserialize_any(Of)
    }
}

fn parsed(text: &str, from: &str) -> Value {
    serde_json::from_str::<Strict>(text).unwrap_or_else(|error| panic!("pmdscope {from}: {error}")).0
}

/// Returns what a command prints as JSON.
fn json(line: &str) -> Value {
    let line = format!("{line} --format json");
    let ran = pmdscope(&line);
    assert!(matches!(ran.status, Some(0 | 1 | 3 | 6)), "pmdscope {line}: {}", ran.stderr);
    parsed(&ran.stdout, &line)
}

/// Returns the reports of all runs, with their command lines: those of `run`, and the rows of `compare`.
fn all_runs() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for line in RUNS {
        match json(&format!("run {line}")) {
            Value::Array(several) => all.extend(several.into_iter().map(|one| (format!("run {line}"), one))),
            one => all.push((format!("run {line}"), one)),
        }
    }
    for line in COMPARISONS {
        for (n, row) in json(&format!("compare {line}"))["rows"].as_array().expect("rows").iter().enumerate()
        {
            all.push((format!("compare {line}, row {n}"), row.clone()));
        }
    }
    all
}

fn validator(name: &str) -> Validator {
    let schema = parsed(&pmdscope(&format!("schema {name}")).stdout, name);
    jsonschema::validator_for(&schema).expect("it is a JSON Schema")
}

fn assert_valid(validator: &Validator, value: &Value, of: &str) {
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "pmdscope {of}:\n{}", errors.join("\n"));
}

#[test]
fn schemas_are_the_committed_ones() {
    let differences: Vec<_> = NAMES
        .iter()
        .filter_map(|name| {
            golden_file::difference(
                &format!("schemas/{name}.json"),
                &pmdscope(&format!("schema {name}")).stdout,
            )
        })
        .collect();
    golden_file::assert_none(&differences);
    // None is committed that nothing holds to what is printed.
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")).unwrap();
    let files: BTreeSet<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, NAMES.iter().map(|name| format!("{name}.json")).collect());
}

#[test]
fn a_schema_is_printed_by_its_short_name_and_by_that_of_the_report() {
    for name in NAMES {
        let short = pmdscope(&format!("schema {name}"));
        assert_eq!(short.status, Some(0));
        assert_eq!(short, pmdscope(&format!("schema pmdscope.{name}/1")), "{name}");
    }
}

#[test]
fn runs_follow_their_schema() {
    let schema = validator("run");
    for (line, report) in all_runs() {
        assert_valid(&schema, &report, &line);
        assert_eq!(report["schema"], "pmdscope.run/1", "{line}");
    }
}

#[test]
fn comparisons_follow_their_schema() {
    let schema = validator("compare");
    for line in COMPARISONS {
        let report = json(&format!("compare {line}"));
        assert_valid(&schema, &report, line);
        assert_eq!(report["schema"], "pmdscope.compare/1");
        let rows = report["rows"].as_array().expect("rows");
        assert!(!rows.is_empty() && rows.iter().all(|row| row.get("traces").is_none()), "{line}");
    }
}

#[test]
fn decoded_values_follow_their_schema() {
    let schema = validator("decode");
    for line in DECODED {
        let report = json(&format!("decode {line}"));
        assert_valid(&schema, &report, line);
        assert_eq!(report["schema"], "pmdscope.decode/1");
        for entry in report["entries"].as_array().expect("entries") {
            assert_entry(entry, line);
        }
    }
}

#[test]
fn explained_values_follow_their_schema() {
    let schema = validator("explain");
    for line in [
        "0x08000000081200c0",
        "0",
        "pte=1 pmd=00e8000199600704 pgd=0",
        "--linux 7.2 0x02e8000448800f53 81200",
    ] {
        let report = json(&format!("explain {line}"));
        assert_valid(&schema, &report, line);
        assert_eq!(report["schema"], "pmdscope.explain/1");
    }
}

#[test]
fn reproducers_follow_their_schema() {
    let schema = validator("repro");
    let mut saved = 0;
    for line in RUNS.iter().filter(|line| !line.contains("--reduction") && !line.contains("hmm --walker")) {
        // If nothing is found, nothing is saved.
        let ran = pmdscope(&format!("repro save {line} -o -"));
        let Some((seal, body)) = ran.stdout.split_once('\n') else { continue };
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert_valid(&schema, &body, line);
        let seal: Value = serde_json::from_str(seal).expect("JSON");
        assert_eq!(seal["schema"], "pmdscope.repro/1", "{line}");
        saved += 1;
    }
    assert!(saved >= 5, "only {saved} were saved");
}

#[test]
fn a_schema_refuses_what_lacks_a_member_or_has_one_of_another_type() {
    for (name, line) in [
        ("run", "run --arch arm64 --entry migration-write"),
        ("compare", "compare --arch arm64"),
        ("decode", "decode --arch arm64 812006c0"),
    ] {
        let schema = validator(name);
        let report = json(line);
        assert!(schema.is_valid(&report), "{line}");
        let members = report.as_object().expect("an object");
        for (member, value) in members {
            let mut less = members.clone();
            less.remove(member);
            // A run in a comparison has no traces, and no entries of traces.
            let left_out = name == "run" && ["traces", "entries"].contains(&member.as_str());
            assert_eq!(schema.is_valid(&less.into()), left_out, "{name} without {member}");
            let mut other = members.clone();
            other.insert(member.clone(), if value.is_number() { "text".into() } else { 7.into() });
            assert!(!schema.is_valid(&other.into()), "{name} with {member} as something else");
        }
    }
}

/// Members and checks of their values, as the contract of the design names them.
type Members = &'static [(&'static str, fn(&Value) -> bool)];

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_text_or_null(value: &Value) -> bool {
    value.is_null() || is_text(value)
}

fn is_object_or_null(value: &Value) -> bool {
    value.is_null() || value.is_object()
}

/// Whether a value is `0x` and hexadecimal digits, in lower case.
fn is_hex(value: &Value) -> bool {
    value.as_str().and_then(|text| text.strip_prefix("0x")).is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_hex_or_null(value: &Value) -> bool {
    value.is_null() || is_hex(value)
}

/// Whether a value is that of an entry: 16 digits.
fn is_value(value: &Value) -> bool {
    is_hex(value) && value.as_str().is_some_and(|text| text.len() == 18)
}

fn assert_members(value: &Value, members: Members, of: &str) {
    for (name, is_right) in members {
        match value.get(*name) {
            Some(member) => assert!(is_right(member), "pmdscope {of}: {name} is {member}"),
            None => panic!("pmdscope {of}: no {name} in {value}"),
        }
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}

const RUN: Members = &[
    ("arch", is_text),
    ("mmu", is_text_or_null),
    ("linux", is_text),
    ("encoding", is_text),
    ("guest", Value::is_object),
    ("entry", is_text),
    ("writer", is_text),
    ("walker", is_text),
    ("before", Value::is_object),
    ("after", is_object_or_null),
    ("stored", Value::is_array),
    ("views", Value::is_array),
    ("outcomes", Value::is_array),
    ("findings", Value::is_array),
    ("schedules", Value::is_object),
    ("verdict", is_text),
];
const GUEST: Members = &[("kind", is_text), ("name", is_text), ("sha256", is_text)];
const ENTRY: Members = &[
    ("value", is_value),
    ("none", Value::is_boolean),
    ("present", Value::is_boolean),
    ("leaf", Value::is_boolean),
    ("trans_huge", Value::is_boolean),
    ("bad", Value::is_boolean),
    ("protnone", Value::is_boolean),
    ("migration", Value::is_boolean),
    ("pfn", is_hex_or_null),
    ("swap", is_object_or_null),
    ("bits", Value::is_array),
];
const BIT: Members = &[("name", is_text), ("value", is_hex), ("meaning", is_text)];
const STORED: Members = &[("pc", is_hex), ("symbol", is_text)];
const OUTCOME: Members = &[
    ("result", is_text),
    ("stopped_by", is_text_or_null),
    ("pfn", is_hex_or_null),
    ("schedules", Value::is_u64),
];
const FINDING: Members = &[("name", is_text), ("view", is_value), ("explanation", is_text)];
const SCHEDULES: Members =
    &[("total", Value::is_u64), ("behaviours", Value::is_u64), ("machine_runs", Value::is_u64)];

fn hex(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("0x...");
    u64::from_str_radix(digits, 16).expect("hexadecimal")
}

fn assert_entry(entry: &Value, of: &str) {
    assert_members(entry, ENTRY, of);
    if entry["swap"].is_object() {
        assert_members(&entry["swap"], &[("type", Value::is_u64), ("offset", is_hex)], of);
        assert_eq!(entry["present"], false, "pmdscope {of}: {entry} holds a swap entry");
    }
    let value = hex(&entry["value"]);
    for bit in list(entry, "bits") {
        assert_members(bit, BIT, of);
        let (low, high) = match (&bit.get("bit"), &bit.get("bits")) {
            (Some(bit), None) => (number(bit), number(bit)),
            (None, Some(bits)) => {
                let bits = bits.as_str().and_then(|bits| bits.split_once("..")).expect("61..12");
                (bits.1.parse().expect("a bit"), bits.0.parse().expect("a bit"))
            }
            _ => panic!("pmdscope {of}: {bit} has one of bit and bits"),
        };
        assert!(low <= high && high < 64, "pmdscope {of}: {bit}");
        let held = value >> low & (u64::MAX >> (63 - (high - low)));
        assert_eq!(hex(&bit["value"]), held, "pmdscope {of}: {bit} of {value:#x}");
    }
}

#[test]
fn a_run_has_what_the_contract_names() {
    for (line, report) in all_runs() {
        assert_members(&report, RUN, &line);
        assert_members(&report["guest"], GUEST, &line);
        let sha256 = report["guest"]["sha256"].as_str().expect("text");
        assert!(
            sha256.len() == 64 && sha256.bytes().all(|digit| digit.is_ascii_hexdigit()),
            "{line}: {sha256}"
        );
        assert_members(&report["schedules"], SCHEDULES, &line);
        assert_entry(&report["before"], &line);
        if report["after"].is_object() {
            assert_entry(&report["after"], &line);
        }
        for stored in list(&report, "stored") {
            assert_entry(stored, &line);
            assert_members(stored, STORED, &line);
        }
        for view in list(&report, "views") {
            assert_entry(view, &line);
            assert_members(view, &[("schedules", Value::is_u64)], &line);
        }
        for outcome in list(&report, "outcomes") {
            assert_members(outcome, OUTCOME, &line);
        }
        for finding in list(&report, "findings") {
            assert_members(finding, FINDING, &line);
        }
    }
}

#[test]
fn the_numbers_of_a_run_add_up() {
    for (line, report) in all_runs() {
        let sum = |name: &str| list(&report, name).iter().map(|one| number(&one["schedules"])).sum::<u64>();
        let total = number(&report["schedules"]["total"]);
        let behaviours = number(&report["schedules"]["behaviours"]);
        assert!(
            total >= 1 && behaviours >= 1 && behaviours <= total,
            "pmdscope {line}: {}",
            report["schedules"]
        );
        assert_eq!(sum("outcomes"), total, "pmdscope {line}: outcomes");
        assert_eq!(sum("writer_outcomes"), total, "pmdscope {line}: writer_outcomes");
        for name in ["views", "divergences", "warnings", "findings"] {
            for one in list(&report, name) {
                let schedules = number(&one["schedules"]);
                assert!(
                    (1..=total).contains(&schedules),
                    "pmdscope {line}: {name} in {schedules} of {total}"
                );
            }
        }
        if let Some(traces) = report.get("traces").and_then(Value::as_array) {
            assert_eq!(traces.len() as u64, behaviours, "pmdscope {line}: traces");
            assert_eq!(sum("traces"), total, "pmdscope {line}: traces");
        }
    }
}

#[test]
fn the_verdict_follows_from_the_findings_and_the_bounds() {
    let mut seen = BTreeSet::new();
    for (line, report) in all_runs() {
        let found = !list(&report, "findings").is_empty();
        let expected = match (found, report["incomplete"].as_str()) {
            (true, _) => "findings",
            (false, Some(why)) if why.starts_with("only the orders with at most ") => "pass-bounded",
            (false, Some(_)) => "unknown",
            (false, None) => "pass",
        };
        assert_eq!(report["verdict"], expected, "pmdscope {line}");
        seen.insert(expected);
    }
    assert_eq!(seen.len(), 4, "the sample has every verdict: {seen:?}");
}

#[test]
fn views_and_stores_are_distinct_and_findings_are_on_views() {
    for (line, report) in all_runs() {
        let views: Vec<&Value> = list(&report, "views").iter().map(|view| &view["value"]).collect();
        let distinct: BTreeSet<_> = views.iter().map(|view| view.as_str()).collect();
        assert_eq!(views.len(), distinct.len(), "pmdscope {line}: {views:?}");
        for finding in list(&report, "findings") {
            assert!(views.contains(&&finding["view"]), "pmdscope {line}: {finding} is of no view");
        }
        // Every view is the original entry, or was stored by someone.
        let stored = list(&report, "stored").iter().map(|stored| &stored["value"]);
        let there: Vec<&Value> = stored.chain([&report["before"]["value"]]).collect();
        for view in views {
            assert!(there.contains(&view), "pmdscope {line}: {view} came from nowhere");
        }
    }
}

#[test]
fn findings_are_named_as_the_list_names_them() {
    let list_of = pmdscope("list findings").stdout;
    let known: BTreeSet<&str> = list_of.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut seen = BTreeMap::new();
    for (line, report) in all_runs() {
        for finding in list(&report, "findings") {
            let name = finding["name"].as_str().expect("a name").to_owned();
            assert!(known.contains(name.as_str()), "pmdscope {line}: {name}");
            seen.insert(name, line.clone());
        }
    }
    for name in ["swap-becomes-present", "swap-decodes-differently", "walker-past-present"] {
        assert!(seen.contains_key(name), "the sample has no {name}");
    }
}

#[test]
fn lines_of_json_hold_what_the_object_holds() {
    let schema = validator("run");
    for line in RUNS {
        let whole = match json(&format!("run {line}")) {
            Value::Array(several) => several,
            one => vec![one],
        };
        let command = format!("run {line} --format jsonl");
        let mut runs: Vec<Value> = Vec::new();
        for one in pmdscope(&command).stdout.lines() {
            let mut one = parsed(one, &command);
            let object = one.as_object_mut().expect("an object on each line");
            let kind = object.remove("line").expect("it says what it is");
            match kind.as_str() {
                Some("run") => {
                    assert_valid(&schema, &one, &command);
                    one["traces"] = Value::Array(Vec::new());
                    runs.push(one);
                }
                Some("behaviour") => {
                    let traces =
                        runs.last_mut().and_then(|run| run["traces"].as_array_mut()).expect("a run first");
                    assert_eq!(object.remove("behaviour"), Some(traces.len().into()), "{command}");
                    object.insert("events".to_owned(), Value::Array(Vec::new()));
                    traces.push(one);
                }
                Some("event") => {
                    let traces =
                        runs.last_mut().and_then(|run| run["traces"].as_array_mut()).expect("a run first");
                    assert_eq!(object.remove("behaviour"), Some((traces.len() - 1).into()), "{command}");
                    let events = traces.last_mut().and_then(|trace| trace["events"].as_array_mut());
                    events.expect("a behaviour first").push(one);
                }
                _ => panic!("{command}: a line of kind {kind}"),
            }
        }
        assert_eq!(runs, whole, "{command}");
    }
}

#[test]
fn what_a_batch_reads_and_writes_follows_its_schemas() {
    let scratch = Scratch::new("what-a-batch-reads-and-writes");
    let matrix = r#"
        [[include]]
        arches  = ["arm64", "riscv64"]
        linux   = ["6.1", "7.2"]
        entries = [
          "migration-write", { kind = "swap", pfns = [1, "0x2"], marks = [[], ["soft-dirty"]] },
          { types = 3, offsets = { from = 0, to = 9, step = 3, sample = 2, seed = 5 } }, { pmds = "0x8000000081200e00" },
        ]
        walkers = ["hmm"]
        [[include]]
        arches  = ["arm64"]
        linux   = ["6.1"]
        entries = { sweep = "migration" }
        [[exclude]]
        arches  = ["riscv64"]
        entries = ["pmd"]
        [bounds]
        timeout = 30
    "#;
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let read = |path: &Path| fs::read_to_string(path).expect("text");
    let examples = fs::read_dir(examples).expect("a folder").flatten().map(|entry| entry.path());
    let mut matrices: Vec<String> = examples
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| read(&path))
        .collect();
    assert!(matrices.len() >= 3, "the examples are there");
    matrices.push(matrix.to_owned());
    let schema = validator("matrix");
    for matrix in &matrices {
        assert_valid(&schema, &toml::from_str(matrix).expect("TOML"), matrix);
    }
    let wrong: Value = toml::from_str("[[include]]\narch = [\"arm64\"]\n").expect("TOML");
    assert!(!schema.is_valid(&wrong), "a name that there is not");

    let ran = pmdscope_in(scratch.path(), "batch m.toml -o r");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_valid(&validator("batch"), &json(&read(&scratch.path().join("r/batch.json"))), "batch.json");
    let schema = validator("record");
    for line in pmdscope_in(scratch.path(), "report r --format jsonl").stdout.lines() {
        assert_valid(&schema, &json(line), line);
    }
    let compared = pmdscope_in(scratch.path(), "report r --format json");
    assert_valid(&validator("compare"), &json(&compared.stdout), "report --format json");
    fs::write(scratch.path().join("n.toml"), matrix.replace("\"migration-write\"", "\"migration-read\""))
        .expect("written");
    assert_eq!(pmdscope_in(scratch.path(), "batch n.toml -o n").status, Some(1));
    let diff = pmdscope_in(scratch.path(), "diff r n --format json");
    assert_valid(&validator("diff"), &json(&diff.stdout), "diff");
}
