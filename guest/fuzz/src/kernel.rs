//! What holds of a kernel, whatever it was made from.

use pmdscope_guest::Kernel;
use pmdscope_guest::kernel::{KernelFile, Types};

use super::assert_one_line;

/// Reads a kernel's symbols and types, and looks some up.
pub fn look_at(file: KernelFile) {
    for segment in &file.flat.segments {
        assert!(segment.bytes.len() as u64 <= segment.size);
        assert!(segment.address.checked_add(segment.size).is_some());
    }
    match file.types() {
        Some(Ok(types)) => look_up(&types),
        Some(Err(error)) => assert_one_line(&error),
        None => {}
    }
    match Kernel::of_file(file) {
        Ok(kernel) => look_around(&kernel),
        Err(error) => assert_one_line(&error),
    }
}

/// Looks up what a machine asks of a kernel.
pub fn look_around(kernel: &Kernel) {
    for name in kernel.functions().into_iter().chain(["pmdp_invalidate", "nr_cpu_ids", ""]) {
        if let Some(found) = kernel.find(name) {
            let _ = (kernel.symbol_at(found.address), kernel.symbol_at(found.local_entry));
        }
    }
    for bug in kernel.all_bugs() {
        assert!(kernel.bug_at(bug.address).is_some() && kernel.bug_of_entry(bug.entry).is_some());
    }
    let _ = (kernel.symbol_at(0), kernel.symbol_at(u64::MAX), kernel.symbol_count());
    let _ = (kernel.offset("page", "lock.value"), kernel.size("page"), kernel.enumerator("PG_head"));
    for memory in kernel.memory() {
        assert!(kernel.bytes(memory).len() as u64 <= memory.size);
    }
}

/// Looks up what a machine asks of types.
pub fn look_up(types: &Types) {
    types.offset("page", "lock.value").err().iter().for_each(assert_one_line);
    types.size("page").err().iter().for_each(assert_one_line);
    types.function("get_page").err().iter().for_each(assert_one_line);
    types.enumerator(None, "PG_head").err().iter().for_each(assert_one_line);
}
