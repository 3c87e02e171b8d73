//! Where the machine code of a run is from.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who answers the predicates of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PredicatesFrom {
    /// The guest's own compiled functions.
    Guest,
    /// The model.
    Model,
}

impl PredicatesFrom {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            PredicatesFrom::Guest => "guest",
            PredicatesFrom::Model => "model",
        }
    }
}

/// Where machine code is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// A guest that comes with the program.
    Bundled,
    /// An ELF file of the user's.
    File,
    /// A real kernel.
    Kernel,
}

impl GuestKind {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            GuestKind::Bundled => "bundled",
            GuestKind::File => "file",
            GuestKind::Kernel => "kernel",
        }
    }
}

impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The machine code of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuestInfo {
    /// `bundled`, `file` for an ELF of the user's, or `kernel`.
    pub kind: GuestKind,
    /// Its name: of a kernel the file that was given.
    pub name: String,
    /// SHA-256 of the file, in hexadecimal; of a kernel in a package that of its boot image.
    pub sha256: String,
    /// Of a kernel its release, as `uname -r` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Of a kernel in a package the package's name and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Of a kernel its GNU build ID, in hexadecimal, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}
