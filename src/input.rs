//! Files of other people: what is read of them has a limit, and what is no file is refused before it is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_guest::files::{self, Opened};

/// Opens a file. A pipe or a device is refused: it may have no end, or nobody who writes to it.
pub fn open(path: &Path) -> Result<File> {
    let name = path.display();
    match files::open(path).with_context(|| format!("cannot open {name}"))? {
        Opened::File(file) => Ok(file),
        Opened::Folder => bail!("cannot read {name}: it is a directory"),
        Opened::Device => bail!("cannot read {name}: it is no file: put what it gives into one"),
    }
}

/// All of a file that may have so many bytes.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    read_of(open(path)?, &path.display().to_string(), most)
}

/// All of an open file.
pub fn read_of(from: impl Read, name: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    ensure!(bytes.len() as u64 <= most, "{name} has more than {most} bytes, the most that it may have");
    Ok(bytes)
}

/// The text of a file.
pub fn text(path: &Path, most: u64) -> Result<String> {
    let bytes = read(path, most)?;
    String::from_utf8(bytes).with_context(|| format!("cannot read {}", path.display()))
}
