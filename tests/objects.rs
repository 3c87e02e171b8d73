//! Object-only kernels, of a small tree that has what `pmdscope objects` looks at of a kernel's: a make that compiles
//! single objects, a configuration, generated headers and a linker script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pmdscope_needs::Need;

use crate::common::scratch::Scratch;
use crate::common::{Ran, command, finish};

/// A tree for arm64 that is its own build folder.
struct Tree(Scratch);

const CONFIG: &str = "CONFIG_64BIT=y\nCONFIG_ARM64=y\nCONFIG_MMU=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_DEBUG_INFO=y\n\
                      CONFIG_CC_IS_CLANG=y\nCONFIG_CLANG_VERSION=190000\n";

/// make of a tree: `MORE` is further flags.
const MAKEFILE: &str = "VERSION = 7
PATCHLEVEL = 2
SUBLEVEL = 13
CC = clang-19 --target=aarch64-linux-gnu
%.o: %.c include/page.h
\t$(CC) -g -O2 -ffreestanding -fno-pic $(MORE) -Iinclude -c -o $@ $<
.PHONY: prepare arch/arm64/lib/
prepare: ;
arch/arm64/lib/: arch/arm64/lib/memset.o
";

const SCRIPT: &str = "OUTPUT_ARCH(aarch64)
ENTRY(_text)
jiffies = jiffies_64;
SECTIONS
{
 . = 0xffff800080000000;
 _text = .;
 .text : { *(.text .text.*) }
 .rodata : { *(.rodata .rodata.*) }
 .data : { *(.data .data.*) }
 .bss : { *(.bss .bss.*) }
}
";

impl Tree {
    /// Makes the tree; `None` without the compilers.
    fn new(name: &str) -> Option<Tree> {
        let runs = |program: &str| {
            Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success())
        };
        if Need::Compilers.is_hidden() || !runs("clang-19") || !runs("ld.lld-19") || !runs("make") {
            Need::Compilers.skip(name);
            return None;
        }
        let tree = Tree(Scratch::new(name));
        tree.write(".config", CONFIG);
        tree.write("Makefile", MAKEFILE);
        tree.write("arch/arm64/kernel/vmlinux.lds", SCRIPT);
        tree.write("include/linux/kconfig.h", "");
        tree.write("include/generated/autoconf.h", "#define CONFIG_64BIT 1\n#define CONFIG_ARM64 1\n");
        tree.write("include/generated/uapi/linux/version.h", "#define LINUX_VERSION_CODE 459277\n");
        tree.write("include/generated/utsrelease.h", "#define UTS_RELEASE \"7.2.13\"\n");
        tree.write(
            "include/page.h",
            "struct page { unsigned long flags;\n#ifdef LARGE\nlong more;\n#endif\n};\n",
        );
        tree.write(
            "mm/huge_memory.c",
            "#include <page.h>\nextern int limit;\nvoid wake(void);\nlong split(struct page *page) { wake(); return page->flags + limit; }\n",
        );
        tree.write("mm/gup.c", "#include <page.h>\nlong gup(struct page *page) { return page->flags; }\n");
        tree.write(
            "arch/arm64/lib/memset.c",
            "void *memset(void *to, int byte, unsigned long size) { return to; }\n",
        );
        Some(tree)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    fn objects(&self, more: &[&str]) -> Ran {
        let folder = self.path().to_str().expect("UTF-8");
        let make: &[&str] =
            if more.contains(&"--no-make") || more.contains(&"--") { &[] } else { &["--", "MORE="] };
        with_programs(&[&["objects", "--kbuild", folder], more, make].concat())
    }

    fn fails(&self, more: &[&str]) -> String {
        let ran = self.objects(more);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "one line: {}", ran.stderr);
        ran.stderr
    }

    fn asked(&self) -> Option<String> {
        fs::read_to_string(self.file(".pmdscope-objects")).ok()
    }
}

/// Runs the program where it finds make, compilers and the linker.
fn with_programs(args: &[&str]) -> Ran {
    finish(command(args).env("PATH", std::env::var_os("PATH").unwrap_or_default()))
}

#[test]
fn a_kernel_is_linked_and_says_what_it_lacks() {
    let Some(tree) = Tree::new("objects-linked") else { return };
    let ran = tree.objects(&["-v"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let kernel = tree.file("vmlinux-objects");
    let expected = format!(
        "{}: arm64 Linux 7.2.13, 3 objects, types from DWARF
  1 functions and 2 variables are in none of them
  objects: mm/gup.o mm/huge_memory.o arch/arm64/lib/memset.o
  functions: wake
  variables: jiffies_64 limit
",
        kernel.display()
    );
    assert_eq!(ran.stdout, expected);
    let info = finish(&mut command(&["kernel", "info", kernel.to_str().expect("UTF-8"), "--no-cache"]));
    assert!(info.stdout.contains("7.2.13"), "{}{}", info.stdout, info.stderr);
    // The same objects give the same bytes, wherever the result is.
    let other = tree.file("again");
    let again = tree.objects(&["-o", other.to_str().expect("UTF-8")]);
    assert_eq!(again.status, Some(0), "{}", again.stderr);
    assert!(fs::read(kernel).expect("written") == fs::read(other).expect("written"));
}

#[test]
fn what_was_lacking_is_found_and_remembered() {
    let Some(tree) = Tree::new("objects-with") else { return };
    tree.write("kernel/sched.c", "int limit = 3;\nvoid other(void) { }\n");
    tree.write("kernel/use.c", "void wake(void);\nvoid user(void) { wake(); }\n");
    tree.write("arch/arm64/boot/wake.c", "void wake(void) { }\n");
    let said = tree.fails(&["--with", "wake"]);
    assert!(said.contains("no C file of the tree that can be compiled defines wake"), "{said}");
    assert_eq!(tree.asked(), None);
    tree.write("kernel/wake.c", "void wake(void) { }\n");
    let ran = tree.objects(&["--with", "wake", "--with", "limit", "-v"]);
    assert!(ran.stdout.contains("kernel/wake.o kernel/sched.o"), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("\n  0 functions and 1 variables"), "{}", ran.stdout);
    assert_eq!(tree.asked().as_deref(), Some("kernel/wake.o\nkernel/sched.o\n"));
    let next = tree.objects(&["-v"]);
    assert!(next.stdout.contains("kernel/wake.o kernel/sched.o"), "{}{}", next.stdout, next.stderr);
    // An object from elsewhere is linked, and not remembered: make cannot bring it up to date.
    fs::copy(tree.file("kernel/wake.o"), tree.file("../objects-extra.o")).expect("it can be copied");
    fs::remove_file(tree.file(".pmdscope-objects")).expect("it was remembered");
    let extra = tree.file("../objects-extra.o");
    let ran = tree.objects(&["--with", extra.to_str().expect("UTF-8")]);
    fs::remove_file(&extra).expect("it was copied");
    assert!(ran.stdout.contains("\n  0 functions and 2 variables"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(tree.asked(), None);
    fs::write(tree.file(".pmdscope-objects"), "kernel/wake.o\nkernel/sched.o\n").expect("written");
    // What cannot be linked is not remembered.
    tree.write("kernel/twice.c", "int limit = 4;\n");
    let said = tree.fails(&["--with", "kernel/twice.c"]);
    assert!(said.contains("duplicate symbol: limit"), "{said}");
    assert_eq!(tree.asked().as_deref(), Some("kernel/wake.o\nkernel/sched.o\n"));
}

#[test]
fn a_file_that_does_not_compile_is_named_with_the_compilers_words() {
    let Some(tree) = Tree::new("objects-broken") else { return };
    assert_eq!(tree.objects(&[]).status, Some(0));
    let before = fs::read(tree.file("vmlinux-objects")).expect("written");
    tree.write("mm/gup.c", "long gup(void) { return missing; }\n");
    let said = tree.fails(&[]);
    assert!(said.contains("mm/gup.c:1:25: error: use of undeclared identifier 'missing'"), "{said}");
    assert!(fs::read(tree.file("vmlinux-objects")).expect("still there") == before, "it is not half-written");
    let folder = tree.path().to_str().expect("UTF-8");
    let args = ["bisect", "--kbuild", folder, "--entry", "migration-read", "--", "MORE="];
    let ran = with_programs(&args);
    assert_eq!(ran.status, Some(125), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.starts_with("skip: ") && ran.stdout.lines().count() == 1, "{}", ran.stdout);
}

#[test]
fn objects_of_two_configurations_are_refused() {
    let Some(tree) = Tree::new("objects-mixed") else { return };
    assert_eq!(tree.objects(&[]).status, Some(0));
    fs::remove_file(tree.file("vmlinux-objects")).expect("it was written");
    fs::remove_file(tree.file("mm/gup.o")).expect("it was compiled");
    let said = tree.fails(&["--", "MORE=-DLARGE"]);
    assert!(
        said.contains("different configurations: page has 16 bytes in some and 8 in others")
            || said.contains("different configurations: page has 8 bytes in some and 16 in others"),
        "{said}"
    );
    assert!(!tree.file("vmlinux-objects").exists());
}

#[test]
fn objects_of_another_architecture_or_without_types_are_refused() {
    let Some(tree) = Tree::new("objects-wrong") else { return };
    let said = tree.fails(&["--", "MORE=-g0"]);
    assert!(said.contains("nor any other object has debug information"), "{said}");
    tree.write("mm/gup.c", "long gup(void) { return 1; }\n");
    let said = tree.fails(&["--", "CC=clang-19 --target=x86_64-linux-gnu"]);
    assert!(said.contains("mm/gup.o: this object is not of arm64"), "{said}");
    fs::write(tree.file("mm/gup.o"), "text").expect("it can be overwritten");
    let said = tree.fails(&["--no-make"]);
    assert!(said.contains("mm/gup.o: this is no object"), "{said}");
    fs::remove_file(tree.file("mm/gup.o")).expect("it can be removed");
    let said = tree.fails(&["--no-make"]);
    assert!(said.contains("it has no mm/gup.o: run 'make mm/gup.o' there"), "{said}");
}

#[test]
fn bitcode_is_compiled_by_the_linker() {
    let Some(tree) = Tree::new("objects-bitcode") else { return };
    let ran = tree.objects(&["--", "MORE=-flto=thin"]);
    assert!(ran.stdout.contains("3 objects, types from DWARF"), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("1 functions and 2 variables"), "{}", ran.stdout);
    // As what another version of LLVM wrote.
    let mut bytes = fs::read(tree.file("mm/gup.o")).expect("it was compiled");
    bytes.truncate(bytes.len() / 2);
    fs::write(tree.file("mm/gup.o"), bytes).expect("it can be overwritten");
    let said = tree.fails(&["--no-make"]);
    assert!(said.contains("ld.lld-19 cannot link 3 objects"), "{said}");
}

#[test]
fn objects_that_are_older_than_their_sources_are_told() {
    let Some(tree) = Tree::new("objects-older") else { return };
    assert_eq!(tree.objects(&[]).status, Some(0));
    let same = tree.objects(&["--no-make"]);
    assert_eq!((same.status, same.stderr.as_str()), (Some(0), ""));
    tree.write("mm/gup.c", "#include <page.h>\nlong gup(struct page *page) { return 1; }\n");
    let ran = tree.objects(&["--no-make"]);
    assert!(ran.stderr.contains("mm/gup.o is older than the source"), "{}", ran.stderr);
}

#[test]
fn a_folder_that_is_no_build_folder_is_refused() {
    let scratch = Scratch::new("objects-no-folder");
    let refused = |folder: &str, says: &str| {
        let ran = finish(&mut command(&["objects", "--kbuild", folder]));
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(says) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
    };
    let path = scratch.path().to_str().expect("UTF-8");
    refused(path, "it has no .config");
    refused(&format!("{path}/none"), "it is no folder");
    fs::write(scratch.path().join(".config"), CONFIG.replace("TRANSPARENT_HUGEPAGE", "NONE"))
        .expect("written");
    refused(path, "no Makefile");
    fs::write(scratch.path().join("Makefile"), "").expect("written");
    refused(path, "without CONFIG_TRANSPARENT_HUGEPAGE");
}
