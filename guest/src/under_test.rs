//! The guests that tests run.
//!
//! If the environment variable `PMDSCOPE_GUESTS` names a directory, tests run the guests that
//! `guest/build --check DIR` left there, otherwise the bundled ones. So guests that other compilers made can be
//! tested without bundling them.

use std::borrow::Cow;
use std::path::Path;
use std::{env, fs};

use crate::bundled::Bundled;
use crate::elf::Guest;

/// The environment variable that names the directory.
pub const VARIABLE: &str = "PMDSCOPE_GUESTS";

/// Returns the ELF file to test for a bundled guest: the directory's, or the bundled one.
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
