//! Prepares a source tree: configures it in a build folder, and has make generate what headers need.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use pmdscope_arches::Arch;

use super::ProbeError;
use super::target::Target;
use super::tree::makefile_version;

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
/// [`ProbeError::Make`] with the first error that make printed. Its whole output is in `make.log` in that folder.
pub fn prepare(source: &Path, build: &Path, arch: Arch) -> Result<(), ProbeError> {
    let identity = identity(source)?;
    if fs::read(build.join(PREPARED)).is_ok_and(|prepared| prepared == identity) {
        return Ok(());
    }
    let target = Target::of(arch);
    fs::create_dir_all(build)?;
    let make = Make { source, build, arch, target };
    make.run(target.defconfig)?;
    let asked: String = OPTIONS.iter().map(|option| format!("CONFIG_{option}=y\n")).collect();
    let options = build.join(".config");
    let configured = fs::read_to_string(&options)?;
    fs::write(&options, configured + &asked)?;
    make.run("olddefconfig")?;
    make.run("prepare")?;
    // Last: a build folder without it is prepared again.
    fs::write(build.join(PREPARED), identity)?;
    Ok(())
}

/// The file in a build folder that says for which tree make has finished there.
const PREPARED: &str = ".pmdscope-prepared";

/// Returns what tells a tree, and its version, from others: its path, and the assignments at the top of its Makefile. A
/// build folder of another version would give that version's name to this one's headers.
fn identity(source: &Path) -> Result<Vec<u8>, ProbeError> {
    let version = makefile_version(source).ok_or_else(|| ProbeError::NoTree {
        tree: source.to_owned(),
        lacks: "its Makefile has no VERSION".to_owned(),
    })?;
    let mut identity = std::path::absolute(source)?.into_os_string().into_encoded_bytes();
    identity.extend(format!("\n{version}\n").bytes());
    Ok(identity)
}

struct Make<'a> {
    source: &'a Path,
    build: &'a Path,
    arch: Arch,
    target: &'static Target,
}

impl Make<'_> {
    fn run(&self, goal: &str) -> Result<(), ProbeError> {
        let log = self.build.join("make.log");
        let output = File::create(&log)?;
        let cannot_run = |error| ProbeError::Run { program: "make".to_owned(), error };
        let mut make = Command::new("make");
        make.arg("-s")
            .arg(format!("-j{}", std::thread::available_parallelism().map_or(1, |count| count.get())));
        make.arg("-C").arg(self.source);
        let mut folder = std::ffi::OsString::from("O=");
        folder.push(std::path::absolute(self.build)?);
        make.arg(folder).arg(format!("ARCH={}", self.target.folder));
        match self.arch {
            Arch::Sparc64 => make.arg(format!("CROSS_COMPILE={}", self.target.gnu)),
            _ => make.arg(if clang_has_suffix() { "LLVM=-19" } else { "LLVM=1" }),
        };
        let status = make
            .arg(goal)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .status()
            .map_err(cannot_run)?;
        if status.success() {
            return Ok(());
        }
        let printed = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let telling = ["error:", "Error", "rror ", "not found", "not clean", "No rule"];
        let line = printed.lines().find(|line| telling.iter().any(|word| line.contains(word)));
        let message = line.or_else(|| printed.lines().last()).unwrap_or_default().trim().to_owned();
        Err(ProbeError::Make { goal: goal.to_owned(), tree: self.source.to_owned(), message, log })
    }
}

/// Whether the compiler is `clang-19`; otherwise it is `clang`.
fn clang_has_suffix() -> bool {
    Command::new("clang-19")
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success())
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
