/* Another unit, whose `struct twice` is larger, and which has `struct page` too. */
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
struct page page_;
struct twice other_twice_;
void _start(void) {}
