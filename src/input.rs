//! Reads the files that users name: regular files only, and only up to a size limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pmdscope_guest::files::{self, Opened};

/// Opens a regular file. Refuses a pipe or a device: it may never end, or may have no writer.
pub fn open(path: &Path) -> Result<File> {
    let name = path.display();
    match files::open(path).with_context(|| format!("cannot open {name}"))? {
        Opened::File(file) => Ok(file),
        Opened::Folder => bail!("cannot read {name}: it is a directory"),
        Opened::Device => bail!("cannot read {name}: it is no file: put what it gives into one"),
    }
}

/// Returns the contents of a file, which may have at most `most` bytes.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    read_of(open(path)?, &path.display().to_string(), most)
}

/// Returns everything that `from` gives, which may be at most `most` bytes; errors call it `name`.
pub fn read_of(from: impl Read, name: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {name}"))?;
    ensure!(bytes.len() as u64 <= most, "{name} has more than {most} bytes, the most that it may have");
    Ok(bytes)
}

/// Returns the UTF-8 text of a file, which may have at most `most` bytes.
pub fn text(path: &Path, most: u64) -> Result<String> {
    let bytes = read(path, most)?;
    String::from_utf8(bytes).with_context(|| format!("cannot read {}", path.display()))
}
