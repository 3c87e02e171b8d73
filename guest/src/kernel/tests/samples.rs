//! Packages and boot images for tests. The fuzzer starts from some of them.

use std::io::Write;
use std::path::PathBuf;

use pmdscope_arches::Arch;

use crate::kernel::boot::{BootPayload, PayloadKind};
use crate::kernel::*;

/// A limit that every sample meets, and that a decompression bomb exceeds quickly.
pub const SMALL: u64 = 4 << 20;
pub const BANNER: &[u8] =
    b"Linux version 6.12.107+deb13-arm64 (debian@example) (gcc) # SMP Debian 6.12.107-1\n\0";

pub fn open(bytes: &[u8]) -> Result<KernelFile, KernelError> {
    KernelFile::from_bytes(bytes, SMALL)
}

pub fn error_of(bytes: &[u8]) -> String {
    let text = open(bytes).unwrap_err().to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    text.strip_prefix("-: ").or(text.strip_prefix("-/")).unwrap().to_owned()
}

pub fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// Returns noise, the same each time. Noise keeps compressed samples from being very short.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // The bytes form no two equal words, and no kernel address.
        (state >> 32) as u8 | 1
    };
    (0..length).map(|_| step()).collect()
}

pub const IMAGE: usize = 0x2_0000;
pub const LISTS: usize = 0x1_0000;

/// Returns a flat kernel without a header.
///
/// The kernel has a banner, and lists that point to themselves if it lies at the address `base`.
pub fn flat(base: u64, big: bool) -> Vec<u8> {
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

pub fn arm64() -> Vec<u8> {
    let mut bytes = flat(0xffff_8000_8000_0000, false);
    put(&mut bytes, 0, b"MZ");
    put(&mut bytes, 0x10, &0x3_0000_u64.to_le_bytes());
    put(&mut bytes, 0x18, &0xa_u64.to_le_bytes());
    put(&mut bytes, 0x38, b"ARM\x64");
    bytes
}

/// Returns an arm64 Image with a relocation table.
///
/// The lowest pointer points `lowest` bytes above the image's start. With `in_place`, every third pointer already has
/// its value.
pub fn arm64_relocatable(base: u64, lowest: u64, in_place: bool) -> Vec<u8> {
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

pub fn riscv64() -> Vec<u8> {
    let mut bytes = flat(0xffff_ffff_8000_0000, false);
    put(&mut bytes, 0x10, &0x4_0000_u64.to_le_bytes());
    put(&mut bytes, 0x30, b"RISCV\0\0\0RSC\x05");
    bytes
}

/// The address at which [`loongarch64`] is linked.
pub const LOONGARCH64_BASE: u64 = 0x9000_0000_0020_0000;

/// Returns a loongarch64 Image, whose header gives its address.
pub fn loongarch64() -> Vec<u8> {
    let mut bytes = flat(LOONGARCH64_BASE, false);
    put(&mut bytes, 0, b"MZ");
    let header = [0x20_1000, 0x5_0000, LOONGARCH64_BASE & 0xffff_ffff].map(u64::to_le_bytes).concat();
    put(&mut bytes, 8, &header);
    put(&mut bytes, 0x38, &[0xcd, 0x23, 0x82, 0x81, 0x40, 0, 0, 0]);
    put(&mut bytes, 0x40, b"PE\0\0\x64\x62");
    bytes
}

pub const ELF_BASE: u64 = 0xffff_ffff_8100_0000;

/// Returns an ELF file like that of an x86 kernel.
///
/// The file has text, per-CPU variables at 0, data with a bss, sections and symbols.
pub fn elf(machine: u16, kind: u16) -> Vec<u8> {
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
        // Name, type, flags, address, offset, size, link, entry size. The first section is unused.
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
    // The names of sections also serve as names of symbols: a function, a label, and an undefined symbol.
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

pub const X86_64: u16 = 62;

pub fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Xz => {
            let mut to = liblzma::write::XzEncoder::new(Vec::new(), 1);
            to.write_all(bytes).unwrap();
            to.finish().unwrap()
        }
        Compression::Lzma => {
            let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
            let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
            let mut to = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
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

/// Compresses to LZ4's legacy format, as `lz4 -l` does.
///
/// With `length_behind`, it appends the unpacked length, as the kernel's build does.
pub fn lz4_legacy(bytes: &[u8], length_behind: bool) -> Vec<u8> {
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

pub fn bzimage(payload: &[u8]) -> Vec<u8> {
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

pub fn zboot(payload: &[u8], compression: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x1000];
    put(&mut bytes, 0, b"MZ\0\0zimg");
    put(&mut bytes, 8, &0x1000_u32.to_le_bytes());
    put(&mut bytes, 12, &(payload.len() as u32).to_le_bytes());
    put(&mut bytes, 24, compression.as_bytes());
    bytes.extend(payload);
    bytes.extend([0; 64]);
    bytes
}

pub fn s390x(payload: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = vec![0; 0x1_4000];
    put(&mut bytes, 0, &[0, 8, 0, 0, 0x80]);
    put(&mut bytes, 0x10008, b"S390EP");
    // Data that begins like a payload.
    put(&mut bytes, 0x10100, &[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff]);
    let info = [0x10_0000, (length as u64).next_multiple_of(4096), 0x3000].map(u64::to_be_bytes).concat();
    put(&mut bytes, 0x10200, &info);
    bytes.extend(payload);
    bytes.extend([0; 100]);
    bytes
}

/// The link address of [`s390x_executable`], and the offsets of its parts.
pub mod pie {
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

/// Returns an s390x kernel as a position-independent executable.
///
/// It has 1200 relocations whose places already have their values, 20 against symbols, and one without a kind.
pub fn s390x_executable() -> Vec<u8> {
    let mut bytes = flat(pie::BASE, true);
    let big = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let address = |at: usize| pie::BASE + at as u64;
    let names = b"\0mem_section\0_end\0get_page\0nothing\0";
    put(&mut bytes, pie::NAMES, names);
    // Name, information, section, value, size. The first symbol is unused, the last is weak and undefined.
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
        // Data before the table that looks like an entry.
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

/// Lays out a flat s390x image whose boot image does not give the size.
pub fn lay_out_s390x(bytes: Vec<u8>) -> Result<MemoryImage, ImageError> {
    let (page_size, link_address) = (Some(4096), None);
    let kind = PayloadKind::Flat { arch: Arch::S390x, size: None, page_size, link_address };
    layout::lay_out(BootPayload { format: String::new(), bytes, kind })
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut to = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        to.append_data(&mut header, path, *content).unwrap();
    }
    to.into_inner().unwrap()
}

pub const CONTROL: &str = "Package: linux-image-6.12.107+deb13-arm64\nSource: linux\nVersion: 6.12.107-1\nArchitecture: arm64\nDepends: kmod, linux-base (>= 4.12~)\nDescription: Linux\n for 64-bit\n";

pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut to = b"!<arch>\n".to_vec();
    for (name, content) in members {
        writeln!(to, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100644, content.len()).unwrap();
        to.extend(*content);
        to.resize(to.len().next_multiple_of(2), b'\n');
    }
    to
}

pub fn deb(compression: Option<Compression>, control: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
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

/// Returns an RPM header that has these tags with their texts.
pub fn rpm_header(tags: &[(u32, &[&str])]) -> Vec<u8> {
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

/// Returns a `cpio` archive of files, given the mode, path and content of each.
pub fn cpio(files: &[(u32, &str, &[u8])]) -> Vec<u8> {
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

pub const REGULAR: u32 = 0o100_755;

/// The tags of a Fedora kernel package, without the tag of the payload's compression.
pub const RPM_TAGS: [(u32, &[&str]); 6] = [
    (1000, &["kernel-core"]),
    (1001, &["6.12.107"]),
    (1002, &["200.fc41"]),
    (1022, &["aarch64"]),
    (1049, &["/bin/sh", "kernel-modules-core-uname-r", "linux-firmware"]),
    (1124, &["cpio"]),
];

pub fn rpm_of(tags: &[(u32, &[&str])], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 96];
    put(&mut bytes, 0, &[0xed, 0xab, 0xee, 0xdb, 3]);
    put(&mut bytes, 10, b"kernel-core");
    // The size of this header is not a multiple of 8, so the reader has padding to skip.
    bytes.extend(rpm_header(&[(1000, &["a signature"])]));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(rpm_header(tags));
    bytes.extend(payload);
    bytes
}

pub fn rpm(compression: Option<Compression>, files: &[(u32, &str, &[u8])]) -> Vec<u8> {
    let packed = compression.map_or(cpio(files), |compression| compress(compression, &cpio(files)));
    let name = [compression.map_or("none", Compression::name)];
    let tags: Vec<_> = RPM_TAGS.into_iter().chain([(1125, &name[..])]).collect();
    rpm_of(&tags, &packed)
}

/// Returns sample kernels and packages by name, which are also the seeds of the fuzzer.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let arm = arm64();
    let x86 = elf(X86_64, 2);
    let s390 = flat(0x10_0000, true);
    let s390_executable = s390x_executable();
    let mut samples = vec![
        ("arm64", arm.clone()),
        ("arm64-relocatable", arm64_relocatable(0xffff_8000_1000_0000, 0, false)),
        ("riscv64", riscv64()),
        ("loongarch64", loongarch64()),
        ("loongarch64-zboot", zboot(&compress(Compression::Zstd, &loongarch64()), "zstd")),
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

pub fn all_samples() -> &'static [(&'static str, Vec<u8>)] {
    static SAMPLES: std::sync::OnceLock<Vec<(&'static str, Vec<u8>)>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(samples)
}

/// Writes the fuzzer's seed files; see `guest/fuzz/README.md`.
#[test]
#[ignore = "writes files"]
pub fn seeds() {
    let folder = PathBuf::from(std::env::var_os("PMDSCOPE_SEEDS").expect("PMDSCOPE_SEEDS names a folder"));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in samples() {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
