//! Opens whatever it is given as a package or boot image, and reads its types.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pmdscope_guest::kernel::KernelFile;

/// Little enough that what unpacks to more is refused at once.
const LIMIT: u64 = 4 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(kernel) = KernelFile::from_bytes(bytes, LIMIT) else { return };
    for segment in &kernel.flat.segments {
        assert!(segment.bytes.len() as u64 <= segment.size);
        assert!(segment.address.checked_add(segment.size).is_some());
    }
    if let Some(Ok(types)) = kernel.types() {
        let _ = (types.offset("page", "lock.value"), types.size("page"), types.function("get_page"));
        let _ = types.enumerator(None, "PG_head");
    }
});
