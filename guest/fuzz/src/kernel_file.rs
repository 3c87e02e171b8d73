//! Packages and boot images of kernels.

use pmdscope_guest::kernel::{KernelFile, Types};

use super::assert_one_line;

/// Little enough that what unpacks to more is refused at once.
const LIMIT: u64 = 4 << 20;

/// Opens bytes as a package or boot image, and reads its types.
pub fn kernel_file(bytes: &[u8]) -> bool {
    let kernel = match KernelFile::from_bytes(bytes, LIMIT) {
        Ok(kernel) => kernel,
        Err(error) => {
            assert_one_line(&error);
            return false;
        }
    };
    for segment in &kernel.flat.segments {
        assert!(segment.bytes.len() as u64 <= segment.size);
        assert!(segment.address.checked_add(segment.size).is_some());
    }
    match kernel.types() {
        Some(Ok(types)) => look_up(&types),
        Some(Err(error)) => assert_one_line(&error),
        None => {}
    }
    true
}

fn look_up(types: &Types) {
    types.offset("page", "lock.value").err().iter().for_each(assert_one_line);
    types.size("page").err().iter().for_each(assert_one_line);
    types.function("get_page").err().iter().for_each(assert_one_line);
    types.enumerator(None, "PG_head").err().iter().for_each(assert_one_line);
}
