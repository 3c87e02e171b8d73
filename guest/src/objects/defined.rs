//! The files of a kernel tree that may define a name.

use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;

use super::ObjectsError;

/// The folders of code that is no part of the kernel's image.
const ELSEWHERE: [&str; 7] = ["boot", "hyp", "purgatory", "realmode", "tools", "um", "vdso"];
/// The folders of a tree that have what memory management calls, beside the architecture's.
const FOLDERS: [&str; 8] = ["mm", "kernel", "lib", "fs", "block", "init", "security", "drivers/base"];

/// Returns the C files of a tree in which a line looks like the definition of a function or variable, relative to the
/// tree; the architecture's own first.
///
/// # Errors
/// If a folder or file cannot be read.
pub(super) fn candidates(tree: &Path, arch: &str, name: &str) -> Result<Vec<String>, ObjectsError> {
    let finder = Finder::new(name);
    let mut found = Vec::new();
    for folder in std::iter::once(format!("arch/{arch}")).chain(FOLDERS.map(str::to_owned)) {
        let mut of_folder = Vec::new();
        let mut folders = vec![tree.join(&folder)];
        while let Some(folder) = folders.pop() {
            let of = |error| ObjectsError::File { path: folder.clone(), error };
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries {
                let path: PathBuf = entry.map_err(of)?.path();
                if path.is_dir() {
                    let is_elsewhere = |name: &str| path.file_name().is_some_and(|of| of == name);
                    if !ELSEWHERE.into_iter().any(is_elsewhere) {
                        folders.push(path);
                    }
                } else if path.extension().is_some_and(|extension| extension == "c")
                    && fs::read(&path)
                        .map_err(of)?
                        .split(|byte| *byte == b'\n')
                        .any(|line| may_define(line, &finder))
                {
                    of_folder.push(path.strip_prefix(tree).unwrap_or(&path).to_string_lossy().into_owned());
                }
            }
        }
        of_folder.sort_unstable();
        found.extend(of_folder);
    }
    Ok(found)
}

/// Whether a line begins in the first column, has the name as a word of its own, and neither ends as a declaration nor
/// begins as what defines nothing.
fn may_define(line: &[u8], name: &Finder<'_>) -> bool {
    const NOT: [&[u8]; 8] = [b"#", b"/", b"*", b"extern", b"EXPORT_SYMBOL", b"static ", b"MODULE_", b"}"];
    if line.first().is_none_or(u8::is_ascii_whitespace) || NOT.iter().any(|begin| line.starts_with(begin)) {
        return false;
    }
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut places = name.find_iter(line);
    places.any(|at| {
        let end = at + name.needle().len();
        let before = at.checked_sub(1).and_then(|before| line.get(before));
        let declares = line[end..].starts_with(b"(") && line.trim_ascii_end().ends_with(b";");
        !is_word(before) && !is_word(line.get(end)) && !declares
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_told_from_uses() {
        let finder = Finder::new("schedule");
        let may = |line: &str| may_define(line.as_bytes(), &finder);
        assert!(may("asmlinkage __visible void __sched schedule(void)"));
        assert!(may("DEFINE_PER_CPU(int, schedule);"));
        assert!(may("int schedule = 3;"));
        for line in [
            "\tschedule();",
            "extern void schedule(void);",
            "void schedule(void);",
            "EXPORT_SYMBOL(schedule);",
            "static void schedule(void)",
            "int schedule_timeout(long timeout)",
            " * schedule(void)",
            "",
        ] {
            assert!(!may(line), "{line}");
        }
    }
}
