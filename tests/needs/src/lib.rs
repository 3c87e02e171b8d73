//! Needs: what tests need of a machine that not every machine has.
//!
//! A test that lacks something skips its check with [`Need::skip`], which reports it: no check is skipped in
//! silence. Two environment variables change that:
//!
//! - `PMDSCOPE_REQUIRE=kernels,browser` makes checks fail that would be skipped for want of these; `all` means
//!   every need except [`Need::DocumentedKernel`].
//! - `PMDSCOPE_HIDE=kernels,browser` hides these from the tests, even if the machine has them, to try a run
//!   without them; `all` means the same as above.
//!
//! No check depends on two needs. So a run with all needs hidden and a run with all of them present try every
//! check both ways, whatever else a machine may lack.
//!
//! `PMDSCOPE_SKIPPED=FILE` names a file that gets a line for each skipped check, for `script/test` to count.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, thread};

/// Something that a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A folder with kernel packages.
    Kernels,
    /// Kernels in developers' configurations, which take long to build.
    OwnKernels,
    /// The one kernel package whose output a page of the documentation shows. A distribution replaces its
    /// packages, so `all` does not require it.
    DocumentedKernel,
    /// Chromium, and the font for which the layout of the page is known.
    Browser,
    /// groff, which reads manual pages.
    Groff,
    /// libfaketime, which makes a clock jump.
    Faketime,
    /// script(1), which makes a terminal.
    Terminal,
    /// The right to mount file systems.
    Mount,
    /// The compilers that the bundled guests are built with.
    Compilers,
    /// git, which bisects.
    Git,
    /// qemu-loongarch64, which runs programs of 64-bit LoongArch.
    QemuLoongArch,
    /// Probes of Debian's kernel headers.
    Probes,
}

impl Need {
    /// Every need.
    pub const ALL: [Need; 12] = [
        Need::Kernels,
        Need::OwnKernels,
        Need::DocumentedKernel,
        Need::Browser,
        Need::Groff,
        Need::Faketime,
        Need::Terminal,
        Need::Mount,
        Need::Compilers,
        Need::Git,
        Need::QemuLoongArch,
        Need::Probes,
    ];

    /// Returns its name in `PMDSCOPE_REQUIRE` and `PMDSCOPE_HIDE`.
    pub const fn name(self) -> &'static str {
        match self {
            Need::Kernels => "kernels",
            Need::OwnKernels => "own-kernels",
            Need::DocumentedKernel => "documented-kernel",
            Need::Browser => "browser",
            Need::Groff => "groff",
            Need::Faketime => "faketime",
            Need::Terminal => "terminal",
            Need::Mount => "mount",
            Need::Compilers => "compilers",
            Need::Git => "git",
            Need::QemuLoongArch => "qemu-loongarch",
            Need::Probes => "probes",
        }
    }

    /// Returns what a person must do to have it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Need::Kernels => "script/fetch-kernels",
            Need::OwnKernels => "script/kernels arm64:base+revert x86_64:debug-vm+revert",
            Need::DocumentedKernel => "script/fetch-kernels, while Debian has that version",
            Need::Browser => "script/install-browser",
            Need::Groff => "apt-get install groff-base",
            Need::Faketime => "apt-get install libfaketime",
            Need::Terminal => "apt-get install bsdutils",
            Need::Mount => "run as root, or allow user namespaces",
            Need::Compilers => "apt-get install clang-19 lld-19",
            Need::Git => "apt-get install git",
            Need::QemuLoongArch => "apt-get install qemu-user",
            Need::Probes => "script/probes",
        }
    }

    /// Whether tests must behave as if the machine did not have it.
    ///
    /// # Panics
    /// If `PMDSCOPE_HIDE` names something unknown.
    pub fn is_hidden(self) -> bool {
        listed("PMDSCOPE_HIDE").contains(&self)
    }

    /// Reports that a check is skipped for want of this. `check` names the check, in a few words.
    ///
    /// # Panics
    /// If `PMDSCOPE_REQUIRE` lists it, or the report cannot be written.
    pub fn skip(self, check: &str) {
        let (name, remedy) = (self.name(), self.remedy());
        assert!(
            !listed("PMDSCOPE_REQUIRE").contains(&self),
            "{check}: skipped for want of {name}, which PMDSCOPE_REQUIRE requires: {remedy}"
        );
        // Not with eprintln!(): the test harness holds back its output if the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {check}: no {name} here: {remedy}");
        if let Some(file) = env::var_os("PMDSCOPE_SKIPPED") {
            let added = File::options()
                .append(true)
                .create(true)
                .open(&file)
                .and_then(|mut file| file.write_all(format!("{name}\t{remedy}\t{check}\n").as_bytes()));
            added.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}

/// Returns the kernels whose file names contain all of `parts`, ordered by name.
///
/// If there are none, reports the test that calls this as skipped.
///
/// # Panics
/// As [`Need::skip`] and [`kernel_files`] do.
pub fn kernels(parts: &[&str]) -> Vec<PathBuf> {
    let mut kernels = kernel_files();
    kernels.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        parts.iter().all(|part| name.contains(part))
    });
    if kernels.is_empty() {
        let test = thread::current();
        let of = if parts.is_empty() { String::new() } else { format!(", on {}", parts.join(" ")) };
        Need::Kernels.skip(&format!("{}{of}", test.name().unwrap_or("a test")));
    }
    kernels
}

/// Returns the files in `$PMDSCOPE_KERNELS`, or in `kernels/`, ordered by name; none if they are hidden.
///
/// # Panics
/// If the folder exists and cannot be read.
pub fn kernel_files() -> Vec<PathBuf> {
    if Need::Kernels.is_hidden() { Vec::new() } else { files(&kernel_folder()) }
}

/// Returns the kernels that `script/kernels` has built, ordered by name; none if they are hidden.
///
/// If there are none, reports the test that calls this as skipped.
///
/// # Panics
/// As [`Need::skip`] does, and if the folder exists and cannot be read.
pub fn own_kernels() -> Vec<PathBuf> {
    let mut kernels =
        if Need::OwnKernels.is_hidden() { Vec::new() } else { files(&kernel_folder().join("own")) };
    // Beside a kernel may be a file of its types.
    kernels.retain(|path| path.extension().is_none());
    if kernels.is_empty() {
        Need::OwnKernels.skip(thread::current().name().unwrap_or("a test"));
    }
    kernels
}

/// Returns the probes that `script/probes` has built, ordered by name; none if they are hidden.
///
/// If there are none, reports the test that calls this as skipped.
///
/// # Panics
/// As [`Need::skip`] does, and if the folder exists and cannot be read.
pub fn probes() -> Vec<PathBuf> {
    let folder = kernel_folder().join("probes");
    let mut probes = if Need::Probes.is_hidden() { Vec::new() } else { files(&folder) };
    probes.retain(|path| path.extension().is_some_and(|extension| extension == "elf"));
    if probes.is_empty() {
        Need::Probes.skip(thread::current().name().unwrap_or("a test"));
    }
    probes
}

fn kernel_folder() -> PathBuf {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/needs is in the workspace");
    env::var_os("PMDSCOPE_KERNELS").map_or_else(|| root.join("kernels"), |set| root.join(set))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    if !folder.exists() {
        return Vec::new();
    }
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.flatten().map(|file| file.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Returns the needs that an environment variable lists.
fn listed(variable: &str) -> Vec<Need> {
    parse(variable, &env::var(variable).unwrap_or_default())
}

fn parse(variable: &str, list: &str) -> Vec<Need> {
    let mut needs = Vec::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match Need::ALL.into_iter().find(|need| need.name() == name) {
            Some(need) => needs.push(need),
            None if name == "all" => {
                needs.extend(Need::ALL.into_iter().filter(|need| *need != Need::DocumentedKernel));
            }
            // A misspelt name would require nothing.
            None => panic!(
                "{variable} lists '{name}', which no test needs: there are all, {}",
                Need::ALL.map(Need::name).join(", ")
            ),
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_needs() {
        assert_eq!(parse("X", ""), []);
        assert_eq!(parse("X", "groff, kernels"), [Need::Groff, Need::Kernels]);
        assert_eq!(parse("X", "documented-kernel"), [Need::DocumentedKernel]);
        assert!(!parse("X", "all").contains(&Need::DocumentedKernel));
        assert_eq!(parse("X", "all").len(), Need::ALL.len() - 1);
    }

    #[test]
    #[should_panic(expected = "X lists 'kernel', which no test needs")]
    fn a_misspelt_need_is_refused() {
        parse("X", "kernel");
    }
}
