/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a writer, walker or agent can come to, and the checks that decide it. An X macro: define RESULT
 * and CHECK, include this file, and both are undefined again.
 *
 * src/outcome.rs mirrors these lists, and a test holds the two together. Numbers are never reused.
 */
RESULT(1, REFUSED, "refused", "leaves the entry alone and gives up, or goes another and slower way")
RESULT(2, PAGE, "page", "took a reference on a page")
RESULT(3, LEAF, "leaf", "took the entry for a mapping of a huge page, without taking a reference")
RESULT(4, TABLE, "table", "took the entry for a pointer to a page table and goes on there")
RESULT(5, WAIT, "wait", "saw a migration entry and waits for the migration to end")
RESULT(6, FAULT, "fault", "asks for the page to be faulted in")
RESULT(7, RETRY, "retry", "has the access repeated, or starts over")
RESULT(8, OLD, "old", "writer: returned the old entry and concluded nothing from it")
RESULT(9, MAPPED, "mapped", "writer: took the old entry for a mapping of a page")
RESULT(10, MIGRATING, "migrating", "writer: took the old entry for a migration entry")
RESULT(11, UNSPLIT, "unsplit", "writer: found nothing to split and left the entry as it was")
RESULT(12, MARKED, "marked", "agent: used the entry, which is now marked for the access")

CHECK(0, NO_CHECK, "no check", "no check decided it")
CHECK(1, NONE, "none", "pmd_none()")
CHECK(2, PRESENT, "present", "pmd_present()")
CHECK(3, SWAP, "swap", "is_swap_pmd(): neither none nor present")
CHECK(4, MIGRATION, "migration", "is_pmd_migration_entry()")
CHECK(5, DEVICE_PRIVATE, "device-private", "pmd_is_device_private_entry()")
CHECK(6, LEAF, "leaf", "pmd_leaf()")
CHECK(7, TRANS_HUGE, "trans-huge", "pmd_trans_huge()")
CHECK(8, DEVMAP, "devmap", "pmd_devmap()")
CHECK(9, BAD, "bad", "pmd_bad()")
CHECK(10, PROTNONE, "protnone", "pmd_protnone()")
CHECK(11, ACCESS, "access", "pmd_access_permitted()")
CHECK(12, SPECIAL, "special", "pmd_special()")
CHECK(13, GRAB, "grab", "the reference count of the page was zero")
CHECK(14, REREAD, "reread", "whether the entry is still the same after the page was taken")
CHECK(15, WRITE, "write", "a write fault on an entry that is not pmd_write()")
CHECK(16, SET_ACCESSED, "set-accessed", "a fault on a huge page that only has to be marked accessed")
CHECK(17, VALID, "valid", "the MMU does not let the access through by the entry")

#undef RESULT
#undef CHECK
