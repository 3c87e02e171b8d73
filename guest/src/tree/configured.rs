//! A kernel tree: its sources or headers, and what `make prepare` generated for one configuration.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pmdscope_arches::{Arch, Version};

use super::TreeError;
use super::naming::KernelArch;
use crate::files::{self, Opened};

/// The largest file of a tree that is read, in bytes. The options of a configuration take some 200 KB.
const MOST_BYTES: u64 = 16 << 20;

/// A kernel tree that is configured for one architecture.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The folder with what was generated.
    pub(crate) generated: PathBuf,
    /// The folder with the headers of all architectures.
    pub(crate) headers: PathBuf,
    /// Whether that folder has the C files too.
    pub(crate) has_files: bool,
    /// The architecture.
    pub arch: Arch,
    /// The version, such as 7.2.
    pub version: Version,
    /// The release, as `uname -r` says it.
    pub release: String,
    /// The options that are set, without `CONFIG_`, each with its value.
    options: BTreeMap<String, String>,
}

impl Tree {
    /// Opens a tree: a source tree or a build folder that `make ARCH=A prepare` has seen, or the headers of a
    /// distribution. `source` is the tree that it was made from, where it does not say so itself.
    ///
    /// # Errors
    /// What of the tree is missing, or that it is for another architecture.
    pub fn open(tree: &Path, source: Option<&Path>, arch: Arch) -> Result<Tree, TreeError> {
        let named = KernelArch::of(arch);
        let missing = |what: &str| TreeError::NoTree { tree: tree.to_owned(), lacks: what.to_owned() };
        if !tree.is_dir() {
            return Err(missing("it is no folder"));
        }
        let generated = tree.join("include/generated");
        let options = generated.join("autoconf.h");
        if !options.is_file() {
            return Err(TreeError::NotPrepared { tree: tree.to_owned(), arch, folder: named.folder });
        }
        let options = options_of(&text(&options)?);
        if !named.fits(|option| options.contains_key(option)) {
            return Err(TreeError::OtherArch { tree: tree.to_owned(), wanted: arch });
        }
        let version = text(&generated.join("uapi/linux/version.h"))?;
        let version = version_of(&version)
            .ok_or_else(|| missing("include/generated/uapi/linux/version.h has no version"))?;
        let release = text(&generated.join("utsrelease.h"))
            .ok()
            .and_then(|text| text.split('"').nth(1).map(str::to_owned))
            .unwrap_or_else(|| version.to_string());
        let headers = match source {
            Some(source) if has_headers(source) => source.to_owned(),
            Some(source) => {
                let lacks = "it has no include/linux/kconfig.h".to_owned();
                return Err(TreeError::NoTree { tree: source.to_owned(), lacks });
            }
            None => headers_of(tree).ok_or_else(|| {
                missing("neither it nor the tree that it was made from has include/linux/kconfig.h: name that by --source")
            })?,
        };
        // The version of headers decides how helpers are called, and what reports say about them.
        if let Some((series, stable)) = makefile_version(&headers)
            && series != version
        {
            let of_headers = format!("{series}.{stable}");
            return Err(TreeError::OtherVersion { tree: tree.to_owned(), version, headers, of_headers });
        }
        let has_files = headers.join("mm/pgtable-generic.c").is_file();
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|error| TreeError::Read { path: path.to_owned(), error })
        };
        Ok(Tree {
            generated: absolute(tree)?,
            headers: absolute(&headers)?,
            has_files,
            arch,
            version,
            release,
            options,
        })
    }

    /// Whether an option is set, built in or as a module.
    pub fn is_set(&self, option: &str) -> bool {
        self.options.contains_key(option)
    }
}

/// Reads a file of a tree.
fn text(path: &Path) -> Result<String, TreeError> {
    let read = || -> io::Result<Vec<u8>> {
        let Opened::File(file) = files::open(path)? else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| TreeError::Read { path: path.to_owned(), error })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the version that the Makefile of a tree begins with: the series, and the stable release of it, which is 13 in
/// 7.2.13.
pub(crate) fn makefile_version(tree: &Path) -> Option<(Version, u16)> {
    let makefile = text(&tree.join("Makefile")).ok()?;
    let number = |name: &str| {
        let assigned =
            |line: &str| line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim().parse::<u16>().ok();
        makefile.lines().take(16).find_map(assigned)
    };
    Some((Version::new(number("VERSION")?, number("PATCHLEVEL")?), number("SUBLEVEL")?))
}

/// Returns the options of an `autoconf.h`.
fn options_of(text: &str) -> BTreeMap<String, String> {
    let option = |line: &str| {
        let (name, value) = line.strip_prefix("#define CONFIG_")?.split_once(' ')?;
        Some((name.trim_end_matches("_MODULE").to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(option).collect()
}

/// Returns the version that `LINUX_VERSION_CODE` is the number of.
fn version_of(text: &str) -> Option<Version> {
    let line = text.lines().find_map(|line| line.strip_prefix("#define LINUX_VERSION_CODE "))?;
    let code: u32 = line.trim().parse().ok()?;
    Some(Version::new(u16::try_from(code >> 16).ok()?, u16::try_from(code >> 8 & 0xff).ok()?))
}

fn has_headers(folder: &Path) -> bool {
    folder.join("include/linux/kconfig.h").is_file()
}

/// Returns the folder with the headers of a tree: itself, or the one that it was made from.
fn headers_of(tree: &Path) -> Option<PathBuf> {
    let mut candidates = vec![tree.to_owned(), tree.join("source")];
    // A build folder's Makefile includes that of its source. Headers that were unpacked elsewhere lie side by side.
    let makefile = text(&tree.join("Makefile")).unwrap_or_default();
    for line in makefile.lines().filter_map(|line| line.strip_prefix("include ")) {
        let Some(folder) = Path::new(line.trim()).parent() else { continue };
        candidates.push(tree.join(folder));
        if let Some(name) = folder.file_name() {
            let beside = std::path::absolute(tree).ok()?;
            candidates.extend(beside.parent().map(|parent| parent.join(name)));
        }
    }
    candidates.into_iter().find(|folder| has_headers(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_that_are_set() {
        let options = options_of(
            "/* made */\n#define CONFIG_64BIT 1\n#define CONFIG_FOO_MODULE 1\n#define CONFIG_CC_VERSION_TEXT \"gcc 1\"\n#undef CONFIG_BAR\n",
        );
        let names: Vec<_> = options.keys().map(String::as_str).collect();
        assert_eq!(names, ["64BIT", "CC_VERSION_TEXT", "FOO"]);
    }

    #[test]
    fn a_version_is_read_from_its_code() {
        assert_eq!(version_of("#define LINUX_VERSION_CODE 459277\n"), Some(Version::new(7, 2)));
        assert_eq!(version_of("#define LINUX_VERSION_CODE 330502\n"), Some(Version::new(5, 11)));
        assert_eq!(version_of("#define LINUX_VERSION_CODE x\n"), None);
        assert_eq!(version_of(""), None);
    }

    #[test]
    fn headers_of_another_version_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        file("include/generated/autoconf.h", "#define CONFIG_64BIT 1\n#define CONFIG_ARM64 1\n");
        file("include/generated/uapi/linux/version.h", "#define LINUX_VERSION_CODE 459277\n");
        file("include/linux/kconfig.h", "");
        file("Makefile", "VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 13\n");
        let tree = Tree::open(folder.path(), None, Arch::Arm64).unwrap();
        assert_eq!((tree.version, tree.has_files), (Version::new(7, 2), false));
        file("Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n");
        let error = Tree::open(folder.path(), None, Arch::Arm64).unwrap_err().to_string();
        assert!(error.contains("configured for Linux 7.2") && error.contains("6.12.1"), "{error}");
    }
}
