//! The guests that tests run: those of the directory that the environment variable
//! `PMDSCOPE_GUESTS` names, as `guest/build --check DIR` leaves them there, or else the bundled
//! ones. So guests that other compilers made can be tested without being bundled.

use std::borrow::Cow;
use std::path::Path;
use std::{env, fs};

use crate::bundled::Bundled;
use crate::elf::Guest;

/// The environment variable that names the directory.
pub const VARIABLE: &str = "PMDSCOPE_GUESTS";

/// The ELF file to test for a bundled guest: the directory's, or the bundled one.
///
/// # Panics
/// If the variable is set and the directory has no such file.
pub fn elf(guest: &Bundled) -> Cow<'static, [u8]> {
    let Some(directory) = env::var_os(VARIABLE) else {
        return Cow::Borrowed(guest.elf);
    };
    let path = Path::new(&directory).join(format!("{}.elf", guest.name));
    Cow::Owned(
        fs::read(&path).unwrap_or_else(|error| panic!("{VARIABLE} is set: {}: {error}", path.display())),
    )
}

/// Loads the ELF file to test for a bundled guest.
///
/// # Panics
/// As [`elf`], and if the file cannot be loaded.
pub fn load(guest: &Bundled) -> Guest {
    Guest::parse(&elf(guest), guest.arch).unwrap_or_else(|error| panic!("{}: {error}", guest.name))
}
