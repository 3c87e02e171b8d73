//! Fails the build if it would link another Unicorn than the pinned one.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=UNICORN_NO_PKG_CONFIG");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG");
    if env::var_os("UNICORN_NO_PKG_CONFIG").is_some() {
        return;
    }
    // The build of unicorn-engine-sys 2.1.5 asks this, and links the machine's own Unicorn if the answer is
    // yes.
    let pkg_config = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let found = Command::new(pkg_config).args(["--exists", "unicorn >= 2"]).status();
    if found.is_ok_and(|status| status.success()) {
        println!(
            "cargo::error=this machine has a Unicorn of its own, which would be linked in place of the pinned one: \
             set UNICORN_NO_PKG_CONFIG=1, as .cargo/config.toml does for builds in the repository"
        );
    }
}
