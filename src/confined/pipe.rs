//! Messages between this program and its confined processes: over pipes, each with its length before it.

use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// No message is longer; a segment of large reports is a few megabytes.
const LONGEST: u32 = 1 << 30;

/// A message as it goes over a pipe.
pub fn message(of: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = postcard::to_stdvec(of).map_err(Error::other)?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| Error::other("a message to or from a worker is too long"))?;
    Ok([length.to_le_bytes().as_slice(), &bytes].concat())
}

pub fn send(to: &mut impl Write, of: &impl Serialize) -> Result<()> {
    to.write_all(&message(of)?)?;
    to.flush()
}

/// The next message; `None` if there is none.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(Error::other("a message of a worker is too long"));
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(Error::other)
}
