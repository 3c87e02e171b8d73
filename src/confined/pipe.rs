//! Messages between this program and its confined processes: over pipes, each preceded by its length.

use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message, in bytes: enough for the report of a run with very many behaviours.
pub const LONGEST: u32 = 1 << 30;

/// Encodes a message: its length in bytes as a little-endian `u32`, then itself (postcard).
pub fn message(of: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = postcard::to_stdvec(of).map_err(Error::other)?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| Error::other("a message to a confined process is too long"))?;
    Ok([length.to_le_bytes().as_slice(), &bytes].concat())
}

pub fn send(to: &mut impl Write, of: &impl Serialize) -> Result<()> {
    to.write_all(&message(of)?)?;
    to.flush()
}

/// Receives a message of at most `longest` bytes; `None` at the end of the pipe.
///
/// Takes no more memory than was sent, whatever the length says.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read, longest: u32) -> Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > longest {
        return Err(Error::other("a message of a confined process is too long"));
    }
    let mut bytes = Vec::new();
    if from.take(length.into()).read_to_end(&mut bytes)? < length as usize {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    postcard::from_bytes(&bytes).map(Some).map_err(Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_received_as_it_was_sent() {
        let sent = message(&(7_u64, "text".to_owned())).unwrap();
        let mut from = &sent[..];
        assert_eq!(receive::<(u64, String)>(&mut from, LONGEST).unwrap(), Some((7, "text".to_owned())));
        assert_eq!(receive::<(u64, String)>(&mut from, LONGEST).unwrap(), None, "there are no more");
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_no_message() {
        let sent = message(&"text".to_owned()).unwrap();
        for length in 4..sent.len() {
            assert!(receive::<String>(&mut &sent[..length], LONGEST).is_err(), "{length} bytes");
        }
        assert!(receive::<String>(&mut &sent[..], 4).is_err());
        // The length says a gigabyte, and no bytes follow.
        assert!(receive::<String>(&mut &LONGEST.to_le_bytes()[..], LONGEST).is_err());
    }
}
