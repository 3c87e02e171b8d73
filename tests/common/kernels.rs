//! The kernels that this machine has for tests.

use std::path::{Path, PathBuf};

/// Returns the kernel packages whose file names contain all of `parts`, ordered by name.
///
/// If there are none, reports the test as skipped.
pub fn packages(parts: &[&str]) -> Vec<PathBuf> {
    let mut kernels = pmdscope_needs::kernels(parts);
    kernels.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    kernels
}

/// Returns the name of a kernel's file.
pub fn name(kernel: &Path) -> String {
    kernel.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
