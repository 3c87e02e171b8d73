//! The kernels that there are to run.

use std::path::{Path, PathBuf};

/// The packages of kernels whose file names contain all of `parts`, in order of their names. If there are none, the test is
/// reported as skipped.
pub fn packages(parts: &[&str]) -> Vec<PathBuf> {
    let mut kernels = pmdscope_needs::kernels(parts);
    kernels.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
    kernels
}

/// The name of a kernel's file.
pub fn name(kernel: &Path) -> String {
    kernel.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
