//! Tests of kernels that developers build: where their symbols and types come from, and what is said without them.

use std::fs;
use std::path::{Path, PathBuf};

use pmdscope_arches::Arch;

use super::samples::*;
use crate::kernel::*;

/// An ELF file with symbols and debug information, and neither kallsyms nor BTF. Its build ID is [`ID`].
const VMLINUX: &[u8] = include_bytes!("dwarf/dwarf5.elf");
/// Another one of the same build ID, for another architecture.
const OF_ARM64: &[u8] = include_bytes!("dwarf/dwarf4.elf");
const ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// Writes a file into a folder, and returns its path.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Replaces each occurrence of some bytes by others of the same length.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for at in memchr::memmem::find_iter(bytes, old) {
        put(&mut changed, at, new);
    }
    assert_ne!(changed, bytes);
    changed
}

#[test]
fn a_vmlinux_has_its_own_symbols_and_debug_information() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "vmlinux", VMLINUX);
    let cache = Cache::in_folder(folder.path().join("cache"));
    // From the file, and from the cache, in which there is no debug information.
    for _ in 0..2 {
        let kernel = Kernel::open(&path, Some(&cache)).unwrap();
        assert_eq!(
            (kernel.types_from(), kernel.types_from().to_string()),
            (&TypesFrom::Dwarf, "DWARF".to_owned())
        );
        assert_eq!((kernel.size("page"), kernel.offset("page", "lock.value")), (Some(64), Some(32)));
        assert_eq!(kernel.enumerator("PG_head"), Some(6));
        assert_eq!(kernel.prototype("get_page").unwrap().parameters.len(), 2);
        // Types that disagree answer nothing.
        assert_eq!((kernel.size("twice"), kernel.offset("twice", "member")), (None, Some(0)));
        // Functions and variables.
        let page = kernel.find("page_").unwrap();
        assert!(kernel.find("get_page").is_some_and(|found| found.address != page.address));
        assert_eq!(kernel.symbol_at(kernel.symbol("get_page").unwrap()), Some(("get_page", 0)));
    }
}

#[test]
fn types_are_given_by_another_file() {
    let folder = tempfile::tempdir().unwrap();
    // A kernel without types: the section has another name.
    let stripped = replaced(VMLINUX, b".debug_info\0", b".nothing_at\0");
    let kernel = file(folder.path(), "bare", &stripped);
    let opened = Kernel::open(&kernel, None).unwrap();
    assert!(!opened.has_types());
    assert_eq!(opened.types_from(), &TypesFrom::None(None));
    let vmlinux = file(folder.path(), "vmlinux", VMLINUX);
    let opened = Kernel::open_with_types(&kernel, Some(&vmlinux), None).unwrap();
    assert_eq!(opened.size("page"), Some(64));
    assert_eq!(opened.types_from().to_string(), "DWARF of vmlinux, of the same build");
    // Of another build, of another architecture, and of no known build.
    let error = |types: &Path| Kernel::open_with_types(&kernel, Some(types), None).unwrap_err().to_string();
    let id: Vec<u8> = hex::decode(ID).unwrap();
    let other = file(folder.path(), "other", &replaced(VMLINUX, &id, &[7; 20]));
    assert!(error(&other).ends_with(&format!("its build ID is {}, the kernel's is {ID}", "07".repeat(20))));
    let of_arm64 = file(folder.path(), "arm64", OF_ARM64);
    assert!(error(&of_arm64).ends_with("the types of another architecture: the kernel is of x86_64"));
    let note = [4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0];
    let unnamed =
        file(folder.path(), "unnamed", &replaced(VMLINUX, &note, &[4, 0, 0, 0, 20, 0, 0, 0, 9, 0, 0, 0]));
    let opened = Kernel::open_with_types(&kernel, Some(&unnamed), None).unwrap();
    assert_eq!(opened.types_from().to_string(), "DWARF of unnamed, not checked against the kernel");
    assert!(error(folder.path()).contains("a folder, not a file"));
    assert!(error(Path::new("/dev/null")).contains("a device or pipe, not a file"));
    assert!(error(&folder.path().join("absent")).contains("absent: "));
}

#[test]
fn debug_information_that_cannot_be_used_is_no_reason_to_refuse_a_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let abbreviations = replaced(VMLINUX, b".debug_abbrev\0", b".nothing_atall");
    let kernel = Kernel::open(&file(folder.path(), "vmlinux", &abbreviations), None).unwrap();
    assert!(!kernel.has_types());
    let from = kernel.types_from().to_string();
    assert!(from.starts_with("none: the kernel's debug information (DWARF) is damaged"), "{from}");
}

#[test]
fn what_cannot_be_loaded_says_what_would_do() {
    // Stripped of everything: the table of symbols is of another kind.
    let mut stripped = elf(X86_64, 2);
    put(&mut stripped, 0x3000 + 64 * 3 + 4, &1u32.to_le_bytes());
    let error = Kernel::of_file(open(&stripped).unwrap()).unwrap_err().to_string();
    assert!(
        error.contains("without symbols none of its functions can be found: give one that was built with"),
        "{error}"
    );
    assert!(error.ends_with("or a vmlinux that was not stripped"), "{error}");
    // An object file, and a byte order that the architecture's kernels do not have.
    assert!(error_of(&elf(X86_64, 1)).contains("not a linked kernel (its type is REL)"));
    let mut mislabelled = VMLINUX.to_vec();
    put(&mut mislabelled, 18, &Arch::S390x.elf_machine().to_le_bytes());
    assert!(error_of(&mislabelled).contains("an ELF file for a little-endian"), "{}", error_of(&mislabelled));
}
