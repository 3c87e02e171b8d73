//! The release of a kernel, read from the banner that it prints when it starts.

use std::fmt;

use super::text::printable;

/// The first bytes of the banner (Linux `init/version-timestamp.c`, `linux_banner`).
const BANNER: &[u8] = b"Linux version ";

/// The release of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Release {
    /// The first number of the release.
    pub major: u16,
    /// The second number of the release.
    pub minor: u16,
    /// The third number of the release, if it has one.
    ///
    /// Distributions that follow stable releases can leave it at 0. The version of the package then gives the number.
    pub sublevel: Option<u16>,
    /// The whole release, such as `6.12.107+deb13-arm64` (`uname -r`).
    pub text: String,
    /// The banner from `Linux version` on, with compiler and distribution.
    pub banner: String,
}

impl Release {
    /// Finds the first banner in `bytes`, and returns its release.
    ///
    /// It skips the start of a banner without a number after it: the kernel also contains the format string of
    /// `/proc/version`.
    pub(super) fn find(bytes: &[u8]) -> Option<Release> {
        memchr::memmem::find_iter(bytes, BANNER).find_map(|at| Release::parse(&bytes[at..]))
    }

    fn parse(bytes: &[u8]) -> Option<Release> {
        const LONGEST: usize = 512;
        let line = bytes[..bytes.len().min(LONGEST)].split(|byte| *byte == b'\n' || *byte == 0).next()?;
        // The banner is printed to a terminal, and the image is untrusted.
        let banner = printable(line);
        let text = banner.get(BANNER.len()..)?.split(' ').next()?.to_owned();
        // 6.12-rc1 has no third number, and 5.10.0-30-arm64 has more text after it.
        let mut numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let sublevel = numbers.next().and_then(|number| number.parse().ok());
        Some(Release { major, minor, sublevel, text, banner })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_does_nothing_to_a_terminal() {
        let release = Release::find(b"\0Linux version 6.12.1-\x1b[2J\x07x (gcc) #1\nmore").unwrap();
        assert_eq!((release.major, release.minor, release.sublevel), (6, 12, Some(1)));
        assert!(!release.banner.contains(char::is_control) && !release.text.contains(char::is_control));
    }
}
