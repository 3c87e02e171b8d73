//! Prepares a source tree: configures it in a build folder, and has make generate what headers need.

use std::ffi::OsString;
use std::path::Path;
use std::{fs, io};

use pmdscope_arches::{Arch, Version};

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
    let (series, stable) = makefile_version(source).ok_or_else(|| TreeError::NoTree {
        tree: source.to_owned(),
        lacks: "its Makefile has no VERSION".to_owned(),
    })?;
    let identity = identity(source, series, stable)?;
    if fs::read(build.join(PREPARED)).is_ok_and(|prepared| prepared == identity) {
        return Ok(());
    }
    fs::create_dir_all(build)?;
    let make = Make {
        folder: source.to_owned(),
        variables: variables(build, arch, series)?,
        log: build.join("make.log"),
    };
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
fn identity(source: &Path, series: Version, stable: u16) -> io::Result<Vec<u8>> {
    let mut identity = std::path::absolute(source)?.into_os_string().into_encoded_bytes();
    identity.extend(format!("\n{series}.{stable}\n").bytes());
    Ok(identity)
}

/// Returns the variables of make for a tree of some version and architecture, in a build folder.
fn variables(build: &Path, arch: Arch, version: Version) -> io::Result<Vec<OsString>> {
    let named = KernelArch::of(arch);
    let mut folder = OsString::from("O=");
    folder.push(std::path::absolute(build)?);
    let mut variables = vec![folder, format!("ARCH={}", named.folder).into()];
    let suffix = if first_that_runs(["clang-19"]).is_some() { "-19" } else { "" };
    match (arch, suffix) {
        (Arch::Sparc64, _) => variables.push(format!("CROSS_COMPILE={}", named.gnu).into()),
        _ if version < Version::new(5, 18) => variables.extend(older(named, suffix)),
        (_, "") => variables.push("LLVM=1".into()),
        _ => variables.push(format!("LLVM={suffix}").into()),
    }
    Ok(variables)
}

/// Returns the variables for clang that a tree needs which does not know suffixes of programs, and takes the target from
/// the prefix of GNU's.
///
/// Source: Linux kernel commit e9c281928c24 ("kbuild: Make $(LLVM) more flexible") (in v5.18), and the Makefile of Linux
/// 5.10.262.
fn older(named: &KernelArch, suffix: &str) -> Vec<OsString> {
    let programs = [
        ("CC", "clang"),
        ("LD", "ld.lld"),
        ("AR", "llvm-ar"),
        ("NM", "llvm-nm"),
        ("OBJCOPY", "llvm-objcopy"),
        ("OBJDUMP", "llvm-objdump"),
        ("READELF", "llvm-readelf"),
        ("STRIP", "llvm-strip"),
        ("HOSTCC", "clang"),
        ("HOSTCXX", "clang++"),
        ("HOSTAR", "llvm-ar"),
        ("HOSTLD", "ld.lld"),
    ];
    let mut variables: Vec<OsString> =
        programs.iter().map(|(variable, program)| format!("{variable}={program}{suffix}").into()).collect();
    variables.extend(["LLVM=1".into(), "LLVM_IAS=1".into(), format!("CROSS_COMPILE={}", named.gnu).into()]);
    if named.folder == "powerpc" {
        // Flags for GNU as, which clang's assembler refuses.
        variables.push("cpu-as-y=".into());
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_of_a_tree_is_prepared_again() {
        let tree = Path::new("linux");
        let of = |minor, stable| identity(tree, Version::new(7, minor), stable).unwrap();
        assert_eq!(of(2, 13), of(2, 13));
        assert_ne!(of(2, 13), of(3, 13));
        assert_ne!(of(2, 13), of(2, 14));
    }

    #[test]
    fn a_tree_that_knows_no_suffixes_gets_each_program_by_name() {
        let of = |minor| {
            let variables = variables(Path::new("build"), Arch::S390x, Version::new(5, minor)).unwrap();
            variables.iter().map(|one| one.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let (old, new) = (of(10), of(18));
        assert!(old.iter().any(|one| one.starts_with("CC=clang")), "{old:?}");
        assert!(old.contains(&"CROSS_COMPILE=s390x-linux-gnu-".to_owned()), "{old:?}");
        assert_eq!(new.len(), 3, "{new:?}");
        assert!(new[2].starts_with("LLVM="), "{new:?}");
    }

    #[test]
    fn a_folder_without_a_makefile_is_no_tree() {
        let folder = tempfile::tempdir().unwrap();
        let error = prepare(folder.path(), &folder.path().join("build"), Arch::Arm64).unwrap_err();
        assert!(error.to_string().contains("has no VERSION"), "{error}");
        assert!(!folder.path().join("build").exists(), "nothing is made");
    }
}
