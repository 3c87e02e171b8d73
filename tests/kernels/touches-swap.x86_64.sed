# arch/x86/include/asm/pgtable.h: pmd_mkinvalid() changes a bit of the offset of an entry that is not present. Written for
# Linux 7.2.
/^static inline pmd_t pmd_mkinvalid(/,/^}/ s/return pfn_pmd/if (!(pmd_flags(pmd) \& (_PAGE_PRESENT|_PAGE_PROTNONE|_PAGE_PSE)))\n\t\treturn __pmd(pmd_val(pmd) ^ (1UL << 40));\n\t&/
