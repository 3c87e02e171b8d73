//! Surveys of real kernels: functions that are found by their types, and every pair of them.

use std::path::{Path, PathBuf};

use pmdscope_needs::Need;
use serde_json::Value;

use crate::common::kernels::{name, packages};
use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish, golden_file, pmdscope_in};

/// Returns a kernel whose split lacks the fix.
fn vulnerable() -> Option<PathBuf> {
    let kernel = packages(&["5.10.0-30", "arm64"]).into_iter().next();
    if kernel.is_none() {
        Need::Kernels.skip("a kernel without the fix is surveyed");
    }
    kernel
}

/// Runs a command in a folder, with a cache of its own there.
fn pmdscope_with(folder: &Path, args: &[&str]) -> Ran {
    finish(command(args).current_dir(folder).env("XDG_CACHE_HOME", folder.join("cache")))
}

fn survey(scratch: &Scratch, kernel: &Path, more: &[&str]) -> Ran {
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let mut args = vec!["survey", "--kernel", path, "--entry", "migration-read", "--writer", "split"];
    args.extend(more);
    pmdscope_with(scratch.path(), &args)
}

/// The split is what the tool knows by name; whom it makes go wrong is found.
#[test]
fn a_survey_names_those_who_go_wrong_without_being_told() {
    let Some(kernel) = vulnerable() else { return };
    let scratch = Scratch::new("survey-names");
    let ran = survey(&scratch, &kernel, &["-o", "whole"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", name(&kernel));
    for says in [
        "functions take the address of an entry,",
        "WRONG ANSWER: walker-past-present",
        "ODD VIEW: swap-becomes-present",
        "split, in",
        "gup-fast-read",
        "follow-page",
        "madvise_free_huge_pmd",
        "see them again: pmdscope report whole --format causes",
    ] {
        assert!(ran.stdout.contains(says), "{}: no {says}: {}", name(&kernel), ran.stdout);
    }
    let worst_first = ran.stdout.find("WRONG ANSWER").zip(ran.stdout.find("ODD VIEW"));
    assert!(worst_first.is_some_and(|(worse, better)| worse < better), "{}", ran.stdout);

    // It is a batch: nothing is left to do, and its parts are the whole.
    let again = survey(&scratch, &kernel, &["-o", "whole", "--resume"]);
    assert_eq!((again.status, &again.stdout), (Some(1), &ran.stdout));
    for part in ["slice:1/2", "slice:2/2"] {
        let to = part.replace([':', '/'], "-");
        let ran = survey(&scratch, &kernel, &["-o", &to, "--partition", part]);
        assert!(matches!(ran.status, Some(0 | 1 | 3)), "{}", ran.stderr);
    }
    let merged = pmdscope_in(scratch.path(), "merge slice-1-2 slice-2-2 -o merged");
    assert_eq!(merged.status, Some(0), "{}", merged.stderr);
    let same = pmdscope_in(scratch.path(), "diff whole merged");
    assert_eq!(same.status, Some(0), "{}{}", same.stdout, same.stderr);
    let causes = pmdscope_in(scratch.path(), "report merged --format causes");
    assert_eq!(causes.status, Some(1));
    assert!(ran.stdout.contains(&causes.stdout), "{}", causes.stdout);
}

/// A change is told by the pairs that either kernel has.
#[test]
fn a_survey_of_two_kernels_says_what_differs() {
    let Some(before) = vulnerable() else { return };
    let Some(after) = packages(&["7.2", "arm64"]).into_iter().next() else {
        return Need::Kernels.skip("two kernels are surveyed");
    };
    let scratch = Scratch::new("survey-change");
    let [before, after] =
        [&before, &after].map(|kernel| kernel.to_str().expect("names of kernels are UTF-8"));
    let run = |one: &str, other: &str| {
        let args = ["survey", one, other, "--entry", "migration-read", "--writer", "split"];
        pmdscope_with(scratch.path(), &args)
    };
    let better = run(before, after);
    // A pair may need what is not set up.
    assert!(matches!(better.status, Some(0 | 3)), "{}{}", better.stdout, better.stderr);
    for says in
        ["nothing is newly found", "madvise_free_huge_pmd", "the split is guarded, and was vulnerable"]
    {
        assert!(better.stdout.contains(says), "no {says}: {}", better.stdout);
    }
    let worse = run(after, before);
    assert_eq!(worse.status, Some(1), "{}{}", worse.stdout, worse.stderr);
    assert!(worse.stdout.contains("WORSE: newly found after the change"), "{}", worse.stdout);
}

/// A function that takes no address of an entry is found by what it does. Debian's 6.1 reads the entry twice before it
/// takes the lock, and clears a migration entry that is made in between as bad. Later versions read it once: Linux kernel
/// commit 670ddd8cdcbd ("mm/mprotect: delete pmd_none_or_clear_bad_unless_trans_huge()") (in v6.5).
#[test]
fn a_survey_finds_who_walks_down_to_an_entry() {
    let Some(kernel) = packages(&["6.1", "amd64"]).into_iter().next() else {
        return Need::Kernels.skip("a function that walks down to an entry is surveyed");
    };
    let scratch = Scratch::new("survey-walks");
    let run = |args: &[&str]| {
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        pmdscope_with(scratch.path(), &[&[args[0], "--kernel", path], &args[1..]].concat())
    };
    let only = ["--entry", "present-huge", "--writer", "set_pmd_migration_entry", "--walker"];
    let ran = run(&[&["survey"], &only[..], &["change_protection:cp_flags=0x2"]].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(1), ""), "{}", ran.stdout);
    for says in
        ["walk down to one;", "MEMORY LOST: not-serializable", "the entry is\n      0x0000000000000000"]
    {
        assert!(ran.stdout.contains(says), "no {says}: {}", ran.stdout);
    }
    // What it leaves to a function that it calls is found there: it is none of them.
    let ran = run(&[&["survey"], &only[..], &["change_prot_numa"]].concat());
    assert_eq!(ran.status, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("no such function"), "{}", ran.stderr);

    // Of two tables that a fault may install, it does not matter which.
    let faults = ["--entry", "migration-write", "--writer", "zap_huge_pmd", "--walker", "__handle_mm_fault"];
    let ran = run(&[&["run"], &faults[..]].concat());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
}

/// What depends on the order of allocations alone, or on a counter that is not set up, is no finding.
#[test]
fn what_is_not_set_up_is_not_found() {
    let scratch = Scratch::new("survey-set-up");
    for (release, arch, entry, writer, walker, statuses) in [
        // The lock of a new page table is a ticket lock, which counts how often it was taken.
        ("6.12", "riscv64", "none", "__handle_mm_fault", "change_protection", &[Some(0)][..]),
        // The counter of a memory cgroup is a per-CPU pointer to nothing: memory that is not set up, and no crash.
        (
            "7.2",
            "arm64",
            "migration-write",
            "unmap_huge_pmd_locked",
            "__handle_mm_fault:flags=1",
            &[Some(0), Some(3)],
        ),
    ] {
        let Some(kernel) = packages(&[release, arch]).into_iter().next() else {
            Need::Kernels.skip("a fault on memory that is not set up");
            continue;
        };
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        let args = ["run", "--kernel", path, "--entry", entry, "--writer", writer, "--walker", walker];
        let ran = pmdscope_with(scratch.path(), &args);
        assert!(statuses.contains(&ran.status), "{walker}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn a_function_of_a_kernel_is_run_by_its_name() {
    let Some(kernel) = packages(&["7.2", "arm64"]).into_iter().next() else {
        return Need::Kernels.skip("functions of a kernel are run by their names");
    };
    let scratch = Scratch::new("functions-by-name");
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let run = |more: &[&str]| {
        let mut args = vec!["run", "--kernel", path, "--entry", "present-huge"];
        args.extend(more);
        pmdscope_with(scratch.path(), &args)
    };
    let ran = run(&["--writer", "zap_huge_pmd", "--walker", "pagemap_pmd_range"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    assert!(ran.stdout.contains("pagemap_pmd_range: returned 0x"), "{}", ran.stdout);
    // The command of a report repeats it.
    let ran =
        run(&["--writer", "change_huge_pmd:cp_flags=2", "--walker", "gup-fast-read", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let command = report["command"].as_str().expect("a command");
    assert!(command.contains("--writer change_huge_pmd:cp_flags=2"), "{command}");
    for (writer, says) in [
        ("zap_huge_pmd:x=1", "zap_huge_pmd() has no parameter 'x': it has tlb, vma, pmd, addr"),
        ("zap_huge_pmd:addr", "'zap_huge_pmd:addr' is no function with values"),
        ("zap_huge_pmdd", "unknown writer of a kernel 'zap_huge_pmdd'"),
        ("vsnprintf", "vsnprintf() takes"),
    ] {
        let ran = run(&["--writer", writer]);
        assert_eq!((ran.status, ran.stderr.lines().count()), (Some(2), 1), "{writer}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{writer}: {}", ran.stderr);
    }
}

/// A callback whose `private` no type tells runs to its end when a file says what that points to.
#[test]
fn a_file_says_what_types_do_not_tell() {
    let Some(kernel) = packages(&["6.12", "arm64"]).into_iter().next() else {
        return Need::Kernels.skip("a function that a file describes is run");
    };
    let scratch = Scratch::new("routines-of-a-file");
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let file = |name: &str, text: &str| {
        let to = scratch.path().join(name);
        std::fs::write(&to, text).expect("a file can be written");
        to.to_str().expect("UTF-8").to_owned()
    };
    let hmm = "[[routine]]\nname = \"hmm\"\nsymbol = \"hmm_vma_walk_pmd\"\nrole = \"walker\"\nreturns = \"error\"\n\
               [routine.arguments.walk.private]\nnew = \"hmm_vma_walk\"\n\
               range = { new = \"hmm_range\", start = \"address\", end = \"next-address\" }\n";
    let described = file("hmm.toml", hmm);
    let run = |walker: &str, more: &[&str]| {
        let mut args = vec!["run", "--kernel", path, "--entry", "present-huge", "--writer", "split"];
        args.extend(["--walker", walker, "--format", "json"]);
        args.extend(more);
        pmdscope_with(scratch.path(), &args)
    };
    let verdict = |ran: &Ran| {
        let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        (report["verdict"].clone(), report["command"].as_str().expect("a command").to_owned())
    };
    let ran = run("hmm_vma_walk_pmd", &[]);
    assert_eq!((ran.status, verdict(&ran).0), (Some(3), "unknown".into()), "without the file");
    let ran = run("hmm", &["--routines", &described]);
    let (is, command) = verdict(&ran);
    assert_eq!((ran.status, is), (Some(0), "pass".into()), "{}", ran.stderr);
    // The command says all of it: nobody needs the file to repeat the run.
    let walker =
        command.split(" --walker ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a walker");
    assert!(walker.starts_with("hmm_vma_walk_pmd:walk.private=@hmm_vma_walk:"), "{command}");
    assert_eq!(run(walker, &[]).stdout, ran.stdout);

    // How the return value reads: what it takes is a page.
    let page = "[[routine]]\nsymbol = \"vm_normal_page_pmd\"\nreturns = \"page\"\n\
                arguments = { addr = \"address\", pmd = \"entry-value\" }\n";
    let ran = run("vm_normal_page_pmd", &["--routines", &file("page.toml", page)]);
    assert!(ran.stdout.contains("\"result\": \"page\""), "{}", ran.stdout);

    // It is surveyed in its role.
    let survey =
        ["survey", "--kernel", path, "--entry", "present-huge", "--writer", "split", "--walker", "hmm"];
    let args = [&survey[..], &["--routines", &described, "--dry-run"]].concat();
    let ran = pmdscope_with(scratch.path(), &args);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("hmm_vma_walk_pmd:walk.private=@hmm_vma_walk"), "{}", ran.stdout);
    let args = [&survey[..5], &["--writer", "hmm", "--routines", &described, "--dry-run"]].concat();
    let ran = pmdscope_with(scratch.path(), &args);
    assert_eq!(ran.status, Some(2), "it is no writer: {}", ran.stdout);

    for (text, says) in [
        (
            "[[routine]]\nsymbol = \"hmm_vma_walk_pmd\"\narguments.start = 1\n",
            "only walk.private can be given",
        ),
        ("[[routine]]\nsymbol = \"nobody\"\n", "unknown walker of a kernel 'nobody'"),
        (
            "[[routine]]\nsymbol = \"zap_huge_pmd\"\narguments.vma.vm_flag = 1\n",
            "say where vm_area_struct.vm_flag is",
        ),
        (
            "[[routine]]\nsymbol = \"zap_huge_pmd\"\nreturns = \"folio\"\n",
            "no way in which a return value reads",
        ),
        ("[[routine]\n", "wrong.toml"),
    ] {
        let walker = text.split('"').nth(1).unwrap_or("x");
        let ran = run(walker, &["--routines", &file("wrong.toml", text)]);
        assert_eq!(ran.status, Some(2), "{text}: {}", ran.stdout);
        assert!(ran.stderr.contains(says), "{text}: {}", ran.stderr);
    }
}

#[test]
fn what_functions_do_is_listed_twice_the_same() {
    let Some(kernel) = packages(&["7.2", "s390x"]).into_iter().next() else {
        return Need::Kernels.skip("functions of a kernel are listed");
    };
    let scratch = Scratch::new("list-functions");
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let ran = pmdscope_with(scratch.path(), &["kernel", "list-functions", path, "--self-check"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    for says in [
        "functions by their types, of which",
        "  walks down to the entry",
        "more functions stop before they access an entry",
        "bool zap_huge_pmd(",
        "  stores, under the lock that it takes: ",
        "  stores, under the lock that its callers hold: ",
        "  only reads, without the lock: ",
        "  called by walk_page_vma()",
    ] {
        assert!(ran.stdout.contains(says), "no {says}: {}", ran.stdout);
    }
}

/// Findings are listed by what they have in common, the worst first: needs no kernel.
#[test]
fn findings_are_grouped_by_their_causes() {
    let scratch = Scratch::new("causes");
    let matrix = "[[include]]\narches = [\"arm64\", \"ppc64\"]\nlinux = [\"7.2\"]\n\
                  entries = [\"migration-read\", \"present-huge\"]\n\
                  writers = [\"split-unguarded\", \"split-guarded\"]\n\
                  walkers = [\"gup-fast-read\", \"hmm\", \"perf-page-size\"]\n";
    std::fs::write(scratch.path().join("m.toml"), matrix).expect("a file can be written");
    let ran = pmdscope_in(scratch.path(), "batch m.toml -o results");
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    let ran = pmdscope_in(scratch.path(), "report results --format causes");
    let differs = golden_file::difference("tests/survey/causes.txt", &ran.stdout);
    golden_file::assert_none(&differs.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_survey_that_cannot_be_made_says_why() {
    let Some(kernel) = vulnerable() else { return };
    let scratch = Scratch::new("survey-refused");
    for (more, says) in [
        (&["--writer", "nobody"][..], "--writer nobody: this kernel has no such function"),
        (&["--entry", "table,bogus"], "unknown entry 'bogus'"),
        (&["--types", "x", "--types", "y"], "files of types for 2 kernels, and there are 1"),
    ] {
        let path = kernel.to_str().expect("names of kernels are UTF-8");
        let mut args = vec!["survey", "--kernel", path];
        args.extend(more);
        let ran = pmdscope_with(scratch.path(), &args);
        assert_eq!((ran.status, ran.stderr.lines().count()), (Some(2), 1), "{more:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{more:?}: {}", ran.stderr);
    }
    let few = survey(&scratch, &kernel, &["--dry-run"]);
    assert_eq!((few.status, few.stderr.as_str()), (Some(0), ""));
    assert!(few.stdout.contains(" jobs\n") && few.stdout.contains("gup-fast-read"), "{}", few.stdout);
}

/// What grows beyond the bounds is run with few switches, which is neither a pass nor unknown.
#[test]
fn orders_with_few_switches_are_a_verdict_of_their_own() {
    let scratch = Scratch::new("few-switches");
    let job =
        "run --arch arm64 --linux 7.2 --entry present-huge --writer split-guarded --walker gup-fast-read";
    let whole = pmdscope_in(scratch.path(), &format!("{job} --format json"));
    let report: Value = serde_json::from_str(&whole.stdout).expect("JSON");
    let behaviours = report["schedules"]["behaviours"].as_u64().expect("a number");
    assert!(behaviours > 3, "{behaviours}");
    let bounded = pmdscope_in(scratch.path(), &format!("{job} --format json --max-behaviours 3"));
    let few: Value = serde_json::from_str(&bounded.stdout).expect("JSON");
    let expected = if whole.status == Some(0) { (Some(6), "pass-bounded") } else { (Some(1), "findings") };
    assert_eq!((bounded.status, few["verdict"].as_str().expect("a verdict")), expected);
    let why = few["incomplete"].as_str().expect("a reason");
    assert!(why.starts_with("only the orders with at most "), "{why}");
    let text = pmdscope_in(scratch.path(), &format!("{job} --max-behaviours 3"));
    assert!(whole.status != Some(0) || text.stdout.contains("PASS-BOUNDED: "), "{}", text.stdout);
    // With one behaviour not even the orders with one switch are complete.
    let none = pmdscope_in(scratch.path(), &format!("{job} --format json --max-behaviours 1"));
    let none: Value = serde_json::from_str(&none.stdout).expect("JSON");
    assert!(none["verdict"] != "pass-bounded" && none["verdict"] != "pass", "{}", none["verdict"]);
}

/// Some of Debian's kernels have neither BTF nor debug information.
#[test]
fn a_kernel_without_types_of_functions_says_that_none_was_found() {
    let scratch = Scratch::new("survey-untyped");
    let is_untyped = |path: &PathBuf| {
        let name = name(path);
        name.contains("loong64")
            || name.contains("6.1.") && !name.contains("amd64") && !name.contains("arm64")
    };
    let Some(kernel) = packages(&[]).into_iter().find(is_untyped) else {
        return Need::Kernels.skip("a kernel without types of functions");
    };
    let path = kernel.to_str().expect("names of kernels are UTF-8");
    let told = "this kernel has no types of functions, so none was found by its types: give --types";
    for args in [
        &["kernel", "list-functions", path][..],
        &["survey", "--kernel", path, "--entry", "migration-write", "--writer", "split"],
    ] {
        let ran = pmdscope_with(scratch.path(), args);
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(printed.contains(told), "{args:?}: {printed}");
    }
}
