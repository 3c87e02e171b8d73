//! Reproducers, by the real binary: they are saved, run again, shown and reported, and bad ones are refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::kernels::{name, packages};
use crate::common::platforms::PLATFORMS;
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, pmdscope, pmdscope_in};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Runs a command in a folder, which must succeed without a word on standard error.
fn succeeds(folder: &Path, line: &str) -> String {
    let ran = pmdscope_in(folder, line);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "pmdscope {line}: {}", ran.stdout);
    ran.stdout
}

/// Checks that a run is refused with one line that says this.
fn is_refused(ran: &Ran, says: &str, of: &str) {
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{of}: {}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{of}: {}", ran.stderr);
    assert!(ran.stderr.contains(says), "{of}: wanted \"{says}\" in {}", ran.stderr);
}

/// Returns the body of a reproducer.
fn body(text: &str) -> Value {
    let (_, body) = text.split_once('\n').expect("two objects");
    serde_json::from_str(body).expect("JSON")
}

/// Returns a reproducer with this body, sealed like one that was saved.
fn sealed(body: &Value) -> String {
    let body = format!("{body:#}\n");
    let sha256: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    let seal = json!({ "schema": "pmdscope.repro/1", "bytes": body.len(), "sha256": sha256 });
    format!("{seal}\n{body}")
}

const FOUND: &str = "--arch arm64 --linux 6.1 --entry migration-read --walker perf-page-size";

/// Saves a reproducer of a finding on arm64, and returns its text.
fn saved(folder: &Path) -> String {
    succeeds(folder, &format!("repro save {FOUND} -o found.repro"));
    fs::read_to_string(folder.join("found.repro")).expect("it was saved")
}

#[test]
fn what_was_saved_comes_again_on_every_platform() {
    let scratch = Scratch::new("what-was-saved-comes-again");
    let folder = scratch.path();
    let with = ["", " --with fault-read", " --with pmdp_invalidate"];
    let mut saved = 0;
    for (n, platform) in PLATFORMS.iter().enumerate() {
        for entry in ["migration-write", "present-huge --dirty", "none"] {
            let line = format!("{platform} --entry {entry} --walker hmm{} --schedule", with[n % with.len()]);
            let run = format!("run {} --format json", line.replace(" --schedule", ""));
            // Not every encoding can express every entry.
            let Ok(report) = serde_json::from_str::<Value>(&pmdscope(&run).stdout) else { continue };
            for trace in report["traces"].as_array().expect("traces").iter().take(4) {
                let schedule = trace["schedule"].as_str().expect("a schedule");
                let file = format!("{n}.repro");
                succeeds(folder, &format!("repro save {line} {} -o {file}", schedule.replace(' ', "")));
                let again = succeeds(folder, &format!("repro run {file}"));
                assert!(again.contains("\nREPRODUCED: "), "{line} {schedule}: {again}");
                assert!(again.contains(&format!("schedule {schedule}, saved by")), "{again}");
                let shown = succeeds(folder, &format!("repro show {file}"));
                assert!(
                    shown.contains(&format!("schedule  {schedule}, of 1 schedule that was run")),
                    "{shown}"
                );
                saved += 1;
            }
        }
    }
    assert!(saved > 60, "only {saved} were saved");
}

#[test]
fn a_finding_is_saved_by_its_shortest_schedule() {
    let scratch = Scratch::new("a-finding-is-saved-by-its-shortest-schedule");
    let folder = scratch.path();
    // This walker stores under schedules of several lengths.
    let run = "--arch ppc64 --mmu hash --linux 6.12 --entry migration-read --walker pte-offset-map";
    let report: Value =
        serde_json::from_str(&pmdscope(&format!("run {run} --format json")).stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    for finding in findings {
        let name = finding["name"].as_str().expect("a name");
        succeeds(folder, &format!("repro save {run} --finding {name} -o {name}.repro"));
        let text = fs::read_to_string(folder.join(format!("{name}.repro"))).expect("it was saved");
        // Of several findings of that name, the one with the fewest turns is saved.
        let schedules = findings.iter().filter(|other| other["name"] == name).map(|other| &other["schedule"]);
        let turns = |schedule: &Value| schedule.as_str().expect("a schedule").split(' ').count();
        let fewest = schedules.clone().map(turns).min();
        let saved = &body(&text)["expected"]["schedule"];
        assert!(schedules.clone().any(|schedule| schedule == saved), "{name}: {saved}");
        assert_eq!(Some(turns(saved)), fewest, "{name}");
    }
    // Of several findings, one about what the walker did is saved.
    succeeds(folder, &format!("repro save {run} -o any.repro"));
    let report = succeeds(folder, "repro report any.repro");
    let paragraphs: Vec<String> = report.split("\n\n").map(|text| text.replace('\n', " ")).collect();
    let subject = "Subject: mm: ppc64 hash 6.12: pte-offset-map destroys a migration entry while  split runs";
    assert_eq!(paragraphs[0].replace("  ", " "), subject.replace("  ", " "));
    assert!(paragraphs[1].contains("destroys an entry"), "{}", paragraphs[1]);
}

#[test]
fn the_same_run_is_saved_as_the_same_bytes_and_whole() {
    let scratch = Scratch::new("the-same-run-is-saved-as-the-same-bytes");
    let folder = scratch.path();
    let text = saved(folder);
    assert_eq!(succeeds(folder, &format!("repro save {FOUND} -o -")), text);
    assert_eq!(sealed(&body(&text)).lines().count(), text.lines().count());
    let files: Vec<_> =
        fs::read_dir(folder).expect("a folder").flatten().map(|file| file.file_name()).collect();
    assert_eq!(files, ["found.repro"], "nothing else was left");
    // If there is nothing to save, an existing file is not overwritten.
    let ran = pmdscope_in(folder, "repro save --arch arm64 --entry none -o found.repro");
    is_refused(&ran, "nothing was found under any schedule", "an empty entry");
    assert_eq!(fs::read_to_string(folder.join("found.repro")).expect("still there"), text);
    let bad = pmdscope_in(folder, &format!("repro save {FOUND} -o no/such/folder/x.repro"));
    is_refused(&bad, "cannot write no/such/folder/x.repro", "a folder that is not there");
}

#[test]
fn a_reproducer_is_read_from_a_pipe() {
    let scratch = Scratch::new("a-reproducer-is-read-from-a-pipe");
    saved(scratch.path());
    let file = fs::File::open(scratch.path().join("found.repro")).expect("it was saved");
    let ran = finish(command(&["repro", "run", "-"]).stdin(file));
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
}

#[test]
fn no_part_of_a_reproducer_passes_for_one() {
    let scratch = Scratch::new("no-part-of-a-reproducer-passes-for-one");
    let folder = scratch.path();
    let text = saved(folder);
    let seal = text.find('\n').expect("a first line");
    let cuts = [0, 1, seal / 2, seal, seal + 1].into_iter().chain((seal..text.len()).step_by(2_001));
    for cut in cuts.chain([text.len() - 1]) {
        fs::write(folder.join("part.repro"), &text[..cut]).expect("a file");
        let ran = pmdscope_in(folder, "repro run part.repro");
        let says = if cut < seal { "this is no reproducer" } else { "it is cut off" };
        is_refused(&ran, says, &format!("{cut} bytes"));
    }
}

#[test]
fn a_reproducer_that_was_edited_is_refused() {
    let scratch = Scratch::new("a-reproducer-that-was-edited-is-refused");
    let folder = scratch.path();
    let text = saved(folder);
    let edits = [
        text.replace("perf-page-size", "perf-page-sizf"),
        text.replace("\"0x08000000081200c0\"", "\"0x08000000081200c1\""),
        text.replace("W3 K1 W1", "W2 K1 W2"),
        text.replacen("\n", "\r\n", 1).replacen("  \"code\"", "    \"code\"", 1),
        format!("{text}\n"),
    ];
    for (n, edited) in edits.iter().enumerate() {
        assert_ne!(*edited, text);
        fs::write(folder.join("edited.repro"), edited).expect("a file");
        for what in ["run", "show", "report"] {
            let ran = pmdscope_in(folder, &format!("repro {what} edited.repro"));
            is_refused(&ran, "it was changed after it was saved", &format!("edit {n}, {what}"));
        }
    }
}

#[test]
fn a_reproducer_of_another_format_says_so() {
    let scratch = Scratch::new("a-reproducer-of-another-format-says-so");
    let folder = scratch.path();
    let text = saved(folder);
    for (format, says) in [
        (text.replacen("repro/1", "repro/2", 1), "its format is pmdscope.repro/2"),
        ("{\"schema\":\"pmdscope.repro/7\",\"blocks\":[]}\n".to_owned(), "its format is pmdscope.repro/7"),
        (text.replacen("pmdscope.repro/1", "pmdscope.run/1", 1), "this is no reproducer"),
        ("PNG\n".to_owned(), "this is no reproducer"),
        ("\u{0}".repeat(3000), "this is no reproducer"),
    ] {
        fs::write(folder.join("other.repro"), format).expect("a file");
        is_refused(&pmdscope_in(folder, "repro show other.repro"), says, says);
    }
    is_refused(&pmdscope_in(folder, "repro run nothing.repro"), "cannot open nothing.repro", "no file");
    is_refused(&pmdscope_in(folder, "repro run ."), "cannot read .", "a folder");
}

/// A change of a body, and the message that it must cause.
type Edit = (fn(&mut Value), &'static str);

/// Changes what is expected and seals the file anew: the run must name the first difference.
#[test]
fn the_first_difference_is_named() {
    let scratch = Scratch::new("the-first-difference-is-named");
    let folder = scratch.path();
    let whole = body(&saved(folder));
    let view = whole["report"]["findings"][0]["view"].clone();
    let edits: [Edit; 8] = [
        (
            |body| body["expected"]["events"][4]["entry"] = json!("0x00000000081200c0"),
            "event 5: \"CPU1 at 0x102700",
        ),
        (|body| body["expected"]["events"][2]["after"] = json!("0x0000000000000001"), "event 3: "),
        (|body| body["expected"]["events"][0]["cpu"] = json!(1), "event 1: "),
        (|body| body["expected"]["events"][5]["pc"] = json!("0x4"), "event 6: "),
        (
            |body| drop(body["expected"]["events"].as_array_mut().expect("events").pop()),
            "event 6: nothing more was saved, ",
        ),
        (|body| body["expected"]["walker"]["result"] = json!("refused"), "the walker: "),
        (
            |body| body["expected"]["references"] = json!([{"pfn": "0x7", "before": 1, "references": 2}]),
            "references: \"page 0x7 has 2 references",
        ),
        (|body| body["report"]["before"]["value"] = json!("0x00000000081200c1"), "the entry to begin with: "),
    ];
    for (edit, difference) in edits {
        let mut edited = whole.clone();
        edit(&mut edited);
        fs::write(folder.join("edited.repro"), sealed(&edited)).expect("a file");
        let ran = pmdscope_in(folder, "repro run edited.repro");
        assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{difference}: {}", ran.stdout);
        let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("NOT REPRODUCED: {difference}")), "{difference}: {said}");
    }
    // Other words for the same are no difference.
    let mut edited = whole;
    edited["expected"]["events"][4]["instruction"] = json!("ldr\tx8, [x0, #0]");
    edited["expected"]["events"][2]["changes"] = json!(["+another name"]);
    fs::write(folder.join("edited.repro"), sealed(&edited)).expect("a file");
    assert!(succeeds(folder, "repro run edited.repro").contains("REPRODUCED"), "{view}");
    // Another engine is named, because it may be the reason for a difference.
    edited["report"]["made_by"] = json!("pmdscope 0.1.0 (Unicorn 2.1.4)");
    fs::write(folder.join("edited.repro"), sealed(&edited)).expect("a file");
    let ran = pmdscope_in(folder, "repro run edited.repro");
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let said = "pmdscope: edited.repro was saved by pmdscope 0.1.0 (Unicorn 2.1.4) and run by pmdscope ";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
}

/// Whoever can write JSON can make any of these. Each may cause a message, and nothing more.
#[test]
fn a_sealed_body_that_makes_no_sense_is_told_in_a_line() {
    let scratch = Scratch::new("a-sealed-body-that-makes-no-sense");
    let folder = scratch.path();
    let whole = body(&saved(folder));
    let edits: [Edit; 12] = [
        (|body| *body = json!([]), "not a reproducer"),
        (|body| body["report"]["arch"] = json!("amr64"), "unknown architecture 'amr64'"),
        (|body| body["report"]["linux"] = json!("6.9"), "is not known for sure"),
        (|body| body["report"]["walker"] = json!("hm"), "unknown walker 'hm'"),
        (|body| body["report"]["entry"] = json!("swop"), "unknown entry 'swop'"),
        (|body| body["report"]["marks"] = json!(["green"]), "unknown mark 'green'"),
        (|body| body["expected"]["schedule"] = json!("W3Z1"), "'Z1' in a schedule"),
        (|body| body["code"]["elf"] = json!(["AAAA"]), "the guest's code is not that of its report"),
        (|body| body["code"]["elf"] = json!(["?"]), "the guest's code: "),
        (|body| drop(body.as_object_mut().expect("an object").remove("code")), "missing field `code`"),
        (|body| body["pfn"] = json!("0x3"), "page"),
        (|body| body["report"]["with"] = json!(vec!["hmm"; 40]), "at most 6"),
    ];
    for (edit, says) in edits {
        let mut edited = whole.clone();
        edit(&mut edited);
        fs::write(folder.join("edited.repro"), sealed(&edited)).expect("a file");
        is_refused(&pmdscope_in(folder, "repro run edited.repro"), says, says);
    }
    // A schedule that does not fit the routines counts as a difference.
    let mut edited = whole;
    edited["expected"]["schedule"] = json!("W9");
    fs::write(folder.join("edited.repro"), sealed(&edited)).expect("a file");
    let ran = pmdscope_in(folder, "repro run edited.repro");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(ran.stdout.contains("NOT REPRODUCED: turn 5 of the schedule is W"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_saved_is_told() {
    for (line, says) in [
        (format!("{FOUND} --walker hmm"), "a reproducer is of one walker, and 2 are named"),
        (format!("{FOUND} --finding walker-took-pages"), "did you mean 'walker-took-page'?"),
        (
            format!("{FOUND} --finding bits-lost"),
            "bits-lost was not found, but swap-becomes-present, walker-past-present",
        ),
        (format!("{FOUND} --schedule W3"), "the schedule ends after 3 accesses"),
        (format!("{FOUND} --schedule W3 --finding bits-lost"), "cannot be used with"),
        (format!("{FOUND} --max-accesses 1"), "not everything was run"),
    ] {
        is_refused(&pmdscope(&format!("repro save {line} -o -")), says, &line);
    }
    let ran = pmdscope(&format!("repro save {FOUND}"));
    is_refused(&ran, "--output <FILE>", "no file");
}

#[test]
fn a_report_is_of_a_finding_and_fits_a_mail() {
    let scratch = Scratch::new("a-report-is-of-a-finding-and-fits-a-mail");
    let folder = scratch.path();
    saved(folder);
    for what in ["repro show", "repro report"] {
        let text = succeeds(folder, &format!("{what} found.repro"));
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 75), "{text}");
    }
    let report = succeeds(folder, "repro report found.repro");
    let begin = "Subject: mm: arm64 6.1: split makes a migration entry present;\n perf-page-size takes it for a mapping\n\n\
                 On arm64 Linux 6.1, while split-unguarded runs on migration-read PMD\n";
    assert!(report.starts_with(begin), "{report}");
    // The story, in the order of the schedule, comes before the code.
    let story = report.split("\n\n").nth(1).expect("a paragraph").replace('\n', " ");
    let order = "Order: CPU0 (split-unguarded) stores 0x08000000081200c0; CPU1 (perf-page-size) loads \
                 0x08000000081200c0; CPU0 (split-unguarded) stores 0x0800000000410003. Consequence: the present check did";
    assert!(story.contains(order), "{story}");
    let fixed = "\nFixed by: 3a5a8d343e1c (\"mm: Fix race between __split_huge_pmd_locked() and\n  GUP-fast\") (in v6.10)\n\
                 Fixes: (the commit that introduced it, if it is known)\n";
    assert!(report.contains(fixed), "{report}");
    assert!(!report.contains("\nTo: ") && !report.contains("\nCc: "), "{report}");
    assert!(report.contains("\n  pmdscope repro run found.repro\n"), "{report}");
    succeeds(folder, "repro report found.repro -o mail.txt");
    assert_eq!(fs::read_to_string(folder.join("mail.txt")).expect("it was written"), report);
    // Both commands in the report do what the report says.
    let commands = report.split("To reproduce").nth(1).expect("a section").replace("\\\n", " ");
    let commands: Vec<_> =
        commands.lines().filter_map(|line| line.trim().strip_prefix("pmdscope ")).collect();
    let statuses: Vec<_> = commands.iter().map(|line| pmdscope_in(folder, line).status).collect();
    assert_eq!(statuses, [Some(0), Some(1)], "{commands:?}");

    let pass = format!("{FOUND} --writer split-guarded --schedule K1W3");
    succeeds(folder, &format!("repro save {pass} -o pass.repro"));
    assert!(succeeds(folder, "repro show pass.repro").contains("No finding"));
    let ran = pmdscope_in(folder, "repro report pass.repro");
    is_refused(&ran, "nothing was found under schedule K1 W3", "a pass");
}

/// A kernel tree that has only a script of these lines, and a `perl` that is a shell.
fn tree(folder: &Path, script: &str) -> String {
    for (file, text) in [
        ("linux/scripts/get_maintainer.pl", script),
        ("bin/perl", "#!/bin/sh\nexec /bin/sh \"$@\"\n"),
        ("linux/mm/huge_memory.c", ""),
    ] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
    }
    format!("{}:/usr/bin:/bin", folder.join("bin").display())
}

fn report_to(folder: &Path, path: &str, tree: &str) -> Ran {
    let args = ["repro", "report", "found.repro", "--tree", tree];
    finish(command(&args).current_dir(folder).env("PATH", path))
}

#[test]
fn a_report_is_addressed_to_the_maintainers_that_a_tree_names() {
    let scratch = Scratch::new("a-report-is-addressed-to-the-maintainers");
    let folder = scratch.path();
    saved(folder);
    let script = "echo 'A <a@example.org> (maintainer:MM)'; echo 'B <b@example.org> (maintainer:MM)'\n\
                  printf 'C \\033[2J<c@example.org> (reviewer:MM)\\n'; echo 'l@example.org (open list:MM)'\n\
                  echo 'X: rm -rf /'; echo \"$*\" | tee asked >&2\n";
    let path = tree(folder, script);
    fs::create_dir_all(folder.join("linux/arch/arm64/mm")).expect("a folder");
    let ran = report_to(folder, &path, "linux");
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let head = ran.stdout.split("\n\n").next().expect("a head");
    let addressed =
        "\nTo: A <a@example.org>,\n    B <b@example.org>\nCc: C [2J<c@example.org>,\n    l@example.org";
    assert!(head.ends_with(addressed), "{head}");
    let asked = fs::read_to_string(folder.join("linux/asked")).expect("the script ran in the tree");
    assert!(asked.ends_with(" -f mm/huge_memory.c arch/arm64/mm\n"), "{asked}");
    assert_eq!(ran.stdout.replace(addressed, ""), succeeds(folder, "repro report found.repro"));
}

#[test]
fn a_tree_that_names_nobody_is_one_error() {
    let scratch = Scratch::new("a-tree-that-names-nobody-is-one-error");
    let folder = scratch.path();
    saved(folder);
    let path = tree(folder, "echo none");
    is_refused(
        &report_to(folder, &path, "linux"),
        "linux/scripts/get_maintainer.pl named no address",
        "nobody",
    );
    is_refused(&report_to(folder, "/nowhere", "linux"), "cannot start perl", "no perl");
    is_refused(&report_to(folder, &path, "linuxx"), "linuxx is no folder: --tree names a Linux", "no tree");
    is_refused(&report_to(folder, &path, "."), ". has no scripts/get_maintainer.pl", "no script");
    tree(folder, "echo first; echo why >&2; exit 3");
    is_refused(&report_to(folder, &path, "linux"), "it failed (exit status: 3): why", "a script that fails");
    tree(folder, "while :; do echo a@b; done");
    is_refused(&report_to(folder, &path, "linux"), "it wrote more than 65536 bytes", "too much");
    fs::remove_file(folder.join("linux/mm/huge_memory.c")).expect("it was there");
    is_refused(&report_to(folder, &path, "linux"), "has no mm/huge_memory.c or arch/arm64/mm", "no sources");
}

/// A guest of another encoding has many findings, and none of them is about the encoding.
#[test]
fn what_was_found_where_a_control_failed_is_neither_saved_nor_reported() {
    let scratch = Scratch::new("what-was-found-where-a-control-failed");
    let folder = scratch.path();
    let elf = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf/arm64-6.1.elf");
    fs::copy(elf, folder.join("old.elf")).expect("a copy");
    let run = "--arch arm64 --linux 6.12 --guest old.elf --pmd 0x00000000081200c0";
    assert!(pmdscope_in(folder, &format!("run {run} -v")).stdout.contains("FINDING swap-becomes-present"));
    let ran = pmdscope_in(folder, &format!("repro save {run} -o none.repro"));
    is_refused(&ran, "control failed: of 0x00000000081200c0 the guest says", "save");
    assert!(!folder.join("none.repro").exists());

    let mut edited = body(&saved(folder));
    edited["report"]["disagreements"] = json!(["of 0x1 the guest says present, the model swap"]);
    fs::write(folder.join("edited.repro"), sealed(&edited)).expect("a file");
    for what in ["report edited.repro", "report edited.repro --kunit"] {
        is_refused(&pmdscope_in(folder, &format!("repro {what}")), "control", what);
    }
}

#[test]
fn a_kunit_test_is_written_where_one_step_shows_what_was_found() {
    let scratch = Scratch::new("a-kunit-test-is-written");
    let folder = scratch.path();
    saved(folder);
    succeeds(folder, "repro report found.repro --kunit -o pmdscope_kunit.c");
    let text = fs::read_to_string(folder.join("pmdscope_kunit.c")).expect("it was written");
    for part in ["// SPDX-License-Identifier: GPL-2.0", "0x08000000081200c0ULL", "kunit_test_suite("] {
        assert!(text.contains(part), "{text}");
    }
    // A name that a user chose cannot end a comment.
    let elf = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf/arm64-6.1.elf");
    fs::copy(elf, folder.join("*")).expect("a copy");
    fs::create_dir(folder.join("a*")).expect("a folder");
    fs::copy(folder.join("*"), folder.join("a*/b.elf")).expect("a copy");
    succeeds(folder, &format!("repro save {FOUND} --guest a*/b.elf -o odd.repro"));
    let odd = succeeds(folder, "repro report odd.repro --kunit");
    assert_eq!(odd.matches("*/").count(), text.matches("*/").count(), "{odd}");

    let built = "--arch riscv64 --linux 7.2 --entry migration-read --soft-dirty --writer split-guarded";
    succeeds(folder, &format!("repro save {built} -o built.repro"));
    let ran = pmdscope_in(folder, "repro report built.repro --kunit");
    is_refused(&ran, "is not what one step makes of an entry", "an entry that is present as it is built");
}

#[test]
fn a_guest_of_ones_own_is_in_the_file() {
    let scratch = Scratch::new("a-guest-of-ones-own-is-in-the-file");
    let folder = scratch.path();
    let elf = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf/arm64-6.1.elf");
    fs::copy(elf, folder.join("mine.elf")).expect("a copy");
    succeeds(folder, &format!("repro save {FOUND} --guest mine.elf -o mine.repro"));
    fs::remove_file(folder.join("mine.elf")).expect("it was there");
    assert!(succeeds(folder, "repro run mine.repro").contains("REPRODUCED"));
    let ran = pmdscope_in(folder, "repro run mine.repro --kernel mine.repro");
    is_refused(&ran, "leave --kernel out", "a kernel for a guest");
}

#[test]
fn a_kernel_is_known_by_its_identity_and_found_beside_the_file() {
    let scratch = Scratch::new("a-kernel-is-known-by-its-identity");
    let folder = scratch.path();
    let Some(kernel) = packages(&["5.10.0-30-arm64"]).into_iter().next() else { return };
    let name = name(&kernel);
    let path = kernel.display();
    succeeds(folder, &format!("repro save --kernel {path} --no-cache --entry migration-read -o k.repro"));
    let text = fs::read_to_string(folder.join("k.repro")).expect("it was saved");
    assert!(!text.contains(&path.to_string()), "the way to it is nobody else's");
    let code = body(&text)["code"].clone();
    assert_eq!(code["build_id"], "69f390ff45bc71544fab4031ef6187702110ce8f");
    let ran = pmdscope_in(folder, "repro run k.repro --no-cache");
    let says = format!(
        "its kernel 5.10.0-30-arm64 is not here: name {name} by --kernel (apt-get download linux-image-5.10.0-30-arm64:arm64=5.10.218-1 gets it"
    );
    is_refused(&ran, &says, "no kernel");
    let again = succeeds(folder, &format!("repro run k.repro --no-cache --kernel {path}"));
    assert!(again.contains("REPRODUCED: 10 events"), "{again}");
    std::os::unix::fs::symlink(&kernel, folder.join(&name)).expect("a link");
    assert!(succeeds(folder, "repro run k.repro --no-cache").contains("REPRODUCED"));
    assert!(
        succeeds(folder, "repro report k.repro").contains("VULNERABLE: the split entered pmdp_invalidate()")
    );
    let Some(other) = packages(&["-6.1.", "_amd64"]).into_iter().next() else { return };
    let ran = pmdscope_in(folder, &format!("repro run k.repro --no-cache --kernel {}", other.display()));
    is_refused(&ran, "is a kernel of x86_64, and what was saved is of arm64", "another architecture");
}

/// Another build has other accesses, so every schedule of it is run.
#[test]
fn a_finding_is_looked_for_in_another_build() {
    let scratch = Scratch::new("a-finding-is-looked-for-in-another-build");
    let folder = scratch.path();
    let Some(kernel) = packages(&["5.10.0-30-arm64"]).into_iter().next() else { return };
    let save = format!("repro save --kernel {} --no-cache --entry migration-read", kernel.display());
    succeeds(folder, &format!("{save} -o found.repro"));
    succeeds(folder, &format!("{save} --schedule K1W7 -o silent.repro"));
    let run = |file: &str, kernel: &Path| {
        let ran = pmdscope_in(folder, &format!("repro run {file} --no-cache --kernel {}", kernel.display()));
        (ran.status, ran.stdout.split_whitespace().collect::<Vec<_>>().join(" "), ran.stderr)
    };
    if let Some(fixed) = packages(&["-6.1.", "_arm64"]).into_iter().next() {
        let (status, printed, errors) = run("found.repro", &fixed);
        assert_eq!((status, errors.as_str()), (Some(1), ""), "{printed}");
        assert!(printed.contains("NO LONGER HAPPENS: swap-becomes-present"), "{printed}");
        assert!(printed.contains("run in another build: 6.1."), "{printed}");
        let (status, _, errors) = run("silent.repro", &fixed);
        assert_eq!(status, Some(2));
        assert!(errors.contains("it was saved without a finding"), "{errors}");
    }
    // The same kernel in another file of other bytes: every schedule is run, and the saved one too.
    let file = pmdscope_guest::kernel::KernelFile::open(&kernel, None).expect("it is a kernel").kernel;
    let mut image = file.flat.segments[0].bytes.clone();
    image.extend([0; 64]);
    fs::write(folder.join("Image"), image).expect("it can be written");
    let (status, printed, errors) = run("found.repro", Path::new("Image"));
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{printed}");
    assert!(printed.contains("HAPPENS TOO: swap-becomes-present"), "{printed}");
    assert!(printed.contains("the saved schedule") && printed.contains("shows it too"), "{printed}");
    // What cannot be run to its end is not known.
    let text = fs::read_to_string(folder.join("found.repro")).expect("it was saved");
    let mut stopped = body(&text);
    stopped["bounds"]["instructions"] = json!(1);
    fs::write(folder.join("stopped.repro"), sealed(&stopped)).expect("a file");
    let (status, printed, _) = run("stopped.repro", Path::new("Image"));
    assert_eq!(status, Some(3), "{printed}");
    assert!(printed.contains("UNKNOWN: "), "{printed}");
}
