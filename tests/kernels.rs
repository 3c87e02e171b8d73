//! Runs real kernels through the real binary.
//!
//! Kernels are not part of the repository: `script/fetch-kernels` fetches them. Without them these tests are
//! reported as skipped.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::kernels::{name, packages};
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish};
use jsonschema::Validator;
use serde_json::Value;

/// Runs the binary with a cache in a folder of the test's own.
fn cached(cache: &Scratch, args: &[&str]) -> Ran {
    finish(command(args).env("XDG_CACHE_HOME", cache.path()))
}

fn report(cache: &Scratch, kernel: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let mut args = vec!["run", "--kernel", path, "--format", "json"];
    args.extend(more);
    let ran = cached(cache, &args);
    assert_eq!(ran.stderr, "", "{}", name(kernel));
    let report = serde_json::from_str(&ran.stdout);
    (ran.status, report.unwrap_or_else(|error| panic!("{}: {error}", name(kernel))))
}

/// Returns a kind of entry that the kernel has: a migration entry, if huge pages can be migrated there.
fn entry_of(cache: &Scratch, kernel: &Path) -> &'static str {
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let ran = cached(cache, &["run", "--kernel", path, "--entry", "migration-read"]);
    if ran.status == Some(2) {
        assert!(ran.stderr.contains("huge pages cannot be migrated"), "{}: {}", name(kernel), ran.stderr);
        "present-huge"
    } else {
        "migration-read"
    }
}

/// Returns the major and minor version of a release such as `6.12.107+deb13-arm64`.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(['.', '-', '+']).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn the_split_and_gup_fast_of_every_kernel_run_to_their_ends() {
    let cache = Scratch::new("kernels-split");
    let schema = Scratch::new("kernels-schema");
    let printed = cached(&schema, &["schema", "run"]).stdout;
    let schema: Value = serde_json::from_str(&printed).expect("the schema is JSON");
    let schema: Validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for kernel in packages(&[]) {
        let entry = entry_of(&cache, &kernel);
        // Where huge pages cannot be migrated, only the invalidation of a mapping can be observed.
        let writer = if entry == "migration-read" { "split" } else { "pmdp_invalidate" };
        let (status, report) = report(&cache, &kernel, &["--entry", entry, "--writer", writer]);
        let of = name(&kernel);
        let errors: Vec<_> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{of}: {errors:?}");
        assert_eq!(report["incomplete"], Value::Null, "{of}");
        let facts = &report["kernel"];
        let controls = facts["controls"].as_array().expect("there are controls");
        assert_eq!(controls.len(), 2, "{of}");
        assert!(controls.iter().all(|control| control["passed"] == true), "{of}: {controls:?}");
        assert_eq!(status, Some(if report["verdict"] == "findings" { 1 } else { 0 }), "{of}");
        assert!(!report["traces"].as_array().expect("there are traces").is_empty(), "{of}");
        for stored in report["stored"].as_array().expect("something is stored") {
            assert!(stored["symbol"].as_str().is_some_and(|symbol| symbol.contains('+')), "{of}: {stored}");
        }

        let release = report["guest"]["release"].as_str().expect("it has a release");
        let split = facts["split"].as_str().expect("a word").to_owned();
        if entry == "migration-read" {
            let entered = |present: bool| {
                let calls = facts["invalidated"].as_array().expect("a list");
                calls.iter().any(|call| call["present"] == present)
            };
            assert_eq!(split == "vulnerable", entered(false), "{of}");
            // Upstream the fix came in 6.10.
            assert!(split == "guarded" || version(release) < (6, 10), "{of} is {split}");
        } else {
            assert_eq!(split, "unknown", "{of}: of a mapping nothing is known");
        }
        eprintln!("{of}: {entry}, {split}, {}", report["verdict"]);
        seen.insert(of, split);
    }
    eprintln!("{} kernels were run", seen.len());
}

#[test]
fn the_same_kernel_gives_the_same_bytes_from_its_package_and_from_the_cache() {
    let (cache, another) = (Scratch::new("kernels-cache"), Scratch::new("kernels-another-cache"));
    // The smallest kernel is enough: this tests the cache, not the kernel.
    let smallest = packages(&[]).into_iter().min_by_key(|path| path.metadata().map_or(0, |data| data.len()));
    let Some(kernel) = smallest else { return };
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let line = ["run", "--kernel", path, "--entry", "present-huge", "--self-check"];
    let first = cached(&cache, &line);
    assert_eq!(first.stderr, "");
    assert_eq!(cached(&cache, &line), first, "from the cache");
    assert_eq!(cached(&another, &[&line[..], &["--no-cache"]].concat()), first, "without a cache");
    let kept = std::fs::read_dir(another.path()).expect("the folder is there").count();
    assert_eq!(kept, 0, "--no-cache keeps nothing");

    // A damaged cache is noticed, reported and mended.
    let folder = cache.path().join("pmdscope");
    for entry in std::fs::read_dir(&folder).expect("the cache has a folder") {
        let file = entry.expect("an entry").path();
        let mut bytes = std::fs::read(&file).expect("it can be read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&file, bytes).expect("it can be written");
    }
    let mended = cached(&cache, &line);
    assert_eq!((mended.status, &mended.stdout), (first.status, &first.stdout));
    assert!(mended.stderr.contains("is damaged"), "{}", mended.stderr);
    assert_eq!(cached(&cache, &line), first, "after that");

    // Two at once, into one new cache.
    let fresh = Scratch::new("kernels-both");
    let both = [(); 2].map(|()| {
        command(&line)
            .env("XDG_CACHE_HOME", fresh.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary starts")
    });
    for child in both {
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(String::from_utf8_lossy(&output.stdout), first.stdout);
    }
}

#[test]
fn kernels_are_compared_side_by_side() {
    let cache = Scratch::new("kernels-compare");
    let all = packages(&[]);
    // One of each architecture is enough.
    let mut few: BTreeMap<String, &str> = BTreeMap::new();
    for kernel in &all {
        let arch = name(kernel).rsplit(['-', '_']).next().unwrap_or_default().to_owned();
        few.insert(arch, kernel.to_str().expect("names of kernels are UTF-8"));
    }
    if few.is_empty() {
        return;
    }
    let mut args = vec!["compare", "--walker", "gup-fast-read"];
    args.extend(few.values());
    let table = cached(&cache, &args);
    assert_eq!(table.stderr, "");
    assert!(matches!(table.status, Some(0 | 1)), "{}", table.stdout);
    let rows = table.stdout.lines().take_while(|line| !line.is_empty());
    let rows = rows.filter(|line| !line.starts_with(' ')).count();
    assert_eq!(rows, 1 + few.len(), "{}", table.stdout);

    args.extend(["--format", "json"]);
    let json: Value = serde_json::from_str(&cached(&cache, &args).stdout).expect("it is JSON");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(few.len()));
    assert!(json["rows"].as_array().expect("rows").iter().all(|row| row.get("traces").is_none()));
}

#[test]
fn a_kernel_says_what_it_offers_and_what_it_has_not() {
    let cache = Scratch::new("kernels-info");
    for kernel in packages(&[]) {
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        let of = name(&kernel);
        let info = cached(&cache, &["kernel", "info", path]);
        assert_eq!((info.status, info.stderr.as_str()), (Some(0), ""), "{of}");
        for line in ["release", "architecture", "format", "sha256", "symbols", "types", "package"] {
            assert!(
                info.stdout.lines().any(|shown| shown.starts_with(line)),
                "{of}: no {line}: {}",
                info.stdout
            );
        }
        let functions = cached(&cache, &["kernel", "list-functions", path]);
        assert_eq!((functions.status, functions.stderr.as_str()), (Some(0), ""), "{of}");
        for recipe in ["split", "gup-fast-read"] {
            let shown = functions.stdout.lines().find(|line| line.starts_with(recipe));
            assert!(shown.is_some_and(|line| line.contains("0x")), "{of}: {}", functions.stdout);
        }
        // A routine that this kernel has no function for.
        let Some(lacking) = functions.stdout.lines().find(|line| line.contains("not in this kernel")) else {
            continue;
        };
        let mut words = lacking.split_whitespace();
        let (Some(recipe), Some(role)) = (words.next(), words.next()) else { panic!("{lacking}") };
        let refused = cached(
            &cache,
            &["run", "--kernel", path, "--entry", "present-huge", &format!("--{role}"), recipe],
        );
        assert_eq!(refused.status, Some(2), "{of}");
        assert!(refused.stderr.contains("this kernel has no "), "{of}: {}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{of}: {}", refused.stderr);
    }
}

#[test]
fn a_writer_runs_alone_and_one_schedule_runs_as_it_is_written() {
    let cache = Scratch::new("kernels-alone");
    let Some(kernel) = packages(&["arm64"]).into_iter().next() else { return };
    let (status, alone) = report(&cache, &kernel, &["--entry", "present-huge", "--walker", "none"]);
    assert_eq!(status, Some(0));
    assert_eq!(alone["schedules"]["total"], 1);
    assert_eq!(alone["views"].as_array().map(Vec::len), Some(0), "there was no walker");

    let (_, all) = report(&cache, &kernel, &["--entry", "present-huge"]);
    let trace = &all["traces"][0];
    let schedule = trace["schedule"].as_str().expect("a schedule").replace(' ', "");
    let (status, one) = report(&cache, &kernel, &["--entry", "present-huge", "--schedule", &schedule]);
    assert_eq!(status, Some(3), "one schedule is not all");
    assert_eq!(one["traces"][0]["events"], trace["events"]);
}

#[test]
fn an_entry_that_a_writer_installs_is_not_what_became_of_the_old_one() {
    let cache = Scratch::new("kernels-installed");
    for (writer, entry) in
        [("set_pmd_migration_entry", "present-huge"), ("remove_migration_pmd", "migration-read")]
    {
        for kernel in packages(&["linux-binary"]) {
            let (status, report) = report(&cache, &kernel, &["--entry", entry, "--writer", writer]);
            let of = name(&kernel);
            // GUP-fast of riscv64 takes a page from an invalidated mapping: that is no view of the installed
            // entry.
            let findings = report["findings"].as_array().expect("findings");
            assert!(
                findings.iter().all(|finding| finding["name"] == "took-invalidated"),
                "{of}: {writer}: {findings:?}"
            );
            assert_eq!(status, Some(i32::from(!findings.is_empty())), "{of}: {writer}");
            let views = report["views"].as_array().expect("views");
            assert!(views.iter().any(|view| view["installed"] == true), "{of}: {writer}");
        }
    }
}

/// What a function does to an entry that no caller gives it is shown, but is no fault of the kernel's.
#[test]
fn an_entry_that_no_caller_gives_a_writer_is_called_that() {
    let cache = Scratch::new("an-entry-that-no-caller-gives");
    let Some(kernel) = packages(&["-6.1.", "_arm64"]).into_iter().next() else { return };
    for (writer, entry, said) in [
        ("set_pmd_migration_entry", "migration-read", true),
        ("set_pmd_migration_entry", "present-huge", false),
        ("remove_migration_pmd", "present-huge", true),
        ("remove_migration_pmd", "migration-write", false),
        ("split", "migration-write", false),
    ] {
        let (_, report) = report(&cache, &kernel, &["--writer", writer, "--entry", entry]);
        let assumptions = report["kernel"]["assumptions"].as_array().expect("assumptions");
        let says = |one: &Value| one.as_str().is_some_and(|text| text.contains("that no caller gives it"));
        assert_eq!(assumptions.iter().any(says), said, "{writer} {entry}");
    }
}

#[test]
fn pages_may_lie_anywhere_and_a_table_is_one_that_is_there() {
    let cache = Scratch::new("kernels-anywhere");
    for kernel in packages(&["linux-binary"]) {
        // At the beginning of memory, where the tables would be, and far behind them.
        for pfn in ["0x800", "0x40000", "0x7ffff000"] {
            let (status, report) = report(&cache, &kernel, &["--entry", "migration-read", "--pfn", pfn]);
            assert_eq!(status, Some(0), "{}: {pfn}: {}", name(&kernel), report["incomplete"]);
        }
        let (status, report) = report(&cache, &kernel, &["--entry", "table"]);
        assert_eq!(status, Some(0), "{}: {}", name(&kernel), report["incomplete"]);
    }
}

#[test]
fn what_is_wrong_with_the_request_is_said() {
    let cache = Scratch::new("kernels-wrong");
    let Some(kernel) = packages(&["arm64"]).into_iter().next() else { return };
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let ran = cached(&cache, &["run", "--kernel", path, "--entry", "migration-read", "--pfn", "0x81201"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not where a huge page begins"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

/// An image that a user built: one file, without a package around it.
#[test]
fn an_image_without_types_or_symbols_says_which_it_lacks() {
    use pmdscope_guest::kernel::KernelFile;

    let cache = Scratch::new("kernels-lacking");
    let Some(kernel) = packages(&["arm64"]).into_iter().next() else { return };
    let file = KernelFile::open(&kernel, None).expect("it is a kernel").kernel;
    // A flat image has the same bytes in a file and in memory.
    let image = &file.flat.segments[0].bytes;
    let run = |name: &str, image: &[u8]| {
        let path = cache.path().join(name);
        std::fs::write(&path, image).expect("it can be written");
        let path = path.to_str().expect("the path is UTF-8");
        cached(&cache, &["run", "--kernel", path, "--entry", "present-huge", "--no-cache"])
    };
    assert!(matches!(run("Image", image).status, Some(0 | 1)), "as it is");

    let mut without_types = image.clone();
    without_types[file.btf.expect("it has types").offset] ^= 0xff;
    let ran = run("without-types", &without_types);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("does not describe its types"), "{}", ran.stderr);

    // A table of symbols is found by its tokens of one character, which are in order.
    let digits: Vec<u8> = (b'0'..=b'9').flat_map(|digit| [digit, 0]).collect();
    let mut without_symbols = image.clone();
    while let Some(at) = without_symbols.windows(digits.len()).position(|window| window == digits) {
        without_symbols[at] = b'x';
    }
    let ran = run("without-symbols", &without_symbols);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("without symbols none of its functions can be found"), "{}", ran.stderr);

    let truncated = run("truncated", &image[..image.len() / 3]);
    assert_eq!((truncated.status, truncated.stdout.as_str()), (Some(2), ""));
    for ran in [&ran, &truncated] {
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}
