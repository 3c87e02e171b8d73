//! The compiler and the linker that build probes, and what they print.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pmdscope_arches::Arch;

use crate::tree::{KernelArch, TreeError, first_that_runs, version_line};

/// A compiler for one architecture, and a linker.
#[derive(Debug, Clone)]
pub struct Compilers {
    compiler: PathBuf,
    /// The first line of `--version`.
    pub(super) version: String,
    /// Whether the compiler is clang; otherwise it is gcc.
    pub(super) is_clang: bool,
    linker: PathBuf,
}

/// A message of a compiler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The line of our file that the message is about, if it is about one.
    pub(super) line: Option<usize>,
    /// The text, without the place.
    pub(super) text: String,
}

impl Compilers {
    /// Finds a compiler for an architecture: the one that is named, or clang, or the cross gcc of Debian.
    ///
    /// # Errors
    /// [`TreeError::NoProgram`] with what to install.
    pub fn find(arch: Arch, named: Option<&Path>) -> Result<Compilers, TreeError> {
        let gnu = format!("{}gcc", KernelArch::of(arch).gnu);
        // Of sparc64 only gcc has code without register windows, which the engine needs.
        let usual: Vec<&str> = match arch {
            Arch::Sparc64 => vec![&gnu],
            _ => vec!["clang-19", "clang", &gnu],
        };
        let candidates: Vec<PathBuf> = match named {
            Some(named) => vec![named.to_owned()],
            None => usual.iter().map(PathBuf::from).collect(),
        };
        let found = candidates.iter().find_map(|program| Some((program, version_line(program)?)));
        let Some((compiler, version)) = found else {
            let package = if arch == Arch::Sparc64 { "gcc-sparc64-linux-gnu" } else { "clang-19" };
            return Err(TreeError::NoProgram {
                program: candidates[0].display().to_string(),
                help: match named {
                    Some(_) => "name a compiler that can be run".to_owned(),
                    None => format!("install it (on Debian: apt-get install {package})"),
                },
            });
        };
        let linker = first_that_runs(["ld.lld-19", "ld.lld"]).ok_or_else(|| TreeError::NoProgram {
            program: "ld.lld".to_owned(),
            help: "install it (on Debian: apt-get install lld-19)".to_owned(),
        })?;
        let is_clang = version.contains("clang");
        Ok(Compilers { compiler: compiler.clone(), version, is_clang, linker })
    }

    /// Compiles a file in a folder.
    ///
    /// # Errors
    /// [`TreeError::Run`] if the compiler cannot be run. The inner error has its messages.
    pub(super) fn compile(
        &self,
        folder: &Path,
        arguments: &[OsString],
    ) -> Result<Result<(), Vec<Message>>, TreeError> {
        run(&self.compiler, folder, arguments)
    }

    /// Links in a folder.
    ///
    /// # Errors
    /// As of [`compile`](Self::compile).
    pub(super) fn link(
        &self,
        folder: &Path,
        arguments: &[OsString],
    ) -> Result<Result<(), Vec<Message>>, TreeError> {
        run(&self.linker, folder, arguments)
    }

    /// The name of the compiler, for messages.
    pub(super) fn name(&self) -> String {
        self.compiler.display().to_string()
    }

    /// The name of the linker, for messages.
    pub(super) fn linker_name(&self) -> String {
        self.linker.display().to_string()
    }

    /// Returns the folder of the compiler's own headers.
    pub(super) fn own_headers(&self) -> Result<PathBuf, TreeError> {
        let argument = if self.is_clang { "-print-resource-dir" } else { "-print-file-name=include" };
        let output = Command::new(&self.compiler)
            .arg(argument)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| TreeError::Run { program: self.name(), error })?;
        let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        Ok(if self.is_clang { folder.join("include") } else { folder })
    }
}

fn run(program: &Path, folder: &Path, arguments: &[OsString]) -> Result<Result<(), Vec<Message>>, TreeError> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        // Messages are read.
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| TreeError::Run { program: program.display().to_string(), error })?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let mut messages = messages(&String::from_utf8_lossy(&output.stderr));
    if messages.is_empty() {
        messages.push(Message { line: None, text: format!("it ended with {}", output.status) });
    }
    Ok(Err(messages))
}

/// The file with the lines of helpers.
pub(super) const HELPERS: &str = "helpers.c";

/// Returns the errors that a compiler or linker printed. One in a macro of ours is about the line that uses the macro,
/// which gcc names in notes.
fn messages(printed: &str) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for line in printed.lines() {
        let number = || {
            let (number, _) = line.split_once(HELPERS)?.1.strip_prefix(':')?.split_once(':')?;
            number.parse::<usize>().ok()
        };
        if let Some((_, text)) = line.split_once("error: ") {
            messages.push(Message { line: number(), text: text.trim().to_owned() });
        } else if let Some(last) = messages.last_mut()
            && last.line.is_none()
        {
            last.line = number();
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_about_the_line_of_the_helper() {
        let printed = "\
helpers.c:101:32: error: call to undeclared function 'pud_x'; ISO C99 and later do not support
helpers.h:9:1: note: expanded from macro 'TEST'
/linux/include/linux/mm.h:3:1: error: unknown type name 'x'
";
        let found = messages(printed);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[1].line), (Some(101), None));
        assert_eq!(found[1].text, "unknown type name 'x'");
        let gcc = "\
helpers.h:101:12: error: implicit declaration of function 'pud_x'
helpers.h:99:9: note: in definition of macro 'TEST_AS'
helpers.c:12:1: note: in expansion of macro 'TEST'
";
        assert_eq!(
            messages(gcc),
            [Message { line: Some(12), text: "implicit declaration of function 'pud_x'".to_owned() }]
        );
    }

    #[test]
    fn no_compiler_is_an_error_that_says_what_to_install() {
        let error = Compilers::find(Arch::Arm64, Some(Path::new("/nonexistent/cc"))).unwrap_err();
        assert!(error.to_string().contains("name a compiler"), "{error}");
    }
}
