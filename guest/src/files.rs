//! Files of other people, opened.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// The file that a path leads to.
#[derive(Debug)]
pub enum Opened {
    /// A file, to be read from its beginning.
    File(File),
    /// A folder.
    Folder,
    /// A device, a pipe or a socket: it may have no end.
    Device,
}

/// Opens what a path leads to, to be read. It does not wait for somebody to write to a pipe.
///
/// # Errors
/// If nothing is there, or it may not be read.
pub fn open(path: &Path) -> io::Result<Opened> {
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let kind = file.metadata()?.file_type();
    Ok(match (kind.is_file(), kind.is_dir()) {
        (true, _) => Opened::File(file),
        (_, true) => Opened::Folder,
        _ => Opened::Device,
    })
}
