# arch/x86/include/asm/pgtable.h: pmd_mkinvalid() leaves the entry valid. Written for Linux 7.2.
/^static inline pmd_t pmd_mkinvalid(/,/^}/ s/(_PAGE_PRESENT|_PAGE_PROTNONE)/_PAGE_PROTNONE/
