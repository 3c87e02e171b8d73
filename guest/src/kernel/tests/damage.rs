//! Tests with files that are cut off, damaged, or crafted to do harm.

use std::io::Write;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::samples::*;
use crate::kernel::*;

#[test]
fn what_is_cut_off_is_refused_wherever_it_is_cut() {
    for (name, whole) in samples() {
        // A flat image has no end mark, so half an image opens as half a kernel. The bytes after the kernel of a
        // package are not read.
        let flat = matches!(name, "arm64" | "arm64-relocatable" | "riscv64" | "loongarch64" | "elf");
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
        // The lzma format has no checksum.
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
    // 34 blocks of 16 MiB of zeros, some 570 MB. Only the first gzip member of a payload is unpacked, so all blocks
    // go into one. The encoder gets them one by one, which needs less memory.
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

#[test]
fn errors_quote_names_so_that_they_do_nothing_to_a_terminal() {
    assert_eq!(
        error_of(&ar(&[("de\u{1b}[2J", b"")])),
        "an ar archive, but not a Debian package: it begins with 'de\u{fffd}[2J', not with 'debian-binary'"
    );
    let control = CONTROL.replace("+deb13", "\u{1b}[2J");
    assert!(error_of(&deb(None, &control, &[])).starts_with("linux-image-6.12.107\u{fffd}[2J-arm64 "));
    assert!(error_of(&zboot(b"nothing packed", "\u{1b}[2J")).ends_with("begins with '\u{fffd}[2J'"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = open(&bytes);
    }

    #[test]
    fn no_bytes_behind_a_magic_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0x10020..0x10100),
        magic in 0..14usize,
    ) {
        let magics: [(usize, &[u8]); 14] = [
            (0, b"\x7fELF\x02\x01\x01"), (0, b"!<arch>\n"), (0x202, b"HdrS"), (0x38, b"ARM\x64"), (0x38, b"RSC\x05"),
            (0x10008, b"S390EP"), (0, &[0x1f, 0x8b, 8, 0]), (0, b"\xfd7zXZ\0"), (0, &[0x28, 0xb5, 0x2f, 0xfd]),
            (0, &[2, 0x21, 0x4c, 0x18]), (0, &[0xed, 0xab, 0xee, 0xdb]), (0, b"MZ\0\0zimg"), (0, &[4, 0x22, 0x4d, 0x18]),
            (0x38, b"\xcd\x23\x82\x81"),
        ];
        let (at, magic) = magics[magic];
        put(&mut bytes, at, magic);
        if at == 0x38 {
            put(&mut bytes, 0, b"MZ");
        }
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
        if let Ok(flat) = lay_out_s390x(image) {
            for segment in &flat.segments {
                prop_assert!(segment.bytes.len() as u64 <= segment.size);
                prop_assert!(segment.address.checked_add(segment.size).is_some());
            }
        }
    }
}
