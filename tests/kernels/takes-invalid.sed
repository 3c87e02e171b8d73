# mm/gup.c: GUP-fast asks whether a huge page is writable, and no longer whether its entry is valid. Written for
# Linux 7.2.
/^static int gup_fast_pmd_leaf(/,/^}/ {
    s/!pmd_access_permitted(orig, flags & FOLL_WRITE)/(flags \& FOLL_WRITE) \&\& !pmd_write(orig)/
}
