//! What a package says of itself.

use std::fmt;

/// A kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PackageKind {
    /// A Debian package.
    Deb,
    /// An RPM package.
    Rpm,
}

/// A package, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Package {
    /// The kind of package.
    pub kind: PackageKind,
    /// The name, such as `linux-image-6.12.107+deb13-arm64`.
    pub name: String,
    /// The version, such as `6.12.107-1`.
    pub version: String,
    /// The distribution's name of the architecture, such as `ppc64el`.
    pub architecture: String,
    /// The path of the kernel in it, such as `boot/vmlinuz-6.12.107+deb13-arm64`.
    pub kernel: String,
    /// The paths of other kernels that follow directly. They are not used.
    pub others: Vec<String>,
}

/// The fields of a package's header or control file that are used.
pub(super) struct PackageFields {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The distribution's name of the architecture, empty if it is missing.
    pub architecture: String,
    /// A package that it depends on and that has the name of a kernel.
    pub depends: Option<String>,
}

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PackageKind::Deb => "Debian package",
            PackageKind::Rpm => "RPM package",
        })
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ({})", self.kind, self.name, self.version, self.architecture)
    }
}
