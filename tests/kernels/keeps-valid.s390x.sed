# arch/s390/include/asm/pgtable.h: pmdp_invalidate() leaves the entry valid. Written for Linux 7.2.
/^static inline pmd_t pmdp_invalidate(/,/^}/ { /_SEGMENT_ENTRY_INVALID/d; }
