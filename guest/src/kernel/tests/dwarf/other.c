/* Another unit, which makes the file a kernel by its banner, whose `struct twice` is larger, and which has `struct page` too. */
struct spinlock { int pad; int value; };
typedef struct spinlock spinlock_t;
struct page {
	long flags;
	union {
		struct { long first; long second; };
		long other;
	};
	long bits : 3;
	spinlock_t lock;
	long tail[3];
};
struct twice { long member; long more; };
const char linux_banner[] = "Linux version 6.12.1-dwarf (builder@example) #1\n";
struct page page_;
struct twice other_twice_;
void _start(void) {}
