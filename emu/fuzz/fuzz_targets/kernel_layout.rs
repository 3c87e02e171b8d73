//! Sets up kernels whose types say whatever it is given.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pmdscope_emu_fuzz::{Kernels, kernel_layout};
use pmdscope_guest::kernel::KernelFile;

libfuzzer_sys::fuzz_target!(
    // Unpacking kernels takes longer than an input may.
    init: { kernels(); },
    |bytes: &[u8]| {
        kernel_layout(kernels(), bytes);
    }
);

/// Some of the kernels in `kernels/`, or in the folder that `PMDSCOPE_KERNELS` names: all would be too large.
fn kernels() -> &'static Kernels {
    static KERNELS: OnceLock<Kernels> = OnceLock::new();
    KERNELS.get_or_init(|| {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels");
        let folder = std::env::var_os("PMDSCOPE_KERNELS").map_or_else(usual, PathBuf::from);
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
        let mut files: Vec<_> = files.filter(|file| is_taken(file)).collect();
        files.sort();
        let opened = files.iter().filter_map(|file| KernelFile::open(file, None).ok());
        let kernels = Kernels::new(opened.map(|opened| opened.kernel));
        assert!(kernels.count() > 0, "there are no kernels in {}: script/fetch-kernels", folder.display());
        kernels
    })
}

/// Of the newest kernels, and of such as have no folios.
fn is_taken(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".deb") && ["-7.2.", "-5.10."].iter().any(|version| name.contains(version))
}
