# mm/huge_memory.c: madvise_free_huge_pmd() asks before it takes the lock whether the entry is present, and not again.
# Written for Linux 7.2.
/^bool madvise_free_huge_pmd(/,/^}/ {
    /^\tptl = pmd_trans_huge_lock(/i\
	if (!pmd_present(*pmd))\
		return false;
    /!pmd_present(orig_pmd)/,/^\t}$/d
}
