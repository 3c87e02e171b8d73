//! Links objects by the kernel's own linker script.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pmdscope_arches::Arch;

use super::absent::stand_ins;
use super::folder::{Folder, Made};
use super::object_file::ObjectFile;
use super::{ObjectsError, toolchain};
use crate::kernel::{Kernel, ObjectsNote};
use crate::tree::TreeError;

/// A kernel that was linked of objects.
#[derive(Debug)]
pub struct Linked {
    /// The kernel, as every command opens it.
    pub kernel: Kernel,
    /// What it is made of.
    pub note: ObjectsNote,
}

/// Structures whose size depends on the configuration, and which most objects use.
const STRUCTURES: [&str; 6] = ["page", "mm_struct", "vm_area_struct", "task_struct", "pglist_data", "zone"];

impl Folder {
    /// Links objects into a file, which appears as a whole or not at all.
    ///
    /// # Errors
    /// If an object is not one that can be linked with the others, or the linker fails.
    pub fn link(&self, made: &Made, into: &Path) -> Result<Linked, ObjectsError> {
        let of = |error| ObjectsError::File { path: into.to_owned(), error };
        let beside = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let scratch = tempfile::Builder::new().prefix(".pmdscope-").tempdir_in(beside).map_err(of)?;
        let linker =
            Linker { folder: self, program: toolchain::linker(&self.options)?, scratch: scratch.path() };
        let out = scratch.path().join("kernel");
        let note = linker.kernel(made, &out)?;
        let kernel = Kernel::open(&out, None).map_err(Box::new)?;
        for structure in STRUCTURES {
            if let Some(sizes) = kernel.disagreeing_sizes(structure) {
                return Err(ObjectsError::Mixed { folder: self.path.clone(), structure, sizes });
            }
        }
        fs::rename(&out, into).map_err(of)?;
        self.remember(made)?;
        Ok(Linked { kernel, note })
    }
}

struct Linker<'a> {
    folder: &'a Folder,
    program: PathBuf,
    scratch: &'a Path,
}

impl Linker<'_> {
    /// Links a kernel, and returns what it is made of.
    fn kernel(&self, made: &Made, out: &Path) -> Result<ObjectsNote, ObjectsError> {
        let arch = self.folder.arch;
        let mut parts: Vec<PathBuf> =
            made.objects.iter().map(|object| self.folder.path.join(object)).collect();
        let read = |parts: &[PathBuf]| -> Result<Vec<ObjectFile>, ObjectsError> {
            parts.iter().map(|path| ObjectFile::read(path, arch)).collect()
        };
        let mut files = read(&parts)?;
        if files.iter().any(|file| file.is_bitcode) {
            let joined = self.scratch.join("objects.o");
            let mut arguments: Vec<OsString> = vec!["-r".into(), "-o".into(), joined.clone().into()];
            arguments.extend(parts.iter().map(OsString::from));
            self.run(&arguments, parts.len())?.map_err(|errors| self.failed(parts.len(), &errors))?;
            parts = vec![joined];
            files = read(&parts)?;
        }
        if !files.iter().any(|file| file.has_debug) {
            return Err(ObjectsError::Object {
                object: parts[0].clone(),
                what: "neither it nor any other object has debug information, from which the types are read: compile them with CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=y".to_owned(),
            });
        }
        let script = self.folder.path.join(self.folder.script());
        let text = fs::read_to_string(&script).map_err(|error| ObjectsError::File { path: script, error })?;
        let of_script = assigned(&text);
        let own_script = self.scratch.join("vmlinux.lds");
        fs::write(&own_script, without_assertions(&text))
            .map_err(|error| ObjectsError::File { path: own_script.clone(), error })?;
        let defined: BTreeSet<&str> =
            files.iter().flat_map(|file| &file.defines).map(String::as_str).chain(of_script).collect();
        let absent = |names: fn(&ObjectFile) -> &BTreeSet<String>| -> BTreeSet<String> {
            files.iter().flat_map(names).filter(|name| !defined.contains(name.as_str())).cloned().collect()
        };
        let functions = absent(|file| &file.calls);
        let variables = absent(|file| &file.needs).difference(&functions).cloned().collect();
        let mut note = ObjectsNote { objects: made.objects.clone(), functions, variables };
        let flags = files.first().map_or(0, |file| file.flags);
        let banner = self.banner(made);
        let stubs = self.scratch.join("absent.o");
        parts.push(stubs.clone());
        // The linker script uses names too, of objects that are not here.
        loop {
            let bytes = stand_ins(arch, flags, &note, &banner)?;
            fs::write(&stubs, bytes).map_err(|error| ObjectsError::File { path: stubs.clone(), error })?;
            let Err(errors) = self.run(&self.arguments(&own_script, &parts, out), parts.len())? else {
                return Ok(note);
            };
            let missing: Vec<&str> = errors
                .iter()
                .filter_map(|error| error.split_once("symbol not found: "))
                .map(|(_, name)| name)
                .collect();
            if missing.is_empty() || missing.iter().all(|name| note.variables.contains(*name)) {
                return Err(self.failed(parts.len(), &errors));
            }
            note.variables.extend(missing.into_iter().map(str::to_owned));
        }
    }

    /// Returns the arguments that link by the kernel's linker script.
    fn arguments(&self, script: &Path, parts: &[PathBuf], out: &Path) -> Vec<OsString> {
        let (flags, relocatable) = flags(self.folder.arch);
        let more = if self.folder.options.is_set("RELOCATABLE") { relocatable } else { &[] };
        let mut arguments: Vec<OsString> = flags.iter().chain(more).map(OsString::from).collect();
        arguments.extend(
            ["-z", "noexecstack", "--build-id=sha1", "--unresolved-symbols=ignore-all"].map(OsString::from),
        );
        arguments.extend(["--script".into(), script.into()]);
        arguments.extend(["-o".into(), out.into()]);
        arguments.extend(parts.iter().map(OsString::from));
        arguments
    }

    /// Runs the linker in the build folder. The inner error has what it says is wrong.
    fn run(&self, arguments: &[OsString], count: usize) -> Result<Result<(), Vec<String>>, ObjectsError> {
        let output = Command::new(&self.program)
            .args(["--no-warnings", "--error-limit=0", "--color-diagnostics=never"])
            .args(arguments)
            .current_dir(&self.folder.path)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| TreeError::Run { program: self.program.display().to_string(), error })?;
        if output.status.success() {
            return Ok(Ok(()));
        }
        let printed = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<String> =
            printed.lines().filter_map(|line| Some(line.split_once("error: ")?.1.to_owned())).collect();
        if errors.is_empty() {
            return Err(self.failed(count, &[format!("it ended with {}", output.status)]));
        }
        Ok(Err(errors))
    }

    fn failed(&self, count: usize, errors: &[String]) -> ObjectsError {
        let message = errors.first().cloned().unwrap_or_default();
        ObjectsError::Link { linker: self.program.display().to_string(), count, message }
    }

    /// The banner of the kernel, which names its release.
    fn banner(&self, made: &Made) -> String {
        let compiler = self.folder.options.text("CC_VERSION_TEXT").unwrap_or_default();
        format!("Linux version {} (pmdscope) ({compiler}) #1 SMP", made.tree.release)
    }
}

/// Returns the names that a linker script gives a value, provided or not.
fn assigned(script: &str) -> BTreeSet<&str> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_.$".contains(character);
    let before_equals = script.split('=').map(|text| text.trim_end());
    let names = before_equals.map(|text| &text[text.trim_end_matches(is_name).len()..]);
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')).collect()
}

/// Returns a linker script without its assertions: they are about the whole kernel, of which most is not here. A
/// relocation that does not fit is an error all the same.
fn without_assertions(script: &str) -> String {
    const ASSERTION: &str = "ASSERT";
    let (mut kept, mut rest) = (String::new(), script);
    while let Some(at) = rest.find(ASSERTION) {
        let (before, from) = rest.split_at(at);
        // Some are the value of an assignment to the location counter.
        let statement = before.trim_end();
        let statement = statement
            .strip_suffix('=')
            .map_or(before, |left| left.trim_end().strip_suffix('.').unwrap_or(before));
        kept += statement;
        rest = &from[end_of_parentheses(&from[ASSERTION.len()..]) + ASSERTION.len()..];
        rest = rest.trim_start().strip_prefix(';').unwrap_or(rest);
    }
    kept + rest
}

/// Returns where the first parentheses of a text end, whatever is in its strings.
fn end_of_parentheses(text: &str) -> usize {
    let (mut depth, mut is_string) = (0_usize, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' => is_string = !is_string,
            '(' if !is_string => depth += 1,
            ')' if !is_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => (),
        }
    }
    text.len()
}

/// The flags of the linker for an architecture, and those that a kernel with `CONFIG_RELOCATABLE` has beside them, whose
/// start fills in pointers.
fn flags(arch: Arch) -> (&'static [&'static str], &'static [&'static str]) {
    match arch {
        Arch::Arm64 => (
            &["-EL", "-maarch64elf", "-z", "norelro"],
            &["-shared", "-Bsymbolic", "-z", "notext", "--no-apply-dynamic-relocs"],
        ),
        Arch::X86_64 => (&["-m", "elf_x86_64", "-z", "max-page-size=0x200000"], &[]),
        Arch::S390x => (&["-m", "elf64_s390"], &[]),
        Arch::Ppc64 => (&["-EB", "-m", "elf64ppc", "-z", "notext"], &["-pie", "--no-dynamic-linker"]),
        Arch::Ppc64le => (&["-EL", "-m", "elf64lppc", "-z", "notext"], &["-pie", "--no-dynamic-linker"]),
        Arch::Riscv64 => (
            &["-m", "elf64lriscv", "-z", "norelro", "--no-relax"],
            &["-shared", "-Bsymbolic", "-z", "notext"],
        ),
        Arch::Sparc64 => (&["-m", "elf64_sparc"], &[]),
        Arch::LoongArch64 => (
            &["-m", "elf64loongarch", "-z", "norelro", "--no-relax"],
            &["-pie", "--no-dynamic-linker", "-z", "notext"],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assertions_are_left_out() {
        let script = "a = 1;\nASSERT(SIZEOF(.got) == (0), \"a ) in a string\")\n. = ASSERT((_end - 1), \"big\");\nb = 2;\n";
        let words: Vec<_> = without_assertions(script).split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["a", "=", "1;", "b", "=", "2;"]);
        assert_eq!(without_assertions("x ASSERT(open"), "x ");
    }

    #[test]
    fn names_that_a_script_assigns() {
        let script =
            "jiffies = jiffies_64;\n. = ALIGN(4);\nPROVIDE(_end = .);\n x == y; a += 1; __start_a =.; ";
        let names: Vec<_> = assigned(script).into_iter().collect();
        assert_eq!(names, ["__start_a", "_end", "jiffies", "x"]);
    }
}
