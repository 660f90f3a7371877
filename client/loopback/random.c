#include "client/loopback/random.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>

enum { RANDOM_BYTES = (RANDOM_SIZE - 1) / 2 };

int random_text(char ret[RANDOM_SIZE])
{
	unsigned char bytes[RANDOM_BYTES];

	/* So few bytes come whole, and no signal cuts in. */
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		return -errno;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	}
	return 0;
}
