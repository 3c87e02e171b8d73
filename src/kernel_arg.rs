//! A kernel as a command line names it, and the names that tell several kernels apart.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use crate::values::file_name;

/// A kernel that a command line names: `FILE`, or `LABEL=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelArg {
    /// The label.
    pub label: Option<String>,
    /// The file.
    pub path: PathBuf,
}

impl KernelArg {
    /// Reads a word of the command line.
    ///
    /// A word that names an existing file is that file, whatever is in it. `./a=b` is always a file, because a label
    /// has no slash.
    pub fn of(word: OsString) -> Self {
        let path = PathBuf::from(word);
        match split(path.as_os_str()) {
            Some((label, file)) if !path.exists() => KernelArg { label: Some(label), path: file.into() },
            _ => KernelArg { label: None, path },
        }
    }

    /// Returns the file of a kernel that is the only one, so that a label would say nothing.
    pub fn unlabelled(&self) -> Result<&Path> {
        match &self.label {
            None => Ok(&self.path),
            Some(label) => bail!(
                "'{label}=' is a label, which tells kernels apart where several are compared: leave it out \
                 (a file of that name is ./{label}={})",
                self.path.display()
            ),
        }
    }
}

/// Splits `LABEL=FILE`; `None` if the word has no label.
fn split(word: &OsStr) -> Option<(String, &OsStr)> {
    /// Longer labels would widen every table.
    const LONGEST: usize = 40;
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let (label, file) = (&bytes[..at], &bytes[at + 1..]);
    let is_label = label.first().is_some_and(u8::is_ascii_alphanumeric)
        && label.len() <= LONGEST
        && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(byte));
    (is_label && !file.is_empty())
        .then(|| (String::from_utf8_lossy(label).into_owned(), OsStr::from_bytes(file)))
}

/// What kernels can be told apart by.
#[derive(Debug, Clone, Copy)]
pub struct Traits<'a> {
    /// The label that the user gave.
    pub label: Option<&'a str>,
    /// The release.
    pub release: &'a str,
    /// The file, as the user named it.
    pub path: &'a Path,
    /// The build ID.
    pub build_id: Option<&'a str>,
}

/// Returns a label for each kernel; `None` where the release alone tells it apart.
///
/// Kernels of one release without labels get what differs: the ends of their paths, or else their build IDs.
///
/// # Errors
/// If two kernels have the same label.
pub fn labels(kernels: &[Traits<'_>]) -> Result<Vec<Option<String>>> {
    let labels: Vec<Option<String>> = (0..kernels.len()).map(|at| label(kernels, at)).collect();
    check_labels(
        labels.iter().zip(kernels).map(|(label, kernel)| label.as_deref().unwrap_or(kernel.release)),
    )?;
    Ok(labels)
}

/// Refuses a label that two kernels have.
pub fn check_labels<'a>(labels: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known = BTreeSet::new();
    for label in labels {
        ensure!(known.insert(label), "two kernels have the label '{label}': give each its own");
    }
    Ok(())
}

fn label(kernels: &[Traits<'_>], at: usize) -> Option<String> {
    let kernel = &kernels[at];
    if let Some(label) = kernel.label {
        return Some(label.to_owned());
    }
    let alike: Vec<(usize, &Traits<'_>)> = kernels
        .iter()
        .enumerate()
        .filter(|(_, other)| other.label.is_none() && other.release == kernel.release)
        .collect();
    if alike.len() < 2 {
        return None;
    }
    let paths: Vec<&Path> = alike.iter().map(|(_, other)| other.path).collect();
    if let Some(end) = distinct_end(kernel.path, &paths) {
        return Some(as_word(&end));
    }
    let build_ids: BTreeSet<_> = alike.iter().map(|(_, other)| other.build_id).collect();
    let name = file_name(kernel.path);
    match kernel.build_id {
        Some(id) if build_ids.len() == alike.len() => Some(as_word(&format!("{name}:{}", short(id)))),
        _ => {
            let number = alike.iter().position(|(other, _)| *other == at).map_or(0, |place| place + 1);
            Some(as_word(&format!("{name}#{number}")))
        }
    }
}

/// Returns the name of a kernel that cannot be opened: its label, or its file as the user named it.
pub fn given_name(kernel: &KernelArg) -> String {
    kernel.label.clone().unwrap_or_else(|| as_word(&kernel.path.display().to_string()))
}

/// Returns the first 12 digits of a build ID, as `git` shortens its own.
fn short(build_id: &str) -> &str {
    build_id.get(..12).unwrap_or(build_id)
}

/// Returns the shortest end of a path that no other has; `None` if one of the others is the same path.
fn distinct_end(path: &Path, all: &[&Path]) -> Option<String> {
    let parts = |path: &Path| -> Vec<String> {
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let ends: Vec<Vec<String>> = all.iter().map(|path| parts(path)).collect();
    let longest = ends.iter().map(Vec::len).max().unwrap_or(0);
    let end = |parts: &[String], length: usize| parts[parts.len().saturating_sub(length)..].join("/");
    // All kernels get as much of their paths, so that they can be compared.
    (1..=longest)
        .find(|length| {
            ends.iter().map(|parts| end(parts, *length)).collect::<BTreeSet<_>>().len() == ends.len()
        })
        .map(|length| end(&parts(path), length))
}

/// Returns the ends of paths by which they can be told apart; names of files if two paths are the same.
pub fn ends(paths: &[&Path]) -> Vec<String> {
    paths.iter().map(|path| distinct_end(path, paths).unwrap_or_else(|| file_name(path))).collect()
}

/// Makes one word of a name: reports take a name with a space for a platform and a version.
fn as_word(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arg(word: &str) -> (Option<String>, String) {
        let KernelArg { label, path } = KernelArg::of(word.into());
        (label, path.display().to_string())
    }

    #[test]
    fn a_label_is_before_the_first_equals_sign_and_has_no_slash() {
        let labelled = |label: &str, path: &str| (Some(label.to_owned()), path.to_owned());
        assert_eq!(arg("before=a/vmlinux"), labelled("before", "a/vmlinux"));
        assert_eq!(arg("v6.12-rc1+=vm=linux"), labelled("v6.12-rc1+", "vm=linux"));
        for file in ["vmlinux", "./a=b", "a/b=c", "=b", "a=", "-a=b", "a b=c"] {
            assert_eq!(arg(file), (None, file.to_owned()));
        }
        assert!(KernelArg::of("a=b".into()).unlabelled().is_err());
    }

    #[test]
    fn a_file_with_an_equals_sign_is_a_file() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("before=vmlinux");
        std::fs::write(&file, "").unwrap();
        assert_eq!(KernelArg::of(file.clone().into()), KernelArg { label: None, path: file });
    }

    #[test]
    fn kernels_of_one_release_are_told_apart_by_what_differs() {
        let of = |kernels: &[(Option<&'static str>, &'static str, &'static str, Option<&'static str>)]| {
            let kernels: Vec<_> = kernels
                .iter()
                .map(|(label, release, path, build_id)| Traits {
                    label: *label,
                    release,
                    path: Path::new(*path),
                    build_id: *build_id,
                })
                .collect();
            labels(&kernels).map(|labels| {
                labels.into_iter().map(Option::unwrap_or_default).collect::<Vec<String>>().join(" ")
            })
        };
        let label = |kernels: &[_]| of(kernels).unwrap();
        assert_eq!(label(&[(None, "6.1", "a/vmlinux", None), (None, "6.2", "b/vmlinux", None)]), " ");
        assert_eq!(
            label(&[(None, "6.1", "a/vmlinux", None), (None, "6.1", "b/vmlinux", None)]),
            "a/vmlinux b/vmlinux"
        );
        assert_eq!(label(&[(None, "6.1", "o/before", None), (None, "6.1", "o/after", None)]), "before after");
        assert_eq!(
            label(&[
                (None, "6.1", "v", Some("0123456789abcdef")),
                (None, "6.1", "v", Some("fedcba9876543210"))
            ]),
            "v:0123456789ab v:fedcba987654"
        );
        assert_eq!(label(&[(None, "6.1", "v v", None), (None, "6.1", "v v", None)]), "v_v#1 v_v#2");
        assert_eq!(
            label(&[(Some("old"), "6.1", "v", None), (None, "6.1", "w", None), (None, "6.2", "w", None)]),
            "old  "
        );
        let twice = of(&[(Some("a"), "6.1", "v", None), (Some("a"), "6.2", "w", None)]).unwrap_err();
        assert_eq!(twice.to_string(), "two kernels have the label 'a': give each its own");
    }
}
