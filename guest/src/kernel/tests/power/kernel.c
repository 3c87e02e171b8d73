/* What guest/src/kernel/tests/power.rs reads: a kernel by its banner, with functions of both calling conventions. */
const char linux_banner[] = "Linux version 6.12.1-ppc64 (builder@example) #1\n";
int variable = 5;
int get_page(int x) { return x + variable; }
int pmdp_invalidate(int x) { return get_page(x) * 3; }
static int helper(int x) { return x ^ variable; }
int (*pointer)(int) = helper;
void _start(void) { pmdp_invalidate(1); pointer(2); }
/* Assembly names its code only. */
asm(".text\n.globl .in_assembly\n.type .in_assembly, @function\n.in_assembly: blr\n");
