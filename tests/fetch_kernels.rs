//! `script/fetch-kernels`, with an apt that has a few packages and no network.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::common::scratch::Scratch;

/// An index of packages as apt has it: two kernels of arm64, one of s390x, and one that is none.
const INDEX: &str = "\
Package: linux-image-6.1.0-50-ARCH
Version: 6.1.176-1
Size: 50000000

Package: linux-image-6.1.0-56-ARCH
Version: 6.1.192-2
Size: 50000000

Package: linux-image-ARCH
Version: 6.1.192-2
Size: 1500

";

fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it may be run");
}

/// What the script does: its exit status, standard output and standard error.
fn fetch(scratch: &Scratch, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = scratch.path();
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    for arch in ["arm64", "s390x"] {
        fs::write(folder.join(arch), INDEX.replace("ARCH", arch)).expect("a file");
    }
    fs::write(folder.join("keyring"), "").expect("a file");
    let apt_get = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         *REPO_URI*) echo 'Debian http://localhost/debian/' ;;\n\
         *FILENAME*'Architecture: arm64'*bookworm*) echo '{0}/arm64' ;;\n\
         *FILENAME*'Architecture: s390x'*bookworm*) echo '{0}/s390x' ;;\n\
         download*) eval \"last=\\${{$#}}\"; name=${{last%%:*}}; rest=${{last#*:}}\n\
         echo kernel >\"${{name}}_${{rest#*=}}_${{rest%%=*}}.deb\" ;;\nesac\n",
        folder.display()
    );
    executable(&bin.join("apt-get"), &apt_get);
    executable(&bin.join("apt-helper"), "#!/bin/sh\ncat \"$2\"\n");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("script/fetch-kernels");
    let ran = Command::new(script)
        .args(arguments)
        .env("PATH", path)
        .env("PMDSCOPE_KERNELS", folder.join("kernels"))
        .env("DEBIAN_ARCHIVE_KEYRING", folder.join("keyring"))
        .output()
        .expect("bash runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

#[test]
fn one_kernel_is_fetched_by_its_name() {
    let scratch = Scratch::new("one-kernel-is-fetched-by-its-name");
    let file = "linux-image-6.1.0-50-arm64_6.1.176-1_arm64.deb";
    for name in [file, "linux-image-6.1.0-50-arm64", "linux-image-6.1.0-50-arm64=6.1.176-1"] {
        let listed = fetch(&scratch, &["--list", name]);
        assert_eq!(listed, (Some(0), format!("{file}\n"), String::new()), "{name}");
    }
    let (status, said, _) = fetch(&scratch, &["linux-image-6.1.0-50-arm64"]);
    assert_eq!((status, said), (Some(0), format!("fetched  {file}\n")));
    let kernels = fs::read_dir(scratch.path().join("kernels")).expect("a folder").flatten();
    let kernels: Vec<_> = kernels.map(|file| file.file_name()).filter(|name| name != ".apt").collect();
    assert_eq!(kernels, [file], "no other is there");
}

#[test]
fn kernels_are_fetched_by_architecture() {
    let scratch = Scratch::new("kernels-are-fetched-by-architecture");
    for name in ["s390x", "arm64", "aarch64"] {
        let (status, listed, said) = fetch(&scratch, &["--list", name]);
        assert_eq!((status, said.as_str()), (Some(0), ""), "{name}");
        let arch = if name == "s390x" { name } else { "arm64" };
        let newest = format!("linux-image-6.1.0-56-{arch}_6.1.192-2_{arch}.deb\n");
        assert!(listed.contains(&newest), "{listed}");
        let other = |line: &str| line.starts_with("linux-") && !line.contains(arch);
        assert!(!listed.lines().any(other), "{listed}");
    }
}

#[test]
fn an_unknown_name_gets_one_line_with_what_is_there() {
    let scratch = Scratch::new("an-unknown-name-gets-one-line");
    for (name, says) in [
        ("arm", "there are amd64, arm64, ppc64el, s390x, riscv64, loong64, and packages such as"),
        (
            "linux-image-6.1.0-57-arm64",
            "the newest are linux-image-6.1.0-56-s390x, linux-image-6.1.0-56-arm64",
        ),
        ("--lst", "unknown option '--lst': there is --list"),
    ] {
        let (status, listed, said) = fetch(&scratch, &[name]);
        assert_eq!((status, listed.as_str(), said.lines().count()), (Some(2), "", 1), "{name}: {said}");
        assert!(said.contains(says), "{name}: {said}");
    }
}
