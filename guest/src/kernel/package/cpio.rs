//! Reads `cpio` archives.
//!
//! They have the "new" format, the only one that RPM writes (cpio(5)).

use std::io::{self, Read};

use super::part::part_error;
use super::read::{invalid_data, read_bytes};
use super::search::KernelSearch;
use crate::kernel::error::PackageError;
use crate::kernel::text::printable;

/// The longest name that RPM reads from an archive, in bytes.
const NAME: u64 = 8192;

/// Passes each regular file of an archive to `search`, until the search ends.
///
/// # Errors
/// [`PackageError`] if the archive is damaged, or the search fails.
pub(super) fn visit_files(
    member: &str,
    archive: &mut impl Read,
    search: &mut KernelSearch,
) -> Result<(), PackageError> {
    let failed = |source| part_error(member, source);
    while let Some(entry) = CpioEntry::read(archive).map_err(failed)? {
        let mut content = archive.by_ref().take(entry.size);
        // A file with several names (hard links) has its content after the last name.
        if entry.is_file && entry.size > 0 {
            let path = entry.path.trim_start_matches("./").trim_start_matches('/');
            if !search.visit(path, entry.size, &mut content)? {
                break;
            }
        }
        let left = content.limit() + padding(entry.size);
        if io::copy(&mut archive.by_ref().take(left), &mut io::sink()).map_err(failed)? < left {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(())
}

/// The header of a file in an archive.
struct CpioEntry {
    path: String,
    size: u64,
    is_file: bool,
}

impl CpioEntry {
    /// Reads the next header. Returns `None` at the end of the archive.
    ///
    /// The file's content follows the header.
    fn read(archive: &mut impl Read) -> io::Result<Option<CpioEntry>> {
        /// The length of a header: a magic number and 13 numbers of 8 hexadecimal digits.
        const LENGTH: usize = 6 + 13 * 8;
        const FILE_TYPE: u64 = 0o170_000;
        const REGULAR: u64 = 0o100_000;
        let header = read_bytes(archive, LENGTH)?;
        let (magic, digits) = header.split_at(6);
        // The second magic number is that of the format with checksums, which RPM does not write.
        if magic != b"070701" && magic != b"070702" {
            return Err(invalid_data("a file in it has no valid header"));
        }
        let number = |at: usize| {
            let digits = digits.get(at * 8..at * 8 + 8).filter(|all| all.iter().all(u8::is_ascii_hexdigit));
            let number = digits.and_then(|digits| u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
            number.ok_or_else(|| invalid_data("a file in it has a header of something else than numbers"))
        };
        let (mode, size, length) = (number(1)?, number(6)?, number(11)?);
        if length > NAME {
            return Err(invalid_data("a file in it has a name that is longer than any"));
        }
        // Header and name together end at a multiple of 4.
        let mut name = read_bytes(archive, (length + padding(LENGTH as u64 + length)) as usize)?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(length as usize));
        let path = printable(&name);
        let is_file = mode & FILE_TYPE == REGULAR;
        Ok((path != "TRAILER!!!").then_some(CpioEntry { path, size, is_file }))
    }
}

/// Returns the number of bytes from a length to the next multiple of 4.
fn padding(length: u64) -> u64 {
    length.next_multiple_of(4) - length
}
