//! Tests of the table of bugs and warnings.

use pmdscope_arches::{Arch, ByteOrder};
use pmdscope_needs::kernels;
use proptest::prelude::*;

use super::samples::BANNER;
use crate::kernel::bugs::{Bugs, traps_at};
use crate::kernel::*;

/// Where the sample kernel has its parts.
const BASE: u64 = 0xc000_0000_0010_0000;
const TEXT: usize = 0x1000;
const STRINGS: usize = 0x8000;
const TABLE: usize = 0xa000;
/// The number of bugs of the sample kernel.
const BUGS: usize = 40;

/// The form of a sample kernel's table.
#[derive(Debug, Clone, Copy)]
struct Form {
    arch: Arch,
    /// The size of a pointer, and whether it is relative to the start of its entry.
    pointer: usize,
    from_entry: bool,
    format: bool,
    location: bool,
}

impl Form {
    const VERBOSE: Form =
        Form { arch: Arch::Arm64, pointer: 4, from_entry: false, format: false, location: true };

    fn trap(self) -> &'static [u8] {
        match self.arch {
            Arch::Arm64 => &[0, 0, 0x21, 0xd4],
            Arch::X86_64 => &[0x0f, 0x0b],
            Arch::S390x => &[0xaf, 0, 0, 0],
            Arch::Ppc64 => &[0x0f, 0xe0, 0, 0],
            Arch::Ppc64le => &[0, 0, 0xe0, 0x0f],
            Arch::Riscv64 => &[2, 0x90],
            Arch::LoongArch64 => &[1, 0, 0x2a, 0],
            _ => &[0; 4],
        }
    }

    fn size(self) -> usize {
        let pointers = 1 + usize::from(self.format) + usize::from(self.location);
        (pointers * self.pointer + if self.location { 4 } else { 2 }).next_multiple_of(self.pointer)
    }

    fn put(self, bytes: &mut [u8], at: usize, size: usize, value: u64) {
        let whole = value.to_le_bytes();
        let place = &mut bytes[at..at + size];
        place.copy_from_slice(&whole[..size]);
        if ByteOrder::of(self.arch) == ByteOrder::Big {
            place.reverse();
        }
    }

    /// Returns a kernel whose table has the form. Each second bug is a warning, each fourth a warning once. If there
    /// are formats, each eighth is a warning with arguments, which does not trap.
    fn kernel(self, symbols: bool) -> KernelFile {
        let mut bytes = vec![0; 0xc000];
        bytes[0x100..0x100 + BANNER.len()].copy_from_slice(BANNER);
        let texts = b"\0\x014hello %d\n\0mm/huge_memory.c\0[pmd_none(*pmd)] mm/gup.c\0";
        bytes[STRINGS..STRINGS + texts.len()].copy_from_slice(texts);
        for number in 0..BUGS {
            let trap = TEXT + 8 * number;
            let arguments = self.format && number % 8 == 7;
            if !arguments {
                bytes[trap..trap + self.trap().len()].copy_from_slice(self.trap());
            }
            let entry = TABLE + number * self.size();
            let mut at = entry;
            let mut pointer = |bytes: &mut [u8], to: usize| {
                let from = if self.from_entry { entry } else { at };
                let value =
                    if self.pointer == 8 { BASE + to as u64 } else { (to as u64).wrapping_sub(from as u64) };
                self.put(bytes, at, self.pointer, value);
                at += self.pointer;
            };
            pointer(&mut bytes, trap);
            if self.format {
                pointer(&mut bytes, if arguments { STRINGS + 1 } else { STRINGS });
            }
            if self.location {
                pointer(&mut bytes, if number % 2 == 0 { STRINGS + 13 } else { STRINGS + 30 });
                self.put(&mut bytes, at, 2, 1000 + number as u64);
                at += 2;
            }
            let flags = u64::from(number % 2 == 1)
                | if number % 4 == 3 { 2 } else { 0 }
                | if arguments { 0x10 } else { 0 }
                | if number % 2 == 1 { 9 << 8 } else { 0 };
            self.put(&mut bytes, at, 2, flags);
        }
        let end = TABLE + BUGS * self.size();
        let symbol = |name: &str, at: usize| Symbol {
            name: name.to_owned(),
            address: BASE + at as u64,
            size: 0,
            kind: SymbolKind::Label,
            other: 0,
        };
        let names = match symbols {
            true => vec![symbol("__start___bug_table", TABLE), symbol("__stop___bug_table", end)],
            false => vec![symbol("_text", TEXT)],
        };
        let size = bytes.len() as u64;
        let (kind, writable, executable) = (SegmentKind::Kernel, true, true);
        KernelFile {
            package: None,
            format: "ELF".to_owned(),
            sha256: String::new(),
            release: Release {
                major: 6,
                minor: 12,
                sublevel: None,
                text: "6.12".to_owned(),
                banner: "Linux version 6.12".to_owned(),
            },
            build_id: None,
            flat: MemoryImage {
                arch: self.arch,
                segments: vec![Segment { address: BASE, bytes, size, kind, writable, executable }],
                base: Base::Linked,
                relocations: 0,
                whole: true,
                page_size: None,
                per_cpu: None,
                sections: Vec::new(),
                symbols: names,
            },
            btf: None,
        }
    }
}

/// Every form that a kernel's table can have.
fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    let arches = [Arch::Arm64, Arch::X86_64, Arch::S390x, Arch::Ppc64, Arch::Ppc64le];
    for arch in arches.into_iter().chain([Arch::Riscv64, Arch::LoongArch64]) {
        for (pointer, from_entry) in [(4, false), (4, true), (8, false)] {
            for (format, location) in [(false, true), (true, true), (false, false), (true, false)] {
                forms.push(Form { arch, pointer, from_entry, format, location });
            }
        }
    }
    forms
}

#[test]
fn every_layout_is_told_from_the_others() {
    for form in forms() {
        // Where a format is relative to its entry there is no kernel: relative formats came later.
        if form.format && form.from_entry {
            continue;
        }
        let kernel = Kernel::of_file(form.kernel(true)).unwrap();
        for number in 0..BUGS {
            let address = BASE + (TEXT + 8 * number) as u64;
            let bug = kernel.bug_at(address).unwrap_or_else(|| panic!("{form:?}: {number}"));
            let name = if number % 2 == 0 { "mm/huge_memory.c" } else { "mm/gup.c" };
            let arguments = form.format && number % 8 == 7;
            let condition = (form.location && number % 2 == 1).then_some("pmd_none(*pmd)");
            let expected = Bug {
                address,
                entry: BASE + (TABLE + number * form.size()) as u64,
                kind: if number % 2 == 1 { BugKind::Warn } else { BugKind::Bug },
                once: number % 4 == 3,
                has_arguments: arguments,
                file: form.location.then(|| name.to_owned()),
                line: form.location.then_some(1000 + number as u16),
                message: if arguments { Some("hello %d") } else { condition }.map(str::to_owned),
            };
            assert_eq!(bug, expected, "{form:?}");
            assert_eq!(kernel.bug_of_entry(bug.entry), Some(bug), "{form:?}");
        }
        assert_eq!(kernel.all_bugs().len(), BUGS, "{form:?}");
        let (trap, entry) = (BASE + TEXT as u64, BASE + TABLE as u64);
        assert_eq!((kernel.bug_at(trap + 4), kernel.bug_of_entry(entry + 4)), (None, None), "{form:?}");
        assert_eq!((kernel.bug_at(0), kernel.bug_of_entry(u64::MAX)), (None, None), "{form:?}");
    }
}

#[test]
fn a_table_that_nothing_names_is_found_by_its_form() {
    for form in forms().into_iter().filter(|form| form.pointer == 4 && !(form.format && form.from_entry)) {
        let kernel = Kernel::of_file(form.kernel(false)).unwrap();
        let bug = kernel.bug_at(BASE + TEXT as u64).unwrap_or_else(|| panic!("{form:?}"));
        assert_eq!(bug.entry, BASE + TABLE as u64, "{form:?}");
        assert_eq!(kernel.all_bugs().len(), BUGS, "{form:?}");
    }
}

#[test]
fn a_section_names_the_table() {
    let form = Form { pointer: 8, ..Form::VERBOSE };
    let mut file = form.kernel(false);
    let section = Section {
        name: "__bug_table".to_owned(),
        address: BASE + TABLE as u64,
        size: (BUGS * form.size()) as u64,
    };
    assert_eq!(Kernel::of_file(file.clone()).unwrap().all_bugs().len(), 0, "nothing tells where it is");
    file.flat.sections.push(section);
    assert_eq!(Kernel::of_file(file).unwrap().all_bugs().len(), BUGS);
}

#[test]
fn a_table_of_something_else_is_none() {
    let bugs = |change: fn(&mut KernelFile)| {
        let mut file = Form::VERBOSE.kernel(true);
        change(&mut file);
        Kernel::of_file(file).unwrap().all_bugs().len()
    };
    assert_eq!(bugs(|_| ()), BUGS);
    // No instruction traps.
    assert_eq!(bugs(|file| file.flat.segments[0].bytes[TEXT..STRINGS].fill(0)), 0);
    // Not a whole number of entries.
    assert_eq!(bugs(|file| file.flat.symbols[1].address += 1), 0);
    // The end is before the start, beyond the image, and beyond any table.
    assert_eq!(bugs(|file| file.flat.symbols[1].address = BASE), 0);
    assert_eq!(bugs(|file| file.flat.symbols[1].address += 12 << 16), 0);
    assert_eq!(bugs(|file| file.flat.symbols[1].address = u64::MAX), 0);
    // An architecture whose table is not known here.
    assert_eq!(bugs(|file| file.flat.arch = Arch::Sparc64), 0);
}

#[test]
fn texts_do_nothing_to_a_terminal() {
    let mut file = Form::VERBOSE.kernel(true);
    file.flat.segments[0].bytes[STRINGS + 13] = b'\t';
    let bug = Kernel::of_file(file).unwrap().bug_at(BASE + TEXT as u64).unwrap();
    assert_eq!(bug.file.as_deref(), Some("\u{fffd}m/huge_memory.c"));
}

proptest! {
    #[test]
    fn damaged_tables_never_panic(
        changes in prop::collection::vec((0..0xc000_usize, any::<u8>()), 1..40),
        symbols in any::<bool>(),
    ) {
        for form in [Form::VERBOSE, Form { format: true, arch: Arch::S390x, ..Form::VERBOSE }] {
            let mut file = form.kernel(symbols);
            for (at, byte) in &changes {
                file.flat.segments[0].bytes[*at] = *byte;
            }
            let kernel = Kernel::of_file(file).unwrap();
            let _ = kernel.all_bugs().len();
        }
    }
}

/// Debian's kernels: each bug is at an instruction that traps, and names a file and a line of the sources.
#[test]
fn real_kernels_have_bugs_where_they_trap() {
    for path in kernels(&[]) {
        let kernel = Kernel::open(&path, None).unwrap();
        let name = path.display();
        let image = &kernel.file().flat;
        let all = kernel.all_bugs();
        assert!(all.len() > 4000, "{name}: {}", all.len());
        let names = ["mm/huge_memory.c", "mm/gup.c", "mm/rmap.c", "mm/memory.c"];
        for of in names {
            assert!(all.iter().any(|bug| bug.file.as_deref() == Some(of)), "{name}: none of {of}");
        }
        let warnings = all.iter().filter(|bug| bug.kind == BugKind::Warn).count();
        assert!(warnings * 2 > all.len() && warnings < all.len(), "{name}: {warnings}");
        assert!(all.iter().all(|bug| bug.once <= (bug.kind == BugKind::Warn)), "{name}");
        for bug in &all {
            let traps = traps_at(image, bug.address);
            assert_eq!(traps, !bug.has_arguments, "{name}: {bug:x?}");
            let (file, line) = (bug.file.as_deref().unwrap_or_default(), bug.line.unwrap_or(0));
            assert!(file.contains('.') && !file.contains(' ') && line > 0, "{name}: {bug:x?}");
        }
        // A kernel without the symbols has the same table.
        if kernel.symbol("__start___bug_table").is_some() {
            let found = Bugs::find_by_form(&kernel).unwrap().all(&kernel);
            let missed = all.iter().filter(|bug| !found.contains(bug)).count();
            assert!(
                missed == 0 && found.len() == all.len(),
                "{name}: {missed}, {}, {}",
                found.len(),
                all.len()
            );
        }
    }
}
