//! Turns elf/MANIFEST.json, which guest/build wrote, into the table that src/bundled.rs includes.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=elf");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let text = fs::read_to_string(root.join("elf/MANIFEST.json"))
        .expect("guest/elf/MANIFEST.json is missing: run guest/build");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("MANIFEST.json is JSON");

    let mut table = String::from("&[\n");
    for guest in manifest["guests"].as_array().expect("'guests' is a list") {
        let text = |key: &str| guest[key].as_str().unwrap_or_else(|| panic!("a guest has no '{key}'"));
        let file = text("file");
        let path = root.join("elf").join(file);
        let mmu = match guest["mmu"].as_str() {
            None => "None",
            Some("radix") => "Some(Mmu::Radix)",
            Some("hash") => "Some(Mmu::Hash)",
            Some(other) => panic!("{file}: unknown MMU '{other}'"),
        };
        let arch = text("arch");
        writeln!(
            table,
            "    Bundled {{ name: {name:?}, arch: Arch::of_name({arch:?}).expect({unknown:?}), mmu: {mmu}, \
             from: {from}, to: {to}, sha256: {sha256:?}, flags: {flags:?}, elf: include_bytes!({path:?}) }},",
            unknown = format!("{file}: arches has no '{arch}'"),
            name = file.strip_suffix(".elf").expect("guests end in .elf"),
            from = version(text("from")),
            to = version(text("to")),
            sha256 = text("sha256"),
            flags = text("flags"),
        )
        .expect("writing to a string");
    }
    table.push_str("]\n");
    fs::write(out.join("bundled.rs"), table).expect("OUT_DIR is writable");
}

/// Returns the Rust expression of a version: `Version::new(6, 12)` for `6.12`.
fn version(text: &str) -> String {
    let (major, minor) = text.split_once('.').expect("a version has a dot");
    format!("Version::new({major}, {minor})")
}
