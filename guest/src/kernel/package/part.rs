//! Reads the parts of a package, which can be compressed.

use std::io::{self, BufRead, BufReader, Read};

use crate::kernel::compression::Compression;
use crate::kernel::decompress;
use crate::kernel::error::PackageError;
use crate::kernel::text::printable;

/// The most bytes that a part may unpack to.
///
/// The largest kernel packages have some 700 MB. With debug information they have 6 GB, and a kernel that exceeds the
/// limit.
const UNPACKED: u64 = 8 << 30;

/// Returns the error for a part of a package that cannot be read.
pub(super) fn part_error(member: &str, source: io::Error) -> PackageError {
    let member = member.to_owned();
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return PackageError::Truncated { member };
    }
    // The message can quote names from the package, which is untrusted.
    let source = io::Error::new(source.kind(), printable(source.to_string().as_bytes()));
    PackageError::Damaged { member, source }
}

/// Returns a reader that unpacks a part of a package.
///
/// If `plain` is true for the part's first bytes, the reader returns the part unchanged.
///
/// # Errors
/// [`PackageError::Truncated`] or [`PackageError::Damaged`] if the part cannot be read,
/// [`PackageError::Compression`] if its compression is unknown.
pub(super) fn open_part<'a>(
    kind: &'static str,
    name: &str,
    member: impl Read + 'a,
    plain: impl Fn(&[u8]) -> bool,
) -> Result<impl Read + 'a, PackageError> {
    let mut member = BufReader::with_capacity(1 << 16, member);
    let begin = member.fill_buf().map_err(|source| part_error(name, source))?;
    let reader: Box<dyn Read> = if plain(begin) {
        Box::new(member)
    } else {
        let unknown = || PackageError::Compression { kind, member: name.to_owned() };
        let compression = Compression::of(begin).ok_or_else(unknown)?;
        decompress::reader(compression, member).map_err(|source| part_error(name, source))?
    };
    Ok(reader.take(UNPACKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes_names_so_that_they_do_nothing_to_a_terminal() {
        let error = part_error("data.tar", io::Error::other("numeric field in a\u{7}b"));
        assert_eq!(error.to_string(), "the package is damaged, in its data.tar: numeric field in a\u{fffd}b");
    }
}
