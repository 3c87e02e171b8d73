//! Tests of kernels from the cache.

use std::path::PathBuf;

use super::samples::*;
use crate::kernel::*;

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
fn a_pipe_in_place_of_an_entry_is_replaced() {
    use rustix::fs::{CWD, Mode, mkfifoat};

    let (_folder, cache, file) = folder();
    let first = KernelFile::open(&file, Some(&cache)).unwrap().kernel;
    let path = entry(&cache);
    std::fs::remove_file(&path).unwrap();
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
    let opened = KernelFile::open(&file, Some(&cache)).unwrap();
    assert_eq!((opened.cached, &opened.kernel), (false, &first));
    assert!(opened.notes[0].to_string().contains("is damaged (it is no file)"), "{}", opened.notes[0]);
    assert!(KernelFile::open(&file, Some(&cache)).unwrap().cached);
}

#[test]
fn an_entry_of_holes_takes_no_memory() {
    let (_folder, cache, file) = folder();
    let first = KernelFile::open(&file, Some(&cache)).unwrap().kernel;
    let path = entry(&cache);
    // One part of 1 TiB, which occupies no disk space.
    let mut header = std::fs::read(&path).unwrap()[..12].to_vec();
    header.extend(1_u32.to_le_bytes());
    header.extend((1_u64 << 40).to_le_bytes());
    std::fs::write(&path, &header).unwrap();
    let holes = std::fs::File::options().write(true).open(&path).unwrap();
    holes.set_len(header.len() as u64 + (1 << 40) + 4).unwrap();
    let opened = KernelFile::open(&file, Some(&cache)).unwrap();
    assert_eq!((opened.cached, &opened.kernel), (false, &first));
    assert!(opened.notes[0].to_string().contains("larger than any"), "{}", opened.notes[0]);
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
        text.ends_with("a folder, not a file: give a vmlinuz, a vmlinux, or the .deb or .rpm of a kernel")
    );
    let text = KernelFile::open(&folder.path().join("nothing"), None).unwrap_err().to_string();
    assert!(text.contains("nothing: No such file"), "{text}");
}
