/*
 * The known name that somebody probably meant when writing one that is not known. It does not know
 * what the names stand for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { NEAREST_NAME_MAX = 64 /* bytes; a longer name is near to none */ };

struct nearest {
	const char *written;
	const char *best; /* the nearest of the names offered so far, NULL: none is near */
	unsigned distance;
};

/* written is borrowed, and so is each name that is offered. */
void nearest_init(struct nearest *nearest, const char *written);

/*
 * Takes name as the best when it is nearer than those before: letters that are missing, too many,
 * changed, or swapped with their neighbour are counted (the case of letters, and - for _, are not),
 * and more than a third of the name is too far.
 */
void nearest_offer(struct nearest *nearest, const char *name);
