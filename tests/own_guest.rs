//! Guests with routines of their own, which keep their own names and are judged by what they declare.

use std::fs;
use std::path::{Path, PathBuf};

use pmdscope_needs::Need;

use crate::common::scratch::Scratch;
use crate::common::{pmdscope, pmdscope_in};
use serde_json::Value;

const GUEST: &str = "--guest examples/guest/set_migration-x86_64-6.1.elf";
const RUN: &str =
    "run --arch x86_64 --linux 6.1 --guest examples/guest/set_migration-x86_64-6.1.elf --format json";

fn elf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guest/set_migration-x86_64-6.1.elf")
}

fn report(more: &str) -> (Option<i32>, Value) {
    let ran = pmdscope(&format!("{RUN} {more}"));
    assert_eq!(ran.stderr, "", "{more}");
    (ran.status, serde_json::from_str(&ran.stdout).expect("it is JSON"))
}

fn findings(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.map(|finding| finding["name"].as_str().expect("a name")).collect()
}

/// Writes the example with some of its text replaced by as many other bytes.
fn patched(scratch: &Scratch, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(elf()).expect("the example is there");
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect(from);
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(scratch.path().join("guest.elf"), bytes).expect("written");
}

#[test]
fn what_a_writer_installs_is_not_what_became_of_the_old_entry() {
    let walkers = "--walker gup-fast-read --walker hmm --walker page-vma-mapped-walk --walker fault-read";
    for walker in walkers.split("--walker ").skip(1) {
        let (status, own) = report(&format!("--entry present-huge --writer set-migration --walker {walker}"));
        // The writer invalidates the mapping first, and some walkers take that: it is no view of the installed
        // entry. hmm of 6.1 reads the entry again, does not ask whether that is present, and takes the migration entry
        // for device memory.
        let found = findings(&own);
        let may_be = ["took-invalidated", "not-serializable"];
        let most = if walker.trim() == "hmm" { 2 } else { 1 };
        assert!(found.iter().all(|name| may_be[..most].contains(name)), "{walker}: {found:?}");
        assert_eq!(status, Some(i32::from(!found.is_empty())), "{walker}");
        assert_eq!(own["writer"], "set-migration");
        assert!(
            own["views"].as_array().expect("views").iter().any(|view| view["installed"] == true),
            "{walker}"
        );
        // The planted fault: the entry is empty before the other one is installed.
        let (status, mistaken) =
            report(&format!("--entry present-huge --writer clear-and-set --walker {walker}"));
        assert_eq!(status, Some(1), "{walker}");
        let lost = mistaken["findings"].as_array().expect("findings").iter();
        let lost = lost.filter(|finding| finding["name"] == "present-lost");
        let views = lost.map(|finding| &finding["view"]);
        assert_eq!(views.collect::<Vec<_>>(), [&Value::from("0x0000000000000000")], "{walker}");
    }
}

/// A writer that declares that it installs nothing is judged by that: its migration entry counts as the changed
/// mapping.
#[test]
fn a_writer_is_judged_by_what_it_declares() {
    let scratch = Scratch::new("a-writer-is-judged-by-what-it-declares");
    let run = "run --arch x86_64 --linux 6.1 --guest guest.elf --entry present-huge --writer set-migration --format json";
    patched(&scratch, "set_migration entry mapping set_pmd", "set_migration nothing mapping a_pmd");
    let ran = pmdscope_in(scratch.path(), run);
    let report: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!((ran.status, findings(&report)), (Some(1), vec!["present-lost"]));
}

#[test]
fn an_entry_that_no_caller_gives_it_is_called_that() {
    let (_, beyond) = report("--entry migration-read --writer set-migration");
    let says = beyond["precondition"].as_str().expect("it is said");
    assert!(says.contains("its guest declares that it is called with mappings only"), "{says}");
    for more in
        ["--entry present-huge --writer set-migration", "--entry migration-read --writer split-guarded"]
    {
        assert_eq!(report(more).1["precondition"], Value::Null, "{more}");
    }
}

#[test]
fn what_a_guest_declares_is_listed_beside_what_it_has() {
    let listed = pmdscope(&format!("list writers {GUEST}"));
    assert_eq!((listed.status, listed.stderr.as_str()), (Some(0), ""));
    let line = |name: &str| listed.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    assert!(line("set-migration").contains("installs entry, called with mappings"), "{}", listed.stdout);
    assert!(line("split-guarded").contains("bundled"), "{}", listed.stdout);
    assert!(pmdscope(&format!("list walkers {GUEST}")).stdout.contains("gup-fast-read"));
    // Guests of this architecture have no agents.
    let sparc = pmdscope("list agents --guest guest/elf/sparc64-7.2.elf");
    assert_eq!((sparc.status, sparc.stdout.trim()), (Some(0), ""));
    let refused = pmdscope(&format!("list findings {GUEST}"));
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("leave --guest out"), "{}", refused.stderr);
}

#[test]
fn every_command_takes_a_declared_name() {
    let scratch = Scratch::new("every-command-takes-a-declared-name");
    fs::copy(elf(), scratch.path().join("guest.elf")).expect("copied");
    let matrix = "[[include]]\narches=[\"x86_64\"]\nlinux=[\"6.1\"]\nguests=[\"guest.elf\"]\nentries=[\"present-huge\"]\n\
                  writers=[\"set-migration\", \"clear-and-set\"]\nwalkers=[\"hmm\"]\n\
                  [[exclude]]\nwriters=[\"set-migration\"]\n";
    fs::write(scratch.path().join("m.toml"), matrix).expect("a matrix");
    let job = "--arch x86_64 --linux 6.1 --guest guest.elf --entry present-huge --writer clear-and-set";
    for (line, status, says) in [
        ("batch m.toml -o r".to_owned(), 1, "1 job: 0 passed, 1 with findings, 0 unknown"),
        (format!("repro save {job} -o x.repro"), 0, ""),
        ("repro run x.repro".to_owned(), 0, "REPRODUCED"),
        ("repro show x.repro".to_owned(), 0, "clear-and-set"),
        (
            "run --arch x86_64 --linux 6.1 --guest guest.elf --entry present-huge --with set-migration"
                .to_owned(),
            1,
            "set-migration",
        ),
    ] {
        let ran = pmdscope_in(scratch.path(), &line);
        assert_eq!(ran.status, Some(status), "{line}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(says), "{line}: {}", ran.stdout);
    }
    // A bundled guest lacks the routine. For a misspelt name the nearest one of this guest is proposed.
    for (line, says) in [
        ("run --arch x86_64 --entry present-huge --writer set-migration", "unknown writer 'set-migration'"),
        (
            "run --arch x86_64 --linux 6.1 --guest guest.elf --entry present-huge --writer set-migratoin",
            "did you mean 'set-migration'?",
        ),
        (
            "sweep --arch x86_64 --linux 6.1 --guest guest.elf --entries migration --writer set-migration",
            "set-migration installs an entry of its own, which a sweep cannot tell from what was made of the old one",
        ),
    ] {
        let ran = pmdscope_in(scratch.path(), line);
        assert_eq!((ran.status, ran.stderr.contains(says)), (Some(2), true), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_hostile_declaration_is_refused_in_one_line() {
    let scratch = Scratch::new("a-hostile-declaration");
    for (from, to, says) in [
        (
            "set_migration entry mapping",
            "get_migration entry mapping",
            "it declares set-migration, and has no function get_migration",
        ),
        ("writer set-migration ", "wraiter set-migration", "its role is 'wraiter'"),
        (
            "set_migration entry mapping",
            "set_migration whole mapping",
            "what it installs is 'whole', and there are nothing, table, entry",
        ),
        ("entry mapping set_pmd", "entry mappign set_pmd", "its precondition is 'mappign'"),
        ("writer set-migration ", "writer \u{1b}[2J-migratio ", "it is no line of printable text"),
        ("writer clear-and-set ", "writer set-migration ", "'set-migration' is the name of another routine"),
        ("writer set-migration ", "writer split-guarded ", "'split-guarded' is the name of another routine"),
    ] {
        patched(&scratch, from, to);
        for line in [
            "run --arch x86_64 --linux 6.1 --guest guest.elf --entry present-huge",
            "list writers --guest guest.elf",
        ] {
            let ran = pmdscope_in(scratch.path(), line);
            assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{to}: {}", ran.stderr);
            assert!(ran.stderr.contains(says) && ran.stderr.lines().count() == 1, "{to}: {}", ran.stderr);
        }
    }
}

/// Builds the example from its sources if the compilers are here: the file must be the same.
#[test]
fn the_example_is_what_its_sources_make() {
    let scratch = Scratch::new("the-example");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let has = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    if Need::Compilers.is_hidden() || !has("clang-19") || !has("ld.lld-19") {
        return Need::Compilers.skip("the example guest is built from its sources");
    }
    for folder in ["guest/c", "examples/guest"] {
        let to = scratch.path().join(folder);
        fs::create_dir_all(&to).expect("made");
        for file in fs::read_dir(root.join(folder)).expect("it is there").flatten() {
            fs::copy(file.path(), to.join(file.file_name())).expect("copied");
        }
    }
    let built = scratch.path().join("examples/guest/set_migration-x86_64-6.1.elf");
    fs::remove_file(&built).expect("it was copied");
    let build =
        std::process::Command::new(scratch.path().join("examples/guest/build")).output().expect("it runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    assert!(
        fs::read(built).expect("it was built") == fs::read(elf()).expect("it is kept"),
        "the file is another"
    );
}

#[test]
fn an_instruction_that_the_interpreter_cannot_execute_is_named_and_the_verdict_is_unknown() {
    let scratch = Scratch::new("own-guest-unknown-instruction");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf/loongarch64-7.2.elf");
    let mut elf = fs::read(guest).expect("the guest is there");
    // dbar 0x12, before a split installs its page table, becomes fadd.d $fa0,$fa0,$fa1.
    let (barrier, addition) = (0x3872_0012_u32.to_le_bytes(), 0x0101_0400_u32.to_le_bytes());
    let mut replaced = 0;
    for word in elf.chunks_exact_mut(4).filter(|word| *word == barrier) {
        word.copy_from_slice(&addition);
        replaced += 1;
    }
    assert!(replaced > 0);
    fs::write(scratch.path().join("guest.elf"), elf).expect("written");
    let run = "run --arch loongarch64 --guest guest.elf --entry migration-read --writer split-guarded";
    let ran = pmdscope_in(scratch.path(), run);
    let printed = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(ran.status, Some(3), "{printed}{}", ran.stderr);
    assert!(printed.contains("the interpreter cannot execute .word 0x01010400 at 0x"), "{printed}");
}
