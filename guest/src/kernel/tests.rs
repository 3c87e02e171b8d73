//! Tests of opening kernels, on packages and boot images made here.

use std::io::Write;
use std::time::{Duration, Instant};

use pmdscope_arches::Arch;
use proptest::prelude::*;

use super::*;

/// Enough for every kernel made here, and little enough for a bomb to be made quickly.
const SMALL: u64 = 4 << 20;
const BANNER: &[u8] =
    b"Linux version 6.12.107+deb13-arm64 (debian@example) (gcc) # SMP Debian 6.12.107-1\n\0";

fn open(bytes: &[u8]) -> Result<KernelFile, KernelError> {
    KernelFile::from_bytes(bytes, SMALL)
}

fn error_of(bytes: &[u8]) -> String {
    let text = open(bytes).unwrap_err().to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    text.strip_prefix("-: ").or(text.strip_prefix("-/")).unwrap().to_owned()
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// Noise that is the same each time, so that compressed data has some length.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Bytes that make no two equal words, and no kernel address.
        (state >> 32) as u8 | 1
    };
    (0..length).map(|_| step()).collect()
}

const IMAGE: usize = 0x2_0000;
const LISTS: usize = 0x1_0000;

/// The inside of a flat kernel: a banner, and lists that point to themselves if it is at `base`.
fn flat(base: u64, big: bool) -> Vec<u8> {
    let mut bytes = noise(IMAGE);
    put(&mut bytes, 0, &[0; 0x40]);
    put(&mut bytes, 0x8000, BANNER);
    for list in 0..100 {
        let at = LISTS + list * 48;
        let value = base + at as u64;
        let value = if big { value.to_be_bytes() } else { value.to_le_bytes() };
        put(&mut bytes, at, &value);
        put(&mut bytes, at + 8, &value);
    }
    bytes
}

fn arm64() -> Vec<u8> {
    let mut bytes = flat(0xffff_8000_8000_0000, false);
    put(&mut bytes, 0, b"MZ");
    put(&mut bytes, 0x10, &0x3_0000_u64.to_le_bytes());
    put(&mut bytes, 0x18, &0xa_u64.to_le_bytes());
    put(&mut bytes, 0x38, b"ARM\x64");
    bytes
}

/// One that is to relocate itself: its pointers are in a table, the lowest one as far behind its start.
fn arm64_relocatable(base: u64, lowest: u64, in_place: bool) -> Vec<u8> {
    const TABLE: usize = 0x1_4000;
    let mut bytes = arm64();
    put(&mut bytes, LISTS, &[0; 100 * 48]);
    let entries: Vec<_> = (0..1200)
        .map(|entry| (base + (LISTS + 8 * entry) as u64, base + lowest + 64 * entry as u64))
        .collect();
    put(&mut bytes, LISTS, &[0; 1200 * 8]);
    for (number, (place, value)) in entries.iter().enumerate() {
        let words = [*place, 0x403, *value].map(u64::to_le_bytes).concat();
        put(&mut bytes, TABLE + 24 * number, &words);
        if in_place && number % 3 == 0 {
            put(&mut bytes, LISTS + 8 * number, &value.to_le_bytes());
        }
    }
    bytes
}

fn riscv64() -> Vec<u8> {
    let mut bytes = flat(0xffff_ffff_8000_0000, false);
    put(&mut bytes, 0x10, &0x4_0000_u64.to_le_bytes());
    put(&mut bytes, 0x30, b"RISCV\0\0\0RSC\x05");
    bytes
}

const ELF_BASE: u64 = 0xffff_ffff_8100_0000;

/// An ELF file as x86 kernels are: text, variables of each CPU at 0, data with a bss; sections and
/// symbols.
fn elf(machine: u16, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x4000];
    put(&mut bytes, 0, b"\x7fELF\x02\x01\x01");
    put(&mut bytes, 16, &kind.to_le_bytes());
    put(&mut bytes, 18, &machine.to_le_bytes());
    put(&mut bytes, 20, &1u32.to_le_bytes());
    put(&mut bytes, 24, &ELF_BASE.to_le_bytes());
    put(&mut bytes, 32, &64u64.to_le_bytes());
    put(&mut bytes, 40, &0x3000u64.to_le_bytes());
    let sizes: Vec<u8> = [64u16, 56, 3, 64, 5, 2].into_iter().flat_map(u16::to_le_bytes).collect();
    put(&mut bytes, 52, &sizes);
    let loads = [
        // Flags, offset, address, physical address, bytes, size.
        (5u32, 0x1000u64, ELF_BASE, 0x100_0000u64, 0x1000u64, 0x1000u64),
        (6, 0x2000, 0, 0x100_1000, 0x800, 0x1000),
        (6, 0x2800, ELF_BASE + 0x2000, 0x100_2000, 0x800, 0x3000),
    ];
    for (number, (flags, offset, address, physical, length, size)) in loads.into_iter().enumerate() {
        let numbers = [offset, address, physical, length, size, 0x1000].map(u64::to_le_bytes).concat();
        let header = [&1u32.to_le_bytes()[..], &flags.to_le_bytes(), &numbers].concat();
        put(&mut bytes, 64 + 56 * number, &header);
    }
    put(&mut bytes, 0x1000, &noise(0x1000));
    put(&mut bytes, 0x1100, BANNER);
    put(&mut bytes, 0x2000, &noise(0x10));
    put(&mut bytes, 0x2800, &noise(0x10));
    let names = b"\0.text\0.shstrtab\0.symtab\0.strtab\0.data..percpu\0";
    put(&mut bytes, 0x3800, names);
    let sections = [
        // Name, type, flags, address, offset, size, link, entry size. The first one is of no use.
        (0u32, 0u32, 0u64, 0u64, 0u64, 0u64, 0u32, 0u64),
        (1, 1, 6, ELF_BASE, 0x1000, 0x1000, 0, 0),
        (7, 3, 0, 0, 0x3800, names.len() as u64, 0, 0),
        (17, 2, 0, 0, 0x3900, 24 * 4, 2, 24),
        (33, 1, 3, 0, 0x2000, 0x1000, 0, 0),
    ];
    for (number, (name, kind, flags, address, offset, size, link, entry)) in sections.into_iter().enumerate()
    {
        let begin = [name, kind].map(u32::to_le_bytes).concat();
        let middle = [flags, address, offset, size].map(u64::to_le_bytes).concat();
        let end = [8u64, entry].map(u64::to_le_bytes).concat();
        let header = [&begin[..], &middle, &link.to_le_bytes(), &0u32.to_le_bytes(), &end].concat();
        put(&mut bytes, 0x3000 + 64 * number, &header);
    }
    // The names of sections serve as those of symbols. A function, a label and one of another file.
    for (number, (name, info, section, value)) in
        [(2u32, 0x12u8, 1u16, ELF_BASE + 16), (8, 0x10, 1, ELF_BASE), (18, 0x12, 0, 0)]
            .into_iter()
            .enumerate()
    {
        let at = 0x3900 + 24 * (number + 1);
        put(&mut bytes, at, &name.to_le_bytes());
        put(&mut bytes, at + 4, &[info, 0]);
        put(&mut bytes, at + 6, &section.to_le_bytes());
        put(&mut bytes, at + 8, &value.to_le_bytes());
        put(&mut bytes, at + 16, &8u64.to_le_bytes());
    }
    bytes
}

const X86_64: u16 = 62;

fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Xz => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut to = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Lzma => {
            let options = lzma_rust2::LzmaOptions::with_preset(1);
            let mut to = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Zstd => {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        }
        Compression::Lz4 => {
            let mut to = lz4_flex::frame::FrameEncoder::with_frame_info(
                lz4_flex::frame::FrameInfo::new().content_checksum(true),
                Vec::new(),
            );
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
    }
}

/// As `lz4 -l` does it, and the kernel's build, which puts the length behind it.
fn lz4_legacy(bytes: &[u8], length_behind: bool) -> Vec<u8> {
    let mut out = 0x184c_2102_u32.to_le_bytes().to_vec();
    for block in bytes.chunks(8 << 20) {
        let packed = lz4_flex::block::compress(block);
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
    }
    if length_behind {
        out.extend((bytes.len() as u32).to_le_bytes());
    }
    out
}

fn bzimage(payload: &[u8]) -> Vec<u8> {
    const SETUP: u8 = 3;
    let start = (usize::from(SETUP) + 1) * 512;
    let mut bytes = vec![0; start + 0x40];
    bytes.extend(payload);
    bytes.extend([0xaa; 100]);
    put(&mut bytes, 0, b"MZ");
    bytes[0x1f1] = SETUP;
    put(&mut bytes, 0x202, b"HdrS");
    put(&mut bytes, 0x206, &0x20f_u16.to_le_bytes());
    put(&mut bytes, 0x236, &1u16.to_le_bytes());
    put(&mut bytes, 0x248, &0x40_u32.to_le_bytes());
    put(&mut bytes, 0x24c, &(payload.len() as u32).to_le_bytes());
    bytes
}

fn zboot(payload: &[u8], compression: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x1000];
    put(&mut bytes, 0, b"MZ\0\0zimg");
    put(&mut bytes, 8, &0x1000_u32.to_le_bytes());
    put(&mut bytes, 12, &(payload.len() as u32).to_le_bytes());
    put(&mut bytes, 24, compression.as_bytes());
    bytes.extend(payload);
    bytes.extend([0; 64]);
    bytes
}

fn s390x(payload: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = vec![0; 0x1_4000];
    put(&mut bytes, 0, &[0, 8, 0, 0, 0x80]);
    put(&mut bytes, 0x10008, b"S390EP");
    // Something that begins like a payload.
    put(&mut bytes, 0x10100, &[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff]);
    let info = [0x10_0000, (length as u64).next_multiple_of(4096), 0x3000].map(u64::to_be_bytes).concat();
    put(&mut bytes, 0x10200, &info);
    bytes.extend(payload);
    bytes.extend([0; 100]);
    bytes
}

/// Where an s390x executable made here has its parts.
mod pie {
    pub const BASE: u64 = 0x10_0000;
    pub const NAMES: usize = 0x9000;
    pub const DYNAMIC: usize = 0x9800;
    pub const RELATIVE: usize = 0x1_0000;
    pub const AGAINST_SYMBOLS: usize = 0x1_3000;
    pub const SYMBOLS: usize = 0x1_3800;
    pub const RELOCATIONS: usize = SYMBOLS + 24 * 6;
    /// The first relocation against a symbol.
    pub const FIRST: usize = RELOCATIONS + 24 * 1200;
}

/// An s390x kernel as a position-independent executable: 1200 relocations that are in place, one of no
/// kind, and 20 against symbols.
fn s390x_executable() -> Vec<u8> {
    let mut bytes = flat(pie::BASE, true);
    let big = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let address = |at: usize| pie::BASE + at as u64;
    let names = b"\0mem_section\0_end\0get_page\0nothing\0";
    put(&mut bytes, pie::NAMES, names);
    // Name, information, section, value, size. The first one is of no use, the last one is weak and
    // defined nowhere.
    let symbols = [
        (0u32, 0u8, 0u16, 0u64, 0u64),
        (1, 0x11, 5, address(0x2_1000), 8),
        (13, 0x10, 6, address(0x2_5000), 0),
        (18, 0x12, 1, address(0x400), 0x20),
        (0, 3, 1, address(0), 0),
        (27, 0x20, 0, 0, 0),
    ];
    for (number, (name, info, section, value, size)) in symbols.into_iter().enumerate() {
        let begin = [&name.to_be_bytes()[..], &[info, 0], &section.to_be_bytes()].concat();
        put(&mut bytes, pie::SYMBOLS + 24 * number, &[begin, big(&[value, size])].concat());
    }
    put(&mut bytes, pie::AGAINST_SYMBOLS, &[0; 20 * 8]);
    for number in 0..1200 {
        let (place, value) = (pie::RELATIVE + 8 * number, address(64 * number));
        put(&mut bytes, place, &big(&[value]));
        put(&mut bytes, pie::RELOCATIONS + 24 * number, &big(&[address(place), 12, value]));
    }
    for number in 0..20 {
        let kind = [22, 10, 11][number % 3];
        let symbol = [1, 2, 3, 5][number % 4];
        let place = address(pie::AGAINST_SYMBOLS + 8 * number);
        let addend = if number < 4 { 0 } else { number as u64 };
        put(&mut bytes, pie::FIRST + 24 * number, &big(&[place, symbol << 32 | kind, addend]));
    }
    put(&mut bytes, pie::FIRST + 24 * 20, &[0; 24]);
    let dynamic = [
        // What is before it looks like more of it.
        [5, address(0x100)],
        [5, address(pie::NAMES)],
        [6, address(pie::SYMBOLS)],
        [10, names.len() as u64],
        [11, 24],
        [7, address(pie::RELOCATIONS)],
        [8, 24 * 1221],
        [9, 24],
        [0x6fff_fff9, 1200],
        [0, 0],
    ];
    put(&mut bytes, pie::DYNAMIC, &big(&dynamic.concat()));
    bytes
}

/// A flat s390x image as it comes out of a boot image that does not say how large it is.
fn laid_out(bytes: Vec<u8>) -> Result<Flat, FlatError> {
    let kind = boot::Kind::Flat { arch: Arch::S390x, size: None, page_size: Some(4096) };
    Flat::new(boot::Unpacked { format: String::new(), bytes, kind })
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut to = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        to.append_data(&mut header, path, *content).unwrap();
    }
    to.into_inner().unwrap()
}

const CONTROL: &str = "Package: linux-image-6.12.107+deb13-arm64\nSource: linux\nVersion: 6.12.107-1\nArchitecture: arm64\nDepends: kmod, linux-base (>= 4.12~)\nDescription: Linux\n for 64-bit\n";

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut to = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(to, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100644, content.len()).unwrap();
        to.extend(*content);
        to.resize(to.len().next_multiple_of(2), b'\n');
    }
    to
}

fn deb(compression: Option<Compression>, control: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let end = match compression {
        None => "",
        Some(Compression::Gzip) => ".gz",
        Some(Compression::Xz) => ".xz",
        Some(Compression::Zstd) => ".zst",
        Some(Compression::Bzip2) => ".bz2",
        Some(_) => ".lzma",
    };
    let packed = |bytes: Vec<u8>| match compression {
        Some(compression) => compress(compression, &bytes),
        None => bytes,
    };
    let (control, data) = (packed(tar(&[("./control", control.as_bytes())])), packed(tar(files)));
    let (control_name, data_name) = (format!("control.tar{end}"), format!("data.tar{end}"));
    ar(&[("debian-binary", b"2.0\n"), (&control_name, &control), (&data_name, &data)])
}

/// A header of RPM: each tag with its texts.
fn rpm_header(tags: &[(u32, &[&str])]) -> Vec<u8> {
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, texts) in tags {
        let kind = if texts.len() == 1 { 6 } else { 8 };
        index.extend(
            [*tag, kind, store.len() as u32, texts.len() as u32].into_iter().flat_map(u32::to_be_bytes),
        );
        store.extend(texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()));
    }
    let begin =
        [0x8ead_e801, 0, tags.len() as u32, store.len() as u32].into_iter().flat_map(u32::to_be_bytes);
    begin.chain(index).chain(store).collect()
}

/// Mode, path and content of each file.
fn cpio(files: &[(u32, &str, &[u8])]) -> Vec<u8> {
    let mut to = Vec::new();
    for (mode, path, content) in files.iter().chain([&(0, "TRAILER!!!", &[][..])]) {
        write!(to, "070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 1, 0, 0, 1, 0, content.len())
            .unwrap();
        write!(to, "{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{path}\0", 0, 0, 0, 0, path.len() + 1, 0).unwrap();
        to.resize(to.len().next_multiple_of(4), 0);
        to.extend(*content);
        to.resize(to.len().next_multiple_of(4), 0);
    }
    to
}

const REGULAR: u32 = 0o100_755;

/// What a Fedora kernel's package says of itself, but for its compression.
const RPM_TAGS: [(u32, &[&str]); 6] = [
    (1000, &["kernel-core"]),
    (1001, &["6.12.107"]),
    (1002, &["200.fc41"]),
    (1022, &["aarch64"]),
    (1049, &["/bin/sh", "kernel-modules-core-uname-r", "linux-firmware"]),
    (1124, &["cpio"]),
];

fn rpm_of(tags: &[(u32, &[&str])], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 96];
    put(&mut bytes, 0, &[0xed, 0xab, 0xee, 0xdb, 3]);
    put(&mut bytes, 10, b"kernel-core");
    // Not a multiple of 8, so that there is something to pass over.
    bytes.extend(rpm_header(&[(1000, &["a signature"])]));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(rpm_header(tags));
    bytes.extend(payload);
    bytes
}

fn rpm(compression: Option<Compression>, files: &[(u32, &str, &[u8])]) -> Vec<u8> {
    let packed = compression.map_or(cpio(files), |compression| compress(compression, &cpio(files)));
    let name = [compression.map_or("none", Compression::name)];
    let tags: Vec<_> = RPM_TAGS.into_iter().chain([(1125, &name[..])]).collect();
    rpm_of(&tags, &packed)
}

/// A package of each kernel made here, for the seeds of the fuzzer too.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let arm = arm64();
    let x86 = elf(X86_64, 2);
    let s390 = flat(0x10_0000, true);
    let s390_executable = s390x_executable();
    let mut samples = vec![
        ("arm64", arm.clone()),
        ("arm64-relocatable", arm64_relocatable(0xffff_8000_1000_0000, 0, false)),
        ("riscv64", riscv64()),
        ("elf", x86.clone()),
        ("zboot", zboot(&compress(Compression::Gzip, &arm), "gzip")),
        ("s390x", s390x(&compress(Compression::Xz, &s390), s390.len())),
        ("s390x-executable", s390x(&compress(Compression::Gzip, &s390_executable), s390_executable.len())),
        ("bzimage-lz4-legacy", bzimage(&lz4_legacy(&x86, true))),
        ("deb", deb(Some(Compression::Xz), CONTROL, &[("./boot/vmlinuz-6.12", &arm)])),
        ("deb-zst", deb(Some(Compression::Zstd), CONTROL, &[("./usr/lib/modules/6.12/vmlinuz", &x86)])),
    ];
    let fedora: &[(u32, &str, &[u8])] =
        &[(0o40_755, "./lib/modules/6.12", b""), (REGULAR, "./lib/modules/6.12/vmlinuz", &arm)];
    samples.push(("rpm-zst", rpm(Some(Compression::Zstd), fedora)));
    samples.push(("rpm", rpm(None, fedora)));
    let names =
        ["bzimage-gzip", "bzimage-xz", "bzimage-lzma", "bzimage-zstd", "bzimage-lz4", "bzimage-bzip2"];
    let bzimages = Compression::ALL.map(|compression| bzimage(&compress(compression, &x86)));
    samples.extend(names.into_iter().zip(bzimages));
    samples
}

#[test]
fn an_arm64_image() {
    let kernel = open(&arm64()).unwrap();
    assert_eq!(kernel.format, "arm64 Image");
    assert_eq!(kernel.release.text, "6.12.107+deb13-arm64");
    assert_eq!((kernel.release.major, kernel.release.minor, kernel.release.sublevel), (6, 12, Some(107)));
    assert!(kernel.release.banner.ends_with("Debian 6.12.107-1"));
    assert_eq!(kernel.flat.arch, Arch::Arm64);
    assert_eq!(kernel.flat.page_size, Some(4096));
    assert_eq!(kernel.flat.base, Base::SelfPointers { count: 100 });
    assert_eq!(kernel.flat.address(), 0xffff_8000_8000_0000);
    assert_eq!(kernel.flat.segments[0].size, 0x3_0000);
    assert_eq!(kernel.flat.read(kernel.flat.address() + 0x8000, 5), Some(&b"Linux"[..]));
    assert_eq!(kernel.flat.read(kernel.flat.address() + 0x2_ffff, 1), None);
    assert_eq!(kernel.flat.read(0, 1), None);
    assert_eq!(kernel.flat.read(u64::MAX, 8), None);
    assert!(kernel.types().is_none());
}

#[test]
fn relocations_are_applied_where_the_table_says() {
    for (base, lowest) in [(0xffff_8000_1000_0000, 0), (0xffff_8000_0801_0000, 0x5000)] {
        for in_place in [false, true] {
            let kernel = open(&arm64_relocatable(base, lowest, in_place)).unwrap();
            assert_eq!((kernel.flat.base, kernel.flat.relocations), (Base::Relocations, 1200));
            assert_eq!(kernel.flat.address(), base);
            for entry in [0, 1, 1199] {
                let value = kernel.flat.read(base + LISTS as u64 + 8 * entry, 8).unwrap();
                assert_eq!(value, (base + lowest + 64 * entry).to_le_bytes());
            }
        }
    }
    // A place that has something else in it, wherever the image is.
    let mut changed = arm64_relocatable(0xffff_8000_1000_0000, 0, false);
    put(&mut changed, LISTS + 80, &[7]);
    assert_eq!(
        error_of(&changed),
        "a kernel with 1200 relocations that fit it at no address: damaged, or changed after it was built"
    );
}

#[test]
fn an_image_that_does_not_say_where_it_is() {
    let mut bytes = arm64();
    put(&mut bytes, LISTS, &[0; 100 * 48]);
    let kernel = open(&bytes).unwrap();
    assert_eq!((kernel.flat.base, kernel.flat.address()), (Base::Default, 0xffff_8000_8000_0000));
}

#[test]
fn a_riscv64_image() {
    let kernel = open(&riscv64()).unwrap();
    assert_eq!((&kernel.format[..], kernel.flat.arch), ("riscv64 Image", Arch::Riscv64));
    assert_eq!((kernel.flat.address(), kernel.flat.segments[0].size), (0xffff_ffff_8000_0000, 0x4_0000));
}

#[test]
fn an_s390x_boot_image() {
    let kernel = flat(0x10_0000, true);
    for compression in Compression::ALL {
        let opened = open(&s390x(&compress(compression, &kernel), kernel.len())).unwrap();
        assert_eq!(opened.format, format!("s390x bzImage, {compression}, flat"));
        assert_eq!((opened.flat.arch, opened.flat.base), (Arch::S390x, Base::SelfPointers { count: 100 }));
        assert_eq!(opened.flat.address(), 0x10_0000);
        assert_eq!((opened.flat.segments[0].size, opened.flat.whole), (IMAGE as u64 + 0x3000, true));
    }
    // Without the place that says its size.
    let opened = open(&s390x(&compress(Compression::Xz, &kernel), 5)).unwrap();
    assert_eq!((opened.flat.segments[0].size, opened.flat.whole), (IMAGE as u64, false));
    let nothing = error_of(&s390x(&[], 5));
    assert!(nothing.starts_with("an s390x bzImage, payload at 0x10100: zstd data is "), "{nothing}");
    let mut nothing = s390x(&[], 5);
    put(&mut nothing, 0x10100, &[0; 8]);
    assert_eq!(
        error_of(&nothing),
        "an s390x boot image without a compressed kernel in it (0 places looked like one)"
    );
}

#[test]
fn an_s390x_executable() {
    let image = s390x_executable();
    let opened = open(&s390x(&compress(Compression::Gzip, &image), image.len())).unwrap();
    assert_eq!((opened.flat.segments[0].size, opened.flat.whole), (IMAGE as u64 + 0x3000, true));
    let flat = laid_out(image).unwrap();
    assert_eq!((flat.base, flat.relocations, flat.address()), (Base::Relocations, 1220, pie::BASE));
    // _end says it, where the boot image does not.
    assert_eq!((flat.segments[0].size, flat.whole), (0x2_5000, true));
    assert_eq!(flat.segments, {
        let mut segments = opened.flat.segments;
        segments[0].size = 0x2_5000;
        segments
    });
    let number = |at: usize| {
        let bytes = flat.read(pie::BASE + at as u64, 8).unwrap();
        u64::from_be_bytes(*bytes.first_chunk().unwrap())
    };
    let values = [pie::BASE + 0x2_1000, pie::BASE + 0x2_5000, pie::BASE + 0x400, 0];
    for at in 0..20 {
        let addend = if at < 4 { 0 } else { at as u64 };
        assert_eq!(number(pie::AGAINST_SYMBOLS + 8 * at), values[at % 4] + addend, "{at}");
    }
    assert_eq!(number(pie::RELATIVE + 8), pie::BASE + 64);
    let symbols: Vec<_> =
        flat.symbols.iter().map(|of| (&of.name[..], of.address - pie::BASE, of.size, of.kind)).collect();
    assert_eq!(
        symbols,
        [
            ("get_page", 0x400, 0x20, SymbolKind::Function),
            ("mem_section", 0x2_1000, 8, SymbolKind::Object),
            ("_end", 0x2_5000, 0, SymbolKind::Label),
        ]
    );
    assert!(!flat.has_all_symbols());
}

#[test]
fn a_damaged_s390x_executable() {
    let error_of = |at: usize, what: &[u8]| {
        let mut image = s390x_executable();
        put(&mut image, at, what);
        laid_out(image).unwrap_err().to_string()
    };
    let no_symbol = "a kernel with a relocation against its symbol 1, which it does not have: damaged, or changed after it was built";
    // Without a .dynamic that agrees with the table, no symbol is known.
    let entry = |number: usize| pie::DYNAMIC + 16 * number;
    let far = (pie::BASE + IMAGE as u64 + 1).to_be_bytes();
    assert_eq!(error_of(entry(7), &[0; 16]), no_symbol);
    assert_eq!(error_of(entry(5) + 15, &[1]), no_symbol, "its relocations are elsewhere");
    assert_eq!(error_of(entry(6) + 15, &[1]), no_symbol, "a part of an entry");
    assert_eq!(error_of(entry(6) + 8, &[0xff; 8]), no_symbol, "relocations without end");
    assert_eq!(error_of(entry(2) + 8, &far), no_symbol, "symbols outside");
    assert_eq!(error_of(entry(2) + 8, &0u64.to_be_bytes()), no_symbol, "symbols before the image");
    assert_eq!(error_of(entry(3) + 8, &[0xff; 8]), no_symbol, "names without end");
    assert_eq!(error_of(entry(1) + 8, &far), no_symbol, "names outside");
    assert_eq!(error_of(entry(4) + 15, &[16]), no_symbol, "symbols of another size");
    assert_eq!(error_of(pie::FIRST + 8, &6u32.to_be_bytes()), no_symbol.replace("symbol 1", "symbol 6"));
    assert_eq!(
        error_of(pie::FIRST + 8, &u32::MAX.to_be_bytes()),
        no_symbol.replace("symbol 1", "symbol 4294967295")
    );
    assert_eq!(
        error_of(pie::FIRST + 24 + 12, &19u32.to_be_bytes()),
        "a kernel with a relocation of kind 19 (symbol 2), which is not known here"
    );
    let elsewhere =
        "a kernel with 1220 relocations that fit it at no address: damaged, or changed after it was built";
    assert_eq!(error_of(pie::AGAINST_SYMBOLS + 8, &[1]), elsewhere);
    assert_eq!(error_of(pie::RELATIVE + 8, &[1]), elsewhere);
    assert_eq!(error_of(pie::FIRST, &far), elsewhere);
    assert_eq!(error_of(pie::FIRST, &[0xff; 8]), elsewhere);
}

#[test]
fn an_elf_file() {
    for kind in [2, 3] {
        let kernel = open(&elf(X86_64, kind)).unwrap();
        assert_eq!((&kernel.format[..], kernel.flat.arch), ("ELF", Arch::X86_64));
        assert_eq!((kernel.flat.base, kernel.flat.whole), (Base::Linked, true));
        let kinds: Vec<_> = kernel.flat.segments.iter().map(|part| (part.address, part.kind)).collect();
        let own = SegmentKind::Kernel;
        assert_eq!(kinds, [(0, SegmentKind::PerCpu), (ELF_BASE, own), (ELF_BASE + 0x2000, own)]);
        assert_eq!(kernel.flat.address(), ELF_BASE);
        assert_eq!(kernel.flat.segments[2].size, 0x3000);
        let per_cpu = PerCpu { linked: 0, loaded: ELF_BASE + 0x1000, size: 0x1000 };
        assert_eq!(kernel.flat.per_cpu, Some(per_cpu));
        let names: Vec<_> =
            kernel.flat.symbols.iter().map(|of| (&of.name[..], of.address, of.kind)).collect();
        assert_eq!(
            names,
            [("shstrtab", ELF_BASE, SymbolKind::Label), ("text", ELF_BASE + 16, SymbolKind::Function)]
        );
        assert_eq!(kernel.flat.sections.len(), 2);
    }
}

#[test]
fn every_compression_of_a_bzimage() {
    let inner = elf(X86_64, 2);
    for compression in Compression::ALL {
        let kernel = open(&bzimage(&compress(compression, &inner))).unwrap();
        assert_eq!(kernel.format, format!("bzImage, {compression}, ELF"));
        assert_eq!(kernel.flat, open(&inner).unwrap().flat);
    }
    for behind in [false, true] {
        assert_eq!(open(&bzimage(&lz4_legacy(&inner, behind))).unwrap().format, "bzImage, lz4, ELF");
    }
    // Boot loaders of old left the number of sectors 0.
    let mut old = bzimage(&compress(Compression::Xz, &inner));
    old[0x1f1] = 0;
    put(&mut old, 0x248, &(0x40_u32.wrapping_sub(512)).to_le_bytes());
    assert!(error_of(&old).starts_with("a bzImage is cut off: its payload is at "));
}

#[test]
fn wrapped_images() {
    let arm = arm64();
    for compression in Compression::ALL {
        let kernel = open(&compress(compression, &arm)).unwrap();
        assert_eq!(kernel.format, format!("{compression}, arm64 Image"));
        let packed = zboot(&compress(compression, &riscv64()), compression.name());
        assert_eq!(open(&packed).unwrap().format, format!("EFI zboot image, {compression}, riscv64 Image"));
    }
    let twice = compress(Compression::Xz, &zboot(&compress(Compression::Gzip, &arm), "gzip"));
    assert_eq!(open(&twice).unwrap().format, "xz, EFI zboot image, gzip, arm64 Image");
    let mut often = arm;
    for _ in 0..6 {
        often = compress(Compression::Gzip, &often);
    }
    assert!(error_of(&often).starts_with("compressed more than 4 times, which no kernel is: gzip, gzip"));
    assert_eq!(
        error_of(&zboot(b"what is this", "lzo")),
        "an EFI zboot image with a payload at 0x1000 that is compressed in no way known here (gzip, xz, lzma, zstd, lz4 and bzip2 are): it begins with 'lzo'"
    );
}

#[test]
fn what_is_no_kernel_is_named() {
    assert_eq!(
        error_of(b"#!/bin/sh\necho\n"),
        "not a kernel image or package: begins with '#!/bin/sh'; give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel"
    );
    assert!(error_of(&[0; 100]).contains("begins with 00 00 00"));
    assert!(error_of(b"").starts_with("an empty file"));
    assert_eq!(
        error_of(&elf(X86_64, 1)),
        "an ELF file that is not a linked kernel (its type is REL): give the vmlinux or vmlinuz itself"
    );
    let mut other = elf(X86_64, 2);
    put(&mut other, 0x1100, b"Other");
    assert_eq!(error_of(&other), "an ELF file that is not a kernel: there is no 'Linux version' in it");
    let mut other = arm64();
    put(&mut other, 0x8000, b"Other");
    assert_eq!(error_of(&other), "an image that is not a kernel: there is no 'Linux version' in it");
    assert_eq!(
        error_of(&elf(8, 2)),
        "an ELF file for a little-endian MIPS, whose kernels cannot be run: those of arm64, x86_64, s390x, ppc64, ppc64le, riscv64, sparc64, loongarch64 can"
    );
    let mut small = elf(X86_64, 2);
    small[4] = 1;
    assert!(error_of(&small).starts_with("a 32-bit ELF file for "));
    let mut i386 = bzimage(&compress(Compression::Gzip, &elf(X86_64, 2)));
    put(&mut i386, 0x236, &[0]);
    assert_eq!(error_of(&i386), "a 32-bit kernel (an i386 bzImage): only 64-bit ones can be run");
    let mut arm = vec![0; 0x100];
    put(&mut arm, 0x24, &0x016f_2818_u32.to_le_bytes());
    assert_eq!(error_of(&arm), "a 32-bit kernel (an arm zImage): only 64-bit ones can be run");
    let mut big = arm64();
    big[0x18] |= 1;
    assert!(error_of(&big).starts_with("a big-endian arm64 kernel"));
    assert!(error_of(b"MZ and so on").starts_with("an EFI program that is no kernel by itself"));
    assert!(error_of(&bzimage(b"not compressed")).contains("it begins with 'not compressed'"));
}

#[test]
fn a_debian_package() {
    let arm = arm64();
    let files: [(&str, &[u8]); 4] = [
        ("./boot/System.map-6.12", b"a stub"),
        ("./boot/vmlinuz-6.12", &arm),
        ("./boot/vmlinuz-6.12-rt", b"another"),
        ("./lib/modules/6.12/kernel/mm/zsmalloc.ko", &[0; 1000]),
    ];
    let all = [None, Some(Compression::Gzip), Some(Compression::Xz), Some(Compression::Zstd)];
    for compression in all.into_iter().chain([Some(Compression::Bzip2), Some(Compression::Lzma)]) {
        let kernel = open(&deb(compression, CONTROL, &files)).unwrap();
        assert_eq!(kernel.sha256, open(&arm).unwrap().sha256);
        let package = kernel.package.unwrap();
        assert_eq!(package.name, "linux-image-6.12.107+deb13-arm64");
        assert_eq!((&package.version[..], &package.architecture[..]), ("6.12.107-1", "arm64"));
        assert_eq!(package.kernel, "boot/vmlinuz-6.12");
        assert_eq!(package.others, ["boot/vmlinuz-6.12-rt"]);
    }
    for path in ["./usr/lib/modules/6.12/vmlinuz", "lib/modules/6.12/vmlinuz", "./boot/Image-6.12"] {
        assert!(open(&deb(None, CONTROL, &[(path, &arm)])).is_ok(), "{path}");
    }
}

#[test]
fn packages_without_a_kernel() {
    let none = |files: &[(&str, &[u8])]| error_of(&deb(None, CONTROL, files));
    assert_eq!(
        none(&[("./boot/config-6.12", b""), ("./usr/lib/debug/boot/vmlinux-6.12", b"")]),
        "linux-image-6.12.107+deb13-arm64 6.12.107-1 holds no kernel (nearest: usr/lib/debug/boot/vmlinux-6.12): take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz"
    );
    assert!(
        none(&[]).ends_with("holds no kernel: take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz")
    );
    let meta = CONTROL.replace("kmod", "linux-binary-7.2-arm64 (= 7.2-1)");
    assert!(
        error_of(&deb(None, &meta, &[])).ends_with("depends on linux-binary-7.2-arm64: take that package")
    );
    assert!(error_of(&ar(&[("main.o", b"")])).starts_with("an ar archive, but not a Debian package"));
    assert_eq!(error_of(b"!<arch>\n"), "a Debian package without members");
    let mut damaged = ar(&[("debian-binary", b"2.0\n")]);
    damaged[8 + 58] = 0;
    assert_eq!(
        error_of(&damaged),
        "the package is damaged, in its list of members: a member has no valid header"
    );
    assert_eq!(error_of(&damaged[..30]), "the package is cut off, in its list of members: fetch it again");
    assert_eq!(error_of(&ar(&[("debian-binary", b"2.0\n")])), "a Debian package without data.tar");
    assert_eq!(
        error_of(&deb(None, "Section: kernel\n", &[])),
        "a Debian package without a name in its control file"
    );
    let data = ar(&[("debian-binary", b"2.0\n"), ("data.tar", b"")]);
    assert_eq!(error_of(&data), "a Debian package without control.tar before its data.tar");
    // What is wrong with the kernel names it.
    let text = error_of(&deb(None, CONTROL, &[("./boot/vmlinuz-6.12", b"nothing")]));
    assert!(text.starts_with("boot/vmlinuz-6.12: not a kernel image"), "{text}");
}

#[test]
fn an_rpm_package() {
    let arm = arm64();
    let files: [(u32, &str, &[u8]); 7] = [
        (0o40_755, "./lib/modules/6.12", b""),
        (REGULAR, "./lib/modules/6.12/.vmlinuz.hmac", b"0123"),
        (REGULAR, "./lib/modules/6.12/kernel/mm/zsmalloc.ko.xz", &[0; 1001]),
        (0o120_777, "./lib/modules/6.12/vmlinux", b"a symbolic link"),
        // Another name of what follows.
        (REGULAR, "./lib/modules/6.12/vmlinuz", b""),
        (REGULAR, "./lib/modules/6.12/vmlinuz", &arm),
        (REGULAR, "./lib/modules/6.12/vmlinuz-rt", b"another"),
    ];
    for compression in Compression::ALL.into_iter().map(Some).chain([None]) {
        let kernel = open(&rpm(compression, &files)).unwrap();
        assert_eq!(kernel.sha256, open(&arm).unwrap().sha256);
        let package = kernel.package.unwrap();
        assert_eq!(package.to_string(), "RPM package kernel-core 6.12.107-200.fc41 (aarch64)");
        assert_eq!(package.kernel, "lib/modules/6.12/vmlinuz");
        assert_eq!(package.others, ["lib/modules/6.12/vmlinuz-rt"]);
    }
    // From before the tags that describe a payload.
    let old = rpm_of(&RPM_TAGS[..5], &compress(Compression::Gzip, &cpio(&files)));
    assert_eq!(open(&old).unwrap().sha256, open(&arm).unwrap().sha256);
}

#[test]
fn rpm_packages_without_a_kernel() {
    let none: &[(u32, &str, &[u8])] = &[(REGULAR, "./boot/config-6.12", b"# Linux")];
    assert_eq!(
        error_of(&rpm(Some(Compression::Zstd), none)),
        "kernel-core 6.12.107-200.fc41 holds no kernel, but depends on kernel-modules-core: take that package"
    );
    let tags: Vec<_> = RPM_TAGS.into_iter().filter(|(tag, _)| *tag != 1049).collect();
    assert_eq!(
        error_of(&rpm_of(&tags, &cpio(none))),
        "kernel-core 6.12.107-200.fc41 holds no kernel (nearest: boot/config-6.12): take a package with boot/vmlinuz-* or lib/modules/*/vmlinuz"
    );
    for (tag, part) in [(1000, "name"), (1001, "version"), (1002, "release")] {
        let tags: Vec<_> = RPM_TAGS.into_iter().filter(|(has, _)| *has != tag).collect();
        assert_eq!(
            error_of(&rpm_of(&tags, &cpio(none))),
            format!("an RPM package without a {part} in its header")
        );
    }
    let tags = |format| RPM_TAGS.into_iter().take(5).chain([format]).collect::<Vec<_>>();
    assert_eq!(
        error_of(&rpm_of(&tags((1124, &["drpm"])), b"")),
        "an RPM package whose payload is of the kind 'drpm', not cpio: take the whole package"
    );
    assert_eq!(
        error_of(&rpm_of(&tags((1125, &["lz\nip"])), b"LZIP")),
        "an RPM package whose payload (lz\u{fffd}ip) is compressed in no way known here: xz, zstd, gzip, bzip2 and lzma are"
    );
    let zeros = vec![0; SMALL as usize * 4];
    let bomb = rpm(Some(Compression::Gzip), &[(REGULAR, "./boot/vmlinuz-6.12", &zeros)]);
    assert!(error_of(&bomb).contains("in the package has 16777216 bytes, more than any kernel"));
    let text = error_of(&rpm(None, &[(REGULAR, "./boot/vmlinuz-6.12", b"nothing")]));
    assert!(text.starts_with("boot/vmlinuz-6.12: not a kernel image"), "{text}");
}

#[test]
fn damaged_rpm_packages() {
    let whole = rpm(None, &[(REGULAR, "./lib/modules/6.12/vmlinuz", &arm64())]);
    let cut = |length: usize| error_of(&whole[..length]);
    assert_eq!(cut(95), "the package is cut off, in its lead: fetch it again");
    assert_eq!(cut(100), "the package is cut off, in its header of signatures: fetch it again");
    assert_eq!(cut(170), "the package is cut off, in its header: fetch it again");
    assert_eq!(cut(whole.len() / 2), "the package is cut off, in its payload (none): fetch it again");
    let damaged = |at: usize, what: &[u8]| {
        let mut bytes = whole.clone();
        put(&mut bytes, at, what);
        error_of(&bytes)
    };
    let is = "the package is damaged, in its ";
    assert_eq!(damaged(96, b"?"), format!("{is}header of signatures: it does not begin like one"));
    assert_eq!(damaged(96 + 8, &[0xff; 4]), format!("{is}header of signatures: it is larger than any"));
    assert_eq!(damaged(96 + 12, &[0xff; 4]), format!("{is}header of signatures: it is larger than any"));
    let header = 96 + (16 + 16 + "a signature".len() + 1_usize).next_multiple_of(8);
    assert_eq!(damaged(header, b"?"), format!("{is}header: it does not begin like one"));
    // A tag whose text is elsewhere.
    let outside = damaged(header + 16 + 8, &[0xff; 4]);
    assert_eq!(outside, "an RPM package without a name in its header");
    assert_eq!(damaged(header + 16 + 12, &[0; 4]), outside);
    assert_eq!(damaged(header + 16 + 4, &[0; 4]), outside);
    let payload = memchr::memmem::find(&whole, b"070701").unwrap();
    let in_payload = |what| format!("{is}payload (none): a file in it has a {what}");
    assert_eq!(damaged(payload, b"07070X"), format!("{is}payload (none): a file in it has no valid header"));
    assert_eq!(damaged(payload + 14, b"+"), in_payload("header of something else than numbers"));
    assert_eq!(damaged(payload + 6 + 88, b"f"), in_payload("name that is longer than any"));
    let long = damaged(payload + 6 + 48, b"00300000");
    assert_eq!(long, "the package is cut off, in its payload (none): fetch it again");
}

#[test]
fn what_is_cut_off_is_refused_wherever_it_is_cut() {
    for (name, whole) in samples() {
        // Flat images have no end of their own: half of one is half a kernel. And behind a payload
        // there is nothing that is missed.
        let flat = matches!(name, "arm64" | "arm64-relocatable" | "riscv64" | "elf");
        for part in [1, 2, 5, 8, 12, 14, 15] {
            let cut = &whole[..whole.len() * part / 16];
            match open(cut) {
                Ok(_) => {
                    let package = name.starts_with("deb") || name.starts_with("rpm");
                    assert!(flat || package && part > 14, "{name} {part}");
                }
                Err(error) => assert!(!error.to_string().contains('\n')),
            }
        }
    }
    let packed = compress(Compression::Xz, &arm64());
    let text = error_of(&packed[..packed.len() / 2]);
    assert!(text.starts_with("a xz file, payload at 0x0: xz data is cut off after "), "{text}");
    let deb = deb(Some(Compression::Xz), CONTROL, &[("./boot/vmlinuz-6.12", &arm64())]);
    assert_eq!(error_of(&deb[..deb.len() / 2]), "the package is cut off, in its data.tar.xz: fetch it again");
}

#[test]
fn damaged_payloads_are_noticed() {
    let inner = elf(X86_64, 2);
    for compression in Compression::ALL {
        // It has no checksum.
        let checked = compression != Compression::Lzma;
        let mut noticed = 0;
        let packed = compress(compression, &inner);
        let places = [packed.len() / 3, packed.len() / 2, packed.len() * 2 / 3];
        for place in places {
            let mut packed = packed.clone();
            packed[place] ^= 0x10;
            match open(&bzimage(&packed)) {
                Ok(kernel) => assert!(!checked, "{compression}: {}", kernel.format),
                Err(error) => {
                    noticed += 1;
                    let text = error.to_string();
                    let right =
                        text.starts_with(&format!("-: a bzImage, payload at 0x840: {compression} data "));
                    assert!(right || !checked, "{text}");
                }
            }
        }
        assert!(noticed == places.len() || !checked, "{compression}");
    }
}

#[test]
fn bombs_are_refused_early() {
    let zeros = vec![0; SMALL as usize * 4];
    for compression in Compression::ALL {
        let bomb = compress(compression, &zeros);
        assert!(bomb.len() < 200_000);
        let wanted = format!("{compression} data unpacks to more than {SMALL} bytes, which no kernel does");
        assert!(error_of(&bomb).ends_with(&wanted), "{}", error_of(&bomb));
        assert!(error_of(&bzimage(&bomb)).ends_with(&wanted));
    }
    assert!(error_of(&lz4_legacy(&zeros, false)).contains("unpacks to more than"));
    let deb = deb(Some(Compression::Gzip), CONTROL, &[("./boot/vmlinuz-6.12", &zeros)]);
    assert!(
        error_of(&deb).contains("boot/vmlinuz-6.12 in the package has 16777216 bytes, more than any kernel")
    );
    assert!(error_of(&zeros).contains("has 16777216 bytes, more than any kernel"));
}

#[test]
fn a_bomb_of_the_real_limit_is_refused() {
    // Some 600 MB, made of copies of one compressed block of 16 MiB: gzip members do not count, so it is
    // a single deflate stream, as the encoder makes it of zeros it is not given at once.
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 16 << 20];
    for _ in 0..(LIMIT >> 24) + 2 {
        to.write_all(&zeros).unwrap();
    }
    let bomb = to.finish().unwrap();
    let start = Instant::now();
    let text = KernelFile::from_bytes(&bomb, LIMIT).unwrap_err().to_string();
    assert!(text.ends_with("gzip data unpacks to more than 536870912 bytes, which no kernel does"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

mod cached {
    use super::*;

    fn folder() -> (tempfile::TempDir, Cache, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("deep").join("cache"));
        let file = folder.path().join("kernel.deb");
        let files: [(&str, &[u8]); 1] = [("./boot/vmlinuz-6.12", &elf(X86_64, 2))];
        std::fs::write(&file, deb(Some(Compression::Xz), CONTROL, &files)).unwrap();
        (folder, cache, file)
    }

    fn entry(cache: &Cache) -> PathBuf {
        let mut entries: Vec<_> =
            std::fs::read_dir(cache.folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }

    #[test]
    fn the_second_time_it_is_the_same_kernel() {
        let (_folder, cache, file) = folder();
        let first = KernelFile::open(&file, Some(&cache)).unwrap();
        let second = KernelFile::open(&file, Some(&cache)).unwrap();
        let without = KernelFile::open(&file, None).unwrap();
        assert_eq!((first.cached, second.cached, without.cached), (false, true, false));
        assert_eq!(first.kernel, second.kernel);
        assert_eq!(first.kernel, without.kernel);
        assert_eq!((first.key, without.key), (second.key, None));
        assert!(first.notes.is_empty() && second.notes.is_empty());
    }

    #[test]
    fn other_entries_are_kept_beside_it() {
        let (_folder, cache, file) = folder();
        let key = KernelFile::open(&file, Some(&cache)).unwrap().key.unwrap();
        assert!(cache.load(&key, "symbols").unwrap().is_none());
        cache.store(&key, "symbols", &[b"one", b"", b"three"]).unwrap();
        assert_eq!(cache.load(&key, "symbols").unwrap().unwrap(), [&b"one"[..], b"", b"three"]);
        assert!(KernelFile::open(&file, Some(&cache)).unwrap().cached);
    }

    #[test]
    fn a_damaged_entry_is_made_anew() {
        let (_folder, cache, file) = folder();
        let first = KernelFile::open(&file, Some(&cache)).unwrap().kernel;
        let path = entry(&cache);
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = vec![Vec::new(), whole[..10].to_vec(), whole[..whole.len() - 1].to_vec()];
        damaged.push([&whole[..], b"more"].concat());
        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            damaged.push(bytes);
        }
        let mut many = whole.clone();
        put(&mut many, 12, &[0xff; 4]);
        damaged.push(many);
        for bytes in damaged {
            std::fs::write(&path, bytes).unwrap();
            let opened = KernelFile::open(&file, Some(&cache)).unwrap();
            assert_eq!((opened.cached, opened.notes.len()), (false, 1));
            assert!(opened.notes[0].to_string().contains("is damaged"), "{}", opened.notes[0]);
            assert_eq!(opened.kernel, first);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn without_a_folder_it_works_all_the_same() {
        let (folder, _, file) = folder();
        let blocked = folder.path().join("a file");
        std::fs::write(&blocked, "").unwrap();
        let cache = Cache::in_folder(blocked.join("cache"));
        let opened = KernelFile::open(&file, Some(&cache)).unwrap();
        assert_eq!((opened.cached, opened.notes.len()), (false, 1));
        assert!(opened.notes[0].to_string().starts_with("nothing is cached: "));
    }

    #[test]
    fn many_at_once_see_no_half_entries() {
        let (_folder, cache, file) = folder();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        assert!(KernelFile::open(&file, Some(&cache)).unwrap().notes.is_empty());
                    }
                });
            }
        });
        entry(&cache);
    }

    #[test]
    fn files_that_are_none() {
        let (folder, ..) = folder();
        let text = KernelFile::open(folder.path(), None).unwrap_err().to_string();
        assert!(
            text.ends_with(
                "a folder, not a file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel"
            )
        );
        let text = KernelFile::open(&folder.path().join("nothing"), None).unwrap_err().to_string();
        assert!(text.contains("nothing: No such file"), "{text}");
    }
}

mod types {
    use super::*;

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

        /// Name, kind, number of members, flag, size or type, and what follows: numbers and names.
        fn add(
            &mut self,
            name: &str,
            kind: u32,
            members: u32,
            flag: u32,
            size: u32,
            rest: &[(&str, &[u32])],
        ) {
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
        // 2: an anonymous struct, 3: an anonymous union with it.
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
        // Goes in a circle.
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
            let names: Vec<_> = function
                .parameters
                .iter()
                .map(|of| (of.name.as_deref().unwrap(), &of.type_name[..]))
                .collect();
            assert_eq!(names, [("page", "struct page *"), ("count", "long")]);
            assert_eq!((&function.returns[..], function.variadic), ("long", false));
            assert_eq!(types.function("put_page").unwrap(), None);
        }
    }

    #[test]
    fn what_there_is_not() {
        let types = Types::parse(&btf(false)).unwrap();
        let offset = |of, path| types.offset(of, path).unwrap_err().to_string();
        assert_eq!(
            offset("pages", "flags"),
            "this kernel has no type pages: did you mean page or pageflags?"
        );
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
            Types::parse(b"BTF")
                .unwrap_err()
                .to_string()
                .starts_with("the kernel's description of its types")
        );
    }

    #[test]
    fn the_largest_in_the_image_is_taken() {
        let whole = btf(false);
        let mut bytes = arm64();
        put(&mut bytes, 0x4000, &whole);
        // A header without what it says, and one of a smaller one.
        put(&mut bytes, 0x3000, &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let kernel = open(&bytes).unwrap();
        let place = BtfPlace { segment: 0, offset: 0x4000, length: whole.len() };
        assert_eq!((kernel.btf, kernel.btf()), (Some(place), Some(&whole[..])));
        assert_eq!(kernel.types().unwrap().unwrap().size("page").unwrap(), 64);
    }

    proptest! {
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
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = open(&bytes);
    }

    #[test]
    fn no_bytes_behind_a_magic_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0x10020..0x10100),
        magic in 0..13usize,
    ) {
        let magics: [(usize, &[u8]); 13] = [
            (0, b"\x7fELF\x02\x01\x01"), (0, b"!<arch>\n"), (0x202, b"HdrS"), (0x38, b"ARM\x64"), (0x38, b"RSC\x05"),
            (0x10008, b"S390EP"), (0, &[0x1f, 0x8b, 8, 0]), (0, b"\xfd7zXZ\0"), (0, &[0x28, 0xb5, 0x2f, 0xfd]),
            (0, &[2, 0x21, 0x4c, 0x18]), (0, rpm::MAGIC), (0, b"MZ\0\0zimg"), (0, &[4, 0x22, 0x4d, 0x18]),
        ];
        put(&mut bytes, magics[magic].0, magics[magic].1);
        let _ = open(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 16 } else { 200 }))]

    #[test]
    fn no_change_to_a_kernel_panics(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        header_changes in prop::collection::vec((0usize..0x300, any::<u8>()), 0..4),
        length in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let samples = all_samples();
        let mut bytes = samples[which.index(samples.len())].1.clone();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, byte) in header_changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Some(length) = length {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok(kernel) = open(&bytes) {
            for segment in &kernel.flat.segments {
                prop_assert!(segment.bytes.len() as u64 <= segment.size);
                prop_assert!(segment.address.checked_add(segment.size).is_some());
            }
            if let Some(Ok(types)) = kernel.types() {
                let _ = types.size("page");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_change_to_an_s390x_executable_panics(
        dynamic in prop::collection::vec((0..160usize, any::<u8>()), 0..3),
        tables in prop::collection::vec((pie::SYMBOLS..pie::FIRST + 24 * 21, any::<u8>()), 0..3),
        length in prop::option::of(pie::RELATIVE..IMAGE),
    ) {
        let mut image = s390x_executable();
        for (at, byte) in dynamic {
            image[pie::DYNAMIC + at] = byte;
        }
        for (at, byte) in tables {
            image[at] = byte;
        }
        image.truncate(length.unwrap_or(IMAGE));
        if let Ok(flat) = laid_out(image) {
            for segment in &flat.segments {
                prop_assert!(segment.bytes.len() as u64 <= segment.size);
                prop_assert!(segment.address.checked_add(segment.size).is_some());
            }
        }
    }
}

#[test]
fn errors_quote_names_so_that_they_do_nothing_to_a_terminal() {
    assert_eq!(
        error_of(&ar(&[("de\u{1b}[2J", b"")])),
        "an ar archive, but not a Debian package: it begins with 'de\u{fffd}[2J', not with 'debian-binary'"
    );
    let control = CONTROL.replace("+deb13", "\u{1b}[2J");
    assert!(error_of(&deb(None, &control, &[])).starts_with("linux-image-6.12.107\u{fffd}[2J-arm64 "));
    assert!(error_of(&zboot(b"nothing packed", "\u{1b}[2J")).ends_with("begins with '\u{fffd}[2J'"));
    let member = package::at("data.tar", io::Error::other("numeric field in a\u{7}b"));
    assert_eq!(member.to_string(), "the package is damaged, in its data.tar: numeric field in a\u{fffd}b");
}

fn all_samples() -> &'static [(&'static str, Vec<u8>)] {
    static SAMPLES: std::sync::OnceLock<Vec<(&'static str, Vec<u8>)>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(samples)
}

/// Writes what the fuzzer starts from; see `guest/fuzz/README.md`.
#[test]
#[ignore = "writes files"]
fn seeds() {
    let folder = PathBuf::from(std::env::var_os("PMDSCOPE_SEEDS").expect("PMDSCOPE_SEEDS names a folder"));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in samples() {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
