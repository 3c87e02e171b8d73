//! Tests of boot formats.

use pmdscope_arches::Arch;

use super::samples::*;
use crate::kernel::*;

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
    // One place holds another value, whatever the address of the image.
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
fn a_loongarch64_image() {
    let image = loongarch64();
    let opened = |image: &[u8]| {
        let flat = open(image).unwrap().flat;
        assert_eq!((flat.arch, flat.page_size), (Arch::LoongArch64, None));
        assert_eq!((flat.segments[0].size, flat.whole), (0x5_0000, true));
        (flat.base, flat.address())
    };
    assert_eq!(open(&image).unwrap().format, "loongarch64 Image");
    // What the image points to itself with counts for more than its header.
    let pointers = Base::SelfPointers { count: 100 };
    assert_eq!(opened(&image), (pointers, LOONGARCH64_BASE));
    let mut other = image.clone();
    put(&mut other, 0x18, &0x100_0000_u64.to_le_bytes());
    assert_eq!(opened(&other), (pointers, LOONGARCH64_BASE));
    put(&mut other, LISTS, &[0; 100 * 48]);
    assert_eq!(opened(&other), (Base::Linked, 0x9000_0000_0100_0000));
    // A header that gives no address, as those of old kernels, or one that is not physical.
    for none in [0, 1 << 48, u64::MAX] {
        put(&mut other, 0x18, &none.to_le_bytes());
        assert_eq!(opened(&other), (Base::Default, LOONGARCH64_BASE));
    }
    for compression in Compression::ALL {
        let packed = zboot(&compress(compression, &image), compression.name());
        let kernel = open(&packed).unwrap();
        assert_eq!(kernel.format, format!("EFI zboot image, {compression}, loongarch64 Image"));
        assert_eq!(kernel.flat, open(&image).unwrap().flat);
    }
}

#[test]
fn the_relocations_of_a_loongarch64_image() {
    const TABLE: usize = 0x1_4000;
    let mut image = loongarch64();
    for number in 0..1200 {
        let (place, value) = (LISTS + 8 * number, LOONGARCH64_BASE + 64 * number as u64);
        put(&mut image, place, &if number % 3 == 0 { [0; 8] } else { value.to_le_bytes() });
        let entry = [LOONGARCH64_BASE + place as u64, 3, value].map(u64::to_le_bytes).concat();
        put(&mut image, TABLE + 24 * number, &entry);
    }
    let flat = open(&image).unwrap().flat;
    assert_eq!((flat.base, flat.relocations, flat.address()), (Base::Relocations, 1200, LOONGARCH64_BASE));
    let value = flat.read(LOONGARCH64_BASE + LISTS as u64 + 8 * 3, 8).unwrap();
    assert_eq!(value, (LOONGARCH64_BASE + 64 * 3).to_le_bytes());
}

#[test]
fn a_damaged_loongarch64_image() {
    let image = loongarch64();
    for length in [0x3c, 0x3f, 0x40, 0x45] {
        let error = error_of(&image[..length]);
        assert_eq!(
            error,
            format!("a loongarch64 Image is cut off: its header ends at byte {length:#x}"),
            "{length}"
        );
    }
    let changed = |at: usize, what: &[u8]| {
        let mut image = image.clone();
        put(&mut image, at, what);
        error_of(&image)
    };
    let cut_off = format!("a loongarch64 Image is cut off: its header ends at byte {IMAGE:#x}");
    assert_eq!(changed(0x3c, &[0xff; 4]), cut_off);
    assert_eq!(changed(0x3c, &(IMAGE as u32 - 5).to_le_bytes()), cut_off);
    assert!(changed(0x3c, &[0x44]).starts_with("an EFI program that is no kernel by itself"));
    assert!(changed(0x44, &[0x41, 0xaa]).starts_with("an EFI program that is no kernel by itself"));
    assert_eq!(
        changed(0x44, &[0x32, 0x62]),
        "a 32-bit kernel (a loongarch32 Image): only 64-bit ones can be run"
    );
    assert!(changed(0x10, &[0xff; 8]).starts_with("a kernel that takes 0xffffffffffffffff bytes of memory"));
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
    // Without the place that gives the kernel's size.
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
    let flat = lay_out_s390x(image).unwrap();
    assert_eq!((flat.base, flat.relocations, flat.address()), (Base::Relocations, 1220, pie::BASE));
    // _end gives the size, because the boot image does not.
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
        lay_out_s390x(image).unwrap_err().to_string()
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
    // In old boot images, the number of setup sectors can be 0, which means 4.
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
