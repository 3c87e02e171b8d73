//! x
use pmdscope_guest::kernel::*;
use std::time::Instant;
fn main() {
    for path in std::env::args().skip(1) {
        let t = Instant::now();
        let f = match TypesFile::open(std::path::Path::new(&path)) { Ok(f) => f, Err(e) => { println!("{e}"); continue } };
        let opened = t.elapsed();
        let t = Instant::now();
        let ty = &f.types;
        println!("{path} {:?} {:?} opened {opened:?}", f.form, f.build_id);
        for (a, b) in [("page", "flags"), ("page", "_refcount"), ("folio", "_nr_pages"), ("vm_area_struct", "vm_mm"), ("vm_area_struct", "vm_page_prot.pgprot"), ("mm_struct", "pgd"), ("task_struct", "mm"), ("task_struct", "thread_info.preempt_count"), ("page_vma_mapped_walk", "flags"), ("bug_entry", "format_disp"), ("pglist_data", "per_cpu_nodestats"), ("anon_vma", "refcount")] {
            println!("  {a}.{b} {:?}", ty.offset(a, b).map_err(|e| e.to_string()));
        }
        for a in ["page", "mm_struct", "task_struct", "pmd_t", "spinlock_t", "pgprot_t"] { println!("  {a} {:?}", ty.size(a).map_err(|e| e.to_string())); }
        for a in ["PG_locked", "PG_head", "PG_anon_exclusive", "MEMORY_DEVICE_PRIVATE"] { println!("  {a} {:?}", ty.enumerator(None, a).map_err(|e| e.to_string())); }
        for a in ["__split_huge_pmd", "pmdp_invalidate", "get_user_pages_fast"] { println!("  {a} {:?}", ty.function(a).map_err(|e| e.to_string()).map(|p| p.map(|p| (p.returns, p.parameters.into_iter().map(|p| p.type_name).collect::<Vec<_>>())))); }
        println!("  lookups {:?}", t.elapsed());
    }
}
