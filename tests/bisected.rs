//! `git bisect run` with pmdscope, as docs/before-and-after.md shows it, on small histories of prebuilt files.

use std::fs;
use std::path::Path;
use std::process::Command;

use pmdscope_needs::Need;

use crate::common::scratch::Scratch;

/// A file of the history in place of a kernel that was built: `None` if the build of that commit fails.
type Built = Option<&'static str>;

const GOOD: Built = Some("guest/elf/arm64-7.2.elf");
const BAD: Built = Some("guest/planted/elf/took-page.elf");

/// Runs a line in a shell, with the built program on its path and no configuration of whoever runs the test.
fn shell(folder: &Path, line: &str) -> (bool, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_pmdscope")).parent().expect("a folder").display().to_string();
    let ran = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap_or_default()))
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "a test")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "test@example.org")))
        .output()
        .expect("a shell runs");
    let printed = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

/// Makes a history with a commit for each file; `build` copies a commit's file, or fails.
fn history(folder: &Path, commits: &[Built]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (made, said) = shell(folder, "git init -q .");
    assert!(made, "{said}");
    fs::write(folder.join("build"), "cp source guest.elf\n").expect("written");
    for (number, built) in commits.iter().enumerate() {
        match built {
            Some(file) => drop(fs::copy(root.join(file), folder.join("source")).expect("copied")),
            None => drop(fs::remove_file(folder.join("source"))),
        }
        let line = format!("echo {number} > number && git add -A && git commit -q -m 'commit {number}'");
        let (made, said) = shell(folder, &line);
        assert!(made, "{said}");
    }
}

/// The line of the page that has this word, as it is written there.
fn documented(word: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/before-and-after.md");
    let page = fs::read_to_string(page).expect("the page");
    let line = page.lines().find(|line| line.starts_with("    git bisect run") && line.contains(word));
    line.unwrap_or_else(|| panic!("no line for {word}")).trim().to_owned()
}

const RUN: &str =
    "run --arch arm64 --linux 7.2 --guest guest.elf --entry present-huge --writer pmdp_invalidate";

/// Returns a documented line with the commands of the test in place of those for a kernel.
fn for_guests(line: &str) -> String {
    let (build, run) = ("make -j8 vmlinux", "run vmlinux --entry migration-read");
    assert!(line.contains(build) && line.contains(run), "{line}");
    line.replace(build, "sh ./build").replace(run, RUN)
}

#[test]
fn bisect_finds_the_commit_that_brings_a_finding() {
    if Need::Git.is_hidden() || Command::new("git").arg("--version").output().is_err() {
        return Need::Git.skip("git bisect run finds a commit");
    }
    let scratch = Scratch::new("bisect-finds-the-commit-that-brings-a-finding");
    let folder = scratch.path();
    // Some commits do not build, and one builds what cannot be run: these are skipped.
    history(folder, &[GOOD, GOOD, GOOD, None, Some("Cargo.toml"), GOOD, GOOD, BAD, BAD, None, BAD, BAD]);
    let (started, said) = shell(folder, "git bisect start HEAD HEAD~11");
    assert!(started, "{said}");
    let (found, said) = shell(folder, &for_guests(&documented("|| exit 125")));
    assert!(found, "{said}");
    let (_, bad) = shell(folder, "git show --no-patch --format=%s bisect/bad");
    assert_eq!(bad.trim(), "commit 7", "{said}");
}

#[test]
fn bisect_finds_the_commit_that_fixes_a_finding() {
    if Need::Git.is_hidden() || Command::new("git").arg("--version").output().is_err() {
        return Need::Git.skip("git bisect run finds a fix");
    }
    let scratch = Scratch::new("bisect-finds-the-commit-that-fixes-a-finding");
    let folder = scratch.path();
    history(folder, &[BAD, BAD, None, BAD, BAD, GOOD, GOOD, Some("Cargo.toml"), GOOD]);
    let (started, said) = shell(folder, "git bisect start --term-old=broken --term-new=fixed HEAD HEAD~8");
    assert!(started, "{said}");
    let (found, said) = shell(folder, &for_guests(&documented("1) exit 0")));
    assert!(found, "{said}");
    let (_, fixed) = shell(folder, "git show --no-patch --format=%s bisect/fixed");
    assert_eq!(fixed.trim(), "commit 5", "{said}");
}
