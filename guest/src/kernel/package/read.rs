//! Reading from a stream that can end at any byte.

use std::io::{self, Read};

/// Reads `count` bytes. It takes no more memory than there are bytes.
pub(super) fn read_bytes(file: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file.take(count as u64).read_to_end(&mut bytes)? < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// The error of malformed data.
pub(super) fn invalid_data(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
