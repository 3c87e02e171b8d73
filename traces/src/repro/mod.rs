//! Reproducers: one file with a run and its result, so that anyone can repeat the run.
//!
//! The file is text: two JSON objects. The first is a line of its own, the *seal*:
//!
//! ```json
//! {"schema":"pmdscope.repro/1","bytes":41812,"sha256":"..."}
//! ```
//!
//! It gives the number of bytes that follow, up to the end of the file, and their SHA-256, so that readers
//! notice a file that was cut off or changed. It is not a signature: anyone who writes a new body can seal it.
//! The second object is a [`Repro`], by the schema that `pmdscope schema repro` prints. `jq -s '.[1]'` shows
//! it.

mod bug_report;
mod difference;
mod recipients;
mod show;
mod verdict;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::entry::Hex;
use crate::json;
use crate::report::{RunReport, Trace};
use crate::words;

pub use bug_report::bug_report;
pub use difference::first_difference;
pub use recipients::Recipients;
pub use show::show;
pub use verdict::{Elsewhere, SavedSchedule, elsewhere, inconclusive, not_reproduced, reproduced};

/// The name and number of the format. A change that breaks a reader raises the number.
pub const REPRO_SCHEMA: &str = "pmdscope.repro/1";
/// The beginning of the schema's name, whatever its number.
const SCHEMA_PREFIX: &str = "pmdscope.repro/";
/// Columns of a line of Base64, as in mail (RFC 2045): mailers break longer lines.
const BASE64_COLUMNS: usize = 76;

/// One schedule of a run: everything needed to run it again, and the expected result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Repro {
    /// The machine code.
    pub code: Code,
    /// The page frame number that was asked for; null for the default one.
    pub pfn: Option<Hex>,
    /// The limits of each routine.
    pub bounds: CallBounds,
    /// The report over all schedules that were run when it was saved, without traces. Its names identify what
    /// to run.
    pub report: RunReport,
    /// The schedule, with every access, value and outcome that a rerun must show.
    pub expected: Trace,
}

/// The machine code of a reproducer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Code {
    /// A guest, with all of its code.
    Guest {
        /// The ELF file in Base64, in lines.
        elf: Vec<String>,
    },
    /// A kernel, by its names and hash: it is too large to be in the file.
    Kernel {
        /// Name of the file that the kernel was in.
        file: String,
        /// SHA-256 of the boot image, in hexadecimal.
        sha256: String,
        /// The kernel's GNU build ID, in hexadecimal, if it has one.
        build_id: Option<String>,
        /// The banner by which the kernel names itself (`/proc/version`).
        banner: String,
        /// The package that the kernel was in, if any.
        package: Option<Package>,
    },
}

/// A package that a kernel was in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// Name of the package.
    pub name: String,
    /// Version of the package, with that of the packaging.
    pub version: String,
    /// Architecture of the package, as the distribution calls it.
    pub architecture: String,
    /// The command that downloads it, if the distribution still has it.
    pub download: String,
}

/// The package format of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageFormat {
    /// Debian's format.
    Deb,
    /// Fedora's format.
    Rpm,
}

impl Package {
    /// Makes a package, with the command that downloads it.
    pub fn new(format: PackageFormat, name: String, version: String, architecture: String) -> Self {
        let download = match format {
            PackageFormat::Deb => {
                format!("apt-get download {}", words::quoted(&format!("{name}:{architecture}={version}")))
            }
            PackageFormat::Rpm => {
                format!("dnf download {}", words::quoted(&format!("{name}-{version}.{architecture}")))
            }
        };
        Package { name, version, architecture, download }
    }

    /// Returns the package with a download command that is made of its names, since a file may contain any
    /// command.
    fn rebuilt(self) -> Self {
        let format = if self.download.starts_with("dnf ") { PackageFormat::Rpm } else { PackageFormat::Deb };
        Package::new(format, self.name, self.version, self.architecture)
    }
}

/// The limits of each routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallBounds {
    /// The largest number of page-table accesses.
    pub accesses: u64,
    /// The largest number of instructions.
    pub instructions: u64,
}

/// The first line of the file.
#[derive(Serialize, Deserialize)]
struct Seal {
    schema: String,
    bytes: u64,
    sha256: String,
}

/// Errors of reading a reproducer.
#[derive(Debug, thiserror::Error)]
pub enum ReproError {
    /// The file does not begin with the seal of a reproducer.
    #[error("this is no reproducer: its first line does not name {SCHEMA_PREFIX} and a number")]
    NotOne,
    /// The format of the file has another number.
    #[error(
        "its format is {0}, and this pmdscope reads {REPRO_SCHEMA}: use a pmdscope that is as new as the file"
    )]
    OtherFormat(String),
    /// The file is cut off.
    #[error("it is cut off: {there} of {all} bytes are there")]
    CutOff {
        /// The number of bytes after the first line.
        there: u64,
        /// The number of bytes that the seal states.
        all: u64,
    },
    /// The file was changed after it was saved.
    #[error("it was changed after it was saved: {0}; save it anew, so that what it says was run")]
    Changed(&'static str),
    /// The file is whole, but its contents do not make sense.
    #[error("it is whole, but not a reproducer: {}", words::one_line(.0))]
    Damaged(String),
}

impl Code {
    /// Makes the code of a guest from its ELF file.
    pub fn of_guest(elf: &[u8]) -> Code {
        let text = STANDARD.encode(elf);
        let lines = text.as_bytes().chunks(BASE64_COLUMNS);
        Code::Guest { elf: lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect() }
    }

    /// Returns the ELF file, if the code is a guest's.
    ///
    /// # Errors
    /// [`ReproError::Damaged`] if it is not written as Base64.
    pub fn elf(&self) -> Option<Result<Vec<u8>, ReproError>> {
        let Code::Guest { elf } = self else { return None };
        let bytes = STANDARD.decode(elf.concat());
        Some(bytes.map_err(|error| ReproError::Damaged(format!("the guest's code: {error}"))))
    }
}

impl Repro {
    /// Returns the text of the file.
    ///
    /// # Errors
    /// If the reproducer cannot be serialised, which would be a fault of its type.
    pub fn to_text(&self) -> serde_json::Result<String> {
        let body = json::pretty(self)?;
        let seal = Seal {
            schema: REPRO_SCHEMA.to_owned(),
            bytes: body.len() as u64,
            sha256: sha256(body.as_bytes()),
        };
        Ok(format!("{}\n{body}", serde_json::to_string(&seal)?))
    }

    /// Reads a reproducer from the bytes of its file.
    ///
    /// # Errors
    /// [`ReproError`] if the file is not a reproducer, has another format, is cut off or changed, or
    /// contradicts itself.
    pub fn of_bytes(bytes: &[u8]) -> Result<Repro, ReproError> {
        let (first, body) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (bytes, &[][..]),
        };
        let seal = seal(first)?;
        let there = body.len() as u64;
        if there < seal.bytes {
            return Err(ReproError::CutOff { there, all: seal.bytes });
        }
        if there > seal.bytes {
            return Err(ReproError::Changed("it is longer than its first line says"));
        }
        if sha256(body) != seal.sha256 {
            return Err(ReproError::Changed("its SHA-256 is not the one in its first line"));
        }
        let mut repro: Repro =
            serde_json::from_slice(body).map_err(|error| ReproError::Damaged(error.to_string()))?;
        repro.check()?;
        if let Code::Kernel { package, .. } = &mut repro.code {
            *package = package.take().map(Package::rebuilt);
        }
        Ok(repro)
    }

    /// Checks that the code and the report, which state the same facts, agree.
    fn check(&self) -> Result<(), ReproError> {
        let of_guest = match self.code.elf() {
            Some(elf) => sha256(&elf?),
            None => self.report.guest.sha256.clone(),
        };
        if of_guest != self.report.guest.sha256 {
            return Err(ReproError::Damaged("the guest's code is not that of its report".to_owned()));
        }
        if matches!(self.code, Code::Guest { .. }) != self.report.kernel.is_none() {
            return Err(ReproError::Damaged("it has a guest's code and a kernel's report".to_owned()));
        }
        Ok(())
    }
}

/// Parses the first line.
///
/// # Errors
/// [`ReproError`] if it is not the seal of a reproducer of this format.
fn seal(line: &[u8]) -> Result<Seal, ReproError> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    // A later format may have another seal, but its `schema` still names the format.
    let named: Named = serde_json::from_slice(line).map_err(|_| ReproError::NotOne)?;
    if !named.schema.starts_with(SCHEMA_PREFIX) {
        return Err(ReproError::NotOne);
    }
    if named.schema != REPRO_SCHEMA {
        return Err(ReproError::OtherFormat(named.schema));
    }
    serde_json::from_slice(line).map_err(|_| ReproError::Changed("its first line is not as it was written"))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
