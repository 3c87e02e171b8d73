# mm/madvise.c: the page walk of MADV_COLD does not take the lock of a huge mapping. Written for Linux 7.2.
/^static int madvise_cold_or_pageout_pte_range(/,/^regular_folio:/ {
    /ptl = pmd_trans_huge_lock(/,/return 0;/d
    /spin_unlock(ptl);/d
}
