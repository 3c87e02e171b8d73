//! Tests of the types of kernels: BTF that is made here, and debug information that `dwarf/build` made.

use std::path::Path;

use pmdscope_arches::Arch;
use proptest::prelude::*;

use super::samples::*;
use crate::kernel::*;

/// Writes BTF of either byte order.
struct Writer {
    big: bool,
    types: Vec<u8>,
    names: Vec<u8>,
}

impl Writer {
    fn number(&mut self, number: u32) {
        self.types.extend(if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.names.len() as u32;
        self.names.extend(name.bytes());
        self.names.push(0);
        at
    }

    /// Adds a type: name, kind, number of members, flag, size or type, and the rest.
    fn add(&mut self, name: &str, kind: u32, members: u32, flag: u32, size: u32, rest: &[(&str, &[u32])]) {
        let name = self.name(name);
        self.number(name);
        self.number(flag << 31 | kind << 24 | members);
        self.number(size);
        for (name, numbers) in rest {
            if *name != "-" {
                let name = self.name(name);
                self.number(name);
            }
            numbers.iter().for_each(|number| self.number(*number));
        }
    }

    fn done(mut self) -> Vec<u8> {
        let (types, names) = (std::mem::take(&mut self.types), std::mem::take(&mut self.names));
        let magic = if self.big { 0xeb9f_u16.to_be_bytes() } else { 0xeb9f_u16.to_le_bytes() };
        let lengths = [24, 0, types.len() as u32, types.len() as u32, names.len() as u32];
        lengths.into_iter().for_each(|number| self.number(number));
        [&magic, &[1, 0][..], &self.types, &types, &names].concat()
    }
}

fn btf(big: bool) -> Vec<u8> {
    const INT: u32 = 1;
    const PTR: u32 = 2;
    const ARRAY: u32 = 3;
    const STRUCT: u32 = 4;
    const UNION: u32 = 5;
    const ENUM: u32 = 6;
    let mut to = Writer { big, types: Vec::new(), names: vec![0] };
    to.add("long", INT, 0, 0, 8, &[("-", &[64])]);
    // Type 2 is an anonymous struct, and type 3 an anonymous union that contains it.
    to.add("", STRUCT, 2, 0, 16, &[("first", &[1, 0]), ("second", &[1, 64])]);
    to.add("", UNION, 2, 0, 16, &[("", &[2, 0]), ("other", &[1, 0])]);
    to.add(
        "page",
        STRUCT,
        4,
        1,
        64,
        &[("flags", &[1, 0]), ("", &[3, 64]), ("bits", &[1, 3 << 24 | 192]), ("lock", &[7, 256])],
    );
    to.add("", PTR, 0, 0, 4, &[]);
    to.add("spinlock", STRUCT, 1, 0, 8, &[("value", &[1, 32])]);
    to.add("spinlock_t", 8, 0, 0, 6, &[]);
    to.add("pageflags", ENUM, 2, 0, 4, &[("PG_locked", &[0]), ("PG_head", &[6])]);
    to.add("errors", ENUM, 1, 1, 4, &[("NONE", &[u32::MAX])]);
    to.add("", 13, 2, 0, 1, &[("page", &[5]), ("count", &[1])]);
    to.add("get_page", 12, 0, 0, 10, &[]);
    to.add("ten", 8, 0, 0, 13, &[]);
    to.add("", ARRAY, 0, 0, 0, &[("-", &[1, 1, 10])]);
    // A typedef of itself.
    to.add("circle", 8, 0, 0, 14, &[]);
    to.add("twice", STRUCT, 1, 0, 8, &[("member", &[1, 0])]);
    to.add("twice", STRUCT, 1, 0, 16, &[("member", &[1, 0])]);
    to.done()
}

#[test]
fn members_sizes_enumerators_and_functions() {
    for big in [false, true] {
        let types = Types::parse(&btf(big)).unwrap();
        assert_eq!(types.offset("page", "flags").unwrap(), 0);
        assert_eq!(types.offset("page", "second").unwrap(), 16);
        assert_eq!(types.offset("page", "other").unwrap(), 8);
        assert_eq!(types.offset("page", "lock.value").unwrap(), 36);
        assert_eq!(types.offset("spinlock_t", "value").unwrap(), 4);
        assert_eq!(types.size("page").unwrap(), 64);
        assert_eq!(types.size("ten").unwrap(), 80);
        assert_eq!(types.enumerator(Some("pageflags"), "PG_head").unwrap(), Some(6));
        assert_eq!(types.enumerator(None, "PG_head").unwrap(), Some(6));
        assert_eq!(types.enumerator(None, "NONE").unwrap(), Some(-1));
        assert_eq!(types.enumerator(Some("errors"), "PG_head").unwrap(), None);
        let function = types.function("get_page").unwrap().unwrap();
        let names: Vec<_> =
            function.parameters.iter().map(|of| (of.name.as_deref().unwrap(), &of.type_name[..])).collect();
        assert_eq!(names, [("page", "struct page *"), ("count", "long")]);
        assert_eq!((&function.returns[..], function.variadic), ("long", false));
        assert_eq!(types.function("put_page").unwrap(), None);
        assert_taking(&types);
    }
}

/// Checks that functions are found by the types of their parameters, among names that may be of nothing.
fn assert_taking(types: &Types) {
    let names = ["put_page", "get_page", "page", "no_such_name"];
    let found = types.functions_taking(&["pmd_t *", "struct page *"], names).unwrap();
    let found: Vec<&str> = found.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(found, ["get_page"]);
    assert_eq!(types.functions_taking(&["struct page"], names).unwrap(), [], "a type as it is written");
    assert_eq!(types.functions_taking(&["struct page *"], []).unwrap(), []);
}

/// Debug information of DWARF 4 and 5, both byte orders, plain and compressed, with the name of its file.
const DWARF: [(&str, &[u8]); 5] = [
    ("dwarf4", include_bytes!("dwarf/dwarf4.elf")),
    ("dwarf5", include_bytes!("dwarf/dwarf5.elf")),
    ("dwarf5-big", include_bytes!("dwarf/dwarf5-big.elf")),
    ("dwarf5-zlib", include_bytes!("dwarf/dwarf5-zlib.elf")),
    ("dwarf5-zstd", include_bytes!("dwarf/dwarf5-zstd.elf")),
];

#[test]
fn debug_information_answers_as_btf_does() {
    for (name, bytes) in DWARF {
        let file = TypesFile::from_bytes(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.form, TypesForm::Dwarf);
        assert_eq!(file.build_id.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"), "{name}");
        let types = file.types;
        assert_eq!(types.offset("page", "flags").unwrap(), 0, "{name}");
        assert_eq!(types.offset("page", "second").unwrap(), 16, "{name}");
        assert_eq!(types.offset("page", "other").unwrap(), 8, "{name}");
        assert_eq!(types.offset("page", "lock.value").unwrap(), 32, "{name}");
        assert_eq!(types.offset("page", "tail").unwrap(), 40, "{name}");
        assert_eq!(types.offset("spinlock_t", "value").unwrap(), 4, "{name}");
        assert_eq!(types.size("page").unwrap(), 64, "{name}");
        assert_eq!(types.size("ten").unwrap(), 80, "{name}");
        assert_eq!(types.size("pageflags").unwrap(), 4, "{name}");
        assert_eq!(types.enumerator(Some("pageflags"), "PG_head").unwrap(), Some(6), "{name}");
        assert_eq!(types.enumerator(None, "PG_head").unwrap(), Some(6), "{name}");
        assert_eq!(types.enumerator(None, "NONE").unwrap(), Some(-1), "{name}");
        assert_eq!(types.enumerator(None, "PG_tail").unwrap(), None, "{name}");
        assert_eq!(types.enumerator(Some("errors"), "PG_head").unwrap(), None, "{name}");
        let function = types.function("get_page").unwrap().unwrap();
        let names: Vec<_> =
            function.parameters.iter().map(|of| (of.name.as_deref().unwrap(), &of.type_name[..])).collect();
        assert_eq!(names, [("page", "struct page *"), ("count", "long")], "{name}");
        assert_eq!((&function.returns[..], function.variadic), ("struct page *", true), "{name}");
        assert_eq!(types.function("put_page").unwrap(), None, "{name}");
        assert_taking(&types);
        let error = |of, path| types.offset(of, path).unwrap_err().to_string();
        assert_eq!(error("pagge", "flags"), "this kernel has no type pagge: did you mean page or pageflags?");
        assert_eq!(error("page", "secnd"), "in this kernel, page has no member secnd: did you mean second?");
        assert_eq!(error("page", "bits"), "page.bits is a bitfield, which is at no byte of its own");
        assert_eq!(error("page", "flags.x"), "page.flags is not a struct or union, so it has no members");
        assert!(
            error("declared", "x").starts_with("this kernel has no type declared"),
            "{name}: only declared"
        );
        // The two units agree about the one member, and not about the size.
        assert_eq!(types.offset("twice", "member").unwrap(), 0, "{name}");
        assert_eq!(types.offset("twice", "more").unwrap(), 8, "{name}");
        assert_eq!(
            types.size("twice").unwrap_err().to_string(),
            "this kernel has several types twice, with its end at 8 and at 16"
        );
    }
}

#[test]
fn types_of_another_kernel_are_refused() {
    let path = Path::new("types");
    let file = |number: usize| TypesFile::from_bytes(DWARF[number].1).unwrap();
    let id = "0123456789abcdef0123456789abcdef01234567";
    assert!(file(0).matches(path, Arch::Arm64, Some(id)).unwrap());
    assert!(!file(0).matches(path, Arch::Arm64, None).unwrap(), "nothing to compare with");
    let error = file(0).matches(path, Arch::Arm64, Some("ab")).unwrap_err().to_string();
    assert_eq!(error, format!("types: the types of another build: its build ID is {id}, the kernel's is ab"));
    let error = file(0).matches(path, Arch::X86_64, Some(id)).unwrap_err().to_string();
    assert_eq!(error, "types: the types of another architecture: the kernel is of x86_64");
    assert!(file(2).matches(path, Arch::Ppc64, Some(id)).unwrap());
    assert!(file(2).matches(path, Arch::Ppc64le, Some(id)).is_err(), "its byte order");
    let raw = |big| TypesFile::from_bytes(&btf(big)).unwrap();
    assert_eq!((raw(true).form, raw(true).build_id), (TypesForm::Btf, None));
    assert!(!raw(false).matches(path, Arch::Arm64, Some(id)).unwrap());
    assert!(raw(true).matches(path, Arch::Arm64, Some(id)).is_err());
}

#[test]
fn files_without_types_say_what_would_do() {
    let error = |bytes: &[u8]| {
        let text = TypesFile::from_bytes(bytes).unwrap_err().to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        text
    };
    assert!(error(b"").contains("neither BTF nor an ELF file"));
    assert!(error(b"\x7fELF").contains("damaged ELF file, in its header"));
    assert!(error(&elf(X86_64, 2)).contains("has neither BTF nor debug information (DWARF)"));
    assert!(error(&elf(X86_64, 1)).contains("an object file that is not linked"));
    assert!(error(&btf(false)[..40]).contains("damaged"));
    // The file ends within its debug information, or claims more than is ever read.
    let plain = DWARF[1].1;
    assert!(error(&plain[..plain.len() / 2]).contains("damaged ELF file, in its section headers"));
    let changed = |name: &str, field: usize, value: u64| {
        let mut bytes = plain.to_vec();
        let header = section_header(plain, name);
        put(&mut bytes, header + field, &value.to_le_bytes());
        error(&bytes)
    };
    assert!(changed(".debug_info", 32, 1 << 20).contains("its types cannot be read"));
    assert!(changed(".debug_info", 32, 1 << 40).contains("more than 1073741824 bytes, which are not read"));
    assert!(changed(".debug_info", 32, 0).contains("describes no types"));
    assert!(changed(".debug_abbrev", 32, 1).contains("(DWARF) is damaged"));
    // Compressed sections that are damaged, of another length than they say, and of an unknown kind.
    for (_, packed) in &DWARF[3..] {
        let header = section_header(packed, ".debug_info");
        let start = u64::from_le_bytes(*packed[header + 24..].first_chunk().unwrap()) as usize;
        for (at, byte) in [(24 + 8, 0xff), (8, 1), (0, 9)] {
            let mut bytes = packed.to_vec();
            bytes[start + at] = byte;
            assert!(error(&bytes).contains("cannot be unpacked"), "{at}: {}", error(&bytes));
        }
    }
}

/// Returns the offset of the header of a section of a little-endian ELF file.
fn section_header(bytes: &[u8], name: &str) -> usize {
    let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let short = |at: usize| usize::from(u16::from_le_bytes(*bytes[at..].first_chunk().unwrap()));
    let word = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let header = |index: usize| number(40) + 64 * index;
    let names = number(header(short(62)) + 24);
    (0..short(60))
        .map(header)
        .find(|at| bytes[names + word(*at)..].starts_with(&[name.as_bytes(), b"\0"].concat()))
        .unwrap()
}

/// Types of which each has the next twice, without a name: no lookup may follow all ways.
#[test]
fn types_that_lead_to_others_in_too_many_ways() {
    let mut to = Writer { big: false, types: Vec::new(), names: vec![0] };
    to.add("long", 1, 0, 0, 8, &[("-", &[64])]);
    for number in 0..60 {
        let inner = if number == 0 { 1 } else { number + 1 };
        let name = if number == 59 { "maze" } else { "" };
        to.add(name, 5, 2, 0, 8, &[("", &[inner, 0]), ("", &[inner, 0])]);
    }
    let types = Types::parse(&to.done()).unwrap();
    let error = types.offset("maze", "end").unwrap_err().to_string();
    assert!(error.ends_with("types lead to one another in too many ways"), "{error}");
}

#[test]
fn what_there_is_not() {
    let types = Types::parse(&btf(false)).unwrap();
    let offset = |of, path| types.offset(of, path).unwrap_err().to_string();
    assert_eq!(offset("pages", "flags"), "this kernel has no type pages: did you mean page or pageflags?");
    assert_eq!(offset("page", "flag"), "in this kernel, page has no member flag: did you mean flags?");
    assert_eq!(offset("page", "secnd"), "in this kernel, page has no member secnd: did you mean second?");
    assert_eq!(offset("page", "bits"), "page.bits is a bitfield, which is at no byte of its own");
    assert_eq!(offset("page", "flags.x"), "page.flags is not a struct or union, so it has no members");
    assert!(offset("circle", "x").ends_with("circle contains itself"));
    assert_eq!(types.offset("twice", "member").unwrap(), 0);
    assert_eq!(
        types.size("twice").unwrap_err().to_string(),
        "this kernel has several types twice, with its end at 8 and at 16"
    );
    assert!(types.size("").is_err());
    assert!(
        Types::parse(b"BTF").unwrap_err().to_string().starts_with("the kernel's description of its types")
    );
}

#[test]
fn the_largest_in_the_image_is_taken() {
    let whole = btf(false);
    let mut bytes = arm64();
    put(&mut bytes, 0x4000, &whole);
    // A header that describes more types than the image has bytes.
    put(&mut bytes, 0x3000, &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let kernel = open(&bytes).unwrap();
    let place = BtfPlace { segment: 0, offset: 0x4000, length: whole.len() };
    assert_eq!((kernel.btf, kernel.btf()), (Some(place), Some(&whole[..])));
    assert_eq!(kernel.types().unwrap().unwrap().size("page").unwrap(), 64);
}

proptest! {
    #[test]
    fn damaged_debug_information_never_panics(
        which in 0..DWARF.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = DWARF[which].1.to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(file) = TypesFile::from_bytes(&bytes) {
            let types = file.types;
            for name in ["page", "spinlock_t", "twice", "get_page", "ten", "nothing"] {
                let _ = (types.offset(name, "lock.value"), types.size(name), types.function(name));
                let _ = (types.enumerator(None, name), types.enumerator(Some(name), "PG_head"));
            }
        }
    }

    #[test]
    fn damaged_types_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = btf(false);
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(types) = Types::parse(&bytes) {
            for name in ["page", "spinlock_t", "circle", "get_page", "ten", "nothing"] {
                let _ = (types.offset(name, "lock.value"), types.size(name), types.function(name));
                let _ = (types.enumerator(None, name), types.enumerator(Some(name), "PG_head"));
            }
        }
    }
}
