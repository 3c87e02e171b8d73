//! Packages and boot images of kernels.

use pmdscope_guest::kernel::{KernelFile, TypesFile};

use super::assert_one_line;
use super::kernel::{look_at, look_up};

/// Little enough that what unpacks to more is refused at once.
const LIMIT: u64 = 4 << 20;

/// Opens bytes as a package or boot image, and reads its symbols and types; then as a file of types alone.
pub fn kernel_file(bytes: &[u8]) -> bool {
    let types = match TypesFile::from_bytes(bytes) {
        Ok(file) => {
            look_up(&file.types);
            true
        }
        Err(error) => {
            assert_one_line(&error);
            false
        }
    };
    match KernelFile::from_bytes(bytes, LIMIT) {
        Ok(kernel) => {
            look_at(kernel);
            true
        }
        Err(error) => {
            assert_one_line(&error);
            types
        }
    }
}

/// Opens bytes as the header and the files of an RPM package: what comes before them says nothing, and would have to be
/// found out first.
pub fn rpm(bytes: &[u8]) -> bool {
    const LEAD: usize = 96;
    const NO_SIGNATURES: [u8; 16] = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut package = vec![0xed, 0xab, 0xee, 0xdb];
    package.resize(LEAD, 0);
    package.extend(NO_SIGNATURES);
    package.extend(bytes);
    kernel_file(&package)
}
