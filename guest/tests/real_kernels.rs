//! Every package and boot image in `kernels/` (or the folder that `PMDSCOPE_KERNELS` names) is opened.
//! Without such a folder the checks are skipped.

use std::collections::BTreeSet;

use std::path::PathBuf;

use pmdscope_guest::kernel::{Base, Cache, Kernel, KernelFile, PackageKind, SegmentKind, SymbolKind};
use pmdscope_needs::kernels;

#[test]
fn real_kernels_open_and_say_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(folder.path());
    let mut ids = BTreeSet::new();
    let mut in_elf = 0;
    for path in kernels(&[]) {
        let opened = KernelFile::open(&path, Some(&cache)).unwrap();
        assert!(opened.notes.is_empty(), "{:?}", opened.notes);
        let kernel = &opened.kernel;
        let name = path.display();
        // Names of RPM packages have no version.
        if let Some(package) = kernel.package.as_ref().filter(|package| package.kind == PackageKind::Deb) {
            assert!(package.name.contains(&kernel.release.text), "{name}");
            assert!(package.kernel.contains(&kernel.release.text), "{name}");
            // The banner has the distribution's version.
            assert!(kernel.release.banner.contains(&package.version), "{name}");
        }
        assert_ne!(kernel.flat.base, Base::Default, "{name}");
        assert!(kernel.flat.whole, "{name}");
        let kernels = kernel.flat.segments.iter().filter(|segment| segment.kind == SegmentKind::Kernel);
        assert!(kernels.map(|segment| segment.size).sum::<u64>() > 16 << 20, "{name}");
        if let Some(types) = kernel.types() {
            let types = types.unwrap();
            assert_eq!(types.size("page").unwrap(), 64, "{name}");
            assert_eq!(types.enumerator(Some("pageflags"), "PG_locked").unwrap(), Some(0), "{name}");
            let split = types.function("__split_huge_pmd").unwrap();
            assert!(split.is_none_or(|split| split.parameters.len() >= 4), "{name}");
        }
        let id = kernel.build_id.as_deref().expect("distributions' kernels have one");
        assert_eq!((id.len(), ids.insert(id.to_owned())), (40, true), "{name}: no two builds share one");
        // Where the kernel is an ELF file, it says where its own notes are.
        if let Some(notes) = kernel.flat.sections.iter().find(|section| section.name == ".notes") {
            let notes = kernel.flat.read(notes.address, notes.size as usize).unwrap();
            let hex: String = notes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(hex.contains(id), "{name}");
            in_elf += 1;
        }
        let again = KernelFile::open(&path, Some(&cache)).unwrap();
        assert!(again.cached, "{name}");
        assert_eq!(&again.kernel, kernel, "{name}");
        let loaded = Kernel::open(&path, Some(&cache)).unwrap();
        let split = loaded.symbol("__split_huge_pmd").unwrap();
        assert_eq!(loaded.symbol_at(split), Some(("__split_huge_pmd", 0)), "{name}");
        assert!(kernel.flat.read(split, 16).is_some_and(|code| code != [0; 16]), "{name}");
        // The split copies nothing to a process. What copies from one is named differently by each architecture.
        // Debian's arm64 kernels up to 6.1 have no symbol of that table.
        let handled = loaded.handles_fault_at(split);
        assert_eq!(handled.is_none(), loaded.symbol("__start___ex_table").is_none(), "{name}");
        assert_ne!(handled, Some(true), "{name}");
        let copies = ["__arch_copy_from_user", "__asm_copy_from_user", "copy_user_generic_unrolled"]
            .into_iter()
            .chain([
                "rep_movs_alternative",
                "__copy_tofrom_user",
                "__copy_tofrom_user_base",
                "raw_copy_from_user",
            ])
            .find_map(|copies| loaded.symbol(copies));
        if let Some(copies) = copies.filter(|_| handled.is_some()) {
            let handled = (copies..copies + 0x200).filter(|pc| loaded.handles_fault_at(*pc) == Some(true));
            assert!(handled.count() > 0, "{name}: {copies:#x}");
        }
        std::fs::remove_dir_all(folder.path()).unwrap();
    }
    // Those of x86_64 and ppc64le are.
    assert!(ids.len() < 5 || in_elf > 0, "no notes were found where an ELF file says");
}

/// Debian's 6.1 for s390x: what its relocations are against are its only symbols of variables.
#[test]
fn a_kernel_whose_variables_are_named_by_its_relocations() {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("linux-image-6.1.") && name.contains("s390x")
    };
    for path in kernels(&[]).iter().filter(|path| is_it(path)) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        // From its file, and from the cache.
        for _ in 0..2 {
            let kernel = Kernel::open(path, Some(&cache)).unwrap();
            assert!(kernel.notes().is_empty(), "{:?}", kernel.notes());
            let flat = &kernel.file().flat;
            assert_eq!((flat.base, flat.address()), (Base::Relocations, 0x10_0000));
            let number = |address| {
                let bytes = flat.read(address, 8).unwrap();
                u64::from_be_bytes(*bytes.first_chunk().unwrap())
            };
            let symbol = |name| kernel.symbol(name).unwrap();
            assert_eq!(symbol("_text"), flat.address());
            assert_eq!(symbol("_end"), flat.address() + flat.segments[0].size);
            for name in ["vmemmap", "contig_page_data", "init_mm", "mem_section", "nr_cpu_ids"] {
                let address = symbol(name);
                assert!((symbol("_text")..symbol("_end")).contains(&address), "{name}");
            }
            // The only structure whose size is known from elsewhere.
            let init_mm = flat.symbols.iter().find(|symbol| symbol.name == "init_mm").unwrap();
            assert_eq!((init_mm.kind, Some(init_mm.size)), (SymbolKind::Object, kernel.size("mm_struct")));
            // Filled in by a relocation against a symbol.
            let pgd = symbol("init_mm") + kernel.offset("mm_struct", "pgd").unwrap();
            assert_eq!(number(pgd), symbol("swapper_pg_dir"));
            // Both tables of symbols agree on each function that both have.
            let functions = flat.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Function);
            let mut checked = 0;
            for function in functions {
                assert_eq!(kernel.symbol(&function.name), Some(function.address), "{}", function.name);
                let (_, distance) = kernel.symbol_at(function.address).unwrap();
                assert_eq!(distance, 0, "{}", function.name);
                checked += 1;
            }
            assert!(checked > 100);
            let split = symbol("__split_huge_pmd");
            assert_eq!(kernel.symbol_at(split), Some(("__split_huge_pmd", 0)));
            assert_eq!(kernel.symbol_at(split + 2), Some(("__split_huge_pmd", 2)));
            // brcl 0, which is where tracing is patched in, at the start of each function.
            assert_eq!(flat.read(split, 2), Some(&[0xc0, 0x04][..]));
            // Each, also those that have the name of a variable.
            let functions = kernel.functions();
            assert!(functions.contains(&"__split_huge_pmd") && functions.contains(&"event_function"));
            for name in functions {
                assert_eq!(kernel.symbol_at(symbol(name)).map(|found| found.1), Some(0), "{name}");
            }
            assert_eq!(kernel.offset("task_struct", "mm"), Some(0x6f8));
        }
    }
}
