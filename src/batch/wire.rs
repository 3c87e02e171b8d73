//! What a batch and its workers say to each other: over pipes, each message with its length before it.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::plan::Plan;

/// No message is longer; a segment of large reports is a few megabytes.
const LONGEST: u32 = 1 << 30;

/// What a worker is told first.
#[derive(Serialize, Deserialize)]
pub struct Setup {
    pub plan: Plan,
    pub no_cache: bool,
    /// Bytes of address space that it may have.
    pub memory: u64,
    /// Seconds of processor time that one job may take.
    pub seconds: u64,
}

/// A segment to be run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its jobs, in order.
    pub jobs: Vec<u64>,
    /// The lines of those that were run before.
    pub known: Vec<String>,
    /// Jobs that no worker survives, and why: what came of them is not known.
    pub given_up: Vec<(u64, String)>,
    /// Jobs that lacked memory or time. They have no record, and are run again when the batch is.
    pub lacking: BTreeSet<u64>,
    /// Whether to say before each job that it begins, and after each what came of it: so that it is known which job it is
    /// that no worker survives.
    pub careful: bool,
}

/// What a worker says first: how it is confined, or why it cannot begin.
pub type Ready = std::result::Result<Confined, String>;

/// What a worker says of an order.
#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    /// A job begins.
    Begins(u64),
    /// Lines of jobs that are done.
    Lines(Vec<String>),
    /// A job lacked memory or time.
    Lacks(u64, String),
    /// The whole segment.
    Sealed(Vec<u8>, Verdicts),
    /// All has been told, but jobs that lacked something are missing.
    Unsealed,
    /// It was asked to stop, and has told all that is done.
    Stopped,
    /// It cannot go on, for a reason that is not the job's.
    Failed(String),
    /// It cannot go on, for a fault of this program.
    Fault(String),
}

/// What keeps a worker from the rest of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    pub landlock: bool,
    pub seccomp: bool,
}

impl Confined {
    /// What of it the system does not have.
    pub fn lacks(self) -> Option<&'static str> {
        match (self.landlock, self.seccomp) {
            (true, true) => None,
            (false, true) => Some("Landlock"),
            (true, false) => Some("seccomp"),
            (false, false) => Some("Landlock and seccomp"),
        }
    }
}

/// How many jobs came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    pub pass: u64,
    pub findings: u64,
    pub unknown: u64,
}

impl Verdicts {
    /// As many jobs.
    pub fn jobs(&self) -> u64 {
        self.pass + self.findings + self.unknown
    }
}

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
