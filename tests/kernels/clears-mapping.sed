# mm/pgtable-generic.c: __pte_offset_map() does not refuse a huge mapping, and so clears it as bad. Written for
# Linux 7.2.
/^pte_t \*__*pte_offset_map(/,/^}/ {
    /pmd_trans_huge(pmdval)/,/goto nomap;/d
}
