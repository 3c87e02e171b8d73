//! Tests of packages.

use super::samples::*;
use crate::kernel::*;

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
    // An error about the kernel names its path in the package.
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
        // Another name of the next file (a hard link).
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
    // An old package, without the tags that describe the payload.
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
    // A tag whose text lies outside the store.
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
