//! Linux versions, and facts that hold over a range of them.

use std::fmt;
use std::str::FromStr;

/// A Linux release series, such as 6.12. Stable releases within a series (6.12.31) are not distinguished: the
/// facts of a series come from the stable release that the table names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The number before the dot.
    pub major: u16,
    /// The number after the dot.
    pub minor: u16,
}

impl Version {
    /// The oldest version the tables cover.
    pub const OLDEST: Version = Version::new(5, 10);
    /// The newest version the tables cover.
    pub const NEWEST: Version = Version::new(7, 2);

    /// Returns the release after this one: 6.0 came after 5.19, and 7.0 after 6.19.
    pub const fn successor(self) -> Version {
        const LAST_MINOR: u16 = 19;
        if self.minor == LAST_MINOR {
            Version::new(self.major + 1, 0)
        } else {
            Version::new(self.major, self.minor + 1)
        }
    }

    /// The version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Version { major, minor }
    }
}

/// The version `major.minor`; a short name for use in tables.
pub(crate) const fn v(major: u16, minor: u16) -> Version {
    Version::new(major, minor)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Errors of parsing a Linux version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The text does not have the form `major.minor`.
    #[error("'{0}' is not a Linux version: write it as 6.12")]
    Malformed(String),
    /// The text names a stable release.
    #[error("stable releases are not told apart: use {series} instead of {given}")]
    Stable {
        /// The text.
        given: String,
        /// The series that the stable release belongs to.
        series: Version,
    },
    /// The version is outside of the range that the tables cover.
    #[error("Linux {0} is outside of what was read, {oldest} to {newest}", oldest = Version::OLDEST, newest = Version::NEWEST)]
    OutOfRange(Version),
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || VersionError::Malformed(text.to_owned());
        let mut numbers = Vec::new();
        for part in text.strip_prefix('v').unwrap_or(text).split('.') {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            numbers.push(part.parse::<u16>().map_err(|_| malformed())?);
        }
        let version = match numbers[..] {
            [major, minor] | [major, minor, _] => Version::new(major, minor),
            _ => return Err(malformed()),
        };
        if !(Version::OLDEST..=Version::NEWEST).contains(&version) {
            return Err(VersionError::OutOfRange(version));
        }
        if numbers.len() == 3 {
            return Err(VersionError::Stable { given: text.to_owned(), series: version });
        }
        Ok(version)
    }
}

/// A value and the versions over which it is known to hold, both ends included.
///
/// If the version of a change is not known, two eras leave a gap between them, and [`in_force`] refuses to choose.
#[derive(Debug, Clone, Copy)]
pub struct Era<T: 'static> {
    /// The first version for which the value is known to hold.
    pub from: Version,
    /// The last version for which it is known to hold.
    pub to: Version,
    /// The change at `from`, and its source.
    pub source: &'static str,
    /// The value itself.
    pub value: T,
}

/// A version that lies in a gap between two eras, or beyond them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The last version of the era before the gap.
    pub older: Option<Version>,
    /// The first version of the era after the gap.
    pub newer: Option<Version>,
}

/// Returns the era of `eras` (in ascending order, not overlapping) that covers `version`, or the gap around it.
pub fn in_force<T>(eras: &'static [Era<T>], version: Version) -> Result<&'static Era<T>, Gap> {
    if let Some(era) = eras.iter().find(|era| (era.from..=era.to).contains(&version)) {
        return Ok(era);
    }
    Err(Gap {
        older: eras.iter().rev().find(|era| era.to < version).map(|era| era.to),
        newer: eras.iter().find(|era| era.from > version).map(|era| era.from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_refused() {
        assert_eq!("6.12".parse(), Ok(Version::new(6, 12)));
        assert_eq!("v5.10".parse(), Ok(Version::new(5, 10)));
        assert!("6.9".parse::<Version>().unwrap() < "6.10".parse().unwrap());
        assert_eq!(
            "6.12.31".parse::<Version>().unwrap_err().to_string(),
            "stable releases are not told apart: use 6.12 instead of 6.12.31"
        );
        assert_eq!(
            "4.19".parse::<Version>().unwrap_err().to_string(),
            "Linux 4.19 is outside of what was read, 5.10 to 7.2"
        );
        for bad in ["", "6", "6.", ".6", "6.x", "6.12.1.2", "+6.1", "6.99999999", "v"] {
            let error = bad.parse::<Version>().unwrap_err();
            assert!(matches!(error, VersionError::Malformed(_)), "{bad}: {error}");
        }
    }

    #[test]
    fn releases_follow_each_other() {
        let mut version = Version::OLDEST;
        let mut releases = vec![version.to_string()];
        while version < Version::NEWEST {
            version = version.successor();
            releases.push(version.to_string());
        }
        assert_eq!(releases.len(), 10 + 20 + 3, "5.10 to 5.19, 6.0 to 6.19, 7.0 to 7.2: {releases:?}");
        assert_eq!(releases[9..=10], ["5.19", "6.0"]);
        assert_eq!(releases.last().map(String::as_str), Some("7.2"));
    }

    #[test]
    fn a_version_in_a_gap_is_not_guessed() {
        static ERAS: [Era<u8>; 2] = [
            Era { from: Version::new(5, 10), to: Version::new(5, 10), source: "", value: 1 },
            Era { from: Version::new(6, 1), to: Version::new(7, 2), source: "", value: 2 },
        ];
        assert_eq!(in_force(&ERAS, Version::new(6, 6)).unwrap().value, 2);
        assert_eq!(
            in_force(&ERAS, Version::new(5, 15)).unwrap_err(),
            Gap { older: Some(Version::new(5, 10)), newer: Some(Version::new(6, 1)) }
        );
    }
}
