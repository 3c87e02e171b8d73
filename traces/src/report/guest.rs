//! The source of a run's machine code.

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
    /// Returns the name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            PredicatesFrom::Guest => "guest",
            PredicatesFrom::Model => "model",
        }
    }
}

/// The source of machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// A guest that comes with the program.
    Bundled,
    /// An ELF file that the user gave.
    File,
    /// A real kernel.
    Kernel,
}

impl GuestKind {
    /// Returns the name in reports.
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
    /// `bundled`, `file` for an ELF file that the user gave, or `kernel`.
    pub kind: GuestKind,
    /// Name of the guest; for a kernel, the file that was given.
    pub name: String,
    /// SHA-256 of the file, in hexadecimal; for a kernel in a package, of its boot image.
    pub sha256: String,
    /// The engine that ran it, and its version; null in reports that were made when there was only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Release of a kernel, as `uname -r` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Name and version of the package that a kernel was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// GNU build ID of a kernel, in hexadecimal, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// The file that a kernel's types came from (`--types`), if not from the kernel's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<TypesInfo>,
    /// The name that tells a kernel apart from others of its release: the one that it was given, or what differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl GuestInfo {
    /// Returns the name of a kernel in reports: its label, or else its release; `None` for other guests.
    pub fn kernel_name(&self) -> Option<&str> {
        self.label.as_deref().or(self.release.as_deref())
    }
}

/// A file with the types of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TypesInfo {
    /// Name of the file.
    pub name: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}
