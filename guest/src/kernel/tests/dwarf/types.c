/* The types of guest/src/kernel/tests/types.rs, for debug information. `make` in the folder builds the files. */
typedef struct { long pad_; } unused_t;

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

enum pageflags { PG_locked, PG_head = 6 };
enum errors { NONE = -1 };
typedef long ten[10];
struct declared;
struct twice { long member; };

struct page *get_page(struct page *page, long count, ...)
{
	return count ? page : (struct page *)0;
}

enum pageflags a_flag;
enum errors an_error;
ten ten_;
struct declared *declared_;
struct twice twice_;
unused_t unused_;
volatile const char *text_;
