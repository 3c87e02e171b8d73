//! Entries of the cache.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use pmdscope_guest::Kernel;
use pmdscope_guest::kernel::{Cache, KernelFile, Key};

use super::assert_one_line;
use super::kernel::{look_around, look_at};

/// A kernel whose entry is read.
const KERNEL: &[u8] = include_bytes!("../corpus/kernel_file/bzimage-lz4");

/// Takes bytes for the file of an entry, and for the parts of one that was kept, each with its length before it as four
/// bytes, the lowest first. Says whether the parts were a kernel.
pub fn cache(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("there is room");
    let kernel = folder.path().join("kernel");
    fs::write(&kernel, KERNEL).expect("there is room");
    let cache = Cache::in_folder(folder.path().join("cache"));
    let key = Key::of(&mut Cursor::new(KERNEL)).expect("it is in memory");
    as_file(&cache, &kernel, bytes);
    as_parts(&cache, &kernel, &key, bytes)
}

/// What is no entry is made anew.
fn as_file(cache: &Cache, kernel: &Path, bytes: &[u8]) {
    let first = KernelFile::open(kernel, Some(cache)).expect("it is a kernel");
    let mut entries = fs::read_dir(cache.folder()).expect("it has an entry");
    let entry = entries.next().expect("it has an entry").expect("it can be read").path();
    fs::write(entry, bytes).expect("there is room");
    let second = KernelFile::open(kernel, Some(cache)).expect("it is a kernel");
    second.notes.iter().for_each(assert_one_line);
    if second.cached {
        look_at(second.kernel);
    } else {
        assert_eq!((second.notes.len(), &second.kernel), (1, &first.kernel));
        assert!(KernelFile::open(kernel, Some(cache)).expect("it is a kernel").cached, "it was kept again");
    }
}

fn as_parts(cache: &Cache, kernel: &Path, key: &Key, bytes: &[u8]) -> bool {
    let parts = parts(bytes);
    cache.store(key, "image", &parts).expect("there is room");
    cache.store(key, "symbols", &parts).expect("there is room");
    assert_eq!(cache.load(key, "symbols").expect("it was kept").expect("it was kept"), parts);
    match Kernel::open(kernel, Some(cache)) {
        Ok(kernel) => look_around(&kernel),
        Err(error) => assert_one_line(&error),
    }
    let opened = KernelFile::open(kernel, Some(cache)).expect("it is a kernel");
    let is_kernel = opened.cached && opened.notes.is_empty();
    look_at(opened.kernel);
    is_kernel
}

fn parts(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (part, behind) = rest.split_at(length.min(rest.len()));
        parts.push(part);
        bytes = behind;
    }
    parts
}
