//! The kernels that there are to run.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The packages in `$PMDSCOPE_KERNELS`, or in `kernels/`, in order of their names. If there are none, that is
/// said.
pub fn kernels() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("PMDSCOPE_KERNELS").map_or(root.join("kernels"), |set| root.join(set));
    let mut kernels: Vec<_> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    kernels.sort();
    if kernels.is_empty() {
        // Not by a macro, whose output is kept back where a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no kernels in {}: script/fetch-kernels fetches them",
            folder.display()
        );
    }
    kernels
}

/// The name of a kernel's file.
pub fn name(kernel: &Path) -> String {
    kernel.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
