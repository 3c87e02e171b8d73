//! A bundled guest, or an ELF file of the user's.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use pmdscope_arches::{Arch, Encoding};
use pmdscope_emu::{EmuError, Environment, GuestEnvironment};
use pmdscope_guest::{Guest, Role, Routine, bundled};
use pmdscope_traces::{GuestInfo, GuestKind};
use sha2::{Digest, Sha256};

use crate::input;
use crate::values::file_name;

/// A guest to run, and the encoding to read its entries by.
#[derive(Clone)]
pub struct GuestSubject {
    kind: GuestKind,
    /// Its name: of a bundled guest as [`pmdscope_guest::Bundled::name`] says it, of a file as it was named.
    pub name: String,
    /// The ELF file.
    pub elf: Cow<'static, [u8]>,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The guest.
    pub guest: Guest,
    /// The encoding of its entries.
    pub encoding: Encoding,
}

impl GuestSubject {
    /// The bundled guest that is right for an encoding.
    pub fn bundled_for(encoding: Encoding) -> Result<Self> {
        let bundled = bundled(encoding.arch(), encoding.mmu(), encoding.version())?;
        let guest = bundled.load().with_context(|| format!("the bundled guest {}", bundled.name))?;
        Ok(GuestSubject {
            kind: GuestKind::Bundled,
            name: bundled.name.to_owned(),
            elf: Cow::Borrowed(bundled.elf),
            sha256: bundled.sha256.to_owned(),
            guest,
            encoding,
        })
    }

    /// An ELF file of the user's.
    pub fn from_file(path: &Path, encoding: Encoding) -> Result<Self> {
        let (name, elf) = read(path)?;
        GuestSubject::from_bytes(name.clone(), elf, encoding).context(name)
    }

    /// Reads a guest, and names it by its file without folders.
    ///
    /// The name is then the same everywhere.
    pub fn from_file_anywhere(path: &Path, encoding: Encoding) -> Result<Self> {
        Ok(GuestSubject { name: file_name(path), ..GuestSubject::from_file(path, encoding)? })
    }

    /// An ELF file that was read.
    pub fn from_bytes(name: String, elf: Vec<u8>, encoding: Encoding) -> Result<Self> {
        let guest = parse(&elf, encoding.arch())?;
        let sha256 = hex::encode(Sha256::digest(&elf));
        Ok(GuestSubject { kind: GuestKind::File, name, elf: Cow::Owned(elf), sha256, guest, encoding })
    }

    /// The guest in a file, for whichever architecture it is.
    pub fn guest_in(path: &Path) -> Result<Guest> {
        let (name, elf) = read(path)?;
        let arch = Guest::arch_of(&elf).with_context(|| name.clone())?;
        parse(&elf, arch).context(name)
    }

    /// Whether it comes with the program.
    pub fn is_bundled(&self) -> bool {
        self.kind == GuestKind::Bundled
    }

    /// How reports name it.
    pub fn info(&self) -> GuestInfo {
        GuestInfo {
            kind: self.kind,
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            release: None,
            package: None,
            build_id: None,
        }
    }

    /// The options of a command line that name it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("--arch", self.encoding.arch().to_string())];
        options.extend(self.encoding.mmu().map(|mmu| ("--mmu", mmu.to_string())));
        options.push(("--linux", self.encoding.version().to_string()));
        if !self.is_bundled() {
            options.push(("--guest", self.name.clone()));
        }
        options
    }

    /// Checks that it has a routine.
    ///
    /// # Errors
    /// If it does not: then why, without saying which guest it is.
    pub fn has(&self, routine: &Routine) -> Result<(), String> {
        if self.guest.has_routine(routine) {
            return Ok(());
        }
        Err(match self.guest.function(routine.symbol()) {
            Err(error) if !self.is_bundled() => error.to_string(),
            _ if routine.since > self.encoding.version() => {
                format!("has no {}: it came in Linux {}", routine.name, routine.since)
            }
            _ if routine.role == Role::Agent => {
                format!("has no {}: its MMU does not mark entries", routine.name)
            }
            _ => format!("has no {}: its kernel has no such routine", routine.name),
        })
    }

    /// The same, with an error that says which guest it is.
    pub fn check(&self, routine: &Routine) -> Result<()> {
        self.has(routine).map_err(|why| match self.is_bundled() {
            true => anyhow!("{} {why}", self.encoding),
            false => anyhow!("{}: {why}", self.name),
        })
    }

    /// Its machine.
    pub(super) fn environment(&self) -> Result<Box<dyn Environment>, EmuError> {
        Ok(Box::new(GuestEnvironment::new(self.guest.clone(), self.encoding)?))
    }

    /// The identity of its environment.
    pub(super) fn identity(&self) -> String {
        format!("{} {}", self.sha256, self.encoding)
    }
}

/// A guest that has what every report needs.
fn parse(elf: &[u8], arch: Arch) -> Result<Guest> {
    let guest = Guest::parse(elf, arch)?;
    guest.function(pmdscope_guest::abi::SURVEY)?;
    Ok(guest)
}

/// A file's name as it was written, and its bytes.
fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    /// Guests are a few kilobytes; this is room for any, and stops a mistaken disk image.
    const LARGEST_GUEST_BYTES: u64 = 64 << 20;
    Ok((path.display().to_string(), input::read(path, LARGEST_GUEST_BYTES)?))
}
