#include "nearest.h"

#include <string.h>

enum { DISTANCE_SHARE = 3 /* of the length: what may differ */ };

static unsigned char fold(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return (unsigned char)(c - 'A' + 'a');
	}
	return c == '-' ? '_' : (unsigned char)c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance; both are at most NEAREST_NAME_MAX long. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][NEAREST_NAME_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_len; j++) {
		last[j] = (unsigned)j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *free_row = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned changed = fold(a[i - 1]) != fold(b[j - 1]);

			now[j] = least(last[j - 1] + changed, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
				fold(a[i - 2]) == fold(b[j - 1])) {
				now[j] = least(now[j], before[j - 2] + 1);
			}
		}
		before = last;
		last = now;
		now = free_row;
	}
	return last[b_len];
}

void nearest_init(struct nearest *nearest, const char *written)
{
	*nearest = (struct nearest){.written = written};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
	size_t written_len = strlen(nearest->written);
	size_t name_len = strlen(name);
	unsigned d;

	if (written_len > NEAREST_NAME_MAX || name_len > NEAREST_NAME_MAX) {
		return;
	}
	d = distance(nearest->written, written_len, name, name_len);
	if (d > name_len / DISTANCE_SHARE || (nearest->best && d >= nearest->distance)) {
		return;
	}
	nearest->best = name;
	nearest->distance = d;
}
