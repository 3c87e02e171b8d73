//! The programs that a build folder was configured for, found by what they say of their versions.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pmdscope_arches::Arch;

use super::ObjectsError;
use super::options::Options;
use crate::tree::{KernelArch, TreeError, first_that_runs, version_line};

/// Returns the variables of make that name the compiler and linker of a configuration.
///
/// make would configure the folder anew if they were others.
///
/// # Errors
/// [`ObjectsError::Compiler`] if no usual name leads to that compiler.
pub(super) fn variables(folder: &Path, options: &Options, arch: Arch) -> Result<Vec<OsString>, ObjectsError> {
    let wanted = options.text("CC_VERSION_TEXT").unwrap_or_default();
    let is_clang = options.is_set("CC_IS_CLANG");
    let gnu = KernelArch::of(arch).gnu;
    let candidates: Vec<String> = if is_clang {
        let major = options.number("CLANG_VERSION").map(|version| format!("clang-{}", version / 10000));
        ["clang".to_owned()].into_iter().chain(major).collect()
    } else {
        // gcc begins with the name that it was called by.
        let named = wanted.split_whitespace().next().unwrap_or_default().to_owned();
        let major = options.number("GCC_VERSION").map_or(0, |version| version / 10000);
        let gcc = [format!("{gnu}gcc"), "gcc".to_owned()];
        let numbered = gcc.clone().map(|name| format!("{name}-{major}"));
        std::iter::once(named).filter(|name| !name.is_empty()).chain(gcc).chain(numbered).collect()
    };
    let is_it = |name: &&String| version_line(Path::new(name)).is_some_and(|line| line == wanted);
    let Some(compiler) = candidates.iter().find(is_it) else {
        return Err(ObjectsError::Compiler { folder: folder.to_owned(), compiler: wanted });
    };
    let mut variables = Vec::new();
    if options.is_set("LD_IS_LLD") {
        let suffix = match options.number("LLD_VERSION") {
            Some(version) => format!("-{}", version / 10000),
            None => compiler.strip_prefix("clang").unwrap_or_default().to_owned(),
        };
        let plain = compiler == "clang" || first_that_runs([format!("ld.lld{suffix}")]).is_none();
        variables.push(if plain { "LLVM=1".to_owned() } else { format!("LLVM={suffix}") });
        if !is_clang {
            variables.push(format!("CC={compiler}"));
        }
    } else {
        if is_clang {
            variables.push(format!("CC={compiler}"));
        }
        match compiler.strip_suffix("gcc") {
            Some("") => (),
            Some(prefix) if !is_clang => variables.push(format!("CROSS_COMPILE={prefix}")),
            _ if first_that_runs([format!("{gnu}ld")]).is_some() => {
                variables.push(format!("CROSS_COMPILE={gnu}"));
                if !is_clang {
                    variables.push(format!("CC={compiler}"));
                }
            }
            _ => (),
        }
    }
    Ok(variables.into_iter().map(OsString::from).collect())
}

/// Finds the linker: LLVM's, of the compiler's version if it is clang, since it may have to compile.
///
/// # Errors
/// [`TreeError::NoProgram`] with what to install.
pub(super) fn linker(options: &Options) -> Result<PathBuf, ObjectsError> {
    let major = options.number("CLANG_VERSION").filter(|version| *version > 0);
    let of_clang = major.map(|version| format!("ld.lld-{}", version / 10000));
    let usual = ["ld.lld".to_owned(), "ld.lld-19".to_owned()];
    let missing = TreeError::NoProgram {
        program: "ld.lld".to_owned(),
        help: "install it (on Debian: apt-get install lld-19)".to_owned(),
    };
    Ok(first_that_runs(of_clang.into_iter().chain(usual)).ok_or(missing)?)
}
