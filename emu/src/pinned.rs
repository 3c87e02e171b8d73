//! The pinned engine: its name, and what was measured of it.

/// The engine and its version, as reports name it. Results of different versions are not merged.
pub const ENGINE: &str = "Unicorn 2.1.5";

/// The interpreter and its version, as reports name it: that of this workspace.
pub(crate) const INTERPRETER: &str = concat!("pmdscope-interpreter ", env!("CARGO_PKG_VERSION"));

/// The version that the linked library reports: major, minor, patch and extra, a byte each. The C code of the crate
/// unicorn-engine-sys 2.1.5 calls itself 2.1.4 (its include/unicorn/unicorn.h).
pub(crate) const LINKED: u32 = 0x0201_04ff;

/// Bytes of address space that a CPU takes when it is opened: 1 GiB for the code that the engine translates, and
/// some for everything else.
///
/// If the system does not provide that GiB, the engine ends the process with exit status 1 (`tcg_exec_init()` in
/// qemu/accel/tcg/translate-all.c of the crate unicorn-engine-sys 2.1.5).
pub(crate) const ROOM: u64 = (1 << 30) + (64 << 20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_name_the_version_that_is_pinned() {
        let manifest = include_str!("../../Cargo.toml");
        let version = ENGINE.strip_prefix("Unicorn ").unwrap();
        assert!(manifest.contains(&format!("unicorn-engine = {{ version = \"={version}\"")));
        assert!(manifest.contains(&format!("unicorn-engine-sys = {{ version = \"={version}\"")));
    }
}
