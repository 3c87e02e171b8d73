//! Builds a probe.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread;

use goblin::elf::Elf;
use goblin::elf::section_header::{SHF_MERGE, SHF_WRITE, SHN_UNDEF};
use goblin::elf::sym::{STB_GLOBAL, STB_LOCAL};
use pmdscope_arches::{Arch, Mmu};

use super::ProbeError;
use super::compiler::{Compilers, HELPERS, Message};
use super::helpers::{Helper, helpers};
use super::note::{Absent, Note, OPTIONS, Piece, SECTION};
use super::sun4v;
use super::target::{ALWAYS, Otherwise, Target, otherwise_for};
use crate::abi;
use crate::elf::Guest;
use crate::routine::{self, Role};
use crate::tree::{KernelArch, Tree};

/// Helpers that a tree lacks, each with the reason.
type Lacking = Vec<(String, String)>;

/// Our own files, by the names that they have beside each other.
const SOURCES: [(&str, &str); 21] = [
    ("helpers.h", include_str!("../../probe/helpers.h")),
    ("probe.h", include_str!("../../probe/probe.h")),
    ("boot.c", include_str!("../../probe/boot.c")),
    ("agents.c", include_str!("../../c/agents.c")),
    ("agents.h", include_str!("../../c/agents.h")),
    ("arm64.h", include_str!("../../c/arm64.h")),
    ("guest.h", include_str!("../../c/guest.h")),
    ("kernel.h", include_str!("../../c/kernel.h")),
    ("loongarch64.h", include_str!("../../c/loongarch64.h")),
    ("outcomes.h", include_str!("../../c/outcomes.h")),
    ("powerpc.h", include_str!("../../c/powerpc.h")),
    ("predicates.c", include_str!("../../c/predicates.c")),
    ("riscv64.h", include_str!("../../c/riscv64.h")),
    ("s390x.h", include_str!("../../c/s390x.h")),
    ("sparc64.h", include_str!("../../c/sparc64.h")),
    ("sweep.c", include_str!("../../c/sweep.c")),
    ("walkers.c", include_str!("../../c/walkers.c")),
    ("walkers.h", include_str!("../../c/walkers.h")),
    ("writers.c", include_str!("../../c/writers.c")),
    ("writers.h", include_str!("../../c/writers.h")),
    ("x86_64.h", include_str!("../../c/x86_64.h")),
];

/// The parts of bundled guests that a probe has over the tree's helpers.
const PARTS: [&str; 4] = ["predicates", "walkers", "writers", "sweep"];

/// The flags that all files are compiled with.
const COMMON: [&str; 16] = [
    "-O2",
    "-ffreestanding",
    "-fno-pic",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-jump-tables",
    "-fno-ident",
    "-fomit-frame-pointer",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-strict-aliasing",
    "-fno-delete-null-pointer-checks",
    "-fno-common",
    "-fshort-wchar",
    "-fms-extensions",
    "-c",
];

/// Builds a probe from a tree, for a kind of MMU where there are several. Returns the ELF file and its note.
///
/// # Errors
/// If a compiler cannot be run, or refuses the headers as a whole. A helper that it refuses is left out; the note has
/// it.
pub fn build(tree: &Tree, mmu: Option<Mmu>, compilers: &Compilers) -> Result<(Vec<u8>, Note), ProbeError> {
    let folder = tempfile::Builder::new().prefix("pmdscope-probe").tempdir()?;
    let work = Work { tree, target: Target::of(tree.arch), compilers, folder: folder.path(), mmu };
    work.build()
}

struct Work<'a> {
    tree: &'a Tree,
    target: &'static Target,
    compilers: &'a Compilers,
    folder: &'a Path,
    mmu: Option<Mmu>,
}

impl Work<'_> {
    fn build(&self) -> Result<(Vec<u8>, Note), ProbeError> {
        for (name, text) in SOURCES {
            fs::write(self.folder.join(name), text)?;
        }
        let otherwise: Vec<&Otherwise> = self.target.otherwise.iter().chain([&ALWAYS]).collect();
        let of_mmu = otherwise_for(self.mmu);
        let taken: Vec<&str> = (otherwise.iter().copied().chain(&of_mmu))
            .flat_map(|one| one.without.iter().copied())
            .filter(|option| self.tree.is_set(option))
            .collect();
        fs::write(self.folder.join("options.h"), self.options(&taken))?;
        let kernel_flags = self.kernel_flags()?;

        // The tree's files and the helpers do not depend on each other.
        let files: &[&str] = if self.tree.has_files { self.target.files } else { &[] };
        let (helpers, pieces) = thread::scope(|scope| {
            let pieces = scope.spawn(|| self.compile_files(files, &kernel_flags));
            let helpers = self.compile_helpers(&kernel_flags);
            (helpers, pieces.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (has, lacks) = helpers?;
        let pieces = pieces?;
        self.compile_ours(&has)?;

        let mut note = Note {
            version: self.tree.version,
            release: self.tree.release.clone(),
            mmu: self.mmu,
            compiler: self.compilers.version.clone(),
            options: OPTIONS
                .into_iter()
                .filter(|option| self.tree.is_set(option))
                .map(str::to_owned)
                .collect(),
            pieces,
            lacks,
            absent: Vec::new(),
            assumptions: self.assumptions(&taken, &of_mmu),
        };
        note.absent = self.absent(&note)?;
        let elf = self.link(&note)?;
        // Whoever runs it reads it in the same way.
        let guest = Guest::parse(&elf, self.tree.arch)?;
        let end = guest.segments().iter().map(|segment| segment.address + segment.size).max().unwrap_or(0);
        if end > Absent::FIRST {
            let message = format!("it has {end:#x} bytes, and may have {:#x}", Absent::FIRST);
            return Err(ProbeError::Build { program: self.compilers.linker_name(), message });
        }
        Ok((elf, note))
    }

    /// Returns a header that follows the options of the tree: what a probe has otherwise.
    fn options(&self, taken: &[&str]) -> String {
        let mut text = String::new();
        if self.compilers.is_clang {
            text += "#undef CONFIG_CC_IS_GCC\n#define CONFIG_CC_IS_CLANG 1\n#undef CONFIG_GCC_VERSION\n#define CONFIG_GCC_VERSION 0\n";
        }
        // It asks the compiler for checks that call functions of the kernel.
        text += "#undef CONFIG_FORTIFY_SOURCE\n";
        for option in taken {
            let _ = writeln!(text, "#undef CONFIG_{option}");
        }
        // A routine of the tree that has the name of one of ours. It does the work below ours.
        for symbol in ours() {
            let _ = writeln!(text, "#pragma redefine_extname {symbol} {KERNEL}{symbol}");
        }
        text
    }

    fn assumptions(&self, taken: &[&str], of_mmu: &Option<Otherwise>) -> Vec<String> {
        let mut lines = vec!["functions that flush translations do nothing".to_owned()];
        for one in self.target.otherwise.iter().chain([&ALWAYS]).chain(of_mmu) {
            let set: Vec<_> = one
                .without
                .iter()
                .filter(|option| taken.contains(option))
                .map(|option| format!("CONFIG_{option}"))
                .collect();
            if !set.is_empty() {
                lines.push(format!("compiled without {}: {}", set.join(" and "), one.because));
            }
        }
        if !self.tree.has_files {
            lines.push(
                "the tree has headers only: where an architecture has no pmdp_invalidate() of its own, the probe's is by pmdscope, from the tree's pmdp_establish(), pmd_mkinvalid() and flush"
                    .to_owned(),
            );
        }
        lines
    }

    /// Returns the flags for what includes headers of the tree.
    fn kernel_flags(&self) -> Result<Vec<OsString>, ProbeError> {
        let (headers, generated, folder) =
            (&self.tree.headers, &self.tree.generated, KernelArch::of(self.tree.arch).folder);
        let mut flags = self.flags();
        flags.extend(["-std=gnu11", "-D__KERNEL__", "-nostdinc"].map(OsString::from));
        flags.extend(
            [
                "-DKBUILD_MODFILE=\"probe\"",
                "-DKBUILD_BASENAME=\"probe\"",
                "-DKBUILD_MODNAME=\"probe\"",
                "-D__KBUILD_MODNAME=probe",
            ]
            .map(OsString::from),
        );
        flags.extend(["-isystem".into(), self.compilers.own_headers()?.into_os_string()]);
        let mut include =
            |base: &Path, path: &str| flags.extend(["-I".into(), base.join(path).into_os_string()]);
        for user in ["", "/uapi"] {
            include(headers, &format!("arch/{folder}/include{user}"));
            include(generated, &format!("arch/{folder}/include/generated{user}"));
            include(headers, &format!("include{user}"));
            include(generated, if user.is_empty() { "include" } else { "include/generated/uapi" });
        }
        // As some of the tree's C files find what is not in an include folder.
        include(headers, &format!("arch/{folder}"));
        let mut first = |path: std::path::PathBuf| {
            if path.is_file() {
                flags.extend(["-include".into(), path.into_os_string()]);
            }
        };
        first(headers.join("include/linux/compiler-version.h"));
        first(headers.join("include/linux/kconfig.h"));
        first(self.folder.join("options.h"));
        first(headers.join("include/linux/compiler_types.h"));
        // Same bytes wherever the tree is.
        for base in [headers, generated] {
            let mut map = OsString::from("-ffile-prefix-map=");
            map.push(base);
            map.push("/=");
            flags.push(map);
        }
        Ok(flags)
    }

    fn flags(&self) -> Vec<OsString> {
        let is_clang = self.compilers.is_clang;
        // Errors are read. With -w, gcc would say of a helper that is not there what its use makes of it.
        let messages = if is_clang {
            ["-ferror-limit=0", "-fno-caret-diagnostics", "-w"]
        } else {
            ["-fmax-errors=0", "-fno-diagnostics-show-caret", "-Werror=implicit-function-declaration"]
        };
        self.target.flags(is_clang).iter().chain(&COMMON).chain(&messages).map(OsString::from).collect()
    }

    /// Compiles one file of ours or of the tree.
    fn compile(
        &self,
        flags: &[OsString],
        more: &[String],
        file: &Path,
        object: &str,
    ) -> Result<Result<(), Vec<Message>>, ProbeError> {
        let mut arguments = flags.to_vec();
        arguments.extend(more.iter().map(OsString::from));
        arguments.extend([file.as_os_str().to_owned(), "-o".into(), object.into()]);
        let compiled = self.compilers.compile(self.folder, &arguments)?;
        if compiled.is_ok() {
            unmerge(&self.folder.join(object))?;
            if self.tree.arch == Arch::Sparc64 {
                self.replace_instructions(object)?;
            }
        }
        Ok(compiled)
    }

    /// Makes an object what it is on a machine that has started.
    fn replace_instructions(&self, object: &str) -> Result<(), ProbeError> {
        let path = self.folder.join(object);
        let mut bytes = fs::read(&path)?;
        match sun4v::replace_instructions(&mut bytes) {
            Ok(0) => Ok(()),
            Ok(_) => Ok(fs::write(&path, bytes)?),
            Err(error) => {
                Err(ProbeError::Build { program: self.compilers.name(), message: error.to_string() })
            }
        }
    }

    /// Compiles the helpers that the tree has. Returns them, and those that it lacks with the compiler's message.
    fn compile_helpers(&self, flags: &[OsString]) -> Result<(Vec<&'static Helper>, Lacking), ProbeError> {
        let more = if !self.tree.has_files { vec!["-DPROBE_HEADERS_ONLY".to_owned()] } else { Vec::new() };
        // Each with the number of the way in which it is called.
        let mut has: Vec<(&'static Helper, usize)> = helpers().iter().map(|helper| (helper, 0)).collect();
        let mut lacks = Vec::new();
        loop {
            let lines: String =
                has.iter().filter_map(|(helper, way)| Some(helper.source(*way)? + "\n")).collect();
            fs::write(self.folder.join(HELPERS), format!("#include \"helpers.h\"\n{lines}"))?;
            let Err(messages) = self.compile(flags, &more, Path::new(HELPERS), "helpers.o")? else {
                return Ok((has.into_iter().map(|(helper, _)| helper).collect(), lacks));
            };
            // The helpers begin in the second line.
            let mut refused: BTreeMap<usize, &str> = BTreeMap::new();
            for message in &messages {
                if let Some(index) = message.line.and_then(|line| line.checked_sub(2))
                    && index < has.len()
                {
                    refused.entry(index).or_insert(&message.text);
                }
            }
            // What is not there is named where it is used first; other messages may be about what follows from it.
            if refused.values().any(|text| undeclared(text).is_some()) {
                refused.retain(|_, text| undeclared(text).is_some());
            }
            if refused.is_empty() {
                let message = messages.into_iter().next().map(|message| message.text).unwrap_or_default();
                let (tree, compiler) = (self.tree.generated.clone(), self.compilers.name());
                return Err(ProbeError::Headers { tree, compiler, message });
            }
            for (index, text) in refused.into_iter().rev() {
                let (helper, way) = has[index];
                if helper.source(way + 1).is_some() {
                    has[index].1 += 1;
                    continue;
                }
                has.remove(index);
                lacks.push((helper.name.to_owned(), lacking(helper, text)));
            }
        }
    }

    /// Compiles the tree's own files, as far as they build alone.
    fn compile_files(&self, files: &[&str], flags: &[OsString]) -> Result<Vec<Piece>, ProbeError> {
        let mut pieces = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let path = self.tree.headers.join(file);
            if !path.is_file() {
                continue;
            }
            let failed = self.compile(flags, &[], &path, &format!("tree{number}.o"))?.err();
            let failed = failed.and_then(|messages| messages.into_iter().next()).map(|message| message.text);
            pieces.push(Piece { file: (*file).to_owned(), failed });
        }
        Ok(pieces)
    }

    /// Compiles what a probe has of a bundled guest, over the helpers of the tree, and what a kernel sets when it
    /// starts.
    fn compile_ours(&self, has: &[&'static Helper]) -> Result<(), ProbeError> {
        let linux = u32::from(self.tree.version.major) * 1000 + u32::from(self.tree.version.minor);
        let mut flags = self.flags();
        flags.extend(["-std=gnu17".into(), format!("-DLINUX={linux}").into()]);
        flags.extend(self.mmu.map(|mmu| format!("-DMMU_{}", mmu.name().to_uppercase()).into()));
        let mut over: Vec<String> =
            has.iter().map(|helper| format!("-DHAVE_PROBE_{}", helper.name)).collect();
        over.push("-DPROBE".to_owned());
        if ["HAVE_GUP_FAST", "HAVE_FAST_GUP"].iter().any(|option| self.tree.is_set(option)) {
            over.push("-DHAVE_GUP_FAST=1".to_owned());
        }
        // Agents do what hardware does: no helper of the tree takes part.
        let parts =
            PARTS.iter().map(|part| (*part, over.as_slice())).chain([("agents", &[][..]), ("boot", &[][..])]);
        for (part, more) in parts {
            let compiled =
                self.compile(&flags, more, Path::new(&format!("{part}.c")), &format!("{part}.o"))?;
            compiled.map_err(|messages| self.not_built(self.compilers.name(), messages))?;
        }
        Ok(())
    }

    fn not_built(&self, program: String, messages: Vec<Message>) -> ProbeError {
        let message = messages.into_iter().next().map(|message| message.text).unwrap_or_default();
        ProbeError::Build { program, message }
    }

    /// Returns the object files, of a probe whose C files were built as the note says.
    fn objects(&self, note: &Note) -> Vec<String> {
        let mut objects = vec!["helpers.o".to_owned(), "agents.o".to_owned()];
        objects.extend(PARTS.iter().map(|part| format!("{part}.o")));
        let built = |file: &str| note.pieces.iter().any(|piece| piece.file == file && piece.failed.is_none());
        let tree = self.target.files.iter().enumerate().filter(|(_, file)| built(file));
        objects.extend(tree.map(|(number, _)| format!("tree{number}.o")));
        // Last, since what it has is for what nobody else has.
        objects.push("boot.o".to_owned());
        objects
    }

    /// Gives an address where there is no memory to everything that no object has.
    fn absent(&self, note: &Note) -> Result<Vec<Absent>, ProbeError> {
        let (mut wanted, mut has) = (BTreeSet::new(), BTreeSet::new());
        for object in self.objects(note) {
            let bytes = fs::read(self.folder.join(object))?;
            let elf = Elf::parse(&bytes)?;
            for symbol in &elf.syms {
                let name = elf.strtab.get_at(symbol.st_name).unwrap_or_default();
                match (symbol.st_shndx as u32 == SHN_UNDEF, symbol.st_bind()) {
                    _ if name.is_empty() => {}
                    (true, STB_GLOBAL) => drop(wanted.insert(name.to_owned())),
                    (false, bind) if bind != STB_LOCAL => drop(has.insert(name.to_owned())),
                    _ => {}
                }
            }
        }
        // The linker makes this one on POWER.
        has.insert(".TOC.".to_owned());
        has.extend(self.target.tables.iter().map(|(name, _)| (*name).to_owned()));
        let names: Vec<&String> = wanted.difference(&has).collect();
        if names.len() > Absent::MOST {
            let message = format!(
                "it refers to {} functions and variables that it does not have, and may to {}",
                names.len(),
                Absent::MOST
            );
            return Err(ProbeError::Build { program: self.compilers.linker_name(), message });
        }
        Ok(names
            .into_iter()
            .zip(0..)
            .map(|(name, number)| Absent {
                address: Absent::FIRST + number * Absent::BYTES,
                name: name.clone(),
            })
            .collect())
    }

    fn link(&self, note: &Note) -> Result<Vec<u8>, ProbeError> {
        let text = note.text();
        let literal: String = text
            .bytes()
            .map(|byte| match byte {
                b'\n' => "\\n\"\n\"".to_owned(),
                b'"' | b'\\' | b'?' => format!("\\{}", char::from(byte)),
                0x20..=0x7e => char::from(byte).to_string(),
                _ => format!("\\{byte:03o}"),
            })
            .collect();
        fs::write(
            self.folder.join("note.c"),
            format!(
                "__attribute__((section(\"{SECTION}\"), used, retain)) const char note[] = \"{literal}\";\n"
            ),
        )?;
        let compiled = self.compile(&self.flags(), &[], Path::new("note.c"), "note.o")?;
        compiled.map_err(|messages| self.not_built(self.compilers.name(), messages))?;
        let tables = self.target.tables.iter().map(|(name, address)| format!("{name} = {address:#x};\n"));
        let absent: String = note
            .absent
            .iter()
            .map(|absent| format!("\"{}\" = {:#x};\n", absent.name, absent.address))
            .collect();
        fs::write(self.folder.join("absent.ld"), absent + &tables.collect::<String>())?;

        let mut arguments: Vec<OsString> = [
            "-static",
            "--image-base=0x100000",
            "-z",
            "max-page-size=8192",
            "-z",
            "norelro",
            "--build-id=none",
            "--entry=survey",
            "--section-start=.first=0x0",
            "--gc-sections",
            "-z",
            "muldefs",
        ]
        .map(OsString::from)
        .to_vec();
        // Nobody calls these within the probe.
        let called =
            helpers().iter().map(Helper::symbol).chain([CALLS.to_owned()]).chain(ours().map(str::to_owned));
        arguments.extend(called.map(|symbol| format!("--undefined={symbol}").into()));
        arguments.extend(self.objects(note).into_iter().map(OsString::from));
        arguments.extend(["note.o", "absent.ld", "-o", "probe.elf"].map(OsString::from));
        let linked = self.compilers.link(self.folder, &arguments)?;
        linked.map_err(|messages| self.not_built(self.compilers.linker_name(), messages))?;
        Ok(fs::read(self.folder.join("probe.elf"))?)
    }
}

/// Takes the mark of mergeable contents from writable sections, which the linker refuses together. Tables of bugs have
/// both on s390x.
fn unmerge(object: &Path) -> Result<(), ProbeError> {
    let mut bytes = fs::read(object)?;
    let elf = Elf::parse(&bytes)?;
    let both = u64::from(SHF_WRITE | SHF_MERGE);
    let marked =
        elf.section_headers.iter().enumerate().filter(|(_, section)| section.sh_flags & both == both);
    let flags: Vec<(usize, u64)> =
        marked.map(|(number, section)| (number, section.sh_flags & !u64::from(SHF_MERGE))).collect();
    let (start, size, little) =
        (elf.header.e_shoff as usize, usize::from(elf.header.e_shentsize), elf.little_endian);
    for (number, flags) in &flags {
        // sh_flags is behind sh_name and sh_type.
        let at = start + number * size + 8;
        let flags = if little { flags.to_le_bytes() } else { flags.to_be_bytes() };
        if let Some(place) = bytes.get_mut(at..at + 8) {
            place.copy_from_slice(&flags);
        }
    }
    if !flags.is_empty() {
        fs::write(object, bytes)?;
    }
    Ok(())
}

/// Says why a helper is not there, by a compiler's message.
fn lacking(helper: &Helper, message: &str) -> String {
    match undeclared(message) {
        Some(name) if name == helper.name => "the tree has none".to_owned(),
        Some(name) => format!("the tree has no {name}"),
        None => message.to_owned(),
    }
}

/// Returns the name that a compiler's message says nobody declared.
fn undeclared(message: &str) -> Option<&str> {
    ["call to undeclared function '", "implicit declaration of function '", "use of undeclared identifier '"]
        .iter()
        .find_map(|begin| message.strip_prefix(begin)?.split('\'').next())
}

/// The function that calls a helper for each of several calls.
pub const CALLS: &str = "probe_calls";

/// What the tree's routines with the names of ours are called in a probe.
const KERNEL: &str = "kernel_";

/// Returns the functions of a bundled guest.
fn ours() -> impl Iterator<Item = &'static str> {
    let routines =
        Role::ALL.into_iter().flat_map(|role| routine::all(role).iter().map(|routine| routine.symbol()));
    let predicates = abi::PREDICATES.into_iter().chain(abi::VALUES);
    let all: BTreeSet<&str> =
        routines.chain(predicates).chain([abi::SURVEY, abi::SWEEP, abi::WARNING]).collect();
    all.into_iter()
}
