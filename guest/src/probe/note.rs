//! What a probe says of itself: the tree that it was compiled from, and what the tree lacks.
//!
//! A probe has it in a section [`SECTION`], as lines of text. Each begins with a word that says what it is.

use pmdscope_arches::{Mmu, Version};

/// The name of the section.
pub const SECTION: &str = ".pmdscope.probe";

/// The largest section to read, in bytes.
const MOST_BYTES: usize = 1 << 18;
/// The most lines.
const MOST_LINES: usize = 4096;

/// The options that decide which helpers do something.
pub const OPTIONS: [&str; 18] = [
    "ARCH_ENABLE_THP_MIGRATION",
    "ARCH_HAS_PTE_DEVMAP",
    "ARCH_HAS_PTE_PROTNONE",
    "ARCH_HAS_PTE_SPECIAL",
    "ARCH_SUPPORTS_PMD_PFNMAP",
    "ARCH_SUPPORTS_PUD_PFNMAP",
    "DEBUG_VM",
    "HAVE_ARCH_HUGE_VMAP",
    "HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD",
    "HAVE_ARCH_USERFAULTFD_WP",
    "HUGETLB_PAGE",
    "MEM_SOFT_DIRTY",
    "MIGRATION",
    "NUMA_BALANCING",
    "PAGE_TABLE_CHECK",
    "PPC_4K_PAGES",
    "PTE_MARKER_UFFD_WP",
    "TRANSPARENT_HUGEPAGE",
];

/// What a probe says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The version of the tree, such as 7.2.
    pub version: Version,
    /// The release of the tree, as `uname -r` says it.
    pub release: String,
    /// The kind of MMU, where there are several.
    pub mmu: Option<Mmu>,
    /// The compiler, with its version.
    pub compiler: String,
    /// The options of the tree that decide which helpers do something, without `CONFIG_`: those that are set.
    pub options: Vec<String>,
    /// The C files of the tree that have page-table routines.
    pub pieces: Vec<Piece>,
    /// The helpers that the tree lacks, each with the compiler's message.
    pub lacks: Vec<(String, String)>,
    /// Functions and variables that the probe refers to and does not have.
    pub absent: Vec<Absent>,
    /// What was done otherwise than in the tree, a line each.
    pub assumptions: Vec<String>,
}

/// A C file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its path in the tree.
    pub file: String,
    /// The compiler's message, if it does not build alone.
    pub failed: Option<String>,
}

/// A function or variable that a probe refers to and does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Its address, where there is no memory.
    pub address: u64,
    /// Its name.
    pub name: String,
}

impl Note {
    /// Returns the lines.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            format!("linux {}", self.version),
            format!("release {}", self.release),
            format!("compiler {}", self.compiler),
        ];
        lines.push(format!("options {}", self.options.join(" ")));
        lines.extend(self.mmu.map(|mmu| format!("mmu {mmu}")));
        for piece in &self.pieces {
            lines.push(match &piece.failed {
                None => format!("built {}", piece.file),
                Some(why) => format!("failed {} {why}", piece.file),
            });
        }
        lines.extend(self.lacks.iter().map(|(name, why)| format!("lacks {name} {why}")));
        lines
            .extend(self.absent.iter().map(|absent| format!("absent {:#x} {}", absent.address, absent.name)));
        lines.extend(self.assumptions.iter().map(|line| format!("assumes {line}")));
        let printable =
            |line: &String| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        lines.iter().map(|line| printable(line) + "\n").collect()
    }

    /// Reads a section.
    ///
    /// # Errors
    /// The first line that is none, or that the section is too large.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Note, String> {
        if bytes.len() > MOST_BYTES {
            return Err(format!(
                "its section {SECTION} has {} bytes, and may have {MOST_BYTES}",
                bytes.len()
            ));
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = str::from_utf8(&bytes[..end]).map_err(|_| format!("its section {SECTION} is no text"))?;
        let mut version = None;
        let mut note = Note {
            version: Version::OLDEST,
            release: String::new(),
            mmu: None,
            compiler: String::new(),
            options: Vec::new(),
            pieces: Vec::new(),
            lacks: Vec::new(),
            absent: Vec::new(),
            assumptions: Vec::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let bad = || format!("line {} of its section {SECTION} is none of a probe's", number + 1);
            if number >= MOST_LINES || line.chars().any(char::is_control) {
                return Err(bad());
            }
            let (word, rest) = line.split_once(' ').ok_or_else(bad)?;
            let two = || {
                let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
                (first.to_owned(), second.to_owned())
            };
            match word {
                "linux" => version = Some(version_of(rest).ok_or_else(bad)?),
                "release" => note.release = rest.to_owned(),
                "options" => note.options = rest.split_whitespace().map(str::to_owned).collect(),
                "compiler" => note.compiler = rest.to_owned(),
                "mmu" => {
                    note.mmu = Some(Mmu::ALL.into_iter().find(|mmu| mmu.name() == rest).ok_or_else(bad)?)
                }
                "built" => note.pieces.push(Piece { file: rest.to_owned(), failed: None }),
                "failed" => {
                    let (file, why) = two();
                    note.pieces.push(Piece { file, failed: Some(why) });
                }
                "lacks" => note.lacks.push(two()),
                "absent" => {
                    let (address, name) = two();
                    let address =
                        address.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
                    note.absent.push(Absent { address: address.ok_or_else(bad)?, name });
                }
                "assumes" => note.assumptions.push(rest.to_owned()),
                _ => return Err(bad()),
            }
        }
        note.version = version.ok_or_else(|| format!("its section {SECTION} has no version of Linux"))?;
        Ok(note)
    }

    /// Whether the tree has an option, of those in [`options`](Self::options).
    pub fn is_set(&self, option: &str) -> bool {
        self.options.iter().any(|set| set == option)
    }

    /// Returns the name of what is absent at an address, with the distance in bytes.
    pub fn absent_at(&self, address: u64) -> Option<&str> {
        let absent = self.absent.iter().rev().find(|absent| absent.address <= address)?;
        (address - absent.address < Absent::BYTES).then_some(absent.name.as_str())
    }
}

impl Absent {
    /// The first address, above all that a probe has.
    pub(super) const FIRST: u64 = 0x18_0000;
    /// The bytes from one to the next: more than most of what is referred to has.
    pub(super) const BYTES: u64 = 1024;
    /// The most absent names: each has an address below [`crate::abi::LIMIT`].
    pub(super) const MOST: usize = ((crate::abi::LIMIT - Absent::FIRST) / Absent::BYTES) as usize;
}

/// Reads `major.minor`, of any version.
fn version_of(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some(Version::new(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note {
            version: Version::new(6, 18),
            release: "6.18.3".to_owned(),
            mmu: Some(Mmu::Hash),
            compiler: "clang version 19.1.7".to_owned(),
            options: vec!["TRANSPARENT_HUGEPAGE".to_owned()],
            pieces: vec![
                Piece { file: "mm/pgtable-generic.c".to_owned(), failed: None },
                Piece { file: "arch/x/mm/y.c".to_owned(), failed: Some("fatal error: no z.h".to_owned()) },
            ],
            lacks: vec![("pud_mkinvalid".to_owned(), "call to undeclared function".to_owned())],
            absent: vec![Absent { address: Absent::FIRST, name: "flush_all".to_owned() }],
            assumptions: vec!["no Xen".to_owned()],
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = note();
        let mut bytes = note.text().into_bytes();
        assert_eq!(Note::parse(&bytes), Ok(note.clone()));
        bytes.extend([0; 7]);
        assert_eq!(Note::parse(&bytes), Ok(note));
    }

    #[test]
    fn a_damaged_note_is_refused() {
        for text in [
            "",
            "linux",
            "linux x",
            "linux 7.2\nabsent 12 f",
            "linux 7.2\nmmu none",
            "linux 7.2\nwhat is it",
            "release 7.2",
            "linux 7.2\n\n",
        ] {
            assert!(Note::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Note::parse(&[0xff, 0xfe]).is_err());
        assert!(Note::parse(&vec![b'a'; MOST_BYTES + 1]).is_err());
    }

    #[test]
    fn what_is_absent_has_a_name() {
        let note = note();
        assert_eq!(note.absent_at(Absent::FIRST + 8), Some("flush_all"));
        assert_eq!(note.absent_at(Absent::FIRST + Absent::BYTES), None);
        assert_eq!(note.absent_at(0x1000), None);
    }
}
