//! A bundled guest, or an ELF file of the user's.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use pmdscope_arches::{Arch, Encoding};
use pmdscope_emu::{EmuError, EngineKind, Environment, GuestEnvironment};
use pmdscope_guest::{Guest, Role, Routine, bundled};
use pmdscope_traces::{GuestInfo, GuestKind};
use sha2::{Digest, Sha256};

use crate::input;
use crate::values::file_name;

/// A guest to run, and the encoding to read its entries by.
#[derive(Clone)]
pub struct GuestSubject {
    kind: GuestKind,
    /// Its name: [`pmdscope_guest::Bundled::name`], or the path of a file as the user wrote it.
    pub name: String,
    /// The ELF file.
    pub elf: Cow<'static, [u8]>,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The guest.
    pub guest: Guest,
    /// The encoding of its entries.
    pub encoding: Encoding,
    /// The engine that runs it.
    pub engine: EngineKind,
}

impl GuestSubject {
    /// Returns the bundled guest for an encoding.
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
            engine: EngineKind::usual(encoding.arch()),
        })
    }

    /// Opens an ELF file of the user's.
    pub fn from_file(path: &Path, encoding: Encoding) -> Result<Self> {
        let (name, elf) = read(path)?;
        GuestSubject::from_bytes(name.clone(), elf, encoding).context(name)
    }

    /// Opens an ELF file of the user's, and names it without its folders.
    ///
    /// The name is then the same on every machine.
    pub fn from_file_anywhere(path: &Path, encoding: Encoding) -> Result<Self> {
        Ok(GuestSubject { name: file_name(path), ..GuestSubject::from_file(path, encoding)? })
    }

    /// Loads a guest from the bytes of an ELF file.
    pub fn from_bytes(name: String, elf: Vec<u8>, encoding: Encoding) -> Result<Self> {
        let guest = parse(&elf, encoding.arch())?;
        let sha256 = hex::encode(Sha256::digest(&elf));
        let engine = EngineKind::usual(encoding.arch());
        Ok(GuestSubject {
            kind: GuestKind::File,
            name,
            elf: Cow::Owned(elf),
            sha256,
            guest,
            encoding,
            engine,
        })
    }

    /// Returns the same guest, run by another engine.
    ///
    /// # Errors
    /// If that engine has no such CPU.
    pub fn on(self, engine: EngineKind) -> Result<Self, EmuError> {
        let arch = self.encoding.arch();
        if !engine.has(arch) {
            return Err(EmuError::NoCpu { engine, arch });
        }
        Ok(GuestSubject { engine, ..self })
    }

    /// Returns the same guest, run by the engine that a command line names, if it names one.
    pub fn on_named(self, name: Option<&str>) -> Result<Self> {
        match name {
            Some(name) => Ok(self.on(name.parse()?)?),
            None => Ok(self),
        }
    }

    /// Loads the guest in a file, for whichever architecture it is.
    pub fn guest_in(path: &Path) -> Result<Guest> {
        let (name, elf) = read(path)?;
        let arch = Guest::arch_of(&elf).with_context(|| name.clone())?;
        parse(&elf, arch).context(name)
    }

    /// Whether it is built into this program.
    pub fn is_bundled(&self) -> bool {
        self.kind == GuestKind::Bundled
    }

    /// Returns its identity for reports.
    pub fn info(&self) -> GuestInfo {
        GuestInfo {
            kind: self.kind,
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            engine: Some(self.engine.version().to_owned()),
            release: None,
            package: None,
            build_id: None,
            types: None,
            label: None,
        }
    }

    /// Returns the options of a command line that select it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = vec![("--arch", self.encoding.arch().to_string())];
        options.extend(self.encoding.mmu().map(|mmu| ("--mmu", mmu.to_string())));
        options.push(("--linux", self.encoding.version().to_string()));
        if !self.is_bundled() {
            options.push(("--guest", self.name.clone()));
        }
        if self.engine != EngineKind::usual(self.encoding.arch()) {
            options.push(("--engine", self.engine.to_string()));
        }
        options
    }

    /// Checks that it has a routine.
    ///
    /// # Errors
    /// The reason why it lacks the routine, without the name of the guest.
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

    /// Checks like [`Self::has`], with an error that names the guest.
    pub fn check(&self, routine: &Routine) -> Result<()> {
        self.has(routine).map_err(|why| match self.is_bundled() {
            true => anyhow!("{} {why}", self.encoding),
            false => anyhow!("{}: {why}", self.name),
        })
    }

    /// Sets up the machine that runs it.
    pub(super) fn environment(&self) -> Result<Box<dyn Environment>, EmuError> {
        Ok(Box::new(GuestEnvironment::new(self.guest.clone(), self.encoding, self.engine)?))
    }

    /// Returns a key: guests with the same key can share an environment.
    pub(super) fn identity(&self) -> String {
        format!("{} {} {}", self.sha256, self.encoding, self.engine)
    }
}

/// Parses a guest, and checks that it has the function that every report needs.
fn parse(elf: &[u8], arch: Arch) -> Result<Guest> {
    let guest = Guest::parse(elf, arch)?;
    guest.function(pmdscope_guest::abi::SURVEY)?;
    Ok(guest)
}

/// Returns a file's path as it was written, and its contents.
fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    /// Guests have a few kilobytes. This limit is room for any guest, and stops a disk image named by mistake.
    const LARGEST_GUEST_BYTES: u64 = 64 << 20;
    Ok((path.display().to_string(), input::read(path, LARGEST_GUEST_BYTES)?))
}
