//! Reads from a stream that can end at any byte.

use std::io::{self, Read};

/// Reads `count` bytes. It allocates memory only for bytes that exist.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] if the stream ends before.
pub(super) fn read_bytes(file: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file.take(count as u64).read_to_end(&mut bytes)? < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Returns the error for malformed data.
pub(super) fn invalid_data(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
