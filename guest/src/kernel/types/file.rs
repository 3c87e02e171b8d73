//! Types from a file of their own, or from a vmlinux.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::Elf;
use goblin::elf::header::{self, Header};
use goblin::elf::section_header::{SHT_NOBITS, SHT_NOTE, SectionHeader};
use pmdscope_arches::{Arch, ByteOrder};

use super::dwarf::{read_section, read_sections};
use super::error::TypesError;
use super::graph::Types;
use super::place::MAGIC;
use crate::files::{self, Opened};
use crate::kernel::cache::Key;

/// The most bytes of BTF, and of a table of an ELF file, that are read. Kernels have up to 10 MB of BTF.
const TABLE_MOST: u64 = 256 << 20;

/// The types of a kernel, from a file.
#[derive(Debug)]
pub struct TypesFile {
    /// The types.
    pub types: Types,
    /// The form of the types.
    pub form: TypesForm,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// The GNU build ID in hexadecimal, if the file has one. BTF in a file of its own has none.
    pub build_id: Option<String>,
    /// The machine number of an ELF file (`e_machine`). BTF in a file of its own has none.
    machine: Option<u16>,
    /// The byte order of the types.
    order: ByteOrder,
}

/// The form of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypesForm {
    /// BTF (Linux Documentation/bpf/btf.rst).
    Btf,
    /// Debug information (DWARF).
    Dwarf,
}

impl TypesForm {
    /// Returns the name of the form.
    pub const fn name(self) -> &'static str {
        match self {
            TypesForm::Btf => "BTF",
            TypesForm::Dwarf => "DWARF",
        }
    }
}

/// Returns a number of bytes in words.
fn bytes(number: Option<u64>) -> String {
    number.map_or("is missing".to_owned(), |number| format!("is {number}"))
}

/// Errors of reading types from a file.
#[derive(Debug, thiserror::Error)]
pub enum TypesFileError {
    /// The file cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path leads to a folder, a device or a pipe. The second field says which.
    #[error("{}: {what}, not a file: give BTF, or the vmlinux of the kernel's build", .path.display())]
    NotFile {
        /// The path.
        path: PathBuf,
        /// The kind of thing at the path.
        what: &'static str,
    },
    /// The file is neither BTF nor ELF.
    #[error(
        "{}: neither BTF nor an ELF file: give a vmlinux with BTF or debug information (DWARF), or what 'pahole --btf_encode_detached' writes",
        .0.display()
    )]
    Unknown(PathBuf),
    /// The ELF file is damaged, or 32-bit.
    #[error("{}: damaged ELF file, in its {part}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part that was being read.
        part: &'static str,
    },
    /// The ELF file is not linked, so its debug information is not complete.
    #[error("{}: an object file that is not linked: give the vmlinux of the kernel's build", .0.display())]
    NotLinked(PathBuf),
    /// The types are of another configuration than the kernel's own.
    #[error(
        "{}: the types of another kernel: {what} {} there, and {} in the kernel's own types, which are used without --types",
        .path.display(), bytes(*.given), bytes(*.own)
    )]
    Differ {
        /// The file.
        path: PathBuf,
        /// What differs first: a structure's size, or where a member is.
        what: String,
        /// That number in the file, in bytes; `None` if it has no such structure or member.
        given: Option<u64>,
        /// The number in the kernel's own types, in bytes; `None` likewise.
        own: Option<u64>,
    },
    /// The ELF file has no types.
    #[error(
        "{}: has neither BTF nor debug information (DWARF): build with CONFIG_DEBUG_INFO_BTF, or give the vmlinux before it was stripped",
        .0.display()
    )]
    None(PathBuf),
    /// The types are damaged.
    #[error("{}: {source}", .path.display())]
    Types {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: TypesError,
    },
    /// The types are of another build than the kernel.
    #[error("{}: the types of another build: its build ID is {types}, the kernel's is {kernel}", .path.display())]
    OtherBuild {
        /// The file.
        path: PathBuf,
        /// The build ID of the file.
        types: String,
        /// The build ID of the kernel.
        kernel: String,
    },
    /// The types are of another architecture than the kernel.
    #[error("{}: the types of another architecture: the kernel is of {kernel}", .path.display())]
    OtherArch {
        /// The file.
        path: PathBuf,
        /// The architecture of the kernel.
        kernel: Arch,
    },
}

impl TypesFile {
    /// Reads the types of a file: BTF, or an ELF file with BTF or debug information.
    ///
    /// BTF is taken if there are both. It takes some 50 ms, and debug information of a distribution's kernel some
    /// seconds.
    ///
    /// # Errors
    /// [`TypesFileError`] if the file is something else, is damaged, or has no types.
    pub fn open(path: &Path) -> Result<TypesFile, TypesFileError> {
        let not_file = |what| Err(TypesFileError::NotFile { path: path.to_owned(), what });
        let file: File = match files::open(path) {
            Ok(Opened::File(file)) => file,
            Ok(Opened::Folder) => return not_file("a folder"),
            Ok(Opened::Device) => return not_file("a device or pipe"),
            Err(source) => return Err(TypesFileError::Read { path: path.to_owned(), source }),
        };
        TypesFile::read(path, BufReader::new(file))
    }

    /// Reads the types of a file in memory. Errors call it `-`.
    ///
    /// # Errors
    /// As [`TypesFile::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<TypesFile, TypesFileError> {
        TypesFile::read(Path::new("-"), io::Cursor::new(bytes))
    }

    /// Reads the types of a file. Errors call it `path`.
    fn read(path: &Path, mut file: impl Read + Seek) -> Result<TypesFile, TypesFileError> {
        let unreadable = |source| TypesFileError::Read { path: path.to_owned(), source };
        let sha256 = Key::of(&mut file).map_err(unreadable)?.to_string();
        file.rewind().map_err(unreadable)?;
        let mut begin = Vec::new();
        file.by_ref().take(64).read_to_end(&mut begin).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let order = match begin.first_chunk() {
            Some(magic) if *magic == MAGIC.to_le_bytes() => ByteOrder::Little,
            Some(magic) if *magic == MAGIC.to_be_bytes() => ByteOrder::Big,
            _ if begin.starts_with(b"\x7fELF") => return TypesFile::read_elf(path, file, &begin, sha256),
            _ => return Err(TypesFileError::Unknown(path.to_owned())),
        };
        let wrong = |source| TypesFileError::Types { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        file.take(TABLE_MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > TABLE_MOST {
            return Err(wrong(TypesError::TooLarge { what: "bytes", most: TABLE_MOST }));
        }
        let types = Types::parse(&bytes).map_err(wrong)?;
        Ok(TypesFile { types, form: TypesForm::Btf, sha256, build_id: None, machine: None, order })
    }

    /// Reads the types of an ELF file, given its first bytes.
    fn read_elf(
        path: &Path,
        mut file: impl Read + Seek,
        begin: &[u8],
        sha256: String,
    ) -> Result<TypesFile, TypesFileError> {
        let wrong = |source| TypesFileError::Types { path: path.to_owned(), source };
        let damaged = |part| TypesFileError::Damaged { path: path.to_owned(), part };
        let header: Header = Elf::parse_header(begin).map_err(|_| damaged("header"))?;
        if header.e_ident[header::EI_CLASS] != header::ELFCLASS64 {
            return Err(damaged("header, which is of 32 bits"));
        }
        if header.e_type == header::ET_REL {
            return Err(TypesFileError::NotLinked(path.to_owned()));
        }
        let big = header.e_ident[header::EI_DATA] == header::ELFDATA2MSB;
        let context = Ctx::new(Container::Big, if big { Endian::Big } else { Endian::Little });
        let sections = sections(&mut file, &header, context).ok_or_else(|| damaged("section headers"))?;
        let named = |name: &str| {
            sections
                .iter()
                .find(|(own, header)| own == name && header.sh_type != SHT_NOBITS)
                .map(|(_, header)| header)
        };
        let mut section = |header: &SectionHeader| read_section(&mut file, header, context, TABLE_MOST);
        let notes = sections.iter().filter(|(_, header)| header.sh_type == SHT_NOTE);
        let notes = notes.filter_map(|(_, header)| section(header).ok());
        let build_id = notes.filter_map(|notes| build_id(&notes, big)).next();
        let machine = Some(header.e_machine);
        let order = if big { ByteOrder::Big } else { ByteOrder::Little };
        if let Some(header) = named(".BTF") {
            let bytes = section(header).map_err(wrong)?;
            let types = Types::parse(&bytes).map_err(wrong)?;
            return Ok(TypesFile { types, form: TypesForm::Btf, sha256, build_id, machine, order });
        }
        if named(".debug_info").is_none() {
            return Err(TypesFileError::None(path.to_owned()));
        }
        let read = read_sections(&mut file, context, |name| named(name).cloned()).map_err(wrong)?;
        let types = Types::of_dwarf(read, big).map_err(wrong)?;
        Ok(TypesFile { types, form: TypesForm::Dwarf, sha256, build_id, machine, order })
    }

    /// Checks that the types can be those of a kernel. `path` is the file, for errors.
    ///
    /// Returns whether it is certain, because both have the same build ID.
    ///
    /// # Errors
    /// [`TypesFileError::OtherBuild`] or [`TypesFileError::OtherArch`] if they are those of another kernel.
    pub fn matches(&self, path: &Path, arch: Arch, build_id: Option<&str>) -> Result<bool, TypesFileError> {
        let same_machine = self.machine.is_none_or(|machine| machine == arch.elf_machine());
        if !same_machine || ByteOrder::of(arch) != self.order {
            return Err(TypesFileError::OtherArch { path: path.to_owned(), kernel: arch });
        }
        match (&self.build_id, build_id) {
            (Some(types), Some(kernel)) if types == kernel => Ok(true),
            (Some(types), Some(kernel)) => Err(TypesFileError::OtherBuild {
                path: path.to_owned(),
                types: types.clone(),
                kernel: kernel.to_owned(),
            }),
            _ => Ok(false),
        }
    }
}

/// Returns the sections of an ELF file with their names. `None` if the file is damaged.
fn sections(
    file: &mut (impl Read + Seek),
    header: &Header,
    context: Ctx,
) -> Option<Vec<(String, SectionHeader)>> {
    let length = u64::from(header.e_shnum) * u64::from(header.e_shentsize);
    file.seek(SeekFrom::Start(header.e_shoff)).ok()?;
    // The parser takes a table at offset 0 for none, since that is where the file's header is.
    const BEFORE: usize = 64;
    let mut table = vec![0; BEFORE];
    file.by_ref().take(length).read_to_end(&mut table).ok()?;
    let headers = SectionHeader::parse(&table, BEFORE, header.e_shnum.into(), context).ok()?;
    let names = match headers.get(usize::from(header.e_shstrndx)) {
        Some(names) => read_section(file, names, context, TABLE_MOST).ok()?,
        None => Vec::new(),
    };
    let name = |header: &SectionHeader| {
        let rest = names.get(header.sh_name..).unwrap_or_default();
        let rest = &rest[..rest.len().min(64)];
        let end = memchr::memchr(0, rest).unwrap_or(0);
        String::from_utf8_lossy(&rest[..end]).into_owned()
    };
    Some(headers.iter().map(|header| (name(header), header.clone())).collect())
}

/// Returns the build ID among the notes of a section, in hexadecimal.
fn build_id(notes: &[u8], big: bool) -> Option<String> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let number = |at: usize| -> Option<usize> {
        let bytes = *notes.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    };
    let mut at = 0;
    loop {
        let (name, content, kind) = (number(at)?, number(at + 4)?, number(at + 8)?);
        let name_at = at + 12;
        let content_at = name_at.checked_add(name.checked_next_multiple_of(4)?)?;
        let end = content_at.checked_add(content)?;
        if kind == NT_GNU_BUILD_ID as usize && notes.get(name_at..name_at + name)? == b"GNU\0" {
            return notes.get(content_at..end).map(hex::encode);
        }
        at = end.checked_next_multiple_of(4)?;
    }
}
