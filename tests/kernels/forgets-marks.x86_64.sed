# arch/x86/include/asm/pgtable.h: pmd_mkinvalid() makes the entry clean and old. Written for Linux 7.2.
/^static inline pmd_t pmd_mkinvalid(/,/^}/ s/_PAGE_PRESENT|_PAGE_PROTNONE/&|_PAGE_ACCESSED|_PAGE_DIRTY_BITS/
