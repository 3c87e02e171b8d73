# mm/huge_memory.c: a change of protection makes a huge mapping clean. Written for Linux 7.2.
/^int change_huge_pmd(/,/^}/ {
    s/pmd_modify(oldpmd, newprot)/pmd_mkclean(pmd_modify(oldpmd, newprot))/
}
