//! LoongArch: a program of random instructions runs here and in QEMU, and every result is compared.
//!
//! Left out are instructions whose result is another on every machine (`cpucfg`, `rdtime`), traps (`break`, `syscall`,
//! `dbcl`; system calls end the program), what user mode does not have, and what QEMU 7.2 does not have (`preldx`, and
//! the atomic accesses of v1.10). Each has a test of its own in the crate.

mod cases;
mod machine;
mod program;
#[path = "../../src/loongarch64/table.rs"]
#[allow(dead_code)]
mod table;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use pmdscope_needs::Need;

use cases::Generator;
use program::Program;

/// How many instructions are compared, at least.
const INSTRUCTIONS: usize = 120_000;
/// How many of each kind, at least.
const OF_EACH: usize = 500;

#[test]
fn random_instructions_do_what_they_do_in_qemu() {
    let program = Generator::new(0x1a64).program(INSTRUCTIONS);
    assert_numbers(&program);
    let own = machine::run(&program).unwrap_or_else(|error| panic!("{error}"));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("program");
    fs::write(&file, program.elf()).expect("the program is written");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("the program can be run");
    let ran = Command::new("qemu-loongarch64").arg(&file).output();
    let Some(ran) = ran.ok().filter(|_| !Need::QemuLoongArch.is_hidden()) else {
        return Need::QemuLoongArch.skip("random instructions of LoongArch do what they do in QEMU");
    };
    assert!(ran.status.success(), "QEMU: {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.stdout.len(), own.len(), "bytes of output");

    let differences = program.differences(&own, &ran.stdout);
    let shown = differences.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} results differ, first:\n{shown}", differences.len());
}

/// Asserts that each instruction occurs often enough.
fn assert_numbers(program: &Program) {
    let mut numbers: BTreeMap<_, usize> = cases::rows().map(|row| (row.mnemonic, 0)).collect();
    for case in &program.cases {
        *numbers.get_mut(case.mnemonic).expect("it is one of the table") += 1;
    }
    // 247 rows, of which 51 are left out: a row that is new is tested, or left out by name.
    assert_eq!(numbers.len(), 196, "{:?}", numbers.keys());
    let few: Vec<_> = numbers.iter().filter(|(_, number)| **number < OF_EACH).collect();
    assert!(few.is_empty(), "fewer than {OF_EACH}: {few:?}");
    assert!(program.cases.len() >= 100_000, "{} instructions", program.cases.len());
}
