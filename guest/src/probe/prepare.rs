//! Prepares a source tree: configures it in a build folder, and has make generate what headers need.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

use pmdscope_arches::Arch;

use super::ProbeError;
use crate::tree::{KernelArch, Make, TreeError, first_that_runs, makefile_version};

/// Options beside the default configuration of an architecture: what page-table helpers depend on. Those that an
/// architecture lacks stay unset.
const OPTIONS: [&str; 12] = [
    "CHECKPOINT_RESTORE",
    "COMPACTION",
    "DEVICE_PRIVATE",
    "HUGETLBFS",
    "MEM_SOFT_DIRTY",
    "MIGRATION",
    "NUMA",
    "NUMA_BALANCING",
    "PROC_PAGE_MONITOR",
    "TRANSPARENT_HUGEPAGE",
    "USERFAULTFD",
    "ZONE_DEVICE",
];

/// Configures a source tree for an architecture in the folder `build`, and has make generate headers there. Does nothing
/// if that was done before for this tree, at this version.
///
/// # Errors
/// [`TreeError::Make`] with the first error that make printed. Its whole output is in `make.log` in that folder.
pub fn prepare(source: &Path, build: &Path, arch: Arch) -> Result<(), ProbeError> {
    let identity = identity(source)?;
    if fs::read(build.join(PREPARED)).is_ok_and(|prepared| prepared == identity) {
        return Ok(());
    }
    fs::create_dir_all(build)?;
    let make =
        Make { folder: source.to_owned(), variables: variables(build, arch)?, log: build.join("make.log") };
    make.run(&[KernelArch::of(arch).defconfig])?;
    let asked: String = OPTIONS.iter().map(|option| format!("CONFIG_{option}=y\n")).collect();
    let options = build.join(".config");
    let configured = fs::read_to_string(&options)?;
    fs::write(&options, configured + &asked)?;
    make.run(&["olddefconfig"])?;
    make.run(&["prepare"])?;
    // Last: a build folder without it is prepared again.
    fs::write(build.join(PREPARED), identity)?;
    Ok(())
}

/// The file in a build folder that says for which tree make has finished there.
const PREPARED: &str = ".pmdscope-prepared";

/// Returns what tells a tree, and its version, from others: its path, and the assignments at the top of its Makefile. A
/// build folder of another version would give that version's name to this one's headers.
fn identity(source: &Path) -> Result<Vec<u8>, ProbeError> {
    let version = makefile_version(source).ok_or_else(|| TreeError::NoTree {
        tree: source.to_owned(),
        lacks: "its Makefile has no VERSION".to_owned(),
    })?;
    let mut identity = std::path::absolute(source)?.into_os_string().into_encoded_bytes();
    identity.extend(format!("\n{version}\n").bytes());
    Ok(identity)
}

/// Returns the variables of make for an architecture, in a build folder.
fn variables(build: &Path, arch: Arch) -> io::Result<Vec<OsString>> {
    let named = KernelArch::of(arch);
    let mut folder = OsString::from("O=");
    folder.push(std::path::absolute(build)?);
    let compiler = match arch {
        Arch::Sparc64 => format!("CROSS_COMPILE={}", named.gnu),
        _ if first_that_runs(["clang-19"]).is_some() => "LLVM=-19".to_owned(),
        _ => "LLVM=1".to_owned(),
    };
    Ok(vec![folder, format!("ARCH={}", named.folder).into(), compiler.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_of_a_tree_is_prepared_again() {
        let folder = tempfile::tempdir().unwrap();
        let of = |minor: u8| {
            let text = format!("# SPDX\nVERSION = 7\nPATCHLEVEL = {minor}\nSUBLEVEL = 13\nEXTRAVERSION =\n");
            fs::write(folder.path().join("Makefile"), text).unwrap();
            identity(folder.path()).unwrap()
        };
        assert_eq!(of(2), of(2));
        assert_ne!(of(2), of(3));
    }

    #[test]
    fn a_folder_without_a_makefile_is_no_tree() {
        let folder = tempfile::tempdir().unwrap();
        let error = prepare(folder.path(), &folder.path().join("build"), Arch::Arm64).unwrap_err();
        assert!(error.to_string().contains("has no VERSION"), "{error}");
        assert!(!folder.path().join("build").exists(), "nothing is made");
    }
}
