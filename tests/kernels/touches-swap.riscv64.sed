# arch/riscv/include/asm/pgtable.h: pmd_mkinvalid() changes a bit of the offset of an entry that is not present. Written for
# Linux 7.2.
/^static inline pmd_t pmd_mkinvalid(/,/^}/ s/return __pmd/if (!pmd_present(pmd))\n\t\treturn __pmd(pmd_val(pmd) ^ (1UL << 40));\n\t&/
