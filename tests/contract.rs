//! `pmdscope probe` and `pmdscope contract`, by the real binary.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pmdscope_needs::{Need, probes};
use serde_json::Value;
use tempfile::TempDir;

fn pmdscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pmdscope")).args(arguments).output().expect("the program runs")
}

/// Returns the exit status and the error of a command that fails.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = pmdscope(arguments);
    (output.status.code(), String::from_utf8(output.stderr).expect("the program prints UTF-8"))
}

#[test]
fn what_is_no_tree_or_no_probe_is_refused_in_one_line() {
    let folder = TempDir::new().expect("a folder");
    let tree = folder.path().to_str().expect("UTF-8");
    for (arguments, says) in [
        (
            vec!["probe", "--tree", "/nonexistent", "--arch", "arm64"],
            "this is no kernel tree: it is no folder",
        ),
        (vec!["probe", "--tree", tree, "--arch", "arm64"], "this tree is not prepared: give --prepare"),
        (vec!["probe", "--tree", tree, "--arch", "arm46"], "arm64"),
        (vec!["contract", "--arch", "riscv64", "--linux", "5.10"], "riscv64"),
        (vec!["contract", "--arch", "arm46"], "arm64"),
        (vec!["contract", "--probe", "/nonexistent"], "/nonexistent"),
        (
            vec!["contract", "--probe", "examples/guest/set_migration-x86_64-6.1.elf"],
            "this guest is no probe",
        ),
    ] {
        let (status, error) = refused(&arguments);
        assert_eq!((status, error.lines().count()), (Some(2), 1), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

#[test]
fn a_tree_that_is_configured_for_another_architecture_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let generated = folder.path().join("include/generated");
    fs::create_dir_all(&generated).expect("folders");
    fs::write(generated.join("autoconf.h"), "#define CONFIG_64BIT 1\n#define CONFIG_ARM64 1\n")
        .expect("a file");
    let tree = folder.path().to_str().expect("UTF-8");
    let (status, error) = refused(&["probe", "--tree", tree, "--arch", "s390x"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("not configured for s390x"), "{error}");
    let (status, error) = refused(&["probe", "--tree", tree, "--arch", "arm64"]);
    assert_eq!(status, Some(2));
    assert!(error.contains("version.h"), "{error}");
}

/// Returns the report of a probe, and the exit status.
fn contract(probe: &Path) -> (Value, Option<i32>) {
    let output = pmdscope(&["contract", "--probe", probe.to_str().expect("UTF-8"), "--format", "json"]);
    (serde_json::from_slice(&output.stdout).expect("the program prints JSON"), output.status.code())
}

/// Returns the rules of a report that are broken, each as helper and words.
fn broken(report: &Value) -> Vec<(String, String)> {
    let rules = report["rules"].as_array().expect("rules");
    let cells = report["columns"][0]["cells"].as_array().expect("cells");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let broken = rules.iter().zip(cells).filter(|(_, cell)| cell["status"] == "broken");
    broken.map(|(rule, _)| (word(&rule["helper"]), word(&rule["says"]))).collect()
}

#[test]
fn headers_of_debian_keep_the_rules_but_for_those_that_are_known() {
    let schema: Value = serde_json::from_str(include_str!("../schemas/contract.json")).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    for probe in probes() {
        let name = probe.file_name().expect("a name").to_string_lossy().into_owned();
        let (report, _) = contract(&probe);
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        // docs/contract.md judges these.
        let is_known = |helper: &str| match helper {
            "pud_mkinvalid" | "pudp_invalidate" => {
                ["x86_64", "riscv64", "ppc64"].iter().any(|arch| name.starts_with(arch))
            }
            "pmd_leaf" => name.starts_with("ppc64") || name.starts_with("loongarch64"),
            // Of 5.10.218; 5.10.262 has it mended.
            "pte_mkwrite" | "pmd_mkwrite" => name == "arm64-5.10.elf",
            "pmd_mkinvalid" | "pmdp_invalidate" => name.starts_with("loongarch64"),
            _ => false,
        };
        let new: Vec<_> = broken(&report).into_iter().filter(|(helper, _)| !is_known(helper)).collect();
        assert_eq!(new, [], "{name}");
        // A probe of a source tree has all that the helpers call. What the MMU uses is not known of later versions.
        let linux = report["columns"][0]["linux"].as_str().expect("a version");
        let is_known_version = linux.parse::<pmdscope_arches::Version>().is_ok();
        if is_known_version && (name.starts_with("sparc64") || name.starts_with("ppc64-")) {
            let cells = report["columns"][0]["cells"].as_array().expect("cells");
            let unknown = cells.iter().filter(|cell| cell["status"] == "unknown").count();
            assert_eq!(unknown, 0, "{name}");
        }
    }
}

/// Bundled guests break what is known of their architectures, and nothing else.
#[test]
fn bundled_guests_are_asked_for_what_they_have() {
    let output = pmdscope(&["contract", "--linux", "6.1,7.2", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("the program prints JSON");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let columns = report["columns"].as_array().expect("columns");
    assert_eq!(columns.len(), 20, "ten platforms at two versions");
    for column in columns {
        let name = column["name"].as_str().expect("a name");
        let one = serde_json::json!({ "rules": report["rules"], "columns": [column] });
        let cells = column["cells"].as_array().expect("cells");
        let is = |status: &str| cells.iter().filter(|cell| cell["status"] == status).count();
        assert!(is("kept") > 10, "{name}: {} kept", is("kept"));
        assert_eq!(is("unknown"), 0, "{name}");
        let mut helpers: Vec<String> = broken(&one).into_iter().map(|(helper, _)| helper).collect();
        helpers.dedup();
        let arch = name.split(' ').next().expect("an architecture");
        let known: &[&str] = match (arch, column["linux"].as_str().expect("a version")) {
            ("ppc64" | "ppc64le" | "loongarch64", _) => &["pmd_leaf"],
            // The soft-dirty mark of its swap entries is the bit of a leaf: docs/findings.md.
            ("riscv64", "7.2") => &[
                "pmd_present",
                "pmd_leaf",
                "pmd_trans_huge",
                "is_migration_entry",
                "make_readable_migration_entry",
                "make_writable_migration_entry",
            ],
            _ => &[],
        };
        assert_eq!(helpers, known, "{name}");
    }
}

/// Makes a tree of links to another, in which one file has lines more.
fn with_lines(tree: &Path, copy: &Path, file: &str, lines: &str) {
    let (first, rest) = file.split_once('/').unwrap_or((file, ""));
    fs::create_dir_all(copy).expect("a folder");
    for entry in fs::read_dir(tree).expect("a folder").flatten() {
        let (name, to) = (entry.file_name(), copy.join(entry.file_name()));
        if name != first {
            symlink(std::path::absolute(entry.path()).expect("a path"), to).expect("a link");
        } else if rest.is_empty() {
            let text = fs::read_to_string(entry.path()).expect("a header");
            fs::write(to, text + lines).expect("a file");
        } else {
            with_lines(&entry.path(), &to, rest, lines);
        }
    }
}

/// Returns the folder of Debian's newest headers for an architecture, and the one with those of all architectures.
fn headers(arch: &str) -> Option<(PathBuf, PathBuf)> {
    let folder = probes().first()?.parent()?.parent()?.join("headers/usr/src");
    let mut trees: Vec<PathBuf> = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()).collect();
    trees.sort();
    trees.into_iter().rev().find_map(|tree| {
        let name = tree.file_name()?.to_string_lossy().into_owned();
        let common = folder.join(format!("{}-common", name.strip_suffix(&format!("-{arch}"))?));
        common.is_dir().then_some((tree, common))
    })
}

/// One-line mistakes in `pmd_mkinvalid()`, each with what tells of it. `planted()` is the tree's own.
const MISTAKES: [(&str, &str); 4] = [
    ("(pmd)", "the MMU does not use what it makes"),
    ("pmd_wrprotect(planted(pmd))", "the page and every mark stay"),
    ("pmd_mkclean(pmd_mkold(planted(pmd)))", "the page and every mark stay"),
    ("__pmd(pmd_present(pmd) ? pmd_val(planted(pmd)) : ~0UL)", "becomes present"),
];

#[test]
fn a_mistake_in_a_header_is_told() {
    let folder = TempDir::new().expect("a folder");
    let mut tried = 0;
    for (arch, debian, header) in [
        ("arm64", "arm64", "arch/arm64/include/asm/pgtable.h"),
        ("x86_64", "amd64", "arch/x86/include/asm/pgtable.h"),
        ("riscv64", "riscv64", "arch/riscv/include/asm/pgtable.h"),
        ("loongarch64", "loong64", "arch/loongarch/include/asm/pgtable.h"),
    ] {
        // Debian may have none any more of a kernel that was fetched.
        let Some((tree, common)) = headers(debian) else { continue };
        tried += 1;
        for (number, (mistake, told)) in MISTAKES.into_iter().enumerate() {
            let copy = folder.path().join(format!("{arch}-{number}"));
            let lines = format!(
                "\n#ifndef PLANTED\n#define PLANTED\nstatic inline pmd_t planted(pmd_t pmd) {{ return pmd_mkinvalid(pmd); }}\n\
                 #undef pmd_mkinvalid\n#define pmd_mkinvalid(pmd) ({mistake})\n#endif\n"
            );
            with_lines(&common, &copy, header, &lines);
            let made = folder.path().join(format!("{arch}-{number}.probes"));
            let [tree, copy, out] = [&tree, &copy, &made].map(|path| path.to_str().expect("UTF-8"));
            let ran = pmdscope(&["probe", "--tree", tree, "--source", copy, "--arch", arch, "-o", out]);
            assert!(ran.status.success(), "{arch}, {mistake}: {}", String::from_utf8_lossy(&ran.stderr));
            let probe = fs::read_dir(&made).expect("a folder").flatten().next().expect("a probe").path();
            let (report, status) = contract(&probe);
            if told == "becomes present" {
                let cells = report["columns"][0]["cells"].as_array().expect("cells");
                let says = |cell: &&Value| {
                    cell["status"] == "undocumented"
                        && cell["broken"] == cell["entries"]
                        && cell["broken"] != 0
                };
                assert!(cells.iter().any(|cell| says(&cell)), "{arch}, {mistake}");
                continue;
            }
            let broken = broken(&report);
            assert_eq!(status, Some(1), "{arch}, {mistake}: {broken:?}");
            assert!(
                broken.iter().any(|(helper, says)| helper == "pmd_mkinvalid" && says == told),
                "{arch}, {mistake}: {broken:?}"
            );
        }
    }
    if tried == 0 {
        Need::Probes.skip("mistakes in kernel headers");
    }
}

#[test]
fn a_probe_is_a_guest_that_runs() {
    for probe in probes() {
        let name = probe.file_name().expect("a name").to_string_lossy().into_owned();
        if name != "arm64-6.1.elf" {
            continue;
        }
        let path = probe.to_str().expect("UTF-8");
        let of = ["--arch", "arm64", "--linux", "6.1", "--guest", path];
        let run = |more: &[&str]| {
            let output = pmdscope(&[&["run"], &of[..], more, &["--format", "json"]].concat());
            let report: Value = serde_json::from_slice(&output.stdout).expect("the program prints JSON");
            report["findings"].to_string()
        };
        let split =
            run(&["--entry", "migration-read", "--writer", "split-unguarded", "--walker", "gup-fast-read"]);
        assert!(split.contains("swap-becomes-present"), "{split}");
        let mapping =
            run(&["--entry", "present-huge", "--writer", "pmdp_invalidate", "--walker", "gup-fast-read"]);
        assert_eq!(mapping, "[]");
    }
}
