//! Compares ARCHITECTURE.md's table of libraries with what Cargo reports.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// A crate: its name, version and licence. The table may give only the first numbers of the version.
type Library = (String, String, String);

/// Returns what Cargo reports about the workspace.
fn metadata() -> Value {
    let cargo = env::var_os("CARGO").expect("a test that cargo runs");
    let ran = Command::new(cargo)
        // Not offline: what other packages of the workspace need may never have been downloaded.
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Returns the dependencies that the packages of the workspace name themselves, without those of tests only.
fn asked_for() -> BTreeSet<Library> {
    let metadata = metadata();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let packages = list(&metadata["packages"]);
    let package = |id: &Value| packages.iter().find(|package| package["id"] == *id).expect("a package");
    let members = list(&metadata["workspace_members"]);
    let mut asked_for = BTreeSet::new();
    for node in list(&metadata["resolve"]["nodes"]).iter().filter(|node| members.contains(&node["id"])) {
        for dependency in list(&node["deps"]) {
            let kinds = list(&dependency["dep_kinds"]);
            let id = &dependency["pkg"];
            if !members.contains(id) && kinds.iter().any(|kind| kind["kind"] != "dev") {
                let package = package(id);
                let [name, version, licence] = ["name", "version", "license"].map(|key| text(&package[key]));
                asked_for.insert((name, version, licence));
            }
        }
    }
    asked_for
}

/// Returns the platform that this was built on, as Rust names it.
fn host() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    said.lines().find_map(|line| line.strip_prefix("host: ")).expect("a platform").to_owned()
}

/// Returns the rows of the table.
fn table() -> Vec<Library> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).expect("the page can be read");
    let (_, section) = page.split_once("\n## Libraries\n").expect("a section");
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let (name, version) = cells[0].split_once(' ').unwrap_or_else(|| panic!("no version: {row}"));
        assert_eq!(cells.len(), 4, "{row}");
        (name.to_owned(), version.to_owned(), cells[1].to_owned())
    })
    .collect()
}

/// Whether a row of the table is about this crate.
fn is_about(row: &Library, library: &Library) -> bool {
    let begins = |version: &str| library.1 == version || library.1.starts_with(&format!("{version}."));
    row.0 == library.0 && begins(&row.1) && row.2 == library.2
}

#[test]
fn the_table_of_libraries_has_what_is_asked_for_and_nothing_else() {
    let (asked_for, table) = (asked_for(), table());
    assert!(asked_for.len() > 20, "{asked_for:?}");
    let missing = asked_for.iter().filter(|library| !table.iter().any(|row| is_about(row, library)));
    let stale = table.iter().filter(|row| !asked_for.iter().any(|library| is_about(row, library)));
    let (missing, stale): (Vec<_>, Vec<_>) = (missing.collect(), stale.collect());
    assert!(
        missing.is_empty() && stale.is_empty(),
        "not in the table: {missing:?}; not asked for: {stale:?}"
    );
}

/// A hash of the sources tells results of two builds apart. A package outside that hash could change results
/// unseen.
#[test]
fn the_sources_that_are_summed_up_are_those_of_every_package_of_the_program() {
    let metadata = metadata();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let members = list(&metadata["workspace_members"]);
    let nodes = list(&metadata["resolve"]["nodes"]);
    let mut program = vec![metadata["resolve"]["root"].clone()];
    let mut next = 0;
    while let Some(id) = program.get(next).cloned() {
        next += 1;
        let node = nodes.iter().find(|node| node["id"] == id).expect("a node");
        for dependency in list(&node["deps"]) {
            let is_built = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            let id = &dependency["pkg"];
            if is_built && members.contains(id) && !program.contains(id) {
                program.push(id.clone());
            }
        }
    }
    assert!(program.len() >= 7, "{program:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for package in list(&metadata["packages"]).iter().filter(|package| program.contains(&package["id"])) {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        let sources = manifest.strip_prefix(root).expect("a package of the workspace").with_file_name("src");
        let quoted = format!("{:?}", sources.display().to_string());
        assert!(include_str!("../build.rs").contains(&quoted), "build.rs does not sum up {quoted}");
    }
}
