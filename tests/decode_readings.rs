//! `decode` lists every reading of a swap entry: the use of its type depends on the kernel's configuration.
//!
//! The values are from Debian's kernels, and from public reports.

use crate::common::kernels::{name, packages};
use crate::common::scratch::Scratch;
use crate::common::{command, finish, pmdscope};
use serde_json::Value;

/// Returns what `decode` prints about a value, before the picture of its bits.
fn decoded(platform: &str, value: &str) -> String {
    let ran = pmdscope(&format!("decode {platform} {value}"));
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{platform} {value}");
    let end = ran.stdout.find("\n\n").expect("there is a picture");
    ran.stdout[..end].to_owned()
}

fn json(platform: &str, value: &str) -> Value {
    let ran = pmdscope(&format!("decode {platform} {value} --format json"));
    let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    report["entries"][0].clone()
}

#[test]
fn every_value_that_was_reported_has_all_of_its_readings() {
    for (platform, value, lines) in [
        (
            "--arch arm64 --linux 5.10",
            "0x08120078",
            &[
                "with DEVICE_PRIVATE: device-private-write of page frame 0x81200",
                "without DEVICE_PRIVATE: migration-read of page frame 0x81200",
            ][..],
        ),
        (
            "--arch arm64 --linux 5.10",
            "0x000000083af00074",
            &[
                "with DEVICE_PRIVATE: migration-write of page frame 0x83af000",
                "with MEMORY_FAILURE and without DEVICE_PRIVATE: hwpoison of page frame 0x83af000",
                "without MEMORY_FAILURE and without DEVICE_PRIVATE: swap-file",
            ],
        ),
        (
            "--arch arm64 --linux 6.1",
            "0x812000f0",
            &[
                "with DEVICE_PRIVATE: device-exclusive-read of page frame 0x812000",
                "without DEVICE_PRIVATE: migration-write of page frame 0x812000",
            ],
        ),
        (
            "--arch arm64 --linux 6.1",
            "0x00000000081200c0",
            &[
                "with DEVICE_PRIVATE: migration-read of page frame 0x81200",
                "without DEVICE_PRIVATE: swap-file",
            ],
        ),
        (
            "--arch x86_64 --linux 5.10",
            "0xffffffffefdbfe00",
            &[
                "with DEVICE_PRIVATE: device-private-read of page frame 0x81200",
                "without DEVICE_PRIVATE: migration-write of page frame 0x81200",
            ],
        ),
        (
            "--arch x86_64 --linux 6.1",
            "0xefffffffefdbfe00",
            &[
                "with PTE_MARKER and with DEVICE_PRIVATE: device-exclusive-read of page frame 0x81200",
                "with PTE_MARKER and without DEVICE_PRIVATE: migration-write of page frame 0x81200",
                "without PTE_MARKER and with DEVICE_PRIVATE: device-exclusive-write of page frame 0x81200",
                "without PTE_MARKER and without DEVICE_PRIVATE: migration-read-exclusive of page frame 0x81200",
            ],
        ),
        (
            "--arch x86_64 --linux 6.12",
            "0xf7ffffffefdbfe00",
            &[
                "with DEVICE_PRIVATE: device-exclusive-read of page frame 0x81200",
                "without DEVICE_PRIVATE: migration-write of page frame 0x81200",
            ],
        ),
        (
            "--arch x86_64 --linux 7.2",
            "0xefffff80042bfe00",
            &[
                "with DEVICE_PRIVATE: device-private-read of page frame 0x3ffdea00",
                "without DEVICE_PRIVATE: migration-read-exclusive of page frame 0x3ffdea00",
            ],
        ),
    ] {
        let text = decoded(platform, value);
        let readings: Vec<&str> = text.lines().skip(3).map(str::trim).collect();
        assert_eq!(readings, lines, "{platform} {value}:\n{text}");
        assert!(
            !text.contains("migration no") && !text.contains("migration yes"),
            "{platform} {value}:\n{text}"
        );
        assert!(text.contains("migration depends on "), "{platform} {value}:\n{text}");
    }
}

/// A reading that depends on no option is printed without a condition.
#[test]
fn a_value_with_one_reading_has_no_condition() {
    // From 6.2 on the last type is that of markers in every kernel. No configuration takes type 1 from swap files.
    for (platform, value, reading) in [
        ("--arch arm64 --linux 7.2", "0x812007c0", "in every kernel: pte-marker"),
        ("--arch arm64 --linux 7.2", "0x81200040", "in every kernel: swap-file"),
    ] {
        let text = decoded(platform, value);
        assert_eq!(text.lines().skip(3).map(str::trim).collect::<Vec<_>>(), [reading], "{text}");
        assert!(text.contains("migration no"), "{text}");
    }
    // The other reported values are no swap entries: an invalidated mapping, and a table.
    for (platform, value, says) in [
        ("--arch arm64 --linux 6.1", "0x08000000081200c0", "present yes, leaf yes"),
        ("--arch arm64 --linux 7.2", "0x02e8000448800f53", "present yes, leaf no"),
    ] {
        let text = decoded(platform, value);
        assert!(text.contains(says) && text.contains("migration no"), "{text}");
        assert_eq!(json(platform, value)["readings"], Value::Array(Vec::new()), "{value}");
    }
    // A kernel invalidated this mapping without the mark of an invalid mapping, so every check takes it for swap.
    let text = decoded("--arch arm64 --linux 7.2", "0x00e8000199600704");
    assert!(text.contains("present no, leaf no") && text.contains("swap yes"), "{text}");
    // The numbers of 5.15 are not known for sure, so the command refuses it.
    let refused = pmdscope("decode --arch x86_64 --linux 5.15 0xdffffffe71fbfe02");
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
}

#[test]
fn json_has_the_readings_with_what_each_needs() {
    let entry = json("--arch arm64 --linux 5.10", "0x08120078");
    assert_eq!(entry["value"], "0x0000000008120078");
    assert_eq!(
        entry["readings"],
        serde_json::json!([
            {
                "used_for": "device-private-write",
                "migration": false,
                "pfn": "0x81200",
                "needs": [{ "option": "DEVICE_PRIVATE", "on": true }]
            },
            {
                "used_for": "migration-read",
                "migration": true,
                "pfn": "0x81200",
                "needs": [{ "option": "DEVICE_PRIVATE", "on": false }]
            }
        ])
    );
}

/// A migration entry that a kernel makes has migration among its readings.
#[test]
fn the_migration_entries_of_every_kernel_are_readings() {
    let cache = Scratch::new("decode-readings-of-kernels");
    let mut seen = 0;
    for kernel in packages(&[]) {
        let of = name(&kernel);
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        for kind in ["migration-read", "migration-write"] {
            let args = ["run", "--kernel", path, "--entry", kind, "--walker", "none", "--format", "json"];
            let ran = finish(command(&args).env("XDG_CACHE_HOME", cache.path()));
            if ran.status == Some(2) && ran.stderr.contains("huge pages cannot be migrated") {
                continue;
            }
            let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
            // The kernel's own numbers, not the usual ones: its set_pmd_migration_entry() gave them.
            let assumptions = report["kernel"]["assumptions"].to_string();
            assert!(assumptions.contains("as set_pmd_migration_entry() makes them"), "{of}: {assumptions}");
            let of_report = |field: &str| report[field].as_str().expect("a text").to_owned();
            let mmu = report["mmu"].as_str().map(|mmu| format!(" --mmu {mmu}")).unwrap_or_default();
            let platform = format!("--arch {}{mmu} --linux {}", of_report("arch"), of_report("linux"));
            let value = report["before"]["value"].as_str().expect("a value");
            let readings = json(&platform, value)["readings"].clone();
            let readings = readings.as_array().expect("readings");
            let fits = |reading: &Value| reading["used_for"] == kind && reading["migration"] == true;
            assert!(readings.iter().any(fits), "{of} {kind} {value}: {readings:?}");
            seen += 1;
        }
    }
    eprintln!("{seen} migration entries of kernels were decoded");
}
