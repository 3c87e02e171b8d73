//! A kernel says itself which architecture, MMU and version it is. No option may make the program read its entries
//! as those of another platform: that can make a vulnerable kernel look guarded.

use std::fs;
use std::path::PathBuf;

use crate::common::kernels::{name, packages};
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope, pmdscope_in};
use serde_json::Value;

/// Returns the first kernel whose file name contains a text.
fn kernel(part: &str) -> Option<PathBuf> {
    packages(&[]).into_iter().find(|kernel| name(kernel).contains(part))
}

fn run(cache: &Scratch, args: &[&str]) -> Ran {
    finish(command(args).env("XDG_CACHE_HOME", cache.path()))
}

#[test]
fn no_command_takes_a_platform_beside_a_kernel() {
    let scratch = Scratch::new("no-platform-beside-a-kernel");
    let says = "a kernel says itself which architecture, MMU and version it is: leave";
    for line in [
        "run --entry migration-read --kernel no-such-file",
        "run --pmd 0x8120078 --kernel no-such-file",
        "repro save --entry migration-read -o x.repro --kernel no-such-file",
        "compare --kernel no-such-file",
        "compare --kernel no-such-file --kernel another",
    ] {
        // Even the kernel's own platform is refused: nothing compares it.
        for option in [
            "--linux 7.2",
            "--linux 5.10",
            "--linux nonsense",
            "--arch arm64",
            "--arch x86_64",
            "--mmu radix",
        ] {
            let Ran { status, stdout, stderr } = pmdscope_in(scratch.path(), &format!("{line} {option}"));
            let named = option.split(' ').next().expect("it has a name");
            let expected = format!("pmdscope: {says} {named} out\n");
            assert_eq!((status, stdout.as_str(), stderr), (Some(2), "", expected), "{line} {option}");
        }
    }
    assert!(!scratch.path().join("x.repro").exists());
    for list in ["arches = [\"arm64\"]", "mmus = [\"radix\"]", "linux = [\"7.2\"]"] {
        let matrix = format!("[[include]]\nkernels = [\"no-such-file\"]\n{list}\n");
        fs::write(scratch.path().join("m.toml"), matrix).expect("written");
        let Ran { status, stderr, .. } = pmdscope_in(scratch.path(), "batch m.toml --dry-run");
        assert_eq!(status, Some(2), "{list}");
        assert!(
            stderr.starts_with("pmdscope: m.toml:3:") && stderr.contains(&format!("{says} this out")),
            "{stderr}"
        );
    }
    // The other commands take no kernel.
    for line in ["sweep --entries swap", "decode 0"] {
        let Ran { status, stderr, .. } = pmdscope(&format!("{line} --arch arm64 --kernel x"));
        assert_eq!(status, Some(2));
        assert!(stderr.contains("unexpected argument '--kernel'"), "{stderr}");
    }
}

/// The wrong answer of the past: with its entries read as those of 7.2, this kernel looked guarded.
#[test]
fn the_vulnerable_kernel_is_reported_as_vulnerable() {
    let cache = Scratch::new("the-vulnerable-kernel");
    let Some(kernel) = kernel("5.10.0-30-arm64") else { return };
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let args = ["run", "--kernel", path, "--entry", "migration-read", "--format", "json"];
    let ran = run(&cache, &args);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!((&report["linux"], &report["kernel"]["split"]), (&"5.10".into(), &"vulnerable".into()));
    assert_eq!(report["verdict"], "findings");
    assert!(
        report["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .any(|one| one["name"] == "swap-becomes-present")
    );
}

/// An entry given by value is read with the kernel's own page size and migration types.
#[test]
fn an_entry_by_value_is_run_as_the_same_entry_by_its_kind() {
    let cache = Scratch::new("an-entry-by-value");
    for part in ["7.2.13+deb14-powerpc64le", "5.10.0-30-arm64"] {
        let Some(kernel) = kernel(part) else { continue };
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        for (kind, pfn) in [("present-huge", "0x81200"), ("migration-write", "0xa0000")] {
            let report = |entry: &[&str]| -> Value {
                let line =
                    [&["run", "--kernel", path, "--writer", "split", "--format", "json"], entry].concat();
                let ran = run(&cache, &line);
                assert!(matches!(ran.status, Some(0 | 1)), "{part} {entry:?}: {}{}", ran.stdout, ran.stderr);
                serde_json::from_str(&ran.stdout).expect("it is JSON")
            };
            let by_kind = report(&["--entry", kind, "--pfn", pfn]);
            let value = by_kind["before"]["value"].as_str().expect("a value");
            let by_value = report(&["--pmd", value]);
            for field in ["after", "stored", "views", "outcomes", "findings", "verdict"] {
                assert_eq!(by_value[field], by_kind[field], "{part} {kind} {value}: {field}");
            }
            assert_eq!(
                by_value["kernel"]["assumptions"], by_kind["kernel"]["assumptions"],
                "{part} {kind} {value}"
            );
        }
    }
}
