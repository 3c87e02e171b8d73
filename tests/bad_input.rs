//! Bad input gets one clear line and exit status 2, and leaves nothing half-written.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope, pmdscope_in};

/// Command lines with what their one line on standard error must say.
type Refusals<'a> = &'a [(&'a str, &'a str)];

/// Describes what is wrong with a refusal; `None` if nothing is.
fn wrong(ran: &Ran, says: &str) -> Option<String> {
    let Ran { status, stdout, stderr } = ran;
    let one_line = stderr.ends_with('\n') && stderr.lines().count() == 1 && !stderr.contains('\r');
    let right = *status == Some(2)
        && stdout.is_empty()
        && one_line
        && stderr.starts_with("pmdscope: ")
        && stderr.contains(says)
        && !stderr.contains("panicked");
    (!right).then(|| format!("wanted one line with {says:?}, got {status:?}, {stdout:?}, {stderr:?}"))
}

fn refused_in(folder: &Path, refusals: Refusals<'_>) {
    let wrong: Vec<String> = refusals
        .iter()
        .filter_map(|(line, says)| {
            wrong(&pmdscope_in(folder, line), says).map(|wrong| format!("pmdscope {line}\n  {wrong}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), refusals.len(), wrong.join("\n"));
}

fn refused(refusals: Refusals<'_>) {
    refused_in(Path::new(env!("CARGO_MANIFEST_DIR")), refusals);
}

/// Returns the path of a bundled guest.
fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf").join(name)
}

fn guest_bytes(name: &str) -> Vec<u8> {
    fs::read(guest(name)).expect("the bundled guests are in guest/elf")
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_known_one() {
    refused(&[
        ("run --arch arm46 --entry none", "unknown architecture 'arm46': did you mean 'arm64'?"),
        ("run --arch ppc64el2 --entry none", "did you mean 'ppc64el'?"),
        ("decode --arch x86-46 0", "did you mean 'x86-64'?"),
        ("compare --arch s309x", "did you mean 's390x'?"),
        ("run --arch ppc64 --mmu radixx --entry none", "unknown MMU 'radixx': did you mean 'radix'?"),
        ("compare --mmu hsah", "unknown MMU 'hsah': did you mean 'hash'?"),
        (
            "run --arch arm64 --entry migration-wirte",
            "unknown entry 'migration-wirte': did you mean 'migration-write'?",
        ),
        ("compare --entry present_huge", "did you mean 'present-huge'?"),
        (
            "run --arch arm64 --entry none --writer split-guard",
            "unknown writer 'split-guard': did you mean 'split-guarded'?",
        ),
        ("compare --writer pmdp-invalidate", "did you mean 'pmdp_invalidate'?"),
        (
            "run --arch arm64 --entry none --walker gup-fast",
            "unknown walker 'gup-fast': did you mean 'gup-fast-read'?",
        ),
        ("compare --walker pte_offset_map", "did you mean 'pte-offset-map'?"),
        ("run --arch arm64 --entry none --format jsn", "a similar value exists: 'json'"),
        ("compare --format makdown", "a similar value exists: 'markdown'"),
        ("decode --arch arm64 0 --format txt", "a similar value exists: 'text'"),
        ("list archs", "a similar value exists: 'arches'"),
        ("dcode", "'decode'"),
        ("run --arch arm64 --entyr none", "'--entry'"),
    ]);
}

#[test]
fn a_name_like_no_other_is_answered_with_all_that_are_known() {
    refused(&[
        ("run --arch zzz --entry none", "known are arm64, "),
        ("run --arch ppc64 --mmu zzz --entry none", "known are radix, hash"),
        ("run --arch arm64 --entry zzz", "known are migration-read, "),
        ("run --arch arm64 --entry none --writer zzz", "known are pmdp_invalidate, "),
        ("run --arch arm64 --entry none --walker zzz", "known are gup-fast-read, "),
        ("run --arch arm64 --entry none --format zzz", "text, trace, json, jsonl, markdown, vcd, chrome"),
        ("list zzz", "arches, encodings, entries, writers, walkers, agents, findings"),
        ("schema zzz", "pmdscope.run/1, pmdscope.compare/1, pmdscope.decode/1"),
        ("zzz", "unrecognized subcommand 'zzz'"),
    ]);
}

#[test]
fn what_is_missing_is_named() {
    refused(&[
        ("repro", "no command given: there are save, run, show, report (see pmdscope repro --help)"),
        ("run --arch arm64", "--entry <E>"),
        ("run --entry none", "--arch <A>"),
        ("decode --arch arm64", "<HEX>..."),
        ("decode 0", "--arch <A>"),
        ("decode 0", "pmdscope explain finds the architectures and versions"),
        ("explain", "<VALUE-OR-LINE>..."),
        ("decode --arch arm64 pte=0", "only PMDs can be decoded"),
        ("list", "<WHAT>"),
        ("schema", "<NAME>"),
        ("run --arch", "a value is required for '--arch <A>'"),
        ("run --arch arm64 --entry none --zzz", "unexpected argument '--zzz'"),
    ]);
}

#[test]
fn a_mistake_of_usage_points_to_the_help_of_its_command() {
    refused(&[
        ("run", "(see pmdscope run --help)"),
        ("list zzz", "(see pmdscope list --help)"),
        ("--zzz", "(see pmdscope --help)"),
    ]);
}

#[test]
fn a_value_that_is_not_64_bits_of_hexadecimal_is_refused() {
    let not_hex = "is not a hexadecimal number";
    for value in ["zz", "0x", "0xg", "0x0x1", "1.5", "_", "0x_", "١"] {
        refused(&[
            (&format!("decode --arch arm64 {value}"), not_hex),
            (&format!("run --arch arm64 --pmd {value}"), not_hex),
        ]);
    }
    let long = "0x00000000000000001";
    refused(&[
        (&format!("decode --arch arm64 {long}"), "has 17 hexadecimal digits: an entry has at most 16"),
        (&format!("run --arch arm64 --pmd {long}"), "has 17 hexadecimal digits: an entry has at most 16"),
        (&format!("decode --arch arm64 {}", "f".repeat(5000)), "has 5000 hexadecimal digits"),
        ("run --arch arm64 --pmd -5", "unexpected argument '-5'"),
        ("decode --arch arm64 0x1 nonsense 0x2", "'nonsense'"),
    ]);
    for args in [["decode", "--arch", "arm64", ""], ["run", "--arch=arm64", "--pmd", ""]] {
        assert_eq!(wrong(&finish(&mut command(&args)), not_hex), None, "{args:?}");
    }
}

#[test]
fn a_value_of_16_digits_may_be_written_in_any_of_the_usual_ways() {
    let plain = pmdscope("decode --arch arm64 0x0000000081200e00");
    assert_eq!(plain.status, Some(0));
    for same in ["81200e00", "0X81200E00", "0x0000_0000_8120_0e00"] {
        assert_eq!(pmdscope(&format!("decode --arch arm64 {same}")), plain, "{same}");
    }
}

#[test]
fn a_page_frame_number_that_the_encoding_cannot_hold_is_refused() {
    let run = "run --arch arm64 --entry present-huge --pfn";
    refused(&[
        (&format!("{run} 0x10000000000000"), "is too large: the largest is 0xffffffe00"),
        (&format!("{run} 0x1000000000"), "is too large: the largest is 0xffffffe00"),
        (&format!("{run} 0x81201"), "not a multiple of 0x200"),
        (&format!("{run} 12x"), "'12x' is not a page frame number"),
        (&format!("{run} 0xzz"), "'0xzz'"),
        (&format!("{run} 81200e00"), "'81200e00' is not a page frame number"),
        (&format!("{run} 99999999999999999999"), "is not a page frame number"),
        (&format!("{run} -1"), "unexpected argument '-1'"),
        ("run --arch s390x --entry present-huge --pfn 0x10000000000000", "is too large"),
        ("run --arch ppc64 --mmu hash --entry migration-read --pfn 0x81201", "not a multiple of 0x"),
        ("run --arch arm64 --entry none --pfn 0x200", "an entry of kind none has no page"),
    ]);
    // The largest number is accepted, and so is page 0.
    for pfn in ["0xffffffe00", "0", "528896"] {
        assert_eq!(pmdscope(&format!("{run} {pfn} --writer split-guarded")).status, Some(0), "{pfn}");
    }
}

#[test]
fn an_entry_that_a_version_cannot_express_is_refused_with_the_version_that_can() {
    refused(&[
        ("run --arch s390x --linux 6.12 --entry migration-read", "it came in Linux 6.17"),
        ("run --arch s390x --linux 6.16 --entry migration-write", "it came in Linux 6.17"),
        ("run --arch sparc64 --entry migration-read", "no version from 5.10 to 7.2 has it"),
        ("run --arch x86_64 --linux 5.10 --entry migration-read-exclusive", "Linux 6.1 has it"),
        ("run --arch ppc64le --linux 5.10 --entry migration-read-exclusive", "Linux 6.1 has it"),
        ("run --arch x86_64 --linux 5.10 --entry migration-read --young", "Linux 6.1 has it"),
        ("run --arch x86_64 --linux 5.10 --entry migration-read --dirty", "Linux 6.1 has it"),
        ("run --arch arm64 --entry migration-read --soft-dirty", "no bit for soft-dirty"),
        ("run --arch arm64 --entry devmap", "Linux 6.16 is the last known to have it"),
        ("run --arch x86_64 --entry devmap", "Linux 6.16 is the last known to have it"),
        ("run --arch arm64 --entry none --young", "maps no page that could be young"),
        ("run --arch arm64 --entry table --dirty", "maps no page that could be dirty"),
        ("compare --arch sparc64 --entry migration-read", "no version from 5.10 to 7.2 has it"),
    ]);
    assert_eq!(
        pmdscope("run --arch s390x --linux 6.17 --entry migration-read --writer split-guarded").status,
        Some(0)
    );
}

#[test]
fn a_version_that_is_not_covered_is_refused_with_one_that_is() {
    refused(&[
        ("decode --arch arm64 --linux 4.19 0", "outside of what was read, 5.10 to 7.2"),
        ("decode --arch arm64 --linux 7.3 0", "outside of what was read, 5.10 to 7.2"),
        ("decode --arch arm64 --linux 0.0 0", "outside of what was read"),
        ("decode --arch arm64 --linux 6.x 0", "'6.x' is not a Linux version: write it as 6.12"),
        ("decode --arch arm64 --linux six 0", "is not a Linux version"),
        ("decode --arch arm64 --linux 6 0", "is not a Linux version"),
        ("decode --arch arm64 --linux 6.99999999999 0", "is not a Linux version"),
        ("decode --arch arm64 --linux 6.12.31 0", "use 6.12 instead of 6.12.31"),
        ("run --arch arm64 --linux 6.12.31 --entry none", "use 6.12 instead of 6.12.31"),
        ("compare --linux 6.12.31", "use 6.12 instead of 6.12.31"),
        ("run --arch arm64 --linux 5.15 --entry none", "use 5.10, or 6.1 or newer"),
        ("decode --arch x86_64 --linux 5.15 0", "use 5.10, or 6.1 or newer"),
        ("decode --arch riscv64 --linux 6.4 0", "use 6.2 or older, or 6.6 or newer"),
        ("decode --arch riscv64 --linux 5.10 0", "use 6.1 or newer"),
        ("compare --arch arm64 --linux 5.15", "use 5.10, or 6.1 or newer"),
    ]);
}

#[test]
fn a_routine_that_a_kernel_does_not_have_is_refused() {
    refused(&[
        ("run --arch arm64 --linux 5.10 --entry none --walker perf-page-size", "it came in Linux 5.11"),
        ("run --arch sparc64 --entry none --walker gup-fast-read", "sparc64 7.2 has no gup-fast-read"),
        (
            "run --arch riscv64 --linux 6.1 --entry none --walker gup-fast-write",
            "riscv64 6.1 has no gup-fast-write",
        ),
        // A walker that exists does not make up for one that does not.
        ("run --arch sparc64 --entry none --walker hmm --walker gup-fast-read", "has no gup-fast-read"),
    ]);
}

#[test]
fn an_engine_that_is_not_there_or_has_no_such_cpu_is_refused() {
    refused(&[
        (
            "run --arch arm64 --engine unicron --entry none",
            "unknown engine 'unicron': did you mean 'unicorn'?",
        ),
        (
            "run --arch arm64 --engine interpreter --entry none",
            "the engine interpreter has no CPU of arm64: unicorn has",
        ),
        (
            "run --arch loongarch64 --engine unicorn --entry none",
            "has no CPU of loongarch64: interpreter has",
        ),
        ("run --kernel vmlinuz --engine unicorn --entry none", "cannot be used with"),
        ("compare --engine qemu", "unknown engine 'qemu': known are unicorn, interpreter"),
        ("sweep --arch s390x --entries swap --engine interpreter", "has no CPU of s390x: unicorn has"),
    ]);
}

#[test]
fn an_mmu_kind_is_refused_where_there_is_one_only() {
    refused(&[
        ("run --arch arm64 --mmu radix --entry none", "arm64 has no radix MMU"),
        ("decode --arch s390x --mmu hash 0", "s390x has no hash MMU"),
    ]);
}

#[test]
fn an_entry_is_given_by_kind_or_by_value_but_not_by_both() {
    for other in ["--entry none", "--pfn 0x200", "--young", "--dirty", "--soft-dirty", "--uffd-wp"] {
        refused(&[(&format!("run --arch x86_64 --pmd 0x1 {other}"), "cannot be used with")]);
    }
}

#[test]
fn bounds_of_zero_or_of_nonsense_are_refused() {
    for bound in ["--max-behaviours", "--max-accesses", "--max-instructions", "--timeout"] {
        for command in ["run --arch x86_64 --entry none", "compare --arch x86_64"] {
            refused(&[
                (&format!("{command} {bound} 0"), &format!("{bound} is 0")),
                (&format!("{command} {bound} many"), "invalid value 'many'"),
                (&format!("{command} {bound} 18446744073709551616"), "number too large"),
            ]);
        }
    }
    let each = "run --arch x86_64 --entry none --reduction none";
    refused(&[
        (&format!("{each} --max-schedules 0"), "--max-schedules is 0"),
        (&format!("{each} --max-schedules many"), "invalid value 'many'"),
        ("run --arch x86_64 --entry none --max-schedules 5", "add --reduction none"),
    ]);
}

#[test]
fn what_a_user_wrote_into_a_name_does_not_break_the_line() {
    for args in [
        &["run", "--arch", "a\nb", "--entry", "none"][..],
        &["run", "--arch", "arm64", "--entry", "no\r\nne"],
        &["decode", "--arch", "arm64", "\u{1b}[31m"],
        &["run", "--arch", "arm64", "--entry", "none", "--guest", "no\nguest"],
        &["list", "a\nb"],
        &["schema", "a\nb"],
    ] {
        let ran = finish(&mut command(args));
        assert_eq!(wrong(&ran, ""), None, "{args:?}");
        assert!(!ran.stderr.contains('\u{1b}'), "{args:?}: {:?}", ran.stderr);
    }
}

#[test]
fn a_guest_file_that_is_not_one_is_refused() {
    let scratch = Scratch::new("a-guest-file-that-is-not-one");
    let folder = scratch.path();
    fs::write(folder.join("empty"), "").expect("written");
    fs::write(folder.join("text"), "# not a guest\n".repeat(1000)).expect("written");
    fs::write(folder.join("magic"), b"\x7fELF").expect("written");
    fs::create_dir(folder.join("folder")).expect("made");
    let run = "run --arch x86_64 --entry present-huge --guest";
    refused_in(
        folder,
        &[
            (&format!("{run} missing"), "cannot open missing: No such file"),
            (&format!("{run} folder"), "cannot read folder: it is a directory"),
            (&format!("{run} empty"), "empty: not an ELF file"),
            (&format!("{run} text"), "text: not an ELF file"),
            (&format!("{run} magic"), "magic: damaged ELF file"),
            (&format!("{run} /dev/null"), "cannot read /dev/null: it is no file"),
            // It never ends, and its size is 0.
            (&format!("{run} /dev/zero"), "cannot read /dev/zero: it is no file"),
        ],
    );
}

#[test]
fn a_guest_of_another_machine_is_refused() {
    for (arch, name, says) in [
        ("x86_64", "arm64-7.2.elf", "an ELF file for arm64, not for x86_64"),
        ("arm64", "x86_64-7.2.elf", "an ELF file for x86_64, not for arm64"),
        ("ppc64le", "ppc64-radix-7.2.elf", "an ELF file for ppc64, not for ppc64le"),
        ("ppc64", "ppc64le-radix-7.2.elf", "an ELF file for ppc64le, not for ppc64"),
        ("riscv64", "s390x-7.2.elf", "an ELF file for s390x, not for riscv64"),
        ("s390x", "sparc64-7.2.elf", "an ELF file for sparc64, not for s390x"),
        ("sparc64", "riscv64-7.2.elf", "an ELF file for riscv64, not for sparc64"),
    ] {
        let file = guest(name).display().to_string();
        let ran = finish(&mut command(&["run", "--arch", arch, "--entry", "none", "--guest", &file]));
        assert_eq!(wrong(&ran, says), None, "{arch} {name}");
    }
}

#[test]
fn a_guest_that_lacks_a_function_is_refused_by_its_name() {
    let scratch = Scratch::new("a-guest-that-lacks-a-function");
    for (symbol, options) in [
        ("split_unguarded", ""),
        ("split_guarded", "--writer split-guarded"),
        ("gup_fast_read", ""),
        ("pmdp_invalidate", "--writer pmdp_invalidate"),
        ("survey", ""),
        ("hmm", "--walker hmm"),
    ] {
        let mut bytes = guest_bytes("x86_64-7.2.elf");
        // The name in the string table, between the end of the name before it and its own end.
        let name = [b"\0", symbol.as_bytes(), b"\0"].concat();
        let at = bytes.windows(name.len()).position(|window| window == name).expect(symbol);
        bytes[at + 1] = b'_';
        fs::write(scratch.path().join("guest"), bytes).expect("written");
        let line = format!("run --arch x86_64 --entry present-huge --guest guest {options}");
        refused_in(scratch.path(), &[(&line, &format!("guest: unknown function of this guest '{symbol}'"))]);
    }
    let sparc = guest("sparc64-7.2.elf").display().to_string();
    let args =
        ["run", "--arch", "sparc64", "--entry", "none", "--walker", "gup-fast-read", "--guest", &sparc];
    assert_eq!(wrong(&finish(&mut command(&args)), "'gup_fast_read'"), None);
}

#[test]
fn a_guest_cut_off_anywhere_is_refused() {
    let scratch = Scratch::new("a-guest-cut-off-anywhere");
    for (arch, name) in
        [("x86_64", "x86_64-7.2.elf"), ("s390x", "s390x-7.2.elf"), ("ppc64le", "ppc64le-hash-7.2.elf")]
    {
        let bytes = guest_bytes(name);
        let in_header = 1..64;
        let later = (64..bytes.len()).step_by(bytes.len() / 40);
        for end in in_header.chain(later).chain([bytes.len() - 1]) {
            fs::write(scratch.path().join("cut"), &bytes[..end]).expect("written");
            let ran = pmdscope_in(scratch.path(), &format!("run --arch {arch} --entry none --guest cut"));
            assert_eq!(wrong(&ran, "cut: "), None, "{name} cut to {end} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_guest_with_any_byte_of_its_tables_damaged_is_refused_or_run_to_a_verdict() {
    let scratch = Scratch::new("a-guest-with-any-byte-damaged");
    let path = scratch.path().join("damaged");
    let bytes = guest_bytes("x86_64-7.2.elf");
    // The headers at the start; and the symbols, their names and the section headers at the end.
    let tables = (0..0x120).chain((bytes.len() - 0x900..bytes.len()).step_by(7));
    for at in tables {
        for value in [0x00, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            fs::write(&path, damaged).expect("written");
            let line = "run --arch x86_64 --entry none --writer pmdp_invalidate --max-instructions 10000 --guest damaged";
            let ran = pmdscope_in(scratch.path(), line);
            let ended_well = match ran.status {
                Some(2) => wrong(&ran, "").is_none(),
                Some(0 | 1 | 3) => ran.stderr.is_empty() && !ran.stdout.is_empty(),
                _ => false,
            };
            assert!(ended_well, "byte {at:#x} set to {value:#x}: {:?} {}", ran.status, ran.stderr);
        }
    }
}

#[test]
fn the_exit_status_says_what_was_found() {
    let run = "run --arch x86_64 --linux 7.2";
    for (line, status, verdict) in [
        (format!("{run} --entry present-huge --writer split-guarded"), 0, "pass"),
        (format!("{run} --entry migration-write --writer split-guarded"), 0, "pass"),
        (format!("{run} --entry migration-write --writer split-unguarded"), 1, "findings"),
        (
            format!("{run} --entry present-huge --writer split-guarded --reduction none --max-schedules 1"),
            3,
            "unknown",
        ),
        (format!("{run} --entry present-huge --writer split-guarded --max-accesses 1"), 3, "unknown"),
        (format!("{run} --entry present-huge --writer split-guarded --max-instructions 1"), 3, "unknown"),
        // A finding counts, even if not everything was run.
        (format!("{run} --entry migration-write --reduction none --max-schedules 3"), 1, "findings"),
    ] {
        let ran = pmdscope(&format!("{line} --format json"));
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let is_bounded = line.contains("--max");
        assert_eq!(ran.status, Some(status), "{line}");
        assert_eq!(report["verdict"], verdict, "{line}");
        assert_eq!(report["incomplete"].is_string(), is_bounded, "{line}: {}", report["incomplete"]);
        let text = pmdscope(&line).stdout;
        assert_eq!(text.contains("INCOMPLETE"), is_bounded, "{line}\n{text}");
    }
}

#[test]
fn of_several_rows_findings_speak_loudest_and_then_what_is_not_known() {
    let compare = "compare --arch x86_64 --linux 7.2 --walker gup-fast-read";
    for (options, status) in [
        ("--entry present-huge", 0),
        ("--entry present-huge --entry migration-write", 1),
        ("--entry present-huge --max-behaviours 1", 3),
        ("--entry present-huge --entry migration-write --max-accesses 4", 1),
    ] {
        assert_eq!(pmdscope(&format!("{compare} {options}")).status, Some(status), "{options}");
    }
}

#[test]
fn a_command_that_fails_leaves_the_output_file_as_it_was() {
    let scratch = Scratch::new("a-command-that-fails-leaves-the-output-file");
    let folder = scratch.path();
    fs::write(folder.join("old"), "old").expect("written");
    for line in [
        "run --arch arm46 --entry none",
        "run --arch arm64 --entry none --guest missing",
        "run --arch sparc64 --entry migration-read",
        "compare --arch sparc64 --entry migration-read",
        "compare --walker zzz",
    ] {
        for file in ["old", "new"] {
            refused_in(folder, &[(&format!("{line} -o {file}"), "")]);
        }
    }
    assert_eq!(names_in(folder), ["old"]);
    assert_eq!(fs::read_to_string(folder.join("old")).expect("read"), "old");
}

#[test]
fn an_output_that_cannot_be_written_is_named_and_nothing_is_left() {
    let scratch = Scratch::new("an-output-that-cannot-be-written");
    let folder = scratch.path();
    fs::create_dir(folder.join("folder")).expect("made");
    let run = "run --arch x86_64 --entry none --writer pmdp_invalidate -o";
    refused_in(
        folder,
        &[
            (&format!("{run} missing/report"), "cannot write missing/report: No such file or directory"),
            (&format!("{run} folder"), "cannot write folder: Is a directory"),
            (&format!("{run} folder/"), "cannot write folder/: Is a directory"),
            (&format!("{run} /dev/full"), "cannot write /dev/full: No space left on device"),
        ],
    );
    assert_eq!(names_in(folder), ["folder"]);
    assert!(names_in(&folder.join("folder")).is_empty());
}

#[test]
fn an_output_file_gets_what_standard_output_would() {
    let scratch = Scratch::new("an-output-file-gets-what-standard-output-would");
    let folder = scratch.path();
    fs::write(folder.join("old"), "old ".repeat(100_000)).expect("written");
    std::os::unix::fs::symlink("old", folder.join("link")).expect("linked");
    for line in
        ["run --arch x86_64 --entry migration-write --format jsonl", "compare --arch arm64 --linux 7.2"]
    {
        let printed = pmdscope_in(folder, line);
        assert_eq!(pmdscope_in(folder, &format!("{line} -o -")), printed);
        for file in ["new", "old", "link"] {
            let ran = pmdscope_in(folder, &format!("{line} -o {file}"));
            assert_eq!(
                (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
                (printed.status, "", ""),
                "{line}"
            );
            assert_eq!(fs::read_to_string(folder.join(file)).expect("read"), printed.stdout, "{line}");
        }
    }
    assert!(folder.join("link").is_symlink(), "the file that a link names is written, not the link");
    assert_eq!(names_in(folder), ["link", "new", "old"]);
}

#[test]
fn a_full_standard_output_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has /dev/full");
    for line in [&["list", "walkers"][..], &["compare", "--arch", "x86_64"], &["schema", "run"]] {
        let ran = finish(command(line).stdout(full.try_clone().expect("cloned")));
        assert_eq!(wrong(&ran, "cannot write to standard output"), None, "{line:?}");
    }
}

#[test]
fn a_mistake_that_nobody_hears_is_still_told_by_the_status() {
    for line in
        [&["zzz"][..], &[], &["run", "--arch", "amr64", "--entry", "none"], &["repro", "run", "nothing"]]
    {
        let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let status = command(line).stdout(Stdio::null()).stderr(full).status().expect("the binary starts");
        assert_eq!(status.code(), Some(2), "{line:?}");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    for line in [
        "compare --format json",
        "compare",
        "run --arch arm64 --entry migration-write --format jsonl",
        "run --arch arm64 --entry migration-write --format vcd",
        "compare --format html",
        "compare --format ktap",
        "repro save --arch arm64 --linux 6.1 --entry migration-read -o -",
        "man run",
        "completions zsh",
        "list encodings",
        "schema run",
        "decode --arch arm64 0",
    ] {
        let args: Vec<&str> = line.split_whitespace().collect();
        let mut child =
            command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        drop(child.stdout.take());
        let mut stderr = String::new();
        let _ = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut stderr));
        let status = child.wait().expect("it ends");
        assert_eq!(stderr, "", "{line}");
        assert!(matches!(status.code(), Some(0 | 1)), "{line}: {status}");
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A guest of another version or MMU loads and runs, but disagrees with the encoding about entries.
///
/// Its results are then not about the encoding, so they must not count as a pass.
#[test]
fn a_guest_of_another_encoding_fails_the_control() {
    for line in [
        "run --arch arm64 --linux 7.2 --guest guest/elf/arm64-5.10.elf --entry migration-write",
        "run --arch ppc64 --mmu hash --guest guest/elf/ppc64-radix-7.2.elf --entry present-huge",
        "run --arch riscv64 --linux 6.6 --guest guest/elf/riscv64-6.1.elf --entry migration-read --walker hmm",
    ] {
        let ran = pmdscope(line);
        assert_eq!(ran.status, Some(3), "{line}: {ran:?}");
        assert!(ran.stdout.contains("CONTROL FAILED: "), "{line}: {}", ran.stdout);
    }
    let same = "run --arch arm64 --linux 7.2 --guest guest/elf/arm64-7.2.elf --entry migration-write";
    assert_eq!(pmdscope(same).status, Some(1), "the same guest as a file is as good as the bundled one");
}

#[test]
fn what_is_no_kernel_is_refused_by_what_it_is() {
    let scratch = Scratch::new("what-is-no-kernel-is-refused");
    let put = |name: &str, bytes: &[u8]| {
        fs::write(scratch.path().join(name), bytes).expect("a file can be written");
    };
    put("empty", b"");
    put("text", b"Linux version 6.12.0 is what this says, and it is no kernel.\n");
    put("truncated.deb", b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n");
    put("truncated.rpm", &[0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0]);
    put("truncated.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    let mut elf32 = guest_bytes("arm64-7.2.elf");
    elf32[4] = 1;
    put("elf32", &elf32);
    put("guest", &guest_bytes("arm64-7.2.elf"));
    fs::create_dir(scratch.path().join("folder")).expect("a folder can be made");
    for (file, says) in [
        ("missing", "missing"),
        ("folder", "cannot read folder: it is a directory"),
        ("empty", "empty"),
        ("text", "text"),
        ("truncated.deb", "truncated.deb"),
        ("truncated.rpm", "truncated.rpm"),
        ("truncated.gz", "truncated.gz"),
        ("elf32", "32-bit"),
        ("guest", "not a kernel"),
    ] {
        for command in ["run --entry migration-read --kernel", "compare --kernel", "kernel info"] {
            refused_in(scratch.path(), &[(&format!("{command} {file}"), says)]);
        }
    }
}

#[test]
fn what_a_kernel_cannot_be_run_with_is_refused() {
    refused(&[
        ("run --kernel x --entry none --guest y", "cannot be used with"),
        ("run --kernel x --entry none --with mmu-store", "cannot be used with"),
        ("run --kernel x", "--entry"),
        ("kernel", "no command given: there are info, list-functions (see pmdscope kernel --help)"),
        (
            "run --kernel x --entry none --writer pmdp-invalidate",
            "unknown writer of a kernel 'pmdp-invalidate': did you mean 'pmdp_invalidate'?",
        ),
        (
            "run --kernel x --entry none --walker gup-fast-raed",
            "unknown walker of a kernel 'gup-fast-raed': did you mean 'gup-fast-read'?",
        ),
        ("run --kernel x --entry none --walker none --schedule W1", "leave --schedule or --walker none out"),
    ]);
}
