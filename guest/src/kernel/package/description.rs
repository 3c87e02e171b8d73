//! The description of a package: kind, name, version, architecture.

use std::fmt;

/// A kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum PackageKind {
    /// A Debian package.
    Deb,
    /// An RPM package.
    Rpm,
}

/// A package as its control file or header describes it, and the paths of its kernels.
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
    /// The kernel's path in the package, such as `boot/vmlinuz-6.12.107+deb13-arm64`.
    pub kernel: String,
    /// The paths of other kernels that directly follow in the same folder. They are not used.
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
    /// A dependency of the package whose name is that of a kernel package.
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
