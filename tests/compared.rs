//! `pmdscope compare`: the order of its rows, the consequence in each, and lists of names.

use serde_json::Value;

use crate::common::pmdscope;

/// The rows of a comparison's table, without the lines below them.
fn rows(text: &str) -> Vec<&str> {
    let table = text.lines().skip(1).take_while(|line| !line.is_empty());
    table.filter(|line| !line.starts_with(' ')).collect()
}

/// The consequence of each row whose platform or routine is named.
fn consequence<'a>(rows: &[&'a str], words: &[&str]) -> Vec<&'a str> {
    let named =
        rows.iter().filter(|row| words.iter().all(|word| row.split_whitespace().any(|one| one == *word)));
    named.map(|row| row.split("  ").next().unwrap_or_default()).collect()
}

#[test]
fn rows_have_their_consequence_and_the_worst_comes_first() {
    let compared = pmdscope("compare --linux 7.2");
    assert_eq!(compared.status, Some(1), "{}", compared.stderr);
    let order = ["memory lost", "wrong page", "crash", "wrong answer", "odd view", "unknown", "pass"];
    let rows = rows(&compared.stdout);
    let ranks: Vec<usize> = rows
        .iter()
        .map(|row| order.iter().position(|word| row.starts_with(word)).unwrap_or_else(|| panic!("{row}")))
        .collect();
    assert!(ranks.is_sorted(), "{}", compared.stdout);
    // The usual walkers have one that destroys entries.
    assert_eq!(ranks.first(), Some(&0), "{}", compared.stdout);
    assert_eq!(consequence(&rows, &["ppc64", "hash", "split-unguarded", "pte-offset-map"]), ["memory lost"]);
    // What passes the present check and is stopped does less harm than what is not stopped.
    assert_eq!(consequence(&rows, &["arm64", "split-unguarded", "gup-fast-read"]), ["odd view"]);
    assert_eq!(consequence(&rows, &["arm64", "split-unguarded", "perf-page-size"]), ["wrong answer"]);
    assert_eq!(consequence(&rows, &["arm64", "split-guarded", "perf-page-size"]), ["pass"]);
}

/// The order is one of the view: programs get the rows in the order of the request.
#[test]
fn programs_get_the_rows_in_the_order_of_the_request() {
    let line =
        "compare --arch arm64 --linux 7.2 --writer split-unguarded --walker gup-fast-read,hmm --format json";
    let report: Value = serde_json::from_str(&pmdscope(line).stdout).expect("JSON");
    let walkers: Vec<_> = report["rows"].as_array().expect("rows").iter().map(|row| &row["walker"]).collect();
    assert_eq!(walkers, ["gup-fast-read", "hmm"]);
}

#[test]
fn names_are_separated_by_commas_or_given_one_by_one() {
    let several = "compare --arch arm64 --arch s390x --linux 6.1 --linux 7.2 --entry migration-read --entry present-huge \
                   --writer split-unguarded --writer split-guarded --walker hmm --walker gup-fast-read";
    let listed = "compare --arch arm64,s390x --linux 6.1,7.2 --entry migration-read,present-huge \
                  --writer split-unguarded,split-guarded --walker hmm,gup-fast-read";
    assert_eq!(pmdscope(listed), pmdscope(several));
    let both = pmdscope("run --arch arm64 --entry migration-read --walker hmm,gup-fast-read");
    assert_eq!(both, pmdscope("run --arch arm64 --entry migration-read --walker hmm --walker gup-fast-read"));
    let unknown = pmdscope("compare --arch arm64,amr64");
    assert_eq!(unknown.stderr, "pmdscope: unknown architecture 'amr64': did you mean 'arm64'?\n");
}

#[test]
fn all_is_every_routine_of_its_role() {
    let listed = |what: &str| {
        let listed = pmdscope(&format!("list {what}")).stdout;
        let names: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
        names.join(",")
    };
    let job = "compare --arch riscv64 --linux 7.2 --entry migration-read";
    let (writers, walkers) = (listed("writers"), listed("walkers"));
    let all = pmdscope(&format!("{job} --writer all --walker all"));
    assert_eq!(all, pmdscope(&format!("{job} --writer {writers} --walker {walkers}")));
    assert_eq!(
        rows(&all.stdout).len(),
        writers.split(',').count() * walkers.split(',').count(),
        "{}",
        all.stdout
    );
    let runs = pmdscope("run --arch riscv64 --linux 7.2 --entry migration-read --walker all");
    assert_eq!(runs.stdout.matches("split-unguarded against").count(), walkers.split(',').count());
}

#[test]
fn a_file_is_taken_for_a_kernel() {
    for line in ["compare Cargo.toml", "run Cargo.toml --entry migration-read"] {
        let refused = pmdscope(line);
        assert_eq!(refused.status, Some(2), "{line}");
        assert!(refused.stderr.contains("Cargo.toml: not a kernel image or package"), "{}", refused.stderr);
    }
    for line in
        ["compare a.deb --kernel b.deb", "run a.deb --kernel b.deb --entry none", "run a.deb --guest b.elf"]
    {
        let refused = pmdscope(line);
        assert_eq!(refused.status, Some(2), "{line}");
        assert!(refused.stderr.contains("cannot be used with"), "{}", refused.stderr);
    }
    let both = pmdscope("compare a.deb --arch arm64");
    assert_eq!(both.status, Some(2));
    assert!(both.stderr.contains("--arch"), "{}", both.stderr);
}
