//! The version of this program.

use std::sync::LazyLock;

use pmdscope_emu::ENGINE;

/// The version of this program and of its engine.
pub static VERSION: LazyLock<String> = LazyLock::new(|| format!("{} ({ENGINE})", env!("CARGO_PKG_VERSION")));

/// The version, and the sources it was built from.
pub static VERSION_AND_SOURCES: LazyLock<String> =
    LazyLock::new(|| format!("{}\nsources {SOURCES}", *VERSION));

/// Returns the name and version of this program and its engine, as reports print them.
pub fn made_by() -> String {
    format!("{} {}", env!("CARGO_PKG_NAME"), *VERSION)
}

/// The first digits of the SHA-256 of the sources that this program was built from (build.rs). Two builds with the same
/// name may differ in what they find.
pub const SOURCES: &str = env!("PMDSCOPE_SOURCES");
