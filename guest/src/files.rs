//! Opens files that a user names, which can be anything.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// An opened path, by the kind of file.
#[derive(Debug)]
pub enum Opened {
    /// A file, to be read from its beginning.
    File(File),
    /// A folder.
    Folder,
    /// A device, a pipe or a socket: it may have no end.
    Device,
}

/// Opens a path for reading. It does not wait for a writer to a pipe.
///
/// # Errors
/// If the path does not exist, or may not be read.
pub fn open(path: &Path) -> io::Result<Opened> {
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let kind = file.metadata()?.file_type();
    Ok(match (kind.is_file(), kind.is_dir()) {
        (true, _) => Opened::File(file),
        (_, true) => Opened::Folder,
        _ => Opened::Device,
    })
}
