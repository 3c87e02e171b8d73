# mm/pgtable-generic.c: pmdp_invalidate() loads and stores, and no longer exchanges. Written for Linux 7.2.
/^pmd_t pmdp_invalidate(/,/^}/ {
    /= pmdp_establish(/c\
	pmd_t old = *pmdp;\
\
	set_pmd_at(vma->vm_mm, address, pmdp, pmd_mkinvalid(old));
}
