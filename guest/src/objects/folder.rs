//! A build folder of a kernel: what it is configured for, and the objects that its make compiles.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use pmdscope_arches::Arch;

use super::object_file::ObjectFile;
use super::options::Options;
use super::{ObjectsError, defined, list, toolchain};
use crate::tree::{KernelArch, Make, Tree};

/// The file in a build folder that lists what was asked for beside the usual objects.
const ASKED: &str = ".pmdscope-objects";

/// A build folder.
#[derive(Debug)]
pub struct Folder {
    /// The folder.
    pub(super) path: PathBuf,
    /// The architecture that it is configured for.
    pub arch: Arch,
    pub(super) options: Options,
    /// Arguments for make, in place of those that the configuration asks for.
    given: Vec<OsString>,
}

/// The objects of a folder that are to be linked, up to date.
#[derive(Debug)]
pub struct Made {
    /// Their paths: those in the folder are relative to it.
    pub(super) objects: Vec<String>,
    /// What is known of the tree.
    pub(super) tree: Tree,
    /// The objects that are older than their sources: make did not run.
    pub older: Vec<String>,
    /// What the folder is to remember once the objects could be linked, if that is new.
    to_remember: Option<Vec<String>>,
}

impl Folder {
    /// Opens a build folder, or a source tree that is its own. `given` are arguments for make, in place of those that
    /// the configuration asks for.
    ///
    /// # Errors
    /// What the folder lacks.
    pub fn open(path: &Path, arch: Option<Arch>, given: &[OsString]) -> Result<Folder, ObjectsError> {
        let no_folder =
            |lacks: &str| ObjectsError::NoFolder { folder: path.to_owned(), lacks: lacks.to_owned() };
        if !path.is_dir() {
            return Err(no_folder("it is no folder"));
        }
        let config = fs::read_to_string(path.join(".config"))
            .map_err(|_| no_folder("it has no .config: name the folder that make was given by O="))?;
        if !path.join("Makefile").is_file() {
            return Err(no_folder("it has a .config and no Makefile: make olddefconfig makes one"));
        }
        let options = Options::parse(&config);
        let Some(of_options) = KernelArch::with_options(|option| options.is_set(option)) else {
            return Err(no_folder("its .config is for no architecture that pmdscope knows"));
        };
        if arch.is_some_and(|arch| arch != of_options) {
            return Err(no_folder(&format!("its .config is for {of_options}: leave --arch out")));
        }
        for (option, help) in NEEDED {
            if !options.is_set(option) {
                return Err(ObjectsError::Option { folder: path.to_owned(), option, help });
            }
        }
        for (option, help) in UNUSABLE {
            if options.is_set(option) {
                return Err(no_folder(&format!("it is configured with CONFIG_{option}: {help}")));
            }
        }
        let absolute =
            std::path::absolute(path).map_err(|error| ObjectsError::File { path: path.to_owned(), error })?;
        Ok(Folder { path: absolute, arch: of_options, options, given: given.to_vec() })
    }

    /// Returns the folder's make, with the compiler that it was configured for.
    fn own_make(&self) -> Result<Make, ObjectsError> {
        let mut variables = vec![format!("ARCH={}", KernelArch::of(self.arch).folder).into()];
        if self.given.is_empty() {
            variables.extend(toolchain::variables(&self.path, &self.options, self.arch)?);
        } else {
            variables.extend(self.given.iter().cloned());
        }
        Ok(Make { log: self.path.join(".pmdscope-make.log"), folder: self.path.clone(), variables })
    }

    /// Has make bring the objects up to date, the usual ones, and those that are asked for now or were before: an
    /// object or a source of the folder, another object, or the name of a function or variable, whose file is looked
    /// for.
    ///
    /// # Errors
    /// As of make, with the first error of the compiler.
    pub fn make(&self, asked: &[String]) -> Result<Made, ObjectsError> {
        let make = self.own_make()?;
        // A folder that was only configured has no generated headers yet.
        let tree = match Tree::open(&self.path, None, self.arch) {
            Ok(tree) => tree,
            Err(_) => {
                make.run(&["prepare"])?;
                Tree::open(&self.path, None, self.arch)?
            }
        };
        let mut objects = self.usual(&tree);
        let before = self.asked()?;
        let mut all = before.clone();
        for name in asked {
            let object = match self.named(name) {
                Some(object) => object,
                None => self.defining(&make, &tree, name)?,
            };
            if !all.contains(&object) && !objects.contains(&object) {
                all.push(object);
            }
        }
        let remembered: Vec<_> = all.iter().filter(|object| !Path::new(object).is_absolute()).collect();
        let (lib, script) = (self.lib(), self.script());
        make.run(
            &objects.iter().chain(remembered.iter().copied()).chain([&lib, &script]).collect::<Vec<_>>(),
        )?;
        let remembered = remembered.into_iter().cloned().collect::<Vec<_>>();
        objects.extend(self.in_folder(&lib)?);
        all.retain(|object| !objects.contains(object));
        objects.extend(all);
        // make may have configured the folder anew.
        let tree = Tree::open(&self.path, None, self.arch)?;
        let to_remember = (remembered.len() > before.len()).then_some(remembered);
        Ok(Made { objects, tree, older: Vec::new(), to_remember })
    }

    /// Returns the objects as they are: make does not run.
    ///
    /// # Errors
    /// [`ObjectsError::Missing`] if there are some that were never compiled.
    pub fn as_it_is(&self) -> Result<Made, ObjectsError> {
        let tree = Tree::open(&self.path, None, self.arch)?;
        let mut objects = self.usual(&tree);
        let asked = self.asked()?.into_iter().filter(|object| !objects.contains(object)).collect::<Vec<_>>();
        objects.extend(asked);
        let is_missing = |path: &&String| !self.path.join(path).exists();
        let script = self.script();
        let mut missing: Vec<String> = objects.iter().chain([&script]).filter(is_missing).cloned().collect();
        let lib = self.lib();
        let of_lib = self.in_folder(&lib)?;
        if of_lib.is_empty() {
            missing.push(lib);
        }
        if !missing.is_empty() {
            return Err(ObjectsError::Missing { folder: self.path.clone(), missing });
        }
        objects.extend(of_lib);
        let changed = |path: PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let is_older = |object: &&String| {
            let source = tree.headers.join(Path::new(object).with_extension("c"));
            changed(self.path.join(object))
                .zip(changed(source))
                .is_some_and(|(object, source)| object < source)
        };
        let older = objects.iter().filter(is_older).cloned().collect();
        Ok(Made { objects, tree, older, to_remember: None })
    }

    /// Remembers what was asked for beside the usual objects, now that it was linked.
    pub(super) fn remember(&self, made: &Made) -> Result<(), ObjectsError> {
        let Some(objects) = &made.to_remember else { return Ok(()) };
        let text: String = objects.iter().map(|object| format!("{object}\n")).collect();
        let path = self.path.join(ASKED);
        fs::write(&path, text).map_err(|error| ObjectsError::File { path, error })
    }

    /// The linker script, relative to the folder.
    pub(super) fn script(&self) -> String {
        format!("arch/{}/kernel/vmlinux.lds", KernelArch::of(self.arch).folder)
    }

    /// The folder of the architecture's own library, as make names it.
    fn lib(&self) -> String {
        format!("arch/{}/lib/", KernelArch::of(self.arch).folder)
    }

    fn usual(&self, tree: &Tree) -> Vec<String> {
        list::objects(&tree.headers, KernelArch::of(self.arch).folder, |option| self.options.is_set(option))
    }

    /// Returns the objects below a folder, in order.
    fn in_folder(&self, folder: &str) -> Result<Vec<String>, ObjectsError> {
        let mut objects = Vec::new();
        let mut folders = vec![self.path.join(folder)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries {
                let path = entry.map_err(|error| ObjectsError::File { path: folder.clone(), error })?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "o") {
                    let relative = path.strip_prefix(&self.path).unwrap_or(&path);
                    objects.push(relative.to_string_lossy().into_owned());
                }
            }
        }
        objects.sort_unstable();
        Ok(objects)
    }

    /// Returns what was asked for before, beside the usual objects.
    fn asked(&self) -> Result<Vec<String>, ObjectsError> {
        let path = self.path.join(ASKED);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(ObjectsError::File { path, error }),
        }
    }

    /// Returns the object that a path means, which is one of the folder unless it begins with `/` or `.`; `None` if it is
    /// the name of a function or variable.
    fn named(&self, name: &str) -> Option<String> {
        let object = match name.rsplit_once('.') {
            Some((stem, "c" | "S" | "o")) => format!("{stem}.o"),
            _ => return None,
        };
        if !object.starts_with(['/', '.']) {
            return Some(object);
        }
        // The object itself may not be there yet.
        let path = std::path::absolute(&object).ok()?;
        let folder = path.parent()?.canonicalize().ok()?;
        let place = folder.join(path.file_name()?);
        let own = self.path.canonicalize().ok()?;
        Some(place.strip_prefix(&own).unwrap_or(&place).to_string_lossy().into_owned())
    }

    /// Returns the object of the tree that defines a function or variable, compiled.
    fn defining(&self, make: &Make, tree: &Tree, name: &str) -> Result<String, ObjectsError> {
        let folder = KernelArch::of(self.arch).folder;
        for file in defined::candidates(&tree.headers, folder, name)? {
            let object = format!("{}.o", file.trim_end_matches(".c"));
            // What does not compile in this configuration is not it.
            if make.run(&[&object]).is_err() {
                continue;
            }
            let defines = ObjectFile::read(&self.path.join(&object), self.arch)?.defines;
            if defines.contains(name) {
                return Ok(object);
            }
        }
        Err(ObjectsError::NotDefined { tree: tree.headers.clone(), name: name.to_owned() })
    }
}

/// The options without which there is nothing to run, each with what to do.
const NEEDED: [(&str, &str); 3] = [
    (
        "TRANSPARENT_HUGEPAGE",
        "there are no huge pages to split: scripts/config -e TRANSPARENT_HUGEPAGE, then make olddefconfig",
    ),
    (
        "DEBUG_INFO",
        "the types of the kernel are read from debug information: scripts/config -e DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT (before 5.18 -e DEBUG_INFO), then make olddefconfig",
    ),
    ("MMU", "there are no page tables"),
];

/// The options with which the types cannot be read, each with what to do.
const UNUSABLE: [(&str, &str); 2] = [
    (
        "DEBUG_INFO_REDUCED",
        "it leaves the types out: scripts/config -d DEBUG_INFO_REDUCED, then make olddefconfig",
    ),
    (
        "DEBUG_INFO_SPLIT",
        "its types are in files of their own: scripts/config -d DEBUG_INFO_SPLIT, then make olddefconfig",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".config"), config).unwrap();
        fs::write(folder.path().join("Makefile"), "").unwrap();
        folder
    }

    fn error_of(config: &str) -> String {
        Folder::open(folder(config).path(), None, &["LLVM=1".into()]).unwrap_err().to_string()
    }

    const ARM64: &str = "CONFIG_64BIT=y\nCONFIG_ARM64=y\nCONFIG_MMU=y\n";

    #[test]
    fn a_folder_says_what_it_lacks() {
        let said = error_of(ARM64);
        assert!(said.contains("without CONFIG_TRANSPARENT_HUGEPAGE"), "{said}");
        let said = error_of(&format!("{ARM64}CONFIG_TRANSPARENT_HUGEPAGE=y\n"));
        assert!(said.contains("without CONFIG_DEBUG_INFO"), "{said}");
        let said = error_of(&format!(
            "{ARM64}CONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_SPLIT=y\n"
        ));
        assert!(said.contains("with CONFIG_DEBUG_INFO_SPLIT"), "{said}");
        let said = error_of("CONFIG_ARM=y\n");
        assert!(said.contains("no architecture"), "{said}");
        let none = tempfile::tempdir().unwrap();
        let said = Folder::open(none.path(), None, &[]).unwrap_err().to_string();
        assert!(said.contains("no .config"), "{said}");
    }

    #[test]
    fn a_folder_of_another_architecture_is_refused() {
        let folder = folder(&format!("{ARM64}CONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_DEBUG_INFO=y\n"));
        let open = |arch| Folder::open(folder.path(), arch, &["LLVM=1".into()]);
        assert_eq!(open(None).unwrap().arch, Arch::Arm64);
        let said = open(Some(Arch::S390x)).unwrap_err().to_string();
        assert!(said.contains("is for arm64"), "{said}");
    }

    #[test]
    fn a_compiler_that_is_not_here_is_named() {
        let config = format!(
            "{ARM64}CONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_DEBUG_INFO=y\nCONFIG_CC_VERSION_TEXT=\"nogcc (None) 1.2\"\n"
        );
        let folder = folder(&config);
        let said = Folder::open(folder.path(), None, &[]).unwrap().make(&[]).unwrap_err().to_string();
        assert!(said.contains("'nogcc (None) 1.2'"), "{said}");
    }
}
