//! Tests of exported symbols.

use pmdscope_arches::Arch;
use pmdscope_needs::kernels;
use proptest::prelude::*;

use crate::kernel::exports::Exports;
use crate::kernel::*;

const BASE: u64 = 0x9000_0000_0020_0000;
const TABLE: usize = 0x800;
const NAMES: usize = 0x400;
/// The number of exported symbols.
const COUNT: usize = 3;
/// The end of the table.
const END: usize = TABLE + 24 * COUNT;

/// Returns an image with a table of exported symbols. The last symbol lies where the image stores no bytes.
fn image() -> MemoryImage {
    let mut bytes = vec![0; 0x1000];
    let names = b"init_mm\0mem_section\0vm_map_base\0";
    bytes[NAMES..NAMES + names.len()].copy_from_slice(names);
    for (number, (address, name)) in [(0x100, 0), (0x108, 8), (0x1800, 20)].into_iter().enumerate() {
        let entry = [BASE + address, BASE + NAMES as u64 + name, 0].map(u64::to_le_bytes).concat();
        bytes[TABLE + 24 * number..][..24].copy_from_slice(&entry);
    }
    let (kind, writable, executable) = (SegmentKind::Kernel, true, true);
    MemoryImage {
        arch: Arch::LoongArch64,
        segments: vec![Segment { address: BASE, bytes, size: 0x2000, kind, writable, executable }],
        base: Base::Linked,
        relocations: 0,
        whole: true,
        page_size: None,
        per_cpu: None,
        sections: Vec::new(),
        symbols: Vec::new(),
    }
}

fn read(image: &MemoryImage, start: usize, end: usize) -> Option<Exports> {
    Exports::read(image, BASE + start as u64, BASE + end as u64)
}

#[test]
fn exported_symbols_have_names_and_addresses() {
    let exports = read(&image(), TABLE, END).unwrap();
    assert_eq!(exports.address("init_mm"), Some(BASE + 0x100));
    assert_eq!(exports.address("mem_section"), Some(BASE + 0x108));
    assert_eq!(exports.address("vm_map_base"), Some(BASE + 0x1800));
    for absent in ["", "init", "init_mm2", "zone", "a"] {
        assert_eq!(exports.address(absent), None, "{absent}");
    }
    assert_eq!(read(&image(), TABLE, TABLE).unwrap().address("init_mm"), None);
}

#[test]
fn a_damaged_table_of_exported_symbols_is_none() {
    let whole = image();
    // Not a whole number of entries, an end before the start, and a table outside the image.
    for (start, end) in [(TABLE, END - 1), (TABLE, END - 8), (END, TABLE), (0x1000, 0x1018), (0xff0, 0x1008)]
    {
        assert!(read(&whole, start, end).is_none(), "{start:#x} {end:#x}");
    }
    assert!(Exports::read(&whole, 0, u64::MAX).is_none());
    let changed = |at: usize, word: u64| {
        let mut image = whole.clone();
        image.segments[0].bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        read(&image, TABLE, END)
    };
    assert!(changed(TABLE, BASE + 0x1fff).is_some());
    // An address before and behind the kernel, and a name outside, of nothing, and of other bytes.
    assert!(changed(TABLE, BASE - 1).is_none());
    assert!(changed(TABLE, BASE + 0x2000).is_none());
    assert!(changed(TABLE + 8, BASE + 0x1000).is_none());
    assert!(changed(TABLE + 8, u64::MAX).is_none());
    assert!(changed(TABLE + 8, BASE).is_none());
    assert!(changed(NAMES, 0x07).is_none());
}

proptest! {
    #[test]
    fn no_change_to_a_table_of_exported_symbols_panics(
        changes in prop::collection::vec((TABLE..END, any::<u8>()), 1..8),
        (start, end) in (any::<u64>(), any::<u64>()),
    ) {
        let mut image = image();
        for (at, byte) in changes {
            image.segments[0].bytes[at] = byte;
        }
        let _ = read(&image, TABLE, END);
        let _ = Exports::read(&image, start, end);
    }
}

/// Debian's 7.2 for loong64, whose kallsyms has names of functions only, and which has no BTF.
#[test]
fn a_real_kernel_whose_variables_are_named_by_its_exports() {
    for path in kernels(&["loong64"]) {
        let kernel = Kernel::open(&path, None).unwrap();
        let flat = &kernel.file().flat;
        assert_eq!((flat.arch, flat.address(), flat.relocations), (Arch::LoongArch64, BASE, 0));
        let symbol = |name: &str| kernel.symbol(name).unwrap_or_else(|| panic!("{name}"));
        // Words of the image that lead to functions do so without relocations.
        let (start, end) = (symbol("__start___ksymtab"), symbol("__stop___ksymtab"));
        let mut functions = 0;
        for entry in (start..end).step_by(24) {
            let address = kernel.word_at(entry).unwrap();
            if (symbol("_stext")..symbol("_etext")).contains(&address) {
                assert_eq!(kernel.symbol_at(address).map(|found| found.1), Some(0), "{address:#x}");
                functions += 1;
            }
        }
        assert!(functions > 5000, "{functions}");
        for name in ["__per_cpu_offset", "mem_section", "node_data", "nr_cpu_ids", "init_task", "cpu_data"] {
            assert!(
                (symbol("_etext")..flat.address() + flat.segments[0].size).contains(&symbol(name)),
                "{name}"
            );
        }
        // Tables of the size of a page.
        let bytes = symbol("invalid_pmd_table").abs_diff(symbol("invalid_pte_table"));
        assert!(bytes.is_power_of_two() && (0x1000..=0x1_0000).contains(&bytes), "{bytes:#x}");
        // Without an export it has no name.
        assert_eq!(kernel.symbol("swapper_pg_dir"), None);
        assert!(kernel.all_bugs().iter().all(|bug| kernel.symbol_at(bug.address).is_some()));
    }
}
