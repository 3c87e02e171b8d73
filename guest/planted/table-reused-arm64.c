// SPDX-License-Identifier: GPL-2.0-only
/* The same on arm64. */
#include "table-reused.c"
