# mm/huge_memory.c: the split does not mark the PTEs as soft-dirty, be they mappings or migration entries. Written for
# Linux 7.2.
/^static void __split_huge_pmd_locked(/,/^}/ {
    /^\t*if (soft_dirty)$/,/;$/d
}
