//! If the system gives too little memory, the result is unknown: the program says so, and reports no result.

use std::process::Command;

use crate::common::scratch::Scratch;
use crate::common::{Ran, finish, pmdscope_in};

fn limited(scratch: &Scratch, kib: u32, line: &str) -> Ran {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -v {kib}; exec \"$PMDSCOPE\" {line}")])
        .current_dir(scratch.path())
        .env("PMDSCOPE", env!("CARGO_BIN_EXE_pmdscope"));
    finish(&mut limited)
}

#[test]
fn too_little_memory_for_a_cpu_is_unknown() {
    let scratch = Scratch::new("too-little-memory-for-a-cpu");
    let pair = "--arch arm64 --linux 6.1 --entry migration-read --writer split-unguarded --walker hmm";
    let saved = pmdscope_in(scratch.path(), &format!("repro save {pair} -o saved.repro"));
    assert_eq!(saved.status, Some(0), "{}", saved.stderr);
    for line in [
        format!("run {pair}"),
        format!("compare {pair}"),
        "sweep --arch arm64 --linux 6.1 --writer pmdp_invalidate --entries swap".to_owned(),
        "repro run saved.repro".to_owned(),
    ] {
        let plenty = pmdscope_in(scratch.path(), &line);
        assert!(matches!(plenty.status, Some(0 | 1)), "{line}: {}", plenty.stderr);
        // Each CPU takes a little more than a GiB: this is too little for the first, for the second, or for a
        // later one.
        for kib in [300_000, 1_000_000, 1_500_000, 2_600_000] {
            let ran = limited(&scratch, kib, &line);
            if ran.status == plenty.status {
                assert_eq!(ran.stdout, plenty.stdout, "{kib}: {line}");
                assert!(kib > 1_000_000, "{kib}: {line}");
                continue;
            }
            assert_eq!((ran.status, ran.stdout.as_str()), (Some(3), ""), "{kib}: {line}: {}", ran.stderr);
            assert_eq!(ran.stderr.lines().count(), 1, "{kib}: {line}: {}", ran.stderr);
            let says = "a CPU takes 1088 MiB of address space, which the system does not give";
            assert!(ran.stderr.contains(says), "{kib}: {line}: {}", ran.stderr);
        }
    }
}
